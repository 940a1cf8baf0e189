"""Fails unless every line and branch of the config flow is covered: `python -m tests.coverage_of_flows REPORT`."""

import json
from pathlib import Path
import sys

_FLOWS = (
    "config_flow.py",
    "instance_flow.py",
    "options_flow.py",
    "pairing_flow.py",
    "pairing_view.py",
    "recipient_flow.py",
)


def main(report: Path) -> int:
    """Print the coverage of each file of the flow; return 1 if one is not whole."""
    files = json.loads(report.read_text())["files"]
    covered = {
        path.rpartition("/")[2]: entry["summary"]["percent_covered"]
        for path, entry in files.items()
        if path.endswith(_FLOWS)
    }
    for name in _FLOWS:
        print(f"{name}: {covered.get(name, 0):.0f} % covered")
    return 0 if all(covered.get(name) == 100 for name in _FLOWS) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
