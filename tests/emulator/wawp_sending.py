"""What Wawp sends: messages, reactions, read marks, typing.

The vendor docs have no calls that edit or delete a message, and neither recording nor
stickers; they mention events, lists and statuses without showing the calls.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
import re

from aiohttp import web

from .model import JsonObject, Kind, Signal, chat_id_of
from .people import NUMBERS_WITHOUT_ACCOUNT
from .wawp_call import CHAT_ID, Call
from .wawp_contents import Content
from .wawp_errors import UPSTREAM_ERROR, Refused, invalid_param
from .wawp_files import read_file
from .wawp_instance import WawpInstance
from .wawp_shapes import sent

_MESSAGE_ID = re.compile(rf"(?:true|false)_(?P<chat>{CHAT_ID.pattern})_[^_]+(?:_[^_]+)?")
# Known of the first version of the API; for these calls, the vendor docs show no answer.
_DONE = {"result": True}


def sender(read: Callable[[Call], Content]) -> Callable[[Call], Awaitable[web.Response]]:
    """Return what answers a call that sends a message."""

    async def send(call: Call) -> web.Response:
        chat_id = call.given.chat_id()
        content = read(call)
        reply_to = call.given.optional_text("reply_to")
        _check_reachable(chat_id)
        _count(call.instance)
        details = content.details | await _attachment(call.instance, content)
        message = call.instance.send(chat_id, content.kind, content.text, reply_to, details)
        return web.json_response(sent(message, call.instance.options.sent_as))

    return send


async def _attachment(instance: WawpInstance, content: Content) -> JsonObject:
    if content.file is None:
        return {}
    file = await read_file(content.file)
    content.check(file)
    return instance.attach(file.content, file.mime_type, file.name)


def react(call: Call) -> web.Response:
    """Page send/reaction: an empty one takes it back. The message says which chat it is in.

    Whether the message exists is not asked: the docs know no error for that.
    """
    message_id = call.given.text("messageId")
    emoji = call.given.text_or_empty("reaction")
    if (found := _MESSAGE_ID.fullmatch(message_id)) is None:
        raise invalid_param("messageId")
    _check_reachable(found["chat"])
    _count(call.instance)
    call.instance.send(found["chat"], Kind.REACTION, emoji, "", {"message_id": message_id})
    return web.json_response(_DONE)


def mark_seen(call: Call) -> web.Response:
    """Page send/seen; without ids, the whole chat is meant."""
    chat_id = call.given.chat_id()
    given = call.given.json("messageIds", [])
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise invalid_param("messageIds")
    call.given.optional_text("participant")
    call.instance.signal(chat_id, Signal.READ, *given)
    return web.json_response(_DONE)


def read_chat(call: Call) -> web.Response:
    """Mark a chat as read. In the vendor's SDK only, without an answer."""
    call.instance.signal(call.given.chat_id(), Signal.READ)
    return web.json_response(_DONE)


def start_typing(call: Call) -> web.Response:
    """Page send/typing."""
    call.instance.signal(call.given.chat_id(), Signal.TYPING)
    return web.json_response(_DONE)


def stop_typing(call: Call) -> web.Response:
    """The opposite of the call before; the first version of the API has it as well."""
    call.instance.signal(call.given.chat_id(), Signal.PAUSED)
    return web.json_response(_DONE)


def _count(instance: WawpInstance) -> None:
    options = instance.options
    instance.limits.count_message(policy_holds=options.policy_holds, per_month=options.monthly_messages)


def _check_reachable(chat_id: str) -> None:
    """Refuse a number without account. Not documented; the engine fails on it."""
    if chat_id in map(chat_id_of, NUMBERS_WITHOUT_ACCOUNT):
        raise Refused(HTTPStatus.OK, *UPSTREAM_ERROR)
