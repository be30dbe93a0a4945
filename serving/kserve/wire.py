"""Messages between server and workers: JSON and bytes over a Unix socket.

A message consists of two lengths, a JSON object, and the bodies that it describes. Both ends are
this project's; client input is only among the bodies.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

LENGTHS: Final = struct.Struct("!IQ")
"""Lengths in bytes of the JSON and of all bodies."""


@dataclass(frozen=True)
class WorkRequest:
    """One request as a worker receives it; the fields are those of the handlers' RawRequest."""

    body: bytes
    verb: str
    content_type: str = ""
    method: str | None = None
    target: str | None = None
    box: str | None = None
    receipt: str | None = None
    groups: str | None = None
    probe: bool = False
    """Whether it is a health probe of the server itself, which metrics do not count."""


@dataclass(frozen=True)
class WorkAnswer:
    """A worker's answer to one request."""

    status: int
    """HTTP status."""

    body: bytes
    """JSON document."""

    retry_after: int | None = None
    """Seconds after which the same request may be answered."""


Answers = dict[int, WorkAnswer]
"""Answers of a batch, by index."""


def pack(head: dict[str, Any], bodies: Sequence[bytes] = ()) -> list[bytes]:
    """Write a message as parts to send in this order.

    Args:
        head: the JSON object.
        bodies: whose lengths it names.
    """
    text = json.dumps(head).encode()
    return [LENGTHS.pack(len(text), sum(map(len, bodies))) + text, *bodies]


def batch_message(requests: Sequence[WorkRequest]) -> list[bytes]:
    """Write the message that sends requests to a worker."""
    rows = [
        [
            len(request.body),
            *(request.verb, request.content_type),
            *(request.method, request.target, request.box, request.receipt, request.groups),
            request.probe,
        ]
        for request in requests
    ]
    return pack({"requests": rows}, [request.body for request in requests])


def answers_message(answers: Answers, *, last: bool) -> list[bytes]:
    """Write the message that returns answers.

    Args:
        answers: some or all of a batch.
        last: whether the batch is done.
    """
    rows = [
        [index, len(answer.body), answer.status, answer.retry_after]
        for index, answer in answers.items()
    ]
    return pack({"answers": rows, "last": last}, [answer.body for answer in answers.values()])


def answers_in(head: dict[str, Any], payload: bytes) -> Answers:
    """Read the answers of an answers message."""
    rows = head["answers"]
    answers, start = {}, 0
    for index, length, status, retry_after in rows:
        answers[index] = WorkAnswer(status, payload[start : start + length], retry_after)
        start += length
    return answers


def receive_requests(connection: socket.socket) -> list[WorkRequest]:
    """Wait for a batch message; each body is in memory once.

    Raises:
        EOFError: the other end has closed the socket.
    """
    text, _ = LENGTHS.unpack(_exactly(connection, LENGTHS.size))
    rows = json.loads(_exactly(connection, text))["requests"]
    return [WorkRequest(_exactly(connection, row[0]), *row[1:]) for row in rows]


async def read(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """Wait for a message in an event loop.

    Raises:
        asyncio.IncompleteReadError: the other end has closed the socket; an EOFError.
    """
    text, payload = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
    return json.loads(await reader.readexactly(text)), await reader.readexactly(payload)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray(count)
    view = memoryview(received)
    while view:
        done = connection.recv_into(view)
        if not done:
            raise EOFError("the other end has closed the socket")
        view = view[done:]
    return bytes(received)
