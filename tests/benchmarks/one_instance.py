"""What one instance does over and over: look at the session, send, draw a code."""

import gc
from io import BytesIO
import json
import threading
import tracemalloc
from typing import Any
from unittest.mock import patch

import qrcode

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .floor import add_floor, floor_entry
from .home import entity, entry_of, gateway_of, home, notify_call, set_up, states_written
from .measure import compare_cpu, compare_time, heap, median_ms, percentile_ms
from .size import Size
from .table import Row
from .vendor import Account, vendor
from custom_components.whatsapp_link.gateways import gateway as gateway_module
from custom_components.whatsapp_link.gateways.qr_code import render_png

_CHAT = "13035550142@c.us"
_MOMENTS = 20
_TEXT = "The washing machine is done."
# As long as those of WhatsApp.
_CODE = "2@" + "Ab3dEf7+/" * 26


async def measure(size: Size) -> list[Row]:
    """Return the rows."""
    async with vendor("waha", count=2) as waha, home() as hass:
        account = waha.accounts[0]
        entry = entry_of(account, receiving="off")
        await set_up(hass, [entry])
        rows = [
            *await _refresh(hass, entry.runtime_data, account, size),
            *await _growth(entry.runtime_data, size),
            *await _send(hass, dict(notify_call(hass, entry, _TEXT)), account, size),
        ]
    return [*rows, *await _draw(size)]


def _headers(account: Account) -> dict[str, str]:
    return {"X-Api-Key": account.credentials["token"]}


async def _refresh(hass: HomeAssistant, coordinator: Any, account: Account, size: Size) -> list[Row]:
    session = async_get_clientsession(hass)
    url = f"{account.credentials['base_url']}/api/sessions/{account.credentials['session_name']}"

    async def bare() -> None:
        async with session.get(url, headers=_headers(account)) as response:
            json.loads(await response.read())

    with states_written(hass) as written:
        for _ in range(10):
            await coordinator.async_refresh()
    cpu, floor = await compare_cpu(coordinator.async_refresh, bare, rounds=size.rounds, count=size.repeats)
    return [
        Row("one refresh, CPU", cpu, "ms", floor, "aiohttp GET, json.loads", 1.5),
        Row("states written by 10 refreshes that bring nothing new", len(written), "", 0, limit=0, of_value=True),
    ]


async def _growth(coordinator: Any, size: Size) -> list[Row]:
    """Compare the least that was allocated at any of some moments of the first half with that of the second half.

    The loop keeps timers that were called off, and drops them by the hundred.
    """
    held: list[int] = []
    with heap():
        for _ in range(_MOMENTS):
            for _ in range(size.refreshes // _MOMENTS):
                await coordinator.async_refresh()
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    half = _MOMENTS // 2
    grown = (min(held[half:]) - min(held[:half])) / (size.refreshes / 2)
    return [Row(f"heap growth by each of {size.refreshes} refreshes", round(grown, 1), "B", 0, limit=1, of_value=True)]


async def _send(hass: HomeAssistant, call: dict[str, str], account: Account, size: Size) -> list[Row]:
    session = async_get_clientsession(hass)
    url = f"{account.credentials['base_url']}/api/sendText"
    body = {"session": account.credentials["session_name"], "chatId": _CHAT, "text": _TEXT}

    async def ours() -> None:
        await hass.services.async_call("notify", "send_message", call, blocking=True)

    async def bare() -> None:
        async with session.post(url, json=body, headers=_headers(account)) as response:
            response.raise_for_status()
            json.loads(await response.read())

    add_floor(hass)
    floor_entity = floor_entry()
    await set_up(hass, [floor_entity])
    notify = entity(hass, floor_entity, "notify", "recipient0_chat")
    notify.send = lambda message: bare()
    floor_call = {"entity_id": notify.entity_id, "message": _TEXT}

    async def bare_entity() -> None:
        await hass.services.async_call("notify", "send_message", floor_call, blocking=True)

    for each in (bare, bare_entity):
        await compare_time(ours, each, 5)
    sent, floor = await compare_time(ours, bare, size.sends)
    sent_too, by_entity = await compare_time(ours, bare_entity, size.sends)
    beside = "aiohttp POST"
    return [
        Row("notify.send_message to the answer, p50", median_ms(sent), "ms", median_ms(floor), beside, 1.3),
        Row("notify.send_message to the answer, p95", percentile_ms(sent, 95), "ms", percentile_ms(floor, 95), beside),
        # What Home Assistant itself does for an action is not in a bare request.
        Row(
            "notify.send_message, p50, beside that of a bare entity",
            median_ms(sent_too),
            "ms",
            median_ms(by_entity),
            "an entity that does the POST",
        ),
    ]


async def _draw(size: Size) -> list[Row]:
    """Draw codes, and have a gateway do so, which must not hold up the event loop."""

    async def ours() -> None:
        render_png(_CODE)

    async def bare() -> None:
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, box_size=6)
        code.add_data(_CODE)
        code.make_image().save(BytesIO(), "PNG")

    cpu, floor = await compare_cpu(ours, bare, rounds=size.rounds, count=max(2, size.repeats // 10))
    drawn_in: list[threading.Thread] = []

    def note(text: str) -> bytes:
        drawn_in.append(threading.current_thread())
        return render_png(text)

    async with vendor("wawp", linked=False) as wawp, home() as hass:
        gateway = gateway_of(hass, wawp.accounts[0])
        with patch.object(gateway_module, "render_png", note):
            await gateway._render(_CODE)  # noqa: SLF001 # the one way by which every gateway draws
    in_loop = sum(thread is threading.main_thread() for thread in drawn_in)
    return [
        Row("QR code, text to PNG, CPU", cpu, "ms", floor, "qrcode alone"),
        Row(f"QR codes drawn in the event loop, of {len(drawn_in)}", in_loop, "", 0, limit=0, of_value=True, must=True),
    ]
