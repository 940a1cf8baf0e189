"""Every operation of every gateway against every way in which an answer can be broken."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
import json
import logging

import aiohttp
from aiohttp import ClientTimeout, web
import pytest
from yarl import URL

from custom_components.whatsapp_link.gateways import GATEWAYS, http, wachat, whatsapp_api
from custom_components.whatsapp_link.gateways.capability import Capability
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
from custom_components.whatsapp_link.gateways.model import Session, SessionState
from tests.emulator.faults import NOWHERE, FaultName
from tests.gateways.rig import ELSEWHERE, EMULATED, HOOK, Rig, always_asked, client_for, closed_port, leaks
from tests.gateways.servers import always, serve, serve_bytes

# An error's type, and what is to be seen of it.
type Expected = tuple[type[GatewayError], dict[str, object]] | None

_ACTED: Expected = (CannotReach, {"maybe_acted": True})
_NONSENSE: Expected = (InvalidAnswer, {})

ON_REQUEST: dict[FaultName, Expected] = {
    FaultName.REFUSED_CONNECTION: _ACTED,
    FaultName.TIMEOUT: _ACTED,
    FaultName.UNAUTHORIZED: (InvalidCredentials, {}),
    # What the page says is for people; a vendor who says it of an instance is in BY_GATEWAY.
    FaultName.FORBIDDEN_HTML: (Refused, {}),
    FaultName.NOT_FOUND: _NONSENSE,
    FaultName.CONFLICT: (Refused, {}),
    FaultName.UNPROCESSABLE: (Refused, {}),
    FaultName.TOO_MANY_REQUESTS: (RateLimited, {"retry_after": None}),
    FaultName.TOO_MANY_REQUESTS_RETRY_AFTER: (RateLimited, {"retry_after": 30.0}),
    FaultName.SERVER_ERROR_HTML: _ACTED,
    FaultName.BAD_GATEWAY_HTML: _ACTED,
    FaultName.MALFORMED_JSON: _NONSENSE,
    FaultName.WRONG_JSON_TYPE: _NONSENSE,
    # How a vendor says so is its own affair; see BY_GATEWAY.
    FaultName.ERROR_IN_200: (GatewayError, {}),
    FaultName.TRUNCATED_BODY: _ACTED,
    FaultName.ENDLESS_BODY: _NONSENSE,
    FaultName.SLOW_DRIP: _ACTED,
    FaultName.REDIRECT: _NONSENSE,
    # The right answer under a wrong name is still the right answer.
    FaultName.WRONG_CONTENT_TYPE: None,
    FaultName.EMPTY_401: (InvalidCredentials, {}),
    FaultName.EMPTY_200: _NONSENSE,
}
# What only the vendor's own words tell.
BY_GATEWAY: dict[str, dict[FaultName, Expected]] = {
    "green_api": {
        FaultName.ERROR_IN_200: (WrongState, {"state": SessionState.UNLINKED}),
        FaultName.FORBIDDEN_HTML: (InstanceNotFound, {}),
    },
    "wawp": {
        FaultName.NOT_FOUND: (InstanceNotFound, {}),
        FaultName.UNPROCESSABLE: (WrongState, {"state": SessionState.STARTING, "retry_after": 15.0}),
        FaultName.ERROR_IN_200: _ACTED,
    },
    "wachat": {FaultName.NOT_FOUND: (InstanceNotFound, {})},
    "waha": {
        FaultName.NOT_FOUND: (InstanceNotFound, {}),
        FaultName.UNPROCESSABLE: (WrongState, {"state": SessionState.FAILED}),
    },
    "evolution": {FaultName.NOT_FOUND: (InstanceNotFound, {})},
    "wasend": {
        FaultName.NOT_FOUND: (InstanceNotFound, {}),
        FaultName.CONFLICT: (WrongState, {"state": SessionState.LINKED}),
    },
}
# What the vendor calls the request that matters, where an operation looks at the session first.
MAIN_REQUEST: dict[tuple[str, str], str] = {
    ("evolution", "list_chats"): "chat/findChats",
    ("whatsapp_api", "list_chats"): "chats",
    ("whatsapp_api", "listen"): "chats",
    ("whatsapp_api", "request_pairing_code"): "pairing_code",
    ("whatsapp_api", "send_text"): "send",
    ("whatsapp_api", "start"): "start",
}
# Operations of whose answer nothing is used: with some vendors it may be any JSON, or empty.
_UNUSED = (Capability.SEND_REACTION, Capability.MARK_READ, Capability.SEND_TYPING)
_CHANGING = (Capability.START, Capability.RESTART, Capability.LOGOUT)
_UNUSED_EVER = (*_UNUSED, Capability.EDIT_MESSAGE, Capability.DELETE_MESSAGE)
MAY_BE_EMPTY = {
    ("green_api", Capability.DELETE_MESSAGE),
    ("green_api", Capability.SEND_TYPING),
    *(("waha", operation) for operation in _UNUSED_EVER),
    *((key, operation) for key in ("wawp", "wasend") for operation in (*_UNUSED, *_CHANGING)),
}
# Operations that find the answer elsewhere when the first place does not have it.
TRIES_ELSEWHERE = {
    ("wasend", "get_qr", FaultName.NOT_FOUND),
    ("evolution", "restart", FaultName.ERROR_IN_200),
    # A file that was thrown away is published once more.
    ("waha", "fetch_file", FaultName.NOT_FOUND),
    # A call that is not documented, and beside it the picture.
    *(("wachat", "get_qr", fault) for fault, expected in ON_REQUEST.items() if expected in (_ACTED, _NONSENSE)),
    ("wachat", "get_qr", FaultName.NOT_A_PNG),
}
# Operations that try another verb.
TRIES_TWICE = {("wachat", "logout", FaultName.NOT_FOUND)}
# Files that come as they are: whatever comes is the file.
PLAIN_FILES = {("waha", Capability.FETCH_FILE), ("wawp", Capability.FETCH_FILE)}
AS_A_FILE = {FaultName.MALFORMED_JSON, FaultName.WRONG_JSON_TYPE, FaultName.ERROR_IN_200, FaultName.EMPTY_200}
# Whatever comes with 200 instead of a handshake is no websocket, and nobody reads its body.
ON_HANDSHAKE: dict[FaultName, Expected] = dict.fromkeys(
    (FaultName.ERROR_IN_200, FaultName.TRUNCATED_BODY, FaultName.ENDLESS_BODY, FaultName.SLOW_DRIP), _NONSENSE
)
# Without an answer in time, a cell of the table waits for the client's limit.
SLOW = {FaultName.TIMEOUT, FaultName.SLOW_DRIP}
STREAMS = {Capability.WATCH_QR, Capability.LISTEN}
# Streams that are one plain request after the other.
NO_SOCKET = {(key, Capability.LISTEN) for key in ("green_api", "whatsapp_api", "wawp", "wasend")}
# The fault of a picture is seen only where there is a picture.
WITH_PICTURE = {Capability.GET_QR, Capability.WATCH_QR}

# What takes effect: if it were sent twice, it would happen twice.
EFFECTIVE = {
    Capability.SEND_TEXT,
    Capability.SEND_MEDIA,
    Capability.SEND_LOCATION,
    Capability.SEND_CONTACT,
    Capability.SEND_POLL,
    Capability.REQUEST_PAIRING_CODE,
    Capability.CREATE_INSTANCE,
}
# A GET, which only tells the code that there is.
HARMLESS = {("evolution", Capability.REQUEST_PAIRING_CODE)}

GET_SESSION = "get_session"
OPERATIONS = [
    (key, operation)
    for key in EMULATED
    for operation in (*always_asked(key), *sorted(GATEWAYS[key].capabilities - {Capability.PARSE_WEBHOOK}))
    if (key, operation) not in ELSEWHERE
]
# Every way in which an answer can be broken, for what is different on the way; what else there is takes the same way
# through each client, and differs only in what it makes of an answer.
_THROUGHOUT = {
    GET_SESSION,
    Capability.GET_QR,
    Capability.WATCH_QR,
    Capability.LISTEN,
    Capability.LIST_CHATS,
    Capability.SEND_TEXT,
    Capability.SEND_MEDIA,
    Capability.CREATE_INSTANCE,
    Capability.FETCH_FILE,
}
_TELLING = {
    FaultName.UNAUTHORIZED,
    FaultName.NOT_FOUND,
    FaultName.UNPROCESSABLE,
    FaultName.BAD_GATEWAY_HTML,
    FaultName.MALFORMED_JSON,
    FaultName.WRONG_JSON_TYPE,
    FaultName.ERROR_IN_200,
    FaultName.EMPTY_200,
    FaultName.NOT_A_PNG,
}
CELLS = [
    (key, operation, fault)
    for key, operation in OPERATIONS
    for fault in (FaultName if operation in _THROUGHOUT else sorted(_TELLING))
    if fault is not FaultName.NOT_A_PNG or operation in WITH_PICTURE
]

every_operation = pytest.mark.parametrize(("key", "operation"), OPERATIONS)


def opens_socket(key: str, operation: str) -> bool:
    """Return whether an operation begins with the handshake of a websocket."""
    return operation in STREAMS and (key, operation) not in NO_SOCKET


def expected_for(key: str, operation: str, fault: FaultName) -> Expected:
    """Return what an operation has to make of a fault."""
    if (key, operation, fault) in TRIES_ELSEWHERE:
        return None
    if fault is FaultName.NOT_A_PNG:
        return _NONSENSE
    if fault is FaultName.WRONG_JSON_TYPE and (key, operation) in MAY_BE_EMPTY:
        return None
    if fault is FaultName.EMPTY_200 and (key, operation) in MAY_BE_EMPTY:
        return None
    # A file without end is one that is too large.
    if fault is FaultName.ENDLESS_BODY and operation == Capability.FETCH_FILE:
        return (Refused, {})
    if (key, operation) in PLAIN_FILES and fault in AS_A_FILE:
        return None
    if (key, operation) in PLAIN_FILES and fault is FaultName.NOT_FOUND:
        return (Refused, {})
    # WAHA knows no failure with a good status.
    if fault is FaultName.ERROR_IN_200 and key == "waha" and operation in _UNUSED_EVER:
        return None
    is_handshake = opens_socket(key, operation)
    if is_handshake and fault in ON_HANDSHAKE:
        return ON_HANDSHAKE[fault]
    if not is_handshake and fault in BY_GATEWAY.get(key, {}):
        return BY_GATEWAY[key][fault]
    if is_handshake and fault is FaultName.TOO_MANY_REQUESTS_RETRY_AFTER:
        # Only the type: how long to wait is of no use to who polls in the meantime.
        return (RateLimited, {})
    return ON_REQUEST[fault]


def answers_to_break(key: str, operation: str, fault: FaultName) -> int:
    """Return how many answers have to be broken before an operation fails."""
    if fault is FaultName.TOO_MANY_REQUESTS and not opens_socket(key, operation):
        # What comes too often is repeated twice.
        return 3
    if (key, operation, fault) in TRIES_TWICE:
        return 2
    if fault is FaultName.REFUSED_CONNECTION and ((key, operation) in HARMLESS or operation not in EFFECTIVE):
        # A GET whose connection is closed is repeated once, by aiohttp itself.
        return 2
    return 1


@pytest.fixture(autouse=True)
def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Log as much as somebody who reports a bug would be asked for."""
    for name in (None, "aiohttp", "aiohttp.client", "aiohttp.internal", "asyncio", "custom_components"):
        caplog.set_level(logging.DEBUG, logger=name)


@contextmanager
def impatience(fault: FaultName) -> Iterator[None]:
    """Wait less than for a real vendor where the fault is that nothing comes."""
    with pytest.MonkeyPatch.context() as patch:
        if fault in SLOW:
            patch.setattr(http, "_TIMEOUT", ClientTimeout(total=0.2))
            patch.setattr(http, "_FILE_TIMEOUT", ClientTimeout(total=0.2))
            patch.setattr(whatsapp_api, "_START_TIMEOUT", 0.2)
            patch.setattr(wachat, "_SEND_TIMEOUT", 0.2)
        yield


def assert_is(error: GatewayError, expected: Expected) -> None:
    """Check type and attributes of an error."""
    assert expected is not None
    kind, attributes = expected
    assert type(error) is kind or kind is GatewayError
    assert {name: getattr(error, name) for name in attributes} == attributes


@pytest.mark.parametrize(("key", "operation", "fault"), CELLS)
async def test_fault(rig: Rig, caplog: pytest.LogCaptureFixture, key: str, operation: str, fault: FaultName) -> None:
    """A broken answer is told by its kind, gives no secret away, and does no harm to what comes after."""
    expected = expected_for(key, operation, fault)
    gateway = rig.client(key)
    await rig.prepare(key, operation)
    count = answers_to_break(key, operation, fault)
    main = MAIN_REQUEST.get((key, operation), "")
    await rig.fault(key, fault, count=count, method=main)

    error: GatewayError | None = None
    try:
        with impatience(fault):
            async with asyncio.timeout(20):
                await rig.perform(gateway, operation)
    except GatewayError as caught:
        error = caught

    if expected is None:
        assert error is None
    else:
        assert error is not None
        assert_is(error, expected)
    assert leaks(rig.secrets(key), error, caplog.records) == []
    asked = rig.emulator.requests.count(key, method=main or None)
    # What went well, or came as far as the picture, may have taken several requests.
    if not (error is None or fault is FaultName.NOT_A_PNG):
        assert asked == count or (fault is FaultName.REFUSED_CONNECTION and asked == 1)
        assert sum(pending.count for pending in rig.emulator.faults.pending()) == count - asked
    rig.emulator.faults.clear()

    # The session has a single connection: it is free again, and of use.
    async with asyncio.timeout(20):
        assert isinstance(await gateway.get_session(), Session)


@every_operation
async def test_nobody_listens(
    session: aiohttp.ClientSession, rig: Rig, caplog: pytest.LogCaptureFixture, key: str, operation: str
) -> None:
    """What was never sent cannot have been acted on."""
    gateway = client_for(session, rig.instance(key), GATEWAYS[key], base_url=f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(CannotReach) as caught:
        await rig.perform(gateway, operation)
    assert caught.value.maybe_acted is False
    assert leaks(rig.secrets(key), caught.value, caplog.records) == []


@every_operation
async def test_hung_up(
    session: aiohttp.ClientSession, rig: Rig, caplog: pytest.LogCaptureFixture, key: str, operation: str
) -> None:
    """What was sent can have been acted on, even if not a byte came back; and it is not sent again."""
    async with serve_bytes(b"") as server:
        gateway = client_for(session, rig.instance(key), GATEWAYS[key], base_url=server.url)
        with pytest.raises(CannotReach) as caught:
            await rig.perform(gateway, operation)
    assert caught.value.maybe_acted is True
    assert len(server.requests) == 1 or operation not in EFFECTIVE or (key, operation) in {*MAIN_REQUEST, *HARMLESS}
    assert max(Counter(server.requests).values()) <= 2
    assert leaks(rig.secrets(key), caught.value, caplog.records) == []


@every_operation
async def test_redirect_elsewhere(
    session: aiohttp.ClientSession, rig: Rig, caplog: pytest.LogCaptureFixture, key: str, operation: str
) -> None:
    """No request goes to a host that the user did not name."""
    async with serve(always(body="{}")) as elsewhere:
        # Some ask for a code in two places.
        await rig.fault(key, FaultName.REDIRECT, location=f"{elsewhere.url}/collect", count=2)
        gateway = client_for(session, rig.instance(key), GATEWAYS[key])
        with pytest.raises(InvalidAnswer) as caught:
            await rig.perform(gateway, operation)
        assert elsewhere.requests == []
    assert leaks([*rig.secrets(key), NOWHERE, elsewhere.url], caught.value, caplog.records[:]) == []


SENDING = [cell for cell in OPERATIONS if cell[1] in EFFECTIVE and cell not in HARMLESS]
# The answer is lost or broken, and nothing says that the request was refused.
LOST = [
    FaultName.REFUSED_CONNECTION,
    FaultName.TIMEOUT,
    FaultName.BAD_GATEWAY_HTML,
    FaultName.MALFORMED_JSON,
    FaultName.TRUNCATED_BODY,
    FaultName.SERVER_ERROR_HTML,
    FaultName.WRONG_JSON_TYPE,
    FaultName.ENDLESS_BODY,
    FaultName.SLOW_DRIP,
    FaultName.REDIRECT,
    FaultName.EMPTY_200,
]


@pytest.mark.parametrize(("key", "operation"), SENDING)
@pytest.mark.parametrize("fault", LOST)
async def test_sent_once(rig: Rig, key: str, operation: str, fault: FaultName) -> None:
    """What may have been acted on is not sent again, also on a connection that has been used before."""
    gateway = rig.client(key)
    await rig.prepare(key, operation)
    await gateway.get_session()
    main = MAIN_REQUEST.get((key, operation), "")
    before = rig.emulator.requests.count(key, method=main or None)
    await rig.fault(key, fault, acted_on=True, method=main)
    with impatience(fault), pytest.raises(GatewayError) as caught:
        await rig.perform(gateway, operation)
    if isinstance(caught.value, CannotReach):
        assert caught.value.maybe_acted is True
    await asyncio.sleep(0.03)
    assert rig.emulator.requests.count(key, method=main or None) == before + 1


@pytest.mark.parametrize("key", [key for key, operation in SENDING if operation == Capability.SEND_TEXT])
@pytest.mark.parametrize("fault", LOST[:5])
async def test_text_arrives_once(rig: Rig, key: str, fault: FaultName) -> None:
    """A message whose answer was lost has arrived, once."""
    await rig.prepare(key, Capability.SEND_TEXT)
    await rig.fault(key, fault, acted_on=True, method=MAIN_REQUEST.get((key, Capability.SEND_TEXT), ""))
    with impatience(fault), pytest.raises(GatewayError):
        await rig.perform(rig.client(key), Capability.SEND_TEXT)
    await rig.arrived(1)
    await rig.emulator.clock.sleep(2)
    assert len(await rig.arrived(1)) == 1


@pytest.mark.parametrize(("key", "operation"), [cell for cell in OPERATIONS if cell[1] not in STREAMS])
@pytest.mark.parametrize("times", [1, 2])
async def test_too_often_for_a_moment(rig: Rig, key: str, operation: str, times: int) -> None:
    """What was refused because it came too often is sent again, and then done once."""
    await rig.prepare(key, operation)
    main = MAIN_REQUEST.get((key, operation), "")
    await rig.fault(key, FaultName.TOO_MANY_REQUESTS, count=times, method=main)
    await rig.perform(rig.client(key), operation)
    assert rig.emulator.requests.count(key, method=main or None) >= times + 1
    assert rig.emulator.requests.count(key, status=429) == times


@every_operation
async def test_cancelled(rig: Rig, caplog: pytest.LogCaptureFixture, key: str, operation: str) -> None:
    """Who does not want to wait any longer leaves nothing behind, and is told nothing secret."""
    gateway = rig.client(key)
    await rig.fault(key, FaultName.TIMEOUT)
    task = asyncio.create_task(rig.perform(gateway, operation))
    async with asyncio.timeout(20):
        while not rig.emulator.requests.count(key):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert isinstance(await gateway.get_session(), Session)
    assert leaks(rig.secrets(key), None, caplog.records) == []


# What an operation sends that is nobody else's business.
PRIVATE = {
    Capability.SEND_TEXT: ["door is open"],
    Capability.SEND_MEDIA: ["manual.pdf"],
    Capability.SEND_LOCATION: ["Square 1"],
    Capability.SEND_CONTACT: ["Ada"],
    Capability.SEND_POLL: ["Pizza?", "Yes"],
    Capability.EDIT_MESSAGE: ["door is shut"],
    Capability.REGISTER_WEBHOOK: [HOOK.url, HOOK.secret],
}


@pytest.mark.parametrize("as_text", [True, False], ids=["as text", "as JSON"])
@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(("key", "operation"), [each for each in OPERATIONS if each[1] in PRIVATE])
async def test_request_repeated(
    session: aiohttp.ClientSession,
    rig: Rig,
    caplog: pytest.LogCaptureFixture,
    key: str,
    operation: Capability,
    status: int,
    as_text: bool,
) -> None:
    """A server that repeats the request which it refuses gives nothing of it away."""
    private = PRIVATE[operation]
    await rig.prepare(key, operation)
    instance = rig.instance(key)
    refused: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        sent = (await request.read()).decode(errors="replace")
        if not any(text in sent for text in private):
            async with session.request(
                request.method, f"{rig.emulator.url}{request.path_qs}", data=sent, headers=request.headers
            ) as passed_on:
                return web.Response(status=passed_on.status, body=await passed_on.read())
        refused.append(sent)
        words = f"cannot do this: {sent if as_text else json.dumps(sent)}"
        body = {"error": {"message": words}, "message": words, "response": {"message": words}}
        return web.json_response(body, status=status)

    async with serve(answer) as server:
        base_url = f"{server.url}{URL(instance.credentials()['base_url']).path.rstrip('/')}"
        gateway = client_for(session, instance, GATEWAYS[key], base_url=base_url)
        with pytest.raises(GatewayError) as caught:
            await rig.perform(gateway, operation)
    assert refused
    assert leaks([*private, *rig.secrets(key)], caught.value, caplog.records) == []
