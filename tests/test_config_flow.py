"""Adding an instance: every way through the dialog, and every mistake with the words that the user reads."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED, FlowResultType

from custom_components.whatsapp_link import pairing_view
from custom_components.whatsapp_link.gateways import GATEWAYS, green_api
from tests.conftest import SetUp, entry_of, instance_of
from tests.dialog import Dialog, credentials_of
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.test_entities import until


@pytest.fixture
async def dialog(hass: HomeAssistant, instance: GreenApiInstance) -> Dialog:
    """Return a dialog that asks how to pair."""
    dialog = await Dialog.add(hass)
    await dialog.submit(**credentials_of(instance))
    assert dialog.step["step_id"] == "pair"
    return dialog


async def test_choice_of_gateway(hass: HomeAssistant) -> None:
    """The first step offers every gateway."""
    step = await hass.config_entries.flow.async_init("whatsapp_link", context={"source": "user"})
    assert step["type"] is FlowResultType.MENU
    assert step["menu_options"] == list(GATEWAYS)


async def test_qr_code(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, dialog: Dialog) -> None:
    """The code is renewed by itself; a scan ends the step, makes the entry and asks for the first recipient."""
    assert dialog.step["menu_options"] == ["pair_qr", "pair_code"]
    await dialog.choose("pair_qr")
    assert dialog.step["type"] is FlowResultType.SHOW_PROGRESS
    first = await dialog.until_code()
    second = await dialog.until_code(other_than=first)
    assert second != first
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    assert created["title"] == f"GREEN-API {instance.id}"
    credentials = credentials_of(instance)
    assert created["data"] == {
        "gateway": "green_api",
        "base_url": credentials["server"]["base_url"],
        "credentials": {"instance_id": instance.id, "token": instance.token},
        "account": instance.number.lstrip("+"),
    }
    assert created["result"].unique_id == f"green_api_{instance.id}"
    kind, recipient_flow = created["next_flow"]
    assert kind == "config_subentries_flow"
    step = await hass.config_entries.subentries.async_configure(
        recipient_flow, {"recipient": "+1 202 555 0177", "name": "Robin"}
    )
    assert step["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert hass.states.get("notify.robin")
    # To have messages told, the instance gets other settings, and restarts once for that.
    await until(lambda: hass.states.is_state(f"binary_sensor.green_api_{instance.id}_linked", "on"))


async def test_linked_already(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """An instance that has its phone is added at once."""
    instance.link(instance.number)
    dialog = await Dialog.add(hass)
    await dialog.submit(**credentials_of(instance))
    assert dialog.step["type"] is FlowResultType.CREATE_ENTRY


async def test_blanks_around_what_was_copied(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """Blanks that copying brings along do no harm."""
    instance.link(instance.number)
    dialog = await Dialog.add(hass)
    copied = credentials_of(instance, token=f" {instance.token}\n", instance_id=f"{instance.id} ")
    await dialog.submit(**copied)
    assert dialog.step["type"] is FlowResultType.CREATE_ENTRY
    assert dialog.step["data"]["credentials"] == {"instance_id": instance.id, "token": instance.token}


async def test_pairing_code(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, dialog: Dialog
) -> None:
    """The code for typing is shown until it has been typed."""
    await dialog.choose("pair_code")
    await dialog.submit(phone="(202) 555-0100")
    assert dialog.words == {
        "phone": "The country code is missing. Start with + and the country code, for example +49 for Germany."
    }
    await dialog.submit(phone=instance.number)
    assert dialog.step["step_id"] == "enter_code"
    assert dialog.step["progress_action"] == "enter_code"
    emulator.phone.enter_code(dialog.placeholders["code"])
    await dialog.until_created()


async def test_pairing_code_refused(emulator: Emulator, instance: GreenApiInstance, dialog: Dialog) -> None:
    """A gateway that gives no code says why; then the user can try again, with the same number, or take a QR code."""
    await dialog.choose("pair_code")
    emulator.faults.add("green_api", "500_html", 1, method="getAuthorizationCode")
    await dialog.submit(phone=instance.number)
    assert dialog.step["step_id"] == "pair_failed"
    assert dialog.words["base"].startswith("GREEN-API does not answer.")
    await dialog.submit()
    assert dialog.step["menu_options"] == ["pair_qr", "pair_code"]
    await dialog.choose("pair_code")
    assert dialog.suggested == {"phone": instance.number}
    await dialog.submit(phone=instance.number)
    assert dialog.step["step_id"] == "enter_code"
    dialog.close()


@pytest.fixture
def told(hass: HomeAssistant, dialog: Dialog) -> list[Event]:
    """Return what the browser is told of the dialog."""
    told: list[Event] = []

    @callback
    def on_progressed(event: Event) -> None:
        told.append(event)

    hass.bus.async_listen(EVENT_DATA_ENTRY_FLOW_PROGRESSED, on_progressed)
    return told


async def test_browser_asleep(
    emulator: Emulator, instance: GreenApiInstance, dialog: Dialog, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the very phone that shows the dialog, the browser sleeps meanwhile: it is told of the end until it comes."""
    monkeypatch.setattr(pairing_view, "_TELL_EVERY", 0.05)
    await dialog.choose("pair_code")
    await dialog.submit(phone=instance.number)
    emulator.phone.enter_code(dialog.placeholders["code"])
    await until(lambda: len(told) > 5)
    await dialog.until_created()
    count = len(told)
    await asyncio.sleep(0.3)
    assert len(told) == count
    assert not _own_tasks()


async def test_nobody_comes_back(
    emulator: Emulator, instance: GreenApiInstance, dialog: Dialog, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that never comes is not told for ever; closing the dialog ends it, too."""
    monkeypatch.setattr(pairing_view, "_TELL_EVERY", 0.01)
    monkeypatch.setattr(pairing_view, "_TIMES_TOLD", 5)
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 0.3)
    await dialog.choose("pair_qr")
    await until(lambda: "whatsapp_link end of a pairing" in _own_tasks())
    await until(lambda: not _own_tasks())
    await dialog.until_step("pair_timeout")
    monkeypatch.setattr(pairing_view, "_TELL_EVERY", 60)
    await dialog.choose("pair_qr")
    await until(lambda: "whatsapp_link end of a pairing" in _own_tasks())
    dialog.close()
    await until(lambda: not _own_tasks())


async def test_out_of_time(
    emulator: Emulator, instance: GreenApiInstance, dialog: Dialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody scans in time the user is asked to try again, and that works."""
    monkeypatch.setattr(pairing_view, "PAIRING_TIME", 0.3)
    await dialog.choose("pair_qr")
    await dialog.until_step("pair_timeout")
    assert dialog.step["menu_options"] == ["pair_qr", "pair_code"]
    monkeypatch.undo()
    await dialog.choose("pair_qr")
    await dialog.scanned_by(emulator.phone)
    await dialog.until_created()


async def test_code_past_its_time(emulator: Emulator, dialog: Dialog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that is over is taken away, also when the next one is not there yet."""
    monkeypatch.setattr(green_api, "_QR_VALID_FOR", 0.3)
    await dialog.choose("pair_qr")
    await dialog.until_code()
    shown = asyncio.get_running_loop().time()
    await dialog.until(lambda dialog: dialog.step["progress_action"] == "wait_for_qr")
    assert asyncio.get_running_loop().time() - shown < 0.8
    assert not dialog.qr_text
    dialog.close()


async def test_banned_while_pairing(emulator: Emulator, instance: GreenApiInstance, dialog: Dialog) -> None:
    """A ban ends the pairing with its reason, and there is a way back."""
    await dialog.choose("pair_qr")
    await dialog.until_code()
    emulator.phone.ban(instance.id)
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith("WhatsApp has banned the account of this instance.")
    await dialog.submit()
    assert dialog.step["step_id"] == "pair"


async def test_dialog_closed(hass: HomeAssistant, dialog: Dialog) -> None:
    """Closing the dialog while it waits leaves no task behind."""
    await dialog.choose("pair_qr")
    await dialog.until_code()
    assert _own_tasks()
    dialog.close()
    await asyncio.sleep(0.05)
    assert not _own_tasks()


def _own_tasks() -> list[str]:
    """Return what runs on behalf of a dialog."""
    names = [task.get_name() for task in asyncio.all_tasks()]
    of_entry = ("listening", "looking at the account")
    return [name for name in names if "whatsapp_link" in name and not name.endswith(of_entry)]


async def test_same_instance_twice(hass: HomeAssistant, instance: GreenApiInstance, entry: MockConfigEntry) -> None:
    """An instance is added once."""
    entry.add_to_hass(hass)
    dialog = await Dialog.add(hass)
    await dialog.submit(**credentials_of(instance))
    assert dialog.step["type"] is FlowResultType.ABORT
    assert dialog.step["reason"] == "already_configured"


async def test_two_dialogs(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, dialog: Dialog) -> None:
    """Two dialogs for the same instance: when one has added it, Home Assistant ends the other, and so do we."""
    other = await Dialog.add(hass)
    await other.submit(**credentials_of(instance))
    await other.choose("pair_qr")
    await other.until_code()
    await dialog.choose("pair_qr")
    await dialog.scanned_by(emulator.phone)
    await dialog.until_created()
    assert hass.config_entries.flow.async_progress() == []
    await asyncio.sleep(0.05)
    assert not _own_tasks()
    assert len(hass.config_entries.async_entries("whatsapp_link")) == 1


# --- mistakes ----------------------------------------------------------------------------------------

WRONG_TOKEN = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"token": WRONG_TOKEN},
            {"base": "GREEN-API refused the API token or key. Check it and enter it again."},
        ),
        (
            {"instance_id": "1101999999"},
            {"base": "GREEN-API does not know this instance. Check the instance ID and the address of the server."},
        ),
        (
            {"instance_id": "my instance", "token": "short"},
            {
                "instance_id": "This is not a whole instance ID. Copy it again from the gateway's console.",
                "token": "This is not a whole API token or key. Copy it again.",
            },
        ),
        (
            {"base_url": "http://127.0.0.1:9"},
            {
                "base": "GREEN-API does not answer. Check the address of the server and this system's "
                "internet connection, then try again."
            },
        ),
        (
            {"base_url": "api.green-api.com"},
            {
                "base": "This is not the address of a server. It starts with http:// or https:// and holds "
                "no user name and no question mark."
            },
        ),
    ],
    ids=["token", "instance", "malformed", "unreachable", "no-url"],
)
async def test_wrong_credentials(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, changes: dict[str, str], words: dict[str, str]
) -> None:
    """Each mistake is said in words, and the right values are accepted afterwards."""
    dialog = await Dialog.add(hass)
    await dialog.submit(**credentials_of(instance, **changes))
    assert dialog.step["type"] is FlowResultType.FORM
    assert dialog.words == words
    await dialog.submit(**credentials_of(instance))
    assert dialog.step["step_id"] == "pair"


async def test_another_server(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """A web server that is no gateway is recognised as such."""
    async with _web_page() as url:
        dialog = await Dialog.add(hass)
        await dialog.submit(**credentials_of(instance, base_url=url))
    assert dialog.words == {
        "base": "There is a server at this address, but it does not answer like GREEN-API. "
        "Check the address of the server."
    }


@asynccontextmanager
async def _web_page() -> AsyncGenerator[str]:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html><h1>It works!</h1></html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_banned(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """A banned account is not added."""
    emulator.phone.ban(instance.id)
    dialog = await Dialog.add(hass)
    await dialog.submit(**credentials_of(instance))
    assert dialog.words == {
        "base": "WhatsApp has banned the account of this instance. Ask WhatsApp for a review in the app on the "
        "phone; until then nothing can be sent."
    }


# --- a token that is refused later -------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", [key for key, gateway in GATEWAYS.items() if any(credential.secret for credential in gateway.credentials)]
)
async def test_reauth(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A refused token asks for a new one; mistakes are said; the right one heals the entry."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    entry = entry_of(instance, options={"receiving": "off"})
    right = entry.data["credentials"]
    entry.add_to_hass(hass)
    refused = {**entry.data, "credentials": {**right, "token": "fedcba9876543210" * 3}}
    hass.config_entries.async_update_entry(entry, data=refused)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    dialog = Dialog(hass, flow)
    await dialog.submit(token="no token")
    assert dialog.words == {"token": "This is not a whole API token or key. Copy it again."}
    await dialog.submit(token=WRONG_TOKEN)
    name = GATEWAYS[key].name
    assert dialog.words == {"base": f"{name} refused the API token or key. Check it and enter it again."}
    await dialog.submit(token=f"{right['token']} ")
    assert dialog.step["type"] is FlowResultType.ABORT
    assert dialog.step["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["credentials"] == right
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)


async def test_reauth_of_a_loaded_entry(
    hass: HomeAssistant, instance: GreenApiInstance, entry: MockConfigEntry, set_up: SetUp
) -> None:
    """A token that is refused while all is running is replaced without a stop."""
    instance.link(instance.number)
    await set_up()
    instance.token = "fedcba9876543210" * 3
    dialog = Dialog(hass, await entry.start_reauth_flow(hass))
    await dialog.submit(token=instance.token)
    assert dialog.step["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.data["credentials"]["token"] == instance.token
    assert entry.state is ConfigEntryState.LOADED
