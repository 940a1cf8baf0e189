"""What Wasend has to say about requests: its refusals, and reading bodies and queries.

Of the refusals, only statuses and a few descriptions are documented (vendor docs, page
Get QR Code). Field errors are worded as the validation of WAHA's framework does.
"""

from collections.abc import Callable
from http import HTTPStatus
import json
import re

from aiohttp import web

from .model import JsonObject
from .wasend_instance import Order, WasendInstance

# Vendor SDK.
_NUMBER = re.compile(r"\+[1-9]\d{1,14}")
# Vendor SDK, messages: a number, or the id of a group.
_GROUP = re.compile(r"\d[\d-]*@g\.us")
# Vendor SDK, the example of a reaction. In a group, WAHA adds who wrote it.
_MESSAGE_ID = re.compile(r"(?:true|false)_(?P<chat>[\d-]+@(?:c\.us|g\.us|lid|newsletter))_[^_]+(?:_[^_]+)?")
_DIGITS = re.compile(r"[1-9]\d{1,14}")

_END_OF_TIME = 2**63

# Vendor docs, page Get QR Code.
SESSION_NOT_FOUND = "Session not found"
_ALREADY_CONNECTED = "Session is already connected"
# WAHA, whose answers show through.
_NOT_AS_EXPECTED = "Session status is not as expected. Try again later or restart the session"
_FAILED = "The session under FAILED status. Please try to restart it."
_SEND_FAILED = "server returned error 400"


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, status: HTTPStatus, message: str = "") -> None:
        """Refuse; without a message, the one that the status always has."""
        super().__init__(message)
        self.status = status


def bad(message: str) -> Refused:
    """Return a refusal of something in body or query."""
    return Refused(HTTPStatus.BAD_REQUEST, message)


# The state of the session


def check_offers_code(instance: WasendInstance) -> None:
    """Refuse to show a QR code once there is nothing to scan for.

    What comes before there is a code is not documented; it is WAHA's answer here.
    """
    if instance.working:
        raise Refused(HTTPStatus.CONFLICT, _ALREADY_CONNECTED)
    if instance.engine_status != "SCAN_QR_CODE":
        raise _wrong_state(instance)


def check_working(instance: WasendInstance) -> None:
    """Refuse what needs WhatsApp itself."""
    if not instance.working:
        raise _wrong_state(instance)


def check_sends(instance: WasendInstance) -> None:
    """Refuse to send, if the engine cannot or WhatsApp restricts the account."""
    check_working(instance)
    if instance.options.sends_fail or instance.limited:
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, _SEND_FAILED)


def _wrong_state(instance: WasendInstance) -> Refused:
    failed = instance.engine_status == "FAILED"
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, _FAILED if failed else _NOT_AS_EXPECTED)


# Bodies


async def json_body(request: web.Request) -> JsonObject:
    """Read a body; one that is not announced as JSON is not looked at."""
    raw = await request.read()
    if not raw or request.content_type != "application/json":
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad(f"{error} is not valid JSON") from error
    if not isinstance(body, dict):
        raise bad("The body must be an object")
    return body


def text_in(body: JsonObject, name: str) -> str:
    """Return a text that has to be there."""
    value = body.get(name)
    if value is None or value == "":
        raise bad(f"{name} should not be empty")
    if not isinstance(value, str):
        raise bad(f"{name} must be a string")
    return value


def optional_text_in(body: JsonObject, name: str) -> str:
    """Return a text, "" if it is not there."""
    return text_in(body, name) if body.get(name) is not None else ""


def text_or_empty_in(body: JsonObject, name: str) -> str:
    """Return a text that has to be there, although it may be empty."""
    return "" if body.get(name) == "" else text_in(body, name)


def message_id_in(body: JsonObject) -> tuple[str, str]:
    """Return the id of a message, and the chat that it is in by that id."""
    message_id = text_in(body, "messageId")
    if (found := _MESSAGE_ID.fullmatch(message_id)) is None:
        raise bad("messageId must be an id like false_111@c.us_AAA")
    return message_id, found["chat"]


def _flag_in(body: JsonObject, name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise bad(f"{name} must be a boolean value")
    return value


def recipient_in(body: JsonObject) -> str:
    """Return whom a message is for: a number with plus sign, or a group."""
    to = text_in(body, "to")
    if not _NUMBER.fullmatch(to) and not _GROUP.fullmatch(to):
        raise bad("to must be a phone number in E.164 format or a group JID")
    return to


def order_in(body: JsonObject) -> Order:
    """Return what the new session is to be like (vendor SDK, sessions)."""
    name = text_in(body, "sessionName")
    number = text_in(body, "phoneNumber")
    if not _NUMBER.fullmatch(number):
        raise bad("phoneNumber must be a phone number in E.164 format")
    webhook = _flag_in(body, "enableWebhook")
    if webhook and not body.get("webhookUrl"):
        raise bad("webhookUrl is required when enableWebhook is true")
    webhook_url = text_in(body, "webhookUrl") if webhook else ""
    if webhook and not webhook_url.startswith(("http://", "https://")):
        raise bad("webhookUrl must be a URL address")
    return Order(
        name=name,
        phone_number=number,
        account_protection=_flag_in(body, "enableAccountProtection"),
        message_logging=_flag_in(body, "enableMessageLogging"),
        webhook_url=webhook_url,
    )


# Queries


def query_in(request: web.Request, name: str) -> str:
    """Return a text from the query that has to be there."""
    return text_in(dict(request.query), name)


def phone_in(request: web.Request) -> str:
    """Return the number to look up, which comes without plus sign (vendor SDK, contacts)."""
    digits = query_in(request, "phone")
    if not _DIGITS.fullmatch(digits):
        raise bad("phone must contain digits only")
    return f"+{digits}"


def count_in(request: web.Request, name: str, default: int | None) -> int:
    """Return a whole number from the query; required, unless there is a default."""
    given = request.query.get(name)
    if given is None and default is not None:
        return default
    if given is None or not given.isdecimal():
        raise bad(f"{name} must be an integer number")
    return int(given)


def message_filter_in(request: web.Request) -> Callable[[JsonObject], bool]:
    """Return what says whether a message of a chat was asked for (vendor SDK, chats)."""
    since = count_in(request, "filter.timestamp.gte", 0)
    until = count_in(request, "filter.timestamp.lte", _END_OF_TIME)
    from_me = request.query.get("filter.fromMe")
    if from_me not in (None, "true", "false"):
        raise bad("filter.fromMe must be a boolean value")

    def wanted(message: JsonObject) -> bool:
        right_side = from_me is None or message["fromMe"] is (from_me == "true")
        return right_side and since <= message["timestamp"] <= until

    return wanted


def sorting_in(request: web.Request, choices: tuple[str, ...]) -> tuple[str, bool]:
    """Return the field to sort by, "" for none, and whether from the end."""
    field = request.query.get("sortBy", "")
    if field and field not in choices:
        raise bad(f"sortBy must be one of the following values: {', '.join(choices)}")
    order = request.query.get("sortOrder", "asc")
    if order not in ("asc", "desc"):
        raise bad("sortOrder must be one of the following values: asc, desc")
    return field, order == "desc"
