"""A table with groups of columns and of rows, whose cells hold a value and its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A value and what stands small below it."""

    value: str
    below: str = ""
    alarm: bool = False
    """A check that failed; the value says so in words too."""


@dataclass(frozen=True)
class Row:
    """One line of cells."""

    head: str
    cells: tuple[Cell, ...]
    aside: str = ""
    """What is good, or what the row is held against."""


@dataclass(frozen=True)
class Grid:
    """Cells under two lines of headings."""

    caption: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    """Headings in groups."""
    rows: tuple[tuple[str, tuple[Row, ...]], ...]
    """Rows in groups; a group without a name has no heading."""

    @property
    def width(self) -> int:
        """Columns in all, that of the rows' heads among them."""
        return 1 + sum(len(names) for _, names in self.columns)
