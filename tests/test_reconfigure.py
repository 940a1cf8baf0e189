"""Changing an instance: other credentials, another phone, another gateway."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir

from custom_components.whatsapp_link import account, config_flow
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.instance_flow import titles_of
from tests.conftest import TIME_SCALE, entry_of, every_gateway, identity_of, instance_of
from tests.dialog import Dialog, decode_qr
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.emulator.waha_instance import WahaInstance
from tests.test_entities import until
from tests.test_services import ROBIN, act, recipient

OTHER = "+13035550188"
DONE = "reconfigure_successful"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as much shorter as the emulator's clock is faster."""
    monkeypatch.setattr(config_flow, "_LOOK_AGAIN", 0.05)


@asynccontextmanager
async def loaded(hass: HomeAssistant, instance: Instance, **options: Any) -> AsyncGenerator[MockConfigEntry]:
    """Load an entry with one recipient for an instance that has its phone; unload all at the end."""
    instance.link(instance.number)
    entry = entry_of(instance, recipient("Robin", ROBIN), options={"receiving": "off"} | options)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    try:
        yield entry
    finally:
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry, option: str) -> Dialog:
    """Open the dialog and choose what to change."""
    context: Any = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    dialog = Dialog(hass, await hass.config_entries.flow.async_init("whatsapp_link", context=context))
    assert dialog.step["step_id"] == "reconfigure"
    assert dialog.step["menu_options"] == ["access", "pair_again", "move"]
    await dialog.choose(option)
    return dialog


async def until_linked(entry: MockConfigEntry) -> None:
    """Wait until the entry knows of its phone."""
    async with asyncio.timeout(20):
        while entry.state is not ConfigEntryState.LOADED or not entry.runtime_data.data.state.is_linked:
            await asyncio.sleep(0.06)
            if entry.state is ConfigEntryState.LOADED:
                await entry.runtime_data.async_refresh()


# --- address and credentials -------------------------------------------------------------------------


async def test_new_token(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """A new token is tried before it is kept; mistakes are said."""
    async with loaded(hass, instance) as entry:
        server = {"base_url": entry.data["base_url"]}
        dialog = await reconfigure(hass, entry, "access")
        old, instance.token = instance.token, "fedcba9876543210" * 3
        await dialog.submit(token="short", server=server)
        assert dialog.words == {"token": "This is not a whole API token or key. Copy it again."}
        await dialog.submit(token=old, server=server)
        assert dialog.words == {"base": "GREEN-API refused the API token or key. Check it and enter it again."}
        assert entry.data["credentials"]["token"] == old
        await dialog.submit(token=f" {instance.token}", server=server)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.data["credentials"] == {"instance_id": instance.id, "token": instance.token}
        assert entry.state is ConfigEntryState.LOADED


async def test_new_address(hass: HomeAssistant, emulator: Emulator) -> None:
    """A server that has moved is found again; what is left empty stays as it was."""
    async with Emulator(time_scale=TIME_SCALE) as other:
        moved = instance_of(other, "waha")
        moved.link(moved.number)
        async with loaded(hass, instance_of(emulator, "waha")) as entry:
            before = dict(entry.data)
            dialog = await reconfigure(hass, entry, "access")
            await dialog.submit(server={"base_url": "waha.local"})
            assert dialog.words["base"].startswith("This is not the address of a server.")
            await dialog.submit(server={"base_url": "http://127.0.0.1:9"})
            assert dialog.words["base"].startswith("WAHA does not answer.")
            address = moved.credentials()["base_url"]
            await dialog.submit(server={"base_url": f"{address.removesuffix('waha')}evolution"})
            assert dialog.words["base"].startswith("Evolution API answers at ")
            assert "move this instance to another gateway" in dialog.words["base"]
            await dialog.submit(server={"base_url": f"{address}/dashboard"})
            assert dialog.words["base"] == f"WAHA answers at {address}. Enter this address instead."
            await dialog.submit(server={"base_url": address})
            assert dialog.step["reason"] == DONE
            await hass.async_block_till_done()
            assert entry.data == before | {"base_url": address}
            assert entry.unique_id == identity_of(moved)
            await until_linked(entry)
            other.requests.reset()
            await act(hass, "send_message", message="Hello", entity_id="notify.robin")
            assert [message.text for message in other.phone.messages()] == ["Hello"]


@pytest.mark.parametrize("own_title", ["", "Our family"])
async def test_server_moved(hass: HomeAssistant, emulator: Emulator, own_title: str) -> None:
    """Where the address is all that names an instance, the name follows, unless the user gave another one."""
    async with Emulator(time_scale=TIME_SCALE) as other:
        old, new = instance_of(emulator, "whatsapp_api"), instance_of(other, "whatsapp_api")
        new.link(new.number)
        async with loaded(hass, old) as entry:
            before, *_ = titles_of(entry.runtime_data.gateway)
            hass.config_entries.async_update_entry(entry, title=own_title or before)
            await hass.async_block_till_done()
            dialog = await reconfigure(hass, entry, "access")
            await dialog.submit(server={"base_url": new.credentials()["base_url"]})
            assert dialog.step["reason"] == DONE
            await hass.async_block_till_done()
            assert entry.unique_id == identity_of(new)
            after, *_ = titles_of(entry.runtime_data.gateway)
            assert before != after == f"WhatsApp API server {urlsplit(other.url).netloc}"
            assert entry.title == (own_title or after)
            dialog = await Dialog.add(hass, "whatsapp_api")
            await dialog.connect(new)
            assert dialog.step["reason"] == "already_configured"
            dialog = await Dialog.add(hass, "whatsapp_api")
            await dialog.connect(old)
            assert dialog.step["type"] is FlowResultType.CREATE_ENTRY
            await hass.config_entries.async_unload(dialog.step["result"].entry_id)


async def test_server_of_another_entry(hass: HomeAssistant, emulator: Emulator) -> None:
    """Two entries cannot have the same server where there is one instance on each."""
    async with Emulator(time_scale=TIME_SCALE) as other:
        one, taken = instance_of(emulator, "whatsapp_api"), instance_of(other, "whatsapp_api")
        async with loaded(hass, one) as entry, loaded(hass, taken):
            before = dict(entry.data)
            dialog = await reconfigure(hass, entry, "access")
            await dialog.submit(server={"base_url": taken.credentials()["base_url"]})
            assert dialog.step["reason"] == "already_configured"
            assert entry.data == before
            assert entry.unique_id == identity_of(one)


@every_gateway
async def test_nothing_changed(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The form holds what is there; submitting it as it is changes nothing, and the entry is not loaded anew."""
    async with loaded(hass, instance_of(emulator, key)) as entry:
        before, coordinator = dict(entry.data), entry.runtime_data
        dialog = await reconfigure(hass, entry, "access")
        schema = dialog.step["data_schema"]
        assert schema is not None
        fields = {str(marker): field for marker, field in schema.schema.items()}
        assert set(fields) == {"server", *(item.key for item in GATEWAYS[key].credentials if item.secret)}
        (address,) = fields["server"].schema.schema
        assert address.description == {"suggested_value": entry.data["base_url"]}
        async with asyncio.timeout(20):
            # Some may be asked once a second only.
            while dialog.step["type"] is FlowResultType.FORM:
                await dialog.submit(server={"base_url": entry.data["base_url"]})
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert dict(entry.data) == before
        assert entry.runtime_data is coordinator


async def test_same_token_is_right_again(hass: HomeAssistant, emulator: Emulator) -> None:
    """A gateway that refused the token for a while is tried again when somebody says that it is right."""
    instance = instance_of(emulator, "green_api")
    async with loaded(hass, instance) as entry:
        emulator.faults.add("green_api", "401", 1000)
        await entry.runtime_data.async_refresh()
        assert not entry.runtime_data.last_update_success
        emulator.faults.clear()
        dialog = await reconfigure(hass, entry, "access")
        async with asyncio.timeout(20):
            # It may be asked once a second only.
            while dialog.step["type"] is FlowResultType.FORM:
                await dialog.submit(server={"base_url": entry.data["base_url"]})
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.runtime_data.last_update_success


async def test_entry_not_loaded(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """An entry that could not be set up because of its address is set up with the right one."""
    async with loaded(hass, instance) as entry:
        address = entry.data["base_url"]
        hass.config_entries.async_update_entry(entry, data={**entry.data, "base_url": "http://127.0.0.1:9"})
        await hass.async_block_till_done()
        assert hass.config_entries.async_get_known_entry(entry.entry_id).state is ConfigEntryState.SETUP_RETRY
        dialog = await reconfigure(hass, entry, "access")
        await dialog.submit(server={"base_url": address})
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED


# --- another phone -----------------------------------------------------------------------------------


@every_gateway
async def test_pair_again(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """The phone that is linked is logged out only after the user agreed; the next one takes its place."""
    instance = instance_of(emulator, key)
    async with loaded(hass, instance) as entry:
        await until_linked(entry)
        dialog = await reconfigure(hass, entry, "pair_again")
        assert dialog.step["step_id"] == "pair_again"
        assert instance.linked
        await dialog.submit()
        if Capability.LOGOUT not in GATEWAYS[key].capabilities:
            assert dialog.words["base"].startswith(f"{GATEWAYS[key].name} cannot log the phone out.")
            emulator.phone.unlink(instance.id)
            await dialog.submit()
        assert dialog.step["step_id"] in ("pair", "pair_qr")
        await dialog.choose_qr()
        await dialog.scanned_by(emulator.phone, OTHER)
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
        assert dialog.step["reason"] == "linked_again"
        await hass.async_block_till_done()
        await until_linked(entry)
        # Who asked for it is not asked about it.
        await hass.config_entries.async_unload(entry.entry_id)
        monkeypatch.setattr(account, "_GRACE", 0.2)
        await hass.config_entries.async_setup(entry.entry_id)
        await until_linked(entry)
        await asyncio.sleep(0.5)
        assert hass.config_entries.flow.async_progress() == []
        await act(hass, "send_message", message="Hello", entity_id="notify.robin")
        await until(lambda: [message.text for message in emulator.phone.messages()] == ["Hello"])


async def test_pair_without_phone(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """Where there is no phone to lose, nothing is asked."""
    async with loaded(hass, instance) as entry:
        emulator.phone.unlink(instance.id)
        dialog = await reconfigure(hass, entry, "pair_again")
        assert dialog.step["step_id"] == "pair"


async def test_pair_entry_that_is_not_loaded(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance
) -> None:
    """An entry that is not loaded can be given another phone, and is loaded afterwards."""
    async with loaded(hass, instance) as entry:
        await hass.config_entries.async_unload(entry.entry_id)
        dialog = await reconfigure(hass, entry, "pair_again")
        await dialog.submit()
        await dialog.choose_qr()
        await dialog.scanned_by(emulator.phone)
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
        await hass.async_block_till_done()
        await until_linked(entry)


async def test_loaded_anew_meanwhile(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """A dialog goes on showing the codes of an entry that is loaded anew, and sees its phone."""
    async with loaded(hass, instance) as entry:
        await until_linked(entry)
        dialog = await reconfigure(hass, entry, "pair_again")
        await dialog.submit()
        await dialog.choose_qr()
        shown = await dialog.until_code()
        await hass.config_entries.async_reload(entry.entry_id)
        shown = await dialog.until_code(other_than=shown)
        assert entry.runtime_data.qr_code
        assert decode_qr(entry.runtime_data.qr_code.png) == shown
        await dialog.scanned_by(emulator.phone, OTHER)
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
        assert dialog.step["reason"] == "linked_again"
        assert entry.data["account"] == OTHER.lstrip("+")


async def test_loaded_anew_with_a_pairing_code(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance
) -> None:
    """The same for a pairing code, which an entry that asks for QR codes again would spoil."""
    async with loaded(hass, instance) as entry:
        await until_linked(entry)
        dialog = await reconfigure(hass, entry, "pair_again")
        await dialog.submit()
        await dialog.choose("pair_code")
        await dialog.submit(phone=OTHER)
        await hass.config_entries.async_reload(entry.entry_id)
        await until(lambda: entry.runtime_data.pairing is not None and entry.runtime_data.qr_code is None)
        emulator.phone.enter_code(dialog.placeholders["code"])
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
        assert dialog.step["reason"] == "linked_again"


async def test_loaded_anew_before(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """An entry that is loaded anew before the choice is followed as well: nobody else asks for codes."""
    async with loaded(hass, instance) as entry:
        await until_linked(entry)
        dialog = await reconfigure(hass, entry, "pair_again")
        await dialog.submit()
        await hass.config_entries.async_reload(entry.entry_id)
        await dialog.choose_qr()
        shown = await dialog.until_code()
        assert entry.runtime_data.qr_code
        assert decode_qr(entry.runtime_data.qr_code.png) == shown
        dialog.close()


async def test_log_out_fails(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance) -> None:
    """A gateway in trouble says so, and another try works; so does one that is slow to log out."""
    async with loaded(hass, instance) as entry:
        dialog = await reconfigure(hass, entry, "pair_again")
        emulator.faults.add("green_api", "500_html", 1, method="logout")
        await dialog.submit()
        assert dialog.words["base"].startswith("GREEN-API does not answer.")
        assert instance.linked
        await dialog.submit()
        assert dialog.step["step_id"] == "pair"


async def test_log_out_takes_too_long(
    hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone that stays linked whatever the gateway says has to log out by itself."""
    monkeypatch.setattr(config_flow, "_LOGOUT_TIME", 0.3)
    monkeypatch.setattr(instance, "unlink", lambda: None)
    async with loaded(hass, instance) as entry:
        dialog = await reconfigure(hass, entry, "pair_again")
        await dialog.submit()
        assert dialog.words["base"].startswith("GREEN-API cannot log the phone out.")


# --- another gateway ---------------------------------------------------------------------------------


def registered(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the entities of an entry that do not depend on what a gateway can do: their ids by their unique ids."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {entity.unique_id: entity.entity_id for entity in entities if entity.domain != "button"}


@pytest.mark.parametrize("key", [key for key in GATEWAYS if key != "waha"])
async def test_move(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """An instance moves from any gateway to another: entities, recipients and devices stay, and messages go out."""
    new = instance_of(emulator, "waha")
    async with loaded(hass, instance_of(emulator, key), hide_text=True) as entry:
        old = entry.runtime_data.gateway
        hass.config_entries.async_update_entry(entry, title=f"{old.name} {old.instance_id}")
        await hass.async_block_till_done()
        entities = registered(hass, entry)
        devices = {device.id for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
        assert len(devices) == 2
        dialog = await reconfigure(hass, entry, "move")
        assert dialog.step["menu_options"] == list(GATEWAYS)
        await dialog.choose("waha")
        await dialog.connect(new)
        await dialog.choose_qr()
        await dialog.scanned_by(emulator.phone)
        await dialog.until(lambda dialog: dialog.step["type"] is FlowResultType.ABORT)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.data["gateway"] == "waha"
        assert entry.unique_id == identity_of(new)
        assert entry.title == f"WAHA {new.id}"
        assert entry.options["hide_text"] is True
        assert [recipient.title for recipient in entry.subentries.values()] == ["Robin"]
        assert registered(hass, entry) == entities
        assert devices == {
            device.id for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        }
        await until_linked(entry)
        await act(hass, "send_message", message="Hello", entity_id="notify.robin")
        (message,) = emulator.phone.messages()
        assert (message.instance, message.text) == (new.id, "Hello")


async def test_move_from_a_webhook(hass: HomeAssistant, emulator: Emulator) -> None:
    """The old gateway does not go on calling Home Assistant; the name that the user gave stays."""
    await hass.config.async_update(internal_url="http://127.0.0.1:8123", external_url="http://127.0.0.1:8123")
    old, new = instance_of(emulator, "evolution"), instance_of(emulator, "waha")
    new.link(new.number)
    async with loaded(hass, old, receiving="automatic") as entry:
        hass.config_entries.async_update_entry(entry, title="Our family")
        await until(lambda: emulator.requests.count("evolution", "webhook/set") > 0)
        await hass.async_block_till_done()
        hook = entry.data["webhook"]
        dialog = await reconfigure(hass, entry, "move")
        await dialog.choose("waha")
        await dialog.connect(new)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.title == "Our family"
        assert entry.data.get("webhook") != hook
        assert emulator.requests.count("evolution", "webhook/set") > 1
        await until_linked(entry)


@pytest.mark.parametrize(("way", "kept"), [("stream", None), ("webhook", "webhook"), ("off", "off")])
async def test_move_to_other_ways(hass: HomeAssistant, emulator: Emulator, way: str, kept: str | None) -> None:
    """How messages come in stays as it was chosen, if the new gateway can do that."""
    await hass.config.async_update(internal_url="http://127.0.0.1:8123", external_url="http://127.0.0.1:8123")
    new = instance_of(emulator, "evolution")
    new.link(new.number)
    async with loaded(hass, instance_of(emulator, "green_api"), receiving=way, hide_text=True) as entry:
        dialog = await reconfigure(hass, entry, "move")
        await dialog.choose("evolution")
        await dialog.connect(new)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.options.get("receiving") == kept
        assert entry.options["hide_text"] is True


async def test_move_away_from_trouble(hass: HomeAssistant, emulator: Emulator) -> None:
    """What was wrong with the old gateway is no concern any more, and what it alone could do is gone."""
    old, new = instance_of(emulator, "waha"), instance_of(emulator, "wachat")
    assert isinstance(old, WahaInstance)
    old.options.core_only = True
    new.link(new.number)
    async with loaded(hass, old) as entry:
        await until(lambda: bool(ir.async_get(hass).issues))
        dialog = await reconfigure(hass, entry, "move")
        await dialog.choose("wachat")
        await dialog.connect(new)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert not ir.async_get(hass).issues
        entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        buttons = {
            entity.unique_id.removeprefix(f"{entry.entry_id}_") for entity in entities if entity.domain == "button"
        }
        assert buttons == {"log_out", "new_code"}


async def test_move_to_another_entry(hass: HomeAssistant, emulator: Emulator) -> None:
    """Two entries cannot have the same instance; the one that was to be moved stays where it is."""
    new = instance_of(emulator, "green_api")
    async with loaded(hass, instance_of(emulator, "waha")) as entry, loaded(hass, new):
        dialog = await reconfigure(hass, entry, "move")
        await dialog.choose("green_api")
        await dialog.connect(new)
        assert dialog.step["reason"] == "already_configured"
        assert entry.data["gateway"] == "waha"


async def test_move_to_itself(hass: HomeAssistant, instance: GreenApiInstance) -> None:
    """To choose the same instance again does no harm."""
    async with loaded(hass, instance) as entry:
        dialog = await reconfigure(hass, entry, "move")
        await dialog.choose("green_api")
        await dialog.connect(instance)
        assert dialog.step["reason"] == DONE
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED
