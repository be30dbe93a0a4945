"""Plain HTTP to TLS: a redirect, and nothing is read but the address."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.front.messages import error_body
from serving.front.routes import ROUTES

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")


def redirect_app(port: int) -> ASGIApp:
    """Sends clients to the same path with https; other paths are 404.

    What a client has sent here, a key or a photograph, went in clear text: it should be given the
    address with https from the start.

    Args:
        port: of the front.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope["raw_path"].partition(b"?")[0]
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        headers = [
            (b"content-type", b"application/json"),
            # A body is not read, and nothing more is taken in clear text on this connection.
            (b"connection", b"close"),
        ]
        if path in ROUTES and host is not None:
            status, message = 308, "this port redirects to https"
            at = host[1] if port == 443 else f"{host[1]}:{port}"
            # The path is one of a fixed list; a query is left out.
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
