"""The front's upstream: forwards requests to TorchServe and hides its failures.

With aiohttp: its parser is compiled, and a request costs a fourth of httpx's CPU time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Final

import aiohttp

from serving.front.messages import FrontRequest, FrontResponse, error_body
from serving.front.telemetry import FrontMetrics

DIED: Final = (500, 507)
"""TorchServe's statuses for requests of a worker that died; it gives no details."""
HANDLER: Final = "x-lesionlens-handler"
"""Response header that distinguishes the handler's own errors from TorchServe's."""
REPEATS: Final = 2
"""Maximum retries of a request whose worker died: it may hit a second dying worker by chance."""
RETRY_SECONDS: Final = 2
"""Seconds after which a worker may have been replaced, or a full queue have space."""
READY_POLL_SECONDS: Final = 0.05
CONNECT_SECONDS: Final = 2.0
_PROBE_HEADERS: Final = {"Content-Type": "application/octet-stream", "X-Probe": "true"}


class _WorkerDiedError(Exception):
    """The worker died before it answered; another worker may answer the request."""


class TorchServeClient:
    """A :class:`serving.front.messages.Upstream`; close it after use.

    A request can be repeated: the answer depends on it and on the model alone. A request whose
    worker died is sent again, and such requests run one at a time: if one of them kills workers,
    the others are not in its batch again.

    Args:
        socket: the Unix socket that TorchServe listens on.
        seconds: until a request must be answered, repeats included.
        metrics: that repeats are counted in.
    """

    def __init__(self, socket: Path, seconds: float, metrics: FrontMetrics) -> None:
        self._socket = socket
        self._seconds = seconds
        self._metrics = metrics
        self._session: aiohttp.ClientSession | None = None
        self._repeating = asyncio.Lock()
        self._waiting: set[asyncio.Timeout] = set()
        self._doubtful: set[asyncio.Timeout] = set()
        self.ready = False
        """Set by the health monitor."""
        self.why_not_ready = "TorchServe is starting"
        """Set by the health monitor."""
        self.last_answer = float("-inf")
        """Time of the last answer of a worker, on the clock of ``time.monotonic``."""

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """See :meth:`serving.front.messages.Upstream.answer`."""
        headers = {
            "Content-Type": "application/json" if request.is_json else "application/octet-stream",
            **{f"X-{name.capitalize()}": value for name, value in request.options.items()},
        }
        try:
            async with asyncio.timeout(self._seconds):
                return await self._answered(request, headers)
        except TimeoutError:
            return _unavailable(f"no answer within {self._seconds:g} s: send this request again")

    async def probe(self, photograph: bytes, seconds: float) -> str:
        """Send a probe that metrics do not count; returns why it failed, or an empty string.

        Args:
            photograph: an image file.
            seconds: that it may take.
        """
        try:
            async with asyncio.timeout(seconds):
                reply = await self._sent("/predictions/melanoma", photograph, _PROBE_HEADERS)
        except TimeoutError:
            return f"a prediction took longer than {seconds:g} s"
        except _WorkerDiedError:
            return "a worker died"
        return "" if reply.status == 200 else f"a prediction got {reply.status}"

    async def metrics_page(self, socket: Path) -> bytes:
        """Return TorchServe's metrics in Prometheus' text format.

        Raises:
            OSError: it does not answer.
        """
        connector = aiohttp.UnixConnector(str(socket), force_close=True)
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, trust_env=False
                ) as session,
                session.get("http://torchserve/metrics") as reply,
            ):
                return await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(f"TorchServe's metrics: {type(error).__name__}") from None

    def worker_died(self) -> None:
        """Remember the requests in flight, which :meth:`repeat_lost` may have to send again.

        TorchServe never answers a request that it took from its queue just before it noticed that
        the worker had died.
        """
        self._doubtful |= self._waiting

    def repeat_lost(self) -> None:
        """Send the remembered requests that are still unanswered again.

        To be called while all workers are idle: any request that TorchServe still had in its queue
        would be with one of them.
        """
        now = asyncio.get_running_loop().time()
        while self._doubtful:
            self._doubtful.pop().reschedule(now)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _answered(self, request: FrontRequest, headers: dict[str, str]) -> FrontResponse:
        with contextlib.suppress(_WorkerDiedError):
            return await self._sent(request.path, request.body, headers)
        for _ in range(REPEATS):
            self._metrics.repeated.inc()
            async with self._repeating:
                # If every worker was killed, TorchServe loses requests before it
                # notices.
                while not self.ready:
                    await asyncio.sleep(READY_POLL_SECONDS)
                with contextlib.suppress(_WorkerDiedError):
                    return await self._sent(request.path, request.body, headers)
        return _unavailable("each worker that had this request died: send it again")

    async def _sent(self, path: str, body: bytes, headers: dict[str, str]) -> FrontResponse:
        waiting = asyncio.timeout(None)
        self._waiting.add(waiting)
        try:
            async with (
                waiting,
                self._opened().post(
                    f"http://torchserve{path}", data=body, headers=headers
                ) as reply,
            ):
                content = await reply.read()
        except (aiohttp.ClientConnectorError, FileNotFoundError):
            return _unavailable("the model server does not answer: send this request again")
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            raise _WorkerDiedError from error
        finally:
            self._waiting.discard(waiting)
            self._doubtful.discard(waiting)
        if reply.status == 200 or HANDLER in reply.headers:
            self.last_answer = time.monotonic()
            retry_after = reply.headers.get("Retry-After", "")
            return FrontResponse(
                reply.status, content, int(retry_after) if retry_after.isdigit() else None
            )
        if reply.status in DIED:
            raise _WorkerDiedError
        # Its queue is full, or no worker is left. Its message is not passed on.
        return _unavailable("the model server could not take this request: send it again")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def _unavailable(message: str) -> FrontResponse:
    return FrontResponse(503, error_body(f"{message} in {RETRY_SECONDS} s"), RETRY_SECONDS)
