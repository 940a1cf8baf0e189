"""The phones: they scan, read, write and unlink, for the instances of every gateway.

Each instance has one phone behind it, known by its number. All phones are operated
through one object, as one person in a test or in front of the web page does.
"""

from collections.abc import Mapping
from typing import Any

from .instance import Instance
from .model import Kind, Message, Notice, chat_id_of, digits_of, incoming_id
from .pairing import plain_code
from .people import name_of


class PhoneError(Exception):
    """Something that the phone cannot do."""


class UnknownInstance(PhoneError):
    """No instance has this id."""


class AmbiguousInstance(PhoneError):
    """Instances of several gateways have this id."""


class UnknownCode(PhoneError):
    """This code was never shown to anybody."""


class ExpiredCode(PhoneError):
    """This code was valid once."""


class UnknownMessage(PhoneError):
    """No message has this id."""


class Phone:
    """All phones, with their instances and chats."""

    def __init__(self) -> None:
        """Begin without instances and messages."""
        self.instances: list[Instance] = []
        self._history: list[Message] = []
        self._read: set[str] = set()
        self.notices: list[Notice] = []

    def find(self, instance_id: str) -> Instance:
        """Return an instance by its id, or by `<gateway>/<id>` where ids coincide.

        Raises:
            UnknownInstance: There is none.
            AmbiguousInstance: There are several.

        """
        found = [
            instance for instance in self.instances if instance_id in (instance.id, f"{instance.gateway}/{instance.id}")
        ]
        if not found:
            msg = f"There is no instance {instance_id!r}"
            raise UnknownInstance(msg)
        if len(found) > 1:
            choices = ", ".join(f"{each.gateway}/{each.id}" for each in found)
            msg = f"Several gateways have an instance {instance_id!r}: say {choices}"
            raise AmbiguousInstance(msg)
        return found[0]

    def free_number(self) -> str:
        """Return a number, from the range kept free for fiction, that no instance has."""
        taken = {instance.number for instance in self.instances}
        return next(
            number
            for area in range(202, 1000)
            for line in range(100, 200)
            if (number := f"+1{area}5550{line}") not in taken
        )

    # Linking

    def scan(self, text: str, number: str | None = None) -> Instance:
        """Scan a QR code, with another phone than the instance's if a number is given.

        Raises:
            ExpiredCode: The code was valid once.
            UnknownCode: The code was never shown.

        """
        for instance in self.instances:
            if instance.codes.is_valid(text):
                instance.link(number or instance.number)
                return instance
        if any(instance.codes.is_known(text) for instance in self.instances):
            msg = "This QR code has expired"
            raise ExpiredCode(msg)
        msg = "This QR code was never shown"
        raise UnknownCode(msg)

    def enter_code(self, typed: str) -> Instance:
        """Enter a pairing code; the phone is the one that the code was asked for.

        Raises:
            ExpiredCode: The code was valid once.
            UnknownCode: The code was never issued.

        """
        code = plain_code(typed)
        for instance in self.instances:
            if instance.pairing_codes.is_valid(code):
                instance.link(instance.pairing_codes.number_of(code))
                return instance
        if any(instance.pairing_codes.is_known(code) for instance in self.instances):
            msg = "This pairing code has expired"
            raise ExpiredCode(msg)
        for instance in self.instances:
            if instance.pairing_codes.pending:
                instance.pairing_codes.mistyped = True
        msg = "This pairing code was never issued"
        raise UnknownCode(msg)

    def unlink(self, instance_id: str) -> Instance:
        """Remove the linked device on the phone."""
        instance = self.find(instance_id)
        instance.unlink()
        return instance

    def ban(self, instance_id: str) -> Instance:
        """Have WhatsApp ban the account."""
        instance = self.find(instance_id)
        instance.ban()
        return instance

    def limit(self, instance_id: str) -> Instance:
        """Have WhatsApp restrict the account."""
        instance = self.find(instance_id)
        instance.limit()
        return instance

    def restore(self, instance_id: str) -> Instance:
        """Have WhatsApp lift ban and restriction."""
        instance = self.find(instance_id)
        instance.restore()
        return instance

    # Messages

    def deliver(self, message: Message) -> None:
        """Let a message that a gateway sent arrive on the recipient's phone."""
        self._history.append(message)

    def notice(self, notice: Notice) -> None:
        """Let the other side see that the account reads or types."""
        self.notices.append(notice)

    def messages(self, instance_id: str | None = None) -> list[Message]:
        """Return what arrived from an instance (or from all), oldest first."""
        return [message for message in self.conversation(instance_id) if message.outgoing]

    def conversation(self, instance_id: str | None = None) -> list[Message]:
        """Return what was sent and received, oldest first."""
        if instance_id is None:
            return list(self._history)
        instance = self.find(instance_id)
        return [
            message
            for message in self._history
            if (message.gateway, message.instance) == (instance.gateway, instance.id)
        ]

    def write(
        self,
        instance_id: str,
        sender: str,
        text: str = "",
        *,
        kind: Kind = Kind.TEXT,
        chat_id: str | None = None,
        sender_name: str | None = None,
        quoted_id: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> tuple[Message, bool]:
        """Have somebody write to an instance.

        Returns the message and whether the gateway noticed it: without a link, it stays
        on the phone.
        """
        instance = self.find(instance_id)
        number = f"+{digits_of(sender)}"
        message = Message(
            id=incoming_id(),
            gateway=instance.gateway,
            instance=instance.id,
            chat_id=chat_id or chat_id_of(number),
            kind=Kind(kind),
            sender=number,
            outgoing=False,
            sender_name=name_of(number) if sender_name is None else sender_name,
            text=text,
            quoted_id=quoted_id,
            details=dict(details or {}),
        )
        self._history.append(message)
        return message, instance.receive(message)

    def write_own(
        self,
        instance_id: str,
        chat_id: str,
        text: str = "",
        *,
        kind: Kind = Kind.TEXT,
        quoted_id: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> tuple[Message, bool]:
        """Have the owner of the account write to a chat, on the phone itself.

        Returns the message and whether the gateway noticed it. It is among those that
        arrived: for the other side, it makes no difference where it was typed.
        """
        instance = self.find(instance_id)
        message = Message(
            id=incoming_id(),
            gateway=instance.gateway,
            instance=instance.id,
            chat_id=chat_id,
            kind=Kind(kind),
            sender=instance.number,
            outgoing=True,
            text=text,
            quoted_id=quoted_id,
            details=dict(details or {}),
        )
        self._history.append(message)
        return message, instance.owner_wrote(message)

    def read(self, message_id: str) -> Message:
        """Have the recipient read a message.

        Raises:
            UnknownMessage: No message with this id arrived.

        """
        for message in self.messages():
            if message.id == message_id:
                if message_id not in self._read:
                    self._read.add(message_id)
                    self.find(f"{message.gateway}/{message.instance}").message_read(message)
                return message
        msg = f"No message {message_id!r} arrived"
        raise UnknownMessage(msg)

    def clear_messages(self) -> None:
        """Forget all messages on all phones."""
        self._history.clear()
        self._read.clear()
        self.notices.clear()
