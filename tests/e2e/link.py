"""Links an instance and adds its recipient as the dialogs do, without a browser: for the demo and some tests."""

from collections.abc import Callable
from dataclasses import dataclass
import json
import time

from .api import HomeAssistant, Json, Phone, decode_qr, qr_picture, wait_for
from .processes import ROOT, RigError

_DOMAIN = "whatsapp_link"


@dataclass(frozen=True)
class Linked:
    """What came of it: the entry, the flow that asks for its first recipient, and the code that was scanned."""

    entry_id: str
    recipient_flow: str
    qr_text: str = ""


def _silent(line: str) -> None:
    """Say nothing."""


async def link(
    hass: HomeAssistant, phone: Phone, instance: Json, *, token: str | None = None, say: Callable[[str], None] = _silent
) -> Linked:
    """Add an instance and scan its code, perhaps with another token than the right one.

    One that is linked already has no code. Raises RigError where it does not work, with the words that a user
    would see.
    """
    say(f"chosen: {instance['gateway']}")
    step = await _enter_credentials(hass, instance, token)
    say("credentials accepted")
    if created := _created(step):
        return _linked(created)
    flow_id = step["flow_id"]
    if step["type"] == "menu":
        # A gateway that knows no other way begins at once.
        await hass.flow(flow_id, {"next_step_id": "pair_qr"})
    async with hass.dialog(flow_id) as dialog:
        qr_text = decode_qr(await dialog.until("a code in the dialog", qr_picture, 60))
        say(f"code decoded from the picture: {len(qr_text)} characters")
        await phone.scan(qr_text)
        scanned = time.monotonic()
        created = await dialog.until("the dialog goes on", _created)
    say(f"scanned, and linked {time.monotonic() - scanned:.1f} s later")
    return _linked(created, qr_text)


async def add_recipient(hass: HomeAssistant, linked: Linked, recipient: str, name: str = "") -> str:
    """Add the first recipient of an instance and return its notify entity. Raises RigError if it is not accepted."""
    typed = {"recipient": recipient} | ({"name": name} if name else {})
    step = await hass.subentry_flow(linked.recipient_flow, typed)
    if step["type"] != "create_entry":
        raise RigError(f"the recipient was not accepted: {step.get('errors')}")

    async def notify_entity() -> str | None:
        entities = [str(entity["entity_id"]) for entity in await hass.entities(linked.entry_id)]
        entity_id = next((entity_id for entity_id in entities if entity_id.startswith("notify.")), None)
        return entity_id if entity_id and await hass.state(entity_id) else None

    entity_id = await wait_for("the notify entity", notify_entity)

    async def is_loaded() -> bool | None:
        entries = await hass.entries(_DOMAIN)
        return any(entry["entry_id"] == linked.entry_id and entry["state"] == "loaded" for entry in entries) or None

    await wait_for("the entry with its recipient", is_loaded)
    return entity_id


async def _enter_credentials(hass: HomeAssistant, instance: Json, token: str | None) -> Json:
    """Go through the dialog up to the choice how to pair, or to the end where a phone is linked."""
    step = await hass.start_flow(_DOMAIN)
    flow_id = step["flow_id"]
    step = await hass.flow(flow_id, {"next_step_id": instance["gateway"]})
    credentials = dict(instance["credentials"]) | ({"token": token} if token else {})
    server = {"base_url": credentials.pop("base_url")}
    asked = {field["name"] for field in step["data_schema"]}
    typed = {name: value for name, value in credentials.items() if name in asked}
    step = await hass.flow(flow_id, typed | {"server": server})
    if step.get("step_id") == "instance":
        (chosen,) = (value for name, value in credentials.items() if name not in asked)
        await hass.flow(flow_id, {"next_step_id": "pick_instance"})
        step = await hass.flow(flow_id, {"instance": chosen})
    if step.get("errors"):
        raise RigError(f"{instance['gateway']} did not accept the credentials: {_english_error(step)}")
    return step


def _linked(created: Json, qr_text: str = "") -> Linked:
    return Linked(created["result"]["entry_id"], created["next_flow"][1], qr_text)


def _created(step: Json) -> Json | None:
    return step if step["type"] == "create_entry" else None


def _english_error(step: Json) -> str:
    """Return the words a user sees for the error of a step."""
    strings = json.loads((ROOT / "custom_components" / _DOMAIN / "translations" / "en.json").read_text())
    words = " ".join(strings["config"]["error"][key] for key in step["errors"].values())
    return words.format(**(step.get("description_placeholders") or {}))
