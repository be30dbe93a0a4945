"""Hostile JPEGs: scans, segments, padding, tables, metadata and unusual kinds."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np
from PIL import Image

BYTES: Final = 14_000_000
"""Bytes of a file that fills a body of 20 MB as base64."""

TURNED: Final = b"II*\0" + struct.pack("<LHHHLL", 8, 1, 0x0112, 3, 1, 6) + bytes(4)
"""EXIF of orientation 6."""

OTHER: Final = (3, 5, 6, 7, 9, 10, 11, 13, 14, 15)
"""Frame markers (SOF) of lossless, hierarchical and arithmetic-coded JPEG."""

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_EOB_RUN: Final = 14
"""Bits of the longest run of blocks without coefficients: 32,767 blocks by one symbol."""


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noisy(width: int, height: int, deviation: float) -> Image.Image:
    """Draw a soft picture with the noise of a sensor.

    Args:
        width: pixels.
        height: pixels.
        deviation: of the noise, in levels of 255.
    """
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 200, width, dtype=np.float32)[None, :, None]
    tint = np.asarray((1.0, 0.8, 0.7), np.float32)
    noise = rng.standard_normal((height, width, 1), np.float32) * deviation
    return Image.fromarray((ramp * tint + noise).clip(0, 255).astype(np.uint8))


@cache
def phone_photograph() -> bytes:
    """Make a baseline JPEG of 12 megapixels and 4 MB, as phones write it."""
    return encoded(noisy(4000, 3000, 9), quality=90)


def segment(marker: int, content: bytes) -> bytes:
    """Build one segment, with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


@cache
def small() -> bytes:
    """Make a photograph of 320 x 240 pixels."""
    return encoded(noisy(320, 240, 4), quality=85)


def before_frame(inserted: bytes, photograph: bytes = b"") -> bytes:
    """Insert bytes after the first marker of a photograph."""
    return _SOI + inserted + (photograph or small())[2:]


def scans(width: int, height: int, count: int, *, refining: bool) -> bytes:
    """Make a grey progressive JPEG of so many empty scans.

    Args:
        width: pixels.
        height: pixels.
        count: of scans after the first.
        refining: whether each visits every coefficient.
    """
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    blocks = -(-width // 8) * -(-height // 8)
    table = bytes([1, *[0] * 15])
    head = segment(0xDB, bytes([0, *[1] * 64])) + segment(0xC2, frame)
    head += segment(0xC4, b"\x00" + table + b"\x00")
    head += segment(0xC4, b"\x10" + table + bytes([_EOB_RUN << 4]))
    first = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes(-(-blocks // 8))
    runs = -(-blocks // ((2 << _EOB_RUN) - 1))
    bits = ("0" + "1" * _EOB_RUN) * runs
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    spectrum = b"\x01\x01\x00\x01\x3f" + (b"\x10" if refining else b"\x00")
    return _SOI + head + first + (segment(0xDA, spectrum) + data) * count + _EOI


def exif(entries: int) -> bytes:
    """Build EXIF of so many entries, all with invalid offsets."""
    rows = b"".join(
        struct.pack("<HHLL", 0x8000 + number, 2, 1000, 0xFFFFFF) for number in range(entries)
    )
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, entries) + rows + bytes(4)


def kind_of(marker: int, precision: int = 8) -> bytes:
    """Replace the frame marker of the small photograph by that of another coding process."""
    data = bytearray(small())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, precision
    return bytes(data)


def files() -> dict[str, Callable[[], bytes]]:
    """Return functions that make the files, by name."""
    repeated = BYTES // 65_500
    quantisation = segment(0xDB, bytes([0, *[1] * 64]))
    return {
        "JPEG, thousands of scans": lambda: scans(5000, 5000, 40_000, refining=False),
        "JPEG, thousands of refining scans": lambda: scans(5000, 5000, 40_000, refining=True),
        "JPEG, 64 refining scans": lambda: scans(5000, 5000, 62, refining=True),
        "JPEG, refining scans within the budget": lambda: scans(5000, 5000, 9, refining=True),
        "JPEG, scans within the budget": lambda: scans(5000, 5000, 16, refining=False),
        "JPEG, progressive phone photograph": lambda: encoded(
            noisy(4000, 3000, 9), quality=90, progressive=True
        ),
        "JPEG, progressive, full colour, within the budget": lambda: encoded(
            Image.new("RGB", (4750, 4750), "tan"), progressive=True, subsampling=0
        ),
        "JPEG, progressive, 25 megapixels": lambda: encoded(
            Image.new("RGB", (5000, 5000), "tan"), progressive=True, subsampling=0
        ),
        "JPEG, 25 megapixels, 14 MB": lambda: encoded(noisy(5000, 5000, 22), quality=90),
        "JPEG, a strip decoded in full": lambda: encoded(noisy(1343, 18_600, 4), quality=80),
        "JPEG, a turned strip decoded in full": lambda: before_frame(
            segment(0xE1, b"Exif\0\0" + TURNED),
            encoded(Image.new("RGB", (1343, 13_800), "tan"), subsampling=2),
        ),
        "JPEG, a CMYK strip decoded in full": lambda: encoded(
            Image.new("CMYK", (1343, 14_000), "tan")
        ),
        "JPEG, progressive CMYK, 25 megapixels": lambda: encoded(
            Image.new("CMYK", (5000, 5000), "tan"), progressive=True
        ),
        "JPEG, millions of segments": lambda: before_frame(b"\xff\xfe\0\x02" * (BYTES // 4)),
        "JPEG, millions of bare markers": lambda: before_frame(b"\xff\xd0" * (BYTES // 2)),
        "JPEG, padding of FF": lambda: before_frame(b"\xff" * BYTES),
        "JPEG, padding of zeros": lambda: before_frame(bytes(BYTES)),
        "JPEG, escaped padding": lambda: before_frame(b"\xff\0" * (BYTES // 2)),
        "JPEG, escaped padding in its scan": lambda: small()[:-2] + b"\xff\0" * (BYTES // 2) + _EOI,
        "JPEG, quantisation tables": lambda: before_frame(quantisation * (BYTES // 69)),
        "JPEG, EXIF of 5,400 tags": lambda: before_frame(segment(0xE1, exif(5_400))),
        "JPEG, EXIF over many segments": lambda: before_frame(
            segment(0xE1, exif(5_400)) + segment(0xE1, b"Exif\0\0" + bytes(65_400)) * repeated
        ),
        "JPEG, XMP over many segments": lambda: before_frame(
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 65_400) * repeated
        ),
        "JPEG, colour profile of 14 MB": lambda: before_frame(
            b"".join(
                segment(0xE2, b"ICC_PROFILE\0" + bytes([number % 256, 214]) + bytes(65_400))
                for number in range(repeated)
            )
        ),
        "JPEG, Photoshop resources": lambda: before_frame(
            segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5_000) * repeated
        ),
        "JPEG, list of a million pictures (MPF)": lambda: before_frame(
            segment(0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x01\0\0\0\xff\xff\xff\x0f")
        ),
        "JPEG, thumbnail beyond the end": lambda: before_frame(
            segment(
                0xE1,
                b"Exif\0\0II*\0\x08\0\0\0\0\0\x0e\0\0\0\x01\0\x01\x02\x04\0\x01\0\0\0\xff\xff\xff\x7f",
            )
        ),
        "JPEG, 12 bits": lambda: kind_of(0xC1, 12),
        **{f"JPEG, frame of SOF{number}": partial(kind_of, 0xC0 + number) for number in OTHER},
        "JPEG, cut off": lambda: phone_photograph()[:2_000_000],
        "JPEG and ZIP archive": lambda: phone_photograph() + b"PK\x05\x06" + bytes(18),
    }
