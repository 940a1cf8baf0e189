"""Finds out which server lives at an address that does not answer like the gateway that was chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from aiohttp import ClientSession
from yarl import URL

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .gateways import GATEWAYS
from .gateways.errors import CannotReach, GatewayError, RateLimited
from .gateways.gateway import Gateway
from .gateways.http import parse_base_url

# The address itself and what is above it, as the API is above the `/manager/…` of a server's pages.
_MAX_ADDRESSES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A server that was found: the name of the gateway, and the address at which it is."""

    name: str
    base_url: str


async def async_find_server(
    hass: HomeAssistant, base_url: str, error: GatewayError, chosen: type[Gateway]
) -> Place | None:
    """Return the server that is to be used in place of what was entered; None if there is no better one.

    People choose the wrong one of two gateways, and copy the address of its web pages in place of that of its API.
    The credentials are not sent anywhere for this.
    """
    # A server that does not answer tells nothing, and one that is asked too often is not to be asked more.
    if isinstance(error, (CannotReach, RateLimited)):
        return None
    session = async_get_clientsession(hass)
    entered = str(parse_base_url(base_url))
    # The shortest first: some servers say of everything below their address that it needs a key.
    for address in reversed(list(islice(_upwards(entered), _MAX_ADDRESSES))):
        for gateway in GATEWAYS.values():
            if (gateway, address) != (chosen, entered) and await _answers(gateway, session, address):
                return Place(gateway.name, address)
    return None


def _upwards(address: str) -> Iterator[str]:
    url = URL(address)
    yield address
    while url.path.rstrip("/"):
        url = url.parent
        yield str(url).rstrip("/")


async def _answers(gateway: type[Gateway], session: ClientSession, address: str) -> bool:
    try:
        return await gateway.lives_at(session, address)
    except GatewayError:
        return False
