"""Diagnostics: what helps, and nothing personal."""

import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.json import ExtendedJSONEncoder

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.diagnostics import async_get_config_entry_diagnostics
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.events import EventKind, ReceivedFile, Sender
from custom_components.whatsapp_link.gateways.model import Contact, Location
from tests.conftest import entry_of, every_gateway, instance_of, vendor_second
from tests.dialog import INTEGRATION
from tests.emulator import Emulator
from tests.emulator.instance import Instance
from tests.incoming import ROBINS_CHAT, tell
from tests.test_entities import until
from tests.test_services import recipient

WEBHOOK = {"id": "marked-webhook-id", "secret": "marked-webhook-secret"}
LISTED = "13035550188@c.us"
STRANGER = "13035550142"
MARKED = (
    "marked",
    "Marked",
    "12025550177",
    "13035550188",
    STRANGER,
    "98765432109876",
    "52.5",
    "127.0.0.1",
)


def marked_entry(instance: Instance) -> MockConfigEntry:
    """Return an entry in which all that is private can be recognised."""
    entry = entry_of(
        instance,
        recipient("Marked Robin", ROBINS_CHAT),
        options={"receiving": "off", "senders": "everyone", "listed": [LISTED], "gap": 2.5},
    )
    return MockConfigEntry(
        domain=DOMAIN,
        title="Marked title",
        unique_id=entry.unique_id,
        data={**entry.data, "webhook": WEBHOOK},
        options=entry.options,
        subentries_data=[subentry.as_dict() for subentry in entry.subentries.values()],
    )


async def diagnostics_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return the diagnostics as they are downloaded."""
    told: dict[str, Any] = json.loads(
        json.dumps(await async_get_config_entry_diagnostics(hass, entry), cls=ExtendedJSONEncoder)
    )
    return told


async def tell_everything(coordinator: WhatsAppLinkCoordinator) -> None:
    """Have somebody write whatever can be written."""
    somebody: dict[str, Any] = {
        "sender": Sender(STRANGER, "98765432109876@lid", "Marked name"),
        "chat_id": f"{STRANGER}@c.us",
        "text": "Marked text",
    }
    await tell(coordinator, **somebody)
    await tell(coordinator, **somebody)
    file = ReceivedFile("application/pdf", "marked.pdf", "https://marked.example/marked")
    await tell(coordinator, EventKind.DOCUMENT, file=file, **somebody)
    await tell(coordinator, EventKind.LOCATION, location=Location(52.5, 13.4, "Marked", "Marked street"), **somebody)
    await tell(coordinator, EventKind.CONTACT, contact=Contact("Marked contact", "13035550188"), **somebody)
    await tell(coordinator, EventKind.POLL, options=("Marked yes", "Marked no"), about="marked id", **somebody)


@every_gateway
async def test_nothing_personal(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Neither credentials nor numbers nor names nor words nor the addresses of private servers are in it."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    entry = marked_entry(instance)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    coordinator = entry.runtime_data
    await tell_everything(coordinator)
    await vendor_second()
    await hass.services.async_call(
        "notify", "send_message", {"entity_id": "notify.marked_robin", "message": "Marked words"}, blocking=True
    )
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"webhook_refused_{entry.entry_id}",
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="webhook_refused",
        translation_placeholders={"instance": entry.title, "gateway": "x", "reason": "marked reason"},
    )

    coordinator.receiving.way = Way.WEBHOOK
    told = await diagnostics_of(hass, entry)
    text = json.dumps(told, ensure_ascii=False)
    secrets = [value for name, value in instance.credentials().items() if name != "base_url"]
    private = (*MARKED, *secrets, instance.id, instance.number.lstrip("+"), entry.title)
    assert [item for item in private if item in text] == []

    assert told["version"] == json.loads((INTEGRATION / "manifest.json").read_text())["version"]
    assert told["entry_version"] == "1.1"
    assert told["gateway"]["key"] == key
    assert told["gateway"]["base_url"] == "**REDACTED**"
    assert told["gateway"]["is_local"]
    assert set(told["gateway"]["capabilities"]) == GATEWAYS[key].capabilities
    assert set(told["gateway"]["features"]) == GATEWAYS[key].features
    assert told["gateway"]["pace"]["linked"] == 60
    assert told["options"] == {
        "receiving": "off",
        "senders": "everyone",
        "own_messages": None,
        "hide_text": None,
        "gap": 2.5,
        "listed": 1,
    }
    assert told["recipients"] == 1
    assert told["session"] == {
        "state": "linked",
        "last_update_success": True,
        "last_error": None,
        "update_interval": "0:01:00",
        "pairing_code_offered": False,
    }
    assert told["sending"]["waiting"] == 0
    assert told["sending"]["last_sent"]
    receiving = told["receiving"]
    assert (receiving["way"], receiving["has_webhook"]) == ("webhook", True)
    assert receiving["last_received"]
    assert receiving["events"] == {"text": 2, "document": 1, "location": 1, "contact": 1, "poll": 1}
    assert (receiving["messages_from_strangers"], receiving["rejected_calls"]) == (0, 0)
    assert told["issues"] == ["webhook_refused"]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_public_address(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that everybody has is no secret, and to see that it is that one helps."""
    instance = instance_of(emulator, "green_api")
    entry = entry_of(instance, options={"receiving": "off"})
    monkeypatch.setattr(GATEWAYS["green_api"], "default_base_url", entry.data["base_url"])
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert (await diagnostics_of(hass, entry))["gateway"]["base_url"] == entry.data["base_url"]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(("fault", "error"), [("422", "refused"), ("502_html", "cannot_connect")])
async def test_trouble(hass: HomeAssistant, emulator: Emulator, fault: str, error: str) -> None:
    """Of what went wrong, the kind is told: the words of the gateway may quote anything."""
    instance = instance_of(emulator, "green_api")
    instance.link(instance.number)
    entry = entry_of(instance, options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await vendor_second()
    emulator.faults.add("green_api", fault, 10)
    await entry.runtime_data.async_refresh()
    session = (await diagnostics_of(hass, entry))["session"]
    assert (session["last_update_success"], session["last_error"]) == (False, error)
    assert session["update_interval"] == "0:02:00"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_code_is_offered(hass: HomeAssistant, emulator: Emulator) -> None:
    """That there is a code is told, and nothing of the code itself."""
    entry = entry_of(instance_of(emulator, "green_api"), options={"receiving": "off"})
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: entry.runtime_data.qr_code is not None)
    told = await diagnostics_of(hass, entry)
    assert told["session"]["pairing_code_offered"]
    assert told["session"]["state"] == "unlinked"
    assert len(json.dumps(told)) < 4000
    await hass.config_entries.async_unload(entry.entry_id)
