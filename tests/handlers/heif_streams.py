"""Headers of H.265 and AV1, written bit by bit, with values that encoders do not write."""

from __future__ import annotations

import struct
from itertools import groupby

KEY, DELTA = b"\x10" + bytes(20), b"\x30" + bytes(20)
"""Starts of an AV1 frame: a key frame that is shown, and one that builds on others."""


def _bits(*numbers: tuple[int, int]) -> bytes:
    """Pack values with their numbers of bits, padded to whole bytes."""
    text = "".join(f"{value:0{count}b}" if count else "" for value, count in numbers)
    text += "1"  # the stop bit of both formats
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def _golomb(value: int) -> tuple[int, int]:
    return value + 1, 2 * (value + 1).bit_length() - 1


def sps(
    width: int,
    height: int,
    *,
    chroma: int = 1,
    cut: tuple[int, int, int, int] | None = None,
    depth: int = 8,
    layers: int = 0,
) -> bytes:
    """Sequence parameter set of H.265 (7.3.2.2), as far as it is read."""
    profile = [(0, 88), (90, 8)] + [(3, 2)] * layers + ([(0, 2)] * (8 - layers) if layers else [])
    profile += [(0, 88), (60, 8)] * layers
    window = [(0, 1)] if cut is None else [(1, 1), *map(_golomb, cut)]
    numbers = [(0, 4), (layers, 3), (1, 1), *profile, _golomb(0), _golomb(chroma)]
    numbers += [(0, 1)] if chroma == 3 else []
    numbers += [_golomb(width), _golomb(height), *window, _golomb(depth - 8), _golomb(depth - 8)]
    plain = b"\x42\x01" + _bits(*numbers)
    # A decoder takes two zeros before a small byte for a start: H.265 puts a 3 between.
    out = bytearray()
    for byte in plain:
        if byte < 4 and out[-2:] == b"\0\0":
            out.append(3)
        out.append(byte)
    return bytes(out)


def hvcc(*parameter_sets: bytes, version: int = 1) -> bytes:
    """Content of the box that holds parameter sets, with an array for each kind."""
    head = bytes([version]) + bytes(20) + b"\xff"
    arrays = []
    for kind, group in groupby(parameter_sets, lambda one: one[0] >> 1):
        units = [struct.pack(">H", len(one)) + one for one in group]
        arrays.append(struct.pack(">BH", 0x80 | kind, len(units)) + b"".join(units))
    return head + bytes([len(arrays)]) + b"".join(arrays)


def unit(kind: int, first: bool = True, layer: int = 0, size: int = 40) -> bytes:
    """H.265 unit of a kind, with its length; ``first``: whether it begins a picture."""
    head = bytes([kind << 1 | layer >> 5, (layer & 31) << 3 | 1, 0x80 * first])
    return struct.pack(">L", 3 + size) + head + b"\xaa" * size


def sequence(width: int, height: int, *, profile: int = 0, full: bool = False) -> bytes:
    """AV1 sequence header (5.5.1): of one still picture, or with all optional fields."""
    start: list[tuple[int, int]] = [(profile, 3), (1, 1), (not full, 1)]
    if full:
        # timing with its model, two operating points with delays
        start += [
            (1, 1),
            (1, 32),
            (30, 32),
            (1, 1),
            (1, 1),
            (1, 1),
            (9, 5),
            (0, 42),
            (1, 1),
            (1, 5),
        ]
        start += [(0, 12), (8, 5), (0, 1), (1, 1), (0, 21), (1, 1), (3, 4)] * 2
    else:
        start += [(0, 5)]
    start += [(15, 4), (15, 4), (width - 1, 16), (height - 1, 16)]
    if full:
        start += [(1, 1), (0, 7), (0, 3), (0, 4), (1, 1), (0, 2), (0, 1), (1, 1), (0, 1), (0, 1)]
        start += [(0, 3)]
    else:
        start += [(0, 3)]
    start += [(0, 3), (1, 1)]  # tools; more than 8 bits
    start += [(1, 1)] if profile == 2 else []
    return _bits(*start, (0, 1), (0, 8))


def obu(kind: int, payload: bytes, *, layered: bool = False) -> bytes:
    """AV1 unit with its size."""
    size = len(payload)
    coded = bytes([size & 0x7F | 0x80, size >> 7]) if size > 127 else bytes([size])
    return bytes([kind << 3 | layered << 2 | 2]) + b"\0" * layered + coded + payload
