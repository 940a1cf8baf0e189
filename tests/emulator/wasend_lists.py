"""What Wasend tells about contacts, chats, messages and groups.

Each function answers one call about a session that works.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from . import wasend_answers as answers
from .model import JsonObject
from .wasend_checks import Refused, count_in, message_filter_in, phone_in, query_in, sorting_in
from .wasend_instance import WasendInstance

# Vendor SDK, contacts.
_CONTACTS_PER_PAGE = 10
# WAHA, overview of chats.
_CHATS_PER_PAGE = 20
_MANY = 1000
# WAHA, how far back messages are marked as read.
_DAYS = 7


@dataclass(frozen=True)
class Lookup:
    """A request about a session that works."""

    request: web.Request
    # What the parts of the path are.
    parts: Mapping[str, str]
    instance: WasendInstance


def list_contacts(lookup: Lookup) -> object:
    """Return the address book."""
    contacts = _sorted(lookup.request, answers.contacts(), ("id", "name"))
    return _page(lookup.request, contacts, _CONTACTS_PER_PAGE)


def get_contact(lookup: Lookup) -> JsonObject:
    """Return one contact."""
    wanted = query_in(lookup.request, "contactId")
    for contact in answers.contacts():
        if contact["id"] == wanted:
            return contact
    raise Refused(HTTPStatus.NOT_FOUND, "Contact not found")


def check_exists(lookup: Lookup) -> JsonObject:
    """Return whether somebody uses WhatsApp."""
    return answers.checked_number(lookup.instance, phone_in(lookup.request))


def list_chats(lookup: Lookup) -> object:
    """Return all chats."""
    choices = ("conversationTimestamp", "id", "name")
    return _page(lookup.request, _sorted(lookup.request, answers.chats(lookup.instance), choices), _MANY)


def overview_of_chats(lookup: Lookup) -> object:
    """Return the chats with their last messages, all or those in `ids`."""
    wanted = [chat_id for chat_id in lookup.request.query.get("ids", "").split(",") if chat_id]
    shown = [chat for chat in answers.overview(lookup.instance) if not wanted or chat["id"] in wanted]
    return _page(lookup.request, shown, _CHATS_PER_PAGE)


def list_messages(lookup: Lookup) -> object:
    """Vendor SDK: unlike elsewhere, `limit` is required."""
    wanted = message_filter_in(lookup.request)
    messages = answers.chat_messages(lookup.instance, lookup.parts["chat"])
    return _page(lookup.request, [message for message in messages if wanted(message)], None)


def get_message(lookup: Lookup) -> JsonObject:
    """Return one message of a chat."""
    for message in answers.chat_messages(lookup.instance, lookup.parts["chat"]):
        if message["id"] == lookup.parts["message"]:
            return message
    raise Refused(HTTPStatus.NOT_FOUND, "Message not found")


def read_chat(lookup: Lookup) -> JsonObject:
    """Mark the newest messages of a chat as read, all of them if no number is given."""
    count_in(lookup.request, "days", _DAYS)
    lookup.instance.read_chat(lookup.parts["chat"], count_in(lookup.request, "messages", _MANY))
    return {"success": True}


def list_groups(lookup: Lookup) -> object:
    """Return the groups, in a wrapper or without."""
    groups = answers.groups(lookup.instance)
    if lookup.instance.options.groups_reply == "plain":
        return _page(lookup.request, groups, _MANY)
    limit, offset = count_in(lookup.request, "limit", _MANY), count_in(lookup.request, "offset", 0)
    return answers.page_of(groups, limit, offset)


def _sorted(request: web.Request, items: list[JsonObject], choices: tuple[str, ...]) -> list[JsonObject]:
    field, backwards = sorting_in(request, choices)
    if not field:
        return items
    # Sorting by conversation is by the time of its last message.
    shown = {"conversationTimestamp": "timestamp"}.get(field, field)
    return sorted(items, key=lambda item: item[shown], reverse=backwards)


def _page(request: web.Request, items: list[JsonObject], default: int | None) -> list[JsonObject]:
    limit = count_in(request, "limit", default)
    offset = count_in(request, "offset", 0)
    return items[offset : offset + limit]
