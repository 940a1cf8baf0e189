"""What every gateway promises, whichever it is: a gateway in GATEWAYS is tested here without being named."""

import ast
from collections.abc import Iterator
import inspect
import logging
from pathlib import Path
import re
import subprocess
import sys
from typing import ClassVar, override

import aiohttp
import pytest

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.errors import Forged, InvalidCredentials, Unsupported
from custom_components.whatsapp_link.gateways.events import Event
from custom_components.whatsapp_link.gateways.gateway import Credential, Gateway, Pace
from custom_components.whatsapp_link.gateways.http import InvalidUrl, parse_base_url
from custom_components.whatsapp_link.gateways.model import (
    Instance,
    PairingCode,
    QrCode,
    SentMessage,
    ServerVersion,
    Session,
    SessionState,
)
from tests.gateways.rig import ELSEWHERE, EMULATED, Rig, client_for, leaks, perform
from tests.gateways.servers import always, serve

TESTS = Path(__file__).parent.parent
GROUND_FLOOR = TESTS.parent / "custom_components" / "whatsapp_link" / "gateways"
EMULATOR = TESTS / "emulator"

every_gateway = pytest.mark.parametrize("key", GATEWAYS)
every_emulated_gateway = pytest.mark.parametrize("key", EMULATED)

# Whatever a token or an id may look like at a vendor, none has these.
MALFORMED = (
    "",
    " ",
    "a/b/../c",
    "12025550142/../x",
    "twelve?token=x",
    "a#b",
    "line\r\nX-Header: x",
    "ключ",
    "a b" * 10,
)


class Mute(Gateway):
    """A gateway that can do nothing but tell its session."""

    key: ClassVar[str] = "mute"
    name: ClassVar[str] = "Mute"
    default_base_url: ClassVar[str] = "https://gateway.example"
    credentials: ClassVar[tuple[Credential, ...]] = (Credential("token", secret=True, pattern=re.compile("[a-z]+")),)
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    states: ClassVar[dict[str, SessionState]] = {}
    pace: ClassVar[Pace] = Pace(linked=60, pairing=5)

    @property
    @override
    def instance_id(self) -> str:
        return "1"

    @override
    async def get_session(self) -> Session:
        """Ask, so that there is a request to be counted."""
        await self._http.request("Mute", "GET", "session")
        return Session(SessionState.UNKNOWN)


@every_gateway
def test_identity(key: str) -> None:
    """A gateway has a name, a key that can be stored, and an address to begin with."""
    kind = GATEWAYS[key]
    assert kind.key == key
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    assert kind.name.strip() == kind.name != ""
    assert str(parse_base_url(kind.default_base_url)) == kind.default_base_url.rstrip("/")
    assert not inspect.isabstract(kind)


def test_names_and_keys_are_unique() -> None:
    """Two gateways cannot be mistaken for one another."""
    assert len({kind.name for kind in GATEWAYS.values()}) == len(GATEWAYS)


@every_gateway
def test_declared_is_implemented(key: str) -> None:
    """A gateway declares what it implements, and implements what it declares."""
    kind = GATEWAYS[key]
    overridden = {
        capability
        for capability in Capability
        if inspect.getattr_static(kind, capability) is not inspect.getattr_static(Gateway, capability)
    }
    assert kind.capabilities == overridden


def test_every_capability_is_in_the_contract() -> None:
    """A capability names a method of the base class, and every method that can be refused is a capability."""
    refusable = {
        name
        for name, member in vars(Gateway).items()
        if inspect.isfunction(member) and not name.startswith("_") and "Unsupported" in member.__code__.co_names
    }
    assert refusable == {capability.value for capability in Capability}


@pytest.mark.parametrize("capability", Capability)
async def test_what_a_gateway_cannot_do(session: aiohttp.ClientSession, capability: Capability) -> None:
    """Asking for more than a gateway can do is refused before any request."""
    async with serve(always(body="{}")) as server:
        gateway = Mute(session, server.url, {"token": "secret"})
        with pytest.raises(Unsupported) as caught:
            await perform(gateway, capability)
        assert str(caught.value) == capability
        assert server.requests == []
        await gateway.get_session()
        assert len(server.requests) == 1


# Nothing comes with a call that could be checked; only its address is secret.
UNSIGNED = {"wawp"}


@pytest.mark.parametrize(
    "key",
    [key for key in EMULATED if Capability.PARSE_WEBHOOK in GATEWAYS[key].capabilities and key not in UNSIGNED],
)
async def test_call_that_proves_nothing(rig: Rig, key: str) -> None:
    """What does not bring the secret is not even read."""
    with pytest.raises(Forged):
        await rig.perform(rig.client(key), Capability.PARSE_WEBHOOK)
    assert rig.emulator.requests.count() == 0


def _missing() -> Iterator[tuple[str, Capability]]:
    for key, kind in GATEWAYS.items():
        for capability in Capability:
            if capability not in kind.capabilities:
                yield key, capability


async def test_what_real_gateways_cannot_do(rig: Rig) -> None:
    """The same holds for each of the gateways."""
    for key, capability in _missing():
        if key not in EMULATED:
            continue
        with pytest.raises(Unsupported):
            await rig.perform(rig.client(key), capability)
    assert rig.emulator.requests.count() == 0


@every_emulated_gateway
async def test_what_is_declared_is_done(rig: Rig, key: str) -> None:
    """The emulated vendor understands every operation: each comes as a request and gives the right type."""
    wanted: dict[str, type | tuple[type, ...] | None] = {
        Capability.CREATE_INSTANCE: Instance,
        Capability.GET_QR: QrCode,
        Capability.LIST_CHATS: list,
        Capability.LIST_INSTANCES: list,
        Capability.START: None,
        Capability.WATCH_QR: QrCode,
        Capability.REQUEST_PAIRING_CODE: PairingCode,
        Capability.RESTART: None,
        Capability.LOGOUT: None,
        Capability.SEND_TEXT: SentMessage,
        Capability.SEND_MEDIA: SentMessage,
        Capability.SEND_LOCATION: SentMessage,
        Capability.SEND_CONTACT: SentMessage,
        Capability.SEND_POLL: SentMessage,
        Capability.SEND_REACTION: None,
        Capability.EDIT_MESSAGE: None,
        Capability.DELETE_MESSAGE: None,
        Capability.MARK_READ: None,
        Capability.SEND_TYPING: None,
        Capability.CHECK_NUMBER: str,
        Capability.LISTEN: Session if GATEWAYS[key].pushes_session else Event,
        Capability.REGISTER_WEBHOOK: None,
        Capability.UNREGISTER_WEBHOOK: None,
        Capability.FETCH_FILE: bytes,
        Capability.FIND_NUMBER: (str, type(None)),
        Capability.GET_VERSION: ServerVersion,
    }
    # Codes come before what needs a phone, and at last what makes everything else wait.
    order = [Capability.GET_QR, Capability.WATCH_QR, Capability.REQUEST_PAIRING_CODE]
    last = [Capability.LOGOUT, Capability.START, Capability.RESTART]
    middle = sorted(GATEWAYS[key].capabilities - {*order, *last, Capability.PARSE_WEBHOOK})
    capabilities = [each for each in (*order, *middle, *last) if each in GATEWAYS[key].capabilities]
    gateway = rig.client(key)
    for capability in capabilities:
        await rig.prepare(key, capability)
        before = rig.emulator.requests.count(key)
        result = await rig.perform(gateway, capability)
        assert rig.emulator.requests.count(key) > before or (key, capability) in ELSEWHERE
        kind = wanted[capability]
        assert result is None if kind is None else isinstance(result, kind)


@every_gateway
def test_states(key: str) -> None:
    """Every word of a vendor has a meaning, and there is a word for what every gateway has."""
    states = GATEWAYS[key].states
    assert states
    assert all(isinstance(state, SessionState) for state in states.values())
    assert SessionState.UNKNOWN not in states.values()
    assert {SessionState.LINKED, SessionState.UNLINKED} <= set(states.values())


@pytest.mark.parametrize("state", SessionState)
def test_linked_states(state: SessionState) -> None:
    """Only a phone that is linked counts as linked."""
    assert state.is_linked is (state.value in ("linked", "limited"))


def warnings_of_clients(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what the clients warned of; on a busy machine asyncio has its own complaints."""
    ours = Gateway.__module__.rpartition(".")[0]
    return [record for record in caplog.records if record.levelno >= logging.WARNING and record.name.startswith(ours)]


@every_emulated_gateway
async def test_unknown_state(rig: Rig, caplog: pytest.LogCaptureFixture, key: str) -> None:
    """A word nobody knows is unknown: never linked, never a crash, and logged once."""
    instance = rig.instance(key)
    instance.link(instance.number)

    # The gateway, as if the vendor had renamed all of its states.
    forgetful: type[Gateway] = type("Forgetful", (GATEWAYS[key],), {"states": {}})
    gateway = rig.client(key, kind=forgetful)
    for _ in range(3):
        session = await gateway.get_session()
        assert session.state is SessionState.UNKNOWN
        assert not session.state.is_linked
    warnings = warnings_of_clients(caplog)
    assert [record.name for record in warnings] == [Gateway.__module__]
    assert instance.state in warnings[0].getMessage()
    assert GATEWAYS[key].name in warnings[0].getMessage()

    instance.unlink()
    assert (await gateway.get_session()).state is SessionState.UNKNOWN
    warnings = warnings_of_clients(caplog)
    assert len(warnings) == 2
    assert instance.state in warnings[1].getMessage()


@every_emulated_gateway
async def test_known_state_is_not_logged(rig: Rig, caplog: pytest.LogCaptureFixture, key: str) -> None:
    """What is known is no news."""
    instance = rig.instance(key)
    instance.link(instance.number)
    assert (await rig.client(key).get_session()).state is SessionState.LINKED
    assert warnings_of_clients(caplog) == []


@every_gateway
def test_credentials(key: str) -> None:
    """Credentials have keys of their own, which can be stored and translated."""
    credentials = GATEWAYS[key].credentials
    assert len({item.key for item in credentials}) == len(credentials)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", item.key) for item in credentials)


@every_emulated_gateway
@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
async def test_malformed_credentials(rig: Rig, key: str, value: str) -> None:
    """A value that cannot be right goes neither into a request nor into the error."""
    kind = GATEWAYS[key]
    right = {item.key: rig.instance(key).credentials()[item.key] for item in kind.credentials}
    assert kind.malformed(right) == []
    for item in kind.credentials:
        for wrong in (value, right[item.key] + "\n", right[item.key] + " /" + value):
            if item.pattern.fullmatch(wrong):
                # A key may be any text where it travels in a header, a name where it is quoted.
                assert key != "green_api"
                assert re.fullmatch(r"[!-~]+" if item.secret else r"[^\s/?#]([^\x00-\x1f/?#]*[^\s/?#])?", wrong)
                continue
            credentials = {**right, item.key: wrong}
            assert kind.malformed(credentials) == [item.key]
            with pytest.raises(InvalidCredentials) as caught:
                kind(rig.session, rig.emulator.url, credentials)
            assert item.key in str(caught.value)
            assert leaks([wrong, *right.values()] if wrong.strip() else [*right.values()], caught.value, []) == []
    assert rig.emulator.requests.count() == 0


@every_emulated_gateway
async def test_malformed_address(rig: Rig, key: str) -> None:
    """A client is not made for an address that is none."""
    with pytest.raises(InvalidUrl):
        client_for(rig.session, rig.instance(key), GATEWAYS[key], base_url="ftp://gateway.example")


@every_emulated_gateway
async def test_instance_id(rig: Rig, key: str) -> None:
    """The id is the vendor's, and no secret."""
    gateway = rig.client(key)
    # Where a server has just one account, its address is what tells it from another.
    assert not gateway.credentials or gateway.instance_id == rig.instance(key).id
    assert gateway.instance_id not in rig.secrets(key)


@every_emulated_gateway
async def test_client_hides_its_credentials(rig: Rig, key: str) -> None:
    """A client in a log line or a traceback tells nothing."""
    shown = repr(rig.client(key)) + str(rig.client(key))
    assert not any(secret in shown for secret in rig.secrets(key))


@every_gateway
def test_pace(key: str) -> None:
    """An idle instance costs at most 120 requests an hour, and a pairing is no flood."""
    pace = GATEWAYS[key].pace
    assert 3600 / pace.linked <= 120
    assert 1 <= pace.pairing <= 15


@every_gateway
def test_signatures(key: str) -> None:
    """An override is called like the method of the contract."""
    for capability in [*GATEWAYS[key].capabilities, "get_session", "get_link"]:
        theirs = inspect.signature(getattr(GATEWAYS[key], capability))
        ours = inspect.signature(getattr(Gateway, capability))
        assert list(theirs.parameters) == list(ours.parameters)


def test_annotations_of_watching() -> None:
    """Watching is called without waiting for it, everything else is waited for."""
    for capability in Capability:
        waited_for = inspect.iscoroutinefunction(getattr(Gateway, capability))
        assert waited_for is (capability not in (Capability.WATCH_QR, Capability.LISTEN, Capability.PARSE_WEBHOOK))


def _imports(folder: Path) -> Iterator[tuple[str, str]]:
    """Return file and module for each import in a folder; a relative one begins with its dots."""
    files = sorted(folder.rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((file.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield file.name, "." * node.level + (node.module or "")


def test_ground_floor_is_alone() -> None:
    """The clients import neither Home Assistant nor anything from the floors above."""
    wrong = [
        (file, module)
        for file, module in _imports(GROUND_FLOOR)
        if module.split(".")[0] in ("homeassistant", "custom_components", "tests") or module.startswith("..")
    ]
    assert wrong == []


def test_ground_floor_runs_alone() -> None:
    """The clients could be published as a library tomorrow: they work where there is no Home Assistant."""
    program = (
        "import sys\n"
        "sys.modules['homeassistant'] = None\n"
        f"sys.path.insert(0, {str(GROUND_FLOOR.parent)!r})\n"
        "import gateways\n"
        "print(*gateways.GATEWAYS)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == list(GATEWAYS)


def test_emulator_shares_nothing_with_the_clients() -> None:
    """One misreading of a vendor's documentation must not hide in both."""
    wrong = [
        (file, module)
        for file, module in _imports(EMULATOR)
        if module.startswith(("custom_components", "...")) or "whatsapp_link" in module
    ]
    assert wrong == []


async def test_every_gateway_is_emulated(rig: Rig) -> None:
    """There is an emulated server and an instance for each gateway, which shows all its credentials."""
    assert list(GATEWAYS) == EMULATED
    for key, kind in GATEWAYS.items():
        assert {item.key for item in kind.credentials} <= set(rig.instance(key).credentials())
