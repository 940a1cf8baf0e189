"""Wachat (wachat.net): a hosted service built on Evolution API.

Facts are from the vendor's documentation at docs.wachat.net; the page is named at each. The key travels in the
Authorization header, not in the `apiKey` of the address which the page on QR codes offers as well.
"""

from collections.abc import Mapping, Sequence
import logging
import re
from typing import Any, ClassVar, override

from aiohttp import ClientSession

from . import evolution
from .address import account_number
from .capability import Capability, Feature, Way
from .downloads import GONE, download, own_path, parse_file_url
from .errors import CannotReach, GatewayError, InstanceNotFound, InvalidAnswer, QuotaExceeded, Refused
from .events import Event, ReceivedFile, Webhook
from .evolution_keys import chat_id, message_id, number
from .gateway import Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, Instance, Link, Media, MediaKind, QrCode, SentMessage, Session, SessionState
from .qr_code import check_png, decode_png
from .wachat_events import EVENTS, WachatEvents

_LOGGER = logging.getLogger(__name__)

# The documentation is silent; the engine renews a code after 20 to 60 seconds. It is asked for every 15 seconds and
# has to last until then.
_QR_VALID_FOR = 25.0
# Page contacts: pages of 50. More than so many are not offered for choosing anyway.
_CONTACT_PAGES = 10
_SEND_TIMEOUT = 60.0
# What the vendor's site calls our webhook.
_WEBHOOK_NAME = "Home Assistant"


class Wachat(Gateway):
    """An instance on Wachat."""

    key: ClassVar[str] = "wachat"
    name: ClassVar[str] = "Wachat"
    default_base_url: ClassVar[str] = "https://app.wachat.net/api/v1"
    credentials: ClassVar[tuple[Credential, ...]] = (
        Credential("token", secret=True, pattern=re.compile(r"[\w.~+/=-]{6,256}", re.ASCII)),
        Credential("instance_name", secret=False, pattern=re.compile(r"[\w.-]{1,128}", re.ASCII)),
    )
    instance_key: ClassVar[str] = "instance_name"
    create_fields: ClassVar[tuple[str, ...]] = ("name",)
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.GET_QR,
            Capability.LOGOUT,
            Capability.SEND_TEXT,
            Capability.SEND_MEDIA,
            Capability.LIST_CHATS,
            Capability.REGISTER_WEBHOOK,
            Capability.UNREGISTER_WEBHOOK,
            Capability.PARSE_WEBHOOK,
            Capability.FETCH_FILE,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
        }
    )
    features: ClassVar[frozenset[Feature]] = frozenset({Feature.GROUPS, Feature.DOCUMENT_CAPTION})
    ways: ClassVar[tuple[Way, ...]] = (Way.WEBHOOK,)
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset({Way.WEBHOOK})
    takes_links: ClassVar[bool] = True
    states: ClassVar[Mapping[str, SessionState]] = evolution.STATES
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5, code=15)

    def __init__(self, session: ClientSession, base_url: str, credentials: Mapping[str, str]) -> None:
        """Take what every gateway takes; see there."""
        super().__init__(session, base_url, credentials)
        self._events = WachatEvents(credentials.get("instance_name", ""), self._session_state)

    @override
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._credentials['token']}"}

    @property
    @override
    def instance_id(self) -> str:
        return self._credentials["instance_name"]

    @override
    async def get_session(self) -> Session:
        """Page instance-state: the state stands in `instance`, and as the engine says it in `data.instance`."""
        return Session(self._state_of(await self._shown()))

    @override
    async def get_link(self) -> Link:
        """The same: the first has the account. While none is linked, it may be the last; why it went is not told."""
        instance = await self._shown()
        if not self._state_of(instance).is_linked:
            return Link()
        return Link(account_number(instance.get("owner")) or account_number(instance.get("number")))

    async def _shown(self) -> dict[str, Any]:
        answer = await self._call("GET", "instance/state", params=self._own())
        return require_object(answer.get("instance") or require_object(answer.get("data")).get("instance"))

    def _state_of(self, instance: Mapping[str, Any]) -> SessionState:
        return self._session_state(require_text(instance, "state"))

    @override
    async def get_qr(self) -> QrCode | None:
        """Page instance-create names GET /instance/qr for a fresh code; page instance-qr-image gives the PNG itself.

        The first also begins to connect an instance that is closed. Its answer is not shown: where it holds no
        code, or makes no sense, the picture is asked for.
        """
        is_there = True
        try:
            found = evolution.code_in(await self._call("GET", "instance/qr", params=self._own()))
            if found.text:
                return _code(await self._render(found.text))
            if found.picture:
                return _code(decode_png(found.picture))
        except (CannotReach, InstanceNotFound, InvalidAnswer) as error:
            _LOGGER.debug("The picture of the code is asked for: %s", error)
            is_there = not isinstance(error, CannotReach)
        try:
            picture = await self._request("GET", "instance/qr/image", params=self._own())
        except CannotReach:
            # 502 and 504 are said also while there is no code yet.
            if is_there:
                return None
            raise
        return _code(check_png(picture.body))

    @override
    async def logout(self) -> None:
        """The documentation names the call without showing it; the verb is the engine's, or else that of most calls."""
        own, path = self._own(), "instance/logout"
        answer = await self._http.request("Wachat logout", "DELETE", path, params=own)
        if answer.status in (404, 405):
            answer = await self._http.request("Wachat logout", "POST", path, json_body=own, params=own)
        require_object(self._accepted(answer).json())

    @override
    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """Page send-text. The answer is not documented; it is the engine's, and may name no message."""
        self._require(chat_id, reply_to=reply_to, mentions=mentions, link_preview=link_preview)
        return await self._send("send/text", chat_id, {"type": "text", "message": text})

    @override
    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """Page send-media: the service fetches the file. It has no voice messages."""
        self._require(chat_id, *([Feature.VOICE] if media.kind is MediaKind.VOICE else []), reply_to=reply_to)
        content = {
            "type": media.kind.value,
            "mediaUrl": media.link,
            "fileName": media.file_name,
            "mimetype": media.mime_type,
        }
        return await self._send("send/media", chat_id, content | ({"message": caption} if caption else {}))

    async def _send(self, method: str, chat_id: str, content: Mapping[str, Any]) -> SentMessage:
        body = self._own() | {"number": number(chat_id), **content}
        # It answers after typing for some seconds; whether it has fetched the file by then is not documented.
        sent = message_id(await self._call("POST", method, body, timeout=_SEND_TIMEOUT))
        self._events.note_sent(sent, chat_id)
        return SentMessage(sent)

    @override
    async def list_chats(self) -> list[Chat]:
        """Page contacts."""
        chats: list[Chat] = []
        for page in range(1, _CONTACT_PAGES + 1):
            params = self._own() | {"page": str(page), "limit": "50"}
            answer = await self._call("GET", "contacts", params=params)
            contacts = answer.get("contacts")
            if not isinstance(contacts, list):
                raise InvalidAnswer("the answer lists no contacts")
            chats += [_chat(require_object(contact)) for contact in contacts]
            if not answer.get("hasMore"):
                break
        return chats

    @override
    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """Page webhooks-create. There is room for several, and with its id one is changed.

        It is written each time: what is shown of the secret does not tell whether it is ours.
        """
        ids = [found.get("id") for found in await self._webhooks() if _is_at(found, webhook)]
        await self._call("POST", "webhooks", self._webhook(webhook, ids[0] if ids else None))

    @override
    async def unregister_webhook(self, webhook: Webhook) -> None:
        """The same, disabled: the documentation names no call to delete one."""
        for found in await self._webhooks():
            if _is_at(found, webhook) and found.get("enabled") is not False:
                body = self._webhook(webhook, found.get("id")) | {"enabled": False}
                await self._call("POST", "webhooks", body)

    async def _webhooks(self) -> list[dict[str, Any]]:
        """Page webhooks."""
        webhooks = (await self._call("GET", "webhooks", params=self._own())).get("webhooks")
        if not isinstance(webhooks, list):
            raise InvalidAnswer("the answer lists no webhooks")
        return [require_object(webhook) for webhook in webhooks]

    def _webhook(self, webhook: Webhook, webhook_id: Any) -> dict[str, Any]:
        body = {
            "url": webhook.url,
            "name": _WEBHOOK_NAME,
            "events": EVENTS,
            "enabled": True,
            "secret": webhook.secret,
            **self._own(),
        }
        return body if webhook_id is None else {"id": webhook_id, **body}

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """Page webhooks: signed with our secret; see wachat_events.py."""
        return self._events.read_call(headers, body, webhook.secret)

    @override
    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """Fetch from the address that came with the message, if one did; the documentation shows none."""
        path = own_path(self._http, file.reference)
        if path is None:
            content = await download(self._http, file.reference, limit)
        else:
            query = parse_file_url(file.reference).query
            answer = await self._http.request("Wachat file", "GET", path, params=query, limit=limit)
            if answer.status not in (200, *GONE):
                raise self._error(answer, answer.object_or_empty())
            content = None if answer.status in GONE else answer.body
        if content is None:
            raise Refused("the file is gone")
        return content

    @override
    async def list_instances(self) -> list[Instance]:
        """Page instance-list."""
        instances = (await self._call("GET", "instance/list")).get("instances")
        if not isinstance(instances, list):
            raise InvalidAnswer("the answer lists no instances")
        return [self._instance(require_object(instance)) for instance in instances]

    @override
    async def create_instance(self, name: str, phone: str) -> Instance:
        """Page instance-create: the name to use in every later call is the one that the service gives back."""
        body = {"instanceName": name, "integration": "WHATSAPP-BAILEYS"}
        answer = await self._call("POST", "instance/create", body, params={"response": "json"})
        return self._instance(require_object(answer.get("instance")))

    def _instance(self, item: dict[str, Any]) -> Instance:
        name = str(item.get("displayName") or item.get("instanceName") or "")
        state = self._session_state(str(item.get("state") or "close"))
        return Instance(require_text(item, "apiInstanceName"), name, state)

    def _own(self) -> dict[str, str]:
        return {"instanceName": self.instance_id}

    async def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Call one method and return the object it answers with. Raises GatewayError."""
        return require_object((await self._request(verb, path, body, params, timeout)).json())

    async def _request(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        return self._accepted(
            await self._http.request(f"Wachat {path}", verb, path, json_body=body, params=params, timeout=timeout)
        )

    def _accepted(self, answer: Answer) -> Answer:
        content = answer.object_or_empty()
        if not 200 <= answer.status < 300 or content.get("success") is False or content.get("error"):
            raise self._error(answer, content)
        return answer

    def _error(self, answer: Answer, body: Mapping[str, Any]) -> GatewayError:
        words = str(body.get("error") or body.get("message") or body.get("details") or "")
        reason = self._http.redact(words, answer)
        if answer.status == 403 and body:
            return QuotaExceeded(reason)
        if answer.status == 404 and body:
            return InstanceNotFound("the gateway knows no such instance")
        if answer.status < 300:
            return Refused(reason or "no reason given")
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _code(png: bytes) -> QrCode:
    return QrCode(png, _QR_VALID_FOR, holds_while_offered=True)


def _is_at(found: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether a webhook goes to our address, whatever its query."""
    return str(found.get("url")).partition("?")[0] == webhook.url.partition("?")[0]


def _chat(contact: Mapping[str, Any]) -> Chat:
    return Chat(
        chat_id(require_text(contact, "remoteJid")), str(contact.get("name") or ""), bool(contact.get("isGroup"))
    )
