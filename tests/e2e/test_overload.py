"""Test overload: each request is answered and the server recovers."""

from __future__ import annotations

import json
from collections import Counter

import httpx

from loadtests import open_loop
from serving.local import LocalServer
from tests.e2e.requests_of import PREDICT, instances


def test_excess_requests_get_503_and_none_is_lost(
    server: LocalServer, client: httpx.Client, photographs: list[bytes]
) -> None:
    bodies = [instances(photograph) for photograph in photographs[:20]]
    requests = [open_loop.request(PREDICT, json.dumps(body).encode()) for body in bodies]
    before, workers = client.post(PREDICT, json=bodies[0]).text, server.worker_pids()

    replies = open_loop.send(server.settings.inference_port, requests, rate=500, seconds=5)

    seen = Counter((reply.status, reply.retry_after) for reply in replies)
    assert len(replies) > 1000
    # Whichever rejected it (front, TorchServe's queue or worker), there is a Retry-After.
    assert set(seen) == {(200, False), (503, True)}, seen
    after = client.post(PREDICT, json=bodies[0])
    assert (after.status_code, after.text) == (200, before)
    assert server.worker_pids() == workers
