"""One instance at Wachat: its states, its codes and its chats.

Wachat puts an API of its own before Evolution API, which it calls the engine here. What
Wachat does not document is as Evolution API does it.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
import random
from typing import TYPE_CHECKING, Literal

from .instance import Instance
from .model import Kind, Message, outgoing_id
from .pairing import PairingCodes, QrCode, QrSeries
from .wachat_checks import BAILEYS, BUSINESS

if TYPE_CHECKING:
    from .world import World

type State = Literal["open", "connecting", "close", "refused"]

# Vendor docs, page Send Text: a random delay, unless one is given.
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
    # From opening the connection to the first code, when the engine counts 0 codes.
    first_qr_seconds: float = 7.0
    # Wachat says nothing about expiry. WhatsApp's first code lasts longer than the others.
    first_code_seconds: float = 60.0
    code_seconds: float = 20.0
    # The engine's default, after which it gives up.
    qr_limit: int = 30
    # How long the state is `refused` then, before it is `close`.
    refused_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        choices = {
            "integration": (BAILEYS, BUSINESS),
            "subscription": ("active", "restricted", "expired"),
            "engine": ("up", "hangs", "broken"),
        }
        for name, words in choices.items():
            if getattr(self, name) not in words:
                msg = f"Option {name!r} must be one of {', '.join(words)}"
                raise ValueError(msg)
        if self.qr_limit < 1:
            msg = "Option 'qr_limit' must be at least 1"
            raise ValueError(msg)


@dataclass(frozen=True)
class Account:
    """A customer of Wachat, who has one key for all instances."""

    # The first part of the final names: t1, t2 and so on.
    number: int
    key: str


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
            self.state_changed()

    def offer_codes(self) -> None:
        """Offer none: after a logout, the engine waits to be asked for a code."""
        self.codes.end()

    def link(self, number: str) -> None:
        """Link the phone; the engine fetches its contacts."""
        self.synchronised = True
        super().link(number)

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
        """Keep a message for the list of contacts, if the instance is linked."""
        if not self.connected:
            return False
        chat = self.chats.setdefault(message.chat_id, Chat(message))
        chat.last = message
        chat.unread += 1
        return True

    def message_read(self, message: Message) -> None:
        """Let it be: Wachat has no call that would tell what became of a message."""

    # Sending

    async def send(
        self,
        chat_id: str,
        kind: Kind,
        text: str,
        details: dict[str, str],
        delay: float | None,
    ) -> Message:
        """Send a message after a delay, and return it when that is over.

        The engine shows that it is typing meanwhile. It sends even if the client left.
        """
        message = Message(
            id=outgoing_id(),
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=kind,
            sender=self.number,
            outgoing=True,
            text=text,
            details=details,
        )
        seconds = random.randint(*_DEFAULT_DELAY_MILLISECONDS) / 1000 if delay is None else delay
        work = self._send_later(message, seconds)
        await asyncio.shield(self._world.background.spawn(work, f"message of {self.id}"))
        return message

    async def _send_later(self, message: Message, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        if self.limited:
            self._held_back.append(message)
        elif self.connected:
            self._dispatch(message)

    def _dispatch(self, message: Message) -> None:
        self.chats.setdefault(message.chat_id, Chat(message)).last = message
        self._world.phone.deliver(message)


def iso_time() -> str:
    """Return the time as JavaScript writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
