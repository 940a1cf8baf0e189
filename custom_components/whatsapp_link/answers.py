"""Actions that are there for their answer: they ask the gateway, or somebody in a chat."""

from pathlib import Path
from typing import Any

import voluptuous as vol

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType

from .actions import ATTR_MESSAGE_ID, ATTR_OPTIONS, ATTR_PATH, ATTR_PHONE, ATTR_QUESTION, OPTIONS, phone_in
from .asking import Question
from .const import DOMAIN
from .errors import action_errors
from .targets import ATTR_INSTANCE, async_coordinator, async_targets, chat_id_in

ATTR_ANSWER_FROM = "answer_from"
ATTR_TIME = "time"

_INSTANCE: VolDictType = {vol.Optional(ATTR_INSTANCE): cv.string}


@callback
def async_setup_answers(hass: HomeAssistant, target: VolDictType) -> None:
    """Register the actions; `target` are the fields for a chat."""
    fields: dict[str, tuple[Any, VolDictType]] = {
        "ask": (
            _async_ask,
            {
                **target,
                vol.Required(ATTR_QUESTION): vol.All(cv.string, vol.Length(min=1)),
                vol.Required(ATTR_OPTIONS): OPTIONS,
                vol.Optional(ATTR_ANSWER_FROM, default=[]): vol.All(cv.ensure_list, [cv.string]),
                vol.Optional(ATTR_TIME, default=300): vol.All(vol.Coerce(float), vol.Range(min=1, max=86400)),
            },
        ),
        "check_number": (_async_check_number, {**_INSTANCE, vol.Required(ATTR_PHONE): cv.string}),
        "list_chats": (_async_list_chats, _INSTANCE),
        "save_media": (
            _async_save_media,
            {**_INSTANCE, vol.Required(ATTR_MESSAGE_ID): cv.string, vol.Required(ATTR_PATH): cv.string},
        ),
    }
    for name, (handler, schema) in fields.items():
        hass.services.async_register(
            DOMAIN, name, handler, schema=vol.Schema(schema), supports_response=SupportsResponse.ONLY
        )


async def _async_ask(call: ServiceCall) -> ServiceResponse:
    """Ask one chat, and answer with what was chosen; `answered` is false when nobody did in time."""
    targets = async_targets(call)
    if len(targets) != 1:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="ask_one")
    (target,) = targets
    coordinator = target.coordinator
    coordinator.receiving.require()
    allowed = [chat_id_in(text, place) for place, text in enumerate(call.data[ATTR_ANSWER_FROM], start=1)]
    question = Question(coordinator, target.chat_id, call.data[ATTR_OPTIONS], allowed)
    with action_errors(call.hass, coordinator.config_entry, coordinator.gateway.name, chat_id=target.chat_id):
        answer = await question.ask(call.data[ATTR_QUESTION], call.data[ATTR_TIME])
    if answer is None:
        return {"answered": False, "answer": None, "index": None, "sender": None}
    return {
        "answered": True,
        "answer": answer.option,
        "index": answer.index,
        "sender": answer.sender.number or answer.sender.lid,
    }


async def _async_check_number(call: ServiceCall) -> ServiceResponse:
    coordinator = async_coordinator(call.hass, call.data.get(ATTR_INSTANCE))
    phone = phone_in(call.data)
    with action_errors(call.hass, coordinator.config_entry, coordinator.gateway.name):
        chat_id = await coordinator.gateway.check_number(phone)
    return {"exists": chat_id is not None, "chat_id": chat_id}


async def _async_list_chats(call: ServiceCall) -> ServiceResponse:
    coordinator = async_coordinator(call.hass, call.data.get(ATTR_INSTANCE))
    with action_errors(call.hass, coordinator.config_entry, coordinator.gateway.name):
        chats = await coordinator.gateway.list_chats()
    return {"chats": [{"chat_id": chat.chat_id, "name": chat.name, "is_group": chat.is_group} for chat in chats]}


async def _async_save_media(call: ServiceCall) -> ServiceResponse:
    """Save the file that came with a message into an allowed folder. What is there already stays."""
    hass = call.hass
    coordinator = async_coordinator(hass, call.data.get(ATTR_INSTANCE))
    files = coordinator.mailbox.files
    received = files.find(call.data[ATTR_MESSAGE_ID])
    if received is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_such_file")
    path = hass.config.path(call.data[ATTR_PATH])
    if not await hass.async_add_executor_job(_is_allowed, hass, path):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="save_not_allowed", translation_placeholders={"path": path}
        )
    with action_errors(hass, coordinator.config_entry, coordinator.gateway.name):
        content = await files.fetch(received)
    try:
        await hass.async_add_executor_job(_write, path, content)
    except OSError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="cannot_save", translation_placeholders={"path": path}
        ) from error
    return {"path": path, "mime_type": received.file.mime_type, "size": len(content)}


def _is_allowed(hass: HomeAssistant, path: str) -> bool:
    # The file is not there yet: the folder it goes to decides, after following its links.
    folder = Path(path).parent
    return folder.is_dir() and hass.config.is_allowed_path(str(folder))


def _write(path: str, content: bytes) -> None:
    """Write a file that must not be there yet; half of one is not left behind. Raises OSError."""
    with Path(path).open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            Path(path).unlink()
            raise
