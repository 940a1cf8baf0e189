"""What is in a message, as WAHA shows it: the fields of WAHA, and in `_data` what the engine itself has.

Facts are from the vendor's OpenAPI description (WAMessage) and the page receive-messages. The words in `_data` are
those of the libraries that the engines are made of: WhatsApp Web (WEBJS), Baileys (NOWEB) and whatsmeow (GOWS), of
which the last two have WhatsApp's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

from .events import EventKind, ReceivedFile
from .model import Contact, Location
from .vcard import contact_in

MEDIA = frozenset(
    {
        EventKind.IMAGE,
        EventKind.VIDEO,
        EventKind.AUDIO,
        EventKind.VOICE,
        EventKind.DOCUMENT,
        EventKind.STICKER,
    }
)

# The types of WEBJS. All others are the housekeeping of groups and the like.
_TYPES = {
    "chat": EventKind.TEXT,
    "buttons_response": EventKind.TEXT,
    "list": EventKind.TEXT,
    "list_response": EventKind.TEXT,
    "template_button_reply": EventKind.TEXT,
    "interactive": EventKind.TEXT,
    "image": EventKind.IMAGE,
    "video": EventKind.VIDEO,
    "ptv": EventKind.VIDEO,
    "audio": EventKind.AUDIO,
    "ptt": EventKind.VOICE,
    "document": EventKind.DOCUMENT,
    "sticker": EventKind.STICKER,
    "location": EventKind.LOCATION,
    "live_location": EventKind.LOCATION,
    "vcard": EventKind.CONTACT,
    "multi_vcard": EventKind.CONTACT,
    "poll_creation": EventKind.POLL,
}
# The fields of WhatsApp's own messages. A text may be there without anything being in it.
_FIELDS = {
    "imageMessage": EventKind.IMAGE,
    "videoMessage": EventKind.VIDEO,
    "ptvMessage": EventKind.VIDEO,
    "audioMessage": EventKind.AUDIO,
    "documentMessage": EventKind.DOCUMENT,
    "stickerMessage": EventKind.STICKER,
    "locationMessage": EventKind.LOCATION,
    "liveLocationMessage": EventKind.LOCATION,
    "contactMessage": EventKind.CONTACT,
    "contactsArrayMessage": EventKind.CONTACT,
    "pollCreationMessage": EventKind.POLL,
    "pollCreationMessageV2": EventKind.POLL,
    "pollCreationMessageV3": EventKind.POLL,
    "pollCreationMessageV5": EventKind.POLL,
    "extendedTextMessage": EventKind.TEXT,
    "buttonsResponseMessage": EventKind.TEXT,
    "listResponseMessage": EventKind.TEXT,
    "templateButtonReplyMessage": EventKind.TEXT,
    "interactiveResponseMessage": EventKind.TEXT,
    "buttonsMessage": EventKind.TEXT,
    "listMessage": EventKind.TEXT,
    "templateMessage": EventKind.TEXT,
    "interactiveMessage": EventKind.TEXT,
    "conversation": EventKind.TEXT,
}
# What a type of file begins with, where nothing else tells what a message is.
# WhatsApp's own pictures are never WebP, and its own sound is Ogg only if it was recorded there.
_MIME_TYPES = {
    "image/webp": EventKind.STICKER,
    "image/": EventKind.IMAGE,
    "video/": EventKind.VIDEO,
    "audio/ogg": EventKind.VOICE,
    "audio/": EventKind.AUDIO,
}
_ANY_FILE = "application/octet-stream"
# Messages may be wrapped in others: one that disappears, or that is seen once.
_MAX_WRAPPERS = 5


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a message."""

    kind: EventKind
    text: str = ""
    options: tuple[str, ...] = ()
    file: ReceivedFile | None = None
    location: Location | None = None
    contact: Contact | None = None


def text_in(content: Any, *names: str) -> str:
    """Return the first of some fields that is a text with something in it; "" if there is none."""
    if isinstance(content, dict):
        for name in names:
            value = content.get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def texts_in(values: Any) -> tuple[str, ...]:
    """Return those of some values that are texts with something in them; none if it is no list of values."""
    if not isinstance(values, list):
        return ()
    return tuple(value for value in values if isinstance(value, str) and value)


def id_in(content: Any) -> str:
    """Return the id of a message or chat, which with WEBJS may be an object; "" if there is none."""
    return text_in(content, "id") or text_in(object_in(content, "id"), "_serialized")


def object_in(content: Any, *names: str) -> Mapping[str, Any]:
    """Return the first of some fields that is an object; an empty one if there is none."""
    if isinstance(content, dict):
        for name in names:
            value = content.get(name)
            if isinstance(value, dict):
                return value
    return {}


def content_of(payload: Mapping[str, Any]) -> Content | None:
    """Return what is in a message; None for what is no message to anybody."""
    raw = object_in(payload, "_data")
    kind, part = _kind_of(payload, raw)
    if kind is None:
        return None
    text = text_in(payload, "body")
    if kind in MEDIA:
        return Content(kind, text, file=_file_in(payload, raw, part))
    if kind is EventKind.LOCATION:
        location = _location_in(payload, part)
        return Content(kind, location=location) if location else None
    if kind is EventKind.CONTACT:
        return Content(kind, contact=_contact_in(payload, part))
    if kind is EventKind.POLL:
        question = text_in(part, "name") or text_in(raw, "pollName") or text
        return Content(kind, question, options=_options_in(raw, part))
    # A text without a word is what is left of kinds that WAHA does not know itself.
    return Content(kind, text) if text else None


def _kind_of(payload: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[EventKind | None, Mapping[str, Any]]:
    """Return what a message is, and the part of WhatsApp's own message that tells it."""
    if word := text_in(raw, "type"):
        return _TYPES.get(word), {}
    content = _unwrapped(object_in(raw, "message", "Message"))
    for name, kind in _FIELDS.items():
        if content.get(name):
            part = object_in(content, name)
            is_voice = kind is EventKind.AUDIO and (part.get("ptt") or part.get("PTT"))
            return EventKind.VOICE if is_voice else kind, part
    return (None if content else _kind_by_fields(payload)), {}


def _unwrapped(content: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_MAX_WRAPPERS):
        inner = next(filter(None, (object_in(part, "message") for part in content.values())), None)
        if inner is None:
            break
        content = inner
    return content


def _kind_by_fields(payload: Mapping[str, Any]) -> EventKind | None:
    """Return what a message is where the engine's own is not shown."""
    if object_in(payload, "location"):
        return EventKind.LOCATION
    if payload.get("vCards"):
        return EventKind.CONTACT
    if payload.get("hasMedia") is True:
        mime_type = text_in(payload.get("media"), "mimetype")
        return next((kind for start, kind in _MIME_TYPES.items() if mime_type.startswith(start)), EventKind.DOCUMENT)
    return EventKind.TEXT


def _file_in(payload: Mapping[str, Any], raw: Mapping[str, Any], part: Mapping[str, Any]) -> ReceivedFile:
    """Page receive-messages: without an address it was not fetched from WhatsApp, as the server is set up."""
    media = object_in(payload, "media")
    mime_type = text_in(media, "mimetype") or text_in(part, "mimetype") or text_in(raw, "mimetype") or _ANY_FILE
    name = text_in(media, "filename") or text_in(part, "fileName") or text_in(raw, "filename")
    return ReceivedFile(mime_type, name, text_in(media, "url"))


def _location_in(payload: Mapping[str, Any], part: Mapping[str, Any]) -> Location | None:
    """Return the place; in WAHA's own field the degrees are text, and WEBJS may have the name as a description."""
    told = object_in(payload, "location")
    latitude = _degrees(told.get("latitude", part.get("degreesLatitude")), 90)
    longitude = _degrees(told.get("longitude", part.get("degreesLongitude")), 180)
    if latitude is None or longitude is None:
        return None
    name = text_in(told, "name", "description") or text_in(part, "name")
    return Location(latitude, longitude, name, text_in(told, "address") or text_in(part, "address"))


def _degrees(value: Any, largest: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        degrees = float(value)
    except ValueError, OverflowError:
        return None
    return degrees if math.isfinite(degrees) and abs(degrees) <= largest else None


def _contact_in(payload: Mapping[str, Any], part: Mapping[str, Any]) -> Contact:
    """Return the first of the contacts."""
    card = next(iter(texts_in(payload.get("vCards"))), "")
    contacts = part.get("contacts")
    shown = next((each for each in contacts if isinstance(each, dict)), {}) if isinstance(contacts, list) else part
    return contact_in(card or text_in(shown, "vcard") or text_in(payload, "body"), text_in(shown, "displayName"))


def _options_in(raw: Mapping[str, Any], part: Mapping[str, Any]) -> tuple[str, ...]:
    options = part.get("options") or raw.get("pollOptions")
    if not isinstance(options, list):
        return ()
    return tuple(filter(None, (text_in(option, "optionName", "name") for option in options)))
