"""A request to Wasend, as the parts of the server hand it on."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from .model import JsonObject


@dataclass(frozen=True)
class Call:
    """A request whose key is known."""

    request: web.Request
    token: str
    # What the parts of the path are.
    parts: Mapping[str, str]
    body: JsonObject
