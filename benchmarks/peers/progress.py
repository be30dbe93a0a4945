"""What a comparison has measured so far, in a file: an interrupted one continues from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.closed_loop import Burst
from loadtests.results import machine

Cell = tuple[str, str, int]
"""Verb, kind of photograph and number of clients."""


@dataclass
class Row:
    """Measurements of one server."""

    title: str
    start_seconds: float
    memory_mb: dict[str, float] = field(default_factory=dict)
    rounds: list[dict[Cell, Burst]] = field(default_factory=list)

    @property
    def cells(self) -> dict[Cell, list[Burst]]:
        """The bursts of all rounds by cell."""
        found: dict[Cell, list[Burst]] = {}
        for one in self.rounds:
            for cell, burst in one.items():
                found.setdefault(cell, []).append(burst)
        return found


@dataclass
class Progress:
    """Rows by server, and the times without a server.

    Args:
        path: of the file.
        key: what all rows have in common; rows of another key are not kept.
    """

    path: Path
    key: Mapping[str, Any]
    rows: dict[str, Row] = field(default_factory=dict)
    chosen: str = ""
    """Backend that a server of the archive runs."""
    limit: list[dict[str, dict[str, list[float]]]] = field(default_factory=list)
    """Seconds of each round by kind of photograph and backend."""

    @classmethod
    def of(cls, path: Path, archive: Path, **options: float) -> Progress:
        """Read the rows of the same archive, machine and options, if there are any."""
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        key = json.loads(json.dumps({"archive": digest, "machine": machine(), **options}))
        made = cls(path, key)
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if document.get("key") == key:
            made.chosen, made.limit = document["chosen"], document["limit"]
            made.rows = {name: _row(stored) for name, stored in document["rows"].items()}
        return made

    def rounds(self, name: str) -> int:
        """Rounds that a server has been measured in."""
        return len(self.rows[name].rounds) if name in self.rows else 0

    def save(self) -> None:
        """Write the file whole."""
        rows = {
            name: {
                **vars(row),
                "rounds": [
                    [[*cell, dataclasses.asdict(burst)] for cell, burst in one.items()]
                    for one in row.rounds
                ],
            }
            for name, row in self.rows.items()
        }
        document = {"key": self.key, "chosen": self.chosen, "limit": self.limit, "rows": rows}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(document), encoding="utf-8")
        temporary.replace(self.path)


def _row(stored: dict[str, Any]) -> Row:
    rounds = [
        {(verb, kind, clients): Burst(**burst) for verb, kind, clients, burst in one}
        for one in stored.pop("rounds")
    ]
    return Row(**stored, rounds=rounds)
