"""The least that an integration with as many entities costs: a bare coordinator, whose data never changes."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
import logging
from typing import override

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockPlatform,
    mock_integration,
    mock_platform,
)

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.button import ButtonEntity
from homeassistant.components.event import EventEntity
from homeassistant.components.image import ImageEntity
from homeassistant.components.notify import NotifyEntity
from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import HANDLERS, ConfigEntry, ConfigFlow, ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .home import recipients

DOMAIN = "floor"
_LOGGER = logging.getLogger(__name__)
_INTERVAL = timedelta(minutes=5)

type FloorEntry = ConfigEntry[FloorCoordinator]


class FloorCoordinator(DataUpdateCoordinator[str]):
    """Knows one word."""

    config_entry: FloorEntry

    def __init__(self, hass: HomeAssistant, entry: FloorEntry) -> None:
        """Take the entry."""
        super().__init__(hass, _LOGGER, name=DOMAIN, config_entry=entry, update_interval=_INTERVAL, always_update=False)

    @override
    async def _async_update_data(self) -> str:
        return "linked"


class _OfInstance(CoordinatorEntity[FloorCoordinator]):
    _attr_has_entity_name = True

    def __init__(self, coordinator: FloorCoordinator, key: str) -> None:
        super().__init__(coordinator)
        entry = coordinator.config_entry
        self._attr_unique_id = f"{entry.entry_id}_{key}"
        self._attr_name = key
        self._attr_device_info = _device(entry)


class _OfRecipient(Entity):
    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, entry: FloorEntry, subentry: ConfigSubentry, key: str) -> None:
        identity = f"{entry.entry_id}_{subentry.subentry_id}"
        self._attr_unique_id = f"{identity}_{key}"
        self._attr_name = key
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, identity)},
            entry_type=DeviceEntryType.SERVICE,
            name=subentry.title,
            via_device_id=dr.async_get_device_id_by_identifier(
                entry.runtime_data.hass, (DOMAIN, entry.entry_id), config_entry_id=entry.entry_id
            ),
        )


class _Linked(_OfInstance, BinarySensorEntity):
    _attr_is_on = True


class _Button(_OfInstance, ButtonEntity):
    pass


class _InstanceEvent(_OfInstance, EventEntity):
    _attr_event_types = ["text"]


class _RecipientEvent(_OfRecipient, EventEntity):
    _attr_event_types = ["text"]


class _Picture(_OfInstance, ImageEntity):
    def __init__(self, coordinator: FloorCoordinator, key: str) -> None:
        _OfInstance.__init__(self, coordinator, key)
        ImageEntity.__init__(self, coordinator.hass)
        self._attr_image_last_updated = dt_util.utcnow()


class BareNotify(_OfRecipient, NotifyEntity):
    """Sends in the way that it is told."""

    send: Callable[[str], Awaitable[object]]

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        await self.send(message)


class _Sensor(_OfInstance, SensorEntity):
    _attr_native_value = "linked"


class _DisabledSensor(_Sensor):
    _attr_entity_registry_enabled_default = False


type _Made = tuple[Callable[[FloorCoordinator, str], Entity], str]
type _MadeForRecipient = Callable[[FloorEntry, ConfigSubentry, str], Entity]

# What an instance at WAHA has.
_OF_INSTANCE: dict[Platform, tuple[_Made, ...]] = {
    Platform.BINARY_SENSOR: ((_Linked, "linked"),),
    Platform.BUTTON: ((_Button, "restart"), (_Button, "log_out"), (_Button, "new_code")),
    Platform.EVENT: ((_InstanceEvent, "event"),),
    Platform.IMAGE: ((_Picture, "pairing_qr"),),
    Platform.SENSOR: (
        (_Sensor, "session"),
        (_Sensor, "last_sent"),
        (_Sensor, "last_received"),
        (_DisabledSensor, "strangers"),
        (_DisabledSensor, "waiting"),
    ),
}
_OF_RECIPIENT: dict[Platform, _MadeForRecipient] = {
    Platform.EVENT: _RecipientEvent,
    Platform.NOTIFY: BareNotify,
}
_PLATFORMS = sorted({*_OF_INSTANCE, *_OF_RECIPIENT})


def floor_entry(number: int = 0) -> MockConfigEntry:
    """Return an entry like that of an instance."""
    return MockConfigEntry(
        domain=DOMAIN, title=f"Floor {number}", unique_id=str(number), subentries_data=recipients(number)
    )


def add_floor(hass: HomeAssistant) -> None:
    """Let Home Assistant know this integration."""

    class FloorFlow(ConfigFlow):
        """Entries need one to be set up."""

    HANDLERS[DOMAIN] = FloorFlow
    module = MockModule(DOMAIN, async_setup_entry=_async_setup_entry, async_unload_entry=_async_unload)
    mock_integration(hass, module, built_in=False)
    mock_platform(hass, f"{DOMAIN}.config_flow", MockPlatform())
    for platform in _PLATFORMS:
        mock_platform(hass, f"{DOMAIN}.{platform}", MockPlatform(async_setup_entry=_adder_of(platform)))


async def _async_setup_entry(hass: HomeAssistant, entry: FloorEntry) -> bool:
    coordinator = FloorCoordinator(hass, entry)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, **_device(entry))
    await hass.config_entries.async_forward_entry_setups(entry, _PLATFORMS)
    return True


async def _async_unload(hass: HomeAssistant, entry: FloorEntry) -> bool:
    return await hass.config_entries.async_unload_platforms(entry, _PLATFORMS)


def _adder_of(platform: Platform):  # type: ignore[no-untyped-def] # the mocked platform names no type either
    async def add(hass: HomeAssistant, entry: FloorEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
        async_add_entities(_made(entry.runtime_data, _OF_INSTANCE.get(platform, ())))
        if make := _OF_RECIPIENT.get(platform):
            for subentry in entry.subentries.values():
                async_add_entities([make(entry, subentry, "chat")], config_subentry_id=subentry.subentry_id)

    return add


def _made(coordinator: FloorCoordinator, wanted: Iterable[_Made]) -> list[Entity]:
    return [make(coordinator, key) for make, key in wanted]


def _device(entry: FloorEntry) -> DeviceInfo:
    return DeviceInfo(identifiers={(DOMAIN, entry.entry_id)}, entry_type=DeviceEntryType.SERVICE, name=entry.title)
