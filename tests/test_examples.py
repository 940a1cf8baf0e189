"""The examples in the documentation can be copied, and its links lead somewhere."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

import pytest

from homeassistant.components.automation.config import PLATFORM_SCHEMA
from homeassistant.components.recorder import CONFIG_SCHEMA as RECORDER_SCHEMA
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.setup import async_setup_component
from homeassistant.util import yaml

from custom_components.whatsapp_link.const import DOMAIN

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/*.md"))]
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!\w+:)([^)\s]+)\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])


def examples(page: Path) -> Iterator[Any]:
    """Yield what the YAML on a page says."""
    for text in _YAML.findall(page.read_text()):
        yield yaml.parse_yaml(text)


def steps(example: Any) -> Iterator[dict[str, Any]]:
    """Yield the calls of actions in an example, wherever they stand."""
    if isinstance(example, list):
        for part in example:
            yield from steps(part)
    elif isinstance(example, dict):
        if "action" in example:
            yield example
        for part in example.values():
            yield from steps(part)


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are linked by."""
    headings = _HEADING.findall(_CODE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-").lower() for heading in headings}


def test_there_are_some() -> None:
    """Each action has an example, so the tests below are about something."""
    called = {step["action"] for page in PAGES for example in examples(page) for step in steps(example)}
    described = yaml.load_yaml_dict(REPOSITORY / "custom_components" / DOMAIN / "services.yaml")
    assert {f"{DOMAIN}.{name}" for name in described if not name.startswith(".")} <= called


@every_page
async def test_examples(hass: HomeAssistant, page: Path) -> None:
    """Home Assistant takes them: the automations, and the fields of our actions with what is filled in."""
    assert await async_setup_component(hass, DOMAIN, {})
    actions = hass.services.async_services_for_domain(DOMAIN)
    for example in examples(page):
        if "triggers" in example or "trace" in example:
            PLATFORM_SCHEMA({"alias": "Example", "triggers": [], "actions": [], **example})
        elif "actions" in example:
            cv.SCRIPT_SCHEMA(example["actions"])
        elif "recorder" in example:
            RECORDER_SCHEMA(example)
        for step in steps(example):
            cv.SERVICE_SCHEMA(step)
            domain, _, name = step["action"].partition(".")
            if domain == DOMAIN:
                schema = actions[name].schema
                assert schema
                schema({**step.get("target", {}), **_filled(step.get("data", {}))})


@every_page
def test_code_in_lines(page: Path) -> None:
    """What stands within a line can be copied as well: where it looks like YAML, it is."""
    for code in _INLINE.findall(_CODE.sub("", page.read_text())):
        if ": " in code:
            yaml.parse_yaml(code)


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with something that fits any field in place of each template."""
    return {
        key: _filled(value) if isinstance(value, dict) else "1" if isinstance(value, str) and "{{" in value else value
        for key, value in data.items()
    }


@every_page
def test_links(page: Path) -> None:
    """There is what the links lead to: the file, and the heading in it."""
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
