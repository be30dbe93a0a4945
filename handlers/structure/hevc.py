"""Pictures by H.265 (ITU-T H.265) in a HEIC file, checked without decoding.

A box declares the size of a picture, but the decoder believes the bitstream: an item may hold a
video of empty frames, or ask for far more pixels than the box. So the sequence parameter set is
read, and the item must hold one picture that refers to no other (IDR). Only its slices and the
parameter sets are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from handlers.structure.bitstream import Bits, CodedPicture, Coding
from handlers.structure.isobmff import Fields, Part, check_count, unsupported
from handlers.structure.result import BROKEN, ImageError

MAX_UNITS: Final = 1_000
"""Units (NAL) of an item; a phone's have two or three."""

MAX_PARAMETER_SETS: Final = 16
MAX_PARAMETER_BYTES: Final = 16_384
"""Bytes of one parameter set; they have less than a hundred."""

MAX_DEPTH: Final = 12
MAX_RIM: Final = 64
"""Pixels of a side that are coded and cropped: the largest coding block."""

_PARAMETER_SETS: Final = (32, 33, 34)
_SEQUENCE: Final = 33
_IDR: Final = (19, 20)
"""NAL types of IDR pictures. Other first pictures may refer to missing pictures, which decoders
invent."""
_SUBSAMPLING: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""Horizontal and vertical, by the number of the chroma format."""
_SAMPLES: Final = {0: 1.0, 1: 1.5, 2: 2.0, 3: 3.0}


@dataclass(frozen=True)
class Config:
    """The decoder's configuration (hvcC), shared by the items of a file."""

    coding: Coding
    length_size: int
    """Bytes before each unit that hold its length."""
    parameter_sets: frozenset[bytes]
    content: bytes
    """The box without what the pixels do not need."""


def config(box: memoryview) -> Config:
    """Read a configuration.

    Args:
        box: content of hvcC.

    Raises:
        ImageError: broken, or of a kind that is not supported.
    """
    fields = Fields(box)
    head = bytes(fields.take(22))
    if head[0] != 1:
        raise ImageError(BROKEN)
    kept: dict[int, list[bytes]] = {kind: [] for kind in _PARAMETER_SETS}
    count = 0
    for _ in range(fields.number(1)):
        kind = fields.number(1) & 0x3F
        for _ in range(fields.number(2)):
            count += 1
            check_count(count, MAX_UNITS, "units of a video")
            unit = bytes(fields.take(fields.number(2)))
            if kind in kept and len(unit) > 2 and not _layer(unit):
                if kind != unit[0] >> 1 or len(unit) > MAX_PARAMETER_BYTES:
                    raise ImageError(BROKEN)
                kept[kind].append(unit)
    check_count(sum(map(len, kept.values())), MAX_PARAMETER_SETS, "parameter sets")
    if len(kept[_SEQUENCE]) != 1:
        raise unsupported("the HEIC has several sequences, or none")
    arrays = [
        bytes([0x80 | kind])
        + len(units).to_bytes(2, "big")
        + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
        for kind, units in kept.items()
    ]
    return Config(
        coding=_coding(kept[_SEQUENCE][0]),
        length_size=(head[21] & 3) + 1,
        parameter_sets=frozenset(unit for units in kept.values() for unit in units),
        content=head + bytes([len(arrays)]) + b"".join(arrays),
    )


def picture(known: Config, data: memoryview) -> CodedPicture:
    """Walk an item's units.

    Args:
        known: its configuration.
        data: of the item.

    Raises:
        ImageError: broken, beyond a bound, or not one picture that needs no other.
    """
    fields, parts, slices, count = Fields(data), list[Part](), 0, 0
    while fields.rest():
        prefix = fields.take(known.length_size)
        unit = fields.take(int.from_bytes(prefix, "big"))
        count += 1
        check_count(count, MAX_UNITS, "units of a video")
        if len(unit) < 3:
            raise ImageError(BROKEN)
        kind = unit[0] >> 1 & 0x3F
        if _layer(unit):
            continue
        if kind in _PARAMETER_SETS and bytes(unit) not in known.parameter_sets:
            raise unsupported("the HEIC changes its parameters within a picture")
        if kind >= min(_PARAMETER_SETS):
            continue  # supplements, delimiters
        if kind not in _IDR:
            raise unsupported("the HEIC has a picture that needs others")
        if bool(unit[2] >> 7) != (slices == 0):  # whether it says that it begins a picture
            raise unsupported("the HEIC has several pictures in one item, or a part of one")
        slices += 1
        parts += [prefix, unit]
    if not slices:
        raise ImageError(BROKEN)
    # Only the entropy-coded data says where a slice ends: each may extend to the last pixel.
    return CodedPicture(known.coding, tuple(parts), passes=slices)


def _layer(unit: Part) -> int:
    """Return a unit's layer; layers other than 0 hold a second view, or transparency."""
    return (unit[0] & 1) << 5 | unit[1] >> 3


def _coding(unit: bytes) -> Coding:
    """Read a sequence parameter set (H.265, 7.3.2.2).

    Raises:
        ImageError: broken, or of a kind that is not supported.
    """
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)  # nesting, general profile and level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.exp_golomb()  # its identifier
    chroma = bits.exp_golomb()
    if chroma not in _SAMPLES or (chroma == 3 and bits.take(1)):
        raise unsupported("the HEIC has an unusual arrangement of colours")
    width, height = bits.exp_golomb(), bits.exp_golomb()
    left, right, top, bottom = (
        [bits.exp_golomb() for _ in range(4)] if bits.take(1) else [0, 0, 0, 0]
    )
    across, down = _SUBSAMPLING[chroma]
    shown = width - across * (left + right), height - down * (top + bottom)
    depth = 8 + max(bits.exp_golomb(), bits.exp_golomb())
    if min(shown) < 1 or width - shown[0] >= MAX_RIM or height - shown[1] >= MAX_RIM:
        raise ImageError(BROKEN)
    if depth > MAX_DEPTH:
        raise unsupported(f"the HEIC has more than {MAX_DEPTH} bits a colour")
    return Coding(*shown, coded=width * height, samples=_SAMPLES[chroma], depth=depth)
