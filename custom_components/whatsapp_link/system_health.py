"""What the page on the system's health says: how many instances there are, and whether their gateways answer."""

import asyncio
from typing import Any

from yarl import URL

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import CONF_BASE_URL, CONF_GATEWAY, DOMAIN
from .coordinator import WhatsAppLinkConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Say who is to be asked."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the lines of the page. What takes a while is waited for by the page itself."""
    entries: list[WhatsAppLinkConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    loaded = [entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED]
    addresses: dict[str, set[URL]] = {}
    for entry in entries:
        # The host is all that it takes to see whether somebody answers; a path may be meant for nobody else.
        address = URL(entry.data[CONF_BASE_URL]).origin()
        addresses.setdefault(entry.data[CONF_GATEWAY], set()).add(address)
    return {
        "instances": len(entries),
        "linked_instances": sum(coordinator.data.state.is_linked for coordinator in loaded),
        **{f"reach_{gateway}": _async_reach_all(hass, found) for gateway, found in addresses.items()},
    }


async def _async_reach_all(hass: HomeAssistant, addresses: set[URL]) -> str | dict[str, str]:
    """Return "ok" if each of a gateway's servers answers, else what is wrong with one. It is not told which."""
    answers = await asyncio.gather(
        *(system_health.async_check_can_reach_url(hass, str(address)) for address in addresses)
    )
    return next((answer for answer in answers if answer != "ok"), "ok")
