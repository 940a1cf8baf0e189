"""What Wasend sends: messages, reactions, read marks, typing."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from . import wasend_answers as answers
from .model import JsonObject, Kind, Signal
from .wasend_call import Call
from .wasend_checks import Refused, check_sends, check_working, message_id_in, recipient_in, text_in, text_or_empty_in
from .wasend_contents import Content, Reader, read_link_preview
from .wasend_files import read_file
from .wasend_instance import WasendInstance, chat_of
from .world import World


class Sending:
    """Answers the calls that send: first the fields are checked, then the session."""

    def __init__(self, world: World, session_of: Callable[[Call, str], WasendInstance]) -> None:
        """Send for the sessions that `session_of` finds or refuses."""
        self._world = world
        self._session_of = session_of

    def message(self, read: Reader) -> Callable[[Call], Awaitable[JsonObject]]:
        """Return what answers a call that sends a message."""

        async def send(call: Call) -> JsonObject:
            session_id = text_in(call.body, "session")
            content = read(call.body)
            return await self._send(self._session_of(call, session_id), content)

        return send

    async def link_preview(self, call: Call) -> JsonObject:
        """Send a text with a preview; vendor docs and vendor SDK have different paths."""
        session_id = text_in(call.body, "session")
        content = read_link_preview(call.body)
        instance = self._session_of(call, session_id)
        which = "docs" if call.parts["path"] == "sendLinkCustomPreview" else "sdk"
        if instance.options.preview_path not in ("both", which):
            raise no_such_path(call.request.method, f"/{call.parts['path']}")
        return await self._send(instance, content)

    async def _send(self, instance: WasendInstance, content: Content) -> JsonObject:
        check_sends(instance)
        details = content.details
        if content.file is not None:
            file = await read_file(content.file)
            details = self._world.files.attach(file.content, file.mime_type, file.name)
        message = instance.send(chat_of(content.to), content.kind, content.text, content.quoted_id, details)
        return answers.sent_message(message, content.to)

    def reaction(self, call: Call) -> JsonObject:
        """React, or take it back; the message says in which chat. The reply is not documented.

        Neither is what comes if there is no such message: nobody looks for it here.
        """
        session_id = text_in(call.body, "session")
        message_id, chat_id = message_id_in(call.body)
        emoji = text_or_empty_in(call.body, "reaction")
        instance = self._session_of(call, session_id)
        check_sends(instance)
        instance.send(chat_id, Kind.REACTION, emoji, "", {"message_id": message_id})
        return {"success": True}

    def seen(self, call: Call) -> JsonObject:
        """Mark one message as read."""
        session_id, to = text_in(call.body, "session"), recipient_in(call.body)
        message_id = text_in(call.body, "messageId")
        return self._signal(call, session_id, to, Signal.READ, message_id)

    def typing(self, signal: Signal) -> Callable[[Call], JsonObject]:
        """Return what answers a call that shows or hides that the account types."""

        def show(call: Call) -> JsonObject:
            return self._signal(call, text_in(call.body, "session"), recipient_in(call.body), signal)

        return show

    def _signal(self, call: Call, session_id: str, to: str, signal: Signal, *message_ids: str) -> JsonObject:
        instance = self._session_of(call, session_id)
        check_working(instance)
        instance.signal(chat_of(to), signal, *message_ids)
        return {"success": True}


def no_such_path(verb: str, path: str) -> Refused:
    """Return the refusal of a call that does not exist, in the words of WAHA's framework."""
    return Refused(HTTPStatus.NOT_FOUND, f"Cannot {verb} {path}")
