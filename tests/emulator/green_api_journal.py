"""What GREEN-API remembers of an instance's messages: whose they are, and which are unread."""

from collections import defaultdict
from dataclasses import dataclass

from .clock import Clock
from .model import Kind, Message

# Page EditMessage.
EDIT_SECONDS = 15 * 60
# Page DeleteMessage: later than that, it is deleted for the sender only.
DELETE_SECONDS = 72 * 60 * 60
# Vendor docs, FAQ on read messages: so many for each request at the most.
_READ_AT_ONCE = 100


@dataclass(frozen=True)
class _Entry:
    message: Message
    # When it went out; None while it waits, and for what came in.
    sent_at: float | None = None


class Journal:
    """The messages of one instance, by their ids."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._unread: defaultdict[str, list[str]] = defaultdict(list)
        self._readable: set[str] = set()

    def note(self, message: Message) -> None:
        """Keep a message that came in, or that waits to be sent."""
        self._entries[message.id] = _Entry(message)

    def note_sent(self, message: Message) -> None:
        """Keep a message that has just gone out."""
        self._entries[message.id] = _Entry(message, self._clock.now())

    def note_readable(self, message: Message) -> None:
        """Keep that a message is unread.

        Page ReadChat: what came in while `incomingWebhook` was off can never be marked as read.
        """
        self._unread[message.chat_id].append(message.id)
        self._readable.add(message.id)

    def is_in_chat(self, message_id: str, chat_id: str) -> bool:
        """Say whether a message is known, and in this chat."""
        entry = self._entries.get(message_id)
        return entry is not None and entry.message.chat_id == chat_id

    def can_edit(self, message_id: str, chat_id: str) -> bool:
        """Say whether WhatsApp takes a new text: for a text sent by API, for 15 minutes."""
        entry = self._entries.get(message_id)
        if entry is None or entry.sent_at is None or not self.is_in_chat(message_id, chat_id):
            return False
        return entry.message.kind is Kind.TEXT and self._clock.now() - entry.sent_at <= EDIT_SECONDS

    def can_delete_for_all(self, message_id: str) -> bool:
        """Say whether others lose the message, too.

        What is not known here may have been written on the phone itself, so WhatsApp is asked.
        """
        entry = self._entries.get(message_id)
        if entry is None:
            return True
        return entry.sent_at is not None and self._clock.now() - entry.sent_at <= DELETE_SECONDS

    def knows_as_readable(self, message_id: str) -> bool:
        """Say whether a message can be, or has been, marked as read."""
        return message_id in self._readable

    def read(self, chat_id: str, up_to: str = "") -> list[str]:
        """Mark messages of a chat as read, all or up to one, and return those that were not."""
        unread = self._unread[chat_id]
        if up_to:
            count = unread.index(up_to) + 1 if up_to in unread else 0
        else:
            count = len(unread)
        count = min(count, _READ_AT_ONCE)
        read, self._unread[chat_id] = unread[:count], unread[count:]
        return read
