"""Links an instance without a browser, for tests that are about what comes after."""

import time

from .api import HomeAssistant, Json, Phone, decode_qr, qr_picture


async def link(hass: HomeAssistant, phone: Phone, instance: Json) -> tuple[Json, float]:
    """Add an instance and scan its code. Return the last step of the flow and the seconds from the scan to it."""
    credentials = dict(instance["credentials"])
    server = {"base_url": credentials.pop("base_url")}
    step = await hass.start_flow("whatsapp_link")
    flow_id = step["flow_id"]
    await hass.flow(flow_id, {"next_step_id": instance["gateway"]})
    await hass.flow(flow_id, credentials | {"server": server})
    await hass.flow(flow_id, {"next_step_id": "pair_qr"})
    async with hass.dialog(flow_id) as dialog:
        code = decode_qr(await dialog.until("a code in the dialog", qr_picture, 60))
        await phone.scan(code)
        scanned = time.monotonic()
        created = await dialog.until("the dialog goes on", _created)
    return created, time.monotonic() - scanned


def _created(step: Json) -> Json | None:
    return step if step["type"] == "create_entry" else None
