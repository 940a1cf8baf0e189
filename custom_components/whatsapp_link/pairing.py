"""Watches one pairing until a phone is linked or the time is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
import logging
from typing import Protocol

from .back_off import BackOff
from .gateways.capability import Capability
from .gateways.errors import CannotReach, GatewayError, InvalidAnswer, RateLimited, WrongState
from .gateways.gateway import Gateway
from .gateways.model import PairingCode, QrCode, Session, SessionState

_LOGGER = logging.getLogger(__name__)

PAIRING_TIME = 180.0
"""Seconds that a person gets to take up the phone, find the menu and scan."""

# A push that failed is tried again after so many seconds; until then the gateway is polled.
_PUSH_PAUSE = 60.0
_MAX_BACK_OFF = 30.0
_MAX_DOUBLINGS = 10

NOT_UP = (SessionState.STOPPED, SessionState.STARTING, SessionState.FAILED)
"""The states of a session that gives no code before it has started."""


class PairingTimeout(GatewayError):
    """Nobody paired in time."""


@dataclass(frozen=True, slots=True)
class Offer[Code: (QrCode, PairingCode)]:
    """A code that links a phone now, and the loop time at which it ends."""

    code: Code
    expires: float


class Obstacle(StrEnum):
    """Why there is no code, where that is more than a moment: the user is told."""

    RECOVERING = "recovering"
    """The gateway puts its connection in order by itself."""
    PASSKEY = "passkey_required"
    """WhatsApp wants a passkey, which only the gateway's own pages can ask for."""


class Watch(Protocol):
    """What a dialog shows while it waits for a phone, and what it waits for."""

    @property
    def offer(self) -> Offer[QrCode] | Offer[PairingCode] | None:
        """The code to show right now; None while there is none."""

    @property
    def obstacle(self) -> Obstacle | None:
        """What is in the way, if anything is."""

    async def run(self) -> Session:
        """Return the linked session. Raises PairingTimeout or another GatewayError."""


class Pairing:
    """One pairing of one instance.

    `offer` is the code to show right now; None while there is none: the session is still starting, or the last
    code is past its time and the next one is not there. `obstacle` says what is in the way, if anything is.
    `on_change` is called at each change of the two. `nobody_came` says, after the time is over, that the session did
    wait for a phone meanwhile: that is no failure of the gateway.
    """

    def __init__(
        self,
        gateway: Gateway,
        on_change: Callable[[], None],
        *,
        with_qr: bool = True,
        time_limit: float | None = PAIRING_TIME,
        starts: BackOff | None = None,
    ) -> None:
        """Without `with_qr` it only waits, for a pairing code that has been given out already.

        `starts` says when the session may be started, after that was of no use before.
        """
        self.offer: Offer[QrCode] | None = None
        self.obstacle: Obstacle | None = None
        self.nobody_came = False
        self._gateway = gateway
        self._on_change = on_change
        self._with_qr = with_qr
        self._time_limit = time_limit
        self._starts = starts or BackOff()
        self._loop = asyncio.get_running_loop()
        self._expiry: asyncio.TimerHandle | None = None
        self._last_png = b""
        self._push_after = 0.0
        self._code_after = 0.0
        self._failures = 0
        self._last_error: GatewayError | None = None
        self._state: SessionState | None = None
        self._logged_out = False
        self._waited = False

    async def run(self) -> Session:
        """Return the linked session.

        Raises PairingTimeout, or the GatewayError because of which it cannot go on. A gateway that does not
        answer for a while is waited for; it is the reason only if it is still silent when the time is over. The same
        holds for a session that does not come up.
        """
        return await self._repeat(self._look)

    async def request_code(self, phone: str) -> PairingCode | Session:
        """Return a code to type into the phone as soon as the session waits for one; it is started if it must.

        Returns the session if it turns out to have a phone. Raises as `run` does.
        """

        async def look() -> PairingCode | Session | None:
            session = await self._look_at_session()
            if session.state is SessionState.UNLINKED:
                return await self._gateway.request_pairing_code(phone)
            return session if session.state.is_linked else None

        return await self._repeat(look)

    @property
    def reason(self) -> GatewayError:
        """Why no phone is linked, if the time is over now."""
        if self._last_error:
            return self._last_error
        if self._waited or self._state is None:
            return PairingTimeout()
        return WrongState(self._state)

    async def _repeat[Found](self, look: Callable[[], Awaitable[Found | None]]) -> Found:
        """Look until something is found, or the time is over."""
        try:
            async with asyncio.timeout(self._time_limit):
                while True:
                    if found := await self._attempt(look):
                        return found
        except TimeoutError:
            self.nobody_came = self._waited
        finally:
            self._withdraw()
        raise self.reason

    async def _attempt[Found](self, look: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Look once, and wait as long as the gateway wants to be left alone."""
        try:
            found = await look()
        except (CannotReach, InvalidAnswer, RateLimited) as error:
            _LOGGER.debug("Pairing: %s", error)
            self._last_error = error
            self._failures += 1
            await asyncio.sleep(self._back_off(error))
            return None
        except WrongState as error:
            # Said of a session that is on its way somewhere, to any request; only a ban is an end.
            if error.state is SessionState.BLOCKED:
                raise
            self._state = error.state
            await self._let_recover(error.retry_after or self._gateway.pace.pairing)
            return None
        self._failures = 0
        if found is None:
            await asyncio.sleep(self._gateway.pace.pairing)
        return found

    async def _look(self) -> Session | None:
        """Ask for the session, and for a code where one may be had."""
        session = await self._look_at_session()
        if session.state.is_linked:
            return session
        if session.state is SessionState.UNLINKED:
            self._waited = True
            if self._with_qr:
                return await self._offer_codes()
        return None

    async def _look_at_session(self) -> Session:
        """Ask for the session, and get one going that neither has a phone nor waits for one."""
        session = await self._gateway.get_session()
        self._state = session.state
        # It answers again: what went wrong before is no reason any more.
        self._last_error = None
        if session.state.is_linked:
            return session
        if session.state is SessionState.BLOCKED:
            raise WrongState(session.state)
        self._meet(Obstacle.PASSKEY if session.state is SessionState.PASSKEY_REQUIRED else None)
        if session.state is SessionState.UNLINKED:
            self._starts.note_use()
        else:
            self._withdraw()
            await self._get_going(session.state)
        return session

    async def _get_going(self, state: SessionState) -> None:
        """Start a session that would not start by itself, and then give it time: to start it again would stop it."""
        if not self._starts.is_due or state not in (SessionState.STOPPED, SessionState.FAILED):
            return
        self._starts.note_try()
        can = self._gateway.capabilities
        if state is SessionState.STOPPED and Capability.START in can:
            await self._gateway.start()
        elif state is SessionState.FAILED and Capability.RESTART in can:
            await self._gateway.restart()
        elif state is SessionState.FAILED and Capability.START in can:
            await self._gateway.start()

    async def _offer_codes(self) -> Session | None:
        try:
            if self._can_push():
                return await self._take_pushed()
            if self._loop.time() >= self._code_after:
                self._code_after = self._loop.time() + self._gateway.pace.code
                if code := await self._gateway.get_qr():
                    self._show(code)
        except WrongState as error:
            # Not an end: the next look tells what the session is now.
            if error.retry_after is not None:
                await self._let_recover(error.retry_after)
            await self._clear_old_link(error.state)
        return None

    async def _let_recover(self, seconds: float) -> None:
        """Leave the gateway alone while it heals by itself; the user is told so, calmly."""
        self._code_after = 0.0
        self._withdraw()
        self._meet(Obstacle.RECOVERING)
        await asyncio.sleep(seconds)

    def _meet(self, obstacle: Obstacle | None) -> None:
        """Tell what is in the way now. A gateway that recovered shows it with a code, and not before."""
        changed = obstacle is not self.obstacle and (obstacle or self.obstacle is Obstacle.PASSKEY)
        self.obstacle = obstacle
        if changed:
            self._on_change()

    def _can_push(self) -> bool:
        return Capability.WATCH_QR in self._gateway.capabilities and self._loop.time() >= self._push_after

    async def _take_pushed(self) -> Session | None:
        """Show the codes that the gateway pushes, until it stops. When it cannot push, polling takes over."""
        try:
            async with aclosing(self._gateway.watch_qr()) as pushed:
                async for news in pushed:
                    if isinstance(news, Session):
                        return news
                    self._show(news)
        except WrongState:
            raise
        except RateLimited:
            _LOGGER.debug("Pairing: asked too soon for pushed codes")
        except GatewayError as error:
            _LOGGER.debug("Pairing: no pushed codes: %s", error)
            self._push_after = self._loop.time() + _PUSH_PAUSE
        return None

    async def _clear_old_link(self, state: SessionState) -> None:
        """Log out, once, a session that keeps the remains of an old link and so gives no code.

        Only while there is no phone to lose: some gateways say the same of an account that was banned meanwhile.
        """
        if state is not SessionState.FAILED or self._logged_out or Capability.LOGOUT not in self._gateway.capabilities:
            return
        if (await self._gateway.get_session()).state is SessionState.UNLINKED:
            await self._gateway.logout()
            self._logged_out = True

    def _show(self, code: QrCode) -> None:
        """Offer a code, once: the same picture seen again does not last longer for it."""
        is_new = code.png != self._last_png
        if not is_new and not code.holds_while_offered:
            return
        self._last_png = code.png
        self._cancel_expiry()
        self._expiry = self._loop.call_later(code.valid_for, self._withdraw)
        was_shown = self.offer is not None and not is_new
        self.offer = Offer(code, self._expiry.when())
        if not was_shown:
            self._on_change()

    def _withdraw(self) -> None:
        """Take the code away: past its time it would only make a phone complain."""
        self._cancel_expiry()
        if self.offer is not None:
            self.offer = None
            self._on_change()

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _back_off(self, error: GatewayError) -> float:
        pace = self._gateway.pace.pairing
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return max(error.retry_after, pace)
        doublings = min(self._failures - 1, _MAX_DOUBLINGS)
        return min(pace * 2.0**doublings, _MAX_BACK_OFF)
