"""QR codes as WhatsApp makes them: the text, the picture, and reading a picture."""

import base64
import hashlib
import hmac
import importlib
import io
from types import ModuleType

from PIL import Image
import qrcode
from qrcode.constants import ERROR_CORRECT_L
from qrcode.image.pil import PilImage

# 75 bytes make 100 base64 characters without padding, and a text of 237 in all.
_REF_BYTES = 75
_KEY_BYTES = 32
_MODULE_PIXELS = 4
_BORDER_MODULES = 4


class CannotReadPictures(Exception):
    """The optional package that decodes pictures is not installed."""


def _bytes_from(seed: bytes, purpose: str, length: int) -> bytes:
    key = hmac.digest(seed, purpose.encode(), "sha256")
    return hashlib.shake_256(key).digest(length)


def make_text(seed: bytes, series: str, number: int) -> str:
    """Return the text of one QR code.

    The shape is WhatsApp's: `2@<reference>,<noise key>,<identity key>,<secret>`. The
    reference is new in every code; the three keys belong to the device that wants to be
    linked, so they stay the same through a series.
    """
    reference = _bytes_from(seed, f"{series} reference {number}", _REF_BYTES)
    keys = [_bytes_from(seed, f"{series} {name}", _KEY_BYTES) for name in ("noise key", "identity key", "secret")]
    return "2@" + ",".join(base64.b64encode(part).decode() for part in (reference, *keys))


def render_png(text: str) -> bytes:
    """Return the code as a PNG: error correction L, a border of 4 modules."""
    code = qrcode.QRCode(
        error_correction=ERROR_CORRECT_L,
        box_size=_MODULE_PIXELS,
        border=_BORDER_MODULES,
        image_factory=PilImage,
    )
    code.add_data(text)
    code.make(fit=True)
    picture = code.make_image(fill_color="black", back_color="white")
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def plain_png(colour: str, pixels: int = 16) -> bytes:
    """Return a small picture of one colour, for avatars and test attachments."""
    buffer = io.BytesIO()
    Image.new("RGB", (pixels, pixels), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def read_picture(picture: bytes) -> str | None:
    """Return the text of the first QR code in a picture, None if there is none.

    Raises:
        CannotReadPictures: The decoder is not installed.
        ValueError: The bytes are no picture.

    """
    decoder = _decoder()
    try:
        image = Image.open(io.BytesIO(picture)).convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        msg = "This is not a picture"
        raise ValueError(msg) from error
    for found in decoder.read_barcodes(image):
        if found.text:
            return str(found.text)
    return None


def _decoder() -> ModuleType:
    """Return the decoder, which the emulator does without until there is a picture."""
    try:
        return importlib.import_module("zxingcpp")
    except ImportError as error:
        msg = "Pictures can be decoded only where the package zxing-cpp is installed"
        raise CannotReadPictures(msg) from error
