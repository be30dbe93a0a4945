"""Hostile WebPs: many pixels in few bytes, alpha, animations."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from PIL import Image

from loadtests.hostile.jpegs import encoded, noisy

_ONE_COLOUR: Final = bytes.fromhex("0750a8e295a7828188e87f00")
"""A lossless bitstream of one half-transparent colour, after its size."""


def chunk(name: bytes, content: bytes) -> bytes:
    """Build one chunk, padded to an even length."""
    return struct.pack("<4sL", name, len(content)) + content + b"\0" * (len(content) % 2)


def webp(*chunks: bytes) -> bytes:
    """Build a file of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return struct.pack("<4sL", b"RIFF", len(body)) + body


def one_colour(width: int, height: int) -> bytes:
    """Make a lossless WebP of one half-transparent colour: 38 bytes, whatever its size.

    Args:
        width: pixels.
        height: pixels.
    """
    size = width - 1 | height - 1 << 14 | 1 << 28
    return webp(chunk(b"VP8L", b"\x2f" + struct.pack("<L", size) + _ONE_COLOUR))


def _animation(count: int) -> bytes:
    frame = encoded(noisy(320, 240, 2), "WEBP", quality=20)[12:]
    header = struct.pack("<L", 0)[:3] * 2 + struct.pack("<L", 319)[:3] + struct.pack("<L", 239)[:3]
    frames = chunk(b"ANMF", header + b"\x28\0\0\0" + frame) * count
    canvas = b"\x02\0\0\0" + struct.pack("<L", 319)[:3] + struct.pack("<L", 239)[:3]
    return webp(chunk(b"VP8X", canvas), chunk(b"ANIM", bytes(6)), frames)


def _soft(width: int, height: int) -> Image.Image:
    picture = noisy(width, height, 3)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def _chunks(count: int) -> bytes:
    still = encoded(noisy(320, 240, 2), "WEBP", quality=20)[12:]
    canvas = bytes(4) + struct.pack("<L", 319)[:3] + struct.pack("<L", 239)[:3]
    return webp(chunk(b"VP8X", canvas), chunk(b"teSt", b"") * count, still)


def files() -> dict[str, Callable[[], bytes]]:
    """Return functions that make the files, by name."""
    return {
        "WebP, lossless, 25 megapixels in 38 bytes": lambda: one_colour(5000, 5000),
        "WebP, lossless, one colour, within the budget": lambda: one_colour(2760, 2760),
        "WebP, lossless noise, within the budget": lambda: encoded(
            noisy(2580, 2580, 6), "WEBP", lossless=True, quality=0, method=0
        ),
        "WebP, lossy, 25 megapixels": lambda: encoded(
            Image.new("RGB", (5000, 5000), "tan"), "WEBP", method=0
        ),
        "WebP, lossy, one colour, within the budget": lambda: encoded(
            Image.new("RGB", (3160, 3160), "tan"), "WEBP", method=0
        ),
        "WebP, lossy noise, within the budget": lambda: encoded(
            noisy(3160, 3160, 9), "WEBP", quality=60, method=0
        ),
        "WebP, lossy, soft alpha, within the budget": lambda: encoded(
            _soft(1850, 1850), "WEBP", quality=80, method=0
        ),
        "WebP, animation of 15,000 frames": lambda: _animation(15_000),
        "WebP, a million chunks": lambda: _chunks(1_000_000),
        "WebP, cut off": lambda: encoded(noisy(1000, 1000, 4), "WEBP")[:40_000],
    }
