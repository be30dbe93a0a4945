"""All plots of the report, as PNG files of 300 dots per inch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure

from training.report import comparisons, curves
from training.report.style import SETTINGS, png

Plots = Mapping[str, Callable[[Mapping[str, Any]], Figure]]

PLOTS: Final[Plots] = {
    "roc": curves.roc,
    "precision_recall": curves.precision_recall,
    "reliability": curves.reliability,
    "risk_coverage": curves.risk_coverage,
    "stress": comparisons.stress,
    "recipes": comparisons.recipes,
}


def draw(evidence: Mapping[str, Any], plots: Plots = PLOTS) -> dict[str, bytes]:
    """Draw PNG files by name; equal documents give equal bytes."""
    with matplotlib.rc_context(SETTINGS):
        return {name: png(plot(evidence)) for name, plot in plots.items()}
