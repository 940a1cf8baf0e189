"""Finds out what happened by looking: where nothing is told, and where it was told while nobody was connected."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
import math
import time
from typing import Any

from .errors import InvalidAnswer
from .events import Event
from .polling import each_readable
from .waha_contents import id_in, object_in
from .waha_events import MessageIds, address, event_of, seconds
from .waha_shapes import objects_in

LOOK_EVERY = 90.0
"""Seconds between two looks: with one look at the session each minute, that is a hundred requests an hour."""

# Our clock may be ahead of the vendor's by so much. It is looked at only if there is no message to go by.
_SLACK = 60.0
# A message with a file is told when the file has been fetched, which may be so much later than what was written after it.
_LATE = 60.0

# So many messages of a chat are asked for at once, and so many times.
_ON_PAGE = 50
_PAGES = 20

type Message = Mapping[str, Any]
type Messages = Sequence[Message]


@dataclass(frozen=True, slots=True)
class _Last:
    """The last message of a chat: when it was written, its id, and how far it got if it is one of ours."""

    timestamp: float
    message_id: str = ""
    ack: Any = None


class Lookout:
    """Looks at the chats, and at the messages of those whose last message is another than before.

    It begins with what there is at the first look, which is told to nobody.
    """

    def __init__(
        self,
        ids: MessageIds,
        overview: Callable[[], Awaitable[Any]],
        messages: Callable[[str, float, int, int], Awaitable[Any]],
        *,
        max_age: float = math.inf,
    ) -> None:
        """Take the ids that are known, and what asks the gateway.

        `overview` asks for the chats with their last messages, `messages` for those of a chat since a time, where the
        vendor can tell them, how many of them, and how many of the latest to leave out; each message has the shape of
        WAHA's. What is older than `max_age` seconds is no news.
        """
        self._ids = ids
        self._overview = overview
        self._messages = messages
        self._max_age = max_age
        self._seen: dict[str, _Last] | None = None
        self._began = 0.0
        self._told_until = 0.0

    def note(self, event: Event) -> None:
        """Take note of what was told in another way: with what came before it, it is not looked for any more."""
        if event.message_id:
            self._told_until = max(self._told_until, event.timestamp)

    async def watch(self) -> AsyncGenerator[Event]:
        """Look again and again, and yield what is new. Called again, it goes on from where it was."""
        while True:
            async with aclosing(self.look()) as found:
                async for event in found:
                    yield event
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> AsyncGenerator[Event]:
        """Look once, and yield what is new. Raises GatewayError; what was not found is found by the next look."""
        found = {chat_id: last for chat_id, last in _last_messages(await self._overview()) if address(chat_id)}
        if self._seen is None and self._told_until:
            # There was no look before it was told what happens; it goes on from there.
            self._seen, self._began = {}, self._told_until
        if self._seen is None:
            self._seen = {chat_id: _mark(last) for chat_id, last in found.items() if last}
            self._began = max((mark.timestamp for mark in self._seen.values()), default=time.time() - _SLACK)
            return
        chats = [chat for chat in found.items() if chat[1]]
        async with aclosing(each_readable(chats, self._news)) as readable:
            async for (chat_id, last), events in readable:
                for event in events:
                    yield event
                # Only now: what was found counts as told when the next is asked for.
                self._seen[chat_id] = _mark(last)

    async def _news(self, chat: tuple[str, Message]) -> list[Event]:
        """Return what is new in a chat, whose last message is told."""
        chat_id, last = chat
        before, now = (self._seen or {}).get(chat_id, _Last(self._began)), _mark(last)
        if now.message_id == before.message_id or now.timestamp < before.timestamp:
            return list(self._receipts(last)) if now.ack != before.ack else []
        since = max(before.timestamp, self._told_until - _LATE, time.time() - self._max_age)
        if now.timestamp < since:
            return []
        messages = _after(before, await self._all_messages(chat_id, since))
        return list(self._events([message for message in messages if seconds(message.get("timestamp")) >= since]))

    async def _all_messages(self, chat_id: str, since: float) -> Messages:
        """Ask for pages until there is no more since a time; what comes meanwhile moves some to the next page."""
        found: dict[str, Message] = {}
        for page in range(_PAGES):
            messages = objects_in(await self._messages(chat_id, since, _ON_PAGE, page * _ON_PAGE))
            known = len(found)
            found |= {id_in(message): message for message in messages if id_in(message) not in found}
            is_over = any(seconds(message.get("timestamp")) < since for message in messages)
            if is_over or len(messages) < _ON_PAGE or len(found) == known:
                break
        return list(found.values())

    def _events(self, messages: Messages) -> Iterator[Event]:
        for message in messages:
            if event := self._read("message.any", message):
                yield event
            yield from self._receipts(message)

    def _receipts(self, message: Message) -> Iterator[Event]:
        """Yield how far a message got. A list says who wrote it and when, but not who read it and when."""
        told = {**message, "participant": None, "_data": None, "timestamp": None}
        if event := self._read("message.ack", told):
            yield event

    def _read(self, name: str, message: Message) -> Event | None:
        """Return what a message tells. One that makes no sense must not stand in the way of all behind it."""
        try:
            return event_of({"event": name, "payload": message}, self._ids)
        except InvalidAnswer:
            return None


def _last_messages(overview: Any) -> Iterator[tuple[str, Message]]:
    for chat in objects_in(overview):
        yield id_in(chat), object_in(chat, "lastMessage")


def _mark(message: Message) -> _Last:
    return _Last(seconds(message.get("timestamp")), id_in(message), message.get("ack"))


def _after(last: _Last, messages: Messages) -> Messages:
    """Return the messages that came after a certain one, the oldest first.

    Of those of the same second, the list says which came first: it begins with the newest.
    """
    ordered = list(reversed(messages))
    ordered.sort(key=lambda message: seconds(message.get("timestamp")))
    ids = [id_in(message) for message in ordered]
    if last.message_id and last.message_id in ids:
        return ordered[ids.index(last.message_id) + 1 :]
    return [message for message in ordered if seconds(message.get("timestamp")) >= last.timestamp]
