"""Fit a final layer that reacts less to changes that must not matter.

Some photographs of the train folder are perturbed (hairs, rulers, blur and others), and their
features computed again. The directions in which features move are penalised, by as much as they
move: the within-photograph covariance joins the ridge penalty of the logistic regression. It is
the regularised form of within-class covariance normalisation (Hatch et al. 2006), and of the
penalty on tangents of Simard et al. 1992. No label takes part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import expit
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from training import head
from training.dataset import Progress
from training.folds import Fold
from training.head import STRENGTHS, Head

TRIED: Final = STRENGTHS[:4]
"""Regularisation strengths that are compared."""
FIRST: Final = TRIED[2]
"""The one with which the weight of the covariance is chosen."""
WEIGHTS: Final = (0.0, 3.0, 10.0, 30.0)
"""Weights of the within-photograph covariance that are compared."""


@dataclass(frozen=True)
class Perturbed:
    """Features of m photographs before and after each of k changes."""

    places: np.ndarray
    """Indices of the photographs in the train folder, shape (m,)."""
    before: np.ndarray
    """float32 of shape (m, width), in the canonical orientation."""
    after: np.ndarray
    """float32 of shape (m, k, width), in the canonical orientation of the changed picture."""
    _covariances: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    """Of the sets of photographs asked for: each fold's is needed for every regularisation."""

    def covariance(self, learn: np.ndarray) -> np.ndarray:
        """Mean product of the features' changes, shape (width, width).

        Args:
            learn: indices in the train folder of the photographs that may be used, shape (l,).
        """
        some = np.isin(self.places, learn)
        key = some.tobytes()
        if key not in self._covariances:
            moved = (self.after[some] - self.before[some, None]).reshape(-1, self.before.shape[1])
            self._covariances[key] = (moved.T @ moved).astype(np.float64) / max(len(moved), 1)
        return self._covariances[key]

    def select(self, columns: np.ndarray) -> Perturbed:
        """Keep some features only, by their indices of shape (w,)."""
        return Perturbed(self.places, self.before[:, columns], self.after[:, :, columns])


@dataclass(frozen=True)
class Rows:
    """Features that a final layer is fitted on."""

    values: np.ndarray
    """Shape (n, orientations, width)."""
    perturbed: Perturbed | None = None

    @property
    def columns(self) -> int:
        """How many features there are."""
        return int(self.values.shape[2])

    def select(self, columns: np.ndarray) -> Rows:
        """Keep some features only, by their indices of shape (w,)."""
        perturbed = None if self.perturbed is None else self.perturbed.select(columns)
        return Rows(self.values[:, :, columns], perturbed)

    def fit(self, labels: np.ndarray, learn: np.ndarray, chosen: Regularisation) -> Head:
        """Fit to some of the photographs.

        Args:
            labels: 0 or 1, shape (n,).
            learn: indices of the photographs that may be used, shape (l,).
            chosen: the regularisation.
        """
        penalty = None
        if self.perturbed is not None and chosen.invariance:
            penalty = chosen.invariance * self.perturbed.covariance(learn)
        return head.fit(self.values[learn], labels[learn], chosen.strength, penalty)


@dataclass(frozen=True)
class Regularisation:
    """How strongly the weights of a final layer are penalised."""

    strength: float
    """Inverse strength of the ridge penalty: scikit-learn's C per photograph."""
    invariance: float = 0.0
    """Weight of the within-photograph covariance in the penalty."""


def choose(
    rows: Rows, labels: np.ndarray, folds: Sequence[Fold], progress: Progress
) -> Regularisation:
    """Choose the regularisation with the least log loss of out-of-fold predictions.

    Where photographs were perturbed, it is the mean of the log loss of photographs as they are and
    of the perturbed ones. First the weight of the covariance is chosen, then the strength.

    Args:
        rows: features; they are averaged over the orientations.
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        progress: told of each fit.
    """
    means = Rows(rows.values.mean(axis=1, keepdims=True), rows.perturbed)
    weights = WEIGHTS if rows.perturbed is not None else WEIGHTS[:1]
    losses: dict[Regularisation, float] = {}

    def best(tried: Sequence[Regularisation]) -> Regularisation:
        for one in tried:
            if one not in losses:
                losses[one] = _loss(means, labels, folds, one)
                progress("fits", len(losses), len(weights) + len(TRIED) - 1)
        return min(tried, key=losses.__getitem__)

    start = best([Regularisation(FIRST, weight) for weight in weights])
    return best([Regularisation(strength, start.invariance) for strength in TRIED])


def heads(
    rows: Sequence[Rows], labels: np.ndarray, folds: Sequence[Fold], chosen: Regularisation
) -> list[Head]:
    """Fit a final layer without each fold's held-out photographs.

    Args:
        rows: for each fold, features of all photographs.
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        chosen: the regularisation.
    """

    def fit_fold(own: Rows, fold: Fold) -> Head:
        return own.fit(labels, fold[0], chosen)

    return head.of_folds(fit_fold, rows, folds)


def out_of_fold(
    rows: Rows,
    labels: np.ndarray,
    folds: Sequence[Fold],
    chosen: Regularisation,
    asked: Perturbed | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute log-odds by final layers that were fitted without the photographs.

    Args:
        rows: what is fitted on.
        labels: 0 or 1, shape (n,).
        folds: from :func:`training.folds.grouped`.
        chosen: the regularisation.
        asked: perturbed photographs whose log-odds are wanted too.

    Returns:
        Log-odds of each photograph in each orientation, shape (n, orientations), and of each
        perturbed one, shape (m, k); without any, shape (0, 0).
    """
    clean = np.empty(rows.values.shape[:2])
    changed = np.empty((0, 0) if asked is None else asked.after.shape[:2])
    fitted = heads([rows] * len(folds), labels, folds, chosen)
    for final, (_, hold) in zip(fitted, folds, strict=True):
        clean[hold] = final.log_odds(rows.values[hold])
        if asked is not None:
            own = np.isin(asked.places, hold)
            changed[own] = final.log_odds(asked.after[own])
    return clean, changed


def _loss(means: Rows, labels: np.ndarray, folds: Sequence[Fold], chosen: Regularisation) -> float:
    weights = compute_sample_weight("balanced", labels)
    clean, changed = out_of_fold(means, labels, folds, chosen, means.perturbed)
    loss = float(log_loss(labels, expit(clean[:, 0]), sample_weight=weights))
    if means.perturbed is None:
        return loss
    places, kinds = means.perturbed.places, changed.shape[1]
    other = log_loss(
        np.repeat(labels[places], kinds),
        expit(changed.ravel()),
        sample_weight=np.repeat(weights[places], kinds),
    )
    return (loss + float(other)) / 2
