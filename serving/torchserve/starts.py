"""Workers that start, and those that ended before they could answer.

Read from the files ``lesionlens-start-<pid>`` that ``worker.sh`` and ``worker.py`` write.
TorchServe starts a worker again for ever, and says how often in its log only. A worker that dies at
an import may live for less time than passes between two polls of the list of processes.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import Final

from serving.torchserve.heartbeats import PREFIX as HEARTBEAT

PREFIX: Final = "lesionlens-start-"
DUMP_SECONDS: Final = 1.0
"""That a worker may take to write where it is."""
_FATAL: Final = re.compile(r"Fatal Python error: (.*)")
_FRAME: Final = re.compile(r'File "(?!<frozen )(.*)", line (\d+) in (.*)\n')
"""Of faulthandler's traceback, the innermost first; the import machinery says nothing. Whole lines:
it may be read while it is being written."""


class WorkerStarts:
    """Of the workers of one server.

    Args:
        folder: that they write to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def clear(self) -> None:
        """Remove what the workers of an earlier server left; see :meth:`Heartbeats.clear`."""
        self.forget(self.pids())

    def pids(self) -> set[int]:
        """Process ids of workers that were started and are not forgotten."""
        names = (path.name.removeprefix(PREFIX) for path in self._folder.glob(f"{PREFIX}*"))
        return {int(name) for name in names if name.isdigit()}

    def failed(self, alive: set[int]) -> set[int]:
        """Process ids of workers that ended before they could answer.

        Args:
            alive: process ids of those that run.
        """
        # One that was ready and died between two polls has left its heartbeat.
        return {
            pid for pid in self.pids() - alive if not (self._folder / f"{HEARTBEAT}{pid}").exists()
        }

    def last_words(self, pids: set[int]) -> str:
        """Why the last of some workers ended; empty where it left no word.

        Args:
            pids: of workers that ended.
        """
        paths = [self._path(pid) for pid in pids if self._path(pid).exists()]
        return _shortened(max(paths, key=_changed)) if paths else ""

    def whereabouts(self, pid: int) -> str:
        """Where the code of a worker is that starts; empty where it does not say.

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
        """Remove the files of workers that could answer, or that no longer matter."""
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
    """The words in a file: an exception as it is; of a traceback what ended it, and where."""
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
        # It was emptied under the worker, which goes on where it was: zeros are before that.
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    except OSError:
        return ""
