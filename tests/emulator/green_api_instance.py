"""One instance at GREEN-API: its states, its settings and its two queues.

Sources are the pages of GREEN-API's documentation, named at each fact.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
import json
from typing import TYPE_CHECKING, Literal

from .green_api_delivery import Delivery
from .green_api_events import SETTING_FOR_KIND, SETTING_FOR_OTHER_KINDS, Notifications
from .green_api_journal import Journal
from .green_api_outbox import QUEUE_SECONDS, Outbox
from .green_api_settings import NEW_SETTINGS
from .instance import Instance
from .model import JsonObject, Message, chat_id_of
from .pairing import PairingCodes, QrSeries
from .wakeup import Wakeup

if TYPE_CHECKING:
    from .world import World

type State = Literal["authorized", "blocked", "notAuthorized", "starting", "yellowCard"]

# Page QR: "QR code is updated every 20 seconds".
QR_SECONDS = 20
# Page GetAuthorizationCode: valid for about two and a half minutes.
PAIRING_CODE_SECONDS = 150
# Page on the webhook endpoint: an answer within 180 s, else again after about a minute.
WEBHOOK_ANSWER_SECONDS = 180
WEBHOOK_RETRY_SECONDS = 60
# Page on tariffs: the free one has 3 chats and 100 number checks a month.
FREE_CHATS = 3
FREE_CHECKS = 100


@dataclass
class GreenApiOptions:
    """How an instance behaves where the documentation leaves room."""

    # The documentation says up to 5 minutes; a few seconds are common.
    start_seconds: float = 10.0
    # How long the restart after setSettings takes; settings hold from then on.
    settings_seconds: float = 5.0
    # What was set is not shown by getSettings before it holds; the documentation does not say either way.
    shows_settings_late: bool = False
    # From `notAuthorized` to the first code; page QR says up to 10 minutes.
    first_qr_seconds: float = 2.0
    # "business", or the free "developer" with its quotas.
    tariff: str = "business"
    # "active", "expired" or "deleted", as the console has it.
    account: str = "active"
    # Clients are known to expect an object or a text in the frame accountData.
    account_data_as_text: bool = False
    # The vendor's known bug: a wrong pairing code, then a second request for a code,
    # leave the instance in `starting` until it is logged out.
    pairing_code_bug: bool = False
    # How long the queue waits before it asks again for a file that it could not fetch; the
    # vendor's issue tracker says 120 s.
    file_retry_seconds: float = 120.0

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        if self.tariff not in ("business", "developer"):
            msg = "Option 'tariff' must be business or developer"
            raise ValueError(msg)
        if self.account not in ("active", "expired", "deleted"):
            msg = "Option 'account' must be active, expired or deleted"
            raise ValueError(msg)


@dataclass(frozen=True)
class _Notification:
    receipt_id: int
    body: JsonObject
    expires: float


class GreenApiInstance(Instance):
    """An instance, from the console's point of view always switched on."""

    gateway = "green_api"

    def __init__(
        self,
        world: World,
        instance_id: str,
        token: str,
        number: str,
        options: GreenApiOptions,
    ) -> None:
        """Make an instance that has been waiting for a phone for a while."""
        super().__init__()
        self._world = world
        self.id = instance_id
        self.token = token
        self.number = number
        self.options = options
        name = f"{self.gateway} {instance_id}"
        self.codes = QrSeries(world.clock, world.seed, name, QR_SECONDS)
        self.codes.begin()
        self.pairing_codes = PairingCodes(world.clock, world.seed, name, PAIRING_CODE_SECONDS)
        self.starting = False
        self._boot: asyncio.Task[None] | None = None
        # What setSettings wrote, and what the running instance goes by.
        self.settings = dict(NEW_SETTINGS)
        self._settings_in_force = dict(NEW_SETTINGS)
        # getSettings keeps the number of the last phone, and is empty before the first.
        self.last_wid = ""
        self._announced: State = self.state
        self._notifications = Notifications(instance_id, lambda: self.wid, lambda: world.url)
        self._inbox: deque[_Notification] = deque()
        self._inbox_filled = Wakeup()
        self._next_receipt_id = 1
        self._pusher: asyncio.Task[None] | None = None
        self.journal = Journal(world.clock)
        delivery = Delivery(world, self.journal, self._notifications, self._notify)
        self.outbox = Outbox(world, self, delivery.deliver, delivery.fail)
        self.chats_used: set[str] = set()
        self.checks_used = 0

    # State

    @property
    def state(self) -> State:
        """The vendor's word, from page GetStateInstance."""
        if self.starting:
            return "starting"
        if self.banned:
            return "blocked"
        if not self.linked:
            return "notAuthorized"
        return "yellowCard" if self.limited else "authorized"

    @property
    def authorized(self) -> bool:
        """Say whether methods work that need WhatsApp itself."""
        return self.state in ("authorized", "yellowCard")

    @property
    def wid(self) -> str:
        """The account's own chat id, "" while not linked."""
        return chat_id_of(self.number) if self.linked else ""

    def credentials(self) -> dict[str, str]:
        """Return what the vendor's console shows for the instance."""
        return {
            "base_url": f"{self._world.url}/green-api",
            "instance_id": self.id,
            "token": self.token,
        }

    def offer_codes(self) -> None:
        """Begin a new series; the first code takes its time."""
        if not self.starting:
            self.codes.begin(self.options.first_qr_seconds)

    def link(self, number: str) -> None:
        """Link the phone."""
        super().link(number)
        self.last_wid = self.wid

    def unlink(self) -> None:
        """Lose the link. This also ends a start that hangs."""
        self._cancel_boot()
        self.starting = False
        self._settings_in_force = dict(self.settings)
        super().unlink()

    def reboot(self) -> None:
        """Restart; messages held back by a yellow card go out afterwards."""
        self.limited = False
        self._start_up(self.options.start_seconds)

    @property
    def shown_settings(self) -> JsonObject:
        """What getSettings shows."""
        return self._settings_in_force if self.options.shows_settings_late else self.settings

    def change_settings(self, settings: JsonObject) -> None:
        """Save settings; the instance restarts to take them on (page SetSettings)."""
        self.settings.update(settings)
        self._start_up(self.options.settings_seconds)

    def _start_up(self, seconds: float) -> None:
        self._cancel_boot()
        self.starting = True
        self.codes.end()
        self.pairing_codes.end()
        self._boot = self._world.background.spawn(self._come_up(seconds), f"start of {self.id}")
        self.state_changed()

    def _cancel_boot(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
            self._boot = None

    async def _come_up(self, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        self._boot = None
        self.starting = False
        self._settings_in_force = dict(self.settings)
        if not self.linked and not self.banned:
            self.offer_codes()
        self.state_changed()

    def announce(self) -> None:
        """Notify of a new state, and go on with what waits in the queues."""
        if self.state != self._announced:
            self._announced = self.state
            self._notify("stateWebhook", self._notifications.state(self.state))
        self._push_webhooks()
        self.outbox.go_on()

    # Pairing codes

    def request_pairing_code(self, number: str) -> str | None:
        """Return a code, None if the instance is caught in the vendor's known bug."""
        if self.options.pairing_code_bug and self.pairing_codes.mistyped:
            self.starting = True
            self.codes.end()
            self.pairing_codes.end()
            self.state_changed()
            return None
        return self.pairing_codes.issue(number)

    # Receiving

    @property
    def webhook_url(self) -> str:
        """The address that notifications go to; "" for the queue."""
        return str(self._settings_in_force["webhookUrl"])

    def receive(self, message: Message) -> bool:
        """Notify of a message, if the instance is linked."""
        if not self.linked or self.banned:
            return False
        self.chats_used.add(message.chat_id)
        self.journal.note(message)
        if self._settings_in_force["incomingWebhook"] == "yes":
            self.journal.note_readable(message)
        setting = SETTING_FOR_KIND.get(message.kind, SETTING_FOR_OTHER_KINDS)
        self._notify(setting, self._notifications.incoming(message))
        return True

    async def next_notification(self, seconds: float) -> _Notification | None:
        """Return the oldest notification, waiting for one if there is none.

        It is returned again until it is deleted (page ReceiveNotification).
        """
        clock = self._world.clock
        deadline = clock.now() + seconds
        while not self._oldest():
            left = deadline - clock.now()
            if left <= 0 or not await self._inbox_filled.wait(clock.real(left)):
                break
        return self._oldest()

    def delete_notification(self, receipt_id: int) -> bool:
        """Delete a notification and say whether it was there."""
        for notification in self._inbox:
            if notification.receipt_id == receipt_id:
                self._inbox.remove(notification)
                return True
        return False

    def _oldest(self) -> _Notification | None:
        while self._inbox and self._inbox[0].expires <= self._world.clock.now():
            self._inbox.popleft()
        return self._inbox[0] if self._inbox else None

    def _notify(self, setting: str | None, body: JsonObject) -> None:
        """Queue a notification, if its setting is on; None is always on."""
        if setting is not None and self._settings_in_force[setting] != "yes":
            return
        expires = self._world.clock.now() + QUEUE_SECONDS
        self._inbox.append(_Notification(self._next_receipt_id, body, expires))
        self._next_receipt_id += 1
        self._inbox_filled.ring()
        self._push_webhooks()

    def _push_webhooks(self) -> None:
        if self.webhook_url and self._inbox and self._pusher is None:
            self._pusher = self._world.background.spawn(self._push_all(), f"webhooks of {self.id}")

    async def _push_all(self) -> None:
        """Deliver in order; one that is not taken holds up those behind it."""
        try:
            while self.webhook_url and (notification := self._oldest()):
                status = await self._world.courier.deliver(
                    self.webhook_url,
                    json.dumps(notification.body).encode(),
                    self._webhook_headers(),
                    self._world.clock.real(WEBHOOK_ANSWER_SECONDS),
                )
                if status == 200:
                    self.delete_notification(notification.receipt_id)
                else:
                    await self._world.clock.sleep(WEBHOOK_RETRY_SECONDS)
        finally:
            self._pusher = None

    def _webhook_headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if token := str(self._settings_in_force["webhookUrlToken"]):
            # The documentation lets a token bring its own scheme, as in "Basic ...".
            headers["Authorization"] = token if " " in token else f"Bearer {token}"
        return headers

    # Sending

    @property
    def send_delay(self) -> float:
        """The pause after each message, in seconds."""
        return float(self._settings_in_force["delaySendMessagesMilliseconds"]) / 1000

    @property
    def link_preview(self) -> bool:
        """Whether links have a preview, where a message does not say."""
        return bool(self._settings_in_force["linkPreview"])

    def message_read(self, message: Message) -> None:
        """Notify that a message was read."""
        self._notify("outgoingWebhook", self._notifications.status(message, "read"))

    def quota_exceeded(self, description: str) -> None:
        """Notify that the free tariff's chats are used up."""
        self._notify(
            None,
            self._notifications.quota_exceeded(len(self.chats_used), FREE_CHATS, description),
        )
