"""What the dialog shows while it waits for a phone.

Home Assistant ends a progress task, asks the flow what to show next, and tells the browser if that differs from
what was shown before. So there is one such task for each change: a code came, a code went, the pairing ended.
"""

import asyncio
import base64
from contextlib import suppress

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN
from .gateways.gateway import Gateway
from .gateways.model import PairingCode, Session
from .pairing import PAIRING_TIME, Offer, Pairing

# Seconds between two moves of the ring that shows how long the present code still holds.
_RING_STEP = 1.0


class PairingView:
    """Runs one pairing for one flow and shows it there."""

    def __init__(self, flow: ConfigFlow, gateway: Gateway, code: PairingCode | None = None) -> None:
        """Begin to wait: with a pairing code that was given out already, else with QR codes."""
        self._flow = flow
        self._code = code
        self._time_limit = min(code.valid_for, PAIRING_TIME) if code else PAIRING_TIME
        self._started = flow.hass.loop.time()
        self._changed = asyncio.Event()
        self._change: asyncio.Task[None] | None = None
        self._shown: Offer | None = None
        self._pairing = Pairing(
            gateway,
            self._changed.set,
            with_qr=code is None,
            time_limit=self._time_limit,
        )
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
        if self._code:
            action, placeholders = "enter_code", {"code": _grouped(self._code.code)}
        elif self._shown:
            action, placeholders = "scan_qr", {"qr_code": _markdown(self._shown)}
        else:
            action, placeholders = "recovering" if self._pairing.recovering else "wait_for_qr", {}
        return self._flow.async_show_progress(
            step_id=step_id,
            progress_action=action,
            description_placeholders=placeholders,
            progress_task=self._change,
        )

    async def _async_wait_for_change(self) -> None:
        """Wait until the dialog has to show something else; the ring moves meanwhile."""
        while not self._changed.is_set():
            self._flow.async_update_progress(self._time_left())
            with suppress(TimeoutError):
                async with asyncio.timeout(_RING_STEP):
                    await self._changed.wait()

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


def _markdown(offer: Offer) -> str:
    """Return the picture as Markdown: black on white in every theme, and no address that anybody could guess."""
    encoded = base64.b64encode(offer.code.png).decode()
    return f"![QR code](data:image/png;base64,{encoded})"
