"""Figures that tests measure, shown at the end of the run, whichever process measured them. None of them is a limit."""

from collections.abc import Callable, Generator, Iterator

import pytest

_PROPERTY = "measured"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Generator[list[str]]:
    """Return a list for the lines to show."""
    lines: list[str] = []
    yield lines
    for line in lines:
        record_property(_PROPERTY, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the lines under the tests that they come from."""
    shown: dict[str, list[str]] = {}
    for test, line in _measured(terminalreporter):
        shown.setdefault(test, []).append(line)
    if shown:
        terminalreporter.section("measured")
    for test, lines in sorted(shown.items()):
        for line in (test, *(f"  {line}" for line in lines)):
            terminalreporter.write_line(line)


def _measured(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, str]]:
    """Yield each line, and the test that it comes from, of whichever parameters."""
    for reports in terminalreporter.stats.values():
        for each in reports:
            # What a test leaves is in its last report.
            if isinstance(each, pytest.TestReport) and each.when == "teardown":
                lines = (str(value) for name, value in each.user_properties if name == _PROPERTY)
                yield from ((each.nodeid.partition("[")[0], line) for line in lines)
