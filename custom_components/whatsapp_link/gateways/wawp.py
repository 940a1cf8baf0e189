"""Wawp (wawp.net): a hosted service that speaks a dialect of WAHA.

Facts are from the vendor's documentation at api.wawp.net/en/docs/v2; the page is named at each. The token travels
in the body, as the vendor advises; in an address only where the documentation has no other way.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cached_property
import re
from typing import Any, ClassVar, override

from . import waha_events as events, waha_shapes as shapes
from .capability import EVERY_CHAT, Capability, Feature, Way
from .downloads import GONE, download, server_path
from .errors import CannotReach, GatewayError, InstanceNotFound, InvalidCredentials, QuotaExceeded, Refused, WrongState
from .events import Event, ReceivedFile, Webhook
from .gateway import Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
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
    Session,
    SessionState,
    Typing,
)
from .waha_contents import text_in
from .waha_polling import Lookout
from .wawp_events import registered, secret_in, with_webhook, without_webhook
from .webhook_call import is_same, parse_events

# Page auth/qr-image: after a 422 with these words the service stops and starts the session by itself; ask again in 15
# seconds. What the body looks like is not shown; the second words are the engine's.
RECOVERY = 15.0
_NOT_EXPECTED = re.compile(rb"session status (?:not|is not as) expected", re.IGNORECASE)
# The page auth/request-code names no time; WhatsApp gives about three minutes.
_PAIRING_CODE_VALID_FOR = 150.0
_SEND_MEDIA = {MediaKind.IMAGE: "send/image", MediaKind.VIDEO: "send/video", MediaKind.VOICE: "send/voice"}


class _MissingParameter(Refused):
    """A field that the service wants was not there, or not under the name that it looks for."""


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
            Capability.SEND_MEDIA,
            Capability.SEND_LOCATION,
            Capability.SEND_CONTACT,
            Capability.SEND_POLL,
            Capability.SEND_REACTION,
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
            Capability.CREATE_INSTANCE,
        }
    )
    features: ClassVar[frozenset[Feature]] = EVERY_CHAT | {
        Feature.REPLY,
        Feature.VOICE,
        Feature.VOICE_CONVERSION,
        Feature.DOCUMENT_CAPTION,
        Feature.PAUSED,
    }
    ways: ClassVar[tuple[Way, ...]] = (Way.WEBHOOK, Way.POLLING)
    # Lists of messages have no votes.
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset({Way.WEBHOOK})
    # Page send/video.
    max_media: ClassVar[int] = 16 * 1024 * 1024
    states: ClassVar[Mapping[str, SessionState]] = shapes.STATES
    # Pages session/info (every 3 to 5 seconds while pairing) and auth/qr-image (a code every 5 to 10 seconds).
    pace: ClassVar[Pace] = Pace(linked=60, pairing=4, code=8)

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["instance_id"]

    @override
    async def get_session(self) -> Session:
        """Page session/info. A session that was dropped has to be paired anew."""
        info = await self._info()
        if info is None:
            return Session(SessionState.UNLINKED)
        return Session(self._session_state(require_text(info, "status")))

    @override
    async def get_link(self) -> Link:
        """The same: it has the account, but not why one was lost."""
        info = await self._info()
        return Link() if info is None else Link(shapes.own_number(info))

    async def _info(self) -> dict[str, Any] | None:
        """Return what the service tells of the session; None for one that was dropped."""
        try:
            return require_object(await self._call("session/info"))
        except WrongState as error:
            if error.state is not SessionState.UNLINKED:
                raise
            return None

    @override
    async def get_qr(self) -> QrCode | None:
        """Page auth/qr: the raw text, which is drawn here."""
        text, valid_for = shapes.raw_code(await self._call("auth/qr", {"format": "raw"}))
        return QrCode(await self._render(text), valid_for, holds_while_offered=True)

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """Page auth/request-code."""
        answer = require_object(await self._call("auth/request-code", {"phone_number": phone}))
        return PairingCode(require_text(answer, "code"), _PAIRING_CODE_VALID_FOR)

    @override
    async def start(self) -> None:
        """Page session/start."""
        await self._do("session/start")

    @override
    async def restart(self) -> None:
        """Page session/restart."""
        await self._do("session/restart")

    @override
    async def logout(self) -> None:
        """Page session/logout."""
        await self._do("session/logout")

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """Page send/text: the field is `message`. Its chat ids are spelled as ours."""
        self._require(chat_id, mentions=mentions, link_preview=link_preview)
        return await self._send("send/text", chat_id, {"message": text}, reply_to)

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """Pages send/image, video, voice, pdf; the last takes any file.

        The pages show addresses only. Bytes are sent as the engine underneath takes them, and, where that is
        refused, as the names on the pages suggest.
        """
        method = _SEND_MEDIA.get(media.kind, "send/pdf")
        content: dict[str, Any] = {"caption": caption} if caption else {}
        if media.kind in (MediaKind.VIDEO, MediaKind.VOICE):
            content["convert"] = "true"
        file = shapes.file_of(media)
        try:
            return await self._send(method, chat_id, content | {"file": file}, reply_to, with_file=True)
        except _MissingParameter:
            flat = {f"file[{name}]": value for name, value in file.items()}
            return await self._send(method, chat_id, content | flat, reply_to, with_file=True)

    @override
    async def send_location(self, chat_id: str, location: Location, *, reply_to: str = "") -> SentMessage:
        """Page send/location: degrees as text, the address in `message`."""
        latitude, longitude = location.degrees
        body = {"latitude": latitude, "longitude": longitude, "title": location.name, "message": location.address}
        return await self._send("send/location", chat_id, body, reply_to)

    @override
    async def send_contact(self, chat_id: str, contact: Contact, *, reply_to: str = "") -> SentMessage:
        """Page send/contact."""
        return await self._send("send/contact", chat_id, {"contacts": [shapes.contact_of(contact)]}, reply_to)

    @override
    async def send_poll(self, chat_id: str, poll: Poll, *, reply_to: str = "") -> SentMessage:
        """Page send/poll."""
        return await self._send("send/poll", chat_id, {"poll": shapes.poll_of(poll)}, reply_to)

    @override
    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """Page send/reaction; the id of a message says in which chat it is."""
        await self._do("send/reaction", {"messageId": message_id, "reaction": emoji}, verb="PUT")

    @override
    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """Page send/seen."""
        self._require(chat_id, *([] if message_id else [Feature.READ_CHAT]))
        await self._do("send/seen", {"chatId": chat_id, "messageIds": [message_id]})

    @override
    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """Page send/start-typing; the other is named like it in the older interface."""
        self._require(chat_id, *([Feature.RECORDING] if typing is Typing.RECORDING else []))
        method = "send/start-typing" if typing is Typing.TYPING else "send/stop-typing"
        await self._do(method, {"chatId": chat_id})

    @override
    async def check_number(self, phone: str) -> str | None:
        """Page contacts/check-exists."""
        return shapes.found_chat(await self._look_up("contacts/check-exists", {"phone": phone}), phone)

    async def _send(
        self, method: str, chat_id: str, content: Mapping[str, Any], reply_to: str, *, with_file: bool = False
    ) -> SentMessage:
        body = {"chatId": chat_id, **content} | ({"reply_to": reply_to} if reply_to else {})
        sent = shapes.message_id(await self._call(method, body, with_file=with_file))
        self._ids.note(sent)
        return SentMessage(sent)

    @override
    async def list_chats(self) -> list[Chat]:
        """Page chats."""

        async def ask(limit: int, offset: int) -> Any:
            return await self._call("chats", {"limit": limit, "offset": offset}, is_list=True)

        return await shapes.all_chats(ask)

    @cached_property
    def _ids(self) -> events.MessageIds:
        return events.MessageIds()

    @cached_property
    def _lookout(self) -> Lookout:
        return Lookout(self._ids, self._chats, self._messages)

    @override
    def listen(self) -> AsyncGenerator[Session | Event]:
        """Pages chats/overview and chats/messages: what a plan without webhooks has."""
        return self._lookout.watch()

    async def _chats(self) -> Any:
        return await self._look_up("chats/overview", {"limit": "100"}, is_list=True)

    async def _messages(self, chat_id: str, since: float, limit: int, offset: int) -> Any:
        """Ask for the latest messages of a chat; no page has a way to ask for those since a time."""
        params = {"chatId": chat_id, "limit": str(limit), "offset": str(offset), "downloadMedia": "true"}
        return await self._look_up("chats/messages", params, is_list=True)

    @override
    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """Page session/webhook: the list is written whole; so nobody's has to go, and nothing is written in vain."""
        if webhook.url:
            before = registered(await self._look_up("session/webhook"))
            await self._write_webhooks(before, with_webhook(before, webhook))

    @override
    async def unregister_webhook(self, webhook: Webhook) -> None:
        """The same, without ours."""
        before = registered(await self._look_up("session/webhook"))
        await self._write_webhooks(before, without_webhook(before, webhook))

    async def _write_webhooks(self, before: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
        if wanted != before:
            await self._do("session/webhook", {"webhooks": wanted})

    @override
    def is_at(self, query: Mapping[str, str], webhook: Webhook) -> bool:
        """Nothing is signed: who calls has to know the whole address, with the secret in it."""
        return is_same(secret_in(query), webhook.secret)

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """The pages on events. There is nothing in the headers."""
        return [news for news in map(self._news, parse_events(body)) if news]

    def _news(self, envelope: Mapping[str, Any]) -> Session | Event | None:
        """Return what an envelope tells. It names the session by a name of the vendor's own, not the instance."""
        if envelope.get("instance_id", self.instance_id) != self.instance_id:
            return None
        # The older documentation has a status without an envelope.
        if "event" not in envelope:
            return Session(self._session_state(require_text(envelope, "status")))
        if envelope["event"] == events.STATUS_EVENT:
            return Session(self._session_state(events.status_in(envelope)))
        return events.event_of(envelope, self._ids)

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """Page on the event message: it has the address of the file, at the host of the API itself."""
        path = server_path(file.reference)
        if path is None:
            content = await download(self._http, file.reference, limit)
        else:
            answer = await self._http.request("Wawp file", "GET", path, params=self._access(), limit=limit)
            content = None if answer.status in GONE else self._accepted(answer).body
        if content is None:
            raise Refused("the file is gone")
        return content

    @override
    async def find_number(self, lid: str) -> str | None:
        """Page lids: all opaque ids that are known, with the numbers."""
        found = await self._look_up("lids", {"limit": "1000"}, is_list=True)
        known = {text_in(pair, "lid"): events.address(text_in(pair, "pn")) for pair in shapes.objects_in(found)}
        return known.get(lid, "").removesuffix("@c.us") or None

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """Page session/create: takes neither name nor number, and does not start."""
        answer = require_object(await self._call("session/create"))
        return Instance(require_text(answer, "instance_id"), name, SessionState.STOPPED)

    async def _call(
        self, method: str, body: Mapping[str, Any] | None = None, *, with_file: bool = False, is_list: bool = False
    ) -> Any:
        """Call one method and return what it answers with. Raises GatewayError."""
        return self._content(await self._request("POST", method, body, with_file=with_file, is_list=is_list))

    async def _do(self, method: str, body: Mapping[str, Any] | None = None, *, verb: str = "POST") -> None:
        """Call a method whose answer no page shows; it may be empty. Raises GatewayError."""
        answer = self._accepted(await self._request(verb, method, body))
        if answer.body.strip():
            self._content(answer)

    async def _request(
        self,
        verb: str,
        method: str,
        body: Mapping[str, Any] | None,
        *,
        with_file: bool = False,
        is_list: bool = False,
    ) -> Answer:
        content = self._access() | dict(body or {})
        return await self._http.request(
            f"Wawp {method}", verb, f"v2/{method}", json_body=content, with_file=with_file, is_list=is_list
        )

    async def _look_up(self, method: str, params: Mapping[str, str] | None = None, *, is_list: bool = False) -> Any:
        """Call a method that is a GET without a body, and return what it answers with. Raises GatewayError."""
        query = self._access() | dict(params or {})
        return self._content(
            await self._http.request(f"Wawp {method}", "GET", f"v2/{method}", params=query, is_list=is_list)
        )

    def _accepted(self, answer: Answer) -> Answer:
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer

    def _content(self, answer: Answer) -> Any:
        """Return what is in an answer, or raise what it means."""
        content = self._accepted(answer).json()
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
        words = str(body.get("message") or body.get("error") or code)
        reason = self._http.redact(words, answer)
        if answer.status == 422 and (state := shapes.state_in(body, words)):
            return WrongState(self._session_state(state))
        if answer.status == 422 and _NOT_EXPECTED.search(answer.body):
            return WrongState(SessionState.STARTING, retry_after=RECOVERY)
        if code == "invalid_session":
            return WrongState(SessionState.UNLINKED)
        if code in ("quota_reached", "subscription_required"):
            return QuotaExceeded(reason)
        if code == "invalid_access_token":
            return InvalidCredentials("the gateway refused the credentials")
        if code in ("invalid_instance", "server_not_found") or (answer.status == 404 and body):
            return InstanceNotFound("the gateway knows no such instance")
        if code == "missing_param":
            return _MissingParameter(reason)
        # Also with a good status, and whatever was asked for: the engine is in trouble, and may get over it.
        if code == "wawp_upstream_error":
            return CannotReach("the engine behind the gateway is in trouble", maybe_acted=True)
        if answer.status < 300:
            return Refused(reason)
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _is_error(content: Any) -> bool:
    """Whether an answer with a good status tells a failure. A `code` alone is a pairing code, or that all went well."""
    return isinstance(content, dict) and bool(
        content.get("success") is False
        or content.get("error")
        or ({"code", "message"} <= set(content) and content["code"] != "success")
    )
