"""What is new in the lists of the WhatsApp API server, which tells nothing by itself.

Facts are from the server's source and documentation, GET /api/chats and GET /api/messages. The kinds of messages are
those of the library beneath it, whatsapp-web.js.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import logging
import re
import time
from typing import Any

from .address import InvalidAddress, parse_chat_id
from .errors import InvalidAnswer
from .events import Event, EventKind, Sender
from .model import Contact
from .vcard import contact_in

_LOGGER = logging.getLogger(__name__)

_KINDS = {
    "chat": EventKind.TEXT,
    "image": EventKind.IMAGE,
    "video": EventKind.VIDEO,
    "audio": EventKind.AUDIO,
    "ptt": EventKind.VOICE,
    "document": EventKind.DOCUMENT,
    "sticker": EventKind.STICKER,
    "location": EventKind.LOCATION,
    "vcard": EventKind.CONTACT,
    "multi_vcard": EventKind.CONTACT,
    "poll_creation": EventKind.POLL,
    "revoked": EventKind.DELETED,
    "call_log": EventKind.CALL,
}
# In the body of others is no text, but a picture or a card.
_WITH_WORDS = frozenset({EventKind.TEXT, EventKind.IMAGE, EventKind.VIDEO, EventKind.DOCUMENT, EventKind.POLL})
# So WhatsApp begins the ids of what is sent from a linked device, as this server is one (see POST /api/send); those of
# phones begin otherwise.
_FROM_LINKED_DEVICE = "_3EB0"
# The server refuses what has fewer digits, or more.
_ASKABLE = re.compile(r"\d{8,15}@c\.us")
# In the year 2286; what is later is no number of seconds.
_END_OF_TIME = 1e10


@dataclass(frozen=True, slots=True)
class ListedChat:
    """A chat with somebody: its id (see address.py), their name, and the message that is the last in the list."""

    chat_id: str = field(repr=False)
    name: str = field(repr=False)
    message: Mapping[str, Any] = field(repr=False)

    @property
    def can_be_asked_for(self) -> bool:
        """Whether GET /api/messages takes it: that wants a number, and of a certain length."""
        return _ASKABLE.fullmatch(self.chat_id) is not None


@dataclass(frozen=True, slots=True)
class _Mark:
    """A message that was the last: what it was may change later, when it is deleted or can be read at last."""

    message_id: str = field(repr=False)
    kind: str
    timestamp: float


class Bookmarks:
    """Remembers how far each chat has been told. What was there at the first look counts as told."""

    def __init__(self) -> None:
        """Begin before the first look."""
        self._began: float | None = None
        self._marks: dict[str, _Mark] = {}

    def with_news(self, listed: Iterable[Any]) -> list[ListedChat]:
        """Return those of the listed chats in which something is new."""
        chats = list(_chats(listed))
        if self._began is None:
            # WhatsApp's time has no fractions. Chats that a new link brings bit by bit are older than this.
            self._began = time.time() - 1
            for chat in chats:
                self.put(chat)
        return [chat for chat in chats if self._is_new(chat)]

    def put(self, chat: ListedChat) -> None:
        """Remember that a chat has been told."""
        self._marks[chat.chat_id] = _mark(chat.message)

    def news_in(self, chat: ListedChat, messages: list[Any]) -> list[Event]:
        """Return what is new among the messages of a chat, which come in their order."""
        events = (_read_leniently(message, chat) for message in self._after_mark(chat, messages))
        return [event for event in events if event is not None]

    def _is_new(self, chat: ListedChat) -> bool:
        last, mark = _mark(chat.message), self._marks.get(chat.chat_id)
        if mark is None:
            return last.timestamp > (self._began or 0)
        return (last.message_id, last.kind) != (mark.message_id, mark.kind)

    def _after_mark(self, chat: ListedChat, messages: list[Any]) -> list[dict[str, Any]]:
        mark = self._marks.get(chat.chat_id) or _Mark("", "", self._began or 0)
        told = [(_mark(message), message) for message in messages if isinstance(message, dict)]
        for place, (found, _) in enumerate(told):
            if found.message_id == mark.message_id != "":
                first = place if found.kind != mark.kind else place + 1
                return [message for _, message in told[first:]]
        return [message for found, message in told if found.timestamp > mark.timestamp]


def _chats(listed: Iterable[Any]) -> Iterator[ListedChat]:
    """Groups are left out: nobody can be asked for what was written in them."""
    for chat in listed:
        if not isinstance(chat, dict) or not isinstance(chat.get("last_message"), dict):
            continue
        chat_id = _address(chat.get("id"))
        if chat_id.endswith(("@c.us", "@lid")):
            yield ListedChat(chat_id, _text_in(chat, "name"), chat["last_message"])


def _mark(message: Mapping[str, Any]) -> _Mark:
    told = message.get("timestamp")
    timestamp = float(told) if isinstance(told, int | float) and abs(told) <= _END_OF_TIME else 0.0
    return _Mark(_text_in(message, "id"), _text_in(message, "type"), timestamp)


def _read_leniently(content: Mapping[str, Any], chat: ListedChat) -> Event | None:
    """Return what a message is. One that makes no sense must not stand in the way of the others."""
    try:
        return read_message(content, chat)
    except InvalidAnswer as error:
        _LOGGER.debug("A message is passed over: %s", error)
        return None


def read_message(message: Mapping[str, Any], chat: ListedChat) -> Event | None:
    """Return what a message of GET /api/messages is; None if it is of no use here. Raises InvalidAnswer."""
    mark = _mark(message)
    if not mark.message_id or not mark.kind or not mark.timestamp:
        raise InvalidAnswer("the message has no id, no type or no timestamp")
    kind = _KINDS.get(mark.kind)
    from_me = message.get("from_me") is True
    if kind is None or (from_me and _FROM_LINKED_DEVICE in mark.message_id):
        return None
    is_deleted = kind is EventKind.DELETED
    return Event(
        kind,
        f"{mark.message_id} {kind}" if is_deleted else mark.message_id,
        chat.chat_id,
        mark.timestamp,
        Sender() if from_me else _sender(chat),
        from_me,
        message_id="" if is_deleted else mark.message_id,
        about=mark.message_id if is_deleted else "",
        text=_text_in(message, "body") if kind in _WITH_WORDS else "",
        contact=_contact(message) if kind is EventKind.CONTACT else None,
    )


def _sender(chat: ListedChat) -> Sender:
    """Return who wrote: there is nobody else in the chat."""
    if chat.chat_id.endswith("@c.us"):
        return Sender(chat.chat_id.removesuffix("@c.us"), name=chat.name)
    return Sender(lid=chat.chat_id, name=chat.name)


def _contact(message: Mapping[str, Any]) -> Contact:
    """Return the first of those who were handed on."""
    return contact_in(_text_in(message, "body"))


def _text_in(content: Mapping[str, Any], key: str) -> str:
    """Return a text, "" if there is none."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _address(told: Any) -> str:
    """Return a chat id as address.py spells it; "" for what is no chat."""
    if isinstance(told, str):
        with suppress(InvalidAddress):
            return parse_chat_id(told)
    return ""
