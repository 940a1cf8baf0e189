"""Words: everything a user can meet has them, and nothing else does."""

from collections.abc import Mapping
from typing import Any

import pytest
import voluptuous as vol

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.errors import error_key, error_placeholders
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.address import AddressProblem
from custom_components.whatsapp_link.gateways.capability import Capability, Feature, Way
from custom_components.whatsapp_link.gateways.errors import CannotReach, GatewayError, Unsupported, WrongState
from custom_components.whatsapp_link.gateways.events import EventKind
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import MediaKind, SessionState, Typing
from custom_components.whatsapp_link.issues import Issue
from custom_components.whatsapp_link.receipts import Reached
from tests.checks import flows
from tests.checks.files import INTEGRATION, texts_in
from tests.checks.words import placeholders_in
from tests.conftest import entry_of, every_gateway, instance_of
from tests.emulator import Emulator

ENGLISH = INTEGRATION.english
CONFIG = ENGLISH["config"]
# Dialogs ask only for what a gateway can do, and leave the webhook to what receives.
NEVER_IN_FORMS = {"unsupported", "webhook_taken"}


def test_every_step_has_words() -> None:
    """Each step that shows something has its words, no words are left over, and menus lead to steps."""
    assert list(flows.steps(INTEGRATION, made=set(GATEWAYS))) == []
    assert list(flows.menus(INTEGRATION, made=set(GATEWAYS))) == []


def test_every_gateway_has_words() -> None:
    """Each gateway is named in the menu, and each of its fields has a name, an explanation and an error."""
    user = CONFIG["step"]["user"]
    assert set(user["menu_options"]) == set(user["menu_option_descriptions"]) == set(GATEWAYS)
    for key, gateway in GATEWAYS.items():
        fields = _fields_of(gateway)
        step = CONFIG["step"][key]
        assert set(step.get("data", {})) == set(step.get("data_description", {})) == fields
        assert {f"invalid_{field}" for field in fields} <= set(CONFIG["error"])
        assert set(step["sections"]["server"]["data"]) == {"base_url"}


def _fields_of(gateway: type[Gateway]) -> set[str]:
    """Return what the form of a gateway asks for: an instance that is chosen from a list is not typed in."""
    is_listed = Capability.LIST_INSTANCES in gateway.capabilities
    return {item.key for item in gateway.credentials if not (is_listed and item.key == gateway.instance_key)}


def _unworded(step: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    return list(flows.unworded(step, words, ENGLISH["selector"]))


@every_gateway
async def test_forms(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """What the forms of each gateway really show has words, down to each choice."""
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert _unworded(flow, CONFIG) == []
    assert (
        _unworded(await hass.config_entries.flow.async_configure(flow["flow_id"], {"next_step_id": key}), CONFIG) == []
    )

    entry = entry_of(instance_of(emulator, key))
    entry.add_to_hass(hass)
    options = await hass.config_entries.options.async_init(entry.entry_id)
    assert _unworded(options, ENGLISH["options"]) == []
    recipient = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "recipient"), context={"source": SOURCE_USER}
    )
    assert _unworded(recipient, ENGLISH["config_subentries"]["recipient"]) == []


def test_wordless_forms() -> None:
    """A field, a choice, an entry of a menu or a progress without words is found, and words that name too much."""
    choice = SelectSelector(SelectSelectorConfig(options=["red"], translation_key="colour"))
    hidden = section(vol.Schema({vol.Required("age"): str}))
    schema = vol.Schema({vol.Required("name"): str, vol.Required("colour"): choice, vol.Required("more"): hidden})
    words = {"step": {"form": {"data": {"colour": "Colour"}}, "menu": {"menu_options": {"walk": "Walk {distance}"}}}}
    assert _unworded({"type": FlowResultType.FORM, "step_id": "form", "data_schema": schema}, words) == [
        "step.form.data.name is missing",
        "selector.colour.red is missing",
        "step.form.more.data.age is missing",
    ]
    menu = {"type": FlowResultType.MENU, "step_id": "menu", "menu_options": ["walk", "run"]}
    assert _unworded(menu, words) == [
        "step.menu names distance, which is not given",
        "step.menu.menu_options.run is missing",
    ]
    progress = {"type": FlowResultType.SHOW_PROGRESS, "step_id": "wait", "progress_action": "sing"}
    assert _unworded(progress, words) == ["progress.sing is missing"]


def _key_of(kind: type[GatewayError]) -> str:
    if kind is CannotReach:
        return error_key(CannotReach("", maybe_acted=False))
    if kind is Unsupported:
        return error_key(Unsupported(Capability.SEND_POLL))
    return error_key(kind())


def _error_keys() -> set[str]:
    """Return the keys of the errors of the ground floor."""
    kinds = [kind for kind in GatewayError.__subclasses__() if kind.__module__.endswith("gateways.errors")]
    of_states = {error_key(WrongState(state)) for state in SessionState}
    return of_states | {_key_of(kind) for kind in kinds if kind is not WrongState} | {error_key(GatewayError())}


def test_every_error_has_words() -> None:
    """Each error of the ground floor has words in forms and in actions; so has each problem of a number."""
    keys = _error_keys()
    assert {"instance_banned", "session_starting", "session_unlinked"} <= keys
    assert keys - NEVER_IN_FORMS <= set(CONFIG["error"])
    problems = {problem.value for problem in AddressProblem}
    named = {f"cannot_{what}" for what in (*Capability, *Feature)} | {f"chat_{problem}" for problem in problems}
    # In an action it is said by name what a gateway cannot do.
    keys.remove("unsupported")
    exceptions = set(ENGLISH["exceptions"])
    assert keys | named <= exceptions
    assert exceptions - keys - named <= INTEGRATION.texts
    assert problems <= set(CONFIG["error"])
    assert problems <= set(ENGLISH["config_subentries"]["recipient"]["error"])
    assert problems <= set(ENGLISH["options"]["error"])


def test_no_error_of_a_form_is_left_over() -> None:
    """Whatever a form may say is wrong, something in its dialog says it."""
    problems = {problem.value for problem in AddressProblem}
    malformed = {f"invalid_{field}" for gateway in GATEWAYS.values() for field in _fields_of(gateway)}
    written = _texts_of("config_flow", "instance_flow", "pairing_flow")
    assert set(CONFIG["error"]) <= written | problems | malformed | (_error_keys() - NEVER_IN_FORMS)
    recipient = ENGLISH["config_subentries"]["recipient"]["error"]
    assert set(recipient) <= _texts_of("recipient_flow") | problems
    assert set(ENGLISH["options"]["error"]) <= _texts_of("options_flow") | problems
    repairs = {error for issue in ENGLISH["issues"].values() for error in issue.get("fix_flow", {}).get("error", {})}
    assert repairs <= _texts_of("repairs")


def _texts_of(*modules: str) -> set[str]:
    return {text for module in modules for text in texts_in(INTEGRATION.modules[module])}


def test_words_of_errors_name_what_there_is() -> None:
    """What is said of an error of the ground floor names nothing but what is known of each."""
    known = set(error_placeholders(GatewayError(), ""))
    for key in _error_keys():
        assert placeholders_in(CONFIG["error"].get(key, "")) <= known
        message = ENGLISH["exceptions"].get(key, {}).get("message", "")
        assert placeholders_in(message) <= known
    for what in (*Capability, *Feature):
        assert placeholders_in(ENGLISH["exceptions"][f"cannot_{what}"]["message"]) <= known


def test_every_issue_has_words() -> None:
    """Each issue has its words, and no words are left over."""
    assert set(ENGLISH["issues"]) == {issue.value for issue in Issue}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (ENGLISH["entity"]["sensor"]["session"]["state"], SessionState),
        (ENGLISH["entity"]["event"]["event"]["state_attributes"]["event_type"]["state"], EventKind),
        (ENGLISH["entity"]["event"]["recipient_event"]["state_attributes"]["event_type"]["state"], EventKind),
        (ENGLISH["system_health"]["info"], ["instances", "linked_instances", *(f"reach_{key}" for key in GATEWAYS)]),
        (ENGLISH["selector"]["typing"]["options"], Typing),
        (ENGLISH["selector"]["reached"]["options"], Reached),
        (ENGLISH["selector"]["media_type"]["options"], ["auto", *MediaKind]),
        (ENGLISH["selector"]["receiving"]["options"], ["automatic", *Way, "off"]),
    ],
    ids=["session", "event", "event of a recipient", "health", "typing", "reached", "media", "receiving"],
)
def test_every_value_has_a_word(words: Mapping[str, str], values: Any) -> None:
    """Each value that an entity or an action can have has its word, and no words are left over."""
    assert set(words) == {str(value) for value in values}
