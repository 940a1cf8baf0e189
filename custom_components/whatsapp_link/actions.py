"""What the actions of this integration do to one chat, and which fields they have."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import voluptuous as vol

from homeassistant.components.notify import ATTR_MESSAGE, ATTR_TITLE
from homeassistant.const import ATTR_LATITUDE, ATTR_LOCATION, ATTR_LONGITUDE, ATTR_NAME
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import MediaSelector
from homeassistant.helpers.typing import VolDictType

from .const import DOMAIN
from .coordinator import WhatsAppLinkCoordinator
from .formatting import with_mentions, with_title
from .gateways.address import parse_phone
from .gateways.capability import Capability
from .gateways.model import Contact, Location, MediaKind, Poll, SentMessage, Typing
from .media import async_load_media
from .media_link import async_offered
from .targets import Target, address_errors, chat_id_in

ATTR_ADDRESS = "address"
ATTR_CAPTION = "caption"
ATTR_EMOJI = "emoji"
ATTR_FILE_NAME = "file_name"
ATTR_LINK_PREVIEW = "link_preview"
ATTR_MEDIA = "media"
ATTR_MENTIONS = "mentions"
ATTR_MESSAGE_ID = "message_id"
ATTR_MULTIPLE = "multiple"
ATTR_OPTIONS = "options"
ATTR_PATH = "path"
ATTR_PHONE = "phone"
ATTR_QUESTION = "question"
ATTR_REPLY_TO = "reply_to"
ATTR_STATE = "state"
ATTR_TYPE = "type"

_AUTO = "auto"
_LOADED = "loaded"
# WhatsApp's own limits for a poll.
_MIN_OPTIONS, _MAX_OPTIONS = 2, 12

type Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its name, what the gateway needs for it, its fields, and what it does to one chat by its id.

    `prepare` is done once for all chats, before anything is sent: it returns the data with what it made of them.
    """

    name: str
    capability: Capability
    fields: VolDictType
    run: Callable[[WhatsAppLinkCoordinator, str, Data], Awaitable[SentMessage | None]]
    prepare: Callable[[HomeAssistant, Data, Sequence[Target]], Awaitable[Data]] | None = None


async def _read_mentions(hass: HomeAssistant, data: Data, targets: Sequence[Target]) -> Data:
    mentions = [chat_id_in(text, place) for place, text in enumerate(data[ATTR_MENTIONS], start=1)]
    return {**data, ATTR_MENTIONS: list(dict.fromkeys(mentions))}


async def _send_message(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> SentMessage:
    return await coordinator.gateway.send_text(
        chat_id,
        with_mentions(with_title(data[ATTR_MESSAGE], data.get(ATTR_TITLE)), data[ATTR_MENTIONS]),
        reply_to=data[ATTR_REPLY_TO],
        mentions=data[ATTR_MENTIONS],
        link_preview=data[ATTR_LINK_PREVIEW],
    )


async def _load_media(hass: HomeAssistant, data: Data, targets: Sequence[Target]) -> Data:
    if (ATTR_MEDIA in data) == (ATTR_PATH in data):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="media_or_path")
    media = await async_load_media(
        hass,
        data[ATTR_MEDIA] if ATTR_MEDIA in data else data[ATTR_PATH],
        kind=None if data[ATTR_TYPE] == _AUTO else MediaKind(data[ATTR_TYPE]),
        file_name=data.get(ATTR_FILE_NAME),
        limit=min(target.coordinator.gateway.max_media for target in targets),
    )
    if data[ATTR_CAPTION] and not media.kind.has_caption:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_caption_for_sound")
    return {**data, _LOADED: media}


async def _send_media(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> SentMessage:
    gateway = coordinator.gateway
    texts = {ATTR_CAPTION: data[ATTR_CAPTION], ATTR_REPLY_TO: data[ATTR_REPLY_TO]}
    if not gateway.takes_links:
        return await gateway.send_media(chat_id, data[_LOADED], **texts)
    with async_offered(coordinator.hass, data[_LOADED], allow_internal=gateway.is_local) as offered:
        return await gateway.send_media(chat_id, offered, **texts)


async def _send_location(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> SentMessage:
    place = data[ATTR_LOCATION]
    location = Location(place[ATTR_LATITUDE], place[ATTR_LONGITUDE], data[ATTR_NAME], data[ATTR_ADDRESS])
    return await coordinator.gateway.send_location(chat_id, location, reply_to=data[ATTR_REPLY_TO])


async def _read_phone(hass: HomeAssistant, data: Data, targets: Sequence[Target]) -> Data:
    return {**data, ATTR_PHONE: phone_in(data)}


async def _send_contact(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> SentMessage:
    contact = Contact(data[ATTR_NAME], data[ATTR_PHONE])
    return await coordinator.gateway.send_contact(chat_id, contact, reply_to=data[ATTR_REPLY_TO])


async def _send_poll(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> SentMessage:
    poll = Poll(data[ATTR_QUESTION], tuple(data[ATTR_OPTIONS]), data[ATTR_MULTIPLE])
    return await coordinator.gateway.send_poll(chat_id, poll, reply_to=data[ATTR_REPLY_TO])


async def _react(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> None:
    await coordinator.gateway.send_reaction(chat_id, data[ATTR_MESSAGE_ID], data[ATTR_EMOJI])


async def _edit_message(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> None:
    await coordinator.gateway.edit_message(chat_id, data[ATTR_MESSAGE_ID], data[ATTR_MESSAGE])


async def _delete_message(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> None:
    await coordinator.gateway.delete_message(chat_id, data[ATTR_MESSAGE_ID])


async def _mark_read(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> None:
    await coordinator.gateway.mark_read(chat_id, data[ATTR_MESSAGE_ID])


async def _set_typing(coordinator: WhatsAppLinkCoordinator, chat_id: str, data: Data) -> None:
    await coordinator.gateway.send_typing(chat_id, data[ATTR_STATE])


def phone_in(data: Data) -> str:
    """Return the digits of the phone number among the data. Raises ServiceValidationError."""
    with address_errors(1):
        return parse_phone(data[ATTR_PHONE])


def _unique(options: list[str]) -> list[str]:
    if len(set(options)) < len(options):
        raise vol.Invalid("each option can be there only once")
    return options


_TEXT = vol.All(cv.string, vol.Length(min=1))
OPTIONS = vol.All(cv.ensure_list, [_TEXT], vol.Length(min=_MIN_OPTIONS, max=_MAX_OPTIONS), _unique)
"""The answers that one can choose from."""
_REPLY: VolDictType = {vol.Optional(ATTR_REPLY_TO, default=""): cv.string}
_MESSAGE_ID: VolDictType = {vol.Required(ATTR_MESSAGE_ID): _TEXT}

ACTIONS = (
    Action(
        "send_message",
        Capability.SEND_TEXT,
        {
            vol.Required(ATTR_MESSAGE): _TEXT,
            vol.Optional(ATTR_TITLE): cv.string,
            vol.Optional(ATTR_MENTIONS, default=[]): vol.All(cv.ensure_list, [cv.string]),
            vol.Optional(ATTR_LINK_PREVIEW, default=True): cv.boolean,
            **_REPLY,
        },
        _send_message,
        _read_mentions,
    ),
    Action(
        "send_media",
        Capability.SEND_MEDIA,
        {
            vol.Optional(ATTR_MEDIA): vol.Any(cv.string, MediaSelector({"accept": ["*"]})),
            vol.Optional(ATTR_PATH): _TEXT,
            vol.Optional(ATTR_TYPE, default=_AUTO): vol.In([_AUTO, *MediaKind]),
            vol.Optional(ATTR_CAPTION, default=""): cv.string,
            vol.Optional(ATTR_FILE_NAME): _TEXT,
            **_REPLY,
        },
        _send_media,
        _load_media,
    ),
    Action(
        "send_location",
        Capability.SEND_LOCATION,
        {
            vol.Required(ATTR_LOCATION): vol.Schema(
                {vol.Required(ATTR_LATITUDE): cv.latitude, vol.Required(ATTR_LONGITUDE): cv.longitude},
                extra=vol.REMOVE_EXTRA,
            ),
            vol.Optional(ATTR_NAME, default=""): cv.string,
            vol.Optional(ATTR_ADDRESS, default=""): cv.string,
            **_REPLY,
        },
        _send_location,
    ),
    Action(
        "send_contact",
        Capability.SEND_CONTACT,
        {vol.Required(ATTR_NAME): _TEXT, vol.Required(ATTR_PHONE): cv.string, **_REPLY},
        _send_contact,
        _read_phone,
    ),
    Action(
        "send_poll",
        Capability.SEND_POLL,
        {
            vol.Required(ATTR_QUESTION): _TEXT,
            vol.Required(ATTR_OPTIONS): OPTIONS,
            vol.Optional(ATTR_MULTIPLE, default=False): cv.boolean,
            **_REPLY,
        },
        _send_poll,
    ),
    Action(
        "react",
        Capability.SEND_REACTION,
        {**_MESSAGE_ID, vol.Optional(ATTR_EMOJI, default=""): cv.string},
        _react,
    ),
    Action(
        "edit_message",
        Capability.EDIT_MESSAGE,
        {**_MESSAGE_ID, vol.Required(ATTR_MESSAGE): _TEXT},
        _edit_message,
    ),
    Action("delete_message", Capability.DELETE_MESSAGE, _MESSAGE_ID, _delete_message),
    Action(
        "mark_read",
        Capability.MARK_READ,
        {vol.Optional(ATTR_MESSAGE_ID, default=""): cv.string},
        _mark_read,
    ),
    Action(
        "set_typing",
        Capability.SEND_TYPING,
        {vol.Optional(ATTR_STATE, default=Typing.TYPING): vol.Coerce(Typing)},
        _set_typing,
    ),
)
