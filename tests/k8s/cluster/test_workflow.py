"""Test that the workflow creates its cluster like the documentation."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.settings import ClusterSettings

PLACES = ("docs/how-to/cluster-test.md", "docs/how-to/kubernetes.md", "README.md")
OF_THE_RUNNER = (
    'cat build/cluster-test.json >> "$GITHUB_STEP_SUMMARY"',
    "kubectl get pods,events --all-namespaces",
)
"""Commands that only show what came of the rest."""
EXAMPLE = re.compile(r"pip config set global\.extra-index-url \S+")
"""The documentation names no index, and says where one is named."""


@pytest.fixture
def job(root: Path) -> dict[str, Any]:
    text = (root / ".github/workflows/cluster.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["jobs"]["kind"]
    return found


def commands(job: dict[str, Any]) -> list[str]:
    lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
    return [line.strip() for line in lines if line.strip() not in OF_THE_RUNNER]


def test_every_command_is_documented(root: Path, job: dict[str, Any]) -> None:
    documented = " ".join((root / place).read_text(encoding="utf-8") for place in PLACES)
    found = commands(job)

    assert len(found) > 10
    for command in found:
        if EXAMPLE.fullmatch(command):
            assert "pip config set global.extra-index-url ..." in documented
        else:
            assert command in documented, command


def test_workflow_uses_the_tested_and_the_newest_version(job: dict[str, Any]) -> None:
    assert job["strategy"]["matrix"]["kserve"] == ["v0.20.0", ""]
    assert job["env"]["KSERVE"] == "${{ matrix.kserve }}"


def test_gateway_accepts_routes_of_any_namespace(root: Path) -> None:
    text = (root / ".github/kserve-ingress-gateway.yaml").read_text(encoding="utf-8")
    (gateway,) = [one for one in yaml.safe_load_all(text) if one["kind"] == "Gateway"]
    (listener,) = gateway["spec"]["listeners"]

    assert (gateway["metadata"]["namespace"], gateway["metadata"]["name"]) == (
        "kserve",
        "kserve-ingress-gateway",
    )
    assert listener["allowedRoutes"]["namespaces"]["from"] == "All"


def test_every_setting_is_documented(root: Path) -> None:
    page = (root / PLACES[0]).read_text(encoding="utf-8")
    by_make = {
        "context": "CONTEXT=",
        "keep": "KEEP=",
        "output": "OUTPUT=",
        "archive": "make archive",
    }
    unset = {"namespace"}  # for the tests of the test

    for name in set(ClusterSettings.model_fields) - unset:
        words = by_make.get(name, f"_{name.upper()}`")
        assert words in page, name
    for name in re.findall(r"`LESIONLENS_CLUSTER_(\w+)`", page):
        assert name.lower() in ClusterSettings.model_fields, name


def test_make_variables_set_the_settings(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")

    for name in re.findall(r"LESIONLENS_CLUSTER_(\w+)=", makefile):
        assert name.lower() in ClusterSettings.model_fields, name


def test_only_a_named_cluster_is_tested(root: Path) -> None:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LESIONLENS_")}
    ended = subprocess.run(
        ["make", "--assume-old=model_store/model-store/melanoma.mar", "cluster-test"],
        cwd=root,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "make cluster-test CONTEXT=kind-lesionlens" in ended.stderr
