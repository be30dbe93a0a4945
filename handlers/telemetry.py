"""Every metric of the service, declared once: name, kind, unit, labels.

``model_store/config/metrics.yaml`` repeats the declarations in TorchServe's format; a test
holds the two together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Literal

from handlers.drift import Baseline


@dataclass(frozen=True)
class Metric:
    """One metric family."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str


REQUESTS: Final = Metric(
    "lesionlens_requests_total",
    "counter",
    "count",
    ("verb", "outcome"),
    "Requests answered; outcome is ok, refused (4xx) or failed (5xx).",
)
REQUEST_SECONDS: Final = Metric(
    "lesionlens_request_seconds",
    "histogram",
    "s",
    ("verb", "method"),
    "Time a request spends in the handler, from its batch's arrival to its answer.",
)
STAGE_SECONDS: Final = Metric(
    "lesionlens_stage_seconds",
    "histogram",
    "s",
    ("stage",),
    "Time a batch spends in a stage: decode, forward, explain, render.",
)
BATCH_SIZE: Final = Metric(
    "lesionlens_batch_size",
    "histogram",
    "count",
    ("verb",),
    "Requests of a verb in one batch.",
)
PREDICTIONS: Final = Metric(
    "lesionlens_predictions_total",
    "counter",
    "count",
    ("label", "review"),
    "Photographs classified.",
)
DRIFT_OBSERVATIONS: Final = Metric(
    "lesionlens_drift_observations_total",
    "counter",
    "count",
    ("feature", "bin"),
    "Photographs whose drift feature fell into a bin of the baseline.",
)
DRIFT_BASELINE: Final = Metric(
    "lesionlens_drift_baseline_ratio",
    "gauge",
    "ratio",
    ("feature", "bin", "model_version"),
    "Share of the training data in a bin of a drift feature.",
)
METRICS: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    STAGE_SECONDS,
    BATCH_SIZE,
    PREDICTIONS,
    DRIFT_OBSERVATIONS,
    DRIFT_BASELINE,
)


@dataclass(frozen=True)
class Observation:
    """One value of one series, label values in the metric's order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass
class Recorder:
    """Collects what one batch has to say; increments of a counter are added up first."""

    _counts: Counter[tuple[Metric, tuple[str, ...]]] = field(default_factory=Counter)
    _rest: list[Observation] = field(default_factory=list)

    def count(self, metric: Metric, *labels: str) -> None:
        """Add one to a counter."""
        self._counts[metric, labels] += 1

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        self._rest.append(Observation(metric, labels, value))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, also when it fails."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(STAGE_SECONDS, perf_counter() - start, name)

    def image(self, baseline: Baseline, values: Mapping[str, float]) -> None:
        """Count one photograph into the bin of each drift feature."""
        for feature, value in values.items():
            self.count(DRIFT_OBSERVATIONS, feature, baseline.bin_of(feature, value))

    def observations(self) -> list[Observation]:
        """All of it, each counter series once."""
        counters = [Observation(m, labels, count) for (m, labels), count in self._counts.items()]
        return counters + self._rest


def baseline_observations(baseline: Baseline, version: str) -> list[Observation]:
    """The gauge that carries the baseline to Prometheus."""
    return [
        Observation(DRIFT_BASELINE, (feature, str(place), version), share)
        for feature, shares in baseline.shares.items()
        for place, share in enumerate(shares)
    ]
