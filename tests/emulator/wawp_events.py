"""What Wawp tells to webhooks (vendor docs, the pages on events).

The docs have the envelope and the payloads of `message`, `message.any`, `message.ack` and
`session.status`. The others are those of the engine underneath. No header signs anything.
"""

import time
from typing import TYPE_CHECKING

from .model import JsonObject, Message
from .waha_engines import engine_message, writer_of
from .waha_events import Event, event_id, milliseconds, of_message
from .waha_messages import DEVICE, PENDING, READ
from .waha_receipts import Receipts
from .waha_shapes import lid_of
from .waha_webhooks import Postman
from .wawp_shapes import Ack, data_uri, listed

if TYPE_CHECKING:
    from .wawp_instance import WawpInstance
    from .world import World

# Vendor docs, the examples.
_ENGINE = "WEBJS"
_METADATA = {"user.id": "123", "user.email": "owner@example.com"}


class Herald:
    """Tells what happens in one instance, if somebody wants to know."""

    # Vendor docs: there is an event, although the engine's own docs have none.
    sees_votes = True

    def __init__(self, world: World, instance: WawpInstance) -> None:
        """Prepare; there is nothing to tell yet."""
        self._instance = instance
        self._postman = Postman(world, instance.id)
        self.receipts = Receipts(world, instance.id, self._ack)

    # What becomes of the session and its messages

    def status(self) -> None:
        """Tell the session's status; also again with every new code, as the engine does."""
        instance = self._instance
        if instance.options.status_event == "flat":
            self._post("session.status", self._flat_status())
        else:
            self._tell("session.status", {"name": instance.name, "status": instance.state})

    def _flat_status(self) -> JsonObject:
        """Return the event as the older vendor docs have it: without an envelope, with the code."""
        instance = self._instance
        event: JsonObject = {"instance_id": instance.id, "status": instance.state, "ts": int(time.time())}
        code = instance.codes.current() if instance.state == "SCAN_QR_CODE" else None
        return event | ({"qr": data_uri(code.png)} if code else {})

    def received(self, message: Message) -> None:
        """Tell what somebody wrote."""
        self.receipts.note(message, DEVICE)
        self._tell_all(of_message(self, message))

    def sent(self, message: Message) -> None:
        """Tell what the account wrote, and then how far it gets."""
        self.receipts.note(message, PENDING)
        self._tell_all(of_message(self, message))
        self.receipts.follow(message, arrives=True, fails=self._instance.options.acks_fail)

    def read(self, message: Message) -> None:
        """Tell that somebody read a message."""
        self.receipts.rise(message, READ)

    def _ack(self, message: Message, level: int) -> None:
        """Vendor docs, event message.ack: less than the engine says, and the chat by another name."""
        ack = Ack(level)
        payload = {"id": message.id, "ack": ack, "ackName": ack.name, "chatId": message.chat_id}
        if self._instance.state == "WORKING":
            self._tell("message.ack", payload)

    # What the payloads are made from

    def show(self, message: Message) -> JsonObject:
        """Return a message as events have it: a bit more than lists."""
        ack = Ack(self.receipts.level_of(message))
        shown = listed(message, self._instance.number, ack, self._instance.url_of_file)
        if quoted := shown["replyTo"]:
            shown["replyTo"] = quoted | self._quoted(message.quoted_id)
        return shown | {
            "author": writer_of(message) if message.in_group else None,
            "_data": engine_message(_ENGINE, message, ack),
        }

    def _quoted(self, message_id: str) -> JsonObject:
        found = self.find_message(message_id)
        return {
            "participant": writer_of(found) if found else None,
            "body": found.text if found else "",
            "_data": {},
        }

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""
        return self._instance.find_message(given)

    # Delivering

    def _tell_all(self, events: list[Event]) -> None:
        for event, payload in events:
            self._tell(event, payload)

    def _tell(self, event: str, payload: JsonObject) -> None:
        me = self._instance.me
        envelope = {
            "id": event_id(),
            "timestamp": milliseconds(),
            "session": self._instance.name,
            "metadata": _METADATA,
            "engine": _ENGINE,
            "event": event,
            "payload": payload,
            "me": me and me | {"lid": lid_of(self._instance.number)},
        }
        self._post(event, envelope)

    def _post(self, event: str, content: JsonObject) -> None:
        is_list = self._instance.options.events_as == "array"
        for webhook in self._instance.webhooks.for_event(event):
            self._postman.send(webhook, [content] if is_list else content)
