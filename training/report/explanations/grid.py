"""A table with groups of columns and rows, whose cells hold a value and its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A value and the small text below it."""

    value: str
    below: str = ""
    alarm: bool = False
    """Whether a check failed; the value says so in words too."""


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
