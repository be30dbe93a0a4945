"""Temperature, threshold and the band around it, all from validation data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

BAND = (0.98, 0.90)
"""Sensitivities whose thresholds bound the band in which a person must look."""


@dataclass(frozen=True)
class Calibration:
    """How log-odds become a probability and a label."""

    temperature: float
    threshold: float
    """P(cancer) from which the label is ``cancer``."""
    band: tuple[float, float]
    """P(cancer) between the thresholds for 98 % and for 90 % sensitivity: here a slightly
    different choice would have changed the label."""

    def probabilities(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrated P(cancer), shape (n,)."""
        return np.asarray(expit(log_odds / self.temperature))


def calibrate(log_odds: np.ndarray, labels: np.ndarray, sensitivity: float) -> Calibration:
    """Fit on validation data.

    Args:
        log_odds: uncalibrated, shape (n,).
        labels: 0 or 1, shape (n,).
        sensitivity: share of the cancers that the threshold must catch.
    """
    temperature = _temperature(log_odds, labels)
    cancers = expit(log_odds[labels == 1] / temperature)
    low, high = (threshold_for(cancers, aim) for aim in BAND)
    return Calibration(temperature, threshold_for(cancers, sensitivity), (low, high))


def recalibrate(
    log_odds: np.ndarray, labels: np.ndarray, sensitivity: float, before: np.ndarray
) -> Calibration:
    """Fit anew for the same model, rounded otherwise, so that few labels change.

    The threshold of :func:`calibrate` is the score of one single cancer, which rounding moves as
    much as any. Of all that keep the sensitivity, this is the one that changes fewest labels.

    Args:
        log_odds: of the model as it rounds now, shape (n,).
        labels: 0 or 1, shape (n,).
        sensitivity: share of the cancers that the threshold must catch.
        before: whether the model as it was called them ``cancer``, shape (n,).
    """
    fitted = calibrate(log_odds, labels, sensitivity)
    probabilities = fitted.probabilities(log_odds)
    # Between two neighbours the labels are the same: their middle stands for all.
    ordered = np.unique(probabilities)
    middles = np.floor((ordered[1:] + ordered[:-1]) / 2 * 1e6) / 1e6
    candidates = np.append(middles[middles <= fitted.threshold], fitted.threshold)
    changed = [int(np.sum((probabilities >= one) != before)) for one in candidates]
    # Of equals the highest: fewer false alarms.
    best = max(range(len(candidates)), key=lambda place: (-changed[place], candidates[place]))
    return Calibration(fitted.temperature, float(candidates[best]), fitted.band)


def _temperature(log_odds: np.ndarray, labels: np.ndarray) -> float:
    found = minimize_scalar(
        lambda power: log_loss(labels, expit(log_odds / np.exp(power))),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def threshold_for(cancers: np.ndarray, sensitivity: float) -> float:
    """The highest threshold that still catches the share asked for.

    Rounded down to six digits, as probabilities are rounded to six: the cancer that sets the
    threshold stays on the right side of it.

    Args:
        cancers: probabilities of photographs that are cancer, shape (n,).
        sensitivity: 0 to 1.
    """
    needed = int(np.ceil(sensitivity * len(cancers) - 1e-9))
    lowest_caught = np.sort(cancers)[::-1][max(needed, 1) - 1]
    return float(np.floor(lowest_caught * 1e6) / 1e6)
