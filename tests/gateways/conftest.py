"""Fixtures for the tests of the clients."""

from collections.abc import AsyncGenerator

import aiohttp
import pytest

from custom_components.whatsapp_link.gateways import http, waha_polling, whatsapp_api
from tests.gateways.rig import Rig, open_rig, open_session

# A vendor's 20 seconds last 0.2 seconds.
_TIME_SCALE = 0.01


@pytest.fixture(autouse=True)
def real_http_on_loopback(socket_enabled: None) -> None:
    """Allow loopback, and nothing else: in here there is no Home Assistant."""


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Rig]:
    """A fast emulator, and whoever talks to it: a client that waits as many of its seconds as of real ones."""
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 1.05 * _TIME_SCALE)
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", 2 * _TIME_SCALE)
    monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", 70 * _TIME_SCALE)
    async with open_rig(_TIME_SCALE) as opened:
        yield opened


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """A session with a single connection."""
    async with open_session() as opened:
        yield opened
