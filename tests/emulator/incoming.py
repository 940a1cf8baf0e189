"""Reading the body of `POST /phone/messages`: what somebody writes to an instance."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
import re

from .files import FileStore
from .model import MEDIA_KINDS, JsonObject, Kind, Message
from .qr import plain_png
from .world import World

_GROUP = re.compile(r"\d[\d-]*@g\.us")
_CHAT = re.compile(r"\d[\d-]*@(c\.us|g\.us|lid|newsletter)")
_NUMBER = re.compile(r"\+?\d{5,16}")
_DEFAULT_NAMES = {
    Kind.IMAGE: ("picture.png", "image/png"),
    Kind.VIDEO: ("clip.mp4", "video/mp4"),
    Kind.AUDIO: ("song.mp3", "audio/mpeg"),
    Kind.VOICE: ("voice.ogg", "audio/ogg; codecs=opus"),
    Kind.DOCUMENT: ("manual.pdf", "application/pdf"),
    Kind.STICKER: ("sticker.webp", "image/webp"),
}
_CALL_STATES = ("offer", "pickUp", "hangUp", "missed", "declined")


class BadBody(Exception):
    """The body of a request to a control route makes no sense."""


@dataclass
class Content:
    """What is in the message."""

    kind: Kind
    text: str = ""
    details: JsonObject = field(default_factory=dict)


def text_in(body: JsonObject, name: str, default: str | None = None) -> str:
    """Return a string from a body; required, unless there is a default."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        msg = f"{name!r} must be a text"
        raise BadBody(msg)
    return value


def object_in(body: JsonObject, name: str) -> JsonObject:
    """Return an object from a body; empty, if it is not there."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        msg = f"{name!r} must be an object"
        raise BadBody(msg)
    return value


def number_in(body: JsonObject, name: str) -> str:
    """Return a phone number from a body."""
    value = text_in(body, name)
    if not _NUMBER.fullmatch(value):
        msg = f"{name!r} must be a phone number like +13035550142"
        raise BadBody(msg)
    return value


def group_in(body: JsonObject, name: str) -> str | None:
    """Return a group's chat id from a body, None if it is not there."""
    if name not in body:
        return None
    value = text_in(body, name)
    if not _GROUP.fullmatch(value):
        msg = f"{name!r} must be a group like 120363000000000142@g.us"
        raise BadBody(msg)
    return value


def _chat_in(body: JsonObject) -> str:
    """Return the chat that the owner of the account writes to."""
    value = text_in(body, "chat")
    if not _CHAT.fullmatch(value):
        msg = "'chat' must be like 13035550142@c.us or 120363000000000142@g.us"
        raise BadBody(msg)
    return value


def write_message(world: World, body: JsonObject) -> tuple[Message, bool]:
    """Have somebody write what the body describes; with `own`, the account's owner on the phone.

    Returns the message and whether the gateway noticed it.

    Raises:
        BadBody: With a sentence for the sender.
        PhoneError: There is no such instance.

    """
    content = read_content(body, world.files, world.url)
    if body.get("own") is True:
        return world.phone.write_own(
            text_in(body, "instance"),
            _chat_in(body),
            content.text,
            kind=content.kind,
            quoted_id=text_in(body, "quoted_id", ""),
            details=content.details,
        )
    return world.phone.write(
        text_in(body, "instance"),
        number_in(body, "from"),
        content.text,
        kind=content.kind,
        chat_id=group_in(body, "chat"),
        sender_name=text_in(body, "name") if "name" in body else None,
        quoted_id=text_in(body, "quoted_id", ""),
        details=content.details,
    )


def read_content(body: JsonObject, files: FileStore, url: str) -> Content:
    """Return what is in the message; `url` is where the file store can be reached."""
    choices = ("media", *_READERS)
    given = [name for name in choices if name in body]
    if len(given) != 1:
        msg = f"Exactly one of these is needed: {', '.join(choices)}"
        raise BadBody(msg)
    if given[0] == "media":
        return _media(object_in(body, "media"), files, url)
    return _READERS[given[0]](body)


def _media(media: JsonObject, files: FileStore, url: str) -> Content:
    kind = text_in(media, "kind", Kind.IMAGE)
    if kind not in MEDIA_KINDS:
        msg = f"'kind' must be one of {', '.join(sorted(MEDIA_KINDS))}"
        raise BadBody(msg)
    kind = Kind(kind)
    default_name, default_type = _DEFAULT_NAMES[kind]
    name = text_in(media, "file_name", default_name)
    mime_type = text_in(media, "mime_type", default_type)
    try:
        content = base64.b64decode(text_in(media, "data", ""), validate=True)
    except binascii.Error as error:
        msg = "'data' must be base64"
        raise BadBody(msg) from error
    path = files.add(content or plain_png("seagreen"), mime_type, name)
    return Content(
        kind,
        text_in(media, "caption", ""),
        {"url": url + path, "file_name": name, "mime_type": mime_type},
    )


def _text(body: JsonObject) -> Content:
    return Content(Kind.TEXT, text_in(body, "text"))


def _location(body: JsonObject) -> Content:
    location = object_in(body, "location")
    place: JsonObject = {
        "name": text_in(location, "name", ""),
        "address": text_in(location, "address", ""),
    }
    for name in ("latitude", "longitude"):
        value = location.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            msg = f"{name!r} must be a number"
            raise BadBody(msg)
        place[name] = value
    return Content(Kind.LOCATION, details=place)


def _contact(body: JsonObject) -> Content:
    contact = object_in(body, "contact")
    details = {
        "name": text_in(contact, "name"),
        "number": number_in(contact, "number"),
    }
    return Content(Kind.CONTACT, details=details)


def _reaction(body: JsonObject) -> Content:
    reaction = object_in(body, "reaction")
    details = {"message_id": text_in(reaction, "message_id")}
    # An empty emoji takes the reaction back.
    return Content(Kind.REACTION, text_in(reaction, "emoji", ""), details)


def _options(content: JsonObject) -> list[str]:
    options = content.get("options")
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        msg = "'options' must be a list of texts"
        raise BadBody(msg)
    return options


def _poll(body: JsonObject) -> Content:
    poll = object_in(body, "poll")
    details: JsonObject = {
        "options": _options(poll),
        "multiple": bool(poll.get("multiple", False)),
    }
    return Content(Kind.POLL, text_in(poll, "name"), details)


def _poll_vote(body: JsonObject) -> Content:
    vote = object_in(body, "poll_vote")
    details: JsonObject = {
        "message_id": text_in(vote, "message_id"),
        "options": _options(vote),
    }
    return Content(Kind.POLL_VOTE, text_in(vote, "name", ""), details)


def _call(body: JsonObject) -> Content:
    state = text_in(object_in(body, "call"), "status", "offer")
    if state not in _CALL_STATES:
        msg = f"'status' must be one of {', '.join(_CALL_STATES)}"
        raise BadBody(msg)
    return Content(Kind.CALL, details={"status": state})


def _edited(body: JsonObject) -> Content:
    edited = object_in(body, "edited")
    details = {"message_id": text_in(edited, "message_id")}
    return Content(Kind.EDITED, text_in(edited, "text"), details)


def _deleted(body: JsonObject) -> Content:
    deleted = object_in(body, "deleted")
    details = {"message_id": text_in(deleted, "message_id")}
    return Content(Kind.DELETED, details=details)


# The key in the body says what the message is. Media are apart: they need a file store.
_READERS: dict[str, Callable[[JsonObject], Content]] = {
    "text": _text,
    "location": _location,
    "contact": _contact,
    "reaction": _reaction,
    "poll": _poll,
    "poll_vote": _poll_vote,
    "call": _call,
    "edited": _edited,
    "deleted": _deleted,
}
