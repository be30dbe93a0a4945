"""Real uvicorn server with the guarded protocol, and raw sockets to it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.front.connections import ConnectionLimits, GuardedH11Protocol, guarded_protocol
from serving.settings import free_ports

SECONDS = 20
"""Until something must have happened."""
PATIENT = ConnectionLimits(header_seconds=300, write_seconds=300, linger_seconds=0.05)
"""Nothing times out but the closing."""


class Application:
    """ASGI application that echoes and records requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[Scope, bytes]] = []
        self.disconnects = 0
        self.entered = threading.Semaphore(0)
        self.answer = threading.Event()
        self.answer.set()
        self.response = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/early":
            return await self._respond(send, 413, b"early")
        if scope["path"] == "/large":
            return await self._respond(send, 200, self.response)
        self.entered.release()
        body, message = b"", {"more_body": True}
        while message.get("more_body"):
            message = await receive()  # type: ignore[assignment]
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                self.entered.release()
                return None
            body += message.get("body", b"")  # type: ignore[operator]
        while not self.answer.is_set():
            await asyncio.sleep(0.005)
        self.requests.append((scope, body))
        return await self._respond(send, 200, b"<" + body + b">")

    @staticmethod
    async def _respond(send: Send, status: int, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})


@dataclass
class Served:
    """A running server."""

    port: int
    application: Application
    protocol: type[GuardedH11Protocol]

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        client.settimeout(SECONDS)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", self.port))
        return client

    def send(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            return rest(client)

    @property
    def open(self) -> int:
        return self.protocol.open_connections.count


Serving = Callable[..., Served]


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Start servers, which stop at the end of the test."""
    with ExitStack() as stack:

        def start(
            limits: ConnectionLimits = PATIENT, app: ASGIApp | None = None, **options: Any
        ) -> Served:
            return stack.enter_context(running(limits, app, **options))

        yield start


@contextmanager
def running(
    limits: ConnectionLimits = PATIENT, app: ASGIApp | None = None, **options: Any
) -> Iterator[Served]:
    application, protocol = Application(), guarded_protocol(limits)
    port = free_ports()["inference_port"]
    settings: dict[str, Any] = {
        "lifespan": "off",
        "timeout_keep_alive": 300,
        "timeout_graceful_shutdown": 1,
        **options,
    }
    config = uvicorn.Config(
        app or application,
        port=port,
        http=protocol,
        loop="asyncio",
        ws="none",
        access_log=False,
        log_config=None,
        **settings,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield Served(port, application, protocol)
    finally:
        application.answer.set()
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def rest(client: socket.socket) -> bytes:
    """Read until the other side closes."""
    parts = []
    while part := client.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def response(client: socket.socket) -> bytes:
    """Read one response with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65_536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        part = client.recv(65_536)
        assert part, f"closed after {len(body)} of {length} bytes"
        body += part
    return head + b"\r\n\r\n" + body


def error(answer: bytes) -> tuple[int, str]:
    """Status and message of an error response that closes the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), answer
    assert b"connection: close" in head.lower()
    assert f"content-length: {len(body)}".encode() in head.lower()
    document = json.loads(body)
    assert list(document) == ["error"]
    return int(head.split()[1]), document["error"]
