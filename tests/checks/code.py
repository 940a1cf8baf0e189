"""What the quality scale asks of the sources and the settings."""

import ast
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, metadata
import tomllib
from typing import Any

from tests.checks import errors, flows, words
from tests.checks.files import Function, Integration, argument, bases_of, calls_in, functions_in, lineages, methods_of

type Check = Callable[[Integration], Iterator[str]]

_COVERAGE = 95
# Libraries that make the event loop wait.
_BLOCKING = {"httplib2", "requests", "socket", "urllib.request", "urllib3", "http.client"}
_BLUNDERS = {"Exception", "KeyError", "RuntimeError", "TypeError", "ValueError"}
_DISCOVERIES = {"bluetooth", "dhcp", "homekit", "mqtt", "ssdp", "usb", "zeroconf"}


def _function(integration: Integration, module: str, name: str) -> Function | None:
    if module not in integration.modules:
        return None
    return next((found for found in functions_in(integration.modules[module]) if found.name == name), None)


def _called_in(function: ast.AST | None) -> set[str]:
    return {called for called, _ in calls_in(function)} if function else set()


def _with_helpers(integration: Integration, module: str, name: str) -> set[str]:
    """Return what a function calls, itself or by functions of its module."""
    called = _called_in(_function(integration, module, name))
    return called.union(*(_called_in(_function(integration, module, helper)) for helper in called))


def has_function(module: str, name: str) -> Check:
    """Return a check for a function of a module."""

    def check(integration: Integration) -> Iterator[str]:
        if _function(integration, module, name) is None:
            yield f"{module} has no {name}"

    return check


def has_step(step: str) -> Check:
    """Return a check for a step of the dialog for an instance."""

    def check(integration: Integration) -> Iterator[str]:
        if f"async_step_{step}" not in methods_of(integration, "ConfigFlow"):
            yield f"the dialog for an instance has no step {step}"

    return check


def flow_calls(*wanted: str) -> Check:
    """Return a check for what the dialog for an instance does."""

    def check(integration: Integration) -> Iterator[str]:
        called = {called for method in methods_of(integration, "ConfigFlow").values() for called in _called_in(method)}
        yield from (f"the dialog for an instance never calls {name}" for name in wanted if name not in called)

    return check


def action_setup(integration: Integration) -> Iterator[str]:
    """Actions are there before any instance is, and while none works."""
    registering = {"async_register", "async_setup_services"}
    if not registering & _with_helpers(integration, "__init__", "async_setup"):
        yield "async_setup registers no actions"
    if registering & _with_helpers(integration, "__init__", "async_setup_entry"):
        yield "async_setup_entry registers actions"


def action_exceptions(integration: Integration) -> Iterator[str]:
    """What goes wrong in an action is an error that Home Assistant can show."""
    yield from errors.exceptions(integration)
    for name, module in integration.modules.items():
        if "." in name:
            continue
        for node in ast.walk(module):
            raised = node.exc if isinstance(node, ast.Raise) else None
            kind = raised.func if isinstance(raised, ast.Call) else raised
            if isinstance(kind, ast.Name) and kind.id in _BLUNDERS:
                yield f"{name}:{kind.lineno}: raises {kind.id}, which no user can read"


def appropriate_polling(integration: Integration) -> Iterator[str]:
    """The coordinator has an interval."""
    if "update_interval" not in ast.unparse(integration.modules["coordinator"]):
        yield "the coordinator has no interval"


def async_dependency(integration: Integration) -> Iterator[str]:
    """Nothing makes the event loop wait for a network."""
    for name, module in integration.modules.items():
        for node in ast.walk(module):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (f"{name}: imports {library}, which blocks" for library in imported if library in _BLOCKING)


def common_modules(integration: Integration) -> Iterator[str]:
    """What entities share, and what they know, have their modules."""
    for module, base in (("coordinator", "DataUpdateCoordinator"), ("entity", "Entity")):
        if base not in ast.unparse(integration.modules.get(module, ast.Module([], []))):
            yield f"there is no {module}.py with a {base}"


def config_flow(integration: Integration) -> Iterator[str]:
    """It is set up in the frontend, and each field is explained."""
    if not integration.json("manifest.json").get("config_flow"):
        yield "manifest.json: no config_flow"
    yield from words.fields(integration)
    yield from flows.endings(integration)
    yield from flows.errors(integration)
    yield from flows.progress(integration)


def config_flow_coverage(integration: Integration) -> Iterator[str]:
    """Every dialog is among those that have to be covered line by line, and that is looked at."""
    tests = integration.repository / "tests"
    if not (tests / "test_config_flow.py").is_file():
        yield "tests/test_config_flow.py is missing"
    if "tests.coverage_of_flows" not in (integration.repository / "scripts" / "test").read_text():
        yield "scripts/test does not look at the coverage of the dialogs"
    named = (tests / "coverage_of_flows.py").read_text()
    dialogs = ("ConfigFlow", "ConfigSubentryFlow", "OptionsFlow", "OptionsFlowWithReload")
    found = lineages(integration)
    for name, module in integration.modules.items():
        own = [found[node.name] for node in module.body if isinstance(node, ast.ClassDef)]
        if any(bases_of(lineage) & set(dialogs) for lineage in own) and f'"{name}.py"' not in named:
            yield f"tests/coverage_of_flows.py does not name {name}.py"


def dependency_transparency(integration: Integration) -> Iterator[str]:
    """What is fetched is pinned, and its licence is an open one."""
    for requirement in integration.json("manifest.json").get("requirements", []):
        name, _, version = requirement.partition("==")
        try:
            about = metadata(name)
        except PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        if about["Version"] != version:
            yield f"{name} is tested as {about['Version']} and fetched as {version or 'any version'}"
        licences = [text for text in about.get_all("Classifier") or [] if text.startswith("License :: OSI Approved")]
        if not licences and not about.get("License-Expression"):
            yield f"{name} names no open licence"


def diagnostics(integration: Integration) -> Iterator[str]:
    """There is a file for bug reports, and something is struck out of it."""
    yield from has_function("diagnostics", "async_get_config_entry_diagnostics")(integration)
    if "diagnostics" in integration.modules and not {"REDACTED", "async_redact_data"} & {
        node.id for node in ast.walk(integration.modules["diagnostics"]) if isinstance(node, ast.Name)
    }:
        yield "diagnostics strikes nothing out"


def inject_websession(integration: Integration) -> Iterator[str]:
    """Everything goes through Home Assistant's own session."""
    if not any("async_get_clientsession" in _called_in(module) for module in integration.modules.values()):
        yield "the gateway does not get Home Assistant's session"
    for name, module in integration.modules.items():
        for called, call in calls_in(module):
            # A view of the session lives on its connections.
            owner = argument(call, "connector_owner")
            if called == "ClientSession" and (owner is None or ast.unparse(owner) != "False"):
                yield f"{name}:{call.lineno}: a session of its own"


def integration_owner(integration: Integration) -> Iterator[str]:
    """Somebody looks after it."""
    if not integration.json("manifest.json").get("codeowners"):
        yield "manifest.json: no codeowners"


def log_when_unavailable(integration: Integration) -> Iterator[str]:
    """That a gateway went and came is left to the coordinator of Home Assistant, which says it once."""
    called = _called_in(integration.modules["coordinator"])
    if "UpdateFailed" not in called:
        yield "the coordinator never says that an update failed"
    yield from (
        f"the coordinator logs by {level} itself" for level in ("error", "exception", "warning") if level in called
    )


def repair_issues(integration: Integration) -> Iterator[str]:
    """There are issues, each can be dealt with, and no words are left over."""
    calls = [
        (name, call)
        for name, module in integration.modules.items()
        for called, call in calls_in(module)
        if called == "async_create_issue"
    ]
    if not calls:
        yield "there are no issues"
    for name, call in calls:
        given = {keyword.arg for keyword in call.keywords}
        yield from (
            f"{name}:{call.lineno}: an issue without {key}"
            for key in ("translation_key", "is_fixable")
            if key not in given
        )
    for key, issue in integration.english.get("issues", {}).items():
        if key not in integration.texts:
            yield f"en.json: issues.{key} is nobody's"
        if "fix_flow" in issue and "repairs" not in integration.modules:
            yield f"en.json: nothing repairs issues.{key}"


def runtime_data(integration: Integration) -> Iterator[str]:
    """What belongs to a loaded entry is kept there, with its type."""
    aliases = {
        node.name.id
        for module in integration.modules.values()
        for node in ast.walk(module)
        if isinstance(node, ast.TypeAlias) and ast.unparse(node.value).startswith("ConfigEntry[")
    }
    if "entry.runtime_data = " not in ast.unparse(
        _function(integration, "__init__", "async_setup_entry") or ast.Pass()
    ):
        yield "async_setup_entry sets no runtime_data"
    for name, module in integration.modules.items():
        if any(
            isinstance(node, ast.Subscript) and ast.unparse(node) == "hass.data[DOMAIN]" for node in ast.walk(module)
        ):
            yield f"{name} keeps something in hass.data"
        for function in functions_in(module):
            entries = [item for item in function.args.args if item.arg == "entry" and item.annotation]
            if function.name in ("async_setup_entry", "async_unload_entry") and not all(
                ast.unparse(item.annotation or ast.Pass()) in aliases for item in entries
            ):
                yield f"{name}:{function.lineno}: {function.name} does not know the type of what is in the entry"


def strict_typing(integration: Integration) -> Iterator[str]:
    """Types are checked strictly, of every file, whenever tests are run."""
    settings = _settings(integration)["mypy"]
    if not settings.get("strict"):
        yield "pyproject.toml: mypy is not strict"
    if not any(integration.root.name in package for package in settings.get("packages", [])):
        yield "pyproject.toml: mypy leaves the integration out"
    loose = {"ignore_errors", "disallow_untyped_defs", "disallow_any_generics", "check_untyped_defs"}
    for override in settings.get("overrides", []):
        yield from (f"pyproject.toml: {key} is loosened" for key in sorted(loose & override.keys()))
    if "mypy" not in (integration.repository / "scripts" / "test").read_text():
        yield "scripts/test does not check types"


def coverage(integration: Integration) -> Iterator[str]:
    """Tests that reach too little fail."""
    if _settings(integration)["coverage"]["report"].get("fail_under", 0) < _COVERAGE:
        yield f"pyproject.toml: less than {_COVERAGE} % coverage is enough"


def _settings(integration: Integration) -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((integration.repository / "pyproject.toml").read_text())["tool"]
    return settings


def before_setup(integration: Integration) -> Iterator[str]:
    """An entry is only set up when the gateway answers."""
    asking = {"async_config_entry_first_refresh", "ConfigEntryNotReady"}
    if not asking & _called_in(_function(integration, "__init__", "async_setup_entry")):
        yield "async_setup_entry does not see whether the gateway answers"


def no_discovery(integration: Integration) -> Iterator[str]:
    """Nothing is found in the network."""
    found = _DISCOVERIES & integration.json("manifest.json").keys()
    methods = methods_of(integration, "ConfigFlow")
    found |= {kind for kind in {*_DISCOVERIES, "discovery", "hassio"} if f"async_step_{kind}" in methods}
    yield from (f"{kind} discovers something" for kind in sorted(found))


def no_module(name: str) -> Check:
    """Return a check that there is no such module."""

    def check(integration: Integration) -> Iterator[str]:
        if name in integration.modules:
            yield f"there is a {name}.py"

    return check


def devices_of_entries_only(integration: Integration) -> Iterator[str]:
    """Devices are made of entries and subentries only, which the user adds and removes."""
    for name, module in integration.modules.items():
        for called, call in calls_in(module):
            if called == "DeviceInfo" and name != "entity":
                yield f"{name}:{call.lineno}: another device"
    if not methods_of(integration, "ConfigSubentryFlow"):
        yield "there are no subentries"
