"""What Wasend tells to the webhook that a session was created with.

Vendor SDK, README: "incoming messages, session status changes". Names, payloads, headers
and retries are documented nowhere. Wasend runs on WAHA's engine GOWS, so all of that is
WAHA's here; there is no signature, since nobody is asked for a key.
"""

from typing import TYPE_CHECKING

from .model import JsonObject, Message, chat_id_of
from .waha_events import Event, ack, event_id, milliseconds, of_message
from .waha_instance import reachable
from .waha_messages import DEVICE, PENDING, READ, wa_message
from .waha_receipts import Receipts, reader_of
from .waha_shapes import OWN_NAME, lid_of
from .waha_webhooks import Postman, Webhook

if TYPE_CHECKING:
    from .wasend_instance import WasendInstance
    from .world import World

_ENGINE = "GOWS"
_STATUSES_TOLD = 3


class Herald:
    """Tells what happens in one session, if somebody wants to know."""

    # Of WAHA's engine.
    engine = _ENGINE
    downloads_media = True
    sees_votes = True

    def __init__(self, world: World, instance: WasendInstance) -> None:
        """Prepare; there is nothing to tell yet."""
        self._instance = instance
        self._postman = Postman(world, instance.id)
        self._statuses: list[JsonObject] = []
        self.receipts = Receipts(world, instance.id, self._ack)

    @property
    def number(self) -> str:
        """Number of the account."""
        return self._instance.number

    # What becomes of the session and its messages

    def status(self) -> None:
        """Tell the engine's status, also again with every new code."""
        status = self._instance.engine_status
        if not self._statuses or self._statuses[-1]["status"] != status:
            self._statuses.append({"status": status, "timestamp": milliseconds()})
        told = self._statuses[-_STATUSES_TOLD:]
        self._tell("session.status", {"status": status, "statuses": told, "data": None})

    def received(self, message: Message) -> None:
        """Tell what somebody wrote."""
        self.receipts.note(message, DEVICE)
        self._tell_all(of_message(self, message))

    def sent(self, message: Message) -> None:
        """Tell what the account wrote, and then how far it gets."""
        self.receipts.note(message, PENDING)
        self._tell_all(of_message(self, message))
        self.receipts.follow(message, arrives=reachable(message.chat_id), fails=self._instance.options.acks_fail)

    def read(self, message: Message) -> None:
        """Tell that somebody read a message."""
        self.receipts.rise(message, READ)

    def _ack(self, message: Message, level: int) -> None:
        if self._instance.working:
            self._tell(*ack(message, level, reader_of(message, level, lids=self._instance.options.lids)))

    # What WAHA's payloads are made from

    def show(self, message: Message) -> JsonObject:
        """Return a message as WAHA tells it."""
        return wa_message(self, message)

    def ack_of(self, message: Message) -> int:
        """Return how far a message got."""
        return self.receipts.level_of(message)

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""
        return self._instance.find_message(given)

    def publish_file(self, message: Message) -> str:
        """Return the address of a file, which is the same as in lists of messages."""
        return self._instance.url_of_file(message)

    # Delivering

    def _tell_all(self, events: list[Event]) -> None:
        for event, payload in events:
            self._tell(event, payload)

    def _tell(self, event: str, payload: JsonObject) -> None:
        if not (url := self._instance.order.webhook_url):
            return
        webhook = Webhook(url, tuple(self._instance.options.webhook_events.split(",")))
        if webhook.wants(event):
            self._postman.send(webhook, self._envelope(event, payload))

    def _envelope(self, event: str, payload: JsonObject) -> JsonObject:
        return {
            "id": event_id(),
            "timestamp": milliseconds(),
            "event": event,
            "session": self._instance.id,
            "metadata": self._instance.metadata,
            "me": self._me(),
            "payload": payload,
            "engine": _ENGINE,
        }

    def _me(self) -> JsonObject | None:
        if not self._instance.working:
            return None
        number = self._instance.number
        return {"id": chat_id_of(number), "lid": lid_of(number), "pushName": OWN_NAME}
