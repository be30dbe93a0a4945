"""What the connections of one server share: their limits, and who could make room for another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ConnectionLimits:
    """Of one server."""

    max_connections: int = 1_000
    """Open at a time; the process needs as many file descriptors and some more."""

    header_seconds: float = 10.0
    """From connecting, or from a request's first byte, until its headers are complete."""

    header_bytes: int = 16_384
    """Of a request line with its headers."""

    max_chunks: int = 65_536
    """Of one chunked body."""

    write_seconds: float = 60.0
    """In which a client must take a response, or at least some of it."""

    min_write_bytes_per_second: int = 1_000
    """That a client must take of a response that does not fit its buffers."""

    linger_seconds: float = 2.0
    """For which more input is discarded after a final response, so that its client can read it."""


class GuardedConnection(Protocol):
    """What is known here of a connection."""

    lingering: bool
    """Whether everything is answered and only more input is discarded."""

    def give_way(self) -> None:
        """End at once, for another connection."""

    def close(self) -> None:
        """Close, at once or, where input still comes, after a while."""


class OpenConnections:
    """The connections of one server that count, and those that wait for a request."""

    def __init__(self) -> None:
        self.count = 0
        """Those that count towards the limit."""
        self.rejected = 0
        """Beyond it, and not closed yet."""
        # In the order in which they began to wait: a dictionary keeps it.
        self.idle: dict[GuardedConnection, None] = {}
        self.in_headers: dict[GuardedConnection, None] = {}

    def make_room(self) -> bool:
        """Close the connection that has waited longest for a request, if any does.

        One whose headers are incomplete goes after those that are idle: an honest client sends its
        headers at once.
        """
        for waiting in (self.idle, self.in_headers):
            for connection in waiting:
                connection.give_way()
                return True
        return False

    def forget(self, connection: GuardedConnection) -> None:
        """Note that it waits for a request no more."""
        self.idle.pop(connection, None)
        self.in_headers.pop(connection, None)


class LingeringTransport:
    """A transport whose ``close`` lets a client finish reading what was answered before its end.

    Args:
        transport: of the socket.
        connection: closes it.
    """

    def __init__(self, transport: asyncio.Transport, connection: GuardedConnection) -> None:
        self._transport = transport
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._connection.lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close when its client has had time to read."""
        self._connection.close()
