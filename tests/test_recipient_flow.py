"""Adding and changing a recipient: what is offered, understood and refused, on each gateway, and in which words."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
import logging
from types import MappingProxyType
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
    ConfigSubentryDataWithId,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import SelectSelector, TextSelector

from custom_components.whatsapp_link import recipient_flow
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability, Feature
from tests.conftest import SetUp, every_gateway, instance_of
from tests.dialog import ENGLISH
from tests.emulator import Emulator, waha_lists
from tests.emulator.green_api_instance import FREE_CHECKS, GreenApiInstance
from tests.emulator.instance import Instance
from tests.test_entities import until

WORDS = ENGLISH["config_subentries"]["recipient"]
ROBIN = "12025550177@c.us"
ADA = "13035550142@c.us"
FAMILY = "120363000000000142@g.us"
NOT_ON_WHATSAPP = "+1 303 555 0199"

# What the vendors call the requests that the dialog makes.
LISTS = {
    "green_api": "getContacts",
    "wawp": "chats",
    "wachat": "contacts",
    "wasend": "listChats",
    "whatsapp_api": "chats",
    "waha": "chats/overview",
    "evolution": "group/fetchAllGroups",
}
CHECKS = {
    "green_api": "checkWhatsapp",
    "wawp": "contacts/check-exists",
    "wasend": "checkExists",
    "waha": "contacts/check-exists",
    "evolution": "chat/whatsappNumbers",
}
KINDS = {
    FAMILY: Feature.GROUPS,
    "120363000000000142@newsletter": Feature.CHANNELS,
    "10000000000142@lid": Feature.HIDDEN_NUMBERS,
}
each_that_checks = pytest.mark.parametrize("key", CHECKS)

type Open = Callable[[str], Awaitable[RecipientDialog]]


class RecipientDialog:
    """The dialog in which a recipient is added or changed."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        """Take the entry that the recipient belongs to."""
        self.hass = hass
        self.entry = entry
        self.step: SubentryFlowResult
        self._flow = hass.config_entries.subentries
        self._handler = (entry.entry_id, "recipient")

    async def add(self) -> SubentryFlowResult:
        """Begin to add a recipient."""
        self.step = await self._flow.async_init(self._handler, context={"source": SOURCE_USER})
        return self.step

    async def change(self, subentry_id: str = "recipient") -> SubentryFlowResult:
        """Begin to change a recipient."""
        context: Any = {"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id}
        self.step = await self._flow.async_init(self._handler, context=context)
        return self.step

    async def submit(self, recipient: str, name: str | None = None) -> SubentryFlowResult:
        """Submit the form; wait for what comes of it."""
        typed = {"recipient": recipient} | ({} if name is None else {"name": name})
        self.step = await self._flow.async_configure(self.step["flow_id"], typed)
        await self.hass.async_block_till_done()
        return self.step

    async def look_again(self) -> SubentryFlowResult:
        """Fetch the step anew, as a browser does that was reloaded."""
        self.step = await self._flow.async_configure(self.step["flow_id"])
        return self.step

    def _field(self, name: str) -> tuple[Any, Any]:
        schema = self.step["data_schema"]
        assert schema is not None
        return next((marker, kind) for marker, kind in schema.schema.items() if marker == name)

    @property
    def is_list(self) -> bool:
        """Whether there is a list; if so, something else can be typed as well."""
        _, kind = self._field("recipient")
        assert isinstance(kind, SelectSelector) or type(kind) is TextSelector
        assert isinstance(kind, TextSelector) or (kind.config["custom_value"] and kind.config["mode"] == "dropdown")
        return isinstance(kind, SelectSelector)

    @property
    def offered(self) -> dict[str, str]:
        """What can be chosen: the labels by their values, in their order."""
        _, kind = self._field("recipient")
        return {option["value"]: option["label"] for option in kind.config["options"]} if self.is_list else {}

    @property
    def filled_in(self) -> tuple[str | None, str | None]:
        """What stands in the two fields."""
        recipient, name = (self._field(field)[0].description for field in ("recipient", "name"))
        return recipient and recipient["suggested_value"], name and name["suggested_value"]

    @property
    def words(self) -> dict[str, str]:
        """The errors of the step as the user reads them, by field."""
        placeholders = self.step["description_placeholders"] or {}
        errors = self.step["errors"] or {}
        return {field: WORDS["error"][key].format(**placeholders) for field, key in errors.items()}

    @property
    def description(self) -> str:
        """What the step says above its fields."""
        text: str = WORDS["step"][self.step["step_id"]]["description"]
        return text.format(**(self.step["description_placeholders"] or {}))

    @property
    def recipients(self) -> dict[str, str]:
        """The recipients that the entry has: their names by their chats."""
        recipients = self.entry.subentries.values()
        assert all(recipient.unique_id == recipient.data["chat_id"] for recipient in recipients)
        return {recipient.data["chat_id"]: recipient.title for recipient in recipients}


def entry_of(instance: Instance) -> MockConfigEntry:
    """Return the entry of an instance, with one recipient."""
    credentials = dict(instance.credentials())
    base_url = credentials.pop("base_url")
    recipient = ConfigSubentryDataWithId(
        data={"chat_id": ROBIN, "later": "kept"},
        subentry_id="recipient",
        subentry_type="recipient",
        title="Robin",
        unique_id=ROBIN,
    )
    data = {"gateway": instance.gateway, "base_url": base_url, "credentials": credentials}
    # To receive something is not what this is about, and would change settings at the gateway in the background.
    return MockConfigEntry(
        domain=DOMAIN,
        title="Home",
        data=MappingProxyType(data),
        options={"receiving": "off"},
        subentries_data=[recipient],
    )


@pytest.fixture
async def load(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[Open]:
    """Return what sets up a gateway's instance as it is; at the end all are unloaded."""
    entries: list[MockConfigEntry] = []

    async def load_entry(key: str) -> RecipientDialog:
        entries.append(entry_of(instance_of(emulator, key)))
        entries[-1].add_to_hass(hass)
        assert await hass.config_entries.async_setup(entries[-1].entry_id)
        await hass.async_block_till_done()
        return RecipientDialog(hass, entries[-1])

    yield load_entry
    for entry in entries:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def open_linked(emulator: Emulator, load: Open) -> Open:
    """Return what sets up a gateway's instance that has its phone."""

    async def open_dialog(key: str) -> RecipientDialog:
        instance = instance_of(emulator, key)
        instance.link(instance.number)
        dialog = await load(key)
        async with asyncio.timeout(20):
            while not (await dialog.entry.runtime_data.gateway.get_session()).state.is_linked:
                await asyncio.sleep(0.06)
        emulator.requests.reset()
        return dialog

    return open_dialog


@pytest.fixture
async def dialog(open_linked: Open) -> RecipientDialog:
    """Return the dialog of an instance that has one recipient already."""
    return await open_linked("green_api")


# --- what is typed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "chat_id"),
    [
        ("+49 151 234-567 89", "4915123456789@c.us"),
        ("0049 151 23456789", "4915123456789@c.us"),
        ("+49 (0) 151 23456789", "4915123456789@c.us"),
        ("4915123456789@c.us", "4915123456789@c.us"),
        ("4915123456789@s.whatsapp.net", "4915123456789@c.us"),
        ("120363043968066561@g.us", "120363043968066561@g.us"),
    ],
)
async def test_understood(hass: HomeAssistant, dialog: RecipientDialog, typed: str, chat_id: str) -> None:
    """Each spelling of a number and each kind of chat becomes a device with a notify entity."""
    await dialog.add()
    step = await dialog.submit(typed, " Kim ")
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert step["title"] == "Kim"
    assert step["data"] == {"chat_id": chat_id}
    assert dialog.recipients == {ROBIN: "Robin", chat_id: "Kim"}
    assert hass.states.get("notify.kim")


@pytest.mark.parametrize(
    ("typed", "name", "errors"),
    [
        ("(555) 123 4567", "Kim", {"recipient": "no_country_code"}),
        ("0151 23456789", "Kim", {"recipient": "no_country_code"}),
        ("+49 151", "Kim", {"recipient": "number_too_short"}),
        ("+49 151 2345 6789 0123 4", "Kim", {"recipient": "number_too_long"}),
        ("Kim", "Kim", {"recipient": "not_a_number"}),
        ("", "Kim", {"recipient": "not_a_number"}),
        ("someone@example.org", "Kim", {"recipient": "not_a_number"}),
        ("+1 202 555 0177", "Kim", {"recipient": "already_configured"}),
        ("001 (202) 555-0177", "Kim", {"recipient": "already_configured"}),
        ("12025550177@s.whatsapp.net", "Kim", {"recipient": "already_configured"}),
        ("+1 202 555 0178", "  ", {"name": "name_missing"}),
        ("+1 202 555 0178", None, {"name": "name_missing"}),
        ("120363043968066561@g.us", None, {"name": "name_missing"}),
    ],
)
async def test_refused(
    emulator: Emulator, dialog: RecipientDialog, typed: str, name: str | None, errors: dict[str, str]
) -> None:
    """What is not certain is refused with words for it, before the gateway is asked; the next try works."""
    await dialog.add()
    step = await dialog.submit(typed, name)
    assert step["type"] is FlowResultType.FORM
    assert step["errors"] == errors
    assert all(dialog.words.values())
    assert dialog.filled_in == (typed, name)
    assert dialog.recipients == {ROBIN: "Robin"}
    assert emulator.requests.count(method=CHECKS["green_api"]) == 0
    step = await dialog.submit("+1 202 555 0179", "Robin")
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert dialog.recipients == {ROBIN: "Robin", "12025550179@c.us": "Robin"}


# --- what is offered -------------------------------------------------------------------------------


@every_gateway
async def test_chosen(emulator: Emulator, open_linked: Open, key: str) -> None:
    """The chats are offered by name, as far as the gateway can write to them; the chosen one brings its name along."""
    dialog = await open_linked(key)
    # Some know only those who have written.
    emulator.someone_writes({"instance": instance_of(emulator, key).id, "from": "+13035550142", "text": "Hello"})
    chats = {chat.chat_id: chat for chat in await dialog.entry.runtime_data.gateway.list_chats()}
    await dialog.add()
    assert dialog.step["step_id"] == "user"
    assert dialog.description == WORDS["step"]["user"]["description"]
    # An empty text, and not nothing: else the frontend would choose the first of the list.
    assert dialog.filled_in == ("", None)
    groups = Feature.GROUPS in GATEWAYS[key].features
    assert dialog.offered == {
        chat.chat_id: f"👥 {chat.name}" if chat.is_group else chat.name
        for chat in chats.values()
        if groups or not chat.is_group
    }
    names = [label.removeprefix("👥 ") for label in dialog.offered.values()]
    assert names == sorted(names, key=str.casefold)
    assert (FAMILY in dialog.offered) is groups
    assert ADA in dialog.offered
    chosen = next(iter(dialog.offered))
    step = await dialog.submit(chosen)
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert step["title"] == chats[chosen].name
    assert step["data"] == {"chat_id": chosen}
    assert dialog.recipients == {ROBIN: "Robin", chosen: chats[chosen].name}
    assert emulator.requests.count(method=CHECKS.get(key, "none")) == 0
    await dialog.add()
    assert chosen not in dialog.offered
    assert len(dialog.offered) == len(names) - 1


async def test_starting(emulator: Emulator, dialog: RecipientDialog) -> None:
    """The dialog waits for an instance that starts anew because its settings were changed a moment ago."""
    instance = instance_of(emulator, "green_api")
    assert isinstance(instance, GreenApiInstance)
    instance.reboot()
    await dialog.add()
    assert dialog.step["step_id"] == "user"
    assert FAMILY in dialog.offered
    assert emulator.requests.count(method="getContacts") > 1


async def test_no_phone(emulator: Emulator, dialog: RecipientDialog) -> None:
    """It does not wait for an instance that has lost its phone."""
    instance_of(emulator, "green_api").unlink()
    await dialog.add()
    assert dialog.step["step_id"] == "user_unlisted"
    assert emulator.requests.count(method="getContacts") == 1


@pytest.mark.parametrize("typed", ["+1 303 555 0142", ADA])
async def test_typed_although_listed(emulator: Emulator, dialog: RecipientDialog, typed: str) -> None:
    """The number of somebody in the list stands for them: it brings their name along, and needs no check."""
    await dialog.add()
    step = await dialog.submit(typed, " ")
    assert step["title"] == "Ada Neighbour"
    assert dialog.recipients[ADA] == "Ada Neighbour"
    assert emulator.requests.count(method=CHECKS["green_api"]) == 0


async def test_chosen_with_a_name(dialog: RecipientDialog) -> None:
    """What is typed as the name comes before the name of the chat."""
    await dialog.add()
    await dialog.submit(FAMILY, "Everybody")
    assert dialog.recipients[FAMILY] == "Everybody"


async def test_nameless(emulator: Emulator, open_linked: Open) -> None:
    """Who has written without being known is offered by number, and that does not become the name."""
    dialog = await open_linked("wasend")
    instance = instance_of(emulator, "wasend")
    emulator.someone_writes({"instance": instance.id, "from": "+13035550150", "text": "Hello"})
    await dialog.add()
    assert list(dialog.offered.items())[-1] == ("13035550150@c.us", "+13035550150")
    await dialog.submit("13035550150@c.us")
    assert dialog.words == {"name": WORDS["error"]["name_missing"]}
    await dialog.submit("13035550150@c.us", "Plumber")
    assert dialog.recipients["13035550150@c.us"] == "Plumber"


async def test_listed_once(emulator: Emulator, dialog: RecipientDialog) -> None:
    """However long the dialog is open, the chats are asked for once."""
    await dialog.add()
    await dialog.look_again()
    await dialog.submit("Kim")
    await dialog.submit("+1 303")
    assert len(dialog.offered) == 6
    assert emulator.requests.count(method=LISTS["green_api"]) == 1


async def test_status_updates(open_linked: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is listed and is no chat is not offered; a list of nothing else is a field to type in."""
    summaries = [{"id": "status@broadcast", "name": "Status"}, {"id": "0@c.us", "name": "WhatsApp"}]
    monkeypatch.setattr(waha_lists, "overview", lambda _: summaries)
    dialog = await open_linked("waha")
    await dialog.add()
    assert dialog.step["step_id"] == "user"
    assert not dialog.is_list
    await dialog.submit("+1 202 555 0178", "Kim")
    assert "12025550178@c.us" in dialog.recipients


# --- where there is no list ------------------------------------------------------------------------


async def type_in(dialog: RecipientDialog, key: str) -> None:
    """See that there is a field to type in and the reason for it, and add somebody."""
    assert dialog.step["step_id"] == "user_unlisted"
    assert not dialog.is_list
    assert f"{GATEWAYS[key].name} does not tell which chats" in dialog.description
    await dialog.submit("+1 202 555 0178")
    assert dialog.step["step_id"] == "user_unlisted"
    assert dialog.words == {"name": WORDS["error"]["name_missing"]}
    await dialog.submit("+1 202 555 0178", "Kim")
    assert dialog.recipients == {ROBIN: "Robin", "12025550178@c.us": "Kim"}


@every_gateway
async def test_list_out_of_order(emulator: Emulator, open_linked: Open, key: str) -> None:
    """A gateway that fails to list its chats leaves a field to type in."""
    dialog = await open_linked(key)
    emulator.faults.add(key, "502_html", method=LISTS[key])
    await dialog.add()
    assert emulator.faults.pending() == []
    await type_in(dialog, key)


@every_gateway
async def test_list_too_slow(emulator: Emulator, open_linked: Open, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that does not answer keeps nobody waiting for long."""
    dialog = await open_linked(key)
    monkeypatch.setattr(recipient_flow, "PATIENCE", 0.1)
    emulator.faults.add(key, "timeout", method=LISTS[key])
    async with asyncio.timeout(2):
        await dialog.add()
    monkeypatch.undo()
    await type_in(dialog, key)


async def test_gateway_without_list(
    emulator: Emulator, dialog: RecipientDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that can list nothing is not asked to."""
    kind = GATEWAYS["green_api"]
    monkeypatch.setattr(kind, "capabilities", kind.capabilities - {Capability.LIST_CHATS})
    await dialog.add()
    assert emulator.requests.count() == 0
    await type_in(dialog, "green_api")


@every_gateway
async def test_not_linked(load: Open, key: str) -> None:
    """Before a phone is linked, recipients can be added all the same. Some list the chats of an earlier phone."""
    dialog = await load(key)
    await dialog.add()
    await dialog.submit("+1 202 555 0178", "Kim")
    assert dialog.recipients == {ROBIN: "Robin", "12025550178@c.us": "Kim"}


@every_gateway
async def test_not_loaded(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """An entry that is not loaded can be given recipients; its gateway is not asked."""
    entry = entry_of(instance_of(emulator, key))
    entry.add_to_hass(hass)
    dialog = RecipientDialog(hass, entry)
    await dialog.add()
    await type_in(dialog, key)
    await dialog.change()
    assert dialog.step["step_id"] == "reconfigure_unlisted"
    await dialog.submit("+1 202 555 0166", "Robin")
    assert dialog.recipients == {"12025550166@c.us": "Robin", "12025550178@c.us": "Kim"}
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert emulator.requests.count() == 0


# --- what the gateway says of it -------------------------------------------------------------------


@each_that_checks
async def test_not_on_whatsapp(emulator: Emulator, open_linked: Open, key: str) -> None:
    """A number without WhatsApp is refused; the next one is taken."""
    dialog = await open_linked(key)
    await dialog.add()
    await dialog.submit(NOT_ON_WHATSAPP, "Kim")
    assert dialog.words == {"recipient": WORDS["error"]["not_on_whatsapp"]}
    assert dialog.filled_in == (NOT_ON_WHATSAPP, "Kim")
    await dialog.submit("+1 202 555 0178", "Kim")
    assert dialog.recipients == {ROBIN: "Robin", "12025550178@c.us": "Kim"}
    assert emulator.requests.count(method=CHECKS[key], status=200) == 2


@pytest.mark.parametrize("key", [key for key in GATEWAYS if key not in CHECKS])
async def test_gateway_without_check(open_linked: Open, key: str) -> None:
    """Where nothing can tell, a number is taken as it was typed."""
    dialog = await open_linked(key)
    await dialog.add()
    await dialog.submit(NOT_ON_WHATSAPP, "Kim")
    assert dialog.recipients == {ROBIN: "Robin", "13035550199@c.us": "Kim"}


@each_that_checks
@pytest.mark.parametrize("fault", ["502_html", "401", "429_retry_after", "malformed_json"])
async def test_check_fails(
    emulator: Emulator, open_linked: Open, caplog: pytest.LogCaptureFixture, key: str, fault: str
) -> None:
    """A gateway that cannot say is no reason to refuse a number; nothing private is logged of it."""
    caplog.set_level(logging.DEBUG, "custom_components.whatsapp_link")
    dialog = await open_linked(key)
    emulator.faults.add(key, "500_html", method=LISTS[key])
    await dialog.add()
    emulator.faults.add(key, fault, method=CHECKS[key])
    await dialog.submit(NOT_ON_WHATSAPP, "Zebedee")
    assert dialog.recipients == {ROBIN: "Robin", "13035550199@c.us": "Zebedee"}
    assert emulator.faults.pending() == []
    told = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components")]
    assert any("Asking without a list of chats: CannotReach" in line for line in told)
    assert any("Taking a number unchecked: " in line for line in told)
    credentials = instance_of(emulator, key).credentials()
    private = ["5550199", "Zebedee", *(credentials[item.key] for item in GATEWAYS[key].credentials if item.secret)]
    assert not [line for line in told for text in private if text in line]


async def test_check_too_slow(emulator: Emulator, dialog: RecipientDialog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one that does not answer."""
    await dialog.add()
    monkeypatch.setattr(recipient_flow, "PATIENCE", 0.1)
    emulator.faults.add("green_api", "timeout", method=CHECKS["green_api"])
    async with asyncio.timeout(2):
        await dialog.submit("+1 202 555 0178", "Kim")
    assert "12025550178@c.us" in dialog.recipients
    monkeypatch.undo()


async def test_quota_used_up(instance: GreenApiInstance, dialog: RecipientDialog) -> None:
    """Nor is an account that has no checks left this month."""
    instance.options = replace(instance.options, tariff="developer")
    instance.checks_used = FREE_CHECKS
    await dialog.add()
    await dialog.submit(NOT_ON_WHATSAPP, "Kim")
    assert "13035550199@c.us" in dialog.recipients


async def test_spelled_otherwise(emulator: Emulator, open_linked: Open) -> None:
    """Where WhatsApp spells a number otherwise, that is the chat, and each spelling is the same recipient."""
    dialog = await open_linked("evolution")
    await dialog.add()
    await dialog.submit("+52 1 55 1234 5678", "Lupe")
    assert dialog.recipients == {ROBIN: "Robin", "525512345678@c.us": "Lupe"}
    await dialog.add()
    for typed in ("+52 1 55 1234 5678", "+52 55 1234 5678"):
        await dialog.submit(typed, "Lupe")
        assert dialog.words == {"recipient": WORDS["error"]["already_configured"]}


@pytest.mark.parametrize("told", ["10000000000142@lid", "none of ours@c.us"])
async def test_told_something_else(open_linked: Open, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """An opaque id that is told for a number does not take its place, nor does nonsense."""
    monkeypatch.setattr(waha_lists, "checked_number", lambda *_: {"numberExists": True, "chatId": told})
    dialog = await open_linked("waha")
    await dialog.add()
    await dialog.submit("+1 202 555 0178", "Kim")
    assert dialog.recipients == {ROBIN: "Robin", "12025550178@c.us": "Kim"}


@every_gateway
@pytest.mark.parametrize("chat_id", KINDS)
async def test_kinds_of_chats(open_linked: Open, key: str, chat_id: str) -> None:
    """A chat to which the gateway cannot write is refused, and it is said whose fault that is."""
    dialog = await open_linked(key)
    await dialog.add()
    step = await dialog.submit(chat_id, "Somewhere")
    if KINDS[chat_id] in GATEWAYS[key].features:
        assert step["type"] is FlowResultType.CREATE_ENTRY
    else:
        assert dialog.words["recipient"].startswith(f"{GATEWAYS[key].name} cannot send to this kind of chat.")
        assert dialog.recipients == {ROBIN: "Robin"}


# --- changing it -----------------------------------------------------------------------------------


def identity_of(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, str, str]:
    """Return what must stay of a recipient, whatever it is called: its device and its entity."""
    (entity,) = (
        entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.domain == "notify" and entry.subentries.get(entity.config_subentry_id or "")
    )
    return entity.device_id or "", entity.unique_id, entity.entity_id


def device_name(hass: HomeAssistant, device_id: str) -> str | None:
    """Return what a device is called."""
    device = dr.async_get(hass).async_get(device_id)
    assert device is not None
    return device.name


@every_gateway
async def test_renamed_and_moved(hass: HomeAssistant, emulator: Emulator, open_linked: Open, key: str) -> None:
    """A recipient gets another name and another chat; its device and its entity stay, and write there."""
    dialog = await open_linked(key)
    identity = identity_of(hass, dialog.entry)
    await dialog.change()
    assert dialog.step["step_id"] == "reconfigure"
    assert dialog.filled_in == ("+12025550177", "Robin")
    step = await dialog.submit("+1 202 555 0166", " Robin's new phone ")
    assert (step["type"], step["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert dialog.recipients == {"12025550166@c.us": "Robin's new phone"}
    assert dialog.entry.subentries["recipient"].data["later"] == "kept"
    assert identity_of(hass, dialog.entry) == identity
    device_id, _, entity_id = identity
    assert device_name(hass, device_id) == "Robin's new phone"
    state = hass.states.get(entity_id)
    assert state is not None
    assert state.name == "Robin's new phone"
    call = {"entity_id": entity_id, "message": "Somebody rings"}
    await hass.services.async_call("notify", "send_message", call, blocking=True)
    instance = instance_of(emulator, key)
    await until(lambda: bool(emulator.phone.messages(instance.id)))
    (message,) = emulator.phone.messages(instance.id)
    assert "12025550166" in message.chat_id


async def test_only_renamed(hass: HomeAssistant, emulator: Emulator, dialog: RecipientDialog) -> None:
    """A new name needs no check of the number, however that is spelled."""
    emulator.faults.add("green_api", "502_html", method=LISTS["green_api"])
    await dialog.change()
    assert dialog.step["step_id"] == "reconfigure_unlisted"
    assert not dialog.is_list
    assert "GREEN-API does not tell which chats" in dialog.description
    assert dialog.filled_in == ("+12025550177", "Robin")
    await dialog.submit("Robin", "Robin")
    assert dialog.words == {"recipient": WORDS["error"]["not_a_number"]}
    await dialog.submit("001 (202) 555-0177", "Kim")
    assert dialog.recipients == {ROBIN: "Kim"}
    assert device_name(hass, identity_of(hass, dialog.entry)[0]) == "Kim"
    assert emulator.requests.count(method=CHECKS["green_api"]) == 0


async def test_nothing_changed(emulator: Emulator, dialog: RecipientDialog) -> None:
    """Submitting the form as it is changes nothing, and nothing is loaded anew."""
    await dialog.change()
    emulator.requests.reset()
    step = await dialog.submit("+12025550177", "Robin")
    assert step["reason"] == "reconfigure_successful"
    assert dialog.recipients == {ROBIN: "Robin"}
    assert emulator.requests.count() == 0


async def test_moved_to_a_chat_of_the_list(dialog: RecipientDialog) -> None:
    """The chat is shown by its name in the list; without a name typed, a recipient takes that of its chat."""
    await dialog.change()
    await dialog.submit(ADA, "Ada")
    await dialog.add()
    await dialog.submit(FAMILY)
    await dialog.change()
    assert dialog.filled_in == (ADA, "Ada")
    assert dialog.offered[ADA] == "Ada Neighbour"
    assert FAMILY not in dialog.offered
    await dialog.submit(ADA)
    assert dialog.recipients == {ADA: "Ada Neighbour", FAMILY: "Family"}
    await dialog.change()
    await dialog.submit("+1 202 555 0177")
    assert dialog.words == {"name": WORDS["error"]["name_missing"]}


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("+1 202", "number_too_short"),
        ("+1 303-555-0142", "already_configured"),
        ("13035550142@s.whatsapp.net", "already_configured"),
        (NOT_ON_WHATSAPP, "not_on_whatsapp"),
        ("120363000000000142@newsletter", "unsupported_chat"),
    ],
)
async def test_change_refused(dialog: RecipientDialog, typed: str, error: str) -> None:
    """What cannot be added cannot be changed to either."""
    await dialog.add()
    await dialog.submit(ADA)
    await dialog.change()
    await dialog.submit(typed, "Robin")
    assert dialog.step["step_id"] == "reconfigure"
    assert dialog.step["errors"] == {"recipient": error}
    assert dialog.words["recipient"]
    assert dialog.filled_in == (typed, "Robin")
    assert dialog.recipients == {ROBIN: "Robin", ADA: "Ada Neighbour"}
    await dialog.submit("+1 202 555 0166", "Robin")
    assert dialog.recipients == {"12025550166@c.us": "Robin", ADA: "Ada Neighbour"}


async def test_own_chat_spelled_otherwise(open_linked: Open) -> None:
    """A recipient may be given its own chat in a spelling that only WhatsApp knows to be the same."""
    dialog = await open_linked("evolution")
    await dialog.change()
    await dialog.submit("+52 55 1234 5678", "Lupe")
    await dialog.change()
    await dialog.submit("+52 1 55 1234 5678", "Lupita")
    assert dialog.recipients == {"525512345678@c.us": "Lupita"}


# --- removing it -----------------------------------------------------------------------------------


async def test_removed(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """A recipient that is removed takes its device and its entity along."""
    instance.link(instance.number)
    entry: Any = await set_up()
    assert hass.states.get("notify.robin")
    hass.config_entries.async_remove_subentry(entry, "recipient")
    await hass.async_block_till_done()
    assert hass.states.get("notify.robin") is None
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert [device.name for device in devices] == ["GREEN-API 1101000001"]
