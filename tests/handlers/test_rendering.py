"""Test rendering of attributions as PNG."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from handlers.explainers.pixels import upsampled
from handlers.imaging import centre_view
from handlers.rendering import (
    AGAINST,
    EITHER,
    FOR,
    NEUTRAL,
    OPACITY,
    encode_png,
    heatmap,
    overlay,
    scale_of,
)

SIDE = 224
LEVEL = 1.5
"""Of 255: what 255 levels of attribution may be off in a colour."""


@pytest.fixture(scope="module")
def view(drawn: Callable[..., Image.Image]) -> Image.Image:
    return centre_view(drawn(12, 1))


@pytest.fixture(scope="module")
def grainy(view: Image.Image) -> Image.Image:
    """View with camera noise, which compresses worse than a synthetic picture."""
    grain = np.random.default_rng(0).normal(0, 2.5, (SIDE, SIDE, 3))
    return Image.fromarray((np.asarray(view) + grain).clip(0, 255).astype(np.uint8))


def halves() -> np.ndarray:
    """Attribution with a negative left and a positive right half."""
    return np.tile(np.repeat([-2.0, 2.0], SIDE // 2), (SIDE, 1)).astype(np.float32)


def test_zero_attribution_does_not_change_the_photograph(view: Image.Image) -> None:
    nothing = np.zeros((SIDE, SIDE), np.float32)

    assert scale_of(nothing) == 0
    assert overlay(view, nothing, scale_of(nothing)).tobytes() == view.tobytes()
    assert overlay(view, nothing, 1.0).tobytes() == view.tobytes()
    assert heatmap(nothing, 0.0).convert("RGB").getcolors() == [(SIDE * SIDE, NEUTRAL)]


def test_positive_is_red_and_negative_is_blue() -> None:
    heat = heatmap(halves(), 2.0).convert("RGB")

    assert heat.size == (SIDE, SIDE)
    assert heat.getpixel((0, 100)) == AGAINST
    assert heat.getpixel((SIDE - 1, 100)) == FOR
    assert AGAINST[2] > AGAINST[0]
    assert FOR[0] > FOR[2]


def test_weaker_attribution_is_paler_and_colours_are_clipped() -> None:
    values = np.asarray([[-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 9.0]])

    colours = np.asarray(heatmap(values, 1.0).convert("RGB"))[0].astype(int)

    assert colours[0].tolist() == colours[1].tolist() == list(AGAINST)
    assert colours[-1].tolist() == colours[-2].tolist() == list(FOR)
    assert colours[3].tolist() == list(NEUTRAL)
    for half, end in ((2, AGAINST), (4, FOR)):
        assert np.abs(colours[half] - (np.asarray(end) + NEUTRAL) / 2).max() <= LEVEL


def test_overlay_tints_in_proportion(view: Image.Image) -> None:
    values = halves()
    values[:, SIDE // 2 :] = 1.0
    before = np.asarray(view, np.float64)

    after = np.asarray(overlay(view, values, 2.0), np.float64)

    left, right = slice(None, SIDE // 2), slice(SIDE // 2, None)
    strong = before * (1 - OPACITY) + np.asarray(AGAINST) * OPACITY
    weak = before * (1 - OPACITY / 2) + np.asarray(FOR) * OPACITY / 2
    assert np.abs(after[:, left] - strong[:, left]).max() < LEVEL
    assert np.abs(after[:, right] - weak[:, right]).max() < LEVEL


def test_unsigned_map_has_a_neutral_colour(view: Image.Image) -> None:
    values = np.abs(halves())

    heat = heatmap(values, 2.0, signed=False).convert("RGB")
    laid_over = np.asarray(overlay(view, values, 2.0, signed=False), np.float64)

    assert heat.getcolors() == [(SIDE * SIDE, EITHER)]
    tinted = np.asarray(view) * (1 - OPACITY) + np.asarray(EITHER) * OPACITY
    assert np.abs(laid_over - tinted).max() < LEVEL


def test_overlay_does_not_change_its_input(view: Image.Image) -> None:
    before = view.tobytes()

    overlay(view, halves(), 2.0)

    assert view.tobytes() == before


@pytest.mark.parametrize(("values", "scale"), [([[1.0, -3.0]], 3.0), ([[2.5, 0.0]], 2.5)])
def test_scale_is_the_largest_attribution(values: list[list[float]], scale: float) -> None:
    assert scale_of(np.asarray(values, np.float32)) == scale


@pytest.mark.parametrize("size", [(224, 224), (7, 3), (1, 1)])
def test_a_png_is_lossless(size: tuple[int, int], grainy: Image.Image) -> None:
    picture = grainy.resize(size)
    map_ = heatmap(np.random.default_rng(2).normal(size=size[::-1]), 2.0)

    for image in (picture, map_):
        with Image.open(io.BytesIO(encode_png(image))) as decoded:
            assert decoded.format == "PNG"
            assert decoded.size == size
            assert decoded.mode == image.mode
            assert decoded.convert("RGB").tobytes() == image.convert("RGB").tobytes()


def test_rejects_other_modes(grainy: Image.Image) -> None:
    with pytest.raises(ValueError, match="mode L"):
        encode_png(grainy.convert("L"))


def test_a_png_carries_no_metadata(view: Image.Image) -> None:
    marked = view.copy()
    tag = Image.Exif()
    tag[0x010E] = "Jane Doe, left forearm"
    marked.info |= {"exif": tag.tobytes(), "comment": b"Jane Doe", "dpi": (72, 72)}

    data = encode_png(overlay(marked, halves(), 2.0))

    assert [
        name for name in (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"pHYs", b"tIME") if name in data
    ] == []
    with Image.open(io.BytesIO(data)) as decoded:
        decoded.load()
        assert decoded.info == {}
        assert len(decoded.getexif()) == 0


def test_pictures_in_a_response_are_small(grainy: Image.Image) -> None:
    values = upsampled(np.random.default_rng(1).normal(size=(28, 28)), SIDE)
    scale = scale_of(values)

    assert len(encode_png(overlay(grainy, values, scale))) < 150_000
    assert len(encode_png(heatmap(values, scale))) < 150_000
