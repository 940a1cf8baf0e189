"""The emulator as a whole: all gateways and the phone on one port."""

import asyncio
import secrets
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from .broken_answers import break_answer
from .clock import Clock
from .evolution import Evolution
from .faults import ANSWER_FAULTS, FaultBook
from .gateway import GatewayServer
from .green_api import GreenApi
from .incoming import write_message
from .instance import Instance
from .model import JsonObject, Message
from .phone import Phone
from .phone_routes import PhoneRoutes, errors_as_json
from .request_log import RequestLog
from .wachat import Wachat
from .waha import Waha
from .wasend import Wasend
from .wawp import Wawp
from .whatsapp_api import WhatsAppApi
from .world import World

# A new gateway is one new file and one line here.
GATEWAYS: tuple[type[GatewayServer], ...] = (GreenApi, Wawp, Wachat, Wasend, WhatsAppApi, Waha, Evolution)

# Screenshots and attachments; the gateways have their own, lower limits.
_MAX_BODY_BYTES = 128 * 1024 * 1024
_SHUTDOWN_REAL_SECONDS = 2.0


class Emulator:
    """The vendors' servers and the phones.

    Use it as an asynchronous context manager; it listens while inside.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        time_scale: float = 1.0,
        seed: str | None = None,
    ) -> None:
        """Prepare an emulator with one instance for each gateway.

        Args:
            host: Address to listen on.
            port: Port to listen on; 0 takes a free one.
            time_scale: How long a vendor's second lasts, in seconds.
            seed: Makes QR texts and pairing codes repeatable; random without it.

        """
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._running: set[asyncio.Task[object]] = set()
        self.phone = Phone()
        self.faults = FaultBook()
        self.world = World(
            clock=Clock(time_scale),
            seed=seed.encode() if seed is not None else secrets.token_bytes(),
            phone=self.phone,
            faults=self.faults,
        )
        self.gateways: dict[str, GatewayServer] = {kind.key: kind(self.world) for kind in GATEWAYS}
        self._by_path = {gateway.path: gateway for gateway in self.gateways.values()}
        self.app = self._make_app()
        for gateway in self.gateways.values():
            gateway.create_instance()

    @property
    def url(self) -> str:
        """Where the emulator listens, as in `http://127.0.0.1:8700`."""
        return self.world.url

    @property
    def clock(self) -> Clock:
        """The vendors' time."""
        return self.world.clock

    @property
    def instances(self) -> list[Instance]:
        """All instances of all gateways."""
        return self.phone.instances

    @property
    def requests(self) -> RequestLog:
        """The requests that came to the gateways."""
        return self.world.requests

    def someone_writes(self, body: JsonObject) -> Message:
        """Have somebody write to an instance; the body is that of the control route.

        As in `{"instance": "1101000001", "from": "+13035550142", "media": {}}`.
        """
        return write_message(self.world, body)[0]

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: The port is taken, or the address is not this machine's.

        """
        # Vendors' paths carry tokens, so there is no access log.
        self._runner = web.AppRunner(
            self.app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_REAL_SECONDS,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self.stop()
            raise
        port = self._runner.addresses[0][1]
        shown_host = "127.0.0.1" if self._host == "0.0.0.0" else self._host
        self.world.url = f"http://{shown_host}:{port}"

    async def stop(self) -> None:
        """Stop listening and leave nothing behind."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        # After the requests, which may still have put something in the background.
        await self.world.background.close()
        await self.world.courier.close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    def _make_app(self) -> web.Application:
        app = web.Application(
            middlewares=[
                self._end_with_emulator,
                errors_as_json,
                self._gateway_request,
            ],
            client_max_size=_MAX_BODY_BYTES,
        )
        PhoneRoutes(self.world, self.gateways).add_routes(app.router)
        self.world.files.add_routes(app.router)
        for gateway in self.gateways.values():
            part = web.Application(client_max_size=_MAX_BODY_BYTES)
            gateway.add_routes(part.router)
            app.add_subapp(f"/{gateway.path}", part)
        app.on_shutdown.append(self._end_requests)
        return app

    @web.middleware
    async def _end_with_emulator(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember who is being answered: long polls and the like end with us."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            return await handler(request)
        finally:
            self._running.discard(task)

    async def _end_requests(self, _app: web.Application) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @web.middleware
    async def _gateway_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log a request to a gateway, and break the answer if a fault waits."""
        gateway = self._by_path.get(request.path.split("/")[1])
        if gateway is None:
            return await handler(request)
        method = gateway.method_of(request)
        entry = self.requests.add(gateway.key, method, gateway.instance_of(request), self.clock.now())
        if fault := self.faults.take(gateway.key, method, ANSWER_FAULTS):
            answer = await break_answer(fault, gateway, self.clock, request, handler)
        else:
            answer = await handler(request)
        entry.status = answer.status
        # Some vendors have it in the body, which a gateway has read only by now.
        entry.instance = entry.instance or gateway.instance_of(request)
        return answer
