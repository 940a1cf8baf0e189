"""The shapes of Wachat's answers.

The pages of its documentation that show one are named; the others are Evolution API's
with Wachat's `success` around it.
"""

from .model import JsonObject, Message, digits_of
from .people import GROUPS, PEOPLE, contact_name_of, group_name_of, name_of
from .wachat_instance import Chat, WachatInstance

_FIRST_CONTACT = 101


def jid_of(chat_id: str) -> str:
    """Return a chat as the engine names it."""
    return chat_id.replace("@c.us", "@s.whatsapp.net")


def names_of(instance: WachatInstance) -> JsonObject:
    """Return the names of an instance; what the internal one is, is not documented."""
    return {
        "instanceName": instance.options.display_name,
        "apiInstanceName": instance.id,
        "internalName": instance.id,
    }


def _account_of(instance: WachatInstance) -> JsonObject:
    """Return whose WhatsApp account it is; all of it is unknown while not connected."""
    connected = instance.connected
    digits = digits_of(instance.number)
    return {
        "number": digits if connected else None,
        "profileName": instance.options.display_name if connected else None,
        "profilePictureUrl": None,
        "profilePicUrl": None,
        "owner": f"{digits}@s.whatsapp.net" if connected else None,
        "integration": instance.options.integration,
    }


def list_row(instance: WachatInstance) -> JsonObject:
    """Return an instance as page List Instances shows it."""
    return {
        "id": instance.row,
        **names_of(instance),
        "displayName": instance.options.display_name,
        "state": instance.state,
        "status": instance.state,
        "isConnected": instance.connected,
        **_account_of(instance),
        "createdAt": instance.created_at,
        "updatedAt": instance.updated_at,
    }


def engine_state(instance: WachatInstance) -> JsonObject:
    """Return the state as the engine says it, which knows the final name only."""
    return {"instance": {"instanceName": instance.id, "state": instance.state}}


def state(instance: WachatInstance) -> JsonObject:
    """Return the answer on page Instance State: the engine's, and Wachat's own."""
    return {
        "success": True,
        "data": engine_state(instance),
        "instance": names_of(instance) | {"state": instance.state} | _account_of(instance),
    }


def contacts(instance: WachatInstance) -> list[JsonObject]:
    """Return everybody as page List Contacts shows them: nobody before the first link."""
    if not instance.synchronised:
        return []
    known = [person.chat_id for person in PEOPLE] + [group.chat_id for group in GROUPS]
    strangers = [chat_id for chat_id in instance.chats if chat_id not in known]
    return [
        _contact(instance, number, chat_id) for number, chat_id in enumerate(known + strangers, start=_FIRST_CONTACT)
    ]


def _contact(instance: WachatInstance, number: int, chat_id: str) -> JsonObject:
    is_group = chat_id.endswith("@g.us")
    digits = chat_id.partition("@")[0]
    push_name = group_name_of(chat_id) if is_group else name_of(f"+{digits}")
    name = contact_name_of(f"+{digits}") or push_name or digits
    chat = instance.chats.get(chat_id)
    return {
        "id": number,
        "name": name,
        "phone": None if is_group else digits,
        "remoteJid": jid_of(chat_id),
        "isGroup": is_group,
        "profilePicUrl": None,
        "profilePictureUrl": None,
        "chat": None if chat is None else _chat(chat, number, name, push_name),
        "assignedUserId": None,
        "assignedDepartmentId": None,
        "funnelStageId": None,
        "notes": None,
        "customData": {},
        "showTimeInStage": False,
        "createdAt": instance.created_at,
        "updatedAt": instance.updated_at,
    }


def _chat(chat: Chat, number: int, name: str, push_name: str) -> JsonObject:
    return {
        "id": number,
        "name": name,
        "pushName": push_name or None,
        "lastMessageText": chat.last.text,
        "lastMessageTimestamp": chat.last.timestamp,
        "unreadCount": chat.unread,
    }


def sent(message: Message) -> JsonObject:
    """Return what the engine says of a message that is on its way."""
    if url := message.details.get("url"):
        message_type = f"{message.kind}Message"
        content: JsonObject = {message_type: {"url": url, "caption": message.text}}
    else:
        message_type = "conversation"
        content = {message_type: message.text}
    return {
        "success": True,
        "data": {
            "key": {"remoteJid": jid_of(message.chat_id), "fromMe": True, "id": message.id},
            "message": content,
            "messageType": message_type,
            "messageTimestamp": message.timestamp,
            "status": "PENDING",
        },
    }
