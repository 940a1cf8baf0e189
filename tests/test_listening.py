"""Gateways that push: nothing is asked while they do, and what happens when they stop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from custom_components.whatsapp_link import receiving
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.gateway import Pace
from tests.conftest import TIME_SCALE, entry_of, instance_of
from tests.emulator import Emulator
from tests.emulator.waha import Waha
from tests.emulator.waha_instance import WahaInstance
from tests.test_entities import state_of, until

LINKED = "binary_sensor.waha_default_linked"


@pytest.fixture(autouse=True)
def reopen_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a stream again as much sooner as the emulator's clock is faster."""
    monkeypatch.setattr(receiving, "_REOPEN_AFTER", TIME_SCALE)
    monkeypatch.setattr(receiving, "_MAX_REOPEN_AFTER", 10 * TIME_SCALE)


def waha(emulator: Emulator) -> WahaInstance:
    """Return the emulated instance of the gateway that pushes."""
    instance = instance_of(emulator, "waha")
    assert isinstance(instance, WahaInstance)
    return instance


def server(emulator: Emulator) -> Waha:
    """Return the emulated server."""
    found = emulator.gateways["waha"]
    assert isinstance(found, Waha)
    return found


@asynccontextmanager
async def loaded(hass: HomeAssistant, instance: WahaInstance) -> AsyncGenerator[MockConfigEntry]:
    """Load an entry for the instance, and unload it at the end."""
    entry = entry_of(instance)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    try:
        yield entry
    finally:
        await hass.config_entries.async_unload(entry.entry_id)


async def linked_and_listening(hass: HomeAssistant, emulator: Emulator) -> None:
    """Wait until the phone is linked and the stream is open."""
    await until(lambda: hass.states.is_state(LINKED, "on") and server(emulator).sockets == 1)


async def link(emulator: Emulator) -> WahaInstance:
    """Have the phone linked before Home Assistant looks."""
    instance = waha(emulator)
    instance.link(instance.number)
    return instance


async def test_nothing_is_asked(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two safety polls there is not a single request; and those do come."""
    monkeypatch.setattr(GATEWAYS["waha"], "pace", Pace(linked=0.1, pairing=0.1, pushed=3))
    async with loaded(hass, await link(emulator)):
        await linked_and_listening(hass, emulator)
        await asyncio.sleep(0.5)
        # The time begins with a poll, however long it took until here.
        polls = emulator.requests.count("waha")
        await until(lambda: emulator.requests.count("waha") > polls)
        emulator.requests.reset()
        await asyncio.sleep(1)
        assert emulator.requests.count("waha") == 0
        await until(lambda: emulator.requests.count("waha") == 1)


async def test_unlinked_and_linked_again(hass: HomeAssistant, emulator: Emulator) -> None:
    """What happens on the phone is seen at once, without a poll."""
    instance = await link(emulator)
    async with loaded(hass, instance):
        await linked_and_listening(hass, emulator)
        emulator.phone.unlink(instance.id)
        await until(lambda: hass.states.is_state(LINKED, "off"))
        instance.link(instance.number)
        await until(lambda: hass.states.is_state(LINKED, "on"))


async def test_dropped_connection(hass: HomeAssistant, emulator: Emulator) -> None:
    """A connection that was dropped is opened again, and what changed meanwhile is seen."""
    instance = await link(emulator)
    async with loaded(hass, instance):
        await linked_and_listening(hass, emulator)
        for _ in range(5):
            server(emulator).drop_sockets()
            await until(lambda: server(emulator).sockets == 1)
            assert state_of(hass, LINKED) == "on"


@pytest.mark.parametrize("fault", ["404", "502_html", "200_with_error"])
async def test_no_websocket(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Where the websocket cannot be had, as behind some proxies, the session is polled instead."""
    monkeypatch.setattr(GATEWAYS["waha"], "pace", Pace(linked=0.2, pairing=0.1, pushed=1000))
    emulator.faults.add("waha", fault, 1000, method="ws")
    instance = await link(emulator)
    async with loaded(hass, instance):
        await until(lambda: hass.states.is_state(LINKED, "on"))
        emulator.phone.unlink(instance.id)
        await until(lambda: hass.states.is_state(LINKED, "off"))


async def test_refused_key(hass: HomeAssistant, emulator: Emulator) -> None:
    """A key that is refused while listening ends that, and the user is asked for another one, once."""
    async with loaded(hass, await link(emulator)):
        await linked_and_listening(hass, emulator)
        emulator.faults.add("waha", "401", 1000)
        server(emulator).drop_sockets()
        await until(lambda: not _listens())
        flows = hass.config_entries.flow.async_progress()
        assert [flow["context"]["source"] for flow in flows] == ["reauth"]


async def test_key_refused_for_the_websocket_only(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where just the websocket refuses the key, the session is polled, and nobody is bothered for the key."""
    monkeypatch.setattr(GATEWAYS["waha"], "pace", Pace(linked=0.2, pairing=0.1, pushed=1000))
    instance = await link(emulator)
    emulator.faults.add("waha", "401", 3, method="ws")
    async with loaded(hass, instance):
        await until(lambda: emulator.requests.count("waha", method="ws", status=401) > 0)
        instance.stop()
        await until(lambda: hass.states.is_state(LINKED, "off"))
        assert hass.config_entries.flow.async_progress() == []
        # It may have been a mistake of the server's: it is tried again, less and less often.
        await until(lambda: server(emulator).sockets == 1)


def _listens() -> bool:
    return any(task.get_name() == "whatsapp_link listening" for task in asyncio.all_tasks())


async def test_server_killed_and_started_again(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    """A server that was away is picked up again without a reload; the log has one line for each."""
    options: dict[str, Any] = {"linked": True}

    async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port, seed="the same") as emulator:
        instance = emulator.gateways["waha"].create_instance(instance_id="living_room", options=options)
        assert isinstance(instance, WahaInstance)
        entry = entry_of(instance)
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        linked = "binary_sensor.waha_living_room_linked"
        await until(lambda: hass.states.is_state(linked, "on") and server(emulator).sockets == 1)
        # Not before the stream has told the session is it known to work.
        await until(lambda: entry.runtime_data.update_interval == timedelta(seconds=GATEWAYS["waha"].pace.pushed))
        caplog.clear()
    await until(lambda: hass.states.is_state(linked, "unavailable"))
    async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port, seed="the same") as emulator:
        emulator.gateways["waha"].create_instance(instance_id="living_room", options=options)
        await until(lambda: hass.states.is_state(linked, "on") and server(emulator).sockets == 1)
        assert entry.state is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)
    told = [record for record in caplog.records if record.name.startswith("custom_components") and record.levelno > 10]
    assert [record.levelno for record in told] == [logging.ERROR, logging.INFO]


async def test_scan_to_linked(hass: HomeAssistant, emulator: Emulator) -> None:
    """From the scan of the picture to the state in Home Assistant it takes less than a second."""
    instance = waha(emulator)
    async with loaded(hass, instance) as entry:
        await until(lambda: entry.runtime_data.qr_code is not None)
        code = instance.codes.current()
        assert code
        scanned = hass.loop.time()
        emulator.phone.scan(code.text)
        await until(lambda: hass.states.is_state(LINKED, "on"))
        assert hass.loop.time() - scanned < 1
