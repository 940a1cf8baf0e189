"""The lists that Wawp gives of contacts, chats, messages and groups."""

from http import HTTPStatus
import re

from aiohttp import web

from .model import JsonObject, Message, chat_id_of
from .people import GROUPS, PEOPLE
from .waha_shapes import ids_of_chat, lid_of
from .wawp_call import Call
from .wawp_errors import Refused, invalid_param
from .wawp_instance import WawpInstance
from .wawp_shapes import chats, contact, group_with_members, listed, members

PARTICIPANTS = re.compile(r"groups/(?P<id>[^/]+)/participants")


def list_contacts(call: Call) -> web.Response:
    """Vendor docs, page contacts/all."""
    return _list(call, [contact(person) for person in PEOPLE])


def list_chats(call: Call) -> web.Response:
    """Vendor docs, pages chats and chats/overview."""
    shown = chats(call.instance.messages, call.instance.number, lambda message: _listed(call.instance, message))
    return _list(call, shown)


def list_messages(call: Call) -> web.Response:
    """Vendor docs, page chats/messages; newest first, as the engine has them."""
    chat_id = call.given.chat_id()
    ids = ids_of_chat(chat_id, call.instance.number)
    messages = [message for message in reversed(call.instance.messages) if message.chat_id in ids]
    return _list(call, [_listed(call.instance, message) for message in messages])


def list_lids(call: Call) -> web.Response:
    """Vendor docs, page lids; the shape is the engine's: hidden ids, and the numbers behind them."""
    numbers = [*(person.number for person in PEOPLE), call.instance.number]
    return _list(call, [{"lid": lid_of(number), "pn": chat_id_of(number)} for number in numbers])


def list_groups(call: Call) -> web.Response:
    """Vendor docs, page groups."""
    return _list(call, [group_with_members(group) for group in GROUPS])


def list_members(call: Call) -> web.Response:
    """Vendor docs, page groups/{id}/participants."""
    found = PARTICIPANTS.search(call.request.path)
    for group in GROUPS:
        if found and group.chat_id == found["id"]:
            return web.json_response(members(group))
    # Not documented.
    raise Refused(HTTPStatus.NOT_FOUND, "invalid_group", "Group not found")


def _listed(instance: WawpInstance, message: Message) -> JsonObject:
    return listed(message, instance.number, instance.ack_of(message), instance.url_of_file)


def _list(call: Call, items: list[JsonObject]) -> web.Response:
    """Return the part of a list that was asked for, in the order that was asked for."""
    if key := call.given.optional_text("sortBy"):
        if any(key not in item for item in items):
            raise invalid_param("sortBy")
        is_descending = call.given.optional_text("sortOrder").upper() == "DESC"
        items = sorted(items, key=lambda item: str(item[key]), reverse=is_descending)
    return web.json_response(call.given.page_of(items))
