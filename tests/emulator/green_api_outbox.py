"""The queue in which GREEN-API keeps what is to be sent.

Page SendMessage: it takes messages without a linked phone, too, keeps them for 24 hours, and is
emptied at the pace of the setting `delaySendMessagesMilliseconds`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .downloads import CannotDownload
from .green_api_checks import Refused
from .green_api_files import UrlFile
from .model import JsonObject, Kind, Message, Notice, Signal, outgoing_id

if TYPE_CHECKING:
    from .green_api_instance import GreenApiInstance
    from .world import World

# Pages SendMessage and ReceiveNotification: both queues keep things for 24 hours.
QUEUE_SECONDS = 24 * 60 * 60
# Vendor's issue tracker: so many requests for a file before its message has failed.
_FILE_ATTEMPTS = 3


@dataclass(frozen=True)
class Typing:
    """What the other side sees before a message comes, or instead of one."""

    seconds: float
    signal: Signal = Signal.TYPING


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a method wants to be sent."""

    # As showMessagesQueue has it.
    method: str
    body: JsonObject
    chat_id: str
    # None for typing alone.
    kind: Kind | None
    text: str = ""
    quoted_id: str = ""
    details: JsonObject = field(default_factory=dict)
    typing: Typing | None = None
    # A file that could not be had yet.
    url_file: UrlFile | None = None


@dataclass
class _Entry:
    order: Order
    id: str
    message: Message | None
    expires: float


class Outbox:
    """The queue of one instance."""

    def __init__(
        self,
        world: World,
        instance: GreenApiInstance,
        deliver: Callable[[Message], None],
        fail: Callable[[Message, str], None],
    ) -> None:
        """Prepare; `deliver` sends a message, `fail` tells that one cannot be sent, and why."""
        self._world = world
        self._instance = instance
        self._deliver = deliver
        self._fail = fail
        self._entries: deque[_Entry] = deque()
        self._sender: asyncio.Task[None] | None = None

    def put(self, order: Order) -> str:
        """Queue something and return its id."""
        entry_id = outgoing_id()
        message = None
        if order.kind is not None:
            message = Message(
                id=entry_id,
                gateway=self._instance.gateway,
                instance=self._instance.id,
                chat_id=order.chat_id,
                kind=order.kind,
                sender=self._instance.number,
                outgoing=True,
                text=order.text,
                quoted_id=order.quoted_id,
                details=order.details,
            )
            self._instance.journal.note(message)
        expires = self._world.clock.now() + QUEUE_SECONDS
        self._entries.append(_Entry(order, entry_id, message, expires))
        self.go_on()
        return entry_id

    def as_json(self) -> list[JsonObject]:
        """Return what waits, as page ShowMessagesQueue has it."""
        return [
            {"messageID": entry.id, "type": entry.order.method, "body": entry.order.body} for entry in self._entries
        ]

    def clear(self) -> None:
        """Forget what waits (page ClearMessagesQueue)."""
        self._entries.clear()

    def go_on(self) -> None:
        """Send what waits, if it can be sent now."""
        if self._entries and self._can_send() and self._sender is None:
            self._sender = self._world.background.spawn(self._send_all(), f"queue of {self._instance.id}")

    def _can_send(self) -> bool:
        # Not with a yellow card, with which an instance is authorized otherwise.
        return self._instance.state == "authorized"

    async def _send_all(self) -> None:
        """Send in order, at the pace of the settings, while WhatsApp allows it."""
        try:
            while self._entries and self._can_send():
                entry = self._entries[0]
                if entry.expires > self._world.clock.now():
                    await self._prepare(entry)
                if self._is_next(entry):
                    self._entries.popleft()
                    self._finish(entry)
                await self._world.clock.sleep(self._instance.send_delay)
        finally:
            self._sender = None

    def _is_next(self, entry: _Entry) -> bool:
        """Say whether an entry can still go out: much can happen while it is prepared."""
        return self._can_send() and bool(self._entries) and self._entries[0] is entry

    async def _prepare(self, entry: _Entry) -> None:
        if typing := entry.order.typing:
            self._world.phone.notice(
                Notice(
                    gateway=self._instance.gateway,
                    instance=self._instance.id,
                    chat_id=entry.order.chat_id,
                    signal=typing.signal,
                )
            )
            await self._world.clock.sleep(typing.seconds)
        if entry.message is not None and entry.order.url_file is not None:
            entry.message = await self._with_file(entry.message, entry.order.url_file)
            entry.order = replace(entry.order, url_file=None)

    async def _with_file(self, message: Message, file: UrlFile) -> Message | None:
        """Ask for a file again; None if it cannot be had. All behind it has to wait."""
        reason = ""
        for _ in range(_FILE_ATTEMPTS - 1):
            await self._world.clock.sleep(self._instance.options.file_retry_seconds)
            try:
                content = await file.fetch()
            except (CannotDownload, Refused) as error:
                reason = str(error)
                continue
            return replace(message, details=self._world.files.attach(content, file.mime_type, file.name))
        self._fail(message, f"urlError: {reason}")
        return None

    def _finish(self, entry: _Entry) -> None:
        if entry.message is not None and entry.expires > self._world.clock.now():
            self._deliver(entry.message)
