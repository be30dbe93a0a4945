"""Open loop: send requests at a fixed rate, whether or not earlier ones were answered.

Locust's users wait for their answers, so a slow server gets fewer requests; a crowd does not wait.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtests.settings import key_headers

HEAD: Final = re.compile(rb"HTTP/1\.1 (\d{3})")
LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
RETRY: Final = re.compile(rb"\r\nretry-after: \d+\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """Result of one request."""

    sent: float
    """Time on the clock of ``time.perf_counter()``, like ``ended``."""
    ended: float
    status: int
    """HTTP status; 0 without an answer."""
    retry_after: bool = False

    @property
    def seconds(self) -> float:
        """From the first byte sent to the last received."""
        return self.ended - self.sent


class _Exchange(asyncio.Protocol):
    """One request on a new connection."""

    def __init__(self, request: bytes) -> None:
        self.done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._request, self._received = request, bytearray()
        self._sent = time.perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = bytes(self._received).partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if blank and length and len(body) >= int(length[1]):
            status = HEAD.match(head)
            found = bool(RETRY.search(head + b"\r\n"))
            self._end(int(status[1]) if status else 0, found)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(0)

    def _end(self, status: int, retry_after: bool = False) -> None:
        if not self.done.done():
            reply = Reply(self._sent, time.perf_counter(), status, retry_after)
            self.done.set_result(reply)


def request(path: str, body: bytes) -> bytes:
    """Format a POST of JSON as bytes."""
    key = "".join(f"{name}: {value}\r\n" for name, value in key_headers().items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"{key}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def send(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, patience: float = 60.0
) -> list[Reply]:
    """Send requests at a rate per second, each on a new connection.

    Args:
        port: on 127.0.0.1.
        requests: from :func:`request`.
        rate: requests a second.
        seconds: after which no more are sent.
        patience: seconds that an answer is waited for.
    """
    return asyncio.run(_send(port, requests, rate, seconds, patience))


async def _send(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, patience: float
) -> list[Reply]:
    start = time.perf_counter()
    tasks: list[asyncio.Task[Reply]] = []
    while (passed := time.perf_counter() - start) < seconds:
        while len(tasks) < passed * rate:
            body = requests[len(tasks) % len(requests)]
            tasks.append(asyncio.create_task(_one(port, body, patience)))
        await asyncio.sleep(0.002)
    return list(await asyncio.gather(*tasks))


async def _one(port: int, body: bytes, patience: float) -> Reply:
    sent = time.perf_counter()
    transport = None
    try:
        loop = asyncio.get_running_loop()
        transport, exchange = await loop.create_connection(
            lambda: _Exchange(body), "127.0.0.1", port
        )
        return await asyncio.wait_for(exchange.done, patience)
    except (OSError, TimeoutError):
        return Reply(sent, time.perf_counter(), 0)
    finally:
        if transport is not None:
            transport.abort()
