"""Reads what Evolution API tells of an instance; and what Wachat, which is built on it, shares with it.

Page https://doc.evolution-api.com/v2/en/configuration/webhooks names the events; what is in their `data` is from
Evolution API's published sources.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
import hashlib
import logging
import time
from typing import Any

from .events import Event, EventKind, Sender
from .evolution_contents import context_of, number_in, read_content, text_in, unwrapped
from .evolution_keys import chat_in, chat_of, id_of, person_of, sender_of
from .evolution_memory import KnownMessage, Memory
from .http import require_object, require_text
from .model import Session, SessionState

_LOGGER = logging.getLogger(__name__)

_RECEIPTS = {
    "DELIVERY_ACK": EventKind.DELIVERED,
    "READ": EventKind.READ,
    "PLAYED": EventKind.READ,
    "ERROR": EventKind.FAILED,
}
# By name or by number, as the library happens to write it.
_CHANGES = {"REVOKE": EventKind.DELETED, 0: EventKind.DELETED, "MESSAGE_EDIT": EventKind.EDITED, 14: EventKind.EDITED}
# After any other end the engine connects again by itself.
_FINAL_REASONS = (401, 402, 403, 406)
# How the library calls the account among those who voted.
_MYSELF = "me"
# Seconds since 1970 have fewer digits for a long time to come: it is milliseconds.
_MILLISECONDS = 1e11


class EvolutionEvents:
    """Reads the events of one instance."""

    def __init__(self, instance_id: str, state_of: Callable[[str], SessionState]) -> None:
        """Take the name of the instance, and what makes our states of the vendor's words."""
        self._instance_id = instance_id
        self._state_of = state_of
        self._memory = Memory()

    def note_sent(self, message_id: str, chat_id: str) -> None:
        """Take note of a message that went out through the API, so that what is told about it is understood."""
        self._memory.note_sent(message_id, chat_id)

    def read(self, name: str, call: Mapping[str, Any]) -> Iterator[Session | Event]:
        """Yield what an event tells; what is of no use, or of another instance, is left out. Raises InvalidAnswer."""
        if call.get("instance", self._instance_id) != self._instance_id:
            _LOGGER.debug("An event of another instance is left out")
            return
        own = chat_in(call.get("sender"))
        data = call.get("data")
        for item in data if isinstance(data, list) else [data]:
            match name.lower().replace("_", "."):
                case "messages.upsert":
                    yield from self._read_message(require_object(item), own)
                case "messages.edited":
                    yield from self._read_edit(require_object(item), own)
                case "messages.delete":
                    yield from self._read_deletion(require_object(item))
                case "messages.update":
                    yield from self._read_update(require_object(item), own)
                case "call":
                    yield from self._read_call(require_object(item))
                case "connection.update":
                    yield from self._read_connection(require_object(item))

    def _reference(self, message: Mapping[str, Any], whatsapp_id: str) -> str:
        """Return what the file of a message, which may be in a wrapper, is fetched by."""
        return whatsapp_id

    # --- messages ------------------------------------------------------------------------------------

    def _read_message(self, data: Mapping[str, Any], own: str) -> Iterator[Event]:
        """`messages.upsert`: a message of somebody, or of the account's owner on the phone."""
        key = require_object(data.get("key"))
        whatsapp_id, chat = require_text(key, "id"), chat_of(key, own)
        from_me = key.get("fromMe") is True
        if not chat or not isinstance(data.get("message"), dict) or (from_me and self._was_sent(whatsapp_id, data)):
            return
        message = unwrapped(data["message"])
        reference = self._reference(data["message"], whatsapp_id)
        event = Event(
            EventKind.TEXT,
            event_id=whatsapp_id,
            chat_id=chat,
            timestamp=_seconds(data.get("messageTimestamp")),
            sender=Sender() if from_me else sender_of(key, chat, text_in(data, "pushName")),
            from_me=from_me,
            message_id=_our_id(key, chat),
            reply_to=self._quoted(context_of(data, message), chat, own),
        )
        if told := self._read_content(event, message, key, own, reference):
            if told.message_id:
                self._memory.note_told(whatsapp_id, told)
            yield told

    def _was_sent(self, whatsapp_id: str, data: Mapping[str, Any]) -> bool:
        """Whether the API sent it: then it is known, or still on its way; what was typed on the phone has arrived."""
        known = self._memory.find(whatsapp_id)
        return data.get("status") == "PENDING" or (known is not None and known.sent)

    def _read_content(
        self, event: Event, message: Mapping[str, Any], key: Mapping[str, Any], own: str, reference: str
    ) -> Event | None:
        if "reactionMessage" in message:
            reaction = require_object(message["reactionMessage"])
            about = self._id_of(require_object(reaction.get("key")), event.chat_id)
            return replace(event, kind=EventKind.REACTION, about=about, text=text_in(reaction, "text"))
        if "pollUpdateMessage" in message:
            return self._read_vote(event, require_object(message["pollUpdateMessage"]), key, own)
        if "protocolMessage" in message:
            change = require_object(message["protocolMessage"])
            kind = _change_in(change)
            return self._change(event, kind, change, key) if kind else None
        return read_content(event, message, reference)

    def _quoted(self, context: Mapping[str, Any], chat: str, own: str) -> str:
        """Return our id for the message that is answered, empty if none is."""
        if not text_in(context, "stanzaId"):
            return ""
        who = context.get("participant")
        return self._id_of({"id": context["stanzaId"], "fromMe": chat_in(who) == own != "", "participant": who}, chat)

    def _id_of(self, key: Mapping[str, Any], chat: str) -> str:
        """Return our id for a message in a chat that something else refers to by its key."""
        known = self._memory.find(require_text(key, "id"))
        return known.message_id if known else _our_id(key, chat)

    # --- changes -------------------------------------------------------------------------------------

    def _read_edit(self, data: Mapping[str, Any], own: str) -> Iterator[Event]:
        """`messages.edited`: all that one message does to another, as the device of its author put it.

        It does not say who that is. To its author a message is one's own, and the account is the chat: without having
        seen the message before, it cannot be told whose it is, and a name in the key may be anybody's. So what is not
        known is told to be gone at the most, which brings no words. Of what is known, only WhatsApp's apps see to it
        that nobody changes what somebody else wrote.
        """
        kind = _change_in(data)
        if kind is None:
            return
        key = require_object(data.get("key"))
        known = self._memory.find(require_text(key, "id"))
        if known is None:
            chat = chat_of(key, own)
            if kind is EventKind.EDITED or key.get("fromMe") is True or not chat:
                return
            known = KnownMessage(_our_id(key, chat), chat, sender_of(key, chat), from_me=False)
        event = Event(kind, "", known.chat_id, time.time(), known.sender, known.from_me)
        yield self._change(event, kind, data, key)

    def _change(self, event: Event, kind: EventKind, change: Mapping[str, Any], key: Mapping[str, Any]) -> Event:
        """Return the event of an edit or a deletion; `key` is of the message that makes it."""
        whatsapp_id = require_text(require_object(change.get("key")), "id")
        about = self._id_of({**key, "id": whatsapp_id}, event.chat_id)
        event = replace(event, kind=kind, event_id=f"{whatsapp_id} {kind}", about=about, message_id="", reply_to="")
        if kind is EventKind.DELETED:
            return event
        edited = read_content(event, unwrapped(require_object(change.get("editedMessage"))), "")
        text = edited.text if edited else ""
        # The same text may come again after another one, so the time tells edits apart.
        moment = number_in(change.get("timestampMs"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return replace(
            event,
            event_id=f"{event.event_id} {digest if moment is None else int(moment)}",
            timestamp=_seconds(moment, event.timestamp),
            text=text,
        )

    def _read_deletion(self, data: Mapping[str, Any]) -> Iterator[Event]:
        """`messages.delete`: the key of what somebody deleted; what the API deleted comes as a message, key and all."""
        if "key" in data:
            return
        if event := self._event_about(data, require_text(data, "id"), EventKind.DELETED):
            yield replace(event, sender=Sender(), from_me=True) if data.get("fromMe") is True else event

    def _read_update(self, data: Mapping[str, Any], own: str) -> Iterator[Event]:
        """`messages.update`: how far a message got that the API sent, or who voted in a poll.

        The status DELETED says nothing: it stands there for all that has no status, edits and votes among it.
        """
        whatsapp_id = require_text(data, "keyId")
        if isinstance(data.get("pollUpdates"), list):
            yield from self._read_votes(data, whatsapp_id, own)
        kind = _RECEIPTS.get(text_in(data, "status"))
        known = self._memory.find(whatsapp_id)
        if not kind or data.get("fromMe") is not True or (known and not known.sent):
            return
        if event := self._event_about(data, whatsapp_id, kind):
            yield event

    def _event_about(self, key: Mapping[str, Any], whatsapp_id: str, kind: EventKind) -> Event | None:
        """Return an event about a message that is named by a key, None if that is in no chat."""
        known = self._memory.find(whatsapp_id)
        chat = known.chat_id if known else chat_of(key)
        if not chat:
            return None
        return Event(
            kind,
            event_id=f"{whatsapp_id} {kind}",
            chat_id=chat,
            timestamp=time.time(),
            sender=sender_of(key, chat),
            about=self._id_of({**key, "id": whatsapp_id}, chat),
        )

    # --- votes ---------------------------------------------------------------------------------------

    def _read_vote(self, event: Event, vote: Mapping[str, Any], key: Mapping[str, Any], own: str) -> Event | None:
        """Return the event of a vote that is a message of its own, None if the engine could not read it."""
        poll = require_object(vote.get("pollCreationMessageKey"))
        about = self._id_of(poll, event.chat_id)
        chosen = require_object(vote.get("vote")).get("selectedOptions")
        if not isinstance(chosen, list) or not all(isinstance(option, str) for option in chosen):
            return None
        options = tuple(chosen)
        voter = own if event.from_me else chat_in(key.get("participant")) or chat_in(key.get("remoteJid"))
        event_id = self._memory.vote_id(poll["id"], voter, options, event.event_id)
        return replace(event, kind=EventKind.POLL_VOTE, event_id=event_id, about=about, options=options, reply_to="")

    def _read_votes(self, data: Mapping[str, Any], whatsapp_id: str, own: str) -> Iterator[Event]:
        """Yield the votes in an update of a poll: each option has those who choose it now.

        That is nobody at all if somebody took a vote back, and then nobody knows who.
        """
        choices: dict[str, tuple[str, ...]] = {}
        for option in map(require_object, data["pollUpdates"]):
            voters = option.get("voters")
            for voter in voters if isinstance(voters, list) else ():
                who = own if voter == _MYSELF else chat_in(voter)
                choices[who] = (*choices.get(who, ()), require_text(option, "name"))
        event = self._event_about(data, whatsapp_id, EventKind.POLL_VOTE)
        if event is None:
            return
        for voter, options in (choices or {"": ()}).items():
            event_id = self._memory.vote_id(whatsapp_id, voter, options)
            from_me = voter == own != ""
            sender = Sender() if from_me else person_of([voter]) if voter else event.sender
            yield replace(event, event_id=event_id, sender=sender, from_me=from_me, options=options)

    # --- calls and the connection --------------------------------------------------------------------

    def _read_call(self, data: Mapping[str, Any]) -> Iterator[Event]:
        """`call`: it is told again when it is taken, refused or over, which is left out."""
        if data.get("status") != "offer":
            return
        groups = [chat_in(data.get(name)) for name in ("groupJid", "chatId")]
        caller = {"remoteJid": data.get("from"), "remoteJidAlt": data.get("callerPn")}
        chat = next((group for group in groups if group.endswith("@g.us")), "") or chat_of(caller)
        if chat:
            sender = person_of(caller.values())
            yield Event(EventKind.CALL, f"{require_text(data, 'id')} call", chat, _moment(data.get("date")), sender)

    def _read_connection(self, data: Mapping[str, Any]) -> Iterator[Session]:
        """`connection.update`. Most connections that end are soon there again: only what lasts is told."""
        state = require_text(data, "state")
        passes = state == "connecting" or (state == "close" and data.get("statusReason", 401) not in _FINAL_REASONS)
        if not passes:
            yield Session(self._state_of(state))


def _our_id(key: Mapping[str, Any], chat: str) -> str:
    """Return our id for a message in a chat; only in a group does it matter who wrote it."""
    full = {"id": key["id"], "fromMe": key.get("fromMe"), "remoteJid": chat}
    if chat.endswith("@g.us"):
        full["participant"] = chat_in(key.get("participant"))
    return id_of(full)


def _change_in(message: Mapping[str, Any]) -> EventKind | None:
    """Return what a message of WhatsApp's protocol does to another one, None for anything else."""
    change = message.get("type")
    if change is None and "editedMessage" in message:
        return EventKind.EDITED
    return _CHANGES.get(change) if isinstance(change, str | int) else None


def _seconds(value: Any, default: float | None = None) -> float:
    """Return a time in seconds since 1970; the present where it makes no sense."""
    number = number_in(value) or 0.0
    if number >= _MILLISECONDS:
        number /= 1000
    if 0 < number < _MILLISECONDS:
        return number
    return time.time() if default is None else default


def _moment(value: Any) -> float:
    """Return a time that is written as JavaScript does."""
    with suppress(TypeError, ValueError, OverflowError):
        value = datetime.fromisoformat(value).timestamp()
    return _seconds(value)
