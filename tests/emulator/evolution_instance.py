"""One instance at Evolution API: its connection to WhatsApp, its codes and its messages."""

import asyncio
from dataclasses import dataclass, field
import json
from typing import TYPE_CHECKING, Literal

from .evolution_codes import each_code
from .evolution_events import Manners
from .evolution_herald import Herald
from .evolution_reception import as_seen
from .evolution_store import MessageStore, StoredMessage, iso_time
from .evolution_webhooks import Webhook
from .instance import Instance
from .model import JsonObject, Kind, Message, Notice, Signal, digits_of, outgoing_id
from .pairing import PairingCodes, QrCode, QrSeries
from .qr import plain_png

if TYPE_CHECKING:
    from .world import World

type State = Literal["open", "connecting", "close", "refused"]

# Vendor source, whatsapp.baileys.service.ts: qrTimeout.
QR_SECONDS = 45
_PROFILE_NAME = "Green Street 7"
# Close codes after which the server does not connect again by itself.
_LOGGED_OUT = 401
_BANNED = 403


@dataclass
class EvolutionOptions:
    """How the server is set up, and how fast WhatsApp is."""

    # From opening the connection to the first code, or to `open` with a link from before.
    start_seconds: float = 1.5
    # What /instance/connect and /instance/create wait for the first code.
    connect_wait_seconds: float = 2.0
    create_wait_seconds: float = 5.0
    # QRCODE_LIMIT.
    qr_limit: int = 30
    # How long the state is `refused` after the last code, before it is `close`.
    refused_seconds: float = 2.0
    # From the reply to a logout to the logout itself.
    logout_seconds: float = 1.0
    # AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES: the list and events show the instance's token.
    expose: bool = True
    # S3_ENABLED: events have an address in them where the file of a message can be had.
    storage: bool = False
    # WhatsApp calls people by their lids, and not by their numbers.
    lids: bool = False
    # WhatsApp refuses what a restricted account sends, and does not just hold it back.
    refuses_restricted: bool = False
    # These three are in `evolution_events.Manners`.
    votes_as_messages: bool = False
    vote_status: str = "DELETED"
    edits_as_sent: bool = False

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        if self.qr_limit < 1:
            msg = "Option 'qr_limit' must be at least 1"
            raise ValueError(msg)

    @property
    def manners(self) -> Manners:
        """Return how this version tells of things."""
        return Manners(self.votes_as_messages, self.vote_status, self.edits_as_sent)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What POST /instance/create asks for."""

    name: str
    token: str
    # The phone's number, digits only; "" without. It gives pairing codes.
    number: str = ""
    settings: JsonObject = field(default_factory=dict)
    webhook: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Disconnection:
    """Why WhatsApp closed the connection for good."""

    code: int
    at: str

    @property
    def as_text(self) -> str:
        """Return the error as the database keeps it, which is JSON in a text."""
        output = {"statusCode": self.code, "payload": {"statusCode": self.code, "message": "Stream Errored"}}
        return json.dumps({"error": {"isBoom": True, "output": output}, "date": self.at})


class EvolutionInstance(Instance):
    """An instance; the API knows it by its name."""

    gateway = "evolution"

    def __init__(self, world: World, server_key: str, row: str, order: Order, number: str, options: EvolutionOptions):
        """Create an instance that is not connected.

        Args:
            world: What all gateways share.
            server_key: The server's global key.
            row: The id in the server's database.
            order: What it is to be like.
            number: Of the phone, with plus sign.
            options: How the server is set up.

        """
        super().__init__()
        self.world = world
        self._server_key = server_key
        self.row = row
        self.id = order.name
        self.token = order.token
        self.order = order
        self.number = number
        self.options = options
        series = f"{self.gateway} {row}"
        self.codes = QrSeries(world.clock, world.seed, series, QR_SECONDS, limit=options.qr_limit)
        self.pairing_codes = PairingCodes(world.clock, world.seed, series, QR_SECONDS)
        self._pairing_number = ""
        self._paired_with = ""
        self._pairing_code: str | None = None
        self._state: State = "close"
        # Brings the connection up; then gives up, if no phone comes.
        self._run: asyncio.Task[None] | None = None
        # The server has had a connection object since the instance was made.
        self.had_connection = False
        self.created_at = self.updated_at = iso_time()
        # What the database keeps of the account: nothing before the first link.
        self.owner_jid: str | None = None
        self.profile_name: str | None = None
        self._picture: str | None = None
        self.disconnection: Disconnection | None = None
        self.store = MessageStore(world.clock)
        self.webhook = Webhook(self)
        self._herald = Herald(self, self.webhook)
        self._held_back: list[Message] = []

    # State

    @property
    def state(self) -> State:
        """The vendor's word; `refused` is a moment after the last code only."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Say whether calls work that need WhatsApp itself."""
        return self._state == "open"

    @property
    def picture_url(self) -> str | None:
        """Return where the account's own picture is."""
        return f"{self.world.url}{self._picture}" if self._picture else None

    def credentials(self) -> dict[str, str]:
        """Return the server's key and the name; the instance's own key would do as well."""
        return {
            "base_url": f"{self.world.url}/{self.gateway}",
            "token": self._server_key,
            "instance_name": self.id,
        }

    def announce(self) -> None:
        """Note the change, and send what a restriction by WhatsApp held back."""
        self.updated_at = iso_time()
        if self.is_open and not self.limited:
            held_back, self._held_back = self._held_back, []
            for message in held_back:
                self._dispatch(message)

    # What the API does with the connection

    def connect(self, number: str = "") -> None:
        """Open the connection; with a number, codes to scan come with a code to type."""
        self._pairing_number = f"+{number}" if number else ""
        self.restart()

    def restart(self) -> None:
        """Open the connection anew. A link survives it."""
        self._halt("connecting")
        self._run = self.world.background.spawn(self._come_up(), f"connection of {self.id}")
        self._herald.connecting()
        self.state_changed()

    def log_out_soon(self) -> None:
        """Log out in a moment: the server answers before it is done."""
        self.world.background.spawn(self._log_out(), f"logout of {self.id}")

    def discard(self) -> None:
        """Go away for good: the instance was deleted."""
        if self.linked:
            self.linked = False
            self._disconnect(_LOGGED_OUT)
        self._halt("close")
        self._herald.removed()
        self.state_changed()

    async def _log_out(self) -> None:
        await self.world.clock.sleep(self.options.logout_seconds)
        if self._state != "close":
            self._disconnect(_LOGGED_OUT)
            super().unlink()

    async def _come_up(self) -> None:
        await self.world.clock.sleep(self.options.start_seconds)
        if not self.linked and not self.banned:
            await self._offer_all_codes()
        # A task at its end is not to be cancelled by what follows.
        self._run = None
        if self.banned:
            self._disconnect(_BANNED)
        elif self.linked:
            self._halt("open")
            self._herald.opened(is_new=False)
        else:
            # Nobody listens to a connection any more that was refused.
            self._halt("close")
        self.state_changed()

    async def _offer_all_codes(self) -> None:
        """Offer one code after the other; ends, if no phone came for the last one."""
        self.codes.begin()
        self.state_changed()
        async for code in each_code(self.codes, self.world.clock):
            self._herald.new_code(code)
        self.codes.end()
        self._state = "refused"
        self._herald.given_up()
        self.state_changed()
        await self.world.clock.sleep(self.options.refused_seconds)

    def _halt(self, state: State) -> None:
        """Drop what is going on and enter a state."""
        if self._run is not None:
            self._run.cancel()
            self._run = None
        self.codes.end()
        self.pairing_codes.end()
        self.had_connection = True
        self._state = state

    def _disconnect(self, code: int) -> None:
        """Have WhatsApp close the connection, with a code that ends it for good."""
        self._halt("close")
        self.disconnection = Disconnection(code, iso_time())
        self._herald.closed()

    # Codes

    def pairing_code_with(self, code: QrCode) -> str | None:
        """Return the code to type that came with a QR code, None if no number is known."""
        if not self._pairing_number:
            return None
        if code.text != self._paired_with:
            self._paired_with = code.text
            self._pairing_code = self.pairing_codes.issue(self._pairing_number)
        return self._pairing_code

    # What happens on the phone

    def offer_codes(self) -> None:
        """Offer none: after a logout, the server waits to be asked to connect."""

    def link(self, number: str) -> None:
        """Link the phone; the server notes whose it is."""
        self._halt("open")
        is_new = self.owner_jid is None
        self.owner_jid = f"{digits_of(number)}@s.whatsapp.net"
        self.profile_name = _PROFILE_NAME
        self._picture = self._picture or self.world.files.add(plain_png("seagreen"), "image/png", "profile.png")
        super().link(number)
        self._herald.opened(is_new=is_new)

    def unlink(self) -> None:
        """Lose the link. Without one, the codes are not the phone's business."""
        if self.linked:
            self._disconnect(_LOGGED_OUT)
            super().unlink()

    def ban(self) -> None:
        """Have the account banned: WhatsApp closes the connection."""
        self._disconnect(_BANNED)
        super().ban()

    # Messages

    def receive(self, message: Message) -> bool:
        """Keep a message, and tell of it."""
        if not self.is_open or (message.in_group and self.order.settings.get("groupsIgnore")):
            return False
        seen = as_seen(self.world, message, lids=self.options.lids)
        self.store.take_in(seen)
        self._herald.came(seen)
        return True

    def owner_wrote(self, message: Message) -> bool:
        """Keep a message that was typed on the phone, and tell of it: it has reached its recipient."""
        if not self.receive(message):
            return False
        if (stored := self.store.find(message.id)) is not None:
            self._note(stored, "DELIVERY_ACK")
        return True

    def message_read(self, message: Message) -> None:
        """Note that a message was read."""
        if (stored := self.store.find(message.id)) is not None:
            self._note(stored, "READ")

    def _note(self, stored: StoredMessage, status: str) -> None:
        stored.statuses.append(status)
        self._herald.came_further(stored.message, status)

    def compose(
        self, chat_id: str, kind: Kind, text: str = "", quoted_id: str = "", details: JsonObject | None = None
    ) -> Message:
        """Return a message from this account, not yet sent."""
        return Message(
            id=outgoing_id(),
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=kind,
            sender=self.number,
            outgoing=True,
            text=text,
            quoted_id=quoted_id,
            details=details or {},
        )

    async def send(self, message: Message, delay: float = 0.0) -> bool:
        """Send a message after a delay in vendor seconds, during which the server shows that it is typing.

        Returns whether there is still a connection by then; without, nothing is sent.
        """
        if delay:
            await self.show(message.chat_id, Signal.TYPING, delay)
        if self.is_open:
            self._accept(message)
        return self.is_open

    async def show(self, chat_id: str, signal: Signal, seconds: float) -> None:
        """Show the other side that this account is typing or recording, for some vendor seconds."""
        self._notice(chat_id, signal)
        await self.world.clock.sleep(seconds)
        if signal is not Signal.PAUSED:
            self._notice(chat_id, Signal.PAUSED)

    def mark_read(self, chat_id: str, message_ids: list[str]) -> None:
        """Tell the other side that messages were read."""
        for message_id in message_ids:
            self.store.mark_read(message_id)
        self._notice(chat_id, Signal.READ, *message_ids)

    def _notice(self, chat_id: str, signal: Signal, *message_ids: str) -> None:
        notice = Notice(gateway=self.gateway, instance=self.id, chat_id=chat_id, signal=signal, message_ids=message_ids)
        self.world.phone.notice(notice)

    def _accept(self, message: Message) -> None:
        """Take a message for sending; an account that WhatsApp restricts has to wait, or is refused."""
        self.store.put_out(message)
        self._herald.went(message)
        if not self.limited:
            self._dispatch(message)
        elif not self.options.refuses_restricted:
            self._held_back.append(message)
        elif (stored := self.store.find(message.id)) is not None:
            self._note(stored, "ERROR")

    def _dispatch(self, message: Message) -> None:
        if (stored := self.store.find(message.id)) is not None:
            for status in ("SERVER_ACK", "DELIVERY_ACK"):
                self._note(stored, status)
        self.world.phone.deliver(message)
