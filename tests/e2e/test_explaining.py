"""Test slow explanations on a real server: concurrency, slots and timeouts."""

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from handlers.background import Background
from handlers.explainers.methods import METHODS
from handlers.similar_cases import COUNT
from serving.local import MODEL, LocalServer
from tests.e2e.conftest import RUNTIMES, Trained

SLOW = "lime"
SLOW_AND_CHEAP = "smooth_grad"
ONE_RUNTIME = pytest.mark.parametrize("runtime", RUNTIMES[:1], indirect=True, scope="session")
"""For what the handlers do alike in both; grad_cam and lime are explained under each."""
DEADLINE = 60
PAUSE = 0.2
"""Seconds between two predictions alongside an explanation."""


@pytest.fixture(scope="module")
def photograph(trained: Trained) -> bytes:
    return Path(trained.summary["example"]).read_bytes()


def explain(server: LocalServer, photograph: bytes, method: str) -> httpx.Response:
    return httpx.post(
        f"{server.inference}/explanations/{MODEL}",
        content=photograph,
        headers={"x-method": method},
        timeout=DEADLINE,
    )


def predict(server: LocalServer, photograph: bytes) -> httpx.Response:
    address = f"{server.inference}/predictions/{MODEL}"
    return httpx.post(address, content=photograph, timeout=DEADLINE)


def scratch(server: LocalServer) -> Path:
    """Folder that the workers share."""
    return Path(psutil.Process(min(server.worker_pids())).environ()["TMPDIR"])


def wait_until_someone_explains(server: LocalServer) -> None:
    """Wait until a worker holds the slot of slow methods, without taking it."""
    (lock,) = Background(1, scratch(server)).locks
    deadline = time.monotonic() + DEADLINE
    while not (lock.exists() and f":{lock.stat().st_ino} " in Path("/proc/locks").read_text()):
        assert time.monotonic() < deadline, "no slow explanation has begun"


@pytest.fixture(scope="module")
def pair(start: Callable[..., LocalServer]) -> Iterator[LocalServer]:
    """Start a server like `make serve`, with time for slow explanations on slow machines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLENS_EXPLAIN_SECONDS", str(DEADLINE))
        with start(workers=2) as server:
            server.wait_ready(2)
            yield server


def test_slow_explanation_does_not_block_predictions(pair: LocalServer, photograph: bytes) -> None:
    predicted = []
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(explain, pair, photograph, SLOW)
        # Before it has begun, a prediction could join its batch, and would wait for it.
        wait_until_someone_explains(pair)
        while not slow.done():
            reply = predict(pair, photograph)
            if not slow.done():
                predicted.append(reply.status_code)
            wait([slow], timeout=PAUSE)
        explained = slow.result()

    assert explained.status_code == 200
    assert explained.json()["method"] == SLOW
    assert predicted
    assert set(predicted) == {200}


def test_slow_explanation_does_not_delay_predictions_of_its_batch(
    server: LocalServer, photograph: bytes
) -> None:
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(explain, server, photograph, SLOW_AND_CHEAP)
        wait_until_someone_explains(server)
        # All these wait for the one worker, and become its next batch.
        second = pool.submit(explain, server, photograph, SLOW_AND_CHEAP)
        others = [pool.submit(predict, server, photograph) for _ in range(4)]
        replies = [other.result() for other in others]
        early = not second.done()
        alone = predict(server, photograph)
        explained = [first.result(), second.result()]

    assert early
    assert [reply.status_code for reply in (*replies, *explained)] == [200] * 6
    assert {reply.text for reply in replies} == {alone.text}
    assert {reply.headers["content-type"] for reply in replies} == {"application/json"}


def test_second_slow_explanation_is_rejected_with_503(pair: LocalServer, photograph: bytes) -> None:
    with Background(1, scratch(pair)).slot():  # as another worker has it
        refused = explain(pair, photograph, SLOW)
        quick = explain(pair, photograph, "grad_cam")

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) == DEADLINE
    assert "another slow explanation is running" in refused.json()["error"]
    assert quick.status_code == 200
    assert explain(pair, photograph, SLOW_AND_CHEAP).status_code == 200


@ONE_RUNTIME
@pytest.mark.parametrize("method", METHODS)
def test_serves_every_method(method: str, pair: LocalServer, photograph: bytes) -> None:
    reply = explain(pair, photograph, method)

    assert reply.status_code == 200
    answer = reply.json()
    assert answer["method"] == method
    assert answer["signed"] == METHODS[method].signed
    assert (answer["convergence_delta"] is not None) == METHODS[method].complete
    assert len(answer["overlay"]) < 200_000  # base64 of 150 kB


@ONE_RUNTIME
def test_serves_similar_cases(pair: LocalServer, photograph: bytes) -> None:
    predicted = predict(pair, photograph).json()

    answer = explain(pair, photograph, "similar_cases").json()

    assert answer == predicted | {"method": "similar_cases", "cases": answer["cases"]}
    assert len(answer["cases"]) == COUNT
    assert all(set(case) == {"label", "distance"} for case in answer["cases"])


def test_timeout_gets_503_and_the_worker_survives(
    start: Callable[..., LocalServer], photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLENS_EXPLAIN_SECONDS", "0.05")
    with start() as server:
        before = server.worker_pids()
        reply = explain(server, photograph, SLOW)

        assert reply.status_code == 503
        assert reply.json()["error"].startswith(f"{SLOW} was not done within 0.05 s")
        assert predict(server, photograph).status_code == 200
        assert server.worker_pids() == before
        assert all(psutil.pid_exists(pid) for pid in before)


@ONE_RUNTIME
def test_occlusion_works_for_large_photographs(pair: LocalServer, photograph: bytes) -> None:
    huge = io.BytesIO()
    with Image.open(io.BytesIO(photograph)) as opened:
        opened.convert("RGB").resize((4999, 4999)).save(huge, "JPEG", quality=80)

    reply = explain(pair, huge.getvalue(), "occlusion")

    assert reply.status_code == 200
    assert reply.json()["attribution"]["shape"] == [8, 8]
