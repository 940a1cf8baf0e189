"""What a vendor's server in this emulator has to offer: one subclass for each gateway."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from .instance import Instance

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from .world import World


class GatewayServer(ABC):
    """The server of one vendor."""

    key: ClassVar[str]
    """Short name, as in `green_api`."""
    path: ClassVar[str]
    """Where it is mounted, without slashes, as in `green-api`."""

    def __init__(self, world: World) -> None:
        """Take part in the world; routes are added later."""
        self.world = world

    @property
    def base_url(self) -> str:
        """The address to type into Home Assistant."""
        return f"{self.world.url}/{self.path}"

    @abstractmethod
    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the vendor's own paths to the router of a sub-application."""

    @abstractmethod
    def create_instance(
        self,
        *,
        number: str | None = None,
        instance_id: str | None = None,
        token: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Instance:
        """Make an instance; what is not given is made up.

        Raises:
            ValueError: An option is unknown or has a value that makes no sense.

        """

    @abstractmethod
    def method_of(self, request: web.Request) -> str:
        """Return the vendor's name for what a request asks, for log and faults."""

    @abstractmethod
    def instance_of(self, request: web.Request) -> str:
        """Return the id of the instance that a request is about, "" if none."""

    @abstractmethod
    def error(self, request: web.Request, status: int) -> web.Response:
        """Return an error in this vendor's own shape, for faults that are just a status."""

    @abstractmethod
    def failure_in_success(self, request: web.Request) -> web.Response:
        """Return a 200 that says inside that the request failed."""

    def own_path(self, request: web.Request) -> str:
        """Return the path as the vendor's server sees it, without the mount point."""
        return request.path.removeprefix(f"/{self.path}")


def read_options[OptionsT: DataclassInstance](kind: type[OptionsT], given: Mapping[str, Any] | None) -> OptionsT:
    """Make an options dataclass from what somebody sent.

    The default of each field says which type is right; whole numbers do for decimals.

    Raises:
        ValueError: With a message for the sender.

    """
    defaults = kind()
    known = {field.name for field in dataclasses.fields(kind)}
    options: dict[str, Any] = {}
    for name, value in (given or {}).items():
        if name not in known:
            msg = f"Unknown option {name!r}; known are {', '.join(sorted(known))}"
            raise ValueError(msg)
        wanted = type(getattr(defaults, name))
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            msg = f"Option {name!r} must be of type {wanted.__name__}"
            raise ValueError(msg)
        options[name] = value
    return kind(**options)
