"""Evolution API's calls under /chat and /group: looking up, in the database or at WhatsApp."""

from http import HTTPStatus

from . import evolution_answers as answers, evolution_messages as messages
from .evolution_call import GET, POST, Call, Route
from .evolution_jids import jid_of
from .evolution_refusals import Refused, bad, refused
from .evolution_schema import Field, check
from .evolution_store import StoredMessage
from .model import JsonObject
from .people import GROUPS

_DEFAULT_PAGE_SIZE = 50
_NOT_NUMERIC = '"numbers" must be an array of numeric strings'
_NUMBERS = (Field("numbers", "array", required=True, description=_NOT_NUMERIC, fewest=1, item_pattern=r"^\+?\d"),)
_WHERE = Field("where", "object")
_FIND = (_WHERE, Field("page", "integer"), Field("offset", "integer"))
_FIND_CHATS = (_WHERE, Field("take", "integer"), Field("skip", "integer"))
_FIND_STATUSES = (_WHERE, Field("limit", "integer"))
_ALL_GROUPS = (Field("getParticipants", choices=("true", "false")),)


# In the database, which is there without a connection, too


async def _find_contacts(call: Call) -> list[JsonObject]:
    check(call.body, _FIND)
    rows = [row for row in answers.contacts(call.instance) if _fits(row, call.body)]
    if not call.body.get("offset"):
        return rows
    return _page(rows, call.body)


async def _find_chats(call: Call) -> list[JsonObject]:
    check(call.body, _FIND_CHATS)
    instance = call.instance
    rows = [messages.chat(instance, chat) for chat in instance.store.chats]
    rows = [row for row in rows if _fits(row, call.body)]
    skip = call.body.get("skip", 0)
    return rows[skip : skip + call.body.get("take", len(rows))]


async def _find_chat(call: Call) -> JsonObject | None:
    jid = call.query.get("remoteJid")
    if not jid:
        raise Refused(HTTPStatus.BAD_REQUEST, {"error": "remoteJid is a required query parameter"})
    instance = call.instance
    found = [chat for chat in instance.store.chats if jid_of(chat.chat_id) == jid]
    return messages.chat(instance, found[0]) if found else None


async def _find_messages(call: Call) -> JsonObject:
    """Return messages, newest first, one page of them."""
    check(call.body, _FIND)
    where = _where(call.body)
    key = where.get("key", {})
    check({"key": key}, (Field("key", "object"),), "where")
    found = [stored for stored in reversed(call.instance.store.messages) if _has_key(stored, key)]
    size = call.body.get("offset") or _DEFAULT_PAGE_SIZE
    return {
        "messages": {
            "total": len(found),
            "pages": -(-len(found) // size),
            "currentPage": call.body.get("page") or 1,
            "records": [messages.stored_message(call.instance, stored) for stored in _page(found, call.body)],
        }
    }


async def _find_statuses(call: Call) -> list[JsonObject]:
    check(call.body, _FIND_STATUSES)
    where = _where(call.body)
    rows = [
        row
        for stored in call.instance.store.messages
        if _has_key(stored, where)
        for row in messages.status_rows(call.instance, stored)
    ]
    return rows[: call.body.get("limit", len(rows))]


def _where(body: JsonObject) -> JsonObject:
    found: JsonObject = body.get("where", {})
    return found


def _fits(row: JsonObject, body: JsonObject) -> bool:
    wanted = _where(body).get("remoteJid")
    return wanted is None or wanted == row["remoteJid"]


def _has_key(stored: StoredMessage, wanted: JsonObject) -> bool:
    key = messages.message_key(stored.message)
    return all(key[name] == wanted[name] for name in ("id", "remoteJid", "fromMe") if name in wanted)


def _page[RowT](rows: list[RowT], body: JsonObject) -> list[RowT]:
    """Return one page; `offset` is its size."""
    size = body.get("offset") or _DEFAULT_PAGE_SIZE
    start = ((body.get("page") or 1) - 1) * size
    return rows[start : start + size]


# At WhatsApp


async def _check_numbers(call: Call) -> list[JsonObject]:
    """Look numbers up. The error for having no connection is an exception that turns to {}."""
    check(call.body, _NUMBERS)
    if not call.instance.is_open:
        raise Refused(HTTPStatus.BAD_REQUEST, {})
    return [answers.checked_number(call.instance, number) for number in call.body["numbers"]]


async def _all_groups(call: Call) -> list[JsonObject]:
    if not call.query.get("getParticipants"):
        raise bad("The getParticipants needs to be informed in the query")
    check(call.query, _ALL_GROUPS)
    _check_reachable(call)
    participants = call.query["getParticipants"] == "true"
    return [answers.group(call.instance, group, participants=participants) for group in GROUPS]


async def _group(call: Call) -> JsonObject:
    jid = call.query.get("groupJid")
    if not jid:
        raise bad("The group id needs to be informed in the query", 'ex: "groupJid=120362@g.us"')
    _check_reachable(call)
    for group in GROUPS:
        if group.chat_id == jid:
            return answers.group(call.instance, group, participants=True)
    raise _no_group("item-not-found")


def _check_reachable(call: Call) -> None:
    if not call.instance.is_open:
        raise _no_group("Connection Closed")


def _no_group(reason: str) -> Refused:
    return refused(HTTPStatus.NOT_FOUND, "Error fetching group", f"Error: {reason}")


ROUTES = (
    Route(POST, "chat/whatsappNumbers", _check_numbers),
    Route(POST, "chat/findContacts", _find_contacts),
    Route(POST, "chat/findChats", _find_chats),
    Route(GET, "chat/findChatByRemoteJid", _find_chat),
    Route(POST, "chat/findMessages", _find_messages),
    Route(POST, "chat/findStatusMessage", _find_statuses),
    Route(GET, "group/fetchAllGroups", _all_groups),
    Route(GET, "group/findGroupInfos", _group),
)
