"""Style of all plots: one palette, readable in print and with red-green colour blindness."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from handlers.card import Interval

BLUE: Final = "#2F6DA8"
ORANGE: Final = "#C97A00"
GREEN: Final = "#3F8F74"
GREY: Final = "#8C8C8C"
INK: Final = "#2B3238"

Plots = Mapping[str, Callable[..., Figure]]
"""Functions that draw a document, by the name of the plot."""

GUIDE: Final[Any] = {"color": GREY, "linewidth": 0.6, "linestyle": (0, (4, 4))}
"""Dashed line of what a value is compared with."""

DOTS: Final = 300
"""Dots per inch of every plot."""
PALETTE: Final = 96
"""Colours of a plot's file: the palette and its shades along edges."""

COLOURS: Final = {"test": BLUE, "out_of_sample": ORANGE}
NAMES: Final = {"test": "test", "out_of_sample": "out of sample"}

SETTINGS: Final[Any] = {
    # matplotlib's bundled font, so that a plot does not depend on the machine's fonts.
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def png(drawn: Figure) -> bytes:
    """Encode a figure as a PNG file of 300 dots per inch; equal figures give equal bytes."""
    full = io.BytesIO()
    # Without matplotlib's version in it, the file depends on its content only.
    drawn.savefig(full, format="png", dpi=DOTS, metadata={"Software": None})
    out = io.BytesIO()
    # A plot has few colours: a palette makes the file a third as large.
    few = Image.open(full).convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True, dpi=(DOTS, DOTS))
    return out.getvalue()


def shares(axes: Axes, x: str, y: str) -> None:
    """Set both axes from 0 to 1, with names."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)


def in_percent(axis: Axis) -> None:
    """Format the ticks of an axis in percent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def whisker(axes: Axes, x: float, found: Mapping[str, Any], colour: str) -> None:
    """Draw a vertical 95 % interval, if there is one."""
    if found["low"] is not None and found["high"] is not None:
        axes.plot([x, x], [found["low"], found["high"]], color=colour, linewidth=0.8)


def dot(axes: Axes, row: float, found: Interval | None, colour: str) -> None:
    """Draw a value in a row, with its horizontal 95 % interval; nothing without a value."""
    if found is None or found["value"] is None:
        return
    if found["low"] is not None and found["high"] is not None:
        axes.plot([found["low"], found["high"]], [row, row], color=colour, linewidth=0.9)
    axes.plot(found["value"], row, "o", color=colour, markersize=4)


def labels(axes: Axes, lines: list[tuple[str, str]], corner: tuple[float, float]) -> None:
    """Label curves in their colours, one below the other.

    Args:
        axes: of the plot.
        lines: text and colour each, the topmost first.
        corner: where the lowest stands, in shares of the axes; from the middle on, set right.
    """
    x, y = corner
    for place, (text, colour) in enumerate(reversed(lines)):
        axes.text(
            x,
            y + 0.06 * place,
            text,
            color=colour,
            ha="right" if x > 0.5 else "left",
            va="bottom",
            transform=axes.transAxes,
        )


def draw(document: Any, plots: Plots) -> dict[str, bytes]:
    """Draw PNG files by name; equal documents give equal bytes."""
    with matplotlib.rc_context(SETTINGS):
        return {name: png(plot(document)) for name, plot in plots.items()}
