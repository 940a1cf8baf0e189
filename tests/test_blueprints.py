"""The blueprints: Home Assistant takes them, the documentation offers them, and they do what they say."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
import shutil
from typing import Any
from urllib.parse import quote_plus

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from homeassistant.components import camera
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import yaml

from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import EventKind
from tests.emulator import Emulator
from tests.emulator.model import Kind, Message
from tests.incoming import ROBIN, tell
from tests.test_asking import polled
from tests.test_entities import NOTIFY, spin, until
from tests.test_media import PNG, Camera

REPOSITORY = Path(__file__).parents[1]
BLUEPRINTS = sorted(REPOSITORY.glob("blueprints/automation/whatsapp_link/*.yaml"))
DOCUMENTATION = "\n".join(path.read_text() for path in (REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md")))
# In place of the real one, which nobody writes but the test: what it asks is given up when the clock jumps.
LINK = "binary_sensor.mine"
SOURCE = "https://github.com/whatsapp-link/whatsapp-link/blob/main"

every_blueprint = pytest.mark.parametrize("path", BLUEPRINTS, ids=[path.stem for path in BLUEPRINTS])

type Use = Callable[..., Awaitable[None]]


@pytest.fixture
async def use(hass: HomeAssistant, tmp_path: Path) -> AsyncGenerator[Use]:
    """Return what makes an automation of a blueprint, as if it had been imported; at the end it is switched off."""
    folder = tmp_path / "blueprints" / "automation" / "whatsapp_link"
    await hass.async_add_executor_job(shutil.copytree, BLUEPRINTS[0].parent, folder)
    hass.config.config_dir = str(tmp_path)

    async def make(name: str, **chosen: Any) -> None:
        used = {"use_blueprint": {"path": f"whatsapp_link/{name}.yaml", "input": chosen}}
        assert await async_setup_component(hass, "automation", {"automation": [{"id": name, "alias": name, **used}]})
        await hass.async_block_till_done()
        # One that Home Assistant does not take is there all the same, as unavailable.
        assert hass.states.is_state(f"automation.{name}", "on")

    yield make
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


async def arrived(emulator: Emulator) -> Message:
    """Wait until a message is on a phone, and return it."""
    await until(lambda: bool(emulator.phone.messages()))
    (message,) = emulator.phone.messages()
    return message


def test_there_are_some() -> None:
    """The tests below are about something."""
    assert [path.stem for path in BLUEPRINTS] == ["ask_and_act", "doorbell_picture", "unavailable"]


@every_blueprint
def test_valid(path: Path) -> None:
    """Home Assistant takes it, says what each input is for, and finds it again to update it."""
    blueprint = Blueprint(
        yaml.load_yaml_dict(path), expected_domain="automation", path=path.name, schema=AUTOMATION_BLUEPRINT_SCHEMA
    )
    assert blueprint.validate() is None
    assert blueprint.metadata["source_url"] == f"{SOURCE}/{path.relative_to(REPOSITORY)}"
    for name, given in blueprint.inputs.items():
        assert given["name"], name
        assert given["selector"], name
    assert len({given["name"] for given in blueprint.inputs.values()}) == len(blueprint.inputs)


@every_blueprint
def test_offered(path: Path) -> None:
    """The documentation has a link that imports it."""
    address = quote_plus(f"{SOURCE}/{path.relative_to(REPOSITORY)}")
    assert f"/redirect/blueprint_import/?blueprint_url={address})" in DOCUMENTATION


@pytest.mark.parametrize(
    ("doorbell", "quiet", "rings"),
    [
        ("binary_sensor.door", ["off", "unavailable", "on", "off"], "on"),
        ("event.door", ["unavailable", "2026-01-01T10:00:00.000+00:00"], "2026-01-01T11:00:00.000+00:00"),
        ("event.door", ["unknown"], "2026-01-01T11:00:00.000+00:00"),
    ],
    ids=["binary sensor", "event", "first event"],
)
async def test_doorbell_picture(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    use: Use,
    doorbell: str,
    quiet: list[str],
    rings: str,
) -> None:
    """Who rings is on the phone; a doorbell that comes back has not rung."""
    assert await async_setup_component(hass, "camera", {})
    await hass.data[camera.DATA_COMPONENT].async_add_entities([Camera()])
    hass.states.async_set(doorbell, quiet[0])
    await use("doorbell_picture", doorbell=doorbell, camera="camera.door", recipients=[NOTIFY])
    for state in quiet:
        hass.states.async_set(doorbell, state)
        await hass.async_block_till_done()
    assert emulator.phone.messages() == []
    hass.states.async_set(doorbell, rings)
    message = await arrived(emulator)
    assert (message.kind, message.text) == (Kind.IMAGE, "Somebody is at the door.")
    assert message.details["sha256"] == sha256(PNG).hexdigest()


@pytest.mark.parametrize(
    ("answer", "done"), [("Yes", "first"), ("No", "second"), (None, "nothing")], ids=["yes", "no", "none"]
)
async def test_ask_and_act(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    use: Use,
    answer: str | None,
    done: str,
) -> None:
    """Each answer has what follows from it, and so has silence."""
    ran = {name: async_capture_events(hass, f"ran_{name}") for name in ("first", "second", "nothing")}
    await use(
        "ask_and_act",
        when=[{"trigger": "event", "event_type": "left_open"}],
        recipient=NOTIFY,
        first_actions=[{"event": "ran_first"}],
        second_actions=[{"event": "ran_second"}],
        no_answer_actions=[{"event": "ran_nothing"}],
        time=300 if answer else 1,
    )
    hass.bus.async_fire("left_open")
    question = await arrived(emulator)
    assert question.details == {"options": ["Yes", "No"], "multiple": False}
    if answer:
        await tell(coordinator, EventKind.POLL_VOTE, about=question.id, options=(answer,))
    await until(lambda: any(ran.values()))
    assert [name for name, events in ran.items() if events] == [done]


async def goes(hass: HomeAssistant, freezer: FrozenDateTimeFactory, entity_id: str, name: str, state: str) -> None:
    """Let something go, and be gone for longer than the automation waits."""
    hass.states.async_set(entity_id, state, {"friendly_name": name})
    await hass.async_block_till_done()
    freezer.tick(timedelta(minutes=11))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()


def notifications(calls: list[Event[Any]]) -> list[Any]:
    """Return what Home Assistant told by its own means."""
    return [call.data["service_data"] for call in calls if call.data["domain"] == "persistent_notification"]


async def test_ask_where_votes_do_not_come(
    hass: HomeAssistant, emulator: Emulator, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works also by polling, at a gateway that tells of no votes then."""
    ran = async_capture_events(hass, "ran_second")
    async with polled(hass, emulator, monkeypatch):
        await use(
            "ask_and_act",
            when=[{"trigger": "event", "event_type": "left_open"}],
            recipient=NOTIFY,
            first_actions=[{"event": "ran_first"}],
            second_actions=[{"event": "ran_second"}],
        )
        hass.bus.async_fire("left_open")
        question = await arrived(emulator)
        assert question.text.endswith("\n\n1. Yes\n2. No")
        emulator.phone.write(question.instance, f"+{ROBIN}", "2")
        await until(lambda: bool(ran))


async def test_device_unavailable(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    use: Use,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A device that is gone for long is told of by WhatsApp."""
    hass.states.async_set("sensor.freezer", "-18", {"friendly_name": "Freezer"})
    hass.states.async_set(LINK, "on", {"friendly_name": "Mine Linked"})
    await use("unavailable", watched=["sensor.freezer"], recipients=[NOTIFY], linked=[LINK])
    hass.states.async_set("sensor.freezer", "unavailable", {"friendly_name": "Freezer"})
    await hass.async_block_till_done()
    freezer.tick(timedelta(minutes=9))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert emulator.phone.messages() == []
    freezer.tick(timedelta(minutes=2))
    async_fire_time_changed(hass)
    await spin(lambda: bool(emulator.phone.messages()))
    (message,) = emulator.phone.messages()
    assert message.text == "Freezer is unavailable."


@pytest.mark.parametrize("state", ["off", "unavailable"])
async def test_phone_gone(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    use: Use,
    freezer: FrozenDateTimeFactory,
    state: str,
) -> None:
    """Where WhatsApp itself is gone, Home Assistant says so by its own means."""
    assert await async_setup_component(hass, "persistent_notification", {})
    calls = async_capture_events(hass, "call_service")
    await use("unavailable", watched=["sensor.freezer"], recipients=[NOTIFY], linked=[LINK])
    await goes(hass, freezer, LINK, "Mine Linked", state)
    assert notifications(calls) == [
        {
            "title": "WhatsApp is gone",
            "message": "Mine Linked: no phone is linked, or the gateway does not answer.",
        }
    ]
    assert emulator.phone.messages() == []


@pytest.mark.parametrize("state", ["off", "unavailable"])
async def test_device_unavailable_while_phone_gone(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    use: Use,
    freezer: FrozenDateTimeFactory,
    state: str,
) -> None:
    """A device that goes while WhatsApp is gone is told of by the same means as that."""
    assert await async_setup_component(hass, "persistent_notification", {})
    hass.states.async_set("sensor.freezer", "-18", {"friendly_name": "Freezer"})
    hass.states.async_set(LINK, state, {"friendly_name": "Mine Linked"})
    await use("unavailable", watched=["sensor.freezer"], recipients=[NOTIFY], linked=[LINK])
    calls = async_capture_events(hass, "call_service")
    await goes(hass, freezer, "sensor.freezer", "Freezer", "unavailable")
    assert notifications(calls) == [{"title": "WhatsApp is gone", "message": "Freezer is unavailable."}]
    assert emulator.phone.messages() == []
