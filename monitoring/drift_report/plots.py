"""Plots of the report: the distribution of each drift feature in both samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monitoring.drift_report.comparison import FeatureChange
from monitoring.drift_report.photographs import Sample
from training.evaluation.report.style import BLUE, GREY, ORANGE, figure

UNITS: Final = {
    "brightness": "mean luma, 0 to 1",
    "contrast": "standard deviation of luma",
    "sharpness": "log10 of the Laplacian's variance",
    "probability": "calibrated P(cancer)",
    "distance": "distance to the training features",
}


def of_values(samples: tuple[Sample, Sample], feature: str) -> Figure:
    """Plot histograms of single values, of reference and current sample."""
    drawn, axes = _empty(UNITS[feature])
    values = [sample.values[feature] for sample in samples]
    edges = np.histogram_bin_edges(np.concatenate(values), 30).tolist()
    for own, colour, name in zip(values, (BLUE, ORANGE), ("reference", "current"), strict=True):
        weights = np.full(len(own), 1 / len(own))
        axes.hist(own, edges, weights=weights, color=colour, alpha=0.25)
        axes.hist(own, edges, weights=weights, color=colour, histtype="step", label=name)
    axes.legend(frameon=False)
    return drawn


def of_bins(changes: Mapping[str, FeatureChange], feature: str) -> Figure:
    """Plot shares in the drift baseline's bins, of training and both samples."""
    change = changes[feature]
    drawn, axes = _empty("bin, lowest values left")
    places = np.arange(len(change.shares))
    for shift, counts, colour, name in (
        (-0.2, change.reference, BLUE, "reference"),
        (0.2, change.current, ORANGE, "current"),
    ):
        axes.bar(places + shift, counts / max(counts.sum(), 1), 0.4, color=colour, label=name)
    axes.step(
        np.append(places, len(places)) - 0.5,
        np.append(change.shares, change.shares[-1]),
        where="post",
        color=GREY,
        label="training",
    )
    axes.set_xticks(places)
    axes.legend(frameon=False)
    return drawn


def _empty(name: str) -> tuple[Figure, Axes]:
    drawn = figure(4.6, 2.3)
    axes = drawn.subplots()
    axes.set(xlabel=name, ylabel="share")
    return drawn, axes
