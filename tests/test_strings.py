"""Words: everything a user can meet has them, and nothing else does."""

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.whatsapp_link.errors import error_key
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.address import AddressProblem
from custom_components.whatsapp_link.gateways.errors import CannotReach, GatewayError, WrongState
from custom_components.whatsapp_link.gateways.gateway import Capability
from custom_components.whatsapp_link.gateways.model import SessionState
from tests.dialog import ENGLISH, INTEGRATION

CONFIG = ENGLISH["config"]


def _sources() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(INTEGRATION.glob("*.py")):
        yield path, ast.parse(path.read_text())


def _steps(file: str) -> set[str]:
    """Return the steps that a flow has as methods or gets for its gateways."""
    return {
        node.name.removeprefix("async_step_")
        for node in ast.walk(ast.parse((INTEGRATION / file).read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("async_step_")
    }


def test_every_step_has_words() -> None:
    """Each step that shows something has its words, and no words are left over."""
    silent = {"finish", "reauth"}
    assert set(CONFIG["step"]) == (_steps("config_flow.py") - silent) | set(GATEWAYS)
    recipient = ENGLISH["config_subentries"]["recipient"]
    assert set(recipient["step"]) == _steps("recipient_flow.py")


def test_every_gateway_has_words() -> None:
    """Each gateway is named in the menu, and each of its fields has a name, an explanation and an error."""
    user = CONFIG["step"]["user"]
    assert set(user["menu_options"]) == set(user["menu_option_descriptions"]) == set(GATEWAYS)
    for key, gateway in GATEWAYS.items():
        fields = {credential.key for credential in gateway.credentials}
        if Capability.LIST_INSTANCES in gateway.capabilities:
            fields.remove(gateway.instance_key)
        step = CONFIG["step"][key]
        assert set(step.get("data", {})) == set(step.get("data_description", {})) == fields
        assert {f"invalid_{field}" for field in fields} <= set(CONFIG["error"])
        assert set(step["sections"]["server"]["data"]) == {"base_url"}


def _key_of(kind: type[GatewayError]) -> str:
    if kind is CannotReach:
        return error_key(CannotReach("", maybe_acted=False))
    if kind is WrongState:
        return error_key(WrongState(SessionState.STARTING))
    return error_key(kind())


def test_every_error_has_words() -> None:
    """Each error of the ground floor has words in forms and in actions; so has each problem of a number."""
    keys = {_key_of(kind) for kind in GatewayError.__subclasses__() if kind.__module__.endswith("gateways.errors")}
    keys.add(error_key(WrongState(SessionState.BLOCKED)))
    assert "instance_banned" in keys
    keys.add(error_key(GatewayError()))
    assert set(ENGLISH["exceptions"]) == keys
    assert keys <= set(CONFIG["error"])
    problems = {problem.value for problem in AddressProblem}
    assert problems <= set(CONFIG["error"])
    assert problems <= set(ENGLISH["config_subentries"]["recipient"]["error"])


def test_every_entity_has_words_and_an_icon() -> None:
    """Each translation key of an entity has a name and an icon, each state of the session its word."""
    keys: dict[str, set[str]] = {}
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "translation_key" and isinstance(node.value, ast.Constant):
                keys.setdefault(path.stem, set()).add(str(node.value.value))
    assert keys == {platform: set(entities) for platform, entities in ENGLISH["entity"].items()}
    icons = json.loads((INTEGRATION / "icons.json").read_text())["entity"]
    for platform, entities in keys.items():
        assert entities <= set(icons[platform])
    states = {state.value for state in SessionState}
    assert set(ENGLISH["entity"]["sensor"]["session"]["state"]) == states
    assert set(icons["sensor"]["session"]["state"]) <= states


def _texts(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield path, part
    else:
        for key, value in part.items():
            yield from _texts(value, f"{path}.{key}")


@pytest.mark.parametrize(("path", "text"), _texts(ENGLISH), ids=lambda value: value[:60])
def test_form_of_words(path: str, text: str) -> None:
    """What Home Assistant's own checks ask of every text: no markup, no addresses, no blanks around it."""
    assert text == text.strip()
    assert text
    assert not re.search(r"<[a-z/]", text)
    assert not re.search(r"https?://\w", text)
    assert "'{" not in text
    assert re.fullmatch(r"[a-z0-9_.-]+", path)


def test_manifest() -> None:
    """The manifest has what Home Assistant and HACS ask for, in the order they ask for."""
    manifest = json.loads((INTEGRATION / "manifest.json").read_text())
    keys = list(manifest)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    wanted = {"codeowners", "config_flow", "documentation", "integration_type", "iot_class", "issue_tracker", "version"}
    assert wanted <= set(keys)
    assert manifest["domain"] == INTEGRATION.name
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", requirement) for requirement in manifest["requirements"])
