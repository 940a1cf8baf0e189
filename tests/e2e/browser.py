"""A person at a browser: clicks through Home Assistant's frontend and looks at the screen."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import time

from playwright.async_api import Browser, Locator, Page, TimeoutError, async_playwright

from .api import HomeAssistant, Json, decode_qr, wait_for
from .processes import ROOT, RigError
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.gateway import Gateway

SCREENSHOTS = ROOT / "build" / "screenshots"

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The first page after a start takes long: the frontend fetches all of its parts.
_PATIENCE = 60_000
# After it, whoever has pressed a button without effect presses it again.
_GLANCE = 5_000


@dataclass(frozen=True)
class Screen:
    """How somebody looks at Home Assistant."""

    name: str
    dark: bool = False
    width: int = 1000
    height: int = 800
    language: str = "en"


LIGHT = Screen("light")
DARK = Screen("dark", dark=True)
PHONE = Screen("phone", width=360, height=740)


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Run the browser of this machine, or the one that Playwright brought."""
    installed = next(filter(None, map(shutil.which, _BROWSERS)), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def person(browser: Browser, hass: HomeAssistant, screen: Screen) -> AsyncGenerator[Person]:
    """Sit down at a screen, signed in."""
    context = await browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if screen.dark else "light",
        # What moves while it is clicked on is missed.
        reduced_motion="reduce",
    )
    tokens = hass.tokens | {
        "hassUrl": hass.url,
        "clientId": hass.client_id,
        "expires": int(time.time() * 1000) + 1_800_000,
    }
    stored = json.dumps(json.dumps(tokens))
    await context.add_init_script(f"localStorage.setItem('hassTokens', {stored})")
    language = json.dumps(json.dumps(screen.language))
    await context.add_init_script(f"localStorage.setItem('selectedLanguage', {language})")
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    user = Person(page, hass.url, screen)
    try:
        yield user
    except BaseException:
        await user.keep("failed")
        raise
    finally:
        await context.close()


class Person:
    """Clicks, types, looks."""

    def __init__(self, page: Page, url: str, screen: Screen) -> None:
        """Take the page and the address of Home Assistant."""
        self.page = page
        self._url = url
        self._screen = screen

    async def open(self, path: str) -> None:
        """Open a page of Home Assistant."""
        await self.page.goto(self._url + path)

    async def see(self, text: str) -> None:
        """Wait until a text can be seen."""
        await self.page.get_by_text(text).first.wait_for()

    async def click(self, text: str) -> None:
        """Click on a text."""
        await self.page.get_by_text(text, exact=True).first.click()

    async def press(self, button: str) -> None:
        """Press a button."""
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def press_for(self, button: Locator, wanted: Locator) -> None:
        """Press a button until it brings what it is to bring: a page that loads its texts moves, and a click may miss."""
        end = time.monotonic() + _PATIENCE / 1000
        while True:
            await button.click()
            try:
                return await wanted.wait_for(timeout=_GLANCE)
            except TimeoutError:
                if time.monotonic() > end:
                    raise

    async def fill(self, name: str, value: str) -> None:
        """Type into a field."""
        await self.page.locator(f"input[name={name}]").fill(value)

    async def choose(self, picker: Locator, search: str, option: str) -> None:
        """Open a list, type into its search, and click on the first option with this text."""
        opened = picker.locator("ha-picker-combo-box")
        await self.press_for(picker.locator("ha-picker-field, ha-button").first, opened)
        await opened.get_by_placeholder("Search").fill(search)
        await opened.locator("ha-combo-box-item").filter(has_text=option).first.click()
        # Only a list that has closed has told the form what was chosen.
        await opened.wait_for(state="hidden")

    async def add_integration(self, instance: Json) -> None:
        """Go through the dialog as far as the choice how to pair, where there is one."""
        gateway = GATEWAYS[instance["gateway"]]
        await self.open("/config/integrations/dashboard/add?domain=whatsapp_link")
        await self.press("OK")
        await self.see("Choose a gateway")
        await self.keep("gateways")
        await self.click(gateway.name)
        await self.see(f"Connect to {gateway.name}")
        await self._enter_credentials(gateway, instance["credentials"])
        if Capability.REQUEST_PAIRING_CODE in gateway.capabilities:
            await self.see("Link your phone")
            await self.keep("pair")

    async def choose_recipient(self, search: str, option: str) -> None:
        """Choose a chat in the dialog of a recipient, or take what was typed."""
        # A dialog that takes the place of another closes what is opened in that moment.
        await self.settle()
        await self.choose(self.page.locator("step-flow-form ha-generic-picker"), search, option)

    async def _enter_credentials(self, gateway: type[Gateway], credentials: dict[str, str]) -> None:
        """Type in what is asked for; where the account has several instances, choose the only one there is."""
        chosen_later = gateway.instance_key if Capability.LIST_INSTANCES in gateway.capabilities else ""
        for item in gateway.credentials:
            if item.key != chosen_later:
                await self.fill(item.key, credentials[item.key])
        await self.keep(f"credentials-{gateway.key}")
        if gateway.credentials:
            await self.click("Server")
        await self.fill("base_url", credentials["base_url"])
        await self.press("Submit")
        if chosen_later:
            await self.click("Use one of them")
            await self.see("The instance that this Home Assistant is to use.")
            await self.page.get_by_role("radio").first.click()
            await self.keep(f"instance-{gateway.key}")
            await self.press("Submit")

    async def scannable(self, other_than: str = "") -> str:
        """Return the text of the code on the screen, as a phone in front of it would read it."""

        async def look() -> str | None:
            try:
                text = decode_qr(await self.page.screenshot())
            except RigError:
                return None
            return text if text != other_than else None

        return await wait_for("a readable code on the screen", look, 30)

    async def resize(self, screen: Screen) -> None:
        """Make the window as large as a screen."""
        await self.page.set_viewport_size({"width": screen.width, "height": screen.height})

    async def settle(self) -> None:
        """Wait until nothing moves any more."""
        await self.page.wait_for_timeout(600)

    async def keep(self, name: str) -> Path:
        """Keep a picture of the screen, once nothing moves any more."""
        await self.settle()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}-{self._screen.name}.png"
        await self.page.screenshot(path=path)
        return path
