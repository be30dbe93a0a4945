"""ASGI applications alongside the front: metrics for Prometheus, probes for the kubelet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

Probe = Callable[[], tuple[bool, str]]
"""Function that returns whether a probe succeeds, and why it does not."""


def metrics_app(
    registry: CollectorRegistry, of_the_backend: Callable[[], Awaitable[bytes]]
) -> Starlette:
    """``GET /metrics``: the backend's metrics, then the front's own.

    Args:
        registry: of the front's.
        of_the_backend: gives the text format; raises OSError where it cannot.
    """

    async def metrics(request: Request) -> Response:
        try:
            page = await of_the_backend()
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
