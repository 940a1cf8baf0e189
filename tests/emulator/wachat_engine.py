"""What runs below Wachat, which is Evolution API, and what it lets Wachat's customers know."""

import asyncio
from typing import TYPE_CHECKING, cast
import uuid

from . import evolution_events as events
from .evolution_codes import each_code
from .evolution_reception import as_seen
from .evolution_store import MessageStore, StoredMessage
from .model import JsonObject, Message, digits_of

if TYPE_CHECKING:
    from .wachat_instance import WachatInstance
    from .world import World

# Why WhatsApp closed the connection.
_LOGGED_OUT = 401
_BANNED = 403


class Engine:
    """The engine's side of one instance; it knows it by the final name."""

    def __init__(self, world: World, instance: WachatInstance) -> None:
        """Begin without messages."""
        self._world = world
        self._instance = instance
        self.id = instance.id
        self.row = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{instance.id}.wachat.invalid"))
        self.store = MessageStore(world.clock)
        self._codes: asyncio.Task[None] | None = None

    @property
    def owner_jid(self) -> str | None:
        """The jid of the account; None before the first link."""
        digits = digits_of(self._instance.number)
        return f"{digits}@s.whatsapp.net" if self._instance.synchronised else None

    # The connection

    def connect(self) -> None:
        """Tell that the connection is being opened, and then of each code."""
        self._tell(events.connection(self, "connecting"))
        self._halt()
        self._codes = self._world.background.spawn(self._tell_codes(), f"codes of {self.id}")

    def opened(self) -> None:
        """Tell that a phone is linked."""
        self._halt()
        self._tell(events.connection(self, "open", profile=self._profile()))

    def logged_out(self) -> None:
        """Tell that the link is gone."""
        self._close(_LOGGED_OUT)

    def banned(self) -> None:
        """Tell that WhatsApp does not want the account any more."""
        self._close(_BANNED)

    def _close(self, reason: int) -> None:
        self._halt()
        self._tell(events.connection(self, "close", reason))

    def _halt(self) -> None:
        if self._codes is not None:
            self._codes.cancel()
            self._codes = None

    async def _tell_codes(self) -> None:
        codes = self._instance.codes
        async for code in each_code(codes, self._world.clock):
            # The picture costs something: it is made for listeners only.
            if self._has_listener("qrcode.updated"):
                pairing_code = self._instance.pairing_code_with(code)
                self._tell(events.new_code(self, code.text, code.png, pairing_code))
        self._codes = None
        if codes.seconds_since_last() is not None:
            for event in events.given_up(self, self._profile()):
                self._tell(event)

    def _profile(self) -> dict[str, str | None]:
        name = self._instance.options.display_name if self._instance.synchronised else None
        return {"wuid": self.owner_jid, "profileName": name, "profilePictureUrl": None}

    # Messages

    def came(self, message: Message) -> Message:
        """Keep a message from a phone, tell of it and return it as WhatsApp shows it."""
        options = self._instance.options
        seen = as_seen(self._world, message, lids=options.lids)
        self.store.take_in(seen)
        for name, data in events.of_message(self, seen, options.manners):
            if name == "messages.upsert":
                files = options.files_in_events
                content = cast("JsonObject", data)
                events.add_file(self._world, seen, content, as_base64=files == "base64", as_url=files == "url")
            self._tell((name, data))
        if message.outgoing:
            self._note(self.store.find(message.id), "DELIVERY_ACK")
        return seen

    def accepted(self, message: Message) -> None:
        """Keep a message that the API sends. The engine tells of it, but Wachat does not pass that on."""
        self.store.put_out(message)

    def sent(self, message: Message) -> None:
        """Tell that a message reached the server and then the other phone."""
        for status in ("SERVER_ACK", "DELIVERY_ACK"):
            self._note(self.store.find(message.id), status)

    def refused(self, message: Message) -> None:
        """Tell that WhatsApp did not take a message."""
        self._note(self.store.find(message.id), "ERROR")

    def read(self, message: Message) -> None:
        """Tell that the recipient has read a message."""
        self._note(self.store.find(message.id), "READ")

    def _note(self, stored: StoredMessage | None, status: str) -> None:
        if stored is not None:
            stored.statuses.append(status)
            self._tell(events.status_update(self, stored.message, status))

    # Webhooks

    def _has_listener(self, name: str) -> bool:
        instance = self._instance
        return any(webhook.wants(instance, name) for webhook in instance.account.webhooks)

    def _tell(self, event: events.Event) -> None:
        """Hand an event to all who want it, in the engine's envelope; Wachat keeps its key to itself."""
        name, instance = event[0], self._instance
        for webhook in instance.account.webhooks:
            if webhook.wants(instance, name):
                envelope = events.envelope(self, event, webhook.url, f"{self._world.url}/wachat", None)
                webhook.send(instance.options, name, envelope)
