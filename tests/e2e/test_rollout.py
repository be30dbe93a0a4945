"""Test publish, deploy and rollback of two releases with a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.rollout import release
from serving.local import LocalServer
from tests.e2e.conftest import Trained
from tests.e2e.environment import ROOT, without_settings
from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api, Object
from tests.k8s.rollout.simulated import Cluster, forwarding_kubectl

SERVICE = "/apis/serving.kserve.io/v1beta1/namespaces/lesionlens/inferenceservices/melanoma"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy of the files that a rollout reads and writes."""
    for folder in ("k8s", "serving", "monitoring/dashboards", "model_store/config"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_rolls_out_and_back(
    checkout: Path, trained: Trained, server: LocalServer, tmp_path: Path
) -> None:
    api = Cluster().api()
    kubectl = forwarding_kubectl(tmp_path, server.settings.inference_port)
    store = tmp_path / "store"
    shutil.copytree(trained.store, store)
    file = checkout / "k8s/overlays/local/release.yaml"
    photograph = Path(trained.summary["example"])

    with api_double.serving(api, tmp_path, "kind-test") as config:

        def run(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "k8s.rollout", *arguments],
                cwd=checkout,
                env=without_settings(os.environ)
                | {
                    "LESIONLENS_ARCHIVE": str(store),
                    "LESIONLENS_RELEASES": str(tmp_path / "releases"),
                    "LESIONLENS_KUBECONFIG": str(config),
                    "LESIONLENS_KUBECTL": str(kubectl),
                    "LESIONLENS_URL": server.inference,
                    "KUBECACHEDIR": str(tmp_path / "kubectl"),
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert run("publish", "local").startswith("published, not signed: pvc://lesionlens-models/")
        first = release.read(file)
        said = run("deploy", "local", "--photograph", str(photograph))
        assert _deployed(api) == (first.storage_uri, first.digest)
        assert "cluster: kind-test" in said
        assert "predict: " in said
        assert f"explain: grad_cam, model {trained.summary['model_version']}" in said
        assert f"ready: {first.digest}, on every pod" in said
        assert f"URL: {server.inference}/v1/models/melanoma:predict" in said

        with (store / "melanoma.mar").open("ab") as archive:
            archive.write(b"\n")  # still an archive, and another
        run("publish", "local")
        second = release.read(file)
        assert second.digest != first.digest
        run("deploy", "local")
        assert _deployed(api) == (second.storage_uri, second.digest)

        assert f"back to {first.digest}" in run("rollback", "local")
        assert _deployed(api) == (first.storage_uri, first.digest)
        assert release.read(file) == first


def _deployed(api: Api) -> tuple[str, str]:
    """Release that predictor and explainer run; they must agree."""
    spec = api.objects[SERVICE]["spec"]
    told = {
        (spec["predictor"]["model"]["storageUri"], _value(spec["predictor"]["model"], "DIGEST")),
        (
            _value(spec["explainer"]["containers"][0], "STORAGE_URI"),
            _value(spec["explainer"]["containers"][0], "DIGEST"),
        ),
    }
    assert len(told) == 1
    return told.pop()


def _value(container: Object, name: str) -> str:
    return str(next(one["value"] for one in container["env"] if one["name"].endswith(name)))
