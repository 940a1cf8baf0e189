"""Wasend (wasend.dev): a hosted service built on WAHA, with paths and words of its own.

Facts are from the vendor's documentation (wasend.dev/docs) and from its own client library, where the two agree;
where they do not, both ways are tried.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cached_property
import re
from typing import Any, ClassVar, override

from . import waha_shapes as shapes
from .capability import Capability, Feature, Way
from .downloads import GONE, download, own_path
from .errors import GatewayError, InstanceNotFound, InvalidAnswer, Refused, WrongState
from .events import Event, ReceivedFile
from .gateway import Credential, Gateway, Pace
from .http import Answer, error_for_status, quoted, require_object, require_text
from .model import Chat, Instance, Media, MediaKind, QrCode, SentMessage, Session, SessionState, Typing
from .qr_code import decode_png
from .waha_contents import object_in
from .waha_events import MessageIds
from .waha_polling import Lookout
from .wasend_events import as_waha

# The client library asks at the first, the documentation at the second.
_QR_PATHS = ("auth/qr", "qr")
# How WhatsApp's own text begins, as in `2@…`: a version and an at sign, which base64 does not have.
_TEXT_OF_CODE = re.compile(r"\d+@")
# "Valid for a limited time" is all that the page says. It is asked for every 15 seconds and has to last until then.
_QR_VALID_FOR = 25.0
_SEND_MEDIA = {MediaKind.IMAGE: "sendImage", MediaKind.VIDEO: "sendVideo", MediaKind.VOICE: "sendVoice"}


class Wasend(Gateway):
    """A session on Wasend."""

    key: ClassVar[str] = "wasend"
    name: ClassVar[str] = "Wasend"
    default_base_url: ClassVar[str] = "https://api.wasend.dev"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("token", secret=True, pattern=re.compile(r"[\w.~+/=-]{6,256}", re.ASCII)),
        Credential("session_id", secret=False, pattern=re.compile(r"[\w-]{1,128}", re.ASCII)),
    )
    instance_key: ClassVar[str] = "session_id"
    create_fields: ClassVar[tuple[str, ...]] = ("name", "phone")
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.START,
            Capability.RESTART,
            Capability.SEND_TEXT,
            Capability.SEND_MEDIA,
            Capability.SEND_REACTION,
            Capability.MARK_READ,
            Capability.SEND_TYPING,
            Capability.CHECK_NUMBER,
            Capability.LIST_CHATS,
            Capability.LISTEN,
            Capability.FETCH_FILE,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
        }
    )
    features: ClassVar[frozenset[Feature]] = frozenset({Feature.GROUPS, Feature.REPLY, Feature.VOICE, Feature.PAUSED})
    # An address to be called can only be given when a session is made, and nobody says what it is told then.
    ways: ClassVar[tuple[Way, ...]] = (Way.POLLING,)
    # The words of the library's README and of the engine underneath. The page on the QR code says that there is one
    # while a session is starting.
    states: ClassVar[Mapping[str, SessionState]] = {
        **shapes.STATES,
        "CREATED": SessionState.STOPPED,
        "STARTING": SessionState.UNLINKED,
        "QR_REQUIRED": SessionState.UNLINKED,
        "CONNECTED": SessionState.LINKED,
        "ERROR": SessionState.FAILED,
    }
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5, code=15)

    _qr_path: str | None = None

    @override
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials['token']}"}

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["session_id"]

    @override
    async def get_session(self) -> Session:
        """GET /sessions/{id}."""
        return Session(self._state_of(await self._call("GET", self._own_path())))

    @override
    async def get_qr(self) -> QrCode | None:
        """GET …/auth/qr or …/qr: a picture in base64, with or without prefix, or the text of the code."""
        for path in (self._qr_path,) if self._qr_path else _QR_PATHS:
            answer = await self._http.request("Wasend qr", "GET", f"{self._own_path()}/{path}")
            if answer.status == 404:
                continue
            content = require_object(self._checked(answer))
            self._qr_path = path
            return await self._qr_code(content.get("data") or content.get("qrCode"))
        raise InstanceNotFound("the gateway knows no such session")

    async def _qr_code(self, code: Any) -> QrCode:
        if not isinstance(code, str) or not code:
            raise InvalidAnswer("the answer holds no code")
        png = await self._render(code) if _TEXT_OF_CODE.match(code) else decode_png(code)
        return QrCode(png, _QR_VALID_FOR, holds_while_offered=True)

    @override
    async def start(self) -> None:
        """POST /sessions/{id}/start."""
        await self._do("POST", f"{self._own_path()}/start")

    @override
    async def restart(self) -> None:
        """POST /sessions/{id}/restart."""
        await self._do("POST", f"{self._own_path()}/restart")

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """POST /sendText: people are named by their number with `+`, groups by their id."""
        self._require(chat_id, mentions=mentions, link_preview=link_preview)
        return await self._send("sendText", chat_id, {"text": text}, reply_to)

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """POST /sendImage, sendVideo, sendVoice; anything else is a file, which has no caption."""
        has_words = caption and media.kind is MediaKind.DOCUMENT
        # There is nothing to ask for it with.
        converts = media.kind is MediaKind.VOICE and not media.mime_type.startswith("audio/ogg")
        self._require(
            chat_id,
            *([Feature.DOCUMENT_CAPTION] if has_words else []),
            *([Feature.VOICE_CONVERSION] if converts else []),
        )
        content: dict[str, Any] = {"data": media.content}
        method = _SEND_MEDIA.get(media.kind, "sendFile")
        if method == "sendFile":
            content |= {"fileName": media.file_name, "mimeType": media.mime_type}
        elif caption:
            content["caption"] = caption
        return await self._send(method, chat_id, content, reply_to, with_file=True)

    @override
    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """PUT /reaction; the id of a message says in which chat it is."""
        self._require(chat_id)
        body = {"session": self.instance_id, "messageId": message_id, "reaction": emoji}
        await self._do("PUT", "reaction", body)

    @override
    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """POST /sendSeen, of one message."""
        self._require(chat_id, *([] if message_id else [Feature.READ_CHAT]))
        await self._do("POST", "sendSeen", self._to(chat_id) | {"messageId": message_id})

    @override
    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """POST /startTyping, stopTyping."""
        self._require(chat_id, *([Feature.RECORDING] if typing is Typing.RECORDING else []))
        method = "startTyping" if typing is Typing.TYPING else "stopTyping"
        await self._do("POST", method, self._to(chat_id))

    @override
    async def check_number(self, phone: str) -> str | None:
        """GET /contacts/check-exists, without `+`."""
        params = {"session": self.instance_id, "phone": phone}
        return shapes.found_chat(await self._call("GET", "contacts/check-exists", params=params), phone)

    async def _send(
        self, method: str, chat_id: str, content: Mapping[str, Any], reply_to: str, *, with_file: bool = False
    ) -> SentMessage:
        body = self._to(chat_id) | dict(content) | ({"replyTo": reply_to} if reply_to else {})
        sent = shapes.message_id(await self._call("POST", method, body, with_file=with_file))
        self._ids.note(sent)
        return SentMessage(sent)

    def _to(self, chat_id: str) -> dict[str, Any]:
        digits, _, server = chat_id.partition("@")
        return {"session": self.instance_id, "to": f"+{digits}" if server == "c.us" else chat_id}

    @override
    async def list_chats(self) -> list[Chat]:
        """GET /{session}/chats."""

        async def ask(limit: int, offset: int) -> Any:
            params = {"limit": str(limit), "offset": str(offset)}
            return await self._call("GET", f"{self.instance_id}/chats", params=params, is_list=True)

        return await shapes.all_chats(ask)

    @cached_property
    def _ids(self) -> MessageIds:
        return MessageIds()

    @cached_property
    def _lookout(self) -> Lookout:
        return Lookout(self._ids, self._chats, self._messages)

    @override
    def listen(self) -> AsyncGenerator[Session | Event]:
        """GET /{session}/chats/overview and …/chats/{chat}/messages. Nobody can tell what was typed on the phone."""
        return self._lookout.watch()

    async def _chats(self) -> Any:
        params = {"limit": "100", "offset": "0"}
        chats = await self._call("GET", f"{self.instance_id}/chats/overview", params=params, is_list=True)
        return [{**chat, "lastMessage": as_waha(object_in(chat, "lastMessage"))} for chat in shapes.objects_in(chats)]

    async def _messages(self, chat_id: str, since: float, limit: int, offset: int) -> Any:
        params = {
            "limit": str(limit),
            "offset": str(offset),
            "downloadMedia": "true",
            "filter.timestamp.gte": str(int(since)),
        }
        path = f"{self.instance_id}/chats/{quoted(chat_id)}/messages"
        messages = await self._call("GET", path, params=params, is_list=True)
        return [as_waha(message) for message in shapes.objects_in(messages)]

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """GET the address, with the key only where the service has the file itself."""
        path = own_path(self._http, file.reference)
        if path is None:
            content = await download(self._http, file.reference, limit)
        else:
            answer = await self._http.request("Wasend file", "GET", path, limit=limit)
            content = None if answer.status in GONE else self._accepted(answer).body
        if content is None:
            raise Refused("the file is gone")
        return content

    @override
    async def list_instances(self) -> list[Instance]:
        """GET /sessions: in each item the session and, with the library, what the engine says of it."""
        items = require_object(await self._call("GET", "sessions")).get("sessions")
        if not isinstance(items, list):
            raise InvalidAnswer("the answer lists no sessions")
        return [self._instance(require_object(item)) for item in items]

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """POST /sessions; it is not started by that."""
        body = {"sessionName": name, "phoneNumber": f"+{phone}"}
        return self._instance(require_object(await self._call("POST", "sessions", body)))

    def _instance(self, item: dict[str, Any]) -> Instance:
        session = require_object(item.get("session", item))
        name = session.get("sessionName") or ""
        return Instance(require_text(session, "uniqueSessionId"), str(name), self._state_of(item))

    def _state_of(self, item: Any) -> SessionState:
        """Return the state: what the engine says comes before what the service says."""
        found = require_object(item)
        for part in (found.get("downstream"), found, found.get("session")):
            if isinstance(part, dict) and isinstance(part.get("status"), str):
                return self._session_state(part["status"].upper())
        raise InvalidAnswer("the answer has no status")

    def _own_path(self) -> str:
        return f"sessions/{self.instance_id}"

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
        answer = await self._http.request(
            f"Wasend {verb}", verb, path, json_body=body, params=params, with_file=with_file, is_list=is_list
        )
        return self._checked(answer)

    async def _do(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Call a method of whose answer nothing is needed; it may be empty. Raises GatewayError."""
        answer = self._accepted(await self._http.request(f"Wasend {verb}", verb, path, json_body=body))
        if answer.body.strip():
            self._checked(answer)

    def _accepted(self, answer: Answer) -> Answer:
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer

    def _checked(self, answer: Answer) -> Any:
        """Return what is in an answer, or raise what it means."""
        content = self._accepted(answer).json()
        if isinstance(content, dict) and content.get("success") is False:
            raise self._error(answer)
        return content

    def _error(self, answer: Answer) -> GatewayError:
        body = answer.object_or_empty()
        if answer.status == 404 and body:
            return InstanceNotFound("the gateway knows no such session")
        # Page on the QR code: 409 is a session that is connected already.
        if answer.status == 409:
            return WrongState(SessionState.LINKED)
        words = str(body.get("message") or body.get("error") or "")
        # The engine's own: the session is in a state in which it cannot do this.
        if answer.status == 422 and (state := shapes.state_in(body, words)):
            return WrongState(self._session_state(state.upper()))
        # The same, of which only the words were passed on.
        if answer.status == 422 and "not as expected" in words:
            return WrongState(SessionState.UNKNOWN)
        reason = self._http.redact(words, answer)
        if answer.status < 300:
            return error_for_status(400, reason=reason)
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)
