"""A phone that was lost is linked again, and an instance is changed, by clicking."""

from dataclasses import replace
import json
from typing import Any

from playwright.async_api import Browser
import pytest

from .api import HomeAssistant, Json, Phone
from .browser import DARK, LIGHT, PHONE, Person, Screen, person
from .link import Linked, add_recipient, link
from .processes import ROOT

_ADA = "13035550142@c.us"
_TRANSLATIONS = ROOT / "custom_components" / "whatsapp_link" / "translations"
_ARABIC = replace(LIGHT, name="arabic", language="ar")
_DIRECTIONS = {"ar": "rtl", "en": "ltr"}


def _words(screen: Screen) -> dict[str, Any]:
    """Return what is on the screen in place of keys."""
    words: dict[str, Any] = json.loads((_TRANSLATIONS / f"{screen.language}.json").read_text(encoding="utf-8"))
    return words


async def _linked(hass: HomeAssistant, phone: Phone) -> tuple[Json, Linked, str]:
    """Return an instance of a gateway that pushes, its entry, and the notify entity of its recipient."""
    instance = await phone.create_instance("waha", linked=True)
    linked = await link(hass, phone, instance)
    recipient = await add_recipient(hass, linked, _ADA, f"Ada {instance['id']}")
    await hass.wait_for_state(await hass.entity_id(linked.entry_id, "linked"), "on")
    return instance, linked, recipient


async def _kept(hass: HomeAssistant, entry_id: str) -> list[Any]:
    """Return what is to stay as it is: recipients, and entities by all that is known of them."""
    recipients = await hass.command("config_entries/subentries/list", entry_id=entry_id)
    return [recipients, await hass.entities(entry_id)]


@pytest.mark.parametrize("screen", [LIGHT, DARK, _ARABIC], ids=lambda screen: screen.name)
async def test_link_again(browser: Browser, hass: HomeAssistant, phone: Phone, screen: Screen) -> None:
    """The page of the integrations asks for attention; a scan from the screen is all it takes, and nothing is lost."""
    instance, linked, recipient = await _linked(hass, phone)
    before = await _kept(hass, linked.entry_id)
    config = _words(screen)["config"]
    words = config["step"]
    async with person(browser, hass, screen) as user:
        await user.open("/config/integrations")
        await phone.unlink(instance["id"])
        card = user.page.locator("ha-config-flow-card").filter(has_text=f"WAHA {instance['id']}")
        await card.wait_for()
        await user.keep("reauth-card")
        assert await user.page.locator("html").get_attribute("dir") == _DIRECTIONS[screen.language]
        await card.locator("ha-button").first.click()
        await user.see(words["reauth_pair"]["title"])
        await user.keep("reauth-menu")
        await user.click(words["reauth_pair"]["menu_options"]["pair_qr"])
        await user.see(words["pair_qr"]["title"])
        await user.scannable()
        await user.keep("reauth-qr")
        await user.resize(PHONE)
        code = await user.scannable()
        await user.keep("reauth-qr-narrow")
        await user.resize(screen)
        await phone.scan(code)
        await user.see(config["abort"]["linked_again"])
        await _close(user)
        await card.wait_for(state="detached")
        await user.keep("reauth-done")
    await hass.wait_for_state(await hass.entity_id(linked.entry_id, "linked"), "on")
    assert await _kept(hass, linked.entry_id) == before
    await hass.act("notify.send_message", {"entity_id": recipient, "message": "Here again"})
    (message,) = await phone.arrived(instance["id"])
    assert (message["chat_id"], message["text"]) == (_ADA, "Here again")


async def test_reconfigure(browser: Browser, hass: HomeAssistant, phone: Phone) -> None:
    """The menu of the entry leads to what can be changed; what is submitted unchanged changes nothing."""
    instance, linked, _ = await _linked(hass, phone)
    title = f"WAHA {instance['id']}"
    before = await _kept(hass, linked.entry_id)
    words = _words(LIGHT)["config"]["step"]
    async with person(browser, hass, LIGHT) as user:
        await user.open("/config/integrations/integration/whatsapp_link")
        entry = user.page.locator("ha-config-entry-row").filter(has_text=title)
        await entry.get_by_role("button", name="Menu").first.click()
        await entry.locator("ha-dropdown-item[value=reconfigure]").click()
        await user.see(words["reconfigure"]["title"])
        await user.keep("reconfigure-menu")
        await user.click(words["reconfigure"]["menu_options"]["access"])
        await user.see(words["access"]["data"]["token"])
        await user.keep("reconfigure-access")
        await user.press("Submit")
        await user.see("successful")
        await _close(user)
    await hass.wait_for_state(await hass.entity_id(linked.entry_id, "linked"), "on")
    assert await _kept(hass, linked.entry_id) == before


async def _close(user: Person) -> None:
    """Read the last words of the dialog, and close it."""
    await user.page.locator("step-flow-abort").wait_for()
    await user.keep("flow-end")
    await user.page.locator("dialog-data-entry-flow ha-button").last.click()
