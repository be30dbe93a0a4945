"""Call an ASGI application in this process."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Scope


async def call(app: ASGIApp, scope: Scope, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a request whose body is complete; the caller cancels it when its client leaves.

    Args:
        app: the application.
        scope: of the request.
        body: of the request.

    Returns:
        Status, headers by lower-case name, and body of the response.
    """
    pending: list[Message] = [{"type": "http.request", "body": body}]
    sent: list[Any] = []

    async def receive() -> Message:
        if pending:
            return pending.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], headers, b"".join(part.get("body", b"") for part in parts)
