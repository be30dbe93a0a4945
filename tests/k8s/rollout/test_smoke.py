"""Test the requests that check a service after a deployment."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from k8s.rollout import smoke
from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from serving.front.messages import FrontResponse
from serving.front.settings import FrontSettings
from serving.front.tls import TlsFiles
from serving.settings import free_ports
from tests.k8s.rollout.api_double import Api
from tests.serving.front.certificates import pair
from tests.serving.front.fronts import serving

PICTURE = smoke.photograph(None)
asked: list[str | None] = []
"""The keys that were sent."""


@contextmanager
def answering(*versions: str) -> Iterator[str]:
    """Service that answers with each model version in turn, then always with the last."""
    left = list(versions)
    asked.clear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers.get("Authorization"))
            version = left.pop(0) if len(left) > 1 else left[0]
            said = json.dumps({"predictions": [{"model_version": version}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    monkeypatch.setattr(smoke, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(smoke, "SWITCH_SECONDS", 0.3)
    with ExitStack() as stack:
        yield lambda *versions: stack.enter_context(answering(*versions))


def test_waits_until_the_address_leads_to_the_new_pods(
    service: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "SWITCH_SECONDS", 60)  # on busy cores an answer takes seconds

    smoke.ask_url(service("old", "old", "new"), PICTURE, "new")


def test_address_of_another_model_is_an_error(service: Callable[..., str]) -> None:
    with pytest.raises(RolloutError, match="answers by model old, the pods of this release by new"):
        smoke.ask_url(service("old"), PICTURE, "new")


def test_loopback_requests_ignore_proxy_variables(
    service: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_ports()['inference_port']}")

    assert smoke.predict(service("new"), PICTURE) == {"model_version": "new"}


def test_sends_the_configured_key(
    service: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = service("new")
    smoke.predict(url, PICTURE)
    (tmp_path / "deployer.key").write_text("lesionlens_abc\n")
    monkeypatch.setenv("LESIONLENS_KEY_FILE", str(tmp_path / "deployer.key"))
    smoke.predict(url, PICTURE)

    assert asked == [None, "Bearer lesionlens_abc"]


def test_key_file_without_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_KEY_FILE", "/nowhere/deployer.key")
    with pytest.raises(RolloutError, match="LESIONLENS_KEY_FILE"):
        smoke.predict("http://127.0.0.1:9", PICTURE)


def test_tests_a_tls_pod_through_the_tunnel(tmp_path: Path) -> None:
    tls = TlsFiles(*pair(tmp_path), print)
    with serving(FrontSettings(), tls=tls) as (_, upstream, client, _):
        upstream.response = FrontResponse(200, b'{"predictions": [{"model_version": "new"}]}')
        url = f"http://127.0.0.1:{client.base_url.port}"

        assert smoke.predict(url, PICTURE) == {"model_version": "new"}


def test_missing_answer_is_one_line_with_the_address() -> None:
    url = f"http://127.0.0.1:{free_ports()['inference_port']}"

    with pytest.raises(RolloutError, match=f"{url} does not answer: ") as caught:
        smoke.predict(url, PICTURE)

    assert "\n" not in str(caught.value)


def test_names_unreachable_pod(connected: Callable[..., Kubectl]) -> None:
    pods = {"melanoma-predictor": "p-1", "melanoma-explainer": "e-1"}

    with pytest.raises(RolloutError, match="kubectl port-forward to pod p-1: "):
        smoke.ask_pods(connected(Api()), "lesionlens", pods, PICTURE)
    with pytest.raises(RolloutError, match="no pod of 'melanoma-predictor' is ready"):
        smoke.ask_pods(connected(Api(), "kind-two"), "lesionlens", {}, PICTURE)
