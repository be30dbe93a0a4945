"""Many connections that send a byte now and then, run by one thread."""

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
    """Statistics of slow connections."""

    opened: int = 0
    """Connections in all; closed ones are opened again."""
    closed: int = 0
    """Connections closed by the server."""

    def wait_closed(self, count: int, seconds: float) -> bool:
        """Wait until the server has closed so many; returns False after the timeout.

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
    """Bytes that one connection sends."""

    first: bytes
    """Bytes that are sent at once."""

    then: bytes = b""
    """Bytes that are then sent one by one, repeatedly; empty to only hold the connection."""


@contextmanager
def slow_connections(
    port: int, scripts: Sequence[Script], period: float = 1.0, reopen: bool = True
) -> Iterator[Drips]:
    """Keep connections open, one per script, until the context ends.

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
    """One connection and its progress."""

    def __init__(self, port: int, script: Script) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setblocking(False)
        self.script = script
        self.left = memoryview(script.first)
        self._at = 0

    def step(self) -> bool:
        """Send the bytes that are due; returns whether the connection is still open."""
        try:
            while self.left:
                self.left = self.left[self.socket.send(self.left[:CHUNK]) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def drip(self) -> None:
        """Schedule one more byte."""
        if self.script.then and not self.left:
            self.left = memoryview(self.script.then[self._at : self._at + 1])
            self._at = (self._at + 1) % len(self.script.then)

    def ended(self) -> bool:
        """Whether the server has closed the connection, or answered."""
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
        for script in waiting[:20]:  # not all at once: other clients need the listener's queue too
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
