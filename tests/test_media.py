"""What a user chooses becomes a file to send: read from wherever it is, known by its content, refused with words."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from io import BytesIO
import itertools
import logging
import os
from pathlib import Path
import re
from string import Formatter
import threading
from typing import Any, override
from wave import open as open_wave
from zipfile import ZipFile

from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer
from PIL import Image as Picture
import pytest
from pytest_homeassistant_custom_component.common import (
    MockModule,
    MockPlatform,
    mock_component,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.components import camera, image, tts
from homeassistant.components.http import HomeAssistantView
from homeassistant.components.media_source import MediaSource, MediaSourceItem, PlayMedia
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link import media as media_module
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways.model import Media, MediaKind
from custom_components.whatsapp_link.media import async_load_media
from tests.dialog import ENGLISH, INTEGRATION

MIB = 1024 * 1024
SECRET = "s3cr3t"


def _picture(kind: str) -> bytes:
    file = BytesIO()
    Picture.new("RGB", (8, 8), "red").save(file, kind)
    return file.getvalue()


def _wave() -> bytes:
    file = BytesIO()
    with open_wave(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    return file.getvalue()


def _zip() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return file.getvalue()


def _ftyp(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(12)


def _matroska(doc_type: bytes) -> bytes:
    fields = b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82" + bytes([0x80 + len(doc_type)])
    return b"\x1aE\xdf\xa3\x9f" + fields + doc_type + bytes(8)


def _ogg(codec: bytes) -> bytes:
    return b"OggS\x00\x02" + bytes(20) + b"\x01" + bytes([len(codec) + 8]) + codec + bytes(8)


PNG = _picture("PNG")
JPEG = _picture("JPEG")
# Ten frames of silence.
MP3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 10
OPUS = _ogg(b"OpusHead")
ZIP = _zip()
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

type Refusal = tuple[str, dict[str, str]]


async def load(
    hass: HomeAssistant,
    source: str | Mapping[str, Any],
    kind: MediaKind | None = None,
    file_name: str | None = None,
    limit: int = 100 * MIB,
) -> Media:
    """Read a source, by default as the most generous gateway would have it."""
    return await async_load_media(hass, source, kind=kind, file_name=file_name, limit=limit)


async def refused(hass: HomeAssistant, source: str | Mapping[str, Any], **how: Any) -> Refusal:
    """Return why a source is refused: the key of the words and what stands in them."""
    with pytest.raises(ServiceValidationError) as caught:
        await load(hass, source, **how)
    error = caught.value
    assert error.translation_domain == DOMAIN
    assert error.translation_key
    placeholders = error.translation_placeholders or {}
    assert ENGLISH["exceptions"][error.translation_key]["message"].format(**placeholders)
    assert SECRET not in str(placeholders)
    # What other integrations and aiohttp raise may hold an address or a text: it is not to be found anywhere.
    assert error.__context__ is None
    return error.translation_key, placeholders


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Let Home Assistant keep its files where this test does."""
    return hass_tmp_config_dir


@pytest.fixture
async def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the folder that Home Assistant may read, which is also its media folder."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    assert await async_setup_component(hass, "http", {})
    assert await async_setup_component(hass, "media_source", {})
    return folder


@pytest.fixture
def files(folder: Path) -> Path:
    """Return a folder with some files, and one beside it that nobody may read."""
    (folder / "photo.png").write_bytes(PNG)
    (folder / "report.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "report.unknown").write_bytes(b"?")
    (folder / "empty.txt").touch()
    (folder / "albums").mkdir()
    (folder / "shortcut.png").symlink_to(folder / "photo.png")
    (folder / "way_out.png").symlink_to(folder.parent / "private.png")
    (folder / "way_up").symlink_to(folder.parent)
    (folder / "loop").symlink_to(folder / "loop")
    (folder.parent / "private.png").write_bytes(JPEG)
    os.mkfifo(folder / "pipe.png")
    return folder


class Camera(camera.Camera):
    """A camera that sees what it is told to."""

    entity_id = "camera.door"
    _attr_is_on = True

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        return PNG


class BrokenCamera(Camera):
    """A camera whose integration fails in its own way."""

    entity_id = "camera.broken"

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        raise OSError(f"http://user:{SECRET}@camera")


class Still(image.ImageEntity):
    """An image entity that shows a picture."""

    entity_id = "image.still"
    _attr_content_type = "image/png"

    @override
    async def async_image(self) -> bytes | None:
        return PNG


class Speaker(tts.TextToSpeechEntity):
    """A service that says everything in silence."""

    entity_id = "tts.speaker"
    _attr_name = "Speaker"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]

    @override
    async def async_get_tts_audio(self, message: str, language: str, options: dict[str, Any]) -> tts.TtsAudioType:
        return (None, None) if SECRET in message else ("mp3", MP3)


async def test_camera_and_image(hass: HomeAssistant, folder: Path) -> None:
    """A camera and an image entity give what they show now; what they say that it is does not count."""
    assert await async_setup_component(hass, "camera", {})
    assert await async_setup_component(hass, "image", {})
    await hass.data[camera.DATA_COMPONENT].async_add_entities([Camera()])
    await hass.data[image.DATA_COMPONENT].async_add_entities([Still(hass)])
    png = Media(MediaKind.IMAGE, "image/png", "image.png", PNG)
    # A camera says that it takes JPEG pictures unless it is told otherwise.
    chosen = {"media_content_id": "media-source://camera/camera.door", "media_content_type": "image/jpeg"}
    assert await load(hass, chosen) == png
    assert await load(hass, "media-source://image/image.still") == png
    assert await refused(hass, chosen, limit=10) == ("media_too_large", {"limit": "0"})


async def test_no_picture(hass: HomeAssistant, folder: Path) -> None:
    """A camera that is off, broken or not there, and an image without Home Assistant's images, are named."""
    assert await async_setup_component(hass, "camera", {})
    off = Camera()
    off.entity_id, off._attr_is_on = "camera.off", False  # noqa: SLF001 (as its integration sets it)
    await hass.data[camera.DATA_COMPONENT].async_add_entities([off, BrokenCamera()])
    for entity in ("camera.off", "camera.broken", "camera.none", "image.none"):
        source = f"media-source://{entity.partition('.')[0]}/{entity}"
        assert await refused(hass, source) == ("media_camera_failed", {"entity": entity})


async def test_speech(hass: HomeAssistant, folder: Path) -> None:
    """A text is spoken. If that fails, the text is in no error."""
    assert await refused(hass, f"media-source://tts/tts.speaker?message={SECRET}") == ("media_speech_failed", {})
    mock_component(hass, "ffmpeg")
    assert await async_setup_component(hass, "tts", {})
    await hass.data[tts.const.DATA_COMPONENT].async_add_entities([Speaker()])
    source = tts.generate_media_source_id(hass, "Dinner!", "tts.speaker", "en")
    spoken = await load(hass, {"media_content_id": source, "media_content_type": "provider"}, MediaKind.VOICE)
    assert (spoken.kind, spoken.mime_type, spoken.file_name) == (MediaKind.VOICE, "audio/mpeg", "voice.mp3")
    assert MP3 in spoken.content
    assert (await load(hass, source)).file_name == "audio.mp3"
    for source in (f"tts.speaker?message={SECRET}", f"tts.other?message={SECRET}", f"-stream-/{SECRET}.mp3", ""):
        assert await refused(hass, f"media-source://tts/{source}") == ("media_speech_failed", {})


async def test_media_folder(hass: HomeAssistant, files: Path) -> None:
    """A file from the media folder is read; what is none is named."""
    source = "media-source://media_source/local/report.pdf"
    report = Media(MediaKind.DOCUMENT, "application/pdf", "report.pdf", b"%PDF-1.7\n")
    assert await load(hass, source) == report
    assert await load(hass, {"media_content_id": source, "media_content_type": "application/pdf"}) == report
    assert await refused(hass, source, limit=8) == ("media_too_large", {"limit": "0"})
    for name in ("local/none.pdf", "local/report.unknown", "local/albums", "local/../private.png", "other/photo.png"):
        source = f"media-source://media_source/{name}"
        assert await refused(hass, source) == ("media_not_found", {"media": source})
    for source in ("media-source://", "media-source://nowhere/1", "media-source://Bad one"):
        assert await refused(hass, f"{source}?q={SECRET}") == ("media_not_found", {"media": source})


@pytest.mark.parametrize(
    ("start", "key"),
    [
        (f"media-source://{DOMAIN}/01JENTRY/", "media_not_found"),
        (f"media-source://{DOMAIN}/", "media_not_found"),
        (f"media-source://{DOMAIN}//", "media_not_found"),
        # No media sources to Home Assistant, so paths.
        (f"Media-Source://{DOMAIN}/01JENTRY/", "media_not_allowed"),
        (f" media-source://{DOMAIN}/01JENTRY/", "media_not_allowed"),
    ],
)
async def test_received_file_that_is_not_there(hass: HomeAssistant, folder: Path, start: str, key: str) -> None:
    """Of a file that came in, no error shows the id: it may be that of the message, with somebody's number in it."""
    assert await refused(hass, f"{start}false_{SECRET}@c.us_3EB0") == (key, {"media": f"media-source://{DOMAIN}/"})


async def test_path(hass: HomeAssistant, files: Path) -> None:
    """A path in an allowed folder is read, also by a link that stays there, under the name that was given."""
    assert await load(hass, str(files / "photo.png")) == Media(MediaKind.IMAGE, "image/png", "photo.png", PNG)
    assert (await load(hass, str(files / "shortcut.png"))).file_name == "shortcut.png"
    assert (await load(hass, "media/photo.png")).content == PNG
    assert (await load(hass, {"media_content_id": str(files / "photo.png")})).content == PNG
    assert await refused(hass, str(files / "empty.txt")) == ("media_empty", {})


@pytest.mark.parametrize(
    "name", ["way_out.png", "way_up/private.png", "../private.png", "../none.png", "way_up/none.png", "/etc/passwd"]
)
async def test_path_outside(hass: HomeAssistant, files: Path, name: str) -> None:
    """Nothing leads out of the allowed folders, nor tells what there is outside."""
    path = str(files / name)
    assert await refused(hass, path) == ("media_not_allowed", {"media": path})


@pytest.mark.parametrize("name", ["way_out.png", "way_up/private.png"])
async def test_link_out_of_the_media_folder(hass: HomeAssistant, files: Path, name: str) -> None:
    """The same goes for what is chosen under Media."""
    media = f"media-source://media_source/local/{name}"
    assert await refused(hass, media) == ("media_not_allowed", {"media": media})


async def test_media_folder_behind_a_link(hass: HomeAssistant, files: Path) -> None:
    """The folder itself may be a link, as where the media are on another disk; out of it, nothing leads then either."""
    link = files.parent / "link"
    link.symlink_to(files)
    hass.config.media_dirs = {"local": str(link)}
    hass.config.allowlist_external_dirs = {str(link)}
    assert (await load(hass, "media-source://media_source/local/photo.png")).content == PNG
    media = "media-source://media_source/local/way_out.png"
    assert await refused(hass, media) == ("media_not_allowed", {"media": media})


async def test_path_that_changes(hass: HomeAssistant, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is what was checked, even if a link leads elsewhere by then."""
    shortcut = files / "shortcut.png"
    check = hass.config.is_allowed_path

    def check_and_change(path: str) -> bool:
        allowed = check(path)
        shortcut.unlink()
        shortcut.symlink_to(files.parent / "private.png")
        return allowed

    monkeypatch.setattr(hass.config, "is_allowed_path", check_and_change)
    assert (await load(hass, str(shortcut))).content == PNG


@pytest.mark.parametrize("source", ["", "file:///etc/passwd", "ftp://127.0.0.1/x.png", "C:\\photo.png"])
async def test_no_path(hass: HomeAssistant, files: Path, source: str) -> None:
    """A text that is nothing else is a path, which no folder allows."""
    assert await refused(hass, source) == ("media_not_allowed", {"media": source})


@pytest.mark.parametrize("name", ["none.png", "albums", "pipe.png", "loop", "photo.png/x", "\0"])
async def test_path_to_nothing(hass: HomeAssistant, files: Path, name: str) -> None:
    """What is no regular file is not opened."""
    path = str(files / name)
    assert await refused(hass, path) == ("media_not_found", {"media": path})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
async def test_file_without_size(hass: HomeAssistant, folder: Path) -> None:
    """A file that has more in it than its size says is not read further than the limit."""
    hass.config.allowlist_external_dirs = {"/proc"}
    assert Path("/proc/self/status").stat().st_size == 0
    assert await refused(hass, "/proc/self/status", limit=100) == ("media_too_large", {"limit": "0"})


async def test_loop_does_not_wait(hass: HomeAssistant, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at and read beside the event loop."""
    main = threading.current_thread()
    used: set[str] = set()
    for name in ("resolve", "is_file", "stat", "open", "exists"):
        original = getattr(Path, name)

        def watched(path: Path, *args: Any, _name: str = name, _original: Any = original, **kwargs: Any) -> Any:
            if path.is_relative_to(files):
                used.add(_name)
                assert threading.current_thread() is not main
            return _original(path, *args, **kwargs)

        monkeypatch.setattr(Path, name, watched)
    await load(hass, str(files / "photo.png"))
    await load(hass, "media-source://media_source/local/photo.png")
    assert {"resolve", "is_file", "stat", "open"} <= used


@pytest.fixture
async def server() -> AsyncGenerator[TestServer]:
    """Return a server that has a picture under most names, and trouble under the others."""

    async def serve(request: web.Request) -> web.StreamResponse:
        match request.path.split("/")[1]:
            case "missing":
                raise web.HTTPNotFound
            case "named":
                disposition = "attachment; filename*=UTF-8''f%C3%BCr%20dich.png"
                return web.Response(body=PNG, headers={"Content-Disposition": disposition})
            case "typed":
                return web.Response(body=b"BEGIN:VCARD", content_type="text/vcard")
            case "untyped":
                return web.Response(body=b"\x00\x01", content_type="application/octet-stream")
            case "moved":
                raise web.HTTPFound("/photo.png")
            case "hops":
                hops = int(request.path.split("/")[2])
                raise web.HTTPFound(f"/hops/{hops - 1}" if hops else "/photo.png")
            case "elsewhere":
                raise web.HTTPFound("ftp://127.0.0.1/photo.png")
            case "announced":
                announced = web.StreamResponse(headers={"Content-Length": "2000"})
                await announced.prepare(request)
                await asyncio.sleep(60)
            case "large":
                return web.Response(body=bytes(2000))
            case "endless":
                response = web.StreamResponse()
                response.enable_chunked_encoding()
                await response.prepare(request)
                while True:
                    await response.write(bytes(1000))
            case "slow":
                await asyncio.sleep(60)
        return web.Response(body=PNG)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    server = TestServer(app, host="127.0.0.1")
    async with server:
        yield server


@pytest.mark.parametrize(
    ("path", "name", "mime_type"),
    [
        ("photo.png?size=8", "photo.png", "image/png"),
        ("", "image.png", "image/png"),
        ("photo.jpg", "photo.png", "image/png"),
        ("moved/old.png", "old.png", "image/png"),
        ("named", "für dich.png", "image/png"),
        ("typed", "typed.vcf", "text/vcard"),
        ("untyped/list.csv", "list.csv", "text/csv"),
    ],
)
async def test_address(hass: HomeAssistant, server: TestServer, path: str, name: str, mime_type: str) -> None:
    """What lies at an address is fetched; its name is the server's, else that in the address."""
    fetched = await load(hass, f"http://127.0.0.1:{server.port}/{path}")
    assert (fetched.file_name, fetched.mime_type) == (name, mime_type)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "HTTP 404"),
        ("hops/8", "TooManyRedirects"),
        ("elsewhere", "NonHttpUrlRedirectClientError"),
        ("slow", "TimeoutError"),
    ],
)
async def test_address_fails(
    hass: HomeAssistant, server: TestServer, monkeypatch: pytest.MonkeyPatch, path: str, reason: str
) -> None:
    """Why an address gives nothing is told, without what stands in it beyond the server."""
    assert media_module._TIMEOUT.total == 30  # noqa: SLF001 (nobody waits for it here)
    monkeypatch.setattr(media_module, "_TIMEOUT", ClientTimeout(total=0.3))
    source = f"http://user:{SECRET}@127.0.0.1:{server.port}/{path}?token={SECRET}#{SECRET}"
    placeholders = {"media": f"http://127.0.0.1:{server.port}", "reason": reason}
    assert await refused(hass, source) == ("media_cannot_fetch", placeholders)


async def test_address_of_nobody(hass: HomeAssistant, unused_tcp_port: int) -> None:
    """A server that is not there, and an address that is none, are told."""
    key, placeholders = await refused(hass, f"HTTP://127.0.0.1:{unused_tcp_port}/{SECRET}")
    assert (key, placeholders["reason"]) == ("media_cannot_fetch", "ClientConnectorError")
    key, placeholders = await refused(hass, f"https:///{SECRET}")
    assert (key, placeholders["reason"]) == ("media_cannot_fetch", "InvalidUrlClientError")


@pytest.mark.parametrize("path", ["large", "announced", "endless"])
async def test_address_with_too_much(
    hass: HomeAssistant, server: TestServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A file beyond the limit is not fetched to its end, if it has one, nor at all if its size is known before."""
    monkeypatch.setattr(media_module, "_TIMEOUT", ClientTimeout(total=2))
    source = f"http://127.0.0.1:{server.port}/{path}"
    assert await refused(hass, source, limit=1999) == ("media_too_large", {"limit": "0"})


class Attic(MediaSource):
    """A media source that has no files, only addresses."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """Take an address for each name."""
        super().__init__("attic")
        self.urls = urls

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        return PlayMedia(self.urls[item.identifier], "text/vcard")


class Drawer(HomeAssistantView):
    """Part of Home Assistant that answers only who may see it."""

    url = "/api/drawer/{name}"
    name = "api:drawer"

    async def get(self, request: web.Request, name: str) -> web.Response:
        """Return something that only its media source knows the type of."""
        return web.Response(body=b"BEGIN:VCARD")


async def test_media_source_with_address(
    hass: HomeAssistant, folder: Path, server: TestServer, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """What a media source has in Home Assistant itself is fetched with a signature, the rest as it is."""
    hass.http.register_view(Drawer())
    own = (await hass_client_no_auth()).make_url("")
    urls = {
        "own": "/api/drawer/Mia.friend-of-ours",
        "other": f"http://127.0.0.1:{server.port}/photo.png",
        "radio": "rtsp://127.0.0.1/",
        "broken": "",
    }

    async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
        return Attic(urls)

    platform = MockPlatform()
    platform.async_get_media_source = async_get_media_source  # type: ignore[attr-defined] # as in any module
    mock_integration(hass, MockModule("attic"))
    mock_platform(hass, "attic.media_source", platform)
    mock_component(hass, "attic")

    source = "media-source://attic/own"
    api, hass.config.api = hass.config.api, None
    no_address = {"media": source, "reason": "Home Assistant does not know its own address"}
    assert await refused(hass, source) == ("media_cannot_fetch", no_address)
    hass.config.api, hass.config.internal_url = api, str(own)
    found = await load(hass, {"media_content_id": source, "media_content_type": "music"})
    assert found == Media(MediaKind.DOCUMENT, "text/vcard", "Mia.friend-of-ours.vcf", b"BEGIN:VCARD")
    # What a user writes is not signed: it would open what only the user may see.
    placeholders = {"media": str(own).rstrip("/"), "reason": "HTTP 401"}
    assert await refused(hass, str(own.with_path("/api/drawer/Mia.friend-of-ours"))) == (
        "media_cannot_fetch",
        placeholders,
    )
    assert (await load(hass, "media-source://attic/other")).content == PNG
    for name, reason in (("radio", "NonHttpUrlClientError"), ("broken", no_address["reason"])):
        source = f"media-source://attic/{name}"
        assert await refused(hass, source) == ("media_cannot_fetch", {"media": source, "reason": reason})
    source = "media-source://attic/none"
    assert await refused(hass, source) == ("media_not_found", {"media": source})


@pytest.mark.parametrize(
    ("content", "name", "mime_type", "kind", "sent_name"),
    [
        (PNG, "a.png", "image/png", MediaKind.IMAGE, "a.png"),
        (JPEG, "a.PNG", "image/jpeg", MediaKind.IMAGE, "a.jpg"),
        (JPEG, "a.JPEG", "image/jpeg", MediaKind.IMAGE, "a.JPEG"),
        (_picture("WEBP"), "a.jpg", "image/webp", MediaKind.IMAGE, "a.webp"),
        (_picture("GIF"), "a.jpg", "image/gif", MediaKind.DOCUMENT, "a.gif"),
        (_picture("PDF"), "a.jpg", "application/pdf", MediaKind.DOCUMENT, "a.pdf"),
        (_ftyp(b"isom"), "a", "video/mp4", MediaKind.VIDEO, "a.mp4"),
        (_ftyp(b"mp42"), "a.m4v", "video/mp4", MediaKind.VIDEO, "a.m4v"),
        (_ftyp(b"mp42"), "a.m4a", "audio/mp4", MediaKind.AUDIO, "a.m4a"),
        (_ftyp(b"M4A "), "a.mp4", "audio/mp4", MediaKind.AUDIO, "a.m4a"),
        (_ftyp(b"qt  "), "a.mp4", "video/quicktime", MediaKind.VIDEO, "a.mov"),
        (_ftyp(b"3gp5"), "a.3gp", "video/3gpp", MediaKind.VIDEO, "a.3gp"),
        (_ftyp(b"heic"), "a.jpg", "image/heic", MediaKind.DOCUMENT, "a.heic"),
        (_ftyp(b"avif"), "a.jpg", "image/avif", MediaKind.DOCUMENT, "a.avif"),
        (_matroska(b"webm"), "a.mp4", "video/webm", MediaKind.DOCUMENT, "a.webm"),
        (_matroska(b"webm"), "a.weba", "audio/webm", MediaKind.AUDIO, "a.weba"),
        (_matroska(b"matroska"), "a.webm", "video/x-matroska", MediaKind.DOCUMENT, "a.mkv"),
        (OPUS, "a.opus", "audio/ogg; codecs=opus", MediaKind.AUDIO, "a.ogg"),
        (OPUS, "a.mp3", "audio/ogg; codecs=opus", MediaKind.AUDIO, "a.ogg"),
        (_ogg(b"\x01vorbis"), "a.ogg", "audio/ogg", MediaKind.AUDIO, "a.ogg"),
        (_ogg(b"\x80theora"), "a.ogg", "video/ogg", MediaKind.DOCUMENT, "a.ogv"),
        (MP3, "a.ogg", "audio/mpeg", MediaKind.AUDIO, "a.mp3"),
        (b"ID3\x04" + bytes(10), "a", "audio/mpeg", MediaKind.AUDIO, "a.mp3"),
        (b"\xff\xf1\x50\x80", "a.mp3", "audio/aac", MediaKind.AUDIO, "a.aac"),
        (_wave(), "a.mp3", "audio/wav", MediaKind.AUDIO, "a.wav"),
        (b"fLaC\x00", "a.mp3", "audio/flac", MediaKind.AUDIO, "a.flac"),
        (ZIP, "a.zip", "application/zip", MediaKind.DOCUMENT, "a.zip"),
        (ZIP, "a.docx", WORD, MediaKind.DOCUMENT, "a.docx"),
        (ZIP, "a.pdf", "application/zip", MediaKind.DOCUMENT, "a.zip"),
        (b"\n<!DOCTYPE html><title>Sign in", "a.jpg", "text/html", MediaKind.DOCUMENT, "a.html"),
        ("\ufeffDie Wäsche".encode("utf-16"), "a.txt", "text/plain", MediaKind.DOCUMENT, "a.txt"),
        (b"1,2", "a.csv", "text/csv", MediaKind.DOCUMENT, "a.csv"),
        (b"?", "a.svg", "image/svg+xml", MediaKind.DOCUMENT, "a.svg"),
        (b"?", "a.MP3", "audio/mpeg", MediaKind.AUDIO, "a.MP3"),
        (b"?", "a.bin", "application/octet-stream", MediaKind.DOCUMENT, "a.bin"),
        (b"?", "a.tar.gz", "application/x-gzip", MediaKind.DOCUMENT, "a.tar.gz"),
    ],
    # The bytes of some of them hold the time.
    ids=itertools.count(),
)
async def test_type(
    hass: HomeAssistant, folder: Path, content: bytes, name: str, mime_type: str, kind: MediaKind, sent_name: str
) -> None:
    """The content tells the type, else the name does; the type tells the kind and the extension."""
    (folder / name).write_bytes(content)
    assert await load(hass, str(folder / name)) == Media(kind, mime_type, sent_name, content)


async def test_unknown_type(hass: HomeAssistant, files: Path) -> None:
    """What neither content nor name tells, the source may; else it is refused."""
    path = str(files / "report.unknown")
    for declared in ("", None, "music", "application/octet-stream", "a/b\r\nc: d"):
        chosen = {"media_content_id": path, "media_content_type": declared}
        assert await refused(hass, chosen) == ("media_unknown_type", {})
    chosen["media_content_type"] = "Text/Plain; charset=utf-8"
    plain = await load(hass, chosen)
    assert (plain.mime_type, plain.file_name) == ("text/plain", "report.unknown.txt")
    named = await load(hass, chosen, file_name="report.csv")
    assert (named.mime_type, named.file_name) == ("text/csv", "report.csv")
    chosen["media_content_type"] = "application/x-of-nobody"
    odd = await load(hass, chosen)
    assert (odd.mime_type, odd.file_name) == ("application/x-of-nobody", "report.unknown")


@pytest.mark.parametrize(
    ("content", "fitting"),
    [
        (PNG, {MediaKind.IMAGE}),
        (_picture("GIF"), {MediaKind.IMAGE}),
        (_ftyp(b"isom"), {MediaKind.VIDEO}),
        (MP3, {MediaKind.AUDIO, MediaKind.VOICE}),
        (OPUS, {MediaKind.AUDIO, MediaKind.VOICE}),
        (b"%PDF-1.7", set()),
    ],
    # The bytes of some of them hold the time.
    ids=itertools.count(),
)
async def test_kind(hass: HomeAssistant, folder: Path, content: bytes, fitting: set[MediaKind]) -> None:
    """A file is sent as what it is, or as a document."""
    (folder / "file").write_bytes(content)
    source = str(folder / "file")
    for kind in fitting | {MediaKind.DOCUMENT}:
        assert (await load(hass, source, kind)).kind is kind
    mime_type = (await load(hass, source)).mime_type
    for kind in set(MediaKind) - fitting - {MediaKind.DOCUMENT}:
        assert await refused(hass, source, kind=kind) == ("media_wrong_kind", {"type": mime_type})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Garden.png", "Garden.png"),
        ("Garden", "Garden.png"),
        ("Garden.jpg", "Garden.png"),
        ("Garden of Dr. Oak", "Garden of Dr. Oak.png"),
        ("../../etc/Garden.png", "Garden.png"),
        ("C:\\pictures\\Garden.png", "Garden.png"),
        ("Gar\"den\r\n's\u202e\0`.png", "Gardens.png"),
        ("Größe 🌻.png", "Größe 🌻.png"),
        ("", "photo.png"),
        (None, "photo.png"),
        ("..", "image.png"),
        ("pictures/", "image.png"),
        ("\"'", "image.png"),
        ("x" * 300 + ".png", "x" * 100 + ".png"),
    ],
)
async def test_name(hass: HomeAssistant, files: Path, given: str | None, sent: str) -> None:
    """The name that the others see is the given one, without anything that is no part of a name."""
    assert (await load(hass, str(files / "photo.png"), file_name=given)).file_name == sent


def _sparse(path: Path, begin: bytes, size: int) -> str:
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
    return str(path)


async def test_limits(hass: HomeAssistant, folder: Path) -> None:
    """WhatsApp's limit for the kind applies, and so does the gateway's."""
    for begin in (PNG, _ftyp(b"isom"), MP3):
        small = _sparse(folder / "small", begin, 16 * MIB)
        assert len((await load(hass, small)).content) == 16 * MIB
        large = _sparse(folder / "large", begin, 16 * MIB + 1)
        assert await refused(hass, large) == ("media_too_large", {"limit": "16"})
        assert (await load(hass, large, MediaKind.DOCUMENT)).kind is MediaKind.DOCUMENT
        assert await refused(hass, small, limit=3 * MIB // 2) == ("media_too_large", {"limit": "1.5"})
    assert await refused(hass, large, kind=MediaKind.VOICE) == ("media_too_large", {"limit": "16"})
    assert await load(hass, _sparse(folder / "large.txt", b"", 64 * MIB))
    for kind in (None, MediaKind.DOCUMENT):
        huge = _sparse(folder / "huge.txt", b"", 64 * MIB + 1)
        assert await refused(hass, huge, kind=kind) == ("media_too_large", {"limit": "64"})


async def test_nothing_is_logged(hass: HomeAssistant, server: TestServer, caplog: pytest.LogCaptureFixture) -> None:
    """Where a file comes from and what it is called is nobody's business."""
    caplog.set_level(logging.DEBUG)
    loaded = await load(hass, f"http://127.0.0.1:{server.port}/{SECRET}.png")
    assert SECRET in loaded.file_name
    # The test's own server logs what it is asked for.
    assert not [record for record in caplog.records if not record.name.startswith("aiohttp") and SECRET in record.msg]
    assert SECRET not in repr(loaded)


def test_words() -> None:
    """Each refusal names in its words what the code gives them."""
    code = (INTEGRATION / "media.py").read_text()
    refusals = re.findall(r'_problem\(\s*"(media_[a-z_]+)"([^\n]*)', code)
    assert len(refusals) >= 9
    for key, given in refusals:
        words = ENGLISH["exceptions"][key]["message"]
        named = {name for _, name, _, _ in Formatter().parse(words) if name}
        assert named == set(re.findall(r"\b(\w+)=", given)), key
