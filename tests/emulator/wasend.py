"""Wasend's server.

Written from the vendor's documentation (wasend.dev/docs) and the types of the vendor's
SDK, which are cited as "vendor docs" with the page, and "vendor SDK". Both leave much
open. Wasend runs on the engine of WAHA and mirrors its calls one by one, so what they do
not say is answered here as WAHA would; the comments say where.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import hashlib
from http import HTTPStatus
from inspect import isawaitable
import re
from typing import Any
import uuid

from aiohttp import hdrs, web

from . import wasend_answers as answers, wasend_contents as contents, wasend_lists as lists
from .faults import PICTURE_FAULTS
from .gateway import GatewayServer, read_options
from .model import JsonObject, Kind, Signal
from .pairing import QrCode
from .rate_limit import RateLimiter
from .wasend_call import Call
from .wasend_checks import SESSION_NOT_FOUND, Refused, check_offers_code, check_working, json_body, order_in, query_in
from .wasend_instance import Order, WasendInstance, WasendOptions, iso_time
from .wasend_sending import Sending, no_such_path
from .world import World

_CHATS = r"/(?P<session>[^/]+)/chats"
_CHAT = rf"{_CHATS}/(?P<chat>[^/]+)"
_WITH_BODY = frozenset({hdrs.METH_POST, hdrs.METH_PUT})
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]+")
# The only way in that is documented (vendor SDK, and every page of the vendor docs).
_SCHEME = "Bearer "
# Vendor SDK, README: accounts have a limit of sessions. Figure and status are not told.
_MOST_SESSIONS = 10
_MINUTE = 60
# Vendor docs, page Get QR Code. The shape of the body is that of WAHA's framework.
_DESCRIPTIONS = {
    HTTPStatus.UNAUTHORIZED: "Invalid or missing API key",
    HTTPStatus.NOT_FOUND: SESSION_NOT_FOUND,
    HTTPStatus.CONFLICT: "Session is already connected",
    HTTPStatus.TOO_MANY_REQUESTS: "Rate limit exceeded",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Internal server error",
}
# Python has taken up the newer name of this status, WAHA has not.
_PHRASES = {HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity"}


@dataclass(frozen=True)
class Route:
    """One call of the API."""

    name: str
    verb: str
    path: re.Pattern[str]
    # What comes is JSON; only what downloads a file has to wait.
    answer: Callable[[Call], object]


class Wasend(GatewayServer):
    """Wasend: one API key for an account, which owns several sessions."""

    key = "wasend"
    path = "wasend"

    def __init__(self, world: World) -> None:
        """Start a server without sessions."""
        super().__init__(world)
        self._sessions: dict[str, WasendInstance] = {}
        # Keys are good also when their last session is gone.
        self._tokens: set[str] = set()
        # Counts deleted sessions, too: an id is not used again.
        self._created = 0
        self._limiter = RateLimiter(world.clock)
        get, post, put, delete = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_DELETE
        sending = Sending(world, self._session)
        self._routes = [
            Route(name, verb, re.compile(path), answer)
            for name, verb, path, answer in (
                ("account", get, r"/account", self._account),
                ("listSessions", get, r"/sessions", self._list_sessions),
                ("createSession", post, r"/sessions", self._create_session),
                ("getSession", get, r"/sessions/(?P<session>[^/]+)", self._get_session),
                ("deleteSession", delete, r"/sessions/(?P<session>[^/]+)", self._delete_session),
                ("startSession", post, r"/sessions/(?P<session>[^/]+)/start", self._start_session),
                ("stopSession", post, r"/sessions/(?P<session>[^/]+)/stop", self._stop_session),
                ("restartSession", post, r"/sessions/(?P<session>[^/]+)/restart", self._restart_session),
                ("qr", get, r"/sessions/(?P<session>[^/]+)/(?P<path>qr|auth/qr)", self._qr),
                ("sendText", post, r"/sendText", sending.message(contents.read_text)),
                ("sendImage", post, r"/sendImage", sending.message(contents.read_captioned(Kind.IMAGE))),
                ("sendVideo", post, r"/sendVideo", sending.message(contents.read_captioned(Kind.VIDEO))),
                ("sendFile", post, r"/sendFile", sending.message(contents.read_document)),
                ("sendVoice", post, r"/sendVoice", sending.message(contents.read_voice)),
                ("send", post, r"/send", sending.message(contents.read_any)),
                (
                    "sendLinkPreview",
                    post,
                    r"/(?P<path>sendLinkCustomPreview|send/link-custom-preview)",
                    sending.link_preview,
                ),
                ("sendSeen", post, r"/sendSeen", sending.seen),
                ("startTyping", post, r"/startTyping", sending.typing(Signal.TYPING)),
                ("stopTyping", post, r"/stopTyping", sending.typing(Signal.PAUSED)),
                ("reaction", put, r"/reaction", sending.reaction),
                ("messageStatus", get, r"/messages/(?P<message>[^/]+)", self._message_status),
                ("listContacts", get, r"/contacts/all", self._lookup(lists.list_contacts)),
                ("getContact", get, r"/contacts", self._lookup(lists.get_contact)),
                ("checkExists", get, r"/contacts/check-exists", self._lookup(lists.check_exists)),
                ("listChats", get, _CHATS, self._lookup(lists.list_chats)),
                ("overviewOfChats", get, rf"{_CHATS}/overview", self._lookup(lists.overview_of_chats)),
                ("listMessages", get, rf"{_CHAT}/messages", self._lookup(lists.list_messages)),
                ("readChat", post, rf"{_CHAT}/messages/read", self._lookup(lists.read_chat)),
                ("getMessage", get, rf"{_CHAT}/messages/(?P<message>[^/]+)", self._lookup(lists.get_message)),
                ("listGroups", get, r"/(?P<session>[^/]+)/groups", self._lookup(lists.list_groups)),
            )
        ]

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
    ) -> WasendInstance:
        """Make a session, as the vendor's dashboard would; a new token is a new account."""
        if instance_id is not None and (not _SESSION_ID.fullmatch(instance_id) or instance_id in self._sessions):
            msg = f"The id {instance_id!r} is taken or no id of a session"
            raise ValueError(msg)
        read = read_options(WasendOptions, options)
        order = Order(
            name=f"phone-{self._created + 1}",
            phone_number=number or self.world.phone.free_number(),
            webhook_url=read.webhook_url,
        )
        return self._create(order, token or _api_key(), read, instance_id)

    def _create(
        self, order: Order, token: str, options: WasendOptions, session_id: str | None = None
    ) -> WasendInstance:
        self._created += 1
        chosen_id = session_id or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._created}.wasend.invalid"))
        instance = WasendInstance(self.world, chosen_id, token, order, options)
        self._sessions[chosen_id] = instance
        self._tokens.add(token)
        self.world.phone.instances.append(instance)
        return instance

    def method_of(self, request: web.Request) -> str:
        """Return a name for the call; QR codes have one, whichever path was taken."""
        found = self._find(request)
        return found[0].name if found else ""

    def instance_of(self, request: web.Request) -> str:
        """Return the session in path or query. That of a send is in the body: not seen."""
        found = self._find(request)
        in_path = found[1].get("session") if found else None
        return in_path or request.query.get("session", "")

    def error(self, request: web.Request, status: int, message: str = "") -> web.Response:
        """Return an error in the shape of WAHA's framework; the SDK reads `message`."""
        phrase = _PHRASES.get(HTTPStatus(status), HTTPStatus(status).phrase)
        body = {
            "statusCode": status,
            "message": message or _DESCRIPTIONS.get(HTTPStatus(status), phrase),
            "error": phrase,
        }
        return web.json_response(body, status=status)

    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return the opposite of the `success` that deleting has. Not documented."""
        return web.json_response({"success": False, "message": _DESCRIPTIONS[HTTPStatus.INTERNAL_SERVER_ERROR]})

    # From the path to the call

    def _find(self, request: web.Request) -> tuple[Route, dict[str, str]] | None:
        path = self.own_path(request)
        for route in self._routes:
            if route.verb == request.method and (found := route.path.fullmatch(path)):
                return route, found.groupdict()
        return None

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            return await self._dispatch(request)
        except Refused as refused:
            return self.error(request, refused.status, str(refused))

    async def _dispatch(self, request: web.Request) -> web.Response:
        """Check in the order of WAHA's framework: path, key, body."""
        if (found := self._find(request)) is None:
            raise no_such_path(request.method, self.own_path(request))
        route, parts = found
        token = self._token_in(request)
        body = await json_body(request) if route.verb in _WITH_BODY else {}
        answer = route.answer(Call(request, token, parts, body))
        if isawaitable(answer):
            answer = await answer
        # Not documented for Wasend: WAHA has 201 for all that is posted.
        status = HTTPStatus.CREATED if route.verb == hdrs.METH_POST else HTTPStatus.OK
        return web.json_response(answer, status=status)

    def _token_in(self, request: web.Request) -> str:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        token = given.removeprefix(_SCHEME)
        if not given.startswith(_SCHEME) or token not in self._tokens:
            raise Refused(HTTPStatus.UNAUTHORIZED)
        return token

    def _session(self, call: Call, session_id: str) -> WasendInstance:
        """Return a session of the account; those of others do not exist."""
        instance = self._sessions.get(session_id)
        if instance is None or instance.token != call.token:
            raise Refused(HTTPStatus.NOT_FOUND)
        limit = instance.options.requests_per_minute
        if limit and not self._limiter.allows(session_id, limit, _MINUTE):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS)
        return instance

    def _session_in_path(self, call: Call) -> WasendInstance:
        return self._session(call, call.parts["session"])

    def _lookup(self, answer: Callable[[lists.Lookup], object]) -> Callable[[Call], object]:
        """Return what answers a call about a session that works; path or query name it."""

        def look_up(call: Call) -> object:
            instance = self._session(call, call.parts.get("session") or query_in(call.request, "session"))
            check_working(instance)
            return answer(lists.Lookup(call.request, call.parts, instance))

        return look_up

    def _owned(self, token: str) -> list[WasendInstance]:
        return [instance for instance in self._sessions.values() if instance.token == token]

    # Account and sessions

    def _account(self, call: Call) -> JsonObject:
        return answers.account(call.token)

    def _list_sessions(self, call: Call) -> JsonObject:
        return {"sessions": [answers.listed_session(instance) for instance in self._owned(call.token)]}

    def _create_session(self, call: Call) -> JsonObject:
        """Create, but do not start. The server treats the new session as the one before."""
        order = order_in(call.body)
        owned = self._owned(call.token)
        if len(owned) >= _MOST_SESSIONS:
            raise Refused(HTTPStatus.FORBIDDEN, "Session limit reached")
        options = replace(owned[-1].options, sends_fail=False) if owned else WasendOptions()
        return answers.session(self._create(order, call.token, options))

    def _get_session(self, call: Call) -> JsonObject:
        return answers.session(self._session_in_path(call))

    def _delete_session(self, call: Call) -> JsonObject:
        """Delete, in whatever state the session is."""
        instance = self._session_in_path(call)
        instance.discard()
        del self._sessions[instance.id]
        self.world.phone.instances.remove(instance)
        return {"success": True}

    def _start_session(self, call: Call) -> JsonObject:
        instance = self._session_in_path(call)
        instance.start()
        return answers.session(instance)

    def _stop_session(self, call: Call) -> JsonObject:
        instance = self._session_in_path(call)
        instance.stop()
        return answers.session(instance)

    def _restart_session(self, call: Call) -> JsonObject:
        instance = self._session_in_path(call)
        instance.restart()
        return answers.session(instance)

    # Linking

    def _qr(self, call: Call) -> JsonObject:
        instance = self._session_in_path(call)
        which = {"qr": "docs", "auth/qr": "sdk"}[call.parts["path"]]
        if instance.options.qr_path not in ("both", which):
            raise no_such_path(call.request.method, self.own_path(call.request))
        check_offers_code(instance)
        code = instance.codes.current()
        assert code is not None
        return self._qr_reply(instance, code)

    def _qr_reply(self, instance: WasendInstance, code: QrCode) -> JsonObject:
        broken = self.world.faults.take(self.key, "qr", PICTURE_FAULTS) is not None
        picture = base64.b64encode(b"This is not a picture." if broken else code.png).decode()
        match instance.options.qr_reply:
            case "raw":
                # Any text can be drawn, so a broken one is empty.
                return {"data": "" if broken else code.text}
            case "data_uri":
                return {"data": f"data:image/png;base64,{picture}"}
            case "qr_code":
                return {"qrCode": picture, "expiresAt": self._expiry(instance)}
        return {"data": picture}

    def _expiry(self, instance: WasendInstance) -> str:
        """Return when the present code ends, on the client's clock, which is not scaled."""
        left = self.world.clock.real(instance.codes.seconds_to_next() or 0)
        return iso_time(datetime.now(UTC) + timedelta(seconds=left))

    # Looking up

    def _message_status(self, call: Call) -> JsonObject:
        """Vendor SDK: the session is not named, so it is looked for in all of the account."""
        for instance in self._owned(call.token):
            for message in instance.messages:
                if message.outgoing and message.id == call.parts["message"]:
                    return answers.message_status(instance, message)
        raise Refused(HTTPStatus.NOT_FOUND, "Message not found")


def _api_key() -> str:
    """Return the key of the account that there is from the beginning, always the same."""
    return hashlib.sha256(b"wasend api key").hexdigest()[:40]
