"""What GREEN-API's methods are made of: what they are asked, and what is to be checked before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from .green_api_instance import GreenApiInstance
from .model import JsonObject


@dataclass(frozen=True)
class Call:
    """A request to a method of an instance, its token checked."""

    request: web.Request
    method: str
    instance: GreenApiInstance
    # Empty for methods that take something else than JSON.
    body: JsonObject
    # What follows the token in the path: the receipt id of deleteNotification.
    tail: str


@dataclass(frozen=True)
class Method:
    """One method of the API."""

    verb: str
    answer: Callable[[Call], Awaitable[web.StreamResponse]]
    # Requests per second and instance, from page ratelimiter; None where it is silent.
    limit: int | None = None
    # Refused while the instance is starting.
    settled: bool = False
    # Refused while no phone is linked.
    authorized: bool = False
    # Reads the body itself: a form, or a file as it is.
    takes_file: bool = False
