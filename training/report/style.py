"""How every plot looks: one palette for print and for eyes that confuse red and green."""

from __future__ import annotations

import io
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

BLUE: Final = "#2F6DA8"
ORANGE: Final = "#C97A00"
GREEN: Final = "#3F8F74"
GREY: Final = "#8C8C8C"
INK: Final = "#2B3238"

DOTS: Final = 300
"""An inch, of every plot."""
PALETTE: Final = 96
"""Colours of a plot's file: its few and their shades along edges."""

COLOURS: Final = {"test": BLUE, "out_of_sample": ORANGE}
NAMES: Final = {"test": "test", "out_of_sample": "out of sample"}

SETTINGS: Final[Any] = {
    # matplotlib's own font, so that a plot does not depend on what a machine has.
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
    """An empty figure, width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def png(drawn: Figure) -> bytes:
    """A PNG file of 300 dots an inch; the same figure gives the same bytes."""
    full = io.BytesIO()
    # Without matplotlib's version in it, the file depends on what it shows alone.
    drawn.savefig(full, format="png", dpi=DOTS, metadata={"Software": None})
    out = io.BytesIO()
    # A plot has few colours: a palette makes the file a third as large.
    few = Image.open(full).convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True, dpi=(DOTS, DOTS))
    return out.getvalue()


def shares(axes: Axes, x: str, y: str) -> None:
    """Both axes from 0 to 1, named."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)


def labels(axes: Axes, lines: list[tuple[str, str]], corner: tuple[float, float]) -> None:
    """Name curves in their own colours, one below the other.

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
