"""A Home Assistant to measure in, and instances to set up in it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
import tempfile
from typing import Any
from unittest.mock import patch

from aiohttp.resolver import ThreadedResolver
from aiohttp.test_utils import TestServer
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant, mock_storage

from homeassistant import loader
from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigSubentryDataWithId
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, frame
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.setup import async_setup_component

from .vendor import Account
from custom_components.whatsapp_link import PLATFORMS
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.gateway import Gateway

RECIPIENTS = 3
SENDER = "+13035550142"
_CHATS = ("13035550142@c.us", "12025550177@c.us", "12025550178@c.us")


class _Resolver(ThreadedResolver):
    """Home Assistant's own would look around in the network."""

    async def real_close(self) -> None:
        """Be closed as that one is."""


@asynccontextmanager
async def home() -> AsyncGenerator[HomeAssistant]:
    """Run a Home Assistant that serves its webhooks on loopback and writes nothing to disk."""
    with (
        tempfile.TemporaryDirectory() as config,
        mock_storage(),
        patch("homeassistant.helpers.aiohttp_client._async_make_resolver", lambda hass: _Resolver()),
    ):
        async with async_test_home_assistant(config_dir=config) as hass:
            # The harness hides the integrations that are not Home Assistant's own.
            hass.data.pop(loader.DATA_CUSTOM_COMPONENTS)
            frame.async_setup(hass)
            # All that adds something to the server comes before it starts.
            for component in (*PLATFORMS, DOMAIN):
                if not await async_setup_component(hass, component, {}):
                    raise RuntimeError(f"{component} was not set up")
            async with TestServer(hass.http.app) as server:
                hass.config.internal_url = str(server.make_url("")).rstrip("/")
                yield hass
                for entry in hass.config_entries.async_entries():
                    if entry.state.recoverable:
                        await hass.config_entries.async_unload(entry.entry_id)
                await hass.async_stop(force=True)


def recipients(number: int) -> list[ConfigSubentryDataWithId]:
    """Return the recipients of the instance with this number; each has a name of its own."""
    return [
        ConfigSubentryDataWithId(
            data={"chat_id": chat_id},
            subentry_id=f"recipient{place}",
            subentry_type="recipient",
            title=f"Person {number} {place}",
            unique_id=chat_id,
        )
        for place, chat_id in enumerate(_CHATS[:RECIPIENTS])
    ]


def entry_of(account: Account, number: int = 0, **options: Any) -> MockConfigEntry:
    """Return an entry for an instance, with three recipients. Messages follow each other without a pause."""
    return MockConfigEntry(
        domain=DOMAIN,
        title=f"Account {number}",
        unique_id=account.name,
        data={
            "gateway": account.gateway,
            "base_url": account.credentials["base_url"],
            "credentials": _credentials(account),
            "account": account.number.lstrip("+"),
        },
        options={"gap": 0, **options},
        subentries_data=recipients(number),
    )


def gateway_of(hass: HomeAssistant, account: Account) -> Gateway:
    """Return what talks to the gateway of an account."""
    kind = GATEWAYS[account.gateway]
    return kind(async_get_clientsession(hass), account.credentials["base_url"], _credentials(account))


def _credentials(account: Account) -> dict[str, str]:
    return {item.key: account.credentials[item.key] for item in GATEWAYS[account.gateway].credentials}


async def set_up(hass: HomeAssistant, entries: Sequence[MockConfigEntry]) -> None:
    """Set up entries of one integration, all at once as at a start. Raises RuntimeError."""
    for entry in entries:
        entry.add_to_hass(hass)
    await asyncio.gather(*(hass.config_entries.async_setup(entry.entry_id) for entry in entries))
    await hass.async_block_till_done()
    if failed := [entry for entry in entries if entry.state is not ConfigEntryState.LOADED]:
        raise RuntimeError(f"{len(failed)} entries were not set up: {failed[0].state} {failed[0].reason}")


def entity_id(hass: HomeAssistant, entry: ConfigEntry[Any], platform: str, key: str) -> str:
    """Return the entity of an entry that has this key."""
    found = er.async_get(hass).async_get_entity_id(platform, entry.domain, f"{entry.entry_id}_{key}")
    assert found
    return found


def entity(hass: HomeAssistant, entry: ConfigEntry[Any], platform: str, key: str) -> Any:
    """Return the same as an object."""
    return hass.data[DATA_INSTANCES][platform].get_entity(entity_id(hass, entry, platform, key))


@contextmanager
def states_written(hass: HomeAssistant) -> Generator[list[str]]:
    """Note the entities that write a state inside, be it the same as before."""
    written: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        written.append(event.data["entity_id"])

    forget = [
        hass.bus.async_listen(EVENT_STATE_CHANGED, note),
        hass.bus.async_listen(EVENT_STATE_REPORTED, note, event_filter=callback(lambda data: True)),
    ]
    yield written
    for each in forget:
        each()


async def until(look: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something is the case."""
    async with asyncio.timeout(seconds):
        while not look():
            await asyncio.sleep(0.01)


def notify_call(hass: HomeAssistant, entry: ConfigEntry[Any], message: str) -> Mapping[str, str]:
    """Return what sends a text to the first recipient of an entry."""
    return {"entity_id": entity_id(hass, entry, "notify", "recipient0_message"), "message": message}
