"""What Evolution API's database knows of an instance's messages and chats."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
import hashlib

from .clock import Clock
from .model import Kind, Message


def row_id(*parts: str) -> str:
    """Return the id of a row in the database, always the same for the same row."""
    return "cm" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:23]


def iso_time(moment: datetime | None = None) -> str:
    """Return a time, the present if none is given, as JavaScript writes it into JSON."""
    written = (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


@dataclass
class StoredMessage:
    """A message, and what became of it."""

    message: Message
    # By the clock of the vendors, which tells how old it is.
    at: float
    # Oldest first; a message that is merely on its way has none.
    statuses: list[str] = field(default_factory=list)


@dataclass
class StoredChat:
    """A chat that has messages."""

    chat_id: str
    last: StoredMessage
    unread: int = 0


class MessageStore:
    """The messages of one instance, oldest first."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self.messages: list[StoredMessage] = []
        self._chats: dict[str, StoredChat] = {}

    @property
    def chats(self) -> list[StoredChat]:
        """Return the chats, the one with the newest message first."""
        return list(reversed(self._chats.values()))

    def find(self, message_id: str) -> StoredMessage | None:
        """Return a message by its id."""
        return next((each for each in self.messages if each.message.id == message_id), None)

    def add(self, message: Message) -> StoredMessage:
        """Keep a message that was sent or received."""
        stored = StoredMessage(message, self._clock.now())
        self.messages.append(stored)
        before = self._chats.pop(message.chat_id, None)
        unread = (before.unread if before else 0) + (not message.outgoing)
        self._chats[message.chat_id] = StoredChat(message.chat_id, stored, unread)
        return stored

    def take_in(self, message: Message) -> None:
        """Keep what was written on a phone. Of calls, events tell, the database does not."""
        if message.kind is not Kind.CALL and not self._change(message):
            self.add(message).statuses.append("SERVER_ACK" if message.outgoing else "DELIVERY_ACK")

    def put_out(self, message: Message) -> None:
        """Keep what the account writes itself."""
        if not self._change(message):
            self.add(message)

    def age(self, stored: StoredMessage) -> float:
        """Return how many vendor seconds ago a message was kept."""
        return self._clock.now() - stored.at

    def mark_read(self, message_id: str) -> None:
        """Note that the account has read a message of somebody else."""
        stored = self.find(message_id)
        if stored is None or stored.message.outgoing or "READ" in stored.statuses:
            return
        stored.statuses.append("READ")
        self._chats[stored.message.chat_id].unread -= 1

    def _change(self, message: Message) -> bool:
        """Apply an edit or a deletion to what is there already; say whether it is one."""
        about = self.find(str(message.details.get("message_id", "")))
        match message.kind:
            case Kind.EDITED:
                if about is not None:
                    about.message = replace(about.message, text=message.text)
                    about.statuses.append("EDITED")
            case Kind.DELETED:
                if about is not None:
                    about.statuses.append("DELETED")
            case _:
                return False
        return True
