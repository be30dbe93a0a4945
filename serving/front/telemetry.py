"""Metrics of the front, which sees what never reaches a worker."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

disable_created_metrics()  # a second series for each, which Prometheus' text format has no use for

BUCKETS: Final = (
    *(0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 45.0),
)
"""Seconds. TorchServe's are fixed at 5, 10, 25, 50 ms ..., too coarse for a median of 30 ms."""


class FrontMetrics:
    """Of one front.

    Args:
        registry: that they are exposed by; each front has its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.responses = Counter(
            "lesionlens_http_responses",
            "Responses by route and HTTP status, those of the front itself included.",
            ("route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "lesionlens_http_request_seconds",
            "Time from the first byte of a request's headers handled to the end of its response.",
            ("route",),
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "lesionlens_http_in_flight",
            "Requests that are being answered.",
            registry=registry,
        )
        self.repeated = Counter(
            "lesionlens_http_repeated",
            "Requests sent to the model server again, because the worker that had them died.",
            registry=registry,
        )
