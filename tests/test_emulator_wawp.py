"""The emulated Wawp against the vendor's documentation, over real HTTP on loopback."""

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
from tests.emulator.faults import FaultName
from tests.emulator.wawp_instance import WawpInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 20 s, after which a code changes, last 0.4 s.
SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
STRANGER = "+13035550188"
NOBODY_CHAT = "13035550199@c.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
DATA_URI = "data:image/png;base64,"
NOT_EXPECTED = {"code": "session_status_not_expected", "message": "Session Status Not Expected"}
INVALID_TOKEN = {
    "code": "invalid_access_token",
    "message": "Unauthorized - Invalid or Missing Access Token",
}
MISSING_TOKEN = {"code": "invalid_access_token", "message": "Missing access_token"}


class Answer:
    """What came back."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        """Keep status, headers and body."""
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of an error in the vendor's shape."""
        assert set(self.json) == {"code", "message"}
        return self.status, self.json["code"]


class Api:
    """Calls the emulator as a client of Wawp would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk to the first instance of this gateway."""
        self.emulator = emulator
        self.session = session
        self.instance = next(each for each in emulator.instances if isinstance(each, WawpInstance))

    @property
    def credentials(self) -> dict[str, str]:
        """What goes with every request."""
        return {"instance_id": self.instance.id, "access_token": self.instance.token}

    async def once(self, verb: str, path: str, **options: Any) -> Answer:
        """Ask for a path, with nothing added."""
        url = f"{self.emulator.url}{path}"
        async with self.session.request(verb, url, allow_redirects=False, **options) as response:
            return Answer(response, await response.read())

    async def call(self, verb: str, operation: str, body: Any = None, **query: Any) -> Answer:
        """Call an operation, the credentials in the query."""
        path = f"/wawp/v2/{operation}"
        return await self.once(verb, path, params=self.credentials | query, json=body)

    async def get(self, operation: str, **query: Any) -> Any:
        """GET and return the JSON of a success."""
        answer = await self.call("GET", operation, **query)
        assert answer.status == 200, answer.body
        return answer.json

    async def post(self, operation: str, body: Any = None) -> Any:
        """POST and return the JSON of a success."""
        answer = await self.call("POST", operation, body)
        assert answer.status == 200, answer.body
        return answer.json

    async def phone(self, verb: str, path: str, body: Any = None) -> Answer:
        """Use a control route."""
        return await self.once(verb, f"/phone{path}", json=body)

    async def until(self, state: str) -> None:
        """Wait until the instance has a state."""
        async with asyncio.timeout(20):
            while self.instance.state != state:
                await self.instance.changed.wait(0.1)

    async def start(self) -> None:
        """Start the session and wait for the first code."""
        await self.post("session/start")
        await self.until("SCAN_QR_CODE")

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)

    async def picture(self) -> bytes:
        """Return the present code's picture."""
        uri = (await self.post("auth/qr-image"))["qr"]
        assert uri.startswith(DATA_URI)
        return base64.b64decode(uri.removeprefix(DATA_URI))

    async def text(self) -> str:
        """Return the present code's text, read from the picture."""
        image = Image.open(io.BytesIO(await self.picture()))
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


async def test_instance_is_listed(api: Api) -> None:
    """What is to be typed into Home Assistant is the same at every start."""
    listed = (await api.phone("GET", "/instances")).json
    [shown] = [instance for instance in listed if instance["gateway"] == "wawp"]
    assert shown["credentials"] == {
        "base_url": f"{api.emulator.url}/wawp",
        "instance_id": "918CF53E1B81",
        "token": api.instance.token,
    }
    assert re.fullmatch(r"[0-9a-f]{32}", api.instance.token)
    assert (shown["state"], shown["linked"]) == ("STOPPED", False)
    again = Emulator()
    [instance] = [each for each in again.instances if isinstance(each, WawpInstance)]
    assert (instance.id, instance.token) == (api.instance.id, api.instance.token)


async def test_more_instances_can_be_made(api: Api) -> None:
    """Each belongs to an account of its own, unless a token is given."""
    made = await api.phone("POST", "/instances", {"gateway": "wawp", "linked": True})
    assert (made.status, made.json["state"]) == (201, "WORKING")
    assert re.fullmatch(r"[0-9A-F]{12}", made.json["id"])
    assert made.json["credentials"]["token"] != api.instance.token
    body = {"gateway": "wawp", "token": api.instance.token}
    sibling = await api.phone("POST", "/instances", body)
    assert sibling.json["credentials"]["token"] == api.instance.token


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"id": "918CF53E1B81"}, "is taken"),
        ({"id": "12345"}, "not 12 hexadecimal"),
        ({"options": {"colour": 1}}, "Unknown option"),
        ({"options": {"refusals_as": "telegram"}}, "json, xml or text"),
        ({"options": {"sent_as": "pigeon"}}, "webjs, id, key, job or queued"),
        ({"options": {"file_data": "deep"}}, "both, nested, flat or none"),
    ],
)
async def test_bad_instances_are_refused(api: Api, body: Any, complaint: str) -> None:
    """The answer says what is wrong."""
    answer = await api.phone("POST", "/instances", {"gateway": "wawp"} | body)
    assert answer.status == 400
    assert complaint in answer.json["error"]


# Credentials


async def test_credentials_are_taken_from_many_places(api: Api) -> None:
    """Query, JSON body, headers, and mixtures that the vendor's libraries use."""
    info = "/wawp/v2/session/info"
    token, instance_id = api.instance.token, api.instance.id
    bearer = {"Authorization": f"Bearer {token}", "X-Instance-ID": instance_id}
    for options in (
        {"params": api.credentials},
        {"json": api.credentials},
        {"data": json.dumps(api.credentials), "headers": {"Content-Type": "text/plain"}},
        {"headers": bearer},
        {"headers": {"access-token": token}, "json": {"instance_id": instance_id}},
        {"params": {"access_token": token}, "json": {"instance_id": instance_id}},
    ):
        assert (await api.once("POST", info, **options)).status == 200, options
    # Trailing slashes are as good.
    assert (await api.once("GET", f"{info}/", params=api.credentials)).status == 200
    # Whatever the place, the log knows the instance.
    assert api.emulator.requests.count("wawp", "session/info", instance_id) == 7


async def test_refused_credentials(api: Api) -> None:
    """Missing or wrong token: 401. Missing instance: 400. Wrong instance: 404."""
    info = "/wawp/v2/session/info"
    for options in ({}, {"data": api.credentials}, {"json": {"access_token": 5}}):
        answer = await api.once("POST", info, **options)
        assert (answer.status, answer.json) == (401, MISSING_TOKEN), options
    wrong = api.credentials | {"access_token": "0" * 32}
    answer = await api.once("POST", info, json=wrong)
    assert (answer.status, answer.json) == (401, INVALID_TOKEN)
    answer = await api.once("POST", info, json={"access_token": api.instance.token})
    assert answer.error == (400, "missing_param")
    wrong = api.credentials | {"instance_id": "3EB0BCB2E3D4"}
    assert (await api.once("POST", info, json=wrong)).error == (404, "invalid_instance")
    stranger = api.emulator.gateways["wawp"].create_instance()
    wrong = api.credentials | {"instance_id": stranger.id}
    assert (await api.once("POST", info, json=wrong)).error == (404, "invalid_instance")


async def test_other_refusals(api: Api) -> None:
    """Unknown paths and verbs, bodies that are not an object, a server that is gone."""
    for verb, operation in (("POST", "session/nap"), ("POST", "session/me"), ("GET", "session/create")):
        assert (await api.call(verb, operation)).error == (404, "rest_no_route")
    assert (await api.once("GET", "/wawp/v1/status")).error == (404, "rest_no_route")
    assert (await api.call("POST", "session/info", [1])).error == (400, "rest_invalid_json")
    broken = await api.once("POST", "/wawp/v2/session/info", params=api.credentials, data=b"{")
    assert broken.error == (400, "rest_invalid_json")
    api.instance.options.server_gone = True
    assert (await api.call("GET", "session/info")).error == (404, "server_not_found")


async def test_session_calls_refuse_in_three_forms(api: Api) -> None:
    """The docs have status 400 as JSON, as XML and as plain text."""
    query = {"access_token": api.instance.token}
    forms = {
        "json": ("application/json", b'{"code": "missing_param"'),
        "xml": ("application/xml", b"<error><code>missing_param</code>"),
        "text": ("text/plain", b"Missing Required Parameter(s): instance_id"),
    }
    for form, (content_type, beginning) in forms.items():
        api.instance.options.refusals_as = form
        answer = await api.once("GET", "/wawp/v2/session/info", params=query)
        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith(content_type)
        assert answer.body.startswith(beginning)
    answer = await api.once("GET", "/wawp/v2/auth/qr", params=query)
    assert answer.error == (400, "missing_param")


async def test_large_bodies_meet_the_proxy(api: Api) -> None:
    """It answers with a page of its own."""
    answer = await api.call("POST", "send/text", {"message": "x" * 11_000_000})
    assert answer.status == 502
    assert b"502 Bad Gateway" in answer.body


# The session


async def test_life_of_a_session(api: Api) -> None:
    """Through all states, with the answers of all calls."""

    def session(status: str) -> dict[str, str]:
        return {"name": api.instance.name, "status": status, "instance_id": api.instance.id}

    assert re.fullmatch(r"wawp-\d{8}", api.instance.name)
    assert (await api.get("session/info"))["status"] == "STOPPED"
    assert await api.get("session/start") == session("STARTING")
    assert await api.post("session/start") == session("STARTING")
    await api.until("SCAN_QR_CODE")
    assert await api.post("session/start") == session("SCAN_QR_CODE")
    api.link()
    info = await api.post("session/info")
    assert info == {
        "name": api.instance.name,
        "status": "WORKING",
        "config": {"webhooks": {}, "proxy": None},
        "me": {"id": f"{api.instance.number[1:]}@c.us", "pushName": "Home"},
    }
    assert await api.get("session/me") == info["me"] | {"platform": "android"}

    # The login is kept, so there is no code after a stop or a restart.
    assert await api.post("session/stop") == session("STOPPED")
    assert await api.post("session/start") == session("STARTING")
    await api.until("WORKING")
    assert await api.get("session/restart") == session("STARTING")
    await api.until("WORKING")

    assert await api.get("session/logout") == session("SCAN_QR_CODE")
    assert await api.get("session/me") is None
    assert (await api.text()).startswith("2@")


async def test_logout_of_what_does_not_run(api: Api) -> None:
    """The login is gone, but it takes a start to get codes."""
    api.link()
    api.instance.crash()
    assert (await api.post("session/logout"))["status"] == "STOPPED"
    await api.start()


async def test_unlinked_session_fails(api: Api) -> None:
    """Until it is restarted; then it offers codes."""
    api.link()
    unlinked = await api.phone("POST", "/unlink", {"instance": api.instance.id})
    assert (unlinked.json["state"], unlinked.json["linked"]) == ("FAILED", False)
    assert (await api.call("GET", "chats")).error == (404, "invalid_session")
    assert (await api.call("GET", "auth/qr-image")).status == 422
    await api.post("session/restart")
    await api.until("SCAN_QR_CODE")


async def test_crash_ban_and_limit(api: Api) -> None:
    """A crash keeps the login; a ban ends with its end; a limit is no state here."""
    api.link()
    await api.phone("POST", "/limit", {"instance": api.instance.id})
    assert api.instance.state == "WORKING"
    await api.phone("POST", "/ban", {"instance": api.instance.id})
    assert (await api.get("session/info"))["status"] == "FAILED"
    await api.phone("POST", "/restore", {"instance": api.instance.id})
    api.instance.crash()
    assert (await api.get("session/info"))["status"] == "FAILED"
    await api.post("session/restart")
    await api.until("WORKING")


async def test_stuck_start_wants_a_restart(api: Api) -> None:
    """STARTING does not end by itself."""
    made = api.emulator.gateways["wawp"].create_instance(options={"stuck": True})
    assert isinstance(made, WawpInstance)
    api.instance = made
    await api.post("session/start")
    await asyncio.sleep(20 * SCALE)
    assert (await api.post("session/start"))["status"] == "STARTING"
    await api.post("session/restart")
    await api.until("SCAN_QR_CODE")


async def test_words_that_no_page_explains(api: Api) -> None:
    """They come as states, and are not good for anything."""
    api.link()
    api.instance.options.status = "PASSKEY_REQUIRED"
    assert (await api.get("session/info"))["status"] == "PASSKEY_REQUIRED"
    assert (await api.call("GET", "auth/qr-image")).json == NOT_EXPECTED


async def test_create_needs_the_token_only(api: Api) -> None:
    """A new session is stopped; there are as many as the plan has."""
    body = {"access_token": api.instance.token}
    created = await api.once("POST", "/wawp/v2/session/create", json=body)
    assert created.status == 201
    assert set(created.json) == {"instance_id", "session_name", "server_name"}
    api.instance.options.quota = 2
    refused = await api.once("POST", "/wawp/v2/session/create", json=body)
    assert (refused.status, refused.json) == (
        403,
        {"code": "quota_reached", "message": "Quota or Limit Reached"},
    )
    assert (await api.once("POST", "/wawp/v2/session/create")).json == MISSING_TOKEN

    found = api.emulator.phone.find(created.json["instance_id"])
    assert isinstance(found, WawpInstance)
    api.instance = found
    info = await api.get("session/info")
    assert (info["name"], info["status"]) == (created.json["session_name"], "STOPPED")
    await api.start()


async def test_delete_is_for_good(api: Api) -> None:
    """The account stays, and can make another instance."""
    await api.post("session/start")
    assert (await api.call("POST", "session/delete")).error == (404, "rest_no_route")
    deleted = await api.call("DELETE", "session/delete")
    assert deleted.json == {"name": api.instance.name, "status": "DELETED", "instance_id": api.instance.id}
    assert (await api.call("GET", "session/info")).error == (404, "invalid_instance")
    assert api.instance not in api.emulator.instances
    body = {"access_token": api.instance.token}
    created = await api.once("POST", "/wawp/v2/session/create", json=body)
    assert created.status == 201
    assert created.json["instance_id"] != api.instance.id


async def test_webhooks_are_not_in_the_free_plan(api: Api) -> None:
    """Neither to be seen nor to be set."""
    for verb in ("GET", "POST"):
        assert (await api.call(verb, "session/webhook")).error == (403, "subscription_required")


# Linking by QR code


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_qr_image(api: Api, verb: str) -> None:
    """A data URI, not to be cached; scanned, the session works."""
    await api.start()
    answer = await api.call(verb, "auth/qr-image")
    assert answer.headers["Cache-Control"] == "no-store"
    assert list(answer.json) == ["qr"]
    assert (await api.picture()).startswith(PNG_MAGIC)
    text = await api.text()
    assert re.fullmatch(r"2@[\w+/]{100}(,[\w+/]{43}=){3}", text)
    scanned = await api.phone("POST", "/scan", {"qr": text})
    assert (scanned.status, scanned.json["state"]) == (200, "WORKING")
    refused = await api.call(verb, "auth/qr-image")
    assert (refused.status, refused.json) == (422, NOT_EXPECTED)
    assert (await api.phone("POST", "/scan", {"qr": text})).status == 410


async def test_raw_qr(api: Api) -> None:
    """JSON in base64: the same code as in the picture, and when it ends in milliseconds."""
    await api.start()
    for _ in range(3):
        before = await api.text()
        answer = await api.get("auth/qr", format="raw")
        if before == await api.text():
            break
    assert answer["mimetype"] == "application/json"
    inside = json.loads(base64.b64decode(answer["data"]))
    assert inside["value"] == before
    assert abs(inside["expiry"] / 1000 - time.time()) < 40 * SCALE + 1
    assert isinstance(inside["expiry"], int)
    assert (await api.call("GET", "auth/qr", format="svg")).error == (400, "rest_invalid_param")


async def test_session_info_shows_the_code(api: Api) -> None:
    """Only while it waits for a phone."""
    assert "qr" not in await api.get("session/info")
    await api.start()
    info = await api.get("session/info")
    assert info["me"] is None
    assert base64.b64decode(info["qr"].removeprefix(DATA_URI)).startswith(PNG_MAGIC)


async def test_codes_expire(api: Api) -> None:
    """The first is good for 40 s, the others for 20 s."""
    await api.start()
    first = await api.text()
    codes = api.instance.codes
    left = codes.seconds_to_next()
    assert left is not None
    assert 20 < left <= 40
    async with asyncio.timeout(20):
        while (second := await api.text()) == first:
            await asyncio.sleep(0.02)
    left = codes.seconds_to_next()
    assert left is not None
    assert left <= 20
    # The reference is new; the keys belong to the device and stay.
    assert first.split(",")[1:] == second.split(",")[1:]
    await asyncio.sleep(1.1 * SCALE)
    assert (await api.phone("POST", "/scan", {"qr": first})).status == 410
    assert api.instance.state == "SCAN_QR_CODE"


async def test_no_code_while_not_waiting_for_a_phone(api: Api) -> None:
    """All three calls refuse; the engine's own words say which state it is in."""
    for operation, body in (
        ("auth/qr-image", {}),
        ("auth/qr", {}),
        ("auth/request-code", {"phone_number": "13035550143"}),
    ):
        answer = await api.call("POST", operation, body)
        assert (answer.status, answer.json) == (422, NOT_EXPECTED)
    # Who does not start it waits in vain.
    assert api.instance.state == "STOPPED"
    api.instance.options.engine_errors = True
    answer = await api.call("POST", "auth/qr-image")
    assert (answer.status, answer.json) == (
        422,
        {
            "error": "Session status is not as expected. Try again later or restart the session",
            "session": api.instance.name,
            "status": "STOPPED",
            "expected": ["SCAN_QR_CODE"],
        },
    )


async def test_engine_heals_itself(api: Api) -> None:
    """422 sets off Stop and Start, and after 15 s there are codes again."""
    made = await api.phone("POST", "/instances", {"gateway": "wawp", "options": {"desync": True}})
    found = api.emulator.phone.find(made.json["id"])
    assert isinstance(found, WawpInstance)
    api.instance = found
    # Wawp's record is wrong until somebody asks for a code.
    await api.start()
    await asyncio.sleep(10 * SCALE)
    assert "qr" not in await api.get("session/info")

    clock = api.emulator.clock
    begin = clock.now()
    assert (await api.call("POST", "auth/qr-image")).json == NOT_EXPECTED
    seen = set()
    async with asyncio.timeout(20):
        while (answer := await api.call("POST", "auth/qr-image")).status != 200:
            assert answer.json == NOT_EXPECTED
            seen.add((await api.get("session/info"))["status"])
    assert 15 <= clock.now() - begin < 60
    assert {"STOPPED", "STARTING"} <= seen
    assert (await api.phone("POST", "/scan", {"qr": await api.text()})).status == 200


async def test_desync_makes_the_code_worthless(api: Api) -> None:
    """It can happen at any time, and a restart is a cure as well."""
    api.instance.desync()
    assert api.instance.engine_state == "STOPPED"
    await api.start()
    text = await api.text()
    api.instance.desync()
    assert (api.instance.state, api.instance.engine_state) == ("SCAN_QR_CODE", "STARTING")
    assert (await api.phone("POST", "/scan", {"qr": text})).status == 410
    await api.post("session/restart")
    await api.until("SCAN_QR_CODE")
    assert await api.text() != text


# Linking by pairing code


async def test_pairing_code_links(api: Api) -> None:
    """The code is for the phone whose number was given."""
    await api.start()
    code = (await api.post("auth/request-code", {"phone_number": "13035550143"}))["code"]
    assert re.fullmatch(r"[A-Z1-9]{4}-[A-Z1-9]{4}", code)
    entered = await api.phone("POST", "/enter-code", {"code": code})
    assert (entered.status, entered.json["number"]) == (200, "+13035550143")
    assert (await api.get("session/me"))["pushName"] == "Bertil"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_param"),
        ({"phone_number": "+13035550143"}, "rest_invalid_param"),
        ({"phone_number": "0013035550143"}, "rest_invalid_param"),
        ({"phone_number": 13035550143}, "rest_invalid_param"),
    ],
)
async def test_pairing_numbers(api: Api, body: Any, code: str) -> None:
    """Digits with country code, and nothing before them."""
    await api.start()
    assert (await api.call("POST", "auth/request-code", body)).error == (400, code)


# Sending


async def test_message_arrives(api: Api) -> None:
    """With the id that the API returned, where the page shows it."""
    api.link()
    body = {"chatId": ADA_CHAT, "message": "Hello 👋", "reply_to": "null"}
    sent = await api.post("send/text", body)
    message_id = sent["_data"]["id"]
    assert re.fullmatch(r"3EB0[0-9A-F]{16}", message_id["id"])
    assert message_id == {
        "fromMe": True,
        "remote": ADA_CHAT,
        "id": message_id["id"],
        "_serialized": f"true_{ADA_CHAT}_{message_id['id']}",
    }
    assert sent["_data"]["to"] == {"server": "c.us", "user": "13035550142", "_serialized": ADA_CHAT}
    [message] = (await api.phone("GET", f"/messages?instance={api.instance.id}")).json
    assert message["id"] == message_id["_serialized"]
    assert (message["chat_id"], message["text"]) == (ADA_CHAT, "Hello 👋")
    assert (message["from"], message["quoted_id"]) == (api.instance.number, "")


async def test_message_by_query(api: Api) -> None:
    """GET is documented as well, and so is answering a message."""
    api.link()
    received, noticed = api.emulator.phone.write(api.instance.id, ADA, "Are you there?")
    assert noticed
    quoted_id = f"false_{ADA_CHAT}_{received.id}"
    await api.get("send/text", chatId=ADA_CHAT, message="Yes", reply_to=quoted_id)
    [message] = api.emulator.phone.messages(api.instance.id)
    assert (message.text, message.quoted_id) == ("Yes", quoted_id)
    assert (await api.get("chats/messages", chatId=ADA_CHAT))[0]["replyTo"] == {"id": quoted_id}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"message": "x"}, "missing_param"),
        ({"chatId": ADA_CHAT, "text": "x"}, "missing_param"),
        ({"chatId": ADA_CHAT, "message": ""}, "missing_param"),
        ({"chatId": ADA, "message": "x"}, "rest_invalid_param"),
        ({"chatId": ADA_CHAT, "message": 5}, "rest_invalid_param"),
        ({"chatId": ADA_CHAT, "message": "x" * 4097}, "rest_invalid_param"),
    ],
)
async def test_refused_messages(api: Api, body: Any, code: str) -> None:
    """The field is called message, and holds 4096 characters."""
    api.link()
    assert (await api.call("POST", "send/text", body)).error == (400, code)
    assert api.emulator.phone.messages(api.instance.id) == []


async def test_credentials_twice_break_the_validation(api: Api) -> None:
    """Observed with send/text, if they are in the query and in the body."""
    api.link()
    body = {"chatId": ADA_CHAT, "message": "Hello"}
    refused = await api.call("POST", "send/text", body | api.credentials)
    assert refused.error == (400, "rest_invalid_param")
    sent = await api.once("POST", "/wawp/v2/send/text", json=body | api.credentials)
    assert sent.status == 200


async def test_number_without_account(api: Api) -> None:
    """An error with status 200."""
    api.link()
    answer = await api.call("POST", "send/text", {"chatId": NOBODY_CHAT, "message": "Hello"})
    assert answer.error == (200, "wawp_upstream_error")
    assert api.emulator.phone.messages(api.instance.id) == []


async def test_sending_needs_a_working_session(api: Api) -> None:
    """A stopped one is not as expected, one without login is invalid."""
    body = {"chatId": ADA_CHAT, "message": "Hello"}
    answer = await api.call("POST", "send/text", body)
    assert (answer.status, answer.json) == (422, NOT_EXPECTED)
    await api.start()
    assert (await api.call("POST", "send/text", body)).error == (404, "invalid_session")


# Looking up


async def test_check_exists(api: Api) -> None:
    """The plus is stripped; other decoration is not supported."""
    api.link()

    async def check(phone: str) -> Answer:
        await asyncio.sleep(1.1 * SCALE)
        return await api.call("GET", "contacts/check-exists", phone=phone)

    for phone in (ADA[1:], ADA):
        assert (await check(phone)).json == {"numberExists": True, "chatId": ADA_CHAT}
    assert (await check("13035550199")).json == {"numberExists": False}
    for phone in ("(303) 555-0142", "0013035550142"):
        assert (await check(phone)).error == (400, "rest_invalid_param")


async def test_check_exists_once_a_second(session: aiohttp.ClientSession) -> None:
    """Each instance for itself."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        api.link()
        first, second = [await api.call("GET", "contacts/check-exists", phone=ADA) for _ in range(2)]
        assert first.status == 200
        assert second.error == (429, "too_many_requests")


async def test_chats(api: Api) -> None:
    """People, groups, and strangers who wrote."""
    api.link()
    api.emulator.phone.write(api.instance.id, STRANGER, "Wrong number?")
    chats = {chat["id"]: chat for chat in await api.get("chats")}
    assert chats[ADA_CHAT]["name"] == "Ada Neighbour"
    assert chats["120363000000000142@g.us"]["name"] == "Family"
    assert chats["13035550188@c.us"]["name"] == STRANGER
    assert chats["13035550188@c.us"]["lastMessage"]["body"] == "Wrong number?"
    assert chats[ADA_CHAT]["lastMessage"] is None
    query = {"sortBy": "id", "sortOrder": "DESC", "limit": "2", "offset": "1"}
    page = await api.get("chats/overview", **query)
    assert [chat["id"] for chat in page] == sorted(chats, reverse=True)[1:3]
    for wrong in ({"limit": "0"}, {"limit": "x"}, {"sortBy": "colour"}):
        assert (await api.call("GET", "chats", **wrong)).error == (400, "rest_invalid_param")


async def test_messages_of_a_chat(api: Api) -> None:
    """Newest first, with what became of them; reactions are no messages."""
    api.link()
    phone = api.emulator.phone
    sent = (await api.post("send/text", {"chatId": ADA_CHAT, "message": "Hello"}))["_data"]["id"]["_serialized"]
    reply, _ = phone.write(api.instance.id, ADA, "Hi", quoted_id=sent)
    for body in (
        {"reaction": {"message_id": sent, "emoji": "👍"}},
        {"location": {"name": "Home", "latitude": 40.5, "longitude": -105.1}},
        {"media": {"caption": "Look"}},
        {"contact": {"name": "Chen", "number": "+13035550144"}},
    ):
        api.emulator.someone_writes({"instance": api.instance.id, "from": ADA} | body)
    contact, image, location, answer, first = await api.get("chats/messages", chatId=ADA_CHAT)
    assert (first["id"], first["ack"], first["ackName"]) == (sent, 2, "DEVICE")
    assert (answer["id"], answer["replyTo"]) == (f"false_{ADA_CHAT}_{reply.id}", {"id": sent})
    assert (answer["from"], answer["fromMe"]) == (ADA_CHAT, False)
    assert location["location"] == {"description": "Home", "latitude": "40.5", "longitude": "-105.1"}
    assert (image["hasMedia"], image["body"], image["media"]["mimetype"]) == (True, "Look", "image/png")
    assert "waid=13035550144:" in contact["vCards"][0]
    await api.phone("POST", "/read", {"message": sent})
    read = (await api.get("chats/messages", chatId=ADA_CHAT, limit="1", offset="4"))[0]
    assert (read["id"], read["ackName"]) == (sent, "READ")


async def test_what_nobody_notices_is_in_no_chat(api: Api) -> None:
    """Messages stay on the phone while the session does not work."""
    body = {"instance": api.instance.id, "from": ADA, "text": "Hello?"}
    assert (await api.phone("POST", "/messages", body)).json["reached_gateway"] is False
    api.link()
    assert await api.get("chats/messages", chatId=ADA_CHAT) == []


async def test_contacts_and_groups(api: Api) -> None:
    """Who is not in the address book has no name but their own."""
    api.link()
    contacts = {contact["id"]: contact for contact in await api.get("contacts/all")}
    assert contacts[ADA_CHAT]["name"] == "Ada Neighbour"
    assert contacts["13035550144@c.us"]["pushname"] == "Chen"
    assert "name" not in contacts["13035550144@c.us"]
    family = (await api.get("groups"))[0]
    assert (family["id"], family["subject"]) == ("120363000000000142@g.us", "Family")
    members = await api.get("groups/120363000000000142@g.us/participants")
    assert members == family["participants"]
    assert members[0]["pn"] == ADA_CHAT
    assert members[0]["id"].endswith("@lid")
    missing = await api.call("GET", "groups/1@g.us/participants")
    assert missing.error == (404, "invalid_group")
    assert api.emulator.requests.count("wawp", "groups/participants") == 2


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("401", 401, INVALID_TOKEN),
        ("404", 404, {"code": "invalid_instance", "message": "Instance not found"}),
        ("409", 409, {"code": "conflict", "message": "Conflict"}),
        ("422", 422, NOT_EXPECTED),
        ("429", 429, {"code": "too_many_requests", "message": "Too Many Requests"}),
        (
            "200_with_error",
            200,
            {
                "code": "wawp_upstream_error",
                "message": "The WhatsApp engine could not complete the request",
            },
        ),
    ],
)
async def test_faults_in_own_shape(api: Api, fault: str, status: int, body: Any) -> None:
    """The next answer is broken, the one after it is not."""
    added = await api.phone("POST", "/faults", {"gateway": "wawp", "fault": fault})
    assert added.status == 200
    answer = await api.call("GET", "session/info")
    assert (answer.status, answer.json) == (status, body)
    assert await api.get("session/info")


async def test_faults_of_one_operation(api: Api) -> None:
    """They are named by the operation's path."""
    api.emulator.faults.add("wawp", FaultName.BAD_GATEWAY_HTML, method="session/start")
    assert (await api.call("GET", "session/info")).status == 200
    assert (await api.call("GET", "session/start")).status == 502
    assert (await api.call("GET", "session/start")).status == 200


async def test_picture_fault(api: Api) -> None:
    """A picture that is none, a text that cannot be drawn; the state is not touched."""
    await api.start()
    api.emulator.faults.add("wawp", FaultName.NOT_A_PNG, 2)
    assert await api.get("session/info")
    assert not (await api.picture()).startswith(PNG_MAGIC)
    answer = await api.get("auth/qr")
    assert json.loads(base64.b64decode(answer["data"]))["value"] == ""
    assert (await api.picture()).startswith(PNG_MAGIC)
