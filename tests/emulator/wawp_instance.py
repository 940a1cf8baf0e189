"""One instance at Wawp: the life of its session.

Written from the vendor's documentation (vendor docs, with the page's name) and the
vendor's libraries. Where both are silent, the comment says so.
"""

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
import hashlib
from typing import TYPE_CHECKING, Any, override

from .instance import Instance
from .model import JsonObject, Kind, Message, Notice, Signal, chat_id_of, outgoing_id
from .pairing import PairingCodes, QrSeries
from .people import name_of
from .waha_engines import bare_id, typed_by_owner, with_hidden_number
from .wawp_events import Herald
from .wawp_limits import Limits
from .wawp_options import WawpOptions
from .wawp_published import PublishedFiles
from .wawp_shapes import Ack, serialized_id
from .wawp_webhooks import Registrations

if TYPE_CHECKING:
    from .world import World

# Vendor docs, page auth/qr-image: a code is good for 20 to 40 s. Phones give the first code
# of a series more time than those that follow, hence both ends of that range.
FIRST_QR_SECONDS = 40
QR_SECONDS = 20
# Not documented for this vendor; WhatsApp's own pairing codes last a few minutes.
PAIRING_CODE_SECONDS = 180
# Vendor docs, page auth/qr-image: "Stop -> Start", and "please wait 15 seconds". How the
# 15 s are shared between the two is not documented.
HEALING_STOPPED_SECONDS = 3
HEALING_STARTING_SECONDS = 12

# What stands in a chat as a message; reactions, votes, calls and the like do not.
_KINDS_IN_CHATS = frozenset(Kind) - {Kind.POLL_VOTE, Kind.REACTION, Kind.EDITED, Kind.DELETED, Kind.CALL}


class _Engine(Enum):
    """What the process does that holds the link to WhatsApp."""

    STOPPED = auto()
    STARTING = auto()
    RUNNING = auto()
    FAILED = auto()


class WawpInstance(Instance):
    """An instance. A new one is stopped (vendor docs, page session/create)."""

    gateway = "wawp"

    def __init__(
        self,
        world: World,
        instance_id: str,
        token: str,
        number: str,
        options: WawpOptions,
    ) -> None:
        """Make an instance that was never started."""
        super().__init__()
        self._world = world
        self.id = instance_id
        self.token = token
        self.number = number
        self.options = options
        self.name = _session_name(instance_id)
        seed_name = f"{self.gateway} {instance_id}"
        self.codes = QrSeries(world.clock, world.seed, seed_name, QR_SECONDS, FIRST_QR_SECONDS)
        self.pairing_codes = PairingCodes(world.clock, world.seed, seed_name, PAIRING_CODE_SECONDS)
        self.messages: list[Message] = []
        self._acks: dict[str, Ack] = {}
        self.limits = Limits(world.clock)
        self._engine = _Engine.STOPPED
        self._task: asyncio.Task[None] | None = None
        self._desynced = False
        self._turning: asyncio.Task[None] | None = None
        self._desync_ahead = options.desync
        self._stuck_ahead = options.stuck
        self.files = PublishedFiles(world)
        self.webhooks = Registrations()
        self._herald = Herald(world, self)
        self._announced = self.state

    # State

    @property
    @override
    def state(self) -> str:
        """The vendor's word (vendor docs, session status)."""
        if self.options.status:
            return self.options.status
        if self._engine is not _Engine.RUNNING:
            return self._engine.name
        if self._wants_phone:
            return "SCAN_QR_CODE"
        # Not documented for a ban; such an account has lost its login, which is FAILED.
        return "FAILED" if self.banned else "WORKING"

    @property
    def _wants_phone(self) -> bool:
        return self._engine is _Engine.RUNNING and not self.linked and not self.banned

    @property
    def engine_state(self) -> str:
        """What the engine itself says, which Wawp has wrong while de-synced."""
        return "STARTING" if self._desynced else self.state

    @property
    def me(self) -> JsonObject | None:
        """The account, while the login is kept."""
        if not self.linked:
            return None
        return {"id": chat_id_of(self.number), "pushName": name_of(self.number) or "Home"}

    @override
    def credentials(self) -> dict[str, str]:
        """Return what the vendor's dashboard shows for the instance."""
        return {
            "base_url": f"{self._world.url}/wawp",
            "instance_id": self.id,
            "token": self.token,
        }

    @override
    def announce(self) -> None:
        """Tell of a new status."""
        if self.state != self._announced:
            self._announced = self.state
            self._herald.status()

    # What the phone does

    @override
    def offer_codes(self) -> None:
        """Begin a new series, if there is an engine that wants to be linked."""
        if self._wants_phone:
            self.codes.begin()
            if self._turning is not None:
                self._turning.cancel()
            self._turning = self._world.background.spawn(self._turn_codes(), f"codes of {self.id}")

    async def _turn_codes(self) -> None:
        """Tell the status again with every new code, for as long as there are any."""
        count = self.codes.count
        while (left := self.codes.seconds_to_next()) is not None:
            await self._world.clock.sleep(left)
            if count < self.codes.count:
                count = self.codes.count
                self._herald.status()

    @override
    def link(self, number: str) -> None:
        """Link the phone."""
        self._end_task()
        self._engine = _Engine.RUNNING
        super().link(number)

    @override
    def unlink(self) -> None:
        """Lose the link on the phone.

        Vendor docs: an unlinked session is FAILED, and wants a restart. One that does not
        run learns of it when it starts.
        """
        if self._engine is _Engine.RUNNING and self.linked:
            self._engine = _Engine.FAILED
        super().unlink()

    def crash(self) -> None:
        """Have the engine break down; the login is kept."""
        self._halt(_Engine.FAILED)

    def desync(self) -> None:
        """Have the engine lose touch with WhatsApp while it waits for a phone.

        Wawp goes on to say SCAN_QR_CODE and notices only when somebody asks for a code.
        """
        if self._wants_phone:
            self._desynced = True
            self.codes.end()
            self.pairing_codes.end()

    # What the API does

    def start(self) -> None:
        """Start the engine, unless it runs or starts already."""
        if self._engine in (_Engine.STOPPED, _Engine.FAILED):
            self.restart()

    def restart(self) -> None:
        """Start the engine, whatever it is doing."""
        self._halt(_Engine.STARTING)
        if self._stuck_ahead:
            self._stuck_ahead = False
        else:
            self._in_background(self._come_up(self.options.start_seconds))

    def stop(self) -> None:
        """Stop the engine; the login is kept."""
        self._halt(_Engine.STOPPED)

    def log_out(self) -> None:
        """Unlink the phone.

        The vendor docs show SCAN_QR_CODE as the answer on page session/logout, and want a
        logout and a start to repair what FAILED. So an engine that runs offers codes at
        once, and one that does not is left stopped.
        """
        runs = self._engine in (_Engine.RUNNING, _Engine.STARTING)
        self._end_task()
        self._engine = _Engine.RUNNING if runs else _Engine.STOPPED
        # Without the link there is nothing left for the phone to lose.
        self.linked = False
        super().unlink()

    def heal(self) -> None:
        """Begin to repair a de-synced engine (vendor docs, page auth/qr-image)."""
        if self._desynced:
            self._halt(_Engine.STOPPED)
            self._in_background(self._heal())

    def close(self) -> None:
        """End all that goes on, because the instance is deleted."""
        self._halt(_Engine.STOPPED)

    def _halt(self, engine: _Engine) -> None:
        self._end_task()
        self._engine = engine
        self.codes.end()
        self.pairing_codes.end()
        self.state_changed()

    def _end_task(self) -> None:
        self._desynced = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._world.background.spawn(work, f"engine of {self.id}")

    async def _heal(self) -> None:
        await self._world.clock.sleep(HEALING_STOPPED_SECONDS)
        self._engine = _Engine.STARTING
        self.state_changed()
        await self._come_up(HEALING_STARTING_SECONDS)

    async def _come_up(self, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        self._task = None
        self._engine = _Engine.RUNNING
        self.offer_codes()
        if self._desync_ahead:
            self._desync_ahead = False
            self.desync()
        self.state_changed()

    # Messages

    def send(self, chat_id: str, kind: Kind, text: str, reply_to: str, details: JsonObject) -> Message:
        """Send a message; it arrives at once."""
        message = Message(
            id=serialized_id(chat_id, outgoing_id(), from_me=True),
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=kind,
            sender=self.number,
            outgoing=True,
            text=text,
            quoted_id=reply_to,
            details=details,
        )
        if not self.options.acks_fail:
            self._world.phone.deliver(message)
            self._acks[message.id] = Ack.DEVICE
        self._keep(message)
        self._herald.sent(message)
        return message

    def _keep(self, message: Message) -> None:
        if message.kind in _KINDS_IN_CHATS:
            self.messages.append(message)

    def attach(self, content: bytes, mime_type: str, name: str) -> JsonObject:
        """Keep the file of a message and return what the message says about it."""
        return self._world.files.attach(content, mime_type, name)

    def signal(self, chat_id: str, signal: Signal, *message_ids: str) -> None:
        """Let a chat see that the account reads or types."""
        self._world.phone.notice(
            Notice(gateway=self.gateway, instance=self.id, chat_id=chat_id, signal=signal, message_ids=message_ids)
        )

    def url_of_file(self, message: Message) -> str:
        """Return the address of a message's file."""
        return self.files.publish(message)

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""
        return next((message for message in self.messages if bare_id(message.id) == bare_id(given)), None)

    @override
    def receive(self, message: Message) -> bool:
        """Keep a message and tell of it, if the session works."""
        if self.state != "WORKING":
            return False
        seen = with_hidden_number(message) if self.options.lids else message
        self._keep(seen)
        self._herald.received(seen)
        return True

    @override
    def owner_wrote(self, message: Message) -> bool:
        """Keep a message that was typed on the phone; the engine tells of these, too."""
        if self.state != "WORKING":
            return False
        own = typed_by_owner(message)
        self._keep(own)
        self._acks[own.id] = Ack.DEVICE
        self._herald.sent(own)
        return True

    @override
    def message_read(self, message: Message) -> None:
        """Note and tell that a message was read."""
        own = self.find_message(message.id) or message
        self._acks[own.id] = Ack.READ
        self._herald.read(own)

    def ack_of(self, message: Message) -> Ack:
        """Return how far a message came; those from others have arrived here."""
        if message.outgoing and message.id not in self._acks:
            return Ack(self._herald.receipts.level_of(message))
        return self._acks.get(message.id, Ack.DEVICE)


def _session_name(instance_id: str) -> str:
    """Return a name like `wawp-84729105`, always the same for the same instance."""
    digest = hashlib.sha256(f"session of {instance_id}".encode()).digest()
    return f"wawp-{10**7 + int.from_bytes(digest[:8]) % (9 * 10**7)}"
