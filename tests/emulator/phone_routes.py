"""The control routes: what tests, the demo and the phone's web page call."""

from collections.abc import Mapping
import json
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from .faults import NOWHERE
from .gateway import GatewayServer
from .incoming import BadBody, number_in, object_in, text_in, write_message
from .model import JsonObject
from .phone import AmbiguousInstance, ExpiredCode, PhoneError, UnknownCode, UnknownInstance, UnknownMessage
from .qr import CannotReadPictures, read_picture
from .world import World

_PAGE = (Path(__file__).parent / "phone.html").read_text(encoding="utf-8")

_STATUSES: dict[type[Exception], int] = {
    AmbiguousInstance: 400,
    BadBody: 400,
    CannotReadPictures: 501,
    ExpiredCode: 410,
    UnknownCode: 404,
    UnknownInstance: 404,
    UnknownMessage: 404,
}


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the phone cannot do with a status and a sentence."""
    try:
        return await handler(request)
    except (BadBody, CannotReadPictures, PhoneError) as error:
        return web.json_response({"error": str(error)}, status=_STATUSES[type(error)])


async def _body(request: web.Request) -> JsonObject:
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        msg = f"The body must be JSON: {error}"
        raise BadBody(msg) from error
    if not isinstance(body, dict):
        msg = "The body must be a JSON object"
        raise BadBody(msg)
    return body


def _whole_number_in(body: JsonObject, name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{name!r} must be a whole number"
        raise BadBody(msg)
    return value


def _flag_in(body: JsonObject, name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        msg = f"{name!r} must be true or false"
        raise BadBody(msg)
    return value


class PhoneRoutes:
    """The routes under `/phone`."""

    def __init__(self, world: World, gateways: Mapping[str, GatewayServer]) -> None:
        """Serve the phone of this world."""
        self._world = world
        self._phone = world.phone
        self._gateways = gateways

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add all routes."""
        router.add_get("/", self._to_page)
        router.add_get("/phone", self._page)
        router.add_get("/phone/instances", self._instances)
        router.add_post("/phone/instances", self._create_instance)
        router.add_post("/phone/scan", self._scan)
        router.add_post("/phone/enter-code", self._enter_code)
        router.add_get("/phone/messages", self._messages)
        router.add_post("/phone/messages", self._write)
        router.add_delete("/phone/messages", self._clear_messages)
        router.add_get("/phone/notices", self._notices)
        router.add_get("/phone/chats", self._chats)
        router.add_post("/phone/read", self._read)
        router.add_post("/phone/unlink", self._unlink)
        router.add_post("/phone/ban", self._ban)
        router.add_post("/phone/limit", self._limit)
        router.add_post("/phone/restore", self._restore)
        router.add_get("/phone/faults", self._faults)
        router.add_post("/phone/faults", self._add_fault)
        router.add_delete("/phone/faults", self._clear_faults)
        router.add_get("/phone/requests", self._requests)
        router.add_delete("/phone/requests", self._reset_requests)

    async def _to_page(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound("/phone")

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    # Instances

    async def _instances(self, _request: web.Request) -> web.Response:
        return web.json_response([instance.as_json() for instance in self._phone.instances])

    async def _create_instance(self, request: web.Request) -> web.Response:
        body = await _body(request)
        gateway = self._gateway_in(body)
        try:
            instance = gateway.create_instance(
                number=number_in(body, "number") if "number" in body else None,
                instance_id=text_in(body, "id") if "id" in body else None,
                token=text_in(body, "token") if "token" in body else None,
                options=object_in(body, "options"),
            )
        except ValueError as error:
            raise BadBody(str(error)) from error
        if _flag_in(body, "linked"):
            instance.link(instance.number)
        return web.json_response(instance.as_json(), status=201)

    def _gateway_in(self, body: JsonObject) -> GatewayServer:
        # Both the key (green_api) and the path (green-api) will do.
        key = text_in(body, "gateway").replace("-", "_")
        if key not in self._gateways:
            msg = f"Unknown gateway {key!r}; known are {', '.join(self._gateways)}"
            raise BadBody(msg)
        return self._gateways[key]

    # Linking

    async def _scan(self, request: web.Request) -> web.Response:
        number = None
        if request.content_type.startswith(("multipart/", "image/")):
            text = await self._text_in_picture(request)
        else:
            body = await _body(request)
            text = text_in(body, "qr")
            number = number_in(body, "number") if "number" in body else None
        return web.json_response(self._phone.scan(text, number).as_json())

    async def _text_in_picture(self, request: web.Request) -> str:
        picture = b""
        if request.content_type.startswith("image/"):
            picture = await request.read()
        else:
            for part in (await request.post()).values():
                if isinstance(part, web.FileField):
                    picture = part.file.read()
        try:
            text = read_picture(picture)
        except ValueError as error:
            raise BadBody(str(error)) from error
        if text is None:
            msg = "There is no readable QR code in this picture"
            raise BadBody(msg)
        return text

    async def _enter_code(self, request: web.Request) -> web.Response:
        code = text_in(await _body(request), "code")
        return web.json_response(self._phone.enter_code(code).as_json())

    async def _unlink(self, request: web.Request) -> web.Response:
        instance_id = text_in(await _body(request), "instance")
        return web.json_response(self._phone.unlink(instance_id).as_json())

    async def _ban(self, request: web.Request) -> web.Response:
        instance_id = text_in(await _body(request), "instance")
        return web.json_response(self._phone.ban(instance_id).as_json())

    async def _limit(self, request: web.Request) -> web.Response:
        instance_id = text_in(await _body(request), "instance")
        return web.json_response(self._phone.limit(instance_id).as_json())

    async def _restore(self, request: web.Request) -> web.Response:
        instance_id = text_in(await _body(request), "instance")
        return web.json_response(self._phone.restore(instance_id).as_json())

    # Messages

    async def _messages(self, request: web.Request) -> web.Response:
        messages = self._phone.messages(request.query.get("instance"))
        return web.json_response([message.as_json() for message in messages])

    async def _chats(self, request: web.Request) -> web.Response:
        messages = self._phone.conversation(request.query.get("instance"))
        return web.json_response([message.as_json() for message in messages])

    async def _notices(self, _request: web.Request) -> web.Response:
        return web.json_response([notice.as_json() for notice in self._world.phone.notices])

    async def _clear_messages(self, _request: web.Request) -> web.Response:
        self._phone.clear_messages()
        return web.Response(status=204)

    async def _write(self, request: web.Request) -> web.Response:
        message, noticed = write_message(self._world, await _body(request))
        return web.json_response(message.as_json() | {"reached_gateway": noticed})

    async def _read(self, request: web.Request) -> web.Response:
        message = self._phone.read(text_in(await _body(request), "message"))
        return web.json_response(message.as_json())

    # Faults and requests

    async def _faults(self, _request: web.Request) -> web.Response:
        pending = self._world.faults.pending()
        return web.json_response([fault.as_json() for fault in pending])

    async def _add_fault(self, request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            fault = self._world.faults.add(
                self._gateway_in(body).key,
                text_in(body, "fault"),
                _whole_number_in(body, "count", 1),
                method=text_in(body, "method", ""),
                retry_after=_whole_number_in(body, "retry_after", 30),
                location=text_in(body, "location", NOWHERE),
                acted_on=_flag_in(body, "acted_on"),
            )
        except ValueError as error:
            raise BadBody(str(error)) from error
        return web.json_response(fault.as_json())

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.Response(status=204)

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.requests.counts(answered="answered" in request.query))

    async def _reset_requests(self, _request: web.Request) -> web.Response:
        self._world.requests.reset()
        return web.Response(status=204)
