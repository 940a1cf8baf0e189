"""Wawp's server.

Written from the vendor's documentation (api.wawp.net/en/docs/v2) and the vendor's
libraries: each fact names its page. Where both are silent, the comment says so.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
import hashlib
from http import HTTPStatus
from inspect import isawaitable
import json
import re
import time
from typing import Any, override

from aiohttp import hdrs, web

from .broken_answers import html_page
from .faults import PICTURE_FAULTS
from .gateway import GatewayServer, read_options
from .model import JsonObject, chat_id_of
from .pairing import QrCode
from .people import NUMBERS_WITHOUT_ACCOUNT
from .wawp_call import GIVEN, Call, Given, read_given
from .wawp_contents import (
    read_contacts,
    read_document,
    read_image,
    read_link_preview,
    read_location,
    read_poll,
    read_text,
    read_video,
    read_voice,
)
from .wawp_errors import UPSTREAM_ERROR, Refused, error_of_status, invalid_param, missing_param, status_not_expected
from .wawp_instance import WawpInstance
from .wawp_lists import PARTICIPANTS, list_chats, list_contacts, list_groups, list_lids, list_members, list_messages
from .wawp_options import WawpOptions
from .wawp_published import file_response, is_file
from .wawp_sending import mark_seen, react, read_chat, sender, start_typing, stop_typing
from .wawp_shapes import data_uri
from .wawp_webhooks import webhooks
from .world import World

_CALL = re.compile(r"/v2/(?P<name>.+?)/?")
_INSTANCE_ID = re.compile(r"[0-9A-Fa-f]{12}")
_GET = frozenset({hdrs.METH_GET})
_POST = frozenset({hdrs.METH_POST})
_PUT = frozenset({hdrs.METH_PUT})
_PATCH = frozenset({hdrs.METH_PATCH})
_DELETE = frozenset({hdrs.METH_DELETE})
# Observed: the web server in front answers large bodies with a page. How large is not known.
_LONGEST_BODY = 10 * 1024 * 1024


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    verbs: frozenset[str]
    # Only what downloads a file has to wait.
    answer: Callable[[Call], web.Response | Awaitable[web.Response]]
    # Refused unless the session works.
    working: bool = False


class Wawp(GatewayServer):
    """Wawp: one account has an access token and several instances."""

    key = "wawp"
    path = "wawp"

    def __init__(self, world: World) -> None:
        """Start a server without accounts."""
        super().__init__(world)
        self._instances: dict[str, WawpInstance] = {}
        # By token; what was asked for with the first instance holds for the account. It
        # outlives its instances, as in the vendor's dashboard.
        self._accounts: dict[str, WawpOptions] = {}
        self._made = 0
        self._operations = {
            "session/start": Operation(_POST | _GET, self._start),
            "session/stop": Operation(_POST | _GET, self._stop),
            "session/restart": Operation(_POST | _GET, self._restart),
            "session/logout": Operation(_POST | _GET, self._logout),
            "session/delete": Operation(_DELETE, self._delete),
            # Page session/info has POST only; the vendor's MCP server uses GET.
            "session/info": Operation(_POST | _GET, self._info),
            "session/me": Operation(_GET, self._me),
            "session/webhook": Operation(_POST | _GET, webhooks),
            "auth/qr-image": Operation(_POST | _GET, self._qr_image),
            "auth/qr": Operation(_POST | _GET, self._qr),
            "auth/request-code": Operation(_POST, self._request_code),
            "session/rate-limit": Operation(_GET | _PATCH, self._rate_limit),
            "send/text": Operation(_POST | _GET, sender(read_text), working=True),
            "send/link-preview": Operation(_POST | _GET, sender(read_link_preview), working=True),
            "send/image": Operation(_POST | _GET, sender(read_image), working=True),
            "send/pdf": Operation(_POST | _GET, sender(read_document), working=True),
            "send/video": Operation(_POST | _GET, sender(read_video), working=True),
            "send/voice": Operation(_POST | _GET, sender(read_voice), working=True),
            "send/location": Operation(_POST | _GET, sender(read_location), working=True),
            "send/contact": Operation(_POST, sender(read_contacts), working=True),
            "send/poll": Operation(_POST, sender(read_poll), working=True),
            "send/reaction": Operation(_PUT, react, working=True),
            "send/seen": Operation(_POST, mark_seen, working=True),
            "send/start-typing": Operation(_POST, start_typing, working=True),
            "send/stop-typing": Operation(_POST, stop_typing, working=True),
            "chats/read": Operation(_POST, read_chat, working=True),
            "contacts/check-exists": Operation(_GET, self._check_exists, working=True),
            "contacts/all": Operation(_GET, list_contacts, working=True),
            "chats": Operation(_GET | _POST, list_chats, working=True),
            "chats/overview": Operation(_GET, list_chats, working=True),
            "chats/messages": Operation(_GET, list_messages, working=True),
            "lids": Operation(_GET, list_lids, working=True),
            "groups": Operation(_GET, list_groups, working=True),
            "groups/participants": Operation(_GET, list_members, working=True),
        }

    # What the emulator asks of a gateway

    @override
    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take all paths: what is wrong with one is for this server to say."""
        router.add_route("*", "/{path:.*}", self._answer)

    @override
    def create_instance(
        self,
        *,
        number: str | None = None,
        instance_id: str | None = None,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> WawpInstance:
        """Make an instance, for a new account unless the token is that of an old one."""
        self._made += 1
        chosen_id = instance_id or _hex_for(f"instance {self._made}", 12).upper()
        if not _INSTANCE_ID.fullmatch(chosen_id) or chosen_id in self._instances:
            msg = f"The id {chosen_id!r} is taken or not 12 hexadecimal characters"
            raise ValueError(msg)
        read = read_options(WawpOptions, options)
        chosen_token = token or _hex_for(f"token for {chosen_id}", 32)
        self._accounts.setdefault(chosen_token, read)
        instance = WawpInstance(
            self.world,
            chosen_id,
            chosen_token,
            number or self.world.phone.free_number(),
            read,
        )
        self._instances[chosen_id] = instance
        self.world.phone.instances.append(instance)
        return instance

    @override
    def method_of(self, request: web.Request) -> str:
        """Return the operation's path as in the vendor docs, as in `auth/qr-image`; "files" for those of messages."""
        if is_file(self.own_path(request)):
            return "files"
        found = _CALL.fullmatch(self.own_path(request))
        return PARTICIPANTS.sub("groups/participants", found["name"]) if found else ""

    @override
    def instance_of(self, request: web.Request) -> str:
        """Return the id in the query or the headers; that in a body once it was read."""
        given = request.get(GIVEN) or Given(request.query, {}, request.headers)
        return given.instance_id

    @override
    def error(self, request: web.Request, status: int) -> web.Response:
        """Return an error: a code and a message (vendor docs)."""
        return error_of_status(status).answer()

    @override
    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return what was observed of an engine in trouble: an error with status 200."""
        return Refused(HTTPStatus.OK, *UPSTREAM_ERROR).answer()

    # From the path to the operation

    async def _answer(self, request: web.Request) -> web.Response:
        if len(await request.read()) > _LONGEST_BODY:
            return html_page(HTTPStatus.BAD_GATEWAY)
        try:
            return await self._dispatch(request, await read_given(request))
        except Refused as refused:
            return self._refusal(request, refused)

    def _refusal(self, request: web.Request, refused: Refused) -> web.Response:
        """Return an error, in the account's own form if it is about a session."""
        given = request.get(GIVEN)
        account = self._accounts.get(given.token) if given else None
        is_about_session = self.method_of(request).startswith("session/")
        if account and is_about_session and refused.status == HTTPStatus.BAD_REQUEST:
            return refused.answer(account.refusals_as)
        return refused.answer()

    async def _dispatch(self, request: web.Request, given: Given) -> web.Response:
        """Check in the order of the servers: router, token, instance, session."""
        name = self.method_of(request)
        if name == "files":
            return file_response(self.own_path(request), self._instances.values())
        if name == "session/create" and request.method in _POST:
            return self._create(self._token_in(given))
        operation = self._operations.get(name)
        if operation is None or request.method not in operation.verbs:
            # Not documented; WordPress's own.
            message = "No route was found matching the URL and request method."
            raise Refused(HTTPStatus.NOT_FOUND, "rest_no_route", message)
        instance = self._instance_in(given, self._token_in(given))
        if operation.working:
            _check_working(instance)
        answer = operation.answer(Call(request, given, instance))
        return await answer if isawaitable(answer) else answer

    def _token_in(self, given: Given) -> str:
        if not given.token:
            raise Refused(HTTPStatus.UNAUTHORIZED, "invalid_access_token", "Missing access_token")
        if given.token not in self._accounts:
            raise error_of_status(HTTPStatus.UNAUTHORIZED)
        return given.token

    def _instance_in(self, given: Given, token: str) -> WawpInstance:
        if not given.instance_id:
            raise missing_param("instance_id")
        instance = self._instances.get(given.instance_id)
        if instance is None or instance.token != token:
            raise error_of_status(HTTPStatus.NOT_FOUND)
        if instance.options.server_gone:
            raise Refused(HTTPStatus.NOT_FOUND, "server_not_found", "Server not found")
        return instance

    # The session

    def _create(self, token: str) -> web.Response:
        """Page session/create: needs the token only, and does not start the session."""
        account = self._accounts[token]
        if sum(each.token == token for each in self._instances.values()) >= account.quota:
            raise Refused(HTTPStatus.FORBIDDEN, "quota_reached", "Quota or Limit Reached")
        instance = self.create_instance(token=token)
        instance.options = replace(account, desync=False, stuck=False, status="")
        # The page names these three fields; whether there are more is not documented.
        body = {
            "instance_id": instance.id,
            "session_name": instance.name,
            "server_name": "server-1",
        }
        return web.json_response(body, status=HTTPStatus.CREATED)

    def _start(self, call: Call) -> web.Response:
        call.instance.start()
        return _session(call.instance)

    def _stop(self, call: Call) -> web.Response:
        call.instance.stop()
        return _session(call.instance)

    def _restart(self, call: Call) -> web.Response:
        call.instance.restart()
        return _session(call.instance)

    def _logout(self, call: Call) -> web.Response:
        call.instance.log_out()
        return _session(call.instance)

    def _delete(self, call: Call) -> web.Response:
        """Page session/delete: for good."""
        call.instance.close()
        del self._instances[call.instance.id]
        self.world.phone.instances.remove(call.instance)
        return _session(call.instance, "DELETED")

    def _info(self, call: Call) -> web.Response:
        instance = call.instance
        info: JsonObject = {
            "name": instance.name,
            "status": instance.state,
            "config": {"webhooks": {}, "proxy": None},
            "me": instance.me,
        }
        if instance.state == "SCAN_QR_CODE" and (code := instance.codes.current()):
            # Never broken by a fault: that is meant for whoever asks for the picture, and
            # should not be used up by somebody who asks for the state.
            info["qr"] = data_uri(code.png)
        return web.json_response(info)

    def _me(self, call: Call) -> web.Response:
        """Page session/me; what comes without an account is not documented."""
        me = call.instance.me
        return web.json_response(me and me | {"platform": "android"})

    # Linking

    def _code(self, instance: WawpInstance) -> QrCode:
        """Return the present code; who asks a de-synced engine for it sets off the repair."""
        # An engine without a code is de-synced, whatever Wawp's record of its state says.
        if instance.state == "SCAN_QR_CODE" and (code := instance.codes.current()):
            return code
        refusal = _unexpected(instance, "SCAN_QR_CODE")
        instance.heal()
        raise refusal

    def _is_picture_broken(self, call: Call) -> bool:
        method = self.method_of(call.request)
        return self.world.faults.take(self.key, method, PICTURE_FAULTS) is not None

    def _qr_image(self, call: Call) -> web.Response:
        """Page auth/qr-image: a data URI, not to be cached."""
        code = self._code(call.instance)
        picture = b"This is not a picture." if self._is_picture_broken(call) else code.png
        return web.json_response({"qr": data_uri(picture)}, headers={"Cache-Control": "no-store"})

    def _qr(self, call: Call) -> web.Response:
        """Page auth/qr: the text of the code, as JSON in base64."""
        if call.given.optional_text("format", "raw") != "raw":
            raise invalid_param("format")
        code = self._code(call.instance)
        value = "" if self._is_picture_broken(call) else code.text
        raw = json.dumps({"value": value, "expiry": self._expiry_of_code(call.instance)})
        data = base64.b64encode(raw.encode()).decode()
        return web.json_response({"mimetype": "application/json", "data": data})

    def _expiry_of_code(self, instance: WawpInstance) -> int:
        """Return when the code ends, in milliseconds of wall clock time."""
        left = self.world.clock.real(instance.codes.seconds_to_next() or 0)
        return round((time.time() + left) * 1000)

    def _request_code(self, call: Call) -> web.Response:
        """Page auth/request-code: only while the session waits for a phone."""
        number = call.given.phone("phone_number")
        self._code(call.instance)
        code = call.instance.pairing_codes.issue(number)
        return web.json_response({"code": f"{code[:4]}-{code[4:]}"})

    # Limits and looking up

    def _rate_limit(self, call: Call) -> web.Response:
        """Page session/rate-limit: see the policies, or choose one of them."""
        has_plan = call.instance.options.plan == "paid"
        if call.request.method in _PATCH:
            call.instance.limits.choose(call.given.text("policy_slug"), has_plan=has_plan)
        return web.json_response(call.instance.limits.as_json(has_plan=has_plan))

    def _check_exists(self, call: Call) -> web.Response:
        """Page contacts/check-exists: once a second for an instance.

        Neither what comes when it is asked more often nor the answer are shown; this is
        the engine's.
        """
        call.instance.limits.count_check(policy_holds=call.instance.options.policy_holds)
        number = call.given.phone("phone", plus_allowed=True)
        if number in NUMBERS_WITHOUT_ACCOUNT:
            return web.json_response({"numberExists": False})
        return web.json_response({"numberExists": True, "chatId": chat_id_of(number)})


def _check_working(instance: WawpInstance) -> None:
    """Refuse what needs WhatsApp itself: a lost login differs from an engine that is off."""
    if instance.state in ("FAILED", "SCAN_QR_CODE"):
        message = "Session was disconnected. Please scan the QR code again"
        raise Refused(HTTPStatus.NOT_FOUND, "invalid_session", message)
    if instance.state != "WORKING":
        raise _unexpected(instance, "WORKING")


def _unexpected(instance: WawpInstance, expected: str) -> Refused:
    return status_not_expected(
        instance.name,
        instance.engine_state,
        expected,
        as_engine=instance.options.engine_errors,
    )


def _session(instance: WawpInstance, status: str = "") -> web.Response:
    """Return what calls say that change a session (page session/logout)."""
    body = {"name": instance.name, "status": status or instance.state, "instance_id": instance.id}
    return web.json_response(body)


def _hex_for(seed: str, length: int) -> str:
    """Return hexadecimal characters, always the same for the same seed."""
    return hashlib.sha256(f"wawp {seed}".encode()).hexdigest()[:length]
