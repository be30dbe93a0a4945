"""Test decoding of uploads: queue, deadline and health."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO

import httpx
import pytest

from handlers.structure import Box
from serving.front.buffers import ByteBudget
from tests.serving.front.conftest import until
from tests.web.conftest import Double
from tests.web.serving import page, post, status
from web import app
from web.decoding import HEALTH_SECONDS, Decoder
from web.errors import PageError
from web.settings import PageSettings

FILE = io.BytesIO(b"")


class Slow:
    """Decoder that blocks until it is released, and counts calls."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.release = threading.Event()
        self.error: Exception | None = None

    def __call__(self, file: BinaryIO, max_pixels: int, box: Box) -> bytes:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        released = self.release.wait(30)
        self.at_once -= 1
        assert released
        if self.error is not None:
            raise self.error
        return b"square"


@pytest.fixture
def slow() -> Iterator[Slow]:
    decode = Slow()
    yield decode
    decode.release.set()


async def kind(result: Awaitable[bytes]) -> str:
    """Result of a photograph's decoding."""
    try:
        return (await result).decode()
    except PageError as error:
        return error.kind


async def until_(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def test_decodings_run_one_at_a_time(slow: Slow) -> None:
    decoder = Decoder(30, 10, slow)
    slow.release.set()

    async def run() -> list[bytes]:
        return await asyncio.gather(*(decoder.square(FILE, 1) for _ in range(8)))

    assert asyncio.run(run()) == [b"square"] * 8
    assert slow.most_at_once == 1


def test_queue_is_bounded(slow: Slow) -> None:
    async def run() -> tuple[str, list[str]]:
        decoder = Decoder(30, 2, slow)
        waiting = [asyncio.ensure_future(kind(decoder.square(FILE, 1))) for _ in range(3)]
        await until_(lambda: slow.begun == 1)
        rejected = await kind(decoder.square(FILE, 1))
        slow.release.set()
        return rejected, await asyncio.gather(*waiting)

    assert asyncio.run(run()) == ("busy", ["square"] * 3)


def test_deadline_includes_the_wait_and_a_running_decoding_keeps_its_slot(slow: Slow) -> None:
    async def run() -> None:
        decoder = Decoder(0.05, 10, slow)
        kinds = await asyncio.gather(*(kind(decoder.square(FILE, 1)) for _ in range(3)))
        assert kinds == ["slow_picture", "busy", "busy"]
        assert await kind(decoder.square(FILE, 1)) == "busy"  # 400 MB may still be in use
        assert slow.begun == 1
        slow.release.set()
        await until_(lambda: slow.at_once == 0)
        await until_(lambda: decoder.problem() is None)
        assert await kind(decoder.square(FILE, 1)) == "square"

    asyncio.run(run())


def test_upload_of_a_disconnected_visitor_is_not_decoded(slow: Slow) -> None:
    async def run() -> None:
        decoder = Decoder(30, 1, slow)
        first, leaving = (asyncio.ensure_future(decoder.square(FILE, 1)) for _ in range(2))
        await until_(lambda: slow.begun == 1)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        last = asyncio.ensure_future(decoder.square(FILE, 1))  # there is a place again
        await asyncio.sleep(0)
        slow.release.set()
        assert await asyncio.gather(first, last) == [b"square", b"square"]
        assert slow.begun == 2

    asyncio.run(run())


def test_stuck_decoder_fails_the_health_check_until_it_ends(slow: Slow) -> None:
    now = 0.0

    async def run() -> None:
        nonlocal now
        decoder = Decoder(20, 1, slow, lambda: now)
        leaving = asyncio.ensure_future(decoder.square(FILE, 1))
        await until_(lambda: slow.begun == 1)
        leaving.cancel()
        now = 20
        assert decoder.problem() is None
        now = 21
        assert "for more than 20 seconds" in (decoder.problem() or "")
        slow.release.set()
        await until_(lambda: decoder.problem() is None)

    asyncio.run(run())


def test_repeated_failures_fail_the_health_check_for_a_while(slow: Slow) -> None:
    now = 0.0
    slow.release.set()

    async def run() -> None:
        nonlocal now
        decoder = Decoder(20, 1, slow, lambda: now)

        async def fail() -> None:
            slow.error = MemoryError()
            with pytest.raises(MemoryError):
                await decoder.square(FILE, 1)

        for _ in range(2):
            await fail()
        assert decoder.problem() is None
        await fail()
        assert "could not be decoded" in (decoder.problem() or "")
        now += HEALTH_SECONDS + 1
        assert decoder.problem() is None
        now -= 1
        assert decoder.problem()
        slow.error = PageError("broken")  # that is the photograph's
        assert await kind(decoder.square(FILE, 1)) == "broken"
        assert decoder.problem() is None
        for _ in range(3):
            await fail()
        assert decoder.problem()
        slow.error = None
        await decoder.square(FILE, 1)
        assert decoder.problem() is None

    asyncio.run(run())


def test_late_decoding_counts_as_failure(slow: Slow) -> None:
    async def run() -> None:
        decoder = Decoder(0.05, 1, slow)
        for _ in range(3):
            assert await kind(decoder.square(FILE, 1)) == "slow_picture"
            slow.release.set()
            await until_(lambda: not decoder.busy)
            slow.release.clear()
        assert "could not be decoded" in (decoder.problem() or "")

    asyncio.run(run())


def test_health_fails_and_recovers(
    slow: Slow, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Decoder", partial(Decoder, decode=slow))
    with page(Double(), PageSettings(page_decode_seconds=0.1)) as served:

        def health() -> int:
            return httpx.get(f"http://127.0.0.1:{served.port}/healthz").status_code

        assert health() == 200
        assert status(served, photograph) == 422
        until(lambda: health() == 503)
        slow.release.set()
        until(lambda: health() == 200)


def test_disconnected_visitor_leaves_the_queue(
    slow: Slow, photograph: bytes, budget: ByteBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Decoder", partial(Decoder, decode=slow))
    settings = PageSettings(page_uploads=2, page_decode_seconds=600)
    with page(Double(), settings) as served:
        with served.connect() as first, served.connect() as second:
            for client in (first, second):
                client.sendall(post(photograph))
            until(lambda: slow.begun == 1)
            until(lambda: status(served, photograph) == 503)
        # Both have left: one was being decoded, one waited. There are places again.
        until(lambda: budget.used_bytes == 0)
        slow.release.set()
        assert status(served, photograph) == 200
    assert slow.begun == 2
