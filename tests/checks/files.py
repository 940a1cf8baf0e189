"""The integration as files: what the checks read."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
import json
from pathlib import Path
from typing import Any, cast

import voluptuous as vol

from homeassistant.util.yaml import load_yaml_dict

ENGLISH = "translations/en.json"

type Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Integration:
    """The folder of an integration."""

    root: Path

    def json(self, name: str) -> dict[str, Any]:
        """Return what is in a JSON file."""
        return cast(dict[str, Any], json.loads((self.root / name).read_text()))

    def yaml(self, name: str) -> dict[str, Any]:
        """Return what is in a YAML file."""
        return load_yaml_dict(str(self.root / name))

    @property
    def repository(self) -> Path:
        """The folder of all that belongs to the integration."""
        return self.root.parents[1]

    @cached_property
    def english(self) -> dict[str, Any]:
        """The English words."""
        return self.json(ENGLISH)

    @cached_property
    def modules(self) -> dict[str, ast.Module]:
        """The sources by their names, such as `sensor` and `gateways.http`."""
        return {
            ".".join(path.relative_to(self.root).with_suffix("").parts): _parsed(path.read_text())
            for path in sorted(self.root.rglob("*.py"))
        }

    @cached_property
    def texts(self) -> set[str]:
        """Every text that stands in the sources of the top floor."""
        return {text for name, module in self.modules.items() if "." not in name for text in texts_in(module)}

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.root / name).is_file()


@cache
def _parsed(source: str) -> ast.Module:
    """Parse a source once, however many copies of it are looked at."""
    return ast.parse(source)


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Yield every text that stands in a piece of source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def calls_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in a piece of source, with the last part of the name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def functions_in(tree: ast.AST) -> Iterator[Function]:
    """Yield every function in a piece of source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def argument(call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call gives for a keyword."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def text_of(node: ast.AST | None) -> str | None:
    """Return a text that is written out."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def lineages(integration: Integration) -> dict[str, list[ast.ClassDef]]:
    """Return each class by its name, with those of its ancestors that are the integration's own: itself first."""
    classes = {
        node.name: node
        for module in integration.modules.values()
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }

    def line(node: ast.ClassDef) -> Iterator[ast.ClassDef]:
        yield node
        for base in _bases(node):
            if base in classes:
                yield from line(classes[base])

    return {name: list(line(node)) for name, node in classes.items()}


def bases_of(lineage: list[ast.ClassDef]) -> set[str]:
    """Return what a class stems from, in the end from others' classes."""
    return {base for node in lineage for base in _bases(node)}


def methods_of(integration: Integration, *bases: str) -> dict[str, Function]:
    """Return the methods of all classes that stem from one of Home Assistant's."""
    found: dict[str, Function] = {}
    for lineage in lineages(integration).values():
        if bases_of(lineage) & set(bases):
            for node in reversed(lineage):
                found |= {method.name: method for method in _methods(node)}
    return found


def _bases(node: ast.ClassDef) -> Iterator[str]:
    for base in node.bases:
        # A base may have parameters: CoordinatorEntity[Coordinator].
        name = base.value if isinstance(base, ast.Subscript) else base
        yield ast.unparse(name).rpartition(".")[2]


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            yield item


def problems_in(where: str, schema: vol.Schema, data: Any) -> Iterator[str]:
    """Yield what a schema finds wrong."""
    try:
        schema(data)
    except vol.MultipleInvalid as found:
        yield from (f"{where}: {error}" for error in found.errors)


def differences(what: str, wanted: Mapping[str, Any] | set[str], found: Mapping[str, Any] | set[str]) -> Iterator[str]:
    """Yield what lacks and what is too much."""
    yield from (f"{what} {name} is missing" for name in sorted(set(wanted) - set(found)))
    yield from (f"{what} {name} is nobody's" for name in sorted(set(found) - set(wanted)))


INTEGRATION = Integration(Path(__file__).parents[2] / "custom_components" / "whatsapp_link")
