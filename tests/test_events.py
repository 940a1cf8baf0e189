"""From the phone to Home Assistant: what each gateway tells, in each way that it has, and what automations get of it."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event as BusEvent, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link import receiving
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import GATEWAYS, green_api, waha_polling, whatsapp_api
from custom_components.whatsapp_link.gateways.capability import Capability, Feature, Way
from custom_components.whatsapp_link.gateways.events import EventKind
from tests.conftest import TIME_SCALE, entry_of, instance_of
from tests.emulator import Emulator
from tests.emulator.instance import Instance
from tests.emulator.model import Message
from tests.emulator.people import GROUPS
from tests.test_entities import until
from tests.test_services import recipient

ADA = "+13035550142"
ADAS_CHAT = "13035550142@c.us"
# Nobody with this number uses WhatsApp.
NOBODY = "+13035550199"
FAMILY = GROUPS[0].chat_id
LOOK_EVERY = 0.05

WAYS = [(key, way) for key, gateway in GATEWAYS.items() for way in gateway.ways]
every_way = pytest.mark.parametrize(("key", "way"), WAYS, ids=[f"{key}-{way}" for key, way in WAYS])


type Browser = TestClient[Any, Any]


@dataclass
class Home:
    """A Home Assistant that receives from one instance, and the phones on the other side."""

    hass: HomeAssistant
    emulator: Emulator
    instance: Instance
    entry: MockConfigEntry
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def coordinator(self) -> WhatsAppLinkCoordinator:
        """The coordinator of the entry as it is loaded now."""
        coordinator: WhatsAppLinkCoordinator = self.entry.runtime_data
        return coordinator

    def comes_by(self, way: Way | None) -> bool:
        """Whether the entry is loaded, which it is not while it is loaded anew, and receives in a certain way."""
        return self.entry.state is ConfigEntryState.LOADED and self.coordinator.receiving.way is way

    @property
    def where(self) -> str:
        """What the phone calls the instance."""
        return f"{self.instance.gateway}/{self.instance.id}"

    def entity(self, unique: str) -> str:
        """Return an event entity of the entry: of the instance or of a recipient."""
        found = er.async_get(self.hass).async_get_entity_id("event", DOMAIN, f"{self.entry.entry_id}_{unique}")
        assert found
        return found

    def listen(self) -> None:
        """Begin to note what the event entities tell."""

        @callback
        def note(event: BusEvent[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            # What an entity comes back with after a reload is nothing new.
            if new and old and new.domain == "event" and STATE_UNAVAILABLE not in (old.state, new.state):
                self.told.append((new.entity_id, new.attributes))

        self.hass.bus.async_listen(EVENT_STATE_CHANGED, note)

    def seen(self, unique: str = "event") -> list[Mapping[str, Any]]:
        """Return what an entity has told since it was last cleared."""
        entity_id = self.entity(unique)
        return [attributes for told_by, attributes in self.told if told_by == entity_id]

    def write(self, **content: Any) -> Message:
        """Have Ada do something, as the phone's control route has it."""
        return self.emulator.someone_writes({"instance": self.where, "from": ADA, **content})

    async def hears(self, seconds: float = 8) -> None:
        """Wait until what the phone does gets here; what came before is forgotten."""
        async with asyncio.timeout(seconds):
            while True:
                probe = self.write(text="Can you hear me?").id
                for _ in range(30):
                    await asyncio.sleep(0.01)
                    if any(probe in told["message_id"] for told in self.seen() if "message_id" in told):
                        self.told.clear()
                        return

    async def next(self, kind: EventKind, unique: str = "ada_event", **like: Any) -> Mapping[str, Any]:
        """Wait for what an entity tells of a kind and is like that; it is forgotten then, with all before it."""

        def found() -> Iterator[Mapping[str, Any]]:
            for told in self.seen(unique):
                if told["event_type"] == kind and all(told.get(name) == value for name, value in like.items()):
                    yield told

        await until(lambda: any(found()))
        first = next(found())
        self.told.clear()
        return first

    async def act(self, action: str, **data: Any) -> Any:
        """Call an action with Ada as its target."""
        data = {"entity_id": "notify.ada", **data}
        answers = action.startswith("send_")
        return await self.hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=answers)

    async def send(self, text: str, action: str = "send_message", **data: Any) -> str:
        """Send to Ada and return the id of the message."""
        answer = await self.act(action, **({"message": text} if action == "send_message" else {}), **data)
        message_id: str = answer["messages"][0]["message_id"]
        return message_id

    def texts(self, unique: str = "event") -> list[str]:
        """Return the texts that an entity has told of."""
        return [told["text"] for told in self.seen(unique) if told["event_type"] == EventKind.TEXT]

    def on_phone(self) -> Message:
        """Return the last message that arrived on a phone."""
        return self.emulator.phone.messages(self.where)[-1]

    async def send_in_vain(self) -> str:
        """Send something that WhatsApp gives back, and return its id."""
        options: Any = self.instance.options  # type: ignore[attr-defined] # as all but one have it
        if self.instance.gateway == "green_api":
            answer = await self.act("send_message", message="Hello", entity_id=[], chats=[NOBODY])
            message_id: str = answer["messages"][0]["message_id"]
            return message_id
        if self.instance.gateway in ("evolution", "wachat"):
            options.refuses_restricted = True
            self.emulator.phone.limit(self.where)
        else:
            options.acks_fail = True
        return await self.send("Hello")


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no longer than the emulator's clock asks for."""
    monkeypatch.setattr(receiving, "_REOPEN_AFTER", TIME_SCALE)
    monkeypatch.setattr(receiving, "_MAX_REOPEN_AFTER", 6 * TIME_SCALE)
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", LOOK_EVERY)
    monkeypatch.setattr(whatsapp_api, "_POLL_INTERVAL", LOOK_EVERY)
    monkeypatch.setattr(green_api, "_SETTLING", 6 * TIME_SCALE)


@pytest.fixture(name="browser")
async def open_browser(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> Browser:
    """Return a browser. Home Assistant knows its own address, at which the emulator reaches it."""
    # What is added to the server has to be there before it starts.
    for component in ("repairs", "diagnostics", "image", "websocket_api", DOMAIN):
        assert await async_setup_component(hass, component, {})
    client = await hass_client()
    hass.config.internal_url = str(client.make_url("")).rstrip("/")
    return client


@asynccontextmanager
async def home_with(
    hass: HomeAssistant, emulator: Emulator, key: str, way: str, **options: Any
) -> AsyncGenerator[Home]:
    """Load an instance with a phone, which is heard in a certain way. Ada and a group are recipients."""
    instance = instance_of(emulator, key)
    if key == "wawp":
        instance.options.plan = "free" if way in (Way.POLLING, "automatic") else "paid"  # type: ignore[attr-defined] # has plans
    instance.link(instance.number)
    recipients = (recipient("Ada", ADAS_CHAT), recipient("Family", FAMILY))
    entry = entry_of(instance, *recipients, options={"receiving": str(way), **options})
    entry.add_to_hass(hass)
    home = Home(hass, emulator, instance, entry)
    home.listen()
    await hass.config_entries.async_setup(entry.entry_id)
    try:
        yield home
    finally:
        await hass.async_block_till_done()
        if hass.config_entries.async_get_entry(entry.entry_id):
            await hass.config_entries.async_unload(entry.entry_id)


# --- what is told ----------------------------------------------------------------------------------

# Of all else that a phone can do each gateway tells, in each of its ways. Who looks now and then sees messages, and
# nothing that is done to them later; lists do not have all that events would.
NOT_TOLD: Mapping[tuple[str, Way], frozenset[EventKind]] = {
    ("wawp", Way.POLLING): frozenset(
        {
            EventKind.POLL,
            EventKind.POLL_VOTE,
            EventKind.REACTION,
            EventKind.EDITED,
            EventKind.DELETED,
            EventKind.CALL,
        }
    ),
    ("wachat", Way.WEBHOOK): frozenset({EventKind.EDITED, EventKind.DELETED, EventKind.CALL}),
    ("wasend", Way.POLLING): frozenset(
        {
            EventKind.LOCATION,
            EventKind.POLL_VOTE,
            EventKind.REACTION,
            EventKind.EDITED,
            EventKind.DELETED,
            EventKind.CALL,
        }
    ),
    ("waha", Way.POLLING): frozenset(
        {EventKind.POLL_VOTE, EventKind.REACTION, EventKind.EDITED, EventKind.DELETED, EventKind.CALL}
    ),
    ("whatsapp_api", Way.POLLING): frozenset(
        {
            EventKind.POLL_VOTE,
            EventKind.REACTION,
            EventKind.EDITED,
            EventKind.DELIVERED,
            EventKind.READ,
            EventKind.FAILED,
        }
    ),
}
# What else is missing: a list of messages has less in it.
WITHOUT: Mapping[str, frozenset[str]] = {
    "wawp": frozenset({"name", "address"}),
    "wasend": frozenset({"name", "options", "contact_name", "contact_number"}),
    "whatsapp_api": frozenset(
        {"file_name", "mime_type", "media_content_id", "latitude", "longitude", "place", "address", "options"}
    ),
    # WhatsApp gives names to documents only.
    "evolution": frozenset({"file_name"}),
    # Nor does Wachat's documentation show where files are.
    "wachat": frozenset({"file_name", "media_content_id"}),
}
FILES = ("image", "video", "audio", "voice", "document", "sticker")
# Nothing more is expected to come by then.
QUIET = 3.5 * LOOK_EVERY


class Story:
    """What the phone does, and what is told of it."""

    def __init__(self, home: Home, way: Way) -> None:
        """Begin with a message that Ada has got, which others may be about."""
        self.home = home
        self.gateway = GATEWAYS[home.instance.gateway]
        self.not_told = NOT_TOLD.get((self.gateway.key, way), frozenset())
        self.told: list[Mapping[str, Any]] = []
        # Whoever asks relies on what the gateway says of itself.
        assert home.coordinator.gateway.tells_votes(way) is (EventKind.POLL_VOTE not in self.not_told)

    async def expect(self, kind: EventKind, unique: str = "ada_event", **expected: Any) -> Mapping[str, Any]:
        """Check what is told of something that was just done; nothing, where nothing can be."""
        if kind in self.not_told:
            await asyncio.sleep(QUIET)
            assert kind not in [told["event_type"] for told in self.home.seen()]
            self.home.told.clear()
            return {}
        # Of several messages each has its receipts, at some time or other.
        about = {"about": expected["about"]} if kind.is_receipt else {}
        told = await self.home.next(kind, unique, **about)
        without = WITHOUT.get(self.gateway.key, frozenset())
        wanted = {name: value for name, value in expected.items() if name not in without or name in told}
        assert {name: told.get(name) for name in wanted} == wanted
        self.told.append(told)
        return told

    async def by_ada(self, kind: EventKind, **expected: Any) -> Mapping[str, Any]:
        """Check what is told of something that Ada did."""
        return await self.expect(
            kind, chat_id=ADAS_CHAT, sender=ADA.removeprefix("+"), from_me=False, is_group=False, **expected
        )


@every_way
async def test_everything(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
    key: str,
    way: Way,
) -> None:
    """From the phone to the event entities, and to the traces of an automation: all that somebody can do in a chat."""
    async with home_with(hass, emulator, key, way, senders="everyone") as home:
        await home.hears()
        await _load_automations(hass, {"received": _received(home, EventKind, "event", "ada_event", "family_event")})
        story = Story(home, way)
        await _messages(story)
        await _answers(story)
        await _receipts(story)
        await _group(story)
        await hass.async_block_till_done()
        traces = await _traces(await hass_ws_client(hass), "received")
        assert {trace["script_execution"] for trace in traces} == {"finished"}
        started_by = [_started_by(trace) for trace in traces]
        assert [told for told in story.told if told not in started_by] == []
        assert {told["event_type"] for told in story.told} == set(EventKind) - story.not_told


async def _messages(story: Story) -> None:
    home = story.home
    written = home.write(text="Hello")
    told = await story.by_ada(EventKind.TEXT, text="Hello")
    assert written.id in told["message_id"]
    home.write(edited={"message_id": written.id, "text": "Hello!"})
    await story.by_ada(EventKind.EDITED, text="Hello!", about=told["message_id"])
    home.write(deleted={"message_id": written.id})
    await story.by_ada(EventKind.DELETED, about=told["message_id"])
    for kind in FILES:
        home.write(media={"kind": kind, "caption": "Look", "file_name": f"{kind}.bin"})
        file = await story.by_ada(EventKind(kind), file_name=f"{kind}.bin")
        for name in ("mime_type", "media_content_id"):
            assert name in file or name in WITHOUT[story.gateway.key]
    home.write(location={"latitude": 52.5, "longitude": 13.4, "name": "Gate", "address": "Square 1"})
    await story.by_ada(EventKind.LOCATION, latitude=52.5, longitude=13.4, place="Gate", address="Square 1")
    home.write(contact={"name": "Bertil", "number": "+13035550143"})
    await story.by_ada(EventKind.CONTACT, contact_name="Bertil", contact_number="13035550143")
    home.write(call={"status": "offer"})
    await story.by_ada(EventKind.CALL)


async def _answers(story: Story) -> None:
    """Ids that are told are of use to answer, and ids that were answered with are those that are told about."""
    home, gateway = story.home, story.gateway
    asked = home.write(text="Are you there?")
    told = await story.by_ada(EventKind.TEXT)
    if Feature.REPLY in gateway.features:
        await home.send("Yes", reply_to=told["message_id"])
        assert asked.id in home.on_phone().quoted_id
    if Capability.SEND_REACTION in gateway.capabilities:
        await home.act("react", message_id=told["message_id"], emoji="👍")
        await until(lambda: home.on_phone().kind == "reaction")
        assert asked.id in home.on_phone().details["message_id"]
    sent = await home.send("Here I am")
    on_phone = home.on_phone().id
    home.write(text="Good", quoted_id=on_phone)
    reply = await story.by_ada(EventKind.TEXT, text="Good")
    assert reply.get("reply_to", "") == ("" if gateway.key == "whatsapp_api" else sent)
    for emoji in ("👍", ""):
        home.write(reaction={"message_id": on_phone, "emoji": emoji})
        await story.by_ada(EventKind.REACTION, text=emoji, about=sent)
    question = home.write(poll={"name": "Pizza?", "options": ["Yes", "No"]})
    poll = (await story.by_ada(EventKind.POLL, text="Pizza?", options=["Yes", "No"])).get("message_id")
    asked_id = question.id
    if Capability.SEND_POLL in gateway.capabilities:
        poll = await home.send("", "send_poll", question="Beer?", options=["Yes", "No"])
        asked_id = home.on_phone().id
    home.write(poll_vote={"message_id": asked_id, "name": "Beer?", "options": ["No"]})
    await story.by_ada(EventKind.POLL_VOTE, options=["No"], about=poll)
    home.write(poll_vote={"message_id": asked_id, "name": "Beer?", "options": []})
    await story.expect(EventKind.POLL_VOTE, options=[], about=poll)


async def _receipts(story: Story) -> None:
    home = story.home
    home.told.clear()
    sent = await home.send("Read this")
    await story.expect(EventKind.DELIVERED, chat_id=ADAS_CHAT, about=sent)
    home.emulator.phone.read(home.on_phone().id)
    await story.expect(EventKind.READ, chat_id=ADAS_CHAT, about=sent)
    unwanted = await home.send_in_vain()
    failed = await story.expect(EventKind.FAILED, "event", about=unwanted)
    assert failed.get("text") or story.gateway.key != "green_api"


async def _group(story: Story) -> None:
    """In a group it is said who of them wrote; the API server cannot be asked for groups."""
    story.home.write(text="Dinner!", chat=FAMILY)
    if story.gateway.key == "whatsapp_api":
        await asyncio.sleep(QUIET)
        assert story.home.seen() == []
        return
    number = ADA.removeprefix("+")
    await story.expect(
        EventKind.TEXT, "family_event", chat_id=FAMILY, sender=number, is_group=True, from_me=False, text="Dinner!"
    )


# --- own messages ----------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("wanted", [True, False])
async def test_own_messages(
    hass: HomeAssistant, browser: Browser, emulator: Emulator, key: str, way: Way, wanted: bool
) -> None:
    """What the owner types on the phone is told only to who asked for it; what Home Assistant sends never is."""
    async with home_with(hass, emulator, key, way, own_messages=wanted) as home:
        await home.hears()
        await home.send("Sent by Home Assistant")
        _, noticed = emulator.phone.write_own(home.where, ADAS_CHAT, "Typed on the phone")
        home.write(text="Typed by Ada")
        await until(lambda: "Typed by Ada" in home.texts())
        # Wasend's lists do not say what was typed and what was sent.
        shown = wanted and noticed and key != "wasend"
        assert home.texts() == [*(["Typed on the phone"] if shown else []), "Typed by Ada"]
        if shown:
            (own,) = (told for told in home.seen("ada_event") if told["from_me"])
            assert own["chat_id"] == ADAS_CHAT
            assert "sender" not in own


# --- hidden numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "way"),
    [(key, way) for key, way in WAYS if key in ("wawp", "waha", "evolution", "wachat")],
)
async def test_hidden_numbers(hass: HomeAssistant, browser: Browser, emulator: Emulator, key: str, way: Way) -> None:
    """Who is a recipient by number is recognised where WhatsApp hides it; number and opaque id are kept apart.

    Wasend has nothing to ask, and its lists name no number: there somebody whose number is hidden is a stranger.
    """
    instance_of(emulator, key).options.lids = True  # type: ignore[attr-defined] # as each of these has it
    async with home_with(hass, emulator, key, way) as home:
        await home.hears()
        home.write(text="Guess who")
        told = await home.next(EventKind.TEXT)
        assert (told["chat_id"], told["sender"]) == (ADAS_CHAT, ADA.removeprefix("+"))
        assert told["sender_lid"].endswith("@lid")


# --- automations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", GATEWAYS)
async def test_automation(
    hass: HomeAssistant,
    browser: Browser,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
    key: str,
) -> None:
    """An automation as the dialog makes it, by event and by state: its trace has all that the event tells."""
    async with home_with(hass, emulator, key, GATEWAYS[key].ways[0]) as home:
        await home.hears()
        triggers = {
            "received": _received(home, [EventKind.TEXT], "ada_event"),
            "changed": {"trigger": "state", "entity_id": home.entity("ada_event")},
        }
        await _load_automations(hass, triggers)
        ran = [async_capture_events(hass, f"ran_{name}") for name in triggers]
        home.write(media={"kind": "image", "caption": "No text"})
        home.write(text="Open the gate")
        await until(lambda: [len(events) for events in ran] == [1, 2])
        socket = await hass_ws_client(hass)
        for name in triggers:
            attributes = _started_by((await _traces(socket, name))[-1])
            assert (attributes["event_type"], attributes["text"]) == ("text", "Open the gate")
            assert attributes["chat_id"] == ADAS_CHAT
            assert attributes["message_id"]


async def test_number_in_an_action(hass: HomeAssistant, browser: Browser, emulator: Emulator) -> None:
    """The number that an event tells is of use in actions, written as the documentation has it."""
    async with home_with(hass, emulator, "waha", Way.STREAM) as home:
        await home.hears()
        number = "+ {{ trigger.to_state.attributes.sender }}"
        trigger = {"trigger": "event.received", "target": {"entity_id": home.entity("ada_event")}}
        actions = [
            {"action": f"{DOMAIN}.send_message", "data": {"message": "Hello", "chats": [number]}},
            {"action": f"{DOMAIN}.check_number", "data": {"phone": number}, "response_variable": "checked"},
            {"event": "checked", "event_data": {"chat_id": "{{ checked.chat_id }}"}},
        ]
        automation = {
            "alias": "Answer",
            "triggers": [{**trigger, "options": {"event_type": ["text"]}}],
            "actions": actions,
        }
        assert await async_setup_component(hass, "automation", {"automation": [automation]})
        checked = async_capture_events(hass, "checked")
        home.write(text="Hello?")
        await until(lambda: len(checked) == 1)
        assert checked[0].data["chat_id"] == ADAS_CHAT
        assert (home.on_phone().chat_id, home.on_phone().text) == (ADAS_CHAT, "Hello")


def _received(home: Home, kinds: Iterable[EventKind], *uniques: str) -> dict[str, Any]:
    """Return the trigger by which these event entities start an automation at events of these kinds."""
    entity_ids = [home.entity(unique) for unique in uniques]
    return {
        "trigger": "event.received",
        "target": {"entity_id": entity_ids},
        "options": {"event_type": [kind.value for kind in kinds]},
    }


async def _load_automations(hass: HomeAssistant, triggers: Mapping[str, Mapping[str, Any]]) -> None:
    """Load an automation for each trigger, which fires an event and keeps the traces of all its runs."""
    automations = [
        {
            "id": name,
            "alias": name,
            "mode": "parallel",
            "max": 100,
            "trace": {"stored_traces": 100},
            "triggers": [trigger],
            "actions": [{"event": f"ran_{name}"}],
        }
        for name, trigger in triggers.items()
    ]
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()


async def _traces(socket: Any, automation: str) -> list[dict[str, Any]]:
    """Return the traces of an automation's runs, the oldest first, as the browser gets them."""
    which = {"domain": "automation", "item_id": automation}
    await socket.send_json_auto_id({"type": "trace/list", **which})
    traces = []
    for run in (await socket.receive_json())["result"]:
        await socket.send_json_auto_id({"type": "trace/get", **which, "run_id": run["run_id"]})
        traces.append((await socket.receive_json())["result"])
    return traces


def _started_by(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the event entity that started a run."""
    variables = trace["trace"]["trigger/0"][0]["changed_variables"]
    attributes: dict[str, Any] = variables["trigger"]["to_state"]["attributes"]
    return attributes
