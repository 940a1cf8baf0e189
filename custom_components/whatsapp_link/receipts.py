"""Waits until a message that was sent has come as far as somebody wants to know."""

import asyncio
from enum import StrEnum
from types import TracebackType
from typing import Self

from .gateways.events import Event, EventKind
from .inbox import Inbox


class Reached(StrEnum):
    """How far a message got."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"


class NotDelivered(Exception):
    """WhatsApp gave the message back."""


class Receipts:
    """Collects receipts, as a context that is entered before sending: one may come before the answer to the request."""

    def __init__(self, inbox: Inbox) -> None:
        """Take the inbox they come to."""
        self._inbox = inbox
        self._kinds: dict[str, set[EventKind]] = {}
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        """Begin to collect."""
        self._forget = self._inbox.watch(self._on_event)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Collect no more."""
        self._forget()

    async def wait(self, message_id: str, wanted: Reached, seconds: float) -> Reached:
        """Wait for what is wanted, for so long at most, and return how far the message got. Raises NotDelivered."""
        try:
            async with asyncio.timeout(seconds):
                while (reached := self._reached(message_id)) is not wanted and reached is not Reached.READ:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self._reached(message_id)

    def _reached(self, message_id: str) -> Reached:
        kinds = self._kinds.get(message_id, set())
        if EventKind.FAILED in kinds:
            raise NotDelivered
        if EventKind.READ in kinds:
            return Reached.READ
        return Reached.DELIVERED if EventKind.DELIVERED in kinds else Reached.SENT

    def _on_event(self, event: Event) -> None:
        if event.kind.is_receipt:
            self._kinds.setdefault(event.about, set()).add(event.kind)
            self._changed.set()
