"""What WAHA tells: payloads as its documentation and its engines show them."""

from dataclasses import asdict, replace
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import aiohttp
import pytest

from custom_components.whatsapp_link.gateways import waha_events
from custom_components.whatsapp_link.gateways.errors import Forged, InvalidAnswer
from custom_components.whatsapp_link.gateways.events import Event, EventKind, ReceivedFile, Sender, Webhook
from custom_components.whatsapp_link.gateways.model import Contact, Location, Session, SessionState
from custom_components.whatsapp_link.gateways.waha import Waha
from tests.gateways.rig import leaks

CREDENTIALS = {"token": "0ddba11" * 6, "session_name": "living_room"}
HOOK = Webhook("https://home.example/api/webhook/0123456789abcdef", "a-secret-shared-with-the-server")

ME = "12025550101@c.us"
MY_LID = "190000000000001@lid"
ADA = "13035550142@c.us"
ADA_LID = "181234567890123@lid"
GROUP = "120363000000000142@g.us"
ID = "3AEB0C0FFEE0DDBA11"
OTHER = "3AEB0C0FFEE0DDBA22"
THEN = 1_760_000_000
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Bertil\nTEL;type=CELL;type=VOICE;waid=13035550143:+1 303-555-0143\nEND:VCARD"

type Told = list[Session | Event]
type Payload = dict[str, Any]


@pytest.fixture
async def waha(session: aiohttp.ClientSession) -> Waha:
    """A client that asks nobody."""
    return Waha(session, "http://127.0.0.1:9", CREDENTIALS)


def signed(body: bytes, secret: str = HOOK.secret) -> dict[str, str]:
    """Return the headers of a call."""
    return {
        "X-Webhook-Request-Id": "b7f0c9a2",
        "X-Webhook-Hmac": hmac.new(secret.encode(), body, hashlib.sha512).hexdigest(),
        "X-Webhook-Hmac-Algorithm": "sha512",
    }


def envelope(payload: Any, event: Any = "message.any", **more: Any) -> Payload:
    """Return what the page on events shows around a payload."""
    return {
        "id": "evt_01jnx",
        "timestamp": int(time.time() * 1000),
        "event": event,
        "session": "living_room",
        "metadata": {},
        "me": {"id": ME, "lid": MY_LID, "pushName": "Casey"},
        "payload": payload,
        "environment": {"version": "2026.7.1", "engine": "GOWS", "tier": "CORE"},
        "engine": "GOWS",
        **more,
    }


def call(waha: Waha, content: Any) -> Told:
    """Return what a call to the webhook tells."""
    body = json.dumps(content).encode()
    return waha.parse_webhook(signed(body), body, HOOK)


def told(waha: Waha, payload: Any, event: str = "message.any", **more: Any) -> Told:
    """Return what an event tells."""
    return call(waha, envelope(payload, event, **more))


def one(news: Told) -> Event:
    """Return the only event."""
    [event] = news
    assert isinstance(event, Event)
    return event


def message(**more: Any) -> Payload:
    """Return a message, as all engines show it."""
    return {
        "id": f"false_{ADA}_{ID}",
        "timestamp": THEN,
        "from": ADA,
        "fromMe": False,
        "source": "app",
        "to": ME,
        "participant": None,
        "body": "Hello",
        "hasMedia": False,
        "media": None,
        "ack": 2,
        "ackName": "DEVICE",
        "location": None,
        "vCards": [],
        "replyTo": None,
        "_data": {},
        **more,
    }


EXPECTED = Event(
    EventKind.TEXT,
    event_id=f"false_{ADA}_{ID}",
    chat_id=ADA,
    timestamp=THEN,
    sender=Sender("13035550142"),
    message_id=f"false_{ADA}_{ID}",
    text="Hello",
)


# What is in a message


def noweb(content: Payload) -> Payload:
    """Return what Baileys has of a message."""
    key = {"remoteJid": "13035550142@s.whatsapp.net", "fromMe": False, "id": ID}
    return {"key": key, "message": content, "messageTimestamp": str(THEN), "pushName": "Ada", "status": 3}


def gows(content: Payload) -> Payload:
    """Return what whatsmeow has of a message."""
    info = {
        "Chat": "13035550142@s.whatsapp.net",
        "Sender": "13035550142:7@s.whatsapp.net",
        "IsFromMe": False,
        "IsGroup": False,
        "ID": ID,
        "PushName": "Ada",
        "Type": "text",
    }
    return {"Info": info, "Message": content}


def webjs(word: str, **more: Any) -> Payload:
    """Return what WhatsApp Web has of a message."""
    return {"id": {"_serialized": f"false_{ADA}_{ID}"}, "type": word, "t": THEN, "notifyName": "Ada", **more}


def media(mime_type: str, name: str | None = None, **more: Any) -> Payload:
    """Return the fields of a message with a file."""
    url = f"http://localhost:3000/api/files/{ID}"
    file = {"url": url, "mimetype": mime_type, "filename": name, "s3": None, "error": None}
    return {"hasMedia": True, "media": file, "body": "", **more}


def file(mime_type: str, name: str = "") -> ReceivedFile:
    """Return what those fields say."""
    return ReceivedFile(mime_type, name, f"false_{ADA}_{ID} http://localhost:3000/api/files/{ID}")


PLACE = {"latitude": "52.5163", "longitude": "13.3777", "live": False, "name": "Gate", "address": "Square 1"}
POLL = {"name": "Pizza?", "options": [{"optionName": "Yes"}, {"optionName": "No"}], "selectableOptionsCount": 1}
OPUS = "audio/ogg; codecs=opus"

CONTENTS: dict[str, tuple[Payload, dict[str, Any]]] = {
    "text": (message(), {}),
    "text of NOWEB": (message(_data=noweb({"conversation": "Hello"})), {"sender": Sender("13035550142", "", "Ada")}),
    "text of GOWS": (
        message(_data=gows({"extendedTextMessage": {"text": "Hello"}})),
        {"sender": Sender("13035550142", "", "Ada")},
    ),
    "text of WEBJS": (message(_data=webjs("chat")), {"sender": Sender("13035550142", "", "Ada")}),
    "button": (message(_data=gows({"buttonsResponseMessage": {"selectedButtonID": "1"}})), {}),
    **{
        f"{word} of WEBJS": (message(_data=webjs(word)), {})
        for word in ("buttons_response", "list", "list_response", "template_button_reply", "interactive")
    },
    **{
        f"{name} of GOWS": (message(_data=gows({name: {"any": "thing"}})), {})
        for name in (
            "listResponseMessage",
            "templateButtonReplyMessage",
            "interactiveResponseMessage",
            "buttonsMessage",
            "listMessage",
            "templateMessage",
            "interactiveMessage",
        )
    },
    "image": (
        message(**media("image/jpeg", body="Look"), _data=gows({"imageMessage": {"mimetype": "image/jpeg"}})),
        {"kind": EventKind.IMAGE, "text": "Look", "file": file("image/jpeg")},
    ),
    "image of WEBJS": (
        message(**media("image/jpeg"), _data=webjs("image")),
        {"kind": EventKind.IMAGE, "text": "", "file": file("image/jpeg")},
    ),
    "image without more": (
        message(**media("image/png")),
        {"kind": EventKind.IMAGE, "text": "", "file": file("image/png")},
    ),
    "image that is seen once": (
        message(**media("image/jpeg"), _data=noweb({"viewOnceMessageV2": {"message": {"imageMessage": {"url": "x"}}}})),
        {"kind": EventKind.IMAGE, "text": "", "file": file("image/jpeg")},
    ),
    "video": (
        message(**media("video/mp4"), _data=noweb({"videoMessage": {"mimetype": "video/mp4"}})),
        {"kind": EventKind.VIDEO, "text": "", "file": file("video/mp4")},
    ),
    "round video": (
        message(**media("video/mp4"), _data=webjs("ptv")),
        {"kind": EventKind.VIDEO, "text": "", "file": file("video/mp4")},
    ),
    "audio": (
        message(**media("audio/mpeg"), _data=gows({"audioMessage": {"PTT": False, "mimetype": "audio/mpeg"}})),
        {"kind": EventKind.AUDIO, "text": "", "file": file("audio/mpeg")},
    ),
    "voice of GOWS": (
        message(**media(OPUS), _data=gows({"audioMessage": {"PTT": True}})),
        {"kind": EventKind.VOICE, "text": "", "file": file(OPUS)},
    ),
    "voice of NOWEB": (
        message(**media(OPUS), _data=noweb({"audioMessage": {"ptt": True}})),
        {"kind": EventKind.VOICE, "text": "", "file": file(OPUS)},
    ),
    "voice of WEBJS": (
        message(**media(OPUS), _data=webjs("ptt")),
        {"kind": EventKind.VOICE, "text": "", "file": file(OPUS)},
    ),
    "audio of WEBJS": (
        message(**media("audio/mpeg"), _data=webjs("audio")),
        {"kind": EventKind.AUDIO, "text": "", "file": file("audio/mpeg")},
    ),
    "video of WEBJS": (
        message(**media("video/mp4"), _data=webjs("video")),
        {"kind": EventKind.VIDEO, "text": "", "file": file("video/mp4")},
    ),
    "document of WEBJS": (
        message(**media("image/png", "a.png"), _data=webjs("document")),
        {"kind": EventKind.DOCUMENT, "text": "", "file": file("image/png", "a.png")},
    ),
    "sticker of WEBJS": (
        message(**media("image/webp"), _data=webjs("sticker")),
        {"kind": EventKind.STICKER, "text": "", "file": file("image/webp")},
    ),
    "round video of NOWEB": (
        message(**media("video/mp4"), _data=noweb({"ptvMessage": {"mimetype": "video/mp4"}})),
        {"kind": EventKind.VIDEO, "text": "", "file": file("video/mp4")},
    ),
    "video without more": (
        message(**media("video/mp4")),
        {"kind": EventKind.VIDEO, "text": "", "file": file("video/mp4")},
    ),
    "file of which the engine knows more": (
        message(hasMedia=True, body="", _data=webjs("document", mimetype="text/plain", filename="a.txt")),
        {"kind": EventKind.DOCUMENT, "text": "", "file": ReceivedFile("text/plain", "a.txt", f"false_{ADA}_{ID} ")},
    ),
    "voice without more": (message(**media(OPUS)), {"kind": EventKind.VOICE, "text": "", "file": file(OPUS)}),
    "audio without more": (
        message(**media("audio/mp4")),
        {"kind": EventKind.AUDIO, "text": "", "file": file("audio/mp4")},
    ),
    "document": (
        message(
            **media("application/pdf", "manual.pdf"),
            _data=noweb({"documentWithCaptionMessage": {"message": {"documentMessage": {"fileName": "x.pdf"}}}}),
        ),
        {"kind": EventKind.DOCUMENT, "text": "", "file": file("application/pdf", "manual.pdf")},
    ),
    "document that was not fetched": (
        message(
            hasMedia=True,
            body="",
            _data=gows({"documentMessage": {"mimetype": "application/pdf", "fileName": "manual.pdf"}}),
        ),
        {
            "kind": EventKind.DOCUMENT,
            "text": "",
            "file": ReceivedFile("application/pdf", "manual.pdf", f"false_{ADA}_{ID} "),
        },
    ),
    "file of no known type": (
        message(hasMedia=True, body=""),
        {
            "kind": EventKind.DOCUMENT,
            "text": "",
            "file": ReceivedFile("application/octet-stream", "", f"false_{ADA}_{ID} "),
        },
    ),
    "sticker": (
        message(**media("image/webp"), _data=gows({"stickerMessage": {"mimetype": "image/webp"}})),
        {"kind": EventKind.STICKER, "text": "", "file": file("image/webp")},
    ),
    "sticker without more": (
        message(**media("image/webp")),
        {"kind": EventKind.STICKER, "text": "", "file": file("image/webp")},
    ),
    "location": (
        message(body="/9j/4AAQ", location=PLACE, _data=webjs("location")),
        {"kind": EventKind.LOCATION, "text": "", "location": Location(52.5163, 13.3777, "Gate", "Square 1")},
    ),
    "location by its description": (
        message(body="", location={"latitude": 52.5163, "longitude": 13.3777, "description": "Gate"}),
        {"kind": EventKind.LOCATION, "text": "", "location": Location(52.5163, 13.3777, "Gate")},
    ),
    "location of the engine": (
        message(
            body="",
            _data=noweb({"liveLocationMessage": {"degreesLatitude": 52.5163, "degreesLongitude": 13.3777}}),
        ),
        {"kind": EventKind.LOCATION, "text": "", "location": Location(52.5163, 13.3777)},
    ),
    "live location of WEBJS": (
        message(body="", location=PLACE, _data=webjs("live_location")),
        {"kind": EventKind.LOCATION, "text": "", "location": Location(52.5163, 13.3777, "Gate", "Square 1")},
    ),
    "named location of the engine": (
        message(
            body="",
            _data=gows(
                {
                    "locationMessage": {
                        "degreesLatitude": -90,
                        "degreesLongitude": -180,
                        "name": "Gate",
                        "address": "Square 1",
                    }
                }
            ),
        ),
        {"kind": EventKind.LOCATION, "text": "", "location": Location(-90, -180, "Gate", "Square 1")},
    ),
    "contacts of WEBJS": (
        message(body="", vCards=[7, CARD], _data=webjs("multi_vcard")),
        {"kind": EventKind.CONTACT, "text": "", "contact": Contact("Bertil", "13035550143")},
    ),
    "contact": (
        message(body=CARD, vCards=[CARD], _data=webjs("vcard")),
        {"kind": EventKind.CONTACT, "text": "", "contact": Contact("Bertil", "13035550143")},
    ),
    "contact without more": (
        message(body="", vCards=[CARD, CARD]),
        {"kind": EventKind.CONTACT, "text": "", "contact": Contact("Bertil", "13035550143")},
    ),
    "contact of the engine": (
        message(body="", _data=noweb({"contactMessage": {"displayName": "Bertil Plumber", "vcard": CARD}})),
        {"kind": EventKind.CONTACT, "text": "", "contact": Contact("Bertil Plumber", "13035550143")},
    ),
    "contacts": (
        message(
            body="",
            _data=gows({"contactsArrayMessage": {"contacts": [{"displayName": "Bertil", "vcard": CARD}, {}]}}),
        ),
        {"kind": EventKind.CONTACT, "text": "", "contact": Contact("Bertil", "13035550143")},
    ),
    "poll": (
        message(body="", _data=gows({"pollCreationMessageV3": POLL})),
        {"kind": EventKind.POLL, "text": "Pizza?", "options": ("Yes", "No")},
    ),
    **{
        f"{name} of NOWEB": (
            message(body="", _data=noweb({name: POLL})),
            {"kind": EventKind.POLL, "text": "Pizza?", "options": ("Yes", "No")},
        )
        for name in ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV5")
    },
    "poll of WEBJS without a text": (
        message(body="", _data=webjs("poll_creation", pollName="Pizza?")),
        {"kind": EventKind.POLL, "text": "Pizza?", "options": ()},
    ),
    "poll of WEBJS": (
        message(
            body="Pizza?", _data=webjs("poll_creation", pollOptions=[{"name": "Yes", "localId": 0}, {"name": "No"}])
        ),
        {"kind": EventKind.POLL, "text": "Pizza?", "options": ("Yes", "No")},
    ),
    "a broken character": (message(body="Hello \ud83d"), {"text": "Hello ?"}),
}


@pytest.mark.parametrize(("payload", "changes"), CONTENTS.values(), ids=CONTENTS)
def test_contents(waha: Waha, payload: Payload, changes: dict[str, Any]) -> None:
    """Whatever the engine, a message is the same."""
    event = one(told(waha, payload))
    # Only some of the payloads have a name in them.
    expected = replace(EXPECTED, **{"sender": Sender("13035550142", "", event.sender.name), **changes})
    assert event == expected
    assert event.sender.name in ("", "Ada")


@pytest.mark.parametrize(
    "payload",
    [
        message(body=""),
        message(body=None),
        message(body="Casey changed the subject", _data=webjs("gp2")),
        message(body="", _data=webjs("e2e_notification")),
        message(body="x", _data=webjs("protocol")),
        message(body="x", _data=noweb({"protocolMessage": {"type": "REVOKE"}})),
        message(body="x", _data=gows({"pollUpdateMessage": {}, "messageContextInfo": {}})),
        message(body="", location={"latitude": "north", "longitude": "13"}),
        message(body="", location={"latitude": "91", "longitude": "13"}),
        message(body="", location={"latitude": "13", "longitude": "-180.5"}),
        message(body="", location={"latitude": "nan", "longitude": "13"}),
        message(body="", location={"latitude": True, "longitude": 10**400}),
        message(body="", location={"latitude": 1}),
        message(id=f"false_status@broadcast_{ID}_{ADA}", **{"from": "status@broadcast", "participant": ADA}),
        message(id=f"false_15550100@broadcast_{ID}"),
        message(id=f"false_0@c.us_{ID}"),
    ],
)
def test_nothing_of_use(waha: Waha, payload: Payload) -> None:
    """What nobody wrote, and what was written to nobody in particular, is left out."""
    assert told(waha, payload) == []


@pytest.mark.parametrize(("depth", "count"), [(1, 1), (5, 1), (6, 0)])
def test_wrapped(waha: Waha, depth: int, count: int) -> None:
    """A message may be in another one, but not without end."""
    content: Payload = {"imageMessage": {"mimetype": "image/jpeg"}}
    for _ in range(depth):
        content = {"ephemeralMessage": {"message": content}}
    assert len(told(waha, message(**media("image/jpeg"), _data=noweb(content)))) == count


def test_message_is_told_twice(waha: Waha) -> None:
    """Under whatever name it comes, it has the same id."""
    first, second = one(told(waha, message(), "message")), one(told(waha, message(), "message.any"))
    assert first == second


# Who and where


def test_in_a_group(waha: Waha) -> None:
    """The chat is the group, the sender is its member."""
    payload = message(id=f"false_{GROUP}_{ID}_{ADA}", to=ADA, participant=ADA, **{"from": GROUP})
    event = one(told(waha, payload))
    assert (event.chat_id, event.sender) == (GROUP, Sender("13035550142"))
    assert event.message_id == event.event_id == f"false_{GROUP}_{ID}_{ADA}"
    # WEBJS has it as the author, others only in the id.
    assert one(told(waha, payload | {"participant": None, "author": ADA})).sender == Sender("13035550142")
    assert one(told(waha, payload | {"participant": None})).sender == Sender("13035550142")
    assert one(told(waha, payload | {"id": f"false_{GROUP}_{ID}"})).sender == Sender("13035550142")


def test_id_that_is_an_object(waha: Waha) -> None:
    """WEBJS itself has it so."""
    assert one(told(waha, message(id={"_serialized": f"false_{ADA}_{ID}", "id": ID}))) == EXPECTED


@pytest.mark.parametrize(
    ("names", "chat_id"),
    [
        ({"from": ADA, "to": ME}, ADA),
        ({"from": ME, "to": ADA, "fromMe": True}, ADA),
        ({"from": ADA, "to": None, "fromMe": True}, ADA),
        ({"chatId": GROUP, "from": ADA}, GROUP),
    ],
)
def test_bare_id(waha: Waha, names: Payload, chat_id: str) -> None:
    """An id that says nothing of the chat leaves it to the other fields."""
    event = one(told(waha, message(id=ID, **names)))
    assert (event.message_id, event.chat_id, event.from_me) == (ID, chat_id, names.get("fromMe", False))


HIDDEN = {
    "NOWEB": {"key": {"remoteJid": ADA_LID, "remoteJidAlt": "13035550142@s.whatsapp.net", "addressingMode": "lid"}},
    "older NOWEB": {"key": {"remoteJid": ADA_LID, "senderPn": "13035550142@s.whatsapp.net"}},
    "GOWS": {"Info": {"Chat": ADA_LID, "Sender": ADA_LID, "SenderAlt": "13035550142:7@s.whatsapp.net"}},
}


@pytest.mark.parametrize("raw", HIDDEN.values(), ids=HIDDEN)
def test_person_with_an_opaque_id(waha: Waha, raw: Payload) -> None:
    """A number that is told only by the engine is the chat; the id of the message stays as it is."""
    payload = message(id=f"false_{ADA_LID}_{ID}", _data=raw, **{"from": ADA_LID})
    event = one(told(waha, payload))
    assert (event.chat_id, event.sender) == (ADA, Sender("13035550142", ADA_LID))
    assert event.message_id == f"false_{ADA_LID}_{ID}"


@pytest.mark.parametrize(
    "raw",
    [
        {"key": {"remoteJid": GROUP, "participant": ADA_LID, "participantAlt": "13035550142@s.whatsapp.net"}},
        {"key": {"remoteJid": GROUP, "participant": ADA_LID, "participantPn": "13035550142@s.whatsapp.net"}},
        {"Info": {"Chat": GROUP, "Sender": ADA_LID, "SenderAlt": "13035550142@s.whatsapp.net"}},
    ],
)
def test_member_with_an_opaque_id(waha: Waha, raw: Payload) -> None:
    """The same in a group."""
    payload = message(id=f"false_{GROUP}_{ID}_{ADA_LID}", participant=ADA_LID, _data=raw, **{"from": GROUP})
    event = one(told(waha, payload))
    assert (event.chat_id, event.sender) == (GROUP, Sender("13035550142", ADA_LID))


def test_number_with_an_opaque_id_beside_it(waha: Waha) -> None:
    """Some engines name the number first, and the opaque id only for those who want to know."""
    raw = {"Info": {"Chat": "13035550142@s.whatsapp.net", "SenderAlt": ADA_LID}}
    event = one(told(waha, message(_data=raw)))
    assert (event.chat_id, event.sender) == (ADA, Sender("13035550142", ADA_LID))


def test_person_without_a_number(waha: Waha) -> None:
    """WEBJS does not know more than the opaque id."""
    event = one(told(waha, message(id=f"false_{ADA_LID}_{ID}", **{"from": ADA_LID})))
    assert (event.chat_id, event.sender) == (ADA_LID, Sender("", ADA_LID))


def test_channel(waha: Waha) -> None:
    """A channel is a chat without a sender."""
    channel = "120363000000000999@newsletter"
    event = one(told(waha, message(id=f"false_{channel}_{ID}", **{"from": channel})))
    assert (event.chat_id, event.sender) == (channel, Sender())


@pytest.mark.parametrize("chat", [ADA, GROUP])
@pytest.mark.parametrize("who", [{"from": ME, "to": "CHAT"}, {"from": "CHAT", "to": None}], ids=["WEBJS", "GOWS"])
def test_typed_on_the_phone(waha: Waha, chat: str, who: Payload) -> None:
    """What the owner types comes with the chat it was typed into, and from nobody else."""
    names = {name: chat if value == "CHAT" else value for name, value in who.items()}
    event = one(told(waha, message(id=f"true_{chat}_{ID}", fromMe=True, source="app", participant=ME, **names)))
    assert (event.chat_id, event.sender, event.from_me) == (chat, Sender(), True)


@pytest.mark.parametrize(
    "raw",
    [
        {"key": {"remoteJid": ADA_LID, "remoteJidAlt": "13035550142@s.whatsapp.net", "senderPn": ME}},
        {"Info": {"Chat": ADA_LID, "IsFromMe": True, "SenderAlt": ME, "RecipientAlt": "13035550142@s.whatsapp.net"}},
    ],
)
def test_typed_to_an_opaque_id(waha: Waha, raw: Payload) -> None:
    """The other name of the other side is the chat, and not one's own."""
    event = one(told(waha, message(id=f"true_{ADA_LID}_{ID}", fromMe=True, _data=raw)))
    assert (event.chat_id, event.sender, event.from_me) == (ADA, Sender(), True)


@pytest.mark.parametrize("more", [{"source": "api"}, {"source": None}])
def test_sent_through_the_api(waha: Waha, more: Payload) -> None:
    """What went out from here does not come back; nor does what may have done so."""
    assert told(waha, message(id=f"true_{ADA}_{ID}", fromMe=True, **more)) == []


@pytest.mark.parametrize(
    ("given_time", "expected"),
    [(THEN, THEN), (THEN * 1000 + 853, THEN + 0.853), (THEN + 0.25, THEN + 0.25)],
)
def test_time(waha: Waha, given_time: float, expected: float) -> None:
    """Whether in seconds or milliseconds."""
    assert one(told(waha, message(timestamp=given_time))).timestamp == pytest.approx(expected)


@pytest.mark.parametrize("given_time", [None, "soon", 0, -5, True, float("nan"), float("inf"), 10**30])
def test_no_time(waha: Waha, given_time: Any) -> None:
    """What is no time is now; it has to be one that a calendar has."""
    assert one(told(waha, message(timestamp=given_time))).timestamp == pytest.approx(time.time(), abs=5)


def test_time_of_the_envelope(waha: Waha) -> None:
    """A message without a time of its own has that of the call."""
    when = int(time.time() * 1000) - 99_000
    assert one(told(waha, message(timestamp=None), timestamp=when)).timestamp == when / 1000


# What refers to other messages


def reply(quoted: Payload, chat: str = ADA, **more: Any) -> Payload:
    """Return a reply."""
    writer = f"_{ADA}" if chat == GROUP else ""
    return message(id=f"false_{chat}_{ID}{writer}", replyTo={"body": "Hi", "hasMedia": False, **quoted}, **more)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (reply({"id": OTHER, "participant": ME}), f"true_{ADA}_{OTHER}"),
        (reply({"id": OTHER, "participant": MY_LID}), f"true_{ADA}_{OTHER}"),
        (reply({"id": OTHER, "participant": ADA}), f"false_{ADA}_{OTHER}"),
        (reply({"id": OTHER}), f"false_{ADA}_{OTHER}"),
        (reply({"id": f"true_{ADA}_{OTHER}"}), f"true_{ADA}_{OTHER}"),
        (reply({"id": OTHER, "participant": ADA_LID}, GROUP), f"false_{GROUP}_{OTHER}_{ADA_LID}"),
        (reply({"id": OTHER, "participant": ME}, GROUP), f"true_{GROUP}_{OTHER}"),
        (reply({}), ""),
        (message(id=ID, chatId=ADA, replyTo={"id": OTHER}), OTHER),
    ],
)
def test_reply(waha: Waha, payload: Payload, expected: str) -> None:
    """An id that is told without chat and writer is made whole."""
    assert one(told(waha, payload)).reply_to == expected


def test_reply_to_nobody_who_has_a_number(waha: Waha) -> None:
    """An account without an opaque id is not whoever has no number."""
    payload = reply({"id": OTHER, "participant": "0@s.whatsapp.net"})
    assert one(told(waha, payload, me={"id": ME})).reply_to == f"false_{ADA}_{OTHER}"


def test_reply_to_a_message_that_is_known(waha: Waha) -> None:
    """What was told of under a longer name has that name for ever."""
    first = one(told(waha, message(id=f"false_{ADA_LID}_{OTHER}")))
    event = one(told(waha, reply({"id": OTHER, "participant": ADA})))
    assert event.reply_to == first.message_id == f"false_{ADA_LID}_{OTHER}"


def test_only_so_much_is_remembered(waha: Waha, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first."""
    # The replies themselves are among them.
    monkeypatch.setattr(waha_events, "_MEMORY", 3)
    for number in range(3):
        told(waha, message(id=f"false_{ADA_LID}_{number}"))
    seen = [one(told(waha, reply({"id": str(number)}))).reply_to for number in range(3)]
    assert seen == [f"false_{ADA}_0", f"false_{ADA_LID}_1", f"false_{ADA_LID}_2"]


def reaction(text: str | None = "🙏", **more: Any) -> Payload:
    """Return a reaction."""
    return {
        "id": f"false_{ADA}_{ID}",
        "from": ADA,
        "fromMe": False,
        "participant": ADA,
        "to": ADA,
        "timestamp": THEN + 0.5,
        "reaction": {"text": text, "messageId": f"true_{ADA}_{OTHER}"},
        **more,
    }


@pytest.mark.parametrize("emoji", ["🙏", "", None])
def test_reaction(waha: Waha, emoji: str | None) -> None:
    """An empty one takes it back."""
    assert one(told(waha, reaction(emoji), "message.reaction")) == Event(
        EventKind.REACTION,
        event_id=f"false_{ADA}_{ID} reaction {emoji or ''}",
        chat_id=ADA,
        timestamp=THEN + 0.5,
        sender=Sender("13035550142"),
        message_id=f"false_{ADA}_{ID}",
        about=f"true_{ADA}_{OTHER}",
        text=emoji or "",
    )


def test_own_reaction(waha: Waha) -> None:
    """One's own is told if it was made on the phone for certain."""
    own: Payload = {"id": f"true_{ADA}_{ID}", "fromMe": True}
    assert told(waha, reaction(**own), "message.reaction") == []
    assert told(waha, reaction(**own, source="api"), "message.reaction") == []
    event = one(told(waha, reaction(**own, source="app"), "message.reaction"))
    assert (event.from_me, event.sender, event.chat_id) == (True, Sender(), ADA)


def edited(text: str = "Good bye", **more: Any) -> Payload:
    """Return an edit."""
    return message(id=f"false_{ADA}_{OTHER}", body=text, editedMessageId=ID, **more)


def test_edit(waha: Waha) -> None:
    """It is about the message that was edited, of the same writer in the same chat."""
    event = one(told(waha, edited(), "message.edited", timestamp=int(time.time() * 1000)))
    assert replace(event, event_id="", timestamp=0) == Event(
        EventKind.EDITED,
        event_id="",
        chat_id=ADA,
        timestamp=0,
        sender=Sender("13035550142"),
        about=f"false_{ADA}_{ID}",
        text="Good bye",
    )
    assert event.timestamp == pytest.approx(time.time(), abs=5)
    in_group = edited() | {"id": f"false_{GROUP}_{OTHER}_{ADA}", "participant": ADA}
    assert one(told(waha, in_group, "message.edited")).about == f"false_{GROUP}_{ID}_{ADA}"


def test_edits_differ(waha: Waha) -> None:
    """The same edit is the same; another one, also under the same id as WEBJS has it, is not."""
    webjs_id = {"id": f"false_{ADA}_{ID}"}
    payloads = [edited(), edited(), edited("Hi"), edited() | webjs_id, edited("Hi") | webjs_id]
    ids = [one(told(waha, payload, "message.edited")).event_id for payload in payloads]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_edit_of_a_known_message(waha: Waha) -> None:
    """What was told of under another name of the chat keeps it."""
    first = one(told(waha, message(id=f"false_{ADA_LID}_{ID}")))
    assert one(told(waha, edited(), "message.edited")).about == first.message_id


REVOKED: dict[str, Payload] = {
    "GOWS": {"after": message(id=f"false_{ADA}_{OTHER}", body=None), "before": None, "revokedMessageId": ID},
    "WEBJS": {"after": message(body=""), "before": message(), "revokedMessageId": ID},
    "older WEBJS": {"after": message(body=""), "before": message()},
    "only before": {"after": None, "before": message()},
}


@pytest.mark.parametrize("payload", REVOKED.values(), ids=REVOKED)
def test_deletion(waha: Waha, payload: Payload) -> None:
    """It is about what was deleted, whatever took its place."""
    event = one(told(waha, payload, "message.revoked"))
    assert replace(event, timestamp=0) == Event(
        EventKind.DELETED,
        event_id=f"{ID} deleted",
        chat_id=ADA,
        timestamp=0,
        sender=Sender("13035550142"),
        about=f"false_{ADA}_{ID}",
    )


@pytest.mark.parametrize("event", ["message.edited", "message.revoked"])
@pytest.mark.parametrize(("source", "count"), [("app", 1), ("api", 0)])
def test_own_changes(waha: Waha, event: str, source: str, count: int) -> None:
    """What was changed through the API is no news."""
    own = edited(fromMe=True, source=source) | {"id": f"true_{ADA}_{OTHER}"}
    payload = own if event == "message.edited" else {"after": own, "before": None, "revokedMessageId": ID}
    news = told(waha, payload, event)
    assert len(news) == count
    assert all(isinstance(each, Event) and each.from_me and each.about == f"true_{ADA}_{ID}" for each in news)


# How far a message got


def ack(level: Any, **more: Any) -> Payload:
    """Return a receipt, with the least that all engines tell."""
    given_id = f"true_{ADA}_{ID}"
    return {"id": given_id, "from": ADA, "participant": None, "fromMe": True, "ack": level, "ackName": "X", **more}


@pytest.mark.parametrize(
    ("level", "kind"),
    [(-1, EventKind.FAILED), (2, EventKind.DELIVERED), (3, EventKind.READ), (4, EventKind.READ)],
)
def test_receipt(waha: Waha, level: int, kind: EventKind) -> None:
    """It is about the message, by the id that sending it gave."""
    event = one(told(waha, ack(level), "message.ack"))
    assert replace(event, timestamp=0) == Event(
        kind,
        event_id=f"{ID} {kind}",
        chat_id=ADA,
        timestamp=0,
        sender=Sender("13035550142"),
        about=f"true_{ADA}_{ID}",
    )


@pytest.mark.parametrize("level", [0, 1, 5, None, "3", True, [3], {}])
def test_no_receipt(waha: Waha, level: Any) -> None:
    """What the server has got is no news, nor is what nobody knows."""
    assert told(waha, ack(level), "message.ack") == []


def test_others_messages_have_no_receipts(waha: Waha) -> None:
    """Who reads on the phone what others wrote is the owner."""
    assert told(waha, ack(3, id=f"false_{ADA}_{ID}", fromMe=False), "message.ack") == []


def test_receipt_that_says_it_is_not_ours(waha: Waha) -> None:
    """With WEBJS, `fromMe` is that of the receipt in a group; the id tells whose message it is."""
    payload = ack(3, id=f"true_{GROUP}_{ID}_{ME}", participant=ADA, fromMe=False, **{"from": GROUP})
    event = one(told(waha, payload, "message.ack.group"))
    assert (event.kind, event.about) == (EventKind.READ, f"true_{GROUP}_{ID}_{ME}")
    assert event.sender == Sender("13035550142")


@pytest.mark.parametrize("participant", [ME, MY_LID, None])
def test_receipt_of_nobody_in_particular(waha: Waha, participant: str | None) -> None:
    """The account itself is who wrote the message, and not who reads it."""
    message_id = f"true_{GROUP}_{ID}_{participant or ME}"
    payload = ack(2, id=message_id, participant=participant, **{"from": ME, "to": GROUP})
    event = one(told(waha, payload, "message.ack"))
    assert (event.about, event.chat_id, event.sender) == (message_id, GROUP, Sender())


def test_receipts_of_a_group(waha: Waha) -> None:
    """Each reader is told, be it in the id as well; what was sent has another one there, or none."""
    payload = ack(3, id=f"true_{GROUP}_{ID}_{ADA_LID}", participant=ADA_LID, **{"from": GROUP})
    event = one(told(waha, payload, "message.ack.group"))
    assert (event.about, event.chat_id, event.sender) == (f"true_{GROUP}_{ID}", GROUP, Sender("", ADA_LID))
    of_bertil = payload | {"participant": "13035550143@c.us"}
    other = one(told(waha, of_bertil, "message.ack.group"))
    assert other.sender == Sender("13035550143")
    assert other.event_id != event.event_id


def test_receipt_of_a_hidden_number(waha: Waha) -> None:
    """GOWS names the chat by its opaque id, and the number beside it as that of the reader."""
    raw = {"Chat": ADA_LID, "Sender": ADA_LID, "IsFromMe": False, "SenderAlt": "13035550142@s.whatsapp.net"}
    payload = ack(2, id=f"true_{ADA_LID}_{ID}", _data=raw, **{"from": ADA_LID})
    event = one(told(waha, payload, "message.ack"))
    assert (event.chat_id, event.sender) == (ADA, Sender("13035550142", ADA_LID))


# Votes and calls


def vote(chosen: Any, **more: Any) -> Payload:
    """Return a vote, as the page on polls shows it."""
    return {
        "vote": {
            "id": f"false_{ADA}_{ID}",
            "to": "me",
            "from": ADA,
            "fromMe": False,
            "selectedOptions": chosen,
            "timestamp": THEN * 1000,
            **more,
        },
        "poll": {"id": f"true_{ADA}_{OTHER}", "to": ADA, "from": "me", "fromMe": True},
    }


@pytest.mark.parametrize("chosen", [["Yes"], ["Yes", "No"], []])
def test_vote(waha: Waha, chosen: list[str]) -> None:
    """All that somebody has chosen by now."""
    event = one(told(waha, vote(chosen), "poll.vote"))
    assert replace(event, event_id="") == Event(
        EventKind.POLL_VOTE,
        event_id="",
        chat_id=ADA,
        timestamp=THEN,
        sender=Sender("13035550142"),
        message_id=f"false_{ADA}_{ID}",
        about=f"true_{ADA}_{OTHER}",
        options=tuple(chosen),
    )


def test_votes_differ(waha: Waha) -> None:
    """WEBJS gives all votes in a poll the id of the poll: whoever changes their mind, and changes it back, is told."""
    payloads = [vote(["Yes"]), vote(["Yes"]), vote(["No"]), vote(["Yes"], timestamp=THEN * 1000 + 9), vote([])]
    payloads += [vote(["Yes"], timestamp=None), vote(["Yes"], timestamp={"low": 1})]
    ids = [one(told(waha, payload, "poll.vote")).event_id for payload in payloads]
    assert ids[0] == ids[1]
    assert ids[5] == ids[6]
    assert len(set(ids)) == 5


def test_vote_in_a_group(waha: Waha) -> None:
    """Who voted is told as the participant."""
    payload = vote(["Yes"], id=f"false_{GROUP}_{ID}_{ADA}", participant=ADA, **{"from": GROUP})
    event = one(told(waha, payload, "poll.vote"))
    assert (event.chat_id, event.sender) == (GROUP, Sender("13035550142"))


def test_vote_of_a_hidden_number(waha: Waha) -> None:
    """GOWS has the number, and the name, beside the vote."""
    raw = {"Info": {"Chat": ADA_LID, "SenderAlt": "13035550142@s.whatsapp.net", "PushName": "Ada"}}
    payload = vote(["Yes"], id=f"false_{ADA_LID}_{ID}", **{"from": ADA_LID}) | {"_data": raw}
    event = one(told(waha, payload, "poll.vote"))
    assert (event.chat_id, event.sender) == (ADA, Sender("13035550142", ADA_LID, "Ada"))


def test_no_vote(waha: Waha) -> None:
    """What could not be read, and one's own, which may have been sent through the API."""
    assert told(waha, vote(None), "poll.vote") == []
    assert told(waha, vote(["Yes"], fromMe=True, id=f"true_{ADA}_{ID}"), "poll.vote") == []


@pytest.mark.parametrize(
    ("payload", "chat_id", "sender"),
    [
        ({"from": ADA}, ADA, Sender("13035550142")),
        ({"from": ADA_LID}, ADA_LID, Sender("", ADA_LID)),
        ({"from": ADA_LID, "_data": {"CallCreatorAlt": ADA}}, ADA, Sender("13035550142", ADA_LID)),
        ({"from": ADA_LID, "_data": {"callerPn": "13035550142@s.whatsapp.net"}}, ADA, Sender("13035550142", ADA_LID)),
        ({"from": GROUP, "_data": {"CallCreator": ADA}}, GROUP, Sender("13035550142")),
        ({"from": ADA, "_data": {"GroupJID": GROUP}}, GROUP, Sender("13035550142")),
        ({"from": ADA, "_data": {"GroupJID": "", "groupJid": None}}, ADA, Sender("13035550142")),
        ({"from": ADA_LID, "_data": {"groupJid": GROUP}}, GROUP, Sender("", ADA_LID)),
    ],
)
def test_call(waha: Waha, payload: Payload, chat_id: str, sender: Sender) -> None:
    """Somebody calls; the number may be told only by the engine."""
    given_call = {"id": "A1B2", "timestamp": THEN, "isVideo": False, "isGroup": False, **payload}
    event = one(told(waha, given_call, "call.received"))
    assert event == Event(EventKind.CALL, "call A1B2", chat_id, THEN, sender)


def test_call_of_nobody(waha: Waha) -> None:
    """A call without a caller is left out."""
    assert told(waha, {"id": "A1B2", "from": None}, "call.received") == []


# The envelope


HALF = "A\ud83d"


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (message(id=f"false_{ADA}_{HALF}", body=HALF), "message.any"),
        (message(replyTo={"id": HALF}), "message.any"),
        (message(body="", vCards=[f"FN:{HALF}"]), "message.any"),
        (message(**media("image/png", HALF)), "message.any"),
        (
            message(body="", _data=gows({"pollCreationMessage": {"name": HALF, "options": [{"optionName": HALF}]}})),
            "message.any",
        ),
        (reaction() | {"reaction": {"text": HALF, "messageId": f"true_{ADA}_{HALF}"}}, "message.reaction"),
        (edited(HALF) | {"editedMessageId": HALF}, "message.edited"),
        ({"after": message(), "revokedMessageId": HALF}, "message.revoked"),
        (ack(3, id=f"true_{ADA}_{HALF}"), "message.ack"),
        (vote([HALF]) | {"poll": {"id": f"true_{ADA}_{HALF}"}}, "poll.vote"),
        ({"id": HALF, "from": ADA}, "call.received"),
    ],
)
def test_half_of_a_character(waha: Waha, payload: Payload, event: str) -> None:
    """It is nowhere in an event: whoever writes that down would fail."""
    one_event = one(told(waha, payload, event))
    json.dumps(asdict(one_event), ensure_ascii=False).encode()


@pytest.mark.parametrize("event", ["presence.update", "group.v2.join", "message.waiting", "poll.vote.failed", "x"])
def test_other_events(waha: Waha, event: str) -> None:
    """What nobody asked for is left out."""
    assert told(waha, message(), event) == []


def test_session(waha: Waha) -> None:
    """The session comes as such, and of another session nothing."""
    payload: Payload = {"status": "FAILED", "statuses": [], "data": None}
    assert told(waha, payload, "session.status") == [Session(SessionState.FAILED)]
    assert told(waha, payload, "session.status", session="bedroom") == []
    assert told(waha, message(), session="bedroom") == []
    assert told(waha, message(), session=None) == []


def test_list_of_events(waha: Waha) -> None:
    """Several may come at once."""
    other = message(id=f"false_{ADA}_{OTHER}")
    events = call(waha, [envelope(message()), envelope(None, session="bedroom"), envelope(other)])
    assert [event.message_id for event in events if isinstance(event, Event)] == [message()["id"], other["id"]]


def test_vector_of_the_documentation(waha: Waha) -> None:
    """The signature that the page on events shows."""
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    hook = Webhook(HOOK.url, "my-secret-key")
    shown = (
        "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
        "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
    )
    for name in ("X-Webhook-Hmac", "x-webhook-hmac", "X-WEBHOOK-HMAC"):
        assert waha.parse_webhook({name: shown}, body, hook) == []
    with pytest.raises(Forged):
        waha.parse_webhook({"X-Webhook-Hmac": shown.upper()}, body, hook)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Webhook-Hmac": ""},
        {"X-Webhook-Hmac": "0" * 128},
        {"X-Webhook-Hmac": "ключ"},
        {"X-Webhook-Hmac": "\udc80"},
        {"X-Webhook-Hmac-Algorithm": "sha512"},
    ],
)
def test_forged(waha: Waha, headers: dict[str, str]) -> None:
    """Without the right signature nothing is read, not even what makes no sense."""
    for body in (json.dumps(envelope(message())).encode(), b"{"):
        with pytest.raises(Forged):
            waha.parse_webhook(headers, body, HOOK)
        with pytest.raises(Forged):
            waha.parse_webhook(signed(body, "another secret"), body, HOOK)
        with pytest.raises(Forged):
            waha.parse_webhook(signed(body, ""), body, Webhook(HOOK.url, ""))


def test_played_again(waha: Waha) -> None:
    """A call of some minutes ago is too old; a server that does not say when it was is believed."""
    old = envelope(message(), timestamp=int((time.time() - 301) * 1000))
    with pytest.raises(Forged):
        call(waha, old)
    with pytest.raises(Forged):
        call(waha, [envelope(message()), old])
    recent = envelope(message(), timestamp=int((time.time() - 290) * 1000))
    del old["timestamp"]
    assert len(call(waha, recent)) == len(call(waha, old)) == 1


NONSENSE: list[Any] = [
    None,
    7,
    "message",
    [7],
    [[]],
    {"session": "living_room"},
    envelope(None),
    envelope([]),
    envelope({}),
    envelope(message(id="")),
    envelope(message(id=7)),
    envelope(message(id=["x"])),
    envelope({}, "session.status"),
    envelope({"status": ""}, "session.status"),
    envelope(None, "session.status"),
    envelope(message(), ""),
    envelope(message(), event=["message"]),
    envelope({"id": "x"}, "message.reaction"),
    envelope(reaction() | {"reaction": {"text": "🙏"}}, "message.reaction"),
    envelope({"after": None, "before": None}, "message.revoked"),
    envelope({"vote": {}, "poll": {}}, "poll.vote"),
    envelope({"vote": vote([])["vote"]}, "poll.vote"),
    envelope({"from": ADA}, "call.received"),
]


@pytest.mark.parametrize("content", NONSENSE)
def test_nonsense(waha: Waha, content: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What makes no sense is our error, which gives nothing away."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidAnswer) as caught:
        call(waha, content)
    assert leaks(["13035550142", HOOK.secret, CREDENTIALS["token"], "Hello"], caught.value, caplog.records) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"a": \x00}'])
def test_no_json(waha: Waha, body: bytes) -> None:
    """Nor is what is not even JSON."""
    with pytest.raises(InvalidAnswer):
        waha.parse_webhook(signed(body), body, HOOK)
