"""Keep used receipts and counts in one SQLite file, so that both survive a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

LOCK_SECONDS: Final = 2.0
"""Seconds that a server waits for another one to release its file."""
VERSION_DAYS: Final = 730
"""Days without an outcome after which the counts of a model version are dropped at a start."""
DAY: Final = 86_400
"""Seconds of a day."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS used (
    id TEXT PRIMARY KEY, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_expires ON used (expires);
CREATE TABLE IF NOT EXISTS counts (
    version TEXT, family TEXT, labels TEXT, value INTEGER NOT NULL, day INTEGER NOT NULL,
    PRIMARY KEY (version, family, labels)
) WITHOUT ROWID;
"""
_ADD: Final = """
INSERT INTO counts VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value, day = excluded.day
"""

Series = tuple[str, tuple[str, ...]]
"""Family of a counter, and the values of its labels; the last is the model version."""


class StoreError(Exception):
    """An outcome is not counted; the message says why."""


class RepeatedError(StoreError):
    """The receipt was counted before."""


class FullError(StoreError):
    """As many used receipts are kept as may be, and none of them has expired."""


class OutcomeStore:
    """Counts each receipt once, in one transaction with the mark that it is used.

    Nothing connects a receipt's id with its diagnosis. Used from several threads.

    Args:
        path: of the file; its folder must exist.
        most: used receipts that are kept.
        clock: Unix time in seconds, for tests.

    Raises:
        ValueError: the file cannot be used, or another server uses it.
    """

    def __init__(self, path: Path, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        try:
            self._connection = _opened(path)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            if "locked" in str(why):
                why = "another server uses it: each needs its own"
            raise ValueError(f"LESIONLENS_OUTCOME_STORE: {path} cannot be used ({why})") from None
        [self._used] = self._connection.execute("SELECT count(*) FROM used").fetchone()

    def counts(self) -> list[tuple[Series, int]]:
        """Return every series with its count."""
        with self._lock:
            rows = self._connection.execute("SELECT family, labels, value FROM counts").fetchall()
        return [((family, tuple(json.loads(labels))), value) for family, labels, value in rows]

    def forget_versions(self, kept: str) -> None:
        """Drop the counts of versions without an outcome for :data:`VERSION_DAYS`.

        Args:
            kept: version that is served, whatever its age.
        """
        last = self._today() - VERSION_DAYS
        with self._lock, self._connection:
            self._connection.execute(
                "DELETE FROM counts WHERE version != ? AND version IN "
                "(SELECT version FROM counts GROUP BY version HAVING max(day) < ?)",
                (kept, last),
            )

    def begin(self, series: Iterable[Series]) -> None:
        """Add series with a count of zero; those that exist keep theirs."""
        rows = self._rows(series, 0)
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR IGNORE INTO counts VALUES (?, ?, ?, ?, ?)", rows
            )

    def count(self, receipt: str, expires: int, series: Sequence[Series]) -> None:
        """Mark a receipt as used and add one to each series; all of it or nothing.

        Args:
            receipt: id.
            expires: Unix time from which its id need not be kept.
            series: that it counts in.

        Raises:
            RepeatedError: it was counted before.
            FullError: no further receipt can be kept.
            sqlite3.Error: the file cannot be written.
        """
        now = int(self._clock())
        with self._lock:
            with self._connection:
                old = self._connection.execute("DELETE FROM used WHERE expires <= ?", (now,))
                used = self._used - old.rowcount
                same = self._connection.execute("SELECT 1 FROM used WHERE id = ?", (receipt,))
                if same.fetchall():
                    raise RepeatedError("the outcome of this receipt was counted before")
                if used >= self._most:
                    raise FullError("no further outcome can be kept at the moment")
                self._connection.execute("INSERT INTO used VALUES (?, ?)", (receipt, expires))
                self._connection.executemany(_ADD, self._rows(series, 1))
            self._used = used + 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _rows(self, series: Iterable[Series], value: int) -> list[tuple[str, str, str, int, int]]:
        day = self._today()
        return [(labels[-1], family, json.dumps(labels), value, day) for family, labels in series]

    def _today(self) -> int:
        return int(self._clock() // DAY)


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, LOCK_SECONDS, check_same_thread=False)
    try:
        # Locked for good: two servers that exported the same counts would double them. It also
        # does without shared memory, which network file systems do not have.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # A count that was answered is on the disk.
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection
