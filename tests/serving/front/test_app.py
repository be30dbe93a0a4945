"""Test the front over HTTP with a double of the upstream."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from serving.front.messages import FrontRequest, FrontResponse
from serving.front.settings import FrontSettings
from tests.serving.front.conftest import until
from tests.serving.front.fronts import JPEG, PREDICT, SECONDS, Served, log_lines, serving


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(FrontSettings()) as given:
        yield given


def test_valid_request_is_forwarded_and_answered(served: Served) -> None:
    _, upstream, client, _ = served
    headers = JPEG | {"X-Method": "lime", "Explain": "True", "X-Probe": "true", "Cookie": "a=b"}

    reply = client.post(f"{PREDICT}?x=1", content=b"photograph", headers=headers)

    assert (reply.status_code, reply.json()) == (200, {"label": "cancer"})
    assert len(reply.headers["x-request-id"]) == 16
    (request,) = upstream.requests
    assert request == FrontRequest("predict", PREDICT, b"photograph", False, {"method": "lime"})


def test_file_of_a_form_becomes_the_body(served: Served) -> None:
    _, upstream, client, _ = served

    reply = client.post(PREDICT, files={"image": ("x.jpg", b"photograph", "image/jpeg")})

    assert reply.status_code == 200
    assert upstream.requests[0].body == b"photograph"
    assert not upstream.requests[0].is_json


@pytest.mark.parametrize(
    ("settings", "path", "headers", "body", "status", "message"),
    [
        (FrontSettings(), "/other", JPEG, b"MARKER", 404, "no such path"),
        (FrontSettings(), PREDICT, {"Content-Type": "text/MARKER"}, b"x", 415, "not accepted"),
        (FrontSettings(max_body_bytes=5), PREDICT, JPEG, b"MARKER", 413, "at most 5 bytes"),
        (FrontSettings(buffer_bytes=5), PREDICT, JPEG, b"MARKER", 503, "too many uploads"),
        (FrontSettings(), PREDICT, JPEG | {"X-Method": "MARKER" * 9}, b"", 400, "x-method"),
        (FrontSettings(verbs=("explain",)), PREDICT, JPEG, b"x", 404, "does not answer :predict"),
    ],
)
def test_rejections_do_not_quote_the_request(
    settings: FrontSettings,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    message: str,
) -> None:
    with serving(settings) as (_, upstream, client, _):
        reply = client.post(path, headers=headers, content=body)

        assert reply.status_code == status
        assert message in reply.json()["error"]
        assert "MARKER" not in reply.text
        assert upstream.requests == []
        assert (reply.headers.get("retry-after") is not None) == (status == 503)


def test_rejects_requests_above_max_in_flight() -> None:
    with serving(FrontSettings(max_in_flight=1)) as (front, upstream, client, _):
        upstream.release.clear()
        answers: list[int] = []

        def ask() -> None:
            answers.append(client.post(PREDICT, content=b"x", headers=JPEG).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        assert upstream.entered.acquire(timeout=SECONDS)
        rejected = client.post(PREDICT, content=b"x", headers=JPEG)
        assert (rejected.status_code, rejected.headers["retry-after"]) == (503, "1")
        assert "too many requests at once" in rejected.json()["error"]
        upstream.release.set()
        thread.join(SECONDS)

        assert answers == [200]
        assert front.in_flight == 0


def test_disconnect_cancels_the_request(served: Served) -> None:
    front, upstream, client, _ = served
    upstream.release.clear()
    with pytest.raises(httpx.ReadTimeout):
        client.post(PREDICT, content=b"x", headers=JPEG, timeout=0.3)

    assert upstream.cancelled.wait(SECONDS)
    upstream.release.set()
    assert client.post(PREDICT, content=b"x", headers=JPEG).status_code == 200
    assert front.in_flight == 0


def test_passes_on_retry_after_of_the_runtime(served: Served) -> None:
    _, upstream, client, _ = served
    upstream.response = FrontResponse(503, b'{"error": "busy"}', 7)

    reply = client.post(PREDICT, content=b"x", headers=JPEG)

    assert (reply.status_code, reply.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize("ready", [True, False])
def test_health_routes_report_readiness(served: Served, ready: bool) -> None:
    _, upstream, client, _ = served
    upstream.ready, upstream.why_not_ready = ready, "" if ready else "no worker"
    status = 200 if ready else 503

    assert client.get("/").json() == {"status": "alive"}
    assert client.get("/v1/models").json() == {"models": ["melanoma"]}
    model = client.get("/v1/models/melanoma")
    assert (model.status_code, model.json()) == (status, {"name": "melanoma", "ready": ready})
    for path in ("/ready", "/ping"):
        reply = client.get(path)
        assert reply.status_code == status
        assert reply.json().get("reason") == (None if ready else "no worker")
    assert client.head("/").content == b""


def test_closes_connections_while_draining(served: Served) -> None:
    front, _, client, _ = served
    assert "connection" not in client.post(PREDICT, content=b"x", headers=JPEG).headers

    front.draining = True

    reply = client.post(PREDICT, content=b"x", headers=JPEG)
    assert (reply.status_code, reply.headers["connection"]) == (200, "close")
    assert client.get("/ready").status_code == 503


def test_logs_one_line_a_request_without_its_content(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, client, registry = served
    with caplog.at_level(logging.INFO):
        reply = client.post(f"{PREDICT}?MARKER", content=b"MARKER", headers={"X-MARKER": "MARKER"})
        client.post("/MARKER", content=b"MARKER", headers=JPEG)
        # A request's line follows its response.
        until(lambda: len(log_lines(caplog)) == 2)

    lines = log_lines(caplog)
    assert " predict 200 " in lines[0]
    assert lines[0].endswith(reply.headers["x-request-id"])
    assert " - 404 " in lines[1]
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert "MARKER" not in "".join(ours)
    counted = registry.get_sample_value(
        "lesionlens_http_responses_total", {"route": "predict", "status": "200"}
    )
    assert counted == 1


def test_requests_on_one_connection_are_answered_in_order(served: Served) -> None:
    _, upstream, client, _ = served

    async def echo(request: FrontRequest) -> FrontResponse:
        # Later requests would be done sooner.
        await asyncio.sleep(0.2 / (1 + len(upstream.requests)))
        upstream.requests.append(request)
        return FrontResponse(200, request.body)

    upstream.answer = echo  # type: ignore[method-assign]
    bodies = [b"first", b"second", b"third"]
    sent = b"".join(
        b"POST /predictions/melanoma HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in bodies
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        raw.settimeout(SECONDS)
        raw.sendall(sent)
        received = b""
        while not all(body in received for body in bodies):
            received += raw.recv(65_536)

    assert received.count(b"HTTP/1.1 200") == 3
    assert sorted(bodies, key=received.index) == bodies


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://clinic.example", True), ("https://other.example", False)]
)
def test_cors_allows_configured_origins(origin: str, allowed: bool) -> None:
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    with serving(FrontSettings(cors_origins=("https://clinic.example",))) as (_, _, client, _):
        asked = client.options(PREDICT, headers=preflight)
        reply = client.post(PREDICT, content=b"x", headers=JPEG | {"Origin": origin})

    assert (asked.status_code == 200) is allowed
    for found in (asked, reply):
        assert (found.headers.get("access-control-allow-origin") == origin) is allowed


def test_cors_is_off_by_default(served: Served) -> None:
    _, _, client, _ = served
    headers = {"Origin": "https://clinic.example", "Access-Control-Request-Method": "POST"}

    assert client.options(PREDICT, headers=headers).status_code == 405
    reply = client.post(PREDICT, content=b"x", headers=JPEG | headers)
    assert "access-control-allow-origin" not in reply.headers
