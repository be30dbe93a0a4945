"""No lesion is on both sides of a split, and every photograph is held out once."""

from __future__ import annotations

import numpy as np
import pytest

from training import folds
from training.dataset import DatasetError
from training.folds import Fold


def mixed(seed: int, count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups: most lesions with one photograph, some with up to eight, a few of which
    are labelled both ways."""
    random = np.random.default_rng(seed)
    sizes = random.choice([1, 1, 1, 1, 2, 3, 8], size=count)
    groups = random.permutation(np.repeat(np.arange(count), sizes)[:count])
    labels = random.integers(0, 2, count)[groups]
    contradicting = random.random(count) < 0.03
    return np.where(contradicting, 1 - labels, labels), groups


def sides(fold: Fold, groups: np.ndarray) -> tuple[set[int], set[int]]:
    learn, held = fold
    return set(groups[learn].tolist()), set(groups[held].tolist())


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_on_one_side_and_every_photograph_is_held_out_once(seed: int) -> None:
    labels, groups = mixed(seed)

    found = folds.grouped(labels, groups, 5, seed)

    assert len(found) == 5
    held_out = np.concatenate([held for _, held in found])
    assert sorted(held_out.tolist()) == list(range(len(labels)))
    for learn, held in found:
        assert sorted([*learn.tolist(), *held.tolist()]) == list(range(len(labels)))
        one, other = sides((learn, held), groups)
        assert not one & other


@pytest.mark.parametrize("seed", range(20))
def test_a_share_is_held_out_and_no_group_is_on_both_sides(seed: int) -> None:
    labels, groups = mixed(seed)

    learn, held = folds.held_out(labels, groups, 0.2, seed)

    assert sorted([*learn.tolist(), *held.tolist()]) == list(range(len(labels)))
    assert len(held) / len(labels) == pytest.approx(0.2, abs=0.08)
    one, other = sides((learn, held), groups)
    assert not one & other


@pytest.mark.parametrize("malignant", [0.5, 0.2])
def test_classes_are_in_balance(malignant: float) -> None:
    labels = (np.arange(200) < 200 * malignant).astype(np.int64)
    groups = np.arange(200) // 2

    for learn, held in folds.grouped(labels, groups, 5, 3):
        assert labels[held].mean() == pytest.approx(malignant, abs=0.05)
        assert labels[learn].mean() == pytest.approx(malignant, abs=0.02)


def test_without_near_duplicates_folds_are_of_one_size() -> None:
    labels = np.arange(100) % 2

    found = folds.grouped(labels, np.arange(100), 4, 0)

    assert [len(held) for _, held in found] == [25] * 4


@pytest.mark.parametrize(("lesions", "expected"), [(2, 2), (3, 3), (7, 5)])
def test_there_are_fewer_folds_where_a_class_shows_fewer_lesions(
    lesions: int, expected: int
) -> None:
    labels = np.repeat([0, 1], [40, 20])
    groups = np.concatenate([np.arange(40), 40 + np.arange(20) % lesions])

    found = folds.grouped(labels, groups, 5, 0)

    assert len(found) == expected
    for learn, held in found:
        assert len(held)
        assert set(labels[learn].tolist()) == {0, 1}


@pytest.mark.parametrize(("label", "name"), [(0, "benign"), (1, "malignant")])
def test_a_class_of_one_lesion_is_refused_by_name(label: int, name: str) -> None:
    labels = np.repeat([label, 1 - label], [6, 20])
    groups = np.concatenate([np.zeros(6, dtype=int), 1 + np.arange(20)])

    with pytest.raises(DatasetError) as raised:
        folds.grouped(labels, groups, 5, 0)
    assert f"the photographs of {name} show 1 different lesions" in str(raised.value)
    assert "make audit" in str(raised.value)
    with pytest.raises(DatasetError):
        folds.held_out(labels, groups, 0.2, 0)


def test_folds_that_could_not_learn_a_class_are_refused() -> None:
    # Three lesions, one labelled both ways: a fold would hold out all but one photograph.
    labels, groups = np.array([1, 0, 0, 1]), np.array([0, 1, 2, 2])

    with pytest.raises(DatasetError, match=r"2 different lesions .* too few to hold some out"):
        folds.grouped(labels, groups, 2, 0)


def test_a_lesion_with_both_labels_is_a_lesion_of_both_classes() -> None:
    # Every benign photograph shows a lesion that is called malignant as well.
    labels = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    groups = np.array([0, 0, 0, 0, 0, 0, 0, 1])

    with pytest.raises(DatasetError, match="of benign show 1 different lesions"):
        folds.grouped(labels, groups, 2, 0)


def test_folds_follow_the_seed() -> None:
    labels, groups = mixed(1)

    one, same, other = (folds.grouped(labels, groups, 5, seed) for seed in (4, 4, 5))

    assert [held.tolist() for _, held in one] == [held.tolist() for _, held in same]
    assert [held.tolist() for _, held in one] != [held.tolist() for _, held in other]


def test_the_seed_is_all_that_is_random() -> None:
    labels, groups = mixed(2)
    state = np.random.get_state()
    first = folds.held_out(labels, groups, 0.15, 0)
    np.random.seed(77)
    second = folds.held_out(labels, groups, 0.15, 0)
    np.random.set_state(state)

    assert first[1].tolist() == second[1].tolist()
