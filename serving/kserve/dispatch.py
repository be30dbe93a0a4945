"""Hands waiting requests to idle workers, and gives those of a worker that died to another.

What waits is taken together, up to a worker's batch, and nobody waits for company. Within a batch
the service itself puts predictions before slow explanations and rejects what it has no time for
(load shedding, ``handlers/load_shedding.py``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from serving.front.messages import error_body
from serving.kserve.wire import Answers, WorkAnswer, WorkRequest

REPEATS: Final = 2
"""Of a request whose worker died, at most: one may meet the end of a second worker by chance."""
RETRY_SECONDS: Final = 2
"""After which a worker may have been replaced."""


class BatchWorker(Protocol):
    """A worker that has loaded the model."""

    def send(self, requests: Sequence[WorkRequest]) -> None:
        """Hand a batch over; its answers come to :meth:`Dispatcher.answered`."""


@dataclass(eq=False)
class _Waiting:
    request: WorkRequest
    answer: asyncio.Future[WorkAnswer]
    deaths: int = 0
    """Of workers that had it."""


@dataclass
class _Batch:
    waiting: list[_Waiting]
    unanswered: set[int] = field(default_factory=set)


class Dispatcher:
    """Of one server; used from one event loop.

    A request is repeatable: the answer depends on it and on the model alone. One whose worker died
    is repeated, and such requests one at a time: where one of them kills workers, those that were
    in its batch are not in it again.

    Args:
        batch_size: requests that a worker takes at once, at most.
        seconds: until a request must be answered, repeats included.
        repeated: called for each request that is repeated.
    """

    def __init__(self, batch_size: int, seconds: float, repeated: Callable[[], None]) -> None:
        self._batch_size, self._seconds, self._repeated = batch_size, seconds, repeated
        self._queue: deque[_Waiting] = deque()
        self._suspects: deque[_Waiting] = deque()
        self._suspect_at: BatchWorker | None = None
        self._idle: list[BatchWorker] = []
        self._batches: dict[BatchWorker, _Batch] = {}

    @property
    def ready(self) -> bool:
        """Whether a worker would take a request, now or after what it has."""
        return bool(self._idle or self._batches)

    async def submit(self, request: WorkRequest) -> WorkAnswer:
        """Have a request answered; never raises for what a client sent.

        Args:
            request: of a client that waits; cancelled when it leaves.
        """
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._assign()
        try:
            async with asyncio.timeout(self._seconds):
                return await waiting.answer
        except TimeoutError:
            return _unavailable(f"no answer within {self._seconds:g} s: send this request again")

    def attach(self, worker: BatchWorker) -> None:
        """A worker is ready."""
        self._idle.append(worker)
        self._assign()

    def detach(self, worker: BatchWorker) -> None:
        """A worker is gone: what it had not answered is repeated."""
        if worker in self._idle:
            self._idle.remove(worker)
        if self._suspect_at is worker:
            self._suspect_at = None
        batch = self._batches.pop(worker, None)
        for index in sorted(batch.unanswered) if batch else ():
            assert batch is not None
            self._repeat(batch.waiting[index])
        self._assign()

    def answered(self, worker: BatchWorker, answers: Answers, *, last: bool) -> None:
        """A worker has answered some or all of its batch.

        Args:
            worker: that has the batch.
            answers: by index.
            last: whether it takes another batch now.
        """
        batch = self._batches[worker]
        for index, answer in answers.items():
            batch.unanswered.discard(index)
            _settle(batch.waiting[index], answer)
        if last:
            del self._batches[worker]
            if self._suspect_at is worker:
                self._suspect_at = None
            self.attach(worker)

    def _repeat(self, waiting: _Waiting) -> None:
        if waiting.answer.done():
            return  # its client has left
        waiting.deaths += 1
        if waiting.deaths > REPEATS:
            message = "each worker that had this request died: send it again"
            _settle(waiting, _unavailable(message))
            return
        self._repeated()
        self._suspects.append(waiting)

    def _assign(self) -> None:
        while self._idle:
            suspected = self._suspect_at is None
            taken = _take(self._suspects, 1) if suspected else []
            suspected = bool(taken)
            taken = taken or _take(self._queue, self._batch_size)
            if not taken:
                return
            worker = self._idle.pop()  # the last that worked: its weights are in the caches
            if suspected:
                self._suspect_at = worker
            self._batches[worker] = _Batch(taken, set(range(len(taken))))
            worker.send([one.request for one in taken])


def _take(queue: deque[_Waiting], count: int) -> list[_Waiting]:
    """The first of a queue whose clients still wait."""
    taken: list[_Waiting] = []
    while queue and len(taken) < count:
        if not (waiting := queue.popleft()).answer.done():
            taken.append(waiting)
    return taken


def _settle(waiting: _Waiting, answer: WorkAnswer) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(answer)


def _unavailable(message: str) -> WorkAnswer:
    return WorkAnswer(503, error_body(f"{message} in {RETRY_SECONDS} s"), RETRY_SECONDS)
