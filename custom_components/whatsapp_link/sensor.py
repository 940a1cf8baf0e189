"""The state of the session, and when a message last went out."""

from datetime import datetime
from typing import override

from homeassistant.components.sensor import RestoreSensor, SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import WhatsAppLinkConfigEntry
from .entity import InstanceEntity
from .gateways.model import SessionState

PARALLEL_UPDATES = 0

_SESSION = SensorEntityDescription(
    key="session",
    translation_key="session",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=[state.value for state in SessionState],
)
_LAST_SENT = SensorEntityDescription(
    key="last_sent",
    translation_key="last_sent",
    device_class=SensorDeviceClass.TIMESTAMP,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of an instance."""
    coordinator = entry.runtime_data
    async_add_entities([SessionSensor(coordinator, _SESSION), LastSentSensor(coordinator, _LAST_SENT)])


class SessionSensor(InstanceEntity, SensorEntity):
    """The state of the link to WhatsApp, in the words that all gateways share."""

    @property
    @override
    def native_value(self) -> str:
        return self.coordinator.data.state.value


class LastSentSensor(InstanceEntity, RestoreSensor):
    """When a message last went out, also before the last restart."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        restored = await self.async_get_last_sensor_data()
        if restored and isinstance(restored.native_value, datetime):
            self.coordinator.last_sent = self.coordinator.last_sent or restored.native_value

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.coordinator.last_sent
