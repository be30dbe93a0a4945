"""Metrics of the front, which sees requests that never reach a worker."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # a second series per metric, which Prometheus' text format does not need

BUCKETS: Final = (
    *(0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 45.0),
)
"""Seconds. TorchServe's are fixed at 5, 10, 25, 50 ms ..., too coarse for a median of 30 ms."""


VERSION: Final = "model_version"
"""Label of the metrics about answers, as in the handlers' metrics."""

MAX_NAMES: Final = 50
"""Maximum number of callers with a separate series in every server."""


class FrontMetrics:
    """Metrics of one front.

    Args:
        registry: that they are exposed by; each front has its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.responses = Counter(
            "lesionlens_http_responses",
            "Responses by route and HTTP status, including rejections by the front.",
            ("route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "lesionlens_http_request_seconds",
            "Time from the start of a request's processing to the end of its response.",
            ("route",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._names: set[str] = set()
        self.by_name = Counter(
            "lesionlens_http_requests_by_name",
            "Requests with a valid key or token, by its name and their outcome; names "
            f"beyond {MAX_NAMES} are counted as other.",
            ("name", "outcome"),
            registry=registry,
        )
        self.in_flight = Gauge(
            "lesionlens_http_in_flight",
            "Requests in flight.",
            registry=registry,
        )
        self.repeated = Counter(
            "lesionlens_http_repeated",
            "Requests that were retried because their worker died.",
            registry=registry,
        )
        self.outcomes = Counter(
            "lesionlens_outcomes",
            "Receipts with a diagnosis, by the label that was answered and the diagnosis.",
            ("label", "diagnosis", VERSION),
            registry=registry,
        )
        self.group_outcomes = Counter(
            "lesionlens_group_outcomes",
            "The same for the photographs of a declared group; one may be in a group of each "
            "attribute.",
            ("attribute", "group", "label", "diagnosis", VERSION),
            registry=registry,
        )
        self.outcome_probabilities = Counter(
            "lesionlens_outcome_probabilities",
            "Receipts with a diagnosis, by the tenth that the answered probability lies in: 0 is "
            "0 to 0.1.",
            ("bin", "diagnosis", VERSION),
            registry=registry,
        )

    def count_caller(self, name: str, status: int) -> None:
        """Count a request by its caller.

        Args:
            name: of the caller.
            status: of the response.
        """
        if len(self._names) < MAX_NAMES:
            self._names.add(name)
        outcome = "answered" if status < 400 else "rejected" if status < 500 else "failed"
        self.by_name.labels(name if name in self._names else "other", outcome).inc()
