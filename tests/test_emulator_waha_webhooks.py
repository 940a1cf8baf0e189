"""What the emulator's WAHA tells, to webhooks above all, over real HTTP on loopback."""

import base64
from collections.abc import AsyncGenerator
import hashlib
import hmac
import itertools
import json
import re
from typing import Any

import aiohttp
import pytest

from tests.emulator import Emulator
from tests.emulator.model import Kind, Message
from tests.emulator.waha import Waha
from tests.emulator.waha_shapes import lid_of
from tests.emulator.waha_webhooks import Webhook, signature
from tests.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("socket_enabled")

SCALE = 0.02
ADA = "+13035550142"
ADA_CHAT = "13035550142@c.us"
BERTIL = "+13035550143"
NOBODY_CHAT = "13035550199@c.us"
FAMILY = "120363000000000142@g.us"
ENGINES = ("NOWEB", "WEBJS", "GOWS")
MEDIA = {
    "image": ("image/png", "picture.png"),
    "video": ("video/mp4", "clip.mp4"),
    "audio": ("audio/mpeg", "song.mp3"),
    "voice": ("audio/ogg; codecs=opus", "voice.ogg"),
    "document": ("application/pdf", "manual.pdf"),
    "sticker": ("image/webp", "sticker.webp"),
}


class Api:
    """Calls the emulator as a client of WAHA would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the session that there is from the beginning."""
        self.emulator = emulator
        self.session = session
        server = emulator.gateways["waha"]
        assert isinstance(server, Waha)
        self.server = server
        self.instance = server.house.sessions["default"]

    async def once(self, verb: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and parsed body."""
        headers = {"X-Api-Key": self.server.house.api_key}
        async with self.session.request(verb, self.server.base_url + path, headers=headers, **options) as response:
            body = await response.read()
            return response.status, json.loads(body) if body else None

    async def done(self, verb: str, path: str, body: Any = None, **query: str) -> Any:
        """Return the JSON of a success."""
        status, answer = await self.once(verb, path, json=body, params=query)
        assert status in (200, 201), answer
        return answer

    async def register(self, *webhooks: dict[str, Any], link: bool = True, **config: Any) -> None:
        """Configure the session, whose phone is linked."""
        await self.done("PUT", "/api/sessions/default", {"config": {"webhooks": list(webhooks), **config}})
        if link:
            self.instance.link(self.instance.number)

    async def send(self, text: str = "Hello", chat: str = ADA_CHAT) -> str:
        """Send a text and return its id."""
        answer = await self.done("POST", "/api/sendText", {"chatId": chat, "text": text})
        return str(answer["id"])

    def write(self, text: str = "Hi", **more: Any) -> Message:
        """Have Ada write to the session."""
        return self.emulator.phone.write("waha/default", ADA, text, **more)[0]

    async def phone(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write by the control route, and return the message."""
        url = f"{self.emulator.url}/phone/messages"
        async with self.session.post(url, json={"instance": "waha/default", "from": ADA} | body) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer


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
async def hook() -> AsyncGenerator[Receiver]:
    """Somebody who listens."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def api(emulator: Emulator, session: aiohttp.ClientSession) -> Api:
    """A client of the fast emulator."""
    return Api(emulator, session)


def to(hook: Receiver, *events: str, **more: Any) -> dict[str, Any]:
    """Return the configuration of a webhook."""
    return {"url": hook.url, "events": list(events or ("*",)), **more}


# Registering


async def test_webhooks_are_kept_and_replaced(api: Api, hook: Receiver) -> None:
    """As they were given, several of them; a new configuration has only what is in it."""
    webhooks = [to(hook, "message", hmac={"key": "k"}), to(hook, "session.status", retries=None, customHeaders=[])]
    await api.register(*webhooks, metadata={"room": "hall"}, link=False)
    shown = await api.done("GET", "/api/sessions/default")
    assert shown["config"] == {"webhooks": webhooks, "metadata": {"room": "hall"}}
    await api.register()
    assert (await api.done("GET", "/api/sessions/default"))["config"] == {"webhooks": []}
    api.write()
    assert await hook.rest() == []


async def test_webhooks_from_the_beginning(api: Api, hook: Receiver) -> None:
    """A session that is created with them tells how it starts, and ends when it is deleted."""
    await api.done("POST", "/api/sessions", {"name": "home", "config": {"webhooks": [to(hook, "session.status")]}})
    starting, scan = [await hook.event() for _ in range(2)]
    assert (starting["session"], starting["payload"]["status"]) == ("home", "STARTING")
    assert scan["payload"]["status"] == "SCAN_QR_CODE"
    await api.done("DELETE", "/api/sessions/home")
    told = [event["payload"]["status"] for event in await hook.rest()]
    assert set(told[:-1]) <= {"SCAN_QR_CODE"} and told[-1] == "STOPPED"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"url": 5}, "url must be a string"),
        ({"hmac": "key"}, "hmac must be an object"),
        ({"hmac": {"key": 5}}, "hmac.key must be a string"),
        (
            {"retries": {"policy": "never"}},
            "retries.policy must be one of the following values: constant, linear, exponential",
        ),
        (
            {"retries": {"attempts": "many"}},
            "retries.attempts must be a number conforming to the specified constraints",
        ),
        ({"customHeaders": {}}, "customHeaders must be an array"),
        ({"customHeaders": [{"name": "X"}]}, "customHeaders.0.value must be a string"),
    ],
)
async def test_bad_webhooks_are_refused(api: Api, change: dict[str, Any], complaint: str) -> None:
    """The validation names the field."""
    webhook = {"url": "http://127.0.0.1:9/", "events": ["message"]} | change
    status, answer = await api.once("PUT", "/api/sessions/default", json={"config": {"webhooks": [webhook]}})
    assert status == 400
    assert f"config.webhooks.0.{complaint}" in answer["message"]


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (["*"], {"message", "message.any", "message.ack"}),
        (["message"], {"message"}),
        (["message.*", "weather"], {"message.any", "message.ack"}),
        (["session.*", "engine.event"], {"engine.event"}),
    ],
)
def test_subscriptions(events: list[str], wanted: set[str]) -> None:
    """By name, all at once, or by what they begin with; only one wants to be named."""
    webhook = Webhook.from_config({"url": "http://127.0.0.1:9/", "events": events})
    told = {event for event in ("message", "message.any", "message.ack", "engine.event") if webhook.wants(event)}
    assert told == wanted


# Delivering


def test_vector_of_the_vendor() -> None:
    """Vendor docs, page events."""
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    assert signature(body, "my-secret-key") == (
        "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
        "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
    )


async def test_envelope_and_headers(api: Api, hook: Receiver) -> None:
    """The same envelope as over the websocket, signed as it is."""
    custom = [{"name": "X-Room", "value": "hall"}]
    webhook = to(hook, "message", hmac={"key": "secret"}, customHeaders=custom)
    await api.register(webhook, metadata={"user.id": "7"})
    url = f"{api.server.base_url}/ws?events=message&x-api-key={api.server.house.api_key}"
    async with api.session.ws_connect(url) as socket:
        api.write("Grüße")
        pushed = await socket.receive_json(timeout=5)
    delivered = await hook.next()
    assert delivered.json == pushed
    assert set(pushed) == {
        *("id", "timestamp", "event", "session", "metadata", "me", "payload", "environment", "engine"),
    }
    assert re.fullmatch(r"evt_[0-9a-z]{26}", pushed["id"])
    assert (pushed["metadata"], pushed["me"]["pushName"]) == ({"user.id": "7"}, "Casey")
    assert "Grüße".encode() in delivered.body
    headers = delivered.headers
    assert (headers["Content-Type"], headers["X-Room"]) == ("application/json", "hall")
    assert headers["X-Webhook-Hmac-Algorithm"] == "sha512"
    assert headers["X-Webhook-Hmac"] == hmac.new(b"secret", delivered.body, hashlib.sha512).hexdigest()
    assert headers["X-Webhook-Request-Id"]
    assert int(headers["X-Webhook-Timestamp"]) > 10**12


async def test_no_signature_without_a_key(api: Api, hook: Receiver) -> None:
    """Nor is there one for an empty key."""
    await api.register(to(hook, "message"), to(hook, "message.any", hmac={"key": None}))
    api.write()
    for _ in range(2):
        assert "X-Webhook-Hmac" not in (await hook.next()).headers


async def test_order(api: Api, hook: Receiver) -> None:
    """First things first."""
    await api.register(to(hook, "message"))
    texts = [f"Number {number}" for number in range(20)]
    for text in texts:
        api.write(text)
    assert [(await hook.payload("message"))["body"] for _ in texts] == texts


async def test_several_webhooks(api: Api, hook: Receiver) -> None:
    """Each hears what it wants, with the same id."""
    other = to(hook, "message.any") | {"url": f"{hook.url}/other"}
    await api.register(to(hook, "message", "message.any"), other)
    api.write()
    got = [await hook.next() for _ in range(3)]
    by_path = {path: [each.json for each in got if each.path == path] for path in ("/hook", "/hook/other")}
    assert [event["event"] for event in by_path["/hook"]] == ["message", "message.any"]
    assert by_path["/hook/other"] == by_path["/hook"][1:]


async def test_refused_is_tried_again(api: Api, hook: Receiver) -> None:
    """As the very same request, and those behind it do not wait."""
    await api.register(to(hook, "message", retries={"policy": "constant", "delaySeconds": 15, "attempts": 2}))
    hook.refusals = [500]
    api.write("first")
    first = await hook.next()
    api.write("second")
    assert (await hook.payload("message"))["body"] == "second"
    again = await hook.next()
    assert (again.body, again.headers["X-Webhook-Request-Id"]) == (first.body, first.headers["X-Webhook-Request-Id"])
    assert await hook.rest() == []


async def test_it_gives_up(api: Api, hook: Receiver) -> None:
    """After as many attempts as were wanted."""
    await api.register(to(hook, "message", retries={"policy": "linear", "delaySeconds": 0.5, "attempts": 2}))
    hook.refusals = [404, 302, 503, 500]
    api.write()
    assert len({(await hook.next()).json["id"] for _ in range(3)}) == 1
    assert await hook.rest() == []
    assert hook.refusals == [500]


@pytest.mark.parametrize(
    ("retries", "delays"),
    [
        (None, [2] * 15),
        ({}, [2] * 15),
        ({"policy": "constant", "delaySeconds": 3, "attempts": 2}, [3, 3]),
        ({"policy": "linear", "delaySeconds": 2, "attempts": 4}, [2, 4, 6, 8]),
        ({"delaySeconds": 0, "attempts": "1"}, [0]),
        ({"attempts": 0}, []),
    ],
)
def test_delays(retries: dict[str, Any] | None, delays: list[float]) -> None:
    """Vendor docs, page events."""
    webhook = Webhook.from_config({"url": "http://127.0.0.1:9/", "events": ["*"], "retries": retries})
    assert list(webhook.delays()) == delays


def test_exponential_delays() -> None:
    """They double, and are up to a fifth longer."""
    webhook = Webhook("http://127.0.0.1:9/", ("*",), policy="exponential")
    for least, delay in zip([2, 4, 8, 16], webhook.delays(), strict=False):
        assert least <= delay <= 1.2 * least


async def test_nobody_there(api: Api, hook: Receiver) -> None:
    """One that cannot be reached does not keep another from hearing; nothing leaves the machine."""
    once = {"attempts": 0}
    dead = [
        {"url": url, "events": ["message"], "retries": once}
        for url in ("http://127.0.0.1:9/", "http://192.0.2.1/", "http://hook.invalid/")
    ]
    await api.register(*dead, to(hook, "message"))
    api.write()
    assert (await hook.event())["event"] == "message"


async def test_webhook_of_the_server(api: Api, hook: Receiver) -> None:
    """It hears all sessions, and no configuration shows it."""
    options = {"linked": True, "hook_url": hook.url, "hook_events": "message,message.ack", "hook_hmac_key": "all"}
    made = api.server.create_instance(instance_id="other", options=options)
    assert made.config["webhooks"] == []
    api.emulator.phone.write("waha/other", ADA, "Hi")
    delivered = await hook.next()
    assert (delivered.json["event"], delivered.json["session"]) == ("message", "other")
    assert delivered.headers["X-Webhook-Hmac"] == signature(delivered.body, "all")


# Events


async def test_session_and_codes(api: Api, hook: Receiver) -> None:
    """Each new status, and each new code."""
    await api.register(to(hook, "session.status"), link=False)
    await api.done("POST", "/api/sessions/default/start")
    told = [(await hook.event())["payload"]["status"] for _ in range(3)]
    assert told == ["STARTING", "SCAN_QR_CODE", "SCAN_QR_CODE"]
    api.instance.link(api.instance.number)
    payload = await hook.payload("session.status")
    while payload["status"] == "SCAN_QR_CODE":
        payload = await hook.payload("session.status")
    assert (payload["status"], payload["data"]) == ("WORKING", None)
    assert [each["status"] for each in payload["statuses"]] == ["STARTING", "SCAN_QR_CODE", "WORKING"]
    api.emulator.phone.unlink("waha/default")
    assert (await hook.event())["payload"]["status"] == "FAILED"


async def test_restricted_account(api: Api, hook: Receiver) -> None:
    """It stays WORKING, and says so again with the reason (vendor docs, page events)."""
    await api.register(to(hook, "session.status"))
    await hook.event()
    api.emulator.phone.limit("waha/default")
    api.emulator.phone.restore("waha/default")
    locked, free = [(await hook.event())["payload"] for _ in range(2)]
    assert locked["status"] == free["status"] == "WORKING"
    assert locked["data"]["reachoutTimelock"]["isActive"] is True
    assert free["data"]["reachoutTimelock"]["isActive"] is False
    assert await hook.rest() == []


async def test_sent_and_acknowledged(api: Api, hook: Receiver) -> None:
    """One's own message, then how far it gets."""
    await api.register(to(hook, "message", "message.any", "message.ack", "message.ack.group"))
    sent = await api.send()
    own = await hook.event()
    assert (own["event"], own["payload"]["id"], own["payload"]["source"]) == ("message.any", sent, "api")
    acks = [await hook.payload("message.ack") for _ in range(2)]
    assert [(each["id"], each["ack"], each["ackName"]) for each in acks] == [(sent, 1, "SERVER"), (sent, 2, "DEVICE")]
    api.emulator.phone.read(sent)
    assert (await hook.payload("message.ack"))["ackName"] == "READ"
    await api.send(chat=FAMILY)
    assert await hook.names(3) == ["message.any", "message.ack", "message.ack.group"]
    await api.send(chat=NOBODY_CHAT)
    assert [event["payload"]["ack"] for event in await hook.rest()] == [0, 1]


async def test_failed(api: Api, hook: Receiver) -> None:
    """The server takes the message, WhatsApp does not."""
    api.instance.options.acks_fail = True
    await api.register(to(hook, "message.ack"))
    sent = await api.send()
    payload = await hook.payload("message.ack")
    assert (payload["id"], payload["ack"], payload["ackName"]) == (sent, -1, "ERROR")
    assert api.emulator.phone.messages("waha/default") == []
    [listed] = await api.done("GET", f"/api/default/chats/{ADA_CHAT}/messages", limit="5", **{"filter.ack": "ERROR"})
    assert listed["id"] == sent


async def test_typed_on_the_phone(api: Api, hook: Receiver) -> None:
    """One's own, but not from here."""
    await api.register(to(hook, "message", "message.any", "message.ack", "message.reaction"))
    written = await api.phone({"own": True, "chat": ADA_CHAT, "text": "By hand"})
    assert (written["outgoing"], written["reached_gateway"]) == (True, True)
    event = await hook.event()
    payload = event["payload"]
    assert (event["event"], payload["id"]) == ("message.any", f"true_{ADA_CHAT}_{written['id']}")
    assert (payload["fromMe"], payload["source"], payload["to"]) == (True, "app", ADA_CHAT)
    assert [(await hook.payload("message.ack"))["ack"] for _ in range(2)] == [1, 2]
    api.emulator.phone.read(written["id"])
    read = await hook.payload("message.ack")
    assert (read["id"], read["ackName"]) == (payload["id"], "READ")
    [listed] = await api.done("GET", f"/api/default/chats/{ADA_CHAT}/messages", limit="5")
    assert (listed["source"], listed["ack"]) == ("app", 3)
    await api.phone({"own": True, "chat": ADA_CHAT, "reaction": {"message_id": payload["id"], "emoji": "👍"}})
    assert (await hook.payload("message.reaction"))["fromMe"] is True
    # Nobody notices without a link.
    api.emulator.phone.unlink("waha/default")
    assert not (await api.phone({"own": True, "chat": ADA_CHAT, "text": "Again"}))["reached_gateway"]


async def test_phone_wants_to_know_the_chat(api: Api) -> None:
    """The control route says what is wrong."""
    url = f"{api.emulator.url}/phone/messages"
    body = {"instance": "waha/default", "own": True, "chat": "Ada", "text": "x"}
    async with api.session.post(url, json=body) as response:
        assert response.status == 400
        assert "13035550142@c.us" in (await response.json())["error"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", MEDIA)
async def test_media(api: Api, hook: Receiver, engine: str, kind: str) -> None:
    """With the key, under the configured host in place of that in the address, byte for byte."""
    api.instance.options.engine = engine
    await api.register(to(hook, "message"))
    content = bytes(range(256))
    data = base64.b64encode(content).decode()
    await api.phone({"media": {"kind": kind, "caption": "Look", "data": data}, "chat": FAMILY})
    payload = await hook.payload("message")
    mime_type, name = MEDIA[kind]
    assert (payload["hasMedia"], payload["body"], payload["participant"]) == (True, "Look", ADA_CHAT)
    assert (payload["media"]["mimetype"], payload["media"]["filename"]) == (mime_type, name)
    assert _kind_in(engine, payload["_data"]) == kind
    url = payload["media"]["url"]
    assert url.startswith("http://localhost:3000/api/files/")
    reached = url.replace("http://localhost:3000", api.server.base_url)
    async with api.session.get(reached) as response:
        assert response.status == 401
    async with api.session.get(reached, headers={"X-Api-Key": api.instance.token}) as response:
        assert (response.status, await response.read()) == (200, content)


def _kind_in(engine: str, data: dict[str, Any]) -> str:
    """Return what the engine calls the file of a message."""
    if engine == "WEBJS":
        return "voice" if data["type"] == "ptt" else str(data["type"])
    [(name, content)] = data["message" if engine == "NOWEB" else "Message"].items()
    is_voice = content.get("ptt" if engine == "NOWEB" else "PTT", False)
    return "voice" if is_voice else str(name).removesuffix("Message")


@pytest.mark.parametrize("engine", ENGINES)
async def test_other_kinds(api: Api, hook: Receiver, engine: str) -> None:
    """A reply, a place, contacts, a poll."""
    api.instance.options.engine = engine
    await api.register(to(hook, "message"))
    first = api.write("First")
    await hook.event()
    await api.phone({"text": "Second", "quoted_id": first.id})
    reply = (await hook.payload("message"))["replyTo"]
    assert (reply["id"], reply["participant"], reply["body"]) == (first.id, ADA_CHAT, "First")
    await api.phone({"location": {"latitude": 39.75, "longitude": -105, "name": "Yard"}})
    location = (await hook.payload("message"))["location"]
    assert (location["latitude"], location["longitude"], location["name"]) == ("39.75", "-105", "Yard")
    await api.phone({"contact": {"name": "Chen", "number": "+13035550144"}})
    assert "waid=13035550144:+13035550144" in (await hook.payload("message"))["vCards"][0]
    both = [{"name": "Chen", "number": "+13035550144"}, {"name": "Dalia", "number": "+13035550145"}]
    api.write("", kind=Kind.CONTACT, details=both[0] | {"contacts": both})
    assert len((await hook.payload("message"))["vCards"]) == 2
    await api.phone({"poll": {"name": "Tea?", "options": ["Yes", "No"], "multiple": True}})
    payload = await hook.payload("message")
    data = payload["_data"]
    poll = data if engine == "WEBJS" else data["message" if engine == "NOWEB" else "Message"]["pollCreationMessageV3"]
    options = poll["pollOptions"] if engine == "WEBJS" else poll["options"]
    assert payload["body"] == "Tea?"
    assert [option["name" if engine == "WEBJS" else "optionName"] for option in options] == ["Yes", "No"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_becomes_of_messages(api: Api, hook: Receiver, engine: str) -> None:
    """Reactions, changes, votes and calls have events of their own."""
    api.instance.options.engine = engine
    await api.register(to(hook))
    written = api.write("First", chat_id=FAMILY)
    full = f"false_{FAMILY}_{written.id}_{ADA_CHAT}"
    here = {"chat": FAMILY, "from": BERTIL}
    await api.phone(here | {"reaction": {"message_id": full, "emoji": "👍"}})
    reaction = await hook.payload("message.reaction")
    assert reaction["reaction"] == {"text": "👍", "messageId": full}
    assert (reaction["from"], reaction["participant"], reaction["fromMe"]) == (FAMILY, "13035550143@c.us", False)
    await api.phone(here | {"edited": {"message_id": written.id, "text": "New"}})
    edited = await hook.payload("message.edited")
    assert (edited["editedMessageId"], edited["body"]) == (written.id, "New")
    await api.phone(here | {"deleted": {"message_id": full}})
    revoked = await hook.payload("message.revoked")
    assert (revoked["revokedMessageId"], revoked["before"]["id"]) == (written.id, full)
    await api.phone(here | {"poll_vote": {"message_id": full, "options": ["Yes"]}})
    for state, name in (("offer", "received"), ("pickUp", "accepted"), ("declined", "rejected")):
        await api.phone({"call": {"status": state}})
        event = await hook.event()
        if event["event"] == "poll.vote":
            assert engine != "WEBJS"
            assert (event["payload"]["vote"]["selectedOptions"], event["payload"]["poll"]["id"]) == (["Yes"], full)
            event = await hook.event()
        assert (event["event"], event["payload"]["from"]) == (f"call.{name}", ADA_CHAT)
    assert await hook.rest() == []


async def test_own_reaction_and_changes(api: Api, hook: Receiver) -> None:
    """What the account does through the API is told as well."""
    await api.register(to(hook, "message.reaction", "message.edited", "message.revoked"))
    sent = await api.send()
    await api.done("PUT", "/api/reaction", {"messageId": sent, "reaction": "👍", "session": "default"})
    payload = await hook.payload("message.reaction")
    assert (payload["fromMe"], payload["reaction"]["messageId"]) == (True, sent)
    await api.done("PUT", f"/api/default/chats/{ADA_CHAT}/messages/{sent}", {"text": "New"})
    assert (await hook.payload("message.edited"))["body"] == "New"
    await api.done("DELETE", f"/api/default/chats/{ADA_CHAT}/messages/{sent}")
    assert (await hook.payload("message.revoked"))["revokedMessageId"] == sent.split("_")[2]


async def test_what_came_can_be_listed(api: Api) -> None:
    """For whoever asks now and then: newest first, with acks."""
    await api.register()
    written = [api.write(text) for text in ("one", "two")]
    sent = await api.send()
    listed = await api.done("GET", f"/api/default/chats/{ADA_CHAT}/messages", limit="10")
    assert [each["id"] for each in listed] == [sent, *(f"false_{ADA_CHAT}_{each.id}" for each in reversed(written))]
    assert [each["ackName"] for each in listed[1:]] == ["DEVICE", "DEVICE"]


# Hidden numbers


@pytest.mark.parametrize("engine", ENGINES)
async def test_hidden_numbers(api: Api, hook: Receiver, engine: str) -> None:
    """The sender is an id; of the number, the engine knows more or less."""
    made = api.server.create_instance(instance_id="lids", options={"linked": True, "lids": True, "engine": engine})
    made.config["webhooks"] = [to(hook)]
    lid = lid_of(ADA)
    person, _ = api.emulator.phone.write("waha/lids", ADA, "Hi")
    payload = await hook.payload("message")
    assert (payload["id"], payload["from"], payload["participant"]) == (f"false_{lid}_{person.id}", lid, None)
    assert _number_in(engine, payload["_data"]) == (None if engine == "WEBJS" else "13035550142@s.whatsapp.net")
    group, _ = api.emulator.phone.write("waha/lids", ADA, "Hi", chat_id=FAMILY)
    payload = await hook.payload("message")
    assert payload["id"] == f"false_{FAMILY}_{group.id}_{lid}"
    assert (payload["from"], payload["participant"]) == (FAMILY, lid)
    assert _number_in(engine, payload["_data"]) == (None if engine == "WEBJS" else "13035550142@s.whatsapp.net")
    api.emulator.phone.write("waha/lids", ADA, kind=Kind.CALL, details={"status": "offer"})
    assert (await hook.payload("call.received"))["from"] == lid


def _number_in(engine: str, data: dict[str, Any]) -> str | None:
    if engine == "GOWS":
        assert data["Info"]["AddressingMode"] == "lid"
        return str(data["Info"]["SenderAlt"])
    key = data["key"] if engine == "NOWEB" else data
    return next((value for name, value in key.items() if name in ("remoteJidAlt", "participantAlt")), None)


async def test_hidden_numbers_can_be_looked_up(api: Api, hook: Receiver) -> None:
    """Of people in the address book. A chat is the same by either of its ids."""
    made = api.server.create_instance(instance_id="lids", options={"linked": True, "lids": True})
    made.config["webhooks"] = [to(hook, "message.ack.group")]
    lid = lid_of(ADA)
    assert await api.done("GET", f"/api/lids/lids/{lid.partition('@')[0]}%40lid") == {"lid": lid, "pn": ADA_CHAT}
    written, _ = api.emulator.phone.write("waha/lids", ADA, "Hi")
    await api.done("POST", "/api/sendText", {"session": "lids", "chatId": ADA_CHAT, "text": "Hello"})
    for chat in (lid, ADA_CHAT):
        listed = await api.done("GET", f"/api/lids/chats/{chat}/messages", limit="5")
        assert [each["body"] for each in listed] == ["Hello", "Hi"]
    chats = [chat["id"] for chat in await api.done("GET", "/api/lids/chats")]
    assert (ADA_CHAT in chats, lid in chats) == (True, False)
    assert (await api.done("GET", "/api/contacts", session="lids", contactId=lid))["pushname"] == "Ada"
    stranger = "+12025550188"
    api.emulator.phone.write("waha/lids", stranger, "Who is it?")
    hidden = lid_of(stranger)
    assert await api.done("GET", f"/api/lids/lids/{hidden}") == {"lid": hidden, "pn": None}
    assert hidden in [chat["id"] for chat in await api.done("GET", "/api/lids/chats")]
    # Who answers to an id reaches the person; a group says which member has it.
    answered = {"session": "lids", "chatId": lid, "text": "Ah", "reply_to": f"false_{lid}_{written.id}"}
    await api.done("POST", "/api/sendText", answered)
    assert api.emulator.phone.messages("waha/lids")[-1].chat_id == lid
    sent = (await api.done("POST", "/api/sendText", {"session": "lids", "chatId": FAMILY, "text": "All"}))["id"]
    ack = await hook.payload("message.ack.group")
    assert (ack["id"], ack["participant"]) == (f"{sent}_{lid}", lid)


# Ends


async def test_emulator_ends_while_something_is_tried_again(session: aiohttp.ClientSession) -> None:
    """Nothing is left behind."""
    async with Emulator(time_scale=1) as emulator:
        api = Api(emulator, session)
        webhook = {"url": "http://127.0.0.1:9/", "events": ["*"]}
        await api.register(webhook)
        for _ in itertools.repeat(None, 3):
            api.write()
