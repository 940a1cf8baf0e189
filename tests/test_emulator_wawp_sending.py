"""What the emulated Wawp sends beyond plain texts, over real HTTP on loopback."""

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
from tests.test_emulator_wawp import ADA_CHAT, NOBODY_CHAT, NOT_EXPECTED, SCALE, Answer, Api

pytestmark = pytest.mark.usefixtures("socket_enabled")

FAMILY = "120363000000000142@g.us"
PNG = plain_png("tomato")
OGG = b"OggS a note"
OGG_TYPE = "audio/ogg; codecs=opus"
RECEIVED = f"false_{ADA_CHAT}_3F3577A0"
DONE = {"result": True}


def encoded(content: bytes) -> str:
    """Return base64 as it goes into a body."""
    return base64.b64encode(content).decode()


class Sender(Api):
    """A client with a linked phone."""

    async def send(self, operation: str, **fields: Any) -> Answer:
        """Send something to Ada."""
        return await self.call("POST", f"send/{operation}", {"chatId": ADA_CHAT, **fields})

    async def arrival(self, operation: str, **fields: Any) -> Message:
        """Send something to Ada and return what arrived, which has to be one message."""
        before = len(self.arrived)
        answer = await self.send(operation, **fields)
        assert answer.status == 200, answer.body
        [message] = self.arrived[before:]
        assert answer.json["_data"]["id"]["_serialized"] == message.id
        return message

    @property
    def arrived(self) -> list[Message]:
        """What is on the phones."""
        return self.emulator.phone.messages(self.instance.id)

    @property
    def notices(self) -> list[tuple[str, Signal, tuple[str, ...]]]:
        """What the other side saw."""
        notices = self.emulator.phone.notices
        assert all(isinstance(each, Notice) and each.instance == self.instance.id for each in notices)
        return [(each.chat_id, each.signal, each.message_ids) for each in notices]

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


def has(message: Message, content: bytes, name: str, mime_type: str) -> bool:
    """Say whether a message has exactly this file."""
    details = message.details
    assert details["path"].startswith("/files/")
    expected = {
        "path": details["path"],
        "file_name": name,
        "mime_type": mime_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return details == expected


# Media


@pytest.mark.parametrize(
    ("operation", "kind", "mime_type", "word"),
    [
        ("image", Kind.IMAGE, "image/png", "image"),
        ("pdf", Kind.DOCUMENT, "text/x-plan", "document"),
        ("video", Kind.VIDEO, "video/mp4", "video"),
        ("voice", Kind.VOICE, OGG_TYPE, "ptt"),
    ],
)
async def test_media_by_address(api: Sender, operation: str, kind: Kind, mime_type: str, word: str) -> None:
    """In flat keys, as the docs have it; the server downloads the file."""
    url = api.host(PNG, "application/octet-stream", "else.bin")
    fields = {"file[url]": url, "file[filename]": "door.x", "file[mimetype]": mime_type}
    body = {"chatId": FAMILY, "caption": "Look", "reply_to": RECEIVED, **fields}
    sent = await api.post(f"send/{operation}", body)
    caption = "" if kind is Kind.VOICE else "Look"
    assert (sent["_data"]["type"], sent["_data"]["caption"], sent["_data"]["mimetype"]) == (word, caption, mime_type)
    assert {"deprecatedMms3Url", "directPath"} < set(sent["_data"])
    [message] = api.arrived
    assert message.id == sent["_data"]["id"]["_serialized"]
    assert (message.chat_id, message.kind, message.text, message.quoted_id) == (FAMILY, kind, caption, RECEIVED)
    assert has(message, PNG, "door.x", mime_type)


@pytest.mark.parametrize("operation", ["image", "pdf", "video", "voice"])
async def test_media_by_query(api: Sender, operation: str) -> None:
    """GET is documented as well; name and type are not needed."""
    url = api.host(OGG, OGG_TYPE, "a b.ogg")
    await api.get(f"send/{operation}", chatId=ADA_CHAT, **{"file[url]": url, "reply_to": "null"})
    [message] = api.arrived
    assert has(message, OGG, "a b.ogg", OGG_TYPE)
    assert message.quoted_id == ""


async def test_other_places_for_the_address(api: Sender) -> None:
    """Nested, and in a plain field, as clients have been seen to do."""
    url = api.host(PNG, "image/png", "door.png")
    nested = {"file": {"url": url, "filename": "other.png", "mimetype": "image/webp"}}
    assert has(await api.arrival("image", **nested), PNG, "other.png", "image/webp")
    assert has(await api.arrival("image", url=url), PNG, "door.png", "image/png")


NESTED = {"file": {"data": encoded(PNG), "filename": "door.png", "mimetype": "image/png"}}
FLAT = {"file[data]": encoded(PNG), "file[filename]": "door.png", "file[mimetype]": "image/png"}
URI = {"file": {"url": f"data:image/png;base64,{encoded(PNG)}", "filename": "door.png"}}


@pytest.mark.parametrize(
    ("option", "accepted", "refused"),
    [
        ("both", (NESTED, FLAT, URI), ()),
        ("nested", (NESTED, URI), (FLAT,)),
        ("flat", (FLAT, URI), (NESTED,)),
        ("none", (), (NESTED, FLAT, URI)),
    ],
)
async def test_base64(api: Sender, option: str, accepted: Any, refused: Any) -> None:
    """It is not in the docs; clients try one place after the other."""
    api.instance.options.file_data = option
    for fields in accepted:
        assert has(await api.arrival("image", **fields), PNG, "door.png", "image/png")
    for fields in refused:
        answer = await api.send("image", **fields)
        assert answer.error == (400, "missing_param")
        assert answer.json["message"].endswith("file[url] or url")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_param"),
        ({"file": "http://127.0.0.1/a.png"}, "missing_param"),
        ({"file[url]": "/config/www/a.png"}, "rest_invalid_param"),
        ({"file[url]": "ftp://127.0.0.1/a.png"}, "rest_invalid_param"),
        ({"file": {"url": 5}}, "rest_invalid_param"),
        ({"file[url]": 5}, "rest_invalid_param"),
        ({"file": {"data": "not base64!", "mimetype": "image/png"}}, "rest_invalid_param"),
        ({"file": {"data": encoded(PNG)}}, "missing_param"),
        ({"url": "http://127.0.0.1/a.png", "caption": 5}, "rest_invalid_param"),
        ({"url": "http://127.0.0.1/a.png", "chatId": "+13035550142"}, "rest_invalid_param"),
    ],
)
async def test_refused_media(api: Sender, fields: Any, code: str) -> None:
    """Nothing arrives."""
    assert (await api.send("image", **fields)).error == (400, code)
    assert api.arrived == []


async def test_uploads_are_not_looked_into(api: Sender) -> None:
    """As any form: it misses its token, or the file."""
    form = aiohttp.FormData({"chatId": ADA_CHAT, **api.credentials})
    form.add_field("file", PNG, filename="door.png", content_type="image/png")
    answer = await api.once("POST", "/wawp/v2/send/image", data=form)
    assert answer.error == (401, "invalid_access_token")
    assert api.arrived == []


async def test_downloads_that_fail(api: Sender) -> None:
    """The engine has an error: not found, nobody there, another machine."""
    for url in (f"{api.emulator.url}/files/none.png", "http://127.0.0.1:9/a.png", "http://192.0.2.1/a.png"):
        assert (await api.send("image", **{"file[url]": url})).error == (500, "wawp_upstream_error")
    assert api.arrived == []


async def test_voice_notes_are_ogg_or_converted(api: Sender) -> None:
    """Flags are texts. Converted or not, here the bytes stay what they were."""
    song = {"url": api.host(b"ID3", "audio/mpeg", "song.mp3")}
    assert (await api.send("voice", **song)).error == (400, "bad_format")
    assert (await api.send("voice", **song, convert="false")).error == (400, "bad_format")
    assert (await api.send("voice", **song, convert=True)).error == (400, "rest_invalid_param")
    assert api.arrived == []
    assert has(await api.arrival("voice", **song, convert="true"), b"ID3", "song.mp3", "audio/mpeg")


async def test_video(api: Sender) -> None:
    """Round, if that is asked for; at most 16 MB."""
    film = {"url": api.host(b"film", "video/mp4", "film.mp4")}
    round_one = await api.arrival("video", **film, asNote="true", convert="true")
    assert round_one.details["as_note"] is True
    assert (await api.send("video", **film, asNote="yes")).error == (400, "rest_invalid_param")
    large = api.host(bytes(16 * 1024 * 1024 + 1), "video/mp4", "film.mp4")
    assert (await api.send("video", url=large)).error == (400, "rest_invalid_param")
    assert len(api.arrived) == 1


# Other messages


async def test_location(api: Sender) -> None:
    """Degrees are decimal texts; the parameter called message is the address."""
    place = {"latitude": "40.5", "longitude": "-105.1"}
    message = await api.arrival("location", **place, title="Home", message="1 Main St", reply_to=RECEIVED)
    assert (message.kind, message.quoted_id) == (Kind.LOCATION, RECEIVED)
    assert message.details == {"latitude": 40.5, "longitude": -105.1, "name": "Home", "address": "1 Main St"}
    await api.get("send/location", chatId=ADA_CHAT, **place)
    assert api.arrived[-1].details == {"latitude": 40.5, "longitude": -105.1, "name": "", "address": ""}
    for wrong, code in (
        ({"latitude": "40.5"}, "missing_param"),
        (place | {"latitude": "north"}, "rest_invalid_param"),
        (place | {"latitude": "90.1"}, "rest_invalid_param"),
        (place | {"longitude": -105.1}, "rest_invalid_param"),
    ):
        assert (await api.send("location", **wrong)).error == (400, code)


async def test_contacts(api: Sender) -> None:
    """One or several; name and number are needed."""
    ada = {"fullName": "Ada", "organization": "Home", "phoneNumber": "+1 303 555 0142", "whatsappId": "13035550142"}
    chen = {"fullName": "Chen", "phoneNumber": "+13035550144"}
    message = await api.arrival("contact", contacts=[ada, chen])
    shown = [{"name": "Ada", "number": "+13035550142"}, {"name": "Chen", "number": "+13035550144"}]
    assert (message.kind, message.details) == (Kind.CONTACT, {**shown[0], "contacts": shown})
    for wrong, code in (
        (None, "missing_param"),
        ([], "rest_invalid_param"),
        ("Ada", "rest_invalid_param"),
        (["Ada"], "rest_invalid_param"),
        ([{"fullName": "Ada"}], "missing_param"),
        ([{"phoneNumber": "+13035550144"}], "missing_param"),
        ([chen | {"phoneNumber": "Chen"}], "rest_invalid_param"),
        ([chen | {"phoneNumber": 13035550144}], "rest_invalid_param"),
        ([chen | {"whatsappId": 13035550144}], "rest_invalid_param"),
    ):
        assert (await api.send("contact", contacts=wrong)).error == (400, code)
    assert len(api.arrived) == 1


async def test_poll(api: Sender) -> None:
    """From 2 to 12 options of less than 255 characters."""
    poll = {"name": "Dinner?", "options": ["Yes", "No"], "multipleAnswers": True}
    message = await api.arrival("poll", poll=poll, reply_to=RECEIVED)
    assert (message.kind, message.text, message.quoted_id) == (Kind.POLL, "Dinner?", RECEIVED)
    assert message.details == {"options": ["Yes", "No"], "multiple": True}
    del poll["multipleAnswers"]
    assert (await api.arrival("poll", poll=poll)).details["multiple"] is False
    await api.arrival("poll", poll=poll | {"options": ["x" * 254] * 12})
    for wrong, code in (
        (None, "missing_param"),
        ("Dinner?", "rest_invalid_param"),
        (poll | {"name": ""}, "missing_param"),
        (poll | {"options": ["Yes"]}, "rest_invalid_param"),
        (poll | {"options": ["x"] * 13}, "rest_invalid_param"),
        (poll | {"options": ["x", "x" * 255]}, "rest_invalid_param"),
        (poll | {"options": [1, 2]}, "rest_invalid_param"),
        (poll | {"multipleAnswers": "true"}, "rest_invalid_param"),
    ):
        assert (await api.send("poll", poll=wrong)).error == (400, code)


async def test_link_preview(api: Sender) -> None:
    """A text, with what the sender wants to be shown of the page."""
    fields = {"url": "https://example.com", "text": "See https://example.com", "title": "Example"}
    message = await api.arrival("link-preview", **fields, description="A page", linkPreviewHighQuality=True)
    assert (message.kind, message.text) == (Kind.TEXT, "See https://example.com")
    preview = {"url": "https://example.com", "title": "Example", "description": "A page", "thumbnail": ""}
    assert message.details == {"preview": preview}
    for name in fields:
        rest = {key: value for key, value in fields.items() if key != name}
        assert (await api.send("link-preview", **rest)).error == (400, "missing_param")


async def test_what_a_text_has_no_parameters_for(api: Sender) -> None:
    """Fields of the engine do nothing: nobody is mentioned, the preview stays on, nothing is quoted."""
    fields = {"mentions": ["13035550143@c.us"], "linkPreview": False, "replyTo": RECEIVED, "caption": "x"}
    message = await api.arrival("text", message="@13035550143 hello", **fields)
    assert (message.text, message.details, message.quoted_id) == ("@13035550143 hello", {}, "")


# Reactions, read marks, typing


@pytest.mark.parametrize("emoji", ["👍", ""])
async def test_reaction(api: Sender, emoji: str) -> None:
    """It goes where the message is; an empty one takes it back."""
    message_id = f"false_{FAMILY}_3F3577A0_{ADA_CHAT}"
    answer = await api.call("PUT", "send/reaction", {"messageId": message_id, "reaction": emoji})
    assert (answer.status, answer.json) == (200, DONE)
    [message] = api.arrived
    assert (message.kind, message.chat_id, message.text) == (Kind.REACTION, FAMILY, emoji)
    assert message.details == {"message_id": message_id}
    assert await api.get("chats/messages", chatId=FAMILY) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reaction": "👍"}, "missing_param"),
        ({"messageId": RECEIVED}, "missing_param"),
        ({"messageId": RECEIVED, "reaction": 5}, "rest_invalid_param"),
        ({"messageId": "3F3577A0", "reaction": "👍"}, "rest_invalid_param"),
    ],
)
async def test_refused_reactions(api: Sender, fields: Any, code: str) -> None:
    """The id is the long one, and the reaction has to be there."""
    assert (await api.call("PUT", "send/reaction", fields)).error == (400, code)
    assert (await api.call("POST", "send/reaction", fields)).error == (404, "rest_no_route")
    assert api.arrived == []


async def test_seen_and_typing(api: Sender) -> None:
    """Some messages or a whole chat; typing begins and ends."""
    seen = await api.send("seen", chatId=FAMILY, messageIds=[RECEIVED], participant=ADA_CHAT)
    assert (seen.status, seen.json) == (200, DONE)
    for operation in ("seen", "start-typing", "stop-typing"):
        assert (await api.send(operation)).json == DONE
    assert await api.post("chats/read", {"chatId": FAMILY}) == DONE
    assert api.notices == [
        (FAMILY, Signal.READ, (RECEIVED,)),
        (ADA_CHAT, Signal.READ, ()),
        (ADA_CHAT, Signal.TYPING, ()),
        (ADA_CHAT, Signal.PAUSED, ()),
        (FAMILY, Signal.READ, ()),
    ]
    for wrong in (RECEIVED, [5]):
        assert (await api.send("seen", messageIds=wrong)).error == (400, "rest_invalid_param")
    for operation in ("send/seen", "send/start-typing", "chats/read"):
        assert (await api.call("POST", operation, {})).error == (400, "missing_param")
        assert (await api.call("GET", operation)).error == (404, "rest_no_route")


# What holds for all of them

CALLS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "send/text"): {"message": "x"},
    ("POST", "send/link-preview"): {"url": "https://example.com", "text": "x", "title": "x"},
    ("POST", "send/image"): NESTED,
    ("POST", "send/pdf"): NESTED,
    ("POST", "send/video"): NESTED,
    ("POST", "send/voice"): {"file": {"data": encoded(OGG), "mimetype": OGG_TYPE}},
    ("POST", "send/location"): {"latitude": "1", "longitude": "2"},
    ("POST", "send/contact"): {"contacts": [{"fullName": "x", "phoneNumber": "+13035550144"}]},
    ("POST", "send/poll"): {"poll": {"name": "x", "options": ["y", "z"]}},
    ("POST", "send/seen"): {},
    ("POST", "send/start-typing"): {},
    ("POST", "send/stop-typing"): {},
    ("PUT", "send/reaction"): {"messageId": f"false_{NOBODY_CHAT}_A", "reaction": "x"},
}
SIGNALS = ("send/seen", "send/start-typing", "send/stop-typing")


@pytest.mark.parametrize(("call", "fields"), CALLS.items())
async def test_number_without_account(api: Sender, call: tuple[str, str], fields: Any) -> None:
    """An error with status 200; who only reads and types does not notice."""
    answer = await api.call(*call, {"chatId": NOBODY_CHAT, **fields})
    if call[1] in SIGNALS:
        assert answer.json == DONE
    else:
        assert answer.error == (200, "wawp_upstream_error")
    assert api.arrived == []


@pytest.mark.parametrize(("call", "fields"), CALLS.items())
async def test_calls_need_a_working_session(api: Sender, call: tuple[str, str], fields: Any) -> None:
    """A stopped one is not as expected, one without login is invalid."""
    api.instance.stop()
    answer = await api.call(*call, {"chatId": ADA_CHAT, **fields})
    assert (answer.status, answer.json) == (422, NOT_EXPECTED)
    api.instance.link(api.instance.number)
    api.instance.unlink()
    assert (await api.call(*call, {"chatId": ADA_CHAT, **fields})).error == (404, "invalid_session")
    assert (api.arrived, api.notices) == ([], [])


@pytest.mark.parametrize("operation", ["audio", "sticker", "edit", "delete", "list", "event", "start-recording"])
async def test_calls_that_the_docs_do_not_show(api: Sender, operation: str) -> None:
    """There is no route to them."""
    for verb in ("POST", "PUT", "DELETE"):
        answer = await api.call(verb, f"send/{operation}", {"chatId": ADA_CHAT, "messageId": RECEIVED, **NESTED})
        assert answer.error == (404, "rest_no_route")


async def test_names_of_calls(api: Sender) -> None:
    """They are named by the operation's path."""
    for (verb, operation), fields in CALLS.items():
        await api.call(verb, operation, {"chatId": ADA_CHAT, **fields})
        assert api.emulator.requests.count("wawp", operation, api.instance.id) == 1


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("id", {"id": "{full}"}),
        ("key", {"key": {"remoteJid": ADA_CHAT, "fromMe": True, "id": "{bare}"}}),
        ("job", {"code": "success", "job_id": "{bare}"}),
        ("queued", {"status": "queued"}),
    ],
)
async def test_other_answers(api: Sender, form: str, expected: Any) -> None:
    """Clients have been seen to expect them; the docs have one only."""
    api.instance.options.sent_as = form
    answer = (await api.send("text", message="Hello")).json
    answer.pop("timestamp", None)
    full = api.arrived[0].id
    bare = full.rpartition("_")[2]
    assert re.fullmatch(r"3EB0[0-9A-F]{16}", bare)
    filled = {"{full}": full, "{bare}": bare}
    ids = {name: filled.get(str(value), value) for name, value in expected.items()}
    if form == "key":
        ids["key"] = expected["key"] | {"id": bare}
    assert answer == ids


async def test_sent_messages_in_the_list(api: Sender) -> None:
    """With address of the file, cards, and what was quoted."""
    await api.send("image", **NESTED, caption="Look", reply_to=RECEIVED)
    await api.send("contact", **CALLS["POST", "send/contact"])
    await api.send("location", latitude="1.5", longitude="2", title="Home")
    location, contact, image = await api.get("chats/messages", chatId=ADA_CHAT)
    assert (image["hasMedia"], image["body"], image["replyTo"]) == (True, "Look", {"id": RECEIVED})
    async with api.session.get(image["media"]["url"]) as response:
        assert await response.read() == PNG
    assert "waid=13035550144:" in contact["vCards"][0]
    assert location["location"] == {"description": "Home", "latitude": "1.5", "longitude": "2.0"}


# Limits


async def test_policies(api: Sender) -> None:
    """They can be seen, and those without a price be chosen."""
    shown = await api.get("session/rate-limit")
    assert set(shown) == {"policies", "free_policies", "has_active_plan"}
    assert shown["free_policies"] == ["strict", "standard_policy"]
    available = {policy["slug"]: policy["available"] for policy in shown["policies"]}
    assert available == {"strict": True, "standard_policy": True, "business_policy": False}
    assert len(shown["policies"][0]["limits"]) == 8

    async def choose(**body: Any) -> Answer:
        return await api.call("PATCH", "session/rate-limit", body)

    assert (await choose(policy_slug="strict")).status == 200
    assert (await choose(policy_slug="business_policy")).error == (403, "subscription_required")
    assert (await choose(policy_slug="reckless")).error == (400, "rest_invalid_param")
    assert (await choose()).error == (400, "missing_param")
    assert (await api.call("POST", "session/rate-limit")).error == (404, "rest_no_route")


async def test_policy_that_holds(api: Sender) -> None:
    """Off by itself; what comes beyond it is not sent, for a minute."""
    await api.call("PATCH", "session/rate-limit", {"policy_slug": "strict"})
    for _ in range(6):
        await api.arrival("text", message="Hello")
    api.instance.options.policy_holds = True
    for _ in range(5):
        await api.arrival("text", message="Hello")
    assert (await api.send("text", message="Hello")).error == (429, "too_many_requests")
    assert len(api.arrived) == 11
    assert (await api.send("start-typing")).json == DONE


async def test_policy_for_checks(api: Sender) -> None:
    """Slower than one a second."""
    await api.call("PATCH", "session/rate-limit", {"policy_slug": "strict"})
    api.instance.options.policy_holds = True
    statuses = []
    for _ in range(6):
        await api.emulator.clock.sleep(1.1)
        statuses.append((await api.call("GET", "contacts/check-exists", phone="13035550142")).status)
    assert statuses == [200] * 5 + [429]


async def test_messages_of_the_plan(api: Sender) -> None:
    """Once they are used up, the plan's quota is reached."""
    api.instance.options.monthly_messages = 1
    await api.arrival("text", message="Hello")
    refused = await api.send("text", message="Hello")
    assert (refused.status, refused.json) == (403, {"code": "quota_reached", "message": "Quota or Limit Reached"})
