"""``make benchmark NAME=access``: cost of keys and tokens, and effect of a flood of wrong keys.

The cost is that of the front alone, with an upstream that answers at once, because a model's time
would hide it. Requests with a key, with a token and to a front without access control alternate.
The flood is sent to a server with the trained model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx
import jwt
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry

from benchmarks.client import Body, client_of, p50, p95, timed
from loadtests.open_loop import Reply, send
from loadtests.photographs import bodies
from loadtests.settings import LoadSettings
from serving.front.access.control import AccessControl
from serving.front.access.keys import KeyEntry, digest, new_key, written
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.client_key import VARIABLE
from serving.front.connections import ConnectionLimits
from serving.front.listener import Listener
from serving.front.messages import FrontRequest, FrontResponse
from serving.front.settings import FrontSettings
from serving.front.sockets import listen
from serving.front.telemetry import FrontMetrics
from serving.local import temporary_server

PATH: Final = "/predictions/melanoma"
BODY: Final = bytes(100_000)
"""Bytes of a body, about as many as of a sample photograph."""
ROUNDS: Final = 3_000
"""Requests of each kind, sent alternately."""
KEYS: Final = 100
"""Keys in the file."""
WRONG: Final = 10_000
"""Number of requests with wrong keys."""
WRONG_RATE: Final = 200.0
"""Wrong requests a second, each on a new connection."""
WARM_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.05
"""Seconds that the normal client pauses between two requests."""
ISSUER: Final = "https://issuer.example"


class _Upstream:
    """Upstream that answers at once."""

    ready = True
    why_not_ready = ""

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """See :meth:`serving.front.messages.Upstream.answer`."""
        return FrontResponse(200, b'{"label": "no cancer", "probability": 0.01}')


@contextmanager
def _front(access: AccessSettings) -> Iterator[int]:
    """Run a front on a free port; yields the port."""
    (opened,) = listen("127.0.0.1", 0)
    metrics = FrontMetrics(CollectorRegistry())
    front = Front(FrontSettings(), _Upstream(), metrics, AccessControl(access))
    listener = Listener(front, [opened], ConnectionLimits(), 1)
    thread = threading.Thread(target=lambda: asyncio.run(listener.run_until_ended()))
    thread.start()
    try:
        yield int(opened.getsockname()[1])
    finally:
        listener.end()
        thread.join()


def _files(folder: Path) -> tuple[AccessSettings, str, str]:
    """Return settings with keys and tokens, a key and a token."""
    keys = [new_key() for _ in range(KEYS)]
    entries = [KeyEntry(f"ward-{number}", digest(key)) for number, key in enumerate(keys)]
    (folder / "keys.json").write_text(written(entries))
    private = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(private.public_key()))
    (folder / "jwks.json").write_text(json.dumps({"keys": [{**public, "kid": "a"}]}))
    claims = {
        "iss": ISSUER,
        "aud": "lesionlens",
        "sub": "ward",
        "scope": "predict",
        "exp": int(time.time()) + 86_400,
    }
    settings = AccessSettings(
        api_keys=str(folder / "keys.json"),
        token_jwks=str(folder / "jwks.json"),
        token_issuer=ISSUER,
        token_audience="lesionlens",  # noqa: S106  no secret
    )
    return settings, keys[KEYS // 2], jwt.encode(claims, private, "ES256", {"kid": "a"})


def _bearer(credential: str) -> dict[str, str]:
    return {"Content-Type": "image/jpeg", "Authorization": f"Bearer {credential}"}


def cost(folder: Path) -> dict[str, object]:
    """Measure milliseconds of requests without a key, with a key and with a token, alternately.

    Args:
        folder: for files of keys.
    """
    settings, key, token = _files(folder)
    with ExitStack() as stack:
        open_port = stack.enter_context(_front(AccessSettings()))
        port = stack.enter_context(_front(settings))
        clients = {
            "open": (open_port, {"Content-Type": "image/jpeg"}),
            "key": (port, _bearer(key)),
            "token": (port, _bearer(token)),
        }
        asking = {
            name: stack.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{where}", headers=headers, trust_env=False)
            )
            for name, (where, headers) in clients.items()
        }
        times: dict[str, list[float]] = {name: [] for name in asking}
        for number in range(ROUNDS + 100):
            order = list(asking) if number % 2 else list(reversed(asking))
            for name in order:
                start = time.perf_counter()
                asking[name].post(PATH, content=BODY).raise_for_status()
                if number >= 100:  # the first ones warm it up
                    times[name].append((time.perf_counter() - start) * 1000)
    medians = {name: p50(taken) for name, taken in times.items()}
    without = np.asarray(times["open"])
    return {
        "requests_of_each": ROUNDS,
        "keys_in_the_file": KEYS,
        **{f"{name}_p50_ms": value for name, value in medians.items()},
        **{
            f"{name}_costs_p50_ms": round(float(np.median(np.asarray(times[name]) - without)), 3)
            for name in ("key", "token")
        },
    }


def flood(folder: Path) -> dict[str, object]:
    """Measure a normal client's p95 during a flood of wrong keys, and the bytes of its log lines.

    The server with the trained model has access control by this process's variables.

    Args:
        folder: for files of keys.
    """
    access, key, _ = _files(folder)
    (folder / "normal.key").write_text(key)
    os.environ["LESIONLENS_API_KEYS"] = access.api_keys
    os.environ[VARIABLE] = str(folder / "normal.key")
    photographs = bodies(LoadSettings())
    wrong = [
        (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            f"Authorization: Bearer {new_key()}\r\nContent-Length: 4\r\n\r\nxxxx"
        ).encode()
        for _ in range(100)
    ]
    seconds = WRONG / WRONG_RATE
    with (
        temporary_server() as server,
        # In a separate process, so that it takes no time from the normal client in this
        # one.
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as another,
        client_of(server.inference) as client,
    ):
        another.submit(time.perf_counter).result()  # it has started
        _normal(client, photographs, WARM_SECONDS)
        alone = _normal(client, photographs, seconds)
        log = server.settings.logs / "access.log"
        before = log.stat().st_size
        flooding = another.submit(send, server.settings.inference_port, wrong, WRONG_RATE, seconds)
        flooded = _normal(client, photographs, seconds)
        sent: list[Reply] = flooding.result()
        grown = log.stat().st_size - before
    statuses = sorted({reply.status for reply in sent})
    return {
        "wrong_keys": len(sent),
        "wrong_per_second": WRONG_RATE,
        "statuses": {str(status): sum(r.status == status for r in sent) for status in statuses},
        "answered_5xx": sum(reply.status >= 500 for reply in sent),
        "normal_requests": len(flooded),
        "alone_p95_ms": p95(alone),
        "flooded_p95_ms": p95(flooded),
        "times": round(p95(flooded) / p95(alone), 2),
        "log_bytes": grown,
    }


def _normal(client: httpx.Client, photographs: Sequence[Body], seconds: float) -> list[float]:
    """Measure milliseconds of a client that pauses between requests, all of which must succeed."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        taken.append(timed(client, "predict", photographs[len(taken) % len(photographs)])[0])
        time.sleep(PAUSE_SECONDS)
    return taken


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        return {"cost": cost(Path(scratch)), "flood": flood(Path(scratch))}
