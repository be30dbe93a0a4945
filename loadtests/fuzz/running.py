"""Send the requests over several connections, and monitor the workers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from loadtests.attack.wire import Connection, Response
from loadtests.fuzz.judging import problem_of
from loadtests.fuzz.requests import FuzzRequest, fuzz_request

SECONDS: Final = 60.0
"""Timeout of one request, in seconds."""
MOST_PROBLEMS: Final = 20
"""Number of problems after which no more requests are sent."""
RETRIES: Final = 1
"""Retries on a new connection if the server has closed an idle one."""


@dataclass(frozen=True)
class Problem:
    """A wrong answer."""

    index: int
    """Index of the request; -1 if it is unknown."""
    message: str


@dataclass
class Run:
    """A run with one seed, and its results."""

    seed: int
    count: int
    v2: bool = False
    """Whether the server speaks V2 too."""
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    """Answers by route, kind of body, content type and status."""
    sent_bytes: int = 0
    seconds: float = 0.0
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self,
        port: int,
        connections: int,
        watch: Callable[[int], None] = lambda done: None,
        grpc_port: int = 0,
    ) -> None:
        """Send all requests.

        Args:
            port: of the front, on 127.0.0.1.
            connections: at a time.
            watch: called again and again with the number of requests that were answered.
            grpc_port: of gRPC, if the server speaks V2.
        """
        start = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(port, grpc_port), daemon=True)
            for _ in range(connections)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.5)
            for thread in threads:
                thread.join(0.01)
            watch(sum(self.counts.values()))
        self.seconds = time.monotonic() - start

    def found(self, index: int, message: str) -> None:
        """Record a problem.

        Args:
            index: of the request.
            message: what is wrong.
        """
        with self._lock:
            self.problems.append(Problem(index, message))

    def request(self, index: int) -> FuzzRequest:
        """Make the request of an index."""
        return fuzz_request(self.seed, index, self.v2)

    def _work(self, port: int, grpc_port: int) -> None:
        connection: Connection | None = None
        call = _caller(grpc_port) if self.v2 else None
        while (request := self._take()) is not None:
            try:
                if call is not None and request.kind == "call":
                    response = call(request.data)
                else:
                    connection, response = _answered(port, connection, request)
            except OSError as error:
                connection, response = None, Response()
                self.found(request.index, f"the connection failed: {type(error).__name__}")
            else:
                if problem := problem_of(response, request.method):
                    self.found(request.index, problem)
            with self._lock:
                key = (request.route, request.kind, request.content_type, response.status)
                self.counts[key] += 1
                self.sent_bytes += len(request.data)
        if connection is not None:
            connection.close()

    def _take(self) -> FuzzRequest | None:
        with self._lock:
            index = self._next
            if index >= self.count or len(self.problems) >= MOST_PROBLEMS:
                return None
            self._next += 1
        return self.request(index)


def _caller(port: int) -> Callable[[bytes], Response]:
    # Imported late: KServe takes seconds.
    from loadtests.fuzz.calls import Channel

    return Channel(port, SECONDS).exchange


def _answered(
    port: int, connection: Connection | None, request: FuzzRequest
) -> tuple[Connection | None, Response]:
    """Return the response, and the connection if it can be reused."""
    for _ in range(RETRIES + 1):
        fresh = connection is None
        connection = connection or Connection(port, SECONDS)
        response = connection.exchange(request.data, request.method)
        if response.status or fresh:
            break
        connection.close()
        connection = None
    if connection is not None and response.closes:
        connection.close()
        connection = None
    return connection, response
