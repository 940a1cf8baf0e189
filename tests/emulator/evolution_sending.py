"""Evolution API's calls under /message that need no file: text, place, contact, poll, reaction.

Lists, buttons, statuses and templates are not there.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
import re

from . import evolution_messages as messages
from .evolution_call import POST, Call, Route
from .evolution_jids import chat_id_of_jid, is_group, jid_from
from .evolution_keys import KEY_FIELDS, is_understood
from .evolution_reach import reachable
from .evolution_refusals import bad
from .evolution_schema import Field, check
from .model import JsonObject, Kind, chat_id_of, digits_of
from .people import GROUPS

NUMBER = Field("number", required=True, description="Invalid format", not_empty=True)
# What every message may have beside its content.
_COMMON = (
    NUMBER,
    Field("delay", "integer", description="Enter a value in milliseconds"),
    Field("quoted", "object"),
    Field("mentionsEveryOne", "boolean"),
    Field(
        "mentioned",
        "array",
        description='"mentioned" must be an array of numeric strings',
        fewest=1,
        item_pattern=r"^\d+",
    ),
    Field("linkPreview", "boolean"),
    Field("encoding", "boolean"),
)
_QUOTED = (Field("key", "object", required=True), Field("message", "object"))
_QUOTED_KEY = (Field("id", required=True, not_empty=True),)
_TEXT = (Field("text", required=True),)
_LOCATION = (
    Field("latitude", "number", required=True),
    Field("longitude", "number", required=True),
    Field("name", required=True),
    Field("address", required=True),
)
_PERSON = (
    Field("fullName", required=True),
    Field("phoneNumber", required=True, fewest=10),
    *(Field(name) for name in ("wuid", "organization", "email", "url")),
)
_CONTACT = (Field("contact", "array", required=True, fewest=1, items="object", fields=_PERSON),)
_POLL = (
    Field("name", required=True),
    Field("selectableCount", "integer", required=True, smallest=0, largest=10),
    Field("values", "array", required=True, fewest=2, most=10, unique=True, items="string"),
)
_REACTION = (Field("key", "object", required=True, fields=KEY_FIELDS), Field("reaction", required=True))

_PICTOGRAPH = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    # In colour, with a tone of skin, as a flag of a region.
    r"\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
)
_FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = r"[0-9#*]\ufe0f?\u20e3"
_EMOJI = re.compile(rf"{_FLAG}|{_KEYCAP}|{_PICTOGRAPH}(\u200d{_PICTOGRAPH})*")


@dataclass(frozen=True)
class Content:
    """What is in a message."""

    kind: Kind
    text: str = ""
    details: JsonObject = field(default_factory=dict)


async def _send_text(call: Call) -> JsonObject:
    check_message(call.body, _TEXT)
    check_text(call.body["text"])
    return await send(call, Content(Kind.TEXT, call.body["text"], _link_preview(call.body)))


async def _send_location(call: Call) -> JsonObject:
    check_message(call.body, _LOCATION)
    body = call.body
    place = {
        "latitude": float(body["latitude"]),
        "longitude": float(body["longitude"]),
        "name": body["name"],
        "address": body["address"],
    }
    return await send(call, Content(Kind.LOCATION, details=place))


async def _send_contact(call: Call) -> JsonObject:
    check_message(call.body, _CONTACT)
    people = [
        {"name": person["fullName"], "number": f"+{digits_of(person['phoneNumber'])}"}
        for person in call.body["contact"]
    ]
    return await send(call, Content(Kind.CONTACT, details={**people[0], "contacts": people}))


async def _send_poll(call: Call) -> JsonObject:
    """Send a poll, in which a count of 1 allows one choice, and 0 any number of them."""
    check_message(call.body, _POLL)
    count = call.body["selectableCount"]
    details: JsonObject = {"options": call.body["values"], "multiple": count != 1}
    if count > 1:
        details["most_choices"] = count
    return await send(call, Content(Kind.POLL, call.body["name"], details))


async def _send_reaction(call: Call) -> JsonObject:
    """React in the chat that the key names; there is no recipient, and nothing else beside it."""
    check(call.body, _REACTION)
    key, emoji = call.body["key"], call.body["reaction"]
    if emoji and not _EMOJI.fullmatch(emoji):
        raise bad("Reaction must be a single emoji or empty string")
    instance = call.instance
    jid = reachable(instance, key["remoteJid"])
    message = instance.compose(chat_id_of_jid(jid), Kind.REACTION, emoji, details={"message_id": key["id"]})
    if is_understood(instance, key):
        await instance.send(message)
    return messages.sent_message(instance, message)


def check_message(body: JsonObject, fields: tuple[Field, ...]) -> None:
    """Refuse a message that lacks what all have, or these fields."""
    check(body, (*_COMMON, *fields))
    if "quoted" in body:
        check(body["quoted"], _QUOTED, "quoted")
        check(body["quoted"]["key"], _QUOTED_KEY, "quoted.key")


def check_text(text: str) -> None:
    """Refuse a text in which there is nothing to see."""
    if not text.strip():
        raise bad("Text is required")


async def send(call: Call, content: Content) -> JsonObject:
    """Send a message to the recipient in the body, with all that comes beside the content."""
    instance = call.instance
    jid = reachable(instance, call.body["number"])
    message = instance.compose(
        chat_id_of_jid(jid),
        content.kind,
        content.text,
        call.body.get("quoted", {}).get("key", {}).get("id", ""),
        content.details | _mentions(call.body, jid),
    )
    if not await instance.send(message, call.body.get("delay", 0) / 1000):
        raise bad("Error: Connection Closed")
    return messages.sent_message(instance, message)


def _link_preview(body: JsonObject) -> JsonObject:
    return {"link_preview": False} if body.get("linkPreview") is False else {}


def _mentions(body: JsonObject, jid: str) -> JsonObject:
    """Return who is mentioned: everybody in the group, or those that are named."""
    if body.get("mentionsEveryOne") and is_group(jid):
        members = [number for group in GROUPS if group.chat_id == jid for number in group.members]
        mentioned = [chat_id_of(number) for number in members]
    else:
        mentioned = [chat_id_of_jid(jid_from(number)) for number in body.get("mentioned", [])]
    return {"mentions": mentioned} if mentioned else {}


ROUTES = tuple(
    Route(POST, f"message/{name}", answer, HTTPStatus.CREATED)
    for name, answer in (
        ("sendText", _send_text),
        ("sendLocation", _send_location),
        ("sendContact", _send_contact),
        ("sendPoll", _send_poll),
        ("sendReaction", _send_reaction),
    )
)
