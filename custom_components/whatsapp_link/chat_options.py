"""The account's chats as something to choose from."""

from collections import Counter
from collections.abc import Iterable
import re

from homeassistant.helpers.selector import SelectOptionDict

from .gateways.address import InvalidAddress, parse_chat_id
from .gateways.model import Chat

PERSON = "@c.us"
"""What the chat id of a person ends with; before it stands the number."""

# How gateways call somebody of whom they know no name.
_NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d(@[a-z.]+)?")


def chat_options(chats: Iterable[Chat]) -> list[SelectOptionDict]:
    """Return what can be chosen, by name; those of the same name can be told apart by their numbers."""
    in_order = sorted(chats, key=lambda chat: (not chat_name(chat), chat_name(chat).casefold()))
    count = Counter(map(_label, in_order))
    return [
        SelectOptionDict(
            value=chat.chat_id,
            label=label if count[label := _label(chat)] == 1 else f"{label} ({spelled(chat.chat_id)})",
        )
        for chat in in_order
    ]


def chat_name(chat: Chat) -> str:
    """Return what a chat is called; nothing where the gateway gives a number or the id for want of a name."""
    name = " ".join(chat.name.split())
    is_number = not chat.is_group and _NUMBER.fullmatch(name)
    return "" if is_number or name == chat.chat_id else name


def spelled(chat_id: str) -> str:
    """Return a chat id as people write it: somebody's number with a plus."""
    return f"+{chat_id.removesuffix(PERSON)}" if chat_id.endswith(PERSON) else chat_id


def is_chat_id(text: str) -> bool:
    """Whether it is a chat that can be written to, spelled as in address.py. Gateways also list status updates."""
    try:
        return parse_chat_id(text) == text
    except InvalidAddress:
        return False


def _label(chat: Chat) -> str:
    """Return what stands in the list for a chat. Words would not be translated there, so groups have a sign."""
    label = chat_name(chat) or spelled(chat.chat_id)
    return f"👥 {label}" if chat.is_group else label
