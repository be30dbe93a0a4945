"""Comparison plots: perturbed photographs, and recipes over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.report.formats import number, percent, words
from training.report.style import BLUE, GREEN, GREY, INK, ORANGE, figure

RECIPES: Final = (BLUE, ORANGE, GREEN)
PANELS: Final = {
    "auroc": "AUROC, test: higher is better",
    "cross_validation": "AUROC, cross-validation: higher",
    "sensitivity": "sensitivity, test: higher",
    "specificity": "specificity, test: higher",
    "brier": "Brier score, test: lower is better",
    "ece": "ECE, test: lower",
}
ROOM: Final = 0.24
"""Share of a recipe's width that its dots occupy."""

Evidence = Mapping[str, Any]


def stress(evidence: Evidence) -> Figure:
    """Plot AUROC of perturbed photographs with its interval, and the label flips."""
    kinds = list(evidence["stress"])
    rows = len(kinds) + 1
    drawn = figure(6.8, 0.9 + 0.26 * rows)
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    unchanged = evidence["stress"].get("unchanged", {}).get("auroc", {}).get("value")
    if unchanged is not None:
        left.axvline(unchanged, color=GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    for row, kind in enumerate(kinds):
        found = evidence["stress"][kind]
        _dot(left, row, found["auroc"], INK if kind == "unchanged" else BLUE, number)
        _dot(right, row, found.get("label_flips"), BLUE, percent)
    covered = evidence["covered"]
    low, high = covered["accepted"]
    left.barh(rows - 1, high - low, 0.7, low, color=GREY, alpha=0.25, linewidth=0)
    _dot(left, rows - 1, covered["auroc"], ORANGE, number)
    left.set_yticks(range(rows), [*map(words, kinds), "lesion covered"])
    left.set_ylim(rows - 0.4, -0.6)
    left.set_xlim(right=1.01)
    left.set_xlabel("AUROC with 95 % interval")
    right.set_xlim(left=0)
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    right.set_xlabel("labels that flip")
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
    return drawn


def recipes(evidence: Evidence) -> Figure:
    """Plot each score of each recipe: a dot per seed, and their mean."""
    drawn = figure(6.8, 4.0)
    grid = drawn.subplots(2, 3)
    for axes, (metric, title) in zip(grid.flat, PANELS.items(), strict=True):
        axes.set_title(title)
        for place, (recipe, colour) in enumerate(zip(evidence["recipes"], RECIPES, strict=False)):
            _seeds(axes, place, _values(evidence["recipes"][recipe], metric), colour)
        axes.set_xticks(range(len(evidence["recipes"])), list(evidence["recipes"]))
        axes.set_xlim(-0.6, len(evidence["recipes"]) - 0.4)
        axes.margins(y=0.15)
        axes.tick_params(axis="x", length=0)
    return drawn


def _dot(axes: Axes, row: int, found: Evidence | None, colour: str, written: Any) -> None:
    if found is None or found["value"] is None:
        return
    if found["low"] is not None and found["high"] is not None:
        axes.plot([found["low"], found["high"]], [row, row], color=colour, linewidth=0.9)
    axes.plot(found["value"], row, "o", color=colour, markersize=4)


def _seeds(axes: Axes, place: int, values: Sequence[float], colour: str) -> None:
    if not values:
        return
    # Next to each other in the order of the seeds, so that equal ones do not hide each other.
    step = ROOM / max(len(values) - 1, 1)
    start = place - (ROOM / 2 if len(values) > 1 else 0)
    across = [start + step * at for at in range(len(values))]
    axes.plot(across, values, "o", color=colour, markersize=3, alpha=0.6, markeredgewidth=0)
    middle = sum(values) / len(values)
    axes.plot([place - 0.25, place + 0.25], [middle] * 2, color=colour)
    axes.annotate(
        number(middle),
        (place + 0.25, middle),
        (2, 0),
        textcoords="offset points",
        color=colour,
        va="center",
        fontsize=7,
    )


def _values(recipe: Evidence, metric: str) -> list[float]:
    if metric == "cross_validation":
        found = recipe["cross_validation"]["auroc"]
    else:
        found = recipe["test"].get(metric) or ()
    return [value for value in found if value is not None]
