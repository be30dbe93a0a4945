"""``make benchmark NAME=receipts``: cost of a receipt.

In one process, the processor time of signing one; and one server, to which a client sends each
photograph twice in a row, once with a receipt, so that changes of the machine's load affect both.
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import track

from benchmarks.client import client_of, median_difference, p50, timed
from handlers.receipt import ReceiptSigner
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.local import temporary_server

SIGNED: Final = 20_000
"""Receipts that are signed in one process."""
PAIRS: Final = 1000
"""Pairs of requests with the same photograph."""
WARM: Final = 20
MOST_MS: Final = 0.3
"""Limit of a receipt's cost."""


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure a receipt in one process, and in answers of a server."""
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as folder:
        keys = Path(folder) / "receipt.keys"
        keys.write_text(secrets.token_hex(32))
        os.environ["LESIONLENS_RECEIPT_KEY"] = str(keys)
        os.environ.pop("LESIONLENS_OUTCOME_STORE", None)
        times, answer = _served()
        signer = ReceiptSigner.load(str(keys), days=180)
    return {
        "receipts": SIGNED,
        "signing_ms": _signing(signer, answer),
        "bytes": len(answer["receipt"]),
        "pairs": PAIRS,
        "p50_ms": {which: p50(found) for which, found in times.items()},
        "cost_ms": median_difference(times["with"], times["without"]),
        "most_ms": MOST_MS,
    }


def failures(result: dict[str, Any]) -> list[str]:
    """Return what exceeds its limit: the time of signing, which other processes do not change."""
    if result["signing_ms"] <= MOST_MS:
        return []
    return [f"a receipt costs {result['signing_ms']} ms; at most {MOST_MS} ms are accepted"]


def _served() -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Milliseconds of requests with and without a receipt, and one answer that has one."""
    plain = bodies(LoadSettings())
    asked = {"without": plain, "with": [_with_receipt(body) for body in plain]}
    times: dict[str, list[float]] = {which: [] for which in asked}
    with temporary_server() as server, client_of(server.inference) as client:
        for body in plain[:WARM]:
            timed(client, "predict", body)
        for number in track(range(PAIRS), description="pairs of requests", transient=True):
            for which in list(asked)[:: 1 if number % 2 else -1]:
                body = asked[which][number % len(plain)]
                times[which].append(timed(client, "predict", body)[0])
        return times, timed(client, "predict", asked["with"][0])[1]["predictions"][0]


def _with_receipt(body: dict[str, Any]) -> dict[str, object]:
    return {"instances": [row | {"receipt": True} for row in body["instances"]]}


def _signing(signer: ReceiptSigner, answer: dict[str, Any]) -> float:
    """Median milliseconds of processor time of a receipt, over chunks of a hundred."""
    taken = []
    for _ in range(SIGNED // 100):
        start = time.process_time()
        for _ in range(100):
            signer.receipt(answer)
        taken.append((time.process_time() - start) * 1000 / 100)
    return round(float(np.median(taken)), 4)
