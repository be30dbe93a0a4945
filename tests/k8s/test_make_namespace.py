"""Test ``make namespace``, the only step that needs rights outside the namespace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api


def make(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Makefile target without its prerequisites."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LESIONLENS_")}
    return subprocess.run(
        ["make", "--assume-old=.venv/installed", "namespace", *arguments],
        cwd=root,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_creates_the_namespace_only(overlay: str, root: Path, tmp_path: Path) -> None:
    api = Api()
    with api_double.serving(api, tmp_path, "hospital") as config:
        variables = {"LESIONLENS_KUBECONFIG": str(config), "KUBECACHEDIR": str(tmp_path / "cache")}
        ended = make(root, f"OVERLAY={overlay}", "CONTEXT=hospital", **variables)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    (path,) = api.objects
    assert path == "/api/v1/namespaces/lesionlens"
    labels = api.objects[path]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("given", [("OVERLAY=local",), ("CONTEXT=hospital",)])
def test_changes_only_a_named_cluster(given: tuple[str, ...], root: Path) -> None:
    ended = make(root, *given)

    assert ended.returncode == 2
    assert "make namespace OVERLAY=local CONTEXT=kind-lesionlens" in ended.stderr
