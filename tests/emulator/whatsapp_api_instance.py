"""One WhatsApp API server: a process with one account, which it uses through a browser.

Sources are the vendor's documentation, the behaviour of the vendor's server, and the library
whatsapp-web.js beneath it. What is said about "the client" here is about the server's object of
that library, not about who calls its API.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .instance import Instance
from .model import JsonObject, Kind, Message, chat_id_of, outgoing_id
from .pairing import PairingCodes, QrCode, QrSeries
from .people import NUMBERS_WITHOUT_ACCOUNT, name_of
from .whatsapp_api_chats import Chats
from .whatsapp_api_checks import ApiError

if TYPE_CHECKING:
    from .world import World

type State = Literal["stopped", "starting", "qr", "authenticated", "ready", "auth_failure", "disconnected"]

# WhatsApp changes a code after 20 to 60 s; the vendor's server shows it as it comes.
QR_SECONDS = 20
# After 3 minutes the library asks for another pairing code, which nobody gets to see.
PAIRING_CODE_SECONDS = 180
# How often a request that has to wait looks whether the account is ready.
_LOOK_SECONDS = 0.5

_AUTH_FAILED = "WhatsApp Web auth failed"
_NOT_READY = "WhatsApp Web is not ready yet. Scan the QR code in Chrome, then retry."
_NO_CLIENT = "WhatsApp client is not available"
# What JavaScript says when there is no page in the browser, or not WhatsApp's.
_NO_PAGE = "Cannot read properties of null (reading 'evaluate')"
_WRONG_PAGE = "Cannot read properties of undefined (reading 'PairingCodeLinkUtils')"
# What WhatsApp Web says of a number that does not use WhatsApp.
_NO_ACCOUNT = "No LID for user"


@dataclass(frozen=True)
class _Failure:
    """How the start of the browser fails."""

    seconds: float
    message: str | None


_FAILURES = {
    "browser": _Failure(
        0.09,
        "Failed to launch the browser process:  Code: 1\n\nstderr:\n"
        "Running as root without --no-sandbox is not supported. See https://crbug.com/638180.\n",
    ),
    "internet": _Failure(0.4, "net::ERR_NAME_NOT_RESOLVED at https://web.whatsapp.com/"),
    # The library throws a bare text here, so the server finds no message in it.
    "auth_timeout": _Failure(30, None),
}


@dataclass
class WhatsAppApiOptions:
    """How a server behaves where the documentation leaves room."""

    # How long POST /api/auth/start blocks, until the browser has WhatsApp Web.
    browser_seconds: float = 5.0
    # From there to the first code.
    first_qr_seconds: float = 2.0
    # From the scan to `ready`: WhatsApp Web loads the chats.
    ready_seconds: float = 3.0
    # How long send, chats and messages wait for `ready`.
    ready_wait_seconds: float = 120.0
    # The browser does not come up: POST /api/auth/start is an HTTP 500.
    initialize_fails: bool = False
    # Why not: "browser", "internet" or "auth_timeout".
    initialize_failure: str = "browser"
    # POST /api/logout is an HTTP 500 and leaves all as it is: only another process helps.
    logout_fails: bool = False

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        if self.initialize_failure not in _FAILURES:
            msg = f"Option 'initialize_failure' must be one of {', '.join(_FAILURES)}"
            raise ValueError(msg)


@dataclass
class _Client:
    """The library's object. As long as the server has one, it starts no other."""

    has_page: bool = False
    # It was to get a page, and did not: it stays as it is for good.
    failed: bool = False


class WhatsAppApiInstance(Instance):
    """A server process and the account that it is for."""

    gateway = "whatsapp_api"

    def __init__(
        self,
        world: World,
        instance_id: str,
        mount: str,
        number: str,
        options: WhatsAppApiOptions,
    ) -> None:
        """Make a process that has just been started; `mount` is where its proxy has it."""
        super().__init__()
        self._world = world
        self.id = instance_id
        self.mount = mount
        self.number = number
        self.options = options
        self.chats = Chats()
        name = f"{self.gateway} {instance_id}"
        self.codes = QrSeries(world.clock, world.seed, name, QR_SECONDS)
        self.pairing_codes = PairingCodes(world.clock, world.seed, name, PAIRING_CODE_SECONDS)
        self._state: State = "stopped"
        self._client: _Client | None = None
        self._last_error: str | None = None
        # The code that was scanned: the server forgets it only when it is ready.
        self._scanned: QrCode | None = None
        self._events: asyncio.Task[None] | None = None

    # What is to be seen

    @property
    def state(self) -> State:
        """The vendor's word, from page GET /api/status."""
        return self._state

    @property
    def ready(self) -> bool:
        """Say whether the account can be used."""
        return self._state == "ready"

    @property
    def qr(self) -> QrCode | None:
        """The code on page GET /qr; right after the scan, one that is of no use any more."""
        return self.codes.current() if self._state == "qr" else self._scanned

    def status(self) -> JsonObject:
        """Return the status object; `authenticated` always says the same as `ready`."""
        return {
            "state": self._state,
            "ready": self.ready,
            "authenticated": self.ready,
            "auth_dir": f"/srv/{self.id}/.wwebjs_auth",
            "chrome_executable": "/usr/bin/chromium",
            "headless": True,
            "has_qr": self.qr is not None,
            "last_error": self._last_error,
            "account": self._account() if self.ready else None,
        }

    def _account(self) -> JsonObject:
        return {
            "wid": chat_id_of(self.number),
            "pushname": name_of(self.number) or "Robin",
            "platform": "android",
        }

    def credentials(self) -> dict[str, str]:
        """Return the address. There is nothing else: the vendor knows no authentication."""
        return {"base_url": f"{self._world.url}/whatsapp-api{self.mount}"}

    # The life of the session

    async def start(self) -> None:
        """Start the browser, unless there is a client: whatever its state, nothing happens then.

        So after a failed start or a lost session only a logout helps, or another process.
        """
        if self._client is not None:
            return
        client = self._client = _Client()
        self._last_error = None
        self._enter("starting")
        await self._initialize(client)
        self._plan_events()

    async def _initialize(self, client: _Client) -> None:
        """Let the time go by, and find out whether the browser came up."""
        failure = _FAILURES[self.options.initialize_failure] if self.options.initialize_fails else None
        await self._world.clock.sleep(failure.seconds if failure else self.options.browser_seconds)
        if self._client is not client:
            raise ApiError(_NO_CLIENT)
        if failure:
            # The state stays `starting` and the client stays, although nothing runs.
            client.failed = True
            raise ApiError(failure.message)
        client.has_page = True

    def _plan_events(self) -> None:
        """Have happen what happens by itself from here on."""
        self._forget_events()
        self._events = self._world.background.spawn(self._events_to_come(), f"session of {self.id}")

    def _forget_events(self) -> None:
        if self._events is not None:
            self._events.cancel()
            self._events = None

    async def _events_to_come(self) -> None:
        if self._state == "starting":
            await self._world.clock.sleep(self.options.first_qr_seconds)
            if not self.linked:
                self.codes.begin()
                self._enter("qr")
                return
            # The process was started anew, and had its session on disk.
            self._enter("authenticated")
        await self._world.clock.sleep(self.options.ready_seconds)
        self._scanned = None
        self._enter("ready")

    def _enter(self, state: State) -> None:
        self._state = state
        self.state_changed()

    async def ensure_ready(self) -> None:
        """Wait until the account can be used, and start the browser if nobody has.

        Raises:
            ApiError: It did not become ready in time, or cannot any more.

        """
        await self.start()
        client = self._client
        deadline = self._world.clock.now() + self.options.ready_wait_seconds
        while not self.ready:
            # That this wording is for a client which was logged out meanwhile is a guess.
            if self._client is not client:
                raise ApiError(_NO_CLIENT)
            if self._state == "auth_failure":
                raise ApiError(self._last_error)
            if self._world.clock.now() >= deadline:
                raise ApiError(_NOT_READY)
            await self._world.clock.sleep(_LOOK_SECONDS)

    async def request_pairing_code(self, digits: str) -> str | None:
        """Return a pairing code, None if the account is linked already.

        Raises:
            ApiError: The browser shows no page that could make a code.

        """
        await self.start()
        if self.ready:
            return None
        if self._client is None or not self._client.has_page:
            raise ApiError(_NO_PAGE)
        if self._state not in ("starting", "qr"):
            raise ApiError(_WRONG_PAGE)
        return self.pairing_codes.issue(f"+{digits}")

    def log_out(self) -> None:
        """End the session. Without a client nothing happens, even if a session is on disk.

        Raises:
            ApiError: The browser is not up yet, or the option says so.

        """
        if self._client is None:
            return
        # One that failed to come up can be logged out, one that is coming up cannot.
        coming_up = not self._client.has_page and not self._client.failed
        if coming_up or self.options.logout_fails:
            raise ApiError(_NO_PAGE)
        self.linked = self.limited = False
        self.restart_process()

    def restart_process(self) -> None:
        """Have the process manager start the server anew: a session is kept on disk."""
        self._forget_events()
        self._client = None
        self._scanned = None
        self.codes.end()
        self.pairing_codes.end()
        self._enter("stopped")

    # What the phone does

    def link(self, number: str) -> None:
        """Link the phone, which makes the account ready a moment later.

        Where no browser waits for a phone, nobody can have scanned: the instance is to be as if
        it had been linked for long.
        """
        waiting = self._client is not None and self._client.has_page and self._state in ("starting", "qr")
        self._forget_events()
        self._scanned = self.qr if waiting else None
        if waiting and self.banned:
            self._refuse_link()
            return
        if number != self.number:
            # Messages are with the phone, which shows them to every browser it is linked to.
            self.chats.clear()
        self._last_error = None
        if waiting:
            self._state = "authenticated"
            self._plan_events()
        else:
            self._client = _Client(has_page=True)
            self._state = "ready"
        super().link(number)

    def _refuse_link(self) -> None:
        self.codes.end()
        self.pairing_codes.end()
        self._last_error = _AUTH_FAILED
        self._enter("auth_failure")

    def unlink(self) -> None:
        """Lose the link. The client stays, so the server does not offer codes by itself."""
        self._lose_session("LOGOUT")
        super().unlink()

    def ban(self) -> None:
        """Lose the link, and get no other: WhatsApp Web refuses the account.

        The server has no word for it. Codes are shown on, because WhatsApp does not know yet
        whose phone will scan them.
        """
        self._lose_session("UNPAIRED")
        self.linked = False
        self.banned = True
        self.state_changed()

    def _lose_session(self, reason: str) -> None:
        if self._state not in ("authenticated", "ready"):
            return
        self._forget_events()
        self._last_error = reason
        self._state = "disconnected"

    def offer_codes(self) -> None:
        """Offer none: codes come only from POST /api/auth/start or what starts it, too."""

    def announce(self) -> None:
        """Tell nobody: this server has no events."""

    def message_read(self, message: Message) -> None:
        """Tell nobody: this server knows no acknowledgements."""

    # Messages

    def receive(self, message: Message) -> bool:
        """Keep a message for who asks. It is on the phone, so without a link it only comes later."""
        return self.chats.keep(message) and self.ready

    def send(self, digits: str, text: str) -> Message:
        """Send a text to a person.

        Raises:
            ApiError: Nobody uses WhatsApp with this number.

        """
        chat_id = self.chat_with(digits)
        message = Message(
            id=f"true_{chat_id}_{outgoing_id()}",
            gateway=self.gateway,
            instance=self.id,
            chat_id=chat_id,
            kind=Kind.TEXT,
            sender=self.number,
            outgoing=True,
            text=text,
        )
        self._world.phone.deliver(message)
        self.chats.keep(message)
        return message

    def chat_with(self, digits: str) -> str:
        """Return the chat with a person.

        Raises:
            ApiError: Nobody uses WhatsApp with this number. The wording is WhatsApp Web's; the
                vendor's server adds none of its own.

        """
        if f"+{digits}" in NUMBERS_WITHOUT_ACCOUNT:
            raise ApiError(_NO_ACCOUNT)
        return chat_id_of(digits)
