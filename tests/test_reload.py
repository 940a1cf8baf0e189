"""What goes on while an entry is loaded anew, which it is for as little as a new recipient, and while all starts."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link import receiving
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import waha_polling, whatsapp_api
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.events import Event, EventKind
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.inbox import Inbox
from custom_components.whatsapp_link.issues import Issue, async_raise_issue
from tests.conftest import instance_of
from tests.emulator import Emulator
from tests.emulator.green_api_instance import GreenApiInstance
from tests.incoming import ROBIN, event, tell
from tests.test_asking import ask, asked, without_polls
from tests.test_entities import NOTIFY, until
from tests.test_events import Browser, home_with, in_a_hurry, open_browser  # noqa: F401 # fixtures
from tests.test_webhook import registered


async def reloaded(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> WhatsAppLinkCoordinator:
    """Load the entry anew and return what holds it now, which hears of events as tests tell them."""
    entry = coordinator.config_entry
    await hass.config_entries.async_reload(entry.entry_id)
    entry.runtime_data.receiving.way = Way.STREAM
    return entry.runtime_data


def send(hass: HomeAssistant, text: str, **data: Any) -> asyncio.Task[Any]:
    """Send a text to Robin."""
    call = {"entity_id": NOTIFY, "message": text, **data}
    return asyncio.create_task(
        hass.services.async_call("whatsapp_link", "send_message", call, blocking=True, return_response=True)
    )


async def test_queue(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """What waits to go out keeps its place before what is sent after."""
    may_go = asyncio.Event()
    first = asyncio.create_task(coordinator.outbox.send(may_go.wait))
    await asyncio.sleep(0)
    before = [send(hass, text) for text in ("one", "two", "three")]
    await until(lambda: coordinator.outbox.waiting == 4)
    coordinator = await reloaded(hass, coordinator)
    after = send(hass, "four")
    await until(lambda: coordinator.outbox.waiting == 5)
    may_go.set()
    await asyncio.gather(first, *before, after)
    assert [message.text for message in emulator.phone.messages()] == ["one", "two", "three", "four"]
    assert coordinator.outbox.waiting == 0


@pytest.mark.parametrize("polls", [True, False])
async def test_question(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    monkeypatch: pytest.MonkeyPatch,
    polls: bool,
) -> None:
    """Who asked hears the answer all the same."""
    if not polls:
        without_polls(monkeypatch, coordinator)
    asking = ask(hass, time=20)
    (question,) = await asked(emulator, coordinator)
    coordinator = await reloaded(hass, coordinator)
    answer: dict[str, Any] = {"about": question.id, "options": ("No",)} if polls else {"text": "2"}
    await tell(coordinator, EventKind.POLL_VOTE if polls else EventKind.TEXT, **answer)
    assert await asking == {"answered": True, "answer": "No", "index": 1, "sender": ROBIN}


async def test_receipt(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Who waits for a message to be read is told."""
    sending = send(hass, "Hello", wait_for="read", wait_time=20)
    await until(lambda: len(emulator.phone.messages()) == 1)
    # The answer to the request is on its way.
    await until(lambda: coordinator.outbox.waiting == 0)
    (message,) = emulator.phone.messages()
    coordinator = await reloaded(hass, coordinator)
    await tell(coordinator, EventKind.READ, about=message.id)
    assert (await sending)["messages"][0]["reached"] == "read"


async def test_told_again(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """What was told before is no news after; nor is forgotten when the last message came."""
    told = event()
    assert await coordinator.async_take(told)
    last_received = coordinator.mailbox.last_received
    assert last_received
    coordinator = await reloaded(hass, coordinator)
    heard: list[str] = []
    coordinator.inbox.listen(lambda each: heard.append(each.event_id))
    assert not await coordinator.async_take(told)
    assert heard == []
    assert coordinator.mailbox.last_received == last_received


async def test_files(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """Files that came in can still be had; those of another gateway cannot."""
    async with home_with(hass, emulator, "waha", Way.STREAM) as home:
        await home.hears()
        home.write(
            media={"data": "JVBERi0xLjcK", "file_name": "plan.pdf", "mime_type": "application/pdf", "kind": "document"}
        )
        told = await home.next(EventKind.DOCUMENT)
        await hass.config_entries.async_reload(home.entry.entry_id)
        files = home.coordinator.mailbox.files
        assert files.find(told["message_id"])
        other = instance_of(emulator, "green_api").credentials()
        session = async_get_clientsession(hass)
        files.carry_on(GreenApi(session, other["base_url"], {name: other[name] for name in ("instance_id", "token")}))
        assert files.latest_first == []


async def test_removed(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """Of an instance that is removed, nothing is remembered."""
    async with home_with(hass, emulator, "waha", Way.STREAM) as home:
        await home.hears()
        await hass.config_entries.async_remove(home.entry.entry_id)
        assert hass.data["whatsapp_link_mailboxes"] == {}


AUTOMATION = {
    "id": "answer",
    "alias": "Answer",
    "triggers": [
        {
            "trigger": "event.received",
            "target": {"entity_id": "event.ada_messages"},
            "options": {"event_type": ["text"]},
        }
    ],
    "actions": [{"event": "automation_ran"}],
}


@pytest.mark.parametrize(("key", "way"), [("green_api", Way.STREAM), ("evolution", Way.WEBHOOK)])
async def test_start(hass: HomeAssistant, browser: Browser, emulator: Emulator, key: str, way: Way) -> None:
    """What came while Home Assistant was off waits until there are automations that hear of it."""
    async with home_with(hass, emulator, key, way) as home:
        await home.hears()
        await hass.config_entries.async_unload(home.entry.entry_id)
        hass.set_state(CoreState.not_running)
        assert await async_setup_component(hass, "automation", {"automation": [AUTOMATION]})
        ran = async_capture_events(hass, "automation_ran")
        home.told.clear()
        emulator.requests.reset()
        home.write(text="While you were out")
        await hass.config_entries.async_setup(home.entry.entry_id)
        await asyncio.sleep(0.3)
        assert home.texts() == []
        assert emulator.requests.count(key, method="deleteNotification") == 0
        await hass.async_start()
        await until(lambda: home.texts() == ["While you were out"])
        await hass.async_block_till_done()
        assert len(ran) == 1


async def test_instance_that_is_not_answered_for(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator
) -> None:
    """While looks at the session fail, the entity of the instance still tells of what comes in."""
    entity_id = next(state.entity_id for state in hass.states.async_all("event") if "robin" not in state.entity_id)
    automation = {**AUTOMATION, "triggers": [{**AUTOMATION["triggers"][0], "target": {"entity_id": entity_id}}]}  # type: ignore[dict-item] # it is one
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    ran = async_capture_events(hass, "automation_ran")
    emulator.faults.add("green_api", "502_html", 1)
    await coordinator.async_refresh()
    assert not coordinator.last_update_success
    await tell(coordinator, text="Hello?")
    await hass.async_block_till_done()
    assert len(ran) == 1


async def test_nothing_can_be_deleted(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that GREEN-API tells again and again, because it does not forget it, is not asked for without a pause."""
    monkeypatch.setattr(receiving, "_REOPEN_AFTER", 0.5)
    async with home_with(hass, emulator, "green_api", Way.STREAM) as home:
        await home.hears()
        emulator.faults.add("green_api", "502_html", 1000, method="deleteNotification")
        home.write(text="Once")
        await until(lambda: home.texts() == ["Once"])
        emulator.requests.reset()
        await asyncio.sleep(1.5)
        assert emulator.requests.count("green_api", method="deleteNotification") < 8
        emulator.faults.clear()
        home.write(text="Again")
        await until(lambda: home.texts() == ["Once", "Again"])


async def test_another_address(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """When Home Assistant gets another address, the gateway is told; nothing else changes for other settings."""
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await home.hears()
        coordinator = home.coordinator
        await hass.config.async_update(elevation=17)
        await hass.async_block_till_done()
        assert home.coordinator is coordinator
        other = str(hass.config.internal_url).replace("127.0.0.1", "localhost")
        await hass.config.async_update(internal_url=other)
        await until(lambda: [address.startswith(other) for address in registered(home)] == [True])
        assert home.coordinator is not coordinator
        await home.hears()


# --- what the gateway remembers --------------------------------------------------------------------


async def test_settings_are_changed_once(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """GREEN-API restarts an instance at each change of its settings, and shows them minutes later."""
    instance = instance_of(emulator, "green_api")
    assert isinstance(instance, GreenApiInstance)
    instance.options.shows_settings_late = True
    instance.options.settings_seconds = 6000
    async with home_with(hass, emulator, "green_api", Way.STREAM) as home:
        for times in range(1, 4):
            await until(lambda: emulator.requests.count("green_api", method="receiveNotification") >= times)  # noqa: B023 # it is waited for in the loop
            assert emulator.requests.count("green_api", method="setSettings") == 1
            await hass.config_entries.async_reload(home.entry.entry_id)


@pytest.mark.parametrize("key", ["wasend", "wawp", "whatsapp_api"])
async def test_before_the_next_look(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """What somebody wrote after the last look at a gateway, and before the entry was loaded anew, is found."""
    async with home_with(hass, emulator, key, Way.POLLING) as home:
        await home.hears()
        monkeypatch.setattr(waha_polling, "LOOK_EVERY", 1.5)
        monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", 1.5)
        await asyncio.sleep(0.3)
        home.write(text="Between two looks")
        # One server tells times in whole seconds.
        await asyncio.sleep(1.1)
        await hass.config_entries.async_reload(home.entry.entry_id)
        await until(lambda: "Between two looks" in home.texts())


async def test_another_token(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """What waits to go out is sent with the token that is right by then."""
    entry, instance = coordinator.config_entry, instance_of(emulator, "green_api")
    assert isinstance(instance, GreenApiInstance)
    may_go = asyncio.Event()
    first = asyncio.create_task(coordinator.outbox.send(may_go.wait))
    await asyncio.sleep(0)
    sending = send(hass, "Hello")
    await until(lambda: coordinator.outbox.waiting == 2)
    instance.token = "f" * 50
    credentials = {**entry.data["credentials"], "token": instance.token}
    hass.config_entries.async_update_entry(entry, data={**entry.data, "credentials": credentials})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    may_go.set()
    await asyncio.gather(first, sending)
    assert [message.text for message in emulator.phone.messages()] == ["Hello"]


@pytest.mark.parametrize("ends", ["disabled", "removed"])
async def test_end_of_the_queue(hass: HomeAssistant, browser: Browser, emulator: Emulator, ends: str) -> None:
    """What waits to go out when an instance is disabled or removed is not sent, which is said."""
    async with home_with(hass, emulator, "waha", Way.STREAM) as home:
        may_go = asyncio.Event()
        first = asyncio.create_task(home.coordinator.outbox.send(may_go.wait))
        await asyncio.sleep(0)
        outbox = home.coordinator.outbox
        sending = asyncio.create_task(home.send("Hello"))
        await until(lambda: outbox.waiting == 2)
        if ends == "disabled":
            await hass.config_entries.async_set_disabled_by(home.entry.entry_id, ConfigEntryDisabler.USER)
        else:
            await hass.config_entries.async_remove(home.entry.entry_id)
        may_go.set()
        await first
        with pytest.raises(HomeAssistantError) as caught:
            await sending
        assert caught.value.translation_key == "instance_not_loaded"
        assert emulator.phone.messages() == []
        if ends == "disabled":
            await hass.config_entries.async_set_disabled_by(home.entry.entry_id, None)
            await home.send("Hello again")
            assert [message.text for message in emulator.phone.messages()] == ["Hello again"]


async def test_disabled_without_being_set_up(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """Of an instance that is disabled while it cannot be set up, nothing is left either."""
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await home.hears()
        emulator.faults.add("evolution", "refused_connection", 1000)
        await hass.config_entries.async_reload(home.entry.entry_id)
        assert home.entry.state is ConfigEntryState.SETUP_RETRY
        async_raise_issue(hass, home.entry, Issue.WEBHOOK_REFUSED, reason="for a test")
        path = f"/api/webhook/{home.entry.data['webhook']['id']}"
        assert (await browser.post(path)).status == HTTPStatus.SERVICE_UNAVAILABLE
        await hass.config_entries.async_set_disabled_by(home.entry.entry_id, ConfigEntryDisabler.USER)
        assert (await browser.post(path)).status == HTTPStatus.OK
        assert ir.async_get(hass).issues == {}


# --- mistakes --------------------------------------------------------------------------------------


async def test_mistake_while_listening(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake of ours is told in the log without anybody's words. It ends nothing, and the entry can be loaded anew."""
    async with home_with(hass, emulator, "green_api", Way.STREAM) as home:
        await home.hears()
        read = GreenApi._news_in  # noqa: SLF001 # a place where there might be one
        mistakes: list[str] = []

        def mistaken(gateway: GreenApi, content: Any) -> Any:
            mistakes.append("one")
            if len(mistakes) == 1:
                raise KeyError(str(content))
            return read(gateway, content)

        monkeypatch.setattr(GreenApi, "_news_in", mistaken)
        home.write(text="Secret words")
        await until(lambda: home.texts() == ["Secret words"])
        logged = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert [message.splitlines()[0] for message in logged] == ["Listening ended: KeyError"]
        assert "mistaken" in logged[0]
        assert "Secret words" not in logged[0]
        await hass.config_entries.async_reload(home.entry.entry_id)
        await home.hears()


async def test_mistake_of_who_hears(
    hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, caplog: pytest.LogCaptureFixture
) -> None:
    """Who cannot take an event does not keep it from all others."""
    heard: list[str] = []

    def mistaken(each: Event) -> None:
        raise KeyError(each.text)

    coordinator.inbox.watch(mistaken)
    coordinator.inbox.listen(mistaken)
    coordinator.inbox.listen(lambda each: heard.append(each.text))
    await tell(coordinator, text="Secret words")
    assert heard == ["Secret words"]
    assert caplog.text.count("An event was not taken: KeyError") == 2
    ours = [record.getMessage() for record in caplog.records if record.name.endswith(".inbox")]
    assert not any("Secret words" in message for message in ours)


async def test_mistake_while_a_call_is_taken(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be taken of a call is told in the log, and does not keep back the rest."""
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await home.hears()
        take = Inbox.async_take

        async def mistaken(inbox: Inbox, event: Event) -> bool:
            if event.text == "Secret words":
                raise KeyError(event.text)
            return await take(inbox, event)

        monkeypatch.setattr(Inbox, "async_take", mistaken)
        home.write(text="Secret words")
        home.write(text="and others")
        await until(lambda: home.texts() == ["and others"])
        assert "A call was not taken: KeyError" in caplog.text
        ours = [record.getMessage() for record in caplog.records if record.name.endswith(".webhook")]
        assert not any("Secret words" in message for message in ours)


async def test_call_in_the_midst(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is being taken when the entry is loaded anew is refused, so it is told again, and told once.

    It must not get through just when there are no entities any more that could tell of it.
    """
    unload = hass.config_entries.async_unload_platforms
    async with home_with(hass, emulator, "evolution", Way.WEBHOOK) as home:
        await home.hears()
        # As while a number is looked for.
        turn = home.coordinator.inbox._turn  # noqa: SLF001 # there is no other way to end in its midst
        await turn.acquire()

        async def unload_and_go_on(*platforms: Any) -> bool:
            unloaded = await unload(*platforms)
            turn.release()
            await asyncio.sleep(0.05)
            return unloaded

        home.write(text="In the midst")
        await until(lambda: any(task.get_name().endswith("taking a call") for task in asyncio.all_tasks()))
        monkeypatch.setattr(hass.config_entries, "async_unload_platforms", unload_and_go_on)
        await hass.config_entries.async_reload(home.entry.entry_id)
        monkeypatch.undo()
        await until(lambda: home.texts() == ["In the midst"])
        await home.hears()
