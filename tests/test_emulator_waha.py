"""The emulator's WAHA against the vendor's documentation, OpenAPI and source, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
import io
import json
import re
from typing import Any

import aiohttp
from PIL import Image
import pytest
import zxingcpp

from tests.emulator import Emulator, waha_checks, waha_house, waha_instance
from tests.emulator.model import Kind, Message
from tests.emulator.waha import Waha
from tests.emulator.waha_instance import WahaInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 20 s, after which a code changes, last 0.4 s.
SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
CHEN_CHAT = "13035550144@c.us"
NOBODY = "+13035550199"
NOBODY_CHAT = "13035550199@c.us"
FAMILY = "120363000000000142@g.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
ENGINES = ("NOWEB", "WEBJS", "GOWS")
NOT_FOUND = {"message": "Session not found", "error": "Not Found", "statusCode": 404}
UNAUTHORIZED = {"message": "Unauthorized", "statusCode": 401}
NO_STORE = (
    'Enable NOWEB store "config.noweb.store.enabled=True" and "config.noweb.store.full_sync=True" when starting a new '
    "session. Read more: https://waha.devlike.pro/docs/engines/noweb#store"
)
# Required in the vendor's OpenAPI.
WA_MESSAGE = {
    "id",
    "timestamp",
    "from",
    "fromMe",
    "source",
    "to",
    "participant",
    "body",
    "hasMedia",
    "mediaUrl",
    "ack",
    "ackName",
    "_data",
}


def not_running(name: str) -> dict[str, Any]:
    """Return the body of the answer about a session that is not running."""
    message = (
        f"We didn't find a session with name '{name}'.\n"
        f"Please start it first by using POST /api/sessions/{name}/start request"
    )
    return {"message": message, "error": "Not Found", "statusCode": 404}


def wrong_status(status: str, expected: str, name: str = "default") -> dict[str, Any]:
    """Return the body of the answer about a session in the wrong status."""
    error = "Session status is not as expected. Try again later or restart the session"
    return {"error": error, "session": name, "status": status, "expected": [expected]}


class Socket:
    """A websocket, and the envelopes that come over it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read from this connection."""
        self.socket = socket

    async def next(self, seconds: float = 5) -> dict[str, Any]:
        """Return the next envelope."""
        envelope: dict[str, Any] = await self.socket.receive_json(timeout=seconds)
        return envelope

    async def next_of(self, event: str) -> dict[str, Any]:
        """Return the payload of the next event of this kind, passing over others."""
        while True:
            envelope = await self.next()
            if envelope["event"] == event:
                payload: dict[str, Any] = envelope["payload"]
                return payload

    async def status(self) -> str:
        """Return the status in the next session.status."""
        return str((await self.next_of("session.status"))["status"])

    async def closing(self) -> aiohttp.WSMessage:
        """Return what ends the connection."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return message


class Api:
    """Calls the emulator as a client of WAHA would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the session that there is from the beginning."""
        self.emulator = emulator
        self.session = session
        [instance] = [each for each in emulator.instances if each.gateway == "waha"]
        assert isinstance(instance, WahaInstance)
        self.instance = instance
        server = emulator.gateways["waha"]
        assert isinstance(server, Waha)
        self.server = server

    @property
    def headers(self) -> dict[str, str]:
        """The server's key."""
        return {"X-Api-Key": self.instance.token}

    def url(self, path: str) -> str:
        """Return the address of a call."""
        return self.server.base_url + path

    async def raw(self, verb: str, path: str, **options: Any) -> tuple[int, str, bytes]:
        """Return status, content type and body; the key goes along unless headers are given."""
        options = {"headers": self.headers, "allow_redirects": False, **options}
        async with self.session.request(verb, self.url(path), **options) as response:
            return response.status, response.content_type, await response.read()

    async def once(self, verb: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and parsed body, None if there is none."""
        status, _, body = await self.raw(verb, path, **options)
        return status, json.loads(body) if body else None

    async def get(self, path: str, **query: str) -> Any:
        """GET and return the JSON of a success."""
        status, answer = await self.once("GET", path, params=query)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: Any = None) -> Any:
        """POST and return the JSON of a success."""
        status, answer = await self.once("POST", path, json=body)
        assert status == 201, answer
        return answer

    async def complaints(self, verb: str, path: str, body: Any = None) -> list[str]:
        """Return what the validation says."""
        status, answer = await self.once(verb, path, json=body)
        assert status == 400
        assert answer == {"statusCode": 400, "message": answer["message"], "error": "Bad Request"}
        return list(answer["message"])

    async def until(self, status: str, instance: WahaInstance | None = None) -> None:
        """Wait until a session has a status."""
        watched = instance or self.instance
        async with asyncio.timeout(20):
            while watched.state != status:
                await watched.changed.wait(0.1)

    async def offer_codes(self) -> None:
        """Start the session and wait for the first code."""
        await self.post("/api/sessions/default/start")
        await self.until("SCAN_QR_CODE")

    async def qr_text(self) -> str:
        """Return the text in the present code."""
        return text_in((await self.raw("GET", "/api/default/auth/qr"))[2])

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)

    async def send(self, text: str = "Hello", chat: str = ADA_CHAT, **more: Any) -> Any:
        """Send a text and return the answer."""
        return await self.post("/api/sendText", {"session": self.instance.id, "chatId": chat, "text": text, **more})

    def arrived(self) -> list[Message]:
        """Return what arrived on phones."""
        return self.emulator.phone.messages(f"waha/{self.instance.id}")

    def write(self, **more: Any) -> Message:
        """Have Ada write to the session."""
        given = {"text": "Hi", **more}
        return self.emulator.phone.write(f"waha/{self.instance.id}", ADA, **given)[0]

    @asynccontextmanager
    async def listening(self, *events: str, session: str = "*", **options: Any) -> AsyncIterator[Socket]:
        """Open a websocket, events one by one in the query."""
        query = [("session", session), *(("events", event) for event in events or ("*",))]
        options = {"params": query, "headers": self.headers, **options}
        async with self.session.ws_connect(self.url("/ws"), **options) as socket:
            yield Socket(socket)


def text_in(picture: bytes) -> str:
    """Return the text in a QR code."""
    image = Image.open(io.BytesIO(picture))
    return str(zxingcpp.read_barcodes(image.convert("RGB"))[0].text)


def names(items: Iterable[dict[str, Any]]) -> list[str]:
    """Return the names in a list of sessions."""
    return [item["name"] for item in items]


@pytest.fixture
async def emulator() -> AsyncGenerator[Emulator]:
    """A fast emulator."""
    async with Emulator(time_scale=SCALE, seed="tests") as running:
        yield running


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """A client session with its own connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())) as opened:
        yield opened


@pytest.fixture
def api(emulator: Emulator, session: aiohttp.ClientSession) -> Api:
    """A client of the fast emulator."""
    return Api(emulator, session)


# Server and key


async def test_credentials_are_always_the_same(api: Api) -> None:
    """There is one session from the beginning, which is not started."""
    credentials = api.instance.credentials()
    assert credentials == {
        "base_url": f"{api.emulator.url}/waha",
        "token": credentials["token"],
        "session_name": "default",
    }
    async with Emulator() as other:
        again = next(each for each in other.instances if each.gateway == "waha").credentials()
        assert again["token"] == credentials["token"]
    assert api.instance.state == "STOPPED"


@pytest.mark.parametrize(
    "path", ["/ping", "/health", "/api/server/version", "/api/sessions", "/api/default/auth/qr", "/nowhere", "/ws"]
)
@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer wrong"}])
async def test_key_is_needed(api: Api, path: str, headers: dict[str, str]) -> None:
    """Page security; also where there is nothing."""
    assert await api.once("GET", path, headers=headers) == (401, UNAUTHORIZED)


async def test_key_in_the_query(api: Api) -> None:
    """Since 2026.4.3; before, for the websocket only."""
    query = {"x-api-key": api.instance.token}
    assert await api.once("GET", "/ping", params=query, headers={}) == (200, {"message": "pong"})
    status, _ = await api.once("GET", "/ping", params={"x-api-key": "wrong"}, headers={})
    assert status == 401
    api.instance.options.core_only = True
    status, _ = await api.once("GET", "/ping", params=query, headers={})
    assert status == 401
    async with api.listening(headers={}, params=query):
        pass


async def test_key_that_is_not_needed(api: Api) -> None:
    """WAHA_API_KEY_EXCLUDE_PATH, and WAHA_NO_API_KEY."""
    api.server.paths_without_key = ("health", "ping")
    assert (await api.once("GET", "/ping", headers={}))[0] == 200
    assert (await api.once("GET", "/api/sessions", headers={}))[0] == 401
    api.server.key_required = False
    assert (await api.once("GET", "/api/sessions", headers={}))[0] == 200


async def test_key_of_one_session(api: Api) -> None:
    """Page security: further keys are for one session and show no other."""
    other = api.server.create_instance(instance_id="other", token="key-of-other")
    other.start()
    assert other.credentials()["token"] == "key-of-other"
    headers = {"X-Api-Key": "key-of-other"}
    status, listed = await api.once("GET", "/api/sessions?all=true", headers=headers)
    assert (status, names(listed)) == (200, ["other"])
    assert (await api.once("GET", "/api/sessions/other", headers=headers))[0] == 200
    refusal = {"message": "Forbidden resource", "error": "Forbidden", "statusCode": 403}
    assert await api.once("GET", "/api/sessions/default", headers=headers) == (403, refusal)
    assert await api.once("POST", "/api/sessions", headers=headers, json={"name": "third"}) == (403, refusal)
    # The server's own key opens all.
    assert names(await api.get("/api/sessions", all="true")) == ["default", "other"]


async def test_server(api: Api) -> None:
    """Page observability."""
    version = await api.get("/api/server/version")
    assert version == {
        "version": "2026.7.1",
        "engine": "GOWS",
        "tier": "CORE",
        "browser": None,
        "platform": "linux/x64",
        "worker": {"id": "waha"},
    }
    assert await api.get("/api/version") == version
    status = await api.get("/api/server/status")
    assert set(status) == {"startTimestamp", "uptime", "worker"}
    health = await api.get("/health")
    assert (health["status"], health["error"]) == ("ok", {})
    assert set(health) == {"status", "info", "error", "details"}
    api.server.house.healthy = False
    assert (await api.once("GET", "/health"))[0] == 503
    api.instance.options.engine = "WEBJS"
    assert (await api.get("/api/server/version"))["browser"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/x"), ("POST", "/ping"), ("GET", "/api/sendText"), ("PUT", "/api/sessions"), ("GET", "/ws")],
)
async def test_calls_that_do_not_exist(api: Api, verb: str, path: str) -> None:
    """NestJS says so."""
    expected = {"message": f"Cannot {verb} {path}", "error": "Not Found", "statusCode": 404}
    assert await api.once(verb, path) == (404, expected)


# Sessions


async def test_shapes_of_a_session(api: Api) -> None:
    """SessionInfo, and MeInfo once a phone is linked."""
    assert await api.get("/api/sessions") == []
    [listed] = await api.get("/api/sessions", all="true")
    assert listed == {
        "name": "default",
        "status": "STOPPED",
        "config": {"metadata": {}, "webhooks": []},
        "me": None,
        "presence": None,
        "timestamps": {"activity": None},
        "assignedWorker": "waha",
    }
    assert await api.get("/api/sessions/default", expand="apps") == {**listed, "engine": {}, "apps": []}
    api.link()
    digits = api.instance.number.removeprefix("+")
    [listed] = await api.get("/api/sessions")
    me = listed["me"]
    assert me == {
        "id": f"{digits}@c.us",
        "lid": me["lid"],
        "jid": f"{digits}:12@s.whatsapp.net",
        "pushName": "Casey",
    }
    assert re.fullmatch(r"\d+@lid", me["lid"])
    assert await api.get("/api/sessions/default/me") == me
    assert await api.get("/api/default/profile") == {"id": me["id"], "picture": None, "name": "Casey"}


async def test_me_without_a_phone(api: Api) -> None:
    """There is nothing to say then."""
    assert await api.once("GET", "/api/sessions/default/me") == (404, not_running("default"))
    await api.offer_codes()
    assert await api.once("GET", "/api/sessions/default/me") == (200, None)


async def test_session_is_created_and_started(api: Api) -> None:
    """Unless told not to."""
    config = {"metadata": {"a": "b"}, "webhooks": [{"url": "http://127.0.0.1:9/", "events": ["message"]}]}
    created = await api.post("/api/sessions", {"name": "home", "config": config})
    assert created == {"name": "home", "status": "STARTING", "config": config}
    assert (await api.post("/api/sessions", {"name": "shed", "start": False}))["status"] == "STOPPED"
    assert names(await api.get("/api/sessions")) == ["home"]
    generated = await api.post("/api/sessions", {})
    assert re.fullmatch(r"session_[0-9a-z]{26}", generated["name"])
    taken = "Session 'home' already exists. Use PUT to update it."
    refusal = {"message": taken, "error": "Unprocessable Entity", "statusCode": 422}
    assert await api.once("POST", "/api/sessions", json={"name": "home"}) == (422, refusal)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"name": 5}, "name must be a string"),
        ({"name": "a/b"}, "name must contain letters, digits, hyphens and underscores only"),
        ({"start": "maybe"}, "start must be a boolean value"),
        ({"config": "none"}, "config must be an object"),
        ({"config": {"metadata": []}}, "config.metadata must be an object"),
        ({"config": {"webhooks": {}}}, "config.webhooks must be an array"),
        ({"config": {"webhooks": [{"events": ["message"]}]}}, "config.webhooks.0.url must be a string"),
        ({"config": {"webhooks": [{"url": "x", "events": ["a"]}]}}, "config.webhooks.0.url must be a URL address"),
        ({"config": {"webhooks": [{"url": "http://x"}]}}, "config.webhooks.0.events must be an array"),
        (
            {"config": {"webhooks": [{"url": "http://x", "events": [5]}]}},
            "each value in config.webhooks.0.events must be a string",
        ),
    ],
)
async def test_bad_sessions_are_refused(api: Api, body: Any, complaint: str) -> None:
    """The validation names the field."""
    assert complaint in await api.complaints("POST", "/api/sessions", body)
    assert names(await api.get("/api/sessions", all="true")) == ["default"]


async def test_unreadable_bodies(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON that is none, JSON that is no object, and too much of it."""
    headers = api.headers | {"Content-Type": "application/json"}
    status, answer = await api.once("POST", "/api/sendText", data=b"{", headers=headers)
    assert (status, answer["error"]) == (400, "Bad Request")
    assert (await api.once("POST", "/api/sendText", json=[]))[0] == 400
    # A body under another name is not looked at.
    status, answer = await api.once("POST", "/api/sendText", data=b"{}")
    assert (status, len(answer["message"])) == (400, 2)
    monkeypatch.setattr(waha_checks, "LONGEST_BODY", 10)
    assert (await api.once("POST", "/api/sendText", json={"text": "long enough"}))[0] == 413


async def test_life_of_a_session(api: Api) -> None:
    """Start, link, stop, start, restart, log out, delete."""
    api.instance.options.start_seconds = 10
    started = await api.post("/api/sessions/default/start")
    assert started == {"name": "default", "status": "STARTING", "config": {"metadata": {}, "webhooks": []}}
    # Starting is idempotent.
    assert (await api.post("/api/sessions/default/start"))["status"] == "STARTING"
    await api.until("SCAN_QR_CODE")
    assert (await api.post("/api/sessions/default/start"))["status"] == "SCAN_QR_CODE"
    api.emulator.phone.scan(await api.qr_text())
    assert (await api.get("/api/sessions/default"))["status"] == "WORKING"
    before = api.emulator.clock.now()
    assert (await api.post("/api/sessions/default/stop"))["status"] == "STOPPED"
    assert api.emulator.clock.now() - before >= 3
    assert (await api.get("/api/sessions/default"))["me"]
    # Stopping is idempotent, too, and the link survives it.
    assert (await api.post("/api/sessions/default/stop"))["status"] == "STOPPED"
    await api.post("/api/sessions/default/start")
    await api.until("WORKING")
    assert (await api.post("/api/sessions/default/restart"))["status"] == "STARTING"
    await api.until("WORKING")
    # After logging out, a session that was running waits for a phone.
    assert (await api.post("/api/sessions/default/logout"))["status"] == "STARTING"
    await api.until("SCAN_QR_CODE")
    assert (await api.get("/api/sessions/default"))["me"] is None
    await api.post("/api/sessions/default/stop")
    assert (await api.post("/api/sessions/default/logout"))["status"] == "STOPPED"
    for _ in range(2):
        assert await api.once("DELETE", "/api/sessions/default") == (200, None)
    assert await api.get("/api/sessions", all="true") == []
    assert api.instance not in api.emulator.instances


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", ""), ("PUT", ""), ("POST", "/start"), ("POST", "/restart"), ("POST", "/logout")],
)
async def test_unknown_session(api: Api, verb: str, path: str) -> None:
    """Most calls say that there is none."""
    assert await api.once(verb, f"/api/sessions/nobody{path}", json={}) == (404, NOT_FOUND)


async def test_unknown_session_can_be_stopped(api: Api) -> None:
    """Vendor source: success without a body."""
    assert await api.once("POST", "/api/sessions/nobody/stop") == (201, None)


async def test_configuration_is_replaced(api: Api) -> None:
    """What is not given is gone, and a running session restarts."""
    config = {"metadata": {"room": "hall"}}
    status, changed = await api.once("PUT", "/api/sessions/default", json={"config": config})
    assert (status, changed) == (200, {"name": "default", "status": "STOPPED", "config": config})
    api.link()
    _, changed = await api.once("PUT", "/api/sessions/default", json={"config": {"debug": True}})
    assert changed == {"name": "default", "status": "STARTING", "config": {"debug": True}}
    await api.until("WORKING")
    assert await api.complaints("PUT", "/api/sessions/default", {"config": {"debug": 1}})


async def test_old_calls(api: Api) -> None:
    """They have the session in the body, and starting creates it."""
    api.instance.options.start_seconds = 10
    assert (await api.post("/api/sessions/start", {"name": "default"}))["status"] == "STARTING"
    refusal = "Session 'default' is already started."
    status, answer = await api.once("POST", "/api/sessions/start", json={"name": "default"})
    assert (status, answer["message"]) == (422, refusal)
    created = await api.post("/api/sessions/start", {"name": "new", "config": {"debug": True}})
    assert created == {"name": "new", "status": "STARTING", "config": {"debug": True}}
    api.link()
    assert await api.post("/api/sessions/stop", {"name": "default", "logout": True}) is None
    assert (api.instance.state, api.instance.linked) == ("STOPPED", False)
    assert await api.post("/api/sessions/stop", {"name": "nobody"}) is None
    api.link()
    assert await api.post("/api/sessions/logout", {"name": "default"}) is None
    assert api.instance.state == "STARTING"
    assert await api.once("POST", "/api/sessions/logout", json={"name": "nobody"}) == (404, NOT_FOUND)


async def test_old_core(api: Api) -> None:
    """Before 2026.6.1, Core had one session only."""
    api.instance.options.core_only = True
    texts = []
    for verb, path in (("POST", "/api/sessions"), ("GET", "/api/sessions/home"), ("GET", "/api/home/auth/qr")):
        status, answer = await api.once(verb, path, json={"name": "home"})
        assert (status, answer["error"]) == (422, "Unprocessable Entity")
        texts.append(answer["message"])
    [text] = set(texts)
    assert text.startswith(
        "WAHA Core support only 'default' session. "
        "If you want to run more then one WhatsApp account - please get WAHA PLUS"
    )
    status, answer = await api.once("GET", "/health")
    expected = "Health check is available only in Plus version. Check this out: https://waha.devlike.pro/"
    assert (status, answer["message"]) == (422, expected)
    assert (await api.get("/api/server/version"))["version"] == "2024.10.8"
    api.link()
    assert set(await api.send()) == {"id", "_data"}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"id": "default"}, "taken or no name"),
        ({"id": "a b"}, "taken or no name"),
        ({"options": {"engine": "WPP"}}, "'engine' must be one of NOWEB, WEBJS, GOWS"),
        ({"options": {"engine": "WEBJS", "passkey": True}}, "for engine GOWS only"),
        ({"options": {"colour": "red"}}, "Unknown option"),
    ],
)
async def test_bad_instances_are_refused(api: Api, body: dict[str, Any], complaint: str) -> None:
    """The control route says what is wrong."""
    url = f"{api.emulator.url}/phone/instances"
    async with api.session.post(url, json={"gateway": "waha", **body}) as response:
        assert response.status == 400
        assert complaint in (await response.json())["error"]


async def test_more_instances_can_be_made(api: Api) -> None:
    """They have the server's key, and can be linked from the start."""
    url = f"{api.emulator.url}/phone/instances"
    async with api.session.post(url, json={"gateway": "waha", "linked": True}) as response:
        made = await response.json()
    assert made["credentials"] == api.instance.credentials() | {"session_name": "default-2"}
    assert made["state"] == "WORKING"
    linked = api.server.create_instance(options={"linked": True, "engine": "NOWEB"})
    assert (linked.id, linked.state) == ("default-3", "WORKING")


# Linking


async def test_shapes_of_the_code(api: Api) -> None:
    """A picture, a picture in JSON, or a text."""
    await api.offer_codes()
    path = "/api/default/auth/qr"
    status, content_type, picture = await api.raw("GET", path)
    assert (status, content_type, picture[:8]) == (200, "image/png", PNG_MAGIC)
    value = (await api.get(path, format="raw"))["value"]
    assert value.startswith("2@")
    assert value == text_in(picture)
    status, in_json = await api.once("GET", path, headers=api.headers | {"Accept": "application/json"})
    assert set(in_json) == {"mimetype", "data"}
    assert in_json["mimetype"] == "image/png"
    assert base64.b64decode(in_json["data"], validate=True) == picture
    # It has to be this header exactly.
    accept = api.headers | {"Accept": "application/json, */*"}
    assert (await api.raw("GET", f"{path}?format=image", headers=accept))[1] == "image/png"
    complaint = "format must be one of the following values: image, raw"
    assert await api.complaints("GET", f"{path}?format=svg") == [complaint]


async def test_code_before_and_after(api: Api) -> None:
    """404 without a running session; 422 after 5 s in the wrong status."""
    path = "/api/default/auth/qr"
    assert await api.once("GET", path) == (404, not_running("default"))
    assert await api.once("GET", "/api/nobody/auth/qr") == (404, not_running("nobody"))
    # Starting takes less than the call is willing to wait.
    await api.post("/api/sessions/default/start")
    assert (await api.raw("GET", path))[0] == 200
    api.link()
    before = api.emulator.clock.now()
    assert await api.once("GET", path) == (422, wrong_status("WORKING", "SCAN_QR_CODE"))
    assert api.emulator.clock.now() - before >= 5


async def test_codes_rotate_and_end(api: Api) -> None:
    """The first lasts 60 s, five more 20 s; then the session has failed until it is restarted."""
    clock = api.emulator.clock
    async with api.listening("session.status") as socket:
        start = clock.now()
        await api.post("/api/sessions/default/start")
        assert await socket.status() == "STARTING"
        seen, times = [], []
        while await socket.status() == "SCAN_QR_CODE":
            times.append(clock.now() - start)
            seen.append((await api.get("/api/default/auth/qr", format="raw"))["value"])
        times.append(clock.now() - start)
    assert len(set(seen)) == 6
    earliest = [2, 62, 82, 102, 122, 142, 162]
    assert all(time >= limit for time, limit in zip(times, earliest, strict=True))
    assert api.instance.state == "FAILED"
    # Starting has no effect then, restarting has.
    assert (await api.post("/api/sessions/default/start"))["status"] == "FAILED"
    assert names(await api.get("/api/sessions")) == ["default"]
    await api.post("/api/sessions/default/restart")
    await api.until("SCAN_QR_CODE")
    assert (await api.get("/api/default/auth/qr", format="raw"))["value"] not in seen


async def test_old_code_cannot_be_scanned(api: Api) -> None:
    """A restart makes it worthless."""
    await api.offer_codes()
    text = await api.qr_text()
    await api.post("/api/sessions/default/restart")
    await api.until("SCAN_QR_CODE")
    async with api.session.post(f"{api.emulator.url}/phone/scan", json={"qr": text}) as response:
        assert response.status == 410


@pytest.mark.parametrize("engine", ENGINES)
async def test_pairing_code_links(api: Api, engine: str) -> None:
    """The phone is the one that the code was asked for."""
    api.instance.options.engine = engine
    await api.offer_codes()
    answer = await api.post("/api/default/auth/request-code", {"phoneNumber": "12025550177", "method": None})
    assert re.fullmatch(r"[A-Z1-9]{4}-[A-Z1-9]{4}", answer["code"])
    api.emulator.phone.enter_code(answer["code"])
    assert (await api.get("/api/sessions/default/me"))["id"] == "12025550177@c.us"


async def test_pairing_code_in_wrong_status(api: Api) -> None:
    """Engine NOWEB fails at once, and echoes the request; the others wait."""
    path, body = "/api/default/auth/request-code", {"phoneNumber": "12025550177"}
    assert await api.once("POST", path, json=body) == (404, not_running("default"))
    assert await api.complaints("POST", path, {}) == ["phoneNumber must be a string"]
    assert await api.complaints("POST", path, {"phoneNumber": "+1 202"}) == ["phoneNumber must contain digits only"]
    api.link()
    assert await api.once("POST", path, json=body) == (422, wrong_status("WORKING", "SCAN_QR_CODE"))
    api.instance.options.engine = "NOWEB"
    status, answer = await api.once("POST", f"{path}?x-api-key=y", json=body)
    assert status == 500
    assert set(answer) == {"statusCode", "timestamp", "exception", "request", "version"}
    assert set(answer["exception"]) == {"stack", "message", "name"}
    message = "Can request code only in SCAN_QR_CODE status. The current status is WORKING"
    assert answer["exception"]["message"] == message
    assert answer["request"] == {"path": path, "method": "POST", "body": body, "query": {"x-api-key": "y"}}
    assert answer["version"] == {"version": "2026.7.1", "engine": "NOWEB", "tier": "CORE", "browser": None}


async def test_passkey(api: Api) -> None:
    """WhatsApp wants a passkey after the scan, and has a code compared."""
    api.instance.options.passkey = True
    base = "/api/default/auth/passkey"
    async with api.listening("session.status") as socket:
        await api.offer_codes()
        assert (await api.once("GET", f"{base}/challenge"))[0] == 422
        api.emulator.phone.scan(await api.qr_text())
        assert [await socket.status() for _ in range(2)] == ["STARTING", "SCAN_QR_CODE"]
        required = await socket.next_of("session.status")
        assert required["status"] == "PASSKEY_REQUIRED"
        challenge = await api.get(f"{base}/challenge")
        assert required["data"] == challenge
        assert (challenge["rpId"], challenge["timeout"]) == ("web.whatsapp.com", 60_000)
        assert set(challenge["allowCredentials"][0]) == {"id", "type", "transports"}
        assert (await api.once("GET", f"{base}/confirmation"))[0] == 422
        assert await api.complaints("POST", base, {"id": "x", "rawId": "x", "type": "public-key", "response": {}})
        signed = {"clientDataJSON": "x", "authenticatorData": "x", "signature": "x"}
        assert await api.post(base, {"id": "x", "rawId": "x", "type": "public-key", "response": signed}) is None
        confirmation = await socket.next_of("session.status")
        assert confirmation["status"] == "PASSKEY_CONFIRMATION_REQUIRED"
        assert await api.get(f"{base}/confirmation") == confirmation["data"]
        assert re.fullmatch(r"\d{4}", confirmation["data"]["code"])
        assert (await api.get("/api/sessions/default"))["me"] is None
        assert await api.post(f"{base}/confirm") is None
        assert (await socket.next_of("session.status"))["data"] is None
    assert api.instance.state == "WORKING"
    api.instance.options.engine = "WEBJS"
    status, answer = await api.once("GET", f"{base}/challenge")
    assert (status, answer["message"]) == (422, "The method is not implemented by the engine.")


async def test_passkey_by_hand(api: Api) -> None:
    """A test can do what the owner does, and the owner can give up."""
    api.instance.options.passkey = True
    api.link()
    states = [api.instance.state]
    for _ in range(2):
        api.instance.confirm_passkey()
        states.append(api.instance.state)
    assert states == ["PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED", "WORKING"]
    with pytest.raises(ValueError, match="does not wait"):
        api.instance.confirm_passkey()
    await api.post("/api/sessions/default/logout")
    api.link()
    api.instance.unlink()
    assert api.instance.state == "FAILED"


async def test_lost_link(api: Api) -> None:
    """The session fails, and offers codes only after a restart."""
    api.link()
    async with api.listening("session.status") as socket:
        api.instance.unlink()
        assert await socket.status() == "FAILED"
        assert (await api.get("/api/sessions/default"))["me"] is None
        await api.post("/api/sessions/default/restart")
        assert [await socket.status() for _ in range(2)] == ["STARTING", "SCAN_QR_CODE"]


async def test_link_lost_while_stopped(api: Api) -> None:
    """It shows at the next start."""
    api.link()
    await api.post("/api/sessions/default/stop")
    api.instance.unlink()
    assert api.instance.state == "STOPPED"
    await api.post("/api/sessions/default/start")
    await api.until("SCAN_QR_CODE")


async def test_ban_and_restore(api: Api) -> None:
    """A banned account fails at every start."""
    api.link()
    api.instance.ban()
    assert api.instance.state == "FAILED"
    assert (await api.post("/api/sessions/default/restart"))["status"] == "STARTING"
    await api.until("FAILED")
    api.instance.restore()
    assert api.instance.state == "FAILED"
    await api.post("/api/sessions/default/restart")
    await api.until("WORKING")


# Sending


@pytest.mark.parametrize(
    ("chat", "chat_id"),
    [
        (ADA_CHAT, ADA_CHAT),
        ("13035550142@s.whatsapp.net", ADA_CHAT),
        (FAMILY, FAMILY),
        ("123@lid", "123@lid"),
        ("123@newsletter", "123@newsletter"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
async def test_message_arrives(api: Api, engine: str, chat: str, chat_id: str) -> None:
    """The answer has the id in the form of the engine."""
    api.instance.options.engine = engine
    api.link()
    answer = await api.send("Hello", chat)
    [message] = api.arrived()
    assert (message.kind, message.chat_id, message.text) == (Kind.TEXT, chat_id, "Hello")
    assert (message.sender, message.quoted_id, message.details) == (api.instance.number, "", {})
    assert re.fullmatch(rf"true_{re.escape(chat_id)}_3EB0[0-9A-F]{{16}}", message.id)
    bare = message.id.split("_")[2]
    match engine:
        case "NOWEB":
            jid = chat_id.replace("@c.us", "@s.whatsapp.net")
            assert answer["key"] == {"remoteJid": jid, "fromMe": True, "id": bare}
            assert "id" not in answer
            assert (answer["status"], answer["messageTimestamp"]) == (1, str(message.timestamp))
        case "WEBJS":
            expected = {"fromMe": True, "remote": chat_id, "id": bare, "_serialized": message.id}
            assert answer["id"] == expected
            assert (answer["ack"], answer["timestamp"]) == (0, message.timestamp)
        case "GOWS":
            assert answer["id"] == message.id
            assert set(answer) >= WA_MESSAGE
            assert (answer["ack"], answer["ackName"], answer["source"]) == (0, "PENDING", "api")


async def test_what_goes_with_a_text(api: Api) -> None:
    """A reply, mentions, no preview, an id of one's own."""
    api.link()
    received = api.write(text="Question?")
    [shown] = await api.get(f"/api/default/chats/{ADA_CHAT}/messages", limit="1")
    reply_to = shown["id"]
    assert reply_to == f"false_{ADA_CHAT}_{received.id}"
    await api.send("Answer", reply_to=reply_to, linkPreview=False, id="MYOWN1", mentions=None)
    # Only who is named in the text is told.
    await api.send("@13035550142 come", FAMILY, mentions=["13035550142@c.us", "13035550144@c.us"])
    await api.send("All come", FAMILY, mentions=["all"])
    reply, named, everybody = api.arrived()
    assert (reply.quoted_id, reply.details) == (reply_to, {"link_preview": False})
    assert reply.id == f"true_{ADA_CHAT}_MYOWN1"
    assert named.details == {"mentions": [ADA_CHAT]}
    assert everybody.details == {"mentions": [ADA_CHAT, CHEN_CHAT]}
    [newest] = await api.get(f"/api/default/chats/{ADA_CHAT}/messages", limit="1")
    assert newest["replyTo"] == {
        "id": received.id,
        "participant": ADA_CHAT,
        "body": "Question?",
        "hasMedia": False,
        "media": None,
        "_data": {},
    }


async def test_session_is_default_unless_given(api: Api) -> None:
    """Vendor OpenAPI."""
    api.link()
    await api.post("/api/sendText", {"chatId": ADA_CHAT, "text": "Hello"})
    assert len(api.arrived()) == 1


@pytest.mark.parametrize(
    ("body", "complaints"),
    [
        ({}, ["text must be a string", "chatId must be a string"]),
        ({"chatId": None, "text": "x"}, ["chatId must be a string"]),
        ({"chatId": ADA_CHAT, "text": 5}, ["text must be a string"]),
        ({"chatId": ADA_CHAT, "text": "x", "mentions": "all"}, ["mentions must be an array"]),
        ({"chatId": ADA_CHAT, "text": "x", "linkPreview": 1}, ["linkPreview must be a boolean value"]),
        ({"chatId": ADA_CHAT, "text": "x", "session": 1}, ["session must be a string"]),
    ],
)
async def test_incomplete_messages_are_refused(api: Api, body: Any, complaints: list[str]) -> None:
    """All complaints come at once, and before anything is said about the session."""
    assert await api.complaints("POST", "/api/sendText", body) == complaints


@pytest.mark.parametrize("change", [{"chatId": "+1 303 555 0142"}, {"reply_to": "3EB0"}])
async def test_ids_that_make_no_sense(api: Api, change: dict[str, str]) -> None:
    """The engine fails."""
    api.link()
    status, answer = await api.once("POST", "/api/sendText", json={"chatId": ADA_CHAT, "text": "x", **change})
    assert (status, answer["exception"]["name"]) == (500, "Error")
    assert api.arrived() == []


async def test_sending_needs_a_working_session(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """404 if it is not running; 422 after 5 s in another status."""
    body = {"chatId": ADA_CHAT, "text": "x"}
    assert await api.once("POST", "/api/sendText", json=body) == (404, not_running("default"))
    assert await api.once("POST", "/api/sendText", json=body | {"session": "no"}) == (404, not_running("no"))
    await api.offer_codes()
    before = api.emulator.clock.now()
    answer = await api.once("POST", "/api/sendText", json=body)
    assert answer == (422, wrong_status("SCAN_QR_CODE", "WORKING"))
    assert api.emulator.clock.now() - before >= 5
    # Whoever scans in the meantime makes it a success.
    monkeypatch.setattr(waha_house, "STATUS_SECONDS", 200)
    sending = asyncio.ensure_future(api.once("POST", "/api/sendText", json=body))
    await asyncio.sleep(0.03)
    api.link()
    assert (await sending)[0] == 201


@pytest.mark.parametrize("engine", ENGINES)
async def test_number_that_nobody_has(api: Api, engine: str) -> None:
    """Engine WEBJS fails, the others take the message silently."""
    api.instance.options.engine = engine
    api.link()
    status, _ = await api.once("POST", "/api/sendText", json={"chatId": NOBODY_CHAT, "text": "x"})
    assert status == (500 if engine == "WEBJS" else 201)
    assert api.arrived() == []


async def test_restricted_account(api: Api) -> None:
    """The engine fails until WhatsApp thinks better of it."""
    api.link()
    api.instance.limit()
    assert (await api.get("/api/sessions/default"))["status"] == "WORKING"
    status, answer = await api.once("POST", "/api/sendText", json={"chatId": ADA_CHAT, "text": "x"})
    assert (status, answer["exception"]["message"]) == (500, "server returned error 463")
    api.instance.restore()
    await api.send()


# Looking up


@pytest.mark.parametrize("engine", ENGINES)
async def test_check_of_a_number(api: Api, engine: str) -> None:
    """The chat is null or not there if nobody has the number."""
    api.instance.options.engine = engine
    api.link()
    path = "/api/contacts/check-exists"
    assert await api.get(path, phone="13035550142", session="default") == {"numberExists": True, "chatId": ADA_CHAT}
    unknown = await api.get(path, phone="13035550199")
    assert unknown == {"numberExists": False} | ({"chatId": None} if engine == "WEBJS" else {})
    assert await api.get(path, phone="tomorrow") == {"numberExists": False}
    assert await api.complaints("GET", path) == ["phone must be a string"]


async def test_contacts(api: Api) -> None:
    """Engine WEBJS says the most."""
    api.link()
    contacts = await api.get("/api/contacts/all", session="default", sortBy="name", sortOrder="desc", limit="2")
    assert [contact["name"] for contact in contacts] == ["Dalia at Work", "Bertil Plumber"]
    assert set(contacts[0]) == {"id", "name", "pushname"}
    assert len(await api.get("/api/contacts/all", offset="1")) == 4
    assert await api.complaints("GET", "/api/contacts/all?sortBy=age") == [
        "sortBy must be one of the following values: id, name"
    ]
    assert await api.complaints("GET", "/api/contacts/all?limit=few") == [
        "limit must be a number conforming to the specified constraints"
    ]
    api.instance.options.engine = "WEBJS"
    chen = await api.get("/api/contacts", contactId=CHEN_CHAT)
    assert chen == {
        "id": CHEN_CHAT,
        "name": None,
        "pushname": "Chen",
        "number": "13035550144",
        "shortName": None,
        "isMe": False,
        "isGroup": False,
        "isWAContact": True,
        "isMyContact": False,
        "isBlocked": False,
    }
    stranger = await api.get("/api/contacts", contactId="12025550188@s.whatsapp.net")
    assert (stranger["id"], stranger["name"]) == ("12025550188@c.us", None)
    assert await api.get("/api/contacts/profile-picture", contactId=ADA_CHAT) == {"profilePictureURL": None}
    assert await api.get("/api/contacts/about", contactId=ADA_CHAT) == {"about": ""}


@pytest.mark.parametrize("engine", ENGINES)
async def test_chats(api: Api, engine: str) -> None:
    """The list is up to the engine, the overview is not."""
    api.instance.options.engine = engine
    api.link()
    api.write(text="Hi")
    chats = await api.get("/api/default/chats", sortBy="conversationTimestamp", sortOrder="desc", limit="1")
    ids = {"WEBJS": {"server": "c.us", "user": "13035550142", "_serialized": ADA_CHAT}}
    assert (chats[0]["id"], chats[0]["name"]) == (ids.get(engine, ADA_CHAT), "Ada Neighbour")
    assert len(await api.get("/api/default/chats", sortBy="id")) == 6
    overview = await api.get("/api/default/chats/overview")
    assert [set(summary) for summary in overview] == [{"id", "name", "picture", "lastMessage", "_chat"}] * 6
    assert (overview[0]["id"], overview[0]["lastMessage"]["body"]) == (ADA_CHAT, "Hi")
    assert overview[0]["_chat"] == chats[0]
    assert [summary["name"] for summary in overview if summary["id"] == FAMILY] == ["Family"]
    asked = await api.get(f"/api/default/chats/overview?ids={FAMILY}")
    assert [summary["id"] for summary in asked] == [FAMILY]
    body = {"pagination": {"limit": 1, "offset": 1}, "filter": {"ids": [ADA_CHAT, FAMILY]}}
    [by_body] = await api.post("/api/default/chats/overview", body)
    assert by_body["id"] == FAMILY
    assert await api.complaints("POST", "/api/default/chats/overview", {}) == ["pagination must be an object"]


async def test_messages_of_a_chat(api: Api) -> None:
    """The newest first, ten unless told otherwise; an `@` may be escaped or not."""
    api.link()
    await api.send("one")
    api.write(text="two")
    api.write(kind=Kind.REACTION, text="👍", details={"message_id": "x"})
    path = "/api/default/chats/13035550142%40c.us/messages"
    two, one = await api.get(path)
    assert (one["body"], two["body"]) == ("one", "two")
    assert set(one) >= WA_MESSAGE
    me = f"{api.instance.number.removeprefix('+')}@c.us"
    assert (one["from"], one["to"], one["fromMe"], one["source"]) == (me, ADA_CHAT, True, "api")
    assert (two["from"], two["to"], two["fromMe"], two["source"]) == (ADA_CHAT, me, False, "app")
    for query, bodies in (
        ({"filter.fromMe": "true"}, ["one"]),
        ({"filter.fromMe": "false", "filter.ack": two["ackName"]}, ["two"]),
        ({"filter.timestamp.gte": str(two["timestamp"] + 1)}, []),
        ({"filter.timestamp.lte": str(two["timestamp"])}, ["two", "one"]),
        ({"limit": "1", "sortOrder": "asc"}, ["one"]),
        ({"limit": "1", "offset": "1"}, ["one"]),
    ):
        assert [message["body"] for message in await api.get(path, **query)] == bodies
    assert (await api.once("GET", f"{path}?filter.ack=LOST"))[0] == 400
    assert (await api.get(f"/api/default/chats/{ADA_CHAT}/messages/{one['id']}"))["body"] == "one"
    assert (await api.once("GET", f"{path}/true_{ADA_CHAT}_NONE"))[0] == 404
    for _ in range(10):
        api.write()
    assert len(await api.get(path)) == 10


@pytest.mark.parametrize("engine", ENGINES)
async def test_groups(api: Api, engine: str) -> None:
    """An object with engine NOWEB, a list otherwise."""
    api.instance.options.engine = engine
    api.link()
    groups = await api.get("/api/default/groups", sortBy="subject")
    if engine == "NOWEB":
        assert groups[FAMILY]["id"] == FAMILY
        groups = list(groups.values())
    assert [group["subject"] for group in groups] == ["Family", "House 7"]
    assert groups[0]["participants"][0] == {"id": ADA_CHAT, "role": "superadmin"}
    assert len(groups[0]["participants"]) == 3
    assert await api.get(f"/api/default/groups/{FAMILY}") == groups[0]
    assert "participants" not in str(await api.get("/api/default/groups", exclude="participants"))
    assert await api.get("/api/default/groups/count") == {"count": 2}
    assert (await api.once("POST", "/api/default/groups/refresh"))[0] == 200
    assert (await api.once("GET", "/api/default/groups/1@g.us"))[0] == 404


async def test_lids(api: Api) -> None:
    """From a number to the id that hides it, and back."""
    api.link()
    known = await api.get("/api/default/lids/pn/13035550142@c.us")
    assert known["pn"] == ADA_CHAT
    assert await api.get(f"/api/default/lids/{known['lid'].replace('@', '%40')}") == known
    assert await api.get("/api/default/lids/1@lid") == {"lid": "1@lid", "pn": None}
    assert (await api.get("/api/default/lids/pn/12025550188"))["lid"] is None


LOOKUPS = [
    "/api/contacts/all",
    "/api/default/chats",
    "/api/default/chats/overview",
    f"/api/default/chats/{ADA_CHAT}/messages",
]


@pytest.mark.parametrize("path", LOOKUPS)
async def test_store_of_noweb(api: Api, path: str) -> None:
    """Without it, engine NOWEB has nothing to look up."""
    api.instance.options.engine = "NOWEB"
    api.instance.options.store = False
    api.link()
    expected = {"message": NO_STORE, "error": "Bad Request", "statusCode": 400}
    assert await api.once("GET", path) == (400, expected)
    config = {"noweb": {"store": {"enabled": True, "fullSync": False}}}
    await api.once("PUT", "/api/sessions/default", json={"config": config})
    await api.until("WORKING")
    await api.get(path)


@pytest.mark.parametrize(
    "path", [*LOOKUPS, "/api/default/groups", "/api/contacts/check-exists?phone=13035550142", "/api/default/profile"]
)
async def test_looking_up_needs_a_working_session(api: Api, path: str) -> None:
    """As sending does."""
    assert await api.once("GET", path) == (404, not_running("default"))
    await api.offer_codes()
    assert await api.once("GET", path) == (422, wrong_status("SCAN_QR_CODE", "WORKING"))


# Websocket


@pytest.mark.parametrize(
    "query",
    [
        "session=*&events=session.status&events=message",
        "session=default&events=session.status,message",
        "session=*&events=*",
        "",
    ],
)
async def test_what_a_websocket_hears(api: Api, query: str) -> None:
    """Events one by one or with commas; the key in the query."""
    url = api.url(f"/ws?{query}&x-api-key={api.instance.token}")
    async with api.session.ws_connect(url) as opened:
        socket = Socket(opened)
        await api.post("/api/sessions/default/start")
        envelope = await socket.next()
        assert set(envelope) == {
            "id",
            "timestamp",
            "event",
            "session",
            "metadata",
            "me",
            "payload",
            "environment",
            "engine",
        }
        assert re.fullmatch(r"evt_[0-9a-z]{26}", envelope["id"])
        assert envelope["timestamp"] > 10**12
        assert (envelope["event"], envelope["session"], envelope["me"]) == ("session.status", "default", None)
        assert envelope["environment"] == {"version": "2026.7.1", "engine": "GOWS", "tier": "CORE"}
        assert (envelope["engine"], envelope["metadata"]) == ("GOWS", {})
        assert set(envelope["payload"]) == {"status", "statuses", "data"}
        assert [await socket.status() for _ in range(2)] == ["SCAN_QR_CODE", "SCAN_QR_CODE"]
        api.link()
        working = await socket.next()
        told = [each["status"] for each in working["payload"]["statuses"]]
        assert told == ["STARTING", "SCAN_QR_CODE", "WORKING"]
        assert working["me"]["pushName"] == "Casey"
        api.write()
        assert (await socket.next())["event"] == "message"


async def test_other_events_and_sessions_are_not_heard(api: Api) -> None:
    """Nor what happened before."""
    api.link()
    other = api.server.create_instance(instance_id="other", token="key-of-other", options={"linked": True})
    async with (
        api.listening("message.any", session="other") as one,
        api.listening(headers={"X-Api-Key": "key-of-other"}) as scoped,
    ):
        api.write()
        await api.post("/api/sendText", {"session": "other", "chatId": ADA_CHAT, "text": "x"})
        other.stop()
        assert [(await socket.next())["event"] for socket in (one, scoped)] == ["message.any"] * 2
        assert await scoped.status() == "STOPPED"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"events": "message,weather"}, "Unknown event 'weather'"),
        ({"events": ""}, "Unknown event ''"),
    ],
)
async def test_bad_parameters_close_the_websocket(api: Api, query: dict[str, str], error: str) -> None:
    """With a code, and a reason in JSON."""
    async with api.listening(params=query) as socket:
        closing = await socket.closing()
        assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 4001)
        assert json.loads(str(closing.extra)) == {"error": error}


async def test_websocket_of_old_core(api: Api) -> None:
    """Vendor source: all sessions, and all events or one; frames without id and time."""
    api.instance.options.core_only = True
    for session, event in (("default", "*"), ("*", "message")):
        async with api.listening(event, session=session) as socket:
            assert (await socket.closing()).data == 4001
    async with api.listening("session.status") as socket:
        api.link()
        envelope = await socket.next()
        assert not {"id", "timestamp"} & set(envelope)
        assert envelope["environment"]["version"] == "2024.10.8"


async def test_websocket_with_a_wrong_key(api: Api) -> None:
    """The handshake fails."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await api.session.ws_connect(api.url("/ws?x-api-key=wrong"))
    assert caught.value.status == 401


@pytest.mark.parametrize("answers", [True, False])
async def test_server_pings(api: Api, answers: bool) -> None:
    """Every 10 s; who does not answer is cut off."""
    before = api.emulator.clock.now()
    async with api.listening(autoping=False) as socket:
        ping = await socket.socket.receive(timeout=5)
        assert ping.type is aiohttp.WSMsgType.PING
        assert api.emulator.clock.now() - before >= 10
        if answers:
            await socket.socket.pong()
            assert (await socket.socket.receive(timeout=5)).type is aiohttp.WSMsgType.PING
            # Pings of the client are answered.
            await socket.socket.ping(b"there?")
            pong = await socket.socket.receive(timeout=5)
            assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"there?")
        else:
            end = await socket.socket.receive(timeout=5)
            assert end.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
            assert socket.socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_sockets_can_be_dropped(api: Api) -> None:
    """What happens until the client is back is lost."""
    api.link()
    async with api.listening() as socket:
        assert api.server.sockets == 1
        api.server.drop_sockets()
        assert (await socket.closing()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    async with asyncio.timeout(20):
        while api.server.sockets:
            await asyncio.sleep(0.01)
    api.write(text="lost")
    async with api.listening("message") as socket:
        api.write(text="heard")
        assert (await socket.next())["payload"]["body"] == "heard"


async def test_clients_that_leave_are_forgotten(api: Api) -> None:
    """With or without saying so."""
    async with api.listening():
        pass
    async with asyncio.timeout(20):
        while api.server.sockets:
            await asyncio.sleep(0.01)


async def test_same_server_after_a_restart(session: aiohttp.ClientSession) -> None:
    """Sockets are closed with 1001; port, key and session are the same afterwards."""
    first = Emulator(time_scale=SCALE)
    await first.start()
    port = int(first.url.rpartition(":")[2])
    linked = {"linked": True}
    made = first.gateways["waha"].create_instance(instance_id="home", number="+12025550123", options=linked)
    async with session.ws_connect(f"{first.url}/waha/ws?x-api-key={made.credentials()['token']}") as opened:
        stopping = asyncio.ensure_future(first.stop())
        closing = await Socket(opened).closing()
        assert (closing.data, closing.extra) == (1001, "Server is shutting down")
        await stopping
    async with Emulator(port=port, time_scale=SCALE) as second:
        again = second.gateways["waha"].create_instance(instance_id="home", number="+12025550123", options=linked)
        assert again.credentials() == made.credentials()
        assert again.state == "WORKING"


async def test_emulator_ends_while_much_goes_on(session: aiohttp.ClientSession) -> None:
    """Nothing is left of a session that starts, a call that waits, a client that never closes."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        staying = await session.ws_connect(api.url("/ws"), headers=api.headers)
        await api.post("/api/sessions/default/start")
        waiting = asyncio.ensure_future(api.raw("GET", "/api/default/auth/qr"))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            await emulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting
        await staying.close()


# Events


async def test_events_of_a_sent_message(api: Api) -> None:
    """One's own message, then how far it got."""
    api.link()
    async with api.listening("message", "message.any", "message.ack", "message.ack.group") as socket:
        sent_id = (await api.send())["id"]
        own = await socket.next()
        assert own["event"] == "message.any"
        assert (own["payload"]["id"], own["payload"]["fromMe"], own["payload"]["source"]) == (sent_id, True, "api")
        acks = [await socket.next() for _ in range(2)]
        assert [each["event"] for each in acks] == ["message.ack"] * 2
        assert acks[0]["payload"] == {
            "id": sent_id,
            "from": ADA_CHAT,
            "participant": None,
            "fromMe": True,
            "ack": 1,
            "ackName": "SERVER",
        }
        assert (acks[1]["payload"]["ack"], acks[1]["payload"]["ackName"]) == (2, "DEVICE")
        api.emulator.phone.read(sent_id)
        read = await socket.next_of("message.ack")
        assert (read["ack"], read["ackName"]) == (3, "READ")
        await api.send("Hello", FAMILY)
        assert (await socket.next_of("message.ack"))["ack"] == 1
        assert (await socket.next_of("message.ack.group"))["participant"] == ADA_CHAT
    [shown] = await api.get(f"/api/default/chats/{ADA_CHAT}/messages")
    assert (shown["ack"], shown["ackName"]) == (3, "READ")


async def test_acks_never_go_back(api: Api) -> None:
    """Who reads at once has the message on the phone, too."""
    api.link()
    async with api.listening("message.ack") as socket:
        first, second = [(await api.send())["id"] for _ in range(2)]
        api.emulator.phone.read(first)
        seen: dict[str, list[int]] = {first: [], second: []}
        while seen[second] != [1, 2]:
            payload = (await socket.next())["payload"]
            seen[payload["id"]].append(payload["ack"])
        assert seen[first] == sorted(set(seen[first]))
        assert seen[first][-1] == 3


async def test_message_to_nobody_stays_with_the_server(api: Api) -> None:
    """It never arrives."""
    api.link()
    async with api.listening("message.ack") as socket:
        await api.send(chat=NOBODY_CHAT)
        await api.send()
        assert [(await socket.next())["payload"]["ack"] for _ in range(3)] == [1, 1, 2]


@pytest.mark.parametrize("engine", ENGINES)
async def test_events_of_a_received_message(api: Api, engine: str) -> None:
    """Twice, as `message` and as `message.any`."""
    api.instance.options.engine = engine
    api.link()
    async with api.listening() as socket:
        written = api.write(text="Hi", chat_id=FAMILY)
        first, second = [await socket.next() for _ in range(2)]
        assert [first["event"], second["event"]] == ["message", "message.any"]
        assert first["payload"] == second["payload"]
        payload = first["payload"]
        assert set(payload) >= WA_MESSAGE
        assert payload["id"] == f"false_{FAMILY}_{written.id}_{ADA_CHAT}"
        assert (payload["from"], payload["participant"]) == (FAMILY, ADA_CHAT)
        assert (payload["fromMe"], payload["source"], payload["body"]) == (False, "app", "Hi")
        names = {"NOWEB": "pushName", "WEBJS": "notifyName"}
        data = payload["_data"]
        assert (data["Info"]["PushName"] if engine == "GOWS" else data[names[engine]]) == "Ada"


async def test_not_linked_hears_nothing(api: Api) -> None:
    """What is written stays on the phone."""
    _, noticed = api.emulator.phone.write("waha/default", ADA, "Hi")
    assert not noticed
    api.link()
    _, noticed = api.emulator.phone.write("waha/default", ADA, "Hi")
    assert noticed


async def received(api: Api, socket: Socket, event: str, **content: Any) -> dict[str, Any]:
    """Have Ada write something and return the payload of the event."""
    api.emulator.someone_writes({"instance": "waha/default", "from": ADA, **content})
    return await socket.next_of(event)


async def test_events_of_other_kinds(api: Api) -> None:
    """Each has its own event and payload."""
    api.link()
    sent_id = (await api.send("First"))["id"]
    bare = sent_id.split("_")[2]
    async with api.listening() as socket:
        place = {"latitude": 39.75, "longitude": -105, "name": "Yard"}
        located = await received(api, socket, "message", location=place)
        assert (located["location"]["latitude"], located["location"]["name"]) == ("39.75", "Yard")
        card = await received(api, socket, "message", contact={"name": "Chen", "number": "+13035550144"})
        assert "waid=13035550144:+13035550144" in card["vCards"][0]
        reaction = await received(api, socket, "message.reaction", reaction={"message_id": sent_id, "emoji": "👍"})
        assert reaction["reaction"] == {"text": "👍", "messageId": sent_id}
        assert (reaction["from"], reaction["fromMe"]) == (ADA_CHAT, False)
        taken_back = await received(api, socket, "message.reaction", reaction={"message_id": bare})
        assert taken_back["reaction"] == {"text": "", "messageId": sent_id}
        edited = await received(api, socket, "message.edited", edited={"message_id": bare, "text": "New"})
        assert (edited["body"], edited["editedMessageId"]) == ("New", bare)
        revoked = await received(api, socket, "message.revoked", deleted={"message_id": sent_id})
        assert (revoked["revokedMessageId"], revoked["before"]["body"]) == (bare, "First")
        assert revoked["after"]["id"] != sent_id
        unknown = await received(api, socket, "message.revoked", deleted={"message_id": "ABC"})
        assert (unknown["revokedMessageId"], unknown["before"]) == ("ABC", None)
        vote = await received(api, socket, "poll.vote", poll_vote={"message_id": sent_id, "options": ["A"]})
        assert (vote["vote"]["selectedOptions"], vote["poll"]["id"]) == (["A"], sent_id)
        call = await received(api, socket, "call.received", call={})
        assert (call["from"], call["isVideo"], call["isGroup"]) == (ADA_CHAT, False, False)
        await received(api, socket, "call.accepted", call={"status": "pickUp"})
        await received(api, socket, "call.rejected", call={"status": "declined"})


async def test_kinds_without_an_event(api: Api) -> None:
    """A call that is missed; a vote, with engine WEBJS."""
    api.instance.options.engine = "WEBJS"
    api.link()
    async with api.listening() as socket:
        api.write(kind=Kind.CALL, details={"status": "missed"})
        api.write(kind=Kind.POLL_VOTE, details={"message_id": "x", "options": []})
        api.write(text="Hi")
        assert (await socket.next())["payload"]["body"] == "Hi"


async def test_files(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a host that the server believes in, with the key, for a while."""
    api.link()
    content = b"\x89PNG not really"
    media = {"kind": "image", "caption": "Look", "data": base64.b64encode(content).decode()}
    async with api.listening("message") as socket:
        payload = await received(api, socket, "message", media=media)
        assert (payload["hasMedia"], payload["body"]) == (True, "Look")
        url = payload["media"]["url"]
        assert url == payload["mediaUrl"]
        assert re.fullmatch(r"http://localhost:3000/api/files/[0-9A-F]{32}\.png", url)
        assert (payload["media"]["mimetype"], payload["media"]["filename"]) == ("image/png", "picture.png")
        path = url.removeprefix("http://localhost:3000")
        assert await api.raw("GET", path) == (200, "image/png", content)
        assert (await api.raw("GET", path, headers={}))[0] == 401
    # After a while it is gone, until somebody asks for the message again.
    messages = f"/api/default/chats/{ADA_CHAT}/messages"
    with monkeypatch.context() as patch:
        patch.setattr(waha_instance, "FILE_SECONDS", 0)
        await api.get(messages)
    status, answer = await api.once("GET", path)
    assert (status, answer["error"]["key"]) == (404, "FILE_NOT_FOUND")
    [without] = await api.get(messages, downloadMedia="false")
    assert (without["hasMedia"], without["media"]) == (True, None)
    assert (await api.raw("GET", path))[0] == 404
    api.instance.options.files_host = ""
    [shown] = await api.get(messages)
    assert shown["media"]["url"] == api.url(path)
    assert (await api.raw("GET", path))[2] == content
    api.instance.options.download_media = False
    async with api.listening("message") as socket:
        payload = await received(api, socket, "message", media=media)
        assert (payload["hasMedia"], payload["media"]) == (True, None)


# Faults, log


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("401", (401, UNAUTHORIZED)),
        ("404", (404, NOT_FOUND)),
        ("409", (409, {"statusCode": 409, "message": "Conflict"})),
        ("422", (422, wrong_status("FAILED", "WORKING"))),
        ("429", (429, {"statusCode": 429, "message": "Too Many Requests"})),
        ("200_with_error", (200, {"statusCode": 500, "message": "Internal server error"})),
    ],
)
async def test_faults_have_the_vendors_shape(api: Api, fault: str, expected: tuple[int, Any]) -> None:
    """A fault is told like any other error."""
    api.emulator.faults.add("waha", fault)
    assert await api.once("GET", "/api/sessions/default") == expected
    assert (await api.once("GET", "/api/sessions/default"))[0] == 200


async def test_picture_fault(api: Api) -> None:
    """It hits all forms of the code, of which the text is empty."""
    await api.offer_codes()
    path = "/api/default/auth/qr"
    api.emulator.faults.add("waha", "not_a_png", 3)
    assert (await api.raw("GET", path))[2] == b"This is not a picture."
    _, in_json = await api.once("GET", path, headers=api.headers | {"Accept": "application/json"})
    assert base64.b64decode(in_json["data"]) == b"This is not a picture."
    assert await api.get(path, format="raw") == {"value": ""}
    assert (await api.raw("GET", path))[2].startswith(PNG_MAGIC)


async def test_fault_at_the_websocket(api: Api) -> None:
    """The handshake fails."""
    api.emulator.faults.add("waha", "502_html", method="ws")
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await api.session.ws_connect(api.url("/ws"), headers=api.headers)
    assert caught.value.status == 502


async def test_names_of_calls(api: Api) -> None:
    """As log and faults know them."""
    api.link()
    await api.get("/api/server/version")
    await api.get("/api/version")
    await api.get("/api/sessions")
    await api.post("/api/sessions", {"name": "home"})
    await api.get("/api/sessions/home")
    await api.send()
    await api.get("/api/default/chats/overview")
    await api.raw("GET", "/api/home/auth/qr")
    await api.once("GET", "/nowhere")
    async with api.listening(session="home"):
        pass
    counts = api.emulator.requests.counts()["waha"]
    assert counts == {
        "server/version": 2,
        "sessions": 1,
        "sessions/create": 1,
        "session": 1,
        "sendText": 1,
        "chats/overview": 1,
        "auth/qr": 1,
        "ws": 1,
        "": 1,
    }
    assert api.emulator.requests.count("waha", instance="home") == 4
    assert api.emulator.requests.count("waha", "sendText", "default", 201) == 1
