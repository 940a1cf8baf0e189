"""What a gateway can be asked: the contract that every vendor's file fulfils."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import StrEnum
import logging
import re
from typing import ClassVar

from aiohttp import ClientSession

from .errors import InvalidCredentials, Unsupported
from .http import Http, parse_base_url
from .model import Chat, Instance, PairingCode, QrCode, SentMessage, Session, SessionState
from .qr_code import render_png

_LOGGER = logging.getLogger(__name__)


class Capability(StrEnum):
    """What a gateway may or may not be able to do; the value is the name of the method that does it."""

    GET_QR = "get_qr"
    WATCH_QR = "watch_qr"
    START = "start"
    REQUEST_PAIRING_CODE = "request_pairing_code"
    RESTART = "restart"
    LOGOUT = "logout"
    SEND_TEXT = "send_text"
    LIST_CHATS = "list_chats"
    LIST_INSTANCES = "list_instances"
    CREATE_INSTANCE = "create_instance"


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing to type in before an instance can be used."""

    key: str
    secret: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between requests: asking more often costs the user money, quota or the account.

    `linked` and `pairing` are between two looks at the session, `code` is between two questions for a code.
    """

    linked: float
    pairing: float
    code: float = 0


class Gateway(ABC):
    """One instance on one gateway. Makes no HTTP session and keeps no task of its own."""

    key: ClassVar[str]
    name: ClassVar[str]
    default_base_url: ClassVar[str]
    credentials: ClassVar[tuple[Credential, ...]]
    instance_key: ClassVar[str] = ""
    """Which of the credentials names the instance, where one account may have several."""
    create_fields: ClassVar[tuple[str, ...]] = ()
    """What `create_instance` makes use of: `name`, `phone`."""
    capabilities: ClassVar[frozenset[Capability]]
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
        secrets = [credentials[item.key] for item in self.credentials if item.secret]
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
            if (credential.key in credentials or credential.key != cls.instance_key)
            and not credential.pattern.fullmatch(credentials[credential.key])
        ]

    def _headers(self) -> dict[str, str]:
        """Return what goes along with each request."""
        return {}

    @property
    @abstractmethod
    def instance_id(self) -> str:
        """What the vendor calls this instance: unique on the gateway, and not secret."""

    @abstractmethod
    async def get_session(self) -> Session:
        """Ask for the state of the session."""

    async def get_qr(self) -> QrCode | None:
        """Ask for the code to scan; None while there is none yet. Raises WrongState when none will come."""
        raise Unsupported(Capability.GET_QR)

    def watch_qr(self) -> AsyncGenerator[QrCode | Session]:
        """Wait for what the gateway pushes while pairing: each new code, at last the linked session.

        It ends without one when the gateway's time for a scan is over; then it can be called again.
        """
        raise Unsupported(Capability.WATCH_QR)

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

    async def send_text(self, chat_id: str, text: str) -> SentMessage:
        """Send a text to a chat (see address.py). Never repeated by itself."""
        raise Unsupported(Capability.SEND_TEXT)

    async def list_chats(self) -> list[Chat]:
        """Ask for the chats of the account, people and groups."""
        raise Unsupported(Capability.LIST_CHATS)

    async def list_instances(self) -> list[Instance]:
        """Ask which instances there are. Needs no instance among the credentials."""
        raise Unsupported(Capability.LIST_INSTANCES)

    async def create_instance(self, name: str, phone: str) -> Instance:
        """Make an instance for the account with this number (digits). Needs no instance among the credentials."""
        raise Unsupported(Capability.CREATE_INSTANCE)

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
