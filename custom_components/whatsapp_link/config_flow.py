"""The dialogs of an instance: it is added, linked again, given other credentials, moved to another gateway."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
    SubentryFlowContext,
)
from homeassistant.core import callback

from .account import LostReason
from .const import (
    CONF_ACCOUNT,
    CONF_BASE_URL,
    CONF_CREDENTIALS,
    CONF_GATEWAY,
    CONF_LOST_REASON,
    CONF_RECEIVING,
    DOMAIN,
    SUBENTRY_RECIPIENT,
)
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator, make_gateway
from .credentials_form import SERVER, access_schema, base_url_in, changed_credentials, new_secrets_schema
from .errors import error_key, error_placeholders
from .followed_pairing import FollowedPairing
from .gateways import GATEWAYS
from .gateways.capability import Capability
from .gateways.errors import GatewayError, InvalidCredentials
from .gateways.gateway import Gateway
from .gateways.http import InvalidUrl
from .instance_flow import InstanceFlow, titles_of
from .issues import async_delete_all_issues
from .options_flow import WhatsAppLinkOptionsFlow, ways_to_receive
from .pairing import Watch
from .recipient_flow import RecipientFlow
from .webhook import async_remove_webhook

# A gateway takes a moment to log a phone out.
_LOGOUT_TIME = 10.0
_LOOK_AGAIN = 1.0


class WhatsAppLinkConfigFlow(InstanceFlow, domain=DOMAIN):
    """Walks the user to a linked instance, for the first time or again."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin with an instance that stays where it is."""
        super().__init__()
        self._moves = False
        self._account = ""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to an instance."""
        return {SUBENTRY_RECIPIENT: RecipientFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the dialog for the options."""
        return WhatsAppLinkOptionsFlow()

    # --- the end of each way -----------------------------------------------------------------------

    @override
    async def async_finish(self) -> ConfigFlowResult:
        """Keep what was found: a phone is linked."""
        self._meet_gateway()
        self._account = await self._async_number()
        if self.source == SOURCE_USER:
            return await self._async_add()
        if self._moves:
            return await self._async_move()
        return await self._async_end_pairing_again()

    async def _async_add(self) -> ConfigFlowResult:
        """Create the entry. Another flow may have added the instance while this one was pairing."""
        await self.async_claim_instance()
        return self.async_create_entry(title=self._free_title(), data=self._data | {CONF_ACCOUNT: self._account})

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go straight on to the first recipient: without one there is nobody to write to."""
        recipient = await self.hass.config_entries.subentries.async_init(
            (result["result"].entry_id, SUBENTRY_RECIPIENT),
            context=SubentryFlowContext(source=SOURCE_USER),
        )
        result["next_flow"] = (
            FlowType.CONFIG_SUBENTRIES_FLOW,
            recipient["flow_id"],
        )
        return result

    async def _async_move(self) -> ConfigFlowResult:
        """Put the new gateway in the place of the old one; recipients and entities hang on the entry and stay."""
        await self.async_claim_instance()
        entry = self._entry
        changes = self._new_identity()
        await async_remove_webhook(self.hass, entry, self._gateway_of(entry))
        # What was wrong with the old gateway is no concern of the new one.
        async_delete_all_issues(self.hass, entry)
        options = dict(entry.options)
        if options.get(CONF_RECEIVING) not in ways_to_receive(type(self._gateway)):
            options.pop(CONF_RECEIVING, None)
        return self._update_and_reload(
            entry, data=self._data | {CONF_ACCOUNT: self._account}, options=options, **changes
        )

    def _new_identity(self) -> dict[str, Any]:
        """Return what the entry is known by from now on. The name stays if it is one that the user gave."""
        entry = self._entry
        old = self._gateway_of(entry)
        return {
            "unique_id": self._gateway.identity,
            "title": self._free_title(entry) if entry.title in titles_of(old) else entry.title,
        }

    def _free_title(self, entry: WhatsAppLinkConfigEntry | None = None) -> str:
        """Return a title that no other entry has: sessions on two servers may be called alike."""
        titles = titles_of(self._gateway)
        taken = {other.title for other in self.hass.config_entries.async_entries(self.handler) if other is not entry}
        return next((title for title in titles if title not in taken), titles[-1])

    async def _async_end_pairing_again(self) -> ConfigFlowResult:
        """Ask, if it is another account than before and the user did not come for that."""
        known = self._entry.data.get(CONF_ACCOUNT, "")
        if self.source == SOURCE_REAUTH and known and self._account and self._account != known:
            return await self.async_step_other_account()
        return self._keep_account(self._account or known)

    async def _async_number(self) -> str:
        """Return the number of the account that is linked; empty if it is not told."""
        with suppress(GatewayError):
            return (await self._gateway.get_link()).number
        return ""

    @override
    async def async_claim_instance(self) -> None:
        """Abort if the instance is another entry already."""
        if self.source != SOURCE_RECONFIGURE or self._gateway.identity != self._entry.unique_id:
            await super().async_claim_instance()

    @override
    async def explain(
        self, error: GatewayError, gateway_class: type[Gateway], base_url: str
    ) -> tuple[str, dict[str, str]]:
        """Look for another server only where another address can be entered, and say how to use it for this entry."""
        if self.source == SOURCE_REAUTH:
            return error_key(error), error_placeholders(error, gateway_class.name)
        key, placeholders = await super().explain(error, gateway_class, base_url)
        if key == "other_server" and self.source == SOURCE_RECONFIGURE:
            key = "other_server_to_move_to"
        return key, placeholders

    # --- a refused token ---------------------------------------------------------------------------

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin because the gateway refused the credentials, or because the phone is not linked any more."""
        reason = entry_data.get(CONF_LOST_REASON)
        if reason is None:
            return await self.async_step_reauth_confirm()
        self._meet_gateway()
        if reason == LostReason.OTHER_ACCOUNT:
            return await self.async_finish()
        if reason == LostReason.LOGGED_OUT:
            return await self.async_step_reauth_logged_out()
        if reason == LostReason.REPLACED:
            return await self.async_step_reauth_replaced()
        return await self.async_step_reauth_pair()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the secret credentials anew; the instance stays the same."""
        entry = self._entry
        gateway_class = GATEWAYS[entry.data[CONF_GATEWAY]]
        errors: dict[str, str] = {}
        placeholders = {"gateway": gateway_class.name}
        if user_input is not None:
            credentials = changed_credentials(gateway_class, entry.data[CONF_CREDENTIALS], user_input)
            errors, placeholders = await self._async_try(gateway_class, entry.data[CONF_BASE_URL], credentials)
            if not errors:
                # What was refused may work again as it was; what ended because of that has to begin anew.
                return self._update_and_reload(
                    entry, even_if_same=True, data={**entry.data, CONF_CREDENTIALS: credentials}
                )
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=new_secrets_schema(gateway_class),
            errors=errors,
            description_placeholders=placeholders | {"instance": entry.title},
        )

    async def _async_try(
        self, gateway_class: type[Gateway], base_url: str, credentials: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the errors that the credentials lead to, by field, and the placeholders for their words."""
        placeholders = {"gateway": gateway_class.name}
        if malformed := gateway_class.malformed(credentials):
            return {field: f"invalid_{field}" for field in malformed}, placeholders
        try:
            self.use(gateway_class, base_url, credentials)
            await self._gateway.get_session()
        except InvalidUrl:
            return {"base": "invalid_url"}, placeholders
        except GatewayError as error:
            key, placeholders = await self.explain(error, gateway_class, base_url)
            return {"base": key}, placeholders
        return {}, placeholders

    # --- a lost phone ------------------------------------------------------------------------------

    async def async_step_reauth_pair(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how to link a phone again."""
        return await self.async_offer_ways("reauth_pair", user_input, instance=self._entry.title)

    async def async_step_reauth_logged_out(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The same, where the gateway says that the link was ended on the phone."""
        return await self.async_offer_ways("reauth_logged_out", user_input, instance=self._entry.title)

    async def async_step_reauth_replaced(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The same, where the gateway says that another program took the session over."""
        return await self.async_offer_ways("reauth_replaced", user_input, instance=self._entry.title)

    async def async_step_other_account(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to do with a phone of another account than before."""
        return self.async_show_menu(
            step_id="other_account",
            menu_options=["keep_account", "pair_again"],
            description_placeholders={
                "instance": self._entry.title,
                "old": _ending(self._entry.data.get(CONF_ACCOUNT, "")),
                "new": _ending(self._account),
            },
        )

    async def async_step_keep_account(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go on with the other account, unless it is yet another one by now."""
        shown, self._account = self._account, await self._async_number() or self._account
        if self._account not in (shown, self._entry.data.get(CONF_ACCOUNT)):
            return await self.async_step_other_account()
        return self._keep_account(self._account)

    def _keep_account(self, account: str) -> ConfigFlowResult:
        data = {**self._entry.data, CONF_ACCOUNT: account}
        return self._update_and_reload(self._entry, data=data, reason="linked_again")

    async def async_step_pair_again(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Log the phone out that is linked, if there is one and the user agrees, and link one."""
        self._meet_gateway()
        if self.source == SOURCE_REAUTH and self.is_opened_again("pair_again", user_input):
            return await self.async_step_other_account()
        errors: dict[str, str] = {}
        placeholders = {"gateway": self._gateway.name}
        try:
            if await self._async_is_without_phone(log_out=user_input is not None):
                if coordinator := self._coordinator:
                    await coordinator.async_refresh()
                return await self.async_step_pair()
            if user_input is not None:
                errors["base"] = "still_linked"
        except GatewayError as error:
            errors["base"] = error_key(error)
            placeholders = error_placeholders(error, self._gateway.name)
        return self.async_show_form(
            step_id="pair_again",
            data_schema=vol.Schema({}),
            errors=errors,
            description_placeholders=placeholders | {"instance": self._entry.title},
        )

    async def _async_is_without_phone(self, *, log_out: bool) -> bool:
        """Return whether no phone is linked, after logging it out where that is wanted and possible."""
        if not (await self._gateway.get_session()).state.is_linked:
            return True
        if not log_out or Capability.LOGOUT not in self._gateway.capabilities:
            return False
        await self._gateway.logout()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOGOUT_TIME):
                while (await self._gateway.get_session()).state.is_linked:
                    await asyncio.sleep(_LOOK_AGAIN)
                return True
        return False

    @override
    async def async_explain_failure(self, failure: GatewayError) -> ConfigFlowResult:
        """Ask for the credentials where those are the reason and can be changed here."""
        if self.source == SOURCE_REAUTH and isinstance(failure, InvalidCredentials):
            return await self.async_step_reauth_confirm()
        return await super().async_explain_failure(failure)

    @override
    def make_watch(self, on_change: Callable[[], None], *, with_qr: bool, time_limit: float) -> Watch:
        """Follow the pairing of a loaded entry: two that ask for codes would spoil each other's."""
        if self._coordinator:
            return FollowedPairing(self._entry, on_change, with_qr=with_qr, time_limit=time_limit)
        return super().make_watch(on_change, with_qr=with_qr, time_limit=time_limit)

    @override
    def make_room_for_code(self) -> None:
        """Have the entry show no QR code meanwhile."""
        self._meet_gateway()
        if coordinator := self._coordinator:
            coordinator.async_rest()

    @override
    def give_room_back(self) -> None:
        """Have the entry show a QR code again."""
        if coordinator := self._coordinator:
            coordinator.async_renew_code()

    # --- reconfiguration ---------------------------------------------------------------------------

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        entry = self._entry
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=["access", "pair_again", "move"],
            description_placeholders={
                "instance": entry.title,
                "gateway": GATEWAYS[entry.data[CONF_GATEWAY]].name,
            },
        )

    async def async_step_access(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for another address and other secrets; the instance stays the same."""
        entry = self._entry
        gateway_class = GATEWAYS[entry.data[CONF_GATEWAY]]
        errors: dict[str, str] = {}
        placeholders = {"gateway": gateway_class.name}
        if user_input is not None:
            credentials = changed_credentials(gateway_class, entry.data[CONF_CREDENTIALS], user_input)
            base_url = base_url_in(user_input)
            errors, placeholders = await self._async_try(gateway_class, base_url, credentials)
            if not errors:
                await self.async_claim_instance()
                changes = {CONF_BASE_URL: base_url, CONF_CREDENTIALS: credentials}
                # What was refused for a while is not tried any more until somebody says so.
                is_well = self._coordinator is not None and self._coordinator.last_update_success
                return self._update_and_reload(
                    entry, even_if_same=not is_well, data={**entry.data, **changes}, **self._new_identity()
                )
        present = {SERVER: {CONF_BASE_URL: entry.data[CONF_BASE_URL]}}
        return self.async_show_form(
            step_id="access",
            data_schema=self.add_suggested_values_to_schema(access_schema(gateway_class), user_input or present),
            errors=errors,
            description_placeholders=placeholders | {"instance": entry.title},
        )

    async def async_step_move(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go the way of a new instance, which takes the place of this one at the end."""
        self._moves = True
        return await self.async_step_user()

    # --- the entry ---------------------------------------------------------------------------------

    @property
    def _entry(self) -> WhatsAppLinkConfigEntry:
        """The entry that all but the first dialog is about."""
        return self._get_reauth_entry() if self.source == SOURCE_REAUTH else self._get_reconfigure_entry()

    @property
    def _coordinator(self) -> WhatsAppLinkCoordinator | None:
        """What looks after the same session already; None for a new instance, or while the entry is not loaded."""
        if not self._is_about_entry or self._entry.state is not ConfigEntryState.LOADED:
            return None
        return self._entry.runtime_data

    @property
    def _is_about_entry(self) -> bool:
        """Whether it is about the session of an entry, and not about that of a new instance."""
        return self.source != SOURCE_USER and not self._moves

    def _meet_gateway(self) -> None:
        """Talk to the gateway as the entry does, which may have been loaded anew since with other credentials."""
        if self._is_about_entry:
            self._gateway = self._gateway_of(self._entry)

    def _gateway_of(self, entry: WhatsAppLinkConfigEntry) -> Gateway:
        """Return the gateway of an entry: the one it uses itself, if it is loaded."""
        if entry.state is ConfigEntryState.LOADED:
            return entry.runtime_data.gateway
        return make_gateway(self.hass, entry)

    def _update_and_reload(self, entry: ConfigEntry, *, even_if_same: bool = False, **changes: Any) -> ConfigFlowResult:
        """Finish. A loaded entry loads itself anew if something changed; one that could not be set up has to be told."""
        has_to_be_told = entry.state is not ConfigEntryState.LOADED
        before = entry.data, entry.title, entry.unique_id
        result = self.async_update_and_abort(entry, **changes)
        if has_to_be_told or (even_if_same and (entry.data, entry.title, entry.unique_id) == before):
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result


def _ending(number: str) -> str:
    """Return what tells one number from another, without showing it. It begins with a mark for left to right."""
    return f"\u200e…{number[-3:]}"
