"""Copies of the integration to break."""

from collections.abc import Callable, Iterator
from functools import cache
import json
from pathlib import Path
import shutil
from typing import Any

from tests.checks.files import INTEGRATION, Integration

type Check = Callable[[Integration], Iterator[str]]
type Change = Callable[[Integration], None]

_BESIDE = ("README.md", "pyproject.toml", "scripts/test", "tests/coverage_of_flows.py", "tests/test_config_flow.py")


def copy_to(folder: Path) -> Integration:
    """Copy the integration, and what of the repository its checks read."""
    root = folder / "custom_components" / INTEGRATION.root.name
    shutil.copytree(INTEGRATION.root, root, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _BESIDE:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(INTEGRATION.repository / name, folder / name)
    shutil.copytree(INTEGRATION.repository / "docs", folder / "docs", ignore=shutil.ignore_patterns("images"))
    return Integration(root)


def sets(name: str, path: str, value: Any) -> Change:
    """Return what sets a value in a JSON file; the path has slashes between its keys."""

    def change(copy: Integration) -> None:
        content = copy.json(name)
        *outer, last = path.split("/")
        part = content
        for key in outer:
            part = part[key]
        part[last] = value
        writes(name, json.dumps(content))(copy)

    return change


def drops(name: str, path: str) -> Change:
    """Return what takes a key out of a JSON file."""

    def change(copy: Integration) -> None:
        content = copy.json(name)
        *outer, last = path.split("/")
        part = content
        for key in outer:
            part = part[key]
        del part[last]
        writes(name, json.dumps(content))(copy)

    return change


def writes(name: str, text: str) -> Change:
    """Return what writes a whole file."""

    def change(copy: Integration) -> None:
        (copy.root / name).write_text(text)

    return change


def leaves_only(name: str, text: str) -> Change:
    """Return what puts one module in the place of all."""

    def change(copy: Integration) -> None:
        for path in copy.root.rglob("*.py"):
            path.unlink()
        writes(name, text)(copy)

    return change


def removes(name: str) -> Change:
    """Return what removes a file."""

    def change(copy: Integration) -> None:
        (copy.root / name).unlink()

    return change


def replaces(name: str, old: str, new: str) -> Change:
    """Return what replaces every occurrence of a text, which has to be there."""

    def change(copy: Integration) -> None:
        text = (copy.root / name).read_text()
        assert old in text, f"{old!r} is not in {name} any more: choose something else to break"
        writes(name, text.replace(old, new))(copy)

    return change


def new_problems(check: Check, change: Change, folder: Path) -> set[str]:
    """Return what a check finds in a changed copy, and not in the integration as it is."""
    copy = copy_to(folder)
    change(copy)
    # The copy keeps in mind what the change has read of it.
    return set(check(Integration(copy.root))) - _problems(check)


@cache
def _problems(check: Check) -> set[str]:
    return set(check(INTEGRATION))
