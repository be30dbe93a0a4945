"""Temperature, threshold and uncertainty band are recovered, conservative and ordered."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from training.calibration import (
    Aims,
    Calibration,
    band_of,
    calibrate,
    shift,
    threshold_for,
    threshold_interval,
)

AIMS = Aims(sensitivity=0.95, alpha_malignant=0.025, alpha_benign=0.1)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


def sample(
    seed: int, count: int, distortion: float = 1.0, prevalence: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are too sure by a factor.

    Normal in each class, as far apart as the square of the spread: that makes them the true
    log-odds of cancer among as many of one as of the other.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation((np.arange(count) < prevalence * count).astype(np.int64))
    log_odds = rng.normal(2.0 * (labels - 0.5), np.sqrt(2.0), count)
    return log_odds * distortion, labels


@pytest.mark.parametrize("distortion", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("prevalence", [0.1, 0.5])
def test_a_known_shift_is_undone_however_rare_cancer_is(
    distortion: float, prevalence: float
) -> None:
    log_odds, labels = sample(0, 20_000, distortion, prevalence)

    assert shift(log_odds - 0.8, labels) == pytest.approx(0.8, abs=0.1 * distortion)


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_log_odds_that_do_not_rise_with_the_label_are_not_shifted(slope: float) -> None:
    labels = np.arange(40) % 2

    assert shift(slope * labels + 0.3, labels) == 0


@pytest.mark.parametrize("distortion", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("prevalence", [0.1, 0.5])
def test_a_known_distortion_is_undone_however_rare_cancer_is(
    distortion: float, prevalence: float
) -> None:
    log_odds, labels = sample(0, 6000, distortion, prevalence)
    fitted = calibrate(log_odds, labels, AIMS)

    # The standard error on 600 cancers is about 5 %. Were the rare class to weigh less, the
    # temperature would have to make up for an offset that it cannot express.
    assert fitted.temperature == pytest.approx(distortion, rel=0.12)
    probabilities = fitted.probabilities(log_odds)
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        inside = (probabilities >= low) & (probabilities < high)
        weights = np.where(labels == 1, 1 / labels.sum(), 1 / (1 - labels).sum())[inside]
        observed = np.average(labels[inside], weights=weights)
        assert observed == pytest.approx(probabilities[inside].mean(), abs=0.07)


def test_the_temperature_is_that_of_least_balanced_loss() -> None:
    log_odds, labels = sample(1, 400, 2.0, 0.2)
    fitted = calibrate(log_odds, labels, AIMS)
    weights = np.where(labels == 1, 1 / labels.sum(), 1 / (1 - labels).sum())

    def loss(temperature: float) -> float:
        given = sigmoid(log_odds / temperature)
        return float(log_loss(labels, given, sample_weight=weights))

    least = loss(fitted.temperature)
    assert all(least <= loss(fitted.temperature * factor) for factor in (0.5, 0.98, 1.02, 2))


def test_probabilities_are_the_sigmoid_at_the_temperature_and_keep_the_order() -> None:
    own = Calibration(temperature=2.0, threshold=0.5, near_threshold=(0.4, 0.6))
    given = own.probabilities(np.array([-4.0, 0.0, 2.0]))

    np.testing.assert_allclose(given, [0.11920292, 0.5, 0.73105858])


@pytest.mark.parametrize("sensitivity", [0.5, 0.8, 0.9, 0.95, 0.98, 1.0])
def test_the_threshold_is_the_highest_that_catches_the_share_asked_for(sensitivity: float) -> None:
    rng = np.random.default_rng(int(sensitivity * 100))
    for _ in range(200):
        digits = int(rng.integers(1, 9))  # few digits make ties
        cancers = rng.random(int(rng.integers(1, 60))).round(digits)
        threshold = threshold_for(cancers, sensitivity)

        assert np.mean(cancers >= threshold - 1e-12) >= sensitivity - 1e-12
        enough = [value for value in cancers if np.mean(cancers >= value) >= sensitivity - 1e-12]
        # Not more than the six digits below the highest that would do.
        assert max(enough) - 1.000001e-6 <= threshold <= max(enough) + 1e-12


@pytest.mark.parametrize(("count", "sensitivity", "caught"), [(20, 0.95, 19), (100, 0.55, 55)])
def test_an_exact_share_asks_for_no_cancer_more(
    count: int, sensitivity: float, caught: int
) -> None:
    cancers = np.linspace(0.1, 0.9, count)

    assert (cancers >= threshold_for(cancers, sensitivity)).sum() == caught


def test_the_cancer_that_sets_the_threshold_is_caught_as_it_is_served() -> None:
    # Probabilities are served rounded to six digits; half of them are rounded down.
    for cancer in np.random.default_rng(0).random(2000):
        threshold = threshold_for(np.array([cancer]), 0.95)
        assert round(float(cancer), 6) >= threshold
        assert threshold == pytest.approx(round(threshold, 6), abs=1e-15)


@pytest.mark.slow
def test_the_interval_of_the_threshold_holds_the_true_one_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        cancers = np.random.default_rng(seed).random(200)
        found = threshold_interval(cancers, 0.9, seed)
        assert found["low"] <= found["value"] <= found["high"]
        assert found["value"] == threshold_for(cancers, 0.9)
        inside += found["low"] <= 0.1 <= found["high"]
    # 57 of 60 are expected; fewer than 51 would be three standard errors off.
    assert inside >= 51


def test_the_interval_of_the_threshold_is_decided_by_the_seed_and_shrinks() -> None:
    cancers = np.random.default_rng(3).random(3200)
    first, again, other = (threshold_interval(cancers, 0.9, seed) for seed in (0, 0, 1))

    assert first == again
    assert first != other
    assert first["value"] == other["value"]
    # A sixteenth of the cancers, about four times the width.
    few = threshold_interval(cancers[:200], 0.9, 0)
    assert 2 < (few["high"] - few["low"]) / (first["high"] - first["low"]) < 8


@pytest.mark.parametrize("aims", [AIMS, Aims(0.9, 0.1, 0.03)], ids=["usual", "others"])
@pytest.mark.parametrize("signal", [0.5, 2.0], ids=["overlapping", "apart"])
def test_share_of_wrongly_excluded_new_photographs_is_that_of_the_aims(
    aims: Aims, signal: float
) -> None:
    rng = np.random.default_rng(7)
    misses, alarms = [], []
    for _ in range(300):
        labels = np.repeat([0, 1], [133, 97])
        # A score that no calibration would give: the guarantee asks for nothing but a fair draw.
        given, new = (
            sigmoid(rng.exponential(1.0, 230) + signal * labels - 1) ** 3 for _ in range(2)
        )
        low, high = band_of(given, labels, aims)
        misses.append(np.mean(new[labels == 1] < low))
        alarms.append(np.mean(new[labels == 0] > high))

    # On average over draws. Of 97 + 1 cancers the share is rounded down to a whole one, and where
    # the classes are so far apart that the band's ends change places, fewer are ruled out.
    missed, alarmed = int(aims.alpha_malignant * 98) / 98, int(aims.alpha_benign * 134) / 134
    error_of = {
        name: 3 * np.std(found) / np.sqrt(len(found)) + 1e-9
        for name, found in (("misses", misses), ("alarms", alarms))
    }
    assert np.mean(misses) <= aims.alpha_malignant + error_of["misses"]
    assert np.mean(alarms) <= aims.alpha_benign + error_of["alarms"]
    if signal < 1:
        assert abs(np.mean(misses) - missed) < error_of["misses"]
        assert abs(np.mean(alarms) - alarmed) < error_of["alarms"]


@pytest.mark.parametrize(
    ("cancers", "benign", "ends"),
    [
        (38, 8, (True, True)),
        (39, 8, (False, True)),
        (38, 9, (True, False)),
        (39, 9, (False, False)),
    ],
)
def test_where_too_few_photographs_can_tell_nothing_is_ruled_out(
    cancers: int, benign: int, ends: tuple[bool, bool]
) -> None:
    # One in 40 and one in 10, the new photograph being one of them.
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [cancers, benign])
    low, high = band_of(rng.uniform(0.1, 0.9, len(labels)), labels, AIMS)

    assert (low == 0.0, high == 1.0) == ends


def test_between_classes_that_are_far_apart_lies_the_band() -> None:
    benign, cancers = np.linspace(0.05, 0.2, 100), np.linspace(0.8, 0.95, 100)
    labels = np.repeat([0, 1], 100)
    low, high = band_of(np.concatenate([benign, cancers]), labels, AIMS)

    # The tenth highest of the benign, the second lowest of the cancers.
    assert low == pytest.approx(benign[-10], abs=1e-6)
    assert high == pytest.approx(cancers[1], abs=1e-6)


def test_the_band_of_classes_that_overlap_is_made_of_their_order_statistics() -> None:
    rng = np.random.default_rng(4)
    probabilities = rng.random(300)
    labels = rng.permutation(np.repeat([0, 1], 150))
    low, high = band_of(probabilities, labels, AIMS)

    # 2.5 % of 151 are three cancers, 10 % of 151 fifteen benign lesions.
    cancers, benign = (np.sort(probabilities[labels == label]) for label in (1, 0))
    assert low == pytest.approx(cancers[2], abs=1e-6)
    assert high == pytest.approx(benign[-15], abs=1e-6)
    # On the safe side of the rounding as it is served.
    assert low <= round(float(cancers[2]), 6)
    assert high >= round(float(benign[-15]), 6)


@pytest.mark.slow
def test_the_band_always_holds_the_threshold() -> None:
    outside = 0
    for seed in range(40):
        aims = (AIMS, Aims(0.5, 0.2, 0.4), Aims(1.0, 0.3, 0.0))[seed % 3]
        log_odds, labels = sample(seed, 150)
        fitted = calibrate(log_odds, labels, aims)
        low, high = fitted.near_threshold
        assert low <= fitted.threshold <= high
        probabilities = fitted.probabilities(log_odds)
        assert fitted.threshold == threshold_for(probabilities[labels == 1], aims.sensitivity)
        plain = band_of(probabilities, labels, aims)
        assert low <= plain[0]
        assert high >= plain[1]
        outside += not plain[0] <= fitted.threshold <= plain[1]
    assert outside > 5  # or nothing was shown


def test_a_higher_sensitivity_asks_for_a_lower_threshold() -> None:
    log_odds, labels = sample(3, 400)
    thresholds = [
        calibrate(log_odds, labels, Aims(aim, 0.025, 0.1)).threshold for aim in (0.5, 0.8, 0.95, 1)
    ]

    assert thresholds == sorted(thresholds, reverse=True)
    assert len(set(thresholds)) == 4


@pytest.mark.parametrize("reach", [5.0, 40.0, 1000.0])
def test_classes_that_do_not_overlap_are_calibrated_without_a_warning(reach: float) -> None:
    log_odds = np.concatenate([np.linspace(-reach, -1, 20), np.linspace(1, reach, 20)])
    labels = np.repeat([0, 1], 20)
    fitted = calibrate(log_odds, labels, AIMS)

    assert np.isfinite(fitted.temperature)
    assert 0 < fitted.threshold <= 1
