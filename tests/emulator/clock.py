"""The emulator's time: every vendor timer runs on this clock."""

import asyncio
import time


class Clock:
    """Counts vendor seconds, which pass faster when the time scale is below one.

    The monotonic clock is read from the operating system because tests freeze the
    functions of the `time` module, and a vendor's server does not stop with them.
    """

    def __init__(self, scale: float = 1.0) -> None:
        """Start the clock; a scale of 0.1 makes every timer ten times faster."""
        if scale <= 0:
            msg = "The time scale must be greater than 0"
            raise ValueError(msg)
        self.scale = scale
        self._start = time.clock_gettime(time.CLOCK_MONOTONIC)

    def now(self) -> float:
        """Return the vendor seconds since the start."""
        elapsed = time.clock_gettime(time.CLOCK_MONOTONIC) - self._start
        return elapsed / self.scale

    def real(self, seconds: float) -> float:
        """Return how long that many vendor seconds really last."""
        return seconds * self.scale

    async def sleep(self, seconds: float) -> None:
        """Sleep for that many vendor seconds."""
        await asyncio.sleep(self.real(seconds))


def unix_time() -> int:
    """Return the wall clock time that vendors put into messages; it is not scaled."""
    return int(time.time())
