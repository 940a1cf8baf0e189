"""Takes the pictures of the documentation anew: `python -m tests.e2e.pictures [name ...]` writes docs/images."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
import sys
import tempfile

from PIL import Image, ImageDraw
from playwright.async_api import Browser, FloatRect

from .action_form import ActionForm
from .api import HomeAssistant, Json, Phone
from .automation_editor import AutomationEditor
from .browser import DARK, LIGHT, PHONE, Person, chromium, person
from .link import Linked, add_recipient, link
from .processes import ROOT, emulator, home_assistant

_IMAGES = ROOT / "docs" / "images"
_NARROW = replace(LIGHT, width=640, height=700)
_DARK_PHONE = replace(PHONE, dark=DARK.dark)
_HIGH = replace(LIGHT, height=1330)
# The menu of Home Assistant stands to the left of a page.
_MENU = 256
_ADA = "13035550142"


@dataclass(frozen=True)
class House:
    """What is there to take pictures of."""

    hass: HomeAssistant
    phone: Phone
    browser: Browser

    async def linked(self, gateway: str, recipient: str) -> tuple[Json, Linked]:
        """Return a linked instance with a recipient of this name."""
        instance = await self.phone.create_instance(gateway, linked=True)
        entry = await link(self.hass, self.phone, instance)
        await add_recipient(self.hass, entry, f"{_ADA}@c.us", recipient)
        await self.hass.wait_for_state(await self.hass.entity_id(entry.entry_id, "linked"), "on")
        return instance, entry

    async def unlinked(self, user: Person) -> None:
        """Open the dialog of a new instance and choose the QR code."""
        instance = await self.phone.create_instance("green_api")
        await user.add_integration(instance)
        await user.click("QR code")
        # Of the first code the ring does not show from the beginning how long it lasts.
        await user.scannable(other_than=await user.scannable())
        await user.page.wait_for_timeout(2500)


async def _keep(user: Person, name: str, *, left: int = 0, top: int = 0, width: int = 0, height: int = 0) -> None:
    """Write what is on the screen, from so far to the right and so far down."""
    await user.settle()
    size = user.page.viewport_size
    assert size is not None
    clip = FloatRect(x=left, y=top, width=width or size["width"] - left, height=height or size["height"] - top)
    path = _IMAGES / f"{name}.png"
    await user.page.screenshot(path=path, clip=clip)
    # Far smaller, and nobody sees it.
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


async def pairing(house: House) -> None:
    """The code in the dialog."""
    async with person(house.browser, house.hass, _NARROW) as user:
        await house.unlinked(user)
        await _keep(user, "pairing")


async def pairing_phone(house: House) -> None:
    """The same on a phone."""
    async with person(house.browser, house.hass, _DARK_PHONE) as user:
        await house.unlinked(user)
        await _keep(user, "pairing-phone", height=600)


async def recipient(house: House) -> None:
    """The chats of an account to choose from. Groups have a sign, which only shows with a font for emoji."""
    async with person(house.browser, house.hass, LIGHT) as user:
        await house.unlinked(user)
        await house.phone.scan(await user.scannable())
        await user.see("Chat or phone number")
        await user.settle()
        await user.page.locator("step-flow-form ha-generic-picker ha-picker-field").click()
        await user.see("House 7")
        await _keep(user, "recipient", left=180, top=130, width=640, height=661)


async def device(house: House) -> None:
    """The page of an instance, shortly after a message and its answer."""
    instance, entry = await house.linked("green_api", "Kim")
    own = await house.hass.entity_id(entry.entry_id, "event")
    # What is written before Home Assistant listens is not told.
    await asyncio.sleep(5)
    await house.hass.act("notify.send_message", {"entity_id": "notify.kim", "message": "Dinner is ready."})
    await house.phone.arrived(instance["id"])
    async with house.hass.told(own) as next_state, asyncio.timeout(60):
        await house.phone.write(instance["id"], f"+{_ADA}", "I am on my way.")
        await next_state()
    devices = await house.hass.command("config/device_registry/list")
    found = next(item for item in devices if item["name"] == f"GREEN-API {instance['id']}")
    async with person(house.browser, house.hass, _HIGH) as user:
        await user.open(f"/config/devices/device/{found['id']}")
        await user.see("Pairing QR code")
        await _keep(user, "device", left=_MENU, top=70)


async def automation(house: House) -> None:
    """An automation in the making: when Ada writes, a message goes back."""
    await house.linked("waha", "Ada")
    async with person(house.browser, house.hass, replace(LIGHT, height=1000)) as user:
        editor = AutomationEditor(user)
        await editor.open()
        await editor.add("trigger", "Ada", "Event received")
        await editor.choose("ha-entity-state-picker", "Text")
        await editor.close()
        await editor.add("action", "Ada", "Send message")
        await editor.fill("Message", "I am on my way.")
        await _keep(user, "automation", left=_MENU)


async def send_media(house: House) -> None:
    """The form of an action, filled in."""
    await house.linked("wawp", "Robin")
    async with person(house.browser, house.hass, _HIGH) as user:
        form = ActionForm(user)
        await form.open("whatsapp_link.send_media")
        await form.add_target("Robin")
        await form.tick("Media")
        await form.pick_media("Camera", "Front door")
        await form.tick("Caption")
        await form.fill("Caption", "Somebody is at the door.")
        await _keep(user, "send-media", left=_MENU, top=104, height=1150)


async def reauth(house: House) -> None:
    """What opens after a logout on the phone."""
    instance, _ = await house.linked("waha", "Sam")
    async with person(house.browser, house.hass, LIGHT) as user:
        await user.open("/config/integrations")
        await house.phone.unlink(instance["id"])
        card = user.page.locator("ha-config-flow-card").filter(has_text=f"WAHA {instance['id']}")
        await card.locator("ha-button").first.click()
        await user.see("Link your phone again")
        await _keep(user, "reauth", left=200, top=222, width=600, height=356)


async def card(house: House) -> None:
    """The picture card of an instance without a phone."""
    instance = await house.phone.create_instance("green_api")
    entry = await link(house.hass, house.phone, instance)
    image = await house.hass.entity_id(entry.entry_id, "pairing_qr")
    session = await house.hass.entity_id(entry.entry_id, "session")
    await house.phone.unlink(instance["id"])
    await house.hass.refresh(session)
    await house.hass.wait_for_state(await house.hass.entity_id(entry.entry_id, "linked"), "off")
    await house.hass.command("lovelace/dashboards/create", url_path="pairing-board", title="Pairing", mode="storage")
    view = {"title": "Pairing", "cards": [{"type": "picture", "image_entity": image}]}
    await house.hass.command("lovelace/config/save", url_path="pairing-board", config={"views": [view]})
    async with person(house.browser, house.hass, replace(LIGHT, height=560)) as user:
        await user.open("/pairing-board/0")
        await user.scannable()
        await _keep(user, "card", left=_MENU)


_PICTURES: dict[str, Callable[[House], Awaitable[None]]] = {
    function.__name__: function
    for function in (pairing, pairing_phone, recipient, device, automation, send_media, reauth, card)
}


def _draw_door(path: Path) -> None:
    """Draw what the camera sees."""
    picture = Image.new("RGB", (320, 320), "#c9b79c")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 270, 320, 320), fill="#8a7f72")
    draw.rectangle((100, 50, 220, 270), fill="#efe8dc")
    draw.rectangle((108, 58, 212, 270), fill="#2e6b57")
    for top in (76, 170):
        for left in (122, 166):
            draw.rectangle((left, top, left + 32, top + 76), outline="#1f4d3f", width=3)
    draw.ellipse((196, 160, 206, 170), fill="#d8b24a")
    picture.save(path)


async def _main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder)
        async with (
            emulator(time_scale=1) as phone_url,
            Phone(phone_url) as phone,
            home_assistant(config) as url,
            HomeAssistant(url) as hass,
            chromium() as browser,
        ):
            await hass.onboard()
            _draw_door(config / "front_door.png")
            step = await hass.start_flow("local_file")
            await hass.flow(step["flow_id"], {"name": "Front door", "file_path": str(config / "front_door.png")})
            for name in names or _PICTURES:
                await _PICTURES[name](House(hass, phone, browser))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
