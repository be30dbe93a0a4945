"""Run a server program on this machine, from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from serving.front.sockets import host_port, listen, why_not_bound
from serving.local import answers
from serving.process import Process

STOP_SECONDS: Final = 10.0


class LocalError(RuntimeError):
    """A program is missing or did not start; the message says how to fix it."""


class Program:
    """A program that answers on a port; use as a context manager."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        address: tuple[str, int],
        ready: str,
        *,
        log: Path,
        seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; entering the context starts the program.

        Args:
            name: for messages.
            command: the program and its arguments.
            address: host and port that it will listen on.
            ready: path that answers 200 once it can be used.
            log: file for what it prints.
            seconds: until it must be ready.
            environment: variables in addition to those of this process.
        """
        self.name = name
        self.address = address
        self.url = f"http://{host_port(*address)}"
        self._command = list(command)
        self._ready = self.url + ready
        self._log = log
        self._seconds = seconds
        self.environment = dict(environment or {})
        self._process: Process | None = None

    def __enter__(self) -> Self:
        """Start, and wait until it answers; raises LocalError if it does not."""
        self._demand_free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process = Process(self._command, self._log, environment=os.environ | self.environment)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the program."""
        self.stop()

    def running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.status is None

    def stop(self) -> None:
        """Stop it, if necessary by force."""
        if self._process is not None:
            self._process.stop(STOP_SECONDS)
            self._process = None

    def last_error(self) -> str:
        """Return the last line of its log, and where the log is."""
        said = self._process.last_error if self._process else "it does not run"
        return f"{said} (log: {self._log})"

    def _wait_ready(self, process: Process) -> None:
        if process.wait_until(lambda: answers(self._ready), self._seconds):
            return
        if process.status is not None:
            raise LocalError(f"{self.name} ended while starting: {self.last_error()}")
        raise LocalError(
            f"{self.name} was not ready after {self._seconds:g} s: {self.last_error()}"
        )

    def _demand_free_port(self) -> None:
        host, port = self.address
        variable = f"LESIONLENS_{self.name.upper()}_PORT"
        try:
            for opened in listen(host, port):
                opened.close()
        except OSError as error:
            why = why_not_bound(error, host, port, "LESIONLENS_HOST", variable)
            raise LocalError(f"{self.name} {why}") from None
