"""Test rejection of hostile boxes of HEIC and AVIF files before decoding."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from handlers.structure import ImageError, heif_meta, inspect, isobmff
from loadtests.hostile import heifs
from loadtests.hostile.heifs import Item, file, grid, heic, promising
from tests.handlers.heif_files import (
    a_grid,
    avif,
    avif_item,
    heic_item,
    made_up,
    picture,
    refused,
    with_more,
)
from tests.handlers.heif_streams import hvcc, sps, unit

pytestmark = pytest.mark.usefixtures("heif")

HDR = b"colr", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0)
CLAP = b"clap", struct.pack(">8L", 80, 1, 60, 1, 0, 1, 0, 1)


def stored(method: int = 0, elsewhere: int = 0, version: int = 1) -> bytes:
    """File whose picture has an unusual storage location."""
    item = heic_item()
    data = file([item])
    at = data.index(b"iloc")
    old = data[at - 4 : at + 8 + 4 + 14]
    entry = struct.pack(">HHHHLL", 1, method, elsewhere, 1, 0, 8)
    new = heifs.box(b"iloc", bytes([version, 0, 0, 0, 0x44, 0]), b"\0\1", entry)
    meta = data.index(b"meta") - 4
    size = struct.unpack_from(">L", data, meta)[0] + len(new) - len(old)
    data = data.replace(old, new)
    return data[:meta] + struct.pack(">L", size) + data[meta + 4 :]


def in_pieces(count: int) -> bytes:
    content = struct.pack(">BBHHHH", 0x44, 0, 1, 1, 0, count) + struct.pack(">LL", 40, 1) * count
    return file([heic_item()], places=content)


def odd_grid(
    tiles: tuple[int, ...] = (2, 3, 4, 5),
    version: int = 0,
    says: tuple[int, int] = (192, 128),
    times: int = 1,
    last: tuple[int, int] = (96, 64),
) -> bytes:
    """Grid of 2 x 2 tiles with an error."""
    head = struct.pack(">BBBBHH", version, 0, 1, 1, *says)
    whole = Item(b"grid", (heifs.ispe(192, 128),), head, ((b"dimg", tiles),) * times)
    known = (b"hvcC", hvcc(sps(96, 64))), heifs.ispe(96, 64)
    other = (b"hvcC", hvcc(sps(*last))), heifs.ispe(*last)
    items = [Item(b"hvc1", known, unit(19))] * 3
    return file([whole, *items, *[Item(b"hvc1", other, unit(19))] * 2])


def transparent(kind: str) -> bytes:
    see_through = picture()
    see_through.putalpha(128)
    return heic(see_through, quality=80) if kind == "HEIC" else avif(see_through)


BROKEN, UNSUPPORTED, COMPLEX = "broken", "unsupported", "too_complex"
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a size that is too small": (lambda: file([promising(heic_item(), 64, 64)]), BROKEN, BROKEN),
    "a size that is too large": (lambda: file([promising(heic_item(), 960, 640)]), BROKEN, BROKEN),
    "AVIF of another size": (lambda: file([promising(avif_item(), 64, 64)]), BROKEN, BROKEN),
    "no size": (lambda: file([promising(heic_item(), 0, 64)]), BROKEN, BROKEN),
    "25 megapixels": (
        lambda: made_up(sps(5000, 5000), size=(5000, 5000)),
        "of a HEIC or AVIF at most 12.6",
        "too_many_pixels",
    ),
    "transparency": (lambda: transparent("HEIC"), "transparency", UNSUPPORTED),
    "AVIF, transparency": (lambda: transparent("AVIF"), "transparency", UNSUPPORTED),
    "HDR": (lambda: with_more(heic_item(), HDR), "HDR", UNSUPPORTED),
    "a property that is needed": (
        lambda: with_more(heic_item(), (b"what", b"")),
        "unknown",
        UNSUPPORTED,
    ),
    "two sizes": (lambda: with_more(heic_item(), heifs.ispe(9, 9)), BROKEN, BROKEN),
    "cropped after it is turned": (
        lambda: with_more(heic_item(), (b"irot", b"\1"), CLAP),
        "cropped in an unusual way",
        UNSUPPORTED,
    ),
    "cropped beyond the rim": (
        lambda: with_more(heic_item(), (b"clap", struct.pack(">8L", 80, 1, 60, 1, 40, 1, 0, 1))),
        BROKEN,
        BROKEN,
    ),
    "cropped by a fraction of zero": (
        lambda: with_more(heic_item(), (b"clap", struct.pack(">8L", 80, 1, 60, 0, 0, 1, 0, 1))),
        BROKEN,
        BROKEN,
    ),
    "coded as JPEG": (
        lambda: file([replace(heic_item(), type=b"jpeg")]),
        "neither by",
        UNSUPPORTED,
    ),
    "no configuration": (
        lambda: file([Item(b"hvc1", (heifs.ispe(96, 64),), unit(19))]),
        BROKEN,
        BROKEN,
    ),
    "two configurations": (
        lambda: with_more(heic_item(), (b"av1C", b"\x81\0\0\0")),
        BROKEN,
        BROKEN,
    ),
    "a configuration of the other kind": (
        lambda: file([replace(heic_item(), type=b"av01")]),
        BROKEN,
        BROKEN,
    ),
    "a grid with a tile too many": (lambda: odd_grid(tiles=(2, 3, 4, 5, 6)), BROKEN, BROKEN),
    "a grid with a tile twice": (lambda: odd_grid(tiles=(2, 3, 4, 4)), BROKEN, BROKEN),
    "a grid with a tile that is not there": (
        lambda: odd_grid(tiles=(2, 3, 4, 9)),
        "neither",
        UNSUPPORTED,
    ),
    "a grid of another version": (lambda: odd_grid(version=1), BROKEN, BROKEN),
    "a grid of another size": (lambda: odd_grid(says=(191, 128)), BROKEN, BROKEN),
    "a grid that refers to its tiles twice": (lambda: odd_grid(times=2), BROKEN, BROKEN),
    "a grid of tiles of several sizes": (lambda: odd_grid(last=(96, 72)), BROKEN, BROKEN),
    "a grid with a row outside": (lambda: a_grid(rows=3), BROKEN, BROKEN),
    "a grid that does not cover": (lambda: a_grid(size=(193, 128)), BROKEN, BROKEN),
    "257 tiles": (lambda: a_grid(rows=129, columns=2, size=(192, 8_256)), "256 tiles", COMPLEX),
    "a tile that is turned": (
        lambda: grid(
            replace(heic_item(), properties=(*heic_item().properties, (b"irot", b"\1"))),
            2,
            2,
            (192, 128),
        ),
        "tiles that are cropped or turned",
        UNSUPPORTED,
    ),
    "a tile that is a grid": (
        lambda: grid(replace(heic_item(), type=b"grid"), 1, 1, (96, 64)),
        "neither by",
        UNSUPPORTED,
    ),
    "tiles of the same bytes": (lambda: heifs.shared_data(6, 8), BROKEN, BROKEN),
    "boxes": (lambda: heifs.many_items(isobmff.MAX_BOXES), "2,000 boxes", COMPLEX),
    "pieces": (lambda: in_pieces(10_001), "10,000 pieces", COMPLEX),
    "pieces that overlap": (lambda: in_pieces(10_000), BROKEN, BROKEN),
    "made of other items": (lambda: stored(method=2), "unusual way", UNSUPPORTED),
    "in another file": (lambda: stored(elsewhere=1), "unusual way", UNSUPPORTED),
    "in a table that is not known": (lambda: stored(version=3), BROKEN, BROKEN),
    "a film": (
        lambda: heifs.box(b"ftyp", b"msf1", bytes(4), b"heic") + heifs.box(b"moov"),
        "a film",
        UNSUPPORTED,
    ),
    "nothing": (lambda: heifs.box(b"ftyp", b"heic", bytes(4)), BROKEN, BROKEN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_rejected_with_its_reason(name: str) -> None:
    refused(*REFUSED[name])


def test_unchanged_grid_is_accepted() -> None:
    assert inspect(odd_grid()).shown == (192, 128)


@pytest.mark.parametrize("extent", [(0, 101), (100, 1), (50, 0)])
def test_rejects_extent_outside_the_file(extent: tuple[int, int]) -> None:
    meta = heif_meta.Meta(places={1: heif_meta.Place(0, False, (extent,))})

    with pytest.raises(ImageError, match="broken"):
        meta.data(1, memoryview(bytes(100)))


def test_rejects_overlapping_extents() -> None:
    place = heif_meta.Place(0, False, ((0, 60), (40, 60)))
    meta = heif_meta.Meta(places={1: place})

    assert len(meta.data(1, memoryview(bytes(120)))) == 120
    with pytest.raises(ImageError, match="broken"):
        meta.data(1, memoryview(bytes(100)))
