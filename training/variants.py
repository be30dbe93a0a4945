"""Fit a final layer for each serving variant on its own features, and choose by evidence.

The features come from the very backend that serves, and nothing is compared with another numerics:
a variant is judged by how well it ranks and how well it is calibrated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import numpy as np
import torch
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from handlers import backends
from handlers.backends import Backend, Shape, UnavailableError, file_of
from handlers.drift import STATISTICS
from handlers.imaging import PREPROCESSING, decode, preprocess
from handlers.orientations import FLIPS, run_oriented
from handlers.reference import Reference
from handlers.variants import NUMERICS, FittedVariant, Variant
from training import baseline, calibration, conversion, head
from training.cache import Cache
from training.calibration import Calibration
from training.cross_fit import OutOfSample
from training.dataset import Photograph, Progress
from training.folds import Fold
from training.head import STRENGTHS, Head
from training.parallel import map_ordered, workers
from training.settings import Aims

TRIED: Final = STRENGTHS[:4]
"""Regularisation strengths that are compared."""


@dataclass(frozen=True)
class VariantFeatures:
    """Pooled features of n photographs in each orientation, and their image statistics."""

    orientations: np.ndarray
    """float32 of shape (n, orientations, width)."""
    statistics: np.ndarray
    """float32 of shape (n, 6)."""

    def mean(self, variant: Variant) -> np.ndarray:
        """Features of a variant: the mean over its orientations, shape (n, width)."""
        return np.asarray(self.orientations[:, : variant.orientations].mean(axis=1))


@dataclass(frozen=True)
class FittedTo:
    """A variant fitted to the train folder."""

    variant: Variant
    head: Head
    unseen: OutOfSample
    calibration: Calibration
    document: FittedVariant


class Extractor:
    """Computes the features of the variants that share numerics, side and stages."""

    def __init__(self, folder: Path, model: Any, variants: Sequence[Variant], cache: Path) -> None:
        """Load the backend once per core; each computes alone.

        Args:
            folder: of the archive, with the backend's file.
            model: the loaded ``model.pt``.
            variants: of equal numerics, side and stages.
            cache: folder of all caches.

        Raises:
            UnavailableError: the backend cannot run here.
        """
        first = variants[0]
        self._count = max(variant.orientations for variant in variants)
        self._side = first.side
        shape = Shape(first.side, first.stages, self._count, pooled=True)
        name = backend_of(first)
        self._ready: SimpleQueue[Backend] = SimpleQueue()
        for _ in range(torch.get_num_threads()):
            self._ready.put(backends.load(name, folder, model, 1, shape))
        described = hashlib.sha256((folder / file_of(name, shape)).with_suffix(".bin").read_bytes())
        about = [PREPROCESSING, list(STATISTICS), str(shape), name, FLIPS]
        described.update(json.dumps(about).encode())
        self._records = Cache(cache / "variants" / described.hexdigest()[:16])

    def extract(self, photographs: Sequence[Photograph], progress: Progress) -> VariantFeatures:
        """Compute the features of photographs, from the cache if possible."""
        found = []
        with closing(map_ordered(self._record, photographs)) as records:
            for number, record in enumerate(records, 1):
                found.append(record)
                progress("features", number, len(photographs))
        pooled, statistics = zip(*found, strict=True)
        return VariantFeatures(np.stack(pooled), np.stack(statistics))

    def _record(self, photograph: Photograph) -> tuple[np.ndarray, ...]:
        return self._records.get(photograph.digest, lambda: self._compute(photograph))

    def _compute(self, photograph: Photograph) -> tuple[np.ndarray, np.ndarray]:
        image = preprocess(decode(photograph.path.read_bytes()), self._side)
        backend = self._ready.get()
        try:
            with torch.inference_mode():
                _, pooled = run_oriented(image.inputs, self._count, backend.run)
        finally:
            self._ready.put(backend)
        statistics = [image.statistics[name] for name in STATISTICS]
        return pooled.flatten(1).numpy(), np.asarray(statistics, dtype=np.float32)


def prepare(
    folder: Path,
    model: Any,
    variants: Sequence[Variant],
    photographs: Sequence[Photograph],
    cache: Path,
) -> tuple[dict[tuple[str, int, int], Extractor], dict[str, str]]:
    """Write the backends' files and load them.

    Returns:
        Extractors by numerics, side and stages, and the reasons why variants could not be made.
    """
    extractors: dict[tuple[str, int, int], Extractor] = {}
    lacking: dict[str, str] = {}
    for key in dict.fromkeys(key_of(variant) for variant in variants):
        alike = [variant for variant in variants if key_of(variant) == key]
        shape = Shape(alike[0].side, alike[0].stages)
        try:
            name = backend_of(alike[0])
            conversion.convert(name, shape, model, folder, photographs, cache)
            extractors[key] = Extractor(folder, model, alike, cache)
        except UnavailableError as error:
            lacking |= {variant.name: str(error) for variant in alike}
    return extractors, lacking


def backend_of(variant: Variant) -> str:
    """Return the OpenVINO backend of a variant's numerics."""
    return next(name for name in NUMERICS[variant.numerics] if name.startswith("openvino"))


def key_of(variant: Variant) -> tuple[str, int, int]:
    """Return what variants of one extractor share."""
    return variant.numerics, variant.side, variant.stages


def fit(
    variants: Sequence[Variant],
    features: VariantFeatures,
    labels: np.ndarray,
    folds: Sequence[Fold],
    aims: Aims,
    progress: Progress,
) -> tuple[list[FittedTo], float]:
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
    """
    rows = features.orientations
    means = rows.mean(axis=1, keepdims=True)
    weights = compute_sample_weight("balanced", labels)
    losses: list[float] = []
    for strength in TRIED:
        log_odds = np.empty(len(labels))
        heads = _heads(means, labels, folds, strength)
        for number, (fitted, (_, hold)) in enumerate(zip(heads, folds, strict=True), 1):
            log_odds[hold] = fitted.log_odds(means[hold, 0])
            progress("fits", len(losses) * len(folds) + number, len(TRIED) * len(folds))
        losses.append(log_loss(labels, expit(log_odds), sample_weight=weights))
    strength = TRIED[int(np.argmin(losses))]
    heads = _heads(rows, labels, folds, strength)
    final = head.fit(rows, labels, strength)
    return [
        _calibrated(variant, features, labels, list(zip(folds, heads, strict=True)), final, aims)
        for variant in variants
    ], strength


def _heads(
    rows: np.ndarray, labels: np.ndarray, folds: Sequence[Fold], strength: float
) -> list[Head]:
    """Fit a final layer without each fold's held-out photographs."""
    with workers() as pool:
        return list(
            pool.map(lambda fold: head.fit(rows[fold[0]], labels[fold[0]], strength), folds)
        )


def _calibrated(
    variant: Variant,
    features: VariantFeatures,
    labels: np.ndarray,
    fitted: Sequence[tuple[Fold, Head]],
    final: Head,
    aims: Aims,
) -> FittedTo:
    rows = features.mean(variant)
    log_odds, distance = np.empty(len(rows)), np.empty(len(rows))
    for (learn, hold), without in fitted:
        log_odds[hold] = without.log_odds(rows[hold])
        distance[hold] = Reference.fit(rows[learn]).distance(rows[hold])
    calibrated = calibration.calibrate(log_odds, labels, aims)
    probability = calibrated.probabilities(log_odds)
    document = FittedVariant(
        [float(weight) for weight in final.weights],
        final.bias,
        calibrated,
        baseline.fit(probability, distance, features.statistics, rows, labels),
    )
    return FittedTo(variant, final, OutOfSample(log_odds, distance), calibrated, document)
