"""What comes in starts an automation, which is built by clicking only."""

import json
from typing import Any

from playwright.async_api import Browser
import pytest

from .api import HomeAssistant, Json, Phone, wait_for
from .automation_editor import AutomationEditor
from .browser import DARK, LIGHT, person
from .link import add_recipient, link
from .processes import ROOT

_ADA = "13035550142"
_TRANSLATIONS = ROOT / "custom_components" / "whatsapp_link" / "translations" / "en.json"


@pytest.fixture(scope="module")
def words() -> dict[str, Any]:
    """Return what is on the screen in place of keys."""
    translations: dict[str, Any] = json.loads(_TRANSLATIONS.read_text(encoding="utf-8"))
    return translations


async def _linked(hass: HomeAssistant, phone: Phone, recipient: str) -> Json:
    """Return a linked instance of a gateway that pushes, with a recipient of this name."""
    instance = await phone.create_instance("waha", linked=True)
    await add_recipient(hass, await link(hass, phone, instance), f"{_ADA}@c.us", recipient)
    return instance


async def test_answer(browser: Browser, hass: HomeAssistant, phone: Phone, words: dict[str, Any]) -> None:
    """An event of a recipient is the trigger, an action of ours the answer, which arrives on the phone."""
    name = "Ada"
    instance = await _linked(hass, phone, name)
    event = words["entity"]["event"]["recipient_event"]
    types = event["state_attributes"]["event_type"]["state"]
    async with person(browser, hass, LIGHT) as user:
        editor = AutomationEditor(user)
        await editor.open()
        await editor.add("trigger", name, "Event received")
        shown = await editor.options("ha-entity-state-picker")
        assert shown
        assert set(shown) <= set(types.values())
        await editor.choose("ha-entity-state-picker", types["text"])
        await user.keep("automation-trigger")
        await editor.close()
        await editor.add("action", name, words["services"]["send_message"]["name"])
        await editor.fill(words["services"]["send_message"]["fields"]["message"]["name"], "I am on my way.")
        await user.keep("automation-action")
        await editor.close()
        automation = await editor.save(f"Answer {name}")
        await hass.wait_for_state("automation.answer_ada", "on")
        await phone.write(instance["id"], f"+{_ADA}", "Are you coming?")
        (message,) = await phone.arrived(instance["id"])
        assert (message["chat_id"], message["text"]) == (f"{_ADA}@c.us", "I am on my way.")
        (trace,) = await wait_for("the trace", lambda: _traces(hass, automation))
        assert (trace["script_execution"], trace.get("error")) == ("finished", None)
        await user.open(f"/config/automation/trace/{automation}")
        await user.see("Executed: ")
        await user.keep("automation-trace")


async def _traces(hass: HomeAssistant, automation: str) -> list[Json] | None:
    traces: list[Json] = await hass.command("trace/list", domain="automation", item_id=automation)
    return [trace for trace in traces if trace["state"] == "stopped"] or None


async def test_device_triggers(browser: Browser, hass: HomeAssistant, phone: Phone, words: dict[str, Any]) -> None:
    """A recipient's device has triggers of its own, in words."""
    name = "Ada's device"
    await _linked(hass, phone, name)
    entity_name = f"{name} {words['entity']['event']['recipient_event']['name']}"
    async with person(browser, hass, DARK) as user:
        editor = AutomationEditor(user)
        await editor.open()
        await editor.add_device_trigger(name)
        shown = await editor.options("ha-device-trigger-picker")
    triggers = words["device_automation"]["trigger_type"].values()
    assert set(shown) == {trigger.format(entity_name=entity_name) for trigger in triggers}
