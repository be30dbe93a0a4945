"""Results table of a run: print it and write it atomically as JSON."""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PASSED, FAILED, LEFT_OUT = "passed", "FAILED", "left out"
WIDTH: Final = 110
TEXT: Final = 62
LINES: Final = 8
"""Of a detail; the JSON has all of it."""


@dataclass(frozen=True)
class Row:
    """Row of the table."""

    test: str
    text: str
    """What must hold."""

    result: str
    detail: str
    """What was measured, why it failed, or what the cluster lacks."""

    seconds: float


@dataclass
class Table:
    """Results table of one run."""

    context: str
    namespace: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def add(self, row: Row) -> None:
        """Add a row; the first failure of a test is kept, otherwise the last result."""
        for number, known in enumerate(self.rows):
            if known.test == row.test:
                if known.result != FAILED:
                    self.rows[number] = row
                return
        self.rows.append(row)

    def counts(self) -> dict[str, int]:
        """Number of rows by result."""
        return {
            result: sum(row.result == result for row in self.rows)
            for result in (PASSED, FAILED, LEFT_OUT)
        }

    def lines(self) -> list[str]:
        """The table as text."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        found = [f"cluster {self.context}: {versions}", ""]
        for row in self.rows:
            left = textwrap.wrap(row.text, TEXT) or [""]
            right = textwrap.wrap(
                row.detail, WIDTH - TEXT, max_lines=LINES, placeholder=" ..."
            ) or [""]
            for number in range(max(len(left), len(right))):
                result = row.result if number == 0 else ""
                cells = [part[number] if number < len(part) else "" for part in (left, right)]
                found.append(f"{result:<8}  {cells[0]:<{TEXT}}  {cells[1]}".rstrip())
        counted = ", ".join(f"{number} {result}" for result, number in self.counts().items())
        return [*found, "", counted]

    def write(self, path: Path) -> None:
        """Write it as JSON; raises OSError."""
        document = {**asdict(self), "counts": self.counts()}
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1, ensure_ascii=False)
                file.write("\n")
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
