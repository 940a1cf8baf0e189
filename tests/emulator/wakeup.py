"""Waking whoever waits for something to change."""

import asyncio


class Wakeup:
    """A bell: it wakes all who wait now, and none who come later."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, real_seconds: float | None = None) -> bool:
        """Wait for the bell and say whether it rang in time."""
        try:
            async with asyncio.timeout(real_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
