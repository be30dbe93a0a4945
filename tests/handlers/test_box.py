"""Test boxes: what is accepted, the square that the model sees, and the pixels that it has."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers.decoding import centre_view, decode, framed_view
from handlers.drift import image_statistics
from handlers.imaging import preprocess
from handlers.prediction import risk
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.structure import LIMITS, WHOLE, Box, ImageError, inspect
from handlers.telemetry import Recorder

Encode = Callable[..., bytes]
CORNER = Box(0.7, 0.65, 0.15, 0.2)
"""Square in a photograph of 4 to 3."""


@pytest.fixture(scope="module")
def wide(drawn: Callable[[int, int], Image.Image]) -> Image.Image:
    """A photograph of 4000 x 3000 pixels: plain skin, a lesion of 600 pixels in a corner."""
    picture = Image.new("RGB", (4000, 3000), (224, 182, 160))
    picture.paste(drawn(3, 1).resize((600, 600), Image.Resampling.BICUBIC), (2800, 1950))
    return picture


def shown(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0.1", "not a list of four numbers"),
        ([0.1, 0.1, 0.5], "not a list of four numbers"),
        ([0.1, 0.1, 0.5, "0.5"], "is not a number: expected"),
        ([0.1, 0.1, 0.5, True], "is not a number: expected"),
        ([-0.1, 0.1, 0.5, 0.5], "not between 0 and 1"),
        ([0.1, 0.1, 10**400, 0.5], "not between 0 and 1"),
        ([0.1, float("nan"), 0.5, 0.5], "not between 0 and 1"),
        ([100, 100, 200, 200], "not between 0 and 1: .*for example"),
        ([0.1, 0.1, 0, 0.5], "no width or no height"),
        ([0.6, 0.1, 0.5, 0.5], "beyond the photograph"),
        ([0.1, 0.6, 0.3, 0.5], "beyond the photograph"),
    ],
)
def test_error_says_what_is_wrong_with_a_box(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Box.of(value)


def test_box_is_read_from_text() -> None:
    assert Box.parse("0.25, 0,0.5,1") == Box.of([0.25, 0, 0.5, 1]) == Box(0.25, 0.0, 0.5, 1.0)
    assert Box.of([0.5, 0.5, 0.5000001, 0.5]) == Box(0.5, 0.5, 0.5000001, 0.5)
    for text in ("", "a,b,c,d", "0.1;0.1;0.5;0.5"):
        with pytest.raises(ValueError, match="not four numbers with commas"):
            Box.parse(text)


@pytest.mark.parametrize(
    ("box", "square"),
    [
        (WHOLE, (50, 0, 350, 300)),  # the centre square
        (Box(0.25, 0.5, 0.15, 0.2), (100, 150, 160, 210)),
        (Box(0.25, 0.5, 0.15, 0.1), (100, 135, 160, 195)),  # grown around its centre
        (Box(0.0, 0.0, 0.3, 0.1), (0, 0, 120, 120)),  # moved to where there are pixels
        (Box(0.5, 0.0, 0.5, 1.0), (100, 0, 400, 300)),
        (Box(0.1, 0.8, 0.9, 0.2), (70, 0, 370, 300)),  # no larger than the short side
    ],
)
def test_square_of_a_box(box: Box, square: tuple[float, ...]) -> None:
    assert box.square((400, 300)) == pytest.approx(square)


def test_whole_photograph_is_its_centre_square(wide: Image.Image) -> None:
    short = wide.crop((500, 0, 3500, 3000)).resize((224, 224), Image.Resampling.BILINEAR)

    assert np.array_equal(np.asarray(centre_view(wide)), np.asarray(short))


@pytest.mark.parametrize("orientation", [1, 6])
def test_small_box_of_a_large_jpeg_keeps_its_pixels(
    orientation: int, wide: Image.Image, encoded: Encode
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = wide if orientation == 1 else wide.transpose(Image.Transpose.ROTATE_90)
    data = encoded(held, "JPEG", quality=92, exif=exif)

    whole, framed = decode(data), decode(data, box=CORNER)
    view = framed_view(framed, CORNER)

    assert (whole.size, framed.size) == ((1000, 750), (4000, 3000))
    assert inspect(data, box=CORNER).cost > 1.5 * inspect(data).cost
    lesion = wide.crop((2800, 1950, 3400, 2550)).resize((224, 224), Image.Resampling.BILINEAR)
    assert np.abs(np.asarray(view, float) - np.asarray(lesion, float)).mean() < 1.5
    statistics = preprocess(framed, box=CORNER).statistics
    assert statistics == image_statistics(view) != preprocess(framed).statistics


def test_box_is_decoded_within_the_budget_and_not_below_the_shortest_side(
    wide: Image.Image, encoded: Encode
) -> None:
    data = encoded(wide, "JPEG", quality=92)
    cost = inspect(data, box=CORNER).cost

    assert decode(data, replace(LIMITS, max_cost=cost - 0.1), box=CORNER).size == (2000, 1500)
    with pytest.raises(ImageError, match="box is 20 pixels of the photograph wide; at least 32"):
        decode(data, box=Box(0.5, 0.5, 0.005, 0.005))


def test_answer_is_that_of_the_cropped_photograph(
    service_with: Callable[..., MelanomaService],
    wide: Image.Image,
    encoded: Encode,
    v1: Callable[..., bytes],
) -> None:
    half = wide.reduce(2)
    data, alone = encoded(half, "PNG"), encoded(half.crop((1400, 975, 1700, 1275)), "PNG")
    box = [CORNER.x, CORNER.y, CORNER.width, CORNER.height]
    rows = [
        RawRequest(v1(data, box=box), "explain"),
        RawRequest(data, "explain", box=",".join(map(str, box))),
        RawRequest(alone, "explain"),
        RawRequest(data, "predict"),
        RawRequest(v1(data, box=[0, 0, 2, 1]), "predict"),
        RawRequest(data, "predict", box="left"),
    ]
    answers = service_with(batch_seconds=60.0).answer(rows, Recorder("v1"))
    framed, raw, cropped, whole, *refused = [json.loads(answer.body) for answer in answers]
    (framed,) = framed["explanations"]

    assert raw == framed
    assert framed["box"] == box
    # The filter that scales the square down reaches a pixel beyond its edge.
    assert framed["probability"] == pytest.approx(cropped["probability"], abs=0.002)
    maps = [np.asarray(one["attribution"]["values"]) for one in (framed, cropped)]
    assert np.abs(maps[0] - maps[1]).max() < 0.02 * np.abs(maps[1]).max()
    views = [np.asarray(shown(one["overlay"]), float) for one in (framed, cropped)]
    assert np.abs(views[0] - views[1]).mean() < 1
    assert cropped["box"] == [0, 0, 1, 1]
    assert whole["box"] == [0.125, 0, 0.75, 1]
    assert abs(whole["probability"] - framed["probability"]) > 0.01
    assert [answer.status for answer in answers[4:]] == [400, 400]
    assert refused[0]["error"].startswith("instance 0: a number of the box is not between 0 and 1")
    assert refused[1]["error"].startswith("x-box: the box is not four numbers")


def test_risk_follows_the_prevalence(
    service_with: Callable[..., MelanomaService], photograph: Callable[[int, int], bytes]
) -> None:
    body = photograph(1, 1)
    found = {}
    for prevalence in (0.02, 0.5):
        rows = [RawRequest(body, "predict")]
        (answer,) = service_with(prevalence=prevalence).answer(rows, Recorder("v1"))
        found[prevalence] = json.loads(answer.body)

    assert found[0.5]["risk"] == pytest.approx(found[0.5]["probability"], abs=1e-6)
    assert found[0.02]["prevalence"] == 0.02
    # Of 1000 with 20 cancers, at odds of 4 to 1 for each benign lesion: 80 to 980.
    assert risk(0.8, 0.02) == round(80 / 1060, 6)
    assert risk(0.0, 0.02) == 0
    assert risk(1.0, 0.02) == 1
