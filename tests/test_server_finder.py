"""The dialog for a server of one's own: which one answers where, one without a key, and one that wants a passkey."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web
import pytest

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.whatsapp_link import back_off
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from tests.conftest import TIME_SCALE, entry_of, every_gateway, instance_of
from tests.dialog import ENGLISH, Dialog, credentials_of
from tests.emulator import Emulator
from tests.emulator.waha import Waha
from tests.emulator.waha_instance import WahaInstance
from tests.gateways.rig import closed_port
from tests.gateways.servers import Handler, always, serve
from tests.test_entities import until

# Those that can be told from others: people run them at addresses of their own.
SELF_HOSTED = ("whatsapp_api", "waha", "evolution")
MISTAKEN = [(chosen, other) for other in SELF_HOSTED for chosen in GATEWAYS if chosen != other]
# What is asked, below an address, to find out who answers there.
SIGNS = ("", "/health", "/api/server/version")
PATH = "/a/b/c/d/e"


def typed_for(emulator: Emulator, key: str, **changes: str) -> dict[str, Any]:
    """Return what somebody types in for a gateway, without an instance where that is chosen later."""
    gateway = GATEWAYS[key]
    typed = credentials_of(instance_of(emulator, key), **changes)
    if Capability.LIST_INSTANCES in gateway.capabilities:
        del typed[gateway.instance_key]
    return typed


def address_of(emulator: Emulator, key: str) -> str:
    """Return where the emulated server of a gateway is."""
    return emulator.gateways[key].base_url


def error_of(dialog: Dialog) -> str:
    """Return the key of the only error that the form shows, which can be read as a sentence."""
    assert dialog.step["type"] is FlowResultType.FORM
    [(field, key)] = (dialog.step.get("errors") or {}).items()
    assert field == "base"
    assert "{" not in dialog.words["base"]
    return key


def assert_found(dialog: Dialog, key: str, address: str, error: str = "other_server") -> None:
    """Check that the user can read which server answers at which address."""
    assert error_of(dialog) == error
    assert GATEWAYS[key].name in dialog.words["base"]
    assert f" {address}." in dialog.words["base"]


# --- another server than was chosen, or another address -------------------------------------------------


@pytest.mark.parametrize(("chosen", "other"), MISTAKEN)
async def test_another_gateway(hass: HomeAssistant, emulator: Emulator, chosen: str, other: str) -> None:
    """Who chose one gateway and entered the address of another is told which one answers there."""
    dialog = await Dialog.add(hass, chosen)
    await dialog.submit(**typed_for(emulator, chosen, base_url=address_of(emulator, other)))
    assert_found(dialog, other, address_of(emulator, other))
    await dialog.submit(**typed_for(emulator, chosen))
    assert not dialog.step.get("errors")


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("waha", "/dashboard"),
        ("waha", "/dashboard/"),
        ("evolution", "/manager"),
        ("evolution", "/manager/login"),
        ("whatsapp_api", "/qr"),
    ],
)
async def test_address_of_its_pages(hass: HomeAssistant, emulator: Emulator, key: str, page: str) -> None:
    """Who copied the address of a server's web pages is told that of the server itself, which then works."""
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed_for(emulator, key, base_url=address_of(emulator, key) + page))
    assert_found(dialog, key, address_of(emulator, key), "other_address")
    assert "Enter this address instead." in dialog.words["base"]
    await dialog.submit(**typed_for(emulator, key, base_url=dialog.placeholders["address"]))
    assert not dialog.step.get("errors")


async def test_page_of_another_gateway(hass: HomeAssistant, emulator: Emulator) -> None:
    """Both mistakes at once."""
    dialog = await Dialog.add(hass, "waha")
    await dialog.submit(**typed_for(emulator, "waha", base_url=f"{address_of(emulator, 'evolution')}/manager/login"))
    assert_found(dialog, "evolution", address_of(emulator, "evolution"))


async def test_page_too_far_below(hass: HomeAssistant, emulator: Emulator) -> None:
    """Three levels below a server nobody looks for it any more."""
    address = f"{address_of(emulator, 'evolution')}/manager/instance/home"
    dialog = await Dialog.add(hass, "evolution")
    await dialog.submit(**typed_for(emulator, "evolution", base_url=address))
    assert error_of(dialog) == "invalid_answer"


# --- the ordinary errors stay ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", [key for key, kind in GATEWAYS.items() if any(item.secret for item in kind.credentials)]
)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_wrong_key(hass: HomeAssistant, emulator: Emulator, key: str, slash: str) -> None:
    """The right server with a wrong key is not called another one."""
    address = address_of(emulator, key) + slash
    right = instance_of(emulator, key).credentials()["token"]
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed_for(emulator, key, base_url=address, token=f"{right[:-4]}0000"))
    assert error_of(dialog) == "invalid_auth"
    assert "found" not in dialog.placeholders


@pytest.mark.parametrize("chosen", SELF_HOSTED)
@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (always(body="<h1>It works!</h1>", content_type="text/html"), "invalid_answer"),
        (always(404, body="<h1>Not found</h1>", content_type="text/html"), "invalid_answer"),
        # Not in WAHA's words.
        (always(401, body='{"message": "Unauthorized"}'), "invalid_auth"),
        (always(401), "invalid_auth"),
        (always(body='{"message": "Welcome to another API"}'), "invalid_answer"),
        (always(body='{"version": "1.2", "name": "another server"}'), "invalid_answer"),
        (always(body='["version", "engine", "tier"]'), "invalid_answer"),
        # An error is not where a server tells its name.
        (always(404, body='{"message": "Evolution API", "name": "whatsapp-mcp-api"}'), "invalid_answer"),
        (always(302, Location="http://127.0.0.1:9/waha"), "invalid_answer"),
    ],
)
async def test_no_gateway(hass: HomeAssistant, emulator: Emulator, chosen: str, handler: Handler, error: str) -> None:
    """A server that is none of those has the error that it would have had."""
    async with serve(handler) as server:
        dialog = await Dialog.add(hass, chosen)
        await dialog.submit(**typed_for(emulator, chosen, base_url=server.url))
    assert error_of(dialog) == error


@pytest.mark.parametrize("chosen", SELF_HOSTED)
async def test_nobody_listens(hass: HomeAssistant, emulator: Emulator, chosen: str) -> None:
    """Where nobody answers there is nobody to be asked."""
    dialog = await Dialog.add(hass, chosen)
    await dialog.submit(**typed_for(emulator, chosen, base_url=f"http://127.0.0.1:{closed_port()}"))
    assert error_of(dialog) == "cannot_connect"


@pytest.mark.parametrize("chosen", SELF_HOSTED)
@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (always(502, body="<h1>Bad gateway</h1>", content_type="text/html"), "cannot_connect"),
        (always(429, Retry_After="30"), "rate_limited"),
    ],
)
async def test_server_in_trouble(
    hass: HomeAssistant, emulator: Emulator, chosen: str, handler: Handler, error: str
) -> None:
    """A server that is out of order, or was asked too often, is not asked for its name on top of that."""
    async with serve(handler) as server:
        dialog = await Dialog.add(hass, chosen)
        await dialog.submit(**typed_for(emulator, chosen, base_url=server.url))
    assert error_of(dialog) == error
    assert len(server.requests) == 1


async def test_where_no_address_can_be_entered(hass: HomeAssistant, emulator: Emulator) -> None:
    """Who is only asked for a new key learns of no other server, and none is looked for."""
    async with serve(always(401)) as server:
        entry = entry_of(instance_of(emulator, "waha"))
        entry.add_to_hass(hass)
        hass.config_entries.async_update_entry(entry, data={**entry.data, "base_url": server.url})
        dialog = Dialog(hass, await entry.start_reauth_flow(hass))
        await dialog.submit(token="wrong")
        assert error_of(dialog) == "invalid_auth"
        assert len(server.requests) == 1


# --- what the search asks --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: str
    body: str


@every_gateway
async def test_credentials_stay_here(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The search sends no credential along, and looks at three addresses at most."""
    heard: list[Heard] = []

    async def listen(request: web.Request) -> web.Response:
        path, headers = request.path.rstrip("/"), str(request.headers)
        heard.append(Heard(request.method, path, request.query_string, headers, await request.text()))
        return web.json_response({}, status=404)

    typed = typed_for(emulator, key)
    async with serve(listen) as server:
        typed["server"]["base_url"] = server.url + PATH
        dialog = await Dialog.add(hass, key)
        await dialog.submit(**typed)
    assert error_of(dialog) != "other_server"

    wanted = {address + sign for address in (PATH, "/a/b/c/d", "/a/b/c") for sign in SIGNS}
    own_sign = {"whatsapp_api": "/health", "waha": "/api/server/version", "evolution": ""}.get(key)
    if own_sign is not None:
        # The address that was entered has just been asked whether it is the gateway that was chosen.
        wanted.remove(PATH + own_sign)
    searching = [request for request in heard if request.path in wanted]
    assert sorted(request.path for request in searching) == sorted(wanted)
    # The rest is the gateway's client, at the address that was entered.
    assert all(request.path.startswith(f"{PATH}/") for request in heard if request not in searching)
    private = [value for name, value in typed.items() if name != "server"]
    for request in searching:
        assert (request.method, request.query, request.body) == ("GET", "", "")
        assert [value for value in private if value in request.headers + request.path] == []


# --- WAHA without a key ----------------------------------------------------------------------------------


def waha_server(emulator: Emulator) -> Waha:
    """Return the emulated server."""
    server = emulator.gateways["waha"]
    assert isinstance(server, Waha)
    return server


@pytest.mark.parametrize("typed_key", [{}, {"token": ""}, {"token": "  "}], ids=["none", "empty", "blank"])
async def test_server_without_a_key(hass: HomeAssistant, emulator: Emulator, typed_key: dict[str, str]) -> None:
    """Where the server wants no key, the field stays empty, and everything works to the websocket."""
    server = waha_server(emulator)
    server.key_required = False
    dialog = await Dialog.add(hass, "waha")
    await dialog.submit(server={"base_url": server.base_url}, **typed_key)
    await dialog.choose("pick_instance")
    await dialog.submit(instance="default")
    await dialog.choose("pair_qr")
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    assert created["data"]["credentials"] == {"session_name": "default"}
    await until(lambda: hass.states.is_state("binary_sensor.waha_default_linked", "on") and server.sockets == 1)
    await hass.config_entries.async_unload(created["result"].entry_id)


async def test_key_left_out(hass: HomeAssistant, emulator: Emulator) -> None:
    """A server that does want one is not called another server, and takes it afterwards."""
    dialog = await Dialog.add(hass, "waha")
    await dialog.submit(server={"base_url": address_of(emulator, "waha")})
    assert error_of(dialog) == "invalid_auth"
    await dialog.submit(**typed_for(emulator, "waha"))
    assert dialog.step["step_id"] == "instance"


# --- passkey ---------------------------------------------------------------------------------------------


async def test_passkey(hass: HomeAssistant, emulator: Emulator) -> None:
    """The user is sent to WAHA's own pages for the passkey; the dialog moves on by itself when it was given."""
    instance = waha_server(emulator).create_instance(instance_id="kitchen", options={"passkey": True})
    dialog = await _until_passkey(hass, emulator, instance)
    words = ENGLISH["config"]["progress"]["passkey_required"].format(**dialog.placeholders)
    assert "passkey" in words
    assert "dashboard of your WAHA server" in words

    instance.confirm_passkey()
    assert instance.state == "PASSKEY_CONFIRMATION_REQUIRED"
    # The code to compare is on those pages, too: for the dialog nothing has changed.
    await emulator.clock.sleep(5)
    step = await hass.config_entries.flow.async_configure(dialog.step["flow_id"])
    assert step["progress_action"] == "passkey_required"
    instance.confirm_passkey()
    created = await dialog.until_created()
    assert created["title"] == "WAHA kitchen"
    await until(lambda: hass.states.is_state("binary_sensor.waha_kitchen_linked", "on"))
    await hass.config_entries.async_unload(created["result"].entry_id)


async def test_passkey_that_is_not_given(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the link is given up instead, there are codes to scan again."""
    # Who starts a session gives it time before starting it again.
    monkeypatch.setattr(back_off, "_FIRST_PAUSE", 30 * TIME_SCALE)
    instance = waha_server(emulator).create_instance(instance_id="kitchen", options={"passkey": True})
    dialog = await _until_passkey(hass, emulator, instance)
    instance.unlink()
    assert instance.state == "FAILED"
    await dialog.until_code()
    dialog.close()


async def _until_passkey(hass: HomeAssistant, emulator: Emulator, instance: WahaInstance) -> Dialog:
    """Return a dialog whose code was scanned, at which WhatsApp asked for a passkey."""
    dialog = await Dialog.add(hass, "waha")
    await dialog.connect(instance)
    await dialog.choose("pair_qr")
    await dialog.scanned_by(emulator.phone)
    await dialog.until(lambda dialog: dialog.step["progress_action"] == "passkey_required")
    assert instance.state == "PASSKEY_REQUIRED"
    assert dialog.step["type"] is FlowResultType.SHOW_PROGRESS
    assert not dialog.qr_text
    return dialog
