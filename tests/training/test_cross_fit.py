"""No out-of-fold prediction comes from a model fitted on the photograph or a near-duplicate."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from handlers.reference import Reference
from training import folds
from training.backbone import Backbone
from training.cross_fit import Fitted, cross_fit
from training.dataset import Progress
from training.features import Features
from training.head import Choice, Head, HeadRecipe

COUNT = 60


@dataclass(frozen=True)
class Numbered:
    """A model whose log-odds of photograph i are i, plus a thousand times its own number."""

    backbone: Backbone
    number: int
    rows: np.ndarray

    @property
    def head(self) -> Head:
        return Head(np.array([1.0, *np.zeros(self.rows.shape[1] - 1)]), 1000.0 * self.number)

    @property
    def tuned(self) -> None:
        pass

    def features(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(self.rows[places])


@dataclass
class Recorder:
    """A recipe that remembers what it was fitted to."""

    backbone: Backbone
    rows: np.ndarray
    learned: list[np.ndarray] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def fit(self, learn: np.ndarray, seed: int) -> Fitted:
        self.learned.append(learn)
        self.seeds.append(seed)
        return Numbered(self.backbone, len(self.learned) - 1, self.rows)


@pytest.fixture
def recorder(network: Backbone) -> Recorder:
    rows = np.random.default_rng(0).normal(size=(COUNT, 40))
    rows[:, 0] = np.arange(COUNT)
    return Recorder(network, rows)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(1).permutation(np.arange(COUNT) % 3 == 0).astype(np.int64)


def test_every_photograph_is_predicted_once_by_a_fit_that_never_saw_it_nor_its_group(
    recorder: Recorder, labels: np.ndarray, silent: Progress
) -> None:
    groups = np.random.default_rng(2).integers(0, 25, COUNT)
    split = folds.grouped(labels, groups, 5, 0)
    found, _ = cross_fit(recorder.fit, split, 7, silent)

    own, number = found.log_odds % 1000, (found.log_odds // 1000).astype(int)
    np.testing.assert_allclose(own, np.arange(COUNT))
    assert set(number) == set(range(5))
    for place in range(COUNT):
        learned = recorder.learned[number[place]]
        assert place not in learned
        assert groups[place] not in groups[learned]
        assert len(learned) + sum(number == number[place]) == COUNT
    assert recorder.seeds == [7] * 5


def test_the_distance_is_to_what_the_fit_learned_from(
    recorder: Recorder, labels: np.ndarray, silent: Progress
) -> None:
    split = folds.grouped(labels, np.arange(COUNT), 3, 0)
    found, _ = cross_fit(recorder.fit, split, 0, silent)

    for learn, hold in split:
        expected = Reference.fit(recorder.rows[learn]).distance(recorder.rows[hold])
        np.testing.assert_allclose(found.distance[hold], expected)
    # Photographs lie nearer to a mean that they are part of.
    seen = Reference.fit(recorder.rows).distance(recorder.rows)
    assert np.median(seen) < np.median(found.distance)


def test_progress_is_reported_for_each_fold(recorder: Recorder, labels: np.ndarray) -> None:
    calls: list[tuple[str, int, int]] = []
    split = folds.grouped(labels, np.arange(COUNT), 4, 0)
    cross_fit(recorder.fit, split, 0, lambda *call: calls.append(call))

    assert calls == [("folds", number, 4) for number in range(1, 5)]


def test_memorised_labels_do_not_improve_out_of_fold_predictions(
    network: Backbone, silent: Progress
) -> None:
    rng = np.random.default_rng(3)
    views = rng.normal(size=(120, 5, 200)).astype(np.float32)
    labels = rng.permutation(np.arange(120) % 2)  # that the features say nothing of
    recipe = HeadRecipe(
        network,
        Features(views, np.empty((120, 4)), np.empty((120, 0))),
        labels,
        Choice(0.3, "none", ()),
    )
    split = folds.grouped(labels, np.arange(120), 5, 0)
    found, _ = cross_fit(recipe.fit, split, 0, silent)

    by_heart = recipe.fit(np.arange(120), 0).head.log_odds(views[:, 0])
    assert np.mean((by_heart > 0) == labels) > 0.95
    assert 0.3 < np.mean((found.log_odds > 0) == labels) < 0.7
