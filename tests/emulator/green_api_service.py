"""GREEN-API's methods around messages that are there: sections Service, Read mark and Queues.

Reactions, changes and typing need the account itself, so they are refused without a link. They
still take their turn in the queue: page SendTyping says so, and a change must not overtake the
message that it is about. None of the pages has an error for an id that is not known.
"""

from aiohttp import hdrs, web

from .green_api_call import Call, Method
from .green_api_checks import chat_id_in, flag_in, optional_text_in, text_in
from .green_api_outbox import Order
from .green_api_send_checks import message_in, reaction_in, typing_alone_in
from .model import Kind, Notice, Signal
from .world import World


class Service:
    """The methods, for all instances."""

    def __init__(self, world: World) -> None:
        """Work in this world."""
        self._world = world

    def methods(self) -> dict[str, Method]:
        """Return the methods by their names."""
        get, post = hdrs.METH_GET, hdrs.METH_POST
        return {
            "sendReaction": Method(post, self._send_reaction, authorized=True),
            "sendTyping": Method(post, self._send_typing, authorized=True),
            "editMessage": Method(post, self._edit_message, 1, authorized=True),
            "deleteMessage": Method(post, self._delete_message, 10, authorized=True),
            "readChat": Method(post, self._read_chat, 10, authorized=True),
            "showMessagesQueue": Method(get, self._show_queue),
            "getMessagesCount": Method(get, self._count_queue),
            "clearMessagesQueue": Method(get, self._clear_queue),
        }

    async def _send_reaction(self, call: Call) -> web.Response:
        chat_id, message_id = _message_in(call)
        return _queue(call, chat_id, message_id, Kind.REACTION, reaction_in(call.body))

    async def _edit_message(self, call: Call) -> web.Response:
        """Answer with the id of the change; the message keeps its own."""
        chat_id, message_id = _message_in(call)
        return _queue(call, chat_id, message_id, Kind.EDITED, message_in(call.body))

    async def _delete_message(self, call: Call) -> web.Response:
        chat_id, message_id = _message_in(call)
        if not flag_in(call.body, "onlySenderDelete"):
            _queue(call, chat_id, message_id, Kind.DELETED)
        return web.Response()

    async def _send_typing(self, call: Call) -> web.Response:
        chat_id = chat_id_in(call.body)
        typing = typing_alone_in(call.body)
        call.instance.outbox.put(Order(method=call.method, body=call.body, chat_id=chat_id, kind=None, typing=typing))
        return web.Response()

    async def _read_chat(self, call: Call) -> web.Response:
        """Mark all messages of a chat as read, or those up to one.

        What `false` is for is not documented; here it is for a message that cannot be marked.
        """
        chat_id = chat_id_in(call.body)
        message_id = optional_text_in(call.body, "idMessage")
        journal = call.instance.journal
        read = journal.read(chat_id, message_id)
        if read:
            self._world.phone.notice(
                Notice(
                    gateway=call.instance.gateway,
                    instance=call.instance.id,
                    chat_id=chat_id,
                    signal=Signal.READ,
                    message_ids=tuple(read) if message_id else (),
                )
            )
        return web.json_response({"setRead": not message_id or journal.knows_as_readable(message_id)})

    # Queue

    async def _show_queue(self, call: Call) -> web.Response:
        return web.json_response(call.instance.outbox.as_json())

    async def _count_queue(self, call: Call) -> web.Response:
        return web.json_response({"count": len(call.instance.outbox.as_json())})

    async def _clear_queue(self, call: Call) -> web.Response:
        call.instance.outbox.clear()
        return web.json_response({"isCleared": True})


def _message_in(call: Call) -> tuple[str, str]:
    """Return chat and message that something is to be done with."""
    return chat_id_in(call.body), text_in(call.body, "idMessage")


def _queue(call: Call, chat_id: str, message_id: str, kind: Kind, text: str = "") -> web.Response:
    queued_id = call.instance.outbox.put(
        Order(
            method=call.method,
            body=call.body,
            chat_id=chat_id,
            kind=kind,
            text=text,
            details={"message_id": message_id},
        )
    )
    return web.json_response({"idMessage": queued_id})
