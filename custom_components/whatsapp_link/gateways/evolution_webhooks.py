"""Evolution API's webhook: how it is asked for, and how a call is known to be genuine.

Page https://doc.evolution-api.com/v2/en/configuration/webhooks; what it is kept as is from the published sources.
"""

from collections.abc import Mapping
from typing import Any

from .errors import Forged
from .events import Webhook
from .webhook_call import header, is_same

# What of all that the server tells is of use here.
_EVENTS = ["MESSAGES_UPSERT", "MESSAGES_EDITED", "MESSAGES_UPDATE", "MESSAGES_DELETE", "CALL", "CONNECTION_UPDATE"]
# The server signs nothing. It sends along what it is given.
_SECRET_HEADER = "X-Webhook-Secret"
# GET /webhook/find calls some things otherwise than POST /webhook/set.
_COLUMNS = {"byEvents": "webhookByEvents", "base64": "webhookBase64"}


def wanted(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as POST /webhook/set takes it."""
    return {
        "enabled": True,
        "url": webhook.url,
        "headers": {_SECRET_HEADER: webhook.secret},
        "byEvents": False,
        "base64": False,
        "events": _EVENTS,
    }


def disabled(webhook: Webhook) -> dict[str, Any]:
    """Return it switched off, and without the secret."""
    return {**wanted(webhook), "enabled": False, "headers": {}, "events": []}


def is_ours(kept: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it goes to our address, whatever its query; or did so before Home Assistant got another one."""
    is_here = str(kept.get("url")).partition("?")[0] == webhook.url.partition("?")[0]
    return is_here or has_secret(kept, webhook)


def is_right(kept: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it tells us what we want to know, in the way that we want."""
    return all(kept.get(_COLUMNS.get(name, name)) == value for name, value in wanted(webhook).items())


def has_secret(kept: Mapping[str, Any], webhook: Webhook) -> bool:
    """Whether it has our secret. Old servers know no headers, and keep none."""
    headers = kept.get("headers")
    return isinstance(headers, dict) and headers.get(_SECRET_HEADER) == webhook.secret


def check_secret(headers: Mapping[str, str], webhook: Webhook) -> None:
    """Raise Forged unless a call has our secret with it."""
    if not is_same(header(headers, _SECRET_HEADER), webhook.secret):
        raise Forged("the webhook was called without the secret")
