"""Adds a recipient: a chat that the user wants to have in Home Assistant."""

from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import TextSelector

from .const import CONF_CHAT_ID
from .gateways.address import InvalidAddress, parse_chat_id

_RECIPIENT = "recipient"

_SCHEMA = vol.Schema(
    {
        vol.Required(_RECIPIENT): TextSelector(),
        # The number is private and must not become the name of a device and its entities.
        vol.Required(CONF_NAME): TextSelector(),
    }
)


class RecipientFlow(ConfigSubentryFlow):
    """Asks for a number or chat id, and for a name."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a recipient."""
        errors: dict[str, str] = {}
        if user_input is not None:
            name = user_input[CONF_NAME].strip()
            try:
                chat_id = parse_chat_id(user_input[_RECIPIENT])
            except InvalidAddress as error:
                errors[_RECIPIENT] = error.problem.value
            else:
                if self._is_known(chat_id):
                    errors[_RECIPIENT] = "already_configured"
                elif not name:
                    errors[CONF_NAME] = "name_missing"
                else:
                    return self.async_create_entry(title=name, data={CONF_CHAT_ID: chat_id}, unique_id=chat_id)
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, user_input),
            errors=errors,
        )

    def _is_known(self, chat_id: str) -> bool:
        return any(subentry.unique_id == chat_id for subentry in self._get_entry().subentries.values())
