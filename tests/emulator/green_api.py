"""GREEN-API's server.

Written from the vendor's documentation (green-api.com/en/docs/api): each fact names its
page. Where the documentation is silent, the comment says so.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
import hashlib
from http import HTTPStatus
import json
import re
from typing import Any

from aiohttp import hdrs, web

from .broken_answers import html_page
from .faults import PICTURE_FAULTS
from .gateway import GatewayServer, read_options
from .green_api_call import Call, Method
from .green_api_checks import Refused, check_settings, invalid, pairing_number_in
from .green_api_instance import GreenApiInstance, GreenApiOptions
from .green_api_lookups import lid_of, lookup_methods
from .green_api_quota import QUOTA_STATUS, QuotaExceeded
from .green_api_sends import Sends
from .green_api_service import Service
from .green_api_socket import QrSocket, qr_message
from .model import JsonObject, digits_of
from .pairing import QrCode
from .qr import plain_png
from .rate_limit import RateLimiter
from .world import World

_PATH = re.compile(r"/waInstance(?P<id>[^/]*)/(?P<method>[^/]+)/(?P<token>[^/]+)(?:/(?P<tail>.+))?")
_FIRST_ID = 1101000001
# Page on common errors.
_LONGEST_BODY = 100 * 1024
# Page ReceiveNotification.
_DEFAULT_POLL_SECONDS = 5
_POLL_SECONDS_RANGE = range(5, 61)

# Page on common errors.
_STARTING = "instance in starting process try later"
_NOT_AUTHORIZED = "instance is starting or not authorized"
_ACCOUNT_ERRORS = {
    "expired": ("Instance account is expired. Renew your instance from personal area"),
    "deleted": "Instance is deleted",
}
# Page ReceiveNotification; the wording is known from hearsay only.
_WEBHOOK_IS_SET = (
    "Message cannot be received because custom webhook url is set. Please clear webhook url and wait for about 1 minute"
)


class GreenApi(GatewayServer):
    """GREEN-API: the token is in the path, and every answer is JSON if all is well."""

    key = "green_api"
    path = "green-api"

    def __init__(self, world: World) -> None:
        """Start a server without instances."""
        super().__init__(world)
        self._instances: dict[str, GreenApiInstance] = {}
        self._limiter = RateLimiter(world.clock)
        get, post, delete = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_DELETE
        self._methods: dict[str, Method] = {
            **Sends(world).methods(),
            **Service(world).methods(),
            **lookup_methods(),
            "getStateInstance": Method(get, self._get_state, 1),
            "getStatusInstance": Method(get, self._get_status, 1),
            "getSettings": Method(get, self._get_settings, 1),
            "setSettings": Method(post, self._set_settings, 1),
            "getWaSettings": Method(get, self._get_wa_settings, 1),
            "reboot": Method(get, self._reboot, 1),
            "logout": Method(get, self._logout, 1),
            "updateApiToken": Method(get, self._update_token),
            "qr": Method(get, self._qr, 3, settled=True),
            "scanqrcode": Method(get, self._scan_qr_code, 1),
            "getAuthorizationCode": Method(post, self._pairing_code, settled=True),
            "receiveNotification": Method(get, self._receive, 100),
            "deleteNotification": Method(delete, self._delete, 100),
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
    ) -> GreenApiInstance:
        """Make an instance, as the vendor's console would."""
        chosen_id = instance_id or str(_FIRST_ID + len(self._instances))
        if not chosen_id.isdecimal() or chosen_id in self._instances:
            msg = f"The id {chosen_id!r} is taken or not a number"
            raise ValueError(msg)
        instance = GreenApiInstance(
            self.world,
            chosen_id,
            token or _token_for(chosen_id),
            number or self.world.phone.free_number(),
            read_options(GreenApiOptions, options),
        )
        self._instances[chosen_id] = instance
        self.world.phone.instances.append(instance)
        return instance

    def method_of(self, request: web.Request) -> str:
        """Return the method in the path."""
        found = _PATH.fullmatch(self.own_path(request))
        return found["method"] if found else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the id in the path."""
        found = _PATH.fullmatch(self.own_path(request))
        return found["id"] if found else ""

    def error(self, request: web.Request, status: int, message: str = "") -> web.Response:
        """Return an error: its path carries the token, as the vendor's does.

        The web server in front answers 403 with a page; 401 was observed to be empty.
        """
        if status == HTTPStatus.UNAUTHORIZED:
            return web.Response(status=status)
        if status == HTTPStatus.FORBIDDEN:
            return html_page(status)
        path = self.own_path(request)
        if status == HTTPStatus.NOT_FOUND:
            message = f"Cannot {request.method} {path}"
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = {
            "statusCode": status,
            "timestamp": now.replace("+00:00", "Z"),
            "path": path,
            "message": message or HTTPStatus(status).phrase,
        }
        return web.json_response(body, status=status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return what some methods say with status 200 (page on common errors)."""
        return web.json_response({"status": False, "reason": _NOT_AUTHORIZED})

    # From the path to the method

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except Refused as refused:
            return self.error(request, refused.status, str(refused))
        except QuotaExceeded as exceeded:
            return web.json_response(exceeded.body, status=QUOTA_STATUS)

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        """Check in the order of the servers: web server, router, token, instance."""
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        if (found := _PATH.fullmatch(self.own_path(request))) is None:
            return self.error(request, HTTPStatus.NOT_FOUND)
        method = self._methods.get(found["method"])
        if not found["id"].isdecimal() and found["method"].endswith("Notification"):
            raise Refused("Parameter idInstance not an integer")
        if (instance := self._instances.get(found["id"])) is None:
            return self.error(request, HTTPStatus.FORBIDDEN)
        if method is None or method.verb != request.method:
            return self.error(request, HTTPStatus.NOT_FOUND)
        if found["token"] != instance.token:
            return self.error(request, HTTPStatus.UNAUTHORIZED)
        self._check_instance(found["method"], method, instance)
        takes_json = method.verb == hdrs.METH_POST and not method.takes_file
        body = await _json_body(request) if takes_json else {}
        return await method.answer(Call(request, found["method"], instance, body, found["tail"] or ""))

    def _check_instance(self, name: str, method: Method, instance: GreenApiInstance) -> None:
        if instance.options.account in _ACCOUNT_ERRORS:
            raise Refused(_ACCOUNT_ERRORS[instance.options.account])
        key = (instance.id, name)
        if method.limit and not self._limiter.allows(key, method.limit, 1):
            # What the body looks like is not documented.
            raise Refused("Too Many Requests", HTTPStatus.TOO_MANY_REQUESTS)
        if method.settled and instance.starting:
            raise Refused(_STARTING)
        if method.authorized and not instance.authorized:
            raise Refused(_NOT_AUTHORIZED)

    # The instance

    async def _get_state(self, call: Call) -> web.Response:
        return web.json_response({"stateInstance": call.instance.state})

    async def _get_status(self, call: Call) -> web.Response:
        status = "online" if call.instance.authorized else "offline"
        return web.json_response({"statusInstance": status})

    async def _get_settings(self, call: Call) -> web.Response:
        described = {
            "wid": call.instance.last_wid,
            "countryInstance": "",
            "typeAccount": "",
            "typeInstance": "whatsapp",
        }
        return web.json_response(described | call.instance.shown_settings)

    async def _set_settings(self, call: Call) -> web.Response:
        call.instance.change_settings(check_settings(call.body))
        return web.json_response({"saveSettings": True})

    async def _get_wa_settings(self, call: Call) -> web.Response:
        """Page GetWaSettings: all about the account is empty while it is not usable."""
        instance = call.instance
        account = dict.fromkeys(("avatar", "base64Avatar", "chatId", "phone", "deviceId"), "")
        if instance.authorized:
            picture = plain_png("steelblue")
            digits = digits_of(instance.number)
            account = {
                "avatar": self.world.url + self.world.files.add(picture, "image/png", "avatar.png"),
                "base64Avatar": base64.b64encode(picture).decode(),
                "chatId": lid_of(instance.number),
                "phone": digits,
                "deviceId": f"{digits}:26@s.whatsapp.net",
            }
        return web.json_response(
            account
            | {
                "historySyncProgress": 100 if instance.authorized else 0,
                "stateInstance": instance.state,
                "logoutProcess": False,
            }
        )

    async def _reboot(self, call: Call) -> web.Response:
        call.instance.reboot()
        return web.json_response({"isReboot": True})

    async def _logout(self, call: Call) -> web.Response:
        call.instance.unlink()
        return web.json_response({"isLogout": True})

    async def _update_token(self, call: Call) -> web.Response:
        """The old token is refused from now on."""
        call.instance.token = _token_for(call.instance.token)
        return web.json_response({"apiTokenInstance": call.instance.token})

    # Linking

    def _picture(self, code: QrCode, method: str) -> bytes:
        if self.world.faults.take(self.key, method, PICTURE_FAULTS):
            return b"This is not a picture."
        return code.png

    async def _qr(self, call: Call) -> web.Response:
        message = qr_message(call.instance, lambda code: self._picture(code, "qr"))
        if message is None:
            # Page QR says that the first code can take minutes, but not what comes in
            # the meantime. Here it is what all methods say while an instance starts.
            raise Refused(_STARTING)
        return web.json_response(message)

    async def _scan_qr_code(self, call: Call) -> web.StreamResponse:
        if not web.WebSocketResponse().can_prepare(call.request):
            # Not documented.
            raise Refused("bad request data")
        socket = QrSocket(
            self.world,
            call.instance,
            lambda code: self._picture(code, "scanqrcode"),
        )
        return await socket.answer(call.request)

    async def _pairing_code(self, call: Call) -> web.Response:
        number = pairing_number_in(call.body)
        code = None
        if call.instance.state == "notAuthorized":
            code = call.instance.request_pairing_code(number)
        return web.json_response({"status": code is not None, "code": code or ""})

    # Receiving

    async def _receive(self, call: Call) -> web.Response:
        """Page ReceiveNotification: `null` if nothing comes in time."""
        if call.instance.webhook_url:
            raise Refused(_WEBHOOK_IS_SET)
        seconds = _poll_seconds_in(call.request)
        notification = await call.instance.next_notification(seconds)
        if notification is None:
            return web.json_response(None)
        return web.json_response({"receiptId": notification.receipt_id, "body": notification.body})

    async def _delete(self, call: Call) -> web.Response:
        """Page DeleteNotification; the reason's wording is not documented."""
        if not call.tail.isdecimal():
            raise Refused("Parameter receiptId must be a Number!")
        if call.instance.delete_notification(int(call.tail)):
            return web.json_response({"result": True, "reason": ""})
        reason = f"Notification with receiptId {call.tail} was not found"
        return web.json_response({"result": False, "reason": reason})


async def _json_body(request: web.Request) -> JsonObject:
    """Read a body, with the complaints from the page on common errors."""
    raw = await request.read()
    if len(raw) > _LONGEST_BODY:
        raise Refused("request entity too large", HTTPStatus.INTERNAL_SERVER_ERROR)
    if not raw:
        return {}
    try:
        text = raw.decode()
        body = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text):
            raise Refused("Unexpected end of JSON input") from error
        letter = text[error.pos]
        message = f"Unexpected token {letter} in JSON at position {error.pos}"
        raise Refused(message) from error
    except UnicodeDecodeError as error:
        raise Refused("bad request data") from error
    if not isinstance(body, dict):
        raise invalid("'value' must be of type object")
    return body


def _poll_seconds_in(request: web.Request) -> int:
    given = request.query.get("receiveTimeout", str(_DEFAULT_POLL_SECONDS))
    if not given.isdecimal():
        raise invalid("'receiveTimeout' must be a number")
    if int(given) not in _POLL_SECONDS_RANGE:
        # That 5 and 60 are the limits is documented, the wording is not.
        raise invalid("'receiveTimeout' must be between 5 and 60")
    return int(given)


def _token_for(seed: str) -> str:
    """Return 50 hexadecimal characters, always the same for the same seed."""
    return hashlib.sha256(f"token for {seed}".encode()).hexdigest()[:50]
