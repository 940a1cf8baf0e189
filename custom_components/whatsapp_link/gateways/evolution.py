"""Evolution API v2 (doc.evolution-api.com): a server of one's own; and what Wachat, which is built on it, shares with it.

Facts are from Evolution API's published sources and documentation; where the two differ, the sources are right.
"""

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
import re
from typing import Any, ClassVar, override

from aiohttp import ClientSession

from .address import account_number
from .capability import Capability, Feature, Way
from .errors import (
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    NotOnWhatsApp,
    Refused,
    Unsupported,
    WebhookTaken,
    WrongState,
)
from .events import Event, ReceivedFile, Webhook
from .evolution_events import EvolutionEvents
from .evolution_keys import chat_id, key_of, number, require_message_id
from .evolution_webhooks import check_secret, disabled, has_secret, is_ours, is_right, wanted
from .gateway import Credential, Gateway, Pace
from .http import Answer, Http, error_for_status, parse_base_url, quoted, require_object, require_text, require_version
from .model import (
    Chat,
    Contact,
    Ending,
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
from .qr_code import decode_png
from .webhook_call import parse_events

# `connecting` is also the state in which it waits for a scan; from `close` and `refused` (too many codes went by
# unscanned) asking for a code begins anew.
STATES: Mapping[str, SessionState] = {
    "open": SessionState.LINKED,
    "connecting": SessionState.UNLINKED,
    "close": SessionState.UNLINKED,
    "refused": SessionState.UNLINKED,
}

# The engine renews a code, and a pairing code along with it, after 45 seconds.
_CODE_VALID_FOR = 45.0
# A logout goes on after its answer; the state that it leads to is looked for so often, with so many seconds between.
_LOGOUT_LOOKS = 10
LOGOUT_PAUSE = 1.0
# What typing is called, and for how many milliseconds it is shown and holds up the answer.
_PRESENCES = {
    Typing.TYPING: ("composing", 5000),
    Typing.RECORDING: ("recording", 5000),
    Typing.PAUSED: ("paused", 100),
}
# Groups come from elsewhere, with their names. Anything else is a status or a list.
_PEOPLE = ("@s.whatsapp.net", "@lid")
# Each row has the chat's last message in it. More than so many people are not offered for choosing anyway.
_CHATS_ON_PAGE = 100
_CHAT_PAGES = 10
# A file comes in base64, which makes four bytes of three, with so many bytes around it at most.
_AROUND_FILE = 64 * 1024
# Before it, the calls were others.
_NEEDED_VERSION = "2.0.0"
# Words are in a list in a list; what is deeper says nothing.
_MAX_DEPTH = 5
# With what codes WhatsApp closes a connection for good.
_ENDINGS = {401: Ending.LOGGED_OUT, 403: Ending.BANNED, 440: Ending.REPLACED}
# Said of an instance that there is not: where the path names it, and where a list is asked for it.
_NO_INSTANCE = re.compile(r'does not exist|^Instance ".*" not found')
# Said of an instance without a connection to WhatsApp, in the words of its library and of its bugs.
_NOT_CONNECTED = re.compile(r"Connection Closed|is not connected|reading '(onWhatsApp|send\w+)'")


class Evolution(Gateway):
    """An instance on an Evolution API server."""

    key: ClassVar[str] = "evolution"
    name: ClassVar[str] = "Evolution API"
    default_base_url: ClassVar[str] = "http://localhost:8080"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("token", secret=True, pattern=re.compile(r"[!-~]{1,256}")),
        # Whatever the owner liked to call it.
        Credential("instance_name", secret=False, pattern=re.compile(r"(?![.\s])[^\x00-\x1f\x7f/\\?#]{1,128}(?<!\s)")),
    )
    instance_key: ClassVar[str] = "instance_name"
    names_are_local: ClassVar[bool] = True
    create_fields: ClassVar[tuple[str, ...]] = ("name",)
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
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
            Capability.REGISTER_WEBHOOK,
            Capability.UNREGISTER_WEBHOOK,
            Capability.PARSE_WEBHOOK,
            Capability.FETCH_FILE,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
            Capability.GET_VERSION,
        }
    )
    features: ClassVar[frozenset[Feature]] = frozenset(
        {
            Feature.GROUPS,
            Feature.HIDDEN_NUMBERS,
            Feature.REPLY,
            Feature.MENTIONS,
            Feature.LINK_PREVIEW,
            Feature.VOICE,
            Feature.VOICE_CONVERSION,
            Feature.DOCUMENT_CAPTION,
            Feature.RECORDING,
            Feature.PAUSED,
        }
    )
    ways: ClassVar[tuple[Way, ...]] = (Way.WEBHOOK,)
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset({Way.WEBHOOK})
    states: ClassVar[Mapping[str, SessionState]] = STATES
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5, code=15)

    def __init__(self, session: ClientSession, base_url: str, credentials: Mapping[str, str]) -> None:
        """Take what every gateway takes; see there."""
        super().__init__(session, base_url, credentials)
        self._events = EvolutionEvents(credentials.get("instance_name", ""), self._session_state)

    @override
    def _headers(self) -> dict[str, str]:
        return {"apikey": self._credentials["token"]}

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["instance_name"]

    @classmethod
    @override
    async def lives_at(cls, session: ClientSession, base_url: str) -> bool:
        """GET / needs no key."""
        answer = await Http(session, parse_base_url(base_url), ()).request("Evolution API /", "GET", "")
        return answer.status == 200 and "Evolution API" in str(answer.object_or_empty().get("message"))

    @override
    async def get_session(self) -> Session:
        """GET /instance/connectionState/{instance}."""
        answer = await self._call("GET", self._own("instance/connectionState"))
        return Session(self._session_state(require_text(require_object(answer.get("instance")), "state")))

    @override
    async def get_link(self) -> Link:
        """GET /instance/fetchInstances: the row keeps the number of the last phone, and why that went."""
        rows = await self._listed("GET", "instance/fetchInstances", params={"instanceName": self.instance_id})
        row = next((row for row in rows if row.get("name") == self.instance_id), None)
        if row is None:
            raise InstanceNotFound("the gateway knows no such instance")
        if self._session_state(require_text(row, "connectionStatus")).is_linked:
            return Link(account_number(row.get("ownerJid")))
        return Link(ending=_ending(row.get("disconnectionReasonCode")))

    @override
    async def get_qr(self) -> QrCode | None:
        """GET /instance/connect/{instance}: begins to connect one that is closed; it may have no code yet."""
        found = code_in(await self._connect())
        if found.text:
            return QrCode(await self._render(found.text), _CODE_VALID_FOR, holds_while_offered=True)
        if found.picture:
            return QrCode(decode_png(found.picture), _CODE_VALID_FOR, holds_while_offered=True)
        return None

    @override
    async def request_pairing_code(self, phone: str) -> PairingCode:
        """The same with a number. Only one that begins to connect gives a pairing code.

        One that offers QR codes already is closed first; with those it shows that there is no phone to lose.
        """
        answer = await self._connect(phone)
        if not answer.get("pairingCode") and code_in(answer).text:
            await self.logout()
            await self._until_closed()
            answer = await self._connect(phone)
        if not answer.get("pairingCode"):
            # It has begun to connect, and has no code of any kind yet.
            raise WrongState(SessionState.STARTING)
        return PairingCode(require_text(answer, "pairingCode"), _CODE_VALID_FOR)

    async def _connect(self, phone: str = "") -> dict[str, Any]:
        answer = await self._call("GET", self._own("instance/connect"), params={"number": phone} if phone else None)
        if isinstance(answer.get("instance"), dict):
            raise WrongState(self._session_state(require_text(answer["instance"], "state")))
        if "count" not in answer and "code" not in answer:
            raise InvalidAnswer("the answer has neither a code nor a number of codes")
        return answer

    async def _until_closed(self) -> None:
        for _ in range(_LOGOUT_LOOKS):
            answer = await self._call("GET", self._own("instance/connectionState"))
            if require_object(answer.get("instance")).get("state") == "close":
                return
            await asyncio.sleep(LOGOUT_PAUSE)

    @override
    async def restart(self) -> None:
        """POST /instance/restart/{instance}; one that is closed fails at that, and connects."""
        try:
            await self._call("POST", self._own("instance/restart"))
        except WrongState:
            await self._call("GET", self._own("instance/connect"))

    @override
    async def logout(self) -> None:
        """DELETE /instance/logout/{instance}."""
        await self._call("DELETE", self._own("instance/logout"))

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """POST /message/sendText/{instance}."""
        content: dict[str, Any] = {"text": text}
        if mentions:
            content["mentioned"] = [number(person) for person in mentions]
        if not link_preview:
            content["linkPreview"] = False
        return await self._send("sendText", chat_id, content, reply_to)

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """POST /message/sendMedia/{instance}, or sendWhatsAppAudio, which makes a voice message of any sound."""
        if media.kind is MediaKind.VOICE:
            return await self._send("sendWhatsAppAudio", chat_id, {"audio": media.content}, reply_to, with_file=True)
        content: dict[str, Any] = {
            "mediatype": media.kind.value,
            "media": media.content,
            "mimetype": media.mime_type,
            "fileName": media.file_name,
        }
        if caption:
            content["caption"] = caption
        return await self._send("sendMedia", chat_id, content, reply_to, with_file=True)

    @override
    async def send_location(self, chat_id: str, location: Location, *, reply_to: str = "") -> SentMessage:
        """POST /message/sendLocation/{instance}: it wants a name and an address, so it gets the degrees."""
        degrees = ", ".join(location.degrees)
        content = {
            "latitude": location.latitude,
            "longitude": location.longitude,
            "name": location.name or degrees,
            "address": location.address or degrees,
        }
        return await self._send("sendLocation", chat_id, content, reply_to)

    @override
    async def send_contact(self, chat_id: str, contact: Contact, *, reply_to: str = "") -> SentMessage:
        """POST /message/sendContact/{instance}."""
        person = {"fullName": contact.name, "wuid": contact.phone, "phoneNumber": f"+{contact.phone}"}
        return await self._send("sendContact", chat_id, {"contact": [person]}, reply_to)

    @override
    async def send_poll(self, chat_id: str, poll: Poll, *, reply_to: str = "") -> SentMessage:
        """POST /message/sendPoll/{instance}: 0 is any number of answers."""
        count = 0 if poll.multiple else 1
        content = {"name": poll.question, "selectableCount": count, "values": list(poll.options)}
        return await self._send("sendPoll", chat_id, content, reply_to)

    @override
    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """POST /message/sendReaction/{instance}."""
        self._require(chat_id)
        body = {"key": key_of(message_id, chat_id), "reaction": emoji}
        await self._call("POST", self._own("message/sendReaction"), body)

    @override
    async def edit_message(self, chat_id: str, message_id: str, text: str) -> None:
        """POST /chat/updateMessage/{instance}."""
        self._require(chat_id)
        body = {"number": number(chat_id), "text": text, "key": key_of(message_id, chat_id, from_me=True)}
        await self._call("POST", self._own("chat/updateMessage"), body)

    @override
    async def delete_message(self, chat_id: str, message_id: str) -> None:
        """DELETE /chat/deleteMessageForEveryone/{instance}, with a body."""
        self._require(chat_id)
        body = key_of(message_id, chat_id, from_me=True)
        await self._call("DELETE", self._own("chat/deleteMessageForEveryone"), body)

    @override
    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """POST /chat/markMessageAsRead/{instance}: passes over whoever is named by an opaque id, without a word."""
        self._require(chat_id, *([] if message_id else [Feature.READ_CHAT]))
        key = key_of(message_id, chat_id)
        if key["remoteJid"].endswith("@lid"):
            raise Unsupported(Capability.MARK_READ)
        await self._call("POST", self._own("chat/markMessageAsRead"), {"readMessages": [key]})

    @override
    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """POST /chat/sendPresence/{instance}: it answers when the time that it is shown for is over."""
        self._require(chat_id)
        presence, milliseconds = _PRESENCES[typing]
        body = {"number": number(chat_id), "presence": presence, "delay": milliseconds}
        await self._call("POST", self._own("chat/sendPresence"), body)

    @override
    async def check_number(self, phone: str) -> str | None:
        """POST /chat/whatsappNumbers/{instance}."""
        answer = await self._request("POST", self._own("chat/whatsappNumbers"), {"numbers": [phone]})
        found = require_object(answer[0] if isinstance(answer, list) and answer else None)
        if not isinstance(found.get("exists"), bool):
            raise InvalidAnswer("the answer does not say whether the number exists")
        return chat_id(require_text(found, "jid")) if found["exists"] else None

    async def _send(
        self, method: str, chat_id: str, content: Mapping[str, Any], reply_to: str, *, with_file: bool = False
    ) -> SentMessage:
        self._require(chat_id)
        body = {"number": number(chat_id), **content}
        if reply_to:
            body["quoted"] = {"key": key_of(reply_to, chat_id)}
        sent = await self._call("POST", self._own(f"message/{method}"), body, with_file=with_file)
        message_id = require_message_id(sent)
        self._events.note_sent(message_id, chat_id)
        return SentMessage(message_id)

    @override
    async def list_chats(self) -> list[Chat]:
        """POST /chat/findChats/{instance} for people, GET /group/fetchAllGroups/{instance} for groups."""
        people = await self._people()
        groups = await self._listed("GET", self._own("group/fetchAllGroups"), params={"getParticipants": "false"})
        return people + [Chat(require_text(row, "id"), str(row.get("subject") or ""), is_group=True) for row in groups]

    async def _people(self) -> list[Chat]:
        """Return everybody, in pages; where those are not known, all come with the first."""
        people: dict[str, Chat] = {}
        for page in range(_CHAT_PAGES):
            body = {"take": _CHATS_ON_PAGE, "skip": page * _CHATS_ON_PAGE}
            rows = await self._listed("POST", self._own("chat/findChats"), body)
            for row in rows:
                if str(row.get("remoteJid")).endswith(_PEOPLE):
                    person = Chat(chat_id(row["remoteJid"]), str(row.get("pushName") or ""), is_group=False)
                    people[person.chat_id] = person
            if len(rows) != _CHATS_ON_PAGE:
                break
        return list(people.values())

    async def _listed(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Call a method that answers with a list, and return its rows. Raises GatewayError."""
        rows = await self._request(verb, path, body, params, is_list=True)
        if not isinstance(rows, list):
            raise InvalidAnswer("the answer is not a list")
        return [require_object(row) for row in rows]

    @override
    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """POST /webhook/set/{instance}, where another one is registered; there is one for each instance."""
        kept = await self._kept_webhook()
        if kept.get("enabled") and not is_ours(kept, webhook) and not replace:
            raise WebhookTaken("another webhook is registered")
        if not is_right(kept, webhook):
            kept = await self._call("POST", self._own("webhook/set"), {"webhook": wanted(webhook)})
            if not has_secret(kept, webhook):
                raise Refused("the server is too old to send a secret with its webhooks")

    @override
    async def unregister_webhook(self, webhook: Webhook) -> None:
        """The same, disabled: there is no call to delete one."""
        kept = await self._kept_webhook()
        if kept.get("enabled") and is_ours(kept, webhook):
            await self._call("POST", self._own("webhook/set"), {"webhook": disabled(webhook)})

    async def _kept_webhook(self) -> dict[str, Any]:
        """GET /webhook/find/{instance}: null before the first one."""
        kept = await self._request("GET", self._own("webhook/find"))
        return {} if kept is None else require_object(kept)

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """Read the events of a call that has our secret with it."""
        check_secret(headers, webhook)
        return [news for call in parse_events(body) for news in self._events.read(require_text(call, "event"), call)]

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """POST /chat/getBase64FromMediaMessage/{instance}: the server fetches it from WhatsApp and decrypts it."""
        body = {"message": {"key": {"id": file.reference}}, "convertToMp4": False}
        answer = await self._http.request(
            "Evolution API file",
            "POST",
            self._own("chat/getBase64FromMediaMessage"),
            json_body=body,
            limit=limit * 4 // 3 + _AROUND_FILE,
        )
        # A large one takes its time.
        content = await asyncio.to_thread(self._file_in, answer)
        if len(content) > limit:
            raise Refused("the file is too large")
        return content

    def _file_in(self, answer: Answer) -> bytes:
        encoded = require_text(require_object(self._content(answer)), "base64")
        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError:
            raise InvalidAnswer("the answer holds no file") from None

    @override
    async def list_instances(self) -> list[Instance]:
        """GET /instance/fetchInstances: all for the global key, its own for an instance's token."""
        return [self._instance(row) for row in await self._listed("GET", "instance/fetchInstances")]

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """POST /instance/create, without a code: waiting for it would take five seconds."""
        body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS", "qrcode": False}
        made = require_object((await self._call("POST", "instance/create", body)).get("instance"))
        made_name = require_text(made, "instanceName")
        return Instance(made_name, made_name, self._session_state(str(made.get("status") or "close")))

    def _instance(self, row: dict[str, Any]) -> Instance:
        name = require_text(row, "name")
        owner = row.get("profileName")
        state = self._session_state(str(row.get("connectionStatus") or "close"))
        return Instance(name, f"{name} ({owner})" if owner else name, state)

    @override
    async def get_version(self) -> ServerVersion:
        """GET /."""
        return ServerVersion(require_version(await self._call("GET", "")), _NEEDED_VERSION)

    def _own(self, method: str) -> str:
        return f"{method}/{quoted(self.instance_id)}"

    async def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        *,
        with_file: bool = False,
    ) -> dict[str, Any]:
        """Call one method and return the object it answers with. Raises GatewayError."""
        return require_object(await self._request(verb, path, body, params, with_file=with_file))

    async def _request(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        *,
        with_file: bool = False,
        is_list: bool = False,
    ) -> Any:
        answer = await self._http.request(
            f"Evolution API {verb}", verb, path, json_body=body, params=params, with_file=with_file, is_list=is_list
        )
        return self._content(answer)

    def _content(self, answer: Answer) -> Any:
        """Return the JSON of an answer. Raises GatewayError."""
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        content = answer.json()
        # An exception inside comes with a good status; its text is often just "[object Object]".
        if isinstance(content, dict) and content.get("error"):
            raise WrongState(SessionState.UNKNOWN)
        return content

    def _error(self, answer: Answer) -> GatewayError:
        """Return what an answer means: the words are a text, a list, or a list in a list."""
        body = answer.object_or_empty()
        response = body.get("response")
        words = "; ".join(_texts(response.get("message") if isinstance(response, dict) else body.get("message")))
        reason = self._http.redact(words, answer)
        if answer.status == 404 and _NO_INSTANCE.search(words):
            return InstanceNotFound("the gateway knows no such instance")
        if answer.status in (400, 404, 500) and _NOT_CONNECTED.search(words):
            return WrongState(SessionState.UNLINKED)
        if answer.status == 500 and reason:
            return Refused(reason)
        # What is shown while typing fails in the same way, and tells it as an object made into text.
        if answer.status == 400 and response and (_lacks_account(response) or words == "[object Object]"):
            return NotOnWhatsApp("this number is not on WhatsApp")
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _ending(code: Any) -> Ending:
    """Return what the code means with which a connection ended; none before the first."""
    if not isinstance(code, int | None):
        raise InvalidAnswer("the answer has no disconnectionReasonCode")
    return _ENDINGS.get(code or 0, Ending.UNKNOWN)


def _texts(content: Any, depth: int = _MAX_DEPTH) -> Iterator[str]:
    """Yield each text in lists in lists."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth:
        for item in content:
            yield from _texts(item, depth - 1)


def _lacks_account(response: Any) -> bool:
    """Whether the recipient has no account: it is told as `[{"exists": false, …}]` in place of words."""
    message = response.get("message") if isinstance(response, dict) else None
    return isinstance(message, list) and any(isinstance(item, dict) and item.get("exists") is False for item in message)


@dataclass(frozen=True, slots=True)
class Code:
    """A code as text and as a picture in base64, each empty where the answer does not have it."""

    text: str = field(repr=False)
    picture: str = field(repr=False)


def code_in(answer: Any) -> Code:
    """Return the code of an answer.

    GET /instance/connect has it by itself, POST /instance/create in `qrcode`; Wachat shows it in `qrcode` (page
    instance-create), and puts the engine's answers elsewhere into `data` (page instance-state).
    """
    parts = [answer]
    for key in ("data", "qrcode"):
        parts += [part[key] for part in parts if isinstance(part, dict) and isinstance(part.get(key), dict)]
    texts = {
        key: next((part[key] for part in parts if isinstance(part, dict) and isinstance(part.get(key), str)), "")
        for key in ("code", "base64")
    }
    return Code(texts["code"], texts["base64"])
