"""The baseline of drift and of "unlike the training data", from out-of-sample values.

A model is surer of photographs it has learned from than of new ones, and they lie nearer to
their own mean. Taking probability and distance of each training photograph from a fit that
never saw it keeps the baseline comparable with traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from sklearn.model_selection import StratifiedKFold

from handlers.drift import Baseline
from handlers.reference import Reference
from training import head
from training.calibration import Calibration
from training.dataset import Progress
from training.features import STATISTICS, Features

FOLDS: Final = 5
OUT_OF_THE_ORDINARY: Final = 0.01
"""Share of the training photographs beyond the limit of the distance."""
LOW_QUALITY: Final = 0.005
"""Share of the training photographs beyond each limit of an image statistic."""


def fit(
    features: Features,
    labels: np.ndarray,
    strength: float,
    calibration: Calibration,
    seed: int,
    progress: Progress,
) -> Baseline:
    """Baseline of the training and validation photographs together.

    Args:
        features: of n photographs.
        labels: shape (n,).
        strength: regularisation of the head, as chosen.
        calibration: of the head, as chosen.
        seed: of the folds.
        progress: called with (what, done, total).
    """
    probability = np.empty(len(labels))
    distance = np.empty(len(labels))
    count = min(FOLDS, int(np.bincount(labels).min()))
    folds = StratifiedKFold(count, shuffle=True, random_state=seed)
    for done, (learn, hold) in enumerate(folds.split(features.plain, labels), 1):
        fitted = head.fit(features.views[learn], labels[learn], strength)
        probability[hold] = calibration.probabilities(fitted.log_odds(features.plain[hold]))
        distance[hold] = Reference.fit(features.plain[learn]).distance(features.plain[hold])
        progress("baseline", done, count)
    values: Mapping[str, np.ndarray] = {
        "probability": probability,
        "distance": distance,
        **{name: features.statistics[:, place] for place, name in enumerate(STATISTICS)},
    }
    return Baseline.fit(values, _limits(values), Reference.fit(features.plain))


def _limits(values: Mapping[str, np.ndarray]) -> dict[str, tuple[float | None, float | None]]:
    def quantile(name: str, share: float) -> float:
        return float(f"{np.quantile(values[name], share):.6g}")

    return {
        "distance": (None, quantile("distance", 1 - OUT_OF_THE_ORDINARY)),
        "brightness": (
            quantile("brightness", LOW_QUALITY),
            quantile("brightness", 1 - LOW_QUALITY),
        ),
        "contrast": (quantile("contrast", LOW_QUALITY), None),
        "sharpness": (quantile("sharpness", LOW_QUALITY), None),
    }
