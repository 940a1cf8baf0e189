"""What a call of Wachat's API is, and what comes in with one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from .model import JsonObject
from .wachat_instance import Account, WachatInstance


@dataclass
class Call:
    """A request whose key was checked."""

    request: web.Request
    account: Account
    body: JsonObject


@dataclass
class InstanceCall(Call):
    """A request about an instance of that account."""

    instance: WachatInstance


@dataclass(frozen=True)
class AccountMethod:
    """A call of the API that is not about a certain instance."""

    answer: Callable[[Call], Awaitable[web.Response]]
    # Needs the right to QR codes, which a subscription can lack.
    shows_qr: bool = False


@dataclass(frozen=True)
class InstanceMethod:
    """A call of the API about one instance."""

    verb: str
    answer: Callable[[InstanceCall], Awaitable[web.Response]]
    shows_qr: bool = False
    # The key may be in the query: pictures and frames of a web page send no headers.
    key_in_query: bool = False
    # What it may be called with instead, if the instance has it so.
    or_verb: str = ""
