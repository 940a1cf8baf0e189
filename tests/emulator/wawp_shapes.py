"""The JSON in which Wawp shows messages, chats, contacts and groups.

A message that was sent is shown as on the vendor docs' page send/link-preview. The other
shapes are those of the engine underneath, whose event pages the vendor docs repeat; the
docs themselves show no lists of chats, contacts and groups.
"""

import base64
from collections.abc import Callable
from enum import IntEnum

from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of, digits_of
from .people import GROUPS, PEOPLE, Group, Person
from .waha_engines import full_id, writer_of
from .waha_messages import source_of, vcards
from .waha_shapes import ids_of_chat, lid_of


class Ack(IntEnum):
    """How far a message came (vendor docs, event message.ack)."""

    ERROR = -1
    PENDING = 0
    SERVER = 1
    DEVICE = 2
    READ = 3


def serialized_id(chat_id: str, message_id: str, *, from_me: bool) -> str:
    """Return an id as in `true_13035550142@c.us_3EB0...`."""
    return f"{str(from_me).lower()}_{chat_id}_{message_id}"


def data_uri(picture: bytes) -> str:
    """Return a picture as a web page can show it (vendor docs, page auth/qr-image)."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


# A message that was sent

# The words of the engine for what the API can send.
_TYPES = {
    Kind.TEXT: "chat",
    Kind.IMAGE: "image",
    Kind.VIDEO: "video",
    Kind.VOICE: "ptt",
    Kind.DOCUMENT: "document",
    Kind.LOCATION: "location",
    Kind.CONTACT: "vcard",
    Kind.POLL: "poll_creation",
}


def sent(message: Message, form: str) -> JsonObject:
    """Return a message as the API answers that sends it, in the form of the option `sent_as`."""
    bare_id = message.id.rpartition("_")[2]
    match form:
        case "id":
            return {"id": message.id, "timestamp": message.timestamp}
        case "key":
            return {"key": {"remoteJid": message.chat_id, "fromMe": True, "id": bare_id}}
        case "job":
            return {"code": "success", "job_id": bare_id}
        case "queued":
            return {"status": "queued"}
    return _sent_by_webjs(message, bare_id)


def _sent_by_webjs(message: Message, bare_id: str) -> JsonObject:
    """Return what page send/link-preview shows.

    It shows only what is in `_data` in full, so there is nowhere else to take the id from.
    """
    sender = chat_id_of(message.sender)
    return {
        "_data": {
            "id": {
                "fromMe": True,
                "remote": message.chat_id,
                "id": bare_id,
                "_serialized": message.id,
            },
            "viewed": False,
            "body": message.text,
            "type": _TYPES[message.kind],
            "t": message.timestamp,
            "from": _address(sender),
            "to": _address(message.chat_id),
            "ack": Ack.PENDING,
            "isNewMsg": True,
            "star": False,
            "kicNotified": False,
        }
        | _raw_media(message),
        "ack": Ack.PENDING,
        "hasMedia": message.kind in MEDIA_KINDS,
        "body": message.text,
        "type": _TYPES[message.kind],
        "timestamp": message.timestamp,
        "from": sender,
        "to": message.chat_id,
    }


def _raw_media(message: Message) -> JsonObject:
    if message.kind not in MEDIA_KINDS:
        return {}
    path = message.details["path"]
    return {
        "caption": message.text,
        "deprecatedMms3Url": f"https://mmg.example.com{path}",
        "directPath": path,
        "mimetype": message.details["mime_type"],
    }


def _address(chat_id: str) -> JsonObject:
    user, _, server = chat_id.partition("@")
    return {"server": server, "user": user, "_serialized": chat_id}


# A message in a list


def listed(message: Message, own_number: str, ack: Ack, url_of_file: Callable[[Message], str]) -> JsonObject:
    """Return a message as in the payload of the event message."""
    own_id = chat_id_of(own_number)
    return {
        "id": full_id(message),
        "timestamp": message.timestamp,
        "from": own_id if message.outgoing else message.chat_id,
        "fromMe": message.outgoing,
        "source": source_of(message),
        "to": message.chat_id if message.outgoing else own_id,
        "participant": writer_of(message) if message.in_group else None,
        "body": message.text,
        "hasMedia": message.kind in MEDIA_KINDS,
        "media": _media(message, url_of_file),
        "ack": ack,
        "ackName": ack.name,
        "location": _location(message),
        "vCards": vcards(message),
        "replyTo": _reply_to(message),
    }


def _media(message: Message, url_of_file: Callable[[Message], str]) -> JsonObject | None:
    if message.kind not in MEDIA_KINDS:
        return None
    return {
        "url": url_of_file(message),
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


def _reply_to(message: Message) -> JsonObject | None:
    quoted = message.quoted_id
    if not quoted:
        return None
    is_api_id = quoted.startswith(("true_", "false_"))
    return {"id": quoted if is_api_id else serialized_id(message.chat_id, quoted, from_me=False)}


# Chats, contacts and groups


def chats(messages: list[Message], own_number: str, show: Callable[[Message], JsonObject]) -> list[JsonObject]:
    """Return the chats with everybody known, and with strangers who wrote or were written to.

    Args:
        messages: Those of the account, oldest first.
        own_number: That of the account.
        show: Returns a message as it stands in a list.

    """
    names = {person.chat_id: person.contact_name or person.name for person in PEOPLE}
    names |= {group.chat_id: group.name for group in GROUPS}
    newest: dict[str, Message] = {}
    for message in messages:
        # A chat is shown once, whether or not a message hides the number.
        known = ids_of_chat(message.chat_id, own_number) & names.keys()
        chat_id = min(known, default=message.chat_id)
        names.setdefault(chat_id, chat_id if chat_id.endswith("@lid") else f"+{digits_of(chat_id)}")
        newest[chat_id] = message
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
    return [{"id": lid_of(number), "pn": chat_id_of(number), "role": "participant"} for number in group.members]
