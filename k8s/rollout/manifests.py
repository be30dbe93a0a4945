"""Read an overlay's manifests: the objects to wait for, and the expected state of their pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from k8s.rollout.errors import RolloutError

SERVICE: Final = "melanoma"
"""InferenceService that gets the test requests after a deployment."""
CONTAINER: Final = "kserve-container"
DIGEST: Final = "LESIONLENS_DIGEST"
OVERLAY_LABEL: Final = "lesionlens.io/overlay"
"""Label on every object of an overlay, and on no other."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """A Deployment and its expected state."""

    deployment: str
    """Name of the Deployment; KServe makes one for each component of an InferenceService."""

    container: str
    """Container that the other fields describe."""

    image: str
    """Image; empty if the overlay does not set it."""

    environment: tuple[tuple[str, str], ...]
    """Required variables with their values."""

    @property
    def digest(self) -> str:
        """Digest of the release that its pods must run; empty for the page."""
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
        """Return the objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def names(self) -> set[tuple[str, str]]:
        """Return kind and name of every object."""
        return {(one["kind"], _name(one)) for one in self.objects}

    def workloads(self) -> list[Workload]:
        """Return every expected Deployment, including those that KServe makes."""
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
        if "value" in one and one["name"] != "STORAGE_URI"  # KServe removes it
    )


def _name(document: Object) -> str:
    return str(document["metadata"]["name"])
