"""What WAHA pushes: the envelope, and the payload of each event (vendor docs, page events)."""

import time
from typing import TYPE_CHECKING, Protocol

from .model import JsonObject, Kind, Message
from .waha_engines import bare_id, writer_of
from .waha_messages import ACK_NAMES, ulid
from .waha_shapes import environment, me

if TYPE_CHECKING:
    from .waha_instance import WahaInstance

EVENTS = frozenset(
    {
        "session.status",
        "message",
        "message.any",
        "message.reaction",
        "message.ack",
        "message.ack.group",
        "message.waiting",
        "message.edited",
        "message.revoked",
        "group.v2.join",
        "group.v2.leave",
        "group.v2.update",
        "group.v2.participants",
        "presence.update",
        "poll.vote",
        "poll.vote.failed",
        "chat.archive",
        "call.received",
        "call.accepted",
        "call.rejected",
        "label.upsert",
        "label.deleted",
        "label.chat.added",
        "label.chat.deleted",
        "event.response",
        "event.response.failed",
        "engine.event",
        "state.change",
        "group.join",
        "group.leave",
    }
)
# The one event that `*` does not stand for.
ENGINE_EVENT = "engine.event"

type Event = tuple[str, JsonObject]

# These phases of a call have an event; the others pass unseen.
_CALL_EVENTS = {"offer": "call.received", "pickUp": "call.accepted", "declined": "call.rejected"}


class Teller(Protocol):
    """A session that tells what happens, be it one of a vendor who builds on WAHA."""

    @property
    def sees_votes(self) -> bool:
        """Whether votes in polls become known."""

    def show(self, message: Message) -> JsonObject:
        """Return a message as it is told."""

    def find_message(self, given: str) -> Message | None:
        """Return a message by its id in full or bare form."""


def milliseconds() -> int:
    """Return the wall clock time in the unit of most timestamps."""
    return int(time.time() * 1000)


def event_id() -> str:
    """Return an id, by which an event can be told from another."""
    return f"evt_{ulid()}"


def envelope(instance: WahaInstance, event: str, payload: JsonObject) -> JsonObject:
    """Return what goes out over the websocket and to webhooks."""
    account = me(instance)
    server = environment(instance.options)
    frame: JsonObject = {
        "id": event_id(),
        "timestamp": milliseconds(),
        "event": event,
        "session": instance.id,
        "metadata": instance.config.get("metadata") or {},
        "me": {name: account[name] for name in ("id", "pushName")} if account else None,
        "payload": payload,
        "environment": {name: server[name] for name in ("version", "engine", "tier")},
        "engine": instance.options.engine,
    }
    if instance.options.core_only:
        # Vendor source: in v2024.10.8, events could not be told from each other.
        del frame["id"], frame["timestamp"]
    return frame


def ack(message: Message, level: int, reader: str = "") -> Event:
    """Return the event that tells how far a message got; in a group, with whom.

    Vendor docs, page events: what tells of a hidden member has them in the id, too.
    """
    payload = {
        "id": f"{message.id}_{reader}" if reader.endswith("@lid") else message.id,
        "from": message.chat_id,
        "participant": reader or None,
        "fromMe": True,
        "ack": level,
        "ackName": ACK_NAMES[level],
    }
    return ("message.ack.group" if reader else "message.ack"), payload


def of_message(teller: Teller, message: Message) -> list[Event]:
    """Return the events that follow from what somebody did in a chat, be it the account itself."""
    match message.kind:
        case Kind.REACTION:
            return [("message.reaction", _reaction(teller, message))]
        case Kind.EDITED:
            edited = teller.show(message)
            edited["editedMessageId"] = bare_id(message.details["message_id"])
            return [("message.edited", edited)]
        case Kind.DELETED:
            return [("message.revoked", _revoked(teller, message))]
        case Kind.POLL_VOTE:
            return [("poll.vote", _vote(teller, message))] if teller.sees_votes else []
        case Kind.CALL:
            event = _CALL_EVENTS.get(message.details["status"])
            return [(event, _call(message))] if event else []
    names = ("message.any",) if message.outgoing else ("message", "message.any")
    return [(event, teller.show(message)) for event in names]


def _reaction(teller: Teller, message: Message) -> JsonObject:
    shown = teller.show(message)
    reaction = {name: shown[name] for name in ("id", "from", "fromMe", "participant", "to", "timestamp")}
    given = message.details["message_id"]
    target = teller.find_message(given)
    # An empty text takes the reaction back.
    reaction["reaction"] = {"text": message.text, "messageId": teller.show(target)["id"] if target else given}
    return reaction


def _revoked(teller: Teller, message: Message) -> JsonObject:
    given = message.details["message_id"]
    before = teller.find_message(given)
    return {
        "after": teller.show(message),
        "before": teller.show(before) if before else None,
        "revokedMessageId": bare_id(given),
    }


def _vote(teller: Teller, message: Message) -> JsonObject:
    shown = teller.show(message)
    given = message.details["message_id"]
    poll = teller.find_message(given)
    asked = teller.show(poll) if poll else {"id": given, "to": message.chat_id, "from": None, "fromMe": True}
    who = ("id", "to", "from", "fromMe")
    told = {name: shown[name] for name in (*who, "participant")}
    told |= {"selectedOptions": message.details["options"], "timestamp": milliseconds()}
    return {"vote": told, "poll": {name: asked[name] for name in who}}


def _call(message: Message) -> JsonObject:
    return {
        "id": message.id,
        "from": writer_of(message),
        "timestamp": message.timestamp,
        "isVideo": False,
        "isGroup": message.in_group,
    }
