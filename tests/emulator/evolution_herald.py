"""Who tells the webhook of an instance of Evolution API what happens to it."""

from typing import TYPE_CHECKING, cast

from . import evolution_events as events
from .evolution_messages import sent_message
from .evolution_webhooks import Webhook
from .model import JsonObject, Kind, Message
from .pairing import QrCode

if TYPE_CHECKING:
    from .evolution_instance import EvolutionInstance


class Herald:
    """Tells of what happens to an instance, and of its messages."""

    def __init__(self, instance: EvolutionInstance, webhook: Webhook) -> None:
        """Tell a webhook of an instance."""
        self._instance = instance
        self._webhook = webhook

    # The connection

    def connecting(self) -> None:
        """Tell that the connection is being opened."""
        self._webhook.tell(events.connection(self._instance, "connecting"))

    def new_code(self, code: QrCode) -> None:
        """Tell of a new code, which costs a picture: it is made for listeners only."""
        if self._webhook.wants("qrcode.updated"):
            pairing_code = self._instance.pairing_code_with(code)
            self._webhook.tell(events.new_code(self._instance, code.text, code.png, pairing_code))

    def given_up(self) -> None:
        """Tell that nobody scanned any of the codes."""
        self._tell_all(events.given_up(self._instance, self._profile()))

    def opened(self, *, is_new: bool) -> None:
        """Tell that the connection stands; if the link is new, the address book comes along."""
        self._webhook.tell(events.connection(self._instance, "open", profile=self._profile()))
        if is_new:
            self._webhook.tell(events.contacts(self._instance))

    def closed(self) -> None:
        """Tell that the connection ended for good."""
        if (gone := self._instance.disconnection) is not None:
            self._tell_all(events.closed(self._instance, gone.code, gone.at, gone.as_text))

    def removed(self) -> None:
        """Tell that the instance is no more."""
        self._webhook.tell(("remove.instance", None))

    def _profile(self) -> dict[str, str | None]:
        instance = self._instance
        return {
            "wuid": instance.owner_jid,
            "profileName": instance.profile_name,
            "profilePictureUrl": instance.picture_url,
        }

    # Messages

    def came(self, message: Message) -> None:
        """Tell of a message that somebody wrote, be it the account's owner on the phone."""
        options = self._instance.options
        for name, data in events.of_message(self._instance, message, options.manners):
            if name == "messages.upsert":
                self._add_file(message, cast("JsonObject", data))
            self._webhook.tell((name, data))

    def went(self, message: Message) -> None:
        """Tell of a message that the API sent."""
        data = sent_message(self._instance, message)
        if message.kind is Kind.EDITED:
            [(_, edit)] = events.of_message(self._instance, message, self._instance.options.manners)
            self._webhook.tell(("send.message.update", edit))
        elif message.kind is not Kind.DELETED:
            self._add_file(message, data)
            self._webhook.tell(("send.message", data))
        elif (deleted := self._instance.store.find(message.details["message_id"])) is not None:
            self._webhook.tell(events.own_deletion(self._instance, deleted.message))

    def came_further(self, message: Message, status: str) -> None:
        """Tell how far a message got that the account sent."""
        self._webhook.tell(events.status_update(self._instance, message, status))

    def _add_file(self, message: Message, data: JsonObject) -> None:
        events.add_file(
            self._instance.world,
            message,
            data,
            as_base64=self._webhook.sends_files,
            as_url=self._instance.options.storage,
        )

    def _tell_all(self, happened: list[events.Event]) -> None:
        for event in happened:
            self._webhook.tell(event)
