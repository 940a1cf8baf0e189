"""What happens in the chats, for automations: one entity for each instance, and one for each recipient."""

from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import ATTR_LATITUDE, ATTR_LONGITUDE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import restore_state
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_CHAT_ID, CONF_HIDE_TEXT, SUBENTRY_RECIPIENT
from .coordinator import WhatsAppLinkConfigEntry
from .entity import InstanceEntity, RecipientEntity
from .gateways.events import Event, EventKind, Sender
from .inbox import is_in_chat
from .received import media_content_id

PARALLEL_UPDATES = 0

_TYPES = [kind.value for kind in EventKind]
_INSTANCE = EventEntityDescription(key="event", translation_key="event", event_types=_TYPES)
_RECIPIENT = EventEntityDescription(key="event", translation_key="recipient_event", event_types=_TYPES)
# What people write, and who they are, is for automations: the recorder would keep it for everybody to read.
_PRIVATE = frozenset(
    {
        "about",
        "address",
        "chat_id",
        "contact_name",
        "contact_number",
        "file_name",
        ATTR_LATITUDE,
        ATTR_LONGITUDE,
        "media_content_id",
        "message_id",
        "name",
        "options",
        "place",
        "reply_to",
        "sender",
        "sender_lid",
        "text",
    }
)
# What of it the recorder may keep if the user wants that; who wrote it stays out all the same.
_TEXT = frozenset({"options", "text"})


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entities of an instance and its recipients."""
    hides_text = entry.options.get(CONF_HIDE_TEXT, True)
    instance_event = InstanceEvent if hides_text else RecordedInstanceEvent
    recipient_event = RecipientEvent if hides_text else RecordedRecipientEvent
    async_add_entities([instance_event(entry.runtime_data, _INSTANCE)])
    for subentry in entry.get_subentries_of_type(SUBENTRY_RECIPIENT):
        async_add_entities([recipient_event(entry, subentry, _RECIPIENT)], config_subentry_id=subentry.subentry_id)


class ForgottenEvent(EventEntity):
    """An event that is not there any more after the next start.

    Home Assistant writes the last state of every event entity into a file, with all of its attributes: whatever the
    recorder leaves out would still be found there, and in every backup.
    """

    _attr_has_entity_name = True

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        del restore_state.async_get(self.hass).entities[self.entity_id]

    @override
    async def async_internal_will_remove_from_hass(self) -> None:
        # Without that of RestoreEntity, which keeps the last state.
        await Entity.async_internal_will_remove_from_hass(self)


class InstanceEvent(InstanceEntity, ForgottenEvent):
    """What happens in all chats of an instance that may be seen."""

    _unrecorded_attributes = _PRIVATE

    @property
    @override
    def available(self) -> bool:
        # Events may come while nothing is answered: a trigger does not see one that makes the entity available.
        return True

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.inbox.listen(self._on_event))

    @callback
    def _on_event(self, event: Event) -> None:
        self._trigger_event(event.kind, _attributes(event, self.coordinator.config_entry.entry_id))
        self.async_write_ha_state()


class RecordedInstanceEvent(InstanceEvent):
    """The same, with text that the recorder keeps: Home Assistant settles for a class what is left out."""

    _unrecorded_attributes = _PRIVATE - _TEXT


class RecipientEvent(RecipientEntity, ForgottenEvent):
    """What happens in one recipient's chat."""

    _unrecorded_attributes = _PRIVATE

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.inbox.listen(self._on_event))

    @callback
    def _on_event(self, event: Event) -> None:
        if is_in_chat(event, self.subentry.data[CONF_CHAT_ID]):
            self._trigger_event(event.kind, _attributes(event, self.coordinator.config_entry.entry_id))
            self.async_write_ha_state()


class RecordedRecipientEvent(RecipientEvent):
    """The same, with text that the recorder keeps."""

    _unrecorded_attributes = _PRIVATE - _TEXT


def _attributes(event: Event, entry_id: str) -> dict[str, Any]:
    """Return what an automation can use of an event; what there is not, is left out."""
    # Of one's own messages the inbox knows who is on the other side, which is not who wrote them.
    sender = Sender() if event.from_me else event.sender
    attributes: dict[str, Any] = {
        "chat_id": event.chat_id,
        "sender": sender.number,
        "sender_lid": sender.lid,
        "name": sender.name,
        "message_id": event.message_id,
        "about": event.about,
        "reply_to": event.reply_to,
        "text": event.text,
        "options": list(event.options),
    }
    if event.file:
        attributes |= {"file_name": event.file.file_name, "mime_type": event.file.mime_type}
        attributes["media_content_id"] = media_content_id(entry_id, event)
    if place := event.location:
        attributes |= {ATTR_LATITUDE: place.latitude, ATTR_LONGITUDE: place.longitude}
        attributes |= {"place": place.name, "address": place.address}
    if contact := event.contact:
        attributes |= {"contact_name": contact.name, "contact_number": contact.phone}
    shown = {key: value for key, value in attributes.items() if value not in ("", [])}
    # An empty text says something here: the reaction was taken back.
    if event.kind is EventKind.REACTION:
        shown["text"] = event.text
    # So does a vote for nothing.
    if event.kind is EventKind.POLL_VOTE:
        shown["options"] = attributes["options"]
    return shown | {"from_me": event.from_me, "is_group": event.chat_id.endswith("@g.us")}
