"""Heartbeat of a worker: a file that the server's supervisor reads.

To the server, a worker that is stopped, or stuck in a call that never returns, looks like a busy
one. So a thread of the worker writes the time again and again, and the worker itself writes by when
it expects to make progress. Neither file nor thread is needed for an answer.

The file is ``lesionlens-worker-<pid>`` in the folder for temporary files, one line: the time of the
last beat and the time until which the worker promised progress (0 where it is idle), in seconds on
the system's monotonic clock, which all processes of a machine share. A worker that cannot start
leaves ``lesionlens-worker-error``: whether another try can succeed (``final`` or ``again``), and
why.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PERIOD: Final = 0.5
"""Seconds between two heartbeats."""
_LINE: Final = "{:020.6f} {:020.6f}\n"
"""Line of fixed length, so that a reader never sees part of an older, longer line."""


class Heartbeat:
    """Heartbeat of this worker.

    Args:
        folder: for the file.
        progress_seconds: within which a busy worker makes progress.
    """

    def __init__(self, folder: Path, progress_seconds: float) -> None:
        self._seconds = progress_seconds
        self._promise = 0.0
        self._lock = threading.Lock()
        path = folder / f"lesionlens-worker-{os.getpid()}"
        self._file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._write()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Promise progress within the duration of the context."""
        self.progress()
        try:
            yield
        finally:
            self._promise = 0.0
            self._write()

    def progress(self, seconds: float = 0.0) -> None:
        """Postpone the deadline of the promised progress.

        Args:
            seconds: that the next step may take beyond what every step may.
        """
        self._promise = time.monotonic() + self._seconds + seconds
        self._write()

    def _beat(self) -> None:
        while True:
            self._write()
            time.sleep(PERIOD)

    def _write(self) -> None:
        # Without the lock, the other thread could overwrite a newer line with an older one.
        with self._lock:
            os.pwrite(self._file, _LINE.format(time.monotonic(), self._promise).encode(), 0)


def report_failure(folder: Path, error: Exception, *, final: bool) -> None:
    """Record why this worker cannot start.

    Args:
        folder: for the file.
        error: that ended it.
        final: whether the next try would end in the same way.
    """
    text = f"{'final' if final else 'again'} {type(error).__name__}: {error}"
    temporary = folder / f".lesionlens-worker-error-{os.getpid()}"
    temporary.write_text(" ".join(text.split()), encoding="utf-8")
    os.replace(temporary, folder / "lesionlens-worker-error")
