"""Evolution API: the client against the emulated server, and against every error that the vendor's sources tell of."""

import asyncio
import base64
from collections.abc import AsyncGenerator
import json
import logging
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    NotOnWhatsApp,
    RateLimited,
    Refused,
    Unsupported,
    WrongState,
)
from custom_components.whatsapp_link.gateways.evolution import Evolution
from custom_components.whatsapp_link.gateways.model import Chat, QrCode, Session, SessionState
from custom_components.whatsapp_link.gateways.qr_code import render_png
from tests.emulator.evolution_instance import EvolutionInstance
from tests.gateways.rig import CHAT, PHONE, Rig, client_for, leaks, open_rig, perform, text_in
from tests.gateways.servers import Handler, always, serve

CREDENTIALS = {"token": "0DDBA11" * 5, "instance_name": "living room"}
FAMILY = "120363000000000142@g.us"
NOBODY = "13035550199"


@pytest.fixture(autouse=True)
def look_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the end of a logout as often as the emulator's clock asks for."""
    monkeypatch.setattr("custom_components.whatsapp_link.gateways.evolution.LOGOUT_PAUSE", 0.01)


@pytest.fixture
async def slow_rig() -> AsyncGenerator[Rig]:
    """An emulator whose codes last long enough for somebody to type one."""
    async with open_rig(0.1) as opened:
        yield opened


def own(rig: Rig) -> EvolutionInstance:
    """Return the instance that there is from the beginning."""
    instance = rig.instance("evolution")
    assert isinstance(instance, EvolutionInstance)
    # On a busy machine a code may not be there yet when the server's patience of two seconds is over.
    instance.options.start_seconds = 0
    return instance


def made(rig: Rig, name: str | None = None, *, token: str | None = None, **options: Any) -> EvolutionInstance:
    """Return a new instance, on a server like this."""
    instance = rig.emulator.gateways["evolution"].create_instance(instance_id=name, token=token, options=options)
    assert isinstance(instance, EvolutionInstance)
    return instance


def client(rig: Rig, instance: EvolutionInstance) -> Evolution:
    """Return a client of an instance."""
    gateway = client_for(rig.session, instance, Evolution)
    assert isinstance(gateway, Evolution)
    return gateway


def at(session: aiohttp.ClientSession, url: str) -> Evolution:
    """Return a client of a server that is no emulator's."""
    return Evolution(session, url, CREDENTIALS)


def linked(instance: EvolutionInstance) -> EvolutionInstance:
    """Have the phone linked."""
    instance.link(instance.number)
    return instance


async def offering(instance: EvolutionInstance) -> EvolutionInstance:
    """Have an instance offer codes."""
    instance.connect()
    await until_code(instance)
    return instance


async def until_code(instance: EvolutionInstance) -> str:
    """Wait until an instance has a code, and return its text."""
    async with asyncio.timeout(20):
        while (code := instance.codes.current()) is None:
            await instance.changed.wait(0.05)
    return code.text


async def until(instance: EvolutionInstance, state: str) -> None:
    """Wait until an instance is in a state."""
    async with asyncio.timeout(20):
        while instance.state != state:
            await instance.changed.wait(0.05)


def asked(rig: Rig) -> dict[str, int]:
    """Return how often the server was asked for what."""
    return rig.emulator.requests.counts().get("evolution", {})


# The session


async def test_states(rig: Rig) -> None:
    """Each of the vendor's words says what it means."""
    instance = made(rig, start_seconds=0, qr_limit=2, refused_seconds=1000)
    gateway = client(rig, instance)
    seen = [(instance.state, (await gateway.get_session()).state)]
    await offering(instance)
    seen.append((instance.state, (await gateway.get_session()).state))
    linked(instance)
    seen.append((instance.state, (await gateway.get_session()).state))
    instance.unlink()
    await offering(instance)
    await until(instance, "refused")
    seen.append((instance.state, (await gateway.get_session()).state))
    assert seen == [
        ("close", SessionState.UNLINKED),
        ("connecting", SessionState.UNLINKED),
        ("open", SessionState.LINKED),
        ("refused", SessionState.UNLINKED),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "null",
        '{"instance": null}',
        '{"instance": "open"}',
        '{"instance": {}}',
        '{"instance": {"state": 1}}',
    ],
)
async def test_no_state(session: aiohttp.ClientSession, body: str) -> None:
    """An answer without a state is not taken for one."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).get_session()


async def test_key_travels_in_a_header(session: aiohttp.ClientSession) -> None:
    """Addresses are logged by servers and proxies: the key is not in them."""
    seen: list[tuple[str, str | None]] = []

    async def look(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("apikey")))
        return web.json_response({"instance": {"state": "open"}})

    async with serve(look) as server:
        await at(session, server.url).get_session()
    assert seen == [("/instance/connectionState/living%20room", CREDENTIALS["token"])]


# Linking with a QR code


async def test_code_links(slow_rig: Rig) -> None:
    """Asked for a code, one that is closed connects; its text is drawn, and a phone takes the picture."""
    rig = slow_rig
    instance = own(rig)
    gateway = client(rig, instance)
    code = await gateway.get_qr()
    assert code is not None
    shown = instance.codes.current()
    assert shown
    assert text_in(code.png) == shown.text
    assert (code.valid_for, code.holds_while_offered) == (45, True)
    assert await rig.scan(code.png) == 200
    assert (await gateway.get_session()).state is SessionState.LINKED


async def test_codes_change(rig: Rig) -> None:
    """After 45 seconds there is another code, and the old one is of no use."""
    gateway = client(rig, await offering(own(rig)))
    first = await gateway.get_qr()
    await rig.emulator.clock.sleep(47)
    second = await gateway.get_qr()
    assert first is not None
    assert second is not None
    assert text_in(first.png) != text_in(second.png)
    assert await rig.scan(first.png) == 410


async def test_no_code_yet(rig: Rig) -> None:
    """A server that has just begun to connect tells that it has had no code, which is no failure."""
    instance = made(rig, start_seconds=1000)
    gateway = client(rig, instance)
    for _ in range(2):
        assert await gateway.get_qr() is None
        assert instance.state == "connecting"


async def test_no_code_after_the_last(rig: Rig) -> None:
    """When all codes went by unscanned there is none, until the server has closed and connects anew."""
    instance = await offering(made(rig, start_seconds=0, qr_limit=1, refused_seconds=50))
    await until(instance, "refused")
    gateway = client(rig, instance)
    assert await gateway.get_qr() is None
    await until(instance, "close")
    assert isinstance(await gateway.get_qr(), QrCode)


async def test_no_code_for_a_banned_account(rig: Rig) -> None:
    """The server does not say why it has no code."""
    instance = linked(own(rig))
    instance.ban()
    assert await client(rig, instance).get_qr() is None


async def test_no_code_for_a_linked_phone(rig: Rig) -> None:
    """Who is linked needs no code, and stays linked."""
    instance = linked(own(rig))
    with pytest.raises(WrongState) as caught:
        await client(rig, instance).get_qr()
    assert caught.value.state is SessionState.LINKED
    assert instance.is_open


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", ""])
async def test_picture_without_a_text(session: aiohttp.ClientSession, prefix: str) -> None:
    """Where there is only a picture, it is taken as it is."""
    picture = render_png("2@picture")
    body = {"pairingCode": None, "base64": prefix + base64.b64encode(picture).decode(), "count": 1}
    async with serve(always(body=json.dumps(body))) as server:
        code = await at(session, server.url).get_qr()
    assert code is not None
    assert text_in(code.png) == "2@picture"


@pytest.mark.parametrize(
    "body",
    ["{}", "[]", '"2@x"', '{"qrcode": {}}', '{"base64": "x"}', '{"count": 1, "base64": "bm90IGEgcGljdHVyZQ=="}'],
)
async def test_no_code_in_the_answer(session: aiohttp.ClientSession, body: str) -> None:
    """What is not a code is not shown to anybody."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).get_qr()


# Linking with a pairing code


async def test_pairing_code(slow_rig: Rig) -> None:
    """One that is closed connects with the number, and gives a code that links the phone when it is typed."""
    rig = slow_rig
    instance = own(rig)
    gateway = client(rig, instance)
    code = await gateway.request_pairing_code(PHONE)
    assert code.valid_for == 45
    assert code.code not in repr(code)
    assert asked(rig) == {"instance/connect": 1}
    assert await rig.enter_code(code.code) == 200
    assert (await gateway.get_session()).state is SessionState.LINKED
    assert instance.number == f"+{PHONE}"


async def test_pairing_code_while_codes_are_offered(slow_rig: Rig) -> None:
    """One that offers codes to scan is closed first, because only one that begins to connect gives a code to type."""
    rig = slow_rig
    instance = await offering(own(rig))
    shown = instance.codes.current()
    assert shown
    code = await client(rig, instance).request_pairing_code(PHONE)
    assert asked(rig).keys() == {"instance/connect", "instance/logout", "instance/connectionState"}
    assert (asked(rig)["instance/connect"], asked(rig)["instance/logout"]) == (2, 1)
    assert not instance.codes.is_valid(shown.text)
    assert await rig.enter_code(code.code) == 200
    assert instance.is_open


async def test_second_pairing_code(slow_rig: Rig) -> None:
    """Asked again, the server tells the code that it has, and nothing is closed."""
    rig = slow_rig
    gateway = client(rig, own(rig))
    first = await gateway.request_pairing_code(PHONE)
    assert await gateway.request_pairing_code(PHONE) == first
    assert asked(rig) == {"instance/connect": 2}


async def test_pairing_code_never_costs_a_phone(rig: Rig) -> None:
    """A phone that is linked is not logged out, whether the server is connected to it or just connects."""
    instance = linked(made(rig, start_seconds=1000))
    gateway = client(rig, instance)
    with pytest.raises(WrongState) as caught:
        await gateway.request_pairing_code(PHONE)
    assert caught.value.state is SessionState.LINKED
    await gateway.restart()
    assert instance.state == "connecting"
    with pytest.raises(GatewayError):
        await gateway.request_pairing_code(PHONE)
    assert instance.linked
    assert "instance/logout" not in asked(rig)


async def test_pairing_code_of_one_that_does_not_close(rig: Rig) -> None:
    """A logout that does not come to its end is not waited for without end."""
    instance = await offering(made(rig, start_seconds=0, logout_seconds=10_000))
    with pytest.raises(GatewayError):
        await client(rig, instance).request_pairing_code(PHONE)
    assert asked(rig) == {"instance/connect": 2, "instance/logout": 1, "instance/connectionState": 10}


# Restart and logout


async def test_restart_keeps_the_link(rig: Rig) -> None:
    """A linked phone stays linked."""
    instance = linked(own(rig))
    gateway = client(rig, instance)
    await gateway.restart()
    await until(instance, "open")
    assert asked(rig) == {"instance/restart": 1}


async def test_restart_while_codes_are_offered(rig: Rig) -> None:
    """The codes begin anew."""
    instance = await offering(own(rig))
    before = await until_code(instance)
    await client(rig, instance).restart()
    assert await until_code(instance) != before
    assert asked(rig) == {"instance/restart": 1}


async def test_restart_of_a_closed_one(rig: Rig) -> None:
    """The server fails at restarting one that is closed, and says so with a good status: it is connected instead."""
    instance = own(rig)
    await client(rig, instance).restart()
    assert instance.state == "connecting"
    assert asked(rig) == {"instance/restart": 1, "instance/connect": 1}


async def test_logout(rig: Rig) -> None:
    """After a logout, which the server does in its own time, a phone can be linked anew."""
    instance = linked(own(rig))
    gateway = client(rig, instance)
    await gateway.logout()
    await until(instance, "close")
    assert (await gateway.get_session()).state is SessionState.UNLINKED
    # There is nothing left to log out.
    with pytest.raises(WrongState) as caught:
        await gateway.logout()
    assert caught.value.state is SessionState.UNLINKED
    assert isinstance(await gateway.get_qr(), QrCode)


# Sending


@pytest.mark.parametrize("chat_id", [CHAT, FAMILY, "120650379300963@lid"])
async def test_id_of_a_message(rig: Rig, chat_id: str) -> None:
    """The id names chat and message in our spelling, and a reply refers to it."""
    gateway = client(rig, linked(own(rig)))
    sent = await gateway.send_text(chat_id, "The door is open")
    answer = await gateway.send_text(chat_id, "It is shut again", reply_to=sent.message_id)
    [first, second] = await rig.arrived(2)
    assert sent.message_id == f"true_{chat_id}_{first['id']}"
    assert first["chat_id"] == chat_id
    assert answer.message_id != sent.message_id
    assert second["quoted_id"] == first["id"]


async def test_what_goes_with_a_text(rig: Rig) -> None:
    """Mentions and the wish for no preview arrive with the message."""
    gateway = client(rig, linked(own(rig)))
    await gateway.send_text(FAMILY, "@13035550142, see example.com", mentions=["13035550142@c.us"], link_preview=False)
    [message] = await rig.arrived(1)
    assert message["details"] == {"mentions": ["13035550142@c.us"], "link_preview": False}


@pytest.mark.parametrize("operation", ["send_text", "send_media", "send_location", "send_contact", "send_poll"])
async def test_sending_needs_a_phone(rig: Rig, operation: str) -> None:
    """Without a connection nothing is sent, whether there has never been one or it was lost; nor is it sent later."""
    instance = own(rig)
    for _ in range(2):
        with pytest.raises(WrongState) as caught:
            await rig.perform(client(rig, instance), operation)
        assert caught.value.state is SessionState.UNLINKED
        linked(instance).unlink()
    linked(instance)
    assert await rig.arrived(0) == []


async def test_number_without_account(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The server asks WhatsApp about each number, and tells the answer in place of words."""
    caplog.set_level(logging.DEBUG)
    gateway = client(rig, linked(own(rig)))
    with pytest.raises(NotOnWhatsApp) as caught:
        await gateway.send_text(f"{NOBODY}@c.us", "Hello")
    ours = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert leaks([NOBODY, own(rig).token], None, ours) == []
    assert NOBODY not in str(caught.value)
    assert await rig.arrived(0) == []


async def test_what_is_no_message(rig: Rig) -> None:
    """What the server says of a text in which there is nothing to see comes through."""
    with pytest.raises(Refused, match="^Text is required$"):
        await client(rig, linked(own(rig))).send_text(CHAT, " ")


@pytest.mark.parametrize("body", ["{}", '{"key": {}}', '{"key": {"id": ""}}', '{"key": {"id": 7}}', '{"key": "A"}'])
async def test_answer_without_an_id(session: aiohttp.ClientSession, body: str) -> None:
    """What was sent has an id, or nobody can refer to it."""
    async with serve(always(201, body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).send_text(CHAT, "Hello")


# Looking up


async def test_check_of_a_number(rig: Rig) -> None:
    """A number that nobody has is None."""
    gateway = client(rig, linked(own(rig)))
    assert await gateway.check_number(PHONE) == f"{PHONE}@c.us"
    assert await gateway.check_number(NOBODY) is None


@pytest.mark.parametrize("body", ["{}", "[]", "[null]", "[{}]", '[{"exists": "yes"}]', '[{"exists": true}]'])
async def test_check_that_makes_no_sense(session: aiohttp.ClientSession, body: str) -> None:
    """Whether somebody is there has to be said, and who it is."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).check_number(PHONE)


async def test_chats(rig: Rig) -> None:
    """People come from the database and groups from WhatsApp: a group that is in both is there once."""
    instance = linked(own(rig))
    gateway = client(rig, instance)
    rig.emulator.phone.write(f"evolution/{instance.id}", "+13035550142", "Hi")
    rig.emulator.phone.write(f"evolution/{instance.id}", "+13035550144", "Hi all", chat_id=FAMILY)
    rig.emulator.phone.write(f"evolution/{instance.id}", "+13035550144", "Old", chat_id="12025550142-1581234048@g.us")
    await gateway.send_text("120650379300963@lid", "Hello")
    chats = await gateway.list_chats()
    assert sorted(chats, key=lambda chat: chat.chat_id) == [
        Chat(FAMILY, "Family", is_group=True),
        Chat("120363000000000143@g.us", "House 7", is_group=True),
        Chat("120650379300963@lid", "", is_group=False),
        Chat("13035550142@c.us", "Ada Neighbour", is_group=False),
    ]


async def test_chats_of_other_kinds(session: aiohttp.ClientSession) -> None:
    """A status is no chat, nor is a list for broadcasts."""
    rows = [
        {"remoteJid": "status@broadcast", "pushName": "Status"},
        {"remoteJid": "1234567890@broadcast"},
        {"remoteJid": "120363000000000142@g.us", "pushName": "Family"},
        {"remoteJid": "120363000000000142@newsletter", "pushName": "News"},
        {"remoteJid": None},
        {"remoteJid": "13035550144@s.whatsapp.net", "pushName": None},
    ]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(rows if "findChats" in request.path else [])

    async with serve(answer) as server:
        chats = await at(session, server.url).list_chats()
    assert chats == [Chat("13035550144@c.us", "", is_group=False)]


@pytest.mark.parametrize("method", ["findChats", "fetchAllGroups"])
@pytest.mark.parametrize("rows", [{}, ["x"], None])
async def test_chats_that_make_no_sense(session: aiohttp.ClientSession, method: str, rows: Any) -> None:
    """Both lists are lists of objects."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(rows if method in request.path else [])

    async with serve(answer) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).list_chats()


@pytest.mark.parametrize("chat_id", ["181234567890123@lid", CHAT])
async def test_read_by_an_opaque_id(rig: Rig, chat_id: str) -> None:
    """The server passes over it without a word: so it is said here, before it is asked."""
    gateway = client(rig, linked(own(rig)))
    rig.emulator.requests.reset()
    with pytest.raises(Unsupported) as caught:
        await gateway.mark_read(chat_id, "false_181234567890123@lid_3EB0A1")
    assert caught.value.what is Capability.MARK_READ
    assert rig.emulator.requests.count() == 0
    # In a group, the group is what counts.
    await gateway.mark_read(FAMILY, f"false_{FAMILY}_3EB0A1_181234567890123@lid")
    await gateway.mark_read(CHAT, f"false_{CHAT}_3EB0A1")
    assert rig.emulator.requests.count(method="chat/markMessageAsRead", status=201) == 2


# The instances of a server


async def test_list_of_instances(rig: Rig) -> None:
    """Each instance has its name, with its owner's if there is one; there are no tokens in it."""
    instance = linked(made(rig, "Kitchen"))
    await offering(made(rig, "attic"))
    instances = await client(rig, own(rig)).list_instances()
    assert [(each.instance_id, each.name, each.state) for each in instances] == [
        ("home", "home", SessionState.UNLINKED),
        ("Kitchen", "Kitchen (Green Street 7)", SessionState.LINKED),
        ("attic", "attic", SessionState.UNLINKED),
    ]
    assert instance.token not in repr(instances)


@pytest.mark.parametrize("name", ["Casa João", "家 7", "ö ä ü ß", "50 % off", "a+b&c=d", "🏠", 'it\'s "home"'])
async def test_odd_names(rig: Rig, name: str) -> None:
    """Whatever the owner liked to call it, it is listed, chosen, linked and written with."""
    nameless = Evolution(rig.session, own(rig).credentials()["base_url"], {"token": own(rig).credentials()["token"]})
    made(rig, name, start_seconds=0)
    found = next(each for each in await nameless.list_instances() if each.instance_id == name)
    chosen = {"token": own(rig).credentials()["token"], "instance_name": found.instance_id}
    assert Evolution.malformed(chosen) == []
    gateway = Evolution(rig.session, own(rig).credentials()["base_url"], chosen)
    code = await gateway.get_qr()
    assert code is not None
    assert await rig.scan(code.png) == 200
    assert (await gateway.get_session()).state is SessionState.LINKED
    await gateway.send_text(CHAT, "Hello")
    [message] = await rig.arrived(1)
    assert message["instance"] == name


@pytest.mark.parametrize("name", ["Küche", "Home Assistant"])
async def test_new_instance(rig: Rig, name: str) -> None:
    """A new instance has the name that was wished, and gives codes."""
    server = own(rig).credentials()
    nameless = {"token": server["token"]}
    new = await Evolution(rig.session, server["base_url"], nameless).create_instance(name, PHONE)
    assert (new.instance_id, new.name, new.state) == (name, name, SessionState.UNLINKED)
    assert Evolution.malformed(nameless | {"instance_name": new.instance_id}) == []
    instance = rig.emulator.instances[-1]
    assert isinstance(instance, EvolutionInstance)
    assert instance.id == name
    assert isinstance(await client(rig, instance).get_qr(), QrCode)


async def test_new_instance_with_a_name_that_is_taken(rig: Rig) -> None:
    """The instance of somebody else is not taken over, and the user learns why."""
    gateway = client(rig, own(rig))
    with pytest.raises(Refused, match='^This name "…" is already in use.$'):
        await gateway.create_instance("home", PHONE)
    assert len(await gateway.list_instances()) == 1


@pytest.mark.parametrize("body", ["{}", '["home"]', '[{"connectionStatus": "open"}]', '{"instance": {"name": "home"}}'])
async def test_instances_that_make_no_sense(session: aiohttp.ClientSession, body: str) -> None:
    """What is listed, and what was made, has a name."""
    async with serve(always(body=body)) as server:
        for operation in ("list_instances", "create_instance"):
            with pytest.raises(InvalidAnswer):
                await perform(at(session, server.url), operation)


# Keys


async def test_key_of_one_instance(rig: Rig) -> None:
    """The token of an instance shows only that one and opens no other."""
    instance = linked(made(rig, "Kitchen", token="TOKEN-OF-THE-KITCHEN"))
    base_url = instance.credentials()["base_url"]
    kitchen = Evolution(rig.session, base_url, {"token": "TOKEN-OF-THE-KITCHEN", "instance_name": "Kitchen"})
    assert [each.instance_id for each in await kitchen.list_instances()] == ["Kitchen"]
    assert (await kitchen.get_session()).state is SessionState.LINKED
    await kitchen.send_text(CHAT, "Hello")
    home = Evolution(rig.session, base_url, {"token": "TOKEN-OF-THE-KITCHEN", "instance_name": "home"})
    for operation in ("get_session", "get_qr", "send_text", "create_instance"):
        with pytest.raises(InvalidCredentials):
            await perform(home, operation)


async def test_wrong_key(rig: Rig) -> None:
    """A key that the server does not know is refused; but what is not there is not there for anybody."""
    base_url = own(rig).credentials()["base_url"]
    home = Evolution(rig.session, base_url, CREDENTIALS | {"instance_name": "home"})
    for operation in ("get_session", "list_instances", "create_instance", "send_text", "list_chats"):
        with pytest.raises(InvalidCredentials):
            await perform(home, operation)
    with pytest.raises(InstanceNotFound):
        await Evolution(rig.session, base_url, CREDENTIALS).get_session()


async def test_unknown_instance(rig: Rig) -> None:
    """An instance that was deleted is gone for whatever is asked."""
    right = own(rig).credentials()
    gateway = Evolution(rig.session, right["base_url"], {"token": right["token"], "instance_name": "Casa João"})
    others = {"list_instances", "create_instance", "parse_webhook", "get_version"}
    for operation in sorted({"get_session", *(each.value for each in Evolution.capabilities)} - others):
        with pytest.raises(InstanceNotFound):
            await perform(gateway, operation)


async def test_wrong_path(rig: Rig) -> None:
    """The address of something else on the same server."""
    base_url = f"{own(rig).credentials()['base_url']}/manager"
    with pytest.raises(InvalidAnswer):
        await client_for(rig.session, own(rig), Evolution, base_url=base_url).get_session()


# Every error that the vendor's sources tell of


def said(status: int, message: Any, error: str = "Bad Request") -> Handler:
    """Return a server that refuses in its envelope."""
    return always(status, json.dumps({"status": status, "error": error, "response": {"message": message}}))


ABSENT = {"jid": f"{PHONE}@s.whatsapp.net", "exists": False, "number": PHONE}
TYPE_ERROR = "Cannot read properties of undefined (reading 'onWhatsApp')"
NO_DELETION = ["Error while deleting message for everyone", "Error: Connection Closed"]

ERRORS: dict[str, tuple[Handler, type[GatewayError], str]] = {
    "400 schema": (
        said(400, [['instance requires property "text"', "Invalid format"]]),
        Refused,
        'instance requires property "text"; Invalid format',
    ),
    "400 controller": (
        said(400, ["Owned media must be a url or base64"]),
        Refused,
        "Owned media must be a url or base64",
    ),
    "400 text": (said(400, "Unexpected end of JSON input", "Internal Server Error"), Refused, "Unexpected end of JSON"),
    "400 with a number": (said(400, [f"{PHONE}@s.whatsapp.net is wrong"]), Refused, "…@s.whatsapp.net is wrong"),
    "400 not on WhatsApp": (said(400, [ABSENT]), NotOnWhatsApp, "not on WhatsApp"),
    "400 another object": (said(400, [{"exists": True}]), Refused, "HTTP 400"),
    "400 closed": (said(400, ["Error: Connection Closed"]), WrongState, "the session is unlinked"),
    "400 not connected": (
        said(400, ['The "living room" instance is not connected']),
        WrongState,
        "the session is unlinked",
    ),
    "400 without an envelope": (
        always(400, '{"error": "remoteJid is a required query parameter"}'),
        Refused,
        "HTTP 400",
    ),
    "400 empty object": (always(400, "{}"), Refused, "HTTP 400"),
    "400 odd": (always(400, '{"response": "no"}'), Refused, "HTTP 400"),
    "400 no object": (always(400, '["no"]'), Refused, "HTTP 400"),
    "400 lists without end": (
        always(400, '{"response": {"message": ' + "[" * 5000 + '"no"' + "]" * 5000 + "}}"),
        Refused,
        "HTTP 400",
    ),
    "401": (said(401, "Unauthorized", "Unauthorized"), InvalidCredentials, "refused"),
    "403 taken": (
        said(403, ['This name "home" is already in use.'], "Forbidden"),
        Refused,
        'This name "home" is already in use.',
    ),
    "403 of a proxy": (always(403, "<h1>Forbidden</h1>", "text/html"), Refused, "HTTP 403"),
    "404 unknown instance": (
        said(404, ['The "living room" instance does not exist'], "Not Found"),
        InstanceNotFound,
        "no such instance",
    ),
    "404 unknown route": (said(404, ["Cannot GET /x"], "Not Found"), InvalidAnswer, ""),
    "404 of a proxy": (always(404, "<h1>Not found</h1>", "text/html"), InvalidAnswer, ""),
    "429 of a proxy": (always(429, Retry_After="30"), RateLimited, ""),
    "500 closed": (said(500, "Connection Closed", "Internal Server Error"), WrongState, "the session is unlinked"),
    "500 bug": (said(500, TYPE_ERROR, "Internal Server Error"), WrongState, "the session is unlinked"),
    "500 deletion": (said(500, NO_DELETION, "Internal Server Error"), WrongState, "the session is unlinked"),
    "500 service": (
        said(500, ["Failed to convert audio"], "Internal Server Error"),
        Refused,
        "Failed to convert audio",
    ),
    "500 with the key": (said(500, [f"apikey {CREDENTIALS['token']}"]), Refused, "apikey …"),
    "500 long": (said(500, ["x" * 1000]), Refused, "x" * 200),
    "500 without words": (always(500, "{}"), CannotReach, "HTTP 500"),
    "500 of a proxy": (always(500, "<h1>Error</h1>", "text/html"), CannotReach, "HTTP 500"),
    "503": (always(503), CannotReach, "HTTP 503"),
    "200 with an error": (
        always(body='{"error": true, "message": "[object Object]"}'),
        WrongState,
        "the session is unknown",
    ),
}


@pytest.mark.parametrize(("handler", "kind", "words"), ERRORS.values(), ids=ERRORS)
async def test_error(
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    handler: Handler,
    kind: type[GatewayError],
    words: str,
) -> None:
    """Each answer is told apart, and none gives away the key, a number or what was to be sent."""
    caplog.set_level(logging.DEBUG)
    async with serve(handler) as server:
        for operation in ("send_text", "get_session", "get_qr", "logout", "create_instance"):
            with pytest.raises(GatewayError) as caught:
                await perform(at(session, server.url), operation)
            assert type(caught.value) is kind
            assert words in str(caught.value)
            assert len(str(caught.value)) <= 200
            private = [CREDENTIALS["token"], PHONE, "The door is open"]
            ours = [record for record in caplog.records if record.name.startswith("custom_components")]
            assert leaks(private, caught.value, ours) == []


async def test_reply_without_an_error(session: aiohttp.ClientSession) -> None:
    """A reply that says that there is no error is none."""
    body = {"status": "SUCCESS", "error": False, "response": {"message": "Instance logged out"}}
    async with serve(always(body=json.dumps(body))) as server:
        await at(session, server.url).logout()
        assert server.requests == [("DELETE", "/instance/logout/living room")]


async def test_unknown_state_is_named_once(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """A state of tomorrow is unknown, and named once in the log."""
    async with serve(always(body='{"instance": {"state": "relinking"}}')) as server:
        gateway = at(session, server.url)
        for _ in range(2):
            assert await gateway.get_session() == Session(SessionState.UNKNOWN)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["Evolution API names an unknown session state: 'relinking'"]
