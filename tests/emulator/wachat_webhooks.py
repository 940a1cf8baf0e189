"""Wachat's webhooks: what is registered, and how an event is signed.

Vendor docs, pages List Webhooks and Create or Update Webhook. What is in an event they do not
show: it is the engine's envelope. Nor do they say what becomes of an event that is not taken:
it is tried again as the engine does it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from .evolution_post import Parcel, Post, to_bytes

if TYPE_CHECKING:
    from .wachat_instance import WachatInstance, WachatOptions
    from .world import World

EVENTS = (
    "messages.upsert",
    "messages.update",
    "contacts.update",
    "chats.update",
    "qrcode.updated",
    "connection.update",
)
ALL = "*"
_SECRET_PREFIX = "whsec_"
_SHOWN_LETTERS = 6


@dataclass(kw_only=True)
class Webhook:
    """One address, and what it wants to hear."""

    id: int
    name: str
    url: str
    events: list[str]
    enabled: bool
    secret: str
    # Whose events; None for those of all instances.
    instance: WachatInstance | None
    created_at: str
    updated_at: str
    post: Post = field(repr=False)

    @property
    def masked_secret(self) -> str:
        """Return the secret as it is shown afterwards: `whsec_••••abcdef`."""
        prefix = _SECRET_PREFIX if self.secret.startswith(_SECRET_PREFIX) else ""
        return f"{prefix}••••{self.secret.removeprefix(prefix)[-_SHOWN_LETTERS:]}"

    def is_about(self, instance: WachatInstance) -> bool:
        """Say whether it is told of an instance."""
        return self.instance is None or self.instance is instance

    def wants(self, instance: WachatInstance, event: str) -> bool:
        """Say whether an event of an instance goes here; `*` stands for all that can be subscribed to."""
        return (
            self.enabled
            and self.is_about(instance)
            and event in EVENTS
            and (ALL in self.events or event in self.events)
        )

    def send(self, options: WachatOptions, event: str, envelope: object) -> None:
        """Deliver an event in the background."""
        body = to_bytes(envelope)
        secret = self.secret
        self.post.send(Parcel(self.url, body, lambda: self._headers(options, event, body, secret)))

    def _headers(self, options: WachatOptions, event: str, body: bytes, secret: str) -> Mapping[str, str]:
        timestamp = str(time.time_ns() // (10**6 if options.signs_milliseconds else 10**9))
        return {
            "X-Wachat-Event": event,
            "X-Wachat-Timestamp": timestamp,
            "X-Wachat-Signature": signature(secret, timestamp, body, options.signature),
            "X-Wachat-Webhook-Id": str(self.id),
        }


def new_post(world: World, webhook_id: int) -> Post:
    """Return who brings events to one webhook, in order."""
    return Post(world, f"webhook {webhook_id} of Wachat")


def signature(secret: str, timestamp: str, body: bytes, form: str = "hex") -> str:
    """Return the authentication code of what goes over the wire, in one of three forms.

    That it is HMAC-SHA256 over `timestamp + "." + body` is documented, how it is written is not.
    """
    code = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    match form:
        case "base64":
            return base64.b64encode(code.digest()).decode()
        case "prefixed":
            return f"sha256={code.hexdigest()}"
    return code.hexdigest()
