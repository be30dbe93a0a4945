"""Read request bodies within limits of bytes, time, rate and total memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.types import Message, Receive, Scope

from serving.front.buffers import Reservation
from serving.front.messages import BodyTooLarge, BodyTooSlow, ClientGone

Result = TypeVar("Result")


@dataclass(frozen=True)
class BodyLimits:
    """Limits of one request body."""

    max_bytes: int = 20_000_000
    """Maximum bytes of a body."""

    seconds: float = 60.0
    """Seconds until the whole body must have arrived."""

    grace_seconds: float = 5.0
    """Seconds at the start without a minimum rate."""

    min_bytes_per_second: int = 8_000
    """Minimum average rate of a client after that."""

    stall_seconds: float = 10.0
    """Seconds that a faster client may pause."""


class BoundedReceive:
    """ASGI's ``receive`` of one request, with limits on its body.

    Only the time spent waiting for the client counts against its rate. A declared length above the
    limit is rejected before a byte is read, so ``Expect: 100-continue`` is not continued.

    Args:
        receive: the server's.
        limits: of the body.
        content_length: bytes that the headers declare; see :func:`content_length`.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        receive: Receive,
        limits: BodyLimits,
        content_length: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.received_bytes = 0
        self.complete = False
        """Whether the whole body has been received."""
        self._receive = receive
        self._limits = limits
        self._declared = content_length or 0
        self._clock = clock
        self._start: float | None = None
        self._credit = limits.grace_seconds

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            BodyTooLarge: more than the limit was declared or has come.
            BodyTooSlow: it does not come in time.
            ClientGone: the client closed the connection.
        """
        self._check_size(self._declared)
        before = self._clock()
        if self._start is None:
            self._start = before
        left = self._start + self._limits.seconds - before
        if left <= 0:
            raise self._too_slow()
        message = await self._within(min(left, self._credit))
        if message["type"] == "http.disconnect":
            raise ClientGone("the client closed the connection")
        count = len(message.get("body", b""))
        self.received_bytes += count
        self.complete = not message.get("more_body", False)
        self._check_size(self.received_bytes)
        after = self._clock()
        self._credit += count / self._limits.min_bytes_per_second - (after - before)
        if not self.complete and (self._credit <= 0 or after - self._start >= self._limits.seconds):
            raise self._too_slow()
        most = max(self._limits.grace_seconds, self._limits.stall_seconds)
        self._credit = min(self._credit, most)
        return message

    async def _within(self, seconds: float) -> Message:
        try:
            async with asyncio.timeout(seconds):
                return await self._receive()
        except TimeoutError:
            pass
        # Bytes that came while this process was busy are buffered by now and are not late.
        try:
            async with asyncio.timeout(0):
                return await self._receive()
        except TimeoutError:
            raise self._too_slow() from None

    def _check_size(self, count: int) -> None:
        if count > self._limits.max_bytes:
            raise BodyTooLarge(
                f"the body is too large: at most {self._limits.max_bytes} bytes are accepted"
            )

    def _too_slow(self) -> BodyTooSlow:
        limits = self._limits
        return BodyTooSlow(
            f"the body came too slowly: send it within {limits.seconds:g} seconds and at "
            f"{limits.min_bytes_per_second} bytes per second or more"
        )


def content_length(scope: Scope) -> int | None:
    """Return the declared bytes of a request body, or None without a declaration."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return None


async def read_body(
    receive: Receive,
    limits: BodyLimits,
    reservation: Reservation,
    declared: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Read a whole body; every byte is reserved in the budget before it is kept.

    Args:
        receive: the server's.
        limits: of the body.
        reservation: holds the bytes until its context ends.
        declared: bytes that the headers declare.
        clock: seconds, for tests.

    Raises:
        BodyTooLarge: more than the limit was declared or has come.
        BodyTooSlow: it does not come in time.
        BuffersFull: other requests hold all bytes of the budget.
        ClientGone: the client closed the connection.
    """
    bounded = BoundedReceive(receive, limits, declared, clock)
    parts: list[bytes] = []
    with reservation.receiving():
        while not bounded.complete:
            part = (await bounded()).get("body", b"")
            reservation.add(len(part))
            parts.append(part)
    return b"".join(parts)


async def run_until_disconnect(receive: Receive, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run work until it ends or its client disconnects; call it after the body was read.

    Args:
        receive: the server's.
        coroutine: the work; cancelled, and waited for, when the client leaves.

    Raises:
        ClientGone: the client closed the connection before the work was done.
    """
    work = asyncio.ensure_future(coroutine)
    watch = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        watch.result()
        raise ClientGone("the client closed the connection")
    finally:
        for task in (work, watch):
            task.cancel()
        for task in (work, watch):
            with suppress(asyncio.CancelledError, Exception):
                await task


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
