"""``make benchmark NAME=variants``: the served cost of each serving variant.

The same archive in one server per variant, all running; requests go to each in turn, so that
changes of the machine's load affect all alike. Plain TorchScript's variant runs on its fastest
float32 backend, which is what was served before there were variants. The fastest variant also runs
with one thread a forward pass instead of one a core.
"""

from __future__ import annotations

import argparse
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final
from unittest import mock

import httpx
import numpy as np
from rich.progress import track

from benchmarks.client import Body, client_of, p50, p95, timed, timed_together
from handlers.variants import PORTABLE
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.local import MODEL, temporary_server
from serving.settings import ServingSettings

REQUESTS: Final = 300
"""Predictions of one client, for each variant."""
EXPLAINED: Final = 20
"""Explanations of each method, by the default variant and by plain TorchScript."""
VARIANT: Final = "LESIONLENS_VARIANT"
METHODS: Final = ("grad_cam", "lime", "occlusion")
CLIENTS: Final = 8
ROUNDS: Final = 6
SECONDS: Final = 5.0
"""Seconds of a round of several clients."""


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Measure every variant of the archive; the first of the result is the default.

    Raises:
        RuntimeError: one of them cannot run on this machine.
    """
    archive = (ServingSettings().archive / f"{MODEL}.mar").resolve()
    with zipfile.ZipFile(archive) as packed:
        listed = json.loads(packed.read("card.json"))["variants"]
    measured = listed["measured"]
    names = list(dict.fromkeys([*listed["order"], *measured]))
    fastest = min(names, key=lambda name: measured[name]["forward_ms"])
    served = {name: {VARIANT: name} for name in names}
    served[f"{fastest}, one thread"] = {VARIANT: fastest, "LESIONLENS_THREADS": "1"}
    photographs = bodies(LoadSettings())
    with ExitStack() as stack:
        addresses = {
            name: stack.enter_context(_serving(variables)) for name, variables in served.items()
        }
        clients = {
            name: stack.enter_context(client_of(address)) for name, address in addresses.items()
        }
        for name, client in clients.items():
            for body in photographs:
                answer = timed(client, "predict", body)[1]
                if answer["predictions"][0]["variant"] != served[name][VARIANT]:
                    raise RuntimeError(f"variant {name} cannot run on this machine")
        alone = _alone(clients, photographs)
        together = _together(addresses, photographs)
        explained = _explained(
            {name: clients[name] for name in (names[0], PORTABLE.name)}, photographs
        )
    base = PORTABLE.name
    ratios = {
        name: {
            "p50": round(alone[name]["p50_ms"] / alone[base]["p50_ms"], 3),
            "per_second": round(together[name]["per_second"] / together[base]["per_second"], 3),
        }
        for name in served
    }
    return {
        "default": names[0],
        "requests": REQUESTS,
        "clients": CLIENTS,
        "one_client": alone,
        "several_clients": together,
        "explanations": explained,
        "compared_with_plain": ratios,
    }


@contextmanager
def _serving(variables: Mapping[str, str]) -> Iterator[str]:
    """Serve with these variables besides this process's own; yields the inference address."""
    with mock.patch.dict(os.environ, variables), temporary_server(keyed=False) as server:
        yield server.inference


def _alone(
    clients: Mapping[str, httpx.Client], photographs: Sequence[Body]
) -> dict[str, dict[str, float]]:
    times: dict[str, list[float]] = {name: [] for name in clients}
    for number in track(range(REQUESTS), description="one client", transient=True):
        body = photographs[number % len(photographs)]
        for name in list(clients)[:: 1 if number % 2 else -1]:
            times[name].append(timed(clients[name], "predict", body)[0])
    return {name: {"p50_ms": p50(own), "p95_ms": p95(own)} for name, own in times.items()}


def _together(
    addresses: Mapping[str, str], photographs: Sequence[Body]
) -> dict[str, dict[str, Any]]:
    rates: dict[str, list[float]] = {name: [] for name in addresses}
    for number in track(range(ROUNDS), description="several clients", transient=True):
        for name in list(addresses)[:: 1 if number % 2 else -1]:
            connect = partial(client_of, addresses[name])
            answered = timed_together(connect, "predict", photographs, CLIENTS, SECONDS)
            rates[name].append(round(len(answered) / SECONDS, 1))
    return {
        name: {"per_second": round(float(np.median(own)), 1), "rounds": own}
        for name, own in rates.items()
    }


def _explained(
    clients: Mapping[str, httpx.Client], photographs: Sequence[Body]
) -> dict[str, dict[str, float]]:
    times: dict[str, dict[str, list[float]]] = {
        name: {method: [] for method in METHODS} for name in clients
    }
    for number in track(range(EXPLAINED + 1), description="explanations", transient=True):
        instances = photographs[number % len(photographs)]["instances"]
        for name, client in clients.items():
            for method in METHODS:
                body = {"instances": [one | {"method": method} for one in instances]}
                taken = timed(client, "explain", body)[0]
                if number:  # the first one loads what explanations need
                    times[name][method].append(taken)
    return {
        name: {f"{method}_p50_ms": p50(own) for method, own in methods.items()}
        for name, methods in times.items()
    }
