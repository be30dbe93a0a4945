"""95 % intervals: of resamples, of shares, and of means over photographs, paired or not."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import binomtest
from typing_extensions import TypedDict

from handlers.card import Interval

RESAMPLES: Final = 2000


class MiddleAndTail(TypedDict):
    """Median and 95th percentile of a sample."""

    median: float
    p95: float


def interval(value: float, spread: np.ndarray) -> Interval:
    """``value``, and ``low`` and ``high``: the 2.5th and 97.5th percentile of resamples.

    All in the unit of ``value``, rounded to four decimals.

    Args:
        value: of the sample itself; one that is not a number gives None.
        spread: of the resamples, shape (r,).
    """
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    low, high = np.nanpercentile(spread, (2.5, 97.5))
    return _rounded(value, low, high)


def share(hits: np.ndarray) -> Interval:
    """Compute a share with its 95 % interval (Wilson 1927), which is defined for 0 and 1 too.

    Args:
        hits: True or False for each, shape (n,); none gives None.
    """
    if not len(hits):
        return interval(float("nan"), np.empty(0))
    found = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return _rounded(hits.mean(), found.low, found.high)


def mean(values: np.ndarray, seed: int) -> Interval:
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


def paired(ours: np.ndarray, theirs: np.ndarray, seed: int) -> Interval:
    """Compute the mean difference of two numbers per photograph, both of shape (n,)."""
    return mean(ours - theirs, seed)


def below(one: Interval, other: Interval) -> bool:
    """Whether one interval ends before the other begins; False if either is None."""
    high, low = one["high"], other["low"]
    return high is not None and low is not None and high < low


def middle_and_tail(values: np.ndarray) -> MiddleAndTail:
    """``median`` and ``p95`` of shape (n,), to six digits."""
    median, high = np.percentile(values, (50, 95))
    return {"median": float(f"{median:.6g}"), "p95": float(f"{high:.6g}")}


def _rounded(value: float, low: float, high: float) -> Interval:
    value, low, high = (round(float(number), 4) for number in (value, low, high))
    return {"value": value, "low": low, "high": high}
