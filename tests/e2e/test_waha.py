"""A gateway that pushes: what happens on the phone is seen at once, and nothing is asked meanwhile."""

import asyncio
from collections.abc import Awaitable
import time

from .api import HomeAssistant, Phone, decode_qr, wait_for
from .link import link
from .processes import RigError

# How long it is looked on. That there is one request in five minutes is tested where the pace can be set.
_A_WHILE = 5


async def test_pushed(hass: HomeAssistant, phone: Phone, report: list[str]) -> None:
    """Unlinked and scanned on the phone, it is so in Home Assistant within a second; no request asked for it."""
    for entry in await hass.entries("whatsapp_link"):
        # Others of this gateway may be asked for their state at any time.
        if entry["title"].startswith("WAHA"):
            await hass.remove(entry["entry_id"])
    instance = await phone.create_instance("waha")
    linked = await link(hass, phone, instance)
    session = await hass.entity_id(linked.entry_id, "session")
    is_linked = await hass.entity_id(linked.entry_id, "linked")
    picture = await hass.entity_id(linked.entry_id, "pairing_qr")
    await hass.wait_for_state(session, "linked")

    unlinked = await _timed(phone.unlink(instance["id"]), hass.wait_for_state(is_linked, "off"))
    code = await wait_for("the code", lambda: _code(hass, picture))
    scanned = await _timed(phone.scan(code), hass.wait_for_state(session, "linked"))
    report.append(f"WAHA: unlinking seen after {unlinked:.2f} s, the scan after {scanned:.2f} s")
    assert max(unlinked, scanned) < 1

    # Some seconds after a scan, it is looked whose phone it is.
    await asyncio.sleep(11)
    await phone.forget_requests()
    await asyncio.sleep(_A_WHILE)
    assert await phone.requests("waha") == {}


async def _timed(done: Awaitable[object], seen: Awaitable[object]) -> float:
    """Return how many seconds it takes until something that is done on the phone is seen."""
    began = time.monotonic()
    await done
    await seen
    return time.monotonic() - began


async def _code(hass: HomeAssistant, picture: str) -> str | None:
    try:
        return decode_qr(await hass.fetch(f"/api/image_proxy/{picture}"))
    except RigError:
        return None
