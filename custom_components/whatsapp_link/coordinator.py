"""Follows the session of one instance, pushed or polled, and keeps a code at hand while no phone is linked."""

import asyncio
from datetime import timedelta
import logging
from typing import Never, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .account import Account
from .back_off import BackOff
from .const import (
    CONF_BASE_URL,
    CONF_CHAT_ID,
    CONF_CREDENTIALS,
    CONF_GAP,
    CONF_GATEWAY,
    CONF_LISTED,
    CONF_OWN_MESSAGES,
    CONF_SENDERS,
    DOMAIN,
    SENDERS_EVERYONE,
    SENDERS_LISTED,
    SENDERS_RECIPIENTS,
    SUBENTRY_RECIPIENT,
)
from .errors import error_key, error_placeholders
from .gateways import GATEWAYS
from .gateways.errors import GatewayError, InvalidCredentials, RateLimited, WrongState
from .gateways.events import Event
from .gateways.gateway import Gateway
from .gateways.model import QrCode, Session, SessionState
from .inbox import is_in_chat
from .issues import async_report_account, async_report_recipient
from .mailbox import async_get_mailbox
from .pairing import NOT_UP, PAIRING_TIME, Obstacle, Pairing
from .receiving import Receiving

_LOGGER = logging.getLogger(__name__)

_MAX_INTERVAL = timedelta(minutes=10)

type WhatsAppLinkConfigEntry = ConfigEntry[WhatsAppLinkCoordinator]


class WhatsAppLinkCoordinator(DataUpdateCoordinator[Session]):
    """Holds what Home Assistant knows of one instance."""

    config_entry: WhatsAppLinkConfigEntry

    def __init__(self, hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> None:
        """Take the entry."""
        gateway = make_gateway(hass, entry)
        super().__init__(
            hass,
            _LOGGER,
            name=DOMAIN,
            config_entry=entry,
            update_interval=timedelta(seconds=gateway.pace.linked),
            always_update=False,
        )
        self.mailbox = async_get_mailbox(hass, entry, gateway, self._may_see)
        self.account = Account(hass, entry, self.gateway)
        self.inbox = self.mailbox.inbox
        self.outbox = self.mailbox.outbox
        self.outbox.gap = entry.options.get(CONF_GAP, gateway.pace.gap)
        self.receiving = Receiving(self)
        self._pushes = False
        self.pairing: Pairing | None = None
        self.pairing_failure: GatewayError | None = None
        self._pairing_task: asyncio.Task[None] | None = None
        self._pairing_rests = False
        # Between two starts of the session, and between two pairings for which it did not come up.
        self._starts = BackOff()
        self._pairings = BackOff()
        self._reported: tuple[SessionState, bool | None] | None = None

    @property
    def gateway(self) -> Gateway:
        """The gateway of the entry as it is now: what waits to go out may be older than that."""
        return self.mailbox.gateway

    @property
    def qr_code(self) -> QrCode | None:
        """The code that can be scanned now."""
        if self.pairing and self.pairing.offer:
            return self.pairing.offer.code
        return None

    @callback
    def async_renew_code(self, *, with_qr: bool = True) -> None:
        """Ask for a code at once, and for as long as a person needs to scan one.

        Without `with_qr` only the phone is waited for, into which somebody types a code.
        """
        self._stop_pairing()
        self._start_pairing(with_qr=with_qr)

    @callback
    def async_rest(self) -> None:
        """Ask for no more codes until somebody wants one."""
        self._stop_pairing()
        self._pairing_rests = True

    @callback
    def async_note_sent(self, chat_id: str) -> None:
        """Take note that a message went out to a chat."""
        async_report_recipient(self.hass, self.config_entry, chat_id, is_gone=False)
        self.mailbox.note_sent()

    @override
    async def _async_setup(self) -> None:
        self.receiving.prepare()

    @override
    async def _async_update_data(self) -> Session:
        try:
            session = await self.gateway.get_session()
        except GatewayError as error:
            self._raise_update_error(error)
        self._reset_interval()
        self._follow(session)
        return session

    def _reset_interval(self) -> None:
        pace = self.gateway.pace
        self.update_interval = timedelta(seconds=pace.pushed if self._pushes else pace.linked)

    def _follow(self, session: Session) -> None:
        """Pair in the background while there is no phone, as long as somebody may be about to scan."""
        if session.state.is_linked:
            self.account.note_linked()
        elif session.state is not SessionState.BLOCKED:
            self.account.note_not_linked()
        self._report(session.state, self.account.was_banned)
        if session.state.is_linked or session.state is SessionState.BLOCKED:
            self._stop_pairing()
        elif not self._pairing_rests and (session.state is SessionState.UNLINKED or self._pairings.is_due):
            self._start_pairing()

    def _report(self, state: SessionState, was_banned: bool | None) -> None:
        """Say what WhatsApp does to the account, when that is another thing than before."""
        if self._reported != (state, was_banned):
            self._reported = (state, was_banned)
            async_report_account(self.hass, self.config_entry, state, was_banned=was_banned)

    async def async_take(self, news: Session | Event) -> bool:
        """Take what the gateway told by itself, and return whether it is an event that nobody knew."""
        if isinstance(news, Event):
            return await self.mailbox.async_take(news)
        self._pushes = self.gateway.pushes_session
        if self.last_update_success:
            self._reset_interval()
            self._follow(news)
            self.async_set_updated_data(news)
        else:
            # Only this tells the log that the gateway is there again.
            await self.async_refresh()
        return False

    async def async_poll_instead(self, *, even_if_polled: bool = False) -> None:
        """Look at once whether the gateway is gone, and more often until it pushes again."""
        if self._pushes or even_if_polled:
            self._pushes = False
            await self.async_refresh()

    def _may_see(self, event: Event) -> bool:
        """Whether an event may leave the inbox: only recipients' do, unless the user wants to see more."""
        options = self.config_entry.options
        if event.from_me and not options.get(CONF_OWN_MESSAGES, False):
            return False
        senders = options.get(CONF_SENDERS, SENDERS_RECIPIENTS)
        if senders == SENDERS_EVERYONE:
            return True
        chats = {
            subentry.data[CONF_CHAT_ID] for subentry in self.config_entry.get_subentries_of_type(SUBENTRY_RECIPIENT)
        }
        if senders == SENDERS_LISTED:
            chats = set(options.get(CONF_LISTED, []))
        return any(is_in_chat(event, chat_id) for chat_id in chats)

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

    def _start_pairing(self, *, with_qr: bool = True) -> None:
        if self._pairing_task is None or self._pairing_task.done():
            self.pairing_failure = None
            self._pairing_task = self.config_entry.async_create_background_task(
                self.hass, self._async_pair(with_qr=with_qr), f"{DOMAIN} pairing"
            )

    def _stop_pairing(self) -> None:
        self._pairing_rests = False
        self._starts.reset()
        self._pairings.reset()
        if self._pairing_task is not None:
            self._pairing_task.cancel()
            self._pairing_task = None

    @callback
    def _note_pairing(self) -> None:
        """Take note of a code, or of what is in the way of one."""
        if self.pairing and (self.pairing.offer or self.pairing.obstacle is Obstacle.PASSKEY):
            self.account.note_waiting()
        self.async_update_listeners()

    async def _async_pair(self, *, with_qr: bool) -> None:
        """Keep a code at hand for as long as a person needs to scan it.

        If nobody does, the gateway is left alone until somebody asks for a code: a phone that is linked elsewhere
        is seen by the polls. A session that never came so far as to wait for a phone is helped again and again, but
        less and less often, and the user is told.
        """
        pairing = self.pairing = Pairing(
            self.gateway, self._note_pairing, with_qr=with_qr, time_limit=PAIRING_TIME, starts=self._starts
        )
        try:
            session = await pairing.run()
        except GatewayError as error:
            # The next poll meets the same error and says it; it also begins anew when that is of use.
            self.logger.debug("Pairing ended: %s", error)
            self.pairing_failure = error
            self._pairing_rests = pairing.nobody_came
            self._pairings.note_try()
            if isinstance(error, WrongState) and error.state in NOT_UP:
                self.account.note_waiting()
        else:
            self._pairing_task = None
            self._follow(session)
            self.async_set_updated_data(session)
        finally:
            # Another one may have begun before this one, which was called off, ends.
            if self.pairing is pairing:
                self.pairing = None
                self.async_update_listeners()


def make_gateway(hass: HomeAssistant, entry: ConfigEntry) -> Gateway:
    """Return what talks to the gateway of an entry."""
    return GATEWAYS[entry.data[CONF_GATEWAY]](
        async_get_clientsession(hass), entry.data[CONF_BASE_URL], entry.data[CONF_CREDENTIALS]
    )
