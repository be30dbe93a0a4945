"""The final fully connected layer, fitted to the optimum on the cached features.

Logistic regression is that layer's loss, convex, so an optimiser that converges replaces
epochs of gradient descent. Regularisation is chosen on validation data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from training.dataset import Progress

STRENGTHS: Final = tuple(float(c) for c in np.logspace(-4, -0.5, 8))
"""Inverse regularisation strengths tried (scikit-learn's C)."""


@dataclass(frozen=True)
class Head:
    """Weights of the log-odds of cancer on the 512 features as they come."""

    weights: np.ndarray
    """Shape (512,)."""
    bias: float
    strength: float
    """The C that was chosen."""

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """Uncalibrated log-odds of cancer of features of shape (n, 512), shape (n,)."""
        return np.asarray(features.astype(np.float64) @ self.weights + self.bias)

    def layer(self) -> nn.Linear:
        """The same as a layer of two logits, ``no cancer`` and ``cancer``.

        Half the log-odds each, with opposite signs: the softmax is the same, and an explanation
        of either class has a gradient to follow.
        """
        layer = nn.Linear(len(self.weights), 2)
        with torch.no_grad():
            half = torch.from_numpy(self.weights / 2).float()
            layer.weight.copy_(torch.stack([-half, half]))
            layer.bias.copy_(torch.tensor([-self.bias / 2, self.bias / 2]))
        return layer.requires_grad_(False)


def fit(views: np.ndarray, labels: np.ndarray, strength: float) -> Head:
    """Fit at one regularisation strength.

    Args:
        views: shape (n, v, 512); every view counts as a photograph.
        labels: shape (n,), 0 or 1.
        strength: scikit-learn's C.
    """
    count, views_each, width = views.shape
    rows = views.reshape(count * views_each, width)
    model: Pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, max_iter=5000, tol=1e-6)
    )
    model.fit(rows, np.repeat(labels, views_each))
    scaler, regression = model[0], model[1]
    # The standardisation folded into the weights: the layer takes the features as they come.
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weights @ scaler.mean_)
    return Head(weights, bias, strength)


def choose(
    views: np.ndarray,
    labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    progress: Progress,
) -> Head:
    """Fit at every strength; take the one with the least log loss on validation data.

    Args:
        views, labels: training photographs, shapes (n, v, 512) and (n,).
        validation, validation_labels: shapes (m, 512) and (m,).
        progress: called with (what, done, total).
    """
    tried: list[tuple[float, Head]] = []
    for done, strength in enumerate(STRENGTHS, 1):
        head = fit(views, labels, strength)
        probabilities = expit(head.log_odds(validation))
        tried.append((float(log_loss(validation_labels, probabilities)), head))
        progress("head", done, len(STRENGTHS))
    return min(tried, key=lambda entry: entry[0])[1]
