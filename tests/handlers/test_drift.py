"""Test image statistics and the baseline of the training data."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from handlers.documents import parse, to_json
from handlers.drift import FEATURES, STATISTICS, Baseline, image_statistics
from handlers.imaging import centre_view
from handlers.quality import NAMES as QUALITY
from handlers.reference import Reference

RANDOM = np.random.default_rng(3)

FLAT = {"contrast": 0, "sharpness": -8, "focus": -8}
"""Statistics of a picture of one colour."""


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.fit(np.random.default_rng(0).normal(size=(60, 12)))


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(1)
    return {name: draws.normal(place, 1 + place, 997) for place, name in enumerate(FEATURES)}


def repeated(sample: np.ndarray) -> dict[str, np.ndarray]:
    """Use the same values for every feature."""
    return dict.fromkeys(FEATURES, sample)


def test_black_and_white_pictures() -> None:
    black = image_statistics(Image.new("RGB", (224, 224)))
    white = image_statistics(Image.new("RGB", (224, 224), "white"))

    assert black == pytest.approx(FLAT | {"brightness": 0, "exposure": 0, "clipped": 0}, abs=1e-3)
    assert white == pytest.approx(FLAT | {"brightness": 1, "exposure": 1, "clipped": 1}, abs=1e-3)


def test_checkerboard() -> None:
    board = (np.indices((224, 224)).sum(axis=0) % 2 * 255).astype(np.uint8)

    measured = image_statistics(Image.fromarray(board).convert("RGB"))

    # Each pixel differs by 1 from its four neighbours: the Laplacian is 4 or -4, variance 16.
    assert measured["brightness"] == pytest.approx(0.5, abs=1e-5)
    assert measured["contrast"] == pytest.approx(0.5, abs=1e-5)
    assert measured["sharpness"] == pytest.approx(np.log10(16), abs=1e-5)


@pytest.mark.parametrize(
    ("colour", "clipped"),
    [
        ((255, 255, 255), 0.25),
        ((250, 250, 250), 0.25),
        ((249, 255, 255), 0),
        ((255, 249, 255), 0),
        ((255, 255, 249), 0),
        ((0, 0, 0), 0),
    ],
)
def test_clipped_share_counts_pixels_white_in_all_channels(
    colour: tuple[int, int, int], clipped: float
) -> None:
    view = Image.new("RGB", (224, 224), (180, 120, 90))
    view.paste(colour, (0, 0, 112, 112))

    measured = image_statistics(view)

    assert tuple(measured) == STATISTICS
    assert measured["clipped"] == pytest.approx(clipped)


def test_quality_depends_on_the_centre_only(
    drawn: Callable[..., Image.Image],
) -> None:
    view = centre_view(drawn(4, 1))
    through_a_tube = Image.new("RGB", view.size)
    through_a_tube.paste(view.crop((56, 56, 168, 168)), (56, 56))

    seen, tube = image_statistics(view), image_statistics(through_a_tube)
    assert tube["brightness"] < 0.5 * seen["brightness"]
    for name in QUALITY:
        assert tube[name] == seen[name]


def test_detects_overexposure(drawn: Callable[..., Image.Image]) -> None:
    view = centre_view(drawn(4, 1))
    clipped = [
        image_statistics(view.point(lambda value, gain=gain: min(255, round(value * gain))))[
            "clipped"
        ]
        for gain in (1.0, 1.5, 2.5, 4.0)
    ]

    assert clipped == sorted(clipped)
    assert clipped[0] < 0.01
    assert clipped[-1] > 0.5


@pytest.mark.parametrize(("colour", "luma"), [("red", 0.299), ("lime", 0.587), ("blue", 0.114)])
def test_brightness_is_luma(colour: str, luma: float) -> None:
    measured = image_statistics(Image.new("RGB", (224, 224), colour))

    assert measured["brightness"] == pytest.approx(luma, abs=1e-5)


def test_contrast_and_sharpness_are_the_formulas(drawn: Callable[..., Image.Image]) -> None:
    view = centre_view(drawn(4, 1))
    luma = np.asarray(view, np.float64) @ [0.299, 0.587, 0.114] / 255
    padded = sum(np.roll(luma, shift, axis)[1:-1, 1:-1] for axis in (0, 1) for shift in (-1, 1))

    measured = image_statistics(view)

    assert measured["contrast"] == pytest.approx(luma.std(), rel=1e-4)
    laplacian = padded - 4 * luma[1:-1, 1:-1]
    assert measured["sharpness"] == pytest.approx(np.log10(laplacian.var()), abs=2e-3)


def test_blur_lowers_sharpness(drawn: Callable[..., Image.Image]) -> None:
    view = centre_view(drawn(4, 1))
    sharpness = [
        image_statistics(view.filter(ImageFilter.GaussianBlur(radius)))["sharpness"]
        for radius in (0, 1, 2, 4)
    ]

    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] - sharpness[-1] > 1


def test_bin_edges_are_deciles(sample: dict[str, np.ndarray], reference: Reference) -> None:
    baseline = Baseline.fit(sample, {}, reference)

    for feature in FEATURES:
        assert len(baseline.drift[feature].edges) == 9
        # An edge is a value that occurs, so that no bin is empty.
        deciles = np.percentile(sample[feature], range(10, 91, 10), method="higher")
        assert np.allclose(baseline.drift[feature].edges, deciles)
        assert baseline.drift[feature].shares == pytest.approx([0.1] * 10, abs=2 / 997)
        assert sum(baseline.drift[feature].shares) == pytest.approx(1)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RANDOM.normal(size=333), id="all different"),
        pytest.param(np.repeat([0.0, 1.0, 2.0], [90, 5, 5]), id="mostly the lowest"),
        pytest.param(np.repeat([0.0, 1.0, 2.0], [5, 5, 90]), id="mostly the highest"),
        pytest.param(RANDOM.integers(0, 4, 200).astype(float), id="four values"),
        pytest.param(np.full(50, 0.25), id="one value"),
        pytest.param(np.arange(5.0), id="fewer than bins"),
    ],
)
def test_bin_shares_match_and_no_bin_is_empty(values: np.ndarray, reference: Reference) -> None:
    baseline = Baseline.fit(repeated(values), {}, reference)
    edges, shares = baseline.drift["distance"].edges, baseline.drift["distance"].shares

    labels = [baseline.bin_of("distance", float(value)) for value in values]
    counted = [labels.count(str(place)) / len(values) for place in range(len(shares))]

    assert len(shares) == len(edges) + 1
    assert list(edges) == sorted(set(edges))
    # An empty bin would make the population stability index infinite.
    assert min(shares) > 0
    assert counted == pytest.approx(shares)
    assert sum(shares) == pytest.approx(1)


def test_a_value_on_an_edge_belongs_to_the_bin_above(reference: Reference) -> None:
    baseline = Baseline.fit(repeated(np.arange(101.0)), {}, reference)

    assert baseline.drift["contrast"].edges == tuple(float(edge) for edge in range(10, 91, 10))
    assert baseline.bin_of("contrast", 10.0) == "1"
    assert baseline.bin_of("contrast", np.nextafter(10.0, 0)) == "0"
    assert baseline.bin_of("contrast", 90.0) == "9"
    assert baseline.bin_of("contrast", -1e9) == "0"
    assert baseline.bin_of("contrast", 1e9) == "9"


def test_allows_fewer_bins(sample: dict[str, np.ndarray], reference: Reference) -> None:
    baseline = Baseline.fit(sample, {}, reference, bins=4)

    assert all(len(bins.shares) == 4 for bins in baseline.drift.values())


def test_json_round_trip(sample: dict[str, np.ndarray], reference: Reference) -> None:
    limits = {"distance": (None, 1.5), "brightness": (0.1, 0.9), "sharpness": (-4.5, None)}
    before = Baseline.fit(sample, limits, reference)
    text = json.dumps(to_json(before), allow_nan=False)

    after = parse(json.loads(text), Baseline, "baseline.json")

    assert after.drift == before.drift
    assert after.limits == limits
    assert json.dumps(to_json(after)) == text


@pytest.mark.parametrize(
    ("feature", "value", "out"),
    [
        ("brightness", 0.1, False),
        ("brightness", 0.9, False),
        ("brightness", 0.09, True),
        ("brightness", 0.91, True),
        ("distance", 1.6, True),
        ("distance", -9.0, False),
        ("sharpness", -5.0, True),
        ("sharpness", 9.0, False),
        ("probability", 9.0, False),
    ],
)
def test_beyond_the_limits(
    feature: str, value: float, out: bool, sample: dict[str, np.ndarray], reference: Reference
) -> None:
    limits = {"distance": (None, 1.5), "brightness": (0.1, 0.9), "sharpness": (-4.5, None)}

    assert Baseline.fit(sample, limits, reference).beyond(feature, value) is out
