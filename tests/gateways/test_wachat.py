"""Wachat: linking with what is documented, and with what is only named."""

from collections.abc import AsyncGenerator
import json
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.whatsapp_link.gateways.errors import (
    CannotReach,
    GatewayError,
    InstanceNotFound,
    InvalidAnswer,
    InvalidCredentials,
    QuotaExceeded,
)
from custom_components.whatsapp_link.gateways.qr_code import render_png
from custom_components.whatsapp_link.gateways.wachat import Wachat
from tests.emulator.wachat_instance import WachatInstance
from tests.gateways.rig import Rig, closed_port, open_rig, text_in
from tests.gateways.servers import Handler, always, serve
from tests.gateways.test_wachat_events import CREDENTIALS, client

CODE = "2@" + "x" * 200
NOT_FOUND = '{"success": false, "error": "Endpoint not found."}'


@pytest.fixture
async def calm_rig() -> AsyncGenerator[Rig]:
    """An emulator in which a code lasts long enough to be looked at."""
    async with open_rig(0.1) as opened:
        yield opened


def made(rig: Rig, **options: Any) -> WachatInstance:
    """Return a new instance without a phone."""
    instance = rig.emulator.gateways["wachat"].create_instance(options=options)
    assert isinstance(instance, WachatInstance)
    return instance


def showing(code: Handler, picture: Handler) -> Handler:
    """Return a server with a code and a picture of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (picture if request.path.endswith("/image") else code)(request)

    return answer


async def test_code_of_the_picture(calm_rig: Rig) -> None:
    """Where the call is not there that the documentation only names, the picture links a phone."""
    instance = made(calm_rig, has_qr_call=False, image_connects=True, first_qr_seconds=0)
    code = await client(calm_rig, instance).get_qr()
    assert code is not None
    assert await calm_rig.scan(code.png) == 200
    assert instance.linked


BROKEN: dict[str, Handler] = {
    "404": always(404, NOT_FOUND),
    "404 of a proxy": always(404, "<h1>Not found</h1>", "text/html"),
    "405": always(405),
    "500": always(500),
    "no JSON": always(body="<html>"),
    "no object": always(body="[]"),
    "no picture": always(body='{"qrcode": {"base64": "data:image/png;base64,AAAA"}}'),
    "no code": always(body=json.dumps({"qrcode": {"code": "x" * 5000}})),
    "nothing": always(body='{"success": true}'),
}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN)
async def test_picture_instead_of_a_code(session: aiohttp.ClientSession, code: Handler) -> None:
    """Whatever is wrong with the one, the other is documented."""
    picture = always(body=render_png(CODE), content_type="image/png")
    async with serve(showing(code, picture)) as server:
        found = await Wachat(session, server.url, CREDENTIALS).get_qr()
    assert found is not None
    assert text_in(found.png) == CODE
    assert [path for _, path in server.requests] == ["/instance/qr", "/instance/qr/image"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (always(401), InvalidCredentials),
        (always(403, '{"success": false, "error": "Subscription restriction"}'), QuotaExceeded),
    ],
)
async def test_no_picture_without_access(
    session: aiohttp.ClientSession, code: Handler, kind: type[GatewayError]
) -> None:
    """Who may not see the code may not see its picture either."""
    async with serve(code) as server:
        with pytest.raises(kind):
            await Wachat(session, server.url, CREDENTIALS).get_qr()
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_no_picture_yet(session: aiohttp.ClientSession, status: int) -> None:
    """These are said while there is no code, too: it is a failure only where the engine fails everywhere."""
    for code, is_waiting in (
        (always(body='{"success": true, "qrcode": {"count": 0}}'), True),
        (always(404, NOT_FOUND), True),
        (always(status), False),
    ):
        async with serve(showing(code, always(status))) as server:
            wachat = Wachat(session, server.url, CREDENTIALS)
            if is_waiting:
                assert await wachat.get_qr() is None
            else:
                with pytest.raises(CannotReach):
                    await wachat.get_qr()


async def test_nobody_there(session: aiohttp.ClientSession) -> None:
    """A service that cannot be reached is no service without a code."""
    with pytest.raises(CannotReach) as caught:
        await Wachat(session, f"http://127.0.0.1:{closed_port()}", CREDENTIALS).get_qr()
    assert not caught.value.maybe_acted


async def test_unknown_instance(rig: Rig) -> None:
    """The picture of no instance is no code."""
    unknown = client(rig, made(rig))
    gone = Wachat(rig.session, f"{rig.emulator.url}/wachat/api/v1", CREDENTIALS | {"token": made(rig).account.key})
    assert unknown.instance_id != gone.instance_id
    with pytest.raises(InstanceNotFound):
        await gone.get_qr()


@pytest.mark.parametrize("verb", ["DELETE", "POST"])
async def test_logout(rig: Rig, verb: str) -> None:
    """The documentation names the call without showing it, so both verbs are tried."""
    instance = made(rig, logout_verb=verb)
    instance.link(instance.number)
    await client(rig, instance).logout()
    assert not instance.linked


@pytest.mark.parametrize("status", [404, 405])
async def test_logout_with_another_verb(session: aiohttp.ClientSession, status: int) -> None:
    """The instance is named where a POST has it, and where a DELETE has it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            return web.Response(status=status)
        assert request.query["instanceName"] == CREDENTIALS["instance_name"]
        assert await request.json() == {"instanceName": CREDENTIALS["instance_name"]}
        return web.json_response({"success": True})

    async with serve(answer) as server:
        await Wachat(session, server.url, CREDENTIALS).logout()
        assert [verb for verb, _ in server.requests] == ["DELETE", "POST"]


@pytest.mark.parametrize(
    ("handler", "kind", "requests"),
    [
        (always(404, NOT_FOUND), InstanceNotFound, 2),
        (always(404, "<html>"), InvalidAnswer, 2),
        (always(502), CannotReach, 1),
        (always(body="<html>"), InvalidAnswer, 1),
        (always(401), InvalidCredentials, 1),
    ],
)
async def test_no_logout(
    session: aiohttp.ClientSession, handler: Handler, kind: type[GatewayError], requests: int
) -> None:
    """What may have been done is not done again."""
    async with serve(handler) as server:
        with pytest.raises(kind):
            await Wachat(session, server.url, CREDENTIALS).logout()
        assert len(server.requests) == requests
