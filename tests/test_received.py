"""Files that came in: looked at under Media, fetched, saved and sent on, and what of it nobody can do."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
import resource
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.media_player import BrowseError
from homeassistant.components.media_source import Unresolvable, async_browse_media, async_resolve_media
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link import received
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import EventKind, ReceivedFile, Sender
from tests.conftest import entry_of, instance_of
from tests.emulator import Emulator
from tests.emulator.waha import Waha
from tests.emulator.waha_instance import WahaInstance
from tests.incoming import ROBIN, tell
from tests.test_entities import until
from tests.test_media import MP3, PNG
from tests.test_services import act, recipient, refused

ROOT = f"media-source://{DOMAIN}"


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Let Home Assistant keep its files where this test does."""
    return hass_tmp_config_dir


@pytest.fixture
def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the only folder that Home Assistant may use."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


@pytest.fixture
def waha(emulator: Emulator) -> WahaInstance:
    """Return an instance with a phone, whose gateway hands out files."""
    instance = instance_of(emulator, "waha")
    assert isinstance(instance, WahaInstance)
    instance.link(instance.number)
    return instance


@pytest.fixture
async def home(hass: HomeAssistant, emulator: Emulator, waha: WahaInstance) -> AsyncGenerator[MockConfigEntry]:
    """Return the entry of an instance that listens, with one recipient."""
    assert await async_setup_component(hass, "media_source", {})
    entry = entry_of(waha, recipient("Robin", f"{ROBIN}@c.us"))
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    server = emulator.gateways["waha"]
    assert isinstance(server, Waha)
    await until(lambda: server.sockets == 1)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


async def receive(hass: HomeAssistant, emulator: Emulator, content: bytes = PNG, **media: Any) -> str:
    """Have Robin send a file, by default a picture, and return the id of the message as its event tells it."""
    media = {"data": b64encode(content).decode(), "file_name": "my cat ❤.png", **media}
    message = emulator.someone_writes({"instance": "waha/default", "from": f"+{ROBIN}", "media": media})

    def told() -> str:
        state = hass.states.get("event.robin_messages")
        return str(state.attributes.get("message_id", "")) if state else ""

    await until(lambda: message.id in told())
    return told()


async def receive_media(hass: HomeAssistant, emulator: Emulator, content: bytes = PNG, **media: Any) -> str:
    """Have Robin send a file, and return what it is chosen by as media."""
    await receive(hass, emulator, content, **media)
    return media_of(hass)


def media_of(hass: HomeAssistant) -> str:
    """Return what the last file that came in is chosen by as media, as its event tells it."""
    state = hass.states.get("event.robin_messages")
    assert state
    return str(state.attributes["media_content_id"])


def address_of(media: str) -> str:
    """Return where Home Assistant hands out a file."""
    return media.replace(ROOT, f"/api/{DOMAIN}/received")


# --- under Media -----------------------------------------------------------------------------------


async def test_browse(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """Each instance is a folder, with the latest file first; each says who sent it and what it is."""
    first = await receive_media(hass, emulator)
    second = await receive_media(
        hass, emulator, b"%PDF-1.7", kind="document", file_name="", mime_type="application/pdf"
    )
    top = await async_browse_media(hass, ROOT)
    assert [(child.title, child.can_expand) for child in top.children or []] == [("WAHA default", True)]
    assert top.children
    inside = await async_browse_media(hass, top.children[0].media_content_id)
    assert [
        (child.title, child.media_content_type, child.media_class, child.can_play, child.media_content_id)
        for child in inside.children or []
    ] == [
        (f"{ROBIN} – application/pdf", "application/pdf", "url", True, second),
        (f"{ROBIN} – my cat ❤.png", "image/png", "image", True, first),
    ]


async def test_message_without_file(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """A text is no file; nor is a file that the gateway cannot hand out."""
    for kind, file in ((EventKind.TEXT, None), (EventKind.IMAGE, ReceivedFile("image/png"))):
        await tell(home.runtime_data, kind, file=file)
        state = hass.states.get("event.robin_messages")
        assert state
        assert "media_content_id" not in state.attributes
    folder = await async_browse_media(hass, f"{ROOT}/{home.entry_id}")
    assert folder.children == []


async def test_stranger(hass: HomeAssistant, home: MockConfigEntry) -> None:
    """What a stranger sends is no more to be seen than their words are."""
    file = ReceivedFile("image/png", "cat.png", "somewhere")
    await tell(home.runtime_data, EventKind.IMAGE, file=file, chat_id="13035550142@c.us", sender=Sender("13035550142"))
    assert home.runtime_data.mailbox.files.latest_first == []


async def test_only_the_latest(hass: HomeAssistant, home: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many files, the oldest are forgotten."""
    monkeypatch.setattr(received, "_MEMORY", 2)
    for name in ("a", "b", "c"):
        await tell(home.runtime_data, EventKind.IMAGE, message_id=name, file=ReceivedFile("image/png", name, name))
    assert [received.file.file_name for received in home.runtime_data.mailbox.files.latest_first] == ["c", "b"]


async def test_unknown_places(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """What is not there is said in words."""
    message_id = await receive(hass, emulator)
    key = media_of(hass).rpartition("/")[2]
    for place in ("unknown", f"{home.entry_id}/{key}"):
        with pytest.raises(BrowseError) as browsing:
            await async_browse_media(hass, f"{ROOT}/{place}")
        assert browsing.value.translation_key == "no_such_instance"
    for place in (home.entry_id, f"{home.entry_id}/unknown", f"{home.entry_id}/{message_id}", f"unknown/{key}"):
        with pytest.raises(Unresolvable) as resolving:
            await async_resolve_media(hass, f"{ROOT}/{place}", None)
        assert resolving.value.translation_key == "no_such_file"


async def test_unloaded(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry) -> None:
    """While the instance is not loaded, it has no files."""
    media = await receive_media(hass, emulator)
    await hass.config_entries.async_unload(home.entry_id)
    assert (await async_browse_media(hass, ROOT)).children == []
    with pytest.raises(Unresolvable):
        await async_resolve_media(hass, media, None)


# --- through Home Assistant's HTTP API -------------------------------------------------------------


async def test_fetch(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """What the browser resolves is fetched byte for byte, with its name; and it cannot do anything in the browser."""
    media = await receive_media(hass, emulator)
    browser = await hass_ws_client()
    await browser.send_json_auto_id({"type": "media_source/resolve_media", "media_content_id": media})
    resolved = (await browser.receive_json())["result"]
    assert resolved["mime_type"] == "image/png"
    response = await (await hass_client_no_auth()).get(resolved["url"])
    assert response.status == HTTPStatus.OK
    assert await response.read() == PNG
    assert response.content_type == "image/png"
    assert response.content_disposition
    assert (response.content_disposition.type, response.content_disposition.filename) == ("inline", "my cat ❤.png")
    for header, value in {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "no-store",
    }.items():
        assert response.headers[header] == value


async def test_not_signed(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who is not signed in, or has a signature for something else, gets nothing; who is signed in needs none.

    Home Assistant logs the address that was asked for: nobody's number is in it.
    """
    address = address_of(await receive_media(hass, emulator))
    other = f"{address}0"
    stranger, member = await hass_client_no_auth(), await hass_client()
    signature = async_sign_path(hass, other, timedelta(minutes=1)).partition("?")[2]
    for refused_address in (address, f"{address}?{signature}"):
        response = await stranger.get(refused_address)
        assert response.status == HTTPStatus.UNAUTHORIZED
        assert PNG not in await response.read()
        assert f"'{refused_address}'" in caplog.text
    assert ROBIN not in caplog.text
    assert await (await member.get(address)).read() == PNG


async def test_not_found(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """Ids that nobody has are not found: nor are those of other integrations, or of an instance that is not loaded."""
    message_id = await receive(hass, emulator)
    address = address_of(media_of(hass))
    key = address.rpartition("/")[2]
    MockConfigEntry(domain="sun", entry_id="other").add_to_hass(hass)
    client = await hass_client()
    prefix = f"/api/{DOMAIN}/received"
    for path in (f"unknown/{key}", f"{home.entry_id}/unknown", f"{home.entry_id}/{message_id}", f"other/{key}"):
        assert (await client.get(f"{prefix}/{path}")).status == HTTPStatus.NOT_FOUND
    await hass.config_entries.async_unload(home.entry_id)
    assert (await client.get(address)).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("audio/ogg; codecs=opus", "audio/ogg"),
        ("IMAGE/SVG+XML", "image/svg+xml"),
        ("text/html\r\nX-Evil: 1", "text/html"),
        ("charset=utf-8", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("ïmage/png", "application/octet-stream"),
    ],
)
async def test_type(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    told: str,
    shown: str,
) -> None:
    """What a file is was said by whoever sent it: nothing but a type gets into the header."""
    message_id = await receive(hass, emulator)
    coordinator: WhatsAppLinkCoordinator = home.runtime_data
    found = coordinator.mailbox.files.find(message_id)
    assert found
    file = replace(found.file, mime_type=told, file_name='a"\r\nX-Evil: 1')
    await tell(coordinator, EventKind.DOCUMENT, message_id="evil", file=file)
    response = await (await hass_client()).get(address_of(media_of(hass)))
    assert response.status == HTTPStatus.OK
    assert response.content_type == shown
    assert "X-Evil" not in response.headers


async def test_odd_id(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    folder: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    """Whatever a message's id is made of, its file is found by it, and handed out."""
    coordinator: WhatsAppLinkCoordinator = home.runtime_data
    found = coordinator.mailbox.files.find(await receive(hass, emulator))
    assert found
    odd = "a/b?c#d%2Fe+f= g&h"
    await tell(coordinator, EventKind.IMAGE, message_id=odd, file=replace(found.file, file_name=""))
    await act(hass, "save_media", message_id=odd, path=str(folder / "cat.png"))
    resolved = await async_resolve_media(hass, media_of(hass), None)
    response = await (await hass_client()).get(resolved.url)
    assert await response.read() == PNG
    assert "Content-Disposition" not in response.headers


async def test_gone(
    hass: HomeAssistant,
    emulator: Emulator,
    waha: WahaInstance,
    home: MockConfigEntry,
    folder: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    """A file that the gateway has no more is said to be gone, and nothing is left of it."""
    message_id = await receive(hass, emulator)
    # The server keeps files for minutes, and may fetch one anew as long as it has the message.
    emulator.faults.add("waha", "404", 1000, method="files")
    waha.messages.clear()
    assert (await (await hass_client()).get(address_of(media_of(hass)))).status == HTTPStatus.BAD_GATEWAY
    error = await refused(hass, "save_media", message_id=message_id, path=str(folder / "cat.png"))
    assert error.translation_key == "refused"
    assert "gone" in str(error)
    assert list(folder.iterdir()) == []


# --- saved -----------------------------------------------------------------------------------------


async def test_save(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, folder: Path) -> None:
    """A file is saved byte for byte, also by a path that begins at the configuration."""
    message_id = await receive(hass, emulator)
    path = folder / "cat.png"
    answer = await act(hass, "save_media", message_id=message_id, path=str(path))
    assert answer == {"path": str(path), "mime_type": "image/png", "size": len(PNG)}
    assert path.read_bytes() == PNG
    inside = Path(hass.config.path("pictures"))
    inside.mkdir()
    hass.config.allowlist_external_dirs = {str(inside)}
    await act(hass, "save_media", message_id=message_id, path="pictures/cat.png", instance=home.entry_id)
    assert (inside / "cat.png").read_bytes() == PNG


async def test_what_is_there_stays(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, folder: Path
) -> None:
    """Neither a file nor a folder nor what a link leads to is written over."""
    message_id = await receive(hass, emulator)
    (folder / "file").write_bytes(b"mine")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder.parent / "elsewhere")
    for name in ("file", "folder", "link", "folder/..", "x" * 300):
        error = await refused(hass, "save_media", message_id=message_id, path=f"{folder}/{name}")
        assert error.translation_key == "cannot_save"
    assert (folder / "file").read_bytes() == b"mine"
    assert not (folder.parent / "elsewhere").exists()


async def test_not_allowed(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, folder: Path, tmp_path: Path
) -> None:
    """Nothing is saved where Home Assistant may not, whichever way leads there, nor is anything fetched for it."""
    message_id = await receive(hass, emulator)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "_").symlink_to(folder)
    (folder / "link").symlink_to(outside)
    emulator.requests.reset()
    for path in (
        f"{outside}/cat.png",
        f"{folder}/../outside/cat.png",
        f"{folder}/link/cat.png",
        f"{folder}/no/such/folder/cat.png",
        f"{folder}/\0/cat.png",
        str(folder),
        "cat.png",
        "",
    ):
        error = await refused(hass, "save_media", message_id=message_id, path=path)
        assert error.translation_key == "save_not_allowed", path
    assert emulator.requests.count("waha") == 0
    assert [path.name for path in outside.iterdir()] == ["_"]


async def test_disk_is_full(hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, folder: Path) -> None:
    """Where there is no room for a file, no part of it is left."""
    message_id = await receive(hass, emulator)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        error = await refused(hass, "save_media", message_id=message_id, path=str(folder / "cat.png"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.translation_key == "cannot_save"
    assert error.translation_placeholders == {"path": str(folder / "cat.png")}
    assert list(folder.iterdir()) == []


async def test_too_large(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    folder: Path,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file may be as large as the limit, and not larger."""
    message_id = await receive(hass, emulator)
    monkeypatch.setattr(received, "MAX_FILE", len(PNG))
    await act(hass, "save_media", message_id=message_id, path=str(folder / "fits.png"))
    monkeypatch.setattr(received, "MAX_FILE", len(PNG) - 1)
    error = await refused(hass, "save_media", message_id=message_id, path=str(folder / "large.png"))
    assert "too large" in str(error)
    assert (await (await hass_client()).get(address_of(media_of(hass)))).status == HTTPStatus.BAD_GATEWAY
    assert [path.name for path in folder.iterdir()] == ["fits.png"]


async def test_unknown_message(hass: HomeAssistant, home: MockConfigEntry, folder: Path) -> None:
    """A message without a file, or one from before the last reload, is said to have none."""
    error = await refused(hass, "save_media", message_id="unknown", path=str(folder / "cat.png"))
    assert error.translation_key == "no_such_file"


# --- sent on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (PNG, {}),
        (MP3, {"kind": "audio", "file_name": "song.mp3", "mime_type": "audio/mpeg"}),
        (
            bytes(range(256)) * 999,
            {"kind": "document", "file_name": "any.bin", "mime_type": "application/octet-stream"},
        ),
    ],
    ids=["image", "audio", "document"],
)
async def test_send_on(
    hass: HomeAssistant,
    emulator: Emulator,
    home: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    content: bytes,
    media: dict[str, str],
) -> None:
    """A file that came in goes out again as what it is, byte for byte."""
    hass.config.internal_url = str((await hass_client_no_auth()).make_url(""))
    media_content_id = await receive_media(hass, emulator, content, **media)
    found = await async_resolve_media(hass, media_content_id, None)
    chosen = {"media_content_id": media_content_id, "media_content_type": found.mime_type}
    await act(hass, "send_media", entity_id="notify.robin", media=chosen)
    (sent,) = emulator.phone.messages()
    assert sent.details["mime_type"] == found.mime_type
    stored = emulator.world.files.find(sent.details["path"])
    assert stored
    assert stored.content == content
    assert sent.details["file_name"] == media.get("file_name", "my cat ❤.png")


AUTOMATION = {
    "alias": "Send on",
    "triggers": [{"trigger": "event", "event_type": "send_on"}],
    "actions": [
        {
            "action": f"{DOMAIN}.send_media",
            "target": {"entity_id": "notify.robin"},
            "data": {"media": "{{ state_attr('event.robin_messages', 'media_content_id') }}"},
        }
    ],
}


@pytest.fixture
async def send_on(
    hass: HomeAssistant, home: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> Callable[[], Awaitable[None]]:
    """Return what has an automation send on the last file that came in."""
    hass.config.internal_url = str((await hass_client_no_auth()).make_url(""))
    assert await async_setup_component(hass, "automation", {"automation": [AUTOMATION]})

    async def run() -> None:
        hass.bus.async_fire("send_on")
        await hass.async_block_till_done()

    return run


async def test_file_without_a_name(
    hass: HomeAssistant, emulator: Emulator, home: MockConfigEntry, send_on: Callable[[], Awaitable[None]]
) -> None:
    """Whoever gets a file does not learn from its name who sent it first."""
    await receive(hass, emulator, b"%PDF-1.7", kind="document", file_name="", mime_type="application/pdf")
    await send_on()
    (sent,) = emulator.phone.messages()
    assert sent.details["file_name"].endswith(".pdf")
    assert ROBIN not in sent.details["file_name"]


@pytest.mark.parametrize(
    ("trouble", "words"), [("forgotten", f"cannot read {ROOT}/."), ("gone", f"{ROOT}/ cannot be fetched: HTTP 502")]
)
async def test_nothing_to_send_on(
    hass: HomeAssistant,
    emulator: Emulator,
    waha: WahaInstance,
    send_on: Callable[[], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
    words: str,
) -> None:
    """Why a file cannot be sent on is in the log, and nobody's number is."""
    if trouble == "forgotten":
        monkeypatch.setattr(received, "_MEMORY", 0)
    await receive(hass, emulator)
    emulator.faults.add("waha", "404", 1000, method="files")
    waha.messages.clear()
    await send_on()
    assert words in caplog.text
    assert ROBIN not in caplog.text
    assert emulator.phone.messages() == []
