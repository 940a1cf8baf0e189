"""Hands a file out under an address that nobody can guess, to gateways that take nothing but an address."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
import re
import secrets
from urllib.parse import quote

from aiohttp import hdrs, web

from homeassistant.components.http import HomeAssistantView
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .gateways.errors import CannotReach, GatewayError, InvalidAnswer
from .gateways.model import Media

_PATH = f"/api/{DOMAIN}/media"
# Seconds in which a gateway has to fetch a file; it may do so several times.
_LIFETIME = 600


@callback
def async_offer(hass: HomeAssistant, media: Media, *, allow_internal: bool) -> str:
    """Hand a file out for ten minutes, and return its address; who has the address has the file.

    It is one in the home network only if there is no other, and never without `allow_internal`: no hosted service
    reaches it. Raises HomeAssistantError if Home Assistant has no address.
    """
    try:
        base_url = get_url(hass, allow_internal=allow_internal, prefer_external=True)
    except NoURLAvailableError as error:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="media_no_url") from error
    # Home Assistant refuses requests that look like an attack, and a file may be called anything.
    file_name = quote(re.sub(r"[^\w.-]+", "_", media.file_name))
    return f"{base_url}{_PATH}/{_offers(hass).add(media)}/{file_name}"


@callback
def async_withdraw(hass: HomeAssistant, link: str) -> None:
    """Stop handing a file out. It does not matter if that is over already."""
    _offers(hass).remove(link.rsplit("/", 2)[-2])


@contextmanager
def async_offered(hass: HomeAssistant, media: Media, *, allow_internal: bool) -> Generator[Media]:
    """Hand a file out that is about to be sent; give it with its link.

    Only what certainly is not sent is withdrawn at once: a gateway may fetch the file after it has answered, or after
    nobody waits for its answer any more. For `allow_internal` and what is raised, see `async_offer`.
    """
    link = async_offer(hass, media, allow_internal=allow_internal)
    try:
        yield replace(media, link=link)
    except GatewayError as error:
        if not (isinstance(error, InvalidAnswer) or (isinstance(error, CannotReach) and error.maybe_acted)):
            async_withdraw(hass, link)
        raise


@dataclass(frozen=True, slots=True)
class _Offer:
    """A file, and what stops the clock that ends its time."""

    media: Media
    stop_clock: CALLBACK_TYPE


class _Offers:
    """The files that are handed out, by their tokens."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._offers: dict[str, _Offer] = {}

    def add(self, media: Media) -> str:
        """Hand a file out, and return its token."""
        token = secrets.token_urlsafe(32)

        @callback
        def end(_now: datetime) -> None:
            self._offers.pop(token, None)

        job = HassJob(end, f"{DOMAIN} end of a media link", cancel_on_shutdown=True)
        self._offers[token] = _Offer(media, async_call_later(self._hass, _LIFETIME, job))
        return token

    def find(self, token: str) -> Media | None:
        """Return the file with a token, None if there is none any more."""
        offer = self._offers.get(token)
        return offer.media if offer else None

    def remove(self, token: str) -> None:
        """Forget a file and its clock."""
        if offer := self._offers.pop(token, None):
            offer.stop_clock()

    @callback
    def clear(self, _event: Event) -> None:
        """Forget all of them: Home Assistant stops."""
        for token in list(self._offers):
            self.remove(token)


_OFFERS: HassKey[_Offers] = HassKey(f"{DOMAIN}_media_links")


@singleton(_OFFERS)
@callback
def _offers(hass: HomeAssistant) -> _Offers:
    """Return what is handed out. The first time, begin to answer requests for it."""
    offers = _Offers(hass)
    hass.http.register_view(_MediaView(offers))
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, offers.clear)
    return offers


class _MediaView(HomeAssistantView):
    """Answers whoever has an address. The file's name in it is for show."""

    url = f"{_PATH}/{{token}}/{{file_name:.*}}"
    name = f"api:{DOMAIN}:media"
    requires_auth = False

    def __init__(self, offers: _Offers) -> None:
        self._offers = offers

    async def get(self, request: web.Request, token: str, file_name: str) -> web.Response:
        """Return the file; aiohttp leaves the body out where only the head was asked for."""
        media = self._offers.find(token)
        if media is None:
            raise web.HTTPNotFound
        headers = {
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.CONTENT_DISPOSITION: f"attachment; filename*=UTF-8''{quote(media.file_name, safe='')}",
            hdrs.CONTENT_TYPE: media.mime_type,
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=media.content, headers=headers)

    head = get
