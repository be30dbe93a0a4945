"""Scores match their definitions, and their intervals cover them."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from training import intervals
from training.intervals import share
from training.resampled import Samples
from training.scores import auroc, evaluate

AT_THRESHOLD = ("sensitivity", "specificity", "ppv_at_2_percent", "npv_at_2_percent")
SCORES = ("auroc", "auprc", *AT_THRESHOLD, "brier", "ece")


def sample(seed: int, count: int, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A third of them cancers."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation((np.arange(count) % 3 == 0).astype(np.int64))
    return 1 / (1 + np.exp(-rng.normal(signal * (2 * labels - 1), 1))), labels


def auprc(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    return Samples.of(benign, cancers).auprc()


def ece(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    return Samples.of(benign, cancers).ece()


def balanced(labels: np.ndarray) -> np.ndarray:
    """Weights that give each class a half."""
    return np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())


@pytest.mark.parametrize("digits", [1, 2, 12], ids=["many ties", "some ties", "no ties"])
def test_auroc_is_that_of_scikit_learn(digits: int) -> None:
    for seed in range(20):
        probabilities, labels = sample(seed, 30 + seed)
        rounded = probabilities.round(digits)
        ours = auroc(rounded[labels == 0][None], rounded[labels == 1][None])
        assert ours.shape == (1,)
        assert ours[0] == pytest.approx(roc_auc_score(labels, rounded), abs=1e-12)


def test_auprc_is_that_of_scikit_learn_with_balanced_weights() -> None:
    for seed in range(20):
        probabilities, labels = sample(seed, 30 + seed)
        ours = auprc(probabilities[labels == 0][None], probabilities[labels == 1][None])
        weights = balanced(labels)
        expected = average_precision_score(labels, probabilities, sample_weight=weights)
        assert ours[0] == pytest.approx(expected, abs=1e-12)
        assert abs(expected - average_precision_score(labels, probabilities)) > 1e-3


def test_of_equal_scores_auprc_takes_the_benign_first() -> None:
    assert auprc(np.array([[0.5]]), np.array([[0.5]]))[0] == pytest.approx(0.5)
    assert auprc(np.array([[0.1]]), np.array([[0.5]]))[0] == pytest.approx(1.0)


@pytest.mark.parametrize("score", [auroc, auprc, ece])
def test_many_samples_are_scored_at_once(score: type[auroc]) -> None:
    rng = np.random.default_rng(0)
    benign, cancers = rng.random((5, 7)), rng.random((5, 4)).round(1)
    together = score(benign, cancers)

    each = [score(benign[row][None], cancers[row][None])[0] for row in range(5)]
    np.testing.assert_allclose(together, each)
    assert len(set(each)) > 1


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7])
def test_every_score_is_that_of_scikit_learn(threshold: float) -> None:
    probabilities, labels = sample(3, 101)
    probabilities[:4] = threshold  # on the threshold it is called cancer
    result = evaluate(probabilities, labels, threshold, seed=0)

    called = (probabilities >= threshold).astype(int)
    weights = balanced(labels)
    rare = np.where(labels == 1, 0.02 / labels.sum(), 0.98 / (1 - labels).sum())
    expected = {
        "auroc": roc_auc_score(labels, probabilities),
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(labels, called, pos_label=0),
        "ppv_at_2_percent": precision_score(labels, called, sample_weight=rare),
        "npv_at_2_percent": precision_score(labels, called, pos_label=0, sample_weight=rare),
        "brier": brier_score_loss(labels, probabilities, sample_weight=weights),
    }
    assert set(result) == {"count", "cancers", "ece_if_perfect", *SCORES}
    assert result["count"] == 101
    assert result["cancers"] == 34
    for name, value in expected.items():
        assert result[name]["value"] == pytest.approx(value, abs=5.1e-5), name


def test_predictive_values_follow_bayes_theorem() -> None:
    # 8 of 10 cancers caught, 27 of 30 benign lesions cleared: 0.02 * 0.8 / (0.02 * 0.8 +
    # 0.98 * 0.1) = 0.016 / 0.114, and 0.98 * 0.9 / (0.98 * 0.9 + 0.02 * 0.2) = 0.882 / 0.886.
    labels = np.repeat([1, 0], [10, 30])
    probabilities = np.where(np.isin(np.arange(40), [0, 1, *range(13, 40)]), 0.2, 0.8)
    result = evaluate(probabilities, labels, 0.5, seed=0)

    assert result["sensitivity"]["value"] == 0.8
    assert result["specificity"]["value"] == 0.9
    assert result["ppv_at_2_percent"]["value"] == 0.1404
    assert result["npv_at_2_percent"]["value"] == 0.9955


@pytest.mark.parametrize(
    ("threshold", "name"), [(0.9, "ppv_at_2_percent"), (0.0, "npv_at_2_percent")]
)
def test_a_predictive_value_that_no_photograph_gives_is_none(threshold: float, name: str) -> None:
    result = evaluate(np.linspace(0.1, 0.8, 20), np.repeat([0, 1], 10), threshold, seed=0)

    assert result[name] == {"value": None, "low": None, "high": None}
    others = [result[other]["value"] for other in SCORES if other != name]
    assert None not in others


def test_the_calibration_error_of_a_worked_example() -> None:
    # Each of the 4 benign lesions weighs an eighth, each of the 2 cancers a quarter. From 0.1 to
    # 0.2: (0.12 + 0.18) / 8 predicted, nothing observed. From 0.6 to 0.7: (0.65 + 0.61) / 8 +
    # 0.63 / 4 predicted, 1 / 4 observed. The last holds 1 as well: 1 / 4 and 1 / 4.
    benign, cancers = np.array([[0.12, 0.18, 0.65, 0.61]]), np.array([[0.63, 1.0]])
    expected = 0.3 / 8 + abs(1.26 / 8 + 0.63 / 4 - 1 / 4)

    assert ece(benign, cancers)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rarity", [1, 9])
def test_perfectly_calibrated_probabilities_have_hardly_any_calibration_error(rarity: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(400_000)
    labels = rng.random(400_000) < scores
    benign, cancers = scores[~labels], scores[labels][::rarity]

    assert ece(benign[None], cancers[None])[0] < 0.005
    assert ece(benign[None] ** 2, cancers[None] ** 2)[0] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("prevalence", [0.1, 0.5])
def test_a_perfect_model_shows_the_calibration_error_said_of_one(prevalence: float) -> None:
    found, said = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels = (np.arange(240) < 240 * prevalence).astype(np.int64)
        # Normal in each class, as far apart as the square of the spread: the true log-odds.
        log_odds = rng.normal(2.0 * (labels - 0.5), np.sqrt(2.0))
        result = evaluate(1 / (1 + np.exp(-log_odds)), labels, 0.5, seed)
        found.append(result["ece"]["value"])
        said.append(result["ece_if_perfect"])
    surer = evaluate(1 / (1 + np.exp(-3 * log_odds)), labels, 0.5, seed)

    # Three standard errors of the mean of twelve; one that is too sure shows more.
    assert np.mean(found) == pytest.approx(np.mean(said), abs=3 * np.std(found) / np.sqrt(12))
    assert surer["ece"]["value"] - surer["ece_if_perfect"] > 0.03


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_intervals_contain_the_value(signal: float) -> None:
    for seed in range(5):
        probabilities, labels = sample(seed, 80, signal)
        result = evaluate(probabilities, labels, 0.5, seed)
        for name in SCORES:
            low, value, high = (result[name][key] for key in ("low", "value", "high"))
            assert 0 <= low <= value <= high <= 1, name
            assert low < high, name


def test_the_interval_of_the_calibration_error_is_about_the_value() -> None:
    # Of itself, a resample is calibrated worse than the sample: the value would lie at the edge.
    rng = np.random.default_rng(1)
    labels = np.arange(240) % 2
    log_odds = rng.normal(2.0 * (labels - 0.5), np.sqrt(2.0))  # the true ones
    found = evaluate(1 / (1 + np.exp(-log_odds)), labels, 0.5, seed=0)["ece"]

    below, above = found["value"] - found["low"], found["high"] - found["value"]
    assert 0.4 < below / above < 2.5


@pytest.mark.slow
def test_intervals_shrink_with_the_root_of_the_number_of_photographs() -> None:
    names = ("auroc", "sensitivity", "specificity", "brier")

    def widths(count: int) -> np.ndarray:
        results = [evaluate(*sample(seed, count, 0.7), 0.5, seed=0) for seed in range(8)]
        each = [[row[name]["high"] - row[name]["low"] for name in names] for row in results]
        return np.asarray(np.mean(each, axis=0))

    # Sixteen times the photographs, a quarter of the width.
    ratio = widths(45) / widths(720)
    assert (ratio > 3).all()
    assert (ratio < 5).all()


@pytest.mark.slow
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

    for name in ("auroc", *AT_THRESHOLD):
        assert result[name] == {"value": score, "low": score, "high": score}
    assert result["brier"]["value"] == 1 - score
    assert result["ece"]["value"] == 1 - score


def test_a_constant_classifier_has_no_skill() -> None:
    result = evaluate(np.full(30, 0.3), np.repeat([0, 1], [20, 10]), 0.3, seed=0)

    assert result["auroc"]["value"] == 0.5
    assert result["sensitivity"]["value"] == 1.0
    assert result["specificity"]["value"] == 0.0
    assert result["ece"]["value"] == 0.2


def test_numbers_are_plain_and_short() -> None:
    result = evaluate(*sample(0, 40), 0.5, seed=0)

    for name in SCORES:
        for number in result[name].values():
            assert type(number) is float
            assert number == round(number, 4)
    assert intervals.RESAMPLES == 2000


def test_a_share_has_the_interval_of_wilson() -> None:
    found = share(np.repeat([True, False], [80, 20]))

    # By hand: centre (0.8 + z2 / 200) / (1 + z2 / 100), z2 = 1.96 squared.
    assert found["value"] == 0.8
    assert found["low"] == pytest.approx(0.7112, abs=1e-3)
    assert found["high"] == pytest.approx(0.8666, abs=1e-3)
    everything = share(np.ones(60, dtype=bool))
    assert (everything["value"], everything["high"]) == (1, 1)
    assert everything["low"] == pytest.approx(60 / (60 + 1.96**2), abs=1e-3)
    assert share(np.array([], dtype=bool)) == {"value": None, "low": None, "high": None}
