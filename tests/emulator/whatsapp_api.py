"""The WhatsApp API server (whatsapp-mcp-api), which people run at home.

Written from the vendor's documentation and the behaviour of the vendor's server; where both are
silent, the comment says so. It has no authentication and one account for each process, so every
instance here is a server of its own, as behind a reverse proxy: the first one at the mount point
itself, each further one at a path below.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
import json
import re
from typing import Any

from aiohttp import hdrs, web

from .faults import PICTURE_FAULTS
from .gateway import GatewayServer, read_options
from .model import JsonObject
from .whatsapp_api_checks import ApiError, limit_in, message_in, phone_digits_in, read_body
from .whatsapp_api_instance import WhatsAppApiInstance, WhatsAppApiOptions
from .whatsapp_api_page import qr_page
from .world import World

_NAME = "whatsapp-mcp-api"
# The server does not know of the proxy in front of it.
_MCP_ADDRESS = "http://127.0.0.1:8790/mcp"
_INSTANCE_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
# Paths of the first server, at which another one could not be reached.
_OWN_PATHS = ("api", "health", "mcp", "qr")
# Vendor docs, pages GET /api/chats and /api/messages.
_DEFAULT_CHATS = 20
_DEFAULT_MESSAGES = 10

_CORS_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET,POST,OPTIONS",
    "access-control-allow-headers": "content-type,mcp-session-id",
    "access-control-expose-headers": "mcp-session-id",
}
_SERVER_ERROR = -32000
_INVALID_PARAMS = -32602


@dataclass(frozen=True)
class Call:
    """A request to a server, with what stands in its body or query."""

    server: WhatsAppApiInstance
    arguments: JsonObject


@dataclass(frozen=True)
class Endpoint:
    """One of the few things that a server can be asked."""

    name: str
    answer: Callable[[Call], Awaitable[web.Response]]
    # Two POSTs do not even look at their body.
    ignores_body: bool = False


class WhatsAppApi(GatewayServer):
    """WhatsApp API server: no credentials, and HTTP 500 for whatever is wrong."""

    key = "whatsapp_api"
    path = "whatsapp-api"

    def __init__(self, world: World) -> None:
        """Begin without servers."""
        super().__init__(world)
        # By their mount: "" for the first, as in "/server-2" for the others.
        self._servers: dict[str, WhatsAppApiInstance] = {}
        get, post = hdrs.METH_GET, hdrs.METH_POST
        self._endpoints = {
            (get, "/"): Endpoint("health", self._health),
            (get, "/health"): Endpoint("health", self._health),
            (get, "/api/status"): Endpoint("status", self._status),
            (post, "/api/auth/start"): Endpoint("start", self._start, ignores_body=True),
            (get, "/qr"): Endpoint("qr", self._qr),
            (post, "/api/pairing-code"): Endpoint("pairing_code", self._pairing_code),
            (post, "/api/send"): Endpoint("send", self._send),
            (get, "/api/chats"): Endpoint("chats", self._chats),
            (get, "/api/messages"): Endpoint("messages", self._messages),
            (post, "/api/messages"): Endpoint("messages", self._messages),
            (post, "/api/logout"): Endpoint("logout", self._logout, ignores_body=True),
        }

    # What the emulator asks of a gateway

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take all paths, and the mount point itself: what is wrong with one is for the server to say."""
        router.add_route("*", "", self._answer)
        router.add_route("*", "/{path:.*}", self._answer)

    def create_instance(
        self,
        *,
        number: str | None = None,
        instance_id: str | None = None,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> WhatsAppApiInstance:
        """Set up a server with an address of its own; the first gets the mount point."""
        chosen_id = instance_id or f"server-{len(self._servers) + 1}"
        self._check_id(chosen_id)
        if token is not None:
            msg = "This gateway knows no tokens"
            raise ValueError(msg)
        server = WhatsAppApiInstance(
            self.world,
            chosen_id,
            f"/{chosen_id}" if self._servers else "",
            number or self.world.phone.free_number(),
            read_options(WhatsAppApiOptions, options),
        )
        self._servers[server.mount] = server
        self.world.phone.instances.append(server)
        return server

    def _check_id(self, chosen_id: str) -> None:
        """Refuse an id that makes no path of its own."""
        taken = {server.id for server in self._servers.values()}
        if chosen_id in taken or chosen_id in _OWN_PATHS or not _INSTANCE_ID.fullmatch(chosen_id):
            msg = f"The id {chosen_id!r} is taken, or not made of small letters, digits and dashes"
            raise ValueError(msg)

    def method_of(self, request: web.Request) -> str:
        """Return what is asked for, "" for what the server does not know."""
        _server, path = self._find(request)
        endpoint = self._endpoints.get((request.method, path))
        return endpoint.name if endpoint else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the id of the server that the path belongs to."""
        return self._find(request)[0].id

    def error(self, request: web.Request, status: int) -> web.Response:
        """Return an error: JSON-RPC on every path, except for what is not found."""
        if status == HTTPStatus.NOT_FOUND:
            return _json_answer({"error": "not found"}, status)
        return _failure(HTTPStatus(status).phrase, status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return a JSON-RPC error with status 200, which the vendor has for its MCP calls only."""
        return _failure("WhatsApp client is not available", HTTPStatus.OK)

    # From the path to the endpoint

    def _find(self, request: web.Request) -> tuple[WhatsAppApiInstance, str]:
        """Return the server that a request reaches, and the path as that one sees it."""
        path = self.own_path(request)
        mount = "/".join(path.split("/")[:2])
        server = self._servers.get(mount, self._servers[""])
        return server, path.removeprefix(server.mount) or "/"

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=_CORS_HEADERS)
        server, path = self._find(request)
        endpoint = self._endpoints.get((request.method, path))
        if endpoint is None:
            return self.error(request, HTTPStatus.NOT_FOUND)
        try:
            call = Call(server, await _arguments_of(request, endpoint))
            return await self._to_the_end(endpoint, call)
        except ApiError as error:
            return _failure(error.message, error.status)

    async def _to_the_end(self, endpoint: Endpoint, call: Call) -> web.Response:
        """Answer a call, and go on with it even if who called has left.

        Node does not notice that: a message that had to wait for the account is sent later on.
        """
        answers: list[web.Response | ApiError] = []

        async def work() -> None:
            try:
                answers.append(await endpoint.answer(call))
            except ApiError as error:
                answers.append(error)

        await asyncio.shield(self.world.background.spawn(work(), f"{endpoint.name} of {call.server.id}"))
        if isinstance(answer := answers[0], ApiError):
            raise answer
        return answer

    # The session

    async def _health(self, call: Call) -> web.Response:
        return _json_answer({"ok": True, "name": _NAME, "mcp": _MCP_ADDRESS, "status": call.server.status()})

    async def _status(self, call: Call) -> web.Response:
        return _json_answer(call.server.status())

    async def _start(self, call: Call) -> web.Response:
        await call.server.start()
        return _json_answer(call.server.status())

    async def _qr(self, call: Call) -> web.Response:
        """Answer with a page. It is no JSON, and has none of the headers that go with it."""
        code = call.server.qr
        broken = code is not None and self.world.faults.take(self.key, "qr", PICTURE_FAULTS) is not None
        return web.Response(text=qr_page(call.server.state, code, broken=broken), content_type="text/html")

    async def _pairing_code(self, call: Call) -> web.Response:
        """Check the number first. Whether the vendor starts the browser before that is not known."""
        digits = phone_digits_in(call.arguments)
        code = await call.server.request_pairing_code(digits)
        if code is None:
            return _json_answer({"already_authenticated": True, "code": None, "status": call.server.status()})
        return _json_answer(
            {
                "already_authenticated": False,
                "phone_number": digits,
                "code": code,
                "instructions": "WhatsApp -> Linked devices -> Link a device -> Link with phone number instead",
            }
        )

    async def _logout(self, call: Call) -> web.Response:
        call.server.log_out()
        return _json_answer({"ok": True})

    # Messages

    async def _send(self, call: Call) -> web.Response:
        """Check the text, wait for the account, and look at the number only then."""
        text = message_in(call.arguments)
        await call.server.ensure_ready()
        digits = phone_digits_in(call.arguments)
        message = call.server.send(digits, text)
        sent_at = datetime.fromtimestamp(message.timestamp, UTC).isoformat(timespec="milliseconds")
        return _json_answer(
            {
                "ok": True,
                "to": digits,
                "chat_id": message.chat_id,
                "message_id": message.id,
                "timestamp": sent_at.replace("+00:00", "Z"),
            }
        )

    async def _chats(self, call: Call) -> web.Response:
        limit = limit_in(call.arguments, _DEFAULT_CHATS)
        await call.server.ensure_ready()
        chats = call.server.chats.as_json(call.server.number, limit)
        return _json_answer({"ok": True, "count": len(chats), "chats": chats})

    async def _messages(self, call: Call) -> web.Response:
        """Check the limit before the wait, and the number after it as when sending."""
        limit = limit_in(call.arguments, _DEFAULT_MESSAGES)
        server = call.server
        await server.ensure_ready()
        chat_id = server.chat_with(phone_digits_in(call.arguments))
        messages = server.chats.messages(chat_id, server.number, limit)
        chat = server.chats.chat(chat_id, server.number)
        return _json_answer({"ok": True, "chat": chat, "count": len(messages), "messages": messages})


async def _arguments_of(request: web.Request, endpoint: Endpoint) -> JsonObject:
    if request.method != hdrs.METH_POST:
        return dict(request.query)
    # Read in any case: what stays in the connection would be taken for the next request.
    raw = await request.read()
    return {} if endpoint.ignores_body else read_body(raw)


def _json_answer(body: JsonObject, status: int = HTTPStatus.OK) -> web.Response:
    """Return JSON as the server prints it: for people to read."""
    return web.Response(
        status=status,
        text=json.dumps(body, indent=2, ensure_ascii=False),
        content_type="application/json",
        charset="utf-8",
        headers=_CORS_HEADERS,
    )


def _failure(message: str | None, status: int) -> web.Response:
    """Return what the server makes of an exception; one without a message leaves the key out."""
    error: JsonObject = {"code": _INVALID_PARAMS if status == HTTPStatus.BAD_REQUEST else _SERVER_ERROR}
    if message is not None:
        error["message"] = message
    return _json_answer({"jsonrpc": "2.0", "id": None, "error": error}, status)
