"""What Wachat tells, how it signs that, and how it is asked to: payloads of the engine, and the emulated service."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import suppress
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    Forged,
    InvalidAnswer,
    InvalidCredentials,
    QuotaExceeded,
    RateLimited,
    Refused,
)
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.model import Session, SessionState
from custom_components.whatsapp_link.gateways.wachat import Wachat
from tests.emulator.model import Kind, Message
from tests.emulator.wachat_instance import WachatInstance
from tests.emulator.wachat_webhooks import Webhook as Registered
from tests.gateways.nonsense import ANY_BYTES, EXAMPLES, Nonsense, Places
from tests.gateways.rig import HOOK, PDF, Rig, client_for, leaks
from tests.gateways.servers import always, serve
from tests.webhook_receiver import Receiver, receiving

CREDENTIALS = {"token": "0DDBA11" * 5, "instance_name": "t1_mq9r2jov_home"}
ADA = "13035550142@s.whatsapp.net"
CHAT = "13035550142@c.us"
ID = "3AEB0C0FFEE0DDBA11"
NOW = 1_760_000_000
_QUIET_SECONDS = 0.2

type Told = list[Session | Event]


@pytest.fixture
async def gateway(session: aiohttp.ClientSession) -> Wachat:
    """A client that asks nobody."""
    return Wachat(session, "http://127.0.0.1:9", CREDENTIALS)


def body(data: Any, event: str | None = "messages.upsert", **more: Any) -> bytes:
    """Return the body of a call: the engine's envelope."""
    content = {"event": event, "instance": "t1_mq9r2jov_home", "data": data, "sender": "12025550101@s.whatsapp.net"}
    return json.dumps({name: value for name, value in (content | more).items() if name != "event" or value}).encode()


def signed(content: bytes, *, secret: str = HOOK.secret, timestamp: str = "", **headers: str) -> dict[str, str]:
    """Return the headers of a call."""
    timestamp = timestamp or str(int(time.time()))
    code = hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256)
    named = {"X-Wachat-Timestamp": timestamp, "X-Wachat-Signature": code.hexdigest(), "X-Wachat-Webhook-Id": "1"}
    return named | {name.replace("_", "-"): value for name, value in headers.items()}


def read(gateway: Wachat, content: bytes, **headers: str) -> Told:
    """Return what a call tells that is signed as it should be."""
    return gateway.parse_webhook(signed(content, **headers), content, HOOK)


def message(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the data of `messages.upsert`."""
    return {
        "key": {"remoteJid": ADA, "fromMe": False, "id": ID},
        "pushName": "Ada",
        "status": "DELIVERY_ACK",
        "message": content,
        "messageTimestamp": NOW,
        **more,
    }


HELLO = body(message({"conversation": "Hello"}))
EXPECTED = Event(
    EventKind.TEXT,
    event_id=ID,
    chat_id=CHAT,
    timestamp=NOW,
    sender=Sender("13035550142", "", "Ada"),
    message_id=f"false_{CHAT}_{ID}",
    text="Hello",
)


# Who calls


def test_signature(monkeypatch: pytest.MonkeyPatch, gateway: Wachat) -> None:
    """A signature that was worked out elsewhere: HMAC-SHA256 over the timestamp, a dot and the body."""
    monkeypatch.setattr(time, "time", lambda: NOW + 10)
    content = b'{"event":"connection.update","instance":"t1_mq9r2jov_home","data":{"state":"open"}}'
    headers = {
        "x-wachat-timestamp": "1760000000",
        "x-wachat-signature": "ff3ba15049b25b9ec242f76e571215d29afa48d5b1bf363c984d9a29d21ee50d",
    }
    webhook = Webhook(HOOK.url, "whsec_made_up_for_this_test")
    assert gateway.parse_webhook(headers, content, webhook) == [Session(SessionState.LINKED)]
    for changed in (content + b" ", content.replace(b"open", b"shut")):
        with pytest.raises(Forged):
            gateway.parse_webhook(headers, changed, webhook)
    with pytest.raises(Forged):
        gateway.parse_webhook(headers | {"x-wachat-timestamp": "1760000001"}, content, webhook)


@pytest.mark.parametrize("form", ["hex", "HEX", "prefixed", "base64", "prefixed base64"])
def test_forms_of_a_signature(gateway: Wachat, form: str) -> None:
    """How a signature is written is not documented: as anybody would."""
    headers = signed(HELLO)
    code = headers["X-Wachat-Signature"]
    forms = {
        "hex": code,
        "HEX": code.upper(),
        "prefixed": f"sha256={code}",
        "base64": base64.b64encode(bytes.fromhex(code)).decode(),
        "prefixed base64": f"sha256={base64.b64encode(bytes.fromhex(code)).decode()}",
    }
    assert gateway.parse_webhook(headers | {"X-Wachat-Signature": forms[form]}, HELLO, HOOK) == [EXPECTED]


@pytest.mark.parametrize("given", ["", "sha256=", "0" * 64, "\udcff", "é" * 64, "None"])
def test_wrong_signature(gateway: Wachat, given: str) -> None:
    """Anything else is forged, sense or nonsense."""
    for content in (HELLO, b"nonsense"):
        with pytest.raises(Forged):
            gateway.parse_webhook(signed(content) | {"X-Wachat-Signature": given}, content, HOOK)


def test_another_secret(gateway: Wachat) -> None:
    """A call with somebody else's secret, or with none where we have none, is forged."""
    with pytest.raises(Forged):
        gateway.parse_webhook(signed(HELLO, secret="another"), HELLO, HOOK)
    with pytest.raises(Forged):
        gateway.parse_webhook(signed(HELLO, secret=""), HELLO, Webhook(HOOK.url, ""))
    with pytest.raises(Forged):
        gateway.parse_webhook({}, HELLO, HOOK)


def test_age(gateway: Wachat) -> None:
    """Five minutes after it was made a call is too old, be it signed in seconds or in milliseconds."""
    for age, unit in ((0, 1), (290, 1), (290, 1000), (-3600, 1)):
        timestamp = str(int((time.time() - age) * unit))
        assert gateway.parse_webhook(signed(HELLO, timestamp=timestamp), HELLO, HOOK) == [EXPECTED]
    for age, unit in ((310, 1), (310, 1000), (10**9, 1)):
        timestamp = str(int((time.time() - age) * unit))
        with pytest.raises(Forged):
            gateway.parse_webhook(signed(HELLO, timestamp=timestamp), HELLO, HOOK)


@pytest.mark.parametrize("given", ["now", "-1760000000", "1" * 5000, "1e10", "٠" * 10, " 1760000000", "99999999999"])
def test_no_timestamp(gateway: Wachat, given: str) -> None:
    """Without a time that can be read nobody knows how old a call is, signed or not."""
    with pytest.raises(Forged):
        gateway.parse_webhook(signed(HELLO, timestamp=given), HELLO, HOOK)


# What is told


@pytest.mark.parametrize("name", ["messages.upsert", "MESSAGES_UPSERT"])
def test_name_of_the_event(gateway: Wachat, name: str) -> None:
    """It stands in the body, or in a header; that one is not signed, so the body comes first."""
    assert read(gateway, body(message({"conversation": "Hello"}), name)) == [EXPECTED]
    content = body(message({"conversation": "Hello"}), None)
    assert read(gateway, content, X_Wachat_Event=name) == [EXPECTED]
    assert read(gateway, HELLO, X_Wachat_Event="messages.update") == [EXPECTED]
    assert read(gateway, content) == []


def test_what_the_engine_tells(gateway: Wachat) -> None:
    """Receipts, the session and the kinds of messages are the engine's; see test_evolution_events.py."""
    receipt = {"keyId": ID, "remoteJid": ADA, "fromMe": True, "status": "READ"}
    [event] = read(gateway, body(receipt, "messages.update"))
    assert isinstance(event, Event)
    assert (event.kind, event.about) == (EventKind.READ, f"true_{CHAT}_{ID}")
    assert read(gateway, body({"state": "close", "statusReason": 401}, "connection.update")) == [
        Session(SessionState.UNLINKED)
    ]
    assert read(gateway, body(message({"conversation": "Hello"}), instance="t1_another")) == []
    assert read(gateway, body([{"remoteJid": ADA}], "contacts.update")) == []


@pytest.mark.parametrize("url", ["", "https://storage.example/a.jpg?sig=1"])
def test_file(gateway: Wachat, url: str) -> None:
    """A file can be fetched if its address comes along; what WhatsApp keeps is encrypted, and of no use."""
    content: dict[str, Any] = {"imageMessage": {"url": "https://mmg.whatsapp.net/a.enc", "mimetype": "image/jpeg"}}
    [event] = read(gateway, body(message(content | ({"mediaUrl": url} if url else {}))))
    assert isinstance(event, Event)
    assert event.file == ReceivedFile("image/jpeg", "", url)


def test_file_in_a_wrapper(gateway: Wachat) -> None:
    """The engine puts the address beside the message, also where that is in another one."""
    document = {"documentMessage": {"mimetype": "application/pdf", "fileName": "a.pdf"}}
    for wrapper in ("documentWithCaptionMessage", "ephemeralMessage"):
        content = {wrapper: {"message": document}, "mediaUrl": "https://storage.example/a.pdf"}
        [event] = read(gateway, body(message(content)))
        assert isinstance(event, Event)
        assert event.file == ReceivedFile("application/pdf", "a.pdf", "https://storage.example/a.pdf")


@pytest.mark.parametrize("content", [b"", b"null", b"1", b"{", b"[1]", b"\xff", b"[" * 100_000, body(1), body({})])
def test_nonsense(gateway: Wachat, content: bytes) -> None:
    """What is signed and makes no sense is told so."""
    with pytest.raises(InvalidAnswer):
        read(gateway, content)


SHAPES: list[tuple[str, Any]] = [
    ("messages.upsert", message({"conversation": "Hello"}, contextInfo={"stanzaId": "Q", "participant": ADA})),
    ("messages.upsert", message({"imageMessage": {"mimetype": "image/jpeg"}, "mediaUrl": "https://storage.example"})),
    ("messages.update", {"keyId": ID, "remoteJid": ADA, "fromMe": True, "status": "READ"}),
    ("connection.update", {"state": "close", "statusReason": 401}),
]
FUZZ = Nonsense([body(data, event).decode() for event, data in SHAPES] + [data for _, data in SHAPES])


@pytest.mark.timeout(300)
def test_fuzz(gateway: Wachat) -> None:
    """Whatever is signed, it is read or told to make no sense."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.integers(0, len(SHAPES) - 1), FUZZ.places)
    def parse(shape: int, places: Places) -> None:
        event, data = SHAPES[shape]
        content = FUZZ.put_into(body(data, event), places)
        with suppress(InvalidAnswer):
            read(gateway, content)

    parse()


def test_fuzz_of_calls(gateway: Wachat) -> None:
    """Whatever comes with whatever headers, without the secret it is forged."""
    names = st.sampled_from(["X-Wachat-Timestamp", "x-wachat-signature", "X-Wachat-Event"])
    values = st.text() | st.just(str(int(time.time())))

    @settings(max_examples=EXAMPLES // 10, deadline=None)
    @given(ANY_BYTES, st.dictionaries(names, values))
    def parse(content: bytes, headers: dict[str, str]) -> None:
        with pytest.raises(Forged):
            gateway.parse_webhook(headers, content, HOOK)
        with suppress(InvalidAnswer):
            assert read(gateway, content) == []

    parse()


# Registering


def made(rig: Rig, **options: Any) -> WachatInstance:
    """Return a new instance with a linked phone."""
    instance = rig.emulator.gateways["wachat"].create_instance(options=options)
    assert isinstance(instance, WachatInstance)
    instance.link(instance.number)
    return instance


def client(rig: Rig, instance: WachatInstance) -> Wachat:
    """Return a client of an instance."""
    gateway = client_for(rig.session, instance, Wachat)
    assert isinstance(gateway, Wachat)
    return gateway


def registered(instance: WachatInstance) -> list[Registered]:
    """Return the webhooks of an instance as the service has them."""
    return [webhook for webhook in instance.account.webhooks if webhook.is_about(instance)]


def test_way() -> None:
    """Events come by a webhook or not at all."""
    assert Wachat.ways == (Way.WEBHOOK,)
    assert Wachat.pushes_session is False


async def test_register(rig: Rig) -> None:
    """A webhook is registered for this instance and for exactly what is of use, with our secret."""
    instance = made(rig)
    await client(rig, instance).register_webhook(HOOK)
    [found] = registered(instance)
    assert (found.url, found.secret, found.enabled, found.instance) == (HOOK.url, HOOK.secret, True, instance)
    assert found.events == ["messages.upsert", "messages.update", "connection.update"]
    assert found.name == "Home Assistant"


async def test_bring_up_to_date(rig: Rig) -> None:
    """Ours stays one, and is as it should be afterwards; those of others stay as they are."""
    instance, other = made(rig), made(rig)
    await client(rig, other).register_webhook(Webhook(HOOK.url, "other-instance"))
    gateway = client(rig, instance)
    theirs = Webhook("https://n8n.example/hook", "theirs")
    await gateway.register_webhook(theirs)
    await gateway.register_webhook(Webhook(f"{HOOK.url}?old", "old"))
    found = registered(instance)
    found[1].events, found[1].enabled = ["chats.update"], False
    for _ in range(2):
        await gateway.register_webhook(HOOK, replace=True)
    assert len(registered(instance)) == 2
    assert [(each.url, each.secret, each.enabled) for each in registered(instance)] == [
        (theirs.url, theirs.secret, True),
        (HOOK.url, HOOK.secret, True),
    ]
    assert found[1].events == ["messages.upsert", "messages.update", "connection.update"]
    assert [each.secret for each in registered(other)] == ["other-instance"]


async def test_unregister(rig: Rig) -> None:
    """Ours is switched off, as often as it is there; others stay; twice is as good as once."""
    instance = made(rig)
    gateway = client(rig, instance)
    await gateway.unregister_webhook(HOOK)
    assert registered(instance) == []
    for webhook in (HOOK, Webhook("https://n8n.example/hook", "theirs")):
        await gateway.register_webhook(webhook)
    for _ in range(2):
        await gateway.unregister_webhook(Webhook(f"{HOOK.url}?new", HOOK.secret))
    assert [each.enabled for each in registered(instance)] == [False, True]
    assert rig.emulator.requests.count("wachat", method="webhooks") == 1 + 4 + 3


async def test_refused_address(rig: Rig) -> None:
    """The service takes nothing but secure addresses, and says so."""
    with pytest.raises(Refused, match="HTTPS"):
        await client(rig, made(rig)).register_webhook(Webhook("http://home.example/api/webhook/1", "secret"))


async def test_expired_subscription(rig: Rig) -> None:
    """Without a subscription there are no webhooks."""
    with pytest.raises(QuotaExceeded):
        await client(rig, made(rig, subscription="expired")).register_webhook(HOOK)


@pytest.mark.parametrize("content", ["{}", "[]", '{"webhooks": {}}', '{"webhooks": [1]}'])
async def test_no_webhooks_in_the_answer(session: aiohttp.ClientSession, content: str) -> None:
    """An answer of another kind lists no webhooks."""
    async with serve(always(body=content)) as server:
        gateway = Wachat(session, server.url, CREDENTIALS)
        with pytest.raises(InvalidAnswer):
            await gateway.register_webhook(HOOK)
        with pytest.raises(InvalidAnswer):
            await gateway.unregister_webhook(HOOK)


# What the emulated service tells


class Home:
    """Home Assistant's side: what the webhook is told comes out as events."""

    def __init__(self, rig: Rig, receiver: Receiver, instance: WachatInstance) -> None:
        """Take who calls and who is called."""
        self.rig = rig
        self.instance = instance
        self.gateway = client(rig, instance)
        self.webhook = Webhook(receiver.url, HOOK.secret)
        self._receiver = receiver

    async def news(self) -> Session | Event:
        """Return the next news."""
        told: Told = []
        while not told:
            call = await self._receiver.next()
            told = self.gateway.parse_webhook(call.headers, call.body, self.webhook)
        [news] = told
        return news

    async def event(self) -> Event:
        """Return the next event."""
        event = await self.news()
        assert isinstance(event, Event)
        return event

    async def nothing_else(self) -> None:
        """Make sure that nothing of use comes any more."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(_QUIET_SECONDS):
                    call = await self._receiver.next()
                assert self.gateway.parse_webhook(call.headers, call.body, self.webhook) == []

    def write(self, text: str = "", **more: Any) -> Message:
        """Have somebody write."""
        written, noticed = self.rig.emulator.phone.write(self.instance.id, "+13035550142", text, **more)
        assert noticed
        return written


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    """A server that the emulated one can call."""
    async with receiving() as opened:
        yield opened


async def home(rig: Rig, receiver: Receiver, **options: Any) -> Home:
    """Register a webhook at a new instance."""
    made_home = Home(rig, receiver, made(rig, **options))
    await made_home.gateway.register_webhook(made_home.webhook)
    return made_home


@pytest.mark.parametrize("signature", ["hex", "prefixed", "base64"])
@pytest.mark.parametrize("signs_milliseconds", [False, True])
async def test_message(rig: Rig, receiver: Receiver, signature: str, signs_milliseconds: bool) -> None:
    """A message arrives, however the service signs."""
    here = await home(rig, receiver, signature=signature, signs_milliseconds=signs_milliseconds)
    written = here.write("Hello")
    event = await here.event()
    assert (event.text, event.chat_id, event.event_id) == ("Hello", CHAT, written.id)
    await here.nothing_else()


@pytest.mark.parametrize("send_answer", ["engine", "flat"])
@pytest.mark.parametrize("lids", [False, True])
async def test_receipts_and_replies(rig: Rig, receiver: Receiver, send_answer: str, lids: bool) -> None:
    """What is told of a message names it as it was called when it was sent, in whatever way the answer names it."""
    here = await home(rig, receiver, send_answer=send_answer, lids=lids)
    sent = await here.gateway.send_text(CHAT, "Open the door?")
    whatsapp_id = rig.emulator.phone.messages(here.instance.id)[0].id
    assert (await here.event()).kind is EventKind.DELIVERED
    rig.emulator.phone.read(whatsapp_id)
    read_mark = await here.event()
    assert (read_mark.kind, read_mark.about, read_mark.chat_id) == (EventKind.READ, sent.message_id, CHAT)
    here.write("Yes", quoted_id=whatsapp_id)
    reply = await here.event()
    assert (reply.text, reply.reply_to, reply.chat_id) == ("Yes", sent.message_id, CHAT)
    await here.nothing_else()


async def test_answer_without_an_id(rig: Rig, receiver: Receiver) -> None:
    """Where the answer names no message, its receipts are still told."""
    here = await home(rig, receiver, send_answer="without_id")
    assert (await here.gateway.send_text(CHAT, "Hello")).message_id == ""
    event = await here.event()
    assert (event.kind, event.chat_id) == (EventKind.DELIVERED, CHAT)


async def test_typed_on_the_phone(rig: Rig, receiver: Receiver) -> None:
    """What the owner of the account types is told as theirs, without receipts."""
    here = await home(rig, receiver)
    rig.emulator.phone.write_own(here.instance.id, CHAT, "On my way")
    event = await here.event()
    assert (event.text, event.from_me, event.sender) == ("On my way", True, Sender())
    await here.nothing_else()


async def test_session(rig: Rig, receiver: Receiver) -> None:
    """The phone unlinks and is linked again."""
    here = await home(rig, receiver)
    here.instance.unlink()
    assert await here.news() == Session(SessionState.UNLINKED)
    here.instance.connect()
    here.instance.link(here.instance.number)
    assert await here.news() == Session(SessionState.LINKED)
    await here.nothing_else()


async def test_nothing_is_logged(rig: Rig, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither text nor number nor secret stands in the log, or in what an event looks like there."""
    caplog.set_level(logging.DEBUG, logger="custom_components")
    here = await home(rig, receiver, files_in_events="url")
    details = rig.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
    here.write("Dinner is ready", kind=Kind.DOCUMENT, details=details)
    event = await here.event()
    assert event.file
    await here.gateway.fetch_file(event.file, 1000)
    await here.gateway.unregister_webhook(here.webhook)
    private = [*rig.secrets("wachat"), HOOK.secret, receiver.url, "Dinner", "13035550142", "manual.pdf"]
    records = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert records
    assert leaks(private, None, records) == []
    assert not any(text in repr((event, here.gateway, here.webhook)) for text in private)


# Files


@pytest.mark.parametrize("files_in_events", ["none", "base64", "url"])
async def test_fetch_file(rig: Rig, receiver: Receiver, files_in_events: str) -> None:
    """Where the address comes along the bytes are those that were sent; else there is nothing to fetch."""
    here = await home(rig, receiver, files_in_events=files_in_events)
    details = rig.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
    here.write(kind=Kind.DOCUMENT, details=details)
    file = (await here.event()).file
    assert file
    assert (file.mime_type, file.file_name) == ("application/pdf", "manual.pdf")
    if files_in_events != "url":
        with pytest.raises(Refused):
            await here.gateway.fetch_file(file, 1000)
        return
    assert await here.gateway.fetch_file(file, len(PDF)) == PDF
    with pytest.raises(Refused):
        await here.gateway.fetch_file(file, len(PDF) - 1)


def at(url: str) -> ReceivedFile:
    """Return a file at an address."""
    return ReceivedFile("image/png", "", url)


async def test_key_stays_at_home(session: aiohttp.ClientSession) -> None:
    """The key goes to the service itself, and to nobody else; the query of an address that is signed goes along."""
    seen: list[tuple[str, str, str | None]] = []

    async def look(request: web.Request) -> web.Response:
        seen.append((request.path, request.query_string, request.headers.get("Authorization")))
        return web.Response(body=b"file")

    async with serve(look) as own, serve(look) as foreign:
        gateway = Wachat(session, f"{own.url}/api/v1", CREDENTIALS)
        for url in (f"{own.url}/api/v1/media/a%20b.png?v=1", f"{own.url}/a.png", f"{foreign.url}/a.png?sig=a%2Fb%2B1"):
            assert await gateway.fetch_file(at(url), 10) == b"file"
    assert seen == [
        ("/api/v1/media/a b.png", "v=1", f"Bearer {CREDENTIALS['token']}"),
        ("/a.png", "", None),
        ("/a.png", "sig=a/b%2B1", None),
    ]


@pytest.mark.parametrize(
    "address", ["", "a.png", "/a.png", "file:///etc/passwd", "ftp://storage.example/a", "http://", "http://[", "//x/y"]
)
async def test_no_address(gateway: Wachat, address: str) -> None:
    """Nothing but an address on the web is asked."""
    with pytest.raises(Refused):
        await gateway.fetch_file(at(address), 10)


async def test_home_network_is_not_asked(session: aiohttp.ClientSession) -> None:
    """A hosted service has no files in the home network: who says so means to look around there."""
    gateway = Wachat(session, Wachat.default_base_url, CREDENTIALS)
    async with serve(always(body=b"secret")) as server:
        for url in (
            server.url,
            server.url.replace("127.0.0.1", "localhost"),
            "http://192.168.178.1",
            "http://nas.local",
        ):
            with pytest.raises(Refused):
                await gateway.fetch_file(at(f"{url}/a.png"), 10)
        assert server.requests == []


@pytest.mark.parametrize(("path", "error"), [("/api/v1/a.png", InvalidCredentials), ("/a.png", Refused)])
async def test_no_file_for_us(session: aiohttp.ClientSession, path: str, error: type[Exception]) -> None:
    """Only the service itself can say that the key is wrong: others do not get it."""
    async with serve(always(401)) as server:
        gateway = Wachat(session, f"{server.url}/api/v1", CREDENTIALS)
        with pytest.raises(error):
            await gateway.fetch_file(at(f"{server.url}{path}"), 10)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Refused),
        (410, Refused),
        (400, Refused),
        (429, RateLimited),
        (302, InvalidAnswer),
        (500, CannotReach),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/a.png", "/a.png"])
async def test_no_file(session: aiohttp.ClientSession, status: int, error: type[Exception], path: str) -> None:
    """What is gone is refused; what may be there later is another error."""
    async with serve(always(status, Retry_After="60", Location="/b.png")) as server:
        gateway = Wachat(session, f"{server.url}/api/v1", CREDENTIALS)
        with pytest.raises(error):
            await gateway.fetch_file(at(f"{server.url}{path}"), 10)
        assert len(server.requests) == 1
