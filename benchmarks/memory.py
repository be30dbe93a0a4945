"""``make benchmark NAME=memory``: memory of the whole service under both runtimes.

With one worker, as in a pod, and with two, as on a machine. Proportional set sizes, added up over
all processes and sampled while requests run: the most of each stage, and what is left after it.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image

from handlers.explainers.methods import METHODS
from loadtests.closed_loop import burst
from loadtests.photographs import texts
from loadtests.settings import LoadSettings
from serving import runtimes
from serving.local import LocalServer
from serving.settings import ServingSettings, free_ports

WORKERS: Final = (1, 2)
PERIOD: Final = 0.25
CLIENTS: Final = 32
LARGE_SIDE: Final = 4200
"""Pixels per side of noise that fills a request's body, as JPEG."""
PREDICT: Final = "/v1/models/melanoma:predict"
EXPLAIN: Final = "/v1/models/melanoma:explain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the duration."""
    parser.add_argument("--seconds", type=float, default=15.0, help="of each stage's load")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every stage under each runtime."""
    photographs = texts(LoadSettings())
    usual = [_body(text) for kind in photographs.values() for text in kind]
    slow = [_body(photographs["small"][0], name) for name, one in METHODS.items() if one.slow]
    large = [_body(_large_photograph())]
    return {
        "seconds": options.seconds,
        "large_body_mb": round(len(large[0]) / 1e6, 1),
        "workers": {
            str(workers): {
                name: _one_server(name, workers, usual, slow, large, options.seconds)
                for name in runtimes.NAMES
            }
            for workers in WORKERS
        },
    }


def _one_server(
    name: str,
    workers: int,
    usual: list[bytes],
    slow: list[bytes],
    large: list[bytes],
    seconds: float,
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as logs:
        settings = ServingSettings(logs=Path(logs), workers=workers)
        settings = settings.model_copy(update={"runtime": name, **free_ports()})
        port = settings.inference_port
        stages: dict[str, Callable[[], object]] = {
            "started": lambda: burst(port, PREDICT, usual[:1], 1, 1.0),
            "predictions and Grad-CAM": lambda: [
                burst(port, path, usual, CLIENTS, seconds) for path in (PREDICT, EXPLAIN)
            ],
            "slow explanations": lambda: burst(port, EXPLAIN, slow, workers, seconds),
            "flood of large bodies": lambda: burst(port, PREDICT, large, CLIENTS, seconds),
        }
        found: dict[str, Any] = {}
        with LocalServer(settings) as server:
            server.wait_ready(workers)
            for stage, load in stages.items():
                with _watched(server.pid) as samples:
                    load()
                found[stage] = {
                    "most_mb": round(max(map(sum, samples))),
                    "after_mb": round(sum(samples[-1])),
                }
        return found


@contextmanager
def _watched(pid: int) -> Iterator[list[list[float]]]:
    """Sample the megabytes of each process of a tree; a last sample follows the load."""
    samples: list[list[float]] = []
    over = threading.Event()

    def sample() -> None:
        sizes = []
        for process in [leader, *leader.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # a worker was replaced
                sizes.append(process.memory_full_info().pss / 1e6)
        samples.append(sizes)

    def watch() -> None:
        while not over.wait(PERIOD):
            sample()

    leader = psutil.Process(pid)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
        sample()


def _large_photograph() -> str:
    noise = np.random.default_rng(0).integers(0, 256, (LARGE_SIDE, LARGE_SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=75)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _body(text: str, method: str | None = None) -> bytes:
    options = {} if method is None else {"method": method}
    return json.dumps({"instances": [{"data": text, **options}]}).encode()
