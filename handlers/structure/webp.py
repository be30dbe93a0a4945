"""Chunks of a WebP (RFC 9649), walked without decoding.

A lossless WebP of one colour has 38 bytes whatever its size, and is decoded in full. What the first
picture needs is kept: canvas, alpha and bitstream, of an animation the first frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from handlers.structure import costs
from handlers.structure.orientation import MAX_EXIF, MAX_XMP, orientation
from handlers.structure.profiles import MAX_PROFILE
from handlers.structure.result import BROKEN, NOT_AN_IMAGE, ImageError, Structure, check_pixels

MAX_CHUNKS: Final = 20_000
"""Maximum number of chunks. An animation has one per frame."""

MAX_PIXELS: Final = 10_000_000
"""Width times height: libwebp and Pillow hold a WebP four to five times meanwhile, 4 bytes a pixel
each, and cannot scale it down while they decode."""

_ANIMATION, _ALPHA = 0x02, 0x10
"""Flags of the extended header."""


def walk(data: bytes) -> Structure:
    """Read a WebP.

    Args:
        data: that begins with RIFF, a length and WEBP.

    Raises:
        ImageError: broken, or beyond a bound.
    """
    view = memoryview(data)
    (size,) = struct.unpack_from("<L", data, 4)
    if 8 + size > len(data):
        raise ImageError(BROKEN)
    found: dict[bytes, memoryview] = {}
    for name, content in _chunks(view[12 : 8 + size]):
        found.setdefault(name, content)
    first = found.get(b"VP8X")
    if first is None:
        picture = {name: found[name] for name in found if name in (b"VP8 ", b"VP8L")}
        canvas = None
    else:
        if len(first) < 10:
            raise ImageError(BROKEN)
        canvas = _three(first, 4) + 1, _three(first, 7) + 1
        picture = found
    animated = first is not None and bool(first[0] & _ANIMATION)
    if animated:
        frame = found.get(b"ANMF", view[:0])
        picture = {}
        for name, content in _chunks(frame[16:]):
            picture.setdefault(name, content)
    lossless = b"VP8L" in picture and b"VP8 " not in picture
    stream = picture.get(b"VP8L" if lossless else b"VP8 ")
    if stream is None:
        raise ImageError(NOT_AN_IMAGE, "not_an_image")
    stored = _size(stream, lossless)
    alpha = picture.get(b"ALPH")
    width, height = canvas or stored
    if stored[0] > width or stored[1] > height:
        raise ImageError(BROKEN)
    body = [] if alpha is None or lossless else [(b"ALPH", alpha)]
    body.append((b"VP8L" if lossless else b"VP8 ", stream))
    parts = [part for name, content in body for part in _chunk(name, content)]
    if animated:
        parts = [frame[:16], *parts]
        parts = [struct.pack("<4sL", b"ANMF", _total(parts)), *parts]
        parts = [*_chunk(b"ANIM", found.get(b"ANIM", view[:0])), *parts]
    if first is not None:
        flags = bytes([first[0] & (_ANIMATION | _ALPHA)]) + bytes(first[1:10])
        parts = [*_chunk(b"VP8X", memoryview(flags)), *parts]
    check_pixels(width, height, MAX_PIXELS, "a WebP")
    see_through = alpha is not None or (lossless and bool(stream[4] >> 4 & 1)) or animated
    cost = costs.webp(width, height, len(stream), lossless=lossless, alpha=see_through)
    if alpha is not None:
        cost += costs.webp(*stored, len(alpha), lossless=True, alpha=False)
    turn = orientation(
        bytes(found.get(b"EXIF", b"")[:MAX_EXIF]), bytes(found.get(b"XMP ", b"")[:MAX_XMP])
    )
    return Structure(
        format="WEBP",
        width=width,
        height=height,
        cost=cost + (turn > 1) * width * height / 1e6 * costs.TURNED_PIXEL,
        orientation=turn,
        parts=(struct.pack("<4sL4s", b"RIFF", 4 + _total(parts), b"WEBP"), *parts),
        profile=bytes(found.get(b"ICCP", b"")[: MAX_PROFILE + 1]),
    )


def _chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of each chunk.

    Raises:
        ImageError: one goes beyond the end, or there are too many.
    """
    at, count = 0, 0
    while at + 8 <= len(view):
        name, length = struct.unpack_from("<4sL", view, at)
        at += 8
        count += 1
        if at + length > len(view):
            raise ImageError(BROKEN)
        if count > MAX_CHUNKS:
            raise ImageError(
                f"the WebP has more than {MAX_CHUNKS:,} chunks: save it again without animation",
                "too_complex",
                seen=f"{count:,}",
                limit=f"{MAX_CHUNKS:,}",
            )
        yield name, view[at : at + length]
        at += length + length % 2


def _chunk(name: bytes, content: memoryview) -> list[bytes | memoryview]:
    padding = b"\0" * (len(content) % 2)
    return [struct.pack("<4sL", name, len(content)), content, padding]


def _total(parts: list[bytes | memoryview]) -> int:
    return sum(map(len, parts))


def _three(view: memoryview, at: int) -> int:
    return int.from_bytes(view[at : at + 3], "little")


def _size(stream: memoryview, lossless: bool) -> tuple[int, int]:
    """Return width and height that a bitstream declares, in pixels.

    Raises:
        ImageError: it is not one.
    """
    if lossless:
        if len(stream) < 5 or stream[0] != 0x2F:
            raise ImageError(BROKEN)
        bits = int.from_bytes(stream[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(stream) < 10 or bytes(stream[3:6]) != b"\x9d\x01\x2a":
        raise ImageError(BROKEN)
    width, height = struct.unpack_from("<HH", stream, 6)
    return width & 0x3FFF, height & 0x3FFF
