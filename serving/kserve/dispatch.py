"""Dispatch waiting requests to idle workers, and repeat those of a worker that died.

An idle worker takes all waiting requests at once, up to its batch size and a number of bytes; none
waits for others.
Within a batch the service puts predictions before slow explanations and rejects what it has no time
for (``handlers/load_shedding.py``).
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
"""Maximum retries of a request whose worker died: it may hit a second dying worker by chance."""
MAX_BATCH_BYTES: Final = 64_000_000
"""Maximum bytes of the bodies that a worker gets at once, unless one body alone has more: sent and
received, they are in memory several times."""
RETRY_SECONDS: Final = 2
"""Seconds after which a worker may have been replaced."""


class BatchWorker(Protocol):
    """A worker that has loaded the model."""

    def send(self, requests: Sequence[WorkRequest]) -> None:
        """Send a batch; its answers are passed to :meth:`Dispatcher.answered`."""


@dataclass(eq=False)
class _Waiting:
    request: WorkRequest
    answer: asyncio.Future[WorkAnswer]
    deaths: int = 0
    """Number of workers that died with it."""


@dataclass
class _Batch:
    waiting: list[_Waiting]
    unanswered: set[int] = field(default_factory=set)


class Dispatcher:
    """Queue of one server's requests; used from one event loop.

    A request can be repeated: the answer depends on it and on the model alone. A request whose
    worker died is sent again, and such requests run one at a time: if one of them kills workers,
    the others are not in its batch again.

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
        """Whether a worker takes requests, now or after its batch."""
        return bool(self._idle or self._batches)

    async def submit(self, request: WorkRequest) -> WorkAnswer:
        """Queue a request and wait for its answer; never raises for client input.

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
        """Add a worker that is ready."""
        self._idle.append(worker)
        self._assign()

    def detach(self, worker: BatchWorker) -> None:
        """Remove a worker that has ended; its unanswered requests are repeated."""
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
        """Deliver a worker's answers to some or all requests of its batch.

        Args:
            worker: that has the batch.
            answers: by index.
            last: whether the batch is done, and the worker idle.
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
            suspects = _take(self._suspects, 1) if self._suspect_at is None else []
            waiting = suspects or _take(self._queue, self._batch_size)
            if not waiting:
                return
            worker = self._idle.pop()  # the last that worked: its weights are in the caches
            if suspects:
                self._suspect_at = worker
            self._batches[worker] = _Batch(waiting, set(range(len(waiting))))
            worker.send([entry.request for entry in waiting])


def _take(queue: deque[_Waiting], count: int) -> list[_Waiting]:
    """Take the first requests of a queue whose clients still wait."""
    taken: list[_Waiting] = []
    size = 0
    while queue and len(taken) < count:
        if not queue[0].answer.done():
            size += len(queue[0].request.body)
            if taken and size > MAX_BATCH_BYTES:
                break
            taken.append(queue[0])
        queue.popleft()
    return taken


def _settle(waiting: _Waiting, answer: WorkAnswer) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(answer)


def _unavailable(message: str) -> WorkAnswer:
    return WorkAnswer(503, error_body(f"{message} in {RETRY_SECONDS} s"), RETRY_SECONDS)
