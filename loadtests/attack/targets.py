"""An attack, its target (a server and a page) with ordinary clients, and its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from loadtests.attack.clients import Tally, clients
from loadtests.attack.pictures import photographs
from loadtests.page import local_page
from serving.local import LocalServer

IDLE_START_SECONDS: Final = 12.0
"""Seconds that a server takes to start on two otherwise idle cores."""
WORKERS: Final = 2
"""Workers of the server: if one is lost, the other answers."""
QUICK_PAUSE_SECONDS: Final = 0.2
"""Pause of an ordinary client between two requests in quick mode, so that it uses a fraction of a
core."""
PREDICT: Final = "/predictions/melanoma"
EXPLAIN: Final = "/explanations/melanoma"
V1_PREDICT: Final = "/v1/models/melanoma:predict"
_BOUNDARY: Final = "ordinary-boundary-7c1f"
FORM: Final = f"multipart/form-data; boundary={_BOUNDARY}"
"""Content type of :func:`form`."""


@dataclass(frozen=True)
class Target:
    """Target of the attacks."""

    server: LocalServer
    """Server with :data:`WORKERS` ready workers."""

    page_port: int
    """Port of the upload page, on 127.0.0.1."""

    page_log: Path
    """Output of the page."""

    scratch: Path
    """Folder for temporary files of attacks."""

    photographs: tuple[bytes, ...]
    """Ordinary photographs, small JPEG files."""

    tolerance: float = 1.0
    """Factor for time limits: a machine that also runs tests is slower."""

    quick: bool = False
    """Whether attacks with many repetitions use fewer, and ordinary clients pause."""

    @property
    def pause(self) -> float:
        """Seconds between an answer and an ordinary client's next request."""
        return QUICK_PAUSE_SECONDS if self.quick else 0.0

    @property
    def port(self) -> int:
        """Port of the front, on 127.0.0.1."""
        return self.server.settings.inference_port

    def logged(self) -> bytes:
        """Return everything that server and page have logged."""
        return b"\n".join(path.read_bytes() for path in self._logs())

    def log_bytes(self) -> int:
        """Return the size of these logs in bytes."""
        return sum(path.stat().st_size for path in self._logs())

    def workers(self) -> set[int]:
        """Return the process ids of the ready workers."""
        return set(self.server.worker_pids())

    def ready_workers(self, seconds: float, other_than: frozenset[int] = frozenset()) -> set[int]:
        """Wait until all workers are ready; returns their process ids, fewer after the timeout.

        Args:
            seconds: to wait, at most; multiplied by the tolerance.
            other_than: process ids that do not count.
        """
        deadline = time.monotonic() + seconds * self.tolerance
        while True:
            ready = {pid for pid in self.workers() - other_than if psutil.pid_exists(pid)}
            if len(ready) >= WORKERS or time.monotonic() > deadline:
                return ready
            time.sleep(0.1)

    def _logs(self) -> list[Path]:
        folder = self.server.settings.logs
        return [*(path for path in sorted(folder.rglob("*")) if path.is_file()), self.page_log]


@dataclass(frozen=True)
class Outcome:
    """Outcome of one attack."""

    name: str
    """Name in the table of outcomes."""

    sent: str
    """Description of what was sent or done."""

    passed: bool
    """Whether the service behaved as required."""

    detail: str
    """Measured values, or what went wrong; quotes no input."""


Attack = Callable[[Target], Outcome]
"""Interface of an attack."""


@contextmanager
def target(
    server: LocalServer, scratch: Path, tolerance: float = 1.0, *, quick: bool = False
) -> Iterator[Target]:
    """Start a server and a page in front of it; both are stopped with the context.

    Args:
        server: not started yet; has :data:`WORKERS` workers.
        scratch: an empty folder.
        tolerance: that bounds of time are multiplied by, or by more where the start shows that the
            machine is busy.
        quick: fewer repetitions and requests; see :class:`Target`.

    Raises:
        RuntimeError: the page does not start.
        ServerError: the server does not start.
    """
    start = time.monotonic()
    with server:
        server.wait_ready(WORKERS)
        busy = (time.monotonic() - start) / IDLE_START_SECONDS
        with local_page(server.inference, scratch) as (port, log):
            tolerance = max(tolerance, busy)
            yield Target(server, port, log, scratch, photographs(), tolerance, quick)


def ordinary(target: Target, count: int = 4) -> AbstractContextManager[Tally]:
    """Start ordinary clients of the front, each with different photographs.

    Args:
        target: that they send to.
        count: of clients.
    """
    address = f"127.0.0.1:{target.port}"
    return clients(address, PREDICT, target.photographs, count, pause=target.pause)


def visitors(target: Target, count: int = 2) -> AbstractContextManager[Tally]:
    """Start visitors of the page, who upload photographs one after the other.

    Args:
        target: that they visit.
        count: of visitors.
    """
    forms = [form(photograph) for photograph in target.photographs]
    address = f"127.0.0.1:{target.page_port}"
    return clients(address, "/", forms, count, FORM, pause=target.pause)


def form(photograph: bytes) -> bytes:
    """Build the page's form with a photograph, as a browser sends it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="photograph"; filename="1.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photograph + f"\r\n--{_BOUNDARY}--\r\n".encode()
