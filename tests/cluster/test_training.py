"""Test training and publishing as Jobs, if an image is configured."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.rollout.release import Release
from tests.cluster.bench import Bench
from tests.cluster.conftest import need
from tests.cluster.overlay import Overlay, add, image_of, replace, volume_patch
from tests.cluster.settings import ClusterSettings
from tests.cluster.waiting import until

Say = Callable[[str], None]

TRAIN_SECONDS: Final = 1800.0
PUBLISH_SECONDS: Final = 300.0
DRAW: Final = (
    "from pathlib import Path; from training.synthetic import draw_set; "
    "draw_set(Path('/data'), per_class={'train': 75, 'test': 75})"
)
"""300 photographs of synthetic lesions, on the volume that photographs are read from."""
CONTAINER: Final = "/spec/template/spec/containers/0"


def test_training(bench: Bench, settings: ClusterSettings, first: Release, measured: Say) -> None:
    """The training Job trains, the publishing Job publishes, and what they made is deployed."""
    need("" if settings.training_image else "LESIONLENS_CLUSTER_TRAINING_IMAGE names no image")
    assert first
    folder = bench.checkout.folder / "k8s/cluster-test"
    write_jobs(folder, bench.namespace, settings)

    bench("apply", "--kustomize", str(folder / "training"))
    seconds = _done(bench, "lesionlens-training", TRAIN_SECONDS)
    bench("apply", "--kustomize", str(folder / "publishing"))
    _done(bench, "lesionlens-publish", PUBLISH_SECONDS)
    said = bench("logs", "job/lesionlens-publish", "--all-containers")
    uri = re.search(r"pvc://\S+", said)
    digest = re.search(r"sha256:[0-9a-f]{64}", said)
    assert uri, said
    assert digest, said

    outcome = bench.deploy(Overlay(), Release(uri[0], digest[0]))
    assert outcome.status == 0, outcome.text
    measured(f"trained in {seconds}")


def write_jobs(folder: Path, namespace: str, settings: ClusterSettings) -> None:
    """Write kustomizations of both Jobs, small enough for two cores.

    Args:
        folder: two folders below ``k8s`` of a checkout; gets ``training`` and ``publishing``.
        namespace: that the objects are in.
        settings: image and storage.
    """
    container = {
        "name": "draw",
        "image": settings.training_image,
        "command": ["python", "-c", DRAW],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {
            "requests": {"cpu": "250m", "memory": "512Mi"},
            "limits": {"cpu": "2", "memory": "2Gi"},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data", "subPath": "photographs"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    small = [
        add("/spec/template/spec/initContainers", [container]),
        replace(f"{CONTAINER}/resources/requests", {"cpu": "500m", "memory": "2Gi"}),
        replace(f"{CONTAINER}/resources/limits/cpu", "2"),
    ]
    target, volumes = volume_patch(settings)
    patches = {"training": small, "publishing": []}
    for name, source in (("training", "job"), ("publishing", "publish")):
        document: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": namespace,
            "resources": [f"../../training/{source}"],
            "images": [{"name": "lesionlens-training", **image_of(settings.training_image)}],
            "patches": [
                {"target": target, "patch": json.dumps(volumes)},
                *(
                    {"target": {"kind": "Job"}, "patch": json.dumps(operations)}
                    for operations in [patches[name]]
                    if operations
                ),
            ],
        }
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(document, sort_keys=False)
        (folder / name / "kustomization.yaml").write_text(text, encoding="utf-8")


def _done(bench: Bench, job: str, seconds: float) -> str:
    """Wait for a Job and return its start and end. Raises AssertionError with its last words."""

    def ended() -> dict[str, Any] | None:
        found = bench.get("job", job) or {}
        conditions = found.get("status", {}).get("conditions", ())
        over = [one for one in conditions if one["status"] == "True"]
        kinds = {one["type"] for one in over}
        return found if kinds & {"Complete", "Failed"} else None

    found = until(ended, seconds, f"Job {job} ends", bench.why_not_ready)
    failed = found["status"].get("failed", 0) and not found["status"].get("succeeded")
    words = bench("logs", f"job/{job}", "--all-containers", "--tail", "5") if failed else ""
    assert not failed, f"Job {job} failed: {words}"
    status = found["status"]
    return f"{status.get('startTime')} to {status.get('completionTime')}"
