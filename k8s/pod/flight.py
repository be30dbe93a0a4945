"""Whether requests are in flight. TorchServe does not say, and drops them when it is ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
ESTABLISHED: Final = "01"
SAMPLE_SECONDS: Final = 0.1
QUIET_SAMPLES: Final = 10
"""In a row, without a sign of work, that count as idle: a worker that computes shows in each."""


def wait_idle(
    pending: Callable[[], int], workers: Iterable[int], port: int, seconds: float
) -> bool:
    """Wait until nothing is queued, computed or on its way to a client; False if it never was.

    Args:
        pending: gives the requests that wait for a worker.
        workers: process ids.
        port: that requests come in at.
        seconds: at most.
    """
    workers = tuple(workers)
    deadline = time.monotonic() + seconds
    before, quiet = -1, 0
    while time.monotonic() < deadline:
        ticks = sum(map(_ticks, workers))
        busy = ticks != before or _unread(port) or pending() > 0
        before, quiet = ticks, 0 if busy else quiet + 1
        if quiet >= QUIET_SAMPLES:
            return True
        time.sleep(SAMPLE_SECONDS)
    return False


def _ticks(pid: int) -> int:
    """CPU time that a process and its threads have used, in clock ticks; see proc(5)."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _unread(port: int) -> bool:
    """Whether bytes wait in a connection at a port, to be read by either side."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, queues, *_ = line.split()
            if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
                sending, receiving = queues.split(":")
                if int(sending, 16) or int(receiving, 16):
                    return True
    return False
