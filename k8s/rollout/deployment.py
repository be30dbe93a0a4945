"""Deploy an overlay: named cluster, record of what ran before, apply, wait, ask."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.rollout import release, smoke
from k8s.rollout.cluster import SERVICE, Cluster
from k8s.rollout.errors import RolloutError
from k8s.rollout.settings import RolloutSettings

OF_THIS_MACHINE: Final = (
    "kind-",
    "k3d-",
    "minikube",
    "docker-desktop",
    "rancher-desktop",
    "orbstack",
)
"""Contexts that the overlay ``local`` is applied to without a question."""


@dataclass(frozen=True)
class Deployment:
    """An overlay on a cluster."""

    overlay: str
    cluster: Cluster
    settings: RolloutSettings
    say: Callable[[str], None] = print

    def demand_consent(self) -> None:
        """Print the cluster's name; go on only where the user has named it too.

        Raises:
            RolloutError: they did not.
        """
        context = self.cluster.context
        self.say(f"cluster: {context} (kubectl's context), overlay: {self.overlay}")
        if self.settings.context == context:
            return
        if self.overlay == "local" and context.startswith(OF_THIS_MACHINE):
            return
        if not sys.stdin.isatty():
            raise RolloutError(
                f"nobody to ask whether {context} is meant: name it, CONTEXT={context}"
            )
        if input("type its name to go on: ").strip() != context:
            raise RolloutError("another name than the cluster's: nothing was changed")

    def deploy(self, photograph: Path | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Apply the overlay's release, wait for it, ask it; prediction and explanation.

        Raises:
            RolloutError: at the first thing that goes wrong.
        """
        wanted = release.read(release.path_of(self.overlay))
        if not wanted.digest:
            raise RolloutError(
                f"{release.path_of(self.overlay)} names no release by its digest: "
                f"`make publish OVERLAY={self.overlay}` first"
            )
        manifests = self.cluster.kubectl("kustomize", str(release.OVERLAYS / self.overlay))
        namespace = _namespace(manifests)
        running = self.cluster.running(namespace)
        for line in self.cluster.kubectl("apply", "--filename", "-", given=manifests).splitlines():
            self.say(f"  {line}")
        if running is not None and running != wanted:
            self.cluster.remember(namespace, running)
        url = self.cluster.wait_ready(namespace, wanted.digest, lambda said: self.say(f"  {said}"))
        self.say(f"ready: {wanted.digest}")
        answer, explanation = smoke.ask(self.cluster, namespace, self.settings.url, photograph)
        self.say(f"predict: {answer['label']}, probability {answer['probability']:.3f}")
        self.say(f"explain: {explanation['method']}, model {answer['model_version']}")
        self.say(f"URL: {url or self.settings.url}/v1/models/{SERVICE}:predict")
        return answer, explanation

    def roll_back(self, photograph: Path | None = None) -> None:
        """Deploy what ran before; ``release.yaml`` names it from then on.

        Raises:
            RolloutError: nothing is recorded, or the deployment fails.
        """
        manifests = self.cluster.kubectl("kustomize", str(release.OVERLAYS / self.overlay))
        before = self.cluster.previous(_namespace(manifests))
        if before is None:
            raise RolloutError("nothing is recorded that ran before: there is nowhere to go back")
        self.say(f"back to {before.digest or before.storage_uri}")
        release.write(release.path_of(self.overlay), before)
        self.deploy(photograph)


def _namespace(manifests: str) -> str:
    """Where the overlay puts the service."""
    for document in yaml.safe_load_all(manifests):
        if document["kind"] == "InferenceService" and document["metadata"]["name"] == SERVICE:
            return str(document["metadata"].get("namespace", "default"))
    raise RolloutError(f"the overlay has no InferenceService {SERVICE}")
