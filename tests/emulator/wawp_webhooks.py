"""The webhooks of a Wawp instance (vendor docs, page session/webhook)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from .model import JsonObject
from .waha_webhooks import Webhook
from .wawp_errors import Refused, invalid_param, missing_param

if TYPE_CHECKING:
    from .wawp_call import Call

# The names that the vendor's n8n node has, and poll.vote from the vendor docs.
EVENTS = (
    "session.status",
    "message",
    "message.reaction",
    "message.any",
    "message.ack",
    "message.revoked",
    "message.edited",
    "group.v2.join",
    "group.v2.leave",
    "group.v2.update",
    "group.v2.participants",
    "presence.update",
    "poll.vote",
    "poll.vote.failed",
    "chat.archive",
    "call.received",
    "call.accepted",
    "call.rejected",
    "label.upsert",
    "label.deleted",
    "label.chat.added",
    "label.chat.deleted",
    "event.response",
    "event.response.failed",
    "engine.event",
)
# Vendor docs: "retries with backoff"; how often is not documented.
_ATTEMPTS = 5


class Registrations:
    """What is registered for one instance."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.given: list[JsonObject] = []

    def for_event(self, event: str) -> Iterator[Webhook]:
        """Return the webhooks that want to hear of an event and are not switched off."""
        for each in self.given:
            webhook = Webhook(each["url"], tuple(each["events"]), policy="exponential", attempts=_ATTEMPTS)
            if each["is_active"] and webhook.wants(event):
                yield webhook


def webhooks(call: Call) -> web.Response:
    """Show the list, or overwrite it; neither is in the free plan.

    That the answer to a POST is that to a GET, and what is in `systemConfig`, is not documented.
    """
    if call.instance.options.plan == "free":
        raise Refused(HTTPStatus.FORBIDDEN, "subscription_required", "Webhooks need a paid subscription")
    registered = call.instance.webhooks
    if call.request.method == hdrs.METH_POST:
        registered.given = _list_in(call)
    return web.json_response({"webhooks": registered.given, "systemConfig": {"events": list(EVENTS)}})


def _list_in(call: Call) -> list[JsonObject]:
    given = call.given.json("webhooks")
    if not isinstance(given, list):
        raise invalid_param("webhooks")
    return [_webhook(f"webhooks[{number}]", each) for number, each in enumerate(given)]


def _webhook(name: str, given: object) -> JsonObject:
    """Return one entry. Whether events that do not exist are refused is not documented; here, they are not."""
    if not isinstance(given, dict):
        raise invalid_param(name)
    for part in ("url", "events"):
        if not given.get(part):
            raise missing_param(f"{name}[{part}]")
    url, events, is_active = given["url"], given["events"], given.get("is_active", 1)
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise invalid_param(f"{name}[url]")
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise invalid_param(f"{name}[events]")
    if is_active not in (0, 1):
        raise invalid_param(f"{name}[is_active]")
    return {"url": url, "events": events, "is_active": int(is_active)}
