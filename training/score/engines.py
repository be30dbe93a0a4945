"""Engines: run the scorer over chunks of photographs, in this process or on every core."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from training.score.items import Chunk, Item
from training.score.rows import Scored
from training.score.scorer import Known, Options, Scorer, one_thread

AHEAD: Final = 3
"""Chunks for each worker that are started and not yet finished."""
KILLED: Final = "the process that decoded it was killed, perhaps for lack of memory"


Result = tuple[Chunk, list[Scored]]


def in_process(scorer: Scorer, chunks: Iterable[Chunk]) -> Iterator[Result]:
    """Score chunks one after the other in this process."""
    for chunk in chunks:
        yield chunk, scorer.score(chunk.items)


class Processes:
    """Worker processes on this machine, each computing with one thread.

    Args:
        workers: number of processes.
        archive: path of ``melanoma.mar``.
        options: what is computed.
        known: photographs that are not scored again.
    """

    def __init__(self, workers: int, archive: Path, options: Options, known: Known) -> None:
        self._workers = workers
        self._arguments = (archive, options, known)

    def run(self, chunks: Iterable[Chunk]) -> Iterator[Result]:
        """Score chunks; results come as they are ready.

        Where a worker dies, the chunks that it may have had are scored again, photograph by
        photograph; the one that kills a worker again gets an error.
        """
        waiting = iter(chunks)
        finished = False
        while not finished:
            running: dict[Future[list[Scored]], Chunk] = {}
            try:
                with self._pool(self._workers) as pool:
                    try:
                        yield from self._all(pool, waiting, running)
                    finally:
                        pool.shutdown(wait=False, cancel_futures=True)
                finished = True
            except BrokenProcessPool:
                yield from self._one_by_one(
                    Chunk(chunk.first + place, [item])
                    for chunk in running.values()
                    for place, item in enumerate(chunk.items)
                )

    def _all(
        self,
        pool: ProcessPoolExecutor,
        waiting: Iterator[Chunk],
        running: dict[Future[list[Scored]], Chunk],
    ) -> Iterator[Result]:
        while True:
            while len(running) < AHEAD * self._workers and (chunk := next(waiting, None)):
                # Kept before anything can fail: a broken pool refuses at once.
                running[Future()] = chunk
                future = pool.submit(_score, chunk.items)
                running.popitem()
                running[future] = chunk
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                scored = future.result()
                yield running.pop(future), scored

    def _one_by_one(self, chunks: Iterable[Chunk]) -> Iterator[Result]:
        waiting = deque(chunks)
        while waiting:
            with self._pool(1) as pool:
                try:
                    while waiting:
                        scored = pool.submit(_score, waiting[0].items).result()
                        yield waiting.popleft(), scored
                except BrokenProcessPool:
                    yield waiting.popleft(), [Scored(error=KILLED)]

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        # Not forked: PyTorch and OpenVINO have threads already.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, context, _start, self._arguments)


_scorers: Final[list[Scorer]] = []
"""The scorer of a worker process."""


def _start(archive: Path, options: Options, known: Known) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _scorers.append(Scorer(archive, options, known))


def _end_with_parent() -> None:
    """End this process when the parent is killed: it would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _score(items: Sequence[Item]) -> list[Scored]:
    with one_thread():
        return _scorers[0].score(items)
