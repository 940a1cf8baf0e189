"""What all entities of an instance share."""

from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator


def instance_device(entry: WhatsAppLinkConfigEntry) -> DeviceInfo:
    """Return the device of an instance. It hangs on the entry, so that it outlives a change of gateway."""
    return DeviceInfo(
        identifiers={(DOMAIN, entry.entry_id)},
        entry_type=DeviceEntryType.SERVICE,
        manufacturer=entry.runtime_data.gateway.name,
        model="WhatsApp instance",
        name=entry.title,
    )


def recipient_identity(entry: WhatsAppLinkConfigEntry, subentry: ConfigSubentry) -> str:
    """Return what a recipient's device and entities are known by."""
    return f"{entry.entry_id}_{subentry.subentry_id}"


class InstanceEntity(CoordinatorEntity[WhatsAppLinkCoordinator]):
    """An entity that shows something of the instance."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: WhatsAppLinkCoordinator, description: EntityDescription) -> None:
        """Bind the description to the coordinator's entry."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{coordinator.config_entry.entry_id}_{description.key}"

    @property
    @override
    def device_info(self) -> DeviceInfo:
        # Asked for once, so that it is not kept for each entity.
        return instance_device(self.coordinator.config_entry)


class RecipientEntity(Entity):
    """An entity of one recipient.

    It stays available while the gateway does not answer: Home Assistant leaves out unavailable entities without
    a word, and then nobody would learn that a message was not sent.
    """

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self,
        entry: WhatsAppLinkConfigEntry,
        subentry: ConfigSubentry,
        description: EntityDescription,
    ) -> None:
        """Bind the description to the entry's subentry."""
        self.entity_description = description
        self.coordinator = entry.runtime_data
        self.subentry = subentry
        self._attr_unique_id = f"{recipient_identity(entry, subentry)}_{description.key}"

    @property
    @override
    def device_info(self) -> DeviceInfo:
        entry = self.coordinator.config_entry
        return DeviceInfo(
            identifiers={(DOMAIN, recipient_identity(entry, self.subentry))},
            entry_type=DeviceEntryType.SERVICE,
            manufacturer=self.coordinator.gateway.name,
            model="WhatsApp recipient",
            name=self.subentry.title,
            via_device_id=dr.async_get_device_id_by_identifier(
                self.coordinator.hass,
                (DOMAIN, entry.entry_id),
                config_entry_id=entry.entry_id,
            ),
        )
