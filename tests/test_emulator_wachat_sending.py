"""What the emulator's Wachat sends, over real HTTP on loopback."""

import asyncio
from collections.abc import AsyncGenerator
import hashlib
import re
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.model import Message, Signal
from tests.test_emulator_wachat import ADA, ADA_DIGITS, FAMILY, NAME, NOT_FOUND, SCALE, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

CONTENT = bytes(range(256)) * 300
CANNOT_SEND = "Failed to send message."
NO_URL = "Field mediaUrl must be a valid URL."
NO_HOST = ["Owned media must be a url or base64"]
LIST = {
    "type": "list",
    "title": "Washing machine",
    "text": "The programme is over. What now?",
    "buttonText": "Choose",
    "sections": [
        {
            "title": "Today",
            "rows": [
                {"title": "Dry", "description": "90 minutes", "rowId": "dry"},
                {"title": "Nothing", "rowId": "nothing"},
            ],
        }
    ],
    "footerText": "Home",
}
BUTTONS = {"text": "Close the garage?", "buttons": [{"id": "yes", "displayText": "Yes"}]}


class Sender(Api):
    """A client with a linked instance and something to send."""

    def file(self, name: str = "door.jpg", mime_type: str = "image/jpeg") -> str:
        """Put a file where Wachat can fetch it, and return its address."""
        return self.emulator.url + self.emulator.world.files.add(CONTENT, mime_type, name)

    def media(self, **changes: Any) -> dict[str, Any]:
        """Return the body of a message with a file."""
        return self.text(**{"type": "image", "mediaUrl": self.file(), "message": "At the door"} | changes)

    def menu(self, interactive: Any, **changes: Any) -> dict[str, Any]:
        """Return the body of a list or of buttons."""
        return self.text(**{"type": "interactive", "message": None, "interactive": interactive} | changes)

    async def details(self, path: str, body: Any) -> Any:
        """POST something that cannot go and return what the engine says of it."""
        answer = await self.once("POST", path, json=body)
        assert answer.refusal == (400, CANNOT_SEND)
        return answer.json["details"]

    @property
    def arrived(self) -> list[Message]:
        """What is on the other phone."""
        return self.emulator.phone.messages(NAME)


@pytest.fixture
async def api() -> AsyncGenerator[Sender]:
    """A client of a fast emulator, with a linked instance."""
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
    async with (
        Emulator(time_scale=SCALE, seed="tests") as emulator,
        aiohttp.ClientSession(connector=connector) as opened,
    ):
        sender = Sender(emulator, opened)
        sender.link()
        yield sender


# Messages


async def test_message_arrives(api: Sender) -> None:
    """With the id that the API returned."""
    data = (await api.post("send/text", api.text(message="Hello 👋")))["data"]
    assert data["key"]["remoteJid"] == f"{ADA_DIGITS}@s.whatsapp.net"
    assert data["key"]["fromMe"] is True
    assert re.fullmatch(r"3EB0[0-9A-F]{16}", data["key"]["id"])
    assert (data["status"], data["messageType"]) == ("PENDING", "conversation")
    assert data["message"] == {"conversation": "Hello 👋"}
    [message] = (await api.phone("GET", f"/messages?instance={NAME}")).json
    assert message["id"] == data["key"]["id"]
    assert (message["chat_id"], message["from"]) == (f"{ADA_DIGITS}@c.us", api.instance.number)
    assert (message["kind"], message["text"]) == ("text", "Hello 👋")
    assert (await api.phone("POST", "/read", {"message": message["id"]})).status == 200


async def test_other_ways_to_send(api: Sender) -> None:
    """The type may be left out, a group may be a number, and there is a general call."""
    data = (await api.post("send/text", api.text(type=None, number=FAMILY)))["data"]
    assert data["key"]["remoteJid"] == FAMILY
    await api.post("send", api.text(message="Again"))
    assert [(each.chat_id, each.text) for each in api.arrived] == [(FAMILY, "Hello"), (f"{ADA_DIGITS}@c.us", "Again")]
    assert await api.refusal("send", api.text(type=None)) == (400, "Missing required field: type.")


async def test_delay(api: Sender) -> None:
    """3 to 5 s unless something else is said, and the answer takes as long."""
    clock = api.emulator.clock
    for delay, seconds in ((None, 3), (8000, 8)):
        began = clock.now()
        await api.post("send/text", api.text(delay=delay))
        assert clock.now() - began >= seconds


async def test_message_goes_without_its_client(api: Sender) -> None:
    """Who does not wait for the answer has sent all the same."""
    with pytest.raises(TimeoutError):
        await api.once("POST", "send/text", json=api.text(delay=10_000), timeout=aiohttp.ClientTimeout(total=0.03))
    assert api.emulator.phone.messages() == []
    async with asyncio.timeout(20):
        while not api.emulator.phone.messages():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"instanceName": None}, "Missing required field: instanceName."),
        ({"number": None}, "Missing required field: number."),
        ({"message": ""}, "Missing required field: message."),
        ({"message": 5}, "Field message must be a string."),
        ({"number": ADA}, "Field number must contain digits only, with country code."),
        ({"number": f"{ADA_DIGITS}@c.us"}, "Field number must contain digits only, with country code."),
        ({"type": "image"}, "Field type must be one of: text."),
        ({"delay": "soon"}, "Field delay must be a number of milliseconds."),
        ({"delay": -1}, "Field delay must be a number of milliseconds."),
    ],
)
async def test_messages_are_checked(api: Sender, changes: Any, complaint: str) -> None:
    """Nothing is sent then."""
    assert await api.refusal("send/text", api.text(**changes)) == (400, complaint)
    assert api.emulator.phone.messages() == []


async def test_messages_that_cannot_go(api: Sender) -> None:
    """No WhatsApp at the other end, no such instance, no JSON, no link."""
    answer = await api.once("POST", "send/text", json=api.text(number="13035550199"))
    assert answer.status == 400
    [missing] = answer.json["details"]
    assert missing == {"jid": "13035550199@s.whatsapp.net", "exists": False, "number": "13035550199"}
    assert await api.refusal("send/text", api.text(instanceName="Living room")) == (404, NOT_FOUND)
    assert await api.refusal("send/media", api.text(type=None)) == (400, "Missing required field: type.")
    answer = await api.once("POST", "send/text", data=b"{")
    assert answer.refusal == (400, "Invalid JSON body.")
    api.instance.unlink()
    assert await api.details("send/text", api.text()) == "Connection Closed"


async def test_limited_account(api: Sender) -> None:
    """Nobody is told that WhatsApp restricts it; messages arrive when that is over."""
    await api.phone("POST", "/limit", {"instance": NAME})
    assert (await api.get("instance/state"))["instance"]["state"] == "open"
    await api.post("send/text", api.text())
    assert api.emulator.phone.messages() == []
    await api.phone("POST", "/restore", {"instance": NAME})
    assert len(api.emulator.phone.messages()) == 1


async def test_message_is_lost_with_the_link(api: Sender) -> None:
    """The phone went while the message waited for its time."""
    sending = asyncio.create_task(api.post("send/text", api.text(delay=10_000)))
    await asyncio.sleep(SCALE)
    await api.phone("POST", "/unlink", {"instance": NAME})
    await sending
    assert api.emulator.phone.messages() == []


@pytest.mark.parametrize(("shape", "has_id"), [("flat", True), ("without_id", False)])
async def test_other_answers(api: Sender, shape: str, has_id: bool) -> None:
    """The documentation has no answer, so a client must live with any."""
    api.instance.options.send_answer = shape
    answer = await api.post("send/text", api.text())
    expected = {"success": True, "message": "Message sent successfully"}
    assert answer == expected | ({"messageId": api.arrived[0].id} if has_id else {})


async def test_undocumented_fields_do_nothing(api: Sender) -> None:
    """Neither the engine's nor any other."""
    extra = {
        "quoted": {"key": {"id": "3EB0"}},
        "mentioned": [ADA_DIGITS],
        "mentionsEveryOne": True,
        "linkPreview": False,
        "caption": "No",
        "ptt": True,
        "media": "AAAA",
    }
    await api.post("send/text", api.text(**extra))
    await api.post("send/media", api.media(**extra, message=None))
    text, image = api.arrived
    assert (text.text, text.quoted_id, text.details) == ("Hello", "", {})
    assert (image.text, image.quoted_id) == ("", "")
    assert image.details["size"] == len(CONTENT)


@pytest.mark.parametrize(
    "path",
    [
        "send/location",
        "send/contact",
        "send/poll",
        "send/reaction",
        "send/audio",
        "send/sticker",
        "message/edit",
        "message/delete",
        "chat/read",
        "chat/presence",
        "number/check",
        f"message/sendText/{NAME}",
    ],
)
async def test_undocumented_calls(api: Sender, path: str) -> None:
    """Wachat has no such call, nor are the engine's own to be reached."""
    assert await api.refusal(path, api.text()) == (404, "Endpoint not found.")
    assert api.arrived == []


# Typing


async def test_typing_is_seen(api: Sender) -> None:
    """The delay is simulated typing; without one, nobody types."""
    await api.post("send/text", api.text(delay=0))
    assert api.emulator.phone.notices == []
    sending = asyncio.create_task(api.post("send/text", api.text(delay=20_000)))
    async with asyncio.timeout(20):
        while not api.emulator.phone.notices:
            await asyncio.sleep(0.005)
    assert len(api.arrived) == 1
    await sending
    [notice] = api.emulator.phone.notices
    assert (notice.instance, notice.chat_id, notice.signal) == (NAME, f"{ADA_DIGITS}@c.us", Signal.TYPING)
    assert len(api.arrived) == 2


async def test_general_call_knows_no_delay(api: Sender) -> None:
    """Its page has no such field, so it is always 3 to 5 s."""
    began = api.emulator.clock.now()
    await api.post("send", api.text(delay=0))
    assert api.emulator.clock.now() - began >= 3


# Files


@pytest.mark.parametrize("path", ["send/media", "send"])
@pytest.mark.parametrize(
    ("kind", "name", "mime_type"),
    [
        ("image", "door.jpg", "image/jpeg"),
        ("video", "garage.mp4", "video/mp4"),
        ("document", "energy report.pdf", "application/pdf"),
    ],
)
async def test_file_is_fetched(api: Sender, path: str, kind: str, name: str, mime_type: str) -> None:
    """Every byte of it, under the name and the type that its address tells."""
    data = (await api.post(path, api.media(type=kind, mediaUrl=api.file(name, mime_type))))["data"]
    assert data["messageType"] == f"{kind}Message"
    assert data["message"][f"{kind}Message"] == {"mimetype": mime_type, "fileName": name, "caption": "At the door"}
    [message] = api.arrived
    assert (message.id, message.kind, message.text) == (data["key"]["id"], kind, "At the door")
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    details = {"file_name": name, "mime_type": mime_type, "size": len(CONTENT), "sha256": sha256}
    assert {key: message.details[key] for key in details} == details
    async with api.session.get(api.emulator.url + message.details["path"]) as response:
        assert await response.read() == CONTENT


async def test_audio(api: Sender) -> None:
    """It has no caption, and is never a voice note."""
    await api.post("send/media", api.media(type="audio", mediaUrl=api.file("bell.ogg", "audio/ogg")))
    [message] = api.arrived
    assert (message.kind, message.text, message.details["mime_type"]) == ("audio", "", "audio/ogg")


async def test_name_and_type_of_a_file(api: Sender) -> None:
    """What the sender says goes first; then the name tells the type, then the file's server."""
    url = api.file("a1b2", "text/csv")
    said = {"type": "document", "mediaUrl": url}
    await api.post("send/media", api.media(**said))
    await api.post("send/media", api.media(**said, fileName="report.pdf"))
    await api.post("send/media", api.media(**said, fileName="report.pdf", mimetype="application/x-report"))
    shown = [(message.details["file_name"], message.details["mime_type"]) for message in api.arrived]
    assert shown == [("a1b2", "text/csv"), ("report.pdf", "application/pdf"), ("report.pdf", "application/x-report")]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"mediaUrl": None}, "Missing required field: mediaUrl."),
        ({"mediaUrl": 5}, "Field mediaUrl must be a string."),
        ({"mediaUrl": "AAAA"}, NO_URL),
        ({"mediaUrl": "data:image/png;base64,AAAA"}, NO_URL),
        ({"mediaUrl": "/files/door.jpg"}, NO_URL),
        ({"mediaUrl": "ftp://127.0.0.1/door.jpg"}, NO_URL),
        ({"mediaUrl": "http://127.0.0.1:99999/door.jpg"}, NO_URL),
        ({"message": 5}, "Field message must be a string."),
        ({"fileName": False}, "Field fileName must be a string."),
        ({"mimetype": ["image/png"]}, "Field mimetype must be a string."),
        ({"delay": 0.5}, "Field delay must be a number of milliseconds."),
        ({"type": None}, "Missing required field: type."),
        ({"type": "text"}, "Field type must be one of: image, video, document, audio."),
        ({"type": "sticker"}, "Field type must be one of: image, video, document, audio."),
        ({"type": "voice"}, "Field type must be one of: image, video, document, audio."),
    ],
)
async def test_files_are_checked(api: Sender, changes: Any, complaint: str) -> None:
    """Wachat takes addresses, no base64, and four types."""
    assert await api.refusal("send/media", api.media(**changes)) == (400, complaint)
    assert api.arrived == []


async def test_file_is_not_uploaded(api: Sender) -> None:
    """A form is no JSON."""
    form = aiohttp.FormData({"instanceName": NAME, "number": ADA_DIGITS, "type": "image"})
    form.add_field("file", CONTENT, filename="door.jpg", content_type="image/jpeg")
    assert (await api.once("POST", "send/media", data=form)).refusal == (400, "Invalid JSON body.")


@pytest.mark.parametrize("host", ["localhost", "homeassistant"])
async def test_host_without_a_domain(api: Sender, host: str) -> None:
    """The engine takes no such address for one."""
    assert await api.details("send/media", api.media(mediaUrl=f"http://{host}:8123/door.jpg")) == NO_HOST


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{emulator}/files/none", "Error: Request failed with status code 404"),
        # A redirect, as from a page that wants somebody to sign in.
        ("{emulator}/", "Error: Request failed with status code 302"),
        ("http://127.0.0.1:9/door.jpg", "Error: http://127.0.0.1:9/door.jpg cannot be read"),
        ("http://192.0.2.1/door.jpg", "Error: 192.0.2.1 cannot be reached"),
        ("https://example.com/door.jpg", "Error: https://example.com/door.jpg cannot be read"),
    ],
)
async def test_file_cannot_be_fetched(api: Sender, url: str, reason: str) -> None:
    """Nothing is sent then, and nothing outside this machine is asked for."""
    url = url.format(emulator=api.emulator.url)
    assert await api.details("send/media", api.media(mediaUrl=url)) == reason
    assert api.arrived == []
    assert api.emulator.phone.notices == []


async def test_file_never_comes(api: Sender) -> None:
    """The engine does not wait forever for a server that says nothing."""
    api.instance.options.download_seconds = 5

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/door.jpg"
        assert await api.details("send/media", api.media(mediaUrl=url)) == f"Error: {url} cannot be read"


async def test_file_goes_without_its_client(api: Sender) -> None:
    """Who does not wait for the answer has sent it all the same."""
    body = api.media(delay=10_000)
    with pytest.raises(TimeoutError):
        await api.once("POST", "send/media", json=body, timeout=aiohttp.ClientTimeout(total=0.05))
    assert api.arrived == []
    async with asyncio.timeout(20):
        while not api.arrived:
            await asyncio.sleep(0.005)
    assert api.arrived[0].details["size"] == len(CONTENT)


# Lists and buttons


async def test_list(api: Sender) -> None:
    """A text with a menu."""
    data = (await api.post("send/list", api.menu(LIST)))["data"]
    assert data["messageType"] == "listMessage"
    [message] = api.arrived
    assert (message.kind, message.text) == ("text", LIST["text"])
    assert message.details["list"] == {
        "title": "Washing machine",
        "button": "Choose",
        "footer": "Home",
        "sections": [
            {
                "title": "Today",
                "rows": [
                    {"id": "dry", "title": "Dry", "description": "90 minutes"},
                    {"id": "nothing", "title": "Nothing", "description": ""},
                ],
            }
        ],
    }


async def test_buttons(api: Sender) -> None:
    """Three at most."""
    data = (await api.post("send/button", api.menu(BUTTONS, number=FAMILY)))["data"]
    assert data["messageType"] == "buttonsMessage"
    [message] = api.arrived
    assert (message.chat_id, message.kind, message.text) == (FAMILY, "text", BUTTONS["text"])
    assert message.details["buttons"] == BUTTONS["buttons"]
    too_many = BUTTONS | {"buttons": [{"id": str(number)} for number in range(4)]}
    assert await api.details("send/button", api.menu(too_many)) == ["Maximum of 3 reply buttons allowed"]


@pytest.mark.parametrize(
    ("path", "interactive", "complaint"),
    [
        ("send/list", None, "Missing required field: interactive."),
        ("send/list", "Choose", "Field interactive must be an object."),
        ("send/list", LIST | {"type": "button"}, "Field interactive.type must be one of: list."),
        ("send/list", LIST | {"title": ""}, "Missing required field: title."),
        ("send/list", LIST | {"buttonText": None}, "Missing required field: buttonText."),
        ("send/list", LIST | {"sections": []}, "Missing required field: sections."),
        ("send/list", LIST | {"sections": ["Today"]}, "Field sections must be an object."),
        ("send/list", LIST | {"sections": [{"title": "Today"}]}, "Missing required field: rows."),
        (
            "send/list",
            LIST | {"sections": [{"title": "A", "rows": [{"title": "B"}]}]},
            "Missing required field: rowId.",
        ),
        ("send/button", BUTTONS | {"buttons": []}, "Missing required field: buttons."),
        ("send/button", BUTTONS | {"text": ""}, "Missing required field: text."),
    ],
)
async def test_menus_are_checked(api: Sender, path: str, interactive: Any, complaint: str) -> None:
    """As the engine's own lists and buttons are."""
    assert await api.refusal(path, api.menu(interactive)) == (400, complaint)
    assert api.arrived == []


@pytest.mark.parametrize("path", ["send/list", "send/button"])
async def test_type_of_a_menu(api: Sender, path: str) -> None:
    """It has to be there, and there is but one."""
    assert await api.refusal(path, api.menu(LIST, type=None)) == (400, "Missing required field: type.")
    assert await api.refusal(path, api.menu(LIST, type="list")) == (400, "Field type must be one of: interactive.")


# Every call that sends


@pytest.mark.parametrize("path", ["send", "send/text", "send/media", "send/list", "send/button"])
async def test_every_call(api: Sender, path: str) -> None:
    """Each has a name of its own, and refuses what none of them can send."""
    bodies = {
        "send": api.text(),
        "send/text": api.text(),
        "send/media": api.media(),
        "send/list": api.menu(LIST),
        "send/button": api.menu(BUTTONS),
    }
    body = bodies[path]
    assert (await api.once("GET", path)).refusal == (404, "Endpoint not found.")
    assert (await api.once("POST", path, json=body, headers={})).status == 401
    assert await api.refusal(path, body | {"instanceName": "Living room"}) == (404, NOT_FOUND)
    [missing] = await api.details(path, body | {"number": "13035550199"})
    assert missing["exists"] is False
    api.emulator.faults.add("wachat", "429", method=path)
    assert (await api.once("POST", path, json=body)).status == 429
    await api.phone("POST", "/unlink", {"instance": NAME})
    assert await api.details(path, body) == "Connection Closed"
    assert api.arrived == []
