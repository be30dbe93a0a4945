"""Simulated cluster, and deployments to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from k8s.rollout import release
from k8s.rollout.deployment import Deployment
from k8s.rollout.errors import RolloutError
from k8s.rollout.history import HISTORY
from k8s.rollout.manifests import OVERLAY_LABEL
from k8s.rollout.release import Release
from tests.k8s.rollout.api_double import Api, Object
from tests.k8s.rollout.simulated import SPACE, Cluster

GOOD, BETTER, BAD = (Release(f"s3://{n}", f"sha256:{n}{n}" + "0a" * 31) for n in (1, 2, 3))
ANSWER = {"label": "no cancer", "probability": 0.1, "model_version": "v"}


@dataclass
class Rollout:
    """Cluster, and deployments to it."""

    api: Api
    cluster: Cluster
    overlay: Path
    deployment: Deployment
    said: list[str]
    asked: list[dict[str, str]] = field(default_factory=list)

    def deploy(self, wanted: Release) -> None:
        release.write(self.overlay / "release.yaml", wanted)
        self.deployment.deploy()

    def failure(self, wanted: Release) -> str:
        """Error of a deployment that fails within a second."""
        patient = self.deployment
        settings = patient.settings.model_copy(update={"deploy_seconds": 1})
        self.deployment = replace(patient, settings=settings)
        try:
            with pytest.raises(RolloutError) as caught:
                self.deploy(wanted)
        finally:
            self.deployment = patient
        return str(caught.value)

    @property
    def history(self) -> Object:
        data: Object = self.api.objects[f"/api/v1/{SPACE}/configmaps/{HISTORY}"]["data"]
        return data


def listing(overlay: Path, *components: str) -> None:
    """Add components to an overlay."""
    path = overlay / "kustomization.yaml"
    text = yaml.safe_load(path.read_text())
    own = [one for one in text["components"] if one.endswith(("release", "storage-pvc"))]
    text["components"] = own + [f"../../components/{name}" for name in components]
    text.setdefault("labels", [{"pairs": {OVERLAY_LABEL: "local"}}])
    path.write_text(yaml.safe_dump(text))
