"""What an overlay's manifests ask for: the objects to wait for, and how their pods must look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from k8s.rollout.errors import RolloutError

SERVICE: Final = "melanoma"
"""InferenceService whose answers are asked for after a deployment."""
CONTAINER: Final = "kserve-container"
DIGEST: Final = "LESIONLENS_DIGEST"
OVERLAY_LABEL: Final = "lesionlens.io/overlay"
"""On every object of an overlay, and on no other."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """A Deployment that must run what the overlay says."""

    deployment: str
    """Its name; KServe makes one for each component of an InferenceService."""

    container: str
    """The container that the rest is about."""

    image: str
    """Empty where the overlay does not say."""

    environment: tuple[tuple[str, str], ...]
    """Variables with their values, of those that must be there."""

    @property
    def digest(self) -> str:
        """Of the release that its pods must run; empty for the page."""
        return dict(self.environment).get(DIGEST, "")


class Manifests:
    """The objects of a built overlay.

    Args:
        text: YAML documents, as kustomize prints them.

    Raises:
        RolloutError: they lack the InferenceService.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Object] = [one for one in yaml.safe_load_all(text) if one]
        services = [one for one in self.of_kind("InferenceService") if _name(one) == SERVICE]
        if not services:
            raise RolloutError(f"the overlay has no InferenceService {SERVICE}")
        self.namespace = str(services[0]["metadata"].get("namespace", "default"))

    def of_kind(self, kind: str) -> list[Object]:
        """Objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def names(self) -> set[tuple[str, str]]:
        """Kind and name of every object."""
        return {(one["kind"], _name(one)) for one in self.objects}

    def workloads(self) -> list[Workload]:
        """Every Deployment that there must be, those that KServe makes included."""
        found = [self._of_deployment(one) for one in self.of_kind("Deployment")]
        for service in self.of_kind("InferenceService"):
            found += self._of_service(service)
        return found

    def _of_service(self, service: Object) -> Iterator[Workload]:
        name, spec = _name(service), service["spec"]
        model = spec["predictor"]["model"]
        runtimes = {_name(one): one for one in self.of_kind("ServingRuntime")}
        runtime = runtimes.get(model.get("runtime", ""), {"spec": {"containers": []}})
        containers = {one["name"]: one for one in runtime["spec"]["containers"]}
        image = model.get("image") or containers.get(CONTAINER, {}).get("image", "")
        yield Workload(f"{name}-predictor", CONTAINER, image, _environment(model))
        if "explainer" in spec:
            container = spec["explainer"]["containers"][0]
            yield Workload(
                f"{name}-explainer", container["name"], container["image"], _environment(container)
            )

    @staticmethod
    def _of_deployment(deployment: Object) -> Workload:
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        return Workload(
            _name(deployment), container["name"], container["image"], _environment(container)
        )


def _environment(container: Object) -> tuple[tuple[str, str], ...]:
    return tuple(
        (one["name"], str(one["value"]))
        for one in container.get("env", ())
        if "value" in one and one["name"] != "STORAGE_URI"  # KServe takes it away
    )


def _name(document: Object) -> str:
    return str(document["metadata"]["name"])
