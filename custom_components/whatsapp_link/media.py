"""Reads what a user wants to send: a file, a picture of the moment, speech, or what lies at an address.

Home Assistant reads it itself, so that no gateway has to reach Home Assistant. What it is is told by its content:
names and declarations are wrong too often, and a gateway that believes them sends what no phone can show.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
import math
import mimetypes
from pathlib import Path, PurePosixPath
import re
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientTimeout

from homeassistant.components import image, media_source
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .const import DOMAIN
from .gateways.model import Media, MediaKind

_CAMERA = f"{media_source.URI_SCHEME}camera/"
_IMAGE = f"{media_source.URI_SCHEME}image/"
_SPEECH = f"{media_source.URI_SCHEME}tts/"
_RECEIVED = f"{media_source.URI_SCHEME}{DOMAIN}/"
_LOCAL = f"{media_source.URI_SCHEME}{media_source.DOMAIN}/"
_WEB = re.compile(r"https?://", re.IGNORECASE)

_TIMEOUT = ClientTimeout(total=30)
_MAX_REDIRECTS = 3
_MAX_NAME = 100
_MIB = 1024 * 1024

# Bytes that WhatsApp allows. A gateway may allow less.
_MAX_BYTES = {
    MediaKind.IMAGE: 16 * _MIB,
    MediaKind.VIDEO: 16 * _MIB,
    MediaKind.AUDIO: 16 * _MIB,
    MediaKind.VOICE: 16 * _MIB,
    MediaKind.DOCUMENT: 64 * _MIB,
}
# What may be sent as what.
_FITTING = {
    MediaKind.IMAGE: "image/",
    MediaKind.VIDEO: "video/",
    MediaKind.AUDIO: "audio/",
    MediaKind.VOICE: "audio/",
    MediaKind.DOCUMENT: "",
}
# What every phone shows in the chat. Other pictures and films arrive only as documents.
_SHOWN_AS = {
    "image/jpeg": MediaKind.IMAGE,
    "image/png": MediaKind.IMAGE,
    "image/webp": MediaKind.IMAGE,
    "video/mp4": MediaKind.VIDEO,
    "video/quicktime": MediaKind.VIDEO,
    "video/3gpp": MediaKind.VIDEO,
}

# How a file begins. The first that matches counts.
_SIGNATURES = tuple(
    (re.compile(signature, re.DOTALL), mime_type)
    for signature, mime_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF.{4}WEBP", "image/webp"),
        (rb"%PDF-", "application/pdf"),
        (rb".{4}ftypqt  ", "video/quicktime"),
        (rb".{4}ftypM4[AB] ", "audio/mp4"),
        (rb".{4}ftyp3g[p2]", "video/3gpp"),
        (rb".{4}ftyp(?:hei[cx]|mif1)", "image/heic"),
        (rb".{4}ftypavi[fs]", "image/avif"),
        (rb".{4}ftyp", "video/mp4"),
        (rb"\x1aE\xdf\xa3.{0,60}B\x82.webm", "video/webm"),
        (rb"\x1aE\xdf\xa3", "video/x-matroska"),
        (rb"OggS.{24}OpusHead", "audio/ogg; codecs=opus"),
        (rb"OggS.{24}\x80theora", "video/ogg"),
        (rb"OggS", "audio/ogg"),
        (rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", "audio/mpeg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"RIFF.{4}WAVE", "audio/wav"),
        (rb"fLaC", "audio/flac"),
        (rb"PK(?:\x03\x04|\x05\x06)", "application/zip"),
        # No file that anybody means to send begins so more often than the sign-in page that came in its place.
        (rb"\s*(?i:<!doctype html|<html)", "text/html"),
    )
)
# What else may begin so: office documents are ZIP files, and a recorder's sound may begin as a film does.
_MAY_BE = {
    "application/zip": ("application/vnd.", "application/epub+zip", "application/java-archive"),
    "video/mp4": ("audio/mp4",),
    "video/webm": ("audio/webm",),
    "video/x-matroska": ("audio/x-matroska",),
}
# Extensions that go with a type. A name that is made up gets the first. Where a type is not in here, Python knows.
_EXTENSIONS = {
    "application/pdf": (".pdf",),
    "application/zip": (".zip",),
    "audio/aac": (".aac",),
    "audio/flac": (".flac",),
    "audio/mp4": (".m4a", ".m4b"),
    "audio/mpeg": (".mp3",),
    # Not .opus: GREEN-API knows a voice message by .ogg.
    "audio/ogg": (".ogg",),
    "audio/wav": (".wav",),
    "audio/webm": (".weba",),
    "image/avif": (".avif",),
    "image/gif": (".gif",),
    "image/heic": (".heic", ".heif"),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "video/3gpp": (".3gp", ".3g2"),
    "video/mp4": (".mp4", ".m4v"),
    "video/ogg": (".ogv",),
    "video/quicktime": (".mov",),
    "video/webm": (".webm",),
    "video/x-matroska": (".mkv",),
}
_TYPES = {extension: mime_type for mime_type, fitting in _EXTENSIONS.items() for extension in fitting}
# Types that say nothing.
_ANYTHING = ("application/octet-stream", "binary/octet-stream")

# What comes out of other integrations when they cannot. The media folder asserts that it knows the type of a file.
_FAILURES = (HomeAssistantError, ClientError, OSError, LookupError, ValueError, AssertionError)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a source gave: bytes, what it calls them, and what it says they are; both may be empty."""

    content: bytes
    name: str = ""
    mime_type: str = ""


async def async_load_media(
    hass: HomeAssistant,
    source: str | Mapping[str, Any],
    *,
    kind: MediaKind | None,
    file_name: str | None,
    limit: int,
) -> Media:
    """Read what a user chose and return it ready to be sent.

    `source` is what a media selector gives, or a text: the id of a media source, an http or https address, or a
    path in a folder that Home Assistant may read. `limit` is how many bytes the gateway takes; WhatsApp's own
    limits apply as well. Without a kind the content decides, without a name the source or else the kind does.
    Raises ServiceValidationError, translated, with nothing in it but what the user chose: no query, no password.
    """
    if isinstance(source, str):
        media_id, declared = source, ""
    else:
        media_id, declared = source["media_content_id"], source.get("media_content_type") or ""
    most = min(limit, _MAX_BYTES[kind or MediaKind.DOCUMENT])
    found = await _async_read(hass, media_id, most)
    if not found.content:
        raise _problem("media_empty")

    mime_type = _type_of(found, file_name or "", declared)
    if not mime_type:
        raise _problem("media_unknown_type")
    chosen = kind or _kind_of(mime_type)
    if not mime_type.startswith(_FITTING[chosen]):
        raise _problem("media_wrong_kind", type=mime_type)
    _check_size(len(found.content), min(limit, _MAX_BYTES[chosen]))
    return Media(chosen, mime_type, _fitting_name(file_name or found.name, chosen, mime_type), found.content)


async def _async_read(hass: HomeAssistant, media_id: str, limit: int) -> _Found:
    if media_id.startswith((_CAMERA, _IMAGE)):
        return await _async_take_picture(hass, media_id)
    if media_id.startswith(_SPEECH):
        return await _async_speak(hass, media_id)
    if media_id.startswith(media_source.URI_SCHEME):
        return await _async_read_media_source(hass, media_id, limit)
    if _WEB.match(media_id):
        return await _async_fetch(hass, media_id, _shown(media_id), limit)
    return await hass.async_add_executor_job(_read_allowed, hass, media_id, _shown(media_id), limit)


async def _async_take_picture(hass: HomeAssistant, media_id: str) -> _Found:
    """Take what a camera sees now or an image shows now: as media sources, both are streams without end."""
    domain, _, entity_id = media_id.removeprefix(media_source.URI_SCHEME).partition("/")
    with suppress(*_FAILURES):
        if domain == image.DOMAIN:
            shown = await image.async_get_image(hass, entity_id)
            return _Found(shown.content, mime_type=shown.content_type)
        from homeassistant.components import camera  # noqa: PLC0415 # its libraries come only with cameras

        picture = await camera.async_get_image(hass, entity_id)
        return _Found(picture.content, mime_type=picture.content_type)
    raise _problem("media_camera_failed", entity=entity_id)


async def _async_speak(hass: HomeAssistant, media_id: str) -> _Found:
    from homeassistant.components import tts  # noqa: PLC0415 # its libraries come only with speech services

    with suppress(*_FAILURES):
        extension, content = await tts.async_get_media_source_audio(hass, media_id.removeprefix(_SPEECH))
        return _Found(content, mime_type=_type_of_name(f"speech.{extension}"))
    # The id holds the text to speak.
    raise _problem("media_speech_failed")


async def _async_read_media_source(hass: HomeAssistant, media_id: str, limit: int) -> _Found:
    media = await _async_resolve(hass, media_id)
    if media.path and media_id.startswith(_LOCAL):
        # Home Assistant's own folders may have links in them that lead elsewhere.
        found = await hass.async_add_executor_job(_read_allowed, hass, str(media.path), _shown(media_id), limit)
    elif media.path:
        found = await hass.async_add_executor_job(_read_file, media.path, _shown(media_id), limit)
    else:
        found = await _async_fetch(hass, _own_address(hass, media, media_id), _shown(media_id), limit)
    return replace(found, mime_type=_told(found.mime_type) or media.mime_type)


async def _async_resolve(hass: HomeAssistant, media_id: str) -> media_source.PlayMedia:
    with suppress(*_FAILURES):
        return await media_source.async_resolve_media(hass, media_id, None)
    raise _problem("media_not_found", media=_shown(media_id))


def _own_address(hass: HomeAssistant, media: media_source.PlayMedia, media_id: str) -> str:
    """Return the address of a media source's file, signed where it is one of Home Assistant's own."""
    with suppress(*_FAILURES):
        return async_process_play_media_url(hass, media.url)
    reason = "Home Assistant does not know its own address"
    raise _problem("media_cannot_fetch", media=_shown(media_id), reason=reason)


async def _async_fetch(hass: HomeAssistant, url: str, shown: str, limit: int) -> _Found:
    """Fetch what lies at an address. What aiohttp raises holds the address, so it is not even the context of ours."""
    try:
        session = async_get_clientsession(hass)
        async with session.get(url, timeout=_TIMEOUT, max_redirects=_MAX_REDIRECTS) as response:
            if response.status == 200:
                return _Found(await _async_body(response, limit), _name_of(response), response.content_type)
            reason = f"HTTP {response.status}"
    except (ClientError, OSError, ValueError) as error:
        reason = type(error).__name__
    raise _problem("media_cannot_fetch", media=shown, reason=reason)


async def _async_body(response: ClientResponse, limit: int) -> bytes:
    _check_size(response.content_length or 0, limit)
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        _check_size(len(body), limit)
    return bytes(body)


def _name_of(response: ClientResponse) -> str:
    """Return what the server calls a file, else the end of the address that was asked for."""
    disposition = response.content_disposition
    asked = response.history[0] if response.history else response
    return (disposition and disposition.filename) or asked.url.name


def _read_allowed(hass: HomeAssistant, path: str, shown: str, limit: int) -> _Found:
    """Read a file from a folder that Home Assistant may read. Relative paths begin at its configuration."""
    with suppress(OSError, ValueError):
        # What is checked is what is read: no link leads out of the folder.
        real = Path(hass.config.path(path)).resolve()
        if not _is_allowed(hass, real):
            raise _problem("media_not_allowed", media=shown)
        return replace(_read_file(real, shown, limit), name=PurePosixPath(path).name)
    raise _problem("media_not_found", media=shown)


def _is_allowed(hass: HomeAssistant, real: Path) -> bool:
    """Return whether Home Assistant may read there. Its media folders themselves may lie behind a link."""
    folders = [Path(folder).resolve() for folder in hass.config.media_dirs.values()]
    return hass.config.is_allowed_path(str(real)) or any(real.is_relative_to(folder) for folder in folders)


def _read_file(path: Path, shown: str, limit: int) -> _Found:
    """Read a regular file: a pipe would never end, and some files have no size."""
    with suppress(OSError):
        if path.is_file():
            _check_size(path.stat().st_size, limit)
            with path.open("rb") as file:
                content = file.read(limit + 1)
            _check_size(len(content), limit)
            return _Found(content, path.name)
    raise _problem("media_not_found", media=shown)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise _problem("media_too_large", limit=f"{math.floor(limit / _MIB * 10) / 10:g}")


def _problem(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def _shown(media_id: str) -> str:
    """Return what an error may show: of an address only the server, of anything else what stands before a query.

    Of a file that came in it is only that: the id of its message, which somebody may have written, may hold a number.
    """
    if _RECEIVED in media_id.lower():
        return _RECEIVED
    return re.sub(r"(?i)^(https?://)(?:[^/?#]*@)?([^/?#]*).*", r"\1\2", media_id, flags=re.DOTALL).partition("?")[0]


def _type_of(found: _Found, file_name: str, declared: str) -> str:
    """Return the MIME type: what the content says, else the name, else the source; empty if nothing does."""
    told = [_type_of_name(file_name), _type_of_name(found.name), _told(found.mime_type), _told(declared)]
    told = [mime_type for mime_type in told if mime_type]
    for signature, mime_type in _SIGNATURES:
        if signature.match(found.content):
            return next((other for other in told if other.startswith(_MAY_BE.get(mime_type, ()))), mime_type)
    return next(iter(told), "")


def _type_of_name(name: str) -> str:
    extension = PurePosixPath(name).suffix.lower()
    # Does not wait for the disk: Home Assistant loads Python's table when it starts.
    mime_type, compression = mimetypes.guess_file_type(f"file{extension}")
    if compression:
        return f"application/x-{compression}"
    return _TYPES.get(extension) or mime_type or ""


def _told(declared: str) -> str:
    """Return the MIME type in a declaration; empty if it is none, as `music` is, or one that says nothing."""
    mime_type = declared.partition(";")[0].strip().lower()
    return mime_type if re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", mime_type) and mime_type not in _ANYTHING else ""


def _kind_of(mime_type: str) -> MediaKind:
    if mime_type.startswith(_FITTING[MediaKind.AUDIO]):
        return MediaKind.AUDIO
    return _SHOWN_AS.get(mime_type, MediaKind.DOCUMENT)


def _fitting_name(name: str, kind: MediaKind, mime_type: str) -> str:
    """Return a name without folders and odd characters, whose extension goes with the type."""
    plain_type = mime_type.partition(";")[0]
    fitting = _EXTENSIONS.get(plain_type) or tuple(mimetypes.guess_all_extensions(plain_type))
    path = PurePosixPath(_clean(name))
    stem, extension = path.stem, path.suffix
    if fitting and extension.lower() not in fitting:
        # `report.v2` has no extension.
        stem = path.stem if _type_of_name(path.name) else path.name
        extension = fitting[0]
    return f"{stem or kind.value}{extension}"


def _clean(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable() and letter not in "\"'`").strip(" .")[:_MAX_NAME]
