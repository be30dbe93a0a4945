"""Chunks of a PNG (ISO/IEC 15948), walked without inflating.

Pillow reads chunks in Python and inflates texts and profiles. What the pixels need is kept: header,
palette, transparency and the first run of image data, as one chunk.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from handlers.structure import costs
from handlers.structure.orientation import MAX_EXIF, MAX_XMP, orientation
from handlers.structure.profiles import MAX_PROFILE
from handlers.structure.result import BROKEN, NOT_AN_IMAGE, ImageError, Structure

MAGIC: Final = b"\x89PNG\r\n\x1a\n"

MAX_CHUNKS: Final = 20_000
"""A file of 20 MB in image data chunks of 8 KiB, as libpng writes them, has 2,500."""

MAX_PALETTE: Final = 1_024
"""Bytes of a palette or its transparency; 256 colours have 768."""

MAX_TEXT: Final = 262_144
"""Bytes, compressed or not, of a text that may hold EXIF or XMP; longer ones are not read."""

MAX_TEXTS: Final = 8
"""Texts that are read for an orientation; more are not."""

_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass
class _Walk:
    """State while a file is read."""

    head: dict[bytes, memoryview] = field(default_factory=dict)
    """Chunks before the image data, whole, by name."""
    image: list[memoryview] = field(default_factory=list)
    """Contents of the first run of image data chunks."""
    complete: bool = False
    """Whether the file continues after the image data."""
    texts: int = 0
    exif: bytes = b""
    raw_exif: bytes = b""
    xmp: bytes = b""
    profile: bytes = b""


def walk(data: bytes) -> Structure:
    """Read a PNG; of an animated one the default image is used.

    Args:
        data: that begins with ``MAGIC``.

    Raises:
        ImageError: broken, or beyond a bound.
    """
    view, state, at, chunks = memoryview(data), _Walk(), len(MAGIC), 0
    last = b""
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">L4s", data, at)
        content = view[at + 8 : at + 8 + length]
        end = at + 12 + length
        chunks += 1
        if chunks > MAX_CHUNKS:
            raise ImageError(
                f"the PNG has more than {MAX_CHUNKS:,} chunks: save it again as a plain PNG",
                "too_complex",
                seen=f"{chunks:,}",
                limit=f"{MAX_CHUNKS:,}",
            )
        if name == b"iCCP" and not state.image:
            state.profile = _text(b"zTXt", bytes(content[:MAX_TEXT]), MAX_PROFILE + 1)
        if name == b"IDAT" and (not state.image or last == b"IDAT"):
            state.image.append(content)
        elif name == b"IEND":
            state.complete = True
            break
        elif name in (b"IHDR", b"PLTE", b"tRNS"):
            if not state.image:
                state.head[name] = view[at:end]
        else:
            _metadata(state, name, content)
        at, last = end, name
    return _structure(state)


def _structure(state: _Walk) -> Structure:
    header = bytes(state.head.get(b"IHDR", b""))
    if len(header) != 25 or header[8:][13:] != zlib.crc32(header[4:21]).to_bytes(4, "big"):
        raise ImageError(NOT_AN_IMAGE, "not_an_image")
    width, height, depth, colour = struct.unpack_from(">LLBB", header, 8)
    if colour not in _CHANNELS or not state.image:
        raise ImageError(BROKEN)
    if any(len(chunk) > 12 + MAX_PALETTE for chunk in state.head.values()):
        raise ImageError(BROKEN)
    channels = _CHANNELS[colour]
    length = sum(map(len, state.image))
    raw = height * (1 + (width * channels * depth + 7) // 8) + 7 * height * header[20]
    if length > raw + raw // 8 + MAX_TEXT:
        raise ImageError(
            f"the PNG has {length:,} bytes of compressed pixels for {raw:,} bytes of pixels: "
            "save it again as a plain PNG",
            "too_complex",
            seen=f"{length:,}",
            limit=f"{raw:,}",
        )
    checksum = zlib.crc32(b"IDAT")
    for content in state.image:
        checksum = zlib.crc32(content, checksum)
    alpha = colour in (4, 6) or b"tRNS" in state.head
    cost = costs.png(width, height, raw, length, alpha=alpha, interlaced=bool(header[20]))
    turn = orientation(state.exif or state.raw_exif, state.xmp)
    return Structure(
        format="PNG",
        width=width,
        height=height,
        cost=cost + (turn > 1) * width * height / 1e6 * costs.TURNED_PIXEL,
        orientation=turn,
        parts=(
            MAGIC,
            *(state.head[name] for name in (b"IHDR", b"PLTE", b"tRNS") if name in state.head),
            struct.pack(">L4s", length, b"IDAT"),
            *state.image,
            struct.pack(">L", checksum),
            b"\0\0\0\0IEND\xaeB`\x82",
        ),
        profile=state.profile,
    )


def _metadata(state: _Walk, name: bytes, content: memoryview) -> None:
    """Keep EXIF and XMP, up to a maximum size."""
    if name == b"eXIf":
        state.exif = bytes(content[:MAX_EXIF])
    elif name in (b"tEXt", b"zTXt", b"iTXt") and len(content) <= MAX_TEXT:
        head = bytes(content[:24])
        raw = head.startswith(b"Raw profile type exif\0")
        if (raw or head.startswith(b"XML:com.adobe.xmp\0")) and state.texts < MAX_TEXTS:
            state.texts += 1
            text = _text(name, bytes(content))
            if raw:
                state.raw_exif = _from_hex(text) or state.raw_exif
            else:
                state.xmp = text or state.xmp


def _text(name: bytes, content: bytes, limit: int = MAX_XMP) -> bytes:
    """Return a bounded part of the text of a chunk; empty if it cannot be read."""
    _, _, rest = content.partition(b"\0")
    compressed = name == b"zTXt"
    if name == b"iTXt":
        compressed = rest[:1] == b"\x01"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif compressed:
        rest = rest[1:]
    if not compressed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, limit)
    except zlib.error:
        return b""


def _from_hex(text: bytes) -> bytes:
    """Read EXIF as ImageMagick writes it: three lines of header, then hexadecimal digits."""
    try:
        digits = b"".join(text[: 3 * MAX_EXIF].split(b"\n")[3:]).decode("ascii")
        return bytes.fromhex(digits[: 2 * MAX_EXIF])
    except ValueError:
        return b""
