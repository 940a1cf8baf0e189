"""WAHA's websocket, over which it pushes events (vendor docs, page events)."""

import asyncio
import json
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, WSMsgType, web

from .model import JsonObject
from .waha_events import ENGINE_EVENT, EVENTS

if TYPE_CHECKING:
    from .world import World

# Vendor source, WebsocketHeartbeatJob: a ping that is not answered before the next ends it.
PING_SECONDS = 10
# On a fast clock, a busy machine may be late by more than that.
_PONG_REAL_SECONDS = 0.5
# A client that does not answer the closing handshake must not hold up the end.
_CLOSE_REAL_SECONDS = 0.5
# Vendor source.
_BAD_PARAMETERS = 4001
_SHUTDOWN_REASON = b"Server is shutting down"
_ALL = "*"
_OLD_EVENTS = (_ALL, "session.status")


class BadParameters(Exception):
    """The query makes no sense; the text says why."""


class Subscription:
    """What a client wants to hear of."""

    def __init__(self, request: web.Request, *, old: bool) -> None:
        """Read the query. Both are `*`, if not given.

        Args:
            request: Events are in it one by one, or with commas (vendor docs and source).
            old: The server is v2024.10.8, which knew less (vendor source).

        Raises:
            BadParameters: With a sentence. The vendor's wording is not documented.

        """
        self.session = request.query.get("session", _ALL)
        given = request.query.getall("events", [_ALL])
        self._events = {event.strip() for part in given for event in part.split(",")}
        for event in sorted(self._events):
            if event != _ALL and event not in EVENTS:
                msg = f"Unknown event '{event}'"
                raise BadParameters(msg)
        if old and self.session != _ALL:
            msg = "Only 'session=*' is supported"
            raise BadParameters(msg)
        if old and not self._events.issubset(_OLD_EVENTS):
            msg = f"Only these events are supported: {', '.join(_OLD_EVENTS)}"
            raise BadParameters(msg)

    def wants(self, session: str, event: str) -> bool:
        """Say whether an event of a session is among it."""
        wanted = event in self._events or (_ALL in self._events and event != ENGINE_EVENT)
        return wanted and self.session in (_ALL, session)


class EventHub:
    """All sockets of one server. What happens while there is none is lost."""

    def __init__(self, world: World) -> None:
        """Begin without sockets."""
        self._world = world
        self._sockets: list[EventSocket] = []

    @property
    def count(self) -> int:
        """Return how many sockets there are."""
        return len(self._sockets)

    def publish(self, session: str, event: str, envelope: JsonObject) -> None:
        """Push an event to everybody who wants it."""
        for socket in self._sockets:
            socket.offer(session, event, envelope)

    def drop(self) -> None:
        """Break all connections, as a network does."""
        for socket in list(self._sockets):
            socket.drop()

    async def answer(self, request: web.Request, scope: str, *, old: bool) -> web.StreamResponse:
        """Serve a connection until it ends; `scope` is the only session to be seen, "" for all."""
        try:
            subscription = Subscription(request, old=old)
        except BadParameters as error:
            return await _close_at_once(request, str(error))
        socket = EventSocket(self._world, request, subscription, scope)
        # Before the handshake is over, so that a client that is through misses nothing.
        self._sockets.append(socket)
        try:
            return await socket.serve()
        finally:
            self._sockets.remove(socket)


async def _close_at_once(request: web.Request, reason: str) -> web.StreamResponse:
    socket = web.WebSocketResponse(timeout=_CLOSE_REAL_SECONDS)
    await socket.prepare(request)
    await socket.close(code=_BAD_PARAMETERS, message=json.dumps({"error": reason}).encode())
    return socket


class EventSocket:
    """One connection."""

    def __init__(self, world: World, request: web.Request, subscription: Subscription, scope: str) -> None:
        """Prepare; `serve` does the work."""
        self._clock = world.clock
        self._background = world.background
        self._request = request
        self._subscription = subscription
        self._scope = scope
        # Pings are answered and watched here, on the vendor's clock.
        self._socket = web.WebSocketResponse(timeout=_CLOSE_REAL_SECONDS, autoping=False)
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self._ponged = asyncio.Event()

    def offer(self, session: str, event: str, envelope: JsonObject) -> None:
        """Send an event, if the client wants it and may have it."""
        if self._scope in ("", session) and self._subscription.wants(session, event):
            self._frames.put_nowait(json.dumps(envelope))

    def drop(self) -> None:
        """Break the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def serve(self) -> web.StreamResponse:
        """Push and ping until the client is gone or the server stops, which cancels this."""
        await self._socket.prepare(self._request)
        helpers = [
            self._background.spawn(self._push(), "websocket events"),
            self._background.spawn(self._ping(), "websocket pings"),
        ]
        try:
            await self._read()
        finally:
            for helper in helpers:
                helper.cancel()
            # Of no effect if the client has closed.
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=_SHUTDOWN_REASON)
        return self._socket

    async def _read(self) -> None:
        """Read until the client is gone; nothing that it says matters."""
        async for message in self._socket:
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._ponged.set()

    async def _push(self) -> None:
        try:
            while True:
                await self._socket.send_str(await self._frames.get())
        except ConnectionError:
            # The reader notices, too, and ends all.
            return

    async def _ping(self) -> None:
        await self._clock.sleep(PING_SECONDS)
        try:
            while True:
                self._ponged.clear()
                await self._socket.ping()
                await self._clock.sleep(PING_SECONDS)
                async with asyncio.timeout(_PONG_REAL_SECONDS):
                    await self._ponged.wait()
        except TimeoutError:
            self.drop()
        except ConnectionError:
            return
