"""The chats of one account, in the shapes of the WhatsApp API server.

Vendor docs, pages GET /api/chats and /api/messages. There are no events: a client that wants to
receive has to ask for these again and again.
"""

from dataclasses import replace

from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of
from .people import GROUPS, PEOPLE, contact_name_of, group_name_of, name_of

# The words of whatsapp-web.js, which the server passes on.
_TYPES = {
    Kind.TEXT: "chat",
    Kind.IMAGE: "image",
    Kind.VIDEO: "video",
    Kind.AUDIO: "audio",
    Kind.VOICE: "ptt",
    Kind.DOCUMENT: "document",
    Kind.STICKER: "sticker",
    Kind.LOCATION: "location",
    Kind.CONTACT: "vcard",
    Kind.POLL: "poll_creation",
    Kind.CALL: "call_log",
    Kind.DELETED: "revoked",
}
# A chat in which nothing was written since the emulator started is older than all that are new.
_LAST_YEAR = 1_760_000_000


class Chats:
    """What WhatsApp Web would show in the browser that the server steers."""

    def __init__(self) -> None:
        """Begin with the people and groups whom every account knows, who have not written yet."""
        self._messages: list[Message] = []

    def clear(self) -> None:
        """Forget all messages: another phone has others."""
        self._messages.clear()

    def keep(self, message: Message) -> bool:
        """Take in a message, or what one does to an earlier one.

        Returns whether a client could notice it. Reactions and votes are in no list of messages.
        """
        if message.kind in (Kind.EDITED, Kind.DELETED):
            return self._change(message)
        if message.kind not in _TYPES:
            return False
        self._messages.append(message)
        return True

    def as_json(self, number: str, limit: int) -> list[JsonObject]:
        """Return the chats of the account with this number, newest first."""
        known = [each.chat_id for each in (*PEOPLE, *GROUPS)]
        written = [message.chat_id for message in self._messages]
        chats = [self.chat(chat_id, number) for chat_id in dict.fromkeys([*known, *written])]
        chats.sort(key=lambda chat: int(chat["timestamp"]), reverse=True)
        return chats[:limit]

    def chat(self, chat_id: str, number: str) -> JsonObject:
        """Return one chat; one in which nobody has written yet exists, too."""
        messages = self._in_chat(chat_id)
        last = messages[-1] if messages else None
        return {
            "id": chat_id,
            "name": _name_of(chat_id),
            "is_group": chat_id.endswith("@g.us"),
            "is_read_only": False,
            "unread_count": _unread(messages),
            "timestamp": last.timestamp if last else _LAST_YEAR,
            "archived": False,
            "pinned": False,
            "muted": False,
            "last_message": _message_json(last, number) if last else None,
        }

    def messages(self, chat_id: str, number: str, limit: int) -> list[JsonObject]:
        """Return the newest messages of a chat, the oldest of them first as the library has it."""
        return [_message_json(message, number) for message in self._in_chat(chat_id)[-limit:]]

    def _in_chat(self, chat_id: str) -> list[Message]:
        return [message for message in self._messages if message.chat_id == chat_id]

    def _change(self, change: Message) -> bool:
        """Edit or revoke a message, which keeps its place and its id."""
        for place, message in enumerate(self._messages):
            if change.details["message_id"] in (message.id, message_id_of(message)):
                kind = message.kind if change.kind is Kind.EDITED else Kind.DELETED
                self._messages[place] = replace(message, kind=kind, text=change.text)
                return True
        return False


def message_id_of(message: Message) -> str:
    """Return the id as the library puts it together; a message that was sent has it already."""
    if message.outgoing:
        return message.id
    author = f"_{chat_id_of(message.sender)}" if message.in_group else ""
    return f"false_{message.chat_id}_{message.id}{author}"


def _message_json(message: Message, number: str) -> JsonObject:
    own = chat_id_of(number)
    return {
        "id": message_id_of(message),
        "from": own if message.outgoing else message.chat_id,
        "to": message.chat_id if message.outgoing else own,
        # Who wrote is said apart only where `from` is a group.
        "author": chat_id_of(message.sender) if message.in_group else None,
        "from_me": message.outgoing,
        "type": _TYPES[message.kind],
        "body": _vcard(message) if message.kind is Kind.CONTACT else message.text,
        "timestamp": message.timestamp,
        "has_media": message.kind in MEDIA_KINDS,
    }


def _vcard(message: Message) -> str:
    name, number = message.details["name"], message.details["number"]
    return f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nTEL;type=CELL:{number}\nEND:VCARD"


def _name_of(chat_id: str) -> str:
    if chat_id.endswith("@g.us"):
        return group_name_of(chat_id)
    number = f"+{chat_id.removesuffix('@c.us')}"
    return contact_name_of(number) or name_of(number) or number


def _unread(messages: list[Message]) -> int:
    """Count what came after the account's last own message: reading by API leaves things unread."""
    unread = 0
    for message in reversed(messages):
        if message.outgoing:
            break
        unread += 1
    return unread
