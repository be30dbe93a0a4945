"""The same lean client for every server: threads that send prepared bodies."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtests.settings import key_headers

TIMEOUT: Final = 120.0


@dataclass
class Burst:
    """Measurements of one burst of requests."""

    seconds: list[float] = field(default_factory=list)
    """Duration of each request that was answered with 200, in seconds."""
    failures: int = 0
    wall: float = 0.0
    """Seconds from the first request to the last answer."""

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall if self.wall else 0.0


def burst(port: int, path: str, bodies: Sequence[bytes], clients: int, seconds: float) -> Burst:
    """Send bodies from several clients at once, each as fast as it is answered.

    Args:
        port: on 127.0.0.1.
        path: of the request.
        bodies: JSON.
        clients: connections, each with a thread.
        seconds: after which no client sends another; each sends one however long it takes.
    """
    total = Burst()
    lock = threading.Lock()
    ready = threading.Barrier(clients + 1)

    def run(number: int) -> None:
        own = Burst()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        try:
            connection.connect()
            ready.wait()
            end = time.perf_counter() + seconds
            place = 0
            while place == 0 or time.perf_counter() < end:
                body = bodies[(number + place * clients) % len(bodies)]
                took = request(connection, path, body)
                place += 1
                if took is None:
                    own.failures += 1
                else:
                    own.seconds.append(took)
        finally:
            connection.close()
            with lock:
                total.seconds += own.seconds
                total.failures += own.failures

    threads = [
        threading.Thread(target=run, args=(number,), daemon=True) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    ready.wait(TIMEOUT)
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    total.wall = time.perf_counter() - start
    return total


def request(connection: http.client.HTTPConnection, path: str, body: bytes) -> float | None:
    """Return the seconds of one request; None if it was not answered with 200."""
    start = time.perf_counter()
    try:
        headers = {"Content-Type": "application/json", **key_headers()}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return time.perf_counter() - start if answer.status == 200 else None
