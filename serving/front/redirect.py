"""Redirect plain HTTP to TLS; only the address of a request is read."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.front.messages import error_body
from serving.front.routes import ROUTES

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")


def redirect_app(port: int) -> ASGIApp:
    """Redirect clients to the same path with https; other paths are 404.

    What a client has sent here, a key or a photograph, was sent in clear text: clients should be
    given the https address from the start.

    Args:
        port: of the front.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["raw_path"].partition(b"?")[0]
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        headers = [
            (b"content-type", b"application/json"),
            # The body is not read, and this connection accepts no further request in
            # clear text.
            (b"connection", b"close"),
        ]
        if path in ROUTES and host is not None:
            status, message = 308, "this port redirects to https"
            at = host[1] if port == 443 else f"{host[1]}:{port}"
            # The path is one of a fixed list; the query is dropped.
            headers.append((b"location", f"https://{at}{path.decode('ascii')}".encode()))
        else:
            status, message = 404, "no such path; this port redirects to https only"
        body = error_body(message)
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )

    return answer
