"""Test limits of connections: number and time."""

from __future__ import annotations

import socket
from dataclasses import replace
from functools import partial

import pytest

from serving.front.connections import ConnectionLimits, GuardedH11Protocol, guarded_protocol
from tests.serving.front.conftest import PATIENT, Serving, error, response, rest, until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


def test_missing_headers_get_408(serving: Serving) -> None:
    served = serving(replace(PATIENT, header_seconds=0.2))

    status, message = error(served.send(GET[:-1]))

    assert status == 408
    assert "in time" in message
    until(lambda: served.open == 0)


def test_silent_connection_is_closed(serving: Serving) -> None:
    assert serving(replace(PATIENT, header_seconds=0.2)).send(b"") == b""


def test_next_request_has_the_same_header_timeout(serving: Serving) -> None:
    served = serving(replace(PATIENT, header_seconds=0.5))
    with served.connect() as client:
        for _ in range(2):
            client.sendall(GET)
            assert response(client).startswith(b"HTTP/1.1 200")
        client.sendall(GET[:5])
        assert error(rest(client))[0] == 408


def test_header_timeout_does_not_limit_the_request(serving: Serving) -> None:
    served = serving(replace(PATIENT, header_seconds=0.1))
    with served.connect() as slow, served.connect() as idle:
        slow.sendall(POST)
        assert rest(idle) == b""  # the time for headers is over
        slow.sendall(b"0123456789")
        assert response(slow).endswith(b"<0123456789>")


def test_idle_connection_has_the_keep_alive_timeout_of_uvicorn(serving: Serving) -> None:
    served = serving(replace(PATIENT, header_seconds=0.05), timeout_keep_alive=1)
    with served.connect() as client:
        client.sendall(GET)
        response(client)
        assert rest(client) == b""


def test_connection_above_the_limit_gets_503(serving: Serving) -> None:
    served = serving(replace(PATIENT, max_connections=2))
    with served.connect() as first, served.connect() as second:
        for client in (first, second):
            client.sendall(POST)
            assert served.application.entered.acquire(timeout=20)
        answer = served.send(GET)
        assert error(answer)[0] == 503
        assert b"\r\nRetry-After: 5\r\n" in answer
        first.sendall(b"0123456789")
        assert response(first).startswith(b"HTTP/1.1 200")
    until(lambda: served.open == 0)
    assert served.protocol.open_connections.rejected == 0
    with served.connect() as client:
        client.sendall(GET)
        assert response(client).startswith(b"HTTP/1.1 200")


def test_longest_idle_connection_is_closed_for_a_new_one(serving: Serving) -> None:
    served = serving(replace(PATIENT, max_connections=3))
    with served.connect() as older, served.connect() as newer, served.connect() as busy:
        busy.sendall(POST)
        for client in (older, newer):
            client.sendall(GET)
            response(client)
        with served.connect() as third:
            third.sendall(GET)
            assert response(third).startswith(b"HTTP/1.1 200")
        assert rest(older) == b""
        newer.sendall(GET)
        assert response(newer).startswith(b"HTTP/1.1 200")
        busy.sendall(b"0123456789")
        assert response(busy).startswith(b"HTTP/1.1 200")


def test_unfinished_headers_do_not_block_other_clients(serving: Serving) -> None:
    served = serving(replace(PATIENT, max_connections=8))
    slow = [served.connect() for _ in range(40)]
    try:
        for client in slow:
            with served.connect() as visitor:
                visitor.sendall(GET)
                assert response(visitor).startswith(b"HTTP/1.1 200")
            try:
                client.sendall(b"GET / HTTP/1.1\r\n")
            except OSError:
                continue  # it has made room already
        assert served.open <= 8
    finally:
        for client in slow:
            client.close()


def test_servers_in_one_process_count_separately(serving: Serving) -> None:
    one, other = (serving(replace(PATIENT, max_connections=1)) for _ in range(2))
    with one.connect() as busy:
        busy.sendall(POST)
        assert one.application.entered.acquire(timeout=20)
        with other.connect() as client:
            client.sendall(GET)
            assert response(client).startswith(b"HTTP/1.1 200")
    assert guarded_protocol().limits == ConnectionLimits()


def test_client_that_does_not_read_is_disconnected(serving: Serving) -> None:
    served = serving(replace(PATIENT, write_seconds=0.3))
    served.application.response = bytes(20_000_000)
    with served.connect(receive_buffer=4096) as client:
        client.sendall(GET.replace(b" / ", b" /large "))
        until(lambda: served.open == 1)
        until(lambda: served.open == 0)


def test_slow_reader_gets_the_whole_response(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[None] = []
    check = GuardedH11Protocol._check_writing

    def counted(self: GuardedH11Protocol) -> None:
        checks.append(None)
        check(self)

    monkeypatch.setattr(GuardedH11Protocol, "_check_writing", counted)
    served = serving(replace(PATIENT, write_seconds=1, min_write_bytes_per_second=1))
    served.application.response = bytes(12_000_000)
    with served.connect(receive_buffer=4096) as client:
        client.sendall(GET.replace(b" / ", b" /large "))
        read = 0
        for share in (0.3, 0.6, 1):  # a check of its progress lies between two of them
            seen = len(checks)
            while read < share * 12_000_000:
                part = client.recv(65_536)
                assert part, f"closed after {read} bytes"
                read += len(part)
            if share < 1:
                until(partial(_more_than, seen, checks))


def _more_than(count: int, found: list[None]) -> bool:
    return len(found) > count


def test_rest_of_a_rejected_body_is_not_awaited(serving: Serving) -> None:
    served = serving()
    with served.connect() as client:
        client.sendall(POST.replace(b" / ", b" /early ") + b"01234")
        assert rest(client).startswith(b"HTTP/1.1 413")
        until(lambda: served.open == 0)


def test_client_can_read_a_rejection_after_sending_more(serving: Serving) -> None:
    """Check it, because TCP drops the response if a connection is closed with unread input."""
    served = serving(replace(PATIENT, linger_seconds=5))
    with served.connect() as client:
        client.sendall(
            b"POST /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: 3000000\r\n\r\n"
        )
        client.sendall(bytes(3_000_000))
        assert rest(client).startswith(b"HTTP/1.1 413")


def test_invalid_chunk_ends_the_request(serving: Serving) -> None:
    served = serving()
    with served.connect() as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
        )
        assert served.application.entered.acquire(timeout=20)
        client.sendall(b"SECRET\r\n")
        status, message = error(rest(client))
    assert status == 400
    assert "SECRET" not in message
    assert served.application.entered.acquire(timeout=20)
    assert served.application.disconnects == 1


@pytest.mark.parametrize("data", [b"", GET[:5], GET, POST])
def test_disconnect_releases_all_resources(data: bytes, serving: Serving) -> None:
    served = serving()
    client = served.connect()
    client.sendall(data)
    until(lambda: served.open == 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
    client.close()

    until(lambda: served.open == 0)
    shared = served.protocol.open_connections
    assert (shared.rejected, shared.idle, shared.in_headers) == (0, {}, {})
