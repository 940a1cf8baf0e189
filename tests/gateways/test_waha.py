"""WAHA: the client against the emulated server on each engine, and against every error that the vendor tells of."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
import json
import logging
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    RateLimited,
    Refused,
    WrongState,
)
from custom_components.whatsapp_link.gateways.events import Event
from custom_components.whatsapp_link.gateways.model import Chat, QrCode, Session, SessionState
from custom_components.whatsapp_link.gateways.waha import Waha
from tests.emulator.waha import Waha as WahaServer
from tests.emulator.waha_instance import WahaInstance
from tests.gateways.rig import CHAT, PHONE, Rig, client_for, leaks, open_rig, perform, text_in
from tests.gateways.servers import Handler, always, serve

ENGINES = ("WEBJS", "NOWEB", "GOWS")
CREDENTIALS = {"token": "0ddba11" * 6, "session_name": "living_room"}
FAMILY = "120363000000000142@g.us"
NOBODY = "13035550199"

every_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
async def slower_rig() -> AsyncGenerator[Rig]:
    """An emulator whose codes last long enough for each to be seen."""
    async with open_rig(0.02) as opened:
        yield opened


@pytest.fixture
async def calm_rig() -> AsyncGenerator[Rig]:
    """An emulator in real time: a code does not change while a test looks at it."""
    async with open_rig(1) as opened:
        yield opened


def own(rig: Rig) -> WahaInstance:
    """Return the session that there is from the beginning."""
    instance = rig.instance("waha")
    assert isinstance(instance, WahaInstance)
    return instance


def made(rig: Rig, *, token: str | None = None, name: str | None = None, **options: Any) -> WahaInstance:
    """Return a new session, on a server like this."""
    instance = rig.emulator.gateways["waha"].create_instance(instance_id=name, token=token, options=options)
    assert isinstance(instance, WahaInstance)
    return instance


def client(rig: Rig, instance: WahaInstance) -> Waha:
    """Return a client of a session."""
    gateway = client_for(rig.session, instance, Waha)
    assert isinstance(gateway, Waha)
    return gateway


def at(session: aiohttp.ClientSession, url: str) -> Waha:
    """Return a client of a server that is no emulator's."""
    return Waha(session, url, CREDENTIALS)


def linked(instance: WahaInstance) -> WahaInstance:
    """Have the phone linked."""
    instance.link(instance.number)
    return instance


async def until(instance: WahaInstance, status: str) -> None:
    """Wait until a session has a status."""
    async with asyncio.timeout(20):
        while instance.state != status:
            await instance.changed.wait(0.05)


async def offering(instance: WahaInstance) -> WahaInstance:
    """Have a session offer codes."""
    instance.start()
    await until(instance, "SCAN_QR_CODE")
    return instance


# The session


async def test_states(rig: Rig) -> None:
    """Each of the vendor's words says what it means."""
    instance = made(rig, passkey=True, start_seconds=1000)
    waha = client(rig, instance)
    seen = [(await waha.get_session()).state]
    await waha.start()
    seen.append((await waha.get_session()).state)
    instance.options.start_seconds = 0
    await waha.restart()
    await until(instance, "SCAN_QR_CODE")
    seen.append((await waha.get_session()).state)
    instance.link(instance.number)
    for _ in range(2):
        seen.append((await waha.get_session()).state)
        instance.confirm_passkey()
    seen.append((await waha.get_session()).state)
    instance.unlink()
    seen.append((await waha.get_session()).state)
    assert seen == [
        SessionState.STOPPED,
        SessionState.STARTING,
        SessionState.UNLINKED,
        SessionState.PASSKEY_REQUIRED,
        SessionState.PASSKEY_REQUIRED,
        SessionState.LINKED,
        SessionState.FAILED,
    ]


async def test_restart_and_logout(rig: Rig) -> None:
    """A restart keeps the link, a logout ends it and leads to codes; both can be asked for again."""
    instance = linked(own(rig))
    waha = client(rig, instance)
    for _ in range(2):
        await waha.restart()
        await until(instance, "WORKING")
    for _ in range(2):
        await waha.logout()
        await until(instance, "SCAN_QR_CODE")
    # Nothing is wrong with starting what has started.
    await waha.start()
    assert (await waha.get_session()).state is SessionState.UNLINKED


@pytest.mark.parametrize(
    "body", ["{}", '{"status": null}', '{"status": ""}', '{"status": 7}', '["WORKING"]', '"WORKING"']
)
async def test_no_state(session: aiohttp.ClientSession, body: str) -> None:
    """An answer without a status is not taken for one, and does not count as a change."""
    async with serve(always(body=body)) as server:
        for operation in ("get_session", "start", "restart", "logout"):
            with pytest.raises(InvalidAnswer):
                await perform(at(session, server.url), operation)


async def test_key_travels_in_a_header(session: aiohttp.ClientSession) -> None:
    """Addresses are logged by servers and proxies: the key is not in them. Without a key there is no header."""
    seen: list[str | None] = []

    async def look(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Api-Key"))
        assert not request.query_string
        return web.json_response({"status": "WORKING"})

    async with serve(look) as server:
        await at(session, server.url).get_session()
        await Waha(session, server.url, {"session_name": "living_room"}).get_session()
    assert seen == [CREDENTIALS["token"], None]


# Linking with a QR code


@every_engine
async def test_polled_code_links(calm_rig: Rig, engine: str) -> None:
    """The text of the code is drawn, and a phone takes the picture."""
    instance = await offering(made(calm_rig, engine=engine, start_seconds=0))
    waha = client(calm_rig, instance)
    code = await waha.get_qr()
    assert code is not None
    shown = instance.codes.current()
    assert shown
    assert text_in(code.png) == shown.text
    assert code.holds_while_offered
    assert await calm_rig.scan(code.png) == 200
    assert (await waha.get_session()).state is SessionState.LINKED


@pytest.mark.parametrize("status", ["STOPPED", "STARTING", "WORKING", "FAILED"])
async def test_no_code_in_other_states(rig: Rig, status: str) -> None:
    """Where no code is to be had, it is said in which state the session is."""
    instance = await bring(made(rig), status)
    with pytest.raises(WrongState) as caught:
        await client(rig, instance).get_qr()
    assert caught.value.state is Waha.states[status]


async def bring(instance: WahaInstance, status: str) -> WahaInstance:
    """Bring a session into a state, and let it stay there."""
    if status != "STOPPED":
        instance.options.start_seconds = 1000
        instance.start()
    if status in ("WORKING", "FAILED"):
        instance.link(instance.number)
    if status == "FAILED":
        instance.unlink()
    assert instance.state == status
    return instance


async def test_watched_codes(slower_rig: Rig) -> None:
    """Each new code is told once, the first with the longer time, and at last that a phone is linked."""
    instance = await offering(own(slower_rig))
    codes: list[QrCode] = []
    end: Session | None = None
    async with asyncio.timeout(10), aclosing(client(slower_rig, instance).watch_qr()) as pushed:
        async for news in pushed:
            if isinstance(news, Session):
                end = news
                continue
            codes.append(news)
            if len(codes) == 3:
                assert await slower_rig.scan(news.png) == 200
    assert end == Session(SessionState.LINKED)
    assert [code.valid_for for code in codes] == [60, 20, 20]
    assert len({text_in(code.png) for code in codes}) == 3
    # One look when the websocket was opened, and one code for each event: nothing is polled.
    assert slower_rig.emulator.requests.counts() == {"waha": {"ws": 1, "session": 1, "auth/qr": 3}}


async def test_watching_ends_after_the_sixth_code(slower_rig: Rig) -> None:
    """When nobody has scanned six codes the session fails, and the watching ends without a word."""
    instance = await offering(own(slower_rig))
    async with asyncio.timeout(15), aclosing(client(slower_rig, instance).watch_qr()) as pushed:
        codes = [news async for news in pushed]
    assert instance.state == "FAILED"
    assert all(isinstance(code, QrCode) for code in codes)
    assert len({text_in(code.png) for code in codes if isinstance(code, QrCode)}) == 6


async def test_watching_from_the_start(rig: Rig) -> None:
    """Who watches while the session still starts gets the first code as soon as there is one."""
    instance = made(rig, start_seconds=30)
    instance.start()
    async with asyncio.timeout(20), aclosing(client(rig, instance).watch_qr()) as pushed:
        code = await anext(pushed)
    assert isinstance(code, QrCode)
    assert code.valid_for == 60


@pytest.mark.parametrize("status", ["STOPPED", "FAILED"])
async def test_nothing_to_watch(rig: Rig, status: str) -> None:
    """A session that gives no codes ends the watching at once: it is for others to start it."""
    instance = await bring(made(rig), status)
    async with asyncio.timeout(20), aclosing(client(rig, instance).watch_qr()) as pushed:
        assert [news async for news in pushed] == []


async def test_watching_a_linked_session(rig: Rig) -> None:
    """Who is linked already hears so at once."""
    async with asyncio.timeout(20), aclosing(client(rig, linked(own(rig))).watch_qr()) as pushed:
        assert [news async for news in pushed] == [Session(SessionState.LINKED)]


async def test_watching_ends_at_a_passkey(calm_rig: Rig) -> None:
    """When WhatsApp wants a passkey there will be no more codes."""
    instance = await offering(made(calm_rig, passkey=True, start_seconds=0))
    async with asyncio.timeout(20), aclosing(client(calm_rig, instance).watch_qr()) as pushed:
        code = await anext(pushed)
        assert isinstance(code, QrCode)
        assert await calm_rig.scan(code.png) == 200
        assert [news async for news in pushed] == []
    assert instance.state == "PASSKEY_REQUIRED"


# Linking with a pairing code


@every_engine
async def test_pairing_code(rig: Rig, engine: str) -> None:
    """A code that is typed into the phone links it."""
    instance = await offering(made(rig, engine=engine))
    waha = client(rig, instance)
    code = await waha.request_pairing_code(PHONE)
    assert code.valid_for == 150
    assert code.code not in repr(code)
    assert await rig.enter_code(code.code) == 200
    assert (await waha.get_session()).state is SessionState.LINKED
    assert instance.number == f"+{PHONE}"


@every_engine
@pytest.mark.parametrize("status", ["STOPPED", "STARTING", "WORKING", "FAILED"])
async def test_no_pairing_code_in_other_states(rig: Rig, engine: str, status: str) -> None:
    """One engine says so in a crash and the others after a wait; both name the state, and so do we."""
    instance = await bring(made(rig, engine=engine), status)
    with pytest.raises(WrongState) as caught:
        await client(rig, instance).request_pairing_code(PHONE)
    assert caught.value.state is Waha.states[status]
    crashed = engine == "NOWEB" and status != "STOPPED"
    assert rig.emulator.requests.count("waha", status=500) == int(crashed)


async def test_no_pairing_code_for_such_a_number(rig: Rig) -> None:
    """What the server says of a number that is none comes through."""
    waha = client(rig, await offering(own(rig)))
    with pytest.raises(Refused, match="phoneNumber must contain digits only"):
        await waha.request_pairing_code("0")


@pytest.mark.parametrize("body", ["{}", '{"code": null}', '{"code": ""}', "[]", "null"])
async def test_no_pairing_code_in_the_answer(session: aiohttp.ClientSession, body: str) -> None:
    """An answer without a code is our error."""
    async with serve(always(201, body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).request_pairing_code(PHONE)


# Being told of changes


async def next_of(told: AsyncGenerator[Session | Event]) -> SessionState:
    """Return the next state that is told."""
    async with asyncio.timeout(20):
        while not isinstance(news := await anext(told), Session):
            pass
    return news.state


@every_engine
async def test_changes(rig: Rig, engine: str) -> None:
    """First comes the state as it is, then each change; all that is asked is what a phone brings that is linked."""
    instance = made(rig, engine=engine, start_seconds=1)
    async with aclosing(client(rig, instance).listen()) as told:
        seen = [await next_of(told)]
        instance.start()
        seen += [await next_of(told), await next_of(told)]
        instance.link(instance.number)
        seen.append(await next_of(told))
        instance.unlink()
        seen.append(await next_of(told))
        instance.stop()
        seen.append(await next_of(told))
    assert seen == [
        SessionState.STOPPED,
        SessionState.STARTING,
        SessionState.UNLINKED,
        SessionState.LINKED,
        SessionState.FAILED,
        SessionState.STOPPED,
    ]
    assert rig.emulator.requests.counts() == {"waha": {"ws": 1, "session": 1, "chats/overview": 1}}


async def test_other_sessions_are_not_told_of(rig: Rig) -> None:
    """What happens in another session, and what else happens in this one, is no news."""
    instance, other = made(rig), linked(made(rig))
    async with aclosing(client(rig, linked(instance)).listen()) as told:
        assert await next_of(told) is SessionState.LINKED
        other.unlink()
        await client(rig, instance).send_text(CHAT, "The door is open")
        rig.emulator.phone.write(f"waha/{instance.id}", "+13035550142", "Hi")
        instance.stop()
        assert await next_of(told) is SessionState.STOPPED


def event(status: str, **changes: Any) -> str:
    """Return a frame of the websocket that tells a status."""
    frame = {
        "id": "evt_01jnx",
        "timestamp": 1741249702485,
        "event": "session.status",
        "session": CREDENTIALS["session_name"],
        "payload": {"status": status, "statuses": [], "data": None},
        "engine": "GOWS",
    }
    return json.dumps(frame | changes)


def telling(*frames: bytes | str, status: str = "WORKING", code: int = 1000, reason: str = "") -> Handler:
    """Return a server whose session has a status, and whose websocket sends these frames and closes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/ws"):
            return web.json_response({"name": "living_room", "status": status})
        assert request.query["session"] == CREDENTIALS["session_name"]
        assert request.query["x-api-key"] == CREDENTIALS["token"]
        assert "session.status" in request.query.getall("events")
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        for frame in frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close(code=code, message=reason.encode())
        return socket

    return answer


async def told_by(session: aiohttp.ClientSession, handler: Handler) -> list[SessionState]:
    """Return all that a server tells until it closes."""
    async with (
        serve(handler) as server,
        asyncio.timeout(20),
        aclosing(at(session, server.url).listen()) as told,
    ):
        return [news.state async for news in told if isinstance(news, Session)]


async def test_frames_of_others(session: aiohttp.ClientSession) -> None:
    """A server that sends more than was asked for confuses nobody."""
    handler = telling(
        event("FAILED", session="bedroom"),
        event("FAILED", session=None),
        event("FAILED", event="state.change"),
        json.dumps({"event": "message", "session": "bedroom", "payload": {"body": "hi"}}),
        json.dumps({"event": "session.status"}),
        "{}",
        event("STOPPED"),
    )
    assert await told_by(session, handler) == [SessionState.LINKED, SessionState.STOPPED]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (4001, json.dumps({"error": "Only 'session=*' is supported"})),
        (1001, "Server is shutting down"),
        (1000, ""),
        (1011, ""),
    ],
)
async def test_closed_by_the_server(session: aiohttp.ClientSession, code: int, reason: str) -> None:
    """However the server closes, the listening ends, and can be begun again."""
    handler = telling(event("FAILED"), code=code, reason=reason)
    assert await told_by(session, handler) == [SessionState.LINKED, SessionState.FAILED]
    async with serve(handler) as server, asyncio.timeout(20):
        assert [news async for news in at(session, server.url).watch_qr()] == [Session(SessionState.LINKED)]


async def test_dropped_connection(rig: Rig) -> None:
    """A network that breaks ends the listening, too, and leaves nothing behind."""
    server = rig.emulator.gateways["waha"]
    assert isinstance(server, WahaServer)
    waha = client(rig, linked(own(rig)))
    for _ in range(3):
        async with asyncio.timeout(20), aclosing(waha.listen()) as told:
            assert await next_of(told) is SessionState.LINKED
            server.drop_sockets()
            with pytest.raises((StopAsyncIteration, CannotReach)):
                await anext(told)


@pytest.mark.parametrize("frame", ["", "{", "[]", '"WORKING"', "null", b"\x00", event(""), event("x", payload=[])])
async def test_frames_that_make_no_sense(session: aiohttp.ClientSession, frame: bytes | str) -> None:
    """What is not a frame of this vendor is passed over while listening; codes are had in another way then."""
    assert await told_by(session, telling(frame, event("STOPPED"))) == [SessionState.LINKED, SessionState.STOPPED]
    async with serve(telling(frame, status="STARTING")) as server, asyncio.timeout(20):
        with pytest.raises(InvalidAnswer):
            await perform(at(session, server.url), "watch_qr")


async def test_unknown_status_is_told(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """A status of tomorrow is unknown, and named once in the log."""
    told = await told_by(session, telling(event("RELINKING"), event("RELINKING")))
    assert told == [SessionState.LINKED, SessionState.UNKNOWN, SessionState.UNKNOWN]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == ["WAHA names an unknown session state: 'RELINKING'"]


async def test_key_in_the_query_is_not_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The websocket takes the key in its address, which stays out of the log all the same."""
    caplog.set_level(logging.DEBUG)
    instance = linked(own(rig))
    async with aclosing(client(rig, instance).listen()) as told:
        await next_of(told)
    wrong = Waha(rig.session, instance.credentials()["base_url"], CREDENTIALS)
    with pytest.raises(InvalidCredentials) as caught:
        await anext(wrong.listen())
    assert leaks([instance.token, CREDENTIALS["token"]], caught.value, caplog.records) == []


# Sending


@every_engine
@pytest.mark.parametrize("chat_id", [CHAT, FAMILY])
async def test_id_of_a_message(rig: Rig, engine: str, chat_id: str) -> None:
    """Each engine tells the id in its own way; it is the one on the phone, and a reply refers to it."""
    instance = linked(made(rig, engine=engine))
    waha = client(rig, instance)
    sent = await waha.send_text(chat_id, "The door is open")
    answer = await waha.send_text(chat_id, "It is shut again", reply_to=sent.message_id)
    [first, second] = await rig.arrived(2)
    assert first["id"] == sent.message_id
    assert first["chat_id"] == chat_id
    assert sent.message_id.startswith(f"true_{chat_id}_3EB0")
    assert second["id"] == answer.message_id != sent.message_id
    assert second["quoted_id"] == sent.message_id


async def test_id_of_a_message_on_old_core(rig: Rig) -> None:
    """Before 2026 the engine GOWS told little more than the id."""
    own(rig).options.core_only = True
    sent = await client(rig, linked(own(rig))).send_text(CHAT, "The door is open")
    [message] = await rig.arrived(1)
    assert message["id"] == sent.message_id


@pytest.mark.parametrize(
    ("answer", "message_id"),
    [
        # Newer builds of NOWEB may add the whole id to what the engine says.
        ({"id": "true_1@c.us_A", "key": {"id": "B", "remoteJid": "1@s.whatsapp.net", "fromMe": True}}, "true_1@c.us_A"),
        ({"id": {"_serialized": "true_1@c.us_A", "id": "A"}, "ack": 0}, "true_1@c.us_A"),
        ({"key": {"id": "A", "remoteJid": "1@s.whatsapp.net", "fromMe": True}}, "true_1@c.us_A"),
        ({"key": {"id": "A", "remoteJid": "2@g.us", "fromMe": False}}, "false_2@g.us_A"),
    ],
)
async def test_shapes_of_an_answer(session: aiohttp.ClientSession, answer: dict[str, Any], message_id: str) -> None:
    """The whole id where there is one, else it is composed."""
    async with serve(always(201, json.dumps(answer))) as server:
        assert (await at(session, server.url).send_text(CHAT, "Hello")).message_id == message_id


@pytest.mark.parametrize("body", ["{}", "[]", '{"id": ""}', '{"id": 7}', '{"key": {"id": 7}}', '{"key": "A"}', "null"])
async def test_answer_without_an_id(session: aiohttp.ClientSession, body: str) -> None:
    """What was sent has an id, or nobody can refer to it."""
    async with serve(always(201, body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).send_text(CHAT, "Hello")


async def test_what_goes_with_a_text(rig: Rig) -> None:
    """Mentions and the wish for no preview arrive with the message."""
    waha = client(rig, linked(own(rig)))
    await waha.send_text(FAMILY, "@13035550142, see example.com", mentions=["13035550142@c.us"], link_preview=False)
    [message] = await rig.arrived(1)
    assert message["details"] == {"mentions": ["13035550142@c.us"], "link_preview": False}


@pytest.mark.parametrize("status", ["STOPPED", "STARTING", "FAILED"])
async def test_sending_needs_a_phone(rig: Rig, status: str) -> None:
    """A session that cannot send says in which state it is, and nothing arrives later."""
    instance = await bring(made(rig), status)
    with pytest.raises(WrongState) as caught:
        await client(rig, instance).send_text(CHAT, "Hello")
    assert caught.value.state is Waha.states[status]
    instance.link(instance.number)
    assert await rig.arrived(0) == []


# Looking up


@every_engine
async def test_check_of_a_number(rig: Rig, engine: str) -> None:
    """A number that nobody has is None, however the engine says so."""
    waha = client(rig, linked(made(rig, engine=engine)))
    assert await waha.check_number(PHONE) == f"{PHONE}@c.us"
    assert await waha.check_number(NOBODY) is None


@every_engine
async def test_chats(rig: Rig, engine: str) -> None:
    """People and groups come with their names, each once."""
    instance = linked(made(rig, engine=engine))
    rig.emulator.phone.write(f"waha/{instance.id}", "+13035550142", "Hi")
    chats = await client(rig, instance).list_chats()
    assert chats[0] == Chat("13035550142@c.us", "Ada Neighbour", is_group=False)
    assert Chat(FAMILY, "Family", is_group=True) in chats
    assert len({chat.chat_id for chat in chats}) == len(chats)


async def test_noweb_without_a_store(rig: Rig) -> None:
    """Where the engine keeps no chats, the server's own words say what to switch on; sessions made here have it on."""
    waha = client(rig, linked(made(rig, engine="NOWEB", store=False)))
    with pytest.raises(Refused, match=r'Enable NOWEB store "config\.noweb\.store\.enabled=True"') as caught:
        await waha.list_chats()
    assert len(str(caught.value)) <= 200
    # Only what needs the store is refused.
    await waha.send_text(CHAT, "Hello")


async def test_session_made_here_has_a_store(rig: Rig) -> None:
    """A session that was made by the client knows its chats on the engine NOWEB, too."""
    server = own(rig).options
    server.engine, server.store = "NOWEB", False
    await client(rig, own(rig)).create_instance("Kitchen", PHONE)
    instance = rig.emulator.instances[-1]
    assert isinstance(instance, WahaInstance)
    assert (instance.options.engine, instance.options.store) == ("NOWEB", False)
    assert await client(rig, linked(instance)).list_chats()


# The sessions of a server


async def test_list_of_sessions(rig: Rig) -> None:
    """Each session has its name, with its owner's if there is one, and stopped ones are listed, too."""
    linked(made(rig, name="kitchen"))
    await offering(made(rig, name="Attic-2"))
    instances = await client(rig, own(rig)).list_instances()
    assert [(each.instance_id, each.name, each.state) for each in instances] == [
        ("default", "default", SessionState.STOPPED),
        ("kitchen", "kitchen (Casey)", SessionState.LINKED),
        ("Attic-2", "Attic-2", SessionState.UNLINKED),
    ]
    assert "Casey" not in repr(instances)


@pytest.mark.parametrize(
    ("wished", "name"),
    [
        ("Home Assistant", "home_assistant"),
        ("  Küche & Bad!  ", "k_che_bad"),
        ("kitchen", "kitchen"),
        ("House-7/2?x=#y", "house_7_2_x_y"),
        ("../../server", "server"),
        ("台所", "home_assistant"),
        ("", "home_assistant"),
    ],
)
async def test_new_session(rig: Rig, wished: str, name: str) -> None:
    """Whatever it is to be called, its name does no harm in an address; it is started and gives codes."""
    nameless = {"token": own(rig).token}
    waha = Waha(rig.session, own(rig).credentials()["base_url"], nameless)
    new = await waha.create_instance(wished, PHONE)
    assert (new.instance_id, new.name, new.state) == (name, name, SessionState.STARTING)
    assert Waha.malformed(nameless | {"session_name": new.instance_id}) == []
    instance = rig.emulator.instances[-1]
    assert isinstance(instance, WahaInstance)
    await until(instance, "SCAN_QR_CODE")
    assert isinstance(await client(rig, instance).get_qr(), QrCode)


async def test_new_session_with_a_name_that_is_taken(rig: Rig) -> None:
    """The session of somebody else is not taken over, and the user learns why."""
    waha = client(rig, own(rig))
    with pytest.raises(Refused, match=r"Session '…' already exists\. Use PUT to update it\."):
        await waha.create_instance("Default", PHONE)
    assert len(await waha.list_instances()) == 1


@pytest.mark.parametrize("body", ["{}", '{"message": "ok"}', '[{"name": "a"}]', '[{"status": "WORKING"}]', '["a"]'])
async def test_list_that_makes_no_sense(session: aiohttp.ClientSession, body: str) -> None:
    """A list of sessions has names and states."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await at(session, server.url).list_instances()


# Keys


async def test_wrong_key(rig: Rig) -> None:
    """A key that the server does not know is refused for everything."""
    wrong = Waha(rig.session, own(rig).credentials()["base_url"], CREDENTIALS)
    for operation in ("get_session", "list_instances", "send_text", "listen", "watch_qr"):
        with pytest.raises(InvalidCredentials):
            await perform(wrong, operation)


async def test_key_of_one_session(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A key for one session sees only that one; for others it is told that the key may not, not that it is wrong."""
    instance = linked(made(rig, name="bedroom", token="key-of-the-bedroom"))
    waha = client(rig, instance)
    assert [each.instance_id for each in await waha.list_instances()] == ["bedroom"]
    await waha.send_text(CHAT, "Hello")
    credentials = {"token": "key-of-the-bedroom", "session_name": "default"}
    elsewhere = Waha(rig.session, instance.credentials()["base_url"], credentials)
    for operation in ("get_session", "get_qr", "send_text", "create_instance"):
        with pytest.raises(Refused, match="the API key may not do this") as caught:
            await perform(elsewhere, operation)
        assert leaks(["key-of-the-bedroom"], caught.value, caplog.records) == []


# Old Core, which had one session and fewer functions


async def test_old_core_has_one_session(rig: Rig) -> None:
    """Why another session cannot be had is said in the vendor's words."""
    own(rig).options.core_only = True
    waha = client(rig, own(rig))
    reason = "WAHA Core support only 'default' session. If you want to run more then one WhatsApp account"
    with pytest.raises(Refused, match=reason):
        await waha.create_instance("Kitchen", PHONE)
    with pytest.raises(Refused, match=reason):
        await client(rig, made(rig, name="kitchen")).get_session()
    assert (await waha.get_session()).state is SessionState.STOPPED


async def test_old_core_lacks_functions(session: aiohttp.ClientSession) -> None:
    """What is only in the version that was paid for is no error of the server."""
    said = "Sending images is available only in Plus version. Check this out: https://waha.devlike.pro/"
    async with serve(refusing(422, said)) as server:
        with pytest.raises(Refused) as caught:
            await at(session, server.url).send_text(CHAT, "Hello")
    assert str(caught.value) == said


async def test_websocket_of_old_core(rig: Rig) -> None:
    """It closes at once, because it tells of all sessions or of none: what it is now is all that is told."""
    own(rig).options.core_only = True
    waha = client(rig, linked(own(rig)))
    async with asyncio.timeout(20), aclosing(waha.listen()) as told:
        assert [news async for news in told] == [Session(SessionState.LINKED)]


# Every error that the vendor's sources and pages tell of


def refusing(status: int, message: Any, error: str = "Unprocessable Entity") -> Handler:
    """Return a server that refuses in the shape of its framework."""
    return always(status, json.dumps({"message": message, "error": error, "statusCode": status}))


def crashing(message: str, *, body: Any = None) -> Handler:
    """Return a server that crashes, and says so with all of the request."""

    async def answer(request: web.Request) -> web.StreamResponse:
        said = message.replace("KEY", request.headers["X-Api-Key"])
        content = {
            "statusCode": 500,
            "timestamp": "2026-08-21T12:46:15.345Z",
            "exception": {
                "stack": f"Error: {said}\n    at Session (/app/dist/x.js:1:1)",
                "message": said,
                "name": "Error",
            },
            "request": {
                "path": request.path,
                "method": request.method,
                "body": body or await request.text(),
                "query": dict(request.query),
                "headers": dict(request.headers),
            },
            "version": {"version": "2026.7.1", "engine": "NOWEB", "tier": "CORE", "browser": None},
        }
        return web.json_response(content, status=500)

    return answer


def in_status(status: Any) -> Handler:
    """Return a server that waited for another status for five seconds."""
    error = "Session status is not as expected. Try again later or restart the session"
    body = {"error": error, "session": "living_room", "status": status, "expected": ["WORKING"]}
    return always(422, json.dumps(body))


NOT_RUNNING = (
    "We didn't find a session with name 'living_room'.\n"
    "Please start it first by using POST /api/sessions/living_room/start request"
)
NOT_IMPLEMENTED = "The method is not implemented by the engine. See https://waha.devlike.pro/docs/how-to/engines/"
ONLY_NOW = "Can request code only in SCAN_QR_CODE status. The current status is"

ERRORS: dict[str, tuple[Handler, type[GatewayError], str]] = {
    "400 validation": (
        refusing(400, ["chatId must be a string", "text must be a string"], "Bad Request"),
        Refused,
        "chatId must be a string; text must be a string",
    ),
    "400 with a number": (refusing(400, [f"{PHONE}@c.us is no chat"], "Bad Request"), Refused, " is no chat"),
    "400 without words": (always(400), Refused, "HTTP 400"),
    "401": (always(401, '{"message": "Unauthorized", "statusCode": 401}'), InvalidCredentials, "refused"),
    "403 scope": (refusing(403, "Forbidden resource", "Forbidden"), Refused, "the API key may not do this"),
    "403 of a proxy": (always(403, "<h1>Forbidden</h1>", "text/html"), Refused, "HTTP 403"),
    "404 unknown session": (refusing(404, "Session not found", "Not Found"), InstanceNotFound, "no such session"),
    "404 not running": (refusing(404, NOT_RUNNING, "Not Found"), WrongState, "the session is stopped"),
    "404 unknown route": (refusing(404, "Cannot GET /x", "Not Found"), InvalidAnswer, ""),
    "404 of a proxy": (always(404, "<h1>Not found</h1>", "text/html"), InvalidAnswer, ""),
    "422 status": (in_status("SCAN_QR_CODE"), WrongState, "the session is unlinked"),
    "422 failed": (in_status("FAILED"), WrongState, "the session is failed"),
    "422 starting": (in_status("STARTING"), WrongState, "the session is starting"),
    "422 passkey": (in_status("PASSKEY_CONFIRMATION_REQUIRED"), WrongState, "the session is passkey_required"),
    "422 odd status": (in_status("TOMORROW"), WrongState, "the session is unknown"),
    "422 no status": (in_status(None), Refused, "Session status is not as expected"),
    "422 not implemented": (refusing(422, NOT_IMPLEMENTED), Refused, "The method is not implemented by the engine."),
    "422 in a list": (refusing(422, ["one", "two"]), Refused, "one; two"),
    "422 without words": (always(422), Refused, "HTTP 422"),
    "422 no object": (always(422, '["WORKING"]'), Refused, "HTTP 422"),
    "429": (always(429, Retry_After="30"), RateLimited, ""),
    "500 current status": (crashing(f"{ONLY_NOW} WORKING"), WrongState, "the session is linked"),
    "500 current status unlinked": (crashing(f"{ONLY_NOW} STOPPED"), WrongState, "the session is stopped"),
    "500 engine": (crashing("No LID for user"), Refused, "No LID for user"),
    "500 engine with a number": (crashing(f"Evaluation failed: {PHONE}@c.us"), Refused, "Evaluation failed: "),
    "500 engine with the key": (crashing("GET /x?x-api-key=KEY"), Refused, "GET /x?x-api-key=…"),
    "500 long": (crashing("x" * 1000), Refused, "x" * 200),
    "500 without words": (always(500, "{}"), CannotReach, "HTTP 500"),
    "500 of a proxy": (always(500, "<h1>Error</h1>", "text/html"), CannotReach, "HTTP 500"),
    "503": (always(503, '{"status": 503}'), CannotReach, "HTTP 503"),
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
        for operation in ("send_text", "get_session", "get_qr", "request_pairing_code"):
            with pytest.raises(GatewayError) as caught:
                await perform(at(session, server.url), operation)
            assert type(caught.value) is kind
            assert words in str(caught.value)
            assert len(str(caught.value)) <= 200
            private = [CREDENTIALS["token"], PHONE, "The door is open"]
            ours = [record for record in caplog.records if record.name.startswith("custom_components")]
            assert leaks(private, caught.value, ours) == []


async def test_crash_that_echoes(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The emulated server echoes the request, too, when an engine fails; only its reason comes through."""
    caplog.set_level(logging.DEBUG)
    instance = linked(own(rig))
    instance.limit()
    with pytest.raises(Refused) as caught:
        await perform(client(rig, instance), "send_text")
    assert str(caught.value) == "server returned error 463"
    ours = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert leaks([instance.token, PHONE, "The door is open"], caught.value, ours) == []


async def test_unknown_session(rig: Rig) -> None:
    """A session that was deleted is gone for a look, and not running for whatever needs it to run."""
    waha = Waha(rig.session, own(rig).credentials()["base_url"], {"token": own(rig).token, "session_name": "attic"})
    for operation in ("get_session", "start", "restart", "logout", "listen"):
        with pytest.raises(InstanceNotFound):
            await perform(waha, operation)
    for operation in ("get_qr", "send_text", "check_number", "list_chats"):
        with pytest.raises(WrongState):
            await perform(waha, operation)


async def test_wrong_path(rig: Rig) -> None:
    """The address of something else on the same server."""
    base_url = f"{own(rig).credentials()['base_url']}/dashboard"
    with pytest.raises(InvalidAnswer):
        await client_for(rig.session, own(rig), Waha, base_url=base_url).get_session()
