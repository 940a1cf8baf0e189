"""The dialogs: each step has words, each word a step, and whatever they can say is in the translations."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers.selector import SelectSelector

from tests.checks.files import Function, Integration, argument, calls_in, differences, methods_of, text_of, texts_in
from tests.checks.words import placeholders_in, texts

_PREFIX = "async_step_"
# What Home Assistant ends a dialog with by itself, in words of the integration, and what asks it to.
_ENDINGS = {
    "_abort_if_unique_id_configured": "already_configured",
    "_abort_if_unique_id_mismatch": "unique_id_mismatch",
    "_async_abort_entries_match": "already_configured",
}


def _dialogs(integration: Integration) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield each kind of dialog: the classes of Home Assistant that it can stem from, and its words."""
    english = integration.english
    yield ("ConfigFlow",), english.get("config", {})
    yield ("OptionsFlow", "OptionsFlowWithReload"), english.get("options", {})
    for words in english.get("config_subentries", {}).values():
        yield ("ConfigSubentryFlow",), words
    yield ("RepairsFlow",), _fix_flows(english.get("issues", {}))


def _fix_flows(issues: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of all repairs as if they were one dialog."""
    merged: dict[str, Any] = {}
    for issue in issues.values():
        for part, words in issue.get("fix_flow", {}).items():
            merged[part] = merged.get(part, {}) | words
    return merged


def steps(integration: Integration, made: set[str]) -> Iterator[str]:
    """Each step that shows something has words, and no words are left over. `made` are those made in a loop."""
    for bases, words in _dialogs(integration):
        methods = methods_of(integration, *bases)
        speaking = {step for step in _steps_in(methods) if step in _texts_shown_by(f"{_PREFIX}{step}", methods)}
        if bases == ("ConfigFlow",):
            speaking |= made
        yield from differences(f"en.json: {bases[0]}: step", speaking, words.get("step", {}))


def _steps_in(methods: Mapping[str, Function]) -> set[str]:
    return {name.removeprefix(_PREFIX) for name in methods if name.startswith(_PREFIX)}


def _texts_shown_by(name: str, methods: Mapping[str, Function]) -> set[str]:
    """Return the texts in a step and in what it calls to show itself: a step that has its own name there shows it.

    The others only lead on.
    """
    called = {called for called, _ in calls_in(methods[name]) if not called.startswith(_PREFIX)}
    return {text for method in (called & methods.keys()) | {name} for text in texts_in(methods[method])}


def endings(integration: Integration) -> Iterator[str]:
    """Each reason to end a dialog has words, and no words are left over."""
    said = {reason for _, words in _dialogs(integration) for reason in words.get("abort", {})}
    for name, module in integration.modules.items():
        for called, call in calls_in(module):
            reason = text_of(argument(call, "reason")) if called.endswith("abort") else _ENDINGS.get(called)
            domain = argument(call, "translation_domain")
            if reason and domain is None and reason not in said:
                yield f"{name}:{call.lineno}: abort.{reason} is missing in en.json"
    for reason in sorted(said - integration.texts - set(_ENDINGS.values())):
        yield f"en.json: abort.{reason} is nobody's"


def errors(integration: Integration) -> Iterator[str]:
    """Each error of a form that is written out has words."""
    said = {error for _, words in _dialogs(integration) for error in words.get("error", {})}
    for name, module in integration.modules.items():
        for node in ast.walk(module):
            for error in _written_errors(node):
                if error not in said:
                    yield f"{name}: error.{error} is missing in en.json"


def _written_errors(node: ast.AST) -> Iterator[str]:
    """Yield what is written into something called `errors`."""
    if isinstance(node, ast.Assign) and text_of(node.value):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "errors":
                yield text_of(node.value) or ""
    elif isinstance(node, ast.keyword) and node.arg == "errors" and isinstance(node.value, ast.Dict):
        yield from filter(None, map(text_of, node.value.values))


def progress(integration: Integration) -> Iterator[str]:
    """What a dialog shows while it waits is shown by something."""
    for _, words in _dialogs(integration):
        for action in words.get("progress", {}):
            if action not in integration.texts:
                yield f"en.json: progress.{action} is nobody's"


def menus(integration: Integration, made: set[str]) -> Iterator[str]:
    """Each entry of a menu leads to a step."""
    repairs = [(("RepairsFlow",), _fix_flows({"": issue})) for issue in integration.english.get("issues", {}).values()]
    for bases, words in (*_dialogs(integration), *repairs):
        known = made | _steps_in(methods_of(integration, *bases))
        for step, of_step in words.get("step", {}).items():
            for option in of_step.get("menu_options", {}):
                if option not in known:
                    yield f"en.json: {step}.menu_options.{option} leads nowhere"


def unworded(shown: Mapping[str, Any], words: Mapping[str, Any], selectors: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a step shows without words, and what its words name in vain.

    `words` are those of its dialog, `selectors` those of all choices.
    """
    of_step = words["step"].get(shown["step_id"], {})
    where = f"step.{shown['step_id']}"
    named = {name for _, text in texts(of_step) for name in placeholders_in(text)}
    given = shown.get("description_placeholders") or {}
    yield from (f"{where} names {name}, which is not given" for name in sorted(named - given.keys()))
    if shown["type"] is FlowResultType.MENU:
        said = of_step.get("menu_options", {})
        yield from (f"{where}.menu_options.{key} is missing" for key in shown["menu_options"] if key not in said)
    elif shown["type"] is FlowResultType.SHOW_PROGRESS and shown["progress_action"] not in words.get("progress", {}):
        yield f"progress.{shown['progress_action']} is missing"
    elif shown["type"] is FlowResultType.FORM and shown["data_schema"] is not None:
        yield from _unworded_fields(where, shown["data_schema"].schema, of_step, selectors)


def _unworded_fields(
    where: str, schema: Mapping[Any, Any], words: Mapping[str, Any], selectors: Mapping[str, Any]
) -> Iterator[str]:
    for marker, kind in schema.items():
        key = str(marker)
        if isinstance(kind, section):
            of_section = words.get("sections", {}).get(key, {})
            yield from _unworded_fields(f"{where}.{key}", kind.schema.schema, of_section, selectors)
            continue
        if key not in words.get("data", {}):
            yield f"{where}.data.{key} is missing"
        if isinstance(kind, SelectSelector) and (choice := kind.config.get("translation_key")):
            said = selectors.get(choice, {}).get("options", {})
            yield from (
                f"selector.{choice}.{value} is missing" for value in kind.config["options"] if value not in said
            )
