"""Wasend (wasend.dev): a hosted service built on WAHA, with paths and words of its own.

Facts are from the vendor's documentation (wasend.dev/docs) and from its own client library, where the two agree;
where they do not, both ways are tried.
"""

from collections.abc import Mapping
import re
from typing import Any, ClassVar, override

from . import waha
from .errors import GatewayError, InstanceNotFound, InvalidAnswer, Unsupported, WrongState
from .gateway import Capability, Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, Instance, QrCode, SentMessage, Session, SessionState
from .qr_code import decode_png

# The client library asks at the first, the documentation at the second.
_QR_PATHS = ("auth/qr", "qr")
# How WhatsApp's own text begins, as in `2@…`: a version and an at sign, which base64 does not have.
_TEXT_OF_CODE = re.compile(r"\d+@")
# "Valid for a limited time" is all that the page says. It is asked for every 15 seconds and has to last until then.
_QR_VALID_FOR = 25.0


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
            Capability.LIST_CHATS,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
        }
    )
    # The words of the library's README and of the engine underneath. The page on the QR code says that there is one
    # while a session is starting.
    states: ClassVar[Mapping[str, SessionState]] = {
        **waha.STATES,
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
        require_object(await self._call("POST", f"{self._own_path()}/start"))

    @override
    async def restart(self) -> None:
        """POST /sessions/{id}/restart."""
        require_object(await self._call("POST", f"{self._own_path()}/restart"))

    @override
    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """POST /sendText: people are named by their number with `+`, groups by their id."""
        body = {"session": self.instance_id, "to": _address(chat_id), "text": text}
        return SentMessage(waha.message_id(await self._call("POST", "sendText", body)))

    @override
    async def list_chats(self) -> list[Chat]:
        """GET /{session}/chats."""
        return waha.chats(await self._call("GET", f"{self.instance_id}/chats", params={"limit": "100", "offset": "0"}))

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
    ) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        return self._checked(await self._http.request(f"Wasend {verb}", verb, path, json_body=body, params=params))

    def _checked(self, answer: Answer) -> Any:
        """Return what is in an answer, or raise what it means."""
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        content = answer.json()
        if isinstance(content, dict) and content.get("success") is False:
            raise self._error(answer)
        return content

    def _error(self, answer: Answer) -> GatewayError:
        body = answer.object_or_empty()
        if answer.status == 404 and body:
            return InstanceNotFound("the gateway knows no such session")
        # Page on the QR code: 409 is a session that is connected already; the engine's 422 is one that is not so far.
        if answer.status == 409:
            return WrongState(SessionState.LINKED)
        if answer.status == 422:
            return WrongState(SessionState.STARTING)
        reason = self._http.redact(str(body.get("message") or body.get("error") or ""))
        if answer.status < 300:
            return error_for_status(400, reason=reason)
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _address(chat_id: str) -> str:
    digits, _, server = chat_id.partition("@")
    if server == "c.us":
        return f"+{digits}"
    if server == "g.us":
        return chat_id
    raise Unsupported("it writes to people and groups only")
