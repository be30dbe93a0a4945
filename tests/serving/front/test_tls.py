"""Test connections over TLS, whose transport behaves differently."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.serving.front.certificates import pair
from tests.serving.front.conftest import PATIENT, Served, Serving, error, response, rest, until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"

Connect = Callable[[Served], socket.socket]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """uvicorn's options for a self-signed certificate."""
    file, key = pair(tmp_path_factory.mktemp("tls"))
    return {"ssl_keyfile": str(key), "ssl_certfile": str(file)}


@pytest.fixture
def connect() -> Connect:
    """Client that connects with TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return lambda served: context.wrap_socket(served.connect())


def test_serves_requests_on_one_connection_in_order(
    serving: Serving, certificate: dict[str, str], connect: Connect
) -> None:
    served = serving(PATIENT, **certificate)
    served.application.response = bytes(3_000_000)
    with connect(served) as client:
        for _ in range(3):
            client.sendall(GET)
            assert response(client).endswith(b"<>")
            client.sendall(GET.replace(b" / ", b" /large "))
            assert len(response(client)) > 3_000_000
        client.sendall(b"NONSENSE\r\n\r\n")
        assert error(rest(client))[0] == 400


def test_missing_headers_time_out_and_bodies_are_rejected(
    serving: Serving, certificate: dict[str, str], connect: Connect
) -> None:
    served = serving(replace(PATIENT, header_seconds=0.5), **certificate)
    with connect(served) as client:
        client.sendall(GET[:8])
        assert error(rest(client))[0] == 408
    with connect(served) as client:
        client.sendall(POST.replace(b" / ", b" /early "))
        assert rest(client).startswith(b"HTTP/1.1 413")
    until(lambda: served.open == 0)


def test_connection_above_the_limit_gets_503(
    serving: Serving, certificate: dict[str, str], connect: Connect
) -> None:
    served = serving(replace(PATIENT, max_connections=1), **certificate)
    with connect(served) as busy:
        busy.sendall(POST)
        assert served.application.entered.acquire(timeout=20)
        with connect(served) as client:
            assert error(rest(client))[0] == 503
        busy.sendall(b"0123456789")
        assert response(busy).endswith(b"<0123456789>")


def test_client_that_does_not_read_is_disconnected(
    serving: Serving, certificate: dict[str, str], connect: Connect
) -> None:
    served = serving(replace(PATIENT, write_seconds=0.3), timeout_keep_alive=1, **certificate)
    served.application.response = bytes(20_000_000)
    with connect(served) as client:
        client.sendall(GET.replace(b" / ", b" /large "))
        until(lambda: served.open == 1)
        until(lambda: served.open == 0)
