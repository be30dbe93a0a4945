"""All plots of the page: blue passes, orange fails, grey does not depend on the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation.report.explanations.methods import above, beaten, located, title
from training.evaluation.report.formats import number, percent
from training.evaluation.report.style import (
    BLUE,
    GREY,
    GUIDE,
    INK,
    ORANGE,
    Plots,
    dot,
    figure,
    in_percent,
    whisker,
)

ACROSS: Final = 4
PASSES: Final = BLUE
"""Colour of a method that passes."""
FAILS: Final = ORANGE
"""Colour of a method that fails; its title says so too."""
DASHES: Final = ((0, (1, 1.5)), (0, (4, 2)), "solid")
"""Dashes of the controls, all grey."""

DONE: Final = {"deletion": "taken away", "insertion": "shown"}
PICTURES: Final = {
    "real": "photographs, in the lesion",
    "synthetic": "synthetic lesions, in the lesion",
    "artefact": "on the planted artefact",
}

Document = Mapping[str, Any]
Line = tuple[str, str, object]
"""Text, colour and dashes of a line."""


def panels(methods: Sequence[str]) -> tuple[Figure, Iterator[tuple[str, Axes]], Axes]:
    """Make a figure, one panel per method, and an empty one for the legend.

    The first row of panels is the incomplete one, so that every column ends in an axis.
    """
    lines = ceil((len(methods) + 1) / ACROSS)
    drawn = figure(6.8, 0.3 + 1.6 * lines)
    grid = drawn.subplots(lines, ACROSS, sharex=True, sharey=True, squeeze=False)
    flat = list(grid.flat)
    first = ACROSS - (len(flat) - len(methods))
    for axes in flat[first:ACROSS]:
        axes.set_axis_off()
    return drawn, zip(methods, flat[:first] + flat[ACROSS:], strict=True), flat[ACROSS - 1]


def key(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw the legend: each kind of line with its name, from the top down."""
    for place, (text, colour, dashes) in enumerate(lines):
        y = 0.92 - 0.15 * place
        inside: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([0, 0.16], [y, y], color=colour, linestyle=dashes, **inside)
        axes.text(0.21, y, text, color=INK, va="center", fontsize=7, **inside)


def dashes(place: int) -> object:
    """Return the dashes of a control."""
    return DASHES[place % len(DASHES)]


def curves(document: Document, measure: str) -> Figure:
    """Plot the deletion or insertion curve of each method over those of the controls."""
    methods, controls = list(document["methods"]), list(document["controls"])
    drawn, each, last = panels(methods)
    found = document["curves"]
    for method, axes in each:
        for place, control in enumerate(controls):
            line = found[control][measure]
            axes.plot(found["shares"], line, color=GREY, linestyle=dashes(place), linewidth=0.9)
        won = len(beaten(document, method, measure))
        colour = PASSES if won == len(controls) else FAILS
        axes.plot(found["shares"], found[method][measure], color=colour, linewidth=1.8)
        area = number(document["methods"][method][measure]["value"])
        axes.set_title(f"{title(method)}\nAUC {area}, beats {won} of {len(controls)}")
        in_percent(axes.xaxis)
    grey = [(title(name), GREY, dashes(place)) for place, name in enumerate(controls)]
    key(last, [("beats every control", PASSES, "solid"), ("does not", FAILS, "solid"), *grey])
    drawn.supxlabel(f"share of the picture {DONE[measure]}, what the map marks first", fontsize=8)
    drawn.supylabel("P(target), mean", fontsize=8)
    return drawn


def randomisation(document: Document) -> Figure:
    """Plot the rank correlation of each method's map as the model is randomised."""
    methods = document["methods"]
    drawn, each, last = panels(list(methods))
    for method, axes in each:
        found = methods[method]["randomisation"]
        colour = PASSES if found["reacts"] else FAILS
        stages = ["trained", *found["stages"]]
        values = [1.0, *(one["value"] for one in found["correlation"])]
        axes.axhline(0, **GUIDE)
        axes.plot(range(len(stages)), values, "o-", color=colour, markersize=3)
        for place, one in enumerate(found["correlation"], start=1):
            whisker(axes, place, one, colour)
        axes.set_xticks(range(len(stages)), stages, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_title(f"{title(method)}\n{'reacts' if found['reacts'] else 'does not react'}")
    key(last, [("reacts", PASSES, "solid"), ("does not react", FAILS, "solid")])
    drawn.supxlabel("randomised, from the head on", fontsize=8)
    drawn.supylabel("rank correlation with the map", fontsize=8)
    return drawn


def masses(document: Document) -> Figure:
    """Plot the share of each map in the lesion and on the artefact, against their area."""
    names = [*document["methods"], *document["controls"]]
    drawn = figure(6.8, 0.9 + 0.24 * len(names))
    grid = drawn.subplots(1, len(PICTURES), sharey=True)
    for axes, (kind, heading) in zip(grid, PICTURES.items(), strict=True):
        _masses(axes, document, names, kind)
        axes.set_title(heading)
        axes.set_xlabel("share of the map")
    grid[0].set_yticks(range(len(names)), [title(name) for name in names])
    grid[0].set_ylim(len(names) - 0.4, -0.9)
    return drawn


def _masses(axes: Axes, document: Document, names: list[str], kind: str) -> None:
    axes.tick_params(axis="y", length=0)
    area = document["area"][kind]
    found = {name: located(document, name, kind, "mass") for name in names}
    if area is None or all(one is None or one["value"] is None for one in found.values()):
        axes.text(0.5, 0.5, "not measured", ha="center", color=INK, transform=axes.transAxes)
        axes.set_xticks([])
        return
    axes.axvline(area, color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.text(area, -0.55, f" covers {percent(area, 1)}", va="center", fontsize=7)
    for row, (name, one) in enumerate(found.items()):
        colour = PASSES if above(one, area) else FAILS
        colour = GREY if name in document["controls"] else colour
        dot(axes, row, one, colour)
    axes.set_xlim(0, 1)
    in_percent(axes.xaxis)


PLOTS: Final[Plots] = {
    "explanations_deletion": partial(curves, measure="deletion"),
    "explanations_insertion": partial(curves, measure="insertion"),
    "explanations_randomisation": randomisation,
    "explanations_lesion": masses,
}
