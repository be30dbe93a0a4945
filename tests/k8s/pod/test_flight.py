"""A pod is idle when nothing is queued, nothing computes and no byte waits to be read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from k8s.pod import flight


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "SAMPLE_SECONDS", 0.02)


@contextmanager
def python(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_process_that_sleeps_is_idle() -> None:
    with python("import time; print(flush=True); time.sleep(60)") as pid:
        assert flight.wait_idle(lambda: 0, {pid}, port=1, seconds=20)


def test_a_process_that_computes_is_not() -> None:
    with python("print(flush=True)\nwhile True: pass") as pid:
        assert not flight.wait_idle(lambda: 0, {pid}, port=1, seconds=1)


def test_a_process_that_is_gone_does_not_hold_up_the_end() -> None:
    with python("print(flush=True)") as pid:
        pass

    assert flight.wait_idle(lambda: 0, {pid}, port=1, seconds=20)


def test_a_request_in_the_queue_is_waited_for() -> None:
    left = [1] * 5

    assert flight.wait_idle(lambda: left.pop() if left else 0, (), port=1, seconds=20)
    assert left == []
    assert not flight.wait_idle(lambda: 1, (), port=1, seconds=1)


def test_an_answer_that_its_client_has_not_read_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = listening.accept()
            with connection:
                connection.setblocking(False)
                # More than both sides buffer: some of it stays in the server's queue.
                while True:
                    try:
                        connection.send(os.urandom(65536))
                    except BlockingIOError:
                        break
                assert not flight.wait_idle(lambda: 0, (), port=port, seconds=1)
                connection.setblocking(True)
                connection.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
                assert flight.wait_idle(lambda: 0, (), port=port, seconds=20)
