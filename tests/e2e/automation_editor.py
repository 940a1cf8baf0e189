"""Home Assistant's automation editor, by its buttons only."""

import re

from playwright.async_api import Locator

from .action_form import ActionForm
from .browser import Person

_SAVED = re.compile(r"/config/automation/edit/\d+$")


class AutomationEditor:
    """An automation in the making. What is chosen is called as it is on the screen."""

    def __init__(self, user: Person) -> None:
        """Take who builds it."""
        self._user = user
        self._page = user.page
        self._dialog = user.page.locator("add-automation-element-dialog")
        self._sidebar = user.page.locator("ha-automation-sidebar")

    async def open(self) -> None:
        """Begin a new automation."""
        await self._user.open("/config/automation/dashboard")
        await self._user.press("Create automation")
        await self._page.get_by_text("Create new automation").first.click()

    async def add(self, what: str, device: str, name: str) -> None:
        """Add a trigger or an action that there is for a device."""
        await self._user.press(f"Add {what}")
        await self._dialog.get_by_text("Services", exact=True).click()
        await self._dialog.get_by_text(device, exact=True).first.click()
        await self._offer(name).wait_for()
        await self._user.keep(f"automation-{what}s")
        await self._offer(name).click()

    async def add_device_trigger(self, device: str) -> None:
        """Add a trigger that an integration has for its devices, of one of them."""
        await self._user.press("Add trigger")
        await self._user.press("By type")
        await self._dialog.get_by_text("Device", exact=True).first.click()
        await self._offer("Device").click()
        await self._user.choose(self._sidebar.locator("ha-device-picker"), device, device)

    async def choose(self, kind: str, option: str) -> None:
        """Choose from a list, which is of this kind."""
        await self._user.choose(self._sidebar.locator(kind).first, option, option)

    async def options(self, kind: str) -> list[str]:
        """Return what can be chosen from a list, as far as it can be seen at once."""
        picker = self._sidebar.locator(kind).first
        await picker.locator("ha-picker-field").click()
        opened = picker.locator("ha-picker-combo-box")
        options = opened.locator("ha-combo-box-item")
        await options.first.wait_for()
        await self._user.keep(f"automation-{kind.removeprefix('ha-')}")
        shown = await options.all_inner_texts()
        await self._page.keyboard.press("Escape")
        await opened.wait_for(state="detached")
        return [option.strip() for option in shown]

    async def fill(self, field: str, text: str) -> None:
        """Type into a field of the action."""
        await ActionForm(self._user).fill(field, text)

    async def close(self) -> None:
        """Close what is filled in; on a phone, it covers the rest."""
        await self._sidebar.get_by_role("button", name="Close", exact=True).click()
        await self._user.settle()

    async def save(self, name: str) -> str:
        """Save it under a name and return its id."""
        await self._user.press("Save")
        dialog = self._page.locator("ha-dialog-automation-save")
        await dialog.locator("input.control").fill(name)
        await dialog.get_by_role("button", name="Save", exact=True).click()
        # The editor goes there by itself; before that, it would take whoever goes elsewhere back.
        await self._page.wait_for_url(_SAVED)
        return self._page.url.rpartition("/")[2]

    def _offer(self, name: str) -> Locator:
        return self._dialog.locator("ha-automation-add-items ha-list-item-button").filter(has_text=name)
