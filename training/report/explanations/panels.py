"""Small multiples: one panel per method, all with one scale, and a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.report.style import BLUE, INK, ORANGE, figure

ACROSS: Final = 4
PASSES: Final = BLUE
"""Colour of a method that passes."""
FAILS: Final = ORANGE
"""Colour of a method that fails; its title says so too."""
DASHES: Final = ((0, (1, 1.5)), (0, (4, 2)), "solid")
"""Dashes of the controls, all grey."""

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
        axes.plot(
            [0, 0.16],
            [y, y],
            color=colour,
            linestyle=dashes,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(0.21, y, text, color=INK, va="center", fontsize=7, transform=axes.transAxes)


def in_percent(axes: Axes) -> None:
    """Format the x axis in percent."""
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def dashes(place: int) -> object:
    """Return the dashes of a control."""
    return DASHES[place % len(DASHES)]
