"""What the emulator's Wasend tells to a webhook, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.model import Kind, Message
from tests.emulator.waha_shapes import lid_of
from tests.emulator.wasend import Wasend
from tests.emulator.wasend_instance import WasendInstance
from tests.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("socket_enabled")

SCALE = 0.02
OWN = "+12025550123"
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
NOBODY = "+13035550199"
FAMILY = "120363000000000142@g.us"
MEDIA = ("image", "video", "audio", "voice", "document", "sticker")


class Api:
    """Calls the emulator as a client of Wasend would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about a session that has yet to be created."""
        self.emulator = emulator
        self.session = session
        server = emulator.gateways["wasend"]
        assert isinstance(server, Wasend)
        self.server = server
        [account] = [each for each in emulator.instances if each.gateway == "wasend"]
        self.token = account.credentials()["token"]
        self.id = ""

    @property
    def instance(self) -> WasendInstance:
        """The session."""
        instance = self.emulator.phone.find(self.id)
        assert isinstance(instance, WasendInstance)
        return instance

    async def once(self, verb: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and parsed body."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(verb, self.server.base_url + path, headers=headers, **options) as response:
            return response.status, await response.json()

    async def create(self, hook: Receiver, *, link: bool = True, **options: Any) -> None:
        """Create a session with a webhook, by the API."""
        order = {"sessionName": "home", "phoneNumber": OWN, "enableWebhook": True, "webhookUrl": hook.url}
        status, made = await self.once("POST", "/sessions", json=order)
        assert (status, made["enableWebhook"], made["webhookUrl"]) == (201, True, hook.url)
        self.id = made["uniqueSessionId"]
        for name, value in options.items():
            setattr(self.instance.options, name, value)
        if link:
            self.instance.link(OWN)

    async def send(self, text: str = "Hello", to: str = ADA) -> str:
        """Send a text and return its id."""
        body = {"session": self.id, "to": to, "text": text}
        status, answer = await self.once("POST", "/sendText", json=body)
        assert status == 201, answer
        return str(answer["id"])

    async def messages(self, chat: str) -> list[dict[str, Any]]:
        """Return the messages of a chat."""
        status, answer = await self.once("GET", f"/{self.id}/chats/{chat}/messages", params={"limit": "20"})
        assert status == 200, answer
        return list(answer)

    def write(self, text: str = "Hi", **more: Any) -> Message:
        """Have Ada write to the session."""
        return self.emulator.phone.write(self.id, ADA, text, **more)[0]

    def phone(self, **body: Any) -> Message:
        """Write as by the control route."""
        return self.emulator.someone_writes({"instance": self.id, "from": ADA} | body)


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


# Registering and delivering


async def test_webhook_is_kept(api: Api, hook: Receiver) -> None:
    """It can be read back, and there is no call that changes it."""
    await api.create(hook, link=False)
    _, shown = await api.once("GET", f"/sessions/{api.id}")
    assert (shown["enableWebhook"], shown["webhookUrl"]) == (True, hook.url)
    assert (await api.once("PUT", f"/sessions/{api.id}", json={"webhookUrl": "http://127.0.0.1:9/"}))[0] == 404


async def test_webhook_has_to_be_an_address(api: Api) -> None:
    """In the words of WAHA's framework."""
    order = {"sessionName": "home", "phoneNumber": OWN, "enableWebhook": True, "webhookUrl": "here"}
    status, answer = await api.once("POST", "/sessions", json=order)
    assert (status, answer["message"]) == (400, "webhookUrl must be a URL address")


async def test_webhook_that_is_not_enabled(api: Api, hook: Receiver) -> None:
    """The address alone does nothing."""
    order = {"sessionName": "home", "phoneNumber": OWN, "webhookUrl": hook.url}
    _, made = await api.once("POST", "/sessions", json=order)
    assert (made["enableWebhook"], "webhookUrl" in made) == (False, False)
    api.id = made["uniqueSessionId"]
    api.instance.link(OWN)
    api.write()
    assert await hook.rest() == []


async def test_webhook_of_the_dashboard(api: Api, hook: Receiver) -> None:
    """A session that was not made by the API has its webhook from the beginning, too."""
    options = {"webhook_url": hook.url, "webhook_events": "message"}
    api.id = api.server.create_instance(token=api.token, options=options).id
    api.instance.link(OWN)
    api.write()
    assert [event["event"] for event in await hook.rest()] == ["message"]
    _, shown = await api.once("GET", f"/sessions/{api.id}")
    assert shown["webhookUrl"] == hook.url


async def test_envelope(api: Api, hook: Receiver) -> None:
    """It is WAHA's; nothing is signed."""
    await api.create(hook, webhook_events="message")
    api.write()
    delivered = await hook.next()
    event = delivered.json
    assert set(event) == {"id", "timestamp", "event", "session", "metadata", "me", "payload", "engine"}
    assert event["id"].startswith("evt_01")
    assert (event["session"], event["engine"]) == (api.id, "GOWS")
    assert set(event["metadata"]) == {"userId", "userEmail"}
    assert event["me"] == {"id": "12025550123@c.us", "lid": lid_of(OWN), "pushName": "Casey"}
    assert "X-Webhook-Hmac" not in delivered.headers
    assert delivered.headers["Content-Type"] == "application/json"


async def test_order_and_retries(api: Api, hook: Receiver) -> None:
    """One after the other; what was refused comes once more, with the same id."""
    await api.create(hook, webhook_events="message")
    for number in range(5):
        api.write(str(number))
    assert [(await hook.payload("message"))["body"] for _ in range(5)] == list("01234")
    hook.refusals = [500]
    api.write("again")
    first, second = [await hook.event() for _ in range(2)]
    assert first == second


# Events


async def test_session_and_codes(api: Api, hook: Receiver) -> None:
    """In the engine's words, and again with every new code."""
    await api.create(hook, link=False)
    await api.once("POST", f"/sessions/{api.id}/start")
    assert [(await hook.payload("session.status"))["status"] for _ in range(3)] == [
        *("STARTING", "SCAN_QR_CODE", "SCAN_QR_CODE"),
    ]
    api.instance.link(OWN)
    payload = await hook.payload("session.status")
    while payload["status"] == "SCAN_QR_CODE":
        payload = await hook.payload("session.status")
    assert [each["status"] for each in payload["statuses"]] == ["STARTING", "SCAN_QR_CODE", "WORKING"]
    api.emulator.phone.unlink(api.id)
    lost = await hook.event()
    assert (lost["payload"]["status"], lost["me"]) == ("FAILED", None)


async def test_sent_and_acknowledged(api: Api, hook: Receiver) -> None:
    """One's own message, then how far it gets."""
    await api.create(hook, webhook_events="message.*")
    sent = await api.send()
    own = await hook.event()
    assert (own["event"], own["payload"]["id"], own["payload"]["source"]) == ("message.any", sent, "api")
    assert [(await hook.payload("message.ack"))["ack"] for _ in range(2)] == [1, 2]
    api.emulator.phone.read(sent)
    assert (await hook.payload("message.ack"))["ackName"] == "READ"
    await api.send(to=FAMILY)
    assert await hook.names(3) == ["message.any", "message.ack", "message.ack.group"]
    await api.send(to=NOBODY)
    assert [event["payload"]["ack"] for event in await hook.rest()] == [0, 1]


async def test_failed(api: Api, hook: Receiver) -> None:
    """WhatsApp does not take what Wasend took."""
    await api.create(hook, webhook_events="message.ack", acks_fail=True)
    sent = await api.send()
    payload = await hook.payload("message.ack")
    assert (payload["id"], payload["ackName"]) == (sent, "ERROR")
    assert (await api.once("GET", f"/messages/{sent}"))[1]["status"] == "failed"
    assert (await api.messages(ADA_CHAT))[0]["ack"] == -1


async def test_typed_on_the_phone(api: Api, hook: Receiver) -> None:
    """One's own, but not from here."""
    await api.create(hook, webhook_events="message,message.any,message.ack")
    written = api.phone(own=True, chat=ADA_CHAT, text="By hand")
    own = await hook.event()
    assert (own["event"], own["payload"]["id"]) == ("message.any", f"true_{ADA_CHAT}_{written.id}")
    assert (own["payload"]["source"], own["payload"]["fromMe"]) == ("app", True)
    api.emulator.phone.read(written.id)
    while (await hook.payload("message.ack"))["ackName"] != "READ":
        pass
    assert [(each["id"], each["ack"]) for each in await api.messages(ADA_CHAT)] == [(own["payload"]["id"], 3)]
    api.instance.stop()
    assert not api.emulator.phone.write_own(api.id, ADA_CHAT, "Again")[1]


@pytest.mark.parametrize("kind", MEDIA)
async def test_media(api: Api, hook: Receiver, kind: str) -> None:
    """By the same address as in lists, byte for byte."""
    await api.create(hook, webhook_events="message")
    content = bytes(range(256))
    api.phone(media={"kind": kind, "caption": "Look", "data": base64.b64encode(content).decode()}, chat=FAMILY)
    payload = await hook.payload("message")
    assert (payload["hasMedia"], payload["body"], payload["participant"]) == (True, "Look", ADA_CHAT)
    async with api.session.get(payload["media"]["url"]) as response:
        assert await response.read() == content
    [listed] = await api.messages(FAMILY)
    assert (listed["id"], listed["mediaUrl"]) == (payload["id"], payload["media"]["url"])


async def test_other_kinds(api: Api, hook: Receiver) -> None:
    """Everything that somebody can write."""
    await api.create(hook)
    await hook.event("session.status")
    first = api.write("First")
    assert await hook.names(2) == ["message", "message.any"]
    full = f"false_{ADA_CHAT}_{first.id}"
    api.phone(text="Second", quoted_id=first.id)
    assert (await hook.payload("message"))["replyTo"]["body"] == "First"
    api.phone(location={"latitude": 39.75, "longitude": -105, "name": "Yard"})
    assert (await hook.payload("message"))["location"]["latitude"] == "39.75"
    api.phone(contact={"name": "Chen", "number": "+13035550144"})
    assert "waid=13035550144:" in (await hook.payload("message"))["vCards"][0]
    api.phone(poll={"name": "Tea?", "options": ["Yes", "No"]})
    assert "pollCreationMessageV3" in (await hook.payload("message"))["_data"]["Message"]
    api.phone(reaction={"message_id": first.id, "emoji": "👍"})
    assert (await hook.payload("message.reaction"))["reaction"] == {"text": "👍", "messageId": full}
    api.phone(edited={"message_id": full, "text": "New"})
    assert (await hook.payload("message.edited"))["editedMessageId"] == first.id
    api.phone(deleted={"message_id": full})
    assert (await hook.payload("message.revoked"))["revokedMessageId"] == first.id
    api.phone(poll_vote={"message_id": full, "options": ["Yes"]})
    assert (await hook.payload("poll.vote"))["vote"]["selectedOptions"] == ["Yes"]
    api.phone(call={})
    assert (await hook.payload("call.received"))["from"] == ADA_CHAT
    body = {"session": api.id, "messageId": full, "reaction": "👍"}
    assert (await api.once("PUT", "/reaction", json=body))[0] == 200
    assert (await hook.payload("message.reaction"))["fromMe"] is True


async def test_hidden_numbers(api: Api, hook: Receiver) -> None:
    """The engine has the number, WAHA's own fields do not."""
    await api.create(hook, webhook_events="message,call.received,message.ack.group", lids=True)
    lid = lid_of(ADA)
    written = api.write()
    payload = await hook.payload("message")
    assert (payload["id"], payload["from"]) == (f"false_{lid}_{written.id}", lid)
    assert payload["_data"]["Info"]["SenderAlt"] == "13035550142@s.whatsapp.net"
    api.write(chat_id=FAMILY)
    assert (await hook.payload("message"))["participant"] == lid
    api.write(kind=Kind.CALL, details={"status": "offer"})
    assert (await hook.payload("call.received"))["from"] == lid
    await api.send("Answer")
    for chat in (lid, ADA_CHAT):
        assert [each["body"] for each in await api.messages(chat)] == ["Answer", "Hi"]
    _, chats = await api.once("GET", f"/{api.id}/chats")
    assert lid not in [chat["id"] for chat in chats]
    api.emulator.phone.write(api.id, "+12025550188", "Who is it?")
    _, chats = await api.once("GET", f"/{api.id}/chats")
    assert lid_of("+12025550188") in [chat["id"] for chat in chats]
    await api.send(to=FAMILY)
    assert (await hook.payload("message.ack.group"))["participant"] == lid
