"""Settings of rollouts, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from serving.paths import PathSettings


class RolloutSettings(PathSettings):
    """Settings of publish, deploy and rollback."""

    releases: str = "build/releases"
    """Address to publish releases to: a folder, ``s3://bucket/path`` (or another address that
    fsspec supports), or ``oci://registry/name``."""

    releases_uri: str = "pvc://lesionlens-models/melanoma"
    """Address of the published folder on the cluster; other addresses are the same there."""

    signing_private_key: Path | None = None
    """Elliptic-curve key (PEM) to sign releases with; unset, they are not signed."""

    kubeconfig: Path | None = None
    """kubeconfig file; unset, kubectl's default."""

    kubectl: str = ""
    """kubectl program; unset, the one installed with this checkout, else that on ``PATH``."""

    context: str = ""
    """Context of the cluster that may be changed without confirmation; unset, it must be
    confirmed."""

    url: str = ""
    """Address of the service to test after a deployment; unset, the one that KServe gives it."""

    deploy_seconds: float = Field(default=600, gt=0, allow_inf_nan=False)
    """Seconds until a deployment must be complete, outages of the API server included."""
