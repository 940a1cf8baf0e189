"""What Evolution API makes of a message that comes in before it keeps it and tells of it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from .evolution_jids import jid_of, lid_of, number_of
from .model import MEDIA_KINDS, JsonObject, Message

if TYPE_CHECKING:
    from .world import World


def as_seen(world: World, message: Message, *, lids: bool) -> Message:
    """Return a message from a phone as the server gets to see it.

    Args:
        world: Where the file of the message is.
        message: As it was written.
        lids: WhatsApp calls people by their lids. Their numbers come along in keys only.

    """
    details = dict(message.details)
    if message.kind in MEDIA_KINDS:
        details |= _file(world, message)
    if not lids:
        return replace(message, details=details)
    if message.in_group:
        # The account's own messages have no participant.
        if not message.outgoing:
            details |= _names(message.sender)
        return replace(message, details=details)
    number = number_of(jid_of(message.chat_id))
    if not number:
        return replace(message, details=details)
    return replace(message, chat_id=lid_of(number), details=details | _names(number, of_author=not message.outgoing))


def _names(number: str, *, of_author: bool = True) -> JsonObject:
    """Return how somebody is called: in chats by the lid, beside it by number."""
    names = {"number_jid": f"{number.removeprefix('+')}@s.whatsapp.net"}
    return names | {"lid": lid_of(number)} if of_author else names


def _file(world: World, message: Message) -> JsonObject:
    """Return where the file is and how long, if it is one of the emulator's."""
    path = message.details.get("path") or str(message.details.get("url", "")).removeprefix(world.url)
    file = world.files.find(path)
    return {} if file is None else {"path": path, "size": len(file.content)}
