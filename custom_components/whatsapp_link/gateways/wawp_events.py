"""What is Wawp's own of what it tells, and of its webhooks; all else is WAHA's (see waha_events.py).

Facts are from the page session/webhook of the vendor's documentation, from those on events, and from the vendor's own
node for n8n.
"""

from collections.abc import Mapping
from typing import Any

from yarl import URL

from .events import Webhook
from .http import require_object
from .waha_contents import text_in
from .waha_events import EVENTS as WAHA_EVENTS
from .waha_shapes import objects_in

# The node has no event of its own for groups.
EVENTS = tuple(event for event in WAHA_EVENTS if event != "message.ack.group")
# Nothing is signed. The vendor's advice is a secret in the address, which keeps it from being guessed.
_SECRET = "secret"


def registered(answer: Any) -> list[dict[str, Any]]:
    """Return the webhooks in an answer; PHP may write an empty list, or any, as an object. Raises InvalidAnswer."""
    webhooks = require_object(answer).get("webhooks")
    return objects_in(list(webhooks.values()) if isinstance(webhooks, dict) else webhooks)


def with_webhook(webhooks: list[dict[str, Any]], webhook: Webhook) -> list[dict[str, Any]]:
    """Return webhooks of which one is ours, as it has to be; it stays as it is if it is so already."""
    ours = [each for each in webhooks if _is_ours(each, webhook)]
    if len(ours) == 1 and _is_right(ours[0], webhook):
        return webhooks
    wanted = {"url": _address(webhook), "events": list(EVENTS), "is_active": 1}
    return [*without_webhook(webhooks, webhook), wanted]


def without_webhook(webhooks: list[dict[str, Any]], webhook: Webhook) -> list[dict[str, Any]]:
    """Return webhooks of which none is ours."""
    return [each for each in webhooks if not _is_ours(each, webhook)]


def _address(webhook: Webhook) -> str:
    return str(URL(webhook.url).update_query({_SECRET: webhook.secret}))


def secret_in(query: Mapping[str, str]) -> str:
    """Return the secret in the query of an address; "" if there is none."""
    return query.get(_SECRET, "")


def _is_ours(registered: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it goes to our address, whatever its query; or did so before Home Assistant got another one."""
    address, _, query = text_in(registered, "url").partition("?")
    return address == webhook.url.partition("?")[0] or secret_in(URL.build(query_string=query).query) == webhook.secret


def _is_right(registered: Mapping[str, Any], webhook: Webhook) -> bool:
    events = registered.get("events")
    return (
        registered.get("url") == _address(webhook)
        and isinstance(events, list)
        and set(map(str, events)) == set(EVENTS)
        and str(registered.get("is_active")) in ("1", "True")
    )
