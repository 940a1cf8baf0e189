"""The shapes of Wachat's answers.

The pages of its documentation that show one are named; the others are Evolution API's
with Wachat's `success` around it.
"""

from .model import MEDIA_KINDS, JsonObject, Message, digits_of
from .people import GROUPS, PEOPLE, contact_name_of, group_name_of, name_of
from .wachat_instance import Chat, WachatInstance

_FIRST_CONTACT = 101
# Vendor docs, page Send a Message.
_SENT = "Message sent successfully"


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


def names_with_id(instance: WachatInstance) -> JsonObject:
    """Return what stands for an instance where something belongs to it."""
    return {"id": instance.row, "displayName": instance.options.display_name} | names_of(instance)


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


def sent(message: Message, shape: str) -> JsonObject:
    """Return the answer to a message that is on its way, in one of three shapes.

    The documentation has but a sentence for it, which a client must be content with.
    """
    if shape == "engine":
        return {"success": True, "data": _engine_message(message)}
    answer: JsonObject = {"success": True, "message": _SENT}
    return answer | {"messageId": message.id} if shape == "flat" else answer


def _engine_message(message: Message) -> JsonObject:
    message_type, content = _content_of(message)
    return {
        "key": {"remoteJid": jid_of(message.chat_id), "fromMe": True, "id": message.id},
        "message": {message_type: content},
        "messageType": message_type,
        "messageTimestamp": message.timestamp,
        "status": "PENDING",
    }


def _content_of(message: Message) -> tuple[str, JsonObject | str]:
    """Return what the engine calls a message of this kind, and what it shows of it."""
    details = message.details
    if message.kind in MEDIA_KINDS:
        file = {"mimetype": details["mime_type"], "fileName": details["file_name"], "caption": message.text}
        return f"{message.kind}Message", file
    if "list" in details:
        return "listMessage", {"title": details["list"]["title"], "description": message.text}
    if "buttons" in details:
        return "buttonsMessage", {"contentText": message.text}
    return "conversation", message.text
