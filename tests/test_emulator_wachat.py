"""The emulator's Wachat against the vendor's documentation, over real HTTP on loopback."""

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
from tests.emulator.wachat_instance import WachatInstance

pytestmark = pytest.mark.usefixtures("socket_enabled")

# 20 s, after which a code changes, last 0.4 s.
SCALE = 0.02
NAME = "t1_mq9r2jov_living_room"
ADA = "+13035550142"
ADA_DIGITS = "13035550142"
FAMILY = "120363000000000142@g.us"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
DATA_URI = "data:image/png;base64,"
NOT_FOUND = "Instance not found for this API key."
BAD_KEY = "Missing or invalid API key."
RESTRICTED = "Subscription restriction prevented QR generation."
ONLY_BAILEYS = "QR code is only available for WhatsApp Baileys instances."
NO_QR = "Failed to fetch or decode the QR code image."


class Answer:
    """What came back."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        """Keep status, headers and body."""
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and wording of an error."""
        assert self.json["success"] is False
        return self.status, self.json["error"]


class Api:
    """Calls the emulator as a client of Wachat would."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Talk about the instance that there is from the beginning."""
        self.emulator = emulator
        self.session = session
        [instance] = [each for each in emulator.instances if isinstance(each, WachatInstance)]
        self.instance = instance
        self.key = instance.credentials()["token"]

    async def once(self, verb: str, path: str, **options: Any) -> Answer:
        """Ask once; the key goes along unless headers are given."""
        headers = {"Authorization": f"Bearer {self.key}"}
        options = {"headers": headers, "allow_redirects": False, **options}
        url = f"{self.emulator.url}/wachat/api/v1/{path}"
        async with self.session.request(verb, url, **options) as response:
            return Answer(response, await response.read())

    async def about(self, path: str, verb: str = "GET", name: str | None = None, **query: str) -> Answer:
        """Ask about an instance, the first if none is named."""
        return await self.once(verb, path, params={"instanceName": name or self.instance.id, **query})

    async def get(self, path: str, **query: str) -> Any:
        """GET about the instance and return the JSON of a success."""
        answer = await self.about(path, **query)
        assert answer.status == 200, answer.body
        assert answer.json["success"] is True
        return answer.json

    async def post(self, path: str, body: Any) -> Any:
        """POST and return the JSON of a success."""
        answer = await self.once("POST", path, json=body)
        assert answer.status == 200, answer.body
        assert answer.json["success"] is True
        return answer.json

    async def refusal(self, path: str, body: Any) -> tuple[int, str]:
        """POST and return status and wording of the refusal."""
        return (await self.once("POST", path, json=body)).refusal

    async def phone(self, verb: str, path: str, body: Any = None) -> Answer:
        """Use a control route."""
        async with self.session.request(verb, f"{self.emulator.url}/phone{path}", json=body) as response:
            return Answer(response, await response.read())

    async def made(self, **body: Any) -> WachatInstance:
        """Have the control route make one more instance."""
        answer = await self.phone("POST", "/instances", {"gateway": "wachat", **body})
        assert answer.status == 201, answer.body
        instance = self.emulator.phone.find(answer.json["id"])
        assert isinstance(instance, WachatInstance)
        return instance

    async def code(self, **query: str) -> Any:
        """Ask for codes until there is one."""
        async with asyncio.timeout(20):
            while "base64" not in (code := (await self.get("instance/qr", **query))["qrcode"]):
                await asyncio.sleep(0.005)
        return code

    async def until(self, state: str) -> None:
        """Wait until the instance has a state."""
        async with asyncio.timeout(20):
            while self.instance.state != state:
                await asyncio.sleep(0.005)

    def text(self, **changes: Any) -> dict[str, Any]:
        """Return the body of a text message."""
        body = {"instanceName": self.instance.id, "number": ADA_DIGITS, "type": "text", "message": "Hello", "delay": 0}
        return {name: value for name, value in (body | changes).items() if value is not None}

    def link(self) -> None:
        """Link the phone without further ado."""
        self.instance.link(self.instance.number)


def text_in(picture: bytes) -> str:
    """Return the text in a QR code."""
    image = Image.open(io.BytesIO(picture))
    return str(zxingcpp.read_barcodes(image.convert("RGB"))[0].text)


def picture_in(uri: str) -> bytes:
    """Return what is in a data URI."""
    assert uri.startswith(DATA_URI)
    return base64.b64decode(uri.removeprefix(DATA_URI), validate=True)


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


# Instances made by the control route


async def test_first_instance(api: Api) -> None:
    """What is to be typed into Home Assistant is the same at every start."""
    shown = [each for each in (await api.phone("GET", "/instances")).json if each["gateway"] == "wachat"]
    [instance] = shown
    credentials = instance["credentials"]
    assert (instance["id"], instance["state"], instance["linked"]) == (NAME, "close", False)
    assert credentials.pop("token") == Api(Emulator(), api.session).key
    assert credentials == {"base_url": f"{api.emulator.url}/wachat", "instance_name": NAME}


async def test_base_url_with_and_without_version(api: Api) -> None:
    """The address in the documentation ends in /api/v1."""
    headers = {"Authorization": f"Bearer {api.key}"}
    for base_url in (api.instance.credentials()["base_url"], f"{api.emulator.url}/wachat/api/v1"):
        async with api.session.get(f"{base_url}/instance/list", headers=headers) as response:
            assert response.status == 200


async def test_one_key_owns_several_instances(api: Api) -> None:
    """The token says whose a further instance is; without one it is the first account's."""
    second = await api.made()
    stranger = await api.made(token="another-key", id="t9_custom_name", number="+12025550177")
    neighbour = await api.made(token="another-key", linked=True)
    assert second.account == api.instance.account
    assert stranger.account == neighbour.account
    assert re.fullmatch(r"t1_[0-9a-z]{8}_phone_2", second.id)
    assert re.fullmatch(r"t2_[0-9a-z]{8}_phone_4", neighbour.id)
    assert (stranger.id, stranger.number, neighbour.state) == ("t9_custom_name", "+12025550177", "open")
    listed = await api.get("instance/list")
    assert [each["apiInstanceName"] for each in listed["instances"]] == [NAME, second.id]
    assert (await api.about("instance/state", name=stranger.id)).refusal == (404, NOT_FOUND)
    headers = {"Authorization": "Bearer another-key"}
    assert len((await api.once("GET", "instance/list", headers=headers)).json["instances"]) == 2


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"id": NAME}, "is taken"),
        ({"options": {"subscription": "free"}}, "must be one of active, restricted, expired"),
        ({"options": {"engine": "steam"}}, "must be one of up, hangs, broken"),
        ({"options": {"integration": "EVOLUTION"}}, "must be one of WHATSAPP-BAILEYS, WHATSAPP-BUSINESS"),
        ({"options": {"qr_limit": 0}}, "at least 1"),
    ],
)
async def test_bad_instances_are_refused(api: Api, body: Any, complaint: str) -> None:
    """The answer says what is wrong."""
    answer = await api.phone("POST", "/instances", {"gateway": "wachat", **body})
    assert answer.status == 400
    assert complaint in answer.json["error"]


# Authentication and paths


@pytest.mark.parametrize("path", ["instance/list", "instance/state", "instance/qr", "instance/qr/image", "contacts"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "KEY"},
        {"Authorization": "Basic KEY"},
        {"apikey": "KEY"},
    ],
)
async def test_key_is_a_bearer_token(api: Api, path: str, headers: dict[str, str]) -> None:
    """Everything else is refused, Evolution API's own header, too."""
    headers = {name: value.replace("KEY", api.key) for name, value in headers.items()}
    answer = await api.once("GET", path, headers=headers, params={"instanceName": NAME})
    assert answer.refusal == (401, BAD_KEY)


async def test_key_in_the_query(api: Api) -> None:
    """Only the picture and the live page take it; a header goes first."""
    await api.code()
    query = {"instanceName": NAME, "apiKey": api.key}
    for path, status in (
        ("instance/qr/image", 200),
        ("instance/qr/live", 200),
        ("instance/qr", 401),
        ("instance/state", 401),
        ("instance/list", 401),
        ("contacts", 401),
    ):
        assert (await api.once("GET", path, headers={}, params=query)).status == status
    wrong = {"Authorization": "Bearer wrong"}
    assert (await api.once("GET", "instance/qr/image", headers=wrong, params=query)).refusal == (401, BAD_KEY)
    query["apiKey"] = "wrong"
    assert (await api.once("GET", "instance/qr/image", headers={}, params=query)).refusal == (401, BAD_KEY)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "instance/list"),
        ("GET", "instance/create"),
        ("POST", "instance/logout"),
        ("GET", "instance/delete"),
        ("POST", "instance/qr"),
        ("PUT", "instance/restart"),
        ("GET", "send/text"),
        ("GET", "account"),
        ("GET", ""),
    ],
)
async def test_unknown_calls(api: Api, verb: str, path: str) -> None:
    """A wrong verb is as unknown as a wrong path."""
    answer = await api.about(path, verb)
    assert answer.refusal == (404, "Endpoint not found.")
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "instance/state"),
        ("GET", "instance/qr"),
        ("GET", "instance/qr/image"),
        ("GET", "instance/qr/live"),
        ("DELETE", "instance/logout"),
        ("DELETE", "instance/delete"),
        ("GET", "contacts"),
    ],
)
async def test_instance_has_to_be_named(api: Api, verb: str, path: str) -> None:
    """By its final name: the friendly one is unknown."""
    answer = await api.once(verb, path)
    assert answer.refusal == (400, "Missing instanceName query parameter.")
    assert (await api.about(path, verb, name="Living room")).refusal == (404, NOT_FOUND)


async def test_requests_are_counted(api: Api) -> None:
    """By the path of the call, without the instance, which is noted apart."""
    await api.get("instance/state")
    await api.refusal("send/text", api.text())
    await api.once("GET", "nothing")
    counts = (await api.phone("GET", "/requests")).json
    assert counts["wachat"] == {"instance/state": 1, "send/text": 1, "": 1}
    assert api.emulator.requests.count(instance=NAME, status=200) == 1
    assert api.emulator.requests.count(instance=NAME, method="send/text", status=400) == 1


# Creating instances


async def test_create(api: Api) -> None:
    """The final name is another than the given one, and the only one that works."""
    api.emulator.clock.scale = 0.1
    made = await api.post("instance/create", {"instanceName": "Jakarta Store!", "rejectCall": True})
    instance = made["instance"]
    assert instance["instanceName"] == "Jakarta Store!"
    assert instance["status"] == "connecting"
    assert re.fullmatch(r"t1_[0-9a-z]{8}_jakarta_store", instance["apiInstanceName"])
    # The engine waits 5 s for a code, and the first one takes a little longer.
    qrcode = made["qrcode"]
    assert qrcode.pop("imageUrl").endswith(f"/api/v1/instance/qr/image?instanceName={instance['apiInstanceName']}")
    assert qrcode.pop("liveUrl").endswith(f"/api/v1/instance/qr/live?instanceName={instance['apiInstanceName']}")
    assert qrcode == {"count": 0}
    api.emulator.clock.scale = SCALE
    assert (await api.about("instance/state", name="Jakarta Store!")).refusal == (404, NOT_FOUND)
    code = await api.code(name=instance["apiInstanceName"])
    assert (code["count"], code["pairingCode"]) == (1, None)
    assert code["code"] == text_in(picture_in(code["base64"]))


async def test_create_with_picture(api: Api) -> None:
    """The names are in headers then; the addresses in the JSON work."""
    answer = await api.once("POST", "instance/create?response=image", json={"instanceName": "Jakarta Store"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["X-Instance-Name"] == "Jakarta Store"
    assert answer.headers["Cache-Control"] == "no-store"
    name = answer.headers["X-Api-Instance-Name"]
    code = await api.code(name=name)
    assert text_in(answer.body) == code["code"]
    async with api.session.get(code["imageUrl"], params={"apiKey": api.key}) as response:
        assert await response.read() == answer.body
    async with api.session.get(code["liveUrl"], params={"apiKey": api.key}) as response:
        assert code["base64"] in await response.text()


async def test_create_with_number(api: Api) -> None:
    """The engine then has a pairing code with every QR code."""
    made = await api.post("instance/create", {"instanceName": "Door", "number": ADA_DIGITS})
    name = made["instance"]["apiInstanceName"]
    code = await api.code(name=name)
    assert re.fullmatch(r"[A-Z1-9]{8}", code["pairingCode"])
    assert (await api.code(name=name))["pairingCode"] == code["pairingCode"]
    entered = await api.phone("POST", "/enter-code", {"code": code["pairingCode"]})
    assert (entered.status, entered.json["number"], entered.json["state"]) == (200, ADA, "open")


async def test_create_for_business(api: Api) -> None:
    """It needs three fields more, is open at once, and has no QR code."""
    body = {"instanceName": "Shop", "integration": "WHATSAPP-BUSINESS", "token": "x", "businessId": "1"}
    assert await api.refusal("instance/create", body) == (400, "Missing required field: number.")
    body["number"] = ADA_DIGITS
    assert await api.refusal("instance/create?response=image", body) == (409, ONLY_BAILEYS)
    made = await api.post("instance/create", body)
    assert "qrcode" not in made
    name = made["instance"]["apiInstanceName"]
    assert (await api.get("instance/state", name=name))["instance"]["state"] == "open"
    for path in ("instance/qr", "instance/qr/image", "instance/qr/live"):
        assert (await api.about(path, name=name)).refusal == (409, ONLY_BAILEYS)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "Missing required field: instanceName."),
        ({"instanceName": 5}, "Field instanceName must be a string."),
        ({"instanceName": "a\nb"}, "Field instanceName is invalid."),
        ({"instanceName": "a", "integration": "EVOLUTION"}, "Field integration must be one of"),
        ({"instanceName": "a", "number": ADA}, "Field number must contain digits only"),
        ({"instanceName": "a", "groupsIgnore": "no"}, "Field groupsIgnore must be a boolean."),
        (["a"], "Invalid JSON body."),
    ],
)
async def test_create_refuses(api: Api, body: Any, complaint: str) -> None:
    """Nothing is made then."""
    status, wording = await api.refusal("instance/create", body)
    assert (status, wording[: len(complaint)]) == (400, complaint)
    assert (await api.get("instance/list"))["count"] == 1
    answer = await api.once("POST", "instance/create?response=text", json={"instanceName": "a"})
    assert answer.status == 400


async def test_list(api: Api) -> None:
    """Number, owner and profile are known while connected."""
    api.link()
    listed = await api.get("instance/list")
    [row] = listed["instances"]
    assert row.pop("createdAt").endswith("Z")
    assert row.pop("updatedAt").endswith("Z")
    assert (listed["count"], row) == (
        1,
        {
            "id": 1,
            "instanceName": "Living room",
            "displayName": "Living room",
            "apiInstanceName": NAME,
            "internalName": NAME,
            "state": "open",
            "status": "open",
            "isConnected": True,
            "number": api.instance.number[1:],
            "profileName": "Living room",
            "profilePictureUrl": None,
            "profilePicUrl": None,
            "owner": f"{api.instance.number[1:]}@s.whatsapp.net",
            "integration": "WHATSAPP-BAILEYS",
        },
    )


async def test_delete(api: Api) -> None:
    """Not while it is connected."""
    api.link()
    answer = await api.about("instance/delete", "DELETE")
    assert answer.refusal == (409, "Instance is still connected. Log out first.")
    assert (await api.about("instance/logout", "DELETE")).json == {"success": True, "message": "Instance logged out"}
    assert (await api.about("instance/delete", "DELETE")).json == {"success": True, "message": "Instance deleted"}
    assert (await api.about("instance/state", name=NAME)).refusal == (404, NOT_FOUND)
    assert await api.get("instance/list") == {"success": True, "count": 0, "instances": []}
    made = await api.post("instance/create", {"instanceName": "Living room"})
    assert made["instance"]["apiInstanceName"] != NAME


# States and codes


async def test_life_of_an_instance(api: Api) -> None:
    """Closed, connecting, open; and closed again until somebody asks for a code."""

    async def state() -> str:
        answer = await api.get("instance/state")
        assert answer["instance"]["state"] == answer["data"]["instance"]["state"]
        assert answer["data"]["instance"]["instanceName"] == NAME
        assert (answer["instance"]["owner"] is not None) is (answer["instance"]["state"] == "open")
        return str(answer["instance"]["state"])

    api.instance.options.first_qr_seconds = 20
    assert await state() == "close"
    assert (await api.about("instance/qr/image")).refusal == (502, NO_QR)
    assert b"Waiting" in (await api.about("instance/qr/live")).body
    assert await state() == "close"
    assert (await api.get("instance/qr"))["qrcode"]["count"] == 0
    assert await state() == "connecting"
    code = await api.code()
    image = await api.about("instance/qr/image")
    assert (image.status, image.headers["Content-Type"]) == (200, "image/png")
    assert image.headers["Cache-Control"] == "no-store"
    assert text_in(image.body) == code["code"]
    assert re.fullmatch(r"2@[\w+/]{100}(,[\w+/]{43}=){3}", code["code"])

    scanned = await api.phone("POST", "/scan", {"qr": code["code"]})
    assert (scanned.status, scanned.json["state"]) == (200, "open")
    assert await state() == "open"
    opened = await api.get("instance/qr")
    assert opened == {"success": True, "instance": {"instanceName": NAME, "state": "open"}}
    assert (await api.about("instance/qr/image")).refusal == (502, NO_QR)
    assert b"connected" in (await api.about("instance/qr/live")).body
    assert (await api.phone("POST", "/scan", {"qr": code["code"]})).status == 410

    await api.phone("POST", "/unlink", {"instance": NAME})
    assert await state() == "close"
    assert (await api.about("instance/logout", "DELETE")).status == 400
    assert (await api.code())["code"] != code["code"]
    assert (await api.about("instance/logout", "DELETE")).status == 200
    assert await state() == "close"


@pytest.mark.parametrize(("connects", "state"), [(False, "close"), (True, "connecting")])
async def test_picture_may_connect(api: Api, connects: bool, state: str) -> None:
    """The documentation leaves open whether it does what /instance/qr does."""
    api.instance.options.image_connects = connects
    assert (await api.about("instance/qr/image")).refusal == (502, NO_QR)
    assert api.instance.state == state


async def test_codes_change(api: Api) -> None:
    """The first one lasts longer than those after it, and they are counted."""
    instance = await api.made(options={"first_qr_seconds": 0, "first_code_seconds": 20, "code_seconds": 5})
    first = await api.code(name=instance.id)
    seen = [api.emulator.clock.now()]
    while (second := await api.code(name=instance.id))["count"] == 1:
        await asyncio.sleep(0.005)
    seen.append(api.emulator.clock.now())
    while (await api.code(name=instance.id))["count"] == 2:
        await asyncio.sleep(0.005)
    assert seen[1] - seen[0] > api.emulator.clock.now() - seen[1]
    # The reference is new; the keys belong to the device and stay.
    assert first["code"].split(",")[0] != second["code"].split(",")[0]
    assert first["code"].split(",")[1:] == second["code"].split(",")[1:]
    assert (await api.phone("POST", "/scan", {"qr": first["code"]})).status == 410


async def test_default_times_of_codes(api: Api) -> None:
    """A minute for the first, 20 s for each of 29 more; then the engine gives up."""
    options = api.instance.options
    assert (options.first_code_seconds, options.code_seconds, options.qr_limit) == (60, 20, 30)
    assert options.first_qr_seconds > 5


async def test_limit_of_codes(api: Api) -> None:
    """The state is `refused`, then `close`, until a code is asked for again."""
    api.instance = await api.made(
        options={
            "first_qr_seconds": 0,
            "first_code_seconds": 20,
            "code_seconds": 10,
            "qr_limit": 3,
            "refused_seconds": 20,
        }
    )
    codes = {}
    async with asyncio.timeout(20):
        await api.code()
        while (code := api.instance.codes.current()) is not None:
            codes[code.text] = api.instance.codes.count
            await asyncio.sleep(0.005)
    assert sorted(codes.values()) == [1, 2, 3]
    assert (await api.get("instance/state"))["instance"]["state"] == "refused"
    assert (await api.about("instance/qr/image")).refusal == (502, NO_QR)
    assert (await api.phone("POST", "/scan", {"qr": list(codes)[-1]})).status == 410
    await api.until("close")
    assert (await api.about("instance/qr/image")).refusal == (502, NO_QR)
    assert (await api.get("instance/state"))["instance"]["state"] == "close"
    assert (await api.code())["count"] == 1
    assert api.instance.state == "connecting"


async def test_ban(api: Api) -> None:
    """A banned account is closed and gets no code, until it is restored."""
    api.link()
    await api.phone("POST", "/ban", {"instance": NAME})
    assert (await api.get("instance/qr"))["qrcode"]["count"] == 0
    assert (await api.get("instance/state"))["instance"]["state"] == "close"
    await api.phone("POST", "/restore", {"instance": NAME})
    assert (await api.get("instance/state"))["instance"]["state"] == "open"


async def test_subscription(api: Api) -> None:
    """Restricted: no codes, as documented. Expired: nothing."""
    api.link()
    api.instance.options.subscription = "restricted"
    for path in ("instance/qr", "instance/qr/image", "instance/qr/live"):
        assert (await api.about(path)).refusal == (403, RESTRICTED)
    assert await api.refusal("instance/create", {"instanceName": "a"}) == (403, RESTRICTED)
    assert await api.get("instance/state")
    assert await api.post("send/text", api.text())
    api.instance.options.subscription = "expired"
    assert (await api.about("instance/qr/image")).refusal == (403, RESTRICTED)
    for path in ("instance/state", "instance/list", "contacts"):
        status, wording = (await api.about(path)).refusal
        assert (status, "Subscription" in wording) == (403, True)
    assert (await api.refusal("send/text", api.text()))[0] == 403


async def test_engine_fails(api: Api) -> None:
    """502 at once, 504 after a while."""
    await api.code()
    for engine, refusal in (("broken", (502, NO_QR)), ("hangs", (504, "Wachat API request timed out."))):
        api.instance.options.engine = engine
        for path in ("instance/qr", "instance/qr/image"):
            assert (await api.about(path)).refusal == refusal


# Contacts


async def test_contacts(api: Api) -> None:
    """In pages; nobody before the first link, and who writes is in it, too."""
    assert (await api.get("contacts"))["total"] == 0
    body = {"instance": NAME, "from": "+12025550188", "text": "Hi", "name": "Robin"}
    assert (await api.phone("POST", "/messages", body)).json["reached_gateway"] is False
    api.link()
    for text in ("Hi", "Still there?"):
        assert (await api.phone("POST", "/messages", body | {"text": text})).json["reached_gateway"] is True
    everything = await api.get("contacts")
    people = everything["contacts"]
    assert (everything["count"], everything["total"], everything["hasMore"]) == (7, 7, False)
    assert (everything["page"], everything["limit"]) == (1, 50)
    assert everything["instance"] == {
        "id": 1,
        "instanceName": "Living room",
        "displayName": "Living room",
        "apiInstanceName": NAME,
        "internalName": NAME,
    }
    ada = people[0]
    assert (ada["id"], ada["name"], ada["phone"], ada["isGroup"]) == (101, "Ada Neighbour", ADA_DIGITS, False)
    assert (ada["remoteJid"], ada["chat"]) == (f"{ADA_DIGITS}@s.whatsapp.net", None)
    groups = [each for each in people if each["isGroup"]]
    assert [(each["name"], each["remoteJid"]) for each in groups][0] == ("Family", FAMILY)
    assert people[-1]["phone"] == "12025550188"
    chat = people[-1]["chat"]
    assert (chat["lastMessageText"], chat["unreadCount"]) == ("Still there?", 2)

    page = await api.get("contacts", page="2", limit="3")
    assert (page["page"], page["limit"], page["count"], page["hasMore"]) == (2, 3, 3, True)
    assert page["contacts"] == people[3:6]
    page = await api.get("contacts", page="3", limit="3")
    assert (page["count"], page["hasMore"], page["contacts"]) == (1, False, people[6:])
    assert (await api.get("contacts", page="0", limit="many"))["limit"] == 50


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "wording"),
    [
        ("401", 401, BAD_KEY),
        ("404", 404, NOT_FOUND),
        ("409", 409, ONLY_BAILEYS),
        ("422", 422, "Unprocessable Content."),
        ("429", 429, "Too Many Requests."),
        ("429_retry_after", 429, "Too Many Requests."),
        ("200_with_error", 200, "Request failed."),
    ],
)
async def test_faults_in_the_vendors_shape(api: Api, fault: str, status: int, wording: str) -> None:
    """JSON with `success` and `error`."""
    api.emulator.faults.add("wachat", fault)
    assert (await api.about("instance/state")).refusal == (status, wording)
    assert await api.get("instance/state")


async def test_conflict_at_deleting(api: Api) -> None:
    """The same status has another reason there."""
    api.emulator.faults.add("wachat", "409", method="instance/delete")
    answer = await api.about("instance/delete", "DELETE")
    assert answer.refusal == (409, "Instance is still connected. Log out first.")


async def test_picture_fault(api: Api) -> None:
    """Neither the picture nor the text is any good; everything around it is as ever."""
    await api.code()
    for path in ("instance/qr", "instance/qr/image", "instance/qr/live"):
        api.emulator.faults.add("wachat", "not_a_png", method=path)
    code = await api.code()
    assert not picture_in(code["base64"]).startswith(PNG_MAGIC)
    assert code["code"] == ""
    image = await api.about("instance/qr/image")
    assert (image.status, image.headers["Content-Type"]) == (200, "image/png")
    assert not image.body.startswith(PNG_MAGIC)
    good = base64.b64encode(PNG_MAGIC)[:8]
    assert good not in (await api.about("instance/qr/live")).body
    assert (await api.about("instance/qr/image")).body.startswith(PNG_MAGIC)
    assert picture_in((await api.code())["base64"]).startswith(PNG_MAGIC)
    assert good in (await api.about("instance/qr/live")).body


async def test_text_of_code_is_not_handed_out(api: Api) -> None:
    """By the control routes, that is: who wants to scan has to read the picture."""
    text = (await api.code())["code"]
    for path in ("/instances", "/messages", "/chats", "/requests", "/faults", ""):
        answer = await api.phone("GET", path)
        assert text.split(",")[0].encode() not in answer.body
