"""Evolution API's calls under /message that send a file.

Each takes it as an address, as base64 without the `data:` of a data URI, or as the `file` of a
form. The server's conversions to WhatsApp's own formats are not made: the bytes stay, what
the message says about them changes.
"""

import base64
from http import HTTPStatus
import ipaddress
import mimetypes
import re

from .downloads import CannotDownload, Download, download, name_for
from .evolution_call import POST, Call, Route
from .evolution_refusals import bad, refused
from .evolution_schema import Field
from .evolution_sending import Content, check_message, send
from .model import JsonObject, Kind

_NO_MEDIA = "Owned media must be a url or base64"
_NO_AUDIO = "Owned media must be a url, base64, or valid file with buffer"
# The server has no limit of its own, so this is no vendor timer.
_DOWNLOAD_REAL_SECONDS = 20.0
_MEDIA = (
    Field("mediatype", required=True, choices=("image", "video", "document", "audio")),
    *(Field(name) for name in ("media", "mimetype", "fileName", "caption")),
)
_AUDIO = (Field("audio"),)
_ROUND_VIDEO = (Field("video"),)
_STICKER = (Field("sticker"), Field("notConvertSticker", "boolean"))
# For files that come with neither a type nor a name.
_DEFAULT_TYPES = {
    Kind.IMAGE: "image/png",
    Kind.VIDEO: "video/mp4",
    Kind.AUDIO: "audio/mpeg",
    Kind.DOCUMENT: "application/octet-stream",
}
# What the validator of addresses takes for one: the scheme may be missing, but the host has to
# be an IP address or to end in a top-level domain, so `localhost` and `homeassistant` are none.
_ADDRESS = re.compile(r"((https?|ftp)://)?(?P<host>\[[0-9a-f:.]+\]|[^\s/?#:@\[\]]+)(:\d+)?([/?#]\S*)?", re.IGNORECASE)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.IGNORECASE)


async def _send_media(call: Call) -> JsonObject:
    check_message(call.body, _MEDIA)
    body, kind = call.body, Kind(call.body["mediatype"])
    inline = call.upload is None and _decoded(body.get("media", "")) is not None
    if kind is Kind.DOCUMENT and inline and not body.get("fileName"):
        raise bad("For base64 the file name must be informed.")
    file = _described(await _read(call, "media", _NO_MEDIA), kind, body.get("mimetype"), body.get("fileName"))
    # WhatsApp shows no text with sound.
    caption = body.get("caption", "") if kind is not Kind.AUDIO else ""
    return await _send(call, kind, file, caption)


async def _send_voice(call: Call) -> JsonObject:
    """Send a voice note. What cannot be converted at all is what is empty."""
    check_message(call.body, _AUDIO)
    file = await _read(call, "audio", _NO_AUDIO)
    if call.body.get("encoding", True) and not file.content:
        raise refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed to convert audio")
    return await _send(call, Kind.VOICE, Download(file.content, "audio/ogg; codecs=opus", "voice.ogg"))


async def _send_round_video(call: Call) -> JsonObject:
    check_message(call.body, _ROUND_VIDEO)
    file = await _read(call, "video", _NO_MEDIA)
    return await _send(call, Kind.VIDEO, Download(file.content, "video/mp4", "video.mp4"), more={"as_note": True})


async def _send_sticker(call: Call) -> JsonObject:
    check_message(call.body, _STICKER)
    file = await _read(call, "sticker", _NO_MEDIA)
    return await _send(call, Kind.STICKER, Download(file.content, "image/webp", "sticker.webp"))


async def _send(call: Call, kind: Kind, file: Download, text: str = "", more: JsonObject | None = None) -> JsonObject:
    details = call.world.files.attach(file.content, file.mime_type, file.name)
    return await send(call, Content(kind, text, details | (more or {})))


# The file


async def _read(call: Call, name: str, refusal: str) -> Download:
    """Return the file of a request, with what is known about it, "" where nothing is.

    The text with which a failed download is refused is not documented.
    """
    if (upload := call.upload) is not None:
        return Download(upload.content, upload.mime_type, upload.name)
    given = call.body.get(name, "")
    if (content := _decoded(given)) is not None:
        return Download(content, "", "")
    if not _is_address(given):
        raise bad(refusal)
    try:
        return await download(given, _DOWNLOAD_REAL_SECONDS)
    except CannotDownload as error:
        raise bad(f"Error: {error}") from error


def _decoded(given: str) -> bytes | None:
    """Return what is written in base64, None if it is not or if there is nothing."""
    try:
        return base64.b64decode(given, validate=True) or None
    except ValueError:
        return None


def _is_address(given: str) -> bool:
    if (found := _ADDRESS.fullmatch(given)) is None:
        return False
    host = found["host"].strip("[]")
    return _is_ip(host) or _DOMAIN.fullmatch(host) is not None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _described(file: Download, kind: Kind, mime_type: str | None, name: str | None) -> Download:
    """Return a file with name and type: the sender's, or what can be told from the file.

    How the server finds what the sender leaves out is not documented.
    """
    name = name or file.name
    guessed = mimetypes.guess_type(name)[0] if name else None
    mime_type = mime_type or guessed or file.mime_type or _DEFAULT_TYPES[kind]
    return Download(file.content, mime_type, name or name_for(mime_type))


ROUTES = tuple(
    Route(POST, f"message/{name}", answer, HTTPStatus.CREATED, takes_file=True)
    for name, answer in (
        ("sendMedia", _send_media),
        ("sendWhatsAppAudio", _send_voice),
        ("sendPtv", _send_round_video),
        ("sendSticker", _send_sticker),
    )
)
