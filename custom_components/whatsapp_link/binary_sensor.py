"""Whether a phone is linked."""

from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import WhatsAppLinkConfigEntry
from .entity import InstanceEntity

PARALLEL_UPDATES = 0

_DESCRIPTION = BinarySensorEntityDescription(
    key="linked",
    translation_key="linked",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensor of an instance."""
    async_add_entities([LinkedBinarySensor(entry.runtime_data, _DESCRIPTION)])


class LinkedBinarySensor(InstanceEntity, BinarySensorEntity):
    """On while a phone is linked. A gateway that does not answer makes it unavailable, not off."""

    @property
    @override
    def is_on(self) -> bool:
        return self.coordinator.data.state.is_linked
