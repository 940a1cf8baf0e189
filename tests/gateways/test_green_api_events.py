"""GREEN-API: what its notifications say, in the vendor's shapes, and whatever else somebody may send to a webhook."""

import json
import logging
import time
from typing import Any

import aiohttp
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways.errors import Forged, InvalidAnswer
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.green_api_events import kind_of
from custom_components.whatsapp_link.gateways.model import Contact, Location, Session, SessionState
from tests.gateways.nonsense import EXAMPLES
from tests.gateways.rig import leaks

ID = 7103000000
TOKEN = "0ddba11" * 7
SECRET = "a-secret-shared-with-the-gateway"
WEBHOOK = Webhook("https://home.example/api/webhook/0123456789abcdef", SECRET)
HEADERS = {"Authorization": f"Bearer {SECRET}"}

ADA = "13035550142@c.us"
FAMILY = "120363000000000142@g.us"
MESSAGE_ID = "F7AEC1B7086ECDC7E6E45923F5EDB825"
OTHER_ID = "3EB0608D6A2901063D63"
WHEN = 1588091580


@pytest.fixture
def green(session: aiohttp.ClientSession) -> GreenApi:
    """A client that is asked to read only."""
    return client(session)


def client(session: aiohttp.ClientSession, url: str = "https://api.green-api.com") -> GreenApi:
    """Return a client of an instance that no emulator has."""
    return GreenApi(session, url, {"instance_id": str(ID), "token": TOKEN})


def notification(kind: str, **parts: Any) -> dict[str, Any]:
    """Return a notification as the vendor's pages show it."""
    common = {
        "typeWebhook": kind,
        "instanceData": {"idInstance": ID, "wid": "79876543210@c.us", "typeInstance": "whatsapp"},
        "timestamp": WHEN,
    }
    return common | parts


def message(
    kind: str, *, sender: dict[str, Any] | None = None, webhook: str = "incomingMessageReceived", **data: Any
) -> dict[str, Any]:
    """Return the notification of a message."""
    written = {"chatId": ADA, "sender": ADA, "chatName": "Ada", "senderName": "Ada", "senderContactName": "Ada N."}
    return notification(
        webhook, idMessage=MESSAGE_ID, senderData=written | (sender or {}), messageData={"typeMessage": kind, **data}
    )


def read(green: GreenApi, content: Any) -> list[Session | Event]:
    """Return what a call to the webhook tells that brings the secret."""
    return green.parse_webhook(HEADERS, json.dumps(content).encode(), WEBHOOK)


def event(kind: EventKind, **parts: Any) -> Event:
    """Return what a message from Ada makes."""
    told: dict[str, Any] = {"event_id": MESSAGE_ID, "chat_id": ADA, "timestamp": WHEN, "message_id": MESSAGE_ID}
    return Event(kind=kind, **told | {"sender": Sender("13035550142", "", "Ada")} | parts)


def about(kind: EventKind, **parts: Any) -> Event:
    """Return what somebody does to an earlier message."""
    return event(kind, event_id=f"{OTHER_ID} {kind} {MESSAGE_ID} {WHEN}", about=OTHER_ID, **parts)


def file_data(**parts: Any) -> dict[str, Any]:
    """Return the part of a notification that is about a file."""
    return {"downloadUrl": "https://storage.example/1/a.bin", "caption": "", "fileName": "", "mimeType": ""} | parts


# What the vendor tells


URL = "https://storage.example/1/a.bin"
CARD = "BEGIN:VCARD\nVERSION:3.0\nN:;Bert;;;\nFN:Bert\nTEL;type=CELL;waid=13035550143:+1 303-555-0143\nEND:VCARD"
PLAIN_CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bert\r\nitem1.TEL;type=HOME:+1 (303) 555-0143\r\nEND:VCARD"
PLACE = {"nameLocation": "Gate", "address": "Square 1", "latitude": 52.5163, "longitude": 13}
VOTES = [
    {"optionName": "red", "optionVoters": []},
    {"optionName": "green", "optionVoters": ["79876543210@c.us", ADA]},
    {"optionName": "blue", "optionVoters": ["79876543210@c.us"]},
    {"optionName": "black"},
]
QUOTED = {"stanzaId": OTHER_ID, "participant": "79876543210@c.us", "typeMessage": "textMessage", "textMessage": "Hm?"}

MESSAGES: dict[str, tuple[dict[str, Any], Event]] = {
    "text": (
        message("textMessage", textMessageData={"textMessage": "I use it to send this!"}),
        event(EventKind.TEXT, text="I use it to send this!"),
    ),
    "text with a link": (
        message("extendedTextMessage", extendedTextMessageData={"text": "https://example.com", "title": "Example"}),
        event(EventKind.TEXT, text="https://example.com"),
    ),
    "answer": (
        message("quotedMessage", extendedTextMessageData={"text": "Yes", "stanzaId": OTHER_ID}, quotedMessage=QUOTED),
        event(EventKind.TEXT, text="Yes", reply_to=OTHER_ID),
    ),
    "half of a character": (
        message("textMessage", textMessageData={"textMessage": "half \ud83d"}),
        event(EventKind.TEXT, text="half ?"),
    ),
    "image": (
        message("imageMessage", fileMessageData=file_data(caption="Look", fileName="a.jpg", mimeType="image/jpeg")),
        event(EventKind.IMAGE, text="Look", file=ReceivedFile("image/jpeg", "a.jpg", URL)),
    ),
    "image that answers": (
        message("imageMessage", fileMessageData=file_data(mimeType="image/jpeg"), quotedMessage=QUOTED),
        event(EventKind.IMAGE, file=ReceivedFile("image/jpeg", "", URL), reply_to=OTHER_ID),
    ),
    "video": (
        message("videoMessage", fileMessageData=file_data(mimeType="video/mp4")),
        event(EventKind.VIDEO, file=ReceivedFile("video/mp4", "", URL)),
    ),
    "audio": (
        message("audioMessage", fileMessageData=file_data(mimeType="audio/mpeg")),
        event(EventKind.AUDIO, file=ReceivedFile("audio/mpeg", "", URL)),
    ),
    "voice": (
        message("audioMessage", fileMessageData=file_data(mimeType="audio/ogg; codecs=opus")),
        event(EventKind.VOICE, file=ReceivedFile("audio/ogg", "", URL)),
    ),
    "document": (
        message("documentMessage", fileMessageData=file_data(fileName="a.pdf", mimeType="application/pdf")),
        event(EventKind.DOCUMENT, file=ReceivedFile("application/pdf", "a.pdf", URL)),
    ),
    "sticker": (
        message("stickerMessage", fileMessageData=file_data(mimeType="image/webp", isAnimated=False)),
        event(EventKind.STICKER, file=ReceivedFile("image/webp", "", URL)),
    ),
    "file of which little is known": (
        message("documentMessage", fileMessageData={"downloadUrl": None, "caption": 7}),
        event(EventKind.DOCUMENT, file=ReceivedFile("application/octet-stream")),
    ),
    "location": (
        message("locationMessage", locationMessageData=PLACE),
        event(EventKind.LOCATION, location=Location(52.5163, 13, "Gate", "Square 1")),
    ),
    "contact": (
        message("contactMessage", contactMessageData={"displayName": "Bertil", "vcard": CARD}),
        event(EventKind.CONTACT, contact=Contact("Bertil", "13035550143")),
    ),
    "contact without an account": (
        message("contactMessage", contactMessageData={"vcard": PLAIN_CARD}),
        event(EventKind.CONTACT, contact=Contact("Bert", "13035550143")),
    ),
    "contact without a card": (
        message("contactMessage", contactMessageData={"displayName": "Bertil"}),
        event(EventKind.CONTACT, contact=Contact("Bertil", "")),
    ),
    "contact with signs in the name": (
        message("contactMessage", contactMessageData={"vcard": "FN:Bert\\, plumber\\; 24h\\\\7\nTEL:+13035550143"}),
        event(EventKind.CONTACT, contact=Contact("Bert, plumber; 24h\\7", "13035550143")),
    ),
    "contacts": (
        message("contactsArrayMessage", contacts=[{"displayName": "Bertil", "vcard": CARD}, {"displayName": "Chen"}]),
        event(EventKind.CONTACT, contact=Contact("Bertil", "13035550143")),
    ),
    "contacts elsewhere": (
        message("contactsArrayMessage", messageData={"contacts": [{"displayName": "Bertil", "vcard": CARD}]}),
        event(EventKind.CONTACT, contact=Contact("Bertil", "13035550143")),
    ),
    "poll": (
        message("pollMessage", pollMessageData={"name": "Colour?", "options": VOTES[:2], "multipleAnswers": False}),
        event(EventKind.POLL, text="Colour?", options=("red", "green")),
    ),
    "vote": (
        message("pollUpdateMessage", pollMessageData={"stanzaId": OTHER_ID, "name": "Colour?", "votes": VOTES}),
        about(EventKind.POLL_VOTE, text="Colour?", options=("green",)),
    ),
    "vote taken back": (
        message("pollUpdateMessage", pollMessageData={"stanzaId": OTHER_ID, "name": "Colour?", "votes": VOTES[:1]}),
        about(EventKind.POLL_VOTE, text="Colour?"),
    ),
    "reaction": (
        message("reactionMessage", extendedTextMessageData={"text": "👍"}, quotedMessage=QUOTED),
        about(EventKind.REACTION, text="👍"),
    ),
    "reaction taken back": (
        message("reactionMessage", extendedTextMessageData={"text": ""}, quotedMessage=QUOTED),
        about(EventKind.REACTION),
    ),
    "edited": (
        message("editedMessage", editedMessageData={"textMessage": "No, this!", "stanzaId": OTHER_ID}),
        about(EventKind.EDITED, text="No, this!"),
    ),
    "caption edited": (
        message("editedMessage", editedMessageData={"caption": "No, that!", "stanzaId": OTHER_ID}),
        about(EventKind.EDITED, text="No, that!"),
    ),
    "deleted": (
        message("deletedMessage", deletedMessageData={"stanzaId": OTHER_ID}),
        about(EventKind.DELETED),
    ),
    "from a group": (
        message("textMessage", sender={"chatId": FAMILY}, textMessageData={"textMessage": "Hi"}),
        event(EventKind.TEXT, text="Hi", chat_id=FAMILY),
    ),
    "from a channel": (
        message(
            "textMessage",
            sender={"chatId": "120363000000000777@newsletter", "sender": "120363000000000777@newsletter"},
            textMessageData={"textMessage": "News"},
        ),
        event(EventKind.TEXT, text="News", chat_id="120363000000000777@newsletter", sender=Sender("", "", "Ada")),
    ),
    "from somebody without a number": (
        message(
            "textMessage",
            sender={"chatId": "120650379300963@lid", "sender": "120650379300963@lid", "senderName": ""},
            textMessageData={"textMessage": "Hi"},
        ),
        event(
            EventKind.TEXT,
            text="Hi",
            chat_id="120650379300963@lid",
            sender=Sender("", "120650379300963@lid", "Ada N."),
        ),
    ),
    "from somebody who is named twice": (
        message("textMessage", sender={"chatId": "120650379300963@lid"}, textMessageData={"textMessage": "Hi"}),
        event(EventKind.TEXT, text="Hi", sender=Sender("13035550142", "120650379300963@lid", "Ada")),
    ),
    "from the phone": (
        message(
            "textMessage",
            webhook="outgoingMessageReceived",
            sender={"sender": "79876543210@c.us", "senderName": "Robin"},
            textMessageData={"textMessage": "Hi"},
        ),
        event(EventKind.TEXT, text="Hi", sender=Sender(), from_me=True),
    ),
    "call": (
        notification("incomingCall", **{"from": ADA, "status": "offer", "idMessage": OTHER_ID}),
        Event(EventKind.CALL, f"{OTHER_ID} call", ADA, WHEN, Sender("13035550142")),
    ),
    "delivered": (
        notification("outgoingMessageStatus", chatId=ADA, idMessage=OTHER_ID, status="delivered", sendByApi=True),
        Event(EventKind.DELIVERED, f"{OTHER_ID} delivered", ADA, WHEN, about=OTHER_ID),
    ),
    "read": (
        notification("outgoingMessageStatus", chatId=ADA, idMessage=OTHER_ID, status="read"),
        Event(EventKind.READ, f"{OTHER_ID} read", ADA, WHEN, about=OTHER_ID),
    ),
    "failed": (
        notification("outgoingMessageStatus", chatId=ADA, idMessage=OTHER_ID, status="failed", description="urlError"),
        Event(EventKind.FAILED, f"{OTHER_ID} failed", ADA, WHEN, about=OTHER_ID, text="urlError"),
    ),
    "no account": (
        notification("outgoingMessageStatus", chatId=ADA, idMessage=OTHER_ID, status="noAccount"),
        Event(EventKind.FAILED, f"{OTHER_ID} failed", ADA, WHEN, about=OTHER_ID, text="noAccount"),
    ),
}


@pytest.mark.parametrize(("content", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_events(green: GreenApi, content: dict[str, Any], expected: Event) -> None:
    """Each notification says what it is, and says the same when it is told again."""
    assert read(green, content) == [expected]
    assert read(green, [content, content]) == [expected, expected]


def test_every_kind_is_read() -> None:
    """There is no kind of event that the vendor does not tell."""
    assert {expected.kind for _, expected in MESSAGES.values()} == set(EventKind)


def test_different_things_have_different_ids(green: GreenApi) -> None:
    """Two receipts of a message, a message and its change, two changes: none takes another's place."""
    told = [
        *(content for name, (content, _) in MESSAGES.items() if name in ("text", "read", "delivered", "failed")),
        *(MESSAGES[name][0] | {"timestamp": WHEN + late} for name in ("edited", "deleted") for late in (0, 1)),
        MESSAGES["reaction"][0],
        MESSAGES["call"][0],
    ]
    ids = [news.event_id for news in read(green, told) if isinstance(news, Event)]
    assert len(set(ids)) == len(ids) == len(told)


@pytest.mark.parametrize("status", ["pickUp", "hangUp", "missed", "declined"])
def test_one_call_is_one_event(green: GreenApi, status: str) -> None:
    """That somebody takes a call, or does not, is no other call."""
    [call] = read(green, MESSAGES["call"][0] | {"status": status})
    assert call == MESSAGES["call"][1]


STRANGER = {"idInstance": 7103000001, "wid": "79876543210@c.us", "typeInstance": "whatsapp"}
LEFT_OUT: dict[str, dict[str, Any]] = {
    "another instance": MESSAGES["text"][0] | {"instanceData": STRANGER},
    "another instance, as text": MESSAGES["text"][0] | {"instanceData": {"idInstance": f"{ID} "}},
    "through the API": message(
        "textMessage", webhook="outgoingAPIMessageReceived", textMessageData={"textMessage": "Hi"}
    ),
    "a status": message(
        "textMessage", sender={"chatId": "status@broadcast"}, textMessageData={"textMessage": "My holidays"}
    ),
    "an invitation": message("groupInviteMessage", groupInviteMessageData={"groupJid": FAMILY}),
    "buttons": message("buttonsMessage", buttonsMessage={}),
    "an empty first message": message("textMessage", textMessageData={"textMessage": "{{SWE001}}"}),
    "a file that is too large": message("textMessage", textMessageData={"textMessage": "{{SWE002}}"}),
    "a group that is too large": message(
        "textMessage",
        textMessageData={"textMessage": "SWE004: the number of participants in the group has been exceeded - 300"},
    ),
    "a text without a word": message("textMessage", textMessageData={"textMessage": ""}),
    "sent": notification("outgoingMessageStatus", chatId=ADA, idMessage=OTHER_ID, status="sent", sendByApi=True),
    "a receipt for what was typed on the phone": MESSAGES["delivered"][0] | {"sendByApi": False},
    "a receipt for a status": MESSAGES["delivered"][0] | {"chatId": "status@broadcast"},
    "a call from nowhere": MESSAGES["call"][0] | {"from": "nobody"},
    "a block": notification("incomingBlock", chatId=ADA, chatState="blocked"),
    "the battery": notification("deviceInfo", deviceData={}),
    "the socket": notification("statusInstanceChanged", statusInstance="online"),
    "the quota": notification("quotaExceeded", quotaData={"method": "correspondents"}),
    "something new": notification("somethingNew"),
}


@pytest.mark.parametrize("content", LEFT_OUT.values(), ids=LEFT_OUT)
def test_left_out(green: GreenApi, caplog: pytest.LogCaptureFixture, content: dict[str, Any]) -> None:
    """What is of no use is passed over in silence."""
    caplog.set_level(logging.DEBUG)
    assert read(green, [content, MESSAGES["text"][0]]) == [MESSAGES["text"][1]]
    assert [record for record in caplog.records if record.name.startswith("custom_components")] == []


def without(content: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return a notification that lacks something."""
    copy: dict[str, Any] = json.loads(json.dumps(content))
    part = copy
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return copy


NO_OBJECTS: dict[str, Any] = {"no object": 7, "nothing": None, "a list in a list": [[]]}
NO_SENSE: dict[str, dict[str, Any]] = {
    "an object without anything": {},
    "no type": without(MESSAGES["text"][0], "typeWebhook"),
    "no instance": without(MESSAGES["text"][0], "instanceData"),
    "an odd type": MESSAGES["text"][0] | {"typeWebhook": ["incomingMessageReceived"]},
    "no id": without(MESSAGES["text"][0], "idMessage"),
    "no time": without(MESSAGES["text"][0], "timestamp"),
    "an endless time": MESSAGES["text"][0] | {"timestamp": float("inf")},
    "no number for a time": MESSAGES["text"][0] | {"timestamp": float("nan")},
    "a time beyond any": MESSAGES["text"][0] | {"timestamp": 10**400},
    "a time that is true": MESSAGES["text"][0] | {"timestamp": True},
    "no sender": without(MESSAGES["text"][0], "senderData"),
    "no name of a sender": without(MESSAGES["text"][0], "senderData", "sender"),
    "no chat": without(MESSAGES["text"][0], "senderData", "chatId"),
    "no message": without(MESSAGES["text"][0], "messageData"),
    "no kind": without(MESSAGES["text"][0], "messageData", "typeMessage"),
    "no text": without(MESSAGES["text"][0], "messageData", "textMessageData"),
    "no file": without(MESSAGES["image"][0], "messageData", "fileMessageData"),
    "no place": without(MESSAGES["location"][0], "messageData", "locationMessageData"),
    "no latitude": without(MESSAGES["location"][0], "messageData", "locationMessageData", "latitude"),
    "beyond the pole": message("locationMessage", locationMessageData=PLACE | {"latitude": 90.1}),
    "degrees as text": message("locationMessage", locationMessageData=PLACE | {"longitude": "13"}),
    "no contact": without(MESSAGES["contact"][0], "messageData", "contactMessageData"),
    "no contacts": without(MESSAGES["contacts"][0], "messageData", "contacts"),
    "contacts that are none": message("contactsArrayMessage", contacts=["Bertil"]),
    "no contacts elsewhere": message("contactsArrayMessage", messageData={"contacts": []}),
    "no options": without(MESSAGES["poll"][0], "messageData", "pollMessageData", "options"),
    "options that are none": message("pollMessage", pollMessageData={"name": "Colour?", "options": ["red"]}),
    "no poll": without(MESSAGES["vote"][0], "messageData", "pollMessageData", "stanzaId"),
    "no message to react to": without(MESSAGES["reaction"][0], "messageData", "quotedMessage"),
    "no message that was edited": without(MESSAGES["edited"][0], "messageData", "editedMessageData", "stanzaId"),
    "no message that was deleted": without(MESSAGES["deleted"][0], "messageData", "deletedMessageData"),
    "no status": without(MESSAGES["delivered"][0], "status"),
    "no chat of a receipt": without(MESSAGES["delivered"][0], "chatId"),
    "no message of a receipt": without(MESSAGES["delivered"][0], "idMessage"),
    "no caller": without(MESSAGES["call"][0], "from"),
    "no call": without(MESSAGES["call"][0], "idMessage"),
    "no state": notification("stateInstanceChanged", timestamp=time.time() + 86400),
}


@pytest.mark.parametrize("content", NO_SENSE.values(), ids=NO_SENSE)
def test_no_sense(green: GreenApi, caplog: pytest.LogCaptureFixture, content: dict[str, Any]) -> None:
    """What lacks a part that matters is taken, or all behind it would wait for a day; the log names its kind only."""
    caplog.set_level(logging.DEBUG)
    assert read(green, [content, MESSAGES["text"][0]]) == [MESSAGES["text"][1]]
    [record] = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert "is passed over" in record.getMessage()
    assert leaks(["3035550142", "send this", "Bertil", "Colour", TOKEN, SECRET], None, caplog.records) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (message("locationMessage"), "incomingMessageReceived/locationMessage"),
        (notification("incomingCall"), "incomingCall"),
        (message("\n+13035550142"), "incomingMessageReceived"),
        ({"typeWebhook": "a +13035550142", "messageData": {"typeMessage": ["pollMessage"]}}, "?"),
        ({"typeWebhook": "a" * 100, "messageData": 7}, "?"),
    ],
)
def test_kind_in_the_log(content: dict[str, Any], kind: str) -> None:
    """Whoever reads the log learns what was not understood, and nothing that somebody wrote."""
    assert kind_of(content) == kind


def test_kind_of_no_object() -> None:
    """What is no notification has no kind."""
    contents: list[Any] = [None, 7, [], "incomingCall"]
    assert [kind_of(content) for content in contents] == ["?"] * 4


@pytest.mark.parametrize("content", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_no_notification(green: GreenApi, content: Any) -> None:
    """What is no notification at all is refused."""
    with pytest.raises(InvalidAnswer):
        read(green, content)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b'"text"', b"[" * 100_000, b"1" * 5000])
def test_no_json(green: GreenApi, body: bytes) -> None:
    """So is what is not even JSON: it was cut short on its way, and comes whole the next time."""
    with pytest.raises(InvalidAnswer):
        green.parse_webhook(HEADERS, body, WEBHOOK)


# The session


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("authorized", SessionState.LINKED),
        ("notAuthorized", SessionState.UNLINKED),
        ("blocked", SessionState.BLOCKED),
        ("starting", SessionState.STARTING),
        ("yellowCard", SessionState.LIMITED),
        ("dancing", SessionState.UNKNOWN),
    ],
)
def test_states(green: GreenApi, word: str, state: SessionState) -> None:
    """The words are those of the session."""
    assert read(green, notification("stateInstanceChanged", timestamp=time.time(), stateInstance=word)) == [
        Session(state)
    ]


@pytest.mark.parametrize(("age", "is_told"), [(-60, True), (0, True), (100, True), (130, False), (80_000, False)])
def test_old_state(green: GreenApi, age: float, is_told: bool) -> None:
    """What waited in the queue for long says nothing of the session as it is."""
    content = notification("stateInstanceChanged", timestamp=int(time.time() - age), stateInstance="notAuthorized")
    assert bool(read(green, content)) is is_told


# The secret


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SECRET}"},
        {"authorization": f"Bearer {SECRET}"},
        {"AUTHORIZATION": SECRET},
    ],
)
def test_secret(green: GreenApi, headers: dict[str, str]) -> None:
    """The secret comes as a bearer, or as it is; how the header is spelled does not matter."""
    assert green.parse_webhook(headers, json.dumps(MESSAGES["text"][0]).encode(), WEBHOOK) == [MESSAGES["text"][1]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer another-secret"},
        {"Authorization": f"Bearer {SECRET} "},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Bearer ключ\udcff\ud83d"},
        {"X-Authorization": f"Bearer {SECRET}"},
    ],
)
@pytest.mark.parametrize("body", [json.dumps(MESSAGES["text"][0]).encode(), b"{"])
def test_forged(green: GreenApi, headers: dict[str, str], body: bytes) -> None:
    """Without the secret a call is not even read."""
    with pytest.raises(Forged) as caught:
        green.parse_webhook(headers, body, WEBHOOK)
    assert leaks([SECRET, "another-secret"], caught.value, []) == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}])
def test_no_secret(green: GreenApi, headers: dict[str, str]) -> None:
    """Where there is no secret, nobody knows it."""
    with pytest.raises(Forged):
        green.parse_webhook(headers, b"[]", Webhook(WEBHOOK.url, ""))


# Whatever comes


def _mutations() -> st.SearchStrategy[bytes]:
    """Bodies that are nearly right: a part of a notification is another thing, or missing."""
    scraps = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.sampled_from([ADA, FAMILY, "status@broadcast", "1@lid", WHEN, "{{SWE001}}", "\ud83d"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=5,
    )
    known = [content for content, _ in MESSAGES.values()] + list(LEFT_OUT.values())
    known.append(notification("stateInstanceChanged", timestamp=time.time(), stateInstance="authorized"))

    @st.composite
    def mutated(draw: st.DrawFn) -> bytes:
        content = json.loads(json.dumps(draw(st.sampled_from(known))))
        part = content
        while True:
            key = draw(st.sampled_from(sorted(part)) if isinstance(part, dict) else st.integers(0, len(part) - 1))
            if not (isinstance(part[key], dict | list) and part[key]) or draw(st.integers(0, 3)) == 0:
                break
            part = part[key]
        if draw(st.booleans()):
            del part[key]
        else:
            part[key] = draw(scraps)
        return json.dumps(draw(st.sampled_from([content, [content], [content, content]]))).encode()

    return mutated() | scraps.map(lambda each: json.dumps(each).encode()) | st.binary(max_size=200)


@pytest.mark.timeout(300)
async def test_whatever_comes(session: aiohttp.ClientSession) -> None:
    """No body makes anything but events, which can be written down, or the one error."""
    green = client(session)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_mutations())
    def parse(body: bytes) -> None:
        try:
            news = green.parse_webhook(HEADERS, body, WEBHOOK)
        except InvalidAnswer:
            return
        for each in news:
            if isinstance(each, Event):
                assert each.event_id
                assert each.chat_id.endswith(("@c.us", "@g.us", "@lid", "@newsletter"))
                assert abs(each.timestamp) <= 1e10
                repr((each.text, each.options, each.sender, each.file)).encode()
                (each.text + each.event_id + each.message_id + each.about + each.reply_to).encode()

    parse()
