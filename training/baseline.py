"""Fit the drift baseline and the limits of outliers.

On out-of-fold values of the train folder's photographs: a model is too confident on photographs it
was fitted on, and their features lie too close to the mean. So the baseline is comparable with
traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from handlers.drift import STATISTICS, Baseline
from handlers.reference import Reference

BEYOND: Final = {"distance": 0.005, "focus": 0.002, "clipped": 0.002}
"""Share of the train folder beyond the limit of a feature, where it is not ``RARE``. Chosen on the
train folder and on unsuitable pictures drawn or made from it: pictures without a lesion lie beyond
nearly all of the train folder, and a source that was left out does not (at most 2 % of it)."""
RARE: Final = 0.0005
"""The same share for exposure: under-exposed photographs lie far beyond any of the train folder."""


def fit(
    probability: np.ndarray,
    distance: np.ndarray,
    statistics: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray,
) -> Baseline:
    """Fit the drift baseline on the photographs of the train folder.

    Args:
        probability: calibrated, of fits that never saw them, shape (n,).
        distance: to the features that those fits learned from, shape (n,).
        statistics: image statistics, shape (n, 6).
        features: pooled, of the final model, shape (n, width).
        labels: 0 or 1, shape (n,).
    """
    values: Mapping[str, np.ndarray] = {
        "probability": probability,
        "distance": distance,
        **{name: statistics[:, place] for place, name in enumerate(STATISTICS)},
    }
    return Baseline.fit(values, _limits(values), Reference.fit(features, labels))


def _limits(values: Mapping[str, np.ndarray]) -> dict[str, tuple[float | None, float | None]]:
    def low(name: str) -> float:
        return float(f"{np.quantile(values[name], BEYOND.get(name, RARE)):.6g}")

    def high(name: str) -> float:
        return float(f"{np.quantile(values[name], 1 - BEYOND.get(name, RARE)):.6g}")

    return {
        "distance": (None, high("distance")),
        "exposure": (low("exposure"), high("exposure")),
        "clipped": (None, high("clipped")),
        "focus": (low("focus"), None),
    }
