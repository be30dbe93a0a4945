"""Front on a free port, with a double of the upstream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from serving.front.access.control import AccessControl
from serving.front.app import Front
from serving.front.connections import ConnectionLimits
from serving.front.listener import Listener
from serving.front.messages import FrontRequest, FrontResponse
from serving.front.outcomes.counting import Outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.settings import FrontSettings
from serving.front.side_apps import with_cors
from serving.front.sockets import listen
from serving.front.telemetry import FrontMetrics
from serving.front.tls import TlsFiles
from serving.settings import free_ports
from tests.serving.front.conftest import until

PREDICT = "/v1/models/melanoma:predict"
EXPLAIN = "/v1/models/melanoma:explain"
JPEG = {"Content-Type": "image/jpeg"}
SECONDS = 20


class Scripted:
    """Upstream double that records requests and answers when released."""

    def __init__(self) -> None:
        self.requests: list[FrontRequest] = []
        self.response = FrontResponse(200, b'{"label": "cancer"}')
        self.entered = threading.Semaphore(0)
        self.cancelled = threading.Event()
        self.release = threading.Event()
        self.release.set()
        self.ready = True
        self.why_not_ready = ""

    async def answer(self, request: FrontRequest) -> FrontResponse:
        self.requests.append(request)
        self.entered.release()
        try:
            while not self.release.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.response


Served = tuple[Front, Scripted, httpx.Client, CollectorRegistry]


def log_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Log lines of the front, one per request."""
    return [found.getMessage() for found in caplog.records if found.name == "lesionlens.access"]


def log_line(caplog: pytest.LogCaptureFixture, reply: httpx.Response) -> str:
    """Log line of a request, written after its response; call while logs are captured."""
    name = reply.headers["x-request-id"]
    until(lambda: any(line.endswith(name) for line in log_lines(caplog)))
    return next(line for line in log_lines(caplog) if line.endswith(name))


@contextmanager
def serving(
    settings: FrontSettings,
    access: AccessControl | None = None,
    tls: TlsFiles | None = None,
    limits: ConnectionLimits | None = None,
    outcomes: OutcomeSettings | None = None,
    version: str = "",
) -> Iterator[Served]:
    registry, upstream = CollectorRegistry(), Scripted()
    metrics = FrontMetrics(registry)
    counting = Outcomes(outcomes, version, metrics) if outcomes else None
    front = Front(settings, upstream, metrics, access, outcomes=counting)
    port = free_ports()["inference_port"]
    app = with_cors(front, settings.cors_origins)
    listener = Listener(app, listen("127.0.0.1", port), limits or ConnectionLimits(), 1, tls)
    thread = threading.Thread(target=lambda: asyncio.run(listener.run_until_ended()))
    thread.start()
    try:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        # Whose certificate it is, is not what is tested.
        with httpx.Client(base_url=url, timeout=SECONDS, verify=not tls) as client:
            yield front, upstream, client, registry
    finally:
        upstream.release.set()
        listener.end()
        thread.join(SECONDS)
        if counting:
            counting.close()
