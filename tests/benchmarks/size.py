"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How often, how long and how many.

    `counts` are the instances that are set up; `speed` is how much faster the clock runs where people and vendors are
    waited for, and `hour_speed` where an hour goes by, `hour` seconds of it.
    """

    rounds: int
    repeats: int
    sends: int
    calls: int
    burst: int
    refreshes: int
    counts: tuple[int, ...]
    idle: float
    phones: int
    speed: float
    hour_speed: float
    hour: float
    imports: int


FULL = Size(
    rounds=20, repeats=50, sends=400, calls=100, burst=1000, refreshes=10_000, counts=(1, 50, 500), idle=20,
    phones=4, speed=1, hour_speed=60, hour=1800, imports=7,
)  # fmt: skip
QUICK = Size(
    rounds=3, repeats=10, sends=20, calls=10, burst=30, refreshes=100, counts=(1, 5, 10), idle=1,
    phones=1, speed=20, hour_speed=120, hour=200, imports=1,
)  # fmt: skip
