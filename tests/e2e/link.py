"""Links an instance as the dialog does, without a browser: for the demo, and for tests of what comes after."""

from collections.abc import Callable
from dataclasses import dataclass
import json
import time

from .api import HomeAssistant, Json, Phone, decode_qr, qr_picture
from .processes import ROOT, RigError

_DOMAIN = "whatsapp_link"


@dataclass(frozen=True)
class Linked:
    """What came of it: the entry, the flow that asks for its first recipient, and the code that was scanned."""

    entry_id: str
    recipient_flow: str
    qr_text: str


def _silent(line: str) -> None:
    """Say nothing."""


async def link(
    hass: HomeAssistant, phone: Phone, instance: Json, *, token: str | None = None, say: Callable[[str], None] = _silent
) -> Linked:
    """Add an instance and scan its code, perhaps with another token than the right one.

    Raises RigError where it does not work, with the words that a user would see.
    """
    step = await hass.start_flow(_DOMAIN)
    flow_id = step["flow_id"]
    step = await hass.flow(flow_id, {"next_step_id": instance["gateway"]})
    say(f"chosen: {instance['gateway']}")
    credentials = dict(instance["credentials"]) | ({"token": token} if token else {})
    server = {"base_url": credentials.pop("base_url")}
    asked = {field["name"] for field in step["data_schema"]}
    typed = {name: value for name, value in credentials.items() if name in asked}
    step = await hass.flow(flow_id, typed | {"server": server})
    if step["step_id"] == "instance":
        (chosen,) = (value for name, value in credentials.items() if name not in asked)
        await hass.flow(flow_id, {"next_step_id": "pick_instance"})
        step = await hass.flow(flow_id, {"instance": chosen})
    if step.get("errors"):
        raise RigError(f"{instance['gateway']} did not accept the credentials: {_english_error(step)}")
    say("credentials accepted")
    await hass.flow(flow_id, {"next_step_id": "pair_qr"})
    async with hass.dialog(flow_id) as dialog:
        qr_text = decode_qr(await dialog.until("a code in the dialog", qr_picture, 60))
        say(f"code decoded from the picture: {len(qr_text)} characters")
        await phone.scan(qr_text)
        scanned = time.monotonic()
        created = await dialog.until("the dialog goes on", _created)
    say(f"scanned, and linked {time.monotonic() - scanned:.1f} s later")
    return Linked(created["result"]["entry_id"], created["next_flow"][1], qr_text)


def _created(step: Json) -> Json | None:
    return step if step["type"] == "create_entry" else None


def _english_error(step: Json) -> str:
    """Return the words a user sees for the error of a step."""
    strings = json.loads((ROOT / "custom_components" / _DOMAIN / "translations" / "en.json").read_text())
    words = " ".join(strings["config"]["error"][key] for key in step["errors"].values())
    return words.format(**(step.get("description_placeholders") or {}))
