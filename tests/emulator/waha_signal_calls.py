"""WAHA's calls that the other side notices without a message: reading, typing (vendor docs, page presence)."""

from http import HTTPStatus

from aiohttp import hdrs

from .clock import unix_time
from .model import JsonObject, Message, Signal
from .waha_checks import Fields
from .waha_engines import full_id
from .waha_errors import Refused
from .waha_house import DEFAULT_SESSION, Call, Route, route
from .waha_instance import WahaInstance
from .waha_lists import unread_messages
from .waha_messages import usual_chat_id
from .waha_sending import check_chat_id, read_message_id

# Whoever does not say how far to go back means a week (vendor OpenAPI).
_READ_DAYS = 7
_DAY_SECONDS = 24 * 60 * 60
# Vendor source: how many messages are marked, unless the client says.
_READ_MESSAGES = 30
_READ_MESSAGES_IN_GROUPS = 100
_SIGNALS = {"typing": Signal.TYPING, "recording": Signal.RECORDING, "paused": Signal.PAUSED}
# These are about the account as a whole, which no chat shows.
_WITHOUT_CHAT = ("online", "offline")


def signal_routes() -> list[Route]:
    """Return all routes."""
    post = hdrs.METH_POST
    return [
        route("sendSeen", post, "/api/sendSeen", _send_seen),
        route("chats/messages/read", post, "/api/{session}/chats/{chat}/messages/read", _read_messages),
        route("startTyping", post, "/api/startTyping", _start_typing),
        route("stopTyping", post, "/api/stopTyping", _stop_typing),
        route("presence", post, "/api/{session}/presence", _set_presence),
    ]


# Reading


async def _send_seen(call: Call) -> object:
    """Mark messages as read; without ids, all of the last days, for which the answer has their ids."""
    fields = Fields(call.body)
    chat_id = usual_chat_id(fields.text("chatId"))
    name = fields.text("session", DEFAULT_SESSION)
    message_ids = fields.texts("messageIds")
    if older := fields.text("messageId", ""):
        message_ids.append(older)
    fields.text("participant", "")
    fields.check()
    if not message_ids:
        session = await call.with_store(name)
        check_chat_id(chat_id)
        return _read_chat(session, chat_id, None, _READ_DAYS)
    session = await call.working(name)
    check_chat_id(chat_id)
    if session.options.engine == "WEBJS":
        # It knows no ids here (vendor docs): the whole chat is read.
        _read_all(session, chat_id)
    else:
        _read_by_id(session, message_ids)
    return None


def _read_all(session: WahaInstance, chat_id: str) -> None:
    _mark(session, chat_id, unread_messages(session, chat_id))


def _read_by_id(session: WahaInstance, message_ids: list[str]) -> None:
    """Mark messages, whose ids say where they are. Vendor source: one's own are passed over."""
    by_chat: dict[str, list[str]] = {}
    for message_id in message_ids:
        own, chat_id = read_message_id(message_id)
        if not own:
            by_chat.setdefault(chat_id, []).append(message_id)
    for chat_id, ids in by_chat.items():
        session.signal(chat_id, Signal.READ, *ids)


async def _read_messages(call: Call) -> object:
    query = call.query
    count = query.number("messages", None)
    days = query.number("days", _READ_DAYS)
    query.check()
    session = await call.with_store(call.parts["session"])
    chat_id = usual_chat_id(call.parts["chat"])
    check_chat_id(chat_id)
    return _read_chat(session, chat_id, None if count is None else int(count), days or 0)


def _read_chat(session: WahaInstance, chat_id: str, count: int | None, days: float) -> JsonObject:
    """Mark the newest messages of a chat that are not read yet."""
    if count is None:
        count = _READ_MESSAGES_IN_GROUPS if chat_id.endswith("@g.us") else _READ_MESSAGES
    since = unix_time() - days * _DAY_SECONDS
    newest_first = reversed(unread_messages(session, chat_id))
    return {"ids": _mark(session, chat_id, [each for each in newest_first if each.timestamp >= since][:count])}


def _mark(session: WahaInstance, chat_id: str, messages: list[Message]) -> list[str]:
    """Mark messages and return their ids; where there are none, nobody notices anything."""
    ids = [full_id(message) for message in messages]
    if ids:
        session.signal(chat_id, Signal.READ, *ids)
    return ids


# Typing


async def _start_typing(call: Call) -> object:
    return await _show(call, Signal.TYPING)


async def _stop_typing(call: Call) -> object:
    return await _show(call, Signal.PAUSED)


async def _show(call: Call, signal: Signal) -> object:
    fields = Fields(call.body)
    chat_id = usual_chat_id(fields.text("chatId"))
    name = fields.text("session", DEFAULT_SESSION)
    fields.check()
    session = await call.working(name)
    check_chat_id(chat_id)
    session.signal(chat_id, signal)
    return {"result": True}


async def _set_presence(call: Call) -> None:
    """Show typing or recording in a chat, or being online to all. The answer is not documented."""
    fields = Fields(call.body)
    presence = fields.one_of("presence", (*_WITHOUT_CHAT, *_SIGNALS))
    chat_id = usual_chat_id(fields.text("chatId", ""))
    fields.check()
    _check_presence(presence, chat_id)
    session = await call.working(call.parts["session"])
    if signal := _SIGNALS.get(presence):
        check_chat_id(chat_id)
        session.signal(chat_id, signal)


def _check_presence(presence: str, chat_id: str) -> None:
    """Refuse a chat that is missing or too much. Status and words are those of the vendor source."""
    detail = ""
    if presence in _WITHOUT_CHAT and chat_id:
        detail = f"'{presence}' presence works on the global scope and doesn't require 'chatId' field."
    if presence not in _WITHOUT_CHAT and not chat_id:
        detail = f"'{presence}' presence requires 'chatId' field."
    if detail:
        raise Refused(HTTPStatus.BAD_REQUEST, {"detail": detail})
