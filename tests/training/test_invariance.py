"""The penalty on what perturbations change makes a final layer blind to exactly that."""

from dataclasses import replace

import numpy as np
import pytest

from training import invariance
from training.dataset import Progress
from training.folds import Fold, grouped
from training.invariance import TRIED, WEIGHTS, Perturbed, Regularisation, Rows

COUNT, WIDTH = 160, 6
MOVED = 1
"""The feature that perturbations change. It tells the label, and so does the first."""


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(1).permutation(np.arange(COUNT) % 2)


@pytest.fixture(scope="module")
def rows(labels: np.ndarray) -> Rows:
    """Features of two orientations; 40 photographs are perturbed in three ways."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(COUNT, 1, WIDTH)) + 0.1 * rng.normal(size=(COUNT, 2, WIDTH))
    values[:, :, :2] += 1.2 * labels[:, None, None]
    values = values.astype(np.float32)
    places = np.arange(0, COUNT, 4)
    after = values[places, :1].repeat(3, axis=1)
    after[:, :, MOVED] += rng.normal(scale=10, size=after.shape[:2])
    return Rows(values, Perturbed(places, values[places, 0], after))


@pytest.fixture(scope="module")
def folds(labels: np.ndarray) -> list[Fold]:
    return grouped(labels, np.arange(COUNT), 3, 0)


def test_covariance_is_that_of_the_changes_of_the_photographs_that_may_be_used() -> None:
    before = np.array([[1, 1], [5, 5], [9, 9]], dtype=np.float32)
    after = before[:, None] + np.array([[[1, 2]], [[3, 0]], [[99, 99]]], dtype=np.float32)

    found = Perturbed(np.array([2, 4, 7]), before, after).covariance(np.array([0, 2, 4]))

    np.testing.assert_array_equal(found, [[(1 + 9) / 2, 1], [1, 2]])


def test_what_moves_is_used_less_the_larger_the_weight(rows: Rows, labels: np.ndarray) -> None:
    everything = np.arange(COUNT)

    fitted = [rows.fit(labels, everything, Regularisation(0.01, weight)) for weight in WEIGHTS]

    moved = [abs(head.weights[MOVED]) for head in fitted]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 0.1 * moved[0]
    # What does not move takes its place.
    assert fitted[-1].weights[0] > fitted[0].weights[0]


def test_without_a_weight_or_perturbed_photographs_the_penalty_is_the_plain_one(
    rows: Rows, labels: np.ndarray
) -> None:
    everything = np.arange(COUNT)

    plain = rows.fit(labels, everything, Regularisation(0.01))
    none = Rows(rows.values).fit(labels, everything, Regularisation(0.01, 30.0))

    np.testing.assert_array_equal(plain.weights, none.weights)


def test_weight_is_chosen_where_perturbed_photographs_lose_without_it(
    rows: Rows, labels: np.ndarray, folds: list[Fold], silent: Progress
) -> None:
    chosen = invariance.choose(rows, labels, folds, silent)
    plain = invariance.choose(Rows(rows.values), labels, folds, silent)

    assert chosen.invariance > 0
    assert plain.invariance == 0
    assert {chosen.strength, plain.strength} <= set(TRIED)


def test_no_weight_is_chosen_where_nothing_moves(
    rows: Rows, labels: np.ndarray, folds: list[Fold], silent: Progress
) -> None:
    perturbed = rows.perturbed
    assert perturbed is not None
    still = replace(perturbed, after=perturbed.before[:, None].repeat(3, axis=1))

    chosen = invariance.choose(replace(rows, perturbed=still), labels, folds, silent)

    assert chosen.invariance == 0


def test_fold_is_fitted_without_its_held_out_photographs_perturbed_or_not(
    rows: Rows, labels: np.ndarray, folds: list[Fold]
) -> None:
    perturbed, hold = rows.perturbed, folds[0][1]
    assert perturbed is not None
    values, after = rows.values.copy(), perturbed.after.copy()
    values[hold] += 5
    after[np.isin(perturbed.places, hold)] += 100
    other = Rows(values, replace(perturbed, after=after))
    chosen = Regularisation(0.01, 10.0)

    own, changed = (invariance.heads([one] * 3, labels, folds, chosen) for one in (rows, other))

    np.testing.assert_array_equal(own[0].weights, changed[0].weights)
    assert not np.array_equal(own[1].weights, changed[1].weights)


def test_selected_features_stay_together(rows: Rows) -> None:
    some = rows.select(np.array([3, 0]))

    assert rows.perturbed is not None
    assert some.perturbed is not None
    assert some.columns == 2
    np.testing.assert_array_equal(some.values, rows.values[:, :, [3, 0]])
    np.testing.assert_array_equal(some.perturbed.before, rows.perturbed.before[:, [3, 0]])
    np.testing.assert_array_equal(some.perturbed.after, rows.perturbed.after[:, :, [3, 0]])
