"""How far messages got: to the server, to a phone, before somebody's eyes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .model import Message, chat_id_of
from .people import GROUPS
from .waha_messages import DEVICE, ERROR, PENDING, SERVER
from .waha_shapes import lid_of

if TYPE_CHECKING:
    from .world import World

# Not documented: how soon the server, and then the recipient's phone, has a message.
SERVER_SECONDS = 0.2
DEVICE_SECONDS = 0.5


class Receipts:
    """The levels of one session's messages, which only ever rise."""

    def __init__(self, world: World, name: str, tell: Callable[[Message, int], None]) -> None:
        """Prepare.

        Args:
            world: What the gateways share.
            name: That of the session, for the log.
            tell: Takes a message and the level that it has reached.

        """
        self._world = world
        self._name = name
        self._tell = tell
        self._levels: dict[str, int] = {}

    def note(self, message: Message, level: int) -> None:
        """Keep a level without telling anybody."""
        self._levels[message.id] = level

    def level_of(self, message: Message) -> int:
        """Return how far a message got."""
        return self._levels.get(message.id, PENDING)

    def follow(self, message: Message, *, arrives: bool, fails: bool) -> None:
        """Let a message that was just written go its way.

        Args:
            message: The message, noted as pending.
            arrives: Whether there is a phone for it.
            fails: Whether WhatsApp turns it down.

        """
        work = self._fail(message) if fails else self._travel(message, arrives)
        self._world.background.spawn(work, f"delivery of {self._name}")

    async def _fail(self, message: Message) -> None:
        await self._world.clock.sleep(SERVER_SECONDS)
        self._levels[message.id] = ERROR
        self._tell(message, ERROR)

    async def _travel(self, message: Message, arrives: bool) -> None:
        await self._world.clock.sleep(SERVER_SECONDS)
        self.rise(message, SERVER)
        if arrives:
            await self._world.clock.sleep(DEVICE_SECONDS - SERVER_SECONDS)
            self.rise(message, DEVICE)

    def rise(self, message: Message, level: int) -> None:
        """Tell how far a message got, unless it was there before."""
        if level > self.level_of(message):
            self._levels[message.id] = level
            self._tell(message, level)


def reader_of(message: Message, level: int, *, lids: bool) -> str:
    """Return who of a group has taken or read a message, "" in other chats.

    Each member takes and reads by themselves: here, the first does for all.
    """
    group = next((group for group in GROUPS if group.chat_id == message.chat_id), None)
    if group is None or level <= SERVER:
        return ""
    return lid_of(group.members[0]) if lids else chat_id_of(group.members[0])
