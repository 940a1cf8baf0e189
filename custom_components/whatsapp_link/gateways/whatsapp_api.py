"""WhatsApp API server (whatsapp-mcp-api): one account on a server of one's own, without any authentication.

Facts are from the server's source and documentation (github.com/jihvijhojhviihogyuvi/whatsapp-api).
"""

from collections.abc import Mapping
import re
from typing import Any, ClassVar, override

from .errors import GatewayError, InvalidAnswer, Refused, Unsupported, WrongState
from .gateway import Capability, Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, PairingCode, QrCode, SentMessage, Session, SessionState
from .qr_code import decode_png

_PICTURE = re.compile(rb'src="(data:image/png;base64,[A-Za-z0-9+/=]+)"')
# The page renews itself every five seconds and so do we; a code that is on it still holds.
_QR_VALID_FOR = 15.0
# The library renews a pairing code after 180 seconds without telling the new one.
_PAIRING_CODE_VALID_FOR = 170.0
# Starting waits for the browser behind the server.
_START_TIMEOUT = 120.0


class WhatsAppApi(Gateway):
    """The account of one server."""

    key: ClassVar[str] = "whatsapp_api"
    name: ClassVar[str] = "WhatsApp API server"
    default_base_url: ClassVar[str] = "http://127.0.0.1:8790"
    credentials: ClassVar[tuple[Credential, ...]] = ()
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.REQUEST_PAIRING_CODE,
            Capability.START,
            Capability.LOGOUT,
            Capability.SEND_TEXT,
            Capability.LIST_CHATS,
        }
    )
    states: ClassVar[Mapping[str, SessionState]] = {
        "stopped": SessionState.STOPPED,
        "starting": SessionState.STARTING,
        "qr": SessionState.UNLINKED,
        # Scanned, but not ready; a picture of the old code may still be there.
        "authenticated": SessionState.STARTING,
        "ready": SessionState.LINKED,
        "auth_failure": SessionState.FAILED,
        "disconnected": SessionState.FAILED,
    }
    pace: ClassVar[Pace] = Pace(linked=30, pairing=5)

    @property
    @override
    def instance_id(self) -> str:
        """The server's address: there is one account on each."""
        return self._http.place

    @override
    async def get_session(self) -> Session:
        """GET /api/status."""
        status = require_object(await self._call("GET", "api/status"))
        return Session(self._session_state(require_text(status, "state")))

    @override
    async def get_qr(self) -> QrCode | None:
        """GET /qr: a page with the picture in it, or without one."""
        answer = await self._http.request("WhatsApp API server /qr", "GET", "qr")
        if answer.status != 200:
            raise self._error(answer)
        if picture := _PICTURE.search(answer.body):
            return QrCode(decode_png(picture[1].decode()), _QR_VALID_FOR, holds_while_offered=True)
        if b"No QR is available" in answer.body:
            return None
        raise InvalidAnswer("the page is not the one with the code")

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """POST /api/pairing-code; it starts the session by itself."""
        answer = require_object(
            await self._call("POST", "api/pairing-code", {"phone_number": phone}, timeout=_START_TIMEOUT)
        )
        if answer.get("already_authenticated"):
            raise WrongState(SessionState.LINKED)
        return PairingCode(require_text(answer, "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def start(self) -> None:
        """POST /api/auth/start. A session that failed is kept and would not start again: it is logged out first."""
        if (await self.get_session()).state is SessionState.FAILED:
            await self.logout()
        require_object(await self._call("POST", "api/auth/start", {}, timeout=_START_TIMEOUT))

    @override
    async def logout(self) -> None:
        """POST /api/logout."""
        require_object(await self._call("POST", "api/logout", {}))

    @override
    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """POST /api/send, to people only. A session that is not ready would let it wait for two minutes."""
        digits, _, server = chat_id.partition("@")
        if server != "c.us":
            raise Unsupported("it writes to people only")
        await self._require_ready()
        answer = require_object(await self._call("POST", "api/send", {"phone_number": digits, "message": text}))
        return SentMessage(require_text(answer, "message_id"))

    @override
    async def list_chats(self) -> list[Chat]:
        """GET /api/chats: at most 100."""
        await self._require_ready()
        chats = require_object(await self._call("GET", "api/chats", params={"limit": "100"})).get("chats")
        if not isinstance(chats, list):
            raise InvalidAnswer("the answer lists no chats")
        return [_chat(require_object(chat)) for chat in chats]

    async def _require_ready(self) -> None:
        session = await self.get_session()
        if not session.state.is_linked:
            raise WrongState(session.state)

    async def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        answer = await self._http.request(
            f"WhatsApp API server {path}", verb, path, json_body=body, params=params, timeout=timeout
        )
        if answer.status != 200:
            raise self._error(answer)
        content = answer.json()
        if isinstance(content, dict) and content.get("error"):
            raise self._error(answer)
        return content

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer means. Nearly everything is HTTP 500 here, also what the caller did wrong."""
        error = answer.object_or_empty().get("error")
        words = error.get("message") if isinstance(error, dict) else None
        if not isinstance(words, str) or answer.status not in (200, 400, 500):
            return error_for_status(answer.status, retry_after=answer.retry_after)
        if "not ready" in words:
            return WrongState(SessionState.UNLINKED)
        return Refused(self._http.redact(words))


def _chat(chat: Mapping[str, Any]) -> Chat:
    return Chat(require_text(chat, "id"), str(chat.get("name") or ""), bool(chat.get("is_group")))
