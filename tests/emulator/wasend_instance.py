"""One session at Wasend: its life from creation to deletion, and its messages.

Wasend runs on the engine of WAHA. Where its own documentation is silent, a session
behaves as one of WAHA does.
"""

import asyncio
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Literal

from .instance import Instance
from .model import JsonObject, Kind, Message, Notice, Signal, chat_id_of, outgoing_id
from .pairing import PairingCodes, QrSeries
from .waha_engines import bare_id, typed_by_owner, with_hidden_number
from .waha_instance import reachable
from .waha_messages import ERROR
from .waha_shapes import ids_of_chat
from .wasend_events import Herald

if TYPE_CHECKING:
    from .world import World

type EngineStatus = Literal["STOPPED", "STARTING", "SCAN_QR_CODE", "WORKING", "FAILED"]
type SessionStatus = Literal["CREATED", "STARTING", "CONNECTED", "STOPPED", "ERROR"]

# Page Get QR Code says no more than "a limited time". With WAHA the first code lasts
# 60 s and each of five more 20 s; then the session has failed.
FIRST_QR_SECONDS = 60
QR_SECONDS = 20
QR_CODES = 6

_USER_EMAIL = "owner@example.com"

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
    # Vendor docs: /sendLinkCustomPreview. Vendor SDK: /send/link-custom-preview.
    "preview_path": ("both", "docs", "sdk"),
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
    preview_path: str = "both"
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
    # WhatsApp turns down every message after it was accepted: WAHA's ack ERROR.
    acks_fail: bool = False
    # WhatsApp hides the numbers of those who write, as engine GOWS shows them then.
    lids: bool = False
    # The webhook of a session that was made in the dashboard; others bring their own.
    webhook_url: str = ""
    # What webhooks hear, with commas: which events of WAHA these are is not documented.
    webhook_events: str = "*"

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
        # Of what others wrote, what the account has marked as read.
        self._seen: set[str] = set()
        self.created_at = self.updated_at = iso_time()
        self._herald = Herald(world, self)
        self._announced = self.engine_status

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

    @property
    def metadata(self) -> JsonObject:
        """What Wasend has WAHA know about the session's owner (vendor SDK)."""
        return {"userId": object_id(f"user {self.token}"), "userEmail": _USER_EMAIL}

    def credentials(self) -> dict[str, str]:
        """Return the account's API key and the session's id."""
        return {"base_url": f"{self._world.url}/wasend", "token": self.token, "session_id": self.id}

    def announce(self) -> None:
        """Note the time, and tell of a new status."""
        self.updated_at = iso_time()
        if self.engine_status != self._announced:
            self._announced = self.engine_status
            self._herald.status()

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
        """Tell of every new code, and fail once the last was not scanned."""
        await self._world.clock.sleep(FIRST_QR_SECONDS)
        for _ in range(QR_CODES - 1):
            self._herald.status()
            await self._world.clock.sleep(QR_SECONDS)
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
        """Keep a message for the lists of chats and messages, and tell of it."""
        if not self.working:
            return False
        seen = with_hidden_number(message) if self.options.lids else message
        self.messages.append(seen)
        self._herald.received(seen)
        return True

    def owner_wrote(self, message: Message) -> bool:
        """Keep a message that was typed on the phone; WAHA tells of these, too."""
        if not self.working:
            return False
        own = typed_by_owner(message)
        self.messages.append(own)
        self._herald.sent(own)
        return True

    def message_read(self, message: Message) -> None:
        """Remember it for the message's status, and tell of it."""
        own = self.find_message(message.id) or message
        self._read.add(own.id)
        self._herald.read(own)

    def send(self, chat_id: str, kind: Kind, text: str, quoted_id: str, details: JsonObject) -> Message:
        """Send a message."""
        message = Message(
            id=f"true_{chat_id}_{outgoing_id()}",
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=kind,
            sender=self.number,
            outgoing=True,
            text=text,
            quoted_id=quoted_id,
            details=details,
        )
        self.messages.append(message)
        if self.was_delivered(message):
            self._world.phone.deliver(message)
        self._herald.sent(message)
        return message

    def signal(self, chat_id: str, signal: Signal, *message_ids: str) -> None:
        """Let a chat see that the account reads or types."""
        self._world.phone.notice(
            Notice(gateway=self.gateway, instance=self.id, chat_id=chat_id, signal=signal, message_ids=message_ids)
        )

    def read_chat(self, chat_id: str, count: int) -> None:
        """Mark the newest messages of a chat as read."""
        newest = reversed(self._written_in(chat_id))
        self._seen.update(message.id for message in islice(newest, count))
        self.signal(chat_id, Signal.READ)

    def count_unread(self, chat_id: str) -> int:
        """Return how many messages of others are not marked as read."""
        return sum(message.id not in self._seen for message in self._written_in(chat_id))

    def _written_in(self, chat_id: str) -> list[Message]:
        return [message for message in self.messages_in(chat_id) if not message.outgoing]

    def messages_in(self, chat_id: str) -> list[Message]:
        """Return the messages of a chat, oldest first."""
        ids = ids_of_chat(chat_id, self.number)
        return [message for message in self.messages if message.chat_id in ids]

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""
        return next((message for message in self.messages if bare_id(message.id) == bare_id(given)), None)

    def url_of_file(self, message: Message) -> str:
        """Return the address of a message's file, "" if there is none.

        What was written to the account has a whole one; what it sent has only a path. Who
        may fetch it is not documented: here, everybody who knows the address.
        """
        path = message.details.get("path")
        return self._world.url + path if path else str(message.details.get("url", ""))

    def was_delivered(self, message: Message) -> bool:
        """Say whether there was a phone to deliver a sent message to."""
        return reachable(message.chat_id) and not self.options.acks_fail

    def has_failed(self, message: Message) -> bool:
        """Say whether WhatsApp turned a message down."""
        return self._herald.ack_of(message) == ERROR

    def was_read(self, message: Message) -> bool:
        """Say whether the recipient has read a sent message."""
        return message.id in self._read


def chat_of(to: str) -> str:
    """Return the chat with a recipient, who is a number or a group."""
    return to if to.endswith("@g.us") else chat_id_of(to)


def object_id(name: str) -> str:
    """Return an id as MongoDB makes them, always the same for the same name."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def iso_time(moment: datetime | None = None) -> str:
    """Return a time, the present if none is given, as JavaScript writes it into JSON."""
    written = (moment or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
