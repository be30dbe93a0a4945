"""Test rejection of hostile bitstreams in HEIC and AVIF files."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.handlers.heif_files import made_up, made_up_avif, of_units, refused, slices
from tests.handlers.heif_streams import DELTA, KEY, obu, sequence, sps, unit

pytestmark = pytest.mark.usefixtures("heif")

BROKEN, UNSUPPORTED, COMPLEX = "broken", "unsupported", "too_complex"
REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
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
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_rejected_with_its_reason(name: str) -> None:
    refused(*REFUSED[name])
