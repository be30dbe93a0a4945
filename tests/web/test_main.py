"""Test ``python -m web``: addresses and limits."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.pages import SECONDS, running
from tests.serving.front.conftest import error, response, rest
from web import __main__ as main

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def test_prints_addresses_for_a_browser() -> None:
    assert main.url("::1", 8000) == "http://[::1]:8000"
    assert main.url("127.0.0.1", 80) == "http://127.0.0.1:80"


def test_open_file_limit_covers_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"soft": 1024, "hard": 4096}
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limits["soft"], limits["hard"]))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.update(soft=both[0]))

    main.allow_files(100)
    assert limits["soft"] == 1024
    main.allow_files(1_000)
    assert limits["soft"] == 2_256
    main.allow_files(100_000)
    assert limits["soft"] == 4_096


def test_connection_limits_apply_to_http_and_https(tmp_path: Path, root: Path) -> None:
    with running(
        tmp_path,
        "http://127.0.0.1:9",
        LESIONLENS_PAGE_HOST="::",
        LESIONLENS_PAGE_CONNECTIONS="2",
    ) as page:
        smuggled = GET.replace(b"Host", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\nHost")
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, page.port), timeout=SECONDS) as client:
                client.sendall(GET)
                assert response(client).endswith(b"ok\n")
                client.sendall(smuggled)
                assert error(rest(client))[0] == 400
        upload = (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        )
        busy = [socket.create_connection(("::1", page.port), timeout=SECONDS) for _ in range(2)]
        for client in busy:
            client.sendall(upload)
            assert client.recv(100).startswith(b"HTTP/1.1 100")
        with socket.create_connection(("::1", page.port), timeout=SECONDS) as third:
            third.sendall(b"G")
            answered = rest(third)
        for client in busy:
            client.close()
        assert error(answered)[0] == 503
        said = page.said()
        taken = subprocess.run(
            [sys.executable, "-m", "web"],
            cwd=root,
            env={"LESIONLENS_PAGE_PORT": str(page.port), "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    warning, address = said.splitlines()
    assert "others can reach ::" in warning
    assert address == f"page  http://[::]:{page.port}"
    assert taken.returncode == 2
    assert "cannot listen" in taken.stderr
    assert "LESIONLENS_PAGE_PORT" in taken.stderr
