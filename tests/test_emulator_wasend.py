"""The emulator's Wasend against the vendor's documentation and SDK, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
import io
import json
import re
from typing import Any

import aiohttp
from PIL import Image
import pytest
import zxingcpp

from tests.emulator import Emulator
from tests.emulator.wasend_instance import WasendInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 20 s, after which a code changes, last 0.4 s.
SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
NOBODY = "+13035550199"
FAMILY = "120363000000000142@g.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
NOT_AS_EXPECTED = "Session status is not as expected. Try again later or restart the session"
FAILED = "The session under FAILED status. Please try to restart it."


class Api:
    """Calls the emulator as a client of Wasend would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the session that there is from the beginning."""
        self.emulator = emulator
        self.session = session
        [instance] = [each for each in emulator.instances if each.gateway == "wasend"]
        assert isinstance(instance, WasendInstance)
        self.instance = instance

    async def once(self, verb: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and parsed body; the key goes along unless headers are given."""
        credentials = self.instance.credentials()
        headers = {"Authorization": f"Bearer {credentials['token']}"}
        options = {"headers": headers, "allow_redirects": False, **options}
        async with self.session.request(verb, credentials["base_url"] + path, **options) as response:
            return response.status, json.loads(await response.read())

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

    async def refusal(self, verb: str, path: str, body: Any = None) -> tuple[int, str]:
        """Return status and message of a refusal, after a look at its shape."""
        status, answer = await self.once(verb, path, json=body)
        assert set(answer) == {"statusCode", "message", "error"}
        assert answer["statusCode"] == status
        return status, answer["message"]

    @property
    def path(self) -> str:
        """The path of the session."""
        return f"/sessions/{self.instance.id}"

    async def downstream(self) -> str:
        """Return the engine's word for the state, from the list."""
        [listed] = (await self.get("/sessions"))["sessions"]
        return str(listed["downstream"]["status"])

    async def until(self, engine_status: str, instance: WasendInstance | None = None) -> None:
        """Wait until a session has a state."""
        watched = instance or self.instance
        async with asyncio.timeout(20):
            while watched.engine_status != engine_status:
                await watched.changed.wait(0.1)

    async def offer_codes(self) -> None:
        """Start the session and wait for the first code."""
        await self.post(f"{self.path}/start")
        await self.until("SCAN_QR_CODE")

    async def qr_text(self) -> str:
        """Return the text in the present code."""
        return text_in((await self.get(f"{self.path}/qr"))["data"])

    async def phone(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Use a control route."""
        async with self.session.request(verb, f"{self.emulator.url}/phone{path}", json=body) as response:
            return response.status, await response.json()

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)

    def send(self, text: str = "Hello", to: str = ADA, **more: str) -> dict[str, str]:
        """Return the body of a text message."""
        return {"session": self.instance.id, "to": to, "text": text, **more}


def text_in(picture: str) -> str:
    """Return the text in a QR code that came as base64."""
    image = Image.open(io.BytesIO(base64.b64decode(picture, validate=True)))
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


# Account and key


async def test_credentials_are_always_the_same(api: Api) -> None:
    """What is to be typed into Home Assistant does not change between starts."""
    credentials = api.instance.credentials()
    again = [each.credentials() for each in Emulator().instances if each.gateway == "wasend"]
    assert again == [credentials | {"base_url": "/wasend"}]
    assert credentials["base_url"] == f"{api.emulator.url}/wasend"
    assert re.fullmatch(r"[0-9a-f]{40}", credentials["token"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", credentials["session_id"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "{token}"},
        {"Authorization": "Basic {token}"},
        {"X-Api-Key": "{token}"},
    ],
)
async def test_only_a_bearer_key_opens(api: Api, headers: dict[str, str]) -> None:
    """Anything else is refused, with the vendor's description."""
    token = api.instance.credentials()["token"]
    given = {name: value.format(token=token) for name, value in headers.items()}
    status, answer = await api.once("GET", f"/account?api_key={token}", headers=given)
    assert (status, answer) == (
        401,
        {"statusCode": 401, "message": "Invalid or missing API key", "error": "Unauthorized"},
    )


async def test_account(api: Api) -> None:
    """The key alone says whose it is."""
    account = await api.get("/account")
    assert set(account) == {"id", "name", "plan"}
    assert account["id"] == (await api.get(api.path))["userId"]


@pytest.mark.parametrize(
    ("verb", "path"),
    [("POST", "/logout"), ("POST", "/auth/request-code"), ("POST", "/qr"), ("PUT", "")],
)
async def test_calls_that_do_not_exist(api: Api, verb: str, path: str) -> None:
    """There is neither a logout nor a pairing code."""
    where = api.path + path
    assert await api.refusal(verb, where) == (404, f"Cannot {verb} {where}")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/sessions/nothing"),
        ("GET", "/sessions/nothing/qr"),
        ("GET", "/sessions/nothing/auth/qr"),
        ("POST", "/sessions/nothing/start"),
        ("DELETE", "/sessions/nothing"),
        ("GET", "/nothing/chats"),
        ("GET", "/contacts/all?session=nothing"),
    ],
)
async def test_unknown_session(api: Api, verb: str, path: str) -> None:
    """It is not found, whatever is asked about it."""
    assert await api.refusal(verb, path) == (404, "Session not found")


# Sessions


async def test_session_is_created_and_not_started(api: Api) -> None:
    """It belongs to the same key, and has an id of its own."""
    body = {"sessionName": "Kitchen", "phoneNumber": "+12025550177", "enableMessageLogging": True}
    made = await api.post("/sessions", body)
    assert {name: made[name] for name in ("sessionName", "phoneNumber", "status")} == {
        "sessionName": "Kitchen",
        "phoneNumber": "+12025550177",
        "status": "CREATED",
    }
    assert (made["enableMessageLogging"], made["enableWebhook"]) == (True, False)
    assert "webhookUrl" not in made
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["createdAt"])
    assert re.fullmatch(r"[0-9a-f]{24}", made["id"])
    assert made["uniqueSessionId"] == made["name"] != api.instance.id
    assert await api.get(f"/sessions/{made['uniqueSessionId']}") == made
    listed = (await api.get("/sessions"))["sessions"]
    assert [each["session"]["sessionName"] for each in listed] == ["phone-1", "Kitchen"]
    assert api.emulator.phone.find(made["uniqueSessionId"]).state == "CREATED"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "sessionName should not be empty"),
        ({"sessionName": 1}, "sessionName must be a string"),
        ({"sessionName": "A"}, "phoneNumber should not be empty"),
        (
            {"sessionName": "A", "phoneNumber": "12025550177"},
            "phoneNumber must be a phone number in E.164 format",
        ),
        (
            {"sessionName": "A", "phoneNumber": "+12025550177", "enableWebhook": True},
            "webhookUrl is required when enableWebhook is true",
        ),
        (
            {"sessionName": "A", "phoneNumber": "+12025550177", "enableAccountProtection": "no"},
            "enableAccountProtection must be a boolean value",
        ),
        (["A"], "The body must be an object"),
    ],
)
async def test_bad_orders_are_refused(api: Api, body: Any, message: str) -> None:
    """Name and number are needed; the webhook's address only with a webhook."""
    assert await api.refusal("POST", "/sessions", body) == (400, message)


async def test_unreadable_body(api: Api) -> None:
    """The answer is JSON all the same."""
    token = api.instance.credentials()["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, answer = await api.once("POST", "/sessions", data=b'{"session', headers=headers)
    assert status == 400
    assert answer["message"].endswith("is not valid JSON")


async def test_number_of_sessions_is_limited(api: Api) -> None:
    """The account is full with ten; a deleted one makes room, with a new id."""
    body = {"sessionName": "A", "phoneNumber": "+12025550177"}
    made = [(await api.post("/sessions", body))["uniqueSessionId"] for _ in range(9)]
    assert await api.refusal("POST", "/sessions", body) == (403, "Session limit reached")
    assert await api.once("DELETE", f"/sessions/{made[0]}") == (200, {"success": True})
    assert (await api.post("/sessions", body))["uniqueSessionId"] not in made


@pytest.mark.parametrize("reply", ["downstream", "session"])
async def test_list_of_sessions(api: Api, reply: str) -> None:
    """The SDK has the engine's status beside the session, the docs have one inside."""
    api.instance.options.list_reply = reply
    await api.offer_codes()
    [listed] = (await api.get("/sessions"))["sessions"]
    assert listed["session"]["uniqueSessionId"] == api.instance.id
    if reply == "session":
        assert set(listed) == {"session"}
        assert listed["session"]["status"] == "STARTING"
    else:
        assert "status" not in listed["session"]
        assert set(listed["downstream"]) == {"name", "status", "config", "engine"}
        assert listed["downstream"]["status"] == "SCAN_QR_CODE"


async def test_other_accounts_are_out_of_sight(api: Api) -> None:
    """A session made with another key is another account's."""
    body = {"gateway": "wasend", "token": "another-key", "linked": True, "options": {"qr_path": "docs"}}
    status, made = await api.phone("POST", "/instances", body)
    assert (status, made["state"]) == (201, "CONNECTED")
    assert made["credentials"]["token"] == "another-key"
    assert await api.refusal("GET", f"/sessions/{made['id']}") == (404, "Session not found")
    assert len((await api.get("/sessions"))["sessions"]) == 1


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"options": {"qr_path": "nowhere"}}, "must be one of both, docs, sdk"),
        ({"options": {"qr_reply": "jpeg"}}, "must be one of data, data_uri, qr_code, raw"),
        ({"options": {"colour": "red"}}, "Unknown option"),
        ({"id": "no id"}, "no id of a session"),
    ],
)
async def test_bad_instances_are_refused(api: Api, body: dict[str, Any], complaint: str) -> None:
    """The answer says what is wrong."""
    status, answer = await api.phone("POST", "/instances", {"gateway": "wasend"} | body)
    assert status == 400
    assert complaint in answer["error"]


# Life


async def test_life_of_a_session(api: Api) -> None:
    """Created, started, linked, stopped, started again, deleted."""
    api.instance.options.start_seconds = 10
    assert (await api.get(api.path))["status"] == "CREATED"
    assert await api.downstream() == "STOPPED"
    assert (await api.post(f"{api.path}/start"))["status"] == "STARTING"
    assert await api.downstream() == "STARTING"
    await api.until("SCAN_QR_CODE")
    assert (await api.get(api.path))["status"] == "STARTING"
    assert await api.downstream() == "SCAN_QR_CODE"

    text = await api.qr_text()
    status, scanned = await api.phone("POST", "/scan", {"qr": text})
    assert (status, scanned["state"]) == (200, "CONNECTED")
    assert await api.downstream() == "WORKING"

    assert (await api.post(f"{api.path}/stop"))["status"] == "STOPPED"
    assert (await api.post(f"{api.path}/start"))["status"] == "STARTING"
    await api.until("WORKING")
    assert (await api.post(f"{api.path}/start"))["status"] == "CONNECTED"
    assert (await api.post(f"{api.path}/restart"))["status"] == "STARTING"
    await api.until("WORKING")

    assert await api.once("DELETE", api.path) == (200, {"success": True})
    assert await api.refusal("GET", api.path) == (404, "Session not found")
    assert await api.get("/sessions") == {"sessions": []}
    assert api.instance not in api.emulator.instances


async def test_deleting_ends_the_offer_of_codes(api: Api) -> None:
    """Nothing is left to be scanned."""
    await api.offer_codes()
    text = await api.qr_text()
    await api.once("DELETE", api.path)
    status, _ = await api.phone("POST", "/scan", {"qr": text})
    assert status == 404
    assert api.instance.engine_status == "STOPPED"


async def test_stopping_while_codes_are_offered(api: Api) -> None:
    """The codes end with it, and come back with the next start."""
    await api.offer_codes()
    text = await api.qr_text()
    await api.post(f"{api.path}/stop")
    assert await api.refusal("GET", f"{api.path}/qr") == (422, NOT_AS_EXPECTED)
    assert (await api.phone("POST", "/scan", {"qr": text}))[0] == 410
    await api.offer_codes()
    assert await api.qr_text() != text


async def test_lost_link(api: Api) -> None:
    """The session fails when the device is removed; a restart brings codes, a start does not."""
    api.link()
    await api.phone("POST", "/unlink", {"instance": api.instance.id})
    assert (await api.get(api.path))["status"] == "ERROR"
    assert await api.downstream() == "FAILED"
    assert await api.refusal("POST", "/sendText", api.send()) == (422, FAILED)
    assert (await api.post(f"{api.path}/start"))["status"] == "ERROR"
    await api.post(f"{api.path}/restart")
    await api.until("SCAN_QR_CODE")


async def test_link_lost_while_stopped(api: Api) -> None:
    """The session learns of it when it is started."""
    api.link()
    await api.post(f"{api.path}/stop")
    await api.phone("POST", "/unlink", {"instance": api.instance.id})
    assert (await api.get(api.path))["status"] == "STOPPED"
    await api.offer_codes()


async def test_ban_and_restore(api: Api) -> None:
    """A banned account has failed, before and after a restart."""
    api.link()
    await api.phone("POST", "/ban", {"instance": api.instance.id})
    assert (await api.get(api.path))["status"] == "ERROR"
    api.instance.options.start_seconds = 0
    await api.post(f"{api.path}/restart")
    await api.until("FAILED")
    await api.phone("POST", "/restore", {"instance": api.instance.id})
    assert (await api.get(api.path))["status"] == "CONNECTED"


async def test_ban_while_codes_are_offered(api: Api) -> None:
    """They end, and come back with the account."""
    await api.offer_codes()
    await api.phone("POST", "/ban", {"instance": api.instance.id})
    assert await api.refusal("GET", f"{api.path}/qr") == (422, FAILED)
    await api.phone("POST", "/restore", {"instance": api.instance.id})
    assert await api.qr_text()


async def test_emulator_ends_while_session_starts(session: aiohttp.ClientSession) -> None:
    """Neither a start nor a wait for the phone holds it up."""
    async with Emulator(time_scale=1) as emulator:
        await Api(emulator, session).post(f"{Api(emulator, session).path}/start")


# Linking


@pytest.mark.parametrize(
    ("which", "there", "missing"),
    [("both", ["/qr", "/auth/qr"], []), ("docs", ["/qr"], ["/auth/qr"]), ("sdk", ["/auth/qr"], ["/qr"])],
)
async def test_path_of_the_code(api: Api, which: str, there: list[str], missing: list[str]) -> None:
    """Docs and SDK disagree; the path that does not exist is not found."""
    api.instance.options.qr_path = which
    await api.offer_codes()
    for path in there:
        assert (await api.get(api.path + path))["data"]
    for path in missing:
        where = api.path + path
        assert await api.refusal("GET", where) == (404, f"Cannot GET {where}")
    assert api.emulator.requests.count(method="qr", instance=api.instance.id) == 2
    assert api.emulator.requests.count(method="qr", status=404) == len(missing)


async def test_shapes_of_the_code(api: Api) -> None:
    """Base64 with and without a prefix, under two names, or the text itself."""
    options = api.instance.options
    await api.offer_codes()
    text = await api.qr_text()
    assert re.fullmatch(r"2@[\w+/]{100}(,[\w+/]{43}=){3}", text)

    options.qr_reply = "data_uri"
    answer = await api.get(f"{api.path}/qr")
    prefix, _, picture = answer.pop("data").partition(",")
    assert (answer, prefix, text_in(picture)) == ({}, "data:image/png;base64", text)

    options.qr_reply = "qr_code"
    answer = await api.get(f"{api.path}/qr")
    assert text_in(answer.pop("qrCode")) == text
    left = (datetime.fromisoformat(answer.pop("expiresAt")) - datetime.now(UTC)).total_seconds()
    assert answer == {}
    assert 0 < left <= 60 * SCALE

    options.qr_reply = "raw"
    assert await api.get(f"{api.path}/qr") == {"data": text}


async def test_no_code_before_and_after(api: Api) -> None:
    """Too early: the engine's refusal. Too late: the documented conflict."""
    api.instance.options.start_seconds = 60
    assert await api.refusal("GET", f"{api.path}/qr") == (422, NOT_AS_EXPECTED)
    await api.post(f"{api.path}/start")
    assert await api.refusal("GET", f"{api.path}/qr") == (422, NOT_AS_EXPECTED)
    api.link()
    for path in ("/qr", "/auth/qr"):
        assert await api.refusal("GET", api.path + path) == (409, "Session is already connected")


async def test_codes_rotate_and_end(session: aiohttp.ClientSession) -> None:
    """60 s, then five times 20 s, then the session has failed until it is restarted."""
    async with Emulator(time_scale=0.01) as emulator:
        api = Api(emulator, session)
        api.instance.options.qr_reply = "raw"
        await api.offer_codes()
        began = emulator.clock.now()
        shown: dict[str, float] = {}
        async with asyncio.timeout(20):
            while (status_and_answer := await api.once("GET", f"{api.path}/qr"))[0] == 200:
                shown.setdefault(status_and_answer[1]["data"], emulator.clock.now() - began)
                await asyncio.sleep(0.01)
        assert 6 <= len(shown) <= 7
        assert 58 <= list(shown.values())[1] <= 75
        assert emulator.clock.now() - began >= 155
        assert status_and_answer[1]["message"] == FAILED
        assert (await api.get(api.path))["status"] == "ERROR"
        first = next(iter(shown))
        assert (await api.phone("POST", "/scan", {"qr": first}))[0] == 410
        await api.post(f"{api.path}/restart")
        await api.until("SCAN_QR_CODE")
        assert (await api.get(f"{api.path}/qr"))["data"] not in shown


async def test_number_stays_what_was_given(api: Api) -> None:
    """Whichever phone scans, the session has the number that it was created with."""
    await api.offer_codes()
    _, scanned = await api.phone("POST", "/scan", {"qr": await api.qr_text(), "number": "+12025550188"})
    assert scanned["number"] == "+12025550188"
    assert (await api.get(api.path))["phoneNumber"] == api.instance.order.phone_number != "+12025550188"
    sent = await api.post("/sendText", api.send())
    assert sent["sender"] == "+12025550188"


async def test_new_session_is_treated_like_the_others(api: Api) -> None:
    """It is the same server: what holds for one session holds for the next."""
    api.instance.options.qr_path = "sdk"
    made = await api.post("/sessions", {"sessionName": "A", "phoneNumber": "+12025550177"})
    path = f"/sessions/{made['uniqueSessionId']}"
    await api.post(f"{path}/start")
    instance = api.emulator.phone.find(made["uniqueSessionId"])
    assert isinstance(instance, WasendInstance)
    await api.until("SCAN_QR_CODE", instance)
    assert (await api.refusal("GET", f"{path}/qr"))[0] == 404
    text = text_in((await api.get(f"{path}/auth/qr"))["data"])
    _, scanned = await api.phone("POST", "/scan", {"qr": text})
    assert (scanned["id"], scanned["number"]) == (made["uniqueSessionId"], "+12025550177")


# Sending


@pytest.mark.parametrize(("to", "chat_id"), [(ADA, ADA_CHAT), (FAMILY, FAMILY)])
async def test_message_arrives(api: Api, to: str, chat_id: str) -> None:
    """With the id of the reply, which is WAHA's."""
    api.link()
    sent = await api.post("/sendText", api.send("Hello 👋", to, replyTo=f"false_{chat_id}_ABC"))
    assert re.fullmatch(rf"true_{re.escape(chat_id)}_3EB0[0-9A-F]{{16}}", sent["id"])
    assert sent == {
        "id": sent["id"],
        "to": to,
        "content": "Hello 👋",
        "type": "text",
        "timestamp": sent["timestamp"],
        "status": "sent",
        "fromMe": True,
        "sender": api.instance.number,
        "recipient": to,
    }
    assert isinstance(sent["timestamp"], str)
    _, [message] = await api.phone("GET", f"/messages?instance={api.instance.id}")
    assert (message["id"], message["chat_id"], message["text"]) == (sent["id"], chat_id, "Hello 👋")
    assert message["quoted_id"] == f"false_{chat_id}_ABC"


@pytest.mark.parametrize("to", ["13035550142", ADA_CHAT, "+0123", "+1 303 555 0142", "Ada", "+"])
async def test_recipients_in_other_forms_are_refused(api: Api, to: str) -> None:
    """Numbers have a plus sign; only groups have an id."""
    api.link()
    assert await api.refusal("POST", "/sendText", api.send(to=to)) == (
        400,
        "to must be a phone number in E.164 format or a group JID",
    )
    assert api.emulator.phone.messages() == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "session should not be empty"),
        ({"session": "s"}, "to should not be empty"),
        ({"session": "s", "to": ADA}, "text should not be empty"),
        ({"session": "s", "to": ADA, "text": 5}, "text must be a string"),
        ({"session": "s", "to": ADA, "text": "x", "replyTo": 5}, "replyTo must be a string"),
    ],
)
async def test_incomplete_messages_are_refused(api: Api, body: Any, message: str) -> None:
    """Each field is named."""
    assert await api.refusal("POST", "/sendText", body) == (400, message)


async def test_sending_needs_a_working_session(api: Api) -> None:
    """An unknown one is not found, one without a phone is not ready."""
    unknown = api.send() | {"session": "nothing"}
    assert await api.refusal("POST", "/sendText", unknown) == (404, "Session not found")
    assert await api.refusal("POST", "/sendText", api.send()) == (422, NOT_AS_EXPECTED)


async def test_connected_but_nothing_can_be_sent(api: Api) -> None:
    """The engine's trouble ends with a restart, a restriction by WhatsApp does not."""
    api.link()
    api.instance.options.start_seconds = 0
    api.instance.options.sends_fail = True
    failure = (500, "server returned error 400")
    assert await api.refusal("POST", "/sendText", api.send()) == failure
    assert (await api.get(api.path))["status"] == "CONNECTED"
    await api.post(f"{api.path}/restart")
    await api.until("WORKING")
    await api.post("/sendText", api.send())

    await api.phone("POST", "/limit", {"instance": api.instance.id})
    assert (await api.get(api.path))["status"] == "CONNECTED"
    assert await api.refusal("POST", "/sendText", api.send()) == failure
    await api.phone("POST", "/restore", {"instance": api.instance.id})
    await api.post("/sendText", api.send())


async def test_status_of_a_message(api: Api) -> None:
    """Delivered, read; and sent only, to a number without an account."""
    api.link()
    message_id = (await api.post("/sendText", api.send()))["id"]
    answer = await api.get(f"/messages/{message_id}")
    assert (answer["to"], answer["content"], answer["status"]) == (ADA, "Hello", "delivered")
    await api.phone("POST", "/read", {"message": message_id})
    assert (await api.get(f"/messages/{message_id}"))["status"] == "read"

    lost_id = (await api.post("/sendText", api.send(to=NOBODY)))["id"]
    assert (await api.get(f"/messages/{lost_id}"))["status"] == "sent"
    assert len(api.emulator.phone.messages()) == 1
    assert await api.refusal("GET", "/messages/true_1@c.us_A") == (404, "Message not found")


async def test_rate_limit(api: Api) -> None:
    """Off by itself; no header says how long to wait."""
    api.instance.options.requests_per_minute = 2
    for _ in range(2):
        await api.get(api.path)
    status, answer = await api.once("GET", api.path)
    assert (status, answer) == (
        429,
        {"statusCode": 429, "message": "Rate limit exceeded", "error": "Too Many Requests"},
    )
    assert await api.get("/sessions")


# Looking up


async def test_contacts(api: Api) -> None:
    """Ten at a time, in the order that was asked for."""
    api.link()
    contacts = await api.get("/contacts/all", session=api.instance.id)
    assert contacts[0] == {
        "id": ADA_CHAT,
        "name": "Ada Neighbour",
        "phoneNumber": ADA,
        "pushName": "Ada",
        "profilePictureUrl": None,
        "status": None,
        "businessProfile": None,
    }
    some = await api.get("/contacts/all", session=api.instance.id, limit="2", offset="1", sortBy="id", sortOrder="desc")
    assert [contact["id"] for contact in some] == ["13035550144@c.us", "13035550143@c.us"]
    for query, message in (
        ("", "session should not be empty"),
        (f"?session={api.instance.id}&limit=all", "limit must be an integer number"),
        (f"?session={api.instance.id}&sortBy=age", "sortBy must be one of the following values: id, name"),
        (f"?session={api.instance.id}&sortOrder=up", "sortOrder must be one of the following values: asc, desc"),
    ):
        assert await api.refusal("GET", f"/contacts/all{query}") == (400, message)


async def test_check_of_a_number(api: Api) -> None:
    """In the shape of the SDK or of WAHA; the number has no plus sign."""
    api.link()
    here = {"session": api.instance.id}
    found = await api.get("/contacts/check-exists", **here, phone="13035550142")
    assert found == {"exists": True, "phone": "13035550142", "jid": ADA_CHAT}
    missing = await api.get("/contacts/check-exists", **here, phone="13035550199")
    assert missing == {"exists": False, "phone": "13035550199", "jid": None}
    api.instance.options.check_reply = "waha"
    found = await api.get("/contacts/check-exists", **here, phone="13035550142")
    assert found == {"numberExists": True, "chatId": ADA_CHAT}
    path = f"/contacts/check-exists?session={api.instance.id}&phone=%2B13035550142"
    assert await api.refusal("GET", path) == (400, "phone must contain digits only")


async def test_groups(api: Api) -> None:
    """The docs have them in a wrapper, the SDK does not."""
    api.link()
    wrapped = await api.get(f"/{api.instance.id}/groups", limit="1")
    assert wrapped["pagination"] == {"total": 2, "limit": 1, "offset": 0, "hasMore": True}
    [family] = wrapped["groups"]
    assert (family["jid"], family["name"], family["ownerPn"]) == (FAMILY, "Family", ADA)
    assert family["participants"][0] == {
        "jid": ADA_CHAT,
        "phoneNumber": ADA,
        "isAdmin": True,
        "displayName": "Ada",
    }
    assert family["participants"][-1]["phoneNumber"] == api.instance.number
    api.instance.options.groups_reply = "plain"
    plain = await api.get(f"/{api.instance.id}/groups", offset="1")
    assert [group["name"] for group in plain] == ["House 7"]


async def test_chats_and_messages(api: Api) -> None:
    """What was written and received, the newest first."""
    api.link()
    here = {"instance": api.instance.id, "from": ADA}
    await api.post("/sendText", api.send("Question"))
    _, taken = await api.phone("POST", "/messages", here | {"text": "Answer", "quoted_id": "ABC"})
    assert taken["reached_gateway"] is True
    await api.phone("POST", "/messages", here | {"media": {"kind": "image", "caption": "Door"}})
    await api.phone("POST", "/messages", here | {"reaction": {"message_id": "ABC", "emoji": "👍"}})
    await api.phone("POST", "/messages", here | {"text": "All", "chat": FAMILY})

    messages = await api.get(f"/{api.instance.id}/chats/{ADA_CHAT}/messages", limit="10")
    assert [(each["type"], each["body"], each["caption"], each["fromMe"]) for each in messages] == [
        ("image", "", "Door", False),
        ("text", "Answer", "", False),
        ("text", "Question", "", True),
    ]
    assert (messages[0]["hasMedia"], messages[0]["mimetype"]) == (True, "image/png")
    assert re.fullmatch(r"false_13035550142@c\.us_[0-9A-F]{32}", messages[1]["id"])
    assert messages[1]["quotedMsgId"] == "ABC"
    assert messages[2]["to"] == ADA_CHAT == messages[1]["from"]
    assert messages[2]["ack"] == 2
    [in_group] = await api.get(f"/{api.instance.id}/chats/{FAMILY}/messages", limit="1")
    assert re.fullmatch(rf"false_{FAMILY}_[0-9A-F]{{32}}_{ADA_CHAT}", in_group["id"])

    chats = await api.get(f"/{api.instance.id}/chats", sortBy="conversationTimestamp", sortOrder="desc")
    assert {chat["id"] for chat in chats[:2]} == {ADA_CHAT, FAMILY}
    by_id = {chat["id"]: chat for chat in chats}
    assert set(by_id[FAMILY]) == {"id", "name", "isGroup", "timestamp", "unreadCount", "archived", "pinned"}
    assert (by_id[FAMILY]["isGroup"], by_id[FAMILY]["unreadCount"]) == (True, 1)
    assert by_id[ADA_CHAT]["name"] == "Ada Neighbour"


async def test_filters_of_messages(api: Api) -> None:
    """By side and time; without a limit there is no answer."""
    api.link()
    sent = await api.post("/sendText", api.send())
    await api.phone("POST", "/messages", {"instance": api.instance.id, "from": ADA, "text": "Hi"})
    path = f"/{api.instance.id}/chats/{ADA_CHAT}/messages"
    assert await api.refusal("GET", path) == (400, "limit must be an integer number")
    assert await api.refusal("GET", f"{path}?limit=1&filter.fromMe=1") == (
        400,
        "filter.fromMe must be a boolean value",
    )
    [mine] = await api.get(path, limit="9", **{"filter.fromMe": "true"})
    assert mine["id"] == sent["id"]
    later = str(int(sent["timestamp"]) + 60)
    assert await api.get(path, limit="9", **{"filter.timestamp.gte": later}) == []
    assert len(await api.get(path, limit="9", **{"filter.timestamp.lte": later})) == 2
    assert len(await api.get(path, limit="9", offset="1")) == 1


async def test_looking_up_needs_a_working_session(api: Api) -> None:
    """Without a phone there is nobody to ask, and nothing arrives."""
    for path in (
        f"/contacts/all?session={api.instance.id}",
        f"/contacts/check-exists?session={api.instance.id}&phone=13035550142",
        f"/{api.instance.id}/chats",
        f"/{api.instance.id}/chats/{ADA_CHAT}/messages?limit=1",
        f"/{api.instance.id}/groups",
    ):
        assert await api.refusal("GET", path) == (422, NOT_AS_EXPECTED)
    _, answer = await api.phone("POST", "/messages", {"instance": api.instance.id, "from": ADA, "text": "Hi"})
    assert answer["reached_gateway"] is False


# Faults

DESCRIPTION_OF_FAULT = {
    "401": (401, "Invalid or missing API key", "Unauthorized"),
    "404": (404, "Session not found", "Not Found"),
    "409": (409, "Session is already connected", "Conflict"),
    "422": (422, "Unprocessable Entity", "Unprocessable Entity"),
    "429": (429, "Rate limit exceeded", "Too Many Requests"),
    "429_retry_after": (429, "Rate limit exceeded", "Too Many Requests"),
}


@pytest.mark.parametrize(("fault", "expected"), DESCRIPTION_OF_FAULT.items())
async def test_faults_have_the_vendors_shape(api: Api, fault: str, expected: tuple[int, str, str]) -> None:
    """The next answer is broken, the one after it is not."""
    api.emulator.faults.add("wasend", fault, method="getSession")
    assert await api.get("/sessions")
    status, answer = await api.once("GET", api.path)
    assert (status, answer["message"], answer["error"]) == expected
    assert answer["statusCode"] == status
    assert await api.get(api.path)


async def test_failure_in_success(api: Api) -> None:
    """The status is 200, and the body says otherwise."""
    api.emulator.faults.add("wasend", "200_with_error")
    assert await api.once("GET", "/account") == (200, {"success": False, "message": "Internal server error"})


@pytest.mark.parametrize("path", ["/qr", "/auth/qr"])
async def test_picture_fault(api: Api, path: str) -> None:
    """The picture is none in any shape; instead of a text there is an empty one."""
    await api.offer_codes()
    for reply, field in (("data", "data"), ("data_uri", "data"), ("qr_code", "qrCode"), ("raw", "data")):
        api.instance.options.qr_reply = reply
        api.emulator.faults.add("wasend", "not_a_png")
        broken = (await api.get(api.path + path))[field]
        assert not base64.b64decode(broken.rpartition(",")[2]).startswith(PNG_MAGIC)
        assert (broken == "") is (reply == "raw")
        right = (await api.get(api.path + path))[field]
        assert right.startswith("2@") or base64.b64decode(right.rpartition(",")[2]).startswith(PNG_MAGIC)


async def test_names_of_calls(api: Api) -> None:
    """Requests are counted by call, and by session where the address tells."""
    api.link()
    await api.get("/account")
    await api.get("/sessions")
    await api.get(f"/{api.instance.id}/chats")
    await api.get("/contacts/all", session=api.instance.id)
    await api.post("/sendText", api.send())
    await api.refusal("GET", "/nothing")
    assert api.emulator.requests.counts()["wasend"] == {
        "account": 1,
        "listSessions": 1,
        "listChats": 1,
        "listContacts": 1,
        "sendText": 1,
        "": 1,
    }
    assert api.emulator.requests.count(instance=api.instance.id) == 2
