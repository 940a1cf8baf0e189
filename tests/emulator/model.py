"""What phones exchange, in words that belong to no gateway."""

from dataclasses import dataclass, field
from enum import StrEnum
import secrets
from typing import Any

from .clock import unix_time

type JsonObject = dict[str, Any]


class Kind(StrEnum):
    """What a message is."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    POLL_VOTE = "poll_vote"
    REACTION = "reaction"
    EDITED = "edited"
    DELETED = "deleted"
    CALL = "call"


MEDIA_KINDS = frozenset(
    {
        Kind.IMAGE,
        Kind.VIDEO,
        Kind.AUDIO,
        Kind.VOICE,
        Kind.DOCUMENT,
        Kind.STICKER,
    }
)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message on a phone.

    `chat_id` has WhatsApp's own form, `<digits>@c.us` for a person and `...@g.us` for a
    group, whatever the gateway in between calls it. `details` holds what goes with the
    kind: file, location, contact, options and so on.
    """

    id: str
    gateway: str
    instance: str
    chat_id: str
    kind: Kind
    sender: str
    # Written by the instance's account, not to it.
    outgoing: bool
    sender_name: str = ""
    text: str = ""
    quoted_id: str = ""
    details: JsonObject = field(default_factory=dict)
    timestamp: int = field(default_factory=unix_time)

    @property
    def in_group(self) -> bool:
        """Say whether the chat is a group."""
        return self.chat_id.endswith("@g.us")

    def as_json(self) -> JsonObject:
        """Return the message as the phone's control routes show it."""
        return {
            "id": self.id,
            "gateway": self.gateway,
            "instance": self.instance,
            "chat_id": self.chat_id,
            "kind": self.kind.value,
            "from": self.sender,
            "from_name": self.sender_name,
            "outgoing": self.outgoing,
            "text": self.text,
            "quoted_id": self.quoted_id,
            "details": self.details,
            "timestamp": self.timestamp,
        }


class Signal(StrEnum):
    """What the other side sees of an account without a message being sent."""

    READ = "read"
    TYPING = "typing"
    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A signal in a chat; `message_ids` is empty where it is not about certain messages."""

    gateway: str
    instance: str
    chat_id: str
    signal: Signal
    message_ids: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        """Return the notice as the phone's control routes show it."""
        return {
            "gateway": self.gateway,
            "instance": self.instance,
            "chat_id": self.chat_id,
            "signal": self.signal.value,
            "message_ids": list(self.message_ids),
        }


def incoming_id() -> str:
    """Return an id as phones give it to the messages they send."""
    return secrets.token_hex(16).upper()


def outgoing_id() -> str:
    """Return an id as linked devices give it to the messages they send."""
    return "3EB0" + secrets.token_hex(8).upper()


def chat_id_of(number: str) -> str:
    """Return the chat with the person who has this number."""
    return f"{digits_of(number)}@c.us"


def digits_of(number: str) -> str:
    """Return a number without plus, spaces and punctuation."""
    return "".join(letter for letter in number if letter.isdigit())
