"""Scores on the test photographs, with confidence intervals."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

RESAMPLES: Final = 2000


def evaluate(
    probabilities: np.ndarray, labels: np.ndarray, threshold: float, seed: int
) -> dict[str, Any]:
    """Score a classifier.

    Args:
        probabilities: P(cancer), shape (n,).
        labels: 0 or 1, shape (n,).
        threshold: P(cancer) from which the label is ``cancer``.
        seed: of the resampling.

    Returns:
        ``count``, and ``auroc``, ``sensitivity``, ``specificity`` and ``brier``, each with its
        ``value`` and the bootstrap 95 % interval ``low`` to ``high``: percentiles of 2,000
        resamples, drawn from each class on its own.
    """
    rng = np.random.default_rng(seed)
    benign, cancers = probabilities[labels == 0], probabilities[labels == 1]
    point = _scores(benign[None], cancers[None], threshold)
    spread = _scores(
        rng.choice(benign, (RESAMPLES, len(benign))),
        rng.choice(cancers, (RESAMPLES, len(cancers))),
        threshold,
    )
    result: dict[str, Any] = {"count": len(labels)}
    for name, value in point.items():
        low, high = np.percentile(spread[name], (2.5, 97.5))
        numbers = {"value": value[0], "low": low, "high": high}
        result[name] = {key: round(float(number), 4) for key, number in numbers.items()}
    return result


def _scores(benign: np.ndarray, cancers: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Scores of many samples at once: probabilities of shapes (r, b) and (r, c), scores (r,)."""
    squares = (benign**2).sum(axis=1) + ((1 - cancers) ** 2).sum(axis=1)
    return {
        "auroc": auroc(benign, cancers),
        "sensitivity": (cancers >= threshold).mean(axis=1),
        "specificity": (benign < threshold).mean(axis=1),
        "brier": squares / (benign.shape[1] + cancers.shape[1]),
    }


def auroc(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982).

    Args:
        benign, cancers: scores of shapes (r, b) and (r, c), r samples at once.

    Returns:
        Shape (r,).
    """
    count = cancers.shape[1]
    ranks = rankdata(np.concatenate([cancers, benign], axis=1), axis=1)[:, :count]
    wins = ranks.sum(axis=1) - count * (count + 1) / 2
    return np.asarray(wins / (count * benign.shape[1]))
