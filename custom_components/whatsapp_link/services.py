"""Registers the actions, finds out for whom a call is, and tells how it went."""

import asyncio
from dataclasses import dataclass

import voluptuous as vol

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util.async_ import create_eager_task
from homeassistant.util.json import JsonValueType

from .actions import ACTIONS, ATTR_MESSAGE_ID, Action, Data
from .answers import async_setup_answers
from .const import DOMAIN
from .coordinator import WhatsAppLinkCoordinator
from .errors import action_errors
from .gateways.errors import Unsupported
from .gateways.model import SentMessage
from .receipts import NotDelivered, Reached, Receipts
from .targets import ATTR_CHATS, ATTR_INSTANCE, Target, async_targets

ATTR_WAIT_FOR = "wait_for"
ATTR_WAIT_TIME = "wait_time"

_TARGET: VolDictType = {
    **cv.TARGET_FIELDS,
    vol.Optional(ATTR_INSTANCE): cv.string,
    vol.Optional(ATTR_CHATS): vol.All(cv.ensure_list, [cv.string]),
}
_WAITING: VolDictType = {
    vol.Optional(ATTR_WAIT_FOR, default=Reached.SENT): vol.Coerce(Reached),
    vol.Optional(ATTR_WAIT_TIME, default=60): vol.All(vol.Coerce(float), vol.Range(min=1, max=3600)),
}
# What sends a message tells its id, which later replies and reactions refer to.
_SENDING = {action.name for action in ACTIONS if action.name.startswith("send_")}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for action in ACTIONS:
        sends = action.name in _SENDING
        hass.services.async_register(
            DOMAIN,
            action.name,
            _Runner(action).async_run,
            schema=vol.Schema({**_TARGET, **action.fields, **(_WAITING if sends else {})}),
            supports_response=SupportsResponse.OPTIONAL if sends else SupportsResponse.NONE,
        )
    async_setup_answers(hass, _TARGET)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that went out, and how far it got, if that was asked for."""

    message: SentMessage
    reached: Reached | None


class _Runner:
    """Carries out the calls of one action."""

    def __init__(self, action: Action) -> None:
        self._action = action

    async def async_run(self, call: ServiceCall) -> ServiceResponse:
        """Try each chat, whatever happens to the others. Raises one error for all that failed."""
        targets = async_targets(call)
        data: Data = call.data
        able = [target for target in targets if target.is_loaded and self._is_able(target.coordinator)]
        if self._action.prepare is not None and able:
            data = await self._action.prepare(call.hass, data, able)
        # Eager, so that each has its place in the queue before the next call.
        tasks = [create_eager_task(self._async_do(target, data)) for target in targets]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        self._raise_failures(targets, results)
        messages = [
            _described(target, result)
            for target, result in zip(targets, results, strict=True)
            if isinstance(result, _Sent)
        ]
        return {"messages": messages} if call.return_response else None

    def _is_able(self, coordinator: WhatsAppLinkCoordinator) -> bool:
        return self._action.capability in coordinator.gateway.capabilities

    async def _async_do(self, target: Target, data: Data) -> _Sent | None:
        coordinator = target.coordinator
        wanted: Reached = data.get(ATTR_WAIT_FOR, Reached.SENT)
        if wanted is not Reached.SENT:
            coordinator.receiving.require()
        with (
            action_errors(coordinator.hass, coordinator.config_entry, coordinator.gateway.name, chat_id=target.chat_id),
            Receipts(coordinator.inbox) as receipts,
        ):
            if not self._is_able(coordinator):
                raise Unsupported(self._action.capability)
            message = await coordinator.outbox.send(lambda: self._action.run(coordinator, target.chat_id, data))
            if message is None:
                return None
            coordinator.async_note_sent(target.chat_id)
            if wanted is Reached.SENT:
                return _Sent(message, None)
            try:
                reached = await receipts.wait(message.message_id, wanted, data[ATTR_WAIT_TIME])
            except NotDelivered:
                raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_delivered") from None
        return _Sent(message, reached)

    def _raise_failures(self, targets: list[Target], results: list[_Sent | BaseException | None]) -> None:
        # Not by name: recipients of two instances may have the same.
        failed = [
            (target.name, result)
            for target, result in zip(targets, results, strict=True)
            if isinstance(result, BaseException)
        ]
        if not failed:
            return
        unexpected = next((error for _, error in failed if not isinstance(error, HomeAssistantError)), None)
        if unexpected is not None:
            raise unexpected
        if len(targets) == 1:
            raise failed[0][1]
        done = [
            target.name
            for target, result in zip(targets, results, strict=True)
            if not isinstance(result, BaseException)
        ]
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="partly_done" if done else "nowhere_done",
            translation_placeholders={
                "failed": "; ".join(f"{name}: {str(error).rstrip('.')}" for name, error in failed),
                "done": ", ".join(done),
            },
        )


def _described(target: Target, sent: _Sent) -> JsonValueType:
    described: dict[str, JsonValueType] = {"recipient": target.name, ATTR_MESSAGE_ID: sent.message.message_id}
    if target.entity_id:
        described["entity_id"] = target.entity_id
    if sent.reached:
        described["reached"] = sent.reached
    return described
