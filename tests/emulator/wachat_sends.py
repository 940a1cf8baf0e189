"""What Wachat's calls that send do.

There are five, for text, files, lists and buttons. Replies, mentions, voice notes,
stickers, locations, contacts, polls, reactions, edits, deletions, read marks and a check
of numbers are on no page of its documentation, so there is no call and no field for them.
"""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from . import wachat_answers as answers
from .model import JsonObject, Kind, Message, digits_of, outgoing_id
from .people import NUMBERS_WITHOUT_ACCOUNT
from .wachat_call import InstanceCall
from .wachat_checks import KINDS, Refused, cannot_send, chat_id_in, delay_in, kind_in, optional_text_in, text_in
from .wachat_files import FileOrder, check_url, fetch
from .wachat_instance import WachatInstance
from .wachat_menus import buttons_in, list_in
from .world import World

_MEDIA = tuple(kind for kind in KINDS if kind != "text")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a request wants to be sent."""

    chat_id: str
    kind: Kind
    text: str
    details: JsonObject = field(default_factory=dict)
    file: FileOrder | None = None
    # In seconds; None leaves it to the server.
    delay: float | None = None


class Sending:
    """Answers the calls below `send`."""

    def __init__(self, world: World) -> None:
        """Prepare."""
        self._world = world

    async def text(self, call: InstanceCall) -> web.Response:
        """Page Send Text."""
        return await self._send(call, _draft_in(call.body, ("text",), delay_in(call.body)))

    async def media(self, call: InstanceCall) -> web.Response:
        """Page Send Media."""
        return await self._send(call, _draft_in(call.body, _MEDIA, delay_in(call.body)))

    async def anything(self, call: InstanceCall) -> web.Response:
        """Page Send a Message, which knows no `delay`: it is always the server's."""
        return await self._send(call, _draft_in(call.body, tuple(KINDS), None))

    async def list_menu(self, call: InstanceCall) -> web.Response:
        """Page Send List Message."""
        return await self._send_menu(call, *list_in(call.body))

    async def buttons(self, call: InstanceCall) -> web.Response:
        """Page Send Reply Buttons."""
        return await self._send_menu(call, *buttons_in(call.body))

    async def _send_menu(self, call: InstanceCall, text: str, details: JsonObject) -> web.Response:
        draft = Draft(
            chat_id=chat_id_in(call.body),
            kind=Kind.TEXT,
            text=text,
            details=details,
            delay=delay_in(call.body),
        )
        return await self._send(call, draft)

    async def _send(self, call: InstanceCall, draft: Draft) -> web.Response:
        """Send, and answer when the message is on its way.

        The engine goes on with it if the client does not wait so long.
        """
        _check_reachable(call.instance, draft.chat_id)
        outcome: list[Message | Refused] = []
        work = self._carry_out(call.instance, draft, outcome)
        await asyncio.shield(self._world.background.spawn(work, f"message of {call.instance.id}"))
        [sent] = outcome
        if isinstance(sent, Refused):
            raise sent
        return web.json_response(answers.sent(sent, call.instance.options.send_answer))

    async def _carry_out(self, instance: WachatInstance, draft: Draft, outcome: list[Message | Refused]) -> None:
        """Fetch the file, wait as long as typing would take, and send."""
        try:
            message = await self._message(instance, draft)
        except Refused as refused:
            outcome.append(refused)
            return
        await instance.send(message, draft.delay)
        outcome.append(message)

    async def _message(self, instance: WachatInstance, draft: Draft) -> Message:
        details = draft.details
        if draft.file is not None:
            details = await fetch(self._world, draft.file, instance.options.download_seconds)
        return Message(
            id=outgoing_id(),
            gateway=instance.gateway,
            instance=instance.id,
            chat_id=draft.chat_id,
            kind=draft.kind,
            sender=instance.number,
            outgoing=True,
            text=draft.text,
            details=details,
        )


def _draft_in(body: JsonObject, allowed: tuple[str, ...], delay: float | None) -> Draft:
    """Read a text or a file; only fields on the pages count, whatever else is there."""
    kind = kind_in(body, allowed)
    chat_id = chat_id_in(body)
    if kind is Kind.TEXT:
        return Draft(chat_id=chat_id, kind=kind, text=text_in(body, "message"), delay=delay)
    file = FileOrder(
        url=text_in(body, "mediaUrl"),
        name=optional_text_in(body, "fileName"),
        mime_type=optional_text_in(body, "mimetype"),
    )
    check_url(file.url)
    # Page Send Media: ignored for audio.
    caption = optional_text_in(body, "message") if kind is not Kind.AUDIO else ""
    return Draft(chat_id=chat_id, kind=kind, text=caption, file=file, delay=delay)


def _check_reachable(instance: WachatInstance, chat_id: str) -> None:
    """Refuse what cannot go, in the engine's words."""
    if not instance.connected:
        raise cannot_send("Connection Closed")
    digits = digits_of(chat_id)
    if f"+{digits}" in NUMBERS_WITHOUT_ACCOUNT:
        raise cannot_send([{"jid": answers.jid_of(chat_id), "exists": False, "number": digits}])
