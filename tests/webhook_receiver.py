"""Somebody's server on loopback, to which an emulated vendor brings its webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

# Nothing more is expected to come by then.
_QUIET_SECONDS = 0.15


@dataclass(frozen=True)
class Delivered:
    """One request that came."""

    path: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Receiver:
    """Takes what is delivered, or refuses it for as long as there are statuses to do so with."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self.url = ""
        self.refusals: list[int] = []
        self.all: list[Delivered] = []
        self._unread: asyncio.Queue[Delivered] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        """Answer a delivery."""
        delivered = Delivered(request.path, request.headers, await request.read())
        self.all.append(delivered)
        self._unread.put_nowait(delivered)
        return web.Response(status=self.refusals.pop(0) if self.refusals else 200)

    async def next(self) -> Delivered:
        """Return the next delivery that was not looked at yet."""
        async with asyncio.timeout(20):
            return await self._unread.get()

    async def event(self, name: str = "") -> Any:
        """Return the next event, passing over those of other names."""
        while True:
            event = (await self.next()).json
            if name in ("", event["event"]):
                return event

    async def payload(self, name: str) -> Any:
        """Return what is in the next event of that name."""
        return (await self.event(name))["payload"]

    async def names(self, count: int) -> list[str]:
        """Return the names of the next events."""
        return [(await self.event())["event"] for _ in range(count)]

    async def rest(self) -> list[Any]:
        """Return what else comes until all is quiet."""
        found = []
        try:
            while True:
                async with asyncio.timeout(_QUIET_SECONDS):
                    found.append((await self._unread.get()).json)
        except TimeoutError:
            return found


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen for as long as this is entered."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
