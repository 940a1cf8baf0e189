"""The options of an instance: how messages come in, whose are shown, what is kept of them, and how they go out."""

from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)

from .chat_options import spelled
from .const import (
    CONF_GAP,
    CONF_GATEWAY,
    CONF_HIDE_TEXT,
    CONF_LISTED,
    CONF_OWN_MESSAGES,
    CONF_RECEIVING,
    CONF_SENDERS,
    SENDERS_EVERYONE,
    SENDERS_LISTED,
    SENDERS_RECIPIENTS,
)
from .gateways import GATEWAYS
from .gateways.address import InvalidAddress, parse_chat_id
from .gateways.gateway import Gateway
from .receiving import AUTOMATIC, OFF

# Seconds. Actions wait until their message has gone out, so a longer pause would only look like a failure.
_MAX_GAP = 60


class WhatsAppLinkOptionsFlow(OptionsFlow):
    """Asks for the options; the entry is loaded anew when they change."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the options there are for this gateway."""
        gateway = GATEWAYS[self.config_entry.data[CONF_GATEWAY]]
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                listed = [parse_chat_id(chat) for chat in user_input.get(CONF_LISTED, [])]
            except InvalidAddress as error:
                errors[CONF_LISTED] = error.problem.value
            else:
                if listed or user_input[CONF_SENDERS] != SENDERS_LISTED:
                    return self.async_create_entry(data={**user_input, CONF_LISTED: listed})
                errors[CONF_LISTED] = "listed_empty"
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(_schema(gateway), user_input or self._present_values()),
            errors=errors,
            description_placeholders={"gateway": gateway.name},
        )

    def _present_values(self) -> dict[str, Any]:
        """Return what stands in the form at first; chats as people write them."""
        present = dict(self.config_entry.options)
        if CONF_LISTED in present:
            present[CONF_LISTED] = [spelled(chat_id) for chat_id in present[CONF_LISTED]]
        return present


def ways_to_receive(gateway: type[Gateway]) -> list[str]:
    """Return how messages can come in."""
    return [AUTOMATIC, *(way.value for way in gateway.ways), OFF]


def _schema(gateway: type[Gateway]) -> vol.Schema:
    senders = [SENDERS_RECIPIENTS, SENDERS_LISTED, SENDERS_EVERYONE]
    return vol.Schema(
        {
            vol.Required(CONF_RECEIVING, default=AUTOMATIC): _select(ways_to_receive(gateway), CONF_RECEIVING),
            vol.Required(CONF_SENDERS, default=SENDERS_RECIPIENTS): _select(senders, CONF_SENDERS),
            vol.Optional(CONF_LISTED): TextSelector(TextSelectorConfig(multiple=True)),
            vol.Required(CONF_OWN_MESSAGES, default=False): BooleanSelector(),
            vol.Required(CONF_HIDE_TEXT, default=True): BooleanSelector(),
            vol.Required(CONF_GAP, default=gateway.pace.gap): NumberSelector(
                NumberSelectorConfig(min=0, max=_MAX_GAP, step=0.5, mode=NumberSelectorMode.BOX)
            ),
        }
    )


def _select(options: list[str], translation_key: str) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(options=options, translation_key=translation_key, mode=SelectSelectorMode.LIST)
    )
