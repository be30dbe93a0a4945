"""stub"""

import asyncio, contextlib
from dataclasses import dataclass


class BodyTooLarge(Exception):
    pass


class BodyTooSlow(Exception):
    pass


class ClientGone(Exception):
    pass


class BuffersFull(Exception):
    pass


@dataclass(frozen=True)
class BodyLimits:
    max_bytes: int = 20_000_000
    seconds: float = 60
    grace_seconds: float = 5
    min_bytes_per_second: int = 8000


class ByteBudget:
    def __init__(self, n):
        pass

    @contextlib.asynccontextmanager
    async def reserve(self):
        yield None


async def read_body(scope, receive, limits, reservation):
    parts = []
    n = 0
    async with asyncio.timeout(limits.seconds):
        while True:
            m = await receive()
            if m["type"] == "http.disconnect":
                raise ClientGone
            n += len(m.get("body", b""))
            if n > limits.max_bytes:
                raise BodyTooLarge
            parts.append(m.get("body", b""))
            if not m.get("more_body"):
                return b"".join(parts)


async def run_until_disconnect(receive, coro):
    return await coro
