"""The curves have the end points and areas that match the scores."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from training.evaluation.curves import POINTS, curves
from training.scores import evaluate

THRESHOLD = 0.4


def sample(count: int, digits: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A quarter of them cancers."""
    rng = np.random.default_rng(0)
    labels = rng.permutation((np.arange(count) % 4 == 0).astype(np.int64))
    scores = 1 / (1 + np.exp(-rng.normal(2 * labels - 1, 1.2)))
    return scores.round(digits), labels


def balanced(labels: np.ndarray) -> np.ndarray:
    """Weights that give each class a half."""
    return np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())


@pytest.fixture(scope="module", params=[120, 800], ids=["every point", "thinned"])
def drawn(request: pytest.FixtureRequest) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    probabilities, labels = sample(request.param)
    return curves(probabilities, labels, THRESHOLD, 0), probabilities, labels


def test_the_roc_curve_is_monotonic_from_0_to_1(
    drawn: tuple[dict[str, Any], np.ndarray, np.ndarray],
) -> None:
    given, probabilities, labels = drawn
    alarms, caught = given["roc"]["false_positive_rate"], given["roc"]["sensitivity"]

    assert (alarms[0], caught[0]) == (0, 0)
    assert (alarms[-1], caught[-1]) == (1, 1)
    assert len(alarms) == len(caught) <= POINTS
    assert (np.diff(alarms) >= 0).all()
    assert (np.diff(caught) >= 0).all()
    score = evaluate(probabilities, labels, THRESHOLD, 0)["auroc"]["value"]
    assert np.trapezoid(caught, alarms) == pytest.approx(score, abs=2e-3)


@pytest.mark.parametrize("digits", [1, 2, 12], ids=["many ties", "some ties", "no ties"])
def test_roc_and_precision_recall_curves_equal_scikit_learn(digits: int) -> None:
    probabilities, labels = sample(100, digits)
    given = curves(probabilities, labels, THRESHOLD, 0)

    alarms, caught, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    np.testing.assert_allclose(given["roc"]["false_positive_rate"], alarms, atol=6e-5)
    np.testing.assert_allclose(given["roc"]["sensitivity"], caught, atol=6e-5)
    precision, recall, _ = precision_recall_curve(
        labels, probabilities, sample_weight=balanced(labels)
    )
    # Theirs goes the other way and ends with a separate point.
    own = given["precision_recall"]
    np.testing.assert_allclose(own["recall"], recall[:-1][::-1], atol=6e-5)
    np.testing.assert_allclose(own["precision"], precision[:-1][::-1], atol=6e-5)


def test_with_everybody_called_precision_is_a_half(
    drawn: tuple[dict[str, Any], np.ndarray, np.ndarray],
) -> None:
    own = drawn[0]["precision_recall"]

    assert (own["recall"][-1], own["precision"][-1]) == (1, 0.5)
    assert (np.diff(own["recall"]) >= 0).all()


def test_the_bins_of_reliability_hold_every_photograph_once(
    drawn: tuple[dict[str, Any], np.ndarray, np.ndarray],
) -> None:
    given, probabilities, labels = drawn
    rows = given["reliability"]

    assert sum(row["count"] for row in rows) == len(labels)
    weights = balanced(labels)
    for row in rows:
        inside = (probabilities >= row["from"]) & (probabilities < row["to"])
        assert row["count"] == inside.sum()
        assert row["from"] <= row["predicted"] <= row["to"]
        observed = np.average(labels[inside], weights=weights[inside])
        assert row["observed"] == pytest.approx(observed, abs=6e-5)
        assert 0 <= row["low"] <= row["observed"] <= row["high"] <= 1
    # What the bins say together is the calibration error.
    share = [weights[(probabilities * 10).astype(int) == round(10 * row["from"])] for row in rows]
    gaps = [abs(row["predicted"] - row["observed"]) for row in rows]
    error = sum(part.sum() * gap for part, gap in zip(share, gaps, strict=True))
    expected = evaluate(probabilities, labels, THRESHOLD, 0)["ece"]["value"]
    assert error == pytest.approx(expected, abs=2e-4)


def test_a_probability_of_one_is_in_the_last_bin_and_empty_bins_are_left_out() -> None:
    given = curves(np.array([0.05, 0.07, 1.0]), np.array([0, 0, 1]), 0.5, 0)["reliability"]

    assert [(row["from"], row["to"], row["count"]) for row in given] == [(0, 0.1, 2), (0.9, 1, 1)]


def test_where_all_are_given_a_label_the_risk_is_the_balanced_error(
    drawn: tuple[dict[str, Any], np.ndarray, np.ndarray],
) -> None:
    given, probabilities, labels = drawn
    coverage, risk = given["risk_coverage"]["coverage"], given["risk_coverage"]["risk"]

    called = probabilities >= THRESHOLD
    error = ((~called)[labels == 1].mean() + called[labels == 0].mean()) / 2
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(error, abs=6e-5)
    assert (np.diff(coverage) >= 0).all()
    # The surest first: half of them are told with less error than all.
    half = int(np.searchsorted(coverage, 0.5))
    assert risk[half] < 0.7 * risk[-1]


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        # Half way from 0.2 to 0 and a quarter of the way to 1: the one below is the surer.
        (0.1, 0.4, {"coverage": [0.25, 0.5, 1.0], "risk": [0.0, 0.5, 0.75]}),
        # 35 % of the way to 0 and 37.5 % of the way to 1: now it is the other.
        (0.13, 0.5, {"coverage": [0.25, 0.75, 1.0], "risk": [0.0, 0.6667, 0.75]}),
    ],
)
def test_how_sure_a_label_is_is_measured_from_the_threshold_to_the_end_of_its_side(
    below: float, above: float, expected: dict[str, list[float]]
) -> None:
    # The third, 0.9, is right, the others are wrong; the one benign lesion weighs a half.
    probabilities, labels = np.array([below, above, 0.9]), np.array([1, 0, 1])

    assert curves(probabilities, labels, 0.2, 0)["risk_coverage"] == expected


def test_the_seed_decides_the_intervals_and_nothing_else() -> None:
    probabilities, labels = sample(120)
    first, again, other = (curves(probabilities, labels, THRESHOLD, seed) for seed in (0, 0, 1))

    assert first == again
    assert first["reliability"] != other["reliability"]
    assert {**first, "reliability": []} == {**other, "reliability": []}
