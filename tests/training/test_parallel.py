"""Every core computes, results keep their order, and an error or an early end leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch

from training.parallel import map_ordered, prefetch

THREADS = 3


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """However many cores there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items() -> None:
    first = threading.Event()

    def compute(item: int) -> int:
        if item == 0:
            assert first.wait(30)  # the second overtakes it
        else:
            first.set()
        return item * item

    assert list(map_ordered(compute, range(20))) == [item * item for item in range(20)]


def test_each_thread_computes_alone_and_afterwards_all_is_as_before() -> None:
    seen = list(map_ordered(lambda _: (threading.get_ident(), torch.get_num_threads()), range(50)))

    assert {threads for _, threads in seen} == {1}
    assert threading.get_ident() not in {thread for thread, _ in seen}
    assert torch.get_num_threads() == THREADS


def test_items_are_computed_only_when_consumed() -> None:
    begun: list[int] = []
    with closing(map_ordered(begun.append, range(100))) as found:
        next(found)

    assert len(begun) <= 2 * THREADS


def test_an_error_is_that_of_the_item() -> None:
    def compute(item: int) -> int:
        if item == 3:
            raise OSError("the fourth")
        return item

    found = map_ordered(compute, range(10))
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the fourth"):
        next(found)
    assert torch.get_num_threads() == THREADS


def test_the_next_is_made_while_the_one_before_is_worked_on() -> None:
    made = [threading.Event() for _ in range(3)]

    def make() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    found = []
    for number in prefetch(make()):
        assert all(event.wait(30) for event in made[: number + 2])
        found.append(number)

    assert found == [0, 1, 2]


def test_an_error_is_raised_in_order() -> None:
    def make() -> Iterator[int]:
        yield 0
        raise OSError("the second")

    found = prefetch(make())
    assert next(found) == 0
    with pytest.raises(OSError, match="the second"):
        next(found)
