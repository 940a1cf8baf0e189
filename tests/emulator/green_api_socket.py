"""GREEN-API's websocket for QR codes (page scanqrcode)."""

import base64
from collections.abc import Callable
import json
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from .green_api_instance import GreenApiInstance
from .model import JsonObject

if TYPE_CHECKING:
    from .pairing import QrCode
    from .world import World

# Then `timeoutExpired`, and the client has to come again.
SCAN_WINDOW_SECONDS = 100
# A client that does not answer the closing handshake must not hold up the end.
_CLOSE_REAL_SECONDS = 0.5

_ALREADY_LOGGED = "instance account already authorized"
_HAS_AUTH = "Instance has auth. You need to make log out"


def qr_message(instance: GreenApiInstance, picture: Callable[[QrCode], bytes]) -> JsonObject | None:
    """Return what method qr and the websocket say now, None while there is no code.

    Page QR. "Instance has auth" means data that no longer do for a login: that is how a
    banned account is seen here.
    """
    if instance.state == "blocked":
        return {"type": "error", "message": _HAS_AUTH}
    if instance.authorized:
        return {"type": "alreadyLogged", "message": _ALREADY_LOGGED}
    if (code := instance.codes.current()) is None:
        return None
    return {"type": "qrCode", "message": base64.b64encode(picture(code)).decode()}


class QrSocket:
    """One connection: frames until the phone is linked or the time is over."""

    def __init__(
        self,
        world: World,
        instance: GreenApiInstance,
        picture: Callable[[QrCode], bytes],
    ) -> None:
        """Prepare; `picture` makes the PNG."""
        self._clock = world.clock
        self._background = world.background
        self._instance = instance
        self._picture = picture
        self._socket = web.WebSocketResponse(timeout=_CLOSE_REAL_SECONDS)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve the connection until it ends."""
        await self._socket.prepare(request)
        leaving = self._background.spawn(self._watch_client(), "websocket reader")
        try:
            await self._push()
        finally:
            # Closing ends the reader, too, if the client takes part in it.
            await self._socket.close(code=WSCloseCode.OK)
            leaving.cancel()
        return self._socket

    async def _watch_client(self) -> None:
        """Read until the client is gone; it has nothing to say."""
        async for _ in self._socket:
            pass
        self._instance.changed.ring()

    async def _push(self) -> None:
        """Send frames; the official client closes at the first that is no code."""
        window_end = self._clock.now() + SCAN_WINDOW_SECONDS
        shown: QrCode | None = None
        waiting = False
        while not self._socket.closed:
            code = self._instance.codes.current()
            if code is None or code is not shown:
                frame = qr_message(self._instance, self._picture)
                if frame is not None and frame["type"] == "alreadyLogged" and waiting:
                    frame = self._account_data()
                if frame is not None:
                    await self._socket.send_json(frame)
                    if frame["type"] != "qrCode":
                        return
                shown = code
            waiting = True
            left = window_end - self._clock.now()
            if left <= 0:
                await self._socket.send_json({"type": "timeoutExpired", "message": ""})
                return
            await self._instance.changed.wait(self._clock.real(self._pause(left)))

    def _pause(self, left: float) -> float:
        """Return the vendor seconds until there is something to send."""
        to_next = self._instance.codes.seconds_to_next()
        return left if to_next is None else min(left, max(to_next, 0))

    def _account_data(self) -> JsonObject:
        """Return the frame of success. Its exact form is not documented."""
        data: JsonObject = {
            "wid": self._instance.wid,
            "pushname": "",
            "proxy": "",
            "webhookUrl": self._instance.webhook_url,
        }
        as_text = self._instance.options.account_data_as_text
        return {
            "type": "accountData",
            "message": json.dumps(data) if as_text else data,
        }
