"""The steps that lead to an instance: which gateway, its credentials, which instance of the account."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelectorType,
)

from .const import CONF_BASE_URL, CONF_CREDENTIALS, CONF_GATEWAY
from .credentials_form import base_url_in, new_credentials, new_credentials_schema, text
from .errors import error_key, error_placeholders
from .gateways import GATEWAYS
from .gateways.address import InvalidAddress, parse_phone
from .gateways.capability import Capability
from .gateways.errors import GatewayError, WrongState
from .gateways.gateway import Gateway
from .gateways.http import InvalidUrl
from .gateways.model import Instance, SessionState
from .pairing_flow import PairingFlow
from .server_finder import async_find_server

_INSTANCE = "instance"
_PHONE = "phone"
# So many instances that are called alike on one server can be told from one another.
_MAX_ALIKE = 9

type _Step = Callable[[InstanceFlow, dict[str, Any] | None], Coroutine[Any, Any, ConfigFlowResult]]


class InstanceFlow(PairingFlow):
    """Walks the user from the choice of a gateway to an instance, and on to pairing where it has no phone."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        super().__init__()
        self._data: dict[str, Any] = {}
        self._instances: list[Instance] = []
        self._made: Instance | None = None

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which gateway. Each has a step of its own, named by its key, with its own words."""
        return self.async_show_menu(step_id="user", menu_options=list(GATEWAYS))

    async def async_enter_credentials(self, key: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Ask for the credentials of a gateway and try them."""
        gateway_class = GATEWAYS[key]
        errors: dict[str, str] = {}
        placeholders = {"gateway": gateway_class.name}
        if user_input is not None:
            credentials = new_credentials(gateway_class, user_input)
            base_url = base_url_in(user_input)
            if malformed := gateway_class.malformed(credentials):
                errors = {field: f"invalid_{field}" for field in malformed}
            else:
                try:
                    self.use(gateway_class, base_url, credentials)
                    return await self._async_credentials_entered()
                except InvalidUrl:
                    errors["base"] = "invalid_url"
                except GatewayError as error:
                    errors["base"], placeholders = await self.explain(error, gateway_class, base_url)
        return self.async_show_form(
            step_id=key,
            data_schema=self.add_suggested_values_to_schema(new_credentials_schema(gateway_class), user_input),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def explain(
        self, error: GatewayError, gateway_class: type[Gateway], base_url: str
    ) -> tuple[str, dict[str, str]]:
        """Return the key of what to say of an error, and its placeholders: perhaps another server lives there."""
        placeholders = error_placeholders(error, gateway_class.name)
        place = await async_find_server(self.hass, base_url, error, gateway_class)
        if place is None:
            return error_key(error), placeholders
        key = "other_address" if place.name == gateway_class.name else "other_server"
        return key, placeholders | {"found": place.name, "address": place.base_url}

    def use(self, gateway_class: type[Gateway], base_url: str, credentials: Mapping[str, str]) -> None:
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
        self._instances = [one for one in await gateway.list_instances() if self._can_use(one)]
        return await self.async_step_instance()

    def _can_use(self, instance: Instance) -> bool:
        """Whether an instance is called something that can be asked for, and is no entry already."""
        kind = type(self._gateway)
        credentials = self._credentials_for(instance.instance_id)
        if kind.malformed(credentials):
            return False
        gateway = kind(async_get_clientsession(self.hass), self._data[CONF_BASE_URL], credentials)
        return gateway.identity not in self._async_current_ids()

    def _credentials_for(self, instance_id: str) -> dict[str, str]:
        """Return the credentials of the account, completed with an instance."""
        return {**self._data[CONF_CREDENTIALS], self._gateway.instance_key: instance_id}

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
        placeholders = {"gateway": self._gateway.name}
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
        placeholders = {"gateway": self._gateway.name}
        if user_input is not None:
            try:
                if self._made is None:
                    phone = parse_phone(user_input[_PHONE]) if _PHONE in user_input else ""
                    self._made = await self._gateway.create_instance(user_input.get(CONF_NAME, ""), phone)
                return await self._async_use_instance(self._made.instance_id)
            except InvalidAddress as error:
                errors[_PHONE] = error.problem.value
            except GatewayError as error:
                errors["base"] = error_key(error)
                placeholders = error_placeholders(error, self._gateway.name)
        return self.async_show_form(
            step_id="new_instance",
            data_schema=self.add_suggested_values_to_schema(self._new_instance_schema(), user_input),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _new_instance_schema(self) -> vol.Schema:
        """Return the fields. An instance that was made already is not made again: only the rest is tried anew."""
        kinds = {
            CONF_NAME: (vol.Required(CONF_NAME, default="Home Assistant"), text(TextSelectorType.TEXT)),
            _PHONE: (vol.Required(_PHONE), text(TextSelectorType.TEL)),
        }
        fields = () if self._made else self._gateway.create_fields
        return vol.Schema(dict(kinds[field] for field in fields))

    async def _async_use_instance(self, instance_id: str) -> ConfigFlowResult:
        """Go on with one of the account's instances. Raises GatewayError."""
        self.use(type(self._gateway), self._data[CONF_BASE_URL], self._credentials_for(instance_id))
        return await self._async_instance_known()

    async def _async_instance_known(self) -> ConfigFlowResult:
        """Look at the session: go on to pairing if there is no phone. Raises GatewayError."""
        session = await self._gateway.get_session()
        if session.state is SessionState.BLOCKED:
            raise WrongState(session.state)
        await self.async_claim_instance()
        if session.state.is_linked:
            return await self.async_step_finish()
        return await self.async_step_pair()

    async def async_claim_instance(self) -> None:
        """Abort if the instance is there already.

        A flow whose browser page was closed goes on without a dialog for a while; it must not be in the way.
        """
        await self.async_set_unique_id(self._gateway.identity, raise_on_progress=False)
        self._abort_if_unique_id_configured()


def titles_of(gateway: Gateway) -> list[str]:
    """Return what an entry may be called as long as the user does not call it otherwise: the first that is free.

    Titles become names of devices and ids of entities, so they tell no more of an address than the host and the port.
    """
    title = f"{gateway.name} {gateway.instance_id}"
    longer = title if gateway.server in title else f"{title} ({gateway.server})"
    return [*dict.fromkeys((title, longer)), *(f"{longer} {number}" for number in range(2, _MAX_ALIKE + 1))]


def _credentials_step(key: str) -> _Step:
    async def async_step(flow: InstanceFlow, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        return await flow.async_enter_credentials(key, user_input)

    return async_step


# One step for each gateway, so that each has its own strings and nothing here names a vendor.
for _key in GATEWAYS:
    setattr(InstanceFlow, f"async_step_{_key}", _credentials_step(_key))


def _instance_schema(instances: list[Instance]) -> vol.Schema:
    options = [
        SelectOptionDict(value=instance.instance_id, label=instance.name or instance.instance_id)
        for instance in instances
    ]
    selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
    return vol.Schema({vol.Required(_INSTANCE): selector})
