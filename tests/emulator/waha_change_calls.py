"""WAHA's calls that change messages: reaction, star, edit, delete (vendor docs, page send-messages)."""

from aiohttp import hdrs

from .model import JsonObject, Kind
from .waha_checks import Fields
from .waha_house import DEFAULT_SESSION, Call, Route, route
from .waha_instance import Outgoing, WahaInstance
from .waha_messages import sent, usual_chat_id
from .waha_sending import check_chat_id, check_sendable, read_message_id

_MESSAGE = "/api/{session}/chats/{chat}/messages/{message}"


def change_routes() -> list[Route]:
    """Return all routes."""
    put, delete = hdrs.METH_PUT, hdrs.METH_DELETE
    return [
        route("reaction", put, "/api/reaction", _react),
        route("star", put, "/api/star", _star),
        route("chats/message/edit", put, _MESSAGE, _edit),
        route("chats/message/delete", delete, _MESSAGE, _delete),
    ]


async def _react(call: Call) -> object:
    """React to a message, whose id says where it is; an empty text takes the reaction back."""
    fields = Fields(call.body)
    message_id, emoji = fields.text("messageId"), fields.text("reaction")
    name = fields.text("session", DEFAULT_SESSION)
    fields.check()
    session = await call.working(name)
    _, chat_id = read_message_id(message_id)
    check_sendable(session, chat_id)
    return _send(session, Outgoing(chat_id, Kind.REACTION, emoji, details={"message_id": message_id}))


async def _star(call: Call) -> None:
    """Star a message, which nobody else sees. The answer is not documented."""
    fields = Fields(call.body)
    message_id, chat_id = fields.text("messageId"), fields.text("chatId")
    name = fields.text("session", DEFAULT_SESSION)
    if not fields.has("star"):
        fields.complain("star", "must be a boolean value")
    fields.flag("star", True)
    fields.check()
    await call.working(name)
    read_message_id(message_id)
    check_chat_id(usual_chat_id(chat_id))


async def _edit(call: Call) -> object:
    """Edit a message of one's own. What is said about others is not documented; here, they stay."""
    fields = Fields(call.body)
    text = fields.text("text")
    fields.flag("linkPreview", True)
    fields.flag("linkPreviewHighQuality", False)
    fields.check()
    session, chat_id, own = await _target(call)
    details = {"message_id": call.parts["message"]}
    return _send(session, Outgoing(chat_id, Kind.EDITED, text, details=details, allowed=own))


async def _delete(call: Call) -> object:
    """Delete a message for everyone: one's own, or as the admin of a group anybody's."""
    session, chat_id, own = await _target(call)
    allowed = own or chat_id.endswith("@g.us")
    details = {"message_id": call.parts["message"]}
    return _send(session, Outgoing(chat_id, Kind.DELETED, details=details, allowed=allowed))


async def _target(call: Call) -> tuple[WahaInstance, str, bool]:
    """Return the session, the chat in the path, and whether the message is there and one's own."""
    session = await call.working(call.parts["session"])
    own, chat_of_message = read_message_id(call.parts["message"])
    chat_id = usual_chat_id(call.parts["chat"])
    check_sendable(session, chat_id)
    return session, chat_id, own and chat_of_message == chat_id


def _send(session: WahaInstance, outgoing: Outgoing) -> JsonObject:
    return sent(session, session.send(outgoing))
