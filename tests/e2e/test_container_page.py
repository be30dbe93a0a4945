"""Test the page's image like a pod, with a real server."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import httpx

from k8s.images.__main__ import version
from k8s.images.build import build
from k8s.images.settings import ImageSettings
from serving.local import LocalServer
from serving.settings import free_ports
from tests.e2e.containers import RUNTIME, page_template, wait_for


def test_page_pod_answers_and_stops_on_sigterm(
    images: ImageSettings, server: LocalServer, photographs: list[bytes], tmp_path: Path
) -> None:
    image = build("page", version(), images)
    template = page_template()
    port = free_ports()["inference_port"]
    tmp_path.chmod(0o777)
    command = [*images.program("podman"), *RUNTIME, *template.restrictions(tmp_path)]
    for name, value in {
        "LESIONLENS_PREDICTOR_URL": server.inference,
        "LESIONLENS_EXPLAINER_URL": server.inference,
        "LESIONLENS_PAGE_HOST": "127.0.0.1",
        "LESIONLENS_PAGE_PORT": str(port),
    }.items():
        command += ["--env", f"{name}={value}"]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([*command, image], stdin=subprocess.DEVNULL)
    try:
        wait_for(url + template.container["readinessProbe"]["httpGet"]["path"])
        reply = httpx.post(url, files={"photograph": ("a.jpg", photographs[0])}, timeout=60)
        stopping = template.container["lifecycle"]["preStop"]["exec"]["command"]
        os.kill(process.pid, signal.SIGTERM)
        status = process.wait(timeout=30)
    finally:
        process.kill()

    assert reply.status_code == 200
    assert "data:image/png;base64," in reply.text
    assert status == 0
    assert stopping == ["sleep", "5"]  # before SIGTERM: the server lets nobody in after it
