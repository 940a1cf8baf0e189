"""Wachat's interactive messages: a list to choose from, and buttons for quick replies.

Phones show them as a text with something to tap, which is what arrives here: a text,
with the menu in its details.
"""

from typing import Any

from .model import JsonObject
from .wachat_checks import Refused, cannot_send, optional_text_in, text_in

# Vendor docs, page Send Reply Buttons.
_MAX_BUTTONS = 3
_INTERACTIVE = "interactive"


def list_in(body: JsonObject) -> tuple[str, JsonObject]:
    """Return the text and the details of a list (page Send List Message).

    The page shows all fields in an example; those are required that the engine wants.
    """
    menu = _menu_in(body)
    if text_in(menu, "type") != "list":
        msg = "Field interactive.type must be one of: list."
        raise Refused(msg)
    shown = {
        "title": text_in(menu, "title"),
        "button": text_in(menu, "buttonText"),
        "footer": text_in(menu, "footerText"),
        "sections": [_section_of(section) for section in _objects_in(menu, "sections")],
    }
    return optional_text_in(menu, "text"), {"list": shown}


def buttons_in(body: JsonObject) -> tuple[str, JsonObject]:
    """Return the text and the details of a message with buttons (page Send Reply Buttons).

    The part of the page that names the fields inside was not to be had: the text is
    taken to be where a list has it, the buttons where the engine has them.
    """
    menu = _menu_in(body)
    buttons = _objects_in(menu, "buttons")
    if len(buttons) > _MAX_BUTTONS:
        raise cannot_send(["Maximum of 3 reply buttons allowed"])
    return text_in(menu, "text"), {"buttons": buttons}


def _menu_in(body: JsonObject) -> JsonObject:
    if text_in(body, "type") != _INTERACTIVE:
        msg = f"Field type must be one of: {_INTERACTIVE}."
        raise Refused(msg)
    if _INTERACTIVE not in body:
        msg = f"Missing required field: {_INTERACTIVE}."
        raise Refused(msg)
    return _object(body[_INTERACTIVE], _INTERACTIVE)


def _section_of(section: JsonObject) -> JsonObject:
    return {
        "title": text_in(section, "title"),
        "rows": [_row_of(row) for row in _objects_in(section, "rows")],
    }


def _row_of(row: JsonObject) -> JsonObject:
    return {
        "id": text_in(row, "rowId"),
        "title": text_in(row, "title"),
        "description": optional_text_in(row, "description"),
    }


def _objects_in(body: JsonObject, name: str) -> list[JsonObject]:
    """Return a list of objects, of which there has to be one at least."""
    values = body.get(name)
    if not isinstance(values, list) or not values:
        msg = f"Missing required field: {name}."
        raise Refused(msg)
    return [_object(value, name) for value in values]


def _object(value: Any, name: str) -> JsonObject:
    if not isinstance(value, dict):
        msg = f"Field {name} must be an object."
        raise Refused(msg)
    return value
