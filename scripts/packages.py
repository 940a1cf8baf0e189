"""Prints what the tests need beside a release of Home Assistant: `packages.py FOLDER`, where that release is unpacked.

These are the names that pyproject.toml lists, each in the version that the manifests of this release ask for. What it does
not ask for is left out; the test tools come without a version.
"""

from importlib.metadata import distributions
import json
from pathlib import Path
import re
import sys
import tomllib

_ROOT = Path(__file__).parents[1]


def _name(requirement: str) -> str:
    return re.split(r"[=<>~! \[;]", requirement, maxsplit=1)[0]


def _asked_for(release: Path) -> dict[str, str]:
    """Return the requirements of all integrations of a release, and of this one, by name."""
    folders = (release / "homeassistant" / "components", _ROOT / "custom_components")
    manifests = [json.loads(file.read_text()) for folder in folders for file in folder.glob("*/manifest.json")]
    return {_name(asked): asked for manifest in manifests for asked in manifest.get("requirements", ())}


def main(release: Path) -> None:
    """Print one requirement a line, first Home Assistant itself."""
    groups = tomllib.loads((_ROOT / "pyproject.toml").read_text())["dependency-groups"]
    [version] = [found.version for found in distributions(path=[str(release)]) if found.name == "homeassistant"]
    asked_for = {"homeassistant": f"homeassistant=={version}"} | _asked_for(release)
    to_run = [asked_for[name] for name in map(_name, groups["run"]) if name in asked_for]
    to_test = [_name(tool) for tool in groups["test"] if isinstance(tool, str)]
    print("\n".join(to_run + to_test))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
