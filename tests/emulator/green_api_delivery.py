"""What becomes of a message that leaves GREEN-API's queue, and what is notified of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .green_api_events import Notifications
from .green_api_journal import Journal
from .model import JsonObject, Kind, Message
from .people import NUMBERS_WITHOUT_ACCOUNT

if TYPE_CHECKING:
    from .world import World

# Page OutgoingMessageStatus names the methods whose messages have one.
_WITHOUT_STATUS = (Kind.REACTION, Kind.EDITED, Kind.DELETED)


class Delivery:
    """Hands the messages of one instance to WhatsApp."""

    def __init__(
        self,
        world: World,
        journal: Journal,
        notifications: Notifications,
        notify: Callable[[str | None, JsonObject], None],
    ) -> None:
        """Prepare; `notify` takes a notification and the setting that it depends on."""
        self._world = world
        self._journal = journal
        self._notifications = notifications
        self._notify = notify

    def deliver(self, message: Message) -> None:
        """Send a message: to the phone, unless WhatsApp does not take it."""
        number = f"+{message.chat_id.removesuffix('@c.us')}"
        if number in NUMBERS_WITHOUT_ACCOUNT:
            # Page SetSettings: this status comes whatever the settings are.
            self._notify(None, self._notifications.status(message, "noAccount"))
        elif message.kind is Kind.EDITED and not self._can_edit(message):
            # Page EditMessage: the request was answered with 200, so this is all one hears.
            self.fail(message, "message was not edited")
        elif message.kind is Kind.DELETED and not self._journal.can_delete_for_all(message.details["message_id"]):
            # It vanishes from the account's own devices, which others do not see.
            return
        else:
            self._send(message)

    def fail(self, message: Message, description: str) -> None:
        """Notify that a message was not sent; no setting turns this off (OutgoingMessageStatus).

        There is always a description, but the wordings are not documented.
        """
        status = self._notifications.status(message, "failed")
        self._notify(None, status | {"description": description})

    def _can_edit(self, message: Message) -> bool:
        return self._journal.can_edit(message.details["message_id"], message.chat_id)

    def _send(self, message: Message) -> None:
        self._world.phone.deliver(message)
        self._journal.note_sent(message)
        self._notify("outgoingAPIMessageWebhook", self._notifications.sent_by_api(message))
        if message.kind in _WITHOUT_STATUS:
            return
        for status in ("sent", "delivered"):
            self._notify("outgoingWebhook", self._notifications.status(message, status))
