"""Test contradictory or too long tables of HEIC and AVIF files."""

from __future__ import annotations

import struct

import pytest

from handlers.structure import ImageError, heif_meta
from handlers.structure.heif_properties import properties
from handlers.structure.isobmff import boxes
from loadtests.hostile.heifs import box, ispe

PRIMARY = box(b"pitm", bytes(4), b"\0\1")
ENTRY = box(b"infe", b"\2\0\0\0", b"\0\1\0\0hvc1\0")
ITEMS = box(b"iinf", bytes(4), b"\0\1", ENTRY)
PLACE = struct.pack(">HHHLL", 1, 0, 1, 8, 4)
CONFIG = b"hvcC", memoryview(b"\1"), True


def places(*entries: bytes, version: int = 0, sizes: int = 0x44) -> bytes:
    return box(
        b"iloc", bytes((version, 0, 0, 0, sizes, 0)), struct.pack(">H", len(entries)), *entries
    )


def references(count: int) -> bytes:
    entry = struct.pack(">HH", 1, count) + bytes(2 * count)
    return box(b"iref", bytes(4), box(b"cdsc", entry))


def associations(items: int, count: int) -> bytes:
    entries = [struct.pack(">HB", item, count) + bytes(count) for item in range(items)]
    return box(b"iprp", box(b"ipma", bytes(4), struct.pack(">L", items), *entries))


def read(*inner: bytes) -> heif_meta.Meta:
    return heif_meta.read(memoryview(box(b"meta", bytes(4), *inner)))


def test_reads_table() -> None:
    meta = read(PRIMARY, ITEMS, places(PLACE), references(10_000), associations(39, 255))

    assert meta.types == {1: b"hvc1"}
    assert meta.places[1].extents == ((8, 4),)
    assert bytes(meta.data(1, memoryview(b"in here and, after"))) == b"and,"


@pytest.mark.parametrize(
    "inner",
    [
        (PRIMARY, PRIMARY, ITEMS),
        (ITEMS,),
        (PRIMARY, box(b"iinf", bytes(4), b"\0\2", ENTRY, ENTRY)),
        (PRIMARY, ITEMS, places(PLACE, PLACE)),
        (PRIMARY, ITEMS, places(struct.pack(">HHH", 1, 0, 0))),
        (PRIMARY, ITEMS, places(sizes=0x54)),
        (PRIMARY, ITEMS, box(b"iloc", b"\3\0\0\0\x44\0", bytes(8))),
    ],
)
def test_contradictory_table_is_broken(inner: tuple[bytes, ...]) -> None:
    with pytest.raises(ImageError, match="broken"):
        read(*inner)


@pytest.mark.parametrize(
    ("inner", "message"),
    [(references(10_001), "10,000 references"), (associations(40, 255), "10,000 properties")],
)
def test_rejects_too_long_table(inner: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read(PRIMARY, ITEMS, inner)
    assert caught.value.kind == "too_complex"


@pytest.mark.parametrize("one", [(ispe(96, 64)[0], memoryview(ispe(96, 64)[1]), True), CONFIG])
def test_rejects_repeated_item_entries(one: tuple[bytes, memoryview, bool]) -> None:
    properties([one])
    with pytest.raises(ImageError, match="broken"):
        properties([one, one])


@pytest.mark.parametrize("size", [2, 7, 17, 100])
def test_rejects_box_smaller_than_its_header_or_beyond_its_parent(size: int) -> None:
    whole = struct.pack(">L4s", 16, b"free") + bytes(8)
    assert [len(content) for _, content in boxes(memoryview(whole))] == [8]

    with pytest.raises(ImageError, match="broken"):
        list(boxes(memoryview(struct.pack(">L", size) + whole[4:])))
