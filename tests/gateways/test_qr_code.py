"""Pictures of QR codes: which ones may be shown, and what we draw ourselves."""

import base64
from io import BytesIO
import random
import struct
import zlib

from PIL import Image
import pytest

from custom_components.whatsapp_link.gateways.errors import InvalidAnswer
from custom_components.whatsapp_link.gateways.qr_code import check_png, decode_png, render_png
from tests.gateways.rig import text_in

# As long as WhatsApp's: a reference and three keys.
TEXT = "2@" + ",".join(("aGVsbG8gd29ybGQ" * 7, *("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",) * 3))


def picture(width: int, height: int, file_format: str = "PNG") -> bytes:
    """Return a white picture."""
    buffer = BytesIO()
    Image.new("L", (width, height), 255).save(buffer, file_format)
    return buffer.getvalue()


def header_only(width: int, height: int) -> bytes:
    """Return a small PNG whose header promises a picture of any size."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\x00")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


CODE = render_png(TEXT)

NOT_SHOWN = {
    "nothing": b"",
    "text": b"This is not a picture.",
    "HTML": b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><script>alert(1)</script></svg>',
    "only the magic number": b"\x89PNG\r\n\x1a\n",
    "only the header": CODE[:33],
    "first half": CODE[: len(CODE) // 2],
    "without the last chunk": CODE[:-12],
    "without the end of the last chunk": CODE[:-5],
    "blank before it": b" " + CODE,
    "1x1": picture(1, 1),
    "39x39": picture(39, 39),
    "a line": picture(300, 1),
    "2049x2049": picture(2049, 2049),
    "a long strip": picture(2049, 100),
    "promises 20000x20000": header_only(20_000, 20_000),
    "promises 2147483647x2147483647": header_only(2**31 - 1, 2**31 - 1),
    "promises nothing": header_only(0, 0),
    "JPEG": picture(300, 300, "JPEG"),
    "GIF": picture(300, 300, "GIF"),
    "BMP": picture(300, 300, "BMP"),
    "more than 512 KiB": CODE + b"\x00" * (512 * 1024),
}

SHOWN = {
    "code": CODE,
    "40x40": picture(40, 40),
    "2048x2048": picture(2048, 2048),
}


@pytest.mark.parametrize("png", SHOWN.values(), ids=SHOWN)
def test_accepted(png: bytes) -> None:
    """A PNG of a sane size comes back as it was."""
    assert check_png(png) == png
    encoded = base64.b64encode(png).decode()
    assert decode_png(encoded) == png
    assert decode_png(f"data:image/png;base64,{encoded}") == png


@pytest.mark.parametrize("png", NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_refused(png: bytes) -> None:
    """Anything else is refused, be it sent as it is or in base64."""
    encoded = base64.b64encode(png).decode()
    with pytest.raises(InvalidAnswer):
        check_png(png)
    for text in (encoded, f"data:image/png;base64,{encoded}"):
        with pytest.raises(InvalidAnswer):
            decode_png(text)


@pytest.mark.parametrize("text", ["x" * 2954, "x" * 100_000, "2@\ud83d"])
def test_no_code_of_a_text(text: str) -> None:
    """What is too long for the largest code, or no text at all, makes none."""
    with pytest.raises(InvalidAnswer):
        render_png(text)


@pytest.mark.parametrize(
    "encoded",
    ["", "data:image/png;base64,", "%%%", "<html>", "iVBORw0KGgo", "ä", "\ud83d", "data:text/html,<h1>no</h1>"],
)
def test_no_base64(encoded: str) -> None:
    """What is not base64 is refused and not guessed at."""
    with pytest.raises(InvalidAnswer):
        decode_png(encoded)


def test_wrong_letters_are_not_skipped() -> None:
    """A lenient decoder would skip what is not base64 and so let garbage through."""
    encoded = base64.b64encode(CODE).decode()
    with pytest.raises(InvalidAnswer):
        decode_png(encoded[:100] + "<>" + encoded[100:])


def test_every_truncation() -> None:
    """A picture that ends early is refused, wherever it ends before the checksum of its empty last chunk."""
    for length in range(len(CODE) - 4):
        with pytest.raises(InvalidAnswer):
            check_png(CODE[:length])


def test_broken_bytes() -> None:
    """Whatever a decoder meets in broken data, nothing but our own error comes out."""
    dice = random.Random(142)
    refused = 0
    for _ in range(1500):
        broken = bytearray(CODE)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            check_png(bytes(broken))
        except InvalidAnswer:
            refused += 1
    assert refused > 1400


@pytest.mark.parametrize("text", [TEXT, "short", "Grüße \N{PARTY POPPER}", "x" * 600])
def test_rendered_code_reads_back(text: str) -> None:
    """What we draw passes our own check, and a camera reads the same text."""
    png = render_png(text)
    assert check_png(png) == png
    assert text_in(png) == text


def test_rendered_code_is_black_on_white_in_a_quiet_zone() -> None:
    """Four white modules on each side, and nothing but black and white."""
    with Image.open(BytesIO(render_png(TEXT))) as opened:
        code = opened.convert("L")
    assert {colour for _, colour in code.getcolors() or []} == {0, 255}
    inverted = code.point(lambda value: 255 - value)
    box = inverted.getbbox()
    assert box is not None
    left, top, right, bottom = box
    # The finder pattern in the corner begins with seven black modules.
    black = next(x for x in range(left, code.width) if code.getpixel((x, top)) == 255) - left
    module, rest = divmod(black, 7)
    assert rest == 0
    assert (left, top, code.width - right, code.height - bottom) == (4 * module,) * 4
