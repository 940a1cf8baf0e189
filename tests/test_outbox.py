"""Messages go out in order, one at a time, with a pause after each, and each arrives once or is an error."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
import logging
from pathlib import Path
import time
from typing import override

from aiohttp import ClientTimeout
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from homeassistant.components.notify import DATA_COMPONENT, NotifyEntity
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.whatsapp_link import outbox
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS, http, wachat
from tests.conftest import TIME_SCALE, every_gateway, instance_of
from tests.emulator import Emulator
from tests.emulator.green_api_instance import FREE_CHATS, GreenApiInstance
from tests.emulator.model import Kind
from tests.emulator.wawp_instance import WawpInstance
from tests.test_entities import state_of, until
from tests.test_services import ADA, ROBIN, act, loaded, recipient, refused

# What the emulator calls the request that sends a text.
SENDS = {
    "green_api": "sendMessage",
    "wawp": "send/text",
    "wachat": "send/text",
    "wasend": "sendText",
    "whatsapp_api": "send",
    "waha": "sendText",
    "evolution": "message/sendText",
}


@pytest.fixture(autouse=True)
def retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again as much sooner as the emulator's clock is faster."""
    monkeypatch.setattr(outbox, "_RETRY_AFTER", (0.1, 0.25, 0.75))


@pytest.fixture
async def home(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[MockConfigEntry]:
    """Return the entry of a WAHA server with two recipients."""
    recipients = (recipient("Robin", ROBIN), recipient("Ada", ADA))
    async with loaded(hass, instance_of(emulator, "waha"), *recipients) as entry:
        emulator.requests.reset()
        yield entry


async def send(hass: HomeAssistant, text: str, entity_id: str = "notify.robin") -> None:
    """Send a text by our own action."""
    await act(hass, "send_message", message=text, entity_id=entity_id)


async def notify(hass: HomeAssistant, text: str, entity_id: str = "notify.robin") -> None:
    """Send a text by Home Assistant's own action."""
    call = {"message": text, "entity_id": entity_id}
    await hass.services.async_call("notify", "send_message", call, blocking=True)


def texts(emulator: Emulator) -> list[str]:
    """Return the texts on the phones, in the order in which they arrived."""
    return [message.text for message in emulator.phone.messages()]


# Seconds between two looks at the clock.
_BEAT = 0.001


class Heartbeat:
    """Looks at the clock as often as it gets a chance to, and at how many requests are being answered."""

    def __init__(self, emulator: Emulator, method: str) -> None:
        """Take the kind of request to look at."""
        self.most_at_once = 0
        self._longest = 0.0
        self._beats = 0
        self._emulator = emulator
        self._method = method

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Beat for as long as the context lasts."""
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()

    async def longest_so_far(self) -> float:
        """Return the longest stall since this was last asked for, in seconds."""
        beats = self._beats
        await until(lambda: self._beats > beats)
        longest, self._longest = self._longest, 0.0
        return longest

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.perf_counter()
            self._longest, last = max(self._longest, now - last - _BEAT), now
            self._beats += 1
            running = sum(
                entry.status is None for entry in self._emulator.requests.entries if entry.method == self._method
            )
            self.most_at_once = max(self.most_at_once, running)


# --- order and pace --------------------------------------------------------------------------------


async def test_burst(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, report: list[str]
) -> None:
    """A hundred at once, by both actions, to two recipients, all arrive in order, and nothing else has to wait.

    That there are a hundred calls at once costs the same whoever is called, so that is measured for itself.
    """
    gap = 0.01
    monkeypatch.setattr(GATEWAYS["waha"], "pace", replace(GATEWAYS["waha"].pace, gap=gap))
    recipients = (recipient("Robin", ROBIN), recipient("Ada", ADA))
    heart = Heartbeat(emulator, "sendText")
    async with loaded(hass, instance_of(emulator, "waha"), *recipients) as entry, heart.beating():
        by_core = await _stall_of_core(hass, heart)
        emulator.requests.reset()
        waiting = entry.runtime_data.outbox
        started = time.perf_counter()
        sending = asyncio.gather(
            *(
                (send, notify)[number % 2](hass, str(number), ("notify.robin", "notify.ada")[number % 3 == 0])
                for number in range(100)
            )
        )
        await until(lambda: waiting.waiting + len(texts(emulator)) >= 100)
        by_calls = await heart.longest_so_far()
        await sending
        by_sending = await heart.longest_so_far()
        took = time.perf_counter() - started
    report.append(f"100 messages sent in {took:.2f} s; longest stalls of the event loop:")
    report.append(f"{by_calls * 1000:4.0f} ms while 100 calls are made at once")
    report.append(f"{by_core * 1000:4.0f} ms while 100 calls are made at once of an entity that does nothing")
    report.append(f"{by_sending * 1000:4.0f} ms while the messages go out (goal: less than 20 ms)")
    assert texts(emulator) == [str(number) for number in range(100)]
    assert heart.most_at_once <= 1
    assert max(by_calls, by_sending) < 0.5
    begins = [entry.at * TIME_SCALE for entry in emulator.requests.entries if entry.method == "sendText"]
    assert len(begins) == 100
    assert min(later - earlier for earlier, later in pairwise(begins)) > 0.95 * gap


class Idle(NotifyEntity):
    """Takes messages and does nothing."""

    entity_id = "notify.idle"

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None: ...


async def _stall_of_core(hass: HomeAssistant, heart: Heartbeat) -> float:
    """Return how long the event loop stalls for what Home Assistant itself does of a hundred calls."""
    await hass.data[DATA_COMPONENT].async_add_entities([Idle()])
    await heart.longest_so_far()
    await asyncio.gather(*(notify(hass, str(number), "notify.idle") for number in range(100)))
    return await heart.longest_so_far()


async def test_waiting(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Who switches the counter on sees how many messages have not gone out yet; one that fails waits no longer."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id("sensor", DOMAIN, f"{home.entry_id}_waiting")
    assert entity_id
    assert hass.states.get(entity_id) is None
    registry.async_update_entity(entity_id, disabled_by=None)
    await hass.config_entries.async_reload(home.entry_id)
    await hass.async_block_till_done()
    assert state_of(hass, entity_id) == "0"
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    emulator.faults.add("waha", "422", method="sendText")
    await asyncio.gather(*(send(hass, str(number)) for number in range(3)), return_exceptions=True)
    await hass.async_block_till_done()
    states = [event.data["new_state"] for event in changes if event.data["entity_id"] == entity_id]
    counts = [state.state for state in states if state]
    assert counts == ["1", "2", "3", "2", "1", "0"]
    assert texts(emulator) == ["1", "2"]


async def test_slow_gateway(hass: HomeAssistant, emulator: Emulator) -> None:
    """Where the gateway types for a while before it answers, the next message waits for that."""
    heart = Heartbeat(emulator, "send/text")
    async with loaded(hass, instance_of(emulator, "wachat"), recipient("Robin", ROBIN)), heart.beating():
        await asyncio.gather(*(send(hass, str(number)) for number in range(5)))
    assert texts(emulator) == ["0", "1", "2", "3", "4"]
    assert heart.most_at_once == 1


async def test_changes_keep_their_turn(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """What is done to a message, or shown in the chat, does not overtake what was sent before."""
    await send(hass, "First")
    (first,) = emulator.phone.messages()
    await asyncio.gather(
        send(hass, "Second"),
        act(hass, "react", message_id=first.id, emoji="👍", entity_id="notify.robin"),
        act(hass, "send_poll", question="Third?", options=["Yes", "No"], entity_id="notify.robin"),
        act(hass, "edit_message", message_id=first.id, message="Fourth", entity_id="notify.robin"),
        notify(hass, "Fifth"),
    )
    kinds = [message.kind for message in emulator.phone.messages()]
    assert kinds == [Kind.TEXT, Kind.TEXT, Kind.REACTION, Kind.POLL, Kind.EDITED, Kind.TEXT]


async def test_instances_do_not_wait_for_each_other(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry
) -> None:
    """Each instance has its own turns: one that is out of reach holds up nobody else."""
    async with loaded(hass, instance_of(emulator, "evolution"), recipient("Bertil", "13035550143@c.us")):
        emulator.faults.add("waha", "429_retry_after", method="sendText", retry_after=5)
        waiting = hass.async_create_task(send(hass, "Later"))
        await until(lambda: emulator.requests.count("waha", "sendText") == 1)
        async with asyncio.timeout(4):
            await send(hass, "Now", "notify.bertil")
        assert texts(emulator) == ["Now"]
        waiting.cancel()


# --- trying again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("longest_wait_of_the_client", [5.0, 0.0])
async def test_retry_after(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    longest_wait_of_the_client: float,
) -> None:
    """When a gateway says how long to wait, that is obeyed, and the message arrives once, before all later ones."""
    monkeypatch.setattr(http, "_MAX_RATE_LIMIT_WAIT", longest_wait_of_the_client)
    emulator.faults.add("waha", "429_retry_after", method="sendText", retry_after=1)
    await asyncio.gather(send(hass, "First"), notify(hass, "Second"))
    assert texts(emulator) == ["First", "Second"]
    sends = [entry for entry in emulator.requests.entries if entry.method == "sendText"]
    refused_at, repeated_at, _ = [entry.at * TIME_SCALE for entry in sends]
    assert 0.99 < repeated_at - refused_at < 5


async def test_too_often(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """When it does not say how long, it takes a few tries."""
    emulator.faults.add("waha", "429", 4, method="sendText")
    await send(hass, "Hello")
    assert texts(emulator) == ["Hello"]
    assert emulator.requests.count("waha", "sendText") == 5


async def test_always_too_often(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At last it is an error, and the next message has its turn."""
    monkeypatch.setattr(outbox, "_RETRY_AFTER", (0.0, 0.0, 0.0))
    emulator.faults.add("waha", "429", 12, method="sendText")
    failing = refused(hass, "send_message", message="Hello", entity_id="notify.robin")
    error, _ = await asyncio.gather(failing, notify(hass, "Next"))
    assert error.translation_key == "rate_limited"
    assert texts(emulator) == ["Next"]


async def test_starting(hass: HomeAssistant, emulator: Emulator) -> None:
    """What is sent while the session starts anew, as after a change of its settings, goes out afterwards."""
    instance = instance_of(emulator, "green_api")
    assert isinstance(instance, GreenApiInstance)
    async with loaded(hass, instance, recipient("Robin", ROBIN)):
        instance.reboot()
        await asyncio.gather(send(hass, "First"), notify(hass, "Second"))
        await until(lambda: len(texts(emulator)) == 2)
    assert texts(emulator) == ["First", "Second"]


async def test_no_phone(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """A session that lost its phone will not start by itself: that is an error at once."""
    instance_of(emulator, "waha").unlink()
    error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
    assert error.translation_key == "session_failed"
    assert emulator.requests.count("waha", "sendText") == 1


@pytest.mark.parametrize("action", ["send_message", "send_media"])
async def test_no_phone_at_a_gateway_that_keeps_messages(
    hass: HomeAssistant, emulator: Emulator, tmp_path: Path, action: str
) -> None:
    """An alarm that GREEN-API would send a day later is an error now, and is not sent later."""
    instance = instance_of(emulator, "green_api")
    manual = tmp_path / "manual.pdf"
    manual.write_bytes(b"%PDF-1.4 made up")
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    given = {"message": "Hello"} if action == "send_message" else {"path": str(manual)}
    async with loaded(hass, instance, recipient("Robin", ROBIN)) as entry:
        instance.unlink()
        await entry.runtime_data.async_refresh()
        error = await refused(hass, action, **given, entity_id="notify.robin")
        assert error.translation_key == "session_unlinked"
        # Nobody has told us yet that there is a phone again.
        instance.link(instance.number)
        await act(hass, action, **given, entity_id="notify.robin")
        await until(lambda: bool(emulator.phone.messages()))
        await asyncio.sleep(0.2)
        assert len(emulator.phone.messages()) == 1


async def test_too_long_to_wait(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Nobody waits for minutes without a word: that is an error at once."""
    emulator.faults.add("waha", "429_retry_after", method="sendText", retry_after=301)
    async with asyncio.timeout(3):
        error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
    assert error.translation_key == "rate_limited"
    assert emulator.requests.count("waha", "sendText") == 1
    await send(hass, "Next")
    assert texts(emulator) == ["Next"]


@pytest.mark.parametrize("key", ["green_api", "wawp"])
async def test_quota(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Waiting does not help when the account has used up what it has paid for."""
    instance = instance_of(emulator, key)
    if isinstance(instance, GreenApiInstance):
        instance.options.tariff = "developer"
        instance.chats_used = {f"1303555010{number}@c.us" for number in range(FREE_CHATS)}
    if isinstance(instance, WawpInstance):
        instance.options.monthly_messages = 1
        instance.limits.count_message(policy_holds=False, per_month=1)
    async with loaded(hass, instance, recipient("Robin", ROBIN)):
        error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
    assert error.translation_key == "quota_exceeded"
    assert str(error).startswith(f"What this {GATEWAYS[key].name} account has paid for is used up: ")
    assert "1303555010" not in str(error)
    assert emulator.requests.count(key, SENDS[key]) == 1
    assert texts(emulator) == []


async def test_server_comes_back(hass: HomeAssistant, unused_tcp_port: int) -> None:
    """A message for a server that does not run is sent when it does, once, and so are those behind it."""
    async with AsyncExitStack() as stack:
        async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port) as emulator:
            await stack.enter_async_context(loaded(hass, instance_of(emulator, "green_api"), recipient("Robin", ROBIN)))
        sending = [hass.async_create_task(send(hass, text)) for text in ("First", "Second")]
        await asyncio.sleep(0.05)
        async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port) as emulator:
            instance = instance_of(emulator, "green_api")
            instance.link(instance.number)
            await asyncio.gather(*sending)
            await until(lambda: len(texts(emulator)) == 2)
            await asyncio.sleep(0.2)
            assert texts(emulator) == ["First", "Second"]
            assert emulator.requests.count(method="sendMessage") == 2


async def test_server_stays_away(hass: HomeAssistant, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not come back is an error, by either action, after so many tries."""
    monkeypatch.setattr(outbox, "_RETRY_AFTER", (0.05, 0.05, 0.05))
    async with AsyncExitStack() as stack:
        async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port) as emulator:
            await stack.enter_async_context(loaded(hass, instance_of(emulator, "evolution"), recipient("Robin", ROBIN)))
        started = hass.loop.time()
        error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
        assert error.translation_key == "cannot_connect"
        assert 0.15 < hass.loop.time() - started < 5
        with pytest.raises(HomeAssistantError, match="Evolution API does not answer"):
            await notify(hass, "Hello")


async def test_all_wait_for_a_server_that_stays_away(
    hass: HomeAssistant, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the first of many is tried again and again, until a server that came back is gone once more."""
    monkeypatch.setattr(outbox, "_RETRY_AFTER", (0.01, 0.01, 0.01))
    caplog.set_level(logging.DEBUG, logger=outbox.__name__)

    async def fail_to_send(count: int) -> None:
        sending = [send(hass, f"Message {number}") for number in range(count)]
        failed = await asyncio.gather(*sending, return_exceptions=True)
        assert [type(each) for each in failed] == [HomeAssistantError] * count
        assert caplog.text.count("A message is tried again") == 3
        caplog.clear()

    async with AsyncExitStack() as stack:
        async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port) as emulator:
            await stack.enter_async_context(loaded(hass, instance_of(emulator, "evolution"), recipient("Robin", ROBIN)))
        await fail_to_send(5)
        async with Emulator(time_scale=TIME_SCALE, port=unused_tcp_port) as emulator:
            instance = instance_of(emulator, "evolution")
            instance.link(instance.number)
            await send(hass, "The server is there again")
            assert caplog.text.count("A message is tried again") == 0
        await fail_to_send(2)


# --- never twice -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        *((key, fault) for key in GATEWAYS for fault in ("timeout", "502_html", "refused_connection")),
        *(
            ("waha", fault)
            for fault in ("500_html", "truncated_body", "malformed_json", "empty_200", "wrong_json_type")
        ),
    ],
)
async def test_never_twice(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str, fault: str
) -> None:
    """A message that may have gone out is an error and not sent again, however the gateway fails after it took it."""
    async with loaded(hass, instance_of(emulator, key), recipient("Robin", ROBIN)):
        monkeypatch.setattr(http, "_TIMEOUT", ClientTimeout(total=0.3))
        monkeypatch.setattr(wachat, "_SEND_TIMEOUT", 0.5)
        emulator.requests.reset()
        emulator.faults.add(key, fault, method=SENDS[key], acted_on=True)
        error = await refused(hass, "send_message", message="Hello", entity_id="notify.robin")
        assert error.translation_key in ("cannot_connect", "invalid_answer")
        await until(lambda: texts(emulator) == ["Hello"])
        # Longer than until the first try after this one.
        await asyncio.sleep(0.15)
        assert texts(emulator) == ["Hello"]
        assert emulator.requests.count(key, SENDS[key]) == 1


@every_gateway
async def test_not_acted_on(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Nor is one that got lost on the way, since nobody can tell; the next one arrives."""
    async with loaded(hass, instance_of(emulator, key), recipient("Robin", ROBIN)):
        emulator.faults.add(key, "refused_connection", method=SENDS[key])
        await refused(hass, "send_message", message="Lost", entity_id="notify.robin")
        await send(hass, "Found")
        await until(lambda: texts(emulator) == ["Found"])


# --- taken back ------------------------------------------------------------------------------------


async def test_cancelled(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken back while it waits, for its pause or its turn, is not sent, and holds up nobody."""
    monkeypatch.setattr(GATEWAYS["waha"], "pace", replace(GATEWAYS["waha"].pace, gap=0.8))
    async with loaded(hass, instance_of(emulator, "waha"), recipient("Robin", ROBIN)):
        await send(hass, "First")
        waiting = [
            hass.async_create_task(way(hass, text))
            for way, text in ((send, "in the pause"), (notify, "behind it"), (send, "Last"))
        ]
        await asyncio.sleep(0.1)
        assert texts(emulator) == ["First"]
        for task in waiting[:2]:
            task.cancel()
        async with asyncio.timeout(3):
            await waiting[2]
        assert texts(emulator) == ["First", "Last"]
        assert [task.cancelled() for task in waiting] == [True, True, False]
        assert emulator.requests.count("waha", "sendText") == 2


async def test_cancelled_before_the_next_try(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """The same goes for one that waits to be tried again."""
    emulator.faults.add("waha", "429_retry_after", method="sendText", retry_after=30)
    waiting = hass.async_create_task(send(hass, "Never"))
    await until(lambda: emulator.requests.count("waha", "sendText", status=429) == 1)
    behind = hass.async_create_task(send(hass, "Hello"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    async with asyncio.timeout(3):
        await behind
    assert texts(emulator) == ["Hello"]
