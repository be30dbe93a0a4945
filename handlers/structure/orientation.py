"""EXIF's orientation, read without reading the rest of EXIF.

As Pillow reads it (``Image.getexif``), at a bounded cost and without its warnings, which quote
the file.
"""

from __future__ import annotations

import re
import struct
from typing import Final

MAX_EXIF: Final = 65_536
"""Bytes that are read: one JPEG segment. The first directory stands at the start."""

MAX_XMP: Final = 1_048_576
"""Bytes that are searched. XMP of a phone has some thousand."""

_TAG: Final = 0x0112
_PREFIX: Final = re.compile(rb"(?:Exif\0\0){1,2}")
_IN_XMP: Final = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_NUMBERS: Final = {3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}
"""TIFF's types of whole numbers, as ``struct`` calls them."""
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}


def orientation(exif: bytes, xmp: bytes) -> int:
    """Read the orientation from EXIF; from XMP if EXIF is readable and does not have it.

    Args:
        exif: a TIFF file, with or without EXIF's prefix; empty where there is none.
        xmp: the packet; empty where there is none.

    Returns:
        1 to 8; 1 where the metadata is damaged, or says nothing usable.
    """
    value: int | None = None
    if exif:
        try:
            value = _in_exif(exif[:MAX_EXIF])
        except (struct.error, ValueError):
            return 1
    if value is None:
        match = _IN_XMP.search(xmp[:MAX_XMP])
        value = int(match[1]) if match else 1
    return value if 1 <= value <= 8 else 1


def _in_exif(exif: bytes) -> int | None:
    """Return the first orientation of the first directory; 0 if it is not one whole number."""
    prefix = _PREFIX.match(exif)
    tiff = memoryview(exif)[prefix.end() if prefix else 0 :]
    if not tiff:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(tiff[:4]))
    if order is None:
        raise ValueError("not a TIFF file")
    (start,) = struct.unpack_from(f"{order}L", tiff, 4)
    if start + 2 > len(tiff):
        return None
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    entries = tiff[start + 2 : start + 2 + 12 * count]
    entries = entries[: len(entries) // 12 * 12]
    for tag, kind, number, value in struct.iter_unpack(f"{order}HHL4s", entries):
        if tag == _TAG and number and kind in _SIZES:
            if kind not in _NUMBERS or number > 1:
                return 0
            return int(struct.unpack_from(order + _NUMBERS[kind], value)[0])
    return None
