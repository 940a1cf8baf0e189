"""Pictures of QR codes: checking the ones that come from a gateway, drawing the ones that come as text."""

import base64
import binascii
from io import BytesIO

from PIL import Image
import qrcode
from qrcode.exceptions import DataOverflowError

from .errors import InvalidAnswer

# WhatsApp's text makes a code of about 60 modules: anything far outside this is no picture of one.
_MIN_SIDE = 40
_MAX_SIDE = 2048
_MAX_BYTES = 512 * 1024


def decode_png(encoded: str) -> bytes:
    """Return the PNG in a base64 text, with or without a `data:` prefix. Raises InvalidAnswer."""
    try:
        png = base64.b64decode(encoded.rpartition("base64,")[2], validate=True)
    except binascii.Error, ValueError:
        png = b""
    return check_png(png)


def check_png(png: bytes) -> bytes:
    """Return the bytes if they are a PNG of the size of a QR code. Raises InvalidAnswer.

    What passes is shown to the user, so it has to be a picture and not just something that was sent as one.
    """
    if len(png) <= _MAX_BYTES and _is_sane_png(png):
        return png
    raise InvalidAnswer("the picture of the code is not a PNG that can be shown")


def render_png(text: str) -> bytes:
    """Return a PNG of the text as a QR code, black on white with a quiet zone of four modules.

    Error correction L: a screen is never dirty, and larger modules are easier to scan. It computes for
    several milliseconds: keep it out of an event loop. Raises InvalidAnswer for a text of which there is no code.
    """
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, box_size=6, border=4)
    buffer = BytesIO()
    try:
        code.add_data(text)
        code.make_image(fill_color="black", back_color="white").save(buffer, "PNG")
    # Too long, or no text at all.
    except ValueError, DataOverflowError:
        raise InvalidAnswer("the text of the code cannot be drawn") from None
    return buffer.getvalue()


def _is_sane_png(png: bytes) -> bool:
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as picture:
            sane = all(_MIN_SIDE <= side <= _MAX_SIDE for side in picture.size)
            if sane:
                picture.verify()
            return sane
    # Pillow raises whatever its parsers meet in broken data; each of these means: not a picture.
    except OSError, SyntaxError, ValueError, Image.DecompressionBombError:
        return False
