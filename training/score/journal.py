"""Journal of a run: answers by content, and the rows of the output, on disk at every moment.

An interrupted run goes on from it; after a kill nothing that was written is lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.score.items import Item
from training.score.model import Identity
from training.score.rows import FILE, Scored

_TABLES: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, answer TEXT NOT NULL, features BLOB
) WITHOUT ROWID;
DROP TABLE IF EXISTS rows;
CREATE TABLE rows (
    place INTEGER PRIMARY KEY, path TEXT NOT NULL, id TEXT, sha256 TEXT, requested_box TEXT,
    key TEXT, error TEXT
);
CREATE TABLE IF NOT EXISTS identity (document TEXT NOT NULL);
"""


class Journal:
    """SQLite file of one output; use as a context manager. One process writes it.

    Args:
        path: of the file.
        identity: of the model and the options; answers of another are dropped.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._database = sqlite3.connect(path)
        self._database.executescript(_TABLES)
        document = json.dumps(asdict(identity))
        with self._database as writing:
            if writing.execute("SELECT document FROM identity").fetchall() != [(document,)]:
                writing.execute("DELETE FROM results")
                writing.execute("DELETE FROM identity")
                writing.execute("INSERT INTO identity VALUES (?)", (document,))

    def __enter__(self) -> Journal:
        """Return the journal."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file; it stays."""
        self._database.close()

    def keys(self) -> list[str]:
        """Return the keys of all answers."""
        return [key for (key,) in self._database.execute("SELECT key FROM results")]

    def add(self, first: int, items: Sequence[Item], scored: Sequence[Scored]) -> None:
        """Write the results of consecutive photographs, all or none of them.

        Args:
            first: place of the first in the output.
            items: the photographs.
            scored: their results.
        """
        self.know(scored)
        with self._database as writing:
            writing.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        place,
                        item.path,
                        *_or_null(item.id, one.sha256, item.requested_box, one.key, one.error),
                    )
                    for place, (item, one) in enumerate(zip(items, scored, strict=True), first)
                ),
            )

    def know(self, scored: Sequence[Scored]) -> None:
        """Write answers without rows."""
        with self._database as writing:
            writing.executemany(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?)",
                (
                    (one.key, json.dumps(dict(one.answer)), one.features)
                    for one in scored
                    if one.answer is not None
                ),
            )

    def failures(self) -> Iterator[tuple[str, str]]:
        """Yield path and error of each photograph that has no answer, in order."""
        for row in self.rows():
            if row["error"]:
                yield row["path"], row["error"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of the output, in order."""
        query = (
            "SELECT path, id, sha256, requested_box, error, answer, features FROM rows "
            "LEFT JOIN results USING (key) ORDER BY place"
        )
        with closing(self._database.execute(query)) as found:
            for *file, answer, features in found:
                row = dict(zip((column.name for column in FILE), file, strict=True))
                if answer is not None:
                    row |= json.loads(answer)
                if features is not None:
                    row["features"] = np.frombuffer(features, "<f4")
                yield row

    def remove(self) -> None:
        """Close the journal and remove its files: the output has everything."""
        self._database.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _or_null(*texts: str) -> tuple[str | None, ...]:
    return tuple(text or None for text in texts)
