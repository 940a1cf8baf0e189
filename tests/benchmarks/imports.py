"""How long it takes to import the integration, when Home Assistant itself is there already."""

import asyncio
from asyncio.subprocess import PIPE
import statistics
import sys

from .size import Size
from .table import Row

# What of Home Assistant any set-up of an entry has imported already, and what it is told to need.
_PRESENT = """
import importlib
import homeassistant.config_entries
for name in ("binary_sensor", "button", "event", "http", "image", "media_source", "notify", "sensor", "webhook"):
    importlib.import_module(f"homeassistant.components.{name}")
import homeassistant.helpers.selector, homeassistant.components.repairs, homeassistant.components.device_automation
"""
_OURS = """
import importlib, pathlib
folder = pathlib.Path("custom_components/whatsapp_link")
for file in sorted(folder.glob("*.py")):
    importlib.import_module(f"custom_components.whatsapp_link.{file.stem}".removesuffix(".__init__"))
"""


async def measure(size: Size) -> list[Row]:
    """Return the row. Each import is in a process of its own."""
    pairs = [(await _seconds(_OURS, before=_PRESENT), await _seconds("import aiohttp")) for _ in range(size.imports)]
    ours, floor = (statistics.median(each) * 1000 for each in zip(*pairs, strict=True))
    return [Row("import of all of the integration, CPU", ours, "ms", floor, "import aiohttp")]


async def _seconds(code: str, before: str = "") -> float:
    measured = f"{before}\nimport time; started = time.process_time()\n{code}\nprint(time.process_time() - started)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", measured, stdout=PIPE)
    output, _ = await process.communicate()
    return float(output)
