"""Alternative to the limit by structure: decode in a process that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from handlers.decoding import centre_view, decode
from handlers.structure import inspect

REPEATS: Final = 30
"""Photographs, decoded in both ways alternately."""
_FRESH: Final = (
    "import sys; from handlers.decoding import centre_view, decode; "
    "sys.stdout.buffer.write(centre_view(decode(sys.stdin.buffer.read())).tobytes())"
)


def decoded(data: bytes) -> bytes:
    """Decode to the square of the model's input."""
    return centre_view(decode(data)).tobytes()


def _serve(pipe: Connection) -> None:
    while data := pipe.recv_bytes():
        pipe.send_bytes(decoded(data))


def measure(photograph: bytes) -> dict[str, object]:
    """Measure median milliseconds per photograph of each way, and of the structure check."""
    context = get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_serve, args=(there,), daemon=True)
    child.start()

    def kept() -> None:
        here.send_bytes(photograph)
        here.recv_bytes()

    def fresh() -> None:
        subprocess.run(
            [sys.executable, "-c", _FRESH], input=photograph, capture_output=True, check=True
        )

    ways: dict[str, Callable[[], object]] = {
        "here_ms": lambda: decoded(photograph),
        "structure_ms": lambda: inspect(photograph),
        "kept_child_ms": kept,
        "fresh_child_ms": fresh,
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(REPEATS + 1):
        for way, step in ways.items():
            start = time.perf_counter()
            step()
            if number:  # the first one includes imports
                times[way].append((time.perf_counter() - start) * 1000)
    here.send_bytes(b"")
    child.join()
    return {"photographs": REPEATS} | {
        way: round(float(np.median(found)), 2) for way, found in times.items()
    }
