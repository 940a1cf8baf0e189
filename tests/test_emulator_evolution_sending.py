"""What the emulated Evolution API sends beyond plain texts, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import hashlib
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from tests.emulator import Emulator, emulator as emulator_module
from tests.emulator.model import Kind, Message, Signal
from tests.emulator.qr import plain_png
from tests.test_emulator_evolution import ADA, ADA_JID, FAMILY, NOBODY, SCALE, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

ADA_CHAT = f"{ADA}@c.us"
BERTIL = "13035550143"
PNG = plain_png("tomato")
NOT_THERE = {"jid": f"{NOBODY}@s.whatsapp.net", "exists": False, "number": NOBODY}
NO_MEDIA = ["Owned media must be a url or base64"]
NO_AUDIO = ["Owned media must be a url, base64, or valid file with buffer"]
VOICE_TYPE = "audio/ogg; codecs=opus"
LOCATION: dict[str, Any] = {"latitude": 39.5, "longitude": -105, "name": "Home", "address": "7 Green Street"}
CONTACT: dict[str, Any] = {"contact": [{"fullName": "Bertil", "phoneNumber": "+1 303 555-0143"}]}
POLL: dict[str, Any] = {"name": "Pizza?", "selectableCount": 1, "values": ["Yes", "No"]}
EVERY_MESSAGE: list[tuple[str, dict[str, Any]]] = [
    ("sendText", {"text": "a"}),
    ("sendMedia", {"mediatype": "image", "media": "aGVsbG8="}),
    ("sendWhatsAppAudio", {"audio": "aGVsbG8="}),
    ("sendPtv", {"video": "aGVsbG8="}),
    ("sendSticker", {"sticker": "aGVsbG8="}),
    ("sendLocation", LOCATION),
    ("sendContact", CONTACT),
    ("sendPoll", POLL),
]


def encoded(content: bytes) -> str:
    """Return base64 as it goes into a body."""
    return base64.b64encode(content).decode()


class Sender(Api):
    """A client with a linked phone."""

    async def message(self, method: str, **body: Any) -> Any:
        """Send something to Ada."""
        return await self.post(f"/message/{method}/home", {"number": ADA, **body}, 201)

    async def refused(self, method: str, **body: Any) -> tuple[int, Any]:
        """Return the refusal of something for Ada, of which nothing may arrive."""
        before = len(self.arrived)
        refusal = await self.refusal("POST", f"/message/{method}/home", json={"number": ADA, **body})
        assert len(self.arrived) == before
        return refusal

    async def upload(self, method: str, content: bytes, name: str | None = None, **fields: str) -> tuple[int, Any]:
        """Send a file by form."""
        form = aiohttp.FormData({"number": ADA, **fields}, quote_fields=False)
        form.add_field("file", content, filename=name or "blob", content_type="application/octet-stream")
        return await self.once("POST", f"/message/{method}/home", data=form)

    @property
    def arrived(self) -> list[Message]:
        """What is on the phones."""
        return self.emulator.phone.messages("home")

    @property
    def last(self) -> Message:
        """What arrived last."""
        return self.arrived[-1]

    @property
    def notices(self) -> list[tuple[str, Signal, tuple[str, ...]]]:
        """What the other side saw."""
        return [(each.chat_id, each.signal, each.message_ids) for each in self.emulator.phone.notices]

    def host(self, content: bytes, mime_type: str, name: str) -> str:
        """Return the address of a file that can be downloaded."""
        return self.emulator.url + self.emulator.world.files.add(content, mime_type, name)

    def someone_writes(self, text: str = "Hi", **more: Any) -> str:
        """Have Ada write, and return the message's id."""
        return self.emulator.someone_writes({"instance": "home", "from": f"+{ADA}", "text": text, **more}).id

    async def unread(self, jid: str = ADA_JID) -> int:
        """Return how many messages of a chat are not read."""
        chat = await self.get("/chat/findChatByRemoteJid/home", remoteJid=jid)
        return int(chat["unreadCount"])


@asynccontextmanager
async def linked_sender(time_scale: float = SCALE) -> AsyncGenerator[Sender]:
    """Run a fast emulator, and yield a client of it."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with (
        Emulator(time_scale=time_scale, seed="tests") as emulator,
        aiohttp.ClientSession(connector=connector) as opened,
    ):
        sender = Sender(emulator, opened)
        sender.link()
        yield sender


@pytest.fixture
async def api() -> AsyncGenerator[Sender]:
    """A client with a linked phone."""
    async with linked_sender() as sender:
        yield sender


def has(message: Message, content: bytes, mime_type: str, name: str) -> bool:
    """Say whether a message has exactly this file."""
    return message.details == {
        "path": message.details["path"],
        "file_name": name,
        "mime_type": mime_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


# Files


@pytest.mark.parametrize(
    ("mediatype", "kind", "word", "caption"),
    [
        ("image", Kind.IMAGE, "imageMessage", "Look"),
        ("video", Kind.VIDEO, "videoMessage", "Look"),
        ("document", Kind.DOCUMENT, "documentMessage", "Look"),
        ("audio", Kind.AUDIO, "audioMessage", ""),
    ],
)
@pytest.mark.parametrize("way", ["address", "base64", "form"])
async def test_media(api: Sender, mediatype: str, kind: Kind, word: str, caption: str, way: str) -> None:
    """All ways lead to the same message; the sender's name and type count."""
    content = PNG * 100
    fields = {"mediatype": mediatype, "mimetype": "x/y", "fileName": "door.z", "caption": "Look"}
    if way == "form":
        status, answer = await api.upload("sendMedia", content, "other.png", **fields)
        assert status == 201, answer
    else:
        media = encoded(content) if way == "base64" else api.host(content, "image/gif", "other.png")
        answer = await api.message("sendMedia", media=media, **fields)
    message = api.last
    assert (message.chat_id, message.kind, message.text) == (ADA_CHAT, kind, caption)
    assert has(message, content, "x/y", "door.z")
    assert answer["key"] == {"remoteJid": ADA_JID, "fromMe": True, "id": message.id}
    assert (answer["messageType"], answer["status"]) == (word, "PENDING")
    assert answer["message"][word]["mimetype"] == "x/y"
    assert answer["message"][word].get("caption", "") == caption


async def test_names_and_types_that_are_left_out(api: Sender) -> None:
    """What can be told from the file or its address is used."""
    await api.message("sendMedia", mediatype="document", media=api.host(b"plan", "text/x-plan", "the plan.pdf"))
    assert has(api.last, b"plan", "application/pdf", "the plan.pdf")
    await api.message("sendMedia", mediatype="document", media=api.host(b"plan", "text/x-plan", "plan"))
    assert has(api.last, b"plan", "text/x-plan", "plan")
    await api.upload("sendMedia", b"clip", "clip.webm", mediatype="video")
    assert has(api.last, b"clip", "video/webm", "clip.webm")
    await api.message("sendMedia", mediatype="image", media=encoded(PNG))
    assert has(api.last, PNG, "image/png", "file.png")
    await api.message("sendMedia", mediatype="image", media=encoded(PNG), mimetype="image/jpeg")
    assert has(api.last, PNG, "image/jpeg", "file.jpg")


@pytest.mark.parametrize("way", ["address", "base64", "form"])
@pytest.mark.parametrize(
    ("method", "field", "kind", "word", "mime_type", "name"),
    [
        ("sendWhatsAppAudio", "audio", Kind.VOICE, "audioMessage", VOICE_TYPE, "voice.ogg"),
        ("sendPtv", "video", Kind.VIDEO, "ptvMessage", "video/mp4", "video.mp4"),
        ("sendSticker", "sticker", Kind.STICKER, "stickerMessage", "image/webp", "sticker.webp"),
    ],
)
async def test_converted_files(
    api: Sender, method: str, field: str, kind: Kind, word: str, mime_type: str, name: str, way: str
) -> None:
    """Whatever they were before: these arrive in WhatsApp's own formats."""
    if way == "form":
        status, answer = await api.upload(method, b"file", "door.wav")
        assert status == 201, answer
    else:
        given = encoded(b"file") if way == "base64" else api.host(b"file", "audio/wav", "door.wav")
        answer = await api.message(method, **{field: given})
    message = api.last
    assert (message.kind, message.text, message.details.pop("as_note", False)) == (kind, "", method == "sendPtv")
    assert has(message, b"file", mime_type, name)
    assert answer["messageType"] == word
    assert answer["message"][word].get("ptt") == (True if kind is Kind.VOICE else None)


@pytest.mark.parametrize(
    "media",
    [
        *(None, "", "not base64", f"data:image/png;base64,{encoded(PNG)}"),
        *("http://localhost:8123/a.png", "http://homeassistant:8123/a.png", "file:///etc/hosts"),
    ],
)
async def test_neither_address_nor_base64(api: Sender, media: str | None) -> None:
    """The `data:` of a data URI is too much; a host without a domain is no address."""
    given = {} if media is None else {"media": media}
    assert await api.refused("sendMedia", mediatype="image", **given) == (400, NO_MEDIA)
    given = {} if media is None else {"audio": media}
    assert await api.refused("sendWhatsAppAudio", **given) == (400, NO_AUDIO)


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("sendMedia", {}, [['instance requires property "mediatype"']]),
        ("sendMedia", {"mediatype": "gif"}, [["mediatype is not one of enum values: image,video,document,audio"]]),
        ("sendMedia", {"mediatype": "image", "media": {}}, [["media is not of a type(s) string"]]),
        ("sendMedia", {"mediatype": "image", "caption": 1}, [["caption is not of a type(s) string"]]),
        (
            "sendMedia",
            {"mediatype": "document", "media": "aGVsbG8="},
            ["For base64 the file name must be informed."],
        ),
        # Not the names of these calls.
        ("sendMedia", {"mediatype": "image", "url": "aGVsbG8=", "image": "aGVsbG8="}, NO_MEDIA),
        ("sendPtv", {"media": "aGVsbG8="}, NO_MEDIA),
        ("sendSticker", {"media": "aGVsbG8="}, NO_MEDIA),
        ("sendSticker", {"notConvertSticker": "no"}, [["notConvertSticker is not of a type(s) boolean"]]),
        ("sendWhatsAppAudio", {"audio": "aGVsbG8=", "encoding": 1}, [["encoding is not of a type(s) boolean"]]),
    ],
)
async def test_refused_media(api: Sender, method: str, body: Any, message: list[Any]) -> None:
    """The schema says what a call needs; the controller looks at the file."""
    assert await api.refused(method, **body) == (400, message)


async def test_downloads_that_fail(api: Sender) -> None:
    """The call waits for the download, and is refused; nothing leads off this machine."""
    gone = {"mediatype": "image", "media": f"{api.emulator.url}/files/gone.png"}
    assert await api.refused("sendMedia", **gone) == (400, ["Error: Request failed with status code 404"])
    for media in ("http://192.0.2.1/a.png", "ftp://127.0.0.1/a.png", "127.0.0.1:1/a.png", "http://[192.0.2.1]/a.png"):
        status, [text] = await api.refused("sendMedia", mediatype="image", media=media)
        assert (status, text[:7]) == (400, "Error: ")


async def test_audio_that_cannot_be_converted(api: Sender) -> None:
    """It fails, unless it is not to be converted."""
    status, answer = await api.upload("sendWhatsAppAudio", b"")
    assert (status, answer["response"]["message"]) == (500, ["Failed to convert audio"])
    url = api.host(b"", "audio/ogg", "note.ogg")
    assert await api.refused("sendWhatsAppAudio", audio=url) == (500, ["Failed to convert audio"])
    await api.message("sendWhatsAppAudio", audio=url, encoding=False)
    assert has(api.last, b"", VOICE_TYPE, "voice.ogg")


# Forms


async def test_forms_hold_texts_only(api: Sender) -> None:
    """Objects can be written with brackets; numbers and booleans cannot be written at all."""
    fields = {"mediatype": "image", "quoted[key][id]": "3EB0F9E3", "mentioned[]": BERTIL}
    status, answer = await api.upload("sendMedia", PNG, **fields)
    assert status == 201, answer
    assert (api.last.quoted_id, api.last.details["mentions"]) == ("3EB0F9E3", [f"{BERTIL}@c.us"])
    for field, value, text in (
        ("delay", "100", "Enter a value in milliseconds"),
        ("mentionsEveryOne", "true", "mentionsEveryOne is not of a type(s) boolean"),
        ("quoted", '{"key": {"id": "3EB0"}}', "quoted is not of a type(s) object"),
        ("mentioned", BERTIL, '"mentioned" must be an array of numeric strings'),
    ):
        status, answer = await api.upload("sendMedia", PNG, mediatype="image", **{field: value})
        assert (status, answer["response"]["message"]) == (400, [[text]])
    assert len(api.arrived) == 1


async def test_forms_with_brackets_in_a_url_encoded_body(api: Sender) -> None:
    """They are read the same way."""
    fields = [("number", ADA), ("text", "Form"), ("quoted[key][id]", "3EB0"), ("[]", "a")]
    fields += [("mentioned[]", ADA), ("mentioned[]", BERTIL)]
    assert (await api.once("POST", "/message/sendText/home", data=aiohttp.FormData(fields)))[0] == 201
    assert (api.last.quoted_id, api.last.details) == ("3EB0", {"mentions": [ADA_CHAT, f"{BERTIL}@c.us"]})
    crossed = [("number", ADA), ("text", "a"), ("text[b]", "c")]
    refusal = await api.refusal("POST", "/message/sendText/home", data=aiohttp.FormData(crossed))
    assert refusal == (400, [["text is not of a type(s) string"]])


async def test_forms_are_for_files(api: Sender) -> None:
    """Other calls do not look into them, and a file has one place only."""
    form = aiohttp.FormData({"number": ADA, "text": "Hello"}, default_to_multipart=True)
    refusal = await api.refusal("POST", "/message/sendText/home", data=form)
    assert refusal == (400, [['instance requires property "number"', 'instance requires property "text"']])
    form = aiohttp.FormData({"number": ADA, "mediatype": "image"})
    form.add_field("media", PNG, filename="a.png")
    refusal = await api.refusal("POST", "/message/sendMedia/home", data=form)
    assert refusal == (500, "Unexpected field")
    headers = {"apikey": api.instance.token, "Content-Type": "multipart/form-data; boundary=x"}
    refusal = await api.refusal("POST", "/message/sendMedia/home", data=b"--y", headers=headers)
    assert refusal == (500, "Unexpected end of form")
    # The guards come first.
    assert await api.refusal("POST", "/message/sendMedia/home", key="wrong", data=form) == (401, "Unauthorized")


async def test_form_without_file(api: Sender) -> None:
    """The file may be an address in it, too; parts without a name are left out."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in (("number", ADA), ("mediatype", "image"), ("media", api.host(PNG, "image/png", "a.png"))):
        form.add_field(name, value)
    assert (await api.once("POST", "/message/sendMedia/home", data=form))[0] == 201
    headers = {"apikey": api.instance.token, "Content-Type": "multipart/form-data; boundary=x"}
    nameless = b"--x\r\nContent-Type: text/plain\r\n\r\nnumber\r\n--x--\r\n"
    refusal = await api.refusal("POST", "/message/sendPtv/home", data=nameless, headers=headers)
    assert refusal == (400, [['instance requires property "number"']])


async def test_body_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by what reads JSON, in the shape that its refusals have."""
    monkeypatch.setattr(emulator_module, "_MAX_BODY_BYTES", 1000)
    async with linked_sender() as api:
        body = {"number": ADA, "mediatype": "image", "media": encoded(PNG * 100)}
        status, answer = await api.once("POST", "/message/sendMedia/home", json=body)
    message = "request entity too large"
    assert status == 413
    assert answer == {"status": 413, "error": "Internal Server Error", "response": {"message": message}}


# Place, contact, poll


async def test_location(api: Sender) -> None:
    """Name and address have to be there, but may be empty."""
    answer = await api.message("sendLocation", **LOCATION)
    assert (api.last.kind, api.last.text, api.last.details) == (Kind.LOCATION, "", LOCATION)
    assert isinstance(api.last.details["longitude"], float)
    assert answer["message"]["locationMessage"] == {
        "degreesLatitude": 39.5,
        "degreesLongitude": -105,
        "name": "Home",
        "address": "7 Green Street",
    }
    await api.message("sendLocation", **(LOCATION | {"name": "", "address": ""}))
    assert api.last.details == LOCATION | {"name": "", "address": ""}


async def test_contacts(api: Sender) -> None:
    """One comes alone, several come as a list; what is only on the card is not shown."""
    answer = await api.message("sendContact", **CONTACT)
    bertil, chen = {"name": "Bertil", "number": f"+{BERTIL}"}, {"name": "Chen", "number": "+13035550144"}
    assert (api.last.kind, api.last.details) == (Kind.CONTACT, bertil | {"contacts": [bertil]})
    assert answer["message"]["contactMessage"]["displayName"] == "Bertil"
    second = {"fullName": "Chen", "phoneNumber": "13035550144", "organization": "Chen Ltd", "email": "", "url": ""}
    answer = await api.message("sendContact", contact=[*CONTACT["contact"], second])
    assert api.last.details == bertil | {"contacts": [bertil, chen]}
    assert [card["displayName"] for card in answer["message"]["contactsArrayMessage"]["contacts"]] == ["Bertil", "Chen"]
    assert f"waid={BERTIL}:+{BERTIL}" in answer["message"]["contactsArrayMessage"]["contacts"][0]["vcard"]


@pytest.mark.parametrize(("count", "multiple"), [(0, True), (1, False), (2, True)])
async def test_poll(api: Sender, count: int, multiple: bool) -> None:
    """How many choices there are is a number; only 1 means one."""
    answer = await api.message("sendPoll", **(POLL | {"selectableCount": count}))
    assert (api.last.kind, api.last.text) == (Kind.POLL, "Pizza?")
    most = {"most_choices": 2} if count == 2 else {}
    assert api.last.details == {"options": ["Yes", "No"], "multiple": multiple, **most}
    assert answer["message"]["pollCreationMessageV3"] == {
        "name": "Pizza?",
        "options": [{"optionName": "Yes"}, {"optionName": "No"}],
        "selectableOptionsCount": count,
    }


@pytest.mark.parametrize(
    ("method", "body", "failures"),
    [
        ("sendLocation", {}, [f'instance requires property "{name}"' for name in LOCATION]),
        ("sendLocation", LOCATION | {"latitude": "39.5"}, ["latitude is not of a type(s) number"]),
        ("sendContact", {}, ['instance requires property "contact"']),
        ("sendContact", {"contact": []}, ["contact does not meet minimum length of 1"]),
        ("sendContact", {"contact": ["Bertil"]}, ["contact[0] is not of a type(s) object"]),
        (
            "sendContact",
            {"contact": [*CONTACT["contact"], {"fullName": 1}]},
            [
                'contact[1] requires property "phoneNumber"',
                "contact[1].fullName is not of a type(s) string",
            ],
        ),
        (
            "sendContact",
            {"contact": [{"fullName": "Bertil", "phoneNumber": "5550143"}]},
            ["contact[0].phoneNumber does not meet minimum length of 10"],
        ),
        ("sendPoll", {}, [f'instance requires property "{name}"' for name in POLL]),
        ("sendPoll", POLL | {"selectableCount": 11}, ["selectableCount must be less than or equal to 10"]),
        ("sendPoll", POLL | {"selectableCount": -1}, ["selectableCount must be greater than or equal to 0"]),
        ("sendPoll", POLL | {"selectableCount": True}, ["selectableCount is not of a type(s) integer"]),
        ("sendPoll", POLL | {"values": ["Yes"]}, ["values does not meet minimum length of 2"]),
        ("sendPoll", POLL | {"values": list("abcdefghijk")}, ["values does not meet maximum length of 10"]),
        ("sendPoll", POLL | {"values": ["Yes", "Yes"]}, ["values contains duplicate item"]),
        ("sendPoll", POLL | {"values": ["Yes", 1]}, ["values[1] is not of a type(s) string"]),
    ],
)
async def test_refused_by_the_schema(api: Sender, method: str, body: Any, failures: list[str]) -> None:
    """All failures come at once."""
    assert await api.refused(method, **body) == (400, [failures])


# What goes with every message


@pytest.mark.parametrize(("method", "body"), EVERY_MESSAGE)
async def test_beside_the_content(api: Sender, method: str, body: Any) -> None:
    """Reply, mentions and delay are for all; names that the vendor does not know do nothing."""
    before = api.emulator.clock.now()
    unknown = {"everyOne": True, "quotedMessageId": "3EB0", "caption_": "a", "chatId": FAMILY, "ptt": True}
    answer = await api.message(
        method, **body, number=FAMILY, delay=1000, mentionsEveryOne=True, quoted={"key": {"id": "3EB0F9E3"}}
    )
    assert api.emulator.clock.now() - before >= 1
    assert (api.last.chat_id, api.last.quoted_id) == (FAMILY, "3EB0F9E3")
    assert api.last.details["mentions"] == ["13035550142@c.us", "13035550144@c.us"]
    assert answer["contextInfo"]["stanzaId"] == "3EB0F9E3"
    assert [signal for _, signal, _ in api.notices] == [Signal.TYPING, Signal.PAUSED]
    await api.message(method, **body, **unknown)
    assert (api.last.chat_id, api.last.quoted_id) == (ADA_CHAT, "")
    assert "mentions" not in api.last.details


@pytest.mark.parametrize(("method", "body"), EVERY_MESSAGE)
async def test_who_cannot_be_written_to(api: Sender, method: str, body: Any) -> None:
    """Somebody without account is an object in the error; without a connection nobody can be looked up."""
    assert await api.refused(method, **(body | {"number": NOBODY})) == (400, [NOT_THERE])
    api.instance.unlink()
    assert await api.refused(method, **body) == (500, "Connection Closed")
    assert await api.refused(method, **(body | {"number": FAMILY})) == (400, ["Error: Connection Closed"])


async def test_client_that_leaves_during_the_download(api: Sender) -> None:
    """The message is sent all the same."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/door.png", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        media = f"http://127.0.0.1:{runner.addresses[0][1]}/door.png"
        sending = asyncio.create_task(api.message("sendMedia", mediatype="image", media=media))
        await asyncio.wait_for(asked.wait(), 5)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        go_on.set()
        async with asyncio.timeout(20):
            while not api.arrived:
                await asyncio.sleep(0.01)
    finally:
        await runner.cleanup()
    assert has(api.last, PNG, "image/png", "door.png")


# As a whole


async def test_names_of_calls(api: Sender) -> None:
    """They are the paths before the instance."""
    api.emulator.requests.reset()
    posts = [f"message/{method}" for method, _ in EVERY_MESSAGE]
    posts += ["message/sendReaction", "chat/updateMessage", "chat/markMessageAsRead", "chat/sendPresence"]
    for name in posts:
        assert (await api.once("POST", f"/{name}/home", json={}))[0] == 400
    assert (await api.once("DELETE", "/chat/deleteMessageForEveryone/home", json={}))[0] == 400
    _, counts = await api.phone("GET", "/requests")
    assert counts["evolution"] == dict.fromkeys([*posts, "chat/deleteMessageForEveryone"], 1)


async def test_what_is_sent_can_be_seen(api: Sender) -> None:
    """The phone's control route shows all of it, as JSON."""
    for method, body in EVERY_MESSAGE:
        await api.message(method, **body)
    _, shown = await api.phone("GET", "/messages?instance=home")
    kinds = ["text", "image", "voice", "video", "sticker", "location", "contact", "poll"]
    assert [message["kind"] for message in shown] == kinds
