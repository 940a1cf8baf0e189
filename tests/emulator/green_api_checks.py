"""What GREEN-API has to say about the bodies of requests.

The texts are those of its validation library, as the pages of the documentation quote
them under errors: "Validation failed. Details: 'chatId' is required" and so on.
"""

from http import HTTPStatus
import re

from .green_api_settings import YES_NO_SETTINGS
from .model import JsonObject

_CHAT_ID = re.compile(r"\d+@c\.us|\d+(-\d+)?@g\.us|\d+@lid")
_DIGITS = re.compile(r"\d+")
_MIN_PHONE_DIGITS = 11
_MAX_PHONE_DIGITS = 16
# Page SendMessage; page EditMessage has the same.
LONGEST_MESSAGE = 20_000
_TEXT_SETTINGS = ("webhookUrl", "webhookUrlToken", "proxyInstance", "avatarInfoWebhook")
_FLAG_SETTINGS = ("linkPreview", "enableLidMode")
# Page SetSettings; older versions of it allowed more.
_DELAY_RANGE = (500, 600_000)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        """Refuse with this message."""
        super().__init__(message)
        self.status = status


def internal_error() -> Refused:
    """Return what comes where the vendor's server breaks down."""
    return Refused("Internal server error", HTTPStatus.INTERNAL_SERVER_ERROR)


def invalid(details: str) -> Refused:
    """Return a refusal in the words of the validation."""
    return Refused(f"Validation failed. Details: {details}")


def text_in(body: JsonObject, name: str, longest: int | None = None) -> str:
    """Return a text that has to be there."""
    if name not in body:
        raise invalid(f"'{name}' is required")
    value = body[name]
    if not isinstance(value, str):
        raise invalid(f"'{name}' must be a string")
    if not value:
        raise invalid(f"'{name}' is not allowed to be empty")
    if longest is not None and len(value) > longest:
        raise invalid(f"'{name}' length must be less than or equal to {longest} characters long")
    return value


def optional_text_in(body: JsonObject, name: str) -> str:
    """Return a text, "" if it is not there."""
    return text_in(body, name) if name in body else ""


def free_text_in(body: JsonObject, name: str, longest: int | None = None) -> str:
    """Return a text that may be missing or empty."""
    return text_in(body, name, longest) if body.get(name, "") != "" else ""


def flag_in(body: JsonObject, name: str, default: bool = False) -> bool:
    """Return a flag, which may be missing."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise invalid(f"'{name}' must be a boolean")
    return value


def choice_in(body: JsonObject, name: str, choices: tuple[str, ...]) -> str:
    """Return one of a few words, "" if it is not there."""
    if name not in body:
        return ""
    if body[name] not in choices:
        wanted = ", ".join(choices)
        raise invalid(f"'{name}' must be one of [{wanted}]" if len(choices) > 1 else f"'{name}' must be [{wanted}]")
    return str(body[name])


def decimal_in(body: JsonObject, name: str) -> float:
    """Return a number that has to be there."""
    if name not in body:
        raise invalid(f"'{name}' is required")
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"'{name}' must be a number")
    return float(value)


def number_in(body: JsonObject, name: str) -> str:
    """Return a phone number that came as a number, with plus sign."""
    if name not in body:
        raise invalid(f"'{name}' is required")
    number = body[name]
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        raise invalid(f"'{name}' must be a number")
    return f"+{number}"


def object_in(body: JsonObject, name: str) -> JsonObject:
    """Return an object that has to be there, its keys as the vendor calls them in errors."""
    if name not in body:
        raise invalid(f"'{name}' is required")
    value = body[name]
    if not isinstance(value, dict):
        raise invalid(f"'{name}' must be of type object")
    return {f"{name}.{key}": inner for key, inner in value.items()}


def chat_id_in(body: JsonObject) -> str:
    """Return the chat that a message is for."""
    chat_id = text_in(body, "chatId")
    if not _CHAT_ID.fullmatch(chat_id):
        raise invalid("'chatId' must be one of the next formats: 'phone_number@c.us' or 'group_id@g.us'")
    return chat_id


def pairing_number_in(body: JsonObject) -> str:
    """Return the number that a pairing code is asked for (page GetAuthorizationCode)."""
    return number_in(body, "phoneNumber")


def check_number(body: JsonObject) -> str:
    """Return the number or lid to be looked up (page CheckWhatsapp).

    How long a number may be is said of `phoneNumber` only, which is deprecated.
    """
    if "chatId" not in body and "phoneNumber" not in body:
        raise invalid("'value' must have at least 1 key")
    if "chatId" in body:
        chat_id = text_in(body, "chatId")
        digits = chat_id.removesuffix("@c.us")
        if not _DIGITS.fullmatch(digits):
            return chat_id_in(body)
        return f"+{digits}"
    digits = str(body["phoneNumber"])
    if not _DIGITS.fullmatch(digits):
        raise invalid("Wrong format. 'phoneNumber' must contain only digits")
    if not _MIN_PHONE_DIGITS <= len(digits) <= _MAX_PHONE_DIGITS:
        raise Refused("bad phone number, valid from 11 to 16 digits")
    return f"+{digits}"


def check_settings(body: JsonObject) -> JsonObject:
    """Return settings that can be saved (page SetSettings)."""
    if not body:
        raise invalid("'value' must have at least 1 key")
    for name, value in body.items():
        if name in YES_NO_SETTINGS:
            _check_yes_no(name, value)
        elif name in _TEXT_SETTINGS:
            if not isinstance(value, str):
                raise invalid(f"'{name}' must be a string")
        elif name in _FLAG_SETTINGS:
            if not isinstance(value, bool):
                raise invalid(f"'{name}' must be a boolean")
        elif name == "delaySendMessagesMilliseconds":
            check_range(name, value, *_DELAY_RANGE)
        elif name == "autoTyping":
            check_range(name, value, 0, _DELAY_RANGE[1])
        else:
            raise invalid(f"'{name}' is not allowed")
    return body


def _check_yes_no(name: str, value: object) -> None:
    if value not in ("yes", "no"):
        raise invalid(f"'{name}' must be one of [yes, no]")


def check_range(name: str, value: object, lowest: int, highest: int) -> None:
    """Refuse what is no whole number, or none between these."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"'{name}' must be a number")
    if value < lowest:
        raise invalid(f"'{name}' must be greater than or equal to {lowest}")
    if value > highest:
        raise invalid(f"'{name}' must be less than or equal to {highest}")
