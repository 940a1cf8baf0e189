"""What WAHA and the hosted services built on it (Wawp, Wasend) have in common.

Facts are from WAHA's published OpenAPI description and documentation (waha.devlike.pro).
"""

import base64
import binascii
from collections.abc import Mapping
import json
import time
from typing import Any

from .errors import InvalidAnswer
from .http import require_object
from .model import Chat, SessionState

STATES: Mapping[str, SessionState] = {
    "STOPPED": SessionState.STOPPED,
    "STARTING": SessionState.STARTING,
    "SCAN_QR_CODE": SessionState.UNLINKED,
    "WORKING": SessionState.LINKED,
    "FAILED": SessionState.FAILED,
    "PASSKEY_REQUIRED": SessionState.PASSKEY_REQUIRED,
    "PASSKEY_CONFIRMATION_REQUIRED": SessionState.PASSKEY_REQUIRED,
}

# Long enough to scan, short enough to be no use to a thief of a screenshot: what WhatsApp gives a code.
_SHORTEST = 5.0
_LONGEST = 60.0


def message_id(sent: Any) -> str:
    """Return the id of a sent message.

    Each engine answers in its own shape: the whole message of WEBJS (`_data.id._serialized`), an id as an object
    or as a text, the key of NOWEB, or only the number of a job in a queue. Raises InvalidAnswer.
    """
    for path in (
        ("_data", "id", "_serialized"),
        ("id", "_serialized"),
        ("id",),
        ("key", "id"),
        ("message_id",),
        ("job_id",),
    ):
        value = _dig(sent, path)
        if isinstance(value, str) and value:
            return value
    raise InvalidAnswer("the answer names no message")


def raw_code(file: Any) -> tuple[str, float]:
    """Return the text of a code and for how long it holds, from a file of JSON `{value, expiry}` in base64.

    `expiry` is in milliseconds, of the clock or from now on; a clock that is wrong must not hide the code.
    Raises InvalidAnswer.
    """
    try:
        content = json.loads(base64.b64decode(_dig(file, ("data",)) or "", validate=True))
    except binascii.Error, TypeError, ValueError:
        content = None
    text = _dig(content, ("value",))
    if not isinstance(text, str) or not text:
        raise InvalidAnswer("the answer holds no code")
    expiry = _dig(content, ("expiry",))
    seconds = expiry / 1000 if isinstance(expiry, int | float) else _LONGEST
    if seconds > time.time() / 2:
        seconds -= time.time()
    return text, min(max(seconds, _SHORTEST), _LONGEST)


def chats(answer: Any) -> list[Chat]:
    """Return the chats of a list of `{id, name}`; the id may be an object. What has no id is left out."""
    if not isinstance(answer, list):
        raise InvalidAnswer("the answer is not a list of chats")
    found = []
    for item in map(require_object, answer):
        chat_id = _dig(item, ("id", "_serialized")) or _dig(item, ("id",))
        if isinstance(chat_id, str) and "@" in chat_id:
            found.append(Chat(chat_id, str(item.get("name") or ""), chat_id.endswith("@g.us")))
    return found


def _dig(content: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content
