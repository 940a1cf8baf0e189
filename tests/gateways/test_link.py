"""Which account is linked, and why a link ended: as each gateway tells it, in one way for all."""

from collections.abc import Callable
import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.errors import (
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    WrongState,
)
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import Ending, Link, SessionState
from tests.gateways.rig import EMULATED, PHONE, Rig
from tests.gateways.servers import Handler, always, serve

# Its documentation has no field for the account: the number of a session is the one that it was made for.
SILENT = {"wasend"}
TELLING = [key for key in EMULATED if key not in SILENT]
# The others have no word for it, or none that can be asked for later.
AFTER_UNLINKING = {"evolution": Ending.LOGGED_OUT, "whatsapp_api": Ending.LOGGED_OUT}
AFTER_A_BAN = {"evolution": Ending.BANNED, "green_api": Ending.BANNED, "whatsapp_api": Ending.LOGGED_OUT}

OTHER_PHONE = "13035550177"
NAME = "home"
CREDENTIALS = {
    "token": "0DDBA11" * 5,
    "instance_id": "7103000000",
    "instance_name": NAME,
    "session_name": NAME,
    "session_id": NAME,
}

every_gateway = pytest.mark.parametrize("key", EMULATED)
every_telling_gateway = pytest.mark.parametrize("key", TELLING)


def at(session: aiohttp.ClientSession, url: str, key: str) -> Gateway:
    """Return a client of a server that is no emulator's."""
    kind = GATEWAYS[key]
    return kind(session, url, {item.key: CREDENTIALS[item.key] for item in kind.credentials})


async def link_in(session: aiohttp.ClientSession, key: str, answer: Any, status: int = 200) -> Link:
    """Return what a client reads out of an answer."""
    async with serve(_saying(answer, status)) as server:
        return await at(session, server.url, key).get_link()


def _saying(answer: Any, status: int = 200) -> Handler:
    return always(status, json.dumps(answer))


# Against the emulated servers


def test_only_one_is_silent() -> None:
    """A gateway of which something is known can be asked."""
    assert {key for key in GATEWAYS if GATEWAYS[key].get_link is Gateway.get_link} == SILENT


@every_gateway
async def test_before_linking(rig: Rig, key: str) -> None:
    """Nobody was ever linked."""
    assert await rig.client(key).get_link() == Link("", Ending.UNKNOWN)
    assert rig.emulator.requests.count() == (0 if key in SILENT else 1)


@every_gateway
async def test_linked(rig: Rig, key: str) -> None:
    """The number is that of the phone, also of one that WhatsApp restricts."""
    await rig.prepare(key, "get_link")
    number = "" if key in SILENT else rig.instance(key).number.removeprefix("+")
    assert await rig.client(key).get_link() == Link(number)
    assert rig.emulator.requests.count() == (0 if key in SILENT else 1)

    rig.instance(key).limit()
    assert await rig.client(key).get_link() == Link(number)


@every_gateway
async def test_unlinked(rig: Rig, key: str) -> None:
    """The owner removed the linked device: the number is gone, and it is told why if the gateway knows."""
    await rig.prepare(key, "get_link")
    rig.emulator.phone.unlink(f"{key}/{rig.instance(key).id}")
    assert await rig.client(key).get_link() == Link("", AFTER_UNLINKING.get(key, Ending.UNKNOWN))


@every_gateway
async def test_banned(rig: Rig, key: str) -> None:
    """WhatsApp does not want the account any more."""
    await rig.prepare(key, "get_link")
    rig.emulator.phone.ban(f"{key}/{rig.instance(key).id}")
    assert (await rig.client(key).get_link()).ending is AFTER_A_BAN.get(key, Ending.UNKNOWN)


@every_telling_gateway
async def test_linked_anew(rig: Rig, key: str) -> None:
    """Another phone is linked than before: it counts, and how the former link ended does not."""
    await rig.prepare(key, "get_link")
    instance = rig.instance(key)
    rig.emulator.phone.unlink(f"{key}/{instance.id}")
    instance.link(f"+{OTHER_PHONE}")
    await rig.prepare(key, "get_link")
    assert await rig.client(key).get_link() == Link(OTHER_PHONE)


# How the account is spelled

ACCOUNT_IN: dict[str, Callable[[Any], Any]] = {
    "green_api": lambda account: {"stateInstance": "authorized", "phone": account},
    "wawp": lambda account: {"status": "WORKING", "me": {"id": account}},
    "wachat": lambda account: {"success": True, "instance": {"state": "open", "owner": account}},
    "whatsapp_api": lambda account: {"state": "ready", "account": {"wid": account}, "last_error": None},
    "waha": lambda account: {"status": "WORKING", "me": {"id": account}},
    "evolution": lambda account: [{"name": NAME, "connectionStatus": "open", "ownerJid": account}],
}
SPELLINGS = {
    "chat id": (f"{PHONE}@c.us", PHONE),
    "jid": (f"{PHONE}@s.whatsapp.net", PHONE),
    "jid of a device": (f"{PHONE}:12@s.whatsapp.net", PHONE),
    "chat id of a device": (f"{PHONE}:12@c.us", PHONE),
    "digits": (PHONE, PHONE),
    "hidden": ("123456789012345@lid", ""),
    "hidden, of a device": ("123456789012345:7@lid", ""),
    "empty": ("", ""),
    "null": (None, ""),
}
NO_ACCOUNTS = {
    "number": 12025550142,
    "true": True,
    "list": [],
    "object": {},
    "word": "somebody",
    "group": "120363000000000142@g.us",
    "channel": "120363000000000142@newsletter",
    "status": "status@broadcast",
    "server only": "@c.us",
    "too short": "142@c.us",
    "too long": f"{PHONE}000000@c.us",
    "elsewhere": f"{PHONE}@mail.example",
}


def test_spellings_are_tried_with_all() -> None:
    """No gateway is left out below."""
    assert set(ACCOUNT_IN) == set(BROKEN) == set(TELLING)


@every_telling_gateway
@pytest.mark.parametrize(("account", "number"), SPELLINGS.values(), ids=SPELLINGS)
async def test_spelling(session: aiohttp.ClientSession, key: str, account: Any, number: str) -> None:
    """Whatever the engine calls the account, it comes down to the same digits."""
    assert await link_in(session, key, ACCOUNT_IN[key](account)) == Link(number)


@every_telling_gateway
@pytest.mark.parametrize("account", NO_ACCOUNTS.values(), ids=NO_ACCOUNTS)
async def test_no_account(session: aiohttp.ClientSession, key: str, account: Any) -> None:
    """What cannot be an account is none, and the error does not repeat it."""
    with pytest.raises(InvalidAnswer) as caught:
        await link_in(session, key, ACCOUNT_IN[key](account))
    assert PHONE not in str(caught.value)


def test_number_is_private() -> None:
    """A link in a log line tells nothing."""
    assert PHONE not in repr(Link(PHONE, Ending.BANNED))


# Broken answers

_ME = {"id": f"{PHONE}@c.us"}
_BROKEN_ME: list[Any] = ["", [], 1]
_BROKEN_SESSIONS: list[Any] = [{}, [], None, "WORKING", {"me": _ME}, {"status": 1, "me": _ME}]
_BROKEN_SESSIONS += [{"status": "WORKING", "me": me} for me in _BROKEN_ME]
_BROKEN_CODES: list[Any] = ["401", [], {}, 401.5]
BROKEN: dict[str, list[Any]] = {
    "green_api": [{}, [], None, "authorized", {"phone": PHONE}, {"stateInstance": 1, "phone": PHONE}],
    "wawp": _BROKEN_SESSIONS,
    "wachat": [{}, [], None, {"instance": "open"}, {"instance": {"owner": PHONE}}, {"data": {}}, {"data": []}],
    "whatsapp_api": [
        {},
        [],
        None,
        {"account": {"wid": PHONE}},
        {"state": "ready", "account": PHONE},
        {"state": "ready", "account": []},
        {"state": "disconnected", "account": None, "last_error": []},
        {"state": "disconnected", "account": None, "last_error": 401},
    ],
    "waha": _BROKEN_SESSIONS,
    "evolution": [
        {},
        None,
        "open",
        [NAME],
        [{"name": NAME}],
        [{"name": NAME, "connectionStatus": None}],
        *([{"name": NAME, "connectionStatus": "close", "disconnectionReasonCode": code}] for code in _BROKEN_CODES),
    ],
}


@pytest.mark.parametrize(
    ("key", "number"), [(key, number) for key, answers in BROKEN.items() for number in range(len(answers))]
)
async def test_broken_answer(session: aiohttp.ClientSession, key: str, number: int) -> None:
    """What makes no sense is told as such: nothing is taken for an account that is gone."""
    with pytest.raises(InvalidAnswer):
        await link_in(session, key, BROKEN[key][number])


# What each gateway tells, and how


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        ("blocked", Ending.BANNED),
        ("notAuthorized", Ending.UNKNOWN),
        ("starting", Ending.UNKNOWN),
        ("unheard of", Ending.UNKNOWN),
    ],
)
async def test_ending_at_green_api(session: aiohttp.ClientSession, state: str, ending: Ending) -> None:
    """Only a ban is told."""
    assert await link_in(session, "green_api", {"stateInstance": state, "phone": ""}) == Link("", ending)


@pytest.mark.parametrize(
    "me", [{"id": "123456789012345@lid", "jid": f"{PHONE}:12@s.whatsapp.net"}, {"jid": f"{PHONE}@c.us"}]
)
@pytest.mark.parametrize("key", ["waha", "wawp"])
async def test_number_in_jid(session: aiohttp.ClientSession, key: str, me: dict[str, str]) -> None:
    """An account with an opaque id may have its number in another field."""
    assert await link_in(session, key, {"status": "WORKING", "me": me}) == Link(PHONE)


@pytest.mark.parametrize("info", [{"status": "SCAN_QR_CODE"}, {"status": "FAILED", "me": None}])
@pytest.mark.parametrize("key", ["waha", "wawp"])
async def test_session_without_account(session: aiohttp.ClientSession, key: str, info: dict[str, Any]) -> None:
    """Nobody is linked: null, or not there at all."""
    assert await link_in(session, key, info) == Link()


async def test_session_that_wawp_dropped(session: aiohttp.ClientSession) -> None:
    """A session that is gone has no account; one that is being repaired cannot tell."""
    dropped = {"code": "invalid_session", "message": "Session was disconnected. Please scan the QR code again"}
    assert await link_in(session, "wawp", dropped, 404) == Link()
    with pytest.raises(WrongState) as caught:
        await link_in(session, "wawp", {"message": "Session Status Not Expected"}, 422)
    assert caught.value.state is SessionState.STARTING


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ({"instance": {"state": "open", "owner": None, "number": PHONE}}, PHONE),
        ({"data": {"instance": {"state": "open"}}}, ""),
        ({"instance": {"state": "close", "owner": f"{PHONE}@s.whatsapp.net", "number": PHONE}}, ""),
        ({"instance": {"state": "connecting", "owner": f"{PHONE}@s.whatsapp.net"}}, ""),
    ],
)
async def test_account_at_wachat(session: aiohttp.ClientSession, answer: dict[str, Any], number: str) -> None:
    """The account stands in two fields, and counts only while it is linked."""
    assert await link_in(session, "wachat", answer) == Link(number)


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("LOGOUT", Ending.LOGGED_OUT),
        ("UNPAIRED", Ending.LOGGED_OUT),
        ("CONFLICT", Ending.REPLACED),
        ("UNLAUNCHED", Ending.UNKNOWN),
        ("Max qrcode retries reached", Ending.UNKNOWN),
        ("", Ending.UNKNOWN),
        (None, Ending.UNKNOWN),
    ],
)
async def test_ending_at_whatsapp_api(session: aiohttp.ClientSession, reason: str | None, ending: Ending) -> None:
    """The library's words have a meaning; those that nobody knows have none."""
    status = {"state": "disconnected", "account": None, "last_error": reason}
    assert await link_in(session, "whatsapp_api", status) == Link("", ending)


async def test_error_of_a_linked_account(session: aiohttp.ClientSession) -> None:
    """What went wrong before does not matter any more."""
    status = {"state": "ready", "account": {"wid": f"{PHONE}@c.us"}, "last_error": "LOGOUT"}
    assert await link_in(session, "whatsapp_api", status) == Link(PHONE)


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (401, Ending.LOGGED_OUT),
        (403, Ending.BANNED),
        (440, Ending.REPLACED),
        (402, Ending.UNKNOWN),
        (None, Ending.UNKNOWN),
    ],
)
@pytest.mark.parametrize("state", ["close", "connecting"])
async def test_ending_at_evolution(
    session: aiohttp.ClientSession, state: str, code: int | None, ending: Ending
) -> None:
    """The code with which WhatsApp closed the connection tells why; the number that is kept is the last phone's."""
    row = {
        "name": NAME,
        "connectionStatus": state,
        "ownerJid": f"{PHONE}@s.whatsapp.net",
        "disconnectionReasonCode": code,
    }
    assert await link_in(session, "evolution", [row]) == Link("", ending)
    assert await link_in(session, "evolution", [row | {"connectionStatus": "open"}]) == Link(PHONE)


async def test_other_instances_of_evolution(session: aiohttp.ClientSession) -> None:
    """An instance is known by its name, whatever else is in the list."""
    other = {"name": "attic", "connectionStatus": "open", "ownerJid": f"{OTHER_PHONE}@s.whatsapp.net"}
    [own] = ACCOUNT_IN["evolution"](PHONE)
    assert await link_in(session, "evolution", [other, own]) == Link(PHONE)
    for rows in ([other], []):
        with pytest.raises(InstanceNotFound):
            await link_in(session, "evolution", rows)


async def test_only_own_instance_is_asked_for(session: aiohttp.ClientSession) -> None:
    """The list is narrowed down: others may be many, and are nobody's business."""
    queries = []

    async def answer(request: web.Request) -> web.StreamResponse:
        queries.append((request.path, dict(request.query)))
        return web.json_response(ACCOUNT_IN["evolution"](PHONE))

    async with serve(answer) as server:
        await at(session, server.url, "evolution").get_link()
    assert queries == [("/instance/fetchInstances", {"instanceName": NAME})]


@pytest.mark.parametrize(("own_key", "error"), [(False, InstanceNotFound), (True, InvalidCredentials)])
async def test_deleted_instance_of_evolution(rig: Rig, own_key: bool, error: type[GatewayError]) -> None:
    """The server says that there is none such, or to the key of another instance nothing."""
    credentials = rig.instance("evolution").credentials()
    other = rig.emulator.gateways["evolution"].create_instance(instance_id="attic", token="KEY-OF-THE-ATTIC")
    token = "KEY-OF-THE-ATTIC" if own_key else credentials["token"]
    gateway = GATEWAYS["evolution"](
        rig.session, credentials["base_url"], {"token": token, "instance_name": f"no {other.id}"}
    )
    with pytest.raises(error):
        await gateway.get_link()


async def test_wasend_is_not_asked(session: aiohttp.ClientSession) -> None:
    """There is nothing to ask for, so there is no request."""
    async with serve(_saying({})) as server:
        assert await at(session, server.url, "wasend").get_link() == Link()
    assert server.requests == []
