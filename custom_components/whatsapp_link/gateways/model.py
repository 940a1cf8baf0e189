"""What a gateway tells: plain, frozen values. Whatever is private stays out of their repr."""

from dataclasses import dataclass, field
from enum import StrEnum
import re


class SessionState(StrEnum):
    """The state of an instance's link to WhatsApp: the same words for every gateway."""

    STOPPED = "stopped"
    STARTING = "starting"
    UNLINKED = "unlinked"
    LINKED = "linked"
    LIMITED = "limited"
    PASSKEY_REQUIRED = "passkey_required"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_linked(self) -> bool:
        """Whether a phone is linked, be it that WhatsApp restricts what it may send."""
        return self in (SessionState.LINKED, SessionState.LIMITED)


@dataclass(frozen=True, slots=True)
class Session:
    """What the gateway says of the session."""

    state: SessionState


class Ending(StrEnum):
    """Why a link ended."""

    LOGGED_OUT = "logged_out"
    """The phone removed the linked device."""
    REPLACED = "replaced"
    """Another program took the session over."""
    BANNED = "banned"
    """WhatsApp banned the account."""
    UNKNOWN = "unknown"
    """The gateway does not tell, or in words that nobody knows."""


@dataclass(frozen=True, slots=True)
class Link:
    """The account that is linked, by the digits of its number; empty if none is, or the gateway does not tell.

    `ending` is why the last link ended; it means something only while no phone is linked.
    """

    number: str = field(default="", repr=False)
    ending: Ending = Ending.UNKNOWN


@dataclass(frozen=True, slots=True)
class QrCode:
    """A code to scan: PNG bytes, and for how many seconds from now it can be scanned at most.

    Some gateways do not say when a code ends; there, a code that is still offered when they are asked again
    still holds. Whoever has the picture can link a phone, so it is as secret as a password.
    """

    png: bytes = field(repr=False)
    valid_for: float
    holds_while_offered: bool = False


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A code to type into the phone, and for how many seconds from now it holds."""

    code: str = field(repr=False)
    valid_for: float


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that the gateway has for these credentials: its id, the name its owner gave it, its state."""

    instance_id: str
    name: str = field(repr=False)
    state: SessionState


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """Which version a server has, and the oldest that does all that is asked of it; empty where any does."""

    number: str
    needed: str = ""

    @property
    def is_too_old(self) -> bool:
        """Whether it is older than needed. Of a version that is no number nobody knows."""
        present = _numbers(self.number)
        return bool(present) and present < _numbers(self.needed)


def _numbers(version: str) -> tuple[int, ...]:
    """Return what a version begins with: (2, 3, 6) of "v2.3.6-rc1"."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the account: its id (see address.py), its name, and whether it is a group."""

    chat_id: str = field(repr=False)
    name: str = field(repr=False)
    is_group: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the gateway took; later replies, reactions and receipts refer to its id."""

    message_id: str = field(repr=False)


class MediaKind(StrEnum):
    """How a file is shown in a chat."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"

    @property
    def has_caption(self) -> bool:
        """Whether there can be words below it."""
        return self not in (MediaKind.AUDIO, MediaKind.VOICE)


@dataclass(frozen=True, slots=True)
class Media:
    """A file to send: its bytes, and an address where the gateway can fetch it if it takes no bytes."""

    kind: MediaKind
    mime_type: str
    file_name: str = field(repr=False)
    content: bytes = field(repr=False)
    link: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Location:
    """A place, in degrees; its name and address may be empty."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)

    @property
    def degrees(self) -> tuple[str, str]:
        """Latitude and longitude as text: to a centimetre, and never with an exponent."""
        return f"{self.latitude:.7f}", f"{self.longitude:.7f}"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody's name and number (digits, international)."""

    name: str = field(repr=False)
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with answers, of which one or several can be chosen."""

    question: str = field(repr=False)
    options: tuple[str, ...] = field(repr=False)
    multiple: bool


class Typing(StrEnum):
    """What the others see in the chat."""

    TYPING = "typing"
    RECORDING = "recording"
    PAUSED = "paused"
