"""How long to wait before something is tried again that was of no use."""

import asyncio

_FIRST_PAUSE = 30.0
_LONGEST_PAUSE = 1800.0


class BackOff:
    """Lets something be tried at once, and then less and less often."""

    def __init__(self) -> None:
        """Begin without a pause."""
        self._loop = asyncio.get_running_loop()
        self.reset()

    def reset(self) -> None:
        """Let it be tried at once, as in the beginning."""
        self._pause = _FIRST_PAUSE
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the pause is over."""
        return self._loop.time() >= self._due

    def note_try(self) -> None:
        """Take note that it was tried: the pause after it is twice as long as the one before."""
        self._due = self._loop.time() + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def note_use(self) -> None:
        """Take note that it was of use: the pauses are short again."""
        self._pause = _FIRST_PAUSE
        self._due = min(self._due, self._loop.time() + _FIRST_PAUSE)
