"""Plots of the curves: ROC, precision and recall, reliability, risk and coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.report.formats import count, number, percent
from training.report.style import COLOURS, GREY, INK, NAMES, figure, labels, shares

Evidence = Mapping[str, Any]


def roc(evidence: Evidence) -> Figure:
    """Plot sensitivity against false alarms, with the served threshold."""
    drawn = figure(3.4, 3.4)
    axes = drawn.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    lines = []
    for sample, curves in _samples(evidence):
        curve = curves["roc"]
        axes.plot(curve["false_positive_rate"], curve["sensitivity"], color=COLOURS[sample])
        lines.append((_named(evidence, sample, "auroc", "AUROC"), COLOURS[sample]))
    scores = evidence["scores"]["test"]
    sensitivity, specificity = scores["sensitivity"], scores["specificity"]
    if sensitivity["value"] is not None and specificity["value"] is not None:
        place = (1 - specificity["value"], sensitivity["value"])
        axes.plot(*place, "o", color=INK, markersize=4, zorder=3)
        # Below the curve, where nothing else is drawn.
        axes.annotate("threshold", place, (6, -10), textcoords="offset points", color=INK)
    labels(axes, lines, (0.98, 0.04))
    shares(axes, "1 \N{MINUS SIGN} specificity: share of benign called cancer", "sensitivity")
    axes.set_aspect("equal")
    return drawn


def precision_recall(evidence: Evidence) -> Figure:
    """Plot precision against recall; a dashed line shows chance level."""
    drawn = figure(3.4, 3.4)
    axes = drawn.subplots()
    lines = []
    for sample, curves in _samples(evidence):
        curve = curves["precision_recall"]
        axes.plot(curve["recall"], curve["precision"], color=COLOURS[sample])
        lines.append((_named(evidence, sample, "auprc", "AUPRC"), COLOURS[sample]))
    labels(axes, lines, (0.02, 0.04))
    prevalence = evidence["decision"]["prevalence"]
    axes.axhline(prevalence, color=GREY, linewidth=0.6, linestyle=(0, (4, 4)))
    shares(axes, "recall (sensitivity)", f"precision (PPV at {percent(prevalence)} prevalence)")
    axes.set_aspect("equal")
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
        above.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 4)))
        for one in shown:
            if one["low"] is not None and one["high"] is not None:
                ends = (one["low"], one["high"])
                above.plot([one["predicted"]] * 2, ends, color=COLOURS[sample], linewidth=0.8)
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
        axes.axvline(firm, color=GREY, linewidth=0.6, linestyle=(0, (4, 4)))
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
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    return drawn


def _samples(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    for sample in COLOURS:
        curves = evidence["curves"].get(sample)
        if curves is not None:
            yield sample, curves


def _named(evidence: Evidence, sample: str, metric: str, name: str) -> str:
    scores = evidence["scores"][sample]
    value = number((scores.get(metric) or {}).get("value"))
    return f"{NAMES[sample]} ({count(scores['count'])}): {name} {value}"
