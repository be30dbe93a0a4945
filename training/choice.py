"""Choose the serving variants by evidence: out-of-fold predictions of the train folder only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from handlers.card import Estimate, Interval, MeasuredVariant, Variants
from handlers.variants import PORTABLE
from training.calibration import Calibration
from training.invariance import Regularisation
from training.scores import auroc_change, evaluate


@dataclass(frozen=True)
class Candidate:
    """What is known of a fitted variant."""

    log_odds: np.ndarray
    """Out-of-fold, shape (n,)."""
    calibration: Calibration
    forward_ms: float
    regularisation: Regularisation | None


@dataclass(frozen=True)
class Limits:
    """When a variant may be served."""

    margin: float
    """AUROC that it may lose against the best; the paired 95 % interval must exclude more."""
    budget_ms: float
    """Milliseconds of a prediction's forward passes."""


def choose(
    candidates: Mapping[str, Candidate],
    labels: np.ndarray,
    limits: Limits,
    lacking: dict[str, str],
    seed: int,
) -> Variants:
    """Judge the variants; those that may be served come first, the cheapest leading.

    Args:
        candidates: by name, with plain TorchScript among them.
        labels: 0 or 1, shape (n,).
        limits: of AUROC and cost.
        lacking: why other variants could not be fitted.
        seed: of the resampling.
    """
    scores = {
        name: evaluate(
            one.calibration.probabilities(one.log_odds).round(6),
            labels,
            one.calibration.threshold,
            seed,
        )
        for name, one in candidates.items()
    }
    areas = {name: _estimate(own["auroc"]) for name, own in scores.items()}
    best = max(areas, key=lambda name: areas[name].value)
    measured = {}
    for name, one in candidates.items():
        own, ece = scores[name], _estimate(scores[name]["ece"])
        change = _estimate(auroc_change(candidates[best].log_odds, one.log_odds, labels, seed))
        misses = []
        if change.low < -limits.margin:
            misses.append(f"AUROC may be more than {limits.margin:g} below that of {best}")
        if ece.low > own["ece_if_perfect"]:
            misses.append("calibration error above chance")
        if one.forward_ms > limits.budget_ms:
            misses.append(f"over the budget of {limits.budget_ms:.1f} ms")
        measured[name] = MeasuredVariant(
            calibration=one.calibration,
            auroc=areas[name],
            auroc_change=change,
            specificity=_estimate(own["specificity"]),
            ece=ece,
            ece_if_perfect=own["ece_if_perfect"],
            forward_ms=round(one.forward_ms, 2),
            accepted=not misses,
            why_not="; ".join(misses),
            strength=None if one.regularisation is None else one.regularisation.strength,
            invariance=None if one.regularisation is None else one.regularisation.invariance,
        )
    accepted = [name for name in measured if measured[name].accepted and name != PORTABLE.name]
    accepted.sort(key=lambda name: measured[name].forward_ms)
    return Variants([*accepted, PORTABLE.name], measured, lacking)


def _estimate(score: Interval) -> Estimate:
    value, low, high = score["value"], score["low"], score["high"]
    if value is None or low is None or high is None:
        raise ValueError("a score needs photographs of both classes")
    return Estimate(value, low, high)
