"""Links WhatsApp accounts on a gateway to Home Assistant."""

from contextlib import suppress
from datetime import datetime, timedelta

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator, make_gateway
from .entity import instance_device, recipient_identity
from .gateways.capability import Capability
from .gateways.errors import GatewayError
from .gateways.gateway import Gateway
from .issues import Issue, async_delete_all_issues, async_forget_recipients, async_has_issue, async_report_version
from .mailbox import async_forget_mailbox
from .received import ReceivedFileView
from .services import async_setup_services
from .webhook import async_close_webhook, async_remove_webhook

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.NOTIFY,
    Platform.SENSOR,
]
_LOOK_WHILE_TOO_OLD = timedelta(hours=1)
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, what hands out files, and what tidies up; they are there also while no instance is."""
    async_setup_services(hass)
    hass.http.register_view(ReceivedFileView())

    @callback
    def forget_disabled(_change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Let nothing be left of an instance that is disabled, which it may be without ever having been set up."""
        if entry.domain == DOMAIN and entry.disabled_by and entry.state is ConfigEntryState.NOT_LOADED:
            async_delete_all_issues(hass, entry)
            async_close_webhook(hass, entry)
            async_forget_mailbox(hass, entry)

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, forget_disabled)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> bool:
    """Set up an instance. A session without a phone is no failure: its code is shown."""
    async_forget_recipients(hass, entry)
    coordinator = WhatsAppLinkCoordinator(hass, entry)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator

    # The devices of the recipients refer to it, and their platform may be the first to be set up.
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, **instance_device(entry))
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    coordinator.receiving.start()
    if Capability.GET_VERSION in coordinator.gateway.capabilities:
        _watch_version(hass, entry, coordinator)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> bool:
    """Unload an instance."""
    await entry.runtime_data.receiving.async_stop()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> None:
    """Leave nothing behind at the gateway that calls an address which is no more."""
    async_delete_all_issues(hass, entry)
    async_forget_mailbox(hass, entry)
    await async_remove_webhook(hass, entry, make_gateway(hass, entry))


@callback
def _watch_version(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry, coordinator: WhatsAppLinkCoordinator) -> None:
    """Look at the version now and whenever the server was away; and now and then as long as it is too old."""
    was_there = True

    @callback
    def look() -> None:
        looking = _async_look_at_version(hass, entry, coordinator.gateway)
        entry.async_create_background_task(hass, looking, f"{DOMAIN} looking at the version")

    @callback
    def look_when_back() -> None:
        nonlocal was_there
        was_away, was_there = not was_there, coordinator.last_update_success
        if was_away and was_there:
            look()

    @callback
    def look_while_too_old(_now: datetime) -> None:
        if async_has_issue(hass, entry, Issue.GATEWAY_TOO_OLD):
            look()

    look()
    entry.async_on_unload(coordinator.async_add_listener(look_when_back))
    # An update may be over before anybody has seen that the server was away.
    entry.async_on_unload(async_track_time_interval(hass, look_while_too_old, _LOOK_WHILE_TOO_OLD))


async def _async_look_at_version(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry, gateway: Gateway) -> None:
    """Ask, and keep nobody waiting: some servers fetch something from the internet before they tell."""
    with suppress(GatewayError):
        async_report_version(hass, entry, await gateway.get_version())


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: WhatsAppLinkConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Return whether the user may delete a device: only what was left behind of a recipient that is gone.

    The instance's own device and those of recipients would be back, without what the user had set for them, as soon
    as the entry is loaded anew. Recipients are removed on the page of the integration, and their devices with them.
    """
    kept = {entry.entry_id, *(recipient_identity(entry, subentry) for subentry in entry.subentries.values())}
    return not any((DOMAIN, identity) in device.identifiers for identity in kept)


async def _async_reload(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> None:
    """Load the entry anew when a recipient came or went."""
    await hass.config_entries.async_reload(entry.entry_id)
