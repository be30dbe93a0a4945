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
    found = minimize_scalar(
        lambda power: log_loss(labels, expit(log_odds / np.exp(power))),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    temperature = float(np.exp(found.x))
    cancers = expit(log_odds[labels == 1] / temperature)
    low, high = (threshold_for(cancers, aim) for aim in BAND)
    return Calibration(temperature, threshold_for(cancers, sensitivity), (low, high))


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
