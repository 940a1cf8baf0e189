"""WAHA's calls about the server itself (vendor docs, page observability), and its files."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from .model import JsonObject
from .waha_errors import PLUS_ONLY, refused, unprocessable
from .waha_events import milliseconds
from .waha_house import SESSION, Call, Route, route
from .waha_shapes import WORKER, environment

if TYPE_CHECKING:
    from .files import StoredFile

_ALL_SESSIONS = "*"


def server_routes() -> list[Route]:
    """Return all routes."""
    get = hdrs.METH_GET
    return [
        route("ping", get, "/ping", _ping),
        route("health", get, "/health", _health),
        route("server/version", get, "/api/server/version", _version),
        # As it was called before; it still works.
        route("server/version", get, "/api/version", _version),
        route("server/status", get, "/api/server/status", _status),
        route("files", get, "/api/files/{file}", _file),
        route("ws", get, "/ws", _websocket),
    ]


async def _ping(_call: Call) -> object:
    return {"message": "pong"}


async def _health(call: Call) -> object:
    """Vendor source: before 2026.6.1, Core had no such call. What is checked is not documented."""
    if call.house.core_only:
        raise unprocessable(PLUS_ONLY.format(feature="Health check"))
    checks: JsonObject = {"mediaFiles.space": {"status": "up" if call.house.healthy else "down"}}
    if call.house.healthy:
        return {"status": "ok", "info": checks, "error": {}, "details": checks}
    body = {"status": "error", "info": {}, "error": checks, "details": checks}
    return web.json_response(body, status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _version(call: Call) -> object:
    return environment(call.house.options)


async def _status(call: Call) -> object:
    started = call.house.started
    return {"startTimestamp": started, "uptime": milliseconds() - started, "worker": {"id": WORKER}}


async def _file(call: Call) -> object:
    """Return a file that a message has announced; it is not kept for long."""
    name = call.parts["file"]
    for session in call.house.sessions.values():
        path = session.path_of_file(name) if call.scope in ("", session.id) else None
        if path and (file := call.house.world.files.find(path)):
            return _file_response(file)
    body = {
        "error": {
            "code": HTTPStatus.NOT_FOUND.value,
            "key": "FILE_NOT_FOUND",
            "message": "File not found",
            "details": "File not found or no longer available",
        }
    }
    return web.json_response(body, status=HTTPStatus.NOT_FOUND)


def _file_response(file: StoredFile) -> web.Response:
    return web.Response(body=file.content, headers={hdrs.CONTENT_TYPE: file.mime_type})


async def _websocket(call: Call) -> object:
    if not web.WebSocketResponse().can_prepare(call.request):
        raise refused(HTTPStatus.NOT_FOUND, "Cannot GET /ws")
    session = call.request.query.get("session", _ALL_SESSIONS)
    if session != _ALL_SESSIONS:
        call.request[SESSION] = session
    return await call.house.hub.answer(call.request, call.scope, old=call.house.core_only)
