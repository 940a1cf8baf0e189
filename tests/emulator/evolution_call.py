"""A call to Evolution API on its way from the request to the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
import re

from aiohttp import hdrs, web

from .evolution_bodies import Upload
from .evolution_instance import EvolutionInstance
from .model import JsonObject
from .world import World


class Access(Enum):
    """Whose key opens a call."""

    ANYBODY = auto()
    # The server's key only.
    SERVER = auto()
    # The server's, or that of the instance in the path.
    INSTANCE = auto()
    # The server's, or that of any instance, which sees its own.
    ANY_INSTANCE = auto()


@dataclass(frozen=True)
class Call:
    """A request that has passed the guards."""

    request: web.Request
    world: World
    # As the route has it: what faults are counted by.
    method: str
    # The key that came along, and whether it is the server's.
    key: str
    is_server_key: bool
    body: JsonObject
    # None where the path names none.
    named: EvolutionInstance | None
    # The file in the form; only calls that take one have it.
    upload: Upload | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """The query."""
        return self.request.query

    @property
    def instance(self) -> EvolutionInstance:
        """The instance in the path."""
        assert self.named is not None
        return self.named


@dataclass(frozen=True)
class Route:
    """One call of the API."""

    verb: str
    # The vendor's name, which is also the path, before the instance.
    name: str
    answer: Callable[[Call], Awaitable[object]]
    status: HTTPStatus = HTTPStatus.OK
    access: Access = Access.INSTANCE
    # The body may be a form with a file.
    takes_file: bool = False

    def match(self, verb: str, path: str) -> re.Match[str] | None:
        """Return the path's parts, if this is the call that was meant."""
        instance = "/(?P<instance>[^/]+)" if self.access is Access.INSTANCE else ""
        return re.fullmatch(f"/{re.escape(self.name)}{instance}", path) if verb == self.verb else None


GET, POST, DELETE = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_DELETE
