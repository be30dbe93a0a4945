"""Test that every kustomization builds deterministically."""

import itertools
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.k8s.manifests.building import (
    COMPLETE,
    COMPONENTS,
    EVERY,
    FILES,
    FOLDERS,
    K8S,
    SERVING,
    combined,
    kustomize,
    objects_of,
    parsed,
    text_of,
)
from tests.k8s.manifests.pods import named, of_kind, workloads

KUSTOMIZATIONS = sorted(K8S.rglob("kustomization.yaml"))
ANNOTATIONS_AT_MOST = 256 * 1024
"""Of one object; `kubectl apply` keeps the whole of what was applied in an annotation."""


def relative(path: Path) -> str:
    return str(path.relative_to(K8S))


@pytest.mark.parametrize("name", EVERY)
def test_every_kustomization_builds(name: str) -> None:
    kinds = {document["kind"] for document in objects_of(name)}

    wanted = {"InferenceService", "ServingRuntime"} if name in SERVING else {"ServiceAccount"}
    assert wanted <= kinds


def test_the_tests_know_every_kustomization() -> None:
    components = {
        path.parent
        for path in (K8S / "components").rglob("kustomization.yaml")
        if yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] == "Component"
    }
    known = {K8S / "components" / name for name in COMPONENTS}
    others = {*FOLDERS.values(), *(K8S / name for name in ("base", "score/base"))}
    others.add(K8S / "training/weights")

    assert components == known
    assert {path.parent for path in KUSTOMIZATIONS} == known | others


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=relative)
def test_every_file_is_listed_as_a_resource(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    copied = {Path(file).name for files in FILES.values() for file in files if "components" in file}
    existing = {file.name for file in path.parent.glob("*.yaml")} - {path.name} - copied

    assert existing == {name for name in document.get("resources", []) if "/" not in name}


@pytest.mark.parametrize("name", [COMPLETE, *FOLDERS])
def test_build_is_deterministic(name: str) -> None:
    again = text_of.__wrapped__(name)  # past the cache

    assert again == text_of(name)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=relative)
def test_kustomizations_and_patches_have_comments(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert lines[0].startswith("# ")
    for before, line in itertools.pairwise(lines):
        if line.startswith("  - target:"):
            assert before.strip().startswith("#"), line


def test_base_names_no_namespace() -> None:
    for document in objects_of("base"):
        assert "namespace" not in document["metadata"], document["metadata"]


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_overlay_namespace_is_applied_separately(overlay: str) -> None:
    path = K8S / "overlays" / overlay / "namespace.yaml"
    (namespace,) = parsed(path.read_text(encoding="utf-8"))
    objects = objects_of(f"overlays/{overlay}")

    assert namespace["kind"] == "Namespace"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert of_kind(objects, "Namespace") == []
    for document in objects:
        assert document["metadata"]["namespace"] == namespace["metadata"]["name"]


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_only_objects_of_an_overlay_have_its_label(overlay: str) -> None:
    for document in objects_of(f"overlays/{overlay}"):
        assert document["metadata"]["labels"]["lesionlens.io/overlay"] == overlay
    for name in EVERY:
        if not name.startswith("overlays/"):
            assert "lesionlens.io/overlay" not in text_of(name), name


def test_overlay_label_is_not_used_in_selectors() -> None:
    """A selector of a Deployment cannot be changed, and a copied overlay has another name."""
    for document in objects_of("overlays/local"):
        rest = {field: document[field] for field in document.keys() - {"metadata"}}
        assert "lesionlens.io/overlay" not in json.dumps(rest)


@pytest.mark.parametrize("name", EVERY)
def test_images_have_the_version_of_the_project(name: str, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    images = [c["image"] for work in workloads(objects_of(name)) for c in work.containers]

    for image in images:
        base, _, tag = image.partition(":")
        assert base.rpartition("/")[2] in {
            "lesionlens-serving",
            "lesionlens-serving-kserve",
            "lesionlens-training",
            "lesionlens-page",
        }
        assert tag == project["version"]


def test_overlay_sets_the_image_of_predictor_and_explainer(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "overlay"
    folder.mkdir()
    base = f"{'../' * len(folder.parts[1:])}{str(K8S / 'base').lstrip('/')}"
    document = {
        "resources": [base],
        "images": [{"name": "lesionlens-serving", "newName": "registry.example/a", "newTag": "9"}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    objects = parsed(kustomize(folder))

    images = {work.name: work.spec["containers"][0]["image"] for work in workloads(objects)}
    assert images == {
        "melanoma-predictor": "registry.example/a:9",
        "melanoma-explainer": "registry.example/a:9",
    }


@pytest.mark.parametrize("name", EVERY)
def test_objects_fit_the_last_applied_annotation(name: str) -> None:
    for document in objects_of(name):
        annotations = {**document["metadata"].get("annotations", {}), "": json.dumps(document)}
        size = sum(len(key) + len(value) for key, value in annotations.items())
        assert size < ANNOTATIONS_AT_MOST, (document["kind"], size)


def test_local_config_objects_are_not_applied() -> None:
    for name in ("overlays/local", "overlays/production", COMPLETE):
        maps = {item["metadata"]["name"] for item in of_kind(objects_of(name), "ConfigMap")}
        assert not maps & {"release", "release-canary"}


def test_each_storage_component_adds_only_its_own_objects() -> None:
    bucket = combined("base", ("storage-s3",))
    volume = combined("base", ("storage-pvc",))

    assert "kind: PersistentVolumeClaim" in volume
    assert "kind: PersistentVolumeClaim" not in bucket
    assert named(parsed(bucket), "NetworkPolicy", "lesionlens-storage")
