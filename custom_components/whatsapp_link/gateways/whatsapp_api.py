"""WhatsApp API server (whatsapp-mcp-api): one account on a server of one's own, without any authentication.

Facts are from the server's source and documentation (github.com/jihvijhojhviihogyuvi/whatsapp-api).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
import re
from typing import Any, ClassVar, override

from aiohttp import ClientSession

from .address import account_number
from .capability import Capability, Feature, Way
from .errors import GatewayError, InvalidAnswer, Refused, WrongState
from .events import Event
from .gateway import Credential, Gateway, Pace
from .http import Answer, Http, error_for_status, parse_base_url, require_object, require_text
from .model import Chat, Ending, Link, PairingCode, QrCode, SentMessage, Session, SessionState
from .polling import each_readable
from .qr_code import decode_png
from .whatsapp_api_events import Bookmarks, ListedChat

_PICTURE = re.compile(rb'src="(data:image/png;base64,[A-Za-z0-9+/=]+)"')
# The page renews itself every five seconds and so do we; a code that is on it still holds.
_QR_VALID_FOR = 15.0
# The library renews a pairing code after 180 seconds without telling the new one.
_PAIRING_CODE_VALID_FOR = 170.0
# Starting waits for the browser behind the server.
_START_TIMEOUT = 120.0
# Seconds between two looks for new messages: with `pace.linked`, it makes 112 requests an hour.
_POLL_INTERVAL = 70.0
# How many chats a look takes in, and how many messages of a chat in which something is new.
_POLLED_CHATS = 50
_POLLED_MESSAGES = 50
# What the library behind the server says when it was disconnected; there are more words.
_ENDINGS = {"LOGOUT": Ending.LOGGED_OUT, "UNPAIRED": Ending.LOGGED_OUT, "CONFLICT": Ending.REPLACED}


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
            Capability.LISTEN,
        }
    )
    features: ClassVar[frozenset[Feature]] = frozenset()
    ways: ClassVar[tuple[Way, ...]] = (Way.POLLING,)
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
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5)

    def __init__(self, session: ClientSession, base_url: str, credentials: Mapping[str, str]) -> None:
        """Begin without having looked for messages."""
        super().__init__(session, base_url, credentials)
        self._bookmarks = Bookmarks()

    @property
    @override
    def instance_id(self) -> str:
        """The server: there is one account on each."""
        return self.server

    @property
    @override
    def identity(self) -> str:
        """The whole address: behind one host there may be several servers."""
        return f"{self.key}_{self._http.place}"

    @classmethod
    @override
    async def lives_at(cls, session: ClientSession, base_url: str) -> bool:
        """GET /health names the server."""
        answer = await Http(session, parse_base_url(base_url), ()).request(
            "WhatsApp API server /health", "GET", "health"
        )
        return answer.status == 200 and answer.object_or_empty().get("name") == "whatsapp-mcp-api"

    @override
    async def get_session(self) -> Session:
        """GET /api/status."""
        status = require_object(await self._call("GET", "api/status"))
        return Session(self._session_state(require_text(status, "state")))

    @override
    async def get_link(self) -> Link:
        """The same: `account` while there is one, and `last_error` of when it was lost."""
        status = require_object(await self._call("GET", "api/status"))
        require_text(status, "state")
        if status.get("account") is not None:
            return Link(account_number(require_object(status["account"]).get("wid")))
        reason = status.get("last_error")
        if not isinstance(reason, str | None):
            raise InvalidAnswer("the answer has no last_error")
        return Link(ending=_ENDINGS.get(reason or "", Ending.UNKNOWN))

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
        """POST /api/pairing-code; it starts the session by itself, but not one that failed."""
        try:
            answer = await self._launch("api/pairing-code", {"phone_number": phone})
        except Refused:
            if (session := await self.get_session()).state is SessionState.FAILED:
                raise WrongState(session.state) from None
            raise
        if answer.get("already_authenticated"):
            raise WrongState(SessionState.LINKED)
        return PairingCode(require_text(answer, "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def start(self) -> None:
        """POST /api/auth/start. A session that failed is kept and would not start again: it is logged out first."""
        if (await self.get_session()).state is SessionState.FAILED:
            await self.logout()
        await self._launch("api/auth/start", {})

    async def _launch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method that launches the browser behind the server, and return what it answers with.

        What is left of a launch that failed is kept, and looks like one that goes on for ever: it is logged out. That
        may fail as well. Any other session is left alone, since it may have a phone.
        """
        answer = await self._http.request(
            f"WhatsApp API server {path}", "POST", path, json_body=body, timeout=_START_TIMEOUT
        )
        if answer.status == 500:
            with suppress(GatewayError):
                if require_object(await self._call("GET", "api/status")).get("state") == "starting":
                    await self.logout()
        return require_object(self._content(answer))

    @override
    async def logout(self) -> None:
        """POST /api/logout."""
        require_object(await self._call("POST", "api/logout", {}))

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """POST /api/send, to people only. A session that is not ready would let it wait for two minutes."""
        self._require(chat_id, reply_to=reply_to, mentions=mentions, link_preview=link_preview)
        await self._require_ready()
        body = {"phone_number": chat_id.removesuffix("@c.us"), "message": text}
        answer = require_object(await self._call("POST", "api/send", body))
        return SentMessage(require_text(answer, "message_id"))

    @override
    async def list_chats(self) -> list[Chat]:
        """GET /api/chats: at most 100."""
        await self._require_ready()
        return [_chat(require_object(chat)) for chat in await self._listed("api/chats", "chats", 100)]

    @override
    async def listen(self) -> AsyncGenerator[Event]:
        """GET /api/chats and GET /api/messages, now and then; what was there at the first look is not told.

        Both let a session that is not ready wait for two minutes, and start one that is stopped.
        """
        while not (await self.get_session()).state.is_linked:
            await asyncio.sleep(_POLL_INTERVAL)
        while True:
            chats = self._bookmarks.with_news(await self._listed("api/chats", "chats", _POLLED_CHATS))
            async with aclosing(each_readable(chats, self._messages)) as readable:
                async for chat, messages in readable:
                    for event in self._bookmarks.news_in(chat, messages):
                        yield event
                    self._bookmarks.put(chat)
            await asyncio.sleep(_POLL_INTERVAL)

    async def _messages(self, chat: ListedChat) -> list[Any]:
        """Return the latest messages of a chat; of one that cannot be asked for, only the one that is known."""
        if not chat.can_be_asked_for:
            return [chat.message]
        number = {"phone_number": chat.chat_id.removesuffix("@c.us")}
        return await self._listed("api/messages", "messages", _POLLED_MESSAGES, number)

    async def _listed(self, path: str, key: str, limit: int, params: Mapping[str, str] | None = None) -> list[Any]:
        """Return a list, of at most 100 entries. Raises GatewayError."""
        wanted = {**(params or {}), "limit": str(limit)}
        answer = require_object(await self._call("GET", path, params=wanted, is_list=True))
        listed = answer.get(key)
        if not isinstance(listed, list):
            raise InvalidAnswer(f"the answer lists no {key}")
        return listed

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
        *,
        is_list: bool = False,
    ) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        answer = await self._http.request(
            f"WhatsApp API server {path}", verb, path, json_body=body, params=params, is_list=is_list
        )
        return self._content(answer)

    def _content(self, answer: Answer) -> Any:
        """Return what is in an answer, or raise what it means."""
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
        return Refused(self._http.redact(words, answer))


def _chat(chat: Mapping[str, Any]) -> Chat:
    return Chat(require_text(chat, "id"), str(chat.get("name") or ""), bool(chat.get("is_group")))
