"""Wachat's three ways to show a QR code: in JSON, as a picture, as a page."""

import base64
from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from .faults import PICTURE_FAULTS, FaultBook
from .model import JsonObject
from .pairing import QrCode
from .wachat_checks import Refused
from .wachat_instance import WachatInstance

NO_STORE = {"Cache-Control": "no-store"}
_NOT_A_PICTURE = b"This is not a picture."


class QrAnswers:
    """Shows the codes, or what the fault makes of them."""

    def __init__(self, faults: FaultBook, api_url: Callable[[], str]) -> None:
        """Prepare; the address of the API is known once the emulator listens."""
        self._faults = faults
        self._api_url = api_url

    def as_json(self, instance: WachatInstance, method: str) -> JsonObject:
        """Return a code as on page Create Instance, with what the engine adds.

        While there is none yet, the engine says no more than that there were 0 codes.
        """
        query = f"?instanceName={quote(instance.id)}"
        urls = {
            "imageUrl": f"{self._api_url()}/instance/qr/image{query}",
            "liveUrl": f"{self._api_url()}/instance/qr/live{query}",
        }
        if (code := instance.codes.current()) is None:
            return {"count": 0, **urls}
        spoilt = self._spoilt(instance, method)
        return {
            "base64": _data_uri(_NOT_A_PICTURE if spoilt else code.png),
            # Nor is there a text that a picture could be made of.
            "code": "" if spoilt else code.text,
            "pairingCode": instance.pairing_code_with(code),
            "count": instance.codes.count,
            **urls,
        }

    def image(self, instance: WachatInstance, method: str, without: Refused) -> web.Response:
        """Return the code as a picture; there is an error for having none."""
        if (code := instance.codes.current()) is None:
            raise without
        return web.Response(body=self._png(instance, method, code), content_type="image/png", headers=NO_STORE)

    def page(self, instance: WachatInstance) -> web.Response:
        """Return the page that looks for a new code by itself, and tells of success."""
        if instance.connected:
            content = "<p>WhatsApp is connected.</p>"
        elif (code := instance.codes.current()) is None:
            content = '<meta http-equiv="refresh" content="5"><p>Waiting for a QR code</p>'
        else:
            picture = _data_uri(self._png(instance, "instance/qr/live", code))
            content = f'<meta http-equiv="refresh" content="15"><img src="{picture}" alt="QR code">'
        page = f"<!doctype html><html><title>Wachat</title><body>{content}</body></html>"
        return web.Response(text=page, content_type="text/html", headers=NO_STORE)

    def _png(self, instance: WachatInstance, method: str, code: QrCode) -> bytes:
        return _NOT_A_PICTURE if self._spoilt(instance, method) else code.png

    def _spoilt(self, instance: WachatInstance, method: str) -> bool:
        return self._faults.take(instance.gateway, method, PICTURE_FAULTS) is not None


def _data_uri(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
