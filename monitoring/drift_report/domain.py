"""Domain classifier: whether the model's features distinguish the photographs of two folders.

Source: Lopez-Paz & Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring.drift_report.photographs import Sample
from training.scores import auroc_interval

FOLDS: Final = 5
STRENGTH: Final = 0.01
"""Inverse of the regularisation: there are 512 features and perhaps as few photographs."""
SEED: Final = 0


@dataclass(frozen=True)
class Domain:
    """How well the two folders can be distinguished."""

    auroc: float
    """AUROC of out-of-fold scores; 0.5 means no difference."""
    low: float
    high: float
    """95 % interval, resampling photographs of each folder."""
    scores: np.ndarray
    """Log-odds of belonging to the current folder, for each of its photographs, shape (n,)."""
    shared: int
    """Photographs of the current folder that are in the reference as well."""

    @property
    def differs(self) -> bool:
        """Whether the difference is larger than chance explains."""
        return self.low > 0.5

    @property
    def words(self) -> str:
        """Explain the AUROC in words."""
        if not self.differs:
            return "cannot be told apart"
        marks = ((0.6, "hardly"), (0.75, "somewhat"), (0.9, "clearly"))
        degree = next((word for mark, word in marks if self.auroc < mark), "almost always")
        return f"can {degree} be told apart"


def domain_classifier(reference: Sample, current: Sample) -> Domain:
    """Fit a cross-validated logistic regression on the features of both."""
    assert reference.features is not None
    assert current.features is not None
    features = np.concatenate([reference.features, current.features])
    side = np.repeat([0, 1], [len(reference), len(current)])
    # Copies of a photograph stay in one fold, or they would be recognised.
    _, groups = np.unique(reference.digests + current.digests, return_inverse=True)
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000),
    )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    scores = cross_val_predict(
        model, features, side, groups=groups, cv=folds, method="decision_function"
    )
    found = auroc_interval(scores, side, SEED)
    value, low, high = (float(found[name] or 0) for name in ("value", "low", "high"))
    return Domain(
        auroc=value,
        low=low,
        high=high,
        scores=scores[side == 1],
        shared=sum(digest in set(reference.digests) for digest in current.digests),
    )
