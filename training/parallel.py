"""Run items on every core, one thread per item.

Threads that share a forward pass wait for the slowest at every layer, which on a busy machine costs
time. Threads with separate items do not wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, cast

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Run as many threads as PyTorch would use for one computation, each computing alone."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # of the threads that begin later


def prefetch(items: Iterator[Item]) -> Generator[Item]:
    """Prefetch: yield the same items, each made while the one before is used; close it to stop."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield cast(Item, item)


def map_ordered(compute: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result]:
    """Yield ``compute`` of each item, in order; close it to stop.

    At most two items per thread are started and not yet yielded.
    """
    most = 2 * torch.get_num_threads()
    begun: deque[Future[Result]] = deque()
    with workers() as pool:
        for item in items:
            begun.append(pool.submit(compute, item))
            if len(begun) == most:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
