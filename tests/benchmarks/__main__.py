"""Measure everything and print the table: `python -m tests.benchmarks [--quick]`."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
import json
from multiprocessing import get_context
import os
from pathlib import Path
import platform
import sys

from homeassistant.const import __version__ as home_assistant_version

from .groups import GROUPS, run
from .size import FULL, QUICK
from .table import Row, as_markdown, as_text

_RESULTS = Path(__file__).parents[2] / "build" / "bench"


def _machine() -> dict[str, object]:
    """Return what the numbers depend on."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "home_assistant": home_assistant_version,
        "cpu": cpu,
        "cores": os.cpu_count(),
    }


def main() -> int:
    """Return 0 unless something was lost or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measures the integration.")
    parser.add_argument("--quick", action="store_true", help="ten instances and few repeats: whether it runs at all")
    parser.add_argument("--only", choices=GROUPS, help="one part of it")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="the folder for results.json and table.md")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    rows: list[Row] = []
    for group in [given.only] if given.only else GROUPS:
        # Each in a process of its own: what one leaves in the memory would make the next slower.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            found = pool.submit(run, group, size).result()
        rows += found
        sys.stderr.write(f"measured: {group}\n")
    machine = _machine()
    described = ", ".join(f"{name} {value}" for name, value in machine.items())
    sys.stdout.write(f"{as_text(rows)}\n\n{described}\n")
    given.results.mkdir(parents=True, exist_ok=True)
    results = machine | {"quick": given.quick, "rows": [row.as_json() for row in rows]}
    (given.results / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (given.results / "table.md").write_text(as_markdown(rows) + "\n")
    return int(any(row.is_wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
