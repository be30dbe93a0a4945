"""Test deployments with the rights of the namespace only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.release import Release
from tests.cluster import overlay
from tests.cluster.bench import Bench
from tests.cluster.overlay import Overlay
from tests.cluster.settings import ClusterSettings

Say = Callable[[str], None]

ACCOUNT = "lesionlens-deployer"


def test_deployer(
    bench: Bench, settings: ClusterSettings, first: Release, second: Release, measured: Say
) -> None:
    """An account with `k8s/components/deployer` alone deploys and rolls back, and no more."""
    bench.ensure(Overlay(), first)
    bench("apply", "--kustomize", str(bench.checkout.folder / "k8s/cluster-test/deployer"))
    token = bench("create", "token", ACCOUNT, "--duration", "1h").strip()
    config = _kubeconfig(bench, token)
    try:
        _deploys(bench, settings, config, first, second, measured)
    finally:
        config.unlink()


def _deploys(
    bench: Bench,
    settings: ClusterSettings,
    config: Path,
    first: Release,
    second: Release,
    measured: Say,
) -> None:
    account = Kubectl(settings.rollout().model_copy(update={"kubeconfig": config}))
    with pytest.raises(RolloutError, match="forbidden"):
        account("get", "secrets", "--namespace", bench.namespace)
    with pytest.raises(RolloutError, match="forbidden"):
        account("get", "namespaces")

    own = {"LESIONLENS_KUBECONFIG": str(config)}
    outcome = bench.deploy(Overlay(), second, variables=own)
    assert outcome.status == 0, outcome.text
    assert "stays where it is" not in outcome.text, "what is no longer wanted may not be listed"
    bench.disturbed()
    back = bench.checkout.run("rollback", overlay.NAME, variables=own)
    assert back.status == 0, back.text
    assert f"ready: {first.digest}, on every pod" in back.text
    measured(f"deploy {outcome.lines[-1][0]:.0f} s, rollback {back.lines[-1][0]:.0f} s")


def _kubeconfig(bench: Bench, token: str) -> Path:
    """kubectl for the same cluster with a token instead of the user's credentials."""
    text = bench.kubectl("config", "view", "--minify", "--flatten", "--raw", "--output", "json")
    config: dict[str, Any] = json.loads(text)
    config["users"] = [{"name": ACCOUNT, "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"]["user"] = ACCOUNT
    return bench.save("deployer.kubeconfig", json.dumps(config))
