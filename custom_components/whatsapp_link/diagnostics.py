"""What a user may attach to a bug report: nothing personal in it."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import async_get_integration

from .const import (
    CONF_BASE_URL,
    CONF_GAP,
    CONF_GATEWAY,
    CONF_HIDE_TEXT,
    CONF_LISTED,
    CONF_OWN_MESSAGES,
    CONF_RECEIVING,
    CONF_SENDERS,
    CONF_WEBHOOK,
    DOMAIN,
    SUBENTRY_RECIPIENT,
)
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator

_OPTIONS = (CONF_RECEIVING, CONF_SENDERS, CONF_OWN_MESSAGES, CONF_HIDE_TEXT, CONF_GAP)


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> dict[str, Any]:
    """Return what helps to find a fault.

    It is put together from what is harmless, instead of taking everything and striking out what is not: a field
    that comes later is left out until somebody has thought about it.
    """
    coordinator = entry.runtime_data
    gateway = coordinator.gateway
    base_url = entry.data[CONF_BASE_URL]
    integration = await async_get_integration(hass, DOMAIN)
    return {
        "version": str(integration.version),
        "entry_version": f"{entry.version}.{entry.minor_version}",
        CONF_GATEWAY: {
            "key": gateway.key,
            CONF_BASE_URL: base_url if base_url == gateway.default_base_url else REDACTED,
            "is_local": gateway.is_local,
            "capabilities": sorted(gateway.capabilities),
            "features": sorted(gateway.features),
            "pace": asdict(gateway.pace),
        },
        "options": {
            **{key: entry.options.get(key) for key in _OPTIONS},
            CONF_LISTED: len(entry.options.get(CONF_LISTED, [])),
        },
        "recipients": len(list(entry.get_subentries_of_type(SUBENTRY_RECIPIENT))),
        "session": _session(coordinator),
        "sending": {"last_sent": coordinator.mailbox.last_sent, "waiting": coordinator.outbox.waiting},
        "receiving": {
            "way": coordinator.receiving.way,
            "has_webhook": CONF_WEBHOOK in entry.data,
            "last_received": coordinator.mailbox.last_received,
            "events": dict(coordinator.inbox.kinds),
            "messages_from_strangers": coordinator.inbox.strangers,
            "rejected_calls": coordinator.inbox.rejected,
        },
        "issues": _issues(hass, entry),
    }


def _session(coordinator: WhatsAppLinkCoordinator) -> dict[str, Any]:
    # The text of an error may quote the gateway; its key does not.
    error = coordinator.last_exception
    return {
        "state": coordinator.data.state,
        "last_update_success": coordinator.last_update_success,
        "last_error": getattr(error, "translation_key", None) or (type(error).__name__ if error else None),
        "update_interval": str(coordinator.update_interval),
        "pairing_code_offered": coordinator.qr_code is not None,
    }


def _issues(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> list[str]:
    """Return the kinds of what the user is told to see to. Their texts name the instance and people."""
    return sorted(
        issue.translation_key or ""
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active and entry.entry_id in issue_id
    )
