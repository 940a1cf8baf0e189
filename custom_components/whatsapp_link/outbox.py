"""Lets the messages of one instance go out in order, one at a time, with a pause in between."""

import asyncio
from collections.abc import Awaitable, Callable
import logging

from .gateways.errors import CannotReach, RateLimited, WrongState
from .gateways.model import SessionState

_LOGGER = logging.getLogger(__name__)

# So many seconds later a message is tried again that certainly did not go out, each time for longer.
_RETRY_AFTER = (2.0, 5.0, 15.0)
_MAX_RATE_LIMIT_WAIT = 300.0


class Outbox:
    """What one instance sends. WhatsApp bans accounts that send like machines, so there is a pause after each.

    `waiting` counts what has not gone out yet, `gap` are the seconds between two messages.
    """

    def __init__(self, gap: float) -> None:
        """Begin with nothing to send."""
        self.waiting = 0
        self.gap = gap
        self._closed: Exception | None = None
        self._listeners: list[Callable[[], None]] = []
        # Whoever waits first goes first.
        self._turn = asyncio.Lock()
        self._free_at = 0.0
        # A message was tried again and again, and nothing has gone out since.
        self._is_away = False

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call somebody whenever `waiting` changes. Returns how to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self, reason: Exception) -> None:
        """Send nothing any more. Whoever waits, or comes later, gets this error when it is their turn."""
        self._closed = reason

    def _count(self, change: int) -> None:
        self.waiting += change
        for listener in tuple(self._listeners):
            listener()

    async def send[T](self, send: Callable[[], Awaitable[T]]) -> T:
        """Send when it is this message's turn. Raises what `send` raises.

        It is repeated only if it provably was not acted on: the gateway could not be reached at all, or said that
        requests come too often or that the session is still starting. While the gateway stays away, those that come
        after are tried once: each would hold up all behind it, and there may be an alarm among them.
        """
        loop = asyncio.get_running_loop()
        self._count(1)
        try:
            async with self._turn:
                # Also of nothing: in that moment it is seen that a connection which was kept open is closed.
                await asyncio.sleep(max(0.0, self._free_at - loop.time()))
                try:
                    return await self._send_or_repeat(send)
                finally:
                    self._free_at = loop.time() + self.gap
        finally:
            self._count(-1)

    async def _send_or_repeat[T](self, send: Callable[[], Awaitable[T]]) -> T:
        for retry_after in _RETRY_AFTER:
            try:
                return await self._attempt(send)
            except RateLimited as error:
                wait = retry_after if error.retry_after is None else error.retry_after
                if wait > _MAX_RATE_LIMIT_WAIT:
                    raise
            except WrongState as error:
                # GREEN-API, for one, starts its session anew when its settings change.
                if error.state is not SessionState.STARTING:
                    raise
                wait = error.retry_after or retry_after
            except CannotReach as error:
                if error.maybe_acted or self._is_away:
                    raise
                wait = retry_after
            _LOGGER.debug("A message is tried again in %.0f s", wait)
            await asyncio.sleep(wait)
        try:
            return await self._attempt(send)
        except CannotReach:
            self._is_away = True
            raise

    async def _attempt[T](self, send: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise self._closed
        sent = await send()
        self._is_away = False
        return sent
