"""Lists to choose from in requests to WAHA (vendor OpenAPI, SendListMessage)."""

from .model import JsonObject
from .waha_checks import Fields


def list_in(fields: Fields) -> tuple[str, JsonObject]:
    """Return the text that the phone shows, and the list in the message's details."""
    shown = {
        "title": fields.text("title"),
        "button": fields.text("button"),
        "footer": fields.text("footer", ""),
        "sections": [_section(section) for section in fields.nested_items("sections")],
    }
    return fields.text("description", ""), {"list": shown}


def _section(fields: Fields) -> JsonObject:
    return {"title": fields.text("title"), "rows": [_row(row) for row in fields.nested_items("rows")]}


def _row(fields: Fields) -> JsonObject:
    return {"id": fields.text("rowId"), "title": fields.text("title"), "description": fields.text("description", "")}
