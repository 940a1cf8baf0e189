"""A phone that is not linked any more, or another one: the user is asked, and a scan heals everything."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from aiohttp import ClientTimeout
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.whatsapp_link import account, config_flow, coordinator, pairing_by_code, pairing_view
from custom_components.whatsapp_link.account import LostReason
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import GATEWAYS, http
from custom_components.whatsapp_link.gateways.capability import Capability
from tests.conftest import entry_of, every_gateway, instance_of
from tests.dialog import ENGLISH, Dialog, decode_qr
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.emulator.phone import ExpiredCode
from tests.emulator.waha_instance import WahaInstance
from tests.emulator.wawp_instance import WawpInstance
from tests.test_entities import until
from tests.test_reconfigure import reconfigure

ASKED = ("reauth_pair", "reauth_logged_out", "reauth_replaced")
# Who tells why the link ended.
TELL_WHY = ("evolution", "whatsapp_api")

type Lose = Callable[[str], Awaitable[Home]]


@pytest.fixture(autouse=True)
def look_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as much shorter as the emulator's clock is faster."""
    monkeypatch.setattr(config_flow, "_LOOK_AGAIN", 0.05)


@pytest.fixture
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """End dialogs that nobody needs any more after a moment."""
    monkeypatch.setattr(account, "_GRACE", 0.5)


class Home:
    """An entry, its instance, and the dialogs that ask the user for something."""

    def __init__(self, hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, instance: Instance) -> None:
        """Take them."""
        self.hass = hass
        self.emulator = emulator
        self.entry = entry
        self.instance = instance
        self.number = instance.number

    @property
    def coordinator(self) -> WhatsAppLinkCoordinator:
        """What looks after the session."""
        coordinator: WhatsAppLinkCoordinator = self.entry.runtime_data
        return coordinator

    @property
    def flows(self) -> list[ConfigFlowResult]:
        """The dialogs that wait for the user."""
        return self.hass.config_entries.flow.async_progress()

    @property
    def linked(self) -> str:
        """What the entity says."""
        title = self.entry.title.lower().replace(" ", "_").replace("-", "_")
        state = self.hass.states.get(f"binary_sensor.{title}_linked")
        return state.state if state else "missing"

    async def lose_phone(self) -> Dialog:
        """Have the phone remove the linked device, and return the dialog that asks for it."""
        self.emulator.phone.unlink(self.instance.id)
        await self.coordinator.async_refresh()
        await until(lambda: bool(self.flows))
        return await self.dialog()

    async def dialog(self) -> Dialog:
        """Open the one dialog there is."""
        (flow,) = self.flows
        return Dialog(self.hass, await self.hass.config_entries.flow.async_configure(flow["flow_id"]))

    async def enter_code(self) -> Dialog:
        """Lose the phone, and link it again with a pairing code, without looking at the dialog any more."""
        dialog = await self.lose_phone()
        await dialog.choose("pair_code")
        await dialog.submit(phone=self.number)
        self.emulator.phone.enter_code(dialog.placeholders["code"])
        await until(lambda: self.coordinator.data.state.is_linked)
        return dialog

    async def scan_picture(self, number: str | None = None) -> None:
        """Scan the code of the image entity."""
        async with asyncio.timeout(20):
            while True:
                if code := self.coordinator.qr_code:
                    # On a busy machine it may change just now.
                    with suppress(ExpiredCode):
                        self.emulator.phone.scan(decode_qr(code.png), number)
                        break
                await asyncio.sleep(0.05)
        await until(lambda: self.coordinator.data.state.is_linked)


@pytest.fixture
async def home_of(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[Callable[[str], Awaitable[Home]]]:
    """Return what loads the entry of a gateway's instance that has its phone."""
    entries: list[MockConfigEntry] = []

    async def load(key: str) -> Home:
        instance = instance_of(emulator, key)
        instance.link(instance.number)
        entry = entry_of(instance, options={"receiving": "off"})
        entries.append(entry)
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        home = Home(hass, emulator, entry, instance)
        async with asyncio.timeout(20):
            while home.linked != "on":
                await home.coordinator.async_refresh()
                await asyncio.sleep(0.06)
        return home

    yield load
    for entry in entries:
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def home(home_of: Lose) -> Home:
    """Return the home of one gateway, for what is the same with all."""
    return await home_of("green_api")


# --- a lost phone ------------------------------------------------------------------------------------


@every_gateway
async def test_scanned_in_the_dialog(home_of: Lose, key: str) -> None:
    """The dialog shows the code that the image shows; scanning it heals all, without the entry being loaded anew."""
    home = await home_of(key)
    coordinator = home.coordinator
    dialog = await home.lose_phone()
    assert dialog.step["step_id"] == ("reauth_logged_out" if key in TELL_WHY else "reauth_pair")
    assert home.linked == "off"
    words = ENGLISH["config"]["step"][dialog.step["step_id"]]["description"].format(**dialog.placeholders)
    assert home.entry.title in words
    await dialog.choose_qr()
    text = await dialog.until_code()
    assert coordinator.qr_code
    assert decode_qr(coordinator.qr_code.png) == text
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"
    assert home.flows == []
    assert home.linked == "on"
    assert home.coordinator is coordinator
    assert coordinator.qr_code is None


@pytest.mark.parametrize(
    "key", [key for key, gateway in GATEWAYS.items() if Capability.REQUEST_PAIRING_CODE in gateway.capabilities]
)
async def test_pairing_code(home_of: Lose, key: str) -> None:
    """With a pairing code likewise; meanwhile nothing asks for a QR code, which would spoil it."""
    home = await home_of(key)
    dialog = await home.lose_phone()
    await dialog.choose("pair_code")
    async with asyncio.timeout(20):
        while dialog.step["step_id"] == "pair_code":
            await dialog.submit(phone=home.number)
    assert dialog.step["step_id"] == "enter_code"
    assert home.coordinator.qr_code is None
    home.emulator.phone.enter_code(dialog.placeholders["code"])
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"
    assert home.linked == "on"


@pytest.mark.parametrize("key", ["wawp", "waha"])
async def test_pairing_code_of_a_stopped_session(home_of: Lose, key: str) -> None:
    """A session that was stopped meanwhile is started for the code."""
    home = await home_of(key)
    dialog = await home.lose_phone()
    home.coordinator.async_rest()
    assert isinstance(home.instance, WahaInstance | WawpInstance)
    home.instance.stop()
    await dialog.choose("pair_code")
    await dialog.submit(phone=home.number)
    assert dialog.step["progress_action"] == "wait_for_qr"
    code = await dialog.until_code_to_type()
    assert home.coordinator.qr_code is None
    home.emulator.phone.enter_code(code)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"
    assert home.linked == "on"


async def test_pairing_code_of_a_session_with_its_phone(home_of: Lose) -> None:
    """One that was only stopped needs no code, and the entry knows at once."""
    home = await home_of("wawp")
    dialog = await home.lose_phone()
    home.coordinator.async_rest()
    assert isinstance(home.instance, WawpInstance)
    home.instance.link(home.number)
    home.instance.stop()
    await dialog.choose("pair_code")
    await dialog.submit(phone=home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"
    await until(lambda: home.linked == "on")


async def test_no_pairing_code_of_a_session_that_fails(home_of: Lose, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not come up is said, and the entry goes on to help it."""
    monkeypatch.setattr(pairing_by_code, "_STARTING_TIME", 0.5)
    home = await home_of("waha")
    dialog = await home.lose_phone()
    home.emulator.phone.ban(home.instance.id)
    await dialog.choose("pair_code")
    await dialog.submit(phone=home.number)
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith("The session at WAHA")
    assert home.coordinator.pairing is not None


async def test_no_pairing_code(home: Home) -> None:
    """A gateway that gives no code says why; the image shows a QR code again, and the dialog offers it as well."""
    dialog = await home.lose_phone()
    await dialog.choose("pair_code")
    home.emulator.faults.add("green_api", "500_html", 1, method="getAuthorizationCode")
    await dialog.submit(phone=home.number)
    assert dialog.step["step_id"] == "pair_failed"
    assert dialog.words["base"].startswith("GREEN-API does not answer.")
    await until(lambda: home.coordinator.qr_code is not None)
    dialog = await home.dialog()
    assert dialog.step["step_id"] == "pair_failed"
    await dialog.submit()
    await dialog.choose("pair_qr")
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"


async def test_closed_at_the_number(home: Home) -> None:
    """Who closed the dialog where it asks for a number can choose the other way when it is opened again."""
    dialog = await home.lose_phone()
    await dialog.choose("pair_code")
    await dialog.submit(phone="nobody")
    assert dialog.words["phone"].startswith("This is not a phone number.")
    dialog = await home.dialog()
    assert dialog.step["menu_options"] == ["pair_qr", "pair_code"]


@pytest.mark.parametrize("key", ["wachat", "wasend"])
async def test_only_one_way(home_of: Lose, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A gateway that only has QR codes asks nobody to choose, and begins when somebody is there to scan."""
    home = await home_of(key)
    dialog = await home.lose_phone()
    assert dialog.step["step_id"] == "reauth_pair"
    assert dialog.step["type"] is FlowResultType.FORM
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 0.3)
    await dialog.submit()
    await dialog.until_step("pair_timeout")
    assert dialog.step["type"] is FlowResultType.FORM
    monkeypatch.undo()
    await dialog.submit()
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"


async def test_lost_unseen(home: Home) -> None:
    """What was seen before a look that failed is not believed: the phone may be gone."""
    dialog = await home.lose_phone()
    await home.scan_picture(home.number)
    home.emulator.phone.unlink(home.instance.id)
    home.emulator.faults.add("green_api", "500_html", 1, method="getStateInstance")
    await home.coordinator.async_refresh()
    assert home.coordinator.data.state.is_linked
    await dialog.choose("pair_qr")
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"


async def test_linked_after_the_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone that was linked elsewhere, after nobody came in time, is seen by the dialog."""
    monkeypatch.setattr(coordinator, "PAIRING_TIME", 0.3)
    dialog = await home.lose_phone()
    await until(lambda: home.coordinator.pairing_failure is not None)
    home.instance.link(home.number)
    async with asyncio.timeout(20):
        while not home.coordinator.data.state.is_linked:
            await home.coordinator.async_refresh()
            await asyncio.sleep(0.06)
    await dialog.choose("pair_qr")
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"


@every_gateway
async def test_scanned_elsewhere(home_of: Lose, little_grace: None, key: str) -> None:
    """Who scans the code on a dashboard, or in the gateway's own pages, need not go through the dialog as well."""
    home = await home_of(key)
    await home.lose_phone()
    await home.scan_picture(home.number)
    await until(lambda: home.flows == [])
    assert home.linked == "on"


async def test_healed_before_the_dialog(home: Home) -> None:
    """Who opens the dialog although the phone is linked again has nothing left to do."""
    dialog = await home.lose_phone()
    await home.scan_picture(home.number)
    await dialog.choose_qr()
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"


async def test_taken_over(home: Home) -> None:
    """Where the gateway says that another program took the session over, the user learns that."""
    home.entry.async_start_reauth(home.hass, data={"lost_reason": LostReason.REPLACED})
    await until(lambda: bool(home.flows))
    dialog = await home.dialog()
    assert dialog.step["step_id"] == "reauth_replaced"
    words = ENGLISH["config"]["step"]["reauth_replaced"]["description"].format(**dialog.placeholders)
    assert "Another program has taken over" in words


async def test_reason_not_told(home: Home) -> None:
    """A gateway that cannot be asked why the phone is gone is no reason not to ask for one."""
    home.emulator.faults.add("green_api", "500_html", 1, method="getWaSettings")
    assert (await home.lose_phone()).step["step_id"] == "reauth_pair"


async def test_asked_once(home: Home) -> None:
    """There is one dialog, however often is looked; one that was dismissed comes back with the next loss only."""
    await home.lose_phone()
    for _ in range(3):
        await home.coordinator.async_refresh()
    (await home.dialog()).close()
    home.coordinator.async_renew_code()
    await until(lambda: home.coordinator.qr_code is not None)
    await home.coordinator.async_refresh()
    await home.hass.async_block_till_done()
    assert home.flows == []
    await home.scan_picture(home.number)
    await home.lose_phone()


async def test_lost_again_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialog of the next loss is not taken for one that nobody needs any more."""
    monkeypatch.setattr(account, "_GRACE", 2.0)
    (await home.lose_phone()).close()
    await home.scan_picture(home.number)
    await home.lose_phone()
    await asyncio.sleep(2.5)
    assert (await home.dialog()).step["step_id"] in ASKED


@pytest.mark.parametrize("option", ["access", "pair_again"])
async def test_lost_while_something_is_changed(home: Home, option: str) -> None:
    """As long as the dialog for changes is open no other one begins; after that, the phone is asked for."""
    dialog = await reconfigure(home.hass, home.entry, option)
    home.emulator.phone.unlink(home.instance.id)
    await home.coordinator.async_refresh()
    await until(lambda: home.coordinator.qr_code is not None)
    await home.coordinator.async_refresh()
    assert [flow["flow_id"] for flow in home.flows] == [dialog.step["flow_id"]]
    dialog.close()
    await home.coordinator.async_refresh()
    await until(lambda: bool(home.flows))
    assert (await home.dialog()).step["step_id"] in ASKED
    await home.coordinator.async_refresh()
    assert len(home.flows) == 1


async def test_closed_after_the_logout(home: Home) -> None:
    """Who logs a phone out to link another, and then closes the dialog, is asked for one."""
    dialog = await reconfigure(home.hass, home.entry, "pair_again")
    await dialog.submit()
    await dialog.choose_qr()
    await dialog.until_code()
    dialog.close()
    await home.coordinator.async_refresh()
    await until(lambda: bool(home.flows))
    assert (await home.dialog()).step["step_id"] in ASKED


async def test_back_before_the_reason_is_known(home: Home, little_grace: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone that is back before the gateway has told why it was gone is not asked for."""
    monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=2))
    home.emulator.faults.add("green_api", "timeout", 1, method="getWaSettings")
    home.emulator.phone.unlink(home.instance.id)
    await home.coordinator.async_refresh()
    await home.scan_picture(home.number)
    await asyncio.sleep(2.5)
    assert home.linked == "on"
    assert home.flows == []


async def test_browser_asleep(home: Home, little_grace: None) -> None:
    """Who types the code into the very phone that shows the dialog comes back to it later: it is still there."""
    dialog = await home.enter_code()
    await asyncio.sleep(1)
    step = await home.hass.config_entries.flow.async_configure(dialog.step["flow_id"])
    assert step["type"] is FlowResultType.ABORT
    assert step["reason"] == "linked_again"
    assert home.flows == []


async def test_nobody_comes_back(home: Home, little_grace: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialog to which nobody comes back ends all the same."""
    monkeypatch.setattr(account, "_PATIENCE", 0.5)
    await home.enter_code()
    await until(lambda: home.flows == [])
    assert home.linked == "on"


async def test_restart(home: Home, instance: GreenApiInstance) -> None:
    """A session that only starts anew has not lost its phone."""
    instance.reboot()
    await home.coordinator.async_refresh()
    assert home.linked == "off"
    async with asyncio.timeout(20):
        while home.linked != "on":
            await home.coordinator.async_refresh()
            await asyncio.sleep(0.06)
    assert home.flows == []


async def test_at_the_start(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """A phone that was lost while Home Assistant did not run is asked for when it does."""
    entry = entry_of(instance, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    home = Home(hass, emulator, entry, instance)
    await until(lambda: bool(home.flows))
    assert (await home.dialog()).step["step_id"] in ASKED
    await hass.config_entries.async_unload(entry.entry_id)


async def test_out_of_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody scans in time, the user is asked to try again, and that works."""
    dialog = await home.lose_phone()
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 0.3)
    await dialog.choose_qr()
    await dialog.until_step("pair_timeout")
    monkeypatch.undo()
    await dialog.choose_qr()
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)


@pytest.mark.parametrize("way", ["reauth", "reconfigure"])
async def test_gateway_down_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """A gateway that does not answer any more is the reason when the time is over, and not who did not scan."""
    if way == "reauth":
        dialog = await home.lose_phone()
    else:
        dialog = await reconfigure(home.hass, home.entry, "pair_again")
        await dialog.submit()
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 2.0)
    home.emulator.faults.add("green_api", "502_html", 10_000)
    await dialog.choose_qr()
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith("GREEN-API does not answer.")


async def test_session_that_stays_failed(home_of: Lose, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a session that did not come up the fault of who had nothing to scan."""
    home = await home_of("waha")
    dialog = await home.lose_phone()
    home.emulator.phone.ban(home.instance.id)
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 2.0)
    await dialog.choose_qr()
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith("The session at WAHA")


@pytest.mark.parametrize("seen_by_poll", [False, True])
async def test_banned_meanwhile(home: Home, seen_by_poll: bool) -> None:
    """A ban ends the waiting with its reason, whoever sees it first."""
    dialog = await home.lose_phone()
    await dialog.choose_qr()
    await dialog.until_code()
    home.emulator.phone.ban(home.instance.id)
    if seen_by_poll:
        await home.coordinator.async_refresh()
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith("WhatsApp has banned the account of this instance.")


async def test_token_refused_meanwhile(home: Home, instance: GreenApiInstance) -> None:
    """A token that is refused while a phone is waited for is asked for in the same dialog."""
    dialog = await home.lose_phone()
    await dialog.choose_qr()
    await dialog.until_code()
    instance.token = "fedcba9876543210" * 3
    await home.coordinator.async_refresh()
    await dialog.until_step("reauth_confirm")
    await dialog.submit(token=instance.token)
    assert dialog.step["reason"] == "reauth_successful"


async def test_entry_not_loaded(home: Home) -> None:
    """The dialog works by itself for an entry that is not loaded, and has it loaded afterwards."""
    dialog = await home.lose_phone()
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    await dialog.choose_qr()
    await dialog.scanned_by(home.emulator.phone, home.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    await home.hass.async_block_till_done()
    assert home.entry.state is ConfigEntryState.LOADED
    await until(lambda: home.linked == "on")


async def test_unloaded_while_waiting(home: Home, little_grace: None) -> None:
    """When an entry is loaded anew, Home Assistant ends the dialog; there is a new one until a phone is linked."""
    dialog = await home.lose_phone()
    await dialog.choose_qr()
    await dialog.until_code()
    await home.hass.config_entries.async_reload(home.entry.entry_id)
    await until(lambda: bool(home.flows))
    assert (await home.dialog()).step["step_id"] in ASKED
    await home.scan_picture(home.number)
    await until(lambda: home.flows == [])


# --- another account ---------------------------------------------------------------------------------

OTHER = "+13035550188"


@pytest.fixture
def known(home: Home) -> Home:
    """Return a home where the account is known."""
    assert home.entry.data["account"] == home.number.lstrip("+")
    return home


@every_gateway
async def test_other_account_in_the_dialog(home_of: Lose, key: str) -> None:
    """Who scans with another phone than before is asked; what was meant that way stays.

    Wasend does not tell whose phone it is: there, nobody can notice.
    """
    home = await home_of(key)
    before = home.number.lstrip("+")
    assert home.entry.data["account"] == before
    dialog = await home.lose_phone()
    await dialog.choose_qr()
    await dialog.scanned_by(home.emulator.phone, OTHER)
    if key == "wasend":
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    else:
        await dialog.until_step("other_account")
        assert dialog.step["menu_options"] == ["keep_account", "pair_again"]
        words = ENGLISH["config"]["step"]["other_account"]["description"].format(**dialog.placeholders)
        assert f"…{before[-3:]}" in words
        # Where one reads from right to left, the dots would go to the other side without the mark.
        assert "\u200e…188" in words
        assert OTHER[:-3] not in words
        await dialog.choose("keep_account")
    assert dialog.step["reason"] == "linked_again"
    await home.hass.async_block_till_done()
    assert home.entry.data["account"] == (before if key == "wasend" else OTHER.lstrip("+"))
    assert home.entry.state is ConfigEntryState.LOADED
    assert home.flows == []


async def test_other_account_elsewhere(known: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same when the code of the image was scanned; a mistake is undone by linking the right phone."""
    await known.lose_phone()
    with monkeypatch.context() as soon:
        soon.setattr(account, "_GRACE", 0.5)
        await known.scan_picture(OTHER)
        await until(lambda: [flow["step_id"] for flow in known.flows] == ["other_account"])
    dialog = await known.dialog()
    await dialog.choose("pair_again")
    assert dialog.step["type"] is FlowResultType.FORM
    assert known.linked == "on"
    await dialog.submit()
    assert dialog.step["step_id"] == "pair"
    await dialog.choose_qr()
    await dialog.scanned_by(known.emulator.phone, known.number)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert dialog.step["reason"] == "linked_again"
    assert known.entry.data["account"] == known.number.lstrip("+")
    assert known.flows == []


async def lose_to(home: Home, number: str) -> Dialog:
    """Have somebody else's phone linked in the place of the right one, and return the dialog that asks about it."""
    await home.lose_phone()
    await home.scan_picture(number)
    await until(lambda: [flow["step_id"] for flow in home.flows] == ["other_account"])
    return await home.dialog()


async def relink(home: Home, number: str) -> None:
    """Have another phone linked behind the back of Home Assistant."""
    home.emulator.phone.unlink(home.instance.id)
    home.instance.link(number)
    async with asyncio.timeout(20):
        while (await home.coordinator.gateway.get_link()).number != number.lstrip("+"):
            await asyncio.sleep(0.06)


async def test_put_right_unseen(known: Home, little_grace: None) -> None:
    """What is kept is the account that is linked when the user decides, not when the question came up."""
    dialog = await lose_to(known, OTHER)
    await relink(known, known.number)
    await dialog.choose("keep_account")
    assert dialog.step["reason"] == "linked_again"
    assert known.entry.data["account"] == known.number.lstrip("+")


async def test_yet_another_account(known: Home, little_grace: None) -> None:
    """An account that the user was not asked about is not kept before they were."""
    dialog = await lose_to(known, OTHER)
    await relink(known, "+14045550177")
    await dialog.choose("keep_account")
    assert dialog.step["step_id"] == "other_account"
    assert dialog.placeholders["new"] == "\u200e…177"
    await dialog.choose("keep_account")
    assert dialog.step["reason"] == "linked_again"
    assert known.entry.data["account"] == "14045550177"


async def test_not_another_phone_after_all(known: Home, little_grace: None) -> None:
    """Who chose to link another phone, and closed the dialog, can decide otherwise when it is opened again."""
    dialog = await lose_to(known, OTHER)
    await dialog.choose("pair_again")
    assert dialog.step["type"] is FlowResultType.FORM
    dialog = await known.dialog()
    assert dialog.step["menu_options"] == ["keep_account", "pair_again"]
    await dialog.choose("keep_account")
    assert known.entry.data["account"] == OTHER.lstrip("+")


async def test_put_right_elsewhere(known: Home, little_grace: None) -> None:
    """Who links the right phone again without the dialog need not go through it as well."""
    await lose_to(known, OTHER)
    known.emulator.phone.unlink(known.instance.id)
    await known.coordinator.async_refresh()
    await known.scan_picture(known.number)
    await until(lambda: known.flows == [])
    assert known.entry.data["account"] == known.number.lstrip("+")


@pytest.fixture
async def unknown(home: Home) -> Home:
    """Return a home where the account was not told when the entry was made."""
    home.hass.config_entries.async_update_entry(home.entry, data={**home.entry.data, "account": ""})
    await home.hass.async_block_till_done()
    return home


async def test_account_learned_later(little_grace: None, unknown: Home) -> None:
    """An account that was not told at first is learned, once; then another one is noticed."""
    await until(lambda: unknown.entry.data["account"] == unknown.number.lstrip("+"))
    await unknown.hass.async_block_till_done()
    coordinator = unknown.coordinator
    await asyncio.sleep(1)
    assert unknown.coordinator is coordinator
    await unknown.lose_phone()
    await unknown.scan_picture(OTHER)
    await until(lambda: [flow["step_id"] for flow in unknown.flows] == ["other_account"])


async def test_dialog_on_its_way(little_grace: None, unknown: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialog that is still asking the gateway what to say is in nobody's way, and is left alone."""
    monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=5))
    unknown.emulator.faults.add("green_api", "timeout", 1, method="getWaSettings")
    unknown.entry.async_start_reauth(unknown.hass, data={"lost_reason": LostReason.OTHER_ACCOUNT})
    unknown.emulator.phone.unlink(unknown.instance.id)
    await unknown.coordinator.async_refresh()
    await unknown.scan_picture(unknown.number)
    await until(lambda: unknown.entry.data["account"] == unknown.number.lstrip("+"))
    await until(lambda: not list(unknown.entry.async_get_active_flows(unknown.hass, {SOURCE_REAUTH})))


async def test_account_not_told(known: Home) -> None:
    """A gateway that does not say whose phone it is right now is believed that it is the same."""
    dialog = await known.lose_phone()
    await dialog.choose_qr()
    text = await dialog.until_code()
    known.emulator.faults.add("green_api", "500_html", 9, method="getWaSettings")
    known.emulator.phone.scan(text, OTHER)
    await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
    assert known.entry.data["account"] == known.number.lstrip("+")
