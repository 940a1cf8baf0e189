"""The parts of the benchmark, each of which runs in a process of its own."""

import asyncio
from collections.abc import Callable, Coroutine
import logging
from typing import Any

import homeassistant  # noqa: F401 # it takes the place of voluptuous, and has to be there before anybody imports that

from . import idle_hour, imports, many_instances, one_instance, pairing, receiving
from .measure import FastLoop
from .size import Size
from .table import Row

type Measure = Callable[[Size], Coroutine[Any, Any, list[Row]]]

GROUPS: dict[str, tuple[Measure, Callable[[Size], float]]] = {
    "one": (one_instance.measure, lambda size: 1),
    "receiving": (receiving.measure, lambda size: 1),
    "pairing": (pairing.measure, lambda size: size.speed),
    "idle_hour": (idle_hour.measure, lambda size: size.hour_speed),
    "many": (many_instances.measure, lambda size: 1),
    "imports": (imports.measure, lambda size: 1),
}
"""What is measured, and how fast the clock runs meanwhile."""


def run(group: str, size: Size) -> list[Row]:
    """Measure one part and return its rows."""
    logging.disable(logging.WARNING)
    measure, speed_of = GROUPS[group]
    speed = speed_of(size)
    with asyncio.Runner(loop_factory=None if speed == 1 else lambda: FastLoop(speed)) as runner:
        return runner.run(measure(size))
