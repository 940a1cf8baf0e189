"""What the calls of one WAHA server have in common: its sessions, and a call to them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
import re
from typing import TYPE_CHECKING

from aiohttp import web

from .model import JsonObject
from .waha_checks import Fields
from .waha_errors import forbidden, no_store, not_running, only_default, session_not_found, wrong_status
from .waha_events import milliseconds
from .waha_instance import WahaInstance
from .waha_options import WahaOptions
from .waha_socket import EventHub

if TYPE_CHECKING:
    from .world import World

DEFAULT_SESSION = "default"
# Vendor source: how long a call waits for the session to get the right status.
STATUS_SECONDS = 5
# Which session a request turned out to be about.
SESSION = web.RequestKey("SESSION", str)


class House:
    """The sessions of one server, and who may see them."""

    def __init__(self, world: World, key: str, api_key: str) -> None:
        """Begin without sessions.

        Args:
            world: What the gateways share.
            key: What the phone and the faults call this gateway.
            api_key: WAHA_API_KEY.

        """
        self.world = world
        self.key = key
        self.api_key = api_key
        self.hub = EventHub(world)
        self.sessions: dict[str, WahaInstance] = {}
        # Vendor docs, page security: further keys are for one session each.
        self.scoped_keys: dict[str, str] = {}
        self.started = milliseconds()
        # Whether there is space for files, which /health looks at.
        self.healthy = True
        # The server itself is as the first of its sessions was made.
        self._first: WahaOptions | None = None

    @property
    def options(self) -> WahaOptions:
        """What the server is like, of which a real one has only one engine and version."""
        return self._first or WahaOptions()

    @property
    def core_only(self) -> bool:
        """Say whether this is WAHA Core as it was before 2026.6.1."""
        return self.options.core_only or any(session.options.core_only for session in self.sessions.values())

    def add(
        self,
        name: str,
        number: str,
        options: WahaOptions,
        *,
        token: str | None = None,
        config: JsonObject | None = None,
    ) -> WahaInstance:
        """Make a session; a token of its own opens nothing else."""
        if token is not None and token != self.api_key:
            self.scoped_keys[token] = name
        session = WahaInstance(self.world, self.hub, name, token or self.api_key, number, options, config or {})
        self._first = self._first or options
        self.sessions[name] = session
        self.world.phone.instances.append(session)
        return session

    def create(self, name: str, config: JsonObject | None) -> WahaInstance:
        """Make a session at the wish of a client, on the engine that the server has."""
        options = replace(self.options, linked=False)
        return self.add(name, self.world.phone.free_number(), options, config=config)

    def remove(self, session: WahaInstance) -> None:
        """Delete a session for good."""
        session.discard()
        del self.sessions[session.id]
        self.world.phone.instances.remove(session)


@dataclass(frozen=True)
class Call:
    """A request whose key is known."""

    request: web.Request
    house: House
    # The only session that the key opens, "" for all.
    scope: str = ""
    # What the parts of the path are.
    parts: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)

    @property
    def query(self) -> Fields:
        """The query, to be read and checked."""
        return Fields(self.request.query)

    def check_scope(self, name: str) -> None:
        """Refuse a key that is for another session, and all but one session on old Core."""
        self.request[SESSION] = name
        if self.scope not in ("", name):
            raise forbidden()
        if self.house.core_only and name != DEFAULT_SESSION:
            raise only_default()

    def existing(self, name: str) -> WahaInstance:
        """Return a session in whatever state it is."""
        self.check_scope(name)
        if (session := self.house.sessions.get(name)) is None:
            raise session_not_found()
        return session

    def running(self, name: str) -> WahaInstance:
        """Return a session that runs, in whatever state it is then."""
        self.check_scope(name)
        session = self.house.sessions.get(name)
        if session is None or session.state == "STOPPED":
            raise not_running(name)
        return session

    async def in_status(self, name: str, expected: str) -> WahaInstance:
        """Return a session in a certain status, for which there is some patience."""
        session = self.running(name)
        clock = self.house.world.clock
        deadline = clock.now() + STATUS_SECONDS
        while session.state != expected:
            if (left := deadline - clock.now()) <= 0:
                raise wrong_status(name, session.state, [expected])
            await session.changed.wait(clock.real(left))
        return session

    async def working(self, name: str) -> WahaInstance:
        """Return a session that can do what needs WhatsApp itself."""
        return await self.in_status(name, "WORKING")

    async def with_store(self, name: str) -> WahaInstance:
        """Return a session that has chats and contacts to look up."""
        session = await self.working(name)
        if not session.has_store:
            raise no_store()
        return session


type Answer = Callable[[Call], Awaitable[object]]


@dataclass(frozen=True)
class Route:
    """One call of the API.

    The answer is JSON, nothing at all if it is None, or a response of its own.
    """

    name: str
    verb: str
    path: re.Pattern[str]
    answer: Answer
    # What all that is posted is answered with, unless the vendor OpenAPI says otherwise.
    status: int = 0


def route(name: str, verb: str, path: str, answer: Answer, status: int = 0) -> Route:
    """Return a route whose path is written as in the vendor's OpenAPI, `{session}` and so on."""
    pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)
    return Route(name, verb, re.compile(pattern), answer, status)
