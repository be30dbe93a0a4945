"""Check colour profiles (ICC.1:2010) before a colour engine reads them.

Accepted are RGB profiles that consist of a matrix and three curves: sRGB, Display P3, Adobe RGB,
ProPhoto and those of monitors and cameras. Colour tables cost the engine time and memory, and
profiles of CMYK and grey describe printers.
"""

from __future__ import annotations

import struct
from typing import Final

MAX_PROFILE: Final = 65_536
"""Bytes that are read. Display P3 has 500, monitors' with calibration some thousand."""

MAX_TAGS: Final = 100

_HEADER: Final = 128
_NEEDED: Final = {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"wtpt"}
_TABLES: Final = (b"A2B", b"B2A", b"D2B", b"B2D")


def reason_to_ignore(profile: bytes) -> str:
    """Say why a profile is not applied; empty for one that may be.

    Args:
        profile: whole; at most :data:`MAX_PROFILE` bytes of it.
    """
    if len(profile) < _HEADER + 4 or profile[36:40] != b"acsp":
        return "not a colour profile"
    (size,) = struct.unpack_from(">L", profile)
    (count,) = struct.unpack_from(">L", profile, _HEADER)
    if size > MAX_PROFILE:
        return "larger than 64 KiB"
    if size != len(profile):
        return "cut off, or longer than it says"
    if profile[16:20] != b"RGB ":
        return "not a profile of RGB"
    if count > MAX_TAGS or _HEADER + 4 + 12 * count > size:
        return "damaged"
    names = set()
    for at in range(_HEADER + 4, _HEADER + 4 + 12 * count, 12):
        name, offset, length = struct.unpack_from(">4sLL", profile, at)
        if offset + length > size:
            return "damaged"
        names.add(name)
    if any(name.startswith(_TABLES) for name in names):
        return "made of tables instead of a matrix"
    return "" if names >= _NEEDED else "without a matrix and curves"
