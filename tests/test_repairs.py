"""What the user is told in repairs, and that the flow of each issue heals what it can, over Home Assistant's own API."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.config_entries import ConfigEntryDisabler, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.whatsapp_link import receiving
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.model import ServerVersion
from custom_components.whatsapp_link.issues import Issue
from tests.conftest import entry_of, instance_of, vendor_second
from tests.dialog import ENGLISH
from tests.emulator import Emulator, evolution_answers
from tests.emulator.evolution import Evolution
from tests.emulator.evolution_instance import EvolutionInstance
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.emulator.waha_instance import WahaInstance
from tests.emulator.wawp_instance import WawpInstance
from tests.test_entities import until
from tests.test_services import looks_at_version, recipient

THEIRS = "http://127.0.0.1:9/somebody-else"
EXTERNAL = "https://home.example"
# Nobody with this number uses WhatsApp.
NOBODY = recipient("Bo", "13035550199@c.us")
ADA = recipient("Ada", "13035550142@c.us")

type Step = dict[str, Any]


class Browser:
    """The user, in the browser; every word that they get to see has to be there."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        """Take the connection to Home Assistant."""
        self._client = client
        self.address = str(client.make_url("")).rstrip("/")

    async def open(self, entry: MockConfigEntry, key: str, subentry_id: str = "") -> Step:
        """Open an issue."""
        issue_id = "_".join(filter(None, (key, entry.entry_id, subentry_id)))
        return await self._post("", {"handler": DOMAIN, "issue_id": issue_id}, key)

    async def choose(self, step: Step, option: str) -> Step:
        """Choose from a menu."""
        assert option in step["menu_options"]
        return await self._post(f"/{step['flow_id']}", {"next_step_id": option}, step["key"])

    async def submit(self, step: Step) -> Step:
        """Go on."""
        assert step["type"] == "form"
        return await self._post(f"/{step['flow_id']}", {}, step["key"])

    async def _post(self, path: str, body: dict[str, Any], key: str) -> Step:
        response = await self._client.post(f"/api/repairs/issues/fix{path}", json=body)
        assert response.status == HTTPStatus.OK
        step: Step = await response.json()
        step |= {"key": key, "words": list(_words_of(step, key))}
        return step


def _words_of(step: Step, key: str) -> Iterator[str]:
    """Yield every text of a step as it is shown."""
    flow = ENGLISH["issues"][key]["fix_flow"]
    placeholders = step.get("description_placeholders") or {}
    if step["type"] == "abort":
        yield flow["abort"][step["reason"]].format(**placeholders)
    if step["type"] in ("form", "menu"):
        words = flow["step"][step["step_id"]]
        yield from (words[part].format(**placeholders) for part in ("title", "description"))
        yield from (words["menu_options"][option] for option in step.get("menu_options", ()))
        yield from (flow["error"][error].format(**placeholders) for error in (step.get("errors") or {}).values())


@pytest.fixture
async def browser(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Browser:
    """Return the user's browser; Home Assistant knows its address."""
    # What is added to the server has to be there before it starts.
    for component in ("repairs", "image", DOMAIN):
        assert await async_setup_component(hass, component, {})
    browser = Browser(await hass_client())
    hass.config.internal_url = browser.address
    return browser


@asynccontextmanager
async def loaded(
    hass: HomeAssistant, instance: Instance, *recipients: ConfigSubentryDataWithId, receiving: str = "off"
) -> AsyncGenerator[MockConfigEntry]:
    """Load an instance with a phone."""
    instance.link(instance.number)
    entry = entry_of(instance, *recipients, options={"receiving": receiving})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    try:
        yield entry
    finally:
        # It may just be loaded anew.
        await hass.async_block_till_done()
        if entry.state.recoverable and hass.config_entries.async_get_entry(entry.entry_id):
            await hass.config_entries.async_unload(entry.entry_id)


def issue_of(hass: HomeAssistant, entry: MockConfigEntry, key: str, subentry_id: str = "") -> ir.IssueEntry | None:
    """Return an issue about an entry, if there is one; each can be fixed."""
    issue_id = "_".join(filter(None, (key, entry.entry_id, subentry_id)))
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is None or issue.is_fixable
    return issue


def issues(hass: HomeAssistant) -> list[str]:
    """Return all issues by what they are about."""
    return sorted(str(issue.translation_key) for issue in ir.async_get(hass).issues.values())


@pytest.mark.parametrize("issue", Issue)
def test_words(issue: Issue) -> None:
    """Each reason has its words; what a flow says stands in its steps, and every step has a title."""
    words = ENGLISH["issues"][issue]
    assert set(words) == {"title", "fix_flow"}
    assert all({"title", "description"} <= set(step) for step in words["fix_flow"]["step"].values())
    assert set(ENGLISH["issues"]) == {each.value for each in Issue}


# --- somebody else's webhook -----------------------------------------------------------------------


@pytest.fixture
def evolution(emulator: Emulator) -> EvolutionInstance:
    """Return an instance, whose only webhook is somebody else's."""
    instance = instance_of(emulator, "evolution")
    assert isinstance(instance, EvolutionInstance)
    return instance


@pytest.fixture
async def taken(hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance) -> AsyncGenerator[MockConfigEntry]:
    """Return an entry whose gateway sends its events elsewhere."""
    evolution.webhook.set({"enabled": True, "url": THEIRS, "events": ["MESSAGES_UPSERT"]})
    async with loaded(hass, evolution, receiving="automatic") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_taken") is not None)
        yield entry


async def test_webhook_left_alone(browser: Browser, evolution: EvolutionInstance, taken: MockConfigEntry) -> None:
    """Until the user agrees nothing is changed; the question says whose instance and which gateway it is about."""
    step = await browser.open(taken, "webhook_taken")
    assert (step["type"], step["step_id"], step["errors"]) == ("form", "confirm", {})
    assert taken.title in step["words"][0]
    assert "Evolution API" in step["words"][1]
    assert evolution.webhook.row
    assert evolution.webhook.row["url"] == THEIRS


async def test_webhook_replaced(
    hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance, taken: MockConfigEntry
) -> None:
    """When the user agrees, ours takes its place, the issue goes, and messages come in."""
    before = taken.runtime_data
    done = await browser.submit(await browser.open(taken, "webhook_taken"))
    assert done["type"] == "create_entry"
    assert evolution.webhook.row
    assert evolution.webhook.row["url"].startswith(browser.address)
    await hass.async_block_till_done()
    assert taken.runtime_data is not before
    await until(lambda: taken.runtime_data.receiving.way is Way.WEBHOOK)
    assert issues(hass) == []


async def test_webhook_not_replaced(
    hass: HomeAssistant, emulator: Emulator, browser: Browser, taken: MockConfigEntry
) -> None:
    """If it does not work the gateway's reason is told, nothing is lost, and it can be tried again."""
    step = await browser.open(taken, "webhook_taken")
    emulator.faults.add("evolution", "502_html", 1000)
    step = await browser.submit(step)
    assert step["errors"] == {"base": "failed"}
    assert "Evolution API does not answer" in step["words"][-1]
    assert issue_of(hass, taken, "webhook_taken")
    emulator.faults.clear()
    assert (await browser.submit(step))["type"] == "create_entry"


async def test_not_loaded(hass: HomeAssistant, browser: Browser, taken: MockConfigEntry) -> None:
    """An instance that is not loaded meanwhile cannot be mended; that is said, and the dialog stays usable."""
    step = await browser.open(taken, "webhook_taken")
    await hass.config_entries.async_unload(taken.entry_id)
    step = await browser.submit(step)
    assert step["errors"] == {"base": "not_loaded"}
    await hass.config_entries.async_setup(taken.entry_id)
    await until(lambda: taken.runtime_data.receiving.way is None)
    assert (await browser.submit(step))["type"] == "create_entry"


async def test_nothing_to_replace(
    hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance, taken: MockConfigEntry
) -> None:
    """Where the other one went away by itself, a dialog that is still open just ends."""
    step = await browser.open(taken, "webhook_taken")
    evolution.webhook.set({"enabled": False, "url": "", "events": []})
    await hass.config_entries.async_reload(taken.entry_id)
    await until(lambda: issue_of(hass, taken, "webhook_taken") is None)
    assert (await browser.submit(step))["type"] == "create_entry"
    await hass.async_block_till_done()
    assert issue_of(hass, taken, "webhook_taken") is None


# --- a webhook that cannot be registered -----------------------------------------------------------


@pytest.fixture
def wawp(emulator: Emulator) -> WawpInstance:
    """Return an instance whose plan has no webhooks."""
    instance = instance_of(emulator, "wawp")
    assert isinstance(instance, WawpInstance)
    instance.options.plan = "free"
    return instance


async def test_better_plan(hass: HomeAssistant, browser: Browser, wawp: WawpInstance) -> None:
    """The gateway's reason is told until there is a plan with webhooks; then they come, and nothing else runs."""
    async with loaded(hass, wawp, receiving="automatic") as entry:
        await until(lambda: entry.runtime_data.receiving.way is Way.POLLING)
        step = await browser.open(entry, "webhook_not_in_plan")
        assert step["menu_options"] == ["try_again", "polling", "off"]
        step = await browser.choose(step, "try_again")
        assert (step["step_id"], step["errors"]) == ("try_again", {"base": "failed"})
        assert "Wawp" in step["words"][-1]
        assert issues(hass) == ["webhook_not_in_plan"]
        wawp.options.plan = "paid"
        await vendor_second()
        assert (await browser.submit(step))["type"] == "create_entry"
        await hass.async_block_till_done()
        await until(lambda: entry.runtime_data.receiving.way is Way.WEBHOOK)
        assert issues(hass) == []


@pytest.mark.parametrize(("option", "way"), [("polling", Way.POLLING), ("off", None)])
async def test_without_a_webhook(
    hass: HomeAssistant, browser: Browser, wawp: WawpInstance, option: str, way: Way | None
) -> None:
    """What the user chooses instead is done at once, stands in the options, and ends the issue."""
    async with loaded(hass, wawp, receiving="webhook") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_not_in_plan") is not None)
        before = entry.runtime_data
        step = await browser.choose(await browser.open(entry, "webhook_not_in_plan"), option)
        assert step["type"] == "create_entry"
        await hass.async_block_till_done()
        assert entry.options["receiving"] == option
        assert entry.runtime_data is not before
        await until(lambda: entry.runtime_data.receiving.way is way)
        assert issues(hass) == []


async def test_listening_instead(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """Who wanted a webhook that is refused may listen instead, where the gateway can be listened to."""
    emulator.faults.add("waha", "409", 1000, method="session/update")
    async with loaded(hass, instance_of(emulator, "waha"), receiving="webhook") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_refused") is not None)
        step = await browser.open(entry, "webhook_refused")
        assert step["menu_options"] == ["try_again", "stream", "polling", "off"]
        assert (await browser.choose(step, "stream"))["type"] == "create_entry"
        await hass.async_block_till_done()
        await until(lambda: entry.runtime_data.receiving.way is Way.STREAM)
        assert issues(hass) == []


async def test_listening_again(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the websocket is blocked that is said, with what there is instead; when it is not, one click is enough."""
    monkeypatch.setattr(receiving, "_REOPEN_AFTER", 0.01)
    emulator.faults.add("waha", "404", 1000, method="ws")
    async with loaded(hass, instance_of(emulator, "waha"), receiving="stream") as entry:
        await until(lambda: issue_of(hass, entry, "stream_blocked") is not None)
        assert entry.runtime_data.receiving.way is Way.STREAM
        step = await browser.open(entry, "stream_blocked")
        assert step["menu_options"] == ["try_again", "webhook", "polling", "off"]
        step = await browser.choose(step, "try_again")
        assert step["errors"] == {"base": "failed"}
        assert "WAHA" in step["words"][-1]
        before = entry.runtime_data
        emulator.faults.clear()
        assert (await browser.submit(step))["type"] == "create_entry"
        await hass.async_block_till_done()
        assert entry.runtime_data is not before
        assert issues(hass) == []


@pytest.mark.parametrize("way", [Way.WEBHOOK, Way.POLLING])
async def test_without_listening(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    """Who does not want to be bothered with the websocket chooses another way, which ends the issue."""
    monkeypatch.setattr(receiving, "_REOPEN_AFTER", 0.01)
    emulator.faults.add("waha", "404", 1000, method="ws")
    async with loaded(hass, instance_of(emulator, "waha"), receiving="stream") as entry:
        await until(lambda: issue_of(hass, entry, "stream_blocked") is not None)
        step = await browser.choose(await browser.open(entry, "stream_blocked"), way.value)
        assert step["type"] == "create_entry"
        await hass.async_block_till_done()
        await until(lambda: entry.runtime_data.receiving.way is way)
        await until(lambda: issues(hass) == [])


async def test_no_address(
    hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant's address has to be set first; then one click is enough."""
    monkeypatch.setattr(Gateway, "is_local", property(lambda _: False))
    async with loaded(hass, evolution, receiving="automatic") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_no_address") is not None)
        step = await browser.open(entry, "webhook_no_address")
        assert "Settings > System > Network" in step["words"][1]
        assert step["menu_options"] == ["try_again", "off"]
        step = await browser.choose(step, "try_again")
        assert step["errors"] == {"base": "no_address"}
        hass.config.external_url = EXTERNAL
        assert (await browser.submit(step))["type"] == "create_entry"
        await hass.async_block_till_done()
        await until(lambda: entry.runtime_data.receiving.way is Way.WEBHOOK)
        assert evolution.webhook.row
        assert evolution.webhook.row["url"].startswith(EXTERNAL)
        assert issues(hass) == []


async def test_address_heals_by_itself(
    hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the address is set under Settings, nobody has to come back to the issue."""
    monkeypatch.setattr(Gateway, "is_local", property(lambda _: False))
    async with loaded(hass, evolution, receiving="automatic") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_no_address") is not None)
        await hass.config.async_update(external_url=EXTERNAL)
        await until(lambda: issue_of(hass, entry, "webhook_no_address") is None)
        await until(lambda: entry.runtime_data.receiving.way is Way.WEBHOOK)
        assert evolution.webhook.row
        assert evolution.webhook.row["url"].startswith(EXTERNAL)


async def test_taken_meanwhile(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, evolution: EvolutionInstance
) -> None:
    """If somebody else's webhook is there by now, that is another matter: the one issue takes the place of the other."""
    emulator.faults.add("evolution", "422", 1000, method="webhook/find")
    async with loaded(hass, evolution, receiving="automatic") as entry:
        await until(lambda: issue_of(hass, entry, "webhook_refused") is not None)
        step = await browser.open(entry, "webhook_refused")
        emulator.faults.clear()
        evolution.webhook.set({"enabled": True, "url": THEIRS, "events": ["MESSAGES_UPSERT"]})
        step = await browser.choose(step, "try_again")
        assert step["errors"] == {"base": "failed"}
        assert "another address" in step["words"][-1]
        assert issues(hass) == ["webhook_taken"]
        assert (await browser.submit(await browser.open(entry, "webhook_taken")))["type"] == "create_entry"
        await hass.async_block_till_done()
        assert issues(hass) == []


# --- the account -----------------------------------------------------------------------------------


async def refresh(entry: MockConfigEntry) -> None:
    """Look at the session as a poll does."""
    await vendor_second()
    await entry.runtime_data.async_refresh()
    await vendor_second()


@pytest.mark.parametrize(
    ("change", "key", "severity"),
    [("limit", "account_limited", ir.IssueSeverity.WARNING), ("ban", "account_banned", ir.IssueSeverity.ERROR)],
    ids=["limit", "ban"],
)
async def test_account_heals_by_itself(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    change: str,
    key: str,
    severity: ir.IssueSeverity,
) -> None:
    """What WhatsApp does to an account is told once, and no longer when it is over."""
    async with loaded(hass, instance) as entry:
        assert issues(hass) == []
        getattr(emulator.phone, change)(instance.id)
        for _ in range(2):
            await refresh(entry)
            assert issues(hass) == [key]
        issue = issue_of(hass, entry, key)
        assert issue
        assert issue.severity is severity
        emulator.phone.restore(instance.id)
        await refresh(entry)
        assert issues(hass) == []


async def test_banned_at_the_start(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """A ban that came while Home Assistant was not running is told as well; a restriction before it no longer."""
    emulator.phone.limit(instance.id)
    async with loaded(hass, instance) as entry:
        assert issues(hass) == ["account_limited"]
        emulator.phone.ban(instance.id)
        await vendor_second()
        await hass.config_entries.async_reload(entry.entry_id)
        assert issues(hass) == ["account_banned"]


async def test_restriction(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, instance: GreenApiInstance
) -> None:
    """The flow says what helps, and looks whether it is over as often as one likes."""
    emulator.phone.limit(instance.id)
    async with loaded(hass, instance) as entry:
        step = await browser.open(entry, "account_limited")
        assert (step["step_id"], step["errors"]) == ("confirm", {})
        await vendor_second()
        step = await browser.submit(step)
        assert step["errors"] == {"base": "still_so"}
        emulator.faults.add("green_api", "502_html", 1, method="getStateInstance")
        await vendor_second()
        step = await browser.submit(step)
        assert step["errors"] == {"base": "failed"}
        assert "GREEN-API does not answer" in step["words"][-1]
        emulator.phone.restore(instance.id)
        await vendor_second()
        assert (await browser.submit(step))["type"] == "create_entry"
        assert issues(hass) == []


async def test_ban_lifted(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, instance: GreenApiInstance
) -> None:
    """A ban is looked at again until it is lifted."""
    emulator.phone.ban(instance.id)
    async with loaded(hass, instance) as entry:
        step = await browser.open(entry, "account_banned")
        assert step["menu_options"] == ["look_again", "log_out"]
        await vendor_second()
        step = await browser.choose(step, "look_again")
        assert (step["step_id"], step["errors"]) == ("look_again", {"base": "still_so"})
        emulator.phone.restore(instance.id)
        await vendor_second()
        assert (await browser.submit(step))["type"] == "create_entry"
        assert issues(hass) == []


async def test_another_phone(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, instance: GreenApiInstance
) -> None:
    """Without the banned number the instance waits for another phone; if it cannot be got rid of, that is said."""
    emulator.phone.ban(instance.id)
    async with loaded(hass, instance) as entry:
        step = await browser.open(entry, "account_banned")
        emulator.faults.add("green_api", "409", 1, method="logout")
        step = await browser.choose(step, "log_out")
        assert (step["step_id"], step["errors"]) == ("log_out", {"base": "failed"})
        assert issues(hass) == ["account_banned"]
        await vendor_second()
        assert (await browser.submit(step))["type"] == "create_entry"
        assert not instance.linked
        assert issues(hass) == []
        await until(lambda: entry.runtime_data.qr_code is not None)


@pytest.fixture
async def banned(
    hass: HomeAssistant, emulator: Emulator, evolution: EvolutionInstance
) -> AsyncGenerator[MockConfigEntry]:
    """Return an entry whose session only lost its phone, while the gateway tells of the link that WhatsApp banned it."""
    async with loaded(hass, evolution) as entry:
        emulator.phone.ban(evolution.id)
        await refresh(entry)
        await until(lambda: issue_of(hass, entry, "account_banned") is not None)
        yield entry


async def test_ban_that_the_link_tells(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, evolution: EvolutionInstance, banned: MockConfigEntry
) -> None:
    """It is told until a phone is linked again, however often is looked."""
    await refresh(banned)
    assert issues(hass) == ["account_banned"]
    step = await browser.choose(await browser.open(banned, "account_banned"), "look_again")
    assert (step["step_id"], step["errors"]) == ("look_again", {"base": "still_so"})
    emulator.phone.restore(evolution.id)
    evolution.link(evolution.number)
    assert (await browser.submit(step))["type"] == "create_entry"
    assert issues(hass) == []


async def test_ban_seen_at_the_start(hass: HomeAssistant, browser: Browser, banned: MockConfigEntry) -> None:
    """One that came while Home Assistant was not running is told as well; one that is ignored stays so."""
    ir.async_get(hass).async_ignore(DOMAIN, f"account_banned_{banned.entry_id}", ignore=True)
    await hass.config_entries.async_reload(banned.entry_id)
    await until(lambda: banned.runtime_data.account.was_banned is True)
    await refresh(banned)
    issue = issue_of(hass, banned, "account_banned")
    assert issue
    assert issue.dismissed_version
    ir.async_delete_issue(hass, DOMAIN, f"account_banned_{banned.entry_id}")
    await hass.config_entries.async_reload(banned.entry_id)
    await until(lambda: issue_of(hass, banned, "account_banned") is not None)


async def test_ban_that_nobody_can_ask_about(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, banned: MockConfigEntry
) -> None:
    """As long as the gateway does not tell, what is known is not forgotten."""
    emulator.faults.add("evolution", "502_html", 1, method="instance/fetchInstances")
    await hass.config_entries.async_reload(banned.entry_id)
    await until(lambda: not emulator.faults.pending())
    await refresh(banned)
    assert issues(hass) == ["account_banned"]


async def test_another_phone_after_the_ban(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, evolution: EvolutionInstance, banned: MockConfigEntry
) -> None:
    """Where the ban has logged out already, what is left is to show a code for another phone."""
    step = await browser.choose(await browser.open(banned, "account_banned"), "log_out")
    assert step["type"] == "create_entry"
    await refresh(banned)
    assert issues(hass) == []
    emulator.phone.restore(evolution.id)
    evolution.unlink()
    await until(lambda: banned.runtime_data.qr_code is not None)


# --- the version -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "needed", "is_too_old"),
    [
        ("1.8.2", "2.0.0", True),
        ("2.0.0", "2.0.0", False),
        ("2.3.6", "2.0.0", False),
        ("10.0", "2.0.0", False),
        ("2024.10.8", "2026.6.1", True),
        ("2026.6", "2026.6.1", True),
        ("v1.8.2", "2.0.0", True),
        ("2.0.0-rc1", "2.0.0", False),
        ("latest", "2.0.0", False),
        ("1.0", "", False),
    ],
)
def test_order_of_versions(number: str, needed: str, is_too_old: bool) -> None:
    """Versions are compared by their numbers; what is none is not called old."""
    assert ServerVersion(number, needed).is_too_old is is_too_old


async def test_old_evolution(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, evolution: EvolutionInstance
) -> None:
    """A server of the first version is told, with its version and the one that is needed, until it is updated."""
    server = emulator.gateways["evolution"]
    assert isinstance(server, Evolution)
    server.version = "1.8.2"
    async with loaded(hass, evolution) as entry:
        await until(lambda: issue_of(hass, entry, "gateway_too_old") is not None)
        step = await browser.open(entry, "gateway_too_old")
        assert "1.8.2" in step["words"][1]
        assert "2.0.0" in step["words"][1]
        server.version = "1.8.7"
        step = await browser.submit(step)
        assert step["errors"] == {"base": "still_so"}
        assert "1.8.7" in step["words"][-1]
        server.version = evolution_answers.VERSION
        before = entry.runtime_data
        assert (await browser.submit(step))["type"] == "create_entry"
        await hass.async_block_till_done()
        assert entry.runtime_data is not before
        await until(lambda: not looks_at_version())
        assert issues(hass) == []


async def test_old_waha(hass: HomeAssistant, emulator: Emulator) -> None:
    """What is free of WAHA once could much less; an update is seen when the instance is loaded the next time."""
    instance = instance_of(emulator, "waha")
    assert isinstance(instance, WahaInstance)
    instance.options.core_only = True
    async with loaded(hass, instance) as entry:
        await until(lambda: issue_of(hass, entry, "gateway_too_old") is not None)
        instance.options.core_only = False
        await hass.config_entries.async_reload(entry.entry_id)
        await until(lambda: issue_of(hass, entry, "gateway_too_old") is None)


@pytest.mark.parametrize(("key", "method"), [("evolution", "welcome"), ("waha", "server/version")])
async def test_version_is_asked_for_once(hass: HomeAssistant, emulator: Emulator, key: str, method: str) -> None:
    """Setting up costs one more request, and polls none; a server that does not tell is no reason for anything."""
    async with loaded(hass, instance_of(emulator, key)) as entry:
        await until(lambda: not looks_at_version())
        await entry.runtime_data.async_refresh()
        assert emulator.requests.count(key, method=method) == 1
        assert issues(hass) == []
        emulator.faults.add(key, "502_html", 1, method=method)
        await hass.config_entries.async_reload(entry.entry_id)
        await until(lambda: not looks_at_version())
        assert emulator.requests.count(key, method=method) == 2
        assert issues(hass) == []


async def test_updated_meanwhile(hass: HomeAssistant, emulator: Emulator, evolution: EvolutionInstance) -> None:
    """An update is seen when the server is back, and an hour later if nobody has seen that it was away."""
    server = emulator.gateways["evolution"]
    assert isinstance(server, Evolution)
    async with loaded(hass, evolution) as entry:
        for seen in (True, False):
            server.version = "1.8.2"
            await hass.config_entries.async_reload(entry.entry_id)
            await until(lambda: issue_of(hass, entry, "gateway_too_old") is not None)
            server.version = evolution_answers.VERSION
            if seen:
                emulator.faults.add("evolution", "502_html", 1000)
                await entry.runtime_data.async_refresh()
                assert issue_of(hass, entry, "gateway_too_old")
                emulator.faults.clear()
                await entry.runtime_data.async_refresh()
            else:
                await entry.runtime_data.async_refresh()
                assert issue_of(hass, entry, "gateway_too_old")
                async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, seconds=1))
            await until(lambda: issue_of(hass, entry, "gateway_too_old") is None)


# --- recipients ------------------------------------------------------------------------------------


@pytest.fixture
async def gone(hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance) -> AsyncGenerator[MockConfigEntry]:
    """Return an entry with a recipient whose number has no account any more, and with another one."""
    async with loaded(hass, evolution, NOBODY, ADA) as entry:
        await send_in_vain(hass)
        yield entry


async def send(hass: HomeAssistant, name: str = "bo") -> None:
    """Send to a recipient as the notify platform does."""
    data = {"entity_id": f"notify.{name}", "message": "Hello"}
    await hass.services.async_call("notify", "send_message", data, blocking=True)


async def send_in_vain(hass: HomeAssistant) -> None:
    """Send to the recipient who is not there."""
    with pytest.raises(HomeAssistantError) as caught:
        await send(hass)
    assert caught.value.translation_key == "not_on_whatsapp"


async def test_recipient_named(hass: HomeAssistant, browser: Browser, gone: MockConfigEntry) -> None:
    """It is told once who is gone, by name and without the number."""
    await send_in_vain(hass)
    await send(hass, "ada")
    assert issues(hass) == ["recipient_gone"]
    step = await browser.open(gone, "recipient_gone", "bo")
    assert step["menu_options"] == ["change", "remove"]
    assert step["words"][0].startswith("Bo ")
    issue = issue_of(hass, gone, "recipient_gone", "bo")
    assert issue
    assert "13035550199" not in f"{step}{issue}"


@pytest.mark.parametrize("target", [{"entity_id": "notify.bo"}, {"chats": ["+13035550199"]}], ids=["entity", "number"])
async def test_recipient_gone_in_an_action(
    hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance, target: dict[str, Any]
) -> None:
    """An action of ours notices it too, also where the chat is named by its number."""
    async with loaded(hass, evolution, NOBODY):
        with pytest.raises(HomeAssistantError):
            await hass.services.async_call(DOMAIN, "send_message", {**target, "message": "Hello"}, blocking=True)
        assert issues(hass) == ["recipient_gone"]


async def test_no_recipient(hass: HomeAssistant, browser: Browser, evolution: EvolutionInstance) -> None:
    """A number that was typed in and is no recipient's is only an error."""
    async with loaded(hass, evolution, ADA):
        data = {"chats": ["+13035550199"], "message": "Hello"}
        with pytest.raises(HomeAssistantError):
            await hass.services.async_call(DOMAIN, "send_message", data, blocking=True)
        assert issues(hass) == []


@pytest.mark.parametrize("action", [("notify", "send_message"), (DOMAIN, "send_message")], ids=["notify", "own"])
async def test_recipient_back(
    hass: HomeAssistant, gone: MockConfigEntry, monkeypatch: pytest.MonkeyPatch, action: tuple[str, str]
) -> None:
    """When a message gets through again, all is well."""
    monkeypatch.setattr(evolution_answers, "NUMBERS_WITHOUT_ACCOUNT", frozenset())
    data = {"entity_id": "notify.bo", "message": "Hello"}
    await hass.services.async_call(*action, data, blocking=True)
    assert issues(hass) == []


async def test_recipient_changed(hass: HomeAssistant, browser: Browser, gone: MockConfigEntry) -> None:
    """The flow goes on in the recipient's own dialog; the issue stays until another number is entered there."""
    step = await browser.choose(await browser.open(gone, "recipient_gone", "bo"), "change")
    assert (step["type"], step["reason"]) == ("abort", "changing")
    kind, flow_id = step["next_flow"]
    assert kind == "config_subentries_flow"
    assert step["result"]["entry_id"] == gone.entry_id
    assert issues(hass) == ["recipient_gone"]
    subentries = hass.config_entries.subentries
    await subentries.async_configure(flow_id, {"recipient": "+13035550143", "name": "Bo"})
    await hass.async_block_till_done()
    assert gone.subentries["bo"].data["chat_id"] == "13035550143@c.us"
    assert issues(hass) == []
    await send(hass)


async def test_recipient_removed(hass: HomeAssistant, browser: Browser, gone: MockConfigEntry) -> None:
    """The flow removes the recipient with its entities; the other one stays."""
    step = await browser.open(gone, "recipient_gone", "bo")
    other = await browser.open(gone, "recipient_gone", "bo")
    assert (await browser.choose(step, "remove"))["type"] == "create_entry"
    await hass.async_block_till_done()
    assert list(gone.subentries) == ["ada"]
    assert hass.states.get("notify.bo") is None
    assert issues(hass) == []
    # The same dialog in another window.
    assert (await browser.choose(other, "remove"))["type"] == "create_entry"


async def test_recipient_removed_elsewhere(hass: HomeAssistant, browser: Browser, gone: MockConfigEntry) -> None:
    """Nobody is asked about a recipient who is no longer one, be it that the entry was not loaded meanwhile."""
    await hass.config_entries.async_unload(gone.entry_id)
    hass.config_entries.async_remove_subentry(gone, "bo")
    assert issues(hass) == ["recipient_gone"]
    assert (await browser.open(gone, "recipient_gone", "bo"))["type"] == "create_entry"
    assert issues(hass) == []


# --- all of them -----------------------------------------------------------------------------------


async def test_each_entry_its_own(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, gone: MockConfigEntry
) -> None:
    """Issues of two entries do not get in each other's way, and go with their entry."""
    emulator.phone.limit(instance.id)
    server = emulator.gateways["green_api"]
    second = server.create_instance()
    async with loaded(hass, instance) as first, loaded(hass, second) as other:
        emulator.phone.limit(second.id)
        await refresh(other)
        assert issues(hass) == ["account_limited", "account_limited", "recipient_gone"]
        emulator.phone.restore(second.id)
        await refresh(other)
        assert issue_of(hass, first, "account_limited")
        await hass.config_entries.async_remove(first.entry_id)
        assert issues(hass) == ["recipient_gone"]
        await hass.config_entries.async_remove(gone.entry_id)
        assert issues(hass) == []


async def test_disabled(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """Of an entry that is disabled nobody wants to hear; of one that is only loaded anew, what was ignored stays so."""
    emulator.phone.limit(instance.id)
    async with loaded(hass, instance) as entry:
        registry = ir.async_get(hass)
        registry.async_ignore(DOMAIN, f"account_limited_{entry.entry_id}", ignore=True)
        await vendor_second()
        await hass.config_entries.async_reload(entry.entry_id)
        issue = issue_of(hass, entry, "account_limited")
        assert issue
        assert issue.dismissed_version
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
        assert issues(hass) == []
        await vendor_second()
        await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
        assert issues(hass) == ["account_limited"]


async def test_ignored_over_a_restart(hass: HomeAssistant, evolution: EvolutionInstance) -> None:
    """What Home Assistant keeps so that an issue stays ignored is not forgotten, but goes with the entry."""
    async with loaded(hass, evolution, NOBODY) as entry:
        await send_in_vain(hass)
        registry = ir.async_get(hass)
        ((place, issue),) = registry.issues.items()
        kept = replace(issue, active=False, data=None, translation_key=None, dismissed_version="2026.10.0")
        registry.issues[place] = kept
        await hass.config_entries.async_reload(entry.entry_id)
        assert registry.issues == {place: kept}
        await send_in_vain(hass)
        again = issue_of(hass, entry, "recipient_gone", "bo")
        assert again
        assert (again.active, again.dismissed_version) == (True, "2026.10.0")
        registry.issues[place] = kept
        await hass.config_entries.async_remove(entry.entry_id)
        assert registry.issues == {}
