"""What Evolution API tells of: the names of the events, and the data of each.

Names and data are those of the vendor source (event.controller.ts, whatsapp.baileys.service.ts).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .evolution_account import Account
from .evolution_jids import is_group, jid_of
from .evolution_messages import author_jid, content_of, message_key, received_message, shown_name
from .evolution_store import iso_time, row_id
from .model import MEDIA_KINDS, JsonObject, Kind, Message
from .people import PEOPLE

if TYPE_CHECKING:
    from .world import World

# What can be subscribed to. GROUPS_UPDATE, which the server tries to tell of, is not among it.
NAMES = (
    "APPLICATION_STARTUP",
    "QRCODE_UPDATED",
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_SET",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CHATS_SET",
    "CHATS_UPSERT",
    "CHATS_UPDATE",
    "CHATS_DELETE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
    "LABELS_EDIT",
    "LABELS_ASSOCIATION",
    "CALL",
    "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS",
    "REMOVE_INSTANCE",
    "LOGOUT_INSTANCE",
    "INSTANCE_CREATE",
    "INSTANCE_DELETE",
    "STATUS_INSTANCE",
)
# WhatsApp's codes for why a connection ended; the first one stands for a series of QR codes
# that nobody scanned, the second for what became of the connection then.
_BAD_SESSION = 500
_CONNECTION_CLOSED = 428
_CALL_STATES = {
    "offer": "offer",
    "pickUp": "accept",
    "hangUp": "terminate",
    "missed": "timeout",
    "declined": "reject",
}

type Event = tuple[str, object]
type Profile = Mapping[str, str | None]


@dataclass(frozen=True)
class Manners:
    """How a server tells what not all versions of it tell alike."""

    # A vote is a message of its own, as in later versions, and not an update of the poll.
    votes_as_messages: bool = False
    # What the update says for want of a status of WhatsApp's; later SERVER_ACK.
    vote_status: str = "DELETED"
    # The key in an edit is as its author's phone sent it: all chats are with this account then,
    # and all messages the author's own.
    edits_as_sent: bool = False


def subscription(event: str) -> str:
    """Return the name by which an event is subscribed to."""
    return event.replace(".", "_").replace("-", "_").upper()


def envelope(account: Account, event: Event, destination: str, server_url: str, key: str | None) -> JsonObject:
    """Return an event as it goes out.

    The server takes its local time and writes it as if it were that of Greenwich.
    """
    name, data = event
    return {
        "event": name,
        "instance": account.id,
        "data": data,
        "destination": destination,
        "date_time": f"{datetime.now().isoformat(timespec='milliseconds')}Z",
        # Before the first link it is not there.
        **({"sender": account.owner_jid} if account.owner_jid else {}),
        "server_url": server_url,
        "apikey": key,
    }


# The connection


def connection(account: Account, state: str, reason: int = 200, profile: Profile | None = None) -> Event:
    """Tell of a new state; with `open` and `refused` comes whose account it is, as far as that is known."""
    shown = (profile or {}).items()
    known = {name: value for name, value in shown if value is not None or name == "profilePictureUrl"}
    return "connection.update", {"instance": account.id, **known, "state": state, "statusReason": reason}


def new_code(account: Account, code: str, picture: bytes, pairing_code: str | None) -> Event:
    """Tell of a new QR code."""
    shown = {
        "instance": account.id,
        "pairingCode": pairing_code,
        "code": code,
        "base64": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
    }
    return "qrcode.updated", {"qrcode": shown}


def given_up(account: Account, profile: Profile) -> list[Event]:
    """Tell that nobody scanned any of the codes."""
    limit = {"message": "QR code limit reached, please login again", "statusCode": _BAD_SESSION}
    return [("qrcode.updated", limit), connection(account, "refused", _CONNECTION_CLOSED, profile)]


def closed(account: Account, reason: int, at: str, error: str) -> list[Event]:
    """Tell that the connection ended for good."""
    status = {
        "instance": account.id,
        "status": "closed",
        "disconnectionAt": at,
        "disconnectionReasonCode": reason,
        "disconnectionObject": error,
    }
    return [("status.instance", status), ("logout.instance", None), connection(account, "close", reason)]


def contacts(account: Account) -> Event:
    """Tell who is in the address book, as after the first link."""
    rows = [_contact(account, jid_of(person.chat_id), person.contact_name or person.name) for person in PEOPLE]
    return "contacts.upsert", rows


# Messages


def of_message(account: Account, message: Message, manners: Manners) -> list[Event]:
    """Tell what a phone did in a chat, be it the account's own; all of it is in the store already."""
    match message.kind:
        case Kind.CALL:
            return [_call(message)]
        case Kind.EDITED:
            return [("messages.edited", _edit(account, message, manners))]
        case Kind.DELETED:
            return _deletion(account, message, manners)
        case Kind.POLL_VOTE:
            return _vote(account, message, manners)
    return [("messages.upsert", received_message(account, message)), *_chat_updates(account, message)]


def status_update(account: Account, message: Message, status: str, **more: object) -> Event:
    """Tell how far a message got."""
    key = message_key(message)
    update: JsonObject = {"keyId": key["id"], "remoteJid": key["remoteJid"], "fromMe": key["fromMe"]}
    if "participant" in key:
        update["participant"] = key["participant"]
    return "messages.update", {
        **update,
        "status": status,
        **more,
        "instanceId": account.row,
        "messageId": row_id(account.row, "message", message.id),
    }


def own_deletion(account: Account, deleted: Message) -> Event:
    """Tell that the API deleted a message: with the message, unlike when a phone does."""
    row = {"id": row_id(account.row, "message", deleted.id), **received_message(account, deleted)}
    return "messages.delete", row | {"status": "DELETED"}


def add_file(world: World, message: Message, data: JsonObject, *, as_base64: bool, as_url: bool) -> None:
    """Put the file of a message into the data of its event, where the server is set up to."""
    path = message.details.get("path", "")
    file = world.files.find(path) if message.kind in MEDIA_KINDS else None
    if file is None:
        return
    if as_url:
        data["message"]["mediaUrl"] = f"{world.url}{path}"
    if as_base64:
        data["message"]["base64"] = base64.b64encode(file.content).decode()


def _chat_updates(account: Account, message: Message) -> list[Event]:
    """Tell that there is something new in a chat.

    With a message comes one contact, not a list. In a group, it is the group, under the
    name of whoever wrote.
    """
    jid = jid_of(message.chat_id)
    before = [stored for stored in account.store.messages if stored.message.chat_id == message.chat_id][:-1]
    name = "contacts.update" if before or shown_name(message.chat_id) else "contacts.upsert"
    push_name = "" if message.outgoing else message.sender_name
    chats = [{"remoteJid": jid, "instanceId": account.row}]
    return [(name, _contact(account, jid, push_name)), ("chats.update", chats)]


def _contact(account: Account, jid: str, name: str) -> JsonObject:
    return {"remoteJid": jid, "pushName": name, "profilePicUrl": None, "instanceId": account.row}


def _edit(account: Account, message: Message, manners: Manners) -> JsonObject:
    about = account.store.find(message.details["message_id"])
    edited: JsonObject = {"conversation": message.text}
    if about is not None and about.message.kind in MEDIA_KINDS:
        edited = {content_of(account, about.message)[0]: {"caption": message.text}}
    return {
        "key": _protocol_key(account, message, manners),
        "type": "MESSAGE_EDIT",
        "editedMessage": edited,
        "timestampMs": message.timestamp * 1000,
    }


def _deletion(account: Account, message: Message, manners: Manners) -> list[Event]:
    """Tell that a message is gone: to WhatsApp this is as much a change as an edit."""
    change = {"key": _protocol_key(account, message, manners), "type": "REVOKE"}
    key = message_key(message) | {"id": message.details["message_id"]}
    return [("messages.edited", change), ("messages.delete", key | {"status": "DELETED"})]


def _protocol_key(account: Account, message: Message, manners: Manners) -> JsonObject:
    """Return the key of the message that is changed."""
    jid, message_id = jid_of(message.chat_id), message.details["message_id"]
    if manners.edits_as_sent and not message.outgoing:
        seen_jid = jid if is_group(jid) else account.owner_jid
        return {"remoteJid": seen_jid, "fromMe": True, "id": message_id}
    about = account.store.find(message_id)
    own = message.outgoing if about is None else about.message.outgoing
    return {"remoteJid": jid, "fromMe": own, "id": message_id}


def _vote(account: Account, message: Message, manners: Manners) -> list[Event]:
    """Tell what somebody chose. Without the poll, nobody could read the vote."""
    poll = account.store.find(message.details["message_id"])
    if poll is None or poll.message.kind is not Kind.POLL:
        return []
    chosen = message.details["options"]
    votes = [
        {"name": option, "voters": [author_jid(message)] if option in chosen else []}
        for option in poll.message.details["options"]
    ]
    if manners.votes_as_messages:
        return [("messages.upsert", received_message(account, message) | {"pollUpdates": votes})]
    return [status_update(account, poll.message, manners.vote_status, pollUpdates=votes)]


def _call(message: Message) -> Event:
    return "call", {
        "chatId": jid_of(message.chat_id),
        "from": author_jid(message),
        "id": message.id,
        "date": iso_time(datetime.fromtimestamp(message.timestamp, UTC)),
        "offline": False,
        "status": _CALL_STATES[message.details["status"]],
        "isVideo": False,
        "isGroup": message.in_group,
    }
