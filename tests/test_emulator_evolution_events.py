"""What the emulated Evolution API tells its webhook of, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web
import pytest

from tests.emulator import evolution_post, evolution_webhooks
from tests.emulator.evolution_events import NAMES
from tests.emulator.evolution_instance import EvolutionInstance
from tests.emulator.evolution_jids import lid_of
from tests.emulator.model import Kind
from tests.test_emulator_evolution import ADA, ADA_JID, FAMILY, SCALE, text_in
from tests.test_emulator_evolution_sending import ADA_CHAT, PNG, Sender, encoded, linked_sender

pytestmark = pytest.mark.usefixtures("socket_enabled")

MESSAGES = ["MESSAGES_UPSERT", "MESSAGES_EDITED", "MESSAGES_UPDATE", "MESSAGES_DELETE", "CALL"]
STATES = ["CONNECTION_UPDATE", "STATUS_INSTANCE", "LOGOUT_INSTANCE", "REMOVE_INSTANCE"]
CHENS_JID = "13035550144@s.whatsapp.net"
ADAS_LID = lid_of(f"+{ADA}")


@dataclass
class Delivery:
    """A request that came to the receiver."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def name(self) -> str:
        """The name of the event."""
        return str(self.json["event"])

    @property
    def data(self) -> Any:
        """The data of the event."""
        return self.json["data"]


class Receiver:
    """A server that takes events, or refuses them."""

    def __init__(self) -> None:
        """Begin by taking everything."""
        self.url = ""
        self.deliveries: list[Delivery] = []
        # What the next deliveries are answered with; None hangs up.
        self.statuses: list[int | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Note what came."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.deliveries.append(Delivery(request.path, headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 200
        if status is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200)

    @property
    def names(self) -> list[str]:
        """The names of all events that came."""
        return [delivery.name for delivery in self.deliveries]

    def all(self, *names: str) -> list[Any]:
        """Return the data of the events with one of these names."""
        return [delivery.data for delivery in self.deliveries if delivery.name in names]

    async def have(self, count: int) -> list[Delivery]:
        """Wait until so many came, and a moment longer for more that should not."""
        async with asyncio.timeout(10):
            while len(self.deliveries) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.03)
        assert len(self.deliveries) == count, self.names
        return self.deliveries

    async def data(self) -> Any:
        """Wait for one event and return its data; it is forgotten then."""
        [delivery] = await self.have(1)
        self.deliveries.clear()
        return delivery.data


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


class Listener(Sender):
    """A client with a linked phone and a receiver for events."""

    receiver: Receiver

    async def listen(self, *events: str, **more: Any) -> Any:
        """Register the receiver."""
        hook = {"enabled": True, "url": self.receiver.url, "events": list(events), **more}
        return await self.post("/webhook/set/home", {"webhook": hook}, 201)

    async def writes(self, **content: Any) -> Any:
        """Have Ada write something, and return the only event that comes of it."""
        self.emulator.someone_writes({"instance": "home", "from": f"+{ADA}", **content})
        return await self.receiver.data()

    def types(self, **content: Any) -> str:
        """Have the owner write to Ada on the phone, and return the message's id."""
        return self.emulator.someone_writes({"instance": "home", "own": True, "chat": ADA_CHAT, **content}).id


@asynccontextmanager
async def listener(time_scale: float = SCALE) -> AsyncGenerator[Listener]:
    """Run a fast emulator with a linked phone, and a receiver."""
    async with receiving() as receiver, linked_sender(time_scale) as sender:
        client = Listener(sender.emulator, sender.session)
        client.receiver = receiver
        yield client


@pytest.fixture
async def api() -> AsyncGenerator[Listener]:
    """A client with a receiver."""
    async with listener() as client:
        yield client


# Registering


async def test_webhook_is_kept(api: Listener) -> None:
    """There is none at first, then one, then another in its place."""
    assert await api.get("/webhook/find/home") is None
    headers = {"Authorization": "Bearer secret"}
    row = await api.listen("MESSAGES_UPSERT", headers=headers, byEvents=True, base64=True)
    assert row == {
        "id": row["id"],
        "url": api.receiver.url,
        "headers": headers,
        "enabled": True,
        "events": ["MESSAGES_UPSERT"],
        "webhookByEvents": True,
        "webhookBase64": True,
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
        "instanceId": api.instance.row,
    }
    assert await api.get("/webhook/find/home") == row
    # What is not given stays; no events at all are all.
    hook = {"enabled": True, "url": "http://127.0.0.1:9/other", "events": []}
    again = await api.post("/webhook/set/home", {"webhook": hook}, 201)
    assert (again["id"], again["url"], again["headers"]) == (row["id"], hook["url"], headers)
    assert (again["webhookByEvents"], again["webhookBase64"]) == (True, True)
    assert again["events"] == list(NAMES)


async def test_webhook_is_switched_off(api: Listener) -> None:
    """The address stays, the events do not."""
    await api.listen("MESSAGES_UPSERT")
    hook = {"enabled": False, "url": api.receiver.url}
    row = await api.post("/webhook/set/home", {"webhook": hook}, 201)
    assert (row["enabled"], row["url"], row["events"]) == (False, api.receiver.url, [])
    api.someone_writes()
    await api.receiver.have(0)


@pytest.mark.parametrize(
    ("body", "failures"),
    [
        ({}, ['instance requires property "webhook"']),
        ({"webhook": "a"}, ["webhook is not of a type(s) object"]),
        ({"webhook": {}}, [f'webhook requires property "{name}"' for name in ("enabled", "url")]),
        ({"webhook": {"enabled": False, "url": ""}}, ['The "url" cannot be empty']),
        ({"webhook": {"enabled": "yes", "url": 5}}, [f"webhook.{name}" for name in ("enabled", "url")]),
        ({"webhook": {"enabled": True, "url": "a", "headers": []}}, ["webhook.headers is not of a type(s) object"]),
        (
            {"webhook": {"enabled": True, "url": "a", "events": ["messages.upsert"]}},
            [f"webhook.events[0] is not one of enum values: {','.join(NAMES)}"],
        ),
    ],
)
async def test_refused_webhooks(api: Listener, body: Any, failures: list[str]) -> None:
    """The schema knows what there has to be."""
    status, [messages] = await api.refusal("POST", "/webhook/set/home", json=body)
    assert status == 400
    assert all(message.startswith(failure) for message, failure in zip(messages, failures, strict=True))
    assert await api.get("/webhook/find/home") is None


async def test_webhook_without_events(api: Listener) -> None:
    """Nobody thought of it: neither here nor when an instance is made."""
    no_length = "Cannot read properties of undefined (reading 'length')"
    hook = {"enabled": True, "url": api.receiver.url}
    assert await api.refusal("POST", "/webhook/set/home", json={"webhook": hook}) == (500, no_length)
    body = {"instanceName": "new", "integration": "WHATSAPP-BAILEYS", "webhook": hook}
    assert await api.refusal("POST", "/instance/create", json=body) == (400, [no_length])
    assert await api.refusal("GET", "/webhook/find/new") == (404, ['The "new" instance does not exist'])


async def test_who_may_see_the_webhook(api: Listener) -> None:
    """The server's key and the instance's do."""
    await api.listen("CALL")
    status, row = await api.once("GET", "/webhook/find/home", key=api.instance.token)
    assert (status, row["events"]) == (200, ["CALL"])
    assert await api.refusal("GET", "/webhook/find/home", key="wrong") == (401, "Unauthorized")


async def test_webhook_of_a_new_instance(api: Listener) -> None:
    """It is told of the first state and code, before the answer is there; it is always on."""
    hook = {"enabled": False, "url": api.receiver.url, "events": ["CONNECTION_UPDATE", "QRCODE_UPDATED"]}
    body = {"instanceName": "new", "integration": "WHATSAPP-BAILEYS", "qrcode": True, "webhook": hook}
    answer = await api.post("/instance/create", body, 201)
    connecting, code = await api.receiver.have(2)
    assert connecting.data == {"instance": "new", "state": "connecting", "statusReason": 200}
    assert "sender" not in connecting.json
    shown = answer["qrcode"] | {"instance": "new"}
    del shown["count"]
    assert (code.name, code.data) == ("qrcode.updated", {"qrcode": shown})
    assert (await api.get("/webhook/find/new"))["enabled"] is True
    answer = await api.post("/instance/create", body | {"instanceName": "other", "qrcode": False, "webhook": hook}, 201)
    assert answer["webhook"]["webhookUrl"] == api.receiver.url


# Delivery


async def test_envelope(api: Listener) -> None:
    """It names server, instance and account, and gives away the instance's key."""
    headers = {"X-Home": "yes", "Authorization": "Bearer secret"}
    await api.listen("MESSAGES_UPSERT", headers=headers)
    message_id = api.someone_writes("Héllo 👋")
    [delivery] = await api.receiver.have(1)
    assert delivery.path == "/hook"
    assert {name: delivery.headers[name] for name in ("x-home", "authorization", "content-type")} == {
        "x-home": "yes",
        "authorization": "Bearer secret",
        "content-type": "application/json",
    }
    envelope = delivery.json
    assert envelope.pop("date_time").endswith("Z")
    assert envelope.pop("data")["key"]["id"] == message_id
    assert envelope == {
        "event": "messages.upsert",
        "instance": "home",
        "destination": api.receiver.url,
        "sender": api.instance.owner_jid,
        "server_url": f"{api.emulator.url}/evolution",
        "apikey": api.instance.token,
    }
    assert "Héllo 👋".encode() in delivery.body
    api.instance.options.expose = False
    api.someone_writes()
    assert (await api.receiver.have(2))[1].json["apikey"] is None


async def test_an_address_for_each_event(api: Listener) -> None:
    """The event's name is appended, the destination stays."""
    await api.listen("SEND_MESSAGE", "MESSAGES_UPDATE", byEvents=True)
    await api.send()
    deliveries = await api.receiver.have(3)
    assert [delivery.path for delivery in deliveries] == ["/hook/send-message"] + ["/hook/messages-update"] * 2
    assert deliveries[0].json["destination"] == api.receiver.url


async def test_signed_token(api: Listener) -> None:
    """In place of a secret in the headers, there is a token that it signed."""
    await api.listen("MESSAGES_UPSERT", headers={"jwt_key": "top secret", "X-Home": "yes"})
    api.someone_writes()
    [delivery] = await api.receiver.have(1)
    assert "jwt_key" not in delivery.headers
    assert delivery.headers["x-home"] == "yes"
    scheme, _, token = delivery.headers["authorization"].partition(" ")
    signed, _, signature = token.rpartition(".")
    expected = hmac.digest(b"top secret", signed.encode(), hashlib.sha256)
    assert (scheme, base64.urlsafe_b64decode(f"{signature}=")) == ("Bearer", expected)
    header, claims = (json.loads(base64.urlsafe_b64decode(f"{part}==")) for part in signed.split("."))
    assert header == {"alg": "HS256", "typ": "JWT"}
    now = int(time.time())
    assert claims == {"iat": claims["iat"], "exp": claims["iat"] + 600, "app": "evolution", "action": "webhook"}
    assert abs(claims["iat"] - now) < 5


def test_token_vector() -> None:
    """As another implementation makes it."""
    token = evolution_webhooks.token("secret", 1760000000)
    assert token == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJpYXQiOjE3NjAwMDAwMDAsImV4cCI6MTc2MDAwMDYwMCwiYXBwIjoiZXZvbHV0aW9uIiwiYWN0aW9uIjoid2ViaG9vayJ9."
        "LWB4CYT5paAZIdnVvVkBbiwi2fe3WGQKVZL5_NOMLwg"
    )


async def test_events_come_in_order(api: Listener) -> None:
    """One after the other, however many there are."""
    await api.listen("MESSAGES_UPSERT")
    written = [api.someone_writes(str(number)) for number in range(30)]
    deliveries = await api.receiver.have(30)
    assert [delivery.data["key"]["id"] for delivery in deliveries] == written


@pytest.mark.parametrize("status", [500, 503, 429, 302, None])
async def test_what_is_not_taken_comes_again(api: Listener, status: int | None) -> None:
    """With the same content; those behind it do not wait. A receiver may have got it both times."""
    await api.listen("MESSAGES_UPSERT")
    api.receiver.statuses = [status, 200, status]
    first, second = api.someone_writes("1"), api.someone_writes("2")
    before = api.emulator.clock.now()
    deliveries = await api.receiver.have(4)
    assert [delivery.data["key"]["id"] for delivery in deliveries] == [first, second, first, first]
    # 5 s, then 10, give or take a fifth.
    assert api.emulator.clock.now() - before >= 13
    assert len({delivery.body for delivery in deliveries}) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_is_refused_does_not_come_again(api: Listener, status: int) -> None:
    """These statuses end it."""
    await api.listen("MESSAGES_UPSERT")
    api.receiver.statuses = [status]
    api.someone_writes()
    await api.receiver.have(1)
    await api.emulator.clock.sleep(10)
    await api.receiver.have(1)


def test_how_often_it_is_tried() -> None:
    """Ten times, later and later, but never more than 5 minutes and some."""
    delays = list(evolution_post.delays())
    assert len(delays) == 9
    assert delays[0] >= 5
    for delay, expected in zip(delays, (5, 10, 20, 40, 80, 160, 300, 300, 300), strict=True):
        assert expected * 0.8 <= delay <= expected * 1.2


@pytest.mark.parametrize("url", ["http://192.0.2.1/hook", "ftp://127.0.0.1/hook", "nowhere", ""])
async def test_addresses_that_cannot_be_reached(api: Listener, url: str) -> None:
    """They are kept; nothing is ever heard of it."""
    await api.listen("MESSAGES_UPSERT", url=url)
    assert (await api.get("/webhook/find/home"))["url"] == url
    api.someone_writes()
    await api.receiver.have(0)


# What somebody writes


async def test_text(api: Listener) -> None:
    """One message, not a list of them."""
    await api.listen(*MESSAGES)
    message_id = api.someone_writes("Hello")
    data = await api.receiver.data()
    assert data == {
        "key": {"remoteJid": ADA_JID, "fromMe": False, "id": message_id},
        "pushName": "Ada",
        "message": {"conversation": "Hello"},
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": data["messageTimestamp"],
        "instanceId": api.instance.row,
        "source": "android",
        "status": "DELIVERY_ACK",
    }


async def test_group(api: Listener) -> None:
    """The key says who wrote, unless groups are to be ignored."""
    await api.listen(*MESSAGES)
    data = await api.writes(text="Hello", chat=FAMILY)
    assert data["key"] == {"remoteJid": FAMILY, "fromMe": False, "id": data["key"]["id"], "participant": ADA_JID}
    api.instance.order.settings["groupsIgnore"] = True
    api.someone_writes(chat=FAMILY)
    await api.receiver.have(0)


async def test_reply(api: Listener) -> None:
    """What it answers comes along, if it is known."""
    await api.listen(*MESSAGES)
    sent = (await api.send("Question?"))["key"]
    await api.receiver.have(2)
    api.receiver.deliveries.clear()
    data = await api.writes(text="Answer", quoted_id=sent["id"])
    assert data["contextInfo"] == {
        "stanzaId": sent["id"],
        "participant": api.instance.owner_jid,
        "quotedMessage": {"conversation": "Question?"},
    }
    assert (await api.writes(text="Answer", quoted_id="3EB0"))["contextInfo"] == {"stanzaId": "3EB0"}


@pytest.mark.parametrize(
    ("kind", "name", "more"),
    [
        ("image", "imageMessage", {}),
        ("video", "videoMessage", {}),
        ("audio", "audioMessage", {"ptt": False}),
        ("voice", "audioMessage", {"ptt": True}),
        ("document", "documentMessage", {"fileName": "thing.bin"}),
        ("sticker", "stickerMessage", {}),
    ],
)
async def test_file(api: Listener, kind: str, name: str, more: dict[str, Any]) -> None:
    """It is not in the event, nor behind the address in it; another call has every byte."""
    await api.listen(*MESSAGES)
    media = {"kind": kind, "data": encoded(PNG), "file_name": "thing.bin", "mime_type": "a/b", "caption": "Look"}
    data = await api.writes(media=media)
    assert (data["messageType"], list(data["message"])) == (name, [name])
    content = data["message"][name]
    assert content["url"].startswith("https://mmg.whatsapp.net/")
    assert (content["mimetype"], content["caption"], content["fileLength"]) == ("a/b", "Look", str(len(PNG)))
    assert more.items() <= content.items()
    path = "/chat/getBase64FromMediaMessage/home"
    answer = await api.post(path, {"message": {"key": {"id": data["key"]["id"]}}}, 201)
    assert base64.b64decode(answer.pop("base64")) == PNG
    assert answer == {
        "mediaType": name,
        "fileName": answer["fileName"],
        "caption": "Look",
        "size": {"fileLength": str(len(PNG))},
        "mimetype": "a/b",
        "buffer": None,
    }
    assert (answer["fileName"] == "thing.bin") == (kind == "document")


async def test_file_in_the_event(api: Listener) -> None:
    """If the webhook wants it, or if the server has a storage for files."""
    await api.listen("MESSAGES_UPSERT", "SEND_MESSAGE", base64=True)
    api.instance.options.storage = True
    data = await api.writes(media={"kind": "image", "data": encoded(PNG)})
    assert base64.b64decode(data["message"]["base64"]) == PNG
    async with api.session.get(data["message"]["mediaUrl"]) as response:
        assert await response.read() == PNG
    await api.message("sendMedia", mediatype="image", media=encoded(PNG))
    assert base64.b64decode((await api.receiver.data())["message"]["base64"]) == PNG
    assert set((await api.writes(text="a"))["message"]) == {"conversation"}


async def test_files_that_cannot_be_had(api: Listener) -> None:
    """Every failure is a text."""
    path = "/chat/getBase64FromMediaMessage/home"
    text_id = api.someone_writes()
    lost, _ = api.emulator.phone.write(
        "home", f"+{ADA}", kind=Kind.IMAGE, details={"mime_type": "image/png", "file_name": "a.png"}
    )
    no_media = "The message is not of the media type"
    no_key = "TypeError: Cannot read properties of undefined (reading 'key')"
    for body, message in (
        ({}, no_key),
        ({"message": {}}, "Message not found"),
        ({"message": {"key": {"id": "3EB0"}}}, "Message not found"),
        ({"message": {"key": {"id": text_id}}}, no_media),
        ({"message": {"key": {"id": lost.id}, "message": {"conversation": "a"}}}, no_media),
        ({"message": {"key": {"id": lost.id}}}, "Error: Request failed with status code 404"),
    ):
        assert await api.refusal("POST", path, json=body) == (400, [message])


async def test_sound_can_be_converted(api: Listener) -> None:
    """Its type is another then."""
    written = api.emulator.someone_writes({"instance": "home", "from": f"+{ADA}", "media": {"kind": "voice"}})
    body = {"message": {"key": {"id": written.id}}, "convertToMp4": True}
    answer = await api.post("/chat/getBase64FromMediaMessage/home", body, 201)
    assert (answer["mediaType"], answer["mimetype"]) == ("audioMessage", "audio/mp4")


async def test_location(api: Listener) -> None:
    """Where something is."""
    await api.listen(*MESSAGES)
    data = await api.writes(location={"latitude": 39.5, "longitude": -105, "name": "Home"})
    place = {"degreesLatitude": 39.5, "degreesLongitude": -105, "name": "Home", "address": ""}
    assert (data["messageType"], data["message"]) == ("locationMessage", {"locationMessage": place})


async def test_contact(api: Listener) -> None:
    """Somebody's card."""
    await api.listen(*MESSAGES)
    data = await api.writes(contact={"name": "Bertil", "number": "+13035550143"})
    card = data["message"]["contactMessage"]
    assert (data["messageType"], card["displayName"]) == ("contactMessage", "Bertil")
    assert "waid=13035550143:+13035550143" in card["vcard"]


async def test_reaction(api: Listener) -> None:
    """It is a message about a message."""
    await api.listen(*MESSAGES)
    sent = (await api.send())["key"]
    await api.receiver.have(2)
    api.receiver.deliveries.clear()
    data = await api.writes(reaction={"message_id": sent["id"], "emoji": "👍"})
    assert (data["messageType"], data["message"]) == (
        "reactionMessage",
        {"reactionMessage": {"key": sent, "text": "👍"}},
    )
    data = await api.writes(reaction={"message_id": "3EB0", "emoji": ""}, chat=FAMILY)
    assert data["message"] == {"reactionMessage": {"key": {"remoteJid": FAMILY, "id": "3EB0"}, "text": ""}}


async def test_poll(api: Listener) -> None:
    """Somebody asks, and the account votes on the phone."""
    await api.listen(*MESSAGES)
    data = await api.writes(poll={"name": "Pizza?", "options": ["Yes", "No"]})
    assert data["message"] == {
        "pollCreationMessageV3": {
            "name": "Pizza?",
            "options": [{"optionName": "Yes"}, {"optionName": "No"}],
            "selectableOptionsCount": 1,
        }
    }


async def test_votes(api: Listener) -> None:
    """They are an update of the poll, in later versions a message; without the poll, nothing."""
    await api.listen(*MESSAGES)
    poll = (await api.message("sendPoll", name="Pizza?", selectableCount=1, values=["Yes", "No"]))["key"]
    await api.receiver.have(2)
    api.receiver.deliveries.clear()
    vote = {"poll_vote": {"message_id": poll["id"], "options": ["Yes"]}, "chat": FAMILY}
    data = await api.writes(**vote)
    [row, *_] = await api.post("/chat/findStatusMessage/home", {"where": {"id": poll["id"]}})
    assert data == {
        "keyId": poll["id"],
        "remoteJid": ADA_JID,
        "fromMe": True,
        "status": "DELETED",
        "pollUpdates": [{"name": "Yes", "voters": [ADA_JID]}, {"name": "No", "voters": []}],
        "instanceId": api.instance.row,
        "messageId": row["messageId"],
    }
    api.instance.options.vote_status = "SERVER_ACK"
    assert (await api.writes(**vote))["status"] == "SERVER_ACK"
    api.instance.options.votes_as_messages = True
    later = await api.writes(**vote)
    assert (later["messageType"], later["pollUpdates"]) == ("pollUpdateMessage", data["pollUpdates"])
    assert later["message"]["pollUpdateMessage"] == {
        "pollCreationMessageKey": poll,
        "vote": {"selectedOptions": ["Yes"]},
    }
    api.emulator.someone_writes(
        {"instance": "home", "from": f"+{ADA}", "poll_vote": {"message_id": "3EB0", "options": ["Yes"]}}
    )
    await api.receiver.have(0)


async def test_edit(api: Listener) -> None:
    """Only the change comes, about a text or about what stands under a picture."""
    await api.listen("MESSAGES_EDITED", "MESSAGES_DELETE")
    text_id = api.someone_writes("Helo")
    data = await api.writes(edited={"message_id": text_id, "text": "Hello"})
    assert data == {
        "key": {"remoteJid": ADA_JID, "fromMe": False, "id": text_id},
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": "Hello"},
        "timestampMs": data["timestampMs"],
    }
    picture = api.emulator.someone_writes({"instance": "home", "from": f"+{ADA}", "media": {}})
    data = await api.writes(edited={"message_id": picture.id, "text": "Look"})
    assert data["editedMessage"] == {"imageMessage": {"caption": "Look"}}
    [record, *_] = (await api.post("/chat/findMessages/home", {"where": {"key": {"id": text_id}}}))["messages"][
        "records"
    ]
    assert record["message"] == {"conversation": "Hello"}
    assert record["MessageUpdate"] == [{"status": "DELIVERY_ACK"}, {"status": "EDITED"}]
    api.instance.options.edits_as_sent = True
    data = await api.writes(edited={"message_id": text_id, "text": "Hi"})
    assert data["key"] == {"remoteJid": api.instance.owner_jid, "fromMe": True, "id": text_id}
    data = await api.writes(edited={"message_id": text_id, "text": "Hi"}, chat=FAMILY)
    assert data["key"] == {"remoteJid": FAMILY, "fromMe": True, "id": text_id}


async def test_deletion(api: Listener) -> None:
    """It comes twice: as an edit without a new text, and as what it is."""
    await api.listen(*MESSAGES)
    message_id = api.someone_writes(chat=FAMILY)
    api.emulator.someone_writes(
        {"instance": "home", "from": f"+{ADA}", "chat": FAMILY, "deleted": {"message_id": message_id}}
    )
    _, edit, deletion = await api.receiver.have(3)
    assert (edit.name, deletion.name) == ("messages.edited", "messages.delete")
    key = {"remoteJid": FAMILY, "fromMe": False, "id": message_id}
    assert edit.data == {"key": key, "type": "REVOKE"}
    assert deletion.data == key | {"participant": ADA_JID, "status": "DELETED"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("offer", "offer"),
        ("pickUp", "accept"),
        ("hangUp", "terminate"),
        ("missed", "timeout"),
        ("declined", "reject"),
    ],
)
async def test_call(api: Listener, status: str, expected: str) -> None:
    """Each step of a call is an event."""
    await api.listen(*MESSAGES)
    data = await api.writes(call={"status": status})
    assert data == {
        "chatId": ADA_JID,
        "from": ADA_JID,
        "id": data["id"],
        "date": data["date"],
        "offline": False,
        "status": expected,
        "isVideo": False,
        "isGroup": False,
    }


async def test_contacts_and_chats(api: Listener) -> None:
    """With each message comes what is known of who wrote it, and that there is something in the chat."""
    await api.listen()
    api.someone_writes()
    stranger = "12025550177"
    for _ in range(2):
        api.emulator.someone_writes({"instance": "home", "from": f"+{stranger}", "name": "Eve", "text": "Hi"})
    await api.receiver.have(9)
    assert api.receiver.names == [
        *("messages.upsert", "contacts.update", "chats.update"),
        *("messages.upsert", "contacts.upsert", "chats.update"),
        *("messages.upsert", "contacts.update", "chats.update"),
    ]
    instance_id = api.instance.row
    contact = {"remoteJid": ADA_JID, "pushName": "Ada", "profilePicUrl": None, "instanceId": instance_id}
    assert api.receiver.all("contacts.update")[0] == contact
    chat = {"remoteJid": f"{stranger}@s.whatsapp.net", "instanceId": instance_id}
    assert api.receiver.all("chats.update")[1] == [chat]


# What the account writes


async def test_sent_by_api(api: Listener) -> None:
    """First that it went, then how far it came."""
    await api.listen()
    answer = await api.send("Hello")
    await api.receiver.have(3)
    api.emulator.phone.read(answer["key"]["id"])
    sent, *updates = [(delivery.name, delivery.data) for delivery in await api.receiver.have(4)]
    assert sent == ("send.message", answer)
    assert [(name, data["status"]) for name, data in updates] == [
        ("messages.update", status) for status in ("SERVER_ACK", "DELIVERY_ACK", "READ")
    ]
    rows = await api.post("/chat/findStatusMessage/home", {"where": {"id": answer["key"]["id"]}})
    told = updates[0][1]
    assert told == {name: rows[0][name] for name in told}
    assert (told["keyId"], told["remoteJid"], told["fromMe"]) == (answer["key"]["id"], ADA_JID, True)


async def test_changed_by_api(api: Listener) -> None:
    """An edit and a deletion have events of their own."""
    key = (await api.send("Helo"))["key"]
    await api.listen("SEND_MESSAGE", "SEND_MESSAGE_UPDATE", "MESSAGES_DELETE", "MESSAGES_EDITED")
    await api.post("/chat/updateMessage/home", {"number": ADA, "text": "Hello", "key": key})
    await api.once("DELETE", "/chat/deleteMessageForEveryone/home", json=key)
    edit, deletion = await api.receiver.have(2)
    assert (edit.name, edit.data["editedMessage"]) == ("send.message.update", {"conversation": "Hello"})
    assert edit.data["key"] == key
    assert (deletion.name, deletion.data["key"], deletion.data["status"]) == ("messages.delete", key, "DELETED")
    assert deletion.data["message"] == {"conversation": "Hello"}


async def test_typed_on_the_phone(api: Listener) -> None:
    """It comes like what others write, but is the account's own."""
    await api.listen(*MESSAGES)
    message_id = api.types(text="Hello")
    message, update = await api.receiver.have(2)
    assert (message.name, message.data["status"]) == ("messages.upsert", "SERVER_ACK")
    assert message.data["key"] == {"remoteJid": ADA_JID, "fromMe": True, "id": message_id}
    assert (message.data["message"], message.data["source"]) == ({"conversation": "Hello"}, "android")
    assert update.data["status"] == "DELIVERY_ACK"
    api.emulator.phone.read(message_id)
    assert (await api.receiver.have(3))[2].data["status"] == "READ"
    [record] = (await api.post("/chat/findMessages/home"))["messages"]["records"]
    assert [each["status"] for each in record["MessageUpdate"]] == ["SERVER_ACK", "DELIVERY_ACK", "READ"]
    api.receiver.deliveries.clear()
    api.types(deleted={"message_id": message_id})
    await api.receiver.have(2)
    assert api.receiver.names == ["messages.edited", "messages.delete"]
    assert api.receiver.deliveries[1].data["fromMe"] is True


async def test_typed_without_a_link(api: Listener) -> None:
    """The server hears nothing of it."""
    await api.listen(*MESSAGES)
    api.instance.unlink()
    api.types(text="Hello")
    await api.receiver.have(0)


async def test_restricted_account(api: Listener) -> None:
    """What it sends waits, or fails, if WhatsApp takes it that way."""
    await api.listen("SEND_MESSAGE", "MESSAGES_UPDATE")
    api.instance.limit()
    await api.send("Waits")
    assert (await api.receiver.data())["status"] == "PENDING"
    api.instance.options.refuses_restricted = True
    failed = (await api.send("Fails"))["key"]
    sent, update = await api.receiver.have(2)
    assert (sent.name, update.data["keyId"], update.data["status"]) == ("send.message", failed["id"], "ERROR")
    api.receiver.deliveries.clear()
    api.instance.restore()
    await api.receiver.have(2)
    assert {data["status"] for data in api.receiver.all("messages.update")} == {"SERVER_ACK", "DELIVERY_ACK"}
    assert [message.text for message in api.arrived] == ["Waits"]


# Lids


async def test_lids(api: Listener) -> None:
    """The chat or the participant is a lid, and the number stands beside it."""
    api.instance.options.lids = True
    await api.listen(*MESSAGES)
    data = await api.writes(text="Hello")
    key = data["key"]
    assert key == {
        "remoteJid": ADAS_LID,
        "fromMe": False,
        "id": key["id"],
        "remoteJidAlt": ADA_JID,
        "addressingMode": "lid",
    }
    data = await api.writes(text="Hello", chat=FAMILY)
    assert data["key"] == {
        "remoteJid": FAMILY,
        "fromMe": False,
        "id": data["key"]["id"],
        "participant": ADAS_LID,
        "participantAlt": ADA_JID,
        "addressingMode": "lid",
    }
    call = await api.writes(call={})
    assert (call["chatId"], call["from"]) == (ADAS_LID, ADAS_LID)
    page = await api.post("/chat/findMessages/home", {"where": {"key": {"remoteJid": ADAS_LID}}})
    assert page["messages"]["records"][0]["key"] == key
    group = await api.get("/group/findGroupInfos/home", groupJid=FAMILY)
    assert group["participants"][1] == {"id": ADAS_LID, "phoneNumber": ADA_JID, "admin": None}
    for jid in (ADAS_LID, ADA_JID):
        reaction = {"key": {"id": key["id"], "remoteJid": jid, "fromMe": False}, "reaction": "👍"}
        await api.post("/message/sendReaction/home", reaction, 201)
    assert [message.details for message in api.arrived] == [{"message_id": key["id"]}] * 2


async def test_typed_to_a_lid(api: Listener) -> None:
    """What the account writes itself has the lid of the chat, and no participant."""
    api.instance.options.lids = True
    await api.listen("MESSAGES_UPSERT")
    message_id = api.types(text="Hello")
    lid = {"remoteJid": ADAS_LID, "remoteJidAlt": ADA_JID, "addressingMode": "lid"}
    assert (await api.receiver.data())["key"] == {"fromMe": True, "id": message_id, **lid}
    message_id = api.types(text="Hello", chat=FAMILY)
    assert (await api.receiver.data())["key"] == {"remoteJid": FAMILY, "fromMe": True, "id": message_id}


# The connection


async def test_connection_until_open() -> None:
    """Each code is told of, with its picture, until a phone has scanned one."""
    # Slow enough to scan a code before it is another.
    async with listener(time_scale=0.04) as api:
        api.instance.unlink()
        await api.listen("CONNECTION_UPDATE", "QRCODE_UPDATED", "CONTACTS_UPSERT")
        await api.connect(number=ADA)
        async with asyncio.timeout(10):
            while len(api.receiver.deliveries) < 3:
                await asyncio.sleep(0.005)
        first, second = (data["qrcode"] for data in api.receiver.all("qrcode.updated"))
        assert first["code"] != second["code"] == text_in(second)
        assert (first["instance"], len(first["pairingCode"])) == ("home", 8)
        assert first["pairingCode"] != second["pairingCode"]
        await api.phone("POST", "/scan", {"qr": second["code"]})
        opened = (await api.receiver.have(4))[3].data
    assert opened == {
        "instance": "home",
        "wuid": api.instance.owner_jid,
        "profileName": "Green Street 7",
        "profilePictureUrl": opened["profilePictureUrl"],
        "state": "open",
        "statusReason": 200,
    }


async def test_nobody_scans() -> None:
    """After the last code, the connection is refused; that it is closed then, nobody is told."""
    async with listener() as api:
        made = api.emulator.gateways["evolution"].create_instance(instance_id="new", options={"qr_limit": 2})
        assert isinstance(made, EvolutionInstance)
        hook = {"enabled": True, "url": api.receiver.url, "events": ["CONNECTION_UPDATE", "QRCODE_UPDATED"]}
        await api.post("/webhook/set/new", {"webhook": hook}, 201)
        await api.get("/instance/connect/new")
        await api.until("close", made)
        deliveries = await api.receiver.have(5)
    assert [delivery.name for delivery in deliveries] == [
        "connection.update",
        *["qrcode.updated"] * 3,
        "connection.update",
    ]
    limit = {"message": "QR code limit reached, please login again", "statusCode": 500}
    assert deliveries[3].data == limit
    refused = {"instance": "new", "profilePictureUrl": None, "state": "refused", "statusReason": 428}
    assert deliveries[4].data == refused


@pytest.mark.parametrize(("path", "code"), [("/unlink", 401), ("/ban", 403)])
async def test_connection_is_lost(api: Listener, path: str, code: int) -> None:
    """Three events say so, each in its way."""
    await api.listen(*STATES)
    await api.phone("POST", path, {"instance": "home"})
    status, logout, connection = await api.receiver.have(3)
    row = await api.row()
    assert (status.name, logout.name, connection.name) == ("status.instance", "logout.instance", "connection.update")
    assert status.data == {
        "instance": "home",
        "status": "closed",
        "disconnectionAt": row["disconnectionAt"],
        "disconnectionReasonCode": code,
        "disconnectionObject": row["disconnectionObject"],
    }
    assert logout.data is None
    assert connection.data == {"instance": "home", "state": "close", "statusReason": code}


async def test_restart_and_deletion(api: Listener) -> None:
    """A link survives the first, not the second."""
    await api.listen(*STATES)
    await api.post("/instance/restart/home")
    await api.until("open")
    await api.receiver.have(2)
    assert [data["state"] for data in api.receiver.all("connection.update")] == ["connecting", "open"]
    api.receiver.deliveries.clear()
    assert (await api.once("DELETE", "/instance/delete/home"))[0] == 200
    await api.receiver.have(4)
    assert api.receiver.names == ["status.instance", "logout.instance", "connection.update", "remove.instance"]
    assert api.receiver.deliveries[3].data is None


async def test_address_book_after_the_first_link(api: Listener) -> None:
    """It comes as a list."""
    made = api.emulator.gateways["evolution"].create_instance(instance_id="new")
    hook = {"enabled": True, "url": api.receiver.url, "events": ["CONTACTS_UPSERT"]}
    await api.post("/webhook/set/new", {"webhook": hook}, 201)
    for _ in range(2):
        made.link("+12025550188")
    rows = await api.receiver.data()
    assert {row["remoteJid"]: row["pushName"] for row in rows}[CHENS_JID] == "Chen"
    assert len(rows) == 4


async def test_instances_have_webhooks_of_their_own(api: Listener) -> None:
    """What happens to one is no business of another's."""
    made = api.emulator.gateways["evolution"].create_instance(instance_id="new")
    made.link("+12025550188")
    await api.listen()
    api.emulator.someone_writes({"instance": "new", "from": f"+{ADA}", "text": "Hi"})
    await api.receiver.have(0)
    assert await api.get("/webhook/find/new") is None
