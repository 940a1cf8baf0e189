"""How often the gateway is asked, and what its failures do to the entry, the entities and the log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
import logging
import math

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from custom_components.whatsapp_link import back_off, coordinator as coordinator_module
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.model import SessionState
from tests.conftest import TIME_SCALE, SetUp, entry_of, every_gateway, instance_of, vendor_second
from tests.dialog import ENGLISH
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.waha_instance import WahaInstance
from tests.test_entities import LINKED, NOTIFY, SESSION, poll, spin, state_of, until

EXCEPTIONS = ENGLISH["exceptions"]
# What pushes is another matter: see test_listening.py.
POLLED = [key for key, kind in GATEWAYS.items() if Capability.LISTEN not in kind.capabilities]


@pytest.mark.parametrize("key", POLLED)
async def test_requests_of_an_idle_hour(
    hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory, key: str
) -> None:
    """A linked instance with nothing to do stays within 120 requests an hour, and does look once a minute."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    entry = entry_of(instance, options={"receiving": "off"})
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
    """Without a token that works nothing waits for a phone; the user, who was asked for a phone, is not asked twice."""
    entry = await set_up()
    assert _pairs()
    instance.token = "fedcba9876543210" * 3
    await entry.runtime_data.async_refresh()
    await until(lambda: not _pairs())
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == ["reauth"]


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


# --- while nobody scans ----------------------------------------------------------------------------

PATIENCE = 2.0
"""Seconds instead of minutes, which is still many of the emulator's."""


@asynccontextmanager
async def resting(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str
) -> AsyncGenerator[MockConfigEntry]:
    """Load an instance, wait until nobody has scanned its code in time, and unload it at the end."""
    monkeypatch.setattr(coordinator_module, "PAIRING_TIME", PATIENCE)
    entry = entry_of(instance_of(emulator, key), options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: not _pairs())
    try:
        yield entry
    finally:
        await hass.config_entries.async_unload(entry.entry_id)


@every_gateway
async def test_nobody_scans(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """When a person has had the time to scan and has not, there is no code, and the gateway is left alone."""
    async with resting(hass, emulator, monkeypatch, key) as entry:
        assert entry.runtime_data.qr_code is None
        emulator.requests.reset()
        # Longer than any gateway is left alone while somebody pairs.
        await asyncio.sleep(20 * TIME_SCALE)
        assert emulator.requests.count(key) == 0
        assert entry.runtime_data.update_interval == timedelta(seconds=GATEWAYS[key].pace.linked)


@pytest.mark.parametrize("key", ["green_api", "evolution"])
async def test_polls_let_it_rest(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A look at the session is no reason for a code; a phone that was linked elsewhere is seen by it."""
    instance = instance_of(emulator, key)
    async with resting(hass, emulator, monkeypatch, key) as entry:
        coordinator = entry.runtime_data
        for _ in range(3):
            await vendor_second()
            await coordinator.async_refresh()
            assert coordinator.data.state is SessionState.UNLINKED
            assert not _pairs()
        instance.link(instance.number)
        await vendor_second()
        await coordinator.async_refresh()
        assert coordinator.data.state is SessionState.LINKED


async def test_asked_for_a_code(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, instance: GreenApiInstance
) -> None:
    """Somebody who asks for a code gets one, for as long as before."""
    async with resting(hass, emulator, monkeypatch, "green_api") as entry:
        coordinator = entry.runtime_data
        for _ in range(2):
            await vendor_second()
            coordinator.async_renew_code()
            await until(lambda: coordinator.qr_code is not None)
            await until(lambda: not _pairs())
            assert coordinator.qr_code is None
        coordinator.async_renew_code()
        await until(lambda: coordinator.qr_code is not None)
        code = instance.codes.current()
        assert code
        emulator.phone.scan(code.text)
        await until(lambda: coordinator.data.state is SessionState.LINKED)


async def test_logged_out_after_a_rest(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, instance: GreenApiInstance
) -> None:
    """A phone that was linked and lost again is waited for anew."""
    async with resting(hass, emulator, monkeypatch, "green_api") as entry:
        instance.link(instance.number)
        await vendor_second()
        await entry.runtime_data.async_refresh()
        instance.unlink()
        await vendor_second()
        await entry.runtime_data.async_refresh()
        assert _pairs()


async def test_session_that_does_not_come_up(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that stopped may still have its phone: it is helped again and again, as nobody else does it."""
    instance = instance_of(emulator, "waha")
    assert isinstance(instance, WahaInstance)
    instance.link(instance.number)
    instance.stop()
    emulator.faults.add("waha", "502_html", 10_000, method="session/start")
    monkeypatch.setattr(coordinator_module, "PAIRING_TIME", 0.3)
    monkeypatch.setattr(back_off, "_FIRST_PAUSE", 0.1)
    entry = entry_of(instance, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(3):
        await until(lambda: not _pairs())
        async with asyncio.timeout(20):
            while not _pairs():
                await entry.runtime_data.async_refresh()
                await asyncio.sleep(0.01)
    emulator.faults.clear()
    monkeypatch.setattr(coordinator_module, "PAIRING_TIME", 10.0)
    entry.runtime_data.async_renew_code()
    await until(lambda: entry.runtime_data.data.state is SessionState.LINKED)
    await hass.config_entries.async_unload(entry.entry_id)


def _restarts(emulator: Emulator, key: str) -> int:
    counts = emulator.requests.counts().get(key, {})
    return sum(count for method, count in counts.items() if "restart" in method)


@pytest.mark.parametrize("key", ["wawp", "waha", "wasend"])
async def test_session_that_stays_failed(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """It is restarted less and less often, and the user is told; who asks for a code has it tried at once."""
    monkeypatch.setattr(coordinator_module, "PAIRING_TIME", 0.3)
    monkeypatch.setattr(back_off, "_FIRST_PAUSE", 0.2)
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    entry = entry_of(instance, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    coordinator = entry.runtime_data
    instance.ban()
    emulator.requests.reset()
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(20):
        while asyncio.get_running_loop().time() - started < 4 or not hass.config_entries.flow.async_progress():
            await coordinator.async_refresh()
            await asyncio.sleep(0.05)
    lasted = asyncio.get_running_loop().time() - started
    # The pauses are 0.2, 0.4, 0.8, 1.6 seconds and so on.
    assert 2 <= _restarts(emulator, key) <= math.log2(lasted / 0.2 + 1) + 1
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_pair"
    monkeypatch.setattr(back_off, "_FIRST_PAUSE", 100)
    coordinator.async_renew_code()
    await until(lambda: coordinator.pairing_failure is not None)
    before = _restarts(emulator, key)
    await coordinator.async_refresh()
    assert not _pairs()
    coordinator.async_renew_code()
    await until(lambda: _restarts(emulator, key) == before + 1)
    await hass.config_entries.async_unload(entry.entry_id)


# --- actions ---------------------------------------------------------------------------------------


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
