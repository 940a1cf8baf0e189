"""Wachat (wachat.net): a hosted service built on Evolution API.

Facts are from the vendor's documentation at docs.wachat.net; the page is named at each. The key travels in the
Authorization header, not in the `apiKey` of the address which the page on QR codes offers as well.
"""

from collections.abc import Mapping
import re
from typing import Any, ClassVar, override

from . import evolution
from .errors import CannotReach, GatewayError, InstanceNotFound, InvalidAnswer, QuotaExceeded, Refused
from .gateway import Capability, Credential, Gateway, Pace
from .http import Answer, error_for_status, require_object, require_text
from .model import Chat, Instance, QrCode, SentMessage, Session, SessionState
from .qr_code import check_png, decode_png

# The documentation is silent; the engine renews a code after 20 to 60 seconds. It is asked for every 15 seconds and
# has to last until then.
_QR_VALID_FOR = 25.0
# Page contacts: pages of 50. More than so many are not offered for choosing anyway.
_CONTACT_PAGES = 10


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
            Capability.LIST_CHATS,
            Capability.LIST_INSTANCES,
            Capability.CREATE_INSTANCE,
        }
    )
    states: ClassVar[Mapping[str, SessionState]] = evolution.STATES
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5, code=15)

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
        answer = await self._call("GET", "instance/state", params=self._own())
        instance = answer.get("instance") or require_object(answer.get("data")).get("instance")
        return Session(self._session_state(require_text(require_object(instance), "state")))

    @override
    async def get_qr(self) -> QrCode | None:
        """Page instance-create names GET /instance/qr for a fresh code; page instance-qr-image gives the PNG itself.

        The first also begins to connect an instance that is closed. Its answer is not shown: where it holds no
        code, the picture is asked for.
        """
        answer = await self._call("GET", "instance/qr", params=self._own())
        found = evolution.code_in(answer)
        if found.text:
            return _code(await self._render(found.text))
        if found.picture:
            return _code(decode_png(found.picture))
        try:
            picture = await self._request("GET", "instance/qr/image", params=self._own())
        except CannotReach:
            # 502 and 504 are said also while there is no code yet.
            return None
        return _code(check_png(picture.body))

    @override
    async def logout(self) -> None:
        """The documentation names the call without showing it; the verb is the engine's."""
        await self._call("DELETE", "instance/logout", params=self._own())

    @override
    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """Page send-text. The answer is not documented; it is the engine's, and may name no message."""
        body = self._own() | {"number": evolution.number(chat_id), "type": "text", "message": text}
        return SentMessage(evolution.message_id(await self._call("POST", "send/text", body)))

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
    ) -> dict[str, Any]:
        """Call one method and return the object it answers with. Raises GatewayError."""
        return require_object((await self._request(verb, path, body, params)).json())

    async def _request(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = await self._http.request(f"Wachat {path}", verb, path, json_body=body, params=params)
        content = answer.object_or_empty()
        if not 200 <= answer.status < 300 or content.get("success") is False or content.get("error"):
            raise self._error(answer, content)
        return answer

    def _error(self, answer: Answer, body: Mapping[str, Any]) -> GatewayError:
        reason = self._http.redact(str(body.get("error") or body.get("message") or body.get("details") or ""))
        if answer.status == 403 and body:
            return QuotaExceeded(reason)
        if answer.status == 404 and body:
            return InstanceNotFound("the gateway knows no such instance")
        if answer.status < 300:
            return Refused(reason or "no reason given")
        return error_for_status(answer.status, reason=reason, retry_after=answer.retry_after)


def _code(png: bytes) -> QrCode:
    return QrCode(png, _QR_VALID_FOR, holds_while_offered=True)


def _chat(contact: Mapping[str, Any]) -> Chat:
    chat_id = evolution.chat_id(require_text(contact, "remoteJid"))
    return Chat(chat_id, str(contact.get("name") or ""), bool(contact.get("isGroup")))
