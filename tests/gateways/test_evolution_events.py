"""What Evolution API tells: payloads as its sources and its documentation show them, and the emulated server."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
import json
import logging
import time
from typing import Any

import aiohttp
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways.errors import Forged, InvalidAnswer
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.evolution import Evolution
from custom_components.whatsapp_link.gateways.evolution_keys import key_of
from custom_components.whatsapp_link.gateways.model import Contact, Location, Session, SessionState
from tests.gateways.nonsense import ANY_BYTES, EXAMPLES, Nonsense, Places
from tests.gateways.rig import leaks

CREDENTIALS = {"token": "0DDBA11" * 5, "instance_name": "living room"}
HOOK = Webhook("https://home.example/api/webhook/0123456789abcdef", "a-secret-shared-with-the-gateway")
HEADERS = {"x-webhook-secret": HOOK.secret}

OWN = "12025550101@s.whatsapp.net"
ADA = "13035550142@s.whatsapp.net"
ADA_LID = "181234567890123@lid"
CHAT = "13035550142@c.us"
GROUP = "120363000000000142@g.us"
ID = "3AEB0C0FFEE0DDBA11"
NOW = 1_760_000_000
PNG = b"\x89PNG\r\n\x1a\n made up"

type Told = list[Session | Event]


@pytest.fixture
async def gateway(session: aiohttp.ClientSession) -> Evolution:
    """A client that asks nobody."""
    return Evolution(session, "http://127.0.0.1:9", CREDENTIALS)


def body(data: Any, event: str = "messages.upsert", **envelope: Any) -> bytes:
    """Return the body of a call, as the page on webhooks shows it."""
    call = {
        "event": event,
        "instance": "living room",
        "data": data,
        "destination": HOOK.url,
        "date_time": "2025-10-09T08:53:20.000Z",
        "sender": OWN,
        "server_url": "http://192.0.2.7:8080",
        "apikey": None,
    }
    return json.dumps(call | envelope).encode()


def read(gateway: Evolution, data: Any, event: str = "messages.upsert", **envelope: Any) -> Told:
    """Return what a call tells."""
    return gateway.parse_webhook(HEADERS, body(data, event, **envelope), HOOK)


def one(told: Told) -> Event:
    """Return the only event."""
    [event] = told
    assert isinstance(event, Event)
    return event


def message(content: dict[str, Any], *, chat: str = ADA, mine: bool = False, **more: Any) -> dict[str, Any]:
    """Return the data of `messages.upsert`."""
    key = {"remoteJid": chat, "fromMe": mine, "id": ID, **more.pop("key", {})}
    return {
        "key": key,
        "pushName": "Ada",
        "status": "SERVER_ACK" if mine else "DELIVERY_ACK",
        "message": content,
        "messageType": next(iter(content), "conversation"),
        "messageTimestamp": NOW,
        "instanceId": "5b0f3c0e-0000-4000-8000-000000000000",
        "source": "android",
        **more,
    }


def update(status: str, *, mine: bool = True, chat: str = ADA, **more: Any) -> dict[str, Any]:
    """Return the data of `messages.update`."""
    return {
        "keyId": ID,
        "remoteJid": chat,
        "fromMe": mine,
        "status": status,
        "instanceId": "x",
        "messageId": "y",
    } | more


# What is in a message

EXPECTED = Event(
    EventKind.TEXT,
    event_id=ID,
    chat_id=CHAT,
    timestamp=NOW,
    sender=Sender("13035550142", "", "Ada"),
    message_id=f"false_{CHAT}_{ID}",
)
FILE = {"url": "https://mmg.whatsapp.net/v/t62.enc?oh=1", "mediaKey": "AAECAw==", "fileLength": "1234"}
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Bertil\nTEL;type=CELL;type=VOICE;waid=13035550143:+1 303-555-0143\nEND:VCARD"
PLAIN_CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Bertil\nitem1.TEL:+1 (303) 555-0143\nEND:VCARD"
BERTIL = Contact("Bertil", "13035550143")
POLL = {"name": "Pizza?", "options": [{"optionName": "Yes"}, {"optionName": "No"}], "selectableOptionsCount": 1}
PLACE = {"degreesLatitude": 52.5163, "degreesLongitude": 13.3777, "name": "Gate", "address": "Square 1"}

CONTENTS: list[tuple[dict[str, Any], Event]] = [
    ({"conversation": "Hello"}, replace(EXPECTED, text="Hello")),
    ({"extendedTextMessage": {"text": "Hello"}}, replace(EXPECTED, text="Hello")),
    (
        {"messageContextInfo": {"deviceListMetadata": {}}, "conversation": "Hello"},
        replace(EXPECTED, text="Hello"),
    ),
    (
        {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "Gone tomorrow"}}}},
        replace(EXPECTED, text="Gone tomorrow"),
    ),
    (
        {"imageMessage": {**FILE, "mimetype": "image/jpeg", "caption": "Look"}},
        replace(EXPECTED, kind=EventKind.IMAGE, text="Look", file=ReceivedFile("image/jpeg", "", ID)),
    ),
    (
        {"viewOnceMessageV2": {"message": {"imageMessage": {**FILE, "mimetype": "image/jpeg"}}}},
        replace(EXPECTED, kind=EventKind.IMAGE, file=ReceivedFile("image/jpeg", "", ID)),
    ),
    (
        {"videoMessage": {**FILE, "mimetype": "video/mp4", "caption": "Look", "seconds": 3}},
        replace(EXPECTED, kind=EventKind.VIDEO, text="Look", file=ReceivedFile("video/mp4", "", ID)),
    ),
    (
        {"ptvMessage": {**FILE, "mimetype": "video/mp4"}},
        replace(EXPECTED, kind=EventKind.VIDEO, file=ReceivedFile("video/mp4", "", ID)),
    ),
    (
        {"audioMessage": {**FILE, "mimetype": "audio/mpeg", "ptt": False}},
        replace(EXPECTED, kind=EventKind.AUDIO, file=ReceivedFile("audio/mpeg", "", ID)),
    ),
    (
        {"audioMessage": {**FILE, "mimetype": "audio/ogg; codecs=opus", "ptt": True}},
        replace(EXPECTED, kind=EventKind.VOICE, file=ReceivedFile("audio/ogg", "", ID)),
    ),
    (
        {"documentMessage": {**FILE, "mimetype": "application/pdf", "fileName": "manual.pdf", "caption": "Read"}},
        replace(
            EXPECTED,
            kind=EventKind.DOCUMENT,
            text="Read",
            file=ReceivedFile("application/pdf", "manual.pdf", ID),
        ),
    ),
    (
        {"documentWithCaptionMessage": {"message": {"documentMessage": {**FILE, "fileName": "a"}}}},
        replace(EXPECTED, kind=EventKind.DOCUMENT, file=ReceivedFile("application/octet-stream", "a", ID)),
    ),
    (
        {"stickerMessage": {**FILE, "mimetype": "image/webp"}},
        replace(EXPECTED, kind=EventKind.STICKER, file=ReceivedFile("image/webp", "", ID)),
    ),
    (
        {"locationMessage": PLACE},
        replace(EXPECTED, kind=EventKind.LOCATION, location=Location(52.5163, 13.3777, "Gate", "Square 1")),
    ),
    (
        {"liveLocationMessage": {"degreesLatitude": -1, "degreesLongitude": 2, "caption": "Coming"}},
        replace(EXPECTED, kind=EventKind.LOCATION, text="Coming", location=Location(-1, 2)),
    ),
    (
        {"contactMessage": {"displayName": "Bertil", "vcard": CARD}},
        replace(EXPECTED, kind=EventKind.CONTACT, contact=BERTIL),
    ),
    (
        {"contactMessage": {"displayName": "Bertil", "vcard": PLAIN_CARD}},
        replace(EXPECTED, kind=EventKind.CONTACT, contact=BERTIL),
    ),
    (
        {"contactMessage": {"displayName": "Nobody"}},
        replace(EXPECTED, kind=EventKind.CONTACT, contact=Contact("Nobody", "")),
    ),
    (
        {"contactsArrayMessage": {"displayName": "2 contacts", "contacts": [{"displayName": "Bertil", "vcard": CARD}]}},
        replace(EXPECTED, kind=EventKind.CONTACT, contact=BERTIL),
    ),
    *(
        ({name: POLL}, replace(EXPECTED, kind=EventKind.POLL, text="Pizza?", options=("Yes", "No")))
        for name in ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5")
    ),
    (
        {"pollCreationMessageV4": {"message": {"pollCreationMessageV3": POLL}}},
        replace(EXPECTED, kind=EventKind.POLL, text="Pizza?", options=("Yes", "No")),
    ),
]


@pytest.mark.parametrize(("content", "expected"), CONTENTS, ids=[next(iter(content)) for content, _ in CONTENTS])
def test_contents(gateway: Evolution, content: dict[str, Any], expected: Event) -> None:
    """Each kind of message is told with all that is in it, and whoever sent it."""
    assert one(read(gateway, message(content))) == expected


DEEP: dict[str, Any] = {"conversation": "Hi"}
for _ in range(6):
    DEEP = {"ephemeralMessage": {"message": DEEP}}
NOTHING: list[dict[str, Any]] = [
    {},
    DEEP,
    {"ephemeralMessage": {}},
    {"buttonsMessage": {"contentText": "Choose"}},
    {"senderKeyDistributionMessage": {"groupId": GROUP}},
    {"messageContextInfo": {}},
    {"protocolMessage": {"type": "APP_STATE_SYNC_KEY_SHARE", "appStateSyncKeyShare": {"keys": []}}},
    {"protocolMessage": {"type": 3, "key": {"id": "X"}, "ephemeralExpiration": 86400}},
    {"locationMessage": {"degreesLatitude": 91, "degreesLongitude": 0}},
    {"locationMessage": {"degreesLatitude": 1}},
    {"contactsArrayMessage": {"contacts": []}},
    {"pollUpdateMessage": {"pollCreationMessageKey": {"id": "P"}, "vote": {"selectedOptions": [{"type": "Buffer"}]}}},
    # Nobody but the phone could read it.
    {"pollUpdateMessage": {"pollCreationMessageKey": {"id": "P"}, "vote": {"encPayload": "AA==", "encIv": "AA=="}}},
]


def test_half_of_a_character(gateway: Evolution) -> None:
    """It could be written nowhere: neither to the state, nor to a file, nor to the browser."""
    options = [{"optionName": "Yes \udc00"}]
    assert one(read(gateway, message({"conversation": "half \ud83d"}, pushName="\ud800"))) == replace(
        EXPECTED, text="half ?", sender=Sender("13035550142", "", "?")
    )
    assert one(read(gateway, message({"pollCreationMessage": {"options": options}}))).options == ("Yes ?",)
    assert one(read(gateway, message({"conversation": "whole 👍"}))).text == "whole 👍"


@pytest.mark.parametrize("content", NOTHING)
def test_nothing_of_use(gateway: Evolution, content: dict[str, Any]) -> None:
    """What is of no kind that we know is left out without a word."""
    assert read(gateway, message(content)) == []


# Who and where


def test_in_a_group(gateway: Evolution) -> None:
    """In a group the sender is somebody else than the chat, and part of the id; a device of theirs is not."""
    key = {"participant": "13035550142:12@s.whatsapp.net"}
    event = one(read(gateway, message({"conversation": "Hi"}, chat=GROUP, key=key)))
    assert event.chat_id == GROUP
    assert event.sender == Sender("13035550142", "", "Ada")
    assert event.message_id == f"false_{GROUP}_{ID}_{CHAT}"
    assert key_of(event.message_id, GROUP) == {"id": ID, "remoteJid": GROUP, "fromMe": False, "participant": ADA}


@pytest.mark.parametrize("mine", [True, False])
def test_id_that_is_not_ours(mine: bool) -> None:
    """It names a message in the chat, and whose it is depends on what is to be done with it."""
    assert key_of("3EB0", CHAT, from_me=mine) == {"id": "3EB0", "remoteJid": ADA, "fromMe": mine}


@pytest.mark.parametrize("name", ["remoteJidAlt", "senderPn"])
def test_person_with_an_opaque_id(gateway: Evolution, name: str) -> None:
    """Where the number is told beside the opaque id, the chat is by number, and so is the id of the message."""
    event = one(read(gateway, message({"conversation": "Hi"}, chat=ADA_LID, key={name: ADA})))
    assert event == replace(
        EXPECTED, text="Hi", sender=Sender("13035550142", ADA_LID, "Ada"), message_id=f"false_{CHAT}_{ID}"
    )


@pytest.mark.parametrize("name", ["remoteJidAlt", "previousRemoteJid", "senderLid"])
def test_number_with_an_opaque_id_beside_it(gateway: Evolution, name: str) -> None:
    """Later versions put the number first themselves."""
    event = one(read(gateway, message({"conversation": "Hi"}, key={name: ADA_LID})))
    assert (event.chat_id, event.sender) == (CHAT, Sender("13035550142", ADA_LID, "Ada"))


def test_person_without_a_number(gateway: Evolution) -> None:
    """Where nothing but the opaque id is told, that is the chat."""
    event = one(read(gateway, message({"conversation": "Hi"}, chat=ADA_LID)))
    assert (event.chat_id, event.sender.number, event.sender.lid) == (ADA_LID, "", ADA_LID)
    assert event.message_id == f"false_{ADA_LID}_{ID}"


@pytest.mark.parametrize("name", ["participantAlt", "participantPn"])
def test_group_member_with_an_opaque_id(gateway: Evolution, name: str) -> None:
    """The same in a group; the id names them as WhatsApp does there, because it is given back to it."""
    key = {"participant": ADA_LID, name: ADA, "addressingMode": "lid"}
    event = one(read(gateway, message({"conversation": "Hi"}, chat=GROUP, key=key)))
    assert event.sender == Sender("13035550142", ADA_LID, "Ada")
    assert event.message_id == f"false_{GROUP}_{ID}_{ADA_LID}"


@pytest.mark.parametrize("name", ["13035550142", ADA, "181234567890123"])
def test_no_name(gateway: Evolution, name: str) -> None:
    """Without a name of one's own the server puts an address there."""
    data = message({"conversation": "Hi"}, key={"remoteJidAlt": ADA_LID}, pushName=name)
    assert one(read(gateway, data)).sender.name == ""


@pytest.mark.parametrize(
    "chat", ["status@broadcast", "1634567890@broadcast", "0@s.whatsapp.net", "server@c.us", "13035550142", "@", ""]
)
def test_no_chat(gateway: Evolution, chat: str) -> None:
    """What people show everybody, lists and the like are no chats."""
    assert read(gateway, message({"conversation": "Hi"}, chat=chat, key={"participant": ADA})) == []
    assert read(gateway, update("READ", chat=chat), "messages.update") == []
    assert read(gateway, {"remoteJid": chat, "fromMe": False, "id": ID}, "messages.delete") == []


def test_channel(gateway: Evolution) -> None:
    """A post in a channel that the account follows."""
    event = one(read(gateway, message({"conversation": "News"}, chat="120363000000000199@newsletter")))
    assert (event.chat_id, event.sender) == ("120363000000000199@newsletter", Sender(name="Ada"))


def test_typed_on_the_phone(gateway: Evolution) -> None:
    """What the owner of the account typed is told, and that it was them; the name is the server's."""
    event = one(read(gateway, message({"conversation": "On my way"}, mine=True, pushName="Você")))
    assert event == replace(EXPECTED, text="On my way", from_me=True, sender=Sender(), message_id=f"true_{CHAT}_{ID}")


def test_typed_on_the_phone_to_an_opaque_id(gateway: Evolution) -> None:
    """The other name of a message's sender is the account's own then, which is not where it went."""
    data = message({"conversation": "Hi"}, mine=True, chat=ADA_LID, key={"remoteJidAlt": OWN, "senderPn": OWN})
    assert one(read(gateway, data)).chat_id == ADA_LID


def test_sent_through_the_api(gateway: Evolution) -> None:
    """What the API sent is no news, whoever used it."""
    data = message({"conversation": "Hi"}, mine=True)
    assert read(gateway, data | {"status": "PENDING"}) == []
    assert read(gateway, data | {"status": "PENDING"}, "send.message") == []
    gateway._events.note_sent(f"true_{CHAT}_{ID}", CHAT)  # noqa: SLF001
    assert read(gateway, data) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (NOW, NOW),
        (str(NOW), NOW),
        (NOW * 1000, NOW),
        ({"low": NOW, "high": 0, "unsigned": True}, NOW),
        ({"low": (NOW * 1000) % 2**32 - 2**32, "high": (NOW * 1000) >> 32, "unsigned": False}, NOW),
    ],
)
def test_time(gateway: Evolution, given: Any, expected: float) -> None:
    """A time is written in as many ways as JavaScript has for large numbers."""
    assert one(read(gateway, message({"conversation": "Hi"}, messageTimestamp=given))).timestamp == expected


@pytest.mark.parametrize(
    "given", [None, 0, -1, "soon", True, [], {"low": "1"}, {"low": NOW}, float("nan"), float("inf"), 10**400]
)
def test_no_time(gateway: Evolution, given: Any) -> None:
    """A time that is none is now."""
    event = one(read(gateway, message({"conversation": "Hi"}, messageTimestamp=given)))
    assert abs(event.timestamp - time.time()) < 5


# About other messages


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_reply(gateway: Evolution, where: str) -> None:
    """An answer names what it answers: what one wrote oneself, or what somebody else did."""
    for participant, expected in ((OWN, f"true_{CHAT}_Q"), (ADA, f"false_{CHAT}_Q")):
        context = {"stanzaId": "Q", "participant": participant, "quotedMessage": {"conversation": "Open?"}}
        content: dict[str, Any] = {"conversation": "Yes"}
        beside: dict[str, Any] = {"contextInfo": context}
        if where == "inside":
            content, beside = {"extendedTextMessage": {"text": "Yes", "contextInfo": context}}, {}
        event = one(read(gateway, message(content, **beside)))
        assert (event.text, event.reply_to) == ("Yes", expected)


def test_reply_in_a_group(gateway: Evolution) -> None:
    """There, the id of the answered message has its sender in it."""
    context = {"stanzaId": "Q", "participant": "13035550144@s.whatsapp.net"}
    data = message({"conversation": "Yes"}, chat=GROUP, key={"participant": ADA}, contextInfo=context)
    assert one(read(gateway, data)).reply_to == f"false_{GROUP}_Q_13035550144@c.us"


def test_reply_to_what_was_sent(gateway: Evolution) -> None:
    """It is named as it was when it was sent, even if the answer names the account by an opaque id."""
    gateway._events.note_sent(f"true_{CHAT}_Q", CHAT)  # noqa: SLF001
    context = {"stanzaId": "Q", "participant": "199999999999999@lid"}
    event = one(read(gateway, message({"conversation": "Yes"}, chat=ADA_LID, contextInfo=context)))
    assert event.reply_to == f"true_{CHAT}_Q"


@pytest.mark.parametrize("emoji", ["👍", ""])
def test_reaction(gateway: Evolution, emoji: str) -> None:
    """A reaction to what the account wrote, or that it is taken back."""
    content = {"reactionMessage": {"key": {"remoteJid": ADA, "fromMe": True, "id": "Q"}, "text": emoji}}
    event = one(read(gateway, message(content)))
    assert event == replace(EXPECTED, kind=EventKind.REACTION, text=emoji, about=f"true_{CHAT}_Q")


def test_reaction_in_a_group(gateway: Evolution) -> None:
    """What the account sent has no sender in its id, what others sent has."""
    for mine, expected in ((True, f"true_{GROUP}_Q"), (False, f"false_{GROUP}_Q_13035550144@c.us")):
        participant = OWN if mine else "13035550144@s.whatsapp.net"
        about = {"remoteJid": GROUP, "fromMe": mine, "id": "Q", "participant": participant}
        content = {"reactionMessage": {"key": about, "text": "👍"}}
        event = one(read(gateway, message(content, chat=GROUP, key={"participant": ADA})))
        assert event.about == expected


def edit(text: str = "Hello!", *, mine: bool = False, chat: str = ADA, **more: Any) -> dict[str, Any]:
    """Return the data of `messages.edited`."""
    return {
        "key": {"remoteJid": chat, "fromMe": mine, "id": ID},
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": text},
        "timestampMs": str(NOW * 1000),
        **more,
    }


EDITED = replace(
    EXPECTED,
    kind=EventKind.EDITED,
    event_id=f"{ID} edited {NOW * 1000}",
    message_id="",
    about=f"false_{CHAT}_{ID}",
    text="Hello!",
)


def test_edit(gateway: Evolution) -> None:
    """Somebody changed a message, which was told before."""
    read(gateway, message({"conversation": "Hello"}))
    assert one(read(gateway, edit(), "messages.edited")) == EDITED


@pytest.mark.parametrize("chat", [OWN, "199999999999999@lid", ADA])
def test_edit_as_its_author_sees_it(gateway: Evolution, chat: str) -> None:
    """To its author the message is one's own and the account is the chat: what is known of it counts."""
    read(gateway, message({"conversation": "Hello"}))
    assert one(read(gateway, edit(mine=True, chat=chat), "messages.edited")) == EDITED


@pytest.mark.parametrize("chat", [OWN, ADA, GROUP, "status@broadcast"])
@pytest.mark.parametrize("mine", [True, False])
def test_edit_of_an_unknown_message(gateway: Evolution, chat: str, mine: bool) -> None:
    """It is not told: the key is as whoever sent it wrote it, and may name anybody's chat."""
    assert read(gateway, edit(mine=mine, chat=chat), "messages.edited") == []


def test_deletion_of_an_unknown_message(gateway: Evolution) -> None:
    """It brings no words, so it is told where it says itself whose the message was."""
    for chat, mine in ((ADA, True), ("status@broadcast", False)):
        assert read(gateway, edit(mine=mine, chat=chat, type="REVOKE"), "messages.edited") == []
    event = one(read(gateway, edit(chat=GROUP, type="REVOKE"), "messages.edited"))
    assert (event.kind, event.chat_id, event.text) == (EventKind.DELETED, GROUP, "")


def test_edit_on_the_phone(gateway: Evolution) -> None:
    """The owner of the account changed what they had typed, or what the API had sent."""
    read(gateway, message({"conversation": "Hello"}, mine=True))
    gateway._events.note_sent(f"true_{CHAT}_SENT", CHAT)  # noqa: SLF001
    for id_ in (ID, "SENT"):
        key = {"remoteJid": ADA, "fromMe": True, "id": id_}
        event = one(read(gateway, edit() | {"key": key}, "messages.edited"))
        assert (event.from_me, event.about, event.sender) == (True, f"true_{CHAT}_{id_}", Sender())


@pytest.mark.parametrize(
    "edited",
    [
        {"extendedTextMessage": {"text": "Hello!"}},
        {"imageMessage": {"caption": "Hello!"}},
        {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "Hello!"}}}},
    ],
)
def test_edited_content(gateway: Evolution, edited: dict[str, Any]) -> None:
    """The new text or caption is told, but no file: that is the old one."""
    read(gateway, message({"conversation": "Hello"}))
    event = one(read(gateway, edit(editedMessage=edited), "messages.edited"))
    assert event.text == "Hello!"


def test_edit_among_messages(gateway: Evolution) -> None:
    """Some versions tell of an edit like of a message, which says where it is."""
    for change in ({"protocolMessage": edit()}, {"editedMessage": {"message": {"protocolMessage": edit(type=14)}}}):
        data = message(change, key={"id": "EDIT"})
        assert one(read(gateway, data)) == EDITED


def test_edit_of_an_unnamed_kind(gateway: Evolution) -> None:
    """The page on events shows what was edited, but not that it is called so."""
    read(gateway, message({"conversation": "Hello"}))
    data = edit()
    del data["type"]
    assert one(read(gateway, data, "messages.edited")).text == "Hello!"


def test_edit_into_something_else(gateway: Evolution) -> None:
    """What a message became may be of no kind that we know: then it has no words."""
    read(gateway, message({"conversation": "Hello"}))
    assert one(read(gateway, edit(editedMessage={"buttonsMessage": {}}), "messages.edited")).text == ""


def test_id_of_somebody_else(gateway: Evolution) -> None:
    """Who gives a message the id of another one does not take its place."""
    gateway._events.note_sent(f"true_{GROUP}_{ID}", GROUP)  # noqa: SLF001
    read(gateway, message({"conversation": "Mine now"}, chat=GROUP, key={"participant": ADA}))
    event = one(read(gateway, update("READ", chat=GROUP), "messages.update"))
    assert (event.about, event.chat_id) == (f"true_{GROUP}_{ID}", GROUP)


def test_edits_differ(gateway: Evolution) -> None:
    """Told twice it is the same edit; another one is another, also back to an earlier text; by time if there is one."""
    read(gateway, message({"conversation": "Hello"}))

    def event_id(text: str, **more: Any) -> str:
        return one(read(gateway, edit(text, **more), "messages.edited")).event_id

    assert event_id("A") == event_id("A")
    assert event_id("A") != event_id("A", timestampMs=NOW * 1000 + 1)
    assert event_id("A", timestampMs=None) == event_id("A", timestampMs=None) != event_id("B", timestampMs=None)
    assert event_id("A", timestampMs=NOW * 1000) == event_id("A")


def test_other_changes(gateway: Evolution) -> None:
    """`messages.edited` tells of all that changes anything, keys and history among it."""
    changes: list[Any] = [{"type": "HISTORY_SYNC_NOTIFICATION"}, {"type": 3, "key": {"id": ID}}, {"type": []}, {}]
    for data in changes:
        assert read(gateway, data, "messages.edited") == []


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("messages.delete", {"remoteJid": ADA, "fromMe": False, "id": ID, "status": "DELETED"}),
        ("messages.edited", {"key": {"remoteJid": ADA, "fromMe": False, "id": ID}, "type": "REVOKE"}),
        ("messages.edited", {"key": {"remoteJid": ADA, "fromMe": False, "id": ID}, "type": 0}),
        (
            "messages.upsert",
            message({"protocolMessage": {"key": {"id": ID}, "type": "REVOKE"}}, key={"id": "DELETION"}),
        ),
    ],
)
def test_deletion(gateway: Evolution, event: str, data: dict[str, Any]) -> None:
    """Whichever way it is told, it is the same."""
    told = one(read(gateway, data, event))
    assert (told.kind, told.event_id, told.chat_id) == (EventKind.DELETED, f"{ID} deleted", CHAT)
    assert (told.about, told.message_id, told.from_me) == (f"false_{CHAT}_{ID}", "", False)
    assert told.sender.number == "13035550142"


def test_deletion_on_the_phone(gateway: Evolution) -> None:
    """The owner of the account deleted what they or the API had written."""
    data = {"remoteJid": ADA, "fromMe": True, "id": ID, "status": "DELETED"}
    event = one(read(gateway, data, "messages.delete"))
    assert (event.from_me, event.sender, event.about) == (True, Sender(), f"true_{CHAT}_{ID}")


def test_deletion_through_the_api(gateway: Evolution) -> None:
    """It comes with the message, and is left out like all that the API does."""
    data = message({"conversation": "Hello"}, mine=True) | {"id": "cm1", "status": "DELETED"}
    assert read(gateway, data, "messages.delete") == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("DELIVERY_ACK", EventKind.DELIVERED),
        ("READ", EventKind.READ),
        ("PLAYED", EventKind.READ),
        ("ERROR", EventKind.FAILED),
    ],
)
def test_receipts(gateway: Evolution, status: str, kind: EventKind) -> None:
    """How far a message got, and who has got it."""
    event = one(read(gateway, update(status, participant=ADA), "messages.update"))
    assert (event.kind, event.event_id) == (kind, f"{ID} {kind}")
    assert (event.chat_id, event.about, event.message_id) == (CHAT, f"true_{CHAT}_{ID}", "")
    assert (event.sender, event.from_me) == (Sender("13035550142"), False)
    assert abs(event.timestamp - time.time()) < 5


@pytest.mark.parametrize("status", ["PENDING", "SERVER_ACK", "DELETED", "EDITED", "", None, 3])
def test_no_receipts(gateway: Evolution, status: Any) -> None:
    """What the server has is no news, and DELETED is said of anything without a status."""
    assert read(gateway, update(status), "messages.update") == []


def test_receipt_by_an_opaque_id(gateway: Evolution) -> None:
    """It is about what was sent, however the one it was sent to is called."""
    gateway._events.note_sent(f"true_{CHAT}_{ID}", CHAT)  # noqa: SLF001
    event = one(read(gateway, update("READ", chat=ADA_LID, participant=ADA_LID), "messages.update"))
    assert (event.chat_id, event.about) == (CHAT, f"true_{CHAT}_{ID}")
    assert event.sender == Sender("13035550142", ADA_LID)


def test_others_messages_have_no_receipts(gateway: Evolution) -> None:
    """That the account has read something is no receipt, nor is what becomes of what was typed on the phone."""
    assert read(gateway, update("READ", mine=False), "messages.update") == []
    read(gateway, message({"conversation": "Hi"}, mine=True))
    assert read(gateway, update("READ"), "messages.update") == []


# Votes


def votes(chosen: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    """Return the data of `messages.update` for a poll."""
    return update("DELETED", pollUpdates=[{"name": name, "voters": voters} for name, voters in chosen.items()]) | more


def vote(*options: str, id_: str = "VOTE", **more: Any) -> dict[str, Any]:
    """Return the data of `messages.upsert` for a vote."""
    poll = {"remoteJid": ADA, "fromMe": True, "id": ID}
    content = {"pollUpdateMessage": {"pollCreationMessageKey": poll, "vote": {"selectedOptions": list(options)}}}
    return message(content, key={"id": id_, **more})


def test_vote(gateway: Evolution) -> None:
    """What somebody chose in a poll of the account, in an update of the poll."""
    event = one(read(gateway, votes({"Yes": [ADA], "No": [], "Maybe": [ADA]}), "messages.update"))
    assert (event.kind, event.chat_id, event.options) == (EventKind.POLL_VOTE, CHAT, ("Yes", "Maybe"))
    assert (event.about, event.sender, event.from_me) == (f"true_{CHAT}_{ID}", Sender("13035550142"), False)


def test_vote_among_messages(gateway: Evolution) -> None:
    """The same in a message of its own."""
    assert one(read(gateway, vote("Yes"))) == replace(
        EXPECTED,
        kind=EventKind.POLL_VOTE,
        event_id="VOTE",
        message_id=f"false_{CHAT}_VOTE",
        about=f"true_{CHAT}_{ID}",
        options=("Yes",),
    )


def test_vote_is_taken_back(gateway: Evolution) -> None:
    """Then nothing is chosen, and in an update nobody is named."""
    event = one(read(gateway, votes({"Yes": [], "No": []}), "messages.update"))
    assert (event.options, event.sender.number) == ((), "13035550142")
    assert one(read(gateway, vote())).options == ()
    group = update("DELETED", chat=GROUP, pollUpdates=[{"name": "Yes", "voters": []}])
    assert one(read(gateway, group, "messages.update")).sender == Sender()


def test_votes_of_several(gateway: Evolution) -> None:
    """In a group there is one event for each; the account itself is called in a way of its own."""
    data = votes({"Yes": [ADA_LID, "me"], "No": ["13035550144@s.whatsapp.net"]}, remoteJid=GROUP)
    told = read(gateway, data, "messages.update")
    seen = [(event.sender, event.from_me, event.options) for event in told if isinstance(event, Event)]
    assert seen == [
        (Sender("", ADA_LID), False, ("Yes",)),
        (Sender(), True, ("Yes",)),
        (Sender("13035550144"), False, ("No",)),
    ]
    assert len({event.event_id for event in told if isinstance(event, Event)}) == 3
    assert read(gateway, data | {"remoteJid": "status@broadcast"}, "messages.update") == []


@pytest.mark.parametrize("message_first", [True, False])
def test_vote_is_told_twice(gateway: Evolution, message_first: bool) -> None:
    """A vote that is told in both ways is one, and choosing the same again after something else is another."""

    def event_ids(option: str, id_: str) -> list[str]:
        calls: list[Callable[[], Told]] = [
            lambda: read(gateway, vote(option, id_=id_)),
            lambda: read(gateway, votes({option: [ADA]}), "messages.update"),
        ]
        order = calls if message_first else calls[::-1]
        return [one(call()).event_id for call in [*order, *order]]

    seen = [event_ids("Yes", "V1"), event_ids("No", "V2"), event_ids("Yes", "V3")]
    assert [len(set(ids)) for ids in seen] == [1, 1, 1]
    assert len({event_id for ids in seen for event_id in ids}) == 3


def test_only_so_much_is_remembered(gateway: Evolution, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, so that a long time does not fill the memory."""
    monkeypatch.setattr("custom_components.whatsapp_link.gateways.evolution_memory._SIZE", 2)
    for number in range(3):
        gateway._events.note_sent(f"true_{CHAT}_SENT{number}", CHAT)  # noqa: SLF001
    keys = [{"remoteJid": ADA_LID, "fromMe": True, "id": f"SENT{number}"} for number in range(3)]
    told = [one(read(gateway, update("READ", chat=ADA_LID, keyId=key["id"]), "messages.update")) for key in keys]
    assert [event.chat_id for event in told] == [ADA_LID, CHAT, CHAT]


# Calls and the connection


def call(status: str = "offer", **more: Any) -> dict[str, Any]:
    """Return the data of `call`."""
    return {
        "chatId": ADA,
        "from": ADA,
        "id": "C0FFEE",
        "date": "2025-10-09T08:53:20.000Z",
        "offline": False,
        "status": status,
        "isVideo": False,
        "isGroup": False,
    } | more


def test_call(gateway: Evolution) -> None:
    """It rings, which is told once."""
    event = one(read(gateway, call(), "call"))
    assert event == Event(EventKind.CALL, "C0FFEE call", CHAT, NOW, Sender("13035550142"))
    for status in ("accept", "reject", "timeout", "terminate", "ringing"):
        assert read(gateway, call(status), "call") == []


def test_calls_of_others(gateway: Evolution) -> None:
    """By an opaque id, in a group, and from nobody that could be called back."""
    hidden = {"from": ADA_LID, "chatId": ADA_LID}
    assert one(read(gateway, call(**hidden), "call")).chat_id == ADA_LID
    event = one(read(gateway, call(**hidden, callerPn=ADA), "call"))
    assert (event.chat_id, event.sender) == (CHAT, Sender("13035550142", ADA_LID))
    for group in ({"chatId": GROUP}, {"groupJid": GROUP}):
        event = one(read(gateway, call(isGroup=True, **group), "call"))
        assert (event.chat_id, event.sender.number) == (GROUP, "13035550142")
    assert read(gateway, call(**{"from": "unknown", "chatId": "unknown"}), "call") == []


@pytest.mark.parametrize(("date", "expected"), [(NOW, NOW), (str(NOW * 1000), NOW), ("0001-01-01T00:00:00", None)])
def test_time_of_a_call(gateway: Evolution, date: Any, expected: float | None) -> None:
    """A date of JavaScript, or a number; what is neither is now."""
    timestamp = one(read(gateway, call(date=date), "call")).timestamp
    assert timestamp == expected if expected else abs(timestamp - time.time()) < 5


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"state": "open", "statusReason": 200, "wuid": OWN}, [Session(SessionState.LINKED)]),
        ({"state": "refused", "statusReason": 428}, [Session(SessionState.UNLINKED)]),
        ({"state": "close", "statusReason": 401}, [Session(SessionState.UNLINKED)]),
        ({"state": "close"}, [Session(SessionState.UNLINKED)]),
        # The next is there in a moment: nobody has to scan a code.
        ({"state": "close", "statusReason": 428}, []),
        ({"state": "connecting", "statusReason": 200}, []),
        ({"state": "asleep"}, [Session(SessionState.UNKNOWN)]),
    ],
)
def test_connection(gateway: Evolution, data: dict[str, Any], expected: Told) -> None:
    """A session that lasts is told, one that is on its way is not."""
    assert read(gateway, {"instance": "living room", **data}, "connection.update") == expected


# Calls to the webhook


@pytest.mark.parametrize(
    "event",
    ["presence.update", "contacts.update", "chats.upsert", "groups.upsert", "logout.instance", "qrcode.updated", "?"],
)
def test_other_events(gateway: Evolution, event: str) -> None:
    """Nobody asked for them, but they do no harm."""
    contents: list[Any] = [None, [], {}, {"id": ADA, "presences": {}}]
    for data in contents:
        assert read(gateway, data, event) == []


def test_other_instance(gateway: Evolution, caplog: pytest.LogCaptureFixture) -> None:
    """What is told of another instance is not ours; the log says that there was something."""
    caplog.set_level(logging.DEBUG)
    data = message({"conversation": "Hi"})
    assert read(gateway, data, instance="kitchen") == []
    assert read(gateway, data, instance=None) == []
    assert [record.getMessage() for record in caplog.records] == ["An event of another instance is left out"] * 2
    assert len(read(gateway, data)) == 1


def test_name_of_the_event(gateway: Evolution) -> None:
    """It is spelled as in the subscription, or with dots."""
    assert one(read(gateway, message({"conversation": "Hi"}), "MESSAGES_UPSERT")).text == "Hi"


def test_list_of_events(gateway: Evolution) -> None:
    """Several events in a call, or several messages in an event, are read in order."""
    calls = [json.loads(body(message({"conversation": text}))) for text in "ab"]
    told = gateway.parse_webhook(HEADERS, json.dumps(calls).encode(), HOOK)
    assert [event.text for event in told if isinstance(event, Event)] == ["a", "b"]
    told = read(gateway, [message({"conversation": text}) for text in "cd"])
    assert [event.text for event in told if isinstance(event, Event)] == ["c", "d"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Webhook-Secret": ""}, {"X-Webhook-Secret": "guessed"}, {"X-Webhook-Secret": "\udcff"}, {"secret": "x"}],
)
def test_forged(gateway: Evolution, headers: dict[str, str]) -> None:
    """Without the secret nothing is read, sense or nonsense; nor is anything where there is no secret."""
    for content in (body(message({"conversation": "Hi"})), b"nonsense"):
        with pytest.raises(Forged):
            gateway.parse_webhook(headers, content, HOOK)
        with pytest.raises(Forged):
            gateway.parse_webhook(headers, content, replace(HOOK, secret=""))


@pytest.mark.parametrize("name", ["X-Webhook-Secret", "x-webhook-secret", "X-WEBHOOK-SECRET"])
def test_header_in_any_case(gateway: Evolution, name: str) -> None:
    """Proxies change the case of headers."""
    assert gateway.parse_webhook({name: HOOK.secret}, body(message({"conversation": "Hi"})), HOOK)


NO_MESSAGES: list[Any] = [None, 1, "x", [1], {}, {"key": {}}, {"key": {"id": 1}}, {"key": {"id": ""}}]
BROKEN_CONTENTS: list[dict[str, Any]] = [
    {"imageMessage": 1},
    {"extendedTextMessage": "x"},
    {"locationMessage": []},
    {"contactsArrayMessage": {"contacts": [1]}},
    {"pollCreationMessage": {"options": [{}]}},
    {"pollCreationMessage": {"options": 1}},
    {"reactionMessage": {}},
    {"reactionMessage": {"key": {}}},
    {"pollUpdateMessage": {}},
    {"pollUpdateMessage": {"pollCreationMessageKey": {}}},
    {"pollUpdateMessage": {"pollCreationMessageKey": {"id": "P"}}},
    {"protocolMessage": {"type": "REVOKE"}},
    {"protocolMessage": {"type": "MESSAGE_EDIT", "key": {"id": ID}}},
]
NONSENSE: list[bytes] = [
    b"",
    b"null",
    b"1",
    b'"messages.upsert"',
    b"{",
    b"[1]",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"event": 1}',
    *(body(data) for data in NO_MESSAGES),
    *(body(message(content)) for content in BROKEN_CONTENTS),
    body({"type": "MESSAGE_EDIT"}, "messages.edited"),
    body({}, "messages.delete"),
    body({}, "messages.update"),
    body(votes({}) | {"pollUpdates": [1]}, "messages.update"),
    body(votes({}) | {"pollUpdates": [{"voters": [ADA]}]}, "messages.update"),
    body({"status": "offer", "from": ADA}, "call"),
    body({}, "connection.update"),
]


@pytest.mark.parametrize("content", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense(gateway: Evolution, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What makes no sense is told so, and nothing of it is repeated."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidAnswer) as caught:
        gateway.parse_webhook(HEADERS, content, HOOK)
    assert leaks([HOOK.secret, "13035550142", ID], caught.value, caplog.records) == []


EVENTS = ["messages.upsert", "messages.edited", "messages.delete", "messages.update", "call", "connection.update"]
SHAPES: list[Any] = [
    *(message(content, key={"remoteJidAlt": ADA_LID}, contextInfo={"stanzaId": "Q"}) for content, _ in CONTENTS),
    message({"reactionMessage": {"key": {"id": "Q"}, "text": ""}}, chat=GROUP, key={"participant": ADA}),
    message({"protocolMessage": edit()}),
    vote("Yes"),
    votes({"Yes": [ADA, "me"]}),
    edit(),
    {"remoteJid": ADA, "fromMe": False, "id": ID, "status": "DELETED"},
    update("READ"),
    call(groupJid=GROUP, callerPn=ADA),
    {"state": "close", "statusReason": 401},
]


FUZZ = Nonsense(SHAPES)


@pytest.mark.timeout(300)
def test_fuzz(gateway: Evolution) -> None:
    """Whatever a call holds, it is read or told to make no sense; there is no third way."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.integers(0, len(SHAPES) - 1), st.sampled_from(EVENTS), FUZZ.places)
    def parse(shape: int, event: str, places: Places) -> None:
        content = FUZZ.put_into(body(SHAPES[shape], event), places)
        try:
            told = gateway.parse_webhook(HEADERS, content, HOOK)
        except InvalidAnswer:
            return
        for news in told:
            if isinstance(news, Event):
                assert news.event_id
                assert news.chat_id.endswith(("@c.us", "@g.us", "@lid", "@newsletter"))
                assert 0 < news.timestamp < 1e11
                repr((news.text, news.options, news.sender, news.file, news.contact, news.location)).encode()
                (news.text + news.event_id + news.message_id + news.about + news.reply_to + news.sender.name).encode()

    parse()


def test_fuzz_of_bytes(gateway: Evolution) -> None:
    """The same for what is not even JSON, or is JSON of any kind."""

    @settings(max_examples=EXAMPLES // 10, deadline=None)
    @given(ANY_BYTES)
    def parse(content: bytes) -> None:
        with suppress(InvalidAnswer):
            assert gateway.parse_webhook(HEADERS, content, HOOK) == []

    parse()
