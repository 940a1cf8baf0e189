"""How Evolution API names chats and messages, and how we spell that.

Facts are from Evolution API's published sources, and those of its library Baileys, from which the keys come as they
are. A message has a key of three or four parts, all of which it takes to react to it, and more. Our id is spelled like
WAHA's, `true_<chat>_<id>` for one's own and `false_<chat>_<id>` for others', in a group with `_<sender>` at the end.
"""

from collections.abc import Iterable, Mapping
import re
from typing import Any

from .address import InvalidAddress, parse_chat_id
from .errors import InvalidAnswer
from .events import Sender

# Who a key is about. WhatsApp gives the number, an opaque id, or both, under names that changed with the versions.
_CHAT_JIDS = ("remoteJid", "remoteJidAlt", "previousRemoteJid", "senderPn", "senderLid")
_SENDER_JIDS = ("participant", "participantAlt", "participantPn", "participantLid")
_MESSAGE_ID = re.compile(r"(?P<mine>true|false)_(?P<chat>[^_]+@[^_]+)_(?P<id>[^_]+)(?:_(?P<who>.+))?")


def chat_id(jid: str) -> str:
    """Return our spelling of a JID (see address.py)."""
    return jid.replace("@s.whatsapp.net", "@c.us")


def chat_in(jid: Any) -> str:
    """Return the chat that a JID of an event names, which may name one of a person's devices as well (`…:12@…`).

    Empty for what is no chat: a status, a list, or nothing at all.
    """
    user, _, server = jid.partition("@") if isinstance(jid, str) else ("", "", "")
    try:
        return parse_chat_id(f"{user.partition(':')[0]}@{server}")
    except InvalidAddress:
        return ""


def chat_of(key: Mapping[str, Any], own: str = "") -> str:
    """Return the chat that a key is in, by number if it is told; empty if that is none.

    `own` is the account itself, which some versions name beside the opaque id of the chat that its owner wrote in.
    """
    chat, *others = (chat_in(key.get(name)) for name in _CHAT_JIDS)
    if not chat.endswith("@lid"):
        return chat
    return next((other for other in others if other.endswith("@c.us") and other != own), chat)


def sender_of(key: Mapping[str, Any], chat: str, name: str = "") -> Sender:
    """Return who wrote the message with a key in a chat."""
    if chat.endswith("@g.us"):
        return person_of([key.get(jid) for jid in _SENDER_JIDS], name)
    return person_of([chat, *(key.get(jid) for jid in _CHAT_JIDS)], name)


def person_of(jids: Iterable[Any], name: str = "") -> Sender:
    """Return the person who has these JIDs. Without a name of their own, it is a JID or the first part of one."""
    chats = [chat_in(jid) for jid in jids]
    users = {chat.partition("@")[0] for chat in chats}
    return Sender(
        number=next((chat.removesuffix("@c.us") for chat in chats if chat.endswith("@c.us")), ""),
        lid=next((chat for chat in chats if chat.endswith("@lid")), ""),
        name="" if name.partition("@")[0] in users else name,
    )


def number(chat_id: str) -> str:
    """Return what goes into the field `number`: digits for a person, the whole id for anything else."""
    return chat_id.removesuffix("@c.us")


def id_of(key: Mapping[str, Any]) -> str:
    """Return our id for the key of a message."""
    mine = key.get("fromMe") is True
    parts = ["true" if mine else "false", chat_id(str(key.get("remoteJid"))), str(key.get("id"))]
    # Events name the account as the sender of its own messages, the answer to sending does not.
    if key.get("participant") and not mine:
        parts.append(chat_id(str(key["participant"])))
    return "_".join(parts)


def key_of(message_id: str, chat: str, *, from_me: bool = False) -> dict[str, Any]:
    """Return the key for our id; one that is not ours names a message in this chat."""
    if found := _MESSAGE_ID.fullmatch(message_id):
        key: dict[str, Any] = {"id": found["id"], "remoteJid": _jid(found["chat"]), "fromMe": found["mine"] == "true"}
        return key | ({"participant": _jid(found["who"])} if found["who"] else {})
    return {"id": message_id, "remoteJid": _jid(chat), "fromMe": from_me}


def whatsapp_id(message_id: str) -> str:
    """Return WhatsApp's own id, which is one part of ours."""
    found = _MESSAGE_ID.fullmatch(message_id)
    return found["id"] if found else message_id


def message_id(sent: Any) -> str:
    """Return the id of a sent message, empty where the answer names none.

    Evolution API answers with the message itself. What Wachat answers is not documented (page send-text: it queues).
    """
    for part in (sent, sent.get("data") if isinstance(sent, dict) else None):
        if isinstance(part, dict):
            key = part.get("key")
            if isinstance(key, dict) and isinstance(key.get("id"), str) and key["id"]:
                return id_of(key)
            for value in (part.get("messageId"), part.get("id")):
                if isinstance(value, str) and value:
                    return value
    return ""


def require_message_id(sent: Any) -> str:
    """Return the id of a sent message. Raises InvalidAnswer where there is none."""
    if found := message_id(sent):
        return found
    raise InvalidAnswer("the answer names no message")


def _jid(chat: str) -> str:
    return chat.replace("@c.us", "@s.whatsapp.net")
