"""Receiving from Wawp: its webhooks, its own deviations from WAHA, and looking where there are no webhooks."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
import json
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways import http, waha_polling
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    InvalidAnswer,
    InvalidCredentials,
    QuotaExceeded,
    RateLimited,
    Refused,
    WrongState,
)
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.model import Chat, Contact, Location, Poll, Session, SessionState
from custom_components.whatsapp_link.gateways.wawp import Wawp
from custom_components.whatsapp_link.gateways.wawp_events import EVENTS
from tests.emulator.model import Kind
from tests.emulator.wawp_instance import WawpInstance
from tests.gateways.rig import CHAT, PDF, Rig, client_for, leaks, perform, text_in
from tests.gateways.servers import Handler, always, serve
from tests.gateways.test_waha_events import ADA as ADA_CHAT, GROUP as FAMILY, ME, envelope, message
from tests.webhook_receiver import Receiver, receiving

CREDENTIALS = {"token": "0ddba11c0ffee" * 2, "instance_id": "0DDBA11C0FFE"}
ADA = "+13035550142"
HOOK = Webhook("https://home.example/api/webhook/0123456789abcdef", "a-secret-in-the-address")
REGISTERED = f"{HOOK.url}?secret={HOOK.secret}"


@pytest.fixture
async def wawp(session: aiohttp.ClientSession) -> Wawp:
    """A client that asks nobody."""
    return Wawp(session, "http://127.0.0.1:9", CREDENTIALS)


def made(rig: Rig, **options: Any) -> WawpInstance:
    """Return a new instance with a phone, and with webhooks unless it is said otherwise."""
    instance = rig.emulator.gateways["wawp"].create_instance(options={"plan": "paid", **options})
    assert isinstance(instance, WawpInstance)
    instance.link(instance.number)
    return instance


def client(rig: Rig, instance: WawpInstance) -> Wawp:
    """Return a client of an instance."""
    gateway = client_for(rig.session, instance, Wawp)
    assert isinstance(gateway, Wawp)
    return gateway


# What is Wawp's own


def told(wawp: Wawp, content: Any) -> list[Session | Event]:
    """Return what a call tells; nothing comes with it that could be checked."""
    return wawp.parse_webhook({}, json.dumps(content).encode(), HOOK)


def test_envelope(wawp: Wawp) -> None:
    """The session in it has a name of the vendor's own."""
    [event] = told(wawp, envelope(message(), "message", session="wawp-84729105", timestamp=1634567890123))
    assert isinstance(event, Event)
    assert (event.kind, event.chat_id, event.text) == (EventKind.TEXT, ADA_CHAT, "Hello")
    assert told(wawp, [envelope(message(), session="default"), envelope({}, "presence.update")]) == [event]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (envelope({"name": "default", "status": "STOPPED"}, "session.status"), [Session(SessionState.STOPPED)]),
        ({"instance_id": "0DDBA11C0FFE", "status": "SCAN_QR_CODE", "ts": 1}, [Session(SessionState.UNLINKED)]),
        ({"status": "WORKING"}, [Session(SessionState.LINKED)]),
        ({"instance_id": "123456789012", "status": "FAILED"}, []),
        (envelope(message(), instance_id="123456789012"), []),
    ],
)
def test_session(wawp: Wawp, content: Any, expected: list[Session]) -> None:
    """The documentation has it in an envelope, older pages without; of another instance nothing is told."""
    assert told(wawp, content) == expected


def test_receipt(wawp: Wawp) -> None:
    """The page on message.ack has less in it than the engine's, and calls the chat by another name."""
    payload = {"id": f"true_{ADA_CHAT}_3EB0A1", "ack": 3, "ackName": "READ", "chatId": ADA_CHAT}
    [event] = told(wawp, envelope(payload, "message.ack"))
    assert isinstance(event, Event)
    assert (event.kind, event.about, event.chat_id) == (EventKind.READ, payload["id"], ADA_CHAT)
    assert told(wawp, envelope({**payload, "id": f"false_{ADA_CHAT}_3EB0A1"}, "message.ack")) == []
    bare = {**payload, "id": "3EB0A1"}
    assert told(wawp, envelope(bare, "message.ack")) == []
    [event] = told(wawp, envelope(bare | {"fromMe": True}, "message.ack"))
    assert isinstance(event, Event)
    assert (event.about, event.chat_id) == ("3EB0A1", ADA_CHAT)


@pytest.mark.parametrize("content", [{}, {"status": 7}, envelope(None), [None], None, {"event": ["message"]}])
def test_nonsense(wawp: Wawp, content: Any) -> None:
    """What makes no sense is our error."""
    with pytest.raises(InvalidAnswer):
        told(wawp, content)


def test_ways() -> None:
    """Webhooks are the best there is; with looking, an hour has a hundred requests."""
    assert Wawp.ways == (Way.WEBHOOK, Way.POLLING)
    assert not Wawp.pushes_session
    assert 3600 / Wawp.pace.linked + 3600 / 90 <= 120


def test_pause_between_looks() -> None:
    """The tests are in a hurry, users are not."""
    assert waha_polling.LOOK_EVERY == 90


# Webhooks


async def told_at(receiver: Receiver, wawp: Wawp) -> Event:
    """Return the event that the next call tells."""
    while True:
        delivered = await receiver.next()
        for news in wawp.parse_webhook(delivered.headers, delivered.body, HOOK):
            if isinstance(news, Event):
                return news


@pytest.mark.parametrize("events_as", ["object", "array"])
@pytest.mark.parametrize("group", [None, FAMILY], ids=["person", "group"])
async def test_webhook(rig: Rig, group: str | None, events_as: str) -> None:
    """Everything that somebody writes comes to the address that was registered."""
    instance = made(rig, events_as=events_as)
    wawp = client(rig, instance)
    where = f"wawp/{instance.id}"
    phone = rig.emulator.phone
    chat = group or ADA_CHAT
    async with receiving() as receiver:
        await wawp.register_webhook(Webhook(receiver.url, HOOK.secret))
        poll = await wawp.send_poll(chat, Poll("Pizza?", ("Yes", "No"), multiple=False))
        event = await told_at(receiver, wawp)
        assert (event.kind, event.about) == (EventKind.DELIVERED, poll.message_id)
        phone.read(poll.message_id)
        event = await told_at(receiver, wawp)
        assert (event.kind, event.about) == (EventKind.READ, poll.message_id)
        phone.write(where, ADA, "Yes!", chat_id=group, quoted_id=poll.message_id)
        first = await told_at(receiver, wawp)
        assert (first.kind, first.text, first.chat_id) == (EventKind.TEXT, "Yes!", chat)
        assert (first.sender, first.reply_to) == (Sender("13035550142", "", "Ada"), poll.message_id)
        details = {"name": "Gate", "address": "", "latitude": 52.5163, "longitude": 13.3777}
        phone.write(where, ADA, kind=Kind.LOCATION, chat_id=group, details=details)
        assert (await told_at(receiver, wawp)).location == Location(52.5163, 13.3777, "Gate")
        phone.write(where, ADA, kind=Kind.CONTACT, details={"name": "Bertil", "number": "+13035550143"})
        assert (await told_at(receiver, wawp)).contact == Contact("Bertil", "13035550143")
        for kind, text in ((Kind.POLL_VOTE, ""), (Kind.REACTION, "👍"), (Kind.EDITED, "No!"), (Kind.DELETED, "")):
            about = poll.message_id if kind in (Kind.POLL_VOTE, Kind.REACTION) else first.message_id
            details = {"message_id": about, "options": ["Yes"]}
            phone.write(where, ADA, text, kind=kind, chat_id=group, details=details)
            event = await told_at(receiver, wawp)
            assert (event.kind.value, event.about, event.text) == (kind.value, about, text)
            assert event.chat_id == chat
        phone.write(where, ADA, kind=Kind.CALL, chat_id=group, details={"status": "offer"})
        assert (await told_at(receiver, wawp)).kind is EventKind.CALL
        phone.write_own(where, chat, "From the phone")
        event = await told_at(receiver, wawp)
        assert (event.text, event.from_me, event.chat_id) == ("From the phone", True, chat)


@pytest.mark.parametrize("status_event", ["payload", "flat"])
async def test_session_at_the_webhook(rig: Rig, status_event: str) -> None:
    """The loss of the phone is told."""
    instance = made(rig, status_event=status_event)
    wawp = client(rig, instance)
    async with receiving() as receiver:
        await wawp.register_webhook(Webhook(receiver.url, HOOK.secret))
        instance.unlink()
        delivered = await receiver.next()
        assert wawp.parse_webhook(delivered.headers, delivered.body, HOOK) == [Session(SessionState.FAILED)]


OTHERS = [
    {"url": "https://other.example/hook?secret=theirs", "events": ["message"], "is_active": 0},
    {"url": "https://other.example/api/webhook", "events": ["*"], "is_active": 1},
]


async def test_other_webhooks_stay(rig: Rig) -> None:
    """The list is written whole: those of others stay, ours is brought up to date, and goes."""
    instance = made(rig)
    instance.webhooks.given = list(OTHERS)
    wawp = client(rig, instance)

    def ours() -> list[Any]:
        assert instance.webhooks.given[:2] == OTHERS
        return instance.webhooks.given[2:]

    def expected(address: str) -> list[Any]:
        return [{"url": address, "events": list(EVENTS), "is_active": 1}]

    await wawp.register_webhook(HOOK)
    assert ours() == expected(REGISTERED)
    # Another secret, and then another address for it.
    await wawp.register_webhook(Webhook(HOOK.url, "new"))
    assert ours() == expected(f"{HOOK.url}?secret=new")
    moved = Webhook("https://hooks.example/2?a=1", "new")
    await wawp.register_webhook(moved)
    assert ours() == expected(f"{moved.url}&secret=new")
    for change in ({"is_active": 0}, {"events": ["message"]}):
        ours()[0].update(change)
        await wawp.register_webhook(moved)
        assert ours() == expected(f"{moved.url}&secret=new")
    instance.webhooks.given.append({**ours()[0], "url": f"{moved.url}&old=1"})
    await wawp.register_webhook(moved)
    assert ours() == expected(f"{moved.url}&secret=new")

    await wawp.unregister_webhook(Webhook("https://home.example/api/webhook/9", "nine"))
    assert len(ours()) == 1
    await wawp.unregister_webhook(moved)
    assert ours() == []


async def test_registering_again_writes_nothing(rig: Rig) -> None:
    """Reading is enough where all is right already."""
    instance = made(rig)
    wawp = client(rig, instance)
    await wawp.register_webhook(HOOK)
    kept = instance.webhooks.given
    kept[0]["events"].reverse()
    for forced in (False, True):
        await wawp.register_webhook(HOOK, replace=forced)
    await wawp.register_webhook(Webhook("", ""), replace=True)
    assert instance.webhooks.given is kept
    await wawp.unregister_webhook(HOOK)
    await wawp.unregister_webhook(HOOK)
    assert instance.webhooks.given == []


async def test_plan_without_webhooks(rig: Rig) -> None:
    """The plan is said to be the reason."""
    wawp = client(rig, made(rig, plan="free"))
    for method in (wawp.register_webhook, wawp.unregister_webhook):
        with pytest.raises(QuotaExceeded):
            await method(HOOK)


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ([], []),
        ({}, []),
        ({"0": OTHERS[0], "1": OTHERS[1]}, OTHERS),
        ([{"url": REGISTERED, "events": list(EVENTS), "is_active": "1"}], None),
        ([{"url": REGISTERED, "events": list(EVENTS), "is_active": True}], None),
    ],
)
async def test_shapes_of_the_list(session: aiohttp.ClientSession, before: Any, kept: Any) -> None:
    """PHP writes lists as objects now and then, and truth as a number, a text or as it is."""
    written: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            written.append((await request.json())["webhooks"])
        return web.json_response({"webhooks": before, "systemConfig": {}})

    async with serve(answer) as server:
        await Wawp(session, server.url, CREDENTIALS).register_webhook(HOOK)
    if kept is None:
        assert written == []
    else:
        assert written == [[*kept, {"url": REGISTERED, "events": list(EVENTS), "is_active": 1}]]


@pytest.mark.parametrize("body", ["{}", "[]", '{"webhooks": null}', '{"webhooks": 7}', '{"webhooks": ["x"]}'])
async def test_list_that_makes_no_sense(session: aiohttp.ClientSession, body: str) -> None:
    """Nothing is written over what nobody understands."""
    async with serve(always(body=body)) as server:
        wawp = Wawp(session, server.url, CREDENTIALS)
        for method in (wawp.register_webhook, wawp.unregister_webhook):
            with pytest.raises(InvalidAnswer):
                await method(HOOK)
        assert {verb for verb, _ in server.requests} == {"GET"}


# Looking


async def next_of(found: AsyncGenerator[Session | Event]) -> Event:
    """Return the next event that is found."""
    async with asyncio.timeout(20):
        event = await anext(found)
    assert isinstance(event, Event)
    return event


async def looked(rig: Rig, gateway: str = "wawp") -> None:
    """Wait until there was one more look."""
    before = rig.emulator.requests.count(gateway)
    async with asyncio.timeout(20):
        while rig.emulator.requests.count(gateway) < before + 2:
            await asyncio.sleep(0.005)


async def test_looking(rig: Rig) -> None:
    """What is written is found, once and in order; what was there before is not."""
    instance = made(rig, plan="free")
    wawp = client(rig, instance)
    phone, where = rig.emulator.phone, f"wawp/{instance.id}"
    phone.write(where, ADA, "Before")
    phone.write(where, "+13035550143", "Before")
    async with aclosing(wawp.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        assert not waiting.done()
        phone.write(where, ADA, "One")
        phone.write(where, ADA, "Two")
        phone.write(where, ADA, "Three", chat_id=FAMILY)
        events = [await waiting, await next_of(found), await next_of(found)]
        assert [(event.text, event.chat_id) for event in events] == [
            ("One", ADA_CHAT),
            ("Two", ADA_CHAT),
            ("Three", FAMILY),
        ]
        assert events[2].sender.number == "13035550142"
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        assert not waiting.done()
        phone.write_own(where, ADA_CHAT, "From the phone")
        event = await waiting
        assert (event.text, event.from_me) == ("From the phone", True)


async def test_looking_again(rig: Rig) -> None:
    """What happens while nobody looks is found by who looks next."""
    instance = made(rig)
    wawp = client(rig, instance)
    where = f"wawp/{instance.id}"
    async with aclosing(wawp.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        rig.emulator.phone.write(where, ADA, "One")
        assert (await waiting).text == "One"
    rig.emulator.phone.write(where, ADA, "Two")
    async with aclosing(wawp.listen()) as found:
        # The first was handed over, but nobody had asked for another.
        assert [(await next_of(found)).text for _ in range(2)] == ["One", "Two"]


async def test_looking_for_receipts(rig: Rig) -> None:
    """How far the last message of a chat got is found, too."""
    instance = made(rig)
    wawp = client(rig, instance)
    async with aclosing(wawp.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        sent = await wawp.send_text(CHAT, "The door is open")
        event = await waiting
        assert (event.kind, event.about) == (EventKind.DELIVERED, sent.message_id)
        rig.emulator.phone.read(sent.message_id)
        event = await next_of(found)
        assert (event.kind, event.about, event.chat_id) == (EventKind.READ, sent.message_id, CHAT)


@pytest.mark.parametrize(
    ("kind", "name", "mime_type"),
    [
        (EventKind.IMAGE, "door.jpg", "image/jpeg"),
        (EventKind.VOICE, "voice.ogg", "audio/ogg; codecs=opus"),
        (EventKind.DOCUMENT, "manual.pdf", "application/pdf"),
        (EventKind.STICKER, "sticker.webp", "image/webp"),
    ],
)
async def test_looking_for_files(rig: Rig, kind: EventKind, name: str, mime_type: str) -> None:
    """A list tells less than a webhook: what a file is, its type tells."""
    instance = made(rig)
    wawp = client(rig, instance)
    path = rig.emulator.world.files.add(PDF, mime_type, name)
    details = {"url": rig.emulator.url + path, "file_name": name, "mime_type": mime_type}
    async with aclosing(wawp.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        rig.emulator.phone.write(f"wawp/{instance.id}", ADA, "Look", kind=Kind(kind.value), details=details)
        event = await waiting
    assert (event.kind, event.text) == (kind, "Look")
    assert event.file is not None
    assert (event.file.mime_type, event.file.file_name) == (mime_type, name)
    assert await wawp.fetch_file(event.file, len(PDF)) == PDF
    with pytest.raises(Refused):
        await wawp.fetch_file(event.file, len(PDF) - 1)


async def test_looking_at_a_session_that_is_off(rig: Rig) -> None:
    """Why there is nothing to see is said; later it goes on."""
    instance = made(rig)
    wawp = client(rig, instance)
    instance.stop()
    with pytest.raises(WrongState):
        await anext(wawp.listen())


async def test_idle(rig: Rig) -> None:
    """While nothing happens, each look is one request."""
    instance = made(rig)
    rig.emulator.phone.write(f"wawp/{instance.id}", ADA, "Before")
    rig.emulator.requests.reset()
    async with aclosing(client(rig, instance).listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert set(rig.emulator.requests.counts()["wawp"]) == {"chats/overview"}


type Answers = Callable[[web.Request], Any]


def listing(*overviews: Any, messages: Any = ()) -> Answers:
    """Return a server with one list of chats after the other, the last for ever; and the messages of each chat."""
    remaining = list(overviews)

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("overview"):
            return web.json_response(remaining.pop(0) if len(remaining) > 1 else remaining[0])
        assert request.query["chatId"] == ADA_CHAT
        return web.json_response(messages)

    return answer


def chat(last: Any, chat_id: Any = ADA_CHAT) -> Any:
    """Return a chat in the list."""
    return {"id": chat_id, "name": "Ada", "picture": None, "lastMessage": last, "_chat": {}}


def written(number: int, when: int, **more: Any) -> Any:
    """Return a message in a list."""
    return message(id=f"false_{ADA_CHAT}_{number}", timestamp=when, body=f"{number}", **more)


async def found_by(session: aiohttp.ClientSession, handler: Answers, count: int) -> list[str]:
    """Return the texts of what is found first."""
    async with serve(handler) as server, aclosing(Wawp(session, server.url, CREDENTIALS).listen()) as found:
        return [(await next_of(found)).text for _ in range(count)]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", 0)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    "newest_first",
    [
        [written(5, 103), written(4, 103), written(3, 102), written(2, 100), written(1, 100)],
        [written(5, 103), written(4, 103), "nonsense", written(3, 102), written(2, 100), written(1, 90)],
    ],
)
async def test_same_second(session: aiohttp.ClientSession, newest_first: list[Any]) -> None:
    """What was written in the second of the last message is told apart by its place in the list."""
    messages = [each if each != "nonsense" else message(id="", timestamp=102) for each in newest_first]
    handler = listing([chat(written(2, 100))], [chat(written(5, 103))], messages=messages)
    assert await found_by(session, handler, 3) == ["3", "4", "5"]


@pytest.mark.usefixtures("hurry")
async def test_new_chat_with_nonsense_in_it(session: aiohttp.ClientSession) -> None:
    """A message that has no id is nobody's last one."""
    other = chat(written(1, 100), "13035550143@c.us")
    messages = [written(3, 103), message(id="", timestamp=102), written(2, 101)]
    handler = listing([other], [other, chat(written(3, 103))], messages=messages)
    assert await found_by(session, handler, 2) == ["2", "3"]


@pytest.mark.usefixtures("hurry")
async def test_ids_that_are_objects(session: aiohttp.ClientSession) -> None:
    """The engine WEBJS has them so; what is new is told apart all the same."""

    def shown(number: int) -> Any:
        return {**written(number, 100 + number), "id": {"_serialized": f"false_{ADA_CHAT}_{number}"}}

    handler = listing([chat(shown(1))], [chat(shown(2))], messages=[shown(2), shown(1)])
    assert await found_by(session, handler, 1) == ["2"]


@pytest.mark.usefixtures("hurry")
async def test_receipt_in_a_group(session: aiohttp.ClientSession) -> None:
    """A list says who wrote a message, and not who got it."""
    own = message(id=f"true_{FAMILY}_1_{ME}", fromMe=True, source="api", participant=ME, author=ME, ack=1)
    handler = listing([chat(own, FAMILY)], [chat({**own, "ack": 2}, FAMILY)])
    async with serve(handler) as server, aclosing(Wawp(session, server.url, CREDENTIALS).listen()) as found:
        event = await next_of(found)
    assert (event.kind, event.chat_id, event.about) == (EventKind.DELIVERED, FAMILY, own["id"])
    assert event.sender == Sender()


@pytest.mark.usefixtures("hurry")
async def test_last_message_was_deleted(session: aiohttp.ClientSession) -> None:
    """Then what is told begins with its time."""
    messages = [written(5, 103), written(4, 100), written(1, 99)]
    handler = listing([chat(written(2, 100))], [chat(written(1, 99))], [chat(written(5, 103))], messages=messages)
    assert await found_by(session, handler, 2) == ["4", "5"]


@pytest.mark.usefixtures("hurry")
async def test_chats_that_come_to_light(session: aiohttp.ClientSession) -> None:
    """What is older than all that there was at the first look is not news, in whatever chat it is."""
    other = "13035550143@c.us"
    first = [chat(written(2, 100), other), chat(None, "13035550144@c.us"), chat({}, "status@broadcast")]
    then = [*first, chat(written(1, 99))]
    last = [*first, chat(written(5, 103))]
    handler = listing(first, then, last, messages=[written(5, 103), written(3, 101), written(1, 99)])
    assert await found_by(session, handler, 2) == ["3", "5"]


@pytest.mark.usefixtures("hurry")
async def test_first_chat_ever(session: aiohttp.ClientSession) -> None:
    """An account without any message begins now: what its history brings is not news."""
    old, new = written(1, 1_000_000_000), written(2, int(time.time()) + 60)
    chats = [chat({**old, "id": f"false_{ADA_CHAT}_1"}, {"_serialized": ADA_CHAT})]
    handler = listing([chat(None)], chats, [chat(new)], messages=[new, old])
    assert await found_by(session, handler, 1) == ["2"]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("overview", [{"chats": []}, ["x"], None])
async def test_list_of_chats_that_makes_no_sense(session: aiohttp.ClientSession, overview: Any) -> None:
    """What is no list is our error."""
    with pytest.raises(InvalidAnswer):
        await found_by(session, listing(overview), 1)


# Whether the look ends with it, once the other chats have been looked at.
UNREADABLE: dict[str, tuple[Handler, bool]] = {
    "no list": (always(body="{}"), False),
    "nonsense in the list": (always(body='["x"]'), False),
    "no JSON": (always(body="<html>"), False),
    "too large": (always(body=" " * 4000 + "[]"), False),
    "400": (always(400, '{"code": "rest_invalid_param", "message": "chatId"}'), False),
    "404": (always(404, '{"code": "rest_no_route", "message": "No route was found"}'), False),
    "404 of a proxy": (always(404, "<html>"), False),
    "500": (always(500), True),
    "engine in trouble": (always(body='{"code": "wawp_upstream_error", "message": "x"}'), True),
}


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(("broken", "ends"), UNREADABLE.values(), ids=UNREADABLE)
async def test_chat_that_cannot_be_read(
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: Handler,
    ends: bool,
) -> None:
    """It does not stand in the way of the others, and is asked for again at each look, with all that is new in it."""
    caplog.set_level(logging.DEBUG, "custom_components")
    monkeypatch.setattr(http, "_MAX_LIST", 4000)
    looks = 0

    def shown(number: int, chat_id: str) -> Any:
        return message(id=f"false_{chat_id}_{number}", timestamp=100 + number, body=f"{chat_id} {number}")

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal looks
        if request.path.endswith("overview"):
            looks += 1
            return web.json_response([chat(shown(min(looks, 2), each), each) for each in (FAMILY, ADA_CHAT)])
        chat_id = request.query["chatId"]
        if chat_id == FAMILY and looks < 4:
            return await broken(request)
        return web.json_response([shown(2, chat_id), shown(1, chat_id)])

    texts: list[str] = []
    ended = 0
    async with serve(answer) as server, asyncio.timeout(20):
        wawp = Wawp(session, server.url, CREDENTIALS)
        while len(texts) < 2:
            try:
                async with aclosing(wawp.listen()) as found:
                    while len(texts) < 2:
                        texts.append((await next_of(found)).text)
            except CannotReach:
                ended += 1
    assert texts == [f"{ADA_CHAT} 2", f"{FAMILY} 2"]
    assert (looks, ended) == (4, 2 if ends else 0)
    ours = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert leaks([FAMILY, "120363", CREDENTIALS["token"]], None, ours) == []


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("status", [401, 429])
async def test_what_is_about_all_chats(session: aiohttp.ClientSession, status: int) -> None:
    """Nobody is asked for the messages of one chat after the other with a token that is refused, or too often."""
    looks: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        looks.append(request.path)
        if not request.path.endswith("overview"):
            return web.Response(status=status, headers={"Retry-After": "60"})
        return web.json_response([chat(written(len(looks), 100 + len(looks)), each) for each in (FAMILY, ADA_CHAT)])

    async with serve(answer) as server:
        with pytest.raises((InvalidCredentials, RateLimited)):
            await anext(Wawp(session, server.url, CREDENTIALS).listen())
    assert looks == ["/v2/chats/overview", "/v2/chats/overview", "/v2/chats/messages"]


# With small pictures in them
PICTURE = "/9j/4AAQSkZJRgABAQ" * 600


@pytest.mark.usefixtures("hurry")
async def test_lists_with_pictures(session: aiohttp.ClientSession) -> None:
    """A hundred chats with a picture in the last message of each are no answer without end."""

    def shown(number: int, chat_id: str) -> Any:
        raw = {"type": "image", "body": PICTURE}
        return message(id=f"false_{chat_id}_{number}", timestamp=100 + number, body="Look", _data=raw)

    looks = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal looks
        chat_ids = [f"130355501{number}@c.us" for number in range(10, 110)]
        if request.path.endswith("messages"):
            chat_id = request.query["chatId"]
            return web.json_response([shown(number, chat_id) for number in range(99, -1, -1)])
        looks += 1
        return web.json_response(
            [chat(shown(99 * (looks > 1 and each == chat_ids[0]), each), each) for each in chat_ids]
        )

    async with serve(answer) as server:
        wawp = Wawp(session, server.url, CREDENTIALS)
        assert len(await wawp.list_chats()) == 100
        looks = 0
        async with aclosing(wawp.listen()) as found:
            assert (await next_of(found)).kind is EventKind.IMAGE


# What is answered


QUEUED = ("queued", "accepted", "pending", "scheduled", "QUEUED")


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        *(({"status": word}, "") for word in QUEUED),
        ({"code": "success", "message": "Message queued"}, ""),
        ({"code": "success", "job_id": "4711", "message": "Message queued"}, "4711"),
        ({"error": None, "id": "true_1@c.us_3EB0"}, "true_1@c.us_3EB0"),
        ({"error": False, "success": True, "message_id": "3EB0"}, "3EB0"),
    ],
)
async def test_sent(session: aiohttp.ClientSession, body: Any, message_id: str) -> None:
    """What waits in a queue may have no id, and an error that is none is no failure."""
    async with serve(always(body=json.dumps(body))) as server:
        assert (await Wawp(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")).message_id == message_id


@pytest.mark.parametrize("body", ["{}", "[]", '{"status": "sent"}', '{"status": 1}', '{"code": "succeeded"}'])
async def test_sent_perhaps(session: aiohttp.ClientSession, body: str) -> None:
    """An answer that says nothing of the message is not taken for one that does."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await Wawp(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")


@pytest.mark.parametrize("sent_as", ["queued", "job"])
async def test_sent_by_way_of_a_queue(rig: Rig, sent_as: str) -> None:
    """The message arrives, whether it has an id or not."""
    instance = made(rig, sent_as=sent_as)
    sent = await client(rig, instance).send_text(CHAT, "Hi")
    assert bool(sent.message_id) is (sent_as == "job")
    [arrived] = await rig.arrived(1)
    assert arrived["text"] == "Hi"


ENGINE = "Session status is not as expected. Try again later or restart the session"


@pytest.mark.parametrize(
    ("body", "state", "retry_after"),
    [
        *(
            (json.dumps({"error": ENGINE, "session": "x", "status": word, "expected": ["WORKING"]}), state, None)
            for word, state in {
                "STOPPED": SessionState.STOPPED,
                "STARTING": SessionState.STARTING,
                "SCAN_QR_CODE": SessionState.UNLINKED,
                "FAILED": SessionState.FAILED,
                "PASSKEY_REQUIRED": SessionState.PASSKEY_REQUIRED,
                "DELETED": SessionState.UNKNOWN,
            }.items()
        ),
        ('{"message": "The session under FAILED status. Please try to restart it."}', SessionState.FAILED, None),
        ('{"code": "x", "message": "Session Status Not Expected"}', SessionState.STARTING, 15.0),
        ("Session Status Not Expected", SessionState.STARTING, 15.0),
        ("<error><message>Session status not expected</message></error>", SessionState.STARTING, 15.0),
        (json.dumps({"code": "x", "message": ENGINE}), SessionState.STARTING, 15.0),
    ],
)
async def test_state_that_is_in_the_way(
    session: aiohttp.ClientSession, body: str, state: SessionState, retry_after: float | None
) -> None:
    """It is told as it is; only where it heals by itself, the message is worth being sent again soon."""
    async with serve(always(422, body)) as server:
        with pytest.raises(WrongState) as caught:
            await Wawp(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")
    assert (caught.value.state, caught.value.retry_after) == (state, retry_after)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"code": "bad_format", "message": "Voice must be OGG"}', "Voice must be OGG"),
        ('{"statusCode": 422, "message": "The method is not implemented by the engine.", "error": "x"}', "The method"),
        ("", "HTTP 422"),
        ("<html>", "HTTP 422"),
    ],
)
async def test_refused_for_another_reason(session: aiohttp.ClientSession, body: str, reason: str) -> None:
    """To send it again would help nobody."""
    async with serve(always(422, body)) as server:
        with pytest.raises(Refused, match=reason):
            await Wawp(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")


@pytest.mark.parametrize("status", [200, 500, 503])
async def test_engine_in_trouble(session: aiohttp.ClientSession, status: int) -> None:
    """It may pass, whatever the status: who pairs goes on, and who sends does not send again."""
    async with serve(always(status, '{"code": "wawp_upstream_error", "message": "x"}')) as server:
        for operation in ("get_session", "get_qr", "send_text"):
            with pytest.raises(CannotReach) as caught:
                await perform(Wawp(session, server.url, CREDENTIALS), operation)
            assert caught.value.maybe_acted


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("operation", ["start", "restart", "logout", "send_reaction", "mark_read", "send_typing"])
async def test_empty_answer(session: aiohttp.ClientSession, operation: str, status: int) -> None:
    """No page shows what these answer, so it may be nothing; a failure is one all the same."""
    async with serve(always(status)) as server:
        await perform(Wawp(session, server.url, CREDENTIALS), operation)
    async with serve(always(body='{"success": false, "message": "no"}')) as server:
        with pytest.raises(Refused, match="no"):
            await perform(Wawp(session, server.url, CREDENTIALS), operation)


def code_file(**content: Any) -> str:
    """Return what is answered to a question for a code."""
    data = base64.b64encode(json.dumps(content).encode()).decode()
    return json.dumps({"mimetype": "application/json", "data": data})


CODE = "2@" + "x" * 200


@pytest.mark.parametrize("expiry", [10**400, -(10**400), float("nan"), float("inf"), 1e300, None, "soon", [], True])
async def test_clock_that_is_wrong(session: aiohttp.ClientSession, expiry: Any) -> None:
    """It must not hide the code."""
    async with serve(always(body=code_file(value=CODE, expiry=expiry))) as server:
        code = await Wawp(session, server.url, CREDENTIALS).get_qr()
    assert code is not None
    assert 5 <= code.valid_for <= 60
    assert text_in(code.png) == CODE


@pytest.mark.parametrize(
    "body",
    [
        code_file(value="x" * 5000),
        code_file(value=""),
        code_file(value=7),
        code_file(),
        json.dumps({"data": base64.b64encode(b"[" * 200_000).decode()}),
        json.dumps({"data": base64.b64encode(b"1" * 10_000).decode()}),
        '{"data": "%"}',
        '{"data": 7}',
        '{"data": {"a": 1}}',
    ],
)
async def test_no_code(session: aiohttp.ClientSession, body: str) -> None:
    """What no code can be drawn of is our error."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await Wawp(session, server.url, CREDENTIALS).get_qr()


CHATS = [
    {"id": "13035550142@s.whatsapp.net", "name": "Ada"},
    {"id": {"_serialized": "13035550143:12@s.whatsapp.net"}, "name": None},
    {"id": FAMILY, "name": "Family"},
    {"id": "status@broadcast"},
    {"id": None},
]


async def test_spelling_of_chats(session: aiohttp.ClientSession) -> None:
    """However the engine spells them, here they have one spelling; what is no chat is left out."""
    async with serve(always(body=json.dumps(CHATS))) as server:
        assert await Wawp(session, server.url, CREDENTIALS).list_chats() == [
            Chat(ADA_CHAT, "Ada", is_group=False),
            Chat("13035550143@c.us", "", is_group=False),
            Chat(FAMILY, "Family", is_group=True),
        ]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"chatId": "551187654321@s.whatsapp.net"}, "551187654321@c.us"),
        ({"jid": "551187654321@s.whatsapp.net"}, "551187654321@c.us"),
        ({"chatId": "551187654321@c.us"}, "551187654321@c.us"),
        ({"chatId": "181234567890123@lid"}, "181234567890123@lid"),
        ({"chatId": None}, "5511987654321@c.us"),
        ({"chatId": "somebody"}, "5511987654321@c.us"),
        ({"chatId": "@c.us"}, "5511987654321@c.us"),
    ],
)
async def test_spelling_of_a_number(session: aiohttp.ClientSession, told: Any, found: str) -> None:
    """The chat of a number is spelled as all are."""
    async with serve(always(body=json.dumps({"numberExists": True, **told}))) as server:
        assert await Wawp(session, server.url, CREDENTIALS).check_number("5511987654321") == found


# Files and numbers


async def test_file_elsewhere(session: aiohttp.ClientSession) -> None:
    """The credentials stay with the vendor."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(body=PDF, status=404 if "gone" in request.path else 200)

    async with serve(answer) as server:
        wawp = Wawp(session, f"{server.url}/v", CREDENTIALS)
        assert await wawp.fetch_file(ReceivedFile("x/y", "", f"{server.url}/files/a.pdf?b=c"), 64) == PDF
        assert await wawp.fetch_file(ReceivedFile("x/y", "", "https://api.wawp.net/api/files/a.pdf"), 64) == PDF
        for gone in (f"{server.url}/gone", "https://api.wawp.net/api/files/gone"):
            with pytest.raises(Refused):
                await wawp.fetch_file(ReceivedFile("x/y", "", gone), 64)
    query = f"access_token={CREDENTIALS['token']}&instance_id={CREDENTIALS['instance_id']}"
    assert seen == ["/files/a.pdf?b=c", f"/v/api/files/a.pdf?{query}", "/gone", f"/v/api/files/gone?{query}"]
    with pytest.raises(Refused):
        await wawp.fetch_file(ReceivedFile("x/y", "", ""), 64)


async def test_file_for_nobody(session: aiohttp.ClientSession) -> None:
    """A token that is refused is said to be so."""
    async with serve(always(401, '{"code": "invalid_access_token"}')) as server:
        wawp = Wawp(session, server.url, CREDENTIALS)
        with pytest.raises(InvalidCredentials):
            await wawp.fetch_file(ReceivedFile("x/y", "", f"{server.url}/api/files/a.pdf"), 64)


async def test_hidden_number(rig: Rig) -> None:
    """The engine does not tell it; the list of all opaque ids does."""
    instance = made(rig, lids=True)
    wawp = client(rig, instance)
    async with receiving() as receiver:
        await wawp.register_webhook(Webhook(receiver.url, HOOK.secret))
        rig.emulator.phone.write(f"wawp/{instance.id}", ADA, "Hello")
        event = await told_at(receiver, wawp)
    assert event.sender.number == ""
    assert event.chat_id == event.sender.lid != ""
    assert await wawp.find_number(event.sender.lid) == "13035550142"
    assert await wawp.find_number("123456789012345@lid") is None
