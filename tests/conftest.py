"""Home Assistant's test harness, with the emulator in place of the vendors' servers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
import time
from types import MappingProxyType

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS, http, wawp
from custom_components.whatsapp_link.gateways.gateway import Pace
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance

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
        faster = Pace(linked=pace.linked, pairing=pace.pairing * TIME_SCALE, code=pace.code * TIME_SCALE)
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


@pytest.fixture
def entry(instance: GreenApiInstance) -> MockConfigEntry:
    """Return the entry of the instance, with one recipient."""
    credentials = dict(instance.credentials())
    base_url = credentials.pop("base_url")
    recipient = ConfigSubentryDataWithId(
        data={"chat_id": "12025550177@c.us"},
        subentry_id="recipient",
        subentry_type="recipient",
        title="Robin",
        unique_id="12025550177@c.us",
    )
    return MockConfigEntry(
        domain=DOMAIN,
        title=f"GREEN-API {instance.id}",
        unique_id=f"green_api_{instance.id}",
        data=MappingProxyType({"gateway": "green_api", "base_url": base_url, "credentials": credentials}),
        subentries_data=[recipient],
    )


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
