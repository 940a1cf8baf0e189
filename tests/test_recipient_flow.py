"""Adding a recipient: what is understood, what is refused, and in which words."""

from typing import Any

import pytest

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from tests.conftest import SetUp
from tests.dialog import ENGLISH
from tests.emulator.green_api_instance import GreenApiInstance

WORDS = ENGLISH["config_subentries"]["recipient"]["error"]


class RecipientDialog:
    """The dialog of a subentry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Take the entry to which the recipient is added."""
        self._flow = hass.config_entries.subentries
        self._handler = (entry_id, "recipient")
        self._flow_id = ""

    async def submit(self, recipient: str, name: str) -> SubentryFlowResult:
        """Submit the form, in the dialog that is open or in a new one."""
        if not self._flow_id:
            step = await self._flow.async_init(self._handler, context={"source": SOURCE_USER})
            self._flow_id = step["flow_id"]
        typed = {"recipient": recipient, "name": name}
        return await self._flow.async_configure(self._flow_id, typed)


@pytest.fixture
async def dialog(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> RecipientDialog:
    """Return the dialog of an instance that has one recipient already."""
    instance.link(instance.number)
    entry = await set_up()
    return RecipientDialog(hass, entry.entry_id)


@pytest.mark.parametrize(
    ("typed", "chat_id"),
    [
        ("+49 151 234-567 89", "4915123456789@c.us"),
        ("0049 151 23456789", "4915123456789@c.us"),
        ("+49 (0) 151 23456789", "4915123456789@c.us"),
        ("4915123456789@c.us", "4915123456789@c.us"),
        ("120363043968066561@g.us", "120363043968066561@g.us"),
    ],
)
async def test_understood(hass: HomeAssistant, dialog: RecipientDialog, typed: str, chat_id: str) -> None:
    """Each spelling of a number and each kind of chat becomes a device with a notify entity."""
    step = await dialog.submit(typed, " Kim ")
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert step["title"] == "Kim"
    assert step["data"] == {"chat_id": chat_id}
    await hass.async_block_till_done()
    assert hass.states.get("notify.kim")


@pytest.mark.parametrize(
    ("typed", "name", "errors"),
    [
        ("(555) 123 4567", "Kim", {"recipient": "no_country_code"}),
        ("0151 23456789", "Kim", {"recipient": "no_country_code"}),
        ("+49 151", "Kim", {"recipient": "number_too_short"}),
        ("+49 151 2345 6789 0123 4", "Kim", {"recipient": "number_too_long"}),
        ("Kim", "Kim", {"recipient": "not_a_number"}),
        ("someone@example.org", "Kim", {"recipient": "not_a_number"}),
        ("+1 202 555 0177", "Kim", {"recipient": "already_configured"}),
        ("+1 202 555 0178", "  ", {"name": "name_missing"}),
    ],
)
async def test_refused(
    hass: HomeAssistant, dialog: RecipientDialog, typed: str, name: str, errors: dict[str, str]
) -> None:
    """What is not certain is refused with words for it; nothing half-done stays, and the next try works."""
    step = await dialog.submit(typed, name)
    assert step["type"] is FlowResultType.FORM
    assert step["errors"] == errors
    assert all(WORDS[key] for key in errors.values())
    assert len(hass.config_entries.async_entries("whatsapp_link")[0].subentries) == 1
    step = await dialog.submit("+1 202 555 0179", "Kim")
    assert step["type"] is FlowResultType.CREATE_ENTRY


async def test_removed(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """A recipient that is removed takes its device and its entity along."""
    instance.link(instance.number)
    entry: Any = await set_up()
    assert hass.states.get("notify.robin")
    hass.config_entries.async_remove_subentry(entry, "recipient")
    await hass.async_block_till_done()
    assert hass.states.get("notify.robin") is None
