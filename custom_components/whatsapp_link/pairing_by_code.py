"""Waits for a phone into which somebody types a code, and for that code where there is none yet."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from .gateways.gateway import Gateway
from .gateways.model import PairingCode, Session
from .pairing import Obstacle, Offer, Pairing, Watch

# Seconds that a session gets to come so far that it has a code to give.
_STARTING_TIME = 60.0


class WaitForPhone(Protocol):
    """Makes what waits for the phone once there is a code."""

    def __call__(self, on_change: Callable[[], None], *, time_limit: float) -> Watch:
        """Return it."""


class PairingByCode:
    """One pairing by a code to type.

    With a code that was given out already it waits for the phone. Without one the session has to come up first; that is
    left to `fetch`, which is given what to ask with.
    """

    def __init__(
        self,
        gateway: Gateway,
        code: PairingCode | None,
        fetch: Callable[[Pairing], Awaitable[PairingCode | Session]],
        wait_for_phone: WaitForPhone,
        on_change: Callable[[], None],
        *,
        time_limit: float,
    ) -> None:
        """Take the code, or how to get one, and what to call at each change."""
        self.offer: Offer[PairingCode] | None = None
        self._fetch = fetch
        self._wait_for_phone = wait_for_phone
        self._on_change = on_change
        self._time_limit = time_limit
        self._fetching = Pairing(gateway, on_change, time_limit=_STARTING_TIME)
        if code:
            self.offer = self._offer_of(code)

    @property
    def obstacle(self) -> Obstacle | None:
        """What is in the way of a code, if anything is."""
        return self._fetching.obstacle

    async def run(self) -> Session:
        """Return the linked session. Raises PairingTimeout or another GatewayError."""
        offer = self.offer
        if offer is None:
            found = await self._fetch(self._fetching)
            if isinstance(found, Session):
                return found
            offer = self.offer = self._offer_of(found)
            self._on_change()
        left = offer.expires - asyncio.get_running_loop().time()
        return await self._wait_for_phone(self._on_change, time_limit=left).run()

    def _offer_of(self, code: PairingCode) -> Offer[PairingCode]:
        return Offer(code, asyncio.get_running_loop().time() + min(code.valid_for, self._time_limit))
