"""Timed requests of photographs, and their percentiles."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from loadtests.key import key_headers
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


def p50(times: Sequence[float]) -> float:
    """Median, milliseconds."""
    return round(float(np.median(times)), 2)


def p95(times: Sequence[float]) -> float:
    """95th percentile, milliseconds."""
    return round(float(np.quantile(times, 0.95)), 2)
