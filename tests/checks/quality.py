"""The Integration Quality Scale: for each rule, what shows that it is kept, or that it does not apply."""

from collections.abc import Iterator
from typing import Any

from tests.checks import code, documentation, entities, errors, manifest
from tests.checks.code import Check


def scale(found: dict[str, Any], known: set[str]) -> Iterator[str]:
    """Each rule of the scale is done, or does not apply for a reason that is given."""
    rules = found.get("rules", {})
    yield from (f"quality_scale.yaml: {rule} is missing" for rule in sorted(known - rules.keys()))
    yield from (f"quality_scale.yaml: there is no rule {rule}" for rule in sorted(rules.keys() - known))
    for rule, state in rules.items():
        if state == "done":
            continue
        if not isinstance(state, dict) or state.get("status") != "exempt" or state.keys() - {"status", "comment"}:
            yield f"quality_scale.yaml: {rule} is neither done nor exempt"
        elif not str(state.get("comment") or "").strip():
            yield f"quality_scale.yaml: {rule} is exempt for no reason"


DONE: dict[str, Check] = {
    "action-exceptions": code.action_exceptions,
    "action-setup": code.action_setup,
    "appropriate-polling": code.appropriate_polling,
    "async-dependency": code.async_dependency,
    "brands": manifest.brand,
    "common-modules": code.common_modules,
    "config-entry-unloading": code.has_function("__init__", "async_unload_entry"),
    "config-flow": code.config_flow,
    "config-flow-test-coverage": code.config_flow_coverage,
    "dependency-transparency": code.dependency_transparency,
    "devices": entities.devices,
    "diagnostics": code.diagnostics,
    "entity-category": entities.categories,
    "entity-device-class": entities.device_classes,
    "entity-disabled-by-default": entities.disabled_by_default,
    "entity-event-setup": entities.event_setup,
    "entity-translations": entities.translations,
    "entity-unavailable": entities.unavailable,
    "entity-unique-id": entities.unique_ids,
    "exception-translations": errors.exceptions,
    "has-entity-name": entities.names,
    "icon-translations": entities.icons,
    "inject-websession": code.inject_websession,
    "integration-owner": code.integration_owner,
    "log-when-unavailable": code.log_when_unavailable,
    "parallel-updates": entities.parallel_updates,
    "reauthentication-flow": code.has_step("reauth"),
    "reconfiguration-flow": code.has_step("reconfigure"),
    "repair-issues": code.repair_issues,
    "runtime-data": code.runtime_data,
    "strict-typing": code.strict_typing,
    "test-before-configure": code.flow_calls("get_session"),
    "test-before-setup": code.before_setup,
    "test-coverage": code.coverage,
    "unique-config-entry": code.flow_calls("async_set_unique_id", "_abort_if_unique_id_configured"),
    **documentation.RULES,
}
"""What shows that a rule is kept."""

EXEMPT: dict[str, Check] = {
    "discovery": code.no_discovery,
    "discovery-update-info": code.no_discovery,
    "docs-conditions": code.no_module("condition"),
    "dynamic-devices": code.devices_of_entries_only,
    "stale-devices": code.devices_of_entries_only,
}
"""What shows that a rule does not apply."""
