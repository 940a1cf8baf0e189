"""A file is handed out once it is offered, to whoever has its address, for as long as it is offered."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from weakref import ref

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util.async_ import get_scheduled_timer_handles

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways.errors import CannotReach, GatewayError, InvalidAnswer, Refused
from custom_components.whatsapp_link.gateways.model import Media, MediaKind
from custom_components.whatsapp_link.media_link import async_offer, async_offered, async_withdraw
from tests.dialog import ENGLISH

type Client = TestClient[Request, Application]

VOICE = Media(MediaKind.VOICE, "audio/ogg; codecs=opus", "für dich.ogg", b"OggS" + bytes(5_000_000))


class Watched(Media):
    """Media of which one can tell when they are gone."""


@pytest.fixture
async def http(hass: HomeAssistant) -> None:
    """Let Home Assistant answer HTTP, at an address that it knows."""
    assert await async_setup_component(hass, "http", {})
    hass.config.internal_url = "http://192.0.2.1:8123"


@pytest.fixture
async def client(hass: HomeAssistant, http: None, hass_client_no_auth: ClientSessionGenerator) -> Client:
    """Return somebody who has not signed in."""
    # Other than Home Assistant's own server, the one of the tests knows no path that comes up while it runs.
    async_withdraw(hass, async_offer(hass, VOICE, allow_internal=True))
    return await hass_client_no_auth()


async def fetch(client: Client, link: str, method: str = "GET") -> ClientResponse:
    """Ask for a link, at the address where the test's Home Assistant really is."""
    return await client.request(method, URL(link).relative())


async def test_fetch(hass: HomeAssistant, client: Client) -> None:
    """The file comes as it is, as often as it is asked for; a browser that gets at it neither shows nor keeps it."""
    link = async_offer(hass, VOICE, allow_internal=True)
    for _ in range(2):
        response = await fetch(client, link)
        assert response.status == 200
        assert await response.read() == VOICE.content
    assert response.headers["Content-Type"] == "audio/ogg; codecs=opus"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content_disposition
    assert (response.content_disposition.type, response.content_disposition.filename) == ("attachment", "für dich.ogg")


async def test_head(hass: HomeAssistant, client: Client) -> None:
    """A gateway may look first how large the file is."""
    response = await fetch(client, async_offer(hass, VOICE, allow_internal=True), "HEAD")
    assert (response.status, response.content_length) == (200, len(VOICE.content))
    assert response.headers["Content-Type"] == "audio/ogg; codecs=opus"
    assert await response.read() == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_unknown(hass: HomeAssistant, client: Client, method: str) -> None:
    """Without the token there is nothing, and one file's token is no other's."""
    link = async_offer(hass, VOICE, allow_internal=True)
    token = link.split("/")[-2]
    assert len(token) == 43
    assert token != async_offer(hass, VOICE, allow_internal=True).split("/")[-2]
    for other in ("x", token[:-1], token.swapcase(), f"{token}x"):
        assert (await fetch(client, link.replace(token, other), method)).status == 404
    assert (await fetch(client, link, method)).status == 200
    assert (await client.post(URL(link).raw_path)).status == 405


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("photo.jpg", "/photo.jpg"),
        ("für dich.ogg", "/f%C3%BCr_dich.ogg"),
        ("union select (all).pdf", "/union_select_all_.pdf"),
        ("a=/b {c}?d#e%2f..//<script>.pdf", "/a_b_c_d_e_2f.._script_.pdf"),
    ],
)
async def test_name(hass: HomeAssistant, client: Client, name: str, end: str) -> None:
    """Whatever a file is called, Home Assistant takes the request for no attack; the extension stays."""
    link = async_offer(hass, Media(MediaKind.DOCUMENT, "application/pdf", name, b"%PDF-"), allow_internal=True)
    assert link.endswith(end)
    response = await fetch(client, link)
    assert response.status == 200
    assert response.content_disposition
    assert response.content_disposition.filename == name


async def test_withdrawn(hass: HomeAssistant, client: Client) -> None:
    """What is withdrawn is gone, also from memory; to withdraw it again does no harm, and other files stay."""
    media = Watched(VOICE.kind, VOICE.mime_type, VOICE.file_name, VOICE.content)
    link, other = async_offer(hass, media, allow_internal=True), async_offer(hass, VOICE, allow_internal=True)
    gone = ref(media)
    del media
    for _ in range(2):
        async_withdraw(hass, link)
        assert gone() is None
        assert (await fetch(client, link)).status == 404
    assert (await fetch(client, other)).status == 200


def _clocks(hass: HomeAssistant) -> int:
    return sum(not handle.cancelled() for handle in get_scheduled_timer_handles(hass.loop))


async def test_withdrawn_clock(hass: HomeAssistant, http: None) -> None:
    """No clock runs on for what is withdrawn."""
    before = _clocks(hass)
    link = async_offer(hass, VOICE, allow_internal=True)
    assert _clocks(hass) == before + 1
    async_withdraw(hass, link)
    assert _clocks(hass) == before


async def test_sent(hass: HomeAssistant, client: Client) -> None:
    """A gateway may fetch a file also after it has answered."""
    with async_offered(hass, VOICE, allow_internal=True) as media:
        assert media == replace(VOICE, link=media.link)
        assert (await fetch(client, media.link)).status == 200
    assert (await fetch(client, media.link)).status == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("no such chat"), 404),
        (CannotReach("nobody listens", maybe_acted=False), 404),
        (CannotReach("no answer in time", maybe_acted=True), 200),
        (InvalidAnswer("the answer is not JSON"), 200),
    ],
)
async def test_not_sent(hass: HomeAssistant, client: Client, error: GatewayError, status: int) -> None:
    """Only what certainly is not sent has no link any more."""
    with suppress(GatewayError), async_offered(hass, VOICE, allow_internal=True) as media:
        raise error
    assert (await fetch(client, media.link)).status == status


async def test_expired(hass: HomeAssistant, client: Client, freezer: FrozenDateTimeFactory) -> None:
    """After ten minutes the file is gone, also from memory."""
    media = Watched(VOICE.kind, VOICE.mime_type, VOICE.file_name, VOICE.content)
    link = async_offer(hass, media, allow_internal=True)
    gone = ref(media)
    del media
    freezer.tick(timedelta(seconds=598))
    async_fire_time_changed(hass)
    assert (await fetch(client, link)).status == 200
    freezer.tick(timedelta(seconds=4))
    async_fire_time_changed(hass)
    assert gone() is None
    assert (await fetch(client, link)).status == 404
    async_withdraw(hass, link)


async def test_stop(hass: HomeAssistant, http: None) -> None:
    """When Home Assistant stops, nothing is kept and no clock runs on, which the test harness would complain of."""
    media = Watched(VOICE.kind, VOICE.mime_type, VOICE.file_name, VOICE.content)
    async_offer(hass, media, allow_internal=True)
    gone = ref(media)
    del media
    assert gone() is not None
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert gone() is None


async def test_address(hass: HomeAssistant, http: None) -> None:
    """The link is one that a service on the Internet can reach, if Home Assistant has any such address."""
    assert async_offer(hass, VOICE, allow_internal=True).startswith("http://192.0.2.1:8123/api/whatsapp_link/media/")
    hass.config.external_url = "https://home.example.com"
    assert async_offer(hass, VOICE, allow_internal=True).startswith("https://home.example.com/api/whatsapp_link/media/")


@pytest.mark.parametrize("allow_internal", [True, False])
async def test_no_address(hass: HomeAssistant, http: None, allow_internal: bool) -> None:
    """Without an address that will do there is no link, and the user learns where to set one."""
    if allow_internal:
        hass.config.api = hass.config.internal_url = None
    with (
        pytest.raises(HomeAssistantError) as caught,
        async_offered(hass, VOICE, allow_internal=allow_internal),
    ):
        pytest.fail("it was offered")
    assert (caught.value.translation_domain, caught.value.translation_key) == (DOMAIN, "media_no_url")
    assert "Settings > System > Network" in ENGLISH["exceptions"]["media_no_url"]["message"]
