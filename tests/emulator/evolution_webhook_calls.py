"""Evolution API's calls under /webhook."""

from http import HTTPStatus

from .evolution_call import GET, POST, Call, Route
from .evolution_events import NAMES
from .evolution_refusals import bad, crash
from .evolution_schema import Field, check
from .model import JsonObject

# What JavaScript says when the list of events is not there.
_NO_EVENTS = "Cannot read properties of undefined (reading 'length')"
_REQUIRED = ("enabled", "url")
_OPTIONAL = (
    Field("headers", "object"),
    Field("byEvents", "boolean"),
    Field("base64", "boolean"),
    Field("events", "array", items="string", item_choices=NAMES),
)
# In /instance/create, what is required here may be left out.
WEBHOOK_FIELDS = (Field("enabled", "boolean"), Field("url"), *_OPTIONAL)


async def _set(call: Call) -> JsonObject:
    """Register. Whether the address is one, nobody asks here: what is none is never called."""
    check(call.body, (Field("webhook", "object", required=True),))
    wanted = call.body["webhook"]
    # The schema's rule about what may not be empty is for objects that have nothing else.
    strict = set(wanted) <= set(_REQUIRED)
    check(
        wanted,
        (Field("enabled", "boolean", required=True), Field("url", required=True, not_empty=strict), *_OPTIONAL),
        "webhook",
    )
    if wanted["enabled"] and "events" not in wanted:
        raise crash(_NO_EVENTS)
    return call.instance.webhook.set(wanted)


async def _find(call: Call) -> JsonObject | None:
    return call.instance.webhook.row


def webhook_to_create(body: JsonObject) -> JsonObject | None:
    """Return the webhook that an instance is to be made with, always enabled; None if there is none."""
    if "webhook" not in body:
        return None
    wanted: JsonObject = body["webhook"]
    if "events" not in wanted:
        raise bad(_NO_EVENTS)
    return {"url": "", **wanted, "enabled": True}


ROUTES = (
    Route(POST, "webhook/set", _set, HTTPStatus.CREATED),
    Route(GET, "webhook/find", _find),
)
