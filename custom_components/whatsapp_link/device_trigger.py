"""Triggers of a recipient's device, for those who build automations by device."""

from typing import Any

import voluptuous as vol

from homeassistant.components.device_automation import DEVICE_TRIGGER_BASE_SCHEMA
from homeassistant.components.event import ATTR_EVENT_TYPE, DOMAIN as EVENT_DOMAIN
from homeassistant.const import CONF_DEVICE_ID, CONF_DOMAIN, CONF_ENTITY_ID, CONF_PLATFORM, CONF_TYPE, STATE_UNAVAILABLE
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HassJob, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.trigger import TriggerActionType, TriggerInfo
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .gateways.events import EventKind

_MESSAGE_RECEIVED = "message_received"
_POLL_ANSWERED = "poll_answered"

# What each of them is about. Reactions, edits and the like are no messages.
_KINDS: dict[str, frozenset[str]] = {
    _MESSAGE_RECEIVED: frozenset(
        {
            EventKind.TEXT,
            EventKind.IMAGE,
            EventKind.VIDEO,
            EventKind.AUDIO,
            EventKind.VOICE,
            EventKind.DOCUMENT,
            EventKind.STICKER,
            EventKind.LOCATION,
            EventKind.CONTACT,
            EventKind.POLL,
        }
    ),
    _POLL_ANSWERED: frozenset({EventKind.POLL_VOTE}),
}

TRIGGER_SCHEMA = DEVICE_TRIGGER_BASE_SCHEMA.extend(
    {
        vol.Required(CONF_ENTITY_ID): cv.entity_id_or_uuid,
        vol.Required(CONF_TYPE): vol.In(_KINDS),
    }
)


async def async_get_triggers(hass: HomeAssistant, device_id: str) -> list[dict[str, str]]:
    """Return the triggers of a device: a recipient has both, an instance none."""
    return [
        {
            CONF_PLATFORM: "device",
            CONF_DEVICE_ID: device_id,
            CONF_DOMAIN: DOMAIN,
            CONF_ENTITY_ID: entity.id,
            CONF_TYPE: kind,
        }
        for entity in er.async_entries_for_device(er.async_get(hass), device_id)
        if entity.domain == EVENT_DOMAIN and entity.config_subentry_id is not None
        for kind in _KINDS
    ]


async def async_attach_trigger(
    hass: HomeAssistant, config: ConfigType, action: TriggerActionType, trigger_info: TriggerInfo
) -> CALLBACK_TYPE:
    """Run the action whenever the recipient's event entity tells of what the trigger is about.

    The entity outlives a reload of the integration, so the trigger does as well.
    """
    entity_id = er.async_validate_entity_id(er.async_get(hass), config[CONF_ENTITY_ID])
    job = HassJob(action, f"device trigger {trigger_info}")
    kinds = _KINDS[config[CONF_TYPE]]

    @callback
    def on_change(event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        # A state that comes back after a reload is an old one.
        if new is None or old is None or new.state == old.state or new.attributes.get(ATTR_EVENT_TYPE) not in kinds:
            return
        if new.attributes.get("from_me") or old.state == STATE_UNAVAILABLE:
            return
        told: dict[str, Any] = {**trigger_info["trigger_data"], **config, "event": dict(new.attributes)}
        hass.async_run_hass_job(job, {"trigger": told}, event.context)

    return async_track_state_change_event(hass, [entity_id], on_change)
