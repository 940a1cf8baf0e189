"""How the errors of the ground floor are said in Home Assistant.

The key of an error stands in the translations twice: in `config.error` for the forms of a flow, in `exceptions`
for actions and updates.
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
    QuotaExceeded,
    RateLimited,
    Refused,
    Unsupported,
    WrongState,
)
from .gateways.model import SessionState

_KEYS: dict[type[GatewayError], str] = {
    CannotReach: "cannot_connect",
    InstanceNotFound: "instance_not_found",
    InvalidAnswer: "invalid_answer",
    InvalidCredentials: "invalid_auth",
    QuotaExceeded: "quota_exceeded",
    RateLimited: "rate_limited",
    Refused: "refused",
    Unsupported: "unsupported",
    WrongState: "wrong_state",
}


def error_key(error: GatewayError) -> str:
    """Return the translation key of an error."""
    if isinstance(error, WrongState) and error.state is SessionState.BLOCKED:
        return "instance_banned"
    return _KEYS.get(type(error), "unknown")


def error_placeholders(error: GatewayError, gateway_name: str) -> dict[str, str]:
    """Return what the translated text of any error may name."""
    return {"gateway": gateway_name, "reason": str(error)}


@contextmanager
def action_errors(hass: HomeAssistant, entry: ConfigEntry, gateway_name: str) -> Generator[None]:
    """Turn what a gateway raises in an action into an error that the user can read."""
    try:
        yield
    except GatewayError as error:
        if isinstance(error, InvalidCredentials):
            entry.async_start_reauth(hass)
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=error_key(error),
            translation_placeholders=error_placeholders(error, gateway_name),
        ) from error
