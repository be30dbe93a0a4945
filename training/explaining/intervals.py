"""Means over photographs with bootstrap 95 % intervals, and paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.evaluation import RESAMPLES, interval

Interval = Mapping[str, float | None]


def mean(values: np.ndarray, seed: int) -> dict[str, float | None]:
    """Compute the mean of one number per photograph, resampled over the photographs.

    The same seed draws the same photographs, so that methods are compared on the same resamples.

    Args:
        values: shape (n,); none gives None.
        seed: of the resampling.
    """
    if not len(values):
        return interval(float("nan"), np.empty(0))
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    return interval(float(values.mean()), values[drawn].mean(axis=1))


def paired(ours: np.ndarray, theirs: np.ndarray, seed: int) -> dict[str, float | None]:
    """Compute the mean difference of two numbers per photograph, both of shape (n,)."""
    return mean(ours - theirs, seed)


def below(one: Interval, other: Interval) -> bool:
    """Whether one interval ends before the other begins; False if either is None."""
    high, low = one["high"], other["low"]
    return high is not None and low is not None and high < low


def middle_and_tail(values: np.ndarray) -> dict[str, Any]:
    """``median`` and ``p95`` of shape (n,), to six digits."""
    found = np.percentile(values, (50, 95))
    return {
        name: float(f"{number:.6g}") for name, number in zip(("median", "p95"), found, strict=True)
    }
