"""What HEIC and AVIF files may not be, found out before a decoder sees them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from handlers.structure import ImageError, inspect, isobmff
from loadtests.hostile import heifs
from loadtests.hostile.heifs import file, grid, heic, promising
from tests.handlers.heif_files import (
    a_grid,
    avif,
    avif_item,
    heic_item,
    made_up,
    made_up_avif,
    of_units,
    picture,
    slices,
    with_more,
)
from tests.handlers.heif_streams import DELTA, KEY, obu, sequence, sps, unit

pytestmark = pytest.mark.usefixtures("heif")

HDR = b"colr", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0)
CLAP = b"clap", struct.pack(">8L", 80, 1, 60, 1, 0, 1, 0, 1)


def stored(method: int = 0, elsewhere: int = 0, version: int = 1) -> bytes:
    """A file whose picture is said to be stored in an unusual way."""
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
    "many pixels that are cut off": (
        lambda: made_up(sps(8192, 8192, cut=(0, 4048, 0, 4064))),
        BROKEN,
        BROKEN,
    ),
    "all pixels cut off": (lambda: made_up(sps(96, 64, cut=(0, 48, 0, 0))), BROKEN, BROKEN),
    "two sequences": (
        lambda: made_up(sps(96, 64), sps(8192, 8192)),
        "several sequences",
        UNSUPPORTED,
    ),
    "another version of the configuration": (
        lambda: made_up(sps(96, 64), version=2),
        BROKEN,
        BROKEN,
    ),
    "parameter sets without an end": (
        lambda: made_up(sps(96, 64), *[b"\x4e\x01\x00"] * 1_001),
        "1,000 units",
        COMPLEX,
    ),
    "no sequence": (made_up, "several sequences, or none", UNSUPPORTED),
    "16 bits": (lambda: made_up(sps(96, 64, depth=16)), "more than 12 bits", UNSUPPORTED),
    "a chroma format that is none": (
        lambda: made_up(sps(96, 64, chroma=4)),
        "colours",
        UNSUPPORTED,
    ),
    "a long parameter set": (lambda: made_up(sps(96, 64) + bytes(16_384)), BROKEN, BROKEN),
    "many parameter sets": (
        lambda: made_up(sps(96, 64), *[b"\x44\x01\x00"] * 16),
        "more than 16 parameter sets",
        COMPLEX,
    ),
    "two pictures in an item": (
        lambda: of_units(unit(19), unit(19)),
        "several pictures",
        UNSUPPORTED,
    ),
    "a part of a picture": (lambda: of_units(unit(19, first=False)), "a part of one", UNSUPPORTED),
    "a picture that needs others": (lambda: of_units(unit(1)), "needs others", UNSUPPORTED),
    "then one that needs others": (
        lambda: of_units(unit(19), unit(1)),
        "needs others",
        UNSUPPORTED,
    ),
    "a picture that may (CRA)": (lambda: of_units(unit(21)), "needs others", UNSUPPORTED),
    "another sequence in the item": (
        lambda: of_units(struct.pack(">L", len(sps(8192, 8192))) + sps(8192, 8192), unit(19)),
        "changes its parameters",
        UNSUPPORTED,
    ),
    "no picture": (lambda: of_units(unit(39)), BROKEN, BROKEN),
    "only another layer": (lambda: of_units(unit(19, layer=1)), BROKEN, BROKEN),
    "units": (lambda: of_units(*[unit(39)] * 1_001), "1,000 units", COMPLEX),
    "slices": (lambda: slices(50), "costs as much as", COMPLEX),
    "a unit beyond the end": (lambda: of_units(unit(19)[:-1]), BROKEN, BROKEN),
    "AVIF, two frames": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), obu(6, KEY), obu(6, KEY)),
        "several frames or layers",
        UNSUPPORTED,
    ),
    "AVIF, two sequences": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), obu(1, sequence(9600, 6400)), obu(6, KEY)),
        "several frames or layers",
        UNSUPPORTED,
    ),
    "AVIF, layers": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), obu(6, KEY, layered=True)),
        "several frames or layers",
        UNSUPPORTED,
    ),
    "AVIF, a frame that needs others": (
        lambda: made_up_avif(obu(1, sequence(96, 64, full=True)), obu(6, DELTA)),
        "needs others",
        UNSUPPORTED,
    ),
    "AVIF, a frame that is there already": (
        lambda: made_up_avif(obu(1, sequence(96, 64, full=True)), obu(3, b"\x80")),
        "needs others",
        UNSUPPORTED,
    ),
    "AVIF, a frame before the sequence": (
        lambda: made_up_avif(obu(6, KEY), obu(1, sequence(96, 64))),
        BROKEN,
        BROKEN,
    ),
    "AVIF, frames around the sequence": (
        lambda: made_up_avif(obu(6, KEY), obu(1, sequence(96, 64)), obu(6, KEY)),
        BROKEN,
        BROKEN,
    ),
    "AVIF, a forbidden bit": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), b"\x80", obu(6, KEY)),
        BROKEN,
        BROKEN,
    ),
    "AVIF, a length without an end": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), b"\x7a" + b"\x80" * 8 + b"\0", obu(6, KEY)),
        BROKEN,
        BROKEN,
    ),
    "AVIF, another version of its configuration": (
        lambda: made_up_avif(obu(1, sequence(96, 64)), obu(6, KEY), config=b"\x82\0\0\0"),
        BROKEN,
        BROKEN,
    ),
    "AVIF, no frame": (lambda: made_up_avif(obu(1, sequence(96, 64))), BROKEN, BROKEN),
    "AVIF, units": (
        lambda: made_up_avif(*[obu(15, b"")] * 1_001),
        "1,000 units",
        COMPLEX,
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
    "a configuration of the other kind": (
        lambda: file([replace(heic_item(), type=b"av01")]),
        BROKEN,
        BROKEN,
    ),
    "a grid of too few tiles": (
        lambda: a_grid().replace(b"\0\1\1\1\0\0\0\xc0", b"\0\1\1\2\0\0\0\xc0"),
        BROKEN,
        BROKEN,
    ),
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
def test_a_hostile_file_is_refused_with_its_reason(name: str) -> None:
    make, message, kind = REFUSED[name]

    with pytest.raises(ImageError, match=message) as caught:
        inspect(make())

    assert caught.value.kind == kind
    assert ":" in str(caught.value), "says how to fix it"
