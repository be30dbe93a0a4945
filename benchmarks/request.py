"""``make benchmark NAME=request``: break down the milliseconds of one request.

One server as `make serve` starts it, one client. The client's waiting time is measured here; the
time of the handler and its stages is read from the server's metrics, before and after. Then the
same requests go through the front and around it, alternately.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Final

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from rich.progress import track

from benchmarks.client import Body, client_of, p50, timed, timed_together
from loadtests.photographs import texts
from loadtests.settings import LoadSettings
from serving.local import LocalServer, temporary_server

REQUESTS: Final = 300
"""Requests of each kind."""
SUMS: Final = ("lesionlens_stage_seconds_sum", "lesionlens_request_seconds_sum")
HANDLER: Final = "handler"
PAIRS: Final = 600
"""Requests by one client, each sent through the front and around it."""
CLIENTS: Final = 8
ROUNDS: Final = 6
"""Rounds of several clients, through the front and around it."""
SECONDS: Final = 5.0
"""Seconds of a round."""


def spent(server: LocalServer) -> dict[str, float]:
    """Return seconds since the start in each stage, and in the whole handler."""
    text = httpx.get(f"{server.metrics}/metrics", trust_env=False).raise_for_status().text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in SUMS:
                name = sample.labels.get("stage", HANDLER)
                found[name] = found.get(name, 0.0) + sample.value
    return found


def lived(
    server: LocalServer, client: httpx.Client, verb: str, photographs: Sequence[Body], label: str
) -> dict[str, object]:
    """Measure mean milliseconds of one kind of request, stage by stage.

    Args:
        server: idle but for this.
        client: of that server.
        verb: ``predict`` or ``explain``.
        photographs: bodies, asked in turn.
        label: for the progress bar.
    """
    before = spent(server)
    times = [
        timed(client, verb, photographs[number % len(photographs)])[0]
        for number in track(range(REQUESTS), description=label, transient=True)
    ]
    after = spent(server)
    stages = {
        name: (seconds - before.get(name, 0.0)) * 1000 / REQUESTS
        for name, seconds in after.items()
        if seconds > before.get(name, 0.0)
    }
    handler = stages.pop(HANDLER)
    total = float(np.mean(times))
    parts = {
        "around": total - handler,
        **stages,
        "rest": handler - sum(stages.values()),
    }
    return {
        "requests": REQUESTS,
        "mean_ms": round(total, 2),
        "p50_ms": round(float(np.median(times)), 2),
        "parts_ms": {name: round(value, 2) for name, value in parts.items()},
    }


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


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure predictions and explanations, and predictions of a phone's photographs."""
    kinds = texts(LoadSettings()).values()
    small, large = ([{"instances": [{"data": text}]} for text in found] for found in kinds)
    with temporary_server() as server, client_of(server.inference) as client:
        for body in [*small, *large]:
            for verb in ("predict", "explain"):
                timed(client, verb, body)
        return {
            "predict": lived(server, client, "predict", small, "predict"),
            "explain": lived(server, client, "explain", small, "explain"),
            "predict_12_megapixels": lived(server, client, "predict", large, "12 megapixels"),
            "front": front_cost(server, small),
        }
