"""What happens in the chats of an account, in words that belong to no vendor. Whatever is private stays out of the repr."""

from dataclasses import dataclass, field
from enum import StrEnum

from .model import Contact, Location


class EventKind(StrEnum):
    """What happened: a message of some kind, something about a message, a call, or how far a message of ours got."""

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
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"

    @property
    def is_receipt(self) -> bool:
        """Whether it tells how far a message got that the account sent."""
        return self in (EventKind.DELIVERED, EventKind.READ, EventKind.FAILED)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who did it: the number (digits) and the opaque id (`…@lid`), either of which may be unknown, and their own name."""

    number: str = field(default="", repr=False)
    lid: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file in a message: `reference` is what the gateway that told of it needs to fetch it, "" if it cannot."""

    mime_type: str
    file_name: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a chat.

    `event_id` is the same whenever the same is told again. `chat_id` is spelled as in address.py: by number where the
    gateway tells it, else as `…@lid`. `message_id` is the message itself, spelled as SentMessage's; `about` is the
    message that is voted on, reacted to, edited, deleted, delivered or read. `text` is the text, caption, question,
    emoji (empty: taken back), or the reason of a failure. `options` are a poll's answers, or those that were chosen.
    `from_me` is what the account's owner did on the phone. `timestamp` is in seconds since 1970.
    """

    kind: EventKind
    event_id: str = field(repr=False)
    chat_id: str = field(repr=False)
    timestamp: float
    sender: Sender = field(default=Sender(), repr=False)
    from_me: bool = False
    message_id: str = field(default="", repr=False)
    about: str = field(default="", repr=False)
    reply_to: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    file: ReceivedFile | None = None
    location: Location | None = None
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a gateway is to send events: an address that nobody can guess, and a secret shared with the gateway."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
