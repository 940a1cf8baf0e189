"""The JSON in which Wawp shows messages, chats, contacts and groups.

A message that was sent is shown as on the vendor docs' page send/link-preview. The other
shapes are those of the engine underneath, whose event pages the vendor docs repeat; the
docs themselves show no lists of chats, contacts and groups.
"""

from collections.abc import Callable
from enum import IntEnum
import hashlib

from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of, digits_of
from .people import GROUPS, PEOPLE, Group, Person


class Ack(IntEnum):
    """How far a message came (vendor docs, event message.ack)."""

    PENDING = 0
    DEVICE = 2
    READ = 3


def serialized_id(chat_id: str, message_id: str, *, from_me: bool) -> str:
    """Return an id as in `true_13035550142@c.us_3EB0...`."""
    return f"{str(from_me).lower()}_{chat_id}_{message_id}"


def api_id_of(message: Message) -> str:
    """Return the id that the API has for a message."""
    # What goes out has its id from the API; what comes in has it from a phone.
    return message.id if message.outgoing else serialized_id(message.chat_id, message.id, from_me=False)


# A message that was sent


def sent(message: Message) -> JsonObject:
    """Return a message as the API answers that sends it.

    The page shows only what is in `_data` in full, so there is nowhere else to take the
    id from.
    """
    sender = chat_id_of(message.sender)
    return {
        "_data": {
            "id": {
                "fromMe": True,
                "remote": message.chat_id,
                "id": message.id.rpartition("_")[2],
                "_serialized": message.id,
            },
            "viewed": False,
            "body": message.text,
            "type": "chat",
            "t": message.timestamp,
            "from": _address(sender),
            "to": _address(message.chat_id),
            "ack": Ack.PENDING,
            "isNewMsg": True,
            "star": False,
            "kicNotified": False,
        },
        "ack": Ack.PENDING,
        "hasMedia": False,
        "body": message.text,
        "type": "chat",
        "timestamp": message.timestamp,
        "from": sender,
        "to": message.chat_id,
    }


def _address(chat_id: str) -> JsonObject:
    user, _, server = chat_id.partition("@")
    return {"server": server, "user": user, "_serialized": chat_id}


# A message in a list


def listed(message: Message, own_number: str, ack: Ack) -> JsonObject:
    """Return a message as in the payload of the event message."""
    own_id = chat_id_of(own_number)
    return {
        "id": api_id_of(message),
        "timestamp": message.timestamp,
        "from": own_id if message.outgoing else message.chat_id,
        "fromMe": message.outgoing,
        "source": "api" if message.outgoing else "app",
        "to": message.chat_id if message.outgoing else own_id,
        "participant": chat_id_of(message.sender) if message.in_group else None,
        "body": message.text,
        "hasMedia": message.kind in MEDIA_KINDS,
        "media": _media(message),
        "ack": ack,
        "ackName": ack.name,
        "location": _location(message),
        "vCards": _vcards(message),
        "replyTo": _reply_to(message),
    }


def _media(message: Message) -> JsonObject | None:
    if message.kind not in MEDIA_KINDS:
        return None
    return {
        "url": message.details["url"],
        "mimetype": message.details["mime_type"],
        "filename": message.details["file_name"],
        "s3": None,
        "error": None,
    }


def _location(message: Message) -> JsonObject | None:
    if message.kind is not Kind.LOCATION:
        return None
    return {
        "description": message.details["name"],
        "latitude": str(message.details["latitude"]),
        "longitude": str(message.details["longitude"]),
    }


def _vcards(message: Message) -> list[str]:
    if message.kind is not Kind.CONTACT:
        return []
    name, number = message.details["name"], message.details["number"]
    waid = digits_of(number)
    return [
        f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nTEL;type=CELL;type=VOICE;waid={waid}:+{waid}\nEND:VCARD",
    ]


def _reply_to(message: Message) -> JsonObject | None:
    quoted = message.quoted_id
    if not quoted:
        return None
    is_api_id = quoted.startswith(("true_", "false_"))
    return {"id": quoted if is_api_id else serialized_id(message.chat_id, quoted, from_me=False)}


# Chats, contacts and groups


def chats(messages: list[Message], show: Callable[[Message], JsonObject]) -> list[JsonObject]:
    """Return the chats with everybody known, and with strangers who wrote or were written to.

    Args:
        messages: Those of the account, oldest first.
        show: Returns a message as it stands in a list.

    """
    names = {person.chat_id: person.contact_name or person.name for person in PEOPLE}
    names |= {group.chat_id: group.name for group in GROUPS}
    newest = {message.chat_id: message for message in messages}
    for chat_id in newest:
        names.setdefault(chat_id, f"+{digits_of(chat_id)}")
    return [
        {
            "id": chat_id,
            "name": name,
            "picture": None,
            "lastMessage": show(newest[chat_id]) if chat_id in newest else None,
            "_chat": _raw_chat(chat_id, name, newest.get(chat_id)),
        }
        for chat_id, name in names.items()
    ]


def _raw_chat(chat_id: str, name: str, newest: Message | None) -> JsonObject:
    return {
        "id": _address(chat_id),
        "name": name,
        "isGroup": chat_id.endswith("@g.us"),
        "timestamp": newest.timestamp if newest else 0,
    }


def contact(person: Person) -> JsonObject:
    """Return a contact; who is not in the address book has only the name they chose."""
    names = {"pushname": person.name}
    if person.contact_name:
        names |= {"name": person.contact_name, "shortName": person.contact_name.split()[0]}
    return names | {
        "id": person.chat_id,
        "number": digits_of(person.number),
        "isMe": False,
        "isGroup": False,
        "isWAContact": True,
        "isMyContact": bool(person.contact_name),
        "isBlocked": False,
    }


def group_with_members(group: Group) -> JsonObject:
    """Return a group."""
    return {
        "id": group.chat_id,
        "subject": group.name,
        "participants": members(group),
    }


def members(group: Group) -> list[JsonObject]:
    """Return the members of a group, whom WhatsApp knows by masked ids."""
    return [{"id": _masked_id(number), "pn": chat_id_of(number), "role": "participant"} for number in group.members]


def _masked_id(number: str) -> str:
    digest = hashlib.sha256(f"masked id of {number}".encode()).digest()
    return f"{10**14 + int.from_bytes(digest[:6]) % 10**14}@lid"
