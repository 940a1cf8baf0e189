"""The pairing that an entry runs, as a dialog follows it."""

import asyncio
from collections.abc import Callable

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import callback
from homeassistant.exceptions import ConfigEntryAuthFailed

from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .gateways.errors import GatewayError, InvalidCredentials, WrongState
from .gateways.model import QrCode, Session, SessionState
from .pairing import Obstacle, Offer, Pairing, PairingTimeout


class FollowedPairing:
    """Begins the pairing of a loaded entry anew and tells of it: the dialog and the image show the same code.

    An entry that is loaded anew meanwhile pairs on, and is followed on.
    """

    def __init__(
        self, entry: WhatsAppLinkConfigEntry, on_change: Callable[[], None], *, with_qr: bool, time_limit: float
    ) -> None:
        """Take whom to follow, what to call at each change, and for how many seconds."""
        self._entry = entry
        self._on_change = on_change
        self._with_qr = with_qr
        self._time_limit = time_limit
        self._changed = asyncio.Event()
        self._coordinator: WhatsAppLinkCoordinator | None = None
        self._forget: Callable[[], None] = lambda: None

    @property
    def offer(self) -> Offer[QrCode] | None:
        """The code to show right now."""
        return self._pairing.offer if self._pairing else None

    @property
    def obstacle(self) -> Obstacle | None:
        """What is in the way, if anything is."""
        return self._pairing.obstacle if self._pairing else None

    @property
    def _pairing(self) -> Pairing | None:
        return self._coordinator.pairing if self._coordinator else None

    async def run(self) -> Session:
        """Return the linked session. Raises PairingTimeout or another GatewayError."""
        forget_state = self._entry.async_on_state_change(self._tell)
        try:
            async with asyncio.timeout(self._time_limit):
                while True:
                    self._follow()
                    if self._coordinator and (session := _linked_session(self._coordinator)):
                        return session
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            # The pairing that is followed began later, so its own time is not over yet.
            raise self._reason from None
        finally:
            forget_state()
            self._forget()

    @property
    def _reason(self) -> GatewayError:
        """Why no phone is linked, as far as the entry knows."""
        if self._pairing:
            return self._pairing.reason
        return (self._coordinator and self._coordinator.pairing_failure) or PairingTimeout()

    @callback
    def _tell(self) -> None:
        self._changed.set()
        self._on_change()

    def _follow(self) -> None:
        """Listen to what looks after the session now, and have it pair."""
        loaded = self._entry.runtime_data if self._entry.state is ConfigEntryState.LOADED else None
        if loaded is self._coordinator:
            return
        self._forget()
        self._forget = loaded.async_add_listener(self._tell) if loaded else lambda: None
        self._coordinator = loaded
        if loaded and not _is_linked(loaded):
            loaded.async_renew_code(with_qr=self._with_qr)


def _is_linked(coordinator: WhatsAppLinkCoordinator) -> bool:
    return _is_fresh(coordinator) and coordinator.data.state.is_linked


def _is_fresh(coordinator: WhatsAppLinkCoordinator) -> bool:
    """Return whether the session is as it was last seen. After a look that failed, only who pairs finds out."""
    return coordinator.last_update_success


def _linked_session(coordinator: WhatsAppLinkCoordinator) -> Session | None:
    """Return the session if a phone is linked. Raises what makes waiting useless."""
    session = coordinator.data
    if _is_linked(coordinator):
        return session
    if coordinator.pairing_failure:
        raise coordinator.pairing_failure
    if isinstance(coordinator.last_exception, ConfigEntryAuthFailed):
        raise InvalidCredentials("refused while waiting for a phone")
    if _is_fresh(coordinator) and session.state is SessionState.BLOCKED:
        raise WrongState(session.state)
    return None
