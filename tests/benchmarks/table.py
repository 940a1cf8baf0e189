"""The rows of the benchmark, as a table for people and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

_HEAD = ("what", "value", "floor", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured.

    `floor` is what it is compared with, and `beside` says what that is: the least that it can cost, measured in the same
    run, or, of what is waited for, how long that may take. `limit` is the target: for the ratio to the floor, or for the
    value itself with `of_value`. `must` is for what is wrong, and not only slow, if it is missed.
    """

    what: str
    value: float
    unit: str
    floor: float | None = None
    beside: str = ""
    limit: float | None = None
    of_value: bool = False
    must: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times the floor it is; None without a floor to compare with."""
        return self.value / self.floor if self.floor else None

    @property
    def verdict(self) -> str:
        """`ok` or `missed`; empty without a target."""
        measured = self.value if self.of_value else self.ratio
        if self.limit is None or measured is None:
            return ""
        return "ok" if measured <= self.limit else "missed"

    @property
    def is_wrong(self) -> bool:
        """Whether something was lost or out of order."""
        return self.must and self.verdict == "missed"

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        floor = "" if self.floor is None else f"{_short(self.floor)} {self.unit}".strip()
        return (
            self.what,
            f"{_short(self.value)} {self.unit}".strip(),
            f"{floor} ({self.beside})" if floor and self.beside else floor or self.beside,
            "" if self.ratio is None else f"{self.ratio:.2f}x",
            self._target,
            self.verdict,
        )

    @property
    def _target(self) -> str:
        if self.limit is None:
            return ""
        return f"<= {_short(self.limit)} {self.unit}".strip() if self.of_value else f"<= {_short(self.limit)}x"

    def as_json(self) -> dict[str, object]:
        """Return the row with what follows from it."""
        return asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


def as_text(rows: Iterable[Row]) -> str:
    """Return the rows as a table with aligned columns."""
    lines = [_HEAD, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *(row.cells for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(number: float) -> str:
    """Return a number with as many digits as say something."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:.0f}"
    return f"{number:.3g}"
