"""Test that work ends when its client disconnects."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from serving.front.bodies import run_until_disconnect
from serving.front.messages import ClientGone


def test_work_continues_while_the_client_is_connected() -> None:
    async def waiting() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    async def failing() -> None:
        raise ValueError("a bug")

    assert asyncio.run(run_until_disconnect(waiting, work())) == "done"
    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(run_until_disconnect(waiting, failing()))


def test_disconnect_cancels_the_work() -> None:
    ended = []

    async def leaving() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    with pytest.raises(ClientGone):
        asyncio.run(run_until_disconnect(leaving, work()))
    assert ended == [True]


def test_shutdown_cancels_the_work() -> None:
    ended = []

    async def waiting() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run_until_disconnect(waiting, work())

    asyncio.run(run())
    assert ended == [True]
