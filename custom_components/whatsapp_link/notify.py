"""A notify entity for each recipient."""

from typing import override

from homeassistant.components.notify import NotifyEntity, NotifyEntityDescription, NotifyEntityFeature
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_CHAT_ID, SUBENTRY_RECIPIENT
from .coordinator import WhatsAppLinkConfigEntry
from .entity import RecipientEntity
from .errors import action_errors
from .formatting import with_title

# The outbox lets one message out at a time, from here and from the actions.
PARALLEL_UPDATES = 0

_DESCRIPTION = NotifyEntityDescription(key="message", name=None)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add a notify entity for each recipient."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_RECIPIENT):
        async_add_entities(
            [RecipientNotify(entry, subentry, _DESCRIPTION)],
            config_subentry_id=subentry.subentry_id,
        )


class RecipientNotify(RecipientEntity, NotifyEntity):
    """Sends to one chat."""

    _attr_supported_features = NotifyEntityFeature.TITLE

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Send a text; the title stands above it in bold."""
        coordinator = self.coordinator
        text = with_title(message, title)
        chat_id = self.subentry.data[CONF_CHAT_ID]
        with action_errors(self.hass, coordinator.config_entry, coordinator.gateway.name, chat_id=chat_id):
            await coordinator.outbox.send(lambda: coordinator.gateway.send_text(chat_id, text))
        coordinator.async_note_sent(chat_id)
