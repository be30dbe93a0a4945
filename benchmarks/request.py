"""``make benchmark NAME=request``: break down the milliseconds of one request.

One server as `make serve` starts it, one client. The client's waiting time is measured here; the
time of the handler and its stages is read from the server's metrics, before and after. Then the
same requests go through the front and around it, alternately.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from rich.progress import track

from benchmarks.client import Body, client_of, timed
from benchmarks.front import front_cost
from benchmarks.photographs import texts
from loadtests.photographs import files
from loadtests.settings import LoadSettings
from serving.local import LocalServer, temporary_server

REQUESTS: Final = 300
"""Requests of each kind."""
SUMS: Final = ("lesionlens_stage_seconds_sum", "lesionlens_request_seconds_sum")
HANDLER: Final = "handler"


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


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Measure predictions and explanations, and predictions of a phone's photographs."""
    del options
    kinds = texts(files(LoadSettings())).values()
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
