"""Wawp (wawp.net): a hosted service that speaks a dialect of WAHA.

Facts are from the vendor's documentation at api.wawp.net/en/docs/v2; the page is named at each. The token travels
in the body of a POST, as the vendor advises, and never in an address.
"""

from collections.abc import Mapping
import re
from typing import Any, ClassVar, override

from . import waha
from .errors import GatewayError, InstanceNotFound, InvalidCredentials, QuotaExceeded, Refused, WrongState
from .gateway import Capability, Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, Instance, PairingCode, QrCode, SentMessage, Session, SessionState

# Page auth/qr-image: after a 422 the service stops and starts the session by itself; ask again in 15 seconds.
RECOVERY = 15.0
# The page auth/request-code names no time; WhatsApp gives about three minutes.
_PAIRING_CODE_VALID_FOR = 150.0


class Wawp(Gateway):
    """An instance on Wawp."""

    key: ClassVar[str] = "wawp"
    name: ClassVar[str] = "Wawp"
    default_base_url: ClassVar[str] = "https://api.wawp.net"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("token", secret=True, pattern=re.compile(r"[\w.~+/=-]{6,256}", re.ASCII)),
        Credential("instance_id", secret=False, pattern=re.compile(r"[0-9A-Za-z]{6,64}")),
    )
    instance_key: ClassVar[str] = "instance_id"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.REQUEST_PAIRING_CODE,
            Capability.START,
            Capability.RESTART,
            Capability.LOGOUT,
            Capability.SEND_TEXT,
            Capability.LIST_CHATS,
            Capability.CREATE_INSTANCE,
        }
    )
    states: ClassVar[Mapping[str, SessionState]] = waha.STATES
    # Pages session/info (every 3 to 5 seconds while pairing) and auth/qr-image (a code every 5 to 10 seconds).
    pace: ClassVar[Pace] = Pace(linked=60, pairing=4, code=8)

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["instance_id"]

    @override
    async def get_session(self) -> Session:
        """Page session/info. A session that was dropped has to be paired anew."""
        try:
            answer = require_object(await self._call("session/info"))
        except WrongState as error:
            if error.state is not SessionState.UNLINKED:
                raise
            return Session(error.state)
        return Session(self._session_state(require_text(answer, "status")))

    @override
    async def get_qr(self) -> QrCode | None:
        """Page auth/qr: the raw text, which is drawn here."""
        text, valid_for = waha.raw_code(await self._call("auth/qr", {"format": "raw"}))
        return QrCode(await self._render(text), valid_for, holds_while_offered=True)

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """Page auth/request-code."""
        answer = require_object(await self._call("auth/request-code", {"phone_number": phone}))
        return PairingCode(require_text(answer, "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def start(self) -> None:
        """Page session/start."""
        require_object(await self._call("session/start"))

    @override
    async def restart(self) -> None:
        """Page session/restart."""
        require_object(await self._call("session/restart"))

    @override
    async def logout(self) -> None:
        """Page session/logout."""
        require_object(await self._call("session/logout"))

    @override
    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """Page send/text: the field is `message`. Its chat ids are spelled as ours."""
        return SentMessage(waha.message_id(await self._call("send/text", {"chatId": chat_id, "message": text})))

    @override
    async def list_chats(self) -> list[Chat]:
        """Page chats."""
        return waha.chats(await self._call("chats", {"limit": 100}))

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """Page session/create: takes neither name nor number, and does not start."""
        answer = require_object(await self._call("session/create"))
        return Instance(require_text(answer, "instance_id"), name, SessionState.STOPPED)

    async def _call(self, method: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        answer = await self._http.request(
            f"Wawp {method}", "POST", f"v2/{method}", json_body=self._access() | dict(body or {})
        )
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        content = answer.json()
        if _is_error(content):
            raise self._error(answer)
        return content

    def _access(self) -> dict[str, str]:
        access = {"access_token": self._credentials["token"]}
        if "instance_id" in self._credentials:
            access["instance_id"] = self._credentials["instance_id"]
        return access

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer means: the status, or the `code` that may come with any status, also 200."""
        body = answer.object_or_empty()
        code = str(body.get("code", ""))
        reason = self._http.redact(str(body.get("message") or body.get("error") or code))
        if answer.status == 422:
            return WrongState(SessionState.STARTING, retry_after=RECOVERY)
        if code == "invalid_session":
            return WrongState(SessionState.UNLINKED)
        if code in ("quota_reached", "subscription_required"):
            return QuotaExceeded(reason)
        if code == "invalid_access_token":
            return InvalidCredentials("the gateway refused the credentials")
        if code in ("invalid_instance", "server_not_found") or (answer.status == 404 and body):
            return InstanceNotFound("the gateway knows no such instance")
        if answer.status < 300:
            return Refused(reason)
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _is_error(content: Any) -> bool:
    """Whether an answer with a good status tells a failure. A `code` alone is a pairing code."""
    return isinstance(content, dict) and (
        content.get("success") is False or "error" in content or {"code", "message"} <= set(content)
    )
