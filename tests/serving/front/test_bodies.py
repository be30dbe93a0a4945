"""Test limits of bodies: bytes, time, rate and total."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.front.bodies import (
    BodyLimits,
    BoundedReceive,
    content_length,
    read_body,
    run_until_disconnect,
)
from serving.front.buffers import ByteBudget
from serving.front.messages import BodyError, BodyTooLarge, BodyTooSlow, BuffersFull, ClientGone
from tests.serving.front.conftest import Serving, rest, until

LIMITS = BodyLimits(
    max_bytes=100_000, seconds=60, grace_seconds=5, min_bytes_per_second=1_000, stall_seconds=10
)
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


class Client:
    """ASGI ``receive`` that takes time on a simulated clock.

    Args:
        parts: seconds after which something comes, and how many bytes it has.
        last: whether the body ends after them; else the client leaves.
    """

    def __init__(self, *parts: tuple[float, int], last: bool = True) -> None:
        self.now = 0.0
        self.reads = 0
        self._parts = list(parts)
        self._last = last

    def clock(self) -> float:
        return self.now

    async def __call__(self) -> Message:
        self.reads += 1
        if not self._parts:
            return {"type": "http.disconnect"}
        seconds, count = self._parts.pop(0)
        self.now += seconds
        more = bool(self._parts) or not self._last
        return {"type": "http.request", "body": bytes(count), "more_body": more}


def read(client: Client, budget: ByteBudget | None = None, **declared: int) -> int:
    """Read a body."""

    async def run() -> int:
        with (budget or ByteBudget()).reservation() as reservation:
            body = await read_body(client, LIMITS, reservation, clock=client.clock, **declared)
            assert reservation.reserved_bytes == len(body)
            return len(body)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 0)],
        [(0, 100_000)],
        [(4.9, 10)],
        [(0, 50_000), (9.9, 1)],
        [(2, 2_000)] * 29,
        [(1, 900)] * 40,
    ],
)
def test_reads_body_within_the_limits(parts: list[tuple[float, int]]) -> None:
    assert read(Client(*parts)) == sum(count for _, count in parts)


@pytest.mark.parametrize(
    ("parts", "reads"),
    [
        ([(5.1, 1), (0, 1)], 1),  # silent through the grace
        ([(1, 13)] * 60, 6),  # too slow
        ([(1, 750)] * 40, 20),  # a little too slow
        ([(0, 90_000), (10.1, 1), (0, 1)], 2),  # fast, then silent
        ([(2, 2_100)] * 31, 30),  # fast enough, but without an end
    ],
)
def test_too_slow_body_is_rejected(parts: list[tuple[float, int]], reads: int) -> None:
    client = Client(*parts)
    with pytest.raises(BodyTooSlow, match="1000 bytes per second") as caught:
        read(client)
    assert caught.value.status == 408
    assert client.reads == reads


def test_silent_client_times_out() -> None:
    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    for limits in (BodyLimits(grace_seconds=0.01), BodyLimits(seconds=0.01)):
        with pytest.raises(BodyTooSlow):
            asyncio.run(BoundedReceive(silent, limits)())


def test_buffered_data_is_not_late() -> None:
    """Check it, because a busy process handles its timer before bytes that arrived earlier."""

    async def run() -> Message:
        there = asyncio.Event()

        async def receive() -> Message:
            await there.wait()
            return {"type": "http.request", "body": b"a", "more_body": False}

        reading = asyncio.ensure_future(BoundedReceive(receive, BodyLimits(seconds=0.01))())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.009, there.set)
        threading.Event().wait(0.05)  # the loop stands still
        return await reading

    assert asyncio.run(run())["body"] == b"a"


def test_time_spent_by_the_server_does_not_count_against_the_rate() -> None:
    client = Client(*[(0.1, 200)] * 9)

    async def run() -> None:
        receive = BoundedReceive(client, LIMITS, clock=client.clock)
        while not receive.complete:
            await receive()
            client.now += 6  # the disk is slow

    asyncio.run(run())


def test_rejects_too_large_body_declared_or_streamed() -> None:
    client = Client(*[(0, 60_000)] * 3)
    with pytest.raises(BodyTooLarge, match="at most 100000 bytes"):
        read(client)
    assert client.reads == 2
    declared = Client((0, 1))
    with pytest.raises(BodyTooLarge):
        read(declared, declared=100_001)
    assert declared.reads == 0


def test_detects_disconnect() -> None:
    with pytest.raises(ClientGone):
        read(Client((0, 10), last=False))


def test_total_buffered_bytes_are_bounded_and_released() -> None:
    budget = ByteBudget(1_500, retry_after=7)
    with budget.reservation() as first:
        first.add(1_000)
        with pytest.raises(BuffersFull, match="in 7 seconds") as caught:
            read(Client((0, 400), (0, 400)), budget)
        assert (caught.value.status, caught.value.retry_after) == (503, 7)
        assert budget.used_bytes == 1_000
        assert read(Client((0, 500)), budget) == 500
    assert budget.used_bytes == 0
    assert read(Client((0, 1_500)), budget) == 1_500


def test_stalled_body_is_dropped_for_another() -> None:
    budget = ByteBudget(1_500)
    stalled: asyncio.Queue[Message] = asyncio.Queue()

    async def body(size: int, more: bool = False) -> Message:
        return {"type": "http.request", "body": b"x" * size, "more_body": more}

    async def both() -> tuple[object, bytes, bytes]:
        await stalled.put(await body(1_000, more=True))
        with budget.reservation() as whole, budget.reservation() as slow:
            done = await read_body(lambda: body(400), LIMITS, whole)
            reading = asyncio.create_task(read_body(stalled.get, LIMITS, slow))
            while budget.used_bytes < 1_400:
                await asyncio.sleep(0)
            with budget.reservation() as quick:
                other = await read_body(lambda: body(600), LIMITS, quick)
                (outcome,) = await asyncio.gather(reading, return_exceptions=True)
                assert budget.used_bytes == 1_000
        return outcome, done, other

    outcome, done, other = asyncio.run(both())

    assert isinstance(outcome, BuffersFull)
    assert (len(done), len(other)) == (400, 600)
    assert budget.used_bytes == 0


def test_rejects_invalid_content_length() -> None:
    def declared(*values: bytes) -> int | None:
        return content_length({"headers": [(b"content-length", value) for value in values]})

    assert (declared(b"12"), declared(), declared(b"x")) == (12, None, None)


def application(
    limits: BodyLimits, work: Callable[[], Awaitable[None]] | None = None
) -> tuple[Any, ByteBudget, list[str]]:
    """Application that reads a body, works and answers; its budget and events."""
    budget, outcomes = ByteBudget(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status, text = 200, b"ok"
        try:
            with budget.reservation() as reserved:
                await read_body(receive, limits, reserved, content_length(scope))
                if work is not None:
                    await run_until_disconnect(receive, work())  # type: ignore[arg-type]
        except BodyError as error:
            status, text = error.status, error.message.encode()
        outcomes.append(str(status))
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": text})

    return app, budget, outcomes


def test_large_body_gets_no_100_continue(serving: Serving) -> None:
    app, _, _ = application(BodyLimits(max_bytes=10))
    served = serving(app=app)

    head = POST + b"Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    answer = served.send(head)

    assert answer.startswith(b"HTTP/1.1 413")
    with served.connect() as client:
        client.sendall(head.replace(b"11\r\n", b"10\r\n", 1))
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"0123456789")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_slow_body_is_answered_and_the_connection_closed(serving: Serving) -> None:
    app, budget, _ = application(BodyLimits(grace_seconds=0.2))
    served = serving(app=app)
    with served.connect() as client:
        client.sendall(POST + b"Content-Length: 10\r\n\r\n0")
        assert rest(client).startswith(b"HTTP/1.1 408")
    until(lambda: served.open == 0)
    assert budget.used_bytes == 0


def test_work_ends_when_the_client_disconnects(serving: Serving) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    app, budget, outcomes = application(BodyLimits(), work)
    served = serving(app=app)
    with served.connect() as client:
        client.sendall(POST + b"Content-Length: 3\r\n\r\nabc")
        assert begun.wait(20)
        assert budget.used_bytes == 3
    assert ended.wait(20)
    until(lambda: outcomes == ["499"])
    assert budget.used_bytes == 0
