"""GREEN-API: the client against the emulated vendor, and against every error that the vendor's pages tell of."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
import json
import socket
from typing import Any, override

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
import pytest
from yarl import URL

from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    QuotaExceeded,
    RateLimited,
    Refused,
    WrongState,
)
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.model import Media, MediaKind, QrCode, Session, SessionState
from custom_components.whatsapp_link.gateways.qr_code import render_png
from tests.gateways.rig import CHAT, PHONE, Rig, leaks, open_rig, perform, text_in
from tests.gateways.servers import Handler, always, serve

CREDENTIALS = {"instance_id": "1101000001", "token": "0ddba11" * 7}


@pytest.fixture
def green(rig: Rig) -> GreenApi:
    """A client of the emulated instance."""
    return rig.green()


@pytest.fixture
async def faster_rig() -> AsyncGenerator[Rig]:
    """An emulator for what takes minutes."""
    async with open_rig(0.004) as opened:
        yield opened


@pytest.fixture
async def calm_rig() -> AsyncGenerator[Rig]:
    """An emulator in real time: a code does not change while a test looks at it."""
    async with open_rig(1) as opened:
        yield opened


# The session


async def test_states(rig: Rig, green: GreenApi) -> None:
    """Each of the vendor's words says what it means."""
    instance = rig.green_instance
    instance.options.start_seconds = 200
    seen = [(await green.get_session()).state]
    instance.link(instance.number)
    seen.append((await green.get_session()).state)
    instance.limit()
    seen.append((await green.get_session()).state)
    instance.restore()
    seen.append((await green.get_session()).state)
    instance.ban()
    seen.append((await green.get_session()).state)
    instance.restore()
    instance.reboot()
    seen.append((await green.get_session()).state)
    instance.unlink()
    seen.append((await green.get_session()).state)
    assert seen == [
        SessionState.UNLINKED,
        SessionState.LINKED,
        SessionState.LIMITED,
        SessionState.LINKED,
        SessionState.BLOCKED,
        SessionState.STARTING,
        SessionState.UNLINKED,
    ]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("sleepMode", SessionState.LINKED),
        # Two of the vendor's words that other messengers have.
        ("pendingCode", SessionState.UNKNOWN),
        ("suspended", SessionState.UNKNOWN),
        # Not the vendor's spelling, so not the vendor's word.
        ("Authorized", SessionState.UNKNOWN),
        ("authorized ", SessionState.UNKNOWN),
    ],
)
async def test_rare_states(session: aiohttp.ClientSession, word: str, state: SessionState) -> None:
    """A word that the emulator never says."""
    async with serve(always(body=json.dumps({"stateInstance": word}))) as server:
        assert await GreenApi(session, server.url, CREDENTIALS).get_session() == Session(state)


@pytest.mark.parametrize(
    "body", ["{}", '{"stateInstance": null}', '{"stateInstance": ""}', '{"stateInstance": 7}', "[]"]
)
async def test_no_state(session: aiohttp.ClientSession, body: str) -> None:
    """An answer without a state is not taken for one."""
    async with serve(always(body=body)) as server:
        with pytest.raises(InvalidAnswer):
            await GreenApi(session, server.url, CREDENTIALS).get_session()


async def test_restart(rig: Rig, green: GreenApi) -> None:
    """A linked phone stays linked through a restart."""
    rig.green_instance.options.start_seconds = 60
    rig.green_instance.link(rig.green_instance.number)
    await green.restart()
    assert (await green.get_session()).state is SessionState.STARTING
    await rig.emulator.clock.sleep(61)
    assert (await green.get_session()).state is SessionState.LINKED


async def test_logout(rig: Rig, green: GreenApi) -> None:
    """After a logout a phone can be linked anew."""
    rig.green_instance.link(rig.green_instance.number)
    await green.logout()
    assert not rig.green_instance.linked
    assert (await green.get_session()).state is SessionState.UNLINKED
    await rig.emulator.clock.sleep(rig.green_instance.options.first_qr_seconds + 0.5)
    assert isinstance(await green.get_qr(), QrCode)


# Linking with a QR code


async def test_polled_code_links(calm_rig: Rig) -> None:
    """The picture holds a text that the phone takes."""
    rig = calm_rig
    green = rig.green()
    code = await green.get_qr()
    assert code is not None
    assert text_in(code.png).startswith("2@")
    assert code.valid_for == 20
    assert await rig.scan(code.png) == 200
    assert (await green.get_session()).state is SessionState.LINKED


async def test_polled_codes_change(rig: Rig, green: GreenApi) -> None:
    """After 20 seconds there is another code, and the old one is of no use."""
    first = await green.get_qr()
    await rig.emulator.clock.sleep(22)
    second = await green.get_qr()
    assert first is not None
    assert second is not None
    assert text_in(first.png) != text_in(second.png)
    assert await rig.scan(first.png) == 410
    assert not rig.green_instance.linked


async def test_no_code_for_a_linked_phone(rig: Rig, green: GreenApi) -> None:
    """Who is linked needs no code."""
    rig.green_instance.link(rig.green_instance.number)
    with pytest.raises(WrongState) as caught:
        await green.get_qr()
    assert caught.value.state is SessionState.LINKED


async def test_no_code_while_starting(rig: Rig, green: GreenApi) -> None:
    """Codes come when the instance is up."""
    await green.restart()
    with pytest.raises(WrongState) as caught:
        await green.get_qr()
    assert caught.value.state is SessionState.STARTING


async def test_no_code_with_an_old_link(rig: Rig, green: GreenApi) -> None:
    """What is left of an old link has to be cleared by a logout."""
    rig.green_instance.ban()
    with pytest.raises(WrongState) as caught:
        await green.get_qr()
    assert caught.value.state is SessionState.FAILED


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "error", "message": "Multi-device beta not joined"},
        {"type": "error"},
        {"type": "qrCode"},
        {"type": "qrCode", "message": None},
        {"type": "wait", "message": ""},
    ],
)
async def test_no_code_yet(session: aiohttp.ClientSession, frame: dict[str, Any]) -> None:
    """Without a picture there is no code, which is not a failure."""
    async with serve(always(body=json.dumps(frame))) as server:
        assert await GreenApi(session, server.url, CREDENTIALS).get_qr() is None


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "qrCode", "message": "bm90IGEgcGljdHVyZQ=="},
        {"type": "qrCode", "message": "<html>"},
        {"type": "qrCode", "message": ""},
        {"message": "iVBORw0KGgo="},
        {"type": None},
        ["qrCode"],
        "qrCode",
    ],
)
async def test_no_picture(session: aiohttp.ClientSession, frame: Any) -> None:
    """What is not a picture is not shown to anybody."""
    async with serve(always(body=json.dumps(frame))) as server:
        with pytest.raises(InvalidAnswer):
            await GreenApi(session, server.url, CREDENTIALS).get_qr()


# Linking with pushed codes


async def test_pushed_codes(rig: Rig, green: GreenApi) -> None:
    """The first code comes at once, the next when it changes, and at last the news that a phone is linked."""
    codes: list[QrCode] = []
    end: Session | None = None
    async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
        async for news in pushed:
            if isinstance(news, Session):
                end = news
                continue
            codes.append(news)
            if len(codes) >= 2:
                await rig.scan(news.png)
    assert end == Session(SessionState.LINKED)
    assert len({text_in(code.png) for code in codes}) == len(codes) >= 2
    assert {code.valid_for for code in codes} == {20}
    assert rig.emulator.requests.counts() == {"green_api": {"scanqrcode": 1}}


async def test_first_pushed_code_links(calm_rig: Rig) -> None:
    """Who is quick need not wait for a second code."""
    rig = calm_rig
    green = rig.green()
    async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
        code = await anext(pushed)
        assert isinstance(code, QrCode)
        assert await rig.scan(code.png) == 200
        assert await anext(pushed) == Session(SessionState.LINKED)
        with pytest.raises(StopAsyncIteration):
            await anext(pushed)


async def test_account_data_as_text(calm_rig: Rig) -> None:
    """How the vendor writes the account data is not documented, and does not matter."""
    rig = calm_rig
    made = rig.emulator.gateways["green_api"].create_instance(options={"account_data_as_text": True})
    green = GreenApi(rig.session, f"{rig.emulator.url}/green-api", _shown(made.credentials()))
    async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
        code = await anext(pushed)
        assert isinstance(code, QrCode)
        assert await rig.scan(code.png) == 200
        assert await anext(pushed) == Session(SessionState.LINKED)


def _shown(credentials: dict[str, str]) -> dict[str, str]:
    return {key: credentials[key] for key in ("instance_id", "token")}


async def test_pushed_to_a_linked_phone(rig: Rig, green: GreenApi) -> None:
    """Who is linked already hears so at once."""
    rig.green_instance.link(rig.green_instance.number)
    async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
        assert [news async for news in pushed] == [Session(SessionState.LINKED)]


async def test_pushed_with_an_old_link(rig: Rig, green: GreenApi) -> None:
    """What is left of an old link is said here, too."""
    rig.green_instance.ban()
    with pytest.raises(WrongState) as caught:
        async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
            await anext(pushed)
    assert caught.value.state is SessionState.FAILED


async def test_scan_window_ends(faster_rig: Rig) -> None:
    """After 100 seconds the vendor stops pushing: the iterator ends, and can be had again."""
    rig = faster_rig
    green = rig.green()
    started = rig.emulator.clock.now()
    async with asyncio.timeout(10), aclosing(green.watch_qr()) as pushed:
        news = [each async for each in pushed]
    assert 99 < rig.emulator.clock.now() - started < 150
    assert all(isinstance(each, QrCode) for each in news)
    assert 4 <= len(news) <= 7
    async with asyncio.timeout(20), aclosing(green.watch_qr()) as pushed:
        assert isinstance(await anext(pushed), QrCode)


def pushing(*frames: bytes | str) -> Handler:
    """Return a handler that pushes these frames and closes."""

    async def push(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        for frame in frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close()
        return socket

    return push


async def watched(session: aiohttp.ClientSession, *frames: bytes | str) -> list[QrCode | Session]:
    """Return what the client makes of frames."""
    async with (
        serve(pushing(*frames)) as server,
        asyncio.timeout(20),
        aclosing(GreenApi(session, server.url, CREDENTIALS).watch_qr()) as pushed,
    ):
        return [news async for news in pushed]


@pytest.mark.parametrize("end", ["timeoutExpired", "timeout"])
async def test_both_words_for_the_end_of_a_window(session: aiohttp.ClientSession, end: str) -> None:
    """The documentation has one, the vendor's own web client another."""
    late = json.dumps({"type": "accountData", "message": "{}"})
    assert await watched(session, json.dumps({"type": end, "message": ""}), late) == []


async def test_frames_that_say_nothing(session: aiohttp.ClientSession) -> None:
    """A word that is not known does not end the watching."""
    frames = [{"type": "hello"}, {"type": "error", "message": "wait"}, {"type": "accountData", "message": {"wid": ""}}]
    assert await watched(session, *map(json.dumps, frames)) == [Session(SessionState.LINKED)]


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", '"qrCode"', '{"type": 7}', b"\x89PNG", '{"type":"qrCode","message":"!"}']
)
async def test_frames_that_make_no_sense(session: aiohttp.ClientSession, frame: bytes | str) -> None:
    """What is not a frame of this vendor is our error."""
    with pytest.raises(InvalidAnswer):
        await watched(session, frame)


async def test_frame_that_is_too_large(session: aiohttp.ClientSession) -> None:
    """A frame is read with a limit, like a body."""
    with pytest.raises((InvalidAnswer, CannotReach)):
        await watched(session, "x" * (1024 * 1024 + 1))


async def test_push_that_breaks_off(session: aiohttp.ClientSession) -> None:
    """When the connection is lost, what came before counts, and the iterator ends."""
    frame = {"type": "qrCode", "message": base64.b64encode(render_png("2@lost")).decode()}

    async def vanish(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(frame)
        assert request.transport is not None
        await asyncio.sleep(0.05)
        request.transport.abort()
        return socket

    news: list[QrCode | Session] = []
    async with serve(vanish) as server, asyncio.timeout(20):
        pushed = GreenApi(session, server.url, CREDENTIALS).watch_qr()
        with suppress(CannotReach):
            async for each in pushed:
                news.append(each)  # noqa: PERF401 # what came before an error is to be kept
        await pushed.aclose()
    [code] = news
    assert isinstance(code, QrCode)
    assert text_in(code.png) == "2@lost"


# Linking with a pairing code


async def test_pairing_code(rig: Rig, green: GreenApi) -> None:
    """A code that is typed into the phone links it."""
    code = await green.request_pairing_code(PHONE)
    assert code.valid_for == 150
    assert code.code not in repr(code)
    assert await rig.enter_code(code.code) == 200
    assert (await green.get_session()).state is SessionState.LINKED
    assert rig.green_instance.number == f"+{PHONE}"


async def test_pairing_code_expires(faster_rig: Rig) -> None:
    """The code holds no longer than it says."""
    rig = faster_rig
    green = rig.green()
    code = await green.request_pairing_code(PHONE)
    await rig.emulator.clock.sleep(code.valid_for + 1)
    assert await rig.enter_code(code.code) == 410


async def test_no_pairing_code_for_a_linked_phone(rig: Rig, green: GreenApi) -> None:
    """The vendor says no without a reason; so do we."""
    rig.green_instance.link(rig.green_instance.number)
    with pytest.raises(Refused, match="no reason given"):
        await green.request_pairing_code(PHONE)


async def test_known_bug_with_pairing_codes(rig: Rig) -> None:
    """A wrong code and a second request leave the instance starting, until a logout."""
    made = rig.emulator.gateways["green_api"].create_instance(options={"pairing_code_bug": True})
    green = GreenApi(rig.session, f"{rig.emulator.url}/green-api", _shown(made.credentials()))
    await green.request_pairing_code(PHONE)
    assert await rig.enter_code("AAAAAAAA") == 404
    with pytest.raises(Refused):
        await green.request_pairing_code(PHONE)
    assert (await green.get_session()).state is SessionState.STARTING
    await green.logout()
    assert (await green.get_session()).state is SessionState.UNLINKED


# Sending


@pytest.mark.parametrize(
    "text",
    [
        "The washing machine is done.",
        "Grüße aus der Küche – „fertig“",
        "one\ntwo\r\nthree\n",
        "  blanks around\t",
        "\N{WAVING HAND SIGN}\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
        "*bold* _italic_ ~gone~ ```code```",
        'quotes " and \\ and \\n and \u2028 and \u0000',
        "السلام عليكم \u200fשלום",
        '{"message": "not JSON"}',
        "\N{PARTY POPPER}" * 4_000,
        "Ж" * 20_000,
    ],
    ids=[
        "plain",
        "umlauts",
        "lines",
        "blanks",
        "emoji",
        "marks",
        "escapes",
        "right to left",
        "json",
        "party",
        "longest",
    ],
)
async def test_text_arrives_as_it_was(rig: Rig, green: GreenApi, text: str) -> None:
    """What is sent is what arrives, to the letter, and it arrives once."""
    rig.green_instance.link(rig.green_instance.number)
    sent = await green.send_text(CHAT, text)
    await rig.emulator.clock.sleep(2)
    [message] = await rig.arrived(1)
    assert message["text"] == text
    assert message["chat_id"] == CHAT
    assert message["id"] == sent.message_id


@pytest.mark.parametrize("chat_id", ["120363000000000142@g.us", "12025550142-1581234048@g.us", "120650379300963@lid"])
async def test_other_chats(rig: Rig, green: GreenApi, chat_id: str) -> None:
    """Groups and people with an opaque id are spelled as ours are."""
    rig.green_instance.link(rig.green_instance.number)
    await green.send_text(chat_id, "hello")
    [message] = await rig.arrived(1)
    assert message["chat_id"] == chat_id


async def test_text_waits_for_the_link(rig: Rig, green: GreenApi) -> None:
    """The vendor keeps a message until a phone is linked."""
    sent = await green.send_text(CHAT, "later")
    await rig.emulator.clock.sleep(2)
    assert await rig.arrived(0) == []
    rig.green_instance.link(rig.green_instance.number)
    [message] = await rig.arrived(1)
    assert message["id"] == sent.message_id


async def test_text_that_cannot_be_encoded(rig: Rig, green: GreenApi) -> None:
    """Half of a surrogate pair is no text; no error of the encoder leaves the ground floor."""
    with pytest.raises(GatewayError):
        await green.send_text(CHAT, "half \ud83d")
    assert rig.emulator.requests.count(method="sendMessage") == 0


async def test_refused_text(rig: Rig, green: GreenApi) -> None:
    """The vendor's own words come through, without numbers."""
    with pytest.raises(Refused, match="less than or equal to …|less than or equal to 20000 characters long"):
        await green.send_text(CHAT, "x" * 20_001)
    with pytest.raises(Refused, match="'message' is not allowed to be empty"):
        await green.send_text(CHAT, "")
    with pytest.raises(Refused, match="'chatId' must be one of the next formats"):
        await green.send_text("12025550142", "hello")
    with pytest.raises(Refused, match="request entity too large"):
        await green.send_text(CHAT, "x" * 110_000)


async def test_caption_that_is_too_long(rig: Rig, green: GreenApi) -> None:
    """The vendor tells of a fault of its own then; so it is refused here, before a file is uploaded in vain."""
    rig.green_instance.link(rig.green_instance.number)
    picture = Media(MediaKind.IMAGE, "image/png", "door.png", render_png("door"))
    with pytest.raises(Refused, match="the caption has more than 1024 characters"):
        await green.send_media(CHAT, picture, caption="x" * 1025)
    assert rig.emulator.requests.count(method="sendFileByUpload") == 0
    await green.send_media(CHAT, picture, caption="x" * 1024)
    [message] = await rig.arrived(1)
    assert message["text"] == "x" * 1024


class Loopback(AbstractResolver):
    """Finds every host on this machine."""

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    @override
    async def close(self) -> None:
        """Keep nothing."""


@pytest.mark.parametrize(
    ("entered", "files_at"),
    [
        ("api.green-api.com", "media.green-api.com"),
        ("7105.api.greenapi.com", "7105.media.greenapi.com"),
        ("API.Green-API.com", "media.green-api.com"),
        # Somebody's proxy, on whatever name.
        ("api.example.com", "api.example.com"),
        ("api.green-api.com.example.com", "api.green-api.com.example.com"),
        ("api.notgreen-api.com", "api.notgreen-api.com"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
async def test_where_files_go(entered: str, files_at: str) -> None:
    """The vendor has a host of its own for files; the token goes to no host that nobody entered."""
    hosts: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.url.host)
        return web.json_response({"idMessage": "3EB0"})

    async with (
        serve(answer) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Loopback())) as session,
    ):
        green = GreenApi(session, f"http://{entered}:{URL(server.url).port}/green", CREDENTIALS)
        await green.send_media(CHAT, Media(MediaKind.IMAGE, "image/png", "door.png", b"png"))
    assert hosts == [files_at]
    assert server.requests[0][1].startswith("/green/waInstance")


# Looking up


@pytest.mark.parametrize("phone", ["13035550142", "4930123456"], ids=["11 digits", "10 digits"])
async def test_number(rig: Rig, green: GreenApi, phone: str) -> None:
    """Where an opaque id is told, the number stays the address; and a number may be short."""
    rig.green_instance.link(rig.green_instance.number)
    assert await green.check_number(phone) == f"{phone}@c.us"
    assert await green.check_number("13035550199") is None


@pytest.mark.parametrize(
    ("told", "found"),
    [
        # How WhatsApp knows a number of Brazil that is dialled with a nine more.
        ("551187654321@c.us", "551187654321@c.us"),
        ("551187654321@s.whatsapp.net", "551187654321@c.us"),
        ("120650379300963@lid", "5511987654321@c.us"),
        ("", "5511987654321@c.us"),
        (None, "5511987654321@c.us"),
        (7, "5511987654321@c.us"),
        ("@c.us", "5511987654321@c.us"),
        ("120363000000000142@g.us", "5511987654321@c.us"),
    ],
)
async def test_number_as_whatsapp_knows_it(session: aiohttp.ClientSession, told: Any, found: str) -> None:
    """What the vendor says is the number is the number, if it is one."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"existsWhatsapp": True, "chatId": told})

    async with serve(answer) as server:
        assert await GreenApi(session, server.url, CREDENTIALS).check_number("5511987654321") == found
    assert asked == [{"chatId": "5511987654321@c.us"}]


async def test_name_with_half_of_a_character(session: aiohttp.ClientSession) -> None:
    """A name that was cut within an emoji can be written down."""
    body = r'[{"id": "13035550142@c.us", "name": "Ada \ud83d", "contactName": "", "type": "user"}]'
    async with serve(always(body=body)) as server:
        [chat] = await GreenApi(session, server.url, CREDENTIALS).list_chats()
    assert chat.name == "Ada ?"


async def test_quota_of_chats(rig: Rig) -> None:
    """The free tariff knows three chats; the fourth is refused, and no number is told."""
    made = rig.emulator.gateways["green_api"].create_instance(options={"tariff": "developer"})
    green = GreenApi(rig.session, f"{rig.emulator.url}/green-api", _shown(made.credentials()))
    for last in range(3):
        await green.send_text(f"1202555014{last}@c.us", "hello")
    with pytest.raises(QuotaExceeded, match="Monthly quota has been exceeded") as caught:
        await green.send_text("12025550149@c.us", "hello")
    assert "202555" not in str(caught.value)
    await green.send_text("12025550140@c.us", "hello again")


@pytest.mark.parametrize(
    ("account", "kind"), [("expired", QuotaExceeded), ("deleted", InstanceNotFound)], ids=["expired", "deleted"]
)
async def test_account(rig: Rig, account: str, kind: type[GatewayError]) -> None:
    """An account that is not paid for, or is gone, is no account with a wrong token."""
    made = rig.emulator.gateways["green_api"].create_instance(options={"account": account})
    green = GreenApi(rig.session, f"{rig.emulator.url}/green-api", _shown(made.credentials()))
    with pytest.raises(kind):
        await green.get_session()


async def test_wrong_token(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The token is refused."""
    wrong = {"instance_id": rig.green_instance.id, "token": "f" * 50}
    with pytest.raises(InvalidCredentials) as caught:
        await GreenApi(rig.session, f"{rig.emulator.url}/green-api", wrong).get_session()
    assert leaks(["f" * 50], caught.value, caplog.records) == []


async def test_wrong_instance(rig: Rig) -> None:
    """The instance is not known."""
    wrong = {"instance_id": "1101999999", "token": rig.green_instance.token}
    with pytest.raises(InstanceNotFound):
        await GreenApi(rig.session, f"{rig.emulator.url}/green-api", wrong).get_session()


async def test_wrong_path(rig: Rig) -> None:
    """Another server than GREEN-API's."""
    with pytest.raises(InvalidAnswer):
        await GreenApi(rig.session, f"{rig.emulator.url}/no-such-api", CREDENTIALS).get_session()


# Every error that the vendor's pages tell of

NGINX = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
CHANGE_TARIFF = "Monthly quota has been exceeded. Please go to your personal account and change the tariff to business"
ONLY_THESE = "Monthly quota has been exceeded. You can only send or receive messages from these numbers: "


def said(status: int, message: str) -> Handler:
    """Return a handler that refuses in the vendor's shape, with the token in the path as the vendor has it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {
            "statusCode": status,
            "timestamp": "2026-08-21T12:46:15.345Z",
            "path": request.path,
            "message": message.replace("PATH", request.path),
        }
        return web.json_response(body, status=status)

    return answer


def page(status: int, title: str) -> Handler:
    """Return a handler that answers with a page of the web server in front."""
    return always(status, NGINX.format(f"{status} {title}"), "text/html")


def quota(status: int, **parts: dict[str, Any]) -> Handler:
    """Return a handler that answers with the body of a used-up quota."""
    return always(status, json.dumps(parts))


EXCEEDED = {
    "method": "checkwhatsapp",
    "used": 100,
    "total": 100,
    "status": "QUOTE_EXCEEDED",
    "description": CHANGE_TARIFF,
}
ALLOWED = {"method": "sendmessage", "used": 67, "total": 0, "status": "QUOTE_ALLOWED"}
CORRESPONDENTS = {
    "method": "correspondents",
    "used": 3,
    "total": 3,
    "status": "CORRESPONDENTS_QUOTE_EXCEEDED",
    "description": f"{ONLY_THESE}12025550142@c.us, 12025550143@c.us",
}
FILE_TOO_LARGE = "File from url exceeded max upload size. Size: 250mb Limit: 100mb Url: https://example.com/a.mp4"

ERRORS: dict[str, tuple[Handler, type[GatewayError], str]] = {
    "200 starting or not authorized": (
        always(body='{"status": false, "reason": "instance is starting or not authorized"}'),
        WrongState,
        "the session is unlinked",
    ),
    "200 failed without a reason": (always(body='{"status": false, "code": ""}'), Refused, "no reason given"),
    "200 failed with a reason": (
        always(body='{"status": false, "reason": "bad request data"}'),
        Refused,
        "bad request",
    ),
    "200 failed with an odd reason": (always(body='{"status": false, "reason": null}'), Refused, ""),
    "200 empty": (always(), InvalidAnswer, ""),
    "200 null": (always(body="null"), InvalidAnswer, ""),
    "200 HTML": (always(200, NGINX.format("Welcome"), "text/html"), InvalidAnswer, ""),
    "200 text in JSON": (always(body='"Error: item-not-found"'), InvalidAnswer, ""),
    "204": (always(204), InvalidAnswer, ""),
    "400 starting": (said(400, "instance in starting process try later"), WrongState, "the session is starting"),
    "400 not authorized": (
        said(400, "instance is starting or not authorized"),
        WrongState,
        "the session is unlinked",
    ),
    "400 expired": (
        said(400, "Instance account is expired. Renew your instance from personal area"),
        QuotaExceeded,
        "not paid",
    ),
    "400 deleted": (said(400, "Instance is deleted"), InstanceNotFound, "deleted"),
    "400 bad data": (said(400, "bad request data"), Refused, "bad request data"),
    "400 validation": (
        said(400, "Validation failed. Details: 'chatId' is required"),
        Refused,
        "Validation failed. Details: 'chatId' is required",
    ),
    "400 validation with a number": (
        said(400, "Validation failed. Details: 'chatId' 12025550142@c.us is wrong"),
        Refused,
        " is wrong",
    ),
    "400 with the path": (said(400, "Cannot use PATH"), Refused, "Cannot use /waInstance…/"),
    "400 bad JSON": (said(400, "Unexpected token _ in JSON at position 7"), Refused, "Unexpected token _"),
    "400 without words": (always(400), Refused, "HTTP 400"),
    "400 with odd words": (always(400, '{"message": ["chatId"]}'), Refused, "HTTP 400"),
    "400 in a list": (always(400, '["no"]'), Refused, "HTTP 400"),
    "400 plain text": (always(400, "no", "text/plain"), Refused, "HTTP 400"),
    "401 empty": (always(401), InvalidCredentials, ""),
    "401 JSON": (said(401, "Unauthorized"), InvalidCredentials, ""),
    "403 HTML": (page(403, "Forbidden"), InstanceNotFound, ""),
    "403 empty": (always(403), InstanceNotFound, ""),
    "403 suspended": (said(403, "Your account is suspended"), Refused, "Your account is suspended"),
    "404 JSON": (said(404, "Cannot GET PATH"), InvalidAnswer, ""),
    "404 HTML": (page(404, "Not Found"), InvalidAnswer, ""),
    "429 JSON": (said(429, "Too Many Requests"), RateLimited, ""),
    "429 empty": (always(429), RateLimited, ""),
    "466 monthly quota": (quota(466, invokeStatus=EXCEEDED), QuotaExceeded, CHANGE_TARIFF),
    "466 correspondents": (
        quota(466, invokeStatus=ALLOWED, correspondentsStatus=CORRESPONDENTS),
        QuotaExceeded,
        ONLY_THESE,
    ),
    "466 empty": (always(466), QuotaExceeded, "used up"),
    "466 odd": (quota(466, invokeStatus={"description": 7}, correspondentsStatus={}), QuotaExceeded, "used up"),
    "466 list": (always(466, "[]"), QuotaExceeded, "used up"),
    "469": (always(469), QuotaExceeded, "used up"),
    "499": (always(499), Refused, "HTTP 499"),
    "500 too large": (said(500, "request entity too large"), Refused, "request entity too large"),
    "500 file too large": (said(500, FILE_TOO_LARGE), Refused, "File from url exceeded max upload size"),
    "500": (said(500, "Internal server error"), CannotReach, "HTTP 500"),
    "500 HTML": (page(500, "Internal Server Error"), CannotReach, "HTTP 500"),
    "502 HTML": (page(502, "Bad Gateway"), CannotReach, "HTTP 502"),
    "503 empty": (always(503), CannotReach, "HTTP 503"),
}


@pytest.fixture
def fast_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait a real second for a server that is no vendor's."""
    monkeypatch.setattr("custom_components.whatsapp_link.gateways.http.RATE_LIMIT_WAIT", 0.01)


@pytest.mark.parametrize(("handler", "kind", "words"), ERRORS.values(), ids=ERRORS)
@pytest.mark.usefixtures("fast_repeats")
async def test_error(
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    handler: Handler,
    kind: type[GatewayError],
    words: str,
) -> None:
    """Each answer is told apart, and none gives a credential or a number away."""
    async with serve(handler) as server:
        green = GreenApi(session, server.url, CREDENTIALS)
        for operation in ("send_text", "get_session"):
            with pytest.raises(GatewayError) as caught:
                await perform(green, operation)
            assert type(caught.value) is kind
            assert words in str(caught.value)
            assert leaks([CREDENTIALS["token"], CREDENTIALS["instance_id"]], caught.value, caplog.records) == []
            assert "2025550" not in str(caught.value)
            if isinstance(caught.value, CannotReach):
                assert caught.value.maybe_acted


async def test_state_that_echoes_the_request(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """A server that echoes cannot bring a token into the log by way of an unknown state."""

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.json_response({"stateInstance": request.path.rpartition("/")[2]})

    async with serve(echo) as server:
        green = GreenApi(session, server.url, CREDENTIALS | {"token": "short0ddba11token"})
        assert (await green.get_session()).state is SessionState.UNKNOWN
    assert leaks(["short0ddba11token"], None, caplog.records) == []
