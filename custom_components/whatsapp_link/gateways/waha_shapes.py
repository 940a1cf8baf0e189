"""What the requests and answers of WAHA hold; its dialects, Wawp and Wasend, hold the same.

Facts are from WAHA's published OpenAPI description and documentation; the page is named at each.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
import re
import time
from typing import Any

from .address import account_number
from .errors import InvalidAnswer
from .http import parse_json, require_object, require_text
from .model import Chat, Contact, Media, Poll, SessionState
from .waha_events import address

STATES: Mapping[str, SessionState] = {
    "STOPPED": SessionState.STOPPED,
    "STARTING": SessionState.STARTING,
    "SCAN_QR_CODE": SessionState.UNLINKED,
    "WORKING": SessionState.LINKED,
    "FAILED": SessionState.FAILED,
    "PASSKEY_REQUIRED": SessionState.PASSKEY_REQUIRED,
    "PASSKEY_CONFIRMATION_REQUIRED": SessionState.PASSKEY_REQUIRED,
}

# How an engine says in words that it gives no pairing code now, or that it can do nothing at all.
_STATE_IN_WORDS = re.compile(r"(?:current status is|session under) ([A-Z_]+)")
# What Wawp says of a message that waits in its queue, and has no id yet.
_QUEUED = ("queued", "accepted", "pending", "scheduled")
# No code that is told of as text with its expiry can hold for less, or for longer.
_SHORTEST = 5.0
_LONGEST = 60.0
# Chats are asked for in pages of so many, and so many pages.
_ON_PAGE = 100
_PAGES = 10
# In milliseconds, far beyond any time that a clock can have.
_END_OF_TIME = 1e15


def state_in(error: Mapping[str, Any], words: str) -> str:
    """Return the vendor's word for the state of the session that an error is about; empty if it names none.

    It has a field of its own, or stands in the words of an engine.
    """
    if isinstance(error.get("status"), str):
        return str(error["status"])
    found = _STATE_IN_WORDS.search(words)
    return found[1] if found else ""


def own_number(session: Any) -> str:
    """Return the number (digits) of the account that a session is linked to, from its `me`; empty without one.

    An engine may have an opaque id in `id`, and the number in `jid` only. Raises InvalidAnswer.
    """
    found = require_object(session)
    require_text(found, "status")
    if found.get("me") is None:
        return ""
    me = require_object(found["me"])
    return account_number(me.get("id")) or account_number(me.get("jid"))


def message_id(sent: Any) -> str:
    """Return the id of a sent message, empty where the answer only says that it waits in a queue.

    Each engine answers in its own shape: the whole message of WEBJS (`_data.id._serialized`), an id as an object
    or as a text, the key of NOWEB, from which the id is made up, or only the number of a job in a queue.
    Raises InvalidAnswer.
    """
    for path in (("_data", "id", "_serialized"), ("id", "_serialized"), ("id",)):
        value = dig(sent, path)
        if isinstance(value, str) and value:
            return value
    key = dig(sent, ("key",))
    if isinstance(key, dict) and isinstance(key.get("id"), str):
        chat_id = str(key.get("remoteJid")).replace("@s.whatsapp.net", "@c.us")
        return f"{'true' if key.get('fromMe') else 'false'}_{chat_id}_{key['id']}"
    for name in ("message_id", "job_id"):
        value = dig(sent, (name,))
        if isinstance(value, str) and value:
            return value
    if str(dig(sent, ("status",))).lower() in _QUEUED or dig(sent, ("code",)) == "success":
        return ""
    raise InvalidAnswer("the answer names no message")


def file_of(media: Media) -> dict[str, Any]:
    """Return a file as a request holds it."""
    return {"mimetype": media.mime_type, "filename": media.file_name, "data": media.content}


def contact_of(contact: Contact) -> dict[str, Any]:
    """Return a contact as a request holds it."""
    return {"fullName": contact.name, "phoneNumber": f"+{contact.phone}", "whatsappId": contact.phone, "vcard": None}


def poll_of(poll: Poll) -> dict[str, Any]:
    """Return a poll as a request holds it."""
    return {"name": poll.question, "options": list(poll.options), "multipleAnswers": poll.multiple}


def found_chat(answer: Any, phone: str) -> str | None:
    """Return the chat id in the answer to a question for a number; None if there is none. Raises InvalidAnswer.

    Wasend's client library has other names for the two fields.
    """
    found = require_object(answer)
    exists = found.get("numberExists", found.get("exists"))
    if not isinstance(exists, bool):
        raise InvalidAnswer("the answer does not say whether the number exists")
    if not exists:
        return None
    return address(found.get("chatId") or found.get("jid")) or f"{phone}@c.us"


def raw_code(file: Any) -> tuple[str, float]:
    """Return the text of a code and for how long it holds, from a file of JSON `{value, expiry}` in base64.

    `expiry` is in milliseconds, of the clock or from now on; a clock that is wrong must not hide the code.
    Raises InvalidAnswer.
    """
    try:
        content = parse_json(base64.b64decode(dig(file, ("data",)) or "", validate=True))
    except TypeError, ValueError:
        content = None
    text = dig(content, ("value",))
    if not isinstance(text, str) or not text:
        raise InvalidAnswer("the answer holds no code")
    expiry = dig(content, ("expiry",))
    seconds = expiry / 1000 if isinstance(expiry, int | float) and abs(expiry) < _END_OF_TIME else _LONGEST
    if seconds > time.time() / 2:
        seconds -= time.time()
    return text, min(max(seconds, _SHORTEST), _LONGEST)


def chats(answer: Any) -> list[Chat]:
    """Return the chats of a list of `{id, name}`; the id may be an object. What is no chat's id is left out."""
    listed = [(address(dig(item, ("id", "_serialized")) or dig(item, ("id",))), item) for item in objects_in(answer)]
    return [
        Chat(chat_id, str(item.get("name") or ""), chat_id.endswith("@g.us")) for chat_id, item in listed if chat_id
    ]


async def all_chats(ask: Callable[[int, int], Awaitable[Any]]) -> list[Chat]:
    """Return the chats of a list that comes in pages, at most a thousand.

    `ask` gets how many it is to ask for, and from which on. Raises what `ask` does, and InvalidAnswer.
    """
    found: dict[str, Chat] = {}
    for page in range(_PAGES):
        answer = await ask(_ON_PAGE, page * _ON_PAGE)
        known = len(found)
        found |= {chat.chat_id: chat for chat in chats(answer)}
        # Who gives the same again, or more or less than a page, has nothing more.
        if len(answer) != _ON_PAGE or len(found) == known:
            break
    return list(found.values())


def objects_in(answer: Any) -> list[dict[str, Any]]:
    """Return the items of a list, which have to be objects. Raises InvalidAnswer."""
    if not isinstance(answer, list):
        raise InvalidAnswer("the answer is not a list")
    return [require_object(item) for item in answer]


def dig(content: Any, path: tuple[str, ...]) -> Any:
    """Return what is found on a path through objects; None where it ends before."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content
