"""Test load shedding with a simulated clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handlers.load_shedding import MIN_FULL_BATCH, SHED_PERIODS, LoadShedder
from tests.clock import Clock

FULL, SECONDS = MIN_FULL_BATCH, 1.0


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def served(clock: Clock) -> Callable[..., int]:
    """Serve a batch and return the number of served requests."""
    admission = LoadShedder(FULL, SECONDS, clock)

    def serve(requests: int, each: float) -> int:
        admission.begin(requests)
        count = 0
        while count < requests and admission.open():
            clock.now += each
            count += 1
        admission.end()
        return count

    return serve


def test_serves_every_request_that_is_in_time(served: Callable[..., int]) -> None:
    assert [served(FULL, each=0.01) for _ in range(50)] == [FULL] * 50


def test_first_request_is_always_served(served: Callable[..., int]) -> None:
    assert [served(1, each=30.0) for _ in range(3)] == [1, 1, 1]


def test_batch_ends_with_its_time_budget(served: Callable[..., int]) -> None:
    assert served(FULL, each=0.4) == 3


def test_rejects_requests_queued_behind_a_slow_batch(served: Callable[..., int]) -> None:
    assert served(FULL - 1, each=0.03) == FULL - 1
    assert [served(FULL, each=0.03) for _ in range(5)] == [0] * 5
    assert served(FULL - 1, each=0.01) == FULL - 1, "the queue is empty again"
    assert served(FULL, each=0.01) == FULL, "and the batch before was quick"


def test_serves_requests_after_a_slow_batch(served: Callable[..., int], clock: Clock) -> None:
    assert served(2, each=2.0) == 1
    clock.now += SHED_PERIODS * SECONDS
    assert served(FULL, each=0.01) == FULL


@pytest.mark.parametrize("size", [1, 8])
def test_small_batches_never_reject_a_few_clients(size: int, clock: Clock) -> None:
    admission = LoadShedder(size, SECONDS, clock)
    for _ in range(5):
        admission.begin(size)
        assert admission.open()
        clock.now += 5.0  # an explanation of five seconds
        admission.end()


def test_constant_overload_is_served_once_a_shed_period(
    served: Callable[..., int], clock: Clock
) -> None:
    assert served(FULL, each=0.4) == 3
    turned_away = 0
    while served(FULL, each=0.4) == 0:
        turned_away += 1
        clock.now += 0.01
        assert turned_away < 10_000
    assert turned_away * 0.01 == pytest.approx(SHED_PERIODS * SECONDS, abs=0.02)


@pytest.mark.parametrize(("seconds", "told"), [(0.2, 1), (1.0, 1), (1.1, 2), (7.0, 7)])
def test_retry_after_is_whole_seconds(seconds: float, told: int) -> None:
    assert LoadShedder(FULL, seconds).retry_after == told
