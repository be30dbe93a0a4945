"""Shift, temperature, threshold and uncertainty band, fitted on out-of-fold predictions.

Both classes have the same weight, so a probability assumes as many cancers as benign lesions. For
a lower prevalence it is converted with Bayes' rule (``evaluation`` gives PPV and NPV at 2 %).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from handlers.card import Interval, OperatingPoint
from training.intervals import RESAMPLES
from training.settings import Aims

UNPENALISED: Final = 1e4
"""Inverse regularisation strength that leaves the optimum where it is, and finite."""
PREVALENCE: Final = 0.5
"""Prevalence of cancer that probabilities assume."""


@dataclass(frozen=True)
class Calibration(OperatingPoint):
    """Parameters that turn log-odds into a probability and a label."""

    def probabilities(self, log_odds: np.ndarray) -> np.ndarray:
        """Compute calibrated P(cancer), shape (n,)."""
        return np.asarray(expit(log_odds / self.temperature))


def calibrate(log_odds: np.ndarray, labels: np.ndarray, aims: Aims) -> Calibration:
    """Fit on photographs that the model was not fitted on.

    Args:
        log_odds: uncalibrated, shape (n,).
        labels: 0 or 1, shape (n,).
        aims: of the threshold and the band.
    """
    temperature = _temperature(log_odds, labels)
    probabilities = expit(log_odds / temperature)
    threshold = threshold_for(probabilities[labels == 1], aims.sensitivity)
    low, high = band_of(probabilities, labels, aims)
    return Calibration(temperature, threshold, (min(low, threshold), max(high, threshold)))


def shift(log_odds: np.ndarray, labels: np.ndarray) -> float:
    """Return what is to be added to log-odds for Platt scaling (Platt 1999) without a constant.

    A final layer knows the cancers that it was fitted on, and gives others too little. Platt
    scaling has a slope and a constant; with this in the layer's bias, the slope is left, which is
    the temperature.

    Args:
        log_odds: of photographs that the model was not fitted on, shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        0 where log-odds do not rise with the label, so that there is nothing to scale.
    """
    model = LogisticRegression(C=UNPENALISED, class_weight="balanced")
    model.fit(log_odds[:, None], labels)
    slope, constant = float(model.coef_[0, 0]), float(model.intercept_[0])
    return constant / slope if slope > 0 else 0.0


def band_of(probabilities: np.ndarray, labels: np.ndarray, aims: Aims) -> tuple[float, float]:
    """Compute the uncertainty band by split conformal prediction, per class (Vovk 2012).

    Below the band "cancer" is ruled out, above it "no cancer". For photographs of the same
    distribution the error rates of ``aims`` hold whatever the model; the order statistics are those
    of n + 1, the new photograph being one of them.

    Args:
        probabilities: P(cancer), shape (n,).
        labels: 0 or 1, shape (n,).
        aims: the shares of each class that may be ruled out wrongly.
    """
    cancers, benign = (np.sort(probabilities[labels == label]) for label in (1, 0))
    misses = int(aims.alpha_malignant * (len(cancers) + 1) + 1e-9)
    alarms = int(aims.alpha_benign * (len(benign) + 1) + 1e-9)
    low = float(np.floor(cancers[misses - 1] * 1e6) / 1e6) if misses else 0.0
    high = float(np.ceil(benign[len(benign) - alarms] * 1e6) / 1e6) if alarms else 1.0
    # If the classes are separated, the gap between them resembles neither.
    return min(low, high), max(low, high)


def _temperature(log_odds: np.ndarray, labels: np.ndarray) -> float:
    weights = compute_sample_weight("balanced", labels)
    found = minimize_scalar(
        lambda power: log_loss(labels, expit(log_odds / np.exp(power)), sample_weight=weights),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def threshold_for(cancers: np.ndarray, sensitivity: float) -> float:
    """Find the highest threshold that still has the required sensitivity.

    Rounded down to six digits, as probabilities are rounded to six: the cancer that sets the
    threshold stays on the right side of it.

    Args:
        cancers: probabilities of photographs that are cancer, shape (n,).
        sensitivity: 0 to 1.
    """
    needed = int(np.ceil(sensitivity * len(cancers) - 1e-9))
    lowest_caught = np.sort(cancers)[::-1][max(needed, 1) - 1]
    return float(np.floor(lowest_caught * 1e6) / 1e6)


def threshold_interval(cancers: np.ndarray, sensitivity: float, seed: int) -> Interval:
    """Compute the threshold with its bootstrap 95 % interval: ``value``, ``low``, ``high``.

    All three are probabilities.

    Args:
        cancers: probabilities of photographs that are cancer, shape (n,).
        sensitivity: 0 to 1.
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        threshold_for(rng.choice(cancers, len(cancers)), sensitivity) for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": threshold_for(cancers, sensitivity), "low": float(low), "high": float(high)}
