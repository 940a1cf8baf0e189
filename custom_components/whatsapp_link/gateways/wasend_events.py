"""Messages as Wasend lists them (ChatWAMessage in the vendor's client library), put into WAHA's shape."""

from collections.abc import Mapping
from typing import Any

from .waha_contents import text_in

# Where it has another word for a type than the engine underneath.
_TYPES = {"text": "chat", "poll": "poll_creation"}


def as_waha(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message in the shape that waha_events.py reads; what has that shape already, stays as it is."""
    if "chatId" not in message:
        return dict(message)
    word = text_in(message, "type")
    return {
        **message,
        "body": text_in(message, "body", "caption"),
        "media": {
            "url": text_in(message, "mediaUrl"),
            "mimetype": text_in(message, "mimetype"),
            "filename": text_in(message, "filename"),
        },
        "replyTo": {"id": text_in(message, "quotedMsgId")},
        "_data": {"type": _TYPES.get(word, word)},
    }
