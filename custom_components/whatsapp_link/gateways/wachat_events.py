"""Reads what Wachat tells of an instance: the events of Evolution API, signed.

The documentation (page webhooks) shows how a call is signed, but neither how the signature is written nor what is in
the body; that is taken to be the engine's.
"""

import base64
from collections.abc import Mapping
import hashlib
import hmac
import re
import time
from typing import Any, override

from .errors import Forged
from .events import Event
from .evolution_contents import text_in
from .evolution_events import EvolutionEvents
from .model import Session
from .webhook_call import header, is_same, parse_events

EVENTS = ["messages.upsert", "messages.update", "connection.update"]
"""What of all that can be subscribed to is of use here. Of edits, deletions and calls Wachat does not tell."""

# What is older may be a call that somebody recorded.
_MAX_AGE = 300.0
# In seconds, or in milliseconds: the documentation does not say.
_TIMESTAMP = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)


class WachatEvents(EvolutionEvents):
    """Reads the events of one instance."""

    def read_call(self, headers: Mapping[str, str], body: bytes, secret: str) -> list[Session | Event]:
        """Return what a call tells. Raises Forged or InvalidAnswer."""
        timestamp = header(headers, "X-Wachat-Timestamp")
        if not _TIMESTAMP.fullmatch(timestamp) or time.time() - int(timestamp[:10]) > _MAX_AGE:
            raise Forged("the call is too old, or does not say when it was made")
        if not _is_signed(header(headers, "X-Wachat-Signature"), timestamp, body, secret):
            raise Forged("the call is not signed with the secret")
        # The header is not signed, so it is of use only where the body does not say what it is.
        named = header(headers, "X-Wachat-Event")
        return [news for call in parse_events(body) for news in self.read(text_in(call, "event") or named, call)]

    @override
    def _reference(self, message: Mapping[str, Any], whatsapp_id: str) -> str:
        """Return the address of the file, which the engine puts beside the message.

        There is no call to ask for it by its message.
        """
        return text_in(message, "mediaUrl")


def _is_signed(signature: str, timestamp: str, body: bytes, secret: str) -> bool:
    """Whether a signature is right, in hexadecimal digits or in base64."""
    code = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    given = signature.removeprefix("sha256=")
    encoded = base64.b64encode(code).decode()
    return bool(secret) and (is_same(given.lower(), code.hex()) or is_same(given, encoded))
