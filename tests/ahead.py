"""Lets Home Assistant's test harness run a release newer than the one that it was made for: `pytest -p tests.ahead`."""

# Before anything imports httpx: Home Assistant puts its successor in its place, and fails if that is too late.
from homeassistant.components import logger
from homeassistant.components.logger import helpers

_MOVED = "_clear_logger_overwrites"
# Since 2026.11 it stands in `helpers`; the harness for 2026.10 looks for it in the package.
if not hasattr(logger, _MOVED):
    setattr(logger, _MOVED, getattr(helpers, _MOVED))
