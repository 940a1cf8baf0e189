"""Files that came in: remembered, and fetched when somebody wants them."""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
import re
from urllib.parse import quote

from aiohttp.web import Request, Response

from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.media_source import generate_media_source_id
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .gateways.errors import GatewayError
from .gateways.events import Event, ReceivedFile
from .gateways.gateway import Gateway

MAX_FILE = 64 * 1024 * 1024
"""Bytes of a file that is fetched."""
# Vendors keep files for minutes to days; more than so many are not worth remembering.
_MEMORY = 100
# What kind of file it is was said by whoever sent it, and goes into a header.
_MIME_TYPE = re.compile(r"[a-z0-9][\w.+-]*/[a-z0-9][\w.+-]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Received:
    """A file, the key that it is addressed by, and who sent it."""

    key: str
    sender: str = field(repr=False)
    timestamp: float
    file: ReceivedFile


class ReceivedFiles:
    """The latest files of one instance."""

    def __init__(self, gateway: Gateway) -> None:
        """Take the gateway that has the files."""
        self._gateway = gateway
        self._files: OrderedDict[str, Received] = OrderedDict()

    def carry_on(self, gateway: Gateway) -> None:
        """Take the gateway anew; another one does not have the files."""
        if gateway.key != self._gateway.key:
            self._files.clear()
        self._gateway = gateway

    def note(self, event: Event) -> None:
        """Remember the file of an event, if it has one that can be fetched."""
        if event.file and event.file.reference:
            key = _key_of(event.message_id)
            self._files[key] = Received(key, event.sender.name or event.sender.number, event.timestamp, event.file)
            if len(self._files) > _MEMORY:
                self._files.popitem(last=False)

    def find(self, message_id: str) -> Received | None:
        """Return the file that came with a message."""
        return self.find_by_key(_key_of(message_id))

    def find_by_key(self, key: str) -> Received | None:
        """Return the file with a key."""
        return self._files.get(key)

    @property
    def latest_first(self) -> list[Received]:
        """All files that are remembered."""
        return list(reversed(self._files.values()))

    async def fetch(self, received: Received) -> bytes:
        """Fetch a file. Raises GatewayError."""
        return await self._gateway.fetch_file(received.file, MAX_FILE)


class ReceivedFileView(HomeAssistantView):
    """Gives a file to who is signed in, or has a signed path."""

    url = f"/api/{DOMAIN}/received/{{entry_id}}/{{key}}"
    name = f"api:{DOMAIN}:received"

    async def get(self, request: Request, entry_id: str, key: str) -> Response:
        """Fetch the file from the gateway and hand it out."""
        found = find_received(request.app[KEY_HASS], entry_id, key)
        if found is None:
            return Response(status=HTTPStatus.NOT_FOUND)
        files, received = found
        try:
            content = await files.fetch(received)
        except GatewayError:
            return Response(status=HTTPStatus.BAD_GATEWAY)
        # What somebody sent must not run in the browser as if it came from Home Assistant.
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            "Cache-Control": "no-store",
        }
        if received.file.file_name:
            headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(received.file.file_name, safe='')}"
        return Response(body=content, content_type=_content_type(received.file), headers=headers)


def media_content_id(entry_id: str, event: Event) -> str:
    """Return what the file of an event is chosen by as media, "" if it has none that can be fetched."""
    if event.file and event.file.reference:
        return generate_media_source_id(DOMAIN, f"{entry_id}/{_key_of(event.message_id)}")
    return ""


def _key_of(message_id: str) -> str:
    """Return a key that tells nothing: addresses are logged and recorded, and a message's id may hold a number."""
    return sha256(message_id.encode()).hexdigest()[:32]


def _content_type(file: ReceivedFile) -> str:
    found = _MIME_TYPE.match(file.mime_type)
    return found[0].lower() if found else "application/octet-stream"


def find_received(hass: HomeAssistant, entry_id: str, key: str) -> tuple[ReceivedFiles, Received] | None:
    """Return a file of an instance by its key, and those it is among."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
        return None
    files: ReceivedFiles = entry.runtime_data.mailbox.files
    received = files.find_by_key(key)
    return (files, received) if received else None
