"""The emulator's Evolution API against the vendor's source and OpenAPI, over real HTTP on loopback."""

import asyncio
import base64
from collections.abc import AsyncGenerator
import io
import json
import re
from typing import Any

import aiohttp
from PIL import Image
import pytest
import zxingcpp

from tests.emulator import Emulator
from tests.emulator.evolution_instance import EvolutionInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 45 s, after which a code changes, last 0.9 s.
SCALE = 0.02
ADA = "13035550142"
ADA_JID = "13035550142@s.whatsapp.net"
NOBODY = "13035550199"
FAMILY = "120363000000000142@g.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
SOMETHING_FAILED = {"error": True, "message": "[object Object]"}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ERROR_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
}


class Api:
    """Calls the emulator as a client of Evolution API would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the instance that there is from the beginning."""
        self.emulator = emulator
        self.session = session
        [instance] = [each for each in emulator.instances if each.gateway == "evolution"]
        assert isinstance(instance, EvolutionInstance)
        self.instance = instance

    async def once(self, verb: str, path: str, *, key: str | None = None, **options: Any) -> tuple[int, Any]:
        """Return status and parsed body; the server's key goes along unless another is given."""
        credentials = self.instance.credentials()
        headers = {"apikey": credentials["token"] if key is None else key}
        options = {"headers": headers, "allow_redirects": False, **options}
        async with self.session.request(verb, credentials["base_url"] + path, **options) as response:
            return response.status, json.loads(await response.read())

    async def get(self, path: str, **query: str) -> Any:
        """GET and return the JSON of a success."""
        status, answer = await self.once("GET", path, params=query)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """POST and return the JSON of a success."""
        got, answer = await self.once("POST", path, json=body)
        assert got == status, answer
        return answer

    async def refusal(self, verb: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and message of a refusal, after a look at its envelope."""
        status, answer = await self.once(verb, path, **options)
        assert set(answer) == {"status", "error", "response"}, answer
        assert set(answer["response"]) == {"message"}
        assert (answer["status"], answer["error"]) == (status, ERROR_NAMES[status])
        return status, answer["response"]["message"]

    async def connect(self, **query: str) -> Any:
        """Connect, or ask for the present code."""
        return await self.get("/instance/connect/home", **query)

    async def state(self, name: str = "home") -> str:
        """Return the state that the server tells."""
        answer = await self.get(f"/instance/connectionState/{name}")
        assert answer == {"instance": {"instanceName": name, "state": answer["instance"]["state"]}}
        return str(answer["instance"]["state"])

    async def row(self) -> Any:
        """Return the instance as the list shows it."""
        [row] = await self.get("/instance/fetchInstances", instanceName="home")
        return row

    async def until(self, state: str, instance: EvolutionInstance | None = None) -> None:
        """Wait until an instance has a state."""
        watched = instance or self.instance
        async with asyncio.timeout(20):
            while watched.state != state:
                await watched.changed.wait(0.1)

    async def phone(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Use a control route."""
        async with self.session.request(verb, f"{self.emulator.url}/phone{path}", json=body) as response:
            return response.status, await response.json()

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)

    async def send(self, text: str = "Hello", number: str = ADA, **more: Any) -> Any:
        """Send a text."""
        return await self.post("/message/sendText/home", {"number": number, "text": text, **more}, 201)


def text_in(code: dict[str, Any]) -> str:
    """Return the text in the picture of a code."""
    kind, _, data = code["base64"].partition(",")
    assert kind == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    return str(zxingcpp.read_barcodes(image.convert("RGB"))[0].text)


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
def api(emulator: Emulator, session: aiohttp.ClientSession) -> Api:
    """A client of the fast emulator."""
    return Api(emulator, session)


def made(emulator: Emulator, **given: Any) -> EvolutionInstance:
    """Make another instance."""
    instance = emulator.gateways["evolution"].create_instance(**given)
    assert isinstance(instance, EvolutionInstance)
    return instance


# Server and keys


async def test_credentials_are_always_the_same(api: Api) -> None:
    """What is to be typed into Home Assistant does not change between starts."""
    credentials = api.instance.credentials()
    again = [each.credentials() for each in Emulator().instances if each.gateway == "evolution"]
    assert again == [credentials | {"base_url": "/evolution"}]
    assert credentials["base_url"] == f"{api.emulator.url}/evolution"
    assert credentials["instance_name"] == "home"
    assert re.fullmatch(r"[0-9A-F]{32}", credentials["token"])
    assert re.fullmatch(UUID, _token_of(api, "home").lower())


def _token_of(api: Api, instance_id: str) -> str:
    instance = api.emulator.phone.find(instance_id)
    assert isinstance(instance, EvolutionInstance)
    return instance.token


@pytest.mark.parametrize("path", ["", "/"])
async def test_welcome_needs_no_key(api: Api, path: str) -> None:
    """The root tells which server and version it is."""
    status, answer = await api.once("GET", path, headers={})
    host = api.emulator.url.removeprefix("http://")
    assert (status, answer) == (
        200,
        {
            "status": 200,
            "message": "Welcome to the Evolution API, it is working!",
            "version": "2.3.6",
            "clientName": "evolution_exchange",
            "manager": f"http://{host}/manager",
            "documentation": "https://doc.evolution-api.com",
            "whatsappWebVersion": answer["whatsappWebVersion"],
        },
    )
    assert answer["whatsappWebVersion"].startswith("2.3000.")


async def test_only_the_servers_key_is_verified(api: Api) -> None:
    """An instance's key is none for the server."""
    answer = await api.post("/verify-creds")
    assert (answer["status"], answer["message"]) == (200, "Credentials are valid")
    assert {"facebookAppId", "facebookConfigId", "facebookUserToken"} < set(answer)
    for key in ("wrong", api.instance.token):
        assert await api.refusal("POST", "/verify-creds", key=key) == (401, "Unauthorized")


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key", "api_key"])
async def test_only_the_apikey_header_opens(api: Api, header: str) -> None:
    """Neither another header nor the query nor the body does."""
    token = api.instance.credentials()["token"]
    for value in (token, f"Bearer {token}"):
        refusal = await api.refusal(
            "POST",
            f"/message/sendText/home?apikey={token}",
            headers={header: value},
            json={"apikey": token},
        )
        assert refusal == (401, "Unauthorized")
    assert await api.refusal("GET", "/instance/connectionState/home", key="") == (401, "Unauthorized")


async def test_key_of_an_instance(api: Api) -> None:
    """It opens that instance only, and shows nothing else in the list."""
    other = made(api.emulator)
    for path in ("/instance/connectionState/home", "/instance/fetchInstances"):
        assert (await api.once("GET", path, key=api.instance.token))[0] == 200
    refusal = await api.refusal("GET", "/instance/connectionState/home", key=other.token)
    assert refusal == (401, "Unauthorized")
    for query in ("", "?instanceName=home-2", f"?instanceId={other.row}"):
        _, [row] = await api.once("GET", f"/instance/fetchInstances{query}", key=other.token)
        assert row["name"] == "home-2"
    foreign = await api.refusal("GET", "/instance/fetchInstances?instanceName=home", key=other.token)
    assert foreign == (401, "Unauthorized")
    body = {"instanceName": "third", "integration": "WHATSAPP-BAILEYS"}
    assert await api.refusal("POST", "/instance/create", key=other.token, json=body) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/instance/connect/ghost"),
        ("GET", "/instance/connectionState/ghost"),
        ("POST", "/instance/restart/ghost"),
        ("DELETE", "/instance/logout/ghost"),
        ("DELETE", "/instance/delete/ghost"),
        ("POST", "/message/sendText/ghost"),
        ("POST", "/chat/findChats/ghost"),
        ("GET", "/group/fetchAllGroups/ghost"),
    ],
)
@pytest.mark.parametrize("key", [None, "wrong"])
async def test_unknown_instance(api: Api, verb: str, path: str, key: str | None) -> None:
    """It is not found, even with a wrong key: that guard comes first."""
    assert await api.refusal(verb, path, key=key) == (404, ['The "ghost" instance does not exist'])


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/nothing"), ("PUT", "/instance/restart/home"), ("POST", "/"), ("POST", "/instance/stop/home")],
)
async def test_calls_that_do_not_exist(api: Api, verb: str, path: str) -> None:
    """Restarting is a POST, other than the vendor's documentation says; there is no stop."""
    assert await api.refusal(verb, path, headers={}) == (404, [f"Cannot {verb} {path}"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Unexpected end of JSON input"),
        ('{"text": oops}', 'Unexpected token \'o\', "{"text": oops}" is not valid JSON'),
        ('"text"', 'Unexpected token \'"\', ""text"" is not valid JSON'),
    ],
)
async def test_malformed_json(api: Api, body: str, message: str) -> None:
    """Status and error do not fit together, and no guard was asked before."""
    headers = {"Content-Type": "application/json"}
    status, answer = await api.once("POST", "/message/sendText/ghost", data=body, headers=headers)
    assert status == 400
    assert answer == {"status": 400, "error": "Internal Server Error", "response": {"message": message}}


async def test_form_instead_of_json(api: Api) -> None:
    """Forms are read, too; other types of content are not looked at."""
    api.link()
    path = "/message/sendText/home"
    assert (await api.once("POST", path, data={"number": ADA, "text": "Form"}))[0] == 201
    headers = {"apikey": api.instance.token, "Content-Type": "text/plain"}
    refusal = await api.refusal("POST", path, data='{"number": "1"}', headers=headers)
    assert refusal == (400, [['instance requires property "number"', 'instance requires property "text"']])


# Creating and listing


async def test_create_without_connecting(api: Api) -> None:
    """The instance has a key and an id of its own, and no code."""
    body = {"instanceName": "kitchen", "integration": "WHATSAPP-BAILEYS", "groupsIgnore": True, "msgCall": "Busy"}
    answer = await api.post("/instance/create", body, 201)
    created = answer.pop("instance")
    assert re.fullmatch(UUID, created.pop("instanceId"))
    assert created == {
        "instanceName": "kitchen",
        "integration": "WHATSAPP-BAILEYS",
        "webhookWaBusiness": None,
        "accessTokenWaBusiness": "",
        "status": "close",
    }
    key = answer.pop("hash")
    assert re.fullmatch(UUID, key.lower()) and key == key.upper()
    assert answer.pop("settings") == {
        "rejectCall": False,
        "msgCall": "Busy",
        "groupsIgnore": True,
        "alwaysOnline": False,
        "readMessages": False,
        "readStatus": False,
        "syncFullHistory": False,
        "wavoipToken": "",
    }
    assert set(answer.pop("webhook")) == {"webhookUrl", "webhookHeaders", "webhookByEvents", "webhookBase64"}
    assert answer == {name: {"enabled": False} for name in ("websocket", "rabbitmq", "nats", "sqs")}
    assert (await api.once("GET", "/instance/connect/kitchen", key=key))[0] == 200
    assert _token_of(api, "kitchen") == key


async def test_create_with_everything(api: Api) -> None:
    """A code, one to type, and the webhook come with the answer."""
    hook = {"enabled": True, "url": "http://127.0.0.1/hook", "headers": {"X": "y"}, "byEvents": True, "events": []}
    body = {
        "instanceName": "hall way",
        "token": "my-own-key",
        "number": "12025550177",
        "qrcode": True,
        "integration": "WHATSAPP-BAILEYS",
        "webhook": hook,
    }
    before = api.emulator.clock.now()
    answer = await api.post("/instance/create", body, 201)
    assert api.emulator.clock.now() - before >= 5
    assert answer["hash"] == "my-own-key"
    assert answer["instance"]["status"] == "connecting"
    assert answer["webhook"] == {
        "webhookUrl": hook["url"],
        "webhookHeaders": {"X": "y"},
        "webhookByEvents": True,
        "webhookBase64": False,
    }
    code = answer["qrcode"]
    assert (text_in(code), code["count"]) == (code["code"], 1)
    linked = api.emulator.phone.enter_code(code["pairingCode"])
    assert (linked.id, linked.number) == ("hall way", "+12025550177")
    assert await api.state("hall way") == "open"
    [row] = await api.get("/instance/fetchInstances", number="12025550177")
    assert (row["name"], row["number"], row["token"]) == ("hall way", "12025550177", "my-own-key")


async def test_name_that_is_taken(api: Api) -> None:
    """The guard for it comes before the key and the schema."""
    for key in (None, "wrong"):
        refusal = await api.refusal("POST", "/instance/create", key=key, json={"instanceName": "home"})
        assert refusal == (403, ['This name "home" is already in use.'])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, ['instance requires property "instanceName"']),
        (["home"], ['instance requires property "instanceName"']),
        ({"instanceName": 1}, ["instanceName is not of a type(s) string"]),
        ({"instanceName": ["home"]}, ["instanceName is not of a type(s) string"]),
        ({"instanceName": ""}, ['The "instanceName" cannot be empty']),
        ({"instanceName": "a", "number": ""}, [r'number does not match pattern "^\\d+[\\.@\\w-]+"']),
        (
            {"instanceName": "a", "qrcode": "yes", "number": "+1202"},
            [r'number does not match pattern "^\\d+[\\.@\\w-]+"', "qrcode is not of a type(s) boolean"],
        ),
        ({"instanceName": "a", "webhook": {"enabled": 1}}, ["webhook.enabled is not of a type(s) boolean"]),
    ],
)
async def test_orders_against_the_schema(api: Api, body: Any, message: list[str]) -> None:
    """All that is wrong is told at once, in an array in an array."""
    assert await api.refusal("POST", "/instance/create", json=body) == (400, [message])


@pytest.mark.parametrize("integration", [{}, {"integration": "PIGEON"}])
async def test_unknown_integration(api: Api, integration: dict[str, str]) -> None:
    """It has no default."""
    body = {"instanceName": "a", **integration}
    assert await api.refusal("POST", "/instance/create", json=body) == (400, ["Invalid integration"])
    assert len(await api.get("/instance/fetchInstances")) == 1


async def test_list_before_and_after_linking(api: Api) -> None:
    """The row is the database's; whose account it is comes with the link."""
    row = await api.row()
    assert set(row) == {
        *("id", "name", "connectionStatus", "ownerJid", "profileName", "profilePicUrl", "integration", "number"),
        *("businessId", "token", "clientName", "disconnectionReasonCode", "disconnectionObject", "disconnectionAt"),
        *("createdAt", "updatedAt", "Chatwoot", "Proxy", "Rabbitmq", "Nats", "Sqs", "Websocket", "Setting", "_count"),
    }
    assert (row["connectionStatus"], row["ownerJid"], row["profileName"], row["profilePicUrl"]) == (
        "close",
        None,
        None,
        None,
    )
    assert row["token"] == api.instance.token
    assert row["Setting"]["instanceId"] == row["id"]
    assert row["_count"] == {"Message": 0, "Contact": 0, "Chat": 0}
    api.link()
    api.emulator.phone.write("home", f"+{ADA}", "Hi")
    row = await api.row()
    assert row["connectionStatus"] == "open"
    assert row["ownerJid"] == f"{api.instance.number[1:]}@s.whatsapp.net"
    assert row["profileName"]
    assert row["_count"] == {"Message": 1, "Contact": 6, "Chat": 1}
    async with api.session.get(row["profilePicUrl"]) as response:
        assert (await response.read()).startswith(PNG_MAGIC)


async def test_list_without_tokens(api: Api) -> None:
    """A server can be set up to keep them for itself."""
    made(api.emulator, instance_id="shy", token="its-own-key", options={"expose": False})
    [row] = await api.get("/instance/fetchInstances", instanceName="shy")
    assert row["token"] is None
    assert (await api.once("GET", "/instance/connectionState/shy", key="its-own-key"))[0] == 200


@pytest.mark.parametrize("query", ["instanceName", "instanceId", "number"])
async def test_list_of_something_unknown(api: Api, query: str) -> None:
    """It has words of its own, and asks for a good key first."""
    path = f"/instance/fetchInstances?{query}=ghost"
    assert await api.refusal("GET", path) == (404, ['Instance "ghost" not found'])
    assert await api.refusal("GET", path, key="wrong") == (401, "Unauthorized")


async def test_delete(api: Api) -> None:
    """It works in every state, and the name is free again."""
    for link in (False, True):
        instance = made(api.emulator, instance_id="short")
        if link:
            instance.link(instance.number)
        status, answer = await api.once("DELETE", "/instance/delete/short")
        assert (status, answer) == (
            200,
            {"status": "SUCCESS", "error": False, "response": {"message": "Instance deleted"}},
        )
        assert await api.refusal("GET", "/instance/connect/short") == (404, ['The "short" instance does not exist'])
        assert not instance.linked


# Connecting


async def test_connect_shows_a_code(api: Api) -> None:
    """From close, the answer comes after 2 s, and has picture and text."""
    assert await api.state() == "close"
    before = api.emulator.clock.now()
    code = await api.connect()
    assert api.emulator.clock.now() - before >= 2
    assert set(code) == {"pairingCode", "code", "base64", "count"}
    assert (code["pairingCode"], code["count"]) == (None, 1)
    assert code["code"].startswith("2@") and text_in(code) == code["code"]
    assert await api.state() == "connecting"
    assert (await api.row())["connectionStatus"] == "connecting"
    # The same again, at once.
    assert await api.connect() == code
    status, _ = await api.phone("POST", "/scan", {"qr": code["code"]})
    assert status == 200
    assert await api.connect() == {"instance": {"instanceName": "home", "state": "open"}}
    assert await api.state() == "open"


async def test_connect_before_there_is_a_code(api: Api) -> None:
    """There is only a count; the code comes later."""
    api.instance.options.start_seconds = 20
    assert await api.connect() == {"count": 0}
    assert await api.state() == "connecting"
    async with asyncio.timeout(20):
        while (code := await api.connect()) == {"count": 0}:
            await asyncio.sleep(0.02)
    assert code["count"] == 1


async def test_codes_change(api: Api) -> None:
    """Every 45 s there is another, and the one before is worthless."""
    first = await api.connect()
    # Half-way through the second one.
    await api.emulator.clock.sleep((api.instance.codes.seconds_to_next() or 0) + 22)
    second = await api.connect()
    assert (first["count"], second["count"]) == (1, 2)
    assert second["code"] != first["code"]
    assert (await api.phone("POST", "/scan", {"qr": first["code"]}))[0] == 410
    assert (await api.phone("POST", "/scan", {"qr": "2@never"}))[0] == 404
    assert (await api.phone("POST", "/scan", {"qr": second["code"]}))[0] == 200


async def test_codes_come_to_an_end(api: Api) -> None:
    """After the last one the state is `refused`, then `close`, and connecting begins anew."""
    instance = made(api.emulator, instance_id="patient", options={"qr_limit": 2, "refused_seconds": 30.0})
    first = await api.get("/instance/connect/patient")
    await api.until("refused", instance)
    assert await api.state("patient") == "refused"
    [row] = await api.get("/instance/fetchInstances", instanceName="patient")
    assert row["connectionStatus"] == "connecting"
    assert await api.get("/instance/connect/patient") == {"count": 0}
    assert await api.post("/instance/restart/patient") == SOMETHING_FAILED
    await api.until("close", instance)
    assert await api.state("patient") == "close"
    again = await api.get("/instance/connect/patient")
    assert again["count"] == 1
    assert again["code"] != first["code"]


async def test_pairing_code_from_close(api: Api) -> None:
    """With a number, each code comes with one to type, for the phone with that number."""
    code = await api.connect(number="12025550188")
    assert re.fullmatch(r"[1-9A-HJ-NP-Z]{8}", code["pairingCode"])
    assert text_in(code) == code["code"]
    assert (await api.connect())["pairingCode"] == code["pairingCode"]
    await api.emulator.clock.sleep((api.instance.codes.seconds_to_next() or 0) + 10)
    later = await api.connect()
    assert later["pairingCode"] != code["pairingCode"]
    assert (await api.phone("POST", "/enter-code", {"code": code["pairingCode"]}))[0] == 410
    typed = f"{later['pairingCode'][:4]}-{later['pairingCode'][4:]}"
    status, linked = await api.phone("POST", "/enter-code", {"code": typed})
    assert (status, linked["number"]) == (200, "+12025550188")
    assert await api.state() == "open"


async def test_no_pairing_code_while_connecting(api: Api) -> None:
    """The number is not looked at then."""
    await api.connect()
    assert (await api.connect(number="12025550188"))["pairingCode"] is None


async def test_restart(api: Api) -> None:
    """It answers what it closes; afterwards there are new codes, or the link is back."""
    assert await api.post("/instance/restart/home") == SOMETHING_FAILED
    assert await api.state() == "close"
    code = await api.connect()
    api.instance.options.start_seconds = 20
    assert await api.post("/instance/restart/home") == code
    assert await api.connect() == {"count": 0}
    assert (await api.phone("POST", "/scan", {"qr": code["code"]}))[0] == 410
    async with asyncio.timeout(20):
        while "code" not in (again := await api.connect()):
            await asyncio.sleep(0.01)
    assert again["code"] != code["code"]
    api.link()
    assert await api.post("/instance/restart/home") == {"instance": {"instanceName": "home", "state": "open"}}
    assert api.instance.state == "connecting"
    await api.until("open")


async def test_logout(api: Api) -> None:
    """It is done a moment after the reply; logged out, only connecting helps."""
    refusal = await api.refusal("DELETE", "/instance/logout/home")
    assert refusal == (400, ['The "home" instance is not connected'])
    api.instance.options.logout_seconds = 10
    api.link()
    status, answer = await api.once("DELETE", "/instance/logout/home")
    assert (status, answer) == (
        200,
        {"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}},
    )
    assert api.instance.state == "open"
    await api.until("close")
    assert not api.instance.linked
    row = await api.row()
    assert (row["connectionStatus"], row["disconnectionReasonCode"]) == ("close", 401)
    assert json.loads(row["disconnectionObject"])["error"]["output"]["statusCode"] == 401
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["disconnectionAt"])
    assert (await api.connect())["count"] == 1


async def test_logout_ends_the_codes(api: Api) -> None:
    """Without a link, it is what stops the offering of codes."""
    code = await api.connect()
    await api.once("DELETE", "/instance/logout/home")
    await api.until("close")
    assert (await api.phone("POST", "/scan", {"qr": code["code"]}))[0] == 410


async def test_unlinked_on_the_phone(api: Api) -> None:
    """The server does not offer codes by itself then."""
    api.link()
    assert (await api.phone("POST", "/unlink", {"instance": "home"}))[0] == 200
    assert await api.state() == "close"
    assert (await api.row())["disconnectionReasonCode"] == 401
    code = await api.connect()
    await api.phone("POST", "/scan", {"qr": code["code"]})
    assert await api.state() == "open"


async def test_banned(api: Api) -> None:
    """WhatsApp closes the connection, again and again, until the ban is lifted."""
    api.link()
    await api.phone("POST", "/ban", {"instance": "home"})
    assert await api.state() == "close"
    assert (await api.row())["disconnectionReasonCode"] == 403
    assert await api.connect() == {"count": 0}
    await api.until("close")
    await api.phone("POST", "/restore", {"instance": "home"})
    await api.connect()
    await api.until("open")


async def test_client_that_leaves(api: Api) -> None:
    """The connection comes up although nobody waits for the answer."""
    api.instance.options.connect_wait_seconds = 100
    with pytest.raises(TimeoutError):
        await api.once("GET", "/instance/connect/home", timeout=aiohttp.ClientTimeout(total=0.2))
    async with asyncio.timeout(20):
        while api.instance.codes.current() is None:
            await asyncio.sleep(0.01)


# Sending


async def test_text_arrives(api: Api) -> None:
    """The reply says PENDING; the message is on the phone."""
    api.link()
    answer = await api.send("Hello 🔔")
    [message] = api.emulator.phone.messages("home")
    assert (message.chat_id, message.text, message.details) == (f"{ADA}@c.us", "Hello 🔔", {})
    assert answer == {
        "key": {"remoteJid": ADA_JID, "fromMe": True, "id": message.id},
        "pushName": "Você",
        "status": "PENDING",
        "message": {"conversation": "Hello 🔔"},
        "contextInfo": None,
        "messageType": "conversation",
        "messageTimestamp": message.timestamp,
        "instanceId": api.instance.row,
        "source": "web",
    }
    assert re.fullmatch(r"3EB0[0-9A-F]{16}", message.id)


@pytest.mark.parametrize(
    ("number", "chat_id"),
    [
        ("+1 (303) 5550142", "13035550142@c.us"),
        ("13035550142:12@s.whatsapp.net", "13035550142@c.us"),
        ("13035550142@c.us", "13035550142@c.us"),
        (FAMILY, FAMILY),
        ("120363000000000142", FAMILY),
        ("13035550142-1600000000000", "13035550142-1600000000000@g.us"),
        ("5215512345678", "525512345678@c.us"),
        ("5491123456789", "541123456789@c.us"),
        ("5531987654321", "553187654321@c.us"),
        ("5511987654321", "5511987654321@c.us"),
        ("98765432109876@lid", "98765432109876@lid"),
    ],
)
async def test_recipients(api: Api, number: str, chat_id: str) -> None:
    """A recipient can be written in many ways (createJid)."""
    api.link()
    await api.send(number=number)
    [message] = api.emulator.phone.messages("home")
    assert message.chat_id == chat_id


async def test_what_goes_with_a_text(api: Api) -> None:
    """Reply, mentions and the link preview."""
    api.link()
    incoming, _ = api.emulator.phone.write("home", f"+{ADA}", "Question?")
    answer = await api.send(
        "Answer @13035550144",
        FAMILY,
        quoted={"key": {"id": incoming.id}},
        mentioned=["13035550144"],
        linkPreview=False,
    )
    await api.send("All", FAMILY, mentionsEveryOne=True, linkPreview=True)
    reply, to_all = api.emulator.phone.messages("home")
    assert reply.quoted_id == incoming.id
    assert reply.details == {"mentions": ["13035550144@c.us"], "link_preview": False}
    assert answer["contextInfo"] == {"stanzaId": incoming.id, "mentionedJid": ["13035550144@s.whatsapp.net"]}
    assert to_all.details == {"mentions": ["13035550142@c.us", "13035550144@c.us"]}


async def test_delay(api: Api) -> None:
    """The other side sees typing first, and the reply waits; a client that left changes nothing."""
    api.link()
    before = api.emulator.clock.now()
    await api.send(delay=1500)
    assert api.emulator.clock.now() - before >= 1.5
    assert [notice.signal for notice in api.emulator.phone.notices] == ["typing", "paused"]
    with pytest.raises(TimeoutError):
        await api.once(
            "POST",
            "/message/sendText/home",
            json={"number": ADA, "text": "Later", "delay": 20000},
            timeout=aiohttp.ClientTimeout(total=0.2),
        )
    async with asyncio.timeout(20):
        while len(api.emulator.phone.messages("home")) < 2:
            await asyncio.sleep(0.01)


async def test_connection_lost_during_the_delay(api: Api) -> None:
    """The sending fails then."""
    api.link()
    body = {"number": ADA, "text": "Lost", "delay": 20000}
    sending = asyncio.create_task(api.refusal("POST", "/message/sendText/home", json=body))
    async with asyncio.timeout(20):
        while not api.emulator.phone.notices:
            await asyncio.sleep(0.01)
    api.instance.unlink()
    assert await sending == (400, ["Error: Connection Closed"])
    assert api.emulator.phone.messages("home") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"number": ADA}, [['instance requires property "text"']]),
        ({}, [['instance requires property "number"', 'instance requires property "text"']]),
        ({"number": 1, "text": "a"}, [["Invalid format"]]),
        ({"number": ADA, "text": 1}, [["text is not of a type(s) string"]]),
        ({"number": ADA, "text": " "}, ["Text is required"]),
        ({"number": ADA, "text": ""}, ["Text is required"]),
        (
            {"number": ADA, "text": "a", "mentioned": ["Ada"]},
            [['"mentioned" must be an array of numeric strings']],
        ),
        ({"number": ADA, "text": "a", "quoted": {}}, [['quoted requires property "key"']]),
        ({"number": ADA, "text": "a", "quoted": {"key": {}}}, [['quoted.key requires property "id"']]),
        (
            {"number": NOBODY, "text": "a"},
            [{"jid": f"{NOBODY}@s.whatsapp.net", "exists": False, "number": NOBODY}],
        ),
    ],
)
async def test_messages_that_are_refused(api: Api, body: Any, message: list[Any]) -> None:
    """Schema failures are an array in an array; a recipient who is not there is an object."""
    api.link()
    assert await api.refusal("POST", "/message/sendText/home", json=body) == (400, message)
    assert api.emulator.phone.messages("home") == []


async def test_sending_without_a_connection(api: Api) -> None:
    """The number is looked up first, which nobody catches; a group fails when it is sent to."""
    path = "/message/sendText/home"
    person, group = {"number": ADA, "text": "a"}, {"number": FAMILY, "text": "a"}
    status, text = await api.refusal("POST", path, json=person)
    assert (status, text) == (500, "Cannot read properties of undefined (reading 'onWhatsApp')")
    assert (await api.refusal("POST", path, json=group))[0] == 400
    await api.connect()
    assert await api.refusal("POST", path, json=person) == (500, "Connection Closed")
    assert await api.refusal("POST", path, json=group) == (400, ["Error: Connection Closed"])


async def test_restricted_account(api: Api) -> None:
    """Messages are accepted and stay on their way until the restriction is lifted."""
    api.link()
    await api.phone("POST", "/limit", {"instance": "home"})
    answer = await api.send()
    assert answer["status"] == "PENDING"
    assert api.emulator.phone.messages("home") == []
    await api.phone("POST", "/restore", {"instance": "home"})
    assert len(api.emulator.phone.messages("home")) == 1


# Looking up


async def test_numbers(api: Api) -> None:
    """Who has an account is told by number; a name is there for those that are known."""
    path = "/chat/whatsappNumbers/home"
    status, answer = await api.once("POST", path, json={"numbers": [ADA]})
    assert (status, answer) == (400, {})
    api.link()
    assert await api.post(path, {"numbers": [ADA, NOBODY, "12025550188"]}) == [
        {"jid": ADA_JID, "exists": True, "number": ADA, "name": "Ada Neighbour", "lid": None},
        {"jid": f"{NOBODY}@s.whatsapp.net", "exists": False, "number": NOBODY},
        {"jid": "12025550188@s.whatsapp.net", "exists": True, "number": "12025550188", "lid": None},
    ]
    wrong = '"numbers" must be an array of numeric strings'
    for numbers in ([], ["Ada"], [1], "1"):
        assert await api.refusal("POST", path, json={"numbers": numbers}) == (400, [[wrong]])
    assert await api.refusal("POST", path, json={}) == (400, [['instance requires property "numbers"']])


async def test_contacts(api: Api) -> None:
    """Nobody before the link; then people and groups, and who else has written."""
    path = "/chat/findContacts/home"
    assert await api.post(path, {}) == []
    api.link()
    api.emulator.phone.write("home", "+12025550188", "Hi", sender_name="Robin")
    rows = await api.post(path, {})
    assert [(row["pushName"], row["type"], row["isSaved"]) for row in rows] == [
        ("Ada Neighbour", "contact", True),
        ("Bertil Plumber", "contact", True),
        ("Chen", "contact", False),
        ("Dalia at Work", "contact", True),
        ("Family", "group", False),
        ("House 7", "group", False),
        ("12025550188", "contact", False),
    ]
    assert set(rows[0]) == {
        *("id", "remoteJid", "pushName", "profilePicUrl", "createdAt", "updatedAt", "instanceId"),
        *("isGroup", "isSaved", "type"),
    }
    assert await api.post(path, {"where": {"remoteJid": ADA_JID}}) == rows[:1]
    assert await api.post(path, {"page": 2, "offset": 4}) == rows[4:]
    # The database is there without a connection, too.
    api.instance.unlink()
    assert len(await api.post(path)) == 7


async def test_chats(api: Api) -> None:
    """Chats are those with messages, the newest first."""
    path = "/chat/findChats/home"
    api.link()
    assert await api.post(path, {}) == []
    await api.phone("POST", "/messages", {"instance": "home", "from": f"+{ADA}", "text": "Hi"})
    await api.phone("POST", "/messages", {"instance": "home", "from": f"+{ADA}", "chat": FAMILY, "text": "All"})
    await api.send("Hello")
    ada, family = await api.post(path, {})
    assert (ada["remoteJid"], ada["pushName"], ada["unreadCount"]) == (ADA_JID, "Ada Neighbour", 1)
    assert (family["remoteJid"], family["pushName"], family["unreadCount"]) == (FAMILY, "Family", 1)
    assert ada["lastMessage"]["message"] == {"conversation": "Hello"}
    assert family["lastMessage"]["key"]["participant"] == ADA_JID
    assert set(ada) == {
        *("id", "remoteJid", "pushName", "profilePicUrl", "updatedAt", "windowStart", "windowExpires"),
        *("windowActive", "lastMessage", "unreadCount", "isSaved"),
    }
    assert await api.post(path, {"take": 1, "skip": 1}) == [family]
    assert await api.post(path, {"where": {"remoteJid": FAMILY}}) == [family]
    assert await api.get("/chat/findChatByRemoteJid/home", remoteJid=ADA_JID) == ada
    assert await api.get("/chat/findChatByRemoteJid/home", remoteJid="1@lid") is None
    status, answer = await api.once("GET", "/chat/findChatByRemoteJid/home")
    assert (status, answer) == (400, {"error": "remoteJid is a required query parameter"})


async def test_messages_and_what_became_of_them(api: Api) -> None:
    """Both directions are kept, with what happened to each."""
    api.link()
    body = {"instance": "home", "from": f"+{ADA}", "text": "Hi"}
    _, received = await api.phone("POST", "/messages", body)
    assert received["reached_gateway"] is True
    sent = (await api.send("Hello"))["key"]
    api.emulator.phone.read(sent["id"])
    found = (await api.post("/chat/findMessages/home", {}))["messages"]
    assert (found["total"], found["pages"], found["currentPage"]) == (2, 1, 1)
    newest, oldest = found["records"]
    assert newest["key"] == sent
    assert [update["status"] for update in newest["MessageUpdate"]] == ["SERVER_ACK", "DELIVERY_ACK", "READ"]
    assert (oldest["key"], oldest["pushName"]) == (
        {"remoteJid": ADA_JID, "fromMe": False, "id": received["id"]},
        "Ada",
    )
    for where, expected in (
        ({"key": {"id": received["id"]}}, [oldest]),
        ({"key": {"remoteJid": ADA_JID, "fromMe": True}}, [newest]),
        ({"key": {"remoteJid": FAMILY}}, []),
    ):
        page = await api.post("/chat/findMessages/home", {"where": where})
        assert page["messages"]["records"] == expected
    page = (await api.post("/chat/findMessages/home", {"page": 2, "offset": 1}))["messages"]
    assert (page["pages"], page["records"]) == (2, [oldest])
    path = "/chat/findStatusMessage/home"
    rows = await api.post(path, {"where": {"remoteJid": ADA_JID, "id": sent["id"]}})
    assert [row["status"] for row in rows] == ["SERVER_ACK", "DELIVERY_ACK", "READ"]
    assert set(rows[0]) == {
        *("id", "keyId", "remoteJid", "fromMe", "participant", "pollUpdates", "status", "messageId", "instanceId"),
    }
    assert rows[0]["messageId"] == newest["id"]
    assert await api.post(path, {"where": {"id": sent["id"]}, "limit": 1}) == rows[:1]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"media": {"kind": "image", "caption": "Look"}}, "imageMessage"),
        ({"media": {"kind": "voice"}}, "audioMessage"),
        ({"media": {"kind": "document", "file_name": "plan.pdf"}}, "documentMessage"),
        ({"media": {"kind": "sticker"}}, "stickerMessage"),
        ({"location": {"latitude": 1.5, "longitude": -2}}, "locationMessage"),
        ({"contact": {"name": "Bertil", "number": "+13035550143"}}, "contactMessage"),
        ({"poll": {"name": "Pizza?", "options": ["Yes", "No"]}}, "pollCreationMessageV3"),
        ({"poll_vote": {"message_id": "3EB0", "options": ["Yes"]}}, "pollUpdateMessage"),
        ({"reaction": {"message_id": "3EB0", "emoji": "👍"}}, "reactionMessage"),
    ],
)
async def test_kinds_of_received_messages(api: Api, content: dict[str, Any], kind: str) -> None:
    """Each has WhatsApp's own structure."""
    api.link()
    await api.phone("POST", "/messages", {"instance": "home", "from": f"+{ADA}", **content})
    [record] = (await api.post("/chat/findMessages/home"))["messages"]["records"]
    assert record["messageType"] == kind
    assert list(record["message"]) == [kind]


async def test_changes_to_received_messages(api: Api) -> None:
    """An edit changes the text, a deletion the status; a call leaves nothing."""
    api.link()
    about = {"instance": "home", "from": f"+{ADA}"}
    _, message = await api.phone("POST", "/messages", {**about, "text": "Helo"})
    await api.phone("POST", "/messages", {**about, "edited": {"message_id": message["id"], "text": "Hello"}})
    await api.phone("POST", "/messages", {**about, "deleted": {"message_id": message["id"]}})
    await api.phone("POST", "/messages", {**about, "call": {}})
    [record] = (await api.post("/chat/findMessages/home"))["messages"]["records"]
    assert record["message"] == {"conversation": "Hello"}
    assert record["MessageUpdate"][-1] == {"status": "DELETED"}


async def test_not_received_without_a_link(api: Api) -> None:
    """Then a message stays on the phone."""
    body = {"instance": "home", "from": f"+{ADA}", "text": "Hi"}
    _, received = await api.phone("POST", "/messages", body)
    assert received["reached_gateway"] is False
    assert (await api.post("/chat/findMessages/home"))["messages"]["records"] == []


async def test_groups(api: Api) -> None:
    """Whether the participants are wanted has to be said."""
    path = "/group/fetchAllGroups/home"
    assert await api.refusal("GET", path) == (400, ["The getParticipants needs to be informed in the query"])
    wrong = await api.refusal("GET", f"{path}?getParticipants=yes")
    assert wrong == (400, [["getParticipants is not one of enum values: true,false"]])
    away = await api.refusal("GET", f"{path}?getParticipants=true")
    assert away == (404, ["Error fetching group", "Error: Connection Closed"])
    api.link()
    family, house = await api.get(path, getParticipants="false")
    assert (family["id"], family["subject"], family["size"]) == (FAMILY, "Family", 3)
    assert set(family) == {
        *("id", "subject", "subjectOwner", "subjectTime", "pictureUrl", "size", "creation", "owner", "desc"),
        *("descId", "restrict", "announce", "isCommunity", "isCommunityAnnounce", "linkedParent"),
    }
    full = await api.get(path, getParticipants="true")
    assert full[0]["participants"][1] == {"id": ADA_JID, "admin": None}
    assert await api.get("/group/findGroupInfos/home", groupJid=house["id"]) == full[1]


async def test_group_that_is_not_there(api: Api) -> None:
    """Without an id, the vendor gives an example of one."""
    api.link()
    path = "/group/findGroupInfos/home"
    missing = ["The group id needs to be informed in the query", 'ex: "groupJid=120362@g.us"']
    assert await api.refusal("GET", path) == (400, missing)
    unknown = await api.refusal("GET", f"{path}?groupJid=1@g.us")
    assert unknown == (404, ["Error fetching group", "Error: item-not-found"])


# Instances for tests, faults and counts


async def test_more_instances(api: Api) -> None:
    """They are at the same server, and have a key each."""
    body: dict[str, Any] = {"gateway": "evolution", "linked": True, "number": "+12025550166", "token": "its-own"}
    status, answer = await api.phone("POST", "/instances", body)
    assert (status, answer["id"], answer["state"]) == (201, "home-2", "open")
    assert answer["credentials"]["token"] == api.instance.credentials()["token"]
    assert _token_of(api, "home-2") == "its-own"
    for options in ({"id": "home"}, {"id": "a/b"}, {"options": {"qr_limit": 0}}, {"options": {"expose": 1}}):
        assert (await api.phone("POST", "/instances", {"gateway": "evolution", **options}))[0] == 400


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("401", 401, "Unauthorized"),
        ("404", 404, ['The "home" instance does not exist']),
        ("409", 409, ["Conflict"]),
        ("422", 422, ["Unprocessable Entity"]),
        ("429", 429, ["Too Many Requests"]),
    ],
)
async def test_faults_have_the_vendors_shape(api: Api, fault: str, status: int, message: object) -> None:
    """Neutral faults look as this server would say it."""
    api.emulator.faults.add("evolution", fault, method="instance/connectionState")
    got, answer = await api.once("GET", "/instance/connectionState/home")
    assert (got, answer["status"], answer["response"]) == (status, status, {"message": message})
    assert await api.state() == "close"


async def test_failure_in_success(api: Api) -> None:
    """It is what connect says after an exception."""
    api.emulator.faults.add("evolution", "200_with_error", method="instance/connect")
    assert await api.connect() == SOMETHING_FAILED


async def test_broken_pictures(api: Api) -> None:
    """In every answer that has a picture; the text is empty then, too."""
    await api.connect()
    body = {"instanceName": "b", "integration": "WHATSAPP-BAILEYS", "qrcode": True}
    for verb, path, key in (
        ("GET", "/instance/connect/home", ""),
        ("POST", "/instance/restart/home", ""),
        ("POST", "/instance/create", "qrcode"),
    ):
        api.emulator.faults.add("evolution", "not_a_png", method=path.removesuffix("/home")[1:])
        _, answer = await api.once(verb, path, json=body)
        code = answer[key] if key else answer
        assert code["code"] == ""
        assert not base64.b64decode(code["base64"].partition(",")[2]).startswith(PNG_MAGIC)
    assert api.emulator.faults.pending() == []


async def test_requests_are_counted(api: Api) -> None:
    """By the vendor's names, whatever the instance."""
    api.emulator.requests.reset()
    await api.once("GET", "/")
    await api.once("GET", "/nothing")
    await api.state()
    await api.row()
    await api.post("/chat/findChats/home")
    _, counts = await api.phone("GET", "/requests")
    assert counts["evolution"] == {
        "welcome": 1,
        "": 1,
        "instance/connectionState": 1,
        "instance/fetchInstances": 1,
        "chat/findChats": 1,
    }
    assert api.emulator.requests.count("evolution", instance="home") == 3
