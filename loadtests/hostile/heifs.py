"""HEIC and AVIF files: take apart and build, for grids of any size and hostile files.

Encoding needs pillow-heif. A picture of many megapixels is a grid that repeats one tile.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from PIL import Image

from handlers.structure import formats
from handlers.structure.isobmff import box
from loadtests.hostile.jpegs import encoded, noisy

TILE: Final = 512
"""Pixels of a tile's side, as phones have it."""

Property = tuple[bytes, bytes]
"""Name and content."""


@dataclass(frozen=True)
class Item:
    """One item of a file."""

    type: bytes
    properties: tuple[Property, ...]
    data: bytes
    refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    """Kind of reference and numbers of items; they count from 1."""


def file(items: Sequence[Item], *, brand: bytes = b"heic", places: bytes | None = None) -> bytes:
    """Build a file of items, the first being the primary one.

    Args:
        items: to be numbered from 1.
        brand: of the file.
        places: content of ``iloc`` after its version, instead of the right one.
    """
    properties = list(dict.fromkeys(one for item in items for one in item.properties))
    infos, associations, references = [], [], []
    for number, item in enumerate(items, 1):
        infos.append(box(b"infe", struct.pack(">LHH4sx", 0x02_000000, number, 0, item.type)))
        indices = bytes(0x80 | properties.index(one) + 1 for one in item.properties)
        associations.append(struct.pack(">HB", number, len(indices)) + indices)
        for kind, ends in item.refers:
            entry = struct.pack(f">HH{len(ends)}H", number, len(ends), *ends)
            references.append(box(kind, entry))
    known = [
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), struct.pack(">H", 1)),
        box(b"iinf", bytes(4), struct.pack(">H", len(items)), *infos),
        box(b"iref", bytes(4), *references),
        box(
            b"iprp",
            box(b"ipco", *(box(*one) for one in properties)),
            box(b"ipma", bytes(4), struct.pack(">L", len(items)), *associations),
        ),
    ]
    start = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    size = len(start) + len(box(b"meta", bytes(4), *known)) + 12 + 4 + 14 * len(items) + 8
    entries, at = [], size
    for number, item in enumerate(items, 1):
        entries.append(struct.pack(">HHHLL", number, 0, 1, at, len(item.data)))
        at += len(item.data)
    right = struct.pack(">BBH", 0x44, 0, len(items)) + b"".join(entries)
    meta = box(b"meta", bytes(4), *known, box(b"iloc", bytes(4), places or right))
    return start + meta + box(b"mdat", *(item.data for item in items))


def ispe(width: int, height: int) -> Property:
    """Build the property with the size of a picture, in pixels."""
    return b"ispe", struct.pack(">LLL", 0, width, height)


def grid(
    tile: Item, rows: int, columns: int, size: tuple[int, int], *more: Property, **options: Any
) -> bytes:
    """Build a file with a grid that repeats one tile.

    Args:
        tile: from :func:`coded`.
        rows: of the grid.
        columns: of the grid.
        size: width and height of what is shown, in pixels.
        more: properties of the grid.
        options: of :func:`file`.
    """
    count = rows * columns
    head = struct.pack(">BBBBLL", 0, 1, rows - 1, columns - 1, *size)
    reference = (b"dimg", tuple(range(2, count + 2)))
    colours = tuple(one for one in tile.properties if one[0] in (b"colr", b"pixi"))
    whole = Item(b"grid", (ispe(*size), *colours, *more), head, (reference,))
    return file([whole, *[tile] * count], **options)


def heic(picture: Image.Image, **options: Any) -> bytes:
    """Encode a picture as HEIC; options are those of pillow-heif's ``save``."""
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, **options)
    return buffer.getvalue()


def coded(data: bytes) -> Item:
    """Return the coded item of a file that holds one picture only."""
    from handlers.structure import heif_meta

    meta = heif_meta.read(memoryview(data))
    found = meta.of(meta.primary)
    return Item(
        meta.types[meta.primary],
        tuple((name, bytes(content)) for name, content, _ in found),
        bytes(meta.data(meta.primary, memoryview(data))),
    )


def _one_colour(width: int, height: int) -> bytes:
    return heic(Image.new("RGB", (width, height)), enc_params={"preset": "ultrafast"})


@cache
def tile(deviation: float, kind: str = "HEIC", **options: Any) -> Item:
    """Encode one tile of noise, of 512 x 512 pixels.

    Args:
        deviation: of the noise, in levels of 255.
        kind: ``HEIC`` or ``AVIF``.
        options: of the encoder.
    """
    picture = noisy(TILE, TILE, deviation)
    if kind == "AVIF":
        return coded(encoded(picture, "AVIF", **options))
    return coded(heic(picture, enc_params={"preset": "ultrafast"}, **options))


def of_megapixels(one: Item, columns: int, rows: int, *more: Property) -> bytes:
    """Build a file with a grid of so many tiles of 512 x 512 pixels."""
    brand = b"avif" if one.type == b"av01" else b"heic"
    return grid(one, rows, columns, (TILE * columns, TILE * rows), *more, brand=brand)


def promising(one: Item, width: int, height: int) -> Item:
    """Build an item that declares another size than its bitstream has.

    Args:
        one: the item.
        width: pixels.
        height: pixels.
    """
    rest = tuple(known for known in one.properties if known[0] != b"ispe")
    return replace(one, properties=(ispe(width, height), *rest))


def many_items(count: int) -> bytes:
    """Build a picture with so many additional items."""
    one = tile(4, quality=50)
    return file([one, *[Item(b"Exif", (), b"")] * count])


def shared_data(rows: int, columns: int) -> bytes:
    """Build a grid whose tiles share the same bytes: a small file of many pixels."""
    one, count = tile(4, quality=50), rows * columns
    whole = _grid_item(rows, columns)
    at = len(file([whole, *[replace(one, data=b"")] * count]))
    places = [struct.pack(">HHHLL", 1, 0, 1, at - len(whole.data), len(whole.data))]
    places += [struct.pack(">HHHLL", n + 2, 0, 1, at, len(one.data)) for n in range(count)]
    content = struct.pack(">BBH", 0x44, 0, count + 1) + b"".join(places)
    return file([whole, one, *[replace(one, data=b"")] * (count - 1)], places=content)


def _grid_item(rows: int, columns: int) -> Item:
    """Build the item of a grid of tiles of 512 x 512 pixels."""
    size = TILE * columns, TILE * rows
    head = struct.pack(">BBBBLL", 0, 1, rows - 1, columns - 1, *size)
    return Item(b"grid", (ispe(*size),), head, ((b"dimg", tuple(range(2, rows * columns + 2))),))


TURNED: Final = (b"irot", b"\x01")


def files() -> dict[str, Callable[[], bytes]]:
    """Return functions that make the files, by name; empty if HEIC and AVIF are switched off."""
    if not formats.heif_enabled():
        return {}
    return {
        "HEIC, 12 megapixels, as a phone's": lambda: of_megapixels(
            tile(4, quality=57), 8, 6, TURNED
        ),
        "HEIC, 12 megapixels, one colour": lambda: _one_colour(4096, 3072),
        "HEIC, 4:4:4, within the budget": lambda: of_megapixels(
            tile(4, quality=57, chroma=444), 8, 5, TURNED
        ),
        "HEIC, fine noise, within the budget": lambda: of_megapixels(
            tile(1, quality=92), 6, 5, TURNED
        ),
        "HEIC, strong noise, within the budget": lambda: of_megapixels(
            tile(40, quality=90), 5, 4, TURNED
        ),
        "HEIC, 12 megapixels, 6 MB": lambda: of_megapixels(tile(4, quality=78), 8, 6),
        "HEIC, 25 megapixels": lambda: of_megapixels(tile(4, quality=50), 12, 8),
        "HEIC, 12 megapixels behind a small size": lambda: file(
            [promising(coded(_one_colour(4096, 3072)), 64, 64)]
        ),
        "HEIC, tiles of the same bytes": lambda: shared_data(6, 8),
        "HEIC, twenty frames in an item": lambda: file(
            [replace(tile(4, quality=50), data=tile(4, quality=50).data * 20)]
        ),
        "HEIC, 1,900 items": lambda: many_items(1_900),
        "HEIC, 60,000 items": lambda: many_items(60_000),
        "AVIF, 12 megapixels, as a phone's": lambda: of_megapixels(
            tile(4, "AVIF", quality=70), 8, 6, TURNED
        ),
        "AVIF, 4:4:4 with film grain": lambda: of_megapixels(
            tile(9, "AVIF", quality=70, subsampling="4:4:4", advanced=(("film-grain-test", "2"),)),
            8,
            6,
            TURNED,
        ),
        "AVIF, lossless, within the budget": lambda: of_megapixels(
            tile(4, "AVIF", quality=100, subsampling="4:4:4"), 5, 5, TURNED
        ),
    }
