"""WAHA's calls that link a phone: QR code, pairing code, passkey (vendor docs, page sessions)."""

import base64
import re

from aiohttp import hdrs, web

from .faults import PICTURE_FAULTS
from .pairing import QrCode
from .waha_checks import Fields
from .waha_errors import NOT_IMPLEMENTED, EngineFailed, unprocessable
from .waha_house import Call, Route, route
from .waha_instance import WahaInstance

_QR = "auth/qr"
_PNG = "image/png"
_JSON = "application/json"
_PHONE = re.compile(r"[1-9]\d{4,15}")
_NO_PASSKEY = "No passkey request is pending"
_NO_CONFIRMATION = "No passkey confirmation is pending"


def link_routes() -> list[Route]:
    """Return all routes."""
    get, post = hdrs.METH_GET, hdrs.METH_POST
    return [
        route(_QR, get, "/api/{session}/auth/qr", _qr),
        route("auth/request-code", post, "/api/{session}/auth/request-code", _request_code),
        route("auth/passkey/challenge", get, "/api/{session}/auth/passkey/challenge", _challenge),
        route("auth/passkey", post, "/api/{session}/auth/passkey", _assertion),
        route("auth/passkey/confirmation", get, "/api/{session}/auth/passkey/confirmation", _confirmation),
        route("auth/passkey/confirm", post, "/api/{session}/auth/passkey/confirm", _confirm),
    ]


async def _qr(call: Call) -> object:
    """Return the present code: as a picture, a picture in JSON, or a text."""
    query = call.query
    form = query.choice("format", ("image", "raw"), "image")
    query.check()
    instance = await call.in_status(call.parts["session"], "SCAN_QR_CODE")
    code = instance.codes.current()
    assert code is not None
    broken = call.house.world.faults.take(call.house.key, _QR, PICTURE_FAULTS) is not None
    if form == "raw":
        # Any text can be drawn, so a broken one is empty.
        return {"value": "" if broken else code.text}
    picture = _picture(code, broken)
    # Vendor docs: this header exactly, not one among others.
    if call.request.headers.get(hdrs.ACCEPT) == _JSON:
        return {"mimetype": _PNG, "data": base64.b64encode(picture).decode()}
    return web.Response(body=picture, content_type=_PNG)


def _picture(code: QrCode, broken: bool) -> bytes:
    return b"This is not a picture." if broken else code.png


async def _request_code(call: Call) -> object:
    """Return a pairing code.

    Vendor source: engine NOWEB does not wait for the right status, but fails at once. The
    other engines are not documented; here they do as with a QR code.
    """
    fields = Fields(call.body)
    number = fields.text("phoneNumber")
    if number and not _PHONE.fullmatch(number):
        # Not documented: the examples have digits, without a plus sign.
        fields.complain("phoneNumber", "must contain digits only")
    fields.text("method", "")
    fields.check()
    instance = call.running(call.parts["session"])
    if instance.options.engine != "NOWEB":
        instance = await call.in_status(instance.id, "SCAN_QR_CODE")
    elif instance.state != "SCAN_QR_CODE":
        msg = f"Can request code only in SCAN_QR_CODE status. The current status is {instance.state}"
        raise EngineFailed(msg)
    code = instance.pairing_codes.issue(f"+{number}")
    return {"code": f"{code[:4]}-{code[4:]}"}


# Passkey. What the refusals say is not documented, only their status.


def _passkey_session(call: Call, status: str, refusal: str) -> WahaInstance:
    instance = call.running(call.parts["session"])
    if instance.options.engine != "GOWS":
        raise unprocessable(NOT_IMPLEMENTED)
    if instance.state != status:
        raise unprocessable(refusal)
    return instance


async def _challenge(call: Call) -> object:
    return _passkey_session(call, "PASSKEY_REQUIRED", _NO_PASSKEY).passkey_challenge


async def _assertion(call: Call) -> None:
    """Take what the owner's browser made of the challenge; any signature will do."""
    fields = Fields(call.body)
    for name in ("id", "rawId", "type"):
        fields.text(name)
    response = Fields(fields.inner("response"), "response.")
    fields.check()
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        response.text(name)
    response.check()
    _passkey_session(call, "PASSKEY_REQUIRED", _NO_PASSKEY).confirm_passkey()


async def _confirmation(call: Call) -> object:
    return {"code": _passkey_session(call, "PASSKEY_CONFIRMATION_REQUIRED", _NO_CONFIRMATION).passkey_code}


async def _confirm(call: Call) -> None:
    _passkey_session(call, "PASSKEY_CONFIRMATION_REQUIRED", _NO_CONFIRMATION).confirm_passkey()
