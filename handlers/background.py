"""Slow explanations, out of the way of predictions on the same cores.

They run in a thread that yields to every other, one at a time over all workers of a server, so
that with a second worker one is always left for what is quick.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

NICENESS: Final = 19
"""The most: of a core that something else wants as well it gets a hundredth, but two workers seldom
want both cores at once, and what they leave is enough."""

Result = TypeVar("Result")


class BusyError(RuntimeError):
    """As many slow explanations as may run at once are running."""


class Background:
    """One worker's place for slow work; not shared between threads."""

    def __init__(self, at_once: int, folder: Path) -> None:
        """Nothing runs yet.

        Args:
            at_once: of all workers that share the folder, how many may run something.
            folder: holds a lock file for each; the system frees those of a worker that dies.
        """
        self.locks = [folder / f"lesionlens-explaining-{place}" for place in range(at_once)]
        # PyTorch keeps threads for each thread that calls it: these are as nice as their own.
        self._thread = ThreadPoolExecutor(1, "explain", initializer=_yield_to_others)

    def run(self, work: Callable[[], Result]) -> Result:
        """Wait for work to be done in the background; raises what it raises."""
        return self._thread.submit(work).result()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to run something slow; raises BusyError where others have it."""
        for path in self.locks:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            try:
                yield
            finally:
                os.close(descriptor)
            return
        raise BusyError


def _yield_to_others() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
