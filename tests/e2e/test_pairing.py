"""Adding an instance by clicking, and linking it with what can be read from the screen."""

import asyncio
import re
import time

from playwright.async_api import Browser
import pytest

from .api import HomeAssistant, Json, Phone, wait_for
from .browser import DARK, LIGHT, PHONE, Person, Screen, person
from .processes import RigError
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability


@pytest.mark.parametrize("screen", [LIGHT, DARK, PHONE], ids=lambda screen: screen.name)
async def test_qr_code(browser: Browser, hass: HomeAssistant, phone: Phone, instance: Json, screen: Screen) -> None:
    """The code can be scanned, is renewed by itself, and a scan moves the dialog on to the first recipient."""
    async with person(browser, hass, screen) as user:
        await user.add_integration(instance)
        await user.click("QR code")
        first = await user.scannable()
        await user.keep("qr")
        second = await user.scannable(other_than=first)
        # A scan that is on its way while the code changes still counts.
        await asyncio.sleep(1)
        with pytest.raises(RigError, match="HTTP 410"):
            await phone.scan(first)
        await phone.scan(second)
        scanned = time.monotonic()
        await user.see("Add a recipient")
        assert time.monotonic() - scanned < 5
        await _add_recipient(user, hass, phone, instance, screen)


@pytest.mark.parametrize("gateway", [key for key in GATEWAYS if key != "green_api"])
async def test_every_gateway(browser: Browser, hass: HomeAssistant, phone: Phone, gateway: str) -> None:
    """The dialog of each gateway leads to a code on the screen, and the scan leads on."""
    instance = await phone.create_instance(gateway)
    async with person(browser, hass, LIGHT) as user:
        await user.add_integration(instance)
        if Capability.REQUEST_PAIRING_CODE in GATEWAYS[gateway].capabilities:
            await user.click("QR code")
        await phone.scan(await user.scannable())
        await user.see("Add a recipient")


async def _add_recipient(user: Person, hass: HomeAssistant, phone: Phone, instance: Json, screen: Screen) -> None:
    """Type in a number that is in no list, look at the device, and let an automation write to it."""
    name = f"Robin {screen.name}"
    await user.choose_recipient("+1 (202) 555-0177", "Add custom item")
    await user.fill("name", name)
    await user.keep("recipient")
    await user.press("Submit")
    entity_id = f"notify.robin_{screen.name}"

    async def notify_entity() -> Json | None:
        return await hass.state(entity_id)

    await wait_for("the notify entity", notify_entity)
    devices = await hass.command("config/device_registry/list")
    device = next(device for device in devices if device["name"] == f"GREEN-API {instance['id']}")
    recipient = next(device for device in devices if device["name"] == name)
    assert recipient["via_device_id"] == device["id"]
    await user.open(f"/config/devices/device/{device['id']}")
    for entity in ("Linked", "Session", "Last message sent", "Pairing QR code"):
        await user.see(entity)
    await user.keep("device")

    event = f"doorbell_{screen.name}"
    action = {
        "action": "notify.send_message",
        "target": {"entity_id": entity_id},
        "data": {"title": "Door", "message": f"Somebody rings ({screen.name}) 🔔"},
    }
    await hass.add_automation(f"Doorbell {screen.name}", event, [action])
    await wait_for("the automation", lambda: hass.state(f"automation.doorbell_{screen.name}"))
    await hass.fire(event)
    message = await wait_for("the message on the phone", lambda: _first_message(phone, instance))
    assert message["text"] == f"*Door*\nSomebody rings ({screen.name}) 🔔"
    assert message["chat_id"] == "12025550177@c.us"


async def _first_message(phone: Phone, instance: Json) -> Json | None:
    return next(iter(await phone.messages(instance["id"])), None)


@pytest.mark.parametrize(
    ("screen", "group", "chat_id"),
    [(LIGHT, "Family", "120363000000000142@g.us"), (PHONE, "House 7", "120363000000000143@g.us")],
    ids=["light", "phone"],
)
async def test_pairing_code(
    browser: Browser, hass: HomeAssistant, phone: Phone, instance: Json, screen: Screen, group: str, chat_id: str
) -> None:
    """Who reads this on the phone itself types a code there; the dialog moves on by itself as well.

    Then a group is chosen from the account's chats by its name, which becomes that of the recipient.
    """
    async with person(browser, hass, screen) as user:
        await user.add_integration(instance)
        await user.click("Pairing code")
        await user.fill("phone", "202 555 0100")
        await user.press("Submit")
        await user.see("The country code is missing.")
        await user.fill("phone", instance["number"])
        await user.keep("pairing-number")
        await user.press("Submit")
        await user.see("Then type this code")
        await user.keep("pairing-code")
        shown = await user.page.locator("step-flow-progress ha-markdown-element h2").inner_text()
        assert re.fullmatch(r"[A-Z0-9]{4}-?[A-Z0-9]{4}", shown)
        await phone.enter_code(shown)
        await user.see("Add a recipient")
        await user.choose_recipient(group[:3], group)
        await user.keep("group")
        await user.press("Submit")
        recipient = await wait_for("the recipient", lambda: _only_recipient(hass, instance))
        assert (recipient["title"], recipient["unique_id"]) == (group, chat_id)


async def _only_recipient(hass: HomeAssistant, instance: Json) -> Json | None:
    entries = await hass.entries("whatsapp_link")
    entry = next(entry for entry in entries if entry["title"] == f"GREEN-API {instance['id']}")
    recipients = await hass.command("config_entries/subentries/list", entry_id=entry["entry_id"])
    return next(iter(recipients), None)


async def test_wrong_token(browser: Browser, hass: HomeAssistant, phone: Phone, instance: Json) -> None:
    """A refused token is said in the form, in words, and what was typed stays there."""
    async with person(browser, hass, LIGHT) as user:
        await user.open("/config/integrations/dashboard/add?domain=whatsapp_link")
        await user.press("OK")
        await user.click("GREEN-API")
        await user.fill("instance_id", instance["credentials"]["instance_id"])
        await user.fill("token", "0123456789abcdef" * 3)
        await user.click("Server")
        await user.fill("base_url", instance["credentials"]["base_url"])
        await user.press("Submit")
        await user.see("refused the API token or key. Check it")
        await user.keep("wrong-token")
        typed = await user.page.locator("input[name=instance_id]").input_value()
        assert typed == instance["credentials"]["instance_id"]
