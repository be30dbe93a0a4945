"""The learning curve: parts of lesions that grow, scored by cross-validation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from training.evaluation.learning_curve import SHARES, part_of


def test_parts_grow_and_keep_lesions_together() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 100)
    labels = (groups % 3 == 0).astype(np.int64)
    learn = np.flatnonzero(rng.random(100) < 0.8)
    parts = [part_of(learn, labels, groups, share, 1) for share in SHARES]

    for share, part in zip(SHARES, parts, strict=True):
        inside = set(groups[part])
        assert {int(place) for place in learn if groups[place] in inside} == set(part.tolist())
        for label in (0, 1):
            lesions = len(set(groups[learn[labels[learn] == label]]))
            own = len(set(groups[part[labels[part] == label]]))
            assert own == max(1, round(share * lesions))
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    np.testing.assert_array_equal(parts[-1], learn)


def test_another_repeat_takes_other_lesions() -> None:
    places, labels = np.arange(40), np.arange(40) % 2
    one, other = (set(part_of(places, labels, places, 0.25, seed)) for seed in (0, 1))

    assert one != other


@pytest.mark.parametrize("label", [0, 1])
def test_the_smallest_part_has_both_classes(label: int) -> None:
    places, labels = np.arange(6), np.asarray([0, 0, 0, 1, 1, 1])

    assert label in labels[part_of(places, labels, places, 0.1, 0)]
