"""``make benchmark NAME=explaining``: cost of explanations compared with predictions.

One server as `make serve` starts it. Requests of the compared kinds alternate, so that changes of
the machine's load affect both.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

import httpx
import numpy as np
from rich.progress import track

from benchmarks.client import Body, client_of, p50, p95, timed, timed_together
from handlers.similar_cases import SIMILAR_CASES
from loadtests.photographs import bodies
from loadtests.results import percentiles
from loadtests.settings import LoadSettings
from serving.local import MODEL, temporary_server

WARM: Final = 20
PAIRS: Final = 200
"""Pairs of a prediction and an explanation of one photograph, by a single client."""
CLIENTS: Final = 8
ROUNDS: Final = 5
"""Rounds of predictions alone and of predictions with concurrent explanations."""
SECONDS: Final = 6.0
"""Seconds of a round."""
OF_A_METHOD: Final = 10
"""Photographs that each method explains."""
PATIENCE: Final = 30.0
"""Timeout of an explanation in seconds, so high that all are measured on a busy machine as well."""
PATHS: Final = 100
"""Photographs for Integrated Gradients."""
SLOW: Final = "smooth_grad"
"""The method that runs concurrently with predictions; it always takes all its steps."""


def asked(body: Body, method: str) -> Body:
    """Return the same instances, to be explained by a method."""
    return {"instances": [one | {"method": method} for one in body["instances"]]}


def alone(client: httpx.Client, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure one client that predicts and explains alternately."""
    times: dict[str, list[float]] = {"predict": [], "explain": []}
    for number in track(range(PAIRS), description="one client", transient=True):
        body = photographs[number % len(photographs)]
        for verb in list(times)[:: 1 if number % 2 else -1]:
            times[verb].append(timed(client, verb, body)[0])
    return compared(times["predict"], times["explain"])


def together(address: str, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure eight clients, rounds of predictions and of explanations alternately."""
    times: dict[str, list[float]] = {"predict": [], "explain": []}
    for _ in track(range(ROUNDS), description="eight clients", transient=True):
        for verb, found in times.items():
            found += timed_together(lambda: client_of(address), verb, photographs, CLIENTS, SECONDS)
    return compared(times["predict"], times["explain"])


def compared(predict: Sequence[float], explain: Sequence[float]) -> dict[str, object]:
    """Compare two p50: both, and their ratio."""
    return {
        "predict": {"count": len(predict), **percentiles(predict, 50)},
        "explain": {"count": len(explain), **percentiles(explain, 50)},
        "ratio": round(p50(explain) / p50(predict), 3),
    }


def concurrent(address: str, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure predictions of one client, alone and during slow explanations of another."""
    times: dict[str, list[float]] = {"alone": [], "concurrent": []}
    slow: list[float] = []
    with (
        client_of(address) as client,
        client_of(address) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        for _ in track(range(ROUNDS), description="during a slow one", transient=True):
            for which, found in times.items():
                over = Event()

                def explain(over: Event = over) -> None:
                    while not over.is_set():
                        body = photographs[len(slow) % len(photographs)]
                        slow.append(timed(other, "explain", asked(body, SLOW))[0])

                explaining = pool.submit(explain) if which == "concurrent" else None
                end = time.perf_counter() + SECONDS
                while time.perf_counter() < end:
                    body = photographs[len(found) % len(photographs)]
                    found.append(timed(client, "predict", body)[0])
                over.set()
                if explaining:
                    explaining.result()
    return {
        "method": SLOW,
        "explanations": {"count": len(slow), **percentiles(slow, 50)},
        **{
            which: {"count": len(found), **percentiles(found, 50, 95)}
            for which, found in times.items()
        },
        "p95_ratio": round(p95(times["concurrent"]) / p95(times["alone"]), 3),
    }


def methods(client: httpx.Client, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure each method as it is served, on the same photographs alternately."""
    refused = client.post(f"/v1/models/{MODEL}:explain", json=asked(photographs[0], "?"))
    names = refused.json()["error"].partition("there are: ")[2].split(", ")
    names.remove(SIMILAR_CASES)  # has no steps, and a benchmark of its own
    times: dict[str, list[float]] = {name: [] for name in names}
    steps: dict[str, list[int]] = {name: [] for name in names}
    for body in track(photographs[: OF_A_METHOD + 1], description="methods", transient=True):
        for name in names:
            took, answer = timed(client, "explain", asked(body, name))
            times[name].append(took)
            steps[name].append(answer["explanations"][0]["steps"])
    # The first request of each is slow: TorchScript optimises itself.
    return {
        name: {**percentiles(times[name][1:], 50), "steps": int(np.median(steps[name][1:]))}
        for name in names
    }


def paths(client: httpx.Client, photographs: Sequence[Body]) -> dict[str, object]:
    """Measure convergence delta and time of Integrated Gradients."""
    times, steps, missed = [], [], []
    for body in track(photographs[:PATHS], description="Integrated Gradients", transient=True):
        took, answer = timed(client, "explain", asked(body, "integrated_gradients"))
        (found,) = answer["explanations"]
        total = float(np.sum(found["attribution"]["values"]))
        delta = found["convergence_delta"]
        times.append(took)
        steps.append(found["steps"])
        missed.append(abs(delta / (total - delta)))
    return {
        "photographs": len(times),
        **percentiles(times, 50, 95),
        "steps": {"median": int(np.median(steps)), "largest": max(steps)},
        "relative_delta": {
            "median": round(float(np.median(missed)), 4),
            "p95": round(float(np.quantile(missed, 0.95)), 4),
            "largest": round(max(missed), 4),
        },
    }


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure everything on one server."""
    os.environ["LESIONLENS_EXPLAIN_SECONDS"] = str(PATIENCE)
    photographs = bodies(LoadSettings())
    with temporary_server() as server, client_of(server.inference) as client:
        for body in photographs[:WARM]:
            for verb in ("predict", "explain"):
                timed(client, verb, body)
        return {
            "workers": server.settings.workers,
            "alone": alone(client, photographs),
            "together": {"clients": CLIENTS, **together(server.inference, photographs)},
            "methods": methods(client, photographs),
            "integrated_gradients": paths(client, photographs),
            "concurrent": concurrent(server.inference, photographs),
        }
