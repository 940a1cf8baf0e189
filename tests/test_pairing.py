"""One pairing, watched from the first code to the linked phone, through everything that can come between."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

from aiohttp import ClientTimeout, web
import pytest

from custom_components.whatsapp_link import pairing as pairing_module
from custom_components.whatsapp_link.gateways import green_api, http
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    QuotaExceeded,
    RateLimited,
    WrongState,
)
from custom_components.whatsapp_link.gateways.gateway import Gateway, Pace
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.model import QrCode, Session, SessionState
from custom_components.whatsapp_link.gateways.qr_code import render_png
from custom_components.whatsapp_link.pairing import Offer, Pairing, PairingTimeout
from tests.gateways.rig import PHONE, Rig, closed_port, leaks, open_rig, open_session, text_in
from tests.gateways.servers import always, serve

# A vendor's 20 seconds, after which a code changes, last 0.2 seconds.
TIME_SCALE = 0.01
# Whatever a test waits for comes sooner.
PATIENCE = 5.0
# How late a timer of a busy machine may be.
LATE = 0.4

LINKED = Session(SessionState.LINKED)
CREDENTIALS = {"instance_id": "1101000001", "token": "0ddba11" * 7}


@pytest.fixture(autouse=True)
def real_http_on_loopback(socket_enabled: None) -> None:
    """Allow loopback, and nothing else: pairing needs no Home Assistant."""


@pytest.fixture(autouse=True)
def vendor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the seconds of the client be as short as the emulator's."""
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 1.05 * TIME_SCALE)
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 20 * TIME_SCALE)
    monkeypatch.setattr(GreenApi, "pace", Pace(linked=60 * TIME_SCALE, pairing=2 * TIME_SCALE))
    monkeypatch.setattr(pairing_module, "_PUSH_PAUSE", 60 * TIME_SCALE)
    monkeypatch.setattr(pairing_module, "_MAX_BACK_OFF", 5 * TIME_SCALE)


@pytest.fixture
async def rig() -> AsyncGenerator[Rig]:
    """A fast emulator, and whoever talks to it."""
    async with open_rig(TIME_SCALE) as opened:
        yield opened


@dataclass
class Screen:
    """Shows what a pairing offers, and remembers all of it."""

    pairing: Pairing = field(init=False)
    task: asyncio.Task[Session] = field(init=False)
    shown: list[Offer[QrCode] | None] = field(default_factory=list)
    overdue: list[float] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_change(self) -> None:
        """Take note of a change, and of an offer that stood for longer than it was good."""
        if self.shown and (before := self.shown[-1]):
            self.overdue.append(asyncio.get_running_loop().time() - before.expires)
        self.shown.append(self.pairing.offer)
        self._changed.set()

    @property
    def codes(self) -> list[bytes]:
        """Every picture that was shown, oldest first."""
        return [offer.code.png for offer in self.shown if offer]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a change after which a condition holds; an end of the pairing is a failure."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                try:
                    await asyncio.wait({changed, self.task}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
                if self.task.done() and not condition():
                    raise AssertionError(f"the pairing ended: {self.task!r}")

    async def code(self, number: int = 1) -> bytes:
        """Wait until so many codes were shown, and return the present one."""
        await self.until(lambda: len(self.codes) >= number and self.pairing.offer is not None)
        assert self.pairing.offer
        return self.pairing.offer.code.png

    async def blank(self) -> None:
        """Wait until there is nothing to be seen."""
        await self.until(lambda: self.pairing.offer is None)

    async def session(self) -> Session:
        """Wait for the end, and return the linked session."""
        async with asyncio.timeout(PATIENCE):
            return await self.task

    async def error(self) -> GatewayError:
        """Wait for the end, and return the reason why it failed."""
        with pytest.raises(GatewayError) as caught:
            await self.session()
        return caught.value


@asynccontextmanager
async def screen_of(
    gateway: Gateway, *, with_qr: bool = True, time_limit: float | None = PATIENCE
) -> AsyncGenerator[Screen]:
    """Run a pairing, and check what holds for each: codes are shown once, in time, and not after the end."""
    screen = Screen()
    screen.pairing = Pairing(gateway, screen.on_change, with_qr=with_qr, time_limit=time_limit)
    screen.task = asyncio.create_task(screen.pairing.run())
    try:
        yield screen
    finally:
        screen.task.cancel()
        await asyncio.gather(screen.task, return_exceptions=True)
    assert screen.pairing.offer is None
    assert not screen.shown or screen.shown[-1] is None
    assert len(set(screen.codes)) == len(screen.codes)
    assert max(screen.overdue, default=0) < LATE


@asynccontextmanager
async def screen_at(
    url: str, *, kind: type[GreenApi] = GreenApi, time_limit: float | None = PATIENCE
) -> AsyncGenerator[Screen]:
    """Run a pairing with a server that is not the emulator."""
    async with open_session() as session, screen_of(kind(session, url, CREDENTIALS), time_limit=time_limit) as screen:
        yield screen


async def scan_present_code(rig: Rig, screen: Screen, number: int = 1) -> None:
    """Scan what the screen shows; if the code changed at that very moment, scan the next."""
    while await rig.scan(await screen.code(number)) != 200:
        number = max(number, len(screen.codes)) + 1


# With pushed codes


async def test_pushed_codes_are_shown_until_one_is_scanned(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Each new code appears by itself, and nothing but the websocket is asked for them."""
    async with screen_of(rig.green()) as screen:
        await scan_present_code(rig, screen, 3)
        assert await screen.session() == LINKED
    assert len(screen.codes) >= 3
    assert all(text_in(png).startswith("2@") for png in screen.codes)
    assert rig.emulator.requests.counts() == {"green_api": {"getStateInstance": 1, "scanqrcode": 1}}
    assert leaks([*rig.secrets("green_api"), *map(text_in, screen.codes)], None, caplog.records) == []


async def test_linked_within_a_second_of_the_scan(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real vendor's pace, too: the news is pushed."""
    monkeypatch.setattr(GreenApi, "pace", Pace(linked=60, pairing=2))
    async with screen_of(rig.green()) as screen:
        await scan_present_code(rig, screen)
        async with asyncio.timeout(1):
            assert await screen.task == LINKED


async def test_scan_window_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 100 seconds the vendor closes the websocket; the code it showed goes on, and is not shown anew."""
    scale = 0.006
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 20 * scale)
    monkeypatch.setattr(GreenApi, "pace", Pace(linked=60, pairing=2 * scale))
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 1.05 * scale)
    async with open_rig(scale) as rig, screen_of(rig.green()) as screen:
        await screen.until(lambda: rig.emulator.requests.count(method="scanqrcode") >= 2)
        await scan_present_code(rig, screen, len(screen.codes) + 1)
        assert await screen.session() == LINKED
        assert rig.emulator.requests.count(method="qr") == 0


async def test_code_is_taken_away_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that hangs must not leave a code on the screen that no phone takes."""
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 0.2)
    # In real time, the next code comes after 20 seconds: for as long as this test, the websocket is silent.
    async with open_rig(1) as rig, screen_of(rig.green()) as screen:
        await screen.code()
        shown_at = asyncio.get_running_loop().time()
        await screen.blank()
        assert 0.1 < asyncio.get_running_loop().time() - shown_at < 0.2 + LATE
        await asyncio.sleep(0.1)
        assert len(screen.shown) == 2
        assert not screen.task.done()


async def test_code_is_taken_away_when_the_gateway_dies(rig: Rig) -> None:
    """Nobody is there to renew it."""
    async with screen_of(rig.green(), time_limit=0.6) as screen:
        await screen.code()
        await rig.emulator.stop()
        await screen.blank()
        count = len(screen.codes)
        assert isinstance(await screen.error(), CannotReach)
    assert len(screen.codes) == count


async def test_offer_tells_when_it_ends(rig: Rig) -> None:
    """Whoever draws a ring around the code knows how long it lasts."""
    async with screen_of(rig.green()) as screen:
        await screen.code()
        offer = screen.pairing.offer
        assert offer is not None
        left = offer.expires - asyncio.get_running_loop().time()
        assert 0 < left <= offer.code.valid_for == 20 * TIME_SCALE


# With polled codes


class Polled(GreenApi):
    """GREEN-API, if it pushed nothing: like most of the gateways."""

    capabilities: ClassVar[frozenset[Capability]] = GreenApi.capabilities - {Capability.WATCH_QR}


async def test_polled_codes_are_shown_until_one_is_scanned(rig: Rig) -> None:
    """Without a push, the codes come by asking, at the gateway's pace and within its limits."""
    async with screen_of(rig.client("green_api", kind=Polled)) as screen:
        await scan_present_code(rig, screen, 3)
        assert await screen.session() == LINKED
    assert len(screen.codes) >= 3
    requests = rig.emulator.requests
    assert requests.count(method="scanqrcode") == 0
    assert requests.count(status=429) == 0
    # A code is asked for several times before it changes; two requests belong together.
    assert requests.count(method="qr") > len(screen.codes)
    assert abs(requests.count(method="qr") - requests.count(method="getStateInstance")) <= 1


async def test_polled_code_is_not_shown_for_longer_because_it_is_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that gives the same picture again and again does not make it any fresher."""
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 0.15)
    monkeypatch.setattr(GreenApi, "pace", Pace(linked=60, pairing=0.03))
    frozen = base64.b64encode(render_png("2@frozen")).decode()

    async def answer(request: web.Request) -> web.StreamResponse:
        if "/getStateInstance/" in request.path:
            return web.json_response({"stateInstance": "notAuthorized"})
        return web.json_response({"type": "qrCode", "message": frozen})

    async with serve(answer) as server, screen_at(server.url, kind=Polled, time_limit=0.4) as screen:
        assert isinstance(await screen.error(), PairingTimeout)
    assert len(screen.shown) == 2
    assert len(server.requests) > 8


@pytest.mark.parametrize("fault", ["refused_connection", "401", "403_html", "404", "409", "502_html", "empty_200"])
async def test_polling_takes_over(rig: Rig, fault: str) -> None:
    """However a websocket is refused, and proxies have their ways: the codes come by polling instead."""
    await rig.fault("green_api", fault, method="scanqrcode", count=20)
    async with screen_of(rig.green()) as screen:
        await scan_present_code(rig, screen)
        assert await screen.session() == LINKED
    assert rig.emulator.requests.count(method="qr") >= 1
    # Once, or twice where aiohttp itself tries again: the pause has not passed.
    assert rig.emulator.requests.count(method="scanqrcode") <= 2


async def test_polling_takes_over_from_a_handshake_without_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that swallows the handshake holds the code up no longer than the time limit of a request."""
    monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=0.3))
    await rig.fault("green_api", "timeout", method="scanqrcode", count=20)
    async with screen_of(rig.green()) as screen:
        await scan_present_code(rig, screen)
        assert await screen.session() == LINKED


async def test_push_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause, a websocket that was refused gets another chance."""
    monkeypatch.setattr(pairing_module, "_PUSH_PAUSE", 0.3)
    await rig.fault("green_api", "502_html", method="scanqrcode", count=1)
    async with screen_of(rig.green()) as screen:
        await screen.code()
        assert rig.emulator.requests.count(method="qr") >= 1
        async with asyncio.timeout(PATIENCE):
            while rig.emulator.requests.count(method="scanqrcode") < 2:
                await asyncio.sleep(0.01)
        polled = rig.emulator.requests.count(method="qr")
        await scan_present_code(rig, screen, len(screen.codes) + 1)
        assert await screen.session() == LINKED
    assert rig.emulator.requests.count(method="qr") == polled


async def test_pictures_that_are_none_are_not_shown(rig: Rig) -> None:
    """Neither what is pushed nor what is polled is shown unseen; the next good one is."""
    await rig.fault("green_api", "not_a_png", count=3)
    async with screen_of(rig.green()) as screen:
        await scan_present_code(rig, screen)
        assert await screen.session() == LINKED
    assert rig.emulator.faults.pending() == []


# States on the way


async def test_linked_already(rig: Rig) -> None:
    """Who is linked is asked for nothing more."""
    rig.green_instance.link(rig.green_instance.number)
    async with screen_of(rig.green()) as screen:
        assert await screen.session() == LINKED
    assert screen.shown == []
    assert rig.emulator.requests.counts() == {"green_api": {"getStateInstance": 1}}


async def test_limited_is_linked(rig: Rig) -> None:
    """A phone whose sending is restricted is linked all the same."""
    rig.green_instance.link(rig.green_instance.number)
    rig.green_instance.limit()
    async with screen_of(rig.green()) as screen:
        assert await screen.session() == Session(SessionState.LIMITED)


@pytest.mark.parametrize("kind", [GreenApi, Polled])
async def test_session_that_starts(rig: Rig, kind: type[GreenApi]) -> None:
    """While the gateway starts there is nothing to show, and then there is."""
    rig.green_instance.options.start_seconds = 20
    rig.green_instance.reboot()
    async with screen_of(rig.client("green_api", kind=kind)) as screen:
        await rig.emulator.clock.sleep(10)
        assert screen.shown == []
        await scan_present_code(rig, screen)
        assert await screen.session() == LINKED


async def test_session_that_restarts_takes_its_code_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code from before the restart is worthless, however long it would have been good."""
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 20.0)
    async with screen_of(rig.client("green_api", kind=Polled)) as screen:
        await screen.code()
        rig.green_instance.reboot()
        await screen.blank()
        await scan_present_code(rig, screen, 2)
        assert await screen.session() == LINKED


@pytest.mark.parametrize("kind", [GreenApi, Polled])
async def test_banned(rig: Rig, kind: type[GreenApi]) -> None:
    """For a banned account there is nothing to wait for."""
    rig.green_instance.ban()
    async with screen_of(rig.client("green_api", kind=kind)) as screen:
        error = await screen.error()
    assert isinstance(error, WrongState)
    assert error.state is SessionState.BLOCKED
    assert screen.shown == []
    assert rig.emulator.requests.counts() == {"green_api": {"getStateInstance": 1}}


@pytest.mark.parametrize("kind", [GreenApi, Polled])
async def test_banned_on_the_way(rig: Rig, kind: type[GreenApi]) -> None:
    """The same while a code is shown; nobody is logged out for it."""
    async with screen_of(rig.client("green_api", kind=kind)) as screen:
        await screen.code()
        rig.green_instance.ban()
        error = await screen.error()
    assert isinstance(error, WrongState)
    assert error.state is SessionState.BLOCKED
    assert rig.emulator.requests.count(method="logout") == 0


async def test_phone_linked_by_other_means(rig: Rig) -> None:
    """Somebody scans in the vendor's own console: that is a link like any other."""
    async with screen_of(rig.green()) as screen:
        await screen.code()
        rig.green_instance.link("+12025550143")
        async with asyncio.timeout(1):
            assert await screen.task == LINKED


# Pairing codes


async def test_waiting_for_a_pairing_code(rig: Rig) -> None:
    """While a pairing code is out, no QR code is asked for."""
    gateway = rig.green()
    code = await gateway.request_pairing_code(PHONE)
    async with screen_of(gateway, with_qr=False) as screen:
        await rig.emulator.clock.sleep(10)
        assert await rig.enter_code(code.code) == 200
        assert await screen.session() == LINKED
    assert screen.shown == []
    assert set(rig.emulator.requests.counts()["green_api"]) == {"getAuthorizationCode", "getStateInstance"}
    assert rig.emulator.requests.count(status=429) == 0


# An old link


@dataclass
class OldLink:
    """GREEN-API, with the remains of an old link that only a logout clears."""

    pushes: bool
    broken_logouts: int = 0
    clears: bool = True
    cleared: bool = False
    linked: bool = False
    logouts: int = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        method = request.path.split("/")[2]
        if method == "scanqrcode" and self.pushes:
            return await self._push(request)
        if method == "getStateInstance":
            return web.json_response({"stateInstance": "authorized" if self.linked else "notAuthorized"})
        if method == "qr":
            return web.json_response(self._frame())
        if method == "logout":
            self.logouts += 1
            if self.logouts <= self.broken_logouts:
                return web.Response(status=502, text="<html>nginx</html>")
            self.cleared = self.clears
            return web.json_response({"isLogout": True})
        return web.Response(status=404)

    def _frame(self) -> dict[str, str]:
        if not self.cleared:
            return {"type": "error", "message": "Instance has auth. You need to make log out"}
        return {"type": "qrCode", "message": base64.b64encode(render_png("2@anew")).decode()}

    async def _push(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.2)
        await socket.prepare(request)
        await socket.send_json(self._frame())
        while self.cleared and not self.linked:
            await asyncio.sleep(0.01)
        if self.linked:
            await socket.send_json({"type": "accountData", "message": {}})
        await socket.close()
        return socket


both_ways = pytest.mark.parametrize("pushes", [True, False], ids=["pushed", "polled"])


@both_ways
@pytest.mark.parametrize("broken_logouts", [0, 1, 3])
async def test_old_link_is_cleared(pushes: bool, broken_logouts: int) -> None:
    """One logout clears it, even if the gateway was out of order when it was asked first; then there is a code."""
    vendor = OldLink(pushes, broken_logouts)
    async with serve(vendor) as server, screen_at(server.url, time_limit=4) as screen:
        assert text_in(await screen.code()) == "2@anew"
        vendor.linked = True
        assert await screen.session() == LINKED
    assert vendor.logouts == broken_logouts + 1


@both_ways
async def test_old_link_that_stays(pushes: bool) -> None:
    """If it is of no use, nobody is logged out again and again."""
    vendor = OldLink(pushes, clears=False)
    async with serve(vendor) as server, screen_at(server.url, time_limit=0.3) as screen:
        assert isinstance(await screen.error(), PairingTimeout)
    assert screen.shown == []
    assert vendor.logouts == 1


# A gateway in trouble


@pytest.mark.parametrize("fault", ["502_html", "refused_connection", "malformed_json", "404"])
async def test_trouble_passes(rig: Rig, fault: str) -> None:
    """A gateway that is out of order for a while is waited for, before the first code and after it."""
    await rig.fault("green_api", fault, count=3)
    async with screen_of(rig.client("green_api", kind=Polled)) as screen:
        await screen.code()
        assert rig.emulator.faults.pending() == []
        await rig.fault("green_api", fault, count=1000)
        await screen.blank()
        rig.emulator.faults.clear()
        await scan_present_code(rig, screen, len(screen.codes) + 1)
        assert await screen.session() == LINKED


async def test_gateway_that_is_not_up_yet() -> None:
    """Whoever restarts a server of their own need not begin anew."""
    port = closed_port()
    async with open_session() as session:
        gateway = GreenApi(session, f"http://127.0.0.1:{port}/green-api", await _credentials())
        async with screen_of(gateway) as screen:
            await asyncio.sleep(0.3)
            assert screen.shown == []
            async with open_rig(TIME_SCALE, port=port) as rig:
                await scan_present_code(rig, screen)
                assert await screen.session() == LINKED


async def _credentials() -> dict[str, str]:
    """Return the credentials of the first instance, which are the same in each emulator."""
    async with open_rig(1) as rig:
        return {key: rig.green_instance.credentials()[key] for key in ("instance_id", "token")}


async def test_trouble_is_left_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer it lasts, the less often a gateway in trouble is asked."""
    monkeypatch.setattr(pairing_module, "_MAX_BACK_OFF", 10 * TIME_SCALE)
    await rig.fault("green_api", "502_html", count=1000)
    async with screen_of(rig.green(), time_limit=0.5) as screen:
        error = await screen.error()
    assert isinstance(error, CannotReach)
    at = [entry.at for entry in rig.emulator.requests.entries]
    pauses = [later - earlier for earlier, later in pairwise(at)]
    # 2, 4 and 8 of the vendor's seconds, and then as many as the limit allows.
    assert len(pauses) >= 4
    for pause, wanted in zip(pauses, (2, 4, 8, 10, 10, 10), strict=False):
        assert wanted <= pause < wanted + 6


async def test_long_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image of an unlinked instance waits for days, and has to outlive a gateway that is away for a day."""
    monkeypatch.setattr(pairing_module, "_MAX_BACK_OFF", 0.0)
    async with open_session() as session:
        gateway = Away(session, f"http://127.0.0.1:{closed_port()}", CREDENTIALS)
        async with screen_of(gateway, time_limit=None) as screen:
            async with asyncio.timeout(4 * PATIENCE):
                while gateway.asked < 1100 and not screen.task.done():
                    await asyncio.sleep(0.01)
            assert not screen.task.done()


class Away(GreenApi):
    """GREEN-API, if it were away for a day; it counts how often it was asked."""

    asked = 0

    async def get_session(self) -> Session:
        """Ask."""
        self.asked += 1
        return await super().get_session()


@pytest.mark.parametrize("retry_after", ["0", "1"])
async def test_rate_limit_is_no_reason_to_hurry(monkeypatch: pytest.MonkeyPatch, retry_after: str) -> None:
    """A gateway that is asked too often is asked no more often than at its usual pace, whatever it says."""
    monkeypatch.setattr(GreenApi, "pace", Pace(linked=60, pairing=0.15))
    async with serve(always(429, Retry_After=retry_after)) as server, screen_at(server.url, time_limit=0.45) as screen:
        error = await screen.error()
    assert isinstance(error, RateLimited | PairingTimeout)
    # At most three requests at a time.
    assert 1 <= len(server.requests) <= 15


async def test_waiting_time_is_kept() -> None:
    """A gateway that wants to be left alone for a minute is left alone."""
    async with serve(always(429, Retry_After="60")) as server, screen_at(server.url, time_limit=0.3) as screen:
        error = await screen.error()
    assert isinstance(error, RateLimited)
    assert error.retry_after == 60
    assert len(server.requests) == 1


# The end


async def test_nobody_scans(rig: Rig) -> None:
    """When the time is over, the code is gone."""
    async with screen_of(rig.green(), time_limit=0.4) as screen:
        started = asyncio.get_running_loop().time()
        assert isinstance(await screen.error(), PairingTimeout)
        assert 0.3 < asyncio.get_running_loop().time() - started < 0.4 + LATE
        assert screen.pairing.offer is None
        assert screen.pairing.nobody_came
    assert len(screen.codes) >= 1


async def test_trouble_that_passed_is_not_the_reason(rig: Rig) -> None:
    """What went wrong in between is forgotten when it went well again."""
    await rig.fault("green_api", "502_html", count=2)
    async with screen_of(rig.green(), time_limit=0.5) as screen:
        await screen.code()
        assert isinstance(await screen.error(), PairingTimeout)


async def test_dead_host_is_the_reason() -> None:
    """Who was never reached is the reason, and not the person who did not scan."""
    async with open_session() as session:
        gateway = GreenApi(session, f"http://127.0.0.1:{closed_port()}", CREDENTIALS)
        async with screen_of(gateway, time_limit=0.2) as screen:
            error = await screen.error()
    assert isinstance(error, CannotReach)
    assert error.maybe_acted is False
    assert screen.shown == []
    assert not screen.pairing.nobody_came


async def test_other_server_is_the_reason() -> None:
    """Another server at the address is the reason, too."""
    async with serve(always(404, "<html>", "text/html")) as server, screen_at(server.url, time_limit=0.2) as screen:
        assert isinstance(await screen.error(), InvalidAnswer)
    assert len(server.requests) >= 2


@pytest.mark.parametrize(
    ("account", "kind"), [("expired", QuotaExceeded), ("deleted", InstanceNotFound)], ids=["expired", "deleted"]
)
async def test_account_without_hope(rig: Rig, account: str, kind: type[GatewayError]) -> None:
    """What no waiting mends ends at once."""
    rig.green_instance.options.account = account
    async with screen_of(rig.green()) as screen:
        assert isinstance(await screen.error(), kind)
    assert rig.emulator.requests.count() == 1


async def test_credentials_refused_on_the_way(rig: Rig) -> None:
    """A token that was renewed in the console ends the pairing, and takes the code away."""
    async with screen_of(rig.client("green_api", kind=Polled)) as screen:
        await screen.code()
        rig.green_instance.token = "f" * 50
        assert isinstance(await screen.error(), InvalidCredentials)


# Cancelled


@pytest.mark.parametrize("kind", [GreenApi, Polled])
async def test_cancelled_with_a_code_on_the_screen(rig: Rig, kind: type[GreenApi]) -> None:
    """Who closes the dialog leaves neither a code nor a connection behind."""
    gateway = rig.client("green_api", kind=kind)
    async with screen_of(gateway) as screen:
        await screen.code()
        await cancel(screen)
        assert screen.shown[-1] is None
        # The session has a single connection: it is free again.
        async with asyncio.timeout(1):
            assert (await gateway.get_session()).state is SessionState.UNLINKED
        requests = rig.emulator.requests.count()
        await rig.emulator.clock.sleep(30)
        assert rig.emulator.requests.count() == requests


@pytest.mark.parametrize("method", ["getStateInstance", "qr", "scanqrcode"])
async def test_cancelled_while_the_gateway_says_nothing(rig: Rig, method: str) -> None:
    """The same in the middle of a request."""
    await rig.fault("green_api", "timeout", method=method)
    gateway = rig.client("green_api", kind=Polled if method == "qr" else GreenApi)
    async with screen_of(gateway) as screen:
        async with asyncio.timeout(PATIENCE):
            while not rig.emulator.requests.count(method=method):
                await asyncio.sleep(0.01)
        await cancel(screen)
        async with asyncio.timeout(1):
            assert (await gateway.get_session()).state is SessionState.UNLINKED
    assert screen.shown == []


async def test_cancelled_while_waiting_for_a_dead_host() -> None:
    """The same between two requests."""
    async with screen_at(f"http://127.0.0.1:{closed_port()}") as screen:
        await asyncio.sleep(0.2)
        await cancel(screen)


async def cancel(screen: Screen) -> None:
    """Cancel a pairing, as Home Assistant does, and wait for its end, which has to come at once."""
    screen.task.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await screen.task
    assert screen.pairing.offer is None


# Servers that do not close


@dataclass
class Deaf:
    """A server that pushes and then neither reads nor closes."""

    linked: bool

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if "/getStateInstance/" in request.path:
            return web.json_response({"stateInstance": "notAuthorized"})
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        code = base64.b64encode(render_png("2@deaf")).decode()
        await socket.send_json({"type": "qrCode", "message": code})
        if self.linked:
            await asyncio.sleep(0.05)
            await socket.send_json({"type": "accountData", "message": {}})
        await asyncio.sleep(30)
        return socket


async def test_news_do_not_wait_for_a_deaf_server() -> None:
    """A phone that is linked is linked, even if the server leaves its websocket open."""
    async with serve(Deaf(linked=True)) as server, screen_at(server.url) as screen:
        await screen.code()
        async with asyncio.timeout(1):
            assert await screen.task == LINKED


async def test_cancelled_in_front_of_a_deaf_server() -> None:
    """Nor does who closes the dialog wait for it."""
    async with serve(Deaf(linked=False)) as server, screen_at(server.url) as screen:
        await screen.code()
        await cancel(screen)
