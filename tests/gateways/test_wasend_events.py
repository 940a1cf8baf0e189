"""Receiving from Wasend: it tells nothing by itself, so its lists of chats and messages are looked at."""

import asyncio
from contextlib import aclosing
import json
import logging
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways import waha_polling
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.errors import (
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    Refused,
    WrongState,
)
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender
from custom_components.whatsapp_link.gateways.model import Contact, SessionState
from custom_components.whatsapp_link.gateways.waha_events import MessageIds, event_of
from custom_components.whatsapp_link.gateways.wasend import Wasend
from custom_components.whatsapp_link.gateways.wasend_events import as_waha
from tests.emulator.model import Kind
from tests.emulator.wasend_instance import WasendInstance
from tests.gateways.nonsense import EXAMPLES
from tests.gateways.rig import CHAT, PDF, Rig, client_for, leaks, perform
from tests.gateways.servers import always, serve
from tests.gateways.test_waha_events import ADA as ADA_CHAT, CARD, GROUP as FAMILY, THEN
from tests.gateways.test_wawp_events import ADA, looked, next_of

CREDENTIALS = {"token": "0ddba11c0ffee" * 2, "session_id": "living-room-1"}
ID = f"false_{ADA_CHAT}_3EB0A1"


def made(rig: Rig, **options: Any) -> WasendInstance:
    """Return a new session with a phone."""
    instance = rig.emulator.gateways["wasend"].create_instance(options=options)
    assert isinstance(instance, WasendInstance)
    instance.link(instance.number)
    return instance


def client(rig: Rig, instance: WasendInstance) -> Wasend:
    """Return a client of a session."""
    gateway = client_for(rig.session, instance, Wasend)
    assert isinstance(gateway, Wasend)
    return gateway


# What is in a message of a list


def listed(**more: Any) -> dict[str, Any]:
    """Return a message as the vendor's library describes it (ChatWAMessage)."""
    return {
        "id": ID,
        "chatId": ADA_CHAT,
        "from": ADA_CHAT,
        "to": "12025550101@c.us",
        "body": "Hello",
        "caption": "",
        "type": "text",
        "timestamp": THEN,
        "fromMe": False,
        "ack": 1,
        "hasMedia": False,
        "mediaUrl": "",
        "mimetype": "",
        "filename": "",
        "quotedMsgId": "",
        **more,
    }


def with_file(word: str, mime_type: str) -> dict[str, Any]:
    """Return a message with a file."""
    url = "https://files.example/a"
    return listed(type=word, body="", caption="Look", hasMedia=True, mediaUrl=url, mimetype=mime_type, filename="a.bin")


FILE = "https://files.example/a"
CONTENTS: dict[str, tuple[dict[str, Any], EventKind, dict[str, Any]]] = {
    "text": (listed(), EventKind.TEXT, {"text": "Hello"}),
    "reply": (
        listed(quotedMsgId=f"true_{ADA_CHAT}_3EB0B2"),
        EventKind.TEXT,
        {"text": "Hello", "reply_to": f"true_{ADA_CHAT}_3EB0B2"},
    ),
    "poll": (listed(type="poll", body="Pizza?"), EventKind.POLL, {"text": "Pizza?"}),
    "contact": (
        listed(type="vcard", body=CARD),
        EventKind.CONTACT,
        {"text": "", "contact": Contact("Bertil", "13035550143")},
    ),
    **{
        word: (
            with_file(word, mime_type),
            kind,
            {"text": "Look", "file": ReceivedFile(mime_type, "a.bin", FILE)},
        )
        for word, kind, mime_type in (
            ("image", EventKind.IMAGE, "image/jpeg"),
            ("video", EventKind.VIDEO, "video/mp4"),
            ("audio", EventKind.AUDIO, "audio/mpeg"),
            ("ptt", EventKind.VOICE, "audio/ogg"),
            ("document", EventKind.DOCUMENT, "application/pdf"),
            ("sticker", EventKind.STICKER, "image/webp"),
        )
    },
}


def read(message: Any) -> Event | None:
    """Return what a message of a list tells."""
    return event_of({"event": "message.any", "payload": as_waha(message)}, MessageIds())


@pytest.mark.parametrize(("message", "kind", "expected"), CONTENTS.values(), ids=CONTENTS)
def test_contents(message: dict[str, Any], kind: EventKind, expected: dict[str, Any]) -> None:
    """The words are Wasend's, the message is as anybody's."""
    assert read(message) == Event(
        kind,
        event_id=ID,
        chat_id=ADA_CHAT,
        timestamp=THEN,
        sender=Sender("13035550142"),
        message_id=ID,
        **{"text": "", **expected},
    )


def test_shape_of_the_engine() -> None:
    """Where the shape is WAHA's, it is read as such."""
    message = {"id": ID, "from": ADA_CHAT, "body": "Hello", "timestamp": THEN, "hasMedia": False}
    event = read(message)
    assert event is not None
    assert (event.kind, event.text) == (EventKind.TEXT, "Hello")


def test_in_a_group() -> None:
    """Who wrote it is told in the id only."""
    event = read(listed(id=f"false_{FAMILY}_3EB0A1_{ADA_CHAT}", chatId=FAMILY, **{"from": FAMILY}))
    assert event is not None
    assert (event.chat_id, event.sender) == (FAMILY, Sender("13035550142"))


@pytest.mark.parametrize(
    "message",
    [
        listed(fromMe=True, id=f"true_{ADA_CHAT}_3EB0A1"),
        listed(type="gp2"),
        listed(type="location", body=""),
        listed(body=""),
        listed(chatId="status@broadcast", id="false_status@broadcast_3EB0A1"),
    ],
)
def test_nothing_of_use(message: dict[str, Any]) -> None:
    """Nobody can tell what of one's own was typed on the phone; and a place without degrees is none."""
    assert read(message) is None


ANYTHING: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})
)


@pytest.mark.timeout(120)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.sampled_from(list(CONTENTS)), changes=st.dictionaries(st.sampled_from(list(listed())), ANYTHING))
def test_fuzz(message: str, changes: dict[str, Any]) -> None:
    """Whatever is in a message, it is an event, nothing, or our error."""
    try:
        event = read(CONTENTS[message][0] | changes)
    except InvalidAnswer:
        return
    assert event is None or (event.event_id and event.chat_id)


# Looking


def test_ways() -> None:
    """There is only one; an hour has a hundred requests."""
    assert Wasend.ways == (Way.POLLING,)
    assert 3600 / Wasend.pace.linked + 3600 / waha_polling.LOOK_EVERY <= 120


async def test_looking(rig: Rig) -> None:
    """What is written is found, once and in order; neither what was there before, nor what went out from here."""
    instance = made(rig)
    wasend = client(rig, instance)
    phone, where = rig.emulator.phone, f"wasend/{instance.id}"
    phone.write(where, ADA, "Before")
    async with aclosing(wasend.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig, "wasend")
        assert not waiting.done()
        phone.write(where, ADA, "One")
        phone.write(where, ADA, "Two")
        phone.write(where, ADA, "Three", chat_id=FAMILY)
        events = [await waiting, await next_of(found), await next_of(found)]
        assert [(event.text, event.chat_id, event.sender.number) for event in events] == [
            ("One", ADA_CHAT, "13035550142"),
            ("Two", ADA_CHAT, "13035550142"),
            ("Three", FAMILY, "13035550142"),
        ]
        phone.write_own(where, ADA_CHAT, "From the phone")
        sent = await wasend.send_text(ADA_CHAT, "From here", reply_to=events[0].message_id)
        receipts: list[Event] = []
        while not receipts or receipts[-1].about != sent.message_id:
            receipts.append(await next_of(found))
        assert {event.kind for event in receipts} == {EventKind.DELIVERED}
        phone.read(sent.message_id)
        event = await next_of(found)
        assert (event.kind, event.about) == (EventKind.READ, sent.message_id)
        phone.write(where, ADA, "Four", quoted_id=sent.message_id)
        event = await next_of(found)
        assert (event.text, event.reply_to) == ("Four", sent.message_id)


@pytest.mark.parametrize("key", ["wawp", "wasend"])
async def test_looking_after_a_long_time(rig: Rig, key: str) -> None:
    """However many there are in a chat, they come in their order."""
    await rig.prepare(key, "send_text")
    gateway, where = rig.client(key), f"{key}/{rig.instance(key).id}"
    rig.emulator.phone.write(where, ADA, "Before")
    async with aclosing(gateway.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig, key)
        rig.emulator.phone.write(where, ADA, "Hello")
        assert (await waiting).text == "Hello"
    written = [f"{number}" for number in range(120)]
    for text in written:
        rig.emulator.phone.write(where, ADA, text)
    # Nobody asked for what is behind it, so it is not known yet whether it got through.
    written.insert(0, "Hello")
    async with aclosing(gateway.listen()) as found:
        assert [(await next_of(found)).text for _ in written] == written


async def test_message_that_fails(rig: Rig) -> None:
    """A message that WhatsApp turns down."""
    instance = made(rig, acks_fail=True)
    wasend = client(rig, instance)
    async with aclosing(wasend.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig, "wasend")
        sent = await wasend.send_text(CHAT, "The door is open")
        event = await waiting
    assert (event.kind, event.about) == (EventKind.FAILED, sent.message_id)


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.VOICE, Kind.DOCUMENT])
async def test_looking_for_files(rig: Rig, kind: Kind) -> None:
    """A file is fetched where the list says."""
    instance = made(rig)
    wasend = client(rig, instance)
    path = rig.emulator.world.files.add(PDF, "application/pdf", "manual.pdf")
    details = {"url": rig.emulator.url + path, "file_name": "manual.pdf", "mime_type": "application/pdf"}
    async with aclosing(wasend.listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig, "wasend")
        rig.emulator.phone.write(f"wasend/{instance.id}", ADA, "Look", kind=kind, details=details)
        event = await waiting
    assert (event.kind.value, event.text) == (kind.value, "Look")
    assert event.file == ReceivedFile("application/pdf", "manual.pdf", details["url"])
    assert await wasend.fetch_file(event.file, len(PDF)) == PDF
    with pytest.raises(Refused):
        await wasend.fetch_file(event.file, len(PDF) - 1)


async def test_hidden_number(rig: Rig) -> None:
    """Nobody tells the number, so the chat is the opaque id."""
    instance = made(rig, lids=True)
    async with aclosing(client(rig, instance).listen()) as found:
        waiting = asyncio.create_task(next_of(found))
        await looked(rig, "wasend")
        rig.emulator.phone.write(f"wasend/{instance.id}", ADA, "Hello")
        event = await waiting
    assert event.chat_id == event.sender.lid != ""
    assert event.sender.number == ""


async def test_looking_at_a_session_that_is_off(rig: Rig) -> None:
    """Why there is nothing to see is said."""
    instance = made(rig)
    wasend = client(rig, instance)
    instance.stop()
    with pytest.raises(WrongState):
        await anext(wasend.listen())
    unknown = Wasend(rig.session, instance.credentials()["base_url"], CREDENTIALS | {"token": instance.token})
    with pytest.raises(InstanceNotFound):
        await anext(unknown.listen())


async def test_what_is_asked(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the messages of the one chat that has news, since its last message."""
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", 0)
    asked: list[str] = []
    overviews = [[listed(timestamp=THEN + 0.5)], [listed(id=f"false_{ADA_CHAT}_2", timestamp=THEN + 9)]]

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {CREDENTIALS['token']}"
        asked.append(request.raw_path)
        if request.path.endswith("overview"):
            last = overviews.pop(0) if len(overviews) > 1 else overviews[0]
            return web.json_response([{"id": ADA_CHAT, "lastMessage": last[0]}, {"id": CHAT, "lastMessage": None}])
        return web.json_response(overviews[0])

    async with serve(answer) as server, aclosing(Wasend(session, server.url, CREDENTIALS).listen()) as found:
        assert (await next_of(found)).message_id == f"false_{ADA_CHAT}_2"
    query = f"limit=50&offset=0&downloadMedia=true&filter.timestamp.gte={THEN}"
    assert asked == [
        "/living-room-1/chats/overview?limit=100&offset=0",
        "/living-room-1/chats/overview?limit=100&offset=0",
        f"/living-room-1/chats/13035550142%40c.us/messages?{query}",
    ]


@pytest.mark.parametrize("body", ["{}", "null", '["x"]', '[{"lastMessage": 7}, []]'])
async def test_list_that_makes_no_sense(session: aiohttp.ClientSession, body: str) -> None:
    """What is no list is our error."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await anext(Wasend(session, server.url, CREDENTIALS).listen())


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"statusCode": 422, "message": "The session under FAILED status. Please try to restart it."}, "failed"),
        ({"statusCode": 422, "message": "The session under STOPPED status."}, "stopped"),
        (
            {"error": "Session status is not as expected.", "status": "scan_qr_code", "expected": ["WORKING"]},
            "unlinked",
        ),
        ({"statusCode": 422, "message": "Session status is not as expected. Try again later"}, "unknown"),
    ],
)
async def test_state_that_is_in_the_way(session: aiohttp.ClientSession, body: Any, state: str) -> None:
    """It is told as it is; a message is not sent again and again meanwhile."""
    async with serve(always(422, json.dumps(body))) as server:
        with pytest.raises(WrongState) as caught:
            await Wasend(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")
    assert (caught.value.state.value, caught.value.retry_after) == (state, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [('{"statusCode": 422, "message": "to must be a phone number"}', "to must be a phone number"), ("", "HTTP 422")],
)
async def test_refused_for_another_reason(session: aiohttp.ClientSession, body: str, reason: str) -> None:
    """The vendor's reason comes through."""
    async with serve(always(422, body)) as server:
        with pytest.raises(Refused, match=reason):
            await Wasend(session, server.url, CREDENTIALS).send_text(CHAT, "Hi")


async def test_session_that_failed(rig: Rig) -> None:
    """Of the engine, only the words are passed on."""
    instance = made(rig)
    wasend = client(rig, instance)
    instance.unlink()
    with pytest.raises(WrongState) as caught:
        await wasend.send_text(CHAT, "Hi")
    assert caught.value.state is SessionState.FAILED


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("operation", ["start", "restart", "send_reaction", "mark_read", "send_typing"])
async def test_empty_answer(session: aiohttp.ClientSession, operation: str, status: int) -> None:
    """Nothing is needed of what these answer, so it may be nothing; a failure is one all the same."""
    async with serve(always(status)) as server:
        await perform(Wasend(session, server.url, CREDENTIALS), operation)
    async with serve(always(body='{"success": false, "message": "no"}')) as server:
        with pytest.raises(Refused, match="no"):
            await perform(Wasend(session, server.url, CREDENTIALS), operation)


async def test_chat_that_cannot_be_read(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not stand in the way of the others."""
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", 0)
    looks = 0

    def shown(chat_id: str, number: int) -> dict[str, Any]:
        return listed(id=f"false_{chat_id}_{number}", chatId=chat_id, timestamp=THEN + number)

    async def answer(request: web.Request) -> web.Response:
        nonlocal looks
        if request.path.endswith("overview"):
            looks += 1
            both = (FAMILY, ADA_CHAT)
            return web.json_response([{"id": each, "lastMessage": shown(each, min(looks, 2))} for each in both])
        if FAMILY in request.path:
            return web.json_response({"statusCode": 404, "message": "Chat not found"}, status=404)
        return web.json_response([shown(ADA_CHAT, 2), shown(ADA_CHAT, 1)])

    async with serve(answer) as server, aclosing(Wasend(session, server.url, CREDENTIALS).listen()) as found:
        assert (await next_of(found)).message_id == f"false_{ADA_CHAT}_2"


# Files


@pytest.mark.parametrize("path", ["//files/x", "///files/x", "/files//x"])
async def test_file_with_more_slashes(session: aiohttp.ClientSession, path: str) -> None:
    """Some servers do not mind how many there are."""
    async with serve(always(body="content")) as server:
        wasend = Wasend(session, server.url, CREDENTIALS)
        assert await wasend.fetch_file(ReceivedFile("x/y", "", f"{server.url}{path}"), 64) == b"content"


async def test_file(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """The key goes along only to the service itself, and the address stays out of the log."""
    caplog.set_level(logging.DEBUG, "custom_components")
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("Authorization")))
        return web.Response(
            body=PDF, status=410 if "gone" in request.path else 401 if "private" in request.path else 200
        )

    async with serve(answer) as server, serve(answer) as storage:
        wasend = Wasend(session, f"{server.url}/v1", CREDENTIALS)

        async def fetch(url: str) -> bytes:
            return await wasend.fetch_file(ReceivedFile("x/y", "", url), 64)

        assert await fetch(f"{server.url}/v1/files/a") == PDF
        assert await fetch(f"{server.url}/elsewhere/a") == PDF
        assert await fetch(f"{storage.url}/v1/files/a") == PDF
        for gone in (server.url, storage.url):
            with pytest.raises(Refused):
                await fetch(f"{gone}/v1/gone")
        with pytest.raises(InvalidCredentials):
            await fetch(f"{server.url}/v1/private")
        with pytest.raises(Refused):
            await fetch("")
    key = f"Bearer {CREDENTIALS['token']}"
    assert seen == [
        ("/v1/files/a", key),
        ("/elsewhere/a", None),
        ("/v1/files/a", None),
        ("/v1/gone", key),
        ("/v1/gone", None),
        ("/v1/private", key),
    ]
    assert leaks([storage.url, CREDENTIALS["token"], "/v1/files"], None, caplog.records) == []
