"""How far a photograph lies from the training data, in the space of the 512 features.

Probabilistic PCA (Tipping & Bishop 1999): a Gaussian with the leading principal axes of the
training features and one variance for all the rest, so that a few hundred photographs are
enough to estimate it. The distance is Mahalanobis', divided by the square root of the number
of features: about 1 for a photograph like the training data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Reference:
    """Reference statistics of the training features."""

    mean: np.ndarray
    """Shape (512,)."""
    axes: np.ndarray
    """Principal axes, rows of length one, shape (k, 512)."""
    variances: np.ndarray
    """Variance along each axis, shape (k,)."""
    rest: float
    """Variance along every other direction."""

    @classmethod
    def fit(cls, features: np.ndarray, axes: int = 32) -> Reference:
        """Estimate from features of shape (n, 512); n must be above 2."""
        count, width = features.shape
        axes = min(axes, count - 2, width - 1)
        mean = features.mean(axis=0)
        _, singular, rows = np.linalg.svd(features - mean, full_matrices=False)
        variances = singular**2 / (count - 1)
        rest = float(variances[axes:].sum() / (width - axes))
        floor = max(rest, 1e-12)
        return cls(mean, rows[:axes], np.maximum(variances[:axes], floor), floor)

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Distance of features of shape (n, 512) to the training data, shape (n,), no unit."""
        centred = features - self.mean
        # Row by row: a product of matrices rounds otherwise with the number of its rows.
        along = np.stack([self.axes @ row for row in centred])
        left = np.maximum((centred**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        squared = (along**2 / self.variances).sum(axis=1) + left / self.rest
        return np.asarray(np.sqrt(squared / features.shape[1]))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, six significant digits, for ``baseline.json``."""
        return {
            "mean": _rounded(self.mean),
            "axes": _rounded(self.axes),
            "variances": _rounded(self.variances),
            "rest": float(f"{self.rest:.6g}"),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Reference:
        """The inverse of :meth:`to_json`."""
        return cls(
            np.asarray(document["mean"]),
            np.asarray(document["axes"]),
            np.asarray(document["variances"]),
            float(document["rest"]),
        )


def _rounded(values: np.ndarray) -> Any:
    flat = [float(f"{value:.6g}") for value in values.ravel()]
    return np.asarray(flat).reshape(values.shape).tolist()
