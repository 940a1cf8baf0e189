"""What a person does in Home Assistant's frontend and on the phone, as calls over HTTP."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
import time
from types import TracebackType
from typing import Any, Self

import aiohttp
from PIL import Image
import zxingcpp

from .processes import RigError

_USER = {"name": "Demo", "username": "demo", "password": "demo", "language": "en"}

type Json = dict[str, Any]

# GREEN-API restarts an instance when it is told what to notify of, and sends nothing meanwhile.
_READY: Json = {"green_api": {"settings_seconds": 0}}


def decode_qr(png: bytes) -> str:
    """Return the text of the code in a picture. Raises RigError when no scanner would find one.

    Not inverted, as a phone's scanner reads it.
    """
    found = zxingcpp.read_barcodes(Image.open(BytesIO(png)).convert("RGB"), try_invert=False)
    if not found:
        raise RigError("there is no readable code in the picture")
    return found[0].text


async def wait_for[T](what: str, look: Callable[[], Awaitable[T | None]], seconds: float = 20) -> T:
    """Return what `look` finds. Raises RigError when there is nothing in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(0.05)
    raise RigError(f"{what}: nothing after {seconds:.0f} s")


class _Client:
    """JSON over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Return the JSON of an answer. Raises RigError for a status of 400 or more."""
        async with self._session.request(method, self.url + path, json=body, **options) as response:
            if response.status >= 400:
                raise RigError(f"{method} {path.partition('?')[0]}: HTTP {response.status} {await response.text()}")
            return await response.json(content_type=None)

    async def fetch(self, path: str) -> bytes:
        """Return the body of an answer. Raises RigError for a status of 400 or more."""
        async with self._session.get(self.url + path) as response:
            if response.status >= 400:
                raise RigError(f"GET {path.partition('?')[0]}: HTTP {response.status}")
            return await response.read()


class Phone(_Client):
    """The emulated phone."""

    async def instances(self, gateway: str) -> list[Json]:
        """Return the instances of a gateway, each with the credentials to type in."""
        found: list[Json] = await self.call("GET", "/phone/instances")
        return [instance for instance in found if instance["gateway"] == gateway]

    async def create_instance(self, gateway: str, *, linked: bool = False, **chosen: str) -> Json:
        """Make another instance, which waits for a phone, or is linked already and ready to send.

        Its number and what else can be chosen is made up if it is not.
        """
        wanted = {"gateway": gateway, "linked": linked, "options": _READY.get(gateway, {}) if linked else {}} | chosen
        made: Json = await self.call("POST", "/phone/instances", wanted)
        return made

    async def scan(self, qr_text: str) -> None:
        """Scan a code."""
        await self.call("POST", "/phone/scan", {"qr": qr_text})

    async def enter_code(self, code: str) -> None:
        """Type a pairing code."""
        await self.call("POST", "/phone/enter-code", {"code": code})

    async def unlink(self, instance: str) -> None:
        """Remove the linked device."""
        await self.call("POST", "/phone/unlink", {"instance": instance})

    async def write(self, instance: str, sender: str, text: str) -> None:
        """Have somebody write to an instance."""
        await self.call("POST", "/phone/messages", {"instance": instance, "from": sender, "text": text})

    async def write_any(self, instance: str, **message: Any) -> None:
        """Have somebody write to an instance, or its owner to somebody, what is no plain text."""
        await self.call("POST", "/phone/messages", {"instance": instance} | message)

    async def break_next(self, gateway: str, fault: str, method: str, *, acted_on: bool = False) -> None:
        """Have the next answer to a method of a gateway be broken, perhaps after it was acted on."""
        broken = {"gateway": gateway, "fault": fault, "method": method, "acted_on": acted_on}
        await self.call("POST", "/phone/faults", broken)

    async def messages(self, instance: str) -> list[Json]:
        """Return what arrived on phones, oldest first."""
        messages: list[Json] = await self.call("GET", f"/phone/messages?instance={instance}")
        return messages

    async def arrived(self, instance: str, count: int = 1) -> list[Json]:
        """Return what arrived, once there are so many. Raises RigError when there are not in time."""

        async def look() -> list[Json] | None:
            messages = await self.messages(instance)
            return messages if len(messages) >= count else None

        return await wait_for(f"{count} messages on the phone", look)

    async def requests(self, gateway: str, *, answered: bool = False) -> dict[str, int]:
        """Return how often each method of a gateway was called, or answered, since `forget_requests`."""
        counts: dict[str, dict[str, int]] = await self.call("GET", f"/phone/requests{'?answered' if answered else ''}")
        return counts.get(gateway, {})

    async def forget_requests(self) -> None:
        """Count from now on."""
        await self.call("DELETE", "/phone/requests")


class HomeAssistant(_Client):
    """A Home Assistant, signed in as its owner."""

    def __init__(self, url: str) -> None:
        """Take the address; call `onboard` first."""
        super().__init__(url)
        self.tokens: Json = {}
        self.client_id = f"{url}/"

    async def onboard(self) -> None:
        """Make the owner and go through the questions of the first start."""
        user = _USER | {"client_id": self.client_id}
        created = await self.call("POST", "/api/onboarding/users", user)
        grant = {"grant_type": "authorization_code", "code": created["auth_code"], "client_id": self.client_id}
        async with self._session.post(f"{self.url}/auth/token", data=grant) as response:
            self.tokens = await response.json()
        self._session.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
        await self.call("POST", "/api/onboarding/core_config")
        await self.call("POST", "/api/onboarding/analytics")
        redirect = {"client_id": self.client_id, "redirect_uri": f"{self.url}/?auth_callback=1"}
        await self.call("POST", "/api/onboarding/integration", redirect)
        await self._remove_gifts()
        # Where a gateway finds it that fetches files from it or tells it what happens.
        await self.command("config/core/update", internal_url=self.url)

    async def _remove_gifts(self) -> None:
        """Remove what onboarding adds by itself: text-to-speech and weather of the cloud, which only fail here."""
        gifts = await wait_for("what onboarding adds", self._gifts, 10)
        for entry in gifts:
            await self.remove(entry["entry_id"])

    async def _gifts(self) -> list[Json] | None:
        entries = await self.call("GET", "/api/config/config_entries/entry")
        return [entry for entry in entries if entry["source"] == "onboarding"] or None

    async def command(self, kind: str, **fields: Any) -> Any:
        """Send one command over the websocket and return its result."""
        async with self._websocket() as socket:
            await socket.send_json({"id": 1, "type": kind} | fields)
            answer = await socket.receive_json()
            if not answer["success"]:
                raise RigError(f"{kind}: {answer['error']['message']}")
            return answer["result"]

    @asynccontextmanager
    async def _websocket(self) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.tokens["access_token"]})
            await socket.receive_json()
            yield socket

    async def entries(self, domain: str) -> list[Json]:
        """Return the entries of an integration."""
        entries: list[Json] = await self.call("GET", f"/api/config/config_entries/entry?domain={domain}")
        return entries

    async def remove(self, entry_id: str) -> None:
        """Remove an entry."""
        await self.call("DELETE", f"/api/config/config_entries/entry/{entry_id}")

    async def reload(self, entry_id: str) -> None:
        """Load an entry anew."""
        await self.call("POST", f"/api/config/config_entries/entry/{entry_id}/reload")

    async def start_flow(self, domain: str) -> Json:
        """Begin to add an integration."""
        step: Json = await self.call("POST", "/api/config/config_entries/flow", {"handler": domain})
        return step

    async def flow(self, flow_id: str, user_input: Mapping[str, Any] | None = None) -> Json:
        """Answer a step; without an answer, look at it."""
        return await self._step("/api/config/config_entries/flow", flow_id, user_input)

    async def set_options(self, entry_id: str, options: Json) -> None:
        """Fill in the options of an entry."""
        path = "/api/config/config_entries/options/flow"
        step = await self.call("POST", path, {"handler": entry_id})
        await self._step(path, step["flow_id"], options)

    async def wanted_flow(self, entry_id: str) -> Json:
        """Return the first step of the flow in which an entry wants something, once there is one."""

        async def look() -> Json | None:
            flows: list[Json] = await self.command("config_entries/flow/progress")
            found = next((flow for flow in flows if flow["context"].get("entry_id") == entry_id), None)
            return await self.flow(found["flow_id"]) if found else None

        return await wait_for("a flow of the entry", look)

    async def subentry_flow(self, flow_id: str, user_input: Mapping[str, Any] | None = None) -> Json:
        """Answer a step of adding a recipient; without an answer, look at it."""
        return await self._step("/api/config/config_entries/subentries/flow", flow_id, user_input)

    @asynccontextmanager
    async def dialog(self, flow_id: str) -> AsyncGenerator[Dialog]:
        """Follow a flow as the browser does: told of a change, it fetches the step."""
        async with self._websocket() as socket:
            await socket.send_json({"id": 1, "type": "subscribe_events", "event_type": "data_entry_flow_progressed"})
            await socket.receive_json()
            yield Dialog(self, flow_id, socket)

    async def _step(self, path: str, flow_id: str, user_input: Mapping[str, Any] | None) -> Json:
        method = "GET" if user_input is None else "POST"
        step: Json = await self.call(method, f"{path}/{flow_id}", user_input)
        return step

    async def state(self, entity_id: str) -> Json | None:
        """Return the state of an entity, if there is one."""
        states: list[Json] = await self.call("GET", "/api/states")
        return next((state for state in states if state["entity_id"] == entity_id), None)

    async def wait_for_state(self, entity_id: str, wanted: str, seconds: float = 20) -> Json:
        """Wait until an entity has a state."""

        async def look() -> Json | None:
            state = await self.state(entity_id)
            return state if state and state["state"] == wanted else None

        return await wait_for(f"{entity_id} is {wanted}", look, seconds)

    @asynccontextmanager
    async def told(self, entity_id: str) -> AsyncGenerator[Callable[[], Awaitable[Json]]]:
        """Give what waits for the next state of an entity; none is missed from now on."""
        trigger = {"trigger": "state", "entity_id": entity_id}
        async with self._websocket() as socket:
            await socket.send_json({"id": 1, "type": "subscribe_trigger", "trigger": trigger})
            await socket.receive_json()

            async def next_state() -> Json:
                state: Json = (await socket.receive_json())["event"]["variables"]["trigger"]["to_state"]
                return state

            yield next_state

    async def diagnostics(self, entry_id: str) -> Json:
        """Return what an entry's file for bug reports says."""
        file = await self.call("GET", f"/api/diagnostics/config_entry/{entry_id}")
        told: Json = file["data"]
        return told

    async def system_health(self) -> list[Json]:
        """Return what the page on the system's health is told, until all of it is there."""
        told: list[Json] = []
        async with self._websocket() as socket:
            await socket.send_json({"id": 1, "type": "system_health/info"})
            while not told or told[-1].get("event", {}).get("type") != "finish":
                told.append(await socket.receive_json())
        return told

    async def add_automation(self, alias: str, event: str, actions: list[Json]) -> None:
        """Make an automation that an event starts, as the automation editor saves it."""
        automation = {"alias": alias, "triggers": [{"trigger": "event", "event_type": event}], "actions": actions}
        await self.call("POST", f"/api/config/automation/config/{event}", automation)

    async def entities(self, entry_id: str) -> list[Json]:
        """Return what the registry knows of the entities of an entry."""
        entities: list[Json] = await self.command("config/entity_registry/list")
        return [entity for entity in entities if entity["config_entry_id"] == entry_id]

    async def entity_id(self, entry_id: str, key: str) -> str:
        """Return the entity of an entry whose name stands under this key in the translations."""
        entities = await self.entities(entry_id)
        return next(str(entity["entity_id"]) for entity in entities if entity["translation_key"] == key)

    async def refresh(self, entity_id: str) -> None:
        """Make an entity look now, instead of at its next turn."""
        await self.call("POST", "/api/services/homeassistant/update_entity", {"entity_id": entity_id})

    async def perform(self, action: str, data: Json) -> Json:
        """Perform an action that answers, and return its answer."""
        path = f"/api/services/{action.replace('.', '/')}?return_response"
        answer = await self.call("POST", path, data)
        response: Json = answer["service_response"]
        return response

    async def act(self, action: str, data: Json) -> None:
        """Perform an action that does not answer."""
        await self.call("POST", f"/api/services/{action.replace('.', '/')}", data)

    async def fire(self, event: str) -> None:
        """Fire an event."""
        await self.call("POST", f"/api/events/{event}", {})


class Dialog:
    """The dialog of one flow, which moves on by itself."""

    def __init__(self, hass: HomeAssistant, flow_id: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take the websocket on which changes are told."""
        self._hass = hass
        self._flow_id = flow_id
        self._socket = socket
        self._step: Json | None = None

    async def until[T](self, what: str, look: Callable[[Json], T | None], seconds: float = 20) -> T:
        """Return what `look` finds in a step. Raises RigError when no step has it in time."""
        try:
            async with asyncio.timeout(seconds):
                if self._step is None:
                    self._step = await self._hass.flow(self._flow_id)
                while (found := look(self._step)) is None:
                    await self._told()
                    # Only now: whoever asks while Home Assistant itself moves the flow on may find it gone.
                    self._step = await self._hass.flow(self._flow_id)
                return found
        except TimeoutError:
            pass
        raise RigError(f"{what}: nothing after {seconds:.0f} s")

    async def _told(self) -> None:
        while (await self._socket.receive_json())["event"]["data"]["flow_id"] != self._flow_id:
            pass


def qr_picture(step: Json) -> bytes | None:
    """Return the picture that a step shows, if it shows one."""
    placeholders = step.get("description_placeholders") or {}
    _, found, encoded = placeholders.get("qr_code", "").partition("base64,")
    return base64.b64decode(encoded.rstrip(")")) if found else None
