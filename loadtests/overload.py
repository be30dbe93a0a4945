"""``make overload``: send ten times the load that a server can serve, and report the result."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from loadtests import open_loop, results
from loadtests.closed_loop import burst
from loadtests.closed_loop import request as ask
from loadtests.open_loop import Reply
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.local import MODEL, temporary_server
from serving.process import exit_when_terminated

PATH: Final = f"/v1/models/{MODEL}:predict"
TIMES: Final = 10
SECONDS: Final = 20.0
WARM: Final = 5.0
RECOVERED: Final = 2.0
"""Multiple of a single client's earlier latency at which the server counts as recovered."""
RECOVERY_SECONDS: Final = 60.0


def measure(port: int, photographs: Sequence[bytes]) -> dict[str, object]:
    """Load a server with ten times the throughput of eight clients, and wait for its recovery.

    Args:
        port: on 127.0.0.1.
        photographs: JSON bodies.
    """
    burst(port, PATH, photographs, clients=1, seconds=WARM)
    alone = float(np.median(burst(port, PATH, photographs, clients=1, seconds=WARM).seconds))
    carried = burst(port, PATH, photographs, clients=8, seconds=WARM).throughput
    print(f"it carries {carried:.0f} requests a second; now {TIMES * carried:.0f} ...", flush=True)
    requests = [open_loop.request(PATH, body) for body in photographs]
    replies = open_loop.send(port, requests, TIMES * carried, SECONDS)
    last = max(reply.sent for reply in replies)
    recovered = _recovery(port, photographs, alone, last)
    return {
        "carried_per_second": round(carried, 1),
        "offered_per_second": round(len(replies) / SECONDS, 1),
        "seconds": SECONDS,
        "alone_ms": round(1000 * alone, 1),
        "accepted": _times([one for one in replies if one.status == 200]),
        "refused": _times([one for one in replies if one.status == 503]),
        "refused_with_retry_after": sum(one.retry_after for one in replies if one.status == 503),
        "without_an_answer": sum(one.status == 0 for one in replies),
        "other_answers": sum(one.status not in (0, 200, 503) for one in replies),
        "recovered_after_seconds": recovered,
    }


def _times(replies: Sequence[Reply]) -> dict[str, float | None]:
    milliseconds = [1000 * reply.seconds for reply in replies]
    if not milliseconds:
        return {"count": 0, **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "largest_ms"))}
    found = results.percentiles(milliseconds, 50, 95, 99, digits=1)
    return {"count": len(replies), **found, "largest_ms": round(max(milliseconds), 1)}


def _recovery(port: int, photographs: Sequence[bytes], alone: float, since: float) -> float | None:
    """Return seconds until ten answers in a row were fast again; None after a minute."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RECOVERY_SECONDS)
    quick, number = 0, 0
    while time.perf_counter() < since + RECOVERY_SECONDS:
        began = time.perf_counter() - since
        took = ask(connection, PATH, photographs[number % len(photographs)])
        number += 1
        quick = quick + 1 if took is not None and took <= RECOVERED * alone else 0
        if quick == 1:
            first = began
        if quick == 10:
            return round(max(first, 0.0), 2)
    return None


def main() -> int:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=results.FOLDER / "overload.json")
    output = parser.parse_args().output
    try:
        photographs = [json.dumps(body).encode() for body in bodies(LoadSettings())]
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with temporary_server() as server:
        result = measure(server.settings.inference_port, photographs)
    print(json.dumps(result, indent=1))
    results.write(output, result)
    return 0


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main())
