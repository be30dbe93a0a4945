"""Compare each drift feature between two samples, and of both with the training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp

from handlers.drift import FEATURES, Baseline
from monitoring.drift_report.photographs import Sample
from monitoring.resampling import drift_index

MATTERS: Final = 0.1
"""Index from which a change is relevant, by convention (Siddiqi, Credit Risk Scorecards, 2006)."""
CHANCE: Final = 0.01
"""Largest p-value, after correction, that counts as significant."""


@dataclass(frozen=True)
class FeatureChange:
    """Comparison of one drift feature between both samples."""

    feature: str
    shares: np.ndarray
    """Share of the training data in each bin, shape (bins,)."""
    reference: np.ndarray
    """Photographs of the reference in each bin, shape (bins,)."""
    current: np.ndarray
    """Photographs of the current sample in each bin, shape (bins,)."""
    index_reference: float
    """Population stability index of each sample against the training data, no unit."""
    index_current: float
    index_between: float
    """Population stability index of the current sample against the reference, no unit."""
    test: str
    p: float
    """p-value, corrected for the number of features (Benjamini & Hochberg 1995)."""
    medians: tuple[float, float] | None = None
    """Medians of reference and current, in the feature's unit, if single values are known."""

    @property
    def changed(self) -> bool:
        """Whether the change is significant, and large enough to matter."""
        return self.p < CHANCE and self.index_between >= MATTERS


def of_photographs(reference: Sample, current: Sample, baseline: Baseline) -> list[FeatureChange]:
    """Kolmogorov-Smirnov test on the values, indices on the drift baseline's bins."""
    tests = [ks_2samp(reference.values[name], current.values[name]).pvalue for name in FEATURES]
    return [
        _change(
            name,
            np.asarray(baseline.drift[name].shares),
            _binned(baseline, name, reference.values[name]),
            _binned(baseline, name, current.values[name]),
            "Kolmogorov-Smirnov",
            p,
            medians=(
                float(np.median(reference.values[name])),
                float(np.median(current.values[name])),
            ),
        )
        for name, p in zip(FEATURES, false_discovery_control(tests), strict=True)
    ]


def of_bins(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    shares: Mapping[str, np.ndarray],
) -> list[FeatureChange]:
    """Chi-squared test of homogeneity on counts by bin, for the features that all three have.

    Args:
        reference: photographs in each bin, by feature, each of shape (bins,).
        current: likewise.
        shares: of the training data in each bin, likewise of shape (bins,).
    """
    names = [name for name in FEATURES if name in reference.keys() & current.keys() & shares.keys()]
    tests = [_homogeneity(reference[name], current[name]) for name in names]
    return [
        _change(name, shares[name], reference[name], current[name], "chi-squared", p)
        for name, p in zip(names, false_discovery_control(tests), strict=True)
    ]


def _homogeneity(one: np.ndarray, other: np.ndarray) -> float:
    table = np.stack([one, other])
    table = table[:, table.sum(axis=0) > 0]
    return float(chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0


def _binned(baseline: Baseline, feature: str, values: np.ndarray) -> np.ndarray:
    places = [int(baseline.bin_of(feature, value)) for value in values]
    return np.bincount(places, minlength=len(baseline.drift[feature].shares))


def _change(
    feature: str,
    shares: np.ndarray,
    reference: np.ndarray,
    current: np.ndarray,
    test: str,
    p: float,
    medians: tuple[float, float] | None = None,
) -> FeatureChange:
    counted = np.rint(reference).astype(int), np.rint(current).astype(int)
    # Add half a photograph to each bin, as the rules do, so that one empty bin does not decide.
    smoothed = (counted[0] + 0.5) / (counted[0].sum() + 0.5 * len(shares))
    return FeatureChange(
        feature=feature,
        shares=shares,
        reference=counted[0],
        current=counted[1],
        index_reference=float(drift_index(counted[0], shares)),
        index_current=float(drift_index(counted[1], shares)),
        index_between=float(drift_index(counted[1], smoothed)),
        test=test,
        p=float(p),
        medians=medians,
    )
