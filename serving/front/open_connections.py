"""Connections of one server: their limits, and which one to close to make room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of one server's connections."""

    max_connections: int = 1_000
    """Maximum open connections; the process needs as many file descriptors and some more."""

    header_seconds: float = 10.0
    """Seconds from connecting, or from a request's first byte, until its headers are complete."""

    header_bytes: int = 16_384
    """Maximum bytes of a request line with its headers."""

    max_chunks: int = 65_536
    """Maximum chunks of one chunked body."""

    write_seconds: float = 60.0
    """Seconds in which a client must read a response, or at least part of it."""

    min_write_bytes_per_second: int = 1_000
    """Minimum rate at which a client must read a response that does not fit its buffers."""

    linger_seconds: float = 2.0
    """Seconds for which more input is discarded after a final response, so that the client can read
    it."""


class GuardedConnection(Protocol):
    """State of one connection."""

    lingering: bool
    """Whether everything is answered and further input is discarded."""

    def give_way(self) -> None:
        """Close at once to make room for another connection."""

    def close(self) -> None:
        """Close at once, or after a delay if input still arrives."""


class OpenConnections:
    """The connections of one server that count, and those that wait for a request."""

    def __init__(self) -> None:
        self.count = 0
        """Connections that count towards the limit."""
        self.rejected = 0
        """Connections beyond the limit that are not closed yet."""
        # In the order in which they started to wait: a dictionary keeps it.
        self.idle: dict[GuardedConnection, None] = {}
        self.in_headers: dict[GuardedConnection, None] = {}

    def make_room(self) -> bool:
        """Close the connection that has waited longest for a request; returns if there was one.

        Idle connections are closed before those with incomplete headers: an honest client sends its
        headers at once.
        """
        for waiting in (self.idle, self.in_headers):
            for connection in waiting:
                connection.give_way()
                return True
        return False

    def forget(self, connection: GuardedConnection) -> None:
        """Record that it no longer waits for a request."""
        self.idle.pop(connection, None)
        self.in_headers.pop(connection, None)


class LingeringTransport:
    """A transport whose ``close`` waits until its client has read the response.

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
        """Close after the client had time to read."""
        self._connection.close()
