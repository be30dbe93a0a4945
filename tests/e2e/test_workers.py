"""Test that workers of KServe's model server that die or hang lose no request."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from serving.local import LocalServer
from tests.e2e.asking import over_grpc
from tests.e2e.requests_of import RAW_EXPLAIN, RAW_PREDICT

SECONDS = 60
CALLERS = 4
pytestmark = pytest.mark.parametrize("runtime", ["kserve"], indirect=True, scope="session")


@pytest.fixture(scope="module")
def pair(start: Callable[..., LocalServer]) -> Iterator[LocalServer]:
    with start(workers=2) as server:
        server.wait_ready(workers=2)
        yield server


def fork_server(server: LocalServer) -> psutil.Process:
    [found] = psutil.Process(server.pid).children()
    return found


def wait_for_workers(server: LocalServer, count: int, without: set[int]) -> list[int]:
    deadline = time.monotonic() + SECONDS
    while len(pids := set(server.worker_pids()) - without) < count:
        assert time.monotonic() < deadline, "no other worker has come"
        time.sleep(0.05)
    return list(pids)


def answered_while(
    server: LocalServer, photograph: bytes, harm: Callable[[], object], requests: int = 24
) -> list[int]:
    """Statuses of requests sent before, during and after a fault."""

    def ask(_: int) -> int:
        return client.post(RAW_PREDICT, content=photograph).status_code

    with (
        httpx.Client(base_url=server.inference, timeout=SECONDS) as client,
        ThreadPoolExecutor(6) as pool,
    ):
        replies = pool.map(ask, range(requests))
        first = next(replies)
        harm()
        return [first, *replies]


def test_killed_worker_is_replaced_without_failed_requests(
    pair: LocalServer, photographs: list[bytes]
) -> None:
    before = set(pair.worker_pids())
    victim = min(before)

    statuses = answered_while(pair, photographs[0], lambda: os.kill(victim, signal.SIGKILL))

    assert statuses == [200] * len(statuses)
    wait_for_workers(pair, 1, without=before)


def test_killing_all_workers_fails_no_request(pair: LocalServer, photographs: list[bytes]) -> None:
    before = set(pair.worker_pids())
    victim = fork_server(pair)

    statuses = answered_while(pair, photographs[0], victim.kill)

    assert statuses == [200] * len(statuses)
    wait_for_workers(pair, 2, without=before)
    assert not any(map(psutil.pid_exists, before))


def test_hung_worker_is_killed_and_its_requests_are_repeated(
    pair: LocalServer, photographs: list[bytes]
) -> None:
    wait_for_workers(pair, 2, without=set())
    victim = min(pair.worker_pids())

    statuses = answered_while(pair, photographs[0], lambda: os.kill(victim, signal.SIGSTOP))

    assert statuses == [200] * len(statuses)
    assert f"killed worker {victim}: it is stopped by a signal" in pair.console.read_text()


def test_slow_explanation_does_not_delay_predictions(
    pair: LocalServer, photographs: list[bytes]
) -> None:
    wait_for_workers(pair, 2, without=set())
    with httpx.Client(base_url=pair.inference, timeout=SECONDS) as client:
        with ThreadPoolExecutor(1) as pool:
            headers = {"x-method": "integrated_gradients"}
            slow = pool.submit(client.post, RAW_EXPLAIN, content=photographs[0], headers=headers)
            done = 0
            while not slow.done():
                assert client.post(RAW_PREDICT, content=photographs[1]).status_code == 200
                done += not slow.done()

    assert slow.result().status_code == 200
    assert done >= 3, "predictions waited"


def test_calls_of_clients_that_stay_do_not_hold_up_the_end(
    start: Callable[..., LocalServer], photographs: list[bytes]
) -> None:
    """A gRPC client keeps its connection: it must be told to leave, or it goes on calling."""
    ended, called = threading.Event(), threading.Semaphore(0)

    def call(number: int) -> list[object]:
        outcomes: list[object] = [200]
        with over_grpc(server.settings.grpc_inference_port) as ask:
            while outcomes[-1] == 200 and not ended.is_set():
                outcomes.append(ask(photographs[number]))
                called.release()
        return outcomes

    with start(drain_seconds=0.5) as server, ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(call, number) for number in range(CALLERS)]
        for _ in range(2 * CALLERS):
            assert called.acquire(timeout=SECONDS)
        os.kill(server.pid, signal.SIGTERM)
        status = server.wait(SECONDS)
        ended.set()

    assert status == 0
    assert "still in flight" not in server.console.read_text()
    outcomes = {outcome for caller in callers for outcome in caller.result()} - {200}
    assert all("failed to connect" in str(outcome).lower() for outcome in outcomes), outcomes


def test_processes_end_with_the_server(
    start: Callable[..., LocalServer], photographs: list[bytes]
) -> None:
    """Check also when the server itself is killed."""
    with start() as server:
        family = psutil.Process(server.pid).children(recursive=True)
        psutil.Process(server.pid).kill()
        _, alive = psutil.wait_procs(family, timeout=SECONDS)

    assert len(family) == 2
    assert alive == []
