"""The one way to talk HTTP: limits, time-outs, redaction, and errors that say what to do.

Vendors put tokens into paths and queries, and aiohttp puts the whole address into its exceptions. So none of
those exceptions leaves this module, not even as the context of another one, and addresses are never logged.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
import ipaddress
import json
import logging
import re
import time
from typing import Any
from urllib.parse import quote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    ConnectionTimeoutError,
    FormData,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
)
from multidict import CIMultiDict
from yarl import URL

from .errors import CannotReach, GatewayError, InvalidAnswer, InvalidCredentials, RateLimited, Refused

_LOGGER = logging.getLogger(__name__)

_TIMEOUT = ClientTimeout(total=30, connect=10)
RATE_LIMIT_WAIT = 1.0
"""Seconds after which a request may be repeated that came too often, where the gateway says nothing of it."""
_MAX_RATE_LIMIT_WAIT = 5.0
_REPEATS = 2
# A connection that broke without a word would be waited on for ever: silence for so long means that it did. The
# slowest server pings once a minute.
_WEBSOCKET_TIMEOUT = ClientWSTimeout(ws_receive=150, ws_close=0.5)
# For a file to be uploaded, and for the gateway to pass it on.
_FILE_TIMEOUT = ClientTimeout(total=180, connect=10)
_MAX_BODY = 1024 * 1024
# Each chat in a list may come with its last message, and that with a small picture in it.
_MAX_LIST = 16 * 1024 * 1024
_MAX_REASON = 200
_LOCAL_DOMAINS = (".local", ".lan", ".home", ".internal", ".home.arpa")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
# As long as the shortest phone number; see address.py.
_NUMBER = re.compile(r"\d{7,}")
_WORD = re.compile(r"\w+")
# What a sentence shares with a vendor's own words says nothing: "is", "the", "not".
_LONGER = 4
# In JSON a character beyond the first 65,536 may be told as two halves; one of them alone is no text.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class InvalidUrl(ValueError):
    """The text is not an address of a server."""


def parse_base_url(text: str) -> URL:
    """Return the address of a gateway: http or https, with a host, perhaps with a path, without a final slash.

    Raises InvalidUrl; an address with a user name, a query or a fragment is refused, because none of them
    would reach the gateway.
    """
    try:
        url = URL(text.strip())
        valid = url.scheme in ("http", "https") and url.port != 0 and _is_host(url.raw_host or "")
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", text.strip()) or url.user or url.password or url.query_string or url.fragment:
        raise InvalidUrl
    return url.with_path(url.raw_path.rstrip("/"), encoded=True)


def _is_host(host: str) -> bool:
    """Whether it is a name, of the letters that names in a network have, or an address."""
    return ":" in host or _HOST.fullmatch(host) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole: the status, the seconds of `Retry-After` if there are any, the body; and what was sent."""

    status: int
    retry_after: float | None
    body: bytes = field(repr=False)
    sent: Mapping[str, Any] = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON (see parse_json). Raises InvalidAnswer."""
        return parse_json(self.body)

    def object_or_empty(self) -> dict[str, Any]:
        """Return the body if it is a JSON object, as errors are that the gateway itself tells; else an empty one."""
        with suppress(InvalidAnswer):
            return require_object(self.json())
        return {}


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file in it, in the field `file`."""

    fields: Mapping[str, str] = field(repr=False)
    file_name: str = field(repr=False)
    mime_type: str
    content: bytes = field(repr=False)

    @property
    def named(self) -> Mapping[str, str]:
        """All of it that is text."""
        return {**self.fields, "file": self.file_name}

    def form(self) -> FormData:
        """Return it as aiohttp sends it, once."""
        form = FormData(self.fields)
        form.add_field("file", BytesIO(self.content), filename=self.file_name, content_type=self.mime_type)
        return form


class Http:
    """Talks to one gateway on a session that belongs to somebody else."""

    def __init__(
        self,
        session: ClientSession,
        base_url: URL,
        secrets: Iterable[str],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the session, the gateway's address, every text that must never be shown, and headers for each request."""
        self.session = session
        self._headers = CIMultiDict(headers or {})
        self._json_headers = CIMultiDict({**self._headers, "Content-Type": "application/json"})
        self.base_url = base_url
        # The longest first: one may be the beginning of another.
        self._secrets = sorted(secrets, key=len, reverse=True)

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        json_body: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
        with_file: bool = False,
        limit: int | None = None,
        is_list: bool = False,
    ) -> Answer:
        """Request `path` (see `quoted`) below the base address and return the answer, whatever its status.

        `operation` is what the log calls it; `timeout` is for requests that take longer than half a minute,
        `with_file` for a body that holds a file, `limit` for an answer that does, in bytes, `is_list` for one that
        tells of many chats or messages. Redirects are not followed: the credentials are for this host.
        What came too often (HTTP 429) was not acted on: it is repeated twice, if the wait is short.
        Raises CannotReach, InvalidAnswer for a redirect or an answer without end, or Refused for a file of more
        bytes than `limit`.
        """
        body: bytes | Upload | None = upload
        if json_body is not None:
            # A large body takes its time.
            body = await asyncio.to_thread(_encode, json_body) if with_file else _encode(json_body)
        patience = _FILE_TIMEOUT if with_file or upload or limit is not None else _TIMEOUT
        if timeout is not None:
            patience = ClientTimeout(total=timeout, connect=_TIMEOUT.connect)
        most = _MAX_LIST if is_list else _MAX_BODY
        url = self._address(path, params)
        sent = upload.named if upload else json_body or {}
        for _ in range(_REPEATS):
            answer = await self._request_once(operation, method, url, body, sent, patience, limit, most)
            wait = RATE_LIMIT_WAIT if answer.retry_after is None else answer.retry_after
            if answer.status != 429 or wait > _MAX_RATE_LIMIT_WAIT:
                return answer
            await asyncio.sleep(wait)
        return await self._request_once(operation, method, url, body, sent, patience, limit, most)

    async def _request_once(
        self,
        operation: str,
        method: str,
        url: URL,
        body: bytes | Upload | None,
        sent: Mapping[str, Any],
        timeout: ClientTimeout,
        limit: int | None,
        most: int,
    ) -> Answer:
        data = body.form() if isinstance(body, Upload) else body and BytesIO(body)
        started = time.monotonic()
        failure: GatewayError
        try:
            async with self.session.request(
                method,
                url,
                data=data,
                headers=self._json_headers if isinstance(body, bytes) else self._headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                # An error is no file.
                content = await _read_limited(response, limit if response.ok else None, most)
            _LOGGER.debug(
                "%s: HTTP %s, %s bytes, %s ms",
                operation,
                response.status,
                len(content),
                round((time.monotonic() - started) * 1000),
            )
            if not 300 <= response.status < 400:
                return Answer(response.status, _retry_after(response), content, sent)
            failure = InvalidAnswer("the address redirects elsewhere")
        except GatewayError as error:
            failure = error
        except (ClientError, OSError, UnicodeError) as error:
            failure = _unreachable(error)
        # Outside of the handler: an aiohttp error must not even be the context of ours.
        _LOGGER.debug("%s: %s", operation, failure)
        raise failure

    @asynccontextmanager
    async def websocket(
        self, operation: str, path: str, params: Mapping[str, str] | None = None, *, lenient: bool = False
    ) -> AsyncGenerator[AsyncGenerator[Any]]:
        """Open a websocket and give an iterator over the JSON of its text frames; it ends when the server closes.

        `lenient` passes over frames that make no sense. Raises CannotReach, also after minutes of silence,
        InvalidAnswer, or what error_for_status makes of a refused handshake.
        """
        # A view of the session, on the same connections: aiohttp can forbid redirects only there for a websocket.
        async with ClientSession(
            connector=self.session.connector,
            connector_owner=False,
            headers={**self.session.headers, **self._headers},
            middlewares=(_refuse_redirect,),
        ) as session:
            connection = await self._connect(session, operation, self._address(path, params))
            _LOGGER.debug("%s: websocket open", operation)
            async with connection:
                yield _frames(operation, connection, lenient)
            _LOGGER.debug("%s: websocket closed", operation)

    async def _connect(self, session: ClientSession, operation: str, url: URL) -> ClientWebSocketResponse:
        failure: GatewayError
        try:
            async with asyncio.timeout(_TIMEOUT.total):
                return await session.ws_connect(url, timeout=_WEBSOCKET_TIMEOUT, max_msg_size=_MAX_BODY)
        except WSServerHandshakeError as error:
            no_websocket = InvalidAnswer("no websocket lives at the address")
            failure = no_websocket if error.status == 101 else error_for_status(error.status)
        except GatewayError as error:
            failure = error
        except (ClientError, OSError, UnicodeError) as error:
            failure = _unreachable(error)
        _LOGGER.debug("%s: %s", operation, failure)
        raise failure

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine or in the home network: so it can reach what is there."""
        host = (self.base_url.host or "").rstrip(".")
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return "." not in host or host.endswith(_LOCAL_DOMAINS)

    @property
    def server(self) -> str:
        """The host and the port: what may be shown of the address, since a path may be meant for nobody else."""
        return f"{self.base_url.host}:{self.base_url.port}"

    @property
    def place(self) -> str:
        """The address without the scheme, for telling one server from another. It is not to be shown."""
        return f"{self.server}{self.base_url.path.rstrip('/')}"

    def redact(self, text: str, answer: Answer | None = None) -> str:
        """Return a vendor's words without credentials, numbers and what we sent, short enough to be shown.

        Some repeat the request that they refuse, and with it the message, or the secret of our webhook.
        """
        for secret in self._secrets:
            text = text.replace(secret, "…")
        if answer:
            text = _without(text, answer.sent)
        return _NUMBER.sub("…", " ".join(text.split()))[:_MAX_REASON]

    def _address(self, path: str, params: Mapping[str, str] | None = None) -> URL:
        url = self.base_url.joinpath(path, encoded=True)
        return url.with_query(params) if params else url


def quoted(text: str) -> str:
    """Return a text as one part of a path; half of a character, which is no text, becomes a question mark."""
    return quote(text, safe="", errors="replace")


def error_for_status(status: int, *, reason: str = "", retry_after: float | None = None) -> GatewayError:
    """Return what a status means where the vendor's own words say nothing more. `reason` is redacted already."""
    match status:
        case 401:
            return InvalidCredentials("the gateway refused the credentials")
        case 404 | 405:
            return InvalidAnswer("the gateway does not know the request")
        case 429:
            return RateLimited(retry_after)
        case _ if status >= 500:
            return CannotReach(f"the gateway answered HTTP {status}", maybe_acted=True)
        case _ if status >= 400:
            return Refused(reason or f"HTTP {status}")
    return InvalidAnswer(f"the gateway answered HTTP {status}")


def parse_json(text: bytes | str) -> Any:
    """Return what a text of JSON holds. Raises InvalidAnswer.

    Halves of characters, which could not be written anywhere, become question marks.
    """
    if isinstance(text, bytes):
        # It may begin with a mark for the order of bytes, which is no part of it.
        text = text.decode("utf-8-sig", "replace")
    try:
        content = json.loads(text)
        if _HALF.search(text):
            content = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    except ValueError, RecursionError:
        pass
    else:
        return content
    raise InvalidAnswer("the answer is not JSON")


def require_object(content: Any) -> dict[str, Any]:
    """Return a part of an answer that has to be an object. Raises InvalidAnswer."""
    if isinstance(content, dict):
        return content
    raise InvalidAnswer("the answer is not a JSON object")


def require_text(content: Mapping[str, Any], key: str) -> str:
    """Return a part of an answer that has to be a text with something in it. Raises InvalidAnswer."""
    value = content.get(key)
    if isinstance(value, str) and value:
        return value
    raise InvalidAnswer(f"the answer has no {key}")


def require_version(content: Mapping[str, Any]) -> str:
    """Return the version that a server tells; it is shown, so it has to look like one. Raises InvalidAnswer."""
    version = require_text(content, "version")
    if re.fullmatch(r"[\w.+-]{1,32}", version, re.ASCII):
        return version
    raise InvalidAnswer("the answer has no version")


def _without(text: str, sent: Mapping[str, Any]) -> str:
    """Return words without any text of a request; of a sentence, which may have been cut, without each longer word."""
    words: set[str] = set()
    for each in _texts_in(sent):
        # Also as it is in JSON: the request may be repeated as it was.
        for spelling in (each, json.dumps(each)[1:-1]):
            if _WORD.fullmatch(spelling):
                words.add(spelling)
            elif len(spelling) >= _LONGER:
                text = text.replace(spelling, "…")
                if " " in spelling:
                    words.update(word for word in _WORD.findall(spelling) if len(word) >= _LONGER)
    return _WORD.sub(lambda word: "…" if word[0] in words else word[0], text)


def _texts_in(content: Any) -> Iterator[str]:
    if isinstance(content, str) and content:
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _texts_in(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _texts_in(value)


async def _read_limited(response: ClientResponse, limit: int | None, most: int) -> bytes:
    """Read the body, at most so many bytes of it: `limit` of a file, `most` of anything else.

    A body without end must not fill the memory.
    """
    chunks = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if limit is not None and size > limit:
            raise Refused("the file is too large")
        if limit is None and size > most:
            raise InvalidAnswer("the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


async def _frames(operation: str, connection: ClientWebSocketResponse, lenient: bool) -> AsyncGenerator[Any]:
    while True:
        message = None
        with suppress(TimeoutError):
            message = await connection.receive()
        if message is None or message.type is WSMsgType.ERROR:
            raise CannotReach("the websocket broke", maybe_acted=False)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            return
        try:
            content = _content_of(message)
        except InvalidAnswer as error:
            if not lenient:
                raise
            _LOGGER.debug("%s: %s", operation, error)
            continue
        yield content


def _content_of(frame: WSMessage) -> Any:
    if frame.type is not WSMsgType.TEXT:
        raise InvalidAnswer("the websocket sent something that is not text")
    return parse_json(frame.data)


async def _refuse_redirect(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise InvalidAnswer("the address redirects elsewhere")
    return response


def _encode(body: Mapping[str, Any]) -> bytes:
    """Return the body as JSON in UTF-8; bytes in it become base64.

    Raises Refused for half of a surrogate pair, which is no text.
    """
    with suppress(UnicodeEncodeError):
        return json.dumps(body, ensure_ascii=False, default=_base64).encode()
    raise Refused("the text holds half of a character")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _retry_after(response: ClientResponse) -> float | None:
    """Return the seconds of a Retry-After header. Its other form, a date, is not used by any gateway."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else None


def _unreachable(error: ClientError | OSError | UnicodeError) -> CannotReach:
    """Return our error for one of aiohttp's; its class name tells enough, its text holds the address."""
    not_sent = isinstance(error, (ClientConnectorError, ConnectionTimeoutError, UnicodeError))
    return CannotReach(type(error).__name__, maybe_acted=not not_sent)
