"""The files that Wachat fetches for a message: it takes addresses, never the bytes."""

from dataclasses import dataclass
import ipaddress
import mimetypes
import re

from yarl import URL

from .downloads import CannotDownload, download
from .model import JsonObject
from .wachat_checks import Refused, cannot_send
from .world import World

# The engine takes a host for a real one if it is an IP address or ends in a top-level
# domain, which leaves out `localhost` and `homeassistant`.
_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_NO_HOST = ["Owned media must be a url or base64"]


@dataclass(frozen=True)
class FileOrder:
    """A file to be fetched, with what the sender says about it."""

    url: str
    name: str
    mime_type: str


def check_url(url: str) -> None:
    """Check a file's address (vendor docs, page Send Media: a direct, fully qualified URL).

    Raises:
        Refused: It is none, or the engine does not take it for one.

    """
    msg = "Field mediaUrl must be a valid URL."
    try:
        parsed = URL(url)
    except ValueError as error:
        raise Refused(msg) from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Refused(msg)
    if not _is_ip(parsed.host) and not _HOST.fullmatch(parsed.host):
        raise cannot_send(_NO_HOST)


async def fetch(world: World, order: FileOrder, seconds: float) -> JsonObject:
    """Fetch a file and return the details of the message that it is for.

    Where the sender leaves them out, how name and type are found is not documented. That
    failing ends with 400 is the engine's way; the wording is made up.

    Raises:
        Refused: There is no file to be had.

    """
    try:
        file = await download(order.url, world.clock.real(seconds))
    except CannotDownload as error:
        raise cannot_send(f"Error: {error}") from error
    name = order.name or file.name
    mime_type = order.mime_type or mimetypes.guess_type(name)[0] or file.mime_type
    return world.files.attach(file.content, mime_type, name)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
