"""Triggers of a recipient's device."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_get_device_automations, async_mock_service

from homeassistant.components import automation
from homeassistant.components.device_automation import DeviceAutomationType
from homeassistant.core import HomeAssistant, ServiceCall, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import EventKind
from tests.conftest import remember
from tests.dialog import ENGLISH
from tests.incoming import FAMILY, tell


@pytest.fixture
def calls(hass: HomeAssistant) -> list[ServiceCall]:
    """Return what automations call."""
    return async_mock_service(hass, "test", "automation")


def devices(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry) -> tuple[dr.DeviceEntry, dr.DeviceEntry]:
    """Return the devices of the instance and of its recipient."""
    found = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    own, recipient = sorted(found, key=lambda device: device.via_device_id is not None)
    return own, recipient


async def triggers(hass: HomeAssistant, device: dr.DeviceEntry) -> dict[str, dict[str, Any]]:
    """Return our triggers of a device, by type."""
    found = await async_get_device_automations(hass, DeviceAutomationType.TRIGGER, device.id)
    return {trigger["type"]: trigger for trigger in found if trigger["domain"] == DOMAIN}


async def automate(hass: HomeAssistant, trigger: dict[str, Any]) -> None:
    """Make an automation that tells of its trigger."""
    action = {
        "service": "test.automation",
        "data": {"text": "{{ trigger.event.get('text') }}", "kind": "{{ trigger.event.event_type }}"},
    }
    config = {automation.DOMAIN: {"trigger": {**trigger, "metadata": {}}, "action": action}}
    config[automation.DOMAIN]["trigger"].pop("metadata")
    assert await async_setup_component(hass, automation.DOMAIN, config)
    await hass.async_block_till_done()


async def test_which_there_are(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """A recipient has both, an instance none."""
    own, recipient = devices(hass, coordinator.config_entry)
    assert set(await triggers(hass, recipient)) == {"message_received", "poll_answered"}
    assert await triggers(hass, own) == {}


async def test_message(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, calls: list[ServiceCall]) -> None:
    """A message of the recipient runs the automation, which knows what was written; nothing else does."""
    _, recipient = devices(hass, coordinator.config_entry)
    await automate(hass, (await triggers(hass, recipient))["message_received"])
    await tell(coordinator, text="first")
    for kind in (EventKind.POLL_VOTE, EventKind.REACTION, EventKind.EDITED, EventKind.CALL, EventKind.READ):
        await tell(coordinator, kind, about="x")
    await tell(coordinator, chat_id=FAMILY)
    await tell(coordinator, EventKind.IMAGE, text="second")
    await hass.async_block_till_done()
    assert [(call.data["kind"], call.data["text"]) for call in calls] == [("text", "first"), ("image", "second")]


async def test_poll(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, calls: list[ServiceCall]) -> None:
    """A vote runs the other one."""
    _, recipient = devices(hass, coordinator.config_entry)
    await automate(hass, (await triggers(hass, recipient))["poll_answered"])
    await tell(coordinator)
    await tell(coordinator, EventKind.POLL_VOTE, about="x", options=("Yes",))
    await hass.async_block_till_done()
    assert [call.data["kind"] for call in calls] == ["poll_vote"]


async def test_own_message(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, calls: list[ServiceCall]) -> None:
    """What the owner writes is not a message that was received, also where it is an event."""
    entry = coordinator.config_entry
    _, recipient = devices(hass, entry)
    await automate(hass, (await triggers(hass, recipient))["message_received"])
    hass.config_entries.async_update_entry(entry, options={**entry.options, "own_messages": True})
    await hass.async_block_till_done()
    await tell(entry.runtime_data, from_me=True)
    await hass.async_block_till_done()
    assert calls == []
    state = hass.states.get("event.robin_messages")
    assert state
    assert state.attributes["from_me"] is True


async def test_reload(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, calls: list[ServiceCall]) -> None:
    """The trigger outlives a reload, which itself is no message."""
    entry = coordinator.config_entry
    _, recipient = devices(hass, entry)
    await automate(hass, (await triggers(hass, recipient))["message_received"])
    await tell(coordinator, text="before")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert len(calls) == 1
    await tell(entry.runtime_data, text="after")
    await hass.async_block_till_done()
    assert [call.data["text"] for call in calls] == ["before", "after"]


async def test_restart(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    coordinator: WhatsAppLinkCoordinator,
    calls: list[ServiceCall],
) -> None:
    """The last message from before a restart is shown again, and is none that was just received."""
    entry = coordinator.config_entry
    _, recipient = devices(hass, entry)
    await automate(hass, (await triggers(hass, recipient))["message_received"])
    await hass.config_entries.async_unload(entry.entry_id)
    entity_id = "event.robin_messages"
    hass.states.async_remove(entity_id)
    last = {"last_event_type": "text", "last_event_attributes": {"text": "old", "from_me": False}}
    await remember(hass, hass_storage, State(entity_id, "2026-01-01T00:00:00.000+00:00"), last)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    state = hass.states.get(entity_id)
    assert state
    assert (state.state, state.attributes["text"]) == ("2026-01-01T00:00:00.000+00:00", "old")
    assert calls == []
    await tell(entry.runtime_data, text="new")
    await hass.async_block_till_done()
    assert [call.data["text"] for call in calls] == ["new"]


async def test_same_moment(
    hass: HomeAssistant,
    coordinator: WhatsAppLinkCoordinator,
    calls: list[ServiceCall],
    freezer: FrozenDateTimeFactory,
) -> None:
    """Messages that come within a millisecond are told each; another name for the entity is no message."""
    entry = coordinator.config_entry
    _, recipient = devices(hass, entry)
    await automate(hass, (await triggers(hass, recipient))["message_received"])
    freezer.move_to("2026-01-01T12:00:00+00:00")
    for text in ("first", "second"):
        await tell(coordinator, text=text)
        await hass.async_block_till_done()
    er.async_get(hass).async_update_entity("event.robin_messages", name="What Robin says")
    await hass.async_block_till_done()
    assert [call.data["text"] for call in calls] == ["first", "second"]


async def test_words(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """Each trigger has a name."""
    _, recipient = devices(hass, coordinator.config_entry)
    assert set(await triggers(hass, recipient)) == set(ENGLISH["device_automation"]["trigger_type"])
