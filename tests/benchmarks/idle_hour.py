"""How often each gateway is asked by a linked instance with nothing to do."""

import asyncio

from .home import entry_of, home, set_up
from .size import Size
from .table import Row
from .vendor import vendor
from custom_components.whatsapp_link.gateways import GATEWAYS

_SETTLING = 180.0
_LIMIT = 120
# What is pushed has not to be asked for. GREEN-API holds a question for a minute at most; those that tell nothing by
# themselves (Wawp on its free plan) name no pace, so the floor is a look once a minute.
_FLOORS = {"green_api": 60, "wawp": 60, "wasend": 60, "whatsapp_api": 60}


async def measure(size: Size) -> list[Row]:
    """Return a row for each gateway; all go side by side, on a clock that runs faster."""
    async with vendor(*GATEWAYS, time_scale=1 / size.hour_speed) as vendors, home() as hass:
        await set_up(hass, [entry_of(account, number) for number, account in enumerate(vendors.accounts)])
        await asyncio.sleep(_SETTLING)
        await vendors.tell("reset")
        await asyncio.sleep(size.hour)
        counted = await vendors.tell("requests")
    return [
        Row(
            f"requests in an idle hour, {GATEWAYS[key].name}",
            counted[key] * 3600 / size.hour,
            "",
            _FLOORS.get(key, 0),
            "asked" if key in _FLOORS else "pushed",
            _LIMIT,
            of_value=True,
        )
        for key in GATEWAYS
    ]
