"""Chat ids as Evolution API writes them (WhatsApp's jids), and numbers as it takes them."""

import hashlib
import re

_PERSON = "@s.whatsapp.net"
_GROUP = "@g.us"
# Vendor source, createJid: what holds one of these is taken as it is.
_KNOWN_SERVERS = (_GROUP, _PERSON, "@lid", "@broadcast")
_DEVICE = re.compile(r":\d+")
_PUNCTUATION = re.compile(r"[\s+()]")
_LEAST_OLD_GROUP = 24
_LEAST_GROUP_DIGITS = 18
# Mexico and Argentina, which have a digit after the country code in some spellings only.
_DIGIT_TOO_MANY = re.compile(r"(5[24])\d(\d{10})")
# In Brazil the ninth digit is no part of the account's number, unless the area is one of
# those that had it early, or the number is a landline's.
_NINTH_DIGIT = re.compile(r"(55(?:3[1-9]|[4-9]\d))\d([7-9]\d{7})")


def jid_of(chat_id: str) -> str:
    """Return a chat as this vendor names it."""
    return chat_id.replace("@c.us", _PERSON)


def chat_id_of_jid(jid: str) -> str:
    """Return a chat as WhatsApp names it."""
    return jid.replace(_PERSON, "@c.us")


def jid_from(number: str) -> str:
    """Return the jid that the server makes of a recipient (vendor source, createJid).

    Channels are not among what it knows: the digits of one are taken for a group.
    """
    number = _DEVICE.sub("", number)
    if any(server in number for server in _KNOWN_SERVERS):
        return number
    number = _PUNCTUATION.sub("", number).partition("@")[0]
    if "-" in number and len(number) >= _LEAST_OLD_GROUP:
        return number + _GROUP
    digits = re.sub(r"\D", "", number)
    if len(digits) >= _LEAST_GROUP_DIGITS:
        return digits + _GROUP
    for spelling in (_DIGIT_TOO_MANY, _NINTH_DIGIT):
        if found := spelling.fullmatch(digits):
            digits = "".join(found.groups())
    return digits + _PERSON


def number_of(jid: str) -> str:
    """Return the number of a person with plus sign, "" for all other chats."""
    return f"+{jid.removesuffix(_PERSON)}" if jid.endswith(_PERSON) else ""


def is_group(jid: str) -> bool:
    """Say whether a chat is a group."""
    return jid.endswith(_GROUP)


def lid_of(number: str) -> str:
    """Return the lid of an account: an id that does not tell the number."""
    digest = hashlib.sha256(f"lid of {number}".encode()).digest()
    return f"{10**14 + int.from_bytes(digest[:6]) % 10**14}@lid"
