"""Test that damaged requests get correct responses and leak nowhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from loadtests.attack.wire import Response
from loadtests.fuzz.__main__ import WORKERS, fuzz, keep_bodies, summary
from loadtests.fuzz.judging import problem_of
from loadtests.fuzz.markers import found_in, marker
from loadtests.fuzz.requests import fuzz_request
from loadtests.fuzz.running import Run
from serving.local import LocalServer

REQUESTS = 300
SEED = 7
JSON = {"content-type": "application/json"}
TENSOR = (
    b'{"name": "label", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 3}}'
)
TENSORS = b'{"model_name": "melanoma", "model_version": "1", "outputs": [%b]}' % TENSOR
BINARY = {
    "content-type": "application/octet-stream",
    "inference-header-content-length": str(len(TENSORS)),
}
V2_KINDS = {"tensors", "call"}


def test_damaged_requests_do_not_affect_other_clients(
    start: Callable[..., LocalServer], runtime: str, tmp_path: Path
) -> None:
    with start(workers=WORKERS) as server:
        server.wait_ready(WORKERS)
        run = fuzz(server, SEED, REQUESTS, Console(quiet=True))

    assert run.problems == [], keep_bodies(run, tmp_path)
    found = summary(run)
    assert found["requests"] == REQUESTS
    assert set(found["by_status"]) >= {"200", "400", "404", "405", "415"}
    kinds = {"picture", "json", "form", "bytes", "none"}
    if runtime == "kserve":
        kinds |= V2_KINDS
        answered = {kind for (_, kind, _, status), count in run.counts.items() if status == 200}
        assert answered >= V2_KINDS  # not all of them are damaged beyond use
    assert set(found["by_kind"]) == kinds


@pytest.mark.parametrize("v2", [False, True])
def test_request_is_determined_by_seed_and_index_and_has_its_marker(v2: bool) -> None:
    requests = [fuzz_request(SEED, index, v2) for index in range(300)]

    assert requests == [fuzz_request(SEED, index, v2) for index in range(300)]
    assert requests != [fuzz_request(SEED + 1, index, v2) for index in range(300)]
    assert V2_KINDS.isdisjoint(request.kind for request in requests) is not v2
    for request in requests:
        assert request.kind == "none" or marker(request.index) in request.body


@pytest.mark.parametrize("before", range(4))
def test_finds_marker_plain_and_encoded(before: int) -> None:
    text = b"x" * before + marker(12)

    assert found_in(text) == [12]
    assert found_in(text[:-4]) == [-1]
    for spelled in (base64.b64encode(text), text.hex().encode()):
        assert found_in(b"a log: " + spelled) == [-1]
    assert found_in(b"a log without it") == []


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (Response(), "no answer"),
        (Response(500, JSON, b'{"error": "x"}'), "status 500"),
        (Response(507, JSON, b'{"error": "x"}'), "status 507"),
        (Response(503, JSON, b'{"error": "busy"}'), "503 without Retry-After"),
        (Response(400, JSON, b'{"error": "%b"}' % marker(1)), "the answer quotes the request"),
        (Response(400, JSON, b'{"message": "x"}'), "an error without a message"),
        (Response(200, JSON, b'{"error": "x"}'), "an error of an unknown shape"),
        (Response(200, JSON, b'{"predictions": []}'), "results of an unknown shape"),
        (Response(200, JSON, b'{"x": 1}'), "an answer of an unknown shape"),
        (Response(400, JSON, b"oh"), "the answer is not JSON"),
        (Response(400, {}, b"{}"), "the answer is not JSON by its content type"),
        (Response(200, BINARY, TENSORS + b"mole"), "tensors of an unknown shape"),
        (Response(400, BINARY, TENSORS + b"mol"), "tensors of an unknown shape"),
        (Response(200, BINARY, TENSORS + b"mol"), ""),
        (Response(200, JSON, TENSORS), ""),
        (Response(400, JSON, b'{"error": "too large"}'), ""),
        (Response(400, JSON, b'{"error": "unknown method \'%b\'"}' % marker(1)), ""),
        (Response(503, {**JSON, "retry-after": "1"}, b'{"error": "busy"}'), ""),
        (Response(503, JSON, b'{"status": "Unhealthy", "reason": "x"}'), ""),
    ],
)
def test_judges_response(response: Response, problem: str) -> None:
    assert problem_of(response, "POST") == problem


def test_saves_failed_requests_completely(tmp_path: Path) -> None:
    run = Run(SEED, 10)
    run.found(3, "wrong")
    run.found(-1, "a worker was lost")

    (path,) = keep_bodies(run, tmp_path / "fuzz")

    assert path.read_bytes() == fuzz_request(SEED, 3).data
