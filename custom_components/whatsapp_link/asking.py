"""Asks somebody a question and waits for the answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
import time

from .coordinator import WhatsAppLinkCoordinator
from .gateways.capability import Capability
from .gateways.events import Event, EventKind, Sender
from .gateways.model import Poll
from .inbox import is_in_chat

# So many seconds the clocks may differ, of this machine and of those that say when something was written.
_CLOCKS = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody chose: the option, its place from 0, and who it was."""

    option: str = field(repr=False)
    index: int
    sender: Sender = field(repr=False)
    message_id: str = field(repr=False)


class Question:
    """One question in one chat: a poll where the gateway has them, else a text with numbered answers.

    Of several questions that are open in a chat, a poll is answered by voting in it and a text by replying to it; a
    number that is written without either answers the latest. What was written before, and only came in late, is no
    answer.
    """

    def __init__(
        self, coordinator: WhatsAppLinkCoordinator, chat_id: str, options: Sequence[str], allowed: Sequence[str]
    ) -> None:
        """Take where to ask, the options, and the chat ids of those who may answer in a group; all if there are none."""
        self._coordinator = coordinator
        self._chat_id = chat_id
        self._open = coordinator.mailbox.open_questions.setdefault(chat_id, [])
        self._options = tuple(options)
        self._allowed = frozenset(allowed)
        self._message_id = ""
        self._asked_at = 0.0
        self._early: list[Event] = []
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def ask(self, text: str, seconds: float) -> Answer | None:
        """Ask, and return the answer; None if there is none in so many seconds. Raises GatewayError."""
        forget = self._coordinator.inbox.watch(self._on_event)
        try:
            self._message_id = await self._coordinator.outbox.send(lambda: self._send(text))
            self._coordinator.async_note_sent(self._chat_id)
            for event in self._early:
                self._consider(event)
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            return None
        finally:
            forget()
            if self in self._open:
                self._open.remove(self)

    async def _send(self, text: str) -> str:
        # Not before it is its turn: what is written while others are sent does not answer it.
        self._asked_at = time.time()
        if self not in self._open:
            self._open.append(self)
        gateway = self._coordinator.gateway
        if Capability.SEND_POLL in gateway.capabilities:
            poll = Poll(text, self._options, multiple=False)
            return (await gateway.send_poll(self._chat_id, poll)).message_id
        lines = [f"{number}. {option}" for number, option in enumerate(self._options, start=1)]
        return (await gateway.send_text(self._chat_id, "\n".join([text, "", *lines]))).message_id

    def _on_event(self, event: Event) -> None:
        # The answer may be here before the gateway has told the id of the question, which it may refer to.
        if self._message_id or not (event.about or event.reply_to):
            self._consider(event)
        else:
            self._early.append(event)

    def _consider(self, event: Event) -> None:
        if self._answer.done() or event.from_me or not is_in_chat(event, self._chat_id) or not self._may_answer(event):
            return
        index = self._index(event)
        if index is not None:
            self._answer.set_result(Answer(self._options[index], index, event.sender, event.message_id))

    def _may_answer(self, event: Event) -> bool:
        if not self._allowed or not event.chat_id.endswith("@g.us"):
            return True
        return bool(self._allowed & {f"{event.sender.number}@c.us", event.sender.lid})

    def _index(self, event: Event) -> int | None:
        """Return which option an event chooses, if it is an answer to this question."""
        if event.kind is EventKind.POLL_VOTE:
            chosen = [option for option in event.options if option in self._options]
            return self._options.index(chosen[0]) if event.about == self._message_id and chosen else None
        if event.kind is not EventKind.TEXT or not self._is_meant(event):
            return None
        # An option's own words come before its number: of "0, 1, 2", nobody means the first by 1.
        words = _plain(event.text)
        numbers = [str(number) for number, _ in enumerate(self._options, start=1)]
        for spelled in ([_plain(option) for option in self._options], numbers):
            if words in spelled:
                return spelled.index(words)
        return None

    def _is_meant(self, event: Event) -> bool:
        if event.reply_to:
            return event.reply_to == self._message_id
        return self._open[-1:] == [self] and event.timestamp > self._asked_at - _CLOCKS


def _plain(text: str) -> str:
    """Return words as they are compared: "1.", "2)" and "YES." are answers too."""
    return text.strip().rstrip(".) ").casefold()
