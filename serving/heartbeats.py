"""Read the heartbeat files of workers, which ``handlers/heartbeat.py`` describes and writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

PREFIX: Final = "lesionlens-worker-"
SILENT_SECONDS: Final = 10.0
"""Seconds without a heartbeat. On a fraction of a core, a single call may block a worker's other
threads for seconds."""
STOPPED_SECONDS: Final = 1.0
"""Seconds that a process may be stopped by a signal: our code never does that, and it answers no
request."""


class Heartbeats:
    """Heartbeats of the workers of one server.

    Args:
        folder: that they write to.
        processes: where the kernel describes processes, see proc(5).
    """

    def __init__(self, folder: Path, processes: Path = Path("/proc")) -> None:
        self._folder = folder
        self._processes = processes
        self._stopped: dict[int, float] = {}

    def why_hung(self, pid: int) -> str:
        """Explain why a ready worker hangs; empty if it does not.

        Args:
            pid: of the worker.
        """
        now = time.monotonic()
        if self._is_stopped(pid):
            since = self._stopped.setdefault(pid, now)
            return "it is stopped by a signal" if now - since >= STOPPED_SECONDS else ""
        self._stopped.pop(pid, None)
        beat, promise = self._read(pid)
        if beat and now - beat > SILENT_SECONDS:
            return f"it gave no sign of life for {SILENT_SECONDS:g} s"
        if promise and now > promise:
            return "it made no progress in the time that it may take"
        return ""

    def is_busy(self, pid: int) -> bool:
        """Whether a worker has a batch, and its promised deadline has not passed."""
        promise = self._read(pid)[1]
        return promise > 0 and not self._is_stopped(pid) and time.monotonic() <= promise

    def failure(self) -> tuple[str, bool]:
        """Return why the last worker failed to start, and whether another try is pointless.

        Empty and False if no worker recorded a failure.
        """
        try:
            text = (self._folder / f"{PREFIX}error").read_text(encoding="utf-8")
        except OSError:
            return "", False
        kind, _, message = text.partition(" ")
        return message[:400], kind == "final"

    def clear(self) -> None:
        """Remove the files of an earlier server's workers.

        A restarted container finds the folder unchanged, and its workers get the same process ids
        again.
        """
        for path in self._folder.glob(f"{PREFIX}*"):
            path.unlink(missing_ok=True)

    def forget(self, alive: set[int]) -> None:
        """Remove the files of workers that have ended; raises nothing.

        Args:
            alive: process ids of the others.
        """
        for path in self._folder.glob(f"{PREFIX}*"):
            name = path.name.removeprefix(PREFIX)
            if name.isdigit() and int(name) not in alive:
                path.unlink(missing_ok=True)

    def _read(self, pid: int) -> tuple[float, float]:
        try:
            text = (self._folder / f"{PREFIX}{pid}").read_text(encoding="ascii")
            beat, promise = map(float, text.split())
        except (OSError, ValueError):
            return 0.0, 0.0
        return beat, promise

    def _is_stopped(self, pid: int) -> bool:
        try:
            text = (self._processes / str(pid) / "stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return text.rpartition(")")[2].split()[:1] == ["T"]
