"""How words are put for WhatsApp."""

import pytest

from custom_components.whatsapp_link.formatting import with_mentions, with_title

ADA = "13035550142@c.us"
LONGER = "130355501427@c.us"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Laundry", "*Laundry*\nIt is *done*.\n"),
        (" Wash\ning \t machine ", "*Wash ing machine*\nIt is *done*.\n"),
        ("", "It is *done*.\n"),
        (" \n ", "It is *done*.\n"),
        (None, "It is *done*.\n"),
    ],
)
def test_with_title(title: str | None, text: str) -> None:
    """A title is one bold line above the message, which stays as it is; no words make no line."""
    assert with_title("It is *done*.\n", title) == text


@pytest.mark.parametrize(
    ("message", "mentions", "text"),
    [
        ("Dinner", [], "Dinner"),
        ("Dinner", [ADA], "Dinner @13035550142"),
        ("Dinner", [ADA, "10000000000177@lid"], "Dinner @13035550142 @10000000000177"),
        ("@13035550142: dinner", [ADA], "@13035550142: dinner"),
        # Only the number without an at sign makes nobody's phone ring.
        ("Call 13035550142", [ADA], "Call 13035550142 @13035550142"),
        ("Dinner, @130355501427", [ADA, LONGER], "Dinner, @130355501427 @13035550142"),
        ("Dinner, @13035550142", [ADA, LONGER], "Dinner, @13035550142 @130355501427"),
    ],
)
def test_with_mentions(message: str, mentions: list[str], text: str) -> None:
    """Whoever is mentioned stands in the text, once."""
    assert with_mentions(message, mentions) == text
