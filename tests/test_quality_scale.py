"""The Integration Quality Scale: each line of quality_scale.yaml is true."""

from pathlib import Path
import shutil
from typing import Any

import pytest

import homeassistant.components
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util.yaml import load_yaml_dict

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.gateway import Gateway
from tests.checks import code, documentation, entities, errors, flows
from tests.checks.code import Check
from tests.checks.copies import Change, copy_to, drops, leaves_only, new_problems, removes, replaces, sets, writes
from tests.checks.files import ENGLISH, INTEGRATION, Integration
from tests.checks.quality import DONE, EXEMPT, scale
from tests.conftest import SetUp
from tests.emulator.green_api_instance import GreenApiInstance

SCALE = INTEGRATION.yaml("quality_scale.yaml")

# Each integration of Home Assistant that has such a file names all rules there are.
RULES = set(load_yaml_dict(str(Path(homeassistant.components.__path__[0]) / "ntfy" / "quality_scale.yaml"))["rules"])

# The design's budget of requests for a linked instance.
_REQUESTS_AN_HOUR = 120


def test_scale() -> None:
    """Each rule there is has its line, and something that shows whether the line is true."""
    assert list(scale(SCALE, RULES)) == []
    assert DONE.keys() | EXEMPT.keys() == RULES


@pytest.mark.parametrize("rule", SCALE["rules"])
def test_rule(rule: str) -> None:
    """What is done is done, and what is exempt has nothing that the rule is about."""
    check = (DONE if SCALE["rules"][rule] == "done" else EXEMPT)[rule]
    problems = list(check(INTEGRATION))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)
def test_pace(gateway: type[Gateway]) -> None:
    """Rule appropriate-polling: asking for the state alone keeps within what a linked instance may ask for."""
    pace = gateway.pace
    assert 3600 / pace.linked <= _REQUESTS_AN_HOUR
    assert pace.pushed >= pace.linked


async def test_registries(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """What the rules on entities and devices promise holds for those that are really there."""
    instance.link(instance.number)
    entry = await set_up()
    for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
        assert device.entry_type is dr.DeviceEntryType.SERVICE
        assert device.name
        assert device.manufacturer
        assert device.model
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert {entity.domain for entity in found} == set(entities.platforms(INTEGRATION))
    assert any(entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION for entity in found)
    for entity in found:
        assert entity.has_entity_name
        assert entity.device_id
        assert entity.unique_id.startswith(entry.entry_id)


# --- the checks find what is wrong ---------------------------------------------------------------------

_CONFIG_FLOW = "class Flow(ConfigFlow, domain=DOMAIN):\n    async def async_step_user(self):\n        pass\n"
_ERRORS = "from homeassistant.exceptions import HomeAssistantError\n"
_INIT = "async def async_setup_entry(hass, entry):\n    pass\n"
_MAKER = (
    _ERRORS + "def _error(key, **placeholders):\n"
    "    return HomeAssistantError(\n"
    "        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders\n"
    "    )\n"
)


def _raises(arguments: str) -> Change:
    return writes("extra.py", f"{_ERRORS}raise HomeAssistantError({arguments})\n")


def _beside(name: str, old: str, new: str) -> Change:
    """Return what changes a file outside of the integration."""
    return replaces(f"../../{name}", old, new)


_KEYED = 'translation_domain=DOMAIN, translation_key="{}"'

_BROKEN: list[tuple[Check, Change, str]] = [
    (code.action_setup, writes("__init__.py", _INIT), "async_setup registers no actions"),
    (
        code.action_setup,
        writes("__init__.py", f"{_INIT}    hass.services.async_register(DOMAIN, 'x', run)\n"),
        "async_setup_entry registers actions",
    ),
    (code.action_exceptions, writes("extra.py", "raise ValueError('no')\n"), "extra:1: raises ValueError"),
    (code.appropriate_polling, writes("coordinator.py", ""), "no interval"),
    (code.async_dependency, writes("gateways/extra.py", "import requests\n"), "gateways.extra: imports requests"),
    (code.async_dependency, writes("extra.py", "from urllib import request\n"), "imports urllib.request"),
    (code.common_modules, removes("entity.py"), "there is no entity.py"),
    (code.config_flow, sets("manifest.json", "config_flow", False), "no config_flow"),
    (code.config_flow, drops(ENGLISH, "config/abort/already_configured"), "abort.already_configured is missing"),
    (code.config_flow, sets(ENGLISH, "config/abort/bored", "X"), "abort.bored is nobody's"),
    (code.config_flow, drops(ENGLISH, "config/error/invalid_url"), "error.invalid_url is missing"),
    (code.config_flow, sets(ENGLISH, "config/progress/dancing", "X"), "progress.dancing is nobody's"),
    (
        code.config_flow_coverage,
        writes("extra.py", _CONFIG_FLOW),
        "tests/coverage_of_flows.py does not name extra.py",
    ),
    (code.config_flow_coverage, removes("../../tests/test_config_flow.py"), "test_config_flow.py is missing"),
    (code.config_flow_coverage, _beside("scripts/test", "coverage_of_flows", "x"), "does not look at the coverage"),
    (code.coverage, _beside("pyproject.toml", "fail_under", "fail_above"), "less than 95 %"),
    (code.dependency_transparency, sets("manifest.json", "requirements", ["qrcode==1.0"]), "and fetched as 1.0"),
    (code.dependency_transparency, sets("manifest.json", "requirements", ["no-such-thing==1"]), "is not installed"),
    (code.diagnostics, removes("diagnostics.py"), "diagnostics has no async_get_config_entry_diagnostics"),
    (code.diagnostics, replaces("diagnostics.py", "REDACTED", "SHOWN"), "strikes nothing out"),
    (code.inject_websession, writes("extra.py", "session = aiohttp.ClientSession()\n"), "a session of its own"),
    (code.inject_websession, leaves_only("light.py", ""), "does not get Home Assistant's session"),
    (code.integration_owner, sets("manifest.json", "codeowners", []), "no codeowners"),
    (code.log_when_unavailable, writes("coordinator.py", "_LOGGER.warning('gone')\n"), "logs by warning itself"),
    (code.log_when_unavailable, writes("coordinator.py", ""), "never says that an update failed"),
    (code.repair_issues, leaves_only("light.py", ""), "there are no issues"),
    (code.repair_issues, writes("extra.py", "ir.async_create_issue(hass, DOMAIN)\n"), "issue without translation_key"),
    (code.repair_issues, sets(ENGLISH, "issues/rain", {"title": "X"}), "issues.rain is nobody's"),
    (code.repair_issues, removes("repairs.py"), "nothing repairs issues.webhook_taken"),
    (code.runtime_data, writes("__init__.py", _INIT), "sets no runtime_data"),
    (code.runtime_data, writes("extra.py", "hass.data[DOMAIN] = {}\n"), "extra keeps something in hass.data"),
    (
        code.runtime_data,
        writes("light.py", "async def async_setup_entry(hass, entry: ConfigEntry, add):\n    pass\n"),
        "light:1: async_setup_entry does not know the type",
    ),
    (code.strict_typing, _beside("pyproject.toml", "strict = true", "strict = false"), "mypy is not strict"),
    (code.strict_typing, _beside("pyproject.toml", "implicit_reexport", "ignore_errors"), "ignore_errors is loosened"),
    (
        code.strict_typing,
        _beside("pyproject.toml", '"custom_components.whatsapp_link", ', ""),
        "leaves the integration",
    ),
    (code.strict_typing, _beside("scripts/test", "mypy", "true"), "does not check types"),
    (code.before_setup, writes("__init__.py", _INIT), "does not see whether the gateway answers"),
    (DONE["config-entry-unloading"], writes("__init__.py", _INIT), "__init__ has no async_unload_entry"),
    (DONE["reauthentication-flow"], leaves_only("config_flow.py", _CONFIG_FLOW), "has no step reauth"),
    (DONE["reconfiguration-flow"], leaves_only("config_flow.py", _CONFIG_FLOW), "has no step reconfigure"),
    (DONE["unique-config-entry"], leaves_only("config_flow.py", _CONFIG_FLOW), "never calls async_set_unique_id"),
    (DONE["test-before-configure"], leaves_only("config_flow.py", _CONFIG_FLOW), "never calls get_session"),
    (entities.names, writes("light.py", "class Lamp(LightEntity):\n    pass\n"), "Lamp does not say"),
    (entities.parallel_updates, writes("light.py", ""), "light does not set PARALLEL_UPDATES"),
    (
        entities.event_setup,
        writes("light.py", "class Lamp(LightEntity):\n    def __init__(self, inbox):\n        inbox.listen(self.on)\n"),
        "light:3: listen outside",
    ),
    (entities.unique_ids, writes("entity.py", ""), "entity does not use _attr_unique_id"),
    (entities.devices, leaves_only("light.py", ""), "there are no devices"),
    (entities.devices, writes("extra.py", "DeviceInfo(identifiers=set(), name='x')\n"), "a device without model"),
    (entities.unavailable, writes("entity.py", ""), "no entity follows the coordinator"),
    (
        entities.unavailable,
        writes("extra.py", "class X(CoordinatorEntity):\n    def available(self):\n        return True\n"),
        "available does not ask",
    ),
    (entities.categories, writes("light.py", 'LightEntityDescription(key="lamp")\n'), "light: lamp has no category"),
    (entities.device_classes, writes("sensor.py", 'SensorEntityDescription(key="x")\n'), "sensor: x has no device"),
    (
        entities.disabled_by_default,
        replaces("sensor.py", "entity_registry_enabled_default=False", "entity_registry_enabled_default=True"),
        "no entity is off at first",
    ),
    (DONE["docs-triggers"], _beside("docs/events.md", "*poll answered*", "poll answered"), "trigger poll_answered"),
    (errors.exceptions, _raises(""), "extra:2: HomeAssistantError is not translated"),
    (errors.exceptions, _raises('"It failed"'), "extra:2: HomeAssistantError is not translated"),
    (errors.exceptions, _raises('translation_key="no_target"'), "extra:2: HomeAssistantError is not translated"),
    (
        errors.exceptions,
        writes("extra.py", f"{_ERRORS}raise HomeAssistantError\n"),
        "extra:2: HomeAssistantError has no",
    ),
    (errors.exceptions, _raises(_KEYED.format("rain")), "exceptions.rain is missing"),
    (errors.exceptions, _raises(_KEYED.format("refused")), "exceptions.refused names gateway, reason"),
    (
        errors.exceptions,
        _raises(_KEYED.format("no_target") + ', translation_placeholders={"colour": "red"}'),
        "nothing in exceptions names colour",
    ),
    (
        errors.exceptions,
        _raises('translation_domain=DOMAIN, translation_key=f"rain_{kind}"'),
        "exceptions.rain_.+ is missing",
    ),
    (
        errors.exceptions,
        _raises('translation_domain=DOMAIN, translation_key="rain" if wet else "no_target"'),
        "exceptions.rain is missing",
    ),
    (errors.exceptions, writes("extra.py", f'{_MAKER}raise _error("rain")\n'), "extra:6: exceptions.rain is missing"),
    (
        errors.exceptions,
        writes("extra.py", f'{_MAKER}raise _error("refused", gateway="x")\n'),
        "extra:6: exceptions.refused names reason",
    ),
    (EXEMPT["discovery"], sets("manifest.json", "zeroconf", []), "zeroconf discovers something"),
    (EXEMPT["docs-conditions"], writes("condition.py", ""), "there is a condition.py"),
    (EXEMPT["stale-devices"], writes("light.py", "DeviceInfo()\n"), "light:1: another device"),
    (EXEMPT["dynamic-devices"], writes("recipient_flow.py", ""), "there are no subentries"),
]


@pytest.mark.parametrize(
    ("check", "change", "expected"), _BROKEN, ids=[f"{place}: {case[2]}" for place, case in enumerate(_BROKEN)]
)
def test_broken_copy(check: Check, change: Change, expected: str, tmp_path: Path) -> None:
    """Each check finds what was broken."""
    found = new_problems(check, change, tmp_path)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, "config-flow is missing"),
        ({"config_flow": "done"}, "there is no rule config_flow"),
        ({"config-flow": "todo"}, "config-flow is neither done nor exempt"),
        ({"config-flow": {"status": "todo", "comment": "later"}}, "config-flow is neither done nor exempt"),
        ({"config-flow": {"status": "exempt"}}, "config-flow is exempt for no reason"),
        ({"config-flow": {"status": "exempt", "comment": " "}}, "config-flow is exempt for no reason"),
    ],
    ids=["missing", "underscore", "to do", "to do with comment", "no reason", "blank reason"],
)
def test_broken_scale(rules: dict[str, Any], expected: str) -> None:
    """A line that is missing, unknown, or not finished is found."""
    assert any(expected in problem for problem in scale({"rules": rules}, {"config-flow"}))


def test_broken_steps(tmp_path: Path) -> None:
    """A step without words and words without a step are found."""
    made = set(GATEWAYS)
    assert "en.json: ConfigFlow: step user is missing" in new_problems(
        lambda copy: flows.steps(copy, made), drops(ENGLISH, "config/step/user"), tmp_path / "step"
    )
    assert "en.json: ConfigFlow: step dance is nobody's" in new_problems(
        lambda copy: flows.steps(copy, made), sets(ENGLISH, "config/step/dance", {"title": "X"}), tmp_path / "words"
    )
    assert "en.json: user.menu_options.dance leads nowhere" in new_problems(
        lambda copy: flows.menus(copy, made),
        sets(ENGLISH, "config/step/user/menu_options/dance", "X"),
        tmp_path / "menu",
    )


# --- the documentation ---------------------------------------------------------------------------------

_INTRODUCTION = "# WhatsApp Link\n\nLinks WhatsApp by a gateway, " + "and more " * 20 + "\n\n"
_SAID = "so that there are enough words to explain what it is all about here"


def _documented(copy: Integration, text: str) -> None:
    (copy.repository / "README.md").write_text(_INTRODUCTION + text)


@pytest.mark.parametrize("rule", documentation.RULES)
def test_nothing_documented(rule: str, tmp_path: Path) -> None:
    """A README that says nothing answers no rule."""
    copy = copy_to(tmp_path)
    (copy.repository / "README.md").write_text("# WhatsApp Link\n\n```sh\n## Install\n```\n")
    assert list(DONE[rule](copy))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("docs-high-level-description", ""),
        ("docs-known-limitations", f"## Known limits\n\n{_SAID}\n"),
        ("docs-removal-instructions", f"## Removing\n\n### First\n\n{_SAID}\n\n## More\n"),
        ("docs-examples", f"## Examples\n\n{_SAID}\n"),
    ],
    ids=["description", "limits", "removal", "examples"],
)
def test_documented(rule: str, text: str, tmp_path: Path) -> None:
    """A section that says something answers its rule."""
    copy = copy_to(tmp_path)
    _documented(copy, text)
    assert list(DONE[rule](copy)) == []


def test_fields_documented(tmp_path: Path) -> None:
    """A field has a row where its action is described; of a field that many have, the name is enough."""
    copy = copy_to(tmp_path)
    _documented(
        copy,
        f"## Actions\n\n{_SAID}: `question`, `ask`.\n\n### Fields\n\n| field |\n| `instance` |\n| `emoji` |\n\n| key |\n| `chats` |\n\n"
        "### `whatsapp_link.ask`\n\nIt takes `question` and `chats`.\n\n| field | |\n| `options` | two |\n| `time` | waits |\n\n"
        "### Others\n\nThey take `instance`.\n\n#### `whatsapp_link.react`\n\nIt takes `emoji`.\n\n| field |\n| `message_id` |\n",
    )
    found = set(DONE["docs-actions"](copy))
    missing = {line.removeprefix("README.md: the ") for line in found}
    assert "action send_poll has no section" in missing
    assert {line for line in missing if line.endswith(("ask is missing", "react is missing"))} == {
        "field question of the action ask is missing",
        "field answer_from of the action ask is missing",
        "field instance of the action ask is missing",
        "field chats of the action ask is missing",
        "field emoji of the action react is missing",
        "field chats of the action react is missing",
    }


def test_names_documented(tmp_path: Path) -> None:
    """Options, entities, gateways and blueprints are looked for by their names, also on pages that are linked."""
    copy = copy_to(tmp_path)
    (copy.repository / "docs" / "entities.md").write_text(
        f"## Entities\n\n{_SAID}.\n\n| **Session**, **Last message sent** | sensor |\n| Pairing QR code | image |\n"
        "| **Messages** | event |\n| **Linked** | sensor |\n"
    )
    (copy.repository / "blueprints").mkdir()
    (copy.repository / "blueprints" / "forward.yaml").touch()
    _documented(copy, f"## Options\n\n{_SAID}.\n\n| How messages come in | |\n\n[Entities](docs/entities.md)\n")
    options = "\n".join(DONE["docs-configuration-parameters"](copy))
    assert "option receiving" not in options
    assert "option listed" in options
    shown = "\n".join(DONE["docs-supported-functions"](copy))
    assert "entity Session" not in shown
    assert "entity Last message sent" not in shown
    assert "image entity Pairing QR code" in shown
    assert "binary_sensor entity Linked" in shown
    # An instance has one of this name, and so has a recipient.
    assert "event entity Messages" in shown
    assert "README.md: the gateway WAHA is missing" in DONE["docs-supported-devices"](copy)
    assert "README.md: the blueprint forward.yaml is missing" in DONE["docs-examples"](copy)
    assert "README.md: the device trigger poll_answered ({entity_name}: poll answered) is missing" in (
        DONE["docs-triggers"](copy)
    )


def test_forms_documented(tmp_path: Path) -> None:
    """A field of a form is looked for beside the gateway that has it, and later fields by their names."""
    copy = copy_to(tmp_path)
    _documented(
        copy,
        f"## Set up\n\n{_SAID}: *Instance*.\n\n| GREEN-API | Instance ID | |\n| | API token | |\n| Wawp, WAHA | API key | |\n"
        "| all | Address of the server | |\n",
    )
    found = "\n".join(DONE["docs-installation-parameters"](copy))
    assert "GREEN-API" not in found
    assert "WAHA" not in found
    assert "WhatsApp API server" not in found
    assert "the field instance_id (Instance ID) of Wawp is missing" in found
    assert "the field token (API key) of Wasend is missing" in found
    assert "of the step pick_instance" not in found
    assert "the field phone (Phone number) of the step pair_code is missing" in found


# What stands in the first line of a table, and the rule that each row of it is for.
_TABLES = {
    "| gateway | field | what to enter |": "docs-installation-parameters",
    "| field | what to enter |": "docs-installation-parameters",
    "| entity | | what it shows or does |": "docs-supported-functions",
    "| option | default | what it does |": "docs-configuration-parameters",
    "| field | | what it is |": "docs-actions",
    "| field | what it is |": "docs-actions",
    "| blueprint | what it does | |": "docs-examples",
}


def test_every_row_counts(tmp_path: Path) -> None:
    """No row of the tables of fields, entities, options and blueprints can go unnoticed."""
    copy = copy_to(tmp_path)
    shutil.copytree(INTEGRATION.repository / "blueprints", copy.repository / "blueprints")
    seen = set()
    for page in (copy.repository / "README.md", *sorted((copy.repository / "docs").glob("*.md"))):
        text = page.read_text()
        lines = text.splitlines(keepends=True)
        head = ""
        for place, line in enumerate(lines):
            if not line.startswith("|"):
                head = ""
            elif not head:
                head = line.strip()
            elif head in _TABLES and not line.startswith("|--"):
                seen.add(head)
                page.write_text("".join(lines[:place] + lines[place + 1 :]))
                assert list(DONE[_TABLES[head]](copy)), f"{page.name}: {line}"
        page.write_text(text)
    assert seen == _TABLES.keys()
    assert not any(list(DONE[rule](copy)) for rule in set(_TABLES.values()))
