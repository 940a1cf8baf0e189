"""Reading the file of a message to Wawp.

The vendor docs have it as an address in the flat key `file[url]`, beside
`file[filename]` and `file[mimetype]`. Observed beyond that: the same keys nested in
`file`, the address in a plain `url`, base64 in `file[data]` or `file.data` (some
clients), and a data URI in place of the address (an older version of the vendor's MCP
server). A form is not looked into, so there are no uploads.
"""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
import re

from .downloads import CannotDownload, download, name_for
from .model import JsonObject
from .wawp_call import Call, Given
from .wawp_errors import UPSTREAM_ERROR, Refused, invalid_param, missing_param

_HTTP = re.compile(r"https?://\S+", re.IGNORECASE)
_DATA_URI = re.compile(r"data:(?P<type>[^,]*?);base64,(?P<data>.*)", re.DOTALL)
# How long the server tries is not documented.
_DOWNLOAD_REAL_SECONDS = 20


@dataclass(frozen=True)
class GivenFile:
    """A file as the request has it: an address, or the content itself."""

    mime_type: str
    name: str
    url: str = ""
    content: bytes = b""


@dataclass(frozen=True)
class ReadFile:
    """A file whose content is there."""

    content: bytes
    mime_type: str
    name: str


def file_in(call: Call) -> GivenFile:
    """Return the file of a request."""
    given = call.given
    mime_type, name = _part(given, "mimetype"), _part(given, "filename")
    url = _part(given, "url") or given.optional_text("url")
    if url and not url.startswith("data:"):
        if not _HTTP.fullmatch(url):
            raise invalid_param("file[url]")
        return GivenFile(mime_type, name, url=url)
    if url and (found := _DATA_URI.fullmatch(url)) and call.instance.options.file_data != "none":
        return _inline(found["data"], mime_type or found["type"], name)
    if data := _data(call):
        return _inline(data, mime_type, name)
    # Observed: the validation names the parameter like this.
    raise missing_param("file[url] or url")


async def read_file(file: GivenFile) -> ReadFile:
    """Return the content of a file, downloading it if there is only an address."""
    if not file.url:
        return ReadFile(file.content, file.mime_type, file.name)
    try:
        found = await download(file.url, _DOWNLOAD_REAL_SECONDS)
    except CannotDownload as error:
        # Not documented; it is the engine that fetches the file, and fails.
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, *UPSTREAM_ERROR) from error
    return ReadFile(found.content, file.mime_type or found.mime_type, file.name or found.name)


def _part(given: Given, name: str) -> str:
    """Return a part of the file, from the documented flat key or from the nested one."""
    return given.optional_text(f"file[{name}]") or _nested(given.body, name)


def _nested(body: JsonObject, name: str) -> str:
    file = body.get("file")
    value = file.get(name) if isinstance(file, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_param(f"file[{name}]")
    return value


def _data(call: Call) -> str:
    """Return base64 from where this server looks for it: that clients try both is all that is known."""
    accepted = call.instance.options.file_data
    flat = call.given.optional_text("file[data]") if accepted in ("both", "flat") else ""
    nested = _nested(call.given.body, "data") if accepted in ("both", "nested") else ""
    return flat or nested


def _inline(data: str, mime_type: str, name: str) -> GivenFile:
    # The engine wants to be told, as nobody else can tell.
    if not mime_type:
        raise missing_param("file[mimetype]")
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise invalid_param("file[data]") from error
    return GivenFile(mime_type, name or name_for(mime_type), content=content)
