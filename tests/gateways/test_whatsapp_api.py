"""WhatsApp API server: starting it, and what is left of a start that failed."""

import aiohttp
from aiohttp import ClientTimeout
import pytest

from custom_components.whatsapp_link.gateways import http, whatsapp_api
from custom_components.whatsapp_link.gateways.errors import CannotReach, GatewayError, Refused
from custom_components.whatsapp_link.gateways.model import SessionState
from custom_components.whatsapp_link.gateways.whatsapp_api import WhatsAppApi
from tests.emulator.whatsapp_api_instance import WhatsAppApiInstance
from tests.gateways.rig import PHONE, Rig, client_for, perform
from tests.gateways.servers import always, serve

both_ways = pytest.mark.parametrize("operation", ["start", "request_pairing_code"])


@pytest.fixture
def instance(rig: Rig) -> WhatsAppApiInstance:
    """The emulated server."""
    made = rig.instance("whatsapp_api")
    assert isinstance(made, WhatsAppApiInstance)
    return made


@pytest.fixture
def gateway(rig: Rig, instance: WhatsAppApiInstance) -> WhatsAppApi:
    """A client of the emulated server."""
    made = client_for(rig.session, instance, WhatsAppApi)
    assert isinstance(made, WhatsAppApi)
    return made


@both_ways
@pytest.mark.parametrize(
    ("failure", "kind"), [("browser", Refused), ("internet", Refused), ("auth_timeout", CannotReach)]
)
async def test_start_that_fails(
    rig: Rig,
    instance: WhatsAppApiInstance,
    gateway: WhatsAppApi,
    operation: str,
    failure: str,
    kind: type[GatewayError],
) -> None:
    """The server would say for ever that it starts; so what is left is cleared away, and the next start is one."""
    instance.options.initialize_fails = True
    instance.options.initialize_failure = failure
    with pytest.raises(kind):
        await perform(gateway, operation)
    assert (await gateway.get_session()).state is SessionState.STOPPED
    assert rig.emulator.requests.count(method="logout") == 1
    instance.options.initialize_fails = False
    await gateway.start()
    await rig.emulator.clock.sleep(instance.options.first_qr_seconds + 0.5)
    assert (await gateway.get_session()).state is SessionState.UNLINKED


@both_ways
async def test_start_that_cannot_be_cleared_away(
    instance: WhatsAppApiInstance, gateway: WhatsAppApi, operation: str
) -> None:
    """Then the first failure is the one to be told of."""
    instance.options.initialize_fails = instance.options.logout_fails = True
    with pytest.raises(Refused, match="Failed to launch the browser"):
        await perform(gateway, operation)
    assert (await gateway.get_session()).state is SessionState.STARTING


@both_ways
async def test_start_that_takes_too_long(
    rig: Rig, gateway: WhatsAppApi, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """It may still come to an end, so nothing is cleared away."""
    monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=5))
    monkeypatch.setattr(whatsapp_api, "_START_TIMEOUT", 0.1)
    await rig.fault("whatsapp_api", "timeout", method={"start": "start"}.get(operation, "pairing_code"))
    with pytest.raises(CannotReach):
        await perform(gateway, operation)
    assert rig.emulator.requests.count(method="logout") == 0


async def test_number_that_is_refused(rig: Rig, instance: WhatsAppApiInstance, gateway: WhatsAppApi) -> None:
    """That is HTTP 500 as well, and no reason to end what goes on."""
    await rig.prepare("whatsapp_api", "get_qr")
    with pytest.raises(Refused, match="8-15 digits"):
        await gateway.request_pairing_code("123")
    assert (await gateway.get_session()).state is SessionState.UNLINKED
    instance.link(instance.number)
    with pytest.raises(GatewayError):
        await gateway.request_pairing_code(PHONE)
    assert instance.linked
    assert rig.emulator.requests.count(method="logout") == 0


async def test_server_in_trouble(session: aiohttp.ClientSession) -> None:
    """Where nothing is known of the session, nothing is done to it."""
    async with serve(always(500, "<h1>Error</h1>", "text/html")) as server:
        with pytest.raises(CannotReach):
            await WhatsAppApi(session, server.url, {}).request_pairing_code(PHONE)
        assert server.requests == [("POST", "/api/pairing-code"), ("GET", "/api/status")]
