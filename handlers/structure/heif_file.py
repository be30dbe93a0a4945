"""Write a HEIC or AVIF file that contains one picture only, from its parts."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from handlers.structure.isobmff import Part, box

_FULL: Final = bytes(4)
"""Version 0 and no flags."""
_BRANDS: Final = {b"hvc1": (b"heic", b"mif1", b"heic"), b"av01": (b"avif", b"avif", b"mif1")}
"""Main brand and compatible brands, by the type of the coded items."""


@dataclass(frozen=True)
class Item:
    """One picture of the file: coded, or a grid of others."""

    type: bytes
    properties: tuple[tuple[bytes, bytes], ...]
    """Name and content of each."""
    parts: tuple[Part, ...]
    """Its data, to be joined."""


def written(items: Sequence[Item]) -> tuple[Part, ...]:
    """Write the file, in pieces to be joined.

    Args:
        items: the primary one, and where it is a grid its tiles, row by row.
    """
    distinct = list(dict.fromkeys(one for item in items for one in item.properties))
    index = {one: at for at, one in enumerate(distinct, 1)}
    numbers = range(1, len(items) + 1)
    infos = [
        box(b"infe", struct.pack(">LHH4sx", 0x02_000000, number, 0, item.type))
        for number, item in zip(numbers, items, strict=True)
    ]
    associations = [
        struct.pack(">HB", number, len(item.properties))
        + b"".join(_association(index[one], one[0]) for one in item.properties)
        for number, item in zip(numbers, items, strict=True)
    ]
    references = []
    if len(items) > 1:
        tiles = struct.pack(f">HH{len(items) - 1}H", 1, len(items) - 1, *numbers[1:])
        references.append(box(b"iref", _FULL, box(b"dimg", tiles)))
    around = [
        box(b"hdlr", _FULL, bytes(4), b"pict", bytes(13)),
        box(b"pitm", _FULL, struct.pack(">H", 1)),
        box(b"iinf", _FULL, struct.pack(">H", len(items)), *infos),
        *references,
        box(
            b"iprp",
            box(b"ipco", *(box(name, content) for name, content in distinct)),
            box(b"ipma", _FULL, struct.pack(">L", len(items)), *associations),
        ),
    ]
    main, *compatible = _BRANDS[items[-1].type]
    start = box(b"ftyp", main, bytes(4), *compatible)
    lengths = [sum(map(len, item.parts)) for item in items]
    unplaced = box(b"meta", _FULL, *around, _places([0] * len(items), lengths))
    offsets, at = [], len(start) + len(unplaced) + 8
    for length in lengths:
        offsets.append(at)
        at += length
    return (
        start,
        box(b"meta", _FULL, *around, _places(offsets, lengths)),
        struct.pack(">L4s", 8 + sum(lengths), b"mdat"),
        *(part for item in items for part in item.parts),
    )


def _association(index: int, name: bytes) -> bytes:
    """Write a reference to a property; the decoder's configuration is marked as essential."""
    needed = name in (b"hvcC", b"av1C")
    return struct.pack(">B", needed << 7 | index)


def _places(offsets: Sequence[int], lengths: Sequence[int]) -> bytes:
    """Write the table of where each item's data is; offsets and lengths of 4 bytes."""
    entries = [
        struct.pack(">HHHLL", number, 0, 1, offset, length)
        for number, (offset, length) in enumerate(zip(offsets, lengths, strict=True), 1)
    ]
    return box(b"iloc", _FULL, struct.pack(">BBH", 0x44, 0, len(entries)), *entries)
