"""The page on the system's health: instances, and whether their gateways answer; no address and nothing secret."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.components.system_health import get_info
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS
from tests.conftest import entry_of, every_gateway, instance_of
from tests.dialog import ENGLISH
from tests.emulator import Emulator
from tests.test_entities import until


@asynccontextmanager
async def running(hass: HomeAssistant, *entries: MockConfigEntry) -> AsyncGenerator[None]:
    """Set entries up, as far as they can be, together with what shows the page."""
    assert await async_setup_component(hass, "system_health", {})
    for entry in entries:
        entry.add_to_hass(hass)
        if not entry.disabled_by:
            await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    try:
        yield
    finally:
        for entry in entries:
            if entry.state.recoverable:
                await hass.config_entries.async_unload(entry.entry_id)


async def page(hass: HomeAssistant) -> dict[str, Any]:
    """Return our lines of the page; each of them has its words."""
    lines: dict[str, Any] = (await get_info(hass))[DOMAIN]
    assert set(lines) <= set(ENGLISH["system_health"]["info"])
    return lines


def test_every_gateway_has_words() -> None:
    """Each gateway has a line of its own, and no words are left over."""
    words = ENGLISH["system_health"]["info"]
    reached = {f"reach_{key}": f"Reach {gateway.name}" for key, gateway in GATEWAYS.items()}
    assert words == {"instances": "Instances", "linked_instances": "Linked instances"} | reached


@every_gateway
async def test_one_instance(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A gateway that answers is "ok", whatever it answers to somebody without a key."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    entry = entry_of(instance, options={"receiving": "off"})
    async with running(hass, entry):
        await until(lambda: entry.runtime_data.data.state.is_linked)
        assert await page(hass) == {"instances": 1, "linked_instances": 1, f"reach_{key}": "ok"}


async def test_several_instances(hass: HomeAssistant, emulator: Emulator) -> None:
    """Not every instance has a phone; a gateway that has several has one line."""
    linked = instance_of(emulator, "waha")
    linked.link(linked.number)
    others = [instance_of(emulator, key) for key in ("green_api", "evolution")]
    second = emulator.gateways["waha"].create_instance(instance_id="second")
    entries = [entry_of(instance, options={"receiving": "off"}) for instance in (linked, *others, second)]
    disabled = entry_of(instance_of(emulator, "wawp"))
    disabled.disabled_by = ConfigEntryDisabler.USER
    async with running(hass, *entries, disabled):
        await until(lambda: entries[0].runtime_data.data.state.is_linked)
        assert await page(hass) == {
            "instances": 4,
            "linked_instances": 1,
            "reach_waha": "ok",
            "reach_green_api": "ok",
            "reach_evolution": "ok",
        }


async def test_server_away(hass: HomeAssistant, emulator: Emulator, unused_tcp_port: int) -> None:
    """An instance whose server is away counts, and the line of its gateway says so, but not where the server is."""
    here = instance_of(emulator, "waha")
    here.link(here.number)
    entry = entry_of(here, options={"receiving": "off"})
    away = MockConfigEntry(
        domain=DOMAIN,
        title="Away",
        data={**entry.data, "base_url": f"http://127.0.0.1:{unused_tcp_port}/secret-path"},
    )
    async with running(hass, entry, away):
        assert away.state is ConfigEntryState.SETUP_RETRY
        await until(lambda: entry.runtime_data.data.state.is_linked)
        lines = await page(hass)
        assert lines == {"instances": 2, "linked_instances": 1, "reach_waha": "Failed: unreachable"}


async def test_only_the_host_is_asked(hass: HomeAssistant) -> None:
    """A path, where a proxy may have a secret, is not requested: the host is enough to see whether somebody answers."""
    requested: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requested.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    entry = MockConfigEntry(
        domain=DOMAIN,
        data={
            "gateway": "waha",
            "base_url": f"http://127.0.0.1:{port}/secret-path",
            "credentials": {"api_key": "secret-key", "session": "default"},
        },
    )
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "system_health", {})
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    requested.clear()
    assert (await page(hass))["reach_waha"] == "ok"
    assert [request.split(b"\r\n")[0] for request in requested] == [b"GET / HTTP/1.1"]
    assert b"secret" not in requested[0]
    server.close()
    await server.wait_closed()


async def test_no_instance(hass: HomeAssistant) -> None:
    """Without an instance there is nothing to reach."""
    assert await async_setup_component(hass, DOMAIN, {})
    async with running(hass):
        assert await page(hass) == {"instances": 0, "linked_instances": 0}
