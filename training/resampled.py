"""Scores of many samples at once, each described by how often it holds which value.

Resamples of one sample hold the same values again, so these are sorted once for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

BINS: Final = 10
"""Number of equally wide bins of the calibration error."""


@dataclass(frozen=True)
class Samples:
    """r samples of benign lesions and cancers, by their scores."""

    values: np.ndarray
    """The k different scores, ascending, shape (k,)."""
    benign: np.ndarray
    """How many benign lesions of each sample have each score, float64 of shape (r, k)."""
    cancers: np.ndarray
    """The same of the cancers, shape (r, k)."""

    @classmethod
    def of(cls, benign: np.ndarray, cancers: np.ndarray) -> Samples:
        """Count scores of shapes (r, b) and (r, c)."""
        both = np.concatenate([benign, cancers], axis=1)
        values, codes = np.unique(both, return_inverse=True)
        codes, count = codes.reshape(both.shape), benign.shape[1]
        return cls(
            values, _counts(codes[:, :count], len(values)), _counts(codes[:, count:], len(values))
        )

    def drawn(self, codes: np.ndarray, benign: np.ndarray, cancers: np.ndarray) -> Samples:
        """Return samples of places of one sample.

        Args:
            codes: number of the score of each place, from ``coded``, shape (n,).
            benign: places of benign lesions, shape (r, b).
            cancers: places of cancers, shape (r, c).
        """
        count = len(self.values)
        return Samples(self.values, _counts(codes[benign], count), _counts(codes[cancers], count))

    def auroc(self) -> np.ndarray:
        """AUROC as the Mann-Whitney statistic (Hanley & McNeil 1982), shape (r,)."""
        below = self.benign.cumsum(axis=1) - self.benign / 2
        pairs = self.benign.sum(axis=1) * self.cancers.sum(axis=1)
        return np.asarray((self.cancers * below).sum(axis=1) / pairs)

    def auprc(self) -> np.ndarray:
        """Average precision, each class weighing a half, ties benign first; shape (r,)."""
        held = self.cancers.any(axis=0)
        cancers = self.cancers[:, held]
        alarms = self.benign[:, ::-1].cumsum(axis=1)[:, ::-1][:, held]
        alarms /= self.benign.sum(axis=1, keepdims=True)
        higher = cancers[:, ::-1].cumsum(axis=1)[:, ::-1] - cancers
        total, count = np.zeros(len(cancers)), cancers.sum(axis=1, keepdims=True)
        for number in range(1, int(cancers.max(initial=0)) + 1):
            recall = (higher + number) / count
            total += (recall / (recall + alarms) * (cancers >= number)).sum(axis=1)
        return np.asarray(total / count[:, 0])

    def ece(self) -> np.ndarray:
        """Expected calibration error (Naeini et al. 2015), classes weigh a half; shape (r,)."""
        places = np.minimum((self.values * BINS).astype(int), BINS - 1)
        inside = np.equal.outer(places, np.arange(BINS)).astype(float)
        gap = self._mean(self.benign, self.values[:, None] * inside)
        gap += self._mean(self.cancers, (self.values - 1)[:, None] * inside)
        return np.asarray(np.abs(gap).sum(axis=1) / 2)

    def brier(self) -> np.ndarray:
        """Mean squared error of probabilities, each class weighing a half, shape (r,)."""
        squares = self._mean(self.benign, self.values**2)
        squares += self._mean(self.cancers, (1 - self.values) ** 2)
        return squares / 2

    def sensitivity(self, threshold: np.ndarray | float) -> np.ndarray:
        """Share of the cancers with scores from the threshold on, (r,); of m ones, (r, m)."""
        called = np.greater_equal.outer(self.values, threshold)
        return self._mean(self.cancers, called.astype(float))

    def specificity(self, threshold: np.ndarray | float) -> np.ndarray:
        """Share of the benign lesions with scores below the threshold, (r,); of m ones, (r, m)."""
        return self._mean(self.benign, np.less.outer(self.values, threshold).astype(float))

    @staticmethod
    def _mean(counts: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Mean over the lesions of a class of something of each score, shape (k,) or (k, m)."""
        total = counts.sum(axis=1)
        return np.asarray((counts @ of) / (total if of.ndim == 1 else total[:, None]))


def coded(scores: np.ndarray, labels: np.ndarray) -> tuple[Samples, np.ndarray]:
    """Return one sample, and the number of each score among the different ones, shape (n,).

    Args:
        scores: shape (n,).
        labels: 0 or 1, shape (n,).
    """
    values, codes = np.unique(scores, return_inverse=True)
    benign, cancers = (_counts(codes[labels == label][None], len(values)) for label in (0, 1))
    return Samples(values, benign, cancers), codes


def _counts(codes: np.ndarray, count: int) -> np.ndarray:
    """Count each of so many numbers in each row of shape (r, m), float64 of shape (r, count)."""
    rows = np.arange(len(codes))[:, None] * count
    found = np.bincount((codes + rows).ravel(), minlength=len(codes) * count)
    return found.reshape(len(codes), count).astype(float)
