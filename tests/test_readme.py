"""The README says what is true."""

from pathlib import Path

from custom_components.whatsapp_link.gateways import GATEWAYS
from tests.capability_table import capability_table

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_capability_table() -> None:
    """The table of what each gateway can do is the one that the code makes."""
    assert capability_table() in README


def test_every_gateway_is_named() -> None:
    """Each gateway has its row in the table of what one needs for it."""
    for gateway in GATEWAYS.values():
        assert f"| [{gateway.name}](" in README
