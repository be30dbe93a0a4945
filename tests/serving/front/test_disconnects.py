"""Work ends with its client."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from serving.front.bodies import run_until_disconnect
from serving.front.messages import ClientGone


def test_work_goes_on_while_its_client_waits() -> None:
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


def test_work_ends_when_its_client_leaves() -> None:
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


def test_work_ends_when_the_server_ends_it() -> None:
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
