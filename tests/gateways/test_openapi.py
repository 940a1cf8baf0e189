"""WAHA's and Evolution API's clients and emulated servers against what the descriptions of these servers say."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
import json
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
import pytest

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.events import ReceivedFile
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import Contact, Location, Media, MediaKind, Poll, Typing
from tests.emulator import Emulator
from tests.emulator.instance import Instance
from tests.emulator.model import Kind
from tests.emulator.waha_instance import WahaInstance
from tests.gateways.openapi import EVOLUTION, WAHA, Call, Departure, Description, Exchange
from tests.gateways.rig import CHAT, PDF, PHONE, Rig, always_asked, open_session

DESCRIPTIONS = {"waha": WAHA, "evolution": EVOLUTION}
ADA = "+13035550142"
FAMILY = "120363000000000142@g.us"
OPERATIONS = [
    (key, operation)
    for key in DESCRIPTIONS
    for operation in (*always_asked(key), *sorted(GATEWAYS[key].capabilities))
    # Of these, one asks nobody, and the other for what was told before.
    if operation not in (Capability.PARSE_WEBHOOK, Capability.FETCH_FILE)
]


def having(capability: Capability) -> pytest.MarkDecorator:
    """Return those of the two that can do something."""
    return pytest.mark.parametrize("key", [key for key in DESCRIPTIONS if capability in GATEWAYS[key].capabilities])


# The checker itself

SMALL = Description(
    {
        "POST /send/{chat}": Call("Message", "Sent", 201, "dry* loud"),
        "DELETE /send": Call(),
        "GET /me": Call(reply="Sent?"),
    },
    {
        "Message": "text*:string count:number to:Person[] extra:object kind:(a,b,1)",
        "Person": "name*:string age:number? bot:boolean",
        "Anybody": "Person|Robot",
        "Robot": "model*:string",
        "Sent": "id*:string",
    },
    {"Message.mentions": Departure("string[]", "said elsewhere"), "Sent.id": Departure("number", "seen")},
)
GOOD = Exchange("POST", "/send/7", frozenset({"dry"}), b'{"text": "Hi"}', 201, b'{"id": 7}')


@pytest.mark.parametrize(
    "value",
    [
        {"text": ""},
        {"text": "Hi", "count": 1, "kind": "a"},
        {"text": "Hi", "count": 1.5, "kind": 1},
        {"text": "Hi", "to": [], "extra": {"what": ["ever"]}, "mentions": ["me"]},
        {"text": "Hi", "to": [{"name": "Ada"}, {"name": "Bo", "age": None, "bot": False}]},
    ],
)
def test_right_values(value: Any) -> None:
    """What is described is found right."""
    assert list(SMALL.problems("Message", value)) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "body lacks text"),
        ({"text": "Hi", "txet": "Hi"}, "body has txet, which Message does not know"),
        ({"text": 7}, "body.text is no string"),
        ({"text": None}, "body.text is no string"),
        ({"text": "Hi", "count": "1"}, "body.count is no number"),
        ({"text": "Hi", "count": True}, "body.count is no number"),
        ({"text": "Hi", "kind": "c"}, "body.kind is none of (a,b,1)"),
        ({"text": "Hi", "extra": []}, "body.extra is no object"),
        ({"text": "Hi", "to": {}}, "body.to is no list"),
        ({"text": "Hi", "to": [{"name": "Ada"}, {}]}, "body.to[1] lacks name"),
        ({"text": "Hi", "to": ["Ada"]}, "body.to[0] is no Person"),
        ({"text": "Hi", "to": [{"name": "Ada", "bot": 1}]}, "body.to[0].bot is no boolean"),
        ({"text": "Hi", "to": [{"name": "Ada", "age": "old"}]}, "body.to[0].age is no number"),
        ({"text": "Hi", "mentions": "me"}, "body.mentions is no list"),
        ([], "body is no Message"),
        (None, "body is no Message"),
    ],
)
def test_wrong_values(value: Any, problem: str) -> None:
    """What is missing, unknown or of the wrong type is found, and where."""
    assert list(SMALL.problems("Message", value)) == [problem]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"name": "Ada"}, []),
        ({"model": "R2"}, []),
        ({"model": "R2", "name": "Ada"}, ["body is none of Person|Robot"]),
        (None, ["body is none of Person|Robot"]),
    ],
)
def test_choice(value: Any, problems: list[str]) -> None:
    """One of several schemas has to fit as a whole."""
    assert list(SMALL.problems("Anybody", value)) == problems


@pytest.mark.parametrize(("kind", "fits"), [("any", False), ("any?", True), ("Person?", True), ("object", False)])
def test_null(kind: str, fits: bool) -> None:
    """Null is right only where it is allowed."""
    assert (list(SMALL.problems(kind, None)) == []) is fits


@pytest.mark.parametrize("value", ["", 0, False, [], {}])
def test_anything(value: Any) -> None:
    """Anything that is not null is something."""
    assert list(SMALL.problems("any", value)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"query": frozenset({"dry", "loud"})}, None),
        ({"path": "/send"}, "POST /send is not described"),
        ({"path": "/send/7/again"}, "POST /send/7/again is not described"),
        ({"method": "PUT"}, "PUT /send/7 is not described"),
        ({"status": 200}, "POST /send/7: status is 200, not 201"),
        ({"query": frozenset()}, "POST /send/7: query lacks dry"),
        ({"query": frozenset({"dry", "wet"})}, "POST /send/7: query has wet, which is unknown"),
        ({"body": b""}, "POST /send/7: body is not there"),
        ({"body": b"{}"}, "POST /send/7: body lacks text"),
        ({"reply": b'{"id": "7"}'}, "POST /send/7: reply.id is no number"),
        ({"reply": b"\n"}, "POST /send/7: reply is not there"),
    ],
)
def test_exchange(change: dict[str, Any], problem: str | None) -> None:
    """Path, query, both bodies and the status are looked at."""
    assert SMALL.check(replace(GOOD, **change)) == ([] if problem is None else [problem])


def test_exchange_without_bodies() -> None:
    """A body that is not described is wrong, an answer that is not may be anything; one of the described may be empty."""
    deletion = Exchange("DELETE", "/send", frozenset(), b"", 200, b"whatever")
    assert SMALL.check(deletion) == []
    assert SMALL.check(replace(deletion, body=b"{}")) == ["DELETE /send: body is there, but not described"]
    assert SMALL.check(Exchange("GET", "/me", frozenset(), b"", 200, b"")) == []


# The tables


@pytest.mark.parametrize("description", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_tables_are_whole(description: Description) -> None:
    """All that is named is there, and every departure has its reason and changes something."""
    for call in description.calls.values():
        for kind in (call.body, call.reply):
            assert not kind or list(description.problems(kind, object())) != []
    for schema in description.schemas.values():
        for kind in [part.rpartition(":")[2] for part in schema.split()]:
            assert kind.startswith("any") or list(description.problems(kind, object())) != []
    for name, departure in description.departures.items():
        schema_name, _, field_name = name.partition(".")
        described = description.schemas[schema_name].split()
        assert not {f"{field_name}:{departure.kind}", f"{field_name}*:{departure.kind}"} & set(described)
        assert departure.reason.endswith(".")


# Clients and emulated servers


@dataclass
class Wire:
    """An emulator, and all that went over the wire to one of its servers."""

    rig: Rig
    exchanges: list[tuple[str, Exchange]] = field(default_factory=list)

    async def prepare(self, key: str, operation: str) -> None:
        """Bring an instance into a state in which an operation is of use; what goes wrong on the way is not noted."""
        await self.rig.prepare(key, operation)
        self.exchanges.clear()

    def problems(self, key: str) -> list[str]:
        """Return what was wrong with what went to a server; there has to be something."""
        seen = [exchange for server, exchange in self.exchanges if server == key]
        assert seen
        return [problem for exchange in seen for problem in DESCRIPTIONS[key].check(exchange)]

    def paths(self) -> set[str]:
        """Return what was asked."""
        return {f"{exchange.method} {exchange.path}" for _, exchange in self.exchanges}

    @web.middleware
    async def record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note a request and its answer. A websocket has neither body."""
        answer = await handler(request)
        key, _, path = request.rel_url.raw_path.removeprefix("/").partition("/")
        if isinstance(answer, web.Response):
            reply = answer.body if isinstance(answer.body, bytes) else b""
            query = frozenset(request.query)
            body = await request.read()
            self.exchanges.append((key, Exchange(request.method, f"/{path}", query, body, answer.status, reply)))
        return answer


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    """An emulator that notes all requests to the gateways' servers."""
    async with open_session() as session, open_session() as phone_session:
        emulator = Emulator(time_scale=0.01, seed="tests")
        wire = Wire(Rig(emulator, session, phone_session))
        emulator.app.middlewares.append(wire.record)
        async with emulator:
            yield wire


@pytest.mark.parametrize(("key", "operation"), OPERATIONS)
async def test_operation(wire: Wire, key: str, operation: str) -> None:
    """What the client sends for an operation, and what the emulated server answers, is as described."""
    await wire.prepare(key, operation)
    await wire.rig.perform(wire.rig.client(key), operation)
    assert wire.problems(key) == []


# What a message may have beside its kind, and what else changes a request.
type Wish = Callable[[Gateway, str], Awaitable[Any]]


def media(kind: MediaKind, mime_type: str, **more: str) -> Wish:
    """Return a wish for a file."""
    return lambda gateway, _: gateway.send_media(CHAT, Media(kind, mime_type, "file.bin", PDF), **more)


EXTRAS: dict[str, Wish] = {
    "reply": lambda gateway, message: gateway.send_text(CHAT, "Hello", reply_to=message),
    "mentions": lambda gateway, _: gateway.send_text(FAMILY, "@13035550142", mentions=["13035550142@c.us"]),
    "no preview": lambda gateway, _: gateway.send_text(CHAT, "example.com", link_preview=False),
    "image": media(MediaKind.IMAGE, "image/jpeg", caption="The door"),
    "video": media(MediaKind.VIDEO, "video/mp4", caption="The door"),
    "audio": media(MediaKind.AUDIO, "audio/mpeg"),
    "voice": media(MediaKind.VOICE, "audio/ogg; codecs=opus"),
    "document": media(MediaKind.DOCUMENT, "application/pdf", caption="The manual"),
    "file as a reply": lambda gateway, message: gateway.send_media(
        CHAT, Media(MediaKind.IMAGE, "image/png", "a.png", PDF), reply_to=message
    ),
    "place without a name": lambda gateway, _: gateway.send_location(CHAT, Location(52, 13)),
    "place as a reply": lambda gateway, message: gateway.send_location(CHAT, Location(52.5, 13.4), reply_to=message),
    "contact as a reply": lambda gateway, message: gateway.send_contact(CHAT, Contact("A", PHONE), reply_to=message),
    "poll with many answers": lambda gateway, message: gateway.send_poll(
        CHAT, Poll("Pizza?", ("Yes", "No"), multiple=True), reply_to=message
    ),
    "reaction taken back": lambda gateway, message: gateway.send_reaction(CHAT, message, ""),
    "recording": lambda gateway, _: gateway.send_typing(CHAT, Typing.RECORDING),
    "paused": lambda gateway, _: gateway.send_typing(CHAT, Typing.PAUSED),
    "nobody": lambda gateway, _: gateway.check_number("13035550199"),
}


@pytest.mark.parametrize("key", DESCRIPTIONS)
@pytest.mark.parametrize("wish", EXTRAS.values(), ids=EXTRAS)
async def test_extras(wire: Wire, key: str, wish: Wish) -> None:
    """The same for all that a message may have beside its kind."""
    await wire.prepare(key, Capability.SEND_REACTION)
    await wish(wire.rig.client(key), wire.rig.message_id)
    assert wire.problems(key) == []


@pytest.mark.parametrize("key", DESCRIPTIONS)
async def test_message_of_somebody_in_a_group(wire: Wire, key: str) -> None:
    """A message in a group has a writer, who belongs to its id."""
    await wire.prepare(key, Capability.SEND_TEXT)
    instance = wire.rig.instance(key)
    message, _ = wire.rig.emulator.phone.write(f"{key}/{instance.id}", ADA, "Hi all", chat_id=FAMILY)
    gateway = wire.rig.client(key)
    message_id = f"false_{FAMILY}_{message.id}_13035550142@c.us"
    await gateway.send_text(FAMILY, "Hi Ada", reply_to=message_id)
    await gateway.send_reaction(FAMILY, message_id, "👍")
    await gateway.mark_read(FAMILY, message_id)
    await gateway.list_chats()
    assert wire.problems(key) == []
    [reply, reaction] = await wire.rig.arrived(2)
    assert message.id in reply["quoted_id"]
    assert reaction["kind"] == "reaction"


async def test_whole_chat_of_waha(wire: Wire) -> None:
    """Without a message, a chat is marked as a whole."""
    await wire.prepare("waha", Capability.MARK_READ)
    await wire.rig.client("waha").mark_read(CHAT)
    assert wire.problems("waha") == []


@having(Capability.REGISTER_WEBHOOK)
async def test_webhook(wire: Wire, key: str) -> None:
    """A webhook is set and taken back, and both again where it is so already."""
    await wire.prepare(key, Capability.REGISTER_WEBHOOK)
    gateway = wire.rig.client(key)
    for operation in ("register_webhook", "unregister_webhook"):
        for _ in range(2):
            await wire.rig.perform(gateway, operation)
    assert wire.problems(key) == []


@having(Capability.FETCH_FILE)
async def test_file(wire: Wire, key: str) -> None:
    """The file of a message that somebody sent."""
    await wire.prepare(key, Capability.SEND_TEXT)
    instance = wire.rig.instance(key)
    details = wire.rig.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
    message, _ = wire.rig.emulator.phone.write(f"{key}/{instance.id}", ADA, kind=Kind.DOCUMENT, details=details)
    reference = {"waha": f"false_13035550142@c.us_{message.id} ", "evolution": message.id}[key]
    file = ReceivedFile("application/pdf", "manual.pdf", reference)
    assert await wire.rig.client(key).fetch_file(file, 1024) == PDF
    assert wire.problems(key) == []


# What the client does not ask for, or not in every state


async def ask(wire: Wire, instance: Instance, path: str, verb: str = "GET", body: Any = None, **headers: str) -> Any:
    """Ask as somebody else may, and return the answer, None if it is not JSON."""
    credentials = instance.credentials()
    headers["X-Api-Key"] = headers["apikey"] = credentials["token"]
    async with wire.rig.session.request(verb, credentials["base_url"] + path, json=body, headers=headers) as response:
        content = await response.read()
    return json.loads(content) if response.content_type == "application/json" and content else None


@pytest.mark.parametrize(("key", "path"), [("waha", "/api/sendText"), ("evolution", "/message/sendText/home")])
async def test_nonsense_is_noticed(wire: Wire, key: str, path: str) -> None:
    """What goes over the wire is what is looked at: the request of a careless client is found out."""
    instance = wire.rig.instance(key)
    instance.link(instance.number)
    body = {"session": "default", "chatId": CHAT, "number": PHONE, "text": "Hi", "linkpreview": False}
    await ask(wire, instance, path, "POST", body)
    assert any("has linkpreview, which" in problem for problem in wire.problems(key))


def waha(wire: Wire, **options: Any) -> WahaInstance:
    """Return a session on a server like this."""
    instance = wire.rig.emulator.gateways["waha"].create_instance(options=options)
    assert isinstance(instance, WahaInstance)
    return instance


async def until(instance: WahaInstance, status: str) -> None:
    """Wait until a session has a status."""
    async with asyncio.timeout(20):
        while instance.state != status:
            await instance.changed.wait(0.05)


@pytest.mark.parametrize("engine", ["WEBJS", "NOWEB", "GOWS"])
async def test_answers_of_waha(wire: Wire, engine: str) -> None:
    """Each engine answers as described where the description is not about the engine's own kind of message."""
    instance = waha(wire, engine=engine, linked=True)
    phone = wire.rig.emulator.phone
    message, _ = phone.write(f"waha/{instance.id}", ADA, "Hi")
    phone.write(f"waha/{instance.id}", ADA, "Hi all", chat_id=FAMILY)
    place = {"latitude": 52.5, "longitude": 13.4, "name": "Gate", "address": "Square 1"}
    phone.write(f"waha/{instance.id}", ADA, kind=Kind.LOCATION, details=place)
    contact = {"name": "Bertil", "number": "+13035550143"}
    phone.write(f"waha/{instance.id}", ADA, kind=Kind.CONTACT, details=contact)
    file = wire.rig.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
    phone.write(f"waha/{instance.id}", ADA, kind=Kind.DOCUMENT, details=file)
    phone.write(f"waha/{instance.id}", ADA, "Hi again", quoted_id=message.id)
    chat = f"/api/{instance.id}/chats/13035550142@c.us/messages"
    paths = [
        "/ping",
        "/api/server/version",
        "/api/server/status",
        "/api/sessions?all=true&expand=apps",
        f"/api/sessions/{instance.id}",
        f"/api/sessions/{instance.id}/me",
        f"/api/{instance.id}/profile",
        f"/api/{instance.id}/chats/overview?limit=20",
        f"{chat}?limit=10",
        f"{chat}/{message.id}",
        f"/api/{instance.id}/groups/count",
        f"/api/{instance.id}/lids/1@lid",
        f"/api/{instance.id}/lids/pn/13035550142",
        f"/api/contacts/check-exists?phone=13035550199&session={instance.id}",
    ]
    for path in paths:
        await ask(wire, instance, path)
    assert wire.problems("waha") == []
    assert len(wire.exchanges) == len(paths)
    assert len(await ask(wire, instance, f"{chat}?limit=10")) == 5


async def test_answers_of_waha_without_a_phone(wire: Wire) -> None:
    """The same for a session that waits for a phone: a picture in JSON, a code as text, no account."""
    instance = waha(wire, start_seconds=0)
    instance.start()
    await until(instance, "SCAN_QR_CODE")
    for path in ("/api/sessions?all=true", f"/api/sessions/{instance.id}", f"/api/sessions/{instance.id}/me"):
        await ask(wire, instance, path)
    picture = await ask(wire, instance, f"/api/{instance.id}/auth/qr?format=image", Accept="application/json")
    text = await ask(wire, instance, f"/api/{instance.id}/auth/qr?format=raw")
    assert (set(picture), set(text)) == ({"mimetype", "data"}, {"value"})
    assert wire.problems("waha") == []


async def test_configuration_of_waha(wire: Wire) -> None:
    """A configuration is shown as it was given, and stopping tells the session."""
    instance = waha(wire, linked=True)
    webhook = {
        "url": "http://127.0.0.1:9/hook",
        "events": ["message", "session.status"],
        "hmac": {"key": "made up"},
        "retries": {"delaySeconds": 2, "attempts": 15, "policy": "linear"},
        "customHeaders": [{"name": "X-Home", "value": "7"}],
    }
    config = {"metadata": {"home": "7"}, "webhooks": [webhook], "noweb": {"markOnline": True}}
    session = f"/api/sessions/{instance.id}"
    assert (await ask(wire, instance, session, "PUT", {"config": config}))["config"] == config
    assert (await ask(wire, instance, session))["config"] == config
    assert (await ask(wire, instance, f"{session}/stop", "POST"))["status"] == "STOPPED"
    assert wire.problems("waha") == []


async def test_passkey_of_waha(wire: Wire) -> None:
    """What WhatsApp wants for a passkey is told as described."""
    instance = waha(wire, passkey=True)
    instance.link(instance.number)
    await ask(wire, instance, f"/api/{instance.id}/auth/passkey/challenge")
    instance.confirm_passkey()
    await ask(wire, instance, f"/api/{instance.id}/auth/passkey/confirmation")
    await ask(wire, instance, f"/api/sessions/{instance.id}")
    assert wire.problems("waha") == []


async def test_states_of_evolution(wire: Wire) -> None:
    """A code, none yet, a state and a failure: all that connecting and restarting answer."""
    rig = wire.rig
    gateway = rig.client("evolution")
    # Closed: it fails, and connects.
    await gateway.restart()
    await gateway.get_qr()
    await gateway.restart()
    rig.instance("evolution").link(PHONE)
    await gateway.restart()
    assert wire.problems("evolution") == []
    replies = {frozenset(json.loads(exchange.reply)) for _, exchange in wire.exchanges}
    assert {frozenset({"error", "message"}), frozenset({"instance"})} < replies


async def test_instance_of_evolution_with_everything(wire: Wire) -> None:
    """What is made with a code, and what the list says of a linked phone and of one that was lost."""
    rig = wire.rig
    body = {"instanceName": "attic", "integration": "WHATSAPP-BAILEYS", "qrcode": True, "number": PHONE}
    body |= {"webhook": {"enabled": True, "url": "http://127.0.0.1:9/hook", "events": ["MESSAGES_UPSERT"]}}
    home = rig.instance("evolution")
    assert "qrcode" in await ask(wire, home, "/instance/create", "POST", body)
    home.link(home.number)
    await rig.client("evolution").list_instances()
    home.unlink()
    await rig.client("evolution").list_instances()
    assert wire.problems("evolution") == []
