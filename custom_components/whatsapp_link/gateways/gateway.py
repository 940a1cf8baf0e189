"""What a gateway can be asked: the contract that every vendor's file fulfils."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
import logging
import re
from typing import ClassVar

from aiohttp import ClientSession

from .capability import Capability, Feature, Way
from .errors import InvalidCredentials, Unsupported
from .events import Event, ReceivedFile, Webhook
from .http import Http, parse_base_url
from .model import (
    Chat,
    Contact,
    Instance,
    Link,
    Location,
    Media,
    PairingCode,
    Poll,
    QrCode,
    SentMessage,
    ServerVersion,
    Session,
    SessionState,
    Typing,
)
from .qr_code import render_png

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing to type in before an instance can be used; an optional one may be left out."""

    key: str
    secret: bool
    pattern: re.Pattern[str]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between requests: asking more often costs the user money, quota or the account.

    `linked` and `pairing` are between two looks at the session, `code` is between two questions for a code.
    `pushed` is `linked` where `listen` works: it only makes sure that nothing was missed. `gap` is between two messages.
    """

    linked: float
    pairing: float
    code: float = 0
    pushed: float = 300
    gap: float = 1


class Gateway(ABC):
    """One instance on one gateway. Makes no HTTP session and keeps no task of its own."""

    key: ClassVar[str]
    name: ClassVar[str]
    default_base_url: ClassVar[str]
    credentials: ClassVar[tuple[Credential, ...]]
    instance_key: ClassVar[str] = ""
    """Which of the credentials names the instance, where one account may have several."""
    names_are_local: ClassVar[bool] = False
    """Whether instances on two servers may have the same name."""
    create_fields: ClassVar[tuple[str, ...]] = ()
    """What `create_instance` makes use of: `name`, `phone`."""
    capabilities: ClassVar[frozenset[Capability]]
    features: ClassVar[frozenset[Feature]]
    ways: ClassVar[tuple[Way, ...]] = ()
    """How events can come, the best first: STREAM by `listen`, POLLING by `poll`."""
    ways_with_votes: ClassVar[frozenset[Way]] = frozenset()
    """Those of `ways` in which it is told what somebody votes in a poll."""
    streams_by_websocket: ClassVar[bool] = False
    """Whether something in between, as a proxy, may keep `listen` from working where all else works."""
    pushes_session: ClassVar[bool] = False
    """Whether `listen` tells of each change of the session at once, so that it need not be asked for."""
    takes_links: ClassVar[bool] = False
    """Whether media can only be given as an address, from which the gateway fetches them."""
    max_media: ClassVar[int] = 64 * 1024 * 1024
    """Bytes that a file may have."""
    states: ClassVar[Mapping[str, SessionState]]
    pace: ClassVar[Pace]

    def __init__(
        self,
        session: ClientSession,
        base_url: str,
        credentials: Mapping[str, str],
    ) -> None:
        """Take the HTTP session, the address of the server and the values of `credentials`.

        Without the one that names the instance, only listing and creating instances works.
        Raises InvalidUrl, or InvalidCredentials for a malformed value: it must not end up in a path or a header.
        """
        if malformed := self.malformed(credentials):
            raise InvalidCredentials(f"malformed: {', '.join(malformed)}")
        secrets = [credentials[item.key] for item in self.credentials if item.secret and item.key in credentials]
        self._credentials = credentials
        self._http = Http(session, parse_base_url(base_url), secrets, self._headers())
        self._rendered = ("", b"")
        self._unknown_states: set[str] = set()

    @classmethod
    def malformed(cls, credentials: Mapping[str, str]) -> list[str]:
        """Return the keys of the values that cannot be what they should be."""
        return [
            credential.key
            for credential in cls.credentials
            if (credential.key in credentials or not cls.may_lack(credential))
            and not credential.pattern.fullmatch(credentials[credential.key])
        ]

    @classmethod
    def may_lack(cls, credential: Credential) -> bool:
        """Whether a credential may be left out: what is optional, and the instance that is chosen or made later."""
        return credential.optional or credential.key == cls.instance_key

    @classmethod
    async def lives_at(cls, session: ClientSession, base_url: str) -> bool:
        """Ask without credentials whether a server of this kind answers at an address. False where none can tell."""
        return False

    def _headers(self) -> dict[str, str]:
        """Return what goes along with each request."""
        return {}

    @property
    @abstractmethod
    def instance_id(self) -> str:
        """What the vendor calls this instance: not secret, and unique on the gateway unless `identity` says more."""

    @property
    def identity(self) -> str:
        """What tells this instance from any other, wherever it is."""
        return "_".join((self.key, *([self._http.place] if self.names_are_local else []), self.instance_id))

    @property
    def server(self) -> str:
        """The host and the port of the server, which may be shown; the path of its address may be secret."""
        return self._http.server

    def tells_votes(self, way: Way | None) -> bool:
        """Whether it is told what somebody votes in a poll, where events come in a certain way."""
        return way in self.ways_with_votes

    def is_same(self, other: Gateway) -> bool:
        """Whether another one talks to the same instance, at the same address and with the same credentials."""
        mine, others = ((type(each), each._http.base_url, each._credentials) for each in (self, other))  # noqa: SLF001 # of its own kind
        return mine == others

    @property
    def is_local(self) -> bool:
        """Whether the server is in the home network, and so reaches what has no address outside of it."""
        return self._http.is_local

    @abstractmethod
    async def get_session(self) -> Session:
        """Ask for the state of the session."""

    async def get_link(self) -> Link:
        """Ask which account is linked, or why the last link ended; where the gateway does not tell, nothing is known.

        It may cost a request of its own, so it is asked only when a session was linked or lost. Raises GatewayError.
        """
        return Link()

    async def get_qr(self) -> QrCode | None:
        """Ask for the code to scan; None while there is none yet. Raises WrongState when none will come."""
        raise Unsupported(Capability.GET_QR)

    def watch_qr(self) -> AsyncGenerator[QrCode | Session]:
        """Wait for what the gateway pushes while pairing: each new code, at last the linked session.

        It ends without one when the gateway's time for a scan is over; then it can be called again.
        """
        raise Unsupported(Capability.WATCH_QR)

    def listen(self) -> AsyncGenerator[Session | Event]:
        """Wait for what happens. Where `pushes_session`, the session as it is comes first.

        What was yielded counts as handed over when the next is asked for: a queue drops it only then. It ends when
        the gateway ends it; then it can be called again.
        """
        raise Unsupported(Capability.LISTEN)

    def poll(self) -> AsyncGenerator[Session | Event]:
        """Look now and then for what happened, in the same manner; where there is no stream, `listen` does just that."""
        return self.listen()

    async def register_webhook(self, webhook: Webhook, *, replace: bool = False) -> None:
        """Have events sent to an address; what is registered for it already is brought up to date.

        With an empty address and `replace` nobody's is left, so that `listen` gets them.

        Raises WebhookTaken where there is room for one only and somebody else has it, unless it may be replaced;
        QuotaExceeded where the plan has none.
        """
        raise Unsupported(Capability.REGISTER_WEBHOOK)

    async def unregister_webhook(self, webhook: Webhook) -> None:
        """Have no more events sent to an address. Others that are registered stay."""
        raise Unsupported(Capability.UNREGISTER_WEBHOOK)

    def is_at(self, query: Mapping[str, str], webhook: Webhook) -> bool:
        """Whether a call has the query that the address of the webhook was given, where that shows who calls."""
        return True

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, webhook: Webhook) -> list[Session | Event]:
        """Return what a call to the webhook tells; the keys of `headers` are looked up in any case.

        Raises Forged if it is not from the gateway, or too old, and InvalidAnswer if it makes no sense. What is of no
        use here, or of another instance, is left out.
        """
        raise Unsupported(Capability.PARSE_WEBHOOK)

    async def fetch_file(self, file: ReceivedFile, limit: int) -> bytes:
        """Fetch a file that somebody sent, at most so many bytes. Raises Refused if it is larger or gone."""
        raise Unsupported(Capability.FETCH_FILE)

    async def find_number(self, lid: str) -> str | None:
        """Return the phone number (digits) behind an opaque id (`…@lid`); None if the gateway does not know it."""
        raise Unsupported(Capability.FIND_NUMBER)

    async def request_pairing_code(self, phone: str) -> PairingCode:
        """Ask for a code to type into the phone with this number (digits, international)."""
        raise Unsupported(Capability.REQUEST_PAIRING_CODE)

    async def start(self) -> None:
        """Start a session that is stopped."""
        raise Unsupported(Capability.START)

    async def restart(self) -> None:
        """Restart the session; a linked phone stays linked."""
        raise Unsupported(Capability.RESTART)

    async def logout(self) -> None:
        """Unlink the phone."""
        raise Unsupported(Capability.LOGOUT)

    async def send_text(
        self, chat_id: str, text: str, *, reply_to: str = "", mentions: Sequence[str] = (), link_preview: bool = True
    ) -> SentMessage:
        """Send a text to a chat (see address.py). Never repeated by itself, as nothing that sends is.

        `reply_to` is the id of the message to answer; `mentions` are chat ids of people, whose numbers stand in
        the text after an `@`.
        """
        raise Unsupported(Capability.SEND_TEXT)

    async def send_media(self, chat_id: str, media: Media, *, caption: str = "", reply_to: str = "") -> SentMessage:
        """Send a file. Voice messages and sound have no caption."""
        raise Unsupported(Capability.SEND_MEDIA)

    async def send_location(self, chat_id: str, location: Location, *, reply_to: str = "") -> SentMessage:
        """Send a place on the map."""
        raise Unsupported(Capability.SEND_LOCATION)

    async def send_contact(self, chat_id: str, contact: Contact, *, reply_to: str = "") -> SentMessage:
        """Send somebody's name and number."""
        raise Unsupported(Capability.SEND_CONTACT)

    async def send_poll(self, chat_id: str, poll: Poll, *, reply_to: str = "") -> SentMessage:
        """Send a question with answers to choose from."""
        raise Unsupported(Capability.SEND_POLL)

    async def send_reaction(self, chat_id: str, message_id: str, emoji: str) -> None:
        """React to a message with an emoji; an empty one takes the reaction back."""
        raise Unsupported(Capability.SEND_REACTION)

    async def edit_message(self, chat_id: str, message_id: str, text: str) -> None:
        """Change the text of a message of one's own; WhatsApp allows it for 15 minutes."""
        raise Unsupported(Capability.EDIT_MESSAGE)

    async def delete_message(self, chat_id: str, message_id: str) -> None:
        """Delete a message of one's own for everybody."""
        raise Unsupported(Capability.DELETE_MESSAGE)

    async def mark_read(self, chat_id: str, message_id: str = "") -> None:
        """Let the sender see that a message was read; without an id, all of the chat."""
        raise Unsupported(Capability.MARK_READ)

    async def send_typing(self, chat_id: str, typing: Typing) -> None:
        """Show in the chat what one is doing; WhatsApp shows it for some seconds."""
        raise Unsupported(Capability.SEND_TYPING)

    async def check_number(self, phone: str) -> str | None:
        """Return the chat id of a phone number (digits, international); None if it is not on WhatsApp."""
        raise Unsupported(Capability.CHECK_NUMBER)

    async def list_chats(self) -> list[Chat]:
        """Ask for the chats of the account, people and groups."""
        raise Unsupported(Capability.LIST_CHATS)

    async def list_instances(self) -> list[Instance]:
        """Ask which instances there are. Needs no instance among the credentials."""
        raise Unsupported(Capability.LIST_INSTANCES)

    async def create_instance(self, name: str, phone: str) -> Instance:
        """Make an instance for the account with this number (digits). Needs no instance among the credentials."""
        raise Unsupported(Capability.CREATE_INSTANCE)

    async def get_version(self) -> ServerVersion:
        """Ask which version the server has. Needs no instance among the credentials."""
        raise Unsupported(Capability.GET_VERSION)

    def _require(
        self,
        chat_id: str,
        *needed: Feature,
        reply_to: str = "",
        mentions: Sequence[str] = (),
        link_preview: bool = True,
    ) -> None:
        """Raise Unsupported for what a message asks for and this gateway cannot do; before any request."""
        wanted = {
            Feature.GROUPS: chat_id.endswith("@g.us"),
            Feature.CHANNELS: chat_id.endswith("@newsletter"),
            Feature.HIDDEN_NUMBERS: chat_id.endswith("@lid"),
            Feature.REPLY: reply_to,
            Feature.MENTIONS: mentions,
            Feature.LINK_PREVIEW: not link_preview,
            **dict.fromkeys(needed, True),
        }
        for feature, is_wanted in wanted.items():
            if is_wanted and feature not in self.features:
                raise Unsupported(feature)

    async def _render(self, text: str) -> bytes:
        """Return a picture of a code that the gateway gave as text. Asked for the same again, it is not drawn again."""
        if self._rendered[0] != text:
            self._rendered = (text, await asyncio.to_thread(render_png, text))
        return self._rendered[1]

    def _session_state(self, word: str) -> SessionState:
        """Return the state for a vendor's word. A word nobody knows is `unknown`, and is logged once."""
        if word not in self.states and word not in self._unknown_states:
            self._unknown_states.add(word)
            _LOGGER.warning("%s names an unknown session state: %.40r", self.name, self._http.redact(word))
        return self.states.get(word, SessionState.UNKNOWN)
