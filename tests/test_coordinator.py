"""How often the gateway is asked, and what its failures do to the entry, the entities and the log."""

import asyncio
import logging

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from custom_components.whatsapp_link.const import DOMAIN
from tests.conftest import SetUp, every_gateway, instance_of, vendor_second
from tests.dialog import ENGLISH
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.test_entities import LINKED, NOTIFY, SESSION, poll, spin, state_of, until

EXCEPTIONS = ENGLISH["exceptions"]


@every_gateway
async def test_requests_of_an_idle_hour(
    hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory, key: str
) -> None:
    """A linked instance with nothing to do stays within 120 requests an hour, and does look once a minute."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    credentials = dict(instance.credentials())
    base_url = credentials.pop("base_url")
    data = {"gateway": key, "base_url": base_url, "credentials": credentials}
    entry = MockConfigEntry(domain=DOMAIN, title=key, data=data)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await vendor_second()
    emulator.requests.reset()
    for _ in range(60 * 60 // 10):
        await poll(hass, freezer, seconds=10)
    assert 50 <= emulator.requests.count(gateway=key) <= 120
    await hass.config_entries.async_unload(entry.entry_id)


async def test_gateway_down(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A gateway in trouble makes entities unavailable, is asked less often, and is logged once down and once up."""
    instance.link(instance.number)
    await set_up()
    caplog.clear()
    emulator.faults.add("green_api", "502_html", 100)
    emulator.requests.reset()
    for _ in range(30):
        await poll(hass, freezer, seconds=60)
    assert state_of(hass, LINKED) == "unavailable"
    assert emulator.requests.count(gateway="green_api") <= 8
    emulator.faults.clear()
    await poll(hass, freezer, seconds=700)
    assert state_of(hass, LINKED) == "on"
    told = [record for record in caplog.records if record.name.startswith("custom_components") and record.levelno > 10]
    assert [record.levelno for record in told] == [logging.ERROR, logging.INFO]


async def test_retry_after(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """When the gateway says how long to wait, that long it is left alone."""
    instance.link(instance.number)
    await set_up()
    emulator.faults.add("green_api", "429_retry_after", 1, retry_after=300)
    await poll(hass, freezer)
    emulator.requests.reset()
    for _ in range(4):
        await poll(hass, freezer, seconds=60)
    assert emulator.requests.count(gateway="green_api") == 0
    await poll(hass, freezer, seconds=70)
    assert emulator.requests.count(gateway="green_api") == 1


async def test_not_reachable_at_the_start(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """An instance whose gateway does not answer is set up later by itself."""
    instance.link(instance.number)
    emulator.faults.add("green_api", "502_html", 1)
    entry = await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await poll(hass, freezer)
    await spin(lambda: entry.state is ConfigEntryState.LOADED)


async def test_token_refused_later(
    hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """A token that stops working asks for a new one, once, by poll and by action alike."""
    instance.link(instance.number)
    await set_up()
    instance.token = "fedcba9876543210" * 3
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call("notify", "send_message", {"entity_id": NOTIFY, "message": "x"}, blocking=True)
    assert caught.value.translation_key == "invalid_auth"
    await poll(hass, freezer)
    await poll(hass, freezer)
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_healed_by_a_scan(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, freezer: FrozenDateTimeFactory
) -> None:
    """A pairing that ended in the background because of a ban begins again when the ban is gone."""
    await set_up()
    emulator.phone.ban(instance.id)
    await poll(hass, freezer)
    assert state_of(hass, SESSION) == "blocked"
    emulator.phone.restore(instance.id)
    instance.unlink()
    await poll(hass, freezer)
    assert state_of(hass, SESSION) != "blocked"


def _pairs() -> bool:
    return any(task.get_name() == "whatsapp_link pairing" for task in asyncio.all_tasks())


async def test_ban_ends_the_pairing(emulator: Emulator, instance: GreenApiInstance, set_up: SetUp) -> None:
    """Nothing waits for a phone on behalf of a banned account."""
    await set_up()
    assert _pairs()
    emulator.phone.ban(instance.id)
    await until(lambda: not _pairs())


async def test_refused_token_ends_the_pairing(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """Without a token that works nothing waits for a phone; the user is asked for one."""
    entry = await set_up()
    assert _pairs()
    instance.token = "fedcba9876543210" * 3
    await entry.runtime_data.async_refresh()
    await until(lambda: not _pairs())
    assert [flow["step_id"] for flow in hass.config_entries.flow.async_progress()] == ["reauth_confirm"]


async def test_linked_elsewhere(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp
) -> None:
    """A phone that was linked in the vendor's console is seen by the next poll, if by nothing else."""
    emulator.faults.add("green_api", "timeout", 10, method="scanqrcode")
    entry = await set_up()
    instance.link(instance.number)
    await vendor_second()
    await entry.runtime_data.async_refresh()
    assert state_of(hass, LINKED) == "on"
    await until(lambda: not _pairs())


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("502_html", "cannot_connect"),
        ("403_html", "instance_not_found"),
        ("404", "invalid_answer"),
        ("422", "refused"),
        ("malformed_json", "invalid_answer"),
    ],
)
async def test_failed_action(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp, fault: str, key: str
) -> None:
    """An action that fails says why, in translated words without anything private."""
    instance.link(instance.number)
    await set_up()
    emulator.faults.add("green_api", fault, 1, method="sendMessage")
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call(
            "notify", "send_message", {"entity_id": NOTIFY, "message": "Psst"}, blocking=True
        )
    error = caught.value
    assert error.translation_key == key
    assert error.translation_placeholders is not None
    words = EXCEPTIONS[key]["message"].format(**error.translation_placeholders)
    assert "GREEN-API" in words
    for private in (instance.token, "12025550177", "Psst"):
        assert private not in words
    assert emulator.phone.messages(instance.id) == []
