"""Test that a bad request in a batch of eight does not change the seven other answers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.local import LocalServer
from tests.e2e.requests_of import EXPLAIN, PREDICT, instances

BAD = {
    "a text": {"instances": ["aGVsbG8="]},
    "no instances": {"x": 1},
    "an unknown method": {"instances": [{"data": "aGVsbG8=", "method": "x"}]},
}


def above_five(server: LocalServer) -> float:
    """Number of batches of more than five requests so far."""
    text = httpx.get(f"{server.metrics}/metrics").text
    counts: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "lesionlens_batch_size_bucket":
                edge = float(sample.labels["le"])
                counts[edge] = counts.get(edge, 0) + sample.value
    return counts[float("inf")] - counts[5.0]


@pytest.fixture(scope="module")
def good(photographs: list[bytes]) -> list[dict[str, Any]]:
    return [instances(photograph) for photograph in photographs[:7]]


@pytest.fixture(scope="module")
def alone(client: httpx.Client, good: list[dict[str, Any]]) -> list[str]:
    """Answers to the good requests, each sent alone."""
    return [client.post(PREDICT, json=body).text for body in good]


@pytest.mark.parametrize("name", BAD)
def test_bad_request_does_not_change_other_answers_of_its_batch(
    server: LocalServer,
    client: httpx.Client,
    photographs: list[bytes],
    good: list[dict[str, Any]],
    alone: list[str],
    name: str,
) -> None:
    slow = instances(photographs[0], method="integrated_gradients")
    before = above_five(server)
    for _ in range(3):
        # A slow request holds the worker, so that the eight gather to one batch behind it.
        holding = threading.Thread(target=client.post, args=(EXPLAIN,), kwargs={"json": slow})
        holding.start()
        with ThreadPoolExecutor(8) as pool:
            bodies = [*good[:3], BAD[name], *good[3:]]
            replies = list(pool.map(lambda body: client.post(PREDICT, json=body), bodies))
        holding.join()
        statuses = [reply.status_code for reply in replies]
        assert statuses == [200, 200, 200, 400, 200, 200, 200, 200]
        assert [reply.text for reply in replies if reply.status_code == 200] == alone
        if above_five(server) > before:
            return
    pytest.fail("the requests never met in one batch")
