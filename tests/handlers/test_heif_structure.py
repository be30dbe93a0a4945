"""Test the inspection of HEIC and AVIF files and the reduced file."""

from __future__ import annotations

import io
import random
import struct

import pytest
from PIL import Image

from handlers.decoding import decode
from handlers.structure import ImageError, Limits, av1, heif, heif_meta, hevc, inspect
from handlers.structure.bitstream import Bits
from handlers.structure.costs import HEIF_MAX_COST, MAX_COST
from loadtests.hostile import heifs
from loadtests.hostile.heifs import file, heic
from tests.handlers.heif_files import (
    a_grid,
    avif,
    deep,
    heic_item,
    made_up,
    made_up_avif,
    of_units,
    picture,
    slices,
    with_more,
)
from tests.handlers.heif_streams import KEY, hvcc, obu, sequence, sps, unit

pytestmark = pytest.mark.usefixtures("heif")


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "grid"])
def test_truncated_file_is_broken(kind: str) -> None:
    data = {"HEIC": lambda: file([heic_item()]), "AVIF": lambda: avif(picture()), "grid": a_grid}[
        kind
    ]()
    decode(data)

    for length in [*range(24, 600, 7), len(data) // 2, len(data) - 1]:
        with pytest.raises(ImageError, match="broken") as caught:
            inspect(data[:length])
        assert caught.value.kind == "broken"


def test_unneeded_units_are_removed() -> None:
    again = struct.pack(">L", len(sps(96, 64))) + sps(96, 64)
    plain = of_units(unit(19), unit(19, first=False))

    noisy = of_units(unit(35), again, unit(39), unit(19), unit(19, layer=1), unit(19, first=False))

    assert inspect(noisy).file() == inspect(plain).file()
    frame = obu(1, sequence(96, 64)), obu(6, KEY)
    assert inspect(made_up_avif(frame[0], b"\x30" + KEY)).width == 96  # a last one without a length
    assert (
        inspect(made_up_avif(obu(2, b""), frame[0], obu(5, b"x" * 300), frame[1])).file()
        == inspect(made_up_avif(*frame)).file()
    )


def test_cost_assumes_that_each_slice_decodes_every_pixel() -> None:
    costs = [inspect(slices(count)).cost for count in (1, 2, 3)]

    assert costs[1] - costs[0] == pytest.approx(costs[2] - costs[1], rel=0.01)
    assert costs[1] - costs[0] > 3.1 * 1.5


@pytest.mark.parametrize("layers", [0, 1, 6])
@pytest.mark.parametrize(("chroma", "samples"), [(0, 1.0), (1, 1.5), (2, 2.0), (3, 3.0)])
def test_reads_size_from_sequence_parameter_set(chroma: int, samples: float, layers: int) -> None:
    known = hevc.config(
        memoryview(hvcc(sps(104, 72, chroma=chroma, cut=(1, 2, 0, 3), depth=10, layers=layers)))
    ).coding

    across, down = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[chroma]
    assert (known.width, known.height) == (104 - 3 * across, 72 - 3 * down)
    assert (known.coded, known.samples, known.depth) == (104 * 72, samples, 10)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("profile", "samples", "depth"), [(0, 1.5, 10), (1, 3.0, 10), (2, 3.0, 12)]
)
def test_reads_size_from_av1_sequence_header(
    profile: int, samples: float, depth: int, full: bool
) -> None:
    units = obu(1, sequence(4000, 3000, profile=profile, full=full)) + obu(6, KEY)

    known = av1.picture(memoryview(units)).coding

    assert (known.width, known.height, known.samples, known.depth) == (4000, 3000, samples, depth)


def test_rejects_numbers_above_32_bits() -> None:
    assert Bits(bytes(4) + b"\xff" * 5).exp_golomb() == 2**33 - 2
    with pytest.raises(ImageError, match="broken"):
        Bits(bytes(5) + b"\xff" * 9).exp_golomb()


def test_grid_may_be_stored_outside_the_item_table() -> None:
    data = heic(picture(200, 150), quality=80, tile_size=64)
    meta = heif_meta.read(memoryview(data))

    assert meta.places[meta.primary].method == 1
    assert inspect(data).width == 200


def test_extents_of_an_item_are_joined() -> None:
    item = heic_item()
    whole = file([item])
    at, half = whole.index(item.data), len(item.data) // 2
    pieces = [(at, half), (at + half, len(item.data) - half)]
    content = struct.pack(">BBHHHH", 0x44, 0, 1, 1, 0, 2) + struct.pack(
        ">4L",
        *[8 + number if index % 2 == 0 else number for index, number in enumerate(sum(pieces, ()))],
    )

    data = file([item], places=content)

    assert data.index(item.data) == at + 8 - (0 if data.index(item.data) == at + 8 else 8)
    assert inspect(data).file() == inspect(whole).file()


def test_unknown_optional_property_is_accepted() -> None:
    data = with_more(heic_item(), (b"what", b"ever"))
    at = data.index(b"ipma") + 8 + 4 + 3
    count = data[at - 1]
    optional = data[: at + count - 1] + bytes([data[at + count - 1] & 0x7F]) + data[at + count :]

    assert inspect(optional).file() == inspect(file([heic_item()])).file()


def test_more_expensive_files_have_higher_estimates() -> None:
    tile = heifs.tile(4, quality=57)
    plain = inspect(file([tile])).cost

    turned = inspect(with_more(tile, (b"irot", b"\3")))
    assert turned.orientation == 6
    assert turned.cost == pytest.approx(plain + 1.5 * 0.512**2)
    assert inspect(made_up(sps(512, 512, chroma=3), size=(512, 512))).cost > 1.3 * (
        inspect(made_up(sps(512, 512), size=(512, 512))).cost
    )
    assert inspect(made_up(sps(512, 512, depth=10), size=(512, 512))).cost > 1.3 * (
        inspect(made_up(sps(512, 512), size=(512, 512))).cost
    )
    with_twice_the_bytes = made_up(sps(512, 512), data=unit(19, size=80_000), size=(512, 512))
    without = made_up(sps(512, 512), data=unit(19, size=40_000), size=(512, 512))
    assert inspect(with_twice_the_bytes).cost > inspect(without).cost + 0.4


def test_phone_photograph_is_within_its_budget() -> None:
    photograph = heifs.of_megapixels(heifs.tile(4, quality=57), 8, 6, heifs.TURNED)
    assert 2.5e6 < len(photograph) < 3.2e6

    cost = inspect(photograph).cost

    assert 3 * MAX_COST < cost < HEIF_MAX_COST
    with pytest.raises(ImageError, match="at most 100 are accepted"):
        inspect(photograph, Limits(max_heif_cost=100))
    assert inspect(photograph, Limits(max_cost=1)).cost == cost


@pytest.mark.parametrize("kind", ["heic", "deep", "grid", "avif"])
def test_damaged_files_raise_image_error_only(kind: str) -> None:
    data = {
        "heic": lambda: heic(picture(), quality=80),
        "deep": lambda: deep(picture(64, 64)),
        "grid": lambda: heic(picture(128, 64), quality=80, tile_size=64),
        "avif": lambda: avif(picture()),
    }[kind]()
    rng = random.Random(0)
    outcomes = {"decoded": 0, "refused": 0}
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(8, len(data) if rng.random() < 0.2 else min(700, len(data)))
            damaged[at] = rng.choice((0, 1, 2, 0x7F, 0xFF, rng.randrange(256)))
        try:
            found = inspect(bytes(damaged))
            assert found.cost <= HEIF_MAX_COST
            assert len(found.file()) < len(data) + 1_000
            decode(bytes(damaged))
            outcomes["decoded"] += 1
        except ImageError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 5, outcomes


def test_pillow_opens_the_reduced_file() -> None:
    with Image.open(io.BytesIO(inspect(avif(picture())).file())) as opened:
        assert (opened.format, opened.size) == ("AVIF", (96, 64))
    assert heif.MAX_PIXELS > 4032 * 3024
