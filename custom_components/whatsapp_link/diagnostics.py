"""What a user may attach to a bug report: nothing personal in it."""

from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant

from .const import CONF_BASE_URL, CONF_GATEWAY, SUBENTRY_RECIPIENT
from .coordinator import WhatsAppLinkConfigEntry


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> dict[str, Any]:
    """Return what helps to find a fault.

    It is put together from what is harmless, instead of taking everything and striking out what is not: a field
    that comes later is left out until somebody has thought about it.
    """
    coordinator = entry.runtime_data
    gateway = coordinator.gateway
    base_url = entry.data[CONF_BASE_URL]
    recipients = list(entry.get_subentries_of_type(SUBENTRY_RECIPIENT))
    return {
        CONF_GATEWAY: gateway.key,
        CONF_BASE_URL: base_url if base_url == gateway.default_base_url else REDACTED,
        "capabilities": sorted(gateway.capabilities),
        "session": coordinator.data.state,
        "last_update_success": coordinator.last_update_success,
        "update_interval": str(coordinator.update_interval),
        "pairing_code_offered": coordinator.qr_code is not None,
        "last_sent": coordinator.last_sent,
        "recipients": len(recipients),
    }
