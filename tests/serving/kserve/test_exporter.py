"""Test the sum of several workers' metrics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from handlers.metric import VERSION
from handlers.telemetry import METRICS
from serving.kserve.server import exported
from tests.test_architecture import ROOT

pytestmark = pytest.mark.slow

TORCHSERVES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

WORKERS = """
import os
import sys
from pathlib import Path
from handlers.telemetry import *
from serving.kserve.exporter import Exporter

for slot, memory in eval(sys.argv[2]):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    exporter = Exporter(Path(sys.argv[1]), slot)
    recorder = Recorder("v1")
    recorder.count(REQUESTS, "predict", "ok")
    recorder.observe(REQUEST_SECONDS, 0.018, "predict", "none")
    recorder.observe(WORKER_MEMORY, float(memory))
    exporter.export(recorder.observations())
    break
"""
"""Each in a process of its own, as workers are: prometheus-client keeps files open."""


def work(folder: Path, *workers: tuple[int, int]) -> None:
    """Let workers export one after the other: the slot of each, and its memory in bytes."""
    command = [sys.executable, "-c", WORKERS, str(folder), repr(workers)]
    subprocess.run(command, cwd=ROOT, check=True)


def test_sums_workers_and_continues_after_a_replacement(tmp_path: Path) -> None:
    work(tmp_path, (0, 100), (1, 200), (0, 300))
    families = {
        one.name: one for one in text_string_to_metric_families(exported(tmp_path).decode())
    }
    [requests] = families["lesionlens_requests"].samples
    seconds = {
        one.labels["le"]: one.value
        for one in families["lesionlens_request_seconds"].samples
        if "le" in one.labels
    }

    assert requests.value == 3
    assert requests.labels == {"verb": "predict", "outcome": "ok", VERSION: "v1"}
    assert families["lesionlens_requests"].documentation.startswith("Requests answered;")
    assert (seconds["0.015"], seconds["0.02"], seconds["+Inf"]) == (0, 3, 3)
    [memory_now] = families["lesionlens_worker_memory_bytes"].samples
    assert (memory_now.value, memory_now.labels) == (300, {VERSION: "v1"})
    assert len(list(tmp_path.glob("*.db"))) == 6, "files must not become more with every worker"


def test_histograms_have_the_reachable_buckets_of_torchserve() -> None:
    for metric in METRICS:
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name
        least = 1 if metric.unit == "count" else 0
        most = 1 if metric.unit == "ratio" else 10
        reached = {edge for edge in TORCHSERVES if least <= edge <= most}
        assert not metric.buckets or reached <= set(metric.buckets), metric.name
