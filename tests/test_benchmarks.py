"""That the benchmark runs, on few instances: what it measures here says nothing, and no time is asserted."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

from custom_components.whatsapp_link.gateways import GATEWAYS
from tests.benchmarks.table import Row, as_markdown, as_text

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[1]
# What each part begins its rows with; of the pairing, each gateway has some.
PARTS = {
    "one": ["one refresh", "states written", "heap growth", "notify.send_message", "QR code"],
    "receiving": ["webhook call", "burst of 30 in", "burst of 30 out", "states written"],
    "pairing": [f"scan to linked, {gateway.name}" for gateway in GATEWAYS.values()],
    "idle_hour": [f"requests in an idle hour, {gateway.name}" for gateway in GATEWAYS.values()],
    "many": ["set-up of 1,", "set-up of 10,", "10 idle instances"],
    "imports": ["import"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the results of a quick run of all parts."""
    folder: Path = tmp_path_factory.mktemp("benchmark")
    command = (sys.executable, "-m", "tests.benchmarks", "--quick", "--results", str(folder))
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return folder


@pytest.mark.parametrize("part", PARTS)
def test_quick(folder: Path, part: str) -> None:
    """Each part measures what it is about."""
    rows = json.loads((folder / "results.json").read_text())["rows"]
    for beginning in PARTS[part]:
        assert any(row["what"].startswith(beginning) for row in rows), beginning


def test_results(folder: Path) -> None:
    """Nothing is lost or out of order, and the table is written as well."""
    results = json.loads((folder / "results.json").read_text())
    assert results["quick"] is True
    assert results["home_assistant"]
    rows = results["rows"]
    assert all(isinstance(row["value"], int | float) for row in rows)
    assert all(row["value"] == 0 for row in rows if row["must"])
    # Counts are the same on any machine.
    assert all(row["verdict"] == "ok" for row in rows if row["what"].startswith("states written"))
    assert (folder / "table.md").read_text().count("\n") == len(rows) + 2


@pytest.mark.parametrize(
    ("row", "verdict", "is_wrong"),
    [
        (Row("within", 3, "ms", 2, limit=1.5), "ok", False),
        (Row("above", 3.1, "ms", 2, limit=1.5), "missed", False),
        (Row("without target", 3, "ms", 2), "", False),
        (Row("without floor", 3, "", 0, limit=2), "", False),
        (Row("value within", 3, "ms", 9, limit=3, of_value=True), "ok", False),
        (Row("lost", 1, "", 0, limit=0, of_value=True, must=True), "missed", True),
        (Row("none lost", 0, "", 0, limit=0, of_value=True, must=True), "ok", False),
    ],
    ids=lambda value: value.what.replace(" ", "-") if isinstance(value, Row) else None,
)
def test_verdict(row: Row, verdict: str, is_wrong: bool) -> None:
    """A target is met or missed, and something that was lost is more than slow."""
    assert (row.verdict, row.is_wrong) == (verdict, is_wrong)


def test_table() -> None:
    """Columns stand below each other; numbers have as many digits as say something."""
    rows = [Row("a refresh", 0.12345, "ms", 0.1, "a GET", 1.5), Row("lost", 0, "", 0, limit=0, of_value=True)]
    head, first, second = as_text(rows).splitlines()
    assert first == "a refresh  0.123 ms  0.1 ms (a GET)  1.23x  <= 1.5x  ok"
    assert head.index("target") == first.index("<= 1.5x") == second.index("<= 0")
    assert as_markdown(rows).splitlines()[-1] == "| lost | 0 | 0 |  | <= 0 | ok |"
