"""What Home Assistant's own checks (hassfest) and HACS ask for, as far as it can be looked at here."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
from typing import Any

from PIL import Image
import pytest

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.const import DOMAIN
from tests.checks import actions, entities, manifest, words
from tests.checks.copies import Change, copy_to, drops, new_problems, removes, replaces, sets, writes
from tests.checks.files import ENGLISH, INTEGRATION, Integration

type Check = Callable[[Integration], Iterator[str]]

_GERMAN = "translations/de.json"

CHECKS: dict[str, Check] = {
    "manifest": manifest.manifest,
    "dependencies": manifest.dependencies,
    "brand": manifest.brand,
    "form of the words": words.form,
    "languages": words.languages,
    "directions": words.directions,
    "names on the phone": words.names_on_the_phone,
    "words of actions": actions.words,
    "icons of actions": actions.icons,
    "forms of actions": actions.forms,
    "words of entities": entities.translations,
    "icons of entities": entities.icons,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_integration(check: Check) -> None:
    """Nothing is wrong."""
    problems = list(check(INTEGRATION))
    assert not problems, "\n".join(problems)


def test_hacs() -> None:
    """HACS gets to know what it wants to."""
    assert list(manifest.hacs(json.loads((INTEGRATION.repository / "hacs.json").read_text()))) == []


async def test_registered_actions(hass: HomeAssistant) -> None:
    """What is registered, also without any instance, is what services.yaml describes, field by field."""
    assert await async_setup_component(hass, DOMAIN, {})
    services = hass.services.async_services_for_domain(DOMAIN)
    assert services
    assert list(actions.registered(INTEGRATION, services)) == []


# --- the checks find what is wrong ---------------------------------------------------------------------


def _paints(name: str, size: tuple[int, int], kind: str = "PNG") -> Change:
    def change(copy: Integration) -> None:
        Image.new("RGB", size).save(copy.root / "brand" / name, kind)

    return change


def _swapped(copy: Integration) -> None:
    found = copy.json("manifest.json")
    writes("manifest.json", json.dumps({"name": found.pop("name"), **found}))(copy)


def _moved(copy: Integration) -> None:
    # The check takes the folder's name from where the files are.
    sets("manifest.json", "domain", "whatsapp")(copy)


def _says(path: str, value: Any = "Words") -> Change:
    return sets(ENGLISH, path, value)


_BROKEN: list[tuple[Check, Change, str]] = [
    (manifest.manifest, _swapped, "the keys are not domain, name"),
    (manifest.manifest, _moved, "whatsapp lives in the folder whatsapp_link"),
    (manifest.manifest, sets("manifest.json", "version", "new"), "new is no version"),
    (manifest.manifest, sets("manifest.json", "quality", "high"), "quality"),
    (manifest.manifest, drops("manifest.json", "issue_tracker"), "issue_tracker"),
    (manifest.manifest, sets("manifest.json", "documentation", "http://example.com/"), "no address of a page"),
    (manifest.manifest, sets("manifest.json", "iot_class", "cloud"), "iot_class"),
    (manifest.manifest, sets("manifest.json", "requirements", ["qrcode>=8"]), "requirements"),
    (manifest.manifest, sets("manifest.json", "codeowners", ["somebody"]), "codeowners"),
    (manifest.manifest, sets("manifest.json", "dependencies", ["webhook", "http"]), "order of the alphabet"),
    (manifest.manifest, removes("config_flow.py"), "config_flow and config_flow.py"),
    (manifest.dependencies, sets("manifest.json", "dependencies", ["media_source"]), "imports http"),
    (manifest.dependencies, sets("manifest.json", "dependencies", ["http", "tts"]), "tts is a dependency twice"),
    (manifest.dependencies, sets("manifest.json", "dependencies", ["no_such"]), "there is no integration no_such"),
    (manifest.dependencies, writes("extra.py", "from homeassistant.components import mqtt\n"), "extra: imports mqtt"),
    (manifest.dependencies, writes("extra.py", "import homeassistant.components.mqtt.client\n"), "imports mqtt"),
    (manifest.brand, removes("brand/icon.png"), "icon.png is missing"),
    (manifest.brand, _paints("icon.png", (255, 256)), "icon.png is 255 x 256, not 256 x 256"),
    (manifest.brand, _paints("logo@2x.png", (600, 100)), "the short side is not 256 to 512"),
    (manifest.brand, _paints("dark_icon.png", (256, 256), "GIF"), "dark_icon.png is not PNG"),
    (manifest.brand, writes("brand/dark_logo.png", "no picture"), "dark_logo.png is no picture"),
    (words.form, _says("config/step/pair/title", "<b>Link</b>"), "HTML"),
    (words.form, _says("config/step/pair/title", "See https://example.com"), "an address comes in by a placeholder"),
    (words.form, _says("config/step/pair/title", "Link "), "blanks around it"),
    (words.form, _says("config/step/pair/title", ""), "empty"),
    (words.form, _says("config/step/pair/title", "Link '{gateway}'"), "an apostrophe stands before a brace"),
    (words.form, _says("config/step/pair/title", "Link {the gateway}"), "a placeholder is not a name"),
    (words.form, _says("config/step/pair/title", "Link {}"), "a placeholder is not a name"),
    (words.form, _says("config/step/pair/title", "Link {gateway"), "the braces do not fit together"),
    (words.form, _says("config/step/pair/title", "[%key:common::link%]"), "references"),
    (words.form, _says("config/step/pair/titel"), "titel"),
    (words.form, _says("config/error/Unknown"), "small letters"),
    (words.form, _says("config/error/double__line"), "small letters"),
    (words.form, _says("entity/binary_sensor/linked/state/on", "{phone}"), "nothing is filled in here"),
    (words.form, drops(ENGLISH, "services/ask/description"), "description"),
    (words.form, drops(ENGLISH, "config_subentries/recipient/entry_type"), "entry_type"),
    (words.form, drops(ENGLISH, "config_subentries/recipient/initiate_flow/user"), "user"),
    (words.form, drops(ENGLISH, "issues/webhook_taken/fix_flow"), "either a description or a fix_flow"),
    (words.form, _says("issues/webhook_taken/description"), "either a description or a fix_flow"),
    (words.form, writes("translations/klingon.json", "{}"), "klingon.json is not named by a language"),
    (words.form, writes("strings.json", "{}"), "strings.json is read by nobody"),
    (
        words.fields,
        drops(ENGLISH, "config/step/pick_instance/data_description"),
        "data_description instance is missing",
    ),
    (words.fields, _says("config/step/pick_instance/data_description/way"), "data_description way is nobody's"),
    (words.fields, drops(ENGLISH, "config/step/pair/menu_option_descriptions/pair_qr"), "pair_qr is missing"),
    (words.directions, replaces("translations/he.json", "\u200e+49", "+49"), "he.json: services.send_message.fields"),
    (words.directions, replaces("translations/ar.json", "ID@g.us", "@g.us"), "has @ without a mark"),
    (words.directions, replaces("translations/ar.json", "\u200e/dashboard", "/dashboard"), "has / without a mark"),
    (words.directions, replaces("translations/he.json", "https://\u200e", "https://"), "has :// without a mark"),
    (words.directions, replaces("translations/ar.json", "\u200e{code}", "{code}"), "has {code} without a mark"),
    (
        words.names_on_the_phone,
        replaces(_GERMAN, "Verknüpfte Geräte", "Gekoppelte Geräte"),
        "de.json: config.progress.scan_qr does not say Verknüpfte Geräte",
    ),
    (words.names_on_the_phone, writes("translations/sv.json", "{}"), "sv.json: nobody has written down here"),
    (actions.words, drops(ENGLISH, "services/ask"), "services ask is missing"),
    (actions.words, drops(ENGLISH, "services/ask/fields/question"), "services.ask.fields question is missing"),
    (actions.words, _says("services/ask/sections/more", {"name": "More"}), "services.ask.sections more is nobody's"),
    (actions.words, writes("services.yaml", "ask:\n"), "services list_chats is nobody's"),
    (actions.icons, drops("icons.json", "services/ask"), "services ask is missing"),
    (actions.icons, sets("icons.json", "services/ask", {"service": "question.png"}), "services.ask"),
    (actions.forms, drops(ENGLISH, "selector/typing"), "set_typing.state has choices without words"),
    (actions.forms, drops(ENGLISH, "selector/typing/options/paused"), "choice paused is missing"),
    (actions.forms, _says("selector/typing/options/singing"), "choice singing is nobody's"),
    (actions.forms, _says("selector/colour", {"options": {"red": "Red"}}), "selector colour is nobody's"),
    (actions.forms, writes("services.yaml", "ask:\n  fields:\n    time:\n      required: true\n"), "ask.time"),
    (
        actions.forms,
        writes("services.yaml", "ask:\n  fields:\n    time: {required: true, default: 1, selector: {text: }}\n"),
        "ask.time is required and has a default",
    ),
    (entities.translations, drops(ENGLISH, "entity/sensor/session"), "entity.sensor session is missing"),
    (entities.translations, _says("entity/sensor/mood", {"name": "Mood"}), "entity.sensor mood is nobody's"),
    (entities.translations, drops(ENGLISH, "entity/sensor/session/name"), "entity.sensor.session has no name"),
    (entities.translations, _says("entity/vacuum", {"robot": {"name": "Robot"}}), "entity.vacuum is nobody's"),
    (
        entities.translations,
        writes("light.py", 'LightEntityDescription(key="x", name="Lamp")\n'),
        "light:1: a name that nobody can translate",
    ),
    (
        entities.translations,
        writes("light.py", 'LightEntityDescription(key="x")\n'),
        "light:1: an entity without a name",
    ),
    (entities.icons, drops("icons.json", "entity/image/pairing_qr"), "entity.image.pairing_qr is missing"),
    (entities.icons, sets("icons.json", "entity/image/cat", {"default": "mdi:cat"}), "entity.image.cat is nobody's"),
    (
        entities.icons,
        sets("icons.json", "entity/binary_sensor/linked/state", {"purple": "mdi:cat"}),
        "linked knows no state purple",
    ),
]


@pytest.mark.parametrize(
    ("check", "change", "expected"), _BROKEN, ids=[f"{place}: {case[2]}" for place, case in enumerate(_BROKEN)]
)
def test_broken_copy(check: Check, change: Change, expected: str, tmp_path: Path) -> None:
    """Each check finds what was broken."""
    found = new_problems(check, change, tmp_path)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "name"),
        ({"name": "x", "domains": []}, "domains"),
        ({"name": "x", "homeassistant": "new"}, "new is no version"),
        ({"name": "x", "render_readme": "yes"}, "render_readme"),
        ({"name": "x", "zip_release": True}, "zip_release needs filename"),
    ],
    ids=["nothing", "unknown key", "version", "type", "zip"],
)
def test_broken_hacs(content: dict[str, Any], expected: str) -> None:
    """So does the check of what HACS wants to know."""
    assert any(expected in problem for problem in manifest.hacs(content))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replaces("services.yaml", "\nlist_chats:", "\nlist_cats:"), "list_chats is missing"),
        (replaces("services.yaml", "\nlist_chats:", "\nlist_cats:"), "list_cats is nobody's"),
        (replaces("services.yaml", "default: 300", "default: 30"), "ask.time has another default"),
        (replaces("services.yaml", "    answer_from:", "    answers_from:"), "ask answer_from is missing"),
        (replaces("services.yaml", "    emoji:", "    emoji:\n      required: true"), "react.emoji is required in one"),
    ],
    ids=["missing", "unknown", "default", "field", "required"],
)
async def test_broken_registration(hass: HomeAssistant, change: Change, expected: str, tmp_path: Path) -> None:
    """So does the comparison with what is registered."""
    copy = copy_to(tmp_path)
    change(copy)
    assert await async_setup_component(hass, DOMAIN, {})
    found = set(actions.registered(copy, hass.services.async_services_for_domain(DOMAIN)))
    assert any(expected in problem for problem in found), found


# --- other languages -----------------------------------------------------------------------------------


def _in_german(part: Any) -> Any:
    """Return words that are no longer the English ones."""
    return f"Ü {part}" if isinstance(part, str) else {key: _in_german(words) for key, words in part.items()}


def _german(change: Change) -> Change:
    """Return what adds a whole translation and then changes it."""

    def add(copy: Integration) -> None:
        writes(_GERMAN, json.dumps(_in_german(copy.english)))(copy)
        change(copy)

    return add


def test_whole_translation(tmp_path: Path) -> None:
    """A language that says all that English says, in other words, is right."""
    copy = copy_to(tmp_path)
    _german(lambda copy: None)(copy)
    assert list(words.languages(copy)) == []


@pytest.mark.parametrize(
    ("check", "change", "expected"),
    [
        (words.languages, drops(_GERMAN, "config/step/pair/title"), "de.json: config.step.pair.title is missing"),
        (words.languages, sets(_GERMAN, "config/step/pair/titel", "X"), "config.step.pair.titel is nobody's"),
        (words.languages, sets(_GERMAN, "config/error/refused", "{gateway}"), "error.refused does not have the place"),
        (words.languages, sets(_GERMAN, "config/error/refused", "{Grund}"), "error.refused does not have the place"),
        (
            words.languages,
            sets(_GERMAN, "config/error/not_on_whatsapp", INTEGRATION.english["config"]["error"]["not_on_whatsapp"]),
            "error.not_on_whatsapp is not translated",
        ),
        (
            words.form,
            sets(_GERMAN, "config/step/pair/title", "<b>X</b>"),
            "de.json: the string should not contain HTML",
        ),
    ],
    ids=["missing", "surplus", "fewer placeholders", "other placeholders", "English", "form"],
)
def test_broken_translation(check: Check, change: Change, expected: str, tmp_path: Path) -> None:
    """What a language lacks or has too much is found."""
    found = new_problems(check, _german(change), tmp_path)
    assert any(expected in problem for problem in found), found
