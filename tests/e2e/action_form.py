"""Home Assistant's page on which any action can be filled in and performed."""

from playwright.async_api import Locator

from .browser import Person


class ActionForm:
    """The form of one action. Fields are called as they are on the screen."""

    def __init__(self, user: Person) -> None:
        """Take who fills it in."""
        self._user = user
        self._page = user.page

    async def open(self, action: str) -> None:
        """Open the page and choose an action."""
        await self._user.open("/config/tools/action")
        await self._user.choose(self._page.locator("ha-service-picker"), action, action)

    async def add_target(self, name: str) -> None:
        """Choose an entity by its name."""
        await self._user.choose(self._page.locator("ha-target-picker"), name, name)

    async def unfold(self, section: str) -> None:
        """Open a section."""
        await self._page.locator("ha-expansion-panel").get_by_text(section).first.click()

    async def tick(self, field: str) -> None:
        """Tick a field that may be left out."""
        await self._row(field).locator("ha-checkbox").click()

    async def fill(self, field: str, text: str) -> None:
        """Type into a field."""
        await self._row(field).locator("input.control, textarea").first.fill(text)

    async def choose(self, field: str, option: str) -> None:
        """Choose from a list."""
        await self._user.choose(self._row(field).locator("ha-generic-picker"), option, option)

    async def fill_list(self, field: str, *texts: str) -> None:
        """Type into a field that has room for several texts."""
        row = self._row(field)
        for number, text in enumerate(texts):
            item = row.locator("input.control").nth(number)
            await self._user.press_for(row.get_by_role("button", name="Add", exact=True), item)
            await item.fill(text)

    async def pick_media(self, *folders_and_file: str) -> None:
        """Go through the media to one of them."""
        await self._page.locator("ha-selector-media").click()
        for title in folders_and_file:
            await self._page.locator("dialog-media-player-browse ha-card").filter(has_text=title).click()

    async def perform(self) -> str:
        """Perform the action and return the response on the screen, which is YAML."""
        await self._user.press("Perform action")
        return await self._page.locator("tools-action .cm-content").inner_text()

    def _row(self, field: str) -> Locator:
        name = self._page.get_by_text(field, exact=True)
        return self._page.locator("ha-settings-row").filter(has=name)
