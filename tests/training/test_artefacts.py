"""Artefacts are drawn as requested, leave the lesion unchanged, and do not depend on the class."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from training.synthetic import ARTEFACTS, BENIGN, MALIGNANT, SyntheticLesion, draw

pytestmark = pytest.mark.slow


LABELS = (BENIGN, MALIGNANT)


@pytest.mark.parametrize("asked", [(), ("hair",), ("ruler", "ink"), ARTEFACTS])
def test_artefacts_are_exactly_those_asked_for(asked: tuple[str, ...]) -> None:
    assert draw(1, BENIGN, size=64, artefacts=asked).artefacts == frozenset(asked)
    assert draw(1, BENIGN, size=64, artefacts=list(asked)).artefacts == frozenset(asked)


def test_no_artefacts_means_none_painted() -> None:
    bare = draw(4, BENIGN, artefacts=())

    for name in ARTEFACTS:
        assert not np.array_equal(draw(4, BENIGN, artefacts=[name]).image, bare.image)


def test_artefacts_are_equally_frequent_in_both_classes() -> None:
    drawn = {label: [draw(seed, label, size=64) for seed in range(400)] for label in LABELS}

    for name in ARTEFACTS:
        share = [np.mean([name in lesion.artefacts for lesion in drawn[label]]) for label in LABELS]
        assert min(share) > 0.08
        # Four standard errors of the difference of two shares near 0.25 are 0.122.
        assert abs(share[0] - share[1]) < 0.122


@cache
def changed(seed: int, label: int, name: str) -> tuple[NDArray[np.bool_], SyntheticLesion]:
    """Pixels that one artefact changes by more than 12 levels, and the picture without it."""
    bare = draw(seed, label, artefacts=())
    painted = draw(seed, label, artefacts=[name])
    assert np.array_equal(bare.mask, painted.mask)
    difference = np.abs(bare.image.astype(int) - painted.image.astype(int))
    return difference.max(axis=2) > 12, bare


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", ARTEFACTS)
def test_each_artefact_changes_the_picture(name: str, label: int) -> None:
    shares = [changed(seed, label, name)[0].mean() for seed in range(8)]

    assert np.median(shares) > 0.002
    assert max(shares) < 0.5


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(("name", "covered"), [("ruler", 0.02), ("ink", 0.0), ("hair", 0.35)])
def test_artefacts_leave_the_lesion_to_be_seen(name: str, covered: float, label: int) -> None:
    for seed in range(8):
        pixels, bare = changed(seed, label, name)
        assert pixels[bare.mask].mean() <= covered


def test_dark_corners_are_dark_and_leave_the_middle_alone() -> None:
    for seed in range(8):
        pixels, _ = changed(seed, BENIGN, "dark_corners")
        image = draw(seed, BENIGN, artefacts=["dark_corners"]).image
        corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.max() < 60
        assert not pixels[110:190, 110:190].any()
