"""Test that EXIF's orientation is read like Pillow."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from PIL import Image

from handlers.structure.orientation import MAX_EXIF, orientation

XMP = b'<x:xmpmeta tiff:Orientation="8"/>'


def exif(*entries: tuple[int, int, int, bytes], order: str = "<", start: int = 8) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    rows = b"".join(struct.pack(f"{order}HHL4s", *entry) for entry in entries)
    head = magic + struct.pack(f"{order}L", start) + bytes(start - 8)
    return head + struct.pack(f"{order}H", len(entries)) + rows + bytes(4)


def short(value: int, order: str = "<") -> tuple[int, int, int, bytes]:
    return 0x0112, 3, 1, struct.pack(f"{order}H", value) + b"\0\0"


CASES: dict[str, tuple[bytes, bytes]] = {
    "little-endian": (exif(short(6)), b""),
    "big-endian": (exif(short(6, ">"), order=">"), b""),
    "LONG": (exif((0x0112, 4, 1, b"\x06\0\0\0")), b""),
    "signed": (exif((0x0112, 8, 1, b"\x06\0\0\0")), b""),
    "a text": (exif((0x0112, 2, 2, b"6\0\0\0")), b""),
    "a list": (exif((0x0112, 3, 2, b"\x06\0\x06\0")), b""),
    "no type": (exif((0x0112, 99, 1, b"\x06\0\0\0"), short(3)), b""),
    "no value": (exif((0x0112, 3, 0, b"\x06\0\0\0"), short(3)), b""),
    "two": (exif(short(6), short(1)), b""),
    "zero": (exif(short(0)), XMP),
    "nine": (exif(short(9)), XMP),
    "cut off": (exif(short(6))[:20], b""),
    "cut off after it": (exif(short(6), short(1))[:24], b""),
    "not TIFF": (b"abcdefgh" + bytes(20), XMP),
    "far away": (exif(short(6), start=900), b""),
    "beyond the end": (b"II*\0\xff\xff\0\0", XMP),
    "prefix": (b"Exif\0\0" + exif(short(5)), b""),
    "prefix twice": (b"Exif\0\0Exif\0\0" + exif(short(5)), b""),
    "prefix alone": (b"Exif\0\0", XMP),
    "XMP": (b"", XMP),
    "XMP element": (b"", b"<tiff:Orientation>3</tiff:Orientation>"),
    "XMP where EXIF says nothing": (exif((0x0100, 3, 1, b"\x01\0\0\0")), XMP),
    "EXIF before XMP": (exif(short(6)), XMP),
    "nothing": (b"", b""),
}


def pillows(metadata: bytes, xmp: bytes) -> int:
    picture = Image.new("L", (1, 1))
    info: dict[Any, Any] = picture.info
    info |= ({"exif": metadata} if metadata else {}) | ({"xmp": xmp} if xmp else {})
    try:
        value = picture.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - whatever Pillow raises on damaged metadata
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")
@pytest.mark.filterwarnings("ignore:Truncated File Read:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_orientation_equals_that_of_pillow(name: str) -> None:
    metadata, xmp = CASES[name]

    assert orientation(metadata, xmp) == pillows(metadata, xmp)


def test_only_the_beginning_of_exif_is_read() -> None:
    assert orientation(exif(short(6), start=MAX_EXIF - 100), b"") == 6
    assert orientation(exif(short(6), start=MAX_EXIF + 100), b"") == 1
