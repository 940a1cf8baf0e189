"""What calls to webhooks have in common, whoever makes them."""

from collections.abc import Mapping
import hmac
from typing import Any

from .http import parse_json, require_object


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header, whatever case its name is in; empty if it is not there."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def is_same(given: str, secret: str) -> bool:
    """Whether somebody gave a secret; the time that it takes tells nothing of it. Nobody can give an empty one."""
    # A header may hold anything, also what is no text.
    first, second = (text.encode(errors="surrogatepass") for text in (given, secret))
    return bool(secret) and hmac.compare_digest(first, second)


def parse_events(body: bytes) -> list[dict[str, Any]]:
    """Return the events in a body, which may be one or a list of them. Raises InvalidAnswer."""
    content = parse_json(body)
    return [require_object(event) for event in (content if isinstance(content, list) else [content])]
