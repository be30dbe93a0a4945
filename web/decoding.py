"""Decode photographs one at a time, within a deadline that includes the waiting time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final

from handlers.structure import WHOLE, Box
from web.errors import PageError
from web.pictures import read

BUSY_SECONDS: Final = 5
"""Seconds after which a page with too many photographs may have capacity again."""
HEALTH_SECONDS: Final = 45
"""Seconds over which failures are counted. Shorter than the minute after which Kubernetes restarts
an unhealthy pod: a decoder that recovers is not restarted."""
MIN_FAILURES: Final = 3
"""Failures in that time, without a success, from which the decoder is unhealthy."""

Decode = Callable[[BinaryIO, int, Box], bytes]


class Decoder:
    """Decodes in a separate thread, since a decoder cannot be interrupted.

    One at a time: 25 megapixels take up to 400 MB during decoding. So a decode that outlives its
    deadline or its visitor keeps the slot until it ends, and the requests behind it are rejected at
    their deadlines.

    Args:
        seconds: for a photograph, from its arrival here.
        max_waiting: photographs, besides the one that is decoded.
        decode: as :func:`web.pictures.read`.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        seconds: float,
        max_waiting: int,
        decode: Decode = read,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._max_waiting = max_waiting
        self._decode = decode
        self._clock = clock
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._started: float | None = None
        self._failures: deque[float] = deque(maxlen=MIN_FAILURES)

    async def square(self, file: BinaryIO, max_pixels: int, box: Box = WHOLE) -> bytes:
        """Decode as :func:`web.pictures.read` does.

        If it is cancelled while it waits, it leaves the queue.

        Args:
            file: at its start.
            max_pixels: width times height, at most.
            box: the part that the model is to see.

        Raises:
            PageError: what that raises; ``busy`` when others are decoded for too long, and
                ``slow_picture`` when this one is.
        """
        deadline = asyncio.get_running_loop().time() + self._seconds
        await self._wait_for_turn(deadline)
        result = self._start(file, max_pixels, box)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(result)
        except TimeoutError as error:
            self._failures.append(self._clock())
            result.cancel()
            raise PageError("slow_picture") from error

    @property
    def busy(self) -> bool:
        """Whether a photograph is being decoded."""
        return self._started is not None

    def problem(self) -> str | None:
        """Return why no photograph can be decoded at present, or None."""
        now = self._clock()
        if self._started is not None and now - self._started > self._seconds:
            return f"one photograph has been decoded for more than {self._seconds:g} seconds"
        if len(self._failures) == MIN_FAILURES and now - self._failures[0] <= HEALTH_SECONDS:
            return f"the last {MIN_FAILURES} photographs could not be decoded"
        return None

    async def _wait_for_turn(self, deadline: float) -> None:
        if self._waiting >= self._max_waiting and self._turn.locked():
            raise PageError("busy", retry_after=BUSY_SECONDS)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError as error:
            raise PageError("busy", retry_after=BUSY_SECONDS) from error
        finally:
            self._waiting -= 1

    def _start(self, file: BinaryIO, max_pixels: int, box: Box) -> asyncio.Future[bytes]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bytes] = loop.create_future()
        self._started = self._clock()

        def finish(data: bytes | None, error: Exception | None) -> None:
            self._started = None
            self._turn.release()
            if result.cancelled():
                return  # too late; already counted as a failure
            if isinstance(error, PageError | None):
                self._failures.clear()  # it was decoded, or is not a photograph
            else:
                self._failures.append(self._clock())
            if error is not None:
                result.set_exception(error)
                result.exception()  # the result is known, even if the visitor has left
            else:
                result.set_result(data or b"")

        def run() -> None:
            data, failure = None, None
            try:
                data = self._decode(file, max_pixels, box)
            except Exception as error:  # the exception belongs to the visitor who waits
                failure = error
            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(finish, data, failure)

        # A daemon thread: one that hangs must not keep the process alive.
        threading.Thread(target=run, name="decoder", daemon=True).start()
        return result
