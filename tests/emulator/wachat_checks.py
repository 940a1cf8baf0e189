"""What Wachat has to say about requests.

Its documentation describes each error in a sentence and shows no body; where there is
such a sentence, it is the text here. Where there is none, the wording is made up.
"""

from http import HTTPStatus
import json
import re

from aiohttp import web

from .model import JsonObject, Kind, chat_id_of

# Vendor docs, page Get QR Image; the first two are on most other pages, too.
MISSING_NAME = "Missing instanceName query parameter."
BAD_KEY = "Missing or invalid API key."
RESTRICTED = "Subscription restriction prevented QR generation."
NOT_FOUND = "Instance not found for this API key."
ONLY_BAILEYS = "QR code is only available for WhatsApp Baileys instances."
_NO_QR = "Failed to fetch or decode the QR code image."
_TIMED_OUT = "Wachat API request timed out."
# Vendor docs, page Delete Instance: 409 if it is still connected, log out first.
STILL_CONNECTED = "Instance is still connected. Log out first."

BAILEYS = "WHATSAPP-BAILEYS"
BUSINESS = "WHATSAPP-BUSINESS"
# Vendor docs, page Create Instance: three more fields are required only for this
# integration. Their names and those of the switches are Evolution API's.
_BUSINESS_FIELDS = ("token", "number", "businessId")
_SWITCHES = ("rejectCall", "groupsIgnore", "alwaysOnline", "readMessages", "readStatus")

# Vendor docs, pages Send a Message and Send Media.
KINDS = {
    "text": Kind.TEXT,
    "image": Kind.IMAGE,
    "video": Kind.VIDEO,
    "document": Kind.DOCUMENT,
    "audio": Kind.AUDIO,
}
# Vendor docs, page Send Text: digits with country code, no plus, no suffix.
_NUMBER = re.compile(r"\d{7,15}")
# Not documented, but the engine takes a group in place of a number.
_GROUP = re.compile(r"\d[\d-]*@g\.us")


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(
        self,
        message: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        details: object = None,
    ) -> None:
        """Refuse with this message, and with what the engine had to say."""
        super().__init__(message)
        self.status = status
        self.details = details


def cannot_send(reason: object) -> Refused:
    """Return the refusal for a message that did not go, with what the engine says of it."""
    msg = "Failed to send message."
    return Refused(msg, details=reason)


def no_code() -> Refused:
    """Return the refusal for having no code to decode, or no engine to fetch it from."""
    return Refused(_NO_QR, HTTPStatus.BAD_GATEWAY)


def too_slow() -> Refused:
    """Return the refusal for an engine that does not answer."""
    return Refused(_TIMED_OUT, HTTPStatus.GATEWAY_TIMEOUT)


async def json_body(request: web.Request) -> JsonObject:
    """Read the body of a POST."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError as error:
        msg = "Invalid JSON body."
        raise Refused(msg) from error
    if not isinstance(body, dict):
        msg = "Invalid JSON body."
        raise Refused(msg)
    return body


def text_in(body: JsonObject, name: str) -> str:
    """Return a text that has to be there."""
    value = body.get(name)
    if value is None or value == "":
        msg = f"Missing required field: {name}."
        raise Refused(msg)
    if not isinstance(value, str):
        msg = f"Field {name} must be a string."
        raise Refused(msg)
    return value


def optional_text_in(body: JsonObject, name: str) -> str:
    """Return a text, "" if it is not there."""
    return "" if body.get(name) in (None, "") else text_in(body, name)


def kind_in(body: JsonObject, allowed: tuple[str, ...]) -> Kind:
    """Return what is to be sent.

    The schema wants `type` where there is no choice, too; a plugin that leaves it out of
    its texts works.
    """
    given = text_in(body, "type") if "type" in body or allowed != ("text",) else "text"
    if given not in allowed:
        msg = f"Field type must be one of: {', '.join(allowed)}."
        raise Refused(msg)
    return KINDS[given]


def chat_id_in(body: JsonObject) -> str:
    """Return the chat that a message is for."""
    number = text_in(body, "number")
    if _GROUP.fullmatch(number):
        return number
    if not _NUMBER.fullmatch(number):
        msg = "Field number must contain digits only, with country code."
        raise Refused(msg)
    return chat_id_of(number)


def delay_in(body: JsonObject) -> float | None:
    """Return the seconds to wait before sending, None where the server chooses."""
    delay = body.get("delay")
    if delay is None:
        return None
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 0:
        msg = "Field delay must be a number of milliseconds."
        raise Refused(msg)
    return delay / 1000


def display_name_in(body: JsonObject) -> str:
    """Return the name of an instance to be made; it ends up in a header."""
    name = text_in(body, "instanceName")
    if not name.isprintable():
        msg = "Field instanceName is invalid."
        raise Refused(msg)
    return name


def number_in(body: JsonObject) -> str | None:
    """Return the number that an instance is made for, None if it was not given."""
    number = optional_text_in(body, "number")
    if number and not _NUMBER.fullmatch(number):
        msg = "Field number must contain digits only, with country code."
        raise Refused(msg)
    return f"+{number}" if number else None


def integration_in(body: JsonObject) -> str:
    """Return the kind of an instance to be made, with all that belongs to it."""
    for name in _SWITCHES:
        if not isinstance(body.get(name, False), bool):
            msg = f"Field {name} must be a boolean."
            raise Refused(msg)
    integration = optional_text_in(body, "integration") or BAILEYS
    if integration not in (BAILEYS, BUSINESS):
        msg = f"Field integration must be one of: {BAILEYS}, {BUSINESS}."
        raise Refused(msg)
    if integration == BUSINESS:
        for name in _BUSINESS_FIELDS:
            text_in(body, name)
    return integration


def positive_in(request: web.Request, name: str, default: int) -> int:
    """Return a number from the query; what makes no sense is taken for the default."""
    given = request.query.get(name, "")
    return int(given) if given.isdecimal() and int(given) > 0 else default
