"""The devices of an instance: which of them the user may delete."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.const import DOMAIN
from tests.conftest import SetUp
from tests.emulator.green_api_instance import GreenApiInstance


@pytest.fixture
async def entry_with_devices(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> MockConfigEntry:
    """Return the entry of an instance with one recipient."""
    assert await async_setup_component(hass, "config", {})
    instance.link(instance.number)
    return await set_up()


async def delete(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry: MockConfigEntry, identity: str
) -> bool:
    """Delete a device as its page does, and return whether that was allowed."""
    registry = dr.async_get(hass)
    device_id = dr.async_get_device_id_by_identifier(hass, (DOMAIN, identity), config_entry_id=entry.entry_id)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {
            "type": "config/device_registry/remove_config_entry",
            "config_entry_id": entry.entry_id,
            "device_id": device_id,
        }
    )
    answer = await client.receive_json()
    assert (registry.async_get(device_id) is None) == answer["success"]
    allowed: bool = answer["success"]
    return allowed


@pytest.mark.parametrize("suffix", ["", "_recipient"], ids=["instance", "recipient"])
async def test_device_in_use(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry_with_devices: MockConfigEntry, suffix: str
) -> None:
    """The instance's own device stays, and so does that of a recipient who is there."""
    entry = entry_with_devices
    assert not await delete(hass, hass_ws_client, entry, f"{entry.entry_id}{suffix}")


async def test_device_left_behind(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, entry_with_devices: MockConfigEntry
) -> None:
    """What was left behind of a recipient who is gone can be deleted."""
    entry = entry_with_devices
    identity = f"{entry.entry_id}_gone"
    dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, identity)})
    assert await delete(hass, hass_ws_client, entry, identity)


async def test_recipient_removed(hass: HomeAssistant, entry_with_devices: MockConfigEntry) -> None:
    """Nothing is left behind as a rule: with a recipient its device goes."""
    entry = entry_with_devices
    assert hass.config_entries.async_remove_subentry(entry, "recipient")
    await hass.async_block_till_done()
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert [device.identifiers for device in devices] == [{(DOMAIN, entry.entry_id)}]
