"""Contacts in requests to WAHA: name and number, or a vCard of one's own."""

import re

from .model import JsonObject, digits_of
from .waha_checks import Fields

_NAME = re.compile(r"^FN[^:\n]*:(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_PHONE = re.compile(r"^(?:\w+\.)?TEL[^:\n]*:(.*?)\s*$", re.MULTILINE | re.IGNORECASE)
_ESCAPED = re.compile(r"\\([,;\\])")


def contact_in(fields: Fields) -> JsonObject:
    """Return a contact (vendor OpenAPI, Contact and VCardContact)."""
    if fields.has("vcard"):
        return _read(fields.text("vcard"))
    # These are for the card, of which the phone here shows name and number.
    fields.text("organization", "")
    fields.text("whatsappId", "")
    return _contact(fields.text("fullName"), fields.text("phoneNumber"))


def _read(card: str) -> JsonObject:
    """Read a card. What is in it is nobody's business but the phone's, so nothing is refused."""
    name, phone = _NAME.search(card), _PHONE.search(card)
    return _contact(_ESCAPED.sub(r"\1", name[1]) if name else "", phone[1] if phone else "")


def _contact(name: str, phone: str) -> JsonObject:
    digits = digits_of(phone)
    return {"name": name, "number": f"+{digits}" if digits else ""}
