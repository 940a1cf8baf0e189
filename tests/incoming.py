"""Events as a gateway would tell them, for tests of what Home Assistant makes of them."""

from dataclasses import replace
import itertools
import time
from typing import Any

from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import Event, EventKind, Sender

ROBIN = "12025550177"
ROBINS_CHAT = f"{ROBIN}@c.us"
FAMILY = "120363000000000142@g.us"

_numbers = itertools.count(1)


def event(kind: EventKind = EventKind.TEXT, **fields: Any) -> Event:
    """Return an event of its own: by default Robin writes "Hello"."""
    number = next(_numbers)
    plain = Event(
        kind=kind,
        event_id=f"event {number}",
        chat_id=ROBINS_CHAT,
        timestamp=time.time(),
        sender=Sender(number=ROBIN, name="Robin R."),
        message_id=f"false_{ROBINS_CHAT}_{number:020X}",
        text="Hello" if kind is EventKind.TEXT else "",
    )
    return replace(plain, **fields)


async def tell(coordinator: WhatsAppLinkCoordinator, kind: EventKind = EventKind.TEXT, **fields: Any) -> Event:
    """Have the gateway tell of an event."""
    told = event(kind, **fields)
    await coordinator.async_take(told)
    return told
