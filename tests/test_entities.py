"""What an instance looks like in Home Assistant, and what it writes there and when."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er

from tests.conftest import SetUp, remember, vendor_second
from tests.dialog import decode_qr
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance

LINKED = "binary_sensor.green_api_1101000001_linked"
SESSION = "sensor.green_api_1101000001_session"
LAST_SENT = "sensor.green_api_1101000001_last_message_sent"
IMAGE = "image.green_api_1101000001_pairing_qr_code"
NOTIFY = "notify.robin"


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return the state of an entity that has to be there."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def poll(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float = 61) -> None:
    """Let so much time go by, and wait for the poll if it was time for one."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    # Not for all background tasks: the one that keeps a code at hand has no end.
    if _polls_now():
        await spin(lambda: not _polls_now())
        await vendor_second()
    await hass.async_block_till_done()


def _polls_now() -> bool:
    return any(task.get_name().endswith("refresh") for task in asyncio.all_tasks())


async def spin(look: Callable[[], bool]) -> None:
    """Wait until something is the case, while the clock stands still and nobody can sleep."""
    for _ in range(100_000):
        if look():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to be")


async def until(look: Callable[[], bool]) -> None:
    """Wait until something is the case."""
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.005)


async def until_state(hass: HomeAssistant, entity_id: str, wanted: str) -> None:
    """Wait until an entity has a state."""
    await until(lambda: state_of(hass, entity_id) == wanted)


async def until_other_state(hass: HomeAssistant, entity_id: str, old: str) -> None:
    """Wait until an entity has another state than before."""
    await until(lambda: state_of(hass, entity_id) != old)


async def test_linked(hass: HomeAssistant, instance: GreenApiInstance, set_up: SetUp) -> None:
    """A linked instance has its devices, its entities and their states; their ids do not hang on the vendor's."""
    instance.link(instance.number)
    entry = await set_up()
    assert {entity: state_of(hass, entity) for entity in (LINKED, SESSION, LAST_SENT, NOTIFY)} == {
        LINKED: "on",
        SESSION: "linked",
        LAST_SENT: "unknown",
        NOTIFY: "unknown",
    }
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert sorted(entity.unique_id.removeprefix(entry.entry_id) for entity in entities) == [
        "_event",
        "_last_received",
        "_last_sent",
        "_linked",
        "_log_out",
        "_new_code",
        "_pairing_qr",
        "_recipient_event",
        "_recipient_message",
        "_restart",
        "_session",
        "_strangers",
        "_waiting",
    ]
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    own, recipient = sorted(devices, key=lambda device: len(next(iter(device.identifiers))[1]))
    assert (own.name, own.manufacturer, own.entry_type) == ("GREEN-API 1101000001", "GREEN-API", "service")
    assert (recipient.name, recipient.via_device_id) == ("Robin", own.id)


@pytest.mark.parametrize(
    ("change", "session", "linked"),
    [("limit", "limited", "on"), ("ban", "blocked", "off"), ("unlink", "unlinked", "off")],
)
async def test_session_states(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    set_up: SetUp,
    freezer: FrozenDateTimeFactory,
    change: str,
    session: str,
    linked: str,
) -> None:
    """What happens to the account is seen at the next poll."""
    instance.link(instance.number)
    await set_up()
    getattr(emulator.phone, change)(instance.id)
    await poll(hass, freezer)
    assert (state_of(hass, SESSION), state_of(hass, LINKED)) == (session, linked)


async def picture(hass_client: ClientSessionGenerator, hass: HomeAssistant) -> bytes:
    """Return the picture as a card fetches it."""
    client = await hass_client()
    state = hass.states.get(IMAGE)
    assert state is not None
    response = await client.get(state.attributes["entity_picture"])
    assert response.status == 200
    assert response.content_type == "image/png"
    png: bytes = await response.read()
    return png


async def test_picture(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    set_up: SetUp,
    hass_client: ClientSessionGenerator,
) -> None:
    """The picture is the code of the moment, and its time changes only with it; a scan is seen within a second."""
    await set_up()
    seen: list[str] = []
    events = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(2):
        await until_other_state(hass, IMAGE, state_of(hass, IMAGE))
        seen.append(decode_qr(await picture(hass_client, hass)))
    assert len(set(seen)) == 2
    changes = [event.data["new_state"] for event in events if event.data["entity_id"] == IMAGE]
    assert len({change.state for change in changes if change}) == len(changes)

    emulator.phone.scan(seen[-1])
    await until_state(hass, SESSION, "linked")
    sign = await picture(hass_client, hass)
    with Image.open(BytesIO(sign)) as opened:
        assert opened.size == (256, 256)
    linked_since = state_of(hass, IMAGE)
    hass.states.async_set("sensor.other", "1")
    await hass.async_block_till_done()
    assert state_of(hass, IMAGE) == linked_since


async def test_picture_without_code(
    hass: HomeAssistant,
    emulator: Emulator,
    instance: GreenApiInstance,
    set_up: SetUp,
    hass_client: ClientSessionGenerator,
) -> None:
    """While there is no code there is another sign, and no broken picture."""
    emulator.phone.ban(instance.id)
    await set_up()
    waiting = await picture(hass_client, hass)
    with Image.open(BytesIO(waiting)) as opened:
        assert opened.size == (256, 256)


async def test_send(hass: HomeAssistant, emulator: Emulator, instance: GreenApiInstance, set_up: SetUp) -> None:
    """notify.send_message brings the text to the phone, with its title in bold, and notes the time."""
    instance.link(instance.number)
    await set_up()
    call = {"entity_id": NOTIFY, "message": "Line 1\nLine 2 🧺", "title": "Wash\ning"}
    await hass.services.async_call("notify", "send_message", call, blocking=True)
    plain = {"entity_id": NOTIFY, "message": "Only this"}
    await hass.services.async_call("notify", "send_message", plain, blocking=True)
    await until(lambda: len(emulator.phone.messages(instance.id)) == 2)
    arrived = [(message.chat_id, message.text) for message in emulator.phone.messages(instance.id)]
    assert arrived == [
        ("12025550177@c.us", "*Wash ing*\nLine 1\nLine 2 🧺"),
        ("12025550177@c.us", "Only this"),
    ]
    assert state_of(hass, LAST_SENT) not in ("unknown", "unavailable")
    assert state_of(hass, NOTIFY) not in ("unknown", "unavailable")


async def test_last_sent_survives_a_restart(
    hass: HomeAssistant, hass_storage: dict[str, Any], instance: GreenApiInstance, set_up: SetUp
) -> None:
    """The time of the last message is still there after a restart."""
    instance.link(instance.number)
    sent = "2026-11-20T18:30:00+00:00"
    stored = {"native_value": {"__type": "<class 'datetime.datetime'>", "isoformat": sent}}
    await remember(hass, hass_storage, State(LAST_SENT, sent), stored | {"native_unit_of_measurement": None})
    await set_up()
    assert state_of(hass, LAST_SENT) == sent


async def test_unloaded(hass: HomeAssistant, set_up: SetUp) -> None:
    """Unloading an instance that waits for a phone leaves no task."""
    entry: MockConfigEntry = await set_up()
    assert [task for task in asyncio.all_tasks() if "whatsapp_link" in task.get_name()]
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert not [task for task in asyncio.all_tasks() if "whatsapp_link" in task.get_name()]
    assert state_of(hass, LINKED) == "unavailable"
