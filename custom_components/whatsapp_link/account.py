"""Whose phone is linked: the user is asked when none is any more, or somebody else's."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import CONF_ACCOUNT, CONF_LOST_REASON, DOMAIN
from .gateways.errors import GatewayError
from .gateways.gateway import Gateway
from .gateways.model import Ending, Link
from .issues import Issue, async_delete_issues, async_raise_issue

_LOGGER = logging.getLogger(__name__)

# Seconds in which a dialog that shows the code sees by itself that it was scanned, and ends.
_GRACE = 10.0
# Seconds in which somebody comes back to a dialog that only has to be told that it is over: who types the code into the
# very phone that shows the dialog has it asleep meanwhile.
_PATIENCE = 300.0

# Where a dialog stands that has seen its phone.
_OVER = "finish"
_OTHER_ACCOUNT = "other_account"
# Where the user is asked for something else than a phone.
_OTHER_STEPS = ("reauth_confirm", _OTHER_ACCOUNT)


class LostReason(StrEnum):
    """Why a phone has to be linked again."""

    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    OTHER_ACCOUNT = "other_account"


_REASONS = {Ending.LOGGED_OUT: LostReason.LOGGED_OUT, Ending.REPLACED: LostReason.REPLACED}


class Account:
    """Watches over the link of one instance, for as long as its entry is loaded."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, gateway: Gateway) -> None:
        """Begin without knowing whether a phone is linked."""
        self._hass = hass
        self._entry = entry
        self._gateway = gateway
        self.was_banned: bool | None = None
        """Whether the last link ended with a ban, as far as only the link tells; None while that is not known."""
        self._is_linked: bool | None = None
        self._loss: asyncio.Task[Link] | None = None
        self._unasked: LostReason | None = None
        self._doing: asyncio.Task[None] | None = None

    @callback
    def note_linked(self) -> None:
        """Take note that a phone is linked, which may be another than before."""
        self._loss = self._unasked = None
        self.was_banned = False
        if not self._is_linked:
            self._is_linked = True
            self._do(self._async_settle())

    @callback
    def note_not_linked(self) -> None:
        """Take note that the phone is gone, if only for a restart. Some gateways tell why only until they start anew."""
        if self._is_linked is not False and self._loss is None:
            self._loss = self._begin(self.async_look_at_loss())
        self._ask_for_phone()

    @callback
    def note_waiting(self) -> None:
        """Take note that a phone has to be linked: the gateway waits for one, or does not come so far by itself.

        A session that only restarts is neither.
        """
        if self._is_linked is not False:
            self._is_linked = False
            self._do(self._async_find_reason())

    async def async_look_at_loss(self) -> Link:
        """Ask how the last link ended, and return it. A ban is an issue: of some gateways, the session does not tell."""
        try:
            link = await self._gateway.get_link()
        except GatewayError as error:
            _LOGGER.debug("How the link ended is not known: %s", error)
            return Link()
        self.was_banned = link.ending is Ending.BANNED
        if self.was_banned:
            async_raise_issue(self._hass, self._entry, Issue.ACCOUNT_BANNED)
        else:
            async_delete_issues(self._hass, self._entry, Issue.ACCOUNT_BANNED)
        return link

    @callback
    def forget_ban(self) -> None:
        """Take note that another account is to be linked."""
        self.was_banned = False
        async_delete_issues(self._hass, self._entry, Issue.ACCOUNT_BANNED)

    def _do(self, coro: Coroutine[Any, Any, None]) -> None:
        """Do this, and no longer what was to be done when the phone was there, or was not."""
        if self._doing is not None:
            self._doing.cancel()
        self._doing = self._begin(coro)

    def _begin[T](self, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return self._entry.async_create_background_task(self._hass, coro, f"{DOMAIN} looking at the account")

    async def _async_find_reason(self) -> None:
        link = await (self._loss or self.async_look_at_loss())
        self._unasked = _REASONS.get(link.ending, LostReason.UNKNOWN)
        self._ask_for_phone()

    def _ask_for_phone(self) -> None:
        """Ask, once. While another dialog about the entry is open Home Assistant begins none: then at a later look."""
        if self._unasked and not any(
            self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH, SOURCE_RECONFIGURE})
        ):
            self._entry.async_start_reauth(self._hass, data={CONF_LOST_REASON: self._unasked})
            self._unasked = None

    async def _async_settle(self) -> None:
        """End the dialogs that nobody needs any more, and see whose phone it is."""
        await asyncio.sleep(_GRACE)
        self._end_dialogs(lambda step: step not in (*_OTHER_STEPS, _OVER))
        if _OVER in self._dialogs().values():
            await asyncio.sleep(_PATIENCE)
            self._end_dialogs(lambda step: step == _OVER)
        await self._async_compare()

    async def _async_compare(self) -> None:
        """Ask if it is another account than before, and take note of it if it was never told which it is."""
        known = self._entry.data.get(CONF_ACCOUNT)
        number = (await self._async_look()).number
        if not number:
            return
        if not known:
            self._hass.config_entries.async_update_entry(self._entry, data={**self._entry.data, CONF_ACCOUNT: number})
        elif number != known:
            self._entry.async_start_reauth(self._hass, data={CONF_LOST_REASON: LostReason.OTHER_ACCOUNT})
        else:
            self._end_dialogs(lambda step: step == _OTHER_ACCOUNT)

    def _end_dialogs(self, is_over: Callable[[str], bool]) -> None:
        for flow_id, step in self._dialogs().items():
            if is_over(step):
                self._hass.config_entries.flow.async_abort(flow_id)

    def _dialogs(self) -> dict[str, str]:
        """Return the dialogs that ask for something: their ids, and the steps at which they stand.

        One that has not come to its first step is about to see by itself what there is to ask.
        """
        flows = self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH})
        return {flow["flow_id"]: flow["step_id"] for flow in flows if "step_id" in flow}

    async def _async_look(self) -> Link:
        try:
            return await self._gateway.get_link()
        except GatewayError as error:
            _LOGGER.debug("The account is not known: %s", error)
            return Link()
