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
    """Photographs of the reference in each bin, integers of shape (bins,)."""
    current: np.ndarray
    """Photographs of the current sample in each bin, integers of shape (bins,)."""
    test: str
    p: float
    """p-value, corrected for the number of features (Benjamini & Hochberg 1995)."""
    medians: tuple[float, float] | None = None
    """Medians of reference and current, in the feature's unit, if single values are known."""

    @property
    def index_reference(self) -> float:
        """Population stability index of the reference against the training data, no unit."""
        return float(drift_index(self.reference, self.shares))

    @property
    def index_current(self) -> float:
        """Population stability index of the current sample against the training data, no unit."""
        return float(drift_index(self.current, self.shares))

    @property
    def index_between(self) -> float:
        """Population stability index of the current sample against the reference, no unit."""
        # Add half a photograph to each bin, as the rules do, so that one empty bin does not decide.
        smoothed = (self.reference + 0.5) / (self.reference.sum() + 0.5 * len(self.shares))
        return float(drift_index(self.current, smoothed))

    @property
    def changed(self) -> bool:
        """Whether the change is significant, and large enough to matter."""
        return self.p < CHANCE and self.index_between >= MATTERS


def of_photographs(reference: Sample, current: Sample, baseline: Baseline) -> list[FeatureChange]:
    """Kolmogorov-Smirnov test on the values, indices on the drift baseline's bins."""
    pairs = {name: (reference.values[name], current.values[name]) for name in FEATURES}
    tests = [ks_2samp(*pair).pvalue for pair in pairs.values()]
    return [
        FeatureChange(
            feature=name,
            shares=np.asarray(baseline.drift[name].shares),
            reference=_binned(baseline, name, before),
            current=_binned(baseline, name, after),
            test="Kolmogorov-Smirnov",
            p=float(p),
            medians=(float(np.median(before)), float(np.median(after))),
        )
        for (name, (before, after)), p in zip(
            pairs.items(), false_discovery_control(tests), strict=True
        )
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
        FeatureChange(
            feature=name,
            shares=shares[name],
            reference=np.rint(reference[name]).astype(int),
            current=np.rint(current[name]).astype(int),
            test="chi-squared",
            p=float(p),
        )
        for name, p in zip(names, false_discovery_control(tests), strict=True)
    ]


def _homogeneity(one: np.ndarray, other: np.ndarray) -> float:
    table = np.stack([one, other])
    table = table[:, table.sum(axis=0) > 0]
    return float(chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0


def _binned(baseline: Baseline, feature: str, values: np.ndarray) -> np.ndarray:
    places = [int(baseline.bin_of(feature, value)) for value in values]
    return np.bincount(places, minlength=len(baseline.drift[feature].shares))
