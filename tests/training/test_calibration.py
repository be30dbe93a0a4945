"""Temperature, threshold and band: recovered, on the safe side, and in order."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from training import calibration
from training.calibration import Calibration, calibrate, threshold_for


def sample(seed: int, count: int, distortion: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that are too sure by a factor, with labels drawn from the true ones."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-0.5, 1.5, count)
    labels = (rng.random(count) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    return log_odds * distortion, labels


@pytest.mark.parametrize("distortion", [0.25, 1.0, 3.0])
def test_a_known_distortion_is_undone(distortion: float) -> None:
    log_odds, labels = sample(0, 4000, distortion)
    fitted = calibrate(log_odds, labels, 0.95)

    # The standard error of a logistic slope on 4,000 photographs is about 4 %.
    assert fitted.temperature == pytest.approx(distortion, rel=0.12)
    probabilities = fitted.probabilities(log_odds)
    for low, high in ((0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        inside = (probabilities >= low) & (probabilities < high)
        assert labels[inside].mean() == pytest.approx(probabilities[inside].mean(), abs=0.06)


def test_the_temperature_is_that_of_least_loss() -> None:
    log_odds, labels = sample(1, 300, 2.0)
    fitted = calibrate(log_odds, labels, 0.95)

    def loss(temperature: float) -> float:
        return float(log_loss(labels, 1 / (1 + np.exp(-log_odds / temperature))))

    least = loss(fitted.temperature)
    assert all(least <= loss(fitted.temperature * factor) for factor in (0.5, 0.95, 1.05, 2))


def test_probabilities_are_the_sigmoid_at_the_temperature_and_keep_the_order() -> None:
    own = Calibration(temperature=2.0, threshold=0.5, band=(0.4, 0.6))
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


def test_the_thresholds_of_the_band_lie_on_both_sides() -> None:
    for seed in range(30):
        log_odds, labels = sample(seed, 150)
        fitted = calibrate(log_odds, labels, 0.95)
        low, high = fitted.band
        assert low <= fitted.threshold <= high
        cancers = fitted.probabilities(log_odds[labels == 1])
        assert np.mean(cancers >= low) >= calibration.BAND[0]
        assert np.mean(cancers >= high) >= calibration.BAND[1]
    assert low < high


def test_a_higher_sensitivity_asks_for_a_lower_threshold() -> None:
    log_odds, labels = sample(3, 400)
    thresholds = [calibrate(log_odds, labels, aim).threshold for aim in (0.5, 0.8, 0.95, 1.0)]

    assert thresholds == sorted(thresholds, reverse=True)
    assert len(set(thresholds)) == 4


@pytest.mark.parametrize("reach", [5.0, 40.0, 1000.0])
def test_classes_that_do_not_overlap_are_calibrated_without_a_warning(reach: float) -> None:
    log_odds = np.concatenate([np.linspace(-reach, -1, 20), np.linspace(1, reach, 20)])
    labels = np.repeat([0, 1], 20)
    fitted = calibrate(log_odds, labels, 0.95)

    assert np.isfinite(fitted.temperature)
    assert 0 < fitted.threshold <= 1
