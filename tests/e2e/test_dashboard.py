"""The pairing picture on a dashboard: while linked, after a logout on the phone, and after the next scan."""

import time

from playwright.async_api import Browser

from .api import HomeAssistant, Json, Phone, wait_for
from .browser import LIGHT, Person, person
from .link import link

_DASHBOARD = "pairing-board"
_STATES = ("sensor", "session"), ("binary_sensor", "linked"), ("image", "pairing_qr_code")


async def test_picture_card(browser: Browser, hass: HomeAssistant, phone: Phone, instance: Json) -> None:
    """The card always shows a picture: the sign of a linked phone, or a code that can be scanned from it."""
    await link(hass, phone, instance)
    session, linked, image = (f"{domain}.green_api_{instance['id']}_{key}" for domain, key in _STATES)
    await hass.wait_for_state(session, "linked")
    await _make_dashboard(hass, image)
    async with person(browser, hass, LIGHT) as user:
        await user.open(f"/{_DASHBOARD}/0")
        sign = await _loaded_picture(user)
        await user.keep("card-linked")

        await phone.unlink(instance["id"])
        await hass.refresh(session)
        await hass.wait_for_state(linked, "off")
        code = await user.scannable()
        await user.keep("card-unlinked")

        await phone.scan(code)
        scanned = time.monotonic()
        await hass.wait_for_state(session, "linked")
        assert time.monotonic() - scanned < 1
        assert await wait_for("the sign again", lambda: _same_picture(user, sign))


async def _make_dashboard(hass: HomeAssistant, image: str) -> None:
    card = {"type": "picture", "image_entity": image}
    view = {"title": "Pairing", "cards": [card]}
    await hass.command("lovelace/dashboards/create", url_path=_DASHBOARD, title="Pairing", mode="storage")
    await hass.command("lovelace/config/save", url_path=_DASHBOARD, config={"views": [view]})


async def _loaded_picture(user: Person) -> tuple[int, int]:
    """Return the natural size of the card's picture. A broken one has none."""
    picture = user.page.locator("hui-picture-card img")
    await picture.wait_for()

    async def size() -> tuple[int, int] | None:
        width, height = await picture.evaluate("img => [img.naturalWidth, img.naturalHeight]")
        return (width, height) if width else None

    return await wait_for("the picture of the card", size)


async def _same_picture(user: Person, size: tuple[int, int]) -> bool | None:
    return True if await _loaded_picture(user) == size else None
