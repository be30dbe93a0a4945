"""Run slow explanations so that they do not delay predictions on the same cores.

They run in a thread of the lowest scheduling priority, one at a time over all workers of a server,
so that with a second worker one is always free for quick requests.
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
"""Lowest scheduling priority. On a core that other work wants as well, this thread gets about a
hundredth; but two workers seldom need both cores at once, and the remaining time is enough."""

Result = TypeVar("Result")


class BusyError(RuntimeError):
    """All slots for slow explanations are taken."""


class Background:
    """Slot for slow explanations of one worker; not shared between threads."""

    def __init__(self, at_once: int, folder: Path) -> None:
        """Start without a running explanation.

        Args:
            at_once: of all workers that share the folder, how many may run something.
            folder: holds a lock file for each; the system frees those of a worker that dies.
        """
        self.locks = [folder / f"lesionlens-explaining-{place}" for place in range(at_once)]
        # PyTorch keeps a thread pool per calling thread; these threads inherit its
        # priority.
        self._thread = ThreadPoolExecutor(1, "explain", initializer=_yield_to_others)

    def run(self, work: Callable[[], Result]) -> Result:
        """Run work in the background and wait for it; re-raises its exceptions."""
        return self._thread.submit(work).result()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for a slow explanation; raises BusyError if all slots are taken."""
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
