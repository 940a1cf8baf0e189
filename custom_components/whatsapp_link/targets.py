"""Who an action writes to: recipients by their notify entities, or chats of an instance by number or id."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import logging

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from .const import CONF_CHAT_ID, DOMAIN
from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .gateways.address import InvalidAddress, parse_chat_id

_LOGGER = logging.getLogger(__name__)

ATTR_INSTANCE = "instance"
ATTR_CHATS = "chats"


@dataclass(frozen=True, slots=True)
class Target:
    """One chat to write to. `name` is what the user calls it; `entity_id` is empty for a chat without an entity."""

    entry: WhatsAppLinkConfigEntry = field(repr=False)
    chat_id: str = field(repr=False)
    name: str = field(repr=False)
    entity_id: str = ""

    @property
    def is_loaded(self) -> bool:
        """Whether its instance is set up."""
        return self.entry.state is ConfigEntryState.LOADED

    @property
    def coordinator(self) -> WhatsAppLinkCoordinator:
        """Return that of its instance. Raises ServiceValidationError if that is not set up."""
        return _coordinator(self.entry)


@callback
def async_targets(call: ServiceCall) -> list[Target]:
    """Return who a call is for, each chat once, recipients in the order of their entity ids.

    Raises ServiceValidationError for what is no recipient, no number, no instance, or nobody at all.
    """
    found: dict[tuple[str, str], Target] = {}
    for target in (*_recipients(call), *_chats(call)):
        # A chat that is also a recipient is known as that.
        found.setdefault((target.entry.entry_id, target.chat_id), target)
    if not found:
        raise _error("no_target")
    return list(found.values())


@callback
def async_coordinator(hass: HomeAssistant, entry_id: str | None) -> WhatsAppLinkCoordinator:
    """Return the coordinator of an instance; without an id that of the only one there is.

    Raises ServiceValidationError.
    """
    return _coordinator(_entry(hass, entry_id))


def _coordinator(entry: WhatsAppLinkConfigEntry) -> WhatsAppLinkCoordinator:
    if entry.state is not ConfigEntryState.LOADED:
        raise _error("instance_not_loaded", instance=entry.title)
    return entry.runtime_data


def _entry(hass: HomeAssistant, entry_id: str | None) -> WhatsAppLinkConfigEntry:
    if entry_id is None:
        # Of two, also one that is not set up may be meant: what is sent must not go out from the other account.
        entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
        if len(entries) != 1:
            raise _error("choose_instance")
        return entries[0]
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN:
        raise _error("no_such_instance")
    return entry


def _recipients(call: ServiceCall) -> Iterator[Target]:
    hass = call.hass
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(call.data))
    # As with any action: who is left gets it, and the log says what is gone. An entity that is gone is an error below.
    selected.log_missing(set(), _LOGGER)
    registry = er.async_get(hass)
    for entity_id in sorted(selected.referenced | selected.indirectly_referenced):
        entity = registry.async_get(entity_id)
        if entity is None or entity.platform != DOMAIN or entity.domain != NOTIFY_DOMAIN or entity.disabled:
            # An area or a device has other entities too; only what was named has to be a recipient.
            if entity_id in selected.referenced:
                raise _error("not_a_recipient", entity_id=entity_id)
            continue
        assert entity.config_subentry_id is not None
        entry = _entry(hass, entity.config_entry_id)
        subentry = entry.subentries[entity.config_subentry_id]
        yield Target(entry, subentry.data[CONF_CHAT_ID], subentry.title, entity_id)


def _chats(call: ServiceCall) -> Iterator[Target]:
    chats = call.data.get(ATTR_CHATS, [])
    for number, chat in enumerate(chats, start=1):
        chat_id = chat_id_in(chat, number)
        yield Target(_entry(call.hass, call.data.get(ATTR_INSTANCE)), chat_id, f"#{number}")


def chat_id_in(text: str, place: int) -> str:
    """Return the chat id of the entry at a place (from 1). Raises ServiceValidationError."""
    with address_errors(place):
        return parse_chat_id(text)


@contextmanager
def address_errors(place: int) -> Generator[None]:
    """Turn what is wrong with the number or the chat id at a place (from 1) into an error that the user can read.

    It is named by its place: the text may be somebody's number.
    """
    try:
        yield
    except InvalidAddress as error:
        raise _error(f"chat_{error.problem}", place=str(place)) from None


def _error(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )
