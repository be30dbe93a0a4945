"""Limit the bytes of all request bodies in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serving.front.messages import BuffersFull


class ByteBudget:
    """Limit of the bytes that all requests of a process buffer together.

    Args:
        max_bytes: at a time.
        retry_after: seconds that :class:`BuffersFull` names.
    """

    def __init__(self, max_bytes: int = 256_000_000, retry_after: int = 5) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._retry_after = retry_after
        self._receiving: dict[Reservation, None] = {}
        """Bodies that still arrive, the one that has waited longest for its next bytes first."""

    @contextmanager
    def reservation(self) -> Iterator[Reservation]:
        """Reserve a growing share of the budget, released when the context ends."""
        reserved = Reservation(self, self._retry_after)
        try:
            yield reserved
        finally:
            self.used_bytes -= reserved.reserved_bytes
            reserved.reserved_bytes = 0

    def make_room(self, count: int, asking: Reservation) -> bool:
        """Abort stalled bodies until so many bytes are free; returns whether they are.

        Args:
            count: bytes.
            asking: is not given up itself.
        """
        for stalled in list(self._receiving):
            if self.used_bytes + count <= self.max_bytes:
                break
            if stalled is not asking:
                stalled.give_up()
        return self.used_bytes + count <= self.max_bytes


class Reservation:
    """Share of one request in a budget, from :meth:`ByteBudget.reservation`.

    Args:
        budget: that it is part of.
        retry_after: seconds.
    """

    def __init__(self, budget: ByteBudget, retry_after: int) -> None:
        self.reserved_bytes = 0
        self._budget = budget
        self._retry_after = retry_after
        self._task: asyncio.Task[Any] | None = None
        self._given_up = False

    def add(self, count: int) -> None:
        """Reserve more bytes; if too few are left, stalled bodies are aborted.

        Raises:
            BuffersFull: there are not so many even then.
        """
        if not self._budget.make_room(count, self):
            raise self._full()
        self._budget.used_bytes += count
        self.reserved_bytes += count
        if self._task is not None:  # now the most recent one
            self._budget._receiving.pop(self, None)
            self._budget._receiving[self] = None

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Context in which this body may be aborted to free memory for others.

        Raises:
            BuffersFull: it was.
        """
        task = self._task = asyncio.current_task()
        self._budget._receiving[self] = None
        try:
            yield
        except asyncio.CancelledError:
            if not self._given_up or task is None or task.uncancel() > 0:
                raise
            raise self._full() from None
        finally:
            self._budget._receiving.pop(self, None)
            self._task = None

    def give_up(self) -> None:
        """Release the bytes and stop waiting for more."""
        self._given_up = True
        self._budget.used_bytes -= self.reserved_bytes
        self.reserved_bytes = 0
        self._budget._receiving.pop(self, None)
        if self._task is not None:
            self._task.cancel()

    def _full(self) -> BuffersFull:
        return BuffersFull(
            f"too many uploads at a time: send it again in {self._retry_after} seconds",
            self._retry_after,
        )
