"""Tables of a report, whose cells are text: plain ones, and grids of values with intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any, Final

from handlers.card import Interval
from training.evaluation.report.formats import (
    MISSING,
    PERCENT,
    number,
    plain,
    signed,
    words,
)

FIGURES: Final = 2
"""Significant figures of numbers of unknown magnitude."""
SMALLEST: Final = 1e-4
"""Limit below which a number is written with a power of ten."""
WIDEST: Final = 40
"""Maximum characters of a column that is aligned in Markdown."""


@dataclass(frozen=True)
class Table:
    """A table with cells as text."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: bool = False
    """Whether cells are sentences, left-aligned and wrapped."""

    def markdown(self) -> str:
        """Format as Markdown, with aligned columns for readers of the plain text."""
        cells = [tuple(_escaped(cell) for cell in row) for row in (self.head, *self.rows)]
        longest = [max(3, *(len(row[at]) for row in cells)) for at in range(len(self.head))]
        # Sentences padded to the longest of them would be wider than any window.
        widths = [width if width <= WIDEST else 3 for width in longest]
        rule = [self._rule(at, width) for at, width in enumerate(widths)]
        lines = [self._line(cells[0], widths), f"| {' | '.join(rule)} |"]
        return "\n".join(lines + [self._line(row, widths) for row in cells[1:]])

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        padded = [
            cell.ljust(width) if self._left(at) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    def _rule(self, at: int, width: int) -> str:
        return "-" * width if self._left(at) else "-" * (width - 1) + ":"

    def _left(self, at: int) -> bool:
        return self.prose or at == 0


def described(caption: str, what: str, found: Mapping[str, Any]) -> Table:
    """Build a table of names and their descriptions, such as versions or the machine."""
    rows = tuple((words(str(name)), plain(value)) for name, value in found.items())
    return Table(caption, (what, "value"), rows, prose=True)


@dataclass(frozen=True)
class Cell:
    """A value and the small text below it; a dash where nothing was measured."""

    value: str = MISSING
    below: str = ""
    alarm: bool = False
    """Whether a check failed; the value says so in words too."""

    @classmethod
    def of(cls, found: Interval | None, digits: int = 3, times: float = 1, unit: str = "") -> Cell:
        """Format a measured number with its interval.

        Args:
            found: an AUC or another number of about 0 to 1.
            digits: decimals.
            times: what the number is multiplied by: 100 for percent.
            unit: behind the value.
        """
        if found is None or found["value"] is None:
            return cls()
        low, high = found["low"], found["high"]
        below = (
            ""
            if low is None or high is None
            else f"{_number(low * times, digits)} to {_number(high * times, digits)}"
        )
        return cls(f"{_number(found['value'] * times, digits)}{unit}", below)

    @classmethod
    def of_any_size(cls, found: Interval | None) -> Cell:
        """Format a number that may be far above or below 1."""
        value = None if found is None else found["value"]
        return cls() if value is None else cls.of(found, _decimals(value))

    @classmethod
    def of_share(cls, found: Interval | None) -> Cell:
        """Format a share of 0 to 1 in percent."""
        return cls.of(found, 1, 100, PERCENT)

    @classmethod
    def of_difference(cls, found: Interval | None, mark: str = "") -> Cell:
        """Format a difference of two AUCs, with its mark."""
        if found is None or found["value"] is None:
            return cls()
        low, high = found["low"], found["high"]
        below = "" if low is None or high is None else f"{signed(low)} to {signed(high)}"
        return cls(f"{signed(found['value'])}{mark}", below)


@dataclass(frozen=True)
class Row:
    """One line of cells."""

    head: str
    cells: tuple[Cell, ...]
    aside: str = ""
    """Note: which direction is good, or what the row is compared with."""


@dataclass(frozen=True)
class Grid:
    """Cells below two lines of headings."""

    caption: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    """Headings in groups."""
    rows: tuple[tuple[str, tuple[Row, ...]], ...]
    """Rows in groups; a group without a name has no heading."""

    @property
    def width(self) -> int:
        """Number of columns, including the row headings."""
        return 1 + sum(len(names) for _, names in self.columns)


def significant(value: float | None) -> str:
    """Format with two significant figures: ``0.0012``, ``12``, ``1,234``, ``1.2e-05``."""
    if value is None:
        return MISSING
    if 0 < abs(value) < SMALLEST:
        return f"{value:.1e}"
    return _number(value, _decimals(value))


def _decimals(value: float) -> int:
    """Return the decimals that show the significant figures of a value."""
    return max(0, FIGURES - 1 - floor(log10(abs(value)))) if value else 0


def _number(value: float, digits: int) -> str:
    return number(value, digits).replace("-", "\N{MINUS SIGN}")


def _escaped(cell: str) -> str:
    text = " ".join(cell.split())
    # An underscore inside a word is literal; at its edge it would start emphasis.
    return re.sub(r"[\\|<`*]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
