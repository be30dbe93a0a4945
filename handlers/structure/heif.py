"""HEIC and AVIF files (ISO/IEC 23008-12), walked without decoding.

Such a file is a small file system of items. What the primary picture needs is kept and written
again: one coded picture, or the tiles of a grid, with what says how to decode them. Thumbnails,
depth, gain maps, EXIF and films reach no decoder. Cropping and turning are left to the caller, and
EXIF's orientation does not count: the standard says so.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from handlers.structure import av1, costs, heif_colours, hevc
from handlers.structure.bitstream import CodedPicture
from handlers.structure.heif_file import Item, written
from handlers.structure.heif_meta import Meta, read, referred
from handlers.structure.heif_properties import Properties, properties
from handlers.structure.isobmff import Fields, check_count, unsupported
from handlers.structure.result import BROKEN, ImageError, Structure, check_pixels

MAX_PIXELS: Final = 12_600_000
"""Width times height: decoder, conversion to RGB and Pillow hold the picture four to five times
meanwhile, and cannot scale it down while they decode. A phone's 12 megapixels are within it."""

MAX_TILES: Final = 256
"""A phone's photograph of 12 megapixels has 48."""

_GRID: Final = b"grid"
_NAMES: Final = {b"hvc1": "HEIC", b"av01": "AVIF"}
_CONFIGS: Final = {b"hvc1": b"hvcC", b"av01": b"av1C"}


@dataclass(frozen=True)
class _Tile:
    """A coded item: one tile of the picture."""

    item: Item
    picture: CodedPicture
    width: int
    """Pixels."""
    height: int
    """Pixels."""


class _Reader:
    """Reads the coded items of one file; a shared configuration is read once."""

    def __init__(self, data: memoryview, meta: Meta) -> None:
        self._data = data
        self._meta = meta
        self._left = len(data)
        self._configs: dict[bytes, hevc.Config | av1.Config] = {}

    def data(self, item: int) -> memoryview:
        """Return an item's data; all items together have no more bytes than the file.

        Raises:
            ImageError: it is not there, or items share what they have.
        """
        found = self._meta.data(item, self._data)
        self._left -= len(found)
        if self._left < 0:
            raise ImageError(BROKEN)
        return found

    def tile(self, item: int, known: Properties) -> _Tile:
        """Read a coded item.

        Raises:
            ImageError: broken, beyond a bound, or of a kind that is not supported.
        """
        kind = self._meta.types.get(item, b"")
        if kind not in _CONFIGS:
            raise unsupported("the image is coded neither by H.265 (HEIC) nor by AV1 (AVIF)")
        if known.config is None or known.config[0] != _CONFIGS[kind]:
            raise ImageError(BROKEN)
        content = bytes(known.config[1])
        config = self._configs.get(content)
        if config is None:
            read_config = hevc.config if kind == b"hvc1" else av1.config
            config = self._configs[content] = read_config(memoryview(content))
        if isinstance(config, hevc.Config):
            picture = hevc.picture(config, self.data(item))
        else:
            picture = av1.picture(self.data(item))
        if (picture.coding.width, picture.coding.height) != (known.width, known.height):
            raise ImageError(BROKEN)
        own = [(_CONFIGS[kind], config.content), *_common(known)]
        return _Tile(Item(kind, tuple(own), picture.parts), picture, known.width, known.height)


def walk(data: bytes) -> Structure:
    """Walk a HEIC or AVIF file.

    Args:
        data: that begins with a box named ``ftyp``.

    Raises:
        ImageError: broken, beyond a bound, or of a kind that is not supported.
    """
    view = memoryview(data)
    meta = read(view)
    known = properties(meta.of(meta.primary))
    check_pixels(known.width, known.height, MAX_PIXELS, "a HEIC or AVIF")
    reader = _Reader(view, meta)
    primary = meta.primary
    if meta.types[primary] == _GRID:
        grid, numbers, tiles = _grid(reader, meta, known)
        items = [grid, *(tile.item for tile in tiles)]
    else:
        numbers, tiles = [primary], [reader.tile(primary, known)]
        items = [tiles[0].item]
    _refuse_transparency(meta, {primary, *numbers})
    kind = tiles[0].item.type
    cost = sum(
        costs.heif(
            tile.picture.coding, tile.picture.length, tile.picture.passes, hevc=kind == b"hvc1"
        )
        for tile in tiles
    )
    turned = (known.orientation > 1) * known.width * known.height / 1e6 * costs.TURNED_PIXEL
    return Structure(
        format="HEIC" if kind == b"hvc1" else "AVIF",
        width=known.width,
        height=known.height,
        cost=cost + turned,
        orientation=known.orientation,
        parts=written(items),
        profile=known.profile or heif_colours.profile(known.primaries),
        crop=known.crop,
    )


def _grid(reader: _Reader, meta: Meta, known: Properties) -> tuple[Item, list[int], list[_Tile]]:
    """Read a picture composed of tiles (ISO/IEC 23008-12, 6.6.2.3).

    Raises:
        ImageError: broken, beyond a bound, or tiles that do not fit.
    """
    content = reader.data(meta.primary)
    fields = Fields(content)
    version, flags = fields.number(1), fields.number(1)
    rows, columns = fields.number(1) + 1, fields.number(1) + 1
    size = 4 if flags & 1 else 2
    output = fields.number(size), fields.number(size)
    numbers = list(referred(meta, b"dimg", meta.primary))
    check_count(len(numbers), MAX_TILES, "tiles")
    if version or len(numbers) != rows * columns or len(set(numbers)) != len(numbers):
        raise ImageError(BROKEN)
    if output != (known.width, known.height):
        raise ImageError(BROKEN)
    tiles = []
    for number in numbers:
        own = properties(meta.of(number))
        if own.crop is not None or own.orientation != 1:
            raise unsupported("the image has tiles that are cropped or turned")
        tiles.append(reader.tile(number, own))
    first = tiles[0]
    for tile in tiles:
        alike = tile.item.type == first.item.type and tile.picture.coding == first.picture.coding
        if not alike:
            raise ImageError(BROKEN)
    # No tile may lie outside: there would be more pixels to decode than are shown.
    if not (
        (columns - 1) * first.width < known.width <= columns * first.width
        and (rows - 1) * first.height < known.height <= rows * first.height
    ):
        raise ImageError(BROKEN)
    head = struct.pack(">BBBBLL", 0, 1, rows - 1, columns - 1, *output)
    return Item(_GRID, tuple(_common(known)), (head,)), numbers, tiles


def _common(known: Properties) -> list[tuple[bytes, bytes]]:
    """Read size and colours, which coded items and grids have in common."""
    size = bytes(4) + struct.pack(">LL", known.width, known.height)
    return [(b"ispe", size), *known.kept]


def _refuse_transparency(meta: Meta, numbers: set[int]) -> None:
    for kind, start, ends in meta.references:
        if kind == b"auxl" and numbers & set(ends) and properties(meta.of(start)).alpha:
            raise ImageError(
                "the image has transparency, which is not supported in HEIC and AVIF: save a copy "
                "as PNG and send that",
                "unsupported",
            )
