"""Fit a final layer for each serving variant on its own features, and choose by evidence.

The features come from the very backend that serves, and nothing is compared with another numerics:
a variant is judged by how well it ranks and how well it is calibrated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from handlers.reference import Reference
from handlers.variants import FittedVariant, Variant
from training import baseline, calibration, export, head, variant_features
from training.calibration import Calibration
from training.cross_fit import Fitted, OutOfSample
from training.dataset import Photograph, Progress
from training.folds import Fold
from training.head import STRENGTHS, Head
from training.parallel import workers
from training.settings import Aims
from training.tuned import Tuned
from training.variant_features import VariantFeatures

TRIED: Final = STRENGTHS[:4]
"""Regularisation strengths that are compared."""


@dataclass(frozen=True)
class Part:
    """Features that one network computes, and what of the network is fine-tuned."""

    features: VariantFeatures
    """Of all photographs, also of those that the network was fitted without."""
    tuned: Tuned | None = None

    @property
    def rows(self) -> np.ndarray:
        """Return the features that get a new final layer, shape (n, orientations, width)."""
        rows = self.features.orientations
        return rows if self.tuned is None else rows[:, :, self.tuned.others(rows.shape[2])]

    def combined(self, own: Head | None) -> Head:
        """Return the final layer on all features; ``own`` is that on :attr:`rows`."""
        if self.tuned is not None:
            return self.tuned.combined(own, self.features.orientations.shape[2])
        assert own is not None
        return own


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned network, and those that were fitted without each fold's held-out photographs."""

    whole: Part
    parts: Sequence[Part]
    """One for each fold."""


@dataclass(frozen=True)
class FittedTo:
    """A variant fitted to the train folder."""

    variant: Variant
    head: Head
    unseen: OutOfSample
    calibration: Calibration
    document: FittedVariant


def parts_without(
    fitted: Sequence[Fitted],
    variants: Sequence[Variant],
    photographs: Sequence[Photograph],
    folds: Sequence[Fold],
    cache: Path,
    progress: Progress,
) -> list[Part]:
    """Compute features by the networks that were fine-tuned without each fold's photographs.

    Each is converted like the network that serves; the ranges of int8, too, are measured without
    the held-out photographs.

    Args:
        fitted: the model of each fold.
        variants: of equal numerics, side and stages, which can run here.
        photographs: the train folder.
        folds: of the models.
        cache: folder of all caches.
        progress: told of each photograph.
    """
    parts = []
    for one, (learn, _) in zip(fitted, folds, strict=True):
        model = export.scripted(export.split(one.backbone, one.head))
        some = [photographs[place] for place in learn]
        with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
            extractors, _ = variant_features.prepare(Path(folder), model, variants, some, cache)
            (extractor,) = extractors.values()
            parts.append(Part(extractor.extract(photographs, progress), one.tuned))
    return parts


def fit(
    variants: Sequence[Variant],
    features: VariantFeatures,
    labels: np.ndarray,
    folds: Sequence[Fold],
    aims: Aims,
    progress: Progress,
    fine_tuned: FineTuned | None = None,
) -> tuple[list[FittedTo], float | None]:
    """Fit the variants of one extractor.

    The final layer is fitted on every orientation, each weighing its share of the photograph, so
    variants that average fewer of them share it. The regularisation is chosen by the log loss of
    out-of-fold predictions.

    Args:
        variants: of equal numerics, side and stages.
        features: of the train folder.
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        aims: of threshold and band.
        progress: told of each fit.
        fine_tuned: the networks, where more than the final layer was fitted.

    Returns:
        The variants, and the regularisation; None where the final layer was fitted before.
    """
    whole = Part(features) if fine_tuned is None else fine_tuned.whole
    parts = [whole] * len(folds) if fine_tuned is None else fine_tuned.parts
    rows = whole.rows
    strength: float | None = None
    last: Head | None = None
    own: Sequence[Head | None] = [None] * len(folds)
    if rows.shape[2]:
        strength = best_strength(rows.mean(axis=1), labels, folds, progress)
        own = heads([part.rows for part in parts], labels, folds, strength)
        last = head.fit(rows, labels, strength)
    final = whole.combined(last)
    without = [
        (fold, part, part.combined(one)) for fold, part, one in zip(folds, parts, own, strict=True)
    ]
    found = [_calibrated(variant, features, labels, without, final, aims) for variant in variants]
    return found, strength


def best_strength(
    means: np.ndarray, labels: np.ndarray, folds: Sequence[Fold], progress: Progress
) -> float:
    """Choose the regularisation with the least log loss of out-of-fold predictions.

    Args:
        means: features averaged over the orientations, shape (n, width).
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        progress: told of each fit.
    """
    weights = compute_sample_weight("balanced", labels)
    losses: list[float] = []
    for strength in TRIED:
        log_odds = np.empty(len(labels))
        fitted = heads([means[:, None]] * len(folds), labels, folds, strength)
        for number, (one, (_, hold)) in enumerate(zip(fitted, folds, strict=True), 1):
            log_odds[hold] = one.log_odds(means[hold])
            progress("fits", len(losses) * len(folds) + number, len(TRIED) * len(folds))
        losses.append(log_loss(labels, expit(log_odds), sample_weight=weights))
    return TRIED[int(np.argmin(losses))]


def heads(
    rows: Sequence[np.ndarray], labels: np.ndarray, folds: Sequence[Fold], strength: float
) -> list[Head]:
    """Fit a final layer without each fold's held-out photographs.

    Args:
        rows: for each fold, features of all photographs in each orientation, shape
            (n, orientations, width).
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        strength: of the regularisation.
    """

    def fit_fold(own: np.ndarray, fold: Fold) -> Head:
        return head.fit(own[fold[0]], labels[fold[0]], strength)

    with workers() as pool:
        return list(pool.map(fit_fold, rows, folds))


def _calibrated(
    variant: Variant,
    features: VariantFeatures,
    labels: np.ndarray,
    without: Sequence[tuple[Fold, Part, Head]],
    final: Head,
    aims: Aims,
) -> FittedTo:
    log_odds, distance = np.empty(len(labels)), np.empty(len(labels))
    for (learn, hold), part, fitted in without:
        rows = part.features.mean(variant)
        log_odds[hold] = fitted.log_odds(rows[hold])
        distance[hold] = Reference.fit(rows[learn]).distance(rows[hold])
    calibrated = calibration.calibrate(log_odds, labels, aims)
    probability = calibrated.probabilities(log_odds)
    rows = features.mean(variant)
    document = FittedVariant(
        [float(weight) for weight in final.weights],
        final.bias,
        calibrated,
        baseline.fit(probability, distance, features.statistics, rows, labels),
    )
    return FittedTo(variant, final, OutOfSample(log_odds, distance), calibrated, document)
