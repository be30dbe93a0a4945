"""ASGI applications alongside the front: metrics, probes, a redirect to TLS; and CORS around it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.front.messages import error_body
from serving.front.routes import ROUTES

Probe = Callable[[], tuple[bool, str]]
"""Function that returns whether a probe succeeds, and why it does not."""
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")


def metrics_app(
    registry: CollectorRegistry, runtime_metrics: Callable[[], Awaitable[bytes]]
) -> Starlette:
    """Serve ``GET /metrics``: the runtime's metrics, then the front's own.

    Args:
        registry: of the front's.
        runtime_metrics: returns them in the text format; raises OSError if it cannot.
    """

    async def metrics(request: Request) -> Response:
        try:
            page = await runtime_metrics()
        except OSError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        text = page + generate_latest(registry)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(routes=[Route("/metrics", metrics)])


def probes_app(probes: Mapping[str, Probe]) -> Starlette:
    """Answer 200 for a probe that succeeds, 503 with the reason for one that does not.

    Args:
        probes: by path.
    """

    def route(path: str, probe: Probe) -> Route:
        async def answer(request: Request) -> Response:
            holds, why = probe()
            return PlainTextResponse("yes" if holds else why or "no", 200 if holds else 503)

        return Route(path, answer)

    return Starlette(routes=[route(path, probe) for path, probe in probes.items()])


def redirect_app(port: int) -> ASGIApp:
    """Redirect clients of plain HTTP to the same path with https; other paths are 404.

    Only the address of a request is read.

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


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Answer preflight requests of allowed origins, and let their scripts read responses.

    Args:
        app: to wrap.
        origins: as browsers send them, or ``*``; without any, the application is left as it is.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=[
            "Content-Type",
            "X-Method",
            "X-Target",
            "X-Box",
            "X-Receipt",
            "Authorization",
            "X-API-Key",
        ],
        expose_headers=["Retry-After", "X-Request-Id", "WWW-Authenticate"],
    )
