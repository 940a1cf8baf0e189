"""The form of the words: which keys there may be, what may stand in a text, and that other languages say the same."""

from collections.abc import Iterator, Mapping
import re
from string import Formatter
from typing import Any

import voluptuous as vol

from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import config_validation as cv

from tests.checks.files import ENGLISH, Integration, differences, problems_in

_KEY = re.compile(r"(?!.*[_-]{2})[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_ADDRESS = re.compile(r"(?:https?|ftp|wss?)://\w|\bwww\.\w", re.IGNORECASE)
# Languages written from right to left. There, a sign at the edge of a number or of Latin letters goes to the wrong side,
# unless it has an invisible mark (U+200E) on its other side. So do the halves of a code, such as 1234-ABCD.
_FROM_THE_RIGHT = {"ar", "fa", "he", "ur"}
_ASTRAY = re.compile(
    r"(?<!\u200e)\+(?=\d)|(?<![\w:/\u200e])/(?=[a-z])|(?<![\w\u200e])@(?=[a-z])|://(?!\u200e)|(?<!\u200e)\{code\}"
)
# What WhatsApp calls the list of linked devices on the phone, in each language: whoever is sent there looks for this word.
_LINKED_DEVICES = {
    "ar": "الأجهزة المرتبطة",
    "de": "Verknüpfte Geräte",
    "en": "Linked devices",
    "es": "Dispositivos vinculados",
    "fr": "Appareils connectés",
    "he": "מכשירים מקושרים",
    "hi": "लिंक किए गए डिवाइस",
    "id": "Perangkat tertaut",
    "it": "Dispositivi collegati",
    "nl": "Gekoppelde apparaten",
    "pl": "Połączone urządzenia",
    "pt-BR": "Dispositivos conectados",
    "ru": "Связанные устройства",
    "tr": "Bağlı cihazlar",
}
# So many words of English are no name of a thing any more: nobody has translated them.
_SENTENCE = 5


def placeholders_in(text: str) -> set[str]:
    """Return what is to be filled into a text. Raises ValueError for braces that do not fit together."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _words(value: Any) -> str:
    """Take a text that Home Assistant can show."""
    text = cv.string_with_no_html(value)
    try:
        placeholders = placeholders_in(text)
    except ValueError as error:
        raise vol.Invalid(f"the braces do not fit together: {error}") from error
    if not text or text != text.strip():
        raise vol.Invalid("a text may neither be empty nor have blanks around it")
    if _ADDRESS.search(text):
        raise vol.Invalid("an address comes in by a placeholder")
    if "[%" in text:
        raise vol.Invalid("references to other texts are not followed here")
    if not all(name.isidentifier() for name in placeholders):
        raise vol.Invalid("a placeholder is not a name")
    # The frontend takes such an apostrophe as the beginning of a quotation: the placeholder would be shown as it is.
    if re.search("'[{}]", text):
        raise vol.Invalid("an apostrophe stands before a brace")
    return text


def _fixed(value: Any) -> str:
    """Take a text into which nothing is filled."""
    text = _words(value)
    if placeholders_in(text):
        raise vol.Invalid("nothing is filled in here")
    return text


def _key(value: Any) -> str:
    """Take a key that translators' tools and Home Assistant understand."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise vol.Invalid("a key has only small letters, digits, dashes and underscores between them")
    return value


def _each(words: Any) -> dict[Any, Any]:
    return {_key: words}


def _maybe(**keys: Any) -> dict[Any, Any]:
    return {vol.Optional(key): words for key, words in keys.items()}


def _always(*keys: str) -> dict[Any, Any]:
    return {vol.Required(key): _words for key in keys}


_FORM = _maybe(description=_words, data=_each(_words), data_description=_each(_words))
_BEGINNING = {**_always("user"), **_each(_words)}
_DIALOG = {
    **_maybe(flow_title=_words, error=_each(_words), abort=_each(_words), progress=_each(_words)),
    **_maybe(create_entry=_each(_words)),
    vol.Required("step"): _each(
        {
            **_FORM,
            **_maybe(title=_words, submit=_words, menu_options=_each(_words), menu_option_descriptions=_each(_words)),
            **_maybe(sections=_each({**_FORM, **_maybe(name=_words)})),
        }
    ),
}
_FLOW = {**_DIALOG, **_maybe(initiate_flow=_BEGINNING)}
_SUBENTRY_FLOW = {**_DIALOG, **_always("entry_type"), vol.Required("initiate_flow"): _BEGINNING}
_ISSUE = vol.All(
    {**_always("title"), **_maybe(description=_words, fix_flow=_FLOW)},
    vol.Any(
        vol.Schema({vol.Required("description"): str, vol.Required("title"): str}),
        vol.Schema({vol.Required("fix_flow"): dict, vol.Required("title"): str}),
        msg="an issue has either a description or a fix_flow",
    ),
)
_NAMED = _always("name", "description")
_STATES = _each(_fixed)
_SCHEMA = vol.Schema(
    {
        **_maybe(title=_words, config=_FLOW, options=_FLOW, common=_each(_words)),
        **_maybe(config_subentries=_each(_SUBENTRY_FLOW)),
        **_maybe(device_automation=_each(_each(_words)), system_health={vol.Required("info"): _each(_words)}),
        **_maybe(exceptions=_each(_always("message")), issues=_each(_ISSUE)),
        **_maybe(
            device=_each(_always("name")),
            entity=_each(
                _each(
                    {
                        **_maybe(name=_words, state=_STATES, unit_of_measurement=_fixed),
                        **_maybe(state_attributes=_each(_maybe(name=_fixed, state=_STATES))),
                    }
                )
            ),
            selector=_each(
                _maybe(choices=_each(_words), options=_each(_words), unit_of_measurement=_each(_words))
                | _maybe(fields=_each(_NAMED))
            ),
            services=_each(
                _NAMED
                | _maybe(
                    fields=_each({**_NAMED, **_maybe(example=_words)}),
                    sections=_each({**_always("name"), **_maybe(description=_words)}),
                )
            ),
        ),
    }
)


def form(integration: Integration) -> Iterator[str]:
    """Every language has the keys that Home Assistant knows, and texts that it can show."""
    for path in sorted((integration.root / "translations").iterdir()):
        name = f"translations/{path.name}"
        if path.suffix != ".json" or path.stem not in LANGUAGES:
            yield f"{name} is not named by a language of Home Assistant"
        else:
            yield from problems_in(name, _SCHEMA, integration.json(name))
    if integration.exists("strings.json"):
        yield "strings.json is read by nobody: the words are in translations"


def _parts(words: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, part in words.items():
        if isinstance(part, dict):
            yield f"{path}{key}", part
            yield from _parts(part, f"{path}{key}.")


def fields(integration: Integration) -> Iterator[str]:
    """Every field of a dialog has an explanation, and every explanation a field; so has every entry of a menu."""
    for path, part in _parts(integration.english):
        for of, explanation in (("data", "data_description"), ("menu_options", "menu_option_descriptions")):
            # Of a menu the names may say enough, but then all of them.
            if explanation in part or (of == "data" and of in part):
                yield from differences(f"{path}.{explanation}", part.get(of, {}), part.get(explanation, {}))


def texts(words: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with the path to it."""
    for key, part in words.items():
        if isinstance(part, str):
            yield f"{path}{key}", part
        else:
            yield from texts(part, f"{path}{key}.")


def languages(integration: Integration) -> Iterator[str]:
    """Every language says the same as English: the same keys, the same placeholders, and in its own words."""
    english = dict(texts(integration.english))
    for path in sorted((integration.root / "translations").glob("*.json")):
        if path.name == ENGLISH.rpartition("/")[2]:
            continue
        own = dict(texts(integration.json(f"translations/{path.name}")))
        yield from differences(f"{path.name}:", english, own)
        for key in english.keys() & own.keys():
            if placeholders_in(own[key]) != placeholders_in(english[key]):
                yield f"{path.name}: {key} does not have the placeholders of the English text"
            if own[key] == english[key] and len(own[key].split()) >= _SENTENCE:
                yield f"{path.name}: {key} is not translated"


def directions(integration: Integration) -> Iterator[str]:
    """Where one reads from right to left, numbers, paths, addresses and codes are shown from left to right all the same."""
    for path in sorted((integration.root / "translations").glob("*.json")):
        if path.stem in _FROM_THE_RIGHT:
            for key, text in texts(integration.json(f"translations/{path.name}")):
                if found := _ASTRAY.search(text):
                    yield f"{path.name}: {key} has {found[0]} without a mark for left to right"


def names_on_the_phone(integration: Integration) -> Iterator[str]:
    """Every language sends to the list of linked devices as often as English does, by the name that it has on the phone."""
    english = dict(texts(integration.english))
    for path in sorted((integration.root / "translations").glob("*.json")):
        name = _LINKED_DEVICES.get(path.stem)
        if name is None:
            yield f"{path.name}: nobody has written down here what WhatsApp calls linked devices"
            continue
        own = dict(texts(integration.json(f"translations/{path.name}")))
        for key, text in english.items():
            if own.get(key, "").count(name) < text.count(_LINKED_DEVICES["en"]):
                yield f"{path.name}: {key} does not say {name}"
