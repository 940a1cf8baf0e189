"""Files in requests to WAHA: as an address, or in base64. There is no upload of forms."""

import base64
from dataclasses import dataclass
import re

from .downloads import CannotDownload, Download, download, name_for
from .waha_checks import Fields
from .waha_errors import EngineFailed

# How long the server tries is not documented; this is no vendor time.
_DOWNLOAD_REAL_SECONDS = 20
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
# Vendor source has these words for the picture of a preview; for other files it has none.
_NO_CONTENT = 'must contain either "data" or "url".'


@dataclass(frozen=True)
class GivenFile:
    """A file as the request has it."""

    mime_type: str = ""
    name: str = ""
    url: str = ""
    data: str = ""

    async def read(self) -> Download:
        """Return the file with its content, as far as the sender described it.

        Raises:
            EngineFailed: It cannot be downloaded; nothing is documented about that.

        """
        # Vendor source: an address counts for more than data.
        if not self.url:
            return Download(_decode(self.data), self.mime_type, self.name or name_for(self.mime_type))
        try:
            found = await download(self.url, _DOWNLOAD_REAL_SECONDS)
        except CannotDownload as error:
            raise EngineFailed(str(error)) from error
        return Download(found.content, self.mime_type or found.mime_type, self.name or found.name)


def file_in(fields: Fields, default_type: str | None = None, default_name: str = "") -> GivenFile:
    """Return the file of a message (vendor OpenAPI, RemoteFile and BinaryFile).

    The type is required unless there is a default, as for voice notes and videos.
    """
    file = fields.nested("file")
    return _content_in(file, "file", fields, file.text("mimetype", default_type), file.text("filename", default_name))


def bare_file_in(fields: Fields, name: str) -> GivenFile:
    """Return a file with neither type nor name (vendor OpenAPI, FileURL and FileContent)."""
    return _content_in(fields.nested(name), name, fields)


def content_in(fields: Fields) -> GivenFile:
    """Return a file whose content or address is all that is in a body (vendor OpenAPI, VoiceFileDTO)."""
    return _content_in(fields, "body", fields)


def _content_in(file: Fields, name: str, around: Fields, mime_type: str = "", file_name: str = "") -> GivenFile:
    url, data = file.text("url", ""), file.text("data", "")
    if not url and not data:
        around.complain(name, _NO_CONTENT)
    return GivenFile(mime_type, file_name, url, data)


def _decode(data: str) -> bytes:
    """Decode as Node.js does, which passes over all that is not base64 instead of refusing it."""
    text = data.partition("=")[0].replace("-", "+").replace("_", "/")
    letters = _NOT_BASE64.sub("", text)
    # One letter alone is not enough for a byte.
    usable = len(letters) - (len(letters) % 4 == 1)
    return base64.b64decode(letters[:usable] + "=" * (-usable % 4))
