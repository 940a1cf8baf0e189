"""One session at WAHA: its life from creation to deletion, and its messages."""

import asyncio
from dataclasses import dataclass, field
from pathlib import PurePath
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import waha_events as events
from .instance import Instance
from .model import JsonObject, Kind, Message, Notice, Signal, outgoing_id
from .pairing import PairingCodes, QrSeries
from .people import NUMBERS_WITHOUT_ACCOUNT
from .waha_engines import bare_id, typed_by_owner, with_hidden_number
from .waha_messages import DEVICE, PENDING, READ, wa_message
from .waha_receipts import Receipts, reader_of
from .waha_shapes import passkey_challenge
from .waha_status import STATUSES, Phase, Status, reachout_timelock
from .waha_webhooks import Postman, Webhook

if TYPE_CHECKING:
    from .waha_options import WahaOptions
    from .waha_socket import EventHub
    from .world import World

# Vendor docs, page sessions: the first code lasts longer, and there are six in all.
FIRST_QR_SECONDS = 60
QR_SECONDS = 20
QR_CODES = 6
# Not documented. It ends with the QR codes in any case.
PAIRING_CODE_SECONDS = 180
# Vendor source: WHATSAPP_FILES_LIFETIME, as nobody changes it.
FILE_SECONDS = 180
# Vendor docs, page events: session.status tells this many of the last statuses.
_STATUSES_TOLD = 3
# WhatsApp's number for what it refuses to a restricted account.
_RESTRICTED = "server returned error 463"


@dataclass(frozen=True)
class Outgoing:
    """What is to be sent, whatever its kind is."""

    chat_id: str
    kind: Kind
    text: str = ""
    quoted_id: str = ""
    details: JsonObject = field(default_factory=dict)
    # WhatsApp's part of the message's id, if the client made it.
    own_id: str = ""
    # WhatsApp passes over what nobody may do, such as editing a message of somebody else.
    allowed: bool = True

    @property
    def arrives(self) -> bool:
        """Say whether any phone gets to see it."""
        return self.allowed and reachable(self.chat_id)


class WahaInstance(Instance):
    """A session, and the engine that runs in it."""

    gateway = "waha"

    def __init__(
        self, world: World, hub: EventHub, name: str, token: str, number: str, options: WahaOptions, config: JsonObject
    ) -> None:
        """Create a session, which is not started unless a phone is linked to it already."""
        super().__init__()
        self._world = world
        self._hub = hub
        self.id = name
        self.token = token
        self.number = number
        self.options = options
        self.config = config
        self.linked = options.linked
        self.codes = QrSeries(world.clock, world.seed, f"waha {name}", QR_SECONDS, FIRST_QR_SECONDS, QR_CODES)
        self.pairing_codes = PairingCodes(world.clock, world.seed, f"waha {name}", PAIRING_CODE_SECONDS)
        self._phase = Phase.RUNNING if options.linked else Phase.STOPPED
        # Brings the session up; then turns the codes over until no phone came.
        self._run: asyncio.Task[None] | None = None
        self._passkey_number = number
        self.passkey_challenge: JsonObject = {}
        self.passkey_code = ""
        self.messages: list[Message] = []
        self._files: dict[str, tuple[str, float]] = {}
        self._receipts = Receipts(world, name, self._tell_ack)
        self._postman = Postman(world, name)
        self.activity: int | None = None
        self._history: list[JsonObject] = []
        self._announced: Status = self.state
        # What the last WORKING said of a restriction.
        self._limit_announced = False

    # State

    @property
    def engine(self) -> str:
        """Which engine runs in the session."""
        return self.options.engine

    @property
    def downloads_media(self) -> bool:
        """Whether files are there to be fetched."""
        return self.options.download_media

    @property
    def sees_votes(self) -> bool:
        """Whether votes in polls become known (vendor docs, page events)."""
        return self.engine != "WEBJS"

    @property
    def state(self) -> Status:
        """The vendor's word for the session."""
        if self._phase is Phase.RUNNING:
            return "WORKING" if self.linked else "SCAN_QR_CODE"
        return STATUSES[self._phase]

    @property
    def working(self) -> bool:
        """Say whether calls work that need WhatsApp itself."""
        return self.state == "WORKING"

    @property
    def has_store(self) -> bool:
        """Say whether there are chats, contacts and messages to look up."""
        if self.options.engine != "NOWEB" or self.options.store:
            return True
        store = (self.config.get("noweb") or {}).get("store") or {}
        return store.get("enabled") is True

    def credentials(self) -> dict[str, str]:
        """Return the key and the session's name."""
        return {"base_url": f"{self._world.url}/waha", "token": self.token, "session_name": self.id}

    def announce(self) -> None:
        """Push a new status; also that WhatsApp restricts the account, or does so no longer."""
        is_limit_new = self.working and self.limited != self._limit_announced
        if self.state != self._announced or is_limit_new:
            self._announced = self.state
            self._history.append({"status": self.state, "timestamp": events.milliseconds()})
            self._push_status()
            self._limit_announced = self.working and self.limited

    def _push_status(self) -> None:
        told = self._history[-_STATUSES_TOLD:]
        self._push("session.status", {"status": self.state, "statuses": told, "data": self._status_data()})

    def _status_data(self) -> JsonObject | None:
        """Return what belongs to the present status, None for most of them."""
        if self._phase is Phase.PASSKEY:
            return self.passkey_challenge
        if self._phase is Phase.PASSKEY_CONFIRMATION:
            return {"code": self.passkey_code}
        if self.working and (self.limited or self._limit_announced):
            return reachout_timelock(active=self.limited)
        return None

    def _push(self, event: str, payload: JsonObject) -> None:
        """Tell of an event over websockets and to the webhooks, as the same one."""
        envelope = events.envelope(self, event, payload)
        self._hub.publish(self.id, event, envelope)
        for webhook in self._webhooks():
            if webhook.wants(event):
                self._postman.send(webhook, envelope)

    def _webhooks(self) -> list[Webhook]:
        """Return the server's webhook, if there is one, and those of the session."""
        of_server = [self.options.webhook] if self.options.webhook else []
        return of_server + [Webhook.from_config(each) for each in self.config.get("webhooks") or []]

    # What the API does with the session

    def start(self) -> None:
        """Start. Has no effect on a session that runs or has failed."""
        if self._phase is Phase.STOPPED:
            self.restart()

    def restart(self) -> None:
        """Stop and start, whatever the state is. A link survives it."""
        self._halt(Phase.STARTING)
        self._run = self._world.background.spawn(self._come_up(), f"start of {self.id}")
        self.state_changed()

    def stop(self) -> None:
        """Stop. A link survives it."""
        self._halt(Phase.STOPPED)
        self.state_changed()

    def log_out(self) -> None:
        """Remove the link. A session that was running starts anew."""
        self.linked = self.limited = self.banned = False
        if self._phase is not Phase.STOPPED:
            self.restart()

    def discard(self) -> None:
        """Go away for good: the session was deleted."""
        self.linked = False
        self.stop()

    def configure(self, config: JsonObject) -> None:
        """Take on another configuration, for which a running session restarts."""
        self.config = config
        if self._phase is not Phase.STOPPED:
            self.restart()

    def _halt(self, phase: Phase) -> None:
        """Drop what is going on and enter the next phase."""
        self._phase = phase
        if self._run is not None:
            self._run.cancel()
            self._run = None
        self.codes.end()
        self.pairing_codes.end()

    async def _come_up(self) -> None:
        await self._world.clock.sleep(self.options.start_seconds)
        # A task that is at its end is not to be cancelled by what follows.
        self._run = None
        self._phase = Phase.FAILED if self.banned else Phase.RUNNING
        if not self.linked:
            self.offer_codes()
        self.state_changed()

    async def _turn_codes(self) -> None:
        """Push the status again with every new code, and fail after the last."""
        count = 1
        while (left := self.codes.seconds_to_next()) is not None:
            await self._world.clock.sleep(left)
            if count < self.codes.count:
                count = self.codes.count
                self._push_status()
                self.changed.ring()
        self._run = None
        self._halt(Phase.FAILED)
        self.state_changed()

    # What happens on the phone

    def offer_codes(self) -> None:
        """Offer one code after the other, if the session runs and does not do so yet."""
        if self._phase is Phase.RUNNING and self._run is None:
            self.codes.begin()
            self._run = self._world.background.spawn(self._turn_codes(), f"codes of {self.id}")

    def link(self, number: str) -> None:
        """Link the phone, once the passkey is there if WhatsApp wants one."""
        if not self.options.passkey or self.linked:
            self._halt(Phase.RUNNING)
            super().link(number)
            return
        self._halt(Phase.PASSKEY)
        self._passkey_number = number
        self.passkey_challenge = passkey_challenge()
        self.state_changed()

    def confirm_passkey(self) -> None:
        """Do what the owner does next: give the passkey, then confirm the code.

        Raises:
            ValueError: WhatsApp does not wait for anything.

        """
        if self._phase is Phase.PASSKEY:
            self._halt(Phase.PASSKEY_CONFIRMATION)
            self.passkey_code = f"{secrets.randbelow(10_000):04}"
            self.state_changed()
        elif self._phase is Phase.PASSKEY_CONFIRMATION:
            self._halt(Phase.RUNNING)
            super().link(self._passkey_number)
        else:
            msg = f"Session {self.id!r} does not wait for a passkey"
            raise ValueError(msg)

    def unlink(self) -> None:
        """Lose the link. A running session fails by that, and needs a restart for new codes."""
        if self._phase in (Phase.PASSKEY, Phase.PASSKEY_CONFIRMATION) or self.working:
            self._halt(Phase.FAILED)
        super().unlink()

    def ban(self) -> None:
        """Have the account banned, by which a running session fails for good."""
        if self._phase is not Phase.STOPPED:
            self._halt(Phase.FAILED)
        super().ban()

    # Messages

    def receive(self, message: Message) -> bool:
        """Keep a message for the lists of chats and messages, and push it."""
        if not self.working:
            return False
        self._take(with_hidden_number(message) if self.options.lids else message, DEVICE)
        return True

    def owner_wrote(self, message: Message) -> bool:
        """Keep a message that was typed on the phone, and push it: it is one's own all the same."""
        if not self.working:
            return False
        own = typed_by_owner(message)
        self._take(own, PENDING)
        self._receipts.follow(own, arrives=reachable(own.chat_id), fails=False)
        return True

    def send(self, outgoing: Outgoing) -> Message:
        """Send a message."""
        message = Message(
            id=f"true_{outgoing.chat_id}_{outgoing.own_id or outgoing_id()}",
            gateway=self.gateway,
            instance=self.id,
            chat_id=outgoing.chat_id,
            kind=outgoing.kind,
            sender=self.number,
            outgoing=True,
            text=outgoing.text,
            quoted_id=outgoing.quoted_id,
            details=outgoing.details,
        )
        self._take(message, PENDING)
        arrives = outgoing.arrives and not self.options.acks_fail
        if arrives:
            self._world.phone.deliver(message)
        self._receipts.follow(message, arrives=reachable(message.chat_id), fails=self.options.acks_fail)
        return message

    def signal(self, chat_id: str, signal: Signal, *message_ids: str) -> None:
        """Let the other side see that the account reads or types."""
        for message in filter(None, map(self.find_message, message_ids)):
            self._receipts.note(message, READ)
        if reachable(chat_id):
            notice = Notice(
                gateway=self.gateway, instance=self.id, chat_id=chat_id, signal=signal, message_ids=message_ids
            )
            self._world.phone.notice(notice)

    def engine_trouble(self, chat_id: str) -> str:
        """Return what the engine says if it cannot send to a chat, "" if it can.

        Neither is documented. Most engines take messages to numbers that nobody has.
        """
        if self.limited:
            return _RESTRICTED
        if self.options.engine == "WEBJS" and not reachable(chat_id):
            return "No LID for user"
        return ""

    def _take(self, message: Message, ack: int) -> None:
        """Keep a message and push what follows from it."""
        self.messages.append(message)
        self._receipts.note(message, ack)
        self.activity = events.milliseconds()
        for event, payload in events.of_message(self, message):
            self._push(event, payload)

    def _tell_ack(self, message: Message, level: int) -> None:
        if self.working:
            self._push(*events.ack(message, level, reader_of(message, level, lids=self.options.lids)))

    def message_read(self, message: Message) -> None:
        """Push that a message was read."""
        self._receipts.rise(self.find_message(message.id) or message, READ)

    def ack_of(self, message: Message) -> int:
        """Return how far a message got."""
        return self._receipts.level_of(message)

    def show(self, message: Message) -> JsonObject:
        """Return a message as events have it."""
        return wa_message(self, message)

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""
        return next((message for message in self.messages if bare_id(message.id) == bare_id(given)), None)

    # Files

    def publish_file(self, message: Message) -> str:
        """Offer a message's file for a while, and return the address as the server knows it."""
        host = self.options.files_host or f"{self._world.url}/waha"
        name = f"{bare_id(message.id)}{PurePath(message.details.get('file_name', '')).suffix}"
        path = message.details.get("path") or message.details["url"].removeprefix(self._world.url)
        self._files[name] = (path, self._world.clock.now() + FILE_SECONDS)
        return f"{host}/api/files/{quote(name)}"

    def path_of_file(self, name: str) -> str | None:
        """Return where a published file is stored, None if it is no longer offered."""
        path, until = self._files.get(name, ("", 0.0))
        return path if self._world.clock.now() < until else None


def reachable(chat_id: str) -> bool:
    """Say whether there is a phone, or several, for messages to a chat."""
    return f"+{chat_id.removesuffix('@c.us')}" not in NUMBERS_WITHOUT_ACCOUNT
