"""Export the metrics of ``handlers/telemetry.py`` in files that the server adds up.

This is prometheus-client's multiprocess mode. A file belongs to a worker's slot and not to its
process: a worker that replaces another continues its counts, and no files pile up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    values,
)

from handlers.metric import Metric
from handlers.telemetry import METRICS, Observation

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of prometheus-client's multiprocess mode."""

disable_created_metrics()


class Exporter:
    """Metrics of one worker process; created once in it.

    Args:
        folder: for the files of all workers of a server.
        slot: of this worker; no two that run at once have the same.
    """

    def __init__(self, folder: Path, slot: int) -> None:
        os.environ[FOLDER] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: slot)
        registry = CollectorRegistry()
        self._metrics = {metric.name: _create(metric, registry) for metric in METRICS}

    def export(self, observations: Iterable[Observation]) -> None:
        """Add observations to the metrics.

        Args:
            observations: of one batch.
        """
        for observation in observations:
            metric = self._metrics[observation.metric.name]
            series = metric.labels(*observation.labels) if observation.labels else metric
            if isinstance(series, Counter):
                series.inc(observation.value)
            elif isinstance(series, Gauge):
                series.set(observation.value)
            else:
                series.observe(observation.value)


def _create(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, metric.labels, registry=registry)
    if metric.kind == "gauge":
        # As in TorchServe: the latest value of any worker.
        return Gauge(
            metric.name,
            metric.help,
            metric.labels,
            registry=registry,
            multiprocess_mode="mostrecent",
        )
    return Histogram(
        metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets
    )
