"""What a gateway tells: plain, frozen values. Whatever is private stays out of their repr."""

from dataclasses import dataclass, field
from enum import StrEnum


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
class Chat:
    """A chat of the account: its id (see address.py), its name, and whether it is a group."""

    chat_id: str = field(repr=False)
    name: str = field(repr=False)
    is_group: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the gateway took; later replies, reactions and receipts refer to its id."""

    message_id: str
