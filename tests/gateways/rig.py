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
from custom_components.whatsapp_link.gateways.events import ReceivedFile, Webhook
from custom_components.whatsapp_link.gateways.gateway import Gateway
from custom_components.whatsapp_link.gateways.green_api import GreenApi
from custom_components.whatsapp_link.gateways.model import (
    Contact,
    Location,
    Media,
    MediaKind,
    Poll,
    SessionState,
    Typing,
)
from tests.emulator import Emulator
from tests.emulator.emulator import GATEWAYS as EMULATED_SERVERS
from tests.emulator.green_api_instance import GreenApiInstance
from tests.emulator.instance import Instance
from tests.emulator.model import Kind
from tests.emulator.waha_instance import WahaInstance
from tests.emulator.wawp_instance import WawpInstance

# A gateway without an emulated server fails one test, in test_contract.py, and not each of a thousand.
EMULATED = [key for key in GATEWAYS if key in {server.key for server in EMULATED_SERVERS}]

PHONE = "12025550142"
CHAT = f"{PHONE}@c.us"

# An id as most vendors give it to a message; they know no message that has it.
MESSAGE = f"true_{CHAT}_3EB0A1B2C3D4E5F60718"
HOOK = Webhook("http://127.0.0.1:9/api/webhook/0123456789abcdef", "a-secret-shared-with-the-gateway")
PDF = b"%PDF-1.4 made up"


def _arguments(operation: str, message_id: str, link: str) -> tuple[Any, ...]:
    """Return what an operation is called with; `link` is where the file is for vendors that fetch it."""
    given: dict[str, tuple[Any, ...]] = {
        "request_pairing_code": (PHONE,),
        "create_instance": ("Home", PHONE),
        "check_number": (PHONE,),
        "send_text": (CHAT, "The door is open"),
        "send_media": (CHAT, Media(MediaKind.DOCUMENT, "application/pdf", "manual.pdf", PDF, link)),
        "send_location": (CHAT, Location(52.5163, 13.3777, "Gate", "Square 1")),
        "send_contact": (CHAT, Contact("Ada", PHONE)),
        "send_poll": (CHAT, Poll("Pizza?", ("Yes", "No"), multiple=False)),
        "send_reaction": (CHAT, message_id, "👍"),
        "edit_message": (CHAT, message_id, "The door is shut"),
        "delete_message": (CHAT, message_id),
        "mark_read": (CHAT, message_id),
        "send_typing": (CHAT, Typing.TYPING),
        "register_webhook": (HOOK,),
        "unregister_webhook": (HOOK,),
        "parse_webhook": ({}, b"{}", HOOK),
        "fetch_file": (ReceivedFile("application/pdf", "manual.pdf", link), 1024),
        "find_number": ("123456789012345@lid",),
    }
    return given.get(operation, ())


# What is of use only until a phone is linked, and what at any time; the rest needs a phone.
_NEEDS_CODE = {"get_qr", "watch_qr", "request_pairing_code"}
_NEEDS_NOTHING = {"get_session", "get_version", "list_instances", "create_instance", "start"}
_NEEDS_MESSAGE = {"send_reaction", "edit_message", "delete_message", "mark_read"}

# What is not asked of the gateway itself.
ELSEWHERE = {("green_api", "fetch_file"), ("wachat", "fetch_file"), ("wasend", "fetch_file")}
# What is asked for by the message that it came with, and not by an address.
_BY_MESSAGE = {("evolution", "fetch_file")}


def always_asked(key: str) -> list[str]:
    """Return the operations that are no capability; not every gateway can be asked for the link."""
    return [name for name in ("get_session", "get_link") if getattr(GATEWAYS[key], name) is not getattr(Gateway, name)]


class Rig:
    """An emulator and whoever talks to it."""

    def __init__(
        self, emulator: Emulator, session: aiohttp.ClientSession, phone_session: aiohttp.ClientSession
    ) -> None:
        """Keep the client's session apart from the phone's, so that neither waits for the other's connection."""
        self.emulator = emulator
        self.message_id = MESSAGE
        self.published = ""
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
        if operation in _NEEDS_CODE:
            if (await client.get_session()).state is SessionState.STOPPED:
                await client.start()
            await self._until(client, SessionState.UNLINKED)
            await self._until_code(client)
        elif operation not in _NEEDS_NOTHING:
            await self._link(instance, client)
        if operation in _NEEDS_MESSAGE:
            self.message_id = (await client.send_text(CHAT, "Hello")).message_id
            await self.arrived(1)
        if isinstance(instance, WawpInstance):
            # Webhooks are for those who pay.
            instance.options.plan = "paid"
        if operation == "fetch_file" and isinstance(instance, WahaInstance | WawpInstance):
            self.published = self._publish(instance)
        if (key, operation) in _BY_MESSAGE:
            details = self.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
            written, _ = self.emulator.phone.write(f"{key}/{instance.id}", PHONE, kind=Kind.DOCUMENT, details=details)
            self.message_id = written.id
        await self.vendor_second()
        self.emulator.requests.reset()

    async def perform(self, gateway: Gateway, operation: str) -> Any:
        """Do what an operation is for, once."""
        files = self.emulator.world.files
        link = self.emulator.url + files.add(PDF, "application/pdf", "manual.pdf")
        if (gateway.key, operation) in _BY_MESSAGE:
            link = self.message_id
        if operation == "fetch_file" and gateway.key in ("waha", "wawp"):
            link = self.published or " http://localhost:3000/api/files/manual.pdf"
        doing = perform(gateway, operation, message_id=self.message_id, link=link)
        if operation == "listen" and not gateway.pushes_session:
            async with self._somebody_writing(gateway.key):
                return await doing
        return await doing

    def _publish(self, instance: WahaInstance | WawpInstance) -> str:
        """Have somebody send a file, and return what it is fetched by."""
        details = self.emulator.world.files.attach(PDF, "application/pdf", "manual.pdf")
        where = f"{instance.gateway}/{instance.id}"
        written, _ = self.emulator.phone.write(where, PHONE, kind=Kind.DOCUMENT, details=details)
        message = instance.find_message(written.id)
        assert message is not None
        if isinstance(instance, WawpInstance):
            return instance.url_of_file(message)
        # The file, and the message that it was in.
        return f"false_{CHAT}_{written.id} {instance.publish_file(message)}"

    @asynccontextmanager
    async def _somebody_writing(self, key: str) -> AsyncGenerator[None]:
        """Have something happen again and again: who only looks now and then has to have looked before."""

        async def write() -> None:
            while True:
                self.emulator.someone_writes(
                    {"instance": f"{key}/{self.instance(key).id}", "from": PHONE, "text": "Hi"}
                )
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(write())
        try:
            yield
        finally:
            writing.cancel()

    async def _link(self, instance: Instance, client: Gateway) -> None:
        """Link a phone, also in place of one that is only now logged out: some answer before they have done that."""
        async with asyncio.timeout(20):
            while True:
                if not instance.linked:
                    instance.link(instance.number)
                if (await client.get_session()).state is SessionState.LINKED:
                    return
                await self.vendor_second()

    async def _until(self, client: Gateway, state: SessionState) -> None:
        async with asyncio.timeout(20):
            while (await client.get_session()).state is not state:
                await self.vendor_second()

    async def _until_code(self, client: Gateway) -> None:
        async with asyncio.timeout(20):
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
        async with asyncio.timeout(20):
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
    """Return a session like Home Assistant's, but with just enough connections: a stream, and a request beside it.

    Requests that leave their connections behind make the next one wait for ever.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=2, resolver=aiohttp.ThreadedResolver()), json_serialize=json_dumps
    )


def client_for(
    session: aiohttp.ClientSession, instance: Instance, kind: type[Gateway], *, base_url: str | None = None
) -> Gateway:
    """Return a client for an emulated instance."""
    shown = instance.credentials()
    credentials = {item.key: shown[item.key] for item in kind.credentials}
    return kind(session, base_url or shown["base_url"], credentials)


async def perform(gateway: Gateway, operation: str, *, message_id: str = MESSAGE, link: str = "") -> Any:
    """Do what an operation is for, once; a stream is ended after the first that comes of it."""
    method = getattr(gateway, operation)
    if operation in ("watch_qr", "listen"):
        async with aclosing(method()) as news:
            return await anext(news)
    if operation == "parse_webhook":
        return method(*_arguments(operation, message_id, link))
    return await method(*_arguments(operation, message_id, link))


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
