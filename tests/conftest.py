"""Home Assistant's test harness, with the emulator in place of the vendors' servers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
import logging
import time
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_load_restore_state_from_storage

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import restore_state
from homeassistant.util import dt as dt_util

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import GATEWAYS, http, wawp
from custom_components.whatsapp_link.gateways.capability import Way
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.measured import pytest_terminal_summary, report

__all__ = ["pytest_terminal_summary", "report"]

# The harness has each query logged, also by threads that outlast their test.
logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)

# 20 vendor's seconds, after which a code changes, last one second.
TIME_SCALE = 0.05

type SetUp = Callable[[], Awaitable[MockConfigEntry]]


every_gateway = pytest.mark.parametrize("key", GATEWAYS)


def instance_of(emulator: Emulator, key: str) -> Instance:
    """Return the instance that the emulator has for a gateway."""
    return next(instance for instance in emulator.instances if instance.gateway == key)


async def vendor_second() -> None:
    """Let a second of the emulator's clock go by, which runs on also in tests that stop every other clock.

    In that time GREEN-API answers most requests only once.
    """
    end = time.clock_gettime(time.CLOCK_MONOTONIC) + 1.1 * TIME_SCALE
    while time.clock_gettime(time.CLOCK_MONOTONIC) < end:
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def real_http_on_loopback(
    enable_custom_integrations: None, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load the integration of this checkout, allow loopback, and wait no longer than the emulator's clock asks for."""
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 1.2 * TIME_SCALE)
    monkeypatch.setattr(wawp, "RECOVERY", wawp.RECOVERY * TIME_SCALE)
    for gateway in GATEWAYS.values():
        pace = gateway.pace
        faster = replace(
            pace, pairing=pace.pairing * TIME_SCALE, code=pace.code * TIME_SCALE, gap=pace.gap * TIME_SCALE
        )
        monkeypatch.setattr(gateway, "pace", faster)


@pytest.fixture
async def emulator() -> AsyncGenerator[Emulator]:
    """Return a running emulator."""
    async with Emulator(time_scale=TIME_SCALE) as emulator:
        yield emulator


@pytest.fixture
def instance(emulator: Emulator) -> GreenApiInstance:
    """Return an instance that waits for a phone."""
    instance = emulator.instances[0]
    assert isinstance(instance, GreenApiInstance)
    return instance


def identity_of(instance: Instance) -> str:
    """Return what an entry for an instance is known by. Servers of one's own call their instances alike."""
    server = urlsplit(instance.credentials()["base_url"])
    place = f"{server.netloc}{server.path}"
    return {
        "waha": f"waha_{place}_{instance.id}",
        "evolution": f"evolution_{place}_{instance.id}",
        "whatsapp_api": f"whatsapp_api_{place}",
    }.get(instance.gateway, f"{instance.gateway}_{instance.id}")


def entry_of(
    instance: Instance, *recipients: ConfigSubentryDataWithId, options: Mapping[str, Any] | None = None
) -> MockConfigEntry:
    """Return an entry for an instance of any gateway."""
    gateway = GATEWAYS[instance.gateway]
    shown = instance.credentials()
    credentials = {item.key: shown[item.key] for item in gateway.credentials}
    return MockConfigEntry(
        domain=DOMAIN,
        title=f"{gateway.name} {instance.id}",
        unique_id=identity_of(instance),
        data=MappingProxyType(
            {
                "gateway": gateway.key,
                "base_url": shown["base_url"],
                "credentials": credentials,
                "account": instance.number.lstrip("+"),
            }
        ),
        options=options or {},
        subentries_data=recipients,
    )


@pytest.fixture
def entry(instance: GreenApiInstance) -> MockConfigEntry:
    """Return the entry of the instance, with one recipient. It does not listen, so that a test can stop the clock."""
    recipient = ConfigSubentryDataWithId(
        data={"chat_id": "12025550177@c.us"},
        subentry_id="recipient",
        subentry_type="recipient",
        title="Robin",
        unique_id="12025550177@c.us",
    )
    return entry_of(instance, recipient, options={"receiving": "off"})


async def remember(hass: HomeAssistant, hass_storage: dict[str, Any], state: State, extra: Mapping[str, Any]) -> None:
    """Have Home Assistant find what it wrote down of an entity before a restart. In storage it looks the same for all."""
    written = {"state": state.as_dict(), "extra_data": extra, "last_seen": dt_util.utcnow().isoformat()}
    hass_storage[restore_state.STORAGE_KEY] = {"version": restore_state.STORAGE_VERSION, "data": [written]}
    await async_mock_load_restore_state_from_storage(hass)


@pytest.fixture
async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncGenerator[SetUp]:
    """Return what sets the entry up; at the end it is unloaded."""

    async def set_up_entry() -> MockConfigEntry:
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        await vendor_second()
        return entry

    yield set_up_entry
    if entry.state.recoverable:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def coordinator(instance: GreenApiInstance, set_up: SetUp) -> WhatsAppLinkCoordinator:
    """Return the coordinator of a linked instance that receives what a test tells it."""
    instance.link(instance.number)
    coordinator: WhatsAppLinkCoordinator = (await set_up()).runtime_data
    coordinator.receiving.way = Way.STREAM
    return coordinator
