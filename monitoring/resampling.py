"""Simulate days of traffic from a drift baseline, and their drift index as the rules compute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

HOUR: Final = 60
DAY: Final = 24 * HOUR
MINUTES: Final = {"1h": HOUR, "1d": DAY}
STEPS: Final = {"1h": 1, "1d": 5}
"""Minutes between two evaluations. Prometheus evaluates every minute; in five minutes a window of a
day hardly changes."""


@dataclass(frozen=True)
class SimulatedTraffic:
    """Parameters of the simulation."""

    photographs_per_hour: float = 200
    """Mean of the Poisson process of arrivals."""
    baseline_photographs: int = 1500
    """Photographs behind the drift baseline; about as many as in this project's training set."""
    features: int = 5
    """Features, drawn independently, which overestimates how often any of them gives a false
    alarm."""
    bins: int = 10
    """Number of bins: deciles of the baseline."""

    @property
    def shares(self) -> np.ndarray:
        """Shares of the baseline: a tenth in each bin, shape (bins,)."""
        return np.full(self.bins, 1 / self.bins)

    def masses(self, random: np.random.Generator) -> np.ndarray:
        """Draw the true masses of the bins of a sampled baseline, shape (features, bins).

        The deciles of a sample differ from those of the population: the masses between them follow
        a Dirichlet distribution (David & Nagaraja, Order Statistics, 2003).
        """
        return random.dirichlet(self.baseline_photographs * self.shares, size=self.features)

    def shifted(self, deviations: float) -> np.ndarray:
        """Compute the masses of the bins after a normal feature has shifted, shape (1, bins).

        ``deviations`` is how far, in standard deviations.
        """
        edges = norm.ppf(np.cumsum(self.shares)[:-1])
        below = np.concatenate([[0.0], norm.cdf(edges - deviations), [1.0]])
        return np.diff(below)[None]

    def minutes(
        self, random: np.random.Generator, masses: np.ndarray, length: int = DAY
    ) -> np.ndarray:
        """Draw photographs per minute and bin, shape (length, features, bins)."""
        features, bins = masses.shape
        arrivals = random.poisson(self.photographs_per_hour / HOUR, length)
        minute = np.repeat(np.arange(length), arrivals)
        counts = np.empty((length, features, bins), dtype=np.int64)
        for feature, edges in enumerate(np.cumsum(masses, axis=1)[:, :-1]):
            place = np.searchsorted(edges, random.random(len(minute)), "right")
            flat = np.bincount(minute * bins + place, minlength=length * bins)
            counts[:, feature] = flat.reshape(length, bins)
        return counts


def windows(counts: np.ndarray, window: str) -> np.ndarray:
    """Sums over a sliding window at each evaluation, shape (evaluations, features, bins).

    The service starts with the first minute, so the first windows are not full: the index of
    small samples is judged as well.
    """
    total = np.cumsum(counts, axis=0)
    width = MINUTES[window]
    sums = total.copy()
    sums[width:] -= total[:-width]
    return sums[STEPS[window] - 1 :: STEPS[window]]


def drift_index(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Compute the population stability index of counts of shape (..., bins), shape (...).

    The formula of :mod:`monitoring.prometheus.drift_rules`, half a photograph added to each
    bin. Both kinds of shares add up to one, so the logarithm of the total cancels out and
    that of an integer can be looked up.
    """
    logarithms = np.log(np.arange(int(counts.max(initial=0)) + 1) + 0.5)
    total = counts.sum(axis=-1, keepdims=True) + 0.5 * len(shares)
    observed = (counts + 0.5) / total
    terms = (observed - shares) * (logarithms[counts] - np.log(shares))
    return np.asarray(terms.sum(axis=-1))
