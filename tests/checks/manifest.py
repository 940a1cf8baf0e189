"""The manifest, what it depends on, the pictures of the brand, and what HACS wants to know."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionException, AwesomeVersionStrategy
from PIL import Image, UnidentifiedImageError
import voluptuous as vol

import homeassistant.components
from homeassistant.const import Platform
from homeassistant.helpers import config_validation as cv

from tests.checks.files import Integration, problems_in

_VERSIONS = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]
_TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system", "virtual")
_WAYS = ("assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push")


def _version(value: Any) -> str:
    """Take a version that Home Assistant can compare with others."""
    text = cv.string(value)
    try:
        AwesomeVersion(text, ensure_strategy=_VERSIONS)
    except AwesomeVersionException as error:
        raise vol.Invalid(f"{text} is no version") from error
    return text


def _address(value: Any) -> str:
    """Take the address of a page that is not one of Home Assistant's own integrations."""
    text = cv.string(value)
    if not re.fullmatch(r"https://[^/\s]+/\S+", text) or "www.home-assistant.io/integrations" in text:
        raise vol.Invalid(f"{text} is no address of a page of one's own")
    return text


_SCHEMA = vol.Schema(
    {
        vol.Required("domain"): cv.slug,
        vol.Required("name"): vol.All(str, vol.Length(min=1)),
        vol.Required("codeowners"): vol.All([vol.Match(r"^@[\w-]+(/[\w-]+)?$")], vol.Length(min=1)),
        vol.Required("config_flow"): bool,
        vol.Required("documentation"): _address,
        vol.Required("integration_type"): vol.In(_TYPES),
        vol.Required("iot_class"): vol.In(_WAYS),
        vol.Required("issue_tracker"): _address,
        vol.Required("version"): _version,
        vol.Optional("after_dependencies"): [cv.slug],
        vol.Optional("dependencies"): [cv.slug],
        vol.Optional("import_executor"): bool,
        vol.Optional("loggers"): [str],
        vol.Optional("requirements"): [vol.Match(r"^[A-Za-z0-9_.-]+==[A-Za-z0-9.]+$")],
        vol.Optional("single_config_entry"): bool,
    }
)

_HACS = vol.Schema(
    {
        vol.Required("name"): vol.All(str, vol.Length(min=1)),
        vol.Optional("content_in_root"): bool,
        vol.Optional("country"): vol.Any(str, [str]),
        vol.Optional("filename"): str,
        vol.Optional("hacs"): _version,
        vol.Optional("hide_default_branch"): bool,
        vol.Optional("homeassistant"): _version,
        vol.Optional("persistent_directory"): str,
        vol.Optional("render_readme"): bool,
        vol.Optional("zip_release"): bool,
    }
)


def manifest(integration: Integration) -> Iterator[str]:
    """It is complete, in order, and belongs to its folder."""
    found = integration.json("manifest.json")
    yield from problems_in("manifest.json", _SCHEMA, found)
    keys = list(found)
    if keys != sorted(keys, key=lambda key: (key != "domain", key != "name", key)):
        yield "manifest.json: the keys are not domain, name, and the others by the alphabet"
    if found.get("domain") != integration.root.name:
        yield f"manifest.json: {found.get('domain')} lives in the folder {integration.root.name}"
    if bool(found.get("config_flow")) != integration.exists("config_flow.py"):
        yield "manifest.json: config_flow and config_flow.py are not there together"
    for key in ("after_dependencies", "dependencies", "requirements"):
        if found.get(key, []) != sorted(found.get(key, [])):
            yield f"manifest.json: {key} are not in the order of the alphabet"


def dependencies(integration: Integration) -> Iterator[str]:
    """What is imported of other integrations stands in the manifest; what stands there exists, and once."""
    found = integration.json("manifest.json")
    first, after = set(found.get("dependencies", [])), set(found.get("after_dependencies", []))
    yield from (f"manifest.json: {name} is a dependency twice" for name in sorted(first & after))
    components = Path(homeassistant.components.__path__[0])
    for name in sorted(first | after):
        if not (components / name / "manifest.json").is_file():
            yield f"manifest.json: there is no integration {name}"
    # A platform of another integration is only loaded when that one is.
    platforms = {name for name in integration.modules if (components / name).is_dir()}
    known = first | after | set(Platform) | platforms | {"device_automation", "homeassistant"}
    for name, module in integration.modules.items():
        for component in sorted(_components_in(module) - known):
            yield f"{name}: imports {component}, which the manifest does not name"


def _components_in(module: ast.Module) -> set[str]:
    """Return the integrations that a module imports, unless only for its types."""
    found: set[str] = set()
    for node in _without_types(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[2] for name in names if name.startswith("homeassistant.components.")}
    return found


def _without_types(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a piece of source, past what only the type checker reads."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from _without_types(child)


def brand(integration: Integration) -> Iterator[str]:
    """The pictures are there, are PNG, and have the sizes that Home Assistant asks for."""
    for name in ("icon", "dark_icon", "logo", "dark_logo"):
        for ending, factor in (("", 1), ("@2x", 2)):
            path = integration.root / "brand" / f"{name}{ending}.png"
            try:
                with Image.open(path) as picture:
                    (width, height), kind = picture.size, picture.format
            except FileNotFoundError:
                yield f"brand/{path.name} is missing"
                continue
            except UnidentifiedImageError:
                yield f"brand/{path.name} is no picture"
                continue
            if kind != "PNG":
                yield f"brand/{path.name} is not PNG"
            is_icon = name.endswith("icon")
            if is_icon and (width, height) != (256 * factor, 256 * factor):
                yield f"brand/{path.name} is {width} x {height}, not {256 * factor} x {256 * factor}"
            if not is_icon and not 128 * factor <= min(width, height) <= 256 * factor:
                yield f"brand/{path.name} is {width} x {height}: the short side is not {128 * factor} to {256 * factor}"


def hacs(found: dict[str, Any]) -> Iterator[str]:
    """What HACS wants to know is there, and nothing that it does not know."""
    yield from problems_in("hacs.json", _HACS, found)
    if found.get("zip_release") and "filename" not in found:
        yield "hacs.json: zip_release needs filename"
