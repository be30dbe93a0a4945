"""Run a server program on this machine, from its start to its end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from serving.front.sockets import PortError, check_ports, host_port
from serving.local import answers
from serving.process import Process

STOP_SECONDS: Final = 10.0


class LocalError(RuntimeError):
    """A program is missing or did not start; the message says how to fix it."""


@dataclass(frozen=True)
class Endpoint:
    """Where a program answers, and when it is ready."""

    host: str
    port: int
    ready: str
    """Path that answers 200 once the program can be used."""

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{host_port(self.host, self.port)}"


@dataclass
class Program:
    """A program that answers on a port; use as a context manager, which starts it."""

    name: str
    """Name for messages."""
    command: Sequence[str]
    """The program and its arguments."""
    endpoint: Endpoint
    log: Path
    """File for the program's output."""
    seconds: float
    """Seconds until it must be ready."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to those of this process."""
    _process: Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Base URL."""
        return self.endpoint.url

    def __enter__(self) -> Self:
        """Start, and wait until it answers; raises LocalError if it does not."""
        self._check_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = Process(
            list(self.command), self.log, environment={**os.environ, **self.environment}
        )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
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
        return f"{said} (log: {self.log})"

    def _wait_ready(self, process: Process) -> None:
        if process.wait_until(lambda: answers(self.url + self.endpoint.ready), self.seconds):
            return
        if process.status is not None:
            raise LocalError(f"{self.name} ended while starting: {self.last_error()}")
        raise LocalError(f"{self.name} was not ready after {self.seconds:g} s: {self.last_error()}")

    def _check_port(self) -> None:
        setting = f"LESIONLENS_{self.name.upper()}_PORT"
        try:
            check_ports({setting: (self.endpoint.host, self.endpoint.port)})
        except PortError as error:
            raise LocalError(f"{self.name} {error}") from None
