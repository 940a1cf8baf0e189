"""WAHA's server.

Written from the vendor's documentation (waha.devlike.pro/docs), the vendor's OpenAPI of
version 2026.7.1 and public source (v2024.10.8; for what is sent, a later one as well),
which are cited as "vendor docs" with the page, "vendor OpenAPI" and "vendor source". Where
these are silent, the comment says so.
"""

from collections.abc import Mapping
import hashlib
from http import HTTPStatus
import re
from typing import Any

from aiohttp import hdrs, web

from .gateway import GatewayServer, read_options
from .model import JsonObject
from .waha_change_calls import change_routes
from .waha_checks import json_body
from .waha_errors import EngineFailed, Refused, body_of_status, crash, refused, unauthorized
from .waha_house import DEFAULT_SESSION, SESSION, Call, House, Route
from .waha_instance import WahaInstance
from .waha_link_calls import link_routes
from .waha_lookup_calls import lookup_routes
from .waha_media_calls import media_routes
from .waha_options import WahaOptions
from .waha_send_calls import send_routes
from .waha_server_calls import server_routes
from .waha_session_calls import session_routes
from .waha_shapes import environment
from .waha_signal_calls import signal_routes
from .world import World

_SESSION_NAME = re.compile(r"[A-Za-z0-9_-]+")
_KEY_HEADER = "X-Api-Key"
_KEY_PARAMETER = "x-api-key"
_WITH_BODY = (hdrs.METH_POST, hdrs.METH_PUT)


class Waha(GatewayServer):
    """WAHA: somebody's own server, with one key for all of its sessions."""

    key = "waha"
    path = "waha"

    def __init__(self, world: World) -> None:
        """Start a server without sessions."""
        super().__init__(world)
        self.house = House(world, self.key, _api_key())
        # WAHA_NO_API_KEY, and WAHA_API_KEY_EXCLUDE_PATH (vendor docs, page security).
        self.key_required = True
        self.paths_without_key: tuple[str, ...] = ()
        # The first that fits is taken, so those without a session in the path come first.
        self._routes: list[Route] = [
            *server_routes(),
            *session_routes(),
            *link_routes(),
            *send_routes(),
            *media_routes(),
            *change_routes(),
            *signal_routes(),
            *lookup_routes(),
        ]

    def drop_sockets(self) -> None:
        """Break all websockets without a word, as a network does."""
        self.house.hub.drop()

    @property
    def sockets(self) -> int:
        """Return how many websockets there are."""
        return self.house.hub.count

    # What the emulator asks of a gateway

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take all paths: what is wrong with one is for this server to say."""
        router.add_route("*", "/{path:.*}", self._answer)

    def create_instance(
        self,
        *,
        number: str | None = None,
        instance_id: str | None = None,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> WahaInstance:
        """Make a session, as the vendor's dashboard would; a token makes a key for it alone."""
        name = instance_id or self._free_name()
        if not _SESSION_NAME.fullmatch(name) or name in self.house.sessions:
            msg = f"The name {name!r} is taken or no name of a session"
            raise ValueError(msg)
        return self.house.add(
            name,
            number or self.world.phone.free_number(),
            read_options(WahaOptions, options),
            token=token,
            config={"metadata": {}, "webhooks": []},
        )

    def _free_name(self) -> str:
        names = [DEFAULT_SESSION, *(f"{DEFAULT_SESSION}-{number}" for number in range(2, len(self.house.sessions) + 3))]
        return next(name for name in names if name not in self.house.sessions)

    def method_of(self, request: web.Request) -> str:
        """Return a name for the call."""
        found = self._find(request)
        return found[0].name if found else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the session in path or query; that in a body is known only when it was read."""
        if SESSION in request:
            return request[SESSION]
        found = self._find(request)
        in_path = found[1].get("session") if found else None
        return in_path or request.query.get("session", "").strip("*")

    def error(self, request: web.Request, status: int) -> web.Response:
        """Return an error that is known by its status only."""
        return web.json_response(body_of_status(status, self.instance_of(request) or DEFAULT_SESSION), status=status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return what a proxy may make of an error. WAHA itself answers errors with their status."""
        return web.json_response({"statusCode": 500, "message": "Internal server error"})

    # From the path to the call

    def _find(self, request: web.Request) -> tuple[Route, dict[str, str]] | None:
        path = self.own_path(request)
        for route in self._routes:
            if route.verb == request.method and (found := route.path.fullmatch(path)):
                return route, found.groupdict()
        return None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body: JsonObject = {}
        try:
            # The key is checked before all else, also where there is nothing.
            scope = self._scope_of(request)
            if (found := self._find(request)) is None:
                raise refused(HTTPStatus.NOT_FOUND, f"Cannot {request.method} {self.own_path(request)}")
            route, parts = found
            if route.verb in _WITH_BODY:
                body = await json_body(request)
            return _response(route, await route.answer(Call(request, self.house, scope, parts, body)))
        except Refused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        except EngineFailed as failure:
            return self._crash(request, body, str(failure))

    def _crash(self, request: web.Request, body: JsonObject, message: str) -> web.Response:
        """Answer with all there is to know (vendor source), be it private or not."""
        echo = {
            "path": self.own_path(request),
            "method": request.method,
            "body": body,
            "query": dict(request.query),
        }
        answer = crash(message, echo, environment(self.house.options))
        return web.json_response(answer, status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def _scope_of(self, request: web.Request) -> str:
        """Return the only session that the key opens, "" for all."""
        path = self.own_path(request)
        if not self.key_required or path.removeprefix("/") in self.paths_without_key:
            return ""
        given = request.headers.get(_KEY_HEADER)
        # Vendor docs, page security: for all calls since 2026.4.3, for the websocket always.
        if given is None and (path == "/ws" or not self.house.core_only):
            given = request.query.get(_KEY_PARAMETER)
        if given == self.house.api_key:
            return ""
        if given is None or given not in self.house.scoped_keys:
            raise unauthorized()
        return self.house.scoped_keys[given]


def _response(route: Route, answer: object) -> web.StreamResponse:
    """Return the answer of a call: 201 for all that is posted, as NestJS does."""
    if isinstance(answer, web.StreamResponse):
        return answer
    status = route.status or (HTTPStatus.CREATED if route.verb == hdrs.METH_POST else HTTPStatus.OK)
    if answer is None:
        return web.Response(status=status)
    return web.json_response(answer, status=status)


def _api_key() -> str:
    """Return the key of the server, always the same."""
    return hashlib.sha256(b"waha api key").hexdigest()[:32]
