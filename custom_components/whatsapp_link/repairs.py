"""What the user can do about an issue: a flow for each, which ends when it is healed."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, override

import voluptuous as vol

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState, SubentryFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .const import CONF_GATEWAY, CONF_RECEIVING, DOMAIN, SUBENTRY_RECIPIENT
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .errors import action_errors
from .gateways import GATEWAYS
from .gateways.capability import Capability, Way
from .gateways.model import SessionState
from .issues import ENTRY_ID, OF_ACCOUNT, SUBENTRY_ID, Issue, async_report_version
from .receiving import OFF
from .webhook import NoAddress

type _Attempt = Callable[[WhatsAppLinkCoordinator], Awaitable[str]]
"""Tries to heal something, and returns "" or the key of the error that says why it is not healed."""


class _Flow(RepairsFlow):
    """A flow about one issue of one instance."""

    def __init__(self, entry: WhatsAppLinkConfigEntry, subentry_id: str, placeholders: Mapping[str, str]) -> None:
        """Take the instance, the recipient that it is about if it is, and what the words of the issue name."""
        self._entry = entry
        self._gateway_class = GATEWAYS[entry.data[CONF_GATEWAY]]
        self._subentry_id = subentry_id
        self._placeholders = dict(placeholders)

    def _show_form(self, step_id: str, error: str = "") -> RepairsFlowResult:
        """Show words, and a button to go on."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=vol.Schema({}),
            errors={"base": error} if error else {},
            description_placeholders=self._placeholders,
        )

    def _show_menu(self, *options: str) -> RepairsFlowResult:
        return self.async_show_menu(
            step_id="init", menu_options=list(options), description_placeholders=self._placeholders
        )

    async def _async_attempt(self, step_id: str, attempt: _Attempt) -> RepairsFlowResult:
        """End if the attempt succeeds; otherwise say why not, and offer the same again."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self._show_form(step_id, "not_loaded")
        coordinator = self._entry.runtime_data
        try:
            with action_errors(self.hass, self._entry, coordinator.gateway.name):
                error = await attempt(coordinator)
        except HomeAssistantError as failure:
            self._placeholders["reason"] = str(failure)
            error = "failed"
        return self._show_form(step_id, error) if error else self.async_create_entry(data={})


class _ConfirmFlow(_Flow, ABC):
    """Explains, and makes an attempt when the user agrees."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask, or go ahead."""
        if user_input is None:
            return self._show_form("confirm")
        return await self._async_attempt("confirm", self._async_heal)

    @abstractmethod
    async def _async_heal(self, coordinator: WhatsAppLinkCoordinator) -> str:
        """Make the attempt."""


class ReplaceWebhookFlow(_ConfirmFlow):
    """Asks whether the address that the gateway sends events to may be replaced by ours."""

    @override
    async def _async_heal(self, coordinator: WhatsAppLinkCoordinator) -> str:
        try:
            await coordinator.receiving.async_replace_webhook()
        except NoAddress:
            return "no_address"
        return ""


class _WayFlow(_Flow, ABC):
    """Tries a way to receive once more, or does without."""

    _way: ClassVar[Way]

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Offer to try again, and the other ways that the gateway has."""
        others = [way for way in self._gateway_class.ways if way is not self._way]
        return self._show_menu("try_again", *others, OFF)

    async def async_step_try_again(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Try it, and say why it does not work if it does not."""
        return await self._async_attempt("try_again", self._async_try)

    @abstractmethod
    async def _async_try(self, coordinator: WhatsAppLinkCoordinator) -> str:
        """Make the attempt."""

    async def async_step_stream(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Listen instead."""
        return self._receive_by(Way.STREAM)

    async def async_step_webhook(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Be called instead."""
        return self._receive_by(Way.WEBHOOK)

    async def async_step_polling(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Look now and then instead."""
        return self._receive_by(Way.POLLING)

    async def async_step_off(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Receive nothing."""
        return self._receive_by(OFF)

    def _receive_by(self, way: str) -> RepairsFlowResult:
        """Choose as in the options. An entry that is loaded is loaded anew by that."""
        options = {**self._entry.options, CONF_RECEIVING: str(way)}
        self.hass.config_entries.async_update_entry(self._entry, options=options)
        return self.async_create_entry(data={})


class StreamFlow(_WayFlow):
    """About what the gateway pushes."""

    _way = Way.STREAM

    @override
    async def _async_try(self, coordinator: WhatsAppLinkCoordinator) -> str:
        await coordinator.receiving.async_try_stream()
        return ""


class WebhookFlow(_WayFlow):
    """About calls from the gateway."""

    _way = Way.WEBHOOK

    @override
    async def _async_try(self, coordinator: WhatsAppLinkCoordinator) -> str:
        try:
            await coordinator.receiving.async_try_webhook()
        except NoAddress:
            return "no_address"
        return ""


async def _async_look(coordinator: WhatsAppLinkCoordinator, issue: Issue) -> str:
    """Look whether WhatsApp still treats the account so. Raises HomeAssistantError."""
    await coordinator.async_refresh()
    if not coordinator.last_update_success:
        assert coordinator.last_exception is not None
        raise coordinator.last_exception
    return "still_so" if OF_ACCOUNT.get(coordinator.data.state) is issue else ""


class AccountLimitedFlow(_ConfirmFlow):
    """Says what helps against a restriction, and looks whether it is over."""

    @override
    async def _async_heal(self, coordinator: WhatsAppLinkCoordinator) -> str:
        return await _async_look(coordinator, Issue.ACCOUNT_LIMITED)


class AccountBannedFlow(_Flow):
    """Says what helps against a ban: to have it lifted, or another phone."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Offer both, as far as the gateway can log out."""
        can_log_out = Capability.LOGOUT in self._gateway_class.capabilities
        return self._show_menu("look_again", *(["log_out"] if can_log_out else []))

    async def async_step_look_again(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Look whether it is lifted."""
        return await self._async_attempt("look_again", self._async_look)

    async def _async_look(self, coordinator: WhatsAppLinkCoordinator) -> str:
        error = await _async_look(coordinator, Issue.ACCOUNT_BANNED)
        if not error and not coordinator.data.state.is_linked:
            await coordinator.account.async_look_at_loss()
        return "still_so" if coordinator.account.was_banned else error

    async def async_step_log_out(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Unlink the phone of the banned account, so that another one can be linked."""
        return await self._async_attempt("log_out", self._async_log_out)

    async def _async_log_out(self, coordinator: WhatsAppLinkCoordinator) -> str:
        if coordinator.data.state is SessionState.UNLINKED:
            # The ban did that already.
            coordinator.account.forget_ban()
            coordinator.async_renew_code()
            return ""
        await coordinator.gateway.logout()
        return await self._async_look(coordinator)


class GatewayTooOldFlow(_ConfirmFlow):
    """Looks whether the server is up to date by now."""

    @override
    async def _async_heal(self, coordinator: WhatsAppLinkCoordinator) -> str:
        version = await coordinator.gateway.get_version()
        async_report_version(self.hass, self._entry, version)
        self._placeholders |= {"version": version.number}
        if version.is_too_old:
            return "still_so"
        # What it could not do before may work now.
        self.hass.config_entries.async_schedule_reload(self._entry.entry_id)
        return ""


class RecipientGoneFlow(_Flow):
    """Changes or removes a recipient who is not on WhatsApp any more."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Offer both, unless it was done elsewhere meanwhile."""
        if self._subentry_id not in self._entry.subentries:
            return self.async_create_entry(data={})
        return self._show_menu("change", "remove")

    async def async_step_change(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Go on in the dialog in which a recipient is changed. The issue stays until that is done."""
        changing = await self.hass.config_entries.subentries.async_init(
            (self._entry.entry_id, SUBENTRY_RECIPIENT),
            context=SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=self._subentry_id),
        )
        return self.async_abort(
            reason="changing",
            description_placeholders=self._placeholders,
            next_flow=(FlowType.CONFIG_SUBENTRIES_FLOW, changing["flow_id"]),
        )

    async def async_step_remove(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Remove the recipient, unless that was done elsewhere meanwhile."""
        if self._subentry_id in self._entry.subentries:
            self.hass.config_entries.async_remove_subentry(self._entry, self._subentry_id)
        return self.async_create_entry(data={})


_FLOWS: dict[str, type[_Flow]] = {
    Issue.ACCOUNT_BANNED: AccountBannedFlow,
    Issue.ACCOUNT_LIMITED: AccountLimitedFlow,
    Issue.GATEWAY_TOO_OLD: GatewayTooOldFlow,
    Issue.RECIPIENT_GONE: RecipientGoneFlow,
    Issue.STREAM_BLOCKED: StreamFlow,
    Issue.WEBHOOK_NO_ADDRESS: WebhookFlow,
    Issue.WEBHOOK_NOT_IN_PLAN: WebhookFlow,
    Issue.WEBHOOK_REFUSED: WebhookFlow,
    Issue.WEBHOOK_TAKEN: ReplaceWebhookFlow,
}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow for an issue. Raises UnknownEntry if its instance was removed at this moment."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.translation_key is not None
    assert data is not None
    entry: WhatsAppLinkConfigEntry = hass.config_entries.async_get_known_entry(str(data[ENTRY_ID]))
    flow = _FLOWS[issue.translation_key]
    return flow(entry, str(data[SUBENTRY_ID]), issue.translation_placeholders or {})
