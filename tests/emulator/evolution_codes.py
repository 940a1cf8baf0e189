"""The QR codes of a series as they come, for whoever wants to be told of each."""

from collections.abc import AsyncGenerator

from .clock import Clock
from .pairing import QrCode, QrSeries


async def each_code(codes: QrSeries, clock: Clock) -> AsyncGenerator[QrCode]:
    """Yield each code of a series when it becomes valid, until the series is over."""
    shown = ""
    while True:
        code = codes.current()
        if code is not None and code.text != shown:
            shown = code.text
            yield code
        if (seconds := codes.seconds_to_next()) is None:
            return
        await clock.sleep(seconds)
