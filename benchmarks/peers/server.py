"""Processes of one server: start, wait until ready, pause, stop."""

from __future__ import annotations

import http.client
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from benchmarks.peers.contenders import Contender
from loadtests.closed_loop import request
from serving.process import Process

START_SECONDS: Final = 180.0
KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL")
"""Variables that are kept of this process's environment."""


def defaults() -> dict[str, str]:
    """Return an environment with the process's own defaults instead of our settings."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


class Server:
    """A running server; use as a context manager."""

    def __init__(self, contender: Contender, programs: Path, archive: Path, body: bytes) -> None:
        """Prepare.

        Args:
            contender: to start.
            programs: of its environment.
            archive: unpacked.
            body: of a first prediction.
        """
        self.contender = contender
        self.port = 0
        self.start_seconds = 0.0
        """Seconds from the command to the first answer."""
        self._programs, self._archive, self._body = programs, archive, body
        self._process: Process | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Server:
        """Start and wait for the first prediction; raises RuntimeError if there is none."""
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            started = self.contender.start(self._programs, self._archive, scratch)
            self.port = started.port
            start = time.perf_counter()
            variables = {"TMPDIR": str(scratch), "TEMP": str(scratch), **started.environment}
            self._process = process = Process(
                started.command, scratch / "log.txt", environment=defaults() | variables
            )
            stack.callback(self._end, process)
            if not process.wait_until(self._answers, START_SECONDS):
                words = "\n".join(process.lines())[-2000:]
                raise RuntimeError(f"{self.contender.title} does not answer:\n{words}")
            self.start_seconds = time.perf_counter() - start
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the server and all its processes."""
        self._stack.close()

    def memory(self) -> dict[str, float]:
        """Return megabytes of each process that holds more than 20 (proportional set size)."""
        found: dict[str, float] = {}
        for process in self._tree():
            megabytes = process.memory_full_info().pss / 1e6
            if megabytes > 20:
                name = f"{_role(process)} {sum(_role(process) in key for key in found) + 1}"
                found[name] = round(megabytes, 1)
        return found

    @contextmanager
    def running(self) -> Iterator[None]:
        """Resume the server, paused by :meth:`pause`, within the context."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.pause()

    def pause(self) -> None:
        """Pause the server, so that it takes no time from the measured one."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):  # a helper that has just ended
                process.send_signal(number)

    def _tree(self) -> list[psutil.Process]:
        """Return all processes of now: workers may start after the first answer."""
        return self._process.tree() if self._process else []

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            return request(connection, self.contender.predict, self._body) is not None
        finally:
            connection.close()

    def _end(self, process: Process) -> None:
        self._signal(signal.SIGCONT)
        process.stop(10)


def _role(process: psutil.Process) -> str:
    command = process.cmdline()
    if "org.pytorch.serve.ModelServer" in command:
        return "frontend"
    if any("model_service_worker" in part for part in command):
        return "worker"
    return "process"
