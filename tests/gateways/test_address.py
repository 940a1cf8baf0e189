"""Phone numbers and chat ids as people write them."""

import pytest

from custom_components.whatsapp_link.gateways.address import AddressProblem, InvalidAddress, parse_chat_id, parse_phone

US = "12025550142"

PHONES = {
    "as dialled": ("+12025550142", US),
    "in groups": ("+1 202 555 0142", US),
    "area code in parentheses": ("+1 (202) 555-0142", US),
    "parentheses without spaces": ("+1(202)555-0142", US),
    "country code in parentheses": ("(+1) 202 555 0142", US),
    "dots": ("+1.202.555.0142", US),
    "slash": ("+1 202/555 0142", US),
    "groups of odd size": ("+1 202 555-01 4 2", US),
    "hyphens": ("+49 151 234-567 89", "4915123456789"),
    "double zero": ("0049 151 234 567 89", "4915123456789"),
    "double zero without spaces": ("004915123456789", "4915123456789"),
    "double zero before the US": ("001-202-555-0142", US),
    "trunk zero": ("+49 (0) 151 23456789", "4915123456789"),
    "trunk zero without spaces": ("+49(0)15123456789", "4915123456789"),
    "trunk zero with inner spaces": ("+49 ( 0 ) 151 23456789", "4915123456789"),
    "trunk zero after a double zero": ("0049 (0)151 23456789", "4915123456789"),
    "blanks around": ("  +12025550142\t", US),
    "line end": ("+12025550142\r\n", US),
    "no-break spaces": ("+1\u00a0202\u00a0555\u00a00142", US),
    "narrow no-break spaces": ("+1\u202f202\u202f555\u202f0142", US),
    "figure spaces": ("+1\u2007202\u2007555\u20070142", US),
    "non-breaking hyphens": ("+1 202\u2011555\u20110142", US),
    "hyphen of its own": ("+1 202\u2010555\u20100142", US),
    "en dashes": ("+1 202\u2013555\u20130142", US),
    "minus signs": ("+1 202\u2212555\u22120142", US),
    "soft hyphens": ("+1202\u00ad555\u00ad0142", US),
    "embedded direction": ("\u202a+1 202 555 0142\u202c", US),
    "isolated direction": ("\u2066+1 202 555 0142\u2069", US),
    "left-to-right mark": ("\u200e+12025550142", US),
    "zero-width spaces": ("+1\u200b202\u200b5550142", US),
    "byte order mark": ("\ufeff+12025550142", US),
    "Arabic-Indic digits": ("+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0664\u0662", US),
    "Persian digits": ("+\u06f1\u06f2\u06f0\u06f2\u06f5\u06f5\u06f5\u06f0\u06f1\u06f4\u06f2", US),
    "Devanagari digits": ("+\u0967\u0968\u0966\u0968\u096b\u096b\u096b\u0966\u0967\u096a\u0968", US),
    "double zero in Arabic-Indic digits": (
        "\u0660\u0660\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0664\u0662",
        US,
    ),
    "full width": ("＋１２０２５５５０１４２", US),
    "full width with hyphens": ("＋１－２０２－５５５－０１４２", US),
    "shortest": ("+2901234", "2901234"),
    "longest": ("+123456789012345", "123456789012345"),
}

NO_PHONES = {
    "empty": ("", AddressProblem.NOT_A_NUMBER),
    "blank": (" \u00a0\t", AddressProblem.NOT_A_NUMBER),
    "only a plus": ("+", AddressProblem.NOT_A_NUMBER),
    "only punctuation": ("(-)", AddressProblem.NOT_A_NUMBER),
    "only invisible": ("\u200e\u202a\u202c", AddressProblem.NOT_A_NUMBER),
    "letters": ("Ada Neighbour", AddressProblem.NOT_A_NUMBER),
    "vanity": ("+1 800 555 ADAM", AddressProblem.NOT_A_NUMBER),
    "letter O": ("+1202555O142", AddressProblem.NOT_A_NUMBER),
    "extension": ("+1 202 555 0142 ext. 5", AddressProblem.NOT_A_NUMBER),
    "two numbers": ("+12025550142, +12025550143", AddressProblem.NOT_A_NUMBER),
    "two numbers in a row": ("+12025550142 +12025550143", AddressProblem.NOT_A_NUMBER),
    "two plus signs": ("++12025550142", AddressProblem.NOT_A_NUMBER),
    "plus at the end": ("12025550142+", AddressProblem.NOT_A_NUMBER),
    "chat id": ("12025550142@c.us", AddressProblem.NOT_A_NUMBER),
    "emoji": ("\N{MOBILE PHONE}", AddressProblem.NOT_A_NUMBER),
    "Roman number": ("Ⅻ", AddressProblem.NOT_A_NUMBER),
    "national, US": ("(555) 123-4567", AddressProblem.NO_COUNTRY_CODE),
    "national, US with area code": ("202-555-0142", AddressProblem.NO_COUNTRY_CODE),
    "country code without plus": ("1 202 555 0142", AddressProblem.NO_COUNTRY_CODE),
    "national, trunk zero": ("0151 234 567 89", AddressProblem.NO_COUNTRY_CODE),
    "national, trunk zero in parentheses": ("(0) 151 234 567 89", AddressProblem.NO_COUNTRY_CODE),
    "US exit code": ("011 1 202 555 0142", AddressProblem.NO_COUNTRY_CODE),
    "plus before a trunk zero": ("+0151 234 567 89", AddressProblem.NO_COUNTRY_CODE),
    "plus and double zero": ("+0049 151 234 567 89", AddressProblem.NO_COUNTRY_CODE),
    "triple zero": ("0001 202 555 0142", AddressProblem.NO_COUNTRY_CODE),
    "six digits": ("+290123", AddressProblem.TOO_SHORT),
    "emergency": ("+1 911", AddressProblem.TOO_SHORT),
    "six digits after a double zero": ("00290123", AddressProblem.TOO_SHORT),
    "sixteen digits": ("+1234567890123456", AddressProblem.TOO_LONG),
    "endless": ("+" + "1" * 10_000, AddressProblem.TOO_LONG),
}

CHAT_IDS = {
    "number": ("+1 (202) 555-0142", "12025550142@c.us"),
    "number in full width": ("＋１２０２５５５０１４２", "12025550142@c.us"),
    "person": ("12025550142@c.us", "12025550142@c.us"),
    "person in capitals": ("12025550142@C.US", "12025550142@c.us"),
    "person in the protocol's spelling": ("12025550142@s.whatsapp.net", "12025550142@c.us"),
    "person with a mark": ("\u200e12025550142@c.us ", "12025550142@c.us"),
    "group": ("120363000000000142@g.us", "120363000000000142@g.us"),
    "group, old form": ("12025550142-1581234048@g.us", "12025550142-1581234048@g.us"),
    "group, old form with a typographic hyphen": ("12025550142\u20111581234048@g.us", "12025550142-1581234048@g.us"),
    "opaque person": ("120650379300963@lid", "120650379300963@lid"),
    "channel": ("120363000000000199@newsletter", "120363000000000199@newsletter"),
    "channel in capitals": ("120363000000000199@Newsletter", "120363000000000199@newsletter"),
}

NO_CHAT_IDS = {
    "empty": ("", AddressProblem.NOT_A_NUMBER),
    "name": ("Family", AddressProblem.NOT_A_NUMBER),
    "number without a country code": ("202-555-0142", AddressProblem.NO_COUNTRY_CODE),
    "number too short": ("+1 911", AddressProblem.TOO_SHORT),
    "number too long": ("+1234567890123456", AddressProblem.TOO_LONG),
    "e-mail": ("ada@example.com", AddressProblem.NOT_A_NUMBER),
    "nothing before the at sign": ("@c.us", AddressProblem.NOT_A_NUMBER),
    "nothing behind the at sign": ("12025550142@", AddressProblem.NOT_A_NUMBER),
    "two at signs": ("12025550142@c.us@c.us", AddressProblem.NOT_A_NUMBER),
    "person with a plus": ("+12025550142@c.us", AddressProblem.NOT_A_NUMBER),
    "person with a trunk zero": ("015123456789@c.us", AddressProblem.NOT_A_NUMBER),
    "person too short": ("123456@c.us", AddressProblem.NOT_A_NUMBER),
    "person too long": ("1234567890123456@c.us", AddressProblem.NOT_A_NUMBER),
    "device of a person": ("12025550142:26@s.whatsapp.net", AddressProblem.NOT_A_NUMBER),
    "two lines": ("12025550142@c.us\n12025550143@c.us", AddressProblem.NOT_A_NUMBER),
    "status": ("status@broadcast", AddressProblem.NOT_A_NUMBER),
    "group by name": ("family@g.us", AddressProblem.NOT_A_NUMBER),
    "group too short": ("142@g.us", AddressProblem.NOT_A_NUMBER),
    "group with two hyphens": ("12025550142-1581234048-1@g.us", AddressProblem.NOT_A_NUMBER),
    "path": ("120363000000000142@g.us/../x", AddressProblem.NOT_A_NUMBER),
}


@pytest.mark.parametrize(("text", "digits"), PHONES.values(), ids=PHONES)
def test_phone(text: str, digits: str) -> None:
    """A number with a country code is understood, however it is written."""
    assert parse_phone(text) == digits


@pytest.mark.parametrize(("text", "problem"), NO_PHONES.values(), ids=NO_PHONES)
def test_no_phone(text: str, problem: AddressProblem) -> None:
    """What is not certain is refused, with the reason and without the text."""
    with pytest.raises(InvalidAddress) as caught:
        parse_phone(text)
    assert caught.value.problem is problem
    assert_private(caught.value, text)


@pytest.mark.parametrize(("text", "chat_id"), CHAT_IDS.values(), ids=CHAT_IDS)
def test_chat_id(text: str, chat_id: str) -> None:
    """A number or a chat id of any spelling becomes our spelling, which stays what it is."""
    assert parse_chat_id(text) == chat_id
    assert parse_chat_id(chat_id) == chat_id


@pytest.mark.parametrize(("text", "problem"), NO_CHAT_IDS.values(), ids=NO_CHAT_IDS)
def test_no_chat_id(text: str, problem: AddressProblem) -> None:
    """What is neither a number nor a chat id is refused, with the reason and without the text."""
    with pytest.raises(InvalidAddress) as caught:
        parse_chat_id(text)
    assert caught.value.problem is problem
    assert_private(caught.value, text)


def assert_private(error: InvalidAddress, text: str) -> None:
    """Check that an error holds nothing of what was typed."""
    assert error.args == (error.problem.value,)
    assert error.__cause__ is None
    assert error.__context__ is None
    digits = "".join(char for char in text if char.isdigit())
    for shown in (str(error), repr(error), repr(vars(error))):
        assert not text.strip() or text.strip() not in shown or text.strip() in "()-+"
        assert not digits or digits not in shown
