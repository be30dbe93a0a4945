"""Ordinary photographs, and some with metadata that must never be disclosed."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Final

import numpy as np
from PIL import Image

COUNT: Final = 24
"""Number of different photographs."""


@cache
def photographs() -> tuple[bytes, ...]:
    """Draw small JPEG files of a dark spot on skin; deterministic."""
    return tuple(_photograph(number) for number in range(COUNT))


def with_camera(photograph: bytes, maker: str) -> bytes:
    """Add EXIF that names a camera's maker to a JPEG file."""
    exif = Image.Exif()
    exif[0x010F] = maker
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photograph)).save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def with_tags(photograph: bytes, count: int) -> bytes:
    """Add EXIF of so many tags, all with invalid offsets, to a JPEG file."""
    rows = b"".join(
        struct.pack("<HHLL", 0x8000 + number, 2, 1000, 0xFFFFFF) for number in range(count)
    )
    exif = b"Exif\0\0II*\0" + struct.pack("<LH", 8, count) + rows + bytes(4)
    return photograph[:2] + struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 2) + exif + photograph[2:]


def _photograph(number: int) -> bytes:
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:160, 0:200]
    spot = np.hypot(x - 90 - number, (y - 80) * 1.2) < 30 + number
    skin = np.array((215.0, 170.0, 150.0))
    pixels = np.where(spot[..., None], skin * (0.35 + 0.01 * number), skin)
    pixels = pixels + rng.normal(0, 6, (160, 200, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
