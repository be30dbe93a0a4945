"""Well-behaved clients that send requests continuously during an attack."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

TIMEOUT_SECONDS: Final = 60.0
LOAD_SHEDDING: Final = b"too many requests at once"
"""Text in the error of a request that is rejected because of load shedding."""
MAX_REJECTIONS: Final = 10
"""Rejections in a row of one client that count as a failure."""


@dataclass
class Tally:
    """Results of the clients. Connections refused after the server's shutdown do not count."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    """Status or exception of each request that was not answered with 200."""
    rejected: int = 0
    """Requests that were rejected with ``Retry-After`` and sent again."""
    milliseconds: list[float] = field(default_factory=list)
    """Duration of each request answered with 200."""
    answered_at: list[float] = field(default_factory=list)
    """Times of answers, on the clock of ``time.monotonic``."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def p95(self) -> float:
        """95th percentile of the durations."""
        return float(np.quantile(self.milliseconds, 0.95)) if self.milliseconds else float("nan")

    @property
    def summary(self) -> str:
        """Summarise successes and failures, with the statuses of the failures."""
        kinds = ", ".join(f"{count} x {kind}" for kind, count in Counter(self.failures).items())
        failed = f"{len(self.failures)} failed" + (f" ({kinds})" if kinds else "")
        again = f", {self.rejected} rejected and sent again" if self.rejected else ""
        return f"{self.answered} ordinary requests answered, {failed}{again}"

    @property
    def unharmed(self) -> bool:
        """Whether there were answers and no failure."""
        return self.answered > 0 and not self.failures

    def longest_gap(self, start: float, end: float) -> float:
        """Return the longest time between two answers, in seconds, within a period."""
        inside = [at for at in self.answered_at if start <= at <= end]
        times = sorted([start, *inside, end])
        return max(after - before for before, after in pairwise(times))


@contextmanager
def clients(
    address: str,
    path: str,
    bodies: Sequence[bytes],
    count: int,
    content_type: str = "image/jpeg",
    host: str = "",
    pause: float = 0.0,
) -> Iterator[Tally]:
    """Run clients that send again when they are answered, each on a persistent connection.

    Args:
        address: host and port.
        path: to POST to.
        bodies: sent in turn.
        count: of the clients.
        content_type: of the bodies.
        host: name that is asked for, where a gateway goes by it; unset, the address.
        pause: seconds between an answer and the client's next request.
    """
    tally = Tally()
    over = threading.Event()
    headers = {"Content-Type": content_type, **({"Host": host} if host else {})}
    threads = [
        threading.Thread(
            target=_ask,
            args=(address, path, bodies[number::count] or bodies, headers, pause, tally, over),
            daemon=True,
        )
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join(TIMEOUT_SECONDS + 5)


def _ask(
    address: str,
    path: str,
    bodies: Sequence[bytes],
    headers: Mapping[str, str],
    pause: float,
    tally: Tally,
    over: threading.Event,
) -> None:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    number = rejections = 0
    ending = False
    while not over.is_set():
        body = bodies[number % len(bodies)]
        number += 1
        start = time.monotonic()
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if ending and isinstance(error, ConnectionRefusedError):
                return
            with tally.lock:
                tally.failures.append(type(error).__name__)
            over.wait(0.05)
            continue
        now = time.monotonic()
        ending = ending or reply.getheader("Connection", "").lower() == "close"
        wait = reply.getheader("Retry-After", "")
        if reply.status == 503 and wait.isdigit() and LOAD_SHEDDING in content:
            rejections += 1
            if rejections <= MAX_REJECTIONS:
                with tally.lock:
                    tally.rejected += 1
                over.wait(int(wait))
                continue
        rejections = 0
        with tally.lock:
            if reply.status == 200:
                tally.answered += 1
                tally.answered_at.append(now)
                tally.milliseconds.append((now - start) * 1000)
            else:
                tally.failures.append(str(reply.status))
        over.wait(pause)
    connection.close()
