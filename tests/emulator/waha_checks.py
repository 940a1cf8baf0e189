"""Reading bodies and queries of requests to WAHA, with the complaints of its validation.

The vendor's server checks fields with class-validator, whose words these are, and answers
with all complaints at once.
"""

from collections.abc import Mapping
from http import HTTPStatus
import json
import re

from aiohttp import web

from .model import JsonObject
from .waha_errors import Refused, invalid, refused
from .waha_webhooks import POLICIES

# Vendor source. What is said about a longer body is not documented.
LONGEST_BODY = 50 * 1024 * 1024
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TRUE_FALSE = {"true": True, "false": False}


class Fields:
    """The fields of a body or a query; `check` comes after the last was read.

    A field that is null is like one that is not there, unless it is required.
    """

    def __init__(self, values: Mapping[str, object], prefix: str = "", complaints: list[str] | None = None) -> None:
        """Read from these values.

        Args:
            values: Names and values.
            prefix: The field that they are found in themselves, with a dot.
            complaints: The list of the fields around, which are checked with these.

        """
        self._values = values
        self._prefix = prefix
        self._complaints: list[str] = [] if complaints is None else complaints

    def check(self) -> None:
        """Refuse the request if there was something to complain about."""
        if self._complaints:
            raise invalid(self._complaints)

    def complain(self, name: str, trouble: str) -> None:
        """Note what is wrong with a field."""
        self._complaints.append(f"{self._prefix}{name} {trouble}")

    def has(self, name: str) -> bool:
        """Say whether a field is there."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; required, unless there is a default."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.complain(name, "must be a string")
            return ""
        return value

    def filled_text(self, name: str) -> str:
        """Return a text that is required and must not be empty."""
        if (value := self.text(name)) == "":
            self.complain(name, "should not be empty")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words, which is required."""
        value = self._values.get(name)
        if value not in choices:
            self.complain(name, f"must be one of the following values: {', '.join(choices)}")
        return str(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean."""
        value = self._values.get(name)
        if isinstance(value, str):
            value = _TRUE_FALSE.get(value, value)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.complain(name, "must be a boolean value")
            return default
        return value

    def number(self, name: str, default: float | None) -> float | None:
        """Return a number; those in a query are text."""
        value = self._values.get(name)
        if value is None:
            return default
        if not _NUMBER.fullmatch(str(value)):
            self.complain(name, "must be a number conforming to the specified constraints")
            return default
        return float(str(value))

    def decimal(self, name: str) -> float:
        """Return a number of a body, which is required and has to be one."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.complain(name, "must be a number conforming to the specified constraints")
            return 0
        return float(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of a few words."""
        value = self.text(name, default)
        if value not in (*choices, default):
            self.complain(name, f"must be one of the following values: {', '.join(choices)}")
            return default
        return value

    def items(self, name: str) -> list[object]:
        """Return a list of whatever it is, empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.complain(name, "must be an array")
            return []
        return value

    def texts(self, name: str, *, required: bool = False) -> list[str]:
        """Return a list of texts, empty if it is not there."""
        if required and not self.has(name):
            self.complain(name, "must be an array")
        value = self.items(name)
        if not all(isinstance(item, str) for item in value):
            self._complaints.append(f"each value in {self._prefix}{name} must be a string")
            return []
        return [str(item) for item in value]

    def inner(self, name: str) -> JsonObject:
        """Return an object, empty if it is not there."""
        value = self._values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.complain(name, "must be an object")
            return {}
        return value

    def nested(self, name: str) -> Fields:
        """Return the fields of an object, which is required."""
        if not isinstance(self._values.get(name), dict):
            self.complain(name, "must be an object")
            # That says it all: what would be inside is not missed as well.
            return Fields({})
        return Fields(self.inner(name), f"{self._prefix}{name}.", self._complaints)

    def nested_items(self, name: str) -> list[Fields]:
        """Return the fields of each object in a list, which is required and must not be empty."""
        items = self.items(name)
        if not items:
            self.complain(name, "should not be empty")
        fields = []
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                self._complaints.append(f"each value in {self._prefix}{name} must be an object")
            else:
                fields.append(Fields(item, f"{self._prefix}{name}.{number}.", self._complaints))
        return fields

    def page[ItemT](self, items: list[ItemT], default_limit: int | None = None) -> list[ItemT]:
        """Return the items from `offset` on, at most `limit`."""
        limit = self.number("limit", default_limit)
        offset = int(self.number("offset", 0) or 0)
        return items[offset:] if limit is None else items[offset : offset + int(limit)]


async def json_body(request: web.Request) -> JsonObject:
    """Read a body; one that is not announced as JSON is not looked at."""
    raw = await request.read()
    if len(raw) > LONGEST_BODY:
        raise refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request entity too large")
    if not raw or request.content_type != "application/json":
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise refused(HTTPStatus.BAD_REQUEST, f"{error} is not valid JSON") from error
    if not isinstance(body, dict):
        raise _no_object()
    return body


def _no_object() -> Refused:
    return refused(HTTPStatus.BAD_REQUEST, "Validation failed (parsable object is expected)")


def config_in(fields: Fields) -> JsonObject | None:
    """Return the configuration of a session, None if it is not there."""
    if not fields.has("config"):
        return None
    config = fields.inner("config")
    inside = Fields(config, "config.")
    for name in ("metadata", "proxy", "client", "noweb", "gows", "webjs"):
        inside.inner(name)
    inside.flag("debug", False)
    webhooks = inside.items("webhooks")
    inside.check()
    for number, webhook in enumerate(webhooks):
        _check_webhook(number, webhook)
    return config


def _check_webhook(number: int, webhook: object) -> None:
    """Vendor OpenAPI, WebhookConfig. Vendor source: events that do not exist are no mistake."""
    prefix = f"config.webhooks.{number}."
    complaints: list[str] = []
    fields = Fields(webhook if isinstance(webhook, dict) else {}, prefix, complaints)
    if not fields.text("url").startswith(("http://", "https://")):
        fields.complain("url", "must be a URL address")
    if not fields.texts("events"):
        fields.complain("events", "must be an array")
    Fields(fields.inner("hmac"), f"{prefix}hmac.", complaints).text("key", "")
    retries = Fields(fields.inner("retries"), f"{prefix}retries.", complaints)
    retries.choice("policy", POLICIES, "")
    for name in ("delaySeconds", "attempts"):
        retries.number(name, None)
    if fields.items("customHeaders"):
        for header in fields.nested_items("customHeaders"):
            header.text("name")
            header.text("value")
    fields.check()
