"""What is in a message: WhatsApp's own structure, as Evolution API's library (Baileys) writes it into JSON.

Facts are from Evolution API's published sources; https://doc.evolution-api.com/v2/en/configuration/webhooks names
the events that hold it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .errors import InvalidAnswer
from .events import Event, EventKind, ReceivedFile
from .http import require_object, require_text
from .model import Location
from .vcard import contact_in

# Messages in other messages: what disappears by itself, is shown once, has a caption, was changed, moves.
_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "lottieStickerMessage",
    "pollCreationMessageV4",
)
_MAX_WRAPPERS = 5


def unwrapped(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the innermost message."""
    for _ in range(_MAX_WRAPPERS):
        inner = next((message[name] for name in _WRAPPERS if isinstance(message.get(name), dict)), None)
        if inner is None or not isinstance(inner.get("message"), dict):
            break
        message = inner["message"]
    return message


def read_content(event: Event, message: Mapping[str, Any], reference: str) -> Event | None:
    """Return the event with what is in its message, None for what is of no kind that we know.

    `reference` is for fetching the file, if there is one. Raises InvalidAnswer.
    """
    for name, part in message.items():
        if name in _TEXTS:
            return replace(event, kind=EventKind.TEXT, text=_TEXTS[name](part))
        if name in _FILES:
            return _file(event, _FILES[name], require_object(part), reference)
        if name in _OTHERS:
            return _OTHERS[name](event, require_object(part))
    return None


def context_of(data: Mapping[str, Any], message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a message refers to: it stands beside the message, or in its content."""
    parts = [data, *(part for part in message.values() if isinstance(part, dict))]
    for part in parts:
        if isinstance(part.get("contextInfo"), dict) and part["contextInfo"].get("stanzaId"):
            context: Mapping[str, Any] = part["contextInfo"]
            return context
    return {}


def text_in(part: Mapping[str, Any], key: str) -> str:
    """Return a text, empty if there is none."""
    value = part.get(key)
    return value if isinstance(value, str) else ""


def number_in(value: Any) -> float | None:
    """Return a number: as such, as text, or in two halves of 32 bits, as the library writes what is large."""
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high")
        value = (high << 32) + low % 2**32 if isinstance(low, int) and isinstance(high, int) else None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A whole number can be too large for a float.
    return float(value) if abs(value) < 1e18 else None


def _file(event: Event, kind: EventKind, part: Mapping[str, Any], reference: str) -> Event:
    if kind is EventKind.AUDIO and part.get("ptt") is True:
        kind = EventKind.VOICE
    mime_type = text_in(part, "mimetype").partition(";")[0].strip() or "application/octet-stream"
    file = ReceivedFile(mime_type, text_in(part, "fileName"), reference)
    return replace(event, kind=kind, text=text_in(part, "caption"), file=file)


def _location(event: Event, part: Mapping[str, Any]) -> Event | None:
    latitude, longitude = number_in(part.get("degreesLatitude")), number_in(part.get("degreesLongitude"))
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    location = Location(latitude, longitude, text_in(part, "name"), text_in(part, "address"))
    return replace(event, kind=EventKind.LOCATION, text=text_in(part, "caption"), location=location)


def _contact(event: Event, part: Mapping[str, Any]) -> Event:
    contact = contact_in(text_in(part, "vcard"), text_in(part, "displayName"))
    return replace(event, kind=EventKind.CONTACT, contact=contact)


def _contacts(event: Event, part: Mapping[str, Any]) -> Event | None:
    """Several people at once: there is room for the first."""
    contacts = part.get("contacts")
    return _contact(event, require_object(contacts[0])) if isinstance(contacts, list) and contacts else None


def _poll(event: Event, part: Mapping[str, Any]) -> Event:
    options = part.get("options")
    if not isinstance(options, list):
        raise InvalidAnswer("the poll has no options")
    names = [require_text(require_object(option), "optionName") for option in options]
    return replace(event, kind=EventKind.POLL, text=text_in(part, "name"), options=tuple(names))


def _plain(part: Any) -> str:
    return part if isinstance(part, str) else ""


def _extended(part: Any) -> str:
    return text_in(require_object(part), "text")


_TEXTS: Mapping[str, Callable[[Any], str]] = {"conversation": _plain, "extendedTextMessage": _extended}
_FILES = {
    "imageMessage": EventKind.IMAGE,
    "videoMessage": EventKind.VIDEO,
    "ptvMessage": EventKind.VIDEO,
    "audioMessage": EventKind.AUDIO,
    "documentMessage": EventKind.DOCUMENT,
    "stickerMessage": EventKind.STICKER,
}
_OTHERS: Mapping[str, Callable[[Event, Mapping[str, Any]], Event | None]] = {
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
}
