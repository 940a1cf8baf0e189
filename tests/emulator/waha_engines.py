"""Messages as WAHA's engines have them themselves: what WAHA hands on as `_data`.

The vendor documents none of it but where the id is, and calls it different for each engine.
The names are those of the libraries that the engines are made of: Baileys (NOWEB),
WhatsApp Web (WEBJS) and whatsmeow (GOWS).
"""

from collections.abc import Callable
from dataclasses import dataclass

from .model import MEDIA_KINDS, JsonObject, Kind, Message, chat_id_of, digits_of
from .waha_shapes import lid_of

# How WhatsApp Web, and so WEBJS, calls what a message is.
_WEBJS_TYPES = {
    Kind.TEXT: "chat",
    Kind.VOICE: "ptt",
    Kind.CONTACT: "vcard",
    Kind.POLL: "poll_creation",
}
# How whatsmeow calls what is neither a plain text nor a file of that name.
_GOWS_MEDIA_TYPES = {Kind.VOICE: "ptt", Kind.CONTACT: "vcard"}


@dataclass(frozen=True, kw_only=True)
class SeenMessage(Message):
    """A message with what the engine knows beyond it."""

    # Chat id with the writer's number, where `sender` is an id that hides it.
    sender_alt: str = ""
    # The account's owner wrote it on the phone itself.
    typed: bool = False


def with_hidden_number(message: Message) -> SeenMessage:
    """Return what somebody wrote as it is seen where WhatsApp hides their number."""
    lid = lid_of(message.sender)
    chat_id = message.chat_id if message.in_group else lid
    given = vars(message) | {"sender": lid, "chat_id": chat_id}
    return SeenMessage(**given, sender_alt=chat_id_of(message.sender))


def typed_by_owner(message: Message) -> SeenMessage:
    """Return what the account's owner wrote on the phone, with an id as one's own messages have."""
    given = vars(message) | {"id": f"true_{message.chat_id}_{message.id}"}
    return SeenMessage(**given, typed=True)


def writer_of(message: Message) -> str:
    """Return the id of whoever wrote a message, which hides their number if it ends in `@lid`."""
    return message.sender if "@" in message.sender else chat_id_of(message.sender)


def full_id(message: Message) -> str:
    """Return `{true|false}_{chatId}_{ID}[_{participant}]` (vendor docs, page send-messages)."""
    if message.outgoing:
        return message.id
    writer = f"_{writer_of(message)}" if message.in_group else ""
    return f"false_{message.chat_id}_{message.id}{writer}"


def bare_id(given: str) -> str:
    """Return the part of a full id that WhatsApp itself gave; a bare id stays as it is."""
    parts = given.split("_")
    return parts[2] if len(parts) > 2 else given


def jid_of(chat_id: str) -> str:
    """Return a chat as WhatsApp's own protocol calls it."""
    return chat_id.replace("@c.us", "@s.whatsapp.net")


def _alt_of(message: Message) -> str:
    return jid_of(message.sender_alt) if isinstance(message, SeenMessage) else ""


def engine_message(engine: str, message: Message, ack: int) -> JsonObject:
    """Return a message as an engine has it."""
    match engine:
        case "NOWEB":
            return _noweb_message(message, ack)
        case "WEBJS":
            return _webjs_message(message, ack)
    return _gows_message(message)


# The engines


def _noweb_message(message: Message, ack: int) -> JsonObject:
    key: JsonObject = {
        "remoteJid": jid_of(message.chat_id),
        "fromMe": message.outgoing,
        "id": bare_id(message.id),
    }
    alt = _alt_of(message)
    if message.in_group and not message.outgoing:
        key["participant"] = jid_of(writer_of(message))
    if alt:
        key |= {("participantAlt" if message.in_group else "remoteJidAlt"): alt, "addressingMode": "lid"}
    return {
        "key": key,
        "message": _content(message, voice="ptt"),
        "messageTimestamp": str(message.timestamp),
        "pushName": message.sender_name,
        # Baileys counts from an error that has number 0.
        "status": ack + 1,
    }


def _webjs_message(message: Message, ack: int) -> JsonObject:
    """Return what WhatsApp Web has: of a hidden number, nothing."""
    shown: JsonObject = {
        "id": {
            "fromMe": message.outgoing,
            "remote": message.chat_id,
            "id": bare_id(message.id),
            "_serialized": full_id(message),
        },
        "viewed": False,
        "body": message.text,
        "type": _WEBJS_TYPES.get(message.kind, message.kind.value),
        "t": message.timestamp,
        "notifyName": message.sender_name,
        "ack": ack,
    }
    if message.kind is Kind.POLL:
        options = message.details["options"]
        shown |= {
            "pollName": message.text,
            "pollOptions": [{"name": name, "localId": number} for number, name in enumerate(options)],
            "pollSelectableOptionsCount": _selectable(message),
        }
    return shown


def _gows_message(message: Message) -> JsonObject:
    info: JsonObject = {
        "Chat": jid_of(message.chat_id),
        "Sender": jid_of(writer_of(message)),
        "IsFromMe": message.outgoing,
        "IsGroup": message.in_group,
        "ID": bare_id(message.id),
        "PushName": message.sender_name,
        "Type": _gows_type(message),
        "MediaType": _gows_media_type(message),
    }
    if alt := _alt_of(message):
        info |= {"AddressingMode": "lid", "SenderAlt": alt}
    return {"Info": info, "Message": _content(message, voice="PTT", plain=True)}


def _gows_type(message: Message) -> str:
    if message.kind in (Kind.POLL, Kind.REACTION):
        return message.kind.value
    return "media" if _gows_media_type(message) else "text"


def _gows_media_type(message: Message) -> str:
    if message.kind not in (*MEDIA_KINDS, Kind.LOCATION, Kind.CONTACT):
        return ""
    return _GOWS_MEDIA_TYPES.get(message.kind, message.kind.value)


# What is in a message, in WhatsApp's own words, which Baileys and whatsmeow share


def _content(message: Message, *, voice: str, plain: bool = False) -> JsonObject:
    """Return what is in a message.

    Args:
        message: The message.
        voice: What the library calls the mark of a voice note.
        plain: Whether a text that refers to nothing has a field of its own.

    """
    if message.kind in MEDIA_KINDS:
        return _file(message, voice)
    if read := _CONTENTS.get(message.kind):
        return read(message)
    if plain and not message.quoted_id:
        return {"conversation": message.text}
    quote = {"contextInfo": {"stanzaId": bare_id(message.quoted_id)}} if message.quoted_id else {}
    return {"extendedTextMessage": {"text": message.text} | quote}


def _file(message: Message, voice: str) -> JsonObject:
    shown: JsonObject = {"mimetype": message.details.get("mime_type", "")}
    if message.text:
        shown["caption"] = message.text
    if message.kind in (Kind.AUDIO, Kind.VOICE):
        return {"audioMessage": shown | {voice: message.kind is Kind.VOICE}}
    if message.kind is Kind.DOCUMENT:
        shown["fileName"] = message.details.get("file_name", "")
    return {f"{message.kind.value}Message": shown}


def _location(message: Message) -> JsonObject:
    place = {
        "degreesLatitude": message.details["latitude"],
        "degreesLongitude": message.details["longitude"],
        "name": message.details.get("name", ""),
        "address": message.details.get("address", ""),
    }
    return {"locationMessage": place}


def _contacts(message: Message) -> JsonObject:
    contacts = message.details.get("contacts", [message.details])
    cards = [{"displayName": each["name"], "vcard": vcard(each["name"], each["number"])} for each in contacts]
    if len(cards) == 1:
        return {"contactMessage": cards[0]}
    return {"contactsArrayMessage": {"contacts": cards}}


def _poll(message: Message) -> JsonObject:
    options = [{"optionName": name} for name in message.details["options"]]
    poll = {"name": message.text, "options": options, "selectableOptionsCount": _selectable(message)}
    return {"pollCreationMessageV3": poll}


def _selectable(message: Message) -> int:
    """Return how many options of a poll may be chosen, 0 if that does not matter."""
    return 0 if message.details.get("multiple") else 1


def _reaction(message: Message) -> JsonObject:
    return {"reactionMessage": {"key": {"id": bare_id(message.details["message_id"])}, "text": message.text}}


def _protocol(kind: str) -> Callable[[Message], JsonObject]:
    def read(message: Message) -> JsonObject:
        return {"protocolMessage": {"type": kind, "key": {"id": bare_id(message.details["message_id"])}}}

    return read


def _vote(message: Message) -> JsonObject:
    return {"pollUpdateMessage": {"pollCreationMessageKey": {"id": bare_id(message.details["message_id"])}}}


_CONTENTS: dict[Kind, Callable[[Message], JsonObject]] = {
    Kind.LOCATION: _location,
    Kind.CONTACT: _contacts,
    Kind.POLL: _poll,
    Kind.POLL_VOTE: _vote,
    Kind.REACTION: _reaction,
    Kind.EDITED: _protocol("MESSAGE_EDIT"),
    Kind.DELETED: _protocol("REVOKE"),
}


def vcard(name: str, number: str) -> str:
    """Return somebody's card."""
    return f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nTEL;type=CELL;type=VOICE;waid={digits_of(number)}:{number}\nEND:VCARD"
