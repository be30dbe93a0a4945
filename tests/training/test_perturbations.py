"""Perturbations leave the lesion unchanged; the cover hides the lesion and its size."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handlers.drift import image_statistics
from handlers.quality import LUMA
from handlers.segmentation import rough_mask
from training.evaluation.stress.robustness import CHANGES
from training.perturbations import (
    COVER,
    FEATHER,
    PERTURBATIONS,
    SIDE,
    cover_mask,
    covered,
    square,
)
from training.synthetic import BENIGN, MALIGNANT, draw

pytestmark = pytest.mark.slow

SEEDS = range(6)
AXIS = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
RADIUS = np.hypot(AXIS[None, :], AXIS[:, None])


@cache
def drawn(seed: int, label: int) -> NDArray[np.uint8]:
    return draw(seed, label, artefacts=()).image


def lesion(seed: int = 3, label: int = BENIGN) -> Image.Image:
    return Image.fromarray(drawn(seed, label))


def changed(name: str, picture: Image.Image, seed: int = 0) -> Image.Image:
    return PERTURBATIONS[name](picture, np.random.default_rng(seed))


def levels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture, dtype=np.float64)


def luma(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(levels(picture) @ LUMA)


def touched(name: str, picture: Image.Image, seed: int) -> NDArray[np.bool_]:
    """Pixels that a perturbation changes by more than 12 levels."""
    difference = np.abs(levels(changed(name, picture, seed)) - levels(picture))
    return np.asarray(difference.max(axis=2) > 12)


def disc(radius: float, colour: tuple[int, int, int] = (90, 50, 40)) -> Image.Image:
    """Skin with a plain round lesion, radius in shares of half a side."""
    pixels = np.full((SIDE, SIDE, 3), (225, 180, 165), dtype=np.float64)
    pixels[radius >= RADIUS] = colour
    pixels += np.random.default_rng(0).normal(0, 3, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def test_the_stress_test_has_the_perturbations_and_the_colour_spaces() -> None:
    assert list(CHANGES) == [
        *PERTURBATIONS,
        *("Display P3 file", "Adobe RGB file", "ProPhoto RGB file"),
    ]
    assert len(PERTURBATIONS) == 9


def test_a_square_is_the_centre_of_a_photograph() -> None:
    wide = Image.new("RGB", (900, 600), "red")
    wide.paste((0, 0, 255), (150, 0, 750, 600))

    assert square(wide).size == (SIDE, SIDE)
    assert (np.asarray(square(wide))[:, 3:-3] == (0, 0, 255)).all()
    assert square(wide.rotate(90, expand=True)).tobytes() == square(wide).rotate(90).tobytes()


def test_a_square_of_the_right_size_stays_as_it_is() -> None:
    assert square(lesion()).tobytes() == lesion().tobytes()


@pytest.mark.parametrize("change", [*PERTURBATIONS.values(), covered], ids=lambda c: c.__name__)
def test_the_same_generator_gives_the_same_bytes(change) -> None:  # type: ignore[no-untyped-def]
    first, again, other = (change(lesion(), np.random.default_rng(seed)) for seed in (5, 5, 6))

    assert (first.mode, first.size) == ("RGB", (SIDE, SIDE))
    assert first.tobytes() == again.tobytes()
    by_chance = [name for name in PERTURBATIONS if not name.endswith((" file", "quality 30"))]
    if change in [covered, *map(PERTURBATIONS.get, by_chance)]:
        assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_leaves_the_picture_given_alone(name: str) -> None:
    picture = lesion()
    changed(name, picture)

    assert picture.tobytes() == lesion().tobytes()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        *(("hair", 0.6), ("ruler", 0.7), ("ink", 0.7), ("colour cast", 0.97), ("blur", 0.9)),
        *(("JPEG quality 30", 0.95), ("dark corners", 0.3), ("crop", 0.3)),
    ],
)
def test_a_perturbation_keeps_most_of_the_picture(name: str, least: float) -> None:
    for seed in SEEDS:
        picture = lesion(seed, MALIGNANT)
        after = changed(name, picture, seed)
        likeness = np.corrcoef(luma(picture).ravel(), luma(after).ravel())[0, 1]

        assert after.tobytes() != picture.tobytes()
        assert likeness > least, seed


@pytest.mark.parametrize(
    ("name", "fewest", "most"),
    [("hair", 0.001, 0.25), ("ruler", 0.001, 0.05), ("ink", 0.001, 0.06)],
)
def test_painted_artefacts_cover_a_small_area(name: str, fewest: float, most: float) -> None:
    for seed in SEEDS:
        assert fewest < touched(name, lesion(seed), seed).mean() < most, seed


@pytest.mark.parametrize("name", ["ruler", "ink"])
def test_rulers_and_ink_lie_beside_the_lesion(name: str) -> None:
    for seed in SEEDS:
        assert touched(name, disc(0.75), seed)[RADIUS <= 0.75].mean() < 0.001, seed


def test_hairs_lie_over_the_lesion_too() -> None:
    over = [touched("hair", disc(0.6), seed)[RADIUS <= 0.6].any() for seed in range(12)]

    assert np.mean(over) > 0.5


@pytest.mark.parametrize("outline", [None, RADIUS <= 0.9, RADIUS <= 1.1, RADIUS <= 1.3])
def test_ink_is_seen_on_any_picture(
    outline: NDArray[np.bool_] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.perturbations.rough_mask", lambda picture: outline)
    for seed in SEEDS:
        assert 0.0005 < touched("ink", disc(0.0), seed).mean() < 0.06, seed


def test_painting_gives_back_what_it_does_not_touch() -> None:
    """The way into optical density and out of it, black and white included."""
    ramp = np.repeat(np.arange(SIDE, dtype=np.float64)[None, :] * 255 / (SIDE - 1), SIDE, axis=0)
    picture = Image.fromarray(np.rint(ramp).astype(np.uint8)).convert("RGB")
    after = levels(changed("ruler", picture))

    assert np.all(after == levels(picture), axis=2).mean() > 0.9


def test_dark_corners_darken_the_corners_and_not_the_centre() -> None:
    for seed in SEEDS:
        before, after = luma(lesion(seed)), luma(changed("dark corners", lesion(seed), seed))

        assert after[RADIUS > 1.38].max() < 40
        assert np.abs(after - before)[RADIUS < 0.4].max() <= 1


def test_a_colour_cast_keeps_luma_and_moves_the_channels_apart() -> None:
    for seed in SEEDS:
        before, after = levels(disc(0.5)), levels(changed("colour cast", disc(0.5), seed))
        gains = after.mean(axis=(0, 1)) / before.mean(axis=(0, 1))

        assert (after @ LUMA).mean() == pytest.approx((before @ LUMA).mean(), rel=0.03)
        assert 1.02 < gains.max() / gains.min() < 1.4


def test_blur_takes_pores_and_leaves_the_lesion() -> None:
    before, after = lesion(), changed("blur", lesion())
    sharpness = [image_statistics(picture)["sharpness"] for picture in (before, after)]

    assert -2 < sharpness[1] - sharpness[0] < -0.5
    assert np.abs(luma(after) - luma(before)).mean() < 2.2
    assert luma(after).mean() == pytest.approx(luma(before).mean(), abs=1)


def test_jpeg_leaves_blocks_of_eight_pixels() -> None:
    picture = lesion()

    def steps(shown: Image.Image) -> float:
        """Steps across the borders of blocks against those within."""
        across = np.abs(np.diff(luma(shown), axis=1))
        border = np.arange(SIDE - 1) % 8 == 7
        return float(across[:, border].mean() / across[:, ~border].mean())

    assert steps(picture) < 1.1
    assert steps(changed("JPEG quality 30", picture)) > 1.5


def test_a_rotation_keeps_the_colours_and_brings_in_no_black() -> None:
    for seed in SEEDS:
        before, after = levels(lesion(seed)), levels(changed("rotation", lesion(seed), seed))
        counts = [np.histogram(p @ LUMA, 16, (0, 255))[0] / SIDE**2 for p in (before, after)]

        assert np.abs(counts[0] - counts[1]).sum() / 2 < 0.15
        assert (after @ LUMA).min() > (before @ LUMA).min() - 25


def test_a_rotation_turns_about_the_centre() -> None:
    """A round lesion in the centre looks the same, one next to it moves."""
    assert rough_mask(changed("rotation", disc(0.5), 1))[RADIUS < 0.45].all()  # type: ignore[index]
    pixels = levels(disc(0.0))
    pixels[140:160, 240:260] = 20
    turned = luma(changed("rotation", Image.fromarray(pixels.astype(np.uint8)), 1))
    y, x = np.argwhere(turned < 60).mean(axis=0) - 149.5

    assert np.hypot(y, x) == pytest.approx(100, abs=2)
    assert np.hypot(y, x - 100) > 10


def test_a_crop_enlarges_by_a_tenth_to_a_quarter() -> None:
    for seed in SEEDS:
        areas = [(luma(p) < 130).sum() for p in (disc(0.5), changed("crop", disc(0.5), seed))]

        assert 1 / 0.91 < np.sqrt(areas[1] / areas[0]) < 1 / 0.79


def test_the_lesion_is_gone_under_the_cover() -> None:
    for seed in SEEDS:
        picture = disc(0.5)
        after = luma(covered(picture, np.random.default_rng(seed)))
        skin = luma(picture)[RADIUS > 0.9]

        assert after.min() > skin.min() - 10
        assert after[RADIUS < 0.5].mean() == pytest.approx(skin.mean(), abs=2)


def test_a_cover_is_as_grainy_as_the_skin_and_not_one_colour() -> None:
    after = levels(covered(disc(0.5), np.random.default_rng(0)))
    deviation = after[RADIUS < 0.5].std(axis=0)

    assert deviation == pytest.approx(levels(disc(0.5))[RADIUS > 0.9].std(axis=0), rel=0.4)


def test_shading_and_hairs_do_not_make_the_cover_coarse() -> None:
    shaded = levels(disc(0.5)) * np.linspace(0.6, 1.1, SIDE)[:, None, None]
    shaded[:, 10:14] = 20
    picture = Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))

    assert levels(covered(picture, np.random.default_rng(0)))[RADIUS < 0.5].std(axis=0).max() < 6


def test_the_rim_stays_as_it_was() -> None:
    for seed in SEEDS:
        picture = lesion(seed, MALIGNANT)
        after = levels(covered(picture, np.random.default_rng(seed)))
        cover = cover_mask(picture)

        assert cover[RADIUS <= COVER].all()
        assert np.array_equal(after[~cover], levels(picture)[~cover])


def test_the_cover_does_not_tell_the_size_of_the_lesion() -> None:
    drawn = [draw(seed, BENIGN, artefacts=()) for seed in range(12)]
    drawn.sort(key=lambda lesion: lesion.mask.sum())
    small, large = drawn[0], drawn[-3]
    areas = [cover_mask(Image.fromarray(lesion.image)).mean() for lesion in (small, large)]

    assert large.mask.sum() > 2 * small.mask.sum()
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


def test_a_lesion_beyond_the_disc_is_covered_with_a_margin() -> None:
    for radius in (0.82, 0.9):
        picture = disc(radius)
        after = luma(covered(picture, np.random.default_rng(0)))

        assert (after > 120).all()
        assert cover_mask(picture)[radius + 0.06 >= RADIUS].all()
    assert FEATHER < 0.05 * SIDE


def test_a_picture_with_nothing_on_it_is_covered_by_the_disc_alone() -> None:
    plain = Image.new("RGB", (SIDE, SIDE), (200, 150, 140))

    assert np.array_equal(cover_mask(plain), RADIUS <= COVER)
    assert np.abs(levels(covered(plain, np.random.default_rng(0))) - levels(plain)).max() <= 1


def test_a_lesion_that_fills_the_circle_is_covered_from_the_corners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled = "training.perturbations.rough_mask"
    monkeypatch.setattr(filled, lambda picture: RADIUS <= 1.0)
    after = luma(covered(disc(1.0), np.random.default_rng(0)))

    assert after.min() > 150
