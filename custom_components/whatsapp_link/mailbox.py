"""What goes out and comes in for one instance. It outlives the entry's being loaded anew."""

from collections.abc import Callable
from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .gateways.events import Event
from .gateways.gateway import Gateway
from .inbox import Inbox
from .outbox import Outbox
from .received import ReceivedFiles

_MAILBOXES: HassKey[dict[str, Mailbox]] = HassKey(f"{DOMAIN}_mailboxes")


class Mailbox:
    """The gateway, the queue of what goes out, those who wait for what comes in, and what is remembered of both.

    An entry is loaded anew for as little as a new recipient: whoever sends, or waits for an answer, must not notice.
    `open_questions` are those that wait for an answer, by chat id, the latest last.
    """

    def __init__(self, gateway: Gateway, may_see: Callable[[Event], bool]) -> None:
        """Take the gateway and the rule for what may be shown."""
        self.gateway = gateway
        self.outbox = Outbox(gateway.pace.gap)
        self.inbox = Inbox(gateway, may_see)
        self.files = ReceivedFiles(gateway)
        self.open_questions: dict[str, list[object]] = {}
        self.last_sent: datetime | None = None
        self.last_received: datetime | None = None
        self._listeners: list[Callable[[], None]] = []
        self.inbox.listen(self._note_event)

    def carry_on(self, gateway: Gateway, may_see: Callable[[Event], bool]) -> None:
        """Take the gateway and the rule anew. A gateway that is the same stays, with what it remembers."""
        if not self.gateway.is_same(gateway):
            self.gateway = gateway
        self.inbox.carry_on(self.gateway, may_see)
        self.files.carry_on(self.gateway)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call somebody whenever a message went out or came in. Returns how to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def note_sent(self) -> None:
        """Take note that a message went out."""
        self.last_sent = dt_util.utcnow()
        self._tell()

    async def async_take(self, event: Event) -> bool:
        """Hand an event on, if it is new, and return whether it is."""
        strangers = self.inbox.strangers
        is_new = await self.inbox.async_take(event)
        if self.inbox.strangers > strangers:
            self._tell()
        return is_new

    def _note_event(self, event: Event) -> None:
        self.files.note(event)
        if not event.kind.is_receipt and not event.from_me:
            self.last_received = dt_util.utc_from_timestamp(event.timestamp)
            self._tell()

    def _tell(self) -> None:
        """Tell only those who show it: a message changes nothing for all other entities."""
        for listener in tuple(self._listeners):
            listener()


@callback
def async_get_mailbox(
    hass: HomeAssistant, entry: ConfigEntry, gateway: Gateway, may_see: Callable[[Event], bool]
) -> Mailbox:
    """Return the mailbox of an instance, the same each time the entry is loaded."""
    mailboxes = hass.data.setdefault(_MAILBOXES, {})
    if mailbox := mailboxes.get(entry.entry_id):
        mailbox.carry_on(gateway, may_see)
    else:
        mailbox = mailboxes[entry.entry_id] = Mailbox(gateway, may_see)
    return mailbox


@callback
def async_forget_mailbox(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget the mailbox of an entry that is removed or disabled: what waits in it does not go out any more."""
    if mailbox := hass.data.get(_MAILBOXES, {}).pop(entry.entry_id, None):
        mailbox.outbox.close(
            HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="instance_not_loaded",
                translation_placeholders={"instance": entry.title},
            )
        )
