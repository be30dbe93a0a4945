"""Test a release as an image in a real registry (KServe's "model car")."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8s.images.settings import ImageSettings
from k8s.rollout import stores
from k8s.rollout.settings import RolloutSettings
from serving.settings import free_ports
from tests.conftest import program
from tests.e2e.conftest import Trained
from tests.e2e.containers import RUNTIME, wait_for
from tests.e2e.environment import ROOT


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Debian's registry of images on loopback; host and port."""
    served = f"127.0.0.1:{free_ports()['inference_port']}"
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/images}}}}\n"
        f"http: {{addr: {served}}}\nlog: {{level: error}}\n"
    )
    command = [program("docker-registry", "docker-registry"), "serve", str(config)]
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(f"http://{served}/v2/")
        yield served
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_pulled_release_equals_published_release(
    registry: str,
    images: ImageSettings,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LESIONLENS_IMAGE_BUILDER", "buildah")
    monkeypatch.setenv("LESIONLENS_IMAGE_BASE", "debian")
    monkeypatch.setenv("LESIONLENS_IMAGE_STORAGE", str(images.storage))
    monkeypatch.setenv("LESIONLENS_IMAGE_PUSH_OPTIONS", "--tls-verify=false")
    settings = RolloutSettings(
        archive=trained.store,
        config=ROOT / "model_store/config",
        releases=f"oci://{registry}/melanoma",
    )

    published, _ = stores.publish(settings)

    tag = published.storage_uri.removeprefix("oci://")
    assert tag == f"{registry}/melanoma:{published.digest.replace(':', '-')}"
    podman = images.program("podman")
    subprocess.run(
        [*podman, "rmi", tag], check=True, capture_output=True
    )  # pull it, do not find it
    # As KServe runs it: an unprivileged user, a read-only root, and a shell that reads /models.
    run = [*podman, *RUNTIME, "--tls-verify=false", "--user", "1000:1000", "--read-only", tag]
    said = subprocess.run(
        [
            *run,
            "sh",
            "-c",
            "cd /models && sha256sum config/* model-store/*.mar | sha256sum && ls config",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    subprocess.run([*podman, "rmi", tag], check=True, capture_output=True)

    assert said.split()[0] == published.digest.removeprefix("sha256:")
    assert said.splitlines()[1:] == ["config.properties", "log4j2.xml", "metrics.yaml"]
