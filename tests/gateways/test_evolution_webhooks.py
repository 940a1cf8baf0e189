"""Evolution API's webhook: registered at the emulated server, called by it, and read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
import logging
from typing import Any

import aiohttp
import pytest

from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.errors import InvalidAnswer, Refused, WebhookTaken
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.evolution import Evolution
from custom_components.whatsapp_link.gateways.model import (
    Contact,
    Location,
    Media,
    MediaKind,
    Poll,
    Session,
    SessionState,
    Typing,
)
from tests.emulator.evolution_instance import EvolutionInstance
from tests.emulator.evolution_jids import lid_of
from tests.emulator.model import Kind, Message
from tests.gateways.rig import HOOK, Rig, client_for, leaks
from tests.gateways.servers import always, serve
from tests.webhook_receiver import Receiver, receiving

CREDENTIALS = {"token": "0DDBA11" * 5, "instance_name": "living room"}
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
ADA_LID = lid_of(ADA)
CHEN = "+13035550144"
GROUP = "120363000000000142@g.us"
SUBSCRIBED = ["MESSAGES_UPSERT", "MESSAGES_EDITED", "MESSAGES_UPDATE", "MESSAGES_DELETE", "CALL", "CONNECTION_UPDATE"]
_QUIET_SECONDS = 0.2
PNG = b"\x89PNG\r\n\x1a\n made up"


def made(rig: Rig, **options: Any) -> EvolutionInstance:
    """Return a new instance with a linked phone."""
    instance = rig.emulator.gateways["evolution"].create_instance(options=options)
    assert isinstance(instance, EvolutionInstance)
    instance.link(instance.number)
    return instance


def client(rig: Rig, instance: EvolutionInstance) -> Evolution:
    """Return a client of an instance."""
    gateway = client_for(rig.session, instance, Evolution)
    assert isinstance(gateway, Evolution)
    return gateway


def row(instance: EvolutionInstance) -> dict[str, Any]:
    """Return the webhook as the server has it."""
    assert instance.webhook.row is not None
    return instance.webhook.row


def at(session: aiohttp.ClientSession, url: str) -> Evolution:
    """Return a client of a server that is no emulator's."""
    return Evolution(session, url, CREDENTIALS)


# Registering


def test_way() -> None:
    """Events come by a webhook or not at all."""
    assert Evolution.ways == (Way.WEBHOOK,)
    assert Evolution.pushes_session is False


async def test_register(rig: Rig) -> None:
    """The first webhook is registered for exactly what is of use, with our secret."""
    instance = made(rig)
    await client(rig, instance).register_webhook(HOOK)
    expected = {
        "enabled": True,
        "url": HOOK.url,
        "headers": {"X-Webhook-Secret": HOOK.secret},
        "webhookByEvents": False,
        "webhookBase64": False,
        "events": SUBSCRIBED,
    }
    assert {name: row(instance)[name] for name in expected} == expected


async def test_register_again(rig: Rig) -> None:
    """What is registered already is only looked at."""
    instance = made(rig)
    gateway = client(rig, instance)
    for _ in range(2):
        await gateway.register_webhook(HOOK)
    assert rig.emulator.requests.count("evolution", method="webhook/find") == 2
    assert rig.emulator.requests.count("evolution", method="webhook/set") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"url": f"{HOOK.url}?old"},
        {"headers": None},
        {"headers": {"X-Webhook-Secret": "another"}},
        {"webhookBase64": True},
        {"webhookByEvents": True},
        {"events": ["CALL"]},
        {"enabled": False},
        # Home Assistant got another address.
        {"url": "http://192.0.2.7:8123/api/webhook/0123456789abcdef"},
    ],
)
async def test_bring_up_to_date(rig: Rig, change: dict[str, Any]) -> None:
    """Ours is written anew if anything of it is not as it should be."""
    instance = made(rig)
    gateway = client(rig, instance)
    await gateway.register_webhook(HOOK)
    wanted = row(instance)
    instance.webhook.row = {**wanted, **change}
    await gateway.register_webhook(HOOK)
    assert {**row(instance), "updatedAt": None} == {**wanted, "updatedAt": None}


async def test_somebody_elses(rig: Rig) -> None:
    """There is room for one: somebody else's stays until the user says that it need not."""
    instance = made(rig)
    theirs = replace(HOOK, url="https://n8n.example/hook", secret="theirs")
    await client(rig, instance).register_webhook(theirs)
    before = row(instance)
    gateway = client(rig, instance)
    with pytest.raises(WebhookTaken):
        await gateway.register_webhook(HOOK)
    await gateway.unregister_webhook(HOOK)
    assert row(instance) == before
    await gateway.register_webhook(HOOK, replace=True)
    assert row(instance)["url"] == HOOK.url


async def test_somebody_elses_is_off(rig: Rig) -> None:
    """What is switched off needs no room."""
    instance = made(rig)
    theirs = replace(HOOK, url="https://n8n.example/hook", secret="theirs")
    gateway = client(rig, instance)
    await gateway.register_webhook(theirs)
    await gateway.unregister_webhook(theirs)
    await gateway.register_webhook(HOOK)
    assert row(instance)["url"] == HOOK.url


async def test_unregister(rig: Rig) -> None:
    """Ours is switched off, and our secret does not stay there; twice is as good as once."""
    instance = made(rig)
    gateway = client(rig, instance)
    await gateway.unregister_webhook(HOOK)
    assert instance.webhook.row is None
    await gateway.register_webhook(HOOK)
    for _ in range(2):
        await gateway.unregister_webhook(replace(HOOK, url=f"{HOOK.url}?old"))
    assert (row(instance)["enabled"], row(instance)["headers"]) == (False, {})
    assert rig.emulator.requests.count("evolution", method="webhook/set") == 2


async def test_too_old_for_a_secret(session: aiohttp.ClientSession) -> None:
    """A server that does not keep the secret would call without it, and each of its calls would be refused."""
    async with serve(always(body='{"enabled": false, "url": "", "headers": null}')) as server:
        with pytest.raises(Refused, match="too old"):
            await at(session, server.url).register_webhook(HOOK)


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "[{}]"])
async def test_no_webhook_in_the_answer(session: aiohttp.ClientSession, body: str) -> None:
    """An answer of another kind is not taken for a webhook."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).register_webhook(HOOK)
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).unregister_webhook(HOOK)


# What the emulated server tells


class Home:
    """Home Assistant's side: what the webhook is told comes out as events."""

    def __init__(self, rig: Rig, receiver: Receiver, instance: EvolutionInstance) -> None:
        """Take who calls and who is called."""
        self.rig = rig
        self.instance = instance
        self.gateway = client(rig, instance)
        self.webhook = Webhook(receiver.url, HOOK.secret)
        self._receiver = receiver

    async def told(self, count: int = 1) -> list[Session | Event]:
        """Return the next news, which may take several calls."""
        news: list[Session | Event] = []
        while len(news) < count:
            call = await self._receiver.next()
            news += self.gateway.parse_webhook(call.headers, call.body, self.webhook)
        assert len(news) == count
        return news

    async def event(self) -> Event:
        """Return the next event."""
        [event] = await self.told()
        assert isinstance(event, Event)
        return event

    async def nothing_else(self) -> None:
        """Make sure that nothing of use comes any more."""
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(_QUIET_SECONDS):
                    call = await self._receiver.next()
                assert self.gateway.parse_webhook(call.headers, call.body, self.webhook) == []

    def write(self, text: str = "", *, sender: str = ADA, **more: Any) -> Message:
        """Have somebody write."""
        written, noticed = self.rig.emulator.phone.write(self.instance.id, sender, text, **more)
        assert noticed
        return written

    def type(self, text: str = "", *, chat: str = ADA_CHAT, **more: Any) -> Message:
        """Have the owner of the account write on the phone."""
        written, noticed = self.rig.emulator.phone.write_own(self.instance.id, chat, text, **more)
        assert noticed
        return written

    def attach(self, name: str, mime_type: str, content: bytes = PNG) -> dict[str, Any]:
        """Return the details of a message with a file."""
        return self.rig.emulator.world.files.attach(content, mime_type, name)


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


async def test_contents(rig: Rig, receiver: Receiver) -> None:
    """Each kind of message arrives as what it is."""
    here = await home(rig, receiver)
    place = {"latitude": 52.5163, "longitude": 13.3777, "name": "Gate", "address": "Square 1"}
    poll = {"options": ["Yes", "No"], "multiple": False}
    sent = [
        here.write("Hello"),
        here.write("Look", kind=Kind.IMAGE, details=here.attach("picture.png", "image/png")),
        here.write("Look", kind=Kind.VIDEO, details=here.attach("clip.mp4", "video/mp4")),
        here.write(kind=Kind.AUDIO, details=here.attach("song.mp3", "audio/mpeg")),
        here.write(kind=Kind.VOICE, details=here.attach("voice.ogg", "audio/ogg; codecs=opus")),
        here.write("Read", kind=Kind.DOCUMENT, details=here.attach("manual.pdf", "application/pdf")),
        here.write(kind=Kind.STICKER, details=here.attach("sticker.webp", "image/webp")),
        here.write(kind=Kind.LOCATION, details=place),
        here.write(kind=Kind.CONTACT, details={"name": "Bertil", "number": "+13035550143"}),
        here.write("Pizza?", kind=Kind.POLL, details=poll),
    ]
    ids = [message.id for message in sent]
    told = [await here.event() for _ in sent]
    assert [event.event_id for event in told] == ids
    assert [event.message_id for event in told] == [f"false_{ADA_CHAT}_{id_}" for id_ in ids]
    assert {(event.chat_id, event.sender, event.from_me) for event in told} == {
        (ADA_CHAT, Sender("13035550142", "", "Ada"), False)
    }
    assert [(event.kind, event.text, event.file) for event in told] == [
        (EventKind.TEXT, "Hello", None),
        (EventKind.IMAGE, "Look", ReceivedFile("image/png", "", ids[1])),
        (EventKind.VIDEO, "Look", ReceivedFile("video/mp4", "", ids[2])),
        (EventKind.AUDIO, "", ReceivedFile("audio/mpeg", "", ids[3])),
        (EventKind.VOICE, "", ReceivedFile("audio/ogg", "", ids[4])),
        (EventKind.DOCUMENT, "Read", ReceivedFile("application/pdf", "manual.pdf", ids[5])),
        (EventKind.STICKER, "", ReceivedFile("image/webp", "", ids[6])),
        (EventKind.LOCATION, "", None),
        (EventKind.CONTACT, "", None),
        (EventKind.POLL, "Pizza?", None),
    ]
    assert told[7].location == Location(52.5163, 13.3777, "Gate", "Square 1")
    assert told[8].contact == Contact("Bertil", "13035550143")
    assert told[9].options == ("Yes", "No")
    await here.nothing_else()


@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("chat", [None, GROUP])
async def test_who_wrote(rig: Rig, receiver: Receiver, lids: bool, chat: str | None) -> None:
    """A person is known by number, whatever WhatsApp calls them."""
    here = await home(rig, receiver, lids=lids)
    here.write("Hello", chat_id=chat)
    event = await here.event()
    assert event.chat_id == (chat or ADA_CHAT)
    assert event.sender == Sender("13035550142", ADA_LID if lids else "", "Ada")


@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("chat", [ADA_CHAT, GROUP])
async def test_ids_can_be_given_back(rig: Rig, receiver: Receiver, lids: bool, chat: str) -> None:
    """The id of what came in is what a reply, a reaction and a read mark take."""
    here = await home(rig, receiver, lids=lids)
    written = here.write("Hello", chat_id=chat)
    event = await here.event()
    await here.gateway.send_text(chat, "Hi", reply_to=event.message_id)
    await here.gateway.send_reaction(chat, event.message_id, "👍")
    await here.gateway.mark_read(chat, event.message_id)
    first, second = await rig.arrived(2)
    assert (first["quoted_id"], second["details"]["message_id"]) == (written.id, written.id)


@pytest.mark.parametrize("lids", [False, True])
async def test_receipts(rig: Rig, receiver: Receiver, lids: bool) -> None:
    """What is told of a message names it as it was called when it was sent."""
    here = await home(rig, receiver, lids=lids)
    sent = await here.gateway.send_text(ADA_CHAT, "Dinner is ready")
    delivered = await here.event()
    rig.emulator.phone.read(rig.emulator.phone.messages(here.instance.id)[0].id)
    read = await here.event()
    assert [delivered.kind, read.kind] == [EventKind.DELIVERED, EventKind.READ]
    assert {(event.about, event.chat_id) for event in (delivered, read)} == {(sent.message_id, ADA_CHAT)}
    assert delivered.event_id != read.event_id
    await here.nothing_else()


async def test_failure(rig: Rig, receiver: Receiver) -> None:
    """WhatsApp refused a message of an account that it restricts."""
    here = await home(rig, receiver, refuses_restricted=True)
    here.instance.limit()
    sent = await here.gateway.send_text(ADA_CHAT, "Dinner is ready")
    news = await here.told()
    event = news[-1]
    assert isinstance(event, Event)
    assert (event.kind, event.about) == (EventKind.FAILED, sent.message_id)


@pytest.mark.parametrize("lids", [False, True])
async def test_what_answers_a_message(rig: Rig, receiver: Receiver, lids: bool) -> None:
    """Replies and reactions name what was sent as it was called when it was sent."""
    here = await home(rig, receiver, lids=lids)
    for chat in (ADA_CHAT, GROUP):
        sent = await here.gateway.send_text(chat, "Open the door?")
        await here.event()
        whatsapp_id = rig.emulator.phone.messages(here.instance.id)[-1].id
        where = chat if chat == GROUP else None
        here.write("Yes", quoted_id=whatsapp_id, chat_id=where)
        here.write("👍", kind=Kind.REACTION, details={"message_id": whatsapp_id}, chat_id=where)
        here.write("", kind=Kind.REACTION, details={"message_id": whatsapp_id}, chat_id=where)
        reply, reaction, taken_back = [await here.event() for _ in range(3)]
        assert (reply.text, reply.reply_to) == ("Yes", sent.message_id)
        assert [reaction.about, taken_back.about] == [sent.message_id] * 2
        assert [reaction.text, taken_back.text] == ["👍", ""]


@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("votes_as_messages", [False, True])
@pytest.mark.parametrize("vote_status", ["DELETED", "SERVER_ACK"])
async def test_votes(rig: Rig, receiver: Receiver, lids: bool, votes_as_messages: bool, vote_status: str) -> None:
    """In whatever way the version tells it: who chose what in which poll."""
    here = await home(rig, receiver, lids=lids, votes_as_messages=votes_as_messages, vote_status=vote_status)
    sent = await here.gateway.send_poll(ADA_CHAT, Poll("Pizza?", ("Yes", "No"), multiple=False))
    await here.event()
    poll = rig.emulator.phone.messages(here.instance.id)[0].id
    told = []
    for options in (["Yes"], ["No"], ["Yes"], []):
        here.write("Pizza?", kind=Kind.POLL_VOTE, details={"message_id": poll, "options": options})
        told.append(await here.event())
    assert [event.options for event in told] == [("Yes",), ("No",), ("Yes",), ()]
    assert {(event.kind, event.chat_id, event.about) for event in told} == {
        (EventKind.POLL_VOTE, ADA_CHAT, sent.message_id)
    }
    assert len({event.event_id for event in told}) == 4


@pytest.mark.parametrize("lids", [False, True])
@pytest.mark.parametrize("edits_as_sent", [False, True])
@pytest.mark.parametrize("chat", [None, GROUP])
async def test_changes(rig: Rig, receiver: Receiver, lids: bool, edits_as_sent: bool, chat: str | None) -> None:
    """Somebody changes and deletes a message of theirs; the deletion is told twice, and is one."""
    here = await home(rig, receiver, lids=lids, edits_as_sent=edits_as_sent)
    about = here.write("Hello", chat_id=chat).id
    first = await here.event()
    here.write("Hello!", kind=Kind.EDITED, details={"message_id": about}, chat_id=chat)
    here.write(kind=Kind.DELETED, details={"message_id": about}, chat_id=chat)
    edited, deleted, again = [await here.event() for _ in range(3)]
    assert [edited.kind, deleted.kind, again.kind] == [EventKind.EDITED, EventKind.DELETED, EventKind.DELETED]
    assert {event.about for event in (edited, deleted, again)} == {first.message_id}
    assert {event.chat_id for event in (edited, deleted, again)} == {first.chat_id}
    assert {event.sender.number for event in (edited, deleted, again)} == {"13035550142"}
    assert (edited.text, edited.from_me) == ("Hello!", False)
    assert deleted.event_id == again.event_id != edited.event_id
    await here.nothing_else()


async def test_what_the_api_does(rig: Rig, receiver: Receiver) -> None:
    """Nothing of it is news but how far it gets."""
    here = await home(rig, receiver)
    sent = await here.gateway.send_text(ADA_CHAT, "Hello")
    await here.gateway.edit_message(ADA_CHAT, sent.message_id, "Hello!")
    await here.gateway.delete_message(ADA_CHAT, sent.message_id)
    await here.gateway.send_media(ADA_CHAT, Media(MediaKind.IMAGE, "image/png", "a.png", PNG))
    await here.gateway.send_typing(ADA_CHAT, Typing.PAUSED)
    await rig.arrived(4)
    while True:
        event = await here.event()
        assert event.kind is EventKind.DELIVERED
        if event.about != sent.message_id:
            break
    await here.nothing_else()


@pytest.mark.parametrize("lids", [False, True])
async def test_typed_on_the_phone(rig: Rig, receiver: Receiver, lids: bool) -> None:
    """What the owner of the account does on the phone is told as theirs, without receipts."""
    here = await home(rig, receiver, lids=lids)
    sent = await here.gateway.send_text(ADA_CHAT, "Hello")
    await here.event()
    api_id = rig.emulator.phone.messages(here.instance.id)[0].id
    typed = here.type("On my way", quoted_id=api_id)
    here.type("👍", kind=Kind.REACTION, details={"message_id": api_id})
    here.type("Hello!", kind=Kind.EDITED, details={"message_id": api_id})
    here.type(kind=Kind.DELETED, details={"message_id": typed.id})
    text, reaction, edited, deleted, again = [await here.event() for _ in range(5)]
    seen = [(event.kind, event.text, event.about) for event in (text, reaction, edited, deleted)]
    assert seen == [
        (EventKind.TEXT, "On my way", ""),
        (EventKind.REACTION, "👍", sent.message_id),
        (EventKind.EDITED, "Hello!", sent.message_id),
        (EventKind.DELETED, "", text.message_id),
    ]
    told = (text, reaction, edited, deleted, again)
    assert {(event.chat_id, event.from_me, event.sender) for event in told} == {(ADA_CHAT, True, Sender())}
    assert deleted.event_id == again.event_id
    await here.nothing_else()


async def test_call(rig: Rig, receiver: Receiver) -> None:
    """A call is told when it rings, and not when it is over."""
    here = await home(rig, receiver)
    for status in ("missed", "offer", "hangUp"):
        here.write(kind=Kind.CALL, details={"status": status})
    event = await here.event()
    assert (event.kind, event.chat_id, event.sender.number) == (EventKind.CALL, ADA_CHAT, "13035550142")
    await here.nothing_else()


async def test_session(rig: Rig, receiver: Receiver) -> None:
    """The phone unlinks and is linked again; what comes in between is no news."""
    here = await home(rig, receiver)
    here.instance.unlink()
    assert await here.told() == [Session(SessionState.UNLINKED)]
    here.instance.connect()
    here.instance.link(here.instance.number)
    assert await here.told() == [Session(SessionState.LINKED)]
    await here.nothing_else()


async def test_repeated(rig: Rig, receiver: Receiver) -> None:
    """What was not taken comes again, and is the same then."""
    here = await home(rig, receiver)
    receiver.refusals = [500]
    here.write("Hello")
    first, second = await here.event(), await here.event()
    assert first == second


async def test_nothing_is_logged(rig: Rig, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither text nor number nor secret stands in the log, or in what an event looks like there."""
    caplog.set_level(logging.DEBUG, logger="custom_components")
    here = await home(rig, receiver)
    written = here.write("Dinner is ready", kind=Kind.IMAGE, details=here.attach("a.png", "image/png"))
    event = await here.event()
    assert event.file
    await here.gateway.fetch_file(event.file, 1000)
    await here.gateway.unregister_webhook(here.webhook)
    private = [*rig.secrets("evolution"), HOOK.secret, receiver.url, "Dinner", "13035550142", written.id]
    records = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert records
    assert leaks(private, None, records) == []
    assert not any(text in repr((event, here.gateway, here.webhook)) for text in private)


# Files


async def test_fetch_file(rig: Rig, receiver: Receiver) -> None:
    """The bytes are those that were sent, as long as they may be."""
    here = await home(rig, receiver)
    content = bytes(range(256)) * 800
    here.write(kind=Kind.DOCUMENT, details=here.attach("a.bin", "application/octet-stream", content))
    file = (await here.event()).file
    assert file
    assert await here.gateway.fetch_file(file, len(content)) == content
    for limit in (len(content) - 1, len(content) // 2, 0):
        with pytest.raises(Refused, match="too large"):
            await here.gateway.fetch_file(file, limit)


async def test_fetch_nothing(rig: Rig, receiver: Receiver) -> None:
    """What is gone, and what is no file, is refused."""
    here = await home(rig, receiver)
    text = here.write("Hello")
    gone = here.write(kind=Kind.IMAGE, details={"url": "http://192.0.2.1/a.png", "mime_type": "image/png"})
    for reference in (text.id, gone.id, "unknown", ""):
        with pytest.raises(Refused):
            await here.gateway.fetch_file(ReceivedFile("image/png", "", reference), 1000)


@pytest.mark.parametrize("body", ['{"base64": "%%%"}', '{"base64": 1}', '{"base64": "A"}', "{}", "[]", "null"])
async def test_no_file_in_the_answer(session: aiohttp.ClientSession, body: str) -> None:
    """An answer without a file in it is not taken for one."""
    async with serve(always(201, body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).fetch_file(ReceivedFile("image/png", "", "ID"), 1000)
