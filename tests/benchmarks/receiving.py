"""Messages that come in by webhook, one by one and many at once, and many that go out."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
import json
import time
from typing import Any

from aiohttp.web import Request, Response
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.components import webhook
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .home import SENDER, entity, entity_id, entry_of, gateway_of, home, notify_call, set_up, states_written
from .measure import heap, median_ms, percentile_ms
from .size import Size
from .table import Row
from .vendor import Account, Vendor, vendor
from custom_components.whatsapp_link.gateways.events import Webhook

_FLOOR_ID = "floor"
_BARE_ID = "bare"
_CHAT = "13035550142@c.us"
_PATIENCE = 60.0


class Rig:
    """An instance that receives by webhook, and two more at the vendor whose webhooks do next to nothing.

    All three are called in the same way: what the vendor does before each call, and that it is done in another process,
    makes the call itself slower.
    """

    def __init__(self, hass: HomeAssistant, waha: Vendor, entry: MockConfigEntry) -> None:
        """Note what the event entity of the first recipient tells."""
        self.hass = hass
        self.entry = entry
        self.account, self._floor, self._bare = waha.accounts
        self.texts: list[str] = []
        self._waha = waha
        self._written = 0
        self._event = entity_id(hass, entry, "event", "recipient0_event")
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._note)
        webhook.async_register(hass, _FLOOR_ID, _FLOOR_ID, _FLOOR_ID, _answer)
        webhook.async_register(hass, _BARE_ID, _BARE_ID, _BARE_ID, self._tell_entities)

    @callback
    def _note(self, event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if event.data["entity_id"] == self._event and new and "text" in new.attributes:
            self.texts.append(new.attributes["text"])

    async def open(self) -> None:
        """Have all three called. The server restarts a session when it takes the address on, which is waited for."""
        for account, webhook_id in ((self._floor, _FLOOR_ID), (self._bare, _BARE_ID)):
            url = f"{self.hass.config.internal_url}/api/webhook/{webhook_id}"
            await gateway_of(self.hass, account).register_webhook(Webhook(url, "a secret like that of an instance"))
        async with asyncio.timeout(_PATIENCE):
            for account in (self.account, self._floor, self._bare):
                while not await self._waha.tell("probe", instance=account.name, sender=SENDER):
                    pass
        self.texts.clear()

    async def write(self, count: int) -> list[float]:
        """Have somebody write; returns how long each call to the webhook took, after which all know of it."""
        first, self._written = self._written, self._written + count
        return await self._write(self.account, first, count)

    async def write_floor(self, count: int) -> list[float]:
        """The same, to a webhook that does nothing."""
        return await self._write(self._floor, 0, count)

    async def write_bare(self, count: int) -> list[float]:
        """The same, to a webhook that lets two event entities tell of the message."""
        return await self._write(self._bare, 0, count)

    async def _write(self, account: Account, first: int, count: int) -> list[float]:
        told = {"instance": account.name, "sender": SENDER, "first": first, "count": count}
        times: list[float] = await self._waha.tell("write", **told)
        return times

    async def _tell_entities(self, hass: HomeAssistant, webhook_id: str, request: Request) -> Response:
        """Do the least that lets two event entities tell of a message: believe everybody, and know one gateway."""
        told = await request.json()
        if told["event"] != "message.any":
            return Response()
        message = told["payload"]
        told = {"text": message["body"], "sender": message["from"], "message_id": message["id"]}
        for key in ("event", "recipient1_event"):
            teller = entity(hass, self.entry, "event", key)
            teller._trigger_event("text", told)  # noqa: SLF001 # as an entity does itself
            teller.async_write_ha_state()
        return Response()

    async def arrived(self) -> list[str]:
        """Return what arrived on the phone of who was written to, and forget it."""
        texts: list[str] = await self._waha.tell("messages", instance=self.account.name)
        return texts

    def wrong(self) -> int:
        """Return how many of the messages that were written were lost, told twice or told out of order."""
        return _wrong(self.texts, [str(number) for number in range(self._written)])


async def _answer(hass: HomeAssistant, webhook_id: str, request: Request) -> Response:
    return Response()


def _wrong(seen: Sequence[str], wanted: Sequence[str]) -> int:
    missed = sum(one != other for one, other in zip(seen, wanted, strict=False))
    return missed + abs(len(seen) - len(wanted))


@asynccontextmanager
async def _rig() -> AsyncGenerator[Rig]:
    async with vendor("waha", count=3) as waha, home() as hass:
        entry = entry_of(waha.accounts[0], receiving="webhook")
        await set_up(hass, [entry])
        rig = Rig(hass, waha, entry)
        await rig.open()
        yield rig


async def measure(size: Size) -> list[Row]:
    """Return the rows."""
    async with _rig() as rig:
        return [*await _calls(rig, size), *await _burst_in(rig, size), *await _burst_out(rig, size)]


async def _calls(rig: Rig, size: Size) -> list[Row]:
    for each in (rig.write, rig.write_floor, rig.write_bare):
        await each(5)
    times: list[float] = []
    floor_times: list[float] = []
    cpu: list[float] = []
    floor_cpu: list[float] = []
    bare_times: list[float] = []
    for _ in range(size.rounds):
        started = time.process_time()
        times += await rig.write(size.calls)
        between = time.process_time()
        floor_times += await rig.write_floor(size.calls)
        floor_cpu.append((time.process_time() - between) / size.calls)
        cpu.append((between - started) / size.calls)
        bare_times += await rig.write_bare(size.calls)
    rate, floor_rate = 1000 / median_ms(times), 1000 / median_ms(floor_times)
    with states_written(rig.hass) as written:
        await rig.write(10)
    beside = "empty handler"
    return [
        # Two event entities, and the time of the last message.
        Row("states written for a message that comes in", len(written) / 10, "", 3, limit=3, of_value=True),
        Row("webhook call to event entity, CPU", median_ms(cpu), "ms", median_ms(floor_cpu), beside, 1.5),
        Row("webhook call to event entity, p50", median_ms(times), "ms", median_ms(floor_times), beside, 1.5),
        Row(
            "webhook call to event entity, p95", percentile_ms(times, 95), "ms", percentile_ms(floor_times, 95), beside
        ),
        # What Home Assistant itself does for two states is not in an empty handler.
        Row(
            "webhook call, p50, beside two bare entities",
            median_ms(times),
            "ms",
            median_ms(bare_times),
            "JSON and two event entities",
        ),
        Row("webhook calls one after the other", rate, "/s", floor_rate, beside),
    ]


async def _burst_in(rig: Rig, size: Size) -> list[Row]:
    started = time.perf_counter()
    await rig.write(size.burst)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    await rig.write_floor(size.burst)
    floor_seconds = time.perf_counter() - started
    with heap() as measured:
        await rig.write(size.burst)
    with heap() as floor:
        await rig.write_floor(size.burst)
    what = f"burst of {size.burst} in"
    beside = "empty handler"
    return [
        Row(f"{what}, rate", size.burst / seconds, "/s", size.burst / floor_seconds, beside),
        Row(f"{what}, lost or out of order", rig.wrong(), "", 0, limit=0, of_value=True, must=True),
        Row(f"{what}, peak heap", measured.peak_mib, "MiB", floor.peak_mib, beside),
    ]


async def _burst_out(rig: Rig, size: Size) -> list[Row]:
    await rig.arrived()
    started = time.perf_counter()
    await _send_all(rig, size.burst)
    seconds = time.perf_counter() - started
    arrived = await rig.arrived()
    started = time.perf_counter()
    await _post_all(rig, size.burst)
    floor_seconds = time.perf_counter() - started
    with heap() as measured:
        await _send_all(rig, size.burst)
    with heap() as floor:
        await _post_all(rig, size.burst)
    what = f"burst of {size.burst} out"
    beside = "aiohttp POST, in turn"
    wrong = _wrong(arrived, [str(number) for number in range(size.burst)])
    return [
        Row(f"{what}, rate", size.burst / seconds, "/s", size.burst / floor_seconds, beside),
        Row(f"{what}, lost or out of order", wrong, "", 0, limit=0, of_value=True, must=True),
        Row(f"{what}, peak heap", measured.peak_mib, "MiB", floor.peak_mib, beside),
    ]


async def _send_all(rig: Rig, count: int) -> None:
    """Ask for all messages at once, as automations do that know nothing of each other."""
    await asyncio.gather(
        *(
            rig.hass.services.async_call(
                "notify", "send_message", dict(notify_call(rig.hass, rig.entry, str(number))), blocking=True
            )
            for number in range(count)
        )
    )


async def _post_all(rig: Rig, count: int) -> None:
    session = async_get_clientsession(rig.hass)
    given = rig.account.credentials
    for number in range(count):
        body: dict[str, Any] = {"session": given["session_name"], "chatId": _CHAT, "text": str(number)}
        url = f"{given['base_url']}/api/sendText"
        async with session.post(url, json=body, headers={"X-Api-Key": given["token"]}) as response:
            response.raise_for_status()
            json.loads(await response.read())
