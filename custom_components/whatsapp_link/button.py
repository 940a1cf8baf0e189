"""What the user can do to the session: restart it, log out, ask for a new code to scan."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import (
    DOMAIN as BUTTON_DOMAIN,
    ButtonDeviceClass,
    ButtonEntity,
    ButtonEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .entity import InstanceEntity
from .errors import action_errors
from .gateways.capability import Capability
from .gateways.model import Session, SessionState

PARALLEL_UPDATES = 1


async def _restart(coordinator: WhatsAppLinkCoordinator) -> None:
    await coordinator.gateway.restart()
    await coordinator.async_refresh()


async def _log_out(coordinator: WhatsAppLinkCoordinator) -> None:
    await coordinator.gateway.logout()
    await coordinator.async_refresh()
    if coordinator.data.state.is_linked:
        # Evolution API, for one, answers before it has done it.
        await asyncio.sleep(coordinator.gateway.pace.pairing)
        await coordinator.async_refresh()


async def _renew_code(coordinator: WhatsAppLinkCoordinator) -> None:
    coordinator.async_renew_code()


@dataclass(frozen=True, kw_only=True)
class _Description(ButtonEntityDescription):
    """A button: `press` does what one of `needs` is able to, and only in a session that is `fit` for it."""

    needs: frozenset[Capability]
    press: Callable[[WhatsAppLinkCoordinator], Awaitable[None]]
    fit: Callable[[Session], bool] = lambda session: True


_BUTTONS = (
    _Description(
        key="restart",
        translation_key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        needs=frozenset({Capability.RESTART}),
        press=_restart,
    ),
    _Description(
        key="log_out",
        translation_key="log_out",
        entity_category=EntityCategory.CONFIG,
        needs=frozenset({Capability.LOGOUT}),
        press=_log_out,
    ),
    _Description(
        key="new_code",
        translation_key="new_code",
        entity_category=EntityCategory.CONFIG,
        needs=frozenset({Capability.GET_QR, Capability.WATCH_QR}),
        press=_renew_code,
        # WhatsApp lets nobody in who is banned, so no gateway has a code then.
        fit=lambda session: not session.state.is_linked and session.state is not SessionState.BLOCKED,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons that the gateway has something behind."""
    coordinator = entry.runtime_data
    buttons = [
        InstanceButton(coordinator, description)
        for description in _BUTTONS
        if description.needs & coordinator.gateway.capabilities
    ]
    _forget_others(hass, entry, buttons)
    async_add_entities(buttons)


def _forget_others(hass: HomeAssistant, entry: WhatsAppLinkConfigEntry, buttons: Iterable[InstanceButton]) -> None:
    """Remove the buttons of another gateway, from which the instance was moved here."""
    registry = er.async_get(hass)
    kept = {button.unique_id for button in buttons}
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.domain == BUTTON_DOMAIN and entity.unique_id not in kept:
            registry.async_remove(entity.entity_id)


class InstanceButton(InstanceEntity, ButtonEntity):
    """One of them."""

    entity_description: _Description

    @property
    @override
    def available(self) -> bool:
        return super().available and self.entity_description.fit(self.coordinator.data)

    @override
    async def async_press(self) -> None:
        """Do it. Raises HomeAssistantError."""
        coordinator = self.coordinator
        with action_errors(self.hass, coordinator.config_entry, coordinator.gateway.name):
            await self.entity_description.press(coordinator)
