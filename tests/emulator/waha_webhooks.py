"""WAHA's webhooks: what is registered, what is signed, and when it is tried again.

Vendor docs, page events. Of the vendor source only the part is public that hands each
event to a sender of its own and does not wait for it. The vendors who build on WAHA
deliver through this, too.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import hashlib
import hmac
import json
import random
from typing import TYPE_CHECKING
import uuid

from .model import JsonObject
from .waha_events import ENGINE_EVENT, milliseconds

if TYPE_CHECKING:
    from .world import World

POLICIES = ("constant", "linear", "exponential")
_ALL = "*"
# The examples of the vendor docs. That they hold for a webhook without `retries`, and that
# attempts are those after the first, is not documented.
_DELAY_SECONDS = 2
_ATTEMPTS = 15
# How much an exponential delay may be longer.
_JITTER = 0.2
# Not documented. On a fast clock, a busy machine must not be late by this.
_ANSWER_REAL_SECONDS = 10


@dataclass(frozen=True)
class Webhook:
    """One address, and what it wants to hear (vendor OpenAPI, WebhookConfig)."""

    url: str
    events: tuple[str, ...]
    # Signs the body; "" for no signature.
    key: str = ""
    policy: str = "constant"
    delay_seconds: float = _DELAY_SECONDS
    attempts: int = _ATTEMPTS
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_config(cls, config: JsonObject) -> Webhook:
        """Read a webhook from a session's configuration, which was checked before."""
        retries = config.get("retries") or {}
        custom = config.get("customHeaders") or []
        return cls(
            url=config["url"],
            events=tuple(config["events"]),
            key=(config.get("hmac") or {}).get("key") or "",
            policy=retries.get("policy") or POLICIES[0],
            delay_seconds=float(_or_default(retries.get("delaySeconds"), _DELAY_SECONDS)),
            attempts=int(float(_or_default(retries.get("attempts"), _ATTEMPTS))),
            headers=tuple((header["name"], header["value"]) for header in custom),
        )

    def wants(self, event: str) -> bool:
        """Say whether an event was subscribed to, by name, by `*` or by the likes of `message.*`.

        Vendor source: what is no event is passed over.
        """
        return any(
            event == wanted
            or (_ALL in wanted and event != ENGINE_EVENT and event.startswith(wanted.partition(_ALL)[0]))
            for wanted in self.events
        )

    def delays(self) -> Iterator[float]:
        """Return how long to wait before each further try, in vendor seconds."""
        for number in range(self.attempts):
            match self.policy:
                case "linear":
                    yield self.delay_seconds * (number + 1)
                case "exponential":
                    yield self.delay_seconds * 2**number * (1 + _JITTER * random.random())
                case _:
                    yield self.delay_seconds

    def headers_for(self, body: bytes) -> dict[str, str]:
        """Return what goes along with a body; it stays the same when that is tried again."""
        headers = dict(self.headers) | {
            "Content-Type": "application/json",
            "X-Webhook-Request-Id": str(uuid.uuid4()),
            "X-Webhook-Timestamp": str(milliseconds()),
        }
        if self.key:
            headers |= {"X-Webhook-Hmac": signature(body, self.key), "X-Webhook-Hmac-Algorithm": "sha512"}
        return headers


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value


def signature(body: bytes, key: str) -> str:
    """Return the authentication code of a body, exactly as it goes over the wire."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def to_bytes(content: object) -> bytes:
    """Return JSON as JavaScript writes it: without blanks, and with all letters as they are."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class _Delivery:
    webhook: Webhook
    body: bytes
    headers: Mapping[str, str]


class Postman:
    """Brings the events of one session to its webhooks.

    To each address they go one after the other. What is not taken is tried again by
    itself, and those behind it do not wait: so they may overtake it.
    """

    def __init__(self, world: World, name: str) -> None:
        """Prepare; `name` is that of the session, for the log."""
        self._world = world
        self._name = name
        self._waiting: dict[str, deque[_Delivery]] = {}

    def send(self, webhook: Webhook, content: object) -> None:
        """Deliver in the background, for as long as the webhook's policy wants it."""
        body = to_bytes(content)
        delivery = _Delivery(webhook, body, webhook.headers_for(body))
        if webhook.url in self._waiting:
            self._waiting[webhook.url].append(delivery)
            return
        self._waiting[webhook.url] = deque([delivery])
        self._world.background.spawn(self._carry(webhook.url), f"webhooks of {self._name}")

    async def _carry(self, url: str) -> None:
        """Try everything once, in order."""
        waiting = self._waiting[url]
        try:
            while waiting:
                delivery = waiting.popleft()
                if not await self._is_taken(delivery):
                    self._world.background.spawn(self._try_again(delivery), f"webhook of {self._name}, again")
        finally:
            del self._waiting[url]

    async def _try_again(self, delivery: _Delivery) -> None:
        for delay in delivery.webhook.delays():
            await self._world.clock.sleep(delay)
            if await self._is_taken(delivery):
                return

    async def _is_taken(self, delivery: _Delivery) -> bool:
        status = await self._world.courier.deliver(
            delivery.webhook.url, delivery.body, delivery.headers, _ANSWER_REAL_SECONDS
        )
        return status is not None and 200 <= status < 300
