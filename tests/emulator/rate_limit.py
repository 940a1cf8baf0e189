"""Counting requests in a sliding window."""

from collections import defaultdict, deque
from collections.abc import Hashable

from .clock import Clock


class RateLimiter:
    """Says whether one more request is within the limit."""

    def __init__(self, clock: Clock) -> None:
        """Begin with no request counted."""
        self._clock = clock
        self._times: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def allows(self, key: Hashable, limit: int, window: float) -> bool:
        """Count a request, unless `limit` came within the last `window` vendor seconds.

        A refused request is not counted, so a client that waits long enough gets through.
        """
        times = self._times[key]
        now = self._clock.now()
        while times and times[0] <= now - window:
            times.popleft()
        if len(times) >= limit:
            return False
        times.append(now)
        return True
