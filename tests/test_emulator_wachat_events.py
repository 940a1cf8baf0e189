"""What the emulated Wachat tells its webhooks of, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import hashlib
import hmac
import re
import time
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.evolution_jids import lid_of
from tests.emulator.qr import plain_png
from tests.emulator.wachat_webhooks import signature
from tests.test_emulator_evolution_events import Delivery, Receiver, receiving
from tests.test_emulator_wachat import ADA, ADA_DIGITS, BAD_KEY, FAMILY, NAME, NOT_FOUND, SCALE, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

ADA_JID = f"{ADA_DIGITS}@s.whatsapp.net"
SECRET = "whsec_of_the_tests_abcdef"
PNG = plain_png("tomato")
BAD_URL = "Field url must be a valid HTTPS URL."
EVENTS = (
    "messages.upsert",
    "messages.update",
    "contacts.update",
    "chats.update",
    "qrcode.updated",
    "connection.update",
)


class Listener(Api):
    """A client with a receiver for events."""

    receiver: Receiver

    async def save(self, **body: Any) -> Any:
        """Make or change a webhook."""
        body = {"url": self.receiver.url, "events": ["*"], "secret": SECRET, "instanceName": NAME, **body}
        given = {name: value for name, value in body.items() if value is not None}
        return (await self.post("webhooks", given))["webhook"]

    def writes(self, **content: Any) -> str:
        """Have Ada write something, and return its id."""
        return self.emulator.someone_writes({"instance": NAME, "from": ADA, **content}).id

    async def events(self, count: int) -> list[tuple[str, Any]]:
        """Wait for so many events, and return their names and data; they are forgotten then."""
        deliveries = await self.receiver.have(count)
        found = [(delivery.name, delivery.data) for delivery in deliveries]
        self.receiver.deliveries.clear()
        return found

    async def data(self) -> Any:
        """Wait for one event and return its data."""
        [(_, data)] = await self.events(1)
        return data


@asynccontextmanager
async def listener(time_scale: float = SCALE) -> AsyncGenerator[Listener]:
    """Run a fast emulator and a receiver."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with (
        receiving() as receiver,
        Emulator(time_scale=time_scale, seed="tests") as emulator,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        client = Listener(emulator, session)
        client.receiver = receiver
        yield client


@pytest.fixture
async def api() -> AsyncGenerator[Listener]:
    """A client with a linked instance."""
    async with listener() as client:
        client.link()
        yield client


# Registering


async def test_webhook_is_made(api: Listener) -> None:
    """The secret is shown this once."""
    webhook = await api.save(name="Home", events=["messages.upsert"])
    assert webhook == {
        "id": 1,
        "name": "Home",
        "url": api.receiver.url,
        "events": ["messages.upsert"],
        "enabled": True,
        "secret": SECRET,
        "instance": {
            "id": 1,
            "instanceName": "Living room",
            "displayName": "Living room",
            "apiInstanceName": NAME,
            "internalName": NAME,
        },
        "createdAt": webhook["createdAt"],
        "updatedAt": webhook["updatedAt"],
    }
    listed = await api.get("webhooks")
    assert listed == {"success": True, "count": 1, "webhooks": [webhook | {"secret": "whsec_••••abcdef"}]}


async def test_secrets(api: Listener) -> None:
    """The server makes one where there is none; an own one need not look like it."""
    made = await api.save(secret=None)
    assert re.fullmatch(r"whsec_[0-9a-f]{48}", made["secret"])
    await api.save(secret="something else")
    api.instance.options.new_secret = "masked"
    await api.save(secret="yet another")
    shown = [row["secret"] for row in (await api.get("webhooks"))["webhooks"]]
    assert shown == [f"whsec_••••{made['secret'][-6:]}", "••••g else", "••••nother"]
    assert (await api.save(secret="yet another"))["secret"] == "••••nother"


async def test_webhook_is_changed(api: Listener) -> None:
    """What is left out stays, but the address has to be there again; there is no way to delete one."""
    made = await api.save(name="Home")
    body = {"id": made["id"], "url": "https://home.example/hook", "enabled": False}
    changed = (await api.post("webhooks", body))["webhook"]
    assert (changed["id"], changed["url"], changed["enabled"]) == (1, "https://home.example/hook", False)
    assert (changed["name"], changed["events"], changed["secret"]) == ("Home", ["*"], "whsec_••••abcdef")
    assert changed["instance"]["apiInstanceName"] == NAME
    assert (await api.get("webhooks"))["webhooks"] == [changed]
    assert await api.refusal("webhooks", {"id": 1, "enabled": True}) == (400, "Missing required field: url.")
    assert (await api.once("DELETE", "webhooks")).status == 404


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"url": None}, (400, "Missing required field: url.")),
        ({"url": 5}, (400, "Field url must be a string.")),
        ({"url": "http://home.example/hook"}, (400, BAD_URL)),
        ({"url": "ftp://127.0.0.1/hook"}, (400, BAD_URL)),
        ({"url": "hook"}, (400, BAD_URL)),
        ({"events": "messages.upsert"}, (400, f"Field events must be a list of: *, {', '.join(EVENTS)}.")),
        ({"events": ["send.message"]}, (400, f"Field events must be a list of: *, {', '.join(EVENTS)}.")),
        ({"events": []}, (400, f"Field events must be a list of: *, {', '.join(EVENTS)}.")),
        ({"enabled": "yes"}, (400, "Field enabled must be a boolean.")),
        ({"secret": 5}, (400, "Field secret must be a string.")),
        ({"instanceName": "Living room"}, (404, NOT_FOUND)),
        ({"id": 77}, (404, "Webhook not found for this API key.")),
    ],
)
async def test_refused_webhooks(api: Listener, changes: dict[str, Any], refusal: tuple[int, str]) -> None:
    """Nothing is made or changed then."""
    body = {"url": api.receiver.url, **changes}
    given = {name: value for name, value in body.items() if value is not None}
    assert await api.refusal("webhooks", given) == refusal
    listed = await api.once("GET", "webhooks")
    assert listed.json == {"success": True, "count": 0, "webhooks": []}


async def test_who_sees_which_webhooks(api: Listener) -> None:
    """Each account has its own; those for all instances count for each."""
    second = await api.made()
    for name in (NAME, second.id, None):
        await api.save(instanceName=name)
    assert [row["id"] for row in (await api.once("GET", "webhooks")).json["webhooks"]] == [1, 2, 3]
    assert [row["id"] for row in (await api.get("webhooks"))["webhooks"]] == [1, 3]
    assert (await api.about("webhooks", name="nobody")).refusal == (404, NOT_FOUND)
    stranger = await api.made(token="somebody-else", options={"subscription": "active"})
    headers = {"Authorization": f"Bearer {stranger.account.key}"}
    assert (await api.once("GET", "webhooks", headers=headers)).json["count"] == 0
    body = {"id": 1, "url": api.receiver.url}
    refused = await api.once("POST", "webhooks", headers=headers, json=body)
    assert refused.refusal == (404, "Webhook not found for this API key.")
    assert (await api.once("GET", "webhooks", headers={})).refusal == (401, BAD_KEY)
    second.options.subscription = "expired"
    assert (await api.once("GET", "webhooks")).status == 403


async def test_webhooks_go_with_their_instance(api: Listener) -> None:
    """There is nothing left to tell of."""
    second = await api.made()
    await api.save(instanceName=second.id)
    await api.save(instanceName=None)
    assert (await api.about("instance/delete", "DELETE", second.id)).status == 200
    assert [row["id"] for row in (await api.get("webhooks"))["webhooks"]] == [2]


# Delivery


def is_signed(delivery: Delivery, secret: str = SECRET) -> bool:
    """Check the signature of what came, in its plain form."""
    timestamp = delivery.headers["x-wachat-timestamp"]
    content = f"{timestamp}.".encode() + delivery.body
    return delivery.headers["x-wachat-signature"] == hmac.digest(secret.encode(), content, hashlib.sha256).hex()


async def test_signed_delivery(api: Listener) -> None:
    """Headers say what it is, when it was sent and by whom; the engine's envelope is inside."""
    await api.save(name="Other", events=["connection.update"])
    await api.save(events=["messages.upsert"])
    message_id = api.writes(text="Héllo 👋")
    [delivery] = await api.receiver.have(1)
    headers = delivery.headers
    assert (headers["x-wachat-event"], headers["x-wachat-webhook-id"]) == ("messages.upsert", "2")
    assert abs(int(headers["x-wachat-timestamp"]) - time.time()) < 5
    assert headers["content-type"] == "application/json"
    assert is_signed(delivery)
    envelope = delivery.json
    assert envelope.pop("date_time").endswith("Z")
    data = envelope.pop("data")
    assert envelope == {
        "event": "messages.upsert",
        "instance": NAME,
        "destination": api.receiver.url,
        "sender": f"{api.instance.number.removeprefix('+')}@s.whatsapp.net",
        "server_url": f"{api.emulator.url}/wachat",
        "apikey": None,
    }
    assert data == {
        "key": {"remoteJid": ADA_JID, "fromMe": False, "id": message_id},
        "pushName": "Ada",
        "message": {"conversation": "Héllo 👋"},
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": data["messageTimestamp"],
        "instanceId": data["instanceId"],
        "source": "android",
        "status": "DELIVERY_ACK",
    }


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("hex", "85e71e06bf4f2bf7caf1c04478cd58bb059b251ee199077e2ba6b4e26c5b1108"),
        ("prefixed", "sha256=85e71e06bf4f2bf7caf1c04478cd58bb059b251ee199077e2ba6b4e26c5b1108"),
        ("base64", "heceBr9PK/fK8cBEeM1YuwWbJR7hmQd+K6a04mxbEQg="),
    ],
)
def test_signature_vector(form: str, expected: str) -> None:
    """As another implementation makes it."""
    assert signature("whsec_secret", "1760000000", b'{"event":"messages.upsert"}', form) == expected


async def test_other_signatures(api: Listener) -> None:
    """The documentation leaves room, so a client must live with any."""
    await api.save(events=["messages.upsert"])
    api.instance.options.signs_milliseconds = True
    for form, pattern in (("prefixed", r"sha256=[0-9a-f]{64}"), ("base64", r"[A-Za-z0-9+/]{43}=")):
        api.instance.options.signature = form
        api.writes(text="Hi")
        [delivery] = await api.receiver.have(1)
        assert re.fullmatch(pattern, delivery.headers["x-wachat-signature"])
        assert abs(int(delivery.headers["x-wachat-timestamp"]) / 1000 - time.time()) < 5
        api.receiver.deliveries.clear()


async def test_several_webhooks(api: Listener) -> None:
    """Each gets what it asked for, signed with its own secret."""
    second = await api.made()
    second.link(second.number)
    await api.save(events=["messages.upsert"], secret="one")
    await api.save(events=["messages.upsert"], secret="two", instanceName=None)
    await api.save(events=["messages.upsert"], secret="three", enabled=False)
    api.writes(text="Hi")
    deliveries = await api.receiver.have(2)
    signed = {delivery.headers["x-wachat-webhook-id"]: delivery for delivery in deliveries}
    assert is_signed(signed["1"], "one")
    assert is_signed(signed["2"], "two")
    api.emulator.someone_writes({"instance": second.id, "from": ADA, "text": "Hi"})
    third = (await api.receiver.have(3))[2]
    assert (third.headers["x-wachat-webhook-id"], third.json["instance"]) == ("2", second.id)


async def test_order_and_tries(api: Listener) -> None:
    """What is not taken comes again, with the same content and a new signature; the others do not wait."""
    await api.save(events=["messages.upsert"])
    api.receiver.statuses = [500, 200, 200, None]
    written = [api.writes(text=str(number)) for number in range(3)]
    deliveries = await api.receiver.have(5)
    ids = [delivery.data["key"]["id"] for delivery in deliveries]
    assert ids == [*written, written[0], written[0]]
    assert all(is_signed(delivery) for delivery in deliveries)
    assert deliveries[0].body == deliveries[3].body == deliveries[4].body
    api.receiver.statuses = [403]
    api.writes(text="No")
    await api.receiver.have(6)
    await api.emulator.clock.sleep(10)
    await api.receiver.have(6)


# Messages


async def test_everything(api: Listener) -> None:
    """All events that can be subscribed to: with a message come its contact and its chat."""
    await api.save()
    api.writes(text="Hi", chat=FAMILY)
    events = await api.events(3)
    assert [name for name, _ in events] == ["messages.upsert", "contacts.update", "chats.update"]
    assert events[0][1]["key"]["participant"] == ADA_JID
    assert (events[1][1]["remoteJid"], events[1][1]["pushName"]) == (FAMILY, "Ada")
    assert events[2][1] == [{"remoteJid": FAMILY, "instanceId": events[0][1]["instanceId"]}]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"text": "Hi"}, "conversation"),
        ({"media": {"kind": "image"}}, "imageMessage"),
        ({"media": {"kind": "video"}}, "videoMessage"),
        ({"media": {"kind": "audio"}}, "audioMessage"),
        ({"media": {"kind": "voice"}}, "audioMessage"),
        ({"media": {"kind": "document"}}, "documentMessage"),
        ({"media": {"kind": "sticker"}}, "stickerMessage"),
        ({"location": {"latitude": 1.5, "longitude": -2}}, "locationMessage"),
        ({"contact": {"name": "Bertil", "number": "+13035550143"}}, "contactMessage"),
        ({"poll": {"name": "Pizza?", "options": ["Yes", "No"]}}, "pollCreationMessageV3"),
        ({"reaction": {"message_id": "3EB0", "emoji": "👍"}}, "reactionMessage"),
    ],
)
async def test_kinds(api: Listener, content: dict[str, Any], kind: str) -> None:
    """Each has WhatsApp's own structure."""
    await api.save(events=["messages.upsert"])
    api.writes(**content)
    data = await api.data()
    assert (data["messageType"], list(data["message"])) == (kind, [kind])


async def test_reply(api: Listener) -> None:
    """What it answers comes along."""
    await api.save(events=["messages.upsert"])
    sent = (await api.post("send/text", api.text(delay=0)))["data"]["key"]
    api.writes(text="Yes", quoted_id=sent["id"])
    context = (await api.data())["contextInfo"]
    assert (context["stanzaId"], context["quotedMessage"]) == (sent["id"], {"conversation": "Hello"})


async def test_votes(api: Listener) -> None:
    """They are an update of the poll."""
    await api.save(events=["messages.update"])
    poll = api.writes(poll={"name": "Pizza?", "options": ["Yes", "No"]})
    api.writes(poll_vote={"message_id": poll, "options": ["No"]})
    data = await api.data()
    assert (data["keyId"], data["status"]) == (poll, "DELETED")
    assert data["pollUpdates"] == [{"name": "Yes", "voters": []}, {"name": "No", "voters": [ADA_JID]}]


async def test_what_wachat_keeps_to_itself(api: Listener) -> None:
    """There is no event for edits, deletions and calls, so nobody hears of them."""
    await api.save()
    message_id = api.writes(text="Helo")
    await api.events(3)
    api.writes(edited={"message_id": message_id, "text": "Hello"})
    api.writes(deleted={"message_id": message_id})
    api.writes(call={})
    await api.events(0)


async def test_files(api: Listener) -> None:
    """Where they come with the event at all is not documented: by default, they do not."""
    await api.save(events=["messages.upsert"])
    media = {"kind": "image", "data": base64.b64encode(PNG).decode(), "caption": "Look"}
    api.writes(media=media)
    content = (await api.data())["message"]
    assert list(content) == ["imageMessage"]
    assert content["imageMessage"]["url"].startswith("https://mmg.whatsapp.net/")
    api.instance.options.files_in_events = "base64"
    api.writes(media=media)
    assert base64.b64decode((await api.data())["message"]["base64"]) == PNG
    api.instance.options.files_in_events = "url"
    api.writes(media=media)
    async with api.session.get((await api.data())["message"]["mediaUrl"]) as response:
        assert await response.read() == PNG


async def test_sent_by_api(api: Listener) -> None:
    """Only how far it came is told, not that it went."""
    await api.save()
    sent = (await api.post("send/text", api.text(delay=0)))["data"]["key"]
    updates = await api.events(2)
    assert [(name, data["status"]) for name, data in updates] == [
        ("messages.update", "SERVER_ACK"),
        ("messages.update", "DELIVERY_ACK"),
    ]
    data = updates[0][1]
    assert set(data) == {"keyId", "remoteJid", "fromMe", "status", "instanceId", "messageId"}
    assert (data["keyId"], data["remoteJid"], data["fromMe"]) == (sent["id"], ADA_JID, True)
    api.emulator.phone.read(sent["id"])
    assert (await api.data())["status"] == "READ"


async def test_typed_on_the_phone(api: Listener) -> None:
    """It comes like what others write, but is the account's own; nobody has to read it."""
    await api.save(events=["messages.upsert", "messages.update"])
    body = {"instance": NAME, "own": True, "chat": f"{ADA_DIGITS}@c.us", "text": "Hello"}
    message = api.emulator.someone_writes(body)
    (_, data), (_, update) = await api.events(2)
    assert data["key"] == {"remoteJid": ADA_JID, "fromMe": True, "id": message.id}
    assert (data["status"], update["status"]) == ("SERVER_ACK", "DELIVERY_ACK")
    api.emulator.phone.read(message.id)
    assert (await api.data())["status"] == "READ"
    shown = (await api.get("contacts"))["contacts"]
    [chat] = [contact["chat"] for contact in shown if contact["remoteJid"] == ADA_JID]
    assert (chat["lastMessageText"], chat["unreadCount"]) == ("Hello", 0)


async def test_restricted_account(api: Listener) -> None:
    """What it sends waits, or fails, if WhatsApp takes it that way."""
    await api.save(events=["messages.update"])
    api.instance.limit()
    await api.post("send/text", api.text(delay=0))
    await api.events(0)
    api.instance.options.refuses_restricted = True
    failed = (await api.post("send/text", api.text(delay=0)))["data"]["key"]
    data = await api.data()
    assert (data["keyId"], data["status"]) == (failed["id"], "ERROR")
    api.instance.restore()
    assert [data["status"] for _, data in await api.events(2)] == ["SERVER_ACK", "DELIVERY_ACK"]


async def test_lids(api: Listener) -> None:
    """The chat is a lid, and the number stands beside it."""
    api.instance.options.lids = True
    await api.save(events=["messages.upsert"])
    message_id = api.writes(text="Hi")
    assert (await api.data())["key"] == {
        "remoteJid": lid_of(ADA),
        "fromMe": False,
        "id": message_id,
        "remoteJidAlt": ADA_JID,
        "addressingMode": "lid",
    }
    contacts = (await api.get("contacts"))["contacts"]
    assert contacts[-1]["remoteJid"] == lid_of(ADA)


# The connection


async def test_connection_until_open() -> None:
    """Each code is told of until a phone has scanned one."""
    async with listener() as api:
        made = await api.made(options={"display_name": "Shed", "first_code_seconds": 20, "code_seconds": 200})
        await api.save(events=["qrcode.updated", "connection.update"], instanceName=made.id)
        await api.about("instance/qr", name=made.id)
        connecting, first, second = await api.receiver.have(3)
        assert connecting.data == {"instance": made.id, "state": "connecting", "statusReason": 200}
        shown = second.data["qrcode"]
        assert (first.name, set(shown)) == ("qrcode.updated", {"instance", "pairingCode", "code", "base64"})
        assert first.data["qrcode"]["code"] != shown["code"]
        assert (await api.phone("POST", "/scan", {"qr": shown["code"]})).status == 200
        opened = (await api.receiver.have(4))[3].data
    assert opened == {
        "instance": made.id,
        "wuid": f"{made.number.removeprefix('+')}@s.whatsapp.net",
        "profileName": "Shed",
        "profilePictureUrl": None,
        "state": "open",
        "statusReason": 200,
    }


async def test_nobody_scans() -> None:
    """Then there is an end to it."""
    async with listener() as api:
        made = await api.made(options={"qr_limit": 2})
        await api.save(events=["qrcode.updated", "connection.update"], instanceName=made.id)
        await api.about("instance/qr", name=made.id)
        events = await api.events(5)
    assert [name for name, _ in events] == ["connection.update", *["qrcode.updated"] * 3, "connection.update"]
    limit = {"message": "QR code limit reached, please login again", "statusCode": 500}
    refused = {"instance": made.id, "profilePictureUrl": None, "state": "refused", "statusReason": 428}
    assert [data for _, data in events[3:]] == [limit, refused]


@pytest.mark.parametrize(("path", "code"), [("/unlink", 401), ("/ban", 403)])
async def test_connection_is_lost(api: Listener, path: str, code: int) -> None:
    """By the owner or by WhatsApp; after a ban was lifted, it is there again."""
    await api.save(events=["connection.update"])
    for _ in range(2):
        await api.phone("POST", path, {"instance": NAME})
    assert await api.data() == {"instance": NAME, "state": "close", "statusReason": code}
    await api.phone("POST", "/restore", {"instance": NAME})
    states = [data["state"] for _, data in await api.events(int(code == 403))]
    assert states == ["open"] * (code == 403)
    api.writes(text="Hi")
    await api.events(0)


async def test_logout_while_connecting() -> None:
    """There are no more codes then, nor is there anything about them."""
    async with listener(time_scale=0.01) as api:
        await api.save(events=["qrcode.updated", "connection.update"])
        await api.get("instance/qr")
        assert (await api.about("instance/logout", "DELETE")).status == 200
        await api.emulator.clock.sleep(30)
        events = await api.events(2)
    assert [data["state"] for _, data in events] == ["connecting", "close"]
