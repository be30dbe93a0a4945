"""Curves behind the scores: ROC, precision and recall, reliability, risk and coverage."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.metrics import roc_curve

from training.evaluation.documents import Curves, ReliabilityBin, RiskCoverage
from training.intervals import RESAMPLES
from training.resampled import BINS

POINTS: Final = 200
"""Maximum number of points of a curve."""


def curves(probabilities: np.ndarray, labels: np.ndarray, threshold: float, seed: int) -> Curves:
    """Return all curves as plain lists, each class with a weight of a half.

    Args:
        probabilities: P(cancer), shape (n,).
        labels: 0 or 1, shape (n,).
        threshold: P(cancer) from which the label is ``cancer``.
        seed: of the resampling behind the intervals.
    """
    weights = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels == 0).sum())
    # One step per distinct probability: equal ones get the same label.
    alarms, caught, _ = roc_curve(labels, probabilities, drop_intermediate=False)
    precision = caught[1:] / (caught[1:] + alarms[1:])
    return {
        "roc": {"false_positive_rate": _thinned(alarms), "sensitivity": _thinned(caught)},
        "precision_recall": {"recall": _thinned(caught[1:]), "precision": _thinned(precision)},
        "reliability": _reliability(probabilities, labels, weights, seed),
        "risk_coverage": _risk_coverage(probabilities, labels, weights, threshold),
    }


def _reliability(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int
) -> list[ReliabilityBin]:
    """Predicted and observed share of cancer in each non-empty bin."""
    rng = np.random.default_rng(seed)
    places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    rows = []
    for place in np.unique(places):
        inside = places == place
        own, outcome = weights[inside], labels[inside]
        drawn = rng.integers(0, len(own), (RESAMPLES, len(own)))
        observed = (own[drawn] * outcome[drawn]).sum(axis=1) / own[drawn].sum(axis=1)
        low, high = np.percentile(observed, (2.5, 97.5))
        row: ReliabilityBin = {
            "count": int(inside.sum()),
            "from": round(float(place / BINS), 4),
            "to": round(float((place + 1) / BINS), 4),
            "predicted": round(float(np.average(probabilities[inside], weights=own)), 4),
            "observed": round(float(np.average(outcome, weights=own)), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        }
        rows.append(row)
    return rows


def _risk_coverage(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, threshold: float
) -> RiskCoverage:
    """Share of wrong labels among the most certain answers (El-Yaniv & Wiener 2010)."""
    called = probabilities >= threshold
    sure = np.where(
        called,
        (probabilities - threshold) / max(1 - threshold, 1e-9),
        (threshold - probabilities) / max(threshold, 1e-9),
    )
    order = np.argsort(-sure, kind="stable")
    coverage = np.cumsum(weights[order])
    risk = np.cumsum(weights[order] * (called[order] != labels[order])) / coverage
    return {"coverage": _thinned(coverage), "risk": _thinned(risk)}


def _thinned(values: np.ndarray) -> list[float]:
    count = min(len(values), POINTS)
    places = np.linspace(0, len(values) - 1, count).round().astype(int)
    return [round(float(value), 4) for value in values[places]]
