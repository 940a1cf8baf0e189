"""What each of many instances costs: to set up, in memory, and while nothing happens."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
import time

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant

from .floor import add_floor, floor_entry
from .home import entry_of, home, set_up, until
from .measure import heap, watching_loop
from .size import Size
from .table import Row
from .vendor import Vendor, vendor
from custom_components.whatsapp_link.gateways import GATEWAYS

# The dearest: a websocket stays open for each.
_GATEWAY = "waha"
_HEAP_LIMIT = 120
_STALL_LIMIT = 20
_FLAT = 1.1
_RESTS = 12.0
_PUSHED = GATEWAYS[_GATEWAY].pace.pushed
# Home Assistant sets all up within seconds, and from then on they are all looked at within seconds.
_CLUMP = 3.0

type Make = Callable[[int], MockConfigEntry]
type Side = tuple[HomeAssistant, Make]


@dataclass(frozen=True)
class Cost:
    """What one of so many costs."""

    cpu_ms: float
    heap_kib: float
    tasks: float


@asynccontextmanager
async def _ours(waha: Vendor) -> AsyncGenerator[Side]:
    async with home() as hass:
        yield hass, lambda number: entry_of(waha.accounts[number], number)


@asynccontextmanager
async def _floor() -> AsyncGenerator[Side]:
    async with home() as hass:
        add_floor(hass)
        yield hass, floor_entry


async def measure(size: Size) -> list[Row]:
    """Return the rows."""
    most = size.counts[-1]
    async with vendor(_GATEWAY, count=most + 1) as waha:
        costs = {count: (await _cost(waha, count), await _cost(None, count)) for count in size.counts}
        ours = await _idle(waha, most, size.idle)
        floor = await _idle(None, most, size.idle)
    return [*_cost_rows(costs), *_idle_rows(most, ours, floor)]


@asynccontextmanager
async def _side(waha: Vendor | None) -> AsyncGenerator[Side]:
    """Open one of the two sides, with an instance that is there already: the first one pays for all others."""
    async with AsyncExitStack() as stack:
        hass, make = await stack.enter_async_context(_ours(waha) if waha else _floor())
        await _bring_up(hass, [make(0)])
        yield hass, make


async def _bring_up(hass: HomeAssistant, entries: Sequence[MockConfigEntry]) -> None:
    await set_up(hass, entries)
    await until(lambda: all(_is_settled(entry) for entry in entries))
    await hass.async_block_till_done()


def _is_settled(entry: MockConfigEntry) -> bool:
    """Whether it is looked at as seldom as it will be: its gateway pushes."""
    return bool(entry.runtime_data.update_interval.total_seconds() == _PUSHED)


async def _cost(waha: Vendor | None, count: int) -> Cost:
    """Set up so many, once for the processor time and once more for the memory."""
    async with _side(waha) as (hass, make):
        entries = [make(number) for number in range(1, count + 1)]
        tasks = len(asyncio.all_tasks())
        started = time.process_time()
        await _bring_up(hass, entries)
        cpu = time.process_time() - started
        tasks = len(asyncio.all_tasks()) - tasks
    async with _side(waha) as (hass, make):
        with heap() as measured:
            entries = [make(number) for number in range(1, count + 1)]
            await _bring_up(hass, entries)
    return Cost(cpu / count * 1000, measured.grown_kib / count, tasks / count)


def _cost_rows(costs: dict[int, tuple[Cost, Cost]]) -> list[Row]:
    rows = []
    beside = "bare coordinator and entities"
    for count, (ours, floor) in costs.items():
        what = f"set-up of {count}"
        rows += [
            Row(f"{what}, CPU each", ours.cpu_ms, "ms", floor.cpu_ms, beside),
            Row(f"{what}, heap each", ours.heap_kib, "KiB", floor.heap_kib, beside, _HEAP_LIMIT, of_value=True),
            Row(f"{what}, tasks each", ours.tasks, "", floor.tasks, beside),
        ]
    _, some, many = costs
    for name in ("cpu_ms", "heap_kib"):
        what, unit = {"cpu_ms": ("CPU", "ms"), "heap_kib": ("heap", "KiB")}[name]
        few, all_of_them = (getattr(costs[count][0], name) for count in (some, many))
        rows.append(Row(f"{what} each of {many}", all_of_them, unit, few, f"each of {some}", _FLAT))
    return rows


@dataclass(frozen=True)
class Idle:
    """What so many cost while nothing happens: percent of a processor, and the longest stall in milliseconds."""

    share: float
    stall_ms: float


async def _idle(waha: Vendor | None, count: int, seconds: float) -> Idle:
    async with _side(waha) as (hass, make):
        entries = [make(number) for number in range(1, count + 1)]
        await _bring_up(hass, entries)
        # What is looked up once, some seconds after the start, is no part of it.
        await asyncio.sleep(min(seconds, _RESTS))
        started = time.process_time()
        await _refresh_evenly(entries[: max(1, int(count * seconds / _PUSHED))], seconds)
        share = (time.process_time() - started) / seconds * 100
        async with watching_loop() as stalls:
            await _refresh_evenly(entries, min(seconds, _CLUMP))
            await asyncio.sleep(min(seconds, _CLUMP))
    return Idle(share, stalls.longest * 1000)


async def _refresh_evenly(entries: Sequence[MockConfigEntry], seconds: float) -> None:
    """Look at each once within so many seconds, as their timers would."""
    async with asyncio.TaskGroup() as group:
        for entry in entries:
            group.create_task(entry.runtime_data.async_refresh())
            await asyncio.sleep(seconds / len(entries))


def _idle_rows(count: int, ours: Idle, floor: Idle) -> list[Row]:
    beside = "bare coordinator and entities"
    what = f"{count} idle instances"
    return [
        Row(f"{what}, share of one processor", ours.share, "%", floor.share, beside),
        Row(f"{what}, longest stall", ours.stall_ms, "ms", floor.stall_ms, beside, _STALL_LIMIT, of_value=True),
    ]
