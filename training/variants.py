"""Fit a final layer for each serving variant on its own features, and choose by evidence.

The features come from the very backend that serves, and nothing is compared with another numerics:
a variant is judged by how well it ranks and how well it is calibrated.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handlers.reference import Reference
from handlers.variants import FittedVariant, Variant
from training import baseline, calibration, export, invariance, variant_features
from training.calibration import Calibration
from training.cross_fit import Fitted, OutOfSample
from training.dataset import Photograph, Progress
from training.folds import Fold
from training.head import Head
from training.invariance import Perturbed, Regularisation, Rows
from training.settings import Aims, TrainingSettings
from training.tuned import Tuned
from training.variant_features import Extractor, VariantFeatures


@dataclass(frozen=True)
class Part:
    """Features that one network computes, and what of the network is fine-tuned."""

    features: VariantFeatures
    """Of all photographs, also of those that the network was fitted without."""
    tuned: Tuned | None = None
    perturbed: Perturbed | None = None

    @classmethod
    def extract(
        cls,
        extractor: Extractor,
        photographs: Sequence[Photograph],
        settings: TrainingSettings,
        progress: Progress,
        tuned: Tuned | None = None,
    ) -> Part:
        """Compute the features of a network.

        Args:
            extractor: of the network.
            photographs: the train folder.
            settings: say how many photographs are perturbed.
            progress: told of each photograph.
            tuned: what of the network is fine-tuned.
        """
        features = extractor.extract(photographs, progress)
        part = cls(features, tuned)
        if not part.rows.columns:
            return part
        perturbed = extractor.perturb(photographs, features, settings, progress)
        return cls(features, tuned, perturbed)

    @property
    def rows(self) -> Rows:
        """Return the features that get a new final layer."""
        rows = Rows(self.features.orientations, self.perturbed)
        return rows if self.tuned is None else rows.select(self.tuned.others(rows.columns))

    def combined(self, own: Head | None) -> Head:
        """Return the final layer on all features; ``own`` is that on :attr:`rows`."""
        if self.tuned is not None:
            return self.tuned.combined(own, self.features.orientations.shape[2])
        assert own is not None
        return own


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
    settings: TrainingSettings,
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
        settings: name the cache.
        progress: told of each photograph.
    """
    parts = []
    for one, (learn, _) in zip(fitted, folds, strict=True):
        model = export.scripted(export.split(one.backbone, one.head))
        some = [photographs[place] for place in learn]
        with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
            extractors, _ = variant_features.prepare(
                Path(folder), model, variants, some, settings.cache
            )
            (extractor,) = extractors.values()
            parts.append(Part.extract(extractor, photographs, settings, progress, one.tuned))
    return parts


def fit(
    variants: Sequence[Variant],
    whole: Part,
    labels: np.ndarray,
    folds: Sequence[Fold],
    aims: Aims,
    progress: Progress,
    without: Sequence[Part] = (),
) -> tuple[list[FittedTo], Regularisation | None]:
    """Fit the variants of one extractor.

    The final layer is fitted on every orientation, each weighing its share of the photograph, so
    variants that average fewer of them share it. The regularisation is chosen by
    :func:`training.invariance.choose`.

    Args:
        variants: of equal numerics, side and stages.
        whole: features of the train folder.
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        aims: of threshold and band.
        progress: told of each fit.
        without: features by the network that was fitted without each fold's photographs, where
            more than the final layer was fitted.

    Returns:
        The variants, and the regularisation; None where the final layer was fitted before.
    """
    parts = without or [whole] * len(folds)
    rows = whole.rows
    chosen: Regularisation | None = None
    last: Head | None = None
    own: Sequence[Head | None] = [None] * len(folds)
    if rows.columns:
        chosen = invariance.choose(rows, labels, folds, progress)
        own = invariance.heads([part.rows for part in parts], labels, folds, chosen)
        last = rows.fit(labels, np.arange(len(labels)), chosen)
    final = whole.combined(last)
    fitted = [
        (fold, part, part.combined(one)) for fold, part, one in zip(folds, parts, own, strict=True)
    ]
    features = whole.features
    found = [_calibrated(variant, features, labels, fitted, final, aims) for variant in variants]
    return found, chosen


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
    shift = calibration.shift(log_odds, labels)
    log_odds, final = log_odds + shift, Head(final.weights, final.bias + shift)
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
