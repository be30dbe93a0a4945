"""Hostile PNGs: chunks, compressed texts, deflate streams, deep and interlaced pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from loadtests.hostile.jpegs import BYTES, TURNED, encoded, exif, noisy

MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_ORDER: Final = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
"""Order in which deflate (RFC 1951, 3.2.7) lists the lengths of the codes for code lengths."""


def chunk(name: bytes, content: bytes) -> bytes:
    """Build one chunk, with length and checksum."""
    checksum = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", checksum)


@dataclass(frozen=True)
class Header:
    """Header of a PNG (IHDR): size and kind of its pixels."""

    width: int
    height: int
    colour: int = 2
    """Colour type, by the standard's number."""
    depth: int = 8
    """Bits per channel."""
    interlaced: bool = False
    """Whether the pixels come in seven passes."""

    def encode(self) -> bytes:
        """Content of the chunk."""
        kind = (self.depth, self.colour, 0, 0, int(self.interlaced))
        return struct.pack(">LLBBBBB", self.width, self.height, *kind)

    def black(self) -> bytes:
        """Compressed black or clear pixels."""
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[self.colour]
        row = 1 + self.width * channels * self.depth // 8
        return zlib.compress(bytes(row * (self.height + 8)), 9)


def png(
    header: Header, *, before: bytes = b"", stream: bytes | None = None, pieces: int = 1
) -> bytes:
    """Make a PNG.

    Args:
        header: size and kind of the pixels.
        before: chunks before the image data.
        stream: the image data; by default of black or clear pixels.
        pieces: chunks that the image data is split into.
    """
    stream = header.black() if stream is None else stream
    step = -(-len(stream) // pieces)
    image = b"".join(
        chunk(b"IDAT", stream[start : start + step]) for start in range(0, len(stream), step)
    )
    return MAGIC + chunk(b"IHDR", header.encode()) + before + image + chunk(b"IEND", b"")


def empty_blocks(length: int) -> bytes:
    """Build deflate blocks of code tables without content: 8 to 91 bytes.

    Args:
        length: bytes, about.
    """
    bits: list[int] = []

    def put(value: int, count: int) -> None:
        bits.extend(value >> place & 1 for place in range(count))

    put(0b100, 3)  # not the last block, with its own codes
    put(0, 5)
    put(0, 5)
    put(18 - 4, 4)
    for symbol in _ORDER[:18]:
        put(int(symbol in (1, 18)), 3)
    for count in (138, 117):  # literals without a code
        put(1, 1)
        put(count - 11, 7)
    put(0, 3)  # three codes of one bit
    put(1, 1)  # the end of the block
    eight = int("".join(map(str, reversed(bits * 8))), 2).to_bytes(len(bits), "little")
    return eight * (length // len(eight))


def tables_only(width: int, height: int, length: int) -> bytes:
    """Make a PNG whose image data begins with so many bytes of empty blocks."""
    raw = bytes((1 + 3 * width) * height)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    pixels = packer.compress(raw) + packer.flush()
    checksum = struct.pack(">L", zlib.adler32(raw))
    stream = b"\x78\x9c" + empty_blocks(length) + pixels + checksum
    return png(Header(width, height), stream=stream)


def _bomb() -> bytes:
    return zlib.compress(bytes(60_000_000), 9)


def _frames(count: int) -> bytes:
    """Build control chunks and image data of an animation's later frames."""
    control = struct.pack(">LLLLHHBB", 320, 240, 0, 0, 1, 25, 0, 0)
    data = zlib.compress(bytes(961 * 240), 9)
    return b"".join(
        chunk(b"fcTL", struct.pack(">L", 2 * number + 1) + control)
        + chunk(b"fdAT", struct.pack(">L", 2 * number + 2) + data)
        for number in range(count)
    )


def _animated(count: int) -> bytes:
    control = struct.pack(">LLLLLHHBB", 0, 320, 240, 0, 0, 1, 25, 0, 0)
    before = chunk(b"acTL", struct.pack(">LL", count, 0)) + chunk(b"fcTL", control)
    still = png(Header(320, 240), before=before)
    return still[:-12] + _frames(count - 1) + still[-12:]


def _soft(side: int) -> Image.Image:
    picture = noisy(side, side, 2)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def _deep(width: int, height: int) -> bytes:
    """Make noise of 16 bits per channel."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (height, 1 + 8 * width), dtype=np.uint8)
    rows[:, 0] = 4  # Paeth's filter, the slowest
    return png(Header(width, height, colour=6, depth=16), stream=zlib.compress(rows.tobytes(), 1))


def files() -> dict[str, Callable[[], bytes]]:
    """Return functions that make the files, by name."""
    text = b"XML:com.adobe.xmp\0"
    return {
        "PNG, a million chunks": lambda: png(
            Header(320, 240), before=chunk(b"teSt", b"") * 1_000_000
        ),
        "PNG, image data in chunks of a byte": lambda: png(
            Header(2000, 2000),
            stream=zlib.compress(bytes(range(256)) * 46_907, 0)[:900_000],
            pieces=900_000,
        ),
        "PNG, compressed texts": lambda: png(
            Header(320, 240), before=chunk(b"zTXt", b"Comment\0\0" + _bomb()) * 200
        ),
        "PNG, compressed XMP": lambda: png(
            Header(320, 240), before=chunk(b"iTXt", text + b"\x01\0\0\0" + _bomb()) * 200
        ),
        "PNG, compressed EXIF": lambda: png(
            Header(320, 240), before=chunk(b"zTXt", b"Raw profile type exif\0\0" + _bomb()) * 200
        ),
        "PNG, compressed colour profile": lambda: png(
            Header(320, 240), before=chunk(b"iCCP", b"icc\0\0" + _bomb()) * 200
        ),
        "PNG, EXIF of 14 MB": lambda: png(
            Header(320, 240), before=chunk(b"eXIf", exif(5_400)[6:] + bytes(BYTES))
        ),
        "PNG, one colour, within the budget": lambda: png(Header(4850, 4850)),
        "PNG, 25 megapixels": lambda: png(Header(5000, 5000)),
        "PNG, 25 megapixels, 16 bits, alpha, interlaced": lambda: png(
            Header(5000, 5000, colour=6, depth=16, interlaced=True)
        ),
        "PNG, 16 bits of noise, within the budget": lambda: _deep(1150, 1150),
        "PNG, soft alpha, within the budget": lambda: encoded(_soft(2100), "PNG", compress_level=1),
        "PNG, interlaced, within the budget": lambda: png(Header(4450, 4450, interlaced=True)),
        "PNG, turned, within the budget": lambda: png(
            Header(3550, 3550), before=chunk(b"eXIf", TURNED)
        ),
        "PNG, noise within the budget": lambda: encoded(
            noisy(2900, 2300, 6), "PNG", compress_level=1
        ),
        "PNG, noise of 12 megapixels": lambda: encoded(
            noisy(4000, 3000, 6), "PNG", compress_level=1
        ),
        "PNG, deflate tables without pixels": lambda: tables_only(320, 240, BYTES),
        "PNG, deflate tables and pixels": lambda: tables_only(3400, 3000, 7_900_000),
        "PNG, more pixels than its header": lambda: png(
            Header(64, 64), stream=zlib.compress(bytes(200_000_000), 9)[:70_000]
        ),
        "PNG, animation of 9,000 frames": lambda: _animated(9_000),
        "PNG, cut off": lambda: encoded(noisy(2000, 2000, 4), "PNG", compress_level=1)[:2_000_000],
    }
