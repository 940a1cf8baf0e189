"""WhatsApp API server: what is new in its lists, in the server's shapes and from the emulator."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways import whatsapp_api
from custom_components.whatsapp_link.gateways.errors import CannotReach, GatewayError, InvalidAnswer, Refused
from custom_components.whatsapp_link.gateways.events import Event, EventKind, Sender
from custom_components.whatsapp_link.gateways.model import Contact, Session
from custom_components.whatsapp_link.gateways.whatsapp_api import WhatsAppApi
from custom_components.whatsapp_link.gateways.whatsapp_api_events import Bookmarks, ListedChat
from tests.emulator.whatsapp_api_instance import WhatsAppApiInstance
from tests.gateways.nonsense import EXAMPLES
from tests.gateways.rig import Rig, client_for, leaks, open_rig
from tests.gateways.servers import serve

ADA = "13035550142@c.us"
BERTIL = "13035550143@c.us"
FAMILY = "120363000000000142@g.us"
HIDDEN = "120650379300963@lid"
# Saint Helena: the shortest numbers that there are, too short for the server.
SHORT = "2901234@c.us"
ME = "491709999999@c.us"
WHEN = 1_790_000_000
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Bert\nTEL;type=CELL;waid=13035550143:+1 303-555-0143\nEND:VCARD"


def message(number: int, *, chat_id: str = ADA, own: str = "", **parts: Any) -> dict[str, Any]:
    """Return a message as the server lists it; `own` is the end of the id of what the account itself wrote."""
    from_me = bool(own)
    return {
        "id": f"true_{chat_id}_{own}{number}" if own else f"false_{chat_id}_3A{number:018}",
        "from": ME if from_me else chat_id,
        "to": chat_id if from_me else ME,
        "author": None,
        "from_me": from_me,
        "type": "chat",
        "body": f"words {number}",
        "timestamp": WHEN + number,
        "has_media": False,
    } | parts


def chat(*messages: dict[str, Any], chat_id: str = ADA, **parts: Any) -> dict[str, Any]:
    """Return a chat as the server lists it, with the last of its messages."""
    return {
        "id": chat_id,
        "name": "Ada",
        "is_group": chat_id.endswith("@g.us"),
        "unread_count": len(messages),
        "timestamp": messages[-1]["timestamp"] if messages else 0,
        "last_message": messages[-1] if messages else None,
    } | parts


def event(number: int, kind: EventKind = EventKind.TEXT, **parts: Any) -> Event:
    """Return what a message from Ada makes."""
    message_id = message(number)["id"]
    told: dict[str, Any] = {"event_id": message_id, "message_id": message_id, "text": f"words {number}"}
    told |= {"chat_id": ADA, "timestamp": WHEN + number, "sender": Sender("13035550142", "", "Ada")}
    return Event(kind=kind, **told | parts)


def found(bookmarks: Bookmarks, chats: list[Any], messages: list[Any] | None = None) -> list[Event]:
    """Look once: return what is new, if a chat that is asked for has these messages."""
    events: list[Event] = []
    for each in bookmarks.with_news(chats):
        events += bookmarks.news_in(each, [each.message] if messages is None else messages)
        bookmarks.put(each)
    return events


@pytest.fixture
def bookmarks() -> Bookmarks:
    """Somebody who has looked once, when Ada's first message was there."""
    looked = Bookmarks()
    assert found(looked, [chat(message(1))]) == []
    return looked


# What a message is


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, event(2)),
        ({"type": "image", "body": "Look", "has_media": True}, event(2, EventKind.IMAGE, text="Look")),
        ({"type": "video", "body": "", "has_media": True}, event(2, EventKind.VIDEO, text="")),
        ({"type": "audio", "has_media": True}, event(2, EventKind.AUDIO, text="")),
        ({"type": "ptt", "has_media": True}, event(2, EventKind.VOICE, text="")),
        ({"type": "document", "body": "The plan"}, event(2, EventKind.DOCUMENT, text="The plan")),
        ({"type": "sticker", "body": "/9j/4AAQ"}, event(2, EventKind.STICKER, text="")),
        ({"type": "location", "body": "/9j/4AAQ"}, event(2, EventKind.LOCATION, text="")),
        ({"type": "vcard", "body": CARD}, event(2, EventKind.CONTACT, text="", contact=Contact("Bert", "13035550143"))),
        ({"type": "multi_vcard", "body": ""}, event(2, EventKind.CONTACT, text="", contact=Contact("", ""))),
        ({"type": "poll_creation", "body": "Colour?"}, event(2, EventKind.POLL, text="Colour?")),
        ({"type": "call_log", "body": ""}, event(2, EventKind.CALL, text="")),
        (
            {"type": "revoked", "body": ""},
            event(
                2,
                EventKind.DELETED,
                event_id=f"{message(2)['id']} deleted",
                message_id="",
                about=message(2)["id"],
                text="",
            ),
        ),
        ({"body": None}, event(2, text="")),
    ],
)
def test_kinds(bookmarks: Bookmarks, parts: dict[str, Any], expected: Event) -> None:
    """Each word of the library says what a message is; what is in the body of some is no text."""
    new = message(2) | parts
    assert found(bookmarks, [chat(new)], [message(1), new]) == [expected]


@pytest.mark.parametrize(
    "word", ["e2e_notification", "notification_template", "gp2", "ciphertext", "protocol", "broadcast", "unknown", "x"]
)
def test_housekeeping(bookmarks: Bookmarks, caplog: pytest.LogCaptureFixture, word: str) -> None:
    """What is no message to anybody is passed over in silence."""
    caplog.set_level(logging.DEBUG)
    assert found(bookmarks, [chat(message(2, type=word))]) == []
    assert caplog.records == []


def test_from_the_phone(bookmarks: Bookmarks) -> None:
    """What the owner typed on the phone is told as that; what was sent from here, or another device, is not."""
    typed = message(2, own="AC94B05E77D1A2C3F4E5B6A7988766")
    sent = message(3, own="3EB0C0FFEE1234567890")
    [own] = found(bookmarks, [chat(sent)], [message(1), typed, sent])
    assert own == event(2, event_id=typed["id"], message_id=typed["id"], sender=Sender(), from_me=True)


def test_id_that_holds_the_sign_of_a_device(bookmarks: Bookmarks) -> None:
    """Only what the account wrote itself can have been sent from here."""
    new = message(2, id=f"false_{ADA}_3EB0C0FFEE1234567890")
    assert [each.message_id for each in found(bookmarks, [chat(new)])] == [new["id"]]


NO_SENSE: list[dict[str, Any]] = [
    {"id": None},
    {"id": ""},
    {"type": 7},
    {"timestamp": None},
    {"timestamp": "1790000000"},
    {"timestamp": float("nan")},
    {"timestamp": 10**400},
]


@pytest.mark.parametrize("parts", NO_SENSE)
def test_no_sense(bookmarks: Bookmarks, caplog: pytest.LogCaptureFixture, parts: dict[str, Any]) -> None:
    """A message that lacks what matters does not stand in the way of the others; the log holds nothing of it."""
    caplog.set_level(logging.DEBUG)
    odd = message(2) | parts
    told = found(bookmarks, [chat(message(3))], [message(1), odd, "no message", None, message(3)])
    assert told == [event(3)]
    assert leaks(["words", "3035550142"], None, caplog.records) == []


# What is new


def test_only_what_comes_after_the_first_look(bookmarks: Bookmarks) -> None:
    """What was there at the first look is not told, what comes later is told once."""
    assert found(bookmarks, [chat(message(1))]) == []
    messages = [message(0), message(1), message(2), message(3)]
    assert found(bookmarks, [chat(*messages)], messages) == [event(2), event(3)]
    assert found(bookmarks, [chat(*messages)], messages) == []


def test_within_a_second(bookmarks: Bookmarks) -> None:
    """WhatsApp's time has no fractions: the order in the list tells what is new."""
    messages = [message(1), message(2, timestamp=WHEN + 1), message(3, timestamp=WHEN + 1)]
    assert [each.text for each in found(bookmarks, [chat(*messages)], messages)] == ["words 2", "words 3"]


def test_last_message_is_not_in_the_list(bookmarks: Bookmarks) -> None:
    """Where the last message that was seen is gone, time tells what is new."""
    messages = [message(0), message(2)]
    assert found(bookmarks, [chat(*messages)], messages) == [event(2)]


def test_last_message_was_deleted_here(bookmarks: Bookmarks) -> None:
    """When the last message vanishes, the one before it is no news, and is looked at only once."""
    assert found(bookmarks, [chat(message(0))], [message(0)]) == []
    assert bookmarks.with_news([chat(message(0))]) == []


def test_last_message_was_taken_back(bookmarks: Bookmarks) -> None:
    """A message that its sender deletes keeps its place and its id."""
    gone = message(1, type="revoked", body="")
    [told] = found(bookmarks, [chat(gone)], [message(0), gone])
    assert (told.kind, told.about) == (EventKind.DELETED, message(1)["id"])
    assert bookmarks.with_news([chat(gone)]) == []


def test_last_message_can_be_read_at_last(bookmarks: Bookmarks) -> None:
    """A message may be there before the keys to it are."""
    locked = message(2, type="ciphertext", body="")
    assert found(bookmarks, [chat(locked)], [message(1), locked]) == []
    assert found(bookmarks, [chat(message(2))], [message(1), message(2)]) == [event(2)]


def test_housekeeping_is_the_last(bookmarks: Bookmarks) -> None:
    """What is listed as the last message need not be among the messages; it does not cost a request each time."""
    notice = message(5, type="e2e_notification")
    assert found(bookmarks, [chat(notice)], [message(1), message(2)]) == [event(2)]
    assert bookmarks.with_news([chat(notice)]) == []
    assert found(bookmarks, [chat(message(6))], [message(1), message(2), message(6)]) == [event(6)]


def test_new_chat() -> None:
    """Of a chat that was not there before, all is told that is younger than the first look; the rest is history."""
    bookmarks = Bookmarks()
    assert found(bookmarks, []) == []
    now = int(time.time())
    old, new = message(1, timestamp=now - 60), message(2, timestamp=now)
    assert found(bookmarks, [chat(message(0), chat_id=BERTIL)]) == []
    assert [each.text for each in found(bookmarks, [chat(old, new)], [old, new])] == ["words 2"]


def test_what_was_not_told_to_the_end(bookmarks: Bookmarks) -> None:
    """A chat counts as told only when somebody says so."""
    [listed] = bookmarks.with_news([chat(message(2))])
    assert bookmarks.news_in(listed, [message(1), message(2)]) == [event(2)]
    assert bookmarks.with_news([chat(message(2))]) == [listed]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "chat",
        {},
        chat(),
        chat(message(2), id=None),
        chat(message(2), id="status@broadcast"),
        chat(message(2, chat_id=FAMILY), chat_id=FAMILY),
        chat(message(2), last_message="words"),
    ],
)
def test_chats_that_are_passed_over(bookmarks: Bookmarks, odd: Any) -> None:
    """Groups cannot be asked for; what is no chat at all is none."""
    assert [each.chat_id for each in bookmarks.with_news([odd, chat(message(2))])] == [ADA]


def test_nothing_private_is_shown(bookmarks: Bookmarks) -> None:
    """A chat in a log line or a traceback tells nothing."""
    [listed] = bookmarks.with_news([chat(message(2))])
    assert isinstance(listed, ListedChat)
    assert not any(part in f"{listed!r} {bookmarks!r}" for part in ("words", "3035550142", "Ada"))


@pytest.mark.timeout(300)
def test_whatever_comes() -> None:
    """No list makes anything but events, which can be written down."""
    scraps = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    scraps |= st.sampled_from([10**400, ADA, HIDDEN, WHEN, "chat", "vcard", [], {}, [CARD]])
    messages = st.builds(
        lambda number, changes: message(number) | changes,
        st.integers(0, 9),
        st.dictionaries(st.sampled_from(sorted(message(1))), scraps, max_size=2),
    )
    chats = st.builds(
        lambda last, changes: chat() | {"last_message": last} | changes,
        messages | scraps,
        st.dictionaries(st.sampled_from(["id", "name", "last_message"]), scraps, max_size=1),
    )

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(chats | scraps, st.lists(messages | scraps, max_size=3))
    def look(listed: Any, messages: list[Any]) -> None:
        bookmarks = Bookmarks()
        assert found(bookmarks, [chat(message(1))]) == []
        for told in found(bookmarks, [listed], messages):
            assert told.event_id
            assert told.chat_id.endswith(("@c.us", "@lid"))
            assert 0 < abs(told.timestamp) <= 1e10
            (told.text + told.event_id + told.message_id + told.about + told.sender.name).encode()

    look()


# Looking now and then


@pytest.fixture
def instance(rig: Rig) -> WhatsAppApiInstance:
    """The emulated server, whose account is linked."""
    made = rig.instance("whatsapp_api")
    assert isinstance(made, WhatsAppApiInstance)
    made.link(made.number)
    return made


async def next_of(told: AsyncGenerator[Session | Event]) -> Event:
    """Return what comes next."""
    async with asyncio.timeout(20):
        news = await anext(told)
    assert isinstance(news, Event)
    return news


async def looked(rig: Rig, *, times: int = 1) -> None:
    """Wait until the list of chats has been asked for again so often."""
    before = rig.emulator.requests.count(method="chats", status=200)
    async with asyncio.timeout(20):
        while rig.emulator.requests.count(method="chats", status=200) < before + times:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(rig: Rig, gateway: WhatsAppApi) -> AsyncGenerator[asyncio.Queue[Event]]:
    """Listen, past the first look, and collect what comes."""
    events: asyncio.Queue[Event] = asyncio.Queue()

    async def listen() -> None:
        async with aclosing(gateway.listen()) as told:
            async for news in told:
                events.put_nowait(news)

    first = asyncio.create_task(looked(rig))
    task = asyncio.create_task(listen())
    await first
    # By the time that another answer is here, the list has been looked through.
    await gateway.get_session()
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def taken(events: asyncio.Queue[Event]) -> Event:
    """Return the next event."""
    async with asyncio.timeout(20):
        return await events.get()


@pytest.fixture
def gateway(rig: Rig, instance: WhatsAppApiInstance) -> WhatsAppApi:
    """A client of the emulated server."""
    made = client_for(rig.session, instance, WhatsAppApi)
    assert isinstance(made, WhatsAppApi)
    return made


def write(rig: Rig, sender: str = "+13035550142", **content: Any) -> str:
    """Have somebody write, and return the id that the phone gave to the message."""
    instance = f"whatsapp_api/{rig.instance('whatsapp_api').id}"
    return rig.emulator.someone_writes({"instance": instance, "from": sender, **content}).id


async def test_new_messages(rig: Rig, gateway: WhatsAppApi) -> None:
    """What is written is told, by everybody, in order and once; what was written before is not."""
    write(rig, text="long ago")
    async with listening(rig, gateway) as events:
        first = write(rig, text="one")
        write(rig, text="two")
        write(rig, "+13035550143", text="three")
        told = [await taken(events) for _ in range(3)]
        await looked(rig, times=2)
        assert events.empty()
    assert {(each.chat_id, each.text) for each in told} == {(ADA, "one"), (ADA, "two"), (BERTIL, "three")}
    assert [each.text for each in told if each.chat_id == ADA] == ["one", "two"]
    by_text = {each.text: each for each in told}
    assert by_text["one"].message_id == f"false_{ADA}_{first}"
    assert by_text["one"].sender == Sender("13035550142", "", "Ada Neighbour")
    assert abs(by_text["one"].timestamp - time.time()) < 10


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"media": {"kind": "image", "caption": "Look"}}, EventKind.IMAGE),
        ({"media": {"kind": "video"}}, EventKind.VIDEO),
        ({"media": {"kind": "audio"}}, EventKind.AUDIO),
        ({"media": {"kind": "voice"}}, EventKind.VOICE),
        ({"media": {"kind": "document"}}, EventKind.DOCUMENT),
        ({"media": {"kind": "sticker"}}, EventKind.STICKER),
        ({"location": {"latitude": 52.5, "longitude": 13.4}}, EventKind.LOCATION),
        ({"contact": {"name": "Bertil", "number": "+13035550143"}}, EventKind.CONTACT),
        ({"poll": {"name": "Colour?", "options": ["red", "green"]}}, EventKind.POLL),
        ({"call": {"status": "missed"}}, EventKind.CALL),
    ],
)
async def test_new_kinds(rig: Rig, gateway: WhatsAppApi, content: dict[str, Any], kind: EventKind) -> None:
    """Everything that the server shows is told as what it is."""
    async with listening(rig, gateway) as events:
        write(rig, **content)
        told = await taken(events)
    assert told.kind is kind
    assert told.contact == (Contact("Bertil", "13035550143") if kind is EventKind.CONTACT else None)


async def test_message_is_taken_back(rig: Rig, gateway: WhatsAppApi) -> None:
    """The last message of a chat can be seen to be gone."""
    async with listening(rig, gateway) as events:
        message_id = write(rig, text="Oops")
        came = await taken(events)
        write(rig, deleted={"message_id": message_id})
        gone = await taken(events)
    assert (gone.kind, gone.about) == (EventKind.DELETED, came.message_id)


async def test_own_messages(rig: Rig, gateway: WhatsAppApi) -> None:
    """What was sent from here is not told as if it had come in."""
    async with listening(rig, gateway) as events:
        await gateway.send_text(ADA, "Who is there?")
        write(rig, text="Me")
        assert (await taken(events)).text == "Me"
        await looked(rig, times=2)
        assert events.empty()


async def test_interruption(rig: Rig, gateway: WhatsAppApi) -> None:
    """What is written while nobody listens is told afterwards; what was told is not told again."""
    async with listening(rig, gateway) as events:
        write(rig, text="before")
        await taken(events)
        await looked(rig)
    write(rig, text="meanwhile")
    async with aclosing(gateway.listen()) as told:
        assert (await next_of(told)).text == "meanwhile"


async def test_not_taken_is_told_again(rig: Rig, gateway: WhatsAppApi) -> None:
    """Somebody who breaks off in the middle gets the same again."""
    async with listening(rig, gateway):
        pass
    write(rig, text="one")
    write(rig, text="two")
    async with aclosing(gateway.listen()) as told:
        one = await next_of(told)
    async with aclosing(gateway.listen()) as told:
        assert [await next_of(told), (await next_of(told)).text] == [one, "two"]


async def test_session_that_is_not_ready(rig: Rig, instance: WhatsAppApiInstance, gateway: WhatsAppApi) -> None:
    """A server that is not ready is not asked for chats, which would wait and start it; then it goes on."""
    instance.unlink()
    rig.emulator.requests.reset()
    first = asyncio.create_task(looked(rig))
    async with aclosing(gateway.listen()) as told:
        waiting = asyncio.create_task(next_of(told))
        while rig.emulator.requests.count(method="status") < 3:
            await asyncio.sleep(0.01)
        assert rig.emulator.requests.counts()["whatsapp_api"].keys() == {"status"}
        instance.link(instance.number)
        await first
        write(rig, text="Hi")
        assert (await waiting).text == "Hi"


@pytest.mark.parametrize(
    ("fault", "method", "error"),
    [
        ("502_html", "chats", CannotReach),
        ("200_with_error", "chats", Refused),
        ("wrong_json_type", "chats", InvalidAnswer),
        ("502_html", "messages", CannotReach),
    ],
)
async def test_broken_answer(
    rig: Rig, gateway: WhatsAppApi, fault: str, method: str, error: type[GatewayError]
) -> None:
    """A look that fails ends listening, and loses nothing."""
    async with listening(rig, gateway):
        pass
    write(rig, text="Hi")
    await rig.fault("whatsapp_api", fault, method=method)
    async with aclosing(gateway.listen()) as told:
        with pytest.raises(error):
            await next_of(told)
    async with aclosing(gateway.listen()) as told:
        assert (await next_of(told)).text == "Hi"


@pytest.mark.parametrize("fault", ["empty_200", "200_with_error", "wrong_json_type"])
async def test_chat_that_cannot_be_read(rig: Rig, gateway: WhatsAppApi, fault: str) -> None:
    """It is asked for again, with all that is new in it; meanwhile it does not keep the others waiting."""
    async with listening(rig, gateway):
        pass
    write(rig, "+13035550143", text="first")
    write(rig, text="one")
    write(rig, text="two")
    # The newest is asked for first.
    await rig.fault("whatsapp_api", fault, method="messages")
    async with aclosing(gateway.listen()) as told:
        assert [(await next_of(told)).text for _ in range(3)] == ["first", "one", "two"]


async def test_chat_that_nobody_answers_for(rig: Rig, gateway: WhatsAppApi) -> None:
    """The others come first; then the look ends, and the next one has what is missing."""
    async with listening(rig, gateway):
        pass
    write(rig, "+13035550143", text="first")
    write(rig, text="one")
    # The newest is asked for first.
    await rig.fault("whatsapp_api", "502_html", method="messages")
    async with aclosing(gateway.listen()) as told:
        assert (await next_of(told)).text == "first"
        with pytest.raises(CannotReach):
            await next_of(told)
    async with aclosing(gateway.listen()) as told:
        assert (await next_of(told)).text == "one"


async def test_looking_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens there is one request at each look: with the look at the session, 112 an hour."""
    interval = whatsapp_api.__dict__["_POLL_INTERVAL"]
    monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", interval * 0.002)
    async with open_rig(0.002) as rig:
        instance = rig.instance("whatsapp_api")
        instance.link(instance.number)
        gateway = client_for(rig.session, instance, WhatsAppApi)
        assert isinstance(gateway, WhatsAppApi)
        async with listening(rig, gateway):
            rig.emulator.requests.reset()
            await rig.emulator.clock.sleep(15 * 60)
            assert 10 <= rig.emulator.requests.count("whatsapp_api", "chats") <= 900 / interval + 1
            assert rig.emulator.requests.counts()["whatsapp_api"].keys() == {"chats"}
    assert 3600 / interval + 3600 / WhatsAppApi.pace.linked <= 120


async def test_chat_that_cannot_be_asked_for(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of somebody without a number that the server takes only the last message is known; it is not asked for more."""
    monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", 0.01)
    soon = int(time.time()) + 5
    lists = [[], [chat(message(2, chat_id=each, timestamp=soon), chat_id=each) for each in (HIDDEN, SHORT)]]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/status":
            return web.json_response({"state": "ready", "ready": True})
        assert request.query == {"limit": "50"}
        return web.json_response({"ok": True, "chats": lists.pop(0) if len(lists) > 1 else lists[0]})

    async with serve(answer) as server, aclosing(WhatsAppApi(session, server.url, {}).listen()) as told:
        news = [await next_of(told) for _ in range(2)]
        assert {path for _, path in server.requests} == {"/api/status", "/api/chats"}
    assert [(each.chat_id, each.sender) for each in news] == [
        (HIDDEN, Sender("", HIDDEN, "Ada")),
        (SHORT, Sender("2901234", "", "Ada")),
    ]


@pytest.mark.parametrize("lists", [{}, {"chats": None}, {"chats": {"id": ADA}}])
async def test_no_list(session: aiohttp.ClientSession, lists: dict[str, Any]) -> None:
    """An answer without a list is not one in which nothing is new."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"state": "ready", "ready": True, **lists})

    async with serve(answer) as server, aclosing(WhatsAppApi(session, server.url, {}).listen()) as told:
        with pytest.raises(InvalidAnswer):
            await next_of(told)


async def test_messages_are_asked_for_by_number(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server wants digits, and a limit that it takes."""
    monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", 0.01)
    asked: list[dict[str, str]] = []
    lists = [[chat(message(1))], [chat(message(2))]]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/messages":
            asked.append(dict(request.query))
            return web.json_response({"ok": True, "messages": [message(1), message(2)]})
        if request.path == "/api/status":
            return web.json_response({"state": "ready", "ready": True})
        return web.json_response({"ok": True, "chats": lists.pop(0) if len(lists) > 1 else lists[0]})

    async with serve(answer) as server, aclosing(WhatsAppApi(session, server.url, {}).listen()) as told:
        assert await next_of(told) == event(2)
    assert asked == [{"phone_number": "13035550142", "limit": "50"}]
