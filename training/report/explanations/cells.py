"""Format measured numbers for table cells."""

from __future__ import annotations

from math import floor, log10
from typing import Final

from training.report.explanations.grid import Cell
from training.report.formats import MISSING, PERCENT, Interval, number, signed

FIGURES: Final = 2
"""Significant figures of numbers of unknown magnitude."""
SMALLEST: Final = 1e-4
"""Limit below which a number is written with a power of ten."""
BLANK: Final = Cell(MISSING)
"""Cell without a value."""


def value(found: Interval | None) -> Cell:
    """Format an AUC or another number of about 0 to 1."""
    return _cell(found, 3)


def any_size(found: Interval | None) -> Cell:
    """Format a number that may be far above or below 1."""
    if found is None or found["value"] is None:
        return BLANK
    return _cell(found, _decimals(found["value"]))


def share(found: Interval | None) -> Cell:
    """Format a share of 0 to 1 in percent."""
    return _cell(found, 1, 100, PERCENT)


def difference(found: Interval | None, mark: str = "") -> Cell:
    """Format a difference of two AUCs, with its mark."""
    if found is None or found["value"] is None:
        return BLANK
    low, high = found["low"], found["high"]
    below = "" if low is None or high is None else f"{signed(low)} to {signed(high)}"
    return Cell(f"{signed(found['value'])}{mark}", below)


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


def _cell(found: Interval | None, digits: int, times: float = 1, unit: str = "") -> Cell:
    if found is None or found["value"] is None:
        return BLANK
    low, high = found["low"], found["high"]
    below = (
        ""
        if low is None or high is None
        else f"{_number(low * times, digits)} to {_number(high * times, digits)}"
    )
    return Cell(f"{_number(found['value'] * times, digits)}{unit}", below)


def _number(value: float, digits: int) -> str:
    return number(value, digits).replace("-", "\N{MINUS SIGN}")
