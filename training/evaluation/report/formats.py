"""Format numbers alike in the page, the card and the plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from handlers.card import Interval

MISSING: Final = "\N{EN DASH}"
"""Text for a value that could not be measured, such as the AUROC of a single class."""
PERCENT: Final = "\N{NO-BREAK SPACE}%"
"""Percent sign with a no-break space before it."""


def number(value: float | None, digits: int = 3) -> str:
    """Format a number with fixed decimals; a dash for ``None``."""
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}"
    # A change that rounds to zero has no sign.
    return text.removeprefix("-") if not text.strip("-0.") else text


def signed(value: float | None, digits: int = 3) -> str:
    """Format a difference with its sign."""
    text = number(value, digits)
    if value is None or not text.strip("0."):
        return text
    return text.replace("-", "\N{MINUS SIGN}") if value < 0 else f"+{text}"


def count(value: int | None) -> str:
    """Format a count with thousands separators."""
    return MISSING if value is None else f"{value:,}"


def percent(share: float | None, digits: int = 0) -> str:
    """Format a share of 0 to 1 in percent."""
    return MISSING if share is None else f"{number(100 * share, digits)}{PERCENT}"


def short_percent(share: float) -> str:
    """Format a stated share in percent, with the digits that it has: ``0.5 %``, ``2 %``."""
    return f"{100 * share:.3g}{PERCENT}"


def interval(measured: Interval | None, digits: int = 3) -> str:
    """Format as ``0.903 (0.841 to 0.957)``; a dash without a value."""
    return _interval(measured, lambda value: number(value, digits))


def signed_interval(measured: Interval | None, digits: int = 3) -> str:
    """Format a difference with its interval and signs."""
    return _interval(measured, lambda value: signed(value, digits))


def percent_interval(measured: Interval | None, digits: int = 1) -> str:
    """Format an interval of shares as ``91.7 % (85.0 to 98.3)``."""
    return _interval(
        measured,
        lambda value: number(100 * value, digits),
        unit=PERCENT,
    )


def words(name: str) -> str:
    """Write a key as words: ``label_flips`` is ``label flips``."""
    return name.replace("_", " ")


def plain(value: Any) -> str:
    """Flatten a description of versions or of a machine to one line."""
    if value is None:
        return MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(key))} {plain(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value)
    return str(value)


def _interval(measured: Interval | None, written: Any, unit: str = "") -> str:
    if measured is None or measured.get("value") is None:
        return MISSING
    value = f"{written(measured['value'])}{unit}"
    low, high = measured.get("low"), measured.get("high")
    if low is None or high is None:
        return value
    return f"{value} ({written(low)} to {written(high)})"
