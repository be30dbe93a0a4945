"""Many connections that send a byte now and then, from one thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

CHUNK: Final = 65_536
"""Bytes of one call of ``send``."""


@dataclass
class Drips:
    """What happened to slow connections."""

    opened: int = 0
    """Connections in all; those that the server closed are opened again."""
    closed: int = 0
    """By the server."""

    def wait_closed(self, count: int, seconds: float) -> bool:
        """Wait until the server has closed so many; False where it has not in time.

        Args:
            count: connections.
            seconds: to wait, at most.
        """
        deadline = time.monotonic() + seconds
        while self.closed < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.closed >= count


@dataclass(frozen=True)
class Script:
    """What one connection sends."""

    first: bytes
    """At once."""

    then: bytes = b""
    """Byte by byte, again and again; none where it only holds the connection."""


@contextmanager
def slow_connections(
    port: int, scripts: Sequence[Script], period: float = 1.0, reopen: bool = True
) -> Iterator[Drips]:
    """Keep connections open, one a script, until the context ends.

    Args:
        port: on 127.0.0.1.
        scripts: one a connection.
        period: seconds between two bytes of a connection.
        reopen: connections that the server closes.
    """
    drips = Drips()
    over = threading.Event()
    thread = threading.Thread(
        target=_drip, args=(port, scripts, period, reopen, drips, over), daemon=True
    )
    thread.start()
    try:
        yield drips
    finally:
        over.set()
        thread.join(30)


class _Slow:
    """One connection and what it has sent."""

    def __init__(self, port: int, script: Script) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setblocking(False)
        self.script = script
        self.left = memoryview(script.first)
        self._at = 0

    def step(self) -> bool:
        """Send what is due; whether the connection is still there."""
        try:
            while self.left:
                self.left = self.left[self.socket.send(self.left[:CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def drip(self) -> None:
        """Let one byte more be due."""
        if self.script.then and not self.left:
            self.left = memoryview(self.script.then[self._at : self._at + 1])
            self._at = (self._at + 1) % len(self.script.then)

    def ended(self) -> bool:
        """Whether the server has closed it, or answered."""
        try:
            return self.socket.recv(CHUNK) is not None
        except BlockingIOError:
            return False
        except OSError:
            return True


def _drip(
    port: int,
    scripts: Sequence[Script],
    period: float,
    reopen: bool,
    drips: Drips,
    over: threading.Event,
) -> None:
    open_now: list[_Slow] = []
    waiting = list(scripts)
    due = time.monotonic() + period
    while not over.is_set():
        for script in waiting[:20]:  # not all at once: the listener's queue is for others, too
            with contextlib.suppress(OSError):
                open_now.append(_Slow(port, script))
                drips.opened += 1
        waiting = waiting[20:]
        if time.monotonic() >= due:
            due += period
            for slow in open_now:
                slow.drip()
        kept = []
        for slow in open_now:
            if slow.step() and not slow.ended():
                kept.append(slow)
                continue
            slow.socket.close()
            drips.closed += 1
            if reopen:
                waiting.append(slow.script)
        open_now = kept
        over.wait(0.02 if waiting or any(slow.left for slow in open_now) else 0.1)
    for slow in open_now:
        slow.socket.close()
