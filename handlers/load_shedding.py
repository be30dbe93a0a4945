"""Load shedding: choose the requests of a batch that are served under overload.

TorchServe passes all queued requests to a worker, up to the batch size, and returns all answers
of a batch together. A worker that served everything would fall further behind with every batch.
So each batch has a time budget, and the requests left when it is spent are rejected with 503. If
a full batch follows a slow one, the queue is longer than can be served soon: whole batches are
then rejected until the queue is short again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

MIN_FULL_BATCH: Final = 32
"""Requests of a full batch that count as overload; fewer may come from a few clients."""
SHED_PERIODS: Final = 5
"""Time budgets that a worker sheds load for before it serves requests again."""


class LoadShedder:
    """Track the time of one worker's batches; not shared between threads."""

    def __init__(
        self, full: int, seconds: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Start without a backlog.

        Args:
            full: requests of a batch that leaves more of them waiting. Below :data:`MIN_FULL_BATCH`
                a batch only ends with its time, and the server's own queue bounds the rest.
                seconds: that the requests of one batch may be served for.
            clock: in seconds.
        """
        self._full, self._seconds, self._clock = full, seconds, clock
        self._began = 0.0
        self._clear_until = -math.inf
        self._clearing = False

    @property
    def retry_after(self) -> int:
        """Whole seconds that a client should wait before it sends the request again."""
        return max(1, math.ceil(self._seconds))

    def begin(self, requests: int) -> None:
        """Start a batch of so many requests."""
        self._began = self._clock()
        # Not forever: under sustained overload, some requests must still be served.
        behind = requests >= self._full >= MIN_FULL_BATCH
        self._clearing = behind and self._began < self._clear_until

    def open(self) -> bool:
        """Whether the batch's next requests are served; once false, it stays false to its end."""
        return not self._clearing and self._clock() < self._began + self._seconds

    def end(self) -> None:
        """End the batch."""
        if self._clearing:
            return
        now = self._clock()
        slow = now - self._began > self._seconds / 2
        self._clear_until = now + SHED_PERIODS * self._seconds if slow else -math.inf
