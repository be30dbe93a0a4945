"""Colour profiles for HEIC and AVIF files that declare their primaries by a number instead.

By ITU-T H.273 a file may declare "Display P3" or "BT.2020" in two bytes. Decoders leave the pixels
in these primaries; shown as sRGB they would look paler.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

_Columns = tuple[tuple[float, float, float], ...]

PRIMARIES: Final[dict[int, _Columns]] = {
    9: ((0.6735, 0.2791, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7969)),
    12: ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
}
"""BT.2020 and Display P3: red, green and blue in XYZ under D50, as ICC profiles have them."""

_WHITE: Final = (0.9642, 1.0, 0.8249)
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@cache
def profile(primaries: int) -> bytes:
    """Build a profile (ICC.1:2010) of these primaries with sRGB's curve; empty for those of sRGB.

    Args:
        primaries: by their number in H.273.
    """
    columns = PRIMARIES.get(primaries)
    if columns is None:
        return b""
    curve = struct.pack(">4s4xHxx", b"para", 3) + _fixed(_SRGB_CURVE)
    tags = {
        b"wtpt": _xyz(_WHITE),
        **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, columns), strict=True)),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    at = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">L", len(tags)), b""
    for name, value in tags.items():
        table += struct.pack(">4sLL", name, at + len(content), len(value))
        content += value
    kinds = (0x04000000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head = struct.pack(">L4xL4s4s4s12x4s28x", at + len(content), *kinds) + _fixed(_WHITE)
    return head + bytes(128 - len(head)) + table + content


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}l", *(round(value * 65_536) for value in values))


def _xyz(values: tuple[float, ...]) -> bytes:
    return struct.pack(">4s4x", b"XYZ ") + _fixed(values)
