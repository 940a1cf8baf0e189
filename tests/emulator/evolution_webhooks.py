"""Evolution API's webhook, of which each instance has one (vendor source, webhook.controller.ts)."""

import base64
from collections.abc import Mapping
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from .clock import unix_time
from .evolution_events import NAMES, Event, envelope, subscription
from .evolution_post import Parcel, Post, to_bytes
from .evolution_store import iso_time, row_id
from .model import JsonObject

if TYPE_CHECKING:
    from .evolution_instance import EvolutionInstance

_ADDRESS = re.compile(r"https?://")
# A header of this name is none: its value is a secret.
_SECRET_HEADER = "jwt_key"
_TOKEN_SECONDS = 600
# How the API calls what it is given, and how the database does.
_COLUMNS = {"url": "url", "headers": "headers", "base64": "webhookBase64", "byEvents": "webhookByEvents"}


class Webhook:
    """What one instance tells, and to whom."""

    def __init__(self, instance: EvolutionInstance) -> None:
        """Begin without an address."""
        self._instance = instance
        self._post = Post(instance.world, instance.id)
        # As the database has it; None before the first time.
        self.row: JsonObject | None = None

    @property
    def sends_files(self) -> bool:
        """Say whether messages have their files in them."""
        return self.row is not None and bool(self.row["webhookBase64"])

    def set(self, wanted: Mapping[str, object]) -> JsonObject:
        """Register an address, in place of the one before; what is not given stays as it was."""
        now = iso_time()
        row = self.row or {
            "id": row_id(self._instance.row, "webhook"),
            "url": "",
            "headers": None,
            "enabled": True,
            "events": [],
            "webhookByEvents": False,
            "webhookBase64": False,
            "createdAt": now,
        }
        enabled = bool(wanted["enabled"])
        # None at all are all there are, and what is off has none.
        events = (wanted["events"] or list(NAMES)) if enabled else []
        given = {column: wanted[name] for name, column in _COLUMNS.items() if name in wanted}
        changed = {"enabled": enabled, "events": events, "updatedAt": now, "instanceId": self._instance.row}
        self.row = row | given | changed
        return self.row

    def wants(self, event: str) -> bool:
        """Say whether somebody listens to an event."""
        if self.row is None or not self.row["enabled"]:
            return False
        return subscription(event) in self.row["events"] and _ADDRESS.match(self.row["url"]) is not None

    def tell(self, event: Event) -> None:
        """Tell of an event, if somebody listens."""
        name = event[0]
        if not self.wants(name):
            return
        assert self.row is not None
        url = self.row["url"]
        instance = self._instance
        key = instance.token if instance.options.expose else None
        content = envelope(instance, event, url, f"{instance.world.url}/{instance.gateway}", key)
        if self.row["webhookByEvents"]:
            url = f"{url}/{subscription(name).replace('_', '-').lower()}"
        # These stay the same however often it is tried, even if the token runs out meanwhile.
        headers = _headers(self.row["headers"] or {})
        self._post.send(Parcel(url, to_bytes(content), lambda: headers))


def _headers(wanted: Mapping[str, object]) -> dict[str, str]:
    """Return the headers, with a token in place of the secret that signs it."""
    headers = {name: str(value) for name, value in wanted.items() if name != _SECRET_HEADER}
    if _SECRET_HEADER in wanted:
        headers["Authorization"] = f"Bearer {token(str(wanted[_SECRET_HEADER]), unix_time())}"
    return headers


def token(secret: str, now: int) -> str:
    """Return a JSON web token, signed by HS256."""
    claims = {"iat": now, "exp": now + _TOKEN_SECONDS, "app": "evolution", "action": "webhook"}
    signed = ".".join(_encoded(to_bytes(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
