"""Fit the final layer to the optimum on the cached features.

Logistic regression has that layer's loss, which is convex, so a converging optimiser replaces
epochs of gradient descent. Both classes have the same weight, however frequent they are in the
folder, so the result does not depend on how the data was collected. Regularisation and augmentation
are chosen by cross-validation that keeps near-duplicates together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits
from torch import nn

from handlers.network import final_layer
from training.backbone import Backbone
from training.dataset import Progress
from training.features import Features
from training.folds import Fold
from training.parallel import workers

STRENGTHS: Final = tuple(float(c) for c in np.logspace(-3, -0.5, 6))
"""Inverse regularisation strengths to try: scikit-learn's C per photograph, for any number of
views."""
AUGMENTATIONS: Final = {
    "none": 1,
    "flips": 3,
    "flips and closer": 4,
    "flips, closer and a right angle": 5,
}
"""Number of ``training.features.VIEWS`` that each augmentation uses."""


@dataclass(frozen=True)
class Head:
    """Weights of the log-odds of cancer on the unscaled features."""

    weights: np.ndarray
    """Shape (width,): 512, or 1024 with two parallel stages."""
    bias: float

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """Compute uncalibrated log-odds of cancer of features of shape (..., width)."""
        return np.asarray(features.astype(np.float64) @ self.weights + self.bias)

    def layer(self) -> nn.Linear:
        """Return the same as a layer of two logits, ``no cancer`` and ``cancer``."""
        return final_layer(self.weights, self.bias)


@dataclass(frozen=True)
class Choice:
    """Result of the cross-validation."""

    strength: float
    augmentation: str
    """One of ``AUGMENTATIONS``."""
    tried: tuple[tuple[str, float, float], ...]
    """Augmentation, strength and log loss on held-out photographs, for each combination."""


def fit(
    views: np.ndarray, labels: np.ndarray, strength: float, penalty: np.ndarray | None = None
) -> Head:
    """Fit at one regularisation strength.

    Args:
        views: shape (n, v, width); a photograph counts once, each of its views a v-th.
        labels: shape (n,), 0 or 1.
        strength: one of ``STRENGTHS``.
        penalty: matrix P of shape (width, width): ``w @ P @ w`` is added to the squared length of
            the weights on the standardised features, w being those on the unscaled ones.
    """
    count, views_each, width = views.shape
    rows = views.reshape(count * views_each, width)
    repeated = np.repeat(labels, views_each)
    scaler, regression = StandardScaler(), LogisticRegression(C=strength, max_iter=5000, tol=1e-5)
    weights = compute_sample_weight("balanced", repeated) / views_each
    # Small matrices: a second BLAS thread costs ten times what it saves on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        standardised = scaler.fit_transform(rows)
        if penalty is None:
            regression.fit(standardised, repeated, weights)
            coefficients = regression.coef_[0].astype(np.float64)
        else:
            # With I + P = R'R, the weights R w have the plain penalty of scikit-learn.
            own = penalty / np.outer(scaler.scale_, scaler.scale_)
            root = cholesky(np.eye(width) + own)
            turned = solve_triangular(root, standardised.T, trans="T").T
            regression.fit(turned.astype(rows.dtype), repeated, weights)
            coefficients = solve_triangular(root, regression.coef_[0].astype(np.float64))
    # The standardisation is folded into the weights: the layer takes unscaled features.
    folded = coefficients / scaler.scale_
    bias = float(regression.intercept_[0] - folded @ scaler.mean_)
    return Head(folded, bias)


def choose(
    views: np.ndarray, labels: np.ndarray, folds: Sequence[Fold], progress: Progress
) -> Choice:
    """Choose regularisation, then augmentation, with the least loss on held-out photographs.

    Args:
        views: of the train folder, shape (n, v, 512).
        labels: shape (n,).
        folds: from :func:`training.folds.grouped`.
        progress: called with (what, done, total).
    """
    possible = [name for name, needed in AUGMENTATIONS.items() if needed <= views.shape[1]]
    everything = max(possible, key=AUGMENTATIONS.__getitem__)
    others = [name for name in possible if name != everything]
    total = len(STRENGTHS) + len(others)
    tried: list[tuple[str, float, float]] = []

    def attempt(name: str, strength: float) -> None:
        part = views[:, : AUGMENTATIONS[name]]
        tried.append((name, strength, _loss_held_out(part, labels, strength, folds)))
        progress("head", len(tried), total)

    for strength in STRENGTHS:
        attempt(everything, strength)
    strength = min(tried, key=lambda entry: entry[2])[1]
    for name in others:
        attempt(name, strength)
    name, strength, _ = min(tried, key=lambda entry: entry[2])
    return Choice(strength, name, tuple(tried))


def _loss_held_out(
    views: np.ndarray, labels: np.ndarray, strength: float, folds: Sequence[Fold]
) -> float:
    log_odds = np.empty(len(labels))
    fitted = of_folds(lambda fold: fit(views[fold[0]], labels[fold[0]], strength), folds)
    for own, (_, hold) in zip(fitted, folds, strict=True):
        log_odds[hold] = own.log_odds(views[hold, 0])
    weights = compute_sample_weight("balanced", labels)
    return float(log_loss(labels, expit(log_odds), sample_weight=weights))


def of_folds(fit_one: Callable[..., Head], *folds: Iterable[Any]) -> list[Head]:
    """Fit a final layer for each fold, on every core.

    Args:
        fit_one: called with one item of each of ``folds``.
        folds: of equal length.
    """
    # Around all fits: the first to leave its own limit would lift it for the others.
    with threadpool_limits(1, user_api="blas"), workers() as pool:
        return list(pool.map(fit_one, *folds))


@dataclass(frozen=True)
class FittedHead:
    """A new final layer on the unchanged backbone."""

    backbone: Backbone
    head: Head
    plain: np.ndarray
    """Features of all photographs of the train folder, shape (n, 512)."""

    @property
    def tuned(self) -> None:
        """Nothing but the final layer is fitted."""

    def features(self, places: np.ndarray) -> np.ndarray:
        """Return pooled features of the photographs at these indices, shape (m, 512)."""
        return np.asarray(self.plain[places])


@dataclass(frozen=True)
class HeadRecipe:
    """Fits the final layer only."""

    backbone: Backbone
    features: Features
    labels: np.ndarray
    """0 or 1, shape (n,)."""
    choice: Choice

    def fit(self, learn: np.ndarray, seed: int) -> FittedHead:
        """Fit to the photographs at these indices, shape (m,); deterministic."""
        views = self.features.views[learn, : AUGMENTATIONS[self.choice.augmentation]]
        fitted = fit(views, self.labels[learn], self.choice.strength)
        return FittedHead(self.backbone, fitted, self.features.plain)
