"""HTTP/1.1 as bytes on a socket, without a library that would correct them."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final

SECONDS: Final = 60.0
"""Timeout of an answer, in seconds."""
CHUNK: Final = 65_536
"""Bytes of one call of ``send`` or ``recv``."""


@dataclass(frozen=True)
class Response:
    """One response; status 0 if there was none."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    """Headers by lower-case name."""
    body: bytes = b""
    seconds: float = 0.0
    """From the first byte sent to the last received."""

    @property
    def document(self) -> Any:
        """JSON document of the body, or None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def closes(self) -> bool:
        """Whether the connection ends after the response."""
        return self.headers.get("connection", "").lower() == "close" or not self.status

    @property
    def honest(self) -> bool:
        """Whether the response is allowed for any input: 200, 4xx, or 503 with ``Retry-After``."""
        if self.status == 503:
            return "retry-after" in self.headers
        return self.status == 200 or 400 <= self.status < 500


class Connection:
    """A connection to 127.0.0.1; use as a context manager.

    Args:
        port: of the server.
        seconds: that connecting, sending and each answer may take.
    """

    def __init__(self, port: int, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._received = b""

    def __enter__(self) -> Connection:
        """Return the connection."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes, until there is a response or the server has closed the connection."""
        left = memoryview(data)
        deadline = time.monotonic() + self._seconds
        self._socket.setblocking(False)
        while left and time.monotonic() < deadline:
            readable, writable, _ = select.select([self._socket], [self._socket], [], 1.0)
            if readable and len(data) > CHUNK and not self._continues():
                return
            if writable:
                try:
                    left = left[self._socket.send(left[:CHUNK]) :]
                except OSError:
                    return

    def _continues(self) -> bool:
        """Whether only "100 Continue" has arrived."""
        try:
            return self._socket.recv(16, socket.MSG_PEEK).startswith(b"HTTP/1.1 100")
        except OSError:
            return False

    def receive(self, method: str = "POST") -> Response:
        """Receive the next response, with status 0 if the connection ends before it.

        Args:
            method: of the request: an answer to HEAD has no body.
        """
        start = time.monotonic()
        deadline = start + self._seconds
        while b"\r\n\r\n" not in self._received:
            if not self._more(deadline):
                return Response(seconds=time.monotonic() - start)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        while len(self._received) < length:
            if not self._more(deadline):
                break
        body, self._received = self._received[:length], self._received[length:]
        status = _status_of(first)
        if 100 <= status < 200:  # "continue": the final response comes after it
            return self.receive(method)
        return Response(status, headers, body, time.monotonic() - start)

    def exchange(self, data: bytes, method: str = "POST") -> Response:
        """Send one request and receive its response."""
        start = time.monotonic()
        self.send(data)
        response = self.receive(method)
        return Response(response.status, response.headers, response.body, time.monotonic() - start)

    def _more(self, deadline: float) -> bool:
        self._socket.settimeout(max(0.01, deadline - time.monotonic()))
        data = b""
        with contextlib.suppress(OSError):
            data = self._socket.recv(CHUNK)
        self._received += data
        return bool(data)


def _status_of(line: str) -> int:
    code = line.split(" ")[1] if line.startswith("HTTP/1.") else ""
    return int(code) if code.isdigit() else 0


def request(
    path: str,
    body: bytes = b"",
    content_type: str = "image/jpeg",
    *headers: str,
    method: str = "POST",
) -> bytes:
    """Format a request as bytes.

    Args:
        path: target of the request line.
        body: with its length declared.
        content_type: of the body; empty for none.
        *headers: further lines.
        method: of HTTP.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def exchange(port: int, data: bytes, method: str = "POST", seconds: float = SECONDS) -> Response:
    """Send bytes on a new connection and receive the first response.

    Args:
        port: on 127.0.0.1.
        data: whole requests, or what is to be refused.
        method: of the request.
        seconds: that it may take.
    """
    try:
        with Connection(port, seconds) as connection:
            return connection.exchange(data, method)
    except OSError:
        return Response()
