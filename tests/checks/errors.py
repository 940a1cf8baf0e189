"""The errors that users meet: each is said in their language, with all that its words name."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
import importlib
import re

from homeassistant.exceptions import HomeAssistantError

from tests.checks.files import Function, Integration, argument, calls_in, functions_in, text_of
from tests.checks.words import placeholders_in


@dataclass(frozen=True)
class _Error:
    """An error that is made somewhere: the key of its words, and what it gives for them if that can be seen."""

    where: str
    key: ast.expr
    given: set[str] | None


def exceptions(integration: Integration) -> Iterator[str]:
    """Each error that Home Assistant shows has a key, the key has words, and these name what the error gives."""
    messages = {key: words["message"] for key, words in integration.english.get("exceptions", {}).items()}
    for name, module in integration.modules.items():
        family = _family_in(module)
        yield from _wordless(name, module, family)
        for error in _errors_in(name, module, family):
            patterns = list(_patterns(error.key))
            yield from _without_words(error, patterns, messages)
            yield from _wrong_placeholders(error, patterns, messages)


def _family_in(module: ast.Module) -> set[str]:
    """Return the names under which a module knows Home Assistant's errors."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("homeassistant"):
            source = importlib.import_module(node.module or "")
            for alias in node.names:
                thing = getattr(source, alias.name, None)
                if isinstance(thing, type) and issubclass(thing, HomeAssistantError):
                    found.add(alias.asname or alias.name)
    return found


def _wordless(name: str, module: ast.Module, family: set[str]) -> Iterator[str]:
    """Yield the errors that say nothing, or something in English only."""
    for node in ast.walk(module):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id in family:
            yield f"{name}:{node.lineno}: {node.exc.id} has no words"
    for kind, call in calls_in(module):
        if kind in family:
            domain = argument(call, "translation_domain")
            if call.args or domain is None or ast.unparse(domain) != "DOMAIN" or not argument(call, "translation_key"):
                yield f"{name}:{call.lineno}: {kind} is not translated"


def _errors_in(name: str, module: ast.Module, family: set[str]) -> Iterator[_Error]:
    """Yield the errors that a module makes. One that a function makes of its arguments is one for each call of it."""
    makers = {
        id(call): function for function in functions_in(module) for kind, call in calls_in(function) if kind in family
    }
    for kind, call in calls_in(module):
        key = argument(call, "translation_key")
        if kind not in family or key is None:
            continue
        maker = makers.get(id(call))
        if maker is not None and isinstance(key, ast.Name) and key.id in {item.arg for item in maker.args.args}:
            yield from _made_by(name, module, maker, key.id)
        else:
            yield _Error(f"{name}:{call.lineno}", key, _given(argument(call, "translation_placeholders")))


def _made_by(name: str, module: ast.Module, maker: Function, parameter: str) -> Iterator[_Error]:
    place = [item.arg for item in maker.args.args].index(parameter)
    for called, call in calls_in(module):
        if called == maker.name:
            key = call.args[place] if len(call.args) > place else argument(call, parameter)
            assert key is not None
            given = {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg != parameter}
            yield _Error(f"{name}:{call.lineno}", key, given if maker.args.kwarg else None)


def _given(placeholders: ast.expr | None) -> set[str] | None:
    """Return the names of the placeholders, if they are written out."""
    if placeholders is None:
        return set()
    if not isinstance(placeholders, ast.Dict):
        return None
    names = {text_of(key) for key in placeholders.keys}
    return None if None in names else {name for name in names if name}


def _patterns(key: ast.expr) -> Iterator[re.Pattern[str]]:
    """Yield what the key may be; nothing for what cannot be seen here."""
    if text := text_of(key):
        yield re.compile(re.escape(text))
    elif isinstance(key, ast.JoinedStr):
        parts = (text_of(part) for part in key.values)
        yield re.compile("".join(".+" if part is None else re.escape(part) for part in parts))
    elif isinstance(key, ast.IfExp):
        yield from _patterns(key.body)
        yield from _patterns(key.orelse)


def _without_words(error: _Error, patterns: list[re.Pattern[str]], messages: dict[str, str]) -> Iterator[str]:
    for pattern in patterns:
        if not any(pattern.fullmatch(key) for key in messages):
            yield f"{error.where}: exceptions.{pattern.pattern} is missing in en.json"


def _wrong_placeholders(error: _Error, patterns: list[re.Pattern[str]], messages: dict[str, str]) -> Iterator[str]:
    """Yield the words that name what is not given. What is given and never named is wrong, too."""
    if error.given is None:
        return
    named: set[str] = set()
    keys = [key for key in messages if any(pattern.fullmatch(key) for pattern in patterns)]
    for key in keys:
        placeholders = placeholders_in(messages[key])
        named |= placeholders
        if lacking := sorted(placeholders - error.given):
            yield f"{error.where}: exceptions.{key} names {', '.join(lacking)}, which is not given"
    if keys and (surplus := sorted(error.given - named)):
        yield f"{error.where}: nothing in exceptions names {', '.join(surplus)}"
