"""What the dialog shows while it waits for a phone.

Home Assistant ends a progress task, asks the flow what to show next, and tells the browser if that differs from
what was shown before. So there is one such task for each change: a code came, a code went, the pairing ended.
"""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN
from .gateways.model import PairingCode, QrCode, Session
from .pairing import PAIRING_TIME, Offer, Watch

# Seconds between two moves of the ring that shows how long the present code still holds.
_RING_STEP = 1.0
# A dialog begins to listen for changes only when it has shown the first of these steps. A local gateway is faster: what
# changes within so many seconds is told once more.
_DEAF = 3.0
# A browser that is asleep, as on the phone into which somebody types a code, hears nothing: it is told of the end every
# so many seconds, for so many times.
_TELL_EVERY = 5.0
_TIMES_TOLD = 60


class MakeWatch(Protocol):
    """Makes what waits for the phone and calls `on_change` at each change, for so many seconds."""

    def __call__(self, on_change: Callable[[], None], *, time_limit: float) -> Watch:
        """Return it."""


class PairingView:
    """Runs one pairing for one flow and shows it there."""

    def __init__(self, flow: ConfigFlow, make_watch: MakeWatch, gateway_name: str) -> None:
        """Begin to wait."""
        self._flow = flow
        self._gateway_name = gateway_name
        self._time_limit = PAIRING_TIME
        self._started = flow.hass.loop.time()
        self._changed = asyncio.Event()
        self._change: asyncio.Task[None] | None = None
        self._shown: Offer[QrCode] | Offer[PairingCode] | None = None
        self._pairing = make_watch(self._changed.set, time_limit=self._time_limit)
        self._task = flow.hass.async_create_background_task(self._pairing.run(), f"{DOMAIN} pairing in a flow")
        self._task.add_done_callback(lambda _: self._changed.set())

    def stop(self) -> None:
        """Wait no longer. The end of the pairing is also a change, so nothing is left behind."""
        self._task.cancel()

    @property
    def ended(self) -> bool:
        """Whether there is a result."""
        return self._task.done()

    def result(self) -> Session:
        """Return the linked session. Raises PairingTimeout or another GatewayError."""
        return self._task.result()

    def show(self, step_id: str) -> ConfigFlowResult:
        """Return the progress step as it looks now.

        The browser asks for the step whenever it likes: what it sees changes only together with the task.
        """
        if self._change is None or self._change.done():
            self._changed.clear()
            self._shown = self._pairing.offer
            self._change = self._flow.hass.async_create_background_task(
                self._async_wait_for_change(), f"{DOMAIN} change of the dialog"
            )
        code = self._shown.code if self._shown else None
        if isinstance(code, PairingCode):
            action, placeholders = "enter_code", {"code": _grouped(code.code)}
        elif code:
            action, placeholders = "scan_qr", {"qr_code": _markdown(code)}
        else:
            action, placeholders = self._pairing.obstacle or "wait_for_qr", {"gateway": self._gateway_name}
        return self._flow.async_show_progress(
            step_id=step_id,
            progress_action=action,
            description_placeholders=placeholders,
            progress_task=self._change,
        )

    async def _async_wait_for_change(self) -> None:
        """Wait until the dialog has to show something else; the ring moves meanwhile."""
        may_be_missed = self._flow.hass.loop.time() - self._started < _DEAF
        while not self._changed.is_set():
            self._flow.async_update_progress(self._time_left())
            with suppress(TimeoutError):
                async with asyncio.timeout(_RING_STEP):
                    await self._changed.wait()
            if may_be_missed and not self._changed.is_set():
                self._flow.async_notify_flow_changed()
                may_be_missed = False

    def tell_of_end(self) -> asyncio.Task[None]:
        """Tell the browser until it comes for what is next, which Home Assistant does only once."""
        return self._flow.hass.async_create_background_task(self._async_tell_of_end(), f"{DOMAIN} end of a pairing")

    async def _async_tell_of_end(self) -> None:
        for _ in range(_TIMES_TOLD):
            await asyncio.sleep(_TELL_EVERY)
            self._flow.async_notify_flow_changed()

    def _time_left(self) -> float:
        """Return how much of the time of what is shown is left, from 1 to 0."""
        now = self._flow.hass.loop.time()
        if self._shown:
            left = (self._shown.expires - now) / self._shown.code.valid_for
        else:
            left = 1 - (now - self._started) / self._time_limit
        return min(max(left, 0), 1)


def _grouped(code: str) -> str:
    """Return a pairing code as the phone shows it, in two groups of four."""
    return f"{code[:4]}-{code[4:]}" if len(code) == 8 else code


def _markdown(code: QrCode) -> str:
    """Return the picture as Markdown: black on white in every theme, and no address that anybody could guess."""
    encoded = base64.b64encode(code.png).decode()
    return f"![QR code](data:image/png;base64,{encoded})"
