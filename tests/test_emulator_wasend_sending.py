"""What the emulator's Wasend sends beyond plain texts, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
import hashlib
import re
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.model import Kind, Message, Notice, Signal
from tests.emulator.qr import plain_png
from tests.test_emulator_wasend import ADA, ADA_CHAT, FAMILY, NOBODY, NOT_AS_EXPECTED, SCALE, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

PNG = plain_png("tomato")
JPEG = b"\xff\xd8\xff\xe0 a picture"
OGG_TYPE = "audio/ogg; codecs=opus"
RECEIVED = f"false_{ADA_CHAT}_3F3577A0"


def encoded(content: bytes) -> str:
    """Return base64 as it goes into a body."""
    return base64.b64encode(content).decode()


class Sender(Api):
    """A client with a linked phone."""

    def body(self, **fields: Any) -> dict[str, Any]:
        """Return a body to Ada, None for what is to be left out."""
        filled = {"session": self.instance.id, "to": ADA, **fields}
        return {name: value for name, value in filled.items() if value is not None}

    @property
    def arrived(self) -> list[Message]:
        """What is on the phones."""
        return self.emulator.phone.messages(self.instance.id)

    @property
    def notices(self) -> list[tuple[str, Signal, tuple[str, ...]]]:
        """What the other side saw."""
        assert all(
            isinstance(each, Notice) and each.instance == self.instance.id for each in self.emulator.phone.notices
        )
        return [(each.chat_id, each.signal, each.message_ids) for each in self.emulator.phone.notices]

    def host(self, content: bytes, mime_type: str, name: str) -> str:
        """Return the address of a file that can be downloaded."""
        return self.emulator.url + self.emulator.world.files.add(content, mime_type, name)


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


def file_of(message: Message) -> tuple[str, str, bool]:
    """Return name and type of a message's file, and whether it has nothing but what a file has."""
    details = message.details
    complete = set(details) == {"path", "file_name", "mime_type", "size", "sha256"}
    return details["file_name"], details["mime_type"], complete


def has(message: Message, content: bytes) -> bool:
    """Say whether every byte of a file arrived."""
    details = message.details
    return (details["size"], details["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


# Media


@pytest.mark.parametrize(
    ("call", "kind", "content", "mime_type", "word"),
    [
        ("sendImage", Kind.IMAGE, PNG, "image/png", "image"),
        ("sendImage", Kind.IMAGE, JPEG, "image/jpeg", "image"),
        ("sendVideo", Kind.VIDEO, b"a film", "video/mp4", "video"),
        ("sendVoice", Kind.VOICE, b"OggS a note", OGG_TYPE, "ptt"),
    ],
)
async def test_media_as_base64(api: Sender, call: str, kind: Kind, content: bytes, mime_type: str, word: str) -> None:
    """These calls have no field for a type: pictures show theirs, the rest is what WAHA takes it for."""
    body = api.body(data=encoded(content), caption="Look", replyTo=RECEIVED, mimeType="text/plain", fileName="x.txt")
    sent = await api.post(f"/{call}", body)
    caption = "" if kind is Kind.VOICE else "Look"
    assert (sent["type"], sent["content"], sent["to"]) == (word, caption, ADA)
    assert re.fullmatch(rf"true_{re.escape(ADA_CHAT)}_3EB0[0-9A-F]{{16}}", sent["id"])
    [message] = api.arrived
    assert (message.id, message.kind, message.text, message.quoted_id) == (sent["id"], kind, caption, RECEIVED)
    name, shown_type, complete = file_of(message)
    assert (shown_type, complete) == (mime_type, True)
    assert name != "x.txt"
    assert has(message, content)


@pytest.mark.parametrize(
    ("call", "kind", "hosted_type", "mime_type"),
    [
        ("sendImage", Kind.IMAGE, "image/webp", "image/webp"),
        ("sendImage", Kind.IMAGE, "application/octet-stream", "image/png"),
        ("sendVideo", Kind.VIDEO, "video/quicktime", "video/quicktime"),
        ("sendVideo", Kind.VIDEO, "text/plain", "video/mp4"),
        ("sendVoice", Kind.VOICE, OGG_TYPE, OGG_TYPE),
    ],
)
async def test_media_by_address(api: Sender, call: str, kind: Kind, hosted_type: str, mime_type: str) -> None:
    """The server downloads them, and takes the type it is told if that fits."""
    url = api.host(PNG, hosted_type, "front door.bin")
    await api.post(f"/{call}", api.body(url=url, data="ignored", to=FAMILY))
    [message] = api.arrived
    assert (message.kind, message.chat_id, message.quoted_id) == (kind, FAMILY, "")
    assert file_of(message) == ("front door.bin", mime_type, True)
    assert has(message, PNG)


async def test_documents_have_name_and_type(api: Sender) -> None:
    """Both are required; a caption has no place."""
    fields = {"fileName": "plan.pdf", "mimeType": "application/pdf", "caption": "Plan"}
    sent = await api.post("/sendFile", api.body(data=encoded(b"%PDF"), **fields))
    assert (sent["type"], sent["content"]) == ("document", "")
    await api.post("/sendFile", api.body(url=api.host(b"%PDF", "text/plain", "else.txt"), **fields))
    for message in api.arrived:
        assert (message.kind, message.text) == (Kind.DOCUMENT, "")
        assert file_of(message) == ("plan.pdf", "application/pdf", True)
        assert has(message, b"%PDF")
    for name in ("fileName", "mimeType"):
        body = api.body(data=encoded(b"%PDF"), **(fields | {name: None}))
        assert await api.refusal("POST", "/sendFile", body) == (400, f"{name} should not be empty")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either url or data should not be empty"),
        ({"imageUrl": "http://127.0.0.1/a.png"}, "either url or data should not be empty"),
        ({"to": "13035550142"}, "to must be a phone number in E.164 format or a group JID"),
        ({"data": "not base64!"}, "data must be base64 encoded"),
        ({"data": f"data:image/png;base64,{encoded(PNG)}"}, "data must be base64 encoded"),
        ({"data": 5}, "data must be a string"),
        ({"url": "/config/www/a.png"}, "url must be a URL address"),
        ({"url": "file:///etc/hosts"}, "url must be a URL address"),
        ({"url": ["x"]}, "url must be a string"),
        ({"data": encoded(PNG), "caption": 5}, "caption must be a string"),
        ({"data": encoded(PNG), "replyTo": 5}, "replyTo must be a string"),
    ],
)
async def test_refused_media(api: Sender, fields: Any, message: str) -> None:
    """Each field is named, and nothing arrives."""
    assert await api.refusal("POST", "/sendImage", api.body(**fields)) == (400, message)
    assert api.arrived == []


async def test_duration_is_a_number(api: Sender) -> None:
    """In seconds; it is not needed."""
    await api.post("/sendVoice", api.body(data=encoded(b"OggS"), duration=2.5))
    wrong = api.body(data=encoded(b"OggS"), duration="2")
    assert await api.refusal("POST", "/sendVoice", wrong) == (
        400,
        "duration must be a number conforming to the specified constraints",
    )


async def test_downloads_that_fail(api: Sender) -> None:
    """Status 500, and nothing arrives: not found, nobody there, another machine, no address at all."""
    missing = f"{api.emulator.url}/files/none.png"
    assert await api.refusal("POST", "/sendImage", api.body(url=missing)) == (
        500,
        "Request failed with status code 404",
    )
    for url in ("http://127.0.0.1:9/a.png", "http://192.0.2.1/a.png", "http://camera.example/a.png", "http://[::1/a"):
        status, _ = await api.refusal("POST", "/sendImage", api.body(url=url))
        assert status == 500
    assert api.arrived == []


# The call for everything


@pytest.mark.parametrize(
    ("field", "kind", "word", "text"),
    [
        ("imageUrl", Kind.IMAGE, "image", "Look"),
        ("videoUrl", Kind.VIDEO, "video", "Look"),
        ("documentUrl", Kind.DOCUMENT, "document", "Look"),
        ("audioUrl", Kind.VOICE, "ptt", ""),
    ],
)
async def test_send_with_a_file(api: Sender, field: str, kind: Kind, word: str, text: str) -> None:
    """Text is the caption; the names of type and name are written in small letters here."""
    url = api.host(PNG, "application/pdf", "a.pdf")
    more = {"mimetype": "application/x-test", "filename": "b.test", "replyTo": RECEIVED}
    sent = await api.post("/send", api.body(text="Look", **{field: url}, **more))
    assert (sent["type"], sent["content"]) == (word, text)
    [message] = api.arrived
    assert (message.kind, message.text, message.quoted_id) == (kind, text, "")
    assert file_of(message) == ("b.test", "application/x-test", True)
    assert has(message, PNG)


async def test_send_a_text(api: Sender) -> None:
    """With or without a preview, whose values are texts."""
    await api.post("/send", api.body(text="Hello"))
    await api.post("/send", api.body(text="https://example.com", preview={"title": "Example"}))
    plain, previewed = api.arrived
    assert (plain.kind, plain.text, plain.details) == (Kind.TEXT, "Hello", {})
    assert previewed.details == {"preview": {"title": "Example"}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "text should not be empty"),
        ({"url": "http://127.0.0.1/a.png"}, "text should not be empty"),
        ({"text": "x", "preview": {"title": 5}}, "each value in preview must be a string"),
        ({"text": "x", "preview": "y"}, "preview must be an object"),
        (
            {"imageUrl": "http://127.0.0.1/a", "videoUrl": "http://127.0.0.1/b"},
            "only one of imageUrl, videoUrl, documentUrl, audioUrl is allowed",
        ),
        ({"imageUrl": "a.png"}, "imageUrl must be a URL address"),
    ],
)
async def test_refused_by_send(api: Sender, fields: Any, message: str) -> None:
    """It needs a text or one file."""
    assert await api.refusal("POST", "/send", api.body(**fields)) == (400, message)
    assert api.arrived == []


# Previews


@pytest.mark.parametrize(
    ("which", "there"),
    [("both", (201, 201)), ("docs", (201, 404)), ("sdk", (404, 201))],
)
async def test_link_preview(api: Sender, which: str, there: tuple[int, int]) -> None:
    """Docs and SDK disagree about the path."""
    api.instance.options.preview_path = which
    preview = {"title": "Example", "description": "A page", "colour": "red"}
    body = api.body(text="See https://example.com", preview=preview, replyTo=RECEIVED)
    paths = ("/sendLinkCustomPreview", "/send/link-custom-preview")
    assert tuple([(await api.once("POST", path, json=body))[0] for path in paths]) == there
    for message in api.arrived:
        assert (message.kind, message.text, message.quoted_id) == (Kind.TEXT, "See https://example.com", RECEIVED)
        assert message.details == {"preview": {"title": "Example", "description": "A page", "thumbnailUrl": ""}}
    if missing := [path for path, status in zip(paths, there, strict=True) if status == 404]:
        assert await api.refusal("POST", missing[0], body) == (404, f"Cannot POST {missing[0]}")


async def test_refused_previews(api: Sender) -> None:
    """A text and a title are needed."""
    path = "/sendLinkCustomPreview"
    for fields, message in (
        ({"preview": {"title": "x"}}, "text should not be empty"),
        ({"text": "x"}, "preview should not be empty"),
        ({"text": "x", "preview": ["y"]}, "preview must be an object"),
        ({"text": "x", "preview": {"description": "y"}}, "title should not be empty"),
    ):
        assert await api.refusal("POST", path, api.body(**fields)) == (400, message)


# Reactions, read marks, typing


@pytest.mark.parametrize("emoji", ["👍", ""])
async def test_reaction(api: Sender, emoji: str) -> None:
    """It goes where the message is; an empty one takes it back. It is a PUT, and answered with 200."""
    body = {"session": api.instance.id, "messageId": RECEIVED, "reaction": emoji}
    assert await api.once("PUT", "/reaction", json=body) == (200, {"success": True})
    [message] = api.arrived
    assert (message.kind, message.chat_id, message.text) == (Kind.REACTION, ADA_CHAT, emoji)
    assert message.details == {"message_id": RECEIVED}
    assert await api.get(f"/{api.instance.id}/chats/{ADA_CHAT}/messages", limit="9") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reaction": "👍"}, "messageId should not be empty"),
        ({"messageId": "3F3577A0", "reaction": "👍"}, "messageId must be an id like false_111@c.us_AAA"),
        ({"messageId": RECEIVED}, "reaction should not be empty"),
        ({"messageId": RECEIVED, "reaction": 5}, "reaction must be a string"),
    ],
)
async def test_refused_reactions(api: Sender, fields: Any, message: str) -> None:
    """The id is the long one, and the reaction has to be there."""
    body = {"session": api.instance.id, **fields}
    assert await api.refusal("PUT", "/reaction", body) == (400, message)
    assert await api.refusal("POST", "/reaction", body) == (404, "Cannot POST /reaction")


async def test_reaction_in_a_group(api: Sender) -> None:
    """Where the id says as well who wrote the message."""
    message_id = f"false_{FAMILY}_3F3577A0_{ADA_CHAT}"
    body = {"session": api.instance.id, "messageId": message_id, "reaction": "👍"}
    assert (await api.once("PUT", "/reaction", json=body))[0] == 200
    assert api.arrived[0].chat_id == FAMILY


async def test_seen_and_typing(api: Sender) -> None:
    """One message is read; typing begins and ends."""
    assert await api.post("/sendSeen", api.body(messageId=RECEIVED)) == {"success": True}
    assert await api.post("/startTyping", api.body(to=FAMILY)) == {"success": True}
    assert await api.post("/stopTyping", api.body(to=FAMILY)) == {"success": True}
    assert api.notices == [
        (ADA_CHAT, Signal.READ, (RECEIVED,)),
        (FAMILY, Signal.TYPING, ()),
        (FAMILY, Signal.PAUSED, ()),
    ]
    assert await api.refusal("POST", "/sendSeen", api.body()) == (400, "messageId should not be empty")
    assert await api.refusal("POST", "/startTyping", api.body(to=None)) == (400, "to should not be empty")
    assert len(api.notices) == 3


async def test_reading_a_chat(api: Sender) -> None:
    """The newest messages, or all; the call comes without a body."""
    for text in ("One", "Two", "Three"):
        api.emulator.someone_writes({"instance": api.instance.id, "from": ADA, "text": text})

    async def unread() -> int:
        chats = await api.get(f"/{api.instance.id}/chats")
        return int(next(chat["unreadCount"] for chat in chats if chat["id"] == ADA_CHAT))

    path = f"/{api.instance.id}/chats/{ADA_CHAT}/messages/read"
    assert await unread() == 3
    assert await api.once("POST", f"{path}?messages=2&days=7") == (201, {"success": True})
    assert await unread() == 1
    await api.post(path)
    assert await unread() == 0
    assert api.notices == [(ADA_CHAT, Signal.READ, ())] * 2
    assert await api.refusal("POST", f"{path}?messages=all") == (400, "messages must be an integer number")


# What holds for all of them

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/sendText"): {"text": "x"},
    ("POST", "/sendImage"): {"data": "eA=="},
    ("POST", "/sendVideo"): {"data": "eA=="},
    ("POST", "/sendFile"): {"data": "eA==", "fileName": "x", "mimeType": "text/plain"},
    ("POST", "/sendVoice"): {"data": "eA=="},
    ("POST", "/send"): {"text": "x"},
    ("POST", "/sendLinkCustomPreview"): {"text": "x", "preview": {"title": "x"}},
    ("POST", "/sendSeen"): {"messageId": RECEIVED},
    ("POST", "/startTyping"): {},
    ("POST", "/stopTyping"): {},
    ("PUT", "/reaction"): {"messageId": RECEIVED, "reaction": "x"},
}


@pytest.mark.parametrize(("call", "fields"), BODIES.items())
async def test_calls_need_a_working_session(api: Sender, call: tuple[str, str], fields: Any) -> None:
    """It has to be named, known, and linked."""
    for session, refusal in (
        (None, (400, "session should not be empty")),
        ("nothing", (404, "Session not found")),
    ):
        assert await api.refusal(*call, api.body(**fields, session=session)) == refusal
    api.instance.stop()
    assert await api.refusal(*call, api.body(**fields)) == (422, NOT_AS_EXPECTED)
    assert api.arrived == []
    assert api.notices == []


@pytest.mark.parametrize(("call", "fields"), BODIES.items())
async def test_limited_account_sends_nothing(api: Sender, call: tuple[str, str], fields: Any) -> None:
    """But it reads and types."""
    api.instance.limit()
    status, _ = await api.once(*call, json=api.body(**fields))
    is_signal = call[1] in ("/sendSeen", "/startTyping", "/stopTyping")
    assert status == (201 if is_signal else 500)
    assert api.arrived == []


@pytest.mark.parametrize(
    "path",
    [
        "/sendLocation",
        "/sendContactVcard",
        "/sendPoll",
        "/sendSticker",
        "/{session}/chats/{chat}/messages/{message}",
        "/{session}/presence",
    ],
)
async def test_calls_that_wasend_leaves_out(api: Sender, path: str) -> None:
    """WAHA has them, Wasend does not offer them."""
    path = path.format(session=api.instance.id, chat=ADA_CHAT, message=RECEIVED)
    for verb in ("POST", "PUT", "DELETE"):
        assert await api.refusal(verb, path, api.body()) == (404, f"Cannot {verb} {path}")


async def test_mentions_and_previews_are_no_fields_of_a_text(api: Sender) -> None:
    """Fields that WAHA has and Wasend has not do nothing."""
    body = api.body(text="@13035550143 hello", mentions=["13035550143@c.us"], linkPreview=False, reply_to=RECEIVED)
    await api.post("/sendText", body)
    [message] = api.arrived
    assert (message.quoted_id, message.details) == ("", {})


async def test_number_without_account(api: Sender) -> None:
    """The message is taken, and arrives nowhere."""
    sent = await api.post("/sendImage", api.body(to=NOBODY, data=encoded(PNG)))
    assert (await api.get(f"/messages/{sent['id']}"))["status"] == "sent"
    assert api.arrived == []


async def test_rate_limit_counts_sends(api: Sender) -> None:
    """For each session, whatever is sent."""
    api.instance.options.requests_per_minute = 2
    await api.post("/sendText", api.body(text="x"))
    await api.post("/startTyping", api.body())
    assert await api.refusal("POST", "/sendText", api.body(text="x")) == (429, "Rate limit exceeded")


# Looking up


async def test_sent_media_in_lists(api: Sender) -> None:
    """A message is found alone, in its chat and in the overview; its file can be downloaded."""
    sent = await api.post("/sendImage", api.body(data=encoded(PNG), caption="Look", replyTo=RECEIVED))
    messages = f"/{api.instance.id}/chats/{ADA_CHAT}/messages"
    [listed] = await api.get(messages, limit="9")
    assert await api.get(f"{messages}/{sent['id']}") == listed
    assert (listed["type"], listed["caption"], listed["quotedMsgId"]) == ("image", "Look", RECEIVED)
    assert (listed["hasMedia"], listed["mimetype"]) == (True, "image/png")
    async with api.session.get(listed["mediaUrl"]) as response:
        assert await response.read() == PNG
    assert await api.refusal("GET", f"{messages}/{RECEIVED}") == (404, "Message not found")

    overview = f"/{api.instance.id}/chats/overview"
    [ada] = await api.get(overview, ids=ADA_CHAT)
    assert (ada["id"], ada["name"], ada["lastMessage"]) == (ADA_CHAT, "Ada Neighbour", listed)
    assert [chat["id"] for chat in await api.get(overview, limit="1", offset="4")] == [FAMILY]


async def test_one_contact(api: Sender) -> None:
    """By its id."""
    here = {"session": api.instance.id}
    assert (await api.get("/contacts", **here, contactId=ADA_CHAT))["pushName"] == "Ada"
    path = f"/contacts?session={api.instance.id}"
    assert await api.refusal("GET", path) == (400, "contactId should not be empty")
    assert await api.refusal("GET", f"{path}&contactId=1@c.us") == (404, "Contact not found")


async def test_names_of_calls(api: Sender) -> None:
    """Each call has its own, and both paths of the preview have one."""
    for (verb, path), fields in BODIES.items():
        assert (await api.once(verb, path, json=api.body(**fields)))[0] in (200, 201)
    await api.once("POST", "/send/link-custom-preview", json=api.body())
    await api.post(f"/{api.instance.id}/chats/{ADA_CHAT}/messages/read")
    await api.get(f"/{api.instance.id}/chats/overview")
    assert api.emulator.requests.counts()["wasend"] == {
        "sendText": 1,
        "sendImage": 1,
        "sendVideo": 1,
        "sendFile": 1,
        "sendVoice": 1,
        "send": 1,
        "sendLinkPreview": 2,
        "sendSeen": 1,
        "startTyping": 1,
        "stopTyping": 1,
        "reaction": 1,
        "readChat": 1,
        "overviewOfChats": 1,
    }
