"""The ``meta`` box of a HEIC or AVIF file (ISO/IEC 14496-12 and 23008-12): a table of items.

Only what the primary picture needs is looked up; that there is more (thumbnails, depth, gain maps,
EXIF) costs a line of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from handlers.structure.isobmff import Fields, boxes, check_count, full, unsupported
from handlers.structure.result import BROKEN, ImageError

MAX_ENTRIES: Final = 10_000
"""Extents, references and properties of items, of each kind together."""

_SIZES: Final = (0, 4, 8)
"""Allowed sizes of offsets and lengths, in bytes."""


@dataclass(frozen=True)
class Place:
    """Location of an item's data."""

    method: int
    """0: in the file, 1: in the ``idat`` box."""
    elsewhere: bool
    """Whether it is in another file."""
    extents: tuple[tuple[int, int], ...]
    """Offset and length of each piece, in bytes."""


@dataclass
class Meta:
    """Items by number."""

    primary: int = 0
    types: dict[int, bytes] = field(default_factory=dict)
    protected: set[int] = field(default_factory=set)
    places: dict[int, Place] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    """Kind, from which item, to which."""
    properties: list[tuple[bytes, memoryview]] = field(default_factory=list)
    """Name and content; items name them by their index, from 1."""
    associations: dict[int, list[tuple[int, bool]]] = field(default_factory=dict)
    """Of each item the indices of its properties, and whether it may not be shown without."""
    idat: memoryview = field(default_factory=lambda: memoryview(b""))

    def data(self, item: int, file: memoryview) -> memoryview:
        """Return an item's data; copied if it consists of several pieces.

        Args:
            item: its number.
            file: the whole of it.

        Raises:
            ImageError: it is not there, or not whole.
        """
        place = self.places.get(item)
        if place is None:
            raise ImageError(BROKEN)
        if place.method > 1 or place.elsewhere or item in self.protected:
            raise unsupported("the image is stored in an unusual way")
        source = file if place.method == 0 else self.idat
        if any(offset + length > len(source) or not length for offset, length in place.extents):
            raise ImageError(BROKEN)
        if sum(length for _, length in place.extents) > len(source):
            raise ImageError(BROKEN)  # overlapping pieces: a small file could expand to much data
        pieces = [source[offset : offset + length] for offset, length in place.extents]
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def of(self, item: int) -> list[tuple[bytes, memoryview, bool]]:
        """Return name and content of an item's properties, and whether each is essential.

        Args:
            item: its number.

        Raises:
            ImageError: one is not there.
        """
        indices = self.associations.get(item, [])
        if any(index > len(self.properties) for index, _ in indices):
            raise ImageError(BROKEN)
        return [(*self.properties[index - 1], needed) for index, needed in indices if index]


def read(data: memoryview) -> Meta:
    """Read the first ``meta`` box of a file.

    Args:
        data: the file.

    Raises:
        ImageError: broken, beyond a bound, or an image sequence without a still picture.
    """
    names = set()
    for name, content in boxes(data):
        names.add(name)
        if name == b"meta":
            return _meta(content)
    raise unsupported("the image is a film") if b"moov" in names else ImageError(BROKEN)


def _meta(content: memoryview) -> Meta:
    meta = Meta()
    read_by = {
        b"pitm": _primary,
        b"iinf": _items,
        b"iloc": _places,
        b"iref": _references,
        b"iprp": _properties,
    }
    seen = set()
    _, _, fields = full(content)
    for name, inner in boxes(fields.rest()):
        if name in read_by:
            if name in seen:
                raise ImageError(BROKEN)
            seen.add(name)
            read_by[name](meta, inner)
        elif name == b"idat":
            meta.idat = inner
    if meta.primary not in meta.types:
        raise ImageError(BROKEN)
    return meta


def _primary(meta: Meta, view: memoryview) -> None:
    version, _, fields = full(view)
    meta.primary = fields.number(4 if version else 2)


def _items(meta: Meta, view: memoryview) -> None:
    version, _, fields = full(view)
    fields.number(4 if version else 2)
    for name, inner in boxes(fields.rest()):
        version, _, entry = full(inner)
        if name != b"infe" or version < 2:
            continue
        item = entry.number(4 if version > 2 else 2)
        if entry.number(2):
            meta.protected.add(item)
        if item in meta.types:
            raise ImageError(BROKEN)
        meta.types[item] = bytes(entry.take(4))


def _places(meta: Meta, view: memoryview) -> None:
    version, _, fields = full(view)
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> at & 15 for at in (12, 8, 4, 0))
    if not version:
        index_size = 0
    if not {offset_size, length_size, base_size, index_size} <= set(_SIZES) or version > 2:
        raise ImageError(BROKEN)
    total = 0
    for _ in range(fields.number(4 if version > 1 else 2)):
        item = fields.number(4 if version > 1 else 2)
        method = fields.number(2) & 15 if version else 0
        elsewhere = bool(fields.number(2))
        base = fields.number(base_size)
        extents = []
        for _ in range(fields.number(2)):
            total += 1
            check_count(total, MAX_ENTRIES, "pieces")
            fields.take(index_size)
            offset = fields.number(offset_size)
            extents.append((base + offset, fields.number(length_size)))
        if item in meta.places or not extents:
            raise ImageError(BROKEN)
        meta.places[item] = Place(method, elsewhere, tuple(extents))


def _references(meta: Meta, view: memoryview) -> None:
    version, _, fields = full(view)
    size, total = 4 if version else 2, 0
    for name, inner in boxes(fields.rest()):
        entry = Fields(inner)
        start, count = entry.number(size), entry.number(2)
        total += count
        check_count(total, MAX_ENTRIES, "references")
        meta.references.append((name, start, tuple(entry.number(size) for _ in range(count))))


def _properties(meta: Meta, view: memoryview) -> None:
    total = 0
    for name, inner in boxes(view):
        if name == b"ipco":
            meta.properties += boxes(inner)
        elif name == b"ipma":
            total = _associations(meta, inner, total)


def _associations(meta: Meta, view: memoryview, total: int) -> int:
    version, flags, fields = full(view)
    wide = bool(flags & 1)
    for _ in range(fields.number(4)):
        item = fields.number(4 if version else 2)
        found = meta.associations.setdefault(item, [])
        count = fields.number(1)
        total += count + 1
        check_count(total, MAX_ENTRIES, "properties")
        for _ in range(count):
            value = fields.number(2 if wide else 1)
            needed = 0x8000 if wide else 0x80
            found.append((value & needed - 1, bool(value & needed)))
    return total


def referred(meta: Meta, kind: bytes, start: int) -> Sequence[int]:
    """Return the items that an item refers to, in order.

    Args:
        meta: of the file.
        kind: of the reference.
        start: number of the item that refers.

    Raises:
        ImageError: it does so more than once.
    """
    found = [ends for name, item, ends in meta.references if (name, item) == (kind, start)]
    if len(found) > 1:
        raise ImageError(BROKEN)
    return found[0] if found else ()
