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
    """One question in one chat: a poll where the gateway has them and tells of votes, else a text with numbered answers.

    Of several questions that are open in a chat, a poll is answered by voting in it and a text by replying to it; a
    number that is written without either answers the latest. Where the gateway did not tell the id of a question, nobody
    knows what is voted in or replied to: that answers the latest of which there is no id. What was written before, and
    only came in late, is no answer. `message_id` is None until the gateway took the question, "" if it told no id then.
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
        self.message_id: str | None = None
        self._is_poll = False
        self._asked_at = 0.0
        self._early: list[Event] = []
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def ask(self, text: str, seconds: float) -> Answer | None:
        """Ask, and return the answer; None if there is none in so many seconds. Raises GatewayError."""
        forget = self._coordinator.inbox.watch(self._on_event)
        try:
            self.message_id = await self._coordinator.outbox.send(lambda: self._send(text))
            self._coordinator.async_note_sent(self._chat_id)
            for event in self._early:
                self._on_event(event)
            self._early.clear()
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
        self._is_poll = Capability.SEND_POLL in gateway.capabilities and gateway.tells_votes(
            self._coordinator.receiving.way
        )
        if self._is_poll:
            poll = Poll(text, self._options, multiple=False)
            return (await gateway.send_poll(self._chat_id, poll)).message_id
        lines = [f"{number}. {option}" for number, option in enumerate(self._options, start=1)]
        return (await gateway.send_text(self._chat_id, "\n".join([text, "", *lines]))).message_id

    def _on_event(self, event: Event) -> None:
        """Take an answer. One that refers to a message has to wait until the gateway has told which is the question."""
        if self._answer.done() or self not in self._open or not self._may_answer(event) or self._is_for_another(event):
            return
        index = self._index(event)
        if index is None:
            return
        if self.message_id is None and _refers_to(event):
            self._early.append(event)
        elif self._is_meant(event):
            self._answer.set_result(Answer(self._options[index], index, event.sender, event.message_id))

    def _may_answer(self, event: Event) -> bool:
        if event.from_me or not is_in_chat(event, self._chat_id):
            return False
        if not self._allowed or not event.chat_id.endswith("@g.us"):
            return True
        return bool(self._allowed & {f"{event.sender.number}@c.us", event.sender.lid})

    def _index(self, event: Event) -> int | None:
        """Return which option an event chooses, None if it chooses none."""
        if event.kind is EventKind.POLL_VOTE:
            chosen = [option for option in event.options if option in self._options]
            return self._options.index(chosen[0]) if chosen else None
        if event.kind is not EventKind.TEXT:
            return None
        # An option's own words come before its number: of "0, 1, 2", nobody means the first by 1.
        words = _plain(event.text)
        numbers = [str(number) for number, _ in enumerate(self._options, start=1)]
        for spelled in ([_plain(option) for option in self._options], numbers):
            if words in spelled:
                return spelled.index(words)
        return None

    def _is_meant(self, event: Event) -> bool:
        """Whether an event answers this question: it refers to it, or this is the latest of those that it may answer."""
        if self.message_id and _refers_to(event):
            return _refers_to(event) == self.message_id
        return [question for question in self._questions if question.may_be_meant(event)][-1:] == [self]

    def may_be_meant(self, event: Event) -> bool:
        """Whether an event may answer this question without naming it by an id that is known."""
        if self.message_id and _refers_to(event):
            return False
        if event.kind is EventKind.POLL_VOTE and not self._is_poll:
            return False
        return event.timestamp > self._asked_at - _CLOCKS

    def _is_for_another(self, event: Event) -> bool:
        others = [question for question in self._questions if question is not self]
        return any(question.message_id == _refers_to(event) != "" for question in others)

    @property
    def _questions(self) -> list[Question]:
        """All that are open in the chat, the latest last."""
        return [question for question in self._open if isinstance(question, Question)]


def _refers_to(event: Event) -> str:
    """Return the id of the message that is voted in or replied to."""
    return event.about or event.reply_to


def _plain(text: str) -> str:
    """Return words as they are compared: "1.", "2)" and "YES." are answers too."""
    return text.strip().rstrip(".) ").casefold()
