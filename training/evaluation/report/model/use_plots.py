"""Plots of what the predictions are good for, and of how many photographs it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from training.evaluation.report.formats import number, percent, short_percent
from training.evaluation.report.style import (
    BLUE,
    COLOURS,
    GREY,
    GUIDE,
    INK,
    NAMES,
    Plots,
    figure,
    in_percent,
    labels,
)

RISKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
PREVALENCES: Final = (0.001, 0.005, 0.02, 0.1, 0.5)

Evidence = Mapping[str, Any]


def net_benefit(evidence: Evidence) -> Figure:
    """Plot decision curves at the stated prevalence and at that of each sample."""
    samples = list(_samples(evidence, "net_benefit"))
    drawn = figure(6.8, 2.9)
    panels = drawn.subplots(1, 1 + max(len(samples), 1))
    stated, *others = panels
    stated.set_title(f"at {short_percent(evidence['clinical']['prevalence'])} prevalence")
    stated.set_ylabel("net benefit, cancers per 1,000 people")
    for sample, found in samples:
        _benefit(stated, found["stated"], COLOURS[sample])
    for axes, (sample, found) in zip(others, samples, strict=False):
        own = found["own"]
        axes.set_title(f"{NAMES[sample]}, {percent(own['prevalence'])} cancers")
        _benefit(axes, own, COLOURS[sample])
    names = [(f"by risk, {NAMES[sample]}", COLOURS[sample]) for sample, _ in samples]
    labels(stated, [*names, ("treat everybody", GREY), ("treat nobody", INK)], (0.98, 0.72))
    for axes in panels:
        _logarithmic(axes, RISKS)
        axes.set_xlabel("threshold probability (%)")
    return drawn


def _benefit(axes: Axes, curve: Evidence, colour: str) -> None:
    axes.plot(curve["risk"], [0] * len(curve["risk"]), color=INK, linewidth=0.8)
    axes.plot(curve["risk"], curve["all"], color=GREY)
    _band(axes, curve["risk"], curve["model"], colour)
    # Treating everybody has no lower end: below zero it is out of the question anyway.
    most = 1000 * curve["prevalence"]
    axes.set_ylim(-0.15 * most, 1.05 * most)


def predictive_values(evidence: Evidence) -> Figure:
    """Plot PPV and NPV over prevalence, with a guide at the stated one."""
    samples = list(_samples(evidence, "predictive_values"))
    drawn = figure(6.8, 2.9)
    titles = {
        "ppv": "PPV: cancers among those called cancer",
        "npv": "NPV: benign among those called no cancer",
    }
    for axes, (kind, title) in zip(drawn.subplots(1, 2), titles.items(), strict=True):
        for sample, found in samples:
            _band(axes, found["prevalence"], found[kind], COLOURS[sample])
        axes.axvline(evidence["clinical"]["prevalence"], **GUIDE)
        axes.set_title(title)
        _logarithmic(axes, PREVALENCES)
        axes.set_xlabel("prevalence of melanoma (%)")
        in_percent(axes.yaxis)
        corner = (0.03, 0.85) if kind == "ppv" else (0.03, 0.04)
        labels(axes, [(NAMES[sample], COLOURS[sample]) for sample, _ in samples], corner)
    return drawn


def learning(evidence: Evidence) -> Figure:
    """Plot scores over the number of photographs learned from: a dot a repeat, and the mean."""
    found = evidence["learning"]
    titles = {
        "auroc": "AUROC",
        "specificity": f"specificity at {percent(found['sensitivity'])} sensitivity",
    }
    drawn = figure(6.8, 2.9)
    across = [one["photographs"] for one in found["points"]]
    for axes, (metric, title) in zip(drawn.subplots(1, 2), titles.items(), strict=True):
        for place, one in zip(across, found["points"], strict=True):
            values = one[metric]
            dots = [place] * len(values)
            axes.plot(dots, values, "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
        means = [sum(one[metric]) / len(one[metric]) for one in found["points"]]
        axes.plot(across, means, color=BLUE)
        last = (across[-1], means[-1])
        axes.annotate(number(means[-1]), last, (4, 0), textcoords="offset points", va="center")
        axes.set_title(title)
        axes.set_xlim(0, 1.12 * across[-1])
        axes.margins(y=0.12)
        axes.set_xlabel("photographs that the fit learned from")
    return drawn


def _samples(evidence: Evidence, kind: str) -> Iterator[tuple[str, Evidence]]:
    for sample in COLOURS:
        found = evidence["clinical"][sample][kind]
        if found is not None:
            yield sample, found


def _band(axes: Axes, x: Sequence[float], found: Sequence[Evidence], colour: str) -> None:
    """Draw a curve with its 95 % intervals; a value that is None leaves a gap."""
    gap = float("nan")
    value, low, high = (
        [gap if one[end] is None else one[end] for one in found] for end in ("value", "low", "high")
    )
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, value, color=colour)


def _logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    """Set a logarithmic axis of shares, with ticks in percent."""
    axes.set_xscale("log")
    axes.set_xlim(ticks[0], ticks[-1])
    axes.set_xticks(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))


PLOTS: Final[Plots] = {
    "net_benefit": net_benefit,
    "predictive_values": predictive_values,
    "learning": learning,
}
