"""Evolution API's server, version 2.3.6.

Written from a description of the vendor's source and of the vendor's OpenAPI, cited as
"vendor source" and "vendor OpenAPI". Where the two differ, the source counts: it is what
runs. One server has one global key and any number of instances, each with a key of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
import hashlib
from http import HTTPStatus
import re
from typing import Any
import uuid

from aiohttp import hdrs, web

from . import (
    evolution_answers as answers,
    evolution_changes,
    evolution_chats,
    evolution_fetching,
    evolution_media,
    evolution_sending,
    evolution_webhook_calls,
)
from .evolution_bodies import read_body, read_form
from .evolution_call import DELETE, GET, POST, Access, Call, Route
from .evolution_instance import EvolutionInstance, EvolutionOptions, Order
from .evolution_refusals import (
    OBJECT,
    Refused,
    bad,
    caught_error,
    envelope,
    phrase_of,
    refused,
    unauthorized,
    unknown_instance,
)
from .evolution_schema import Field, check
from .evolution_webhook_calls import WEBHOOK_FIELDS, webhook_to_create
from .gateway import GatewayServer, read_options
from .model import JsonObject, digits_of
from .world import World

_NAME = re.compile(r"[^/?#]+")
_WHATSAPP_WEB_VERSION = "2.3000.1027934701"
# Vendor source, instanceSchema.
_CREATE = (
    Field("instanceName", required=True, not_empty=True),
    Field("integration"),
    Field("token"),
    Field("number", pattern=r"^\d+[\.@\w-]+"),
    Field("qrcode", "boolean"),
    *(Field(name, "boolean") for name in answers.SETTING_NAMES if name not in ("msgCall", "wavoipToken")),
    Field("msgCall"),
    Field("wavoipToken"),
    Field("webhook", "object"),
)


class Evolution(GatewayServer):
    """Evolution API: self-hosted, one key for the server and one for each instance."""

    key = "evolution"
    path = "evolution"

    def __init__(self, world: World) -> None:
        """Start a server without instances."""
        super().__init__(world)
        self._server_key = _server_key()
        self._instances: dict[str, EvolutionInstance] = {}
        # Counts deleted instances, too: no id comes twice.
        self._created = 0
        # What it says of itself; its calls stay those of the version that is emulated.
        self.version = answers.VERSION
        self._routes = (
            Route(GET, "", self._welcome, access=Access.ANYBODY),
            Route(POST, "verify-creds", self._verify_key, access=Access.SERVER),
            Route(POST, "instance/create", self._create, HTTPStatus.CREATED, Access.SERVER),
            Route(GET, "instance/fetchInstances", self._list, access=Access.ANY_INSTANCE),
            Route(GET, "instance/connect", self._connect),
            Route(GET, "instance/connectionState", self._state),
            Route(POST, "instance/restart", self._restart),
            Route(DELETE, "instance/logout", self._log_out),
            Route(DELETE, "instance/delete", self._delete),
            *evolution_sending.ROUTES,
            *evolution_media.ROUTES,
            *evolution_changes.ROUTES,
            *evolution_chats.ROUTES,
            *evolution_fetching.ROUTES,
            *evolution_webhook_calls.ROUTES,
        )

    # What the emulator asks of a gateway

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take all paths: what is wrong with one is for this server to say."""
        router.add_route("*", "", self._answer)
        router.add_route("*", "/{path:.*}", self._answer)

    def create_instance(
        self,
        *,
        number: str | None = None,
        instance_id: str | None = None,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> EvolutionInstance:
        """Make an instance, whose id is its name and whose token is its own key."""
        name = instance_id or self._free_name()
        if not _NAME.fullmatch(name) or name in self._instances:
            msg = f"The id {name!r} is taken or no name of an instance"
            raise ValueError(msg)
        return self._add(name, {"token": token or ""}, read_options(EvolutionOptions, options), number)

    def method_of(self, request: web.Request) -> str:
        """Return the path before the instance, `welcome` for the root."""
        found = self._find(request)
        return (found[0].name or "welcome") if found else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the name in the path, or the one that a list is asked for."""
        found = self._find(request)
        in_path = found[1] if found else ""
        return in_path or request.query.get("instanceName", "")

    def error(self, request: web.Request, status: int) -> web.Response:
        """Return an error in the vendor's envelope, which has texts for three statuses."""
        messages: dict[int, object] = {
            HTTPStatus.UNAUTHORIZED: phrase_of(status),
            HTTPStatus.NOT_FOUND: [f'The "{self.instance_of(request)}" instance does not exist'],
            HTTPStatus.INTERNAL_SERVER_ERROR: "Connection Closed",
        }
        return web.json_response(envelope(status, messages.get(status, [phrase_of(status)])), status=status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return what connect and restart answer after an exception."""
        return web.json_response(caught_error(OBJECT))

    # From the path to the call

    def _find(self, request: web.Request) -> tuple[Route, str] | None:
        """Return the route that was meant and the name of the instance, "" without."""
        path = self.own_path(request) or "/"
        for route in self._routes:
            if found := route.match(request.method, path):
                return route, found.groupdict().get("instance", "")
        return None

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return await self._dispatch(request)
        except Refused as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    async def _dispatch(self, request: web.Request) -> web.Response:
        """Check in the server's order: body, path, instance, duplicate, key, form."""
        body = await read_body(request)
        if (found := self._find(request)) is None:
            path = self.own_path(request) or "/"
            raise refused(HTTPStatus.NOT_FOUND, f"Cannot {request.method} {path}")
        route, name = found
        instance = self._instances.get(name)
        if route.access is Access.INSTANCE and instance is None:
            raise unknown_instance(name)
        if route.name == "instance/create" and self._is_taken(wanted := body.get("instanceName")):
            raise refused(HTTPStatus.FORBIDDEN, f'This name "{wanted}" is already in use.')
        key = request.headers.get("apikey", "")
        if not self._opens(key, route.access, instance):
            raise unauthorized()
        upload = None
        if route.takes_file and (form := await read_form(request)) is not None:
            body, upload = form
        call = Call(request, self.world, route.name, key, key == self._server_key, body, instance, upload)
        return web.json_response(await self._carry_out(route, call), status=route.status)

    async def _carry_out(self, route: Route, call: Call) -> object:
        """Return the answer to a call. The server finishes it even if the client has left."""
        outcome: list[object] = []

        async def work() -> None:
            try:
                outcome.append(await route.answer(call))
            except Refused as refusal:
                outcome.append(refusal)

        await asyncio.shield(self.world.background.spawn(work(), f"{route.name} of {self.key}"))
        [answer] = outcome
        if isinstance(answer, Refused):
            raise answer
        return answer

    def _is_taken(self, name: object) -> bool:
        # Before the schema was asked, it can be anything.
        return isinstance(name, str) and name in self._instances

    def _opens(self, key: str, access: Access, instance: EvolutionInstance | None) -> bool:
        if access is Access.ANYBODY or key == self._server_key:
            return True
        match access:
            case Access.INSTANCE:
                return instance is not None and key == instance.token
            case Access.ANY_INSTANCE:
                return any(key == each.token for each in self._instances.values())
        return False

    # The server

    async def _welcome(self, call: Call) -> JsonObject:
        """Greet. The address of the manager is made from the Host header, without a path."""
        return {
            "status": 200,
            "message": "Welcome to the Evolution API, it is working!",
            "version": self.version,
            "clientName": answers.CLIENT_NAME,
            "manager": f"{call.request.scheme}://{call.request.headers.get(hdrs.HOST, '')}/manager",
            "documentation": "https://doc.evolution-api.com",
            "whatsappWebVersion": _WHATSAPP_WEB_VERSION,
        }

    async def _verify_key(self, _call: Call) -> JsonObject:
        """Confirm the server's key; more of its secrets come along."""
        return {
            "status": 200,
            "message": "Credentials are valid",
            "facebookAppId": "1002003004005006",
            "facebookConfigId": "6005004003002001",
            "facebookUserToken": "EAAG-made-up-token-of-the-emulator",
        }

    # Instances

    async def _create(self, call: Call) -> JsonObject:
        """Create; with `qrcode`, connect and wait for the first code.

        Only the kind that is linked by a code is there. A default for it is not known of,
        so none is as wrong as one that does not exist.
        """
        body = call.body
        check(body, _CREATE)
        check(body.get("webhook", {}), WEBHOOK_FIELDS, "webhook")
        if body.get("integration") != answers.BAILEYS:
            raise bad("Invalid integration")
        webhook = webhook_to_create(body)
        latest = next(reversed(self._instances.values()), None)
        options = replace(latest.options) if latest else EvolutionOptions()
        instance = self._add(body["instanceName"], body, options)
        if webhook is not None:
            instance.webhook.set(webhook)
        if not body.get("qrcode"):
            return answers.created(instance)
        instance.connect(digits_of(body.get("number", "")))
        await self.world.clock.sleep(options.create_wait_seconds)
        return answers.created(instance) | {"qrcode": answers.qr_code(call, instance)}

    def _add(
        self, name: str, body: JsonObject, options: EvolutionOptions, number: str | None = None
    ) -> EvolutionInstance:
        self._created += 1
        row = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._created}.evolution.invalid"))
        order = Order(
            name=name,
            token=body.get("token") or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"token.{row}")).upper(),
            number=digits_of(body.get("number", "")),
            settings={setting: body[setting] for setting in answers.SETTING_NAMES if setting in body},
            webhook=body.get("webhook", {}),
        )
        phone = self.world.phone
        number = number or (f"+{order.number}" if order.number else phone.free_number())
        instance = EvolutionInstance(self.world, self._server_key, row, order, number, options)
        self._instances[name] = instance
        phone.instances.append(instance)
        return instance

    def _free_name(self) -> str:
        """Return `home`, then `home-2` and so on."""
        wanted = self._created + 1
        while (name := "home" if wanted == 1 else f"home-{wanted}") in self._instances:
            wanted += 1
        return name

    async def _list(self, call: Call) -> list[JsonObject]:
        """List all instances, or with an instance's key those that have it."""
        seen = [each for each in self._instances.values() if call.is_server_key or each.token == call.key]
        found = [each for each in seen if _is_asked_for(each, call.query)]
        if not found and (wanted := _wanted(call.query)):
            # An instance's key cannot tell what there is beside its own.
            if not call.is_server_key:
                raise unauthorized()
            raise refused(HTTPStatus.NOT_FOUND, f'Instance "{wanted}" not found')
        return [answers.instance_row(each) for each in found]

    async def _state(self, call: Call) -> JsonObject:
        return answers.state(call.instance)

    async def _connect(self, call: Call) -> JsonObject:
        """Show the present code; from `close`, connect and give the first one some time.

        The number has an effect only then: each code comes with a pairing code.
        """
        instance = call.instance
        if instance.is_open:
            return answers.state(instance)
        if instance.state == "close":
            instance.connect(digits_of(call.query.get("number", "")))
            await self.world.clock.sleep(instance.options.connect_wait_seconds)
        return answers.qr_code(call, instance)

    async def _restart(self, call: Call) -> JsonObject:
        """Close the connection, and answer what connect would have answered before that."""
        instance = call.instance
        if instance.state not in ("open", "connecting"):
            # The exception says that it is not connected, but becomes a text the wrong way.
            return caught_error(OBJECT)
        answer = answers.state(instance) if instance.is_open else answers.qr_code(call, instance)
        instance.restart()
        return answer

    async def _log_out(self, call: Call) -> JsonObject:
        if call.instance.state == "close":
            raise bad(f'The "{call.instance.id}" instance is not connected')
        call.instance.log_out_soon()
        return _done("Instance logged out")

    async def _delete(self, call: Call) -> JsonObject:
        """Delete, in whatever state the instance is."""
        instance = call.instance
        instance.discard()
        del self._instances[instance.id]
        self.world.phone.instances.remove(instance)
        return _done("Instance deleted")


def _done(message: str) -> JsonObject:
    return {"status": "SUCCESS", "error": False, "response": {"message": message}}


def _wanted(query: Mapping[str, str]) -> str:
    """Return what a list is narrowed to, "" if to nothing."""
    return next((query[name] for name in ("instanceName", "instanceId", "number") if query.get(name)), "")


def _is_asked_for(instance: EvolutionInstance, query: Mapping[str, str]) -> bool:
    shown = {"instanceName": instance.id, "instanceId": instance.row, "number": instance.order.number}
    return all(query.get(name) in (None, "", value) for name, value in shown.items())


def _server_key() -> str:
    """Return what stands in AUTHENTICATION_API_KEY, always the same."""
    return hashlib.sha256(b"evolution global api key").hexdigest()[:32].upper()
