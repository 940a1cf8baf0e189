"""What GREEN-API tells by itself: notifications, which are the same in its queue and at a webhook.

Facts are from the vendor's documentation at green-api.com/en/docs/api, section Receiving (Notifications), and from
the types of the vendor's own integration library.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
import re
import time
from typing import Any

from .address import InvalidAddress, parse_chat_id
from .errors import InvalidAnswer
from .events import Event, EventKind, ReceivedFile, Sender
from .http import require_object
from .model import Location, Session, SessionState
from .vcard import contact_in
from .webhook_call import header, is_same

# Page OutgoingMessageStatus. "sent" is no news to who sent it.
_RECEIPTS = {
    "delivered": EventKind.DELIVERED,
    "read": EventKind.READ,
    "failed": EventKind.FAILED,
    "noAccount": EventKind.FAILED,
    "notInGroup": EventKind.FAILED,
    "yellowCard": EventKind.FAILED,
}
# The vendor's own words in the place of a text that could not be read.
_UNREADABLE = re.compile(r"\{\{SWE\d{3}\}\}|SWE004: ")
# What is not taken at once comes again, for a day: a state that is older than this is of no use any more.
_STATE_HOLDS = 120.0
# In the year 2286; what is later is no number of seconds.
_END_OF_TIME = 1e10
_ANY_FILE = "application/octet-stream"
# So the vendor names kinds. What is not like it may be anything, also what somebody wrote.
_KIND = re.compile(r"[A-Za-z]{1,40}")


def is_from_vendor(headers: Mapping[str, str], secret: str) -> bool:
    """Whether a call to the webhook brings the secret.

    Page WebhookEndpoint: a token comes as a bearer, unless it names a scheme of its own. Nothing is signed.
    """
    given = header(headers, "Authorization")
    return bool(secret) and any([is_same(given, f"Bearer {secret}"), is_same(given, secret)])


def kind_of(content: Any) -> str:
    """Return what kind a notification says it is of, for the log: nothing else of it may stand there."""
    notification = content if isinstance(content, dict) else {}
    data = notification.get("messageData")
    kinds = (notification.get("typeWebhook"), data.get("typeMessage") if isinstance(data, dict) else None)
    return "/".join(kind for kind in kinds if isinstance(kind, str) and _KIND.fullmatch(kind)) or "?"


def read_notification(content: Any, instance_id: str, state: Callable[[str], SessionState]) -> Session | Event | None:
    """Return what a notification tells; None if it is of no use here, or of another instance.

    `state` is what a vendor's word for the session means. Raises InvalidAnswer.
    """
    notification = require_object(content)
    kind = _required(notification, "typeWebhook")
    if str(_part(notification, "instanceData").get("idInstance")) != instance_id:
        return None
    match kind:
        case "incomingMessageReceived":
            return _message(notification, from_me=False)
        # Typed on the phone. What was sent through the API has a type of its own.
        case "outgoingMessageReceived":
            return _message(notification, from_me=True)
        case "outgoingMessageStatus":
            return _receipt(notification)
        case "incomingCall":
            return _call(notification)
        case "stateInstanceChanged" if time.time() - _timestamp(notification) < _STATE_HOLDS:
            return Session(state(_required(notification, "stateInstance")))
    return None


def _message(notification: Mapping[str, Any], *, from_me: bool) -> Event | None:
    """Pages on the formats of incoming and outgoing messages."""
    message_id = _required(notification, "idMessage")
    timestamp = _timestamp(notification)
    writer = _part(notification, "senderData")
    chat_id, sender = _place(writer, from_me)
    data = _part(notification, "messageData")
    read = _READERS.get(_required(data, "typeMessage"))
    content = read(data, _required(writer, "sender")) if read and chat_id else None
    if content is None:
        return None
    if about := content.get("about"):
        # Whether a change has an id of its own is not documented.
        event_id, reply_to = f"{about} {content['kind']} {message_id} {timestamp:.0f}", ""
    else:
        quoted = data.get("quotedMessage")
        event_id, reply_to = message_id, _text_in(quoted, "stanzaId") if isinstance(quoted, dict) else ""
    return Event(
        event_id=event_id,
        chat_id=chat_id,
        timestamp=timestamp,
        sender=sender,
        from_me=from_me,
        message_id=message_id,
        reply_to=reply_to,
        **content,
    )


def _receipt(notification: Mapping[str, Any]) -> Event | None:
    """Page OutgoingMessageStatus: also of what was typed on the phone."""
    message_id = _required(notification, "idMessage")
    chat_id = _address(_required(notification, "chatId"))
    status = _required(notification, "status")
    kind = _RECEIPTS.get(status)
    if kind is None or not chat_id or notification.get("sendByApi") is False:
        return None
    reason = (_text_in(notification, "description") or status) if kind is EventKind.FAILED else ""
    event_id = f"{message_id} {kind}"
    return Event(kind, event_id, chat_id, _timestamp(notification), about=message_id, text=reason)


def _call(notification: Mapping[str, Any]) -> Event | None:
    """Page IncomingCall: it is told again when somebody takes the call, or it ends; for us it is one thing."""
    chat_id = _address(_required(notification, "from"))
    event_id = f"{_required(notification, 'idMessage')} call"
    if not chat_id:
        return None
    return Event(EventKind.CALL, event_id, chat_id, _timestamp(notification), _person(chat_id))


def _place(writer: Mapping[str, Any], from_me: bool) -> tuple[str, Sender]:
    """Return the chat, "" for what is none (as statuses), and who wrote there, unless that is the account itself."""
    chat_id = _address(_required(writer, "chatId"))
    if from_me:
        return chat_id, Sender()
    names = [_address(_required(writer, "sender"))]
    is_person = chat_id.endswith(("@c.us", "@lid"))
    sender = _person(*names, *([chat_id] if is_person else []))
    name = _text_in(writer, "senderName") or _text_in(writer, "senderContactName")
    if is_person and sender.number:
        chat_id = f"{sender.number}@c.us"
    return chat_id, Sender(sender.number, sender.lid, name)


def _person(*names: str) -> Sender:
    """Return the number and the opaque id of somebody who is named in one way or several."""
    number = next((name.removesuffix("@c.us") for name in names if name.endswith("@c.us")), "")
    return Sender(number, next((name for name in names if name.endswith("@lid")), ""))


# --- what is in a message: the fields of an event ------------------------------------------------------

type _Content = dict[str, Any]
type _Reader = Callable[[Mapping[str, Any], str], _Content | None]


def _text(data: Mapping[str, Any], _writer: str) -> _Content | None:
    return _words(_text_in(_part(data, "textMessageData"), "textMessage"))


def _long_text(data: Mapping[str, Any], _writer: str) -> _Content | None:
    """A text with a link, or one that answers another message."""
    return _words(_text_in(_part(data, "extendedTextMessageData"), "text"))


def _words(text: str) -> _Content | None:
    return {"kind": EventKind.TEXT, "text": text} if text and not _UNREADABLE.match(text) else None


def _file(kind: EventKind) -> _Reader:
    def read(data: Mapping[str, Any], _writer: str) -> _Content:
        part = _part(data, "fileMessageData")
        mime_type = _text_in(part, "mimeType").partition(";")[0].strip() or _ANY_FILE
        file = ReceivedFile(mime_type, _text_in(part, "fileName"), _text_in(part, "downloadUrl"))
        # The vendor has one word for both; phones record in this format, and send it as nothing else.
        is_voice = kind is EventKind.AUDIO and mime_type == "audio/ogg"
        return {"kind": EventKind.VOICE if is_voice else kind, "text": _text_in(part, "caption"), "file": file}

    return read


def _location(data: Mapping[str, Any], _writer: str) -> _Content:
    part = _part(data, "locationMessageData")
    latitude, longitude = _number(part, "latitude", 90), _number(part, "longitude", 180)
    location = Location(latitude, longitude, _text_in(part, "nameLocation"), _text_in(part, "address"))
    return {"kind": EventKind.LOCATION, "location": location}


def _contact(data: Mapping[str, Any], _writer: str) -> _Content:
    part = _part(data, "contactMessageData")
    return {"kind": EventKind.CONTACT, "contact": contact_in(_text_in(part, "vcard"), _text_in(part, "displayName"))}


def _contacts(data: Mapping[str, Any], writer: str) -> _Content:
    """Several people at once: there is room for the first. The list is documented in two places."""
    contacts = data.get("contacts") or _part(data, "messageData").get("contacts")
    if not isinstance(contacts, list) or not contacts:
        raise InvalidAnswer("the message has no contacts")
    return _contact({"contactMessageData": contacts[0]}, writer)


def _reaction(data: Mapping[str, Any], _writer: str) -> _Content:
    """An empty text takes the reaction back."""
    about = _required(_part(data, "quotedMessage"), "stanzaId")
    return {
        "kind": EventKind.REACTION,
        "about": about,
        "text": _text_in(_part(data, "extendedTextMessageData"), "text"),
    }


def _poll(data: Mapping[str, Any], _writer: str) -> _Content:
    poll = _part(data, "pollMessageData")
    options = tuple(_required(option, "optionName") for option in _objects(poll, "options"))
    return {"kind": EventKind.POLL, "text": _text_in(poll, "name"), "options": options}


def _vote(data: Mapping[str, Any], writer: str) -> _Content:
    """All answers are told, each with all who chose it until now."""
    poll = _part(data, "pollMessageData")
    chosen = tuple(_required(vote, "optionName") for vote in _objects(poll, "votes") if writer in _voters(vote))
    about = _required(poll, "stanzaId")
    return {"kind": EventKind.POLL_VOTE, "about": about, "text": _text_in(poll, "name"), "options": chosen}


def _voters(vote: Mapping[str, Any]) -> list[Any]:
    voters = vote.get("optionVoters")
    return voters if isinstance(voters, list) else []


def _edited(data: Mapping[str, Any], _writer: str) -> _Content:
    part = _part(data, "editedMessageData")
    text = _text_in(part, "textMessage") or _text_in(part, "caption")
    return {"kind": EventKind.EDITED, "about": _required(part, "stanzaId"), "text": text}


def _deleted(data: Mapping[str, Any], _writer: str) -> _Content:
    return {"kind": EventKind.DELETED, "about": _required(_part(data, "deletedMessageData"), "stanzaId")}


_READERS: Mapping[str, _Reader] = {
    "textMessage": _text,
    "extendedTextMessage": _long_text,
    "quotedMessage": _long_text,
    "imageMessage": _file(EventKind.IMAGE),
    "videoMessage": _file(EventKind.VIDEO),
    "audioMessage": _file(EventKind.AUDIO),
    "documentMessage": _file(EventKind.DOCUMENT),
    "stickerMessage": _file(EventKind.STICKER),
    "locationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "reactionMessage": _reaction,
    "pollMessage": _poll,
    "pollUpdateMessage": _vote,
    "editedMessage": _edited,
    "deletedMessage": _deleted,
}


# --- parts of a notification ---------------------------------------------------------------------------


def _part(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a part that has to be an object. Raises InvalidAnswer."""
    return require_object(content.get(key))


def _objects(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a part that has to be a list of objects. Raises InvalidAnswer."""
    value = content.get(key)
    if not isinstance(value, list):
        raise InvalidAnswer(f"the notification has no list of {key}")
    return [require_object(each) for each in value]


def _text_in(content: Mapping[str, Any], key: str) -> str:
    """Return a text, "" if there is none."""
    value = content.get(key)
    return value if isinstance(value, str) else ""


def _required(content: Mapping[str, Any], key: str) -> str:
    """Return a text with something in it. Raises InvalidAnswer."""
    if text := _text_in(content, key):
        return text
    raise InvalidAnswer(f"the notification has no {key}")


def _number(content: Mapping[str, Any], key: str, largest: float) -> float:
    """Return a number up to a limit, on either side of zero. Raises InvalidAnswer."""
    value = content.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= largest:
        return float(value)
    raise InvalidAnswer(f"the notification has no sensible {key}")


def _timestamp(notification: Mapping[str, Any]) -> float:
    return _number(notification, "timestamp", _END_OF_TIME)


def _address(told: str) -> str:
    """Return a chat id as address.py spells it; "" for what is no chat."""
    with suppress(InvalidAddress):
        return parse_chat_id(told)
    return ""
