"""What the emulated WAHA sends beyond plain texts, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
import hashlib
import re
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator, waha_checks
from tests.emulator.model import Kind, Message, Signal
from tests.emulator.qr import plain_png
from tests.emulator.waha_engines import full_id
from tests.test_emulator_waha import (
    ADA_CHAT,
    CHEN_CHAT,
    ENGINES,
    FAMILY,
    NO_STORE,
    NOBODY_CHAT,
    SCALE,
    Api,
    not_running,
    wrong_status,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")

PNG = plain_png("tomato")
OGG_TYPE = "audio/ogg; codecs=opus"
RECEIVED = f"false_{ADA_CHAT}_3F3577A0"
MEDIA = ("sendImage", "sendFile", "sendVoice", "sendVideo")
BAD_ID = "Message id be in format false_11111111111@c.us_AAAAAAAAAAAAAAAAAAAA[_participant]"
NO_CONTENT = 'must contain either "data" or "url".'
NOT_IMPLEMENTED = "The method is not implemented by the engine."
PLUS_ONLY = "The feature is available only in Plus version. Check this out: https://waha.devlike.pro/"
PLACE = {"latitude": 40.5, "longitude": -105, "title": "Home"}
POLL = {"name": "Dinner?", "options": ["Yes", "No"], "multipleAnswers": True}
CHEN = {"fullName": "Chen", "phoneNumber": "+1 303 555 0144"}
PREVIEW = {"url": "https://example.com", "title": "Example", "description": "A page"}
MENU = {
    "title": "Lights",
    "button": "Choose",
    "sections": [{"title": "Rooms", "rows": [{"title": "Hall", "rowId": "h"}]}],
}


def encoded(content: bytes) -> str:
    """Return base64 as it goes into a body."""
    return base64.b64encode(content).decode()


def picture(**more: Any) -> dict[str, Any]:
    """Return a picture in base64."""
    return {"mimetype": "image/png", "filename": "door.png", "data": encoded(PNG), **more}


class Sender(Api):
    """A client whose phone is linked."""

    async def call(self, operation: str, **fields: Any) -> Any:
        """Send something to Ada and return the answer of a success."""
        return await self.post(f"/api/{operation}", {"chatId": ADA_CHAT, **fields})

    async def arrival(self, operation: str, **fields: Any) -> Message:
        """Send something to Ada and return what arrived, which has to be one message."""
        before = len(self.arrived())
        answer = await self.call(operation, **fields)
        [message] = self.arrived()[before:]
        assert self.id_in(answer) == message.id
        return message

    def id_in(self, answer: Any) -> str:
        """Return the id in the answer to a send, which each engine has somewhere else."""
        match self.instance.options.engine:
            case "NOWEB":
                chat = answer["key"]["remoteJid"].replace("@s.whatsapp.net", "@c.us")
                return f"true_{chat}_{answer['key']['id']}"
            case "WEBJS":
                return str(answer["id"]["_serialized"])
        return str(answer["id"])

    async def refusal(self, operation: str, verb: str = "POST", **fields: Any) -> tuple[int, Any]:
        """Send something to Ada that is refused, and return status and message."""
        before = len(self.arrived())
        status, answer = await self.once(verb, f"/api/{operation}", json={"chatId": ADA_CHAT, **fields})
        assert len(self.arrived()) == before
        if status == 500:
            assert answer["request"]["body"] == {"chatId": ADA_CHAT, **fields}
            return status, answer["exception"]["message"]
        return status, answer["message"]

    def host(self, content: bytes, mime_type: str, name: str) -> str:
        """Return the address of a file that can be downloaded."""
        return self.emulator.url + self.emulator.world.files.add(content, mime_type, name)

    def notices(self) -> list[tuple[str, Signal, tuple[str, ...]]]:
        """What the other side saw."""
        notices = self.emulator.phone.notices
        assert all((each.gateway, each.instance) == ("waha", "default") for each in notices)
        return [(each.chat_id, each.signal, each.message_ids) for each in notices]

    def engine(self, name: str) -> None:
        """Have another engine in the server."""
        self.instance.options.engine = name


@pytest.fixture
async def api() -> AsyncGenerator[Sender]:
    """A client of a fast emulator, its phone linked."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with (
        Emulator(time_scale=SCALE, seed="tests") as emulator,
        aiohttp.ClientSession(connector=connector) as opened,
    ):
        sender = Sender(emulator, opened)
        sender.link()
        yield sender


def assert_file(message: Message, content: bytes, name: str, mime_type: str, **more: Any) -> None:
    """Check that a message has exactly this file."""
    path = message.details["path"]
    assert path.startswith("/files/")
    assert message.details == {
        "path": path,
        "file_name": name,
        "mime_type": mime_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **more,
    }


# Media


@pytest.mark.parametrize(
    ("operation", "kind", "mime_type"),
    [
        ("sendImage", Kind.IMAGE, "image/png"),
        ("sendFile", Kind.DOCUMENT, "application/pdf"),
        ("sendVoice", Kind.VOICE, OGG_TYPE),
        ("sendVideo", Kind.VIDEO, "video/mp4"),
    ],
)
@pytest.mark.parametrize("way", ["url", "data"])
@pytest.mark.parametrize("engine", ENGINES)
async def test_media(api: Sender, engine: str, way: str, operation: str, kind: Kind, mime_type: str) -> None:
    """By its address, which the server downloads, or in base64; only a voice note has no caption."""
    api.engine(engine)
    content = api.host(PNG, "application/octet-stream", "else.bin") if way == "url" else encoded(PNG)
    file = {"mimetype": mime_type, "filename": "door.x", way: content}
    message = await api.arrival(operation, chatId=FAMILY, file=file, caption="Look", reply_to=RECEIVED)
    caption = "" if kind is Kind.VOICE else "Look"
    assert (message.chat_id, message.kind, message.text, message.quoted_id) == (FAMILY, kind, caption, RECEIVED)
    assert_file(message, PNG, "door.x", mime_type)


async def test_sent_media_in_lists_and_events(api: Sender) -> None:
    """The account's own file can be had as any other."""
    async with api.listening("message.any") as socket:
        message = await api.arrival("sendImage", file=picture(), caption="Look")
        event = await socket.next_of("message.any")
    assert (event["id"], event["body"], event["hasMedia"], event["fromMe"]) == (message.id, "Look", True, True)
    [shown] = await api.get(f"/api/default/chats/{ADA_CHAT}/messages")
    path = shown["media"]["url"].removeprefix("http://localhost:3000")
    assert await api.raw("GET", path) == (200, "image/png", PNG)


async def test_what_is_not_said_about_a_file(api: Sender) -> None:
    """Name and type by default, or from the download."""
    url = api.host(PNG, "image/png", "a b.png")
    assert_file(
        await api.arrival("sendImage", file={"mimetype": "image/webp", "url": url}), PNG, "a b.png", "image/webp"
    )
    unnamed = {"mimetype": "application/pdf", "data": encoded(PNG)}
    assert_file(await api.arrival("sendFile", file=unnamed), PNG, "file.pdf", "application/pdf")
    data = {"data": encoded(PNG)}
    assert_file(await api.arrival("sendVideo", file=data), PNG, "video.mp4", "video/mp4")
    assert_file(await api.arrival("sendVoice", file=data), PNG, "voice-message.mp3", OGG_TYPE)
    # Vendor source: an address counts for more.
    both = picture(url=url, data=encoded(b"else"))
    assert_file(await api.arrival("sendImage", file=both), PNG, "door.png", "image/png")


async def test_conversion(api: Sender) -> None:
    """The type changes; here, the bytes do not."""
    song = {"mimetype": "audio/mpeg", "filename": "song.mp3", "data": encoded(b"ID3")}
    assert_file(await api.arrival("sendVoice", file=song), b"ID3", "song.mp3", "audio/mpeg")
    assert_file(await api.arrival("sendVoice", file=song, convert=True), b"ID3", "song.mp3", OGG_TYPE)
    film = {"mimetype": "video/x-msvideo", "filename": "film.avi", "data": encoded(b"RIFF")}
    round_one = await api.arrival("sendVideo", file=film, asNote=True, convert=True)
    assert_file(round_one, b"RIFF", "film.avi", "video/mp4", as_note=True)


@pytest.mark.parametrize(("kind", "mime_type"), [("voice", OGG_TYPE), ("video", "video/mp4")])
async def test_conversion_by_itself(api: Sender, kind: str, mime_type: str) -> None:
    """As a file, or in JSON for those who ask for that exactly."""
    path = f"/api/default/media/convert/{kind}"
    bodies = ({"data": encoded(PNG)}, {"url": api.host(PNG, "audio/mpeg", "song.mp3")})
    for body in bodies:
        status, content_type, content = await api.raw("POST", path, json=body)
        assert (status, content_type, content) == (201, mime_type.partition(";")[0], PNG)
    as_json = {**api.headers, "Accept": "application/json"}
    answer = await api.once("POST", path, json=bodies[0], headers=as_json)
    assert answer == (201, {"mimetype": mime_type, "data": encoded(PNG)})
    assert await api.complaints("POST", path, {}) == [f"body {NO_CONTENT}"]
    assert api.arrived() == []


@pytest.mark.parametrize("operation", MEDIA)
async def test_bad_files_are_refused(api: Sender, operation: str) -> None:
    """An upload is none of the ways, nor is a bare address."""
    path = f"/api/{operation}"
    body = {"chatId": ADA_CHAT}
    file: Any
    for file in (None, "https://example.com/a.png", []):
        assert (await api.complaints("POST", path, body | {"file": file}))[0] == "file must be an object"
    empty = await api.complaints("POST", path, body | {"file": {"mimetype": "image/png", "data": ""}})
    assert empty == [f"file {NO_CONTENT}"]
    wrong = await api.complaints("POST", path, body | {"file": picture(url=5, filename=5)})
    assert wrong == ["file.filename must be a string", "file.url must be a string"]
    form = aiohttp.FormData(body)
    form.add_field("file", PNG, filename="door.png", content_type="image/png")
    status, answer = await api.once("POST", path, data=form)
    assert (status, "chatId must be a string" in answer["message"]) == (400, True)
    assert api.arrived() == []


async def test_type_of_a_file_is_required(api: Sender) -> None:
    """Unless the server knows what it has to be."""
    for operation in ("sendImage", "sendFile"):
        body = {"chatId": ADA_CHAT, "file": {"data": encoded(PNG)}}
        assert await api.complaints("POST", f"/api/{operation}", body) == ["file.mimetype must be a string"]


@pytest.mark.parametrize("operation", MEDIA)
async def test_downloads_that_fail(api: Sender, operation: str) -> None:
    """The engine has an error: not found, nobody there, another machine, no address at all."""
    missing = f"{api.emulator.url}/files/none.png"
    status, message = await api.refusal(operation, file={"mimetype": "image/png", "url": missing})
    assert (status, message) == (500, "Request failed with status code 404")
    for url in ("http://127.0.0.1:9/a.png", "http://192.0.2.1/a.png", "/config/www/a.png", "ftp://127.0.0.1/a.png"):
        assert (await api.refusal(operation, file={"mimetype": "image/png", "url": url}))[0] == 500


async def test_base64_is_read_generously(api: Sender) -> None:
    """Lines and missing padding do no harm; the head of a data URI is taken for content."""
    text = encoded(b"four")
    assert_file(
        await api.arrival("sendImage", file=picture(data=f"{text[:4]}\n{text[4:]}")), b"four", "door.png", "image/png"
    )
    assert_file(await api.arrival("sendImage", file=picture(data=text.rstrip("="))), b"four", "door.png", "image/png")
    spoilt = await api.arrival("sendImage", file=picture(data=f"data:image/png;base64,{text}"))
    assert spoilt.details["sha256"] != hashlib.sha256(b"four").hexdigest()
    assert (await api.arrival("sendImage", file=picture(data="A"))).details["size"] == 0


async def test_body_that_is_too_long(api: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for the JSON, so base64 counts as what it is."""
    monkeypatch.setattr(waha_checks, "LONGEST_BODY", 1000)
    status, message = await api.refusal("sendFile", file=picture(data=encoded(bytes(800))))
    assert (status, message) == (413, "request entity too large")
    large = {"mimetype": "text/plain", "url": api.host(bytes(5000), "text/plain", "a.txt")}
    assert (await api.arrival("sendFile", file=large)).details["size"] == 5000


@pytest.mark.parametrize("operation", MEDIA)
async def test_old_core_sends_no_media(api: Sender, operation: str) -> None:
    """Before 2026.6.1, that was for payers."""
    api.instance.options.core_only = True
    assert await api.refusal(operation, file=picture()) == (422, PLUS_ONLY)
    assert await api.refusal("send/link-custom-preview", text="x", preview=PREVIEW) == (422, PLUS_ONLY)
    assert (await api.arrival("sendLocation", **PLACE)).kind is Kind.LOCATION


# Mentions


async def test_mentions(api: Sender) -> None:
    """Under a picture as in a text, and not under what the docs have none for."""
    fields = {"file": picture(), "caption": "@13035550142 look", "mentions": [ADA_CHAT, CHEN_CHAT]}
    assert_file(await api.arrival("sendImage", **fields), PNG, "door.png", "image/png", mentions=[ADA_CHAT])
    assert_file(await api.arrival("sendFile", **fields), PNG, "door.png", "image/png")
    everybody = await api.arrival("sendImage", chatId=FAMILY, file=picture(), mentions=["all"])
    assert everybody.details["mentions"] == [ADA_CHAT, CHEN_CHAT]
    status, message = await api.refusal("sendText", text="All", mentions=["all"])
    assert status == 422
    assert message == f'"mentions":["all"] can be used only in group chats, not in \'{ADA_CHAT}\''


# Other messages


@pytest.mark.parametrize("engine", ENGINES)
async def test_location(api: Sender, engine: str) -> None:
    """With a title, and without an address even if the client gives one."""
    api.engine(engine)
    message = await api.arrival("sendLocation", **PLACE, address="1 Main St", reply_to=RECEIVED, id="MYOWN1")
    assert (message.kind, message.quoted_id, message.id) == (Kind.LOCATION, RECEIVED, f"true_{ADA_CHAT}_MYOWN1")
    assert message.details == {"latitude": 40.5, "longitude": -105.0, "name": "Home", "address": ""}
    wrong = await api.complaints("POST", "/api/sendLocation", {"chatId": ADA_CHAT, "latitude": "40.5"})
    number = "must be a number conforming to the specified constraints"
    assert wrong == [f"latitude {number}", f"longitude {number}", "title must be a string"]
    assert await api.complaints("POST", "/api/sendLocation", {**PLACE, "latitude": True, "chatId": ADA_CHAT})


async def test_contacts(api: Sender) -> None:
    """By name and number, or as a card of one's own."""
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\\, next door\r\nTEL;type=CELL;waid=13035550142:+1 303 555 0142\r\nEND:VCARD"
    extras = {"organization": "Home", "whatsappId": "13035550144", "vcard": None}
    message = await api.arrival("sendContactVcard", contacts=[CHEN | extras, {"vcard": card}], reply_to=RECEIVED)
    chen = {"name": "Chen", "number": "+13035550144"}
    ada = {"name": "Ada, next door", "number": "+13035550142"}
    assert (message.kind, message.quoted_id) == (Kind.CONTACT, RECEIVED)
    assert message.details == {**chen, "contacts": [chen, ada]}
    nothing = await api.arrival("sendContactVcard", contacts=[{"vcard": "nothing"}])
    assert nothing.details["contacts"] == [{"name": "", "number": ""}]
    contacts: Any
    for contacts, complaints in (
        (None, ["contacts should not be empty"]),
        ([], ["contacts should not be empty"]),
        ("Ada", ["contacts must be an array", "contacts should not be empty"]),
        (["Ada"], ["each value in contacts must be an object"]),
        ([{}], ["contacts.0.fullName must be a string", "contacts.0.phoneNumber must be a string"]),
    ):
        body = {"chatId": ADA_CHAT, "contacts": contacts}
        assert await api.complaints("POST", "/api/sendContactVcard", body) == complaints


@pytest.mark.parametrize("engine", ENGINES)
async def test_poll(api: Sender, engine: str) -> None:
    """One answer unless told otherwise."""
    api.engine(engine)
    message = await api.arrival("sendPoll", poll=POLL, reply_to=RECEIVED)
    assert (message.kind, message.text, message.quoted_id) == (Kind.POLL, "Dinner?", RECEIVED)
    assert message.details == {"options": ["Yes", "No"], "multiple": True}
    single = await api.arrival("sendPoll", poll={"name": "Dinner?", "options": ["Yes", "No"]})
    assert single.details["multiple"] is False
    for poll, complaints in (
        (None, ["poll must be an object"]),
        ({}, ["poll.name must be a string", "poll.options must be an array"]),
        (POLL | {"options": "Yes"}, ["poll.options must be an array"]),
        (POLL | {"options": [1]}, ["each value in poll.options must be a string"]),
        (POLL | {"multipleAnswers": 1}, ["poll.multipleAnswers must be a boolean value"]),
    ):
        body = {"chatId": ADA_CHAT, "poll": poll}
        assert await api.complaints("POST", "/api/sendPoll", body) == complaints


async def test_poll_vote(api: Sender) -> None:
    """With the full id, or for engine GOWS with the bare one; websockets hear of it."""
    async with api.listening("poll.vote", "message.any") as socket:
        vote = await api.arrival("sendPollVote", pollMessageId=RECEIVED, votes=["Yes"])
        event = await socket.next()
    assert (vote.kind, vote.details) == (Kind.POLL_VOTE, {"message_id": RECEIVED, "options": ["Yes"]})
    assert (event["event"], event["payload"]["vote"]["fromMe"]) == ("poll.vote", True)
    await api.arrival("sendPollVote", pollMessageId="3F3577A0", votes=[])
    api.engine("NOWEB")
    assert await api.refusal("sendPollVote", pollMessageId="3F3577A0", votes=[]) == (500, BAD_ID)
    body = {"chatId": ADA_CHAT, "votes": [["Yes"]], "pollServerId": "x"}
    assert await api.complaints("POST", "/api/sendPollVote", body) == [
        "pollMessageId must be a string",
        "each value in votes must be a string",
        "pollServerId must be a number conforming to the specified constraints",
    ]


async def test_list(api: Sender) -> None:
    """A text with something to tap, in chats with one person."""
    message = await api.arrival("sendList", message=MENU | {"description": "Which?"}, reply_to=RECEIVED)
    rows = [{"id": "h", "title": "Hall", "description": ""}]
    shown = {"title": "Lights", "button": "Choose", "footer": "", "sections": [{"title": "Rooms", "rows": rows}]}
    assert (message.kind, message.text, message.quoted_id) == (Kind.TEXT, "Which?", RECEIVED)
    assert message.details == {"list": shown}
    refusal = await api.refusal("sendList", chatId=FAMILY, message=MENU)
    assert refusal == (422, "List message can only be sent to a direct message chat.")
    body = {"chatId": ADA_CHAT, "message": {"title": "Lights", "sections": [{"rows": [{}]}]}}
    assert await api.complaints("POST", "/api/sendList", body) == [
        "message.button must be a string",
        "message.sections.0.title must be a string",
        "message.sections.0.rows.0.rowId must be a string",
        "message.sections.0.rows.0.title must be a string",
    ]


async def test_button_reply(api: Sender) -> None:
    """Engine GOWS cannot; the field for the id has a name of its own."""
    button = {"selectedDisplayText": "Yes", "selectedButtonID": "yes"}
    assert await api.refusal("send/buttons/reply", **button) == (422, NOT_IMPLEMENTED)
    api.engine("NOWEB")
    reply = await api.arrival("send/buttons/reply", **button, replyTo=RECEIVED, reply_to="other")
    assert (reply.text, reply.quoted_id, reply.details) == ("Yes", RECEIVED, {"button_id": "yes"})
    empty = {"chatId": ADA_CHAT, "selectedDisplayText": "", "selectedButtonID": ""}
    complaints = await api.complaints("POST", "/api/send/buttons/reply", empty)
    assert complaints == ["selectedDisplayText should not be empty", "selectedButtonID should not be empty"]


async def test_custom_preview(api: Sender) -> None:
    """It shows if its address is in the text; the picture is optional."""
    see = "See https://example.com"
    image = {"url": api.host(PNG, "image/png", "door.png")}
    fields = {"text": see, "linkPreviewHighQuality": False, "reply_to": RECEIVED}
    message = await api.arrival("send/link-custom-preview", **fields, preview=PREVIEW | {"image": image})
    assert (message.kind, message.text, message.quoted_id) == (Kind.TEXT, see, RECEIVED)
    shown = message.details["preview"].pop("image")
    assert (message.details["preview"], shown["sha256"]) == (PREVIEW, hashlib.sha256(PNG).hexdigest())
    plain = await api.arrival("send/link-custom-preview", text=see, preview=PREVIEW)
    assert plain.details == {"preview": PREVIEW}
    assert (await api.arrival("send/link-custom-preview", text="See", preview=PREVIEW)).details == {}
    body = {"chatId": ADA_CHAT, "text": see, "preview": {"url": "https://example.com", "image": {}}}
    assert await api.complaints("POST", "/api/send/link-custom-preview", body) == [
        "preview.title must be a string",
        "preview.description must be a string",
        f"preview.image {NO_CONTENT}",
    ]


@pytest.mark.parametrize("engine", ["NOWEB", "WEBJS"])
async def test_forward(api: Sender, engine: str) -> None:
    """What is there is sent once more; engine GOWS cannot."""
    api.engine(engine)
    first = await api.arrival("sendImage", file=picture(), caption="Look")
    again = await api.arrival("forwardMessage", chatId=FAMILY, messageId=first.id, reply_to=RECEIVED, id="MYOWN1")
    assert (again.kind, again.text, again.chat_id, again.quoted_id) == (Kind.IMAGE, "Look", FAMILY, "")
    assert again.id == f"true_{FAMILY}_MYOWN1"
    assert again.details == first.details | {"forwarded": True}
    refusal = await api.refusal("forwardMessage", messageId=RECEIVED)
    assert refusal == (422, f"Message with id '{RECEIVED}' not found")
    api.engine("GOWS")
    assert await api.refusal("forwardMessage", messageId=first.id) == (422, NOT_IMPLEMENTED)


async def test_other_names_have_no_effect(api: Sender) -> None:
    """Fields that other vendors have, or other calls."""
    others = {"replyTo": RECEIVED, "quotedMessageId": RECEIVED, "link_preview": False, "mentionedIds": [ADA_CHAT]}
    text = await api.arrival("sendText", text="@13035550142", caption="x", **others)
    assert (text.text, text.quoted_id, text.details) == ("@13035550142", "", {})
    image = await api.arrival("sendImage", file=picture(), text="x", id="MYOWN1", asNote=True, **others)
    assert (image.text, image.quoted_id) == ("", "")
    assert not image.id.endswith("MYOWN1")
    assert_file(image, PNG, "door.png", "image/png")


# Who cannot be reached, and sessions that cannot send

SENDS: dict[str, dict[str, Any]] = {
    "sendImage": {"file": picture()},
    "sendFile": {"file": picture()},
    "sendVoice": {"file": picture()},
    "sendVideo": {"file": picture()},
    "send/link-custom-preview": {"text": "See", "preview": PREVIEW},
    "sendLocation": PLACE,
    "sendContactVcard": {"contacts": [CHEN]},
    "sendPoll": {"poll": POLL},
    "sendPollVote": {"pollMessageId": RECEIVED, "votes": ["Yes"]},
    "sendList": {"message": MENU},
}
OTHERS: dict[str, dict[str, Any]] = {
    "forwardMessage": {"messageId": RECEIVED},
    "send/buttons/reply": {"selectedDisplayText": "Yes", "selectedButtonID": "yes"},
    "sendSeen": {"messageIds": [RECEIVED]},
    "startTyping": {},
    "stopTyping": {},
}


@pytest.mark.parametrize("operation", SENDS)
async def test_number_that_nobody_has(api: Sender, operation: str) -> None:
    """Engine WEBJS fails, the others take it silently."""
    await api.call(operation, chatId=NOBODY_CHAT, **SENDS[operation])
    assert api.arrived() == []
    api.engine("WEBJS")
    assert await api.refusal(operation, **SENDS[operation] | {"chatId": NOBODY_CHAT}) == (500, "No LID for user")


@pytest.mark.parametrize("operation", SENDS)
async def test_restricted_account(api: Sender, operation: str) -> None:
    """WhatsApp refuses all of it."""
    api.instance.limit()
    assert await api.refusal(operation, **SENDS[operation]) == (500, "server returned error 463")


@pytest.mark.parametrize("operation", [*SENDS, *OTHERS])
async def test_session_in_the_wrong_status(api: Sender, operation: str) -> None:
    """As for texts; what is wrong with the body is said first."""
    path, body = f"/api/{operation}", {"chatId": ADA_CHAT} | (SENDS | OTHERS)[operation]
    assert await api.once("POST", path, json=body | {"session": "no"}) == (404, not_running("no"))
    await api.once("POST", "/api/sessions/default/logout")
    await api.until("SCAN_QR_CODE")
    assert await api.once("POST", path, json=body) == (422, wrong_status("SCAN_QR_CODE", "WORKING"))
    wrong = await api.complaints("POST", path, {"session": 5})
    assert {"chatId must be a string", "session must be a string"} <= set(wrong)


# Changes


def message_path(message_id: str, chat: str = ADA_CHAT) -> str:
    """Return the path of a message, as the docs want it escaped."""
    return f"/api/default/chats/{chat}/messages/{message_id}".replace("@", "%40")


@pytest.mark.parametrize("emoji", ["👍", ""])
@pytest.mark.parametrize("engine", ENGINES)
async def test_reaction(api: Sender, engine: str, emoji: str) -> None:
    """It goes where the message is; an empty one takes it back. Whether the message is known does not matter."""
    api.engine(engine)
    message_id = f"false_{FAMILY}_3F3577A0_{ADA_CHAT}"
    async with api.listening("message.reaction", "message.any") as socket:
        body = {"messageId": message_id, "reaction": emoji, "chatId": "ignored"}
        status, answer = await api.once("PUT", "/api/reaction", json=body)
        event = await socket.next()
    [message] = api.arrived()
    assert (status, api.id_in(answer)) == (200, message.id)
    assert (message.kind, message.chat_id, message.text) == (Kind.REACTION, FAMILY, emoji)
    assert message.details == {"message_id": message_id}
    assert event["event"] == "message.reaction"
    assert event["payload"]["fromMe"] is True
    assert event["payload"]["reaction"] == {"text": emoji, "messageId": message_id}
    assert await api.get(f"/api/default/chats/{FAMILY}/messages") == []


async def test_refused_reactions(api: Sender) -> None:
    """The id is the long one, and the reaction has to be there."""
    complaints = await api.complaints("PUT", "/api/reaction", {"chatId": ADA_CHAT})
    assert complaints == ["messageId must be a string", "reaction must be a string"]
    assert await api.refusal("reaction", "PUT", messageId="3F3577A0", reaction="👍") == (500, BAD_ID)
    assert (await api.once("POST", "/api/reaction", json={"messageId": RECEIVED, "reaction": "👍"}))[0] == 404
    api.instance.limit()
    assert (await api.refusal("reaction", "PUT", messageId=RECEIVED, reaction="👍"))[0] == 500


@pytest.mark.parametrize("engine", ENGINES)
async def test_edit(api: Sender, engine: str) -> None:
    """A message of one's own, known or not."""
    api.engine(engine)
    first = await api.arrival("sendText", text="First")
    async with api.listening("message.edited", "message.any") as socket:
        status, answer = await api.once("PUT", message_path(first.id), json={"text": "Second", "linkPreview": False})
        event = await socket.next()
    edited = api.arrived()[-1]
    assert (status, api.id_in(answer)) == (200, edited.id)
    assert (edited.kind, edited.chat_id, edited.text) == (Kind.EDITED, ADA_CHAT, "Second")
    assert edited.details == {"message_id": first.id}
    assert (event["event"], event["payload"]["editedMessageId"]) == ("message.edited", first.id.split("_")[2])
    assert (await api.once("PUT", message_path(f"true_{ADA_CHAT}_3EB0"), json={"text": "x"}))[0] == 200
    assert len(api.arrived()) == 3
    assert await api.complaints("PUT", message_path(first.id), {"linkPreview": 1}) == [
        "text must be a string",
        "linkPreview must be a boolean value",
    ]


@pytest.mark.parametrize("engine", ENGINES)
async def test_delete(api: Sender, engine: str) -> None:
    """For everyone."""
    api.engine(engine)
    first = await api.arrival("sendText", text="First")
    async with api.listening("message.revoked", "message.any") as socket:
        status, answer = await api.once("DELETE", message_path(first.id))
        event = await socket.next()
    deleted = api.arrived()[-1]
    assert (status, api.id_in(answer)) == (200, deleted.id)
    assert (deleted.kind, deleted.chat_id, deleted.text) == (Kind.DELETED, ADA_CHAT, "")
    assert deleted.details == {"message_id": first.id}
    assert (event["event"], event["payload"]["revokedMessageId"]) == ("message.revoked", first.id.split("_")[2])


async def test_changes_that_whatsapp_passes_over(api: Sender) -> None:
    """They are answered with success: messages of others, unless an admin deletes, and of other chats."""
    edit = {"text": "x"}
    in_group = f"false_{FAMILY}_3F3577A0_{ADA_CHAT}"
    for answer in (
        await api.once("PUT", message_path(RECEIVED), json=edit),
        await api.once("PUT", message_path(in_group, FAMILY), json=edit),
        await api.once("PUT", message_path(f"true_{ADA_CHAT}_3EB0", FAMILY), json=edit),
        await api.once("DELETE", message_path(RECEIVED)),
    ):
        assert answer[0] == 200
    assert api.arrived() == []
    assert (await api.once("DELETE", message_path(in_group, FAMILY)))[0] == 200
    [deleted] = api.arrived()
    assert (deleted.chat_id, deleted.details) == (FAMILY, {"message_id": in_group})


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
async def test_changes_that_fail(api: Sender, verb: str) -> None:
    """Ids that make no sense, and accounts that cannot send."""
    for path in (message_path("3EB0"), message_path(RECEIVED, "Ada")):
        status, answer = await api.once(verb, path, json={"text": "x"})
        assert (status, answer["exception"]["name"]) == (500, "Error")
    api.instance.limit()
    assert (await api.once(verb, message_path(RECEIVED), json={"text": "x"}))[0] == 500
    path = message_path(RECEIVED).replace("default", "no")
    assert await api.once(verb, path, json={"text": "x"}) == (404, not_running("no"))


async def test_star(api: Sender) -> None:
    """Nobody else sees it."""
    body = {"messageId": RECEIVED, "chatId": ADA_CHAT, "star": True}
    assert await api.once("PUT", "/api/star", json=body) == (200, None)
    complaints = await api.complaints("PUT", "/api/star", {"star": None})
    assert complaints == ["messageId must be a string", "chatId must be a string", "star must be a boolean value"]
    assert (await api.refusal("star", "PUT", messageId="3EB0", star=True)) == (500, BAD_ID)
    assert api.arrived() == []


# Reading


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS"])
async def test_messages_are_marked_as_read(api: Sender, engine: str) -> None:
    """By their ids, also by the old field; one's own are passed over, unknown ones are not."""
    api.engine(engine)
    first, second = (full_id(api.write()) for _ in range(2))
    own = (await api.arrival("sendText", text="x")).id
    status, answer = await api.once("POST", "/api/sendSeen", json={"chatId": ADA_CHAT, "messageIds": [first, own]})
    assert (status, answer) == (201, None)
    in_group = f"false_{FAMILY}_3F3577A0_{ADA_CHAT}"
    body = {"chatId": FAMILY, "messageIds": [in_group], "messageId": second, "participant": ADA_CHAT}
    await api.once("POST", "/api/sendSeen", json=body)
    await api.once("POST", "/api/sendSeen", json={"chatId": ADA_CHAT, "messageIds": [own]})
    assert api.notices() == [
        (ADA_CHAT, Signal.READ, (first,)),
        (FAMILY, Signal.READ, (in_group,)),
        (ADA_CHAT, Signal.READ, (second,)),
    ]
    assert await api.refusal("sendSeen", messageIds=["3EB0"]) == (500, BAD_ID)
    assert await api.complaints("POST", "/api/sendSeen", {"chatId": ADA_CHAT, "messageIds": RECEIVED})


@pytest.mark.parametrize("engine", ENGINES)
async def test_whole_chat_is_marked_as_read(api: Sender, engine: str) -> None:
    """Without ids; the answer has those that were marked, of which there may be none."""
    api.engine(engine)
    ids = [full_id(api.write()) for _ in range(2)][::-1]
    assert await api.call("sendSeen") == {"ids": ids}
    assert await api.call("sendSeen", messageIds=[]) == {"ids": []}
    assert api.notices() == [(ADA_CHAT, Signal.READ, tuple(ids))]


async def test_webjs_reads_whole_chats_only(api: Sender) -> None:
    """Ids are for the other engines. The list of chats knows how much is left."""
    api.engine("WEBJS")

    async def unread() -> int:
        chats = await api.get("/api/default/chats")
        return next(int(chat["unreadCount"]) for chat in chats if chat["id"]["_serialized"] == ADA_CHAT)

    ids = [full_id(api.write()) for _ in range(2)]
    assert await unread() == 2
    await api.once("POST", "/api/sendSeen", json={"chatId": ADA_CHAT, "messageIds": ids[:1]})
    assert api.notices() == [(ADA_CHAT, Signal.READ, tuple(ids))]
    assert await unread() == 0


async def test_newest_messages_are_marked_as_read(api: Sender) -> None:
    """So many, or those of the last days; 30 of a chat and 100 of a group unless told otherwise."""
    path = f"/api/default/chats/{ADA_CHAT}/messages/read"
    ids = [full_id(api.write()) for _ in range(33)][::-1]
    assert await api.post(f"{path}?messages=1") == {"ids": ids[:1]}
    assert await api.post(f"{path}?days=-1") == {"ids": []}
    assert await api.post(path) == {"ids": ids[1:31]}
    assert await api.post(path) == {"ids": ids[31:]}
    assert [notice[2] for notice in api.notices()] == [tuple(ids[:1]), tuple(ids[1:31]), tuple(ids[31:])]
    in_group = [full_id(api.write(chat_id=FAMILY)) for _ in range(33)][::-1]
    assert await api.post(f"/api/default/chats/{FAMILY}/messages/read") == {"ids": in_group}
    assert (await api.once("POST", f"{path}?days=x"))[0] == 400


async def test_reading_a_chat_needs_the_store(api: Sender) -> None:
    """With engine NOWEB, nobody knows otherwise what there is to read."""
    api.engine("NOWEB")
    api.instance.options.store = False
    assert await api.refusal("sendSeen") == (400, NO_STORE)
    assert (await api.once("POST", f"/api/default/chats/{ADA_CHAT}/messages/read"))[0] == 400
    assert (await api.once("POST", "/api/sendSeen", json={"chatId": ADA_CHAT, "messageIds": [RECEIVED]}))[0] == 201


# Typing


@pytest.mark.parametrize("engine", ENGINES)
async def test_typing(api: Sender, engine: str) -> None:
    """It goes on until it is stopped."""
    api.engine(engine)
    assert await api.call("startTyping") == {"result": True}
    assert await api.call("stopTyping", chatId=FAMILY) == {"result": True}
    assert api.notices() == [(ADA_CHAT, Signal.TYPING, ()), (FAMILY, Signal.PAUSED, ())]
    # Nobody is there to see it.
    await api.call("startTyping", chatId=NOBODY_CHAT)
    assert len(api.notices()) == 2
    assert (await api.refusal("startTyping", chatId="Ada"))[0] == 500


async def test_presence(api: Sender) -> None:
    """The only way to show recording; being online is for all and shows in no chat."""
    path = "/api/default/presence"
    for presence in ("typing", "recording", "paused"):
        body = {"chatId": "13035550142@s.whatsapp.net", "presence": presence}
        assert await api.once("POST", path, json=body) == (201, None)
    for presence in ("online", "offline"):
        assert await api.once("POST", path, json={"presence": presence, "chatId": None}) == (201, None)
    assert api.notices() == [
        (ADA_CHAT, Signal.TYPING, ()),
        (ADA_CHAT, Signal.RECORDING, ()),
        (ADA_CHAT, Signal.PAUSED, ()),
    ]


async def test_refused_presence(api: Sender) -> None:
    """A chat that is missing or too much is told in a shape of its own."""
    path = "/api/default/presence"
    missing = {"detail": "'typing' presence requires 'chatId' field."}
    assert await api.once("POST", path, json={"presence": "typing"}) == (400, missing)
    status, answer = await api.once("POST", path, json={"presence": "online", "chatId": ADA_CHAT})
    assert (status, list(answer)) == (400, ["detail"])
    [complaint] = await api.complaints("POST", path, {"presence": "away"})
    assert complaint == "presence must be one of the following values: online, offline, typing, recording, paused"
    assert api.notices() == []


# Number check, log


@pytest.mark.parametrize("operation", ["sendImage", "sendLocation"])
async def test_key_of_one_session_sends_for_no_other(api: Sender, operation: str) -> None:
    """As for texts."""
    other = api.server.create_instance(token="only-mine", options={"linked": True})
    headers = {"X-Api-Key": other.token}
    body = {"chatId": ADA_CHAT} | SENDS[operation]
    assert (await api.once("POST", f"/api/{operation}", json=body, headers=headers))[0] == 403
    answer = await api.once("POST", f"/api/{operation}", json=body | {"session": other.id}, headers=headers)
    assert answer[0] == 201
    assert [message.instance for message in api.emulator.phone.messages()] == [other.id]


async def test_names_of_calls(api: Sender) -> None:
    """As log and faults know them."""
    for operation in (*SENDS, *OTHERS):
        await api.once("POST", f"/api/{operation}", json={})
    for verb, path in (
        ("PUT", "/api/reaction"),
        ("PUT", "/api/star"),
        ("PUT", message_path(RECEIVED)),
        ("DELETE", message_path(RECEIVED)),
        ("POST", "/api/default/presence"),
        ("POST", f"/api/default/chats/{ADA_CHAT}/messages/read"),
        ("POST", "/api/default/media/convert/voice"),
        ("POST", "/api/default/media/convert/video"),
    ):
        await api.once(verb, path, json={})
    expected = {*SENDS, *OTHERS, "reaction", "star", "presence"}
    expected |= {"chats/message/edit", "chats/message/delete", "chats/messages/read"}
    expected |= {"media/convert/voice", "media/convert/video"}
    assert api.emulator.requests.counts()["waha"] == dict.fromkeys(expected, 1)


async def test_ids_are_of_the_vendors_form(api: Sender) -> None:
    """Whatever is sent."""
    for operation, fields in SENDS.items():
        message = await api.arrival(operation, **fields)
        assert re.fullmatch(rf"true_{ADA_CHAT}_3EB0[0-9A-F]{{16}}", message.id)
