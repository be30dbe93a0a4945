"""Settings of rollouts, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RolloutSettings(BaseSettings):
    """Settings of publish, deploy and rollback."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    archive: Path = Path("model_store/model-store")
    """Folder of ``melanoma.mar``: TorchServe's model store."""

    config: Path = Path("model_store/config")
    """TorchServe's configuration, which is part of the release."""

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

    key_file: Path | None = None
    """File of the API key for the test requests; ``make key`` makes it."""

    deploy_seconds: float = Field(default=600, gt=0, allow_inf_nan=False)
    """Seconds until a deployment must be complete, outages of the API server included."""
