"""Phone numbers and chat ids.

Inside this project a chat id has one spelling: `digits@c.us` for a person, `…@g.us` for a group, `…@lid` for a
person whom WhatsApp names by an opaque id, `…@newsletter` for a channel. A gateway that spells it otherwise
translates in its own file.
"""

from enum import StrEnum
import re
from typing import Any
import unicodedata

from .errors import InvalidAnswer

# ITU-T E.164: at most 15 digits with the country code. The shortest numbers in use have 7.
_MIN_DIGITS = 7
_MAX_DIGITS = 15

_PERSON = re.compile(r"([1-9]\d{6,14})@(?:c\.us|s\.whatsapp\.net)")
_OTHER_CHAT = re.compile(r"\d{5,20}(?:-\d{5,15})?@g\.us|\d{5,20}@(?:lid|newsletter)")
# A national trunk zero that people write but never dial from abroad: +49 (0) 151 …
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_SEPARATORS = re.compile(r"[\s().\-/]+")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


class AddressProblem(StrEnum):
    """What is wrong with a number or a chat id."""

    NO_COUNTRY_CODE = "no_country_code"
    TOO_SHORT = "number_too_short"
    TOO_LONG = "number_too_long"
    NOT_A_NUMBER = "not_a_number"


class InvalidAddress(ValueError):
    """The text is not a number or chat id that can be understood for certain."""

    def __init__(self, problem: AddressProblem) -> None:
        """Name the problem; the text itself is private."""
        super().__init__(problem.value)
        self.problem = problem


def parse_phone(text: str) -> str:
    """Return the digits of a number in international form, without `+` (E.164).

    Takes what people write: `+49 151 234-567 89`, `0049 151…`, `+49 (0) 151…`, digits of any script. Raises
    InvalidAddress for a number without a country code, because which country was meant is not certain.
    """
    number = _TRUNK_ZERO.sub("", _plain(text))
    number = _SEPARATORS.sub("", number)
    international = number.removeprefix("+")
    if international == number and number.startswith("00"):
        international = number.removeprefix("00")
    if not international.isdecimal():
        raise InvalidAddress(AddressProblem.NOT_A_NUMBER)
    if international == number or international.startswith("0"):
        raise InvalidAddress(AddressProblem.NO_COUNTRY_CODE)
    if len(international) < _MIN_DIGITS:
        raise InvalidAddress(AddressProblem.TOO_SHORT)
    if len(international) > _MAX_DIGITS:
        raise InvalidAddress(AddressProblem.TOO_LONG)
    return international


def parse_chat_id(text: str) -> str:
    """Return the chat id for a number (see parse_phone) or for a chat id in any known spelling.

    Raises InvalidAddress.
    """
    plain = _plain(text).lower()
    if "@" not in plain:
        return f"{parse_phone(plain)}@c.us"
    if person := _PERSON.fullmatch(plain):
        return f"{person[1]}@c.us"
    if _OTHER_CHAT.fullmatch(plain):
        return plain
    raise InvalidAddress(AddressProblem.NOT_A_NUMBER)


def account_number(account: Any) -> str:
    """Return the number (digits) of an account that an answer names by its digits or its id.

    The id may be one of its devices' (`…:12@s.whatsapp.net`). Empty where no account is named, or by an opaque id
    (`…@lid`). Raises InvalidAnswer for what cannot be an account, such as a group.
    """
    if account is None or account == "":
        return ""
    if not isinstance(account, str):
        raise InvalidAnswer("the answer names no account")
    user, at, server = account.partition("@")
    try:
        chat_id = parse_chat_id(f"{user.partition(':')[0]}@{server}" if at else f"+{account}")
    except InvalidAddress:
        raise InvalidAnswer("the answer names no account") from None
    number, _, server = chat_id.partition("@")
    if server not in ("c.us", "lid"):
        raise InvalidAnswer("the answer names no account")
    return number if server == "c.us" else ""


def _plain(text: str) -> str:
    """Return the text with digits, spaces and dashes of any script as ASCII, and without invisible marks.

    Numbers copied from an address book carry marks for the writing direction.
    """
    if text.isascii():
        # As nearly all are that gateways tell: there is nothing to fold.
        return text.strip()
    # A number that was cut short when it was shown; folding would make dots of it, which may stand in a number.
    if "…" in text:
        raise InvalidAddress(AddressProblem.NOT_A_NUMBER)
    folded = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in folded
        if unicodedata.category(char) != "Cf"
    ).strip()
