"""GREEN-API (green-api.com): a hosted gateway; the token rides in the path of every request.

Facts are from the vendor's documentation at green-api.com/en/docs/api; the page is named at each.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
import logging
import re
import time
from typing import Any, ClassVar, override

from aiohttp import ClientSession
from yarl import URL

from .address import InvalidAddress, account_number, parse_chat_id
from .capability import Capability, Feature, Way
from .downloads import download
from .errors import (
    Forged,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    QuotaExceeded,
    Refused,
    WebhookTaken,
    WrongState,
)
from .events import Event, ReceivedFile, Webhook
from .gateway import Credential, Gateway, Pace
from .green_api_events import is_from_vendor, kind_of, read_notification
from .http import Answer, Http, Upload, error_for_status, require_object, require_text
from .model import (
    Chat,
    Contact,
    Ending,
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
from .qr_code import decode_png
from .webhook_call import parse_events

_LOGGER = logging.getLogger(__name__)

# Page QR: the code is renewed every 20 seconds.
_QR_VALID_FOR = 20.0
# Page GetAuthorizationCode: about 2.5 minutes.
_PAIRING_CODE_VALID_FOR = 150.0
# Page SendTyping: 20 seconds at most.
_TYPING_MILLISECONDS = 15_000
# Page ReceiveNotification: so long, in seconds, it waits for something to happen at the most.
_RECEIVE_FOR = 60
_RECEIVE_TIMEOUT = _RECEIVE_FOR + 15.0
# Pages ReceiveNotification and SetSettings: until then an address that was cleared holds, or the instance restarts.
_SETTLING = 60.0
# Page SetSettings: within five minutes what was set holds. Until then it need not be shown, and each call restarts the
# instance.
_SET_WITHIN = 300.0
# Page SendFileByUpload of the vendor's Java library.
_LONGEST_CAPTION = 1024
# Where the vendor's own servers are; what else is entered is somebody's proxy before them.
_OWN_HOST = re.compile(r"(.+\.)?green-?api\.com")
# Somebody else empties the queue as well, or this cannot be deleted: either way there is no hurry.
_NOT_DELETED_PAUSE = 1.0
# Page SetSettings: what is told of at all; in a new instance, nothing.
_TOLD = dict.fromkeys(
    (
        "incomingWebhook",
        "outgoingWebhook",
        "outgoingMessageWebhook",
        "stateWebhook",
        "pollMessageWebhook",
        "incomingCallWebhook",
        "editedMessageWebhook",
        "deletedMessageWebhook",
    ),
    "yes",
)


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
        }
    )
    features: ClassVar[frozenset[Feature]] = frozenset(
        {
            Feature.GROUPS,
            Feature.HIDDEN_NUMBERS,
            Feature.REPLY,
            Feature.LINK_PREVIEW,
            Feature.VOICE,
            Feature.READ_CHAT,
            Feature.RECORDING,
        }
    )
    ways: ClassVar[tuple[Way, ...]] = (Way.STREAM, Way.WEBHOOK)
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset({Way.STREAM, Way.WEBHOOK})
    pushes_session: ClassVar[bool] = True
    # Page SendFileByUpload.
    max_media: ClassVar[int] = 100 * 1024 * 1024
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

    def __init__(self, session: ClientSession, base_url: str, credentials: Mapping[str, str]) -> None:
        """Begin without having set anything."""
        super().__init__(session, base_url, credentials)
        # What was set last, and until when it need not be shown.
        self._set: Mapping[str, str] = {}
        self._set_until = 0.0
        self._last_state = SessionState.UNKNOWN

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
    def _session_state(self, word: str) -> SessionState:
        self._last_state = super()._session_state(word)
        return self._last_state

    async def _require_phone(self) -> None:
        """Page SendMessage: what is sent without a phone goes out when one is linked, an alarm of last night as well.

        That would look as if it had gone out. Raises WrongState if there was no phone lately, and is none now.
        """
        if self._last_state is SessionState.UNLINKED:
            session = await self.get_session()
            if session.state is SessionState.UNLINKED:
                raise WrongState(session.state)

    @override
    async def get_link(self) -> Link:
        """Page GetWaSettings: `phone` is empty while none is linked; getSettings would keep the number of the last."""
        answer = await self._call("GET", "getWaSettings")
        state = self._session_state(require_text(answer, "stateInstance"))
        ending = Ending.BANNED if state is SessionState.BLOCKED else Ending.UNKNOWN
        return Link(account_number(answer.get("phone")), ending)

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
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """Page SendMessage. Its chat ids are spelled as ours."""
        self._require(chat_id, mentions=mentions)
        content: dict[str, Any] = {"message": text} | ({} if link_preview else {"linkPreview": False})
        return await self._send("sendMessage", chat_id, content, reply_to)

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """Page SendFileByUpload. The name of the file decides what it is shown as; .ogg is a voice message.

        "Description is only added to images and video": anywhere else it would be lost without a word.
        """
        converts = media.kind is MediaKind.VOICE and not media.file_name.endswith(".ogg")
        has_words = caption and media.kind is MediaKind.DOCUMENT
        self._require(
            chat_id,
            *([Feature.VOICE_CONVERSION] if converts else []),
            *([Feature.DOCUMENT_CAPTION] if has_words else []),
        )
        if len(caption) > _LONGEST_CAPTION:
            # It would be told as a fault of the server, after which nobody knows whether the file went out.
            raise Refused(f"the caption has more than {_LONGEST_CAPTION} characters")
        await self._require_phone()
        fields = {"chatId": chat_id, "fileName": media.file_name}
        fields |= {name: value for name, value in (("caption", caption), ("quotedMessageId", reply_to)) if value}
        upload = Upload(fields, media.file_name, media.mime_type, media.content)
        http = Http(self._http.session, _media_host(self._http.base_url), [self._credentials["token"]])
        answer = await http.request("GREEN-API upload", "POST", self._path("sendFileByUpload"), upload=upload)
        return SentMessage(require_text(require_object(self._checked(answer)), "idMessage"))

    @override
    async def send_location(self, chat_id: str, location: Location, *, reply_to: str = "") -> SentMessage:
        """Page SendLocation."""
        content: dict[str, Any] = {"latitude": location.latitude, "longitude": location.longitude}
        if location.name:
            content["nameLocation"] = location.name
        if location.address:
            content["address"] = location.address
        return await self._send("sendLocation", chat_id, content, reply_to)

    @override
    async def send_contact(self, chat_id: str, contact: Contact, *, reply_to: str = "") -> SentMessage:
        """Page SendContact."""
        content = {"contact": {"phoneContact": int(contact.phone), "firstName": contact.name}}
        return await self._send("sendContact", chat_id, content, reply_to)

    @override
    async def send_poll(self, chat_id: str, poll: Poll, *, reply_to: str = "") -> SentMessage:
        """Page SendPoll."""
        options = [{"optionName": option} for option in poll.options]
        content = {"message": poll.question, "options": options, "multipleAnswers": poll.multiple}
        return await self._send("sendPoll", chat_id, content, reply_to)

    @override
    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """Page SendReaction."""
        self._require(chat_id)
        await self._call("POST", "sendReaction", {"chatId": chat_id, "idMessage": message_id, "reaction": emoji})

    @override
    async def edit_message(self, chat_id: str, message_id: str, text: str) -> None:
        """Page EditMessage."""
        self._require(chat_id)
        await self._call("POST", "editMessage", {"chatId": chat_id, "idMessage": message_id, "message": text})

    @override
    async def delete_message(self, chat_id: str, message_id: str) -> None:
        """Page DeleteMessage: the answer is empty."""
        self._require(chat_id)
        await self._do("deleteMessage", {"chatId": chat_id, "idMessage": message_id})

    @override
    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """Page ReadChat."""
        self._require(chat_id)
        body = {"chatId": chat_id} | ({"idMessage": message_id} if message_id else {})
        await self._call("POST", "readChat", body)

    @override
    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """Page SendTyping: for some seconds, which cannot be cut short; the answer is empty."""
        self._require(chat_id, *([Feature.PAUSED] if typing is Typing.PAUSED else []))
        body: dict[str, Any] = {"chatId": chat_id, "typingTime": _TYPING_MILLISECONDS}
        if typing is Typing.RECORDING:
            body["typingType"] = "recording"
        await self._do("sendTyping", body)

    @override
    async def check_number(self, phone: str) -> str | None:
        """Page CheckWhatsapp, by chat id: the field for a number takes none of fewer than 11 digits.

        It tells the number as WhatsApp knows it, or an opaque id, where the account uses those: the number is the
        better address. A free plan has 100 a month.
        """
        asked = f"{phone}@c.us"
        answer = await self._call("POST", "checkWhatsapp", {"chatId": asked})
        if not isinstance(answer.get("existsWhatsapp"), bool):
            raise InvalidAnswer("the answer does not say whether the number exists")
        if not answer["existsWhatsapp"]:
            return None
        with suppress(InvalidAddress):
            found = parse_chat_id(str(answer.get("chatId")))
            if found.endswith("@c.us"):
                return found
        return asked

    async def _send(self, method: str, chat_id: str, content: Mapping[str, Any], reply_to: str) -> SentMessage:
        self._require(chat_id)
        await self._require_phone()
        body = {"chatId": chat_id, **content} | ({"quotedMessageId": reply_to} if reply_to else {})
        return SentMessage(require_text(await self._call("POST", method, body), "idMessage"))

    @override
    async def list_chats(self) -> list[Chat]:
        """Page GetContacts: `type` is user or group."""
        answer = await self._request("GET", "getContacts", is_list=True)
        if not isinstance(answer, list):
            raise InvalidAnswer("the answer is not a list of contacts")
        return [_chat(require_object(contact)) for contact in answer]

    @override
    async def listen(self) -> AsyncGenerator[Session | Event]:
        """Pages ReceiveNotification and DeleteNotification: what is not deleted is told again.

        What is to be told is switched on first, at which the instance restarts. Raises WebhookTaken where a webhook
        empties the queue.
        """
        settings = await self._call("GET", "getSettings")
        if _registered(settings):
            raise WebhookTaken("the notifications go to a webhook")
        yield await self.get_session()
        await self._change_settings(settings, _TOLD)
        while True:
            try:
                notification = await self._next_notification()
            except WebhookTaken, WrongState:
                # The settings say otherwise, so they have just been changed. The queue keeps what happens meanwhile.
                await asyncio.sleep(_SETTLING)
                return
            if notification is not None:
                if news := self._news_in(notification.get("body")):
                    yield news
                await self._delete_notification(notification)

    async def _next_notification(self) -> dict[str, Any] | None:
        """Return the oldest notification; None if there is none for a minute."""
        answer = await self._http.request(
            "GREEN-API receiveNotification",
            "GET",
            self._path("receiveNotification"),
            params={"receiveTimeout": str(_RECEIVE_FOR)},
            timeout=_RECEIVE_TIMEOUT,
        )
        if answer.status == 200 and answer.body.strip() in (b"", b"null"):
            return None
        notification = require_object(self._checked(answer))
        if not isinstance(notification.get("receiptId"), int):
            raise InvalidAnswer("the notification has no receiptId")
        return notification

    def _news_in(self, content: Any) -> Session | Event | None:
        """Return what a notification tells; one that makes no sense is passed over.

        Pages ReceiveNotification and WebhookEndpoint: what is not taken comes again for a day, before all behind it.
        """
        try:
            return read_notification(content, self.instance_id, self._session_state)
        except InvalidAnswer as error:
            _LOGGER.debug("A notification (%s) is passed over: %s", kind_of(content), error)
            return None

    async def _delete_notification(self, notification: Mapping[str, Any]) -> None:
        """Page DeleteNotification: `result` is false for one that is gone already, as is an error that says so."""
        path = f"{self._path('deleteNotification')}/{notification['receiptId']}"
        answer = await self._http.request("GREEN-API deleteNotification", "DELETE", path)
        if answer.status == 500 and b"findUnAckedMessage" in answer.body:
            return
        if require_object(self._checked(answer)).get("result") is False:
            await asyncio.sleep(_NOT_DELETED_PAUSE)

    @override
    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """Page WebhookEndpoint: there is one address. The instance restarts, if anything changes."""
        settings = await self._call("GET", "getSettings")
        if _registered(settings) not in ("", _bare(webhook.url)) and not replace:
            raise WebhookTaken("the notifications go to another webhook")
        ours = {"webhookUrl": webhook.url, "webhookUrlToken": webhook.secret}
        await self._change_settings(settings, _TOLD | ours)

    @override
    async def unregister_webhook(self, webhook: Webhook) -> None:
        """Page SetSettings: without an address, notifications wait in the queue."""
        settings = await self._call("GET", "getSettings")
        if _registered(settings) == _bare(webhook.url) != "":
            await self._change_settings(settings, {"webhookUrl": "", "webhookUrlToken": ""})

    async def _change_settings(self, settings: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
        """Page SetSettings: it restarts the instance, so only what is not so already is changed, and once."""
        changes = {name: value for name, value in wanted.items() if settings.get(name) != value}
        if not changes:
            self._set_until = 0.0
            return
        if time.monotonic() < self._set_until and changes.items() <= self._set.items():
            return
        if (await self._call("POST", "setSettings", changes)).get("saveSettings") is False:
            raise Refused("it did not save the settings")
        self._set, self._set_until = changes, time.monotonic() + _SET_WITHIN

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """Page WebhookEndpoint. What was not taken is told again for a day: an old call is no forgery."""
        if not is_from_vendor(headers, webhook.secret):
            raise Forged("the call does not bring the token")
        return [news for news in map(self._news_in, parse_events(body)) if news]

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """Page on messages with files: they are at a storage provider's, who gets no credentials."""
        content = await download(self._http, file.reference, limit)
        if content is None:
            raise Refused("the file is gone")
        return content

    def _path(self, method: str) -> str:
        credentials = self._credentials
        return f"waInstance{credentials['instance_id']}/{method}/{credentials['token']}"

    async def _call(self, verb: str, method: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call one method and return the object it answers with. Raises GatewayError."""
        return require_object(await self._request(verb, method, body))

    async def _do(self, method: str, body: Mapping[str, Any]) -> None:
        """Call a method whose answer is empty. Raises GatewayError."""
        answer = await self._http.request(f"GREEN-API {method}", "POST", self._path(method), json_body=body)
        if answer.status != 200 or answer.body.strip():
            self._checked(answer)

    async def _request(
        self, verb: str, method: str, body: Mapping[str, Any] | None = None, *, is_list: bool = False
    ) -> Any:
        return self._checked(
            await self._http.request(f"GREEN-API {method}", verb, self._path(method), json_body=body, is_list=is_list)
        )

    def _checked(self, answer: Answer) -> Any:
        """Return what is in an answer, or raise what it means."""
        if answer.status != 200:
            raise self._error(answer)
        content = answer.json()
        # Page Common errors: some methods tell a failure inside HTTP 200.
        if isinstance(content, dict) and content.get("status") is False:
            raise self._error_for_words(str(content.get("reason", "")), answer)
        return content

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer other than 200 means (page Common errors).

        The body may be JSON, HTML, plain text or nothing: 401 was seen empty, 403 and 502 are pages of a proxy.
        """
        body = answer.object_or_empty()
        if answer.status in (466, 469):
            return QuotaExceeded(self._http.redact(_quota_words(body), answer))
        words = body.get("message")
        if not isinstance(words, str):
            # Said by the proxy before the gateway.
            if answer.status == 403:
                return InstanceNotFound("the gateway knows no such instance")
            return error_for_status(answer.status, retry_after=answer.retry_after)
        if answer.status == 400:
            return self._error_for_words(words, answer)
        # A 403 in JSON is said by the gateway itself and not by the proxy before it: the account is suspended.
        # Two of its 500 are no faults but refusals: "request entity too large" and "exceeded max upload size".
        if answer.status == 403 or (answer.status == 500 and re.search("too large|exceeded", words)):
            return Refused(self._http.redact(words, answer))
        return error_for_status(answer.status, retry_after=answer.retry_after)

    def _error_for_words(self, words: str, answer: Answer) -> GatewayError:
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
        # Page ReceiveNotification.
        if "webhook url is set" in lowered:
            return WebhookTaken("the notifications go to a webhook")
        return Refused(self._http.redact(words, answer) or "no reason given")


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


def _media_host(base_url: URL) -> URL:
    """Return the address for files: the console shows, beside https://7105.api.…, https://7105.media.… for them.

    Behind anybody else's address it is the same: the token goes to no host that nobody entered.
    """
    if not _OWN_HOST.fullmatch(base_url.host or ""):
        return base_url
    labels = ["media" if label == "api" else label for label in (base_url.host or "").split(".")]
    return base_url.with_host(".".join(labels))


def _registered(settings: Mapping[str, Any]) -> str:
    """Return the address that notifications go to, "" if they wait in the queue."""
    return _bare(str(settings.get("webhookUrl") or ""))


def _bare(url: str) -> str:
    """Return an address without its query, by which one is known again."""
    return url.partition("?")[0]


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
