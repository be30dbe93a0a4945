"""Run a program: start it, wait until it is ready, keep its last lines, and stop its whole tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import psutil

LAST_LINES: Final = 200
"""Lines of the log that are kept to explain why a program ended."""
POLL_SECONDS: Final = 0.1


class Process:
    """A running program in a session of its own, so that Ctrl-C does not reach it directly.

    Args:
        command: the program and its arguments.
        log: the file that it writes to, replaced, or a stream that a thread copies its output to.
        environment: all its variables; by default those of this process.
        folder: in which it runs; by default this process's.
        stdin: file descriptor of its standard input, which is empty by default.
    """

    error_signs: tuple[str, ...] = ()
    """Texts that a line about an error contains, the most certain first."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path | BinaryIO,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._log = log
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        with contextlib.ExitStack() as stack:
            self._popen = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=stdin,
                stdout=stack.enter_context(log.open("wb"))
                if isinstance(log, Path)
                else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._copy, name="process-log", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id, also of its session and process group."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._popen.poll()

    def tree(self) -> list[psutil.Process]:
        """Return its process and all below it; none after it has ended."""
        try:
            leader = psutil.Process(self.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def lines(self) -> list[str]:
        """Return the last lines that it printed."""
        if isinstance(self._log, Path):
            return self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return list(self._last)

    @property
    def last_error(self) -> str:
        """Return the line that most likely explains its end; for people only."""
        lines = [line.strip() for line in self.lines() if line.strip()]
        for sign in (*self.error_signs, ""):
            found = [line for line in lines if sign in line]
            if found:
                return found[-1][:400]
        return "it printed nothing"

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it has ended, and its output was read.

        Args:
            seconds: to wait at most; None waits without a limit.

        Returns:
            Its exit status, or None if it still runs.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
            self._reader.join(timeout=2)  # what it started may hold the pipe open
        return self.status

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is ready; returns False once it has ended or the time is up.

        Args:
            ready: is called repeatedly.
            seconds: to wait, at most.
        """
        deadline = time.monotonic() + seconds
        while self.status is None and time.monotonic() < deadline:
            if ready():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def stop(self, seconds: float) -> None:
        """Terminate it; after so many seconds, kill what is left of its whole tree."""
        tree = self.tree()
        if self.status is None:
            self._popen.terminate()
            self.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.wait()

    def _copy(self) -> None:
        if self._popen.stdout is None or isinstance(self._log, Path):
            return
        with self._popen.stdout as output:
            for line in output:
                self._log.write(line)
                self._log.flush()
                self._last.append(line.decode(errors="replace").rstrip("\n"))


def exit_when_terminated() -> None:
    """Make SIGTERM raise SystemExit, so that a command stops what it started, as at Ctrl-C.

    By default a command would end at once, and its servers, in sessions of their own, would stay.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def passive_threads(given: Mapping[str, str]) -> dict[str, str]:
    """Return variables with which a worker's waiting threads leave their cores to other work.

    Args:
        given: variables of this process; those set there are kept.
    """
    return {
        # Waiting threads sleep; spinning, they would starve other work on their cores.
        "OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE"),
        # NumPy's threads have no such policy: they spin for 25 ms after each matrix
        # product, which doubles the time of the next forward pass, and they must not exist before
        # a fork. The products are small; one thread is enough.
        "OPENBLAS_NUM_THREADS": given.get("OPENBLAS_NUM_THREADS", "1"),
    }
