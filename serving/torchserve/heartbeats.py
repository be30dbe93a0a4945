"""What workers say of themselves: files that ``handlers/heartbeat.py`` describes and writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

PREFIX: Final = "lesionlens-worker-"
SILENT_SECONDS: Final = 10.0
"""Without a beat. A single call may keep a worker's other threads waiting for seconds, where a
fraction of a core is all that a pod gets."""
STOPPED_SECONDS: Final = 1.0
"""That a process may be stopped by a signal: nothing of ours does that, and it answers nobody."""


class Heartbeats:
    """Of the workers of one server.

    Args:
        folder: that they write to.
        processes: where the kernel describes processes, see proc(5).
    """

    def __init__(self, folder: Path, processes: Path = Path("/proc")) -> None:
        self._folder = folder
        self._processes = processes
        self._stopped: dict[int, float] = {}

    def why_hung(self, pid: int) -> str:
        """Why a worker that is ready will not answer; empty where it will.

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
        """Whether a worker has a batch, and still keeps what it promised."""
        promise = self._read(pid)[1]
        return promise > 0 and not self._is_stopped(pid) and time.monotonic() <= promise

    def failure(self) -> tuple[str, bool]:
        """Why the last worker that could not start did not, and whether another try is pointless.

        Empty and False where none left word.
        """
        try:
            text = (self._folder / f"{PREFIX}error").read_text(encoding="utf-8")
        except OSError:
            return "", False
        kind, _, message = text.partition(" ")
        return message[:400], kind == "final"

    def clear(self) -> None:
        """Remove what the workers of an earlier server left.

        A container that is restarted finds the folder as it was, and its workers get the same
        process ids again.
        """
        for path in self._folder.glob(f"{PREFIX}*"):
            path.unlink(missing_ok=True)

    def forget(self, alive: set[int]) -> None:
        """Remove the files of workers that are gone; raises nothing.

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
