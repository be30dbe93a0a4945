"""Measure how the score changes under perturbations that do not change the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from handlers.classifier import Decision
from training.dataset import Photograph, Progress, labels
from training.evaluation import RESAMPLES, auroc, interval, share
from training.evidence.perturbations import PERTURBATIONS, Change, cover_mask, covered
from training.evidence.served import Served, probabilities
from training.evidence.subjects import changed, opened

ACCEPTED: Final = (0.35, 0.65)
"""AUROC that is accepted with the lesion covered: chance, with a tolerance."""


def measure(
    served: Served, photographs: Sequence[Photograph], seed: int, progress: Progress
) -> dict[str, Any]:
    """Measure AUROC and label flips under each perturbation, and with the lesion covered.

    Args:
        served: the model.
        photographs: of the test, n.
        seed: of the perturbations and the resampling.
        progress: called with (what, done, total).

    Returns:
        ``stress``: for ``unchanged`` and each perturbation the ``auroc``, for the latter also its
        paired ``change`` and the share of ``label_flips``; ``covered``: its ``auroc``, what is
        ``accepted``, whether it ``leaks``, and ``area_auroc``: of the covered area alone, which
        the size of the lesion gives away a little.
    """
    truth = labels(photographs)
    total = len(PERTURBATIONS) + 2

    def ask(change: Change | None, name: str, done: int) -> list[Decision]:
        decisions = served.decide(changed(photographs, change, name, seed))
        progress("stress", done, total)
        return decisions

    before = ask(None, "unchanged", 1)
    stress: dict[str, Any] = {"unchanged": {"auroc": _auroc(probabilities(before), truth, seed)}}
    for done, (name, change) in enumerate(PERTURBATIONS.items(), 2):
        after = ask(change, name, done)
        flips = np.asarray([a.label != b.label for a, b in zip(before, after, strict=True)])
        stress[name] = {
            "auroc": _auroc(probabilities(after), truth, seed),
            "change": _change(probabilities(before), probabilities(after), truth, seed),
            "label_flips": share(flips),
        }
    hidden = _auroc(probabilities(ask(covered, "covered", total)), truth, seed)
    areas = [cover_mask(opened(photo)).mean() for photo in photographs]
    return {
        "stress": stress,
        "covered": {
            "auroc": hidden,
            "accepted": list(ACCEPTED),
            "leaks": not ACCEPTED[0] <= hidden["value"] <= ACCEPTED[1],
            "area_auroc": _auroc(np.asarray(areas), truth, seed),
        },
    }


def _drawn(truth: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Resample indices of benign lesions and of cancers: shapes (r, b) and (r, c)."""
    rng = np.random.default_rng(seed)
    benign, cancers = np.flatnonzero(truth == 0), np.flatnonzero(truth == 1)
    return (
        rng.choice(benign, (RESAMPLES, len(benign))),
        rng.choice(cancers, (RESAMPLES, len(cancers))),
    )


def _auroc(scores: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    value = float(auroc(scores[truth == 0][None], scores[truth == 1][None])[0])
    benign, cancers = _drawn(truth, seed)
    return interval(value, auroc(scores[benign], scores[cancers]))


def _change(before: np.ndarray, after: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    """Compute the difference of two AUROCs on the same photographs, resampled together."""
    parts = (truth == 0, truth == 1)
    value = [float(auroc(one[parts[0]][None], one[parts[1]][None])[0]) for one in (before, after)]
    benign, cancers = _drawn(truth, seed)
    spread = auroc(after[benign], after[cancers]) - auroc(before[benign], before[cancers])
    return interval(value[1] - value[0], spread)
