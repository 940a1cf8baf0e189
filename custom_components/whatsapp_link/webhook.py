"""The address at which a gateway tells what happens."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
import logging
import secrets
from typing import Protocol

from aiohttp import hdrs
from aiohttp.web import Request, RequestPayloadError, Response

from homeassistant.components import webhook as ha_webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.util.hass_dict import HassKey

from .const import CONF_WEBHOOK, DOMAIN
from .gateways.errors import Forged, GatewayError, InvalidAnswer, origin
from .gateways.events import Event, Webhook
from .gateways.gateway import Gateway
from .gateways.model import Session
from .inbox import Inbox

_LOGGER = logging.getLogger(__name__)

# The largest that any gateway sends is a message with a small picture of a film in it.
_MAX_BODY = 1024 * 1024
_CHUNK = 64 * 1024
# Who takes longer to say it only wants to keep us busy.
_MAX_SECONDS = 10.0


type _Taker = Callable[[Request], Awaitable[HTTPStatus]]

_TAKERS: HassKey[dict[str, _Taker]] = HassKey(f"{DOMAIN}_webhooks")


class Hearer(Protocol):
    """Who hears of what happens in one instance: its coordinator."""

    @property
    def hass(self) -> HomeAssistant:
        """Return Home Assistant."""

    @property
    def config_entry(self) -> ConfigEntry:
        """Return the entry of the instance."""

    @property
    def gateway(self) -> Gateway:
        """Return the gateway that tells."""

    @property
    def inbox(self) -> Inbox:
        """Return what counts the calls that were refused."""

    @property
    def last_update_success(self) -> bool:
        """Return whether the gateway answered when it was last looked at."""

    @property
    def last_exception(self) -> BaseException | None:
        """Return what was wrong when the gateway was last looked at."""

    async def async_take(self, news: Session | Event) -> bool:
        """Take what the gateway told by itself, and return whether it is an event that nobody knew."""

    async def async_poll_instead(self, *, even_if_polled: bool = False) -> None:
        """Look at the gateway now that it tells nothing by itself."""


class NoAddress(Exception):
    """Home Assistant has no address that the gateway could reach."""


class NoAddressYet(NoAddress):
    """It will have one when it is connected to the cloud."""


class _TooLarge(Exception):
    """A call brings more than any gateway would."""


class _Incomplete(Exception):
    """A call ended in its midst, or does not come to an end."""


_REFUSALS: dict[type[Exception], HTTPStatus] = {
    _Incomplete: HTTPStatus.BAD_REQUEST,
    _TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Forged: HTTPStatus.UNAUTHORIZED,
    InvalidAnswer: HTTPStatus.BAD_REQUEST,
}


@callback
def async_make_webhook(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Make an address for an instance that has none: nobody can guess it, and it stays the same."""
    if CONF_WEBHOOK not in entry.data:
        made = {"id": ha_webhook.async_generate_id(), "secret": secrets.token_urlsafe(32)}
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_WEBHOOK: made})


async def async_webhook(hass: HomeAssistant, entry: ConfigEntry, gateway: Gateway) -> Webhook:
    """Return the webhook of an instance, for which there is an address. Raises NoAddress."""
    kept = entry.data[CONF_WEBHOOK]
    return Webhook(await _async_address(hass, kept["id"], gateway), kept["secret"])


async def _async_address(hass: HomeAssistant, webhook_id: str, gateway: Gateway) -> str:
    """Return an address that the gateway can reach: one at home needs no way through the internet."""
    if not gateway.is_local and "cloud" in hass.config.components:
        from homeassistant.components import cloud  # noqa: PLC0415 # brings along much that is of use only in the cloud

        try:
            if cloud.async_active_subscription(hass):
                return await cloud.async_get_or_create_cloudhook(hass, webhook_id)
        except Exception:  # noqa: BLE001 # of several libraries, none of them named by the cloud integration
            raise NoAddressYet from None
    try:
        return ha_webhook.async_generate_url(
            hass, webhook_id, allow_internal=gateway.is_local, prefer_external=not gateway.is_local
        )
    except NoURLAvailableError:
        raise NoAddress from None


async def async_remove_webhook(hass: HomeAssistant, entry: ConfigEntry, gateway: Gateway) -> None:
    """Have no more events sent to us, and forget the address. A gateway that does not answer is not waited for."""
    if CONF_WEBHOOK not in entry.data:
        return
    kept = entry.data[CONF_WEBHOOK]
    async_close_webhook(hass, entry)
    with suppress(GatewayError, NoAddress):
        address = await _async_address(hass, kept["id"], gateway)
        await gateway.unregister_webhook(Webhook(address, kept["secret"]))
    if "cloud" in hass.config.components:
        from homeassistant.components import cloud  # noqa: PLC0415 # as above

        # There may be none, and the cloud may not answer.
        with suppress(Exception):
            await cloud.async_delete_cloudhook(hass, kept["id"])


@callback
def async_open_webhook(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Answer calls, for as long as the instance has an address.

    While nobody takes them, as during a start, they are refused as untimely: Home Assistant itself would answer that
    all is well, and the gateway would not tell again.
    """
    takers = hass.data.setdefault(_TAKERS, {})

    async def async_handle(_hass: HomeAssistant, webhook_id: str, request: Request) -> Response:
        take = takers.get(webhook_id)
        return Response(status=await take(request) if take else HTTPStatus.SERVICE_UNAVAILABLE)

    async_close_webhook(hass, entry)
    ha_webhook.async_register(
        hass, DOMAIN, entry.title, entry.data[CONF_WEBHOOK]["id"], async_handle, allowed_methods=[hdrs.METH_POST]
    )


@callback
def async_close_webhook(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Answer no more calls."""
    if CONF_WEBHOOK in entry.data:
        ha_webhook.async_unregister(hass, entry.data[CONF_WEBHOOK]["id"])


@callback
def async_receive_at(hearer: Hearer, webhook: Webhook) -> Callable[[], Awaitable[None]]:
    """Begin to take calls; returns how to end it. A call that is being taken then is refused, to be told again."""
    takers = hearer.hass.data.setdefault(_TAKERS, {})
    webhook_id: str = hearer.config_entry.data[CONF_WEBHOOK]["id"]
    taking: set[asyncio.Task[None]] = set()

    async def async_take(request: Request) -> HTTPStatus:
        return await _async_take(hearer, webhook, request, taking)

    async def async_end() -> None:
        takers.pop(webhook_id, None)
        await async_cancel(*taking)

    takers[webhook_id] = async_take
    return async_end


async def async_cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks, and wait until they have ended, however that is."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def _async_take(
    hearer: Hearer, webhook: Webhook, request: Request, taking: set[asyncio.Task[None]]
) -> HTTPStatus:
    """Hand on what a call tells, before it is answered: what is not answered well is told again."""
    try:
        news = await _told(hearer.gateway, webhook, request)
    except (_Incomplete, _TooLarge, Forged, InvalidAnswer) as error:
        hearer.inbox.rejected += 1
        return _REFUSALS[type(error)]
    # A gateway that does not want to wait any longer hangs up, which ends the handling of its call.
    task = hearer.config_entry.async_create_background_task(
        hearer.hass, _take_all(hearer, news), f"{DOMAIN} taking a call"
    )
    if not task.done():
        taking.add(task)
        task.add_done_callback(taking.discard)
        await asyncio.wait([task])
    return HTTPStatus.SERVICE_UNAVAILABLE if task.cancelled() else HTTPStatus.OK


async def _told(gateway: Gateway, webhook: Webhook, request: Request) -> list[Session | Event]:
    """Return what a call tells. Raises Forged, InvalidAnswer, _TooLarge and _Incomplete."""
    if not gateway.is_at(request.query, webhook):
        raise Forged
    return gateway.parse_webhook(request.headers, await _read(request), webhook)


async def _take_all(hearer: Hearer, news: list[Session | Event]) -> None:
    for each in news:
        try:
            await hearer.async_take(each)
        except Exception as error:  # noqa: BLE001 # a mistake of ours must not keep back what comes after it
            _LOGGER.error("A call was not taken: %s", origin(error))


async def _read(request: Request) -> bytes:
    """Return the body. Raises _TooLarge if it is larger than anything a gateway sends, and _Incomplete."""
    length = request.headers.get(hdrs.CONTENT_LENGTH, "")
    if length.isdecimal() and int(length) > _MAX_BODY:
        raise _TooLarge
    # A call by way of the cloud has little of what a request usually has, and begins anew each time it is asked for.
    content = request.content
    body = bytearray()
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            while chunk := await content.read(_CHUNK):
                body += chunk
                if len(body) > _MAX_BODY:
                    raise _TooLarge
    except (OSError, RequestPayloadError) as error:
        raise _Incomplete from error
    return bytes(body)
