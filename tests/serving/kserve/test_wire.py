"""Test messages between server and worker."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from serving.kserve import wire
from serving.kserve.wire import WorkAnswer, WorkRequest

REQUESTS = [
    WorkRequest(b"\x00\xff" * 300_000, "predict", "application/json"),
    WorkRequest(b"", "explain", "", "lime", "predicted", "0,0,0.5,0.5", "true", "site=north"),
    WorkRequest(b"x", "predict", probe=True),
]
ANSWERS = {2: WorkAnswer(200, b"{}"), 0: WorkAnswer(503, b'{"error": "x"}', 2)}


def test_requests_round_trip_batch_after_batch() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(
            target=lambda: ours.sendall(2 * b"".join(wire.batch_message(REQUESTS)))
        )
        sender.start()
        for _ in range(2):
            assert wire.receive_requests(theirs) == REQUESTS
        sender.join()


@pytest.mark.parametrize("last", [True, False])
def test_answers_round_trip(last: bool) -> None:
    async def read() -> tuple[object, object]:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(wire.answers_message(ANSWERS, last=last)))
        head, payload = await wire.read(reader)
        return wire.answers_in(head, payload), head["last"]

    assert asyncio.run(read()) == (ANSWERS, last)


def test_closed_connection_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(wire.LENGTHS.pack(100, 0) + b"half of")
        with pytest.raises(EOFError):
            wire.receive_requests(theirs)
