"""Pods of a set of objects, as the cluster creates them."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.k8s.manifests.building import Object

MERGE_KEYS = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath"}
"""What KServe merges a container's lists by, as Kubernetes' strategic merge does."""


@dataclass(frozen=True)
class Workload:
    """Workload that creates pods."""

    name: str
    """Of the Deployment or Job; KServe makes one a component."""
    labels: dict[str, str]
    """That the pods carry."""
    spec: dict[str, Any]
    """Of a pod."""
    long_running: bool
    """Whether requests come to it."""

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def workloads(objects: list[Object]) -> list[Workload]:
    """List the workloads of a built set, in no order."""
    return list(_workloads(objects))


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [document for document in objects if document["kind"] == kind]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """Return the only object of this kind and name."""
    (found,) = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    return found


def _workloads(objects: list[Object]) -> Iterator[Workload]:
    for document in objects:
        name, spec = document["metadata"]["name"], document.get("spec", {})
        match document["kind"]:
            case "Deployment" | "Job":
                yield _templated(name, spec["template"], document["kind"] == "Deployment")
            case "TrainingRuntime":
                for job in spec["template"]["spec"]["replicatedJobs"]:
                    yield _templated(name, job["template"]["spec"]["template"], False)
            case "RayJob":
                cluster = spec["rayClusterSpec"]
                for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                    yield _templated(group.get("groupName", "head"), group["template"], False)
            case "InferenceService":
                for component in ("predictor", "explainer"):
                    if component in spec:
                        yield _component(document, component, objects)


def _templated(name: str, template: dict[str, Any], long_running: bool) -> Workload:
    return Workload(name, template["metadata"]["labels"], template["spec"], long_running)


def _component(service: Object, component: str, objects: list[Object]) -> Workload:
    """Workload of KServe's Standard mode, with the labels of its pods."""
    name = service["metadata"]["name"]
    spec = copy.deepcopy(service["spec"][component])
    if "model" in spec:
        runtime = _runtime(objects, spec["model"]["runtime"])
        container = _merged(runtime["containers"][0], spec.pop("model"))
        spec["containers"] = [container, *copy.deepcopy(runtime["containers"][1:])]
        spec["volumes"] = [*runtime.get("volumes", []), *spec.get("volumes", [])]
    labels = {
        **service["metadata"].get("labels", {}),
        "serving.kserve.io/inferenceservice": name,
        "component": component,
        "app": f"isvc.{name}-{component}",
    }
    return Workload(f"{name}-{component}", labels, spec, True)


def _runtime(objects: list[Object], name: str) -> dict[str, Any]:
    """Containers of a ServingRuntime; empty if it is missing."""
    for document in of_kind(objects, "ServingRuntime"):
        if document["metadata"]["name"] == name:
            spec: dict[str, Any] = document["spec"]
            return spec
    return {"containers": [{"name": "kserve-container", "image": "none"}]}


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(below)
    for field, value in above.items():
        if field in MERGE_KEYS and field in merged:
            key = MERGE_KEYS[field]
            names = {item[key] for item in value}
            merged[field] = [item for item in merged[field] if item[key] not in names] + value
        elif isinstance(value, dict) and isinstance(merged.get(field), dict):
            merged[field] = _merged(merged[field], value)
        else:
            merged[field] = value
    return merged


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector selects pods with these labels."""
    wanted = selector.get("matchLabels", {}).items()
    if any(labels.get(key) != value for key, value in wanted):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "no other operator is used here"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True
