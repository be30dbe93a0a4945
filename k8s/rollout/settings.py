"""What is rolled out, and to where, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RolloutSettings(BaseSettings):
    """Of publish, deploy and rollback."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    archive: Path = Path("model_store/model-store")
    """TorchServe's model store: ``melanoma.mar`` is in it."""

    config: Path = Path("model_store/config")
    """TorchServe's configuration, which goes with the archive."""

    releases: str = "build/releases"
    """Where releases are published: a folder, ``s3://bucket/path`` (or another address that
    fsspec knows), or ``oci://registry/name``."""

    releases_uri: str = "pvc://lesionlens-models/melanoma"
    """What the folder is called on the cluster; other addresses are the same there."""

    signing_private_key: Path | None = None
    """Elliptic-curve key (PEM) that releases are signed with; unset, they are not signed."""

    kubeconfig: Path | None = None
    """Unset, what kubectl takes."""

    kubectl: str = ""
    """Program; unset, the one that was installed with this checkout, else that on ``PATH``."""

    context: str = ""
    """The cluster that may be changed without a question; unset, it is asked for."""

    url: str = ""
    """Address of the service, asked after a deployment; unset, the one that KServe gives it."""

    key_file: Path | None = None
    """File of the key that the new release is asked with; ``make key`` makes it."""

    deploy_seconds: float = Field(default=600, gt=0, allow_inf_nan=False)
    """Until a deployment must be complete; an API server that is away is waited for as long."""
