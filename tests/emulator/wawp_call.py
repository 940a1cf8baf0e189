"""Reading requests to Wawp: where credentials and parameters are, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
import json
import re
from typing import Any

from aiohttp import hdrs, web

from .model import JsonObject
from .wawp_errors import Refused, invalid_param, missing_param
from .wawp_instance import WawpInstance

CHAT_ID = re.compile(r"\d+(?:-\d+)?@(?:c\.us|g\.us|lid|newsletter|broadcast)")
# Vendor docs, page contacts/check-exists: digits with country code; brackets, blanks and a
# leading 00 are not supported.
_PHONE = re.compile(r"[1-9]\d{4,15}")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_CREDENTIALS = ("instance_id", "access_token")
# Vendor docs, page contacts/all.
_HIGHEST_LIMIT = 1000


@dataclass(frozen=True)
class Given:
    """What came with a request.

    The vendor's own samples and libraries carry the credentials in the query, in the JSON
    body, or in headers (`access-token` in the vendor's MCP server; `Authorization: Bearer`
    and `X-Instance-ID` in the vendor's SDK), and mix these.
    """

    query: Mapping[str, str]
    body: JsonObject
    headers: Mapping[str, str]

    @property
    def token(self) -> str:
        """The access token, "" if there is none."""
        bearer = self.headers.get(hdrs.AUTHORIZATION, "").partition("Bearer ")[2]
        return self._credential("access_token") or self.headers.get("access-token", "") or bearer

    @property
    def instance_id(self) -> str:
        """The instance that the request is about, "" if it does not say."""
        return self._credential("instance_id") or self.headers.get("X-Instance-ID", "")

    @property
    def credentials_twice(self) -> bool:
        """Say whether credentials are in the query and in the body."""
        return any(name in self.query and name in self.body for name in _CREDENTIALS)

    def text(self, name: str, longest: int | None = None) -> str:
        """Return a text that has to be there."""
        value = self._parameter(name)
        if value is None or value == "":
            raise missing_param(name)
        if not isinstance(value, str) or (longest is not None and len(value) > longest):
            raise invalid_param(name)
        return value

    def optional_text(self, name: str, default: str = "") -> str:
        """Return a text. The samples of the vendor docs have "null" for none."""
        value = self._parameter(name)
        if value is None or value in ("", "null"):
            return default
        return self.text(name)

    def text_or_empty(self, name: str) -> str:
        """Return a text that has to be there, although it may be empty."""
        value = self._parameter(name)
        if value is None:
            raise missing_param(name)
        return value if value == "" else self.text(name)

    def json(self, name: str, default: Any = None) -> object:
        """Return a list or an object; required, unless there is a default."""
        value = self.body.get(name, default)
        if value is None:
            raise missing_param(name)
        return value

    def chat_id(self) -> str:
        """Return the chat that a message is for."""
        value = self.text("chatId")
        if not CHAT_ID.fullmatch(value):
            raise invalid_param("chatId")
        return value

    def phone(self, name: str, *, plus_allowed: bool = False) -> str:
        """Return a phone number, with plus sign."""
        value = self.text(name)
        # A plus in a query that is not encoded arrives as a blank.
        digits = value.strip().removeprefix("+") if plus_allowed else value
        if not _PHONE.fullmatch(digits):
            raise invalid_param(name)
        return f"+{digits}"

    def page_of[ItemT](self, items: list[ItemT]) -> list[ItemT]:
        """Return the items from `offset` on, at most `limit`."""
        offset = self._whole_number("offset", 0)
        limit = self._whole_number("limit", _HIGHEST_LIMIT)
        if not 1 <= limit <= _HIGHEST_LIMIT:
            raise invalid_param("limit")
        return items[offset : offset + limit]

    def _credential(self, name: str) -> str:
        value = self._parameter(name)
        return value if isinstance(value, str) else ""

    def _parameter(self, name: str) -> object:
        return self.query.get(name, self.body.get(name))

    def _whole_number(self, name: str, default: int) -> int:
        value = str(self._parameter(name) or default)
        if not value.isdecimal():
            raise invalid_param(name)
        return int(value)


@dataclass(frozen=True)
class Call:
    """A request about an instance, its credentials checked."""

    request: web.Request
    given: Given
    instance: WawpInstance


GIVEN = web.RequestKey("GIVEN", Given)


async def read_given(request: web.Request) -> Given:
    """Read a request, and remember in it what was read.

    A form is not looked into (observed: such a request misses its access_token). Any other
    body is taken for JSON: the sample on the vendor's page auth/qr-image does not say what
    it sends, and a browser then calls it text/plain.
    """
    raw = await request.read()
    body = {} if request.content_type in _FORMS or not raw else _parsed(raw)
    given = request[GIVEN] = Given(dict(request.query), body, request.headers)
    return given


def _parsed(raw: bytes) -> JsonObject:
    """Parse a body; the words of the refusal are WordPress's, the docs are silent."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "rest_invalid_json", "Invalid JSON body passed.")
    return body
