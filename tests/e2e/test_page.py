"""Test the upload page as a process with a real TorchServe."""

from __future__ import annotations

import base64
import html
import io
import re
import signal
import socket
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from serving.local import LocalServer
from tests.e2e.pages import NAME, SECONDS, Page, running, with_position
from tests.e2e.requests_of import EXPLAIN, PREDICT, instances
from tests.page_texts import sentence


def test_upload_gets_prediction_and_overlay_of_the_service(
    page: Page, client: httpx.Client, photographs: list[bytes]
) -> None:
    for photograph in (*photographs[:6], with_position(photographs[6])):
        reply = page.upload(photograph)

        answer = client.post(PREDICT, json=instances(photograph)).json()["predictions"][0]
        explained = client.post(EXPLAIN, json=instances(photograph)).json()["explanations"][0]
        page_text = html.unescape(reply.text).replace("\u00a0", " ")
        assert reply.status_code == 200
        key = "choice" if answer["review"] else "heading"
        assert sentence(f"answer.{key}.{answer['label']}") in page_text
        # One photograph alone or in a batch: the last digits may differ.
        (shown,) = re.findall(r"show cancer \((?:more than |less than )?([\d.]+) %\)", page_text)
        assert float(shown) == pytest.approx(100 * answer["probability"], abs=0.11)
        assert answer["model_version"] in page_text
        assert (sentence("review.yes") in page_text) is answer["review"]
        seen, overlay = re.findall(r'src="data:image/png;base64,([^"]+)"', reply.text)
        assert overlay == explained["overlay"]
        assert Image.open(io.BytesIO(base64.b64decode(seen))).size == (224, 224)


def test_200_megabyte_file_is_rejected_with_an_error_page(page: Page) -> None:
    reply = page.upload(bytes(200_000_000))

    assert reply.status_code == 413
    assert sentence("failures.too_large.text", limit=15) in reply.text


def test_upload_leaves_no_log_line_or_file(page: Page, photographs: list[bytes]) -> None:
    large = io.BytesIO()
    Image.open(io.BytesIO(photographs[0])).resize((1500, 1500)).save(large, "PNG", compress_level=0)
    assert len(large.getvalue()) > 2_000_000  # it passes through the temporary folder
    assert page.upload(large.getvalue()).status_code == 200
    assert page.upload(b"no picture").status_code == 415

    assert list(page.temporary.iterdir()) == []
    assert page.said().strip() == f"page  {page.url}"


def test_page_reports_unavailable_service(tmp_path: Path, photographs: list[bytes]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port
        predictor = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with running(tmp_path, predictor) as alone:
            reply = alone.upload(photographs[0])
            health = httpx.get(f"{alone.url}/healthz")
            said = alone.said()

    assert reply.status_code == 502
    assert sentence("failures.down.heading") in reply.text
    assert health.status_code == 200
    assert f"{predictor}/v1/models/melanoma:predict: down" in said
    assert "SECRET" not in said


def test_sigterm_finishes_the_running_request(
    server: LocalServer, tmp_path: Path, photographs: list[bytes]
) -> None:
    with running(tmp_path, server.inference) as page:
        request = httpx.Request("POST", page.url, files={"photograph": (NAME, photographs[0])})
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        with socket.create_connection(("127.0.0.1", page.port), timeout=SECONDS) as line:
            line.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body[:1000])
            time.sleep(0.5)
            page.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert page.process.poll() is None
            line.sendall(body[1000:])
            reply = b"".join(iter(lambda: line.recv(65536), b""))
        code = page.process.wait(SECONDS)

    assert reply.startswith(b"HTTP/1.1 200")
    assert b'class="answer"' in reply
    assert b'id="overlay"' in reply  # what came later is whole, too
    assert code in (0, -signal.SIGTERM)
    assert "Traceback" not in page.said()


def test_invalid_setting_is_reported_without_traceback() -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Page(Path(folder), "nowhere")
        assert page.process.wait(SECONDS) == 2
        said = page.said()
    assert said.startswith("error: ")
    assert "predictor_url" in said
    assert "Traceback" not in said
