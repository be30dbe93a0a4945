"""``make benchmark NAME=telemetry``: cost of metrics per request.

The same archive twice, once with a handler that emits no metrics, each in a separate server; one
client sends requests to both alternately, so that changes of the machine's load affect both.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from benchmarks.client import client_of, median_difference, timed
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.local import MODEL, LocalServer
from serving.settings import ServingSettings, free_ports

PAIRS: Final = 1500
"""Pairs of requests with the same photograph, one to each server."""
WARM: Final = 20
SILENCE: Final = b"\n\nMelanomaHandler._emit = lambda self, context, observations: None\n"


def silenced(archive: Path, folder: Path) -> Path:
    """Copy an archive to a new folder, with a handler that emits no metrics."""
    folder.mkdir()
    copy = folder / archive.name
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(copy, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content + SILENCE * (entry.filename == "melanoma_handler.py"))
    return folder


def settings_of(store: Path, logs: Path) -> ServingSettings:
    """Return settings of a server on free ports."""
    return ServingSettings(archive=store, logs=logs).model_copy(update=free_ports())


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure the median cost of a request with its 95 % interval."""
    archive = (ServingSettings().archive / f"{MODEL}.mar").resolve()
    photographs = bodies(LoadSettings())
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as name, ExitStack() as stack:
        scratch = Path(name)
        stores = {"emitting": archive.parent, "silent": silenced(archive, scratch / "silent")}
        clients = {}
        for which, store in stores.items():
            server = stack.enter_context(LocalServer(settings_of(store, scratch / which / "logs")))
            clients[which] = stack.enter_context(client_of(server.inference))
            for body in photographs[:WARM]:
                timed(clients[which], "predict", body)
        times: dict[str, list[float]] = {which: [] for which in clients}
        for number in track(range(PAIRS), description="pairs of requests", transient=True):
            body = photographs[number % len(photographs)]
            for which in list(clients)[:: 1 if number % 2 else -1]:
                times[which].append(timed(clients[which], "predict", body)[0])
    return {
        "pairs": PAIRS,
        "median_ms": {which: round(float(np.median(found)), 2) for which, found in times.items()},
        "cost_ms": median_difference(times["emitting"], times["silent"]),
    }
