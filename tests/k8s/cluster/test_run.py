"""Test ``make cluster-test`` against an API double: its rows and its cleanup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import without_settings
from tests.k8s.rollout.api_double import Api
from tests.k8s.rollout.simulated import SPACE, Cluster

pytestmark = pytest.mark.slow


NAMESPACE = f"/api/v1/{SPACE}"
REFUSED = {
    "containerStatuses": [
        {
            "name": "kserve-container",
            "restartCount": 1,
            "state": {"terminated": {"exitCode": 12, "message": "other files than sha256:0"}},
        }
    ]
}


def run(root: Path, variables: dict[str, str], only: str) -> subprocess.CompletedProcess[str]:
    """Run the tests that an expression selects, like the Makefile."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/cluster", "-p", "no:cacheprovider", "-k", only],
        cwd=root,
        env=without_settings(os.environ) | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def table(variables: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(variables["LESIONLENS_CLUSTER_OUTPUT"]).read_text())
    return found


def results(variables: dict[str, str]) -> dict[str, str]:
    rows = table(variables)["rows"]
    return {row["test"].rpartition("::")[2]: row["result"] for row in rows}


def test_run_writes_a_table_and_cleans_up(
    root: Path, variables: dict[str, str], api: Api, simulated: Cluster
) -> None:
    simulated.starts = {f"sha256:{0:064}": False}
    simulated.pod_status["melanoma-predictor"] = REFUSED
    chosen = "(test_basics and not test_address) or test_refused_release or test_keda"

    ended = run(root, variables, chosen)

    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert results(variables) == {
        "test_publish": "passed",
        "test_deploy": "passed",
        "test_kserve_client": "passed",
        "test_kserve_route": "left out",
        "test_gateway": "left out",
        "test_page": "passed",
        "test_keda": "left out",
        "test_refused_release": "passed",
    }
    written = table(variables)
    assert written["versions"]["Kubernetes"] == "v1.35.4"
    assert written["counts"] == {"passed": 5, "FAILED": 0, "left out": 3}
    rows = {row["test"].rpartition("::")[2]: row for row in written["rows"]}
    assert rows["test_gateway"]["detail"] == "the cluster has no Gateway"
    assert rows["test_publish"]["detail"] == "lesionlens-publisher-1, lesionlens-publisher-2"
    assert "status 12" in rows["test_refused_release"]["detail"]
    assert rows["test_deploy"]["text"].startswith("`make deploy` ends when every pod runs")
    assert "left out  Predictions and explanations at one address" in ended.stdout
    assert NAMESPACE not in api.objects
    assert ("DELETE", NAMESPACE) in api.changes
    outside = {path for _, path in api.changes if f"/{SPACE}" not in path}
    assert outside == {"/api/v1/namespaces"}


@pytest.mark.usefixtures("with_gateway")
def test_gateway_tests_use_the_gateway(root: Path, variables: dict[str, str], api: Api) -> None:
    chosen = "test_gateway or test_share or test_removed or test_new_release or test_worker_killed"

    ended = run(root, variables | {"LESIONLENS_CLUSTER_LOAD_SECONDS": "0.5"}, chosen)

    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    rows = {row["test"].rpartition("::")[2]: row for row in table(variables)["rows"]}
    assert {row["result"] for row in rows.values()} == {"passed"}
    assert len(rows) == 5
    assert rows["test_gateway"]["detail"].startswith("ingress/web, 127.0.0.1:")
    assert rows["test_share"]["detail"] == "360 to 40"
    assert "requests, 0 failed" in rows["test_new_release"]["detail"]
    assert NAMESPACE not in api.objects


def test_failure_states_the_reason_and_the_namespace_is_removed(
    root: Path, variables: dict[str, str], api: Api, simulated: Cluster
) -> None:
    simulated.refused["melanoma-predictor"] = "exceeded quota: cpu"
    ended = run(
        root,
        variables | {"LESIONLENS_CLUSTER_DEPLOY_SECONDS": "3"},
        "test_kserve_client or test_pending or test_policies",
    )

    assert ended.returncode == 1
    rows = table(variables)["rows"]
    assert [row["result"] for row in rows] == ["FAILED"] * 3
    assert all("exceeded quota: cpu" in row["detail"] for row in rows)
    assert rows[2]["detail"].startswith("deployments failed before: "), "nothing more is tried"
    assert NAMESPACE not in api.objects


def test_namespace_can_be_kept(root: Path, variables: dict[str, str], api: Api) -> None:
    ended = run(root, variables | {"LESIONLENS_CLUSTER_KEEP": "yes"}, "test_keda")

    assert ended.returncode == 0, ended.stdout[-3000:]
    assert NAMESPACE in api.objects
    assert "kept: kubectl --context stored delete namespace lesionlens" in ended.stdout


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"LESIONLENS_CLUSTER_CONTEXT": "nowhere"}, 'context "nowhere" does not exist'),
        ({"LESIONLENS_CLUSTER_ARCHIVE": "/nowhere"}, "melanoma.mar is missing: `make archive`"),
    ],
)
def test_failed_precondition_changes_nothing(
    root: Path, variables: dict[str, str], api: Api, changes: dict[str, str], words: str
) -> None:
    ended = run(root, variables | changes, "test_publish")

    assert ended.returncode == 2
    assert words in ended.stdout + ended.stderr
    assert not api.changes


def test_existing_namespace_is_not_changed(root: Path, variables: dict[str, str], api: Api) -> None:
    api.objects[NAMESPACE] = {"kind": "Namespace", "metadata": {"name": "lesionlens"}}

    ended = run(root, variables, "test_publish")

    assert ended.returncode == 2
    assert "namespace lesionlens is there already" in ended.stdout + ended.stderr
    assert not api.changes
    assert NAMESPACE in api.objects


def test_no_test_is_collected_without_a_context(root: Path, variables: dict[str, str]) -> None:
    ended = run(root, variables | {"LESIONLENS_CLUSTER_CONTEXT": ""}, "")

    assert ended.returncode == 5, "pytest's status for no tests"
    assert not Path(variables["LESIONLENS_CLUSTER_OUTPUT"]).exists()
