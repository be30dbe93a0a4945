"""Plots of a model: ROC, precision and recall, reliability, risk and coverage, stress, recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation.report.formats import count, number, percent, words
from training.evaluation.report.model import use_plots
from training.evaluation.report.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    GUIDE,
    INK,
    NAMES,
    ORANGE,
    Plots,
    dot,
    figure,
    in_percent,
    labels,
    shares,
    whisker,
)

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


def roc(evidence: Evidence) -> Figure:
    """Plot sensitivity against false alarms, with the served threshold."""
    drawn, axes = _square()
    axes.plot([0, 1], [0, 1], **GUIDE)
    lines = _drawn(evidence, axes, ("roc", "false_positive_rate", "sensitivity"), "auroc", "AUROC")
    scores = evidence["scores"]["test"]
    sensitivity, specificity = scores["sensitivity"], scores["specificity"]
    if sensitivity["value"] is not None and specificity["value"] is not None:
        place = (1 - specificity["value"], sensitivity["value"])
        axes.plot(*place, "o", color=INK, markersize=4, zorder=3)
        # Below the curve, where nothing else is drawn.
        axes.annotate("threshold", place, (6, -10), textcoords="offset points", color=INK)
    labels(axes, lines, (0.98, 0.04))
    shares(axes, "1 \N{MINUS SIGN} specificity: share of benign called cancer", "sensitivity")
    return drawn


def precision_recall(evidence: Evidence) -> Figure:
    """Plot precision against recall; a dashed line shows chance level."""
    drawn, axes = _square()
    curve = ("precision_recall", "recall", "precision")
    labels(axes, _drawn(evidence, axes, curve, "auprc", "AUPRC"), (0.02, 0.04))
    prevalence = evidence["decision"]["prevalence"]
    axes.axhline(prevalence, **GUIDE)
    shares(axes, "recall (sensitivity)", f"precision (PPV at {percent(prevalence)} prevalence)")
    return drawn


def reliability(evidence: Evidence) -> Figure:
    """Plot observed against predicted probability, with intervals, above their histogram."""
    samples = list(_samples(evidence))
    drawn = figure(3.4 * max(len(samples), 1), 4.0)
    grid = drawn.subplots(2, max(len(samples), 1), squeeze=False, height_ratios=(4, 1), sharex=True)
    for column, (sample, curves) in enumerate(samples):
        above, below = grid[0][column], grid[1][column]
        bins = curves["reliability"]
        shown = [one for one in bins if one["count"] and one["observed"] is not None]
        above.plot([0, 1], [0, 1], **GUIDE)
        for one in shown:
            whisker(above, one["predicted"], one, COLOURS[sample])
        predicted = [one["predicted"] for one in shown]
        observed = [one["observed"] for one in shown]
        above.plot(predicted, observed, "o-", color=COLOURS[sample], markersize=4, linewidth=0.8)
        above.set_title(_named(evidence, sample, "ece", "ECE"), color=COLOURS[sample])
        shares(above, "", "observed share of cancers" if column == 0 else "")
        for one in bins:
            width = one["to"] - one["from"]
            below.bar(one["from"], one["count"], 0.94 * width, align="edge", color=COLOURS[sample])
        below.set_xlabel("predicted P(cancer)")
        below.set_ylabel("photographs" if column == 0 else "")
    return drawn


def risk_coverage(evidence: Evidence) -> Figure:
    """Plot the share of wrong labels among the answers, against the share answered."""
    drawn = figure(4.8, 2.9)
    axes = drawn.subplots()
    lines = []
    for sample, curves in _samples(evidence):
        curve = curves["risk_coverage"]
        axes.plot(curve["coverage"], curve["risk"], color=COLOURS[sample])
        wrong = percent(curve["risk"][-1] if curve["risk"] else None, 1)
        lines.append((f"{NAMES[sample]}: {wrong} if all are answered", COLOURS[sample]))
    labels(axes, lines, (0.03, 0.86))
    firm = evidence["review"]["errors_of_firm_answers"]["firm"]["value"]
    if firm is not None:
        axes.axvline(firm, **GUIDE)
        # Below the names of the curves, on the side with more room.
        aside, side = (0.015, "left") if firm < 0.5 else (-0.015, "right")
        text = f"firm answers:\n{percent(firm)} of the test"
        across = axes.get_xaxis_transform()
        axes.text(firm + aside, 0.78, text, ha=side, va="top", transform=across)
    axes.set(
        xlim=(0, 1.0),
        xlabel="share of photographs answered, the surest first",
        ylabel="share of wrong labels among them",
    )
    axes.set_ylim(bottom=0)
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    return drawn


def _square() -> tuple[Figure, Axes]:
    drawn = figure(3.4, 3.4)
    axes = drawn.subplots()
    axes.set_aspect("equal")
    return drawn, axes


def _drawn(
    evidence: Evidence, axes: Axes, curve: tuple[str, str, str], metric: str, name: str
) -> list[tuple[str, str]]:
    """Draw a curve of each sample; returns their labels, with the score that sums it up."""
    kind, x, y = curve
    lines = []
    for sample, curves in _samples(evidence):
        axes.plot(curves[kind][x], curves[kind][y], color=COLOURS[sample])
        lines.append((_named(evidence, sample, metric, name), COLOURS[sample]))
    return lines


def _samples(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    for sample in COLOURS:
        curves = evidence["curves"].get(sample)
        if curves is not None:
            yield sample, curves


def _named(evidence: Evidence, sample: str, metric: str, name: str) -> str:
    scores = evidence["scores"][sample]
    value = number((scores.get(metric) or {}).get("value"))
    return f"{NAMES[sample]} ({count(scores['count'])}): {name} {value}"


def stress(evidence: Evidence) -> Figure:
    """Plot AUROC of perturbed photographs with its interval, and the label flips."""
    kinds = list(evidence["stress"])
    rows = len(kinds) + 1
    drawn = figure(6.8, 0.9 + 0.26 * rows)
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    unchanged = evidence["stress"].get("unchanged", {}).get("auroc", {}).get("value")
    if unchanged is not None:
        left.axvline(unchanged, **GUIDE)
    for row, kind in enumerate(kinds):
        found = evidence["stress"][kind]
        dot(left, row, found["auroc"], INK if kind == "unchanged" else BLUE)
        dot(right, row, found.get("label_flips"), BLUE)
    covered = evidence["covered"]
    low, high = covered["accepted"]
    left.barh(rows - 1, high - low, 0.7, low, color=GREY, alpha=0.25, linewidth=0)
    dot(left, rows - 1, covered["auroc"], ORANGE)
    left.set_yticks(range(rows), [*map(words, kinds), "lesion covered"])
    left.set_ylim(rows - 0.4, -0.6)
    left.set_xlim(right=1.01)
    left.set_xlabel("AUROC with 95 % interval")
    right.set_xlim(left=0)
    in_percent(right.xaxis)
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


PLOTS: Final[Plots] = {
    **use_plots.PLOTS,
    "roc": roc,
    "precision_recall": precision_recall,
    "reliability": reliability,
    "risk_coverage": risk_coverage,
    "stress": stress,
    "recipes": recipes,
}
