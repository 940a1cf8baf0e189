"""WAHA's calls that look people, chats, messages and groups up (vendor OpenAPI)."""

from collections.abc import Callable
from http import HTTPStatus
import re

from aiohttp import hdrs

from . import waha_lists as lists
from .model import JsonObject, Message, chat_id_of
from .people import GROUPS, PEOPLE
from .waha_checks import Fields
from .waha_engines import bare_id
from .waha_errors import refused
from .waha_house import DEFAULT_SESSION, Call, Route, route
from .waha_instance import WahaInstance
from .waha_messages import ACK_NAMES, usual_chat_id, wa_message
from .waha_shapes import lid_of, number_of

_PHONE = re.compile(r"[1-9]\d{4,15}")
_OVERVIEW_LIMIT = 20
_MESSAGES_LIMIT = 10
# Both would like to be sorted by time; WEBJS calls that one otherwise.
_TIMES = ("conversationTimestamp", "timestamp")


def lookup_routes() -> list[Route]:
    """Return all routes."""
    get, post = hdrs.METH_GET, hdrs.METH_POST
    chats, groups = "/api/{session}/chats", "/api/{session}/groups"
    return [
        route("contacts/check-exists", get, "/api/contacts/check-exists", _check_exists),
        route("contacts/all", get, "/api/contacts/all", _contacts),
        route("contacts/profile-picture", get, "/api/contacts/profile-picture", _picture),
        route("contacts/about", get, "/api/contacts/about", _about),
        route("contacts", get, "/api/contacts", _contact),
        route("chats", get, chats, _chats),
        route("chats/overview", get, f"{chats}/overview", _overview),
        route("chats/overview", post, f"{chats}/overview", _overview_by_body),
        route("chats/messages", get, f"{chats}/{{chat}}/messages", _messages),
        route("chats/message", get, f"{chats}/{{chat}}/messages/{{message}}", _message),
        route("groups", get, groups, _groups),
        route("groups/count", get, f"{groups}/count", _groups_count),
        route("groups/refresh", post, f"{groups}/refresh", _groups_refresh, HTTPStatus.OK),
        route("group", get, f"{groups}/{{group}}", _group),
        route("lids/pn", get, "/api/{session}/lids/pn/{phone}", _lid_of_phone),
        route("lids", get, "/api/{session}/lids/{lid}", _phone_of_lid),
    ]


# People


async def _check_exists(call: Call) -> object:
    query = call.query
    phone = query.text("phone")
    name = query.text("session", DEFAULT_SESSION)
    query.check()
    session = await call.working(name)
    # What is no number at all is not documented; nobody has it, in any case.
    if not _PHONE.fullmatch(phone):
        return {"numberExists": False}
    return lists.checked_number(session.options.engine, f"+{phone}")


async def _contacts(call: Call) -> object:
    query = call.query
    name = query.text("session", DEFAULT_SESSION)
    query.check()
    found = lists.contacts(await call.with_store(name))
    return _sorted_page(call, found, ("id", "name"))


async def _contact_asked(call: Call) -> tuple[WahaInstance, str]:
    query = call.query
    chat_id = query.text("contactId")
    name = query.text("session", DEFAULT_SESSION)
    query.flag("refresh", False)
    query.check()
    return await call.working(name), usual_chat_id(chat_id)


async def _contact(call: Call) -> object:
    session, chat_id = await _contact_asked(call)
    return lists.contact(session, lists.find_contact(session, chat_id))


async def _picture(call: Call) -> object:
    """Nobody here has a picture, which is null then."""
    await _contact_asked(call)
    return {"profilePictureURL": None}


async def _about(call: Call) -> object:
    await _contact_asked(call)
    return {"about": ""}


async def _lid_of_phone(call: Call) -> object:
    session = await call.working(call.parts["session"])
    digits = call.parts["phone"].partition("@")[0]
    known = f"+{digits}" in _numbers(session)
    return {"lid": lid_of(f"+{digits}") if known else None, "pn": f"{digits}@c.us"}


async def _phone_of_lid(call: Call) -> object:
    session = await call.working(call.parts["session"])
    lid = f"{call.parts['lid'].partition('@')[0]}@lid"
    number = number_of(lid, session.number)
    return {"lid": lid, "pn": chat_id_of(number) if number else None}


def _numbers(session: WahaInstance) -> list[str]:
    return [*(person.number for person in PEOPLE), session.number]


# Chats


async def _chats(call: Call) -> object:
    session = await call.with_store(call.parts["session"])
    return _sorted_page(call, lists.chats(session), ("conversationTimestamp", "id", "name"))


async def _overview(call: Call) -> object:
    session = await call.with_store(call.parts["session"])
    query = call.query
    ids = call.request.query.getall("ids", [])
    page = query.page(_with_ids(lists.overview(session), ids), _OVERVIEW_LIMIT)
    query.check()
    return page


async def _overview_by_body(call: Call) -> object:
    """The same, for lists of ids that are too long for a query."""
    fields = Fields(call.body)
    if not fields.has("pagination"):
        fields.complain("pagination", "must be an object")
    paging = Fields(fields.inner("pagination"), "pagination.")
    ids = Fields(fields.inner("filter"), "filter.").texts("ids")
    fields.check()
    session = await call.with_store(call.parts["session"])
    page = paging.page(_with_ids(lists.overview(session), ids), _OVERVIEW_LIMIT)
    paging.check()
    return page


def _with_ids(summaries: list[JsonObject], ids: list[str]) -> list[JsonObject]:
    return [summary for summary in summaries if not ids or summary["id"] in ids]


async def _messages(call: Call) -> object:
    """Return the messages of a chat, the newest first."""
    query = call.query
    oldest_first = query.choice("sortOrder", ("desc", "asc"), "desc") == "asc"
    query.choice("sortBy", ("timestamp", "messageTimestamp"), "timestamp")
    download = query.flag("downloadMedia", True)
    wanted = _filter_in(query)
    query.check()
    session = await call.with_store(call.parts["session"])
    found = [message for message in lists.messages(session, _chat_in(call)) if wanted(session, message)]
    page = query.page(found if oldest_first else found[::-1], _MESSAGES_LIMIT)
    query.check()
    return [wa_message(session, message, download_media=download) for message in page]


def _filter_in(query: Fields) -> Callable[[WahaInstance, Message], bool]:
    since = query.number("filter.timestamp.gte", None)
    until = query.number("filter.timestamp.lte", None)
    from_me = query.flag("filter.fromMe", default=False) if query.has("filter.fromMe") else None
    ack = query.choice("filter.ack", tuple(ACK_NAMES.values()), "")

    def wanted(session: WahaInstance, message: Message) -> bool:
        return (
            (since is None or message.timestamp >= since)
            and (until is None or message.timestamp <= until)
            and (from_me is None or message.outgoing is from_me)
            and ack in ("", ACK_NAMES[session.ack_of(message)])
        )

    return wanted


async def _message(call: Call) -> object:
    query = call.query
    download = query.flag("downloadMedia", True)
    query.check()
    session = await call.with_store(call.parts["session"])
    wanted = bare_id(call.parts["message"])
    for message in lists.messages(session, _chat_in(call)):
        if bare_id(message.id) == wanted:
            return wa_message(session, message, download_media=download)
    # The wording is not documented.
    raise refused(HTTPStatus.NOT_FOUND, "Message not found")


def _chat_in(call: Call) -> str:
    return usual_chat_id(call.parts["chat"])


# Groups


async def _groups(call: Call) -> object:
    """Return the groups. The vendor OpenAPI calls it an object, which is what NOWEB makes of it."""
    session = await call.working(call.parts["session"])
    participants = "participants" not in call.request.query.getall("exclude", [])
    page = _sorted_page(call, lists.groups(session, participants=participants), ("id", "subject"))
    if session.options.engine == "NOWEB":
        return {group["id"]: group for group in page}
    return page


async def _groups_count(call: Call) -> object:
    await call.working(call.parts["session"])
    return {"count": len(GROUPS)}


async def _groups_refresh(call: Call) -> object:
    await call.working(call.parts["session"])
    return {"success": True}


async def _group(call: Call) -> object:
    session = await call.working(call.parts["session"])
    for group in GROUPS:
        if group.chat_id == call.parts["group"]:
            return lists.group_shape(session, group)
    # The wording is not documented.
    raise refused(HTTPStatus.NOT_FOUND, "Group not found")


# Sorting


def _sorted_page(call: Call, items: list[JsonObject], choices: tuple[str, ...]) -> list[JsonObject]:
    """Return a part of a list in the order that was asked for."""
    query = call.query
    field = query.choice("sortBy", choices, "")
    backwards = query.choice("sortOrder", ("desc", "asc"), "asc") == "desc"
    if field:
        items = sorted(items, key=lambda item: _sort_key(item, field), reverse=backwards)
    page = query.page(items)
    query.check()
    return page


def _sort_key(item: JsonObject, field: str) -> tuple[int, str]:
    if field in _TIMES:
        return next(item[name] for name in _TIMES if name in item), ""
    value = item[field]
    return 0, str(value["_serialized"] if isinstance(value, dict) else value or "")
