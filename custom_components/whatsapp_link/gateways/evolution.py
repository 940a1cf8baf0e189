"""What Evolution API and the hosted service built on it (Wachat) have in common.

Facts are from Evolution API's published sources and documentation (doc.evolution-api.com).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import SessionState

# `connecting` is also the state in which it waits for a scan; from `close` and `refused` (too many codes went by
# unscanned) asking for a code begins anew.
STATES: Mapping[str, SessionState] = {
    "open": SessionState.LINKED,
    "connecting": SessionState.UNLINKED,
    "close": SessionState.UNLINKED,
    "refused": SessionState.UNLINKED,
}


@dataclass(frozen=True, slots=True)
class Code:
    """A code as text and as a picture in base64, each empty where the answer does not have it."""

    text: str = field(repr=False)
    picture: str = field(repr=False)


def code_in(answer: Any) -> Code:
    """Return the code of an answer; it stands in `qrcode`, in `data`, or by itself."""
    parts = [answer]
    for key in ("data", "qrcode"):
        parts += [part[key] for part in parts if isinstance(part, dict) and isinstance(part.get(key), dict)]
    texts = {
        key: next((part[key] for part in parts if isinstance(part, dict) and isinstance(part.get(key), str)), "")
        for key in ("code", "base64")
    }
    return Code(texts["code"], texts["base64"])


def message_id(sent: Any) -> str:
    """Return the id of a sent message: that of its key. Empty where the answer names none, as a queue may."""
    for part in (sent, sent.get("data") if isinstance(sent, dict) else None):
        if isinstance(part, dict):
            key = part.get("key")
            for value in (key.get("id") if isinstance(key, dict) else None, part.get("messageId"), part.get("id")):
                if isinstance(value, str) and value:
                    return value
    return ""


def chat_id(jid: str) -> str:
    """Return our spelling of a JID (see address.py)."""
    return jid.replace("@s.whatsapp.net", "@c.us")


def number(chat_id: str) -> str:
    """Return what goes into the field `number`: digits for a person, the whole id for anything else."""
    return chat_id.removesuffix("@c.us")
