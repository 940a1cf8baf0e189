"""WAHA's webhooks: how they stand in the configuration of a session, and how a call is known to be genuine.

Facts are from the page events of the documentation.
"""

from collections.abc import Mapping
import hmac
import time
from typing import Any

from .errors import Forged, InvalidAnswer
from .events import Webhook
from .http import require_object
from .waha_contents import object_in, text_in
from .waha_events import EVENTS, Envelope, seconds
from .webhook_call import header, is_same

# Linear: 2, 4, 6 seconds and so on, four minutes in all. What comes later counts as a call that is played again.
_RETRIES = {"policy": "linear", "delaySeconds": 2, "attempts": 15}
_TOO_OLD = 300.0


def with_webhook(config: Mapping[str, Any], webhook: Webhook) -> dict[str, Any]:
    """Return a configuration in which events come to us, as told, and to everybody else as before.

    What is right already stays as it is, as the server wrote it. Raises InvalidAnswer.
    """
    hooks = _hooks_in(config)
    ours = [hook for hook in hooks if _is_ours(hook, webhook)]
    if len(ours) == 1 and _is_right(ours[0], webhook):
        return dict(config)
    wanted = {
        "url": webhook.url,
        "events": list(EVENTS),
        "hmac": {"key": webhook.secret},
        "retries": _RETRIES,
        "customHeaders": None,
    }
    return {**config, "webhooks": [*(hook for hook in hooks if hook not in ours), wanted]}


def without_webhook(config: Mapping[str, Any], webhook: Webhook) -> dict[str, Any]:
    """Return a configuration in which no events come to us. Raises InvalidAnswer."""
    hooks = _hooks_in(config)
    others = [hook for hook in hooks if not _is_ours(hook, webhook)]
    return dict(config) if others == hooks else {**config, "webhooks": others}


def check_signature(headers: Mapping[str, str], body: bytes, webhook: Webhook) -> None:
    """Raise Forged unless a call was signed with our secret: HMAC with SHA-512 over the body as it came."""
    right = hmac.digest(webhook.secret.encode(), body, "sha512").hex()
    if not (webhook.secret and is_same(header(headers, "X-Webhook-Hmac"), right)):
        raise Forged("the signature is wrong")


def check_age(envelope: Envelope) -> None:
    """Raise Forged for what was told too long ago; old servers do not say when that was."""
    if time.time() - seconds(envelope.get("timestamp")) > _TOO_OLD:
        raise Forged("the call is too old")


def _hooks_in(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    hooks = config.get("webhooks") or []
    if not isinstance(hooks, list):
        raise InvalidAnswer("the answer lists no webhooks")
    return [require_object(hook) for hook in hooks]


def _is_ours(hook: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it goes to our address, whatever its query; or did so before Home Assistant got another one."""
    is_here = text_in(hook, "url").partition("?")[0] == webhook.url.partition("?")[0]
    return is_here or (bool(webhook.secret) and _secret_of(hook) == webhook.secret)


def _is_right(hook: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it tells us what we want to know; a server may list the events in another order."""
    told = hook.get("events")
    same_events = isinstance(told, list) and set(map(str, told)) == set(EVENTS)
    return same_events and hook.get("url") == webhook.url and _secret_of(hook) == webhook.secret


def _secret_of(hook: Mapping[str, Any]) -> str:
    return text_in(object_in(hook, "hmac"), "key")
