"""Unfinished connections and bodies, which must not block other clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import psutil

from loadtests.attack.clients import Tally
from loadtests.attack.slow_connections import Script, slow_connections
from loadtests.attack.targets import PREDICT, Outcome, Target, ordinary, visitors

BODIES: Final = 260
BODY_BYTES: Final = 8_000_000
HELD_BYTES: Final = 3_000_000
"""Bytes that are sent of each unfinished body; together more than the front buffers."""
LARGE_BYTES: Final = 2_000_000
"""Bytes that are sent of each repeated large body."""
SMALL_BYTES: Final = 3_000
"""Bytes that are sent of each repeated small body, for the space that large ones leave."""
SLOW: Final = 200
"""Number of connections that send a byte a second."""
SECONDS: Final = 4.0
"""Seconds for which each attack runs."""
MAX_RATIO: Final = 2.0
"""Maximum ratio of a client's 95th percentile to that without an attack."""
MARGIN: Final = 40
"""Maximum number of additional sockets of the server."""
MAX_GROWN_MB: Final = 500
"""Maximum growth of the front's memory: it buffers 256 MB, and copies some of it."""
CLOSED_SECONDS: Final = 15.0
"""Seconds until an incomplete body is given up."""
RELEASE_SECONDS: Final = 15.0
"""Seconds until the sockets of disconnected clients are closed."""

Clients = Callable[[Target, int], AbstractContextManager[Tally]]
_HEAD: Final = (
    f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
    f"Content-Length: {BODY_BYTES}\r\n\r\n"
).encode()


def unfinished_bodies(target: Target) -> Outcome:
    """Send hundreds of bodies of 8 MB that stop after the first part."""
    script = Script(_HEAD + bytes(HELD_BYTES))
    before = _sockets(target)
    process = psutil.Process(target.server.pid)
    memory = process.memory_info().rss
    with ordinary(target) as tally:
        time.sleep(0.5)
        with slow_connections(target.port, [script] * BODIES, reopen=False) as drips:
            time.sleep(SECONDS)
            most, grown = _sockets(target), (process.memory_info().rss - memory) / 1e6
            ended = drips.wait_closed(BODIES, CLOSED_SECONDS * target.tolerance)
        time.sleep(1.0)
    deadline = time.monotonic() + RELEASE_SECONDS * target.tolerance
    while (after := _sockets(target)) > before + MARGIN and time.monotonic() < deadline:
        time.sleep(0.2)
    return Outcome(
        "unfinished bodies",
        f"{BODIES} bodies of 8 MB that stop after 3 MB",
        tally.unharmed and ended and after <= before + MARGIN and grown <= MAX_GROWN_MB,
        f"{tally.summary}; the server closed {drips.closed} of {drips.opened}; its sockets: "
        f"{before} before, {most} during, {after} after; its memory grew by {grown:.0f} MB",
    )


def full_buffers(target: Target) -> Outcome:
    """Send large and small unfinished bodies repeatedly, so that the buffers stay full."""
    large = Script(_HEAD + bytes(LARGE_BYTES))
    small = Script(_HEAD + bytes(SMALL_BYTES))
    with ordinary(target) as tally:
        time.sleep(0.5)
        with slow_connections(target.port, [large] * (BODIES // 2) + [small] * BODIES) as drips:
            time.sleep(SECONDS * 2)
    return Outcome(
        "unfinished bodies: begun again",
        f"{BODIES // 2} bodies that stop after 2 MB, {BODIES} after 3 kB, again and again",
        tally.unharmed,
        f"{tally.summary}; the server closed {drips.closed} of {drips.opened}",
    )


def slow_front(target: Target) -> Outcome:
    """Open two hundred slow connections to the front: headers, and bodies."""
    return _slow("front", target, ordinary, target.port, PREDICT)


def slow_page(target: Target) -> Outcome:
    """Open two hundred slow connections to the page: headers, and bodies."""
    return _slow("page", target, visitors, target.page_port, "/")


def _slow(what: str, target: Target, clients: Clients, port: int, path: str) -> Outcome:
    with clients(target, 1) as alone:
        time.sleep(SECONDS)
    with slow_connections(port, _slow_scripts(path)) as drips:
        time.sleep(1.0)
        with clients(target, 1) as tally:
            time.sleep(SECONDS)
        drips.wait_closed(SLOW // 2, CLOSED_SECONDS * target.tolerance)
    ratio = tally.p95 / alone.p95
    return Outcome(
        f"slow connections: {what}",
        f"{SLOW} connections of a byte a second, headers and bodies",
        tally.unharmed and drips.closed >= SLOW // 2 and ratio <= MAX_RATIO * target.tolerance,
        f"p95 {alone.p95:.0f} ms alone, {tally.p95:.0f} ms alongside ({ratio:.2f} times); "
        f"{tally.summary}; {drips.closed} closed by the server",
    )


def _slow_scripts(path: str) -> list[Script]:
    start = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    kind = "image/jpeg" if path == PREDICT else "multipart/form-data; boundary=b"
    headers = Script(start.encode(), b"X-Slow: 1\r\n")
    body = Script(f"{start}Content-Type: {kind}\r\nContent-Length: 8000000\r\n\r\n".encode(), b"a")
    return [headers, body] * (SLOW // 2)


def _sockets(target: Target) -> int:
    """Count open files of the listening process, sockets included."""
    return int(psutil.Process(target.server.pid).num_fds())
