"""Files of messages, as Wawp offers them under its own address.

Vendor docs, event message: `https://api.wawp.net/api/files/...`, which is where the API
is, too. Neither credentials nor an end of the offer are documented: here, there are none.
"""

from collections.abc import Iterable
from http import HTTPStatus
from pathlib import PurePath
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from .model import Message
from .waha_engines import bare_id
from .wawp_errors import Refused

if TYPE_CHECKING:
    from .wawp_instance import WawpInstance
    from .world import World

_FILE = re.compile(r"/api/files/(?P<name>[^/]+)")


def is_file(path: str) -> bool:
    """Say whether a path of the server is that of a file."""
    return _FILE.fullmatch(path) is not None


class PublishedFiles:
    """The files of one instance."""

    def __init__(self, world: World) -> None:
        """Begin with none."""
        self._world = world
        self._paths: dict[str, str] = {}

    def publish(self, message: Message) -> str:
        """Offer a message's file, and return the address."""
        details = message.details
        name = f"{bare_id(message.id)}{PurePath(details['file_name']).suffix}"
        # What was written to the account has a whole address; what it sent has a path.
        self._paths[name] = details.get("path") or details["url"].removeprefix(self._world.url)
        return f"{self._world.url}/wawp/api/files/{quote(name)}"

    def answer(self, name: str) -> web.Response | None:
        """Return a file, None if it is not one of these."""
        file = self._world.files.find(self._paths.get(name, ""))
        if file is None:
            return None
        return web.Response(body=file.content, headers={hdrs.CONTENT_TYPE: file.mime_type})


def file_response(path: str, instances: Iterable[WawpInstance]) -> web.Response:
    """Return the file at a path of the server."""
    found = _FILE.fullmatch(path)
    assert found is not None
    for instance in instances:
        if answer := instance.files.answer(unquote(found["name"])):
            return answer
    # Not documented.
    raise Refused(HTTPStatus.NOT_FOUND, "file_not_found", "File not found or no longer available")
