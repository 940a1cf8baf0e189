"""Bringing events to an address, as Evolution API does, and Wachat, which is built upon it.

Vendor source, webhook.controller.ts: each event is a request of its own, which nobody waits
for and which is repeated on its own. So an event that was not taken comes again with the same
content, later than those behind it, and twice if only the answer got lost.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World

# Vendor source: the defaults of WEBHOOK_RETRY_*.
_ATTEMPTS = 10
_FIRST_DELAY_SECONDS = 5.0
_LONGEST_DELAY_SECONDS = 300.0
_JITTER = 0.2
# Whoever answers with one of these will not be asked again.
_FINAL_STATUSES = frozenset({400, 401, 403, 404, 422})
# Vendor source: the default of WEBHOOK_REQUEST_TIMEOUT_MS.
_ANSWER_SECONDS = 30.0
# On a fast clock, a busy machine must not be late by that.
_LEAST_ANSWER_REAL_SECONDS = 5.0


@dataclass(frozen=True)
class Parcel:
    """An event on its way to an address."""

    url: str
    body: bytes
    # Made for each try, because a signature may have a time in it.
    headers: Callable[[], Mapping[str, str]]


class Post:
    """Brings events to one receiver: at first one after the other, and what failed once more."""

    def __init__(self, world: World, name: str) -> None:
        """Prepare; the name is for the log."""
        self._world = world
        self._name = name
        self._waiting: deque[Parcel] = deque()
        self._is_out = False

    def send(self, parcel: Parcel) -> None:
        """Deliver in the background."""
        self._waiting.append(parcel)
        if not self._is_out:
            self._is_out = True
            self._world.background.spawn(self._carry(), f"webhooks of {self._name}")

    async def _carry(self) -> None:
        """Try everything once, in order: the receivers are close, and answer at once."""
        try:
            while self._waiting:
                parcel = self._waiting.popleft()
                if not await self._is_settled(parcel):
                    self._world.background.spawn(self._try_again(parcel), f"webhook of {self._name}, again")
        finally:
            self._is_out = False

    async def _try_again(self, parcel: Parcel) -> None:
        for delay in delays():
            await self._world.clock.sleep(delay)
            if await self._is_settled(parcel):
                return

    async def _is_settled(self, parcel: Parcel) -> bool:
        """Try once, and say whether that was the last time."""
        status = await self._world.courier.deliver(
            parcel.url,
            parcel.body,
            {"Content-Type": "application/json", **parcel.headers()},
            max(self._world.clock.real(_ANSWER_SECONDS), _LEAST_ANSWER_REAL_SECONDS),
        )
        return status is not None and (200 <= status < 300 or status in _FINAL_STATUSES)


def delays() -> Iterator[float]:
    """Return the vendor seconds before each further try."""
    for failures in range(_ATTEMPTS - 1):
        delay = min(_FIRST_DELAY_SECONDS * 2**failures, _LONGEST_DELAY_SECONDS)
        yield max(_FIRST_DELAY_SECONDS, delay * random.uniform(1 - _JITTER, 1 + _JITTER))


def to_bytes(content: object) -> bytes:
    """Return JSON as JavaScript writes it: without blanks, and with all letters as they are."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
