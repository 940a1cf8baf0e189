"""Remembers the messages and votes of late, because Evolution API does not say well which message an event is about.

Receipts may name an opaque id in place of the number that the message went to; edits come with the key that the author
has for the message, with the account as the chat (issue 1367 of Evolution API); quotes have nothing but WhatsApp's own
id. That one is always told, and is the same to everybody.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
import time

from .events import Event, Sender
from .evolution_keys import whatsapp_id

# A message can be edited for 15 minutes; receipts of those that went to a phone that is off may come days later.
_SIZE = 2000


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """Our id for a message, where it is and who wrote it; `sent` is what went out through the API."""

    message_id: str = field(repr=False)
    chat_id: str = field(repr=False)
    sender: Sender = field(default=Sender(), repr=False)
    from_me: bool = True
    sent: bool = True


class Memory:
    """What one instance has seen."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._messages: OrderedDict[str, KnownMessage] = OrderedDict()
        self._votes: OrderedDict[tuple[str, str], tuple[tuple[str, ...], str]] = OrderedDict()

    def find(self, whatsapp_id: str) -> KnownMessage | None:
        """Return a message by WhatsApp's id."""
        return self._messages.get(whatsapp_id)

    def note_sent(self, message_id: str, chat_id: str) -> None:
        """Take note of a message that went out through the API; without an id there is nothing to note."""
        if message_id:
            _keep(self._messages, whatsapp_id(message_id), KnownMessage(message_id, chat_id))

    def note_told(self, whatsapp_id: str, event: Event) -> None:
        """Take note of a message that an event told of. Who gives theirs the id of another one changes nothing."""
        if whatsapp_id in self._messages:
            return
        message = KnownMessage(event.message_id, event.chat_id, event.sender, event.from_me, sent=False)
        _keep(self._messages, whatsapp_id, message)

    def vote_id(self, poll: str, voter: str, options: tuple[str, ...], message: str = "") -> str:
        """Return the id of a vote's event: the same until the voter chooses something else.

        Some versions tell of a vote twice, as a `message` and as an update of the poll, which has no id of its own.
        """
        last_options, event_id = self._votes.get((poll, voter), (None, ""))
        if last_options != options:
            event_id = message or f"{poll} vote {time.monotonic_ns()}"
            _keep(self._votes, (poll, voter), (options, event_id))
        return event_id


def _keep[K, V](memory: OrderedDict[K, V], key: K, value: V) -> None:
    """Put something in as the newest, and forget the oldest."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _SIZE:
        memory.popitem(last=False)
