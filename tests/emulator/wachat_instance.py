"""One instance at Wachat: its states, its codes and its chats.

Wachat puts an API of its own before Evolution API, which it calls the engine here. What
Wachat does not document is as Evolution API does it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
import random
from typing import TYPE_CHECKING, Literal

from .evolution_events import Manners
from .instance import Instance
from .model import Message, Notice, Signal
from .pairing import PairingCodes, QrCode, QrSeries
from .wachat_checks import BAILEYS, BUSINESS
from .wachat_engine import Engine

if TYPE_CHECKING:
    from .wachat_webhooks import Webhook
    from .world import World

type State = Literal["open", "connecting", "close", "refused"]

# Vendor docs, page Send Text: as long as somebody might type, unless a delay is given.
_DEFAULT_DELAY_MILLISECONDS = (3000, 5000)


@dataclass
class WachatOptions:
    """How an instance behaves where the documentation leaves room."""

    # The friendly name; the server makes the final one of it.
    display_name: str = ""
    # "WHATSAPP-BUSINESS" has no QR code, and is connected from the beginning.
    integration: str = BAILEYS
    # The instance was made with the phone's number: codes come with a pairing code.
    with_number: bool = False
    # "restricted" has no QR codes, which is documented; "expired" has nothing at all.
    # It is the account's subscription, so one such instance shuts out the others.
    subscription: str = "active"
    # "hangs" makes the QR calls end with status 504, "broken" with 502.
    engine: str = "up"
    # Vendor docs send who wants a fresh code to /instance/qr. Whether the picture opens
    # the connection, too, they do not say: by default it shows only what there is.
    image_connects: bool = False
    # The documentation names this call without showing it.
    has_qr_call: bool = True
    # The same with the call that logs out: "DELETE" is the engine's verb, "POST" that of most calls here.
    logout_verb: str = "DELETE"
    # From opening the connection to the first code, when the engine counts 0 codes.
    first_qr_seconds: float = 7.0
    # Wachat says nothing about expiry. WhatsApp's first code lasts longer than the others.
    first_code_seconds: float = 60.0
    code_seconds: float = 20.0
    # The engine's default, after which it gives up.
    qr_limit: int = 30
    # How long the state is `refused` then, before it is `close`.
    refused_seconds: float = 5.0
    # The answer to a message that was sent is not documented. "engine" passes on what the
    # engine says, "flat" has the id at the top, "without_id" has none.
    send_answer: str = "engine"
    # How long it may take to fetch a file.
    download_seconds: float = 60.0
    # How the signature of an event is written is not documented: "hex", "prefixed" by
    # `sha256=`, or "base64". Nor is the unit of its timestamp: seconds, unless this is set.
    signature: str = "hex"
    signs_milliseconds: bool = False
    # Whether the secret of a webhook is shown at its creation: the documentation says so, but its
    # example is "masked". As the account's, it is so for all instances if it is for one.
    new_secret: str = "shown"
    # How the file of a message comes with its event, of which there is no word: "none", as the
    # engine's default is, in "base64", or by "url".
    files_in_events: str = "none"
    # WhatsApp calls people by their lids, and not by their numbers.
    lids: bool = False
    # WhatsApp refuses what a restricted account sends, and does not just hold it back.
    refuses_restricted: bool = False
    # These three are in `evolution_events.Manners`.
    votes_as_messages: bool = False
    vote_status: str = "DELETED"
    edits_as_sent: bool = False

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        choices = {
            "integration": (BAILEYS, BUSINESS),
            "subscription": ("active", "restricted", "expired"),
            "engine": ("up", "hangs", "broken"),
            "logout_verb": ("DELETE", "POST"),
            "send_answer": ("engine", "flat", "without_id"),
            "signature": ("hex", "prefixed", "base64"),
            "new_secret": ("shown", "masked"),
            "files_in_events": ("none", "base64", "url"),
        }
        for name, words in choices.items():
            if getattr(self, name) not in words:
                msg = f"Option {name!r} must be one of {', '.join(words)}"
                raise ValueError(msg)
        if self.qr_limit < 1:
            msg = "Option 'qr_limit' must be at least 1"
            raise ValueError(msg)

    @property
    def manners(self) -> Manners:
        """Return how the engine's version tells of things."""
        return Manners(self.votes_as_messages, self.vote_status, self.edits_as_sent)


@dataclass(frozen=True)
class Account:
    """A customer of Wachat, who has one key for all instances."""

    # The first part of the final names: t1, t2 and so on.
    number: int
    key: str
    webhooks: list[Webhook] = field(default_factory=list, compare=False, repr=False)


@dataclass
class Chat:
    """What Wachat remembers of a chat."""

    last: Message
    unread: int = 0


class WachatInstance(Instance):
    """An instance; its id is the final name that the server gave it."""

    gateway = "wachat"

    def __init__(
        self,
        world: World,
        account: Account,
        row: int,
        name: str,
        number: str,
        options: WachatOptions,
    ) -> None:
        """Make an instance that is not connected.

        Args:
            world: What all gateways share.
            account: Whose instance it is.
            row: The number in Wachat's list.
            name: The final name.
            number: Of the phone, with plus sign.
            options: How it behaves.

        """
        super().__init__()
        self._world = world
        self.account = account
        self.row = row
        self.id = name
        self.number = number
        self.options = options
        series = f"{self.gateway} {name}"
        self.codes = QrSeries(
            world.clock,
            world.seed,
            series,
            options.code_seconds,
            options.first_code_seconds,
            options.qr_limit,
        )
        self.pairing_codes = PairingCodes(world.clock, world.seed, series, options.first_code_seconds)
        self._paired_with = ""
        self._pairing_code: str | None = None
        self.created_at = self.updated_at = iso_time()
        # What the engine keeps of the account: nothing before the first link.
        self.synchronised = False
        self.engine = Engine(world, self)
        self.chats: dict[str, Chat] = {}
        self._held_back: list[Message] = []
        if options.integration == BUSINESS:
            self.link(number)

    # State

    @property
    def state(self) -> State:
        """The engine's word; Wachat documents only `open`.

        `connecting` is from the start until a phone has scanned, `refused` a moment after
        the last code ran out, `close` everything else.
        """
        if self.connected:
            return "open"
        if self.codes.seconds_to_next() is not None:
            return "connecting"
        over = self.codes.seconds_since_last()
        return "refused" if over is not None and over < self.options.refused_seconds else "close"

    @property
    def connected(self) -> bool:
        """Say whether messages go through. A restriction by WhatsApp does not show."""
        return self.linked and not self.banned

    @property
    def _is_closed(self) -> bool:
        """Say whether there is no connection that could end."""
        return self.state in ("close", "refused")

    def credentials(self) -> dict[str, str]:
        """Return the key from the vendor's site, and the final name."""
        return {
            "base_url": f"{self._world.url}/wachat",
            "token": self.account.key,
            "instance_name": self.id,
        }

    def connect(self) -> None:
        """Open the engine's connection, unless it is open; codes follow.

        WhatsApp does not talk to a banned account, so that one stays closed.
        """
        if not self.banned and self.state in ("close", "refused"):
            self.codes.begin(self.options.first_qr_seconds)
            self.engine.connect()
            self.state_changed()

    def offer_codes(self) -> None:
        """Offer none: after a logout, the engine waits to be asked for a code."""
        self.codes.end()

    def link(self, number: str) -> None:
        """Link the phone; the engine fetches its contacts."""
        self.synchronised = True
        super().link(number)
        self.engine.opened()

    def unlink(self) -> None:
        """Lose the link, or give up waiting for one."""
        was_closed = self._is_closed
        super().unlink()
        if not was_closed:
            self.engine.logged_out()

    def ban(self) -> None:
        """Have the account banned: WhatsApp closes the connection."""
        was_closed = self._is_closed
        super().ban()
        if not was_closed:
            self.engine.banned()

    def restore(self) -> None:
        """Lift ban and restriction; the engine is back then, if there is a link."""
        was_closed = self._is_closed
        super().restore()
        if was_closed and self.connected:
            self.engine.opened()

    def announce(self) -> None:
        """Note the change, and send what a restriction by WhatsApp held back."""
        self.updated_at = iso_time()
        if self.connected and not self.limited:
            held_back, self._held_back = self._held_back, []
            for message in held_back:
                self._dispatch(message)

    # Codes

    async def code_within(self, seconds: float) -> QrCode | None:
        """Return the code, waiting for the first one if need be."""
        clock = self._world.clock
        deadline = clock.now() + seconds
        while (code := self.codes.current()) is None:
            to_code = self.codes.seconds_to_next()
            left = deadline - clock.now()
            if to_code is None or left <= 0:
                break
            await clock.sleep(min(to_code, left))
        return code

    def pairing_code_with(self, code: QrCode) -> str | None:
        """Return the pairing code that came with a QR code, if the number is known.

        Wachat says nothing of it; the engine asks WhatsApp for one with each QR code.
        """
        if self.options.with_number and code.text != self._paired_with:
            self._paired_with = code.text
            self._pairing_code = self.pairing_codes.issue(self.number)
        return self._pairing_code

    # Receiving

    def receive(self, message: Message) -> bool:
        """Keep a message for the list of contacts and tell of it, if the instance is linked."""
        if not self.connected:
            return False
        seen = self.engine.came(message)
        chat = self.chats.setdefault(seen.chat_id, Chat(seen))
        chat.last = seen
        chat.unread += not seen.outgoing
        return True

    def owner_wrote(self, message: Message) -> bool:
        """Treat what was typed on the phone like all that comes from phones."""
        return self.receive(message)

    def message_read(self, message: Message) -> None:
        """Tell that a message was read; Wachat has no call to ask for it."""
        self.engine.read(message)

    # Sending

    async def send(self, message: Message, delay: float | None) -> None:
        """Send a message after a delay.

        The delay is simulated typing (vendor docs, page Send Text), which the other side
        sees unless WhatsApp restricts the account.
        """
        seconds = random.randint(*_DEFAULT_DELAY_MILLISECONDS) / 1000 if delay is None else delay
        if seconds > 0 and self.connected and not self.limited:
            self._type_in(message.chat_id)
        await self._world.clock.sleep(seconds)
        if not self.connected:
            return
        self.engine.accepted(message)
        if not self.limited:
            self._dispatch(message)
        elif self.options.refuses_restricted:
            self.engine.refused(message)
        else:
            self._held_back.append(message)

    def _type_in(self, chat_id: str) -> None:
        notice = Notice(gateway=self.gateway, instance=self.id, chat_id=chat_id, signal=Signal.TYPING)
        self._world.phone.notice(notice)

    def _dispatch(self, message: Message) -> None:
        self.chats.setdefault(message.chat_id, Chat(message)).last = message
        self.engine.sent(message)
        self._world.phone.deliver(message)


def iso_time() -> str:
    """Return the time as JavaScript writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
