"""Diagnostics: what helps, and nothing personal."""

import json

from homeassistant.core import HomeAssistant

from custom_components.whatsapp_link.diagnostics import async_get_config_entry_diagnostics
from tests.conftest import SetUp
from tests.emulator.green_api_instance import GreenApiInstance


async def test_nothing_personal(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """Neither credentials nor numbers nor names nor the address of a private server are in it."""
    instance.link(instance.number)
    entry = await set_up()
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told, default=str)
    private = (instance.token, instance.id, instance.number.lstrip("+"), "12025550177", "Robin", "127.0.0.1")
    assert [item for item in private if item in text] == []
    assert told["gateway"] == "green_api"
    assert told["base_url"] == "**REDACTED**"
    assert told["session"] == "linked"
    assert told["recipients"] == 1
    assert "send_text" in told["capabilities"]
