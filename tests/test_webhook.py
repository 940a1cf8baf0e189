"""The webhook: who is let in, what becomes of the rest, and how the address gets to the gateway and away from there."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import suppress
import gzip
import hashlib
import hmac
from http import HTTPStatus
import json
import time
from typing import Any

from aiohttp import ClientResponse
from hass_nabucasa.cloudhooks import CloudhookApiError
from multidict import CIMultiDict
import pytest
from yarl import URL

from homeassistant.components import cloud, webhook as ha_webhook
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.aiohttp import MockRequest

from custom_components.whatsapp_link import receiving, webhook as webhook_module
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.events import Sender
from custom_components.whatsapp_link.gateways.gateway import Gateway
from tests.conftest import TIME_SCALE, instance_of
from tests.dialog import ENGLISH
from tests.emulator import Emulator
from tests.emulator.waha_shapes import lid_of
from tests.incoming import event
from tests.test_entities import until
from tests.test_events import WAYS, Browser, Home, home_with, in_a_hurry, open_browser  # noqa: F401 # fixtures

KEYS = [key for key, way in WAYS if way is Way.WEBHOOK]
# What their calls bring to show whose they are. With Wawp it is in the address.
PROOFS = {
    "green_api": "Authorization",
    "wachat": "X-Wachat-Signature",
    "waha": "X-Webhook-Hmac",
    "evolution": "X-Webhook-Secret",
}
# Somebody else's, which answers nobody.
THEIRS = "http://127.0.0.1:9/somebody-else"
NONSENSE = (b"", b"{", b"Hello", b"\xff\xfe\x00", b"null", b"[1]", b"[" * 100_000)
EXTERNAL = "https://home.example"

every_webhook = pytest.mark.parametrize("key", KEYS)
every_proof = pytest.mark.parametrize("key", PROOFS)


class Calls:
    """What the emulated vendor brings to the webhook, to be brought again in other ways."""

    def __init__(self, home: Home, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note all that is delivered from now on."""
        self.home = home
        self._browser = browser
        self._noted: list[tuple[str, bytes, Mapping[str, str]]] = []
        courier = home.emulator.world.courier
        deliver = courier.deliver

        async def note(url: str, body: bytes, headers: Mapping[str, str], real_seconds: float) -> int | None:
            self._noted.append((url, body, headers))
            return await deliver(url, body, headers, real_seconds)

        monkeypatch.setattr(courier, "deliver", note)

    @property
    def path(self) -> str:
        """The path of the webhook, with its query."""
        return str(URL(self._noted[-1][0]).relative())

    @property
    def secret(self) -> bytes:
        """What Home Assistant shares with the gateway."""
        return str(self.home.entry.data["webhook"]["secret"]).encode()

    async def genuine(self) -> tuple[bytes, CIMultiDict[str]]:
        """Return the call that tells of a message."""
        text = f"genuine {len(self._noted)}"
        self.home.write(text=text)
        found = await self.noted(text)
        await until(lambda: text in self.home.texts())
        self.home.told.clear()
        return found

    async def noted(self, text: str) -> tuple[bytes, CIMultiDict[str]]:
        """Wait for the call in which there is a text."""

        def found() -> Iterator[tuple[bytes, CIMultiDict[str]]]:
            for _, body, headers in self._noted:
                if text.encode() in body:
                    yield body, CIMultiDict(headers)

        await until(lambda: any(found()))
        return next(found())

    def signed(self, body: bytes, headers: Mapping[str, str], timestamp: float | None = None) -> CIMultiDict[str]:
        """Return headers that are right for another body: as made by somebody who has the secret."""
        changed = CIMultiDict(headers)
        if self.home.instance.gateway == "waha":
            changed["X-Webhook-Hmac"] = hmac.new(self.secret, body, hashlib.sha512).hexdigest()
        if self.home.instance.gateway == "wachat":
            moment = str(int(timestamp or time.time()))
            changed["X-Wachat-Timestamp"] = moment
            signed = moment.encode() + b"." + body
            changed["X-Wachat-Signature"] = hmac.new(self.secret, signed, hashlib.sha256).hexdigest()
        return changed

    async def post(self, body: Any, headers: Mapping[str, str], path: str = "") -> ClientResponse:
        """Bring a call."""
        async with asyncio.timeout(20):
            return await self._browser.post(path or self.path, data=body, headers=headers)

    async def refused(self, status: HTTPStatus, body: Any, headers: Mapping[str, str], path: str = "") -> None:
        """Bring a call that is refused: it is counted, changes nothing, and what is right gets through after it."""
        inbox = self.home.coordinator.inbox
        rejected = inbox.rejected
        response = await self.post(body, headers, path)
        assert response.status == status
        assert await response.read() == b""
        assert inbox.rejected == rejected + 1
        assert self.home.told == []
        assert inbox.strangers == 0
        self.home.write(text="after it")
        await until(lambda: "after it" in self.home.texts())
        self.home.told.clear()


@pytest.fixture
async def home(hass: HomeAssistant, browser: Browser, emulator: Emulator, key: str) -> AsyncGenerator[Home]:
    """Return a Home Assistant whose webhook is called."""
    async with home_with(hass, emulator, key, Way.WEBHOOK) as home:
        await home.hears()
        yield home


@pytest.fixture
async def calls(home: Home, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return the calls of the gateway."""
    return Calls(home, browser, monkeypatch)


# --- who is let in ---------------------------------------------------------------------------------


@every_proof
async def test_forged(calls: Calls, key: str) -> None:
    """Without what shows whose it is, or with what somebody guessed, nobody is let in."""
    body, headers = await calls.genuine()
    proof = PROOFS[key]
    without = CIMultiDict(headers)
    del without[proof]
    await calls.refused(HTTPStatus.UNAUTHORIZED, body, without)
    for guess in ("", "guessed", headers[proof][:-1], f"{headers[proof]}0", "\u00e9"):
        await calls.refused(HTTPStatus.UNAUTHORIZED, body, {**headers, proof: guess})


@pytest.mark.parametrize("key", ["wawp"])
async def test_forged_address(calls: Calls, key: str) -> None:
    """Where nothing is signed, the whole address has to be known."""
    body, headers = await calls.genuine()
    genuine = URL(calls.path)
    secret = genuine.query["secret"]
    for query in ({}, {"secret": ""}, {"secret": "guessed"}, {"secret": secret[:-1]}, {"secret": f"{secret}0"}):
        await calls.refused(HTTPStatus.UNAUTHORIZED, body, headers, path=str(genuine.with_query(query)))


@pytest.mark.parametrize("key", ["waha", "wachat"])
async def test_changed_on_the_way(calls: Calls, key: str) -> None:
    """What is signed cannot be changed."""
    body, headers = await calls.genuine()
    changed = body.replace(b"genuine", b"changed")
    assert changed != body
    await calls.refused(HTTPStatus.UNAUTHORIZED, changed, headers)
    await calls.refused(HTTPStatus.UNAUTHORIZED, body + b" ", headers)


@every_webhook
async def test_played_again(calls: Calls, key: str) -> None:
    """A call that is played again is let in, as a vendor's retry is, and tells nothing new."""
    body, headers = await calls.genuine()
    for _ in range(3):
        assert (await calls.post(body, headers)).status == HTTPStatus.OK
    assert calls.home.told == []
    assert calls.home.coordinator.inbox.rejected == 0


@pytest.mark.parametrize("key", ["waha", "wachat"])
async def test_played_again_later(calls: Calls, key: str) -> None:
    """Where a call says when it was made, one that somebody kept is refused, even if it is signed well."""
    body, headers = await calls.genuine()
    long_ago = time.time() - 3600
    if key == "waha":
        body = json.dumps({**json.loads(body), "timestamp": int(long_ago * 1000)}).encode()
    await calls.refused(HTTPStatus.UNAUTHORIZED, body, calls.signed(body, headers, long_ago))


@every_webhook
async def test_nonsense(calls: Calls, key: str) -> None:
    """What makes no sense, also what was cut short, is refused from the gateway itself too."""
    body, headers = await calls.genuine()
    for content in (body[:-1], body[: len(body) // 2], *NONSENSE):
        await calls.refused(HTTPStatus.BAD_REQUEST, content, calls.signed(content, headers))


@every_webhook
async def test_too_large(calls: Calls, key: str) -> None:
    """10 MB are refused before they are read, and after 1 MB where the length is not told."""
    _, headers = await calls.genuine()
    large = b'{"event": "' + b"x" * (10 * 1024 * 1024) + b'"}'

    async def without_length() -> AsyncGenerator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    began = time.monotonic()
    for body in (large, without_length()):
        inbox = calls.home.coordinator.inbox
        rejected = inbox.rejected
        # Who does not wait for the answer before all is sent may find the connection closed.
        with suppress(ConnectionError):
            assert (await calls.post(body, headers)).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert inbox.rejected == rejected + 1
    assert time.monotonic() - began < 2
    assert calls.home.told == []
    await calls.genuine()


@pytest.mark.parametrize("key", ["evolution"])
async def test_largest(calls: Calls, key: str) -> None:
    """What is just not too large is let in."""
    body, headers = await calls.genuine()
    content = json.loads(body)
    content["data"]["key"]["id"] = "LARGE"
    content["padding"] = "x" * (1024 * 1024 - len(json.dumps(content)) - 20)
    assert (await calls.post(json.dumps(content), headers)).status == HTTPStatus.OK
    assert len(calls.home.told) == 2


@pytest.mark.parametrize("key", ["evolution"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_wrong_method(calls: Calls, browser: Browser, key: str, method: str) -> None:
    """Home Assistant itself refuses what is no POST; we never see it."""
    body, headers = await calls.genuine()
    response = await browser.request(method, calls.path, data=body, headers=headers)
    assert response.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert calls.home.told == []
    await calls.genuine()


@pytest.mark.parametrize("key", ["evolution"])
@pytest.mark.parametrize(
    ("length", "sent"),
    [
        (b"Content-Length: 1000", b'{"event"'),
        (b"Transfer-Encoding: chunked", b'3e8\r\n{"event"'),
        (b"Transfer-Encoding: chunked", b"no length\r\n"),
    ],
)
async def test_ends_in_its_midst(
    calls: Calls, key: str, caplog: pytest.LogCaptureFixture, length: bytes, sent: bytes
) -> None:
    """A call whose line breaks, or that is no HTTP, is as if it had not been. It makes no noise."""
    _, headers = await calls.genuine()
    port = URL(calls.home.hass.config.internal_url or "").port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    secret = b"X-Webhook-Secret: " + headers[PROOFS[key]].encode()
    lines = [b"POST " + calls.path.encode() + b" HTTP/1.1", b"Host: home", length, secret, b"", b""]
    for part in (b"\r\n".join(lines), sent):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
    writer.close()
    await calls.genuine()
    assert calls.home.coordinator.inbox.rejected == 0
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("key", ["evolution"])
async def test_compressed(calls: Calls, key: str, caplog: pytest.LogCaptureFixture) -> None:
    """What becomes large when it is unpacked is too large, and what cannot be unpacked makes no sense."""
    body, headers = await calls.genuine()
    headers["Content-Encoding"] = "gzip"
    await calls.refused(HTTPStatus.BAD_REQUEST, b"Not packed at all", headers)
    await calls.refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, gzip.compress(b" " * 10 * 1024 * 1024), headers)
    assert (await calls.post(gzip.compress(body), headers)).status == HTTPStatus.OK
    # The server beneath may say something; Home Assistant does not.
    assert not [record for record in caplog.records if record.exc_info and not record.name.startswith("aiohttp")]


@every_webhook
async def test_gateway_hangs_up(calls: Calls, key: str) -> None:
    """A gateway that does not wait for the answer has told us all the same, and tells it again in vain."""
    home = calls.home
    async with home.coordinator.inbox._turn:  # noqa: SLF001 # as while a number is looked for
        home.write(text="Hello")
        body, headers = await calls.noted("Hello")
        hung_up = asyncio.create_task(calls.post(body, headers))
        await asyncio.sleep(0.05)
        hung_up.cancel()
        await asyncio.sleep(0.05)
        assert home.told == []
    await until(lambda: home.texts() == ["Hello"])
    await calls.genuine()


@pytest.mark.parametrize("key", ["evolution"])
async def test_does_not_end(calls: Calls, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that takes its time is not waited for."""
    monkeypatch.setattr(webhook_module, "_MAX_SECONDS", 0.1)
    _, headers = await calls.genuine()
    ended = asyncio.Event()

    async def drips() -> AsyncGenerator[bytes]:
        while not ended.is_set():
            yield b" "
            await asyncio.sleep(0.02)

    with suppress(ConnectionError):
        response = await calls.post(drips(), headers)
        assert response.status == HTTPStatus.BAD_REQUEST
    ended.set()
    assert calls.home.coordinator.inbox.rejected == 1
    await calls.genuine()


@pytest.mark.parametrize("key", ["waha"])
async def test_refused_at_once(calls: Calls, key: str) -> None:
    """A refused call waits for nothing, also while others wait for a gateway that does not answer."""
    body, headers = await calls.genuine()
    calls.home.emulator.faults.add("waha", "timeout", 100, method="lids")
    lid = lid_of("+13035550144")
    waiting = asyncio.create_task(calls.home.coordinator.async_take(event(chat_id=lid, sender=Sender(lid=lid))))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    for _ in range(20):
        assert (await calls.post(body, {})).status == HTTPStatus.UNAUTHORIZED
    assert time.monotonic() - began < 1
    assert not waiting.done()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert calls.home.coordinator.inbox.rejected == 20
    assert headers


@pytest.mark.parametrize("key", ["wachat"])
async def test_rejected_calls_are_shown(
    hass: HomeAssistant,
    calls: Calls,
    browser: Browser,
    key: str,
) -> None:
    """How many were refused stands in the diagnostics."""
    body, _ = await calls.genuine()
    await calls.post(body, {})
    response = await browser.get(f"/api/diagnostics/config_entry/{calls.home.entry.entry_id}")
    assert (await response.json())["data"]["receiving"]["rejected_calls"] == 1


# --- the address -----------------------------------------------------------------------------------


def registered(home: Home) -> list[str]:
    """Return the addresses to which the vendor brings the events of an instance."""
    instance: Any = home.instance
    match instance.gateway:
        case "green_api":
            found = [instance.settings["webhookUrl"]]
        case "wawp":
            found = [each["url"] for each in instance.webhooks.given]
        case "wachat":
            found = [each.url for each in instance.account.webhooks if each.enabled]
        case "waha":
            found = [each["url"] for each in instance.config.get("webhooks") or []]
        case _:
            row = instance.webhook.row or {}
            found = [row["url"]] if row.get("enabled") else []
    return [url for url in found if url]


def ours(home: Home) -> list[str]:
    """Return those of them that are ours."""
    return [url for url in registered(home) if home.entry.data["webhook"]["id"] in url]


def issue_of(home: Home, key: str) -> ir.IssueEntry | None:
    """Return an issue about the entry, if there is one; there are words for it, without gaps."""
    issue = ir.async_get(home.hass).async_get_issue(DOMAIN, f"{key}_{home.entry.entry_id}")
    if issue and "description" in ENGLISH["issues"][key]:
        words = f"{ENGLISH['issues'][key]['title']}{ENGLISH['issues'][key]['description']}"
        assert "{" not in words.format(**issue.translation_placeholders or {})
    return issue


@every_webhook
async def test_address(hass: HomeAssistant, home: Home, key: str) -> None:
    """Nobody can guess it, and neither it nor the secret changes when the entry is loaded anew."""
    kept = home.entry.data["webhook"]
    assert len(kept["id"]) == 64
    assert len(kept["secret"]) >= 40
    before = registered(home)
    assert before == ours(home)
    assert len(before) == 1
    for _ in range(2):
        await hass.config_entries.async_reload(home.entry.entry_id)
        await home.hears()
    assert home.entry.data["webhook"] == kept
    assert registered(home) == before


@every_webhook
async def test_set_up_once(hass: HomeAssistant, browser: Browser, emulator: Emulator, key: str) -> None:
    """That an address is made does not load the entry a second time."""
    async with home_with(hass, emulator, key, Way.WEBHOOK) as home:
        before = home.coordinator
        await home.hears()
        assert home.coordinator is before


@every_webhook
async def test_registered_again_in_vain(hass: HomeAssistant, home: Home, key: str) -> None:
    """What is registered already is not written again: with some vendors that restarts the session."""
    instance: Any = home.instance
    states: list[str] = []
    announce = instance.announce

    def note() -> None:
        states.append(instance.state)
        announce()

    instance.announce = note
    await hass.config_entries.async_reload(home.entry.entry_id)
    await home.hears()
    assert states == []
    assert len(registered(home)) == 1


@every_webhook
async def test_unload(hass: HomeAssistant, calls: Calls, key: str) -> None:
    """While the entry is not loaded, nobody takes what comes: it is to be told again. So it is, once."""
    body, headers = await calls.genuine()
    coordinator = calls.home.coordinator
    before = registered(calls.home)
    await hass.config_entries.async_unload(calls.home.entry.entry_id)
    assert (await calls.post(body, headers)).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert (await calls.post(body, {})).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert coordinator.inbox.rejected == 0
    assert calls.home.told == []
    assert registered(calls.home) == before
    await hass.config_entries.async_setup(calls.home.entry.entry_id)
    await calls.home.hears()


@pytest.mark.parametrize("key", KEYS)
async def test_gateway_is_gone(hass: HomeAssistant, calls: Calls, key: str) -> None:
    """What comes while the entry cannot be set up is told again when it can."""
    body, headers = await calls.genuine()
    home = calls.home
    home.emulator.faults.add(key, "refused_connection", 1000)
    await hass.config_entries.async_reload(home.entry.entry_id)
    assert home.entry.state is ConfigEntryState.SETUP_RETRY
    assert (await calls.post(body, headers)).status == HTTPStatus.SERVICE_UNAVAILABLE
    home.emulator.faults.clear()
    await hass.config_entries.async_reload(home.entry.entry_id)
    await home.hears()


@pytest.mark.parametrize("key", ["evolution"])
async def test_disabled(hass: HomeAssistant, calls: Calls, key: str) -> None:
    """Nobody asks for what a disabled instance is told: the gateway need not tell it again."""
    body, headers = await calls.genuine()
    entry_id = calls.home.entry.entry_id
    await hass.config_entries.async_set_disabled_by(entry_id, ConfigEntryDisabler.USER)
    assert (await calls.post(body, headers)).status == HTTPStatus.OK
    assert calls.home.told == []
    await hass.config_entries.async_set_disabled_by(entry_id, None)
    await calls.home.hears()


@pytest.mark.parametrize("key", ["waha"])
async def test_two_entries(hass: HomeAssistant, home: Home, key: str) -> None:
    """Two instances have nothing in common."""
    emulator = home.emulator
    other_key = next(other for other in KEYS if other != key)
    async with home_with(hass, emulator, other_key, Way.WEBHOOK) as other:
        await until(lambda: "webhook" in other.entry.data)
        first, second = (each.entry.data["webhook"] for each in (home, other))
        assert first["id"] != second["id"]
        assert first["secret"] != second["secret"]
        await until(lambda: len(registered(other)) == 1)


@every_webhook
@pytest.mark.parametrize("away", ["removed", "off"])
async def test_taken_away(hass: HomeAssistant, home: Home, key: str, away: str) -> None:
    """Who removes the entry, or wants to receive nothing, leaves nothing behind at the vendor."""
    if away == "removed":
        await hass.config_entries.async_remove(home.entry.entry_id)
    else:
        hass.config_entries.async_update_entry(home.entry, options={"receiving": "off"})
    await until(lambda: registered(home) == [])
    await hass.async_block_till_done()
    if away == "off":
        assert home.coordinator.receiving.way is None


@pytest.mark.parametrize("key", ["green_api", "waha"])
async def test_stream_instead(hass: HomeAssistant, home: Home, key: str) -> None:
    """Who goes back to what comes by itself hears it: our own webhook is not in the way."""
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "automatic"})
    await until(lambda: registered(home) == [])
    await home.hears()
    assert home.coordinator.receiving.way is Way.STREAM
    assert issue_of(home, "webhook_taken") is None


# --- others at the same vendor ---------------------------------------------------------------------


def put_theirs(home: Home) -> None:
    """Have somebody else registered."""
    instance: Any = home.instance
    match instance.gateway:
        case "green_api":
            instance.change_settings({"webhookUrl": THEIRS})
        case "wawp":
            instance.webhooks.given.append({"url": THEIRS, "events": ["message"], "is_active": 1})
        case "waha":
            instance.configure({"webhooks": [{"url": THEIRS, "events": ["message"]}]})
        case _:
            instance.webhook.set({"enabled": True, "url": THEIRS, "events": ["MESSAGES_UPSERT"]})


@pytest.mark.parametrize("key", ["wawp", "waha"])
async def test_beside_another(hass: HomeAssistant, home: Home, key: str) -> None:
    """Where there is room for several, another one stays, when ours comes and when it goes."""
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "off"})
    await until(lambda: registered(home) == [])
    put_theirs(home)
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "webhook"})
    await home.hears()
    assert registered(home) == [THEIRS, *ours(home)]
    assert len(ours(home)) == 1
    await hass.config_entries.async_remove(home.entry.entry_id)
    assert registered(home) == [THEIRS]


@pytest.mark.parametrize(
    ("key", "way"), [("green_api", Way.WEBHOOK), ("green_api", Way.STREAM), ("evolution", Way.WEBHOOK)]
)
async def test_taken(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    key: str,
    way: Way,
) -> None:
    """Where there is room for one, another one stays until the user agrees; then ours works and the issue is gone."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    put_theirs(Home(hass, emulator, instance, None))  # type: ignore[arg-type] # there is no entry yet
    await until(lambda: instance.state in ("authorized", "open"))
    async with home_with(hass, emulator, key, way) as home:
        await until(lambda: issue_of(home, "webhook_taken") is not None)
        assert registered(home) == [THEIRS]
        await hass.config_entries.async_reload(home.entry.entry_id)
        await until(lambda: issue_of(home, "webhook_taken") is not None)
        step = await _post(browser, "", handler=DOMAIN, issue_id=f"webhook_taken_{home.entry.entry_id}")
        assert (step["type"], step["step_id"]) == ("form", "confirm")
        # Just after a reload it may not be known yet what has to go.
        while (await _post(browser, f"/{step['flow_id']}"))["type"] != "create_entry":
            await asyncio.sleep(TIME_SCALE)
        await hass.async_block_till_done()
        await home.hears()
        assert THEIRS not in registered(home)
        assert issue_of(home, "webhook_taken") is None


async def test_freed(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """An issue goes when the other one went away by itself, while everything is loaded."""
    instance = instance_of(emulator, "green_api")
    instance.link(instance.number)
    put_theirs(Home(hass, emulator, instance, None))  # type: ignore[arg-type] # there is no entry yet
    await until(lambda: instance.state == "authorized")
    async with home_with(hass, emulator, "green_api", Way.STREAM) as home:
        await until(lambda: issue_of(home, "webhook_taken") is not None)
        step = await _post(browser, "", handler=DOMAIN, issue_id=f"webhook_taken_{home.entry.entry_id}")
        instance.change_settings({"webhookUrl": ""})  # type: ignore[attr-defined] # as this one has it
        await home.hears()
        assert issue_of(home, "webhook_taken") is None
        # There is nothing left to agree to.
        assert (await _post(browser, f"/{step['flow_id']}"))["type"] == "create_entry"


async def _post(browser: Browser, path: str, **body: str) -> dict[str, Any]:
    response = await browser.post(f"/api/repairs/issues/fix{path}", json=body)
    assert response.status == HTTPStatus.OK
    step: dict[str, Any] = await response.json()
    return step


# --- where it does not work ------------------------------------------------------------------------


def way_of(home: Home) -> Way | None:
    """Return the way that is used now."""
    return home.coordinator.receiving.way


async def test_not_in_plan(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """A plan without webhooks is looked at now and then instead, and an issue says so until it is another plan."""
    async with home_with(hass, emulator, "wawp", "automatic") as home:
        await home.hears()
        assert way_of(home) is Way.POLLING
        issue = issue_of(home, "webhook_not_in_plan")
        assert issue
        assert issue.is_fixable
        home.instance.options.plan = "paid"  # type: ignore[attr-defined] # has plans
        await hass.config_entries.async_reload(home.entry.entry_id)
        await home.hears()
        assert way_of(home) is Way.WEBHOOK
        assert issue_of(home, "webhook_not_in_plan") is None


async def test_nothing_else_chosen(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """Who wants a webhook and nothing else gets nothing where there is none; an issue says so, until they choose."""
    async with home_with(hass, emulator, "wawp", Way.WEBHOOK) as home:
        await home.hears()
        home.instance.options.plan = "free"  # type: ignore[attr-defined] # has plans
        await hass.config_entries.async_reload(home.entry.entry_id)
        await until(lambda: issue_of(home, "webhook_not_in_plan") is not None)
        await until(lambda: home.coordinator.receiving.way is None)
        hass.config_entries.async_update_entry(home.entry, options={"receiving": "polling"})
        await home.hears()
        assert issue_of(home, "webhook_not_in_plan") is None


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the gateways not be in the home network."""
    monkeypatch.setattr(Gateway, "is_local", property(lambda _: False))


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize(("key", "way"), [("wawp", Way.POLLING), ("evolution", None)])
async def test_no_address(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    key: str,
    way: Way | None,
) -> None:
    """Without an address that can be reached from outside an issue says so; with one, that is the one registered."""
    instance_of(emulator, key)
    async with home_with(hass, emulator, key, "automatic") as home:
        await until(lambda: issue_of(home, "webhook_no_address") is not None)
        await until(lambda: home.coordinator.receiving.way is way)
        assert registered(home) == []
        if key == "wawp":
            home.instance.options.plan = "paid"  # type: ignore[attr-defined] # has plans
        hass.config.external_url = EXTERNAL
        await hass.config_entries.async_reload(home.entry.entry_id)
        await until(lambda: len(registered(home)) == 1)
        assert registered(home)[0].startswith(f"{EXTERNAL}/api/webhook/")
        await until(lambda: issue_of(home, "webhook_no_address") is None)


@pytest.mark.parametrize(
    ("key", "fault"),
    [*((key, "502_html") for key in KEYS), ("evolution", "refused_connection"), ("evolution", "429")],
)
async def test_registered_later(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    key: str,
    fault: str,
) -> None:
    """A gateway that is out of order for a while gets the address later, and nobody is bothered."""
    method = {
        "green_api": "getSettings",
        "wawp": "session/webhook",
        "wachat": "webhooks",
        "waha": "sessions/get",
        "evolution": "webhook/find",
    }[key]
    async with home_with(hass, emulator, key, "off") as home:
        emulator.faults.add(key, fault, 6, method=method, retry_after=1)
        hass.config_entries.async_update_entry(home.entry, options={"receiving": "webhook"})
        await home.hears()
        assert len(registered(home)) == 1
        assert ir.async_get(hass).issues == {}


@pytest.mark.parametrize("key", ["evolution"])
async def test_refused_address(hass: HomeAssistant, home: Home, key: str) -> None:
    """Where the gateway says no to the address, an issue tells its words."""
    home.emulator.faults.add("evolution", "422", 1000, method="webhook/find")
    await hass.config_entries.async_reload(home.entry.entry_id)
    await until(lambda: issue_of(home, "webhook_refused") is not None)
    home.emulator.faults.clear()
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "off"})
    await until(lambda: issue_of(home, "webhook_refused") is None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon what did not work."""
    monkeypatch.setattr(receiving, "_TRY_AGAIN_AFTER", 4 * TIME_SCALE)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("chosen", ["automatic", Way.WEBHOOK])
async def test_other_plan(hass: HomeAssistant, browser: Browser, emulator: Emulator, chosen: str) -> None:
    """Whoever has a plan with webhooks by now is called, without doing anything here."""
    async with home_with(hass, emulator, "wawp", chosen) as home:
        home.instance.options.plan = "free"  # type: ignore[attr-defined] # has plans
        await hass.config_entries.async_reload(home.entry.entry_id)
        await until(lambda: issue_of(home, "webhook_not_in_plan") is not None)
        await until(lambda: home.comes_by(Way.POLLING if chosen == "automatic" else None))
        home.instance.options.plan = "paid"  # type: ignore[attr-defined] # has plans
        await until(lambda: issue_of(home, "webhook_not_in_plan") is None)
        await until(lambda: home.comes_by(Way.WEBHOOK))
        await home.hears()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("key", ["evolution"])
@pytest.mark.parametrize("issue", ["webhook_taken", "webhook_refused"])
async def test_free_again(hass: HomeAssistant, home: Home, key: str, issue: str) -> None:
    """Where nothing else is left, it is tried again until it works; the issue goes by itself."""
    instance: Any = home.instance
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "off"})
    await until(lambda: registered(home) == [])
    if issue == "webhook_taken":
        put_theirs(home)
    else:
        home.emulator.faults.add("evolution", "422", 1000, method="webhook/find")
    hass.config_entries.async_update_entry(home.entry, options={"receiving": "automatic"})
    await until(lambda: issue_of(home, issue) is not None)
    await until(lambda: home.comes_by(None))
    home.emulator.faults.clear()
    instance.webhook.set({"enabled": False, "url": "", "events": []})
    await until(lambda: home.comes_by(Way.WEBHOOK))
    await home.hears()
    assert issue_of(home, issue) is None


@pytest.mark.usefixtures("impatient")
async def test_another_reason(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """While it is tried again, the issue is the one that is true now."""
    async with home_with(hass, emulator, "evolution", "off") as home:
        emulator.faults.add("evolution", "422", 1000, method="webhook/find")
        hass.config_entries.async_update_entry(home.entry, options={"receiving": "automatic"})
        await until(lambda: issue_of(home, "webhook_refused") is not None)
        put_theirs(home)
        emulator.faults.clear()
        await until(lambda: issue_of(home, "webhook_taken") is not None)
        assert issue_of(home, "webhook_refused") is None


# --- by way of the cloud ---------------------------------------------------------------------------


CLOUDHOOK = "https://hooks.example/abcdef"


class Cloud:
    """What Home Assistant's cloud would do, which is not there in tests."""

    def __init__(self, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be subscribed, and connected unless a test says otherwise."""
        hass.config.components.add("cloud")
        self.connected = True
        self.trouble: Exception = cloud.CloudNotConnected()
        self.asked = 0
        self.hooks: set[str] = set()
        monkeypatch.setattr(cloud, "async_active_subscription", lambda _: True)
        monkeypatch.setattr(cloud, "async_get_or_create_cloudhook", self._get_or_create)
        monkeypatch.setattr(cloud, "async_delete_cloudhook", self._delete)

    async def _get_or_create(self, _hass: HomeAssistant, webhook_id: str) -> str:
        self.asked += 1
        if not self.connected:
            raise self.trouble
        self.hooks.add(webhook_id)
        return CLOUDHOOK

    async def _delete(self, _hass: HomeAssistant, webhook_id: str) -> None:
        if webhook_id not in self.hooks:
            raise ValueError("Hook is not enabled for the cloud.")
        if not self.connected:
            raise self.trouble
        self.hooks.remove(webhook_id)


@pytest.fixture
def subscribed(hass: HomeAssistant, far_away: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Return the cloud that somebody subscribed to."""
    return Cloud(hass, monkeypatch)


async def test_cloud(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    subscribed: Cloud,
) -> None:
    """A gateway in the internet gets the cloud's address. What comes that way is as good, and as bad, as any other."""
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await until(lambda: registered(home) == [CLOUDHOOK])
        kept = home.entry.data["webhook"]
        call = cloud_call(home)
        assert await call({"X-Webhook-Secret": kept["secret"]}) == HTTPStatus.OK
        assert home.texts() == ["By way of the cloud"]
        assert await call({"X-Webhook-Secret": "guessed"}) == HTTPStatus.UNAUTHORIZED
        large = {"X-Webhook-Secret": kept["secret"]}
        assert await call(large, b"x" * 2**21) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert home.coordinator.inbox.rejected == 2
        await hass.config_entries.async_remove(home.entry.entry_id)
        assert registered(home) == []
        assert subscribed.hooks == set()


def cloud_call(home: Home) -> Callable[..., Any]:
    """Return what calls the webhook as the cloud does."""
    content = {
        "event": "messages.upsert",
        "instance": home.instance.id,
        "data": {
            "key": {"remoteJid": "13035550142@s.whatsapp.net", "fromMe": False, "id": "C10D"},
            "message": {"conversation": "By way of the cloud"},
        },
    }

    async def call(headers: dict[str, str], body: bytes = json.dumps(content).encode()) -> int:
        request = MockRequest(body, "cloud", method="POST", headers=headers)
        webhook_id = home.entry.data["webhook"]["id"]
        return (await ha_webhook.async_handle_webhook(home.hass, webhook_id, request)).status

    return call


@pytest.mark.parametrize("trouble", [cloud.CloudNotConnected(), CloudhookApiError("502"), TimeoutError()], ids=repr)
async def test_cloud_is_not_there_yet(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    subscribed: Cloud,
    trouble: Exception,
) -> None:
    """When Home Assistant starts it may be loaded before it is connected to the cloud, which is waited for."""
    subscribed.connected = False
    subscribed.trouble = trouble
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await until(lambda: subscribed.asked >= 2)
        assert registered(home) == []
        assert ir.async_get(hass).issues == {}
        subscribed.connected = True
        await until(lambda: registered(home) == [CLOUDHOOK])
        assert home.coordinator.receiving.way is Way.WEBHOOK


@pytest.mark.parametrize("has_address", [False, True])
async def test_cloud_is_gone(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    subscribed: Cloud,
    has_address: bool,
) -> None:
    """An entry can be removed while there is no cloud, and where there is none of its addresses."""
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await until(lambda: registered(home) == [CLOUDHOOK])
        subscribed.connected = False
        subscribed.trouble = CloudhookApiError("502")
        if not has_address:
            subscribed.hooks.clear()
        done = await hass.config_entries.async_remove(home.entry.entry_id)
        assert done == {"require_restart": False}
        assert registered(home) == [CLOUDHOOK]
