"""Unusual files, as phones, editors and messengers write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from loadtests.hostile.jpegs import encoded
from training.evaluation.stress.colour_spaces import SPACES, in_space, profile


def tiff(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """EXIF of entries: tag, type, number of values, value (of its type, at the left)."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(f"{order}H", len(entries))
    for tag, kind, number, value in entries:
        wide = struct.pack(f"{order}{'L' if kind == 4 else 'Hxx'}", value)
        body += struct.pack(f"{order}HHL", tag, kind, number) + wide
    return head + struct.pack(f"{order}L", 8) + body + bytes(4)


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", checksum)


def exif(content: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + content)


def xmp(orientation: int, element: bool = False) -> bytes:
    inner = (
        f"<tiff:Orientation>{orientation}</tiff:Orientation>"
        if element
        else f'tiff:Orientation="{orientation}"'
    )
    return f"<x:xmpmeta>{inner}</x:xmpmeta>".encode()


def in_jpeg(picture: Image.Image, *parts: bytes, at: int = 2) -> bytes:
    """JPEG with additional bytes after its start."""
    data = encoded(picture, "JPEG", quality=92)
    return data[:at] + b"".join(parts) + data[at:]


def in_png(picture: Image.Image, before: bytes = b"", after: bytes = b"") -> bytes:
    """PNG with chunks before and after its image data."""
    data = encoded(picture, "PNG")
    start, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:start] + before + data[start:end] + after + data[end:]


def xmp_segment(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def international_text(packet: bytes, compressed: bool) -> bytes:
    text = zlib.compress(packet) if compressed else packet
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes((compressed, 0)) + b"\0\0" + text)


def raw_profile(content: bytes) -> bytes:
    """EXIF in a text, as ImageMagick writes it."""
    digits = content.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    text = f"\nexif\n{len(content):8d}\n" + "\n".join(lines) + "\n"
    return chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))


def in_colours_of(space: str, kind: str, **options: Any) -> Callable[[Image.Image], bytes]:
    def make(picture: Image.Image) -> bytes:
        other = in_space(space)(picture.convert("RGB"), np.random.default_rng(0))
        return encoded(other, kind, icc_profile=profile(space), **options)

    return make


SHORT, LONG, ORIENTATION, MAKER = 3, 4, 0x0112, 0x010F
ODD: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg, orientation of type LONG": lambda picture: in_jpeg(
        picture, exif(tiff((ORIENTATION, LONG, 1, 6), order=">"))
    ),
    "jpeg, two orientations": lambda picture: in_jpeg(
        picture, exif(tiff((ORIENTATION, SHORT, 1, 6), (ORIENTATION, SHORT, 1, 1)))
    ),
    "jpeg, orientation of two values": lambda picture: in_jpeg(
        picture, exif(tiff((ORIENTATION, SHORT, 2, 6)))
    ),
    "jpeg, orientation that is none": lambda picture: in_jpeg(
        picture, exif(tiff((ORIENTATION, SHORT, 1, 9)))
    ),
    "jpeg, orientation in the second segment": lambda picture: in_jpeg(
        picture,
        exif(tiff((ORIENTATION, SHORT, 1, 8))[:12]),
        exif(tiff((ORIENTATION, SHORT, 1, 8))[12:]),
    ),
    "jpeg, orientation in XMP": lambda picture: in_jpeg(picture, xmp_segment(xmp(6))),
    "jpeg, orientation in an element of XMP": lambda picture: in_jpeg(
        picture, xmp_segment(xmp(3, element=True))
    ),
    "jpeg, EXIF and XMP disagree": lambda picture: in_jpeg(
        picture, exif(tiff((ORIENTATION, SHORT, 1, 6))), xmp_segment(xmp(3))
    ),
    "jpeg, EXIF without orientation, XMP with one": lambda picture: in_jpeg(
        picture, exif(tiff((MAKER, SHORT, 1, 0))), xmp_segment(xmp(8))
    ),
    "jpeg, damaged EXIF and XMP": lambda picture: in_jpeg(
        picture, exif(b"II*\0\xff"), xmp_segment(xmp(6))
    ),
    "jpeg, a stray byte between segments": lambda picture: in_jpeg(picture, b"\0", at=20),
    "jpeg, fill bytes": lambda picture: in_jpeg(picture, b"\xff\xff\xff", at=20),
    "jpeg, a marker without a segment": lambda picture: in_jpeg(picture, b"\xff\x01", at=20),
    "jpeg, restart markers": lambda picture: encoded(picture, "JPEG", restart_marker_blocks=3),
    "png, orientation after the pixels": lambda picture: in_png(
        picture, after=chunk(b"eXIf", tiff((ORIENTATION, SHORT, 1, 6)))
    ),
    "png, orientation in XMP": lambda picture: in_png(
        picture, before=international_text(xmp(6), compressed=False)
    ),
    "png, orientation in compressed XMP": lambda picture: in_png(
        picture, before=international_text(xmp(6), compressed=True)
    ),
    "png, orientation in a raw profile": lambda picture: in_png(
        picture, before=raw_profile(b"Exif\0\0" + tiff((ORIENTATION, SHORT, 1, 6)))
    ),
    "png, cut off after the pixels": lambda picture: encoded(picture, "PNG")[:-12],
    "webp, orientation in XMP": lambda picture: encoded(picture, "WEBP", xmp=xmp(6)),
    "webp, orientation of type LONG": lambda picture: encoded(
        picture, "WEBP", exif=tiff((ORIENTATION, LONG, 1, 6), order=">")
    ),
    **{
        f"{kind.lower()}, {space}": in_colours_of(space, kind)
        for kind in ("JPEG", "PNG", "WEBP")
        for space in SPACES
    },
    "png, a profile of another space and damaged": lambda picture: encoded(
        picture, "PNG", icc_profile=profile("Display P3")[:-9]
    ),
}
