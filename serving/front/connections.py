"""Connections within bounds: how many, how long without a request, how large its headers.

A protocol class for uvicorn (``http=guarded_protocol(...)``). Errors are answered here before an
application is called, as JSON that says what is wrong and how to fix it. Neither they nor the log
quote what a client sent.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from logging import ERROR
from typing import Any, ClassVar, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from serving.front.framing import FramingError, RequestFraming
from serving.front.open_connections import ConnectionLimits, LingeringTransport, OpenConnections

__all__ = ["ConnectionLimits", "GuardedH11Protocol", "guarded_protocol"]

RETRY_SECONDS: Final = 5
"""Seconds after which a server with too many connections may have capacity again."""
FIRST_REQUEST_SECONDS: Final = 1.0
"""Seconds in which a new connection must send its request once the server is draining."""


class GuardedH11Protocol(H11Protocol):
    """uvicorn's protocol of one connection, with limits; made by :func:`guarded_protocol`.

    Serves HTTP only: a request to upgrade the protocol is served as an ordinary request.
    """

    limits: ClassVar[ConnectionLimits]
    open_connections: ClassVar[OpenConnections]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        limits = self.limits
        # A client could cause any number of warnings about input that cannot be parsed.
        self.logger = self.logger.getChild("guarded")
        self.logger.setLevel(ERROR)
        self.conn = h11.Connection(h11.SERVER, max(65_536, 2 * limits.header_bytes))
        self._framing = RequestFraming(limits.header_bytes, limits.max_chunks)
        self.lingering = False
        self._socket: asyncio.Transport
        self._counted = False
        self._discarding = False
        self._ending = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection, or reject it with 503 when there are too many."""
        self._socket = cast(asyncio.Transport, transport)
        self.transport = cast(asyncio.Transport, LingeringTransport(self._socket, self))
        # All unsent bytes count as waiting, also the rest after a last response. (TLS in
        # asyncio would stop at a limit of 0 and not go on.)
        self._socket.set_write_buffer_limits(high=1, low=0)
        shared, most = self.open_connections, self.limits.max_connections
        if shared.count >= most and not shared.make_room():
            self._reject()
            return
        shared.count += 1
        self._counted = True
        super().connection_made(self.transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the bookkeeping."""
        self.open_connections.forget(self)
        if self._counted:
            self.open_connections.count -= 1
            self._counted = False
        elif self._discarding:
            self.open_connections.rejected -= 1
        self._discarding = True
        for timer in (self._header_timer, self._write_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Check the received bytes and forward them to h11."""
        if self._discarding or self._socket.is_closing():
            return
        self._unset_keepalive_if_required()
        accepted = self._framing.feed(data)
        if accepted:
            super().data_received(accepted)
            if self._ending and self.cycle is not None:
                self.cycle.keep_alive = False
        if self._framing.error is not None:
            self._refuse(self._framing.error)
        elif not self._discarding:
            self._watch_headers()

    def on_response_complete(self) -> None:
        """After a response, wait for the next request, or close if the body is incomplete."""
        super().on_response_complete()
        if self.transport.is_closing() or self._discarding:
            return
        if not self._busy() and self.conn.their_state is h11.SEND_BODY:
            self._linger()
        else:
            self._watch_headers()

    def close(self) -> None:
        """Close at once, or after a delay if input still arrives."""
        if self.conn.their_state is h11.SEND_BODY and not self._discarding:
            self._linger()
        else:
            self._socket.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 rejects."""
        self._refuse(FramingError(400, "not a valid HTTP/1.1 request"))

    def shutdown(self) -> None:
        """Close an idle connection when the server drains.

        A new connection counts as a request in flight: if it was closed now, its client would see a
        reset.
        """
        self._ending = True
        if self._discarding:
            self.transport.close()
        elif self.cycle is None or (self._framing.in_headers and not self._busy()):
            self._leave_waiting()
            self._header_timer = self.loop.call_later(FIRST_REQUEST_SECONDS, self._headers_late)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Note that output could not be sent at once."""
        if self.flow is not None:
            super().pause_writing()
        if self._write_timer is None:
            self._watch_writing()

    def resume_writing(self) -> None:
        """Note that all output is sent."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if self.flow is not None:
            super().resume_writing()

    def give_way(self) -> None:
        """Close at once to make room for another connection."""
        self._leave_waiting()
        if self._framing.in_headers:
            self._answer(FramingError(503, "too many connections: send the request again"))
        self.open_connections.count -= 1
        self._counted = False
        self._discarding = True
        self.open_connections.rejected += 1
        self._socket.close()

    def _should_upgrade(self) -> bool:
        return False

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_request(self) -> None:
        """Start the timeout for the headers of the next request."""
        self.open_connections.idle[self] = None
        self._header_timer = self.loop.call_later(self.limits.header_seconds, self._headers_late)

    def _watch_headers(self) -> None:
        """Update what the connection waits for, after anything that may have changed it."""
        if self._busy() or not (self._framing.in_headers or self._framing.between_requests):
            self._leave_waiting()
        elif self._framing.in_headers:
            if self not in self.open_connections.in_headers:
                self.open_connections.forget(self)
                self.open_connections.in_headers[self] = None
            if self._header_timer is None:
                self._header_timer = self.loop.call_later(
                    self.limits.header_seconds, self._headers_late
                )
        elif self not in self.open_connections.idle:
            self._leave_waiting()
            self.open_connections.idle[self] = None  # uvicorn closes idle connections

    def _leave_waiting(self) -> None:
        self.open_connections.forget(self)
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_late(self) -> None:
        self._header_timer = None
        if not self._framing.in_headers:
            self._leave_waiting()
            self.transport.close()
            return
        self._refuse(FramingError(408, "the headers did not come in time: send them again"))

    def _refuse(self, error: FramingError) -> None:
        """Answer with an error and close; a response in flight is completed instead."""
        self._leave_waiting()
        if self._busy() and self.conn.their_state is not h11.SEND_BODY:
            self.cycle.keep_alive = False  # an earlier request of the same connection
            self._discarding = True
            return
        if self._busy():
            started = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if started:
                self._discarding = True
                self._socket.close()
                return
        self._answer(error)
        self._linger()

    def _answer(self, error: FramingError, *headers: str) -> None:
        """Send an error response without h11, which may be in any state."""
        body = json.dumps({"error": error.message}).encode("ascii")
        head = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "Cache-Control: no-store",
            *headers,
        ]
        self._socket.write("\r\n".join([*head, "", ""]).encode("ascii") + body)

    def _reject(self) -> None:
        self._discarding = True
        self.open_connections.rejected += 1
        if self.open_connections.rejected > self.limits.max_connections:
            self._socket.abort()
            return
        message = f"too many connections: try again in {RETRY_SECONDS} seconds"
        self._answer(FramingError(503, message), f"Retry-After: {RETRY_SECONDS}")
        self._linger()

    def _linger(self) -> None:
        """Close after a delay: if input is unread at the close, TCP discards the response."""
        self._discarding = True
        self._unset_keepalive_if_required()
        self._leave_waiting()
        if self._socket.is_closing() or self.lingering:
            return
        self.lingering = True
        if self.flow is not None:
            self.flow.resume_reading()
        if self._socket.can_write_eof():
            try:
                self._socket.write_eof()
            except OSError:  # the client has left already
                self._socket.abort()
                return
        self._linger_timer = self.loop.call_later(self.limits.linger_seconds, self._socket.close)

    def _watch_writing(self) -> None:
        self._unsent = self._socket.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.limits.write_seconds, self._check_writing)

    def _check_writing(self) -> None:
        limits = self.limits
        taken = self._unsent - self._socket.get_write_buffer_size()
        if taken < limits.min_write_bytes_per_second * limits.write_seconds:
            self._socket.abort()
        else:
            self._watch_writing()


def guarded_protocol(limits: ConnectionLimits | None = None) -> type[GuardedH11Protocol]:
    """Make the protocol class of one server, for ``uvicorn.Config(http=...)``.

    Args:
        limits: of that server; a second server in one process needs a separate class.
    """
    members = {"limits": limits or ConnectionLimits(), "open_connections": OpenConnections()}
    return type("BoundGuardedH11Protocol", (GuardedH11Protocol,), members)
