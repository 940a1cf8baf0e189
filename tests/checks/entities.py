"""The entities: their words, their icons, and what the quality scale asks of them."""

import ast
from collections.abc import Iterator
import re

from homeassistant.const import Platform

from tests.checks.files import Integration, argument, bases_of, calls_in, differences, functions_in, lineages, text_of

# What happens in the chats is what the integration is for; all else is about the link to them.
_ABOUT_MESSAGES = {"event", "last_received", "last_sent", "message"}
_SUBSCRIPTIONS = re.compile(r"listen|async_dispatcher_connect|async_listen\w*|async_track_\w+|async_add_listener")


def platforms(integration: Integration) -> dict[str, ast.Module]:
    """Return the modules that add entities."""
    return {name: module for name, module in integration.modules.items() if name in set(Platform)}


def _descriptions(module: ast.Module) -> list[ast.Call]:
    return [call for called, call in calls_in(module) if called.endswith("Description") and argument(call, "key")]


def _keys(module: ast.Module) -> set[str]:
    return {key for call in _descriptions(module) if (key := text_of(argument(call, "translation_key")))}


def translations(integration: Integration) -> Iterator[str]:
    """Each entity has a name that can be translated, or is named by its device, or by its class."""
    said = integration.english.get("entity", {})
    found = platforms(integration)
    for name, module in found.items():
        yield from differences(f"en.json: entity.{name}", _keys(module), said.get(name, {}))
        yield from (
            f"en.json: entity.{name}.{key} has no name"
            for key, words in said.get(name, {}).items()
            if "name" not in words
        )
        for call in _descriptions(module):
            own = argument(call, "name")
            is_nameless = isinstance(own, ast.Constant) and own.value is None
            if own is not None and not is_nameless:
                yield f"{name}:{call.lineno}: a name that nobody can translate"
            if not (is_nameless or argument(call, "translation_key") or argument(call, "device_class")):
                yield f"{name}:{call.lineno}: an entity without a name"
    yield from (f"en.json: entity.{name} is nobody's" for name in sorted(said.keys() - found.keys()))


def icons(integration: Integration) -> Iterator[str]:
    """Each entity has an icon, unless its class has one; and nothing else has."""
    drawn = integration.json("icons.json").get("entity", {})
    for name, module in platforms(integration).items():
        own = drawn.get(name, {})
        for call in _descriptions(module):
            key = text_of(argument(call, "translation_key")) or text_of(argument(call, "key"))
            if key not in own and not argument(call, "device_class"):
                yield f"icons.json: entity.{name}.{key} is missing"
        known = {text_of(argument(call, "key")) for call in _descriptions(module)} | _keys(module)
        yield from (f"icons.json: entity.{name}.{key} is nobody's" for key in own if key not in known)
        for key, icon in own.items():
            states = integration.english.get("entity", {}).get(name, {}).get(key, {}).get("state", {})
            yield from (
                f"icons.json: entity.{name}.{key} knows no state {state}"
                for state in icon.get("state", {})
                if state not in states
            )


def names(integration: Integration) -> Iterator[str]:
    """The name of each entity begins with that of its device."""
    found = lineages(integration)
    for platform, module in platforms(integration).items():
        for node in module.body:
            if not isinstance(node, ast.ClassDef) or not _is_entity(found[node.name]):
                continue
            assigned = {ast.unparse(item) for ancestor in found[node.name] for item in ancestor.body}
            if "_attr_has_entity_name = True" not in assigned:
                yield f"{platform}:{node.lineno}: {node.name} does not say that it has a name of its own"


def _is_entity(lineage: list[ast.ClassDef]) -> bool:
    return any(base.endswith("Entity") or base == "RestoreSensor" for base in bases_of(lineage))


def parallel_updates(integration: Integration) -> Iterator[str]:
    """Each platform says how many of its entities may do something at the same time."""
    for name, module in platforms(integration).items():
        said = [
            node.value
            for node in module.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARALLEL_UPDATES"
        ]
        if not any(isinstance(value, ast.Constant) and isinstance(value.value, int) for value in said):
            yield f"{name} does not set PARALLEL_UPDATES"


def event_setup(integration: Integration) -> Iterator[str]:
    """An entity begins to listen when it is added, and stops when it is removed."""
    for name, module in platforms(integration).items():
        kept = {
            id(part)
            for function in functions_in(module)
            if function.name == "async_added_to_hass"
            for called, call in calls_in(function)
            if called == "async_on_remove"
            for part in call.args
        }
        for called, call in calls_in(module):
            if _SUBSCRIPTIONS.fullmatch(called) and id(call) not in kept:
                yield f"{name}:{call.lineno}: {called} outside of self.async_on_remove in async_added_to_hass"


def unique_ids(integration: Integration) -> Iterator[str]:
    """The base of the entities gives each an id that hangs on the entry."""
    for called in ("_attr_unique_id", "entry_id"):
        if called not in ast.unparse(integration.modules["entity"]):
            yield f"entity does not use {called}"


def devices(integration: Integration) -> Iterator[str]:
    """Each device says what it is."""
    found = [
        (f"{name}:{call.lineno}", call)
        for name, module in integration.modules.items()
        for called, call in calls_in(module)
        if called == "DeviceInfo"
    ]
    if not found:
        yield "there are no devices"
    for where, call in found:
        for key in ("identifiers", "entry_type", "manufacturer", "model", "name"):
            if argument(call, key) is None:
                yield f"{where}: a device without {key}"


def unavailable(integration: Integration) -> Iterator[str]:
    """An entity that has a word in whether it is available listens to the coordinator first.

    Those of events need not: events may come in while nothing is answered.
    """
    following = {
        name: lineage for name, lineage in lineages(integration).items() if "CoordinatorEntity" in bases_of(lineage)
    }
    if not following:
        yield "no entity follows the coordinator"
    for name, lineage in following.items():
        own = next((method for method in functions_in(lineage[0]) if method.name == "available"), None)
        if own and "super().available" not in ast.unparse(own) and "EventEntity" not in bases_of(lineage):
            yield f"{name}: available does not ask the coordinator"


def categories(integration: Integration) -> Iterator[str]:
    """What is not about messages has a category."""
    for name, module in platforms(integration).items():
        for call in _descriptions(module):
            key = text_of(argument(call, "key"))
            if key not in _ABOUT_MESSAGES and not argument(call, "entity_category"):
                yield f"{name}: {key} has no category"


def device_classes(integration: Integration) -> Iterator[str]:
    """Each sensor says what its value is: by its class, or as something that is counted."""
    for name in {"binary_sensor", "sensor"} & platforms(integration).keys():
        for call in _descriptions(integration.modules[name]):
            if not (argument(call, "device_class") or argument(call, "state_class")):
                yield f"{name}: {text_of(argument(call, 'key'))} has no device class"


def disabled_by_default(integration: Integration) -> Iterator[str]:
    """What few people want is off at first."""
    off = [
        call
        for module in platforms(integration).values()
        for call in _descriptions(module)
        if (value := argument(call, "entity_registry_enabled_default")) and ast.unparse(value) == "False"
    ]
    if not off:
        yield "no entity is off at first"
