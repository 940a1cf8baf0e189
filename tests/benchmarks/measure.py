"""Measuring time, processor time, memory and how long the event loop stood still."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
import gc
import selectors
import statistics
import time
import tracemalloc
from typing import Any

type Work = Callable[[], Awaitable[Any]]

# The ticks by which a loop that stands still is noticed.
_TICK = 0.001
_MIB = 1024 * 1024


async def cpu_of(work: Work, count: int) -> float:
    """Return the processor time that one of so many runs takes, in seconds."""
    started = time.process_time()
    for _ in range(count):
        await work()
    return (time.process_time() - started) / count


async def compare_cpu(work: Work, floor: Work, *, rounds: int, count: int) -> tuple[float, float]:
    """Return the processor time of each in milliseconds. They take turns, so that noise meets both."""
    await work()
    await floor()
    pairs = [(await cpu_of(work, count), await cpu_of(floor, count)) for _ in range(rounds)]
    return median_ms(pair[0] for pair in pairs), median_ms(pair[1] for pair in pairs)


async def compare_time(work: Work, floor: Work, count: int) -> tuple[list[float], list[float]]:
    """Return how long each run of each took, in seconds. They take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for taken, each in zip(times, (work, floor), strict=True):
            started = time.perf_counter()
            await each()
            taken.append(time.perf_counter() - started)
    return times


def median_ms(seconds: Sequence[float] | Generator[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(seconds) * 1000


def percentile_ms(seconds: Sequence[float], percent: int) -> float:
    """Return what so many percent stay below, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000


@dataclass
class Heap:
    """What was allocated, in bytes: `grown` is still there, `peak` was there at the same time."""

    grown: int = 0
    peak: int = 0

    @property
    def grown_kib(self) -> float:
        """The same in KiB."""
        return self.grown / 1024

    @property
    def peak_mib(self) -> float:
        """The same in MiB."""
        return self.peak / _MIB


@contextmanager
def heap() -> Generator[Heap]:
    """Measure what is allocated by Python inside; that slows it down."""
    measured = Heap()
    gc.collect()
    tracemalloc.start()
    try:
        yield measured
        measured.peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        measured.grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@dataclass
class Stalls:
    """The longest time that the loop stood still because of what it computed, in seconds."""

    longest: float = 0


@asynccontextmanager
async def watching_loop() -> AsyncGenerator[Stalls]:
    """Notice when the loop stands still. What other programs of the machine take from it does not count."""
    stalls = Stalls()

    async def tick() -> None:
        while True:
            used, due = time.thread_time(), time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            late = time.perf_counter() - due
            stalls.longest = max(stalls.longest, min(late, time.thread_time() - used))

    task = asyncio.create_task(tick())
    try:
        yield stalls
    finally:
        task.cancel()


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs faster, and with it all that waits: nothing else has to be changed for that."""

    def __init__(self, speed: float) -> None:
        """Take how many seconds pass in each."""
        self._speed = speed
        super().__init__(_FastSelector(speed))

    def time(self) -> float:
        """Return the seconds that have passed."""
        return super().time() * self._speed


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / self._speed)
