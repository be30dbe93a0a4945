"""CORS: origins whose scripts may call the service from a browser; none by default."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


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
        allow_headers=["Content-Type", "X-Method", "X-Target", "Authorization", "X-API-Key"],
        expose_headers=["Retry-After", "X-Request-Id", "WWW-Authenticate"],
    )
