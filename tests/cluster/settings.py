"""Settings of ``make cluster-test``, from ``LESIONLENS_CLUSTER_*`` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from k8s.rollout.settings import RolloutSettings


class ClusterSettings(BaseSettings):
    """Settings of the cluster tests: images, cluster and deadlines."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_CLUSTER_", extra="ignore", frozen=True)

    context: str = ""
    """kubectl's name of the cluster; unset, nothing of this folder is collected."""

    namespace: str = ""
    """Made, used and removed; it must not be there yet. Unset, a random name."""

    keep: bool = False
    """Leave the namespace where it is, to look at."""

    output: Path = Path("build/cluster-test.json")
    """The table as JSON."""

    serving_image: str = "lesionlens-serving:0.1.0"
    """Of predictor, explainer, publisher and clients; the nodes must have it or can pull it."""

    serving_kserve_image: str = ""
    """Of predictor and explainer with the component `runtime-kserve`; unset, it is not tested."""

    page_image: str = "lesionlens-page:0.1.0"
    """Of the upload page."""

    training_image: str = ""
    """Unset, no training Job is run."""

    archive: Path = Path("model_store/model-store")
    """Folder with the trained ``melanoma.mar``."""

    s3_releases: str = ""
    """``s3://bucket/path`` that ``make publish`` can write to; unset, no bucket is tried."""

    s3_secret: Path | None = None
    """File with the Secret ``melanoma-s3`` for that bucket, as `storage-s3` describes it."""

    oci_releases: str = ""
    """``oci://registry/name`` that this machine pushes to and nodes pull from; unset, none."""

    gateway: str = ""
    """``namespace/name`` of a Gateway; unset, one that takes routes of any namespace."""

    gateway_service: str = ""
    """``namespace/name:port`` of the Gateway's Service; unset, the one that carries its label."""

    retry_component: str = "gateway-retry"
    """Component whose routes repeat requests that a killed pod did not answer."""

    storage_class: str = ""
    """Of the model volume; unset, the cluster's default."""

    access_mode: str = "ReadWriteOnce"
    """Of the model volume; several nodes need ``ReadWriteMany``."""

    clients: int = Field(default=4, ge=1, le=16)
    """That ask at once, each as soon as it is answered."""

    load_seconds: float = Field(default=20, gt=0, le=120)
    """That a load lasts before and after what is done under it."""

    deploy_seconds: float = Field(default=300, gt=0)
    """That a deployment may take."""

    scale_seconds: float = Field(default=300, gt=0)
    """Until an autoscaler must have reacted to load."""

    def rollout(self) -> RolloutSettings:
        """Settings of kubectl for this cluster."""
        return RolloutSettings(context=self.context, deploy_seconds=self.deploy_seconds)
