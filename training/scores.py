"""Scores with bootstrap 95 % intervals.

Scores that depend on prevalence (AUPRC, Brier score, calibration error) assume as many cancers as
benign lesions, like the probabilities: each class has a weight of a half. PPV and NPV are given for
a prevalence of 2 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from handlers.card import Interval, Scores
from training.intervals import RESAMPLES, interval
from training.resampled import Samples, coded

RARE: Final = 0.02
"""Prevalence for which PPV and NPV are given: few of the moles that people have examined are
melanoma."""
SHOWN: Final[tuple[Literal["auroc", "sensitivity", "specificity", "brier", "ece"], ...]] = (
    "auroc",
    "sensitivity",
    "specificity",
    "brier",
    "ece",
)
"""Scores that are shown and compared first."""
AT_ONCE: Final = 200
"""Resamples in memory at a time."""


def evaluate(probabilities: np.ndarray, labels: np.ndarray, threshold: float, seed: int) -> Scores:
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
    sample, codes = coded(probabilities, labels)
    benign, cancers = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    point = _scores(sample, threshold)
    parts = [_scores(some, threshold) for some in _resamples(sample, codes, labels, rng)]
    found: dict[str, Interval] = {}
    for name, value in point.items():
        spread = np.concatenate([part[name] for part in parts])
        if name == "ece":
            spread = np.maximum(spread + value[0] - np.median(spread), 0)
        found[name] = interval(float(value[0]), spread)
    ordered = probabilities[np.concatenate([benign, cancers])]
    return {
        "count": len(labels),
        "cancers": len(cancers),
        "auroc": found["auroc"],
        "auprc": found["auprc"],
        "sensitivity": found["sensitivity"],
        "specificity": found["specificity"],
        "ppv_at_2_percent": found["ppv_at_2_percent"],
        "npv_at_2_percent": found["npv_at_2_percent"],
        "brier": found["brier"],
        "ece": found["ece"],
        "ece_if_perfect": round(_ece_if_perfect(ordered, len(cancers), rng), 4),
    }


def rates(
    probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute sensitivity and specificity of a sample and of its resamples.

    Args:
        probabilities: P(cancer), shape (n,).
        labels: 0 or 1, shape (n,), both among them.
        thresholds: P(cancer) from which a photograph counts as cancer, shape (m,).
        seed: the same draws the same photographs.

    Returns:
        Both as shares of shape (1 + 2,000, m); the first row is the sample itself.
    """
    sample, codes = coded(probabilities, labels)
    rng = np.random.default_rng(seed)
    every = [sample, *_resamples(sample, codes, labels, rng)]
    return (
        np.concatenate([some.sensitivity(thresholds) for some in every]),
        np.concatenate([some.specificity(thresholds) for some in every]),
    )


def predictive_values(
    sensitivity: np.ndarray, specificity: np.ndarray, prevalence: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute PPV and NPV by Bayes' rule.

    Args:
        sensitivity: share of the cancers called cancer, any shape.
        specificity: share of the benign called benign, the same shape.
        prevalence: share of cancers, of a shape that broadcasts to it.

    Returns:
        Both as shares of the broadcast shape; not a number where nobody is called cancer, or
        everybody.
    """
    found, alarms = prevalence * sensitivity, (1 - prevalence) * (1 - specificity)
    cleared, missed = (1 - prevalence) * specificity, prevalence * (1 - sensitivity)
    with np.errstate(invalid="ignore"):
        return found / (found + alarms), cleared / (cleared + missed)


def _resamples(
    sample: Samples, codes: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Iterator[Samples]:
    """Yield the resamples, drawn from each class on its own, some at a time."""
    benign, cancers = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    for _ in range(RESAMPLES // AT_ONCE):
        yield sample.drawn(
            codes,
            rng.choice(benign, (AT_ONCE, len(benign))),
            rng.choice(cancers, (AT_ONCE, len(cancers))),
        )


def _ece_if_perfect(probabilities: np.ndarray, cancers: int, rng: np.random.Generator) -> float:
    """Mean calibration error of a model whose probabilities are all right."""
    # Probabilities assume equal classes; labels are drawn at the actual prevalence (Bayes'
    # rule).
    prior = cancers / (len(probabilities) - cancers)
    odds = probabilities / np.maximum(1 - probabilities, 1e-9) * prior
    drawn = rng.random((AT_ONCE, len(probabilities))) < odds / (1 + odds)
    drawn = drawn[drawn.any(axis=1) & ~drawn.all(axis=1)]
    if not len(drawn):
        return 0.0
    return float(Samples(probabilities, (~drawn).astype(float), drawn.astype(float)).ece().mean())


def _scores(samples: Samples, threshold: float) -> dict[str, np.ndarray]:
    """Score many samples at once, shape (r,) each."""
    sensitivity, specificity = samples.sensitivity(threshold), samples.specificity(threshold)
    ppv, npv = predictive_values(sensitivity, specificity, RARE)
    return {
        "auroc": samples.auroc(),
        "auprc": samples.auprc(),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv_at_2_percent": ppv,
        "npv_at_2_percent": npv,
        "brier": samples.brier(),
        "ece": samples.ece(),
    }


def auroc(benign: np.ndarray, cancers: np.ndarray) -> np.ndarray:
    """Compute the AUROC of scores of shapes (r, b) and (r, c), shape (r,)."""
    return Samples.of(benign, cancers).auroc()


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
    drawn = [
        rng.choice(own, (RESAMPLES, len(own)))
        for own in (np.flatnonzero(labels == label) for label in (0, 1))
    ]

    def areas(scores: np.ndarray) -> np.ndarray:
        """AUROC of the sample itself, then of the resamples."""
        sample, codes = coded(scores, labels)
        parts = [
            sample.drawn(codes, *(rows[start : start + AT_ONCE] for rows in drawn)).auroc()
            for start in range(0, RESAMPLES, AT_ONCE)
        ]
        return np.concatenate([sample.auroc(), *parts])

    change = areas(after) if before is None else areas(after) - areas(before)
    return interval(float(change[0]), change[1:])
