"""The shapes of Wasend's answers, from the types of the vendor SDK and the vendor docs."""

from datetime import UTC, datetime

from .model import JsonObject, Kind, Message, chat_id_of
from .people import GROUPS, NUMBERS_WITHOUT_ACCOUNT, PEOPLE, Group, Person, name_of
from .waha_engines import full_id
from .waha_messages import DEVICE, ERROR, READ, SERVER
from .waha_shapes import ids_of_chat
from .wasend_instance import WasendInstance, iso_time, object_id

# Vendor SDK: the type of a message is text, image, video, document or ptt; the other
# words are WAHA's. What is not here is no message of its own in a chat.
_TYPES = {
    Kind.TEXT: "text",
    Kind.IMAGE: "image",
    Kind.VIDEO: "video",
    Kind.AUDIO: "audio",
    Kind.VOICE: "ptt",
    Kind.DOCUMENT: "document",
    Kind.STICKER: "sticker",
    Kind.LOCATION: "location",
    Kind.CONTACT: "vcard",
    Kind.POLL: "poll",
}

_GROUPS_SINCE = "2024-03-01T09:00:00.000Z"


def _number_of(chat_id: str) -> str:
    return f"+{chat_id.removesuffix('@c.us')}"


def account(token: str) -> JsonObject:
    """Return the account that a key belongs to (vendor SDK)."""
    return {"id": object_id(f"user {token}"), "name": "Home", "plan": "free"}


# Sessions


def _details(instance: WasendInstance) -> JsonObject:
    """Return what was asked for when the session was created."""
    order = instance.order
    details: JsonObject = {
        "id": object_id(f"session {instance.id}"),
        "uniqueSessionId": instance.id,
        "userId": account(instance.token)["id"],
        "sessionName": order.name,
        "phoneNumber": order.phone_number,
        "enableAccountProtection": order.account_protection,
        "enableMessageLogging": order.message_logging,
        "enableWebhook": bool(order.webhook_url),
        "createdAt": instance.created_at,
        "updatedAt": instance.updated_at,
    }
    return details | ({"webhookUrl": order.webhook_url} if order.webhook_url else {})


def _engine(instance: WasendInstance) -> JsonObject:
    """Return what WAHA says about the session, apart from its status."""
    # WAHA's GOWS engine is a process of its own, to which there is a connection while it runs.
    connected = instance.engine_status not in ("STOPPED", "FAILED")
    connection = "READY" if connected else "IDLE"
    return {
        "name": instance.id,
        "config": {
            "metadata": instance.metadata,
            "proxy": None,
            "debug": False,
            "noweb": {"markOnline": True, "store": {"enabled": True, "fullSync": False}},
            "webhooks": [],
        },
        "engine": {
            "grpc": {"client": connection, "stream": connection},
            "gows": {"found": connected, "connected": instance.working},
        },
    }


def session(instance: WasendInstance) -> JsonObject:
    """Return a session as most calls do: details and engine in one, the vendor's word."""
    return _details(instance) | _engine(instance) | {"status": instance.state}


def listed_session(instance: WasendInstance) -> JsonObject:
    """Return a session as the list has it; vendor SDK and vendor docs disagree."""
    if instance.options.list_reply == "session":
        return {"session": _details(instance) | {"status": instance.state}}
    return {
        "session": _details(instance),
        "downstream": _engine(instance) | {"status": instance.engine_status},
    }


# Messages


def sent_message(message: Message, to: str) -> JsonObject:
    """Return the reply to a send. The values of `status` and `timestamp` are not documented."""
    return {
        "id": message.id,
        "to": to,
        "content": message.text,
        "type": _TYPES[message.kind],
        "timestamp": str(message.timestamp),
        "status": "sent",
        "fromMe": True,
        "sender": message.sender,
        "recipient": to,
    }


def message_status(instance: WasendInstance, message: Message) -> JsonObject:
    """Return what became of a message. The values of `status` are not documented."""
    words = {ERROR: "failed", SERVER: "sent", DEVICE: "delivered", READ: "read"}
    return {
        "id": message.id,
        "to": message.chat_id if message.in_group else _number_of(message.chat_id),
        "content": message.text,
        "sentAt": iso_time(datetime.fromtimestamp(message.timestamp, UTC)),
        "status": words[_ack(instance, message)],
    }


def _ack(instance: WasendInstance, message: Message) -> int:
    if instance.has_failed(message):
        return ERROR
    if instance.was_read(message):
        return READ
    delivered = message.outgoing and instance.was_delivered(message)
    return DEVICE if delivered else SERVER


def chat_messages(instance: WasendInstance, chat_id: str) -> list[JsonObject]:
    """Return the messages of a chat, the newest first, as WAHA does."""
    return [
        _chat_message(instance, message)
        for message in reversed(instance.messages_in(chat_id))
        if message.kind in _TYPES
    ]


def _chat_message(instance: WasendInstance, message: Message) -> JsonObject:
    """Return a message in a chat (vendor SDK, ChatWAMessage)."""
    own_chat = chat_id_of(instance.number)
    media_url = instance.url_of_file(message)
    return {
        "id": full_id(message),
        "chatId": message.chat_id,
        "from": own_chat if message.outgoing else message.chat_id,
        "to": message.chat_id if message.outgoing else own_chat,
        "body": "" if media_url else message.text,
        "caption": message.text if media_url else "",
        "type": _TYPES[message.kind],
        "timestamp": message.timestamp,
        "fromMe": message.outgoing,
        "ack": _ack(instance, message),
        "hasMedia": bool(media_url),
        "mediaUrl": media_url,
        "mimetype": message.details.get("mime_type", ""),
        "filename": message.details.get("file_name", ""),
        "quotedMsgId": message.quoted_id,
    }


# People and groups


def contacts() -> list[JsonObject]:
    """Return the address book."""
    return [_contact(person) for person in PEOPLE]


def _contact(person: Person) -> JsonObject:
    return {
        "id": person.chat_id,
        "name": person.contact_name,
        "phoneNumber": person.number,
        "pushName": person.name,
        "profilePictureUrl": None,
        "status": None,
        "businessProfile": None,
    }


def checked_number(instance: WasendInstance, number: str) -> JsonObject:
    """Return whether somebody uses WhatsApp; what `jid` is otherwise is not documented."""
    exists = number not in NUMBERS_WITHOUT_ACCOUNT
    chat_id = chat_id_of(number) if exists else None
    if instance.options.check_reply == "waha":
        return {"numberExists": exists, "chatId": chat_id}
    return {"exists": exists, "phone": number.removeprefix("+"), "jid": chat_id}


def chats(instance: WasendInstance) -> list[JsonObject]:
    """Return all chats: those with messages, and those that are known without."""
    names = {person.chat_id: person.contact_name or person.name for person in PEOPLE}
    names |= {group.chat_id: group.name for group in GROUPS}
    for message in instance.messages:
        if not ids_of_chat(message.chat_id, instance.number) & names.keys():
            names[message.chat_id] = _number_of(message.chat_id)
    return [_chat(instance, chat_id, name) for chat_id, name in names.items()]


def _chat(instance: WasendInstance, chat_id: str, name: str) -> JsonObject:
    messages = instance.messages_in(chat_id)
    return {
        "id": chat_id,
        "name": name,
        "isGroup": chat_id.endswith("@g.us"),
        "timestamp": messages[-1].timestamp if messages else 0,
        "unreadCount": instance.count_unread(chat_id),
        "archived": False,
        "pinned": False,
    }


def overview(instance: WasendInstance) -> list[JsonObject]:
    """Return all chats with their last messages. The shape is WAHA's; the SDK does not show it."""
    return [_summary(instance, chat) for chat in chats(instance)]


def _summary(instance: WasendInstance, chat: JsonObject) -> JsonObject:
    newest = next(iter(chat_messages(instance, chat["id"])), None)
    return {"id": chat["id"], "name": chat["name"], "picture": None, "lastMessage": newest, "_chat": chat}


def groups(instance: WasendInstance) -> list[JsonObject]:
    """Return the groups that the account is in."""
    return [_group(group, instance.number) for group in GROUPS]


def _group(group: Group, own_number: str) -> JsonObject:
    """Return a group (vendor docs); the account itself is in it."""
    owner = group.members[0]
    members = [(number, name_of(number)) for number in group.members]
    return {
        "jid": group.chat_id,
        "name": group.name,
        "ownerJid": chat_id_of(owner),
        "ownerPn": owner,
        "participants": [
            {
                "jid": chat_id_of(number),
                "phoneNumber": number,
                "isAdmin": number == owner,
                "displayName": name,
            }
            for number, name in [*members, (own_number, "")]
        ],
        "description": "",
        "isAnnounce": False,
        "isLocked": False,
        "createdAt": _GROUPS_SINCE,
        "settings": {},
    }


def page_of(items: list[JsonObject], limit: int, offset: int) -> JsonObject:
    """Return the wrapper that the vendor docs have around groups."""
    shown = items[offset : offset + limit]
    return {
        "groups": shown,
        "pagination": {
            "total": len(items),
            "limit": limit,
            "offset": offset,
            "hasMore": offset + len(shown) < len(items),
        },
    }
