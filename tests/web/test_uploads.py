"""Test limits of uploads: time, rate and bytes."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from starlette import formparsers

from serving.front.bodies import BodyLimits
from serving.front.buffers import ByteBudget
from tests.page_texts import sentence
from tests.serving.front.conftest import Served, rest, until
from tests.web.conftest import Double, Elements, Visit
from tests.web.serving import page, post, status
from web import uploads
from web.settings import PageSettings


def begin(served: Served, data: bytes) -> socket.socket:
    """Send a part of a request."""
    client = served.connect()
    client.sendall(data)
    return client


def test_unfinished_uploads_do_not_block_others(photograph: bytes) -> None:
    settings = PageSettings(page_uploads=4, page_max_concurrency=1)
    with page(Double(), settings) as served, ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(begin(served, post(photograph)[:-100]))
        until(lambda: served.open == 64)

        assert [status(served, photograph) for _ in range(5)] == [200] * 5


def test_stalled_upload_is_answered_and_closed(photograph: bytes) -> None:
    settings = PageSettings(page_upload_seconds=0.3)
    with page(Double(), settings) as served, begin(served, post(photograph)[:-1]) as client:
        answer = rest(client)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    assert sentence("failures.slow_upload.heading").encode() in answer


def test_an_upload_has_a_minimum_rate(photograph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {"grace_seconds": 0.2, "stall_seconds": 3600}
    monkeypatch.setattr(uploads, "BodyLimits", partial(BodyLimits, **slow))
    settings = PageSettings(page_upload_seconds=3600, page_min_bytes_per_second=10**7)
    with page(Double(), settings) as served, begin(served, post(photograph)[:-1]) as client:
        assert rest(client).startswith(b"HTTP/1.1 408")


def test_total_upload_bytes_are_bounded(photograph: bytes, budget: ByteBudget) -> None:
    with page(Double()) as served:
        with begin(served, post(bytes(1_999_000))[:-1]):
            until(lambda: budget.used_bytes > 1_999_000)
            assert status(served, photograph) == 503
        until(lambda: budget.used_bytes == 0)
        assert status(served, photograph) == 200
    assert budget.used_bytes == 0


def test_total_upload_limit_is_a_setting(photograph: bytes) -> None:
    with page(Double(), PageSettings(page_buffer_bytes=1_000)) as served:
        assert status(served, photograph) == 503


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Its disk is full"), ("da", "Dens disk er fuld")]
)
def test_full_disk_shows_a_message(
    language: str, text: str, upload: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnAFullDisk(SpooledTemporaryFile[bytes]):
        def rollover(self) -> None:
            self._file: Any = Path("/dev/full").open("w+b", buffering=0)  # noqa: SIM115
            self._rolled = True
            self._file.write(b"x")

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", OnAFullDisk)

    reply = upload(bytes(200_000), path=f"/?lang={language}")

    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "60"
    assert text in Elements(reply.text).text


def test_other_disk_error_is_not_reported_as_full(
    upload: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**options: Any) -> None:
        raise OSError(errno.EIO, "a broken disk")

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", fail)

    assert upload(b"a").status_code == 500


def test_uploads_are_mostly_on_disk() -> None:
    assert formparsers.MultiPartParser.spool_max_size == 65_536


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"data": {"sample": "x" * 100_000}}, 413),
        ({"data": {"sample": "x" * 10_000}}, 400),
        ({"data": {"version": "x" * 10_000}, "files": {"photograph": ("x", b"x")}}, 400),
    ],
)
def test_limits_requests_without_a_file(
    request_: dict[str, Any], expected: int, visit: Visit
) -> None:
    assert visit("POST", **request_).status_code == expected


def test_large_upload_gets_no_100_continue() -> None:
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 99000000\r\nExpect: 100-continue\r\n\r\n"
    )
    with page(Double()) as served:
        answer = served.send(head)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"At most 15 MB are accepted" in answer


def test_work_for_a_disconnected_visitor_is_cancelled(photograph: bytes) -> None:
    double = Double()
    double.predict.seconds = double.explain.seconds = 3600
    with page(double, PageSettings(page_max_concurrency=1, page_uploads=1)) as served:
        with begin(served, post(photograph)):
            until(lambda: len(double.asked) == 2)
        double.predict.seconds = double.explain.seconds = 0

        until(lambda: status(served, photograph) == 200)
