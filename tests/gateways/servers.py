"""Small servers on loopback that say what a test wants them to say."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Where a server listens, and the method and path of every request that came."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)


def always(
    status: int = 200, body: bytes | str = b"", content_type: str = "application/json", **headers: str
) -> Handler:
    """Return a handler that always gives the same answer; `_` in the name of a header stands for `-`."""
    content = body.encode() if isinstance(body, str) else body

    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=content, content_type=content_type, headers=named)

    return answer


@asynccontextmanager
async def serve(handler: Handler) -> AsyncGenerator[Server]:
    """Let a handler answer every request, whatever its path."""

    async def answer(request: web.Request) -> web.StreamResponse:
        server.requests.append((request.method, request.path))
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = Server(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_bytes(answer: bytes) -> AsyncGenerator[Server]:
    """Send these bytes as the answer to every request, valid or not, and hang up."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            verb, path, _ = head.split(" ", 2)
            server.requests.append((verb, path))
            writer.write(answer)
            await writer.drain()
        except asyncio.IncompleteReadError, OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server = Server(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    async with listening:
        yield server
