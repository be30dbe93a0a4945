"""Scores are those of the textbook, and their intervals say how sure they are."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from training import evaluation
from training.evaluation import auroc, evaluate

SCORES = ("auroc", "sensitivity", "specificity", "brier")


def sample(seed: int, count: int, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2)
    return 1 / (1 + np.exp(-rng.normal(signal * (2 * labels - 1), 1))), labels


@pytest.mark.parametrize("digits", [1, 2, 12], ids=["many ties", "some ties", "no ties"])
def test_auroc_is_that_of_scikit_learn(digits: int) -> None:
    for seed in range(20):
        probabilities, labels = sample(seed, 30 + seed)
        rounded = probabilities.round(digits)
        ours = auroc(rounded[labels == 0][None], rounded[labels == 1][None])
        assert ours.shape == (1,)
        assert ours[0] == pytest.approx(roc_auc_score(labels, rounded), abs=1e-12)


def test_auroc_scores_many_samples_at_once() -> None:
    rng = np.random.default_rng(0)
    benign, cancers = rng.random((5, 7)), rng.random((5, 4)).round(1)
    together = auroc(benign, cancers)

    each = [auroc(benign[row][None], cancers[row][None])[0] for row in range(5)]
    np.testing.assert_allclose(together, each)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7])
def test_every_score_is_that_of_scikit_learn(threshold: float) -> None:
    probabilities, labels = sample(3, 101)
    probabilities[:4] = threshold  # on the threshold it is called cancer
    result = evaluate(probabilities, labels, threshold, seed=0)

    called = (probabilities >= threshold).astype(int)
    expected = {
        "auroc": roc_auc_score(labels, probabilities),
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(labels, called, pos_label=0),
        "brier": brier_score_loss(labels, probabilities),
    }
    assert set(result) == {"count", *SCORES}
    assert result["count"] == 101
    for name in SCORES:
        assert result[name]["value"] == pytest.approx(expected[name], abs=5.1e-5)


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_intervals_contain_the_value(signal: float) -> None:
    for seed in range(5):
        probabilities, labels = sample(seed, 80, signal)
        result = evaluate(probabilities, labels, 0.5, seed)
        for name in SCORES:
            low, value, high = (result[name][key] for key in ("low", "value", "high"))
            assert 0 <= low <= value <= high <= 1
            assert low < high


def test_intervals_shrink_with_the_root_of_the_number_of_photographs() -> None:
    def widths(count: int) -> np.ndarray:
        results = [evaluate(*sample(seed, count, 0.7), 0.5, seed=0) for seed in range(8)]
        each = [[row[name]["high"] - row[name]["low"] for name in SCORES] for row in results]
        return np.mean(each, axis=0)

    # Sixteen times the photographs, a quarter of the width.
    ratio = widths(40) / widths(640)
    assert (ratio > 3).all()
    assert (ratio < 5).all()


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = np.repeat([0, 1], 60)
        result = evaluate(rng.random(120), labels, 0.3, seed)["sensitivity"]
        inside += result["low"] <= 0.7 <= result["high"]
    # 57 of 60 are expected; fewer than 51 would be three standard errors off.
    assert inside >= 51


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    probabilities, labels = sample(2, 90)
    first, again, other = (evaluate(probabilities, labels, 0.5, seed) for seed in (0, 0, 1))

    assert first == again
    assert first != other
    assert [first[name]["value"] for name in SCORES] == [other[name]["value"] for name in SCORES]


def test_resamples_keep_the_number_of_each_class() -> None:
    # One cancer among many: a resample that mixed the classes would often hold none of it.
    labels = np.array([1] + [0] * 30)
    probabilities = np.array([0.9] + [0.1] * 30)
    result = evaluate(probabilities, labels, 0.5, seed=0)

    assert result["sensitivity"] == {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.parametrize(("right", "score"), [(True, 1.0), (False, 0.0)])
def test_a_classifier_that_is_always_right_or_always_wrong(right: bool, score: float) -> None:
    labels = np.repeat([0, 1], 10)
    probabilities = (labels if right else 1 - labels).astype(float)
    result = evaluate(probabilities, labels, 0.5, seed=0)

    for name in ("auroc", "sensitivity", "specificity"):
        assert result[name] == {"value": score, "low": score, "high": score}
    assert result["brier"]["value"] == 1 - score


def test_a_classifier_that_says_the_same_of_all_has_no_skill() -> None:
    result = evaluate(np.full(20, 0.3), np.repeat([0, 1], 10), 0.3, seed=0)

    assert result["auroc"]["value"] == 0.5
    assert result["sensitivity"]["value"] == 1.0
    assert result["specificity"]["value"] == 0.0


def test_numbers_are_plain_and_short() -> None:
    result = evaluate(*sample(0, 40), 0.5, seed=0)

    for name in SCORES:
        for number in result[name].values():
            assert type(number) is float
            assert number == round(number, 4)
    assert evaluation.RESAMPLES == 2000
