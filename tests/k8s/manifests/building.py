"""Build the manifests with kustomize: overlays, training, and base with components."""

import copy
import itertools
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

K8S = Path(__file__).resolve().parents[3] / "k8s"
KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"

STORAGES = ("storage-pvc", "storage-s3")
SCALERS = ("autoscaling-hpa", "autoscaling-keda")
BEFORE = ("release", "canary")
AFTER = (
    *("signature", "monitoring", "page", "gateway-access", "gateway", "page-gateway"),
    *("gateway-retry", "gpu", "access", "access-issuer", "access-tls", "envoy", "envoy-tls"),
)
OLD = "kserve-0.15"
RUNTIME = "runtime-kserve"
COMPONENTS = (*BEFORE, RUNTIME, *STORAGES, *SCALERS, *AFTER, OLD)
"""In the order in which they must be listed: an InferenceService before what patches it."""

FILES: Mapping[str, tuple[str, ...]] = {
    "release": ("overlays/local/release.yaml",),
    "canary": ("components/canary/release-canary.yaml",),
    "autoscaling-keda": ("overlays/local/namespace.yaml",),
}
"""What a component expects among an overlay's resources."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "canary": ("gateway-access",),
    "envoy": ("gateway-access", "gateway"),
    "envoy-tls": ("gateway-access", "gateway", "access-tls"),
    "gateway": ("gateway-access",),
    "gateway-retry": ("gateway-access", "gateway"),
    "page-gateway": ("page",),
}
"""Other components that a component needs, as its kustomization says."""


def _together() -> dict[str, tuple[str, ...]]:
    """All components that can be combined, each storage with each autoscaler in turn."""
    found: dict[str, tuple[str, ...]] = {}
    for storage, scaler in itertools.product(STORAGES, SCALERS):
        found[f"all, {storage}, {scaler}"] = (*BEFORE, storage, scaler, *AFTER)
    found[f"all, {RUNTIME}"] = (*BEFORE, RUNTIME, STORAGES[0], SCALERS[0], *AFTER)
    found[f"all, {OLD}"] = (*BEFORE, STORAGES[0], SCALERS[0], *AFTER, OLD)
    return found


COMBINATIONS: Mapping[str, tuple[str, ...]] = {
    "base": (),
    **{f"base + {name}": (*NEEDS.get(name, ()), name) for name in COMPONENTS},
    **_together(),
}
FOLDERS = {
    **{f"overlays/{path.name}": path for path in sorted((K8S / "overlays").iterdir())},
    "training/job": K8S / "training/job",
    "training/trainjob": K8S / "training/trainjob",
    "training/base": K8S / "training/base",
    "training/publish": K8S / "training/publish",
    "score/job": K8S / "score/job",
    "score/rayjob": K8S / "score/rayjob",
    "publisher": K8S / "publisher",
    "deployer": K8S / "components/deployer",
}
SERVING = (*COMBINATIONS, *(name for name in FOLDERS if name.startswith("overlays/")))
TRAINING = (
    "training/job",
    "training/trainjob",
    "training/job + weights",
    "training/trainjob + weights",
)
SCORE = ("score/job", "score/rayjob")
EVERY = (
    *(*SERVING, *TRAINING, "training/base", "training/publish"),
    *(*SCORE, "publisher", "deployer"),
)
COMPLETE = "all, storage-s3, autoscaling-keda"
"""Has every kind of object, for the tests that break something."""


@cache
def text_of(name: str) -> str:
    """Output of kustomize for an entry of ``EVERY``."""
    if name in FOLDERS:
        return kustomize(FOLDERS[name])
    if name.endswith(" + weights"):
        return combined(name.removesuffix(" + weights"), ("../training/weights",))
    return combined("base", COMBINATIONS[name])


def objects_of(name: str) -> list[Object]:
    """Objects of an entry of ``EVERY``, as a copy that may be changed."""
    return copy.deepcopy(_objects(text_of(name)))


@cache
def _objects(text: str) -> list[Object]:
    return parsed(text)


def parsed(text: str) -> list[Object]:
    # The same as yaml.safe_load_all, but in C: there are megabytes of it.
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def combined(resource: str, components: tuple[str, ...], **files: str) -> str:
    """Build a kustomization that refers to the tree.

    Args:
        resource: folder below ``k8s`` that the components are applied to.
        components: names below ``k8s/components``.
        files: text of a file instead of that in the tree, by its name without the ending.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        needed = dict.fromkeys(file for name in components for file in FILES.get(name, ()))
        for file in needed:
            target = folder / Path(file).name
            if (replaced := files.get(target.stem.replace("-", "_"))) is not None:
                target.write_text(replaced, encoding="utf-8")
            else:
                shutil.copy(K8S / file, target)
        document = {
            "resources": [
                os.path.relpath(K8S / resource, folder),
                *(Path(file).name for file in needed),
            ],
            "components": [
                os.path.relpath(K8S / "components" / name, folder) for name in components
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        return kustomize(folder)


def kustomize(folder: Path) -> str:
    """Build a folder; fail with what kubectl said."""
    command = [str(KUBECTL), "kustomize", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr, ended.stderr  # a warning: something that a later version drops
    return ended.stdout
