"""What WAHA's calls that send have in common: where to, in reply to what, and what cannot be sent."""

from dataclasses import dataclass
import re

from .model import JsonObject, Kind, chat_id_of
from .people import GROUPS
from .waha_checks import Fields
from .waha_errors import PLUS_ONLY, EngineFailed, unprocessable
from .waha_house import DEFAULT_SESSION, Call
from .waha_instance import Outgoing, WahaInstance
from .waha_messages import sent, usual_chat_id

# The words of the engines when they are to send media, in Core before 2026.6.1 (vendor source).
_MEDIA_NEED_PLUS = PLUS_ONLY.format(feature="The feature")
_CHAT_ID = re.compile(r"\d+(-\d+)?@(c\.us|s\.whatsapp\.net|g\.us|lid|newsletter)|status@broadcast")
_MESSAGE_ID = re.compile(r"(?P<own>true|false)_(?P<chat>[^_]+@[^_]+)_[^_]+(_[^_]+)?")
_BAD_MESSAGE_ID = "Message id be in format false_11111111111@c.us_AAAAAAAAAAAAAAAAAAAA[_participant]"
_EVERYBODY = "all"


@dataclass(frozen=True)
class Envelope:
    """All that goes with a message, whatever is in it."""

    session: WahaInstance
    chat_id: str
    reply_to: str = ""
    own_id: str = ""

    def send(self, kind: Kind, text: str = "", details: JsonObject | None = None) -> JsonObject:
        """Send, and return the answer to the call."""
        outgoing = Outgoing(self.chat_id, kind, text, self.reply_to, details or {}, self.own_id)
        return sent(self.session, self.session.send(outgoing))


async def address(call: Call, fields: Fields, *, reply: str = "reply_to", own_id: bool = False) -> Envelope:
    """Read what goes with a message, check all that was read, and see whether it can be sent.

    Args:
        call: The request.
        fields: Its body, from which the call has read what is in the message.
        reply: The field for the id of the message replied to, "" if the call has none.
        own_id: Whether the client may make the message's id.

    """
    chat_id = usual_chat_id(fields.text("chatId"))
    name = fields.text("session", DEFAULT_SESSION)
    reply_to = fields.text(reply, "") if reply else ""
    id_given = fields.text("id", "") if own_id else ""
    fields.check()
    session = await call.working(name)
    check_sendable(session, chat_id)
    if reply_to:
        read_message_id(reply_to)
    return Envelope(session, chat_id, reply_to, id_given)


def check_sendable(session: WahaInstance, chat_id: str) -> None:
    """Fail as the engine does where it cannot send."""
    check_chat_id(chat_id)
    if trouble := session.engine_trouble(chat_id):
        raise EngineFailed(trouble)


def check_chat_id(chat_id: str) -> None:
    """Fail for a chat id that makes no sense. What the engines say then is not documented."""
    if not _CHAT_ID.fullmatch(chat_id):
        msg = f"Invalid chat id: {chat_id}"
        raise EngineFailed(msg)


def read_message_id(given: str) -> tuple[bool, str]:
    """Return whether the account itself wrote the message of this full id, and its chat.

    Whether there is such a message is not asked: no refusal of unknown ones is documented.
    """
    if (found := _MESSAGE_ID.fullmatch(given)) is None:
        # Vendor source; it is thrown by the engine, not by the validation.
        raise EngineFailed(_BAD_MESSAGE_ID)
    return found["own"] == "true", usual_chat_id(found["chat"])


def check_media_allowed(call: Call) -> None:
    """Refuse media on Core as it was before 2026.6.1."""
    if call.house.core_only:
        raise unprocessable(_MEDIA_NEED_PLUS)


def mentioned(mentions: list[str], chat_id: str, text: str) -> JsonObject:
    """Return the detail that tells who is mentioned.

    Vendor docs, page send-messages: a number has to be in the text, too; `all` is for groups.
    """
    if _EVERYBODY in mentions:
        if not chat_id.endswith("@g.us"):
            # Vendor source.
            msg = f'"mentions":["all"] can be used only in group chats, not in \'{chat_id}\''
            raise unprocessable(msg)
        members = next((group.members for group in GROUPS if group.chat_id == chat_id), ())
        return {"mentions": [chat_id_of(number) for number in members]}
    told = [chat for chat in map(usual_chat_id, mentions) if f"@{chat.partition('@')[0]}" in text]
    return {"mentions": told} if told else {}
