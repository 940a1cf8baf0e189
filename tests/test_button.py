"""The buttons: each only where the gateway has something behind it, and what they do to the session."""

import asyncio

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.whatsapp_link.gateways.model import SessionState
from tests.conftest import SetUp, entry_of, every_gateway, instance_of, vendor_second
from tests.dialog import ENGLISH
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.test_entities import LINKED, SESSION, poll, state_of, until, until_state
from tests.test_services import loaded

RESTART = "button.green_api_1101000001_restart_session"
LOG_OUT = "button.green_api_1101000001_log_out"
NEW_CODE = "button.green_api_1101000001_new_pairing_qr_code"

# What the emulator calls the requests of the gateways that can do it.
RESTARTS = {
    "green_api": "reboot",
    "wawp": "session/restart",
    "wasend": "restartSession",
    "waha": "session/restart",
    "evolution": "instance/restart",
}
LOGOUTS = {
    "green_api": "logout",
    "wawp": "session/logout",
    "wachat": "instance/logout",
    "whatsapp_api": "logout",
    "waha": "session/logout",
    "evolution": "instance/logout",
}


async def press(hass: HomeAssistant, entity_id: str) -> None:
    """Press a button, as a dashboard does."""
    await hass.services.async_call("button", "press", {"entity_id": entity_id}, blocking=True)


def button_of(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return the entity id of a button, "" if there is none."""
    found = er.async_get(hass).async_get_entity_id("button", "whatsapp_link", f"{entry.entry_id}_{key}")
    return found or ""


def state_now(entry: MockConfigEntry) -> SessionState:
    """Return what Home Assistant knows of the session."""
    state: SessionState = entry.runtime_data.data.state
    return state


@every_gateway
async def test_what_there_is(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """No button for what a gateway cannot do; those that are there belong to the configuration."""
    async with loaded(hass, instance_of(emulator, key)) as entry:
        entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        buttons = {entity.unique_id: entity for entity in entities if entity.domain == "button"}
        wanted = {"new_code"} | {name for name, can in (("restart", RESTARTS), ("log_out", LOGOUTS)) if key in can}
        assert {unique_id.removeprefix(f"{entry.entry_id}_") for unique_id in buttons} == wanted
        assert {entity.entity_category for entity in buttons.values()} == {"config"}
        restart = buttons.get(f"{entry.entry_id}_restart")
        assert restart is None or restart.original_device_class == "restart"


@pytest.mark.parametrize("key", RESTARTS)
async def test_restart(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The session is restarted once, which is seen at once; the phone is linked again by itself."""
    instance = instance_of(emulator, key)
    async with loaded(hass, instance) as entry:
        await vendor_second()
        emulator.requests.reset()
        await press(hass, button_of(hass, entry, "restart"))
        restart, look = [entry.method for entry in emulator.requests.entries][:2]
        assert (restart, look != restart) == (RESTARTS[key], True)
        await until(lambda: state_now(entry) is SessionState.LINKED)
        assert emulator.requests.count(key, RESTARTS[key]) == 1
        assert instance.linked


@pytest.mark.parametrize("key", LOGOUTS)
async def test_log_out(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The phone is unlinked, which is seen at once; then there is a code for another one."""
    instance = instance_of(emulator, key)
    async with loaded(hass, instance) as entry:
        await vendor_second()
        emulator.requests.reset()
        await press(hass, button_of(hass, entry, "log_out"))
        assert emulator.requests.count(key, LOGOUTS[key]) == 1
        assert not instance.linked
        assert not state_now(entry).is_linked
        await until(lambda: entry.runtime_data.qr_code is not None)


@every_gateway
async def test_new_code(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A code is asked for at once, and takes the place of the one before."""
    instance = instance_of(emulator, key)
    entry = entry_of(instance, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.qr_code is not None)
    old = next(task for task in asyncio.all_tasks() if task.get_name() == "whatsapp_link pairing")
    await vendor_second()
    await press(hass, button_of(hass, entry, "new_code"))
    assert old.cancelling()
    await until(lambda: old.done() and entry.runtime_data.qr_code is not None)
    instance.link(instance.number)
    await until(lambda: state_now(entry) is SessionState.LINKED)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_no_code_to_ask_for(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """A code can be asked for only while no phone is linked, and not for an account that is banned."""
    instance.link(instance.number)
    await set_up()
    assert state_of(hass, NEW_CODE) == "unavailable"
    emulator.phone.unlink(instance.id)
    await poll(hass, freezer)
    assert state_of(hass, SESSION) == "unlinked"
    assert state_of(hass, NEW_CODE) == "unknown"
    emulator.phone.ban(instance.id)
    await poll(hass, freezer)
    assert state_of(hass, SESSION) == "blocked"
    assert state_of(hass, NEW_CODE) == "unavailable"


async def test_gateway_down(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """Nothing can be pressed while the gateway does not answer."""
    instance.link(instance.number)
    await set_up()
    emulator.faults.add("green_api", "502_html", 1)
    await poll(hass, freezer)
    assert {state_of(hass, button) for button in (RESTART, LOG_OUT, NEW_CODE)} == {"unavailable"}


@pytest.mark.parametrize(("button", "method"), [(RESTART, "reboot"), (LOG_OUT, "logout")])
@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("502_html", "cannot_connect"),
        ("404", "invalid_answer"),
        ("422", "refused"),
        ("malformed_json", "invalid_answer"),
    ],
)
async def test_failed(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    set_up: SetUp,
    button: str,
    method: str,
    fault: str,
    key: str,
) -> None:
    """What fails is said in words, and nothing is believed to have happened."""
    instance.link(instance.number)
    await set_up()
    emulator.faults.add("green_api", fault, 1, method=method)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, button)
    error = caught.value
    assert error.translation_key == key
    assert error.translation_placeholders is not None
    words = ENGLISH["exceptions"][key]["message"].format(**error.translation_placeholders)
    assert "GREEN-API" in words
    assert instance.token not in words
    assert state_of(hass, LINKED) == "on"


async def test_refused_token(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """Whoever presses a button with a token that stopped working is asked for a new one."""
    instance.link(instance.number)
    await set_up()
    instance.token = "fedcba9876543210" * 3
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, RESTART)
    assert caught.value.translation_key == "invalid_auth"
    await hass.async_block_till_done()
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_logged_out_and_linked_again(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp
) -> None:
    """Logged out by the button, the same phone can be linked again."""
    instance.link(instance.number)
    entry = await set_up()
    await press(hass, LOG_OUT)
    await until(lambda: entry.runtime_data.qr_code is not None)
    code = instance.codes.current()
    assert code
    emulator.phone.scan(code.text)
    await until_state(hass, SESSION, "linked")
    await until_state(hass, NEW_CODE, "unavailable")
