"""Evolution API's calls under /chat that act on messages, and the one that shows typing."""

from http import HTTPStatus

from . import evolution_answers as answers, evolution_messages as messages
from .evolution_call import DELETE, POST, Call, Route
from .evolution_instance import EvolutionInstance
from .evolution_jids import chat_id_of_jid, is_group, jid_from, number_of
from .evolution_keys import KEY_FIELDS, is_understood
from .evolution_reach import no_connection
from .evolution_refusals import OBJECT, bad, crash, refused
from .evolution_schema import Field, check
from .evolution_sending import NUMBER, check_text
from .evolution_store import StoredMessage
from .model import JsonObject, Kind, Message, Signal

_UPDATE = (NUMBER, Field("text", required=True), Field("key", "object", required=True, fields=KEY_FIELDS))
_DELETE = (*KEY_FIELDS, Field("participant"))
_READ = (Field("readMessages", "array", required=True, fewest=1, unique=True, items="object", fields=KEY_FIELDS),)
_SIGNALS = {"composing": Signal.TYPING, "recording": Signal.RECORDING, "paused": Signal.PAUSED}
_PRESENCE = (
    NUMBER,
    Field("presence", required=True, choices=(*_SIGNALS, "available", "unavailable")),
    Field("delay", "integer", required=True),
)
# Messages that have a text, or one under a picture.
_EDITABLE = (Kind.TEXT, Kind.IMAGE, Kind.VIDEO)
_LONGEST_EDITABLE_SECONDS = 15 * 60


async def _update(call: Call) -> JsonObject:
    """Edit a message of this account's; which ones are compatible is not documented."""
    check(call.body, _UPDATE)
    check_text(call.body["text"])
    instance, key = call.instance, call.body["key"]
    jid = jid_from(call.body["number"])
    stored = instance.store.find(key["id"])
    _check_editable(instance, stored, jid)
    if not instance.is_open:
        raise crash(no_connection(instance, "sendMessage").text)
    edit = instance.compose(chat_id_of_jid(jid), Kind.EDITED, call.body["text"], details={"message_id": key["id"]})
    return await _put_out(instance, edit, works=key["fromMe"] and is_understood(instance, key))


def _check_editable(instance: EvolutionInstance, stored: StoredMessage | None, jid: str) -> None:
    if stored is None or stored.message.kind not in _EDITABLE:
        raise bad("Message not compatible")
    if messages.message_key(stored.message)["remoteJid"] != jid:
        raise bad("RemoteJid does not match")
    if instance.store.age(stored) > _LONGEST_EDITABLE_SECONDS:
        raise bad("Message is older than 15 minutes")


async def _delete(call: Call) -> JsonObject:
    """Delete a message for everyone: one's own, or as the admin of a group anybody's."""
    check(call.body, _DELETE)
    instance, key = call.instance, call.body
    if not instance.is_open:
        error = str(no_connection(instance, "sendMessage"))
        raise refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Error while deleting message for everyone", error)
    jid = key["remoteJid"]
    deletion = instance.compose(chat_id_of_jid(jid), Kind.DELETED, details={"message_id": key["id"]})
    return await _put_out(instance, deletion, works=(key["fromMe"] or is_group(jid)) and is_understood(instance, key))


async def _put_out(instance: EvolutionInstance, message: Message, *, works: bool) -> JsonObject:
    """Send a change. Where it does not work, only WhatsApp knows: the answer is the same."""
    if works:
        await instance.send(message)
    return messages.sent_message(instance, message)


async def _mark_read(call: Call) -> JsonObject:
    """Mark messages as read: those that somebody else wrote, in chats with a number and in groups.

    All others are left out, which the answer does not show.
    """
    check(call.body, _READ)
    instance = call.instance
    if not instance.is_open:
        error = str(no_connection(instance, "readMessages"))
        raise refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Read messages fail", error)
    by_chat: dict[str, list[str]] = {}
    for key in call.body["readMessages"]:
        jid = key["remoteJid"]
        if (is_group(jid) or number_of(jid)) and not key["fromMe"] and is_understood(instance, key):
            by_chat.setdefault(chat_id_of_jid(jid), []).append(key["id"])
    for chat_id, message_ids in by_chat.items():
        instance.mark_read(chat_id, message_ids)
    return {"message": "Read messages", "read": "success"}


async def _show_presence(call: Call) -> JsonObject:
    """Show typing or recording while the answer waits; being online is not shown in the chat.

    All exceptions become a text here, that for a number without account the wrong way.
    """
    check(call.body, _PRESENCE)
    instance, presence = call.instance, call.body["presence"]
    jid = jid_from(call.body["number"])
    if not instance.is_open:
        raise bad(str(no_connection(instance, "onWhatsApp" if number_of(jid) else "sendPresenceUpdate")))
    if not answers.checked_number(instance, call.body["number"])["exists"]:
        raise bad(OBJECT)
    seconds = call.body["delay"] / 1000
    if (signal := _SIGNALS.get(presence)) is not None:
        await instance.show(chat_id_of_jid(jid), signal, seconds)
    else:
        await call.world.clock.sleep(seconds)
    return {"presence": presence}


ROUTES = (
    Route(POST, "chat/updateMessage", _update),
    Route(DELETE, "chat/deleteMessageForEveryone", _delete, HTTPStatus.CREATED),
    Route(POST, "chat/markMessageAsRead", _mark_read, HTTPStatus.CREATED),
    Route(POST, "chat/sendPresence", _show_presence, HTTPStatus.CREATED),
)
