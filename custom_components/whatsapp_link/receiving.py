"""Keeps events coming for one instance: by the best way that works, or the one that the user chose."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
import logging
import random

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event as BusEvent, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers.start import async_at_started

from .const import CONF_RECEIVING, CONF_WEBHOOK, DOMAIN
from .gateways.capability import Way
from .gateways.errors import (
    CannotReach,
    GatewayError,
    InvalidCredentials,
    QuotaExceeded,
    RateLimited,
    WebhookTaken,
    WrongState,
    origin,
)
from .gateways.events import Webhook
from .issues import Issue, async_delete_issues, async_raise_issue
from .webhook import (
    Hearer,
    NoAddress,
    NoAddressYet,
    async_cancel,
    async_make_webhook,
    async_open_webhook,
    async_receive_at,
    async_remove_webhook,
    async_webhook,
)

_LOGGER = logging.getLogger(__name__)

AUTOMATIC = "automatic"
OFF = "off"

# Seconds until a stream that ended is opened again: at once if it worked, then twice as many each time, as long as
# nothing comes of it.
_AT_ONCE = 0.0
_REOPEN_AFTER = 1.0
_MAX_REOPEN_AFTER = 300.0
# A stream that held so many seconds is one that works.
_STEADY = 10.0
# A stream that ended so many times in a row without a word, while the gateway answers otherwise, cannot be had.
_MAX_SILENT = 5
# Seconds until a way that does not work is tried again, while another one is taken or none is left.
_TRY_AGAIN_AFTER = 900.0

_TAKEN = Issue.WEBHOOK_TAKEN
_ISSUES = {
    QuotaExceeded: Issue.WEBHOOK_NOT_IN_PLAN,
    NoAddress: Issue.WEBHOOK_NO_ADDRESS,
}
_OTHER_ISSUE = Issue.WEBHOOK_REFUSED
_NO_STREAM = Issue.STREAM_BLOCKED
_NO_WEBHOOK = (*_ISSUES.values(), _OTHER_ISSUE)


class Receiving:
    """Runs the ways of one instance for as long as its entry is loaded."""

    def __init__(self, hearer: Hearer) -> None:
        """Take who is told of everything."""
        self.way: Way | None = None
        self._hearer = hearer
        self._hass = hearer.hass
        self._entry = hearer.config_entry
        self._gateway = hearer.gateway
        self._task: asyncio.Task[None] | None = None
        self._forget: Callable[[], Awaitable[None]] | None = None
        self._watches_address = False

    def prepare(self) -> None:
        """Make the address, if one is needed; a change of the entry that comes later would load it anew."""
        ways = self._wanted()
        # Who sends before Home Assistant has started may wait for what comes in after that.
        self.way = next(iter(ways), None)
        if _is_webhook_first(ways):
            async_make_webhook(self._hass, self._entry)
            async_open_webhook(self._hass, self._entry)

    def start(self) -> None:
        """Begin as soon as there are automations that hear of it: what the gateway was told to forget is gone.

        That is done in the background: to receive nothing is no reason not to send.
        """

        @callback
        def begin(_hass: HomeAssistant) -> None:
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_run(self._wanted()), f"{DOMAIN} listening"
            )

        self._entry.async_on_unload(async_at_started(self._hass, begin))

    def require(self) -> None:
        """Raise HomeAssistantError where nothing comes in: there, nothing can be waited for."""
        if self.way is None:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="cannot_wait",
                translation_placeholders={"instance": self._entry.title},
            )

    async def async_stop(self) -> None:
        """End, before there are no entities any more that could tell of what comes in."""
        if self._forget:
            await self._forget()
        if self._task:
            await async_cancel(self._task)

    def _wanted(self) -> tuple[Way, ...]:
        """Return the ways to try, the best first."""
        chosen = self._entry.options.get(CONF_RECEIVING, AUTOMATIC)
        if chosen == OFF:
            return ()
        return self._gateway.ways if chosen == AUTOMATIC else tuple(way for way in self._gateway.ways if way == chosen)

    async def _async_run(self, ways: tuple[Way, ...]) -> None:
        self.way = next(iter(ways), None)
        if not _is_webhook_first(ways):
            # The user chose otherwise since. As long as it is there, some gateways tell nothing in other ways.
            await async_remove_webhook(self._hass, self._entry, self._gateway)
            self._delete_issues(*_NO_WEBHOOK)
        if Way.STREAM not in ways:
            self._delete_issues(_NO_STREAM)
        if not ways:
            self._delete_issues(_TAKEN)
        for number, way in enumerate(ways):
            self.way = way
            if await self._async_receive(way, better=ways[:number], is_last=way is ways[-1]):
                return
        self.way = None
        await self._async_try_again(ways)

    async def _async_receive(self, way: Way, *, better: tuple[Way, ...], is_last: bool) -> bool:
        """Receive in one way, and try the better ones now and then. Return False if it does not work."""
        if way is Way.WEBHOOK:
            if better and CONF_WEBHOOK not in self._entry.data:
                # That has the entry loaded anew, once for ever; then it comes here again.
                async_make_webhook(self._hass, self._entry)
                return True
            async_open_webhook(self._hass, self._entry)
        async with asyncio.TaskGroup() as group:
            trying = group.create_task(self._async_try_again(better))
            if way is Way.WEBHOOK:
                works = await self._async_use_webhook()
            else:
                works = await self._async_listen(way, is_last=is_last)
            # Calls come in without anything that has to run.
            if not (works and way is Way.WEBHOOK):
                trying.cancel()
        return works

    async def _async_try_again(self, ways: tuple[Way, ...]) -> None:
        """Try now and then what did not work. When it does, the entry is loaded anew, to begin with the best."""
        while ways:
            await asyncio.sleep(_TRY_AGAIN_AFTER * random.uniform(1, 1.25))
            for way in ways:
                attempt = self._async_attempt_webhook if way is Way.WEBHOOK else self._async_attempt_stream
                works = False
                try:
                    works = bool(await attempt())
                except Exception as error:  # noqa: BLE001 # a mistake of ours must not end what works
                    _LOGGER.error("A way was not tried again: %s", origin(error))
                if works:
                    self._hass.config_entries.async_schedule_reload(self._entry.entry_id)
                    return

    # --- a stream ------------------------------------------------------------------------------------

    async def _async_listen(self, way: Way, *, is_last: bool) -> bool:
        """Take what the gateway pushes, or what is found by looking; open it again whenever it ends.

        Return False if that cannot be had and there is another way, and True if nothing is to be done any more.
        """
        listen = self._gateway.listen if way is Way.STREAM else self._gateway.poll
        silent = 0
        reopen_after = _REOPEN_AFTER
        while True:
            opened = self._hass.loop.time()
            silent += 1
            try:
                async with aclosing(listen()) as pushed:
                    async for news in pushed:
                        if silent:
                            silent = 0
                            self._delete_issues(_TAKEN, *([_NO_STREAM] if way is Way.STREAM else []))
                        if await self._hearer.async_take(news):
                            reopen_after = _AT_ONCE
            except InvalidCredentials as error:
                _LOGGER.debug("Not listening: %s", error)
                # Asks the user for new ones, if they are refused elsewhere too; then the entry is loaded anew.
                await self._hearer.async_poll_instead(even_if_polled=True)
                if isinstance(self._hearer.last_exception, ConfigEntryAuthFailed):
                    return True
            except WebhookTaken:
                # The gateway keeps its queue empty as long as somebody's webhook is there.
                self._raise_issue(_TAKEN)
                reopen_after = _MAX_REOPEN_AFTER
            except GatewayError as error:
                _LOGGER.debug("Nothing is pushed: %s", error)
            except Exception as error:  # noqa: BLE001 # a mistake of ours must not end it for good
                _LOGGER.error("Listening ended: %s", origin(error))
            if silent >= _MAX_SILENT:
                silent = 0
                if way is Way.STREAM and await self._async_is_blocked():
                    async_raise_issue(self._hass, self._entry, _NO_STREAM)
                    if not is_last:
                        return False
            # A server may end it right after its first words, each time: that is no reason to try at once again.
            if self._hass.loop.time() - opened > _STEADY:
                reopen_after = _AT_ONCE
            await self._hearer.async_poll_instead()
            await asyncio.sleep(reopen_after * random.uniform(1, 1.25))
            reopen_after = min(reopen_after * 2 or _REOPEN_AFTER, _MAX_REOPEN_AFTER)

    async def _async_is_blocked(self) -> bool:
        """Whether it is only the stream that does not work."""
        if not self._gateway.streams_by_websocket:
            return False
        await self._hearer.async_poll_instead(even_if_polled=True)
        return self._hearer.last_update_success

    async def _async_attempt_stream(self) -> bool:
        try:
            await self._async_open_stream()
        except GatewayError as error:
            _LOGGER.debug("Still nothing is pushed: %s", error)
            return False
        return True

    async def _async_open_stream(self) -> None:
        """Wait for the first word. Raises GatewayError."""
        async with aclosing(self._gateway.listen()) as pushed:
            async for _news in pushed:
                return
        raise CannotReach("the stream ended without a word", maybe_acted=False)

    async def async_try_stream(self) -> None:
        """Try once more, as the user asked to. Raises GatewayError."""
        await self._async_open_stream()
        self._delete_issues(_NO_STREAM)
        self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    # --- a webhook -----------------------------------------------------------------------------------

    async def _async_use_webhook(self) -> bool:
        """Have events sent to us, and return whether that works. If not, an issue says why and what to do."""
        reopen_after = _REOPEN_AFTER
        while (works := await self._async_attempt_webhook()) is None:
            await asyncio.sleep(reopen_after * random.uniform(1, 1.25))
            reopen_after = min(reopen_after * 2, _MAX_REOPEN_AFTER)
        return works

    async def _async_attempt_webhook(self) -> bool | None:
        """The same, once; None if it does not work yet, which passes."""
        try:
            await self._async_register()
        except (CannotReach, NoAddressYet, RateLimited, WrongState) as error:
            _LOGGER.debug("The webhook is not registered yet: %s", error)
            return None
        except WebhookTaken:
            return False
        except (GatewayError, NoAddress) as error:
            _LOGGER.debug("No webhook: %s", error)
            self._raise_issue(_ISSUES.get(type(error), _OTHER_ISSUE), str(error))
            if isinstance(error, NoAddress):
                self._watch_address("")
            return False
        return True

    async def _async_register(self) -> None:
        """Have events sent to us. Raises GatewayError or NoAddress; that somebody's is there already is an issue."""
        webhook = await async_webhook(self._hass, self._entry, self._gateway)
        if self._forget is None:
            self._forget = async_receive_at(self._hearer, webhook)
            self._watch_address(webhook.url)
        try:
            await self._gateway.register_webhook(webhook)
        except WebhookTaken:
            self._raise_issue(_TAKEN)
            raise
        self._delete_issues(_TAKEN, *_NO_WEBHOOK)

    def _watch_address(self, known: str) -> None:
        """Begin anew when somebody gives Home Assistant another address, in its settings."""
        if self._watches_address:
            return
        self._watches_address = True

        async def async_look(_event: BusEvent) -> None:
            with suppress(NoAddress):
                if (await async_webhook(self._hass, self._entry, self._gateway)).url != known:
                    self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

        self._entry.async_on_unload(self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, async_look))

    async def async_try_webhook(self) -> None:
        """Try once more, as the user asked to. Raises GatewayError or NoAddress."""
        await self._async_register()
        # What came instead has to end.
        self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    async def async_replace_webhook(self) -> None:
        """Put ours in the place of somebody else's webhook, as the user agreed to. Raises GatewayError or NoAddress."""
        ours = Webhook("", "")
        if _is_webhook_first(self._wanted()):
            ours = await async_webhook(self._hass, self._entry, self._gateway)
        await self._gateway.register_webhook(ours, replace=True)
        self._delete_issues(_TAKEN)
        self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    # --- issues --------------------------------------------------------------------------------------

    def _raise_issue(self, issue: Issue, reason: str = "") -> None:
        """Say what is wrong, and no longer what was wrong before."""
        self._delete_issues(*({_TAKEN, *_NO_WEBHOOK} - {issue}))
        async_raise_issue(self._hass, self._entry, issue, reason=reason)

    def _delete_issues(self, *issues: Issue) -> None:
        async_delete_issues(self._hass, self._entry, *issues)


def _is_webhook_first(ways: tuple[Way, ...]) -> bool:
    return ways[:1] == (Way.WEBHOOK,)
