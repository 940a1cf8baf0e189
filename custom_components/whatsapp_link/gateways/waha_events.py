"""What WAHA tells of what happens, on its websocket and in calls to webhooks; its dialects tell the same.

Facts are from the pages events, receive-messages and polls of the documentation, and from the published source of the
engines (`src/core/engines`), where they differ. Which of the fields from, to, fromMe and participant is who is a matter
of the engine: the chat, and whose message it is, are read from the id of a message,
`{true|false}_{chat}_{id}[_{participant}]`, in which all agree.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
import hashlib
import re
import time
from typing import Any

from .address import InvalidAddress, parse_chat_id
from .errors import InvalidAnswer
from .events import Event, EventKind, Sender
from .http import require_object, require_text
from .waha_contents import content_of, id_in, object_in, text_in, texts_in

STATUS_EVENT = "session.status"
EVENTS = (
    STATUS_EVENT,
    "message.any",
    "message.reaction",
    "message.ack",
    "message.ack.group",
    "message.edited",
    "message.revoked",
    "poll.vote",
    "call.received",
)
"""What there is to be told of. `message.any` is also what was typed on the phone, and makes `message` needless."""

# Page events: how far a message got. What the server has got is no news yet.
_RECEIPTS = {
    -1: EventKind.FAILED,
    2: EventKind.DELIVERED,
    3: EventKind.READ,
    # Listened to.
    4: EventKind.READ,
}
# Where the engines have the other name of who has both a number and an opaque id.
_OTHER_NAMES = ("remoteJidAlt", "participantAlt", "senderPn", "participantPn", "senderLid", "participantLid")
# Where they have who calls, and the group that is called.
_CALLERS = ("CallCreatorAlt", "CallCreator", "callerPn")
_CALLED = ("GroupJID", "groupJid")
# WhatsApp names one of several devices behind the user: `491…:12@s.whatsapp.net`.
_DEVICE = re.compile(r"[.:]\d+(?:[.:]\d+)?@")
_MAX_ADDRESS = 64
# So many messages are remembered by id: what is told about one comes within days at most.
_MEMORY = 2000
# A time in milliseconds is beyond any in seconds.
_LAST_SECOND = 1e11

type Envelope = Mapping[str, Any]


class MessageIds:
    """The ids of the latest messages, by the part of them that WhatsApp itself gave.

    What is told about a message may name only that part, or the chat in another way than before.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._whole: OrderedDict[str, str] = OrderedDict()

    def note(self, message_id: str) -> None:
        """Remember the id of a message, as it was first told; one that waits in a queue has none."""
        if not message_id:
            return
        self._whole.setdefault(bare(message_id), message_id)
        if len(self._whole) > _MEMORY:
            self._whole.popitem(last=False)

    def find(self, told: str) -> str:
        """Return the id of a message as it is remembered, else as it is told."""
        return self._whole.get(bare(told), told)


def bare(message_id: str) -> str:
    """Return the part of an id that WhatsApp itself gave; it may be all of it."""
    parts = message_id.split("_")
    return parts[2] if len(parts) > 2 else message_id


def event_of(envelope: Envelope, ids: MessageIds) -> Event | None:
    """Return what an envelope tells; None if that is of no use here. Raises InvalidAnswer."""
    read = _READERS.get(require_text(envelope, "event"))
    return read(require_object(envelope.get("payload")), envelope, ids) if read else None


def status_in(envelope: Envelope) -> str:
    """Return the vendor's word for the session (page events, session.status). Raises InvalidAnswer."""
    return require_text(require_object(envelope.get("payload")), "status")


def seconds(*values: Any) -> float:
    """Return the first of some values that is a time, in seconds since 1970, be it told in milliseconds; else now."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LAST_SECOND * 1000:
            return value / 1000 if value > _LAST_SECOND else float(value)
    return time.time()


class _Told:
    """A payload about a message or the like: where it is and who did it, whichever engine tells it."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        """Raise InvalidAnswer if it has no id."""
        self.id = id_in(payload)
        if not self.id:
            raise InvalidAnswer("the event is about no message")
        parts = self.id.split("_")
        self._payload = payload
        self._raw = object_in(payload, "_data")
        self._key = object_in(self._raw, "key")
        self._info = object_in(self._raw, "Info") or self._raw
        self._writer = parts[3] if len(parts) > 3 else ""
        # In groups, WEBJS tells by the field whose receipt it is; only the id tells whose message.
        self.from_me = {"true": True, "false": False}.get(parts[0], payload.get("fromMe") is True)
        self._named = parts[1] if len(parts) > 2 else text_in(payload, "chatId") or self._other_side()
        self.chat_id = self._chat()

    @property
    def is_news(self) -> bool:
        """Whether it is in a chat, and did not go out from here.

        Page events: `app` is what somebody typed; a server that does not say leaves it open.
        """
        return bool(self.chat_id) and not (self.from_me and self._payload.get("source") != "app")

    def event(self, kind: EventKind, event_id: str, when: float) -> Event:
        """Return what is told of whatever happens: where it was, and who did it."""
        return Event(kind, event_id, self.chat_id, when, self._sender(), self.from_me)

    def _other_side(self) -> str:
        return text_in(self._payload, "to", "from") if self.from_me else text_in(self._payload, "from")

    def _chat(self) -> str:
        """Return the chat, by number where it is told; "" for what is no chat, as the status of somebody."""
        chat_id = address(self._named)
        if not chat_id.endswith("@lid"):
            return chat_id
        number, _ = _person(*self._others())
        return f"{number}@c.us" if number else chat_id

    def _others(self) -> tuple[Any, ...]:
        """Return all other names of whoever is on the other side; some are of the account itself where it wrote."""
        names = _OTHER_NAMES[:1] if self.from_me else _OTHER_NAMES
        side = "RecipientAlt" if self._info.get("IsFromMe") else "SenderAlt"
        return (*(self._key.get(name) for name in names), self._info.get(side))

    def _sender(self) -> Sender:
        """Return who did it. Of the account itself nothing is told: it is known who that is."""
        if self.from_me:
            return Sender()
        named = (text_in(self._payload, "participant", "author") or self._writer) if self.is_group else self._named
        name = text_in(self._raw, "pushName", "notifyName") or text_in(self._info, "PushName")
        return Sender(*_person(named, *self._others()), name)

    def reader(self, member: str) -> Sender:
        """Return who has got a message of the account: the other side, or a member of the group if one is told."""
        if self.is_group and not member:
            return Sender()
        return Sender(*_person(member if self.is_group else self._named, *self._others()))

    @property
    def is_group(self) -> bool:
        """Whether there may be more than one on the other side."""
        return self.chat_id.endswith("@g.us")

    @property
    def participant(self) -> str:
        """Who did it, as it is told."""
        return text_in(self._payload, "participant")

    def id_of(self, told: str) -> str:
        """Return the whole id of another message of the same writer, which may be told without chat and writer."""
        parts = self.id.split("_")
        return told if "_" in told or len(parts) < 3 else "_".join([*parts[:2], told, *parts[3:]])


def _needed(content: Mapping[str, Any], name: str) -> str:
    """Return a field that has to be a text with something in it. Raises InvalidAnswer."""
    if text := text_in(content, name):
        return text
    raise InvalidAnswer(f"the event has no {name}")


def address(told: Any) -> str:
    """Return a chat id as address.py spells it; "" for what is none."""
    if isinstance(told, str) and len(told) <= _MAX_ADDRESS:
        with suppress(InvalidAddress):
            return parse_chat_id(_DEVICE.sub("@", told))
    return ""


def _person(*names: Any) -> tuple[str, str]:
    """Return the number and the opaque id of somebody who is named in several ways."""
    found = [address(name) for name in names]
    number = next((each.removesuffix("@c.us") for each in found if each.endswith("@c.us")), "")
    return number, next((each for each in found if each.endswith("@lid")), "")


def _message(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Pages events and receive-messages: message and message.any."""
    told = _Told(payload)
    content = content_of(payload)
    if not told.is_news or content is None:
        return None
    ids.note(told.id)
    return replace(
        told.event(content.kind, told.id, seconds(payload.get("timestamp"), envelope.get("timestamp"))),
        message_id=told.id,
        reply_to=_reply_to(told, payload, envelope, ids),
        text=content.text,
        options=content.options,
        file=content.file,
        location=content.location,
        contact=content.contact,
    )


def _reply_to(told: _Told, payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> str:
    """Page receive-messages, replyTo: its id may be the bare one, and its writer unknown."""
    quoted = object_in(payload, "replyTo")
    quoted_id = text_in(quoted, "id")
    if not quoted_id:
        return ""
    writer = text_in(quoted, "participant")
    is_own = _is_own(writer, envelope)
    parts = told.id.split("_")
    guess = f"{'true' if is_own else 'false'}_{parts[1]}_{quoted_id}" if len(parts) > 2 else quoted_id
    if writer and not is_own and told.is_group:
        guess += f"_{writer}"
    return ids.find(quoted_id if "_" in quoted_id else guess)


def _is_own(name: str, envelope: Envelope) -> bool:
    """Whether a name is one of the account itself (page events, me; the opaque id may be missing there)."""
    me = object_in(envelope, "me")
    own = address(name)
    return bool(own) and own in (address(me.get("id")), address(me.get("lid")))


def _reaction(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page receive-messages, message.reaction: an empty text takes the reaction back."""
    told = _Told(payload)
    reaction = require_object(payload.get("reaction"))
    about = ids.find(_needed(reaction, "messageId"))
    if not told.is_news:
        return None
    emoji = text_in(reaction, "text")
    when = seconds(payload.get("timestamp"), envelope.get("timestamp"))
    event = told.event(EventKind.REACTION, f"{told.id} reaction {emoji}", when)
    return replace(event, message_id=told.id, about=about, text=emoji)


def _edited(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page events, message.edited: `id` is that of the edit, with WEBJS that of the message."""
    told = _Told(payload)
    edited = told.id_of(text_in(payload, "editedMessageId") or told.id)
    if not told.is_news:
        return None
    text = text_in(payload, "body")
    # With WEBJS, nothing else tells one edit of a message from the next.
    event_id = f"{bare(edited)} edited {bare(told.id)} {_version(text)}"
    event = told.event(EventKind.EDITED, event_id, seconds(envelope.get("timestamp"), payload.get("timestamp")))
    return replace(event, about=ids.find(edited), text=text)


def _revoked(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page events, message.revoked: `after` is what took the message's place, with WEBJS under the same id."""
    after = object_in(payload, "after", "before")
    told = _Told(after)
    deleted = told.id_of(text_in(payload, "revokedMessageId") or id_in(payload.get("before")) or told.id)
    if not told.is_news:
        return None
    when = seconds(envelope.get("timestamp"), after.get("timestamp"))
    return replace(told.event(EventKind.DELETED, f"{bare(deleted)} deleted", when), about=ids.find(deleted))


def _receipt(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page events, message.ack and message.ack.group: in a group, each member takes and reads by themselves."""
    told = _Told(payload)
    level = payload.get("ack")
    kind = _RECEIPTS.get(level) if isinstance(level, int) and not isinstance(level, bool) else None
    if kind is None or not told.from_me or not told.chat_id:
        return None
    # Some engines name the writer there, as in a message.
    reader = "" if _is_own(told.participant, envelope) else told.participant
    # The id may have the reader where other messages in groups have the writer.
    message_id = told.id.removesuffix(f"_{reader}")
    return Event(
        kind,
        f"{bare(told.id)} {kind} {reader}".rstrip(),
        told.chat_id,
        seconds(envelope.get("timestamp"), payload.get("timestamp")),
        told.reader(reader),
        about=ids.find(message_id),
    )


def _vote(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page polls, poll.vote: all that somebody has chosen by now. With WEBJS, its id is that of the poll."""
    vote = require_object(payload.get("vote"))
    told = _Told({"_data": payload.get("_data")} | vote)
    poll = ids.find(_needed(require_object(payload.get("poll")), "id"))
    # There is no `source` to tell a vote on the phone from one through the API.
    if told.from_me or not told.chat_id or not isinstance(vote.get("selectedOptions"), list):
        return None
    chosen = texts_in(vote["selectedOptions"])
    given = vote.get("timestamp")
    event_id = f"{told.id} vote {_version(*chosen, str(given) if isinstance(given, int | float) else '')}"
    event = told.event(EventKind.POLL_VOTE, event_id, seconds(given, envelope.get("timestamp")))
    return replace(event, message_id=told.id, about=poll, options=chosen)


def _version(*texts: str) -> str:
    """Return a short text that differs where these do."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def _call(payload: Mapping[str, Any], envelope: Envelope, ids: MessageIds) -> Event | None:
    """Page events, call.received; the group, and the number of who calls, may be told only by the engine."""
    call_id = _needed(payload, "id")
    raw = object_in(payload, "_data")
    named = text_in(payload, "from")
    number, lid = _person(named, *(raw.get(name) for name in _CALLERS))
    groups = [name for name in map(address, (named, *(raw.get(name) for name in _CALLED))) if name.endswith("@g.us")]
    chat_id = next(iter(groups), f"{number}@c.us" if number else address(named))
    if not chat_id:
        return None
    when = seconds(payload.get("timestamp"), envelope.get("timestamp"))
    return Event(EventKind.CALL, f"call {call_id}", chat_id, when, Sender(number, lid))


type _Reader = Callable[[Mapping[str, Any], Envelope, MessageIds], Event | None]

_READERS: Mapping[str, _Reader] = {
    "message": _message,
    "message.any": _message,
    "message.reaction": _reaction,
    "message.ack": _receipt,
    "message.ack.group": _receipt,
    "message.edited": _edited,
    "message.revoked": _revoked,
    "poll.vote": _vote,
    "call.received": _call,
}
