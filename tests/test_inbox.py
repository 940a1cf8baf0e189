"""The inbox: each event once, in order, from whom may be seen, and known by number where WhatsApp hides it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, restore_state
from homeassistant.helpers.entity_component import async_update_entity

from custom_components.whatsapp_link import inbox as inbox_module
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import Event, EventKind, Sender
from custom_components.whatsapp_link.inbox import is_in_chat
from tests.conftest import entry_of, instance_of
from tests.emulator import Emulator
from tests.emulator.waha_shapes import lid_of
from tests.incoming import FAMILY, ROBIN, ROBINS_CHAT, event, tell
from tests.test_entities import state_of, until
from tests.test_services import recipient

ADA = "13035550142"
ADAS_CHAT = f"{ADA}@c.us"
ADAS_LID = lid_of(f"+{ADA}")
NOBODYS_LID = "190000000000009@lid"
STRANGERS = "sensor.waha_default_messages_from_strangers"


@pytest.fixture
async def home(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[MockConfigEntry]:
    """Return the entry of a WAHA server, which knows numbers, with Robin and Ada as recipients. Tests tell it things."""
    instance = instance_of(emulator, "waha")
    instance.link(instance.number)
    recipients = (recipient("Robin", ROBINS_CHAT), recipient("Ada", ADAS_CHAT))
    entry = entry_of(instance, *recipients, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    emulator.requests.reset()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def coordinator(home: MockConfigEntry) -> WhatsAppLinkCoordinator:
    """Return the coordinator of that entry."""
    coordinator: WhatsAppLinkCoordinator = home.runtime_data
    return coordinator


@pytest.fixture
def shown(coordinator: WhatsAppLinkCoordinator) -> list[Event]:
    """Return the events that may be seen, as they come."""
    events: list[Event] = []
    coordinator.inbox.listen(events.append)
    return events


def texts(events: Sequence[Event]) -> list[str]:
    """Return what was written."""
    return [each.text for each in events]


def by_lid(lid: str = ADAS_LID, **fields: Any) -> Event:
    """Return a text of somebody whose number is hidden."""
    return event(chat_id=lid, sender=Sender(lid=lid, name="Ada"), **fields)


# --- once each, in order ---------------------------------------------------------------------------


async def test_told_again(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """What a vendor tells again, or tells in two ways, is told once here."""
    first, second = event(text="first"), event(text="second")
    for told in (first, second, first, second, replace(first, timestamp=first.timestamp + 60)):
        await coordinator.async_take(told)
    assert texts(shown) == ["first", "second"]
    assert coordinator.inbox.strangers == 0


async def test_told_twice_at_once(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """A webhook and a poll may tell of the same at the same moment, while the number is still looked for."""
    told = by_lid(text="once")
    await asyncio.gather(*(coordinator.async_take(told) for _ in range(5)))
    assert texts(shown) == ["once"]


async def test_strangers_are_told_again(coordinator: WhatsAppLinkCoordinator) -> None:
    """A stranger's message is counted once, too."""
    told = event(chat_id=ADAS_CHAT.replace("0142", "0143"))
    await coordinator.async_take(told)
    await coordinator.async_take(told)
    assert coordinator.inbox.strangers == 1


async def test_order(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """What comes later does not overtake what waits for a number."""
    told = [by_lid(text="0"), event(text="1"), by_lid(lid_of("+13035550143"), text="-"), event(text="2")]
    await asyncio.gather(*map(coordinator.async_take, told))
    assert texts(shown) == ["0", "1", "2"]


async def test_order_of_many(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """The order holds for as many as there are."""
    await asyncio.gather(*(coordinator.async_take(event(text=str(number))) for number in range(500)))
    assert texts(shown) == [str(number) for number in range(500)]


async def test_ended_in_its_midst(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """What nobody has got yet when it is cancelled is not taken for told."""
    told = by_lid(text="kept")
    taking = asyncio.create_task(coordinator.async_take(told))
    await asyncio.sleep(0)
    assert not taking.done()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert shown == []
    await coordinator.async_take(told)
    assert texts(shown) == ["kept"]


async def test_watchers_come_and_go(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """Who waits for an event sees all of them, and may leave at any; listeners see what may be seen."""
    seen: list[Event] = []

    def once(told: Event) -> None:
        seen.append(told)
        forget()

    forget = coordinator.inbox.watch(once)
    stay: list[Event] = []
    coordinator.inbox.watch(stay.append)
    await tell(coordinator, chat_id=FAMILY, text="strange")
    await tell(coordinator, text="known")
    assert texts(seen) == ["strange"]
    assert texts(stay) == ["strange", "known"]
    assert texts(shown) == ["known"]


# --- who it is -------------------------------------------------------------------------------------


async def test_number_behind_an_id(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, shown: list[Event]
) -> None:
    """Somebody known by number is recognised by their opaque id; the gateway is asked once."""
    for number in range(5):
        await coordinator.async_take(by_lid(text=str(number)))
    assert texts(shown) == ["0", "1", "2", "3", "4"]
    assert {each.chat_id for each in shown} == {ADAS_CHAT}
    assert {each.sender for each in shown} == {Sender(ADA, ADAS_LID, "Ada")}
    assert emulator.requests.count("waha", method="lids") == 1
    state = hass.states.get("event.ada_messages")
    assert state
    assert (state.attributes["sender"], state.attributes["sender_lid"]) == (ADA, ADAS_LID)


async def test_number_is_told(emulator: Emulator, coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """Where the event has the number as well, nobody is asked."""
    await coordinator.async_take(event(chat_id=ADAS_LID, sender=Sender(ADA, ADAS_LID)))
    assert [each.chat_id for each in shown] == [ADAS_CHAT]
    assert emulator.requests.count("waha", method="lids") == 0


async def test_author_in_a_group(coordinator: WhatsAppLinkCoordinator) -> None:
    """In a group the chat stays what it is, and its author gets a number."""
    seen: list[Event] = []
    coordinator.inbox.watch(seen.append)
    await coordinator.async_take(event(chat_id=FAMILY, sender=Sender(lid=ADAS_LID)))
    assert (seen[0].chat_id, seen[0].sender) == (FAMILY, Sender(ADA, ADAS_LID))
    assert coordinator.inbox.strangers == 1


async def test_nobody_knows_the_number(
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    shown: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is not known stays a stranger; the gateway is asked again, but only after a while."""
    monkeypatch.setattr(inbox_module, "_ASK_AGAIN_SOON", 0.0)
    for _ in range(3):
        await coordinator.async_take(by_lid(NOBODYS_LID))
    assert coordinator.inbox.strangers == 3
    assert shown == []
    assert emulator.requests.count("waha", method="lids") == 1
    monkeypatch.setattr(inbox_module, "_ASK_AGAIN", 0.0)
    await coordinator.async_take(by_lid(NOBODYS_LID))
    assert emulator.requests.count("waha", method="lids") == 2


@pytest.mark.parametrize("fault", ["502_html", "404", "malformed_json", "200_with_error", "refused_connection", "401"])
async def test_lookup_fails(
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    shown: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """A lookup that fails does no harm, does not hold up all that follows, and is made up for later."""
    emulator.faults.add("waha", fault, 1000, method="lids")
    await coordinator.async_take(by_lid())
    emulator.requests.reset()
    for _ in range(2):
        await coordinator.async_take(by_lid())
    await tell(coordinator, text="after it")
    assert texts(shown) == ["after it"]
    assert coordinator.inbox.strangers == 3
    assert emulator.requests.count("waha", method="lids") == 0
    emulator.faults.clear()
    # Sooner than after an answer: until then, a recipient would be a stranger.
    monkeypatch.setattr(inbox_module, "_ASK_AGAIN_SOON", 0.0)
    await coordinator.async_take(by_lid(text="known again"))
    assert texts(shown) == ["after it", "known again"]


async def test_recipient_by_id(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """A recipient who was chosen by opaque id is recognised, whether their number is known or not."""
    for lid in (ADAS_LID, NOBODYS_LID):
        assert is_in_chat(event(chat_id=ADAS_CHAT, sender=Sender(ADA, lid)), lid)
        assert is_in_chat(by_lid(lid), lid)
        assert not is_in_chat(event(chat_id=FAMILY, sender=Sender(ADA, lid)), lid)
    assert not is_in_chat(event(), "")


async def test_gateway_without_lookups(hass: HomeAssistant, emulator: Emulator) -> None:
    """Where numbers cannot be looked up, nobody is asked, and who has no number is a stranger."""
    instance = instance_of(emulator, "evolution")
    instance.link(instance.number)
    entry = entry_of(instance, recipient("Ada", ADAS_CHAT), options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    emulator.requests.reset()
    await entry.runtime_data.async_take(by_lid())
    assert entry.runtime_data.inbox.strangers == 1
    assert emulator.requests.count("evolution") == 0
    await hass.config_entries.async_unload(entry.entry_id)


# --- who may be seen -------------------------------------------------------------------------------


EVERYBODY = [ROBINS_CHAT, ADAS_CHAT, "13035550143@c.us", FAMILY]


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, [ROBINS_CHAT, ADAS_CHAT]),
        ({"senders": "recipients"}, [ROBINS_CHAT, ADAS_CHAT]),
        ({"senders": "everyone"}, EVERYBODY),
        ({"senders": "listed", "listed": [FAMILY, ADAS_CHAT]}, [ADAS_CHAT, FAMILY]),
        ({"senders": "listed", "listed": [ADAS_LID]}, [ADAS_CHAT]),
        ({"senders": "listed", "listed": []}, []),
        ({"senders": "listed"}, []),
    ],
)
async def test_who_is_seen(
    hass: HomeAssistant, home: MockConfigEntry, options: dict[str, Any], seen: list[str]
) -> None:
    """What is not allowed never gets to the state machine; it is counted."""
    hass.config_entries.async_update_entry(home, options={"receiving": "off", **options})
    await hass.async_block_till_done()
    coordinator: WhatsAppLinkCoordinator = home.runtime_data
    shown: list[str] = []
    for chat_id in EVERYBODY:
        before = state_of(hass, "event.waha_default_messages")
        sender = Sender(ADA, ADAS_LID) if chat_id in (ADAS_CHAT, FAMILY) else Sender(chat_id.partition("@")[0])
        await tell(coordinator, chat_id=chat_id, sender=sender, text="secret of strangers")
        if state_of(hass, "event.waha_default_messages") != before:
            shown.append(chat_id)
    assert shown == seen
    assert coordinator.inbox.strangers == len(EVERYBODY) - len(seen)
    if not seen:
        assert "secret of strangers" not in str(hass.states.async_all())


async def test_what_is_no_stranger(coordinator: WhatsAppLinkCoordinator, shown: list[Event]) -> None:
    """Receipts and what the owner writes are not shown either, but nobody is counted."""
    for kind in (EventKind.DELIVERED, EventKind.READ, EventKind.FAILED):
        await tell(coordinator, kind, chat_id=FAMILY, about="x")
    await tell(coordinator, from_me=True)
    assert shown == []
    assert coordinator.inbox.strangers == 0


async def test_own_messages(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """What the owner writes is seen if they want it so, in the chats that are; it is not said to be the other's."""
    hass.config_entries.async_update_entry(home, options={"receiving": "off", "own_messages": True})
    await hass.async_block_till_done()
    coordinator: WhatsAppLinkCoordinator = home.runtime_data
    await coordinator.async_take(event(chat_id=ADAS_LID, sender=Sender(), from_me=True, text="mine"))
    state = hass.states.get("event.ada_messages")
    assert state
    assert (state.attributes["text"], state.attributes["chat_id"]) == ("mine", ADAS_CHAT)
    assert state.attributes["from_me"] is True
    assert not {"sender", "sender_lid", "name"} & set(state.attributes)
    before = state_of(hass, "event.waha_default_messages")
    await tell(coordinator, from_me=True, chat_id=FAMILY)
    assert state_of(hass, "event.waha_default_messages") == before
    assert coordinator.mailbox.last_received is None


async def test_counter(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """Who switches the counter on sees each stranger counted at once."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id("sensor", "whatsapp_link", f"{home.entry_id}_strangers")
    assert entity_id == STRANGERS
    registry.async_update_entity(entity_id, disabled_by=None)
    await hass.config_entries.async_reload(home.entry_id)
    await hass.async_block_till_done()
    assert state_of(hass, STRANGERS) == "0"
    await tell(home.runtime_data, chat_id=FAMILY)
    assert state_of(hass, STRANGERS) == "1"
    await tell(home.runtime_data, chat_id=ROBINS_CHAT)
    await async_update_entity(hass, STRANGERS)
    assert state_of(hass, STRANGERS) == "1"


# --- memory ----------------------------------------------------------------------------------------


async def test_memory_is_bounded(
    coordinator: WhatsAppLinkCoordinator, shown: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest is forgotten; what is repeated within a reasonable time is known."""
    monkeypatch.setattr(inbox_module, "_MEMORY", 10)
    first, *rest = (event(text=str(number)) for number in range(11))
    for told in (first, *rest, *rest):
        await coordinator.async_take(told)
    assert len(shown) == 11
    await coordinator.async_take(first)
    assert len(shown) == 12
    assert len(coordinator.inbox._seen) == 10  # noqa: SLF001 # nothing else shows what is kept


async def test_memory_of_people_is_bounded(
    emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes under ever new ids does not fill the memory."""
    monkeypatch.setattr(inbox_module, "_PEOPLE", 5)
    for number in range(20):
        await coordinator.async_take(by_lid(f"1900000000000{number:02}@lid"))
    assert len(coordinator.inbox._numbers) == 5  # noqa: SLF001 # nothing else shows what is kept
    await coordinator.async_take(by_lid("190000000000019@lid"))
    assert emulator.requests.count("waha", method="lids") == 20


async def test_many_events(coordinator: WhatsAppLinkCoordinator) -> None:
    """As many events as are remembered are remembered."""
    told = [event(chat_id=FAMILY) for _ in range(inbox_module._MEMORY + 100)]  # noqa: SLF001
    for each in told:
        await coordinator.async_take(each)
    assert len(coordinator.inbox._seen) == inbox_module._MEMORY  # noqa: SLF001
    strangers = coordinator.inbox.strangers
    for each in told[100:]:
        await coordinator.async_take(each)
    assert coordinator.inbox.strangers == strangers


async def test_numbers_from_the_phone(hass: HomeAssistant, emulator: Emulator) -> None:
    """The same from the phone: WhatsApp hides the number, Ada is recognised."""
    instance = emulator.gateways["waha"].create_instance(instance_id="hidden", options={"lids": True, "linked": True})
    entry = entry_of(instance, recipient("Ada", ADAS_CHAT))
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: emulator.gateways["waha"].sockets == 1)  # type: ignore[attr-defined] # as only WAHA has it
    emulator.phone.write("waha/hidden", f"+{ADA}", "Hello")
    await until(lambda: state_of(hass, "event.ada_messages") != "unknown")
    state = hass.states.get("event.ada_messages")
    assert state
    assert (state.attributes["chat_id"], state.attributes["sender"]) == (ADAS_CHAT, ADA)
    assert state.attributes["sender_lid"] == ADAS_LID
    assert ROBIN not in str(state.attributes)
    await hass.config_entries.async_unload(entry.entry_id)


# --- not kept ----------------------------------------------------------------------------------------


async def test_not_kept_over_a_restart(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """What people write is not in the file in which Home Assistant keeps the last states, nor there after a reload."""
    entity_id = "event.robin_messages"
    await home.runtime_data.async_take(event(text="Do not write this down"))
    assert hass.states.get(entity_id).attributes["text"] == "Do not write this down"  # type: ignore[union-attr] # just told
    kept = restore_state.async_get(hass).async_get_stored_states()
    assert not [stored.state.entity_id for stored in kept if stored.state.entity_id.startswith("event.")]
    await hass.config_entries.async_reload(home.entry_id)
    assert state_of(hass, entity_id) == "unknown"
    kept = restore_state.async_get(hass).async_get_stored_states()
    assert "Do not write this down" not in repr([stored.as_dict() for stored in kept])
