"""Every metric of the service, declared once: name, kind, unit, labels.

``model_store/config/metrics.yaml`` repeats the declarations in TorchServe's format; a test
holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from time import perf_counter, time
from typing import Any, Final

from handlers import performance
from handlers.drift import FEATURES, Baseline
from handlers.groups import Groups
from handlers.labels import LABELS, REASONS
from handlers.metric import VERSION, Metric
from handlers.performance import (
    EXPECTED_DIAGNOSES,
    GROUP_EXPECTED_DIAGNOSES,
    RECEIPTS,
    STATED_PREVALENCE,
)
from handlers.protocol import ANSWERS

SECONDS: Final = (
    *(0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 30.0),
)
REQUESTS_OF_A_BATCH: Final = (1.0, 2.5, 5.0, 7.5, 10.0, 16.0, 24.0, 32.0, 64.0)
SHARES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, *(step / 20 for step in range(2, 21)))
"""Upper edges of histograms' buckets, where a server lets them be chosen. TorchServe's are fixed:
0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10. Each that a value can
reach is an edge here too, so that rules and dashboards find theirs under either runtime."""

OUTCOMES: Final = ("ok", "refused", "failed")
"""Outcomes of a request: answered, client error (4xx), server error (5xx)."""


REQUESTS: Final = Metric(
    "lesionlens_requests_total",
    "counter",
    "count",
    ("verb", "outcome", VERSION),
    "Requests answered; outcome is ok, refused (4xx) or failed (5xx).",
)
REQUEST_SECONDS: Final = Metric(
    "lesionlens_request_seconds",
    "histogram",
    "s",
    ("verb", "method", VERSION),
    "Time a request spends in the handler, from its batch's arrival to its answer.",
    SECONDS,
)
STAGE_SECONDS: Final = Metric(
    "lesionlens_stage_seconds",
    "histogram",
    "s",
    ("stage",),
    "Time a batch spends in a stage: decode, forward, explain, render.",
    SECONDS,
)
BATCH_SIZE: Final = Metric(
    "lesionlens_batch_size",
    "histogram",
    "count",
    ("verb",),
    "Requests of a verb in one batch.",
    REQUESTS_OF_A_BATCH,
)
PREDICTIONS: Final = Metric(
    "lesionlens_predictions_total",
    "counter",
    "count",
    ("label", "review", VERSION),
    "Photographs classified.",
)
REVIEW_REASONS: Final = Metric(
    "lesionlens_review_reasons_total",
    "counter",
    "count",
    ("reason", VERSION),
    "Photographs flagged for review, by reason; one may have several.",
)
PROBABILITY: Final = Metric(
    "lesionlens_probability_ratio",
    "histogram",
    "ratio",
    (VERSION,),
    "Calibrated probability of cancer of the photographs classified.",
    SHARES,
)
DRIFT_OBSERVATIONS: Final = Metric(
    "lesionlens_drift_observations_total",
    "counter",
    "count",
    ("feature", "bin", VERSION),
    "Photographs whose drift feature fell into a bin of the baseline.",
)
DRIFT_BASELINE: Final = Metric(
    "lesionlens_drift_baseline_ratio",
    "gauge",
    "ratio",
    ("feature", "bin", VERSION),
    "Share of the training data in a bin of a drift feature (drift baseline).",
)
BASELINE_PHOTOGRAPHS: Final = Metric(
    "lesionlens_drift_baseline_photographs",
    "gauge",
    "count",
    (VERSION,),
    "Number of training photographs in the drift baseline.",
)
WORKER_STARTED: Final = Metric(
    "lesionlens_worker_start_time_seconds",
    "gauge",
    "s",
    (VERSION,),
    "Unix time at which a worker last loaded the model; each change is a start.",
)
WORKER_MEMORY: Final = Metric(
    "lesionlens_worker_memory_bytes",
    "gauge",
    "bytes",
    (VERSION,),
    "Resident memory of the worker that answered last.",
)
BACKEND_INFO: Final = Metric(
    "lesionlens_backend_info",
    "gauge",
    "one",
    ("backend", VERSION),
    "Always 1; the label says which backend runs a worker's forward pass.",
)
METRICS: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    STAGE_SECONDS,
    BATCH_SIZE,
    PREDICTIONS,
    REVIEW_REASONS,
    PROBABILITY,
    *performance.METRICS,
    DRIFT_OBSERVATIONS,
    DRIFT_BASELINE,
    BASELINE_PHOTOGRAPHS,
    WORKER_STARTED,
    WORKER_MEMORY,
    BACKEND_INFO,
)


@dataclass(frozen=True)
class Observation:
    """One value of one series, label values in the metric's order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass
class Recorder:
    """Collects the observations of one batch; increments of a counter are summed first."""

    version: str
    """Model version, a label of every metric that has it."""
    _counts: dict[tuple[Metric, tuple[str, ...]], float] = field(default_factory=dict)
    _rest: list[Observation] = field(default_factory=list)

    def count(self, metric: Metric, *labels: str) -> None:
        """Add one to a counter."""
        self.add(metric, 1, *labels)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Add an amount to a counter."""
        key = metric, self._versioned(metric, labels)
        self._counts[key] = self._counts.get(key, 0) + amount

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add a value to a histogram, or set a gauge."""
        self._rest.append(Observation(metric, self._versioned(metric, labels), value))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, even if it fails."""
        start = perf_counter()
        try:
            yield
        finally:
            self.observe(STAGE_SECONDS, perf_counter() - start, name)

    def image(self, baseline: Baseline, values: Mapping[str, float]) -> None:
        """Count one photograph in the bin of each drift feature."""
        for feature in FEATURES:
            self.count(DRIFT_OBSERVATIONS, feature, baseline.bin_of(feature, values[feature]))

    def prediction(
        self, prediction: Mapping[str, Any], groups: Groups = (), *, receipt: bool = False
    ) -> None:
        """Count one prediction, and add it to the diagnoses that are expected of its label.

        Args:
            prediction: as it is answered.
            groups: declared ones of the photograph.
            receipt: whether it is answered with one.
        """
        label, risk = prediction["label"], prediction["risk"]
        self.count(PREDICTIONS, label, str(prediction["review"]).lower())
        self.observe(PROBABILITY, prediction["probability"])
        for reason in prediction["reasons"]:
            self.count(REVIEW_REASONS, reason)
        if receipt:
            self.count(RECEIPTS, label)
        for diagnosis, share in zip(LABELS, (1 - risk, risk), strict=True):
            self.add(EXPECTED_DIAGNOSES, share, label, diagnosis)
            for group in groups:
                self.add(GROUP_EXPECTED_DIAGNOSES, share, *group, label, diagnosis)

    def observations(self) -> list[Observation]:
        """Return all observations, one per counter series."""
        counters = [Observation(m, labels, count) for (m, labels), count in self._counts.items()]
        return counters + self._rest

    def _versioned(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
        return (*labels, self.version) if metric.labels[-1] == VERSION else labels


def first_observations(
    baseline: Baseline, version: str, backend: str, prevalence: float, groups: Groups = ()
) -> list[Observation]:
    """Return the observations of a worker that has loaded the model.

    The drift baseline, and a zero for every possible counter series: PromQL's ``increase`` does not
    see the first value of a series that begins above zero.

    Args:
        baseline: of the model.
        version: of the model.
        backend: that runs the forward pass.
        prevalence: share of cancers that the operator states.
        groups: every declared one.
    """
    recorder = Recorder(version)
    # A time, not a count: a count starts again from zero when a server process is restarted.
    recorder.observe(WORKER_STARTED, time())
    recorder.observe(BACKEND_INFO, 1, backend)
    recorder.observe(BASELINE_PHOTOGRAPHS, baseline.photographs)
    recorder.observe(STATED_PREVALENCE, prevalence)
    shares = [
        Observation(DRIFT_BASELINE, (feature, str(place), version), share)
        for feature, bins in baseline.drift.items()
        for place, share in enumerate(bins.shares)
    ]
    zeros = [
        *(Observation(REQUESTS, (*pair, version), 0) for pair in product(ANSWERS, OUTCOMES)),
        *(
            Observation(PREDICTIONS, (*pair, version), 0)
            for pair in product(LABELS, ("true", "false"))
        ),
        *(Observation(EXPECTED_DIAGNOSES, (*p, version), 0) for p in product(LABELS, LABELS)),
        *(
            Observation(GROUP_EXPECTED_DIAGNOSES, (*group, *pair, version), 0)
            for group, *pair in product(groups, LABELS, LABELS)
        ),
        *(Observation(RECEIPTS, (label, version), 0) for label in LABELS),
        *(Observation(REVIEW_REASONS, (reason, version), 0) for reason in REASONS),
        *(Observation(DRIFT_OBSERVATIONS, share.labels, 0) for share in shares),
    ]
    return [*zeros, *shares, *recorder.observations()]


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
