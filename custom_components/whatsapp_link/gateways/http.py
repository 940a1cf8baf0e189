"""The one way to talk HTTP: limits, time-outs, redaction, and errors that say what to do.

Vendors put tokens into paths and queries, and aiohttp puts the whole address into its exceptions. So none of
those exceptions leaves this module, not even as the context of another one, and addresses are never logged.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
import json
import logging
import re
import time
from typing import Any

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
    WSMsgType,
    WSServerHandshakeError,
)
from yarl import URL

from .errors import CannotReach, GatewayError, InstanceNotFound, InvalidAnswer, InvalidCredentials, RateLimited, Refused

_LOGGER = logging.getLogger(__name__)

_TIMEOUT = ClientTimeout(total=30, connect=10)
RATE_LIMIT_WAIT = 1.0
"""Seconds after which a request may be repeated that came too often, where the gateway says nothing of it."""
_MAX_RATE_LIMIT_WAIT = 5.0
_REPEATS = 2
# A connection that broke without a word would be waited on for ever: silence for so long means that it did.
_WEBSOCKET_TIMEOUT = ClientWSTimeout(ws_receive=60, ws_close=0.5)
_JSON_HEADERS = {"Content-Type": "application/json"}
_MAX_BODY = 1024 * 1024
_MAX_REASON = 200
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
# As long as the shortest phone number; see address.py.
_NUMBER = re.compile(r"\d{7,}")


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
    """An answer, read whole: the status, the seconds of `Retry-After` if there are any, the body."""

    status: int
    retry_after: float | None
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON. Raises InvalidAnswer."""
        try:
            return json.loads(self.body)
        except ValueError, RecursionError:
            pass
        raise InvalidAnswer("the answer is not JSON")

    def object_or_empty(self) -> dict[str, Any]:
        """Return the body if it is a JSON object, as errors are that the gateway itself tells; else an empty one."""
        with suppress(InvalidAnswer):
            return require_object(self.json())
        return {}


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
        self._session = session
        self._headers = dict(headers or {})
        self._base_url = base_url
        # The longest first: one may be the beginning of another.
        self._secrets = sorted(secrets, key=len, reverse=True)

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        json_body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Request `path` below the base address and return the answer, whatever its status.

        `operation` is what the log calls it; `timeout` is for requests that take longer than half a minute. Redirects are not followed: the credentials are for this host.
        What came too often (HTTP 429) was not acted on: it is repeated twice, if the wait is short.
        Raises CannotReach, or InvalidAnswer for a redirect or a body beyond 1 MiB.
        """
        body = None if json_body is None else _encode(json_body)
        limit = _TIMEOUT if timeout is None else ClientTimeout(total=timeout, connect=_TIMEOUT.connect)
        url = self._address(path, params)
        for _ in range(_REPEATS):
            answer = await self._request_once(operation, method, url, body, limit)
            wait = RATE_LIMIT_WAIT if answer.retry_after is None else answer.retry_after
            if answer.status != 429 or wait > _MAX_RATE_LIMIT_WAIT:
                return answer
            await asyncio.sleep(wait)
        return await self._request_once(operation, method, url, body, limit)

    async def _request_once(
        self, operation: str, method: str, url: URL, body: bytes | None, timeout: ClientTimeout
    ) -> Answer:
        started = time.monotonic()
        failure: GatewayError
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=self._headers | (_JSON_HEADERS if body else {}),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read_limited(response)
            _LOGGER.debug(
                "%s: HTTP %s, %s bytes, %.0f ms",
                operation,
                response.status,
                len(content),
                (time.monotonic() - started) * 1000,
            )
            if not 300 <= response.status < 400:
                return Answer(response.status, _retry_after(response), content)
            failure = InvalidAnswer("the address redirects elsewhere")
        except GatewayError as error:
            failure = error
        except (ClientError, OSError, UnicodeError) as error:
            failure = _unreachable(error)
        # Outside of the handler: an aiohttp error must not even be the context of ours.
        _LOGGER.debug("%s: %s", operation, failure)
        raise failure

    @asynccontextmanager
    async def websocket(self, operation: str, path: str) -> AsyncGenerator[AsyncGenerator[Any]]:
        """Open a websocket and give an iterator over the JSON of its text frames; it ends when the server closes.

        Raises CannotReach, also after a minute of silence, InvalidAnswer, or what error_for_status makes of a
        refused handshake.
        """
        # A view of the session, on the same connections: aiohttp can forbid redirects only there for a websocket.
        async with ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            headers={**self._session.headers, **self._headers},
            middlewares=(_refuse_redirect,),
        ) as session:
            connection = await self._connect(session, operation, path)
            _LOGGER.debug("%s: websocket open", operation)
            async with connection:
                yield _frames(connection)
            _LOGGER.debug("%s: websocket closed", operation)

    async def _connect(self, session: ClientSession, operation: str, path: str) -> ClientWebSocketResponse:
        failure: GatewayError
        try:
            async with asyncio.timeout(_TIMEOUT.total):
                return await session.ws_connect(self._address(path), timeout=_WEBSOCKET_TIMEOUT, max_msg_size=_MAX_BODY)
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
    def place(self) -> str:
        """The server without the scheme, for telling one from another."""
        return f"{self._base_url.host}:{self._base_url.port}{self._base_url.path.rstrip('/')}"

    def redact(self, text: str) -> str:
        """Return a vendor's words without credentials and numbers, short enough to be shown."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return _NUMBER.sub("…", " ".join(text.split()))[:_MAX_REASON]

    def _address(self, path: str, params: Mapping[str, str] | None = None) -> URL:
        return self._base_url.joinpath(path).with_query(params)


def error_for_status(status: int, *, reason: str = "", retry_after: float | None = None) -> GatewayError:
    """Return what a status means where the vendor's own words say nothing more. `reason` is redacted already."""
    match status:
        case 401:
            return InvalidCredentials("the gateway refused the credentials")
        case 403:
            return InstanceNotFound("the gateway knows no such instance")
        case 404 | 405:
            return InvalidAnswer("the gateway does not know the request")
        case 429:
            return RateLimited(retry_after)
        case _ if status >= 500:
            return CannotReach(f"the gateway answered HTTP {status}", maybe_acted=True)
        case _ if status >= 400:
            return Refused(reason or f"HTTP {status}")
    return InvalidAnswer(f"the gateway answered HTTP {status}")


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


async def _read_limited(response: ClientResponse) -> bytes:
    """Read the body, at most 1 MiB of it. A body without end must not fill the memory."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > _MAX_BODY:
            raise InvalidAnswer("the answer is too large")
    return bytes(body)


async def _frames(connection: ClientWebSocketResponse) -> AsyncGenerator[Any]:
    while True:
        message = None
        with suppress(TimeoutError):
            message = await connection.receive()
        if message is None or message.type is WSMsgType.ERROR:
            raise CannotReach("the websocket broke", maybe_acted=False)
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            return
        if message.type is not WSMsgType.TEXT:
            raise InvalidAnswer("the websocket sent something that is not text")
        yield Answer(200, None, message.data.encode()).json()


async def _refuse_redirect(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise InvalidAnswer("the address redirects elsewhere")
    return response


def _encode(body: Mapping[str, Any]) -> bytes:
    """Return the body as JSON in UTF-8. Raises Refused for half of a surrogate pair, which is no text."""
    with suppress(UnicodeEncodeError):
        return json.dumps(body, ensure_ascii=False).encode()
    raise Refused("the text holds half of a character")


def _retry_after(response: ClientResponse) -> float | None:
    """Return the seconds of a Retry-After header. Its other form, a date, is not used by any gateway."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else None


def _unreachable(error: ClientError | OSError | UnicodeError) -> CannotReach:
    """Return our error for one of aiohttp's; its class name tells enough, its text holds the address."""
    not_sent = isinstance(error, (ClientConnectorError, ConnectionTimeoutError, UnicodeError))
    return CannotReach(type(error).__name__, maybe_acted=not not_sent)
