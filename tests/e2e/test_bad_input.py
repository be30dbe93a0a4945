"""Test bad input: status, message, and the worker survives."""

from __future__ import annotations

import zlib
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from handlers.explainers.methods import NAMES
from loadtests.hostile import pngs
from loadtests.hostile.jpegs import encoded
from serving.local import LocalServer
from tests.e2e.requests_of import EXPLAIN, PREDICT, RAW_EXPLAIN, RAW_PREDICT, base64_of, instances

JSON = {"Content-Type": "application/json"}
NOT_AN_IMAGE = "not a JPEG, PNG or WebP image"


def bomb() -> bytes:
    """PNG of 50,000 x 50,000: 7.5 GB of pixels in a few bytes."""

    return pngs.png(pngs.Header(50_000, 50_000), stream=zlib.compress(bytes(100_000)))


PICTURE = Image.linear_gradient("L").convert("RGB")
JPEG = encoded(PICTURE, "JPEG")
FILES = {
    "text": (b"hello, this is no picture at all", NOT_AN_IMAGE),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", "it looks like an HTML page"),
    "gif": (encoded(PICTURE, "GIF"), "it looks like a GIF"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "an SVG drawing"),
    "truncated": (JPEG[: len(JPEG) // 2], "broken or cut off"),
    "one pixel": (encoded(PICTURE.resize((1, 1)), "PNG"), "1 x 1 pixels; the short side needs"),
    "bomb": (bomb(), "2500.0 megapixels; at most 25"),
}
V1: dict[str, tuple[Any, str]] = {
    "no instances": ({"inputs": []}, 'no "instances" in the body'),
    "empty list": ({"instances": []}, '"instances" is an empty list'),
    "not a list": ({"instances": {"data": "x"}}, '"instances" is an object, not a list'),
    "17 instances": (instances(*[JPEG] * 17), "17 instances; at most 16"),
    "invalid base64": ({"instances": [{"data": "no*base64"}]}, "instance 0: not valid base64"),
    "no image": ({"instances": [{"picture": "x"}]}, "instance 0: no image in it"),
    "a list": ([1, 2], 'no "instances" in the body'),
}


def refused(reply: httpx.Response, status: int, message: str) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert list(reply.json()) == ["error"]
    assert message in reply.json()["error"]


@pytest.fixture(autouse=True)
def _the_worker_lives_on(server: LocalServer, client: httpx.Client) -> Any:
    before = server.worker_pids()
    yield
    assert client.post(RAW_PREDICT, content=JPEG).status_code == 200
    assert server.worker_pids() == before


@pytest.mark.parametrize("name", FILES)
def test_file_raw(client: httpx.Client, name: str) -> None:
    content, message = FILES[name]
    refused(client.post(RAW_PREDICT, content=content), 400, message)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("route", [PREDICT, EXPLAIN])
def test_file_in_v1_names_its_instance(client: httpx.Client, name: str, route: str) -> None:
    content, message = FILES[name]
    reply = client.post(route, json=instances(JPEG, JPEG, content))
    refused(reply, 400, message)
    assert reply.json()["error"].startswith("instance 2: ")


@pytest.mark.parametrize("name", V1)
def test_v1_body(client: httpx.Client, name: str) -> None:
    document, message = V1[name]
    refused(client.post(PREDICT, json=document), 400, message)


@pytest.mark.parametrize("route", [PREDICT, EXPLAIN, RAW_PREDICT, RAW_EXPLAIN])
@pytest.mark.parametrize("headers", [{}, JSON])
def test_empty_body(client: httpx.Client, route: str, headers: dict[str, str]) -> None:
    refused(client.post(route, content=b"", headers=headers), 400, "the body is empty")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"instances": [', "not valid JSON: Expecting value at line 1 column 16"),
        (b"hello", "not valid JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_invalid_json(client: httpx.Client, body: bytes, message: str) -> None:
    refused(client.post(PREDICT, content=body, headers=JSON), 400, message)


def test_html_page_named_jpg_in_a_form(client: httpx.Client) -> None:
    page = b"<html><body>not found</body></html>"
    reply = client.post(RAW_PREDICT, files={"data": ("mole.jpg", page, "image/jpeg")})
    refused(reply, 400, "it looks like an HTML page")


@pytest.mark.parametrize("route", [RAW_PREDICT, PREDICT])
def test_body_of_30_mb(client: httpx.Client, route: str) -> None:
    body = b'{"instances": ["' + b"A" * 30_000_000 + b'"]}'
    refused(client.post(route, content=body), 413, "the body is too large: at most 20000000 bytes")


def test_unknown_method_and_target(client: httpx.Client) -> None:
    known = f"there are: {', '.join(NAMES)}"
    reply = client.post(EXPLAIN, json=instances(JPEG, method="crystal_ball"))
    refused(reply, 400, f"instance 0: unknown method 'crystal_ball'; {known}")
    refused(client.post(RAW_EXPLAIN, content=JPEG, headers={"x-method": "no"}), 400, known)
    reply = client.post(EXPLAIN, json=instances(JPEG, target="moon"))
    refused(reply, 400, "instance 0: unknown target 'moon'; there are: cancer, predicted")


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_unknown_model_is_404(client: httpx.Client, verb: str) -> None:
    reply = client.post(f"/v1/models/eczema:{verb}", json=instances(JPEG))
    refused(reply, 404, "no such path: POST /v1/models/melanoma:predict")


def test_decompression_bomb_uses_no_memory(server: LocalServer, client: httpx.Client) -> None:
    worker = psutil.Process(server.worker_pids()[0])
    before = worker.memory_info().rss
    body = {"instances": [base64_of(bomb())] * 4}
    refused(client.post(PREDICT, json=body), 400, "instance 0: 50000 x 50000 pixels")
    assert worker.memory_info().rss - before < 100_000_000
