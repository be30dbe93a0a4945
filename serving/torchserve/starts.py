"""Starting workers, and those that ended before they were ready.

Read from the files ``lesionlens-start-<pid>`` that ``worker.sh`` and ``worker.py`` write.
TorchServe restarts a worker forever, and reports it in its log only. A worker that dies at an
import may live for less time than passes between two polls of the process list.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import Final

from serving.heartbeats import PREFIX as HEARTBEAT

PREFIX: Final = "lesionlens-start-"
DUMP_SECONDS: Final = 1.0
"""Seconds that a worker may take to write its traceback."""
_FATAL: Final = re.compile(r"Fatal Python error: (.*)")
_FRAME: Final = re.compile(r'File "(?!<frozen )(.*)", line (\d+) in (.*)\n')
"""Pattern of a line of faulthandler's traceback; frames of the import machinery are skipped. Whole
lines only: the file may be read while it is written."""


class WorkerStarts:
    """Starts of the workers of one server.

    Args:
        folder: that they write to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clear(self) -> None:
        """Remove the files of an earlier server's workers; see ``Heartbeats.clear``."""
        self.forget(self.pids())

    def pids(self) -> set[int]:
        """Process ids of workers that were started and not removed."""
        names = (path.name.removeprefix(PREFIX) for path in self._folder.glob(f"{PREFIX}*"))
        return {int(name) for name in names if name.isdigit()}

    def failed(self, alive: set[int]) -> set[int]:
        """Process ids of workers that ended before they were ready.

        Args:
            alive: process ids of those that run.
        """
        # A worker that was ready and died between two polls has left its heartbeat.
        return {
            pid for pid in self.pids() - alive if not (self._folder / f"{HEARTBEAT}{pid}").exists()
        }

    def last_error(self, pids: set[int]) -> str:
        """Return why the last of some workers ended; empty if it recorded nothing.

        Args:
            pids: of workers that ended.
        """
        paths = [self._path(pid) for pid in pids if self._path(pid).exists()]
        return _shortened(max(paths, key=_changed)) if paths else ""

    def whereabouts(self, pid: int) -> str:
        """Return where a starting worker's code is; empty if it does not say.

        Args:
            pid: of a worker of which :meth:`pids` knows; one that has not come to Python yet ends.
        """
        with contextlib.suppress(OSError):
            self._path(pid).write_bytes(b"")
            os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + DUMP_SECONDS
        while not (place := _place(_text(self._path(pid)))) and time.monotonic() < deadline:
            time.sleep(0.02)
        return place

    def forget(self, pids: set[int]) -> None:
        """Remove the files of workers that became ready, or that no longer matter."""
        for pid in pids:
            self._path(pid).unlink(missing_ok=True)

    def _path(self, pid: int) -> Path:
        return self._folder / f"{PREFIX}{pid}"


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _shortened(path: Path) -> str:
    """Shorten a file's content: an exception unchanged; of a traceback its cause and location."""
    text = _text(path)
    place = _place(text)
    if fatal := _FATAL.search(text):
        return f"{fatal[1]} at {place}" if place else fatal[1]
    return place or " ".join(text.split())


def _place(text: str) -> str:
    frame = _FRAME.search(text)
    return f"{frame[1]} line {frame[2]} in {frame[3]}" if frame else ""


def _text(path: Path) -> str:
    try:
        # The file was truncated while the worker wrote to it: the zeros are before its
        # offset.
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    except OSError:
        return ""
