"""What the tests of the clients stand on: an emulator, a session, somebody with a phone, and an eye for leaks."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from io import BytesIO
import logging
import socket
import traceback
from typing import Any

import aiohttp
from PIL import Image
import zxingcpp

from homeassistant.helpers.json import json_dumps

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.errors import GatewayError
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.model import SessionState
from tests.emulator import Emulator
from tests.emulator.emulator import GATEWAYS as EMULATED_SERVERS
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance

# A gateway without an emulated server fails one test, in test_contract.py, and not each of a thousand.
EMULATED = [key for key in GATEWAYS if key in {server.key for server in EMULATED_SERVERS}]

PHONE = "12025550142"
CHAT = f"{PHONE}@c.us"

# What an operation is called with; those that are not here take nothing.
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "request_pairing_code": (PHONE,),
    "create_instance": ("Home", PHONE),
    "send_text": (CHAT, "The door is open"),
}


# What is of use only once a phone is linked, and what only until then.
_NEEDS_PHONE = {"list_chats", "send_text", "restart", "logout"}
_NEEDS_CODE = {"get_qr", "watch_qr", "request_pairing_code"}


class Rig:
    """An emulator and whoever talks to it."""

    def __init__(
        self, emulator: Emulator, session: aiohttp.ClientSession, phone_session: aiohttp.ClientSession
    ) -> None:
        """Keep the client's session apart from the phone's, so that neither waits for the other's connection."""
        self.emulator = emulator
        self.session = session
        self._phone_session = phone_session

    def instance(self, key: str) -> Instance:
        """Return the emulated instance of a gateway."""
        return next(instance for instance in self.emulator.instances if instance.gateway == key)

    @property
    def green_instance(self) -> GreenApiInstance:
        """The emulated instance of GREEN-API."""
        instance = self.instance("green_api")
        assert isinstance(instance, GreenApiInstance)
        return instance

    def client(self, key: str, *, kind: type[Gateway] | None = None) -> Gateway:
        """Return a client with the right credentials; `kind` is a variation of its class."""
        return client_for(self.session, self.instance(key), kind or GATEWAYS[key])

    def green(self, instance: GreenApiInstance | None = None) -> GreenApi:
        """Return a client of GREEN-API."""
        gateway = client_for(self.session, instance or self.green_instance, GreenApi)
        assert isinstance(gateway, GreenApi)
        return gateway

    async def prepare(self, key: str, operation: str) -> None:
        """Bring the instance into a state in which an operation is of use; nothing of that is counted."""
        instance = self.instance(key)
        client = self.client(key)
        if operation in _NEEDS_PHONE and not instance.linked:
            instance.link(instance.number)
            await self._until(client, SessionState.LINKED)
        elif operation in _NEEDS_CODE:
            if (await client.get_session()).state is SessionState.STOPPED:
                await client.start()
            await self._until(client, SessionState.UNLINKED)
            await self._until_code(client)
        await self.vendor_second()
        self.emulator.requests.reset()

    async def _until(self, client: Gateway, state: SessionState) -> None:
        async with asyncio.timeout(5):
            while (await client.get_session()).state is not state:
                await self.vendor_second()

    async def _until_code(self, client: Gateway) -> None:
        async with asyncio.timeout(5):
            while True:
                with suppress(GatewayError):
                    if await client.get_qr():
                        return
                await self.vendor_second()

    def secrets(self, key: str) -> list[str]:
        """Return what must never be seen: the secret credentials, and the part of a path that leads to them."""
        credentials = self.instance(key).credentials()
        secret = [credentials[item.key] for item in GATEWAYS[key].credentials if item.secret]
        return [*secret, f"waInstance{credentials['instance_id']}"] if key == "green_api" else secret

    async def vendor_second(self) -> None:
        """Let a rate limit of once a second pass."""
        await self.emulator.clock.sleep(1.05)

    async def scan(self, png: bytes) -> int:
        """Scan a picture with the phone, and return the status that the phone answers with."""
        return await self._phone("/phone/scan", {"qr": text_in(png)})

    async def enter_code(self, code: str) -> int:
        """Type a pairing code into the phone, and return the status that the phone answers with."""
        return await self._phone("/phone/enter-code", {"code": code})

    async def fault(self, gateway: str, fault: str, **options: Any) -> None:
        """Break the next answers of a gateway."""
        assert await self._phone("/phone/faults", {"gateway": gateway, "fault": fault, **options}) == 200

    async def arrived(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages have arrived on phones, and return them."""
        async with asyncio.timeout(5):
            while True:
                async with self._phone_session.get(f"{self.emulator.url}/phone/messages") as response:
                    messages: list[dict[str, Any]] = await response.json()
                if len(messages) >= count:
                    return messages
                await asyncio.sleep(0.01)

    async def _phone(self, path: str, body: dict[str, Any]) -> int:
        async with self._phone_session.post(f"{self.emulator.url}{path}", json=body) as response:
            return response.status


@asynccontextmanager
async def open_rig(time_scale: float, *, port: int = 0) -> AsyncGenerator[Rig]:
    """Run an emulator and open sessions to it."""
    async with (
        open_session() as session,
        open_session() as phone_session,
        Emulator(time_scale=time_scale, port=port, seed="tests") as emulator,
    ):
        yield Rig(emulator, session, phone_session)


def open_session() -> aiohttp.ClientSession:
    """Return a session like Home Assistant's, but with a single connection.

    A request that leaves its connection behind makes the next one wait for ever.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1, resolver=aiohttp.ThreadedResolver()), json_serialize=json_dumps
    )


def client_for(
    session: aiohttp.ClientSession, instance: Instance, kind: type[Gateway], *, base_url: str | None = None
) -> Gateway:
    """Return a client for an emulated instance."""
    shown = instance.credentials()
    credentials = {item.key: shown[item.key] for item in kind.credentials}
    return kind(session, base_url or shown["base_url"], credentials)


async def perform(gateway: Gateway, operation: str) -> Any:
    """Do what an operation is for, once."""
    method = getattr(gateway, operation)
    if operation == "watch_qr":
        async with aclosing(method()) as news:
            return await anext(news)
    return await method(*_ARGUMENTS.get(operation, ()))


def text_in(png: bytes) -> str:
    """Return the text of a QR code, as a phone's camera reads it."""
    with Image.open(BytesIO(png)) as picture:
        [found] = zxingcpp.read_barcodes(picture.convert("L"))
    return str(found.text)


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def leaks(secrets: list[str], error: BaseException | None, records: list[logging.LogRecord]) -> list[str]:
    """Return every text with a secret in it: of an error, of those behind it, and of the log."""
    formatter = logging.Formatter()
    shown = [text for record in records for text in (formatter.format(record), repr(record.args))]
    if error is not None:
        shown += _texts_of(error)
    return [text for text in shown if any(secret in text for secret in secrets)]


def _texts_of(error: BaseException) -> Iterator[str]:
    """Return all that could be printed of an error."""
    yield "".join(traceback.format_exception(error))
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.append(current)
        yield from (str(current), repr(current), repr(current.args), repr(vars(current)))
        yield from getattr(current, "__notes__", [])
        waiting += [behind for behind in (current.__cause__, current.__context__) if behind is not None]
