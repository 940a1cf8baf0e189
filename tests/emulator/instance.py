"""One WhatsApp account at one gateway, as the phone deals with it."""

from abc import ABC, abstractmethod

from .model import JsonObject, Message
from .pairing import PairingCodes, QrSeries
from .wakeup import Wakeup


class Instance(ABC):
    """The link between a phone and a gateway.

    The phone calls `link`, `unlink`, `ban`, `limit`, `restore` and `receive`. A gateway
    says in its subclass what its server makes of that.
    """

    gateway: str
    """Key of the gateway."""
    id: str
    """The id that the vendor gave to the instance."""
    number: str
    """Number of the phone, with plus sign."""
    codes: QrSeries
    pairing_codes: PairingCodes

    def __init__(self) -> None:
        """Begin as an instance that no phone is linked to."""
        self.linked = False
        self.banned = False
        self.limited = False
        self.changed = Wakeup()

    @property
    @abstractmethod
    def state(self) -> str:
        """The vendor's word for the present state."""

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Return what is to be typed into Home Assistant."""

    @abstractmethod
    def receive(self, message: Message) -> bool:
        """Take a message that somebody wrote to this account.

        Returns whether the gateway noticed; it cannot while the phone is not linked.
        """

    def owner_wrote(self, message: Message) -> bool:
        """Take a message that the account's owner typed on the phone itself.

        Returns whether the gateway noticed. Not all vendors tell of these.
        """
        return False

    @abstractmethod
    def offer_codes(self) -> None:
        """Begin a new series of QR codes, if the vendor does so by itself."""

    @abstractmethod
    def announce(self) -> None:
        """Let the server act on a change of state: notify, resume its queue."""

    @abstractmethod
    def message_read(self, message: Message) -> None:
        """Notice that the recipient has read a message which this account sent."""

    def link(self, number: str) -> None:
        """Link the phone with this number, after it scanned or entered a code."""
        self.number = number
        self.linked = True
        self.codes.end()
        self.pairing_codes.end()
        self.state_changed()

    def unlink(self) -> None:
        """Lose the link: the owner removed the device, or it was logged out."""
        self.linked = self.limited = self.banned = False
        self.pairing_codes.end()
        self.offer_codes()
        self.state_changed()

    def ban(self) -> None:
        """Have the account banned by WhatsApp."""
        self.banned = True
        self.codes.end()
        self.state_changed()

    def limit(self) -> None:
        """Have the account restricted by WhatsApp for suspicious activity."""
        self.limited = True
        self.state_changed()

    def restore(self) -> None:
        """Lift ban and restriction."""
        self.banned = self.limited = False
        if not self.linked:
            self.offer_codes()
        self.state_changed()

    def state_changed(self) -> None:
        """Let everybody know, after any change."""
        self.announce()
        self.changed.ring()

    def as_json(self) -> JsonObject:
        """Return the instance as the phone's control routes show it."""
        return {
            "gateway": self.gateway,
            "id": self.id,
            "credentials": self.credentials(),
            "number": self.number,
            "state": self.state,
            "linked": self.linked,
        }
