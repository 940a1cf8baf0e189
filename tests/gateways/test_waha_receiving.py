"""Receiving from the emulated WAHA: on its websocket, at a webhook, and files."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
import json
import logging
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways import waha as waha_module, waha_polling
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    Forged,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    Refused,
    WrongState,
)
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import Contact, Location, Poll, Session, SessionState
from custom_components.whatsapp_link.gateways.waha import Waha
from custom_components.whatsapp_link.gateways.waha_events import EVENTS
from tests.emulator.model import Kind
from tests.emulator.waha_instance import WahaInstance
from tests.gateways.rig import CHAT, PDF, PHONE, Rig, client_for, leaks
from tests.gateways.servers import always, serve
from tests.gateways.test_waha_events import ADA as ADA_CHAT, CREDENTIALS, GROUP as FAMILY, THEN, envelope, message
from tests.webhook_receiver import Receiver, receiving

ENGINES = ("WEBJS", "NOWEB", "GOWS")
ADA = "+13035550142"

every_engine = pytest.mark.parametrize("engine", ENGINES)


def made(rig: Rig, **options: Any) -> WahaInstance:
    """Return a new session with a phone."""
    instance = rig.emulator.gateways["waha"].create_instance(options=options)
    assert isinstance(instance, WahaInstance)
    instance.link(instance.number)
    return instance


def client(rig: Rig, instance: WahaInstance) -> Waha:
    """Return a client of a session."""
    gateway = client_for(rig.session, instance, Waha)
    assert isinstance(gateway, Waha)
    return gateway


def at(session: aiohttp.ClientSession, url: str) -> Waha:
    """Return a client of a server that is no emulator's."""
    return Waha(session, url, CREDENTIALS)


async def next_of(told: AsyncGenerator[Session | Event]) -> Event:
    """Return the next event."""
    async with asyncio.timeout(20):
        while not isinstance(news := await anext(told), Event):
            pass
    return news


# What somebody writes


def with_file(rig: Rig, name: str, mime_type: str) -> dict[str, Any]:
    """Return the details of a message with a file."""
    path = rig.emulator.world.files.add(PDF, mime_type, name)
    return {"url": rig.emulator.url + path, "file_name": name, "mime_type": mime_type}


MEDIA = {
    Kind.IMAGE: ("door.jpg", "image/jpeg"),
    Kind.VIDEO: ("clip.mp4", "video/mp4"),
    Kind.AUDIO: ("song.mp3", "audio/mpeg"),
    Kind.VOICE: ("voice.ogg", "audio/ogg; codecs=opus"),
    Kind.DOCUMENT: ("manual.pdf", "application/pdf"),
    Kind.STICKER: ("sticker.webp", "image/webp"),
}


@every_engine
@pytest.mark.parametrize("group", [None, FAMILY], ids=["person", "group"])
async def test_everything_that_somebody_writes(rig: Rig, engine: str, group: str | None) -> None:
    """Every kind of message comes, once, with what is in it and who wrote it where."""
    instance = made(rig, engine=engine)
    waha = client(rig, instance)
    where = f"waha/{instance.id}"
    phone = rig.emulator.phone

    def write(kind: Kind, text: str = "", **details: Any) -> None:
        phone.write(where, ADA, text, kind=kind, chat_id=group, details=details)

    async with aclosing(waha.listen()) as told:
        assert await anext(told) == Session(SessionState.LINKED)
        poll = await waha.send_poll(group or ADA_CHAT, Poll("Pizza?", ("Yes", "No"), multiple=False))
        assert (await next_of(told)).kind is EventKind.DELIVERED
        phone.write(where, ADA, "Hello", chat_id=group)
        first = await next_of(told)
        expected_chat = group or ADA_CHAT
        assert (first.kind, first.text, first.chat_id) == (EventKind.TEXT, "Hello", expected_chat)
        assert first.sender == Sender("13035550142", "", "Ada")
        assert not first.from_me

        phone.write(where, ADA, "Yes!", chat_id=group, quoted_id=poll.message_id)
        assert (await next_of(told)).reply_to == poll.message_id
        for kind, (name, mime_type) in MEDIA.items():
            write(kind, "Look", **with_file(rig, name, mime_type))
            event = await next_of(told)
            assert (event.kind.value, event.text) == (kind.value, "Look")
            assert event.file is not None
            assert (event.file.mime_type, event.file.file_name) == (mime_type, name)
            assert await waha.fetch_file(event.file, len(PDF)) == PDF
        write(Kind.LOCATION, latitude=52.5163, longitude=13.3777, name="Gate", address="Square 1")
        assert (await next_of(told)).location == Location(52.5163, 13.3777, "Gate", "Square 1")
        write(Kind.CONTACT, name="Bertil", number="+13035550143")
        assert (await next_of(told)).contact == Contact("Bertil", "13035550143")
        write(Kind.POLL, "Tea?", options=["Now", "Later"])
        event = await next_of(told)
        assert (event.kind, event.text, event.options) == (EventKind.POLL, "Tea?", ("Now", "Later"))
        if engine != "WEBJS":
            write(Kind.POLL_VOTE, message_id=poll.message_id, options=["Yes"])
            event = await next_of(told)
            assert (event.kind, event.about, event.options) == (EventKind.POLL_VOTE, poll.message_id, ("Yes",))
            assert event.chat_id == expected_chat
        for emoji in ("👍", ""):
            write(Kind.REACTION, emoji, message_id=poll.message_id)
            event = await next_of(told)
            assert (event.kind, event.about, event.text) == (EventKind.REACTION, poll.message_id, emoji)
        write(Kind.EDITED, "Good bye", message_id=first.message_id)
        event = await next_of(told)
        assert (event.kind, event.about, event.text) == (EventKind.EDITED, first.message_id, "Good bye")
        write(Kind.DELETED, message_id=first.message_id)
        event = await next_of(told)
        assert (event.kind, event.about) == (EventKind.DELETED, first.message_id)
        write(Kind.CALL, status="offer")
        event = await next_of(told)
        assert event.kind is EventKind.CALL
        assert event.sender.number in ("13035550142", "")


@every_engine
async def test_answering(rig: Rig, engine: str) -> None:
    """The id of what came can be replied and reacted to, and marked as read."""
    instance = made(rig, engine=engine)
    waha = client(rig, instance)
    async with aclosing(waha.listen()) as told:
        await anext(told)
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello", chat_id=FAMILY)
        event = await next_of(told)
    await waha.send_text(event.chat_id, "Hi", reply_to=event.message_id)
    await waha.send_reaction(event.chat_id, event.message_id, "👍")
    await waha.mark_read(event.chat_id, event.message_id)
    answer, reaction = await rig.arrived(2)
    assert (answer["quoted_id"], reaction["details"]["message_id"]) == (event.message_id, event.message_id)


@every_engine
async def test_typed_on_the_phone(rig: Rig, engine: str) -> None:
    """What the owner types comes as one's own, what goes out through the API does not."""
    instance = made(rig, engine=engine)
    waha = client(rig, instance)
    async with aclosing(waha.listen()) as told:
        await anext(told)
        await waha.send_text(ADA_CHAT, "From here")
        rig.emulator.phone.write_own(f"waha/{instance.id}", ADA_CHAT, "From the phone")
        seen = [event for event in [await next_of(told) for _ in range(2)] if not event.kind.is_receipt]
    assert [(event.text, event.from_me, event.chat_id) for event in seen] == [("From the phone", True, ADA_CHAT)]


@every_engine
@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("chat", [ADA_CHAT, FAMILY])
async def test_how_far_a_message_gets(rig: Rig, engine: str, chat: str, lids: bool) -> None:
    """What is told is about the message that was sent, whoever reads it."""
    instance = made(rig, engine=engine, lids=lids)
    waha = client(rig, instance)
    async with aclosing(waha.listen()) as told:
        await anext(told)
        sent = await waha.send_text(chat, "The door is open")
        delivered = await next_of(told)
        rig.emulator.phone.read(sent.message_id)
        read = await next_of(told)
    assert [(event.kind, event.about, event.chat_id) for event in (delivered, read)] == [
        (EventKind.DELIVERED, sent.message_id, chat),
        (EventKind.READ, sent.message_id, chat),
    ]
    if not lids:
        assert delivered.sender.number == "13035550142"


async def test_message_that_fails(rig: Rig) -> None:
    """A message that WhatsApp turns down."""
    instance = made(rig, acks_fail=True)
    waha = client(rig, instance)
    async with aclosing(waha.listen()) as told:
        await anext(told)
        sent = await waha.send_text(CHAT, "The door is open")
        event = await next_of(told)
    assert (event.kind, event.about) == (EventKind.FAILED, sent.message_id)


@every_engine
@pytest.mark.parametrize("group", [None, FAMILY], ids=["person", "group"])
async def test_hidden_number(rig: Rig, engine: str, group: str | None) -> None:
    """The number is told by some engines, and can be asked for where it is not."""
    instance = made(rig, engine=engine, lids=True)
    waha = client(rig, instance)
    async with aclosing(waha.listen()) as told:
        await anext(told)
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello", chat_id=group)
        event = await next_of(told)
    lid = event.sender.lid
    assert lid.endswith("@lid")
    assert lid in event.message_id
    if engine == "WEBJS":
        assert event.sender.number == ""
        assert event.chat_id == (group or lid)
    else:
        assert event.sender.number == "13035550142"
        assert event.chat_id == (group or ADA_CHAT)
    assert await waha.find_number(lid) == "13035550142"
    assert await waha.find_number("123456789012345@lid") is None


# The websocket


def telling(*frames: bytes | str) -> Callable[[web.Request], Any]:
    """Return a server whose session works, and whose websocket sends these frames and closes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/ws"):
            return web.json_response({"name": "living_room", "status": "WORKING"})
        assert request.query.getall("events") == list(EVENTS)
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        for frame in frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close()
        return socket

    return answer


async def test_frames_that_make_no_sense(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """They are passed over with a word in the log that holds nothing of them, and end nothing."""
    caplog.set_level(logging.DEBUG, "custom_components")
    secret = "the code is 4711"
    frames: list[str | bytes] = [
        "",
        f'{{"{secret}',
        "[]",
        '"WORKING"',
        "null",
        secret.encode(),
        json.dumps(envelope({"status": ""}, "session.status")),
        json.dumps(envelope([secret])),
        json.dumps(envelope(message(id="", body=secret))),
        json.dumps(envelope(message(), session="bedroom")),
        json.dumps(envelope({"id": "x"}, "presence.update")),
    ]
    good = json.dumps(envelope(message()))
    async with (
        serve(telling(*frames, good)) as server,
        asyncio.timeout(20),
        aclosing(at(session, server.url).listen()) as told,
    ):
        news = [each async for each in told]
    assert news[0] == Session(SessionState.LINKED)
    assert [event.timestamp for event in news[1:] if isinstance(event, Event)] == [THEN]
    ours = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert leaks([secret, CREDENTIALS["token"]], None, ours) == []
    assert len([record for record in ours if "WAHA ws" in record.getMessage()]) > 9


async def test_watching_is_strict(session: aiohttp.ClientSession) -> None:
    """While pairing, a server that makes no sense is told of."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/ws"):
            return web.json_response({"name": "living_room", "status": "STARTING"})
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        await socket.send_str("{")
        return socket

    async with serve(answer) as server, asyncio.timeout(20):
        with pytest.raises(InvalidAnswer):
            await anext(at(session, server.url).watch_qr())


def test_ways() -> None:
    """A linked instance is asked for its session a few times an hour."""
    assert Waha.ways == (Way.STREAM, Way.WEBHOOK, Way.POLLING)
    assert Waha.pushes_session
    assert 3600 / Waha.pace.pushed <= 120
    assert 3600 / Waha.pace.linked + 3600 / waha_polling.LOOK_EVERY <= 120


# What came while nobody was connected


async def connected(waha: Gateway) -> AsyncGenerator[Session | Event]:
    """Return what a client is told that has just connected, and knows what there was before."""
    told = waha.listen()
    assert await anext(told) == Session(SessionState.LINKED)
    return told


async def heard(told: AsyncGenerator[Session | Event], last: str) -> list[Event]:
    """Return the next events up to a certain text. What was told just before may be among them: it may be told again."""
    found = [await next_of(told)]
    while found[-1].text != last:
        found.append(await next_of(told))
    return [event for event in found if event.text != "Hello"]


@every_engine
@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("group", [None, FAMILY], ids=["person", "group"])
async def test_missed(rig: Rig, engine: str, lids: bool, group: str | None) -> None:
    """What came meanwhile is told after the connection is back, by the same ids as to somebody who was there."""
    instance = made(rig, engine=engine, lids=lids)
    where = f"waha/{instance.id}"
    waha = client(rig, instance)
    write = rig.emulator.phone.write
    write(where, ADA, "Long ago", chat_id=group)
    async with (
        aiohttp.ClientSession() as another_session,
        aclosing(await connected(client_for(another_session, instance, Waha))) as always_there,
    ):
        async with aclosing(await connected(waha)) as told:
            write(where, ADA, "Hello", chat_id=group)
            await next_of(told)
        for number in range(3):
            write(where, ADA, f"{number}", chat_id=group)
        details = with_file(rig, "manual.pdf", "application/pdf")
        write(where, ADA, "Look", kind=Kind.DOCUMENT, chat_id=group, details=details)
        there = await heard(always_there, "Look")
    async with aclosing(await connected(waha)) as told:
        missed = await heard(told, "Look")
        write(where, ADA, "Good bye", chat_id=group)
        assert [event.text for event in await heard(told, "Good bye")] == ["Good bye"]
    assert [event.event_id for event in missed] == [event.event_id for event in there]
    assert [replace(event, file=None) for event in missed] == [replace(event, file=None) for event in there]
    file = missed[-1].file
    assert file is not None
    assert await waha.fetch_file(file, len(PDF)) == PDF


async def test_nothing_old(rig: Rig) -> None:
    """Who connects for the first time is not told what was there before."""
    instance = made(rig)
    for number in range(3):
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, f"{number}")
    async with aclosing(await connected(client(rig, instance))) as told:
        waiting = asyncio.create_task(next_of(told))
        async with asyncio.timeout(20):
            while rig.emulator.requests.count("waha", method="chats/overview") == 0:
                await asyncio.sleep(0.01)
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "New")
        assert (await waiting).text == "New"
    assert rig.emulator.requests.count("waha", method="chats/messages") == 0


@pytest.mark.parametrize("fails", ["first", "second"])
async def test_look_that_fails(rig: Rig, fails: str) -> None:
    """It does not end the connection; what was missed then is found the next time."""
    instance = made(rig)
    waha = client(rig, instance)
    where = f"waha/{instance.id}"
    write = rig.emulator.phone.write
    write(where, ADA, "Long ago")
    # Times are in whole seconds.
    await asyncio.sleep(1.1)
    texts: list[str] = []
    for number, now in enumerate(("first", "second")):
        if now == fails:
            rig.emulator.faults.add("waha", "404", 1, method="chats/overview")
        async with aclosing(await connected(waha)) as told:
            write(where, ADA, f"told {number}")
            texts += [event.text for event in await heard(told, f"told {number}")]
        write(where, ADA, f"missed {number}")
    async with aclosing(await connected(waha)) as told:
        texts += [event.text for event in await heard(told, "missed 1")]
    assert {"told 0", "missed 0", "told 1", "missed 1"} == set(texts)


async def test_missed_while_the_server_was_away(rig: Rig) -> None:
    """A session that is starting brings what it missed when it is linked."""
    instance = made(rig, start_seconds=1)
    waha = client(rig, instance)
    async with aclosing(await connected(waha)) as told:
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello")
        await next_of(told)
    rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Meanwhile")
    instance.stop()
    async with aclosing(waha.listen()) as told:
        assert await anext(told) == Session(SessionState.STOPPED)
        instance.start()
        assert [event.text for event in await heard(told, "Meanwhile")] == ["Meanwhile"]


async def test_many_missed(rig: Rig) -> None:
    """However many there were in a chat, they come in their order."""
    instance = made(rig)
    waha = client(rig, instance)
    async with aclosing(await connected(waha)) as told:
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello")
        await next_of(told)
    written = [f"{number}" for number in range(250)]
    for text in written:
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, text)
    async with aclosing(await connected(waha)) as told:
        assert [event.text for event in await heard(told, written[-1])] == written


async def test_too_old(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody waits for any more is not told."""
    monkeypatch.setattr(waha_module, "_MAX_AGE", 0)
    instance = made(rig)
    waha = client(rig, instance)
    for text in ("Hello", "Now"):
        async with aclosing(await connected(waha)) as told:
            rig.emulator.phone.write(f"waha/{instance.id}", ADA, text)
            assert (await next_of(told)).text == text
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Yesterday")
        # Times are in whole seconds.
        await asyncio.sleep(1.1)


@every_engine
async def test_polling(rig: Rig, engine: str) -> None:
    """Where nothing can be told it is looked now and then; the ids are those that would be told."""
    instance = made(rig, engine=engine)
    waha = client(rig, instance)
    async with (
        aiohttp.ClientSession() as another_session,
        aclosing(await connected(client_for(another_session, instance, Waha))) as pushed,
        aclosing(waha.poll()) as found,
    ):
        waiting = asyncio.create_task(next_of(found))
        async with asyncio.timeout(20):
            while rig.emulator.requests.count("waha", method="chats/overview") < 2:
                await asyncio.sleep(0.01)
        details = with_file(rig, "manual.pdf", "application/pdf")
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Look", kind=Kind.DOCUMENT, details=details)
        event = await waiting
        assert replace(event, file=None) == replace(await next_of(pushed), file=None)
    assert event.file is not None
    assert await waha.fetch_file(event.file, len(PDF)) == PDF


# Webhooks


def hook_at(receiver: Receiver) -> Webhook:
    """Return our webhook."""
    return Webhook(receiver.url, "a-secret-shared-with-the-server")


async def settled(rig: Rig, instance: WahaInstance) -> None:
    """Wait until a session that restarts works again."""
    async with asyncio.timeout(20):
        while instance.state != "WORKING":
            await rig.emulator.clock.sleep(0.5)


async def registered(rig: Rig, instance: WahaInstance, receiver: Receiver) -> Webhook:
    """Register our webhook, and wait until the session works again."""
    hook = hook_at(receiver)
    await client(rig, instance).register_webhook(hook)
    await settled(rig, instance)
    await receiver.rest()
    return hook


async def told_at(receiver: Receiver, waha: Waha, hook: Webhook) -> list[Session | Event]:
    """Return what the next call tells."""
    delivered = await receiver.next()
    return waha.parse_webhook(delivered.headers, delivered.body, hook)


async def test_webhook(rig: Rig) -> None:
    """Events come to the address that was registered, signed; and a message on the websocket is the same there."""
    instance = made(rig)
    waha = client(rig, instance)
    async with receiving() as receiver:
        hook = await registered(rig, instance, receiver)
        async with aclosing(waha.listen()) as told:
            await anext(told)
            rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello")
            pushed = await next_of(told)
        assert await told_at(receiver, waha, hook) == [pushed]
        delivered = receiver.all[-1]
        with pytest.raises(Forged):
            waha.parse_webhook(delivered.headers, delivered.body + b" ", hook)
        with pytest.raises(Forged):
            waha.parse_webhook(delivered.headers, delivered.body, Webhook(hook.url, "another"))
        instance.unlink()
        assert await told_at(receiver, waha, hook) == [Session(SessionState.FAILED)]


async def test_webhook_that_is_tried_again(rig: Rig) -> None:
    """What was refused comes again, as the same event."""
    instance = made(rig)
    waha = client(rig, instance)
    async with receiving() as receiver:
        hook = await registered(rig, instance, receiver)
        receiver.refusals = [500]
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, "Hello")
        first, second = await told_at(receiver, waha, hook), await told_at(receiver, waha, hook)
    assert first == second != []


async def test_registering_again_changes_nothing(rig: Rig) -> None:
    """The session restarts only if there is something to change."""
    instance = made(rig)
    waha = client(rig, instance)
    async with receiving() as receiver:
        await waha.register_webhook(hook_at(receiver))
        await settled(rig, instance)
        config = instance.config
        for forced in (False, True):
            await waha.register_webhook(hook_at(receiver), replace=forced)
        # A server may list the events in its own order.
        config["webhooks"][0]["events"].reverse()
        await waha.register_webhook(hook_at(receiver))
        assert instance.state == "WORKING"
        assert instance.config is config


OTHERS = [
    {"url": "https://other.example/hook", "events": ["message"], "hmac": {"key": "theirs"}},
    {"url": "https://other.example/api/webhook", "events": ["*"]},
]


async def test_other_webhooks_stay(rig: Rig) -> None:
    """Those of others stay, and all else in the configuration; ours is brought up to date, and goes."""
    instance = made(rig)
    kept = {"metadata": {"user": "7"}, "noweb": {"markOnline": False, "store": {"enabled": True, "fullSync": True}}}
    instance.configure({**kept, "webhooks": list(OTHERS)})
    waha = client(rig, instance)

    def hooks() -> list[Any]:
        assert {name: instance.config[name] for name in kept} == kept
        assert instance.config["webhooks"][:2] == OTHERS
        return [(hook["url"], hook["hmac"]["key"], hook["events"]) for hook in instance.config["webhooks"][2:]]

    first = Webhook("https://home.example/api/webhook/1?a=1", "one")
    await waha.register_webhook(first)
    assert hooks() == [(first.url, "one", list(EVENTS))]
    # Another query, another secret, then another address of the same secret.
    for changed in (
        Webhook("https://home.example/api/webhook/1?a=2", "one"),
        Webhook("https://home.example/api/webhook/1?a=2", "two"),
        Webhook("https://hooks.example/2", "two"),
    ):
        await waha.register_webhook(changed)
        assert hooks() == [(changed.url, changed.secret, list(EVENTS))]
    instance.config["webhooks"][2]["events"] = ["message"]
    await waha.register_webhook(changed)
    assert hooks() == [(changed.url, changed.secret, list(EVENTS))]
    instance.config["webhooks"].append({**instance.config["webhooks"][2], "url": f"{changed.url}?old"})
    await waha.register_webhook(changed)
    assert hooks() == [(changed.url, changed.secret, list(EVENTS))]

    await waha.unregister_webhook(Webhook("https://home.example/api/webhook/9", "nine"))
    assert len(hooks()) == 1
    await waha.unregister_webhook(changed)
    assert hooks() == []
    before = instance.config
    await waha.unregister_webhook(changed)
    await waha.register_webhook(Webhook("", ""), replace=True)
    assert instance.config is before


async def test_webhook_without_a_secret(rig: Rig) -> None:
    """Where we have none, the unsigned webhooks of others are not taken for ours."""
    instance = made(rig)
    before = instance.config = {"webhooks": list(OTHERS)}
    await client(rig, instance).unregister_webhook(Webhook("https://home.example/api/webhook/1", ""))
    assert instance.config is before


@pytest.mark.parametrize("webhooks", [None, []])
async def test_first_webhook(rig: Rig, webhooks: Any) -> None:
    """A session may have no webhooks in its configuration."""
    instance = made(rig)
    instance.config = {"webhooks": webhooks}
    await client(rig, instance).register_webhook(Webhook("https://home.example/api/webhook/1", "one"))
    assert len(instance.config["webhooks"]) == 1


@pytest.mark.parametrize("config", ['{"webhooks": 7}', '{"webhooks": ["x"]}', "[7]"])
async def test_configuration_that_makes_no_sense(session: aiohttp.ClientSession, config: str) -> None:
    """Nothing is written over what nobody understands."""
    async with serve(always(body=f'{{"name": "living_room", "status": "WORKING", "config": {config}}}')) as server:
        for method in (at(session, server.url).register_webhook, at(session, server.url).unregister_webhook):
            with pytest.raises(InvalidAnswer):
                await method(Webhook("https://home.example/api/webhook/1", "one"))
        assert {verb for verb, _ in server.requests} == {"GET"}


async def test_webhook_of_an_unknown_session(rig: Rig) -> None:
    """A session that was deleted."""
    instance = made(rig)
    waha = Waha(rig.session, instance.credentials()["base_url"], {"token": instance.token, "session_name": "attic"})
    with pytest.raises(InstanceNotFound):
        await waha.register_webhook(Webhook("https://home.example/api/webhook/1", "one"))


# Files


async def received_file(rig: Rig, instance: WahaInstance) -> ReceivedFile:
    """Return a file that somebody sends."""
    async with aclosing(client(rig, instance).listen()) as told:
        await anext(told)
        details = with_file(rig, "manual.pdf", "application/pdf")
        rig.emulator.phone.write(f"waha/{instance.id}", ADA, kind=Kind.DOCUMENT, details=details)
        file = (await next_of(told)).file
    assert file is not None
    assert "manual.pdf" not in repr(file)
    assert "13035550142" not in repr(file)
    return file


@pytest.mark.parametrize("files_host", ["http://localhost:3000", "https://waha.example.com/proxy", ""])
async def test_file(rig: Rig, files_host: str) -> None:
    """It is fetched at the address of the server, whatever that takes itself to be, and only with the key."""
    instance = made(rig, files_host=files_host)
    file = await received_file(rig, instance)
    assert await client(rig, instance).fetch_file(file, len(PDF)) == PDF
    with pytest.raises(Refused) as caught:
        await client(rig, instance).fetch_file(file, len(PDF) - 1)
    assert str(caught.value) == "the file is too large"
    stranger = Waha(rig.session, instance.credentials()["base_url"], CREDENTIALS | {"session_name": instance.id})
    with pytest.raises(InvalidCredentials):
        await stranger.fetch_file(file, len(PDF))


def thrown_away(file: ReceivedFile) -> ReceivedFile:
    """Return a file whose address is no longer good."""
    return replace(file, reference=file.reference.replace(".pdf", "0.pdf"))


async def test_file_that_was_thrown_away(rig: Rig) -> None:
    """The server keeps files for some minutes, and fetches them from WhatsApp once more."""
    instance = made(rig)
    file = thrown_away(await received_file(rig, instance))
    assert await client(rig, instance).fetch_file(file, len(PDF)) == PDF
    instance.messages.clear()
    with pytest.raises(Refused) as caught:
        await client(rig, instance).fetch_file(file, len(PDF))
    assert str(caught.value) == "the file is gone"


async def test_file_that_was_not_fetched(rig: Rig) -> None:
    """A server that is set up not to fetch files does not do it by itself; then it may still do so when it is asked."""
    instance = made(rig, download_media=False)
    file = await received_file(rig, instance)
    with pytest.raises(Refused):
        await client(rig, instance).fetch_file(file, len(PDF))
    instance.options.download_media = True
    assert await client(rig, instance).fetch_file(file, len(PDF)) == PDF


async def test_file_of_a_session_that_is_off(rig: Rig) -> None:
    """Why it cannot be fetched is said."""
    instance = made(rig)
    file = thrown_away(await received_file(rig, instance))
    instance.stop()
    with pytest.raises(WrongState):
        await client(rig, instance).fetch_file(file, len(PDF))


async def test_file_at_a_storage_provider(
    rig: Rig, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """It is fetched there, without the key, and the address stays out of the log."""
    caplog.set_level(logging.DEBUG, "custom_components")
    seen: list[tuple[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("X-Api-Key")))
        return web.Response(body=PDF, status=int(request.query.get("status", "200")))

    async with serve(answer) as storage:
        waha = at(session, "http://127.0.0.1:9")
        url = f"{storage.url}/bucket/a%2Fb.pdf?X-Signature=ab%2Bc&status="
        assert await waha.fetch_file(ReceivedFile("x/y", "", f"{message()['id']} {url}200"), 64) == PDF
        assert seen == [("/bucket/a%2Fb.pdf?X-Signature=ab%2Bc&status=200", None)]
        with pytest.raises(Refused):
            await waha.fetch_file(ReceivedFile("x/y", "", f"{message()['id']} {url}200"), len(PDF) - 1)
        with pytest.raises(CannotReach):
            await waha.fetch_file(ReceivedFile("x/y", "", f"{message()['id']} {url}500"), 64)
        # An address that has run out: then the server is asked, which is not there.
        for status in (403, 404, 410):
            with pytest.raises(CannotReach):
                await waha.fetch_file(ReceivedFile("x/y", "", f"{message()['id']} {url}{status}"), 64)
    assert leaks([storage.url, "ab+c", CREDENTIALS["token"], PHONE], None, caplog.records) == []


async def test_file_with_a_space_in_its_name(session: aiohttp.ClientSession) -> None:
    """All behind the id of the message is the address."""
    async with serve(always(body="content")) as server:
        file = ReceivedFile("x/y", "", f"{message()['id']} http://localhost:3000/api/files/a b.pdf")
        assert await at(session, server.url).fetch_file(file, 64) == b"content"
        assert server.requests == [("GET", "/api/files/a b.pdf")]


@pytest.mark.parametrize(
    "reference", ["", "x", f"{message()['id']} ftp://host/x", "1_2_3 http://[", "1_2_3 nowhere", "x http://", "1_2 "]
)
async def test_file_without_an_address(session: aiohttp.ClientSession, reference: str) -> None:
    """What names no file is refused, before any request."""
    with pytest.raises(Refused):
        await at(session, "http://127.0.0.1:9").fetch_file(ReceivedFile("x/y", "", reference), 64)


async def test_place_at_home(session: aiohttp.ClientSession) -> None:
    """Nobody on the internet has us fetch something in the home network."""
    async with serve(always(body="secret")) as server:
        waha = at(session, "https://waha.example.com")
        with pytest.raises(Refused):
            await waha.fetch_file(ReceivedFile("x/y", "", f"1_2_3 {server.url}/config"), 64)
        assert server.requests == []


@pytest.mark.parametrize(
    "body", ["{}", '{"media": null}', '{"media": {"url": null}}', "[]", '{"media": {"url": "ftp://x/api/files/y"}}']
)
async def test_message_without_a_file(session: aiohttp.ClientSession, body: str) -> None:
    """A server that has no file after all."""
    async with serve(always(body=body)) as server:
        with pytest.raises(Refused):
            await at(session, server.url).fetch_file(ReceivedFile("x/y", "", f"{message()['id']} "), 64)


async def test_file_that_is_gone_for_good(session: aiohttp.ClientSession) -> None:
    """A server that has the message, and no file at the address that it tells."""

    async def answer(request: web.Request) -> web.Response:
        if "/files/" in request.path:
            return web.json_response({"error": {"code": 404, "key": "FILE_NOT_FOUND"}}, status=404)
        path = f"/api/living_room/chats/{ADA_CHAT}/messages/{message()['id']}?downloadMedia=true"
        assert request.raw_path == path.replace("@", "%40")
        return web.json_response({"media": {"url": "http://localhost:3000/api/files/b.pdf"}})

    async with serve(answer) as server:
        with pytest.raises(Refused, match="gone"):
            await at(session, server.url).fetch_file(ReceivedFile("x/y", "", f"{message()['id']} "), 64)


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({"lid": "1@lid", "pn": "13035550142@c.us"}, "13035550142"),
        ({"lid": "1@lid", "pn": "13035550142:7@s.whatsapp.net"}, "13035550142"),
        ({"lid": "1@lid", "pn": None}, None),
        ({"lid": "1@lid", "pn": "somebody"}, None),
    ],
)
async def test_number(session: aiohttp.ClientSession, body: Any, number: str | None) -> None:
    """However the server writes it, if it knows it at all."""
    async with serve(always(body=json.dumps(body))) as server:
        assert await at(session, server.url).find_number("123456789012345@lid") == number
        assert server.requests == [("GET", "/api/living_room/lids/123456789012345@lid")]


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"statusCode": 500}'])
async def test_no_number(session: aiohttp.ClientSession, body: str) -> None:
    """An answer that says nothing of it is our error."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).find_number("123456789012345@lid")
