"""How the errors of the ground floor are said in Home Assistant.

The key of an error stands in the translations twice: in `config.error` for the forms of a flow, unless none of them
does what it is about, and in `exceptions` for actions and updates.
"""

from collections.abc import Generator
from contextlib import contextmanager

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    NotOnWhatsApp,
    QuotaExceeded,
    RateLimited,
    Refused,
    Unsupported,
    WebhookTaken,
    WrongState,
)
from .gateways.model import SessionState
from .issues import async_report_recipient

_KEYS: dict[type[GatewayError], str] = {
    CannotReach: "cannot_connect",
    InstanceNotFound: "instance_not_found",
    InvalidAnswer: "invalid_answer",
    InvalidCredentials: "invalid_auth",
    NotOnWhatsApp: "not_on_whatsapp",
    QuotaExceeded: "quota_exceeded",
    RateLimited: "rate_limited",
    Refused: "refused",
    Unsupported: "unsupported",
    WebhookTaken: "webhook_taken",
    WrongState: "wrong_state",
}

# The states of a session in which the user can do something, or has to wait for something.
_KEYS_OF_STATES = {
    SessionState.BLOCKED: "instance_banned",
    SessionState.FAILED: "session_failed",
    SessionState.LINKED: "session_linked",
    SessionState.PASSKEY_REQUIRED: "session_passkey_required",
    SessionState.STARTING: "session_starting",
    SessionState.STOPPED: "session_stopped",
    SessionState.UNLINKED: "session_unlinked",
}


def error_key(error: GatewayError) -> str:
    """Return the translation key of an error."""
    if isinstance(error, WrongState) and error.state in _KEYS_OF_STATES:
        return _KEYS_OF_STATES[error.state]
    return _KEYS.get(type(error), "unknown")


def error_placeholders(error: GatewayError, gateway_name: str) -> dict[str, str]:
    """Return what the translated text of any error may name."""
    return {"gateway": gateway_name, "reason": str(error)}


@contextmanager
def action_errors(hass: HomeAssistant, entry: ConfigEntry, gateway_name: str, *, chat_id: str = "") -> Generator[None]:
    """Turn what a gateway raises in an action into an error that the user can read.

    If the action is for a chat of a recipient that is no longer on WhatsApp, that becomes an issue.
    """
    try:
        yield
    except GatewayError as error:
        if isinstance(error, InvalidCredentials):
            entry.async_start_reauth(hass)
        if isinstance(error, NotOnWhatsApp):
            async_report_recipient(hass, entry, chat_id, is_gone=True)
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=f"cannot_{error.what}" if isinstance(error, Unsupported) else error_key(error),
            translation_placeholders=error_placeholders(error, gateway_name),
        ) from error
