"""Test the outline of a lesion."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handlers.imaging import centre_view
from handlers.segmentation import rough_mask
from training.synthetic import draw

SKIN, MOLE = (225, 180, 160), (110, 60, 45)


def disc(box: tuple[int, int, int, int], *, corners: bool = False) -> Image.Image:
    """Dark disc on plain skin, optionally with the dark rim of a dermatoscope."""
    picture = Image.new("RGB", (224, 224), "black" if corners else SKIN)
    pen = ImageDraw.Draw(picture)
    if corners:
        pen.ellipse((-8, -8, 231, 231), fill=SKIN)
    pen.ellipse(box, fill=MOLE)
    return picture


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Dice's coefficient."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def painted(picture: Image.Image) -> np.ndarray:
    return (np.asarray(picture) == MOLE).all(axis=2)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("box", [(72, 72, 152, 152), (40, 60, 180, 170), (90, 50, 140, 100)])
def test_outlines_a_dark_disc(box: tuple[int, int, int, int], corners: bool) -> None:
    picture = disc(box, corners=corners)

    mask = rough_mask(picture)

    assert mask is not None
    assert mask.shape == (224, 224)
    assert mask.dtype == np.bool_
    assert overlap(mask, painted(picture)) > 0.85


def test_outlines_a_light_patch_on_dark_skin() -> None:
    picture = disc((72, 72, 152, 152))
    inverted = Image.fromarray(255 - np.asarray(picture))

    mask = rough_mask(inverted)

    assert mask is not None
    assert overlap(mask, painted(picture)) > 0.85


def test_black_corners_are_not_a_lesion() -> None:
    mask = rough_mask(disc((72, 72, 152, 152), corners=True))

    assert mask is not None
    assert not mask[:24, :24].any()
    assert not mask[-24:, -24:].any()


@pytest.mark.parametrize("colour", ["black", "white", SKIN])
def test_uniform_picture_has_no_outline(colour: object) -> None:
    assert rough_mask(Image.new("RGB", (224, 224), colour)) is None  # type: ignore[arg-type]


def test_speck_is_not_a_lesion() -> None:
    assert rough_mask(disc((111, 111, 112, 112))) is None


def test_outlines_synthetic_lesions() -> None:
    found = []
    for seed in range(10):
        lesion = draw(seed, seed % 2, size=224)
        mask = rough_mask(centre_view(Image.fromarray(lesion.image)))
        found.append(0.0 if mask is None else overlap(mask, lesion.mask))

    assert np.median(found) > 0.75
    assert min(found) > 0.4
