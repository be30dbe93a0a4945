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
    WorkRequest(b"", "explain", "", "lime", "predicted", "0,0,0.5,0.5"),
    WorkRequest(b"x", "predict", probe=True),
]
ANSWERS = {2: WorkAnswer(200, b"{}"), 0: WorkAnswer(503, b'{"error": "x"}', 2)}


def test_requests_and_responses_round_trip() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(
            target=lambda: ours.sendall(b"".join(wire.batch_message(REQUESTS)))
        )
        sender.start()
        assert wire.requests_in(*wire.receive(theirs)) == REQUESTS
        sender.join()
        theirs.sendall(b"".join(wire.answers_message(ANSWERS, last=False)))
        head, payload = wire.receive(ours)

    assert wire.answers_in(head, payload) == ANSWERS
    assert head["last"] is False


def test_async_reader_reads_the_same() -> None:
    async def read() -> object:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(wire.answers_message(ANSWERS, last=True)))
        return wire.answers_in(*await wire.read(reader))

    assert asyncio.run(read()) == ANSWERS


def test_closed_connection_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(wire.LENGTHS.pack(100, 0) + b"half of")
        with pytest.raises(EOFError):
            wire.receive(theirs)
