"""WAHA (waha.devlike.pro): a server of one's own; and what the hosted services built on it (Wawp, Wasend) share with it.

Facts are from WAHA's published OpenAPI description and documentation; the page or path is named at each.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from functools import cached_property
import logging
import re
from typing import Any, ClassVar, override

from aiohttp import ClientSession
from multidict import MultiDict

from . import waha_events as events, waha_shapes as shapes
from .capability import EVERY_CHAT, Capability, Feature, Way
from .downloads import GONE, download, server_path
from .errors import GatewayError, InstanceNotFound, InvalidAnswer, Refused, WrongState
from .events import Event, ReceivedFile, Webhook
from .gateway import Credential, Gateway, Pace
from .http import Answer, Http, error_for_status, parse_base_url, quoted, require_object, require_text, require_version
from .model import (
    Chat,
    Contact,
    Instance,
    Link,
    Location,
    Media,
    MediaKind,
    PairingCode,
    Poll,
    QrCode,
    SentMessage,
    ServerVersion,
    Session,
    SessionState,
    Typing,
)
from .waha_contents import object_in, text_in
from .waha_polling import Lookout
from .waha_webhooks import check_age, check_signature, with_webhook, without_webhook
from .webhook_call import parse_events

_LOGGER = logging.getLogger(__name__)

# Page sessions: the first code of a series holds for 60 seconds, each of the five that follow for 20.
_FIRST_QR_VALID_FOR = 60.0
_QR_VALID_FOR = 20.0
# The documentation names no time; WhatsApp gives about three minutes.
_PAIRING_CODE_VALID_FOR = 150.0
# Page events.
_ENGINES_WITH_VOTES = ("GOWS", "NOWEB")
# Without a store it knows neither chats nor names (page engines, NOWEB).
_CONFIG = {"noweb": {"markOnline": True, "store": {"enabled": True, "fullSync": False}}}
# Since then, what is free does what before only the paid version did: files, and more than one session.
_NEEDED_CORE_VERSION = "2026.6.1"
# What came while nobody was connected is told later, unless it is older than that: nobody waits for an answer any more.
_MAX_AGE = 24 * 3600.0
_SEND_MEDIA = {MediaKind.IMAGE: "sendImage", MediaKind.VIDEO: "sendVideo", MediaKind.VOICE: "sendVoice"}


class Waha(Gateway):
    """A session on a WAHA server."""

    key: ClassVar[str] = "waha"
    name: ClassVar[str] = "WAHA"
    default_base_url: ClassVar[str] = "http://localhost:3000"
    credentials: ClassVar[tuple[Credential, ...]] = (
        # A server may run without any key (page security).
        Credential("token", secret=True, pattern=re.compile(r"[!-~]{1,256}"), optional=True),
        Credential("session_name", secret=False, pattern=re.compile(r"[\w-]{1,128}", re.ASCII)),
    )
    instance_key: ClassVar[str] = "session_name"
    names_are_local: ClassVar[bool] = True
    create_fields: ClassVar[tuple[str, ...]] = ("name",)
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.WATCH_QR,
            Capability.REQUEST_PAIRING_CODE,
            Capability.START,
            Capability.RESTART,
            Capability.LOGOUT,
            Capability.SEND_TEXT,
            Capability.SEND_MEDIA,
            Capability.SEND_LOCATION,
            Capability.SEND_CONTACT,
            Capability.SEND_POLL,
            Capability.SEND_REACTION,
            Capability.EDIT_MESSAGE,
            Capability.DELETE_MESSAGE,
            Capability.MARK_READ,
            Capability.SEND_TYPING,
            Capability.CHECK_NUMBER,
            Capability.LIST_CHATS,
            Capability.LISTEN,
            Capability.REGISTER_WEBHOOK,
            Capability.UNREGISTER_WEBHOOK,
            Capability.PARSE_WEBHOOK,
            Capability.FETCH_FILE,
            Capability.FIND_NUMBER,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
            Capability.GET_VERSION,
        }
    )
    features: ClassVar[frozenset[Feature]] = EVERY_CHAT | {
        Feature.REPLY,
        Feature.MENTIONS,
        Feature.LINK_PREVIEW,
        Feature.VOICE,
        Feature.VOICE_CONVERSION,
        Feature.DOCUMENT_CAPTION,
        Feature.READ_CHAT,
        Feature.RECORDING,
        Feature.PAUSED,
    }
    ways: ClassVar[tuple[Way, ...]] = (Way.STREAM, Way.WEBHOOK, Way.POLLING)
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset({Way.STREAM, Way.WEBHOOK})
    streams_by_websocket: ClassVar[bool] = True
    pushes_session: ClassVar[bool] = True
    # A body may have 50 MB, and base64 makes four bytes of three.
    max_media: ClassVar[int] = 36 * 1024 * 1024
    states: ClassVar[Mapping[str, SessionState]] = shapes.STATES
    # The server is the user's own and has no limits; where its websocket works, it is hardly asked at all.
    pace: ClassVar[Pace] = Pace(linked=60, pairing=2, code=5)

    _engine: str = ""

    @cached_property
    def _ids(self) -> events.MessageIds:
        return events.MessageIds()

    @override
    def _headers(self) -> dict[str, str]:
        return {"X-Api-Key": self._credentials["token"]} if "token" in self._credentials else {}

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["session_name"]

    @classmethod
    @override
    async def lives_at(cls, session: ClientSession, base_url: str) -> bool:
        """GET /api/server/version; without a key it is refused in words of its own (page security)."""
        http = Http(session, parse_base_url(base_url), ())
        answer = await http.request("WAHA server/version", "GET", "api/server/version")
        content = answer.object_or_empty()
        if answer.status == 401:
            return content == {"message": "Unauthorized", "statusCode": 401}
        return answer.status == 200 and {"version", "engine", "tier"} <= set(content)

    @override
    async def get_session(self) -> Session:
        """GET /api/sessions/{session}. The engine stands in it while it runs."""
        answer = require_object(await self._call("GET", self._own_path()))
        self._engine = text_in(object_in(answer, "engine"), "engine") or self._engine
        return Session(self._session_state(require_text(answer, "status")))

    @override
    def tells_votes(self, way: Way | None) -> bool:
        """Page events, poll.vote: only with some of the engines."""
        return self._engine in _ENGINES_WITH_VOTES and super().tells_votes(way)

    @override
    async def get_link(self) -> Link:
        """The same: it has the account, but not why one was lost."""
        return Link(shapes.own_number(await self._call("GET", self._own_path())))

    @cached_property
    def _lookout(self) -> Lookout:
        return Lookout(self._ids, self._chats, self._messages, max_age=_MAX_AGE)

    @override
    async def listen(self) -> AsyncGenerator[Session | Event]:
        """Page events, websocket. What happens while it is closed is not told later, so it is looked for once.

        What is told meanwhile may be told twice, by the same id.
        """
        async with (
            self._websocket(events.EVENTS, lenient=True) as frames,
            aclosing(frames),
            aclosing(self._told(frames)) as told,
        ):
            is_behind = True
            async for news in told:
                if isinstance(news, Event):
                    self._lookout.note(news)
                yield news
                if is_behind and isinstance(news, Session) and news.state.is_linked:
                    is_behind = False
                    async with aclosing(self._missed()) as missed:
                        async for event in missed:
                            yield event

    async def _told(self, frames: AsyncGenerator[Any]) -> AsyncGenerator[Session | Event]:
        """Yield the session as it is, and then what frames tell; those that make no sense are passed over."""
        yield await self.get_session()
        async for frame in frames:
            try:
                news = self._news(require_object(frame))
            except InvalidAnswer as error:
                _LOGGER.debug("WAHA ws: %s", error)
                continue
            if news:
                yield news

    @override
    async def poll(self) -> AsyncGenerator[Session | Event]:
        """GET /api/{session}/chats/overview and …/chats/{chat}/messages."""
        async with aclosing(self._lookout.watch()) as found:
            async for event in found:
                yield _with_message(event)

    async def _missed(self) -> AsyncGenerator[Event]:
        """Yield what came while nobody was connected. A server that does not tell is no reason to be told nothing."""
        try:
            async with aclosing(self._lookout.look()) as found:
                async for event in found:
                    yield _with_message(event)
        except GatewayError as error:
            _LOGGER.debug("WAHA ws: what was missed is not known: %s", error)

    async def _chats(self, limit: int = 100, offset: int = 0) -> Any:
        params = {"limit": str(limit), "offset": str(offset)}
        return await self._call("GET", self._chats_path("overview"), params=params, is_list=True)

    async def _messages(self, chat_id: str, since: float, limit: int, offset: int) -> Any:
        params = {
            "limit": str(limit),
            "offset": str(offset),
            "downloadMedia": "true",
            "filter.timestamp.gte": str(int(since)),
        }
        return await self._call("GET", self._chats_path(quoted(chat_id), "messages"), params=params, is_list=True)

    def _chats_path(self, *parts: str) -> str:
        return "/".join(("api", self.instance_id, "chats", *parts))

    def _news(self, envelope: events.Envelope) -> Session | Event | None:
        """Return what an envelope tells; None if that is of no use, or of another session. Raises InvalidAnswer."""
        if envelope.get("session") != self.instance_id:
            return None
        if envelope.get("event") == events.STATUS_EVENT:
            return Session(self._session_state(events.status_in(envelope)))
        event = events.event_of(envelope, self._ids)
        return event and _with_message(event)

    @override
    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """PUT /api/sessions/{session}; there may be several webhooks, so nobody's has to go."""
        if webhook.url:
            await self._configure(lambda config: with_webhook(config, webhook))

    @override
    async def unregister_webhook(self, webhook: Webhook) -> None:
        """The same, without ours."""
        await self._configure(lambda config: without_webhook(config, webhook))

    async def _configure(self, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        """Change the configuration, which has to be sent whole. That restarts the session, so nothing is sent in vain."""
        session = require_object(await self._call("GET", self._own_path()))
        require_text(session, "status")
        config = require_object(session.get("config") or {})
        changed = change(config)
        if changed != config:
            await self._call("PUT", self._own_path(), {"config": changed})

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """Page events, HMAC authentication. The body has a time in it, which is signed with it."""
        check_signature(headers, body, webhook)
        envelopes = parse_events(body)
        for envelope in envelopes:
            check_age(envelope)
        return [news for news in map(self._news, envelopes) if news]

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """Page receive-messages. What is gone there, the server may be able to fetch once more from WhatsApp."""
        told_in, _, url = file.reference.partition(" ")
        content = await self._download(url, limit) if url else None
        if content is None:
            content = await self._download(await self._publish(told_in), limit)
        if content is None:
            raise Refused("the file is gone")
        return content

    async def _download(self, url: str, limit: int) -> bytes | None:
        """Fetch a file; None if it is gone. The server names itself as it takes itself to be: often localhost."""
        path = server_path(url)
        if path is None:
            return await download(self._http, url, limit)
        answer = await self._http.request("WAHA file", "GET", path, limit=limit)
        if answer.status in GONE:
            return None
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer.body

    async def _publish(self, message_id: str) -> str:
        """GET /api/{session}/chats/{chat}/messages/{message}, with its file, and return where that is now."""
        parts = message_id.split("_")
        if len(parts) < 3:
            raise Refused("the file is gone")
        try:
            path = self._message_path(parts[1], message_id)
            message = require_object(await self._call("GET", path, params={"downloadMedia": "true"}))
            return require_text(require_object(message.get("media")), "url")
        except InvalidAnswer:
            raise Refused("the file is gone") from None

    @override
    async def find_number(self, lid: str) -> str | None:
        """GET /api/{session}/lids/{lid}."""
        found = require_object(await self._call("GET", f"api/{self.instance_id}/lids/{quoted(lid)}"))
        if "pn" not in found:
            raise InvalidAnswer("the answer names no number")
        return events.address(found.get("pn")).removesuffix("@c.us") or None

    @override
    async def watch_qr(self) -> AsyncGenerator[QrCode | Session]:
        """Page events: session.status comes again at each new code."""
        valid_for = _FIRST_QR_VALID_FOR
        async with aclosing(self._states()) as states:
            async for state in states:
                if state.is_linked:
                    yield Session(state)
                    return
                if state is SessionState.UNLINKED:
                    yield QrCode(await self._draw_code(), valid_for)
                    valid_for = _QR_VALID_FOR
                # A phone that has just scanned lets the engine start once more.
                elif state is not SessionState.STARTING:
                    return

    @override
    async def get_qr(self) -> QrCode | None:
        """GET /api/{session}/auth/qr as text, which is drawn here."""
        return QrCode(await self._draw_code(), _QR_VALID_FOR, holds_while_offered=True)

    async def _draw_code(self) -> bytes:
        answer = await self._call("GET", f"api/{self.instance_id}/auth/qr", params={"format": "raw"})
        return await self._render(require_text(require_object(answer), "value"))

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """POST /api/{session}/auth/request-code; the session has to wait for a phone already."""
        answer = await self._call("POST", f"api/{self.instance_id}/auth/request-code", {"phoneNumber": phone})
        return PairingCode(require_text(require_object(answer), "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def start(self) -> None:
        """POST /api/sessions/{session}/start."""
        await self._change("start")

    @override
    async def restart(self) -> None:
        """POST /api/sessions/{session}/restart."""
        await self._change("restart")

    @override
    async def logout(self) -> None:
        """POST /api/sessions/{session}/logout."""
        await self._change("logout")

    async def _change(self, verb: str) -> None:
        """Have the session started or the like; the answer is the session."""
        require_text(require_object(await self._call("POST", f"{self._own_path()}/{verb}")), "status")

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """POST /api/sendText. Its chat ids are spelled as ours."""
        body: dict[str, Any] = {"text": text}
        if mentions:
            body["mentions"] = list(mentions)
        if not link_preview:
            body["linkPreview"] = False
        return await self._send("sendText", chat_id, body, reply_to)

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """POST /api/sendImage, sendVideo, sendVoice; anything else, music too, is a file (page send-messages)."""
        method = _SEND_MEDIA.get(media.kind, "sendFile")
        body: dict[str, Any] = {"file": shapes.file_of(media)}
        if media.kind in (MediaKind.VIDEO, MediaKind.VOICE):
            # The server makes of it what phones play.
            body["convert"] = True
        if caption:
            body["caption"] = caption
        return await self._send(method, chat_id, body, reply_to, with_file=True)

    @override
    async def send_location(self, chat_id: str, location: Location, *, reply_to: str = "") -> SentMessage:
        """POST /api/sendLocation; there is one field for the name and the address."""
        title = ", ".join(filter(None, (location.name, location.address)))
        body = {"latitude": location.latitude, "longitude": location.longitude, "title": title}
        return await self._send("sendLocation", chat_id, body, reply_to)

    @override
    async def send_contact(self, chat_id: str, contact: Contact, *, reply_to: str = "") -> SentMessage:
        """POST /api/sendContactVcard."""
        return await self._send("sendContactVcard", chat_id, {"contacts": [shapes.contact_of(contact)]}, reply_to)

    @override
    async def send_poll(self, chat_id: str, poll: Poll, *, reply_to: str = "") -> SentMessage:
        """POST /api/sendPoll."""
        return await self._send("sendPoll", chat_id, {"poll": shapes.poll_of(poll)}, reply_to)

    @override
    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """PUT /api/reaction; the id of a message says in which chat it is."""
        body = {"session": self.instance_id, "messageId": message_id, "reaction": emoji}
        await self._do("PUT", "api/reaction", body)

    @override
    async def edit_message(self, chat_id: str, message_id: str, text: str) -> None:
        """PUT /api/{session}/chats/{chat}/messages/{message}."""
        await self._do("PUT", self._message_path(chat_id, message_id), {"text": text})

    @override
    async def delete_message(self, chat_id: str, message_id: str) -> None:
        """DELETE the same."""
        await self._do("DELETE", self._message_path(chat_id, message_id))

    @override
    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """POST /api/sendSeen; without ids, all that is unread."""
        body: dict[str, Any] = {"session": self.instance_id, "chatId": chat_id}
        if message_id:
            body["messageIds"] = [message_id]
        await self._do("POST", "api/sendSeen", body)

    @override
    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """POST /api/startTyping, stopTyping, and /api/{session}/presence for a voice message."""
        if typing is Typing.RECORDING:
            body = {"chatId": chat_id, "presence": "recording"}
            await self._do("POST", f"api/{self.instance_id}/presence", body)
            return
        method = "startTyping" if typing is Typing.TYPING else "stopTyping"
        await self._do("POST", f"api/{method}", {"session": self.instance_id, "chatId": chat_id})

    @override
    async def check_number(self, phone: str) -> str | None:
        """GET /api/contacts/check-exists."""
        params = {"session": self.instance_id, "phone": phone}
        return shapes.found_chat(await self._call("GET", "api/contacts/check-exists", params=params), phone)

    async def _send(
        self, method: str, chat_id: str, content: Mapping[str, Any], reply_to: str, *, with_file: bool = False
    ) -> SentMessage:
        body = {"session": self.instance_id, "chatId": chat_id, **content}
        if reply_to:
            body["reply_to"] = reply_to
        sent = shapes.message_id(await self._call("POST", f"api/{method}", body, with_file=with_file))
        self._ids.note(sent)
        return SentMessage(sent)

    def _message_path(self, chat_id: str, message_id: str) -> str:
        return self._chats_path(quoted(chat_id), "messages", quoted(message_id))

    @override
    async def list_chats(self) -> list[Chat]:
        """GET /api/{session}/chats/overview: the same shape for all engines."""
        return await shapes.all_chats(self._chats)

    @override
    async def list_instances(self) -> list[Instance]:
        """GET /api/sessions, with those that are stopped."""
        sessions = await self._call("GET", "api/sessions", params={"all": "true"})
        return [self._instance(session) for session in shapes.objects_in(sessions)]

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """POST /api/sessions. The name stands in addresses, so it is put into letters that need no escaping."""
        body = {"name": _session_name(name), "start": True, "config": _CONFIG}
        return self._instance(require_object(await self._call("POST", "api/sessions", body)))

    @override
    async def get_version(self) -> ServerVersion:
        """GET /api/server/version."""
        answer = require_object(await self._call("GET", "api/server/version"))
        is_free = answer.get("tier") == "CORE"
        return ServerVersion(require_version(answer), _NEEDED_CORE_VERSION if is_free else "")

    def _instance(self, session: dict[str, Any]) -> Instance:
        name = require_text(session, "name")
        owner = shapes.dig(session, ("me", "pushName"))
        label = f"{name} ({owner})" if owner else name
        return Instance(name, label, self._session_state(require_text(session, "status")))

    def _own_path(self) -> str:
        return f"api/sessions/{self.instance_id}"

    async def _states(self) -> AsyncGenerator[SessionState]:
        """Yield the state of the session as it is, and then each that is told on the websocket.

        A frame that makes no sense ends it.
        """
        async with self._websocket((events.STATUS_EVENT,)) as frames, aclosing(frames):
            yield (await self.get_session()).state
            async for frame in frames:
                envelope = require_object(frame)
                if envelope.get("event") == events.STATUS_EVENT and envelope.get("session") == self.instance_id:
                    yield self._session_state(events.status_in(envelope))

    def _websocket(
        self, names: Sequence[str], *, lenient: bool = False
    ) -> AbstractAsyncContextManager[AsyncGenerator[Any]]:
        """Page events: the key is documented in the query only."""
        params = MultiDict([("session", self.instance_id), *(("events", name) for name in names)])
        if "token" in self._credentials:
            params["x-api-key"] = self._credentials["token"]
        return self._http.websocket("WAHA ws", "ws", params, lenient=lenient)

    async def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        *,
        with_file: bool = False,
        is_list: bool = False,
    ) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        return (await self._request(verb, path, body, params, with_file=with_file, is_list=is_list)).json()

    async def _do(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Call a method whose answer is a matter of the engine and may be empty. Raises GatewayError."""
        answer = await self._request(verb, path, body)
        if answer.body.strip():
            answer.json()

    async def _request(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        *,
        with_file: bool = False,
        is_list: bool = False,
    ) -> Answer:
        answer = await self._http.request(
            f"WAHA {verb}", verb, path, json_body=body, params=params, with_file=with_file, is_list=is_list
        )
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer means: the frame of all errors is NestJS's, the words are WAHA's."""
        body = answer.object_or_empty()
        words = _words(body)
        if state := shapes.state_in(body, words):
            return WrongState(self._session_state(state))
        if answer.status == 404 and "didn't find a session" in words:
            return WrongState(SessionState.STOPPED)
        if answer.status == 404 and "Session not found" in words:
            return InstanceNotFound("the gateway knows no such session")
        if answer.status == 403 and body:
            return Refused("the API key may not do this")
        # The server's own words for what failed inside; without them it is something before it that failed.
        if answer.status == 500 and words:
            return Refused(self._http.redact(words, answer))
        return error_for_status(answer.status, reason=self._http.redact(words, answer), retry_after=answer.retry_after)


def _with_message(event: Event) -> Event:
    """Have a file name the message that it is in as well: a file is kept for minutes, a message for longer."""
    if event.file is None:
        return event
    return replace(event, file=replace(event.file, reference=f"{event.message_id} {event.file.reference}"))


def _words(body: Mapping[str, Any]) -> str:
    """Return what the body of an error says; class-validator says it in a list, a failure inside in `exception`."""
    message = body.get("message") or shapes.dig(body, ("exception", "message")) or body.get("error")
    return "; ".join(map(str, message)) if isinstance(message, list) else str(message or "")


def _session_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "home_assistant"
