"""Contacts as phones hand them on: vCards (RFC 6350), in which WhatsApp notes the number of the account."""

import re

from .model import Contact

# `waid` is the account's number; where it is missing, the number is as its owner typed it.
_ACCOUNT = re.compile(r"waid=(\d{5,20})", re.IGNORECASE)
_PHONE = re.compile(r"^(?:\w{1,20}\.)?TEL[^:\n]{0,200}:([^\r\n]{1,200})", re.MULTILINE | re.IGNORECASE)
_NAME = re.compile(r"^(?:\w{1,20}\.)?FN[^:\n]{0,200}:([^\r\n]{1,200})", re.MULTILINE | re.IGNORECASE)
# RFC 6350, section 3.4.
_ESCAPED = re.compile(r"\\([\\,;])")


def contact_in(card: str, name: str = "") -> Contact:
    """Return who is on a card, by a name that is known already or by the card's own; either may stay empty."""
    phone = _ACCOUNT.search(card) or _PHONE.search(card)
    named = _NAME.search(card)
    digits = re.sub(r"[^0-9]", "", phone[1]) if phone else ""
    return Contact(name or (_ESCAPED.sub(r"\1", named[1]).strip() if named else ""), digits)
