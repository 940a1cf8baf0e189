"""Files on their way through GREEN-API: by form, as they are, or fetched from an address.

Pages SendFileByUpload, UploadFile and SendFileByUrl.
"""

from dataclasses import dataclass
from http import HTTPStatus
import mimetypes
from pathlib import PurePath

from aiohttp import BodyPartReader, hdrs, web

from .downloads import download
from .green_api_checks import Refused, internal_error
from .model import JsonObject, Kind

_MB = 1024 * 1024
# Page SendFileByUrl.
LARGEST_FILE = 100 * _MB
# The vendor's Java library warns that a call takes up to 20 s; no vendor timer, so not scaled.
_DOWNLOAD_REAL_SECONDS = 20.0

# Vendor docs, FAQ on supported file types: what is "supported" without a workaround. The file
# extension alone decides, and everything else is sent as a document. That sound of this one
# type comes as a voice message is what users report.
_TYPES = {
    ".bmp": (Kind.IMAGE, "image/bmp"),
    ".jpeg": (Kind.IMAGE, "image/jpeg"),
    ".jpg": (Kind.IMAGE, "image/jpeg"),
    ".png": (Kind.IMAGE, "image/png"),
    ".mov": (Kind.VIDEO, "video/quicktime"),
    ".mp4": (Kind.VIDEO, "video/mp4"),
    ".m4a": (Kind.AUDIO, "audio/mp4"),
    ".mp3": (Kind.AUDIO, "audio/mpeg"),
    ".ogg": (Kind.VOICE, "audio/ogg; codecs=opus"),
}
_WITH_CAPTION = (Kind.IMAGE, Kind.VIDEO)


def kind_of(name: str) -> Kind:
    """Return as what a file with this name is sent."""
    return _TYPES.get(_extension(name), (Kind.DOCUMENT, ""))[0]


def mime_type_of(name: str) -> str:
    """Return the type that the recipient sees."""
    known = _TYPES.get(_extension(name))
    return known[1] if known else mimetypes.guess_type(name)[0] or "application/octet-stream"


def caption_of(kind: Kind, caption: str) -> str:
    """Return what is left of a caption: "Description is only added to images and video"."""
    return caption if kind in _WITH_CAPTION else ""


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower()


@dataclass(frozen=True)
class UrlFile:
    """A file to be fetched."""

    url: str
    name: str

    @property
    def mime_type(self) -> str:
        """The type by the name to be sent, whatever the file's server says."""
        return mime_type_of(self.name)

    async def fetch(self) -> bytes:
        """Fetch it.

        Raises:
            CannotDownload: There is nothing at the address.
            Refused: It is too large.

        """
        content = (await download(self.url, _DOWNLOAD_REAL_SECONDS)).content
        if len(content) > LARGEST_FILE:
            sizes = f"Size: {-(-len(content) // _MB)}mb Limit: {LARGEST_FILE // _MB}mb"
            message = f"File from url exceeded max upload size. {sizes} Url: {self.url}"
            raise Refused(message, HTTPStatus.INTERNAL_SERVER_ERROR)
        return content


@dataclass(frozen=True)
class Form:
    """What came by multipart: one file, and texts."""

    fields: JsonObject
    content: bytes
    # As the part has it, "" if it has none.
    name: str


async def read_form(request: web.Request) -> Form:
    """Read a form.

    Raises:
        Refused: It is none, or there is no file in it. The vendor's issue tracker has that as a
            known bug: an internal error for whatever is wrong with this body.

    """
    check_length(request)
    if request.content_type != "multipart/form-data":
        raise internal_error()
    try:
        return await _read_parts(request)
    except ValueError as error:
        raise internal_error() from error


async def _read_parts(request: web.Request) -> Form:
    fields: JsonObject = {}
    file: tuple[bytes, str] | None = None
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise internal_error()
        content = bytes(await part.read(decode=True))
        if part.name == "file":
            file = (content, part.filename or "")
        else:
            fields[part.name] = content.decode()
    if file is None:
        raise internal_error()
    return Form(_with_numbers(fields), *file)


def _with_numbers(fields: JsonObject) -> JsonObject:
    """A form knows only texts, so those that should be numbers are read as such."""
    given = fields.get("typingTime", "")
    return fields | {"typingTime": int(given)} if given.isdecimal() else fields


async def read_file(request: web.Request) -> tuple[bytes, str]:
    """Read a body that is a file, and return it with a name (page UploadFile).

    Raises:
        Refused: It is empty, or too large.

    """
    check_length(request)
    content = await request.read()
    if not content:
        # Vendor's issue tracker.
        raise Refused("Server error")
    if name := request.headers.get("GA-Filename"):
        return content, name
    # Without the header the vendor goes by the type, and makes up the name.
    plain_type = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip()
    return content, f"file{mimetypes.guess_extension(plain_type) or ''}"


def check_length(request: web.Request) -> None:
    """Refuse what is too large before it is read.

    The limit is documented for all methods, the answer only for JSON and for addresses.
    """
    if (request.content_length or 0) > LARGEST_FILE:
        raise Refused("request entity too large", HTTPStatus.INTERNAL_SERVER_ERROR)
