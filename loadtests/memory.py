"""Memory during a load test: of the worker, from metrics; of each process of a local server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import numpy as np
import psutil
from prometheus_client.parser import text_string_to_metric_families
from scipy.stats import theilslopes

METRIC: Final = "lesionlens_worker_memory_bytes"
PERIOD: Final = 1.0
SETTLED: Final = 0.25
"""Share of the first samples that is ignored: a new worker still grows."""


Samples = list[tuple[float, float]]
"""Seconds on a monotonic clock, and bytes."""


@dataclass(frozen=True)
class MemoryTrend:
    """Memory of a process during a load test."""

    samples: int
    median_mb: float
    slope_mb_per_hour: float
    low: float
    """Lower end of the slope's 95 % interval."""
    high: float


@contextmanager
def watched(address: str) -> Iterator[Samples]:
    """Sample the worker's memory each second; yields a growing list.

    Args:
        address: of the metrics endpoint.
    """
    samples: Samples = []

    def sample() -> None:
        with contextlib.suppress(httpx.HTTPError):  # a busy server misses a sample
            found = memory_in(client.get(f"{address.rstrip('/')}/metrics").text)
            if found is not None:
                samples.append((time.monotonic(), found))

    with httpx.Client(timeout=5, trust_env=False) as client, _each_second(sample):
        yield samples


@contextmanager
def watched_processes(leader: int) -> Iterator[dict[str, Samples]]:
    """Sample each process of a local server each second; yields growing lists by name.

    Args:
        leader: process id of ``python -m serving``.
    """
    samples: dict[str, Samples] = {}

    def sample() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker was replaced
            front = psutil.Process(leader)
            family = {f"worker {p.pid}": p for p in front.children(recursive=True)}
            java = {f"worker {p.pid}" for p in front.children()}
            for name, process in [("front", front), *family.items()]:
                size = process.memory_info().rss
                shown = "TorchServe's frontend" if name in java else name
                samples.setdefault(shown, []).append((time.monotonic(), float(size)))

    with _each_second(sample):
        yield samples


@contextmanager
def _each_second(sample: Callable[[], None]) -> Iterator[None]:
    """Call a function each second in a thread."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(PERIOD):
            sample()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def memory_in(text: str) -> float | None:
    """Return the bytes of the worker in a page of metrics."""
    for family in text_string_to_metric_families(text):
        if family.name == METRIC:
            return max((float(sample.value) for sample in family.samples), default=None)
    return None


def slope_per_hour(samples: Samples) -> MemoryTrend | None:
    """Return median and slope in megabytes; None if there are too few samples.

    The slope is Theil and Sen's (Sen 1968), the median over all pairs, which single jumps of the
    allocator do not move.
    """
    kept = samples[int(SETTLED * len(samples)) :]
    if len(kept) < 10:
        return None
    seconds, sizes = np.asarray(kept).T
    slope, _, low, high = theilslopes(sizes / 1e6, seconds / 3600)
    return MemoryTrend(
        samples=len(kept),
        median_mb=round(float(np.median(sizes)) / 1e6, 1),
        slope_mb_per_hour=round(float(slope), 2),
        low=round(float(low), 2),
        high=round(float(high), 2),
    )
