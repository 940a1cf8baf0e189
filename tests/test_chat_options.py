"""How the account's chats stand in the list to choose from."""

import pytest

from custom_components.whatsapp_link.chat_options import chat_name, chat_options, is_chat_id, spelled
from custom_components.whatsapp_link.gateways.model import Chat

ADA = "13035550142@c.us"
FAMILY = "120363000000000142@g.us"


def test_order_and_labels() -> None:
    """By name, whatever the case; groups have a sign and stand among the people; who has no name comes last."""
    chats = [
        Chat("13035550150@c.us", "", is_group=False),
        Chat("13035550143@c.us", "bertil", is_group=False),
        Chat(FAMILY, "Böcklers", is_group=True),
        Chat("120363000000000199@newsletter", "Weather", is_group=False),
        Chat(ADA, "  Ada\nNeighbour ", is_group=False),
    ]
    assert chat_options(chats) == [
        {"value": ADA, "label": "Ada Neighbour"},
        {"value": "13035550143@c.us", "label": "bertil"},
        {"value": FAMILY, "label": "👥 Böcklers"},
        {"value": "120363000000000199@newsletter", "label": "Weather"},
        {"value": "13035550150@c.us", "label": "+13035550150"},
    ]


def test_same_name() -> None:
    """Two people of one name can be told apart; a group of that name has its sign already."""
    chats = [
        Chat(ADA, "Ada", is_group=False),
        Chat(FAMILY, "Ada", is_group=True),
        Chat("10000000000142@lid", "Ada", is_group=False),
    ]
    labels = {option["value"]: option["label"] for option in chat_options(chats)}
    assert labels == {
        ADA: "Ada (+13035550142)",
        FAMILY: "👥 Ada",
        "10000000000142@lid": "Ada (10000000000142@lid)",
    }


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "13035550142",
        "+13035550142",
        "+1 (303) 555-0142",
        "+1\u00a0303\u00a0555-0142",
        "13035550142@s.whatsapp.net",
        ADA,
    ],
)
def test_number_is_no_name(name: str) -> None:
    """A number that a gateway gives for want of a name does not pass for one."""
    assert chat_name(Chat(ADA, name, is_group=False)) == ""
    assert chat_options([Chat(ADA, name, is_group=False)]) == [{"value": ADA, "label": "+13035550142"}]


@pytest.mark.parametrize("name", ["Ada", "Ada 2", "24/7 Service", "🎉", "007", "R2-D2"])
def test_name_with_digits(name: str) -> None:
    """A name may have digits in it."""
    assert chat_name(Chat(ADA, name, is_group=False)) == name


def test_name_of_a_group() -> None:
    """A group may be called like a number, but not like its id."""
    assert chat_name(Chat(FAMILY, "2025-2026", is_group=True)) == "2025-2026"
    assert chat_name(Chat(FAMILY, FAMILY, is_group=True)) == ""
    assert chat_options([Chat(FAMILY, FAMILY, is_group=True)]) == [{"value": FAMILY, "label": f"👥 {FAMILY}"}]


def test_spelled() -> None:
    """A number is written with its plus, any other id as it is."""
    assert (spelled(ADA), spelled(FAMILY)) == ("+13035550142", FAMILY)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (ADA, True),
        (FAMILY, True),
        ("12025550177-1600000000@g.us", True),
        ("120363000000000199@newsletter", True),
        ("10000000000142@lid", True),
        ("13035550142@s.whatsapp.net", False),
        ("+13035550142", False),
        ("status@broadcast", False),
        ("0@c.us", False),
        ("", False),
    ],
)
def test_is_chat_id(text: str, is_one: bool) -> None:
    """Only what can be written to, and only in the one spelling, is a chat id."""
    assert is_chat_id(text) is is_one
