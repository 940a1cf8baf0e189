"""What the emulator's Wawp tells to webhooks, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
import re
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.model import Kind, Message
from tests.emulator.waha_shapes import lid_of
from tests.emulator.wawp_instance import WawpInstance
from tests.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("socket_enabled")

SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
BERTIL = "+13035550143"
FAMILY = "120363000000000142@g.us"
MEDIA = ("image", "video", "audio", "voice", "document", "sticker")


class Api:
    """Calls the emulator as a client of Wawp would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the first instance, whose plan is paid for."""
        self.emulator = emulator
        self.session = session
        self.instance = next(each for each in emulator.instances if isinstance(each, WawpInstance))
        self.instance.options.plan = "paid"

    async def once(self, verb: str, operation: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Return status and parsed body."""
        credentials = {"instance_id": self.instance.id, "access_token": self.instance.token}
        url = f"{self.emulator.url}/wawp/v2/{operation}"
        async with self.session.request(verb, url, params=credentials | query, json=body) as response:
            return response.status, await response.json()

    async def done(self, verb: str, operation: str, body: Any = None, **query: str) -> Any:
        """Return the JSON of a success."""
        status, answer = await self.once(verb, operation, body, **query)
        assert status == 200, answer
        return answer

    async def register(self, hook: Receiver, *events: str, link: bool = True) -> None:
        """Register a webhook for the instance, whose phone is linked."""
        await self.done("POST", "session/webhook", {"webhooks": [{"url": hook.url, "events": events or ["*"]}]})
        if link:
            self.instance.link(self.instance.number)

    async def send(self, text: str = "Hello", chat: str = ADA_CHAT) -> str:
        """Send a text and return its id."""
        answer = await self.done("POST", "send/text", {"chatId": chat, "message": text})
        return str(answer["_data"]["id"]["_serialized"])

    async def messages(self, chat: str) -> list[dict[str, Any]]:
        """Return the messages of a chat, newest first."""
        return list(await self.done("GET", "chats/messages", chatId=chat))

    def write(self, text: str = "Hi", **more: Any) -> Message:
        """Have Ada write to the instance."""
        return self.emulator.phone.write(self.instance.id, ADA, text, **more)[0]

    def phone(self, **body: Any) -> Message:
        """Write as by the control route."""
        return self.emulator.someone_writes({"instance": self.instance.id, "from": ADA} | body)


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
async def hook() -> AsyncGenerator[Receiver]:
    """Somebody who listens."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def api(emulator: Emulator, session: aiohttp.ClientSession) -> Api:
    """A client of the fast emulator."""
    return Api(emulator, session)


# Registering


async def test_list_is_overwritten(api: Api, hook: Receiver) -> None:
    """And kept when the session is logged out."""
    assert (await api.done("GET", "session/webhook"))["webhooks"] == []
    first = {"url": hook.url, "events": ["message"], "is_active": 1}
    second = {"url": f"{hook.url}/other", "events": ["message.any", "session.status"], "is_active": 0}
    answer = await api.done("POST", "session/webhook", {"webhooks": [first, second]})
    assert answer == await api.done("GET", "session/webhook")
    assert (set(answer), answer["webhooks"]) == ({"webhooks", "systemConfig"}, [first, second])
    await api.done("POST", "session/webhook", {"webhooks": [{"url": hook.url, "events": ["message"]}]})
    await api.done("POST", "session/logout")
    assert (await api.done("GET", "session/webhook"))["webhooks"] == [first]
    assert (await api.done("POST", "session/webhook", {"webhooks": []}))["webhooks"] == []


async def test_free_plan(api: Api) -> None:
    """It has no webhooks; a paid one has all policies as well."""
    assert (await api.done("GET", "session/rate-limit"))["has_active_plan"] is True
    assert (await api.once("PATCH", "session/rate-limit", {"policy_slug": "business_policy"}))[0] == 200
    api.instance.options.plan = "free"
    for verb in ("GET", "POST"):
        status, answer = await api.once(verb, "session/webhook")
        assert (status, answer["code"]) == (403, "subscription_required")
    assert (await api.once("PATCH", "session/rate-limit", {"policy_slug": "business_policy"}))[0] == 403


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        ({}, "missing_param", "webhooks"),
        ({"webhooks": {}}, "rest_invalid_param", "webhooks"),
        ({"webhooks": ["x"]}, "rest_invalid_param", "webhooks[0]"),
        ({"webhooks": [{"events": ["message"]}]}, "missing_param", "webhooks[0][url]"),
        ({"webhooks": [{"url": "x", "events": ["message"]}]}, "rest_invalid_param", "webhooks[0][url]"),
        ({"webhooks": [{"url": "http://127.0.0.1:9/"}]}, "missing_param", "webhooks[0][events]"),
        ({"webhooks": [{"url": "http://127.0.0.1:9/", "events": "message"}]}, "rest_invalid_param", "[0][events]"),
        (
            {"webhooks": [{"url": "http://127.0.0.1:9/", "events": ["message"], "is_active": "yes"}]},
            "rest_invalid_param",
            "webhooks[0][is_active]",
        ),
    ],
)
async def test_bad_lists_are_refused(api: Api, body: Any, code: str, name: str) -> None:
    """The refusal names the parameter."""
    status, answer = await api.once("POST", "session/webhook", body)
    assert (status, answer["code"]) == (400, code)
    assert name in answer["message"]


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("plan", "free or paid"),
        ("status_event", "payload or flat"),
        ("events_as", "object or array"),
    ],
)
def test_options_are_checked(emulator: Emulator, option: str, complaint: str) -> None:
    """Words that mean nothing are refused."""
    with pytest.raises(ValueError, match=complaint):
        emulator.gateways["wawp"].create_instance(options={option: "x"})


# Delivering


async def test_envelope(api: Api, hook: Receiver) -> None:
    """Vendor docs, the pages on events; nothing is signed."""
    await api.register(hook, "message")
    api.write("Grüße")
    delivered = await hook.next()
    event = delivered.json
    assert set(event) == {"id", "timestamp", "session", "metadata", "engine", "event", "payload", "me"}
    assert re.fullmatch(r"evt_01[0-9a-z]{24}", event["id"])
    assert (event["session"], event["engine"], event["event"]) == (api.instance.name, "WEBJS", "message")
    assert set(event["metadata"]) == {"user.id", "user.email"}
    assert set(event["me"]) == {"id", "lid", "pushName"}
    assert set(event["payload"]) >= {"id", "timestamp", "from", "fromMe", "source", "to", "participant", "body"}
    assert set(event["payload"]) >= {"hasMedia", "media", "ack", "ackName", "author", "location", "vCards", "_data"}
    assert (event["payload"]["body"], event["payload"]["source"]) == ("Grüße", "app")
    assert delivered.headers["Content-Type"] == "application/json"
    assert "X-Webhook-Hmac" not in delivered.headers


async def test_events_in_an_array(api: Api, hook: Receiver) -> None:
    """The vendor's n8n node takes them like this, too."""
    api.instance.options.events_as = "array"
    await api.register(hook, "message")
    api.write()
    [event] = (await hook.next()).json
    assert event["event"] == "message"


async def test_order_and_subscriptions(api: Api, hook: Receiver) -> None:
    """Only what was wanted, one after the other, and nothing where it is switched off."""
    webhooks = [
        {"url": hook.url, "events": ["message"], "is_active": True},
        {"url": f"{hook.url}/off", "events": ["message"], "is_active": 0},
    ]
    await api.done("POST", "session/webhook", {"webhooks": webhooks})
    api.instance.link(api.instance.number)
    for number in range(5):
        api.write(str(number))
    assert [(event["event"], event["payload"]["body"]) for event in await hook.rest()] == [
        ("message", str(number)) for number in range(5)
    ]


async def test_retries(api: Api, hook: Receiver) -> None:
    """With backoff, and with the same id; 202 will do."""
    await api.register(hook, "message")
    hook.refusals = [500, 400, 202]
    api.write()
    assert len({(await hook.event())["id"] for _ in range(3)}) == 1
    assert await hook.rest() == []


# Events


async def test_session_and_codes(api: Api, hook: Receiver) -> None:
    """Each new status, and each new code."""
    await api.register(hook, "session.status", link=False)
    await api.done("POST", "session/start")
    starting, scan, _ = [await hook.event() for _ in range(3)]
    assert starting["payload"] == {"name": api.instance.name, "status": "STARTING"}
    assert (scan["payload"]["status"], scan["me"]) == ("SCAN_QR_CODE", None)
    api.instance.link(api.instance.number)
    api.emulator.phone.unlink(api.instance.id)
    await api.done("POST", "session/stop")
    told = [event["payload"]["status"] for event in await hook.rest()]
    assert [status for status in told if status != "SCAN_QR_CODE"] == ["WORKING", "FAILED", "STOPPED"]


async def test_codes_after_a_logout(api: Api, hook: Receiver) -> None:
    """The new series is told of, the old one no more."""
    await api.register(hook, "session.status", link=False)
    for _ in range(2):
        await api.done("POST", "session/start")
        assert (await hook.payload("session.status"))["status"] == "STARTING"
        assert (await hook.payload("session.status"))["status"] == "SCAN_QR_CODE"
        await api.done("POST", "session/logout")
        await api.done("POST", "session/stop")
        assert {event["payload"]["status"] for event in await hook.rest()} <= {"SCAN_QR_CODE", "STOPPED"}


async def test_older_status_event(api: Api, hook: Receiver) -> None:
    """Flat, and with the code itself."""
    api.instance.options.status_event = "flat"
    await api.register(hook, "session.status", link=False)
    await api.done("POST", "session/start")
    starting, scan = (await hook.next()).json, (await hook.next()).json
    assert set(starting) == {"instance_id", "status", "ts"}
    assert (scan["instance_id"], scan["status"]) == (api.instance.id, "SCAN_QR_CODE")
    assert base64.b64decode(scan["qr"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


async def test_sent_and_acknowledged(api: Api, hook: Receiver) -> None:
    """One's own message, then how far it gets."""
    await api.register(hook, "message", "message.any", "message.ack")
    sent = await api.send()
    own = await hook.event()
    assert (own["event"], own["payload"]["id"], own["payload"]["source"]) == ("message.any", sent, "api")
    assert await hook.payload("message.ack") == {"id": sent, "ack": 1, "ackName": "SERVER", "chatId": ADA_CHAT}
    assert (await hook.payload("message.ack"))["ackName"] == "DEVICE"
    api.emulator.phone.read(sent)
    assert (await hook.payload("message.ack"))["ackName"] == "READ"
    await api.send(chat=FAMILY)
    assert await hook.names(3) == ["message.any", "message.ack", "message.ack"]


async def test_failed(api: Api, hook: Receiver) -> None:
    """WhatsApp does not take what the API took."""
    api.instance.options.acks_fail = True
    await api.register(hook, "message.ack")
    sent = await api.send()
    assert await hook.payload("message.ack") == {"id": sent, "ack": -1, "ackName": "ERROR", "chatId": ADA_CHAT}
    assert [each["ackName"] for each in await api.messages(ADA_CHAT)] == ["ERROR"]
    assert api.emulator.phone.messages(api.instance.id) == []


async def test_typed_on_the_phone(api: Api, hook: Receiver) -> None:
    """One's own, but not from here."""
    await api.register(hook, "message", "message.any", "message.ack")
    written = api.phone(own=True, chat=ADA_CHAT, text="By hand")
    own = await hook.event()
    assert (own["event"], own["payload"]["id"]) == ("message.any", f"true_{ADA_CHAT}_{written.id}")
    assert (own["payload"]["source"], own["payload"]["fromMe"]) == ("app", True)
    api.emulator.phone.read(written.id)
    while (await hook.payload("message.ack"))["ackName"] != "READ":
        pass
    assert [(each["source"], each["ack"]) for each in await api.messages(ADA_CHAT)] == [("app", 3)]
    api.instance.stop()
    assert not api.emulator.phone.write_own(api.instance.id, ADA_CHAT, "Again")[1]


@pytest.mark.parametrize("kind", MEDIA)
async def test_media(api: Api, hook: Receiver, kind: str) -> None:
    """Where the API is, byte for byte; lists have the same address."""
    await api.register(hook, "message")
    content = bytes(range(256))
    api.phone(media={"kind": kind, "caption": "Look", "data": base64.b64encode(content).decode()}, chat=FAMILY)
    payload = await hook.payload("message")
    assert (payload["hasMedia"], payload["body"]) == (True, "Look")
    assert payload["participant"] == payload["author"] == ADA_CHAT
    assert payload["_data"]["type"] == ("ptt" if kind == "voice" else kind)
    url = payload["media"]["url"]
    assert url.startswith(f"{api.emulator.url}/wawp/api/files/")
    async with api.session.get(url) as response:
        assert (response.status, await response.read()) == (200, content)
        assert response.headers["Content-Type"] == payload["media"]["mimetype"]
    [listed] = await api.messages(FAMILY)
    assert (listed["id"], listed["media"]) == (payload["id"], payload["media"])
    async with api.session.get(f"{url}x") as response:
        assert (response.status, (await response.json())["code"]) == (404, "file_not_found")


async def test_other_kinds(api: Api, hook: Receiver) -> None:
    """Everything that somebody can write."""
    await api.register(hook)
    await hook.event("session.status")
    first = api.write("First", chat_id=FAMILY)
    assert await hook.names(2) == ["message", "message.any"]
    full = f"false_{FAMILY}_{first.id}_{ADA_CHAT}"
    api.phone(text="Second", quoted_id=full, chat=FAMILY)
    reply = (await hook.payload("message"))["replyTo"]
    assert reply == {"id": full, "participant": ADA_CHAT, "body": "First", "_data": {}}
    api.phone(location={"latitude": 39.75, "longitude": -105, "name": "Yard"})
    location = (await hook.payload("message"))["location"]
    assert location == {"description": "Yard", "latitude": "39.75", "longitude": "-105"}
    api.phone(contact={"name": "Chen", "number": "+13035550144"})
    assert "waid=13035550144:" in (await hook.payload("message"))["vCards"][0]
    api.phone(poll={"name": "Tea?", "options": ["Yes", "No"]})
    data = (await hook.payload("message"))["_data"]
    assert [option["name"] for option in data["pollOptions"]] == ["Yes", "No"]
    here = {"chat": FAMILY, "from": BERTIL}
    api.phone(**here, reaction={"message_id": first.id, "emoji": "👍"})
    reaction = await hook.payload("message.reaction")
    assert (reaction["reaction"], reaction["participant"]) == ({"text": "👍", "messageId": full}, "13035550143@c.us")
    api.phone(**here, edited={"message_id": full, "text": "New"})
    edited = await hook.payload("message.edited")
    assert (edited["editedMessageId"], edited["body"]) == (first.id, "New")
    api.phone(**here, deleted={"message_id": full})
    assert (await hook.payload("message.revoked"))["before"]["id"] == full
    api.phone(**here, poll_vote={"message_id": full, "options": ["Yes"]})
    assert (await hook.payload("poll.vote"))["vote"]["selectedOptions"] == ["Yes"]
    for state, name in (("offer", "received"), ("pickUp", "accepted"), ("declined", "rejected")):
        api.phone(call={"status": state})
        assert (await hook.payload(f"call.{name}"))["from"] == ADA_CHAT
    await api.done("PUT", "send/reaction", {"messageId": full, "reaction": "👍"})
    assert (await hook.payload("message.reaction"))["fromMe"] is True


async def test_hidden_numbers(api: Api, hook: Receiver) -> None:
    """The engine WEBJS does not have the number; the list of hidden ids does."""
    api.instance.options.lids = True
    await api.register(hook, "message", "call.received")
    lid = lid_of(ADA)
    written = api.write()
    payload = await hook.payload("message")
    assert (payload["id"], payload["from"]) == (f"false_{lid}_{written.id}", lid)
    assert "13035550142" not in str(payload)
    api.write(chat_id=FAMILY)
    assert (await hook.payload("message"))["author"] == lid
    api.write(kind=Kind.CALL, details={"status": "offer"})
    assert (await hook.payload("call.received"))["from"] == lid
    assert {"lid": lid, "pn": ADA_CHAT} in await api.done("GET", "lids")
    await api.send("Answer")
    for chat in (lid, ADA_CHAT):
        assert [each["body"] for each in await api.messages(chat)] == ["Answer", "Hi"]
    api.emulator.phone.write(api.instance.id, "+12025550188", "Who is it?")
    chats = {chat["id"]: chat for chat in await api.done("GET", "chats")}
    assert lid not in chats
    assert chats[ADA_CHAT]["lastMessage"]["body"] == "Answer"
    assert chats[lid_of("+12025550188")]["lastMessage"]["body"] == "Who is it?"
