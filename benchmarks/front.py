"""Measure the overhead of the front: requests through it and around it, alternately.

Around it they go over the Unix socket on which TorchServe listens for the front.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import httpx
import numpy as np
from rich.progress import track

from benchmarks.client import Body, client_of, p50, timed, timed_together
from serving.local import LocalServer

PAIRS: Final = 600
"""Requests by one client, each sent through the front and around it."""
CLIENTS: Final = 8
ROUNDS: Final = 6
"""Rounds of several clients, through the front and around it."""
SECONDS: Final = 5.0
"""Seconds of a round."""


def front_cost(server: LocalServer, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure milliseconds of one client and throughput of eight, with and without the front.

    Args:
        server: idle but for this, warm.
        photographs: bodies, sent in turn.
    """
    direct_client = partial(_past, server)
    with client_of(server.inference) as front, direct_client() as direct:
        pairs = [
            _pair(front, direct, photographs[number % len(photographs)], number % 2 == 0)
            for number in track(range(PAIRS), description="with and without front", transient=True)
        ]
    through, past = np.asarray(pairs).T
    throughput: dict[str, list[float]] = {"with": [], "without": []}
    for number in track(range(ROUNDS), description="8 clients", transient=True):
        order = ("with", "without") if number % 2 == 0 else ("without", "with")
        for which in order:
            connect = partial(client_of, server.inference) if which == "with" else direct_client
            answered = timed_together(connect, "predict", photographs, CLIENTS, SECONDS)
            throughput[which].append(round(len(answered) / SECONDS, 1))
    return {
        "pairs": PAIRS,
        "with_p50_ms": p50(through.tolist()),
        "without_p50_ms": p50(past.tolist()),
        "median_difference_ms": p50((through - past).tolist()),
        "clients": CLIENTS,
        "with_per_second": round(float(np.median(throughput["with"])), 1),
        "without_per_second": round(float(np.median(throughput["without"])), 1),
        "rounds": throughput,
    }


def _past(server: LocalServer) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(server.torchserve_socket()))
    return httpx.Client(
        base_url="http://torchserve", transport=transport, timeout=60, trust_env=False
    )


def _pair(
    front: httpx.Client, direct: httpx.Client, body: Body, front_first: bool
) -> tuple[float, float]:
    """Measure milliseconds of one request each, with and without the front."""
    order = (front, direct) if front_first else (direct, front)
    first, second = (timed(client, "predict", body)[0] for client in order)
    return (first, second) if front_first else (second, first)
