"""The files that came in, to look at under Media and to use in actions."""

from typing import override

from homeassistant.components.media_player import BrowseError, MediaClass
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .coordinator import WhatsAppLinkConfigEntry
from .received import Received, find_received

_CLASSES = {"image": MediaClass.IMAGE, "video": MediaClass.VIDEO, "audio": MediaClass.MUSIC}


async def async_get_media_source(hass: HomeAssistant) -> ReceivedMediaSource:
    """Return the media source."""
    return ReceivedMediaSource(hass)


class ReceivedMediaSource(MediaSource):
    """Shows each instance as a folder, with its latest files in it."""

    name = "WhatsApp Link"

    def __init__(self, hass: HomeAssistant) -> None:
        """Take Home Assistant."""
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        entry_id, _, key = item.identifier.partition("/")
        found = find_received(self._hass, entry_id, key)
        if found is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="no_such_file")
        return PlayMedia(f"/api/{DOMAIN}/received/{entry_id}/{key}", found[1].file.mime_type)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        entries: list[WhatsAppLinkConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        if not item.identifier:
            return _folder(None, self.name, [_folder(entry.entry_id, entry.title) for entry in entries])
        for entry in entries:
            if entry.entry_id == item.identifier:
                files = entry.runtime_data.mailbox.files.latest_first
                return _folder(entry.entry_id, entry.title, [_file(entry.entry_id, received) for received in files])
        raise BrowseError(translation_domain=DOMAIN, translation_key="no_such_instance")


def _folder(identifier: str | None, title: str, children: list[BrowseMediaSource] | None = None) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
    )


def _file(entry_id: str, received: Received) -> BrowseMediaSource:
    mime_type = received.file.mime_type
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=f"{entry_id}/{received.key}",
        media_class=_CLASSES.get(mime_type.partition("/")[0], MediaClass.URL),
        media_content_type=mime_type,
        title=" – ".join(filter(None, (received.sender, received.file.file_name or mime_type))),
        can_play=True,
        can_expand=False,
    )
