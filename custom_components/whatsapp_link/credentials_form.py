"""The forms in which credentials are typed in, and what becomes of that."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType

from .const import CONF_BASE_URL
from .gateways.capability import Capability
from .gateways.gateway import Gateway

SERVER = "server"
"""The section that holds the address."""


def text(kind: TextSelectorType) -> TextSelector:
    """Return a field for something that the browser is not to fill in by itself."""
    return TextSelector(TextSelectorConfig(type=kind, autocomplete="off"))


def new_credentials_schema(gateway_class: type[Gateway]) -> vol.Schema:
    """Return the fields: what is chosen later is not asked for, what can be made by us may stay empty."""
    can = gateway_class.capabilities
    fields: dict[vol.Marker, Any] = {}
    for credential in gateway_class.credentials:
        is_instance = credential.key == gateway_class.instance_key
        if is_instance and Capability.LIST_INSTANCES in can:
            continue
        optional = credential.optional or (is_instance and Capability.CREATE_INSTANCE in can)
        marker = vol.Optional if optional else vol.Required
        kind = TextSelectorType.PASSWORD if credential.secret else TextSelectorType.TEXT
        fields[marker(credential.key)] = text(kind)
    # Where the address is all there is to enter, it has to be seen.
    return vol.Schema({**fields, vol.Required(SERVER): _server_section(gateway_class, collapsed=bool(fields))})


def new_secrets_schema(gateway_class: type[Gateway]) -> vol.Schema:
    """Return the fields for the secrets alone, which have to be entered."""
    return vol.Schema({vol.Required(key): text(TextSelectorType.PASSWORD) for key in _secrets(gateway_class)})


def access_schema(gateway_class: type[Gateway]) -> vol.Schema:
    """Return the fields for the secrets, which may stay empty and then stay as they are, and for the address."""
    secrets = {vol.Optional(key): text(TextSelectorType.PASSWORD) for key in _secrets(gateway_class)}
    return vol.Schema({**secrets, vol.Required(SERVER): _server_section(gateway_class, collapsed=False)})


def new_credentials(gateway_class: type[Gateway], user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return what was entered, without the blanks that copying brings along."""
    entered = {item.key: user_input.get(item.key, "").strip() for item in gateway_class.credentials}
    may_lack = {item.key for item in gateway_class.credentials if gateway_class.may_lack(item)}
    return {key: value for key, value in entered.items() if value or key not in may_lack}


def changed_credentials(
    gateway_class: type[Gateway], present: Mapping[str, str], user_input: Mapping[str, Any]
) -> dict[str, str]:
    """Return the credentials with the secrets that were entered."""
    entered = {key: user_input.get(key, "").strip() for key in _secrets(gateway_class)}
    return {**present, **{key: value for key, value in entered.items() if value}}


def base_url_in(user_input: Mapping[str, Any]) -> str:
    """Return the address that was entered."""
    address: str = user_input[SERVER][CONF_BASE_URL]
    return address.strip()


def _secrets(gateway_class: type[Gateway]) -> list[str]:
    return [credential.key for credential in gateway_class.credentials if credential.secret]


def _server_section(gateway_class: type[Gateway], *, collapsed: bool) -> section:
    address = vol.Required(CONF_BASE_URL, default=gateway_class.default_base_url)
    return section(vol.Schema({address: text(TextSelectorType.URL)}), {"collapsed": collapsed})
