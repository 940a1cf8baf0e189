"""Adds a recipient, a chat that the user wants to have in Home Assistant, and changes it later."""

import asyncio
import logging
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig, SelectSelectorMode, TextSelector

from .chat_options import PERSON, chat_name, chat_options, is_chat_id, spelled
from .const import CONF_CHAT_ID, CONF_GATEWAY
from .coordinator import WhatsAppLinkConfigEntry
from .gateways import GATEWAYS
from .gateways.address import InvalidAddress, parse_chat_id
from .gateways.capability import Capability, Feature
from .gateways.errors import GatewayError, WrongState
from .gateways.gateway import Gateway
from .gateways.model import Chat, SessionState

_LOGGER = logging.getLogger(__name__)

PATIENCE = 8.0
"""Seconds after which the dialog goes on without an answer of the gateway."""
_LOOK_AGAIN = 1.0

_RECIPIENT = "recipient"

# What a gateway has to be able to do for a chat of this kind. A person can be written to with each.
_NEEDED = {"g.us": Feature.GROUPS, "newsletter": Feature.CHANNELS, "lid": Feature.HIDDEN_NUMBERS}


class RecipientFlow(ConfigSubentryFlow):
    """Asks for a chat, chosen from the account's or typed in, and for a name."""

    def __init__(self) -> None:
        """Begin without the account's chats."""
        self._chats: dict[str, Chat] = {}
        self._is_listed = False

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a recipient."""
        if not await self._async_list_chats():
            return await self.async_step_user_unlisted(user_input)
        return await self._async_ask("user", user_input)

    async def async_step_user_unlisted(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a recipient where the account's chats are not known."""
        return await self._async_ask("user_unlisted", user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Give a recipient another name or another chat."""
        if not await self._async_list_chats():
            return await self.async_step_reconfigure_unlisted(user_input)
        return await self._async_ask("reconfigure", user_input)

    async def async_step_reconfigure_unlisted(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a recipient where the account's chats are not known."""
        return await self._async_ask("reconfigure_unlisted", user_input)

    async def _async_ask(self, step_id: str, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        """Show the form until what is in it can be used."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                chat_id = parse_chat_id(user_input[_RECIPIENT])
            except InvalidAddress as error:
                errors[_RECIPIENT] = error.problem.value
            else:
                name = user_input.get(CONF_NAME, "").strip() or self._name_of(chat_id)
                # The gateway comes last: some accounts have few questions, so none is wasted on what fails anyway.
                if not self._is_supported(chat_id):
                    errors[_RECIPIENT] = "unsupported_chat"
                elif self._is_taken(chat_id):
                    errors[_RECIPIENT] = "already_configured"
                elif not name:
                    # The number is private and must not become the name of a device and its entities.
                    errors[CONF_NAME] = "name_missing"
                elif not (found := await self._async_find(chat_id)):
                    errors[_RECIPIENT] = "not_on_whatsapp"
                elif self._is_taken(found):
                    errors[_RECIPIENT] = "already_configured"
                else:
                    return self._finish(name, found)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(self._schema(), user_input or self._present_values()),
            errors=errors,
            description_placeholders={"gateway": self._gateway_class.name},
        )

    def _schema(self) -> vol.Schema:
        """Return the form. Where there is nothing to choose from, the chat is plain text."""
        chat: SelectSelector | TextSelector = TextSelector()
        if options := chat_options(self._offered().values()):
            chat = SelectSelector(
                SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN, custom_value=True)
            )
        return vol.Schema({vol.Required(_RECIPIENT): chat, vol.Optional(CONF_NAME): TextSelector()})

    def _finish(self, name: str, chat_id: str) -> SubentryFlowResult:
        """Add the recipient, or change the one there is. The entry loads itself anew."""
        data = {CONF_CHAT_ID: chat_id}
        if recipient := self._present:
            return self.async_update_and_abort(
                self._get_entry(), recipient, title=name, data_updates=data, unique_id=chat_id
            )
        return self.async_create_entry(title=name, data=data, unique_id=chat_id)

    # --- the recipients there are ------------------------------------------------------------------

    @property
    def _present(self) -> ConfigSubentry | None:
        """The recipient that is to be changed; None when one is added."""
        return self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None

    def _present_values(self) -> dict[str, str]:
        """Return what stands in the form at first."""
        if (recipient := self._present) is None:
            # Without this, the dialog would choose the first of the list by itself.
            return {_RECIPIENT: ""}
        chat_id = recipient.data[CONF_CHAT_ID]
        # What is in the list is shown there by its name.
        return {_RECIPIENT: chat_id if chat_id in self._offered() else spelled(chat_id), CONF_NAME: recipient.title}

    def _is_taken(self, chat_id: str) -> bool:
        """Whether the chat is another recipient already."""
        present = self._present
        recipients = self._get_entry().subentries.values()
        return any(recipient.unique_id == chat_id for recipient in recipients if recipient is not present)

    # --- the account's chats -----------------------------------------------------------------------

    @property
    def _gateway_class(self) -> type[Gateway]:
        return GATEWAYS[self._get_entry().data[CONF_GATEWAY]]

    def _is_supported(self, chat_id: str) -> bool:
        """Whether the gateway can write to a chat of this kind."""
        needed = _NEEDED.get(chat_id.partition("@")[2])
        return needed is None or needed in self._gateway_class.features

    def _offered(self) -> dict[str, Chat]:
        """Return the chats that can be chosen, by their ids."""
        return {
            chat_id: chat
            for chat_id, chat in self._chats.items()
            if self._is_supported(chat_id) and not self._is_taken(chat_id)
        }

    def _name_of(self, chat_id: str) -> str:
        chat = self._chats.get(chat_id)
        return chat_name(chat) if chat else ""

    # --- what the gateway is asked -----------------------------------------------------------------

    def _gateway_that_can(self, capability: Capability) -> Gateway | None:
        """Return the gateway if the entry is loaded and the gateway can do this."""
        entry: WhatsAppLinkConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED or capability not in self._gateway_class.capabilities:
            return None
        return entry.runtime_data.gateway

    async def _async_list_chats(self) -> bool:
        """Ask for the account's chats, unless that is done, and say whether they are known."""
        if not self._is_listed and (gateway := self._gateway_that_can(Capability.LIST_CHATS)):
            try:
                async with asyncio.timeout(PATIENCE):
                    chats = await _list_once_started(gateway)
            except (GatewayError, TimeoutError) as error:
                _LOGGER.debug("Asking without a list of chats: %r", error)
            else:
                self._chats = {chat.chat_id: chat for chat in chats if is_chat_id(chat.chat_id)}
                self._is_listed = True
        return self._is_listed

    async def _async_find(self, chat_id: str) -> str | None:
        """Return the id of a chat as WhatsApp spells it; None for a number that is not on WhatsApp.

        In some countries it is not quite the number that people write. A gateway that cannot tell is no reason
        to refuse a number.
        """
        is_present = self._present is not None and self._present.unique_id == chat_id
        gateway = self._gateway_that_can(Capability.CHECK_NUMBER)
        if gateway is None or is_present or chat_id in self._chats or not chat_id.endswith(PERSON):
            return chat_id
        try:
            async with asyncio.timeout(PATIENCE):
                found = await gateway.check_number(chat_id.removesuffix(PERSON))
        except (GatewayError, TimeoutError) as error:
            _LOGGER.debug("Taking a number unchecked: %r", error)
            return chat_id
        # Where the account uses opaque ids, one of those is told; the number is the better address.
        if found is not None and not (found.endswith(PERSON) and is_chat_id(found)):
            return chat_id
        return found


async def _list_once_started(gateway: Gateway) -> list[Chat]:
    """Return the account's chats; wait for a session that is just starting, as after a change of its settings."""
    while True:
        try:
            return await gateway.list_chats()
        except WrongState:
            # Some gateways use the same words for a session without a phone.
            state = (await gateway.get_session()).state
            if not state.is_linked and state is not SessionState.STARTING:
                raise
        await asyncio.sleep(_LOOK_AGAIN)
