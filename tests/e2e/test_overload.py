"""Far more than the server can carry: each request has an answer, and the server stays itself."""

from __future__ import annotations

import json
from collections import Counter

import httpx

from loadtests import open_loop
from serving.local import LocalServer
from tests.e2e.requests_of import PREDICT, instances


def worker(server: LocalServer) -> int:
    return int(httpx.get(f"{server.management}/models/melanoma").json()[0]["workers"][0]["pid"])


def test_too_many_requests_are_told_to_come_back_and_none_is_lost(
    server: LocalServer, client: httpx.Client, photographs: list[bytes]
) -> None:
    bodies = [instances(photograph) for photograph in photographs[:20]]
    requests = [open_loop.request(PREDICT, json.dumps(body).encode()) for body in bodies]
    before, pid = client.post(PREDICT, json=bodies[0]).text, worker(server)

    replies = open_loop.send(server.settings.inference_port, requests, rate=500, seconds=5)

    seen = Counter((reply.status, reply.retry_after) for reply in replies)
    assert len(replies) > 1000
    assert {status for status, _ in seen} == {200, 503}, seen
    # The rest found the frontend's own queue full; its answer has no such header.
    assert seen[503, True] > seen[503, False], seen
    after = client.post(PREDICT, json=bodies[0])
    assert (after.status_code, after.text) == (200, before)
    assert worker(server) == pid
