"""Messages as Evolution API shows them: WhatsApp's own structure with a frame around it."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import hashlib

from .evolution_account import Account
from .evolution_jids import is_group, jid_from, jid_of
from .evolution_store import StoredChat, StoredMessage, iso_time, row_id
from .model import JsonObject, Kind, Message, digits_of
from .people import contact_name_of, group_name_of, name_of

# Vendor source: what the server calls its own account in messages it sends.
_OWN_NAME = "Você"
_WINDOW = timedelta(hours=24)


def message_key(message: Message) -> JsonObject:
    """Return what identifies a message."""
    jid = jid_of(message.chat_id)
    key: JsonObject = {"remoteJid": jid, "fromMe": message.outgoing, "id": message.id}
    if is_group(jid) and not message.outgoing:
        key["participant"] = author_jid(message)
    if number_jid := message.details.get("number_jid"):
        key["participantAlt" if is_group(jid) else "remoteJidAlt"] = number_jid
        key["addressingMode"] = "lid"
    return key


def author_jid(message: Message) -> str:
    """Return who wrote a message, by the jid that WhatsApp used for it."""
    return str(message.details.get("lid") or jid_from(message.sender))


def received_message(account: Account, message: Message) -> JsonObject:
    """Return a message that came from a phone, be it the account's own."""
    return {**_frame(account, message), "status": "SERVER_ACK" if message.outgoing else "DELIVERY_ACK"}


def sent_message(account: Account, message: Message) -> JsonObject:
    """Return the answer to a message that is on its way."""
    return {**_frame(account, message), "status": "PENDING"}


def stored_message(account: Account, stored: StoredMessage) -> JsonObject:
    """Return a row of /chat/findMessages."""
    return {
        "id": row_id(account.row, "message", stored.message.id),
        **_frame(account, stored.message),
        "MessageUpdate": [{"status": status} for status in stored.statuses],
    }


def status_rows(account: Account, stored: StoredMessage) -> list[JsonObject]:
    """Return the rows of /chat/findStatusMessage about a message, oldest first."""
    key = message_key(stored.message)
    return [
        {
            "id": row_id(account.row, "status", stored.message.id, str(number)),
            "keyId": key["id"],
            "remoteJid": key["remoteJid"],
            "fromMe": key["fromMe"],
            "participant": key.get("participant"),
            "pollUpdates": None,
            "status": status,
            "messageId": row_id(account.row, "message", stored.message.id),
            "instanceId": account.row,
        }
        for number, status in enumerate(stored.statuses)
    ]


def chat(account: Account, stored: StoredChat) -> JsonObject:
    """Return a row of /chat/findChats; the window is that of the last message."""
    last = stored.last.message
    begin = datetime.fromtimestamp(last.timestamp, UTC)
    name = shown_name(last.chat_id)
    return {
        "id": row_id(account.row, "chat", stored.chat_id),
        "remoteJid": jid_of(stored.chat_id),
        "pushName": name or last.sender_name or None,
        "profilePicUrl": None,
        "updatedAt": iso_time(begin),
        "windowStart": iso_time(begin),
        "windowExpires": iso_time(begin + _WINDOW),
        "windowActive": datetime.now(UTC) < begin + _WINDOW,
        "lastMessage": stored_message(account, stored.last),
        "unreadCount": stored.unread,
        "isSaved": bool(name),
    }


def shown_name(chat_id: str) -> str:
    """Return the name that the account has for a chat, "" if it has none."""
    number = f"+{chat_id.partition('@')[0]}"
    return group_name_of(chat_id) or contact_name_of(number) or name_of(number)


def _frame(account: Account, message: Message) -> JsonObject:
    kind, content = content_of(account, message)
    return {
        "key": message_key(message),
        "pushName": _OWN_NAME if message.outgoing else message.sender_name,
        "message": {kind: content},
        "contextInfo": _context(account, message),
        "messageType": kind,
        "messageTimestamp": message.timestamp,
        "instanceId": account.row,
        # The server tells by the id what kind of device made it.
        "source": "web" if message.id.startswith("3EB0") else "android",
    }


def _context(account: Account, message: Message) -> JsonObject | None:
    """Return what the message refers to, None if to nothing."""
    context: JsonObject = {}
    if message.quoted_id:
        context["stanzaId"] = message.quoted_id
        # A phone sends along what it quotes.
        if not message.outgoing and (quoted := account.store.find(message.quoted_id)) is not None:
            kind, content = content_of(account, quoted.message)
            context |= {"participant": author_jid(quoted.message), "quotedMessage": {kind: content}}
    if mentions := message.details.get("mentions"):
        context["mentionedJid"] = [jid_of(chat_id) for chat_id in mentions]
    return context or None


# The kinds of content


def content_of(account: Account, message: Message) -> tuple[str, object]:
    """Return the messageType of a message, and what stands under it."""
    if message.kind in _ABOUT_OTHERS:
        other_name, make_about = _ABOUT_OTHERS[message.kind]
        return other_name, make_about(message, _key_of_other(account, message))
    name, make = _CONTENTS[message.kind]
    if message.details.get("as_note"):
        name = "ptvMessage"
    if len(people := message.details.get("contacts", ())) > 1:
        return "contactsArrayMessage", {"displayName": f"{len(people)} contacts", "contacts": list(map(_card, people))}
    return name, make(message)


def _text(message: Message) -> str:
    return message.text


def _media(message: Message) -> JsonObject:
    """Return what is known of a file: all but the file itself.

    What WhatsApp keeps under the address is encrypted.
    """
    details = message.details
    digest = hashlib.sha256(message.id.encode()).digest()
    path = f"/v/t62.7118-24/{int.from_bytes(digest[:8])}_n.enc"
    content: JsonObject = {
        "url": f"https://mmg.whatsapp.net{path}?ccb=11-4&oh={digest.hex()[:32]}&mms3=true",
        "mimetype": details.get("mime_type"),
        "mediaKey": base64.b64encode(digest).decode(),
        "directPath": path,
    }
    if "size" in details:
        # A number of more than 32 bits, which JavaScript writes as a text.
        content["fileLength"] = str(details["size"])
    match message.kind:
        case Kind.AUDIO | Kind.VOICE:
            content["ptt"] = message.kind is Kind.VOICE
        case Kind.DOCUMENT:
            content["fileName"] = details.get("file_name")
    return content | ({"caption": message.text} if message.text else {})


def _location(message: Message) -> JsonObject:
    details = message.details
    return {
        "degreesLatitude": details["latitude"],
        "degreesLongitude": details["longitude"],
        "name": details["name"],
        "address": details["address"],
    }


def _contact(message: Message) -> JsonObject:
    return _card(message.details)


def _card(person: JsonObject) -> JsonObject:
    name, number = person["name"], person["number"]
    phone = f"TEL;type=CELL;type=VOICE;waid={digits_of(number)}:{number}"
    return {"displayName": name, "vcard": f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\n{phone}\nEND:VCARD"}


def _reaction(message: Message, key: JsonObject) -> JsonObject:
    return {"key": key, "text": message.text}


def _poll(message: Message) -> JsonObject:
    return {
        "name": message.text,
        "options": [{"optionName": option} for option in message.details["options"]],
        "selectableOptionsCount": message.details.get("most_choices", int(not message.details["multiple"])),
    }


def _poll_vote(message: Message, key: JsonObject) -> JsonObject:
    return {"pollCreationMessageKey": key, "vote": {"selectedOptions": message.details["options"]}}


def _edit(message: Message) -> JsonObject:
    return {
        "key": _short_key_of_other(message),
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": message.text},
        "timestampMs": message.timestamp * 1000,
    }


def _deletion(message: Message) -> JsonObject:
    return {"key": _short_key_of_other(message), "type": "REVOKE"}


def _key_of_other(account: Account, message: Message) -> JsonObject:
    """Return the key of the message that this one is about, as far as it is known here."""
    about = account.store.find(message.details["message_id"])
    return _short_key_of_other(message) if about is None else message_key(about.message)


def _short_key_of_other(message: Message) -> JsonObject:
    return {"remoteJid": jid_of(message.chat_id), "id": message.details["message_id"]}


_CONTENTS: dict[Kind, tuple[str, Callable[[Message], object]]] = {
    Kind.TEXT: ("conversation", _text),
    Kind.IMAGE: ("imageMessage", _media),
    Kind.VIDEO: ("videoMessage", _media),
    Kind.AUDIO: ("audioMessage", _media),
    Kind.VOICE: ("audioMessage", _media),
    Kind.DOCUMENT: ("documentMessage", _media),
    Kind.STICKER: ("stickerMessage", _media),
    Kind.LOCATION: ("locationMessage", _location),
    Kind.CONTACT: ("contactMessage", _contact),
    Kind.POLL: ("pollCreationMessageV3", _poll),
    Kind.EDITED: ("protocolMessage", _edit),
    Kind.DELETED: ("protocolMessage", _deletion),
}
# These name another message by its key.
_ABOUT_OTHERS: dict[Kind, tuple[str, Callable[[Message, JsonObject], object]]] = {
    Kind.REACTION: ("reactionMessage", _reaction),
    Kind.POLL_VOTE: ("pollUpdateMessage", _poll_vote),
}
