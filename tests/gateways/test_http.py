"""The one way to talk HTTP: addresses, waiting times, redirects, limits and redaction."""

from collections.abc import Callable
import contextlib
import gzip
from itertools import pairwise
import socket
import time
from typing import override

import aiohttp
from aiohttp import ClientTimeout, web
from aiohttp.abc import ResolveResult
import pytest
from yarl import URL

from homeassistant.helpers.json import json_dumps

from custom_components.whatsapp_link.gateways import http
from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InvalidAnswer,
    InvalidCredentials,
    RateLimited,
    Refused,
)
from custom_components.whatsapp_link.gateways.http import Http, InvalidUrl, error_for_status, parse_base_url, quoted
from tests.gateways.rig import closed_port, leaks
from tests.gateways.servers import always, serve, serve_bytes

TOKEN = "5ec2e7" * 8
PATH = f"waInstance1101000001/getStateInstance/{TOKEN}"
SECRETS = [TOKEN, "waInstance1101000001"]

ADDRESSES = {
    "host": ("https://api.example.com", "https://api.example.com"),
    "final slash": ("https://api.example.com/", "https://api.example.com"),
    "port": ("http://gateway.local:8080", "http://gateway.local:8080"),
    "port that is the default": ("https://api.example.com:443", "https://api.example.com"),
    "path": ("https://home.example.com/whatsapp", "https://home.example.com/whatsapp"),
    "path and final slash": ("https://home.example.com/a/b/", "https://home.example.com/a/b"),
    "final slashes": ("https://home.example.com/a//", "https://home.example.com/a"),
    "path with a blank": ("https://home.example.com/my%20gateway/", "https://home.example.com/my%20gateway"),
    "path with a quoted slash": ("https://home.example.com/a%2Fb/", "https://home.example.com/a%2Fb"),
    "blanks around": ("  https://api.example.com\n", "https://api.example.com"),
    "capitals": ("HTTPS://API.Example.com", "https://api.example.com"),
    "IPv4": ("http://192.0.2.14:3000", "http://192.0.2.14:3000"),
    "IPv6": ("http://[2001:db8::14]:3000/", "http://[2001:db8::14]:3000"),
    "one label": ("http://waha:3000", "http://waha:3000"),
    "not ASCII": ("https://bücher.example", "https://xn--bcher-kva.example"),
}

NO_ADDRESSES = {
    "empty": "",
    "blank": "  ",
    "no scheme": "api.example.com",
    "no scheme but a port": "gateway.local:8080",
    "no scheme but slashes": "//api.example.com",
    "no host": "https://",
    "no host but a path": "https:///whatsapp",
    "no host but a port": "https://:8080",
    "ftp": "ftp://api.example.com",
    "websocket": "wss://api.example.com",
    "file": "file:///etc/passwd",
    "script": "javascript:alert(1)",
    "user": "https://ada@api.example.com",
    "user and password": "https://ada:secret@api.example.com",
    "password": "https://:secret@api.example.com",
    "query": "https://api.example.com?token=secret",
    "query behind a path": "https://api.example.com/a?token=secret",
    "fragment": "https://api.example.com/#/console",
    "blank in the host": "https://api example.com",
    "sentence": "https://api.example.com or so",
    "line end in the host": "https://api.\nexample.com",
    "two addresses": "https://api.example.com https://media.example.com",
    "port 0": "https://api.example.com:0",
    "port too high": "https://api.example.com:65536",
    "port in letters": "https://api.example.com:http",
    "empty label": "https://api..example.com",
    "invisible host": "https://\u200b",
    "backslash": "https://api.example.com\\@evil.example",
    "half an IPv6 address": "http://[2001:db8::14",
}


@pytest.mark.parametrize(("text", "url"), ADDRESSES.values(), ids=ADDRESSES)
def test_base_url(text: str, url: str) -> None:
    """What people copy from a console or an address bar becomes an address without a final slash."""
    assert str(parse_base_url(text)) == url


@pytest.mark.parametrize("text", NO_ADDRESSES.values(), ids=NO_ADDRESSES)
def test_no_base_url(text: str) -> None:
    """What would not reach a gateway is refused, without a word of it in the error."""
    with pytest.raises(InvalidUrl) as caught:
        parse_base_url(text)
    assert caught.value.args == ()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("prefix", ["", "/", "/a/b", "/a/b/", "/my%20gateway"])
async def test_path_prefix_is_kept(session: aiohttp.ClientSession, prefix: str) -> None:
    """Behind a reverse proxy, requests go below the path of the address."""
    async with serve(always(body="{}")) as server:
        answer = await Http(session, parse_base_url(server.url + prefix), [TOKEN]).request("test", "GET", PATH)
    assert answer.json() == {}
    assert server.requests == [("GET", f"{prefix.rstrip('/').replace('%20', ' ')}/{PATH}")]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("3600", 3600.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("1e3", None),
        ("٣٠", None),
        ("²", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
async def test_retry_after(session: aiohttp.ClientSession, header: str | None, seconds: float | None) -> None:
    """Seconds are understood; anything else is as if it were not there."""
    head = "" if header is None else f"Retry-After: {header}\r\n"
    raw = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n{head}\r\n".encode()
    async with serve_bytes(raw) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "GET", PATH)
    assert answer.status == 503
    assert answer.retry_after == seconds


class Crowded:
    """Answers so many times that requests come too often, and notes when they came."""

    def __init__(self, times: int, retry_after: str | None = None) -> None:
        """Refuse the first `times` requests."""
        self._times = times
        self._headers = {} if retry_after is None else {"Retry-After": retry_after}
        self.came: list[float] = []

    async def __call__(self, _request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.came.append(time.monotonic())
        if len(self.came) <= self._times:
            return web.Response(status=429, headers=self._headers)
        return web.json_response({"idMessage": "3EB0"})


@pytest.mark.parametrize("times", [1, 2])
async def test_too_often_is_repeated(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """What was refused because it came too often was not acted on, so it is sent again after a pause."""
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 0.1)
    crowded = Crowded(times)
    async with serve(crowded) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "POST", PATH, json_body={})
    assert answer.json() == {"idMessage": "3EB0"}
    assert len(crowded.came) == times + 1
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(crowded.came))


async def test_too_often_again_and_again(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the third refusal it is for the caller to decide."""
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 0.01)
    crowded = Crowded(10)
    async with serve(crowded) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "POST", PATH, json_body={})
    assert answer.status == 429
    assert len(crowded.came) == 3


async def test_waiting_time_of_the_gateway_is_kept(session: aiohttp.ClientSession) -> None:
    """A second that the gateway asks for is a second."""
    crowded = Crowded(1, "1")
    async with serve(crowded) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "POST", PATH, json_body={})
    assert answer.status == 200
    earlier, later = crowded.came
    assert later - earlier >= 1


async def test_long_waiting_time_is_for_the_caller(session: aiohttp.ClientSession) -> None:
    """Nobody waits a minute for an answer: the request ends at once, and says how long to wait."""
    crowded = Crowded(1, "60")
    async with serve(crowded) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "POST", PATH, json_body={})
    assert (answer.status, answer.retry_after) == (429, 60)
    assert len(crowded.came) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_redirect_is_not_followed(session: aiohttp.ClientSession, status: int, method: str) -> None:
    """Credentials are for one host: another one hears nothing, nor does the same one again."""
    async with serve(always(body='{"stateInstance": "authorized"}')) as elsewhere:
        async with serve(always(status, Location=f"{elsewhere.url}/{PATH}")) as server:
            with pytest.raises(InvalidAnswer):
                await Http(session, URL(server.url), [TOKEN]).request("test", method, PATH, json_body={})
        assert server.requests == [(method, f"/{PATH}")]
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_of_a_websocket_is_not_followed(session: aiohttp.ClientSession, status: int) -> None:
    """A handshake is a request like any other."""

    async def welcome(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "accountData"})
        await socket.close()
        return socket

    async with serve(welcome) as elsewhere:
        async with serve(always(status, Location=f"{elsewhere.url}/{PATH}")) as server:
            with pytest.raises(InvalidAnswer):
                await first_frame(Http(session, URL(server.url), [TOKEN]))
        assert len(server.requests) == 1
        assert elsewhere.requests == []


async def first_frame(client: Http) -> object:
    """Open a websocket and return what comes first."""
    async with client.websocket("test", PATH) as frames, contextlib.aclosing(frames):
        return await anext(frames)


BROKEN: dict[str, tuple[bytes, type[GatewayError]]] = {
    "nothing": (b"", CannotReach),
    "no HTTP": (b"SSH-2.0-OpenSSH_10.0\r\n\r\n", CannotReach),
    "half a status line": (b"HTTP/1.1 20", CannotReach),
    "status without a number": (b"HTTP/1.1 okay\r\n\r\n", CannotReach),
    "headers without end": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", CannotReach),
    "header of 64 KiB": (b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 65536 + b"\r\n\r\n", CannotReach),
    "length in letters": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", CannotReach),
    "body too short": (b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":', CannotReach),
    "broken chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n", CannotReach),
    "no gzip": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", CannotReach),
}


@pytest.mark.parametrize(("raw", "kind"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("websocket", [False, True], ids=["request", "websocket"])
async def test_broken_http(
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    raw: bytes,
    kind: type[GatewayError],
    websocket: bool,
) -> None:
    """What is not HTTP ends in our error; the request can have been acted on, and a POST is not sent again."""
    async with serve_bytes(raw) as server:
        client = Http(session, URL(server.url), [TOKEN])
        with pytest.raises(GatewayError) as caught:
            await (first_frame(client) if websocket else client.request("test", "POST", PATH, json_body={}))
    if not websocket:
        assert len(server.requests) == 1
        assert type(caught.value) is kind
    if isinstance(caught.value, CannotReach):
        assert caught.value.maybe_acted
    assert leaks(SECRETS, caught.value, caplog.records) == []


async def test_body_of_one_mebibyte_is_read(session: aiohttp.ClientSession) -> None:
    """The limit itself is within the limit."""
    body = b" " * (1024 * 1024 - 2) + b"{}"
    async with serve(always(body=body)) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "GET", PATH)
    assert answer.json() == {}
    assert len(answer.body) == 1024 * 1024


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_body_beyond_the_limit(session: aiohttp.ClientSession, packed: bool) -> None:
    """One byte more is refused, also when it is small on the way; the connection is given back."""
    body = b"x" * (1024 * 1024 + 1)
    handler = always(body=gzip.compress(body), Content_Encoding="gzip") if packed else always(body=body)
    async with serve(handler) as server:
        client = Http(session, URL(server.url), [TOKEN])
        for _ in range(2):
            with pytest.raises(InvalidAnswer, match="too large"):
                await client.request("test", "GET", PATH)


async def test_list_beyond_one_mebibyte(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list may be longer than other answers; beyond its own limit it is refused as well."""
    body = b" " * (2 * 1024 * 1024) + b"[]"
    async with serve(always(body=body)) as server:
        client = Http(session, URL(server.url), [TOKEN])
        answer = await client.request("test", "GET", PATH, is_list=True)
        assert answer.json() == []
        monkeypatch.setattr(http, "_MAX_LIST", len(body) - 1)
        with pytest.raises(InvalidAnswer, match="too large"):
            await client.request("test", "GET", PATH, is_list=True)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe", b"{", b"[" * 100_000, b"9" * 10_000, b'{"a": 1}}'], ids=range(7)
)
async def test_no_json(session: aiohttp.ClientSession, body: bytes) -> None:
    """Whatever keeps a body from being JSON is our error, and shows nothing of the body."""
    async with serve(always(body=body)) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "GET", PATH)
    with pytest.raises(InvalidAnswer) as caught:
        answer.json()
    assert caught.value.__context__ is None
    assert str(caught.value) == "the answer is not JSON"


HALVES = {
    r'{"a": "A\ud83d"}': {"a": "A?"},
    r'{"a": "\uDE00A"}': {"a": "?A"},
    r'{"a\ud83d": ["\ud83d", 1]}': {"a?": ["?", 1]},
    r'{"a": "\ud83d\ude00", "b": "\ud83d"}': {"a": "😀", "b": "?"},
    r'{"a": "\\ud83d"}': {"a": r"\ud83d"},
    r'{"a": "\ud83d\ude00"}': {"a": "😀"},
}


@pytest.mark.parametrize(("body", "content"), HALVES.items(), ids=range(len(HALVES)))
@pytest.mark.parametrize("websocket", [False, True], ids=["request", "websocket"])
async def test_halves_of_characters(
    session: aiohttp.ClientSession, body: str, content: dict[str, object], websocket: bool
) -> None:
    """What is no text and could not be written down becomes a question mark, wherever it comes in."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not websocket:
            return web.Response(text=body)
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        await socket.send_str(body)
        await socket.close()
        return socket

    async with serve(answer) as server:
        client = Http(session, URL(server.url), [TOKEN])
        found = await first_frame(client) if websocket else (await client.request("test", "GET", PATH)).json()
    assert found == content
    assert json_dumps(found)


@pytest.mark.parametrize(
    ("body", "content"),
    [(b'{"a": "\xed\xa0\xbd"}', "\ufffd\ufffd\ufffd"), (b'\xef\xbb\xbf{"a": "A"}', "A"), (b'{"a": "\xff"}', "\ufffd")],
    ids=["half in UTF-8", "mark at the beginning", "no UTF-8"],
)
async def test_bytes_that_are_no_text(session: aiohttp.ClientSession, body: bytes, content: str) -> None:
    """What is no UTF-8 is replaced, and nothing is lost for a mark that PHP left at the beginning."""
    async with serve(always(body=body)) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "GET", PATH)
    assert answer.json() == {"a": content}


def test_quoted() -> None:
    """Any text can be a part of a path, also one with half of a character in it."""
    assert quoted("a/b c@ü\ud83d") == "a%2Fb%20c%40%C3%BC%3F"


async def test_answer_hides_its_body(session: aiohttp.ClientSession) -> None:
    """An answer in a log line or a traceback tells nothing private."""
    async with serve(always(body='{"code": "GAPI2015"}')) as server:
        answer = await Http(session, URL(server.url), [TOKEN]).request("test", "GET", PATH)
    assert "GAPI2015" not in repr(answer)


@pytest.mark.parametrize("websocket", [False, True], ids=["request", "websocket"])
async def test_closed_port(session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, websocket: bool) -> None:
    """Where nobody listens, nothing can have been acted on."""
    client = Http(session, URL(f"http://127.0.0.1:{closed_port()}"), [TOKEN])
    with pytest.raises(CannotReach) as caught:
        await (first_frame(client) if websocket else client.request("test", "POST", PATH, json_body={}))
    assert caught.value.maybe_acted is False
    assert leaks(SECRETS, caught.value, caplog.records) == []


async def test_host_that_cannot_be_spelled(caplog: pytest.LogCaptureFixture) -> None:
    """Python's own resolver raises an error of another family for a label that is too long or empty."""

    class Resolver(aiohttp.ThreadedResolver):
        """Does not ask anybody, but says what Python says."""

        @override
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            host.encode("idna")
            raise AssertionError("the host could be spelled")

    url = URL(f"https://{'a' * 64}.example")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver())) as session:
        for websocket in (False, True):
            client = Http(session, url, [TOKEN])
            with pytest.raises(CannotReach) as caught:
                await (first_frame(client) if websocket else client.request("test", "POST", PATH, json_body={}))
            assert caught.value.maybe_acted is False
            assert leaks(SECRETS, caught.value, caplog.records) == []


async def test_no_time_for_a_connection(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that was never made carried no request."""

    async def wait_for_ever(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    async with serve(wait_for_ever) as server:
        client = Http(session, URL(server.url), [TOKEN])
        # The session has two connections, and these are they.
        async with session.ws_connect(server.url), session.ws_connect(server.url):
            monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=5, connect=0.1))
            with pytest.raises(CannotReach) as caught:
                await client.request("test", "POST", PATH, json_body={})
    assert caught.value.maybe_acted is False
    assert len(server.requests) == 2
    assert leaks(SECRETS, caught.value, caplog.records) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, InvalidAnswer),
        (400, Refused),
        (401, InvalidCredentials),
        (402, Refused),
        (403, Refused),
        (404, InvalidAnswer),
        (405, InvalidAnswer),
        (409, Refused),
        (422, Refused),
        (429, RateLimited),
        (500, CannotReach),
        (502, CannotReach),
        (503, CannotReach),
        (504, CannotReach),
        (599, CannotReach),
    ],
)
def test_error_for_status(status: int, kind: type[GatewayError]) -> None:
    """A status alone has a meaning, too; a server in trouble can have acted."""
    error = error_for_status(status)
    assert type(error) is kind
    assert str(error)
    if isinstance(error, CannotReach):
        assert error.maybe_acted


def test_error_for_status_keeps_what_it_is_told() -> None:
    """The waiting time and the reason come through."""
    limited = error_for_status(429, retry_after=7)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 7
    assert str(error_for_status(400, reason="no such chat")) == "no such chat"


@pytest.fixture
async def redact(session: aiohttp.ClientSession) -> Callable[[str], str]:
    """The redaction of a client with two secrets."""
    return Http(session, URL("http://127.0.0.1"), [TOKEN, "s3cr3t/with+signs"]).redact


async def test_redact(redact: Callable[[str], str]) -> None:
    """Secrets and numbers go, the words stay."""
    assert redact(f"Cannot GET /x/{TOKEN}/y/{TOKEN}") == "Cannot GET /x/…/y/…"
    assert redact("key s3cr3t/with+signs is wrong") == "key … is wrong"
    assert redact("only from 12025550142@c.us, +2901234") == "only from …@c.us, +…"
    assert redact("code 100001 of 15 at 2026") == "code 100001 of 15 at 2026"
    assert redact("two\nlines\tand   blanks ") == "two lines and blanks"
    assert redact("") == ""


async def test_redact_before_it_is_cut(redact: Callable[[str], str]) -> None:
    """A secret or a number across the cut is not shown in half."""
    for secret in (TOKEN, "12025550142"):
        for lead in range(180, 205):
            short = redact("x" * lead + secret + "y" * 50)
            assert len(short) <= 200
            assert secret[:4] not in short
