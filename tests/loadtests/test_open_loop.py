"""Test the open loop: constant rate and classification of replies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from loadtests import open_loop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"


@contextmanager
def answering(reply: Callable[[int], bytes]) -> Iterator[int]:
    """Server on a free port that answers the n-th connection and closes it."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:

        def serve() -> None:
            for number in range(10**6):
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    received = b""
                    while b"{}" not in received:
                        received += connection.recv(65536)
                    connection.sendall(reply(number))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("reply", "seen"),
    [(OK, (200, False)), (BUSY, (503, True)), (FULL, (503, False)), (CUT_OFF, (0, False))],
)
def test_classifies_replies(reply: bytes, seen: tuple[int, bool]) -> None:
    with answering(lambda number: reply) as port:
        replies = open_loop.send(port, [open_loop.request("/", b"{}")], rate=100, seconds=0.2)

    assert {(one.status, one.retry_after) for one in replies} == {seen}
    assert all(one.seconds >= 0 for one in replies)


def test_rate_does_not_depend_on_answers() -> None:
    # No request is answered; a client that waits would have sent one.
    with socket.create_server(("127.0.0.1", 0), backlog=500) as silent:
        port = silent.getsockname()[1]
        replies = open_loop.send(
            port, [open_loop.request("/", b"{}")], rate=200, seconds=0.2, patience=0.5
        )

    assert len(replies) >= 20
    assert {one.status for one in replies} == {0}


def test_refused_connection_counts_as_unanswered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    replies = open_loop.send(port, [open_loop.request("/", b"{}")], rate=50, seconds=0.1)

    assert {one.status for one in replies} == {0}
