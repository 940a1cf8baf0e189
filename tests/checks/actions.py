"""The actions: services.yaml, the words, the icons and what is registered say the same."""

from collections.abc import Iterator, Mapping
from typing import Any

import voluptuous as vol

from homeassistant.const import CONF_SELECTOR
from homeassistant.core import Service
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import validate_selector

from tests.checks.files import Integration, differences, problems_in

_ICON = vol.Match(r"^mdi:[a-z0-9-]+$")
_FIELD = vol.Schema(
    {
        vol.Optional("default"): object,
        vol.Optional("example"): object,
        vol.Optional("filter"): object,
        vol.Optional("required"): bool,
        vol.Required(CONF_SELECTOR): validate_selector,
    }
)
# The frontend makes these from `target`.
_TARGETS = {str(marker) for marker in cv.TARGET_FIELDS}


def described_actions(integration: Integration) -> dict[str, dict[str, Any]]:
    """Return the actions of services.yaml."""
    found = integration.yaml("services.yaml")
    # What begins with a dot is only there to be referred to.
    return {name: action or {} for name, action in found.items() if not name.startswith(".")}


def fields_of(action: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields of an action, also those in its sections."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in action.get("fields", {}).items():
        found |= field.get("fields", {name: field})
    return found


def sections_of(action: Mapping[str, Any]) -> set[str]:
    """Return the sections of an action."""
    return {name for name, field in action.get("fields", {}).items() if "fields" in field}


def words(integration: Integration) -> Iterator[str]:
    """Each action and each of its fields and sections has words, and no words are left over."""
    described, said = described_actions(integration), integration.english.get("services", {})
    yield from differences("en.json: services", described, said)
    for name in described.keys() & said.keys():
        action = described[name]
        yield from differences(f"en.json: services.{name}.fields", fields_of(action), said[name].get("fields", {}))
        yield from differences(
            f"en.json: services.{name}.sections", sections_of(action), said[name].get("sections", {})
        )


def icons(integration: Integration) -> Iterator[str]:
    """Each action has an icon, and so has nothing else."""
    described, drawn = described_actions(integration), integration.json("icons.json").get("services", {})
    yield from differences("icons.json: services", described, drawn)
    for name, icon in drawn.items():
        yield from problems_in(f"icons.json: services.{name}", vol.Schema({"service": _ICON, "sections": dict}), icon)


def forms(integration: Integration) -> Iterator[str]:
    """Each field can be filled in without YAML, and each choice has its word."""
    selectors = integration.english.get("selector", {})
    for name, action in described_actions(integration).items():
        for key, field in fields_of(action).items():
            where = f"services.yaml: {name}.{key}"
            yield from problems_in(where, _FIELD, field)
            if field.get("required") and "default" in field:
                yield f"{where} is required and has a default"
            choice = field.get(CONF_SELECTOR, {}).get("select") or {}
            if choice and choice.get("translation_key") not in selectors:
                yield f"{where} has choices without words"
            elif choice:
                said = selectors[choice["translation_key"]]["options"]
                yield from differences(f"{where}: choice", set(choice["options"]), said)
    for key in selectors:
        if key not in integration.texts | set(_choices(integration)):
            yield f"en.json: selector {key} is nobody's"


def _choices(integration: Integration) -> Iterator[str]:
    for action in described_actions(integration).values():
        for field in fields_of(action).values():
            yield (field.get(CONF_SELECTOR, {}).get("select") or {}).get("translation_key", "")


def registered(integration: Integration, services: Mapping[str, Service]) -> Iterator[str]:
    """What is registered is what services.yaml describes, field by field."""
    described = described_actions(integration)
    yield from differences("services.yaml:", set(services), described)
    for name in services.keys() & described.keys():
        schema = services[name].schema
        assert isinstance(schema, vol.Schema)
        markers = {str(marker): marker for marker in schema.schema if str(marker) not in _TARGETS}
        fields = fields_of(described[name])
        yield from differences(f"services.yaml: {name}", markers, fields)
        for key in markers.keys() & fields.keys():
            where = f"services.yaml: {name}.{key}"
            if isinstance(markers[key], vol.Required) != bool(fields[key].get("required")):
                yield f"{where} is required in one place only"
            default = markers[key].default
            given = None if isinstance(default, vol.Undefined) else default()
            # What is empty may be left out of the form.
            if fields[key]["default"] != given if "default" in fields[key] else given:
                yield f"{where} has another default than the action"
