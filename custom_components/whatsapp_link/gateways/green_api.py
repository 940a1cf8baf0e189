"""GREEN-API (green-api.com): a hosted gateway; the token rides in the path of every request.

Facts are from the vendor's documentation at green-api.com/en/docs/api; the page is named at each.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
import re
from typing import Any, ClassVar, override

from .errors import GatewayError, InstanceNotFound, InvalidAnswer, QuotaExceeded, Refused, WrongState
from .gateway import Capability, Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, PairingCode, QrCode, SentMessage, Session, SessionState
from .qr_code import decode_png

# Page QR: the code is renewed every 20 seconds.
_QR_VALID_FOR = 20.0
# Page GetAuthorizationCode: about 2.5 minutes.
_PAIRING_CODE_VALID_FOR = 150.0


class GreenApi(Gateway):
    """An instance on GREEN-API."""

    key: ClassVar[str] = "green_api"
    name: ClassVar[str] = "GREEN-API"
    default_base_url: ClassVar[str] = "https://api.green-api.com"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("instance_id", secret=False, pattern=re.compile(r"[0-9]{1,20}")),
        Credential("token", secret=True, pattern=re.compile(r"[0-9A-Za-z]{16,128}")),
    )
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.WATCH_QR,
            Capability.REQUEST_PAIRING_CODE,
            Capability.RESTART,
            Capability.LOGOUT,
            Capability.SEND_TEXT,
            Capability.LIST_CHATS,
        }
    )
    # Page GetStateInstance. sleepMode is no longer used by the vendor: it meant a phone that is linked but off.
    states: ClassVar[Mapping[str, SessionState]] = {
        "authorized": SessionState.LINKED,
        "blocked": SessionState.BLOCKED,
        "notAuthorized": SessionState.UNLINKED,
        "sleepMode": SessionState.LINKED,
        "starting": SessionState.STARTING,
        "yellowCard": SessionState.LIMITED,
    }
    # Page GetStateInstance advises once a minute; page Rate limiter allows it once a second.
    pace: ClassVar[Pace] = Pace(linked=60, pairing=2)

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["instance_id"]

    @override
    async def get_session(self) -> Session:
        """Page GetStateInstance."""
        answer = await self._call("GET", "getStateInstance")
        return Session(self._session_state(require_text(answer, "stateInstance")))

    @override
    async def get_qr(self) -> QrCode | None:
        """Page QR: `type` is qrCode, alreadyLogged or error."""
        frame = _PairingFrame(await self._call("GET", "qr"))
        if frame.kind == "alreadyLogged":
            raise WrongState(SessionState.LINKED)
        return frame.qr_code()

    @override
    async def watch_qr(self) -> AsyncGenerator[QrCode | Session]:
        """Page scanqrcode: a frame at each new code, at last accountData; a window is 100 seconds long."""
        async with (
            self._http.websocket("GREEN-API scanqrcode", self._path("scanqrcode")) as (frames),
            aclosing(frames),
        ):
            async for content in frames:
                frame = _PairingFrame(content)
                if frame.kind in ("accountData", "alreadyLogged"):
                    yield Session(SessionState.LINKED)
                    return
                # "timeoutExpired" in the documentation, "timeout" in the vendor's own web client.
                if frame.kind in ("timeoutExpired", "timeout"):
                    return
                if code := frame.qr_code():
                    yield code

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """Page GetAuthorizationCode: the number is an integer without `+`."""
        answer = await self._call("POST", "getAuthorizationCode", {"phoneNumber": int(phone)})
        return PairingCode(require_text(answer, "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def restart(self) -> None:
        """Page Reboot."""
        if (await self._call("GET", "reboot")).get("isReboot") is False:
            raise Refused("it did not restart")

    @override
    async def logout(self) -> None:
        """Page Logout."""
        if (await self._call("GET", "logout")).get("isLogout") is False:
            raise Refused("it did not log out")

    @override
    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """Page SendMessage. Its chat ids are spelled as ours."""
        answer = await self._call("POST", "sendMessage", {"chatId": chat_id, "message": text})
        return SentMessage(require_text(answer, "idMessage"))

    @override
    async def list_chats(self) -> list[Chat]:
        """Page GetContacts: `type` is user or group."""
        answer = await self._request("GET", "getContacts")
        if not isinstance(answer, list):
            raise InvalidAnswer("the answer is not a list of contacts")
        return [_chat(require_object(contact)) for contact in answer]

    def _path(self, method: str) -> str:
        credentials = self._credentials
        return f"waInstance{credentials['instance_id']}/{method}/{credentials['token']}"

    async def _call(self, verb: str, method: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call one method and return the object it answers with. Raises GatewayError."""
        return require_object(await self._request(verb, method, body))

    async def _request(self, verb: str, method: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = await self._http.request(f"GREEN-API {method}", verb, self._path(method), json_body=body)
        if answer.status != 200:
            raise self._error(answer)
        content = answer.json()
        # Page Common errors: some methods tell a failure inside HTTP 200.
        if isinstance(content, dict) and content.get("status") is False:
            raise self._error_for_words(str(content.get("reason", "")))
        return content

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer other than 200 means (page Common errors).

        The body may be JSON, HTML, plain text or nothing: 401 was seen empty, 403 and 502 are pages of a proxy.
        """
        body = answer.object_or_empty()
        if answer.status in (466, 469):
            return QuotaExceeded(self._http.redact(_quota_words(body)))
        words = body.get("message")
        if not isinstance(words, str):
            return error_for_status(answer.status, retry_after=answer.retry_after)
        if answer.status == 400:
            return self._error_for_words(words)
        # A 403 in JSON is said by the gateway itself and not by the proxy before it: the account is suspended.
        # Two of its 500 are no faults but refusals: "request entity too large" and "exceeded max upload size".
        if answer.status == 403 or (answer.status == 500 and re.search("too large|exceeded", words)):
            return Refused(self._http.redact(words))
        return error_for_status(answer.status, retry_after=answer.retry_after)

    def _error_for_words(self, words: str) -> GatewayError:
        """Return what the words of a 400 mean (page Common errors)."""
        lowered = words.lower()
        if "in starting process" in lowered:
            return WrongState(SessionState.STARTING)
        if "starting or not authorized" in lowered:
            return WrongState(SessionState.UNLINKED)
        if "account is expired" in lowered:
            return QuotaExceeded("the instance is not paid for any more")
        if "instance is deleted" in lowered:
            return InstanceNotFound("the instance is deleted")
        return Refused(self._http.redact(words) or "no reason given")


class _PairingFrame:
    """What qr answers and scanqrcode pushes: `{"type": …, "message": …}`."""

    def __init__(self, content: Any) -> None:
        frame = require_object(content)
        self.kind = require_text(frame, "type")
        self._message = frame.get("message")

    def qr_code(self) -> QrCode | None:
        """Return the code in it; None while there is none. Raises WrongState when none will come."""
        if self.kind == "qrCode" and isinstance(self._message, str):
            return QrCode(decode_png(self._message), _QR_VALID_FOR)
        if self.kind == "error" and "log out" in str(self._message).lower():
            # Page QR: there is an old link that is of no use any more; a logout clears it.
            raise WrongState(SessionState.FAILED)
        return None


def _chat(contact: Mapping[str, Any]) -> Chat:
    name = contact.get("contactName") or contact.get("name") or ""
    return Chat(require_text(contact, "id"), str(name), contact.get("type") == "group")


def _quota_words(body: Mapping[str, Any]) -> str:
    """Return the description of a 466: it stands in the part whose quota is used up."""
    for part in ("correspondentsStatus", "invokeStatus"):
        status = body.get(part)
        if isinstance(status, dict) and isinstance(status.get("description"), str):
            return str(status["description"])
    return "the quota of the account is used up"
