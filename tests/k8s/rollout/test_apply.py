"""Test that applying all manifests again with a real kubectl changes nothing."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.k8s.manifests.building import COMPLETE, KUBECTL, TRAINING, objects_of, text_of
from tests.k8s.rollout.api_double import Api

pytestmark = pytest.mark.slow

BUDGETS = "poddisruptionbudgets"
"""kubectl sends their selector each time, changed or not (its patch strategy is "replace")."""


SETS = (
    "overlays/local",
    "overlays/production",
    COMPLETE,
    *TRAINING,
    "training/publish",
    "publisher",
)


@pytest.mark.parametrize("name", SETS)
def test_applying_twice_changes_nothing(name: str, cluster: Callable[[str, Api], Path]) -> None:
    api = Api()
    config = cluster("kind-test", api)

    def apply() -> list[str]:
        return subprocess.run(
            [str(KUBECTL), "--kubeconfig", str(config), "apply", "--filename", "-"],
            input=text_of(name),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()

    first = apply()
    before, api.changes = copy.deepcopy(api.objects), []
    second = apply()

    assert len(first) == len(before) == len(objects_of(name))
    assert all(line.endswith(" created") for line in first)
    assert api.objects == before
    assert {path.split("/")[-2] for _, path in api.changes} <= {BUDGETS}
    for line in second:
        assert line.endswith(" unchanged") or line.startswith("poddisruptionbudget.policy/")
