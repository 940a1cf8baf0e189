"""Reading the file of a message to Wasend: base64 in the body, or an address (vendor SDK)."""

import base64
import binascii
from dataclasses import dataclass
from http import HTTPStatus
import re

from .downloads import CannotDownload, download, name_for
from .model import JsonObject, Kind
from .wasend_checks import Refused, bad, optional_text_in, text_in

_HTTP = re.compile(r"https?://\S+", re.IGNORECASE)
# How long the server tries is not documented.
_DOWNLOAD_REAL_SECONDS = 20
# Except for documents, no call of its own has a field for the type. These are WAHA's.
_USUAL_TYPES = {
    Kind.IMAGE: "image/jpeg",
    Kind.VIDEO: "video/mp4",
    Kind.VOICE: "audio/ogg; codecs=opus",
    Kind.DOCUMENT: "application/octet-stream",
}
# How pictures begin that are no JPEG.
_PICTURES = {b"\x89PNG\r\n": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class GivenFile:
    """A file as the request has it: an address, or the content itself."""

    kind: Kind
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


def file_in(body: JsonObject, kind: Kind, *, name: str = "", mime_type: str = "") -> GivenFile:
    """Return the file that is in `url` or in `data`; with both, the address counts, as with WAHA."""
    if body.get("url") is not None:
        return linked_file(body, "url", kind, name=name, mime_type=mime_type)
    if body.get("data") is None:
        raise bad("either url or data should not be empty")
    try:
        content = base64.b64decode(text_in(body, "data"), validate=True)
    except binascii.Error as error:
        raise bad("data must be base64 encoded") from error
    return GivenFile(kind, mime_type, name, content=content)


def linked_file(body: JsonObject, field: str, kind: Kind, *, name: str = "", mime_type: str = "") -> GivenFile:
    """Return the file whose address is in a field."""
    url = optional_text_in(body, field)
    if not _HTTP.fullmatch(url):
        raise bad(f"{field} must be a URL address")
    return GivenFile(kind, mime_type, name, url=url)


async def read_file(file: GivenFile) -> ReadFile:
    """Return the content of a file, downloading it if there is only an address."""
    if not file.url:
        mime_type = file.mime_type or _type_of(file.kind, file.content, "")
        return ReadFile(file.content, mime_type, file.name or name_for(mime_type))
    try:
        found = await download(file.url, _DOWNLOAD_REAL_SECONDS)
    except CannotDownload as error:
        # The status is documented; WAHA says what went wrong.
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
    mime_type = file.mime_type or _type_of(file.kind, found.content, found.mime_type)
    return ReadFile(found.content, mime_type, file.name or found.name)


def _type_of(kind: Kind, content: bytes, told: str) -> str:
    """Return the type of a file: what its server told, if that fits the call."""
    usual = _USUAL_TYPES[kind]
    if told and (kind is Kind.DOCUMENT or told.partition("/")[0] == usual.partition("/")[0]):
        return told
    if kind is Kind.IMAGE:
        return next((mime_type for magic, mime_type in _PICTURES.items() if content.startswith(magic)), usual)
    return usual
