"""Test the training manifests: Job and Kubeflow's TrainJob."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.manifests.building import objects_of
from tests.k8s.manifests.pods import named, workloads
from training.__main__ import main
from training.settings import TrainingSettings

pytestmark = pytest.mark.slow


WAYS = ("training/job", "training/trainjob")
STEPS = r"\{[a-z,-]+,all\}"
"""The steps that the program offers, `all` the last of them."""


def pod(name: str) -> dict[str, Any]:
    (work,) = workloads(objects_of(name))
    return work.spec


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container["env"]}


def test_job_and_trainjob_run_the_same_pod() -> None:
    pods = [copy.deepcopy(pod(name)) for name in WAYS]
    for spec in pods:
        for field in ("name", "command", "args"):
            spec["containers"][0].pop(field, None)

    assert pods[0] == pods[1]


@pytest.mark.parametrize("name", WAYS)
def test_every_variable_is_a_setting_and_every_path_is_on_a_volume(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = pod(name)["containers"][0]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    values = variables(container)
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
        assert any(Path(value).is_relative_to(mount) for mount in mounts), variable
    settings = TrainingSettings()

    assert settings.data == Path("/data")
    assert (settings.build, settings.cache) == (Path("/training/build"), Path("/training/cache"))
    assert settings.archive == Path("/models/model-store")


@pytest.mark.parametrize("name", WAYS)
def test_weights_are_set_by_a_component(name: str) -> None:
    container = pod(f"{name} + weights")["containers"][0]
    (mount,) = [item for item in container["volumeMounts"] if item["mountPath"] == "/weights"]

    assert variables(container)["LESIONLENS_WEIGHTS"] == "/weights/resnet18-imagenet.pth"
    assert (mount["name"], mount["readOnly"]) == ("data", True)
    assert "LESIONLENS_WEIGHTS" not in variables(pod(name)["containers"][0])


def test_command_exists_in_the_image(capsys: pytest.CaptureFixture[str]) -> None:
    (argument,) = pod("training/job")["containers"][0]["args"]
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    assert argument == "all"
    assert re.search(STEPS, capsys.readouterr().out)


def test_torchrun_starts_the_same_program(root: Path) -> None:
    program, *words = pod("training/trainjob")["containers"][0]["command"]
    asked = [str(Path(sys.executable).with_name(program)), *words[:-1], "--help"]
    ended = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)

    assert words[-1] == "all"
    assert ended.returncode == 0, ended.stderr
    assert re.search(STEPS, ended.stdout)


def test_torchrun_starts_one_process_a_node() -> None:
    words = pod("training/trainjob")["containers"][0]["command"]

    assert words[:3] == ["torchrun", "--nproc-per-node", "1"]


def test_trainer_finds_the_training_container() -> None:
    objects = objects_of("training/trainjob")
    runtime = named(objects, "TrainingRuntime", "lesionlens-torch")
    job = named(objects, "TrainJob", "lesionlens-training")
    (replicated,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    step = replicated["template"]["metadata"]["labels"]

    assert replicated["name"] == "node"
    assert step == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    assert replicated["template"]["spec"]["template"]["spec"]["containers"][0]["name"] == "node"
    assert runtime["spec"]["mlPolicy"] == {"numNodes": 1, "torch": {}}
    assert job["spec"]["runtimeRef"]["apiGroup"] == "trainer.kubeflow.org"


@pytest.mark.parametrize("name", WAYS)
def test_interrupted_run_finds_its_cache(name: str) -> None:
    spec = pod(name)
    mounts = {m["mountPath"]: m["name"] for m in spec["containers"][0]["volumeMounts"]}
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }

    assert claims[mounts["/training"]] == claims[mounts["/models"]] == "lesionlens-training-work"
    assert claims[mounts["/data"]] == "lesionlens-training-data"


def test_jobs_have_a_deadline() -> None:
    job = named(objects_of("training/job"), "Job", "lesionlens-training")["spec"]

    assert job["activeDeadlineSeconds"] <= 14400
    assert job["ttlSecondsAfterFinished"] == 86400
    assert job["backoffLimit"] == 1
    assert job["template"]["spec"]["restartPolicy"] == "Never"
