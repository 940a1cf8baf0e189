"""The emulator against the vendor's documentation, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
import io
import json
import re
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image
import pytest
import zxingcpp

from tests.emulator import Emulator
from tests.emulator.faults import FaultName
from tests.emulator.green_api_instance import GreenApiInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 20 s, after which a code changes, last 0.4 s.
SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


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


class Api:
    """Calls the emulator as a client of GREEN-API would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk to the first instance."""
        self.emulator = emulator
        self.session = session
        instance = emulator.instances[0]
        assert isinstance(instance, GreenApiInstance)
        self.instance = instance

    def url(self, method: str, tail: str = "") -> str:
        """Return the address of a method."""
        credentials = self.instance.credentials()
        return f"{credentials['base_url']}/waInstance{credentials['instance_id']}/{method}/{credentials['token']}{tail}"

    async def once(self, verb: str, url: str, **options: Any) -> Answer:
        """Ask once."""
        options = {"allow_redirects": False, **options}
        async with self.session.request(verb, url, **options) as response:
            return Answer(response, await response.read())

    async def call(self, verb: str, method: str, tail: str = "", **options: Any) -> Answer:
        """Ask, and wait as long as the rate limit wants."""
        while True:
            answer = await self.once(verb, self.url(method, tail), **options)
            if answer.status != 429:
                return answer
            await asyncio.sleep(0.005)

    async def get(self, method: str, **options: Any) -> Any:
        """GET and return the JSON of a success."""
        answer = await self.call("GET", method, **options)
        assert answer.status == 200, answer.body
        return answer.json

    async def post(self, method: str, body: Any) -> Any:
        """POST and return the JSON of a success."""
        answer = await self.call("POST", method, json=body)
        assert answer.status == 200, answer.body
        return answer.json

    async def refusal(self, method: str, body: Any) -> str:
        """POST and return the message of the refusal."""
        answer = await self.call("POST", method, json=body)
        assert answer.status == 400, answer.body
        return str(answer.json["message"])

    async def phone(self, verb: str, path: str, body: Any = None) -> Answer:
        """Use a control route."""
        url = f"{self.emulator.url}/phone{path}"
        return await self.once(verb, url, json=body)

    async def until(self, state: str) -> None:
        """Wait until the instance has a state."""
        async with asyncio.timeout(20):
            while self.instance.state != state:
                await self.instance.changed.wait(0.1)

    async def arrived(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages arrived on phones."""
        async with asyncio.timeout(20):
            while True:
                messages = (await self.phone("GET", "/messages")).json
                if len(messages) >= count:
                    return list(messages)
                await asyncio.sleep(0.01)

    async def set_at_once(self, **settings: Any) -> None:
        """Save settings and wait until they hold."""
        self.instance.options.settings_seconds = 0
        assert await self.post("setSettings", settings) == {"saveSettings": True}
        async with asyncio.timeout(20):
            while self.instance.starting:
                await self.instance.changed.wait(0.1)

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)


def text_in(picture: str) -> str:
    """Return the text in a QR code that came as base64."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
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


async def test_instances_are_listed(api: Api) -> None:
    """What is to be typed into Home Assistant is the same at every start."""
    [instance, *_] = (await api.phone("GET", "/instances")).json
    credentials = instance.pop("credentials")
    assert instance == {
        "gateway": "green_api",
        "id": "1101000001",
        "number": "+12025550100",
        "state": "notAuthorized",
        "linked": False,
    }
    assert credentials["base_url"] == f"{api.emulator.url}/green-api"
    assert credentials["instance_id"] == "1101000001"
    assert re.fullmatch(r"[0-9a-f]{50}", credentials["token"])


async def test_more_instances_can_be_made(api: Api) -> None:
    """Each has an id, a token and a number of its own."""
    before = list(api.emulator.instances)
    made = await api.phone(
        "POST",
        "/instances",
        {"gateway": "green-api", "linked": True, "options": {"tariff": "developer"}},
    )
    assert made.status == 201
    assert made.json["id"] == "1101000002"
    assert made.json["number"] not in {instance.number for instance in before}
    assert made.json["state"] == "authorized"
    assert made.json["credentials"]["token"] != api.instance.token
    assert len(api.emulator.instances) == len(before) + 1


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "'gateway' must be a text"),
        ({"gateway": "carrier-pigeon"}, "known are green_api"),
        ({"gateway": "green_api", "id": "1101000001"}, "is taken"),
        ({"gateway": "green_api", "number": "Ada"}, "must be a phone number"),
        ({"gateway": "green_api", "options": {"colour": 1}}, "Unknown option"),
        ({"gateway": "green_api", "options": {"tariff": 1}}, "must be of type str"),
        ({"gateway": "green_api", "options": {"account": "x"}}, "must be active"),
    ],
)
async def test_bad_instances_are_refused(api: Api, body: Any, complaint: str) -> None:
    """The answer says what is wrong."""
    answer = await api.phone("POST", "/instances", body)
    assert answer.status == 400
    assert complaint in answer.json["error"]


# Errors


async def test_errors_of_the_path(api: Api) -> None:
    """Wrong id: a page. Wrong token: nothing. Wrong method or verb: JSON."""
    state = api.url("getStateInstance")
    answer = await api.once("GET", state.replace("1101000001", "1101999999"))
    assert (answer.status, answer.headers["Content-Type"][:9]) == (403, "text/html")
    assert b"403 Forbidden" in answer.body
    assert b"nginx" in answer.body

    answer = await api.once("GET", state[:-1])
    assert (answer.status, answer.body) == (401, b"")

    for verb, method in (("GET", "getState"), ("POST", "getStateInstance")):
        answer = await api.once(verb, api.url(method))
        assert answer.status == 404
        path = api.url(method).removeprefix(f"{api.emulator.url}/green-api")
        assert answer.json["message"] == f"Cannot {verb} {path}"
        assert answer.json["path"] == path
        assert answer.json["statusCode"] == 404
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json["timestamp"])

    answer = await api.once("OPTIONS", state)
    assert (answer.status, answer.body) == (204, b"")


async def test_errors_of_the_body(api: Api) -> None:
    """Unreadable and oversized bodies."""
    answer = await api.call("POST", "sendMessage", data=b'{"chatId": x}')
    assert answer.status == 400
    assert answer.json["message"] == "Unexpected token x in JSON at position 11"

    answer = await api.call("POST", "sendMessage", data=b"[" + b" " * 102400)
    assert answer.status == 500
    assert answer.json["message"] == "request entity too large"


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("sendMessage", {}, "Validation failed. Details: 'chatId' is required"),
        (
            "sendMessage",
            {"chatId": 1, "message": "x"},
            "Validation failed. Details: 'chatId' must be a string",
        ),
        (
            "sendMessage",
            {"chatId": ADA_CHAT, "message": "x" * 20001},
            ("Validation failed. Details: 'message' length must be less than or equal to 20000 characters long"),
        ),
        (
            "sendMessage",
            {"chatId": ADA, "message": "x"},
            (
                "Validation failed. Details: 'chatId' must be one of the next formats: "
                "'phone_number@c.us' or 'group_id@g.us'"
            ),
        ),
        (
            "setSettings",
            {},
            "Validation failed. Details: 'value' must have at least 1 key",
        ),
        (
            "setSettings",
            {"incomingWebhook": True},
            "Validation failed. Details: 'incomingWebhook' must be one of [yes, no]",
        ),
        (
            "setSettings",
            {"delaySendMessagesMilliseconds": 10},
            ("Validation failed. Details: 'delaySendMessagesMilliseconds' must be greater than or equal to 500"),
        ),
        (
            "getAuthorizationCode",
            {"phoneNumber": "+1"},
            "Validation failed. Details: 'phoneNumber' must be a number",
        ),
        (
            "checkWhatsapp",
            {"chatId": ADA_CHAT},
            "instance is starting or not authorized",
        ),
    ],
)
async def test_refusals(api: Api, method: str, body: Any, message: str) -> None:
    """The vendor's own words."""
    assert await api.refusal(method, body) == message


@pytest.mark.parametrize(
    ("account", "message"),
    [
        (
            "expired",
            "Instance account is expired. Renew your instance from personal area",
        ),
        ("deleted", "Instance is deleted"),
    ],
)
async def test_account_errors(api: Api, account: str, message: str) -> None:
    """An instance that is not paid for, or was deleted in the console."""
    api.instance.options.account = account
    answer = await api.call("GET", "getStateInstance")
    assert (answer.status, answer.json["message"]) == (400, message)


async def test_rate_limits(session: aiohttp.ClientSession) -> None:
    """One getStateInstance a second, three qr; other methods are counted apart."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        for method, limit in (("getStateInstance", 1), ("qr", 3)):
            statuses = [(await api.once("GET", api.url(method))).status for _ in range(limit + 1)]
            assert statuses == [200] * limit + [429]
        answer = await api.once("GET", api.url("qr"))
        assert answer.json["message"] == "Too Many Requests"
        assert emulator.requests.counts() == {"green_api": {"getStateInstance": 2, "qr": 5}}
        assert emulator.requests.count(method="qr", status=429) == 2
        emulator.requests.reset()
        assert emulator.requests.count() == 0


# Linking by QR code


async def test_qr_code_links(api: Api) -> None:
    """From the picture to the linked account."""
    answer = await api.get("qr")
    assert answer["type"] == "qrCode"
    assert base64.b64decode(answer["message"]).startswith(PNG_MAGIC)
    text = text_in(answer["message"])
    assert re.fullmatch(r"2@[\w+/]{100}(,[\w+/]{43}=){3}", text)

    scanned = await api.phone("POST", "/scan", {"qr": text})
    assert (scanned.status, scanned.json["state"]) == (200, "authorized")
    assert await api.get("getStateInstance") == {"stateInstance": "authorized"}
    assert await api.get("qr") == {
        "type": "alreadyLogged",
        "message": "instance account already authorized",
    }
    account = await api.get("getWaSettings")
    assert account["phone"] == "12025550100"
    assert account["deviceId"] == "12025550100:26@s.whatsapp.net"
    assert account["chatId"].endswith("@lid")
    assert (await api.get("getSettings"))["wid"] == "12025550100@c.us"
    assert (await api.phone("POST", "/scan", {"qr": text})).status == 410


async def test_codes_expire(api: Api) -> None:
    """Every 20 s there is another code, and the one before is worthless."""
    first = text_in((await api.get("qr"))["message"])
    async with asyncio.timeout(20):
        while (second := text_in((await api.get("qr"))["message"])) == first:
            await asyncio.sleep(0.02)
    # The reference is new; the keys belong to the device and stay.
    assert first.split(",")[1:] == second.split(",")[1:]

    await asyncio.sleep(1.1 * SCALE)
    expired = await api.phone("POST", "/scan", {"qr": first})
    assert (expired.status, expired.json) == (
        410,
        {"error": "This QR code has expired"},
    )
    assert (await api.phone("POST", "/scan", {"qr": "2@nonsense"})).status == 404
    assert api.instance.state == "notAuthorized"


async def test_codes_differ_between_emulators() -> None:
    """Nobody can know a code without having seen the picture, unless seeded."""
    codes = [Emulator().instances[0].codes.current() for _ in range(2)]
    assert codes[0] is not None
    assert codes[1] is not None
    assert codes[0].text != codes[1].text
    seeded = [Emulator(seed="x").instances[0].codes.current() for _ in range(2)]
    assert seeded[0] == seeded[1]


async def test_text_of_code_is_not_handed_out(api: Api) -> None:
    """Who wants to scan has to read the picture."""
    text = text_in((await api.get("qr"))["message"])
    for path in ("/instances", "/messages", "/chats", "/requests", "/faults", ""):
        answer = await api.phone("GET", path)
        assert answer.status == 200
        assert text.split(",")[0].encode() not in answer.body


@pytest.mark.parametrize("form", ["image", "multipart"])
async def test_screenshots_can_be_scanned(api: Api, form: str) -> None:
    """The web page may send the picture instead of the text."""
    picture = base64.b64decode((await api.get("qr"))["message"])
    url = f"{api.emulator.url}/phone/scan"
    if form == "image":
        headers = {"Content-Type": "image/png"}
        answer = await api.once("POST", url, data=picture, headers=headers)
    else:
        data = aiohttp.FormData()
        data.add_field("picture", picture, filename="shot.png")
        answer = await api.once("POST", url, data=data)
    assert (answer.status, answer.json["linked"]) == (200, True)


async def test_first_code_comes_late(api: Api) -> None:
    """After a logout, the answer is "try later" until there is a code."""
    api.link()
    assert await api.get("logout") == {"isLogout": True}
    answer = await api.call("GET", "qr")
    assert (answer.status, answer.json["message"]) == (
        400,
        "instance in starting process try later",
    )
    assert api.instance.state == "notAuthorized"
    await asyncio.sleep(2.5 * SCALE)
    assert (await api.get("qr"))["type"] == "qrCode"


async def test_another_phone_can_scan(api: Api) -> None:
    """Then the instance is another account."""
    text = text_in((await api.get("qr"))["message"])
    await api.phone("POST", "/scan", {"qr": text, "number": ADA})
    assert (await api.get("getWaSettings"))["phone"] == "13035550142"


# Linking by websocket


async def test_websocket_pushes_codes_and_success(api: Api) -> None:
    """A frame for each code, then the account's data, then the end."""
    async with api.session.ws_connect(api.url("scanqrcode")) as socket:
        first = await socket.receive_json(timeout=2)
        second = await socket.receive_json(timeout=2)
        assert first["type"] == second["type"] == "qrCode"
        assert first["message"] != second["message"]
        await api.phone("POST", "/scan", {"qr": text_in(second["message"])})
        success = await socket.receive_json(timeout=2)
        assert success["type"] == "accountData"
        assert success["message"]["wid"] == "12025550100@c.us"
        assert (await socket.receive(timeout=2)).type is aiohttp.WSMsgType.CLOSE


async def test_websocket_when_linked_or_banned(api: Api) -> None:
    """One frame, then the end."""
    api.link()
    async with api.session.ws_connect(api.url("scanqrcode")) as socket:
        assert (await socket.receive_json(timeout=2))["type"] == "alreadyLogged"
    api.instance.ban()
    await asyncio.sleep(1.1 * SCALE)
    async with api.session.ws_connect(api.url("scanqrcode")) as socket:
        assert await socket.receive_json(timeout=2) == {
            "type": "error",
            "message": "Instance has auth. You need to make log out",
        }


async def test_websocket_window_ends(session: aiohttp.ClientSession) -> None:
    """After 100 s and five codes the client has to come again."""
    async with Emulator(time_scale=0.01) as emulator:
        api = Api(emulator, session)
        async with session.ws_connect(api.url("scanqrcode")) as socket:
            frames = [message.json()["type"] async for message in socket]
        assert frames[-1] == "timeoutExpired"
        assert set(frames[:-1]) == {"qrCode"}
        assert 5 <= len(frames[:-1]) <= 6


async def test_websocket_ends_with_client_and_emulator(
    session: aiohttp.ClientSession,
) -> None:
    """Neither a client that leaves nor one that stays keeps the emulator busy."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        async with session.ws_connect(api.url("scanqrcode")) as socket:
            await socket.receive_json(timeout=2)
        api.emulator.clock.scale = SCALE
        await asyncio.sleep(1.1 * SCALE)
        staying = await session.ws_connect(api.url("scanqrcode"))
        await staying.receive_json(timeout=2)
        async with asyncio.timeout(2):
            await emulator.stop()
        await staying.close()


# Linking by pairing code


async def test_pairing_code_links(api: Api) -> None:
    """The code is for the phone whose number was given."""
    answer = await api.post("getAuthorizationCode", {"phoneNumber": 13035550143})
    assert answer["status"] is True
    code = answer["code"]
    assert re.fullmatch(r"[A-Z1-9]{8}", code)
    typed = f"{code[:4]}-{code[4:]}".lower()
    entered = await api.phone("POST", "/enter-code", {"code": typed})
    assert (entered.status, entered.json["number"]) == (200, "+13035550143")
    assert await api.post("getAuthorizationCode", {"phoneNumber": 1}) == {
        "status": False,
        "code": "",
    }
    assert (await api.phone("POST", "/enter-code", {"code": code})).status == 410


async def test_pairing_codes_expire(session: aiohttp.ClientSession) -> None:
    """After two and a half minutes, or when there is a newer one."""
    async with Emulator(time_scale=0.001) as emulator:
        api = Api(emulator, session)
        body = {"phoneNumber": 13035550143}
        old = (await api.post("getAuthorizationCode", body))["code"]
        assert (await api.post("getAuthorizationCode", body))["code"] != old
        assert (await api.phone("POST", "/enter-code", {"code": old})).status == 410
        code = (await api.post("getAuthorizationCode", body))["code"]
        await asyncio.sleep(0.16)
        assert (await api.phone("POST", "/enter-code", {"code": code})).status == 410
        assert (await api.phone("POST", "/enter-code", {"code": "X"})).status == 404


async def test_pairing_code_bug(api: Api) -> None:
    """A wrong code and a second request: only logging out helps."""
    api.instance.options.pairing_code_bug = True
    body = {"phoneNumber": 13035550143}
    await api.post("getAuthorizationCode", body)
    await api.phone("POST", "/enter-code", {"code": "WRONGONE"})
    assert await api.post("getAuthorizationCode", body) == {"status": False, "code": ""}
    assert await api.get("getStateInstance") == {"stateInstance": "starting"}
    await api.get("logout")
    await api.until("notAuthorized")


# States


async def test_reboot_goes_through_starting(api: Api) -> None:
    """The link survives it."""
    api.link()
    assert await api.get("reboot") == {"isReboot": True}
    assert api.instance.state == "starting"
    body = {"chatId": ADA_CHAT, "message": "Hello"}
    assert await api.refusal("sendMessage", body) == "instance in starting process try later"
    assert (await api.get("getWaSettings"))["phone"] == ""
    await api.until("authorized")


async def test_settings_hold_after_restart(api: Api) -> None:
    """They are saved at once and in force a little later."""
    api.link()
    await api.post("setSettings", {"incomingWebhook": "yes"})
    assert api.instance.state == "starting"
    assert (await api.get("getSettings"))["incomingWebhook"] == "yes"
    await api.until("authorized")
    api.emulator.phone.write(api.instance.id, ADA, "Hi")
    assert await api.get("receiveNotification") is not None


async def test_ban_and_restore(api: Api) -> None:
    """A banned account is blocked, and neither sends nor receives."""
    api.link()
    assert (await api.phone("POST", "/ban", {"instance": "1101000001"})).json["state"] == "blocked"
    assert await api.get("getStatusInstance") == {"statusInstance": "offline"}
    assert (await api.get("qr"))["type"] == "error"
    answer = await api.phone("POST", "/messages", {"instance": "1101000001", "from": ADA, "text": "Hi"})
    assert answer.json["reached_gateway"] is False
    await api.phone("POST", "/restore", {"instance": "green_api/1101000001"})
    assert api.instance.state == "authorized"


async def test_yellow_card_holds_messages_until_reboot(api: Api) -> None:
    """Sending goes on with the reboot, which lifts the card."""
    api.link()
    await api.phone("POST", "/limit", {"instance": "1101000001"})
    assert await api.get("getStateInstance") == {"stateInstance": "yellowCard"}
    await api.post("sendMessage", {"chatId": ADA_CHAT, "message": "Hello"})
    await asyncio.sleep(SCALE)
    assert api.emulator.phone.messages() == []
    await api.get("reboot")
    await api.arrived(1)


async def test_unlink_offers_new_codes(api: Api) -> None:
    """The owner removed the linked device."""
    api.link()
    answer = await api.phone("POST", "/unlink", {"instance": "1101000001"})
    assert answer.json["state"] == "notAuthorized"
    await asyncio.sleep(2.5 * SCALE)
    assert (await api.get("qr"))["type"] == "qrCode"
    assert (await api.phone("POST", "/unlink", {"instance": "7"})).status == 404


async def test_new_token_replaces_old(api: Api) -> None:
    """The old one is refused at once."""
    old = api.url("getStateInstance")
    token = (await api.get("updateApiToken"))["apiTokenInstance"]
    assert (await api.once("GET", old)).status == 401
    assert api.instance.token == token
    assert await api.get("getStateInstance")


# Sending


async def test_message_arrives(api: Api) -> None:
    """With the id that the API returned."""
    api.link()
    body = {"chatId": ADA_CHAT, "message": "Hello 👋", "quotedMessageId": "ABC"}
    message_id = (await api.post("sendMessage", body))["idMessage"]
    assert re.fullmatch(r"3EB0[0-9A-F]{16}", message_id)
    [message] = await api.arrived(1)
    assert message["id"] == message_id
    assert message["chat_id"] == ADA_CHAT
    assert message["from"] == "+12025550100"
    assert (message["kind"], message["text"]) == ("text", "Hello 👋")
    assert message["quoted_id"] == "ABC"
    only = await api.phone("GET", "/messages?instance=1101000001")
    assert only.json == [message]


async def test_messages_wait_for_the_phone(api: Api) -> None:
    """They are taken without a link, and sent in order once there is one."""
    for text in ("one", "two", "three"):
        await api.post("sendMessage", {"chatId": ADA_CHAT, "message": text})
    assert (await api.phone("GET", "/messages")).json == []
    api.link()
    messages = await api.arrived(3)
    assert [message["text"] for message in messages] == ["one", "two", "three"]


async def test_delivery_is_notified(api: Api) -> None:
    """Sent, delivered, read; and that a number has no account, always."""
    api.link()
    await api.set_at_once(outgoingWebhook="yes", outgoingAPIMessageWebhook="yes")
    await api.post("sendMessage", {"chatId": ADA_CHAT, "message": "Hello"})
    [message] = await api.arrived(1)
    await api.phone("POST", "/read", {"message": message["id"]})
    await api.post("sendMessage", {"chatId": "13035550199@c.us", "message": "Hello"})
    seen = []
    while (notification := await api.get("receiveNotification")) is not None:
        body = notification["body"]
        seen.append(body.get("status", body["typeWebhook"]))
        await api.call("DELETE", "deleteNotification", f"/{notification['receiptId']}")
    assert seen == [
        "outgoingAPIMessageReceived",
        "sent",
        "delivered",
        "read",
        "noAccount",
    ]


async def test_quota_of_the_free_tariff(api: Api) -> None:
    """Three chats and a hundred checks a month, then status 466."""
    api.link()
    api.instance.options.tariff = "developer"
    for last in "234":
        chat_id = f"1303555014{last}@c.us"
        await api.post("sendMessage", {"chatId": chat_id, "message": "Hello"})
    answer = await api.call("POST", "sendMessage", json={"chatId": "13035550145@c.us", "message": "Hello"})
    assert answer.status == 466
    assert answer.json["invokeStatus"]["status"] == "QUOTE_ALLOWED"
    status = answer.json["correspondentsStatus"]
    assert status["status"] == "CORRESPONDENTS_QUOTE_EXCEEDED"
    assert (status["used"], status["total"]) == (3, 3)
    notification = await api.get("receiveNotification")
    assert notification["body"]["typeWebhook"] == "quotaExceeded"

    api.instance.checks_used = 100
    answer = await api.call("POST", "checkWhatsapp", json={"chatId": ADA_CHAT})
    assert answer.status == 466
    assert answer.json["invokeStatus"]["status"] == "QUOTE_EXCEEDED"


async def test_looking_up(api: Api) -> None:
    """Numbers, contacts and chats."""
    api.link()
    found = await api.post("checkWhatsapp", {"phoneNumber": 13035550142})
    assert found["existsWhatsapp"] is True
    assert re.fullmatch(r"\d{15}@lid", found["chatId"])
    assert await api.post("checkWhatsapp", {"chatId": "13035550199@c.us"}) == {
        "existsWhatsapp": False,
        "chatId": "",
    }
    assert await api.refusal("checkWhatsapp", {"phoneNumber": 123}) == "bad phone number, valid from 11 to 16 digits"
    contacts = await api.get("getContacts")
    assert contacts[0] == {
        "id": ADA_CHAT,
        "name": "Ada",
        "contactName": "Ada Neighbour",
        "type": "user",
    }
    groups = await api.get("getContacts", params={"group": "true", "count": "1"})
    assert [group["type"] for group in groups] == ["group"]
    assert {chat["type"] for chat in await api.get("getChats")} == {"user", "group"}


# Receiving


async def test_notifications_come_until_deleted(api: Api) -> None:
    """First in, first out; the same again until it is deleted."""
    api.link()
    await api.set_at_once(incomingWebhook="yes")
    for text in ("first", "second"):
        await api.phone("POST", "/messages", {"instance": "1101000001", "from": ADA, "text": text})
    notification = await api.get("receiveNotification")
    assert await api.get("receiveNotification") == notification
    body = notification["body"]
    assert body["typeWebhook"] == "incomingMessageReceived"
    assert body["instanceData"] == {
        "idInstance": 1101000001,
        "wid": "12025550100@c.us",
        "typeInstance": "whatsapp",
    }
    assert body["senderData"] == {
        "chatId": ADA_CHAT,
        "sender": ADA_CHAT,
        "chatName": "Ada",
        "senderName": "Ada",
        "senderContactName": "Ada Neighbour",
    }
    assert body["messageData"] == {
        "typeMessage": "textMessage",
        "textMessageData": {"textMessage": "first"},
    }
    tail = f"/{notification['receiptId']}"
    deleted = await api.call("DELETE", "deleteNotification", tail)
    assert deleted.json == {"result": True, "reason": ""}
    again = await api.call("DELETE", "deleteNotification", tail)
    assert (again.status, again.json["result"]) == (200, False)
    data = (await api.get("receiveNotification"))["body"]["messageData"]
    assert data["textMessageData"]["textMessage"] == "second"
    wrong = await api.call("DELETE", "deleteNotification", "/x")
    assert wrong.json["message"] == "Parameter receiptId must be a Number!"


async def test_long_poll_waits(api: Api) -> None:
    """`null` after the time-out, at once when something comes."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    answer = await api.call("GET", "receiveNotification")
    assert answer.body == b"null"
    assert loop.time() - start >= 4.9 * SCALE

    api.link()
    await api.set_at_once(incomingWebhook="yes")
    poll = asyncio.create_task(api.get("receiveNotification", params={"receiveTimeout": "60"}))
    async with asyncio.timeout(20):
        while await _logged(api, "/requests") == await _logged(api, "/requests?answered"):
            await asyncio.sleep(0)
    api.emulator.phone.write(api.instance.id, ADA, "Hi")
    assert (await asyncio.wait_for(poll, 0.5))["receiptId"]
    assert await _logged(api, "/requests") == await _logged(api, "/requests?answered")

    answer = await api.call("GET", "receiveNotification", params={"receiveTimeout": "61"})
    assert answer.status == 400


async def _logged(api: Api, path: str) -> int:
    """Return how often notifications were asked for, or were answered."""
    counts = (await api.phone("GET", path)).json
    return int(counts["green_api"]["receiveNotification"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"text": "See https://example.com"}, "extendedTextMessage"),
        ({"text": "Yes", "quoted_id": "ABC"}, "quotedMessage"),
        ({"media": {"kind": "image", "caption": "Door"}}, "imageMessage"),
        ({"media": {"kind": "voice"}}, "audioMessage"),
        ({"media": {"kind": "sticker"}}, "stickerMessage"),
        ({"location": {"latitude": 57.4, "longitude": 56.9}}, "locationMessage"),
        ({"contact": {"name": "Chen", "number": "+13035550144"}}, "contactMessage"),
        ({"reaction": {"message_id": "ABC", "emoji": "👍"}}, "reactionMessage"),
        ({"poll": {"name": "Tea?", "options": ["yes", "no"]}}, "pollMessage"),
        ({"poll_vote": {"message_id": "ABC", "options": ["yes"]}}, "pollUpdateMessage"),
        ({"edited": {"message_id": "ABC", "text": "No"}}, "editedMessage"),
        ({"deleted": {"message_id": "ABC"}}, "deletedMessage"),
        ({"call": {"status": "missed"}}, "incomingCall"),
    ],
)
async def test_kinds_of_messages(api: Api, content: Any, expected: str) -> None:
    """Each has its shape, and its setting."""
    api.link()
    body = {"instance": "1101000001", "from": ADA, "chat": "120363000000000142@g.us"}
    await api.phone("POST", "/messages", body | content)
    assert await api.get("receiveNotification") is None
    names = ("incoming", "pollMessage", "incomingCall", "edited", "deleted")
    settings = [f"{name}{'Message' if name in ('edited', 'deleted') else ''}Webhook" for name in names]
    await api.set_at_once(**dict.fromkeys(settings, "yes"))
    api.emulator.someone_writes(body | content)
    got = (await api.get("receiveNotification"))["body"]
    if expected == "incomingCall":
        assert (got["typeWebhook"], got["from"], got["status"]) == (
            "incomingCall",
            ADA_CHAT,
            "missed",
        )
        return
    assert got["senderData"]["chatId"] == "120363000000000142@g.us"
    assert got["senderData"]["chatName"] == "Family"
    assert got["senderData"]["sender"] == ADA_CHAT
    assert got["messageData"]["typeMessage"] == expected
    if file := got["messageData"].get("fileMessageData"):
        download = await api.once("GET", file["downloadUrl"])
        assert download.status == 200
        assert download.headers["Content-Type"] == file["mimeType"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": ""},
        {"text": "a", "call": {}},
        {"media": {"kind": "smell"}},
        {"media": {"data": "%"}},
        {"location": {"latitude": "north"}},
        {"poll_vote": {"message_id": "ABC", "options": "yes"}},
    ],
)
async def test_bad_messages_are_refused(api: Api, content: Any) -> None:
    """The answer says what is wrong."""
    body = {"instance": "1101000001", "from": ADA}
    answer = await api.phone("POST", "/messages", body | content)
    assert answer.status == 400
    assert answer.json["error"]


async def test_webhook(api: Api) -> None:
    """Posted with the token, again after a refusal, and never to the queue."""
    got: list[tuple[str | None, Any]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.headers.get("Authorization"), await request.json()))
        return web.Response(status=503 if len(got) == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.link()
    await api.set_at_once(
        webhookUrl=f"http://127.0.0.1:{runner.addresses[0][1]}/hook",
        webhookUrlToken="secret",
        incomingWebhook="yes",
    )
    api.emulator.clock.scale = 0.001
    for text in ("first", "second"):
        api.emulator.phone.write(api.instance.id, ADA, text)
    async with asyncio.timeout(20):
        while len(got) < 3:
            await asyncio.sleep(0.01)
    texts = [body["messageData"]["textMessageData"]["textMessage"] for _token, body in got]
    assert texts == ["first", "first", "second"]
    assert {token for token, _body in got} == {"Bearer secret"}
    answer = await api.call("GET", "receiveNotification")
    assert answer.status == 400
    assert "custom webhook url is set" in answer.json["message"]
    await runner.cleanup()


async def test_state_changes_are_notified(api: Api) -> None:
    """With an empty wid once the link is lost."""
    api.link()
    await api.set_at_once(stateWebhook="yes")
    await api.phone("POST", "/unlink", {"instance": "1101000001"})
    bodies = []
    while (notification := await api.get("receiveNotification")) is not None:
        bodies.append(notification["body"])
        await api.call("DELETE", "deleteNotification", f"/{notification['receiptId']}")
    assert [body["stateInstance"] for body in bodies] == ["authorized", "notAuthorized"]
    assert bodies[-1]["instanceData"]["wid"] == ""


# Faults

STATUS_OF_FAULT = {
    "401": 401,
    "403_html": 403,
    "404": 404,
    "409": 409,
    "422": 422,
    "429": 429,
    "429_retry_after": 429,
    "500_html": 500,
    "502_html": 502,
    "malformed_json": 200,
    "wrong_json_type": 200,
    "200_with_error": 200,
    "redirect": 302,
    "wrong_content_type": 200,
    "empty_401": 401,
    "empty_200": 200,
}


@pytest.mark.parametrize(("fault", "status"), STATUS_OF_FAULT.items())
async def test_faults_with_an_answer(api: Api, fault: str, status: int) -> None:
    """The next answer is broken, the one after it is not."""
    body = {"gateway": "green-api", "fault": fault, "retry_after": 7}
    assert (await api.phone("POST", "/faults", body)).status == 200
    broken = await api.once("GET", api.url("getStateInstance"))
    assert broken.status == status
    is_html = broken.headers.get("Content-Type", "").startswith("text/html")
    assert is_html is (fault.endswith("html") or fault == "wrong_content_type")
    if fault.startswith("empty"):
        assert broken.body == b""
    if fault == "429_retry_after":
        assert broken.headers["Retry-After"] == "7"
    if fault == "redirect":
        assert broken.headers["Location"] == "http://127.0.0.1:9/"
    if fault == "malformed_json":
        with pytest.raises(ValueError, match="Expecting value"):
            _ = broken.json
    assert await api.get("getStateInstance") == {"stateInstance": "notAuthorized"}


@pytest.mark.parametrize("fault", ["refused_connection", "truncated_body"])
async def test_faults_that_break_the_connection(api: Api, fault: str) -> None:
    """The client gets half an answer, or none."""
    # By itself, aiohttp's client repeats anything but a POST if there was no answer.
    api.emulator.faults.add("green_api", fault)
    with pytest.raises(aiohttp.ClientError):
        await api.once("POST", api.url("sendMessage"))
    assert await api.get("getStateInstance")


@pytest.mark.parametrize("fault", ["timeout", "endless_body", "slow_drip"])
async def test_faults_without_an_end(api: Api, fault: str) -> None:
    """They end with the client, or with the emulator."""
    api.emulator.faults.add("green_api", fault, 2)
    with pytest.raises(TimeoutError):
        await api.once(
            "GET",
            api.url("getStateInstance"),
            timeout=aiohttp.ClientTimeout(total=0.1),
        )
    staying = asyncio.create_task(api.once("GET", api.url("getStateInstance")))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(2):
        await api.emulator.stop()
    with pytest.raises(aiohttp.ClientError):
        await staying


async def test_picture_fault(api: Api) -> None:
    """The picture is none, everything around it is as ever."""
    api.emulator.faults.add("green_api", "not_a_png")
    assert await api.get("getStateInstance")
    answer = await api.get("qr")
    assert answer["type"] == "qrCode"
    assert not base64.b64decode(answer["message"]).startswith(PNG_MAGIC)
    answer = await api.get("qr")
    assert base64.b64decode(answer["message"]).startswith(PNG_MAGIC)


async def test_fault_of_one_method(api: Api) -> None:
    """Other methods are not hit, and it can be taken back."""
    body = {"gateway": "green_api", "fault": "502_html", "count": 2, "method": "qr"}
    await api.phone("POST", "/faults", body)
    assert (await api.once("GET", api.url("getStateInstance"))).status == 200
    assert (await api.once("GET", api.url("qr"))).status == 502
    [pending] = (await api.phone("GET", "/faults")).json
    assert (pending["fault"], pending["count"]) == ("502_html", 1)
    await api.phone("DELETE", "/faults")
    assert (await api.once("GET", api.url("qr"))).status == 200


async def test_fault_after_acting(api: Api) -> None:
    """The client cannot know that the message was sent."""
    api.link()
    api.emulator.faults.add("green_api", "502_html", acted_on=True)
    body = {"chatId": ADA_CHAT, "message": "Hello"}
    assert (await api.once("POST", api.url("sendMessage"), json=body)).status == 502
    await api.arrived(1)


async def test_fault_at_the_websocket(api: Api) -> None:
    """The handshake fails."""
    api.emulator.faults.add("green_api", "502_html", method="scanqrcode")
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await api.session.ws_connect(api.url("scanqrcode"))
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            {"gateway": "green_api", "fault": "earthquake"},
            "known are refused_connection",
        ),
        ({"gateway": "nobody", "fault": "timeout"}, "known are green_api"),
        ({"gateway": "green_api", "fault": "timeout", "count": 0}, "at least 1"),
        ({"gateway": "green_api", "fault": "timeout", "count": "2"}, "whole number"),
        (["timeout"], "must be a JSON object"),
    ],
)
async def test_bad_faults_are_refused(api: Api, body: Any, complaint: str) -> None:
    """The answer says what is wrong."""
    answer = await api.phone("POST", "/faults", body)
    assert answer.status == 400
    assert complaint in answer.json["error"]


def test_every_fault_is_tested() -> None:
    """A new fault needs a new test."""
    tested = set(STATUS_OF_FAULT) | {
        "endless_body",
        "not_a_png",
        "refused_connection",
        "slow_drip",
        "timeout",
        "truncated_body",
    }
    assert tested == {name.value for name in FaultName}
