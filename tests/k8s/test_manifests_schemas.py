"""Test every object against the strict types of its API."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate import utils as kubernetes_schemas

from tests.k8s.manifests import kserve_schema, strict
from tests.k8s.manifests.building import EVERY, K8S, Object, objects_of, parsed
from tests.k8s.manifests.pods import named

VERSIONS = ("1.29", "1.33", "1.37")
"""The oldest that KServe 0.15 runs on, one in the middle, the newest with schemas."""

# Each schema is read once: it is a megabyte of JSON, and is only read from.
kubernetes_schemas.schema_contents = cache(kubernetes_schemas.schema_contents)

FREE = {"labels", "matchLabels", "annotations", "requests", "limits", "data"}
"""Maps whose keys are anybody's choice; the rules look after ours."""


@cache
def unique() -> tuple[Object, ...]:
    """All distinct objects of all builds, and the namespaces; read-only."""
    built = [item for name in EVERY for item in objects_of(name)]
    apart = [
        item
        for path in sorted(K8S.glob("overlays/*/namespace.yaml"))
        for item in parsed(path.read_text(encoding="utf-8"))
    ]
    texts = {json.dumps(item, sort_keys=True) for item in (*built, *apart)}
    return tuple(json.loads(text) for text in sorted(texts))


def problems(document: Object, version: str = VERSIONS[-1]) -> list[str]:
    if document["kind"] in strict.SCHEMAS:
        return strict.problems(document)
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{list(error.path)}: {error.message}"]
    return []


@pytest.mark.parametrize("version", VERSIONS)
def test_built_in_kinds_match_the_kubernetes_version(version: str) -> None:
    built_in = [item for item in unique() if item["kind"] not in strict.SCHEMAS]

    assert {item["kind"] for item in built_in} >= {"Deployment", "Job", "NetworkPolicy", "Service"}
    for item in built_in:
        assert problems(item, version) == [], (item["kind"], item["metadata"]["name"])


@pytest.mark.parametrize("kind", strict.SCHEMAS)
def test_other_kinds_match_their_packages_types(kind: str) -> None:
    found = [item for item in unique() if item["kind"] == kind]

    assert found
    for item in found:
        assert problems(item) == [], item["metadata"]["name"]


Place = tuple[str | int, ...]


def places(node: Any, path: Place = ()) -> Iterator[Place]:
    """Paths of all fields of an object, except in free maps and later list items."""
    if isinstance(node, list) and node:
        yield from places(node[0], (*path, 0))
    if isinstance(node, dict) and not free(path):
        for name, value in node.items():
            if path or name not in ("apiVersion", "kind"):  # which say what to check against
                yield (*path, name)
            yield from places(value, (*path, name))


def free(path: Place) -> bool:
    if path[-1:] == ("selector",):
        return len(path) == 2  # a Service's; elsewhere it is a type
    scaler = path[-3:-1] == ("triggers", 0) and path[-1] == "metadata"
    ray = path[:2] == ("spec", "rayClusterSpec") and path[-1] in ("rayStartParams", "template")
    return scaler or ray or bool(FREE.intersection(path[-1:]))


def renamed(document: Object, place: Place) -> Object:
    """Copy of an object with one misspelt field."""
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in place[:-1]:
        node = node[step]
    node[f"{place[-1]}s"] = node.pop(place[-1])
    return changed


@pytest.fixture(scope="module")
def examples() -> dict[str, Object]:
    """Largest object of each kind."""
    return {item["kind"]: item for item in sorted(unique(), key=lambda item: len(json.dumps(item)))}


KINDS = (
    *strict.SCHEMAS,
    *("ConfigMap", "Deployment", "Job", "Namespace", "NetworkPolicy", "PersistentVolumeClaim"),
    *("PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount"),
)


def test_every_kind_is_known(examples: dict[str, Object]) -> None:
    assert set(examples) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_detects_misspelt_field(kind: str, examples: dict[str, Object]) -> None:
    document = copy.deepcopy(examples[kind])
    if kind == "PrometheusRule":
        document["spec"]["groups"] = document["spec"]["groups"][-1:]  # they are all of one type
    tried = list(places(document))
    unseen = [place for place in tried if not problems(renamed(document, place))]

    assert len(tried) >= 3
    assert unseen == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("metadata", "annotations", "serving.kserve.io/deploymentMode"), "Serverless"),
        (("metadata", "annotations", "serving.kserve.io/autoscalerClass"), "keda "),
        (("spec", "predictor", "minReplicas"), "2"),
        (("spec", "predictor", "minReplica"), 2),
        (("spec", "predictor", "model", "storageURI"), "pvc://a/b"),
        (("spec", "predictor", "model", "modelFormat"), None),
        (("spec", "predictor", "model", "resources", "limits", "cpu"), 2),
        (("spec", "explainer", "containers"), {}),
        (("spec", "explainer", "containers", 0, "env"), [{"value": "no name"}]),
        (("spec", "explainer", "deploymentStrategy", "rollingUpdates"), {}),
        (("spec", "explainers"), {}),
    ],
    ids=str,
)
def test_detects_wrong_inference_service(
    place: Place, value: Any, examples: dict[str, Object]
) -> None:
    document = copy.deepcopy(examples["InferenceService"])
    node: Any = document
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value

    assert problems(document), place


def test_only_unused_classes_accept_any_field() -> None:
    unknown = {
        str(found["title"]).removeprefix(kserve_schema.UNKNOWN)
        for kind in kserve_schema.CLASSES
        for found in kserve_schema.schema(kind)["$defs"].values()
        if "title" in found
    }

    # A status's, an autoscaling metric's, a quantity in an emptyDir, nodes that work together.
    assert unknown == {
        *("KnativeAddressable", "KnativeCondition", "KnativeURL", "V1Time"),
        "KnativeDevServingPkgApisServingV1TrafficTarget",
        *("V1beta1MetricQuantity", "ResourceQuantity", "V1alpha1WorkerSpec"),
    }


def test_older_version_rejects_newer_field() -> None:
    job = named(objects_of("training/job"), "Job", "lesionlens-training")
    job["spec"]["template"]["spec"]["containers"][0]["restartPolicyRules"] = []

    assert problems(job, "1.29")
    assert not problems(job, "1.37")
