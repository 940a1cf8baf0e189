"""GREEN-API: how its notifications reach us, through the queue and at a webhook, and the files that they name."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways import green_api
from custom_components.whatsapp_link.gateways.errors import CannotReach, Forged, InvalidAnswer, Refused, WebhookTaken
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.model import Contact, Location, Session, SessionState
from tests.gateways.rig import Rig, leaks, open_rig
from tests.gateways.servers import Handler, always, serve
from tests.gateways.test_green_api_events import (
    ADA,
    FAMILY,
    ID,
    LEFT_OUT,
    MESSAGES,
    NO_OBJECTS,
    NO_SENSE,
    OTHER_ID,
    SECRET,
    TOKEN,
    WEBHOOK,
    client,
)
from tests.webhook_receiver import Receiver, receiving

TEXT, TEXT_EVENT = MESSAGES["text"]

# Whatever is not switched on is not told.
TOLD = {
    "incomingWebhook",
    "outgoingWebhook",
    "outgoingMessageWebhook",
    "stateWebhook",
    "pollMessageWebhook",
    "incomingCallWebhook",
    "editedMessageWebhook",
    "deletedMessageWebhook",
}


@pytest.fixture
def green(session: aiohttp.ClientSession) -> GreenApi:
    """A client of an instance that no emulator has."""
    return client(session)


# The queue


class Listening:
    """Somebody who listens to a client, and can be asked what came."""

    def __init__(self, pushed: AsyncGenerator[Session | Event]) -> None:
        """Take the stream."""
        self._pushed = pushed

    async def next(self) -> Session | Event:
        """Return what comes next."""
        async with asyncio.timeout(10):
            return await anext(self._pushed)

    async def event(self, kind: EventKind | None = None) -> Event:
        """Return the next event, passing over the session and other kinds."""
        while True:
            news = await self.next()
            if isinstance(news, Event) and kind in (None, news.kind):
                return news


@asynccontextmanager
async def listening(green: GreenApi) -> AsyncGenerator[Listening]:
    """Listen for as long as this is entered."""
    async with aclosing(green.listen()) as pushed:
        yield Listening(pushed)


@asynccontextmanager
async def linked(rig: Rig) -> AsyncGenerator[Listening]:
    """Have a phone linked and listen, past the restart that switching on the notifications takes."""
    rig.green_instance.link(rig.green_instance.number)
    async with listening(rig.green()) as told:
        assert await told.next() == Session(SessionState.LINKED)
        # A notification that comes after the restart; what comes before it is not told.
        assert await told.next() == Session(SessionState.LINKED)
        yield told


def write(rig: Rig, **content: Any) -> str:
    """Have Ada write, and return the id of her message."""
    body = {"instance": rig.green_instance.id, "from": "+13035550142", "name": "Ada", **content}
    return rig.emulator.someone_writes(body).id


async def test_listening_switches_on_what_it_needs(rig: Rig) -> None:
    """A new instance tells nothing: everything is switched on, once, and nothing else is touched."""
    before = dict(rig.green_instance.settings)
    async with linked(rig):
        pass
    changed = {name for name, value in rig.green_instance.settings.items() if before[name] != value}
    assert changed == TOLD
    assert rig.emulator.requests.count(method="setSettings") == 1
    async with listening(rig.green()) as told:
        await told.next()
        write(rig, text="Hi")
        await told.event()
    assert rig.emulator.requests.count(method="setSettings") == 1


async def test_settings_that_are_shown_late(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call restarts the instance: until what was set may be shown at last, it is not set again."""
    instance = rig.green_instance
    instance.options.shows_settings_late = True
    instance.options.settings_seconds = 200
    instance.link(instance.number)
    green = rig.green()
    for _ in range(3):
        async with listening(green) as told:
            await told.next()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await told.next()
        await rig.vendor_second()
    assert rig.emulator.requests.count(method="getSettings") == 3
    assert rig.emulator.requests.count(method="setSettings") == 1

    # Something else is set at once, and what is not shown after all is set once more.
    await green.register_webhook(WEBHOOK)
    assert rig.emulator.requests.count(method="setSettings") == 2
    await rig.vendor_second()
    monkeypatch.setattr(green_api, "_SET_WITHIN", 0.0)
    for _ in range(2):
        await green.register_webhook(Webhook(WEBHOOK.url, "another"))
        await rig.vendor_second()
    assert rig.emulator.requests.count(method="setSettings") == 4


async def test_settings_that_somebody_changes(rig: Rig) -> None:
    """What was shown, and is not any more, is set again."""
    green = rig.green()
    for count in (1, 1, 2):
        await green.register_webhook(WEBHOOK)
        await rig.vendor_second()
        assert rig.emulator.requests.count(method="setSettings") == count
        if rig.emulator.requests.count(method="getSettings") == 2:
            rig.green_instance.settings["incomingWebhook"] = "no"


INCOMING: dict[EventKind, dict[str, Any]] = {
    EventKind.TEXT: {"text": "Is the door open?"},
    EventKind.IMAGE: {"media": {"kind": "image", "caption": "Look"}},
    EventKind.VIDEO: {"media": {"kind": "video"}},
    EventKind.AUDIO: {"media": {"kind": "audio"}},
    EventKind.VOICE: {"media": {"kind": "voice"}},
    EventKind.DOCUMENT: {"media": {"kind": "document"}},
    EventKind.STICKER: {"media": {"kind": "sticker"}},
    EventKind.LOCATION: {"location": {"latitude": 52.5, "longitude": 13.4, "name": "Gate"}},
    EventKind.CONTACT: {"contact": {"name": "Bertil", "number": "+13035550143"}},
    EventKind.POLL: {"poll": {"name": "Colour?", "options": ["red", "green"]}},
    EventKind.POLL_VOTE: {"poll_vote": {"message_id": OTHER_ID, "options": ["red"]}},
    EventKind.REACTION: {"reaction": {"message_id": OTHER_ID, "emoji": "👍"}},
    EventKind.EDITED: {"edited": {"message_id": OTHER_ID, "text": "No!"}},
    EventKind.DELETED: {"deleted": {"message_id": OTHER_ID}},
    EventKind.CALL: {"call": {"status": "offer"}},
}


async def test_queue(rig: Rig) -> None:
    """All that somebody can write, or do, is told in order, and can be written down."""
    async with linked(rig) as told:
        ids = [write(rig, **content) for content in INCOMING.values()]
        events = [await told.event() for _ in ids]
    assert [event.kind for event in events] == list(INCOMING)
    assert all(event.chat_id == ADA and event.sender.number == "13035550142" for event in events)
    by_kind = {event.kind: event for event in events}
    assert [event.message_id for event in events if event.kind is not EventKind.CALL] == ids[:-1]
    for kind in (EventKind.POLL_VOTE, EventKind.REACTION, EventKind.EDITED, EventKind.DELETED):
        assert by_kind[kind].about == OTHER_ID
    assert by_kind[EventKind.IMAGE].text == "Look"
    assert by_kind[EventKind.LOCATION].location == Location(52.5, 13.4, "Gate", "")
    assert by_kind[EventKind.CONTACT].contact == Contact("Bertil", "13035550143")
    assert by_kind[EventKind.POLL].options == ("red", "green")
    assert by_kind[EventKind.POLL_VOTE].options == ("red",)
    assert abs(by_kind[EventKind.TEXT].timestamp - time.time()) < 10


async def test_group(rig: Rig) -> None:
    """In a group, chat and sender are two."""
    async with linked(rig) as told:
        write(rig, text="Hi all", chat=FAMILY)
        event = await told.event()
    assert (event.chat_id, event.sender) == (FAMILY, Sender("13035550142", "", "Ada"))


async def test_answer_to_what_came(rig: Rig) -> None:
    """The id that an event has is the one to answer, react to and mark as read."""
    async with linked(rig) as told:
        write(rig, text="Hi")
        asked = await told.event()
        green = rig.green()
        answer = await green.send_text(asked.chat_id, "Hello", reply_to=asked.message_id)
        await green.send_reaction(asked.chat_id, asked.message_id, "👍")
        await green.mark_read(asked.chat_id, asked.message_id)
        write(rig, text="Fine", quoted_id=answer.message_id)
        reply = await told.event(EventKind.TEXT)
    assert reply.reply_to == answer.message_id
    answered, reaction = (await rig.arrived(2))[:2]
    assert answered["quoted_id"] == asked.message_id
    assert reaction["details"]["message_id"] == asked.message_id


async def test_receipts(rig: Rig) -> None:
    """A receipt is about the id that sending returned; what was sent is not told as if it had come in."""
    async with linked(rig) as told:
        sent = await rig.green().send_text(ADA, "Hello")
        delivered = await told.event()
        rig.emulator.phone.read(sent.message_id)
        read_receipt = await told.event()
        lost = await rig.green().send_text("13035550199@c.us", "Hello")
        failed = await told.event()
    assert [(each.kind, each.about) for each in (delivered, read_receipt, failed)] == [
        (EventKind.DELIVERED, sent.message_id),
        (EventKind.READ, sent.message_id),
        (EventKind.FAILED, lost.message_id),
    ]
    assert failed.text == "noAccount"


async def test_session_is_pushed(rig: Rig) -> None:
    """Each change of the session is told at once."""
    async with linked(rig) as told:
        rig.emulator.phone.unlink(rig.green_instance.id)
        assert await told.next() == Session(SessionState.UNLINKED)
        rig.green_instance.link(rig.green_instance.number)
        assert await told.next() == Session(SessionState.LINKED)
        rig.emulator.phone.limit(rig.green_instance.id)
        assert await told.next() == Session(SessionState.LIMITED)


async def test_session_comes_first(rig: Rig) -> None:
    """Who begins to listen is told how things are, also where nobody is linked."""
    async with listening(rig.green()) as told:
        assert await told.next() == Session(SessionState.UNLINKED)


async def test_not_taken_is_told_again(rig: Rig) -> None:
    """Only when the next is asked for is an event taken: one that broke off in between comes again, as the same."""
    async with linked(rig) as told:
        write(rig, text="first")
        first = await told.event()
    assert rig.emulator.requests.count(method="deleteNotification") == 1
    write(rig, text="second")
    async with listening(rig.green()) as told:
        assert await told.event() == first
        assert (await told.event()).text == "second"
    assert rig.emulator.requests.count(method="deleteNotification") == 2


async def test_waiting_is_cheap() -> None:
    """While nothing happens there is one request a minute: with the look at the session, 72 an hour."""
    async with open_rig(0.005) as rig, linked(rig) as told:
        rig.emulator.requests.reset()
        started = rig.emulator.clock.now()
        waiting = asyncio.create_task(told.event())
        await rig.emulator.clock.sleep(10 * 60 - 1)
        minutes = (rig.emulator.clock.now() - started) / 60
        assert rig.emulator.requests.counts() == {
            "green_api": {"receiveNotification": pytest.approx(minutes + 0.5, abs=1.5), "deleteNotification": 1}
        }
        write(rig, text="at last")
        assert (await waiting).text == "at last"
    pace = GreenApi.pace
    assert 3600 / 60 + 3600 / pace.pushed <= 120


# A queue of our own making


class Queue:
    """A server that has these notifications in its queue, and then breaks; other methods' answers go by their names."""

    def __init__(self, *notifications: Any, **others: Any) -> None:
        """Begin with everything switched on."""
        self.changes: list[Any] = []
        self._notifications = list(notifications)
        self._answers: dict[str, Any] = {
            "getSettings": dict.fromkeys(TOLD, "yes") | {"webhookUrl": ""},
            "setSettings": {"saveSettings": True},
            "getStateInstance": {"stateInstance": "authorized"},
            "deleteNotification": {"result": True, "reason": ""},
        } | others

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        method = request.path.split("/")[2]
        if method == "setSettings":
            self.changes.append(await request.json())
        if method != "receiveNotification":
            return _as_response(self._answers[method])
        return _as_response(self._notifications.pop(0)) if self._notifications else web.Response(status=502)


def _as_response(content: Any) -> web.StreamResponse:
    return content if isinstance(content, web.Response) else web.json_response(content)


async def heard(session: aiohttp.ClientSession, handler: Handler) -> tuple[list[Session | Event], list[str]]:
    """Return what is told until the queue breaks, and the methods that were called."""
    news: list[Session | Event] = []
    async with serve(handler) as server:
        pushed = client(session, server.url).listen()
        with pytest.raises(CannotReach):
            await _collect(pushed, news)
        await pushed.aclose()
        return news, [path.removeprefix(f"/waInstance{ID}/").replace(TOKEN, "") for _, path in server.requests]


async def _collect(pushed: AsyncGenerator[Session | Event], news: list[Session | Event]) -> None:
    async with asyncio.timeout(20):
        async for each in pushed:
            news.append(each)  # noqa: PERF401 # what came before an error is to be kept


def queued(content: Any, receipt_id: Any = 1234567) -> dict[str, Any]:
    """Return a notification as the queue wraps it."""
    return {"receiptId": receipt_id, "body": content}


async def test_notification_is_deleted_by_its_receipt(session: aiohttp.ClientSession) -> None:
    """The receipt comes after the token in the path."""
    news, called = await heard(session, Queue(queued(TEXT)).answer)
    assert news == [Session(SessionState.LINKED), TEXT_EVENT]
    assert called == [
        "getSettings/",
        "getStateInstance/",
        "receiveNotification/",
        "deleteNotification//1234567",
        "receiveNotification/",
    ]


IN_THE_WAY = NO_OBJECTS | NO_SENSE | LEFT_OUT


@pytest.mark.parametrize("content", IN_THE_WAY.values(), ids=IN_THE_WAY)
async def test_nothing_stands_in_the_way(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, content: Any
) -> None:
    """What makes no sense, or is of no use, is deleted too; the log holds nothing of it."""
    caplog.set_level(logging.DEBUG)
    news, called = await heard(session, Queue(queued(content, 1), queued(TEXT, 2)).answer)
    assert news == [Session(SessionState.LINKED), TEXT_EVENT]
    assert [path for path in called if "delete" in path] == ["deleteNotification//1", "deleteNotification//2"]
    assert leaks([TOKEN, "3035550142", "send this", "Bertil", "Colour"], None, caplog.records) == []


@pytest.mark.parametrize("nothing", [b"null", b"", b" \n"])
async def test_nothing_came(session: aiohttp.ClientSession, nothing: bytes) -> None:
    """A minute in which nothing happens is no error, however it is said."""
    quiet = web.Response(body=nothing, content_type="application/json")
    news, _ = await heard(session, Queue(quiet, queued(TEXT)).answer)
    assert news[1:] == [TEXT_EVENT]


@pytest.mark.parametrize(
    "content", [{"body": {}}, {"receiptId": "7", "body": {}}, {"receiptId": None, "body": {}}, [], "text"]
)
async def test_no_receipt(session: aiohttp.ClientSession, content: Any) -> None:
    """What cannot be deleted would come again for ever: there, listening ends."""
    async with serve(Queue(content).answer) as server, aclosing(client(session, server.url).listen()) as pushed:
        await anext(pushed)
        with pytest.raises(InvalidAnswer):
            await anext(pushed)


@pytest.mark.parametrize(
    "gone",
    [
        {"result": False, "reason": "Notification with receiptId was not found"},
        web.json_response({"message": "findUnAckedMessage: nothing there"}, status=500),
    ],
    ids=["result", "error"],
)
async def test_deleted_already(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, gone: Any) -> None:
    """That a notification is gone is what was wanted."""
    monkeypatch.setattr(green_api, "_NOT_DELETED_PAUSE", 0.05)
    news, _ = await heard(session, Queue(queued(TEXT), deleteNotification=gone).answer)
    assert news[1:] == [TEXT_EVENT]


async def test_what_cannot_be_deleted_is_not_asked_for_in_a_hurry(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that keeps what it should drop does not become a flood."""
    monkeypatch.setattr(green_api, "_NOT_DELETED_PAUSE", 0.2)
    started = time.monotonic()
    stuck = queued(TEXT)
    await heard(session, Queue(stuck, stuck, deleteNotification={"result": False, "reason": "no"}).answer)
    assert time.monotonic() - started > 0.4


async def test_only_what_is_missing_is_changed(session: aiohttp.ClientSession) -> None:
    """Settings that are right already, and those that are none of our business, are not sent."""
    given = dict.fromkeys(TOLD, "yes") | {"pollMessageWebhook": "no", "deviceWebhook": "no", "webhookUrl": ""}
    queue = Queue(queued(TEXT), getSettings=given)
    await heard(session, queue.answer)
    assert queue.changes == [{"pollMessageWebhook": "yes"}]


async def test_settings_that_are_not_saved(session: aiohttp.ClientSession) -> None:
    """What cannot be switched on is not waited for."""
    queue = Queue(getSettings={}, setSettings={"saveSettings": False})
    async with serve(queue.answer) as server, aclosing(client(session, server.url).listen()) as pushed:
        await anext(pushed)
        with pytest.raises(Refused):
            await anext(pushed)


CLEARED = "Message cannot be received because custom webhook url is set. Please clear webhook url and wait for 1 minute"


@pytest.mark.parametrize("words", [CLEARED, "instance in starting process try later"])
async def test_settings_that_do_not_hold_yet(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Right after a change the queue is not there: a while later it can be listened to anew, without an error."""
    monkeypatch.setattr(green_api, "_SETTLING", 0.2)
    started = time.monotonic()
    refusal = web.json_response({"statusCode": 400, "message": words}, status=400)
    async with serve(Queue(refusal).answer) as server, aclosing(client(session, server.url).listen()) as pushed:
        assert [news async for news in pushed] == [Session(SessionState.LINKED)]
    assert time.monotonic() - started > 0.2


# The webhook


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    """Somebody's server on loopback."""
    async with receiving() as opened:
        yield opened


async def settled(rig: Rig) -> None:
    """Wait until the instance has restarted with new settings."""
    await rig.emulator.clock.sleep(rig.green_instance.options.settings_seconds + 1)


async def test_webhook(rig: Rig, receiver: Receiver) -> None:
    """What happens is brought to us, and proves where it is from; so is the session."""
    rig.green_instance.link(rig.green_instance.number)
    green = rig.green()
    ours = Webhook(receiver.url, SECRET)
    await green.register_webhook(ours)
    await settled(rig)
    message_id = write(rig, text="Hi")
    news: list[Session | Event] = []
    while len(news) < 2:
        call = await receiver.next()
        news += green.parse_webhook(call.headers, call.body, ours)
        with pytest.raises(Forged):
            green.parse_webhook(call.headers, call.body, Webhook(receiver.url, "another"))
    linked_again, came = news
    assert linked_again == Session(SessionState.LINKED)
    assert isinstance(came, Event)
    assert (came.kind, came.text, came.message_id, came.chat_id) == (EventKind.TEXT, "Hi", message_id, ADA)


async def test_retry_tells_the_same(rig: Rig, receiver: Receiver) -> None:
    """What was not taken comes again after a minute, as the same event."""
    rig.green_instance.link(rig.green_instance.number)
    green = rig.green()
    ours = Webhook(receiver.url, SECRET)
    await green.register_webhook(ours)
    await settled(rig)
    await receiver.next()
    receiver.refusals = [500]
    write(rig, text="Hi")
    first, second = [
        green.parse_webhook(call.headers, call.body, ours) for call in [await receiver.next(), await receiver.next()]
    ]
    assert first == second != []


async def test_queue_and_webhook_tell_the_same(rig: Rig, receiver: Receiver) -> None:
    """An event that was not taken from the queue comes to the webhook as the same."""
    async with linked(rig) as told:
        write(rig, text="Hi")
        from_queue = await told.event()
    green = rig.green()
    ours = Webhook(receiver.url, SECRET)
    await green.register_webhook(ours)
    call = await receiver.next()
    assert green.parse_webhook(call.headers, call.body, ours) == [from_queue]


async def test_registering_again(rig: Rig) -> None:
    """What is registered already costs no restart; a new secret or query is brought up to date."""
    green = rig.green()
    url = "http://127.0.0.1:9/hook"
    await green.register_webhook(Webhook(url, SECRET))
    await green.register_webhook(Webhook(url, SECRET))
    assert rig.emulator.requests.count(method="setSettings") == 1
    await green.register_webhook(Webhook(f"{url}?v=2", "another"))
    assert rig.emulator.requests.count(method="setSettings", status=200) == 2
    kept = rig.green_instance.settings
    assert (kept["webhookUrl"], kept["webhookUrlToken"]) == (f"{url}?v=2", "another")
    assert all(kept[name] == "yes" for name in TOLD)


async def test_taken_webhook(rig: Rig) -> None:
    """Somebody else's webhook is left alone, unless it may be replaced."""
    theirs = {"webhookUrl": "https://elsewhere.example/hook", "webhookUrlToken": "theirs"}
    rig.green_instance.settings |= theirs
    before = dict(rig.green_instance.settings)
    green = rig.green()
    with pytest.raises(WebhookTaken) as caught:
        await green.register_webhook(WEBHOOK)
    with pytest.raises(WebhookTaken):
        await green.register_webhook(Webhook("", ""))
    await green.unregister_webhook(WEBHOOK)
    await green.unregister_webhook(Webhook("", ""))
    assert rig.green_instance.settings == before
    assert leaks(["elsewhere", SECRET, *rig.secrets("green_api")], caught.value, []) == []
    await green.register_webhook(WEBHOOK, replace=True)
    assert rig.green_instance.settings["webhookUrl"] == WEBHOOK.url
    assert rig.green_instance.settings["webhookUrlToken"] == SECRET


async def test_unregistering(rig: Rig) -> None:
    """Ours goes, whatever its query, and with it the secret; where there is none, nothing is changed."""
    green = rig.green()
    await green.unregister_webhook(WEBHOOK)
    assert rig.emulator.requests.count(method="setSettings") == 0
    await green.register_webhook(WEBHOOK)
    await green.unregister_webhook(Webhook(f"{WEBHOOK.url}?v=2", SECRET))
    assert rig.green_instance.settings["webhookUrl"] == rig.green_instance.settings["webhookUrlToken"] == ""


async def test_queue_that_a_webhook_empties(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can listen beside a webhook; with anybody's permission to remove it, one can."""
    monkeypatch.setattr(green_api, "_SETTLING", 0.1)
    rig.green_instance.link(rig.green_instance.number)
    green = rig.green()
    await green.register_webhook(Webhook("http://127.0.0.1:9/hook", "theirs"))
    await settled(rig)
    async with listening(green) as told:
        with pytest.raises(WebhookTaken):
            await told.next()
    await green.register_webhook(Webhook("", ""), replace=True)
    assert rig.green_instance.settings["webhookUrl"] == ""
    # The address still holds for a while.
    async with aclosing(green.listen()) as pushed:
        assert [news async for news in pushed] == [Session(SessionState.STARTING)]
    async with listening(green) as told:
        write(rig, text="Hi")
        assert (await told.event()).text == "Hi"


async def test_webhook_that_appears_meanwhile(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook that somebody registers while we listen ends it; the next time it is said whose fault that is."""
    monkeypatch.setattr(green_api, "_SETTLING", 0.1)
    async with linked(rig) as told:
        await rig.green().register_webhook(Webhook("http://127.0.0.1:9/hook", "theirs"))
        with pytest.raises(StopAsyncIteration):
            await told.event()
    async with listening(rig.green()) as told:
        with pytest.raises(WebhookTaken):
            await told.next()


# Files


async def test_file(rig: Rig) -> None:
    """A file that came can be had, to the last byte."""
    async with linked(rig) as told:
        write(rig, media={"kind": "document", "file_name": "plan äöü.pdf", "data": "JVBERi0xLjQgbWFkZSB1cA=="})
        file = (await told.event()).file
    assert file is not None
    assert (file.mime_type, file.file_name) == ("application/pdf", "plan äöü.pdf")
    assert await rig.green().fetch_file(file, 1000) == b"%PDF-1.4 made up"


async def test_file_is_fetched_without_credentials(session: aiohttp.ClientSession) -> None:
    """The storage provider sees the address that was told, and nothing of ours."""
    seen: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.raw_path, dict(request.headers)))
        return web.Response(body=b"content")

    async with serve(answer) as server:
        green = client(session, "http://127.0.0.1:9")
        file = ReceivedFile("image/png", "", f"{server.url}/a%2Fb/c%20d.png?X-Signature=1%2B2&X-Date=7")
        assert await green.fetch_file(file, 7) == b"content"
    [(path, headers)] = seen
    assert path == "/a%2Fb/c%20d.png?X-Signature=1%2B2&X-Date=7"
    assert TOKEN not in repr(seen)
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("status", "limit"),
    [(200, 6), (401, 100), (404, 100), (403, 100), (410, 100)],
    ids=["too large", "401", "404", "403", "410"],
)
async def test_file_that_cannot_be_had(session: aiohttp.ClientSession, status: int, limit: int) -> None:
    """A file that is larger than wanted, or gone, is refused."""
    async with serve(always(status, b"content")) as server:
        green = client(session, "http://127.0.0.1:9")
        with pytest.raises(Refused):
            await green.fetch_file(ReceivedFile("image/png", "", f"{server.url}/a.png"), limit)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "a.png",
        "ftp://storage.example/a.png",
        "http://",
        "http://[",
        "file:///a",
        "http://xn--/a",
        "http://storage.example:99999/a",
        "http://\ud800/a",
    ],
)
async def test_file_without_an_address(green: GreenApi, reference: str) -> None:
    """What is no address is not asked for."""
    with pytest.raises(Refused):
        await green.fetch_file(ReceivedFile("image/png", "", reference), 100)


async def test_file_at_home(green: GreenApi, session: aiohttp.ClientSession) -> None:
    """A vendor on the internet cannot make us fetch from the home network."""
    async with serve(always(body=b"private")) as server:
        with pytest.raises(Refused):
            await green.fetch_file(ReceivedFile("image/png", "", f"{server.url}/a.png"), 100)
        assert server.requests == []
