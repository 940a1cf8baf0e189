"""The page GET /qr of the WhatsApp API server: the only place where it shows its QR code."""

import base64
from functools import lru_cache
import io

from PIL import Image
import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.pil import PilImage

from .pairing import QrCode

# Vendor docs, page GET /qr: a picture of 360x360. Its margin is narrower than the standard asks for.
_PIXELS = 360
_MARGIN_MODULES = 2
_NO_PICTURE = b"This is not a picture."


def qr_page(state: str, code: QrCode | None, *, broken: bool = False) -> str:
    """Return the page, with the code if there is one; `broken` makes the picture none."""
    shown = "<p>No QR is available yet. Start auth, then refresh this page.</p>"
    if code is not None:
        picture = _NO_PICTURE if broken else _picture(code.text)
        shown = (
            f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}" '
            f'alt="WhatsApp Web QR code" width="{_PIXELS}" height="{_PIXELS}" />'
        )
    return f"""<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<meta http-equiv="refresh" content="5">
<title>WhatsApp MCP QR</title>
</head>
<body>
<h1>WhatsApp Web Auth</h1>
{shown}
<p>Status: <code>{state}</code></p>
<p>Scan with WhatsApp: Settings -> Linked devices -> Link a device.</p>
</body>
</html>
"""


# A client asks for the same code again and again, each time for the whole page.
@lru_cache(maxsize=16)
def _picture(text: str) -> bytes:
    """Draw a code as the vendor's QR library does.

    The library's default is error correction M. It stretches the code to the width asked for, so
    that not all modules are equally wide.
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, box_size=1, border=_MARGIN_MODULES, image_factory=PilImage)
    code.add_data(text)
    code.make(fit=True)
    drawn = code.make_image(fill_color="black", back_color="white").get_image().convert("RGB")
    buffer = io.BytesIO()
    drawn.resize((_PIXELS, _PIXELS), Image.Resampling.NEAREST).save(buffer, format="PNG")
    return buffer.getvalue()
