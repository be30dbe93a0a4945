"""Test the manifests of scoring: an Indexed Job, and KubeRay's RayJob."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.k8s.manifests.building import SCORE, objects_of
from tests.k8s.manifests.pods import Workload, named, workloads
from training.score.__main__ import parser

pytestmark = pytest.mark.slow


def job() -> dict[str, Any]:
    return dict(named(objects_of("score/job"), "Job", "lesionlens-score")["spec"])


def ray_job() -> dict[str, Any]:
    return dict(named(objects_of("score/rayjob"), "RayJob", "lesionlens-score")["spec"])


def pods(name: str) -> list[Workload]:
    return workloads(objects_of(name))


def test_job_scores_every_part_once() -> None:
    spec = job()
    (container,) = spec["template"]["spec"]["containers"]
    arguments = [
        text.replace("$(JOB_COMPLETION_INDEX)", str(spec["completions"] - 1))
        for text in container["args"]
    ]

    asked = parser().parse_args(arguments)

    assert container["command"] == ["python", "-m", "training.score"]
    assert spec["completionMode"] == "Indexed"
    assert asked.shard == (spec["completions"] - 1, spec["completions"])
    assert asked.allow_unreadable


def test_ray_job_asks_for_as_many_actors_as_its_workers_have_cores(root: Path) -> None:
    spec = ray_job()
    command = shlex.split(spec["entrypoint"])
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]

    asked = parser().parse_args(command[3:])

    assert command[:3] == ["python", "-m", "training.score"]
    assert (asked.engine, asked.ray_address) == ("ray", "auto")
    assert asked.workers == group["maxReplicas"] * int(container["resources"]["limits"]["cpu"])
    locked = (root / "requirements-ray.txt").read_text(encoding="utf-8")
    assert re.search(rf"^ray==({re.escape(spec['rayClusterSpec']['rayVersion'])}) ", locked, re.M)


@pytest.mark.parametrize("name", SCORE)
def test_pods_read_photographs_and_archive_and_write_only_scores(name: str) -> None:
    for pod in pods(name):
        kubernetes_validate.validate(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "scored"},
                "spec": pod.spec,
            },
            "1.37",
            strict=True,
        )
        (container,) = pod.containers
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mounts["photographs"]["readOnly"]
        assert mounts["models"]["readOnly"]
        claims = {
            volume["name"]
            for volume in pod.spec["volumes"]
            if "persistentVolumeClaim" in volume and not mounts[volume["name"]].get("readOnly")
        }
        assert claims == {"scores"}
