"""What the emulated GREEN-API sends, against the vendor's documentation, over real HTTP on loopback."""

import asyncio
from collections.abc import AsyncGenerator
import hashlib
import re
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from tests.emulator import Emulator, green_api_files
from tests.emulator.green_api_journal import DELETE_SECONDS, EDIT_SECONDS
from tests.emulator.green_api_outbox import QUEUE_SECONDS
from tests.emulator.model import Message, Signal
from tests.test_emulator import ADA, ADA_CHAT, SCALE, Answer, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

FAMILY = "120363000000000142@g.us"
NOBODY = "13035550199@c.us"
CONTENT = b"\x89PNG and so on \x00\xff" * 5000
MESSAGE_ID = re.compile(r"3EB0[0-9A-F]{16}")
INVALID = "Validation failed. Details: "


class SendingApi(Api):
    """Calls the methods that send, and looks at the phone."""

    async def send(self, method: str, body: Any) -> str:
        """POST and return the id of what was sent."""
        message_id = str((await self.post(method, body))["idMessage"])
        assert MESSAGE_ID.fullmatch(message_id)
        return message_id

    async def message(self) -> Message:
        """Wait for a message and return it; there has to be only one."""
        await self.arrived(1)
        [message] = self.emulator.phone.messages(self.instance.id)
        self.emulator.phone.clear_messages()
        return message

    async def upload(self, fields: dict[str, str], content: bytes | None = CONTENT, name: str = "door.png") -> Answer:
        """Send a file by form."""
        form = aiohttp.FormData(fields)
        if content is not None:
            form.add_field("file", content, filename=name)
        return await self.call("POST", "sendFileByUpload", data=form)

    async def nothing_arrives(self) -> None:
        """Let the queue run empty, and see that the phone got nothing."""
        async with asyncio.timeout(20):
            while (await self.get("getMessagesCount"))["count"]:
                await asyncio.sleep(0.005)
        assert self.emulator.phone.messages() == []

    def later(self, seconds: float) -> None:
        """Let so many of the vendor's seconds pass at once; they also pass faster from then on."""
        clock = self.emulator.clock
        now = clock.now()
        clock.scale *= now / (now + seconds)

    async def statuses(self) -> list[dict[str, Any]]:
        """Take all notifications of a status out of the queue."""
        found = []
        while (notification := await self.get("receiveNotification")) is not None:
            await self.call("DELETE", "deleteNotification", f"/{notification['receiptId']}")
            if notification["body"]["typeWebhook"] == "outgoingMessageStatus":
                found.append(notification["body"])
        return found


@pytest.fixture
async def emulator() -> AsyncGenerator[Emulator]:
    """A fast emulator."""
    async with Emulator(time_scale=SCALE, seed="tests") as running:
        yield running


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """A client session with its own connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())) as opened:
        yield opened


@pytest.fixture
def api(emulator: Emulator, session: aiohttp.ClientSession) -> SendingApi:
    """A client of an instance that is linked."""
    api = SendingApi(emulator, session)
    api.link()
    return api


@pytest.fixture
async def shelf() -> AsyncGenerator[dict[str, Any]]:
    """A web server with files: what is put into `files` by its path can be fetched."""
    files: dict[str, bytes] = {}

    async def serve(request: web.Request) -> web.Response:
        content = files.get(request.path)
        return web.Response(status=404) if content is None else web.Response(body=content)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield {"files": files, "url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    await runner.cleanup()


# Texts


async def test_reply(api: SendingApi) -> None:
    """With the id of what it replies to."""
    asked, _ = api.emulator.phone.write(api.instance.id, ADA, "Who is there?")
    message_id = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Me", "quotedMessageId": asked.id})
    message = await api.message()
    assert (message.id, message.kind, message.text, message.details) == (message_id, "text", "Me", {})
    assert (message.chat_id, message.quoted_id) == (ADA_CHAT, asked.id)


async def test_link_preview(api: SendingApi) -> None:
    """It is there, unless the message or the settings turn it off."""
    body = {"chatId": ADA_CHAT, "message": "https://example.com"}
    await api.send("sendMessage", body | {"linkPreview": True, "typePreview": "small"})
    assert (await api.message()).details == {}
    await api.send("sendMessage", body | {"linkPreview": False})
    assert (await api.message()).details == {"link_preview": False}
    await api.set_at_once(linkPreview=False)
    await api.send("sendMessage", body)
    assert (await api.message()).details == {"link_preview": False}
    await api.send("sendMessage", body | {"linkPreview": True, "customPreview": {"title": "A page"}})
    assert (await api.message()).details == {}


async def test_unknown_fields_have_no_effect(api: SendingApi) -> None:
    """There are no mentions, whatever a client thinks they are called."""
    body = {"chatId": FAMILY, "message": "@13035550142", "mentions": [ADA_CHAT], "quoted": "A", "link_preview": False}
    await api.send("sendMessage", body)
    message = await api.message()
    assert (message.text, message.quoted_id, message.details) == ("@13035550142", "", {})


async def test_typing_comes_before_the_message(api: SendingApi) -> None:
    """For as long as was asked for."""
    await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Hm", "typingTime": 20000})
    await asyncio.sleep(2 * SCALE)
    [notice] = api.emulator.phone.notices
    assert (notice.chat_id, notice.signal, notice.message_ids) == (ADA_CHAT, Signal.TYPING, ())
    assert (notice.gateway, notice.instance) == ("green_api", api.instance.id)
    assert api.emulator.phone.messages() == []
    assert (await api.message()).text == "Hm"


# Location, contact, poll


async def test_location(api: SendingApi) -> None:
    """With a name and an address, or without."""
    body = {"chatId": ADA_CHAT, "latitude": 57.437, "longitude": 56}
    await api.send("sendLocation", body | {"nameLocation": "Cabin", "address": "Lake Road 1", "quotedMessageId": "A1"})
    message = await api.message()
    assert (message.kind, message.text, message.quoted_id) == ("location", "", "A1")
    assert message.details == {"latitude": 57.437, "longitude": 56.0, "name": "Cabin", "address": "Lake Road 1"}
    await api.send("sendLocation", body | {"name": "Nowhere"})
    assert (await api.message()).details == {"latitude": 57.437, "longitude": 56.0, "name": "", "address": ""}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({"firstName": "Chen", "middleName": "", "lastName": "Li", "company": "Tea"}, "Chen Li"),
        ({"company": "Tea"}, "Tea"),
    ],
)
async def test_contact(api: SendingApi, names: dict[str, str], shown: str) -> None:
    """The number comes as a number."""
    await api.send("sendContact", {"chatId": ADA_CHAT, "contact": {"phoneContact": 13035550144, **names}})
    message = await api.message()
    person = {"name": shown, "number": "+13035550144"}
    assert (message.kind, message.details) == ("contact", {**person, "contacts": [person]})


async def test_poll(api: SendingApi) -> None:
    """One answer, if nothing else is said."""
    body = {"chatId": FAMILY, "message": "Tea?", "options": [{"optionName": "yes"}, {"optionName": "no"}]}
    await api.send("sendPoll", body)
    message = await api.message()
    assert (message.kind, message.text, message.chat_id) == ("poll", "Tea?", FAMILY)
    assert message.details == {"options": ["yes", "no"], "multiple": False}
    await api.send("sendPoll", body | {"multipleAnswers": True})
    assert (await api.message()).details["multiple"] is True


# Files


@pytest.mark.parametrize(
    ("name", "kind", "mime_type", "caption"),
    [
        ("door.png", "image", "image/png", "Who?"),
        ("door.JPG", "image", "image/jpeg", "Who?"),
        ("clip.mp4", "video", "video/mp4", "Who?"),
        ("song.mp3", "audio", "audio/mpeg", ""),
        ("said.ogg", "voice", "audio/ogg; codecs=opus", ""),
        ("bill.pdf", "document", "application/pdf", ""),
        # Neither stickers nor moving pictures are documented.
        ("wave.webp", "document", "image/webp", ""),
        ("wave.gif", "document", "image/gif", ""),
        ("data", "document", "application/octet-stream", ""),
    ],
)
async def test_name_decides_what_a_file_is(
    api: SendingApi, shelf: dict[str, Any], name: str, kind: str, mime_type: str, caption: str
) -> None:
    """By form or by address: every byte arrives."""
    shelf["files"]["/x"] = CONTENT
    common = {"chatId": ADA_CHAT, "caption": "Who?", "fileName": name}
    by_form = (await api.upload(common, name="other.bin")).json["idMessage"]
    message = await api.message()
    by_address = await api.send("sendFileByUrl", common | {"urlFile": f"{shelf['url']}/x"})
    other = await api.message()
    assert (message.id, other.id) == (by_form, by_address)
    for each in (message, other):
        assert (each.kind, each.text) == (kind, caption)
        path = each.details.pop("path")
        assert each.details == {
            "file_name": name,
            "mime_type": mime_type,
            "size": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        assert (await api.once("GET", api.emulator.url + path)).body == CONTENT


async def test_upload(api: SendingApi) -> None:
    """The answer has a link; the name of the part will do; a reply only to what is there."""
    fields = {"chatId": ADA_CHAT, "typingTime": "1000", "typingType": "recording"}
    asked, _ = api.emulator.phone.write(api.instance.id, ADA, "What does it look like?")
    answer = await api.upload(fields | {"quotedMessageId": asked.id}, name="door.png")
    assert answer.status == 200
    message = await api.message()
    assert (message.details["file_name"], message.kind, message.quoted_id) == ("door.png", "image", asked.id)
    assert (await api.once("GET", answer.json["urlFile"])).body == CONTENT

    answer = await api.upload(fields | {"quotedMessageId": "NEVER"})
    assert (answer.status, answer.json["message"]) == (400, "failed to upload file")
    answer = await api.upload({"chatId": "13035550143@c.us", "quotedMessageId": asked.id})
    assert (answer.status, answer.json["message"]) == (400, "failed to upload file")


async def test_recording_comes_before_a_file(api: SendingApi) -> None:
    """Where a message cannot be recorded, it is typed."""
    fields = {"chatId": ADA_CHAT, "typingTime": "1000"}
    await api.upload(fields | {"typingType": "recording"}, name="said.ogg")
    await api.arrived(1)
    await api.upload(fields)
    await api.arrived(2)
    assert [notice.signal for notice in api.emulator.phone.notices] == [Signal.RECORDING, Signal.TYPING]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"chatId": ADA},
        {"chatId": ADA_CHAT, "caption": "x" * 1025},
        {"chatId": ADA_CHAT, "typingTime": "soon"},
        {"chatId": ADA_CHAT, "typingTime": "20001"},
    ],
)
async def test_upload_breaks_down(api: SendingApi, fields: dict[str, str]) -> None:
    """This method does not validate: whatever is wrong, it is an internal error."""
    answer = await api.upload(fields)
    assert (answer.status, answer.json["message"]) == (500, "Internal server error")
    assert api.emulator.phone.messages() == []


async def test_upload_of_no_form(api: SendingApi) -> None:
    """No file, no form, or a broken one."""
    assert (await api.upload({"chatId": ADA_CHAT}, content=None)).status == 500
    answer = await api.call("POST", "sendFileByUpload", json={"chatId": ADA_CHAT, "file": "aGk="})
    assert (answer.status, answer.json["message"]) == (500, "Internal server error")
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await api.call("POST", "sendFileByUpload", data=b"nothing", headers=headers)).status == 500


async def test_name_with_escapes(api: SendingApi) -> None:
    """It is refused."""
    body = {"chatId": ADA_CHAT, "urlFile": f"{api.emulator.url}/files/x", "fileName": 'my "door".png'}
    assert await api.refusal("sendFileByUrl", body) == "bad request data"
    answer = await api.upload({"chatId": ADA_CHAT, "fileName": "a\\b.png"})
    assert (answer.status, answer.json["message"]) == (400, "bad request data")


async def test_upload_that_is_too_large(api: SendingApi) -> None:
    """The answer does not wait for the end of it."""
    path = api.url("sendFileByUpload").removeprefix(api.emulator.url)
    port = int(api.emulator.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    writer.write(f"{head}Content-Length: {101 * 1024 * 1024}\r\n\r\n".encode())
    assert b" 500 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_uploaded_file_is_sent_by_its_link(api: SendingApi) -> None:
    """First to the storage, then to the chat."""
    answer = await api.call("POST", "uploadFile", data=CONTENT, headers={"Content-Type": "image/png"})
    url = answer.json["urlFile"]
    assert answer.json.keys() == {"urlFile"}
    assert url.endswith(".png")
    await api.send("sendFileByUrl", {"chatId": ADA_CHAT, "urlFile": url, "fileName": "door.png"})
    assert (await api.message()).details["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    named = await api.call("POST", "uploadFile", data=CONTENT, headers={"GA-Filename": "plan.dwg"})
    assert named.json["urlFile"].endswith("/plan.dwg")
    empty = await api.call("POST", "uploadFile")
    assert (empty.status, empty.json["message"]) == (400, "Server error")


async def test_file_that_cannot_be_fetched(api: SendingApi, shelf: dict[str, Any]) -> None:
    """The call succeeds, three attempts fail, and what is behind it has to wait."""
    api.instance.options.file_retry_seconds = 1
    body = {"chatId": ADA_CHAT, "urlFile": f"{shelf['url']}/gone.png", "fileName": "gone.png"}
    failed_id = await api.send("sendFileByUrl", body)
    await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Next"})
    assert (await api.message()).text == "Next"
    [status] = await api.statuses()
    assert (status["idMessage"], status["status"]) == (failed_id, "failed")
    assert status["description"] == "urlError: Request failed with status code 404"


async def test_file_that_comes_late(api: SendingApi, shelf: dict[str, Any]) -> None:
    """The queue asks again."""
    api.instance.options.file_retry_seconds = 5
    body = {"chatId": ADA_CHAT, "urlFile": f"{shelf['url']}/door.png", "fileName": "door.png", "caption": "Door"}
    await api.send("sendFileByUrl", body)
    shelf["files"]["/door.png"] = CONTENT
    message = await api.message()
    assert (message.text, message.details["size"]) == ("Door", len(CONTENT))


async def test_file_elsewhere_is_not_fetched(api: SendingApi) -> None:
    """The emulator asks nobody but this machine."""
    api.instance.options.file_retry_seconds = 0.1
    body = {"chatId": ADA_CHAT, "urlFile": "http://192.0.2.1/door.png", "fileName": "door.png"}
    await api.send("sendFileByUrl", body)
    await api.nothing_arrives()
    [status] = await api.statuses()
    assert status["status"] == "failed"


async def test_file_that_is_too_large(api: SendingApi, shelf: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the vendor's words, once the file could be fetched."""
    monkeypatch.setattr(green_api_files, "LARGEST_FILE", 1024 * 1024)
    url = f"{shelf['url']}/film.mp4"
    shelf["files"]["/film.mp4"] = b"x" * (1024 * 1024 + 1)
    body = {"chatId": ADA_CHAT, "urlFile": url, "fileName": "film.mp4"}
    answer = await api.call("POST", "sendFileByUrl", json=body)
    assert answer.status == 500
    assert answer.json["message"] == f"File from url exceeded max upload size. Size: 2mb Limit: 1mb Url: {url}"
    shelf["files"].clear()
    api.instance.options.file_retry_seconds = 5
    await api.send("sendFileByUrl", body)
    shelf["files"]["/film.mp4"] = b"x" * (1024 * 1024 + 1)
    await api.nothing_arrives()
    assert [status["status"] for status in await api.statuses()] == ["failed"]


# Around a message


async def test_reaction(api: SendingApi) -> None:
    """As an emoji, spelled out, or taken back."""
    body = {"chatId": ADA_CHAT, "idMessage": "A1B2"}
    for reaction, shown in (("❤️", "❤️"), (r"\uD83D\uDC4F", "👏"), ("", "")):
        reaction_id = await api.send("sendReaction", body | {"reaction": reaction})
        message = await api.message()
        assert (message.id, message.kind, message.text) == (reaction_id, "reaction", shown)
        assert message.details == {"message_id": "A1B2"}


async def test_edit(api: SendingApi) -> None:
    """The change has an id of its own, and the message keeps the one it has."""
    message_id = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Helo"})
    for text in ("Hello", "Hello!"):
        body = {"chatId": ADA_CHAT, "idMessage": message_id, "message": text}
        assert await api.send("editMessage", body) != message_id
        await api.arrived(2)
        edit = api.emulator.phone.messages()[-1]
        assert (edit.kind, edit.text, edit.details) == ("edited", text, {"message_id": message_id})
        api.emulator.phone.clear_messages()
        await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "and"})
        await api.arrived(1)


async def test_what_cannot_be_edited(api: SendingApi) -> None:
    """The answer is as ever; a notification tells, which no setting turns off."""
    old = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Helo"})
    await api.message()
    picture = (await api.upload({"chatId": ADA_CHAT, "caption": "Dor"})).json["idMessage"]
    await api.message()
    theirs, _ = api.emulator.phone.write(api.instance.id, ADA, "Hi")
    cases = [(ADA_CHAT, picture), (ADA_CHAT, theirs.id), (ADA_CHAT, "NEVER"), (FAMILY, old)]
    edits = [
        await api.send("editMessage", {"chatId": chat_id, "idMessage": message_id, "message": "New"})
        for chat_id, message_id in cases
    ]
    await api.nothing_arrives()
    api.later(EDIT_SECONDS)
    edits.append(await api.send("editMessage", {"chatId": ADA_CHAT, "idMessage": old, "message": "New"}))
    await api.nothing_arrives()
    statuses = await api.statuses()
    assert [(status["idMessage"], status["status"]) for status in statuses] == [(edit, "failed") for edit in edits]


async def test_delete(api: SendingApi) -> None:
    """For all, or for oneself, which others do not see."""
    message_id = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Oops"})
    await api.message()
    body = {"chatId": ADA_CHAT, "idMessage": message_id}
    answer = await api.call("POST", "deleteMessage", json=body | {"onlySenderDelete": True})
    assert (answer.status, answer.body) == (200, b"")
    await api.nothing_arrives()
    answer = await api.call("POST", "deleteMessage", json=body)
    assert (answer.status, answer.body) == (200, b"")
    message = await api.message()
    assert (message.kind, message.text, message.details) == ("deleted", "", {"message_id": message_id})


async def test_delete_that_others_do_not_see(api: SendingApi) -> None:
    """What others wrote, and after 72 hours what one wrote oneself."""
    mine = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Oops"})
    await api.message()
    theirs, _ = api.emulator.phone.write(api.instance.id, ADA, "Hi")
    api.emulator.phone.clear_messages()
    await api.call("POST", "deleteMessage", json={"chatId": ADA_CHAT, "idMessage": theirs.id})
    await api.nothing_arrives()
    api.later(DELETE_SECONDS)
    await api.call("POST", "deleteMessage", json={"chatId": ADA_CHAT, "idMessage": mine})
    await api.nothing_arrives()


async def test_read(api: SendingApi) -> None:
    """Up to a message, or the whole chat; each only once."""
    await api.set_at_once(incomingWebhook="yes")
    phone = api.emulator.phone
    ids = [phone.write(api.instance.id, ADA, text)[0].id for text in ("one", "two", "three")]
    body = {"chatId": ADA_CHAT}
    for _ in range(2):
        assert await api.post("readChat", body | {"idMessage": ids[1]}) == {"setRead": True}
    for _ in range(2):
        assert await api.post("readChat", body) == {"setRead": True}
    assert [(notice.signal, notice.message_ids) for notice in phone.notices] == [
        (Signal.READ, tuple(ids[:2])),
        (Signal.READ, ()),
    ]


async def test_what_cannot_be_read(api: SendingApi) -> None:
    """What came while there were no notifications of messages."""
    message, _ = api.emulator.phone.write(api.instance.id, ADA, "Hi")
    assert await api.post("readChat", {"chatId": ADA_CHAT, "idMessage": message.id}) == {"setRead": False}
    assert api.emulator.phone.notices == []


async def test_typing(api: SendingApi) -> None:
    """The answer is empty; there is no way to say that nobody types any more."""
    body = {"chatId": ADA_CHAT, "typingTime": 1000}
    for more in ({}, {"typingType": "recording"}):
        answer = await api.call("POST", "sendTyping", json=body | more)
        assert (answer.status, answer.body) == (200, b"")
        await api.nothing_arrives()
    assert [notice.signal for notice in api.emulator.phone.notices] == [Signal.TYPING, Signal.RECORDING]


@pytest.mark.parametrize("method", ["sendReaction", "editMessage", "deleteMessage", "sendTyping", "readChat"])
async def test_what_needs_the_account(api: SendingApi, method: str) -> None:
    """It is refused without a link, where a message would be kept."""
    api.instance.unlink()
    assert await api.refusal(method, {}) == "instance is starting or not authorized"


# Numbers, queue, limits


async def test_number_without_account(api: SendingApi, shelf: dict[str, Any]) -> None:
    """No call fails, and each message has its status."""
    shelf["files"]["/door.png"] = CONTENT
    url = f"{shelf['url']}/door.png"
    sent = [
        await api.send("sendMessage", {"chatId": NOBODY, "message": "Hello"}),
        await api.send("sendFileByUrl", {"chatId": NOBODY, "urlFile": url, "fileName": "door.png"}),
        await api.send("sendLocation", {"chatId": NOBODY, "latitude": 1, "longitude": 2}),
    ]
    await api.nothing_arrives()
    assert [(status["idMessage"], status["status"]) for status in await api.statuses()] == [
        (each, "noAccount") for each in sent
    ]
    assert (await api.post("checkWhatsapp", {"chatId": NOBODY}))["existsWhatsapp"] is False


async def test_queue(api: SendingApi) -> None:
    """It can be looked at and emptied, without a link, too."""
    api.instance.unlink()
    body = {"chatId": ADA_CHAT, "message": "Hello"}
    place = {"chatId": ADA_CHAT, "latitude": 1, "longitude": 2}
    ids = [await api.send("sendMessage", body), await api.send("sendLocation", place)]
    assert await api.get("showMessagesQueue") == [
        {"messageID": ids[0], "type": "sendMessage", "body": body},
        {"messageID": ids[1], "type": "sendLocation", "body": place},
    ]
    assert await api.get("getMessagesCount") == {"count": 2}
    assert await api.get("clearMessagesQueue") == {"isCleared": True}
    api.link()
    await api.nothing_arrives()


async def test_queue_keeps_order_and_pace(api: SendingApi) -> None:
    """Different things wait for each other, and each for its turn."""
    await api.set_at_once(delaySendMessagesMilliseconds=2000)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    message_id = await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Helo", "typingTime": 3000})
    await api.send("editMessage", {"chatId": ADA_CHAT, "idMessage": message_id, "message": "Hello"})
    await api.call("POST", "deleteMessage", json={"chatId": ADA_CHAT, "idMessage": message_id})
    messages = await api.arrived(3)
    assert [message["kind"] for message in messages] == ["text", "edited", "deleted"]
    assert loop.time() - begin >= 7 * SCALE


async def test_messages_die_in_the_queue(api: SendingApi) -> None:
    """After a day without a link."""
    api.instance.unlink()
    await api.send("sendMessage", {"chatId": ADA_CHAT, "message": "Hello"})
    api.later(QUEUE_SECONDS)
    api.link()
    await api.nothing_arrives()


async def test_quota_is_for_every_method(api: SendingApi) -> None:
    """The fourth chat is refused, and the answer names the method."""
    api.instance.options.tariff = "developer"
    place = {"latitude": 1, "longitude": 2}
    for last in "234":
        await api.send("sendLocation", {"chatId": f"1303555014{last}@c.us", **place})
    fourth = {"chatId": "13035550145@c.us"}
    answer = await api.call("POST", "sendLocation", json=fourth | place)
    assert (answer.status, answer.json["invokeStatus"]["method"]) == (466, "sendlocation")
    answer = await api.upload(fourth)
    assert (answer.status, answer.json["invokeStatus"]["method"]) == (466, "sendfilebyupload")


@pytest.mark.parametrize(
    ("method", "limit"),
    [("sendMessage", 50), ("sendPoll", 50), ("sendFileByUpload", 50), ("readChat", 10), ("editMessage", 1)],
)
async def test_rate_limits(session: aiohttp.ClientSession, method: str, limit: int) -> None:
    """What is refused for another reason counts, too."""
    async with Emulator(time_scale=10) as emulator:
        api = SendingApi(emulator, session)
        api.link()
        statuses = [(await api.once("POST", api.url(method), json={})).status for _ in range(limit + 1)]
        assert set(statuses[:-1]) <= {400, 500}
        assert statuses[-1] == 429
        assert emulator.requests.count(method=method) == limit + 1


# Refusals

_POLL = {"message": "Tea?", "options": [{"optionName": "yes"}, {"optionName": "no"}]}


@pytest.mark.parametrize(
    ("method", "body", "details"),
    [
        ("sendMessage", {}, "'message' is required"),
        ("sendMessage", {"message": "x", "linkPreview": "no"}, "'linkPreview' must be a boolean"),
        ("sendMessage", {"message": "x", "typePreview": "huge"}, "'typePreview' must be one of [large, small]"),
        ("sendMessage", {"message": "x", "customPreview": {}}, "'customPreview.title' is required"),
        ("sendMessage", {"message": "x", "typingTime": "5"}, "'typingTime' must be a number"),
        ("sendMessage", {"message": "x", "typingTime": 999}, "'typingTime' must be greater than or equal to 1000"),
        ("sendMessage", {"message": "x", "typingTime": 20001}, "'typingTime' must be less than or equal to 20000"),
        ("sendMessage", {"message": "x", "quotedMessageId": 7}, "'quotedMessageId' must be a string"),
        ("sendMessage", {"message": "x", "archiveChat": 1}, "'archiveChat' must be a boolean"),
        ("sendLocation", {"latitude": 1}, "'longitude' is required"),
        ("sendLocation", {"latitude": "1", "longitude": 2}, "'latitude' must be a number"),
        ("sendLocation", {"latitude": 1, "longitude": 2, "address": 3}, "'address' must be a string"),
        ("sendContact", {}, "'contact' is required"),
        ("sendContact", {"contact": "Chen"}, "'contact' must be of type object"),
        ("sendContact", {"contact": {"firstName": "Chen"}}, "'contact.phoneContact' is required"),
        (
            "sendContact",
            {"contact": {"phoneContact": "1", "firstName": "C"}},
            "'contact.phoneContact' must be a number",
        ),
        (
            "sendContact",
            {"contact": {"phoneContact": 1}},
            "'contact' must contain at least one of [firstName, middleName, lastName, company]",
        ),
        ("sendPoll", {"message": "Tea?"}, "'options' is required"),
        ("sendPoll", _POLL | {"options": "yes"}, "'options' must be an array"),
        ("sendPoll", _POLL | {"options": ["yes", "no"]}, "'options[0]' must be of type object"),
        ("sendPoll", _POLL | {"options": [{"optionName": "yes"}]}, "'options' must contain at least 2 items"),
        (
            "sendPoll",
            _POLL | {"options": [{"optionName": str(number)} for number in range(13)]},
            "'options' must contain less than or equal to 12 items",
        ),
        ("sendPoll", _POLL | {"options": [{"optionName": "yes"}] * 2}, "'options[1]' contains a duplicate value"),
        (
            "sendPoll",
            _POLL | {"options": [{"optionName": "x" * 101}] * 2},
            "'options[0].optionName' length must be less than or equal to 100 characters long",
        ),
        (
            "sendPoll",
            _POLL | {"message": "x" * 256},
            "'message' length must be less than or equal to 255 characters long",
        ),
        ("sendPoll", _POLL | {"multipleAnswers": "yes"}, "'multipleAnswers' must be a boolean"),
        ("sendFileByUrl", {}, "'urlFile' is required"),
        ("sendFileByUrl", {"urlFile": "door.png", "fileName": "door.png"}, "'urlFile' must be a valid uri"),
        ("sendFileByUrl", {"urlFile": "http://x/a b.png", "fileName": "a.png"}, "'urlFile' must be a valid uri"),
        ("sendFileByUrl", {"urlFile": "http://x/a.png"}, "'fileName' is required"),
        (
            "sendFileByUrl",
            {"urlFile": "http://x/a.png", "fileName": "a.png", "caption": "x" * 1025},
            "'caption' length must be less than or equal to 1024 characters long",
        ),
        (
            "sendFileByUrl",
            {"urlFile": "http://x/a.png", "fileName": "a.png", "typingType": "singing"},
            "'typingType' must be one of [typing, recording]",
        ),
        ("sendReaction", {"reaction": "x"}, "'idMessage' is required"),
        ("sendReaction", {"idMessage": "A"}, "'reaction' is required"),
        ("sendReaction", {"idMessage": "A", "reaction": 1}, "'reaction' must be a string"),
        ("sendTyping", {"typingTime": 30000}, "'typingTime' must be less than or equal to 20000"),
        ("sendTyping", {"typingType": "paused"}, "'typingType' must be [recording]"),
        ("editMessage", {"message": "x"}, "'idMessage' is required"),
        ("editMessage", {"idMessage": "A"}, "'message' is required"),
        (
            "editMessage",
            {"idMessage": "A", "message": "x" * 20001},
            "'message' length must be less than or equal to 20000 characters long",
        ),
        ("deleteMessage", {}, "'idMessage' is required"),
        ("deleteMessage", {"idMessage": "A", "onlySenderDelete": 1}, "'onlySenderDelete' must be a boolean"),
        ("readChat", {"idMessage": 1}, "'idMessage' must be a string"),
    ],
)
async def test_refusals(api: SendingApi, method: str, body: dict[str, Any], details: str) -> None:
    """In the words of the vendor's validation, and nothing is sent."""
    assert await api.refusal(method, {"chatId": ADA_CHAT} | body) == INVALID + details
    assert await api.refusal(method, body) == f"{INVALID}'chatId' is required"
    await api.nothing_arrives()
    assert api.emulator.phone.notices == []


# What is notified


async def test_what_was_sent_is_notified(api: SendingApi) -> None:
    """Each kind in its shape; only messages have a status."""
    await api.set_at_once(outgoingAPIMessageWebhook="yes", outgoingWebhook="yes")
    await api.upload({"chatId": ADA_CHAT, "caption": "Door"})
    await api.send("sendContact", {"chatId": ADA_CHAT, "contact": {"phoneContact": 13035550144, "firstName": "Chen"}})
    await api.send("sendReaction", {"chatId": ADA_CHAT, "idMessage": "A1B2", "reaction": "👍"})
    await api.arrived(3)
    seen = []
    while (notification := await api.get("receiveNotification")) is not None:
        body = notification["body"]
        data = body.get("messageData", {})
        seen.append(data.get("typeMessage") or body["status"])
        if file := data.get("fileMessageData"):
            assert (await api.once("GET", file["downloadUrl"])).body == CONTENT
        await api.call("DELETE", "deleteNotification", f"/{notification['receiptId']}")
    assert seen == ["imageMessage", "sent", "delivered", "contactMessage", "sent", "delivered", "reactionMessage"]
