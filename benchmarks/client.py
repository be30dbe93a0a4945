"""Timed requests of photographs, and their percentiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
from scipy.stats import bootstrap

from loadtests.settings import key_headers
from serving.local import MODEL

Body = dict[str, Any]


def client_of(address: str) -> httpx.Client:
    """Return a client of a server; use as a context manager."""
    return httpx.Client(base_url=address, timeout=60, trust_env=False)


def timed(client: httpx.Client, verb: str, body: Body) -> tuple[float, Any]:
    """Return milliseconds and answer of a request.

    Raises:
        httpx.HTTPStatusError: it was not answered.
    """
    start = time.perf_counter()
    path = f"/v1/models/{MODEL}:{verb}"
    reply = client.post(path, json=body, headers=key_headers()).raise_for_status()
    return (time.perf_counter() - start) * 1000, reply.json()


def timed_together(
    connect: Callable[[], httpx.Client],
    verb: str,
    photographs: Sequence[Body],
    clients: int,
    seconds: float,
) -> list[float]:
    """Return milliseconds of all requests of several clients, each as fast as it is answered.

    Args:
        connect: makes a client.
        verb: ``predict`` or ``explain``.
        photographs: bodies, sent in turn.
        clients: number of them.
        seconds: after which none sends another.
    """
    end = time.perf_counter() + seconds

    def run(number: int) -> list[float]:
        own: list[float] = []
        with connect() as client:
            while time.perf_counter() < end:
                body = photographs[(number + clients * len(own)) % len(photographs)]
                own.append(timed(client, verb, body)[0])
        return own

    with ThreadPoolExecutor(clients) as pool:
        return [taken for own in pool.map(run, range(clients)) for taken in own]


def p50(times: Sequence[float]) -> float:
    """Median, milliseconds."""
    return round(float(np.median(times)), 2)


def p95(times: Sequence[float]) -> float:
    """95th percentile, milliseconds."""
    return round(float(np.quantile(times, 0.95)), 2)


def median_difference(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    """Median of the differences of pairs with its 95 % interval, milliseconds.

    Args:
        first: times of one side, one a pair.
        second: times that are subtracted.
    """
    differences = np.subtract(first, second)
    interval = bootstrap((differences,), np.median, rng=np.random.default_rng(0), batch=100)
    low, high = interval.confidence_interval
    return {
        "median": round(float(np.median(differences)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }
