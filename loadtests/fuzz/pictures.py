"""Image files with a marker in their metadata, valid and mutated."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, Final

import numpy as np
from PIL import Image

_SIDES: Final = (32, 48, 64, 96)
_MARKERS: Final = (0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)
_VARIANTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("JPEG", "RGB", {"quality": 80}),
    ("JPEG", "RGB", {"quality": 60, "progressive": True}),
    ("JPEG", "L", {"quality": 70}),
    ("JPEG", "CMYK", {"quality": 70}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {}),
    ("PNG", "I;16", {}),
    ("PNG", "1", {}),
    ("WEBP", "RGB", {"quality": 60}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("GIF", "P", {}),
    ("BMP", "RGB", {}),
)
NAMES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""Content types of the accepted formats."""


def picture(random: Random, marker: bytes) -> tuple[bytes, str]:
    """Make a valid file with a marker in its metadata; returns file and format.

    Args:
        random: chooses.
        marker: to put in.
    """
    number = min(random.randrange(len(_VARIANTS)), random.randrange(len(_VARIANTS)))
    kind = _VARIANTS[number][0]
    return _marked(_base(number, random.randrange(8)), kind, marker), kind


def damaged(random: Random, marker: bytes) -> tuple[bytes, str]:
    """Apply up to four mutations to a file; the marker stays in it.

    Args:
        random: chooses.
        marker: to put in.
    """
    data, kind = picture(random, marker)
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 4))):
        data = random.choice(_MUTATIONS)(data, random)
    return (data if marker in data else data + marker), kind


def changed(data: bytes, random: Random) -> bytes:
    """Apply one mutation that suits any format.

    Args:
        data: not empty.
        random: chooses.
    """
    return random.choice((_flip, _truncate, _repeat, _cut))(data, random)


@cache
def _base(number: int, picture_seed: int) -> bytes:
    kind, mode, options = _VARIANTS[number]
    rng = np.random.default_rng((number, picture_seed))
    height, width = (int(rng.choice(_SIDES)) for _ in range(2))
    y, x = np.mgrid[0:height, 0:width]
    spot = np.hypot(x - width / 2, y - height / 2) < min(width, height) / 3
    pixels = np.where(spot[..., None], (120.0, 70.0, 50.0), (215.0, 170.0, 150.0))
    pixels = pixels + rng.normal(0, 8, (height, width, 3))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if mode == "I;16":
        image = image.convert("L").point(lambda value: value * 256, "I").convert("I;16")
    buffer = io.BytesIO()
    (image if image.mode == mode else image.convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


def _marked(data: bytes, kind: str, marker: bytes) -> bytes:
    if kind == "JPEG":
        exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0"
        exif += struct.pack("<LL", len(marker) + 1, 26) + bytes(4) + marker + b"\0"
        comment = struct.pack(">BBH", 0xFF, 0xFE, len(marker) + 2) + marker
        return data[:2] + struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 2) + exif + comment + data[2:]
    if kind == "PNG":
        content = b"Comment\0" + marker
        checksum = struct.pack(">L", zlib.crc32(b"tEXt" + content))
        return (
            data[:33] + struct.pack(">L", len(content)) + b"tEXt" + content + checksum + data[33:]
        )
    if kind == "WEBP":
        content = marker + b"\0" * (len(marker) % 2)
        body = data[8:] + b"EXIF" + struct.pack("<L", len(marker)) + content
        return b"RIFF" + struct.pack("<L", len(body)) + body
    return data + marker


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 20))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _header(data: bytes, random: Random) -> bytes:
    """Change the first bytes, which hold sizes and types."""
    changed = bytearray(data)
    changed[random.randrange(min(60, len(changed)))] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(changed)


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))] if len(data) > 1 else data


def _splice(data: bytes, random: Random) -> bytes:
    other = _base(random.randrange(len(_VARIANTS)), random.randrange(8))
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


def _repeat(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    part = data[start : start + random.randrange(1, 400)]
    return data[:start] + part * random.choice((2, 2, 10, 100)) + data[start:]


def _cut(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randrange(1, 64) :] or data


def _segment(data: bytes, random: Random) -> bytes:
    """Insert a JPEG segment or a chunk, with a possibly wrong length."""
    length = random.choice((0, 1, 2, 17, 0x7FFF, 0xFFFF))
    content = random.randbytes(random.choice((0, 2, 15, 200)))
    inserted = random.choice(
        (
            struct.pack(">BBH", 0xFF, random.choice(_MARKERS), length) + content,
            struct.pack(">L", length) + b"teXt" + content,
            b"EXIF" + struct.pack("<L", length) + content,
        )
    )
    start = random.choice((2, 8, 12, 33, random.randrange(len(data))))
    return data[:start] + inserted + data[start:]


def _size(data: bytes, random: Random) -> bytes:
    """Change the declared size of a JPEG or a PNG."""
    sides = struct.pack(
        ">HH", random.choice((0, 1, 31, 5_000, 65_535)), random.choice((0, 1, 31, 5_000, 65_535))
    )
    if data[:4] == b"\x89PNG":
        wide = b"\0\0" + sides[:2] + b"\0\0" + sides[2:]
        header = b"IHDR" + wide + data[24:29]
        return data[:12] + header + struct.pack(">L", zlib.crc32(header)) + data[33:]
    for frame in (b"\xff\xc0", b"\xff\xc2"):
        at = data.find(frame)
        if at > 0:
            return data[: at + 5] + sides + data[at + 9 :]
    return data


_MUTATIONS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    *(_flip, _flip, _header, _truncate, _splice, _repeat, _cut, _segment, _segment, _size),
)
