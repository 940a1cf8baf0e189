"""What comes in for one instance: each event once, in order, and only to those who may see it."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
import logging

from .gateways.capability import Capability
from .gateways.errors import GatewayError, origin
from .gateways.events import Event, EventKind
from .gateways.gateway import Gateway

_LOGGER = logging.getLogger(__name__)

# So many events are remembered, so that one that is told again is known. A retry comes within minutes.
_MEMORY = 5000
# So many people are remembered whose numbers WhatsApp hides.
_PEOPLE = 1000
# Who is unknown is asked for again after so many seconds: to ask each time would hold up what they write. A gateway
# that does not answer may do so soon.
_ASK_AGAIN = 600.0
_ASK_AGAIN_SOON = 10.0

type Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class _Looked:
    """What came of looking for a number, and when that was; `failed` if the gateway did not tell."""

    number: str
    at: float
    failed: bool

    def is_fresh(self, now: float) -> bool:
        """Whether there is no need to look again: whose number is known once keeps it."""
        return bool(self.number) or now - self.at < (_ASK_AGAIN_SOON if self.failed else _ASK_AGAIN)


def is_in_chat(event: Event, chat_id: str) -> bool:
    """Whether something happened in a chat; a person may be known by number, by an opaque id, or by both."""
    return event.chat_id == chat_id or (not event.chat_id.endswith("@g.us") and event.sender.lid == chat_id != "")


class Inbox:
    """Hands events on.

    `strangers` counts the messages that nobody may see. `rejected` counts calls to the webhook that were refused.
    `kinds` counts all that came, whether it may be seen or not.
    """

    def __init__(self, gateway: Gateway, may_see: Callable[[Event], bool]) -> None:
        """Take the gateway and the rule for what may be shown."""
        self.carry_on(gateway, may_see)
        self.strangers = 0
        self.rejected = 0
        self.kinds: Counter[EventKind] = Counter()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._numbers: OrderedDict[str, _Looked] = OrderedDict()
        self._turn = asyncio.Lock()
        self._watchers: list[Listener] = []
        self._listeners: list[Listener] = []

    def carry_on(self, gateway: Gateway, may_see: Callable[[Event], bool]) -> None:
        """Take the gateway and the rule anew, as they are after a change."""
        self._gateway = gateway
        self._may_see = may_see

    def watch(self, watcher: Listener) -> Callable[[], None]:
        """Call somebody who waits for a certain event at each, also those that may not be shown. Returns how to end it."""
        return _add(self._watchers, watcher)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call somebody at each event that may be shown. Returns how to end it."""
        return _add(self._listeners, listener)

    async def async_take(self, event: Event) -> bool:
        """Hand an event on, if it is new, and return whether it is. When this returns, everybody has it."""
        async with self._turn:
            if event.event_id in self._seen:
                return False
            event = await self._with_number(event)
            # Not before: what was told while Home Assistant ended is to be told again.
            _remember(self._seen, event.event_id, None, _MEMORY)
            self.kinds[event.kind] += 1
            _tell(self._watchers, event)
            if self._may_see(event):
                _tell(self._listeners, event)
            elif not event.kind.is_receipt and not event.from_me:
                self.strangers += 1
            return True

    async def _with_number(self, event: Event) -> Event:
        """Put the number in the place of an opaque id, where the gateway knows it: recipients are known by number."""
        lid = event.sender.lid or (event.chat_id if event.chat_id.endswith("@lid") else "")
        if not lid:
            return event
        number = event.sender.number or await self._find_number(lid)
        chat_id = f"{number}@c.us" if number and event.chat_id == lid else event.chat_id
        return replace(event, chat_id=chat_id, sender=replace(event.sender, lid=lid, number=number))

    async def _find_number(self, lid: str) -> str:
        """Return the number behind an opaque id, "" if the gateway does not know it or does not answer."""
        if Capability.FIND_NUMBER not in self._gateway.capabilities:
            return ""
        looked = self._numbers.get(lid)
        now = asyncio.get_running_loop().time()
        if looked and looked.is_fresh(now):
            return looked.number
        try:
            looked = _Looked(await self._gateway.find_number(lid) or "", now, failed=False)
        except GatewayError as error:
            _LOGGER.debug("A sender stays without a number: %s", error)
            looked = _Looked("", now, failed=True)
        _remember(self._numbers, lid, looked, _PEOPLE)
        return looked.number


def _add(listeners: list[Listener], listener: Listener) -> Callable[[], None]:
    listeners.append(listener)
    return lambda: listeners.remove(listener)


def _tell(listeners: list[Listener], event: Event) -> None:
    for listener in tuple(listeners):
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001 # who fails must not keep an event from all others
            _LOGGER.error("An event was not taken: %s", origin(error))


def _remember[T](memory: OrderedDict[str, T], key: str, value: T, size: int) -> None:
    """Put something into a memory, from which the oldest goes when it is full."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > size:
        memory.popitem(last=False)
