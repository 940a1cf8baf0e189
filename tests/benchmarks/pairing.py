"""How soon a scan and a new code are seen, at each gateway."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
import random
import time
from typing import Any

from homeassistant.core import callback

from .home import entry_of, home, set_up, until
from .measure import percentile_ms
from .size import Size
from .table import Row
from .vendor import Account, Vendor, vendor
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability

# The first code of some holds for a minute, and then it takes a while until they are asked for the next.
_WATCHING = 80.0
# People scan at any time within the interval at which a gateway is asked.
_SPREAD = 6.0
_PATIENCE = 60.0
# A code may be seen here before whoever watches over the codes looks again; real seconds.
_BLUR = 0.25


@dataclass
class _Seen:
    """What became known of one instance in Home Assistant, and when by the monotonic clock."""

    account: Account
    codes: list[float] = field(default_factory=list)
    linked: float = 0.0
    _png: bytes = b""

    @callback
    def look(self, coordinator: Any) -> None:
        """Note a picture that was not there before, and that a phone is linked."""
        code = coordinator.qr_code
        if code and code.png != self._png:
            self._png = code.png
            self.codes.append(time.monotonic())
        if not self.linked and coordinator.data.state.is_linked:
            self.linked = time.monotonic()


async def measure(size: Size) -> list[Row]:
    """Return two rows for each gateway; all go side by side."""
    speed = size.speed
    async with vendor(*GATEWAYS, count=size.phones, time_scale=1 / speed, linked=False) as vendors, home() as hass:
        await vendors.tell("watch")
        entries = [entry_of(account, number, receiving="off") for number, account in enumerate(vendors.accounts)]
        await set_up(hass, entries)
        seen = [_Seen(account) for account in vendors.accounts]
        for each, entry in zip(seen, entries, strict=True):
            coordinator = entry.runtime_data
            coordinator.async_add_listener(lambda each=each, coordinator=coordinator: each.look(coordinator))
        await asyncio.sleep(_WATCHING)
        changes = await vendors.tell("changes")
        scans = await asyncio.gather(*(_scan(vendors, each) for each in seen))
        await until(lambda: all(each.linked for each in seen), _PATIENCE)
    linked: dict[str, list[float]] = defaultdict(list)
    shown: dict[str, list[float]] = defaultdict(list)
    for each, scanned in zip(seen, scans, strict=True):
        linked[each.account.gateway].append((each.linked - scanned) * speed)
        turns = [moment for name, moment in changes if name == each.account.name]
        shown[each.account.gateway] += [delay * speed for delay in _delays(turns, each.codes)]
    return [row for key in GATEWAYS for row in _rows(key, linked[key], shown[key])]


async def _scan(vendors: Vendor, seen: _Seen) -> float:
    """Scan at some moment, and return when that was."""
    await asyncio.sleep(random.uniform(0, _SPREAD))
    async with asyncio.timeout(_PATIENCE):
        while True:
            scanned: float | None = await vendors.tell("scan", instance=seen.account.name)
            if scanned is not None:
                return scanned
            await asyncio.sleep(0.5)


def _delays(turns: list[float], shown: list[float]) -> list[float]:
    """Return how long after each change of the code its picture was there. The first was there before anybody looked."""
    delays = []
    for turn, following in pairwise([*turns[1:], float("inf")]):
        found = [moment for moment in shown if turn <= moment + _BLUR < following]
        if found:
            delays.append(max(0.0, found[0] - turn))
    return delays


def _rows(key: str, linked: list[float], shown: list[float]) -> list[Row]:
    gateway = GATEWAYS[key]
    pushed = Capability.WATCH_QR in gateway.capabilities
    pace = gateway.pace
    scan_floor, code_floor = (0.0, 0.0) if pushed else (pace.pairing, max(pace.code, pace.pairing))
    beside = "pushed" if pushed else "asked every so often"
    rows = []
    for what, seconds, floor in (
        ("scan to linked", linked, scan_floor),
        ("new code to picture", shown, code_floor),
    ):
        for percent in (50, 95) if seconds else ():
            value = percentile_ms(seconds, percent) / 1000
            rows.append(Row(f"{what}, {gateway.name}, p{percent}", value, "s", floor, beside))
    return rows
