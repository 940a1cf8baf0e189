"""The actions: what they answer, what they say when something is wrong, and what nobody gets to read."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
import json
import logging
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from homeassistant.config_entries import SOURCE_REAUTH, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant, ServiceResponse, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import selector
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict

from custom_components.whatsapp_link import outbox
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS, http
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.events import Event, EventKind
from custom_components.whatsapp_link.gateways.evolution import Evolution
from custom_components.whatsapp_link.gateways.waha import Waha
from tests.conftest import entry_of, every_gateway, instance_of, vendor_second
from tests.dialog import ENGLISH, INTEGRATION
from tests.emulator import Emulator
from tests.emulator.instance import Instance
from tests.emulator.model import Kind
from tests.gateways.rig import leaks
from tests.test_entities import state_of, until

ROBIN = "12025550177@c.us"
ADA = "13035550142@c.us"
LAST_SENT = "sensor.waha_default_last_message_sent"


def recipient(title: str, chat_id: str) -> ConfigSubentryDataWithId:
    """Return a recipient as a subentry."""
    return ConfigSubentryDataWithId(
        data={"chat_id": chat_id},
        subentry_id=title.lower(),
        subentry_type="recipient",
        title=title,
        unique_id=chat_id,
    )


@asynccontextmanager
async def loaded(
    hass: HomeAssistant, instance: Instance, *recipients: ConfigSubentryDataWithId, receiving: str = "off"
) -> AsyncGenerator[MockConfigEntry]:
    """Load an entry for an instance with a phone, and unload it at the end.

    Without receiving, nothing is requested but what a test does.
    """
    instance.link(instance.number)
    entry = entry_of(instance, *recipients)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"receiving": receiving})
    await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.data.state.is_linked)
    await until(lambda: not looks_at_version())
    try:
        yield entry
    finally:
        await hass.config_entries.async_unload(entry.entry_id)


def looks_at_version() -> bool:
    """Whether a server is being asked for its version, as it is once after an entry was loaded."""
    return any(task.get_name() == "whatsapp_link looking at the version" for task in asyncio.all_tasks())


async def act(hass: HomeAssistant, action: str, **data: Any) -> ServiceResponse:
    """Call an action of the integration, and return what it answers if it can."""
    answers = hass.services.supports_response(DOMAIN, action) is not SupportsResponse.NONE
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=answers)


async def refused(hass: HomeAssistant, action: str, **data: Any) -> HomeAssistantError:
    """Call an action that has to fail, and return the error. There are words for it, without gaps."""
    with pytest.raises(HomeAssistantError) as raised:
        await act(hass, action, **data)
    error = raised.value
    assert error.translation_domain == DOMAIN
    assert str(error) != error.translation_key
    assert "{" not in str(error)
    return error


@pytest.fixture
def outbox_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a message follow the other, and try one again, at once."""
    monkeypatch.setattr(outbox, "_RETRY_AFTER", (0.0, 0.0, 0.0))
    monkeypatch.setattr(http, "RATE_LIMIT_WAIT", 0.0)
    for gateway in GATEWAYS.values():
        monkeypatch.setattr(gateway, "pace", replace(gateway.pace, gap=0))


@pytest.fixture
async def home(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[MockConfigEntry]:
    """Return the entry of a WAHA server with two recipients; it is the only one."""
    recipients = (recipient("Robin", ROBIN), recipient("Ada", ADA))
    async with loaded(hass, instance_of(emulator, "waha"), *recipients) as entry:
        yield entry


BOTH = ["notify.robin", "notify.ada"]


# --- answers ---------------------------------------------------------------------------------------


async def test_answer(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Each message is named with its recipient, its id and its entity, if it has one."""
    answer = await act(hass, "send_message", message="Hello", entity_id=BOTH, chats=["+49 1512 3456789"])
    ids = {message.chat_id: message.id for message in emulator.phone.messages()}
    assert answer == {
        "messages": [
            {"recipient": "Ada", "message_id": ids[ADA], "entity_id": "notify.ada"},
            {"recipient": "Robin", "message_id": ids[ROBIN], "entity_id": "notify.robin"},
            {"recipient": "#1", "message_id": ids["4915123456789@c.us"]},
        ]
    }


async def test_nobody_asks_for_the_answer(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """The answer is left out if it is not asked for."""
    data = {"entity_id": "notify.robin", "message": "Hello"}
    answer = await hass.services.async_call(DOMAIN, "send_message", data, blocking=True)
    assert answer is None
    assert len(emulator.phone.messages()) == 1


async def test_title(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """The title stands above the message, and who is mentioned after it, once."""
    mentions = ["+1 303 555 0142", ADA]
    await act(hass, "send_message", message="Done", title="Laundry", mentions=mentions, entity_id="notify.robin")
    (message,) = emulator.phone.messages()
    assert message.text == "*Laundry*\nDone @13035550142"
    assert message.details["mentions"] == [ADA]


async def test_last_sent(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """The time of the last message moves with each that went out, and with nothing else."""
    assert state_of(hass, LAST_SENT) == "unknown"
    seen = []
    for action, data in (
        ("send_message", {"message": "Hello"}),
        ("send_poll", {"question": "Well?", "options": ["Yes", "No"]}),
        ("set_typing", {}),
        ("mark_read", {}),
    ):
        freezer.tick(60)
        await act(hass, action, entity_id="notify.robin", **data)
        seen.append(state_of(hass, LAST_SENT))
    assert seen[0] < seen[1] == seen[2] == seen[3]
    emulator.faults.add("waha", "500_html", method="sendText")
    freezer.tick(60)
    await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
    assert state_of(hass, LAST_SENT) == seen[1]


@every_gateway
async def test_look_up(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Numbers are checked and chats are listed, in our spelling, or it is said that the gateway cannot."""
    can = GATEWAYS[key].capabilities
    async with loaded(hass, instance_of(emulator, key)):
        emulator.requests.reset()
        if Capability.CHECK_NUMBER in can:
            # Where the account uses opaque ids, the chat may be told by one of those.
            found = await act(hass, "check_number", phone="+1 (303) 555-0142")
            assert found in [{"exists": True, "chat_id": chat_id} for chat_id in (ADA, "10000000000142@lid")]
            await vendor_second()
            missing = await act(hass, "check_number", phone="+13035550199")
            assert missing == {"exists": False, "chat_id": None}
        else:
            error = await refused(hass, "check_number", phone="+13035550142")
            assert error.translation_key == "cannot_check_number"
            assert emulator.requests.count() == 0
        assert Capability.LIST_CHATS in can
        answer: Any = await act(hass, "list_chats")
        for chat in answer["chats"]:
            assert set(chat) == {"chat_id", "name", "is_group"}
            assert chat["is_group"] is chat["chat_id"].endswith("@g.us")


async def test_listed_chats(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """The chats come with their names."""
    answer: Any = await act(hass, "list_chats", instance=home.entry_id)
    chats = answer["chats"]
    assert {"chat_id": "120363000000000142@g.us", "name": "Family", "is_group": True} in chats


# --- waiting for receipts --------------------------------------------------------------------------


async def test_nothing_to_wait_for(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Where nothing is received, a message that is to be waited for is not even sent."""
    error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin", wait_for="read")
    assert error.translation_key == "cannot_wait"
    assert emulator.phone.messages() == []


@pytest.mark.parametrize(
    ("wanted", "is_read", "reached"),
    [("delivered", False, "delivered"), ("read", True, "read"), ("read", False, "delivered")],
)
async def test_receipts(hass: HomeAssistant, emulator: Emulator, wanted: str, is_read: bool, reached: str) -> None:
    """It is waited for as long as wanted, and the answer tells how far the message got."""
    instance = instance_of(emulator, "waha")
    async with loaded(hass, instance, recipient("Robin", ROBIN), receiving="automatic"):
        data = {"message": "Hello", "wait_for": wanted, "wait_time": 1, "entity_id": "notify.robin"}
        task = hass.async_create_task(act(hass, "send_message", **data))
        await until(lambda: bool(emulator.phone.messages()))
        (message,) = emulator.phone.messages()
        if is_read:
            emulator.phone.read(message.id)
        answer: Any = await task
    (sent,) = answer["messages"]
    assert (sent["message_id"], sent["reached"]) == (message.id, reached)


async def test_not_delivered(hass: HomeAssistant, emulator: Emulator) -> None:
    """A message that WhatsApp gave back is an error."""
    instance = instance_of(emulator, "waha")
    async with loaded(hass, instance, recipient("Robin", ROBIN), receiving="automatic") as entry:
        data = {"message": "Hello", "wait_for": "read", "entity_id": "notify.robin"}
        task = hass.async_create_task(refused(hass, "send_message", **data))
        await until(lambda: bool(emulator.phone.messages()))
        (message,) = emulator.phone.messages()
        failure = Event(kind=EventKind.FAILED, event_id="1", chat_id=ROBIN, timestamp=0, about=message.id)
        await entry.runtime_data.inbox.async_take(failure)
        assert (await task).translation_key == "not_delivered"


# --- several at once -------------------------------------------------------------------------------


async def test_partly_done(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Whoever can get a message gets it; the error names who did and who did not, and why."""
    emulator.faults.add("waha", "500_html", method="sendText")
    error = await refused(hass, "send_message", message="Hello", entity_id=BOTH, chats=["+49 1512 3456789"])
    assert error.translation_key == "partly_done"
    assert str(error) == (
        "It did not work for Ada: WAHA does not answer (the gateway answered HTTP 500). It worked for Robin, #1"
    )
    assert sorted(message.chat_id for message in emulator.phone.messages()) == [ROBIN, "4915123456789@c.us"]


async def test_nowhere_done(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Where it worked for nobody, that is said, with each reason; for one chat there is but the reason."""
    emulator.faults.add("waha", "500_html", 3, method="sendText")
    error = await refused(hass, "send_message", message="Hello", entity_id=BOTH)
    assert error.translation_key == "nowhere_done"
    reason = "WAHA does not answer (the gateway answered HTTP 500)"
    assert str(error) == f"It did not work for Ada: {reason}; Robin: {reason}"
    error = await refused(hass, "send_message", message="Hello", entity_id="notify.ada")
    assert str(error) == reason


async def test_gateway_that_cannot(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, tmp_path: Path
) -> None:
    """A gateway that cannot do it is no reason for others not to; both may have a recipient of the same name."""
    path = tmp_path / "manual.pdf"
    await hass.async_add_executor_job(path.write_bytes, b"%PDF-1.4")
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    async with loaded(hass, instance_of(emulator, "whatsapp_api"), recipient("Robin", ROBIN)):
        for action, data, kind in (
            ("send_media", {"path": str(path)}, Kind.DOCUMENT),
            ("send_contact", {"name": "Ada", "phone": "+13035550142"}, Kind.CONTACT),
            ("send_poll", {"question": "Well?", "options": ["Yes", "No"]}, Kind.POLL),
        ):
            error = await refused(hass, action, entity_id=["notify.robin", "notify.robin_2"], **data)
            assert error.translation_key == "partly_done"
            assert str(error).startswith("It did not work for Robin: WhatsApp API server cannot send ")
            assert str(error).endswith(". It worked for Robin")
            assert emulator.phone.messages()[-1].kind is kind


async def test_bug(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is not dressed up as one of a gateway."""

    async def broken(self: Waha, *_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Waha, "send_text", broken)
    with pytest.raises(ZeroDivisionError):
        await act(hass, "send_message", message="Hello", entity_id=BOTH)


# --- what cannot be ---------------------------------------------------------------------------------


MEDIA = {"path": "/media/none.pdf"}


@pytest.mark.parametrize(
    ("action", "data", "key"),
    [
        ("send_media", {}, "media_or_path"),
        ("send_media", MEDIA | {"media": "/media/other.pdf"}, "media_or_path"),
        ("send_media", MEDIA, "media_not_allowed"),
        ("send_message", {"message": "Hello", "mentions": ["+13035550142", "0151 23456789"]}, "chat_no_country_code"),
        ("send_contact", {"name": "Ada", "phone": "Ada"}, "chat_not_a_number"),
        ("check_number", {"phone": "+49 151"}, "chat_number_too_short"),
    ],
)
async def test_mistakes(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, action: str, data: dict[str, Any], key: str
) -> None:
    """A mistake is said once, however many chats there are, and nobody is asked or gets anything."""
    emulator.requests.reset()
    target = {} if action == "check_number" else {"entity_id": BOTH}
    error = await refused(hass, action, **target, **data)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == key
    assert emulator.requests.count() == 0


async def test_place_of_a_mistake(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """What is wrong with one of several is named by its place."""
    mentions = ["+13035550142", "0151 23456789"]
    error = await refused(hass, "send_message", message="Hello", mentions=mentions, entity_id="notify.ada")
    assert str(error).startswith("Phone number 2 lacks its country code.")


@pytest.mark.parametrize("kind", ["audio", "voice"])
async def test_words_below_sound(hass: HomeAssistant, home: MockConfigEntry, tmp_path: Path, kind: str) -> None:
    """WhatsApp has no caption for sound; that it would be lost is said before anything is sent."""
    path = tmp_path / "bell.mp3"
    await hass.async_add_executor_job(path.write_bytes, b"\xff\xfb\x90\x00" + bytes(413))
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    error = await refused(hass, "send_media", path=str(path), type=kind, caption="Listen", entity_id=BOTH)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "no_caption_for_sound"


async def test_too_large_for_one(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is read once for all, so it has to be small enough for the gateway that takes the least."""
    path = tmp_path / "manual.pdf"
    await hass.async_add_executor_job(path.write_bytes, b"%PDF-1.4" + bytes(2 * 1024 * 1024))
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    monkeypatch.setattr(Evolution, "max_media", 1024 * 1024)
    async with loaded(hass, instance_of(emulator, "evolution"), recipient("Bertil", "13035550143@c.us")):
        error = await refused(hass, "send_media", path=str(path), entity_id=["notify.robin", "notify.bertil"])
        assert error.translation_key == "media_too_large"
        assert str(error).startswith("The file is too large: 1 MiB is the most here.")
        await act(hass, "send_media", path=str(path), entity_id="notify.robin")


async def test_nowhere_to_fetch_from(hass: HomeAssistant, emulator: Emulator, tmp_path: Path) -> None:
    """A gateway that fetches files needs an address of Home Assistant."""
    path = tmp_path / "manual.pdf"
    await hass.async_add_executor_job(path.write_bytes, b"%PDF-1.4")
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    async with loaded(hass, instance_of(emulator, "wachat"), recipient("Robin", ROBIN)):
        hass.config.internal_url = hass.config.external_url = None
        hass.config.api = None
        error = await refused(hass, "send_media", path=str(path), entity_id="notify.robin")
        assert error.translation_key == "media_no_url"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("send_message", {}),
        ("send_message", {"message": ""}),
        ("send_message", {"message": "Hello", "color": "red"}),
        ("send_media", MEDIA | {"type": "sticker"}),
        ("send_location", {"location": {"latitude": 91, "longitude": 0}}),
        ("send_location", {"location": {"latitude": 0}}),
        ("send_contact", {"name": "", "phone": "+13035550142"}),
        *(
            ("send_poll", {"question": "Well?", "options": options})
            for options in ([], ["Yes"], [str(number) for number in range(13)], ["Yes", "No", "Yes"], ["Yes", ""])
        ),
        ("send_poll", {"question": "", "options": ["Yes", "No"]}),
        ("react", {"emoji": "👍"}),
        ("edit_message", {"message_id": "1", "message": ""}),
        ("delete_message", {"message_id": ""}),
        ("set_typing", {"state": "sleeping"}),
    ],
)
async def test_schema(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, action: str, data: dict[str, Any]
) -> None:
    """What WhatsApp has no room for does not even get as far as the gateway."""
    emulator.requests.reset()
    with pytest.raises(vol.Invalid):
        await act(hass, action, entity_id="notify.robin", **data)
    assert emulator.requests.count() == 0


async def test_limits_of_a_poll(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Two answers and twelve are just right."""
    for count in (2, 12):
        options = [str(number) for number in range(count)]
        await act(hass, "send_poll", question="Well?", options=options, entity_id="notify.robin")
        assert emulator.phone.messages()[-1].details["options"] == options


# --- privacy ---------------------------------------------------------------------------------------

TEXT = "The key lies below the mat"
PRIVATE = (TEXT, "12025550177", "4915123456789", "13035550142", "52.5163", "13.3777")
DONE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("send_message", {"message": TEXT, "title": TEXT, "mentions": ["+13035550142"]}),
    ("send_message", {"message": TEXT}),
    ("send_location", {"location": {"latitude": 52.5163, "longitude": 13.3777}, "name": TEXT, "address": TEXT}),
    ("send_contact", {"name": TEXT, "phone": "+13035550142"}),
    ("send_poll", {"question": TEXT, "options": [TEXT, "No"]}),
    ("react", {"message_id": "true_12025550177@c.us_3EB0", "emoji": "👍"}),
    ("edit_message", {"message_id": "true_12025550177@c.us_3EB0", "message": TEXT}),
    ("delete_message", {"message_id": "true_12025550177@c.us_3EB0"}),
    ("mark_read", {"message_id": "false_12025550177@c.us_3EB0"}),
    ("set_typing", {}),
)
FAULTS = [(key, fault) for key in GATEWAYS for fault in ("", "401", "502_html", "200_with_error")]
FAULTS += [("waha", fault) for fault in ("429", "malformed_json", "refused_connection")]


@pytest.mark.parametrize(("key", "fault"), FAULTS)
async def test_nothing_private(
    hass: HomeAssistant,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    outbox_in_a_hurry: None,
    key: str,
    fault: str,
) -> None:
    """No number, text or token gets into the log or into an error, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    instance = instance_of(emulator, key)
    secrets = [instance.credentials()[item.key] for item in GATEWAYS[key].credentials if item.secret]
    async with loaded(hass, instance, recipient("Robin", ROBIN)) as entry:
        if fault:
            emulator.faults.add(key, fault, 1000)
        errors: list[HomeAssistantError] = []
        for action, data in (*DONE, ("check_number", {"phone": "+13035550142"}), ("list_chats", {})):
            target: dict[str, Any] = {"entity_id": "notify.robin", "chats": ["+4915123456789"]}
            try:
                await act(hass, action, **data, **(target if (action, data) in DONE else {}))
            except HomeAssistantError as error:
                errors.append(error)
        emulator.faults.clear()
        if fault in ("401", "refused_connection"):
            assert errors
        await hass.config_entries.async_unload(entry.entry_id)
    records = [record for record in caplog.records if record.name.startswith("custom_components")]
    assert records
    for raised in (None, *errors):
        assert leaks([*PRIVATE, *secrets], raised, records) == []


async def test_nothing_private_in_mistakes(
    hass: HomeAssistant, home: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does what was not even understood."""
    caplog.set_level(logging.DEBUG)
    number = "0151 23456789"
    for action, data in (
        ("send_message", {"message": TEXT, "chats": [number]}),
        ("send_message", {"message": TEXT, "chats": ["+12025550177"], "mentions": [number]}),
        ("send_contact", {"name": TEXT, "phone": number, "chats": ["+12025550177"]}),
        ("check_number", {"phone": number}),
    ):
        error = await refused(hass, action, **data)
        records = [record for record in caplog.records if record.name.startswith("custom_components")]
        assert leaks([*PRIVATE, number], error, records) == []


# --- refused tokens --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [key for key, gateway in GATEWAYS.items() if gateway.credentials])
async def test_refused_token(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A token that is refused says so, by either action, and the user is asked for another one, once."""
    async with loaded(hass, instance_of(emulator, key), recipient("Robin", ROBIN)) as entry:
        emulator.faults.add(key, "401", 2)
        for domain in (DOMAIN, "notify"):
            call = {"message": "Hello", "entity_id": "notify.robin"}
            with pytest.raises(HomeAssistantError, match=f"{GATEWAYS[key].name} refused the API token") as raised:
                await hass.services.async_call(domain, "send_message", call, blocking=True)
            assert raised.value.translation_key == "invalid_auth"
            await hass.async_block_till_done()
        (flow,) = hass.config_entries.flow.async_progress()
        assert (flow["context"]["source"], flow["context"]["entry_id"]) == (SOURCE_REAUTH, entry.entry_id)
        assert emulator.phone.messages() == []


# --- what is registered ----------------------------------------------------------------------------

ANSWERING = ("ask", "check_number", "list_chats", "save_media")


async def test_registered(hass: HomeAssistant) -> None:
    """The actions are there while no instance is, so that automations can be checked; each says if it answers."""
    assert await async_setup_component(hass, DOMAIN, {})
    registered = hass.services.async_services_for_domain(DOMAIN)
    assert set(registered) == set(ENGLISH["services"])
    for name, service in registered.items():
        expected = SupportsResponse.OPTIONAL if name.startswith("send_") else SupportsResponse.NONE
        assert service.supports_response is (SupportsResponse.ONLY if name in ANSWERING else expected)


def _fields(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each field that is described, also those in sections."""
    for name, described in part.items():
        if "fields" in described:
            yield from _fields(described["fields"])
        else:
            yield name, described


def _example(field: dict[str, Any]) -> Any:
    """Return an example of a field as an automation would have it."""
    example = field.get("example", field.get("default"))
    return json.loads(example) if isinstance(example, str) and example[0] in "[{" else example


DESCRIBED = load_yaml_dict(str(INTEGRATION / "services.yaml"))


@pytest.mark.parametrize("name", [name for name in DESCRIBED if not name.startswith(".")])
async def test_description(hass: HomeAssistant, name: str) -> None:
    """What is described is exactly what is taken: fields, what is required, defaults, choices and examples."""
    assert await async_setup_component(hass, DOMAIN, {})
    schema = hass.services.async_services_for_domain(DOMAIN)[name].schema
    assert isinstance(schema, vol.Schema)
    markers = {str(marker): marker for marker in schema.schema}
    target = set(map(str, cv.ENTITY_SERVICE_FIELDS))
    fields = dict(_fields(DESCRIBED[name]["fields"]))
    assert ("target" in DESCRIBED[name]) is (target <= set(markers))
    assert set(fields) == set(markers) - target
    required = {field: _example(fields[field]) for field in fields if fields[field].get("required")}
    assert set(required) == {field for field, marker in markers.items() if isinstance(marker, vol.Required)}
    filled_in = schema(required)
    for field, described in fields.items():
        widget: Any = selector(described["selector"])
        if "default" in described:
            assert filled_in[field] == described["default"]
        if (example := _example(described)) is not None:
            widget(example)
            schema(required | {field: example})
        if options := described["selector"].get("select", {}).get("options"):
            for option in options:
                schema(required | {field: option})
            with pytest.raises(vol.Invalid):
                schema(required | {field: "something else"})
