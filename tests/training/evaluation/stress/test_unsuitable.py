"""Unsuitable pictures have the stated defect, and differ from each other."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from handlers.drift import image_statistics
from handlers.quality import LUMA
from training.evaluation.stress import unsuitable
from training.evaluation.stress.unsuitable import DRAWN, SPOILT
from training.perturbations import SIDE
from training.synthetic import MALIGNANT, draw

pytestmark = pytest.mark.slow

SEEDS = range(8)


def redrawn(name: str, seed: int) -> Image.Image:
    return DRAWN[name](np.random.default_rng(seed))


drawn = cache(redrawn)
"""The same pictures for all tests, which only measure them."""


@cache
def lesion(seed: int) -> Image.Image:
    return Image.fromarray(draw(seed, MALIGNANT, artefacts=()).image)


def spoilt(name: str, picture: Image.Image, seed: int) -> Image.Image:
    return SPOILT[name](picture, np.random.default_rng(seed))


def luma(picture: Image.Image) -> NDArray[np.float64]:
    """0 to 1, shape (300, 300)."""
    return np.asarray(np.asarray(picture, dtype=np.float64) @ LUMA / 255)


def test_the_kinds_are_those_of_the_report() -> None:
    assert list(DRAWN) == ["no skin", "page of text", "face", "noise"]
    assert list(SPOILT) == ["blurred", "over-exposed", "under-exposed"]


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_generator_draws_the_same_bytes(name: str) -> None:
    pictures = [drawn(name, seed) for seed in SEEDS]

    for seed, picture in zip(SEEDS, pictures, strict=True):
        assert (picture.mode, picture.size) == ("RGB", (SIDE, SIDE))
        assert picture.tobytes() == redrawn(name, seed).tobytes()
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


@pytest.mark.parametrize("name", SPOILT)
def test_the_same_generator_spoils_to_the_same_bytes(name: str) -> None:
    picture = lesion(0)
    for seed in SEEDS:
        after = spoilt(name, picture, seed)
        assert (after.mode, after.size) == ("RGB", (SIDE, SIDE))
        assert after.tobytes() == spoilt(name, picture, seed).tobytes()
    assert picture.tobytes() == lesion.__wrapped__(0).tobytes()
    assert spoilt(name, picture, 0).tobytes() != spoilt(name, picture, 1).tobytes()


@pytest.mark.parametrize("scene", unsuitable._SCENES, ids=lambda scene: scene.__name__)
def test_a_scene_fills_the_picture_and_is_no_flat_colour(scene) -> None:  # type: ignore[no-untyped-def]
    for seed in SEEDS:
        pixels = scene(np.random.default_rng(seed))
        assert pixels.shape == (SIDE, SIDE, 3)
        quarters = [half for row in np.split(pixels, 2) for half in np.split(row, 2, axis=1)]
        assert min(quarter.std(axis=(0, 1)).max() for quarter in quarters) > 0.8
        assert 10 < pixels.mean() < 250


def test_every_scene_comes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    numbered = tuple(lambda generator, number=number: number for number in range(7))
    assert len(unsuitable._SCENES) == 7
    monkeypatch.setattr(unsuitable, "_SCENES", numbered)
    monkeypatch.setattr(unsuitable, "photographed", lambda generator, scene: scene)

    assert {DRAWN["no skin"](np.random.default_rng(seed)) for seed in range(80)} == set(range(7))


def test_a_page_is_bright_with_dark_strokes_in_lines() -> None:
    for seed in SEEDS:
        page = luma(drawn("page of text", seed))
        paper = np.median(page)
        strokes = page < 0.6 * paper

        assert paper > 0.6
        assert 0.02 < strokes.mean() < 0.3
        # Lines of writing: rows differ far more than columns do, turned back by some angle.
        turns = [ndimage.rotate(strokes.astype(float), turn, order=0) for turn in range(-9, 10)]
        middle = [turned[60:-60, 60:-60] for turned in turns]
        ratio = max(m.mean(axis=1).std() / m.mean(axis=0).std() for m in middle)
        assert ratio > 2.4, seed


def test_a_face_is_skin_of_any_tone_with_darker_eyes() -> None:
    tones = []
    for seed in SEEDS:
        pixels = np.asarray(drawn("face", seed), dtype=np.float64)
        cheeks = pixels[165:180, 130:170].reshape(-1, 3).mean(axis=0)

        assert cheeks[0] > cheeks[1] > cheeks[2]
        assert pixels[110:160, 80:220].min() < 0.6 * cheeks.min()
        tones.append(cheeks.mean())
    assert max(tones) > 1.5 * min(tones)


def test_noise_has_three_kinds_all_coloured() -> None:
    def neighbours(picture: Image.Image) -> float:
        red = np.asarray(picture, dtype=np.float64)[:, :, 0]
        return float(np.corrcoef(red[:, 1:].ravel(), red[:, :-1].ravel())[0, 1])

    pictures = [drawn("noise", seed) for seed in range(24)]
    rough = [picture for picture in pictures if neighbours(picture) < 0.05]
    even = [picture for picture in rough if np.asarray(picture).std(axis=(0, 1)).min() > 72]

    assert len(rough) + sum(neighbours(picture) > 0.8 for picture in pictures) == 24
    assert 0 < len(even) < len(rough) < 24
    for picture in pictures:
        red, green, _ = np.asarray(picture, dtype=np.float64).reshape(-1, 3).T
        assert abs(np.corrcoef(red, green)[0, 1]) < 0.6


def test_blur_takes_the_fine_structures() -> None:
    for seed in range(12):
        before, after = lesion(seed), spoilt("blurred", lesion(seed), seed)
        sharpness = [image_statistics(picture)["sharpness"] for picture in (before, after)]
        assert sharpness[1] < sharpness[0] - 1, seed
        assert luma(after).mean() == pytest.approx(luma(before).mean(), abs=0.02)


def test_blur_has_the_deviation_it_says_along_its_direction() -> None:
    """One bright dot shows the kernel: its largest deviation is sigma, round or along a line."""
    dot = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    dot[135:166, 135:166] = 255  # a square of 31 px, deviation 8.94, to survive rounding
    kinds = set()
    for seed in range(16):
        weight = luma(spoilt("blurred", Image.fromarray(dot), seed))
        spread = np.cov(np.indices(weight.shape).reshape(2, -1), aweights=weight.ravel())
        across, along = np.sqrt(np.maximum(np.linalg.eigvalsh(spread) - (31**2 - 1) / 12, 0))
        kinds.add("motion" if across < 0.5 * along else "focus")
        assert 5.5 < along < 12.5, seed
    assert kinds == {"motion", "focus"}


def test_over_exposed_clips_at_least_half_of_the_pixels() -> None:
    for seed in SEEDS:
        before, after = lesion(seed), np.asarray(spoilt("over-exposed", lesion(seed), seed))
        white = (after > 250).all(axis=2)

        assert 0.5 <= white.mean() <= 0.9
        assert (after >= np.asarray(before)).all()


def test_under_exposed_is_nearly_black_and_noisy() -> None:
    for seed in SEEDS:
        after = luma(spoilt("under-exposed", lesion(seed), seed))

        assert 0.01 < after.mean() < 0.08
        assert (after - ndimage.gaussian_filter(after, 2)).std() > 0.002


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_pictures_are_spoilt_too(name: str, level: int) -> None:
    assert spoilt(name, Image.new("RGB", (SIDE, SIDE), (level,) * 3), 0).size == (SIDE, SIDE)
