"""The emulated WhatsApp API server against the vendor's documentation, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
import io
import json
import re
import time
from typing import Any

import aiohttp
from PIL import Image
import pytest
import zxingcpp

from tests.emulator import Emulator
from tests.emulator.whatsapp_api_instance import WhatsAppApiInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# The 5 s of the browser's start last 0.1 s, the 20 s of a code 0.4 s, and a wait of 120 s 2.4 s.
SCALE = 0.02
ADA = "+13035550142"
ADA_DIGITS = "13035550142"
ADA_CHAT = "13035550142@c.us"
FAMILY = "120363000000000142@g.us"
PHONE_WORDS = "phone_number must include country code and contain 8-15 digits"
MESSAGE_WORDS = "message must be a non-empty string"
LIMIT_WORDS = "limit must be an integer between 1 and 100"
NOT_READY = "WhatsApp Web is not ready yet. Scan the QR code in Chrome, then retry."
NO_PAGE = "Cannot read properties of null (reading 'evaluate')"
PICTURE = re.compile(
    r'<img src="data:image/png;base64,([A-Za-z0-9+/=]+)" alt="WhatsApp Web QR code" width="360" height="360" />'
)


class Answer:
    """What came back."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        """Keep status, headers and body."""
        self.status = response.status
        self.headers = response.headers
        self.text = body.decode()

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def complaint(self) -> str:
        """The message of a JSON-RPC error that came with status 500."""
        assert self.status == 500, self.text
        assert (self.json["jsonrpc"], self.json["id"], self.json["error"]["code"]) == ("2.0", None, -32000)
        return str(self.json["error"]["message"])


class Api:
    """Calls the emulator as a client of the WhatsApp API server would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk to the first instance."""
        self.emulator = emulator
        self.session = session
        instance = next(each for each in emulator.instances if each.gateway == "whatsapp_api")
        assert isinstance(instance, WhatsAppApiInstance)
        self.instance = instance

    async def once(self, verb: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask once; the path is the vendor's."""
        url = f"{self.instance.credentials()['base_url']}{path}"
        async with self.session.request(verb, url, json=body, **options) as response:
            return Answer(response, await response.read())

    async def get(self, path: str) -> Any:
        """GET and return the JSON of a success."""
        answer = await self.once("GET", path)
        assert answer.status == 200, answer.text
        return answer.json

    async def post(self, path: str, body: Any = None) -> Any:
        """POST and return the JSON of a success."""
        answer = await self.once("POST", path, body)
        assert answer.status == 200, answer.text
        return answer.json

    async def refusal(self, verb: str, path: str, body: Any = None) -> str:
        """Ask for something that is refused and return the reason."""
        return (await self.once(verb, path, body)).complaint

    async def phone(self, verb: str, path: str, body: Any = None) -> Any:
        """Use a control route."""
        async with self.session.request(verb, f"{self.emulator.url}/phone{path}", json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def phone_status(self, path: str, body: Any) -> int:
        """Use a control route that may refuse."""
        async with self.session.post(f"{self.emulator.url}/phone{path}", json=body) as response:
            return response.status

    async def page(self) -> str:
        """Return the page with the QR code."""
        answer = await self.once("GET", "/qr")
        assert answer.status == 200
        return answer.text

    async def code(self) -> str:
        """Return the text in the QR code on the page."""
        return text_in(picture_in(await self.page()))

    async def until(self, state: str) -> None:
        """Wait until the instance has a state."""
        async with asyncio.timeout(20):
            while self.instance.state != state:
                await self.instance.changed.wait(0.1)

    async def write(self, text: str, sender: str = ADA, **more: Any) -> Any:
        """Have somebody write."""
        return await self.phone(
            "POST",
            "/messages",
            {"instance": self.instance.id, "from": sender, **({"text": text} if text else {}), **more},
        )

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)


def picture_in(page: str) -> bytes:
    """Return the picture on the page."""
    found = PICTURE.search(page)
    assert found is not None, page
    return base64.b64decode(found[1])


def text_in(picture: bytes) -> str:
    """Return the text in a QR code."""
    image = Image.open(io.BytesIO(picture))
    return str(zxingcpp.read_barcodes(image.convert("RGB"))[0].text)


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


# Instances


async def test_instances_have_addresses_of_their_own(api: Api) -> None:
    """One process has one account, and no credentials: the address is all that tells them apart."""
    base_url = f"{api.emulator.url}/whatsapp-api"
    assert (api.instance.id, api.instance.state) == ("server-1", "stopped")
    assert api.instance.credentials() == {"base_url": base_url}
    made = await api.phone("POST", "/instances", {"gateway": "whatsapp_api", "linked": True})
    assert (made["id"], made["state"]) == ("server-2", "ready")
    assert made["credentials"] == {"base_url": f"{base_url}/server-2"}
    assert (await api.get("/server-2/api/status"))["account"]["wid"] == f"{made['number'][1:]}@c.us"
    assert (await api.get("/server-2"))["status"]["state"] == "ready"
    assert (await api.get("/api/status"))["state"] == "stopped"
    assert (await api.get(""))["status"]["state"] == "stopped"
    assert (await api.once("GET", "/server-3/health")).status == 404
    assert api.emulator.requests.count("whatsapp_api", "status", "server-2") == 1


@pytest.mark.parametrize(
    "body",
    [{"id": "server-1"}, {"id": "qr"}, {"id": "a/b"}, {"token": "x"}, {"options": {"initialize_failure": "x"}}],
)
async def test_bad_instances_are_refused(api: Api, body: Any) -> None:
    """Among them an id that would hide the first server's paths, and a token, which there is not."""
    assert await api.phone_status("/instances", {"gateway": "whatsapp-api"} | body) == 400


# The answers as such


async def test_health_and_status(api: Api) -> None:
    """The same status object everywhere, printed for people, with headers for browsers."""
    status = await api.get("/api/status")
    assert list(status.items()) == [
        ("state", "stopped"),
        ("ready", False),
        ("authenticated", False),
        ("auth_dir", "/srv/server-1/.wwebjs_auth"),
        ("chrome_executable", "/usr/bin/chromium"),
        ("headless", True),
        ("has_qr", False),
        ("last_error", None),
        ("account", None),
    ]
    health = {"ok": True, "name": "whatsapp-mcp-api", "mcp": "http://127.0.0.1:8790/mcp", "status": status}
    for path in ("/", "/health"):
        answer = await api.once("GET", path)
        assert answer.text == json.dumps(health, indent=2)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["content-length"] == str(len(answer.text))
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"] == "GET,POST,OPTIONS"
        assert answer.headers["access-control-allow-headers"] == "content-type,mcp-session-id"
        assert answer.headers["access-control-expose-headers"] == "mcp-session-id"


async def test_preflight_and_unknown_paths(api: Api) -> None:
    """OPTIONS is fine with everything; what is not there says so in another shape than errors."""
    answer = await api.once("OPTIONS", "/anything")
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-origin"] == "*"
    wrong = [("GET", "/mcp"), ("GET", "/api/send"), ("POST", "/qr"), ("GET", "/api/status/"), ("DELETE", "/api/logout")]
    for verb, path in wrong:
        answer = await api.once(verb, path)
        assert (answer.status, answer.text) == (404, '{\n  "error": "not found"\n}')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("abc", "Unexpected token 'a', \"abc\" is not valid JSON"),
        ("NaN", "Unexpected token 'N', \"NaN\" is not valid JSON"),
        (
            '{"phone_number": x, "message": "hello"}',
            'Unexpected token \'x\', ..."_number": x, "messag"... is not valid JSON',
        ),
        ('{"message":', "Unexpected end of JSON input"),
        ('{"message": "x', "Unterminated string in JSON at position 14"),
        ('{"message": "x"', "Expected ',' or '}' after property value in JSON at position 15"),
        ('{"message" 1}', "Expected ':' after property name in JSON at position 11"),
        ("{message: 1}", "Expected property name or '}' in JSON at position 1"),
        ("{} x", "Unexpected non-whitespace character after JSON at position 3"),
    ],
)
async def test_unreadable_bodies(api: Api, body: str, message: str) -> None:
    """The one thing that is an HTTP 400, in the words of Node."""
    answer = await api.once("POST", "/api/send", data=body)
    assert answer.status == 400
    assert answer.json == {"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": message}}


async def test_bodies_that_are_ignored(api: Api) -> None:
    """Starting and logging out do not look at theirs, and the connection stays usable."""
    assert (await api.once("POST", "/api/auth/start", data="abc")).json["state"] == "starting"
    await api.until("qr")
    assert (await api.once("POST", "/api/logout", data="abc")).json == {"ok": True}


# Linking by QR code


async def test_qr_code_links(api: Api) -> None:
    """From the start through all states to the account."""
    page = await api.page()
    assert "<p>No QR is available yet. Start auth, then refresh this page.</p>" in page
    assert "<p>Status: <code>stopped</code></p>" in page

    started = await api.post("/api/auth/start", {})
    assert (started["state"], started["has_qr"]) == ("starting", False)
    await api.until("qr")
    assert (await api.get("/api/status"))["has_qr"] is True
    text = await api.code()
    assert re.fullmatch(r"2@[\w+/]{100}(,[\w+/]{43}=){3}", text)

    scanned = await api.phone("POST", "/scan", {"qr": text})
    assert (scanned["state"], scanned["linked"]) == ("authenticated", True)
    # WhatsApp Web still loads, and the server still shows the code, which is of no use.
    status = await api.get("/api/status")
    assert (status["ready"], status["authenticated"], status["has_qr"]) == (False, False, True)
    assert status["account"] is None
    assert await api.code() == text
    assert await api.phone_status("/scan", {"qr": text}) == 410

    await api.until("ready")
    status = await api.get("/api/status")
    assert (status["ready"], status["authenticated"], status["has_qr"]) == (True, True, False)
    assert status["account"] == {"wid": f"{api.instance.number[1:]}@c.us", "pushname": "Robin", "platform": "android"}
    assert "No QR is available yet" in await api.page()
    assert (await api.post("/api/auth/start"))["state"] == "ready"


async def test_page(api: Api) -> None:
    """A page for people, with a picture in it, and without the headers of the JSON answers."""
    await api.post("/api/auth/start")
    await api.until("qr")
    answer = await api.once("GET", "/qr")
    assert answer.headers["content-type"].startswith("text/html")
    assert "access-control-allow-origin" not in answer.headers
    for part in (
        '<meta http-equiv="refresh" content="5">',
        "<title>WhatsApp MCP QR</title>",
        "<h1>WhatsApp Web Auth</h1>",
        "<p>Status: <code>qr</code></p>",
        "<p>Scan with WhatsApp: Settings -> Linked devices -> Link a device.</p>",
    ):
        assert part in answer.text
    picture = Image.open(io.BytesIO(picture_in(answer.text)))
    assert (picture.format, picture.size) == ("PNG", (360, 360))


async def test_codes_expire(api: Api) -> None:
    """The server shows the new code by itself, and the one before is worthless."""
    await api.post("/api/auth/start")
    await api.until("qr")
    first = await api.code()
    async with asyncio.timeout(20):
        while (second := await api.code()) == first:
            await asyncio.sleep(0.02)
    assert first.split(",")[1:] == second.split(",")[1:]
    await asyncio.sleep(1.1 * SCALE)
    assert await api.phone_status("/scan", {"qr": first}) == 410
    assert api.instance.state == "qr"


async def test_start_blocks_until_the_browser_is_up(api: Api) -> None:
    """In the meantime a second start returns at once, and the state can be asked for."""
    begin = time.perf_counter()
    starting = asyncio.create_task(api.post("/api/auth/start"))
    await api.until("starting")
    assert (await api.post("/api/auth/start"))["state"] == "starting"
    assert not starting.done()
    assert await api.refusal("POST", "/api/logout") == NO_PAGE
    assert (await starting)["state"] == "starting"
    assert time.perf_counter() - begin >= 5 * SCALE


async def test_start_goes_on_without_the_client(api: Api) -> None:
    """Who cannot wait for the answer asks for the state instead."""
    with pytest.raises(TimeoutError):
        await api.once("POST", "/api/auth/start", timeout=aiohttp.ClientTimeout(total=1 * SCALE))
    await api.until("qr")


async def test_session_survives_the_process(api: Api) -> None:
    """It is on disk: after a restart and a start, no code is needed."""
    api.link()
    api.instance.restart_process()
    assert (await api.get("/api/status"))["state"] == "stopped"
    # Without a browser there is nothing to log out.
    assert await api.post("/api/logout") == {"ok": True}
    await api.post("/api/auth/start")
    await api.until("authenticated")
    assert (await api.get("/api/status"))["has_qr"] is False
    await api.until("ready")


# Sticky failures


async def test_lost_session_needs_logout_and_start(api: Api) -> None:
    """The server keeps its client, so that a start alone does nothing."""
    api.link()
    unlinked = await api.phone("POST", "/unlink", {"instance": "server-1"})
    assert (unlinked["state"], unlinked["linked"]) == ("disconnected", False)
    for _ in range(2):
        status = await api.post("/api/auth/start")
        assert (status["state"], status["ready"], status["has_qr"]) == ("disconnected", False, False)
        assert (status["last_error"], status["account"]) == ("LOGOUT", None)
    assert "No QR is available yet" in await api.page()

    assert await api.post("/api/logout") == {"ok": True}
    assert (await api.get("/api/status"))["state"] == "stopped"
    assert (await api.post("/api/auth/start"))["last_error"] is None
    await api.until("qr")
    await api.phone("POST", "/scan", {"qr": await api.code()})
    await api.until("ready")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("browser", "Failed to launch the browser process:"),
        ("internet", "net::ERR_NAME_NOT_RESOLVED at https://web.whatsapp.com/"),
    ],
)
async def test_failed_start_sticks(api: Api, failure: str, message: str) -> None:
    """It is an HTTP 500 once; from then on all looks as if something ran."""
    api.instance.options.initialize_fails = True
    api.instance.options.initialize_failure = failure
    assert (await api.refusal("POST", "/api/auth/start")).startswith(message)
    assert (await api.post("/api/auth/start"))["state"] == "starting"
    assert await api.refusal("POST", "/api/pairing-code", {"phone_number": ADA}) == NO_PAGE
    api.instance.options.initialize_fails = False
    assert (await api.post("/api/auth/start"))["state"] == "starting"
    await asyncio.sleep(3 * SCALE)
    assert api.instance.state == "starting"

    assert await api.post("/api/logout") == {"ok": True}
    await api.post("/api/auth/start")
    await api.until("qr")


async def test_errors_without_a_message(api: Api) -> None:
    """The library throws a bare text, in which the server finds no message."""
    api.instance.options.initialize_fails = True
    api.instance.options.initialize_failure = "auth_timeout"
    answer = await api.once("POST", "/api/auth/start")
    assert (answer.status, answer.json) == (500, {"jsonrpc": "2.0", "id": None, "error": {"code": -32000}})


async def test_logout_can_fail(api: Api) -> None:
    """Then only another process helps."""
    api.link()
    api.instance.options.logout_fails = True
    await api.phone("POST", "/unlink", {"instance": "server-1"})
    assert await api.refusal("POST", "/api/logout") == NO_PAGE
    assert (await api.post("/api/auth/start"))["state"] == "disconnected"
    api.instance.restart_process()
    await api.post("/api/auth/start")
    await api.until("qr")


async def test_logout(api: Api) -> None:
    """It unlinks the phone; where nothing was started it does nothing."""
    assert await api.post("/api/logout") == {"ok": True}
    api.link()
    assert await api.post("/api/logout") == {"ok": True}
    assert (api.instance.state, api.instance.linked) == ("stopped", False)
    await api.post("/api/auth/start")
    await api.until("qr")


async def test_restart_during_the_start(api: Api) -> None:
    """The start that was under way does not touch the process after it."""
    starting = asyncio.create_task(api.refusal("POST", "/api/auth/start"))
    await api.until("starting")
    api.instance.restart_process()
    assert await starting == "WhatsApp client is not available"
    assert api.instance.state == "stopped"


async def test_banned_account_cannot_link(api: Api) -> None:
    """The session is lost, and the next scan is refused; when the ban is lifted, all is well."""
    api.link()
    assert (await api.phone("POST", "/ban", {"instance": "server-1"}))["state"] == "disconnected"
    assert (await api.get("/api/status"))["last_error"] == "UNPAIRED"
    for _ in range(2):
        await api.post("/api/logout")
        await api.post("/api/auth/start")
        await api.until("qr")
        await api.phone("POST", "/scan", {"qr": await api.code()})
        if api.instance.banned:
            assert (await api.get("/api/status"))["state"] == "auth_failure"
            assert await api.refusal("GET", "/api/chats") == "WhatsApp Web auth failed"
            await api.phone("POST", "/restore", {"instance": "server-1"})
    await api.until("ready")


# Linking by pairing code


async def test_pairing_code_links(api: Api) -> None:
    """Asking for it starts the browser; the phone is the one whose number was given."""
    begin = time.perf_counter()
    answer = await api.post("/api/pairing-code", {"phone_number": "+1 (303) 555-0143"})
    assert time.perf_counter() - begin >= 5 * SCALE
    code = answer.pop("code")
    assert re.fullmatch(r"[A-Z1-9]{8}", code)
    assert answer == {
        "already_authenticated": False,
        "phone_number": "13035550143",
        "instructions": "WhatsApp -> Linked devices -> Link a device -> Link with phone number instead",
    }
    entered = await api.phone("POST", "/enter-code", {"code": f"{code[:4]}-{code[4:]}"})
    assert (entered["number"], entered["state"]) == ("+13035550143", "authenticated")
    assert "PairingCodeLinkUtils" in await api.refusal("POST", "/api/pairing-code", {"phone_number": ADA})
    await api.until("ready")
    answer = await api.post("/api/pairing-code", {"phone_number": ADA})
    assert answer == {"already_authenticated": True, "code": None, "status": await api.get("/api/status")}
    assert answer["status"]["account"]["pushname"] == "Bertil"


async def test_pairing_codes_expire(session: aiohttp.ClientSession) -> None:
    """After three minutes, or when there is a newer one."""
    async with Emulator(time_scale=0.001) as emulator:
        api = Api(emulator, session)
        old, new = [(await api.post("/api/pairing-code", {"phone_number": ADA}))["code"] for _ in range(2)]
        assert await api.phone_status("/enter-code", {"code": old}) == 410
        await asyncio.sleep(0.2)
        assert await api.phone_status("/enter-code", {"code": new}) == 410


@pytest.mark.parametrize("number", [None, "", "+1234567", "1" * 16, "Ada", 13035550142])
async def test_numbers_that_are_refused(api: Api, number: Any) -> None:
    """Eight to fifteen digits, whatever stands between them."""
    assert await api.refusal("POST", "/api/pairing-code", {"phone_number": number}) == PHONE_WORDS
    assert api.instance.state == "stopped"
    api.link()
    assert await api.refusal("POST", "/api/send", {"phone_number": number, "message": "Hello"}) == PHONE_WORDS
    assert await api.refusal("POST", "/api/messages", {"phone_number": number}) == PHONE_WORDS


async def test_empty_body_is_an_empty_object(api: Api) -> None:
    """So it is complained about for what is missing in it."""
    assert await api.refusal("POST", "/api/pairing-code") == PHONE_WORDS
    assert await api.refusal("POST", "/api/send") == MESSAGE_WORDS
    assert await api.refusal("POST", "/api/send", ["message"]) == MESSAGE_WORDS


# Sending


async def test_message_arrives(api: Api) -> None:
    """With the id that the API returned."""
    api.link()
    answer = await api.post("/api/send", {"phone_number": "+1 303-555-0142", "message": "Hello 👋"})
    assert re.fullmatch(rf"true_{ADA_CHAT}_3EB0[0-9A-F]{{16}}", answer["message_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["timestamp"])
    assert (answer["ok"], answer["to"], answer["chat_id"]) == (True, ADA_DIGITS, ADA_CHAT)
    [message] = await api.phone("GET", "/messages?instance=server-1")
    assert (message["id"], message["text"]) == (answer["message_id"], "Hello 👋")
    assert (message["chat_id"], message["from"]) == (ADA_CHAT, api.instance.number)


async def test_texts_to_people_are_all(api: Api) -> None:
    """The server knows two fields; what else a client sends with them does not reach the phone."""
    api.link()
    more = {
        "quotedMessageId": "true_1_2",
        "mentions": [ADA_CHAT],
        "linkPreview": False,
        "media": "aGk=",
        "url": "https://example.com/door.png",
        "chat_id": "120363000000000142@g.us",
    }
    await api.post("/api/send", {"phone_number": ADA_DIGITS, "message": "@13035550142", **more})
    [message] = await api.phone("GET", "/messages")
    assert (message["kind"], message["text"], message["chat_id"]) == ("text", "@13035550142", ADA_CHAT)
    assert (message["quoted_id"], message["details"]) == ("", {})


@pytest.mark.parametrize("chat_id", ["120363000000000142@g.us", "120363000000000142@newsletter", "status@broadcast"])
async def test_other_chats_are_no_numbers(api: Api, chat_id: str) -> None:
    """Whatever is no digit is dropped, and what is left of them is too long or too short."""
    api.link()
    assert await api.refusal("POST", "/api/send", {"phone_number": chat_id, "message": "Hello"}) == PHONE_WORDS


@pytest.mark.parametrize(
    "path",
    ["send-media", "send-location", "send-contact", "send-poll", "react", "edit", "delete", "read", "typing", "check"],
)
async def test_nothing_else_can_be_sent(api: Api, path: str) -> None:
    """Nor edited, deleted, marked as read or looked up: there are no such paths."""
    api.link()
    answer = await api.once("POST", f"/api/{path}", {"phone_number": ADA_DIGITS, "message": "Hello"})
    assert (answer.status, answer.json) == (404, {"error": "not found"})


async def test_order_of_checks(api: Api) -> None:
    """The text at once, the number only when the account is ready, so only after the wait."""
    api.instance.options.ready_wait_seconds = 1
    assert await api.refusal("POST", "/api/send", {"phone_number": "1", "message": ""}) == MESSAGE_WORDS
    assert api.instance.state == "stopped"
    assert await api.refusal("POST", "/api/send", {"phone_number": "1", "message": "Hello"}) == NOT_READY
    # It has started the browser by itself.
    await api.until("qr")


async def test_number_without_account(api: Api) -> None:
    """In the words of WhatsApp Web."""
    api.link()
    body = {"phone_number": "13035550199", "message": "Hello"}
    assert await api.refusal("POST", "/api/send", body) == "No LID for user"
    assert await api.refusal("GET", "/api/messages?phone_number=13035550199") == "No LID for user"
    assert await api.phone("GET", "/messages") == []


async def test_wait_for_ready(session: aiohttp.ClientSession) -> None:
    """Two minutes, then an HTTP 500; the client that got lost is waited for in vain."""
    async with Emulator(time_scale=0.005) as emulator:
        api = Api(emulator, session)
        api.link()
        api.instance.unlink()
        begin = time.perf_counter()
        assert await api.refusal("GET", "/api/chats") == NOT_READY
        assert 120 <= (time.perf_counter() - begin) / 0.005 <= 160


async def test_message_is_sent_after_the_wait(api: Api) -> None:
    """Even if who wanted it sent has long given up."""
    body = {"phone_number": ADA, "message": "Late"}
    with pytest.raises(TimeoutError):
        await api.once("POST", "/api/send", body, timeout=aiohttp.ClientTimeout(total=2 * SCALE))
    await api.until("qr")
    assert await api.phone("GET", "/messages") == []
    await api.phone("POST", "/scan", {"qr": await api.code()})
    await api.until("ready")
    async with asyncio.timeout(2):
        while not (messages := await api.phone("GET", "/messages")):
            await asyncio.sleep(0.01)
    assert [message["text"] for message in messages] == ["Late"]


async def test_logout_ends_the_wait(api: Api) -> None:
    """There is no client left to become ready."""
    await api.post("/api/auth/start")
    waiting = asyncio.create_task(api.refusal("GET", "/api/chats"))
    await api.until("qr")
    await api.post("/api/logout")
    assert await waiting == "WhatsApp client is not available"


# Reading


async def test_chats(api: Api) -> None:
    """People and groups; newest first; those in which nobody has written yet last."""
    api.link()
    chats = (await api.get("/api/chats"))["chats"]
    assert len(chats) == 6
    assert [chat["id"] for chat in chats if chat["is_group"]] == [FAMILY, "120363000000000143@g.us"]
    assert chats[0] == {
        "id": ADA_CHAT,
        "name": "Ada Neighbour",
        "is_group": False,
        "is_read_only": False,
        "unread_count": 0,
        "timestamp": chats[0]["timestamp"],
        "archived": False,
        "pinned": False,
        "muted": False,
        "last_message": None,
    }
    assert (await api.write("Hi", sender="+13035550150"))["reached_gateway"] is True
    newest = (await api.get("/api/chats?limit=1"))["chats"][0]
    assert (newest["name"], newest["unread_count"], newest["last_message"]["body"]) == ("+13035550150", 1, "Hi")
    await api.post("/api/send", {"phone_number": "13035550150", "message": "Hello"})
    answer = await api.get("/api/chats")
    assert (answer["ok"], answer["count"]) == (True, 7)
    assert answer["chats"][0]["unread_count"] == 0
    assert answer["chats"][0]["last_message"]["from_me"] is True


@pytest.mark.parametrize("limit", ["101", "-1", "1.5", "x", "1_0", "1e999"])
async def test_limits_that_are_refused(api: Api, limit: str) -> None:
    """Before any waiting for the account."""
    assert await api.refusal("GET", f"/api/chats?limit={limit}") == LIMIT_WORDS
    assert await api.refusal("GET", f"/api/messages?phone_number={ADA_DIGITS}&limit={limit}") == LIMIT_WORDS
    assert await api.refusal("POST", "/api/messages", {"phone_number": ADA, "limit": [limit]}) == LIMIT_WORDS
    assert api.instance.state == "stopped"


@pytest.mark.parametrize(("limit", "count"), [("", 10), ("0", 10), ("1", 1), ("5.0", 5), ("1e1", 10), ("100", 12)])
async def test_limits_that_are_taken(api: Api, limit: str, count: int) -> None:
    """Whatever JavaScript takes for a whole number; nothing and zero mean the default."""
    api.link()
    for number in range(12):
        api.emulator.someone_writes({"instance": "server-1", "from": ADA, "text": f"No. {number}"})
    answer = await api.get(f"/api/messages?phone_number={ADA_DIGITS}&limit={limit}")
    assert answer["count"] == len(answer["messages"]) == count
    assert answer["messages"][-1]["body"] == "No. 11"
    posted = await api.post("/api/messages", {"phone_number": ADA_DIGITS, "limit": int(float(limit or 0))})
    assert posted == answer


async def test_messages(api: Api) -> None:
    """Received and sent, the oldest first, only from the one chat."""
    api.link()
    own = f"{api.instance.number[1:]}@c.us"
    written = await api.write("hello")
    await api.write("elsewhere", chat=FAMILY)
    sent = await api.post("/api/send", {"phone_number": ADA, "message": "Hi Ada"})
    answer = await api.get(f"/api/messages?phone_number={ADA_DIGITS}")
    assert (answer["ok"], answer["count"], answer["chat"]["id"]) == (True, 2, ADA_CHAT)
    received, reply = answer["messages"]
    assert received == {
        "id": f"false_{ADA_CHAT}_{written['id']}",
        "from": ADA_CHAT,
        "to": own,
        "author": None,
        "from_me": False,
        "type": "chat",
        "body": "hello",
        "timestamp": written["timestamp"],
        "has_media": False,
    }
    assert (reply["id"], reply["from"], reply["to"]) == (sent["message_id"], own, ADA_CHAT)
    assert (reply["from_me"], reply["body"]) == (True, "Hi Ada")
    chats = (await api.get("/api/chats"))["chats"]
    in_group = next(chat for chat in chats if chat["id"] == FAMILY)["last_message"]
    assert (in_group["from"], in_group["author"]) == (FAMILY, ADA_CHAT)
    assert in_group["id"].startswith(f"false_{FAMILY}_")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"media": {"kind": "image", "caption": "Door"}}, "image"),
        ({"media": {"kind": "voice"}}, "ptt"),
        ({"location": {"latitude": 57.4, "longitude": 56.9}}, "location"),
        ({"contact": {"name": "Chen", "number": "+13035550144"}}, "vcard"),
        ({"poll": {"name": "Tea?", "options": ["yes", "no"]}}, "poll_creation"),
        ({"call": {}}, "call_log"),
        ({"reaction": {"message_id": "ABC", "emoji": "👍"}}, None),
        ({"poll_vote": {"message_id": "ABC", "options": ["yes"]}}, None),
        ({"deleted": {"message_id": "ABC"}}, None),
    ],
)
async def test_kinds_of_messages(api: Api, content: Any, kind: str | None) -> None:
    """In the library's words; reactions, votes and what is about unknown messages do not show."""
    api.link()
    assert (await api.write("", **content))["reached_gateway"] is (kind is not None)
    messages = (await api.get(f"/api/messages?phone_number={ADA_DIGITS}"))["messages"]
    assert [message["type"] for message in messages] == ([kind] if kind else [])
    assert all(message["has_media"] is ("media" in content) for message in messages)


async def test_messages_are_edited_and_revoked(api: Api) -> None:
    """In their place, under their id."""
    api.link()
    written = await api.write("helo")
    for content, expected in (
        ({"edited": {"message_id": written["id"], "text": "hello"}}, ("chat", "hello")),
        ({"deleted": {"message_id": f"false_{ADA_CHAT}_{written['id']}"}}, ("revoked", "")),
    ):
        assert (await api.write("", **content))["reached_gateway"] is True
        [message] = (await api.get(f"/api/messages?phone_number={ADA_DIGITS}"))["messages"]
        assert message["id"] == f"false_{ADA_CHAT}_{written['id']}"
        assert (message["type"], message["body"]) == expected


async def test_messages_come_with_the_phone(api: Api) -> None:
    """What was written while nothing was linked shows later; another phone has other messages."""
    assert (await api.write("Hi"))["reached_gateway"] is False
    api.link()
    assert (await api.get(f"/api/messages?phone_number={ADA_DIGITS}"))["count"] == 1
    await api.post("/api/logout")
    api.instance.link("+13035550143")
    assert (await api.get(f"/api/messages?phone_number={ADA_DIGITS}"))["count"] == 0


# Faults and the log


@pytest.mark.parametrize("status", [401, 409, 422, 429])
async def test_faults_in_this_shape(api: Api, status: int) -> None:
    """JSON-RPC, as all errors here."""
    api.emulator.faults.add("whatsapp_api", str(status))
    answer = await api.once("GET", "/api/status")
    assert answer.status == status
    assert answer.json["error"]["code"] == -32000
    assert (await api.once("GET", "/api/status")).status == 200


async def test_other_faults(api: Api) -> None:
    """Not found has its own shape, and an error can come with 200."""
    api.emulator.faults.add("whatsapp_api", "404")
    answer = await api.once("GET", "/api/status")
    assert (answer.status, answer.json) == (404, {"error": "not found"})
    api.emulator.faults.add("whatsapp_api", "200_with_error")
    assert (await api.get("/api/status"))["error"]["message"]
    api.emulator.faults.add("whatsapp_api", "403_html")
    answer = await api.once("GET", "/api/status")
    assert (answer.status, answer.headers["content-type"][:9]) == (403, "text/html")


async def test_picture_fault(api: Api) -> None:
    """The page is as ever, the picture on it is none. It waits until there is a picture."""
    api.emulator.faults.add("whatsapp_api", "not_a_png")
    assert "No QR is available yet" in await api.page()
    await api.post("/api/auth/start")
    await api.until("qr")
    assert not picture_in(await api.page()).startswith(b"\x89PNG")
    assert picture_in(await api.page()).startswith(b"\x89PNG")


async def test_fault_after_acting(api: Api) -> None:
    """The client cannot know that the message was sent."""
    api.link()
    api.emulator.faults.add("whatsapp_api", "502_html", method="send", acted_on=True)
    assert (await api.once("POST", "/api/send", {"phone_number": ADA, "message": "Hello"})).status == 502
    assert len(await api.phone("GET", "/messages")) == 1


async def test_names_in_the_log(api: Api) -> None:
    """Every call has a name, by which it can be counted and broken."""
    api.link()
    await api.get("/")
    await api.get("/health")
    await api.get("/api/status")
    await api.page()
    await api.post("/api/auth/start")
    await api.post("/api/pairing-code", {"phone_number": ADA})
    await api.post("/api/send", {"phone_number": ADA, "message": "Hello"})
    await api.get("/api/chats")
    await api.get(f"/api/messages?phone_number={ADA_DIGITS}")
    await api.post("/api/messages", {"phone_number": ADA})
    await api.post("/api/logout")
    await api.once("GET", "/mcp")
    assert api.emulator.requests.counts()["whatsapp_api"] == {
        "health": 2,
        "status": 1,
        "qr": 1,
        "start": 1,
        "pairing_code": 1,
        "send": 1,
        "chats": 1,
        "messages": 2,
        "logout": 1,
        "": 1,
    }


async def test_emulator_ends_while_requests_wait(session: aiohttp.ClientSession) -> None:
    """Nothing of a request that waits for the account is left behind."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        waiting = asyncio.create_task(api.once("GET", "/api/chats"))
        await api.until("starting")
        async with asyncio.timeout(2):
            await emulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting
