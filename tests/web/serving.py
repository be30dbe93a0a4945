"""Page on a real server, like ``python -m web``, and raw requests to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from serving.front.connections import ConnectionLimits
from tests.serving.front.conftest import PATIENT, Served, running
from tests.web.conftest import Double
from web.app import create_app
from web.settings import PageSettings


@contextmanager
def page(
    double: Double, settings: PageSettings | None = None, limits: ConnectionLimits = PATIENT
) -> Iterator[Served]:
    """Page with a double of the service."""
    app = create_app(settings or PageSettings(), httpx.ASGITransport(double))
    with running(limits, app, lifespan="on") as served:
        yield served


def post(photograph: bytes, path: str = "/") -> bytes:
    """The bytes of an upload."""
    request = httpx.Request("POST", f"http://page{path}", files={"photograph": ("x", photograph)})
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def status(served: Served, photograph: bytes) -> int:
    """Response to an upload over a separate connection."""
    files = {"photograph": ("x", photograph)}
    return httpx.post(f"http://127.0.0.1:{served.port}/", files=files, timeout=60).status_code
