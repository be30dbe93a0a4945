"""Deletion and insertion curves reward correct maps; ties are broken consistently."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from training.evaluation.explanations.curves import (
    GRID,
    SHARES,
    Curves,
    curves,
    on_grid,
    ranks,
)

Logits = Callable[[torch.Tensor], torch.Tensor]


def curves_of(logits: Logits, values: np.ndarray) -> Curves:
    inputs, blank = torch.ones(1, 3, 224, 224), torch.zeros(1, 3, 224, 224)

    def score(pictures: torch.Tensor) -> np.ndarray:
        return logits(pictures)[:, 1].numpy()

    return curves(score, inputs, blank, values, (float(score(inputs)[0]), float(score(blank)[0])))


def areas(found: Curves) -> tuple[float, float]:
    drawn = Curves.stacked([found])
    return float(drawn.areas("deletion")[0]), float(drawn.areas("insertion")[0])


def test_a_map_of_what_the_model_reads_has_the_best_areas_there_are(
    reads_corner: Logits, corner: np.ndarray
) -> None:
    right = areas(curves_of(reads_corner, corner))
    wrong = areas(curves_of(reads_corner, -corner))

    # The quarter is gone, or whole, after 4 of 16 steps, and in between it goes evenly.
    assert right == pytest.approx((0.125, 0.875))
    assert wrong == pytest.approx((0.875, 0.125))


def test_each_step_replaces_the_stated_number_of_cells(reads_corner: Logits) -> None:
    def whole(inputs: torch.Tensor) -> torch.Tensor:
        seen = inputs.mean(dim=(1, 2, 3))
        return torch.stack([-seen, seen], dim=1)

    found = curves_of(whole, np.random.default_rng(0).random((7, 7), dtype=np.float32))

    assert len(SHARES) == 17
    assert found.deletion == pytest.approx(1 - SHARES)
    assert found.insertion == pytest.approx(SHARES)


def test_the_most_important_place_is_first_and_the_least_is_last() -> None:
    values = np.random.default_rng(0).permutation(GRID**2).reshape(GRID, GRID)

    assert np.array_equal(ranks(values), GRID**2 - 1 - values)


def test_equal_places_come_in_one_order_that_points_nowhere() -> None:
    order = ranks(np.zeros((GRID, GRID), dtype=np.float32))

    assert np.array_equal(order, ranks(np.ones((GRID, GRID), dtype=np.float32)))
    assert sorted(order.ravel()) == list(range(GRID**2))
    for half in (order[:14], order[14:], order[:, :14], order[:, 14:]):
        assert half.mean() == pytest.approx(order.mean(), rel=0.05)


@pytest.mark.parametrize("side", [7, 8, 28, 56, 224])
def test_a_map_of_any_size_is_brought_to_the_same_places(side: int) -> None:
    axis = (np.arange(side) + 0.5) / side
    slope = np.repeat(axis[None], side, axis=0).astype(np.float32)
    found = on_grid(slope)

    assert found.shape == (GRID, GRID)
    inner = slice(2, -2)  # beyond the middle of the outer places, bilinear has nothing to go by
    expected = (np.arange(GRID) + 0.5)[inner] / GRID
    assert found[:, inner] == pytest.approx(np.repeat(expected[None], GRID, axis=0), abs=1e-6)
