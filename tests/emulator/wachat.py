"""Wachat's server.

Written from the vendor's documentation (docs.wachat.net): each fact names its page. Where
the documentation is silent, the server does as Evolution API, which it is built upon, and
the comment says so.
"""

from collections.abc import Mapping
from http import HTTPStatus
import re
from typing import Any

from aiohttp import hdrs, web

from . import wachat_answers as answers
from .gateway import GatewayServer, read_options
from .model import JsonObject
from .wachat_accounts import Accounts
from .wachat_call import AccountMethod, Call, InstanceCall, InstanceMethod
from .wachat_checks import (
    BAD_KEY,
    BAILEYS,
    MISSING_NAME,
    NOT_FOUND,
    ONLY_BAILEYS,
    RESTRICTED,
    STILL_CONNECTED,
    Refused,
    display_name_in,
    integration_in,
    json_body,
    no_code,
    number_in,
    positive_in,
    text_in,
    too_slow,
)
from .wachat_codes import NO_STORE, QrAnswers
from .wachat_instance import Account, WachatInstance, WachatOptions
from .wachat_sends import Sending
from .wachat_webhook_calls import WebhookCalls
from .world import World

# Vendor docs, all pages: the server's address ends in this. Who leaves it out of the
# base URL finds the same calls.
_PREFIX = "/api/v1"
_PATH = re.compile(r"^(/api/v1)?/")
# The engine holds its answer back, hoping for a code to come.
_CREATE_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
# When Wachat's own server loses patience with the engine; not documented.
_ENGINE_SECONDS = 10.0
# Vendor docs, page List Contacts.
_DEFAULT_LIMIT = 50

_NAME_IN_BODY = web.RequestKey("_NAME_IN_BODY", str)
_NO_SUCH_CALL = "Endpoint not found."
# What a status without a message means, if nothing else.
_DEFAULT_ERRORS = {
    HTTPStatus.UNAUTHORIZED: BAD_KEY,
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.CONFLICT: ONLY_BAILEYS,
}


class Wachat(GatewayServer):
    """Wachat: one key for all instances of an account, which go by their final names."""

    key = "wachat"
    path = "wachat"

    def __init__(self, world: World) -> None:
        """Start a server without accounts."""
        super().__init__(world)
        self._accounts = Accounts(world)
        self._codes = QrAnswers(world.faults, lambda: self.base_url + _PREFIX)
        sending = Sending(world)
        webhooks = WebhookCalls(world, self._accounts)
        get, post, delete = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_DELETE
        # The only ones that share a name are told from each other by the verb.
        self._account_methods = {
            (post, "instance/create"): AccountMethod(self._create, shows_qr=True),
            (get, "instance/list"): AccountMethod(self._list),
            (post, "webhooks"): AccountMethod(webhooks.save),
            (get, "webhooks"): AccountMethod(webhooks.list),
        }
        self._instance_methods = {
            "instance/state": InstanceMethod(get, self._state),
            "instance/qr": InstanceMethod(get, self._qr, shows_qr=True),
            "instance/qr/image": InstanceMethod(get, self._qr_image, shows_qr=True, key_in_query=True),
            "instance/qr/live": InstanceMethod(get, self._qr_live, shows_qr=True, key_in_query=True),
            "instance/logout": InstanceMethod(delete, self._logout, or_verb=post),
            "instance/delete": InstanceMethod(delete, self._delete),
            "send": InstanceMethod(post, sending.anything),
            "send/text": InstanceMethod(post, sending.text),
            "send/media": InstanceMethod(post, sending.media),
            "send/list": InstanceMethod(post, sending.list_menu),
            "send/button": InstanceMethod(post, sending.buttons),
            "contacts": InstanceMethod(get, self._contacts),
        }

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
    ) -> WachatInstance:
        """Make an instance, as the vendor's site would.

        The id is the final name. The token is the account's: with one that no account
        has, there is a new account; without one, it is the first account's.
        """
        chosen = read_options(WachatOptions, options)
        account = self._accounts.with_key(token) if token else self._accounts.first
        return self._accounts.add(account, chosen, number, instance_id)

    def method_of(self, request: web.Request) -> str:
        """Return the path of the call, as in `instance/qr/image`."""
        name = _PATH.sub("", self.own_path(request), count=1)
        known = {*self._instance_methods, *(known for _, known in self._account_methods)}
        return name if name in known else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the final name in the query; that in a body once it was read."""
        return request.query.get("instanceName", "") or request.get(_NAME_IN_BODY, "")

    def error(
        self,
        request: web.Request,
        status: int,
        message: str = "",
        details: object = None,
    ) -> web.Response:
        """Return an error.

        The documentation shows no body; a plugin of the vendor's customers reads `error`
        or `details`. A status without a message comes with the words of the page on it.
        """
        if not message and status == HTTPStatus.CONFLICT and self.method_of(request) == "instance/delete":
            message = STILL_CONNECTED
        if not message:
            message = _DEFAULT_ERRORS.get(HTTPStatus(status), f"{HTTPStatus(status).phrase}.")
        body: JsonObject = {"success": False, "error": message}
        if details is not None:
            body["details"] = details
        return web.json_response(body, status=status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return a 200 with the engine's complaint inside."""
        return web.json_response({"success": False, "error": "Request failed.", "details": "Connection Closed"})

    # From the path to the call

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return await self._dispatch(request)
        except Refused as refused:
            return self.error(request, refused.status, str(refused), refused.details)

    async def _dispatch(self, request: web.Request) -> web.Response:
        """Check path and verb, then the key, the instance and the subscription."""
        name = self.method_of(request)
        if account_method := self._account_methods.get((request.method, name)):
            call = Call(request, self._account_of(request), await _body_of(request))
            self._check_subscription(call.account, account_method.shows_qr)
            return await account_method.answer(call)
        method = self._instance_methods.get(name)
        if method is None or request.method not in (method.verb, method.or_verb):
            raise Refused(_NO_SUCH_CALL, HTTPStatus.NOT_FOUND)
        account = self._account_of(request, key_in_query=method.key_in_query)
        body = await _body_of(request)
        instance = self._instance_in(request, account, body)
        self._check_subscription(account, method.shows_qr)
        if method.shows_qr and instance.options.integration != BAILEYS:
            raise Refused(ONLY_BAILEYS, HTTPStatus.CONFLICT)
        return await method.answer(InstanceCall(request, account, body, instance))

    def _account_of(self, request: web.Request, *, key_in_query: bool = False) -> Account:
        scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme != "Bearer":
            key = request.query.get("apiKey", "") if key_in_query else ""
        if (account := self._accounts.find(key)) is None:
            raise Refused(BAD_KEY, HTTPStatus.UNAUTHORIZED)
        return account

    def _instance_in(self, request: web.Request, account: Account, body: JsonObject) -> WachatInstance:
        """Return the instance that the body or, without a body, the query names."""
        if request.method == hdrs.METH_POST and (body or "instanceName" not in request.query):
            name = request[_NAME_IN_BODY] = text_in(body, "instanceName")
        elif not (name := request.query.get("instanceName", "")):
            raise Refused(MISSING_NAME)
        if (instance := self._accounts.instance(account, name)) is None:
            raise Refused(NOT_FOUND, HTTPStatus.NOT_FOUND)
        return instance

    def _check_subscription(self, account: Account, shows_qr: bool) -> None:
        """Refuse QR codes as page Get QR Image does; the other wording is made up."""
        subscriptions = self._accounts.subscriptions_of(account)
        if shows_qr and subscriptions & {"restricted", "expired"}:
            raise Refused(RESTRICTED, HTTPStatus.FORBIDDEN)
        if "expired" in subscriptions:
            msg = "Subscription restriction prevented this request."
            raise Refused(msg, HTTPStatus.FORBIDDEN)

    # Instances

    async def _create(self, call: Call) -> web.Response:
        """Page Create Instance: the reply is JSON, or the picture with the names in headers."""
        wanted = call.request.query.get("response", "json")
        if wanted not in ("json", "image"):
            msg = "Query parameter response must be json or image."
            raise Refused(msg)
        number = number_in(call.body)
        options = WachatOptions(
            display_name=display_name_in(call.body),
            integration=integration_in(call.body),
            with_number=number is not None,
        )
        if wanted == "image" and options.integration != BAILEYS:
            raise Refused(ONLY_BAILEYS, HTTPStatus.CONFLICT)
        instance = self._accounts.add(call.account, options, number)
        instance.connect()
        if wanted == "image":
            return await self._created_image(instance)
        reply: JsonObject = {
            "success": True,
            "instance": answers.names_of(instance) | {"integration": options.integration, "status": instance.state},
        }
        if options.integration == BAILEYS:
            await instance.code_within(_CREATE_SECONDS)
            reply["qrcode"] = self._codes.as_json(instance, "instance/create")
        return web.json_response(reply)

    async def _created_image(self, instance: WachatInstance) -> web.Response:
        await instance.code_within(_ENGINE_SECONDS)
        answer = self._codes.image(instance, "instance/create", too_slow())
        answer.headers["X-Instance-Name"] = instance.options.display_name
        answer.headers["X-Api-Instance-Name"] = instance.id
        return answer

    async def _list(self, call: Call) -> web.Response:
        rows = [answers.list_row(instance) for instance in self._accounts.instances_of(call.account)]
        return web.json_response({"success": True, "count": len(rows), "instances": rows})

    async def _state(self, call: InstanceCall) -> web.Response:
        return web.json_response(answers.state(call.instance))

    async def _logout(self, call: InstanceCall) -> web.Response:
        """Log out. The page was not to be had: refusal, reply and, at first, the verb are the engine's."""
        if call.request.method != call.instance.options.logout_verb:
            raise Refused(_NO_SUCH_CALL, HTTPStatus.NOT_FOUND)
        if call.instance.state == "close":
            msg = "Failed to log out."
            raise Refused(msg, details=f'The "{call.instance.id}" instance is not connected')
        call.instance.unlink()
        return web.json_response({"success": True, "message": "Instance logged out"})

    async def _delete(self, call: InstanceCall) -> web.Response:
        """Page Delete Instance: 409 if it is still connected."""
        instance = call.instance
        if instance.connected:
            raise Refused(STILL_CONNECTED, HTTPStatus.CONFLICT)
        instance.unlink()
        self._accounts.remove(instance)
        return web.json_response({"success": True, "message": "Instance deleted"})

    # QR codes

    async def _ask_engine(self, instance: WachatInstance) -> None:
        """Reach the engine, or fail with the last two errors on page Get QR Image."""
        if instance.options.engine == "hangs":
            await self.world.clock.sleep(_ENGINE_SECONDS)
            raise too_slow()
        if instance.options.engine == "broken":
            raise no_code()

    async def _qr(self, call: InstanceCall) -> web.Response:
        """Connect: this call is how to ask for a fresh code (page Create Instance).

        The reply is not documented. The engine answers with its state once it is open,
        and with no more than a count of 0 while there is no code yet.
        """
        instance = call.instance
        if not instance.options.has_qr_call:
            raise Refused(_NO_SUCH_CALL, HTTPStatus.NOT_FOUND)
        await self._ask_engine(instance)
        instance.connect()
        await instance.code_within(_CONNECT_SECONDS)
        if instance.state == "open":
            return web.json_response({"success": True} | answers.engine_state(instance), headers=NO_STORE)
        reply = {"success": True, "qrcode": self._codes.as_json(instance, "instance/qr")}
        return web.json_response(reply, headers=NO_STORE)

    async def _qr_image(self, call: InstanceCall) -> web.Response:
        """Page Get QR Image.

        Without a code, because it is too early, too late, or a phone is linked, there is
        nothing to decode: 502.
        """
        await self._ask_engine(call.instance)
        if call.instance.options.image_connects:
            call.instance.connect()
            await call.instance.code_within(_CONNECT_SECONDS)
        return self._codes.image(call.instance, "instance/qr/image", no_code())

    async def _qr_live(self, call: InstanceCall) -> web.Response:
        """Answer as page Get QR Live says: a page that refreshes itself, for a frame."""
        return self._codes.page(call.instance)

    # Contacts

    async def _contacts(self, call: InstanceCall) -> web.Response:
        """Page List Contacts."""
        page = positive_in(call.request, "page", 1)
        limit = positive_in(call.request, "limit", _DEFAULT_LIMIT)
        everybody = answers.contacts(call.instance)
        shown = everybody[(page - 1) * limit : page * limit]
        reply = {
            "success": True,
            "count": len(shown),
            "total": len(everybody),
            "page": page,
            "limit": limit,
            "hasMore": page * limit < len(everybody),
            "instance": answers.names_with_id(call.instance),
            "contacts": shown,
        }
        return web.json_response(reply)


async def _body_of(request: web.Request) -> JsonObject:
    return await json_body(request) if request.method == hdrs.METH_POST else {}
