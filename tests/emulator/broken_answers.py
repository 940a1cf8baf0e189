"""How each fault breaks an answer."""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .clock import Clock
from .faults import Fault, FaultName
from .gateway import GatewayServer

_CHUNK = b'{"padding": "' + b"x" * 65536
_DRIP_SECONDS = 1.0
_NO_RESPONSE = 444
# Long enough that no client takes what arrived for the whole.
_PROMISED_BYTES = 4096


def html_page(status: int) -> web.Response:
    """Return an error page as nginx, in front of so many servers, makes it."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return web.Response(status=status, text=page, content_type="text/html")


async def break_answer(
    fault: Fault,
    gateway: GatewayServer,
    clock: Clock,
    request: web.Request,
    handler: Handler,
) -> web.StreamResponse:
    """Answer a request in the way of the fault."""
    if fault.name is FaultName.WRONG_CONTENT_TYPE:
        return await _wrong_content_type(request, handler)
    if fault.acted_on and not _is_websocket(request):
        await handler(request)
    if fault.name in _STATUSES:
        return gateway.error(request, _STATUSES[fault.name])
    if fault.name in _HTML_STATUSES:
        return html_page(_HTML_STATUSES[fault.name])
    if fault.name in _BODIES:
        return web.Response(body=_BODIES[fault.name], content_type="application/json")
    match fault.name:
        case FaultName.TOO_MANY_REQUESTS_RETRY_AFTER:
            answer = gateway.error(request, HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(fault.retry_after)
            return answer
        case FaultName.ERROR_IN_200:
            return gateway.failure_in_success(request)
        case FaultName.EMPTY_401:
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        case FaultName.REDIRECT:
            return web.Response(status=HTTPStatus.FOUND, headers={"Location": fault.location})
        case FaultName.TIMEOUT:
            # Ends when the client leaves or the emulator stops: both cancel.
            await asyncio.Event().wait()
        case FaultName.TRUNCATED_BODY:
            return await _truncated_body(request)
        case FaultName.ENDLESS_BODY:
            return await _endless_body(request)
        case FaultName.SLOW_DRIP:
            return await _slow_drip(request, clock)
    return _hang_up(request)


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer.

    The status, which nobody gets, is what web servers log in such a case. Mind that
    aiohttp's client repeats a request once by itself, unless it is a POST: it takes two
    of these to be noticed.
    """
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=_NO_RESPONSE)


async def _wrong_content_type(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the right answer under a wrong name."""
    answer = await handler(request)
    if not answer.prepared:
        answer.headers["Content-Type"] = "text/html; charset=utf-8"
    return answer


async def _truncated_body(request: web.Request) -> web.StreamResponse:
    """Promise more than is sent."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    answer.content_length = _PROMISED_BYTES
    await answer.prepare(request)
    await answer.write(b'{"stat')
    _hang_up(request)
    return answer


async def _endless_body(request: web.Request) -> web.StreamResponse:
    """Send until the client has had enough."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while True:
        await answer.write(_CHUNK)
        # A fast client would otherwise keep the event loop for itself.
        await asyncio.sleep(0)


async def _slow_drip(request: web.Request, clock: Clock) -> web.StreamResponse:
    """Send one blank after the other: there is always progress, and never an end."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await clock.sleep(_DRIP_SECONDS)


_STATUSES = {
    FaultName.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    FaultName.NOT_FOUND: HTTPStatus.NOT_FOUND,
    FaultName.CONFLICT: HTTPStatus.CONFLICT,
    FaultName.UNPROCESSABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    FaultName.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
}
_HTML_STATUSES = {
    FaultName.FORBIDDEN_HTML: HTTPStatus.FORBIDDEN,
    FaultName.SERVER_ERROR_HTML: HTTPStatus.INTERNAL_SERVER_ERROR,
    FaultName.BAD_GATEWAY_HTML: HTTPStatus.BAD_GATEWAY,
}
_BODIES = {
    FaultName.MALFORMED_JSON: b'{"status": tru',
    FaultName.WRONG_JSON_TYPE: b'["this", 15, null]',
    FaultName.EMPTY_200: b"",
}
