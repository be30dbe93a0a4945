"""Sends the requests over several connections, and looks after the workers meanwhile."""

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
"""That one request may take."""
MOST_PROBLEMS: Final = 20
"""After which no more requests are sent."""
RETRIES: Final = 1
"""Of a request on a new connection, where the server had closed an idle one meanwhile."""


@dataclass(frozen=True)
class Problem:
    """A request whose answer was wrong."""

    index: int
    """Of the request; -1 where it is not known."""
    message: str


@dataclass
class Run:
    """Requests of one seed, and what came of them."""

    seed: int
    count: int
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    """Answers by route, kind of body, content type and status."""
    sent_bytes: int = 0
    seconds: float = 0.0
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self, port: int, connections: int, watch: Callable[[int], None] = lambda done: None
    ) -> None:
        """Send all of them.

        Args:
            port: of the front, on 127.0.0.1.
            connections: at a time.
            watch: called again and again with the number of requests that were answered.
        """
        start = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(port,), daemon=True)
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
        """Note a problem.

        Args:
            index: of the request.
            message: what is wrong.
        """
        with self._lock:
            self.problems.append(Problem(index, message))

    def _work(self, port: int) -> None:
        connection: Connection | None = None
        while (request := self._take()) is not None:
            try:
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
        return fuzz_request(self.seed, index)


def _answered(
    port: int, connection: Connection | None, request: FuzzRequest
) -> tuple[Connection | None, Response]:
    """The response, and the connection if it can be used again."""
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
