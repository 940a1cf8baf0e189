"""Links WhatsApp accounts on a gateway to Home Assistant."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .const import CONF_BASE_URL, CONF_CREDENTIALS, CONF_GATEWAY, DOMAIN
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .entity import instance_device
from .gateways import GATEWAYS

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.IMAGE,
    Platform.NOTIFY,
    Platform.SENSOR,
]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup_entry(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> bool:
    """Set up an instance. A session without a phone is no failure: its code is shown."""
    gateway = GATEWAYS[entry.data[CONF_GATEWAY]](
        async_get_clientsession(hass),
        entry.data[CONF_BASE_URL],
        entry.data[CONF_CREDENTIALS],
    )
    coordinator = WhatsAppLinkCoordinator(hass, entry, gateway)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator

    # The devices of the recipients refer to it, and their platform may be the first to be set up.
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, **instance_device(entry))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> bool:
    """Unload an instance."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def _async_reload(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> None:
    """Load the entry anew when a recipient came or went."""
    await hass.config_entries.async_reload(entry.entry_id)
