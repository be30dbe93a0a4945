"""How numbers are written, in the page, the card and the plots alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MISSING: Final = "\N{EN DASH}"
"""Stands for what could not be measured, such as the AUROC of a part with one class."""
PERCENT: Final = "\N{NO-BREAK SPACE}%"
"""No line ends between a number and its unit."""

Interval = Mapping[str, float | None]
"""``value`` and its 95 % interval, ``low`` to ``high``; each may be ``None``."""


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits after the point; of ``None``, a dash."""
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}"
    # A change that rounds to nothing has no sign.
    return text.removeprefix("-") if not text.strip("-0.") else text


def signed(value: float | None, digits: int = 3) -> str:
    """A difference: the sign is always written, a minus as a minus."""
    text = number(value, digits)
    if value is None or not text.strip("0."):
        return text
    return text.replace("-", "\N{MINUS SIGN}") if value < 0 else f"+{text}"


def count(value: int | None) -> str:
    """A count with its thousands apart."""
    return MISSING if value is None else f"{value:,}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 0 to 1 in percent."""
    return MISSING if share is None else f"{number(100 * share, digits)}{PERCENT}"


def interval(measured: Interval | None, digits: int = 3) -> str:
    """``0.903 (0.841 to 0.957)``; a dash where there is no value."""
    return _interval(measured, lambda value: number(value, digits))


def signed_interval(measured: Interval | None, digits: int = 3) -> str:
    """The same of a difference."""
    return _interval(measured, lambda value: signed(value, digits))


def percent_interval(measured: Interval | None, digits: int = 1) -> str:
    """``91.7 % (85.0 to 98.3)`` of an interval of shares."""
    return _interval(
        measured,
        lambda value: number(100 * value, digits),
        unit=PERCENT,
    )


def words(name: str) -> str:
    """A name of the document as words: ``label_flips`` is ``label flips``."""
    return name.replace("_", " ")


def plain(value: Any) -> str:
    """Whatever a description of versions or of a machine holds, on one line."""
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
