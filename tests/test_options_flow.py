"""The options: how messages come in, whose are shown, what is kept of them, and how they go out."""

from typing import Any

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData

from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.events import EventKind
from custom_components.whatsapp_link.gateways.model import Location
from tests.conftest import TIME_SCALE, entry_of, every_gateway, instance_of
from tests.emulator import Emulator
from tests.incoming import FAMILY, ROBIN, ROBINS_CHAT, tell
from tests.test_entities import state_of, until
from tests.test_services import loaded, recipient

MESSAGES = "event.green_api_1101000001_messages"
ADA = "13035550142"


def gap_of(key: str) -> float:
    """Return the seconds that a gateway wants between two messages."""
    return GATEWAYS[key].pace.gap


async def choose(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, **options: Any) -> WhatsAppLinkCoordinator:
    """Choose options in the dialog, and return the coordinator that has them."""
    entry = coordinator.config_entry
    step = await hass.config_entries.options.async_init(entry.entry_id)
    chosen = {"receiving": "off", "senders": "recipients", "own_messages": False} | options
    done = await hass.config_entries.options.async_configure(step["flow_id"], chosen)
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await hass.async_block_till_done()
    new: WhatsAppLinkCoordinator = entry.runtime_data
    assert new is not coordinator
    return new


async def seen(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, **fields: Any) -> bool:
    """Have something told, and return whether it became an event."""
    before = state_of(hass, MESSAGES)
    await tell(coordinator, **fields)
    return state_of(hass, MESSAGES) != before


@every_gateway
async def test_ways(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Only what a gateway can do is offered."""
    entry = entry_of(instance_of(emulator, key))
    entry.add_to_hass(hass)
    step = await hass.config_entries.options.async_init(entry.entry_id)
    assert step["data_schema"]
    (selector,) = (field for name, field in step["data_schema"].schema.items() if name == "receiving")
    ways = [way.value for way in GATEWAYS[key].ways]
    assert selector.config["options"] == ["automatic", *ways, "off"]
    assert step["description_placeholders"] == {"gateway": GATEWAYS[key].name}


async def test_recipients_only(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """By default only recipients are shown; others are counted."""
    assert await seen(hass, coordinator)
    assert not await seen(hass, coordinator, chat_id=f"{ADA}@c.us")
    assert not await seen(hass, coordinator, chat_id=FAMILY)
    assert not await seen(hass, coordinator, from_me=True)
    assert not await seen(hass, coordinator, kind=EventKind.READ, about="x", chat_id=f"{ADA}@c.us")
    assert coordinator.inbox.strangers == 2


async def test_everyone(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """Everybody, if the user wants that."""
    coordinator = await choose(hass, coordinator, senders="everyone")
    assert await seen(hass, coordinator)
    assert await seen(hass, coordinator, chat_id=f"{ADA}@c.us")
    assert await seen(hass, coordinator, chat_id=FAMILY)
    assert coordinator.inbox.strangers == 0


async def test_listed(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """Only these: written as people write numbers."""
    coordinator = await choose(hass, coordinator, senders="listed", listed=["+1 (303) 555-0142", FAMILY])
    assert not await seen(hass, coordinator)
    assert await seen(hass, coordinator, chat_id=f"{ADA}@c.us")
    assert await seen(hass, coordinator, chat_id=FAMILY)


async def test_own_messages(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """What the owner writes on the phone, if asked for."""
    coordinator = await choose(hass, coordinator, own_messages=True)
    assert await seen(hass, coordinator, from_me=True)
    assert coordinator.mailbox.last_received is None


@pytest.mark.parametrize(("number", "problem"), [("202 555 0142", "no_country_code"), ("Ada", "not_a_number")])
async def test_wrong_number(
    hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, number: str, problem: str
) -> None:
    """A number that is none is said at its field, and what was entered stays."""
    step = await hass.config_entries.options.async_init(coordinator.config_entry.entry_id)
    chosen = {"receiving": "off", "senders": "listed", "listed": [f"+{ROBIN}", number], "own_messages": True}
    step = await hass.config_entries.options.async_configure(step["flow_id"], chosen)
    assert step["errors"] == {"listed": problem}
    assert step["data_schema"]
    suggested = {str(name): name.description for name in step["data_schema"].schema}
    assert suggested["listed"] == {"suggested_value": [f"+{ROBIN}", number]}
    assert coordinator.config_entry.options == {"receiving": "off"}


async def test_nobody_listed(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """To show the messages of those who are listed makes sense only if somebody is."""
    step = await hass.config_entries.options.async_init(coordinator.config_entry.entry_id)
    step = await hass.config_entries.options.async_configure(step["flow_id"], {"senders": "listed"})
    assert step["errors"] == {"listed": "listed_empty"}
    step = await hass.config_entries.options.async_configure(step["flow_id"], {"senders": "everyone"})
    assert step["type"] is FlowResultType.CREATE_ENTRY


async def test_mended_number(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """After a mistake, the same dialog takes what is right; what is kept is spelled in one way."""
    entry = coordinator.config_entry
    step = await hass.config_entries.options.async_init(entry.entry_id)
    chosen = {"receiving": "off", "senders": "listed", "listed": ["Ada"], "own_messages": False}
    step = await hass.config_entries.options.async_configure(step["flow_id"], chosen)
    assert step["type"] is FlowResultType.FORM
    chosen["listed"] = ["+1 303 555 0142"]
    step = await hass.config_entries.options.async_configure(step["flow_id"], chosen)
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {**chosen, "listed": [f"{ADA}@c.us"], "hide_text": True, "gap": gap_of("green_api")}


async def test_defaults(hass: HomeAssistant, emulator: Emulator) -> None:
    """Who only submits gets the best way, recipients only, not what they write themselves, and the gateway's pause."""
    entry = entry_of(instance_of(emulator, "waha"))
    entry.add_to_hass(hass)
    step = await hass.config_entries.options.async_init(entry.entry_id)
    done = await hass.config_entries.options.async_configure(step["flow_id"], {})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {
        "receiving": "automatic",
        "senders": "recipients",
        "listed": [],
        "own_messages": False,
        "hide_text": True,
        "gap": gap_of("waha"),
    }


async def test_shown_again(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """What was chosen is shown the next time, as people write it; what was listed can be emptied."""
    listed = [f"+{ADA}", FAMILY]
    chosen = {"senders": "listed", "listed": listed, "own_messages": True, "hide_text": False, "gap": 2.5}
    coordinator = await choose(hass, coordinator, **chosen)
    entry = coordinator.config_entry
    step = await hass.config_entries.options.async_init(entry.entry_id)
    assert step["data_schema"]
    suggested = {str(name): (name.description or {}).get("suggested_value") for name in step["data_schema"].schema}
    assert suggested == {"receiving": "off", **chosen}
    hass.config_entries.options.async_abort(step["flow_id"])
    await choose(hass, coordinator, senders="recipients")
    assert entry.options["listed"] == []


def kept_of(hass: HomeAssistant, entity_id: str) -> set[str]:
    """Return which attributes of an entity the recorder keeps."""
    state = hass.states.get(entity_id)
    assert state
    assert state.state_info
    return set(state.attributes) - state.state_info["unrecorded_attributes"]


@pytest.mark.parametrize("entity_id", [MESSAGES, "event.robin_messages"])
async def test_text_in_the_history(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, entity_id: str) -> None:
    """The recorder keeps nothing of what people write, or only the text: never who wrote it."""
    told: dict[str, Any] = {"kind": EventKind.POLL, "text": "Pizza?", "options": ("Yes", "No")}
    await tell(coordinator, **told)
    kept = kept_of(hass, entity_id)
    assert {"event_type", "from_me"} <= kept
    assert not kept & {"text", "options", "sender", "name", "chat_id", "message_id"}
    coordinator = await choose(hass, coordinator, hide_text=False)
    await tell(coordinator, **told)
    assert kept_of(hass, entity_id) == kept | {"text", "options"}
    await tell(coordinator, EventKind.LOCATION, location=Location(52.5, 13.4, "Backyard", "Alley 7"))
    assert kept_of(hass, entity_id) == kept
    coordinator = await choose(hass, coordinator, hide_text=True)
    await tell(coordinator, **told)
    assert kept_of(hass, entity_id) == kept


async def test_pause(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Between two messages there are as many seconds as the user wants."""
    coordinator = await choose(hass, coordinator, gap=0.6)
    call = {"entity_id": "notify.robin", "message": "Hello"}
    for _ in range(2):
        await hass.services.async_call("notify", "send_message", call, blocking=True)
    first, second = [entry.at * TIME_SCALE for entry in emulator.requests.entries if entry.method == "sendMessage"]
    assert second - first > 0.59
    assert gap_of("green_api") < 0.1


@pytest.mark.parametrize("gap", [-1, 61])
async def test_pause_that_is_none(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, gap: int) -> None:
    """A pause that is too long would make every action look like a failure."""
    step = await hass.config_entries.options.async_init(coordinator.config_entry.entry_id)
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(step["flow_id"], {"gap": gap})


async def test_way_that_is_not_there(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """A way that the gateway does not have is refused."""
    step = await hass.config_entries.options.async_init(coordinator.config_entry.entry_id)
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(step["flow_id"], {"receiving": "polling"})


async def test_off_and_on(hass: HomeAssistant, emulator: Emulator) -> None:
    """Turned off, nothing is listened to any more; turned on, it is again."""
    server = emulator.gateways["waha"]
    instance = instance_of(emulator, "waha")
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT), receiving="automatic") as entry:
        await until(lambda: server.sockets == 1)  # type: ignore[attr-defined] # as only WAHA has it
        coordinator = await choose(hass, entry.runtime_data, receiving="off")
        await until(lambda: server.sockets == 0)  # type: ignore[attr-defined]
        assert coordinator.receiving.way is None
        coordinator = await choose(hass, coordinator, receiving="stream")
        await until(lambda: server.sockets == 1)  # type: ignore[attr-defined]
        assert coordinator.receiving.way is Way.STREAM
        emulator.phone.write("waha/default", f"+{ROBIN}", "Hello")
        await until(lambda: state_of(hass, "event.robin_messages") != "unknown")
