"""Whom an action is for: found by entity, device, area, floor or label, or by number, and refused with words."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.const import DOMAIN
from tests.emulator import Emulator
from tests.test_services import ROBIN, act, loaded, recipient, refused

ADA = "13035550142@c.us"
FAMILY = "120363000000000142@g.us"


class House:
    """Two instances: one with Robin and the family as recipients, one with Ada, and with Robin as well."""

    def __init__(
        self, hass: HomeAssistant, emulator: Emulator, first: MockConfigEntry, second: MockConfigEntry
    ) -> None:
        """Take the entries of both."""
        self._hass = hass
        self._emulator = emulator
        self.first = first
        self.second = second

    async def send(self, **target: Any) -> list[str]:
        """Send a text, and return who got it as the answer names them: by entity, or else by name."""
        answer = await act(self._hass, "send_message", message="Hello", **target)
        assert answer is not None
        messages: Any = answer["messages"]
        return [message.get("entity_id", message["recipient"]) for message in messages]

    async def refuse(self, key: str, **target: Any) -> str:
        """Send a text, which has to be refused for this reason before anybody gets it, and return the words."""
        error = await refused(self._hass, "send_message", message="Hello", **target)
        assert isinstance(error, ServiceValidationError)
        assert error.translation_key == key
        assert self.arrived == []
        return str(error)

    @property
    def arrived(self) -> list[tuple[str, str]]:
        """The instance and the chat of each message on a phone."""
        return sorted((message.instance, message.chat_id) for message in self._emulator.phone.messages())


@pytest.fixture
async def house(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[House]:
    """Return two instances that are set up."""
    server = emulator.gateways["waha"]
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(loaded(hass, server.create_instance(instance_id=name), *recipients))
            for name, recipients in {
                "first": (recipient("Robin", ROBIN), recipient("Family", FAMILY)),
                "second": (recipient("Ada", ADA), recipient("Robin", ROBIN)),
            }.items()
        ]
        yield House(hass, emulator, first, second)


def device_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return the device of an entity."""
    entity = er.async_get(hass).async_get(entity_id)
    assert entity is not None
    assert entity.device_id is not None
    return entity.device_id


# --- recipients ------------------------------------------------------------------------------------


async def test_entities(house: House) -> None:
    """Recipients are named by their entities, one or several, also of two instances."""
    assert await house.send(entity_id="notify.robin") == ["notify.robin"]
    assert house.arrived == [("first", ROBIN)]
    named = ["notify.robin_2", "notify.ada", "notify.family"]
    assert await house.send(entity_id=named) == ["notify.ada", "notify.family", "notify.robin_2"]
    assert house.arrived == [("first", ROBIN), ("first", FAMILY), ("second", ROBIN), ("second", ADA)]


async def test_each_chat_once(house: House) -> None:
    """A chat that is named twice, in whatever way, gets one message; a recipient is known as that."""
    sent = await house.send(
        entity_id=["notify.robin", "notify.robin"],
        instance=house.first.entry_id,
        chats=["+1 202 555 0177", "12025550177@s.whatsapp.net", ADA, "001 303 555 0142"],
    )
    assert sent == ["notify.robin", "#3"]
    assert house.arrived == [("first", ROBIN), ("first", ADA)]


async def test_device(hass: HomeAssistant, house: House) -> None:
    """The device of a recipient stands for it; that of an instance stands for nobody."""
    await house.refuse("no_target", device_id=device_of(hass, "sensor.waha_first_session"))
    assert await house.send(device_id=device_of(hass, "notify.ada")) == ["notify.ada"]
    assert house.arrived == [("second", ADA)]


async def test_area(hass: HomeAssistant, house: House) -> None:
    """Of all that is in an area or on a floor, the recipients are meant, of whatever instance."""
    floor = fr.async_get(hass).async_create("Upstairs")
    area = ar.async_get(hass).async_create("Attic", floor_id=floor.floor_id)
    for entity_id in ("notify.robin", "notify.ada", "sensor.waha_first_session"):
        dr.async_get(hass).async_update_device(device_of(hass, entity_id), area_id=area.id)
    other = er.async_get(hass).async_get_or_create("notify", "other", "somebody")
    er.async_get(hass).async_update_entity(other.entity_id, area_id=area.id)
    assert await house.send(area_id=area.id) == ["notify.ada", "notify.robin"]
    assert await house.send(floor_id=[floor.floor_id]) == ["notify.ada", "notify.robin"]
    assert house.arrived == [("first", ROBIN), ("first", ROBIN), ("second", ADA), ("second", ADA)]


async def test_label(hass: HomeAssistant, house: House) -> None:
    """Whoever has a label is meant, beside whoever is named."""
    label = lr.async_get(hass).async_create("Parents")
    for entity_id in ("notify.ada", "notify.robin"):
        er.async_get(hass).async_update_entity(entity_id, labels={label.label_id})
    sent = await house.send(label_id=label.label_id, entity_id="notify.robin_2")
    assert sent == ["notify.ada", "notify.robin", "notify.robin_2"]


async def test_group(hass: HomeAssistant, house: House) -> None:
    """A group of entities stands for its members."""
    assert await async_setup_component(
        hass, "group", {"group": {"parents": {"entities": ["notify.ada", "notify.robin"]}}}
    )
    assert await house.send(entity_id="group.parents") == ["notify.ada", "notify.robin"]


async def test_disabled(hass: HomeAssistant, house: House) -> None:
    """Whoever was disabled gets nothing by being in an area, and is refused when named."""
    area = ar.async_get(hass).async_create("Attic")
    for entity_id in ("notify.robin", "notify.ada"):
        dr.async_get(hass).async_update_device(device_of(hass, entity_id), area_id=area.id)
    er.async_get(hass).async_update_entity("notify.ada", disabled_by=er.RegistryEntryDisabler.USER)
    assert "notify.ada" in await house.refuse("not_a_recipient", entity_id="notify.ada")
    assert await house.send(area_id=area.id) == ["notify.robin"]


@pytest.mark.parametrize("entity_id", ["sensor.waha_first_session", "notify.nobody", "notify.somebody", "light.hall"])
async def test_not_a_recipient(hass: HomeAssistant, house: House, entity_id: str) -> None:
    """What is named has to be a recipient, else nobody gets anything."""
    er.async_get(hass).async_get_or_create("notify", "other", "somebody", suggested_object_id="somebody")
    hass.states.async_set("light.hall", "on")
    words = await house.refuse("not_a_recipient", entity_id=["notify.ada", entity_id])
    assert words.startswith(f"{entity_id} is no recipient of WhatsApp Link.")


@pytest.mark.parametrize(
    "target", [{}, {"area_id": "nowhere"}, {"entity_id": []}, {"chats": []}, {"device_id": "none"}]
)
async def test_nobody(house: House, target: dict[str, Any]) -> None:
    """A call for nobody is a mistake."""
    assert await house.refuse("no_target", **target) == (
        "Choose at least one recipient, or enter a phone number or chat ID"
    )


async def test_some_are_gone(hass: HomeAssistant, house: House, caplog: pytest.LogCaptureFixture) -> None:
    """What was deleted since keeps nobody else from getting the message, and the log says what it is."""
    gone = {"device_id": "a device", "area_id": ["an area"], "floor_id": "a floor", "label_id": "a label"}
    assert await house.send(entity_id="notify.robin", **gone) == ["notify.robin"]
    assert "floors a floor, areas an area, devices a device, labels a label are missing" in caplog.text
    caplog.clear()
    assert await house.send(entity_id="notify.robin", device_id=device_of(hass, "notify.ada")) == [
        "notify.ada",
        "notify.robin",
    ]
    assert "missing" not in caplog.text


async def test_recipient_of_an_unloaded_instance(hass: HomeAssistant, house: House) -> None:
    """A recipient whose instance is not set up is refused by the instance's name; the others get what is sent."""
    await hass.config_entries.async_unload(house.second.entry_id)
    words = await house.refuse("instance_not_loaded", entity_id="notify.ada")
    assert words.startswith("WAHA second is not set up at the moment.")
    error = await refused(hass, "send_message", message="Hello", entity_id=["notify.robin", "notify.ada"])
    assert error.translation_key == "partly_done"
    assert "WAHA second is not set up at the moment" in str(error)
    assert house.arrived == [("first", ROBIN)]
    await hass.config_entries.async_setup(house.second.entry_id)


# --- free chats ------------------------------------------------------------------------------------


async def test_chats(house: House) -> None:
    """Numbers and chat ids of an instance need no recipient; they are named by their place."""
    chats = ["+49 (0) 1512 3456789", FAMILY, "13035550142@s.whatsapp.net"]
    assert await house.send(instance=house.second.entry_id, chats=chats) == ["#1", "#2", "#3"]
    assert house.arrived == [("second", chat_id) for chat_id in (FAMILY, ADA, "4915123456789@c.us")]


async def test_beside_recipients(house: House) -> None:
    """They may stand beside recipients, also of another instance."""
    sent = await house.send(entity_id="notify.robin", instance=house.second.entry_id, chats="+1 202 555 0177")
    assert sent == ["notify.robin", "#1"]
    assert house.arrived == [("first", ROBIN), ("second", ROBIN)]


async def test_the_only_instance(hass: HomeAssistant, house: House) -> None:
    """Without an instance it is the only one; where there is not just one, it has to be chosen.

    Of two, the one that happens not to be set up may be meant: nothing goes out from the other account.
    """
    await house.refuse("choose_instance", chats=["+1 202 555 0177"])
    await hass.config_entries.async_unload(house.first.entry_id)
    await house.refuse("choose_instance", chats=["+1 202 555 0177"])
    assert house.arrived == []
    await hass.config_entries.async_set_disabled_by(house.first.entry_id, ConfigEntryDisabler.USER)
    assert await house.send(chats=["+1 202 555 0177"]) == ["#1"]
    assert house.arrived == [("second", ROBIN)]
    await hass.config_entries.async_set_disabled_by(house.first.entry_id, None)


async def test_no_instance(hass: HomeAssistant) -> None:
    """Where there is none, the same is said."""
    assert await async_setup_component(hass, DOMAIN, {})
    for action, data in (("send_message", {"message": "Hello", "chats": ["+1 202 555 0177"]}), ("list_chats", {})):
        error = await refused(hass, action, **data)
        assert error.translation_key == "choose_instance"


async def test_wrong_instance(hass: HomeAssistant, house: House) -> None:
    """An instance that is gone, one of another integration and one that is not set up are told apart."""
    chats = ["+1 202 555 0177"]
    other = MockConfigEntry(domain="other", title="Other")
    other.add_to_hass(hass)
    await house.refuse("no_such_instance", instance="gone", chats=chats)
    await house.refuse("no_such_instance", instance=other.entry_id, chats=chats)
    await hass.config_entries.async_unload(house.first.entry_id)
    words = await house.refuse("instance_not_loaded", instance=house.first.entry_id, chats=chats)
    assert words.startswith("WAHA first is not set up")
    await hass.config_entries.async_setup(house.first.entry_id)


@pytest.mark.parametrize(
    ("chat", "key", "words"),
    [
        ("0151 23456789", "chat_no_country_code", "Phone number 2 lacks its country code."),
        ("15123456789", "chat_no_country_code", "Phone number 2 lacks its country code."),
        ("+49 151", "chat_number_too_short", "Phone number 2 has too few digits."),
        ("+49 1512 3456 7890 12", "chat_number_too_long", "Phone number 2 has too many digits;"),
        ("Robin", "chat_not_a_number", "Phone number or chat ID 2 is neither one nor the other."),
        ("status@broadcast", "chat_not_a_number", "Phone number or chat ID 2 is neither one nor the other."),
    ],
)
async def test_not_a_chat(house: House, chat: str, key: str, words: str) -> None:
    """What is no chat is named by its place, because it may be somebody's number, and nobody gets anything."""
    told = await house.refuse(key, entity_id="notify.ada", instance=house.first.entry_id, chats=["+12025550177", chat])
    assert told.startswith(words)
    assert chat not in told
