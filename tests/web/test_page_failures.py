"""Test the failure pages: status, help, and nothing of the photograph."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.page_texts import sentence
from tests.web.conftest import Double, Elements, Reply, Visit
from web.app import create_app
from web.settings import PageSettings

NOT_A_PICTURE = sentence("failures.not_a_picture.heading")
TOO_LARGE = sentence("failures.too_large.text", limit=2)
FAILURES: list[tuple[Reply, int, str]] = [
    (Reply({"error": "instance 0: <b>20 x 20</b> pixels"}, 400), 400, "<b>20 x 20</b> pixels"),
    (Reply({}, 503, {"retry-after": "9"}), 503, "Send it again in 9 seconds"),
    (Reply({}, 500), 502, sentence("failures.unreadable_answer.heading")),
    (Reply(None, error=httpx.ConnectError("refused")), 502, sentence("failures.down.heading")),
    (Reply({}, seconds=30), 504, "within 0.3 seconds"),
]


@pytest.mark.parametrize(("reply", "status", "told"), FAILURES)
def test_shows_failure_of_the_service(
    reply: Reply, status: int, told: str, upload: Visit, photograph: bytes
) -> None:
    page = upload(photograph, Double(predict=reply), settings=PageSettings(page_seconds=0.3))

    elements = Elements(page.text)
    assert page.status_code == status
    assert told in elements.text
    assert {"class": "failure", "role": "alert"} in elements.of("section")
    assert elements.of("form")  # to try again
    assert not elements.of("b")
    assert page.headers.get("retry-after") == reply.headers.get("retry-after")


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        ({}, 400, sentence("failures.no_file.heading")),
        ({"data": {"photograph": "text"}}, 400, sentence("failures.no_file.heading")),
        ({"files": {"photograph": ("", b"")}}, 400, sentence("failures.no_file.heading")),
        ({"files": {"other": ("x.jpg", b"x")}}, 400, sentence("failures.no_file.heading")),
        (
            {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
            400,
            sentence("failures.unreadable_form.heading"),
        ),
        (
            {"files": [("photograph", ("a", b"a")), ("photograph", ("b", b"b"))]},
            400,
            sentence("failures.unreadable_form.heading"),
        ),
        (
            {"files": {"photograph": ("x.jpg", b"<svg/>")}},
            415,
            sentence("failures.not_a_picture.heading"),
        ),
        (
            {"files": {"photograph": ("x.jpg", bytes(2_000_001))}},
            413,
            sentence("failures.too_large.text", limit=2),
        ),
        (
            {"files": {"photograph": ("x.jpg", bytes(9_000_000))}},
            413,
            sentence("failures.too_large.text", limit=2),
        ),
    ],
)
def test_unusable_upload_is_explained_and_not_forwarded(
    request_: dict[str, Any], status: int, told: str, visit: Visit
) -> None:
    double = Double()
    page = visit("POST", double=double, settings=PageSettings(page_max_bytes=2_000_000), **request_)

    assert page.status_code == status
    assert told in Elements(page.text).text
    assert double.asked == []


def test_upload_of_unknown_length_is_limited(visit: Visit) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        head = b'--x\r\nContent-Disposition: form-data; name="photograph"; filename="a"\r\n\r\n'
        yield head
        for _ in range(40):
            read += 100_000
            yield bytes(100_000)

    page = visit(
        "POST",
        settings=PageSettings(page_max_bytes=500_000),
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )

    assert page.status_code == 413
    assert read == 4_000_000  # the rest was read and thrown away, so that a browser sees the page


def test_file_name_is_not_shown_logged_or_forwarded(
    upload: Visit, photograph: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    double = Double(explain=Reply({}, 500))
    shown = [upload(photograph, double), upload(b"a", double)]
    shown += [upload(photograph, Double(predict=reply)) for reply, _, _ in FAILURES[:4]]

    assert all("alert(1)" not in page.text for page in shown)
    ours = [record for record in caplog.records if record.name.startswith("web")]
    assert len(ours) == 4  # one for each failure that the operator can fix
    for record in caplog.records:
        assert "alert(1)" not in record.getMessage()
        assert "base64" not in record.getMessage()
    for path, headers, body in double.asked:
        assert b"alert(1)" not in body + path.encode() + repr(headers).encode()


def test_too_many_uploads_get_503(photograph: bytes) -> None:
    double = Double()
    double.predict.seconds = 0.5
    settings = PageSettings(page_uploads=3, page_max_concurrency=1)

    async def run() -> list[httpx.Response]:
        page = create_app(settings, httpx.ASGITransport(double))
        transport = httpx.ASGITransport(page)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            files = {"photograph": ("x.jpg", photograph, "image/jpeg")}
            return await asyncio.gather(*(client.post("/", files=files) for _ in range(5)))

    replies = asyncio.run(run())

    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 503, 503]
    assert {reply.headers.get("retry-after") for reply in replies} == {None, "5"}
