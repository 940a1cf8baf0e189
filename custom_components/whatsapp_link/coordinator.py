"""Polls the session of one instance, and keeps a code at hand while no phone is linked."""

import asyncio
from datetime import datetime, timedelta
import logging
from typing import Never, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .errors import error_key, error_placeholders
from .gateways.errors import GatewayError, InvalidCredentials, RateLimited
from .gateways.gateway import Gateway
from .gateways.model import QrCode, Session, SessionState
from .pairing import Pairing

_LOGGER = logging.getLogger(__name__)

_MAX_INTERVAL = timedelta(minutes=10)

type WhatsAppLinkConfigEntry = ConfigEntry[WhatsAppLinkCoordinator]


class WhatsAppLinkCoordinator(DataUpdateCoordinator[Session]):
    """Holds what Home Assistant knows of one instance."""

    config_entry: WhatsAppLinkConfigEntry

    def __init__(self, hass: HomeAssistant, entry: WhatsAppLinkConfigEntry, gateway: Gateway) -> None:
        """Take the entry and its gateway."""
        super().__init__(
            hass,
            _LOGGER,
            name=DOMAIN,
            config_entry=entry,
            update_interval=timedelta(seconds=gateway.pace.linked),
            always_update=False,
        )
        self.gateway = gateway
        self.last_sent: datetime | None = None
        self._pairing: Pairing | None = None
        self._pairing_task: asyncio.Task[None] | None = None

    @property
    def qr_code(self) -> QrCode | None:
        """The code that can be scanned now."""
        if self._pairing and self._pairing.offer:
            return self._pairing.offer.code
        return None

    @callback
    def async_note_sent(self) -> None:
        """Take note that a message went out."""
        self.last_sent = dt_util.utcnow()
        self.async_update_listeners()

    @override
    async def _async_update_data(self) -> Session:
        try:
            session = await self.gateway.get_session()
        except GatewayError as error:
            self._raise_update_error(error)
        self.update_interval = timedelta(seconds=self.gateway.pace.linked)
        if session.state.is_linked:
            self._stop_pairing()
        elif session.state is not SessionState.BLOCKED:
            self._start_pairing()
        return session

    def _raise_update_error(self, error: GatewayError) -> Never:
        placeholders = error_placeholders(error, self.gateway.name)
        if isinstance(error, InvalidCredentials):
            self._stop_pairing()
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN,
                translation_key=error_key(error),
                translation_placeholders=placeholders,
            ) from error
        # A gateway in trouble is asked less and less often.
        self.update_interval = min((self.update_interval or _MAX_INTERVAL) * 2, _MAX_INTERVAL)
        raise UpdateFailed(
            translation_domain=DOMAIN,
            translation_key=error_key(error),
            translation_placeholders=placeholders,
            retry_after=error.retry_after if isinstance(error, RateLimited) else None,
        ) from error

    def _start_pairing(self) -> None:
        if self._pairing_task is None or self._pairing_task.done():
            self._pairing_task = self.config_entry.async_create_background_task(
                self.hass, self._async_pair(), f"{DOMAIN} pairing"
            )

    def _stop_pairing(self) -> None:
        if self._pairing_task is not None:
            self._pairing_task.cancel()
            self._pairing_task = None

    async def _async_pair(self) -> None:
        """Keep a code at hand, for as long as it takes until somebody scans it."""
        self._pairing = Pairing(self.gateway, self.async_update_listeners, time_limit=None)
        try:
            session = await self._pairing.run()
        except GatewayError as error:
            # The next poll meets the same error and says it; it also begins anew when that is of use.
            self.logger.debug("Pairing ended: %s", error)
        else:
            self.async_set_updated_data(session)
        finally:
            self._pairing = None
