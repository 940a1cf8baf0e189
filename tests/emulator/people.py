"""Made-up people and groups, whom every emulated account knows.

The numbers are from the range that is kept free for fiction.
"""

from dataclasses import dataclass, field

from .model import chat_id_of


@dataclass(frozen=True)
class Person:
    """Somebody in the address book."""

    number: str
    name: str
    contact_name: str

    @property
    def chat_id(self) -> str:
        """Return the chat with this person."""
        return chat_id_of(self.number)


@dataclass(frozen=True)
class Group:
    """A group chat."""

    chat_id: str
    name: str
    members: tuple[str, ...] = field(default=())


PEOPLE = (
    Person("+13035550142", "Ada", "Ada Neighbour"),
    Person("+13035550143", "Bertil", "Bertil Plumber"),
    Person("+13035550144", "Chen", ""),
    Person("+13035550145", "Dalia", "Dalia at Work"),
)

GROUPS = (
    Group("120363000000000142@g.us", "Family", ("+13035550142", "+13035550144")),
    Group("120363000000000143@g.us", "House 7", ("+13035550143", "+13035550145")),
)

# Nobody with this number uses WhatsApp.
NUMBERS_WITHOUT_ACCOUNT = frozenset({"+13035550199"})


def name_of(number: str) -> str:
    """Return the name somebody gave themselves, "" if nobody knows them."""
    return next((person.name for person in PEOPLE if person.number == number), "")


def contact_name_of(number: str) -> str:
    """Return the name in the address book, "" if they are not in it."""
    return next((person.contact_name for person in PEOPLE if person.number == number), "")


def group_name_of(chat_id: str) -> str:
    """Return the name of a group, "" if it is not known."""
    return next((group.name for group in GROUPS if group.chat_id == chat_id), "")
