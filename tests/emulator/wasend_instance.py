"""One session at Wasend: its life from creation to deletion, and its messages.

Wasend runs on the engine of WAHA. Where its own documentation is silent, a session
behaves as one of WAHA does.
"""

import asyncio
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from .instance import Instance
from .model import Kind, Message, chat_id_of, outgoing_id
from .pairing import PairingCodes, QrSeries
from .people import NUMBERS_WITHOUT_ACCOUNT

if TYPE_CHECKING:
    from .world import World

type EngineStatus = Literal["STOPPED", "STARTING", "SCAN_QR_CODE", "WORKING", "FAILED"]
type SessionStatus = Literal["CREATED", "STARTING", "CONNECTED", "STOPPED", "ERROR"]

# Page Get QR Code says no more than "a limited time". With WAHA the first code lasts
# 60 s and each of five more 20 s; then the session has failed.
FIRST_QR_SECONDS = 60
QR_SECONDS = 20
QR_CODES = 6

# Vendor SDK, README: the words for a session. There is none for "waits for a phone";
# page Get QR Code has the code "in a STARTING state".
_SESSION_STATUSES: dict[EngineStatus, SessionStatus] = {
    "STOPPED": "STOPPED",
    "STARTING": "STARTING",
    "SCAN_QR_CODE": "STARTING",
    "WORKING": "CONNECTED",
    "FAILED": "ERROR",
}

_CHOICES = {
    # Vendor docs, page Get QR Code, has /qr; the vendor SDK asks for /auth/qr.
    "qr_path": ("both", "docs", "sdk"),
    # The example and the table of fields on page Get QR Code disagree.
    "qr_reply": ("data", "data_uri", "qr_code", "raw"),
    # Vendor SDK: with `downstream`. Vendor docs: `session` only, which has the status then.
    "list_reply": ("downstream", "session"),
    # Vendor docs: in a wrapper with pagination. Vendor SDK: a plain list.
    "groups_reply": ("wrapped", "plain"),
    # Vendor SDK: `exists` and `jid`. WAHA: `numberExists` and `chatId`.
    "check_reply": ("sdk", "waha"),
}


@dataclass
class WasendOptions:
    """How the server treats a session, where the vendor's sources leave room."""

    qr_path: str = "both"
    qr_reply: str = "data"
    list_reply: str = "downstream"
    groups_reply: str = "wrapped"
    check_reply: str = "sdk"
    # From the start to the first code, or to the link that is there already.
    start_seconds: float = 3.0
    # The rate limit is documented, its figure is not; 0 is none.
    requests_per_minute: int = 0
    # A trouble of the engine: CONNECTED, but every message fails until a restart.
    sends_fail: bool = False

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        for option in fields(self):
            choices = _CHOICES.get(option.name)
            if choices and getattr(self, option.name) not in choices:
                msg = f"Option {option.name!r} must be one of {', '.join(choices)}"
                raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What `POST /sessions` asks for; the reply repeats it."""

    name: str
    # Stays what it was, whichever phone scans later.
    phone_number: str
    account_protection: bool = False
    message_logging: bool = False
    webhook_url: str = ""


class _Phase(StrEnum):
    """What was done with the session last, as far as the server goes."""

    CREATED = "created"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"


class WasendInstance(Instance):
    """A session: created, started, linked."""

    gateway = "wasend"

    def __init__(self, world: World, session_id: str, token: str, order: Order, options: WasendOptions) -> None:
        """Create a session, which nobody has started yet."""
        super().__init__()
        self._world = world
        self.id = session_id
        self.token = token
        self.order = order
        self.number = order.phone_number
        self.options = options
        name = f"{self.gateway} {session_id}"
        self.codes = QrSeries(world.clock, world.seed, name, QR_SECONDS, FIRST_QR_SECONDS)
        # Wasend has no pairing codes: none is ever issued.
        self.pairing_codes = PairingCodes(world.clock, world.seed, name, 0)
        self._phase = _Phase.CREATED
        # Brings the session up; then gives up, if no phone comes.
        self._run: asyncio.Task[None] | None = None
        self.messages: list[Message] = []
        self._read: set[str] = set()
        self.created_at = self.updated_at = iso_time()

    # State

    @property
    def engine_status(self) -> EngineStatus:
        """The word of the engine, which is WAHA's."""
        match self._phase:
            case _Phase.CREATED | _Phase.STOPPED:
                return "STOPPED"
            case _Phase.STARTING:
                return "STARTING"
            case _Phase.FAILED:
                return "FAILED"
        if self.banned:
            return "FAILED"
        return "WORKING" if self.linked else "SCAN_QR_CODE"

    @property
    def state(self) -> SessionStatus:
        """The vendor's word for the session."""
        if self._phase is _Phase.CREATED:
            return "CREATED"
        return _SESSION_STATUSES[self.engine_status]

    @property
    def working(self) -> bool:
        """Say whether calls work that need WhatsApp itself."""
        return self.engine_status == "WORKING"

    def credentials(self) -> dict[str, str]:
        """Return the account's API key and the session's id."""
        return {"base_url": f"{self._world.url}/wasend", "token": self.token, "session_id": self.id}

    def announce(self) -> None:
        """Note the time; nobody is notified."""
        self.updated_at = iso_time()

    # What the API does with the session

    def start(self) -> None:
        """Start. Has no effect on a session that runs or has failed, as with WAHA."""
        if self._phase in (_Phase.CREATED, _Phase.STOPPED):
            self.restart()

    def restart(self) -> None:
        """Stop and start, whatever the state is. A link survives it."""
        self._halt(_Phase.STARTING)
        self.options.sends_fail = False
        self._run = self._world.background.spawn(self._come_up(), f"start of {self.id}")
        self.state_changed()

    def stop(self) -> None:
        """Stop. A link survives it."""
        self._halt(_Phase.STOPPED)
        self.state_changed()

    def discard(self) -> None:
        """Go away for good: the session was deleted."""
        self.linked = False
        self.stop()

    def _halt(self, phase: _Phase) -> None:
        """Drop what is going on and enter the next phase."""
        self._phase = phase
        self._cancel_run()
        self.codes.end()

    def _cancel_run(self) -> None:
        if self._run is not None:
            self._run.cancel()
            self._run = None

    async def _come_up(self) -> None:
        await self._world.clock.sleep(self.options.start_seconds)
        # Tasks that are at their end are not to be cancelled by what follows.
        self._run = None
        self._phase = _Phase.RUNNING
        if not self.linked and not self.banned:
            self.offer_codes()
        self.state_changed()

    async def _give_up(self) -> None:
        """Fail once the last code was not scanned."""
        await self._world.clock.sleep(FIRST_QR_SECONDS + (QR_CODES - 1) * QR_SECONDS)
        self._run = None
        self._halt(_Phase.FAILED)
        self.state_changed()

    # What happens on the phone

    def offer_codes(self) -> None:
        """Offer one code after the other, if the session runs and does not do so yet."""
        if self._phase is _Phase.RUNNING and self._run is None:
            self.codes.begin()
            self._run = self._world.background.spawn(self._give_up(), f"codes of {self.id}")

    def link(self, number: str) -> None:
        """Link the phone."""
        self._halt(_Phase.RUNNING)
        super().link(number)

    def unlink(self) -> None:
        """Lose the link. A running session fails by that, and needs a restart for new codes."""
        if self._phase is _Phase.RUNNING and self.linked:
            self._halt(_Phase.FAILED)
        super().unlink()

    def ban(self) -> None:
        """Have the account banned; it offers no more codes."""
        if self._phase is _Phase.RUNNING:
            self._cancel_run()
        super().ban()

    # Messages

    def receive(self, message: Message) -> bool:
        """Keep a message for the lists of chats and messages."""
        if self.working:
            self.messages.append(message)
        return self.working

    def message_read(self, message: Message) -> None:
        """Remember it for the message's status."""
        self._read.add(message.id)

    def send_text(self, to: str, text: str, quoted_id: str) -> Message:
        """Send a text to a number or a group."""
        chat_id = to if to.endswith("@g.us") else chat_id_of(to)
        message = Message(
            id=f"true_{chat_id}_{outgoing_id()}",
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=Kind.TEXT,
            sender=self.number,
            outgoing=True,
            text=text,
            quoted_id=quoted_id,
        )
        self.messages.append(message)
        if self.was_delivered(message):
            self._world.phone.deliver(message)
        return message

    def was_delivered(self, message: Message) -> bool:
        """Say whether there was a phone to deliver a sent message to."""
        return f"+{message.chat_id.removesuffix('@c.us')}" not in NUMBERS_WITHOUT_ACCOUNT

    def was_read(self, message: Message) -> bool:
        """Say whether the recipient has read a sent message."""
        return message.id in self._read


def iso_time(moment: datetime | None = None) -> str:
    """Return a time, the present if none is given, as JavaScript writes it into JSON."""
    written = (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
