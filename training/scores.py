"""Scores with bootstrap 95 % intervals.

Scores that depend on prevalence (AUPRC, Brier score, calibration error) assume as many cancers as
benign lesions, like the probabilities: each class has a weight of a half. PPV and NPV are given for
a prevalence of 2 %.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

from training.intervals import RESAMPLES, Interval, interval

BINS: Final = 10
"""Number of equally wide bins of the calibration error."""
RARE: Final = 0.02
"""Prevalence for which PPV and NPV are given: few of the moles that people have examined are
melanoma."""
AT_ONCE: Final = 200
"""Resamples in memory at a time."""


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
        ``count``, ``cancers``, and ``auroc``, ``auprc``, ``sensitivity``, ``specificity``,
        ``ppv_at_2_percent``, ``npv_at_2_percent``, ``brier`` and ``ece``, each with its ``value``
        and the interval ``low`` to ``high``: percentiles of 2,000 resamples, drawn from each class
        on its own. A resample is always calibrated worse than the sample, so the interval of
        ``ece`` is moved until the middle of the resamples is the value. A predictive value that no
        photograph gives (nobody called ``cancer``) is None. ``ece_if_perfect`` is what a model
        whose every probability is right would show on so few photographs.
    """
    rng = np.random.default_rng(seed)
    benign, cancers = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)

    def scored(drawn_benign: np.ndarray, drawn_cancers: np.ndarray) -> dict[str, np.ndarray]:
        found = _scores(probabilities[drawn_benign], probabilities[drawn_cancers], threshold)
        return {"auroc": _auroc_of(probabilities, drawn_benign, drawn_cancers), **found}

    point = scored(benign[None], cancers[None])
    parts = [
        scored(*(rng.choice(own, (AT_ONCE, len(own))) for own in (benign, cancers)))
        for _ in range(RESAMPLES // AT_ONCE)
    ]
    result: dict[str, Any] = {"count": len(labels), "cancers": len(cancers)}
    for name, value in point.items():
        spread = np.concatenate([part[name] for part in parts])
        if name == "ece":
            spread = np.maximum(spread + value[0] - np.median(spread), 0)
        result[name] = interval(float(value[0]), spread)
    perfect = _ece_if_perfect(probabilities[benign], probabilities[cancers], rng)
    result["ece_if_perfect"] = round(perfect, 4)
    return result


def _ece_if_perfect(benign: np.ndarray, cancers: np.ndarray, rng: np.random.Generator) -> float:
    """Mean calibration error of a model whose probabilities are all right."""
    probabilities = np.concatenate([benign, cancers])
    # Probabilities assume equal classes; labels are drawn at the actual prevalence (Bayes'
    # rule).
    odds = probabilities / np.maximum(1 - probabilities, 1e-9) * len(cancers) / len(benign)
    drawn = rng.random((AT_ONCE, len(probabilities))) < odds / (1 + odds)
    errors = [
        float(ece(probabilities[~one][None], probabilities[one][None])[0])
        for one in drawn
        if 0 < one.sum() < len(one)
    ]
    return float(np.mean(errors)) if errors else 0.0


def _scores(benign: np.ndarray, cancers: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Score many samples at once: probabilities of shapes (r, b) and (r, c), scores (r,)."""
    sensitivity = (cancers >= threshold).mean(axis=1)
    specificity = (benign < threshold).mean(axis=1)
    squares = (benign**2).mean(axis=1) + ((1 - cancers) ** 2).mean(axis=1)
    with np.errstate(invalid="ignore"):  # no or only labels "cancer"
        found, alarms = RARE * sensitivity, (1 - RARE) * (1 - specificity)
        cleared, missed = (1 - RARE) * specificity, RARE * (1 - sensitivity)
        ppv, npv = found / (found + alarms), cleared / (cleared + missed)
    return {
        "auprc": auprc(benign, cancers),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv_at_2_percent": ppv,
        "npv_at_2_percent": npv,
        "brier": squares / 2,
        "ece": ece(benign, cancers),
    }


def auroc(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982).

    Args:
        benign: scores of shape (r, b), r samples at once.
        cancers: scores of shape (r, c).

    Returns:
        Shape (r,).
    """
    count = cancers.shape[1]
    ranks = rankdata(np.concatenate([cancers, benign], axis=1), axis=1)[:, :count]
    wins = ranks.sum(axis=1) - count * (count + 1) / 2
    return np.asarray(wins / (count * benign.shape[1]))


def auprc(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Average precision, each class with a weight of a half; ties count the benign first.

    Args:
        benign: scores of shape (r, b), r samples at once.
        cancers: scores of shape (r, c).

    Returns:
        Shape (r,).
    """
    scores = np.concatenate([benign, cancers], axis=1)
    cancer = np.arange(scores.shape[1]) >= benign.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = cancer[order]
    recall = np.cumsum(hits, axis=1) / cancers.shape[1]
    alarms = np.cumsum(~hits, axis=1) / benign.shape[1]
    precision = recall / np.maximum(recall + alarms, 1e-12)
    return np.asarray((precision * hits).sum(axis=1) / cancers.shape[1])


def ece(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Expected calibration error (Naeini et al. 2015), ten bins, each class weighing a half.

    Args:
        benign: P(cancer) of shape (r, b), r samples at once.
        cancers: P(cancer) of shape (r, c).

    Returns:
        Shape (r,).
    """
    gap = np.zeros(len(benign) * BINS)
    rows = np.arange(len(benign))[:, None] * BINS
    for scores, outcome in ((benign, 0), (cancers, 1)):
        places = rows + np.minimum((scores * BINS).astype(int), BINS - 1)
        share = (scores - outcome) / (2 * scores.shape[1])
        gap += np.bincount(places.ravel(), share.ravel(), len(gap))
    return np.asarray(np.abs(gap.reshape(-1, BINS)).sum(axis=1))


def auroc_interval(scores: np.ndarray, labels: np.ndarray, seed: int) -> Interval:
    """Compute the AUROC of one score per photograph, resampled within each class.

    Args:
        scores: the larger, the likelier cancer, shape (n,).
        labels: 0 or 1, shape (n,).
        seed: the same draws the same photographs.
    """
    return auroc_change(None, scores, labels, seed)


def auroc_change(
    before: np.ndarray | None, after: np.ndarray, labels: np.ndarray, seed: int
) -> Interval:
    """Compute the difference of two AUROCs on the same photographs, resampled together.

    Args:
        before: scores of shape (n,); None stands for an AUROC of 0.
        after: scores of shape (n,).
        labels: 0 or 1, shape (n,).
        seed: as for :func:`auroc_interval`.
    """
    rng = np.random.default_rng(seed)
    benign, cancers = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    drawn = [rng.choice(own, (RESAMPLES, len(own))) for own in (benign, cancers)]

    def change(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
        found = _auroc_of(after, benign, cancers)
        return found if before is None else found - _auroc_of(before, benign, cancers)

    return interval(float(change(benign[None], cancers[None])[0]), change(*drawn))


def _auroc_of(scores: np.ndarray, benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Compute what :func:`auroc` does for resamples of one sample, which is sorted only once.

    Args:
        scores: of the sample, shape (n,).
        benign: indices of shape (r, b).
        cancers: indices of shape (r, c).
    """
    distinct, ranks = np.unique(scores, return_inverse=True)
    negative, positive = (_counts(ranks[drawn], len(distinct)) for drawn in (benign, cancers))
    # Each cancer wins against the benign lesions below it, and half against its equals.
    wins = (positive * (np.cumsum(negative, axis=1) - negative / 2)).sum(axis=1)
    return np.asarray(wins / (benign.shape[1] * cancers.shape[1]))


def _counts(ranks: np.ndarray, width: int) -> np.ndarray:
    """Count how often each of ``width`` ranks occurs in each row of shape (r, k)."""
    rows = np.arange(len(ranks))[:, None] * width
    return np.bincount((ranks + rows).ravel(), minlength=len(ranks) * width).reshape(-1, width)
