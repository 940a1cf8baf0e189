"""Adds an instance: which gateway, its credentials, and pairing with a phone."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    SubentryFlowContext,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .const import CONF_BASE_URL, CONF_CREDENTIALS, CONF_GATEWAY, DOMAIN, SUBENTRY_RECIPIENT
from .errors import error_key, error_placeholders
from .gateways import GATEWAYS
from .gateways.address import InvalidAddress, parse_phone
from .gateways.errors import GatewayError, WrongState
from .gateways.gateway import Capability, Gateway
from .gateways.http import InvalidUrl
from .gateways.model import Instance, SessionState
from .pairing import PairingTimeout
from .pairing_view import PairingView
from .recipient_flow import RecipientFlow

_WAYS_TO_PAIR = {"pair_qr": Capability.GET_QR, "pair_code": Capability.REQUEST_PAIRING_CODE}

_INSTANCE = "instance"
_PHONE = "phone"
_SERVER = "server"

type _Step = Callable[
    [WhatsAppLinkConfigFlow, dict[str, Any] | None],
    Coroutine[Any, Any, ConfigFlowResult],
]


class WhatsAppLinkConfigFlow(ConfigFlow, domain=DOMAIN):
    """Walks the user from the choice of a gateway to a linked instance."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._gateway: Gateway
        self._data: dict[str, Any] = {}
        self._instances: list[Instance] = []
        self._view: PairingView | None = None
        self._failure: GatewayError | None = None

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to an instance."""
        return {SUBENTRY_RECIPIENT: RecipientFlow}

    # --- gateway and credentials -------------------------------------------------------------------

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which gateway. Each has a step of its own, named by its key, with its own words."""
        return self.async_show_menu(step_id="user", menu_options=list(GATEWAYS))

    async def async_enter_credentials(self, key: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Ask for the credentials of a gateway and try them."""
        gateway_class = GATEWAYS[key]
        errors: dict[str, str] = {}
        placeholders = {"gateway": gateway_class.name, "reason": ""}
        if user_input is not None:
            credentials = _stripped_credentials(gateway_class, user_input)
            base_url = user_input[_SERVER][CONF_BASE_URL].strip()
            if malformed := gateway_class.malformed(credentials):
                errors = {field: f"invalid_{field}" for field in malformed}
            else:
                try:
                    self._take(gateway_class, base_url, credentials)
                    return await self._async_credentials_entered()
                except InvalidUrl:
                    errors["base"] = "invalid_url"
                except GatewayError as error:
                    errors["base"] = error_key(error)
                    placeholders = error_placeholders(error, gateway_class.name)
        return self.async_show_form(
            step_id=key,
            data_schema=self.add_suggested_values_to_schema(_credentials_schema(gateway_class), user_input),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _take(self, gateway_class: type[Gateway], base_url: str, credentials: Mapping[str, str]) -> None:
        """Talk with these credentials from now on. Raises InvalidUrl or InvalidCredentials."""
        self._gateway = gateway_class(async_get_clientsession(self.hass), base_url, credentials)
        self._data = {CONF_GATEWAY: gateway_class.key, CONF_BASE_URL: base_url, CONF_CREDENTIALS: credentials}

    async def _async_credentials_entered(self) -> ConfigFlowResult:
        """Go on to the instance, or to those there are to choose from. Raises GatewayError."""
        gateway = self._gateway
        if not gateway.instance_key or gateway.instance_key in self._data[CONF_CREDENTIALS]:
            return await self._async_instance_known()
        if Capability.LIST_INSTANCES not in gateway.capabilities:
            return await self.async_step_new_instance()
        self._instances = await gateway.list_instances()
        return await self.async_step_instance()

    async def async_step_instance(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to use an instance there is or to make a new one."""
        if not self._instances:
            return await self.async_step_new_instance()
        return self.async_show_menu(
            step_id="instance",
            menu_options=["pick_instance", "new_instance"],
            description_placeholders={"gateway": self._gateway.name},
        )

    async def async_step_pick_instance(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which of the account's instances."""
        errors: dict[str, str] = {}
        placeholders = {"gateway": self._gateway.name, "reason": ""}
        if user_input is not None:
            try:
                return await self._async_use_instance(user_input[_INSTANCE])
            except GatewayError as error:
                errors["base"] = error_key(error)
                placeholders = error_placeholders(error, self._gateway.name)
        return self.async_show_form(
            step_id="pick_instance",
            data_schema=_instance_schema(self._instances),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_new_instance(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what the gateway wants to know of a new instance, and make it."""
        errors: dict[str, str] = {}
        placeholders = {"gateway": self._gateway.name, "reason": ""}
        if user_input is not None:
            try:
                phone = parse_phone(user_input[_PHONE]) if _PHONE in user_input else ""
                instance = await self._gateway.create_instance(user_input.get(CONF_NAME, ""), phone)
                return await self._async_use_instance(instance.instance_id)
            except InvalidAddress as error:
                errors[_PHONE] = error.problem.value
            except GatewayError as error:
                errors["base"] = error_key(error)
                placeholders = error_placeholders(error, self._gateway.name)
        return self.async_show_form(
            step_id="new_instance",
            data_schema=self.add_suggested_values_to_schema(_new_instance_schema(self._gateway), user_input),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def _async_use_instance(self, instance_id: str) -> ConfigFlowResult:
        """Complete the credentials with an instance. Raises GatewayError."""
        credentials = self._data[CONF_CREDENTIALS] | {self._gateway.instance_key: instance_id}
        self._take(type(self._gateway), self._data[CONF_BASE_URL], credentials)
        return await self._async_instance_known()

    async def _async_instance_known(self) -> ConfigFlowResult:
        """Look at the session: go on to pairing if there is no phone. Raises GatewayError."""
        session = await self._gateway.get_session()
        if session.state is SessionState.BLOCKED:
            raise WrongState(session.state)
        await self._async_claim_instance()
        if session.state.is_linked:
            return await self.async_step_finish()
        return await self.async_step_pair()

    async def _async_claim_instance(self) -> None:
        """Abort if the instance is there already.

        A flow whose browser page was closed goes on without a dialog for a while; it must not be in the way.
        """
        await self.async_set_unique_id(f"{self._gateway.key}_{self._gateway.instance_id}", raise_on_progress=False)
        self._abort_if_unique_id_configured()

    # --- pairing -----------------------------------------------------------------------------------

    async def async_step_pair(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how to pair, where there is a choice."""
        return self.async_show_menu(step_id="pair", menu_options=self._ways_to_pair())

    def _ways_to_pair(self) -> list[str]:
        return [way for way, capability in _WAYS_TO_PAIR.items() if capability in self._gateway.capabilities]

    async def async_step_pair_qr(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the code; a new one takes its place by itself, and a scan ends the step."""
        if self._view is None:
            self._view = PairingView(self, self._gateway)
        return self._show_pairing("pair_qr", self._view)

    async def async_step_pair_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the number of the phone and fetch a code to type into it."""
        errors: dict[str, str] = {}
        placeholders = {"gateway": self._gateway.name, "reason": ""}
        if user_input is not None:
            try:
                phone = parse_phone(user_input[_PHONE])
                code = await self._gateway.request_pairing_code(phone)
            except InvalidAddress as error:
                errors[_PHONE] = error.problem.value
            except GatewayError as error:
                errors["base"] = error_key(error)
                placeholders = error_placeholders(error, self._gateway.name)
            else:
                self._view = PairingView(self, self._gateway, code)
                return await self.async_step_enter_code()
        return self.async_show_form(
            step_id="pair_code",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(_PHONE): _text(TextSelectorType.TEL)}),
                user_input,
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_enter_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the pairing code until it has been typed into the phone."""
        assert self._view is not None
        return self._show_pairing("enter_code", self._view)

    def _show_pairing(self, step_id: str, view: PairingView) -> ConfigFlowResult:
        """Show what there is to show, or go on when the pairing has ended."""
        if not view.ended:
            return view.show(step_id)
        self._view = None
        try:
            view.result()
        except PairingTimeout:
            next_step = "pair_timeout"
        except GatewayError as error:
            self._failure = error
            next_step = "pair_failed"
        else:
            next_step = "finish"
        return self.async_show_progress_done(next_step_id=next_step)

    async def async_step_pair_timeout(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer to try again after nobody paired in time."""
        return self.async_show_menu(step_id="pair_timeout", menu_options=self._ways_to_pair())

    async def async_step_pair_failed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say why the pairing could not go on, and offer to try again."""
        assert self._failure is not None
        if user_input is not None:
            return await self.async_step_pair()
        return self.async_show_form(
            step_id="pair_failed",
            errors={"base": error_key(self._failure)},
            description_placeholders=error_placeholders(self._failure, self._gateway.name),
        )

    @callback
    @override
    def async_remove(self) -> None:
        """Stop waiting for a phone when the dialog was closed."""
        if self._view is not None:
            self._view.stop()

    # --- the entry ---------------------------------------------------------------------------------

    async def async_step_finish(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create the entry. Another flow may have added the instance while this one was pairing."""
        await self._async_claim_instance()
        return self.async_create_entry(title=f"{self._gateway.name} {self._gateway.instance_id}", data=self._data)

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

    # --- a refused token ---------------------------------------------------------------------------

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin because the gateway refused the credentials."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the secret credentials anew; the instance stays the same."""
        entry = self._get_reauth_entry()
        gateway_class = GATEWAYS[entry.data[CONF_GATEWAY]]
        errors: dict[str, str] = {}
        placeholders = {"gateway": gateway_class.name, "reason": ""}
        if user_input is not None:
            credentials = entry.data[CONF_CREDENTIALS] | {key: value.strip() for key, value in user_input.items()}
            if malformed := gateway_class.malformed(credentials):
                errors = {field: f"invalid_{field}" for field in malformed}
            else:
                try:
                    self._take(gateway_class, entry.data[CONF_BASE_URL], credentials)
                    await self._gateway.get_session()
                except GatewayError as error:
                    errors["base"] = error_key(error)
                    placeholders = error_placeholders(error, gateway_class.name)
                else:
                    return self._update_and_reload(entry, {CONF_CREDENTIALS: credentials})
        secrets = {
            vol.Required(credential.key): _text(TextSelectorType.PASSWORD)
            for credential in gateway_class.credentials
            if credential.secret
        }
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=vol.Schema(secrets),
            errors=errors,
            description_placeholders=placeholders | {"instance": entry.title},
        )

    def _update_and_reload(self, entry: ConfigEntry, updates: dict[str, Any]) -> ConfigFlowResult:
        """Finish with changed data. A loaded entry loads itself anew; one that could not be set up has to be told."""
        was_loaded = entry.state is ConfigEntryState.LOADED
        result = self.async_update_and_abort(entry, data_updates=updates)
        if not was_loaded:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result


def _credentials_step(key: str) -> _Step:
    async def async_step(flow: WhatsAppLinkConfigFlow, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        return await flow.async_enter_credentials(key, user_input)

    return async_step


# One step for each gateway, so that each has its own strings and nothing here names a vendor.
for _key in GATEWAYS:
    setattr(WhatsAppLinkConfigFlow, f"async_step_{_key}", _credentials_step(_key))


def _text(kind: TextSelectorType) -> TextSelector:
    return TextSelector(TextSelectorConfig(type=kind, autocomplete="off"))


def _credentials_schema(gateway_class: type[Gateway]) -> vol.Schema:
    """Return the fields: what is chosen later is not asked for, what can be made by us may stay empty."""
    can = gateway_class.capabilities
    fields: dict[vol.Marker, Any] = {}
    for credential in gateway_class.credentials:
        is_instance = credential.key == gateway_class.instance_key
        if is_instance and Capability.LIST_INSTANCES in can:
            continue
        marker = vol.Optional if is_instance and Capability.CREATE_INSTANCE in can else vol.Required
        kind = TextSelectorType.PASSWORD if credential.secret else TextSelectorType.TEXT
        fields[marker(credential.key)] = _text(kind)
    address = vol.Required(CONF_BASE_URL, default=gateway_class.default_base_url)
    # Where the address is all there is to enter, it has to be seen.
    server = section(vol.Schema({address: _text(TextSelectorType.URL)}), {"collapsed": bool(fields)})
    return vol.Schema({**fields, vol.Required(_SERVER): server})


def _instance_schema(instances: list[Instance]) -> vol.Schema:
    options = [
        SelectOptionDict(value=instance.instance_id, label=instance.name or instance.instance_id)
        for instance in instances
    ]
    selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
    return vol.Schema({vol.Required(_INSTANCE): selector})


def _new_instance_schema(gateway: Gateway) -> vol.Schema:
    kinds = {
        CONF_NAME: (vol.Required(CONF_NAME, default="Home Assistant"), _text(TextSelectorType.TEXT)),
        _PHONE: (vol.Required(_PHONE), _text(TextSelectorType.TEL)),
    }
    return vol.Schema(dict(kinds[field] for field in gateway.create_fields))


def _stripped_credentials(gateway_class: type[Gateway], user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return what was entered, without the blanks that copying brings along."""
    entered = {item.key: user_input.get(item.key, "").strip() for item in gateway_class.credentials}
    return {key: value for key, value in entered.items() if value or key != gateway_class.instance_key}
