"""The state of the session, when messages last went out and came in, how many wait, and how many came from strangers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import WhatsAppLinkConfigEntry
from .entity import InstanceEntity
from .gateways.model import SessionState
from .mailbox import Mailbox

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class _LastMessageDescription(SensorEntityDescription):
    """When a message last went one way: `value_fn` reads it from the mailbox, `restore_fn` puts it back there."""

    value_fn: Callable[[Mailbox], datetime | None]
    restore_fn: Callable[[Mailbox, datetime], None]


def _restore_sent(mailbox: Mailbox, when: datetime) -> None:
    mailbox.last_sent = when


def _restore_received(mailbox: Mailbox, when: datetime) -> None:
    mailbox.last_received = when


_SESSION = SensorEntityDescription(
    key="session",
    translation_key="session",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=[state.value for state in SessionState],
)
_LAST_SENT = _LastMessageDescription(
    key="last_sent",
    translation_key="last_sent",
    device_class=SensorDeviceClass.TIMESTAMP,
    value_fn=lambda mailbox: mailbox.last_sent,
    restore_fn=_restore_sent,
)
_LAST_RECEIVED = _LastMessageDescription(
    key="last_received",
    translation_key="last_received",
    device_class=SensorDeviceClass.TIMESTAMP,
    value_fn=lambda mailbox: mailbox.last_received,
    restore_fn=_restore_received,
)
_STRANGERS = SensorEntityDescription(
    key="strangers",
    translation_key="strangers",
    state_class=SensorStateClass.TOTAL_INCREASING,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)
_WAITING = SensorEntityDescription(
    key="waiting",
    translation_key="waiting",
    state_class=SensorStateClass.MEASUREMENT,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of an instance."""
    coordinator = entry.runtime_data
    async_add_entities(
        [
            SessionSensor(coordinator, _SESSION),
            LastMessageSensor(coordinator, _LAST_SENT),
            LastMessageSensor(coordinator, _LAST_RECEIVED),
            StrangersSensor(coordinator, _STRANGERS),
            WaitingSensor(coordinator, _WAITING),
        ]
    )


class SessionSensor(InstanceEntity, SensorEntity):
    """The state of the link to WhatsApp, in the words that all gateways share."""

    @property
    @override
    def native_value(self) -> str:
        return self.coordinator.data.state.value


class TrafficSensor(InstanceEntity, SensorEntity):
    """What changes with some of the messages that go out or come in."""

    _told: object = None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.mailbox.listen(self._on_traffic))

    @callback
    def _on_traffic(self) -> None:
        """Write a state only for what is new: of two sensors, a message concerns one."""
        if self.native_value != self._told:
            self._told = self.native_value
            self.async_write_ha_state()


class LastMessageSensor(TrafficSensor, RestoreSensor):
    """When a message last went out or came in, also before the last restart."""

    entity_description: _LastMessageDescription

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        restored = await self.async_get_last_sensor_data()
        if restored and isinstance(restored.native_value, datetime) and self.native_value is None:
            self.entity_description.restore_fn(self.coordinator.mailbox, restored.native_value)

    @property
    @override
    def native_value(self) -> datetime | None:
        return self.entity_description.value_fn(self.coordinator.mailbox)


class StrangersSensor(TrafficSensor):
    """How many messages came, since Home Assistant started, that are not shown because of who wrote them."""

    @property
    @override
    def native_value(self) -> int:
        return self.coordinator.inbox.strangers


class WaitingSensor(InstanceEntity, SensorEntity):
    """How many messages have not gone out yet: there is a pause after each."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.outbox.listen(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> int:
        return self.coordinator.outbox.waiting
