"""Test the dispatch of requests to workers, and retries after a worker died."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from serving.kserve import dispatch
from serving.kserve.dispatch import REPEATS, Dispatcher
from serving.kserve.wire import WorkAnswer, WorkRequest

SECONDS = 20.0


class Worker:
    """Worker double that records its batches."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []

    def send(self, requests: Sequence[WorkRequest]) -> None:
        self.batches.append([request.body for request in requests])


class Setting:
    """Dispatcher, and waiting requests."""

    def __init__(self, batch_size: int = 8, seconds: float = SECONDS) -> None:
        self.repeats = 0
        self.dispatcher = Dispatcher(batch_size, seconds, self._count)
        self.tasks: dict[bytes, asyncio.Task[WorkAnswer]] = {}

    def _count(self) -> None:
        self.repeats += 1

    async def submit(self, *names: bytes) -> None:
        for name in names:
            request = WorkRequest(name, "predict")
            self.tasks[name] = asyncio.create_task(self.dispatcher.submit(request))
        await settled()

    async def answer(self, worker: Worker, *indices: int, last: bool = True) -> None:
        batch = worker.batches[-1]
        answers = {index: WorkAnswer(200, batch[index]) for index in indices}
        self.dispatcher.answered(worker, answers, last=last)
        await settled()

    def bodies(self) -> dict[bytes, bytes]:
        return {name: task.result().body for name, task in self.tasks.items() if task.done()}


async def settled() -> None:
    """Run all tasks until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, SECONDS))


def test_waiting_requests_are_batched_without_delay() -> None:
    async def test() -> None:
        setting, worker = Setting(batch_size=3), Worker()
        setting.dispatcher.attach(worker)
        await setting.submit(b"first")
        await setting.submit(b"a", b"b", b"c", b"d")
        await setting.answer(worker, 0)
        await setting.answer(worker, 0, 1, 2)
        await setting.answer(worker, 0)

        assert worker.batches == [[b"first"], [b"a", b"b", b"c"], [b"d"]]
        assert setting.bodies() == {name: name for name in setting.tasks}

    run(test())


def test_early_answer_is_sent_early() -> None:
    async def test() -> None:
        setting, worker = Setting(), Worker()
        await setting.submit(b"quick", b"slow")
        setting.dispatcher.attach(worker)
        await setting.answer(worker, 0, last=False)
        assert set(setting.bodies()) == {b"quick"}
        await setting.submit(b"later")
        assert len(worker.batches) == 1
        await setting.answer(worker, 1)

        assert set(setting.bodies()) == {b"quick", b"slow"}
        assert worker.batches[-1] == [b"later"]

    run(test())


def test_batch_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MAX_BATCH_BYTES", 10)

    async def test() -> None:
        setting, worker = Setting(), Worker()
        await setting.submit(b"large" * 3, b"a" * 6, b"b" * 4, b"c")
        setting.dispatcher.attach(worker)
        await setting.answer(worker, 0)
        await setting.answer(worker, 0, 1)
        assert worker.batches == [[b"large" * 3], [b"a" * 6, b"b" * 4], [b"c"]]

    run(test())


def test_second_worker_takes_requests_while_the_first_is_busy() -> None:
    async def test() -> None:
        setting, workers = Setting(), (Worker(), Worker())
        for worker in workers:
            setting.dispatcher.attach(worker)
        await setting.submit(b"a")
        await setting.submit(b"b")

        assert [worker.batches for worker in workers] == [[[b"b"]], [[b"a"]]]

    run(test())


def test_uses_the_most_recently_active_idle_worker() -> None:
    """Check it, because its weights are in the processor's caches."""

    async def test() -> None:
        setting, workers = Setting(), (Worker(), Worker())
        for worker in workers:
            setting.dispatcher.attach(worker)
        for name in (b"a", b"b", b"c"):
            await setting.submit(name)
            await setting.answer(workers[1], 0)

        assert [len(worker.batches) for worker in workers] == [0, 3]

    run(test())


def test_requests_of_a_dead_worker_are_repeated_alone_and_sequentially() -> None:
    async def test() -> None:
        setting, workers = Setting(), [Worker() for _ in range(3)]
        await setting.submit(b"a", b"b", b"c")
        setting.dispatcher.attach(workers[0])
        await setting.answer(workers[0], 0, last=False)
        setting.dispatcher.detach(workers[0])
        await settled()
        for worker in workers[1:]:
            setting.dispatcher.attach(worker)
        assert [worker.batches for worker in workers[1:]] == [[[b"b"]], []]
        await setting.answer(workers[1], 0)
        await setting.answer(next(one for one in workers[1:] if one.batches[-1:] == [[b"c"]]), 0)

        assert setting.bodies() == {name: name for name in (b"a", b"b", b"c")}
        assert setting.repeats == 2

    run(test())


def test_repeated_requests_do_not_delay_others() -> None:
    async def test() -> None:
        setting, workers = Setting(), [Worker() for _ in range(3)]
        await setting.submit(b"a", b"b")
        setting.dispatcher.attach(workers[0])
        setting.dispatcher.detach(workers[0])
        setting.dispatcher.attach(workers[1])
        await setting.submit(b"c")
        setting.dispatcher.attach(workers[2])

        assert [worker.batches for worker in workers[1:]] == [[[b"a"]], [[b"c"]]]

    run(test())


def test_gives_up_a_request_that_kills_every_worker() -> None:
    async def test() -> None:
        setting = Setting()
        await setting.submit(b"deadly")
        for _ in range(REPEATS + 1):
            worker = Worker()
            setting.dispatcher.attach(worker)
            assert worker.batches == [[b"deadly"]]
            setting.dispatcher.detach(worker)
        await settled()
        answer = setting.tasks[b"deadly"].result()

        assert (answer.status, answer.retry_after) == (503, 2)
        assert "each worker that had this request died" in json.loads(answer.body)["error"]

    run(test())


@pytest.mark.parametrize("handed_over", [False, True])
def test_drops_request_of_a_disconnected_client(handed_over: bool) -> None:
    async def test() -> None:
        setting, worker = Setting(), Worker()
        if handed_over:
            setting.dispatcher.attach(worker)
        await setting.submit(b"a", b"b")
        setting.tasks[b"a"].cancel()
        await settled()
        if handed_over:
            await setting.answer(worker, 0)
        else:
            setting.dispatcher.attach(worker)

        assert worker.batches[-1] == [b"b"]

    run(test())


def test_missed_deadline_gets_503_with_retry_after() -> None:
    async def test() -> None:
        setting = Setting(seconds=0.01)
        await setting.submit(b"a")
        answer = await setting.tasks[b"a"]

        assert (answer.status, answer.retry_after) == (503, 2)
        assert json.loads(answer.body)["error"] == (
            "no answer within 0.01 s: send this request again in 2 s"
        )

    run(test())


def test_is_ready_while_a_worker_lives() -> None:
    async def test() -> None:
        setting, worker = Setting(), Worker()
        assert not setting.dispatcher.ready
        setting.dispatcher.attach(worker)
        assert setting.dispatcher.ready
        await setting.submit(b"a")
        assert setting.dispatcher.ready
        setting.dispatcher.detach(worker)
        assert not setting.dispatcher.ready
        setting.tasks[b"a"].cancel()

    run(test())
